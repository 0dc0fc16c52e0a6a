/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See coordinators.h.  FindCoordinator asks for many at once from version 4
 * on; a broker that does not know it is asked for one after another.
 */
#include "coordinators.h"

#include <string.h>

#include <kwire/api/find_coordinator.h>

#include "../base/clock.h"
#include "../base/error.h"
#include "client.h"
#include "job.h"

enum {
	FIRST_BATCH_VERSION = 4,
	FIRST_TYPE_VERSION = 1,
	FIRST_SHARE_VERSION = 6,
	NOT_AVAILABLE = 15,
};

struct coordinator {
	struct kw_entry entry;
	int32_t broker_id;
	char key[];
};

static bool same(struct kwire_string a, struct kwire_string b)
{
	return a.size == b.size && memcmp(a.data, b.data, (size_t)a.size) == 0;
}

/* Looks them up in what is known; whether all are. */
static bool known(struct kw_table *table, struct kw_coordinator_query *queries, int32_t count)
{
	bool all = true;

	kw_mutex_lock(&table->mutex);
	for (int32_t i = 0; i < count; i++) {
		const struct kw_entry *entry = kw_table_find_locked(table, queries[i].key.data,
								    (size_t)queries[i].key.size);

		queries[i].broker_id = entry != NULL
					       ? ((const struct coordinator *)entry)->broker_id
					       : -1;
		all = all && entry != NULL;
	}
	kw_mutex_unlock(&table->mutex);
	return all;
}

/* Takes an answer in: for the queries of that key, and for later. */
static int learn(struct kwire_client *client, enum kw_coordinator_type type,
		 struct kw_coordinator_query *queries, int32_t count, struct kwire_string key,
		 int32_t broker_id, int16_t code, struct kwire_error *error)
{
	struct coordinator *coordinator;
	bool asked = false;

	if (code == 0 && broker_id < 0)
		code = NOT_AVAILABLE;
	for (int32_t i = 0; i < count; i++)
		if (queries[i].broker_id < 0 && same(queries[i].key, key)) {
			queries[i].broker_id = code == 0 ? broker_id : -1;
			queries[i].code = code;
			asked = true;
		}
	if (!asked || code != 0)
		return 0;
	coordinator = kw_zalloc(client->config->memory, sizeof(*coordinator) + (size_t)key.size);
	if (coordinator == NULL)
		return kw_fail_memory(error);
	memcpy(coordinator->key, key.data, (size_t)key.size);
	coordinator->broker_id = broker_id;
	coordinator->entry.key = coordinator->key;
	coordinator->entry.key_size = (size_t)key.size;
	return kw_table_insert(&client->coordinators.tables[type], client->config->memory,
			       &coordinator->entry, error);
}

static int ask(struct kwire_client *client, const struct kwire_find_coordinator_request *request,
	       int16_t min_version, int16_t max_version, int64_t deadline_ms,
	       struct kwire_find_coordinator_response **response, struct kwire_error *error)
{
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	void *answer = NULL;
	int result;

	options.min_version = min_version;
	options.max_version = max_version;
	result = kw_ask_any(client, &kwire_find_coordinator_api, request, &options, deadline_ms,
			    &answer, error);
	*response = answer;
	return result;
}

static int ask_one_by_one(struct kwire_client *client, enum kw_coordinator_type type,
			  struct kw_coordinator_query *queries, int32_t count, int64_t deadline_ms,
			  struct kwire_error *error)
{
	struct kwire_find_coordinator_request request = KWIRE_FIND_COORDINATOR_REQUEST_INIT;
	int result = 0;

	request.key_type = (int8_t)type;
	for (int32_t i = 0; result == 0 && i < count; i++) {
		struct kwire_find_coordinator_response *response = NULL;

		if (queries[i].broker_id >= 0 || queries[i].code != 0)
			continue;
		request.key = queries[i].key;
		result = ask(client, &request, type != 0 ? FIRST_TYPE_VERSION : -1,
			     FIRST_BATCH_VERSION - 1, deadline_ms, &response, error);
		if (result == 0)
			result = learn(client, type, queries, count, queries[i].key,
				       response->node_id, response->error_code, error);
		kwire_response_free(response);
	}
	return result;
}

static int ask_for_all(struct kwire_client *client, enum kw_coordinator_type type,
		       struct kw_coordinator_query *queries, int32_t count, int64_t deadline_ms,
		       struct kwire_error *error)
{
	struct kwire_find_coordinator_request request = KWIRE_FIND_COORDINATOR_REQUEST_INIT;
	struct kwire_find_coordinator_response *response = NULL;
	struct kwire_string *keys = kw_alloc_array(client->config->memory, (size_t)count,
						   sizeof(*keys));
	int result;

	if (keys == NULL)
		return kw_fail_memory(error);
	for (int32_t i = 0; i < count; i++) {
		queries[i].code = 0;
		if (queries[i].broker_id < 0)
			keys[request.coordinator_keys.count++] = queries[i].key;
	}
	request.coordinator_keys.items = keys;
	request.key_type = (int8_t)type;
	result = ask(client, &request,
		     type == KW_COORDINATOR_SHARE ? FIRST_SHARE_VERSION : FIRST_BATCH_VERSION, -1,
		     deadline_ms, &response, error);
	kw_free(keys);
	for (int32_t i = 0; result == 0 && i < response->coordinators.count; i++)
		result = learn(client, type, queries, count, response->coordinators.items[i].key,
			       response->coordinators.items[i].node_id,
			       response->coordinators.items[i].error_code, error);
	kwire_response_free(response);
	if (result == KWIRE_EUNSUPPORTED && type != KW_COORDINATOR_SHARE)
		result = ask_one_by_one(client, type, queries, count, deadline_ms, error);
	return result;
}

int kw_coordinators_find(struct kwire_client *client, enum kw_coordinator_type type,
			 struct kw_coordinator_query *queries, int32_t count, int64_t deadline_ms,
			 struct kwire_error *error)
{
	struct kw_coordinators *coordinators = &client->coordinators;
	int result;

	while (!known(&coordinators->tables[type], queries, count)) {
		enum kw_boarding boarding = kw_flight_board(
			&coordinators->flight, &coordinators->tables[0].mutex, deadline_ms);

		if (boarding == KW_TOO_LATE)
			return kw_fail_in(error, KWIRE_ETIMEDOUT, KWIRE_PHASE_WAIT,
					  "no coordinator was found in time");
		if (boarding == KW_LANDED)
			continue;
		/* What somebody else found between looking and boarding need not be asked for. */
		result = known(&coordinators->tables[type], queries, count)
				 ? 0
				 : ask_for_all(client, type, queries, count, deadline_ms, error);
		kw_flight_land(&coordinators->flight, &coordinators->tables[0].mutex);
		return result;
	}
	return 0;
}

void kw_coordinator_forget(struct kwire_client *client, enum kw_coordinator_type type,
			   struct kwire_string key, int32_t broker_id)
{
	struct kw_table *table = &client->coordinators.tables[type];
	struct kw_entry *entry;

	kw_mutex_lock(&table->mutex);
	entry = kw_table_find_locked(table, key.data, (size_t)key.size);
	if (entry != NULL && ((struct coordinator *)entry)->broker_id == broker_id)
		kw_table_remove_locked(table, key.data, (size_t)key.size);
	else
		entry = NULL;
	kw_mutex_unlock(&table->mutex);
	kw_free(entry);
}
