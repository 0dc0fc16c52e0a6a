/* SPDX-License-Identifier: Apache-2.0 */
/* The offsets that groups commit: OffsetCommit, OffsetFetch, TxnOffsetCommit. */
#include <kwire/api/offset_commit.h>
#include <kwire/api/offset_fetch.h>
#include <kwire/api/txn_offset_commit.h>

#include "behaviour.h"

enum {
	MAX_METADATA = 4096,
	OFFSET_METADATA_TOO_LARGE = 12,
	NOT_FOUND_FROM = 9,
	COMMIT_IDS_FROM = 10,
	FETCH_IDS_FROM = 10,
	BATCHED_FROM = 8,
	TXN_IDS_FROM = 6,
	IMPLICIT_FROM = 5,
};

static struct kw_mock_offset *offset_of(struct kw_mock_group *group, struct kwire_string topic,
					int32_t partition, bool create)
{
	struct kw_mock_offset **last = &group->offsets;
	struct kw_mock_offset *offset;

	for (; (offset = *last) != NULL; last = &offset->next)
		if (offset->partition == partition && kwire_string_equal(topic, offset->topic))
			return offset;
	if (!create || group->offset_count >= KW_MOCK_MAX_OFFSETS)
		return NULL;
	offset = kw_zalloc(group->mock->memory, sizeof(*offset));
	if (offset == NULL)
		return NULL;
	offset->topic = kw_strndup(group->mock->memory, topic.data, (size_t)topic.size);
	if (offset->topic == NULL) {
		kw_free(offset);
		return NULL;
	}
	offset->partition = partition;
	offset->offset = offset->pending_producer = -1;
	offset->leader_epoch = -1;
	*last = offset;
	group->offset_count++;
	return offset;
}

static int commit_offset(struct kw_mock_group *group, struct kwire_string topic, int32_t partition,
			 int64_t value, int32_t leader_epoch, struct kwire_string metadata,
			 int64_t producer_id)
{
	struct kw_mock_offset *offset = offset_of(group, topic, partition, true);
	char *copy = NULL;

	if (offset == NULL)
		return KWIRE_ENOMEM;
	if (metadata.data != NULL) {
		copy = kw_strndup(group->mock->memory, metadata.data, (size_t)metadata.size);
		if (copy == NULL)
			return KWIRE_ENOMEM;
	}
	if (producer_id >= 0) {
		offset->pending_producer = producer_id;
		offset->pending_offset = value;
		offset->pending_epoch = leader_epoch;
		kw_free(offset->pending_metadata);
		offset->pending_metadata = copy;
	} else {
		offset->offset = value;
		offset->leader_epoch = leader_epoch;
		kw_free(offset->metadata);
		offset->metadata = copy;
	}
	return KWIRE_OK;
}

void kw_mock_offsets_end_transaction(struct kw_mock_group *group, int64_t producer_id,
				     bool committed)
{
	for (struct kw_mock_offset *o = group->offsets; o != NULL; o = o->next) {
		if (o->pending_producer != producer_id)
			continue;
		if (committed) {
			o->offset = o->pending_offset;
			o->leader_epoch = o->pending_epoch;
			kw_free(o->metadata);
			o->metadata = o->pending_metadata;
		} else {
			kw_free(o->pending_metadata);
		}
		o->pending_metadata = NULL;
		o->pending_producer = -1;
	}
}

void kw_mock_offsets_free(struct kw_mock_group *group)
{
	struct kw_mock_offset *offset;

	while ((offset = group->offsets) != NULL) {
		group->offsets = offset->next;
		kw_free(offset->topic);
		kw_free(offset->metadata);
		kw_free(offset->pending_metadata);
		kw_free(offset);
	}
}

/* For a commit: whether this member of this generation may. */
static int16_t may_commit(struct kw_mock_group *group, struct kwire_string member_id,
			  struct kwire_string instance_id, int32_t generation)
{
	struct kw_mock_member *member;

	if (generation < 0 && member_id.size <= 0)
		return group->state == KW_MOCK_GROUP_EMPTY ? 0 : UNKNOWN_MEMBER_ID;
	if (instance_id.data != NULL) {
		member = kw_mock_member_static(group, instance_id);
		if (member != NULL && !kwire_string_equal(member_id, member->id))
			return FENCED_INSTANCE_ID;
	} else {
		member = kw_mock_member_find(group, member_id);
	}
	if (member == NULL)
		return UNKNOWN_MEMBER_ID;
	if (generation != group->generation)
		return ILLEGAL_GENERATION;
	kw_mock_member_alive(member);
	return group->state == KW_MOCK_GROUP_COMPLETING ? REBALANCE_IN_PROGRESS : 0;
}

/* What one commit of a partition comes to, once the group has agreed. */
static int16_t commit(struct kw_mock_group *group, struct kw_mock_topic *topic, bool by_id,
		      int32_t partition, int64_t offset, int32_t epoch,
		      struct kwire_string metadata, int64_t producer_id)
{
	if (topic == NULL)
		return by_id ? UNKNOWN_TOPIC_ID : UNKNOWN_TOPIC_OR_PARTITION;
	if (kw_mock_partition_of(topic, partition) == NULL)
		return UNKNOWN_TOPIC_OR_PARTITION;
	if (metadata.size > MAX_METADATA)
		return OFFSET_METADATA_TOO_LARGE;
	return commit_offset(group, kwire_string_of(topic->name, (size_t)topic->name_size),
			     partition, offset, epoch, metadata, producer_id) == 0
		       ? 0
		       : KAFKA_STORAGE_ERROR;
}

void kw_mock_on_offset_commit(struct kw_mock_exchange *exchange, const void *message)
{
	const struct kwire_offset_commit_request *request = message;
	struct kwire_offset_commit_response response = KWIRE_OFFSET_COMMIT_RESPONSE_INIT;
	struct kwire_mock *mock = exchange->mock;
	bool by_id = exchange->request.api_version >= COMMIT_IDS_FROM;
	struct kw_mock_group *group = NULL;
	int16_t code = exchange->forced_code;

	if (code == 0)
		code = kw_mock_group_check(exchange, request->group_id);
	if (code == 0) {
		group = kw_mock_group_find(mock, request->group_id);
		if (group == NULL && request->generation_id_or_member_epoch >= 0)
			code = exchange->request.api_version >= NOT_FOUND_FROM ? GROUP_ID_NOT_FOUND
									       : ILLEGAL_GENERATION;
		else if (group == NULL &&
			 (group = kw_mock_group_get(mock, request->group_id)) == NULL)
			code = KAFKA_STORAGE_ERROR;
		else
			code = may_commit(group, request->member_id, request->group_instance_id,
					  request->generation_id_or_member_epoch);
	}
	if (!KW_MOCK_ARRAY(mock, response.topics, request->topics.count))
		goto fail;
	for (int32_t i = 0; i < request->topics.count; i++) {
		const struct kwire_offset_commit_request_topic *asked = &request->topics.items[i];
		struct kwire_offset_commit_response_topic *item = &response.topics.items[i];
		struct kw_mock_topic *topic = kw_mock_topic_of(mock, asked->name, asked->topic_id);

		*item = (struct kwire_offset_commit_response_topic)
			KWIRE_OFFSET_COMMIT_RESPONSE_TOPIC_INIT;
		item->name = asked->name;
		item->topic_id = asked->topic_id;
		if (!KW_MOCK_ARRAY(mock, item->partitions, asked->partitions.count))
			goto fail;
		for (int32_t k = 0; k < asked->partitions.count; k++) {
			const struct kwire_offset_commit_request_topic_partition
				*p = &asked->partitions.items[k];

			item->partitions
				.items[k] = (struct kwire_offset_commit_response_topic_partition)
				KWIRE_OFFSET_COMMIT_RESPONSE_TOPIC_PARTITION_INIT;
			item->partitions.items[k].partition_index = p->partition_index;
			item->partitions.items[k].error_code =
				code != 0 ? code
					  : commit(group, topic, by_id, p->partition_index,
						   p->committed_offset, p->committed_leader_epoch,
						   p->committed_metadata, -1);
		}
	}
	kw_mock_finish(exchange, &response);
	return;
fail:
	kw_mock_give_up(exchange);
}

/* ------------------------------------------------------------------ fetching */

/* One partition of an answer, in the shape of version 8 and later. */
static void fetch_one(struct kw_mock_group *group, struct kwire_string topic, int32_t partition,
		      bool stable, struct kwire_offset_fetch_response_group_topic_partition *item)
{
	const struct kw_mock_offset *offset = group != NULL
						      ? offset_of(group, topic, partition, false)
						      : NULL;

	*item = (struct kwire_offset_fetch_response_group_topic_partition)
		KWIRE_OFFSET_FETCH_RESPONSE_GROUP_TOPIC_PARTITION_INIT;
	item->partition_index = partition;
	item->committed_offset = -1;
	item->metadata = KWIRE_STRING("");
	if (offset == NULL)
		return;
	if (stable && offset->pending_producer >= 0) {
		item->error_code = UNSTABLE_OFFSET_COMMIT;
		return;
	}
	item->committed_offset = offset->offset;
	if (offset->offset < 0)
		return;
	item->committed_leader_epoch = offset->leader_epoch;
	item->metadata = kwire_string(offset->metadata != NULL ? offset->metadata : "");
}

/* Every topic that the group has offsets for. */
static bool fetch_all(struct kw_mock_exchange *exchange, struct kw_mock_group *group, bool stable,
		      struct kwire_offset_fetch_response_group *item)
{
	struct kwire_mock *mock = exchange->mock;
	int32_t count = group != NULL ? group->offset_count : 0;

	if (!KW_MOCK_ARRAY(mock, item->topics, count))
		return false;
	item->topics.count = 0;
	for (struct kw_mock_offset *o = count > 0 ? group->offsets : NULL; o != NULL; o = o->next) {
		struct kwire_offset_fetch_response_group_topic *t = NULL;
		struct kwire_string name = kwire_string(o->topic);

		for (int32_t i = 0; i < item->topics.count && t == NULL; i++)
			if (kwire_string_equal(item->topics.items[i].name, o->topic))
				t = &item->topics.items[i];
		if (t == NULL) {
			struct kw_mock_topic *topic = kw_mock_topic_find(mock, name);

			t = &item->topics.items[item->topics.count++];
			*t = (struct kwire_offset_fetch_response_group_topic)
				KWIRE_OFFSET_FETCH_RESPONSE_GROUP_TOPIC_INIT;
			t->name = name;
			if (topic != NULL)
				t->topic_id = topic->id;
			if (!KW_MOCK_ARRAY(mock, t->partitions, count))
				return false;
			t->partitions.count = 0;
		}
		fetch_one(group, name, o->partition, stable,
			  &t->partitions.items[t->partitions.count++]);
	}
	return true;
}

static bool fetch_asked(struct kw_mock_exchange *exchange, struct kw_mock_group *group, bool stable,
			const struct kwire_offset_fetch_request_group *asked,
			struct kwire_offset_fetch_response_group *item)
{
	struct kwire_mock *mock = exchange->mock;
	bool by_id = exchange->request.api_version >= FETCH_IDS_FROM;

	if (!KW_MOCK_ARRAY(mock, item->topics, asked->topics.count))
		return false;
	for (int32_t i = 0; i < asked->topics.count; i++) {
		const struct kwire_offset_fetch_request_group_topic *a = &asked->topics.items[i];
		struct kwire_offset_fetch_response_group_topic *t = &item->topics.items[i];
		struct kw_mock_topic *topic = by_id ? kw_mock_topic_by_id(mock, a->topic_id) : NULL;
		struct kwire_string name = by_id ? kwire_string(topic != NULL ? topic->name : "")
						 : a->name;

		*t = (struct kwire_offset_fetch_response_group_topic)
			KWIRE_OFFSET_FETCH_RESPONSE_GROUP_TOPIC_INIT;
		t->name = name;
		t->topic_id = a->topic_id;
		if (!KW_MOCK_ARRAY(mock, t->partitions, a->partition_indexes.count))
			return false;
		for (int32_t k = 0; k < a->partition_indexes.count; k++) {
			fetch_one(group, name, a->partition_indexes.items[k], stable,
				  &t->partitions.items[k]);
			if (by_id && topic == NULL)
				t->partitions.items[k].error_code = UNKNOWN_TOPIC_ID;
		}
	}
	return true;
}

static bool fetch_group(struct kw_mock_exchange *exchange,
			const struct kwire_offset_fetch_request *request,
			const struct kwire_offset_fetch_request_group *asked,
			struct kwire_offset_fetch_response_group *item)
{
	struct kw_mock_group *group;
	bool good;

	*item = (struct kwire_offset_fetch_response_group)KWIRE_OFFSET_FETCH_RESPONSE_GROUP_INIT;
	item->group_id = asked->group_id;
	item->error_code = exchange->forced_code != 0
				   ? exchange->forced_code
				   : kw_mock_group_check(exchange, asked->group_id);
	if (item->error_code != 0)
		return true;
	group = kw_mock_group_find(exchange->mock, asked->group_id);
	good = asked->topics.count < 0
		       ? fetch_all(exchange, group, request->require_stable, item)
		       : fetch_asked(exchange, group, request->require_stable, asked, item);
	return good;
}

/* Before version 8 a request is about one group, and the answer has other structs. */
static bool fetch_single(struct kw_mock_exchange *exchange,
			 const struct kwire_offset_fetch_request *request,
			 struct kwire_offset_fetch_response *response)
{
	struct kwire_offset_fetch_request_group asked = KWIRE_OFFSET_FETCH_REQUEST_GROUP_INIT;
	struct kwire_offset_fetch_response_group item;
	struct kwire_mock *mock = exchange->mock;

	asked.group_id = request->group_id;
	if (request->topics.count >= 0 && !KW_MOCK_ARRAY(mock, asked.topics, request->topics.count))
		return false;
	asked.topics.count = request->topics.count;
	for (int32_t i = 0; i < asked.topics.count; i++) {
		asked.topics.items[i] = (struct kwire_offset_fetch_request_group_topic)
			KWIRE_OFFSET_FETCH_REQUEST_GROUP_TOPIC_INIT;
		asked.topics.items[i].name = request->topics.items[i].name;
		asked.topics.items[i].partition_indexes = request->topics.items[i]
								  .partition_indexes;
	}
	if (!fetch_group(exchange, request, &asked, &item) ||
	    !KW_MOCK_ARRAY(mock, response->topics, item.topics.count))
		return false;
	response->error_code = item.error_code;
	for (int32_t i = 0; i < item.topics.count; i++) {
		const struct kwire_offset_fetch_response_group_topic *from = &item.topics.items[i];
		struct kwire_offset_fetch_response_topic *to = &response->topics.items[i];

		*to = (struct kwire_offset_fetch_response_topic)
			KWIRE_OFFSET_FETCH_RESPONSE_TOPIC_INIT;
		to->name = from->name;
		if (!KW_MOCK_ARRAY(mock, to->partitions, from->partitions.count))
			return false;
		for (int32_t k = 0; k < from->partitions.count; k++) {
			const struct kwire_offset_fetch_response_group_topic_partition
				*p = &from->partitions.items[k];
			struct kwire_offset_fetch_response_topic_partition *q = &to->partitions
											 .items[k];

			*q = (struct kwire_offset_fetch_response_topic_partition)
				KWIRE_OFFSET_FETCH_RESPONSE_TOPIC_PARTITION_INIT;
			q->partition_index = p->partition_index;
			q->committed_offset = p->committed_offset;
			q->committed_leader_epoch = p->committed_leader_epoch;
			q->metadata = p->metadata;
			q->error_code = p->error_code;
		}
	}
	return true;
}

void kw_mock_on_offset_fetch(struct kw_mock_exchange *exchange, const void *message)
{
	const struct kwire_offset_fetch_request *request = message;
	struct kwire_offset_fetch_response response = KWIRE_OFFSET_FETCH_RESPONSE_INIT;

	if (exchange->request.api_version < BATCHED_FROM) {
		if (!fetch_single(exchange, request, &response))
			goto fail;
	} else {
		if (!KW_MOCK_ARRAY(exchange->mock, response.groups, request->groups.count))
			goto fail;
		for (int32_t i = 0; i < request->groups.count; i++)
			if (!fetch_group(exchange, request, &request->groups.items[i],
					 &response.groups.items[i]))
				goto fail;
	}
	kw_mock_finish(exchange, &response);
	return;
fail:
	kw_mock_give_up(exchange);
}

/* -------------------------------------------------------------- transactions */

void kw_mock_on_txn_offset_commit(struct kw_mock_exchange *exchange, const void *message)
{
	const struct kwire_txn_offset_commit_request *request = message;
	struct kwire_txn_offset_commit_response response = KWIRE_TXN_OFFSET_COMMIT_RESPONSE_INIT;
	struct kwire_mock *mock = exchange->mock;
	bool by_id = exchange->request.api_version >= TXN_IDS_FROM;
	struct kw_mock_group *group = NULL;
	int16_t code = exchange->forced_code;

	if (code == 0)
		code = kw_mock_group_check(exchange, request->group_id);
	if (code == 0)
		code = kw_mock_transaction_may_produce(
			mock, request->transactional_id, request->producer_id,
			request->producer_epoch, request->group_id, -1,
			exchange->request.api_version >= IMPLICIT_FROM);
	if (code == 0) {
		group = kw_mock_group_get(mock, request->group_id);
		if (group == NULL)
			code = KAFKA_STORAGE_ERROR;
		else if (request->generation_id_or_member_epoch >= 0 || request->member_id.size > 0)
			code = may_commit(group, request->member_id, request->group_instance_id,
					  request->generation_id_or_member_epoch);
	}
	if (!KW_MOCK_ARRAY(mock, response.topics, request->topics.count))
		goto fail;
	for (int32_t i = 0; i < request->topics.count; i++) {
		const struct kwire_txn_offset_commit_request_topic *asked = &request->topics
										     .items[i];
		struct kwire_txn_offset_commit_response_topic *item = &response.topics.items[i];
		struct kw_mock_topic *topic = kw_mock_topic_of(mock, asked->name, asked->topic_id);

		*item = (struct kwire_txn_offset_commit_response_topic)
			KWIRE_TXN_OFFSET_COMMIT_RESPONSE_TOPIC_INIT;
		item->name = asked->name;
		item->topic_id = asked->topic_id;
		if (!KW_MOCK_ARRAY(mock, item->partitions, asked->partitions.count))
			goto fail;
		for (int32_t k = 0; k < asked->partitions.count; k++) {
			const struct kwire_txn_offset_commit_request_topic_partition
				*p = &asked->partitions.items[k];

			item->partitions.items[k] =
				(struct kwire_txn_offset_commit_response_topic_partition)
					KWIRE_TXN_OFFSET_COMMIT_RESPONSE_TOPIC_PARTITION_INIT;
			item->partitions.items[k].partition_index = p->partition_index;
			item->partitions.items[k].error_code =
				code != 0 ? code
					  : commit(group, topic, by_id, p->partition_index,
						   p->committed_offset, p->committed_leader_epoch,
						   p->committed_metadata, request->producer_id);
		}
	}
	kw_mock_finish(exchange, &response);
	return;
fail:
	kw_mock_give_up(exchange);
}
