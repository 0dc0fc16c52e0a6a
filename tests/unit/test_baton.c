/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The read baton, hand-over by hand-over, with silence between the steps: no
 * other call comes by that could rescue a baton which somebody let fall.  See
 * lib/connection/baton.c for the rules that are tried here.
 *
 * Who was woken may be held at a gate before he looks around, and who wakes at
 * another before he does (kw_park_wait() and kw_park_wake() are wrapped), so
 * that things happen between the telling and the waking.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <pthread.h>

#include <cmocka.h>

#include "../support/connected.h"
#include "../support/moved_clock.h"
#include "connection/internal.h"

/* -- the gate --------------------------------------------------------------------- */

struct gate {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	bool shut;
	int held; /* threads that stand before it */
};

static struct gate gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, 0};
static struct gate waking = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, 0};

bool __real_kw_park_wait(struct kw_park *park, int64_t deadline_ms);
bool __wrap_kw_park_wait(struct kw_park *park, int64_t deadline_ms);
void __real_kw_park_wake(struct kw_park *const *parks, int count);
void __wrap_kw_park_wake(struct kw_park *const *parks, int count);

static void pass(struct gate *at)
{
	pthread_mutex_lock(&at->mutex);
	at->held++;
	while (at->shut)
		pthread_cond_wait(&at->changed, &at->mutex);
	at->held--;
	pthread_mutex_unlock(&at->mutex);
}

bool __wrap_kw_park_wait(struct kw_park *park, int64_t deadline_ms)
{
	bool woken = __real_kw_park_wait(park, deadline_ms);

	pass(&gate);
	return woken;
}

void __wrap_kw_park_wake(struct kw_park *const *parks, int count)
{
	if (count > 0)
		pass(&waking);
	__real_kw_park_wake(parks, count);
}

static void set(struct gate *at, bool shut)
{
	pthread_mutex_lock(&at->mutex);
	at->shut = shut;
	pthread_cond_broadcast(&at->changed);
	pthread_mutex_unlock(&at->mutex);
}

static void gate_set(bool shut)
{
	set(&gate, shut);
}

static bool somebody_stands_before(void *context)
{
	struct gate *at = context;
	bool held;

	pthread_mutex_lock(&at->mutex);
	held = at->held > 0;
	pthread_mutex_unlock(&at->mutex);
	return held;
}

enum {
	LONG_MS = 3000, /* the steps of a test that come before it ends take far less */
};

/* -- who is where -------------------------------------------------------------------- */

struct picture {
	struct kwire_connection *connection;
	enum kw_baton_holder holder;
	int parked;
};

static bool looks_so(void *context)
{
	struct picture *picture = context;
	int parked = 0;
	bool same;

	kw_mutex_lock(&picture->connection->lock);
	for (struct kwire_call *call = picture->connection->baton.first; call != NULL;
	     call = call->parked_next)
		parked++;
	same = picture->connection->baton.holder == picture->holder && parked == picture->parked;
	kw_mutex_unlock(&picture->connection->lock);
	return same;
}

static void expect(struct fixture *fixture, enum kw_baton_holder holder, int parked)
{
	struct picture picture = {fixture->connection, holder, parked};

	assert_true(wait_until(looks_so, &picture));
}

/* A caller, and the id under which its request came. */
struct asking {
	struct caller caller;
	int32_t id;
};

static void ask(struct fixture *fixture, struct asking *asking, int64_t timeout_ms, int parked)
{
	asking->caller = probe(fixture, 1, timeout_ms);
	caller_start(&asking->caller);
	asking->id = take_probe(fixture->fd, NULL);
	expect(fixture, KW_BATON_CALLER, parked);
}

static void answer(struct fixture *fixture, struct asking *asking, int32_t number)
{
	assert_true(peer_answer_probe(fixture->fd, asking->id, number, 0));
	caller_join(&asking->caller);
	assert_int_equal(asking->caller.result, 0);
	assert_int_equal(asking->caller.answer, number);
}

/* A handle that another thread waits for. */
struct waiting {
	struct kwire_call *call;
	int64_t timeout_ms;
	pthread_t thread;
	int32_t id;
	int result;
};

static void *wait_for_it(void *context)
{
	struct waiting *waiting = context;

	waiting->result = kwire_call_wait(waiting->call, waiting->timeout_ms, NULL, NULL);
	return NULL;
}

static bool is_attended(void *context)
{
	struct kwire_call *call = context;
	bool attended;

	kw_mutex_lock(&call->connection->lock);
	attended = call->attention == KW_ATTENDED;
	kw_mutex_unlock(&call->connection->lock);
	return attended;
}

/* Time stands still until it waits, or the thread would read for a call that nobody waits for. */
static void wait_elsewhere(struct fixture *fixture, struct waiting *waiting, int64_t timeout_ms)
{
	test_clock_hold();
	waiting->call = start(fixture, 2, -1, 0);
	waiting->id = take_probe(fixture->fd, NULL);
	waiting->timeout_ms = timeout_ms;
	assert_int_equal(pthread_create(&waiting->thread, NULL, wait_for_it, waiting), 0);
	assert_true(wait_until(is_attended, waiting->call));
	test_clock_release();
}

static void waiting_ends(struct waiting *waiting, int result)
{
	pthread_join(waiting->thread, NULL);
	assert_int_equal(waiting->result, result);
	kwire_call_free(waiting->call);
}

/* -- the hand-overs -------------------------------------------------------------------- */

static void a_caller_reads_for_itself_and_leaves_the_baton_free(void **state)
{
	struct fixture fixture;
	struct asking one;

	(void)state;
	open_plain(&fixture);
	expect(&fixture, KW_BATON_FREE, 0);
	for (int i = 0; i < 3; i++) {
		ask(&fixture, &one, -1, 0);
		answer(&fixture, &one, i);
		expect(&fixture, KW_BATON_FREE, 0);
	}
	close_all(&fixture);
}

static void who_was_answered_passes_it_to_who_is_parked(void **state)
{
	struct fixture fixture;
	struct asking one, two, three;

	(void)state;
	open_plain(&fixture);
	ask(&fixture, &one, -1, 0);
	ask(&fixture, &two, -1, 1);
	ask(&fixture, &three, -1, 2);
	answer(&fixture, &one, 1);
	expect(&fixture, KW_BATON_CALLER, 1);
	answer(&fixture, &two, 2);
	expect(&fixture, KW_BATON_CALLER, 0);
	answer(&fixture, &three, 3);
	expect(&fixture, KW_BATON_FREE, 0);
	close_all(&fixture);
}

static void who_reads_wakes_others_and_reads_on(void **state)
{
	struct fixture fixture;
	struct asking one, two, three;

	(void)state;
	open_plain(&fixture);
	ask(&fixture, &one, -1, 0);
	ask(&fixture, &two, -1, 1);
	ask(&fixture, &three, -1, 2);
	answer(&fixture, &three, 3);
	expect(&fixture, KW_BATON_CALLER, 1);
	answer(&fixture, &two, 2);
	expect(&fixture, KW_BATON_CALLER, 0);
	answer(&fixture, &one, 1);
	close_all(&fixture);
}

static void who_expired_passes_it_to_who_is_parked(void **state)
{
	struct fixture fixture;
	struct asking hasty, patient;

	(void)state;
	open_plain(&fixture);
	ask(&fixture, &hasty, LONG_MS, 0);
	ask(&fixture, &patient, -1, 1);
	caller_join(&hasty.caller);
	assert_int_equal(hasty.caller.result, KWIRE_ETIMEDOUT);
	expect(&fixture, KW_BATON_CALLER, 0);
	answer(&fixture, &patient, 2);
	close_all(&fixture);
}

static void who_is_cancelled_while_he_reads_passes_it_on(void **state)
{
	struct waiting waiting;
	struct fixture fixture;
	struct asking other;

	(void)state;
	open_plain(&fixture);
	wait_elsewhere(&fixture, &waiting, -1);
	expect(&fixture, KW_BATON_CALLER, 0);
	ask(&fixture, &other, -1, 1);
	kwire_call_cancel(waiting.call);
	waiting_ends(&waiting, KWIRE_ECANCELED);
	expect(&fixture, KW_BATON_CALLER, 0);
	answer(&fixture, &other, 2);
	close_all(&fixture);
}

static void who_stops_waiting_passes_it_on(void **state)
{
	struct waiting waiting;
	struct fixture fixture;
	struct asking other;

	(void)state;
	open_plain(&fixture);
	wait_elsewhere(&fixture, &waiting, LONG_MS);
	ask(&fixture, &other, -1, 1);
	pthread_join(waiting.thread, NULL);
	assert_int_equal(waiting.result, KWIRE_ETIMEDOUT);
	expect(&fixture, KW_BATON_CALLER, 0);
	/* Whoever reads, reads for the call that nobody waits for, too. */
	assert_true(peer_answer_probe(fixture.fd, waiting.id, 7, 0));
	answer(&fixture, &other, 2);
	expect_answer(waiting.call, 7);
	close_all(&fixture);
}

static void who_stops_waiting_in_line_is_not_given_it(void **state)
{
	struct waiting waiting;
	struct fixture fixture;
	struct asking first, last;

	(void)state;
	open_plain(&fixture);
	ask(&fixture, &first, -1, 0);
	wait_elsewhere(&fixture, &waiting, LONG_MS);
	expect(&fixture, KW_BATON_CALLER, 1);
	pthread_join(waiting.thread, NULL);
	assert_int_equal(waiting.result, KWIRE_ETIMEDOUT);
	expect(&fixture, KW_BATON_CALLER, 0);
	ask(&fixture, &last, -1, 1);
	answer(&fixture, &first, 1);
	expect(&fixture, KW_BATON_CALLER, 0);
	answer(&fixture, &last, 2);
	kwire_call_free(waiting.call);
	close_all(&fixture);
}

/* Told to read, and cancelled before it woke: between the two nobody reads. */
static void who_was_given_it_too_late_passes_it_on(void **state)
{
	struct waiting waiting;
	struct fixture fixture;
	struct asking first, last;

	(void)state;
	open_plain(&fixture);
	ask(&fixture, &first, -1, 0);
	wait_elsewhere(&fixture, &waiting, -1);
	expect(&fixture, KW_BATON_CALLER, 1);
	ask(&fixture, &last, -1, 2);
	gate_set(true);
	answer(&fixture, &first, 1);
	assert_true(wait_until(somebody_stands_before, &gate));
	kwire_call_cancel(waiting.call);
	gate_set(false);
	waiting_ends(&waiting, KWIRE_ECANCELED);
	expect(&fixture, KW_BATON_CALLER, 0);
	answer(&fixture, &last, 2);
	close_all(&fixture);
}

static void who_was_given_it_too_late_leaves_it_free(void **state)
{
	struct waiting waiting;
	struct fixture fixture;
	struct asking first;

	(void)state;
	open_plain(&fixture);
	ask(&fixture, &first, -1, 0);
	wait_elsewhere(&fixture, &waiting, -1);
	expect(&fixture, KW_BATON_CALLER, 1);
	gate_set(true);
	answer(&fixture, &first, 1);
	assert_true(wait_until(somebody_stands_before, &gate));
	assert_true(peer_answer_probe(fixture.fd, waiting.id, 7, 0));
	kwire_call_cancel(waiting.call);
	gate_set(false);
	waiting_ends(&waiting, KWIRE_ECANCELED);
	/* Its answer is read off by somebody, and dropped. */
	assert_true(wait_in_flight(fixture.connection, 0));
	expect_alive(&fixture);
	close_all(&fixture);
}

static void a_death_between_telling_and_waking_is_told(void **state)
{
	struct waiting waiting;
	struct fixture fixture;
	struct asking first;

	(void)state;
	open_plain(&fixture);
	ask(&fixture, &first, -1, 0);
	wait_elsewhere(&fixture, &waiting, -1);
	expect(&fixture, KW_BATON_CALLER, 1);
	gate_set(true);
	answer(&fixture, &first, 1);
	assert_true(wait_until(somebody_stands_before, &gate));
	kw_connection_kill(fixture.connection, NULL);
	gate_set(false);
	waiting_ends(&waiting, KWIRE_ECLOSED);
	/* Closing waits until who was told has left the transport. */
	close_all(&fixture);
}

static void closing_ends_who_reads_and_who_is_parked(void **state)
{
	struct fixture fixture;
	struct asking one, two;

	(void)state;
	open_plain(&fixture);
	ask(&fixture, &one, -1, 0);
	ask(&fixture, &two, -1, 1);
	assert_int_equal(kwire_connection_shutdown(fixture.connection, -1), 0);
	caller_join(&one.caller);
	caller_join(&two.caller);
	assert_int_equal(one.caller.result, KWIRE_ECLOSED);
	assert_int_equal(two.caller.result, KWIRE_ECLOSED);
	close_all(&fixture);
}

static void a_broker_that_goes_ends_who_reads_and_who_is_parked(void **state)
{
	struct fixture fixture;
	struct asking one, two;

	(void)state;
	open_plain(&fixture);
	ask(&fixture, &one, -1, 0);
	ask(&fixture, &two, -1, 1);
	close(fixture.fd);
	fixture.fd = -1;
	caller_join(&one.caller);
	caller_join(&two.caller);
	assert_int_equal(one.caller.result, KWIRE_EDISCONNECTED);
	assert_int_equal(two.caller.result, KWIRE_EDISCONNECTED);
	close_all(&fixture);
}

/* The token is kept while many are woken; what is asked meanwhile leaves after it. */
static void what_is_asked_while_many_wake_leaves(void **state)
{
	enum {
		COUNT = 20,
		FRAME = 16
	};
	struct asking first, many[COUNT];
	uint8_t frames[COUNT * FRAME];
	struct fixture fixture;
	struct kwire_call *late;
	int32_t number, id;

	(void)state;
	open_plain(&fixture);
	ask(&fixture, &first, -1, 0);
	for (int i = 0; i < COUNT; i++) {
		const uint8_t frame[FRAME] = {0, 0, 0, FRAME - 4};

		ask(&fixture, &many[i], -1, i + 1);
		memcpy(frames + i * FRAME, frame, FRAME);
		for (int k = 0; k < 4; k++)
			frames[i * FRAME + 4 + k] = (uint8_t)((uint32_t)many[i].id >> (24 - 8 * k));
		frames[i * FRAME + 11] = 1;
	}
	set(&waking, true);
	assert_true(peer_write(fixture.fd, frames, sizeof(frames)));
	assert_true(wait_until(somebody_stands_before, &waking));
	late = start(&fixture, 77, -1, 0);
	set(&waking, false);
	id = take_probe(fixture.fd, &number);
	assert_int_equal(number, 77);
	assert_true(peer_answer_probe(fixture.fd, id, 78, 0));
	for (int i = 0; i < COUNT; i++) {
		caller_join(&many[i].caller);
		assert_int_equal(many[i].caller.result, 0);
	}
	expect_answer(late, 78);
	answer(&fixture, &first, 1);
	close_all(&fixture);
}

/* -- the thread's part -------------------------------------------------------------------- */

static bool is_closed(void *context)
{
	return kwire_connection_is_closed(context, NULL);
}

static void a_broker_that_goes_while_nobody_reads_is_noticed(void **state)
{
	struct fixture fixture;

	(void)state;
	open_plain(&fixture);
	expect(&fixture, KW_BATON_FREE, 0);
	close(fixture.fd);
	fixture.fd = -1;
	assert_true(wait_until(is_closed, fixture.connection));
	close_all(&fixture);
}

static void an_end_behind_an_answer_is_read_by_somebody(void **state)
{
	struct fixture fixture;
	struct asking one;

	(void)state;
	open_plain(&fixture);
	ask(&fixture, &one, -1, 0);
	assert_true(peer_answer_probe(fixture.fd, one.id, 1, 0));
	close(fixture.fd);
	fixture.fd = -1;
	caller_join(&one.caller);
	assert_int_equal(one.caller.result, 0);
	assert_true(wait_until(is_closed, fixture.connection));
	close_all(&fixture);
}

static void what_nobody_waits_for_is_read_by_the_thread(void **state)
{
	struct fixture fixture;
	struct kwire_call *call;
	int32_t id;

	(void)state;
	open_plain(&fixture);
	call = start(&fixture, 1, -1, 0);
	id = take_probe(fixture.fd, NULL);
	expect(&fixture, KW_BATON_THREAD, 0);
	assert_true(peer_answer_probe(fixture.fd, id, 5, 0));
	assert_true(wait_in_flight(fixture.connection, 0));
	expect(&fixture, KW_BATON_FREE, 0);
	expect_answer(call, 5);
	close_all(&fixture);
}

static void what_was_given_up_is_read_off_by_the_thread(void **state)
{
	struct fixture fixture;
	struct asking hasty;

	(void)state;
	open_plain(&fixture);
	ask(&fixture, &hasty, 20, 0);
	caller_join(&hasty.caller);
	assert_int_equal(hasty.caller.result, KWIRE_ETIMEDOUT);
	expect(&fixture, KW_BATON_THREAD, 0);
	assert_true(peer_answer_probe(fixture.fd, hasty.id, 5, 0));
	assert_true(wait_in_flight(fixture.connection, 0));
	expect(&fixture, KW_BATON_FREE, 0);
	close_all(&fixture);
}

/* The thread reads for the handle; a caller comes; the thread leaves it the baton. */
static void the_thread_passes_it_to_who_is_parked(void **state)
{
	struct fixture fixture;
	struct kwire_call *unattended;
	struct asking one, two;
	int32_t id;

	(void)state;
	open_plain(&fixture);
	unattended = start(&fixture, 1, -1, 0);
	id = take_probe(fixture.fd, NULL);
	expect(&fixture, KW_BATON_THREAD, 0);
	one.caller = probe(&fixture, 1, -1);
	caller_start(&one.caller);
	one.id = take_probe(fixture.fd, NULL);
	expect(&fixture, KW_BATON_THREAD, 1);
	two.caller = probe(&fixture, 1, -1);
	caller_start(&two.caller);
	two.id = take_probe(fixture.fd, NULL);
	expect(&fixture, KW_BATON_THREAD, 2);
	answer(&fixture, &one, 1);
	expect(&fixture, KW_BATON_CALLER, 0);
	answer(&fixture, &two, 2);
	/* And has it again, for what is left. */
	expect(&fixture, KW_BATON_THREAD, 0);
	assert_true(peer_answer_probe(fixture.fd, id, 5, 0));
	assert_true(wait_in_flight(fixture.connection, 0));
	expect_answer(unattended, 5);
	close_all(&fixture);
}

static void a_place_in_flight_is_waited_for_with_somebody_reading(void **state)
{
	struct caller waiter;
	struct fixture fixture;
	struct asking hasty;
	int32_t id;

	(void)state;
	open_with(&fixture, test_config("max.in.flight", "1", NULL));
	ask(&fixture, &hasty, 20, 0);
	caller_join(&hasty.caller);
	waiter = probe(&fixture, 2, -1);
	caller_start(&waiter);
	expect(&fixture, KW_BATON_THREAD, 0);
	assert_true(peer_answer_probe(fixture.fd, hasty.id, 5, 0));
	id = take_probe(fixture.fd, NULL);
	assert_true(peer_answer_probe(fixture.fd, id, 6, 0));
	caller_join(&waiter);
	assert_int_equal(waiter.answer, 6);
	close_all(&fixture);
}

static void done_reads_what_is_there(void **state)
{
	struct fixture fixture;
	struct kwire_call *call;

	(void)state;
	open_plain(&fixture);
	/* Time stands still, so the thread never thinks that nobody reads. */
	test_clock_hold();
	call = start(&fixture, 1, -1, 0);
	assert_true(peer_answer_probe(fixture.fd, take_probe(fixture.fd, NULL), 5, 0));
	while (!kwire_call_done(call))
		sched_yield();
	test_clock_release();
	expect_answer(call, 5);
	close_all(&fixture);
}

static void who_reads_calls_a_silent_broker_dead(void **state)
{
	struct fixture fixture;
	struct asking patient;

	(void)state;
	open_with(&fixture, test_config("request.timeout.ms", "60", NULL));
	ask(&fixture, &patient, INT32_MAX, 0);
	caller_join(&patient.caller);
	assert_int_equal(patient.caller.result, KWIRE_EDISCONNECTED);
	assert_int_equal(patient.caller.error.outcome, KWIRE_MAYBE_APPLIED);
	close_all(&fixture);
}

static void with_reading_by_the_thread_callers_only_park(void **state)
{
	struct fixture fixture;
	struct asking one;

	(void)state;
	open_with(&fixture, test_config("connection.reading", "thread", NULL));
	expect(&fixture, KW_BATON_THREAD, 0);
	one.caller = probe(&fixture, 1, -1);
	caller_start(&one.caller);
	one.id = take_probe(fixture.fd, NULL);
	answer(&fixture, &one, 1);
	expect(&fixture, KW_BATON_THREAD, 0);
	close_all(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_caller_reads_for_itself_and_leaves_the_baton_free),
		cmocka_unit_test(who_was_answered_passes_it_to_who_is_parked),
		cmocka_unit_test(who_reads_wakes_others_and_reads_on),
		cmocka_unit_test(who_expired_passes_it_to_who_is_parked),
		cmocka_unit_test(who_is_cancelled_while_he_reads_passes_it_on),
		cmocka_unit_test(who_stops_waiting_passes_it_on),
		cmocka_unit_test(who_stops_waiting_in_line_is_not_given_it),
		cmocka_unit_test(who_was_given_it_too_late_passes_it_on),
		cmocka_unit_test(who_was_given_it_too_late_leaves_it_free),
		cmocka_unit_test(a_death_between_telling_and_waking_is_told),
		cmocka_unit_test(what_is_asked_while_many_wake_leaves),
		cmocka_unit_test(closing_ends_who_reads_and_who_is_parked),
		cmocka_unit_test(a_broker_that_goes_ends_who_reads_and_who_is_parked),
		cmocka_unit_test(a_broker_that_goes_while_nobody_reads_is_noticed),
		cmocka_unit_test(an_end_behind_an_answer_is_read_by_somebody),
		cmocka_unit_test(what_nobody_waits_for_is_read_by_the_thread),
		cmocka_unit_test(what_was_given_up_is_read_off_by_the_thread),
		cmocka_unit_test(the_thread_passes_it_to_who_is_parked),
		cmocka_unit_test(a_place_in_flight_is_waited_for_with_somebody_reading),
		cmocka_unit_test(done_reads_what_is_there),
		cmocka_unit_test(who_reads_calls_a_silent_broker_dead),
		cmocka_unit_test(with_reading_by_the_thread_callers_only_park),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
