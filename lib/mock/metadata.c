/* SPDX-License-Identifier: Apache-2.0 */
/* What clients ask to find their way: Metadata, DescribeCluster, DescribeTopicPartitions. */
#include <stdlib.h>

#include <kwire/api/describe_cluster.h>
#include <kwire/api/describe_topic_partitions.h>
#include <kwire/api/metadata.h>

#include "behaviour.h"

enum {
	/* Every operation there is, as brokers without an authorizer say. */
	TOPIC_OPERATIONS = 0xdf8,
	CLUSTER_OPERATIONS = 0x1fa0,
	MAX_DESCRIBED = 2000, /* partitions in an answer of DescribeTopicPartitions */
};

static int32_t brokers_up(const struct kwire_mock *mock)
{
	int32_t count = 0;

	for (const struct kw_mock_broker *b = mock->brokers; b != NULL; b = b->next)
		count += b->up;
	return count;
}

/* Replicas, in-sync replicas and offline replicas of a partition. */
static bool put_replicas(struct kwire_mock *mock, const struct kw_mock_partition *partition,
			 struct kwire_int32_array *replicas, struct kwire_int32_array *in_sync,
			 struct kwire_int32_array *offline)
{
	if (!KW_MOCK_ARRAY(mock, *replicas, partition->replica_count) ||
	    !KW_MOCK_ARRAY(mock, *in_sync, partition->replica_count) ||
	    !KW_MOCK_ARRAY(mock, *offline, partition->replica_count))
		return false;
	in_sync->count = offline->count = 0;
	for (int32_t i = 0; i < partition->replica_count; i++) {
		int32_t id = partition->replicas[i];

		replicas->items[i] = id;
		if (kw_mock_broker_alive(mock, id) != NULL)
			in_sync->items[in_sync->count++] = id;
		else
			offline->items[offline->count++] = id;
	}
	return true;
}

static bool put_topic(struct kwire_mock *mock, struct kwire_metadata_response_topic *item,
		      const struct kw_mock_topic *topic)
{
	*item = (struct kwire_metadata_response_topic)KWIRE_METADATA_RESPONSE_TOPIC_INIT;
	item->name = kwire_string_of(topic->name, (size_t)topic->name_size);
	item->topic_id = topic->id;
	if (!KW_MOCK_ARRAY(mock, item->partitions, topic->partition_count))
		return false;
	for (int32_t i = 0; i < topic->partition_count; i++) {
		const struct kw_mock_partition *partition = topic->partitions[i];
		struct kwire_metadata_response_topic_partition *p = &item->partitions.items[i];

		*p = (struct kwire_metadata_response_topic_partition)
			KWIRE_METADATA_RESPONSE_TOPIC_PARTITION_INIT;
		p->error_code = partition->leader_id < 0 ? LEADER_NOT_AVAILABLE : 0;
		p->partition_index = i;
		p->leader_id = partition->leader_id;
		p->leader_epoch = partition->leader_epoch;
		if (!put_replicas(mock, partition, &p->replica_nodes, &p->isr_nodes,
				  &p->offline_replicas))
			return false;
	}
	return true;
}

/* One topic that was asked for: found, created, or an error. */
static bool put_asked(struct kw_mock_exchange *exchange,
		      const struct kwire_metadata_request *request,
		      const struct kwire_metadata_request_topic *asked,
		      struct kwire_metadata_response_topic *item)
{
	struct kwire_mock *mock = exchange->mock;
	bool by_id = asked->name.data == NULL || !kwire_uuid_is_zero(asked->topic_id);
	struct kw_mock_topic *topic = by_id ? kw_mock_topic_by_id(mock, asked->topic_id)
					    : kw_mock_topic_find(mock, asked->name);
	int16_t code = by_id ? UNKNOWN_TOPIC_ID : UNKNOWN_TOPIC_OR_PARTITION;

	if (exchange->forced_code != 0) {
		code = exchange->forced_code;
		topic = NULL;
	} else if (topic == NULL && !by_id) {
		if (!kw_mock_topic_name_valid(asked->name))
			code = INVALID_TOPIC_EXCEPTION;
		else if (request->allow_auto_topic_creation &&
			 !(mock->flags & KWIRE_MOCK_NO_AUTO_CREATE))
			code = kw_mock_topic_create(mock, asked->name, -1, -1, &topic);
	}
	if (topic != NULL) {
		if (!put_topic(mock, item, topic))
			return false;
		if (request->include_topic_authorized_operations)
			item->topic_authorized_operations = TOPIC_OPERATIONS;
		return true;
	}
	*item = (struct kwire_metadata_response_topic)KWIRE_METADATA_RESPONSE_TOPIC_INIT;
	item->error_code = code;
	item->name = by_id && exchange->request.api_version < 12 ? KWIRE_STRING("") : asked->name;
	item->topic_id = asked->topic_id;
	return true;
}

void kw_mock_on_metadata(struct kw_mock_exchange *exchange, const void *message)
{
	const struct kwire_metadata_request *request = message;
	struct kwire_metadata_response response = KWIRE_METADATA_RESPONSE_INIT;
	struct kwire_mock *mock = exchange->mock;
	bool all = request->topics.count < 0 ||
		   (exchange->request.api_version == 0 && request->topics.count == 0);
	int32_t i = 0;

	if (!KW_MOCK_ARRAY(mock, response.brokers, brokers_up(mock)) ||
	    !KW_MOCK_ARRAY(mock, response.topics, all ? mock->topics.count : request->topics.count))
		goto fail;
	if (all) {
		for (struct kw_mock_topic *t = mock->topics.first; t != NULL; t = t->next, i++) {
			if (!put_topic(mock, &response.topics.items[i], t))
				goto fail;
			if (request->include_topic_authorized_operations)
				response.topics.items[i]
					.topic_authorized_operations = TOPIC_OPERATIONS;
			if (exchange->forced_code != 0)
				response.topics.items[i].error_code = exchange->forced_code;
		}
	} else {
		for (; i < request->topics.count; i++)
			if (!put_asked(exchange, request, &request->topics.items[i],
				       &response.topics.items[i]))
				goto fail;
	}
	i = 0;
	for (const struct kw_mock_broker *b = mock->brokers; b != NULL; b = b->next) {
		struct kwire_metadata_response_broker *item = &response.brokers.items[i];

		if (!b->up)
			continue;
		*item = (struct kwire_metadata_response_broker)KWIRE_METADATA_RESPONSE_BROKER_INIT;
		item->node_id = b->id;
		item->host = kwire_string(kw_mock_host(mock));
		item->port = b->port;
		i++;
	}
	response.cluster_id = kwire_string(mock->cluster_id);
	response.controller_id = mock->controller_id;
	if (response.topics.count == 0 || exchange->forced_code == REBOOTSTRAP_REQUIRED)
		response.error_code = exchange->forced_code;
	if (request->include_cluster_authorized_operations)
		response.cluster_authorized_operations = CLUSTER_OPERATIONS;
	kw_mock_finish(exchange, &response);
	return;
fail:
	kw_mock_give_up(exchange);
}

void kw_mock_on_describe_cluster(struct kw_mock_exchange *exchange, const void *message)
{
	const struct kwire_describe_cluster_request *request = message;
	struct kwire_describe_cluster_response response = KWIRE_DESCRIBE_CLUSTER_RESPONSE_INIT;
	struct kwire_mock *mock = exchange->mock;
	int32_t i = 0;

	if (request->endpoint_type != 1) {
		response.error_code = MISMATCHED_ENDPOINT_TYPE;
		response.error_message = kw_mock_error_text(response.error_code);
		response.cluster_id = KWIRE_STRING("");
		kw_mock_finish(exchange, &response);
		return;
	}
	if (!KW_MOCK_ARRAY(mock, response.brokers, brokers_up(mock))) {
		kw_mock_give_up(exchange);
		return;
	}
	for (const struct kw_mock_broker *b = mock->brokers; b != NULL; b = b->next) {
		struct kwire_describe_cluster_response_broker *item = &response.brokers.items[i];

		if (!b->up)
			continue;
		*item = (struct kwire_describe_cluster_response_broker)
			KWIRE_DESCRIBE_CLUSTER_RESPONSE_BROKER_INIT;
		item->broker_id = b->id;
		item->host = kwire_string(kw_mock_host(mock));
		item->port = b->port;
		i++;
	}
	response.cluster_id = kwire_string(mock->cluster_id);
	response.controller_id = mock->controller_id;
	if (request->include_cluster_authorized_operations)
		response.cluster_authorized_operations = CLUSTER_OPERATIONS;
	kw_mock_finish(exchange, &response);
}

/* A topic's partitions from `first` on, at most `*room` of them; how many come after those. */
static bool describe_topic(struct kw_mock_exchange *exchange, struct kwire_string name,
			   int32_t first, int32_t *room,
			   struct kwire_describe_topic_partitions_response_topic *item,
			   int32_t *left)
{
	struct kwire_mock *mock = exchange->mock;
	struct kw_mock_topic *topic = kw_mock_topic_find(mock, name);
	int32_t count;

	*item = (struct kwire_describe_topic_partitions_response_topic)
		KWIRE_DESCRIBE_TOPIC_PARTITIONS_RESPONSE_TOPIC_INIT;
	item->name = name;
	*left = 0;
	if (exchange->forced_code != 0) {
		item->error_code = exchange->forced_code;
		return true;
	}
	item->topic_authorized_operations = TOPIC_OPERATIONS;
	if (topic == NULL) {
		item->error_code = kw_mock_topic_name_valid(name) ? UNKNOWN_TOPIC_OR_PARTITION
								  : INVALID_TOPIC_EXCEPTION;
		return true;
	}
	item->topic_id = topic->id;
	if (first > topic->partition_count)
		first = topic->partition_count;
	count = topic->partition_count - first < *room ? topic->partition_count - first : *room;
	*left = topic->partition_count - first - count;
	*room -= count;
	if (!KW_MOCK_ARRAY(mock, item->partitions, count))
		return false;
	for (int32_t i = 0; i < count; i++) {
		const struct kw_mock_partition *partition = topic->partitions[first + i];
		struct kwire_describe_topic_partitions_response_topic_partition
			*p = &item->partitions.items[i];

		*p = (struct kwire_describe_topic_partitions_response_topic_partition)
			KWIRE_DESCRIBE_TOPIC_PARTITIONS_RESPONSE_TOPIC_PARTITION_INIT;
		p->error_code = partition->leader_id < 0 ? LEADER_NOT_AVAILABLE : 0;
		p->partition_index = partition->index;
		p->leader_id = partition->leader_id;
		p->leader_epoch = partition->leader_epoch;
		/* None, which is not null: Java's client takes null amiss. */
		p->eligible_leader_replicas.count = p->last_known_elr.count = 0;
		if (!put_replicas(mock, partition, &p->replica_nodes, &p->isr_nodes,
				  &p->offline_replicas))
			return false;
	}
	return true;
}

static int by_name(const void *a, const void *b)
{
	const struct kwire_string *x = a, *y = b;
	int order = memcmp(x->data, y->data, (size_t)(x->size < y->size ? x->size : y->size));

	return order != 0 ? order : (x->size > y->size) - (x->size < y->size);
}

/* The names that are meant, in the order in which a cursor goes through them. */
static bool sorted_names(struct kwire_mock *mock,
			 const struct kwire_describe_topic_partitions_request *request,
			 struct kwire_string_array *names)
{
	bool all = request->topics.count == 0;
	int32_t i = 0;

	if (!KW_MOCK_ARRAY(mock, *names, all ? mock->topics.count : request->topics.count))
		return false;
	if (all)
		for (struct kw_mock_topic *t = mock->topics.first; t != NULL; t = t->next)
			names->items[i++] = kwire_string_of(t->name, (size_t)t->name_size);
	else
		for (; i < request->topics.count; i++)
			names->items[i] = request->topics.items[i].name;
	if (names->count > 0)
		qsort(names->items, (size_t)names->count, sizeof(*names->items), by_name);
	return true;
}

void kw_mock_on_describe_topic_partitions(struct kw_mock_exchange *exchange, const void *message)
{
	const struct kwire_describe_topic_partitions_request *request = message;
	struct kwire_describe_topic_partitions_response response =
		KWIRE_DESCRIBE_TOPIC_PARTITIONS_RESPONSE_INIT;
	struct kwire_describe_topic_partitions_response_next_cursor next =
		KWIRE_DESCRIBE_TOPIC_PARTITIONS_RESPONSE_NEXT_CURSOR_INIT;
	int32_t room = request->response_partition_limit < MAX_DESCRIBED
			       ? request->response_partition_limit
			       : MAX_DESCRIBED;
	struct kwire_mock *mock = exchange->mock;
	struct kwire_string_array names;
	int32_t left = 0;

	if (!sorted_names(mock, request, &names) ||
	    !KW_MOCK_ARRAY(mock, response.topics, names.count))
		goto fail;
	response.topics.count = 0;
	for (int32_t i = 0; i < names.count && left == 0; i++) {
		int32_t first = 0;

		if (request->cursor != NULL) {
			int order = by_name(&names.items[i], &request->cursor->topic_name);

			if (order < 0)
				continue;
			if (order == 0)
				first = request->cursor->partition_index;
		}
		if (room <= 0) {
			next.topic_name = names.items[i];
			next.partition_index = 0;
			response.next_cursor = &next;
			break;
		}
		if (!describe_topic(exchange, names.items[i], first > 0 ? first : 0, &room,
				    &response.topics.items[response.topics.count], &left))
			goto fail;
		if (left > 0) {
			next.topic_name = names.items[i];
			next.partition_index = kw_mock_topic_find(mock, names.items[i])
						       ->partition_count -
					       left;
			response.next_cursor = &next;
		}
		response.topics.count++;
	}
	kw_mock_finish(exchange, &response);
	return;
fail:
	kw_mock_give_up(exchange);
}
