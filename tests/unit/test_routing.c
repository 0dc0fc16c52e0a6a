/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routed calls on the mock cluster: who is asked, in how many requests, what
 * is looked up again, and what comes back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <kwire/api/create_topics.h>
#include <kwire/api/delete_groups.h>
#include <kwire/api/describe_configs.h>
#include <kwire/api/describe_groups.h>
#include <kwire/api/fetch.h>
#include <kwire/api/find_coordinator.h>
#include <kwire/api/init_producer_id.h>
#include <kwire/api/list_groups.h>
#include <kwire/api/list_offsets.h>
#include <kwire/api/metadata.h>
#include <kwire/api/offset_commit.h>
#include <kwire/api/offset_fetch.h>
#include <kwire/api/produce.h>
#include <kwire/client.h>
#include <kwire/mock.h>
#include <kwire/records.h>

#include "../support/counting.h"

enum {
	PRODUCE = 0,
	FETCH = 1,
	LIST_OFFSETS = 2,
	METADATA = 3,
	OFFSET_COMMIT = 8,
	OFFSET_FETCH = 9,
	FIND_COORDINATOR = 10,
	LIST_GROUPS = 16,
	CREATE_TOPICS = 19,
	DESCRIBE_CONFIGS = 32,
	TOPICS = 10,
	PARTITIONS = 30,
	GROUPS = 12,
};

struct bench {
	struct kwire_mock *mock;
	struct kwire_config *config;
	struct kwire_client *client;
	struct kwire_error error;
};

static void open_cluster(struct bench *bench, int brokers)
{
	struct kwire_mock_options options = KWIRE_MOCK_OPTIONS_INIT;

	options.brokers = brokers;
	assert_int_equal(kwire_mock_open(&options, &bench->mock, &bench->error), 0);
	kwire_config_set(bench->config, "bootstrap.servers", kwire_mock_bootstrap(bench->mock),
			 NULL);
	kwire_config_set(bench->config, "reconnect.backoff.ms", "1", NULL);
	kwire_config_set(bench->config, "reconnect.backoff.max.ms", "10", NULL);
	assert_int_equal(kwire_client_open(bench->config, &bench->client, &bench->error), 0);
}

static int setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	bench->config = kwire_config_new();
	*state = bench;
	return 0;
}

static int teardown(void **state)
{
	struct bench *bench = *state;

	kwire_client_close(bench->client);
	kwire_config_free(bench->config);
	kwire_mock_close(bench->mock);
	free(bench);
	return 0;
}

static int count(struct bench *bench, int16_t api)
{
	struct kwire_mock_match match = kwire_mock_on(api);

	return (int)kwire_mock_count(bench->mock, &match);
}

static void must(int result, const struct kwire_error *error)
{
	if (result != 0)
		fail_msg("%s", error->message);
}

/* --- partitions --------------------------------------------------------- */

/* Ten topics of thirty partitions, asked for backwards. */
struct many {
	char names[TOPICS][16];
	struct kwire_list_offsets_request_topic topics[TOPICS];
	struct kwire_list_offsets_request_topic_partition partitions[TOPICS][PARTITIONS];
	struct kwire_list_offsets_request request;
};

static struct many *ask_for_many(struct bench *bench)
{
	static const struct kwire_list_offsets_request request = KWIRE_LIST_OFFSETS_REQUEST_INIT;
	static const struct kwire_list_offsets_request_topic topic =
		KWIRE_LIST_OFFSETS_REQUEST_TOPIC_INIT;
	static const struct kwire_list_offsets_request_topic_partition partition =
		KWIRE_LIST_OFFSETS_REQUEST_TOPIC_PARTITION_INIT;
	struct many *many = calloc(1, sizeof(*many));

	many->request = request;
	many->request.replica_id = -1;
	many->request.topics.items = many->topics;
	many->request.topics.count = TOPICS;
	for (int i = 0; i < TOPICS; i++) {
		snprintf(many->names[i], sizeof(many->names[i]), "topic-%d", i);
		must(kwire_mock_create_topic(bench->mock, many->names[i], PARTITIONS,
					     &bench->error),
		     &bench->error);
		many->topics[i] = topic;
		many->topics[i].name = kwire_string(many->names[i]);
		many->topics[i].partitions.items = many->partitions[i];
		many->topics[i].partitions.count = PARTITIONS;
		for (int k = 0; k < PARTITIONS; k++) {
			many->partitions[i][k] = partition;
			many->partitions[i][k].partition_index = PARTITIONS - 1 - k;
			many->partitions[i][k].timestamp = -1;
			if (k % 3 == 0)
				kwire_mock_append(bench->mock, many->names[i], PARTITIONS - 1 - k,
						  NULL, "x", NULL);
		}
	}
	return many;
}

static void check_many(const struct many *many, const struct kwire_list_offsets_response *response)
{
	assert_int_equal(response->topics.count, TOPICS);
	for (int i = 0; i < TOPICS; i++) {
		assert_true(kwire_string_equal(response->topics.items[i].name, many->names[i]));
		assert_int_equal(response->topics.items[i].partitions.count, PARTITIONS);
		for (int k = 0; k < PARTITIONS; k++) {
			const struct kwire_list_offsets_response_topic_partition
				*found = &response->topics.items[i].partitions.items[k];

			assert_int_equal(found->partition_index, PARTITIONS - 1 - k);
			assert_int_equal(found->error_code, 0);
			assert_int_equal(found->offset, k % 3 == 0 ? 1 : 0);
		}
	}
}

static void offsets_of_300_partitions_come_from_three_leaders_in_order(void **state)
{
	struct bench *bench = *state;
	struct kwire_list_offsets_response *response = NULL;
	struct many *many;

	open_cluster(bench, 3);
	many = ask_for_many(bench);
	must(kwire_send_list_offsets(bench->client, &many->request, &response, &bench->error),
	     &bench->error);
	check_many(many, response);
	kwire_response_free(response);
	assert_int_equal(count(bench, LIST_OFFSETS), 3);
	assert_int_equal(count(bench, METADATA), 1); /* its brokers are known by that */

	/* Everything is known now. */
	must(kwire_send_list_offsets(bench->client, &many->request, &response, &bench->error),
	     &bench->error);
	check_many(many, response);
	kwire_response_free(response);
	assert_int_equal(count(bench, LIST_OFFSETS), 6);
	assert_int_equal(count(bench, METADATA), 1);
	free(many);
}

static int32_t leader_of(struct bench *bench, const char *topic, int partition)
{
	struct kwire_metadata_request_topic asked = KWIRE_METADATA_REQUEST_TOPIC_INIT;
	struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
	struct kwire_metadata_response *response = NULL;
	int32_t leader;

	asked.name = kwire_string(topic);
	request.topics.items = &asked;
	request.topics.count = 1;
	must(kwire_send_metadata(bench->client, &request, &response, &bench->error), &bench->error);
	leader = response->topics.items[0].partitions.items[partition].leader_id;
	kwire_response_free(response);
	return leader;
}

static void a_leader_that_moved_costs_one_look_up_and_one_piece(void **state)
{
	struct bench *bench = *state;
	struct kwire_list_offsets_response *response = NULL;
	struct many *many;
	int32_t leader;

	open_cluster(bench, 3);
	many = ask_for_many(bench);
	must(kwire_send_list_offsets(bench->client, &many->request, &response, &bench->error),
	     &bench->error);
	kwire_response_free(response);
	leader = leader_of(bench, "topic-4", 7);
	must(kwire_mock_set_leader(bench->mock, "topic-4", 7, leader % 3 + 1, &bench->error),
	     &bench->error);
	kwire_mock_forget(bench->mock);
	must(kwire_send_list_offsets(bench->client, &many->request, &response, &bench->error),
	     &bench->error);
	check_many(many, response);
	kwire_response_free(response);
	assert_int_equal(count(bench, LIST_OFFSETS), 4);
	assert_int_equal(count(bench, METADATA), 1);
	free(many);
}

static void what_there_is_not_is_answered_by_a_broker_and_not_repeated(void **state)
{
	struct bench *bench = *state;
	struct kwire_list_offsets_response *response = NULL;
	struct many *many;

	open_cluster(bench, 3);
	many = ask_for_many(bench);
	many->topics[3].name = KWIRE_STRING("nowhere");
	many->partitions[5][0].partition_index = 99;
	must(kwire_send_list_offsets(bench->client, &many->request, &response, &bench->error),
	     &bench->error);
	assert_int_equal(response->topics.count, TOPICS);
	assert_int_equal(response->topics.items[3].partitions.count, PARTITIONS);
	assert_int_equal(response->topics.items[3].partitions.items[9].error_code, 3);
	assert_int_equal(response->topics.items[5].partitions.items[0].partition_index, 99);
	assert_int_equal(response->topics.items[5].partitions.items[0].error_code, 3);
	assert_int_equal(response->topics.items[5].partitions.items[1].error_code, 0);
	kwire_response_free(response);
	assert_int_equal(count(bench, LIST_OFFSETS), 4); /* three leaders, and any */
	free(many);
}

static void a_partly_failed_split_returns_the_rest(void **state)
{
	struct bench *bench = *state;
	struct kwire_mock_match match = kwire_mock_on(LIST_OFFSETS);
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_mock_fault silence = KWIRE_MOCK_FAULT_INIT;
	struct kwire_list_offsets_response *response = NULL;
	struct kwire_shards *shards = NULL;
	int answered = 0, parts = 0;
	struct many *many;

	open_cluster(bench, 3);
	many = ask_for_many(bench);
	must(kwire_send_list_offsets(bench->client, &many->request, &response, &bench->error),
	     &bench->error);
	kwire_response_free(response);
	response = NULL;
	match.broker_id = 2;
	must(kwire_mock_break(bench->mock, &match, &silence, NULL, &bench->error), &bench->error);
	options.timeout_ms = 300;
	assert_int_equal(kwire_send_list_offsets_with(bench->client, &many->request, &response,
						      &options, &bench->error),
			 KWIRE_EPARTIAL);
	assert_non_null(response);
	assert_int_equal(bench->error.result, KWIRE_EPARTIAL);
	assert_int_equal(bench->error.node_id, 2);
	assert_int_equal(bench->error.outcome, KWIRE_MAYBE_APPLIED);
	assert_non_null(strstr(bench->error.message, "1 of 3 brokers failed"));
	for (int i = 0; i < response->topics.count; i++)
		answered += response->topics.items[i].partitions.count;
	assert_int_equal(answered, TOPICS * PARTITIONS * 2 / 3);
	kwire_response_free(response);

	assert_int_equal(kwire_send_sharded(bench->client, &kwire_list_offsets_api, &many->request,
					    &shards, &options, &bench->error),
			 KWIRE_EPARTIAL);
	assert_int_equal(shards->count, 3);
	for (int i = 0; i < shards->count; i++) {
		const struct kwire_shard *shard = &shards->items[i];
		const struct kwire_list_offsets_request *part = shard->request;

		for (int k = 0; k < part->topics.count; k++)
			parts += part->topics.items[k].partitions.count;
		assert_int_equal(shard->response == NULL, shard->broker_id == 2);
		assert_int_equal(shard->error.result, shard->broker_id == 2 ? KWIRE_ETIMEDOUT : 0);
	}
	assert_int_equal(parts, TOPICS * PARTITIONS);
	kwire_shards_free(shards);
	free(many);
}

static struct kwire_bytes one_record(struct kwire_batch_builder *builder)
{
	struct kwire_bytes batch;

	assert_int_equal(kwire_batch_builder_begin(builder, NULL, NULL), 0);
	assert_int_equal(kwire_batch_builder_add(builder, 1, kwire_bytes_of(NULL, 0),
						 kwire_bytes_of("x", 1), NULL, 0, NULL),
			 0);
	assert_int_equal(kwire_batch_builder_end(builder, &batch, NULL), 0);
	return batch;
}

static void produce_to(struct bench *bench, int16_t acks)
{
	static const struct kwire_produce_request_topic_data_partition_data blank =
		KWIRE_PRODUCE_REQUEST_TOPIC_DATA_PARTITION_DATA_INIT;
	struct kwire_produce_request_topic_data_partition_data parts[PARTITIONS];
	struct kwire_produce_request_topic_data topic = KWIRE_PRODUCE_REQUEST_TOPIC_DATA_INIT;
	struct kwire_produce_request request = KWIRE_PRODUCE_REQUEST_INIT;
	struct kwire_produce_response *response = NULL;
	struct kwire_batch_builder *builder = NULL;
	struct kwire_bytes batch;

	must(kwire_batch_builder_new(NULL, &builder, &bench->error), &bench->error);
	batch = one_record(builder);
	for (int i = 0; i < PARTITIONS; i++) {
		parts[i] = blank;
		parts[i].index = i;
		parts[i].records = batch;
	}
	topic.name = KWIRE_STRING("orders");
	topic.partition_data.items = parts;
	topic.partition_data.count = PARTITIONS;
	request.acks = acks;
	request.timeout_ms = 1000;
	request.topic_data.items = &topic;
	request.topic_data.count = 1;
	must(kwire_send_produce(bench->client, &request, &response, &bench->error), &bench->error);
	if (acks == 0) {
		assert_null(response);
	} else {
		assert_int_equal(response->responses.count, 1);
		assert_int_equal(response->responses.items[0].partition_responses.count,
				 PARTITIONS);
		for (int i = 0; i < PARTITIONS; i++) {
			assert_int_equal(
				response->responses.items[0].partition_responses.items[i].index, i);
			assert_int_equal(response->responses.items[0]
						 .partition_responses.items[i]
						 .error_code,
					 0);
		}
	}
	kwire_response_free(response);
	kwire_batch_builder_free(builder);
}

static void thirty_partitions_are_produced_to_in_one_call(void **state)
{
	struct bench *bench = *state;
	struct kwire_mock_match match = kwire_mock_on(PRODUCE);
	int64_t end = -1;

	open_cluster(bench, 3);
	must(kwire_mock_create_topic(bench->mock, "orders", PARTITIONS, &bench->error),
	     &bench->error);
	produce_to(bench, -1);
	assert_int_equal(count(bench, PRODUCE), 3);
	for (int i = 0; i < PARTITIONS; i++) {
		must(kwire_mock_end_offset(bench->mock, "orders", i, &end, &bench->error),
		     &bench->error);
		assert_int_equal(end, 1);
	}
	produce_to(bench, 0);
	must(kwire_mock_wait(bench->mock, &match, 6, 10000, &bench->error), &bench->error);
}

/* A broker that leads no longer, and says who does. */
static enum kwire_mock_verdict name_the_leader(void *context, struct kwire_mock_request *request)
{
	const int32_t *leader = context;
	const struct kwire_produce_request *asked = request->message;
	struct kwire_produce_response response = KWIRE_PRODUCE_RESPONSE_INIT;
	struct kwire_produce_response_response topic = KWIRE_PRODUCE_RESPONSE_RESPONSE_INIT;
	struct kwire_produce_response_response_partition_response partition =
		KWIRE_PRODUCE_RESPONSE_RESPONSE_PARTITION_RESPONSE_INIT;

	partition.index = asked->topic_data.items[0].partition_data.items[0].index;
	partition.error_code = request->broker_id == *leader ? 0 : 6;
	if (partition.error_code != 0) {
		partition.current_leader.leader_id = *leader;
		partition.current_leader.leader_epoch = 1000;
	}
	topic.name = asked->topic_data.items[0].name;
	topic.partition_responses.items = &partition;
	topic.partition_responses.count = 1;
	response.responses.items = &topic;
	response.responses.count = 1;
	kwire_mock_reply(request, &response, NULL);
	return KWIRE_MOCK_DONE;
}

static void a_leader_that_is_named_need_not_be_looked_up(void **state)
{
	struct kwire_produce_request_topic_data_partition_data part =
		KWIRE_PRODUCE_REQUEST_TOPIC_DATA_PARTITION_DATA_INIT;
	struct kwire_produce_request_topic_data topic = KWIRE_PRODUCE_REQUEST_TOPIC_DATA_INIT;
	struct kwire_produce_request request = KWIRE_PRODUCE_REQUEST_INIT;
	struct kwire_produce_response *response = NULL;
	struct kwire_batch_builder *builder = NULL;
	struct kwire_mock_match match = kwire_mock_on(PRODUCE);
	struct bench *bench = *state;
	int32_t leader = 2;

	open_cluster(bench, 3);
	must(kwire_mock_create_topic(bench->mock, "orders", 1, &bench->error), &bench->error);
	must(kwire_mock_set_leader(bench->mock, "orders", 0, 2, &bench->error), &bench->error);
	must(kwire_mock_script(bench->mock, &match, name_the_leader, &leader, NULL, &bench->error),
	     &bench->error);
	must(kwire_batch_builder_new(NULL, &builder, &bench->error), &bench->error);
	part.records = one_record(builder);
	topic.name = KWIRE_STRING("orders");
	topic.partition_data.items = &part;
	topic.partition_data.count = 1;
	request.acks = 1;
	request.topic_data.items = &topic;
	request.topic_data.count = 1;
	for (leader = 2; leader <= 3; leader++) {
		kwire_mock_forget(bench->mock);
		must(kwire_send_produce(bench->client, &request, &response, &bench->error),
		     &bench->error);
		assert_int_equal(
			response->responses.items[0].partition_responses.items[0].error_code, 0);
		kwire_response_free(response);
		assert_int_equal(count(bench, PRODUCE), leader - 1);
		assert_int_equal(count(bench, METADATA), leader == 2);
	}
	/* With all replicas to wait for, the batch may be in the log: it is not sent again. */
	leader = 1;
	request.acks = -1;
	kwire_mock_forget(bench->mock);
	must(kwire_send_produce(bench->client, &request, &response, &bench->error), &bench->error);
	assert_int_equal(response->responses.items[0].partition_responses.items[0].error_code, 6);
	kwire_response_free(response);
	assert_int_equal(count(bench, PRODUCE), 1);
	kwire_batch_builder_free(builder);
}

/* --- groups ------------------------------------------------------------- */

static void commit(struct bench *bench, const char *group, int64_t offset)
{
	struct kwire_offset_commit_request_topic_partition partition =
		KWIRE_OFFSET_COMMIT_REQUEST_TOPIC_PARTITION_INIT;
	struct kwire_offset_commit_request_topic topic = KWIRE_OFFSET_COMMIT_REQUEST_TOPIC_INIT;
	struct kwire_offset_commit_request request = KWIRE_OFFSET_COMMIT_REQUEST_INIT;
	struct kwire_offset_commit_response *response = NULL;

	partition.committed_offset = offset;
	topic.name = KWIRE_STRING("orders");
	topic.partitions.items = &partition;
	topic.partitions.count = 1;
	request.group_id = kwire_string(group);
	request.topics.items = &topic;
	request.topics.count = 1;
	must(kwire_send_offset_commit(bench->client, &request, &response, &bench->error),
	     &bench->error);
	assert_int_equal(response->topics.items[0].partitions.items[0].error_code, 0);
	kwire_response_free(response);
}

/* Groups with committed offsets, all of which are asked for. */
struct groups {
	char names[GROUPS][16];
	struct kwire_string keys[GROUPS];
	struct kwire_offset_fetch_request_group items[GROUPS];
	struct kwire_offset_fetch_request request;
};

static struct groups *commit_groups(struct bench *bench)
{
	static const struct kwire_offset_fetch_request request = KWIRE_OFFSET_FETCH_REQUEST_INIT;
	static const struct kwire_offset_fetch_request_group item =
		KWIRE_OFFSET_FETCH_REQUEST_GROUP_INIT;
	struct groups *groups = calloc(1, sizeof(*groups));

	must(kwire_mock_create_topic(bench->mock, "orders", 1, &bench->error), &bench->error);
	groups->request = request;
	groups->request.groups.items = groups->items;
	groups->request.groups.count = GROUPS;
	for (int i = 0; i < GROUPS; i++) {
		snprintf(groups->names[i], sizeof(groups->names[i]), "group-%d", i);
		groups->keys[i] = kwire_string(groups->names[i]);
		groups->items[i] = item;
		groups->items[i].group_id = groups->keys[i];
		groups->items[i].topics.count = -1;
		commit(bench, groups->names[i], 100 + i);
	}
	return groups;
}

static void check_groups(struct bench *bench, const struct groups *groups)
{
	struct kwire_offset_fetch_response *response = NULL;

	must(kwire_send_offset_fetch(bench->client, &groups->request, &response, &bench->error),
	     &bench->error);
	assert_int_equal(response->error_code, 0);
	assert_int_equal(response->groups.count, GROUPS);
	for (int i = 0; i < GROUPS; i++) {
		const struct kwire_offset_fetch_response_group *group = &response->groups.items[i];

		assert_true(kwire_string_equal(group->group_id, groups->names[i]));
		assert_int_equal(group->error_code, 0);
		assert_int_equal(group->topics.count, 1);
		assert_true(kwire_string_equal(group->topics.items[0].name, "orders"));
		assert_int_equal(group->topics.items[0].partitions.items[0].committed_offset,
				 100 + i);
	}
	kwire_response_free(response);
}

static void offsets_of_groups_come_from_their_coordinators(void **state)
{
	struct bench *bench = *state;
	struct groups *groups;

	open_cluster(bench, 3);
	groups = commit_groups(bench);
	kwire_client_close(bench->client);
	must(kwire_client_open(bench->config, &bench->client, &bench->error), &bench->error);
	kwire_mock_forget(bench->mock);
	check_groups(bench, groups);
	assert_int_equal(count(bench, FIND_COORDINATOR), 1);
	assert_int_equal(count(bench, OFFSET_FETCH), 3);
	check_groups(bench, groups);
	assert_int_equal(count(bench, FIND_COORDINATOR), 1);
	assert_int_equal(count(bench, OFFSET_FETCH), 6);
	free(groups);
}

static void brokers_without_batches_are_asked_group_by_group(void **state)
{
	struct bench *bench = *state;
	struct groups *groups;

	open_cluster(bench, 3);
	must(kwire_mock_set_versions(bench->mock, -1, "2.8", &bench->error), &bench->error);
	groups = commit_groups(bench);
	check_groups(bench, groups);
	assert_int_equal(count(bench, FIND_COORDINATOR), GROUPS);
	assert_int_equal(count(bench, OFFSET_FETCH), GROUPS);
	free(groups);
}

static void several_keys_are_found_by_brokers_without_batches(void **state)
{
	struct bench *bench = *state;
	struct kwire_string keys[] = {KWIRE_STRING_INIT("a"), KWIRE_STRING_INIT("b")};
	struct kwire_find_coordinator_request request = KWIRE_FIND_COORDINATOR_REQUEST_INIT;
	struct kwire_find_coordinator_response *response = NULL;

	open_cluster(bench, 3);
	must(kwire_mock_set_versions(bench->mock, -1, "2.1", &bench->error), &bench->error);
	request.coordinator_keys.items = keys;
	request.coordinator_keys.count = 2;
	must(kwire_send_find_coordinator(bench->client, &request, &response, &bench->error),
	     &bench->error);
	assert_int_equal(response->coordinators.count, 2);
	assert_true(kwire_string_equal(response->coordinators.items[0].key, "a"));
	assert_true(kwire_string_equal(response->coordinators.items[1].key, "b"));
	assert_true(response->coordinators.items[0].node_id > 0);
	assert_true(response->coordinators.items[1].port > 0);
	kwire_response_free(response);
}

static void a_coordinator_that_died_is_looked_up_again(void **state)
{
	struct bench *bench = *state;
	struct groups *groups;

	open_cluster(bench, 3);
	groups = commit_groups(bench);
	check_groups(bench, groups);
	must(kwire_mock_stop_broker(bench->mock, 2, &bench->error), &bench->error);
	kwire_mock_forget(bench->mock);
	check_groups(bench, groups);
	assert_int_equal(count(bench, FIND_COORDINATOR), 1);
	free(groups);
}

static void a_coordinator_that_still_loads_is_waited_for(void **state)
{
	struct bench *bench = *state;
	struct kwire_mock_match match = kwire_mock_on(OFFSET_COMMIT);

	open_cluster(bench, 3);
	must(kwire_mock_create_topic(bench->mock, "orders", 1, &bench->error), &bench->error);
	commit(bench, "g", 1);
	match.count = 3;
	must(kwire_mock_script_error(bench->mock, &match, 14, NULL, &bench->error), &bench->error);
	kwire_mock_forget(bench->mock);
	commit(bench, "g", 2);
	assert_int_equal(count(bench, OFFSET_COMMIT), 4);
	assert_int_equal(count(bench, FIND_COORDINATOR), 0);
}

static void groups_are_listed_over_all_brokers_once(void **state)
{
	struct bench *bench = *state;
	struct kwire_list_groups_request request = KWIRE_LIST_GROUPS_REQUEST_INIT;
	struct kwire_list_groups_response *response = NULL;
	struct groups *groups;
	bool seen[GROUPS] = {false};

	open_cluster(bench, 3);
	groups = commit_groups(bench);
	must(kwire_send_list_groups(bench->client, &request, &response, &bench->error),
	     &bench->error);
	assert_int_equal(count(bench, LIST_GROUPS), 3);
	assert_int_equal(response->groups.count, GROUPS);
	for (int i = 0; i < GROUPS; i++)
		for (int k = 0; k < GROUPS; k++)
			if (kwire_string_equal(response->groups.items[i].group_id,
					       groups->names[k])) {
				assert_false(seen[k]);
				seen[k] = true;
			}
	kwire_response_free(response);
	free(groups);
}

/* --- lanes -------------------------------------------------------------- */

static struct kwire_call *poll_for_five_seconds(struct bench *bench)
{
	struct kwire_fetch_request_topic_partition partition =
		KWIRE_FETCH_REQUEST_TOPIC_PARTITION_INIT;
	struct kwire_fetch_request_topic topic = KWIRE_FETCH_REQUEST_TOPIC_INIT;
	struct kwire_fetch_request request = KWIRE_FETCH_REQUEST_INIT;
	struct kwire_mock_match match = kwire_mock_on(FETCH);
	struct kwire_call *call = NULL;

	partition.partition_max_bytes = 1000;
	topic.topic = KWIRE_STRING("orders");
	topic.partitions.items = &partition;
	topic.partitions.count = 1;
	request.max_wait_ms = 5000;
	request.min_bytes = 1;
	request.topics.items = &topic;
	request.topics.count = 1;
	must(kwire_start(bench->client, &kwire_fetch_api, &request, NULL, &call, &bench->error),
	     &bench->error);
	must(kwire_mock_wait(bench->mock, &match, 1, 30000, &bench->error), &bench->error);
	return call;
}

static int ask_the_leader(struct bench *bench, int64_t timeout_ms)
{
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
	struct kwire_metadata_response *response = NULL;
	int result;

	options.target = KWIRE_TO_LEADER;
	options.target_key = "orders";
	options.target_partition = 0;
	options.timeout_ms = timeout_ms;
	result = kwire_send_metadata_with(bench->client, &request, &response, &options,
					  &bench->error);
	kwire_response_free(response);
	return result;
}

static void open_for_lanes(struct bench *bench)
{
	struct kwire_mock_options options = KWIRE_MOCK_OPTIONS_INIT;

	options.flags = KWIRE_MOCK_MANUAL_TIME;
	assert_int_equal(kwire_mock_open(&options, &bench->mock, &bench->error), 0);
	kwire_config_set(bench->config, "bootstrap.servers", kwire_mock_bootstrap(bench->mock),
			 NULL);
	must(kwire_client_open(bench->config, &bench->client, &bench->error), &bench->error);
	must(kwire_mock_create_topic(bench->mock, "orders", 1, &bench->error), &bench->error);
	must(kwire_client_refresh(bench->client, -1, &bench->error), &bench->error);
}

static void a_long_poll_keeps_nobody_waiting(void **state)
{
	struct bench *bench = *state;
	struct kwire_call *call;

	open_for_lanes(bench);
	call = poll_for_five_seconds(bench);
	/* The cluster's time stands still: whoever is behind the poll waits for ever. */
	must(ask_the_leader(bench, 30000), &bench->error);
	assert_int_equal(kwire_mock_now(bench->mock), 0);
	assert_false(kwire_call_done(call));
	kwire_mock_advance(bench->mock, 5000);
	must(kwire_call_wait(call, -1, NULL, &bench->error), &bench->error);
	kwire_call_free(call);
}

static void on_one_connection_it_does_and_is_named(void **state)
{
	struct bench *bench = *state;
	struct kwire_call *call;

	kwire_config_set(bench->config, "connections.max.per.broker", "1", NULL);
	open_for_lanes(bench);
	call = poll_for_five_seconds(bench);
	assert_int_equal(ask_the_leader(bench, 200), KWIRE_ETIMEDOUT);
	assert_non_null(strstr(bench->error.message, "Fetch"));
	kwire_mock_advance(bench->mock, 5000);
	must(kwire_call_wait(call, -1, NULL, &bench->error), &bench->error);
	kwire_call_free(call);
}

/* --- memory ------------------------------------------------------------- */

static void memory_may_be_short_anywhere(void **state)
{
	struct bench *bench = *state;
	struct kwire_list_offsets_response *response = NULL;
	struct counting counting;
	struct groups *groups;
	struct many *many;
	long n = 0;
	int result;

	counting_init(&counting);
	kwire_config_free(bench->config);
	bench->config = kwire_config_new_with(&counting.allocator);
	open_cluster(bench, 3);
	many = ask_for_many(bench);
	groups = commit_groups(bench);
	check_groups(bench, groups);
	do {
		kwire_client_close(bench->client);
		bench->client = NULL;
		must(kwire_client_open(bench->config, &bench->client, &bench->error),
		     &bench->error);
		must(kwire_client_refresh(bench->client, -1, &bench->error), &bench->error);
		counting.fail_at = counting.calls + ++n;
		result = kwire_send_list_offsets(bench->client, &many->request, &response,
						 &bench->error);
		if (result != 0 && result != KWIRE_ENOMEM && result != KWIRE_EPARTIAL &&
		    result != KWIRE_EDISCONNECTED && result != KWIRE_ECONNECT)
			fail_msg("allocation %ld: %s", n, bench->error.message);
		if (result == 0)
			check_many(many, response);
		if (result == 0 || result == KWIRE_EPARTIAL)
			kwire_response_free(response);
		response = NULL;
		if (n > 1000)
			fail_msg("no end of allocations");
	} while (counting.calls >= counting.fail_at);
	counting.fail_at = 0;
	kwire_client_close(bench->client);
	bench->client = NULL;
	kwire_config_free(bench->config);
	bench->config = NULL;
	assert_int_equal(counting.live, 0);
	free(groups);
	free(many);
}

/* --- the rest ----------------------------------------------------------- */

static int create_topic(struct bench *bench, const char *name)
{
	struct kwire_create_topics_request_topic topic = KWIRE_CREATE_TOPICS_REQUEST_TOPIC_INIT;
	struct kwire_create_topics_request request = KWIRE_CREATE_TOPICS_REQUEST_INIT;
	struct kwire_create_topics_response *response = NULL;
	int code;

	topic.name = kwire_string(name);
	topic.num_partitions = 1;
	topic.replication_factor = 1;
	request.topics.items = &topic;
	request.topics.count = 1;
	must(kwire_send_create_topics(bench->client, &request, &response, &bench->error),
	     &bench->error);
	code = response->topics.items[0].error_code;
	kwire_response_free(response);
	return code;
}

static enum kwire_mock_verdict refuse_where_not_controller(void *context,
							   struct kwire_mock_request *request)
{
	int32_t *controller = context;

	if (request->broker_id == *controller)
		return KWIRE_MOCK_PASS;
	kwire_mock_reply_error(request, 41, NULL);
	return KWIRE_MOCK_DONE;
}

static void a_controller_that_changed_costs_one_look_up(void **state)
{
	struct bench *bench = *state;
	struct kwire_mock_match match = kwire_mock_on(CREATE_TOPICS);
	int32_t controller = 2;

	open_cluster(bench, 3);
	must(kwire_mock_set_controller(bench->mock, 2, &bench->error), &bench->error);
	must(kwire_mock_script(bench->mock, &match, refuse_where_not_controller, &controller, NULL,
			       &bench->error),
	     &bench->error);
	assert_int_equal(create_topic(bench, "a"), 0);
	assert_int_equal(count(bench, CREATE_TOPICS), 1);
	controller = 3;
	must(kwire_mock_set_controller(bench->mock, 3, &bench->error), &bench->error);
	kwire_mock_forget(bench->mock);
	assert_int_equal(create_topic(bench, "b"), 0);
	assert_int_equal(count(bench, CREATE_TOPICS), 2);
	assert_int_equal(count(bench, METADATA), 1);
}

static void configurations_of_a_topic_and_a_broker_come_in_one_answer(void **state)
{
	struct bench *bench = *state;
	struct kwire_describe_configs_request_resource resources[] = {
		KWIRE_DESCRIBE_CONFIGS_REQUEST_RESOURCE_INIT,
		KWIRE_DESCRIBE_CONFIGS_REQUEST_RESOURCE_INIT,
		KWIRE_DESCRIBE_CONFIGS_REQUEST_RESOURCE_INIT,
	};
	struct kwire_describe_configs_request request = KWIRE_DESCRIBE_CONFIGS_REQUEST_INIT;
	struct kwire_describe_configs_response *response = NULL;
	struct kwire_mock_match match = kwire_mock_on(DESCRIBE_CONFIGS);

	open_cluster(bench, 3);
	must(kwire_mock_create_topic(bench->mock, "orders", 1, &bench->error), &bench->error);
	resources[0].resource_type = 4;
	resources[0].resource_name = KWIRE_STRING("3");
	resources[1].resource_type = 2;
	resources[1].resource_name = KWIRE_STRING("orders");
	resources[2].resource_type = 4;
	resources[2].resource_name = KWIRE_STRING("1");
	for (int i = 0; i < 3; i++)
		resources[i].configuration_keys.count = -1;
	request.resources.items = resources;
	request.resources.count = 3;
	must(kwire_send_describe_configs(bench->client, &request, &response, &bench->error),
	     &bench->error);
	assert_int_equal(response->results.count, 3);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(response->results.items[i].resource_type,
				 resources[i].resource_type);
		assert_true(kwire_string_equal(response->results.items[i].resource_name,
					       resources[i].resource_name.data));
		assert_int_equal(response->results.items[i].error_code, 0);
	}
	kwire_response_free(response);
	for (match.broker_id = 1; match.broker_id <= 3; match.broker_id += 2)
		assert_true(kwire_mock_count(bench->mock, &match) >= 1);
}

static void a_producer_id_without_transaction_comes_from_any_broker(void **state)
{
	struct bench *bench = *state;
	struct kwire_init_producer_id_request request = KWIRE_INIT_PRODUCER_ID_REQUEST_INIT;
	struct kwire_init_producer_id_response *response = NULL;

	open_cluster(bench, 3);
	request.transactional_id = kwire_string(NULL);
	request.transaction_timeout_ms = 1000;
	must(kwire_send_init_producer_id(bench->client, &request, &response, &bench->error),
	     &bench->error);
	assert_true(response->producer_id >= 0);
	kwire_response_free(response);
	assert_int_equal(count(bench, FIND_COORDINATOR), 0);
	request.transactional_id = KWIRE_STRING("t");
	must(kwire_send_init_producer_id(bench->client, &request, &response, &bench->error),
	     &bench->error);
	assert_int_equal(response->error_code, 0);
	kwire_response_free(response);
	assert_int_equal(count(bench, FIND_COORDINATOR), 1);
}

static void a_cluster_of_one_broker_is_looked_up_once(void **state)
{
	struct bench *bench = *state;
	struct kwire_list_offsets_response *response = NULL;
	struct groups *groups;
	struct many *many;

	open_cluster(bench, 1);
	must(kwire_client_refresh(bench->client, -1, &bench->error), &bench->error);
	many = ask_for_many(bench);
	must(kwire_send_list_offsets(bench->client, &many->request, &response, &bench->error),
	     &bench->error);
	check_many(many, response);
	kwire_response_free(response);
	groups = commit_groups(bench);
	check_groups(bench, groups);
	assert_int_equal(create_topic(bench, "a"), 0);
	assert_int_equal(count(bench, METADATA), 1);
	assert_int_equal(count(bench, FIND_COORDINATOR), 0);
	assert_int_equal(count(bench, LIST_OFFSETS), 1);
	free(groups);
	free(many);
}

static void a_target_in_the_options_is_obeyed(void **state)
{
	struct bench *bench = *state;
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
	struct kwire_metadata_response *response = NULL;
	struct kwire_mock_match match = kwire_mock_on(METADATA);
	struct kwire_call *call = NULL;
	struct many *many;
	int64_t before;

	open_cluster(bench, 3);
	many = ask_for_many(bench);
	must(kwire_mock_set_leader(bench->mock, "topic-1", 2, 3, &bench->error), &bench->error);
	must(kwire_client_refresh(bench->client, -1, &bench->error), &bench->error);
	options.target = KWIRE_TO_LEADER;
	options.target_key = "topic-1";
	options.target_partition = 2;
	/* Finds the leader first. */
	must(kwire_send_metadata_with(bench->client, &request, &response, &options, &bench->error),
	     &bench->error);
	kwire_response_free(response);
	match.broker_id = 3;
	before = kwire_mock_count(bench->mock, &match);
	must(kwire_send_metadata_with(bench->client, &request, &response, &options, &bench->error),
	     &bench->error);
	kwire_response_free(response);
	assert_int_equal(kwire_mock_count(bench->mock, &match), before + 1);

	/* A started call goes to one broker only. */
	assert_int_equal(kwire_start(bench->client, &kwire_list_offsets_api, &many->request, NULL,
				     &call, &bench->error),
			 KWIRE_EINVAL);
	assert_non_null(strstr(bench->error.message, "ListOffsets here concerns several brokers"));
	assert_null(call);
	many->request.topics.items = &many->topics[1];
	many->request.topics.count = 1;
	many->topics[1].partitions.items = &many->partitions[1][PARTITIONS - 3];
	many->topics[1].partitions.count = 1;
	must(kwire_start(bench->client, &kwire_list_offsets_api, &many->request, NULL, &call,
			 &bench->error),
	     &bench->error);
	must(kwire_call_wait(call, -1, NULL, &bench->error), &bench->error);
	kwire_call_free(call);
	match.api_key = LIST_OFFSETS;
	assert_int_equal(kwire_mock_count(bench->mock, &match), 1);
	free(many);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(offsets_of_300_partitions_come_from_three_leaders_in_order),
		TEST(a_leader_that_moved_costs_one_look_up_and_one_piece),
		TEST(what_there_is_not_is_answered_by_a_broker_and_not_repeated),
		TEST(a_partly_failed_split_returns_the_rest),
		TEST(thirty_partitions_are_produced_to_in_one_call),
		TEST(a_leader_that_is_named_need_not_be_looked_up),
		TEST(offsets_of_groups_come_from_their_coordinators),
		TEST(brokers_without_batches_are_asked_group_by_group),
		TEST(several_keys_are_found_by_brokers_without_batches),
		TEST(a_coordinator_that_died_is_looked_up_again),
		TEST(a_coordinator_that_still_loads_is_waited_for),
		TEST(groups_are_listed_over_all_brokers_once),
		TEST(a_controller_that_changed_costs_one_look_up),
		TEST(configurations_of_a_topic_and_a_broker_come_in_one_answer),
		TEST(a_producer_id_without_transaction_comes_from_any_broker),
		TEST(a_cluster_of_one_broker_is_looked_up_once),
		TEST(a_target_in_the_options_is_obeyed),
		TEST(a_long_poll_keeps_nobody_waiting),
		TEST(on_one_connection_it_does_and_is_named),
		TEST(memory_may_be_short_anywhere),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
