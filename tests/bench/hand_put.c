/* SPDX-License-Identifier: Apache-2.0 */
/* The encoders of hand.h. */
#include "hand.h"

#include <string.h>

#include "protocol/endian.h"

struct out {
	uint8_t *at, *end;
	bool full;
};

static inline void store(uint8_t *p, uint64_t value, int width)
{
	if (width == 8)
		kw_store64(p, value);
	else if (width == 4)
		kw_store32(p, (uint32_t)value);
	else if (width == 2)
		kw_store16(p, (uint16_t)value);
	else
		*p = (uint8_t)value;
}

static bool room(struct out *out, size_t size)
{
	if ((size_t)(out->end - out->at) >= size)
		return true;
	out->full = true;
	return false;
}

static inline void give(struct out *out, uint64_t value, int width)
{
	store(out->at, value, width);
	out->at += width;
}

static inline void put(struct out *out, uint64_t value, int width)
{
	if (room(out, (size_t)width))
		give(out, value, width);
}

static void put_varint(struct out *out, uint32_t value)
{
	if (!room(out, 5))
		return;
	while (value >= 0x80) {
		*out->at++ = (uint8_t)(value | 0x80);
		value >>= 7;
	}
	*out->at++ = (uint8_t)value;
}

static void put_bytes(struct out *out, const void *data, int32_t size)
{
	put_varint(out, data == NULL ? 0 : (uint32_t)size + 1);
	if (size > 0 && room(out, (size_t)size)) {
		memcpy(out->at, data, (size_t)size);
		out->at += size;
	}
}

static void put_string(struct out *out, struct kwire_string string)
{
	put_bytes(out, string.data, string.size);
}

static void put_int32s(struct out *out, struct kwire_int32_array array)
{
	put_varint(out, (uint32_t)array.count + 1);
	if (array.count > 0 && room(out, (size_t)array.count * 4))
		for (int32_t i = 0; i < array.count; i++)
			give(out, (uint32_t)array.items[i], 4);
}

size_t hand_put_metadata_12(uint8_t *data, size_t capacity,
			    const struct kwire_metadata_response *message)
{
	struct out out = {data, data + capacity, false};

	put(&out, (uint32_t)message->throttle_time_ms, 4);
	put_varint(&out, (uint32_t)message->brokers.count + 1);
	for (int32_t i = 0; i < message->brokers.count; i++) {
		const struct kwire_metadata_response_broker *broker = &message->brokers.items[i];

		put(&out, (uint32_t)broker->node_id, 4);
		put_string(&out, broker->host);
		put(&out, (uint32_t)broker->port, 4);
		put_string(&out, broker->rack);
		put(&out, 0, 1);
	}
	put_string(&out, message->cluster_id);
	put(&out, (uint32_t)message->controller_id, 4);
	put_varint(&out, (uint32_t)message->topics.count + 1);
	for (int32_t i = 0; i < message->topics.count && !out.full; i++) {
		const struct kwire_metadata_response_topic *topic = &message->topics.items[i];

		put(&out, (uint16_t)topic->error_code, 2);
		put_string(&out, topic->name);
		if (!room(&out, 17))
			break;
		memcpy(out.at, topic->topic_id.bytes, 16);
		out.at[16] = topic->is_internal;
		out.at += 17;
		put_varint(&out, (uint32_t)topic->partitions.count + 1);
		for (int32_t j = 0; j < topic->partitions.count && room(&out, 14); j++) {
			const struct kwire_metadata_response_topic_partition
				*partition = &topic->partitions.items[j];

			give(&out, (uint16_t)partition->error_code, 2);
			give(&out, (uint32_t)partition->partition_index, 4);
			give(&out, (uint32_t)partition->leader_id, 4);
			give(&out, (uint32_t)partition->leader_epoch, 4);
			put_int32s(&out, partition->replica_nodes);
			put_int32s(&out, partition->isr_nodes);
			put_int32s(&out, partition->offline_replicas);
			put(&out, 0, 1);
		}
		put(&out, (uint32_t)topic->topic_authorized_operations, 4);
		put(&out, 0, 1);
	}
	put(&out, 0, 1);
	return out.full ? 0 : (size_t)(out.at - data);
}

size_t hand_put_offset_commit_8(uint8_t *data, size_t capacity,
				const struct kwire_offset_commit_request *message)
{
	struct out out = {data, data + capacity, false};

	put_string(&out, message->group_id);
	put(&out, (uint32_t)message->generation_id_or_member_epoch, 4);
	put_string(&out, message->member_id);
	put_string(&out, message->group_instance_id);
	put_varint(&out, (uint32_t)message->topics.count + 1);
	for (int32_t i = 0; i < message->topics.count; i++) {
		const struct kwire_offset_commit_request_topic *topic = &message->topics.items[i];

		put_string(&out, topic->name);
		put_varint(&out, (uint32_t)topic->partitions.count + 1);
		for (int32_t j = 0; j < topic->partitions.count && room(&out, 16); j++) {
			const struct kwire_offset_commit_request_topic_partition
				*partition = &topic->partitions.items[j];

			give(&out, (uint32_t)partition->partition_index, 4);
			give(&out, (uint64_t)partition->committed_offset, 8);
			give(&out, (uint32_t)partition->committed_leader_epoch, 4);
			put_string(&out, partition->committed_metadata);
			put(&out, 0, 1);
		}
		put(&out, 0, 1);
	}
	put(&out, 0, 1);
	return out.full ? 0 : (size_t)(out.at - data);
}

size_t hand_put_api_versions_4(uint8_t *data, size_t capacity,
			       const struct kwire_api_versions_response *message)
{
	struct out out = {data, data + capacity, false};

	put(&out, (uint16_t)message->error_code, 2);
	put_varint(&out, (uint32_t)message->api_keys.count + 1);
	for (int32_t i = 0; i < message->api_keys.count && room(&out, 7); i++) {
		give(&out, (uint16_t)message->api_keys.items[i].api_key, 2);
		give(&out, (uint16_t)message->api_keys.items[i].min_version, 2);
		give(&out, (uint16_t)message->api_keys.items[i].max_version, 2);
		give(&out, 0, 1);
	}
	put(&out, (uint32_t)message->throttle_time_ms, 4);
	put(&out, 0, 1);
	return out.full ? 0 : (size_t)(out.at - data);
}

size_t hand_put_fetch_13(uint8_t *data, size_t capacity, const struct kwire_fetch_response *message)
{
	struct out out = {data, data + capacity, false};

	put(&out, (uint32_t)message->throttle_time_ms, 4);
	put(&out, (uint16_t)message->error_code, 2);
	put(&out, (uint32_t)message->session_id, 4);
	put_varint(&out, (uint32_t)message->responses.count + 1);
	for (int32_t i = 0; i < message->responses.count && room(&out, 16); i++) {
		const struct kwire_fetch_response_response *topic = &message->responses.items[i];

		memcpy(out.at, topic->topic_id.bytes, 16);
		out.at += 16;
		put_varint(&out, (uint32_t)topic->partitions.count + 1);
		for (int32_t j = 0; j < topic->partitions.count && room(&out, 30); j++) {
			const struct kwire_fetch_response_response_partition
				*partition = &topic->partitions.items[j];

			give(&out, (uint32_t)partition->partition_index, 4);
			give(&out, (uint16_t)partition->error_code, 2);
			give(&out, (uint64_t)partition->high_watermark, 8);
			give(&out, (uint64_t)partition->last_stable_offset, 8);
			give(&out, (uint64_t)partition->log_start_offset, 8);
			put_varint(&out, (uint32_t)partition->aborted_transactions.count + 1);
			for (int32_t k = 0;
			     k < partition->aborted_transactions.count && room(&out, 17); k++) {
				give(&out,
				     (uint64_t)partition->aborted_transactions.items[k].producer_id,
				     8);
				give(&out,
				     (uint64_t)partition->aborted_transactions.items[k]
					     .first_offset,
				     8);
				give(&out, 0, 1);
			}
			put(&out, (uint32_t)partition->preferred_read_replica, 4);
			put_bytes(&out, partition->records.data, partition->records.size);
			put(&out, 0, 1);
		}
		put(&out, 0, 1);
	}
	put(&out, 0, 1);
	return out.full ? 0 : (size_t)(out.at - data);
}

size_t hand_put_describe_groups_5(uint8_t *data, size_t capacity,
				  const struct kwire_describe_groups_response *message)
{
	struct out out = {data, data + capacity, false};

	put(&out, (uint32_t)message->throttle_time_ms, 4);
	put_varint(&out, (uint32_t)message->groups.count + 1);
	for (int32_t i = 0; i < message->groups.count; i++) {
		const struct kwire_describe_groups_response_group *group = &message->groups
										    .items[i];

		put(&out, (uint16_t)group->error_code, 2);
		put_string(&out, group->group_id);
		put_string(&out, group->group_state);
		put_string(&out, group->protocol_type);
		put_string(&out, group->protocol_data);
		put_varint(&out, (uint32_t)group->members.count + 1);
		for (int32_t j = 0; j < group->members.count; j++) {
			const struct kwire_describe_groups_response_group_member
				*member = &group->members.items[j];

			put_string(&out, member->member_id);
			put_string(&out, member->group_instance_id);
			put_string(&out, member->client_id);
			put_string(&out, member->client_host);
			put_bytes(&out, member->member_metadata.data, member->member_metadata.size);
			put_bytes(&out, member->member_assignment.data,
				  member->member_assignment.size);
			put(&out, 0, 1);
		}
		put(&out, (uint32_t)group->authorized_operations, 4);
		put(&out, 0, 1);
	}
	put(&out, 0, 1);
	return out.full ? 0 : (size_t)(out.at - data);
}

size_t hand_put_produce_9(uint8_t *data, size_t capacity,
			  const struct kwire_produce_request *message)
{
	struct out out = {data, data + capacity, false};

	put_string(&out, message->transactional_id);
	put(&out, (uint16_t)message->acks, 2);
	put(&out, (uint32_t)message->timeout_ms, 4);
	put_varint(&out, (uint32_t)message->topic_data.count + 1);
	for (int32_t i = 0; i < message->topic_data.count; i++) {
		const struct kwire_produce_request_topic_data *topic = &message->topic_data
										.items[i];

		put_string(&out, topic->name);
		put_varint(&out, (uint32_t)topic->partition_data.count + 1);
		for (int32_t j = 0; j < topic->partition_data.count; j++) {
			put(&out, (uint32_t)topic->partition_data.items[j].index, 4);
			put_bytes(&out, topic->partition_data.items[j].records.data,
				  topic->partition_data.items[j].records.size);
			put(&out, 0, 1);
		}
		put(&out, 0, 1);
	}
	put(&out, 0, 1);
	return out.full ? 0 : (size_t)(out.at - data);
}
