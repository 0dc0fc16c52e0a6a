/* SPDX-License-Identifier: Apache-2.0 */
/* See metadata.h. */
#include "metadata.h"

#include <string.h>

#include <kwire/api/metadata.h>

#include "../base/clock.h"
#include "../base/error.h"
#include "client.h"
#include "dispatch.h"

enum {
	REBOOTSTRAP_REQUIRED = 129,
	TRIES = 3, /* a request that was lost on its way may be repeated: it only asks */
};

int kw_metadata_init(struct kw_metadata *metadata, struct kwire_error *error)
{
	metadata->updated_ms = -1;
	metadata->tried_ms = -1;
	metadata->failing_since_ms = -1;
	metadata->controller_id = -1;
	if (kw_mutex_init(&metadata->mutex, KW_RANK_CLIENT) != 0)
		return kw_fail(error, KWIRE_ELIMIT, "no mutex to be had");
	if (kw_cond_init(&metadata->landed) != 0) {
		kw_mutex_fini(&metadata->mutex);
		return kw_fail(error, KWIRE_ELIMIT, "no condition variable to be had");
	}
	return 0;
}

void kw_metadata_fini(struct kw_metadata *metadata)
{
	kw_cond_fini(&metadata->landed);
	kw_mutex_fini(&metadata->mutex);
}

int64_t kw_metadata_updated_ms(struct kw_metadata *metadata)
{
	int64_t updated_ms;

	kw_mutex_lock(&metadata->mutex);
	updated_ms = metadata->updated_ms;
	kw_mutex_unlock(&metadata->mutex);
	return updated_ms;
}

uint64_t kw_metadata_updated_step(struct kw_metadata *metadata)
{
	uint64_t step;

	kw_mutex_lock(&metadata->mutex);
	step = metadata->updated_step;
	kw_mutex_unlock(&metadata->mutex);
	return step;
}

int32_t kw_metadata_controller(struct kw_metadata *metadata)
{
	int32_t id;

	kw_mutex_lock(&metadata->mutex);
	id = metadata->controller_id;
	kw_mutex_unlock(&metadata->mutex);
	return id;
}

void kw_metadata_accuse_controller(struct kw_metadata *metadata, int32_t broker_id)
{
	kw_mutex_lock(&metadata->mutex);
	if (metadata->controller_id == broker_id)
		metadata->controller_id = -1;
	kw_mutex_unlock(&metadata->mutex);
}

bool kw_metadata_aged(struct kwire_client *client)
{
	const struct kw_settings *settings = &client->config->settings;
	struct kw_metadata *metadata = &client->metadata;
	int64_t now = kw_now_ms();
	bool aged;

	kw_mutex_lock(&metadata->mutex);
	aged = metadata->updated_ms >= 0 &&
	       now - metadata->updated_ms >= settings->metadata_max_age_ms &&
	       now - metadata->tried_ms >= settings->reconnect_backoff_max_ms &&
	       !metadata->refreshing;
	kw_mutex_unlock(&metadata->mutex);
	return aged;
}

static int ask(struct kwire_client *client, int64_t deadline_ms,
	       struct kwire_metadata_response **response, struct kwire_error *error)
{
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
	struct kw_operation operation;
	void *answer = NULL;
	int result;

	/* No topics; before version 1 there was no way to ask for none. */
	request.topics.count = 0;
	options.min_version = 1;
	kw_operation_send(&operation, client, &kwire_metadata_api, &request, &options, kw_now_ms());
	operation.attempt = kw_attempt_send;
	operation.response = &answer;
	operation.wait = false;
	operation.deadline_ms = deadline_ms;
	for (int tries = 1;; tries++) {
		result = kw_dispatch(client, &operation, -1, error);
		if (result != KWIRE_EDISCONNECTED || tries == TRIES || kw_now_ms() >= deadline_ms)
			break;
	}
	*response = answer;
	return result;
}

/* The brokers that can be dialled, as the pool wants them. */
static int read_brokers(struct kwire_client *client, const struct kwire_metadata_response *response,
			struct kwire_broker_info **brokers, int *count, struct kwire_error *error)
{
	size_t total = response->brokers.count > 0 ? (size_t)response->brokers.count : 0;
	struct kwire_broker_info *infos = kw_alloc_array(client->config->memory, total,
							 sizeof(*infos));
	int found = 0;

	if (infos == NULL)
		return kw_fail_memory(error);
	for (size_t i = 0; i < total; i++) {
		const struct kwire_metadata_response_broker *broker = &response->brokers.items[i];
		struct kwire_broker_info *info = &infos[found];

		if (broker->host.size <= 0 || (size_t)broker->host.size >= sizeof(info->host) ||
		    broker->port <= 0 || broker->port > 65535 || broker->node_id < 0) {
			kw_log(client->config, KWIRE_LOG_WARNING,
			       "broker %d cannot be dialled: it says that it is at '%.*s', port %d",
			       (int)broker->node_id, (int)broker->host.size, broker->host.data,
			       (int)broker->port);
			continue;
		}
		memset(info, 0, sizeof(*info));
		info->node_id = broker->node_id;
		info->port = broker->port;
		memcpy(info->host, broker->host.data, (size_t)broker->host.size);
		if (broker->rack.size > 0)
			memcpy(info->rack, broker->rack.data,
			       (size_t)broker->rack.size < sizeof(info->rack)
				       ? (size_t)broker->rack.size
				       : sizeof(info->rack) - 1);
		found++;
	}
	*brokers = infos;
	*count = found;
	return 0;
}

/* A cluster other than before behind the same names is a mistake, not a move. */
static int check_cluster(struct kwire_client *client,
			 const struct kwire_metadata_response *response, struct kwire_error *error)
{
	const char *known = client->metadata.cluster_id;

	if (client->config->settings.cluster_id_may_change || known[0] == '\0' ||
	    response->cluster_id.data == NULL || kwire_string_equal(response->cluster_id, known))
		return 0;
	kw_fail(error, KWIRE_EBROKER,
		"metadata came from cluster %.60s, but this client was talking to %.60s; set "
		"cluster.id.change=allow if that is meant",
		response->cluster_id.data, known);
	error->outcome = KWIRE_ANSWERED;
	return KWIRE_EBROKER;
}

/* Takes over what the response says; only the one who refreshes calls it, with an `error`. */
static int learn(struct kwire_client *client, const struct kwire_metadata_response *response,
		 struct kwire_error *error)
{
	struct kw_metadata *metadata = &client->metadata;
	struct kwire_broker_info *brokers = NULL;
	size_t size;
	int count = 0, result;

	if (response->error_code != 0) {
		struct kwire_kafka_error refusal = kwire_kafka_error(response->error_code);

		kw_fail(error, KWIRE_EKAFKA, "metadata was refused: %s (%d)", refusal.name,
			(int)refusal.code);
		error->kafka_code = refusal.code;
		error->retriable = refusal.retriable;
		error->outcome = KWIRE_ANSWERED;
		return KWIRE_EKAFKA;
	}
	result = check_cluster(client, response, error);
	if (result == 0)
		result = read_brokers(client, response, &brokers, &count, error);
	if (result != 0)
		return result;
	if (count == 0) {
		result = kw_fail(error, KWIRE_EBROKER,
				 "the broker that was asked knows of no brokers yet");
		error->outcome = KWIRE_ANSWERED;
	} else {
		result = kw_pool_set_brokers(&client->pool, brokers, count, error);
	}
	kw_free(brokers);
	if (result != 0)
		return result;
	kw_mutex_lock(&metadata->mutex);
	metadata->controller_id = response->controller_id;
	size = response->cluster_id.data != NULL ? (size_t)response->cluster_id.size : 0;
	if (size > 0 && size < sizeof(metadata->cluster_id)) {
		memcpy(metadata->cluster_id, response->cluster_id.data, size);
		metadata->cluster_id[size] = '\0';
	}
	kw_mutex_unlock(&metadata->mutex);
	return 0;
}

static int ask_and_learn(struct kwire_client *client, int64_t deadline_ms,
			 struct kwire_error *error)
{
	struct kwire_metadata_response *response = NULL;
	int result = ask(client, deadline_ms, &response, error);

	if (result == 0)
		result = learn(client, response, error);
	kwire_response_free(response);
	return result;
}

/* Whether to forget the brokers and start again: told so, or for too long without success. */
static bool start_again(struct kwire_client *client, const struct kwire_error *error)
{
	const struct kw_settings *settings = &client->config->settings;
	struct kw_metadata *metadata = &client->metadata;
	int64_t since;

	if (!settings->rebootstrap || kw_pool_list(&client->pool, NULL, 0) == 0)
		return false;
	if (error->result == KWIRE_EKAFKA && error->kafka_code == REBOOTSTRAP_REQUIRED)
		return true;
	kw_mutex_lock(&metadata->mutex);
	since = metadata->failing_since_ms;
	kw_mutex_unlock(&metadata->mutex);
	return since >= 0 && kw_now_ms() - since >= settings->rebootstrap_trigger_ms;
}

static int fly(struct kwire_client *client, int64_t deadline_ms, struct kwire_error *error)
{
	int result = ask_and_learn(client, deadline_ms, error);

	if (result == 0 || !start_again(client, error))
		return result;
	kw_log(client->config, KWIRE_LOG_WARNING, "starting again from bootstrap.servers: %s",
	       error->message);
	kw_pool_forget_brokers(&client->pool);
	return ask_and_learn(client, deadline_ms, error);
}

/* A failure of whoever asked, not of the cluster: the next one may fare better. */
static bool only_impatient(const struct kwire_error *error)
{
	return error->result == KWIRE_ETIMEDOUT || error->result == KWIRE_ENOMEM;
}

/* Ends a refresh that was asked for at that time and step. */
static void land(struct kw_metadata *metadata, int64_t asked_ms, uint64_t asked_step,
		 const struct kwire_error *failure)
{
	kw_mutex_lock(&metadata->mutex);
	metadata->refreshing = false;
	metadata->flights++;
	metadata->failure = *failure;
	metadata->tried_ms = kw_now_ms();
	if (failure->result == 0) {
		metadata->updated_ms = asked_ms;
		metadata->updated_step = asked_step;
		metadata->failing_since_ms = -1;
	} else if (metadata->failing_since_ms < 0) {
		metadata->failing_since_ms = asked_ms;
	}
	kw_cond_broadcast(&metadata->landed);
	kw_mutex_unlock(&metadata->mutex);
}

void kw_metadata_offer(struct kwire_client *client, const struct kwire_metadata_response *response,
		       int64_t asked_ms, uint64_t asked_step)
{
	struct kw_metadata *metadata = &client->metadata;
	struct kwire_error failure = kw_no_error();
	bool wanted;

	kw_mutex_lock(&metadata->mutex);
	wanted = metadata->updated_ms < 0 && !metadata->refreshing;
	metadata->refreshing |= wanted;
	kw_mutex_unlock(&metadata->mutex);
	if (!wanted)
		return;
	failure.result = learn(client, response, &failure);
	land(metadata, asked_ms, asked_step, &failure);
}

int kw_metadata_refresh(struct kwire_client *client, int64_t deadline_ms, struct kwire_error *error)
{
	struct kw_metadata *metadata = &client->metadata;
	struct kwire_error failure = kw_no_error();
	uint64_t asked_step;
	int64_t asked_ms;

	kw_mutex_lock(&metadata->mutex);
	while (metadata->refreshing) {
		unsigned flight = metadata->flights;

		while (metadata->refreshing && metadata->flights == flight)
			if (!kw_cond_wait(&metadata->landed, &metadata->mutex, deadline_ms)) {
				kw_mutex_unlock(&metadata->mutex);
				return kw_fail_in(error, KWIRE_ETIMEDOUT, KWIRE_PHASE_WAIT,
						  "no metadata in time");
			}
		if (metadata->flights != flight && !only_impatient(&metadata->failure)) {
			failure = metadata->failure;
			kw_mutex_unlock(&metadata->mutex);
			return failure.result != 0 ? kw_error_copy(error, &failure) : 0;
		}
	}
	metadata->refreshing = true;
	kw_mutex_unlock(&metadata->mutex);

	asked_ms = kw_now_ms();
	asked_step = kw_pool_step(&client->pool);
	failure.result = fly(client, deadline_ms, &failure);
	land(metadata, asked_ms, asked_step, &failure);
	return failure.result != 0 ? kw_error_copy(error, &failure) : 0;
}
