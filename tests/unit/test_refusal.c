/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a broker refused is not presented again: a client with a wrong password
 * that keeps calling must not lock its account.  The broker is played by hand,
 * and counts what it was shown.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <pthread.h>

#include <kwire/client.h>
#include <kwire/security.h>

#include "../support/moved_clock.h"
#include "../support/peer.h"

enum {
	HANDSHAKE = 17,
	AUTHENTICATE = 36,
	PAUSE_MS = 1000, /* past every pause between dials */
};

/* A broker that accepts one password. */
struct guard {
	struct peer peer;
	const char *password;
	pthread_t thread;
	atomic_int connections;
	atomic_int logins; /* passwords that were presented */
};

static void answer_login(int fd, const struct peer_request *request, const char *password)
{
	static const uint8_t accepted[] = {0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0};
	static const uint8_t refused[] = {0, 0, 58, 5, 'a', 'w', 'a', 'y', 1,
					  0, 0, 0,  0, 0,   0,   0,   0,   0};
	size_t size = strlen(password);
	/* PLAIN's token, and with it the request but for its tags, ends with the password. */
	bool right = request->size > size &&
		     memcmp(request->bytes + request->size - size - 1, password, size) == 0;

	peer_answer(fd, request->id, right ? accepted : refused,
		    right ? sizeof(accepted) : sizeof(refused));
}

static void serve(struct guard *guard, int fd)
{
	static const uint8_t plain[] = {0, 0, 0, 0, 0, 1, 0, 5, 'P', 'L', 'A', 'I', 'N'};
	struct peer_request request;

	if (peer_greet(fd) < 0)
		return;
	while (peer_read(fd, &request)) {
		if (request.key == HANDSHAKE) {
			peer_answer(fd, request.id, plain, sizeof(plain));
		} else if (request.key == AUTHENTICATE) {
			atomic_fetch_add(&guard->logins, 1);
			answer_login(fd, &request, guard->password);
		} else {
			peer_answer_probe(fd, request.id, 1, 0);
		}
		peer_free(&request);
	}
}

static void *stand(void *context)
{
	struct guard *guard = context;
	int fd;

	while ((fd = peer_accept(&guard->peer)) >= 0) {
		atomic_fetch_add(&guard->connections, 1);
		serve(guard, fd);
		close(fd);
	}
	return NULL;
}

struct bench {
	struct guard guard;
	struct kwire_config *config;
	struct kwire_client *client;
	struct kwire_error error;
};

static int setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	char servers[32];

	test_clock_hold();
	bench->guard.password = "right";
	peer_init(&bench->guard.peer);
	if (pthread_create(&bench->guard.thread, NULL, stand, &bench->guard) != 0)
		return 1;
	snprintf(servers, sizeof(servers), "127.0.0.1:%d", bench->guard.peer.port);
	bench->config = test_config("bootstrap.servers", servers, "security.protocol",
				    "SASL_PLAINTEXT", "sasl.mechanism", "PLAIN", "sasl.username",
				    "alice", "sasl.password", "wrong", "reconnect.backoff.ms", "1",
				    "reconnect.backoff.max.ms", "100", NULL);
	*state = bench;
	return 0;
}

static int teardown(void **state)
{
	struct bench *bench = *state;

	kwire_client_close(bench->client);
	shutdown(bench->guard.peer.fd, SHUT_RDWR);
	pthread_join(bench->guard.thread, NULL);
	peer_fini(&bench->guard.peer);
	kwire_config_free(bench->config);
	free(bench);
	test_clock_release();
	return 0;
}

static void set(struct bench *bench, const char *name, const char *value)
{
	assert_int_equal(kwire_config_set(bench->config, name, value, NULL), 0);
}

static void open_client(struct bench *bench)
{
	assert_int_equal(kwire_client_open(bench->config, &bench->client, &bench->error), 0);
}

/* A call once every pause is over. */
static int call(struct bench *bench)
{
	struct probe_request request = {.number = 1};
	void *response = NULL;
	int result;

	test_clock_move(PAUSE_MS);
	result = kwire_send(bench->client, &probe_api, &request, &response, NULL, &bench->error);
	kwire_response_free(response);
	return result;
}

static void a_refused_password_is_presented_once_however_often_it_is_called(void **state)
{
	struct bench *bench = *state;

	open_client(bench);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(call(bench), KWIRE_EAUTH);
		assert_int_equal(bench->error.outcome, KWIRE_NOT_SENT);
		assert_int_equal(bench->error.kafka_code, 58);
		assert_non_null(strstr(bench->error.message, "away"));
	}
	assert_int_equal(atomic_load(&bench->guard.logins), 1);
	/* Nor is anybody dialled for it. */
	assert_int_equal(atomic_load(&bench->guard.connections), 1);
	assert_non_null(strstr(bench->error.message, "kwire_client_reload_security"));
}

static void a_reload_is_tried_at_once(void **state)
{
	struct bench *bench = *state;
	struct probe_request request = {.number = 1};
	void *response = NULL;

	open_client(bench);
	assert_int_equal(call(bench), KWIRE_EAUTH);
	/* The same again: an administrator may have set it right on the other side. */
	assert_int_equal(kwire_client_reload_security(bench->client, NULL, NULL), 0);
	assert_int_equal(call(bench), KWIRE_EAUTH);
	assert_int_equal(atomic_load(&bench->guard.logins), 2);
	set(bench, "sasl.password", "right");
	assert_int_equal(kwire_client_reload_security(bench->client, bench->config, NULL), 0);
	/* No time has passed: the pause after the failure ended with the reload. */
	assert_int_equal(
		kwire_send(bench->client, &probe_api, &request, &response, NULL, &bench->error), 0);
	kwire_response_free(response);
	assert_int_equal(atomic_load(&bench->guard.logins), 3);
}

static void write_password(const char *path, const char *password)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(password, file);
	fclose(file);
}

static void a_file_s_new_password_is_tried_its_old_one_is_not(void **state)
{
	struct bench *bench = *state;
	char path[] = "/tmp/kwire-test-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	write_password(path, "wrong");
	set(bench, "sasl.password", "");
	set(bench, "sasl.password.file", path);
	open_client(bench);
	for (int i = 0; i < 5; i++)
		assert_int_equal(call(bench), KWIRE_EAUTH);
	assert_int_equal(atomic_load(&bench->guard.logins), 1);
	write_password(path, "right");
	assert_int_equal(call(bench), 0);
	assert_int_equal(atomic_load(&bench->guard.logins), 2);
	unlink(path);
}

struct giver {
	const char *password;
	int asked;
};

static int give_credentials(void *context, const char *mechanism, const char *host,
			    int64_t deadline_ms, kwire_give_credentials_function *give,
			    void *answer, struct kwire_error *error)
{
	struct giver *giver = context;

	(void)mechanism;
	(void)host;
	(void)deadline_ms;
	(void)error;
	__atomic_fetch_add(&giver->asked, 1, __ATOMIC_SEQ_CST);
	return give(answer, "alice", __atomic_load_n(&giver->password, __ATOMIC_SEQ_CST));
}

static void a_callback_is_asked_again_and_its_new_password_tried(void **state)
{
	struct bench *bench = *state;
	struct giver giver = {"wrong", 0};

	kwire_config_set_credentials(bench->config, give_credentials, &giver);
	open_client(bench);
	for (int i = 0; i < 5; i++)
		assert_int_equal(call(bench), KWIRE_EAUTH);
	assert_int_equal(__atomic_load_n(&giver.asked, __ATOMIC_SEQ_CST), 5);
	assert_int_equal(atomic_load(&bench->guard.logins), 1);
	__atomic_store_n(&giver.password, "right", __ATOMIC_SEQ_CST);
	assert_int_equal(call(bench), 0);
	kwire_client_close(bench->client);
	bench->client = NULL;
}

static void a_refusal_may_be_told_to_pass(void **state)
{
	struct bench *bench = *state;

	set(bench, "sasl.refused.retry.ms", "60000");
	open_client(bench);
	for (int i = 0; i < 10; i++)
		assert_int_equal(call(bench), KWIRE_EAUTH);
	assert_int_equal(atomic_load(&bench->guard.logins), 1);
	test_clock_move(60000);
	assert_int_equal(call(bench), KWIRE_EAUTH);
	assert_int_equal(atomic_load(&bench->guard.logins), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_refused_password_is_presented_once_however_often_it_is_called),
		TEST(a_reload_is_tried_at_once),
		TEST(a_file_s_new_password_is_tried_its_old_one_is_not),
		TEST(a_callback_is_asked_again_and_its_new_password_tried),
		TEST(a_refusal_may_be_told_to_pass),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
