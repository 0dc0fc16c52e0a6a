/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `kwire call`: any API by name, its request as JSON, its response as JSON, in
 * Kafka's own mapping, sent to whom it is for.  The version is settled with one
 * broker first, so that it is known in which the answer is to be printed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kwire/json.h>

#include "cli.h"
#include "input.h"
#include "messages.h"
#include "output.h"

enum {
	VERSION,
	BROKER,
	SHOW_BYTES,
	ONE_WAY,
	SHOW_ROUTE
};

static const struct cli_option options[] = {
	{"version", 0, "N", "the API's version (the highest that both sides have)"},
	{"broker", 0, "ID", "asks this broker; else those that the request is for"},
	{"show-bytes", 0, NULL, "prints both messages' bytes, too"},
	{"one-way", 0, NULL, "waits for no answer (Produce with acks 0)"},
	{"show-route", 0, NULL, "says which brokers were asked, and prints each one's answer"},
	{NULL, 0, NULL, NULL},
};

/* What is called, of whom. */
struct job {
	const struct kwire_api *api;
	struct kwire_broker *broker;
	int16_t version;
	void *request;
};

/* Finds out in which version, of the broker that was named or the first that answers. */
static int choose(struct cli *cli, int64_t broker_id, int64_t version, struct job *job,
		  struct kwire_error *error)
{
	struct kwire_broker_info infos[64];
	struct kwire_versions *versions = NULL;
	int count = 1;
	int result = KWIRE_OK;

	infos[0].node_id = (int32_t)broker_id;
	if (broker_id < 0)
		result = kwire_client_brokers(cli->client, infos, 64, &count, error);
	for (int i = 0; result == KWIRE_OK && i < count && i < 64; i++) {
		result = kwire_client_broker(cli->client, infos[i].node_id, &job->broker, error);
		if (result == KWIRE_OK)
			result = kwire_broker_versions(job->broker, cli->timeout_ms, &versions,
						       error);
		if (result == KWIRE_OK || cli_interrupted() || i == count - 1)
			break;
		kwire_broker_put(job->broker);
		job->broker = NULL;
		result = KWIRE_OK;
	}
	if (result == KWIRE_OK && version < 0)
		result = kwire_versions_negotiate(versions, job->api, &job->version, error);
	else
		job->version = (int16_t)version;
	kwire_versions_free(versions);
	return result;
}

static int read_request(const struct cli *cli, const struct kwire_description *description,
			struct job *job, struct kwire_error *error)
{
	size_t size;
	char *text = input_read(cli->operand_count > 1 ? cli->operands[1] : "{}", &size);
	int result = KWIRE_EINVAL;

	error->message[0] = '\0';
	if (text != NULL)
		result = kwire_json_read(description, text, size, job->version, KWIRE_JSON_DEFAULTS,
					 &job->request, error);
	free(text);
	return result;
}

static int show_bytes(const char *title, const struct kwire_api *api, bool response,
		      const void *message, int16_t version, struct kwire_error *error)
{
	struct kwire_message type;
	size_t size = 0;
	void *bytes;
	int result;

	messages_of_api(api, response, &type);
	result = kwire_message_encode(&type, message, version, NULL, 0, &size, error);
	if (result != KWIRE_ETOOLARGE && result != KWIRE_OK)
		return result;
	bytes = malloc(size + 1);
	if (bytes == NULL)
		return KWIRE_ENOMEM;
	result = kwire_message_encode(&type, message, version, bytes, size, &size, error);
	if (result == KWIRE_OK)
		input_dump(title, bytes, size);
	free(bytes);
	return result;
}

static void choose_options(const struct cli *cli, const struct job *job, int64_t broker_id,
			   struct kwire_send_options *send)
{
	send->min_version = job->version;
	send->max_version = job->version;
	send->broker_id = (int32_t)broker_id;
	send->timeout_ms = cli->timeout_ms;
	if (job->version > job->api->latest_stable_version)
		send->flags |= KWIRE_UNSTABLE;
	if (cli->values[ONE_WAY] != NULL)
		send->flags |= KWIRE_ONE_WAY;
}

static int print_response(const struct job *job, const void *response, struct kwire_error *error)
{
	char *text = NULL;
	int result = kwire_json_print(messages_describe(job->api, true), response, job->version,
				      KWIRE_JSON_PRETTY, &text, NULL, error);

	if (result == KWIRE_OK)
		puts(text);
	kwire_json_free(text);
	return result;
}

static int show_response(const struct cli *cli, const struct job *job, const void *response,
			 struct kwire_error *error)
{
	int result = KWIRE_OK;
	char title[96];

	snprintf(title, sizeof(title), "%s response v%d", job->api->name, job->version);
	if (response == NULL)
		return KWIRE_OK;
	if (cli->values[SHOW_BYTES] != NULL)
		result = show_bytes(title, job->api, true, response, job->version, error);
	return result == KWIRE_OK ? print_response(job, response, error) : result;
}

/* Each broker that was asked, on standard error, and its answer. */
static int call_by_parts(const struct cli *cli, const struct job *job,
			 const struct kwire_send_options *send, struct kwire_error *error)
{
	struct kwire_shards *shards = NULL;
	int result = kwire_send_sharded(cli->client, job->api, job->request, &shards, send, error);

	for (int32_t i = 0; shards != NULL && i < shards->count; i++) {
		const struct kwire_shard *shard = &shards->items[i];
		int printed;

		if (shard->error.result != 0)
			fprintf(stderr, "broker %d: %s\n", (int)shard->broker_id,
				shard->error.message);
		else if (shard->broker_id < 0)
			fprintf(stderr, "bootstrap server: answered\n");
		else
			fprintf(stderr, "broker %d: answered\n", (int)shard->broker_id);
		printed = show_response(cli, job, shard->response, error);
		if (result == KWIRE_OK)
			result = printed;
	}
	kwire_shards_free(shards);
	return result;
}

static int call(struct cli *cli, int64_t broker, int64_t version, struct job *job,
		struct kwire_error *error)
{
	const struct kwire_description *description = messages_describe(job->api, false);
	bool bytes = cli->values[SHOW_BYTES] != NULL;
	struct kwire_send_options send = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_error ignored;
	void *response = NULL;
	char title[96];
	int result, shown;

	if ((result = choose(cli, broker, version, job, error)) != KWIRE_OK ||
	    (result = read_request(cli, description, job, error)) != KWIRE_OK)
		return result;
	snprintf(title, sizeof(title), "%s request v%d", job->api->name, job->version);
	if (bytes && (result = show_bytes(title, job->api, false, job->request, job->version,
					  error)) != KWIRE_OK)
		return result;
	choose_options(cli, job, broker, &send);
	if (cli->values[SHOW_ROUTE] != NULL)
		return call_by_parts(cli, job, &send, error);
	result = kwire_send(cli->client, job->api, job->request, &response, &send, error);
	/* What some brokers answered is shown, even where others failed. */
	shown = show_response(cli, job, response, result == KWIRE_OK ? error : &ignored);
	kwire_response_free(response);
	return result != KWIRE_OK ? result : shown;
}

static int run(struct cli *cli)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct job job = {NULL, NULL, 0, NULL};
	int64_t broker = -1, version = -1;
	int code;

	if (!cli_integer(cli, BROKER, 0, INT32_MAX, &broker) ||
	    !cli_integer(cli, VERSION, 0, INT16_MAX, &version))
		return CLI_USAGE;
	if (cli->operand_count == 0)
		return cli_usage(cli, "which API?  `kwire apis` lists them");
	job.api = messages_api(cli->operands[0]);
	if (job.api == NULL) {
		const char *nearest = messages_nearest_api(cli->operands[0]);

		return cli_usage(cli, "no API '%s'%s%s", cli->operands[0],
				 nearest ? "; nearest is " : "", nearest ? nearest : "");
	}
	if (job.api->encode_request == NULL)
		return cli_usage(cli, "Kafka removed the API %s", job.api->name);
	code = cli_open_client(cli);
	if (code != CLI_OK)
		return code;
	if (call(cli, broker, version, &job, &error) != KWIRE_OK)
		code = error.message[0] != '\0' ? cli_fail(&error) : CLI_FAILURE;
	kwire_response_free(job.request);
	kwire_broker_put(job.broker);
	return code;
}

const struct cli_command cli_call = {
	.name = "call",
	.operands = "API [JSON | @FILE | -]",
	.summary = "Calls any API, request and response as JSON",
	.details = "\nThe request is an argument, a file (@PATH) or standard input (-), in Kafka's "
		   "own\n"
		   "JSON mapping; fields that are left out have their defaults.  `kwire apis API`\n"
		   "lists the fields.  An error code inside a response is an answer: exit 0.\n\n"
		   "  kwire call Metadata '{\"topics\": null}' -b localhost:9092\n",
	.options = options,
	.most_operands = 2,
	.run = run,
};
