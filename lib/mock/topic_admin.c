/* SPDX-License-Identifier: Apache-2.0 */
/* CreateTopics, DeleteTopics, CreatePartitions. */
#include <kwire/api/create_partitions.h>
#include <kwire/api/create_topics.h>
#include <kwire/api/delete_topics.h>

#include "behaviour.h"
#include "configs.h"

enum {
	CONFIGS_FROM = 5
};

/* Whether these are brokers that exist, each once. */
static bool brokers_differ(struct kwire_mock *mock, const struct kwire_int32_array *ids)
{
	for (int32_t i = 0; i < ids->count; i++) {
		if (kw_mock_broker_find(mock, ids->items[i]) == NULL)
			return false;
		for (int32_t k = 0; k < i; k++)
			if (ids->items[k] == ids->items[i])
				return false;
	}
	return true;
}

/* How many partitions a manual assignment means: 0..n-1, each once, on brokers that exist. */
static int16_t check_assignments(struct kwire_mock *mock,
				 const struct kwire_create_topics_request_topic *asked)
{
	if (asked->num_partitions != -1 || asked->replication_factor != -1)
		return INVALID_REQUEST;
	for (int32_t i = 0; i < asked->assignments.count; i++) {
		const struct kwire_create_topics_request_topic_assignment *a = &asked->assignments
											.items[i];

		if (a->partition_index < 0 || a->partition_index >= asked->assignments.count ||
		    a->broker_ids.count < 1 || a->broker_ids.count > KW_MOCK_MAX_REPLICAS ||
		    a->broker_ids.count != asked->assignments.items[0].broker_ids.count)
			return INVALID_REPLICA_ASSIGNMENT;
		for (int32_t k = 0; k < i; k++)
			if (asked->assignments.items[k].partition_index == a->partition_index)
				return INVALID_REPLICA_ASSIGNMENT;
		if (!brokers_differ(mock, &a->broker_ids))
			return INVALID_REPLICA_ASSIGNMENT;
	}
	return 0;
}

static void assign(struct kwire_mock *mock, struct kw_mock_partition *partition,
		   const struct kwire_int32_array *brokers)
{
	partition->replica_count = 0;
	for (int32_t i = 0; i < brokers->count; i++)
		partition->replicas[partition->replica_count++] = brokers->items[i];
	partition->leader_id = kw_mock_broker_alive(mock, brokers->items[0]) != NULL
				       ? brokers->items[0]
				       : -1;
}

static int16_t create_one(struct kw_mock_exchange *exchange,
			  const struct kwire_create_topics_request *request,
			  const struct kwire_create_topics_request_topic *asked,
			  struct kw_mock_topic **topic)
{
	struct kwire_mock *mock = exchange->mock;
	int32_t partitions = asked->num_partitions;
	int32_t replicas = asked->replication_factor;
	int16_t code = exchange->forced_code;

	*topic = NULL;
	if (code == 0 && kw_mock_needs_controller(exchange))
		code = NOT_CONTROLLER;
	for (int32_t i = 0; code == 0 && i < request->topics.count; i++)
		if (&request->topics.items[i] != asked &&
		    request->topics.items[i].name.size == asked->name.size &&
		    memcmp(request->topics.items[i].name.data, asked->name.data,
			   (size_t)asked->name.size) == 0)
			code = INVALID_REQUEST;
	if (code == 0 && asked->assignments.count > 0) {
		code = check_assignments(mock, asked);
		partitions = asked->assignments.count;
		replicas = code == 0 ? asked->assignments.items[0].broker_ids.count : 1;
	}
	if (code == 0)
		code = kw_mock_topic_check(mock, asked->name, partitions, replicas);
	for (int32_t i = 0; code == 0 && i < asked->configs.count; i++)
		if (asked->configs.items[i].value.data == NULL ||
		    !kw_mock_topic_config_valid(asked->configs.items[i].name,
						asked->configs.items[i].value))
			code = INVALID_CONFIG;
	if (code != 0 || request->validate_only)
		return code;
	code = kw_mock_topic_create(mock, asked->name, partitions, replicas, topic);
	if (code != 0)
		return code;
	for (int32_t i = 0; i < asked->assignments.count; i++)
		assign(mock, (*topic)->partitions[asked->assignments.items[i].partition_index],
		       &asked->assignments.items[i].broker_ids);
	for (int32_t i = 0; i < asked->configs.count; i++)
		kw_mock_topic_configure(mock, *topic, asked->configs.items[i].name,
					asked->configs.items[i].value);
	return 0;
}

void kw_mock_on_create_topics(struct kw_mock_exchange *exchange, const void *message)
{
	const struct kwire_create_topics_request *request = message;
	struct kwire_create_topics_response response = KWIRE_CREATE_TOPICS_RESPONSE_INIT;
	struct kwire_mock *mock = exchange->mock;

	if (!KW_MOCK_ARRAY(mock, response.topics, request->topics.count))
		goto fail;
	for (int32_t i = 0; i < request->topics.count; i++) {
		const struct kwire_create_topics_request_topic *asked = &request->topics.items[i];
		struct kwire_create_topics_response_topic *item = &response.topics.items[i];
		struct kw_mock_topic *topic;

		*item = (struct kwire_create_topics_response_topic)
			KWIRE_CREATE_TOPICS_RESPONSE_TOPIC_INIT;
		item->name = asked->name;
		item->error_code = create_one(exchange, request, asked, &topic);
		item->error_message = kw_mock_error_text(item->error_code);
		if (item->error_code != 0)
			continue;
		if (topic != NULL)
			item->topic_id = topic->id;
		item->num_partitions = topic != NULL               ? topic->partition_count
				       : asked->num_partitions > 0 ? asked->num_partitions
								   : mock->default_partitions;
		item->replication_factor = (int16_t)(topic != NULL ? topic->replication_factor
						     : asked->replication_factor > 0
							     ? asked->replication_factor
						     : mock->broker_count < 3 ? mock->broker_count
									      : 3);
		if (exchange->request.api_version >= CONFIGS_FROM &&
		    !kw_mock_created_configs(mock, topic, item))
			goto fail;
	}
	kw_mock_finish(exchange, &response);
	return;
fail:
	kw_mock_give_up(exchange);
}

static int16_t delete_one(struct kw_mock_exchange *exchange, struct kwire_string name,
			  struct kwire_uuid id, struct kwire_delete_topics_response_response *item)
{
	struct kwire_mock *mock = exchange->mock;
	struct kw_mock_topic *topic;

	if (exchange->forced_code != 0)
		return exchange->forced_code;
	if (kw_mock_needs_controller(exchange))
		return NOT_CONTROLLER;
	topic = kw_mock_topic_of(mock, name, id);
	if (topic == NULL)
		return name.data != NULL ? UNKNOWN_TOPIC_OR_PARTITION : UNKNOWN_TOPIC_ID;
	item->name = kw_mock_scratch_text(mock, topic->name);
	item->topic_id = topic->id;
	kw_mock_topic_delete(mock, topic);
	return 0;
}

void kw_mock_on_delete_topics(struct kw_mock_exchange *exchange, const void *message)
{
	const struct kwire_delete_topics_request *request = message;
	struct kwire_delete_topics_response response = KWIRE_DELETE_TOPICS_RESPONSE_INIT;
	bool states = exchange->request.api_version >= 6;
	int32_t count = states ? request->topics.count : request->topic_names.count;

	if (!KW_MOCK_ARRAY(exchange->mock, response.responses, count)) {
		kw_mock_give_up(exchange);
		return;
	}
	for (int32_t i = 0; i < count; i++) {
		struct kwire_delete_topics_response_response *item = &response.responses.items[i];
		struct kwire_string name = states ? request->topics.items[i].name
						  : request->topic_names.items[i];
		struct kwire_uuid id = {{0}};

		if (states)
			id = request->topics.items[i].topic_id;
		*item = (struct kwire_delete_topics_response_response)
			KWIRE_DELETE_TOPICS_RESPONSE_RESPONSE_INIT;
		item->name = name;
		item->topic_id = id;
		item->error_code = delete_one(exchange, name, id, item);
		item->error_message = kw_mock_error_text(item->error_code);
	}
	kw_mock_finish(exchange, &response);
}

static int16_t grow_one(struct kw_mock_exchange *exchange,
			const struct kwire_create_partitions_request *request,
			const struct kwire_create_partitions_request_topic *asked)
{
	struct kwire_mock *mock = exchange->mock;
	struct kw_mock_topic *topic = kw_mock_topic_find(mock, asked->name);
	int32_t before;
	int16_t code;

	if (exchange->forced_code != 0)
		return exchange->forced_code;
	if (kw_mock_needs_controller(exchange))
		return NOT_CONTROLLER;
	for (int32_t i = 0; i < request->topics.count; i++)
		if (&request->topics.items[i] != asked &&
		    request->topics.items[i].name.size == asked->name.size &&
		    memcmp(request->topics.items[i].name.data, asked->name.data,
			   (size_t)asked->name.size) == 0)
			return INVALID_REQUEST;
	if (topic == NULL)
		return UNKNOWN_TOPIC_OR_PARTITION;
	before = topic->partition_count;
	if (asked->count <= before)
		return INVALID_PARTITIONS;
	if (asked->assignments.count >= 0) {
		if (asked->assignments.count != asked->count - before)
			return INVALID_REPLICA_ASSIGNMENT;
		for (int32_t i = 0; i < asked->assignments.count; i++) {
			const struct kwire_int32_array *ids = &asked->assignments.items[i]
								       .broker_ids;

			if (ids->count != topic->replication_factor || !brokers_differ(mock, ids))
				return INVALID_REPLICA_ASSIGNMENT;
		}
	}
	if (request->validate_only)
		return 0;
	code = kw_mock_topic_grow(mock, topic, asked->count);
	for (int32_t i = 0; code == 0 && i < asked->assignments.count; i++)
		assign(mock, topic->partitions[before + i],
		       &asked->assignments.items[i].broker_ids);
	return code;
}

void kw_mock_on_create_partitions(struct kw_mock_exchange *exchange, const void *message)
{
	const struct kwire_create_partitions_request *request = message;
	struct kwire_create_partitions_response response = KWIRE_CREATE_PARTITIONS_RESPONSE_INIT;

	if (!KW_MOCK_ARRAY(exchange->mock, response.results, request->topics.count)) {
		kw_mock_give_up(exchange);
		return;
	}
	for (int32_t i = 0; i < request->topics.count; i++) {
		struct kwire_create_partitions_response_result *item = &response.results.items[i];

		*item = (struct kwire_create_partitions_response_result)
			KWIRE_CREATE_PARTITIONS_RESPONSE_RESULT_INIT;
		item->name = request->topics.items[i].name;
		item->error_code = grow_one(exchange, request, &request->topics.items[i]);
		if (item->error_code != UNKNOWN_TOPIC_OR_PARTITION)
			item->error_message = kw_mock_error_text(item->error_code);
	}
	kw_mock_finish(exchange, &response);
}
