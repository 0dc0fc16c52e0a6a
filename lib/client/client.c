/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and ending a client, and its calls as a whole; see kwire/client.h. */
#include "client.h"

#include <string.h>

#include "../base/error.h"
#include "../sasl/security.h"
#include "dispatch.h"
#include "edge.h"
#include "resolve.h"

/* Reads the bootstrap list into the pool, and checks that it leads somewhere. */
static int set_bootstrap(struct kwire_client *client, const char *servers, bool check,
			 struct kwire_error *error)
{
	struct kw_endpoint *endpoints;
	int count, result;

	result = kw_bootstrap_parse(client->config->memory, servers, &endpoints, &count, error);
	if (result != 0)
		return result;
	if (check || client->config->settings.bootstrap_canonical)
		result = kw_bootstrap_resolve(
			client->config, &endpoints, &count,
			kw_deadline(kw_now_ms(),
				    client->config->settings.connection_setup_timeout_ms),
			error);
	if (result == 0)
		result = kw_pool_set_seeds(&client->pool, endpoints, count, error);
	kw_free(endpoints);
	return result;
}

static int open_frozen(struct kwire_config *config, struct kwire_client **opened,
		       struct kwire_error *error)
{
	struct kwire_client *client = kw_zalloc(config->memory, sizeof(*client));
	int result;

	if (client == NULL)
		return kw_fail_memory(error);
	client->config = config;
	client->fork_generation = kw_fork_generation();
	result = kw_pool_init(&client->pool, config, error);
	if (result != 0)
		goto fail;
	result = kw_metadata_init(&client->metadata, error);
	if (result != 0)
		goto fail_pool;
	result = kw_leaders_init(&client->leaders, error);
	if (result != 0)
		goto fail_metadata;
	result = kw_coordinators_init(&client->coordinators, error);
	if (result != 0)
		goto fail_leaders;
	result = set_bootstrap(client, config->settings.bootstrap_servers,
			       !config->settings.bootstrap_first_use, error);
	if (result != 0)
		goto fail_coordinators;
	*opened = client;
	return 0;

fail_coordinators:
	kw_coordinators_fini(&client->coordinators);
fail_leaders:
	kw_leaders_fini(&client->leaders);
fail_metadata:
	kw_metadata_fini(&client->metadata);
fail_pool:
	kw_pool_fini(&client->pool);
fail:
	kw_free(client);
	return result;
}

int kwire_client_open(const struct kwire_config *config, struct kwire_client **client,
		      struct kwire_error *error)
{
	struct kwire_config *frozen;
	int result, cancel_state;

	if (client == NULL)
		return kw_fail(error, KWIRE_EINVAL, "no place for the client given");
	if (kw_fork_watch() != 0)
		return kw_fail(error, KWIRE_ELIMIT, "pthread_atfork failed");
	cancel_state = kw_cancel_disable();
	frozen = kw_config_freeze(config, error);
	result = frozen == NULL ? KWIRE_ENOMEM : kw_security_attach(frozen, error);
	if (result == 0)
		result = open_frozen(frozen, client, error);
	if (result != 0)
		kw_config_put(frozen);
	kw_cancel_restore(cancel_state);
	return result;
}

int kwire_client_shutdown(struct kwire_client *client, int64_t timeout_ms)
{
	struct kw_edge edge;
	int result = kw_edge_enter(&edge, client, NULL);

	if (result != 0)
		return result;
	result = kw_pool_shutdown(&client->pool, kw_deadline(edge.started_ms, timeout_ms));
	return kw_edge_leave(&edge, result, NULL);
}

void kwire_client_close(struct kwire_client *client)
{
	struct kwire_config *config;

	if (client == NULL)
		return;
	config = client->config;
	if (kw_client_forked(client)) {
		kw_pool_abandon(&client->pool);
		kw_leaders_abandon(&client->leaders);
		kw_coordinators_abandon(&client->coordinators);
	} else {
		kwire_client_shutdown(client, -1);
		kw_pool_fini(&client->pool);
		kw_metadata_fini(&client->metadata);
		kw_leaders_fini(&client->leaders);
		kw_coordinators_fini(&client->coordinators);
	}
	kw_free(client);
	kw_config_put(config);
}

int kwire_client_connect(struct kwire_client *client, int64_t timeout_ms, struct kwire_error *error)
{
	struct kwire_error cause = kw_no_error();
	struct kw_operation operation;
	struct kw_edge edge;
	int result = kw_edge_enter(&edge, client, error);

	if (result != 0)
		return result;
	memset(&operation, 0, sizeof(operation));
	operation.attempt = kw_attempt_connect;
	operation.wait = client->config->settings.failure_wait;
	operation.started_ms = edge.started_ms;
	if (timeout_ms < 0)
		timeout_ms = client->config->settings.connection_setup_timeout_ms;
	operation.deadline_ms = kw_deadline(edge.started_ms, timeout_ms);
	result = kw_dispatch(client, &operation, -1, &cause);
	if (result != 0)
		kw_error_copy(error, &cause);
	return kw_edge_leave(&edge, result, error);
}

static void flush(void *context, struct kwire_connection *connection)
{
	(void)context;
	kw_connection_flush(connection);
}

int kwire_client_flush(struct kwire_client *client, struct kwire_error *error)
{
	struct kw_edge edge;
	int result = kw_edge_enter(&edge, client, error);

	if (result != 0)
		return result;
	kw_pool_each(&client->pool, flush, NULL);
	return kw_edge_leave(&edge, 0, error);
}

int kwire_client_brokers(struct kwire_client *client, struct kwire_broker_info *brokers,
			 int capacity, int *count, struct kwire_error *error)
{
	struct kw_edge edge;
	int result = kw_edge_enter(&edge, client, error);

	if (result != 0)
		return result;
	if (kw_metadata_updated_ms(&client->metadata) < 0)
		result = kw_metadata_refresh(
			client,
			kw_deadline(edge.started_ms, client->config->settings.request_timeout_ms),
			error);
	if (result == 0)
		*count = kw_pool_list(&client->pool, brokers, capacity);
	return kw_edge_leave(&edge, result, error);
}

bool kwire_client_knows_broker(struct kwire_client *client, int32_t broker_id)
{
	return client != NULL && !kw_client_forked(client) &&
	       kw_pool_info(&client->pool, broker_id, NULL);
}

int kwire_client_refresh(struct kwire_client *client, int64_t timeout_ms, struct kwire_error *error)
{
	struct kw_edge edge;
	int result = kw_edge_enter(&edge, client, error);

	if (result != 0)
		return result;
	if (timeout_ms < 0)
		timeout_ms = client->config->settings.request_timeout_ms;
	result = kw_metadata_refresh(client, kw_deadline(edge.started_ms, timeout_ms), error);
	return kw_edge_leave(&edge, result, error);
}

int kwire_client_set_bootstrap(struct kwire_client *client, const char *servers,
			       struct kwire_error *error)
{
	struct kw_edge edge;
	int result = kw_edge_enter(&edge, client, error);

	if (result != 0)
		return result;
	if (servers == NULL)
		result = kw_fail(error, KWIRE_EINVAL, "no servers given");
	else
		result = set_bootstrap(client, servers, false, error);
	return kw_edge_leave(&edge, result, error);
}
