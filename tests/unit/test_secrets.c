/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a password is after a login: a test that reads its own process's
 * memory.  The password is put together at run time and wiped here, so that
 * the only copies are kwire's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <kwire/sasl.h>

#include "../support/connected.h"
#include "base/memory.h"

enum {
	SIZE = 24,
	CHUNK = 1 << 20,
};

/* The password, XORed, so that this is no copy of it. */
static uint8_t hidden[SIZE];

/* One byte at a time, so that no register or stack slot holds a piece of it. */
static void reveal(volatile char *password)
{
	for (int i = 0; i < SIZE; i++)
		password[i] = (char)(hidden[i] ^ 0x55);
	password[SIZE] = '\0';
}

static void invent(void)
{
	uint32_t seed = (uint32_t)getpid() * 2654435761u + (uint32_t)test_now_ms();

	for (int i = 0; i < SIZE; i++) {
		seed = seed * 1664525u + 1013904223u;
		hidden[i] = (uint8_t)(('a' + seed / 65536 % 26) ^ 0x55);
	}
}

static bool is_password(const uint8_t *at)
{
	for (int i = 0; i < SIZE; i++)
		if ((at[i] ^ 0x55) != hidden[i])
			return false;
	return true;
}

static uint8_t chunk[CHUNK];

/*
 * How often the password stands in this process's writable memory, the main
 * thread's stack aside, where the test itself handles it; -1: cannot be read.
 */
static int count_copies(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	int copies = 0, memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	char line[512];

	if (maps == NULL || memory < 0) {
		if (maps != NULL)
			fclose(maps);
		return -1;
	}
	while (fgets(line, sizeof(line), maps) != NULL) {
		unsigned long from, to;
		char rights[8];

		if (sscanf(line, "%lx-%lx %7s", &from, &to, rights) != 3 || rights[1] != 'w' ||
		    strstr(line, "[stack]") != NULL)
			continue;
		while (from < to) {
			size_t size = to - from < CHUNK ? to - from : CHUNK;
			ssize_t got = pread(memory, chunk, size, (off_t)from);

			for (ssize_t i = 0; i + SIZE <= got; i++) {
				uint8_t *where = (uint8_t *)from + i;

				/* What was copied to look at does not count. */
				if (where >= chunk && where < chunk + CHUNK)
					continue;
				copies += is_password(chunk + i);
			}
			if (got <= SIZE || (size_t)got < size)
				break;
			from += size < CHUNK ? size : CHUNK - SIZE + 1;
		}
	}
	fclose(maps);
	close(memory);
	return copies;
}

struct opening {
	struct kwire_config *config;
	int port;
	struct kwire_connection *connection;
	struct kwire_error error;
};

static void *open_it(void *context)
{
	struct opening *opening = context;

	kwire_connection_open(opening->config, "127.0.0.1", opening->port, PEER_GUARD_MS,
			      &opening->connection, &opening->error);
	return NULL;
}

static int32_t skip_request(int fd)
{
	struct peer_request request;
	int32_t id;

	assert_true(peer_read(fd, &request));
	id = request.id;
	/* The token in it is the test's own copy. */
	kw_wipe(request.bytes, request.size);
	peer_free(&request);
	return id;
}

/* Logs in with `config`, which it frees; copies of the password while connected, and after. */
static int copies_after_login(struct kwire_config *config, int *after)
{
	static const uint8_t accepted[14] = {[4] = 1};
	static const uint8_t offered[] = {0, 0, 0, 0, 0, 0};
	struct opening opening = {.config = config};
	struct peer peer;
	pthread_t thread;
	int fd, copies;

	peer_init(&peer);
	opening.port = peer.port;
	assert_int_equal(pthread_create(&thread, NULL, open_it, &opening), 0);
	fd = peer_accept(&peer);
	peer_greet(fd);
	peer_answer(fd, skip_request(fd), offered, sizeof(offered));
	peer_answer(fd, skip_request(fd), accepted, sizeof(accepted));
	pthread_join(thread, NULL);
	kwire_config_free(config);
	if (opening.connection == NULL)
		fail_msg("%s", opening.error.message);
	copies = count_copies();
	kwire_connection_close(opening.connection);
	*after = count_copies();
	close(fd);
	peer_fini(&peer);
	return copies;
}

static int give_password(void *context, const char *mechanism, const char *host,
			 int64_t deadline_ms, kwire_give_credentials_function *give, void *answer,
			 struct kwire_error *error)
{
	char password[SIZE + 1];
	int result;

	(void)context;
	(void)mechanism;
	(void)host;
	(void)deadline_ms;
	(void)error;
	reveal(password);
	result = give(answer, "alice", password);
	kw_wipe(password, sizeof(password));
	return result;
}

static void a_password_from_a_callback_is_not_kept(void **state)
{
	struct kwire_config *config = test_config("security.protocol", "SASL_PLAINTEXT",
						  "sasl.mechanism", "PLAIN", NULL);
	int after, copies;

	(void)state;
	invent();
	kwire_config_set_credentials(config, give_password, NULL);
	copies = copies_after_login(config, &after);
	if (copies < 0)
		skip();
	assert_int_equal(copies, 0);
	assert_int_equal(after, 0);
}

static void a_password_given_as_a_property_is_kept_once(void **state)
{
	struct kwire_config *config = test_config("security.protocol", "SASL_PLAINTEXT",
						  "sasl.mechanism", "PLAIN", "sasl.username",
						  "alice", NULL);
	struct kwire_error error;
	char password[SIZE + 1];
	int after, copies;

	(void)state;
	invent();
	reveal(password);
	assert_int_equal(kwire_config_set(config, "sasl.password", password, &error), 0);
	kw_wipe(password, sizeof(password));
	copies = copies_after_login(config, &after);
	if (copies < 0)
		skip();
	assert_int_equal(copies, 1);
	assert_int_equal(after, 0);
}

/* A token endpoint that gives one token. */
static void *give_token(void *context)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\n\r\n{\"access_token\":\"a.b.c\"}";
	struct peer *peer = context;
	char request[2048];
	size_t size = 0;
	ssize_t got;
	int fd = peer_accept(peer);

	do {
		got = read(fd, request + size, sizeof(request) - 1 - size);
		size += got > 0 ? (size_t)got : 0;
		request[size] = '\0';
	} while (got > 0 && strstr(request, "grant_type=") == NULL);
	peer_write(fd, answer, sizeof(answer) - 1);
	close(fd);
	return NULL;
}

static void an_endpoints_secret_is_kept_once(void **state)
{
	struct kwire_config *config = test_config("security.protocol", "SASL_PLAINTEXT",
						  "sasl.mechanism", "OAUTHBEARER",
						  "sasl.oauthbearer.client.id", "alice", NULL);
	char password[SIZE + 1], url[64];
	struct kwire_error error;
	struct peer endpoint;
	pthread_t thread;
	int after, copies;

	(void)state;
	invent();
	reveal(password);
	kwire_config_set(config, "sasl.oauthbearer.client.secret", password, &error);
	kw_wipe(password, sizeof(password));
	peer_init(&endpoint);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/", endpoint.port);
	kwire_config_set(config, "sasl.oauthbearer.token.endpoint.url", url, &error);
	kwire_oauth_client_credentials(config);
	assert_int_equal(pthread_create(&thread, NULL, give_token, &endpoint), 0);
	copies = copies_after_login(config, &after);
	pthread_join(thread, NULL);
	peer_fini(&endpoint);
	if (copies < 0)
		skip();
	assert_int_equal(copies, 1);
	assert_int_equal(after, 0);
}

/* The search itself must find what is there. */
static void a_copy_is_found(void **state)
{
	char *password = malloc(SIZE + 1);
	int copies;

	(void)state;
	invent();
	reveal(password);
	copies = count_copies();
	kw_wipe(password, SIZE);
	free(password);
	if (copies < 0)
		skip();
	assert_int_equal(copies, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_copy_is_found),
		cmocka_unit_test(a_password_from_a_callback_is_not_kept),
		cmocka_unit_test(a_password_given_as_a_property_is_kept_once),
		cmocka_unit_test(an_endpoints_secret_is_kept_once),
	};

#ifdef KW_DEBUG
	/* A sanitizer's shadow memory is terabytes, and it keeps what was freed. */
	(void)tests;
	return 0;
#else
	return cmocka_run_group_tests(tests, NULL, NULL);
#endif
}
