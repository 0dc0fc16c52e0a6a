/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every API that is meant for clients, sent to the mock cluster without naming
 * a broker: those that it behaves for get a true answer, and for the others a
 * script answers, of which is known what each broker must have been asked.
 */
#include <kwire/api/find_coordinator.h>
#include <kwire/api/metadata.h>
#include <kwire/mock.h>

#include "../support/api_calls.h"

enum {
	BROKERS = 3
};

/* Which brokers are asked. */
enum to {
	THE_CONTROLLER,
	ANY_ONE,
	EVERY_ONE,
	COORDINATORS, /* of each key */
	LEADERS,      /* of each partition of the topic */
};

#define KEYED(name, to, first, second, list, key)                                                \
	{                                                                                        \
		name, to, {first, second}, NULL, "{\"" list "\":[", "{\"" key "\":\"#\"}", "]}", \
			"\"%s\"", "\"" key "\":\"#\""                                            \
	}
#define ONE(name, to, key, request)                                                            \
	{                                                                                      \
		name, to, {key}, request, "{", "\"errorCode\":42", "}", "", "\"errorCode\":42" \
	}
#define LIST(name, to, list)                                                               \
	{                                                                                  \
		name, to, {"one"}, NULL, "{\"" list "\":[", "", "]}", "", "\"" list "\":[" \
	}
#define SHARE(name, more)                                                                          \
	{                                                                                          \
		name, LEADERS, {"0", "1", "2"},                                                    \
			"{\"groupId\":\"$\",\"memberId\":\"AAAAAAAAAAAAAAAAAAAAAA\","              \
			"\"shareSessionEpoch\":-1,\"topics\":[{\"topicId\":\"@\",\"partitions\":[" \
			"{\"partitionIndex\":0},{\"partitionIndex\":1},{\"partitionIndex\":2}]}]"  \
			"}",                                                                       \
			"{\"responses\":[{\"topicId\":\"@\",\"partitions\":[",                     \
			"{\"partitionIndex\":#" more "}", "]}]}", "\"partitionIndex\":%s",         \
			"\"partitionIndex\":#"                                                     \
	}

/*
 * In texts $ is the topic's name, @ its id and # the key.  `request` NULL: that
 * of api_calls.h.  A broker answers `head`, the items, with commas between
 * them, of the keys that its request has as in `find`, and `tail`; and what all
 * said has `seen` for each key, in the caller's order.
 */
static const struct scripted {
	const char *api;
	enum to to;
	const char *keys[3];
	const char *request, *head, *item, *tail, *find, *seen;
} scripted[] = {
	LIST("DescribeAcls", ANY_ONE, "resources"),
	LIST("CreateAcls", THE_CONTROLLER, "results"),
	LIST("DeleteAcls", THE_CONTROLLER, "filterResults"),
	{"AlterConfigs",
	 ANY_ONE,
	 {"$"},
	 NULL,
	 "{\"responses\":[",
	 "{\"resourceType\":2,\"resourceName\":\"#\"}",
	 "]}",
	 "\"%s\"",
	 "\"resourceName\":\"#\""},
	KEYED("DescribeLogDirs", EVERY_ONE, "d", NULL, "results", "logDir"),
	ONE("CreateDelegationToken", THE_CONTROLLER, "", NULL),
	ONE("RenewDelegationToken", THE_CONTROLLER, "", NULL),
	ONE("ExpireDelegationToken", THE_CONTROLLER, "", NULL),
	ONE("DescribeDelegationToken", ANY_ONE, "", NULL),
	ONE("ElectLeaders", THE_CONTROLLER, "", NULL),
	ONE("AlterPartitionReassignments", THE_CONTROLLER, "", NULL),
	ONE("ListPartitionReassignments", THE_CONTROLLER, "", NULL),
	ONE("OffsetDelete", COORDINATORS, "$", NULL),
	ONE("DescribeClientQuotas", ANY_ONE, "", NULL),
	LIST("AlterClientQuotas", THE_CONTROLLER, "entries"),
	ONE("DescribeUserScramCredentials", ANY_ONE, "", NULL),
	LIST("AlterUserScramCredentials", THE_CONTROLLER, "results"),
	ONE("DescribeQuorum", THE_CONTROLLER, "", NULL),
	ONE("UpdateFeatures", THE_CONTROLLER, "", NULL),
	{"DescribeProducers",
	 LEADERS,
	 {"0", "1", "2"},
	 NULL,
	 "{\"topics\":[{\"name\":\"$\",\"partitions\":[",
	 "{\"partitionIndex\":#}",
	 "]}]}",
	 "[%s]",
	 "\"partitionIndex\":#"},
	ONE("UnregisterBroker", THE_CONTROLLER, "", NULL),
	KEYED("DescribeTransactions", COORDINATORS, "$", "$-none", "transactionStates",
	      "transactionalId"),
	KEYED("ListTransactions", EVERY_ONE, "t", NULL, "transactionStates", "transactionalId"),
	ONE("ConsumerGroupHeartbeat", COORDINATORS, "$-c", NULL),
	ONE("GetTelemetrySubscriptions", ANY_ONE, "", NULL),
	ONE("ListConfigResources", ANY_ONE, "", NULL),
	ONE("ShareGroupHeartbeat", COORDINATORS, "$-s", NULL),
	KEYED("ShareGroupDescribe", COORDINATORS, "$-none", "$-nobody", "groups", "groupId"),
	KEYED("StreamsGroupDescribe", COORDINATORS, "$-none", "$-nobody", "groups", "groupId"),
	KEYED("DescribeShareGroupOffsets", COORDINATORS, "$-none", "$-nobody", "groups", "groupId"),
	ONE("AlterShareGroupOffsets", COORDINATORS, "$-none", NULL),
	ONE("DeleteShareGroupOffsets", COORDINATORS, "$-none", NULL),
	SHARE("ShareFetch", ",\"records\":\"\""),
	SHARE("ShareAcknowledge", ""),
	ONE("PushTelemetry", ANY_ONE, "", "{\"subscriptionId\":1,\"metrics\":\"AAAA\"}"),
	ONE("AddRaftVoter", THE_CONTROLLER, "", "{\"voterId\":7,\"timeoutMs\":1000}"),
	ONE("RemoveRaftVoter", THE_CONTROLLER, "", "{\"voterId\":7}"),
	ONE("StreamsGroupHeartbeat", COORDINATORS, "$-t",
	    "{\"groupId\":\"$-t\",\"memberId\":\"x\",\"memberEpoch\":7}"),
	ONE("StreamsGroupTopologyDescriptionUpdate", COORDINATORS, "$-t",
	    "{\"groupId\":\"$-t\",\"memberId\":\"x\"}"),
	ONE("UnregisterController", THE_CONTROLLER, "", "{\"controllerId\":7}"),
};

/* Not sent without naming a broker, or to no end. */
static const char *const others[] = {
	/* a connection's own */
	"SaslHandshake",
	"SaslAuthenticate",
	/* the broker is what is asked about */
	"AlterReplicaLogDirs",
	/* what it writes is read back: test_offsets_produce.c */
	"Produce",
	/* between brokers, and between controllers */
	"WriteTxnMarkers",
	"Vote",
	"BeginQuorumEpoch",
	"EndQuorumEpoch",
	"AlterPartition",
	"Envelope",
	"FetchSnapshot",
	"BrokerRegistration",
	"BrokerHeartbeat",
	"AllocateProducerIds",
	"ControllerRegistration",
	"AssignReplicasToDirs",
	"UpdateRaftVoter",
	"InitializeShareGroupState",
	"ReadShareGroupState",
	"WriteShareGroupState",
	"DeleteShareGroupState",
	"ReadShareGroupStateSummary",
};

static char topic_id[64];

/* `text` with what $, @ and # stand for; free it. */
static char *told(const char *text, const char *key)
{
	char *result = calloc(1, 2000);
	char *to = result;

	for (; *text != '\0'; text++)
		if (*text == '#')
			to += sprintf(to, "%s", key);
		else if (*text == '@')
			to += sprintf(to, "%s", topic_id);
		else
			*to++ = *text;
	*to = '\0';
	to = named(result, "orders");
	free(result);
	return to;
}

static bool is_asked(const char *request, const struct scripted *row, const char *key)
{
	char pattern[100];

	/* Who asks every one names nothing. */
	if (row->to == EVERY_ONE)
		return true;
	snprintf(pattern, sizeof(pattern), row->find, key);
	return strstr(request, pattern) != NULL;
}

/* What kept a script from answering. */
static struct kwire_error trouble = KWIRE_ERROR_INIT;

static enum kwire_mock_verdict answer_piece(void *context, struct kwire_mock_request *request)
{
	const struct scripted *row = context;
	char text[2000] = "", name[80], *asked = NULL, *part;
	bool any = false;
	void *response = NULL;

	snprintf(name, sizeof(name), "%sRequest", row->api);
	if (kwire_json_print(kwire_describe(name), request->message, request->api_version, 0,
			     &asked, NULL, &trouble) != 0)
		return KWIRE_MOCK_CLOSE;
	part = told(row->head, "");
	strcat(text, part);
	free(part);
	for (int i = 0; i < 3 && row->keys[i] != NULL; i++) {
		char *key = named(row->keys[i], "orders");

		if (is_asked(asked, row, key)) {
			part = told(row->item, key);
			strcat(strcat(text, any ? "," : ""), part);
			free(part);
			any = true;
		}
		free(key);
	}
	strcat(text, row->tail);
	kwire_json_free(asked);
	snprintf(name, sizeof(name), "%sResponse", row->api);
	if (kwire_json_read(kwire_describe(name), text, strlen(text), request->api_version,
			    KWIRE_JSON_DEFAULTS, &response, &trouble) != 0)
		return KWIRE_MOCK_CLOSE;
	kwire_mock_reply(request, response, &trouble);
	kwire_response_free(response);
	return KWIRE_MOCK_DONE;
}

/* How often each broker (from 1) must be asked, where any one may be, none. */
static void expect(struct kwire_client *client, const struct scripted *row, int32_t controller,
		   int *counts)
{
	struct kwire_find_coordinator_request request = KWIRE_FIND_COORDINATOR_REQUEST_INIT;
	struct kwire_find_coordinator_response *response = NULL;
	struct kwire_string key;

	for (int id = 1; id <= BROKERS; id++)
		counts[id] = row->to == EVERY_ONE || row->to == LEADERS ||
			     (row->to == THE_CONTROLLER && id == controller);
	if (row->to != COORDINATORS)
		return;
	request.key_type = strcmp(row->api, "DescribeTransactions") == 0;
	request.coordinator_keys.items = &key;
	request.coordinator_keys.count = 1;
	for (int i = 0; i < 3 && row->keys[i] != NULL; i++) {
		char *name = named(row->keys[i], "orders");

		key = kwire_string(name);
		assert_int_equal(kwire_send_find_coordinator(client, &request, &response, NULL), 0);
		counts[response->coordinators.items[0].node_id] = 1;
		kwire_response_free(response);
		free(name);
	}
}

/* All that was asked for, once and in the caller's order. */
static void check_answer(const struct scripted *row, const char *answer)
{
	const char *at = answer;

	for (int i = 0; i < 3 && row->keys[i] != NULL; i++) {
		char *key = named(row->keys[i], "orders");
		char *seen = told(row->seen, key);

		at = strstr(at, seen);
		if (at == NULL)
			fail_msg("%s: no %s where it should be in %s", row->api, seen, answer);
		at += strlen(seen);
		if (row->to != EVERY_ONE && strstr(at, seen) != NULL)
			fail_msg("%s: %s twice in %s", row->api, seen, answer);
		free(seen);
		free(key);
	}
}

static void check_brokers(struct kwire_mock *mock, const struct scripted *row, int16_t api_key,
			  const int *counts)
{
	struct kwire_mock_match match = kwire_mock_on(api_key);
	int64_t all = kwire_mock_count(mock, &match);

	if (row->to == ANY_ONE && all != 1)
		fail_msg("%s: %ld brokers asked", row->api, (long)all);
	for (int32_t id = 1; id <= BROKERS && row->to != ANY_ONE; id++) {
		match.broker_id = id;
		all = kwire_mock_count(mock, &match);
		if (all != counts[id])
			fail_msg("%s: broker %d was asked %ld times, not %d", row->api, id,
				 (long)all, counts[id]);
	}
}

static const char *request_of(const struct scripted *row)
{
	if (row->request != NULL)
		return row->request;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (strcmp(rows[i].api, row->api) == 0)
			return rows[i].request;
	fail_msg("no request for %s", row->api);
	return NULL;
}

static int setup(void **state)
{
	struct kwire_mock *mock = NULL;

	if (kwire_mock_open(NULL, &mock, NULL) != 0)
		return -1;
	*state = mock;
	return kwire_mock_create_topic(mock, "orders", 3, NULL);
}

static int teardown(void **state)
{
	kwire_mock_close(*state);
	return 0;
}

static struct kwire_client *open_client(struct kwire_mock *mock)
{
	struct kwire_config *config = kwire_config_new();
	struct kwire_client *client = NULL;

	kwire_config_set(config, "bootstrap.servers", kwire_mock_bootstrap(mock), NULL);
	/* Over what it has no behaviour for, the mock closes a connection: dial again at once. */
	kwire_config_set(config, "reconnect.backoff.ms", "0", NULL);
	kwire_config_set(config, "reconnect.backoff.max.ms", "0", NULL);
	assert_int_equal(kwire_client_open(config, &client, NULL), 0);
	kwire_config_free(config);
	return client;
}

static void every_api_finds_a_broker_that_it_is_for(void **state)
{
	struct kwire_client *client = open_client(*state);

	assert_true(call_every_api(client, "orders", true) >= 29);
	kwire_client_close(client);
}

static void ask_scripts(struct kwire_mock *mock, int32_t controller)
{
	struct kwire_client *client;
	char *metadata = NULL;

	for (size_t i = 0; i < sizeof(scripted) / sizeof(*scripted); i++) {
		const struct kwire_api *api = find_api(scripted[i].api);

		/* Some are not offered by a broker that has not been set up for them. */
		assert_int_equal(kwire_mock_set_api_versions(mock, -1, api->key, api->min_version,
							     api->latest_stable_version, NULL),
				 0);
	}
	assert_int_equal(kwire_mock_set_controller(mock, controller, NULL), 0);
	client = open_client(mock);
	assert_int_equal(call_api(client, &kwire_metadata_api,
				  "{\"topics\":[{\"name\":\"orders\"}]}", -1, &metadata, true),
			 0);
	assert_int_equal(
		sscanf(strstr(metadata, "\"topicId\":\""), "\"topicId\":\"%63[^\"]", topic_id), 1);
	kwire_json_free(metadata);
	for (size_t i = 0; i < sizeof(scripted) / sizeof(*scripted); i++) {
		const struct scripted *row = &scripted[i];
		const struct kwire_api *api = find_api(row->api);
		struct kwire_mock_match match = kwire_mock_on(api->key);
		char *request = told(request_of(row), "");
		char *answer = NULL;
		int counts[BROKERS + 1];
		int rule, result;

		expect(client, row, controller, counts);
		kwire_mock_forget(mock);
		assert_int_equal(
			kwire_mock_script(mock, &match, answer_piece, (void *)row, &rule, NULL), 0);
		result = call_api(client, api, request, -1, &answer, true);
		if (result != 0 || trouble.result != 0)
			fail_msg("%s: %s, %s", row->api, kwire_result_text(result),
				 trouble.message);
		check_answer(row, answer);
		check_brokers(mock, row, api->key, counts);
		kwire_mock_mend(mock, rule, NULL);
		kwire_json_free(answer);
		free(request);
	}
	kwire_client_close(client);
}

/* One that is asked by luck is not asked by luck three times. */
static void a_script_is_asked_where_it_should_be(void **state)
{
	for (int32_t controller = 1; controller <= BROKERS; controller++)
		ask_scripts(*state, controller);
}

/* Whoever forgets the broker is told where to name it. */
static void what_is_for_one_broker_says_so(void **state)
{
	static const char *const names[] = {"AlterReplicaLogDirs", "WriteTxnMarkers"};
	struct kwire_client *client = open_client(*state);
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_call *call = NULL;
	void *response = NULL;
	uint64_t request[64] = {0};
	char text[80];

	for (int i = 0; i < 2; i++) {
		const struct kwire_api *api = find_api(names[i]);

		assert_true(api->request_size <= sizeof(request));
		snprintf(text, sizeof(text), "%s is for one certain broker: name it in broker_id",
			 names[i]);
		assert_int_equal(kwire_send(client, api, request, &response, NULL, &error),
				 KWIRE_EINVAL);
		assert_non_null(strstr(error.message, text));
		assert_int_equal(kwire_start(client, api, request, NULL, &call, &error),
				 KWIRE_EINVAL);
		assert_non_null(strstr(error.message, text));
		assert_null(call);
	}
	kwire_client_close(client);
}

static bool is_known(const char *api)
{
	for (size_t i = 0; i < sizeof(scripted) / sizeof(*scripted); i++)
		if (strcmp(scripted[i].api, api) == 0)
			return true;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (strcmp(rows[i].api, api) == 0)
			return true;
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (strcmp(others[i], api) == 0)
			return true;
	return false;
}

static void no_api_was_forgotten(void **state)
{
	(void)state;
	for (int i = 0; i < kwire_all_apis_count; i++)
		if (!is_known(kwire_all_apis[i]->name))
			fail_msg("%s is not tried", kwire_all_apis[i]->name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_api_finds_a_broker_that_it_is_for, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_script_is_asked_where_it_should_be, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_is_for_one_broker_says_so, setup, teardown),
		cmocka_unit_test(no_api_was_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
