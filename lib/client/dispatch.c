/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See dispatch.h.  Two loops, one for any broker and one for a certain one,
 * over the same step: lease a connection, attempt, give it back.  An attempt
 * ends the call unless its connection died before a byte of the request left:
 * then
 * - a connection that had never been ready was a failed dial: on to the next
 *   candidate, or, with one broker only, to its address of today;
 * - one that had been ready was found dead too late: once more on a fresh one.
 * When nobody is left to try, the call fails with the last cause, or waits.
 */
#include "dispatch.h"

#include <string.h>

#include "../base/clock.h"
#include "../base/error.h"

enum kw_lane kw_lane_of(const struct kwire_client *client, const struct kwire_api *api,
			const void *request, enum kwire_lane chosen)
{
	const int most = (int)client->config->settings.connections_max_per_broker - 1;
	int lane = api->route != NULL ? api->route->lane : KW_LANE_NORMAL;
	int32_t wait_ms;

	if (chosen != KWIRE_LANE_AUTO) {
		lane = (int)chosen - (int)KWIRE_LANE_NORMAL;
	} else if (api->request_wait_offset >= 0) {
		memcpy(&wait_ms, (const char *)request + api->request_wait_offset, sizeof(wait_ms));
		if (wait_ms == 0)
			lane = KW_LANE_NORMAL;
	}
	return (enum kw_lane)(lane < most ? lane : most);
}

void kw_operation_send(struct kw_operation *operation, const struct kwire_client *client,
		       const struct kwire_api *api, const void *request,
		       const struct kwire_send_options *options, int64_t started_ms)
{
	const struct kw_settings *settings = &client->config->settings;
	int64_t timeout_ms = settings->request_timeout_ms;

	memset(operation, 0, sizeof(*operation));
	operation->api = api;
	operation->request = request;
	operation->options = options;
	operation->lane = kw_lane_of(client, api, request,
				     options != NULL ? options->lane : KWIRE_LANE_AUTO);
	operation->wait = settings->failure_wait;
	if (options != NULL) {
		operation->wait |= (options->flags & KWIRE_WAIT) != 0;
		if (options->timeout_ms >= 0)
			timeout_ms = options->timeout_ms;
	}
	operation->started_ms = started_ms;
	operation->deadline_ms = kw_deadline(started_ms, timeout_ms);
}

int kw_attempt_send(const struct kw_operation *operation, struct kwire_connection *connection,
		    struct kwire_error *error)
{
	return kw_connection_send(connection, operation->api, operation->request,
				  operation->response, operation->options, operation->started_ms,
				  operation->deadline_ms, error);
}

int kw_attempt_start(const struct kw_operation *operation, struct kwire_connection *connection,
		     struct kwire_error *error)
{
	int result = 0;

	/* Once started it stays with its connection; so where there is a choice, choose well. */
	if (operation->any || operation->wait)
		result = kw_connection_wait_ready(connection, operation->deadline_ms, error);
	if (result != 0)
		return result;
	return kw_connection_start(connection, operation->api, operation->request,
				   operation->options, operation->started_ms,
				   operation->deadline_ms, operation->call, error);
}

int kw_attempt_connect(const struct kw_operation *operation, struct kwire_connection *connection,
		       struct kwire_error *error)
{
	return kw_connection_wait_ready(connection, operation->deadline_ms, error);
}

int kw_attempt_versions(const struct kw_operation *operation, struct kwire_connection *connection,
			struct kwire_error *error)
{
	int result = kw_connection_wait_ready(connection, operation->deadline_ms, error);

	if (result != 0)
		return result;
	*operation->versions = kw_versions_copy(kwire_connection_versions(connection),
						operation->memory);
	return *operation->versions != NULL ? 0 : kw_fail_memory(error);
}

/* What to do after an attempt. */
enum verdict {
	DONE,      /* the call is over, well or not */
	UNREACHED, /* a dial failed: elsewhere, perhaps */
	STALE,     /* the connection had died unnoticed: again, once */
};

/* One attempt on a leased connection, which is given back. */
static enum verdict attempt(struct kwire_client *client, struct kw_operation *operation,
			    struct kw_lease *lease, int *result, struct kwire_error *error)
{
	bool dead;

	*result = operation->attempt(operation, lease->connection, error);
	operation->reached_id = lease->node_id;
	dead = *result != 0 && kw_connection_state(lease->connection) == KW_CONNECTION_DEAD;
	kw_pool_return(&client->pool, lease);
	if (!dead || error->outcome != KWIRE_NOT_SENT || kw_now_ms() >= operation->deadline_ms)
		return DONE;
	return lease->was_ready ? STALE : UNREACHED;
}

/* A refusal is not worth another try: it would be the same, and may lock an account. */
static bool refused(const struct kwire_error *error)
{
	return error->result == KWIRE_EAUTH;
}

/* Whether waiting could help: what the program or an administrator must change, it could not. */
static bool may_pass(const struct kwire_error *error)
{
	switch (error->result) {
	case KWIRE_EINVAL:
	case KWIRE_ECONFIG:
	case KWIRE_ENOMEM:
	case KWIRE_EAUTH:
	case KWIRE_EBROKER:
	case KWIRE_ECLOSED:
	case KWIRE_ENOTBUILT:
		return false;
	case KWIRE_ETLS:
		return error->retriable;
	default:
		return true;
	}
}

/*
 * Waits until something may have changed.  `again`: it was found stale, and
 * may go out once more after the pause that a short life brings.  False: the
 * call is over, and `error` says why.
 */
static bool wait_for_change(struct kwire_client *client, const struct kw_operation *operation,
			    bool again, struct kwire_error *error)
{
	struct kwire_error cause;

	/* What this process lacks is no pause of a broker's: it may lack it for long. */
	if (error->result == KWIRE_ELIMIT)
		again = false;
	if (!(operation->wait || again) || !may_pass(error))
		return false;
	if (kw_pool_wait(&client->pool, operation->deadline_ms))
		return true;
	cause = *error;
	kw_fail_in(error, KWIRE_ETIMEDOUT, cause.phase, "no broker was reached in time: %.400s",
		   cause.message);
	error->node_id = cause.node_id;
	error->port = cause.port;
	error->os_errno = cause.os_errno;
	memcpy(error->host, cause.host, sizeof(error->host));
	memcpy(error->address, cause.address, sizeof(error->address));
	return false;
}

static int dispatch_any(struct kwire_client *client, struct kw_operation *operation,
			struct kwire_error *error)
{
	uint64_t round = kw_pool_step(&client->pool);
	struct kw_lease lease;
	enum verdict verdict;
	bool resent = false, again = false;
	int result;

	for (;;) {
		result = kw_pool_lease_any(&client->pool, operation->lane, round,
					   operation->deadline_ms, &lease, error);
		if (result != 0) {
			if (!wait_for_change(client, operation, again, error))
				return error->result;
			round = kw_pool_step(&client->pool);
			continue;
		}
		verdict = attempt(client, operation, &lease, &result, error);
		if (verdict == DONE || refused(error) || (verdict == STALE && resent))
			return result;
		again = verdict == STALE;
		resent = resent || again;
	}
}

/* The broker was not reached: has it moved, or gone, since its address was learnt? */
static bool look_up_again(struct kwire_client *client, const struct kw_operation *operation,
			  int32_t broker_id)
{
	struct kwire_broker_info before, after;

	if (!kw_pool_failed_since(&client->pool, broker_id,
				  kw_metadata_updated_step(&client->metadata)) ||
	    !kw_pool_info(&client->pool, broker_id, &before) ||
	    kw_metadata_refresh(client, operation->deadline_ms, NULL) != 0)
		return false;
	return !kw_pool_info(&client->pool, broker_id, &after) || before.port != after.port ||
	       strcmp(before.host, after.host) != 0;
}

/* What is known will do for now, so fresher facts may take half of the call's time at most. */
static void refresh_aged(struct kwire_client *client, const struct kw_operation *operation)
{
	int64_t now = kw_now_ms(), left = kw_remaining(operation->deadline_ms, now);

	kw_metadata_refresh(client, left == KW_NEVER ? KW_NEVER : now + left / 2, NULL);
}

static int dispatch_one(struct kwire_client *client, struct kw_operation *operation,
			int32_t broker_id, struct kwire_error *error)
{
	struct kw_lease lease;
	bool resent = false, again = false, looked_up = false;
	int result;

	if (kw_metadata_aged(client))
		refresh_aged(client, operation);
	for (;;) {
		enum verdict verdict = UNREACHED;

		result = kw_pool_lease(&client->pool, broker_id, operation->lane,
				       operation->deadline_ms, &lease, error);
		if (result == KWIRE_EBROKER && !looked_up) {
			looked_up = true;
			result = kw_metadata_refresh(client, operation->deadline_ms, error);
			if (result != 0) {
				/* Whatever became of that request: this one never left. */
				error->outcome = KWIRE_NOT_SENT;
				return result;
			}
			continue;
		}
		if (result == 0) {
			again = false;
			verdict = attempt(client, operation, &lease, &result, error);
		}
		if (verdict == DONE || refused(error) || (verdict == STALE && resent) ||
		    error->result == KWIRE_EBROKER || error->result == KWIRE_ECLOSED ||
		    kw_now_ms() >= operation->deadline_ms)
			return result;
		if (verdict == STALE) {
			resent = again = true;
			continue;
		}
		if (!looked_up && !again) {
			looked_up = !operation->wait;
			if (look_up_again(client, operation, broker_id))
				continue;
		}
		if (!wait_for_change(client, operation, again, error))
			return error->result;
	}
}

int kw_dispatch(struct kwire_client *client, struct kw_operation *operation, int32_t broker_id,
		struct kwire_error *error)
{
	operation->any = broker_id < 0;
	if (broker_id < 0)
		return dispatch_any(client, operation, error);
	return dispatch_one(client, operation, broker_id, error);
}
