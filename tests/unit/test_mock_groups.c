/* SPDX-License-Identifier: Apache-2.0 */
/* The mock's coordinators: groups, their offsets, transactions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <kwire/api/add_offsets_to_txn.h>
#include <kwire/api/add_partitions_to_txn.h>
#include <kwire/api/delete_groups.h>
#include <kwire/api/describe_groups.h>
#include <kwire/api/end_txn.h>
#include <kwire/api/fetch.h>
#include <kwire/api/find_coordinator.h>
#include <kwire/api/heartbeat.h>
#include <kwire/api/init_producer_id.h>
#include <kwire/api/join_group.h>
#include <kwire/api/leave_group.h>
#include <kwire/api/list_groups.h>
#include <kwire/api/offset_commit.h>
#include <kwire/api/offset_fetch.h>
#include <kwire/api/produce.h>
#include <kwire/api/sync_group.h>
#include <kwire/api/txn_offset_commit.h>
#include <kwire/mock.h>
#include <kwire/records.h>

#include "../support/wire.h"

static const int64_t patience_ms = 10000;

struct scene {
	struct kwire_mock *mock;
	int fds[3]; /* all to broker 1, the only one */
};

static int set_up(void **state)
{
	struct kwire_mock_options options = KWIRE_MOCK_OPTIONS_INIT;
	struct scene *scene = calloc(1, sizeof(*scene));

	options.brokers = 1;
	options.flags = KWIRE_MOCK_MANUAL_TIME;
	if (kwire_mock_open(&options, &scene->mock, NULL) != 0)
		return -1;
	for (int i = 0; i < 3; i++)
		scene->fds[i] = wire_connect(kwire_mock_port(scene->mock, 1));
	*state = scene;
	return 0;
}

static int tear_down(void **state)
{
	struct scene *scene = *state;

	for (int i = 0; i < 3; i++)
		close(scene->fds[i]);
	kwire_mock_close(scene->mock);
	free(scene);
	return 0;
}

/* ------------------------------------------------------------------- members */

struct member {
	int fd;
	char id[128];
	int32_t generation;
	bool leader;
	int members;
};

static void start_join(struct member *member, int32_t correlation_id)
{
	struct kwire_join_group_request request = KWIRE_JOIN_GROUP_REQUEST_INIT;
	struct kwire_join_group_request_protocol protocols[2] = {
		KWIRE_JOIN_GROUP_REQUEST_PROTOCOL_INIT, KWIRE_JOIN_GROUP_REQUEST_PROTOCOL_INIT};

	request.group_id = KWIRE_STRING("g");
	request.session_timeout_ms = 10000;
	request.rebalance_timeout_ms = 20000;
	request.member_id = kwire_string(member->id);
	request.protocol_type = KWIRE_STRING("consumer");
	protocols[0].name = KWIRE_STRING("range");
	protocols[0].metadata = kwire_bytes_of("meta", 4);
	protocols[1].name = KWIRE_STRING("roundrobin");
	protocols[1].metadata = kwire_bytes_of("meta", 4);
	request.protocols.items = protocols;
	request.protocols.count = 2;
	assert_int_equal(wire_send(member->fd, &kwire_join_group_api, 7, correlation_id, &request),
			 0);
}

static int16_t end_join(struct member *member, int32_t correlation_id)
{
	struct kwire_join_group_response *response = wire_answer(member->fd, &kwire_join_group_api,
								 7, correlation_id);
	int16_t code;

	assert_non_null(response);
	code = response->error_code;
	snprintf(member->id, sizeof(member->id), "%s", response->member_id.data);
	member->generation = response->generation_id;
	member->leader = kwire_string_equal(response->leader, member->id);
	member->members = response->members.count;
	if (code == 0)
		assert_true(kwire_string_equal(response->protocol_name, "range"));
	kwire_response_free(response);
	return code;
}

/* The first answer of a new member only names it. */
static void introduce(struct member *member, int fd)
{
	memset(member, 0, sizeof(*member));
	member->fd = fd;
	start_join(member, 1);
	assert_int_equal(end_join(member, 1), 79);
	assert_true(strlen(member->id) > 0);
}

static void start_sync(struct member *member, const struct member *all, int count)
{
	struct kwire_sync_group_request request = KWIRE_SYNC_GROUP_REQUEST_INIT;
	struct kwire_sync_group_request_assignment assignments[3];

	request.group_id = KWIRE_STRING("g");
	request.generation_id = member->generation;
	request.member_id = kwire_string(member->id);
	for (int i = 0; i < count; i++) {
		assignments[i] = (struct kwire_sync_group_request_assignment)
			KWIRE_SYNC_GROUP_REQUEST_ASSIGNMENT_INIT;
		assignments[i].member_id = kwire_string(all[i].id);
		assignments[i].assignment = kwire_bytes_of(all[i].id, strlen(all[i].id));
	}
	request.assignments.items = assignments;
	request.assignments.count = member->leader ? count : 0;
	assert_int_equal(wire_send(member->fd, &kwire_sync_group_api, 4, 2, &request), 0);
}

/* Each member was assigned its own name. */
static int16_t end_sync(struct member *member)
{
	struct kwire_sync_group_response *response = wire_answer(member->fd, &kwire_sync_group_api,
								 4, 2);
	int16_t code;

	assert_non_null(response);
	code = response->error_code;
	if (code == 0) {
		assert_int_equal(response->assignment.size, strlen(member->id));
		assert_memory_equal(response->assignment.data, member->id, strlen(member->id));
	}
	kwire_response_free(response);
	return code;
}

static int16_t beat(struct member *member)
{
	struct kwire_heartbeat_request request = KWIRE_HEARTBEAT_REQUEST_INIT;
	struct kwire_heartbeat_response *response;
	int16_t code;

	request.group_id = KWIRE_STRING("g");
	request.generation_id = member->generation;
	request.member_id = kwire_string(member->id);
	response = wire_call(member->fd, &kwire_heartbeat_api, 4, &request);
	assert_non_null(response);
	code = response->error_code;
	kwire_response_free(response);
	return code;
}

/* A group of two, stable. */
static void form(struct scene *scene, struct member *members)
{
	struct kwire_mock_match joins = kwire_mock_on(kwire_join_group_api.key);

	introduce(&members[0], scene->fds[0]);
	start_join(&members[0], 3);
	assert_int_equal(end_join(&members[0], 3), 0);
	assert_true(members[0].leader);
	introduce(&members[1], scene->fds[1]);
	start_join(&members[1], 4);
	assert_int_equal(kwire_mock_wait(scene->mock, &joins, 4, patience_ms, NULL), 0);
	assert_int_equal(beat(&members[0]), 27);
	start_join(&members[0], 5);
	assert_int_equal(end_join(&members[0], 5), 0);
	assert_int_equal(end_join(&members[1], 4), 0);
	assert_int_equal(members[0].generation, members[1].generation);
	assert_true(members[0].leader);
	assert_false(members[1].leader);
	assert_int_equal(members[0].members, 2);
	assert_int_equal(members[1].members, 0);
	start_sync(&members[1], members, 2);
	start_sync(&members[0], members, 2);
	assert_int_equal(end_sync(&members[0]), 0);
	assert_int_equal(end_sync(&members[1]), 0);
	assert_int_equal(beat(&members[0]), 0);
	assert_int_equal(beat(&members[1]), 0);
}

static void two_members_join_and_are_assigned(void **state)
{
	struct kwire_describe_groups_request request = KWIRE_DESCRIBE_GROUPS_REQUEST_INIT;
	struct kwire_string group = KWIRE_STRING("g");
	struct kwire_describe_groups_response *response;
	struct scene *scene = *state;
	struct member members[2];

	form(scene, members);
	request.groups.items = &group;
	request.groups.count = 1;
	response = wire_call(scene->fds[2], &kwire_describe_groups_api, 5, &request);
	assert_non_null(response);
	assert_true(kwire_string_equal(response->groups.items[0].group_state, "Stable"));
	assert_int_equal(response->groups.items[0].members.count, 2);
	kwire_response_free(response);
}

static void who_leaves_makes_the_others_join_again(void **state)
{
	struct kwire_leave_group_request request = KWIRE_LEAVE_GROUP_REQUEST_INIT;
	struct kwire_leave_group_request_member gone = KWIRE_LEAVE_GROUP_REQUEST_MEMBER_INIT;
	struct kwire_leave_group_response *response;
	struct scene *scene = *state;
	struct member members[2];
	int32_t before;

	form(scene, members);
	before = members[0].generation;
	request.group_id = KWIRE_STRING("g");
	gone.member_id = kwire_string(members[1].id);
	request.members.items = &gone;
	request.members.count = 1;
	response = wire_call(scene->fds[1], &kwire_leave_group_api, 4, &request);
	assert_non_null(response);
	assert_int_equal(response->members.items[0].error_code, 0);
	kwire_response_free(response);
	assert_int_equal(beat(&members[0]), 27);
	assert_int_equal(beat(&members[1]), 25);
	start_join(&members[0], 9);
	assert_int_equal(end_join(&members[0], 9), 0);
	assert_int_equal(members[0].generation, before + 1);
	assert_int_equal(members[0].members, 1);
}

static void a_silent_member_is_put_out_after_its_session(void **state)
{
	struct scene *scene = *state;
	struct member members[2];

	form(scene, members);
	kwire_mock_advance(scene->mock, 9999);
	assert_int_equal(beat(&members[0]), 0);
	kwire_mock_advance(scene->mock, 1);
	assert_int_equal(beat(&members[0]), 27);
	assert_int_equal(beat(&members[1]), 25);
}

static void who_does_not_rejoin_in_time_is_out(void **state)
{
	struct kwire_mock_match joins = kwire_mock_on(kwire_join_group_api.key);
	struct scene *scene = *state;
	struct member members[2];
	struct member third;
	int64_t before;

	form(scene, members);
	before = kwire_mock_count(scene->mock, &joins);
	introduce(&third, scene->fds[2]);
	start_join(&third, 7);
	assert_int_equal(kwire_mock_wait(scene->mock, &joins, before + 2, patience_ms, NULL), 0);
	/* Both go on beating, but only one of them comes. */
	start_join(&members[0], 8);
	assert_int_equal(kwire_mock_wait(scene->mock, &joins, before + 3, patience_ms, NULL), 0);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(beat(&members[1]), 27);
		kwire_mock_advance(scene->mock, 5000);
	}
	assert_int_equal(end_join(&members[0], 8), 0);
	assert_int_equal(end_join(&third, 7), 0);
	assert_int_equal(members[0].members, 2);
	assert_int_equal(beat(&members[1]), 25);
}

static void generations_and_strangers_are_told_apart(void **state)
{
	struct scene *scene = *state;
	struct member members[2];
	struct member stranger = {.id = "nobody"};

	form(scene, members);
	members[1].generation++;
	assert_int_equal(beat(&members[1]), 22);
	stranger.fd = scene->fds[2];
	assert_int_equal(beat(&stranger), 25);
}

static void a_group_belongs_to_its_coordinator(void **state)
{
	struct kwire_find_coordinator_request request = KWIRE_FIND_COORDINATOR_REQUEST_INIT;
	struct kwire_heartbeat_request heartbeat = KWIRE_HEARTBEAT_REQUEST_INIT;
	struct kwire_mock *mock;
	int32_t found = -1;

	(void)state;
	assert_int_equal(kwire_mock_open(NULL, &mock, NULL), 0);
	request.key = KWIRE_STRING("g");
	heartbeat.group_id = KWIRE_STRING("g");
	for (int32_t broker = 1; broker <= 3; broker++) {
		int fd = wire_connect(kwire_mock_port(mock, broker));
		struct kwire_find_coordinator_response *response = wire_call(
			fd, &kwire_find_coordinator_api, 2, &request);
		struct kwire_heartbeat_response *answer = wire_call(fd, &kwire_heartbeat_api, 4,
								    &heartbeat);

		assert_true(found < 0 || found == response->node_id);
		found = response->node_id;
		assert_int_equal(response->port, kwire_mock_port(mock, found));
		assert_int_equal(answer->error_code, broker == found ? 25 : 16);
		kwire_response_free(response);
		kwire_response_free(answer);
		close(fd);
	}
	/* Its work passes to another. */
	assert_int_equal(kwire_mock_stop_broker(mock, found, NULL), 0);
	{
		int fd = wire_connect(kwire_mock_port(mock, found % 3 + 1));
		struct kwire_find_coordinator_response *response = wire_call(
			fd, &kwire_find_coordinator_api, 2, &request);

		assert_int_not_equal(response->node_id, found);
		assert_int_equal(response->error_code, 0);
		kwire_response_free(response);
		close(fd);
	}
	kwire_mock_close(mock);
}

/* ------------------------------------------------------------------- offsets */

static int16_t commit(int fd, const char *member_id, int32_t generation, int64_t offset)
{
	struct kwire_offset_commit_request request = KWIRE_OFFSET_COMMIT_REQUEST_INIT;
	struct kwire_offset_commit_request_topic topic = KWIRE_OFFSET_COMMIT_REQUEST_TOPIC_INIT;
	struct kwire_offset_commit_request_topic_partition partition =
		KWIRE_OFFSET_COMMIT_REQUEST_TOPIC_PARTITION_INIT;
	struct kwire_offset_commit_response *response;
	int16_t code;

	request.group_id = KWIRE_STRING("g");
	request.generation_id_or_member_epoch = generation;
	request.member_id = kwire_string(member_id);
	request.topics.items = &topic;
	request.topics.count = 1;
	topic.name = KWIRE_STRING("t");
	topic.partitions.items = &partition;
	topic.partitions.count = 1;
	partition.committed_offset = offset;
	partition.committed_metadata = KWIRE_STRING("note");
	response = wire_call(fd, &kwire_offset_commit_api, 8, &request);
	assert_non_null(response);
	code = response->topics.items[0].partitions.items[0].error_code;
	kwire_response_free(response);
	return code;
}

/* The committed offset; -88 where it is unstable. */
static int64_t committed(int fd, int16_t version, bool stable)
{
	struct kwire_offset_fetch_request request = KWIRE_OFFSET_FETCH_REQUEST_INIT;
	struct kwire_offset_fetch_request_topic topic = KWIRE_OFFSET_FETCH_REQUEST_TOPIC_INIT;
	struct kwire_offset_fetch_request_group group = KWIRE_OFFSET_FETCH_REQUEST_GROUP_INIT;
	struct kwire_offset_fetch_request_group_topic group_topic =
		KWIRE_OFFSET_FETCH_REQUEST_GROUP_TOPIC_INIT;
	struct kwire_offset_fetch_response *response;
	int32_t partition = 0;
	int64_t offset;
	int16_t code;

	request.require_stable = stable;
	topic.name = group_topic.name = KWIRE_STRING("t");
	topic.partition_indexes.items = group_topic.partition_indexes.items = &partition;
	topic.partition_indexes.count = group_topic.partition_indexes.count = 1;
	if (version < 8) {
		request.group_id = KWIRE_STRING("g");
		request.topics.items = &topic;
		request.topics.count = 1;
	} else {
		group.group_id = KWIRE_STRING("g");
		group.topics.items = &group_topic;
		group.topics.count = 1;
		request.groups.items = &group;
		request.groups.count = 1;
	}
	response = wire_call(fd, &kwire_offset_fetch_api, version, &request);
	assert_non_null(response);
	if (version < 8) {
		offset = response->topics.items[0].partitions.items[0].committed_offset;
		code = response->topics.items[0].partitions.items[0].error_code;
	} else {
		offset = response->groups.items[0]
				 .topics.items[0]
				 .partitions.items[0]
				 .committed_offset;
		code = response->groups.items[0].topics.items[0].partitions.items[0].error_code;
	}
	kwire_response_free(response);
	return code == 88 ? -88 : offset;
}

static void offsets_are_committed_and_fetched(void **state)
{
	struct scene *scene = *state;

	assert_int_equal(commit(scene->fds[0], "", -1, 5), 3);
	assert_int_equal(kwire_mock_create_topic(scene->mock, "t", 1, NULL), 0);
	assert_int_equal(committed(scene->fds[0], 7, false), -1);
	assert_int_equal(commit(scene->fds[0], "", -1, 5), 0);
	for (int16_t version = 1; version <= 9; version++)
		assert_int_equal(committed(scene->fds[0], version, false), 5);
}

static void only_members_of_the_generation_commit(void **state)
{
	struct scene *scene = *state;
	struct member members[2];

	assert_int_equal(kwire_mock_create_topic(scene->mock, "t", 1, NULL), 0);
	form(scene, members);
	assert_int_equal(commit(scene->fds[2], "", -1, 5), 25);
	assert_int_equal(commit(scene->fds[0], members[0].id, members[0].generation + 1, 5), 22);
	assert_int_equal(commit(scene->fds[0], members[0].id, members[0].generation, 6), 0);
	assert_int_equal(committed(scene->fds[2], 7, false), 6);
}

static void groups_are_listed_and_deleted_when_empty(void **state)
{
	struct kwire_delete_groups_request request = KWIRE_DELETE_GROUPS_REQUEST_INIT;
	struct kwire_list_groups_request list = KWIRE_LIST_GROUPS_REQUEST_INIT;
	struct kwire_string group = KWIRE_STRING("g");
	struct kwire_list_groups_response *listed;
	static const int16_t codes[3] = {68, 0, 69};
	struct scene *scene = *state;
	struct member members[2];

	form(scene, members);
	listed = wire_call(scene->fds[2], &kwire_list_groups_api, 4, &list);
	assert_int_equal(listed->groups.count, 1);
	assert_true(kwire_string_equal(listed->groups.items[0].group_state, "Stable"));
	kwire_response_free(listed);
	request.groups_names.items = &group;
	request.groups_names.count = 1;
	for (int i = 0; i < 3; i++) {
		struct kwire_delete_groups_response *response = wire_call(
			scene->fds[2], &kwire_delete_groups_api, 2, &request);

		assert_int_equal(response->results.items[0].error_code, codes[i]);
		kwire_response_free(response);
		/* Sessions end one by one, and with them the rebalance. */
		if (i == 0)
			kwire_mock_advance(scene->mock, 100000);
	}
}

/* -------------------------------------------------------------- transactions */

struct producer {
	int64_t id;
	int16_t epoch;
};

static int16_t init_producer(int fd, const char *transactional_id, struct producer *producer)
{
	struct kwire_init_producer_id_request request = KWIRE_INIT_PRODUCER_ID_REQUEST_INIT;
	struct kwire_init_producer_id_response *response;
	int16_t code;

	request.transactional_id = kwire_string(transactional_id);
	request.transaction_timeout_ms = 60000;
	response = wire_call(fd, &kwire_init_producer_id_api, 4, &request);
	assert_non_null(response);
	code = response->error_code;
	producer->id = response->producer_id;
	producer->epoch = response->producer_epoch;
	kwire_response_free(response);
	return code;
}

static int16_t add_partition(int fd, const struct producer *producer)
{
	struct kwire_add_partitions_to_txn_request request =
		KWIRE_ADD_PARTITIONS_TO_TXN_REQUEST_INIT;
	struct kwire_add_partitions_to_txn_request_topic topic =
		KWIRE_ADD_PARTITIONS_TO_TXN_REQUEST_TOPIC_INIT;
	struct kwire_add_partitions_to_txn_response *response;
	int32_t partition = 0;
	int16_t code;

	request.v3_and_below_transactional_id = KWIRE_STRING("tx");
	request.v3_and_below_producer_id = producer->id;
	request.v3_and_below_producer_epoch = producer->epoch;
	request.v3_and_below_topics.items = &topic;
	request.v3_and_below_topics.count = 1;
	topic.name = KWIRE_STRING("t");
	topic.partitions.items = &partition;
	topic.partitions.count = 1;
	response = wire_call(fd, &kwire_add_partitions_to_txn_api, 3, &request);
	assert_non_null(response);
	code = response->results_by_topic_v3_and_below.items[0]
		       .results_by_partition.items[0]
		       .partition_error_code;
	kwire_response_free(response);
	return code;
}

static int16_t end_transaction(int fd, const struct producer *producer, bool committed_)
{
	struct kwire_end_txn_request request = KWIRE_END_TXN_REQUEST_INIT;
	struct kwire_end_txn_response *response;
	int16_t code;

	request.transactional_id = KWIRE_STRING("tx");
	request.producer_id = producer->id;
	request.producer_epoch = producer->epoch;
	request.committed = committed_;
	response = wire_call(fd, &kwire_end_txn_api, 3, &request);
	assert_non_null(response);
	code = response->error_code;
	kwire_response_free(response);
	return code;
}

static int16_t produce(int fd, const struct producer *producer, int32_t sequence)
{
	struct kwire_batch_options options = KWIRE_BATCH_OPTIONS_INIT;
	struct kwire_produce_request request = KWIRE_PRODUCE_REQUEST_INIT;
	struct kwire_produce_request_topic_data topic = KWIRE_PRODUCE_REQUEST_TOPIC_DATA_INIT;
	struct kwire_produce_request_topic_data_partition_data partition =
		KWIRE_PRODUCE_REQUEST_TOPIC_DATA_PARTITION_DATA_INIT;
	struct kwire_produce_response *response;
	struct kwire_batch_builder *builder;
	int16_t code;

	options.transactional = true;
	options.producer_id = producer->id;
	options.producer_epoch = producer->epoch;
	options.base_sequence = sequence;
	assert_int_equal(kwire_batch_builder_new(NULL, &builder, NULL), 0);
	assert_int_equal(kwire_batch_builder_begin(builder, &options, NULL), 0);
	assert_int_equal(kwire_batch_builder_add(builder, 1, kwire_bytes_of(NULL, 0),
						 kwire_bytes_of("v", 1), NULL, 0, NULL),
			 0);
	assert_int_equal(kwire_batch_builder_end(builder, &partition.records, NULL), 0);
	request.transactional_id = KWIRE_STRING("tx");
	request.acks = -1;
	request.topic_data.items = &topic;
	request.topic_data.count = 1;
	topic.name = KWIRE_STRING("t");
	topic.partition_data.items = &partition;
	topic.partition_data.count = 1;
	response = wire_call(fd, &kwire_produce_api, 9, &request);
	assert_non_null(response);
	code = response->responses.items[0].partition_responses.items[0].error_code;
	kwire_response_free(response);
	kwire_batch_builder_free(builder);
	return code;
}

static struct kwire_fetch_response *fetch(int fd, int8_t isolation)
{
	struct kwire_fetch_request request = KWIRE_FETCH_REQUEST_INIT;
	struct kwire_fetch_request_topic topic = KWIRE_FETCH_REQUEST_TOPIC_INIT;
	struct kwire_fetch_request_topic_partition partition =
		KWIRE_FETCH_REQUEST_TOPIC_PARTITION_INIT;

	request.isolation_level = isolation;
	request.topics.items = &topic;
	request.topics.count = 1;
	topic.topic = KWIRE_STRING("t");
	topic.partitions.items = &partition;
	topic.partitions.count = 1;
	partition.partition_max_bytes = 1 << 20;
	return wire_call(fd, &kwire_fetch_api, 11, &request);
}

static void the_stable_offset_waits_for_open_transactions(void **state)
{
	struct kwire_fetch_response_response_partition *p;
	struct kwire_fetch_response *response;
	struct scene *scene = *state;
	struct producer producer;
	int fd = scene->fds[0];
	int32_t stable;

	assert_int_equal(kwire_mock_append(scene->mock, "t", 0, NULL, "before", NULL), 0);
	assert_int_equal(init_producer(fd, "tx", &producer), 0);
	assert_int_equal(produce(fd, &producer, 0), 48);
	assert_int_equal(add_partition(fd, &producer), 0);
	assert_int_equal(produce(fd, &producer, 0), 0);
	response = fetch(fd, 1);
	p = &response->responses.items[0].partitions.items[0];
	assert_int_equal(p->last_stable_offset, 1);
	assert_int_equal(p->high_watermark, 2);
	assert_int_equal(p->aborted_transactions.count, 0);
	stable = p->records.size;
	kwire_response_free(response);
	/* Who reads committed is not given what is open. */
	response = fetch(fd, 0);
	p = &response->responses.items[0].partitions.items[0];
	assert_true(p->records.size > stable);
	kwire_response_free(response);
	assert_int_equal(end_transaction(fd, &producer, true), 0);
	assert_int_equal(end_transaction(fd, &producer, true), 0);
	assert_int_equal(end_transaction(fd, &producer, false), 48);
	response = fetch(fd, 1);
	p = &response->responses.items[0].partitions.items[0];
	assert_int_equal(p->last_stable_offset, 3);
	assert_int_equal(p->aborted_transactions.count, 0);
	kwire_response_free(response);
}

static void an_aborted_transaction_is_named_to_who_reads_committed(void **state)
{
	struct kwire_fetch_response_response_partition *p;
	struct kwire_fetch_response *response;
	struct scene *scene = *state;
	struct producer producer;
	int fd = scene->fds[0];

	assert_int_equal(kwire_mock_append(scene->mock, "t", 0, NULL, "before", NULL), 0);
	assert_int_equal(init_producer(fd, "tx", &producer), 0);
	assert_int_equal(add_partition(fd, &producer), 0);
	assert_int_equal(produce(fd, &producer, 0), 0);
	assert_int_equal(end_transaction(fd, &producer, false), 0);
	response = fetch(fd, 1);
	p = &response->responses.items[0].partitions.items[0];
	assert_int_equal(p->aborted_transactions.count, 1);
	assert_int_equal(p->aborted_transactions.items[0].producer_id, producer.id);
	assert_int_equal(p->aborted_transactions.items[0].first_offset, 1);
	kwire_response_free(response);
	response = fetch(fd, 0);
	assert_int_equal(
		response->responses.items[0].partitions.items[0].aborted_transactions.count, -1);
	kwire_response_free(response);
}

static void a_new_instance_fences_the_old_one(void **state)
{
	struct scene *scene = *state;
	struct producer old;
	struct producer new;
	int fd = scene->fds[0];

	assert_int_equal(kwire_mock_create_topic(scene->mock, "t", 1, NULL), 0);
	assert_int_equal(init_producer(fd, "tx", &old), 0);
	assert_int_equal(add_partition(fd, &old), 0);
	assert_int_equal(produce(fd, &old, 0), 0);
	assert_int_equal(init_producer(fd, "tx", &new), 0);
	assert_int_equal(new.id, old.id);
	assert_int_equal(new.epoch, old.epoch + 1);
	assert_int_equal(produce(fd, &old, 1), 47);
	assert_int_equal(end_transaction(fd, &old, true), 90);
	assert_int_equal(add_partition(fd, &new), 0);
	assert_int_equal(produce(fd, &new, 0), 0);
	assert_int_equal(end_transaction(fd, &new, true), 0);
}

static void a_transaction_open_too_long_is_aborted(void **state)
{
	struct kwire_fetch_response *response;
	struct scene *scene = *state;
	struct producer producer;
	int fd = scene->fds[0];

	assert_int_equal(kwire_mock_create_topic(scene->mock, "t", 1, NULL), 0);
	assert_int_equal(init_producer(fd, "tx", &producer), 0);
	assert_int_equal(add_partition(fd, &producer), 0);
	assert_int_equal(produce(fd, &producer, 0), 0);
	kwire_mock_advance(scene->mock, 60000);
	assert_int_equal(end_transaction(fd, &producer, true), 90);
	response = fetch(fd, 1);
	assert_int_equal(
		response->responses.items[0].partitions.items[0].aborted_transactions.count, 1);
	kwire_response_free(response);
}

static void offsets_of_a_transaction_count_when_it_commits(void **state)
{
	struct kwire_add_offsets_to_txn_request add = KWIRE_ADD_OFFSETS_TO_TXN_REQUEST_INIT;
	struct kwire_txn_offset_commit_request request = KWIRE_TXN_OFFSET_COMMIT_REQUEST_INIT;
	struct kwire_txn_offset_commit_request_topic topic =
		KWIRE_TXN_OFFSET_COMMIT_REQUEST_TOPIC_INIT;
	struct kwire_txn_offset_commit_request_topic_partition partition =
		KWIRE_TXN_OFFSET_COMMIT_REQUEST_TOPIC_PARTITION_INIT;
	struct scene *scene = *state;
	struct producer producer;
	int fd = scene->fds[0];

	assert_int_equal(kwire_mock_create_topic(scene->mock, "t", 1, NULL), 0);
	assert_int_equal(init_producer(fd, "tx", &producer), 0);
	add.transactional_id = request.transactional_id = KWIRE_STRING("tx");
	add.group_id = request.group_id = KWIRE_STRING("g");
	add.producer_id = request.producer_id = producer.id;
	add.producer_epoch = request.producer_epoch = producer.epoch;
	request.topics.items = &topic;
	request.topics.count = 1;
	topic.name = KWIRE_STRING("t");
	topic.partitions.items = &partition;
	topic.partitions.count = 1;
	for (int i = 0; i < 2; i++) {
		struct kwire_add_offsets_to_txn_response *added = wire_call(
			fd, &kwire_add_offsets_to_txn_api, 3, &add);
		struct kwire_txn_offset_commit_response *response;

		assert_int_equal(added->error_code, 0);
		kwire_response_free(added);
		partition.committed_offset = 10 + i;
		response = wire_call(fd, &kwire_txn_offset_commit_api, 3, &request);
		assert_int_equal(response->topics.items[0].partitions.items[0].error_code, 0);
		kwire_response_free(response);
		assert_int_equal(committed(fd, 8, false), -1);
		assert_int_equal(committed(fd, 8, true), -88);
		assert_int_equal(end_transaction(fd, &producer, i == 1), 0);
		assert_int_equal(committed(fd, 8, true), i == 1 ? 11 : -1);
	}
}

int main(void)
{
#define SCENE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		SCENE(two_members_join_and_are_assigned),
		SCENE(who_leaves_makes_the_others_join_again),
		SCENE(a_silent_member_is_put_out_after_its_session),
		SCENE(who_does_not_rejoin_in_time_is_out),
		SCENE(generations_and_strangers_are_told_apart),
		cmocka_unit_test(a_group_belongs_to_its_coordinator),
		SCENE(offsets_are_committed_and_fetched),
		SCENE(only_members_of_the_generation_commit),
		SCENE(groups_are_listed_and_deleted_when_empty),
		SCENE(the_stable_offset_waits_for_open_transactions),
		SCENE(an_aborted_transaction_is_named_to_who_reads_committed),
		SCENE(a_new_instance_fences_the_old_one),
		SCENE(a_transaction_open_too_long_is_aborted),
		SCENE(offsets_of_a_transaction_count_when_it_commits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
