/* SPDX-License-Identifier: Apache-2.0 */
/* The decoders of hand.h. */
#include "hand.h"

#include <string.h>

#include "protocol/endian.h"

struct in {
	const uint8_t *at, *end;
	bool bad;
	struct hand_room *room;
};

/* Whether `size` bytes are there; afterwards they may be taken without asking. */
static bool need(struct in *in, size_t size)
{
	if ((size_t)(in->end - in->at) >= size)
		return true;
	in->bad = true;
	return false;
}

static int16_t take16(struct in *in)
{
	in->at += 2;
	return (int16_t)kw_load16(in->at - 2);
}

static int32_t take32(struct in *in)
{
	in->at += 4;
	return (int32_t)kw_load32(in->at - 4);
}

static int64_t take64(struct in *in)
{
	in->at += 8;
	return (int64_t)kw_load64(in->at - 8);
}

static uint32_t get_varint(struct in *in)
{
	uint32_t value = 0;

	for (int shift = 0; shift < 35; shift += 7) {
		if (!need(in, 1))
			return 0;
		value |= (uint32_t)(*in->at & 0x7f) << shift;
		if (*in->at++ < 0x80)
			return value;
	}
	in->bad = true;
	return 0;
}

static struct kwire_bytes get_bytes(struct in *in)
{
	struct kwire_bytes bytes = {NULL, 0};
	uint32_t size = get_varint(in);

	if (size == 0 || !need(in, size - 1))
		return bytes;
	bytes.data = in->at;
	bytes.size = (int32_t)(size - 1);
	in->at += size - 1;
	return bytes;
}

static struct kwire_string get_string(struct in *in)
{
	struct kwire_bytes bytes = get_bytes(in);

	return (struct kwire_string){(const char *)bytes.data, bytes.size};
}

/* A count, and room for so many elements. */
static void *get_array(struct in *in, int32_t *count, size_t size, size_t smallest)
{
	uint32_t wire = get_varint(in);
	void *items = in->room->at;

	*count = (int32_t)wire - 1;
	if (wire <= 1)
		return NULL;
	if ((wire - 1) > (size_t)(in->end - in->at) / smallest ||
	    (wire - 1) * size > (size_t)(in->room->end - in->room->at)) {
		in->bad = true;
		*count = 0;
		return NULL;
	}
	in->room->at += ((wire - 1) * size + 7) & ~(size_t)7;
	return items;
}

static struct kwire_int32_array get_int32s(struct in *in)
{
	struct kwire_int32_array array;

	array.items = get_array(in, &array.count, 4, 4);
	for (int32_t i = 0; i < array.count; i++)
		array.items[i] = take32(in);
	return array;
}

static void skip_tags(struct in *in)
{
	uint32_t count = get_varint(in);

	while (count-- > 0 && !in->bad) {
		uint32_t size;

		get_varint(in);
		size = get_varint(in);
		if (need(in, size))
			in->at += size;
	}
}

bool hand_get_metadata_12(const uint8_t *data, size_t size, struct hand_room *room,
			  struct kwire_metadata_response *message)
{
	struct in in = {data, data + size, false, room};

	memset(message, 0, sizeof(*message));
	if (!need(&in, 4))
		return false;
	message->throttle_time_ms = take32(&in);
	message->brokers.items = get_array(&in, &message->brokers.count,
					   sizeof(*message->brokers.items), 10);
	for (int32_t i = 0; i < message->brokers.count && need(&in, 4); i++) {
		struct kwire_metadata_response_broker *broker = &message->brokers.items[i];

		broker->node_id = take32(&in);
		broker->host = get_string(&in);
		if (!need(&in, 4))
			return false;
		broker->port = take32(&in);
		broker->rack = get_string(&in);
		broker->unknown_tags = NULL;
		skip_tags(&in);
	}
	message->cluster_id = get_string(&in);
	if (!need(&in, 4))
		return false;
	message->controller_id = take32(&in);
	message->topics.items = get_array(&in, &message->topics.count,
					  sizeof(*message->topics.items), 8);
	for (int32_t i = 0; i < message->topics.count && need(&in, 2); i++) {
		struct kwire_metadata_response_topic *topic = &message->topics.items[i];

		topic->error_code = take16(&in);
		topic->name = get_string(&in);
		if (!need(&in, 17))
			return false;
		memcpy(topic->topic_id.bytes, in.at, 16);
		topic->is_internal = in.at[16] != 0;
		in.at += 17;
		topic->partitions.items = get_array(&in, &topic->partitions.count,
						    sizeof(*topic->partitions.items), 18);
		for (int32_t j = 0; j < topic->partitions.count && need(&in, 14); j++) {
			struct kwire_metadata_response_topic_partition
				*partition = &topic->partitions.items[j];

			partition->error_code = take16(&in);
			partition->partition_index = take32(&in);
			partition->leader_id = take32(&in);
			partition->leader_epoch = take32(&in);
			partition->replica_nodes = get_int32s(&in);
			partition->isr_nodes = get_int32s(&in);
			partition->offline_replicas = get_int32s(&in);
			partition->unknown_tags = NULL;
			skip_tags(&in);
		}
		if (!need(&in, 4))
			return false;
		topic->topic_authorized_operations = take32(&in);
		topic->unknown_tags = NULL;
		skip_tags(&in);
	}
	skip_tags(&in);
	return !in.bad && in.at == in.end;
}

bool hand_get_api_versions_4(const uint8_t *data, size_t size, struct hand_room *room,
			     struct kwire_api_versions_response *message)
{
	struct in in = {data, data + size, false, room};

	memset(message, 0, sizeof(*message));
	if (!need(&in, 2))
		return false;
	message->error_code = take16(&in);
	message->api_keys.items = get_array(&in, &message->api_keys.count,
					    sizeof(*message->api_keys.items), 7);
	for (int32_t i = 0; i < message->api_keys.count && need(&in, 6); i++) {
		message->api_keys.items[i].api_key = take16(&in);
		message->api_keys.items[i].min_version = take16(&in);
		message->api_keys.items[i].max_version = take16(&in);
		message->api_keys.items[i].unknown_tags = NULL;
		skip_tags(&in);
	}
	if (!need(&in, 4))
		return false;
	message->throttle_time_ms = take32(&in);
	skip_tags(&in);
	return !in.bad && in.at == in.end;
}

bool hand_get_fetch_13(const uint8_t *data, size_t size, struct hand_room *room,
		       struct kwire_fetch_response *message)
{
	struct in in = {data, data + size, false, room};

	memset(message, 0, sizeof(*message));
	if (!need(&in, 10))
		return false;
	message->throttle_time_ms = take32(&in);
	message->error_code = take16(&in);
	message->session_id = take32(&in);
	message->responses.items = get_array(&in, &message->responses.count,
					     sizeof(*message->responses.items), 18);
	for (int32_t i = 0; i < message->responses.count && need(&in, 16); i++) {
		struct kwire_fetch_response_response *topic = &message->responses.items[i];

		memset(topic, 0, sizeof(*topic));
		memcpy(topic->topic_id.bytes, in.at, 16);
		in.at += 16;
		topic->partitions.items = get_array(&in, &topic->partitions.count,
						    sizeof(*topic->partitions.items), 37);
		for (int32_t j = 0; j < topic->partitions.count && need(&in, 30); j++) {
			struct kwire_fetch_response_response_partition
				*partition = &topic->partitions.items[j];

			memset(partition, 0, sizeof(*partition));
			partition->partition_index = take32(&in);
			partition->error_code = take16(&in);
			partition->high_watermark = take64(&in);
			partition->last_stable_offset = take64(&in);
			partition->log_start_offset = take64(&in);
			partition->aborted_transactions.items = get_array(
				&in, &partition->aborted_transactions.count,
				sizeof(*partition->aborted_transactions.items), 17);
			for (int32_t k = 0;
			     k < partition->aborted_transactions.count && need(&in, 16); k++) {
				partition->aborted_transactions.items[k].producer_id = take64(&in);
				partition->aborted_transactions.items[k].first_offset = take64(&in);
				skip_tags(&in);
			}
			if (!need(&in, 4))
				return false;
			partition->preferred_read_replica = take32(&in);
			partition->records = get_bytes(&in);
			skip_tags(&in);
		}
		skip_tags(&in);
	}
	skip_tags(&in);
	return !in.bad && in.at == in.end;
}

bool hand_get_describe_groups_5(const uint8_t *data, size_t size, struct hand_room *room,
				struct kwire_describe_groups_response *message)
{
	struct in in = {data, data + size, false, room};

	memset(message, 0, sizeof(*message));
	if (!need(&in, 4))
		return false;
	message->throttle_time_ms = take32(&in);
	message->groups.items = get_array(&in, &message->groups.count,
					  sizeof(*message->groups.items), 12);
	for (int32_t i = 0; i < message->groups.count && need(&in, 2); i++) {
		struct kwire_describe_groups_response_group *group = &message->groups.items[i];

		memset(group, 0, sizeof(*group));
		group->error_code = take16(&in);
		group->group_id = get_string(&in);
		group->group_state = get_string(&in);
		group->protocol_type = get_string(&in);
		group->protocol_data = get_string(&in);
		group->members.items = get_array(&in, &group->members.count,
						 sizeof(*group->members.items), 7);
		for (int32_t j = 0; j < group->members.count && !in.bad; j++) {
			struct kwire_describe_groups_response_group_member
				*member = &group->members.items[j];

			member->member_id = get_string(&in);
			member->group_instance_id = get_string(&in);
			member->client_id = get_string(&in);
			member->client_host = get_string(&in);
			member->member_metadata = get_bytes(&in);
			member->member_assignment = get_bytes(&in);
			member->unknown_tags = NULL;
			skip_tags(&in);
		}
		if (!need(&in, 4))
			return false;
		group->authorized_operations = take32(&in);
		skip_tags(&in);
	}
	skip_tags(&in);
	return !in.bad && in.at == in.end;
}

bool hand_get_produce_9(const uint8_t *data, size_t size, struct hand_room *room,
			struct kwire_produce_request *message)
{
	struct in in = {data, data + size, false, room};

	memset(message, 0, sizeof(*message));
	message->transactional_id = get_string(&in);
	if (!need(&in, 6))
		return false;
	message->acks = take16(&in);
	message->timeout_ms = take32(&in);
	message->topic_data.items = get_array(&in, &message->topic_data.count,
					      sizeof(*message->topic_data.items), 3);
	for (int32_t i = 0; i < message->topic_data.count && !in.bad; i++) {
		struct kwire_produce_request_topic_data *topic = &message->topic_data.items[i];

		memset(topic, 0, sizeof(*topic));
		topic->name = get_string(&in);
		topic->partition_data.items = get_array(&in, &topic->partition_data.count,
							sizeof(*topic->partition_data.items), 6);
		for (int32_t j = 0; j < topic->partition_data.count && need(&in, 4); j++) {
			topic->partition_data.items[j].index = take32(&in);
			topic->partition_data.items[j].records = get_bytes(&in);
			topic->partition_data.items[j].unknown_tags = NULL;
			skip_tags(&in);
		}
		skip_tags(&in);
	}
	skip_tags(&in);
	return !in.bad && in.at == in.end;
}

bool hand_get_offset_commit_8(const uint8_t *data, size_t size, struct hand_room *room,
			      struct kwire_offset_commit_request *message)
{
	struct in in = {data, data + size, false, room};

	memset(message, 0, sizeof(*message));
	message->group_id = get_string(&in);
	if (!need(&in, 4))
		return false;
	message->generation_id_or_member_epoch = take32(&in);
	message->member_id = get_string(&in);
	message->group_instance_id = get_string(&in);
	message->topics.items = get_array(&in, &message->topics.count,
					  sizeof(*message->topics.items), 3);
	for (int32_t i = 0; i < message->topics.count && !in.bad; i++) {
		struct kwire_offset_commit_request_topic *topic = &message->topics.items[i];

		memset(topic, 0, sizeof(*topic));
		topic->name = get_string(&in);
		topic->partitions.items = get_array(&in, &topic->partitions.count,
						    sizeof(*topic->partitions.items), 18);
		for (int32_t j = 0; j < topic->partitions.count && need(&in, 16); j++) {
			struct kwire_offset_commit_request_topic_partition
				*partition = &topic->partitions.items[j];

			partition->partition_index = take32(&in);
			partition->committed_offset = take64(&in);
			partition->committed_leader_epoch = take32(&in);
			partition->committed_metadata = get_string(&in);
			partition->unknown_tags = NULL;
			skip_tags(&in);
		}
		skip_tags(&in);
	}
	skip_tags(&in);
	return !in.bad && in.at == in.end;
}
