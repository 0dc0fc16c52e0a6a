/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an encoded call to one in the queue: waiting until the connection is
 * ready, waiting for a place in flight, the correlation id, the slot.  Callers'
 * threads run it.  Each wait ends at the call's own deadline and leaves
 * nothing behind: a place that was granted to one who has to go is passed on.
 */
#include "internal.h"

#include <string.h>

#include "../base/clock.h"
#include "../base/error.h"
#include "watch.h"

/* The set-up has overrun, stuck in something that heeds no deadline. */
static void give_up_setup_locked(struct kwire_connection *connection, struct kw_after *after)
	KW_REQUIRES(connection->lock)
{
	struct kwire_error error;

	kw_fail_in(&error, KWIRE_ETIMEDOUT, connection->phase,
		   "the connection was not ready within %ld ms; it is stuck in '%s'",
		   (long)connection->setup_timeout_ms, kwire_phase_name(connection->phase));
	kw_die_locked(connection, &error, after);
}

/*
 * When to call set-up stuck.  The thread keeps its deadline itself and says more
 * of the reason, so it is given time, unless it is where no deadline reaches it.
 */
static int64_t overrun_ms_locked(const struct kwire_connection *connection)
	KW_REQUIRES(connection->lock)
{
	return kw_deadline(connection->setup_deadline_ms,
			   connection->thread_state == KW_THREAD_FOREIGN ? KW_SETUP_GRACE_MS
									 : KW_SETUP_GRACE_LONG_MS);
}

int kw_connection_wait_ready(struct kwire_connection *connection, int64_t deadline_ms,
			     struct kwire_error *error)
{
	struct kw_waiter waiter = {NULL, NULL, NULL, false};
	struct kw_after after;
	int64_t overrun_ms, until_ms;
	int result;

	/* Most calls end here. */
	if (kw_state(connection) == KW_CONNECTION_READY)
		return KWIRE_OK;
	waiter.park = kw_park_borrow(&connection->lot);
	if (waiter.park == NULL)
		return kw_fail_memory(error);
	kw_after_init(&after);
	kw_lock(connection);
	kw_waiters_add(&connection->setup_waiters, &waiter);
	for (;;) {
		overrun_ms = overrun_ms_locked(connection);
		until_ms = deadline_ms < overrun_ms ? deadline_ms : overrun_ms;
		if (kw_state(connection) != KW_CONNECTION_SETUP || kw_now_ms() >= until_ms)
			break;
		/* Where it is stuck may change meanwhile: look early. */
		overrun_ms = kw_deadline(connection->setup_deadline_ms, KW_SETUP_GRACE_MS);
		if (kw_now_ms() < overrun_ms && overrun_ms < until_ms)
			until_ms = overrun_ms;
		kw_leave(connection, &after);
		kw_park_wait(waiter.park, until_ms);
		kw_lock(connection);
	}
	kw_waiters_remove(&connection->setup_waiters, &waiter);
	if (kw_state(connection) == KW_CONNECTION_SETUP && kw_now_ms() >= overrun_ms)
		give_up_setup_locked(connection, &after);
	if (kw_state(connection) == KW_CONNECTION_READY) {
		result = KWIRE_OK;
	} else if (kw_state(connection) == KW_CONNECTION_DEAD) {
		result = kw_error_copy(error, &connection->cause);
	} else {
		result = kw_fail_in(error, KWIRE_ETIMEDOUT, connection->phase,
				    "the connection was not ready in time; it is busy with '%s'",
				    kwire_phase_name(connection->phase));
		kw_name_broker(connection, connection->address, error);
	}
	kw_leave(connection, &after);
	kw_park_return(&connection->lot, waiter.park);
	return result;
}

/* Twice the slots; the lock is dropped meanwhile. */
static int grow_locked(struct kwire_connection *connection, struct kw_after *after)
	KW_REQUIRES(connection->lock)
{
	uint32_t capacity = connection->pending.capacity * 2;
	struct kw_slot *slots;

	kw_leave(connection, after);
	slots = kw_alloc_array(connection->memory, capacity, sizeof(*slots));
	kw_lock(connection);
	if (slots == NULL)
		return KWIRE_ENOMEM;
	if (kw_state(connection) == KW_CONNECTION_READY && connection->pending.capacity < capacity)
		slots = kw_pending_grow(&connection->pending, slots, capacity);
	kw_leave(connection, after);
	kw_free(slots);
	kw_lock(connection);
	return KWIRE_OK;
}

/* Waits in line for a place; `waiter` says whether one was granted. */
static int wait_for_place_locked(struct kwire_connection *connection, struct kwire_call *call,
				 struct kw_waiter *waiter, struct kw_after *after)
	KW_REQUIRES(connection->lock)
{
	bool in_time = true;
	int result;

	kw_leave(connection, after);
	result = kw_call_lend_park(call);
	kw_lock(connection);
	if (result != KWIRE_OK)
		return result;
	waiter->park = call->own_park;
	kw_waiters_add(&connection->place_waiters, waiter);
	kw_grant_locked(connection, after);
	/* What is held back may be all that is in flight; and somebody has to read. */
	kw_flush_locked(connection, after);
	kw_baton_offer_locked(connection, after);
	while (!waiter->granted && kw_state(connection) == KW_CONNECTION_READY && in_time) {
		kw_leave(connection, after);
		kw_park_wait(waiter->park, call->deadline_ms);
		kw_lock(connection);
		in_time = kw_now_ms() < call->deadline_ms;
	}
	kw_waiters_remove(&connection->place_waiters, waiter);
	kw_grant_locked(connection, after);
	return waiter->granted || kw_state(connection) != KW_CONNECTION_READY ? KWIRE_OK
									      : KWIRE_ETIMEDOUT;
}

static int take_place_locked(struct kwire_connection *connection, struct kwire_call *call,
			     struct kw_after *after, struct kwire_error *error)
	KW_REQUIRES(connection->lock)
{
	struct kw_waiter waiter = {NULL, NULL, NULL, false};
	int result = KWIRE_OK;

	if (connection->place_waiters.first != NULL || !kw_has_place_locked(connection)) {
		if (kw_now_ms() < call->deadline_ms)
			result = wait_for_place_locked(connection, call, &waiter, after);
		else
			result = KWIRE_ETIMEDOUT;
	} else {
		waiter.granted = true;
		connection->reserved++;
	}
	/* Held as `reserved` while the ring may have to grow. */
	while (result == KWIRE_OK && kw_state(connection) == KW_CONNECTION_READY &&
	       !call->one_way && kw_pending_is_crowded(&connection->pending))
		result = grow_locked(connection, after);
	if (waiter.granted)
		connection->reserved--;
	if (kw_state(connection) != KW_CONNECTION_READY)
		return kw_error_copy(error, &connection->cause);
	if (result == KWIRE_OK)
		return KWIRE_OK;
	kw_grant_locked(connection, after);
	if (result == KWIRE_ENOMEM)
		return kw_fail_memory(error);
	kw_fail_in(error, result, KWIRE_PHASE_WAIT,
		   "%u requests are in flight, as many as max.in.flight allows, "
		   "and none of them was answered in time",
		   connection->pending.used);
	kw_name_broker(connection, connection->address, error);
	return result;
}

int64_t kw_patience_ms(const struct kwire_connection *connection, int32_t wait_ms)
{
	return connection->config->settings.request_timeout_ms + (wait_ms > 0 ? wait_ms : 0);
}

int kw_call_submit(struct kwire_call *call, struct kwire_error *error)
{
	struct kwire_connection *connection = call->connection;
	struct kw_after after;
	struct kw_slot *slot;
	int64_t now_ms, alarm_ms;
	int result;

	kw_watch_queued(call);
	kw_after_init(&after);
	kw_lock(connection);
	result = kw_state(connection) == KW_CONNECTION_READY
			 ? take_place_locked(connection, call, &after, error)
			 : kw_error_copy(error, &connection->cause);
	if (result != KWIRE_OK) {
		kw_leave(connection, &after);
		kw_watch_done(call, result);
		return result;
	}
	now_ms = kw_now_ms();
	atomic_store_explicit(&connection->last_used_ms, now_ms, memory_order_relaxed);
	if (call->one_way) {
		call->id = kw_pending_issue(&connection->pending);
	} else {
		slot = kw_pending_add(&connection->pending, call);
		slot->api_key = call->api_key;
		slot->wait_ms = call->wait_ms;
		slot->since_ms = now_ms;
		call->id = slot->id;
		atomic_store_explicit(&connection->in_flight, (int)connection->pending.used,
				      memory_order_relaxed);
	}
	kw_frame_set_correlation_id(&call->frame, call->id);
	kw_queue_locked(connection, call);
	if (call->handle && !call->one_way) {
		kw_baton_attend_locked(connection, call, KW_UNATTENDED);
		kw_baton_offer_locked(connection, &after);
	}
	alarm_ms = kw_deadline(now_ms, kw_patience_ms(connection, call->wait_ms));
	if (!call->one_way && connection->pending.used == 1 &&
	    connection->baton.holder == KW_BATON_THREAD && alarm_ms < connection->alarm_ms) {
		/* It is the oldest, and the thread sleeps longer than it may wait. */
		connection->alarm_ms = alarm_ms;
		after.wake_thread = true;
	}
	if (!call->more || connection->queue_bytes >= KW_HELD_MOST)
		kw_flush_locked(connection, &after);
	kw_leave(connection, &after);
	return KWIRE_OK;
}

void kw_connection_flush(struct kwire_connection *connection)
{
	struct kw_after after;

	kw_after_init(&after);
	kw_lock(connection);
	kw_flush_locked(connection, &after);
	kw_leave(connection, &after);
}
