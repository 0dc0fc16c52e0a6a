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
#include <kwire/api/list_groups.h>
#include <kwire/client.h>
#include <kwire/mock.h>

enum {
	LIST_GROUPS = 16
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
		TEST(nothing_starts_without_a_place_for_the_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
