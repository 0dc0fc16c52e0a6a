/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records through a real broker: produced with every codec, fetched again,
 * bytes compared; what the broker refuses; one-way produces; long polls.
 */
#include "cluster.h"

#include <stdio.h>
#include <string.h>

#include <kwire/api/delete_records.h>
#include <kwire/api/fetch.h>
#include <kwire/api/list_offsets.h>
#include <kwire/api/produce.h>
#include <kwire/records.h>

static struct kwire_client *client;
static char topic_name[64];
static struct kwire_uuid topic_id;

static int setup(void **state)
{
	(void)state;
	client = cluster_client();
	cluster_name(topic_name, "records");
	cluster_create_topic(client, topic_name, 8, 1);
	cluster_leader(client, topic_name, 0, &topic_id);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	cluster_delete_topic(client, topic_name);
	kwire_client_close(client);
	return 0;
}

/* Produces a batch; returns the partition's code, and the base offset if that is wanted. */
static int16_t produce(int32_t partition, struct kwire_bytes batch, int16_t acks,
		       int64_t *base_offset)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_produce_request request = KWIRE_PRODUCE_REQUEST_INIT;
	struct kwire_produce_request_topic_data topic = KWIRE_PRODUCE_REQUEST_TOPIC_DATA_INIT;
	struct kwire_produce_request_topic_data_partition_data data =
		KWIRE_PRODUCE_REQUEST_TOPIC_DATA_PARTITION_DATA_INIT;
	struct kwire_produce_response *response = NULL;
	int16_t code;

	data.index = partition;
	data.records = batch;
	topic.name = kwire_string(topic_name);
	topic.partition_data.items = &data;
	topic.partition_data.count = 1;
	request.acks = acks;
	request.timeout_ms = 10000;
	request.topic_data.items = &topic;
	request.topic_data.count = 1;
	options.broker_id = cluster_leader(client, topic_name, partition, NULL);
	options.max_version = 12; /* the last with topics' names */
	if (acks == 0)
		options.flags |= KWIRE_ONE_WAY;
	must(kwire_send_produce_with(client, &request, &response, &options, &error), &error);
	if (acks == 0) {
		assert_null(response);
		return NONE;
	}
	assert_int_equal(response->responses.count, 1);
	code = response->responses.items[0].partition_responses.items[0].error_code;
	if (base_offset != NULL)
		*base_offset =
			response->responses.items[0].partition_responses.items[0].base_offset;
	kwire_response_free(response);
	return code;
}

/* Fetches from `offset` on, waiting at most `wait_ms` for a byte; free the response. */
static struct kwire_fetch_response *fetch(int32_t partition, int64_t offset, int32_t wait_ms)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_fetch_request request = KWIRE_FETCH_REQUEST_INIT;
	struct kwire_fetch_request_topic topic = KWIRE_FETCH_REQUEST_TOPIC_INIT;
	struct kwire_fetch_request_topic_partition data = KWIRE_FETCH_REQUEST_TOPIC_PARTITION_INIT;
	struct kwire_fetch_response *response = NULL;

	data.partition = partition;
	data.fetch_offset = offset;
	data.partition_max_bytes = 8 << 20;
	topic.topic_id = topic_id;
	topic.partitions.items = &data;
	topic.partitions.count = 1;
	request.max_wait_ms = wait_ms;
	request.min_bytes = 1;
	request.topics.items = &topic;
	request.topics.count = 1;
	options.broker_id = cluster_leader(client, topic_name, partition, NULL);
	must(kwire_send_fetch_with(client, &request, &response, &options, &error), &error);
	must_answer(response->error_code, NONE);
	assert_int_equal(response->responses.count, 1);
	must_answer(response->responses.items[0].partitions.items[0].error_code, NONE);
	return response;
}

static struct kwire_batch_builder *begun(const struct kwire_batch_options *options)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_batch_builder *builder = NULL;

	must(kwire_batch_builder_new(NULL, &builder, &error), &error);
	must(kwire_batch_builder_begin(builder, options, &error), &error);
	return builder;
}

#define RECORDS 100

/* A batch of records of all shapes goes to the broker and comes back the same. */
static void round_trip(enum kwire_codec codec, int32_t partition)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_batch_options options = KWIRE_BATCH_OPTIONS_INIT;
	struct kwire_header headers[2] = {
		{KWIRE_STRING_INIT("kind"), {(const uint8_t *)"test", 4}},
		{KWIRE_STRING_INIT("none"), {NULL, 0}},
	};
	struct kwire_batch_reader *reader = NULL;
	struct kwire_batch_builder *builder;
	struct kwire_fetch_response *response;
	struct kwire_bytes batch;
	struct kwire_batch read;
	struct kwire_record record;
	char key[32];
	char value[64];
	int64_t base = -1;
	int count = 0;

	if (!kwire_codec_built(codec))
		skip();
	options.codec = codec;
	builder = begun(&options);
	for (int i = 0; i < RECORDS; i++) {
		snprintf(key, sizeof(key), "key-%d", i);
		snprintf(value, sizeof(value), "value value value value value-%d", i);
		must(kwire_batch_builder_add(builder, 1700000000000LL + i,
					     i % 7 == 0 ? kwire_bytes_of(NULL, 0)
							: kwire_bytes_of(key, strlen(key)),
					     i % 5 == 0 ? kwire_bytes_of(NULL, 0)
							: kwire_bytes_of(value, strlen(value)),
					     headers, i % 3 == 0 ? 2 : 0, &error),
		     &error);
	}
	must(kwire_batch_builder_end(builder, &batch, &error), &error);
	must_answer(produce(partition, batch, -1, &base), NONE);
	assert_int_equal(base, 0);
	kwire_batch_builder_free(builder);

	response = fetch(partition, 0, 5000);
	must(kwire_batch_reader_new(NULL, &reader, &error), &error);
	kwire_batch_reader_start(reader, response->responses.items[0].partitions.items[0].records);
	assert_int_equal(kwire_batch_reader_next(reader, &read, &error), 1);
	assert_int_equal(read.codec, codec);
	assert_int_equal(read.record_count, RECORDS);
	while (kwire_batch_reader_record(reader, &record, &error) == 1) {
		snprintf(key, sizeof(key), "key-%d", count);
		snprintf(value, sizeof(value), "value value value value value-%d", count);
		assert_int_equal(record.offset, count);
		assert_true(record.timestamp == 1700000000000LL + count);
		if (count % 7 == 0) {
			assert_null(record.key.data);
		} else {
			assert_int_equal(record.key.size, strlen(key));
			assert_memory_equal(record.key.data, key, strlen(key));
		}
		if (count % 5 == 0) {
			assert_null(record.value.data);
		} else {
			assert_int_equal(record.value.size, strlen(value));
			assert_memory_equal(record.value.data, value, strlen(value));
		}
		assert_int_equal(record.headers.count, count % 3 == 0 ? 2 : 0);
		count++;
	}
	assert_int_equal(count, RECORDS);
	assert_int_equal(kwire_batch_reader_next(reader, &read, &error), 0);
	kwire_batch_reader_free(reader);
	kwire_response_free(response);
}

static void plain_records_come_back(void **state)
{
	(void)state;
	round_trip(KWIRE_CODEC_NONE, 0);
}

static void gzip_records_come_back(void **state)
{
	(void)state;
	round_trip(KWIRE_CODEC_GZIP, 1);
}

static void snappy_records_come_back(void **state)
{
	(void)state;
	round_trip(KWIRE_CODEC_SNAPPY, 2);
}

static void lz4_records_come_back(void **state)
{
	(void)state;
	round_trip(KWIRE_CODEC_LZ4, 3);
}

static void zstd_records_come_back(void **state)
{
	(void)state;
	round_trip(KWIRE_CODEC_ZSTD, 4);
}

static struct kwire_bytes one_record(struct kwire_batch_builder **builder, const char *value)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_bytes batch;

	*builder = begun(NULL);
	must(kwire_batch_builder_add(*builder, 1, kwire_bytes_of(NULL, 0),
				     kwire_bytes_of(value, strlen(value)), NULL, 0, &error),
	     &error);
	must(kwire_batch_builder_end(*builder, &batch, &error), &error);
	return batch;
}

static void a_spoilt_batch_is_refused_by_the_broker(void **state)
{
	struct kwire_batch_builder *builder;
	struct kwire_bytes batch = one_record(&builder, "spoilt");
	uint8_t bytes[256];

	(void)state;
	assert_in_range(batch.size, 61, sizeof(bytes));
	memcpy(bytes, batch.data, (size_t)batch.size);
	bytes[batch.size - 2] ^= 1;
	must_answer(produce(5, kwire_bytes_of(bytes, (size_t)batch.size), -1, NULL), 2);
	kwire_batch_builder_free(builder);
}

static void a_one_way_produce_arrives_and_later_calls_get_their_own_answers(void **state)
{
	struct kwire_batch_builder *builder;
	struct kwire_bytes batch = one_record(&builder, "nobody answers");
	struct kwire_fetch_response *response;

	(void)state;
	for (int i = 0; i < 10; i++)
		must_answer(produce(6, batch, 0, NULL), NONE);
	/* Behind them on their connection; Fetch has another, and might overtake them. */
	must_answer(produce(6, batch, -1, NULL), NONE);
	response = fetch(6, 9, 10000);
	assert_int_equal(response->responses.items[0].partitions.items[0].high_watermark, 11);
	kwire_response_free(response);
	kwire_batch_builder_free(builder);
}

static void a_long_poll_waits_in_the_broker_and_comes_back_empty(void **state)
{
	int64_t begin = cluster_now_ms();
	struct kwire_fetch_response *response = fetch(7, 0, 700);

	(void)state;
	assert_true(cluster_now_ms() - begin >= 650);
	assert_int_equal(response->responses.items[0].partitions.items[0].records.size, 0);
	kwire_response_free(response);
}

static void a_large_batch_goes_both_ways(void **state)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_batch_builder *builder = begun(NULL);
	struct kwire_fetch_response *response;
	static uint8_t value[900 * 1024]; /* message.max.bytes is 1 MiB */
	struct kwire_bytes batch;

	(void)state;
	for (size_t i = 0; i < sizeof(value); i++)
		value[i] = (uint8_t)(i * 2654435761u >> 24);
	must(kwire_batch_builder_add(builder, 1, kwire_bytes_of(NULL, 0),
				     kwire_bytes_of(value, sizeof(value)), NULL, 0, &error),
	     &error);
	must(kwire_batch_builder_end(builder, &batch, &error), &error);
	for (int i = 0; i < 4; i++)
		must_answer(produce(7, batch, -1, NULL), NONE);
	response = fetch(7, 0, 5000);
	assert_int_equal(response->responses.items[0].partitions.items[0].records.size,
			 4 * batch.size);
	for (int i = 0; i < 4; i++)
		/* Offset and leader epoch are the broker's to write; the rest is ours. */
		assert_memory_equal(response->responses.items[0].partitions.items[0].records.data +
					    (size_t)i * (size_t)batch.size + 21,
				    batch.data + 21, (size_t)batch.size - 21);
	kwire_response_free(response);
	kwire_batch_builder_free(builder);
}

static void deleted_records_are_gone(void **state)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_delete_records_request request = KWIRE_DELETE_RECORDS_REQUEST_INIT;
	struct kwire_delete_records_request_topic topic = KWIRE_DELETE_RECORDS_REQUEST_TOPIC_INIT;
	struct kwire_delete_records_request_topic_partition partition =
		KWIRE_DELETE_RECORDS_REQUEST_TOPIC_PARTITION_INIT;
	struct kwire_delete_records_response *response = NULL;

	(void)state;
	partition.partition_index = 6;
	partition.offset = 5;
	topic.name = kwire_string(topic_name);
	topic.partitions.items = &partition;
	topic.partitions.count = 1;
	request.topics.items = &topic;
	request.topics.count = 1;
	request.timeout_ms = 10000;
	options.broker_id = cluster_leader(client, topic_name, 6, NULL);
	must(kwire_send_delete_records_with(client, &request, &response, &options, &error), &error);
	must_answer(response->topics.items[0].partitions.items[0].error_code, NONE);
	assert_int_equal(response->topics.items[0].partitions.items[0].low_watermark, 5);
	kwire_response_free(response);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_records_come_back),
		cmocka_unit_test(gzip_records_come_back),
		cmocka_unit_test(snappy_records_come_back),
		cmocka_unit_test(lz4_records_come_back),
		cmocka_unit_test(zstd_records_come_back),
		cmocka_unit_test(a_spoilt_batch_is_refused_by_the_broker),
		cmocka_unit_test(a_one_way_produce_arrives_and_later_calls_get_their_own_answers),
		cmocka_unit_test(a_long_poll_waits_in_the_broker_and_comes_back_empty),
		cmocka_unit_test(a_large_batch_goes_both_ways),
		cmocka_unit_test(deleted_records_are_gone),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
