/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Producing one prepared batch: kwire_produce_batch(), a routed call with one
 * partition in it; to_produce.c decides what is repeated.  Here is repeated
 * only what a topic needs that was created anew: another id.
 */
#include <string.h>

#include <kwire/api/produce.h>
#include <kwire/fetch.h>

#include "../base/clock.h"
#include "../base/error.h"
#include "../records/batch.h"
#include "../records/varint.h"
#include "client.h"

#define LAST_VERSION_BY_NAME 12
#define ZSTD_VERSION         7  /* first one in which a batch may be compressed with zstd */
#define TRANSACTION_VERSION  11 /* last one that leaves transactions to AddPartitionsToTxn */

enum {
	UNKNOWN_TOPIC_OR_PARTITION = 3,
	UNKNOWN_TOPIC_ID = 100,
	INCONSISTENT_TOPIC_ID = 103,
};

static int check(struct kwire_bytes batch, const struct kwire_produce_options *options,
		 struct kwire_error *error)
{
	if (options->size < sizeof(*options))
		return kw_fail(error, KWIRE_EINVAL, "the options need their INIT macro");
	if (options->acks < -1 || options->acks > 1 || options->ack_timeout_ms < 0)
		return kw_fail(error, KWIRE_EINVAL, "acks is -1, 0 or 1, its timeout not negative");
	if (options->acks != 0 && (options->flags & KWIRE_ONE_WAY) != 0)
		return kw_fail(error, KWIRE_EINVAL, "one way goes with acks 0 only");
	if (batch.data == NULL || batch.size <= KW_BATCH_HEADER ||
	    batch.data[KW_BATCH_MAGIC] != 2 ||
	    kw_load_be32(batch.data + KW_BATCH_LENGTH) != (uint32_t)batch.size - KW_BATCH_PREFIX)
		return kw_fail(error, KWIRE_EINVAL, "what is to be produced is not one batch");
	return 0;
}

/* Whether what was known of the topic's id, or that there is none, may be out of date. */
static bool stale(int16_t code, const struct kwire_error *cause)
{
	return code == UNKNOWN_TOPIC_ID || code == INCONSISTENT_TOPIC_ID ||
	       (code == UNKNOWN_TOPIC_OR_PARTITION && cause->outcome == KWIRE_NOT_SENT);
}

static int read_answer(const struct kwire_produce_response *response, const char *topic,
		       int32_t partition, struct kwire_produced *produced, int16_t *code,
		       struct kwire_error *error)
{
	const struct kwire_produce_response_response_partition_response *found;

	if (response->responses.count != 1 ||
	    response->responses.items[0].partition_responses.count != 1 ||
	    response->responses.items[0].partition_responses.items[0].index != partition) {
		kw_fail_in(error, KWIRE_EPROTOCOL, KWIRE_PHASE_DECODE,
			   "%s-%d was produced to, but is not in the answer", topic,
			   (int)partition);
		error->outcome = KWIRE_MAYBE_APPLIED;
		return KWIRE_EPROTOCOL;
	}
	found = &response->responses.items[0].partition_responses.items[0];
	*code = found->error_code;
	if (found->error_code != 0) {
		kw_leader_fail(error, topic, partition, found->error_code);
		if (found->error_message.data != NULL)
			kw_error_add(error, ": %.200s", found->error_message.data);
		return KWIRE_EKAFKA;
	}
	produced->base_offset = found->base_offset;
	produced->append_time_ms = found->log_append_time_ms;
	produced->log_start_offset = found->log_start_offset;
	return 0;
}

static int produce_once(struct kwire_client *client, const char *topic, int32_t partition,
			struct kwire_bytes batch, const struct kwire_produce_options *options,
			int64_t deadline_ms, struct kwire_produced *produced, int16_t *code,
			struct kwire_error *error)
{
	struct kwire_produce_request_topic_data_partition_data data =
		KWIRE_PRODUCE_REQUEST_TOPIC_DATA_PARTITION_DATA_INIT;
	struct kwire_produce_request_topic_data entry = KWIRE_PRODUCE_REQUEST_TOPIC_DATA_INIT;
	struct kwire_produce_request request = KWIRE_PRODUCE_REQUEST_INIT;
	struct kwire_send_options send = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_produce_response *response = NULL;
	struct kw_leader leader;
	int result = kw_leader_find(client, topic, partition, options->create_topic, deadline_ms,
				    &leader, error);

	if (result != 0) {
		/* Only the search was answered; nothing of the batch was sent. */
		error->outcome = KWIRE_NOT_SENT;
		*code = error->kafka_code;
		return result;
	}
	data.index = partition;
	data.records = batch;
	entry.name = kwire_string(topic);
	entry.topic_id = leader.topic_id;
	entry.partition_data.items = &data;
	entry.partition_data.count = 1;
	request.transactional_id = kwire_string(options->transactional_id);
	request.acks = options->acks;
	request.timeout_ms = options->ack_timeout_ms;
	request.topic_data.items = &entry;
	request.topic_data.count = 1;
	send.timeout_ms = kw_remaining(deadline_ms, kw_now_ms());
	send.flags = options->flags | (options->acks == 0 ? (unsigned)KWIRE_ONE_WAY : 0);
	if (kwire_uuid_is_zero(leader.topic_id))
		send.max_version = LAST_VERSION_BY_NAME;
	if (options->transactional_id != NULL)
		send.max_version = TRANSACTION_VERSION;
	if ((batch.data[KW_BATCH_ATTRIBUTES + 1] & KW_ATTRIBUTE_CODEC) == KWIRE_CODEC_ZSTD)
		send.min_version = ZSTD_VERSION;
	result = kwire_send_produce_with(client, &request, &response, &send, error);
	if (result != 0) {
		kw_leader_forget(client, topic);
		return result;
	}
	if (response != NULL)
		result = read_answer(response, topic, partition, produced, code, error);
	kwire_response_free(response);
	return result;
}

int kwire_produce_batch(struct kwire_client *client, const char *topic, int32_t partition,
			struct kwire_bytes batch, const struct kwire_produce_options *options,
			struct kwire_produced *produced, struct kwire_error *error)
{
	static const struct kwire_produce_options defaults = KWIRE_PRODUCE_OPTIONS_INIT;
	struct kwire_produced outcome = {-1, -1, -1};
	struct kwire_error cause = kw_no_error();
	int64_t timeout_ms, deadline_ms;
	int16_t code = 0;
	int result;

	if (client == NULL)
		return kw_fail(error, KWIRE_EINVAL, "no client given");
	if (options == NULL)
		options = &defaults;
	result = check(batch, options, error);
	if (result != 0)
		return result;
	timeout_ms = options->timeout_ms >= 0 ? options->timeout_ms
					      : client->config->settings.request_timeout_ms +
							options->ack_timeout_ms;
	deadline_ms = kw_deadline(kw_now_ms(), timeout_ms);
	for (int tries = 0; tries < 2; tries++) {
		code = 0;
		result = produce_once(client, topic, partition, batch, options, deadline_ms,
				      &outcome, &code, &cause);
		if (code == 0 || !stale(code, &cause))
			break;
		kw_leader_forget(client, topic);
	}
	if (result != 0)
		return kw_error_copy(error, &cause);
	if (produced != NULL)
		*produced = outcome;
	return 0;
}
