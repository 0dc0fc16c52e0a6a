/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handles of one broker, and calls to it, which are not routed.  A handle is an
 * id: the broker behind it may move or go.
 */
#include <string.h>

#include "../base/error.h"
#include "client.h"
#include "dispatch.h"
#include "edge.h"

struct kwire_broker {
	struct kwire_client *client;
	struct kwire_broker_info info; /* when the handle was made */
};

/* Common to both ways of calling: checks, dispatch, error. */
static int call(struct kwire_client *client, const struct kwire_api *api, const void *request,
		const struct kwire_send_options *options, int32_t broker_id, void **response,
		struct kwire_call **started, struct kwire_error *error)
{
	struct kwire_error cause = kw_no_error();
	struct kwire_send_options chosen;
	struct kw_operation operation;
	struct kw_edge edge;
	int result = kw_edge_enter(&edge, client, error);

	if (result != 0)
		return result;
	if (api == NULL || request == NULL || (response == NULL && started == NULL))
		result = kw_fail(error, KWIRE_EINVAL, "no API, request or place for the answer");
	else
		result = kw_send_options_read(options, &chosen, error);
	if (result == 0 && chosen.target != NULL)
		result = kw_fail(error, KWIRE_EINVAL, "this is one broker: leave target alone");
	if (result != 0)
		return kw_edge_leave(&edge, result, error);
	kw_operation_send(&operation, client, api, request, &chosen, edge.started_ms);
	operation.attempt = response != NULL ? kw_attempt_send : kw_attempt_start;
	operation.response = response;
	operation.call = started;
	result = kw_dispatch(client, &operation, broker_id, &cause);
	if (result != 0) {
		cause.api_key = api->key;
		kw_error_copy(error, &cause);
	}
	return kw_edge_leave(&edge, result, error);
}

int kwire_client_broker(struct kwire_client *client, int32_t broker_id,
			struct kwire_broker **broker, struct kwire_error *error)
{
	struct kwire_broker *made;
	struct kw_edge edge;
	int64_t deadline_ms;
	int result = kw_edge_enter(&edge, client, error);

	if (result != 0)
		return result;
	made = kw_zalloc(client->config->memory, sizeof(*made));
	if (made == NULL)
		return kw_edge_leave(&edge, kw_fail_memory(error), error);
	made->client = client;
	deadline_ms = kw_deadline(edge.started_ms, client->config->settings.request_timeout_ms);
	if (!kw_pool_info(&client->pool, broker_id, &made->info)) {
		result = kw_metadata_refresh(client, deadline_ms, error);
		if (result == 0 && !kw_pool_info(&client->pool, broker_id, &made->info))
			result = kw_fail(error, KWIRE_EBROKER, "the cluster has no broker %d",
					 (int)broker_id);
	}
	if (result == 0)
		*broker = made;
	else
		kw_free(made);
	return kw_edge_leave(&edge, result, error);
}

void kwire_broker_put(struct kwire_broker *broker)
{
	kw_free(broker);
}

void kwire_broker_info(struct kwire_broker *broker, struct kwire_broker_info *info)
{
	*info = broker->info;
	if (!kw_client_forked(broker->client))
		kw_pool_info(&broker->client->pool, broker->info.node_id, info);
}

int kwire_broker_send(struct kwire_broker *broker, const struct kwire_api *api, const void *request,
		      void **response, const struct kwire_send_options *options,
		      struct kwire_error *error)
{
	return call(broker->client, api, request, options, broker->info.node_id, response, NULL,
		    error);
}

int kwire_broker_start(struct kwire_broker *broker, const struct kwire_api *api,
		       const void *request, const struct kwire_send_options *options,
		       struct kwire_call **started, struct kwire_error *error)
{
	return call(broker->client, api, request, options, broker->info.node_id, NULL, started,
		    error);
}

void kwire_broker_evict(struct kwire_broker *broker)
{
	struct kw_edge edge;

	if (kw_edge_enter(&edge, broker->client, NULL) != 0)
		return;
	kw_pool_evict(&broker->client->pool, broker->info.node_id);
	kw_edge_leave(&edge, 0, NULL);
}

int kwire_broker_versions(struct kwire_broker *broker, int64_t timeout_ms,
			  struct kwire_versions **versions, struct kwire_error *error)
{
	struct kwire_error cause = kw_no_error();
	struct kw_operation operation;
	struct kw_edge edge;
	int result = kw_edge_enter(&edge, broker->client, error);

	if (result != 0)
		return result;
	memset(&operation, 0, sizeof(operation));
	operation.attempt = kw_attempt_versions;
	operation.versions = versions;
	operation.memory = broker->client->config->memory;
	operation.started_ms = edge.started_ms;
	if (timeout_ms < 0)
		timeout_ms = broker->client->config->settings.connection_setup_timeout_ms;
	operation.deadline_ms = kw_deadline(edge.started_ms, timeout_ms);
	result = kw_dispatch(broker->client, &operation, broker->info.node_id, &cause);
	if (result != 0)
		kw_error_copy(error, &cause);
	return kw_edge_leave(&edge, result, error);
}
