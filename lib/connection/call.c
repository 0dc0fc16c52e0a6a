/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a struct kwire_call from its owner's side: made, waited for, its
 * result taken, given back.  See call.h.  Spare calls keep their frame's buffer
 * and their park, so that a steady caller allocates nothing but its response.
 */
#include "internal.h"

#include <string.h>

#include "../base/clock.h"
#include "../base/error.h"
#include "../protocol/response.h"
#include "watch.h"

struct kwire_call *kw_call_new(struct kwire_connection *connection)
{
	struct kwire_call *call = kw_spares_take(&connection->spares);

	if (call == NULL)
		call = kw_zalloc(connection->memory, sizeof(*call));
	if (call == NULL)
		return NULL;
	call->connection = connection;
	call->fork_generation = connection->fork_generation;
	call->ahead_key = -1;
	return call;
}

void kw_call_destroy(struct kwire_call *call)
{
	kw_response_drop(call->response);
	if (call->own_park != NULL)
		kw_park_return(&call->connection->lot, call->own_park);
	kw_frame_fini(&call->frame);
	kw_free(call);
}

/* Everything but what is worth keeping, as if new. */
static void reset(struct kwire_call *call)
{
	struct kw_frame frame = call->frame;
	struct kw_park *park = call->own_park;
	struct kwire_connection *connection = call->connection;

	kw_response_drop(call->response);
	memset(call, 0, sizeof(*call));
	call->frame = frame;
	call->own_park = park;
	call->connection = connection;
}

static void recycle(struct kwire_call *call)
{
	reset(call);
	if (!kw_spares_give(&call->connection->spares, call))
		kw_call_destroy(call);
}

void kw_call_release(struct kwire_call *call)
{
	struct kwire_connection *connection = call->connection;
	bool orphan = false;

	kw_watch_done(call, call->result);
	if (call->unfinished) {
		kw_mutex_lock(&connection->lock);
		orphan = call->orphan = call->queued;
		call->park = NULL;
		if (orphan && call->own_park != NULL) {
			kw_park_return(&connection->lot, call->own_park);
			call->own_park = NULL;
		}
		kw_mutex_unlock(&connection->lock);
	}
	if (!orphan)
		recycle(call);
}

int kw_call_lend_park(struct kwire_call *call)
{
	if (call->own_park == NULL)
		call->own_park = kw_park_borrow(&call->connection->lot);
	return call->own_park != NULL ? KWIRE_OK : KWIRE_ENOMEM;
}

void kw_call_give_up(struct kwire_call *call, int result)
{
	struct kwire_connection *connection = call->connection;
	struct kw_after after;

	kw_after_init(&after);
	kw_lock(connection);
	if (!call->ended)
		kw_give_up_locked(connection, call, result, &after);
	after.kick = connection->baton.kickable == call;
	kw_detach_locked(connection, call, &after);
	kw_leave(connection, &after);
}

static const char *name_of(const struct kwire_call *call)
{
	const char *name = call->api != NULL ? call->api->name : kwire_api_name(call->api_key);

	return name != NULL ? name : "the request";
}

static void explain_timeout(const struct kwire_call *call, struct kwire_error *error)
{
	const char *ahead;

	if (call->outcome == KWIRE_NOT_SENT) {
		kw_fail_in(error, KWIRE_ETIMEDOUT, KWIRE_PHASE_SEND,
			   "%s timed out before a byte of it could be sent", name_of(call));
		return;
	}
	kw_fail_in(error, KWIRE_ETIMEDOUT, KWIRE_PHASE_RECEIVE, "no answer to %s within %ld ms",
		   name_of(call), (long)(call->deadline_ms - call->started_ms));
	if (call->ahead_key < 0)
		return;
	ahead = kwire_api_name(call->ahead_key);
	kw_error_add(error, "; an older request, %s, has waited for its own for %ld ms",
		     ahead != NULL ? ahead : "of another API", (long)call->ahead_ms);
}

static void name_broker(struct kwire_connection *connection, struct kwire_error *error)
{
	kw_mutex_lock(&connection->lock);
	kw_name_broker(connection, connection->address, error);
	kw_mutex_unlock(&connection->lock);
}

/* The error of a call that ended without a response. */
static void explain(const struct kwire_call *call, struct kwire_error *error)
{
	struct kwire_connection *connection = call->connection;

	if (call->by_death) {
		/* Never changes once there, and it was there before the call was done. */
		kw_connection_cause(connection, error);
	} else {
		if (call->result == KWIRE_ETIMEDOUT)
			explain_timeout(call, error);
		else if (call->result == KWIRE_ECANCELED)
			kw_fail_in(error, KWIRE_ECANCELED, KWIRE_PHASE_WAIT, "%s was canceled",
				   name_of(call));
		else if (call->result == KWIRE_ENOMEM)
			kw_fail_in(error, KWIRE_ENOMEM, KWIRE_PHASE_RECEIVE,
				   "no memory for the response to %s", name_of(call));
		else
			kw_fail_in(error, call->result, KWIRE_PHASE_WAIT, "%s failed",
				   name_of(call));
		name_broker(connection, error);
	}
	error->outcome = call->outcome;
}

/*
 * KIP-219: from some version of each API on, the client is meant to wait itself.  Kept here,
 * since of all that the pool knows only the connection lives as long as a call's handle.
 */
static void note_throttle(struct kwire_connection *connection, const struct kwire_api *api,
			  int16_t version, const void *response)
{
	int64_t until_ms, before_ms;
	int32_t throttle_ms;

	if (api->throttle_offset < 0 || version < api->throttle_version)
		return;
	memcpy(&throttle_ms, (const char *)response + api->throttle_offset, sizeof(throttle_ms));
	if (throttle_ms <= 0)
		return;
	kw_watch_throttled(connection, api->key, throttle_ms);
	until_ms = kw_now_ms() + throttle_ms;
	before_ms = atomic_load_explicit(&connection->throttled_until_ms, memory_order_relaxed);
	while (before_ms < until_ms &&
	       !atomic_compare_exchange_weak_explicit(&connection->throttled_until_ms, &before_ms,
						      until_ms, memory_order_relaxed,
						      memory_order_relaxed))
		;
}

int kw_call_take(struct kwire_call *call, void **response, struct kwire_error *error)
{
	struct kwire_connection *connection = call->connection;
	struct kwire_raw_response *raw = NULL;
	void *message = NULL;
	struct kw_response *received = call->response;
	int result = call->result;

	call->taken = true;
	call->response = NULL;
	if (result == KWIRE_OK && received != NULL) {
		kw_watch_response(call, received);
		if (call->api == NULL) {
			result = kw_response_decode_raw(received, call->flexible, &raw, error);
			message = raw;
		} else {
			result = kw_response_decode(received, call->api, call->version, &message,
						    error);
		}
		if (result != KWIRE_OK) {
			name_broker(connection, error);
			if (error != NULL)
				error->outcome = KWIRE_ANSWERED;
		} else if (call->api != NULL) {
			note_throttle(connection, call->api, call->version, message);
		}
	} else if (error != NULL && result != KWIRE_OK) {
		explain(call, error);
	}
	if (result != KWIRE_OK) {
		if (error != NULL) {
			error->api_key = call->api_key;
			error->elapsed_ms = kw_now_ms() - call->started_ms;
		}
		kw_watch_done(call, result);
		return result;
	}
	kw_watch_done(call, KWIRE_OK);
	if (response != NULL)
		*response = message;
	else
		kwire_response_free(message);
	return KWIRE_OK;
}
