/* SPDX-License-Identifier: Apache-2.0 */
/* `kwire metadata`: the cluster as one of its brokers describes it. */
#include <stdio.h>
#include <stdlib.h>

#include <kwire/api/metadata.h>

#include "cli.h"
#include "output.h"

enum {
	BROKER
};

static const struct cli_option options[] = {
	{"broker", 0, "ID", "asks this broker; else any"},
	{NULL, 0, NULL, NULL},
};

/* Partitions that have no leader, or whose replicas are not all in sync. */
static int troubled(const struct kwire_metadata_response_topic *topic)
{
	int count = 0;

	for (int i = 0; i < topic->partitions.count; i++) {
		const struct kwire_metadata_response_topic_partition
			*partition = &topic->partitions.items[i];

		count += partition->leader_id < 0 ||
			 partition->isr_nodes.count < partition->replica_nodes.count;
	}
	return count;
}

/* "1,2,3" */
static const char *join(struct kwire_int32_array ids, char *text, size_t size)
{
	size_t length = 0;

	snprintf(text, size, "-");
	for (int i = 0; i < ids.count && length < size; i++)
		length += (size_t)snprintf(text + length, size - length, "%s%d", i ? "," : "",
					   (int)ids.items[i]);
	return text;
}

static const char *error_name(int16_t code)
{
	return code == 0 ? "-" : kwire_kafka_error(code).name;
}

static json_t *id_list(struct kwire_int32_array ids)
{
	json_t *list = json_array();

	for (int i = 0; i < ids.count; i++)
		json_array_append_new(list, json_integer(ids.items[i]));
	return list;
}

static json_t *topic_json(const struct kwire_metadata_response_topic *topic)
{
	json_t *partitions = json_array();
	char id[23];

	for (int i = 0; i < topic->partitions.count; i++) {
		const struct kwire_metadata_response_topic_partition
			*partition = &topic->partitions.items[i];

		json_array_append_new(partitions,
				      json_pack("{si ss si si so so so}", "partition",
						(int)partition->partition_index, "error",
						kwire_kafka_error(partition->error_code).name,
						"leader", (int)partition->leader_id, "leaderEpoch",
						(int)partition->leader_epoch, "replicas",
						id_list(partition->replica_nodes), "inSync",
						id_list(partition->isr_nodes), "offline",
						id_list(partition->offline_replicas)));
	}
	kwire_uuid_format(topic->topic_id, id);
	return json_pack("{so ss ss sb so}", "name", out_json_string(topic->name), "id", id,
			 "error", kwire_kafka_error(topic->error_code).name, "internal",
			 topic->is_internal, "partitions", partitions);
}

static void print_json(const struct kwire_metadata_response *response)
{
	json_t *brokers = json_array();
	json_t *topics = json_array();

	for (int i = 0; i < response->brokers.count; i++) {
		const struct kwire_metadata_response_broker *broker = &response->brokers.items[i];

		json_array_append_new(
			brokers, json_pack("{si so si so}", "id", (int)broker->node_id, "host",
					   out_json_string(broker->host), "port", (int)broker->port,
					   "rack", out_json_string(broker->rack)));
	}
	for (int i = 0; i < response->topics.count; i++)
		json_array_append_new(topics, topic_json(&response->topics.items[i]));
	out_json(json_pack("{so si so so}", "cluster", out_json_string(response->cluster_id),
			   "controller", (int)response->controller_id, "brokers", brokers, "topics",
			   topics));
}

static void print_brokers(const struct cli *cli, const struct kwire_metadata_response *response)
{
	static const char *const heads[] = {">BROKER", "ADDRESS", "RACK", "", NULL};
	struct out_table table;

	printf("cluster %s\n\n", out_text(response->cluster_id));
	out_table_init(&table, heads);
	for (int i = 0; i < response->brokers.count; i++) {
		const struct kwire_metadata_response_broker *broker = &response->brokers.items[i];

		out_cell(&table, "%d", (int)broker->node_id);
		out_cell(&table, "%s:%d", out_text(broker->host), (int)broker->port);
		out_cell(&table, "%s", out_text(broker->rack));
		out_cell(&table, "%s",
			 broker->node_id == response->controller_id ? "controller" : "");
	}
	out_table_print(&table, cli->terminal);
}

static void print_topics(const struct cli *cli, const struct kwire_metadata_response *response)
{
	static const char *const heads[] = {"TOPIC",     ">PARTITIONS", ">REPLICAS",
					    ">TROUBLED", "ERROR",       NULL};
	struct out_table table;

	out_table_init(&table, heads);
	for (int i = 0; i < response->topics.count; i++) {
		const struct kwire_metadata_response_topic *topic = &response->topics.items[i];
		int partitions = topic->partitions.count;

		out_cell(&table, "%s", out_text(topic->name));
		out_cell(&table, "%d", partitions);
		out_cell(&table, "%d",
			 partitions > 0 ? (int)topic->partitions.items[0].replica_nodes.count : 0);
		out_cell(&table, "%d", troubled(topic));
		out_cell(&table, "%s", error_name(topic->error_code));
	}
	putchar('\n');
	out_table_print(&table, cli->terminal);
}

static void print_partitions(const struct cli *cli,
			     const struct kwire_metadata_response_topic *topic)
{
	static const char *const heads[] = {">PARTITION", ">LEADER", ">EPOCH", "REPLICAS",
					    "IN SYNC",    "OFFLINE", "ERROR",  NULL};
	struct out_table table;
	char text[256];

	if (topic->partitions.count <= 0)
		return;
	printf("\n%s\n", out_text(topic->name));
	out_table_init(&table, heads);
	for (int i = 0; i < topic->partitions.count; i++) {
		const struct kwire_metadata_response_topic_partition
			*partition = &topic->partitions.items[i];

		out_cell(&table, "%d", (int)partition->partition_index);
		out_cell(&table, "%d", (int)partition->leader_id);
		out_cell(&table, "%d", (int)partition->leader_epoch);
		out_cell(&table, "%s", join(partition->replica_nodes, text, sizeof(text)));
		out_cell(&table, "%s", join(partition->isr_nodes, text, sizeof(text)));
		out_cell(&table, "%s", join(partition->offline_replicas, text, sizeof(text)));
		out_cell(&table, "%s", error_name(partition->error_code));
	}
	out_table_print(&table, cli->terminal);
}

/* A topic that was asked for by name and has an error is a failure. */
static int check_topics(const struct cli *cli, const struct kwire_metadata_response *response)
{
	int code = CLI_OK;

	for (int i = 0; i < response->topics.count && cli->operand_count > 0; i++) {
		const struct kwire_metadata_response_topic *topic = &response->topics.items[i];
		struct kwire_kafka_error error = kwire_kafka_error(topic->error_code);

		if (topic->error_code == 0)
			continue;
		fflush(stdout);
		fprintf(stderr, "kwire: topic %s: %s (%d): %s\n", out_text(topic->name), error.name,
			(int)error.code, kwire_kafka_error_text(error.code));
		code = CLI_FAILURE;
	}
	return code;
}

static int run(struct cli *cli)
{
	struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
	struct kwire_metadata_response *response = NULL;
	struct kwire_send_options send = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_error error = KWIRE_ERROR_INIT;
	int64_t broker = -1;
	int code;

	if (!cli_integer(cli, BROKER, 0, INT32_MAX, &broker))
		return CLI_USAGE;
	code = cli_open_client(cli);
	if (code != CLI_OK)
		return code;
	request.allow_auto_topic_creation = false;
	request.topics.count = cli->operand_count > 0 ? cli->operand_count : -1;
	if (cli->operand_count > 0) {
		request.topics.items = calloc((size_t)cli->operand_count,
					      sizeof(*request.topics.items));
		if (request.topics.items == NULL) {
			fputs("kwire: out of memory\n", stderr);
			return CLI_FAILURE;
		}
		for (int i = 0; i < cli->operand_count; i++) {
			request.topics.items[i] = (struct kwire_metadata_request_topic)
				KWIRE_METADATA_REQUEST_TOPIC_INIT;
			request.topics.items[i].name = kwire_string(cli->operands[i]);
		}
	}
	send.broker_id = (int32_t)broker;
	if (kwire_send_metadata_with(cli->client, &request, &response, &send, &error) != KWIRE_OK) {
		code = cli_fail(&error);
	} else {
		if (cli->json) {
			print_json(response);
		} else {
			print_brokers(cli, response);
			if (response->topics.count > 0)
				print_topics(cli, response);
			for (int i = 0; i < response->topics.count && cli->operand_count > 0; i++)
				print_partitions(cli, &response->topics.items[i]);
		}
		code = check_topics(cli, response);
	}
	kwire_response_free(response);
	free(request.topics.items);
	return code;
}

const struct cli_command cli_metadata = {
	.name = "metadata",
	.operands = "[TOPIC...]",
	.summary = "Shows the cluster's brokers and topics",
	.details = "\nAll topics, one line each; topics that are named, with their partitions.\n"
		   "TROUBLED counts partitions without a leader or with replicas out of sync.\n",
	.options = options,
	.most_operands = -1,
	.run = run,
};
