/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Administration of a real cluster through typed calls: access control lists,
 * quotas (the protocol's only doubles), credentials, the quorum, log
 * directories.
 */
#include "cluster.h"

#include <stdio.h>
#include <string.h>

#include <kwire/api/alter_client_quotas.h>
#include <kwire/api/create_acls.h>
#include <kwire/api/delete_acls.h>
#include <kwire/api/describe_acls.h>
#include <kwire/api/describe_client_quotas.h>
#include <kwire/api/describe_log_dirs.h>
#include <kwire/api/describe_quorum.h>
#include <kwire/api/describe_user_scram_credentials.h>

enum {
	ACL_TOPIC = 2,
	ACL_LITERAL = 3,
	ACL_READ = 3,
	ACL_ALLOW = 3,
};

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

/* How many rules there are for the topic `name`. */
static int32_t rules_of(const char *name)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_describe_acls_request request = KWIRE_DESCRIBE_ACLS_REQUEST_INIT;
	struct kwire_describe_acls_response *response = NULL;
	int32_t count = 0;

	request.resource_type_filter = ACL_TOPIC;
	request.resource_name_filter = kwire_string(name);
	request.pattern_type_filter = ACL_LITERAL;
	request.principal_filter = kwire_string(NULL);
	request.host_filter = kwire_string(NULL);
	request.operation = 1;       /* any */
	request.permission_type = 1; /* any */
	must(kwire_send_describe_acls(client, &request, &response, &error), &error);
	must_answer(response->error_code, NONE);
	for (int32_t i = 0; i < response->resources.count; i++) {
		assert_true(kwire_string_equal(response->resources.items[i].resource_name, name));
		count += response->resources.items[i].acls.count;
	}
	kwire_response_free(response);
	return count;
}

static void rules_are_described_even_where_there_are_none(void **state)
{
	(void)state;
	assert_int_equal(rules_of("no-such-topic"), 0);
}

static void a_rule_is_created_described_and_deleted(void **state)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_create_acls_request create = KWIRE_CREATE_ACLS_REQUEST_INIT;
	struct kwire_create_acls_request_creation rule = KWIRE_CREATE_ACLS_REQUEST_CREATION_INIT;
	struct kwire_create_acls_response *created = NULL;
	struct kwire_delete_acls_request delete = KWIRE_DELETE_ACLS_REQUEST_INIT;
	struct kwire_delete_acls_request_filter filter = KWIRE_DELETE_ACLS_REQUEST_FILTER_INIT;
	struct kwire_delete_acls_response *deleted = NULL;
	struct cluster_patience patience = {0};
	char name[64];

	(void)state;
	cluster_name(name, "guarded");
	rule.resource_type = ACL_TOPIC;
	rule.resource_name = kwire_string(name);
	rule.resource_pattern_type = ACL_LITERAL;
	rule.principal = KWIRE_STRING("User:carol");
	rule.host = KWIRE_STRING("*");
	rule.operation = ACL_READ;
	rule.permission_type = ACL_ALLOW;
	create.creations.items = &rule;
	create.creations.count = 1;
	must(kwire_send_create_acls(client, &create, &created, &error), &error);
	assert_int_equal(created->results.count, 1);
	must_answer(created->results.items[0].error_code, NONE);
	kwire_response_free(created);
	while (rules_of(name) != 1)
		assert_true(cluster_again(&patience));

	filter.resource_type_filter = ACL_TOPIC;
	filter.resource_name_filter = kwire_string(name);
	filter.pattern_type_filter = ACL_LITERAL;
	filter.principal_filter = KWIRE_STRING("User:carol");
	filter.host_filter = kwire_string(NULL);
	filter.operation = 1;
	filter.permission_type = 1;
	delete.filters.items = &filter;
	delete.filters.count = 1;
	must(kwire_send_delete_acls(client, &delete, &deleted, &error), &error);
	assert_int_equal(deleted->filter_results.count, 1);
	must_answer(deleted->filter_results.items[0].error_code, NONE);
	assert_int_equal(deleted->filter_results.items[0].matching_acls.count, 1);
	assert_true(kwire_string_equal(
		deleted->filter_results.items[0].matching_acls.items[0].principal, "User:carol"));
	kwire_response_free(deleted);
	while (rules_of(name) != 0)
		assert_true(cluster_again(&patience));
}

/* Sets or removes a quota of the user `name`. */
static void alter_quota(const char *name, double value, bool remove)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_alter_client_quotas_request request = KWIRE_ALTER_CLIENT_QUOTAS_REQUEST_INIT;
	struct kwire_alter_client_quotas_request_entry entry =
		KWIRE_ALTER_CLIENT_QUOTAS_REQUEST_ENTRY_INIT;
	struct kwire_alter_client_quotas_request_entry_entity entity =
		KWIRE_ALTER_CLIENT_QUOTAS_REQUEST_ENTRY_ENTITY_INIT;
	struct kwire_alter_client_quotas_request_entry_op op =
		KWIRE_ALTER_CLIENT_QUOTAS_REQUEST_ENTRY_OP_INIT;
	struct kwire_alter_client_quotas_response *response = NULL;

	entity.entity_type = KWIRE_STRING("user");
	entity.entity_name = kwire_string(name);
	op.key = KWIRE_STRING("request_percentage");
	op.value = value;
	op.remove = remove;
	entry.entity.items = &entity;
	entry.entity.count = 1;
	entry.ops.items = &op;
	entry.ops.count = 1;
	request.entries.items = &entry;
	request.entries.count = 1;
	must(kwire_send_alter_client_quotas(client, &request, &response, &error), &error);
	assert_int_equal(response->entries.count, 1);
	must_answer(response->entries.items[0].error_code, NONE);
	kwire_response_free(response);
}

/* The user's quota, -1: none. */
static double quota_of(const char *name)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_describe_client_quotas_request request =
		KWIRE_DESCRIBE_CLIENT_QUOTAS_REQUEST_INIT;
	struct kwire_describe_client_quotas_request_component component =
		KWIRE_DESCRIBE_CLIENT_QUOTAS_REQUEST_COMPONENT_INIT;
	struct kwire_describe_client_quotas_response *response = NULL;
	double value = -1;

	component.entity_type = KWIRE_STRING("user");
	component.match_type = 0; /* exactly */
	component.match = kwire_string(name);
	request.components.items = &component;
	request.components.count = 1;
	request.strict = true;
	must(kwire_send_describe_client_quotas(client, &request, &response, &error), &error);
	must_answer(response->error_code, NONE);
	if (response->entries.count == 1) {
		assert_int_equal(response->entries.items[0].values.count, 1);
		value = response->entries.items[0].values.items[0].value;
	}
	kwire_response_free(response);
	return value;
}

static bool same(double one, double two)
{
	return memcmp(&one, &two, sizeof(one)) == 0;
}

static void a_quota_comes_back_bit_for_bit(void **state)
{
	struct cluster_patience patience = {0};
	char name[64];

	(void)state;
	cluster_name(name, "dave");
	alter_quota(name, 12.609375, false);
	while (!same(quota_of(name), 12.609375))
		assert_true(cluster_again(&patience));
	alter_quota(name, 0, true);
	while (!same(quota_of(name), -1))
		assert_true(cluster_again(&patience));
}

static void the_quorum_has_three_voters_and_a_leader(void **state)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_describe_quorum_request request = KWIRE_DESCRIBE_QUORUM_REQUEST_INIT;
	struct kwire_describe_quorum_request_topic topic = KWIRE_DESCRIBE_QUORUM_REQUEST_TOPIC_INIT;
	struct kwire_describe_quorum_request_topic_partition partition =
		KWIRE_DESCRIBE_QUORUM_REQUEST_TOPIC_PARTITION_INIT;
	struct kwire_describe_quorum_response *response = NULL;

	(void)state;
	partition.partition_index = 0;
	topic.topic_name = KWIRE_STRING("__cluster_metadata");
	topic.partitions.items = &partition;
	topic.partitions.count = 1;
	request.topics.items = &topic;
	request.topics.count = 1;
	must(kwire_send_describe_quorum(client, &request, &response, &error), &error);
	must_answer(response->error_code, NONE);
	assert_int_equal(response->topics.count, 1);
	assert_int_equal(response->topics.items[0].partitions.items[0].current_voters.count,
			 CLUSTER_NODES);
	assert_in_range(response->topics.items[0].partitions.items[0].leader_id, 1, CLUSTER_NODES);
	kwire_response_free(response);
}

static void each_broker_describes_its_own_log_directory(void **state)
{
	(void)state;
	for (int32_t node = 1; node <= CLUSTER_NODES; node++) {
		struct kwire_error error = KWIRE_ERROR_INIT;
		struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
		struct kwire_describe_log_dirs_request request =
			KWIRE_DESCRIBE_LOG_DIRS_REQUEST_INIT;
		struct kwire_describe_log_dirs_response *response = NULL;
		char name[16];

		request.topics.count = -1; /* all */
		options.broker_id = node;
		must(kwire_send_describe_log_dirs_with(client, &request, &response, &options,
						       &error),
		     &error);
		must_answer(response->error_code, NONE);
		assert_int_equal(response->results.count, 1);
		must_answer(response->results.items[0].error_code, NONE);
		snprintf(name, sizeof(name), "/node%d", node);
		assert_non_null(strstr(response->results.items[0].log_dir.data, name));
		assert_true(response->results.items[0].total_bytes > 0);
		kwire_response_free(response);
	}
}

static void an_unknown_users_credentials_are_an_answer_with_a_code(void **state)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_describe_user_scram_credentials_request request =
		KWIRE_DESCRIBE_USER_SCRAM_CREDENTIALS_REQUEST_INIT;
	struct kwire_describe_user_scram_credentials_request_user user =
		KWIRE_DESCRIBE_USER_SCRAM_CREDENTIALS_REQUEST_USER_INIT;
	struct kwire_describe_user_scram_credentials_response *response = NULL;

	(void)state;
	user.name = KWIRE_STRING("nobody-at-all");
	request.users.items = &user;
	request.users.count = 1;
	must(kwire_send_describe_user_scram_credentials(client, &request, &response, &error),
	     &error);
	must_answer(response->error_code, NONE);
	assert_int_equal(response->results.count, 1);
	assert_string_equal(kwire_kafka_error(response->results.items[0].error_code).name,
			    "RESOURCE_NOT_FOUND");
	kwire_response_free(response);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_are_described_even_where_there_are_none),
		cmocka_unit_test(a_rule_is_created_described_and_deleted),
		cmocka_unit_test(a_quota_comes_back_bit_for_bit),
		cmocka_unit_test(the_quorum_has_three_voters_and_a_leader),
		cmocka_unit_test(each_broker_describes_its_own_log_directory),
		cmocka_unit_test(an_unknown_users_credentials_are_an_answer_with_a_code),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
