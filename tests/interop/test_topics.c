/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a topic on a real cluster through typed calls: created,
 * described, configured, grown, looked into, deleted.
 */
#include "cluster.h"

#include <string.h>

#include <kwire/api/create_partitions.h>
#include <kwire/api/create_topics.h>
#include <kwire/api/delete_topics.h>
#include <kwire/api/describe_configs.h>
#include <kwire/api/describe_topic_partitions.h>
#include <kwire/api/elect_leaders.h>
#include <kwire/api/incremental_alter_configs.h>
#include <kwire/api/list_offsets.h>
#include <kwire/api/list_partition_reassignments.h>
#include <kwire/api/metadata.h>
#include <kwire/api/offset_for_leader_epoch.h>

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

/* Metadata's word on one topic; free the response. */
static struct kwire_metadata_response *metadata_of(const char *name)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
	struct kwire_metadata_request_topic topic = KWIRE_METADATA_REQUEST_TOPIC_INIT;
	struct kwire_metadata_response *response = NULL;

	topic.name = kwire_string(name);
	request.topics.items = &topic;
	request.topics.count = 1;
	request.allow_auto_topic_creation = false;
	must(kwire_send_metadata(client, &request, &response, &error), &error);
	assert_int_equal(response->topics.count, 1);
	return response;
}

/* Creates a topic with one configuration entry, or only checks; returns the topic's code. */
static int16_t create(const char *name, int32_t partitions, int16_t replication, bool validate_only,
		      struct kwire_uuid *topic_id)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_create_topics_request request = KWIRE_CREATE_TOPICS_REQUEST_INIT;
	struct kwire_create_topics_request_topic topic = KWIRE_CREATE_TOPICS_REQUEST_TOPIC_INIT;
	struct kwire_create_topics_request_topic_config config =
		KWIRE_CREATE_TOPICS_REQUEST_TOPIC_CONFIG_INIT;
	struct kwire_create_topics_response *response = NULL;
	int16_t code;

	config.name = KWIRE_STRING("retention.ms");
	config.value = KWIRE_STRING("86400000");
	topic.name = kwire_string(name);
	topic.num_partitions = partitions;
	topic.replication_factor = replication;
	topic.configs.items = &config;
	topic.configs.count = 1;
	request.topics.items = &topic;
	request.topics.count = 1;
	request.timeout_ms = 30000;
	request.validate_only = validate_only;
	must(kwire_send_create_topics(client, &request, &response, &error), &error);
	assert_int_equal(response->topics.count, 1);
	assert_true(kwire_string_equal(response->topics.items[0].name, name));
	code = response->topics.items[0].error_code;
	if (code != NONE)
		assert_true(response->topics.items[0].error_message.size > 0);
	if (topic_id != NULL)
		*topic_id = response->topics.items[0].topic_id;
	kwire_response_free(response);
	return code;
}

/* The value of a topic's configuration entry, into `value`. */
static void config_of(const char *name, const char *key, char value[64])
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_describe_configs_request request = KWIRE_DESCRIBE_CONFIGS_REQUEST_INIT;
	struct kwire_describe_configs_request_resource resource =
		KWIRE_DESCRIBE_CONFIGS_REQUEST_RESOURCE_INIT;
	struct kwire_describe_configs_response *response = NULL;
	struct kwire_string keys = kwire_string(key);
	struct kwire_string found;

	resource.resource_type = 2; /* a topic */
	resource.resource_name = kwire_string(name);
	resource.configuration_keys.items = &keys;
	resource.configuration_keys.count = 1;
	request.resources.items = &resource;
	request.resources.count = 1;
	must(kwire_send_describe_configs(client, &request, &response, &error), &error);
	assert_int_equal(response->results.count, 1);
	must_answer(response->results.items[0].error_code, NONE);
	assert_int_equal(response->results.items[0].configs.count, 1);
	assert_true(kwire_string_equal(response->results.items[0].configs.items[0].name, key));
	found = response->results.items[0].configs.items[0].value;
	assert_in_range(found.size, 1, 63);
	memcpy(value, found.data, (size_t)found.size);
	value[found.size] = '\0';
	kwire_response_free(response);
}

static void a_created_topic_is_described_and_deleted(void **state)
{
	struct kwire_metadata_response *metadata;
	struct kwire_uuid id = KWIRE_UUID_INIT;
	struct kwire_uuid known = KWIRE_UUID_INIT;
	struct cluster_patience patience = {0};
	char name[64];
	int16_t code;

	(void)state;
	cluster_name(name, "life");
	must_answer(create(name, 3, 3, false, &id), NONE);
	assert_false(kwire_uuid_is_zero(id));
	for (;;) { /* until the broker that is asked has heard of it */
		assert_true(cluster_again(&patience));
		metadata = metadata_of(name);
		if (metadata->topics.items[0].error_code == NONE)
			break;
		must_answer(metadata->topics.items[0].error_code, UNKNOWN_TOPIC_OR_PARTITION);
		kwire_response_free(metadata);
	}
	assert_int_equal(metadata->topics.items[0].partitions.count, 3);
	assert_true(kwire_string_equal(metadata->topics.items[0].name, name));
	assert_memory_equal(metadata->topics.items[0].topic_id.bytes, id.bytes, 16);
	for (int i = 0; i < 3; i++)
		assert_int_equal(metadata->topics.items[0].partitions.items[i].replica_nodes.count,
				 3);
	kwire_response_free(metadata);

	cluster_leader(client, name, 2, &known);
	assert_memory_equal(known.bytes, id.bytes, 16);
	cluster_delete_topic(client, name);
	patience.until_ms = 0;
	do {
		assert_true(cluster_again(&patience));
		metadata = metadata_of(name);
		code = metadata->topics.items[0].error_code;
		kwire_response_free(metadata);
	} while (code == NONE);
	must_answer(code, UNKNOWN_TOPIC_OR_PARTITION);
}

static void a_topic_that_exists_is_an_answer_and_no_failure(void **state)
{
	char name[64];

	(void)state;
	cluster_name(name, "twice");
	cluster_create_topic(client, name, 1, 1);
	must_answer(create(name, 1, 1, false, NULL), TOPIC_ALREADY_EXISTS);
	cluster_delete_topic(client, name);
}

static void more_replicas_than_brokers_is_refused_with_a_message(void **state)
{
	char name[64];

	(void)state;
	cluster_name(name, "wide");
	must_answer(create(name, 1, 4, false, NULL), INVALID_REPLICATION_FACTOR);
}

static void validating_creates_nothing(void **state)
{
	struct kwire_metadata_response *metadata;
	char name[64];

	(void)state;
	cluster_name(name, "checked");
	must_answer(create(name, 1, 1, true, NULL), NONE);
	metadata = metadata_of(name);
	must_answer(metadata->topics.items[0].error_code, UNKNOWN_TOPIC_OR_PARTITION);
	kwire_response_free(metadata);
}

static void a_topics_configuration_is_read_and_changed(void **state)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_incremental_alter_configs_request request =
		KWIRE_INCREMENTAL_ALTER_CONFIGS_REQUEST_INIT;
	struct kwire_incremental_alter_configs_request_resource resource =
		KWIRE_INCREMENTAL_ALTER_CONFIGS_REQUEST_RESOURCE_INIT;
	struct kwire_incremental_alter_configs_request_resource_config config =
		KWIRE_INCREMENTAL_ALTER_CONFIGS_REQUEST_RESOURCE_CONFIG_INIT;
	struct kwire_incremental_alter_configs_response *response = NULL;
	struct cluster_patience patience = {0};
	char value[64] = "";
	char name[64];

	(void)state;
	cluster_name(name, "config");
	cluster_create_topic(client, name, 1, 3);
	config_of(name, "cleanup.policy", value);
	assert_string_equal(value, "delete");

	config.name = KWIRE_STRING("cleanup.policy");
	config.config_operation = 0; /* set */
	config.value = KWIRE_STRING("compact");
	resource.resource_type = 2;
	resource.resource_name = kwire_string(name);
	resource.configs.items = &config;
	resource.configs.count = 1;
	request.resources.items = &resource;
	request.resources.count = 1;
	must(kwire_send_incremental_alter_configs(client, &request, &response, &error), &error);
	assert_int_equal(response->responses.count, 1);
	must_answer(response->responses.items[0].error_code, NONE);
	kwire_response_free(response);
	do {
		assert_true(cluster_again(&patience));
		config_of(name, "cleanup.policy", value);
	} while (strcmp(value, "compact") != 0);
	cluster_delete_topic(client, name);
}

static void a_topic_grows(void **state)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_create_partitions_request request = KWIRE_CREATE_PARTITIONS_REQUEST_INIT;
	struct kwire_create_partitions_request_topic topic =
		KWIRE_CREATE_PARTITIONS_REQUEST_TOPIC_INIT;
	struct kwire_create_partitions_response *response = NULL;
	struct cluster_patience patience = {0};
	char name[64];
	int32_t count;

	(void)state;
	cluster_name(name, "grows");
	cluster_create_topic(client, name, 1, 1);
	topic.name = kwire_string(name);
	topic.count = 4;
	topic.assignments.count = -1;
	request.topics.items = &topic;
	request.topics.count = 1;
	request.timeout_ms = 30000;
	must(kwire_send_create_partitions(client, &request, &response, &error), &error);
	assert_int_equal(response->results.count, 1);
	must_answer(response->results.items[0].error_code, NONE);
	kwire_response_free(response);
	do {
		struct kwire_metadata_response *metadata;

		assert_true(cluster_again(&patience));
		metadata = metadata_of(name);
		count = metadata->topics.items[0].partitions.count;
		kwire_response_free(metadata);
	} while (count != 4);
	cluster_delete_topic(client, name);
}

static void topic_partitions_are_described_page_by_page(void **state)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_describe_topic_partitions_request request =
		KWIRE_DESCRIBE_TOPIC_PARTITIONS_REQUEST_INIT;
	struct kwire_describe_topic_partitions_request_topic topic =
		KWIRE_DESCRIBE_TOPIC_PARTITIONS_REQUEST_TOPIC_INIT;
	struct kwire_describe_topic_partitions_request_cursor cursor =
		KWIRE_DESCRIBE_TOPIC_PARTITIONS_REQUEST_CURSOR_INIT;
	struct kwire_describe_topic_partitions_response *response = NULL;
	char name[64];

	(void)state;
	cluster_name(name, "pages");
	cluster_create_topic(client, name, 5, 1);
	topic.name = kwire_string(name);
	request.topics.items = &topic;
	request.topics.count = 1;
	request.response_partition_limit = 2;
	for (int32_t first = 0; first < 5; first += 2) {
		must(kwire_send_describe_topic_partitions(client, &request, &response, &error),
		     &error);
		assert_int_equal(response->topics.count, 1);
		assert_int_equal(response->topics.items[0].partitions.count, first < 4 ? 2 : 1);
		assert_int_equal(response->topics.items[0].partitions.items[0].partition_index,
				 first);
		if (first == 4) {
			assert_null(response->next_cursor);
		} else {
			assert_non_null(response->next_cursor);
			assert_true(kwire_string_equal(response->next_cursor->topic_name, name));
			cursor.topic_name = kwire_string(name);
			cursor.partition_index = response->next_cursor->partition_index;
			request.cursor = &cursor;
		}
		kwire_response_free(response);
	}
	cluster_delete_topic(client, name);
}

static void offsets_of_an_empty_partition_are_zero_at_its_leader(void **state)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_list_offsets_request request = KWIRE_LIST_OFFSETS_REQUEST_INIT;
	struct kwire_list_offsets_request_topic topic = KWIRE_LIST_OFFSETS_REQUEST_TOPIC_INIT;
	struct kwire_list_offsets_request_topic_partition partition =
		KWIRE_LIST_OFFSETS_REQUEST_TOPIC_PARTITION_INIT;
	struct kwire_list_offsets_response *response = NULL;
	struct cluster_patience patience = {0};
	char name[64];
	int16_t code;

	(void)state;
	cluster_name(name, "offsets");
	cluster_create_topic(client, name, 1, 3);
	partition.partition_index = 0;
	topic.name = kwire_string(name);
	topic.partitions.items = &partition;
	topic.partitions.count = 1;
	request.replica_id = -1;
	request.topics.items = &topic;
	request.topics.count = 1;
	request.timeout_ms = 10000;
	options.broker_id = cluster_leader(client, name, 0, NULL);
	for (int64_t timestamp = -2; timestamp <= -1; timestamp++) { /* earliest, latest */
		partition.timestamp = timestamp;
		do { /* a new leader may not have taken over yet */
			assert_true(cluster_again(&patience));
			must(kwire_send_list_offsets_with(client, &request, &response, &options,
							  &error),
			     &error);
			assert_int_equal(response->topics.count, 1);
			assert_int_equal(response->topics.items[0].partitions.count, 1);
			code = response->topics.items[0].partitions.items[0].error_code;
			if (code == NONE)
				assert_int_equal(
					response->topics.items[0].partitions.items[0].offset, 0);
			kwire_response_free(response);
		} while (kwire_kafka_error(code).retriable);
		must_answer(code, NONE);
	}
	cluster_delete_topic(client, name);
}

static void the_end_of_a_leader_epoch_is_told(void **state)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_offset_for_leader_epoch_request request =
		KWIRE_OFFSET_FOR_LEADER_EPOCH_REQUEST_INIT;
	struct kwire_offset_for_leader_epoch_request_topic topic =
		KWIRE_OFFSET_FOR_LEADER_EPOCH_REQUEST_TOPIC_INIT;
	struct kwire_offset_for_leader_epoch_request_topic_partition partition =
		KWIRE_OFFSET_FOR_LEADER_EPOCH_REQUEST_TOPIC_PARTITION_INIT;
	struct kwire_offset_for_leader_epoch_response *response = NULL;
	struct cluster_patience patience = {0};
	char name[64];
	int16_t code;

	(void)state;
	cluster_name(name, "epoch");
	cluster_create_topic(client, name, 1, 1);
	topic.topic = kwire_string(name);
	topic.partitions.items = &partition;
	topic.partitions.count = 1;
	request.replica_id = -1;
	request.topics.items = &topic;
	request.topics.count = 1;
	options.broker_id = cluster_leader(client, name, 0, NULL);
	do {
		assert_true(cluster_again(&patience));
		must(kwire_send_offset_for_leader_epoch_with(client, &request, &response, &options,
							     &error),
		     &error);
		assert_int_equal(response->topics.count, 1);
		code = response->topics.items[0].partitions.items[0].error_code;
		kwire_response_free(response);
	} while (kwire_kafka_error(code).retriable);
	must_answer(code, NONE);
	cluster_delete_topic(client, name);
}

static void electing_the_leader_that_leads_is_not_needed(void **state)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_elect_leaders_request request = KWIRE_ELECT_LEADERS_REQUEST_INIT;
	struct kwire_elect_leaders_request_topic_partition topic =
		KWIRE_ELECT_LEADERS_REQUEST_TOPIC_PARTITION_INIT;
	struct kwire_elect_leaders_response *response = NULL;
	int32_t partition = 0;
	char name[64];

	(void)state;
	cluster_name(name, "elect");
	cluster_create_topic(client, name, 1, 3);
	topic.topic = kwire_string(name);
	topic.partitions.items = &partition;
	topic.partitions.count = 1;
	request.topic_partitions.items = &topic;
	request.topic_partitions.count = 1;
	request.timeout_ms = 10000;
	must(kwire_send_elect_leaders(client, &request, &response, &error), &error);
	must_answer(response->error_code, NONE);
	assert_int_equal(response->replica_election_results.count, 1);
	assert_string_equal(kwire_kafka_error(response->replica_election_results.items[0]
						      .partition_result.items[0]
						      .error_code)
				    .name,
			    "ELECTION_NOT_NEEDED");
	kwire_response_free(response);
	cluster_delete_topic(client, name);
}

static void no_partition_is_being_moved(void **state)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_list_partition_reassignments_request request =
		KWIRE_LIST_PARTITION_REASSIGNMENTS_REQUEST_INIT;
	struct kwire_list_partition_reassignments_response *response = NULL;

	(void)state;
	request.topics.count = -1;
	must(kwire_send_list_partition_reassignments(client, &request, &response, &error), &error);
	must_answer(response->error_code, NONE);
	assert_int_equal(response->topics.count, 0);
	kwire_response_free(response);
}

static void a_topic_is_deleted_by_its_id(void **state)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_delete_topics_request request = KWIRE_DELETE_TOPICS_REQUEST_INIT;
	struct kwire_delete_topics_request_topic topic = KWIRE_DELETE_TOPICS_REQUEST_TOPIC_INIT;
	struct kwire_delete_topics_response *response = NULL;
	char name[64];

	(void)state;
	cluster_name(name, "by-id");
	cluster_create_topic(client, name, 1, 1);
	cluster_leader(client, name, 0, &topic.topic_id);
	request.topics.items = &topic; /* its name stays null */
	request.topics.count = 1;
	request.timeout_ms = 30000;
	must(kwire_send_delete_topics(client, &request, &response, &error), &error);
	assert_int_equal(response->responses.count, 1);
	must_answer(response->responses.items[0].error_code, NONE);
	assert_true(kwire_string_equal(response->responses.items[0].name, name));
	kwire_response_free(response);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_created_topic_is_described_and_deleted),
		cmocka_unit_test(a_topic_that_exists_is_an_answer_and_no_failure),
		cmocka_unit_test(more_replicas_than_brokers_is_refused_with_a_message),
		cmocka_unit_test(validating_creates_nothing),
		cmocka_unit_test(a_topics_configuration_is_read_and_changed),
		cmocka_unit_test(a_topic_grows),
		cmocka_unit_test(topic_partitions_are_described_page_by_page),
		cmocka_unit_test(offsets_of_an_empty_partition_are_zero_at_its_leader),
		cmocka_unit_test(the_end_of_a_leader_epoch_is_told),
		cmocka_unit_test(electing_the_leader_that_leads_is_not_needed),
		cmocka_unit_test(no_partition_is_being_moved),
		cmocka_unit_test(a_topic_is_deleted_by_its_id),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
