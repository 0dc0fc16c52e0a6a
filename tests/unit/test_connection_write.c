/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The write path: what is held back, what a full socket does to whom, and what
 * becomes of frames whose callers leave.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <sys/socket.h>

#include "../support/connected.h"

enum {
	LARGE = 12 * 1024 * 1024, /* more than any loopback socket holds */
};

/* Reads one request and checks that its payload is `size` bytes of the number's own. */
static int32_t take_payload(int fd, int32_t *number, size_t size)
{
	struct peer_request request;
	size_t wrong = 0;
	int32_t id;

	assert_true(peer_read(fd, &request));
	*number = peer_probe_number(&request);
	assert_int_equal(request.body_size, 12 + size);
	for (size_t i = 0; i < size; i++)
		wrong += request.body[12 + i] != (uint8_t)(*number & 0x7f);
	assert_int_equal(wrong, 0);
	id = request.id;
	peer_free(&request);
	return id;
}

static void what_is_held_back_goes_with_a_flush(void **state)
{
	enum {
		COUNT = 10
	};
	struct kwire_call *calls[COUNT];
	struct fixture fixture;
	int32_t number;

	(void)state;
	open_plain(&fixture);
	for (int i = 0; i < COUNT; i++)
		calls[i] = start(&fixture, i, -1, KWIRE_MORE);
	expect_nothing(fixture.fd);
	assert_int_equal(kwire_connection_flush(fixture.connection, NULL), 0);
	for (int i = 0; i < COUNT; i++) {
		assert_true(peer_answer_probe(fixture.fd, take_probe(fixture.fd, &number), i, 0));
		assert_int_equal(number, i);
	}
	for (int i = 0; i < COUNT; i++)
		expect_answer(calls[i], i);
	close_all(&fixture);
}

static void what_is_held_back_goes_with_the_next_call(void **state)
{
	struct kwire_call *held, *next;
	struct fixture fixture;
	int32_t first, second, number;

	(void)state;
	open_plain(&fixture);
	held = start(&fixture, 1, -1, KWIRE_MORE);
	expect_nothing(fixture.fd);
	next = start(&fixture, 2, -1, 0);
	first = take_probe(fixture.fd, &number);
	assert_int_equal(number, 1);
	second = take_probe(fixture.fd, &number);
	assert_int_equal(number, 2);
	assert_true(peer_answer_probe(fixture.fd, second, 2, 0));
	assert_true(peer_answer_probe(fixture.fd, first, 1, 0));
	expect_answer(held, 1);
	expect_answer(next, 2);
	close_all(&fixture);
}

static void what_is_held_back_goes_at_64_kib(void **state)
{
	struct kwire_call *calls[4000];
	struct fixture fixture;
	struct pollfd poll_fd;
	int count = 0;

	(void)state;
	open_with(&fixture, test_config("max.in.flight", "10000", NULL));
	poll_fd.fd = fixture.fd;
	poll_fd.events = POLLIN;
	for (; count < 4000 && poll(&poll_fd, 1, 0) == 0; count++)
		calls[count] = start(&fixture, count, -1, KWIRE_MORE);
	assert_true(count > 500);
	assert_true(count < 4000);
	for (int i = 0; i < count; i++)
		kwire_call_free(calls[i]);
	close_all(&fixture);
}

static void waiting_sends_what_was_held_back(void **state)
{
	struct kwire_error error;
	struct fixture fixture;
	struct kwire_call *call;

	(void)state;
	open_plain(&fixture);
	call = start(&fixture, 1, -1, KWIRE_MORE);
	expect_nothing(fixture.fd);
	assert_int_equal(kwire_call_wait(call, 0, NULL, &error), KWIRE_ETIMEDOUT);
	assert_true(peer_answer_probe(fixture.fd, take_probe(fixture.fd, NULL), 9, 0));
	expect_answer(call, 9);
	close_all(&fixture);
}

static void a_call_given_up_in_the_queue_never_leaves(void **state)
{
	struct kwire_call *cancelled, *freed, *late, *kept;
	struct fixture fixture;
	int32_t id, number;

	(void)state;
	open_plain(&fixture);
	cancelled = start(&fixture, 1, -1, KWIRE_MORE);
	freed = start(&fixture, 2, -1, KWIRE_MORE);
	late = start(&fixture, 3, 0, KWIRE_MORE);
	kwire_call_cancel(cancelled);
	expect_failure(cancelled, KWIRE_ECANCELED, KWIRE_NOT_SENT);
	kwire_call_free(freed);
	expect_failure(late, KWIRE_ETIMEDOUT, KWIRE_NOT_SENT);
	assert_int_equal(kwire_connection_in_flight(fixture.connection), 0);
	kept = start(&fixture, 4, -1, 0);
	id = take_probe(fixture.fd, &number);
	assert_int_equal(number, 4);
	assert_true(peer_answer_probe(fixture.fd, id, 4, 0));
	expect_answer(kept, 4);
	expect_nothing(fixture.fd);
	close_all(&fixture);
}

static void a_large_request_arrives_whole(void **state)
{
	struct fixture fixture;
	struct caller caller;
	int32_t id, number;

	(void)state;
	open_plain(&fixture);
	caller = probe(&fixture, 5, -1);
	caller.payload_size = LARGE;
	caller_start(&caller);
	id = take_payload(fixture.fd, &number, LARGE);
	assert_int_equal(number, 5);
	assert_true(peer_answer_probe(fixture.fd, id, 55, 0));
	caller_join(&caller);
	assert_int_equal(caller.result, 0);
	assert_int_equal(caller.answer, 55);
	close_all(&fixture);
}

/*
 * The peer reads nothing.  A large request is half out when its caller's time
 * is up; another waits behind it.  The first is finished from a copy (its
 * caller overwrites his memory at once), the second never leaves.
 */
static void a_frame_half_out_is_finished_when_its_caller_leaves(void **state)
{
	struct fixture fixture;
	struct caller large, queued;
	int32_t id, number;

	(void)state;
	open_plain(&fixture);
	large = probe(&fixture, 3, 150);
	large.payload_size = LARGE;
	caller_start(&large);
	assert_true(wait_in_flight(fixture.connection, 1));
	queued = probe(&fixture, 4, 50);
	caller_start(&queued);
	caller_join(&queued);
	caller_join(&large);
	assert_int_equal(large.result, KWIRE_ETIMEDOUT);
	assert_int_equal(large.error.outcome, KWIRE_MAYBE_APPLIED);
	assert_int_equal(queued.result, KWIRE_ETIMEDOUT);
	assert_int_equal(queued.error.outcome, KWIRE_NOT_SENT);
	id = take_payload(fixture.fd, &number, LARGE);
	assert_int_equal(number, 3);
	expect_nothing(fixture.fd);
	assert_true(peer_answer_probe(fixture.fd, id, 1, 0));
	expect_alive(&fixture);
	assert_int_equal(kwire_connection_in_flight(fixture.connection), 0);
	close_all(&fixture);
}

/* The same for a handle that is cancelled, whose memory is free to use at once. */
static void a_frame_half_out_is_finished_when_its_handle_is_cancelled(void **state)
{
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct probe_request request = {.number = 7};
	uint8_t *payload = malloc(LARGE);
	struct fixture fixture;
	struct kwire_call *call = NULL;
	int32_t id, number;

	(void)state;
	open_plain(&fixture);
	memset(payload, 7, LARGE);
	request.payload = kwire_bytes_of(payload, LARGE);
	assert_int_equal(kwire_connection_start(fixture.connection, &probe_api, &request, &options,
						&call, NULL),
			 0);
	kwire_call_cancel(call);
	assert_true(kwire_call_done(call));
	memset(payload, 0xee, LARGE);
	id = take_payload(fixture.fd, &number, LARGE);
	assert_int_equal(number, 7);
	assert_true(peer_answer_probe(fixture.fd, id, 1, 0));
	expect_failure(call, KWIRE_ECANCELED, KWIRE_MAYBE_APPLIED);
	free(payload);
	expect_alive(&fixture);
	close_all(&fixture);
}

/* A peer may answer before it has read: the call is done when its memory is free. */
static void an_answer_that_comes_early_waits_for_the_frame(void **state)
{
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct probe_request request = {.number = 9};
	uint8_t *payload = malloc(LARGE);
	struct fixture fixture;
	struct kwire_call *call = NULL, *other;
	int32_t number, id;

	(void)state;
	open_plain(&fixture);
	memset(payload, 9, LARGE);
	request.payload = kwire_bytes_of(payload, LARGE);
	/* Its id is the next after this one's. */
	other = start(&fixture, 1, -1, 0);
	id = take_probe(fixture.fd, NULL);
	assert_int_equal(kwire_connection_start(fixture.connection, &probe_api, &request, &options,
						&call, NULL),
			 0);
	assert_true(peer_answer_probe(fixture.fd, id + 1, 99, 0));
	assert_true(peer_answer_probe(fixture.fd, id, 1, 0));
	expect_answer(other, 1);
	if (kwire_call_done(call))
		memset(payload, 0xee, LARGE);
	assert_int_equal(take_payload(fixture.fd, &number, LARGE), id + 1);
	expect_answer(call, 99);
	memset(payload, 0xee, LARGE);
	free(payload);
	expect_alive(&fixture);
	close_all(&fixture);
}

static void many_large_requests_of_many_callers_arrive_whole(void **state)
{
	enum {
		COUNT = 8,
		SIZE = 1500000
	};
	struct caller callers[COUNT];
	struct fixture fixture;
	int32_t id, number;

	(void)state;
	open_plain(&fixture);
	for (int i = 0; i < COUNT; i++) {
		callers[i] = probe(&fixture, 10 + i, -1);
		callers[i].payload_size = SIZE;
		caller_start(&callers[i]);
	}
	for (int i = 0; i < COUNT; i++) {
		id = take_payload(fixture.fd, &number, SIZE);
		assert_true(peer_answer_probe(fixture.fd, id, number * 3, 0));
	}
	for (int i = 0; i < COUNT; i++) {
		caller_join(&callers[i]);
		assert_int_equal(callers[i].result, 0);
		assert_int_equal(callers[i].answer, callers[i].number * 3);
	}
	close_all(&fixture);
}

/* While requests pile up behind a full socket, answers are still read. */
static void a_full_socket_does_not_stop_reading(void **state)
{
	struct fixture fixture;
	struct kwire_call *asked;
	struct caller large;
	int32_t id, number;

	(void)state;
	open_plain(&fixture);
	asked = start(&fixture, 1, -1, 0);
	id = take_probe(fixture.fd, NULL);
	large = probe(&fixture, 2, -1);
	large.payload_size = LARGE;
	caller_start(&large);
	assert_true(wait_in_flight(fixture.connection, 2));
	/* More than a socket holds in this direction too. */
	assert_true(peer_answer_probe(fixture.fd, id, 11, LARGE));
	expect_answer(asked, 11);
	id = take_payload(fixture.fd, &number, LARGE);
	assert_true(peer_answer_probe(fixture.fd, id, 22, 0));
	caller_join(&large);
	assert_int_equal(large.result, 0);
	close_all(&fixture);
}

static void closing_in_the_middle_of_a_frame_returns(void **state)
{
	struct fixture fixture;
	struct caller large, queued;

	(void)state;
	open_plain(&fixture);
	large = probe(&fixture, 3, -1);
	large.payload_size = LARGE;
	caller_start(&large);
	assert_true(wait_in_flight(fixture.connection, 1));
	queued = probe(&fixture, 4, -1);
	caller_start(&queued);
	assert_true(wait_in_flight(fixture.connection, 2));
	assert_int_equal(kwire_connection_shutdown(fixture.connection, -1), 0);
	caller_join(&large);
	caller_join(&queued);
	assert_int_equal(large.result, KWIRE_ECLOSED);
	assert_int_equal(large.error.outcome, KWIRE_MAYBE_APPLIED);
	assert_int_equal(queued.result, KWIRE_ECLOSED);
	assert_int_equal(queued.error.outcome, KWIRE_NOT_SENT);
	close_all(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_held_back_goes_with_a_flush),
		cmocka_unit_test(what_is_held_back_goes_with_the_next_call),
		cmocka_unit_test(what_is_held_back_goes_at_64_kib),
		cmocka_unit_test(waiting_sends_what_was_held_back),
		cmocka_unit_test(a_call_given_up_in_the_queue_never_leaves),
		cmocka_unit_test(a_large_request_arrives_whole),
		cmocka_unit_test(a_frame_half_out_is_finished_when_its_caller_leaves),
		cmocka_unit_test(a_frame_half_out_is_finished_when_its_handle_is_cancelled),
		cmocka_unit_test(an_answer_that_comes_early_waits_for_the_frame),
		cmocka_unit_test(many_large_requests_of_many_callers_arrive_whole),
		cmocka_unit_test(a_full_socket_does_not_stop_reading),
		cmocka_unit_test(closing_in_the_middle_of_a_frame_returns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
