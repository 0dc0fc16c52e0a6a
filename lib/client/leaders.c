/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See leaders.h.  The lock guards the table and is held over no I/O; two
 * callers that miss the same topic both ask, and the later answer stays.
 */
#include "leaders.h"

#include <string.h>

#include <kwire/api/metadata.h>

#include "../base/clock.h"
#include "../base/error.h"
#include "client.h"

#define FIRST_SLOTS          16
#define LEADER_NOT_AVAILABLE 5
#define UNKNOWN_PARTITION    3

struct partition {
	int32_t leader_id; /* -1: none just now */
	int32_t epoch;
	int32_t preferred_replica;
	int16_t kafka_code;
};

struct kw_topic {
	struct kw_topic *next; /* in its slot */
	uint64_t hash;
	int64_t asked_ms;
	struct kwire_uuid id;
	struct partition *partitions; /* behind the name, in the same block */
	int32_t partition_count;
	char name[];
};

int kw_leaders_init(struct kw_leaders *leaders, struct kwire_error *error)
{
	memset(leaders, 0, sizeof(*leaders));
	if (kw_mutex_init(&leaders->mutex, KW_RANK_LEAF) != 0)
		return kw_fail(error, KWIRE_ELIMIT, "no mutex to be had");
	return 0;
}

void kw_leaders_abandon(struct kw_leaders *leaders) KW_NO_ANALYSIS
{
	for (size_t i = 0; i < leaders->slot_count; i++)
		while (leaders->slots[i] != NULL) {
			struct kw_topic *topic = leaders->slots[i];

			leaders->slots[i] = topic->next;
			kw_free(topic);
		}
	kw_free(leaders->slots);
}

void kw_leaders_fini(struct kw_leaders *leaders)
{
	kw_leaders_abandon(leaders);
	kw_mutex_fini(&leaders->mutex);
}

/* FNV-1a. */
static uint64_t hash_of(const char *name)
{
	uint64_t hash = 14695981039346656037u;

	for (; *name != '\0'; name++)
		hash = (hash ^ (uint8_t)*name) * 1099511628211u;
	return hash;
}

static struct kw_topic **place_locked(struct kw_leaders *leaders, const char *name, uint64_t hash)
{
	struct kw_topic **place = &leaders->slots[hash & (leaders->slot_count - 1)];

	while (*place != NULL && ((*place)->hash != hash || strcmp((*place)->name, name) != 0))
		place = &(*place)->next;
	return place;
}

static struct kw_topic *topic_locked(struct kw_leaders *leaders, const char *name)
{
	return leaders->slot_count == 0 ? NULL : *place_locked(leaders, name, hash_of(name));
}

/* Doubles the slots; the old ones are freed by the caller, after unlocking. */
static struct kw_topic **rehash_locked(struct kw_leaders *leaders, struct kw_topic **slots,
				       size_t slot_count)
{
	struct kw_topic **before = leaders->slots;

	for (size_t i = 0; i < leaders->slot_count; i++)
		while (before[i] != NULL) {
			struct kw_topic *topic = before[i];

			before[i] = topic->next;
			topic->next = slots[topic->hash & (slot_count - 1)];
			slots[topic->hash & (slot_count - 1)] = topic;
		}
	leaders->slots = slots;
	leaders->slot_count = slot_count;
	return before;
}

/* Puts `topic` in the place of what was known of it, which goes to the caller. */
static struct kw_topic *insert_locked(struct kw_leaders *leaders, struct kw_topic *topic)
{
	struct kw_topic **place = place_locked(leaders, topic->name, topic->hash);
	struct kw_topic *before = *place;

	topic->next = before != NULL ? before->next : NULL;
	*place = topic;
	if (before == NULL)
		leaders->count++;
	return before;
}

/* Adds what was learnt; frees it when there is no memory for that. */
static int insert(struct kwire_client *client, struct kw_topic *topic, struct kwire_error *error)
{
	struct kw_leaders *leaders = &client->leaders;
	struct kw_topic **slots = NULL, *before = NULL;
	size_t slot_count = 0;
	bool done;

	/* Room is allocated with the lock dropped; somebody else may have been faster. */
	for (;;) {
		kw_mutex_lock(&leaders->mutex);
		if (slot_count > leaders->slot_count)
			slots = rehash_locked(leaders, slots, slot_count);
		done = leaders->count < leaders->slot_count;
		if (done)
			before = insert_locked(leaders, topic);
		slot_count = leaders->slot_count == 0 ? FIRST_SLOTS : leaders->slot_count * 2;
		kw_mutex_unlock(&leaders->mutex);
		kw_free(slots);
		if (done)
			break;
		slots = kw_alloc_array(client->config->memory, slot_count, sizeof(*slots));
		if (slots == NULL) {
			kw_free(topic);
			return kw_fail_memory(error);
		}
		memset(slots, 0, slot_count * sizeof(*slots));
	}
	kw_free(before);
	return 0;
}

void kw_leader_forget(struct kwire_client *client, const char *name)
{
	struct kw_leaders *leaders = &client->leaders;
	struct kw_topic *topic = NULL;

	kw_mutex_lock(&leaders->mutex);
	if (leaders->slot_count != 0) {
		struct kw_topic **place = place_locked(leaders, name, hash_of(name));

		topic = *place;
		if (topic != NULL) {
			*place = topic->next;
			leaders->count--;
		}
	}
	kw_mutex_unlock(&leaders->mutex);
	kw_free(topic);
}

void kw_leader_prefer(struct kwire_client *client, const char *name, int32_t partition,
		      int32_t broker_id)
{
	struct kw_leaders *leaders = &client->leaders;
	struct kw_topic *topic;

	kw_mutex_lock(&leaders->mutex);
	topic = topic_locked(leaders, name);
	if (topic != NULL && partition >= 0 && partition < topic->partition_count)
		topic->partitions[partition].preferred_replica = broker_id;
	kw_mutex_unlock(&leaders->mutex);
}

int kw_leader_fail(struct kwire_error *error, const char *topic, int32_t partition, int16_t code)
{
	struct kwire_kafka_error kafka = kwire_kafka_error(code);

	kw_fail(error, KWIRE_EKAFKA, "%.249s-%d: %s (%d)", topic, (int)partition, kafka.name,
		(int)code);
	if (error != NULL) {
		error->kafka_code = code;
		error->retriable = kafka.retriable;
		error->outcome = KWIRE_ANSWERED;
	}
	return KWIRE_EKAFKA;
}

/* The partition's entry, if it is there and, unless `just_asked`, not too old. */
static bool known(struct kwire_client *client, const char *name, int32_t partition, bool just_asked,
		  struct partition *entry, struct kwire_uuid *id)
{
	struct kw_leaders *leaders = &client->leaders;
	const int64_t max_age = client->config->settings.metadata_max_age_ms;
	struct kw_topic *topic;
	bool found = false;

	kw_mutex_lock(&leaders->mutex);
	topic = topic_locked(leaders, name);
	if (topic != NULL && partition < topic->partition_count &&
	    (just_asked || max_age < 0 || kw_now_ms() - topic->asked_ms < max_age)) {
		*entry = topic->partitions[partition];
		*id = topic->id;
		found = true;
	}
	kw_mutex_unlock(&leaders->mutex);
	return found;
}

static struct kw_topic *topic_new(struct kwire_client *client, const char *name,
				  const struct kwire_metadata_response_topic *from)
{
	const size_t name_size = strlen(name) + 1;
	const size_t align = _Alignof(struct partition);
	size_t at = sizeof(struct kw_topic) + name_size, size;
	int32_t count = 0;
	struct kw_topic *topic;

	for (int32_t i = 0; i < from->partitions.count; i++)
		if (from->partitions.items[i].partition_index >= count &&
		    from->partitions.items[i].partition_index < INT32_MAX)
			count = from->partitions.items[i].partition_index + 1;
	/* Indexes are dense; one that is not must not cost memory. */
	if (count > from->partitions.count)
		count = from->partitions.count;
	at = (at + align - 1) / align * align;
	size = at + (size_t)count * sizeof(struct partition);
	topic = kw_zalloc(client->config->memory, size);
	if (topic == NULL)
		return NULL;
	topic->hash = hash_of(name);
	topic->id = from->topic_id;
	topic->partitions = (struct partition *)(void *)((char *)topic + at);
	topic->partition_count = count;
	memcpy(topic->name, name, name_size);
	for (int32_t i = 0; i < count; i++) {
		topic->partitions[i].leader_id = topic->partitions[i].preferred_replica = -1;
		topic->partitions[i].kafka_code = UNKNOWN_PARTITION;
	}
	for (int32_t i = 0; i < from->partitions.count; i++) {
		const struct kwire_metadata_response_topic_partition *one = &from->partitions
										     .items[i];

		if (one->partition_index < 0 || one->partition_index >= count)
			continue;
		topic->partitions[one->partition_index].leader_id = one->leader_id;
		topic->partitions[one->partition_index].epoch = one->leader_epoch;
		topic->partitions[one->partition_index].kafka_code = one->error_code;
	}
	return topic;
}

/* Takes the answer in; KWIRE_EKAFKA where it says that there is no such topic. */
static int learn(struct kwire_client *client, const char *name, int32_t partition,
		 const struct kwire_metadata_response *response, int64_t asked_ms,
		 struct kwire_error *error)
{
	struct kw_topic *topic;

	if (response->error_code != 0)
		return kw_leader_fail(error, name, partition, response->error_code);
	if (response->topics.count != 1 ||
	    !kwire_string_equal(response->topics.items[0].name, name)) {
		kw_fail(error, KWIRE_EPROTOCOL,
			"metadata of %.249s was asked for, that of something else came", name);
		if (error != NULL)
			error->outcome = KWIRE_ANSWERED;
		return KWIRE_EPROTOCOL;
	}
	if (response->topics.items[0].error_code != 0)
		return kw_leader_fail(error, name, partition, response->topics.items[0].error_code);
	topic = topic_new(client, name, &response->topics.items[0]);
	if (topic == NULL)
		return kw_fail_memory(error);
	topic->asked_ms = asked_ms;
	return insert(client, topic, error);
}

static int ask(struct kwire_client *client, const char *name, int32_t partition, bool create,
	       int64_t deadline_ms, struct kwire_error *error)
{
	struct kwire_metadata_request_topic topic = KWIRE_METADATA_REQUEST_TOPIC_INIT;
	struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_metadata_response *response = NULL;
	const int64_t now = kw_now_ms();
	int result;

	topic.name = kwire_string(name);
	request.topics.items = &topic;
	request.topics.count = 1;
	request.allow_auto_topic_creation = create;
	options.timeout_ms = kw_remaining(deadline_ms, now);
	/* Before version 4 a broker creates topics whether that is wanted or not. */
	if (!create)
		options.min_version = 4;
	result = kwire_send_metadata_with(client, &request, &response, &options, error);
	if (result != 0)
		return result;
	result = learn(client, name, partition, response, now, error);
	kwire_response_free(response);
	return result;
}

int kw_leader_find(struct kwire_client *client, const char *topic, int32_t partition, bool create,
		   int64_t deadline_ms, struct kw_leader *leader, struct kwire_error *error)
{
	struct partition entry;
	int result;

	if (topic == NULL || topic[0] == '\0' || strlen(topic) > 249)
		return kw_fail(error, KWIRE_EINVAL, "a topic's name has 1 to 249 characters");
	if (partition < 0)
		return kw_fail(error, KWIRE_EINVAL, "partition %d", (int)partition);
	if (!known(client, topic, partition, false, &entry, &leader->topic_id)) {
		result = ask(client, topic, partition, create, deadline_ms, error);
		if (result != 0)
			return result;
		if (!known(client, topic, partition, true, &entry, &leader->topic_id))
			return kw_leader_fail(error, topic, partition, UNKNOWN_PARTITION);
	}
	if (entry.leader_id < 0) {
		/* Elections end: the next call asks again. */
		kw_leader_forget(client, topic);
		return kw_leader_fail(error, topic, partition,
				      entry.kafka_code != 0 ? entry.kafka_code
							    : LEADER_NOT_AVAILABLE);
	}
	leader->broker_id = entry.leader_id;
	leader->epoch = entry.epoch;
	leader->preferred_replica = entry.preferred_replica;
	return 0;
}
