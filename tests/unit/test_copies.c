/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes that are copied between the socket's buffer and whoever reads records,
 * counted: every memcpy() and memmove() of this process passes by here (linked
 * with --wrap).  The cluster is another process, so all of them are kwire's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <kwire/connection.h>
#include <kwire/fetch.h>
#include <kwire/mock.h>

enum {
	RECORD = 1000,
	RECORDS = 900,
	ROUNDS = 8,
};

static atomic_size_t copied;

/* What is smaller may be a struct, which some compilers assign so. */
static void count(size_t size)
{
	if (size >= RECORD / 4)
		atomic_fetch_add(&copied, size);
}

void *__real_memcpy(void *to, const void *from, size_t size);
void *__real_memmove(void *to, const void *from, size_t size);
void *__wrap_memcpy(void *to, const void *from, size_t size);
void *__wrap_memmove(void *to, const void *from, size_t size);

void *__wrap_memcpy(void *to, const void *from, size_t size)
{
	count(size);
	return __real_memcpy(to, from, size);
}

void *__wrap_memmove(void *to, const void *from, size_t size)
{
	count(size);
	return __real_memmove(to, from, size);
}

/* A sanitizer may bring a memcpy of its own, which is not seen. */
static bool is_seen(void)
{
	static uint8_t from[RECORD], to[RECORD];
	volatile size_t size = sizeof(from);
	size_t before = copied;

	memcpy(to, from, size);
	return copied - before == sizeof(from);
}

/* A topic "t" with some 900 KB, uncompressed, in partition 0 and little in partition 1. */
static void serve(int client)
{
	struct kwire_mock_options options = KWIRE_MOCK_OPTIONS_INIT;
	struct kwire_mock *mock;
	char value[RECORD + 1];
	int port;

	memset(value, 'v', RECORD);
	value[RECORD] = '\0';
	options.brokers = 1;
	if (kwire_mock_open(&options, &mock, NULL) != 0 ||
	    kwire_mock_create_topic(mock, "t", 2, NULL) != 0)
		_exit(1);
	for (int i = 0; i < RECORDS; i++)
		if (kwire_mock_append(mock, "t", 0, NULL, value, NULL) != 0)
			_exit(1);
	if (kwire_mock_append(mock, "t", 1, NULL, value, NULL) != 0)
		_exit(1);
	port = kwire_mock_port(mock, 1);
	if (write(client, &port, sizeof(port)) != sizeof(port))
		_exit(1);
	/* Until the test ends, however it does. */
	(void)!read(client, &port, 1);
	kwire_mock_close(mock);
	_exit(0);
}

static void fetch(struct kwire_connection *connection, int32_t partition, int expected,
		  struct kwire_fetched **fetched)
{
	struct kwire_fetch_target target = KWIRE_FETCH_TARGET_INIT;
	struct kwire_record record;
	struct kwire_error error;
	int records = 0;

	target.topic = "t";
	target.partition = partition;
	assert_int_equal(kwire_connection_fetch(connection, &target, 1, NULL, fetched, &error), 0);
	while (kwire_fetched_next(*fetched, 0, &record, &error) > 0)
		records++;
	assert_int_equal(records, expected);
}

static void no_fetched_byte_is_copied(void **state)
{
	struct kwire_connection *connection;
	struct kwire_fetched *fetched = NULL;
	struct kwire_config *config = kwire_config_new();
	struct kwire_error error;
	size_t before, small;
	int ends[2], port;
	pid_t child;

	(void)state;
	if (!is_seen())
		skip();
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(ends[0]);
		serve(ends[1]);
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], &port, sizeof(port)), sizeof(port));
	assert_int_equal(kwire_connection_open(config, "127.0.0.1", port, -1, &connection, &error),
			 0);

	/* What a fetch copies beside its records. */
	fetch(connection, 1, 1, &fetched);
	before = copied;
	for (int i = 0; i < ROUNDS; i++)
		fetch(connection, 1, 1, &fetched);
	small = copied - before;
	print_message("a small fetch: %zu bytes copied\n", small / ROUNDS);
	assert_true(small >= (size_t)ROUNDS * RECORD);

	fetch(connection, 0, RECORDS, &fetched);
	before = copied;
	for (int i = 0; i < ROUNDS; i++)
		fetch(connection, 0, RECORDS, &fetched);
	print_message("a fetch of %d bytes of records: %zu bytes copied\n", RECORDS * RECORD,
		      (copied - before) / ROUNDS);
	assert_true(copied - before <= small - (size_t)ROUNDS * RECORD);

	kwire_fetched_free(fetched);
	kwire_connection_close(connection);
	kwire_config_free(config);
	close(ends[0]);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_fetched_byte_is_copied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
