/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Brokers that stop answering, die and come back under a client's calls.  Runs
 * last, as it ends nodes of the cluster; each test leaves all of them running.
 */
#include "cluster.h"

#include <stdio.h>
#include <string.h>

#include <kwire/api/fetch.h>
#include <kwire/api/metadata.h>

static struct kwire_client *client;
static char topic_name[64];
static struct kwire_uuid topic_id;

static int setup(void **state)
{
	(void)state;
	client = cluster_client();
	cluster_name(topic_name, "failover");
	cluster_create_topic(client, topic_name, 6, 1);
	cluster_leader(client, topic_name, 0, &topic_id);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	kwire_client_close(client);
	return 0;
}

/* Starts a fetch that the broker answers only after `wait_ms`: nothing is in the topic. */
static struct kwire_call *start_long_poll(int32_t node, int32_t wait_ms, int64_t timeout_ms)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_fetch_request request = KWIRE_FETCH_REQUEST_INIT;
	struct kwire_fetch_request_topic topic = KWIRE_FETCH_REQUEST_TOPIC_INIT;
	struct kwire_fetch_request_topic_partition data = KWIRE_FETCH_REQUEST_TOPIC_PARTITION_INIT;
	struct kwire_call *call = NULL;

	while (cluster_leader(client, topic_name, data.partition, NULL) != node)
		data.partition++;
	data.partition_max_bytes = 1000;
	topic.topic_id = topic_id;
	topic.partitions.items = &data;
	topic.partitions.count = 1;
	request.max_wait_ms = wait_ms;
	request.min_bytes = 1;
	request.topics.items = &topic;
	request.topics.count = 1;
	options.broker_id = node;
	options.timeout_ms = timeout_ms;
	must(kwire_start(client, &kwire_fetch_api, &request, &options, &call, &error), &error);
	return call;
}

static int metadata_from(int32_t node, int64_t timeout_ms, unsigned flags,
			 struct kwire_error *error)
{
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
	struct kwire_metadata_response *response = NULL;
	int result;

	options.broker_id = node;
	options.timeout_ms = timeout_ms;
	options.flags = flags;
	result = kwire_send_metadata_with(client, &request, &response, &options, error);
	kwire_response_free(response);
	return result;
}

static void a_call_that_the_broker_holds_longer_than_its_deadline_times_out(void **state)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	int64_t begin = cluster_now_ms();
	struct kwire_call *call = start_long_poll(1, 3000, 300);
	void *response = NULL;

	(void)state;
	assert_int_equal(kwire_call_wait(call, -1, &response, &error), KWIRE_ETIMEDOUT);
	assert_int_equal(error.outcome, KWIRE_MAYBE_APPLIED);
	assert_int_equal(error.node_id, 1);
	assert_true(cluster_now_ms() - begin >= 300);
	kwire_call_free(call);
	/* The connection lives on, and the late answer goes to nobody. */
	must(metadata_from(1, 20000, 0, &error), &error);
}

static void a_broker_that_stands_still_costs_its_own_callers_only(void **state)
{
	struct kwire_error error = KWIRE_ERROR_INIT;

	(void)state;
	must(metadata_from(2, -1, 0, &error), &error);
	cluster_node_command("pause", 2);
	assert_int_equal(metadata_from(2, 500, 0, &error), KWIRE_ETIMEDOUT);
	assert_int_equal(error.outcome, KWIRE_MAYBE_APPLIED);
	must(metadata_from(1, 20000, 0, &error), &error);
	must(metadata_from(3, 20000, 0, &error), &error);
	cluster_node_command("resume", 2);
	must(metadata_from(2, 30000, KWIRE_WAIT, &error), &error);
}

static void a_dying_broker_fails_its_calls_in_flight_and_no_others(void **state)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_call *dying = start_long_poll(3, 60000, 120000);
	struct kwire_call *living = start_long_poll(1, 4000, 120000);
	void *response = NULL;
	int64_t begin;
	int result;

	(void)state;
	begin = cluster_now_ms();
	cluster_node_command("kill", 3);
	assert_int_equal(kwire_call_wait(dying, -1, &response, &error), KWIRE_EDISCONNECTED);
	assert_int_equal(error.outcome, KWIRE_MAYBE_APPLIED);
	assert_int_equal(error.node_id, 3);
	assert_null(response);
	assert_true(cluster_now_ms() - begin < 30000); /* long before its deadline */
	kwire_call_free(dying);
	must(kwire_call_wait(living, -1, &response, &error), &error);
	kwire_response_free(response);
	kwire_call_free(living);

	/*
	 * Nobody listens there, until the cluster knows it too and names it no
	 * more: nothing is sent, and the others answer.
	 */
	result = metadata_from(3, 5000, 0, &error);
	assert_true(result == KWIRE_ECONNECT || result == KWIRE_EBROKER);
	assert_int_equal(error.outcome, KWIRE_NOT_SENT);
	must(metadata_from(1, 20000, 0, &error), &error);
	must(metadata_from(2, 20000, 0, &error), &error);
	must(metadata_from(-1, 20000, 0, &error), &error);
	cluster_node_command("restart", 3);
	must(metadata_from(3, 30000, KWIRE_WAIT, &error), &error);
}

static void a_broker_that_comes_back_is_found_again_without_a_new_client(void **state)
{
	struct kwire_error error = KWIRE_ERROR_INIT;

	(void)state;
	for (int32_t node = 1; node <= 2; node++) {
		struct kwire_broker_info brokers[8];
		int count = 0;

		must(metadata_from(node, -1, KWIRE_WAIT, &error), &error);
		cluster_node_command("restart", node);
		must(metadata_from(node, 30000, KWIRE_WAIT, &error), &error);
		must(kwire_client_refresh(client, -1, &error), &error);
		must(kwire_client_brokers(client, brokers, 8, &count, &error), &error);
		assert_int_equal(count, CLUSTER_NODES);
	}
}

static void a_client_opened_while_a_broker_is_down_works(void **state)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
	struct kwire_metadata_response *response = NULL;
	struct kwire_client *other;

	(void)state;
	cluster_node_command("kill", 1);
	other = cluster_client();
	must(kwire_send_metadata(other, &request, &response, &error), &error);
	kwire_response_free(response);
	kwire_client_close(other);
	cluster_node_command("restart", 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(
			a_call_that_the_broker_holds_longer_than_its_deadline_times_out,
			cluster_heal),
		cmocka_unit_test_teardown(a_broker_that_stands_still_costs_its_own_callers_only,
					  cluster_heal),
		cmocka_unit_test_teardown(a_dying_broker_fails_its_calls_in_flight_and_no_others,
					  cluster_heal),
		cmocka_unit_test_teardown(
			a_broker_that_comes_back_is_found_again_without_a_new_client, cluster_heal),
		cmocka_unit_test_teardown(a_client_opened_while_a_broker_is_down_works,
					  cluster_heal),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
