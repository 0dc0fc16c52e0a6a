/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client's picture of a real cluster: its brokers, calls to each of them by
 * id, handles, bootstrap lists.
 */
#include "cluster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kwire/api/describe_cluster.h>
#include <kwire/api/describe_configs.h>
#include <kwire/api/metadata.h>

static int setup(void **state)
{
	*state = cluster_client();
	return 0;
}

static int teardown(void **state)
{
	kwire_client_close(*state);
	return 0;
}

/* Asks for broker `about`'s configuration; a broker answers that for itself only. */
static int16_t config_of(struct kwire_client *client, int32_t about, int32_t to)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_describe_configs_request request = KWIRE_DESCRIBE_CONFIGS_REQUEST_INIT;
	struct kwire_describe_configs_request_resource resource =
		KWIRE_DESCRIBE_CONFIGS_REQUEST_RESOURCE_INIT;
	struct kwire_describe_configs_response *response = NULL;
	char name[16];
	int16_t code;

	snprintf(name, sizeof(name), "%d", about);
	resource.resource_type = 4; /* a broker */
	resource.resource_name = kwire_string(name);
	resource.configuration_keys.count = -1;
	request.resources.items = &resource;
	request.resources.count = 1;
	options.broker_id = to;
	must(kwire_send_describe_configs_with(client, &request, &response, &options, &error),
	     &error);
	assert_int_equal(response->results.count, 1);
	code = response->results.items[0].error_code;
	if (code == NONE) {
		bool found = false;

		for (int32_t i = 0; i < response->results.items[0].configs.count; i++)
			if (kwire_string_equal(response->results.items[0].configs.items[i].name,
					       "node.id"))
				found = kwire_string_equal(
					response->results.items[0].configs.items[i].value, name);
		assert_true(found);
	}
	kwire_response_free(response);
	return code;
}

static void the_brokers_are_those_of_the_cluster(void **state)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_broker_info brokers[8];
	int count = 0;

	must(kwire_client_brokers(*state, brokers, 8, &count, &error), &error);
	assert_int_equal(count, CLUSTER_NODES);
	for (int i = 0; i < count; i++) {
		char host[64];
		char rack[16];
		int port;

		cluster_node(NULL, i, host, &port);
		snprintf(rack, sizeof(rack), "rack-%d", i + 1);
		assert_int_equal(brokers[i].node_id, i + 1);
		assert_string_equal(brokers[i].host, host);
		assert_int_equal(brokers[i].port, port);
		assert_string_equal(brokers[i].rack, rack);
	}
}

static void a_list_too_short_is_filled_and_the_count_still_whole(void **state)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_broker_info brokers[2];
	int count = 0;

	must(kwire_client_brokers(*state, brokers, 2, &count, &error), &error);
	assert_int_equal(count, CLUSTER_NODES);
	assert_int_equal(brokers[1].node_id, 2);
}

static void a_call_by_id_reaches_that_broker_and_no_other(void **state)
{
	for (int32_t node = 1; node <= CLUSTER_NODES; node++) {
		assert_true(kwire_client_knows_broker(*state, node));
		must_answer(config_of(*state, node, node), NONE);
		must_answer(config_of(*state, node % CLUSTER_NODES + 1, node), INVALID_REQUEST);
	}
}

static void an_id_that_the_cluster_lacks_is_an_error_of_its_own(void **state)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
	struct kwire_metadata_response *response = NULL;

	options.broker_id = 99;
	assert_int_equal(kwire_send_metadata_with(*state, &request, &response, &options, &error),
			 KWIRE_EBROKER);
	assert_int_equal(error.outcome, KWIRE_NOT_SENT);
	assert_false(kwire_client_knows_broker(*state, 99));
}

static void a_handle_sends_to_its_broker_and_knows_its_versions(void **state)
{
	for (int32_t node = 1; node <= CLUSTER_NODES; node++) {
		struct kwire_error error = KWIRE_ERROR_INIT;
		struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
		struct kwire_versions *versions = NULL;
		struct kwire_broker *broker = NULL;
		struct kwire_broker_info info;
		void *response = NULL;

		must(kwire_client_broker(*state, node, &broker, &error), &error);
		kwire_broker_info(broker, &info);
		assert_int_equal(info.node_id, node);
		must(kwire_broker_versions(broker, -1, &versions, &error), &error);
		assert_in_range(kwire_versions_count(versions), 50, 120);
		kwire_versions_free(versions);
		must(kwire_broker_send(broker, &kwire_metadata_api, &request, &response, NULL,
				       &error),
		     &error);
		assert_int_equal(((struct kwire_metadata_response *)response)->brokers.count,
				 CLUSTER_NODES);
		kwire_response_free(response);
		kwire_broker_put(broker);
	}
}

static void an_evicted_broker_is_dialed_again(void **state)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_broker *broker = NULL;

	must(kwire_client_broker(*state, 2, &broker, &error), &error);
	for (int i = 0; i < 3; i++) {
		kwire_broker_evict(broker);
		must_answer(config_of(*state, 2, 2), NONE);
	}
	kwire_broker_put(broker);
}

static void the_cluster_describes_itself(void **state)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_describe_cluster_request request = KWIRE_DESCRIBE_CLUSTER_REQUEST_INIT;
	struct kwire_describe_cluster_response *response = NULL;
	const char *id = getenv("KWIRE_CLUSTER_ID");

	must(kwire_send_describe_cluster(*state, &request, &response, &error), &error);
	must_answer(response->error_code, NONE);
	assert_int_equal(response->brokers.count, CLUSTER_NODES);
	assert_int_equal(response->cluster_id.size, 22);
	if (id != NULL)
		assert_true(kwire_string_equal(response->cluster_id, id));
	assert_in_range(response->controller_id, 1, CLUSTER_NODES);
	kwire_response_free(response);
}

static void a_refresh_finds_the_same_brokers(void **state)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_broker_info brokers[8];
	int count = 0;

	must(kwire_client_refresh(*state, -1, &error), &error);
	must(kwire_client_brokers(*state, brokers, 8, &count, &error), &error);
	assert_int_equal(count, CLUSTER_NODES);
}

static void connecting_at_the_start_reaches_a_broker(void **state)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_client *client = cluster_client();

	(void)state;
	must(kwire_client_connect(client, 10000, &error), &error);
	kwire_client_close(client);
}

/* A client whose bootstrap list is `list`. */
static struct kwire_client *client_of(const char *list)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_config *config = kwire_config_new();
	struct kwire_client *client = NULL;

	must(kwire_config_set(config, "bootstrap.servers", list, &error), &error);
	must(kwire_client_open(config, &client, &error), &error);
	kwire_config_free(config);
	return client;
}

static void one_good_entry_of_a_bootstrap_list_is_enough(void **state)
{
	char list[160];
	char host[64];
	int port;

	(void)state;
	cluster_node(NULL, 2, host, &port);
	for (int turn = 0; turn < 4; turn++) { /* lists are tried in any order */
		struct kwire_error error = KWIRE_ERROR_INIT;
		struct kwire_broker_info brokers[8];
		struct kwire_client *client;
		int count = 0;

		/* Port 1 refuses. */
		snprintf(list, sizeof(list), "127.0.0.1:1,%s:%d,localhost:1", host, port);
		client = client_of(list);
		must(kwire_client_brokers(client, brokers, 8, &count, &error), &error);
		assert_int_equal(count, CLUSTER_NODES);
		must_answer(config_of(client, 1, 1), NONE);
		kwire_client_close(client);
	}
}

static void a_name_that_resolves_to_more_than_the_broker_listens_on_works(void **state)
{
	struct kwire_client *client;
	char list[96];
	char host[64];
	int port;

	(void)state;
	cluster_node(NULL, 0, host, &port);
	snprintf(list, sizeof(list), "localhost:%d", port); /* ::1 may come first, and refuses */
	client = client_of(list);
	must_answer(config_of(client, 3, 3), NONE);
	kwire_client_close(client);
}

static void a_bootstrap_list_that_nobody_listens_on_fails_soon_and_says_so(void **state)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_client *client = client_of("127.0.0.1:1");

	(void)state;
	assert_int_equal(kwire_client_connect(client, 5000, &error), KWIRE_ECONNECT);
	assert_int_equal(error.outcome, KWIRE_NOT_SENT);
	assert_non_null(strstr(error.message, "127.0.0.1"));
	kwire_client_close(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_brokers_are_those_of_the_cluster),
		cmocka_unit_test(a_list_too_short_is_filled_and_the_count_still_whole),
		cmocka_unit_test(a_call_by_id_reaches_that_broker_and_no_other),
		cmocka_unit_test(an_id_that_the_cluster_lacks_is_an_error_of_its_own),
		cmocka_unit_test(a_handle_sends_to_its_broker_and_knows_its_versions),
		cmocka_unit_test(an_evicted_broker_is_dialed_again),
		cmocka_unit_test(the_cluster_describes_itself),
		cmocka_unit_test(a_refresh_finds_the_same_brokers),
		cmocka_unit_test(connecting_at_the_start_reaches_a_broker),
		cmocka_unit_test(one_good_entry_of_a_bootstrap_list_is_enough),
		cmocka_unit_test(a_name_that_resolves_to_more_than_the_broker_listens_on_works),
		cmocka_unit_test(a_bootstrap_list_that_nobody_listens_on_fails_soon_and_says_so),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
