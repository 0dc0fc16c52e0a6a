/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What time does to a client that is left alone: connections that nobody uses
 * end by themselves, and a wall clock that is set back an hour changes nothing.
 */
#define _GNU_SOURCE /* RTLD_NEXT */
#include <dlfcn.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <kwire/api/api_versions.h>
#include <kwire/client.h>
#include <kwire/mock.h>

#include "../support/moved_clock.h"

enum {
	API_VERSIONS = 18,
	HOUR_S = 3600,
};

/* -- the wall clock, as this program sees it ------------------------------------ */

static _Atomic time_t wall_offset_s;

typedef int clock_function(clockid_t clock, struct timespec *time);

int clock_gettime(clockid_t clock, struct timespec *now)
{
	static _Atomic(clock_function *) real;
	clock_function *function = atomic_load(&real);
	int result;

	if (function == NULL) {
		*(void **)(void *)&function = dlsym(RTLD_NEXT, "clock_gettime");
		atomic_store(&real, function);
	}
	result = function(clock, now);
	if (result == 0 && clock == CLOCK_REALTIME)
		now->tv_sec += atomic_load(&wall_offset_s);
	return result;
}

time_t time(time_t *out)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (out != NULL)
		*out = now.tv_sec;
	return now.tv_sec;
}

/* -- the client ------------------------------------------------------------------ */

struct bench {
	struct kwire_mock *mock;
	struct kwire_config *config;
	struct kwire_client *client;
	struct kwire_error error;
	atomic_int warnings;
};

static void note_line(void *context, enum kwire_log_level level, const char *line)
{
	(void)line;
	if (level <= KWIRE_LOG_INFO)
		atomic_fetch_add((atomic_int *)context, 1);
}

static int setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	*state = bench;
	if (bench == NULL || kwire_mock_open(NULL, &bench->mock, NULL) != 0)
		return -1;
	bench->config = kwire_config_new();
	kwire_config_set_log(bench->config, note_line, &bench->warnings);
	return kwire_config_set(bench->config, "bootstrap.servers",
				kwire_mock_bootstrap(bench->mock), NULL);
}

/* Time stands still from before the cluster's first wait on. */
static int setup_held(void **state)
{
	test_clock_hold();
	return setup(state);
}

static int teardown(void **state)
{
	struct bench *bench = *state;

	kwire_client_close(bench->client);
	test_clock_release();
	kwire_mock_close(bench->mock);
	kwire_config_free(bench->config);
	free(bench);
	return 0;
}

static void set(struct bench *bench, const char *name, const char *value)
{
	assert_int_equal(kwire_config_set(bench->config, name, value, NULL), 0);
}

static void open_client(struct bench *bench)
{
	assert_int_equal(kwire_client_open(bench->config, &bench->client, &bench->error), 0);
	assert_int_equal(kwire_client_refresh(bench->client, -1, &bench->error), 0);
}

static int ping(struct bench *bench, int32_t broker_id, int64_t timeout_ms,
		struct kwire_error *error)
{
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_api_versions_request request = KWIRE_API_VERSIONS_REQUEST_INIT;
	struct kwire_api_versions_response *response = NULL;
	int result;

	options.broker_id = broker_id;
	options.timeout_ms = timeout_ms;
	request.client_software_name = KWIRE_STRING("test");
	request.client_software_version = KWIRE_STRING("1");
	result = kwire_send_api_versions_with(bench->client, &request, &response, &options, error);
	kwire_response_free(response);
	return result;
}

static int open_connections(struct bench *bench)
{
	int64_t count;
	int open = -1;

	assert_int_equal(kwire_mock_connections(bench->mock, -1, &open, &count, NULL), 0);
	return open;
}

static int64_t accepted(struct bench *bench, int32_t broker_id)
{
	int64_t count = -1;
	int open;

	assert_int_equal(kwire_mock_connections(bench->mock, broker_id, &open, &count, NULL), 0);
	return count;
}

static void connections_that_nobody_uses_end_without_a_call(void **state)
{
	struct bench *bench = *state;
	int64_t passed_ms;

	set(bench, "connections.max.idle.ms", "60000");
	open_client(bench);
	for (int32_t id = 1; id <= 3; id++)
		assert_int_equal(ping(bench, id, -1, &bench->error), 0);
	assert_int_equal(open_connections(bench), 3);
	for (passed_ms = 0; open_connections(bench) > 0; passed_ms += 1000) {
		test_clock_move(1000);
		usleep(500); /* for the threads to look */
	}
	assert_true(passed_ms >= 60000);
	/* It is nobody's failure: no pause, not a word. */
	for (int32_t id = 1; id <= 3; id++)
		assert_int_equal(ping(bench, id, -1, &bench->error), 0);
	assert_int_equal(atomic_load(&bench->warnings), 0);
}

static void a_connection_that_is_used_now_and_then_lives_on(void **state)
{
	struct bench *bench = *state;

	set(bench, "connections.max.idle.ms", "60000");
	open_client(bench);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(ping(bench, 2, -1, &bench->error), 0);
		test_clock_move(50000);
	}
	assert_int_equal(accepted(bench, 2), 1);
}

static void a_connection_with_a_request_under_way_is_not_idle(void **state)
{
	struct bench *bench = *state;
	struct kwire_api_versions_request request = KWIRE_API_VERSIONS_REQUEST_INIT;
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_mock_match match = kwire_mock_on(API_VERSIONS);
	struct kwire_mock_request *kept;
	struct kwire_call *call;
	void *response = NULL;

	set(bench, "connections.max.idle.ms", "1000");
	open_client(bench);
	assert_int_equal(ping(bench, 1, -1, &bench->error), 0);
	match.broker_id = options.broker_id = 1;
	match.count = 1;
	assert_int_equal(kwire_mock_keep(bench->mock, &match, NULL, NULL), 0);
	request.client_software_name = KWIRE_STRING("test");
	request.client_software_version = KWIRE_STRING("1");
	assert_int_equal(kwire_start(bench->client, &kwire_api_versions_api, &request, &options,
				     &call, &bench->error),
			 0);
	assert_int_equal(kwire_mock_take(bench->mock, NULL, -1, &kept, NULL), 0);
	for (int i = 0; i < 10; i++) {
		test_clock_move(1000);
		assert_false(kwire_call_done(call));
	}
	assert_int_equal(kwire_mock_reply_default(kept, NULL), 0);
	kwire_mock_request_free(kept);
	assert_int_equal(kwire_call_wait(call, -1, &response, &bench->error), 0);
	kwire_response_free(response);
	kwire_call_free(call);
}

static void without_a_limit_connections_stay(void **state)
{
	struct bench *bench = *state;

	set(bench, "connections.max.idle.ms", "-1");
	open_client(bench);
	assert_int_equal(ping(bench, 1, -1, &bench->error), 0);
	test_clock_move(INT32_MAX);
	assert_int_equal(ping(bench, 1, -1, &bench->error), 0);
	assert_int_equal(accepted(bench, 1), 1);
}

struct waiter {
	struct bench *bench;
	int32_t broker_id;
	int64_t timeout_ms;
	int result;
	struct kwire_error error;
	pthread_t thread;
};

static void *wait_for_answer(void *context)
{
	struct waiter *waiter = context;

	waiter->result = ping(waiter->bench, waiter->broker_id, waiter->timeout_ms, &waiter->error);
	return NULL;
}

/* In the middle of a wait that will be answered, of one that will not, and of a throttle time. */
static void a_wall_clock_that_is_set_back_changes_nothing(void **state)
{
	struct bench *bench = *state;
	struct waiter answered = {.bench = bench, .broker_id = 1, .timeout_ms = 60000};
	struct waiter late = {.bench = bench, .broker_id = 2, .timeout_ms = 200};
	struct kwire_mock_match match = kwire_mock_on(API_VERSIONS);
	struct kwire_mock_fault silence = KWIRE_MOCK_FAULT_INIT;
	struct kwire_mock_request *kept;
	struct timespec before, after;

	open_client(bench);
	for (int32_t id = 1; id <= 3; id++)
		assert_int_equal(ping(bench, id, -1, &bench->error), 0);
	match.broker_id = 1;
	match.count = 1;
	assert_int_equal(kwire_mock_keep(bench->mock, &match, NULL, NULL), 0);
	match.broker_id = 2;
	silence.kind = KWIRE_MOCK_SILENCE_FAULT;
	assert_int_equal(kwire_mock_break(bench->mock, &match, &silence, NULL, NULL), 0);
	assert_int_equal(pthread_create(&answered.thread, NULL, wait_for_answer, &answered), 0);
	assert_int_equal(pthread_create(&late.thread, NULL, wait_for_answer, &late), 0);
	assert_int_equal(kwire_mock_take(bench->mock, NULL, 60000, &kept, NULL), 0);

	clock_gettime(CLOCK_REALTIME, &before);
	atomic_store(&wall_offset_s, -HOUR_S);
	clock_gettime(CLOCK_REALTIME, &after);
	assert_true(after.tv_sec < before.tv_sec - HOUR_S / 2);

	/* What would wait for the hour to pass again would fall into the test runner's guard. */
	pthread_join(late.thread, NULL);
	assert_int_equal(late.result, KWIRE_ETIMEDOUT);
	assert_in_range(late.error.elapsed_ms, 200, 60000);
	/* And nothing that was to come later has come at once. */
	assert_int_equal(kwire_mock_reply_default(kept, NULL), 0);
	kwire_mock_request_free(kept);
	pthread_join(answered.thread, NULL);
	assert_int_equal(answered.result, 0);
	assert_int_equal(ping(bench, 3, -1, &bench->error), 0);
	assert_int_equal(kwire_mock_disconnect(bench->mock, 3, NULL), 0);
	assert_int_equal(kwire_mock_wait_connections(bench->mock, 3, 0, 60000, NULL), 0);
	assert_int_equal(kwire_client_connect(bench->client, 60000, &bench->error), 0);
	atomic_store(&wall_offset_s, 0);
}

#define TIMED(name) cmocka_unit_test_setup_teardown(name, setup_held, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TIMED(connections_that_nobody_uses_end_without_a_call),
		TIMED(a_connection_that_is_used_now_and_then_lives_on),
		TIMED(a_connection_with_a_request_under_way_is_not_idle),
		TIMED(without_a_limit_connections_stay),
		cmocka_unit_test_setup_teardown(a_wall_clock_that_is_set_back_changes_nothing,
						setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
