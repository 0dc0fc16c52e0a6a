/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routing on a real cluster: every API that is meant for clients is sent
 * without naming a broker, and answered by one that it is for; requests that
 * concern all three brokers; leaders moved and coordinators lost.
 */
#include "cluster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kwire/api/alter_partition_reassignments.h>
#include <kwire/api/describe_configs.h>
#include <kwire/api/elect_leaders.h>
#include <kwire/api/list_groups.h>
#include <kwire/api/list_offsets.h>
#include <kwire/api/list_partition_reassignments.h>
#include <kwire/api/metadata.h>
#include <kwire/api/offset_commit.h>
#include <kwire/api/offset_fetch.h>
#include <kwire/api/produce.h>
#include <kwire/json.h>
#include <kwire/records.h>

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

/* --- every API ---------------------------------------------------------- */

/* In requests and answers, $ is the name of the topic, group and transaction. */
#define THREE(field, more) \
	"[{\"" field "\":0" more "},{\"" field "\":1" more "},{\"" field "\":2" more "}]"
static const struct {
	const char *api;
	int16_t highest; /* -1: as negotiated */
	const char *request;
	const char *answer; /* somewhere in it */
} rows[] = {
	{"Fetch", 12,
	 "{\"replicaId\":-1,\"maxWaitMs\":10,\"minBytes\":1,\"maxBytes\":100000,\"topics\":[{"
	 "\"topic\":\"$\",\"partitions\":" THREE(
		 "partition", ",\"fetchOffset\":0,\"partitionMaxBytes\":1000") "}]}",
	 "\"partitionIndex\":2,\"errorCode\":0"},
	{"ListOffsets", -1,
	 "{\"replicaId\":-1,\"topics\":[{\"name\":\"$\",\"partitions\":" THREE(
		 "partitionIndex", ",\"timestamp\":-1") "}]}",
	 "\"partitionIndex\":2,\"errorCode\":0"},
	{"Metadata", -1, "{\"topics\":[{\"name\":\"$\"}]}", "\"name\":\"$\""},
	{"OffsetCommit", 9,
	 "{\"groupId\":\"$\",\"topics\":[{\"name\":\"$\",\"partitions\":[{\"partitionIndex\":0,"
	 "\"committedOffset\":7,\"committedMetadata\":\"\"}]}]}",
	 "\"errorCode\":0"},
	{"OffsetFetch", 9,
	 "{\"groups\":[{\"groupId\":\"$\",\"topics\":null},{\"groupId\":\"$-2\",\"topics\":null}]}",
	 "\"committedOffset\":7"},
	{"FindCoordinator", -1, "{\"keyType\":0,\"coordinatorKeys\":[\"$\",\"$-2\"]}",
	 "\"key\":\"$-2\""},
	{"JoinGroup", -1,
	 "{\"groupId\":\"$-j\",\"sessionTimeoutMs\":10000,\"rebalanceTimeoutMs\":10000,"
	 "\"memberId\":\"\",\"protocolType\":\"consumer\",\"protocols\":[{\"name\":\"range\","
	 "\"metadata\":\"\"}]}",
	 "\"errorCode\":79"},
	{"Heartbeat", -1, "{\"groupId\":\"$\",\"generationId\":1,\"memberId\":\"x\"}",
	 "\"errorCode\":25"},
	{"LeaveGroup", -1, "{\"groupId\":\"$\",\"members\":[{\"memberId\":\"x\"}]}",
	 "\"errorCode\":25"},
	{"SyncGroup", -1, "{\"groupId\":\"$\",\"generationId\":1,\"memberId\":\"x\"}",
	 "\"errorCode\":2"},
	{"DescribeGroups", -1, "{\"groups\":[\"$\",\"$-2\"]}", "\"groupId\":\"$-2\""},
	{"ListGroups", -1, "{}", "\"groupId\":\"$\""},
	{"ApiVersions", -1, "{\"clientSoftwareName\":\"kwire\",\"clientSoftwareVersion\":\"1\"}",
	 "\"apiKeys\":["},
	{"CreateTopics", -1,
	 "{\"topics\":[{\"name\":\"$\",\"numPartitions\":1,\"replicationFactor\":1}],"
	 "\"timeoutMs\":5000}",
	 "\"errorCode\":36"},
	{"DeleteTopics", -1,
	 "{\"topics\":[{\"name\":\"$-none\",\"topicId\":\"AAAAAAAAAAAAAAAAAAAAAA\"}],"
	 "\"timeoutMs\":5000}",
	 "\"errorCode\":3"},
	{"DeleteRecords", -1,
	 "{\"topics\":[{\"name\":\"$\",\"partitions\":" THREE(
		 "partitionIndex", ",\"offset\":0") "}],\"timeoutMs\":5000}",
	 "\"errorCode\":0"},
	{"InitProducerId", -1, "{\"transactionalId\":\"$\",\"transactionTimeoutMs\":60000}",
	 "\"errorCode\":0"},
	{"OffsetForLeaderEpoch", -1,
	 "{\"replicaId\":-1,\"topics\":[{\"topic\":\"$\",\"partitions\":" THREE(
		 "partition", ",\"leaderEpoch\":0") "}]}",
	 "\"errorCode\":0,\"partition\":2"},
	{"AddPartitionsToTxn", 3,
	 "{\"v3AndBelowTransactionalId\":\"$\",\"v3AndBelowProducerId\":999999,"
	 "\"v3AndBelowProducerEpoch\":0,\"v3AndBelowTopics\":[{\"name\":\"$\",\"partitions\":[0]}]"
	 "}",
	 "\"partitionErrorCode\":49"},
	{"AddOffsetsToTxn", -1,
	 "{\"transactionalId\":\"$\",\"producerId\":999999,\"producerEpoch\":0,\"groupId\":\"$\"}",
	 "\"errorCode\":49"},
	{"EndTxn", 4,
	 "{\"transactionalId\":\"$\",\"producerId\":999999,\"producerEpoch\":0,\"committed\":true}",
	 "\"errorCode\":49"},
	{"TxnOffsetCommit", 4,
	 "{\"transactionalId\":\"$\",\"groupId\":\"$\",\"producerId\":999999,\"producerEpoch\":0,"
	 "\"topics\":[{\"name\":\"$\",\"partitions\":[{\"partitionIndex\":0,\"committedOffset\":1,"
	 "\"committedMetadata\":\"\"}]}]}",
	 "\"errorCode\":"},
	{"DescribeAcls", -1,
	 "{\"resourceTypeFilter\":2,\"resourceNameFilter\":null,\"patternTypeFilter\":3,"
	 "\"principalFilter\":null,\"hostFilter\":null,\"operation\":1,\"permissionType\":1}",
	 "\"resources\":["},
	{"CreateAcls", -1, "{\"creations\":[]}", "\"results\":["},
	{"DeleteAcls", -1, "{\"filters\":[]}", "\"filterResults\":["},
	{"DescribeConfigs", -1,
	 "{\"resources\":[{\"resourceType\":4,\"resourceName\":\"2\",\"configurationKeys\":[]},"
	 "{\"resourceType\":2,\"resourceName\":\"$\",\"configurationKeys\":[]},{\"resourceType\":8,"
	 "\"resourceName\":\"3\",\"configurationKeys\":[]}]}",
	 "\"resourceType\":8,\"resourceName\":\"3\""},
	{"AlterConfigs", -1,
	 "{\"resources\":[{\"resourceType\":2,\"resourceName\":\"$\",\"configs\":[{\"name\":"
	 "\"retention.ms\",\"value\":\"86400000\"}]}],\"validateOnly\":true}",
	 "\"errorCode\":0"},
	{"IncrementalAlterConfigs", -1,
	 "{\"resources\":[{\"resourceType\":4,\"resourceName\":\"1\",\"configs\":[{\"name\":"
	 "\"log.retention.ms\",\"configOperation\":0,\"value\":\"86400000\"}]},{\"resourceType\":2,"
	 "\"resourceName\":\"$\",\"configs\":[{\"name\":\"retention.ms\",\"configOperation\":0,"
	 "\"value\":\"86400000\"}]}],\"validateOnly\":true}",
	 "\"errorCode\":0,\"errorMessage\":\"\",\"resourceType\":2"},
	{"DescribeLogDirs", -1, "{\"topics\":null}", "\"logDir\":"},
	{"CreatePartitions", -1,
	 "{\"topics\":[{\"name\":\"$\",\"count\":1,\"assignments\":null}],\"timeoutMs\":5000,"
	 "\"validateOnly\":true}",
	 "\"errorCode\":37"},
	{"CreateDelegationToken", -1, "{\"renewers\":[],\"maxLifetimeMs\":-1}", "\"errorCode\":"},
	{"RenewDelegationToken", -1, "{\"hmac\":\"AAAA\",\"renewPeriodMs\":1000}",
	 "\"errorCode\":"},
	{"ExpireDelegationToken", -1, "{\"hmac\":\"AAAA\",\"expiryTimePeriodMs\":1000}",
	 "\"errorCode\":"},
	{"DescribeDelegationToken", -1, "{\"owners\":null}", "\"errorCode\":"},
	{"DeleteGroups", -1, "{\"groupsNames\":[\"$-none\",\"$-nobody\"]}",
	 "\"groupId\":\"$-nobody\",\"errorCode\":69"},
	{"ElectLeaders", -1,
	 "{\"electionType\":0,\"topicPartitions\":[{\"topic\":\"$\",\"partitions\":[0]}],"
	 "\"timeoutMs\":5000}",
	 "\"errorCode\":84"},
	{"AlterPartitionReassignments", -1,
	 "{\"timeoutMs\":5000,\"topics\":[{\"name\":\"$\",\"partitions\":[{\"partitionIndex\":0,"
	 "\"replicas\":null}]}]}",
	 "\"errorCode\":85"},
	{"ListPartitionReassignments", -1, "{\"timeoutMs\":5000,\"topics\":null}",
	 "\"errorCode\":0"},
	{"OffsetDelete", -1,
	 "{\"groupId\":\"$\",\"topics\":[{\"name\":\"$-none\",\"partitions\":[{\"partitionIndex\":"
	 "0}]"
	 "}]}",
	 "\"errorCode\":0"},
	{"DescribeClientQuotas", -1, "{\"components\":[],\"strict\":false}", "\"errorCode\":0"},
	{"AlterClientQuotas", -1,
	 "{\"entries\":[{\"entity\":[{\"entityType\":\"client-id\",\"entityName\":\"$\"}],\"ops\":["
	 "{"
	 "\"key\":\"request_percentage\",\"value\":50.0,\"remove\":false}]}],\"validateOnly\":"
	 "true}",
	 "\"errorCode\":0"},
	{"DescribeUserScramCredentials", -1, "{\"users\":null}", "\"errorCode\":0"},
	{"AlterUserScramCredentials", -1,
	 "{\"deletions\":[{\"name\":\"$\",\"mechanism\":1}],\"upsertions\":[]}",
	 "\"errorCode\":91"},
	{"DescribeQuorum", -1,
	 "{\"topics\":[{\"topicName\":\"__cluster_metadata\",\"partitions\":[{\"partitionIndex\":0}"
	 "]}"
	 "]}",
	 "\"leaderId\":"},
	{"UpdateFeatures", -1,
	 "{\"timeoutMs\":5000,\"featureUpdates\":[{\"feature\":\"none\",\"maxVersionLevel\":1}],"
	 "\"validateOnly\":true}",
	 "\"errorCode\":"},
	{"DescribeCluster", -1, "{}", "\"brokers\":[{"},
	{"DescribeProducers", -1, "{\"topics\":[{\"name\":\"$\",\"partitionIndexes\":[0,1,2]}]}",
	 "\"partitionIndex\":2,\"errorCode\":0"},
	{"UnregisterBroker", -1, "{\"brokerId\":77}", "\"errorCode\":102"},
	{"DescribeTransactions", -1, "{\"transactionalIds\":[\"$\",\"$-none\"]}",
	 "\"transactionalId\":\"$-none\""},
	{"ListTransactions", -1, "{\"stateFilters\":[],\"producerIdFilters\":[]}",
	 "\"transactionalId\":\"$\""},
	{"ConsumerGroupHeartbeat", -1,
	 "{\"groupId\":\"$-c\",\"memberId\":\"x\",\"memberEpoch\":7,\"rebalanceTimeoutMs\":1000}",
	 "\"errorCode\":"},
	{"ConsumerGroupDescribe", -1, "{\"groupIds\":[\"$-none\",\"$-nobody\"]}",
	 "\"groupId\":\"$-nobody\""},
	{"GetTelemetrySubscriptions", -1, "{}", "\"errorCode\":"},
	{"ListConfigResources", -1, "{}", "\"errorCode\":0"},
	{"DescribeTopicPartitions", -1,
	 "{\"topics\":[{\"name\":\"$\"}],\"responsePartitionLimit\":100,\"cursor\":null}",
	 "\"name\":\"$\""},
	{"ShareGroupHeartbeat", -1, "{\"groupId\":\"$-s\",\"memberId\":\"x\",\"memberEpoch\":7}",
	 "\"errorCode\":"},
	{"ShareGroupDescribe", -1, "{\"groupIds\":[\"$-none\",\"$-nobody\"]}",
	 "\"groupId\":\"$-nobody\""},
	{"StreamsGroupDescribe", -1, "{\"groupIds\":[\"$-none\",\"$-nobody\"]}",
	 "\"groupId\":\"$-nobody\""},
	{"DescribeShareGroupOffsets", -1,
	 "{\"groups\":[{\"groupId\":\"$-none\",\"topics\":null},{\"groupId\":\"$-nobody\","
	 "\"topics\":"
	 "null}]}",
	 "\"groupId\":\"$-nobody\""},
	{"AlterShareGroupOffsets", -1, "{\"groupId\":\"$-none\",\"topics\":[]}", "\"errorCode\":"},
	{"DeleteShareGroupOffsets", -1, "{\"groupId\":\"$-none\",\"topics\":[]}", "\"errorCode\":"},
};

/* `text` with the topic's name in place of each $; free it. */
static char *named(const char *text)
{
	char *result = calloc(1, strlen(text) + 20 * sizeof(topic));
	char *to = result;

	for (; *text != '\0'; text++)
		if (*text == '$')
			to += sprintf(to, "%s", topic);
		else
			*to++ = *text;
	return result;
}

/* Whether no broker says that it is not the one, and `wanted` is there. */
static bool is_true(const char *api, const char *answer, const char *wanted)
{
	static const int codes[] = {6, 14, 15, 16, 41};
	char text[32];

	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
		for (int last = 0; last < 2; last++) {
			snprintf(text, sizeof(text), "rrorCode\":%d%c", codes[i], last ? '}' : ',');
			if (strstr(answer, text) != NULL) {
				print_error("%s: %s\n", api, answer);
				return false;
			}
		}
	if (strstr(answer, wanted) == NULL)
		print_error("%s: no %s in %s\n", api, wanted, answer);
	return strstr(answer, wanted) != NULL;
}

static int call(const struct kwire_api *api, const char *request, int16_t highest, char **answer)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_versions *versions = NULL;
	struct kwire_broker *broker = NULL;
	char name[80];
	void *message = NULL, *response = NULL;
	int16_t version;
	int result;

	must(kwire_client_broker(client, 1, &broker, &error), &error);
	must(kwire_broker_versions(broker, -1, &versions, &error), &error);
	result = kwire_versions_negotiate(versions, api, &version, &error);
	kwire_versions_free(versions);
	kwire_broker_put(broker);
	if (result != 0)
		return result;
	if (highest >= 0 && version > highest)
		version = highest;
	options.min_version = options.max_version = version;
	snprintf(name, sizeof(name), "%sRequest", api->name);
	result = kwire_json_read(kwire_describe(name), request, strlen(request), version,
				 KWIRE_JSON_DEFAULTS, &message, &error);
	if (result != 0)
		fail_msg("%s: %s", api->name, error.message);
	result = kwire_send(client, api, message, &response, &options, &error);
	kwire_response_free(message);
	if (result != 0)
		fail_msg("%s: %s", api->name, error.message);
	snprintf(name, sizeof(name), "%sResponse", api->name);
	must(kwire_json_print(kwire_describe(name), response, version, 0, answer, NULL, &error),
	     &error);
	kwire_response_free(response);
	return 0;
}

static const struct kwire_api *find_api(const char *name)
{
	for (int i = 0; i < kwire_all_apis_count; i++)
		if (strcmp(kwire_all_apis[i]->name, name) == 0)
			return kwire_all_apis[i];
	fail_msg("no API %s", name);
	return NULL;
}

static void every_api_finds_a_broker_that_it_is_for(void **state)
{
	int called = 0, absent = 0, wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char *request = named(rows[i].request), *wanted = named(rows[i].answer);
		char *answer = NULL;
		int result = call(find_api(rows[i].api), request, rows[i].highest, &answer);

		if (result != 0) {
			assert_int_equal(result, KWIRE_EUNSUPPORTED);
			absent++;
		} else {
			wrong += !is_true(rows[i].api, answer, wanted);
			called++;
		}
		kwire_json_free(answer);
		free(request);
		free(wanted);
	}
	print_message("%d APIs called, %d not offered\n", called, absent);
	assert_int_equal(wrong, 0);
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
		cmocka_unit_test_teardown(calls_succeed_after_a_broker_was_killed, cluster_heal),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
