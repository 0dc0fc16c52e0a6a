/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a connection promises its callers, each promise by itself: the test
 * plays the broker step by step, so between two steps there is silence, and
 * nobody comes along by chance to put right what went wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../support/connected.h"

static void a_call_gets_its_answer(void **state)
{
	struct fixture fixture;
	struct caller caller;
	int32_t id;

	(void)state;
	open_plain(&fixture);
	caller = probe(&fixture, 1, -1);
	caller_start(&caller);
	id = peer_take(fixture.fd);
	assert_true(peer_answer_probe(fixture.fd, id, 1001, 0));
	caller_join(&caller);
	assert_int_equal(caller.result, 0);
	assert_int_equal(caller.answer, 1001);
	assert_int_equal(kwire_connection_in_flight(fixture.connection), 0);
	close_all(&fixture);
}

static void answers_out_of_order_find_their_callers(void **state)
{
	enum {
		COUNT = 20
	};
	struct caller callers[COUNT];
	struct peer_request request;
	struct fixture fixture;
	int32_t ids[COUNT], numbers[COUNT];

	(void)state;
	open_plain(&fixture);
	for (int i = 0; i < COUNT; i++) {
		callers[i] = probe(&fixture, 100 + i, -1);
		caller_start(&callers[i]);
	}
	for (int i = 0; i < COUNT; i++) {
		assert_true(peer_read(fixture.fd, &request));
		ids[i] = request.id;
		numbers[i] = peer_probe_number(&request);
		peer_free(&request);
	}
	assert_int_equal(kwire_connection_in_flight(fixture.connection), COUNT);
	for (int i = COUNT - 1; i >= 0; i--)
		/* Small ones, ones that fill a buffer, ones that need many reads. */
		assert_true(peer_answer_probe(fixture.fd, ids[i], numbers[i] * 2,
					      i % 3 == 0   ? 0
					      : i % 3 == 1 ? 9000
							   : 300000));
	for (int i = 0; i < COUNT; i++) {
		caller_join(&callers[i]);
		assert_int_equal(callers[i].result, 0);
		assert_int_equal(callers[i].answer, callers[i].number * 2);
	}
	close_all(&fixture);
}

static void a_timeout_leaves_a_tombstone_and_harms_nobody(void **state)
{
	struct fixture fixture;
	struct caller hasty, patient;
	int32_t first, second;

	(void)state;
	open_plain(&fixture);
	hasty = probe(&fixture, 1, 30);
	caller_start(&hasty);
	first = peer_take(fixture.fd);
	caller_join(&hasty);
	assert_int_equal(hasty.result, KWIRE_ETIMEDOUT);
	assert_int_equal(hasty.error.outcome, KWIRE_MAYBE_APPLIED);
	assert_int_equal(hasty.error.api_key, PEER_PROBE_KEY);
	assert_true(hasty.elapsed_ms >= 30);
	assert_int_equal(kwire_connection_in_flight(fixture.connection), 1);

	patient = probe(&fixture, 2, -1);
	caller_start(&patient);
	second = peer_take(fixture.fd);
	assert_int_not_equal(first, second);
	assert_true(peer_answer_probe(fixture.fd, first, 666, 100000));
	assert_true(peer_answer_probe(fixture.fd, second, 2002, 0));
	caller_join(&patient);
	assert_int_equal(patient.result, 0);
	assert_int_equal(patient.answer, 2002);
	assert_int_equal(kwire_connection_in_flight(fixture.connection), 0);
	assert_false(kwire_connection_is_closed(fixture.connection, NULL));
	close_all(&fixture);
}

static void a_timeout_names_the_older_request_ahead(void **state)
{
	struct fixture fixture;
	struct kwire_call *older;
	struct caller caller;

	(void)state;
	open_plain(&fixture);
	older = start(&fixture, 1, -1, 0);
	caller = probe(&fixture, 2, 20);
	caller_start(&caller);
	caller_join(&caller);
	assert_int_equal(caller.result, KWIRE_ETIMEDOUT);
	assert_non_null(strstr(caller.error.message, "an older request"));
	kwire_call_free(older);
	close_all(&fixture);
}

static void a_cancelled_call_ends_at_once_and_its_answer_is_dropped(void **state)
{
	struct kwire_error error;
	struct fixture fixture;
	struct kwire_call *call, *next;
	int32_t first, second;

	(void)state;
	open_plain(&fixture);
	call = start(&fixture, 1, -1, 0);
	first = peer_take(fixture.fd);
	assert_false(kwire_call_done(call));
	kwire_call_cancel(call);
	assert_true(kwire_call_done(call));
	assert_int_equal(kwire_call_wait(call, -1, NULL, &error), KWIRE_ECANCELED);
	assert_int_equal(error.outcome, KWIRE_MAYBE_APPLIED);
	assert_int_equal(kwire_call_wait(call, -1, NULL, &error), KWIRE_EINVAL);
	kwire_call_free(call);

	next = start(&fixture, 2, -1, 0);
	second = peer_take(fixture.fd);
	assert_true(peer_answer_probe(fixture.fd, first, 1, 0));
	assert_true(peer_answer_probe(fixture.fd, second, 2, 0));
	expect_answer(next, 2);
	close_all(&fixture);
}

static void a_place_in_flight_is_waited_for(void **state)
{
	struct fixture fixture;
	struct kwire_call *first, *second;
	struct caller caller;
	int32_t id, number;

	(void)state;
	open_with(&fixture, test_config("max.in.flight", "2", NULL));
	first = start(&fixture, 1, -1, 0);
	second = start(&fixture, 2, -1, 0);
	id = take_probe(fixture.fd, NULL);
	(void)take_probe(fixture.fd, NULL);

	/* One more has no place, and leaves at its deadline without a trace. */
	caller = probe(&fixture, 3, 30);
	caller_start(&caller);
	caller_join(&caller);
	assert_int_equal(caller.result, KWIRE_ETIMEDOUT);
	assert_int_equal(caller.error.phase, KWIRE_PHASE_WAIT);
	assert_int_equal(caller.error.outcome, KWIRE_NOT_SENT);
	expect_nothing(fixture.fd);

	/* Another gets the place that an answer frees. */
	caller = probe(&fixture, 4, -1);
	caller_start(&caller);
	assert_true(peer_answer_probe(fixture.fd, id, 11, 0));
	expect_answer(first, 11);
	id = take_probe(fixture.fd, &number);
	assert_int_equal(number, 4);
	assert_true(peer_answer_probe(fixture.fd, id, 44, 0));
	caller_join(&caller);
	assert_int_equal(caller.result, 0);
	kwire_call_free(second);
	close_all(&fixture);
}

static void an_abandoned_call_holds_its_place_until_it_is_answered(void **state)
{
	struct fixture fixture;
	struct kwire_call *call;
	struct caller caller;
	int32_t id;

	(void)state;
	open_with(&fixture, test_config("max.in.flight", "1", NULL));
	call = start(&fixture, 1, -1, 0);
	id = take_probe(fixture.fd, NULL);
	kwire_call_free(call);
	assert_int_equal(kwire_connection_in_flight(fixture.connection), 1);
	caller = probe(&fixture, 2, 20);
	caller_start(&caller);
	caller_join(&caller);
	assert_int_equal(caller.result, KWIRE_ETIMEDOUT);
	assert_int_equal(caller.error.outcome, KWIRE_NOT_SENT);
	assert_true(peer_answer_probe(fixture.fd, id, 1, 0));
	expect_alive(&fixture);
	close_all(&fixture);
}

static void places_are_handed_on_in_turn(void **state)
{
	enum {
		COUNT = 12
	};
	struct caller callers[COUNT];
	struct fixture fixture;
	int32_t id, number;

	(void)state;
	open_with(&fixture, test_config("max.in.flight", "1", NULL));
	/* Every third one gives up while it waits in line. */
	for (int i = 0; i < COUNT; i++) {
		callers[i] = probe(&fixture, i, i % 3 == 2 ? 5 : -1);
		caller_start(&callers[i]);
	}
	for (int i = 2; i < COUNT; i += 3)
		caller_join(&callers[i]);
	for (int i = 0; i < COUNT; i++) {
		bool gave_up = i % 3 == 2 && callers[i].error.outcome == KWIRE_NOT_SENT &&
			       callers[i].result == KWIRE_ETIMEDOUT;

		if (gave_up)
			continue;
		id = take_probe(fixture.fd, &number);
		assert_true(peer_answer_probe(fixture.fd, id, number + 100, 0));
	}
	for (int i = 0; i < COUNT; i++) {
		if (i % 3 == 2)
			continue;
		caller_join(&callers[i]);
		assert_int_equal(callers[i].result, 0);
		assert_int_equal(callers[i].answer, i + 100);
	}
	expect_alive(&fixture);
	close_all(&fixture);
}

static void many_requests_in_flight_grow_the_ring(void **state)
{
	enum {
		COUNT = 5000
	};
	struct kwire_call **calls = calloc(COUNT, sizeof(*calls));
	int32_t *ids = calloc(COUNT, sizeof(*ids));
	struct fixture fixture;
	int32_t number;

	(void)state;
	open_with(&fixture, test_config("max.in.flight", "100000", NULL));
	for (int i = 0; i < COUNT; i++)
		calls[i] = start(&fixture, i, -1, KWIRE_MORE);
	assert_int_equal(kwire_connection_flush(fixture.connection, NULL), 0);
	for (int i = 0; i < COUNT; i++) {
		ids[i] = take_probe(fixture.fd, &number);
		assert_int_equal(number, i);
	}
	assert_int_equal(kwire_connection_in_flight(fixture.connection), COUNT);
	for (int i = COUNT - 1; i >= 0; i--)
		assert_true(peer_answer_probe(fixture.fd, ids[i], i + 7, 0));
	for (int i = 0; i < COUNT; i++)
		expect_answer(calls[i], i + 7);
	free(calls);
	free(ids);
	close_all(&fixture);
}

static void a_one_way_call_ends_when_it_is_written(void **state)
{
	struct fixture fixture;
	struct caller caller;
	int32_t id;

	(void)state;
	open_plain(&fixture);
	caller = probe(&fixture, 1, -1);
	caller.flags = KWIRE_ONE_WAY;
	caller_start(&caller);
	caller_join(&caller);
	assert_int_equal(caller.result, 0);
	assert_int_equal(caller.answer, -1);
	assert_int_equal(kwire_connection_in_flight(fixture.connection), 0);
	/* Some brokers answer all the same. */
	id = take_probe(fixture.fd, NULL);
	assert_true(peer_answer_probe(fixture.fd, id, 1, 100000));
	expect_alive(&fixture);
	close_all(&fixture);
}

static void a_second_answer_to_the_same_request_is_dropped(void **state)
{
	struct fixture fixture;
	struct kwire_call *call;
	int32_t id;

	(void)state;
	open_plain(&fixture);
	call = start(&fixture, 1, -1, 0);
	id = take_probe(fixture.fd, NULL);
	assert_true(peer_answer_probe(fixture.fd, id, 1, 0));
	assert_true(peer_answer_probe(fixture.fd, id, 2, 0));
	expect_answer(call, 1);
	expect_alive(&fixture);
	close_all(&fixture);
}

static void a_response_that_cannot_be_decoded_fails_its_call_alone(void **state)
{
	static const uint8_t body[] = {0, 0, 0, 1, 0, 0, 1, 0};
	struct fixture fixture;
	struct caller caller;
	int32_t id;

	(void)state;
	open_plain(&fixture);
	caller = probe(&fixture, 1, -1);
	caller_start(&caller);
	id = take_probe(fixture.fd, NULL);
	assert_true(peer_answer(fixture.fd, id, body, sizeof(body)));
	caller_join(&caller);
	assert_int_equal(caller.result, KWIRE_EDECODE);
	assert_int_equal(caller.error.phase, KWIRE_PHASE_DECODE);
	assert_int_equal(caller.error.outcome, KWIRE_ANSWERED);
	assert_non_null(strstr(caller.error.message, "payload"));
	expect_alive(&fixture);
	close_all(&fixture);
}

static void a_raw_call_carries_any_api(void **state)
{
	struct kwire_raw_response *response = NULL;
	struct fixture fixture;
	struct kwire_call *call;
	struct kwire_error error;

	(void)state;
	open_plain(&fixture);
	/* The peer does not answer before its time is up: what is checked is what went out. */
	{
		struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
		struct peer_request request;

		options.timeout_ms = 0;
		assert_int_equal(kwire_connection_send_raw(fixture.connection, 1234, 7, 0, "body",
							   4, &response, &options, &error),
				 KWIRE_ETIMEDOUT);
		assert_int_equal(error.api_key, 1234);
		assert_true(peer_read(fixture.fd, &request));
		assert_int_equal(request.key, 1234);
		assert_int_equal(request.version, 7);
		assert_memory_equal(request.body, "body", 4);
		peer_free(&request);
	}
	call = start(&fixture, 1, -1, 0);
	assert_true(peer_answer_probe(fixture.fd, take_probe(fixture.fd, NULL), 5, 0));
	expect_answer(call, 5);
	close_all(&fixture);
}

static void an_api_that_the_broker_lacks_is_refused_before_a_byte(void **state)
{
	struct kwire_api missing = probe_api;
	struct probe_request request = {.number = 1};
	struct fixture fixture;
	struct kwire_error error;

	(void)state;
	open_plain(&fixture);
	missing.key = 999;
	assert_int_equal(
		kwire_connection_send(fixture.connection, &missing, &request, NULL, NULL, &error),
		KWIRE_EUNSUPPORTED);
	assert_int_equal(error.outcome, KWIRE_NOT_SENT);
	expect_nothing(fixture.fd);
	expect_alive(&fixture);
	close_all(&fixture);
}

static void a_version_can_be_pinned(void **state)
{
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct probe_request request = {.number = 1};
	struct peer_request came;
	struct fixture fixture;
	struct kwire_error error;
	struct kwire_call *call;

	(void)state;
	open_plain(&fixture);
	options.max_version = 0;
	assert_int_equal(kwire_connection_start(fixture.connection, &probe_api, &request, &options,
						&call, &error),
			 0);
	assert_true(peer_read(fixture.fd, &came));
	assert_int_equal(came.version, 0);
	peer_free(&came);
	kwire_call_free(call);
	options.min_version = 5;
	options.max_version = 9;
	assert_int_equal(kwire_connection_start(fixture.connection, &probe_api, &request, &options,
						&call, &error),
			 KWIRE_EINVAL);
	close_all(&fixture);
}

static void a_deadline_of_zero_does_not_wait(void **state)
{
	struct fixture fixture;
	struct caller caller;

	(void)state;
	open_plain(&fixture);
	caller = probe(&fixture, 1, 0);
	caller_start(&caller);
	caller_join(&caller);
	assert_int_equal(caller.result, KWIRE_ETIMEDOUT);
	assert_int_equal(caller.error.outcome, KWIRE_MAYBE_APPLIED);
	(void)take_probe(fixture.fd, NULL);
	expect_alive(&fixture);
	close_all(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_gets_its_answer),
		cmocka_unit_test(answers_out_of_order_find_their_callers),
		cmocka_unit_test(a_timeout_leaves_a_tombstone_and_harms_nobody),
		cmocka_unit_test(a_timeout_names_the_older_request_ahead),
		cmocka_unit_test(a_cancelled_call_ends_at_once_and_its_answer_is_dropped),
		cmocka_unit_test(a_place_in_flight_is_waited_for),
		cmocka_unit_test(an_abandoned_call_holds_its_place_until_it_is_answered),
		cmocka_unit_test(places_are_handed_on_in_turn),
		cmocka_unit_test(many_requests_in_flight_grow_the_ring),
		cmocka_unit_test(a_one_way_call_ends_when_it_is_written),
		cmocka_unit_test(a_second_answer_to_the_same_request_is_dropped),
		cmocka_unit_test(a_response_that_cannot_be_decoded_fails_its_call_alone),
		cmocka_unit_test(a_raw_call_carries_any_api),
		cmocka_unit_test(an_api_that_the_broker_lacks_is_refused_before_a_byte),
		cmocka_unit_test(a_version_can_be_pinned),
		cmocka_unit_test(a_deadline_of_zero_does_not_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
