/* SPDX-License-Identifier: Apache-2.0 */
/* Whom the helpers of kwire/fetch.h ask, in which version, and when they ask again. */
#include "../support/fetch_bench.h"

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
		TEST(a_stale_leader_is_looked_up_and_asked_once_more),
		TEST(a_leader_that_stays_stale_is_an_error),
		TEST(a_refusal_outlives_a_repeat_that_is_not_answered),
		TEST(the_request_goes_to_the_new_leader),
		TEST(other_errors_are_returned_at_once),
		TEST(unknown_topics_and_partitions_are_errors),
		TEST(topics_go_by_id_where_the_version_wants_it),
		TEST(without_a_topic_id_versions_end_at_12),
		TEST(a_partition_without_leader_leaves_the_others_alone),
		TEST(what_was_fetched_does_not_wait_for_a_stale_partition),
		TEST(what_no_fetch_can_be_is_refused),
		TEST(partitions_of_two_leaders_are_fetched_together),
		TEST(the_preferred_replica_is_followed_and_left),
		TEST(a_fetch_on_a_connection_looks_nothing_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
