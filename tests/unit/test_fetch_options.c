/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of a fetch is what the broker is asked for: each option, in its field. */
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

/* What a broker saw of the last Fetch; written by the mock's thread before it answers. */
struct seen {
	struct kwire_fetch_request request;
	struct kwire_fetch_request_topic_partition partitions[4];
	int32_t count;
	int32_t broker_id;
	char rack[32];
};

struct bench {
	struct kwire_mock *mock;
	struct kwire_config *config;
	struct kwire_client *client;
	struct kwire_fetched *fetched;
	struct kwire_error error;
	struct seen seen;
};

static enum kwire_mock_verdict look(void *context, struct kwire_mock_request *request)
{
	const struct kwire_fetch_request *asked = request->message;
	struct seen *seen = context;

	seen->request = *asked;
	seen->broker_id = request->broker_id;
	snprintf(seen->rack, sizeof(seen->rack), "%.*s", (int)asked->rack_id.size,
		 asked->rack_id.data);
	seen->count = 0;
	for (int32_t t = 0; t < asked->topics.count; t++)
		for (int32_t p = 0; p < asked->topics.items[t].partitions.count; p++)
			seen->partitions[seen->count++ % 4] = asked->topics.items[t]
								      .partitions.items[p];
	return KWIRE_MOCK_PASS;
}

static int setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	const struct kwire_mock_match match = kwire_mock_on(1);

	if (bench == NULL || kwire_mock_open(NULL, &bench->mock, &bench->error) != 0 ||
	    kwire_mock_create_topic(bench->mock, "t", 2, &bench->error) != 0 ||
	    kwire_mock_set_leader(bench->mock, "t", 0, 2, &bench->error) != 0 ||
	    kwire_mock_set_leader(bench->mock, "t", 1, 2, &bench->error) != 0 ||
	    kwire_mock_append(bench->mock, "t", 0, "key", "value", &bench->error) != 0 ||
	    kwire_mock_script(bench->mock, &match, look, &bench->seen, NULL, &bench->error) != 0)
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

	kwire_fetched_free(bench->fetched);
	kwire_client_close(bench->client);
	kwire_config_free(bench->config);
	kwire_mock_close(bench->mock);
	free(bench);
	return 0;
}

static void what_is_not_said_has_its_default(void **state)
{
	struct bench *bench = *state;
	struct kwire_fetch_target target = KWIRE_FETCH_TARGET_INIT;

	target.topic = "t";
	assert_int_equal(kwire_fetch_partitions(bench->client, &target, 1, NULL, &bench->fetched,
						&bench->error),
			 0);
	assert_int_equal(bench->seen.broker_id, 2);
	assert_int_equal(bench->seen.request.max_wait_ms, 500);
	assert_int_equal(bench->seen.request.min_bytes, 1);
	assert_int_equal(bench->seen.request.max_bytes, 50 << 20);
	assert_int_equal(bench->seen.request.isolation_level, 0);
	assert_string_equal(bench->seen.rack, "");
	assert_int_equal(bench->seen.count, 1);
	assert_int_equal(bench->seen.partitions[0].partition_max_bytes, 1 << 20);
	assert_int_equal(bench->seen.partitions[0].current_leader_epoch, -1);
	assert_int_equal(bench->seen.partitions[0].last_fetched_epoch, -1);
	assert_int_equal(bench->seen.partitions[0].fetch_offset, 0);
}

static void every_option_is_in_its_field(void **state)
{
	struct bench *bench = *state;
	struct kwire_fetch_options options = KWIRE_FETCH_OPTIONS_INIT;
	struct kwire_fetch_target targets[2] = {KWIRE_FETCH_TARGET_INIT, KWIRE_FETCH_TARGET_INIT};

	options.max_wait_ms = 7;
	options.min_bytes = 2;
	options.max_bytes = 70000;
	options.partition_max_bytes = 30000;
	options.isolation = KWIRE_READ_COMMITTED;
	options.rack = "cellar";
	targets[0].topic = targets[1].topic = "t";
	targets[0].current_leader_epoch = 1; /* it was moved once */
	targets[1].partition = 1;
	targets[1].max_bytes = 500;
	assert_int_equal(kwire_fetch_partitions(bench->client, targets, 2, &options,
						&bench->fetched, &bench->error),
			 0);
	assert_int_equal(bench->seen.request.max_wait_ms, 7);
	assert_int_equal(bench->seen.request.min_bytes, 2);
	assert_int_equal(bench->seen.request.max_bytes, 70000);
	assert_int_equal(bench->seen.request.isolation_level, 1);
	assert_string_equal(bench->seen.rack, "cellar");
	assert_int_equal(bench->seen.count, 2);
	assert_int_equal(bench->seen.partitions[0].partition_max_bytes, 30000);
	assert_int_equal(bench->seen.partitions[0].current_leader_epoch, 1);
	assert_int_equal(bench->seen.partitions[1].partition_max_bytes, 500);
	assert_int_equal(bench->seen.partitions[1].current_leader_epoch, -1);

	targets[0].last_fetched_epoch = 0;
	targets[0].offset = 1;
	assert_int_equal(kwire_fetch_partitions(bench->client, targets, 1, &options,
						&bench->fetched, &bench->error),
			 0);
	assert_int_equal(bench->seen.partitions[0].fetch_offset, 1);
	assert_int_equal(bench->seen.partitions[0].last_fetched_epoch, 0);

	/* Another replica than the leader is asked where it is named. */
	options.broker_id = 3;
	(void)kwire_fetch_partitions(bench->client, targets, 1, &options, &bench->fetched,
				     &bench->error);
	assert_int_equal(bench->seen.broker_id, 3);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_is_not_said_has_its_default),
		TEST(every_option_is_in_its_field),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
