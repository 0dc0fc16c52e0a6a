/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Groups and transactions on a real cluster: coordinators found, a group
 * joined and left, offsets committed and fetched, producers' ids, a
 * transaction's coordinator asked.
 */
#include "cluster.h"

#include <string.h>

#include <kwire/api/consumer_group_heartbeat.h>
#include <kwire/api/consumer_protocol_subscription.h>
#include <kwire/api/delete_groups.h>
#include <kwire/api/describe_groups.h>
#include <kwire/api/end_txn.h>
#include <kwire/api/find_coordinator.h>
#include <kwire/api/heartbeat.h>
#include <kwire/api/init_producer_id.h>
#include <kwire/api/join_group.h>
#include <kwire/api/leave_group.h>
#include <kwire/api/list_groups.h>
#include <kwire/api/list_transactions.h>
#include <kwire/api/offset_commit.h>
#include <kwire/api/offset_fetch.h>
#include <kwire/api/sync_group.h>

static struct kwire_client *client;

static int setup(void **state)
{
	(void)state;
	client = cluster_client();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	kwire_client_close(client);
	return 0;
}

/* Whether a coordinator that just took over asks to be asked again. */
static bool coordinator_is_loading(int16_t code)
{
	return code == COORDINATOR_LOAD_IN_PROGRESS || code == COORDINATOR_NOT_AVAILABLE ||
	       code == NOT_COORDINATOR || code == CONCURRENT_TRANSACTIONS;
}

static void many_coordinators_are_found_by_one_call(void **state)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_find_coordinator_request request = KWIRE_FIND_COORDINATOR_REQUEST_INIT;
	struct kwire_find_coordinator_response *response = NULL;
	struct kwire_string keys[3] = {KWIRE_STRING("g-1"), KWIRE_STRING("g-2"),
				       KWIRE_STRING("g-3")};

	(void)state;
	cluster_coordinator(client, "g-1", 0); /* waits for the coordinators to be there */
	request.coordinator_keys.items = keys;
	request.coordinator_keys.count = 3;
	must(kwire_send_find_coordinator(client, &request, &response, &error), &error);
	assert_int_equal(response->coordinators.count, 3);
	for (int i = 0; i < 3; i++) {
		must_answer(response->coordinators.items[i].error_code, NONE);
		assert_in_range(response->coordinators.items[i].node_id, 1, CLUSTER_NODES);
	}
	kwire_response_free(response);
}

static int16_t commit(int32_t node, const char *group, const char *topic, int64_t offset)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_offset_commit_request request = KWIRE_OFFSET_COMMIT_REQUEST_INIT;
	struct kwire_offset_commit_request_topic about = KWIRE_OFFSET_COMMIT_REQUEST_TOPIC_INIT;
	struct kwire_offset_commit_request_topic_partition partition =
		KWIRE_OFFSET_COMMIT_REQUEST_TOPIC_PARTITION_INIT;
	struct kwire_offset_commit_response *response = NULL;
	int16_t code;

	partition.partition_index = 0;
	partition.committed_offset = offset;
	partition.committed_metadata = KWIRE_STRING("n\xc3\xb6tig");
	about.name = kwire_string(topic);
	about.partitions.items = &partition;
	about.partitions.count = 1;
	request.group_id = kwire_string(group);
	request.topics.items = &about;
	request.topics.count = 1;
	options.broker_id = node;
	options.max_version = 9; /* the last with topics' names */
	must(kwire_send_offset_commit_with(client, &request, &response, &options, &error), &error);
	assert_int_equal(response->topics.count, 1);
	code = response->topics.items[0].partitions.items[0].error_code;
	kwire_response_free(response);
	return code;
}

/* Fetches what `group` committed in one version, checks it. */
static void fetch_committed(int32_t node, const char *group, const char *topic, int64_t offset,
			    int16_t version)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_offset_fetch_request request = KWIRE_OFFSET_FETCH_REQUEST_INIT;
	struct kwire_offset_fetch_request_topic old = KWIRE_OFFSET_FETCH_REQUEST_TOPIC_INIT;
	struct kwire_offset_fetch_request_group asked = KWIRE_OFFSET_FETCH_REQUEST_GROUP_INIT;
	struct kwire_offset_fetch_request_group_topic about =
		KWIRE_OFFSET_FETCH_REQUEST_GROUP_TOPIC_INIT;
	struct kwire_offset_fetch_response *response = NULL;
	int32_t partition = 0;

	options.broker_id = node;
	options.min_version = version;
	options.max_version = version;
	if (version < 8) {
		old.name = kwire_string(topic);
		old.partition_indexes.items = &partition;
		old.partition_indexes.count = 1;
		request.group_id = kwire_string(group);
		request.topics.items = &old;
		request.topics.count = 1;
	} else {
		about.name = kwire_string(topic);
		about.partition_indexes.items = &partition;
		about.partition_indexes.count = 1;
		asked.group_id = kwire_string(group);
		asked.topics.items = &about;
		asked.topics.count = 1;
		request.groups.items = &asked;
		request.groups.count = 1;
	}
	must(kwire_send_offset_fetch_with(client, &request, &response, &options, &error), &error);
	if (version < 8) {
		must_answer(response->error_code, NONE);
		assert_int_equal(response->topics.count, 1);
		assert_int_equal(response->topics.items[0].partitions.items[0].committed_offset,
				 offset);
		assert_true(kwire_string_equal(
			response->topics.items[0].partitions.items[0].metadata, "n\xc3\xb6tig"));
	} else {
		assert_int_equal(response->groups.count, 1);
		must_answer(response->groups.items[0].error_code, NONE);
		assert_true(kwire_string_equal(response->groups.items[0].group_id, group));
		assert_int_equal(response->groups.items[0]
					 .topics.items[0]
					 .partitions.items[0]
					 .committed_offset,
				 offset);
		assert_true(kwire_string_equal(
			response->groups.items[0].topics.items[0].partitions.items[0].metadata,
			"n\xc3\xb6tig"));
	}
	kwire_response_free(response);
}

static void committed_offsets_are_fetched_in_every_version(void **state)
{
	struct cluster_patience patience = {0};
	char group[64];
	char topic[64];
	int32_t node;
	int16_t code;

	(void)state;
	cluster_name(group, "commits");
	cluster_name(topic, "committed");
	cluster_create_topic(client, topic, 1, 1);
	do {
		assert_true(cluster_again(&patience));
		node = cluster_coordinator(client, group, 0);
		code = commit(node, group, topic, 123456789012LL);
	} while (coordinator_is_loading(code));
	must_answer(code, NONE);
	for (int16_t version = 1; version <= 9; version++)
		fetch_committed(node, group, topic, 123456789012LL, version);
	cluster_delete_topic(client, topic);
}

static void join(int32_t node, const char *group, struct kwire_string *member,
		 struct kwire_bytes metadata, struct kwire_join_group_response **response)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_join_group_request request = KWIRE_JOIN_GROUP_REQUEST_INIT;
	struct kwire_join_group_request_protocol protocol = KWIRE_JOIN_GROUP_REQUEST_PROTOCOL_INIT;

	protocol.name = KWIRE_STRING("range");
	protocol.metadata = metadata;
	request.group_id = kwire_string(group);
	request.session_timeout_ms = 10000;
	request.rebalance_timeout_ms = 10000;
	request.member_id = *member;
	request.protocol_type = KWIRE_STRING("consumer");
	request.protocols.items = &protocol;
	request.protocols.count = 1;
	options.broker_id = node;
	must(kwire_send_join_group_with(client, &request, response, &options, &error), &error);
}

/* One member's whole life in a group of the classic protocol. */
static void a_member_joins_syncs_beats_and_leaves(void **state)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_consumer_protocol_subscription subscription =
		KWIRE_CONSUMER_PROTOCOL_SUBSCRIPTION_INIT;
	struct kwire_consumer_protocol_subscription *read_back = NULL;
	struct kwire_string topics = KWIRE_STRING("some-topic");
	struct kwire_join_group_response *first = NULL;
	struct kwire_join_group_response *joined = NULL;
	struct cluster_patience patience = {0};
	struct kwire_string member = KWIRE_STRING("");
	uint8_t bytes[128];
	void *decoded = NULL;
	size_t size = 0;
	char group[64];

	(void)state;
	subscription.topics.items = &topics;
	subscription.topics.count = 1;
	bytes[0] = 0; /* members write the version in front of it */
	bytes[1] = 3;
	must(kwire_message_encode(&kwire_consumer_protocol_subscription_message, &subscription, 3,
				  bytes + 2, sizeof(bytes) - 2, &size, &error),
	     &error);
	size += 2;

	cluster_name(group, "classic");
	for (;;) { /* the first answer only gives an id, once the coordinator is ready */
		assert_true(cluster_again(&patience));
		member = KWIRE_STRING("");
		options.broker_id = cluster_coordinator(client, group, 0);
		join(options.broker_id, group, &member, kwire_bytes_of(bytes, size), &first);
		if (!coordinator_is_loading(first->error_code)) {
			must_answer(first->error_code, MEMBER_ID_REQUIRED);
			member = first->member_id;
			assert_true(member.size > 0);
			join(options.broker_id, group, &member, kwire_bytes_of(bytes, size),
			     &joined);
			if (joined->error_code != UNKNOWN_MEMBER_ID &&
			    !coordinator_is_loading(joined->error_code))
				break;
			/*
			 * Deleting a topic sweeps groups that are still empty away, and a
			 * coordinator may fall behind after it gave the id.
			 */
			kwire_response_free(joined);
		}
		kwire_response_free(first);
	}
	must_answer(joined->error_code, NONE);
	assert_true(kwire_string_equal(joined->leader, member.data));
	assert_int_equal(joined->members.count, 1);
	assert_int_equal(joined->members.items[0].metadata.size, size);
	assert_memory_equal(joined->members.items[0].metadata.data, bytes, size);
	must(kwire_message_decode(&kwire_consumer_protocol_subscription_message,
				  joined->members.items[0].metadata.data + 2,
				  (size_t)joined->members.items[0].metadata.size - 2, 3, &decoded,
				  &error),
	     &error);
	read_back = decoded;
	assert_int_equal(read_back->topics.count, 1);
	assert_true(kwire_string_equal(read_back->topics.items[0], "some-topic"));
	kwire_response_free(read_back);

	{
		struct kwire_sync_group_request request = KWIRE_SYNC_GROUP_REQUEST_INIT;
		struct kwire_sync_group_request_assignment mine =
			KWIRE_SYNC_GROUP_REQUEST_ASSIGNMENT_INIT;
		struct kwire_sync_group_response *response = NULL;

		mine.member_id = member;
		mine.assignment = kwire_bytes_of("anything", 8);
		request.group_id = kwire_string(group);
		request.generation_id = joined->generation_id;
		request.member_id = member;
		request.protocol_type = KWIRE_STRING("consumer");
		request.protocol_name = KWIRE_STRING("range");
		request.assignments.items = &mine;
		request.assignments.count = 1;
		must(kwire_send_sync_group_with(client, &request, &response, &options, &error),
		     &error);
		must_answer(response->error_code, NONE);
		assert_int_equal(response->assignment.size, 8);
		assert_memory_equal(response->assignment.data, "anything", 8);
		kwire_response_free(response);
	}
	{
		struct kwire_heartbeat_request request = KWIRE_HEARTBEAT_REQUEST_INIT;
		struct kwire_heartbeat_response *response = NULL;

		request.group_id = kwire_string(group);
		request.generation_id = joined->generation_id;
		request.member_id = member;
		must(kwire_send_heartbeat_with(client, &request, &response, &options, &error),
		     &error);
		must_answer(response->error_code, NONE);
		kwire_response_free(response);
	}
	{
		struct kwire_describe_groups_request request = KWIRE_DESCRIBE_GROUPS_REQUEST_INIT;
		struct kwire_describe_groups_response *response = NULL;
		struct kwire_string name = kwire_string(group);

		request.groups.items = &name;
		request.groups.count = 1;
		must(kwire_send_describe_groups_with(client, &request, &response, &options, &error),
		     &error);
		assert_int_equal(response->groups.count, 1);
		must_answer(response->groups.items[0].error_code, NONE);
		assert_true(kwire_string_equal(response->groups.items[0].group_state, "Stable"));
		assert_int_equal(response->groups.items[0].members.count, 1);
		assert_true(kwire_string_equal(response->groups.items[0].members.items[0].member_id,
					       member.data));
		kwire_response_free(response);
	}
	{
		struct kwire_leave_group_request request = KWIRE_LEAVE_GROUP_REQUEST_INIT;
		struct kwire_leave_group_request_member mine =
			KWIRE_LEAVE_GROUP_REQUEST_MEMBER_INIT;
		struct kwire_leave_group_response *response = NULL;

		mine.member_id = member;
		mine.reason = KWIRE_STRING("done");
		request.group_id = kwire_string(group);
		request.members.items = &mine;
		request.members.count = 1;
		must(kwire_send_leave_group_with(client, &request, &response, &options, &error),
		     &error);
		must_answer(response->error_code, NONE);
		assert_int_equal(response->members.count, 1);
		must_answer(response->members.items[0].error_code, NONE);
		kwire_response_free(response);
	}
	{
		struct kwire_delete_groups_request request = KWIRE_DELETE_GROUPS_REQUEST_INIT;
		struct kwire_delete_groups_response *response = NULL;
		struct kwire_string name = kwire_string(group);

		request.groups_names.items = &name;
		request.groups_names.count = 1;
		must(kwire_send_delete_groups_with(client, &request, &response, &options, &error),
		     &error);
		assert_int_equal(response->results.count, 1);
		must_answer(response->results.items[0].error_code, NONE);
		kwire_response_free(response);
	}
	kwire_response_free(joined);
	kwire_response_free(first);
}

static void a_member_of_the_new_protocol_is_given_partitions(void **state)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_consumer_group_heartbeat_request request =
		KWIRE_CONSUMER_GROUP_HEARTBEAT_REQUEST_INIT;
	struct kwire_consumer_group_heartbeat_response *response = NULL;
	struct cluster_patience patience = {0};
	struct kwire_uuid topic_id = KWIRE_UUID_INIT;
	struct kwire_string topics;
	char group[64];
	char topic[64];

	(void)state;
	if (!cluster_at_least(4, 0))
		skip();
	cluster_name(group, "modern");
	cluster_name(topic, "given");
	cluster_create_topic(client, topic, 3, 1);
	cluster_leader(client, topic, 0, &topic_id);
	topics = kwire_string(topic);
	request.group_id = kwire_string(group);
	request.member_id = KWIRE_STRING("AAAAAAAAAAAAAAAAAAAAAQ");
	request.member_epoch = 0;
	request.rebalance_timeout_ms = 10000;
	request.subscribed_topic_names.items = &topics;
	request.subscribed_topic_names.count = 1;
	request.topic_partitions.count = 0; /* owns none: empty, not null */
	for (;;) { /* until the coordinator is ready and has heard of the topic */
		assert_true(cluster_again(&patience));
		options.broker_id = cluster_coordinator(client, group, 0);
		must(kwire_send_consumer_group_heartbeat_with(client, &request, &response, &options,
							      &error),
		     &error);
		if (!coordinator_is_loading(response->error_code)) {
			must_answer(response->error_code, NONE);
			if (response->assignment != NULL &&
			    response->assignment->topic_partitions.count > 0)
				break;
			request.member_epoch = response->member_epoch;
		}
		kwire_response_free(response);
	}
	assert_int_equal(response->assignment->topic_partitions.count, 1);
	assert_int_equal(response->assignment->topic_partitions.items[0].partitions.count, 3);
	assert_memory_equal(response->assignment->topic_partitions.items[0].topic_id.bytes,
			    topic_id.bytes, 16);
	kwire_response_free(response);
	request.member_epoch = -1; /* leaves */
	must(kwire_send_consumer_group_heartbeat_with(client, &request, &response, &options,
						      &error),
	     &error);
	must_answer(response->error_code, NONE);
	kwire_response_free(response);
	cluster_delete_topic(client, topic);
}

static void groups_are_listed_by_their_coordinators(void **state)
{
	struct cluster_patience patience = {0};
	char group[64];
	char topic[64];
	int32_t node;
	int16_t code;
	int found = 0;

	(void)state;
	cluster_name(group, "listed");
	cluster_name(topic, "listed");
	cluster_create_topic(client, topic, 1, 1);
	do {
		assert_true(cluster_again(&patience));
		node = cluster_coordinator(client, group, 0);
		code = commit(node, group, topic, 1);
	} while (coordinator_is_loading(code));
	must_answer(code, NONE);
	for (int32_t broker = 1; broker <= CLUSTER_NODES; broker++) {
		struct kwire_error error = KWIRE_ERROR_INIT;
		struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
		struct kwire_list_groups_request request = KWIRE_LIST_GROUPS_REQUEST_INIT;
		struct kwire_list_groups_response *response = NULL;

		options.broker_id = broker;
		must(kwire_send_list_groups_with(client, &request, &response, &options, &error),
		     &error);
		must_answer(response->error_code, NONE);
		for (int32_t i = 0; i < response->groups.count; i++)
			if (kwire_string_equal(response->groups.items[i].group_id, group)) {
				assert_int_equal(broker, node);
				found++;
			}
		kwire_response_free(response);
	}
	assert_int_equal(found, 1);
	cluster_delete_topic(client, topic);
}

/* An id for a producer, idempotent or of a transaction. */
static int16_t producer_id(const char *transaction, int32_t node, int64_t *id, int16_t *epoch)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_init_producer_id_request request = KWIRE_INIT_PRODUCER_ID_REQUEST_INIT;
	struct kwire_init_producer_id_response *response = NULL;
	int16_t code;

	request.transactional_id = kwire_string(transaction);
	request.transaction_timeout_ms = 30000;
	options.broker_id = node;
	must(kwire_send_init_producer_id_with(client, &request, &response, &options, &error),
	     &error);
	code = response->error_code;
	*id = response->producer_id;
	*epoch = response->producer_epoch;
	kwire_response_free(response);
	return code;
}

static void every_producer_gets_an_id_of_its_own(void **state)
{
	struct cluster_patience patience = {0};
	int64_t ids[3] = {-1, -1, -1};
	int16_t epoch = -1;
	int16_t code;

	(void)state;
	for (int i = 0; i < 3; i++) {
		do { /* the first asks the controller for a block of ids */
			assert_true(cluster_again(&patience));
			code = producer_id(NULL, i % CLUSTER_NODES + 1, &ids[i], &epoch);
		} while (coordinator_is_loading(code));
		must_answer(code, NONE);
		assert_true(ids[i] >= 0);
		assert_int_equal(epoch, 0);
	}
	assert_true(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2]);
}

static void a_transactional_producer_is_fenced_by_its_successor(void **state)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_end_txn_request request = KWIRE_END_TXN_REQUEST_INIT;
	struct kwire_end_txn_response *response = NULL;
	struct cluster_patience patience = {0};
	int64_t first = -1;
	int64_t second = -1;
	int16_t first_epoch = -1;
	int16_t second_epoch = -1;
	char name[64];
	int16_t code;

	(void)state;
	cluster_name(name, "transaction");
	do {
		assert_true(cluster_again(&patience));
		options.broker_id = cluster_coordinator(client, name, 1);
		code = producer_id(name, options.broker_id, &first, &first_epoch);
	} while (coordinator_is_loading(code));
	must_answer(code, NONE);
	do {
		assert_true(cluster_again(&patience));
		code = producer_id(name, options.broker_id, &second, &second_epoch);
	} while (coordinator_is_loading(code));
	must_answer(code, NONE);
	assert_true(second == first);
	assert_true(second_epoch > first_epoch);

	request.transactional_id = kwire_string(name);
	request.producer_id = first;
	request.producer_epoch = first_epoch;
	request.committed = true;
	must(kwire_send_end_txn_with(client, &request, &response, &options, &error), &error);
	assert_true(response->error_code == 90 || response->error_code == 47); /* fenced */
	kwire_response_free(response);
}

static void transactions_are_listed(void **state)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_list_transactions_request request = KWIRE_LIST_TRANSACTIONS_REQUEST_INIT;
	struct kwire_list_transactions_response *response = NULL;

	(void)state;
	must(kwire_send_list_transactions(client, &request, &response, &error), &error);
	assert_true(response->error_code == NONE || coordinator_is_loading(response->error_code));
	kwire_response_free(response);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_coordinators_are_found_by_one_call),
		cmocka_unit_test(committed_offsets_are_fetched_in_every_version),
		cmocka_unit_test(a_member_joins_syncs_beats_and_leaves),
		cmocka_unit_test(a_member_of_the_new_protocol_is_given_partitions),
		cmocka_unit_test(groups_are_listed_by_their_coordinators),
		cmocka_unit_test(every_producer_gets_an_id_of_its_own),
		cmocka_unit_test(a_transactional_producer_is_fenced_by_its_successor),
		cmocka_unit_test(transactions_are_listed),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
