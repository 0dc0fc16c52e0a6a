/* SPDX-License-Identifier: Apache-2.0 */
/* Connections over a transport that the test directs: what depends on who is where when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../support/connected.h"
#include "../support/stage.h"
#include "connection/internal.h"

static void open_stage(struct fixture *fixture, struct stage *stage, struct kwire_config *config)
{
	stage_init(stage, config);
	open_with(fixture, config);
}

static bool somebody_waits_for_a_place(void *context)
{
	struct kwire_connection *connection = context;
	bool waits;

	kw_mutex_lock(&connection->lock);
	waits = connection->place_waiters.first != NULL;
	kw_mutex_unlock(&connection->lock);
	return waits;
}

static void a_one_way_call_given_up_in_the_queue_passes_its_place_on(void **state)
{
	struct kwire_call *one_way;
	struct fixture fixture;
	struct caller caller;
	struct stage stage;
	int32_t id, number;

	(void)state;
	open_stage(&fixture, &stage, test_config("max.in.flight", "1", NULL));
	stage_refuse(&stage, true);
	one_way = start(&fixture, 1, -1, KWIRE_ONE_WAY);
	caller = probe(&fixture, 2, 3000);
	caller_start(&caller);
	assert_true(wait_until(somebody_waits_for_a_place, fixture.connection));
	kwire_call_cancel(one_way);
	expect_failure(one_way, KWIRE_ECANCELED, KWIRE_NOT_SENT);
	assert_true(wait_in_flight(fixture.connection, 1));
	stage_refuse(&stage, false);
	id = take_probe(fixture.fd, &number);
	assert_int_equal(number, 2);
	assert_true(peer_answer_probe(fixture.fd, id, 22, 0));
	caller_join(&caller);
	assert_int_equal(caller.answer, 22);
	close_all(&fixture);
	stage_fini(&stage);
}

/* More who wait at once than one who passes places on could wake. */
static void places_that_come_free_together_reach_everyone_who_waits(void **state)
{
	enum {
		COUNT = 40
	};
	struct kwire_call *one_way[COUNT];
	struct caller callers[COUNT];
	struct fixture fixture;
	struct stage stage;
	int32_t id, number;

	(void)state;
	open_stage(&fixture, &stage, test_config("max.in.flight", "40", NULL));
	stage_refuse(&stage, true);
	for (int i = 0; i < COUNT; i++)
		one_way[i] = start(&fixture, i, -1, KWIRE_ONE_WAY);
	for (int i = 0; i < COUNT; i++) {
		callers[i] = probe(&fixture, 100 + i, -1);
		caller_start(&callers[i]);
	}
	assert_true(wait_until(somebody_waits_for_a_place, fixture.connection));
	stage_refuse(&stage, false);
	for (int i = 0; i < COUNT; i++) {
		take_probe(fixture.fd, &number);
		assert_int_equal(number, i);
	}
	for (int i = 0; i < COUNT; i++) {
		id = take_probe(fixture.fd, &number);
		assert_true(peer_answer_probe(fixture.fd, id, number, 0));
	}
	for (int i = 0; i < COUNT; i++) {
		caller_join(&callers[i]);
		assert_int_equal(callers[i].result, 0);
		kwire_call_free(one_way[i]);
	}
	close_all(&fixture);
	stage_fini(&stage);
}

static void a_transport_that_stays_full_is_tried_in_turns_without_waking(void **state)
{
	struct kwire_call *call;
	struct fixture fixture;
	struct stage stage;
	int woken;

	(void)state;
	open_stage(&fixture, &stage, test_config(NULL, NULL));
	stage_refuse(&stage, true);
	woken = stage_woken(&stage);
	call = start(&fixture, 1, -1, 0);
	stage_wait_refused(&stage, 20);
	/* For its alarm, and because the transport is full: never by itself. */
	assert_true(stage_woken(&stage) - woken <= 2);
	stage_refuse(&stage, false);
	assert_true(peer_answer_probe(fixture.fd, take_probe(fixture.fd, NULL), 9, 0));
	expect_answer(call, 9);
	close_all(&fixture);
	stage_fini(&stage);
}

/*
 * Each time it has written, another request lies there.  After some rounds the
 * thread goes on with them, and the caller's own time counts again.
 */
static void who_writes_for_others_is_relieved(void **state)
{
	enum {
		ROUNDS = 40
	};
	struct kwire_call *calls[ROUNDS];
	struct fixture fixture;
	struct caller caller;
	struct stage stage;

	(void)state;
	open_stage(&fixture, &stage, test_config(NULL, NULL));
	stage_pause(&stage);
	caller = probe(&fixture, 1, 1);
	caller_start(&caller);
	for (int i = 0; i < ROUNDS; i++) {
		stage_wait_paused(&stage);
		calls[i] = start(&fixture, 2, -1, 0);
		stage_resume(&stage, true);
	}
	stage_wait_paused(&stage);
	caller_join(&caller);
	assert_int_equal(caller.result, KWIRE_ETIMEDOUT);
	stage_resume(&stage, false);
	for (int i = 0; i < ROUNDS; i++)
		kwire_call_free(calls[i]);
	close_all(&fixture);
	stage_fini(&stage);
}

/* Time is what this is about: the request is held for longer than its broker may be silent. */
static void a_broker_that_was_not_asked_is_not_silent(void **state)
{
	struct kwire_call *held;
	struct fixture fixture;
	struct pollfd poll_fd;

	(void)state;
	open_with(&fixture, test_config("request.timeout.ms", "100", NULL));
	held = start(&fixture, 1, 60000, KWIRE_MORE);
	poll_fd.fd = fixture.fd;
	poll_fd.events = POLLIN;
	assert_int_equal(poll(&poll_fd, 1, 350), 0);
	assert_int_equal(kwire_connection_flush(fixture.connection, NULL), 0);
	assert_true(peer_answer_probe(fixture.fd, take_probe(fixture.fd, NULL), 9, 0));
	expect_answer(held, 9);
	close_all(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_one_way_call_given_up_in_the_queue_passes_its_place_on),
		cmocka_unit_test(places_that_come_free_together_reach_everyone_who_waits),
		cmocka_unit_test(a_transport_that_stays_full_is_tried_in_turns_without_waking),
		cmocka_unit_test(who_writes_for_others_is_relieved),
		cmocka_unit_test(a_broker_that_was_not_asked_is_not_silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
