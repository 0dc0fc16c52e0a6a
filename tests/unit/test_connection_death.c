/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a connection ends: the first fatal cause stays, everyone hears it, and
 * each caller learns what became of its own request.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../support/connected.h"
#include "../support/moved_clock.h"
#include "base/clock.h"
#include "connection/internal.h"

static void a_closing_peer_fails_everyone_with_the_same_cause(void **state)
{
	struct kwire_call *sent, *held;
	struct fixture fixture;
	struct kwire_error error;
	struct caller caller;

	(void)state;
	open_plain(&fixture);
	sent = start(&fixture, 1, -1, 0);
	(void)take_probe(fixture.fd, NULL);
	held = start(&fixture, 2, -1, KWIRE_MORE);
	close(fixture.fd);
	fixture.fd = -1;
	/* Waiting would send what is held back. */
	while (!kwire_connection_is_closed(fixture.connection, NULL))
		usleep(500);
	expect_failure(sent, KWIRE_EDISCONNECTED, KWIRE_MAYBE_APPLIED);
	expect_failure(held, KWIRE_EDISCONNECTED, KWIRE_NOT_SENT);
	assert_true(kwire_connection_is_closed(fixture.connection, &error));
	assert_int_equal(error.result, KWIRE_EDISCONNECTED);
	assert_int_equal(error.port, fixture.peer.port);
	assert_string_equal(error.host, "127.0.0.1");
	assert_string_equal(error.address, "127.0.0.1");
	assert_int_equal(kwire_connection_in_flight(fixture.connection), 0);
	caller = probe(&fixture, 3, -1);
	caller_start(&caller);
	caller_join(&caller);
	assert_int_equal(caller.result, KWIRE_EDISCONNECTED);
	assert_int_equal(caller.error.outcome, KWIRE_NOT_SENT);
	close_all(&fixture);
}

static void an_answer_before_the_end_still_arrives(void **state)
{
	struct kwire_call *first, *second;
	struct fixture fixture;
	int32_t id;

	(void)state;
	open_plain(&fixture);
	first = start(&fixture, 1, -1, 0);
	second = start(&fixture, 2, -1, 0);
	id = take_probe(fixture.fd, NULL);
	(void)take_probe(fixture.fd, NULL);
	assert_true(peer_answer_probe(fixture.fd, id, 11, 50000));
	close(fixture.fd);
	fixture.fd = -1;
	expect_answer(first, 11);
	expect_failure(second, KWIRE_EDISCONNECTED, KWIRE_MAYBE_APPLIED);
	close_all(&fixture);
}

static void a_reset_is_a_disconnection(void **state)
{
	struct kwire_call *call;
	struct fixture fixture;

	(void)state;
	open_plain(&fixture);
	call = start(&fixture, 1, -1, 0);
	(void)take_probe(fixture.fd, NULL);
	peer_reset(fixture.fd);
	fixture.fd = -1;
	expect_failure(call, KWIRE_EDISCONNECTED, KWIRE_MAYBE_APPLIED);
	close_all(&fixture);
}

static void an_end_in_mid_frame_is_a_disconnection(void **state)
{
	static const uint8_t part[] = {0, 0, 100, 0, 0, 0, 0};
	struct kwire_call *call;
	struct fixture fixture;
	uint8_t frame[100] = {0};
	int32_t id;

	(void)state;
	open_plain(&fixture);
	call = start(&fixture, 1, -1, 0);
	id = take_probe(fixture.fd, NULL);
	memcpy(frame, part, 4);
	frame[4] = (uint8_t)(id >> 24);
	frame[5] = (uint8_t)(id >> 16);
	frame[6] = (uint8_t)(id >> 8);
	frame[7] = (uint8_t)id;
	assert_true(peer_write(fixture.fd, frame, sizeof(frame)));
	close(fixture.fd);
	fixture.fd = -1;
	expect_failure(call, KWIRE_EDISCONNECTED, KWIRE_MAYBE_APPLIED);
	close_all(&fixture);
}

static void shutting_down_releases_a_hundred_callers(void **state)
{
	enum {
		COUNT = 100
	};
	static struct caller callers[COUNT];
	struct fixture fixture;

	(void)state;
	/* Half of them wait for answers, half for a place. */
	open_with(&fixture, test_config("max.in.flight", "50", NULL));
	for (int i = 0; i < COUNT; i++) {
		/* No deadline saves one who is not woken. */
		callers[i] = probe(&fixture, i, INT32_MAX);
		caller_start(&callers[i]);
	}
	for (int i = 0; i < COUNT / 2; i++)
		(void)take_probe(fixture.fd, NULL);
	assert_int_equal(kwire_connection_shutdown(fixture.connection, -1), 0);
	for (int i = 0; i < COUNT; i++) {
		caller_join(&callers[i]);
		assert_int_equal(callers[i].result, KWIRE_ECLOSED);
	}
	assert_true(peer_at_end(fixture.fd));
	/* Again, and from a closed connection: nothing happens. */
	assert_int_equal(kwire_connection_shutdown(fixture.connection, 0), 0);
	callers[0] = probe(&fixture, 1, -1);
	caller_start(&callers[0]);
	caller_join(&callers[0]);
	assert_int_equal(callers[0].result, KWIRE_ECLOSED);
	assert_int_equal(callers[0].error.outcome, KWIRE_NOT_SENT);
	close_all(&fixture);
}

/* Time is the subject here: it stands still but for what the test moves it on. */

static bool has_no_alarm(void *context)
{
	struct kwire_connection *connection = context;
	bool none;

	kw_mutex_lock(&connection->lock);
	none = connection->alarm_ms == KW_NEVER;
	kw_mutex_unlock(&connection->lock);
	return none;
}

static bool is_closed(void *context)
{
	return kwire_connection_is_closed(context, NULL);
}

/* Time goes by, until the connection is dead: how much of it. */
static int64_t live_on(struct fixture *fixture)
{
	int64_t since_ms = test_now_ms();

	while (!is_closed(fixture->connection)) {
		test_clock_move(1);
		usleep(500);
	}
	return test_now_ms() - since_ms;
}

static bool thread_has_read_just_now(void *context)
{
	struct kwire_connection *connection = context;
	bool just_now;

	kw_mutex_lock(&connection->lock);
	just_now = connection->last_byte_ms == test_now_ms();
	kw_mutex_unlock(&connection->lock);
	return just_now;
}

/* For so long that the thread has nothing on its mind: the next call has to tell it. */
static void be_quiet(struct fixture *fixture, int64_t ms)
{
	expect_alive(fixture);
	test_clock_move(ms);
	assert_true(wait_until(has_no_alarm, fixture->connection));
}

static int hold_clock(void **state)
{
	(void)state;
	test_clock_hold();
	return 0;
}

static int release_clock(void **state)
{
	(void)state;
	test_clock_release();
	return 0;
}

static void a_silent_broker_is_dead_after_the_request_timeout(void **state)
{
	struct fixture fixture;
	struct caller caller;

	(void)state;
	open_with(&fixture, test_config("request.timeout.ms", "150", NULL));
	be_quiet(&fixture, 400);
	caller = probe(&fixture, 1, INT32_MAX);
	caller_start(&caller);
	(void)take_probe(fixture.fd, NULL);
	/* Counted again from now where the thread looked before the request was out. */
	assert_in_range(live_on(&fixture), 150, 300);
	caller_join(&caller);
	assert_int_equal(caller.result, KWIRE_EDISCONNECTED);
	assert_int_equal(caller.error.outcome, KWIRE_MAYBE_APPLIED);
	assert_non_null(strstr(caller.error.message, "silent"));
	assert_true(caller.elapsed_ms >= 150);
	assert_true(kwire_connection_is_closed(fixture.connection, NULL));
	close_all(&fixture);
}

static void a_broker_that_is_silent_while_nothing_is_asked_lives(void **state)
{
	struct fixture fixture;
	struct kwire_call *call;
	struct caller hasty;

	(void)state;
	open_with(&fixture, test_config("request.timeout.ms", "100", NULL));
	be_quiet(&fixture, 250);
	expect_alive(&fixture);
	/* One that was given up still counts: its silence is the broker's. */
	hasty = probe(&fixture, 1, 1);
	caller_start(&hasty);
	(void)take_probe(fixture.fd, NULL);
	test_clock_move(1);
	caller_join(&hasty);
	assert_int_equal(hasty.result, KWIRE_ETIMEDOUT);
	call = start(&fixture, 2, INT32_MAX, 0);
	(void)take_probe(fixture.fd, NULL);
	assert_in_range(live_on(&fixture), 99, 200);
	expect_failure(call, KWIRE_EDISCONNECTED, KWIRE_MAYBE_APPLIED);
	close_all(&fixture);
}

/* Half of a request without an answer is out: nothing is waited for but room. */
static void a_broker_that_takes_no_bytes_is_dead(void **state)
{
	enum {
		SIZE = 16 << 20
	};
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct probe_request request = {.number = 1};
	uint8_t *payload = calloc(1, SIZE);
	struct kwire_call *call = NULL;
	struct fixture fixture;
	struct kwire_error error;

	(void)state;
	open_with(&fixture, test_config("request.timeout.ms", "100", NULL));
	request.payload = kwire_bytes_of(payload, SIZE);
	options.flags = KWIRE_ONE_WAY;
	options.timeout_ms = INT32_MAX;
	assert_int_equal(kwire_connection_start(fixture.connection, &probe_api, &request, &options,
						&call, &error),
			 0);
	/* The system may still take some, now and then. */
	assert_true(live_on(&fixture) >= 99);
	expect_failure(call, KWIRE_EDISCONNECTED, KWIRE_MAYBE_APPLIED);
	assert_true(kwire_connection_is_closed(fixture.connection, &error));
	assert_non_null(strstr(error.message, "taken no bytes"));
	free(payload);
	close_all(&fixture);
}

static void the_request_s_own_wait_is_added(void **state)
{
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct probe_request request = {.number = 1, .wait_ms = 300};
	struct fixture fixture;
	struct kwire_call *call;
	struct kwire_error error;

	(void)state;
	open_with(&fixture, test_config("request.timeout.ms", "100", NULL));
	options.timeout_ms = INT32_MAX;
	assert_int_equal(kwire_connection_start(fixture.connection, &probe_api, &request, &options,
						&call, &error),
			 0);
	(void)take_probe(fixture.fd, NULL);
	test_clock_move(399);
	expect_alive(&fixture);
	/* That answer was a sign of life: the silence begins again. */
	assert_in_range(live_on(&fixture), 400, 800);
	expect_failure(call, KWIRE_EDISCONNECTED, KWIRE_MAYBE_APPLIED);
	close_all(&fixture);
}

static void bytes_that_arrive_put_death_off(void **state)
{
	struct fixture fixture;
	struct kwire_call *call;
	uint8_t word[4] = {0, 0, 0, 12};
	int32_t id;

	(void)state;
	open_with(&fixture, test_config("request.timeout.ms", "100", NULL));
	call = start(&fixture, 1, INT32_MAX, 0);
	id = take_probe(fixture.fd, NULL);
	/* A frame that comes byte by byte, for longer than the request may wait. */
	for (int i = 0; i < 8; i++) {
		uint8_t byte = (uint8_t)(i < 4 ? word[i] : (uint32_t)id >> (8 * (7 - i)));

		test_clock_move(60);
		assert_true(peer_write(fixture.fd, &byte, 1));
		assert_true(wait_until(thread_has_read_just_now, fixture.connection));
	}
	assert_true(peer_write(fixture.fd, "\0\0\0\7\0\0\0\0", 8));
	expect_answer(call, 7);
	close_all(&fixture);
}

static void an_outlived_handle_can_still_be_asked_and_freed(void **state)
{
	struct kwire_call *answered, *unanswered;
	struct fixture fixture;
	void *response = NULL;
	int32_t id;

	(void)state;
	open_plain(&fixture);
	answered = start(&fixture, 1, -1, 0);
	unanswered = start(&fixture, 2, -1, 0);
	id = take_probe(fixture.fd, NULL);
	assert_true(peer_answer_probe(fixture.fd, id, 11, 0));
	while (!kwire_call_done(answered))
		usleep(500);
	close_all(&fixture);
	assert_int_equal(kwire_call_wait(answered, -1, &response, NULL), 0);
	assert_int_equal(((struct probe_response *)response)->number, 11);
	kwire_response_free(response);
	kwire_call_free(answered);
	expect_failure(unanswered, KWIRE_ECLOSED, KWIRE_MAYBE_APPLIED);
}

#define TIMED(name) cmocka_unit_test_setup_teardown(name, hold_clock, release_clock)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_closing_peer_fails_everyone_with_the_same_cause),
		cmocka_unit_test(an_answer_before_the_end_still_arrives),
		cmocka_unit_test(a_reset_is_a_disconnection),
		cmocka_unit_test(an_end_in_mid_frame_is_a_disconnection),
		cmocka_unit_test(shutting_down_releases_a_hundred_callers),
		TIMED(a_silent_broker_is_dead_after_the_request_timeout),
		TIMED(a_broker_that_is_silent_while_nothing_is_asked_lives),
		TIMED(a_broker_that_takes_no_bytes_is_dead),
		TIMED(the_request_s_own_wait_is_added),
		TIMED(bytes_that_arrive_put_death_off),
		cmocka_unit_test(an_outlived_handle_can_still_be_asked_and_freed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
