/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See leaders.h.  Topics that are asked for together are asked for in one
 * Metadata request, of which there is one at a time.
 */
#include "leaders.h"

#include <string.h>

#include <kwire/api/metadata.h>

#include "../base/clock.h"
#include "../base/error.h"
#include "client.h"
#include "job.h"

#define LEADER_NOT_AVAILABLE 5
#define UNKNOWN_PARTITION    3

enum {
	FIRST_VERSION_WITHOUT_CREATION = 4, /* until then topics were created, wanted or not */
	FIRST_VERSION_BY_ID = 12,           /* 10 and 11 have the field and refuse it */
};

struct partition {
	int32_t leader_id; /* -1: none just now */
	int32_t epoch;
	int32_t preferred_replica;
	int16_t kafka_code;
};

struct topic {
	struct kw_entry entry;
	int64_t asked_ms;
	struct kwire_uuid id;
	struct partition *partitions; /* behind the name, in the same block */
	int32_t partition_count;
	char name[];
};

/* The name of a topic by its id. */
struct alias {
	struct kw_entry entry;
	struct kwire_uuid id;
	struct kwire_string name; /* behind it */
};

static struct topic *topic_locked(struct kw_leaders *leaders, struct kwire_string name)
	KW_REQUIRES(leaders->topics.mutex)
{
	return (struct topic *)kw_table_find_locked(&leaders->topics, name.data, (size_t)name.size);
}

static struct partition *partition_locked(struct kw_leaders *leaders, struct kwire_string name,
					  int32_t index) KW_REQUIRES(leaders->topics.mutex)
{
	struct topic *topic = topic_locked(leaders, name);

	return topic != NULL && index >= 0 && index < topic->partition_count
		       ? &topic->partitions[index]
		       : NULL;
}

void kw_leader_forget(struct kwire_client *client, const char *name)
{
	struct kw_leaders *leaders = &client->leaders;
	struct kw_entry *topic;

	kw_mutex_lock(&leaders->topics.mutex);
	topic = kw_table_remove_locked(&leaders->topics, name, strlen(name));
	kw_mutex_unlock(&leaders->topics.mutex);
	kw_free(topic);
}

void kw_leader_prefer(struct kwire_client *client, const char *name, int32_t partition,
		      int32_t broker_id)
{
	struct kw_leaders *leaders = &client->leaders;
	struct partition *entry;

	kw_mutex_lock(&leaders->topics.mutex);
	entry = partition_locked(leaders, kwire_string(name), partition);
	if (entry != NULL)
		entry->preferred_replica = broker_id;
	kw_mutex_unlock(&leaders->topics.mutex);
}

/* Gives a topic that is named by its id the name that it is known by; false: not known. */
static bool name_topic(struct kw_leaders *leaders, struct kw_leader_query *query)
{
	const struct kw_entry *entry;

	if (query->topic.size > 0)
		return true;
	kw_mutex_lock(&leaders->ids.mutex);
	entry = kw_table_find_locked(&leaders->ids, query->id.bytes, sizeof(query->id.bytes));
	/* An alias stays as it is until the client ends. */
	if (entry != NULL)
		query->topic = ((const struct alias *)entry)->name;
	kw_mutex_unlock(&leaders->ids.mutex);
	return entry != NULL;
}

void kw_leader_accuse(struct kwire_client *client, const struct kw_leader_query *query)
{
	struct kw_leaders *leaders = &client->leaders;
	struct kw_leader_query named = *query;
	struct kw_entry *topic = NULL;
	const struct partition *entry;

	if (!name_topic(leaders, &named))
		return;
	kw_mutex_lock(&leaders->topics.mutex);
	entry = partition_locked(leaders, named.topic, named.partition);
	if (entry == NULL || entry->leader_id == query->broker_id)
		topic = kw_table_remove_locked(&leaders->topics, named.topic.data,
					       (size_t)named.topic.size);
	kw_mutex_unlock(&leaders->topics.mutex);
	kw_free(topic);
}

bool kw_leader_hint(struct kwire_client *client, const struct kw_leader_query *query,
		    int32_t broker_id, int32_t epoch)
{
	struct kw_leaders *leaders = &client->leaders;
	struct kw_leader_query named = *query;
	struct partition *entry;
	bool news = false;

	if (broker_id < 0 || broker_id == query->broker_id || !name_topic(leaders, &named))
		return false;
	kw_mutex_lock(&leaders->topics.mutex);
	entry = partition_locked(leaders, named.topic, named.partition);
	if (entry != NULL && epoch >= entry->epoch) {
		entry->leader_id = broker_id;
		entry->epoch = epoch;
		entry->preferred_replica = -1;
		news = true;
	}
	kw_mutex_unlock(&leaders->topics.mutex);
	return news;
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

static struct topic *topic_new(struct kwire_client *client,
			       const struct kwire_metadata_response_topic *from, int64_t asked_ms)
{
	const size_t name_size = (size_t)from->name.size;
	const size_t align = _Alignof(struct partition);
	size_t at = sizeof(struct topic) + name_size + 1, size;
	int32_t count = 0;
	struct topic *topic;

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
	topic->id = from->topic_id;
	topic->partitions = (struct partition *)(void *)((char *)topic + at);
	topic->partition_count = count;
	memcpy(topic->name, from->name.data, name_size);
	topic->entry.key = topic->name;
	topic->entry.key_size = name_size;
	topic->asked_ms = asked_ms;
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

/* So that it can be found by its id, too. */
static int add_alias(struct kwire_client *client, const struct kwire_metadata_response_topic *from,
		     struct kwire_error *error)
{
	struct kw_leaders *leaders = &client->leaders;
	struct alias *alias;
	bool there;

	if (kwire_uuid_is_zero(from->topic_id))
		return 0;
	kw_mutex_lock(&leaders->ids.mutex);
	there = kw_table_find_locked(&leaders->ids, from->topic_id.bytes,
				     sizeof(from->topic_id.bytes)) != NULL;
	kw_mutex_unlock(&leaders->ids.mutex);
	/* Only who flies adds any, so it is not added twice; and names that are lent stay. */
	if (there)
		return 0;
	alias = kw_zalloc(client->config->memory, sizeof(*alias) + (size_t)from->name.size);
	if (alias == NULL)
		return kw_fail_memory(error);
	alias->id = from->topic_id;
	alias->entry.key = alias->id.bytes;
	alias->entry.key_size = sizeof(alias->id.bytes);
	memcpy(alias + 1, from->name.data, (size_t)from->name.size);
	alias->name = kwire_string_of((const char *)(alias + 1), (size_t)from->name.size);
	return kw_table_insert(&leaders->ids, client->config->memory, &alias->entry, error);
}

/* Answers the queries that are known and, unless `just_asked`, not too old; whether all are. */
static bool known(struct kwire_client *client, struct kw_leader_query *queries, int32_t count,
		  bool just_asked)
{
	struct kw_leaders *leaders = &client->leaders;
	const int64_t max_age = client->config->settings.metadata_max_age_ms;
	const int64_t now = kw_now_ms();
	bool all = true;

	for (int32_t i = 0; i < count; i++)
		name_topic(leaders, &queries[i]);
	kw_mutex_lock(&leaders->topics.mutex);
	for (int32_t i = 0; i < count; i++) {
		const struct topic *topic = topic_locked(leaders, queries[i].topic);
		const struct partition *entry = NULL;

		if (topic != NULL && (just_asked || max_age < 0 || now - topic->asked_ms < max_age))
			entry = partition_locked(leaders, queries[i].topic, queries[i].partition);
		queries[i].broker_id = entry != NULL ? entry->leader_id : -1;
		/* Of a topic that is refused, only the answer knows why. */
		if (topic != NULL)
			queries[i].code = entry == NULL            ? UNKNOWN_PARTITION
					  : entry->leader_id >= 0  ? 0
					  : entry->kafka_code != 0 ? entry->kafka_code
								   : LEADER_NOT_AVAILABLE;
		all = all && queries[i].broker_id >= 0;
	}
	kw_mutex_unlock(&leaders->topics.mutex);
	return all;
}

static bool same_topic(const struct kw_leader_query *query,
		       const struct kwire_metadata_response_topic *topic)
{
	if (query->topic.size > 0)
		return topic->name.size == query->topic.size &&
		       memcmp(topic->name.data, query->topic.data, (size_t)topic->name.size) == 0;
	return memcmp(&query->id, &topic->topic_id, sizeof(query->id)) == 0;
}

/* Takes one topic of an answer in. */
static int learn(struct kwire_client *client, struct kw_leader_query *queries, int32_t count,
		 const struct kwire_metadata_response_topic *from, int64_t asked_ms,
		 struct kwire_error *error)
{
	struct topic *topic;
	bool asked = false;
	int result;

	for (int32_t i = 0; i < count; i++)
		if (same_topic(&queries[i], from)) {
			queries[i].code = from->error_code;
			queries[i].answered = asked = true;
		}
	if (!asked || from->error_code != 0 || from->name.size <= 0)
		return 0;
	topic = topic_new(client, from, asked_ms);
	if (topic == NULL)
		return kw_fail_memory(error);
	result = kw_table_insert(&client->leaders.topics, client->config->memory, &topic->entry,
				 error);
	return result == 0 ? add_alias(client, from, error) : result;
}

static int learn_all(struct kwire_client *client, struct kw_leader_query *queries, int32_t count,
		     const struct kwire_metadata_response *response, int64_t asked_ms,
		     struct kwire_error *error)
{
	int result = 0;

	for (int32_t i = 0; i < count; i++)
		queries[i].answered = queries[i].broker_id >= 0;
	for (int32_t i = 0; result == 0 && i < response->topics.count; i++)
		result = learn(client, queries, count, &response->topics.items[i], asked_ms, error);
	for (int32_t i = 0; result == 0 && i < count; i++) {
		if (response->error_code != 0)
			queries[i].code = response->error_code;
		else if (!queries[i].answered) {
			result = kw_fail(error, KWIRE_EPROTOCOL,
					 "metadata of %.*s was asked for, that of something else "
					 "came",
					 (int)queries[i].topic.size, queries[i].topic.data);
			if (error != NULL)
				error->outcome = KWIRE_ANSWERED;
		}
	}
	return result;
}

static int ask(struct kwire_client *client, struct kw_leader_query *queries, int32_t count,
	       bool create, int64_t deadline_ms, struct kwire_error *error)
{
	static const struct kwire_metadata_request_topic blank = KWIRE_METADATA_REQUEST_TOPIC_INIT;
	struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_metadata_request_topic *topics;
	const struct kw_leader_query *last = NULL;
	const int64_t now = kw_now_ms();
	const uint64_t step = kw_pool_step(&client->pool);
	void *response = NULL;
	int result;

	topics = kw_alloc_array(client->config->memory, (size_t)count, sizeof(*topics));
	if (topics == NULL)
		return kw_fail_memory(error);
	request.topics.items = topics;
	request.topics.count = 0;
	request.allow_auto_topic_creation = create;
	if (!create)
		options.min_version = FIRST_VERSION_WITHOUT_CREATION;
	for (int32_t i = 0; i < count; i++) {
		struct kwire_metadata_request_topic *topic = &topics[request.topics.count];

		if (queries[i].broker_id >= 0)
			continue;
		/* Partitions of a topic stand together in most requests. */
		if (last != NULL && last->topic.data == queries[i].topic.data &&
		    last->topic.size == queries[i].topic.size &&
		    memcmp(&last->id, &queries[i].id, sizeof(last->id)) == 0)
			continue;
		last = &queries[i];
		*topic = blank;
		topic->name = last->topic;
		if (last->topic.size <= 0) {
			topic->name = kwire_string(NULL);
			topic->topic_id = last->id;
			options.min_version = FIRST_VERSION_BY_ID;
		}
		request.topics.count++;
	}
	result = kw_ask_any(client, &kwire_metadata_api, &request, &options, deadline_ms, &response,
			    error);
	kw_free(topics);
	if (result == 0) {
		kw_metadata_offer(client, response, now, step);
		result = learn_all(client, queries, count, response, now, error);
	}
	kwire_response_free(response);
	return result;
}

int kw_leaders_find(struct kwire_client *client, struct kw_leader_query *queries, int32_t count,
		    bool create, int64_t deadline_ms, struct kwire_error *error)
{
	struct kw_leaders *leaders = &client->leaders;
	int result;

	while (!known(client, queries, count, false)) {
		enum kw_boarding boarding = kw_flight_board(&leaders->flight,
							    &leaders->topics.mutex, deadline_ms);

		if (boarding == KW_TOO_LATE)
			return kw_fail_in(error, KWIRE_ETIMEDOUT, KWIRE_PHASE_WAIT,
					  "no leader was found in time");
		if (boarding == KW_LANDED)
			continue;
		result = 0;
		/* What somebody else found between looking and boarding need not be asked for. */
		if (!known(client, queries, count, false)) {
			result = ask(client, queries, count, create, deadline_ms, error);
			if (result == 0)
				known(client, queries, count, true);
		}
		kw_flight_land(&leaders->flight, &leaders->topics.mutex);
		return result;
	}
	return 0;
}

int kw_leader_check(const char *topic, int32_t partition, struct kwire_error *error)
{
	if (topic == NULL || topic[0] == '\0' || strlen(topic) > 249)
		return kw_fail(error, KWIRE_EINVAL, "a topic's name has 1 to 249 characters");
	if (partition < 0)
		return kw_fail(error, KWIRE_EINVAL, "partition %d", (int)partition);
	return 0;
}

int kw_leader_find(struct kwire_client *client, const char *topic, int32_t partition, bool create,
		   int64_t deadline_ms, struct kw_leader *leader, struct kwire_error *error)
{
	struct kw_leaders *leaders = &client->leaders;
	struct kw_leader_query query = {.partition = partition, .broker_id = -1};
	const struct partition *entry;
	int result = kw_leader_check(topic, partition, error);

	if (result != 0)
		return result;
	query.topic = kwire_string(topic);
	result = kw_leaders_find(client, &query, 1, create, deadline_ms, error);
	if (result != 0)
		return result;
	if (query.broker_id < 0) {
		/* Elections end: the next call asks again. */
		kw_leader_forget(client, topic);
		return kw_leader_fail(error, topic, partition, query.code);
	}
	leader->broker_id = query.broker_id;
	leader->epoch = leader->preferred_replica = -1;
	memset(&leader->topic_id, 0, sizeof(leader->topic_id));
	kw_mutex_lock(&leaders->topics.mutex);
	entry = partition_locked(leaders, query.topic, partition);
	if (entry != NULL) {
		leader->epoch = entry->epoch;
		leader->preferred_replica = entry->preferred_replica;
		leader->topic_id = topic_locked(leaders, query.topic)->id;
	}
	kw_mutex_unlock(&leaders->topics.mutex);
	return 0;
}
