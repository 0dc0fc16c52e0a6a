/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Offsets and producing through the helpers of kwire/fetch.h: what is asked of
 * whom, what is repeated, and above all what is not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <kwire/api/list_offsets.h>
#include <kwire/api/offset_for_leader_epoch.h>
#include <kwire/api/produce.h>
#include <kwire/fetch.h>
#include <kwire/mock.h>

enum {
	PRODUCE = 0,
	LIST_OFFSETS = 2,
	METADATA = 3,
	OFFSET_FOR_LEADER_EPOCH = 23,
};

/* What the brokers answer, and what they were asked. */
struct script {
	int16_t codes[4]; /* by request; then 0 */
	bool leave_out;   /* what was asked for, of the answer about offsets */
	int requests;
	int16_t version;
	int32_t broker_id;
	int32_t replica_id;
	int64_t timestamp;
	int8_t isolation;
	int32_t current_epoch;
	int32_t epoch;
	int16_t acks;
	int32_t records_size;
	bool transactional;
};

struct bench {
	struct kwire_mock *mock;
	struct kwire_config *config;
	struct kwire_client *client;
	struct kwire_error error;
	struct script script;
	struct kwire_batch_builder *builder;
	struct kwire_bytes batch;
};

static int16_t next_code(struct script *script, const struct kwire_mock_request *request)
{
	script->version = request->api_version;
	script->broker_id = request->broker_id;
	return script->requests < 4 ? script->codes[script->requests++] : 0;
}

static enum kwire_mock_verdict answer_list(void *context, struct kwire_mock_request *request)
{
	struct script *script = context;
	const struct kwire_list_offsets_request *asked = request->message;
	struct kwire_list_offsets_response response = KWIRE_LIST_OFFSETS_RESPONSE_INIT;
	struct kwire_list_offsets_response_topic topic = KWIRE_LIST_OFFSETS_RESPONSE_TOPIC_INIT;
	struct kwire_list_offsets_response_topic_partition partition =
		KWIRE_LIST_OFFSETS_RESPONSE_TOPIC_PARTITION_INIT;

	script->replica_id = asked->replica_id;
	script->isolation = asked->isolation_level;
	script->timestamp = asked->topics.items[0].partitions.items[0].timestamp;
	partition.partition_index = asked->topics.items[0].partitions.items[0].partition_index;
	partition.error_code = next_code(script, request);
	partition.offset = 42;
	partition.timestamp = 1234;
	partition.leader_epoch = request->api_version >= 4 ? 6 : -1;
	topic.name = asked->topics.items[0].name;
	topic.partitions.items = &partition;
	topic.partitions.count = 1;
	response.topics.items = &topic;
	response.topics.count = script->leave_out ? 0 : 1;
	kwire_mock_reply(request, &response, NULL);
	return KWIRE_MOCK_DONE;
}

static enum kwire_mock_verdict answer_epoch(void *context, struct kwire_mock_request *request)
{
	struct script *script = context;
	const struct kwire_offset_for_leader_epoch_request *asked = request->message;
	struct kwire_offset_for_leader_epoch_response response =
		KWIRE_OFFSET_FOR_LEADER_EPOCH_RESPONSE_INIT;
	struct kwire_offset_for_leader_epoch_response_topic topic =
		KWIRE_OFFSET_FOR_LEADER_EPOCH_RESPONSE_TOPIC_INIT;
	struct kwire_offset_for_leader_epoch_response_topic_partition partition =
		KWIRE_OFFSET_FOR_LEADER_EPOCH_RESPONSE_TOPIC_PARTITION_INIT;

	script->replica_id = asked->replica_id;
	script->current_epoch = asked->topics.items[0].partitions.items[0].current_leader_epoch;
	script->epoch = asked->topics.items[0].partitions.items[0].leader_epoch;
	partition.partition = asked->topics.items[0].partitions.items[0].partition;
	partition.error_code = next_code(script, request);
	partition.leader_epoch = 3;
	partition.end_offset = 77;
	topic.topic = asked->topics.items[0].topic;
	topic.partitions.items = &partition;
	topic.partitions.count = 1;
	response.topics.items = &topic;
	response.topics.count = script->leave_out ? 0 : 1;
	kwire_mock_reply(request, &response, NULL);
	return KWIRE_MOCK_DONE;
}

static enum kwire_mock_verdict answer_produce(void *context, struct kwire_mock_request *request)
{
	struct script *script = context;
	const struct kwire_produce_request *asked = request->message;
	const struct kwire_produce_request_topic_data *data = &asked->topic_data.items[0];
	struct kwire_produce_response response = KWIRE_PRODUCE_RESPONSE_INIT;
	struct kwire_produce_response_response topic = KWIRE_PRODUCE_RESPONSE_RESPONSE_INIT;
	struct kwire_produce_response_response_partition_response partition =
		KWIRE_PRODUCE_RESPONSE_RESPONSE_PARTITION_RESPONSE_INIT;

	script->acks = asked->acks;
	script->transactional = asked->transactional_id.data != NULL;
	script->records_size = data->partition_data.items[0].records.size;
	partition.error_code = next_code(script, request);
	partition.index = data->partition_data.items[0].index;
	partition.base_offset = 900;
	partition.log_append_time_ms = 5555;
	topic.name = data->name;
	topic.topic_id = data->topic_id;
	topic.partition_responses.items = &partition;
	topic.partition_responses.count = 1;
	response.responses.items = &topic;
	response.responses.count = 1;
	if (asked->acks != 0)
		kwire_mock_reply(request, &response, NULL);
	return KWIRE_MOCK_DONE;
}

static int script_api(struct bench *bench, int16_t api, kwire_mock_handler *handler)
{
	const struct kwire_mock_match match = kwire_mock_on(api);

	return kwire_mock_script(bench->mock, &match, handler, &bench->script, NULL, &bench->error);
}

static int build(struct bench *bench, enum kwire_codec codec, int64_t producer_id)
{
	struct kwire_batch_options options = KWIRE_BATCH_OPTIONS_INIT;

	options.codec = codec;
	if (producer_id >= 0) {
		options.producer_id = producer_id;
		options.producer_epoch = 0;
		options.base_sequence = 0;
		options.transactional = true;
	}
	if (kwire_batch_builder_begin(bench->builder, &options, NULL) != 0 ||
	    kwire_batch_builder_add(bench->builder, 1, kwire_bytes_of("k", 1),
				    kwire_bytes_of("v", 1), NULL, 0, NULL) != 0)
		return -1;
	return kwire_batch_builder_end(bench->builder, &bench->batch, NULL);
}

static int setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	if (bench == NULL || kwire_mock_open(NULL, &bench->mock, &bench->error) != 0 ||
	    kwire_batch_builder_new(NULL, &bench->builder, NULL) != 0 ||
	    build(bench, KWIRE_CODEC_NONE, -1) != 0 ||
	    kwire_mock_create_topic(bench->mock, "t", 2, &bench->error) != 0 ||
	    kwire_mock_set_leader(bench->mock, "t", 1, 2, &bench->error) != 0 ||
	    script_api(bench, LIST_OFFSETS, answer_list) != 0 ||
	    script_api(bench, OFFSET_FOR_LEADER_EPOCH, answer_epoch) != 0 ||
	    script_api(bench, PRODUCE, answer_produce) != 0)
		return -1;
	bench->config = kwire_config_new();
	kwire_config_set(bench->config, "bootstrap.servers", kwire_mock_bootstrap(bench->mock),
			 NULL);
	*state = bench;
	return kwire_client_open(bench->config, &bench->client, &bench->error);
}

static int teardown(void **state)
{
	struct bench *bench = *state;

	kwire_client_close(bench->client);
	kwire_config_free(bench->config);
	kwire_mock_close(bench->mock);
	kwire_batch_builder_free(bench->builder);
	free(bench);
	return 0;
}

static int64_t asked(struct bench *bench, int16_t api)
{
	const struct kwire_mock_match match = kwire_mock_on(api);

	return kwire_mock_count(bench->mock, &match);
}

static int list(struct bench *bench, int64_t timestamp, enum kwire_isolation isolation,
		struct kwire_listed_offset *offset)
{
	return kwire_list_offset(bench->client, "t", 1, timestamp, isolation, offset, NULL,
				 &bench->error);
}

static void an_offset_is_asked_of_the_leader_as_a_client(void **state)
{
	static const int64_t times[] = {KWIRE_OFFSET_LATEST, KWIRE_OFFSET_EARLIEST,
					KWIRE_OFFSET_MAX_TIMESTAMP, 1700000000000};
	struct bench *bench = *state;
	struct kwire_listed_offset offset;
	int64_t looked_up;

	assert_int_equal(list(bench, KWIRE_OFFSET_LATEST, KWIRE_READ_COMMITTED, &offset), 0);
	looked_up = asked(bench, METADATA);
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		assert_int_equal(list(bench, times[i], KWIRE_READ_COMMITTED, &offset), 0);
		assert_int_equal(bench->script.timestamp, times[i]);
		assert_int_equal(bench->script.isolation, 1);
		assert_int_equal(bench->script.broker_id, 2);
		assert_int_equal(bench->script.replica_id, -1);
		assert_int_equal(offset.offset, 42);
		assert_int_equal(offset.timestamp, 1234);
		assert_int_equal(offset.leader_epoch, 6);
	}
	/* The leader is remembered. */
	assert_int_equal(asked(bench, METADATA), looked_up);
}

static void an_offset_is_asked_again_of_a_new_leader(void **state)
{
	struct bench *bench = *state;
	struct kwire_listed_offset offset = {7, 7, 7};
	int64_t looked_up;

	assert_int_equal(list(bench, -1, KWIRE_READ_UNCOMMITTED, &offset), 0);
	looked_up = asked(bench, METADATA);
	bench->script.requests = 0;
	bench->script.codes[0] = 6;
	assert_int_equal(list(bench, -1, KWIRE_READ_UNCOMMITTED, &offset), 0);
	assert_int_equal(bench->script.requests, 2);
	assert_int_equal(asked(bench, METADATA), looked_up + 1);
	bench->script.requests = 0;
	bench->script.codes[0] = bench->script.codes[1] = 6;
	assert_int_equal(list(bench, -1, KWIRE_READ_UNCOMMITTED, &offset), 0);
	assert_int_equal(bench->script.requests, 3);
	/* An unknown topic may be one that was just created: once more, no longer. */
	bench->script.requests = 0;
	bench->script.codes[0] = bench->script.codes[1] = 3;
	offset.offset = 7;
	assert_int_equal(list(bench, -1, KWIRE_READ_UNCOMMITTED, &offset), KWIRE_EKAFKA);
	assert_int_equal(bench->error.kafka_code, 3);
	assert_int_equal(bench->script.requests, 2);
	assert_int_equal(offset.offset, 7);
	bench->script.requests = 0;
	bench->script.codes[0] = 78;
	assert_int_equal(list(bench, -1, KWIRE_READ_UNCOMMITTED, &offset), KWIRE_EKAFKA);
	assert_int_equal(bench->script.requests, 1);
	assert_true(bench->error.retriable);
}

static void a_broker_too_old_for_max_timestamp_is_not_asked(void **state)
{
	struct bench *bench = *state;
	struct kwire_listed_offset offset;

	kwire_mock_set_api_versions(bench->mock, -1, LIST_OFFSETS, 0, 6, NULL);
	assert_int_equal(list(bench, KWIRE_OFFSET_MAX_TIMESTAMP, KWIRE_READ_UNCOMMITTED, &offset),
			 KWIRE_EUNSUPPORTED);
	assert_int_equal(asked(bench, LIST_OFFSETS), 0);
	assert_int_equal(list(bench, KWIRE_OFFSET_LATEST, KWIRE_READ_UNCOMMITTED, &offset), 0);
}

static void the_end_of_an_epoch_is_asked_of_the_leader(void **state)
{
	struct bench *bench = *state;
	struct kwire_epoch_end_offset end;

	assert_int_equal(kwire_offset_for_leader_epoch(bench->client, "t", 1, 9, 4, &end, NULL,
						       &bench->error),
			 0);
	assert_int_equal(bench->script.current_epoch, 9);
	assert_int_equal(bench->script.epoch, 4);
	assert_int_equal(bench->script.replica_id, -1);
	assert_int_equal(bench->script.broker_id, 2);
	assert_int_equal(end.leader_epoch, 3);
	assert_int_equal(end.end_offset, 77);
	bench->script.requests = 0;
	bench->script.codes[0] = 74;
	assert_int_equal(kwire_offset_for_leader_epoch(bench->client, "t", 1, 9, 4, &end, NULL,
						       &bench->error),
			 0);
	assert_int_equal(bench->script.requests, 2);
	/* Of a topic that there is not, any broker says so. */
	bench->script.requests = 0;
	bench->script.codes[0] = 3;
	assert_int_equal(kwire_offset_for_leader_epoch(bench->client, "none", 1, 9, 4, &end, NULL,
						       &bench->error),
			 KWIRE_EKAFKA);
}

static void an_answer_without_the_offset_is_an_answer(void **state)
{
	struct bench *bench = *state;
	struct kwire_listed_offset offset;
	struct kwire_epoch_end_offset end;

	bench->script.leave_out = true;
	assert_int_equal(list(bench, -1, KWIRE_READ_UNCOMMITTED, &offset), KWIRE_EPROTOCOL);
	assert_int_equal(bench->error.outcome, KWIRE_ANSWERED);
	assert_int_equal(kwire_offset_for_leader_epoch(bench->client, "t", 1, 9, 4, &end, NULL,
						       &bench->error),
			 KWIRE_EPROTOCOL);
	assert_int_equal(bench->error.outcome, KWIRE_ANSWERED);
}

static void what_needs_an_answer_is_not_sent_one_way(void **state)
{
	struct kwire_produce_options produce_options = KWIRE_PRODUCE_OPTIONS_INIT;
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct bench *bench = *state;
	struct kwire_listed_offset offset;
	struct kwire_epoch_end_offset end;

	options.flags = KWIRE_ONE_WAY;
	produce_options.flags = KWIRE_ONE_WAY;
	assert_int_equal(kwire_produce_batch(bench->client, "t", 1, bench->batch, &produce_options,
					     NULL, &bench->error),
			 KWIRE_EINVAL);
	assert_int_equal(kwire_list_offset(bench->client, "t", 1, -1, KWIRE_READ_UNCOMMITTED,
					   &offset, &options, &bench->error),
			 KWIRE_EINVAL);
	assert_int_equal(kwire_offset_for_leader_epoch(bench->client, "t", 1, 9, 4, &end, &options,
						       &bench->error),
			 KWIRE_EINVAL);
	assert_int_equal(asked(bench, PRODUCE) + asked(bench, LIST_OFFSETS), 0);
}

static int produce(struct bench *bench, int16_t acks, struct kwire_produced *produced)
{
	struct kwire_produce_options options = KWIRE_PRODUCE_OPTIONS_INIT;

	options.acks = acks;
	bench->script.requests = 0;
	return kwire_produce_batch(bench->client, "t", 1, bench->batch, &options, produced,
				   &bench->error);
}

static void a_batch_reaches_the_leader_as_it_is(void **state)
{
	struct bench *bench = *state;
	struct kwire_produced produced;

	for (int16_t acks = -1; acks <= 1; acks = (int16_t)(acks + 2)) {
		assert_int_equal(produce(bench, acks, &produced), 0);
		assert_int_equal(bench->script.acks, acks);
		assert_int_equal(bench->script.broker_id, 2);
		assert_int_equal(bench->script.records_size, bench->batch.size);
		assert_int_equal(produced.base_offset, 900);
		assert_int_equal(produced.append_time_ms, 5555);
	}
	assert_int_equal(produce(bench, 1, NULL), 0);
}

static void nobody_answers_acks_0(void **state)
{
	const struct kwire_mock_match match = kwire_mock_on(PRODUCE);
	struct bench *bench = *state;
	struct kwire_produced produced;

	assert_int_equal(produce(bench, 0, &produced), 0);
	assert_int_equal(produced.base_offset, -1);
	assert_int_equal(kwire_mock_wait(bench->mock, &match, 1, -1, NULL), 0);
	assert_int_equal(bench->script.acks, 0);
	/* The connection lives on. */
	assert_int_equal(produce(bench, 1, &produced), 0);
}

static void only_what_cannot_have_been_written_is_repeated(void **state)
{
	static const struct {
		int16_t code, acks;
		bool sequenced;
		int requests;
	} cases[] = {
		{3, -1, false, 2}, {100, -1, false, 2}, {6, 1, false, 2},
		{6, -1, true, 2},  {6, -1, false, 1},   {7, -1, true, 1},
		{19, -1, true, 1}, {20, 1, false, 1},   {10, 1, false, 1},
	};
	struct bench *bench = *state;
	struct kwire_produced produced;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int result;

		assert_int_equal(build(bench, KWIRE_CODEC_NONE, cases[i].sequenced ? 1000 : -1), 0);
		bench->script.codes[0] = cases[i].code;
		result = produce(bench, cases[i].acks, &produced);
		assert_int_equal(result, cases[i].requests == 2 ? 0 : KWIRE_EKAFKA);
		if (result != 0) {
			assert_int_equal(bench->error.kafka_code, cases[i].code);
			assert_int_equal(bench->error.outcome, KWIRE_ANSWERED);
		}
		assert_int_equal(bench->script.requests, cases[i].requests);
	}
	/* A second refusal is the end. */
	bench->script.codes[0] = bench->script.codes[1] = 3;
	assert_int_equal(produce(bench, -1, &produced), KWIRE_EKAFKA);
	assert_int_equal(bench->script.requests, 2);
}

static void a_repeat_that_stays_unsent_does_not_hide_the_first_try(void **state)
{
	struct kwire_produce_options options = KWIRE_PRODUCE_OPTIONS_INIT;
	struct kwire_mock_match match = KWIRE_MOCK_MATCH_INIT;
	struct kwire_mock_fault refuse = KWIRE_MOCK_FAULT_INIT;
	struct bench *bench = *state;
	struct kwire_listed_offset offset;
	int rule;

	/* The leader is known; it steps down at the first try, and its follower is out of reach. */
	options.timeout_ms = 300;
	match.broker_id = 3;
	refuse.kind = KWIRE_MOCK_REFUSE_FAULT;
	assert_int_equal(build(bench, KWIRE_CODEC_NONE, 1000), 0);
	for (int16_t acks = -1; acks <= 1; acks = (int16_t)(acks + 2)) {
		assert_int_equal(kwire_mock_set_leader(bench->mock, "t", 1, 2, NULL), 0);
		assert_int_equal(list(bench, -1, KWIRE_READ_UNCOMMITTED, &offset), 0);
		assert_int_equal(kwire_mock_set_leader(bench->mock, "t", 1, 3, NULL), 0);
		assert_int_equal(kwire_mock_break(bench->mock, &match, &refuse, &rule, NULL), 0);
		assert_int_equal(kwire_mock_disconnect(bench->mock, 3, NULL), 0);
		bench->script.requests = 0;
		bench->script.codes[0] = 6;
		options.acks = acks;
		assert_int_not_equal(kwire_produce_batch(bench->client, "t", 1, bench->batch,
							 &options, NULL, &bench->error),
				     0);
		assert_int_equal(bench->error.outcome,
				 acks == -1 ? KWIRE_MAYBE_APPLIED : KWIRE_NOT_SENT);
		assert_int_equal(kwire_mock_mend(bench->mock, rule, NULL), 0);
	}
}

static void an_answer_that_never_comes_is_not_repeated(void **state)
{
	const struct kwire_mock_match match = kwire_mock_on(PRODUCE);
	struct kwire_mock_fault fault = KWIRE_MOCK_FAULT_INIT;
	struct bench *bench = *state;
	struct kwire_produced produced;

	fault.kind = KWIRE_MOCK_RESET_FAULT;
	assert_int_equal(kwire_mock_break(bench->mock, &match, &fault, NULL, NULL), 0);
	assert_int_equal(produce(bench, -1, &produced), KWIRE_EDISCONNECTED);
	assert_int_equal(bench->error.outcome, KWIRE_MAYBE_APPLIED);
	assert_int_equal(asked(bench, PRODUCE), 1);
}

static void versions_are_bound_by_codec_transaction_and_topic_id(void **state)
{
	struct kwire_produce_options options = KWIRE_PRODUCE_OPTIONS_INIT;
	struct bench *bench = *state;

	assert_int_equal(produce(bench, 1, NULL), 0);
	assert_true(bench->script.version >= 13);
	assert_int_equal(build(bench, KWIRE_CODEC_NONE, 1000), 0);
	options.transactional_id = "id";
	assert_int_equal(kwire_produce_batch(bench->client, "t", 1, bench->batch, &options, NULL,
					     &bench->error),
			 0);
	assert_true(bench->script.transactional);
	assert_int_equal(bench->script.version, 11);
	if (!kwire_codec_built(KWIRE_CODEC_ZSTD))
		return;
	kwire_mock_set_api_versions(bench->mock, -1, PRODUCE, 0, 6, NULL);
	kwire_client_close(bench->client);
	assert_int_equal(kwire_client_open(bench->config, &bench->client, NULL), 0);
	assert_int_equal(build(bench, KWIRE_CODEC_ZSTD, -1), 0);
	assert_int_equal(produce(bench, 1, NULL), KWIRE_EUNSUPPORTED);
	assert_int_equal(bench->error.outcome, KWIRE_NOT_SENT);
}

static void what_is_not_one_batch_is_refused(void **state)
{
	struct bench *bench = *state;
	const struct kwire_bytes null = {NULL, 0};

	bench->batch.size--;
	assert_int_equal(produce(bench, 1, NULL), KWIRE_EINVAL);
	bench->batch = null;
	assert_int_equal(produce(bench, 1, NULL), KWIRE_EINVAL);
	assert_int_equal(build(bench, KWIRE_CODEC_NONE, -1), 0);
	assert_int_equal(produce(bench, 2, NULL), KWIRE_EINVAL);
	assert_int_equal(asked(bench, PRODUCE), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(an_offset_is_asked_of_the_leader_as_a_client),
		TEST(an_offset_is_asked_again_of_a_new_leader),
		TEST(a_broker_too_old_for_max_timestamp_is_not_asked),
		TEST(the_end_of_an_epoch_is_asked_of_the_leader),
		TEST(an_answer_without_the_offset_is_an_answer),
		TEST(what_needs_an_answer_is_not_sent_one_way),
		TEST(a_batch_reaches_the_leader_as_it_is),
		TEST(nobody_answers_acks_0),
		TEST(only_what_cannot_have_been_written_is_repeated),
		TEST(a_repeat_that_stays_unsent_does_not_hide_the_first_try),
		TEST(an_answer_that_never_comes_is_not_repeated),
		TEST(versions_are_bound_by_codec_transaction_and_topic_id),
		TEST(what_is_not_one_batch_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
