/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handles of started calls: kwire/call.h.  A handle holds a reference to its
 * connection and belongs to one thread at a time, cancelling apart.
 */
#include "internal.h"

#include <sched.h>

#include "../base/clock.h"
#include "../base/error.h"
#include "../protocol/response.h"

/* A call whose deadline passed while nobody looked ends when somebody does. */
static bool settle(struct kwire_call *call)
{
	if (!kw_call_is_done(call) && kw_now_ms() >= call->deadline_ms)
		kw_call_give_up(call, KWIRE_ETIMEDOUT);
	return kw_call_is_done(call);
}

/* Says who waits, NULL for nobody, and who is to read meanwhile. */
static void attend(struct kwire_call *call, struct kw_park *park, enum kw_attention attention,
		   bool flush)
{
	struct kwire_connection *connection = call->connection;
	struct kw_after after;

	kw_after_init(&after);
	kw_lock(connection);
	call->park = park;
	if (!call->one_way)
		kw_baton_attend_locked(connection, call, attention);
	if (flush)
		kw_flush_locked(connection, &after);
	kw_baton_offer_locked(connection, &after);
	kw_leave(connection, &after);
}

static int wait_for(struct kwire_call *call, int64_t timeout_ms, void **response,
		    struct kwire_error *error)
{
	int64_t until_ms = kw_deadline(kw_now_ms(), timeout_ms);
	bool done = settle(call);

	if (call->taken)
		return kw_fail(error, KWIRE_EINVAL, "the result of this call was taken already");
	if (!done) {
		if (kw_call_lend_park(call) != KWIRE_OK)
			return kw_fail_memory(error);
		attend(call, call->own_park, KW_ATTENDED, true);
		done = kw_call_await(call, until_ms);
		if (!done)
			attend(call, NULL, KW_UNATTENDED, false);
		kw_park_return(&call->connection->lot, call->own_park);
		call->own_park = NULL;
	}
	if (!done) {
		kw_fail_in(error, KWIRE_ETIMEDOUT, KWIRE_PHASE_WAIT,
			   "the call is not done yet; it goes on, wait again");
		if (error != NULL)
			error->outcome = KWIRE_MAYBE_APPLIED;
		return KWIRE_ETIMEDOUT;
	}
	return kw_call_take(call, response, error);
}

int kwire_call_wait(struct kwire_call *call, int64_t timeout_ms, void **response,
		    struct kwire_error *error)
{
	int cancel_state, result;

	if (kw_call_forked(call))
		return kw_fail_forked(error);
	cancel_state = kw_cancel_disable();
	result = wait_for(call, timeout_ms, response, error);
	kw_cancel_restore(cancel_state);
	return result;
}

bool kwire_call_done(struct kwire_call *call)
{
	int cancel_state;
	bool result;

	/* Waiting would fail, and not block. */
	if (kw_call_forked(call))
		return true;
	cancel_state = kw_cancel_disable();
	if (!kw_call_is_done(call))
		kw_baton_glance(call->connection);
	result = settle(call);
	kw_cancel_restore(cancel_state);
	return result;
}

static void cancel(struct kwire_call *call)
{
	if (!kw_call_is_done(call))
		kw_call_give_up(call, KWIRE_ECANCELED);
}

void kwire_call_cancel(struct kwire_call *call)
{
	int cancel_state;

	if (kw_call_forked(call))
		return;
	cancel_state = kw_cancel_disable();
	cancel(call);
	kw_cancel_restore(cancel_state);
}

/* In a child of fork(2): its connection's locks may be held for ever, or it may be gone. */
static void abandon(struct kwire_call *call)
{
	kw_response_drop(call->response);
	if (!call->copying)
		kw_frame_fini(&call->frame);
	kw_free(call);
}

static void free_handle(struct kwire_call *call)
{
	struct kwire_connection *connection = call->connection;

	if (!kw_call_is_done(call)) {
		/* The writing thread may be reading the frame: done comes soon. */
		call->own_park = kw_park_borrow(&connection->lot);
		attend(call, call->own_park, KW_ATTENDED, false);
		kw_call_give_up(call, KWIRE_ECANCELED);
		while (!kw_call_is_done(call))
			if (call->own_park != NULL)
				kw_park_wait(call->own_park, KW_NEVER);
			else
				sched_yield();
	}
	kw_call_release(call);
	kw_connection_put(connection);
}

void kwire_call_free(struct kwire_call *call)
{
	int cancel_state;

	if (call == NULL)
		return;
	if (kw_call_forked(call)) {
		abandon(call);
		return;
	}
	cancel_state = kw_cancel_disable();
	free_handle(call);
	kw_cancel_restore(cancel_state);
}

/* The earliest deadline, and the first call that is done (-1: none). */
static int look(struct kwire_call *const *calls, int count, int64_t *deadline_ms)
{
	for (int i = 0; i < count; i++) {
		if (calls[i] == NULL || calls[i]->taken)
			continue;
		if (settle(calls[i]))
			return i;
		if (calls[i]->deadline_ms < *deadline_ms)
			*deadline_ms = calls[i]->deadline_ms;
	}
	return -1;
}

static void attend_all(struct kwire_call *const *calls, int count, struct kw_park *park)
{
	for (int i = 0; i < count; i++)
		if (calls[i] != NULL && !calls[i]->taken)
			attend(calls[i], park, park != NULL ? KW_WANTED : KW_UNATTENDED,
			       park != NULL);
}

static int wait_for_any(struct kwire_call *const *calls, int count, int64_t timeout_ms, int *index,
			struct kwire_error *error)
{
	int64_t until_ms = kw_deadline(kw_now_ms(), timeout_ms);
	int64_t deadline_ms = KW_NEVER;
	struct kw_park *park;
	int found;
	int first = 0;

	while (first < count && (calls[first] == NULL || calls[first]->taken))
		first++;
	if (first >= count)
		return kw_fail(error, KWIRE_EINVAL, "there is no call to wait for");
	found = look(calls, count, &deadline_ms);
	if (found < 0) {
		park = kw_park_new(calls[first]->connection->memory);
		if (park == NULL)
			return kw_fail_memory(error);
		attend_all(calls, count, park);
		while ((found = look(calls, count, &deadline_ms)) < 0 && kw_now_ms() < until_ms) {
			/* A call that ended but is not done wakes this park soon. */
			if (deadline_ms <= kw_now_ms())
				deadline_ms = KW_NEVER;
			kw_park_wait(park, deadline_ms < until_ms ? deadline_ms : until_ms);
			deadline_ms = KW_NEVER;
		}
		attend_all(calls, count, NULL);
		kw_park_put(park);
	}
	if (found < 0)
		return kw_fail_in(error, KWIRE_ETIMEDOUT, KWIRE_PHASE_WAIT,
				  "none of the calls is done yet; they go on, wait again");
	*index = found;
	return KWIRE_OK;
}

int kwire_call_wait_any(struct kwire_call *const *calls, int count, int64_t timeout_ms, int *index,
			struct kwire_error *error)
{
	int cancel_state, result;

	for (int i = 0; i < count; i++)
		if (calls[i] != NULL && kw_call_forked(calls[i]))
			return kw_fail_forked(error);
	cancel_state = kw_cancel_disable();
	result = wait_for_any(calls, count, timeout_ms, index, error);
	kw_cancel_restore(cancel_state);
	return result;
}
