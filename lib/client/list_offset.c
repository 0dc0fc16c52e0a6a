/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Offsets of a partition: kwire_list_offset() and
 * kwire_offset_for_leader_epoch(), routed calls with one partition in them.
 */
#include <string.h>

#include <kwire/api/list_offsets.h>
#include <kwire/api/offset_for_leader_epoch.h>
#include <kwire/fetch.h>

#include "../base/error.h"
#include "client.h"

/* A question to a leader: sends itself with `options`, and leaves Kafka's code. */
struct question {
	int (*ask)(struct question *question, struct kwire_client *client,
		   const struct kwire_send_options *options, int16_t *code,
		   struct kwire_error *error);
	const char *topic;
	int32_t partition;
	int16_t min_version;
	/* Offsets by time. */
	int64_t timestamp;
	enum kwire_isolation isolation;
	struct kwire_listed_offset *listed;
	/* Offsets by epoch. */
	int32_t current_epoch;
	int32_t epoch;
	struct kwire_epoch_end_offset *end;
};

static int missing(const struct question *question, struct kwire_error *error)
{
	kw_fail_in(error, KWIRE_EPROTOCOL, KWIRE_PHASE_DECODE,
		   "%s-%d was asked for, but is not in the answer", question->topic,
		   (int)question->partition);
	if (error != NULL)
		error->outcome = KWIRE_ANSWERED;
	return KWIRE_EPROTOCOL;
}

static int ask_leader(struct kwire_client *client, struct question *question,
		      const struct kwire_send_options *given, struct kwire_error *error)
{
	struct kwire_send_options options;
	int16_t code = 0;
	int result;

	if (client == NULL)
		return kw_fail(error, KWIRE_EINVAL, "no client given");
	result = kw_leader_check(question->topic, question->partition, error);
	if (result == 0)
		result = kw_send_options_read(given, &options, error);
	if (result != 0)
		return result;
	if ((options.flags & KWIRE_ONE_WAY) != 0)
		return kw_fail(error, KWIRE_EINVAL, "an offset is an answer: not one way");
	if (options.timeout_ms < 0)
		options.timeout_ms = client->config->settings.request_timeout_ms;
	if (options.min_version < question->min_version)
		options.min_version = question->min_version;
	result = question->ask(question, client, &options, &code, error);
	if (result != 0 || code == 0)
		return result;
	return kw_leader_fail(error, question->topic, question->partition, code);
}

static int ask_time(struct question *question, struct kwire_client *client,
		    const struct kwire_send_options *options, int16_t *code,
		    struct kwire_error *error)
{
	struct kwire_list_offsets_request_topic_partition partition =
		KWIRE_LIST_OFFSETS_REQUEST_TOPIC_PARTITION_INIT;
	struct kwire_list_offsets_request_topic topic = KWIRE_LIST_OFFSETS_REQUEST_TOPIC_INIT;
	struct kwire_list_offsets_request request = KWIRE_LIST_OFFSETS_REQUEST_INIT;
	struct kwire_list_offsets_response *response = NULL;
	int result;

	partition.partition_index = question->partition;
	partition.timestamp = question->timestamp;
	topic.name = kwire_string(question->topic);
	topic.partitions.items = &partition;
	topic.partitions.count = 1;
	request.replica_id = -1;
	request.isolation_level = (int8_t)question->isolation;
	request.topics.items = &topic;
	request.topics.count = 1;
	request.timeout_ms = options->timeout_ms > INT32_MAX ? INT32_MAX
							     : (int32_t)options->timeout_ms;
	result = kwire_send_list_offsets_with(client, &request, &response, options, error);
	if (result != 0)
		return result;
	if (response->topics.count == 1 && response->topics.items[0].partitions.count == 1) {
		const struct kwire_list_offsets_response_topic_partition
			*found = &response->topics.items[0].partitions.items[0];

		*code = found->error_code;
		question->listed->offset = found->offset;
		question->listed->timestamp = found->timestamp;
		question->listed->leader_epoch = found->leader_epoch;
	} else {
		result = missing(question, error);
	}
	kwire_response_free(response);
	return result;
}

int kwire_list_offset(struct kwire_client *client, const char *topic, int32_t partition,
		      int64_t timestamp, enum kwire_isolation isolation,
		      struct kwire_listed_offset *offset, const struct kwire_send_options *options,
		      struct kwire_error *error)
{
	struct question question = {.ask = ask_time,
				    .topic = topic,
				    .partition = partition,
				    .min_version = -1,
				    .timestamp = timestamp,
				    .isolation = isolation};
	struct kwire_listed_offset found = {-1, -1, -1};
	int result;

	/* What an older broker would take for a time, before 1970, it must not be sent. */
	if (timestamp == KWIRE_OFFSET_MAX_TIMESTAMP)
		question.min_version = 7;
	else if (timestamp < KWIRE_OFFSET_MAX_TIMESTAMP)
		question.min_version = timestamp == -4 ? 8 : timestamp == -5 ? 9 : 11;
	if (isolation == KWIRE_READ_COMMITTED && question.min_version < 2)
		question.min_version = 2;
	question.listed = &found;
	result = ask_leader(client, &question, options, error);
	if (result == 0)
		*offset = found;
	return result;
}

static int ask_epoch(struct question *question, struct kwire_client *client,
		     const struct kwire_send_options *options, int16_t *code,
		     struct kwire_error *error)
{
	struct kwire_offset_for_leader_epoch_request_topic_partition partition =
		KWIRE_OFFSET_FOR_LEADER_EPOCH_REQUEST_TOPIC_PARTITION_INIT;
	struct kwire_offset_for_leader_epoch_request_topic topic =
		KWIRE_OFFSET_FOR_LEADER_EPOCH_REQUEST_TOPIC_INIT;
	struct kwire_offset_for_leader_epoch_request request =
		KWIRE_OFFSET_FOR_LEADER_EPOCH_REQUEST_INIT;
	struct kwire_offset_for_leader_epoch_response *response = NULL;
	int result;

	partition.partition = question->partition;
	partition.current_leader_epoch = question->current_epoch;
	partition.leader_epoch = question->epoch;
	topic.topic = kwire_string(question->topic);
	topic.partitions.items = &partition;
	topic.partitions.count = 1;
	request.replica_id = -1;
	request.topics.items = &topic;
	request.topics.count = 1;
	result = kwire_send_offset_for_leader_epoch_with(client, &request, &response, options,
							 error);
	if (result != 0)
		return result;
	if (response->topics.count == 1 && response->topics.items[0].partitions.count == 1) {
		const struct kwire_offset_for_leader_epoch_response_topic_partition
			*found = &response->topics.items[0].partitions.items[0];

		*code = found->error_code;
		question->end->leader_epoch = found->leader_epoch;
		question->end->end_offset = found->end_offset;
	} else {
		result = missing(question, error);
	}
	kwire_response_free(response);
	return result;
}

int kwire_offset_for_leader_epoch(struct kwire_client *client, const char *topic, int32_t partition,
				  int32_t current_epoch, int32_t epoch,
				  struct kwire_epoch_end_offset *offset,
				  const struct kwire_send_options *options,
				  struct kwire_error *error)
{
	struct question question = {.ask = ask_epoch,
				    .topic = topic,
				    .partition = partition,
				    .min_version = -1,
				    .current_epoch = current_epoch,
				    .epoch = epoch};
	struct kwire_epoch_end_offset found = {-1, -1};
	int result;

	question.end = &found;
	result = ask_leader(client, &question, options, error);
	if (result == 0)
		*offset = found;
	return result;
}
