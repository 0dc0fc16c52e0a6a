/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How calls end, and how the connection dies.  A call ends once: whoever ends
 * it does so under the lock, after it has seen that nobody did.  Waking comes
 * after the lock is dropped; see kw_after.
 */
#include "internal.h"

#if defined(KW_DEBUG)
#include <assert.h>
#endif
#include <stdio.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/error.h"
#include "../protocol/response.h"
#include "watch.h"

void kw_lock(struct kwire_connection *connection)
{
	kw_mutex_lock(&connection->lock);
}

void kw_note_wake(struct kw_after *after, struct kw_park *park)
{
	if (park == NULL)
		return;
#if defined(KW_DEBUG)
	assert(after->wake_count < KW_WAKES);
#endif
	after->wakes[after->wake_count++] = kw_park_get(park);
}

/* The transport's part of what was noted: it stays open while it is counted as used. */
static void act(struct kwire_connection *connection, const struct kwire_transport_ops *ops,
		void *transport, const struct kw_after *after)
{
	if (after->shutdown)
		ops->shutdown(transport);
	if (after->wake_writable)
		ops->wake_writable(transport);
	if (after->wake_thread)
		ops->wake(transport);
	if (after->kick)
		ops->kick(transport);
	kw_mutex_lock(&connection->lock);
	if (--connection->transport_users == 0)
		kw_cond_broadcast(&connection->changed);
	kw_mutex_unlock(&connection->lock);
}

void kw_leave(struct kwire_connection *connection, struct kw_after *after)
{
	const struct kwire_transport_ops *ops = NULL;
	void *transport = NULL;
	struct kwire_call *orphan;

	if ((after->shutdown || after->wake_thread || after->wake_writable || after->kick) &&
	    connection->ops != NULL) {
		ops = connection->ops;
		transport = connection->transport;
		connection->transport_users++;
	}
	kw_mutex_unlock(&connection->lock);
	kw_park_wake(after->wakes, after->wake_count);
	for (int i = 0; i < after->wake_count; i++)
		kw_park_put(after->wakes[i]);
	if (after->shutdown)
		kw_waker_wake(&connection->waker);
	if (ops != NULL)
		act(connection, ops, transport, after);
	while ((orphan = after->orphans) != NULL) {
		after->orphans = orphan->next;
		kw_call_destroy(orphan);
	}
	after->wake_count = 0;
	after->wake_thread = after->wake_writable = after->kick = after->shutdown = false;
}

void kw_breathe_locked(struct kwire_connection *connection, struct kw_after *after)
{
	if (after->wake_count <= KW_WAKES_FEW)
		return;
	kw_leave(connection, after);
	kw_lock(connection);
}

void kw_waiters_add(struct kw_waiters *waiters, struct kw_waiter *waiter)
{
	waiter->next = NULL;
	waiter->previous = waiters->last;
	if (waiters->last != NULL)
		waiters->last->next = waiter;
	else
		waiters->first = waiter;
	waiters->last = waiter;
}

void kw_waiters_remove(struct kw_waiters *waiters, struct kw_waiter *waiter)
{
	if (waiter->previous == NULL && waiters->first != waiter)
		return;
	if (waiter->previous != NULL)
		waiter->previous->next = waiter->next;
	else
		waiters->first = waiter->next;
	if (waiter->next != NULL)
		waiter->next->previous = waiter->previous;
	else
		waiters->last = waiter->previous;
	waiter->next = waiter->previous = NULL;
}

void kw_grant_locked(struct kwire_connection *connection, struct kw_after *after)
{
	struct kw_waiter *waiter = connection->place_waiters.first;

	/* The dead let nobody in: end_all_locked() sends them away. */
	if (waiter == NULL || kw_state(connection) == KW_CONNECTION_DEAD ||
	    !kw_has_place_locked(connection))
		return;
	kw_waiters_remove(&connection->place_waiters, waiter);
	waiter->granted = true;
	connection->reserved++;
	kw_note_wake(after, waiter->park);
}

static void count_in_flight(struct kwire_connection *connection) KW_REQUIRES(connection->lock)
{
	atomic_store_explicit(&connection->in_flight, (int)connection->pending.used,
			      memory_order_relaxed);
}

void kw_free_slot_locked(struct kwire_connection *connection, struct kw_slot *slot,
			 struct kw_after *after)
{
	kw_pending_remove(&connection->pending, slot);
	count_in_flight(connection);
	kw_grant_locked(connection, after);
}

void kw_publish_locked(struct kwire_connection *connection, struct kwire_call *call,
		       struct kw_after *after)
{
	if (call->writing || call->copying)
		return;
	/* Memory of its caller that is still to be sent: see kw_detach_locked(). */
	if (call->queued && call->frame.borrows && kw_state(connection) != KW_CONNECTION_DEAD)
		return;
	if (call->orphan) {
		/* Nobody waits; it lives until its frame is out. */
		if (!call->queued) {
			call->next = after->orphans;
			after->orphans = call;
		}
		return;
	}
	if (call->result == KWIRE_OK || call->response != NULL)
		call->outcome = KWIRE_ANSWERED;
	else if (call->outcome != KWIRE_ANSWERED)
		call->outcome = call->written > 0 ? KWIRE_MAYBE_APPLIED : KWIRE_NOT_SENT;
	call->unfinished = call->queued;
	kw_note_wake(after, call->park);
	atomic_store_explicit(&call->done, true, memory_order_release);
}

void kw_end_locked(struct kwire_connection *connection, struct kwire_call *call, int result,
		   struct kw_response *response, struct kw_after *after)
{
	call->ended = true;
	call->result = result;
	call->response = response;
	kw_watch_ended_locked(connection, call);
	kw_baton_end_locked(connection, call);
	kw_publish_locked(connection, call, after);
}

/* What it was waiting behind, for its error. */
static void note_ahead(struct kwire_connection *connection, struct kwire_call *call)
	KW_REQUIRES(connection->lock)
{
	struct kw_slot *oldest = kw_pending_oldest(&connection->pending);

	call->ahead_key = -1;
	if (oldest == NULL || oldest->id == call->id || call->written == 0)
		return;
	call->ahead_key = oldest->api_key;
	call->ahead_ms = kw_now_ms() - oldest->since_ms;
}

void kw_give_up_locked(struct kwire_connection *connection, struct kwire_call *call, int result,
		       struct kw_after *after)
{
	struct kw_slot *slot = kw_pending_find(&connection->pending, call->id);
	struct kwire_error error;

	note_ahead(connection, call);
	if (call->queued && call->written == 0 && !call->writing) {
		/* It never left: as if it had not been. */
		kw_unqueue_locked(connection, call);
		if (slot != NULL && slot->call == call)
			kw_free_slot_locked(connection, slot, after);
		else
			kw_grant_locked(connection, after);
	} else if (slot != NULL && slot->call == call) {
		kw_pending_abandon(&connection->pending, slot);
		if (connection->pending.tombstones > KW_PENDING_MOST_TOMBSTONES) {
			kw_fail_in(&error, KWIRE_EDISCONNECTED, KWIRE_PHASE_RECEIVE,
				   "%u requests that were given up are still not answered",
				   connection->pending.tombstones);
			kw_end_locked(connection, call, result, NULL, after);
			kw_die_locked(connection, &error, after);
			return;
		}
	}
	kw_end_locked(connection, call, result, NULL, after);
	kw_baton_offer_locked(connection, after);
}

void kw_detach_locked(struct kwire_connection *connection, struct kwire_call *call,
		      struct kw_after *after)
{
	struct kwire_error error;
	int result;

	if (!call->ended || kw_call_is_done(call) || !call->queued || call->writing ||
	    call->copying)
		return;
	call->copying = true;
	kw_leave(connection, after);
	result = kw_frame_own(&call->frame, connection->memory);
	kw_lock(connection);
	call->copying = false;
	if (result != KWIRE_OK && kw_state(connection) != KW_CONNECTION_DEAD) {
		kw_fail_memory(&error);
		kw_error_add(&error, " to finish a request that was given up half-way");
		/* It ends this call too, whose owner may then have freed it. */
		kw_die_locked(connection, &error, after);
		return;
	}
	if (kw_state(connection) == KW_CONNECTION_DEAD && call->queued)
		kw_unqueue_locked(connection, call);
	if (!kw_call_is_done(call))
		kw_publish_locked(connection, call, after);
	/* Whoever held the token stopped in front of this frame. */
	kw_flush_locked(connection, after);
}

void kw_name_broker(struct kwire_connection *connection, const char *address,
		    struct kwire_error *error)
{
	char message[sizeof(error->message)];
	size_t size = strlen(connection->host);

	if (error == NULL)
		return;
	memcpy(message, error->message, sizeof(message));
	snprintf(error->message, sizeof(error->message),
		 strchr(connection->host, ':') != NULL ? "[%s]:%d: %s" : "%s:%d: %s",
		 connection->host, connection->port, message);
	if (size >= sizeof(error->host))
		size = sizeof(error->host) - 1;
	memcpy(error->host, connection->host, size);
	error->host[size] = '\0';
	error->port = connection->port;
	error->node_id = connection->node_id;
	if (address != NULL)
		memcpy(error->address, address, KW_ADDRESS_TEXT);
}

void kw_end_by_death_locked(struct kwire_connection *connection, struct kwire_call *call,
			    struct kw_after *after)
{
	call->by_death = true;
	kw_end_locked(connection, call, connection->cause.result, NULL, after);
}

/* Everything that waits for this connection, in turns short enough to wake in between. */
static void end_all_locked(struct kwire_connection *connection, struct kw_after *after)
	KW_REQUIRES(connection->lock)
{
	struct kwire_call *call, *next;
	struct kw_waiter *waiter;
	struct kw_slot *slot;

	/* Frames that nobody is writing: what did not leave will not. */
	for (;;) {
		for (call = connection->queue_first; call != NULL; call = next) {
			next = call->next;
			if (call->writing || call->copying)
				continue;
			kw_unqueue_locked(connection, call);
			slot = kw_pending_find(&connection->pending, call->id);
			if (slot != NULL && !call->one_way)
				kw_free_slot_locked(connection, slot, after);
			if (!call->ended)
				kw_end_by_death_locked(connection, call, after);
			else if (call->orphan || !kw_call_is_done(call))
				kw_publish_locked(connection, call, after);
			if (after->wake_count > KW_WAKES_FEW)
				break;
		}
		if (call == NULL)
			break;
		kw_breathe_locked(connection, after);
	}
	for (uint32_t i = 0; i < connection->pending.capacity; i++) {
		slot = &connection->pending.slots[i];
		if (slot->kind == KW_SLOT_FREE)
			continue;
		call = slot->call;
		kw_free_slot_locked(connection, slot, after);
		if (call != NULL && !call->ended)
			kw_end_by_death_locked(connection, call, after);
		kw_breathe_locked(connection, after);
	}
	while ((waiter = connection->setup_waiters.first) != NULL) {
		kw_waiters_remove(&connection->setup_waiters, waiter);
		kw_note_wake(after, waiter->park);
		kw_breathe_locked(connection, after);
	}
	while ((waiter = connection->place_waiters.first) != NULL) {
		kw_waiters_remove(&connection->place_waiters, waiter);
		kw_note_wake(after, waiter->park);
		kw_breathe_locked(connection, after);
	}
}

void kw_die_locked(struct kwire_connection *connection, const struct kwire_error *cause,
		   struct kw_after *after)
{
	if (kw_state(connection) == KW_CONNECTION_DEAD)
		return;
	connection->cause = *cause;
	connection->cause.outcome = KWIRE_NOT_SENT;
	kw_name_broker(connection, connection->address, &connection->cause);
	atomic_store_explicit(&connection->state, KW_CONNECTION_DEAD, memory_order_release);
	after->shutdown = true;
	/* It may have been told of the peer's end before, and not hear of this one. */
	after->wake_thread = connection->baton.shared;
	end_all_locked(connection, after);
}
