/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client of a mock cluster whose Fetch answers are scripted, and what the
 * tests of kwire/fetch.h ask of it.  Partition 3 of its topic has another
 * leader than the rest.
 */
#ifndef TESTS_FETCH_BENCH_H
#define TESTS_FETCH_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <kwire/api/fetch.h>
#include <kwire/fetch.h>
#include <kwire/mock.h>

#include "compose.h"
#include "counting.h"

enum {
	FETCH = 1,
	METADATA = 3,
	NOT_LEADER = 6,
	OUT_OF_RANGE = 1,
	UNKNOWN_TOPIC_ID = 100,
	PARTITIONS = 4,
};

/* What the brokers answer, and what they were asked; touched by the mock's thread between calls. */
struct script {
	struct kwire_fetch_response_response_partition partitions[PARTITIONS];
	int16_t codes[8]; /* of the first partition, by request; then 0 */
	int32_t preferred;
	int16_t top_code;
	bool leave_all_out; /* of the answer */

	int requests;
	int16_t version;
	int32_t broker_id;
	int8_t isolation;
	int32_t partition_max_bytes;
	bool by_id;
	bool by_name;
};

struct bench {
	struct kwire_mock *mock;
	struct kwire_config *config;
	struct kwire_client *client;
	struct kwire_fetched *fetched;
	struct kwire_error error;
	struct counting counting;
	struct script script;
	struct compose log; /* what partition 0 holds */
};

static inline enum kwire_mock_verdict answer(void *context, struct kwire_mock_request *request)
{
	struct script *script = context;
	const struct kwire_fetch_request *asked = request->message;
	struct kwire_fetch_response response = KWIRE_FETCH_RESPONSE_INIT;
	struct kwire_fetch_response_response topics[2];
	struct kwire_fetch_response_response_partition partitions[PARTITIONS];
	int32_t count = 0;

	response.error_code = script->top_code;
	response.responses.items = topics;
	script->version = request->api_version;
	script->broker_id = request->broker_id;
	script->isolation = asked->isolation_level;
	for (int32_t t = 0; t < asked->topics.count && t < 2; t++) {
		const struct kwire_fetch_request_topic *topic = &asked->topics.items[t];
		struct kwire_fetch_response_response init = KWIRE_FETCH_RESPONSE_RESPONSE_INIT;

		script->by_id = !kwire_uuid_is_zero(topic->topic_id);
		script->by_name = topic->topic.size > 0;
		topics[t] = init;
		topics[t].topic = topic->topic;
		topics[t].topic_id = topic->topic_id;
		topics[t].partitions.items = &partitions[count];
		for (int32_t p = 0; p < topic->partitions.count; p++) {
			int32_t index = topic->partitions.items[p].partition;

			script->partition_max_bytes = topic->partitions.items[p]
							      .partition_max_bytes;
			partitions[count] = script->partitions[index % PARTITIONS];
			partitions[count].partition_index = index;
			if (index == 0 && script->requests < 8)
				partitions[count].error_code = script->codes[script->requests];
			if (script->preferred >= 0 && asked->rack_id.size > 0 &&
			    request->broker_id != script->preferred) {
				partitions[count].preferred_read_replica = script->preferred;
				partitions[count].records.data = NULL;
				partitions[count].records.size = 0;
			}
			count++;
			topics[t].partitions.count++;
		}
		response.responses.count++;
	}
	script->requests++;
	if (script->leave_all_out)
		response.responses.count = 0;
	kwire_mock_reply(request, &response, NULL);
	return KWIRE_MOCK_DONE;
}

static inline int setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	const struct kwire_mock_match match = kwire_mock_on(FETCH);

	if (bench == NULL || kwire_mock_open(NULL, &bench->mock, &bench->error) != 0)
		return -1;
	bench->script.preferred = -1;
	for (int i = 0; i < PARTITIONS; i++) {
		struct kwire_fetch_response_response_partition init =
			KWIRE_FETCH_RESPONSE_RESPONSE_PARTITION_INIT;

		bench->script.partitions[i] = init;
		bench->script.partitions[i].high_watermark = 500;
		bench->script.partitions[i].last_stable_offset = 400;
		bench->script.partitions[i].log_start_offset = 3;
	}
	if (kwire_mock_create_topic(bench->mock, "t", PARTITIONS, &bench->error) != 0 ||
	    kwire_mock_script(bench->mock, &match, answer, &bench->script, NULL, &bench->error) !=
		    0)
		return -1;
	for (int i = 0; i < PARTITIONS; i++)
		if (kwire_mock_set_leader(bench->mock, "t", i, i == 3 ? 3 : 1, NULL) != 0)
			return -1;
	counting_init(&bench->counting);
	bench->config = kwire_config_new();
	kwire_config_set(bench->config, "bootstrap.servers", kwire_mock_bootstrap(bench->mock),
			 NULL);
	*state = bench;
	return kwire_client_open(bench->config, &bench->client, &bench->error);
}

static inline int teardown(void **state)
{
	struct bench *bench = *state;

	kwire_fetched_free(bench->fetched);
	kwire_client_close(bench->client);
	kwire_config_free(bench->config);
	kwire_mock_close(bench->mock);
	compose_fini(&bench->log);
	free(bench);
	return 0;
}

/* Partition `index` holds what was composed so far. */
static inline void hold(struct bench *bench, int index)
{
	bench->script.partitions[index].records = composed(&bench->log);
}

/* A batch of `count` records at `offset`; `producer` >= 0: of a transaction. */
static inline void put_batch(struct bench *bench, int64_t offset, int32_t count, int64_t producer)
{
	struct compose records = {0};
	struct compose_batch batch = COMPOSE_BATCH_INIT;

	for (int32_t i = 0; i < count; i++)
		compose_record(&records, i, i, "k", "v");
	batch.base_offset = offset;
	batch.count = count;
	batch.last_offset_delta = count - 1;
	if (producer >= 0) {
		batch.producer_id = producer;
		batch.producer_epoch = 0;
		batch.base_sequence = 0;
		batch.attributes = 0x10;
	}
	compose_batch(&bench->log, &batch, &records);
	compose_fini(&records);
}

/* The end of a transaction: commit or abort. */
static inline void put_marker(struct bench *bench, int64_t offset, int64_t producer, bool commit)
{
	struct compose records = {0}, body = {0};
	struct compose_batch batch = COMPOSE_BATCH_INIT;

	compose_bytes(&body, "\0\0\0", 3);
	compose_varint(&body, 4);
	compose_int(&body, commit, 4);
	compose_varint(&body, 6);
	compose_int(&body, 7, 6);
	compose_varint(&body, 0);
	compose_varint(&records, (int64_t)body.size);
	compose_bytes(&records, body.data, body.size);
	batch.base_offset = offset;
	batch.producer_id = producer;
	batch.producer_epoch = 0;
	batch.attributes = 0x30;
	compose_batch(&bench->log, &batch, &records);
	compose_fini(&records);
	compose_fini(&body);
}

static inline int fetch(struct bench *bench, int64_t offset,
			const struct kwire_fetch_options *options)
{
	return kwire_fetch_partition(bench->client, "t", 0, offset, options, &bench->fetched,
				     &bench->error);
}

/* Reads all of partition `index`; the offsets, in order, must be those given, ended by -1. */
static inline void check_offsets(struct bench *bench, int32_t index, const int64_t *expected)
{
	struct kwire_record record;
	int result;

	while ((result = kwire_fetched_next(bench->fetched, index, &record, &bench->error)) > 0)
		assert_int_equal(record.offset, *expected++);
	if (result < 0)
		fail_msg("%s", bench->error.message);
	assert_int_equal(*expected, -1);
}
#define CHECK_OFFSETS(bench, index, ...) \
	check_offsets((bench), (index), (const int64_t[]){__VA_ARGS__, -1})

static inline int64_t asked(struct bench *bench, int16_t api)
{
	const struct kwire_mock_match match = kwire_mock_on(api);

	return kwire_mock_count(bench->mock, &match);
}

#endif
