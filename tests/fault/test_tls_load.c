/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One TLS connection, 64 threads, calls of every size up to 8 MiB whose
 * answers are as large: both directions are busy all the time.  Every byte of
 * every answer is looked at.  KWIRE_TLS_CALLS=100000 is the full form.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>

#include <kwire/kwire.h>
#include <kwire/mock.h>

enum {
	THREADS = 64,
	CALLS = 3000,
	LARGEST = 8 << 20,
	USUAL = 64 << 10,
	ECHO_KEY = 47, /* OffsetDelete 0: its headers have no tags; the mock's own answer is not
			  asked */
};

/* Sends back what came. */
static enum kwire_mock_verdict echo(void *context, struct kwire_mock_request *request)
{
	(void)context;
	return kwire_mock_reply_bytes(request, request->body.data, (size_t)request->body.size,
				      NULL) == 0
		       ? KWIRE_MOCK_DONE
		       : KWIRE_MOCK_CLOSE;
}

struct caller {
	struct kwire_connection *connection;
	uint64_t random;
	int calls;
	int number;
	pthread_t thread;
	/* What came of it. */
	int done;
	uint64_t bytes;
	const char *wrong; /* NULL: nothing */
	struct kwire_error error;
};

static uint64_t next(struct caller *caller)
{
	caller->random ^= caller->random << 13;
	caller->random ^= caller->random >> 7;
	caller->random ^= caller->random << 17;
	return caller->random;
}

/* A power of two up to `largest`, and something on top: small ones are as likely as large ones. */
static size_t some_size(struct caller *caller, size_t largest)
{
	size_t size = 1;

	for (uint64_t doublings = next(caller) % 24; doublings > 0 && size < largest; doublings--)
		size *= 2;
	size += next(caller) % size;
	return size < largest ? size : largest;
}

/* One call there and back. */
static bool call(struct caller *caller, uint8_t *data, size_t size)
{
	struct kwire_raw_response *response = NULL;
	bool good;

	for (size_t i = 0; i + 8 <= size; i += 8) {
		uint64_t word = next(caller);

		memcpy(data + i, &word, 8);
	}
	if (kwire_connection_send_raw(caller->connection, ECHO_KEY, 0, 0, data, size, &response,
				      NULL, &caller->error) != 0) {
		caller->wrong = "the call failed";
		return false;
	}
	good = response->body.size == (int32_t)size && memcmp(response->body.data, data, size) == 0;
	kwire_response_free(response);
	if (!good)
		caller->wrong = "other bytes came back";
	return good;
}

static void *call_often(void *context)
{
	struct caller *caller = context;
	uint8_t *data = calloc(1, LARGEST);

	for (; caller->done < caller->calls && data != NULL; caller->done++) {
		size_t size = some_size(caller, next(caller) % 500 == 0 ? LARGEST : USUAL);

		/* At least one as large as they get, in the midst of the others. */
		if (caller->number == 0 && caller->done == caller->calls / 2)
			size = LARGEST;
		if (!call(caller, data, size))
			break;
		caller->bytes += size;
	}
	free(data);
	return NULL;
}

static void every_byte_of_many_threads_comes_back_right(void **state)
{
	static struct caller callers[THREADS];
	struct kwire_mock_options options = KWIRE_MOCK_OPTIONS_INIT;
	struct kwire_mock_match match = kwire_mock_on(ECHO_KEY);
	const char *wanted = getenv("KWIRE_TLS_CALLS");
	int calls = wanted != NULL ? atoi(wanted) : CALLS;
	struct kwire_config *config = kwire_config_new();
	struct kwire_connection *connection = NULL;
	struct kwire_mock *mock;
	struct kwire_error error;
	uint64_t bytes = 0;
	int64_t accepted;
	int result, done = 0;

	(void)state;
	options.brokers = 1;
	options.log_requests = 1;
	assert_int_equal(kwire_mock_open(&options, &mock, &error), 0);
	result = kwire_mock_set_tls(mock, "good", &error);
	if (result == KWIRE_ENOTBUILT) {
		kwire_config_free(config);
		kwire_mock_close(mock);
		skip();
	}
	assert_int_equal(kwire_mock_script(mock, &match, echo, NULL, NULL, &error), 0);
	kwire_config_set(config, "security.protocol", "SSL", &error);
	kwire_config_set(config, "ssl.ca.pem", kwire_mock_ca(mock), &error);
	/* A stall shows as this time-out; a slow machine does not. */
	kwire_config_set(config, "request.timeout.ms", "250000", &error);
	if (kwire_connection_open(config, "127.0.0.1", kwire_mock_port(mock, 1), -1, &connection,
				  &error) != 0)
		fail_msg("%s", error.message);
	for (int i = 0; i < THREADS; i++) {
		callers[i] = (struct caller){.connection = connection,
					     .random = 88172645463325252u + (uint64_t)i * 7919,
					     .number = i,
					     .calls = calls / THREADS + (i < calls % THREADS)};
		assert_int_equal(pthread_create(&callers[i].thread, NULL, call_often, &callers[i]),
				 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(callers[i].thread, NULL);
		done += callers[i].done;
		bytes += callers[i].bytes;
	}
	for (int i = 0; i < THREADS; i++)
		if (callers[i].wrong != NULL)
			fail_msg("thread %d, call %d: %s %s", i, callers[i].done, callers[i].wrong,
				 callers[i].error.message);
	assert_int_equal(done, calls);
	kwire_mock_connections(mock, -1, NULL, &accepted, &error);
	assert_int_equal(accepted, 1);
	print_message("%d calls, %llu MiB each way\n", done, (unsigned long long)(bytes >> 20));
	kwire_connection_close(connection);
	kwire_config_free(config);
	kwire_mock_close(mock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_of_many_threads_comes_back_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
