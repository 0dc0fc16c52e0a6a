/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call of every API that is meant for clients, as JSON, and what a true
 * answer has in it: sent without naming a broker, to a real cluster or the mock.
 */
#ifndef TESTS_API_CALLS_H
#define TESTS_API_CALLS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <kwire/client.h>
#include <kwire/connection.h>
#include <kwire/json.h>

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
	 "\"resourceType\":2,\"resourceName\":\"$\""},
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
static char *named(const char *text, const char *topic)
{
	char *result = calloc(1, strlen(text) + 20 * (strlen(topic) + 1));
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

static int call_api(struct kwire_client *client, const struct kwire_api *api, const char *request,
		    int16_t highest, char **answer, bool mocked)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_versions *versions = NULL;
	struct kwire_broker *broker = NULL;
	char name[80];
	void *message = NULL, *response = NULL;
	int16_t version;
	int result;

	if ((kwire_client_broker(client, 1, &broker, &error)) != 0)
		fail_msg("%s: %s", api->name, error.message);
	if ((kwire_broker_versions(broker, -1, &versions, &error)) != 0)
		fail_msg("%s: %s", api->name, error.message);
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
	/* The mock closes the connection over what it has no behaviour for. */
	if (result == KWIRE_EDISCONNECTED && mocked)
		return result;
	if (result != 0)
		fail_msg("%s: %s", api->name, error.message);
	snprintf(name, sizeof(name), "%sResponse", api->name);
	if ((kwire_json_print(kwire_describe(name), response, version, 0, answer, NULL, &error)) !=
	    0)
		fail_msg("%s: %s", api->name, error.message);
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

/* Calls them all about `topic`, of three partitions or more; how many the cluster offers. */
static int call_every_api(struct kwire_client *client, const char *topic, bool mocked)
{
	int called = 0, absent = 0, wrong = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char *request = named(rows[i].request, topic);
		char *wanted = named(rows[i].answer, topic);
		char *answer = NULL;
		int result = call_api(client, find_api(rows[i].api), request, rows[i].highest,
				      &answer, mocked);

		/* UNSUPPORTED_VERSION: the mock has no behaviour for it. */
		if (result == 0 && mocked && strstr(answer, "rrorCode\":35") != NULL)
			result = KWIRE_EUNSUPPORTED;
		if (result != 0) {
			assert_true(mocked || result == KWIRE_EUNSUPPORTED);
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
	return called;
}

#endif
