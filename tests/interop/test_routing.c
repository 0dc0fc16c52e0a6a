/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routing on a real cluster: every API that is meant for clients is sent
 * without naming a broker, and answered by one that it is for; requests that
 * concern all three brokers; leaders moved and coordinators lost.
 */
#include "cluster.h"

#include <string.h>

#include <kwire/api/alter_partition_reassignments.h>
#include <kwire/api/describe_configs.h>
#include <kwire/api/elect_leaders.h>
#include <kwire/api/list_groups.h>
#include <kwire/api/list_offsets.h>
#include <kwire/api/metadata.h>
#include <kwire/api/offset_commit.h>
#include <kwire/api/offset_fetch.h>
#include <kwire/api/produce.h>
#include <kwire/observe.h>
#include <kwire/records.h>

#include "../support/api_calls.h"

enum {
	PARTITIONS = 30,
	TOPICS = 10,
	GROUPS = 12,
};

static struct kwire_client *client;
static char topic[64];

static int setup(void **state)
{
	(void)state;
	client = cluster_client();
	cluster_name(topic, "routing");
	cluster_create_topic(client, topic, PARTITIONS, 3);
	/* The coordinators' own topics are made when they are first needed. */
	cluster_coordinator(client, topic, 0);
	cluster_coordinator(client, topic, 1);
	return 0;
}

static int teardown(void **state)
{
	int result = cluster_heal(state);

	kwire_client_close(client);
	return result;
}

static void every_api_finds_a_broker_that_it_is_for(void **state)
{
	int called;

	(void)state;
	called = call_every_api(client, topic, false);
	assert_true(called >= (cluster_at_least(4, 0) ? 50 : 40));
}

/* --- what concerns several brokers -------------------------------------- */

static void offsets_of_300_partitions_are_listed_in_order(void **state)
{
	static struct kwire_list_offsets_request_topic_partition partitions[TOPICS][PARTITIONS];
	static const struct kwire_list_offsets_request_topic_partition one =
		KWIRE_LIST_OFFSETS_REQUEST_TOPIC_PARTITION_INIT;
	static const struct kwire_list_offsets_request_topic blank =
		KWIRE_LIST_OFFSETS_REQUEST_TOPIC_INIT;
	struct kwire_list_offsets_request_topic topics[TOPICS];
	struct kwire_list_offsets_request request = KWIRE_LIST_OFFSETS_REQUEST_INIT;
	struct kwire_list_offsets_response *response = NULL;
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_shards *shards = NULL;
	char names[TOPICS][64];

	(void)state;
	request.replica_id = -1;
	request.topics.items = topics;
	request.topics.count = TOPICS;
	for (int i = 0; i < TOPICS; i++) {
		cluster_name(names[i], "offsets");
		cluster_create_topic(client, names[i], PARTITIONS, 1);
		topics[i] = blank;
		topics[i].name = kwire_string(names[i]);
		topics[i].partitions.items = partitions[i];
		topics[i].partitions.count = PARTITIONS;
		for (int k = 0; k < PARTITIONS; k++) {
			partitions[i][k] = one;
			partitions[i][k].partition_index = (k * 7) % PARTITIONS;
			partitions[i][k].timestamp = -1;
		}
	}
	must(kwire_send_list_offsets(client, &request, &response, &error), &error);
	assert_int_equal(response->topics.count, TOPICS);
	for (int i = 0; i < TOPICS; i++) {
		assert_true(kwire_string_equal(response->topics.items[i].name, names[i]));
		assert_int_equal(response->topics.items[i].partitions.count, PARTITIONS);
		for (int k = 0; k < PARTITIONS; k++) {
			const struct kwire_list_offsets_response_topic_partition
				*found = &response->topics.items[i].partitions.items[k];

			assert_int_equal(found->partition_index, (k * 7) % PARTITIONS);
			must_answer(found->error_code, NONE);
			assert_int_equal(found->offset, 0);
		}
	}
	kwire_response_free(response);
	must(kwire_send_sharded(client, &kwire_list_offsets_api, &request, &shards, NULL, &error),
	     &error);
	assert_int_equal(shards->count, CLUSTER_NODES);
	kwire_shards_free(shards);
	for (int i = 0; i < TOPICS; i++)
		cluster_delete_topic(client, names[i]);
}

static void thirty_partitions_are_produced_to_in_one_call(void **state)
{
	static const struct kwire_produce_request_topic_data_partition_data blank =
		KWIRE_PRODUCE_REQUEST_TOPIC_DATA_PARTITION_DATA_INIT;
	struct kwire_produce_request_topic_data_partition_data parts[PARTITIONS];
	struct kwire_produce_request_topic_data data = KWIRE_PRODUCE_REQUEST_TOPIC_DATA_INIT;
	struct kwire_produce_request request = KWIRE_PRODUCE_REQUEST_INIT;
	struct kwire_produce_response *response = NULL;
	struct kwire_batch_builder *builder = NULL;
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_bytes batch;

	(void)state;
	must(kwire_batch_builder_new(NULL, &builder, &error), &error);
	must(kwire_batch_builder_begin(builder, NULL, &error), &error);
	must(kwire_batch_builder_add(builder, 1, kwire_bytes_of(NULL, 0), kwire_bytes_of("x", 1),
				     NULL, 0, &error),
	     &error);
	must(kwire_batch_builder_end(builder, &batch, &error), &error);
	for (int i = 0; i < PARTITIONS; i++) {
		parts[i] = blank;
		parts[i].index = PARTITIONS - 1 - i;
		parts[i].records = batch;
	}
	data.name = kwire_string(topic);
	data.partition_data.items = parts;
	data.partition_data.count = PARTITIONS;
	request.acks = -1;
	request.timeout_ms = 10000;
	request.topic_data.items = &data;
	request.topic_data.count = 1;
	must(kwire_send_produce(client, &request, &response, &error), &error);
	assert_int_equal(response->responses.items[0].partition_responses.count, PARTITIONS);
	for (int i = 0; i < PARTITIONS; i++) {
		const struct kwire_produce_response_response_partition_response
			*one = &response->responses.items[0].partition_responses.items[i];

		assert_int_equal(one->index, PARTITIONS - 1 - i);
		must_answer(one->error_code, NONE);
	}
	kwire_response_free(response);
	kwire_batch_builder_free(builder);
}

static char groups[GROUPS][64];

static void commit(const char *group, int64_t offset)
{
	struct kwire_offset_commit_request_topic_partition partition =
		KWIRE_OFFSET_COMMIT_REQUEST_TOPIC_PARTITION_INIT;
	struct kwire_offset_commit_request_topic about = KWIRE_OFFSET_COMMIT_REQUEST_TOPIC_INIT;
	struct kwire_offset_commit_request request = KWIRE_OFFSET_COMMIT_REQUEST_INIT;
	struct kwire_offset_commit_response *response = NULL;
	struct kwire_error error = KWIRE_ERROR_INIT;

	partition.committed_offset = offset;
	about.name = kwire_string(topic);
	about.partitions.items = &partition;
	about.partitions.count = 1;
	request.group_id = kwire_string(group);
	request.topics.items = &about;
	request.topics.count = 1;
	must(kwire_send_offset_commit(client, &request, &response, &error), &error);
	must_answer(response->topics.items[0].partitions.items[0].error_code, NONE);
	kwire_response_free(response);
}

static void check_groups(void)
{
	static const struct kwire_offset_fetch_request_group blank =
		KWIRE_OFFSET_FETCH_REQUEST_GROUP_INIT;
	struct kwire_offset_fetch_request_group items[GROUPS];
	struct kwire_offset_fetch_request request = KWIRE_OFFSET_FETCH_REQUEST_INIT;
	struct kwire_offset_fetch_response *response = NULL;
	struct kwire_error error = KWIRE_ERROR_INIT;

	request.groups.items = items;
	request.groups.count = GROUPS;
	for (int i = 0; i < GROUPS; i++) {
		items[i] = blank;
		items[i].group_id = kwire_string(groups[i]);
		items[i].topics.count = -1;
	}
	must(kwire_send_offset_fetch(client, &request, &response, &error), &error);
	assert_int_equal(response->groups.count, GROUPS);
	for (int i = 0; i < GROUPS; i++) {
		const struct kwire_offset_fetch_response_group *group = &response->groups.items[i];

		assert_true(kwire_string_equal(group->group_id, groups[i]));
		must_answer(group->error_code, NONE);
		assert_int_equal(group->topics.count, 1);
		assert_true(kwire_string_equal(group->topics.items[0].name, topic));
		assert_int_equal(group->topics.items[0].partitions.items[0].committed_offset, i);
	}
	kwire_response_free(response);
}

static void groups_of_three_coordinators_are_asked_in_one_call(void **state)
{
	struct kwire_list_groups_request request = KWIRE_LIST_GROUPS_REQUEST_INIT;
	struct kwire_list_groups_response *response = NULL;
	struct kwire_error error = KWIRE_ERROR_INIT;
	unsigned nodes = 0;

	(void)state;
	for (int i = 0; i < GROUPS; i++) {
		cluster_name(groups[i], "group");
		nodes |= 1U << cluster_coordinator(client, groups[i], 0);
		commit(groups[i], i);
	}
	assert_int_equal(nodes, 1U << 1 | 1U << 2 | 1U << 3);
	check_groups();

	must(kwire_send_list_groups(client, &request, &response, &error), &error);
	for (int i = 0; i < GROUPS; i++) {
		int seen = 0;

		for (int k = 0; k < response->groups.count; k++)
			seen += kwire_string_equal(response->groups.items[k].group_id, groups[i]);
		assert_int_equal(seen, 1);
	}
	kwire_response_free(response);
}

static void configurations_of_brokers_and_a_topic_come_in_one_answer(void **state)
{
	static const struct kwire_describe_configs_request_resource blank =
		KWIRE_DESCRIBE_CONFIGS_REQUEST_RESOURCE_INIT;
	struct kwire_describe_configs_request_resource resources[] = {blank, blank, blank, blank};
	const char *names[] = {"3", topic, "1", "2"};
	struct kwire_describe_configs_request request = KWIRE_DESCRIBE_CONFIGS_REQUEST_INIT;
	struct kwire_describe_configs_response *response = NULL;
	struct kwire_error error = KWIRE_ERROR_INIT;

	(void)state;
	for (int i = 0; i < 4; i++) {
		resources[i].resource_type = i == 1 ? 2 : 4;
		resources[i].resource_name = kwire_string(names[i]);
		resources[i].configuration_keys.count = -1;
	}
	request.resources.items = resources;
	request.resources.count = 4;
	must(kwire_send_describe_configs(client, &request, &response, &error), &error);
	assert_int_equal(response->results.count, 4);
	for (int i = 0; i < 4; i++) {
		must_answer(response->results.items[i].error_code, NONE);
		assert_true(kwire_string_equal(response->results.items[i].resource_name, names[i]));
		assert_true(response->results.items[i].configs.count > 10);
	}
	kwire_response_free(response);
}

/* --- what moves --------------------------------------------------------- */

static void list_all(void)
{
	static const struct kwire_list_offsets_request_topic_partition one =
		KWIRE_LIST_OFFSETS_REQUEST_TOPIC_PARTITION_INIT;
	struct kwire_list_offsets_request_topic_partition partitions[PARTITIONS];
	struct kwire_list_offsets_request_topic about = KWIRE_LIST_OFFSETS_REQUEST_TOPIC_INIT;
	struct kwire_list_offsets_request request = KWIRE_LIST_OFFSETS_REQUEST_INIT;
	struct kwire_list_offsets_response *response = NULL;
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_error error = KWIRE_ERROR_INIT;

	request.replica_id = -1;
	request.topics.items = &about;
	request.topics.count = 1;
	about.name = kwire_string(topic);
	about.partitions.items = partitions;
	about.partitions.count = PARTITIONS;
	for (int i = 0; i < PARTITIONS; i++) {
		partitions[i] = one;
		partitions[i].partition_index = i;
		partitions[i].timestamp = -1;
	}
	options.timeout_ms = 60000;
	must(kwire_send_list_offsets_with(client, &request, &response, &options, &error), &error);
	assert_int_equal(response->topics.items[0].partitions.count, PARTITIONS);
	for (int i = 0; i < PARTITIONS; i++)
		must_answer(response->topics.items[0].partitions.items[i].error_code, NONE);
	kwire_response_free(response);
}

/* Gives each partition the order of replicas that begins with its leader's neighbour. */
static void reorder_replicas(struct kwire_client *other, int32_t *leaders)
{
	static const struct kwire_alter_partition_reassignments_request_topic_partition one =
		KWIRE_ALTER_PARTITION_REASSIGNMENTS_REQUEST_TOPIC_PARTITION_INIT;
	struct kwire_alter_partition_reassignments_request_topic_partition items[PARTITIONS];
	struct kwire_alter_partition_reassignments_request_topic about =
		KWIRE_ALTER_PARTITION_REASSIGNMENTS_REQUEST_TOPIC_INIT;
	struct kwire_alter_partition_reassignments_request request =
		KWIRE_ALTER_PARTITION_REASSIGNMENTS_REQUEST_INIT;
	struct kwire_alter_partition_reassignments_response *response = NULL;
	struct kwire_error error = KWIRE_ERROR_INIT;
	int32_t replicas[PARTITIONS][CLUSTER_NODES];

	for (int i = 0; i < PARTITIONS; i++) {
		leaders[i] = cluster_leader(other, topic, i, NULL);
		for (int k = 0; k < CLUSTER_NODES; k++)
			replicas[i][k] = (leaders[i] + k) % CLUSTER_NODES + 1;
		items[i] = one;
		items[i].partition_index = i;
		items[i].replicas.items = replicas[i];
		items[i].replicas.count = CLUSTER_NODES;
	}
	about.name = kwire_string(topic);
	about.partitions.items = items;
	about.partitions.count = PARTITIONS;
	request.topics.items = &about;
	request.topics.count = 1;
	must(kwire_send_alter_partition_reassignments(other, &request, &response, &error), &error);
	must_answer(response->error_code, NONE);
	kwire_response_free(response);
}

/* Has the first replica of each partition lead it. */
static void elect_the_first(struct kwire_client *other)
{
	struct kwire_elect_leaders_request_topic_partition about =
		KWIRE_ELECT_LEADERS_REQUEST_TOPIC_PARTITION_INIT;
	struct kwire_elect_leaders_request request = KWIRE_ELECT_LEADERS_REQUEST_INIT;
	struct kwire_elect_leaders_response *response = NULL;
	struct kwire_error error = KWIRE_ERROR_INIT;
	int32_t partitions[PARTITIONS];

	for (int i = 0; i < PARTITIONS; i++)
		partitions[i] = i;
	about.topic = kwire_string(topic);
	about.partitions.items = partitions;
	about.partitions.count = PARTITIONS;
	request.topic_partitions.items = &about;
	request.topic_partitions.count = 1;
	request.timeout_ms = 10000;
	must(kwire_send_elect_leaders(other, &request, &response, &error), &error);
	must_answer(response->error_code, NONE);
	kwire_response_free(response);
}

static int requests_of(struct kwire_client *counted)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_stats *stats = NULL;
	int requests;

	must(kwire_client_stats(counted, &stats, &error), &error);
	requests = (int)stats->total.requests;
	kwire_stats_free(stats);
	return requests;
}

/* All leaders move while all brokers live: every piece is refused, and asked for once more. */
static void calls_follow_leaders_that_moved(void **state)
{
	struct kwire_config *config = cluster_config();
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct cluster_patience patience = {0};
	struct kwire_client *other = client;
	int32_t leaders[PARTITIONS];
	int before, known, cost;
	bool moved = false;

	(void)state;
	must(kwire_config_keep_stats(config, &error), &error);
	must(kwire_client_open(config, &client, &error), &error);
	kwire_config_free(config);
	list_all();
	before = requests_of(client);
	list_all();
	known = requests_of(client) - before;
	reorder_replicas(other, leaders);
	while (!moved) {
		assert_true(cluster_again(&patience));
		elect_the_first(other);
		moved = true;
		for (int i = 0; i < PARTITIONS; i++)
			moved = moved && cluster_leader(other, topic, i, NULL) != leaders[i];
	}
	/* A broker may be late to know that it leads no more, and answers until then. */
	do {
		assert_true(cluster_again(&patience));
		before = requests_of(client);
		list_all();
		cost = requests_of(client) - before;
	} while (cost == known);
	print_message("%d requests with leaders known, %d after all have moved\n", known, cost);
	assert_int_equal(known, CLUSTER_NODES);
	/* Refused, looked up, asked again. */
	assert_in_range(cost, known + 2, 5 * known);
	kwire_client_close(client);
	client = other;
}

/* A node is killed between two calls: its partitions and groups are others' then. */
static void calls_succeed_after_a_broker_was_killed(void **state)
{
	(void)state;
	list_all();
	check_groups();
	cluster_node_command("kill", 2);
	list_all();
	check_groups();
	cluster_node_command("restart", 2);
	list_all();
	check_groups();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_api_finds_a_broker_that_it_is_for),
		cmocka_unit_test(offsets_of_300_partitions_are_listed_in_order),
		cmocka_unit_test(thirty_partitions_are_produced_to_in_one_call),
		cmocka_unit_test(groups_of_three_coordinators_are_asked_in_one_call),
		cmocka_unit_test(configurations_of_brokers_and_a_topic_come_in_one_answer),
		cmocka_unit_test(calls_follow_leaders_that_moved),
		cmocka_unit_test_teardown(calls_succeed_after_a_broker_was_killed, cluster_heal),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
