/* SPDX-License-Identifier: Apache-2.0 */
/* See topics.h. */
#include "topics.h"

#include <string.h>

#include "../protocol/endian.h"
#include "cluster.h"
#include "kafka_codes.h"

enum {
	BUCKETS = 1024, /* a power of two */
	MAX_NAME = 249,
};

int kw_mock_topics_init(struct kwire_mock *mock)
{
	mock->topics.buckets = kw_zalloc(mock->memory, BUCKETS * sizeof(*mock->topics.buckets));
	return mock->topics.buckets != NULL ? KWIRE_OK : KWIRE_ENOMEM;
}

static size_t bucket(struct kwire_string name)
{
	uint64_t hash = 14695981039346656037u;

	for (int32_t i = 0; i < name.size; i++)
		hash = (hash ^ (uint8_t)name.data[i]) * 1099511628211u;
	return (size_t)hash & (BUCKETS - 1);
}

static bool named(const struct kw_mock_topic *topic, struct kwire_string name)
{
	return topic->name_size == name.size &&
	       memcmp(topic->name, name.data, (size_t)name.size) == 0;
}

/*
 * The buckets only find the last topic of that hash quickly; the list has all.
 * (A table that is exact is not worth its code: tests have few topics.)
 */
struct kw_mock_topic *kw_mock_topic_find(struct kwire_mock *mock, struct kwire_string name)
{
	struct kw_mock_topic **slot;
	struct kw_mock_topic *topic;

	if (name.data == NULL)
		return NULL;
	slot = &mock->topics.buckets[bucket(name)];
	if (*slot == NULL)
		return NULL;
	if (named(*slot, name))
		return *slot;
	for (topic = mock->topics.first; topic != NULL; topic = topic->next)
		if (named(topic, name)) {
			*slot = topic;
			return topic;
		}
	return NULL;
}

struct kw_mock_topic *kw_mock_topic_by_id(struct kwire_mock *mock, struct kwire_uuid id)
{
	struct kw_mock_topic *topic = mock->topics.first;

	while (topic != NULL && memcmp(topic->id.bytes, id.bytes, sizeof(id.bytes)) != 0)
		topic = topic->next;
	return topic;
}

struct kw_mock_topic *kw_mock_topic_of(struct kwire_mock *mock, struct kwire_string name,
				       struct kwire_uuid id)
{
	if (name.data != NULL && name.size > 0)
		return kw_mock_topic_find(mock, name);
	return kw_mock_topic_by_id(mock, id);
}

struct kw_mock_partition *kw_mock_partition_of(struct kw_mock_topic *topic, int32_t index)
{
	if (topic == NULL || index < 0 || index >= topic->partition_count)
		return NULL;
	return topic->partitions[index];
}

bool kw_mock_topic_name_valid(struct kwire_string name)
{
	if (name.data == NULL || name.size < 1 || name.size > MAX_NAME ||
	    (name.size == 1 && name.data[0] == '.') ||
	    (name.size == 2 && memcmp(name.data, "..", 2) == 0))
		return false;
	for (int32_t i = 0; i < name.size; i++) {
		char c = name.data[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      c == '.' || c == '_' || c == '-'))
			return false;
	}
	return true;
}

int16_t kw_mock_topic_check(struct kwire_mock *mock, struct kwire_string name, int32_t partitions,
			    int32_t replication_factor)
{
	if (!kw_mock_topic_name_valid(name))
		return INVALID_TOPIC_EXCEPTION;
	if (kw_mock_topic_find(mock, name) != NULL)
		return TOPIC_ALREADY_EXISTS;
	if (partitions != -1 && partitions < 1)
		return INVALID_PARTITIONS;
	if (replication_factor != -1 &&
	    (replication_factor < 1 || replication_factor > mock->broker_count))
		return INVALID_REPLICATION_FACTOR;
	if (mock->topics.count >= KW_MOCK_MAX_TOPICS ||
	    partitions > KW_MOCK_MAX_PARTITIONS - mock->topics.partition_count)
		return POLICY_VIOLATION;
	return 0;
}

static void free_partition(struct kwire_mock *mock, struct kw_mock_partition *partition)
{
	mock->topics.bytes -= partition->log.bytes;
	mock->topics.partition_count--;
	kw_mock_log_fini(&partition->log);
	kw_free(partition);
}

static void free_topic(struct kwire_mock *mock, struct kw_mock_topic *topic)
{
	struct kw_mock_config *config;

	for (int32_t i = 0; i < topic->partition_count; i++)
		free_partition(mock, topic->partitions[i]);
	while ((config = topic->configs) != NULL) {
		topic->configs = config->next;
		kw_free(config->name);
		kw_free(config->value);
		kw_free(config);
	}
	kw_free(topic->partitions);
	kw_free(topic->name);
	kw_free(topic);
}

/* Spread over the brokers as Kafka does: the next partition begins at the next broker. */
static void place_replicas(struct kwire_mock *mock, struct kw_mock_partition *partition)
{
	int32_t replicas = partition->topic->replication_factor;
	struct kw_mock_broker *broker = mock->brokers;

	for (int32_t skip = partition->index % mock->broker_count; skip > 0; skip--)
		broker = broker->next;
	for (int32_t i = 0; i < replicas && i < KW_MOCK_MAX_REPLICAS; i++) {
		partition->replicas[partition->replica_count++] = broker->id;
		broker = broker->next != NULL ? broker->next : mock->brokers;
	}
}

static void elect(struct kwire_mock *mock, struct kw_mock_partition *partition)
{
	int32_t leader = -1;

	if (partition->leader_pinned && partition->leader_id < 0)
		return;
	if (kw_mock_broker_alive(mock, partition->leader_id) != NULL)
		return;
	for (int32_t i = 0; i < partition->replica_count && leader < 0; i++)
		if (kw_mock_broker_alive(mock, partition->replicas[i]) != NULL)
			leader = partition->replicas[i];
	partition->leader_pinned = false;
	if (leader == partition->leader_id)
		return;
	partition->leader_id = leader;
	partition->leader_epoch++;
}

int16_t kw_mock_topic_grow(struct kwire_mock *mock, struct kw_mock_topic *topic, int32_t partitions)
{
	struct kw_mock_partition **all;

	if (partitions > KW_MOCK_MAX_PARTITIONS || mock->broker_count == 0)
		return INVALID_PARTITIONS;
	all = kw_realloc(mock->memory, topic->partitions,
			 (size_t)partitions * sizeof(struct kw_mock_partition *));
	if (all == NULL)
		return KAFKA_STORAGE_ERROR;
	topic->partitions = all;
	while (topic->partition_count < partitions) {
		struct kw_mock_partition *partition = kw_zalloc(mock->memory, sizeof(*partition));

		if (partition == NULL)
			return KAFKA_STORAGE_ERROR;
		partition->topic = topic;
		partition->index = topic->partition_count;
		partition->leader_id = -1;
		partition->leader_epoch = -1;
		partition->log.memory = mock->memory;
		place_replicas(mock, partition);
		elect(mock, partition);
		if (partition->leader_epoch < 0)
			partition->leader_epoch = 0;
		topic->partitions[topic->partition_count++] = partition;
		mock->topics.partition_count++;
	}
	return 0;
}

int16_t kw_mock_topic_create(struct kwire_mock *mock, struct kwire_string name, int32_t partitions,
			     int32_t replication_factor, struct kw_mock_topic **created)
{
	struct kw_mock_topic **last = &mock->topics.first;
	struct kw_mock_topic *topic;
	int16_t code = kw_mock_topic_check(mock, name, partitions, replication_factor);

	if (code != 0)
		return code;
	topic = kw_zalloc(mock->memory, sizeof(*topic));
	if (topic == NULL)
		return KAFKA_STORAGE_ERROR;
	topic->name = kw_strndup(mock->memory, name.data, (size_t)name.size);
	topic->name_size = name.size;
	topic->replication_factor = replication_factor > 0   ? replication_factor
				    : mock->broker_count < 3 ? mock->broker_count
							     : 3;
	if (topic->replication_factor > KW_MOCK_MAX_REPLICAS)
		topic->replication_factor = KW_MOCK_MAX_REPLICAS;
	code = topic->name == NULL
		       ? KAFKA_STORAGE_ERROR
		       : kw_mock_topic_grow(mock, topic,
					    partitions > 0 ? partitions : mock->default_partitions);
	if (code != 0) {
		free_topic(mock, topic);
		return code;
	}
	/* Ids are random in Kafka; here they only must not repeat, nor be a reserved one. */
	kw_store64(topic->id.bytes, UINT64_C(0x6b776972652d6d6f));
	kw_store64(topic->id.bytes + 8, ++mock->topics.next_id);
	while (*last != NULL)
		last = &(*last)->next;
	*last = topic;
	mock->topics.count++;
	mock->topics.buckets[bucket(name)] = topic;
	if (created != NULL)
		*created = topic;
	return 0;
}

void kw_mock_topic_delete(struct kwire_mock *mock, struct kw_mock_topic *topic)
{
	struct kwire_string name = {topic->name, topic->name_size};
	struct kw_mock_topic **slot = &mock->topics.buckets[bucket(name)];
	struct kw_mock_topic **link = &mock->topics.first;

	while (*link != topic)
		link = &(*link)->next;
	*link = topic->next;
	mock->topics.count--;
	if (*slot == topic) {
		/* Another of this hash may be left. */
		*slot = NULL;
		for (struct kw_mock_topic *t = mock->topics.first; t != NULL; t = t->next)
			if (bucket((struct kwire_string){t->name, t->name_size}) == bucket(name))
				*slot = t;
	}
	free_topic(mock, topic);
	kw_mock_fetches_wake(mock);
}

int kw_mock_topic_configure(struct kwire_mock *mock, struct kw_mock_topic *topic,
			    struct kwire_string name, struct kwire_string value)
{
	struct kw_mock_config **link = &topic->configs;
	struct kw_mock_config *config;
	char *copy = NULL;

	while (*link != NULL && !kwire_string_equal(name, (*link)->name))
		link = &(*link)->next;
	config = *link;
	if (value.data == NULL) {
		if (config != NULL) {
			*link = config->next;
			kw_free(config->name);
			kw_free(config->value);
			kw_free(config);
		}
		return KWIRE_OK;
	}
	copy = kw_strndup(mock->memory, value.data, (size_t)value.size);
	if (copy == NULL)
		return KWIRE_ENOMEM;
	if (config == NULL) {
		config = kw_zalloc(mock->memory, sizeof(*config));
		if (config != NULL)
			config->name = kw_strndup(mock->memory, name.data, (size_t)name.size);
		if (config == NULL || config->name == NULL) {
			kw_free(config);
			kw_free(copy);
			return KWIRE_ENOMEM;
		}
		*link = config;
	}
	kw_free(config->value);
	config->value = copy;
	return KWIRE_OK;
}

const char *kw_mock_topic_config(const struct kw_mock_topic *topic, const char *name)
{
	for (const struct kw_mock_config *c = topic->configs; c != NULL; c = c->next)
		if (strcmp(c->name, name) == 0)
			return c->value;
	return NULL;
}

void kw_mock_partition_lead(struct kwire_mock *mock, struct kw_mock_partition *partition,
			    int32_t broker_id)
{
	bool replica = broker_id < 0;

	for (int32_t i = 0; i < partition->replica_count; i++)
		replica = replica || partition->replicas[i] == broker_id;
	if (!replica)
		partition->replicas[partition->replica_count < KW_MOCK_MAX_REPLICAS
					    ? partition->replica_count++
					    : KW_MOCK_MAX_REPLICAS - 1] = broker_id;
	partition->leader_id = broker_id;
	partition->leader_epoch++;
	partition->leader_pinned = true;
	kw_mock_fetches_wake(mock);
}

void kw_mock_topics_elect(struct kwire_mock *mock)
{
	if (mock->broker_count == 0)
		return;
	for (struct kw_mock_topic *topic = mock->topics.first; topic != NULL; topic = topic->next)
		for (int32_t i = 0; i < topic->partition_count; i++)
			elect(mock, topic->partitions[i]);
	kw_mock_fetches_wake(mock);
}

int16_t kw_mock_partition_at(struct kwire_mock *mock, int32_t broker_id,
			     struct kw_mock_topic *topic, int32_t index, int32_t epoch,
			     struct kw_mock_partition **partition)
{
	(void)mock;
	*partition = kw_mock_partition_of(topic, index);
	if (*partition == NULL)
		return UNKNOWN_TOPIC_OR_PARTITION;
	if ((*partition)->leader_id != broker_id)
		return (*partition)->leader_id < 0 ? LEADER_NOT_AVAILABLE : NOT_LEADER_OR_FOLLOWER;
	if (epoch >= 0 && epoch != (*partition)->leader_epoch)
		return epoch < (*partition)->leader_epoch ? FENCED_LEADER_EPOCH
							  : UNKNOWN_LEADER_EPOCH;
	return 0;
}

/* The oldest of the fullest partition go, until what is left is within bounds. */
static void make_room(struct kwire_mock *mock)
{
	while (mock->topics.bytes > mock->topics.max_bytes) {
		struct kw_mock_partition *fullest = NULL;
		int64_t before;

		for (struct kw_mock_topic *t = mock->topics.first; t != NULL; t = t->next)
			for (int32_t i = 0; i < t->partition_count; i++)
				if (fullest == NULL ||
				    t->partitions[i]->log.bytes > fullest->log.bytes)
					fullest = t->partitions[i];
		if (fullest == NULL)
			return;
		/* A good piece of it, so that one append in many pays for the search. */
		before = fullest->log.bytes;
		while (fullest->log.bytes > before - before / 8 - 1 &&
		       kw_mock_log_delete_oldest(&fullest->log))
			;
		mock->topics.bytes -= before - fullest->log.bytes;
		if (before == fullest->log.bytes)
			return;
	}
}

int16_t kw_mock_partition_append(struct kwire_mock *mock, struct kw_mock_partition *partition,
				 const uint8_t *data, const struct kw_mock_batch_info *info,
				 int64_t *base_offset, int64_t *append_time)
{
	const char *type = kw_mock_topic_config(partition->topic, "message.timestamp.type");
	int64_t now = kw_mock_wall_ms(mock);
	int64_t before = partition->log.bytes;
	int16_t code;

	*append_time = type != NULL && strcmp(type, "LogAppendTime") == 0 ? now : -1;
	code = kw_mock_log_append(&partition->log, data, info, partition->leader_epoch, now,
				  append_time, base_offset);
	mock->topics.bytes += partition->log.bytes - before;
	if (mock->topics.bytes > mock->topics.max_bytes)
		make_room(mock);
	return code;
}

void kw_mock_topics_fini(struct kwire_mock *mock)
{
	struct kw_mock_topic *topic;

	while ((topic = mock->topics.first) != NULL) {
		mock->topics.first = topic->next;
		free_topic(mock, topic);
	}
	kw_free(mock->topics.buckets);
}
