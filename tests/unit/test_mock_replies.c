/* SPDX-License-Identifier: Apache-2.0 */
/* What a test may put in place of a broker's answer, and calls started on a named broker that get
 * it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <kwire/api/end_txn.h>
#include <kwire/api/fetch.h>
#include <kwire/api/list_groups.h>
#include <kwire/api/produce.h>
#include <kwire/client.h>
#include <kwire/mock.h>

enum {
	LIST_GROUPS = 16,
	/* codes */
	NOT_LEADER_OR_FOLLOWER = 6,
	OUT_OF_ORDER_SEQUENCE_NUMBER = 45,
	PRODUCER_FENCED = 90,
};

struct bench {
	struct kwire_mock *mock;
	struct kwire_config *config;
	struct kwire_client *client;
	struct kwire_broker *broker;
	struct kwire_error error;
};

static int setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	if (bench == NULL || kwire_mock_open(NULL, &bench->mock, &bench->error) != 0)
		return -1;
	bench->config = kwire_config_new();
	kwire_config_set(bench->config, "bootstrap.servers", kwire_mock_bootstrap(bench->mock),
			 NULL);
	*state = bench;
	if (kwire_client_open(bench->config, &bench->client, &bench->error) != 0)
		return -1;
	return kwire_client_broker(bench->client, 2, &bench->broker, &bench->error);
}

static int teardown(void **state)
{
	struct bench *bench = *state;

	kwire_broker_put(bench->broker);
	kwire_client_close(bench->client);
	kwire_config_free(bench->config);
	kwire_mock_close(bench->mock);
	free(bench);
	return 0;
}

/* Starts ListGroups on broker 2 and waits for what comes of it. */
static int ask(struct bench *bench, struct kwire_list_groups_response **response)
{
	struct kwire_list_groups_request request = KWIRE_LIST_GROUPS_REQUEST_INIT;
	struct kwire_call *call = NULL;
	void *message = NULL;
	int result;

	assert_int_equal(kwire_broker_start(bench->broker, &kwire_list_groups_api, &request, NULL,
					    &call, &bench->error),
			 0);
	result = kwire_call_wait(call, -1, &message, &bench->error);
	kwire_call_free(call);
	*response = message;
	return result;
}

static void a_struct_answers_each_matching_request(void **state)
{
	struct bench *bench = *state;
	struct kwire_list_groups_response_group group = KWIRE_LIST_GROUPS_RESPONSE_GROUP_INIT;
	struct kwire_list_groups_response canned = KWIRE_LIST_GROUPS_RESPONSE_INIT, *response;
	struct kwire_mock_match match = kwire_mock_on(LIST_GROUPS);

	group.group_id = KWIRE_STRING("made up");
	canned.groups.items = &group;
	canned.groups.count = 1;
	match.broker_id = 2;
	assert_int_equal(
		kwire_mock_script_response(bench->mock, &match, &canned, NULL, &bench->error), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(ask(bench, &response), 0);
		assert_int_equal(response->groups.count, 1);
		assert_string_equal(response->groups.items[0].group_id.data, "made up");
		kwire_response_free(response);
	}
}

static enum kwire_mock_verdict answer_raw(void *context, struct kwire_mock_request *request)
{
	/* A whole frame: length, correlation id, and a body cut short. */
	uint8_t frame[] = {0, 0, 0, 6, 0, 0, 0, 0, 0, 0};

	(void)context;
	for (int i = 0; i < 4; i++)
		frame[4 + i] = (uint8_t)((uint32_t)request->correlation_id >> (24 - 8 * i));
	return kwire_mock_reply_raw(request, frame, sizeof(frame), NULL) == 0 ? KWIRE_MOCK_DONE
									      : KWIRE_MOCK_PASS;
}

static void raw_bytes_are_sent_as_they_are(void **state)
{
	struct bench *bench = *state;
	const struct kwire_mock_match match = kwire_mock_on(LIST_GROUPS);
	struct kwire_list_groups_response *response;

	assert_int_equal(
		kwire_mock_script(bench->mock, &match, answer_raw, NULL, NULL, &bench->error), 0);
	assert_int_equal(ask(bench, &response), KWIRE_EDECODE);
	assert_null(response);
}

/* Has broker 2 answer one request of the API with the code. */
static void force(struct bench *bench, int16_t api_key, int16_t code)
{
	struct kwire_mock_match match = kwire_mock_on(api_key);

	match.count = 1;
	assert_int_equal(kwire_mock_script_error(bench->mock, &match, code, NULL, &bench->error),
			 0);
}

/* What goes along with a code elsewhere is not there: the topic, the transaction. */
static void a_code_may_be_of_what_is_not_there(void **state)
{
	struct kwire_produce_request_topic_data_partition_data data =
		KWIRE_PRODUCE_REQUEST_TOPIC_DATA_PARTITION_DATA_INIT;
	struct kwire_produce_request_topic_data produced = KWIRE_PRODUCE_REQUEST_TOPIC_DATA_INIT;
	struct kwire_fetch_request_topic_partition partition =
		KWIRE_FETCH_REQUEST_TOPIC_PARTITION_INIT;
	struct kwire_fetch_request_topic fetched = KWIRE_FETCH_REQUEST_TOPIC_INIT;
	struct kwire_produce_request produce = KWIRE_PRODUCE_REQUEST_INIT;
	struct kwire_fetch_request fetch = KWIRE_FETCH_REQUEST_INIT;
	struct kwire_end_txn_request end = KWIRE_END_TXN_REQUEST_INIT;
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_produce_response *of_produce = NULL;
	struct kwire_fetch_response *of_fetch = NULL;
	struct kwire_end_txn_response *of_end = NULL;
	struct bench *bench = *state;

	options.broker_id = 2;
	options.max_version = 12;
	produced.name = KWIRE_STRING("nowhere");
	produced.partition_data.items = &data;
	produced.partition_data.count = 1;
	data.records = kwire_bytes_of("", 0);
	produce.acks = 1;
	produce.topic_data.items = &produced;
	produce.topic_data.count = 1;
	for (int i = 0; i < 2; i++) {
		static const int16_t codes[] = {OUT_OF_ORDER_SEQUENCE_NUMBER,
						NOT_LEADER_OR_FOLLOWER};

		force(bench, kwire_produce_api.key, codes[i]);
		assert_int_equal(kwire_send_produce_with(bench->client, &produce, &of_produce,
							 &options, &bench->error),
				 0);
		assert_int_equal(
			of_produce->responses.items[0].partition_responses.items[0].error_code,
			codes[i]);
		kwire_response_free(of_produce);
	}

	fetched.topic = KWIRE_STRING("nowhere");
	fetched.partitions.items = &partition;
	fetched.partitions.count = 1;
	fetch.topics.items = &fetched;
	fetch.topics.count = 1;
	force(bench, kwire_fetch_api.key, NOT_LEADER_OR_FOLLOWER);
	assert_int_equal(
		kwire_send_fetch_with(bench->client, &fetch, &of_fetch, &options, &bench->error),
		0);
	assert_int_equal(of_fetch->responses.items[0].partitions.items[0].error_code,
			 NOT_LEADER_OR_FOLLOWER);
	assert_int_equal(of_fetch->responses.items[0].partitions.items[0].current_leader.leader_id,
			 -1);
	kwire_response_free(of_fetch);

	options.max_version = -1;
	end.transactional_id = KWIRE_STRING("nobody");
	force(bench, kwire_end_txn_api.key, PRODUCER_FENCED);
	assert_int_equal(
		kwire_send_end_txn_with(bench->client, &end, &of_end, &options, &bench->error), 0);
	assert_int_equal(of_end->error_code, PRODUCER_FENCED);
	kwire_response_free(of_end);
}

static void nothing_starts_without_a_place_for_the_call(void **state)
{
	struct bench *bench = *state;
	struct kwire_list_groups_request request = KWIRE_LIST_GROUPS_REQUEST_INIT;

	assert_int_equal(kwire_broker_start(bench->broker, &kwire_list_groups_api, &request, NULL,
					    NULL, &bench->error),
			 KWIRE_EINVAL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_struct_answers_each_matching_request),
		TEST(raw_bytes_are_sent_as_they_are),
		TEST(a_code_may_be_of_what_is_not_there),
		TEST(nothing_starts_without_a_place_for_the_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
