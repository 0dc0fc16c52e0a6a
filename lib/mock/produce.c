/* SPDX-License-Identifier: Apache-2.0 */
/* Produce: batches are checked as a broker checks them, and appended. */
#include <stdlib.h>

#include <kwire/api/produce.h>

#include "../records/batch.h"
#include "behaviour.h"

enum {
	MAX_MESSAGE_BYTES = 1048588, /* Kafka's default */
	ZSTD_FROM = 7,
	IDS_FROM = 13,
	LEADERS_FROM = 10,  /* KIP-951: an answer names the new leader */
	IMPLICIT_FROM = 12, /* KIP-890: a transaction learns of partitions by their batches */
};

static int32_t max_message_bytes(const struct kw_mock_topic *topic)
{
	const char *value = kw_mock_topic_config(topic, "max.message.bytes");

	return value != NULL ? (int32_t)strtol(value, NULL, 10) : MAX_MESSAGE_BYTES;
}

static int16_t check_batch(struct kw_mock_exchange *exchange,
			   const struct kwire_produce_request *request,
			   const struct kw_mock_partition *partition, struct kwire_bytes records,
			   struct kw_mock_batch_info *info)
{
	struct kw_mock_topic *topic = partition->topic;
	int16_t code = records.size <= 0
			       ? INVALID_RECORD
			       : kw_mock_batch_read(records.data, (size_t)records.size, info);
	bool transactional;

	if (code != 0)
		return code;
	transactional = (info->attributes & KW_ATTRIBUTE_TRANSACTIONAL) != 0;
	if (info->attributes & KW_ATTRIBUTE_CONTROL)
		return INVALID_RECORD;
	if (info->size > max_message_bytes(topic))
		return MESSAGE_TOO_LARGE;
	if ((info->attributes & KW_ATTRIBUTE_CODEC) == KWIRE_CODEC_ZSTD &&
	    exchange->request.api_version < ZSTD_FROM)
		return UNSUPPORTED_COMPRESSION_TYPE;
	if (!transactional)
		return 0;
	if (request->transactional_id.data == NULL)
		return TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
	return kw_mock_transaction_may_produce(
		exchange->mock, request->transactional_id, info->producer_id, info->producer_epoch,
		kwire_string_of(topic->name, (size_t)topic->name_size), partition->index,
		exchange->request.api_version >= IMPLICIT_FROM);
}

static void produce_one(struct kw_mock_exchange *exchange,
			const struct kwire_produce_request *request, struct kw_mock_topic *topic,
			const struct kwire_produce_request_topic_data_partition_data *asked,
			struct kwire_produce_response_response_partition_response *item)
{
	struct kwire_mock *mock = exchange->mock;
	struct kw_mock_partition *partition = NULL;
	struct kw_mock_batch_info info;
	int64_t offset = -1;
	int16_t code = exchange->forced_code;

	*item = (struct kwire_produce_response_response_partition_response)
		KWIRE_PRODUCE_RESPONSE_RESPONSE_PARTITION_RESPONSE_INIT;
	item->index = asked->index;
	item->base_offset = -1;
	if (code == 0 && (request->acks < -1 || request->acks > 1))
		code = INVALID_REQUIRED_ACKS;
	if (code == 0 && topic == NULL)
		code = exchange->request.api_version >= IDS_FROM ? UNKNOWN_TOPIC_ID
								 : UNKNOWN_TOPIC_OR_PARTITION;
	if (code == 0)
		code = kw_mock_partition_at(mock, exchange->request.broker_id, topic, asked->index,
					    -1, &partition);
	if (code == 0)
		code = check_batch(exchange, request, partition, asked->records, &info);
	if (code == 0)
		code = kw_mock_partition_append(mock, partition, asked->records.data, &info,
						&offset, &item->log_append_time_ms);
	item->error_code = code;
	/* A code that a test forced may be of a partition that is not there. */
	if (code == OUT_OF_ORDER_SEQUENCE_NUMBER && partition != NULL)
		item->log_start_offset = partition->log.start_offset;
	if (code == 0) {
		item->base_offset = offset;
		item->log_start_offset = partition->log.start_offset;
	} else if (code == NOT_LEADER_OR_FOLLOWER && partition != NULL &&
		   exchange->request.api_version >= LEADERS_FROM) {
		item->current_leader.leader_id = partition->leader_id;
		item->current_leader.leader_epoch = partition->leader_epoch;
	}
}

/* Whether some partition's answer names this broker as its leader. */
static bool named(const struct kwire_produce_response *response, int32_t broker_id)
{
	for (int32_t i = 0; i < response->responses.count; i++)
		for (int32_t k = 0; k < response->responses.items[i].partition_responses.count; k++)
			if (response->responses.items[i]
				    .partition_responses.items[k]
				    .current_leader.leader_id == broker_id)
				return true;
	return false;
}

/* Where those leaders are to be found. */
static bool put_endpoints(struct kwire_mock *mock, struct kwire_produce_response *response)
{
	if (!KW_MOCK_ARRAY(mock, response->node_endpoints, mock->broker_count))
		return false;
	response->node_endpoints.count = 0;
	for (struct kw_mock_broker *b = mock->brokers; b != NULL; b = b->next) {
		struct kwire_produce_response_node_endpoint
			*item = &response->node_endpoints.items[response->node_endpoints.count];

		if (!b->up || !named(response, b->id))
			continue;
		*item = (struct kwire_produce_response_node_endpoint)
			KWIRE_PRODUCE_RESPONSE_NODE_ENDPOINT_INIT;
		item->node_id = b->id;
		item->host = kwire_string(kw_mock_host(mock));
		item->port = b->port;
		response->node_endpoints.count++;
	}
	return true;
}

void kw_mock_on_produce(struct kw_mock_exchange *exchange, const void *message)
{
	const struct kwire_produce_request *request = message;
	struct kwire_produce_response response = KWIRE_PRODUCE_RESPONSE_INIT;
	struct kwire_mock *mock = exchange->mock;
	bool moved = false;
	bool failed = false;

	if (!KW_MOCK_ARRAY(mock, response.responses, request->topic_data.count))
		goto fail;
	for (int32_t i = 0; i < request->topic_data.count; i++) {
		const struct kwire_produce_request_topic_data *asked = &request->topic_data
										.items[i];
		struct kwire_produce_response_response *item = &response.responses.items[i];
		struct kw_mock_topic *topic = kw_mock_topic_of(mock, asked->name, asked->topic_id);

		*item = (struct kwire_produce_response_response)
			KWIRE_PRODUCE_RESPONSE_RESPONSE_INIT;
		item->name = asked->name;
		item->topic_id = asked->topic_id;
		if (!KW_MOCK_ARRAY(mock, item->partition_responses, asked->partition_data.count))
			goto fail;
		for (int32_t k = 0; k < asked->partition_data.count; k++) {
			produce_one(exchange, request, topic, &asked->partition_data.items[k],
				    &item->partition_responses.items[k]);
			moved = moved ||
				item->partition_responses.items[k].current_leader.leader_id >= 0;
			failed = failed || item->partition_responses.items[k].error_code != 0;
		}
	}
	if (moved && !put_endpoints(mock, &response))
		goto fail;
	if (request->acks != 0)
		kw_mock_finish(exchange, &response);
	else if (failed)
		kw_mock_give_up(exchange); /* the one way in which a broker can tell */
	kw_mock_fetches_wake(mock);
	return;
fail:
	kw_mock_give_up(exchange);
}
