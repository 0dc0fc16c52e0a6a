/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The helpers of kwire/fetch.h against a mock cluster whose Fetch answers are
 * scripted: routing, repeating, limits, what is left out of the records, and
 * what a fetch costs.
 */
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

#include "../support/compose.h"
#include "../support/counting.h"

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

static enum kwire_mock_verdict answer(void *context, struct kwire_mock_request *request)
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

static int setup(void **state)
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

static int teardown(void **state)
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
static void hold(struct bench *bench, int index)
{
	bench->script.partitions[index].records = composed(&bench->log);
}

/* A batch of `count` records at `offset`; `producer` >= 0: of a transaction. */
static void put_batch(struct bench *bench, int64_t offset, int32_t count, int64_t producer)
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
static void put_marker(struct bench *bench, int64_t offset, int64_t producer, bool commit)
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

static int fetch(struct bench *bench, int64_t offset, const struct kwire_fetch_options *options)
{
	return kwire_fetch_partition(bench->client, "t", 0, offset, options, &bench->fetched,
				     &bench->error);
}

/* Reads all of partition `index`; the offsets, in order, must be those given, ended by -1. */
static void check_offsets(struct bench *bench, int32_t index, const int64_t *expected)
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

static int64_t asked(struct bench *bench, int16_t api)
{
	const struct kwire_mock_match match = kwire_mock_on(api);

	return kwire_mock_count(bench->mock, &match);
}

static void records_from_the_offset_on_are_returned(void **state)
{
	struct bench *bench = *state;
	const struct kwire_fetched_partition *facts;

	put_batch(bench, 10, 5, -1);
	put_batch(bench, 20, 2, -1);
	hold(bench, 0);
	assert_int_equal(fetch(bench, 13, NULL), 0);
	facts = kwire_fetched_partition(bench->fetched, 0);
	assert_int_equal(facts->next_offset, 13);
	CHECK_OFFSETS(bench, 0, 13, 14, 20, 21);
	assert_int_equal(facts->next_offset, 22);
	assert_int_equal(facts->high_watermark, 500);
	assert_int_equal(facts->last_stable_offset, 400);
	assert_int_equal(facts->log_start_offset, 3);
	assert_int_equal(facts->bytes, bench->log.size);
	assert_false(facts->cut_off);
	assert_string_equal(facts->topic, "t");
	assert_int_equal(kwire_fetched_count(bench->fetched), 1);
	assert_null(kwire_fetched_partition(bench->fetched, 1));
	/* The end stays the end. */
	CHECK_OFFSETS(bench, 0, -1);
}

static void no_data_is_success_and_moves_nothing(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(fetch(bench, 7, NULL), 0);
	CHECK_OFFSETS(bench, 0, -1);
	assert_int_equal(kwire_fetched_partition(bench->fetched, 0)->next_offset, 7);
}

static void compacted_and_control_batches_move_the_next_offset(void **state)
{
	struct compose none = {0};
	struct compose_batch empty = COMPOSE_BATCH_INIT;
	struct bench *bench = *state;

	put_batch(bench, 0, 1, -1);
	put_marker(bench, 1, 5, true);
	empty.base_offset = 2;
	empty.last_offset_delta = 40;
	empty.count = 0;
	compose_batch(&bench->log, &empty, &none);
	hold(bench, 0);
	assert_int_equal(fetch(bench, 0, NULL), 0);
	CHECK_OFFSETS(bench, 0, 0);
	assert_int_equal(kwire_fetched_partition(bench->fetched, 0)->next_offset, 43);
}

static void a_stale_leader_is_looked_up_and_asked_once_more(void **state)
{
	static const int16_t stale[] = {3, 5, 6, 74, 100};
	struct bench *bench = *state;

	put_batch(bench, 0, 2, -1);
	hold(bench, 0);
	assert_int_equal(fetch(bench, 0, NULL), 0);
	for (size_t i = 0; i < sizeof(stale) / sizeof(stale[0]); i++) {
		int64_t metadata = asked(bench, METADATA);

		bench->script.requests = 0;
		bench->script.codes[0] = stale[i];
		if (fetch(bench, 0, NULL) != 0)
			fail_msg("code %d: %s", stale[i], bench->error.message);
		assert_int_equal(bench->script.requests, 2);
		assert_int_equal(asked(bench, METADATA), metadata + 1);
		CHECK_OFFSETS(bench, 0, 0, 1);
	}
}

static void a_leader_that_stays_stale_is_an_error(void **state)
{
	struct kwire_fetch_options options = KWIRE_FETCH_OPTIONS_INIT;
	struct bench *bench = *state;

	for (int i = 0; i < 8; i++)
		bench->script.codes[i] = NOT_LEADER;
	/* Pauses of 50, 100, 200 and 400 ms: the next would end behind the deadline. */
	options.timeout_ms = 1200;
	assert_int_equal(fetch(bench, 0, &options), KWIRE_EKAFKA);
	assert_int_equal(bench->error.kafka_code, NOT_LEADER);
	assert_true(bench->error.retriable);
	assert_in_range(bench->script.requests, 2, 7);
	assert_non_null(strstr(bench->error.message, "t-0: NOT_LEADER_OR_FOLLOWER (6)"));
}

static void a_refusal_outlives_a_repeat_that_is_not_answered(void **state)
{
	struct kwire_fetch_options options = KWIRE_FETCH_OPTIONS_INIT;
	struct bench *bench = *state;
	int64_t before;

	assert_int_equal(fetch(bench, 0, NULL), 0);
	bench->script.requests = 0;
	bench->script.codes[0] = NOT_LEADER;
	assert_int_equal(
		kwire_mock_do(bench->mock, "break silence api=Fetch skip=1", NULL, 0, NULL), 0);
	before = asked(bench, FETCH);
	options.timeout_ms = 300;
	assert_int_equal(fetch(bench, 0, &options), KWIRE_EKAFKA);
	assert_int_equal(bench->error.kafka_code, NOT_LEADER);
	assert_int_equal(asked(bench, FETCH), before + 2);
}

static void the_request_goes_to_the_new_leader(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(fetch(bench, 0, NULL), 0);
	assert_int_equal(bench->script.broker_id, 1);
	assert_int_equal(kwire_mock_set_leader(bench->mock, "t", 0, 2, NULL), 0);
	bench->script.requests = 0;
	bench->script.codes[0] = NOT_LEADER;
	assert_int_equal(fetch(bench, 0, NULL), 0);
	assert_int_equal(bench->script.broker_id, 2);
}

static void other_errors_are_returned_at_once(void **state)
{
	struct bench *bench = *state;

	bench->script.codes[0] = OUT_OF_RANGE;
	assert_int_equal(fetch(bench, 0, NULL), KWIRE_EKAFKA);
	assert_int_equal(bench->error.kafka_code, OUT_OF_RANGE);
	assert_int_equal(bench->script.requests, 1);
	/* The facts that came with it are there. */
	assert_int_equal(kwire_fetched_partition(bench->fetched, 0)->log_start_offset, 3);
	bench->script.leave_all_out = true;
	assert_int_equal(fetch(bench, 0, NULL), KWIRE_EPROTOCOL);
	assert_int_equal(bench->error.outcome, KWIRE_ANSWERED);
	bench->script.top_code = 35;
	assert_int_equal(fetch(bench, 0, NULL), KWIRE_EKAFKA);
	assert_int_equal(bench->error.kafka_code, 35);
}

static void unknown_topics_and_partitions_are_errors(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(kwire_fetch_partition(bench->client, "t", 77, 0, NULL, &bench->fetched,
					       &bench->error),
			 KWIRE_EKAFKA);
	assert_int_equal(bench->error.kafka_code, 3);
	assert_int_equal(kwire_fetch_partition(bench->client, "nowhere", 0, 0, NULL,
					       &bench->fetched, &bench->error),
			 KWIRE_EKAFKA);
	assert_int_equal(bench->error.kafka_code, 3);
	assert_int_equal(bench->script.requests, 0);
	assert_int_equal(kwire_fetch_partition(bench->client, "", 0, 0, NULL, &bench->fetched,
					       &bench->error),
			 KWIRE_EINVAL);
	assert_int_equal(kwire_fetch_partition(bench->client, NULL, 0, 0, NULL, &bench->fetched,
					       &bench->error),
			 KWIRE_EINVAL);
	assert_int_equal(fetch(bench, -1, NULL), KWIRE_EINVAL);
}

static void topics_go_by_id_where_the_version_wants_it(void **state)
{
	static const struct {
		const char *release;
		int16_t version;
		bool by_id;
	} releases[] = {
		{"0.11", 5, false}, {"1.1", 7, false}, {"2.8", 12, false}, {"newest", 18, true}};
	struct bench *bench = *state;

	put_batch(bench, 0, 1, -1);
	hold(bench, 0);
	for (size_t i = 0; i < sizeof(releases) / sizeof(releases[0]); i++) {
		assert_int_equal(kwire_mock_set_versions(bench->mock, -1, releases[i].release,
							 &bench->error),
				 0);
		kwire_client_close(bench->client);
		assert_int_equal(kwire_client_open(bench->config, &bench->client, &bench->error),
				 0);
		if (fetch(bench, 0, NULL) != 0)
			fail_msg("%s: %s", releases[i].release, bench->error.message);
		assert_int_equal(bench->script.by_id, releases[i].by_id);
		assert_int_equal(bench->script.by_name, !releases[i].by_id);
		assert_true(releases[i].by_id ? bench->script.version >= 13
					      : bench->script.version <= releases[i].version);
		CHECK_OFFSETS(bench, 0, 0);
	}
}

static void without_a_topic_id_versions_end_at_12(void **state)
{
	struct bench *bench = *state;

	/* A broker with Fetch 18, but no Metadata that has ids. */
	assert_int_equal(kwire_mock_set_api_versions(bench->mock, -1, METADATA, 0, 9, NULL), 0);
	put_batch(bench, 0, 1, -1);
	hold(bench, 0);
	assert_int_equal(fetch(bench, 0, NULL), 0);
	assert_int_equal(bench->script.version, 12);
	CHECK_OFFSETS(bench, 0, 0);
}

static void a_batch_beyond_the_limits_is_told_from_no_data(void **state)
{
	struct kwire_fetch_options options = KWIRE_FETCH_OPTIONS_INIT;
	struct bench *bench = *state;
	const struct kwire_fetched_partition *facts;
	size_t whole;

	put_batch(bench, 0, 30, -1);
	whole = bench->log.size;
	bench->log.size = 100;
	hold(bench, 0);
	options.partition_max_bytes = 100;
	assert_int_equal(fetch(bench, 0, &options), KWIRE_ETOOLARGE);
	assert_int_equal(bench->error.outcome, KWIRE_ANSWERED);
	assert_int_equal(bench->script.partition_max_bytes, 100);
	facts = kwire_fetched_partition(bench->fetched, 0);
	assert_int_equal(facts->too_large_bytes, whole);
	assert_true(facts->cut_off);
	/* Behind a whole batch, a cut one is no error. */
	bench->log.size = whole;
	put_batch(bench, 30, 30, -1);
	bench->log.size -= 5;
	hold(bench, 0);
	assert_int_equal(fetch(bench, 28, NULL), 0);
	facts = kwire_fetched_partition(bench->fetched, 0);
	assert_true(facts->cut_off);
	assert_int_equal(facts->too_large_bytes, 0);
	CHECK_OFFSETS(bench, 0, 28, 29);
	assert_int_equal(facts->next_offset, 30);
}

/* Three producers, interleaved: 1 commits, then aborts; 2 aborts; 3 writes without transactions. */
static void put_transactions(struct bench *bench)
{
	static struct kwire_fetch_response_response_partition_aborted_transaction list[] = {
		{2, 3, NULL}, {1, 9, NULL}};

	put_batch(bench, 0, 2, 1);
	put_batch(bench, 2, 2, 2);
	put_batch(bench, 4, 1, -1);
	put_batch(bench, 5, 1, 1);
	put_marker(bench, 6, 1, true);
	put_batch(bench, 7, 1, 2);
	put_marker(bench, 8, 2, false);
	put_batch(bench, 9, 2, 1);
	put_batch(bench, 11, 2, 2);
	put_marker(bench, 13, 1, false);
	put_marker(bench, 14, 2, true);
	put_batch(bench, 15, 1, 1);
	put_marker(bench, 16, 1, true);
	hold(bench, 0);
	bench->script.partitions[0].aborted_transactions.items = list;
	bench->script.partitions[0].aborted_transactions.count = 2;
}

static void read_committed_leaves_out_aborted_transactions(void **state)
{
	struct kwire_fetch_options options = KWIRE_FETCH_OPTIONS_INIT;
	struct bench *bench = *state;

	put_transactions(bench);
	options.isolation = KWIRE_READ_COMMITTED;
	assert_int_equal(fetch(bench, 0, &options), 0);
	assert_int_equal(bench->script.isolation, 1);
	CHECK_OFFSETS(bench, 0, 0, 1, 4, 5, 11, 12, 15);
	assert_int_equal(kwire_fetched_partition(bench->fetched, 0)->next_offset, 17);
}

static void read_uncommitted_has_all_but_the_markers(void **state)
{
	struct bench *bench = *state;

	put_transactions(bench);
	assert_int_equal(fetch(bench, 0, NULL), 0);
	assert_int_equal(bench->script.isolation, 0);
	CHECK_OFFSETS(bench, 0, 0, 1, 2, 3, 4, 5, 7, 9, 10, 11, 12, 15);
}

static void only_an_abort_marker_ends_an_abort(void **state)
{
	struct kwire_fetch_response_response_partition_aborted_transaction list[] = {{7, 0, NULL}};
	struct kwire_fetch_options options = KWIRE_FETCH_OPTIONS_INIT;
	struct bench *bench = *state;

	put_batch(bench, 0, 1, 7);
	put_marker(bench, 1, 7, true);
	put_batch(bench, 2, 1, 7);
	put_marker(bench, 3, 7, false);
	put_batch(bench, 4, 1, 7);
	hold(bench, 0);
	bench->script.partitions[0].aborted_transactions.items = list;
	bench->script.partitions[0].aborted_transactions.count = 1;
	options.isolation = KWIRE_READ_COMMITTED;
	assert_int_equal(fetch(bench, 0, &options), 0);
	CHECK_OFFSETS(bench, 0, 4);
}

static void the_list_of_aborted_transactions_may_be_in_any_order(void **state)
{
	struct kwire_fetch_options options = KWIRE_FETCH_OPTIONS_INIT;
	struct bench *bench = *state;
	struct kwire_fetch_response_response_partition_aborted_transaction list[40];
	int64_t expected[100];
	int count = 0;

	/* Forty producers, one batch and one marker each; every other one aborts. */
	for (int i = 0; i < 80; i += 2) {
		put_batch(bench, i, 1, i);
		put_marker(bench, i + 1, i, i % 4 == 0);
		if (i % 4 == 0)
			expected[count++] = i;
	}
	expected[count] = -1;
	hold(bench, 0);
	for (int i = 0; i < 20; i++) {
		int producer = (i * 7 % 20) * 4 + 2;

		list[i].producer_id = list[i].first_offset = producer;
		list[i].unknown_tags = NULL;
	}
	bench->script.partitions[0].aborted_transactions.items = list;
	bench->script.partitions[0].aborted_transactions.count = 20;
	options.isolation = KWIRE_READ_COMMITTED;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(fetch(bench, 0, &options), 0);
		check_offsets(bench, 0, expected);
	}
}

static void the_filter_survives_going_to_another_partition_and_back(void **state)
{
	struct kwire_fetch_options options = KWIRE_FETCH_OPTIONS_INIT;
	struct kwire_fetch_target targets[2] = {KWIRE_FETCH_TARGET_INIT, KWIRE_FETCH_TARGET_INIT};
	static const int64_t expected[] = {0, 1, 4, 5, 11, 12, 15};
	struct bench *bench = *state;
	struct kwire_record record;

	put_transactions(bench);
	bench->script.partitions[1] = bench->script.partitions[0];
	targets[0].topic = targets[1].topic = "t";
	targets[1].partition = 1;
	options.isolation = KWIRE_READ_COMMITTED;
	assert_int_equal(kwire_fetch_partitions(bench->client, targets, 2, &options,
						&bench->fetched, &bench->error),
			 0);
	assert_int_equal(bench->script.requests, 1);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		for (int32_t index = 0; index < 2; index++) {
			assert_int_equal(
				kwire_fetched_next(bench->fetched, index, &record, &bench->error),
				1);
			assert_int_equal(record.offset, expected[i]);
		}
	CHECK_OFFSETS(bench, 0, -1);
	CHECK_OFFSETS(bench, 1, -1);
}

static void one_partitions_error_is_its_own(void **state)
{
	struct kwire_fetch_target targets[3] = {KWIRE_FETCH_TARGET_INIT, KWIRE_FETCH_TARGET_INIT,
						KWIRE_FETCH_TARGET_INIT};
	struct bench *bench = *state;
	struct kwire_record record;

	put_batch(bench, 0, 2, -1);
	hold(bench, 1);
	hold(bench, 2);
	bench->log.data[30] ^= 1; /* the checksum is wrong from here on, for 1 and 2 */
	for (int i = 0; i < 3; i++) {
		targets[i].topic = "t";
		targets[i].partition = i;
	}
	bench->script.codes[0] = OUT_OF_RANGE;
	assert_int_equal(kwire_fetch_partitions(bench->client, targets, 3, NULL, &bench->fetched,
						&bench->error),
			 0);
	assert_int_equal(kwire_fetched_partition(bench->fetched, 0)->kafka_code, OUT_OF_RANGE);
	assert_int_equal(kwire_fetched_partition(bench->fetched, 1)->kafka_code, 0);
	assert_int_equal(kwire_fetched_next(bench->fetched, 1, &record, &bench->error),
			 KWIRE_EDECODE);
	assert_non_null(strstr(bench->error.message, "batch at offset 0"));
	assert_int_equal(kwire_fetched_partition(bench->fetched, 1)->next_offset, 0);
	assert_int_equal(kwire_fetched_next(bench->fetched, 1, &record, NULL), 0);
	assert_int_equal(kwire_fetched_next(bench->fetched, 3, &record, NULL), KWIRE_EINVAL);
}

static void behind_a_corrupt_batch_reading_goes_on(void **state)
{
	struct bench *bench = *state;
	struct kwire_record record;
	size_t second;

	put_batch(bench, 0, 1, -1);
	second = bench->log.size;
	put_batch(bench, 1, 1, -1);
	put_batch(bench, 2, 1, -1);
	bench->log.data[second + 65] ^= 1;
	hold(bench, 0);
	assert_int_equal(fetch(bench, 0, NULL), 0);
	assert_int_equal(kwire_fetched_next(bench->fetched, 0, &record, NULL), 1);
	assert_int_equal(kwire_fetched_next(bench->fetched, 0, &record, &bench->error),
			 KWIRE_EDECODE);
	assert_int_equal(kwire_fetched_partition(bench->fetched, 0)->next_offset, 1);
	CHECK_OFFSETS(bench, 0, 2);
	assert_int_equal(kwire_fetched_partition(bench->fetched, 0)->next_offset, 3);
}

static void behind_a_corrupt_batch_nothing_counts_as_committed(void **state)
{
	struct kwire_fetch_response_response_partition_aborted_transaction list[] = {{7, 0, NULL}};
	struct kwire_fetch_options options = KWIRE_FETCH_OPTIONS_INIT;
	struct bench *bench = *state;
	const struct kwire_fetched_record *records;
	struct kwire_record record;
	size_t marker;
	int32_t count;

	/* The batch that cannot be read is the marker behind which producer 7 commits. */
	put_batch(bench, 0, 1, 7);
	marker = bench->log.size;
	put_marker(bench, 1, 7, false);
	put_batch(bench, 2, 1, 7);
	put_marker(bench, 3, 7, true);
	bench->log.data[marker + 65] ^= 1;
	hold(bench, 0);
	bench->script.partitions[0].aborted_transactions.items = list;
	bench->script.partitions[0].aborted_transactions.count = 1;
	options.isolation = KWIRE_READ_COMMITTED;
	assert_int_equal(fetch(bench, 0, &options), 0);
	assert_int_equal(kwire_fetched_next(bench->fetched, 0, &record, &bench->error),
			 KWIRE_EDECODE);
	assert_int_equal(kwire_fetched_next(bench->fetched, 0, &record, &bench->error), 0);
	assert_int_equal(kwire_fetched_records(bench->fetched, 0, &records, &count, NULL), 0);
	assert_int_equal(count, 0);
	/* So that nothing is passed over by who goes on there. */
	assert_int_equal(kwire_fetched_partition(bench->fetched, 0)->next_offset, 1);
	bench->log.data[marker + 65] ^= 1;
	assert_int_equal(fetch(bench, 1, &options), 0);
	CHECK_OFFSETS(bench, 0, 2);
}

static void a_partition_without_leader_leaves_the_others_alone(void **state)
{
	struct kwire_fetch_target targets[3] = {KWIRE_FETCH_TARGET_INIT, KWIRE_FETCH_TARGET_INIT,
						KWIRE_FETCH_TARGET_INIT};
	struct bench *bench = *state;

	put_batch(bench, 0, 2, -1);
	hold(bench, 1);
	hold(bench, 2);
	for (int i = 0; i < 3; i++) {
		targets[i].topic = "t";
		targets[i].partition = i;
	}
	/* First, last, and what is not there at all. */
	for (int without = 0; without < 3; without++) {
		assert_int_equal(
			kwire_mock_set_leader(bench->mock, "t", 0, without == 0 ? -1 : 1, NULL), 0);
		if (without == 1) {
			struct kwire_fetch_target first = targets[0];

			targets[0] = targets[2];
			targets[2] = first;
			assert_int_equal(kwire_mock_set_leader(bench->mock, "t", 0, -1, NULL), 0);
		} else if (without == 2) {
			targets[2].topic = "nowhere";
		}
		bench->script.requests = 0;
		if (kwire_fetch_partitions(bench->client, targets, 3, NULL, &bench->fetched,
					   &bench->error) != 0)
			fail_msg("%d: %s", without, bench->error.message);
		assert_int_equal(bench->script.requests, 1);
		for (int i = 0; i < 3; i++) {
			bool led = i != (without == 0 ? 0 : 2);

			assert_int_equal(kwire_fetched_partition(bench->fetched, i)->kafka_code,
					 led              ? 0
					 : (without == 2) ? 3
							  : 5);
			if (led)
				CHECK_OFFSETS(bench, i, 0, 1);
			else
				CHECK_OFFSETS(bench, i, -1);
		}
	}
	/* None of them: the call fails. */
	for (int i = 0; i < PARTITIONS; i++)
		assert_int_equal(kwire_mock_set_leader(bench->mock, "t", i, -1, NULL), 0);
	kwire_client_close(bench->client);
	assert_int_equal(kwire_client_open(bench->config, &bench->client, &bench->error), 0);
	bench->script.requests = 0;
	assert_int_equal(kwire_fetch_partitions(bench->client, targets, 3, NULL, &bench->fetched,
						&bench->error),
			 KWIRE_EKAFKA);
	assert_int_equal(bench->error.kafka_code, 5);
	assert_int_equal(bench->script.requests, 0);
}

static void what_was_fetched_does_not_wait_for_a_stale_partition(void **state)
{
	struct kwire_fetch_target targets[2] = {KWIRE_FETCH_TARGET_INIT, KWIRE_FETCH_TARGET_INIT};
	struct bench *bench = *state;
	int64_t looked_up;

	put_batch(bench, 0, 2, -1);
	hold(bench, 0);
	hold(bench, 1);
	targets[0].topic = targets[1].topic = "t";
	targets[1].partition = 1;
	/* Looked up and asked again, alone. */
	bench->script.codes[0] = NOT_LEADER;
	assert_int_equal(kwire_fetch_partitions(bench->client, targets, 2, NULL, &bench->fetched,
						&bench->error),
			 0);
	assert_int_equal(bench->script.requests, 2);
	CHECK_OFFSETS(bench, 0, 0, 1);
	CHECK_OFFSETS(bench, 1, 0, 1);
	/* Once, not until the deadline. */
	bench->script.requests = 0;
	bench->script.codes[0] = bench->script.codes[1] = bench->script.codes[2] = NOT_LEADER;
	assert_int_equal(kwire_fetch_partitions(bench->client, targets, 2, NULL, &bench->fetched,
						&bench->error),
			 0);
	assert_int_equal(bench->script.requests, 2);
	assert_int_equal(kwire_fetched_partition(bench->fetched, 0)->kafka_code, NOT_LEADER);
	CHECK_OFFSETS(bench, 1, 0, 1);
	/* And the next fetch looks the leader up. */
	looked_up = asked(bench, METADATA);
	bench->script.codes[2] = 0;
	assert_int_equal(kwire_fetch_partitions(bench->client, targets, 2, NULL, &bench->fetched,
						&bench->error),
			 0);
	assert_int_equal(asked(bench, METADATA), looked_up + 1);
	CHECK_OFFSETS(bench, 0, 0, 1);
}

static void what_no_fetch_can_be_is_refused(void **state)
{
	struct kwire_fetch_target targets[3] = {KWIRE_FETCH_TARGET_INIT, KWIRE_FETCH_TARGET_INIT,
						KWIRE_FETCH_TARGET_INIT};
	struct kwire_fetch_options options = KWIRE_FETCH_OPTIONS_INIT;
	struct bench *bench = *state;

	/* One that is not answered. */
	options.flags = KWIRE_ONE_WAY;
	assert_int_equal(fetch(bench, 0, &options), KWIRE_EINVAL);
	/* A partition twice: two places for one answer. */
	targets[0].topic = targets[1].topic = targets[2].topic = "t";
	targets[1].partition = 1;
	assert_int_equal(kwire_fetch_partitions(bench->client, targets, 3, NULL, &bench->fetched,
						&bench->error),
			 KWIRE_EINVAL);
	assert_non_null(strstr(bench->error.message, "t-0"));
	assert_int_equal(bench->script.requests, 0);
	targets[2].partition = 2;
	assert_int_equal(kwire_fetch_partitions(bench->client, targets, 3, NULL, &bench->fetched,
						&bench->error),
			 0);
}

static void partitions_of_two_leaders_are_fetched_together(void **state)
{
	struct kwire_fetch_target targets[3] = {KWIRE_FETCH_TARGET_INIT, KWIRE_FETCH_TARGET_INIT,
						KWIRE_FETCH_TARGET_INIT};
	struct kwire_fetch_options options = KWIRE_FETCH_OPTIONS_INIT;
	struct bench *bench = *state;

	put_batch(bench, 0, 2, -1);
	hold(bench, 0);
	hold(bench, 3);
	for (int i = 0; i < 3; i++)
		targets[i].topic = "t";
	targets[0].partition = 3;
	targets[2].partition = 1;
	/* A replica that one leader prefers is not the other's. */
	bench->script.preferred = 2;
	options.rack = "here";
	options.max_wait_ms = 10;
	assert_int_equal(kwire_fetch_partitions(bench->client, targets, 3, &options,
						&bench->fetched, &bench->error),
			 0);
	assert_int_equal(bench->script.requests, 2);
	CHECK_OFFSETS(bench, 0, 0, 1);
	CHECK_OFFSETS(bench, 1, 0, 1);
	CHECK_OFFSETS(bench, 2, -1);
	/* What both say of the whole is what is said. */
	bench->script.top_code = 42;
	bench->script.leave_all_out = true;
	assert_int_equal(kwire_fetch_partitions(bench->client, targets, 3, &options,
						&bench->fetched, &bench->error),
			 KWIRE_EKAFKA);
	assert_int_equal(bench->error.kafka_code, 42);
	bench->script.top_code = 0;
	bench->script.leave_all_out = false;
	/* One that dies over it leaves the other's. */
	assert_int_equal(
		kwire_mock_do(bench->mock, "break reset api=Fetch broker=3", NULL, 0, NULL), 0);
	assert_int_equal(kwire_fetch_partitions(bench->client, targets, 3, &options,
						&bench->fetched, &bench->error),
			 KWIRE_EPARTIAL);
	assert_int_equal(bench->error.node_id, 3);
	assert_int_equal(kwire_fetched_partition(bench->fetched, 0)->kafka_code, -1);
	CHECK_OFFSETS(bench, 1, 0, 1);
	/* One that is gone has a successor. */
	assert_int_equal(kwire_mock_stop_broker(bench->mock, 3, NULL), 0);
	assert_int_equal(kwire_fetch_partitions(bench->client, targets, 3, &options,
						&bench->fetched, &bench->error),
			 0);
	CHECK_OFFSETS(bench, 0, 0, 1);
	CHECK_OFFSETS(bench, 1, 0, 1);
}

static void the_preferred_replica_is_followed_and_left(void **state)
{
	struct kwire_fetch_options options = KWIRE_FETCH_OPTIONS_INIT;
	struct bench *bench = *state;

	put_batch(bench, 0, 1, -1);
	hold(bench, 0);
	bench->script.preferred = 2;
	options.rack = "here";
	assert_int_equal(fetch(bench, 0, &options), 0);
	assert_int_equal(bench->script.requests, 2);
	assert_int_equal(bench->script.broker_id, 2);
	CHECK_OFFSETS(bench, 0, 0);
	/* It is remembered. */
	assert_int_equal(fetch(bench, 0, &options), 0);
	assert_int_equal(bench->script.requests, 3);
	assert_int_equal(bench->script.broker_id, 2);
	/* A replica that lags behind sends us back to the leader. */
	bench->script.requests = 0;
	bench->script.preferred = -1;
	bench->script.codes[0] = OUT_OF_RANGE;
	assert_int_equal(fetch(bench, 0, &options), 0);
	assert_int_equal(bench->script.requests, 2);
	assert_int_equal(bench->script.broker_id, 1);
}

static void records_come_as_an_array_too(void **state)
{
	struct bench *bench = *state;
	const struct kwire_fetched_record *records;
	struct kwire_batch_builder *builder = NULL;
	struct kwire_batch_options options = KWIRE_BATCH_OPTIONS_INIT;
	struct kwire_header header = {KWIRE_STRING_INIT("h"), {(const uint8_t *)"x", 1}};
	struct kwire_bytes batch;
	int32_t count;

	assert_int_equal(kwire_batch_builder_new(NULL, &builder, NULL), 0);
	for (int i = 0; i < 5; i++) {
		char value[20];

		options.codec = kwire_codec_built((enum kwire_codec)i) ? (enum kwire_codec)i
								       : KWIRE_CODEC_NONE;
		assert_int_equal(kwire_batch_builder_begin(builder, &options, NULL), 0);
		for (int j = 0; j < 100; j++) {
			int size = snprintf(value, sizeof(value), "%d/%d", i, j);

			assert_int_equal(
				kwire_batch_builder_add(builder, j, kwire_bytes_of("k", 1),
							kwire_bytes_of(value, (size_t)size),
							&header, j % 2, NULL),
				0);
		}
		assert_int_equal(kwire_batch_builder_end(builder, &batch, NULL), 0);
		compose_bytes(&bench->log, batch.data, (size_t)batch.size);
		compose_patch(&bench->log, bench->log.size - (size_t)batch.size, i * 100, 8);
	}
	kwire_batch_builder_free(builder);
	hold(bench, 0);
	assert_int_equal(fetch(bench, 50, NULL), 0);
	assert_int_equal(kwire_fetched_records(bench->fetched, 0, &records, &count, &bench->error),
			 0);
	assert_int_equal(count, 450);
	for (int32_t n = 0; n < count; n++) {
		char value[20];
		int size = snprintf(value, sizeof(value), "%d/%d", (n + 50) / 100, (n + 50) % 100);

		assert_int_equal(records[n].offset, n + 50);
		assert_int_equal(records[n].value.size, size);
		assert_memory_equal(records[n].value.data, value, (size_t)size);
		assert_int_equal(records[n].header_count, n % 2);
		if (n % 2)
			assert_memory_equal(records[n].headers[0].value.data, "x", 1);
	}
	assert_int_equal(kwire_fetched_partition(bench->fetched, 0)->next_offset, 500);
	assert_int_equal(kwire_fetched_records(bench->fetched, 0, &records, &count, NULL), 0);
	assert_int_equal(count, 0);
}

/* From here on the client allocates where it is counted, and may be made to fail. */
static void count_allocations(struct bench *bench)
{
	kwire_client_close(bench->client);
	kwire_config_free(bench->config);
	bench->config = kwire_config_new_with(&bench->counting.allocator);
	kwire_config_set(bench->config, "bootstrap.servers", kwire_mock_bootstrap(bench->mock),
			 NULL);
	assert_int_equal(kwire_client_open(bench->config, &bench->client, &bench->error), 0);
}

/* `batches` batches of 20 records, each with its offset as value and every other with a header. */
static void hold_numbered(struct bench *bench, enum kwire_codec codec, int batches)
{
	struct kwire_header header = {KWIRE_STRING_INIT("h"), {(const uint8_t *)"x", 1}};
	struct kwire_batch_options options = KWIRE_BATCH_OPTIONS_INIT;
	struct kwire_batch_builder *builder = NULL;
	struct kwire_bytes batch;

	options.codec = codec;
	compose_fini(&bench->log);
	assert_int_equal(kwire_batch_builder_new(NULL, &builder, NULL), 0);
	for (int i = 0; i < batches; i++) {
		assert_int_equal(kwire_batch_builder_begin(builder, &options, NULL), 0);
		for (int j = 0; j < 20; j++) {
			char value[20];
			int size = snprintf(value, sizeof(value), "%d", i * 20 + j);

			assert_int_equal(
				kwire_batch_builder_add(builder, j, kwire_bytes_of("k", 1),
							kwire_bytes_of(value, (size_t)size),
							&header, j % 2, NULL),
				0);
		}
		assert_int_equal(kwire_batch_builder_end(builder, &batch, NULL), 0);
		compose_bytes(&bench->log, batch.data, (size_t)batch.size);
		compose_patch(&bench->log, bench->log.size - (size_t)batch.size, i * 20, 8);
	}
	kwire_batch_builder_free(builder);
	hold(bench, 0);
}

static void check_numbered(const struct kwire_fetched_record *record, int64_t number)
{
	char value[20];
	int size = snprintf(value, sizeof(value), "%d", (int)number);

	assert_int_equal(record->offset, number);
	assert_int_equal(record->value.size, size);
	assert_memory_equal(record->value.data, value, (size_t)size);
	assert_int_equal(record->header_count, number % 2);
	if (record->header_count > 0)
		assert_memory_equal(record->headers[0].value.data, "x", 1);
}

static void an_array_without_memory_loses_no_record(void **state)
{
	enum {
		BATCHES = 12,
		CALLS = 8
	};
	struct bench *bench = *state;
	bool failed = true;
	long nth;

	if (!kwire_codec_built(KWIRE_CODEC_GZIP))
		skip();
	count_allocations(bench);
	hold_numbered(bench, KWIRE_CODEC_GZIP, BATCHES);
	for (nth = 1; failed; nth++) {
		const struct kwire_fetched_record *records[CALLS];
		int32_t counts[CALLS], calls = 0;
		int64_t number = 0;

		failed = false;
		kwire_fetched_free(bench->fetched);
		bench->fetched = NULL;
		assert_int_equal(fetch(bench, 0, NULL), 0);
		bench->counting.fail_at = bench->counting.calls + nth;
		do {
			int result = kwire_fetched_records(bench->fetched, 0, &records[calls],
							   &counts[calls], &bench->error);

			assert_true(result == 0 || (result == KWIRE_ENOMEM && !failed));
			failed |= result != 0;
			number += counts[calls];
			assert_int_equal(kwire_fetched_partition(bench->fetched, 0)->next_offset,
					 number);
			calls++;
		} while (number < BATCHES * 20 && calls < CALLS);
		bench->counting.fail_at = 0;
		assert_int_equal(number, BATCHES * 20);
		/* All stay valid, those of the call that failed included. */
		number = 0;
		for (int32_t i = 0; i < calls; i++)
			for (int32_t j = 0; j < counts[i]; j++)
				check_numbered(&records[i][j], number++);
	}
	assert_true(nth > BATCHES);
	kwire_fetched_free(bench->fetched);
	bench->fetched = NULL;
}

static void a_batch_without_memory_comes_again(void **state)
{
	struct bench *bench = *state;
	struct kwire_record record;

	if (!kwire_codec_built(KWIRE_CODEC_GZIP))
		skip();
	count_allocations(bench);
	hold_numbered(bench, KWIRE_CODEC_GZIP, 1);
	assert_int_equal(fetch(bench, 7, NULL), 0);
	bench->counting.fail_at = bench->counting.calls + 1;
	assert_int_equal(kwire_fetched_next(bench->fetched, 0, &record, &bench->error),
			 KWIRE_ENOMEM);
	assert_int_equal(kwire_fetched_partition(bench->fetched, 0)->next_offset, 7);
	CHECK_OFFSETS(bench, 0, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19);
	kwire_fetched_free(bench->fetched);
	bench->fetched = NULL;
}

/* Allocations of a warm fetch that returns `batches` batches. */
static long cost(struct bench *bench, enum kwire_codec codec, int batches)
{
	struct kwire_batch_builder *builder = NULL;
	struct kwire_batch_options options = KWIRE_BATCH_OPTIONS_INIT;
	struct kwire_record record;
	struct kwire_bytes batch;
	long before = 0;

	options.codec = codec;
	compose_fini(&bench->log);
	assert_int_equal(kwire_batch_builder_new(NULL, &builder, NULL), 0);
	assert_int_equal(kwire_batch_builder_begin(builder, &options, NULL), 0);
	for (int i = 0; i < 50; i++)
		assert_int_equal(kwire_batch_builder_add(builder, 0, kwire_bytes_of("key", 3),
							 kwire_bytes_of("some value", 10), NULL, 0,
							 NULL),
				 0);
	assert_int_equal(kwire_batch_builder_end(builder, &batch, NULL), 0);
	for (int i = 0; i < batches; i++) {
		compose_bytes(&bench->log, batch.data, (size_t)batch.size);
		compose_patch(&bench->log, bench->log.size - (size_t)batch.size, i * 50, 8);
	}
	kwire_batch_builder_free(builder);
	hold(bench, 0);
	for (int round = 0; round < 3; round++) {
		int records = 0;

		before = bench->counting.calls;
		assert_int_equal(fetch(bench, 0, NULL), 0);
		while (kwire_fetched_next(bench->fetched, 0, &record, &bench->error) > 0)
			records++;
		assert_int_equal(records, batches * 50);
	}
	return bench->counting.calls - before;
}

static void a_warm_fetch_allocates_nothing_for_its_batches(void **state)
{
	struct bench *bench = *state;

	count_allocations(bench);
	for (int codec = 0; codec <= KWIRE_CODEC_ZSTD; codec++)
		if (kwire_codec_built((enum kwire_codec)codec))
			assert_int_equal(cost(bench, (enum kwire_codec)codec, 3),
					 cost(bench, (enum kwire_codec)codec, 60));
	kwire_fetched_free(bench->fetched);
	bench->fetched = NULL;
}

static void a_fetch_on_a_connection_looks_nothing_up(void **state)
{
	struct kwire_fetch_target target = KWIRE_FETCH_TARGET_INIT;
	struct kwire_connection *connection = NULL;
	struct bench *bench = *state;

	put_batch(bench, 0, 2, -1);
	hold(bench, 0);
	target.topic = "t";
	assert_int_equal(kwire_connection_open(bench->config, "127.0.0.1",
					       kwire_mock_port(bench->mock, 2), -1, &connection,
					       &bench->error),
			 0);
	assert_int_equal(kwire_connection_fetch(connection, &target, 1, NULL, &bench->fetched,
						&bench->error),
			 0);
	assert_int_equal(asked(bench, METADATA), 0);
	assert_int_equal(bench->script.version, 12);
	CHECK_OFFSETS(bench, 0, 0, 1);
	bench->script.requests = 0;
	bench->script.codes[0] = NOT_LEADER;
	assert_int_equal(kwire_connection_fetch(connection, &target, 1, NULL, &bench->fetched,
						&bench->error),
			 KWIRE_EKAFKA);
	assert_int_equal(bench->script.requests, 1);
	kwire_connection_close(connection);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(records_from_the_offset_on_are_returned),
		TEST(no_data_is_success_and_moves_nothing),
		TEST(compacted_and_control_batches_move_the_next_offset),
		TEST(a_stale_leader_is_looked_up_and_asked_once_more),
		TEST(a_leader_that_stays_stale_is_an_error),
		TEST(a_refusal_outlives_a_repeat_that_is_not_answered),
		TEST(the_request_goes_to_the_new_leader),
		TEST(other_errors_are_returned_at_once),
		TEST(unknown_topics_and_partitions_are_errors),
		TEST(topics_go_by_id_where_the_version_wants_it),
		TEST(without_a_topic_id_versions_end_at_12),
		TEST(a_batch_beyond_the_limits_is_told_from_no_data),
		TEST(read_committed_leaves_out_aborted_transactions),
		TEST(read_uncommitted_has_all_but_the_markers),
		TEST(only_an_abort_marker_ends_an_abort),
		TEST(the_list_of_aborted_transactions_may_be_in_any_order),
		TEST(the_filter_survives_going_to_another_partition_and_back),
		TEST(one_partitions_error_is_its_own),
		TEST(behind_a_corrupt_batch_reading_goes_on),
		TEST(behind_a_corrupt_batch_nothing_counts_as_committed),
		TEST(a_partition_without_leader_leaves_the_others_alone),
		TEST(what_was_fetched_does_not_wait_for_a_stale_partition),
		TEST(what_no_fetch_can_be_is_refused),
		TEST(partitions_of_two_leaders_are_fetched_together),
		TEST(the_preferred_replica_is_followed_and_left),
		TEST(records_come_as_an_array_too),
		TEST(an_array_without_memory_loses_no_record),
		TEST(a_batch_without_memory_comes_again),
		TEST(a_warm_fetch_allocates_nothing_for_its_batches),
		TEST(a_fetch_on_a_connection_looks_nothing_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
