/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The write path.  Whoever finds the token free takes it and writes, outside
 * the lock and without ever blocking; whoever comes meanwhile leaves its frame
 * in the queue, which the token's holder sends on with one system call.  When
 * the transport is full, the connection's thread goes on once it drains:
 * callers only wait, so no caller's deadline cuts another's frame.
 *
 * Frames that are being written are the head of the queue, marked `writing`:
 * until the mark is gone nobody may free or change them, and their calls are
 * not done.
 */
#include "internal.h"

#include "../base/clock.h"
#include "../base/error.h"
#include "../transport/exchange.h"
#include "watch.h"

enum {
	MOST_ROUNDS = 16, /* of writing in a row: the thread goes on with what still comes */
};

struct gather {
	bool login; /* a login's frame, no call's */
	struct iovec iov[KW_GATHER_PIECES];
	int pieces;
	struct kwire_call *first; /* of those in it */
	int calls;
	size_t bytes;
};

void kw_queue_locked(struct kwire_connection *connection, struct kwire_call *call)
{
	call->next = NULL;
	call->previous = connection->queue_last;
	if (connection->queue_last != NULL)
		connection->queue_last->next = call;
	else
		connection->queue_first = call;
	connection->queue_last = call;
	connection->queue_bytes += call->frame.total_size;
	call->queued = true;
	if (call->one_way)
		connection->one_way++;
}

void kw_unqueue_locked(struct kwire_connection *connection, struct kwire_call *call)
{
	if (call->previous != NULL)
		call->previous->next = call->next;
	else
		connection->queue_first = call->next;
	if (call->next != NULL)
		call->next->previous = call->previous;
	else
		connection->queue_last = call->previous;
	call->next = call->previous = NULL;
	connection->queue_bytes -= call->frame.total_size - call->written;
	call->queued = false;
	if (call->one_way)
		connection->one_way--;
}

/* Adds what is left of one frame; false when there was no room for all of it. */
static bool add_frame(struct gather *gather, const struct kwire_call *call)
{
	size_t skip = call->written;
	struct iovec *piece;

	for (int i = 0; i < call->frame.iov_count; i++) {
		if (skip >= call->frame.iov[i].iov_len) {
			skip -= call->frame.iov[i].iov_len;
			continue;
		}
		if (gather->pieces == KW_GATHER_PIECES)
			return false;
		piece = &gather->iov[gather->pieces++];
		piece->iov_base = (uint8_t *)call->frame.iov[i].iov_base + skip;
		piece->iov_len = call->frame.iov[i].iov_len - skip;
		gather->bytes += piece->iov_len;
		skip = 0;
	}
	return true;
}

static void gather_locked(struct kwire_connection *connection, struct gather *gather)
	KW_REQUIRES(connection->lock)
{
	bool room = true;

	gather->first = connection->queue_first;
	gather->pieces = gather->calls = 0;
	gather->bytes = 0;
	gather->login = kw_reauth_holds_locked(connection, gather->iov);
	if (gather->login) {
		gather->pieces = gather->iov[0].iov_len > 0 ? 1 : 0;
		return;
	}
	for (struct kwire_call *call = connection->queue_first; call != NULL && room;
	     call = call->next) {
		if (call->copying || gather->pieces == KW_GATHER_PIECES)
			break;
		call->writing = true;
		kw_watch_writing_locked(connection, call);
		gather->calls++;
		/* A login waits for the frame that was begun, and for no other. */
		room = add_frame(gather, call) && !kw_reauth_is_due_locked(connection);
	}
}

/* A frame is out: what was waited for may be just that. */
static void written_locked(struct kwire_connection *connection, struct kwire_call *call,
			   struct kw_after *after) KW_REQUIRES(connection->lock)
{
	kw_unqueue_locked(connection, call);
	if (call->one_way) {
		kw_grant_locked(connection, after);
		if (!call->ended) {
			kw_end_locked(connection, call, KWIRE_OK, NULL, after);
			return;
		}
	}
	if (call->ended && (call->orphan || !kw_call_is_done(call)))
		kw_publish_locked(connection, call, after);
}

/* Its owner gave it up while it was being written. */
static void left_behind_locked(struct kwire_connection *connection, struct kwire_call *call,
			       struct kw_after *after) KW_REQUIRES(connection->lock)
{
	struct kw_slot *slot;

	if (call->written == 0 && !call->orphan && call->response == NULL) {
		/* Not a byte went: no answer will come either. */
		kw_unqueue_locked(connection, call);
		slot = call->one_way ? NULL : kw_pending_find(&connection->pending, call->id);
		if (slot != NULL)
			kw_free_slot_locked(connection, slot, after);
		else
			kw_grant_locked(connection, after);
	}
	if (kw_call_is_done(call))
		return;
	/* Published, it is its owner's alone. */
	if (call->queued && call->frame.borrows)
		kw_detach_locked(connection, call, after);
	else
		kw_publish_locked(connection, call, after);
}

/* Its first bytes are out: from now on its answer is waited for. */
static void begun_locked(struct kwire_connection *connection, struct kwire_call *call,
			 int64_t now_ms) KW_REQUIRES(connection->lock)
{
	struct kw_slot *slot = call->one_way ? NULL
					     : kw_pending_find(&connection->pending, call->id);

	if (slot != NULL)
		slot->since_ms = now_ms;
}

/* Books `size` bytes to the first `calls` of the queue, which were being written. */
static void account_locked(struct kwire_connection *connection, int calls, size_t size,
			   struct kw_after *after) KW_REQUIRES(connection->lock)
{
	struct kwire_call *call = connection->queue_first;
	struct kwire_call *next;
	int64_t now_ms = size > 0 ? kw_now_ms() : 0;
	size_t part;

	for (; calls > 0; calls--, call = next) {
		/* The next one is marked too, so that it stays where it is. */
		next = call->next;
		part = call->frame.total_size - call->written;
		if (part > size)
			part = size;
		size -= part;
		if (call->written == 0 && part > 0)
			begun_locked(connection, call, now_ms);
		call->written += part;
		connection->queue_bytes -= part;
		call->writing = false;
		if (call->written == call->frame.total_size) {
			written_locked(connection, call, after);
		} else if (kw_state(connection) == KW_CONNECTION_DEAD) {
			kw_unqueue_locked(connection, call);
			if (!call->ended)
				kw_end_by_death_locked(connection, call, after);
			else if (call->orphan || !kw_call_is_done(call))
				kw_publish_locked(connection, call, after);
		} else if (call->ended) {
			left_behind_locked(connection, call, after);
		}
		kw_breathe_locked(connection, after);
	}
}

void kw_flush_locked(struct kwire_connection *connection, struct kw_after *after)
{
	const struct kwire_transport_ops *ops;
	struct gather gather;
	struct kwire_error error;
	void *transport;
	int64_t begun_us;
	ssize_t put;
	int rounds = 0;

	if (connection->token_held)
		return;
	connection->token_held = true;
	while ((connection->queue_first != NULL || connection->reauth.active) &&
	       !connection->blocked && !connection->broken &&
	       kw_state(connection) == KW_CONNECTION_READY) {
		if (rounds++ == MOST_ROUNDS) {
			/* Its own deadline may pass: others feed the queue as fast as it writes. */
			connection->relayed = true;
			after->wake_thread = true;
			break;
		}
		gather_locked(connection, &gather);
		if (gather.pieces == 0)
			break;
		ops = connection->ops;
		transport = connection->transport;
		connection->transport_users++;
		kw_leave(connection, after);
		begun_us = kw_watch_writing(connection);
		put = ops->writev(transport, gather.iov, gather.pieces, 0, &error);
		if (!gather.login && put > 0)
			kw_watch_written(connection, gather.first, gather.calls, (size_t)put,
					 begun_us);
		kw_lock(connection);
		if (--connection->transport_users == 0)
			kw_cond_broadcast(&connection->changed);
		if (put == KWIRE_ETIMEDOUT || put == KWIRE_ECANCELED) {
			connection->blocked = true;
			if (!connection->stalled)
				connection->stalled_ms = kw_now_ms();
			connection->stalled = true;
			after->wake_writable = kw_transport_tells_writable(ops);
			after->wake_thread = !after->wake_writable;
		} else if (put <= 0) {
			/* The thread first reads what may have come before the end. */
			if (put == 0)
				kw_fail_in(&error, KWIRE_EDISCONNECTED, KWIRE_PHASE_SEND,
					   "the transport takes no bytes");
			connection->write_error = error;
			connection->broken = true;
			after->wake_thread = true;
		}
		if (put > 0)
			connection->stalled = false;
		if (!gather.login)
			account_locked(connection, gather.calls, put > 0 ? (size_t)put : 0, after);
		else if (put > 0 && kw_reauth_wrote_locked(connection, (size_t)put))
			after->wake_thread = true;
	}
	connection->token_held = false;
}
