/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The API's edge: from a request struct to an encoded call, in a version that
 * both sides have.  Deadlines become absolute here, once.  What happens to the
 * call then is submit.c's, call.c's and handle.c's.
 */
#include "internal.h"

#include <string.h>

#include <kwire/api/fetch.h>

#include "../base/clock.h"
#include "../base/error.h"

enum {
	FETCH_KEY = 1,
	FETCH_SLACK = 1048576, /* headers, and the batch that goes over the limit */
};

int kw_send_options_read(const struct kwire_send_options *given, struct kwire_send_options *options,
			 struct kwire_error *error)
{
	const struct kwire_send_options defaults = KWIRE_SEND_OPTIONS_INIT;

	*options = defaults;
	if (given == NULL)
		return KWIRE_OK;
	if (given->size < sizeof(given->size))
		return kw_fail(error, KWIRE_EINVAL,
			       "send options without a size: use KWIRE_SEND_OPTIONS_INIT");
	memcpy(options, given, given->size < sizeof(*options) ? given->size : sizeof(*options));
	return KWIRE_OK;
}

/* The edge of the public functions: one clock reading, one deadline. */
static int begin(struct kwire_connection *connection, const struct kwire_send_options *given,
		 struct kwire_send_options *options, int64_t *started_ms, int64_t *deadline_ms,
		 struct kwire_error *error)
{
	int result = kw_send_options_read(given, options, error);

	if (result != KWIRE_OK)
		return result;
	if (options->broker_id != -1 || options->target != NULL || options->lane != KWIRE_LANE_AUTO)
		return kw_fail(error, KWIRE_EINVAL,
			       "broker_id, target and lane mean nothing on a connection: leave "
			       "them alone");
	*started_ms = kw_now_ms();
	*deadline_ms = kw_deadline(*started_ms,
				   options->timeout_ms >= 0
					   ? options->timeout_ms
					   : connection->config->settings.request_timeout_ms);
	return KWIRE_OK;
}

/* Fetch says itself how much it may be answered with. */
static size_t response_limit(struct kwire_connection *connection, const struct kwire_api *api,
			     const void *request)
{
	const struct kwire_fetch_request *fetch = request;
	size_t limit = (size_t)connection->config->settings.receive_message_max_bytes;
	size_t asked, largest;

	if (api->key != FETCH_KEY || fetch->max_bytes <= 0)
		return limit;
	asked = (size_t)fetch->max_bytes + FETCH_SLACK;
	if (asked <= limit)
		return limit;
	largest = atomic_load(&connection->largest);
	while (largest < asked &&
	       !atomic_compare_exchange_weak(&connection->largest, &largest, asked))
		continue;
	return asked;
}

static int fail_locally(struct kwire_connection *connection, int16_t api_key, int64_t started_ms,
			struct kwire_error *error, int result)
{
	(void)connection;
	if (error != NULL) {
		error->api_key = api_key;
		error->outcome = KWIRE_NOT_SENT;
		error->elapsed_ms = kw_now_ms() - started_ms;
	}
	return result;
}

static size_t request_limit(const struct kwire_connection *connection)
{
	int64_t limit = connection->config->settings.send_message_max_bytes;

	return limit > 0 && limit < KW_REQUEST_MOST ? (size_t)limit : KW_REQUEST_MOST;
}

/* A call with its request encoded, when the connection is ready. */
static int prepare(struct kwire_connection *connection, const struct kwire_api *api,
		   const void *request, const struct kwire_send_options *options,
		   int64_t started_ms, int64_t deadline_ms, struct kwire_call **out,
		   struct kwire_error *error)
{
	struct kwire_call *call;
	int result = kw_connection_wait_ready(connection, deadline_ms, error);

	if (result != KWIRE_OK)
		return result;
	call = kw_call_new(connection);
	if (call == NULL)
		return kw_fail_memory(error);
	call->api = api;
	call->api_key = api->key;
	call->one_way = (options->flags & KWIRE_ONE_WAY) != 0;
	call->started_ms = started_ms;
	call->deadline_ms = deadline_ms;
	call->largest = response_limit(connection, api, request);
	if (api->request_wait_offset >= 0)
		memcpy(&call->wait_ms, (const char *)request + api->request_wait_offset,
		       sizeof(call->wait_ms));
	result = kw_versions_negotiate(connection->versions, api, options->min_version,
				       options->max_version, (options->flags & KWIRE_UNSTABLE) != 0,
				       &call->version, error);
	if (result == KWIRE_OK)
		result = kw_frame_encode(&call->frame, connection->memory, api, call->version,
					 connection->client_id, request, request_limit(connection),
					 error);
	if (result != KWIRE_OK) {
		kw_call_release(call);
		return result;
	}
	*out = call;
	return KWIRE_OK;
}

/* Submits a prepared call of the caller's own, waits for it, and gives it back. */
static int carry_out(struct kwire_call *call, void **response, struct kwire_error *error)
{
	int result = kw_call_lend_park(call);

	if (result != KWIRE_OK)
		kw_fail_memory(error);
	else
		result = kw_call_submit(call, error);
	if (result == KWIRE_OK) {
		kw_call_await(call, KW_NEVER);
		result = kw_call_take(call, response, error);
	} else {
		fail_locally(call->connection, call->api_key, call->started_ms, error, result);
	}
	kw_call_release(call);
	return result;
}

int kw_connection_send(struct kwire_connection *connection, const struct kwire_api *api,
		       const void *request, void **response,
		       const struct kwire_send_options *options, int64_t started_ms,
		       int64_t deadline_ms, struct kwire_error *error)
{
	struct kwire_send_options chosen;
	struct kwire_call *call = NULL;
	int result = kw_send_options_read(options, &chosen, error);

	if (result == KWIRE_OK)
		result = prepare(connection, api, request, &chosen, started_ms, deadline_ms, &call,
				 error);
	if (result != KWIRE_OK)
		return fail_locally(connection, api->key, started_ms, error, result);
	return carry_out(call, response, error);
}

int kw_connection_start(struct kwire_connection *connection, const struct kwire_api *api,
			const void *request, const struct kwire_send_options *options,
			int64_t started_ms, int64_t deadline_ms, struct kwire_call **out,
			struct kwire_error *error)
{
	struct kwire_send_options chosen;
	struct kwire_call *call = NULL;
	int result = kw_send_options_read(options, &chosen, error);

	if (result == KWIRE_OK)
		result = prepare(connection, api, request, &chosen, started_ms, deadline_ms, &call,
				 error);
	if (result == KWIRE_OK) {
		call->handle = true;
		call->more = (chosen.flags & KWIRE_MORE) != 0;
		result = kw_call_submit(call, error);
		if (result != KWIRE_OK)
			kw_call_release(call);
	}
	if (result != KWIRE_OK)
		return fail_locally(connection, api->key, started_ms, error, result);
	/* Lent only to wait for a place: handles may be many. */
	if (call->own_park != NULL) {
		kw_park_return(&connection->lot, call->own_park);
		call->own_park = NULL;
	}
	kw_connection_get(connection);
	*out = call;
	return KWIRE_OK;
}

int kwire_connection_send(struct kwire_connection *connection, const struct kwire_api *api,
			  const void *request, void **response,
			  const struct kwire_send_options *options, struct kwire_error *error)
{
	struct kwire_send_options chosen;
	int64_t started_ms, deadline_ms;
	int cancel_state, result;

	if (kw_connection_forked(connection))
		return kw_fail_forked(error);
	cancel_state = kw_cancel_disable();
	result = begin(connection, options, &chosen, &started_ms, &deadline_ms, error);
	if (result == KWIRE_OK)
		result = kw_connection_send(connection, api, request, response, &chosen, started_ms,
					    deadline_ms, error);
	kw_cancel_restore(cancel_state);
	return result;
}

int kwire_connection_start(struct kwire_connection *connection, const struct kwire_api *api,
			   const void *request, const struct kwire_send_options *options,
			   struct kwire_call **call, struct kwire_error *error)
{
	struct kwire_send_options chosen;
	int64_t started_ms, deadline_ms;
	int cancel_state, result;

	if (kw_connection_forked(connection))
		return kw_fail_forked(error);
	cancel_state = kw_cancel_disable();
	result = begin(connection, options, &chosen, &started_ms, &deadline_ms, error);
	if (result == KWIRE_OK)
		result = kw_connection_start(connection, api, request, &chosen, started_ms,
					     deadline_ms, call, error);
	kw_cancel_restore(cancel_state);
	return result;
}

static int send_raw(struct kwire_connection *connection, int16_t api_key, int16_t version,
		    unsigned flags, const void *body, size_t size,
		    struct kwire_raw_response **response, const struct kwire_send_options *options,
		    struct kwire_error *error)
{
	struct kwire_send_options chosen;
	struct kwire_call *call = NULL;
	int64_t started_ms, deadline_ms;
	void *message = NULL;
	int result = begin(connection, options, &chosen, &started_ms, &deadline_ms, error);

	if (result == KWIRE_OK)
		result = kw_connection_wait_ready(connection, deadline_ms, error);
	if (result != KWIRE_OK)
		return result;
	call = kw_call_new(connection);
	if (call == NULL)
		return kw_fail_memory(error);
	call->api_key = api_key;
	call->version = version;
	call->flexible = (flags & KWIRE_RAW_FLEXIBLE) != 0;
	call->one_way = (chosen.flags & KWIRE_ONE_WAY) != 0;
	call->started_ms = started_ms;
	call->deadline_ms = deadline_ms;
	call->largest = (size_t)connection->config->settings.receive_message_max_bytes;
	result = kw_frame_encode_raw(&call->frame, connection->memory, api_key, version,
				     call->flexible, connection->client_id, body, size,
				     request_limit(connection), error);
	if (result != KWIRE_OK) {
		kw_call_release(call);
		return fail_locally(connection, api_key, started_ms, error, result);
	}
	result = carry_out(call, &message, error);
	if (result == KWIRE_OK) {
		if (response != NULL)
			*response = message;
		else
			kwire_response_free(message);
	}
	return result;
}

int kwire_connection_send_raw(struct kwire_connection *connection, int16_t api_key, int16_t version,
			      unsigned flags, const void *body, size_t size,
			      struct kwire_raw_response **response,
			      const struct kwire_send_options *options, struct kwire_error *error)
{
	int cancel_state, result;

	if (kw_connection_forked(connection))
		return kw_fail_forked(error);
	cancel_state = kw_cancel_disable();
	result = send_raw(connection, api_key, version, flags, body, size, response, options,
			  error);
	kw_cancel_restore(cancel_state);
	return result;
}

int kwire_connection_flush(struct kwire_connection *connection, struct kwire_error *error)
{
	struct kwire_error cause;
	int cancel_state;
	bool dead;

	if (kw_connection_forked(connection))
		return kw_fail_forked(error);
	cancel_state = kw_cancel_disable();
	dead = kw_connection_cause(connection, &cause);
	if (!dead)
		kw_connection_flush(connection);
	kw_cancel_restore(cancel_state);
	return dead ? kw_error_copy(error, &cause) : KWIRE_OK;
}
