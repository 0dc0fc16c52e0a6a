/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handles of started calls: waiting for one, for any of several connections'
 * calls, for a while, twice; cancelling from elsewhere.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <pthread.h>

#include <cmocka.h>

#include "../support/connected.h"

static void a_wait_may_be_shorter_than_the_call(void **state)
{
	struct fixture fixture;
	struct kwire_call *call;
	struct kwire_error error;
	int32_t id;

	(void)state;
	open_plain(&fixture);
	call = start(&fixture, 1, -1, 0);
	id = take_probe(fixture.fd, NULL);
	for (int i = 0; i < 3; i++)
		assert_int_equal(kwire_call_wait(call, i, NULL, &error), KWIRE_ETIMEDOUT);
	assert_false(kwire_call_done(call));
	assert_true(peer_answer_probe(fixture.fd, id, 3, 0));
	expect_answer(call, 3);
	close_all(&fixture);
}

static void a_call_that_nobody_waits_for_ends_at_its_deadline(void **state)
{
	struct fixture fixture;
	struct kwire_call *call;

	(void)state;
	open_plain(&fixture);
	call = start(&fixture, 1, 20, 0);
	while (!kwire_call_done(call))
		usleep(1000);
	expect_failure(call, KWIRE_ETIMEDOUT, KWIRE_MAYBE_APPLIED);
	(void)take_probe(fixture.fd, NULL);
	expect_alive(&fixture);
	close_all(&fixture);
}

static void waiting_for_any_spans_connections(void **state)
{
	struct fixture one, two;
	struct kwire_call *calls[4];
	int32_t first, second;
	int index = -1;

	(void)state;
	open_plain(&one);
	open_plain(&two);
	calls[0] = NULL;
	calls[1] = start(&one, 1, -1, 0);
	calls[2] = start(&two, 2, -1, KWIRE_MORE);
	calls[3] = NULL;
	first = take_probe(one.fd, NULL);
	assert_int_equal(kwire_call_wait_any(calls, 4, 5, &index, NULL), KWIRE_ETIMEDOUT);
	/* Waiting sent what was held back. */
	second = take_probe(two.fd, NULL);
	assert_true(peer_answer_probe(two.fd, second, 22, 0));
	assert_int_equal(kwire_call_wait_any(calls, 4, -1, &index, NULL), 0);
	assert_int_equal(index, 2);
	expect_answer(calls[2], 22);
	calls[2] = NULL;
	assert_true(peer_answer_probe(one.fd, first, 11, 0));
	assert_int_equal(kwire_call_wait_any(calls, 4, -1, &index, NULL), 0);
	assert_int_equal(index, 1);
	expect_answer(calls[1], 11);
	calls[1] = NULL;
	assert_int_equal(kwire_call_wait_any(calls, 4, -1, &index, NULL), KWIRE_EINVAL);
	close_all(&one);
	close_all(&two);
}

static void waiting_for_any_ends_at_a_call_s_own_deadline(void **state)
{
	struct fixture fixture;
	struct kwire_call *calls[2];
	int index = -1;

	(void)state;
	open_plain(&fixture);
	calls[0] = start(&fixture, 1, -1, 0);
	calls[1] = start(&fixture, 2, 20, 0);
	assert_int_equal(kwire_call_wait_any(calls, 2, -1, &index, NULL), 0);
	assert_int_equal(index, 1);
	expect_failure(calls[1], KWIRE_ETIMEDOUT, KWIRE_MAYBE_APPLIED);
	kwire_call_free(calls[0]);
	close_all(&fixture);
}

static void waiting_for_any_hears_a_death(void **state)
{
	struct fixture one, two;
	struct kwire_call *calls[2];
	int index = -1;

	(void)state;
	open_plain(&one);
	open_plain(&two);
	calls[0] = start(&one, 1, -1, 0);
	calls[1] = start(&two, 2, -1, 0);
	close(two.fd);
	two.fd = -1;
	assert_int_equal(kwire_call_wait_any(calls, 2, -1, &index, NULL), 0);
	assert_int_equal(index, 1);
	expect_failure(calls[1], KWIRE_EDISCONNECTED, KWIRE_MAYBE_APPLIED);
	kwire_call_free(calls[0]);
	close_all(&one);
	close_all(&two);
}

struct waiter {
	struct kwire_call *call;
	int result;
	struct kwire_error error;
};

static void *wait_for_it(void *argument)
{
	struct waiter *waiter = argument;

	waiter->result = kwire_call_wait(waiter->call, -1, NULL, &waiter->error);
	return NULL;
}

static void cancelling_wakes_the_one_who_waits_and_nobody_else(void **state)
{
	struct fixture fixture;
	struct kwire_call *other;
	struct waiter waiter;
	pthread_t thread;
	int32_t id;

	(void)state;
	open_plain(&fixture);
	waiter.call = start(&fixture, 1, -1, 0);
	other = start(&fixture, 2, -1, 0);
	(void)take_probe(fixture.fd, NULL);
	id = take_probe(fixture.fd, NULL);
	assert_int_equal(pthread_create(&thread, NULL, wait_for_it, &waiter), 0);
	kwire_call_cancel(waiter.call);
	pthread_join(thread, NULL);
	assert_int_equal(waiter.result, KWIRE_ECANCELED);
	assert_int_equal(waiter.error.outcome, KWIRE_MAYBE_APPLIED);
	kwire_call_free(waiter.call);
	assert_false(kwire_call_done(other));
	assert_true(peer_answer_probe(fixture.fd, id, 2, 0));
	expect_answer(other, 2);
	close_all(&fixture);
}

static void a_cancel_after_the_answer_changes_nothing(void **state)
{
	struct fixture fixture;
	struct kwire_call *call;

	(void)state;
	open_plain(&fixture);
	call = start(&fixture, 1, -1, 0);
	assert_true(peer_answer_probe(fixture.fd, take_probe(fixture.fd, NULL), 1, 0));
	while (!kwire_call_done(call))
		usleep(500);
	kwire_call_cancel(call);
	expect_answer(call, 1);
	close_all(&fixture);
}

static void an_answer_that_nobody_took_is_freed_with_its_handle(void **state)
{
	struct fixture fixture;
	struct kwire_call *call;

	(void)state;
	open_plain(&fixture);
	call = start(&fixture, 1, -1, 0);
	assert_true(peer_answer_probe(fixture.fd, take_probe(fixture.fd, NULL), 1, 70000));
	while (!kwire_call_done(call))
		usleep(500);
	kwire_call_free(call);
	kwire_call_free(NULL);
	close_all(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wait_may_be_shorter_than_the_call),
		cmocka_unit_test(a_call_that_nobody_waits_for_ends_at_its_deadline),
		cmocka_unit_test(waiting_for_any_spans_connections),
		cmocka_unit_test(waiting_for_any_ends_at_a_call_s_own_deadline),
		cmocka_unit_test(waiting_for_any_hears_a_death),
		cmocka_unit_test(cancelling_wakes_the_one_who_waits_and_nobody_else),
		cmocka_unit_test(a_cancel_after_the_answer_changes_nothing),
		cmocka_unit_test(an_answer_that_nobody_took_is_freed_with_its_handle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
