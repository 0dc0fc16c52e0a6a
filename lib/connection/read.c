/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One step of reading: bytes in, ended calls out.  Run by whoever has the
 * baton, a caller or the connection's thread, without the lock; see baton.c
 * for whose turn it is.  Also what is known from reading: when the broker was
 * last heard, and whether it has been silent for too long.
 */
#include "internal.h"

#include <string.h>

#include <kwire/client.h>

#include "../base/clock.h"
#include "../base/error.h"
#include "../protocol/response.h"
#include "watch.h"

enum {
	COMBINE_FROM = 16, /* callers woken at once; below, it costs more than it saves */
};

static void find(void *context, struct kw_answer *answers, int count)
{
	struct kwire_connection *connection = context;
	struct kw_after after;
	struct kw_answer *answer;
	struct kw_slot *slot;
	int64_t now_us = 0;

	kw_after_init(&after);
	kw_lock(connection);
	for (int i = 0; i < count; i++) {
		answer = &answers[i];
		if (kw_reauth_find_locked(connection, answer))
			continue;
		slot = kw_pending_find(&connection->pending, answer->id);
		if (slot != NULL && slot->kind == KW_SLOT_CALL) {
			answer->fate = KW_FATE_DELIVER;
			answer->api = slot->call->api;
			answer->largest = slot->call->largest;
			kw_watch_first_byte_locked(connection, slot->call, &now_us);
			continue;
		}
		answer->fate = kw_pending_was_issued(&connection->pending, answer->id)
				       ? KW_FATE_DROP
				       : KW_FATE_UNKNOWN;
		if (slot != NULL)
			kw_free_slot_locked(connection, slot, &after);
		kw_breathe_locked(connection, &after);
	}
	kw_leave(connection, &after);
}

static void deliver(void *context, struct kw_answer *answers, int count)
{
	struct kwire_connection *connection = context;
	bool combine;
	struct kwire_call *call;
	struct kw_after after;
	struct kw_slot *slot;

	kw_after_init(&after);
	kw_lock(connection);
	for (int i = 0; i < count; i++) {
		if (kw_reauth_take_locked(connection, &answers[i])) {
			/* The login is the thread's business. */
			after.wake_thread = connection->baton.holder != KW_BATON_THREAD;
			continue;
		}
		slot = kw_pending_find(&connection->pending, answers[i].id);
		if (slot == NULL)
			continue;
		call = slot->call;
		kw_free_slot_locked(connection, slot, &after);
		if (call == NULL)
			continue;
		call->outcome = KWIRE_ANSWERED;
		kw_end_locked(connection, call,
			      answers[i].response != NULL ? KWIRE_OK : KWIRE_ENOMEM,
			      answers[i].response, &after);
		answers[i].response = NULL;
		kw_breathe_locked(connection, &after);
	}
	/*
	 * Many wake at once and ask again at once: kept meanwhile, the token has
	 * them queue up, and their requests leave together.
	 */
	combine = after.wake_count >= COMBINE_FROM && !connection->token_held;
	if (combine)
		connection->token_held = true;
	kw_leave(connection, &after);
	if (combine) {
		kw_lock(connection);
		connection->token_held = false;
		kw_flush_locked(connection, &after);
		kw_leave(connection, &after);
	}
	/* Those whose owners left since they were found. */
	for (int i = 0; i < count; i++)
		kw_response_drop(answers[i].response);
}

void kw_note_bytes_locked(struct kwire_connection *connection, int64_t now_ms)
{
	connection->last_byte_ms = now_ms;
	atomic_store_explicit(&connection->last_used_ms, now_ms, memory_order_relaxed);
}

int64_t kw_silent_ms_locked(struct kwire_connection *connection, int64_t now_ms)
{
	struct kw_slot *oldest = kw_pending_oldest(&connection->pending);
	int64_t since_ms;

	if (oldest == NULL)
		return KW_NEVER;
	since_ms = oldest->since_ms > connection->last_byte_ms ? oldest->since_ms
							       : connection->last_byte_ms;
	/* Held back, or behind a login: the broker was not asked yet. */
	if (!connection->blocked && kw_is_unsent_locked(oldest))
		since_ms = now_ms;
	return kw_deadline(since_ms, kw_patience_ms(connection, oldest->wait_ms));
}

/* Nothing came until `until_ms`: is the broker dead, or writing at its end? */
static int judge_silence(struct kwire_connection *connection, int64_t until_ms,
			 struct kwire_error *error)
{
	struct kw_slot *oldest;
	const char *name;
	int64_t now_ms = kw_now_ms();
	int result = KWIRE_OK;

	kw_mutex_lock(&connection->lock);
	if (connection->broken) {
		result = kw_error_copy(error, &connection->write_error);
	} else if (kw_silent_ms_locked(connection, now_ms) <= until_ms) {
		oldest = kw_pending_oldest(&connection->pending);
		name = kwire_api_name(oldest->api_key);
		result = kw_fail_in(error, KWIRE_EDISCONNECTED, KWIRE_PHASE_RECEIVE,
				    "the broker is silent: no answer to %s for %ld ms, and "
				    "nothing else either",
				    name != NULL ? name : "a request",
				    (long)(now_ms - oldest->since_ms));
	}
	kw_mutex_unlock(&connection->lock);
	return result;
}

/* Reading came to an end; where writing had failed before, that is the cause. */
static int explain_end(struct kwire_connection *connection, ssize_t got, struct kwire_error *error)
{
	int result = (int)got;

	if (got == 0)
		result = kw_fail_in(error, KWIRE_EDISCONNECTED, KWIRE_PHASE_RECEIVE,
				    "the broker closed the connection");
	kw_mutex_lock(&connection->lock);
	if (connection->cut)
		result = kw_error_copy(error, &connection->write_error);
	kw_mutex_unlock(&connection->lock);
	return result;
}

ssize_t kw_read_some(struct kwire_connection *connection, enum kw_way way, int64_t until_ms,
		     struct kwire_error *error) KW_NO_ANALYSIS
{
	const struct kw_receiver_owner owner = {connection, find, deliver};
	/* Not replaced while anybody reads. */
	const struct kwire_transport_ops *ops = connection->ops;
	void *transport = connection->transport;
	struct iovec iov[2];
	int count = kw_receiver_space(&connection->receiver, iov);
	ssize_t got;
	int result;

	if (way == KW_READ)
		got = ops->read(transport, iov, count, until_ms, error);
	else
		got = ops->receive(transport, iov, count, until_ms, way == KW_RECEIVE_KICKABLE,
				   error);
	if (got > 0) {
		result = kw_receiver_step(&connection->receiver, (size_t)got,
					  atomic_load(&connection->largest), &owner, error);
		return result != KWIRE_OK ? result : got;
	}
	if (got == KWIRE_ETIMEDOUT) {
		result = judge_silence(connection, until_ms, error);
		return result != KWIRE_OK ? result : got;
	}
	return got == KWIRE_ECANCELED ? got : explain_end(connection, got, error);
}
