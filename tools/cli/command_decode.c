/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `kwire decode`: bytes of the protocol as JSON.  Whole requests say what they
 * are; of a response, or a message by itself, the command line has to.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <kwire/api/request_header.h>
#include <kwire/api/response_header.h>
#include <kwire/json.h>

#include "protocol/server.h"

#include "cli.h"
#include "input.h"
#include "messages.h"
#include "output.h"

enum {
	API,
	VERSION,
	BINARY
};

static const struct cli_option options[] = {
	{"api", 0, "API", "whose responses these are"},
	{"version", 0, "N", "of the response or message (the newest)"},
	{"binary", 0, NULL, "the input is bytes, not hex digits"},
	{NULL, 0, NULL, NULL},
};

static int print_message(const struct kwire_description *description, const void *message,
			 int16_t version, struct kwire_error *error)
{
	char *text = NULL;
	int result = kwire_json_print(description, message, version, KWIRE_JSON_PRETTY, &text, NULL,
				      error);

	if (result == KWIRE_OK)
		puts(text);
	kwire_json_free(text);
	return result;
}

static int decode_message(const struct kwire_message *type,
			  const struct kwire_description *description, const char *data,
			  size_t size, int16_t version, struct kwire_error *error)
{
	void *message = NULL;
	int result = kwire_message_decode(type, data, size, version, &message, error);

	if (result == KWIRE_OK)
		result = print_message(description, message, version, error);
	kwire_response_free(message);
	return result;
}

static int malformed(struct kwire_error *error, const char *what)
{
	error->result = KWIRE_EDECODE;
	snprintf(error->message, sizeof(error->message), "%s", what);
	return KWIRE_EDECODE;
}

/* A request frame, without its length word. */
static int decode_request(const struct cli *cli, const char *data, size_t size,
			  struct kwire_error *error)
{
	struct kw_request_header header;
	const struct kwire_api *api;
	struct kw_memory *memory;
	void *request = NULL;
	int result = kw_request_peek(data, size, &header, error);

	if (result != KWIRE_OK)
		return result;
	api = messages_api_of_key(header.api_key);
	if (api == NULL)
		return malformed(error, "a request of an API that is not known");
	if (!cli->json)
		printf("// %s request v%d, correlation id %d, client id %s\n", api->name,
		       header.api_version, (int)header.correlation_id, out_text(header.client_id));
	memory = kw_memory_new(NULL, 0);
	if (memory == NULL)
		return malformed(error, "out of memory");
	for (int i = 0; i < kwire_all_servers_count; i++)
		if (kwire_all_servers[i]->api == api)
			result = kw_request_decode(memory, data, size, kwire_all_servers[i],
						   &request, error);
	if (result == KWIRE_OK)
		result = print_message(messages_describe(api, false), request, header.api_version,
				       error);
	kwire_response_free(request);
	kw_memory_put(memory);
	return result;
}

/* The size of a response's header; 0: not one. */
static size_t header_size(const struct kwire_api *api, int16_t version, const char *data,
			  size_t size)
{
	size_t at = 4;

	/* ApiVersions answers with header v0 in every version. */
	if (version < api->first_flexible_version || api->key == 18)
		return size >= at ? at : 0;
	/* Tagged fields: almost always none. */
	if (size < 5 || data[4] != 0)
		return 0;
	return at + 1;
}

static int decode_response(const struct cli *cli, const struct kwire_api *api, const char *data,
			   size_t size, int16_t version, struct kwire_error *error)
{
	size_t header = header_size(api, version, data, size);
	struct kwire_message type;
	uint32_t id = 0;

	if (header == 0)
		return malformed(error, "this is no response header of that version");
	for (int i = 0; i < 4; i++)
		id = id << 8 | (uint8_t)data[i];
	if (!cli->json)
		printf("// %s response v%d, correlation id %d\n", api->name, version,
		       (int)(int32_t)id);
	messages_of_api(api, true, &type);
	return decode_message(&type, messages_describe(api, true), data + header, size - header,
			      version, error);
}

/* The length word in front of a frame, if that is what the bytes begin with; else -1. */
static int64_t length_word(const char *data, size_t size)
{
	int64_t length = 0;

	for (int i = 0; i < 4 && size >= 4; i++)
		length = length << 8 | (uint8_t)data[i];
	return size >= 4 && length >= 4 && length <= (int64_t)size - 4 ? length : -1;
}

/* One frame, or several with their length words, as a capture of one direction has them. */
static int decode_frames(const struct cli *cli, const struct kwire_api *api, const char *data,
			 size_t size, int16_t version, struct kwire_error *error)
{
	int result = KWIRE_OK;

	while (result == KWIRE_OK && size > 0) {
		int64_t length = length_word(data, size);
		size_t frame = length < 0 ? size : (size_t)length;

		data += length < 0 ? 0 : 4;
		size -= length < 0 ? 0 : 4;
		result = api != NULL ? decode_response(cli, api, data, frame, version, error)
				     : decode_request(cli, data, frame, error);
		data += frame;
		size -= frame;
	}
	return result;
}

static int decode(struct cli *cli, const char *data, size_t size, int64_t version,
		  struct kwire_error *error)
{
	const char *what = cli->operands[0];
	const struct kwire_description *description;
	const struct kwire_api *api = NULL;
	struct kwire_message type;

	if (strcasecmp(what, "response") == 0) {
		api = cli->values[API] != NULL ? messages_api(cli->values[API]) : NULL;
		if (api == NULL)
			return cli_usage(cli, "of which API?  --api NAME");
		version = version < 0 ? api->latest_stable_version : version;
	}
	if (api != NULL || strcasecmp(what, "request") == 0)
		return decode_frames(cli, api, data, size, (int16_t)version, error) == KWIRE_OK
			       ? CLI_OK
			       : cli_fail(error);
	if (!messages_find(what, &type, &description))
		return cli_usage(cli, "'%s' is neither request, response nor a message of Kafka",
				 what);
	version = version < 0 ? type.max_version : version;
	return decode_message(&type, description, data, size, (int16_t)version, error) == KWIRE_OK
		       ? CLI_OK
		       : cli_fail(error);
}

static int run(struct cli *cli)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	int64_t version = -1;
	size_t size;
	char *data;
	int code;

	if (!cli_integer(cli, VERSION, 0, INT16_MAX, &version))
		return CLI_USAGE;
	if (cli->operand_count == 0)
		return cli_usage(cli, "request, response or the name of a message?");
	data = input_read(cli->operand_count > 1 ? cli->operands[1] : "-", &size);
	if (data == NULL)
		return CLI_FAILURE;
	if (cli->values[BINARY] == NULL && !input_hex(data, &size))
		code = CLI_FAILURE;
	else
		code = decode(cli, data, size, version, &error);
	free(data);
	return code;
}

const struct cli_command cli_decode = {
	.name = "decode",
	.operands = "request|response|MESSAGE [HEX | @FILE | -]",
	.summary = "Turns bytes of the protocol into JSON",
	.details = "\nWhole requests, with or without their length words, several in a row as "
		   "well; or\n"
		   "responses of the API that --api names; or one message by its name in Kafka,\n"
		   "without a header (MetadataResponse, ConsumerProtocolSubscription).  --json "
		   "leaves\n"
		   "out the lines that say what a frame is.\n",
	.options = options,
	.most_operands = 2,
	.offline = true,
	.run = run,
};
