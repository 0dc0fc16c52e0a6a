/* SPDX-License-Identifier: Apache-2.0 */
/* Questions about offsets: ListOffsets, OffsetForLeaderEpoch; and DeleteRecords. */
#include <kwire/api/delete_records.h>
#include <kwire/api/list_offsets.h>
#include <kwire/api/offset_for_leader_epoch.h>
#include <kwire/records.h>

#include "behaviour.h"

enum {
	LATEST = -1,
	EARLIEST = -2,
	MAX_TIMESTAMP = -3,
	EARLIEST_LOCAL = -4,
};

/* The first record at or after `timestamp` (exactly it, for the maximum). */
static bool find_record(const struct kw_mock_log *log, int64_t timestamp, int64_t *offset,
			int64_t *found_timestamp, int32_t *epoch)
{
	struct kwire_batch_reader *reader;
	struct kwire_batch batch;
	struct kwire_record record;
	bool found = false;

	if (kwire_batch_reader_new(NULL, &reader, NULL) != 0)
		return false;
	for (size_t i = log->first; i < log->end && !found; i++) {
		if (log->batches[i].max_timestamp < timestamp || log->batches[i].control)
			continue;
		kwire_batch_reader_start(
			reader, kwire_bytes_of(log->batches[i].data, (size_t)log->batches[i].size));
		if (kwire_batch_reader_next(reader, &batch, NULL) != 1)
			continue;
		while (!found && kwire_batch_reader_record(reader, &record, NULL) == 1) {
			if (record.timestamp < timestamp || record.offset < log->start_offset)
				continue;
			found = true;
			*offset = record.offset;
			*found_timestamp = record.timestamp;
			*epoch = log->batches[i].leader_epoch;
		}
	}
	kwire_batch_reader_free(reader);
	return found;
}

static int64_t max_timestamp(const struct kw_mock_log *log)
{
	int64_t max = -1;

	for (size_t i = log->first; i < log->end; i++)
		if (!log->batches[i].control && log->batches[i].max_timestamp > max)
			max = log->batches[i].max_timestamp;
	return max;
}

/* Whether a partition is asked for more than once. */
static bool repeated(const struct kwire_list_offsets_request_topic *topic, int32_t index)
{
	int32_t count = 0;

	for (int32_t i = 0; i < topic->partitions.count; i++)
		count += topic->partitions.items[i].partition_index == index;
	return count > 1;
}

static void list_one(struct kw_mock_exchange *exchange,
		     const struct kwire_list_offsets_request *request,
		     const struct kwire_list_offsets_request_topic *topic,
		     const struct kwire_list_offsets_request_topic_partition *asked,
		     struct kwire_list_offsets_response_topic_partition *item)
{
	struct kw_mock_partition *partition;
	const struct kw_mock_log *log;
	int64_t timestamp = asked->timestamp;

	*item = (struct kwire_list_offsets_response_topic_partition)
		KWIRE_LIST_OFFSETS_RESPONSE_TOPIC_PARTITION_INIT;
	item->partition_index = asked->partition_index;
	item->error_code = exchange->forced_code;
	if (item->error_code == 0 && repeated(topic, asked->partition_index))
		item->error_code = INVALID_REQUEST;
	if (item->error_code == 0)
		item->error_code = kw_mock_partition_at(
			exchange->mock, exchange->request.broker_id,
			kw_mock_topic_find(exchange->mock, topic->name), asked->partition_index,
			asked->current_leader_epoch, &partition);
	if (item->error_code != 0)
		return;
	log = &partition->log;
	if (timestamp == MAX_TIMESTAMP) {
		timestamp = max_timestamp(log);
		if (timestamp < 0)
			return;
	}
	if (timestamp == LATEST) {
		item->offset = request->isolation_level == 1 ? kw_mock_log_stable_offset(log)
							     : log->end_offset;
		item->leader_epoch = partition->leader_epoch;
	} else if (timestamp == EARLIEST || timestamp == EARLIEST_LOCAL) {
		item->offset = log->start_offset;
		item->leader_epoch = kw_mock_log_epoch_at(log, log->start_offset);
		if (item->leader_epoch < 0)
			item->leader_epoch = partition->leader_epoch;
	} else if (timestamp >= 0) {
		find_record(log, timestamp, &item->offset, &item->timestamp, &item->leader_epoch);
	}
	if (exchange->request.api_version < 4)
		item->leader_epoch = -1;
}

void kw_mock_on_list_offsets(struct kw_mock_exchange *exchange, const void *message)
{
	const struct kwire_list_offsets_request *request = message;
	struct kwire_list_offsets_response response = KWIRE_LIST_OFFSETS_RESPONSE_INIT;
	struct kwire_mock *mock = exchange->mock;

	if (!KW_MOCK_ARRAY(mock, response.topics, request->topics.count))
		goto fail;
	for (int32_t i = 0; i < request->topics.count; i++) {
		const struct kwire_list_offsets_request_topic *asked = &request->topics.items[i];
		struct kwire_list_offsets_response_topic *item = &response.topics.items[i];

		*item = (struct kwire_list_offsets_response_topic)
			KWIRE_LIST_OFFSETS_RESPONSE_TOPIC_INIT;
		item->name = asked->name;
		if (!KW_MOCK_ARRAY(mock, item->partitions, asked->partitions.count))
			goto fail;
		for (int32_t k = 0; k < asked->partitions.count; k++)
			list_one(exchange, request, asked, &asked->partitions.items[k],
				 &item->partitions.items[k]);
	}
	kw_mock_finish(exchange, &response);
	return;
fail:
	kw_mock_give_up(exchange);
}

static void end_of_epoch(struct kw_mock_exchange *exchange, struct kwire_string name,
			 const struct kwire_offset_for_leader_epoch_request_topic_partition *asked,
			 struct kwire_offset_for_leader_epoch_response_topic_partition *item)
{
	struct kw_mock_partition *partition;

	*item = (struct kwire_offset_for_leader_epoch_response_topic_partition)
		KWIRE_OFFSET_FOR_LEADER_EPOCH_RESPONSE_TOPIC_PARTITION_INIT;
	item->partition = asked->partition;
	item->error_code = exchange->forced_code;
	if (item->error_code == 0)
		item->error_code = kw_mock_partition_at(exchange->mock, exchange->request.broker_id,
							kw_mock_topic_find(exchange->mock, name),
							asked->partition,
							asked->current_leader_epoch, &partition);
	if (item->error_code != 0)
		return;
	if (asked->leader_epoch > partition->leader_epoch)
		return;
	if (asked->leader_epoch == partition->leader_epoch) {
		item->leader_epoch = asked->leader_epoch;
		item->end_offset = partition->log.end_offset;
		return;
	}
	item->end_offset = kw_mock_log_epoch_end(&partition->log, asked->leader_epoch,
						 &item->leader_epoch);
}

void kw_mock_on_offset_for_leader_epoch(struct kw_mock_exchange *exchange, const void *message)
{
	const struct kwire_offset_for_leader_epoch_request *request = message;
	struct kwire_offset_for_leader_epoch_response response =
		KWIRE_OFFSET_FOR_LEADER_EPOCH_RESPONSE_INIT;
	struct kwire_mock *mock = exchange->mock;

	if (!KW_MOCK_ARRAY(mock, response.topics, request->topics.count))
		goto fail;
	for (int32_t i = 0; i < request->topics.count; i++) {
		const struct kwire_offset_for_leader_epoch_request_topic
			*asked = &request->topics.items[i];
		struct kwire_offset_for_leader_epoch_response_topic *item = &response.topics
										     .items[i];

		*item = (struct kwire_offset_for_leader_epoch_response_topic)
			KWIRE_OFFSET_FOR_LEADER_EPOCH_RESPONSE_TOPIC_INIT;
		item->topic = asked->topic;
		if (!KW_MOCK_ARRAY(mock, item->partitions, asked->partitions.count))
			goto fail;
		for (int32_t k = 0; k < asked->partitions.count; k++)
			end_of_epoch(exchange, asked->topic, &asked->partitions.items[k],
				     &item->partitions.items[k]);
	}
	kw_mock_finish(exchange, &response);
	return;
fail:
	kw_mock_give_up(exchange);
}

static void delete_one(struct kw_mock_exchange *exchange, struct kwire_string name,
		       const struct kwire_delete_records_request_topic_partition *asked,
		       struct kwire_delete_records_response_topic_partition *item)
{
	struct kwire_mock *mock = exchange->mock;
	struct kw_mock_partition *partition;
	int64_t offset = asked->offset;
	int64_t before;

	*item = (struct kwire_delete_records_response_topic_partition)
		KWIRE_DELETE_RECORDS_RESPONSE_TOPIC_PARTITION_INIT;
	item->partition_index = asked->partition_index;
	item->low_watermark = -1;
	item->error_code = exchange->forced_code;
	if (item->error_code == 0)
		item->error_code = kw_mock_partition_at(mock, exchange->request.broker_id,
							kw_mock_topic_find(mock, name),
							asked->partition_index, -1, &partition);
	if (item->error_code != 0)
		return;
	if (offset == -1)
		offset = partition->log.end_offset;
	if (offset < 0 || offset > partition->log.end_offset) {
		item->error_code = OFFSET_OUT_OF_RANGE;
		return;
	}
	before = partition->log.bytes;
	kw_mock_log_delete_before(&partition->log, offset);
	mock->topics.bytes -= before - partition->log.bytes;
	item->low_watermark = partition->log.start_offset;
}

void kw_mock_on_delete_records(struct kw_mock_exchange *exchange, const void *message)
{
	const struct kwire_delete_records_request *request = message;
	struct kwire_delete_records_response response = KWIRE_DELETE_RECORDS_RESPONSE_INIT;
	struct kwire_mock *mock = exchange->mock;

	if (!KW_MOCK_ARRAY(mock, response.topics, request->topics.count))
		goto fail;
	for (int32_t i = 0; i < request->topics.count; i++) {
		const struct kwire_delete_records_request_topic *asked = &request->topics.items[i];
		struct kwire_delete_records_response_topic *item = &response.topics.items[i];

		*item = (struct kwire_delete_records_response_topic)
			KWIRE_DELETE_RECORDS_RESPONSE_TOPIC_INIT;
		item->name = asked->name;
		if (!KW_MOCK_ARRAY(mock, item->partitions, asked->partitions.count))
			goto fail;
		for (int32_t k = 0; k < asked->partitions.count; k++)
			delete_one(exchange, asked->name, &asked->partitions.items[k],
				   &item->partitions.items[k]);
	}
	kw_mock_finish(exchange, &response);
	return;
fail:
	kw_mock_give_up(exchange);
}
