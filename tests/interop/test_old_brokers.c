/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What kwire promises of every broker since Kafka 0.11, on the cluster at hand:
 * topics, records in every codec that it knows, offsets, groups, transactions.
 * `make test-kafka` runs it on its cluster, and tests/interop/old_brokers on
 * clusters of old releases.
 */
#include "cluster.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <kwire/api/add_partitions_to_txn.h>
#include <kwire/api/delete_records.h>
#include <kwire/api/describe_cluster.h>
#include <kwire/api/end_txn.h>
#include <kwire/api/heartbeat.h>
#include <kwire/api/init_producer_id.h>
#include <kwire/api/join_group.h>
#include <kwire/api/leave_group.h>
#include <kwire/api/metadata.h>
#include <kwire/api/offset_commit.h>
#include <kwire/api/offset_fetch.h>
#include <kwire/api/sync_group.h>
#include <kwire/fetch.h>

enum {
	DUPLICATE_SEQUENCE = 46,
	PER_BATCH = 50,
};

static struct kwire_client *client;
static char topic[64];

static int setup(void **state)
{
	(void)state;
	client = cluster_client();
	cluster_name(topic, "old");
	cluster_create_topic(client, topic, 6, 2);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	cluster_delete_topic(client, topic);
	kwire_client_close(client);
	return 0;
}

/* A batch; borrowed from `builder` until its next. */
static struct kwire_bytes batch_of(struct kwire_batch_builder *builder,
				   const struct kwire_batch_options *options, const char *word)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_header header = {KWIRE_STRING_INIT("kind"), {(const uint8_t *)"old", 3}};
	struct kwire_bytes batch;
	char value[64];

	must(kwire_batch_builder_begin(builder, options, &error), &error);
	for (int i = 0; i < PER_BATCH; i++) {
		snprintf(value, sizeof(value), "%s value value value %d", word, i);
		must(kwire_batch_builder_add(builder, (int64_t)time(NULL) * 1000 + i,
					     kwire_bytes_of("key", 3),
					     i % 9 == 0 ? kwire_bytes_of(NULL, 0)
							: kwire_bytes_of(value, strlen(value)),
					     &header, i % 2, &error),
		     &error);
	}
	must(kwire_batch_builder_end(builder, &batch, &error), &error);
	return batch;
}

/* Reads partition `index` from its beginning; how many records came, each as batch_of() made it. */
static int read_back(int32_t index, enum kwire_isolation isolation, const char *word)
{
	struct kwire_fetch_options options = KWIRE_FETCH_OPTIONS_INIT;
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_fetched *fetched = NULL;
	struct kwire_listed_offset end;
	struct kwire_record record;
	struct kwire_header header;
	char value[64];
	int count = 0, result;

	options.isolation = isolation;
	must(kwire_list_offset(client, topic, index, KWIRE_OFFSET_LATEST, isolation, &end, NULL,
			       &error),
	     &error);
	for (int64_t offset = 0; offset < end.offset;
	     offset = kwire_fetched_partition(fetched, 0)->next_offset) {
		must(kwire_fetch_partition(client, topic, index, offset, &options, &fetched,
					   &error),
		     &error);
		while ((result = kwire_fetched_next(fetched, 0, &record, &error)) == 1) {
			int i = count++ % PER_BATCH;

			snprintf(value, sizeof(value), "%s value value value %d", word, i);
			assert_int_equal(record.key.size, 3);
			if (i % 9 == 0) {
				assert_null(record.value.data);
			} else {
				assert_int_equal(record.value.size, strlen(value));
				assert_memory_equal(record.value.data, value, strlen(value));
			}
			assert_int_equal(record.headers.count, i % 2);
			assert_int_equal(kwire_headers_find(record.headers, "kind", &header),
					 i % 2);
		}
		must(result, &error);
	}
	kwire_fetched_free(fetched);
	return count;
}

static void records_of_every_codec_come_back(void **state)
{
	struct kwire_batch_options options = KWIRE_BATCH_OPTIONS_INIT;
	struct kwire_batch_builder *builder = NULL;
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_produced produced;
	char word[16];

	(void)state;
	must(kwire_batch_builder_new(NULL, &builder, &error), &error);
	for (int codec = KWIRE_CODEC_NONE; codec <= KWIRE_CODEC_ZSTD; codec++) {
		options.codec = (enum kwire_codec)codec;
		if (!kwire_codec_built(options.codec))
			continue;
		snprintf(word, sizeof(word), "codec-%d", codec);
		for (int i = 0; i < 3; i++) {
			int result = kwire_produce_batch(client, topic, codec,
							 batch_of(builder, &options, word), NULL,
							 &produced, &error);

			/* zstd came with 2.1: older ones are not even asked. */
			if (codec == KWIRE_CODEC_ZSTD && !cluster_at_least(2, 1)) {
				assert_int_equal(result, KWIRE_EUNSUPPORTED);
				assert_int_equal(error.outcome, KWIRE_NOT_SENT);
				break;
			}
			must(result, &error);
			assert_int_equal(produced.base_offset, PER_BATCH * i);
		}
		if (codec != KWIRE_CODEC_ZSTD || cluster_at_least(2, 1))
			assert_int_equal(read_back(codec, KWIRE_READ_UNCOMMITTED, word),
					 3 * PER_BATCH);
	}
	kwire_batch_builder_free(builder);
}

static void offsets_are_found_and_records_deleted(void **state)
{
	struct kwire_delete_records_request_topic_partition partition =
		KWIRE_DELETE_RECORDS_REQUEST_TOPIC_PARTITION_INIT;
	struct kwire_delete_records_request_topic entry = KWIRE_DELETE_RECORDS_REQUEST_TOPIC_INIT;
	struct kwire_delete_records_request request = KWIRE_DELETE_RECORDS_REQUEST_INIT;
	struct kwire_delete_records_response *response = NULL;
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_epoch_end_offset epoch;
	struct kwire_listed_offset found;
	int result;

	(void)state;
	must(kwire_list_offset(client, topic, 0, 1, KWIRE_READ_UNCOMMITTED, &found, NULL, &error),
	     &error);
	assert_int_equal(found.offset, 0);
	/* The API is as old as 0.11, the versions that kwire speaks are of 2.1. */
	result = kwire_offset_for_leader_epoch(client, topic, 0, -1, 0, &epoch, NULL, &error);
	if (cluster_at_least(2, 1)) {
		must(result, &error);
		assert_int_equal(epoch.end_offset, 3 * PER_BATCH);
	} else {
		assert_int_equal(result, KWIRE_EUNSUPPORTED);
		assert_non_null(strstr(error.message, "OffsetForLeaderEpoch"));
	}
	partition.partition_index = 0;
	partition.offset = 70;
	entry.name = kwire_string(topic);
	entry.partitions.items = &partition;
	entry.partitions.count = 1;
	request.topics.items = &entry;
	request.topics.count = 1;
	request.timeout_ms = 10000;
	options.broker_id = cluster_leader(client, topic, 0, NULL);
	must(kwire_send_delete_records_with(client, &request, &response, &options, &error), &error);
	must_answer(response->topics.items[0].partitions.items[0].error_code, NONE);
	kwire_response_free(response);
	must(kwire_list_offset(client, topic, 0, KWIRE_OFFSET_EARLIEST, KWIRE_READ_UNCOMMITTED,
			       &found, NULL, &error),
	     &error);
	assert_int_equal(found.offset, 70);
}

/* What a broker lacks is told with both ranges, before anything is sent. */
static void an_api_that_is_not_there_is_told(void **state)
{
	struct kwire_describe_cluster_request request = KWIRE_DESCRIBE_CLUSTER_REQUEST_INIT;
	struct kwire_describe_cluster_response *response = NULL;
	struct kwire_error error = KWIRE_ERROR_INIT;
	int result = kwire_send_describe_cluster(client, &request, &response, &error);

	(void)state;
	if (cluster_at_least(2, 8)) {
		must(result, &error);
		assert_int_equal(response->brokers.count, CLUSTER_NODES);
	} else {
		assert_int_equal(result, KWIRE_EUNSUPPORTED);
		assert_int_equal(error.outcome, KWIRE_NOT_SENT);
		assert_non_null(strstr(error.message, "DescribeCluster"));
	}
	kwire_response_free(response);
}

static void a_group_of_one_commits(void **state)
{
	struct kwire_join_group_request_protocol protocol = KWIRE_JOIN_GROUP_REQUEST_PROTOCOL_INIT;
	struct kwire_join_group_request join = KWIRE_JOIN_GROUP_REQUEST_INIT;
	struct kwire_join_group_response *joined = NULL;
	struct kwire_sync_group_request_assignment own = KWIRE_SYNC_GROUP_REQUEST_ASSIGNMENT_INIT;
	struct kwire_sync_group_request sync = KWIRE_SYNC_GROUP_REQUEST_INIT;
	struct kwire_sync_group_response *synced = NULL;
	struct kwire_heartbeat_request heartbeat = KWIRE_HEARTBEAT_REQUEST_INIT;
	struct kwire_heartbeat_response *beaten = NULL;
	struct kwire_offset_commit_request_topic_partition place =
		KWIRE_OFFSET_COMMIT_REQUEST_TOPIC_PARTITION_INIT;
	struct kwire_offset_commit_request_topic entry = KWIRE_OFFSET_COMMIT_REQUEST_TOPIC_INIT;
	struct kwire_offset_commit_request commit = KWIRE_OFFSET_COMMIT_REQUEST_INIT;
	struct kwire_offset_commit_response *committed = NULL;
	struct kwire_offset_fetch_request_topic asked = KWIRE_OFFSET_FETCH_REQUEST_TOPIC_INIT;
	struct kwire_offset_fetch_request fetch = KWIRE_OFFSET_FETCH_REQUEST_INIT;
	struct kwire_offset_fetch_response *fetched = NULL;
	struct kwire_leave_group_request leave = KWIRE_LEAVE_GROUP_REQUEST_INIT;
	struct kwire_leave_group_response *left = NULL;
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct cluster_patience patience = {0};
	int32_t partition = 0;
	char group[64];
	int16_t code;

	(void)state;
	cluster_name(group, "group");
	options.broker_id = cluster_coordinator(client, group, 0);
	protocol.name = KWIRE_STRING("range");
	protocol.metadata = kwire_bytes_of("\0\1", 2);
	join.group_id = kwire_string(group);
	join.protocol_type = KWIRE_STRING("consumer");
	join.protocols.items = &protocol;
	join.protocols.count = 1;
	join.session_timeout_ms = 30000;
	join.rebalance_timeout_ms = 30000;
	/* Without a member's id at first; since 2.2 once more with the one that was given. */
	do {
		kwire_response_free(joined);
		must(kwire_send_join_group_with(client, &join, &joined, &options, &error), &error);
		code = joined->error_code;
		if (code == MEMBER_ID_REQUIRED)
			join.member_id = joined->member_id;
	} while (code != NONE && cluster_again(&patience));
	must_answer(code, NONE);
	own.member_id = joined->member_id;
	own.assignment = kwire_bytes_of("mine", 4);
	sync.group_id = join.group_id;
	sync.generation_id = joined->generation_id;
	sync.member_id = joined->member_id;
	sync.protocol_type = join.protocol_type;
	sync.protocol_name = protocol.name;
	sync.assignments.items = &own;
	sync.assignments.count = 1;
	must(kwire_send_sync_group_with(client, &sync, &synced, &options, &error), &error);
	must_answer(synced->error_code, NONE);
	assert_int_equal(synced->assignment.size, 4);
	heartbeat.group_id = join.group_id;
	heartbeat.generation_id = joined->generation_id;
	heartbeat.member_id = joined->member_id;
	must(kwire_send_heartbeat_with(client, &heartbeat, &beaten, &options, &error), &error);
	must_answer(beaten->error_code, NONE);
	place.committed_offset = 42;
	place.committed_metadata = KWIRE_STRING("forty-two");
	entry.name = kwire_string(topic);
	entry.partitions.items = &place;
	entry.partitions.count = 1;
	commit.group_id = join.group_id;
	commit.generation_id_or_member_epoch = joined->generation_id;
	commit.member_id = joined->member_id;
	commit.topics.items = &entry;
	commit.topics.count = 1;
	options.max_version = 9; /* the last with topics' names */
	must(kwire_send_offset_commit_with(client, &commit, &committed, &options, &error), &error);
	must_answer(committed->topics.items[0].partitions.items[0].error_code, NONE);
	asked.name = kwire_string(topic);
	asked.partition_indexes.items = &partition;
	asked.partition_indexes.count = 1;
	fetch.group_id = join.group_id;
	fetch.topics.items = &asked;
	fetch.topics.count = 1;
	options.max_version = 7; /* the last with one group */
	must(kwire_send_offset_fetch_with(client, &fetch, &fetched, &options, &error), &error);
	assert_int_equal(fetched->topics.items[0].partitions.items[0].committed_offset, 42);
	assert_string_equal(fetched->topics.items[0].partitions.items[0].metadata.data,
			    "forty-two");
	leave.group_id = join.group_id;
	leave.member_id = joined->member_id;
	options.max_version = 2; /* the last with one member */
	must(kwire_send_leave_group_with(client, &leave, &left, &options, &error), &error);
	must_answer(left->error_code, NONE);
	kwire_response_free(left);
	kwire_response_free(fetched);
	kwire_response_free(committed);
	kwire_response_free(beaten);
	kwire_response_free(synced);
	kwire_response_free(joined);
}

/* Ends the transaction with these ids; codes that ask for patience get it. */
static void end_transaction(const struct kwire_init_producer_id_response *producer,
			    struct kwire_string id, bool commit)
{
	struct kwire_end_txn_request request = KWIRE_END_TXN_REQUEST_INIT;
	struct kwire_end_txn_response *response = NULL;
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_error error = KWIRE_ERROR_INIT;

	request.transactional_id = id;
	request.producer_id = producer->producer_id;
	request.producer_epoch = producer->producer_epoch;
	request.committed = commit;
	options.broker_id = cluster_coordinator(client, id.data, 1);
	options.max_version = 4; /* the last that leaves the epoch alone */
	must(kwire_send_end_txn_with(client, &request, &response, &options, &error), &error);
	must_answer(response->error_code, NONE);
	kwire_response_free(response);
}

static void enlist(const struct kwire_init_producer_id_response *producer, struct kwire_string id,
		   int32_t partition)
{
	struct kwire_add_partitions_to_txn_request_topic entry =
		KWIRE_ADD_PARTITIONS_TO_TXN_REQUEST_TOPIC_INIT;
	struct kwire_add_partitions_to_txn_request request =
		KWIRE_ADD_PARTITIONS_TO_TXN_REQUEST_INIT;
	struct kwire_add_partitions_to_txn_response *response = NULL;
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct cluster_patience patience = {0};
	int16_t code;

	entry.name = kwire_string(topic);
	entry.partitions.items = &partition;
	entry.partitions.count = 1;
	request.v3_and_below_transactional_id = id;
	request.v3_and_below_producer_id = producer->producer_id;
	request.v3_and_below_producer_epoch = producer->producer_epoch;
	request.v3_and_below_topics.items = &entry;
	request.v3_and_below_topics.count = 1;
	options.broker_id = cluster_coordinator(client, id.data, 1);
	options.max_version = 3; /* the last for clients */
	do {
		must(kwire_send_add_partitions_to_txn_with(client, &request, &response, &options,
							   &error),
		     &error);
		code = response->results_by_topic_v3_and_below.items[0]
			       .results_by_partition.items[0]
			       .partition_error_code;
		kwire_response_free(response);
	} while (code == CONCURRENT_TRANSACTIONS && cluster_again(&patience));
	must_answer(code, NONE);
}

static void transactions_commit_and_abort(void **state)
{
	struct kwire_init_producer_id_request request = KWIRE_INIT_PRODUCER_ID_REQUEST_INIT;
	struct kwire_init_producer_id_response *producer = NULL;
	struct kwire_produce_options produce = KWIRE_PRODUCE_OPTIONS_INIT;
	struct kwire_batch_options options = KWIRE_BATCH_OPTIONS_INIT;
	struct kwire_send_options send = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_batch_builder *builder = NULL;
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct cluster_patience patience = {0};
	char id[64];
	int16_t code;

	(void)state;
	cluster_name(id, "tx");
	request.transactional_id = kwire_string(id);
	request.transaction_timeout_ms = 60000;
	send.broker_id = cluster_coordinator(client, id, 1);
	do {
		kwire_response_free(producer);
		must(kwire_send_init_producer_id_with(client, &request, &producer, &send, &error),
		     &error);
		code = producer->error_code;
	} while (kwire_kafka_error(code).retriable && cluster_again(&patience));
	must_answer(code, NONE);
	must(kwire_batch_builder_new(NULL, &builder, &error), &error);
	options.producer_id = producer->producer_id;
	options.producer_epoch = producer->producer_epoch;
	options.transactional = true;
	produce.transactional_id = id;
	for (int i = 0; i < 3; i++) {
		enlist(producer, request.transactional_id, 5);
		options.base_sequence = i * PER_BATCH;
		must(kwire_produce_batch(client, topic, 5, batch_of(builder, &options, "tx"),
					 &produce, NULL, &error),
		     &error);
		/* The same once more is known to be the same. */
		if (kwire_produce_batch(client, topic, 5, batch_of(builder, &options, "tx"),
					&produce, NULL, &error) != 0)
			assert_int_equal(error.kafka_code, DUPLICATE_SEQUENCE);
		end_transaction(producer, request.transactional_id, i != 1);
	}
	kwire_batch_builder_free(builder);
	kwire_response_free(producer);
	/* The markers come behind the answer's back. */
	patience.until_ms = 0;
	while (read_back(5, KWIRE_READ_COMMITTED, "tx") != 2 * PER_BATCH &&
	       cluster_again(&patience))
		;
	assert_int_equal(read_back(5, KWIRE_READ_COMMITTED, "tx"), 2 * PER_BATCH);
	assert_int_equal(read_back(5, KWIRE_READ_UNCOMMITTED, "tx"), 3 * PER_BATCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_of_every_codec_come_back),
		cmocka_unit_test(offsets_are_found_and_records_deleted),
		cmocka_unit_test(an_api_that_is_not_there_is_told),
		cmocka_unit_test(a_group_of_one_commits),
		cmocka_unit_test(transactions_commit_and_abort),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
