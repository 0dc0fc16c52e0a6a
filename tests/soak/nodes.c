/* SPDX-License-Identifier: Apache-2.0 */
/* See soak.h: what is done to the brokers, and an observer that asks them how they are. */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <kwire/api/create_topics.h>
#include <kwire/api/elect_leaders.h>
#include <kwire/api/metadata.h>

#include "soak.h"

extern char **environ;

static struct kwire_client *observer;

bool soak_nodes_open(const char *bootstrap)
{
	struct kwire_config *config = kwire_config_new();
	struct kwire_error error = KWIRE_ERROR_INIT;
	int result = kwire_config_set(config, "bootstrap.servers", bootstrap, &error);

	if (result == 0)
		result = kwire_client_open(config, &observer, &error);
	kwire_config_free(config);
	if (result != 0)
		soak_say("cannot reach the cluster: %s", error.message);
	return result == 0;
}

void soak_nodes_close(void)
{
	kwire_client_close(observer);
	observer = NULL;
}

bool soak_node(const char *command, int node)
{
	const char *program = getenv("KWIRE_CLUSTER");
	char number[16];
	char *arguments[] = {(char *)(uintptr_t)program, (char *)(uintptr_t)command, number, NULL};
	pid_t process;
	int status = -1;

	snprintf(number, sizeof(number), "%d", node);
	if (program == NULL || posix_spawn(&process, program, NULL, NULL, arguments, environ) != 0)
		return false;
	while (waitpid(process, &status, 0) < 0)
		;
	return status == 0;
}

bool soak_create_topic(const char *topic)
{
	struct kwire_create_topics_request request = KWIRE_CREATE_TOPICS_REQUEST_INIT;
	struct kwire_create_topics_request_topic one = KWIRE_CREATE_TOPICS_REQUEST_TOPIC_INIT;
	struct kwire_create_topics_request_topic_config config =
		KWIRE_CREATE_TOPICS_REQUEST_TOPIC_CONFIG_INIT;
	struct kwire_create_topics_response *response = NULL;
	struct kwire_error error = KWIRE_ERROR_INIT;
	bool created;

	config.name = KWIRE_STRING("min.insync.replicas");
	config.value = KWIRE_STRING("2");
	one.name = kwire_string(topic);
	one.num_partitions = SOAK_PARTITIONS;
	one.replication_factor = SOAK_BROKERS;
	one.configs.items = &config;
	one.configs.count = 1;
	request.topics.items = &one;
	request.topics.count = 1;
	request.timeout_ms = 30000;
	if (kwire_send_create_topics(observer, &request, &response, &error) != 0) {
		soak_say("no topic: %s", error.message);
		return false;
	}
	created = response->topics.count == 1 && response->topics.items[0].error_code == 0;
	kwire_response_free(response);
	return created && soak_settle(topic, 60000);
}

static struct kwire_metadata_response *look(const char *topic)
{
	struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
	struct kwire_metadata_request_topic one = KWIRE_METADATA_REQUEST_TOPIC_INIT;
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_metadata_response *response = NULL;

	one.name = kwire_string(topic);
	request.topics.items = &one;
	request.topics.count = 1;
	request.allow_auto_topic_creation = false;
	options.timeout_ms = 3000;
	kwire_send_metadata_with(observer, &request, &response, &options, NULL);
	if (response != NULL && response->topics.count == 1)
		return response;
	kwire_response_free(response);
	return NULL;
}

static bool in_sync(const char *topic)
{
	struct kwire_metadata_response *response = look(topic);
	bool good = response != NULL &&
		    response->topics.items[0].partitions.count == SOAK_PARTITIONS;

	for (int32_t i = 0; good && i < SOAK_PARTITIONS; i++)
		good = response->topics.items[0].partitions.items[i].isr_nodes.count ==
		       SOAK_BROKERS;
	kwire_response_free(response);
	return good;
}

bool soak_settle(const char *topic, int64_t timeout_ms)
{
	struct kwire_elect_leaders_request request = KWIRE_ELECT_LEADERS_REQUEST_INIT;
	struct kwire_elect_leaders_response *response = NULL;
	int64_t until_ms = soak_now_ms() + timeout_ms;

	while (!in_sync(topic)) {
		if (soak_now_ms() >= until_ms)
			return false;
		soak_pause_ms(100);
	}
	request.topic_partitions.count = -1; /* all */
	request.timeout_ms = 10000;
	kwire_send_elect_leaders(observer, &request, &response, NULL);
	kwire_response_free(response);
	return true;
}

int32_t soak_led_by(const char *topic, int32_t node, int64_t timeout_ms)
{
	int64_t until_ms = soak_now_ms() + timeout_ms;

	do {
		struct kwire_metadata_response *response = look(topic);
		int32_t partition = -1;

		for (int32_t i = 0;
		     response != NULL && i < response->topics.items[0].partitions.count; i++)
			if (response->topics.items[0].partitions.items[i].leader_id == node)
				partition = response->topics.items[0]
						    .partitions.items[i]
						    .partition_index;
		kwire_response_free(response);
		if (partition >= 0)
			return partition;
		soak_pause_ms(50);
	} while (soak_now_ms() < until_ms);
	return -1;
}
