/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interop tests' way to the real cluster; see cluster.h.  Linked into
 * every program of tests/interop, knows no test.
 */
#include "cluster.h"

#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <kwire/api/create_topics.h>
#include <kwire/api/delete_topics.h>
#include <kwire/api/find_coordinator.h>
#include <kwire/api/list_offsets.h>
#include <kwire/api/metadata.h>

extern char **environ;

void cluster_must(int result, const char *expression, const struct kwire_error *error,
		  const char *file, int line)
{
	if (result == 0)
		return;
	print_error("%s\n  gave %s: %s\n", expression, kwire_result_name(result),
		    error != NULL ? error->message : "");
	_fail(file, line);
}

void cluster_must_answer(int16_t code, int16_t expected, const char *expression, const char *file,
			 int line)
{
	if (code == expected)
		return;
	print_error("%s is %d (%s), not %d (%s)\n", expression, code, kwire_kafka_error(code).name,
		    expected, kwire_kafka_error(expected).name);
	_fail(file, line);
}

const char *cluster_bootstrap(const char *listener)
{
	char name[64] = "KWIRE_BOOTSTRAP";
	const char *value;

	if (listener != NULL)
		snprintf(name, sizeof(name), "KWIRE_BOOTSTRAP_%s", listener);
	value = getenv(name);
	if (value == NULL)
		fail_msg("%s is not set: run these tests with make test-kafka", name);
	return value;
}

void cluster_node(const char *listener, int index, char host[64], int *port)
{
	const char *entry = cluster_bootstrap(listener);

	for (; index > 0 && entry != NULL; index--) {
		entry = strchr(entry, ',');
		entry = entry != NULL ? entry + 1 : NULL;
	}
	if (entry == NULL || sscanf(entry, "%63[^:]:%d", host, port) != 2)
		fail_msg("no such node in %s", cluster_bootstrap(listener));
}

bool cluster_at_least(int major, int minor)
{
	const char *version = getenv("KAFKA_VERSION");
	int have_major = 0;
	int have_minor = 0;

	if (version == NULL || sscanf(version, "%d.%d", &have_major, &have_minor) != 2)
		fail_msg("KAFKA_VERSION is not set: run these tests with make test-kafka");
	return have_major > major || (have_major == major && have_minor >= minor);
}

struct kwire_config *cluster_config(void)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_config *config = kwire_config_new();

	must(kwire_config_set(config, "bootstrap.servers", cluster_bootstrap(NULL), &error),
	     &error);
	return config;
}

struct kwire_client *cluster_client(void)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_config *config = cluster_config();
	struct kwire_client *client = NULL;
	int result = kwire_client_open(config, &client, &error);

	kwire_config_free(config);
	must(result, &error);
	return client;
}

struct kwire_connection *cluster_connection(int index)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_config *config = cluster_config();
	struct kwire_connection *connection = NULL;
	char host[64];
	int port;
	int result;

	cluster_node(NULL, index, host, &port);
	result = kwire_connection_open(config, host, port, -1, &connection, &error);
	kwire_config_free(config);
	must(result, &error);
	return connection;
}

/* tools/kafka/cluster with one or two words; its exit status, -1: could not be run. */
static int run_cluster(const char *command, const char *node)
{
	const char *program = getenv("KWIRE_CLUSTER");
	char *arguments[4];
	pid_t pid;
	int status = -1;

	if (program == NULL)
		return -1;
	arguments[0] = (char *)(uintptr_t)program;
	arguments[1] = (char *)(uintptr_t)command;
	arguments[2] = (char *)(uintptr_t)node;
	arguments[3] = NULL;
	if (posix_spawn(&pid, program, NULL, NULL, arguments, environ) != 0)
		return -1;
	while (waitpid(pid, &status, 0) < 0)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void cluster_node_command(const char *command, int node)
{
	char number[16];

	if (getenv("KWIRE_CLUSTER") == NULL)
		skip(); /* a cluster that somebody else runs */
	snprintf(number, sizeof(number), "%d", node);
	if (run_cluster(command, number) != 0)
		fail_msg("cluster %s %d failed", command, node);
}

int cluster_heal(void **state)
{
	(void)state;
	return getenv("KWIRE_CLUSTER") == NULL ? 0 : run_cluster("heal", NULL);
}

int64_t cluster_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void cluster_name(char name[64], const char *prefix)
{
	static unsigned count;

	snprintf(name, 64, "%s-%ld-%u", prefix, (long)getpid(), count++);
}

bool cluster_again(struct cluster_patience *patience)
{
	const struct timespec pause = {0, 50 * 1000 * 1000};

	if (patience->until_ms == 0)
		patience->until_ms = cluster_now_ms() + 30000;
	else
		nanosleep(&pause, NULL);
	return cluster_now_ms() < patience->until_ms;
}

/* Whether broker `node` knows leaders for all partitions of the topic. */
static bool has_leaders(struct kwire_client *client, int32_t node, const char *name,
			int32_t partitions)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
	struct kwire_metadata_request_topic topic = KWIRE_METADATA_REQUEST_TOPIC_INIT;
	struct kwire_metadata_response *response = NULL;
	bool good;

	topic.name = kwire_string(name);
	request.topics.items = &topic;
	request.topics.count = 1;
	request.allow_auto_topic_creation = false;
	options.broker_id = node;
	must(kwire_send_metadata_with(client, &request, &response, &options, &error), &error);
	assert_int_equal(response->topics.count, 1);
	good = response->topics.items[0].error_code == NONE &&
	       response->topics.items[0].partitions.count == partitions;
	for (int32_t i = 0; good && i < partitions; i++)
		good = response->topics.items[0].partitions.items[i].error_code == NONE &&
		       response->topics.items[0].partitions.items[i].leader_id > 0;
	kwire_response_free(response);
	return good;
}

/* Whether the partition's leader knows that it leads: metadata may be ahead of it. */
static bool leads(struct kwire_client *client, const char *name, int32_t index)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_list_offsets_request request = KWIRE_LIST_OFFSETS_REQUEST_INIT;
	struct kwire_list_offsets_request_topic topic = KWIRE_LIST_OFFSETS_REQUEST_TOPIC_INIT;
	struct kwire_list_offsets_request_topic_partition partition =
		KWIRE_LIST_OFFSETS_REQUEST_TOPIC_PARTITION_INIT;
	struct kwire_list_offsets_response *response = NULL;
	int16_t code;

	partition.partition_index = index;
	partition.timestamp = -1;
	topic.name = kwire_string(name);
	topic.partitions.items = &partition;
	topic.partitions.count = 1;
	request.replica_id = -1;
	request.topics.items = &topic;
	request.topics.count = 1;
	request.timeout_ms = 10000;
	options.broker_id = cluster_leader(client, name, index, NULL);
	must(kwire_send_list_offsets_with(client, &request, &response, &options, &error), &error);
	assert_int_equal(response->topics.count, 1);
	code = response->topics.items[0].partitions.items[0].error_code;
	kwire_response_free(response);
	if (!kwire_kafka_error(code).retriable)
		must_answer(code, NONE);
	return code == NONE;
}

/* Brokers of the ZooKeeper days take such orders from the controller only. */
static int32_t controller(struct kwire_client *client)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
	struct kwire_metadata_response *response = NULL;
	int32_t id;

	request.topics.items = NULL;
	request.topics.count = 0;
	must(kwire_send_metadata(client, &request, &response, &error), &error);
	id = response->controller_id;
	kwire_response_free(response);
	return id;
}

void cluster_create_topic(struct kwire_client *client, const char *name, int32_t partitions,
			  int16_t replication)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_create_topics_request request = KWIRE_CREATE_TOPICS_REQUEST_INIT;
	struct kwire_create_topics_request_topic topic = KWIRE_CREATE_TOPICS_REQUEST_TOPIC_INIT;
	struct kwire_create_topics_response *response = NULL;

	topic.name = kwire_string(name);
	topic.num_partitions = partitions;
	topic.replication_factor = replication;
	request.topics.items = &topic;
	request.topics.count = 1;
	request.timeout_ms = 30000;
	options.broker_id = controller(client);
	must(kwire_send_create_topics_with(client, &request, &response, &options, &error), &error);
	assert_int_equal(response->topics.count, 1);
	must_answer(response->topics.items[0].error_code, NONE);
	kwire_response_free(response);
	cluster_settle_topic(client, name, partitions);
}

void cluster_settle_topic(struct kwire_client *client, const char *name, int32_t partitions)
{
	struct cluster_patience patience = {0};

	for (int32_t node = 1; node <= CLUSTER_NODES; node++)
		while (!has_leaders(client, node, name, partitions))
			assert_true(cluster_again(&patience));
	for (int32_t i = 0; i < partitions; i++)
		while (!leads(client, name, i))
			assert_true(cluster_again(&patience));
}

void cluster_delete_topic(struct kwire_client *client, const char *name)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_delete_topics_request request = KWIRE_DELETE_TOPICS_REQUEST_INIT;
	struct kwire_string names = kwire_string(name);
	struct kwire_delete_topics_response *response = NULL;

	request.topic_names.items = &names;
	request.topic_names.count = 1;
	request.timeout_ms = 30000;
	options.max_version = 5; /* the last with a plain list of names */
	options.broker_id = controller(client);
	must(kwire_send_delete_topics_with(client, &request, &response, &options, &error), &error);
	assert_int_equal(response->responses.count, 1);
	must_answer(response->responses.items[0].error_code, NONE);
	kwire_response_free(response);
}

int32_t cluster_leader(struct kwire_client *client, const char *name, int32_t partition,
		       struct kwire_uuid *topic_id)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
	struct kwire_metadata_request_topic topic = KWIRE_METADATA_REQUEST_TOPIC_INIT;
	struct kwire_metadata_response *response = NULL;
	int32_t leader = -1;

	topic.name = kwire_string(name);
	request.topics.items = &topic;
	request.topics.count = 1;
	request.allow_auto_topic_creation = false;
	must(kwire_send_metadata(client, &request, &response, &error), &error);
	assert_int_equal(response->topics.count, 1);
	must_answer(response->topics.items[0].error_code, NONE);
	for (int32_t i = 0; i < response->topics.items[0].partitions.count; i++)
		if (response->topics.items[0].partitions.items[i].partition_index == partition)
			leader = response->topics.items[0].partitions.items[i].leader_id;
	if (topic_id != NULL)
		*topic_id = response->topics.items[0].topic_id;
	kwire_response_free(response);
	assert_int_not_equal(leader, -1);
	return leader;
}

int32_t cluster_coordinator(struct kwire_client *client, const char *key, int8_t key_type)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_find_coordinator_request request = KWIRE_FIND_COORDINATOR_REQUEST_INIT;
	struct kwire_find_coordinator_response *response = NULL;
	struct cluster_patience patience = {0};
	int32_t node = -1;

	request.key_type = key_type;
	request.key = kwire_string(key);
	options.max_version = 3; /* the last with one key, which every broker has */
	while (node < 0) {
		assert_true(cluster_again(&patience));
		must(kwire_send_find_coordinator_with(client, &request, &response, &options,
						      &error),
		     &error);
		if (response->error_code != COORDINATOR_NOT_AVAILABLE) {
			must_answer(response->error_code, NONE);
			node = response->node_id;
		}
		kwire_response_free(response);
	}
	return node;
}
