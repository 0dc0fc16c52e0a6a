/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `kwire cat`: records from standard input to a topic, or from a topic to
 * standard output.  Its flags are those of kcat, where the two do the same.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cat.h"

enum {
	PRODUCE,
	CONSUME,
	LIST,
	TOPIC,
	PARTITION,
	OFFSET,
	COUNT,
	END,
	QUIET,
	KEY,
	DELIMITER,
	NULLS,
	HEADER,
	CODEC,
	FORMAT,
	JSON,
	LEVEL,
	ACKS,
	ISOLATION,
};

static const struct cli_option options[] = {
	{"produce", 'P', NULL, "standard input to the topic"},
	{"consume", 'C', NULL, "the topic to standard output; follows it, without -e or -c"},
	{"list", 'L', NULL, "brokers and topics, as `kwire metadata`"},
	{"topic", 't', "TOPIC", "topic"},
	{"partition", 'p', "N", "partition; else all, or by the key's hash"},
	{"offset", 'o', "WHERE",
	 "beginning, end, N, -N (from the end), s@MS (time); e@MS: until then"},
	{"count", 'c', "N", "ends after so many records"},
	{"exit", 'e', NULL, "ends where the topic ends"},
	{"quiet", 'q', NULL, "says nothing on standard error but failures"},
	{"key-delimiter", 'K', "TEXT", "stands between key and value"},
	{"delimiter", 'D', "TEXT", "stands behind each record (\\n)"},
	{"null", 'Z', NULL, "an empty value, or key, is null; null is printed as NULL"},
	{"header", 'H', "NAME=VALUE", "a header of each record produced; may be repeated"},
	{"codec", 'z', "CODEC", "none, gzip, snappy, lz4 or zstd"},
	{"format", 'f', "FORMAT", "%s value %k key %t topic %p partition %o offset ..."},
	{"envelope", 'J', NULL, "a JSON object a record, on a line, as --json"},
	{"level", 0, "N", "the codec's level"},
	{"acks", 0, "N", "-1 (all replicas, the default), 1 or 0"},
	{"isolation", 0, "LEVEL", "read_uncommitted or read_committed"},
	{NULL, 0, NULL, NULL},
};

static int run(struct cli *cli);

const struct cli_command cli_cat = {
	"cat",
	"",
	"Records from standard input to a topic, or from a topic to standard output",
	"\nThe flags are kcat's.  Without -P, -C or -L: -P where standard input is no terminal,\n"
	"else -C.  Formats also know %S and %K (sizes), %R (size in 4 bytes), %T (timestamp)\n"
	"and %h (headers); in formats and delimiters \\n, \\t, \\0 and \\xHH mean bytes.\n"
	"Producing asks for a producer id, so that a repeat leaves no duplicate.\n",
	options,
	0,
	false,
	run,
};

static struct kwire_metadata_response *ask(struct cat *cat, bool create, int16_t *code,
					   struct kwire_error *error)
{
	struct kwire_metadata_request_topic topic = KWIRE_METADATA_REQUEST_TOPIC_INIT;
	struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
	struct kwire_metadata_response *response = NULL;

	topic.name = kwire_string(cat->topic);
	request.topics.items = &topic;
	request.topics.count = 1;
	request.allow_auto_topic_creation = create;
	*code = 0;
	if (kwire_send_metadata(cat->cli->client, &request, &response, error) != KWIRE_OK)
		return NULL;
	if (response->topics.count != 1)
		*code = -1;
	else
		*code = response->topics.items[0].error_code;
	for (int32_t i = 0; *code == 0 && i < response->topics.items[0].partitions.count; i++)
		if (response->topics.items[0].partitions.items[i].leader_id < 0)
			*code = 5;
	return response;
}

struct kwire_metadata_response *cat_metadata(struct cat *cat, bool create)
{
	const int64_t start = cat_now_ms();
	struct kwire_error error = KWIRE_ERROR_INIT;
	int16_t code;

	while (!cli_interrupted()) {
		struct kwire_metadata_response *response = ask(cat, create, &code, &error);
		struct kwire_kafka_error kafka = kwire_kafka_error(code);

		if (response == NULL) {
			cli_fail(&error);
			return NULL;
		}
		if (code == 0)
			return response;
		kwire_response_free(response);
		/* A topic just created has no leaders yet; one that is not there stays away. */
		if (!kafka.retriable || (code == 3 && !create) ||
		    cat_now_ms() - start > (code == 3 ? 3000 : 10000)) {
			fprintf(stderr, "kwire: %s: %s (%d): %s\n", cat->topic, kafka.name, code,
				kwire_kafka_error_text(code));
			return NULL;
		}
		cat_pause(100);
	}
	return NULL;
}

/* -L is `kwire metadata`, of the topic if one is named. */
static int list(struct cli *cli)
{
	char *operands[] = {(char *)(uintptr_t)cli->values[TOPIC], NULL};
	struct cli other = *cli;

	memset(other.values, 0, sizeof(other.values));
	other.command = &cli_metadata;
	other.operands = operands;
	other.operand_count = operands[0] != NULL;
	int code = cli_metadata.run(&other);

	cli->client = other.client;
	cli->watcher = other.watcher;
	cli->watching = other.watching;
	return code;
}

static char *copy(const char *text, const char *fallback, size_t *size)
{
	char *copied = strdup(text != NULL ? text : fallback);

	if (copied == NULL) {
		perror("kwire");
		exit(CLI_FAILURE);
	}
	*size = cat_unescape(copied);
	return copied;
}

static int read_options(struct cat *cat)
{
	struct cli *cli = cat->cli;
	int64_t level = KWIRE_LEVEL_DEFAULT, acks = -1;
	const char *isolation = cli->values[ISOLATION];

	cat->topic = cli->values[TOPIC];
	cat->partition = -1;
	if (cat->topic == NULL)
		return cli_usage(cli, "which topic? -t TOPIC");
	if (!cli_integer(cli, PARTITION, -1, INT32_MAX, &cat->partition) ||
	    !cli_integer(cli, COUNT, 1, INT64_MAX, &cat->count) ||
	    !cli_integer(cli, LEVEL, INT32_MIN, INT32_MAX, &level) ||
	    !cli_integer(cli, ACKS, -1, 1, &acks))
		return CLI_USAGE;
	cat->level = (int32_t)level;
	cat->acks = (int32_t)acks;
	if (cli->values[CODEC] != NULL &&
	    kwire_codec_parse(cli->values[CODEC], &cat->codec) != KWIRE_OK)
		return cli_usage(cli, "there is no codec '%s'", cli->values[CODEC]);
	if (isolation != NULL && strcmp(isolation, "read_committed") == 0)
		cat->isolation = KWIRE_READ_COMMITTED;
	else if (isolation != NULL && strcmp(isolation, "read_uncommitted") != 0)
		return cli_usage(cli, "there is no isolation '%s'", isolation);
	cat->exit_at_end = cli->values[END] != NULL;
	cat->quiet = cli->values[QUIET] != NULL;
	cat->nulls = cli->values[NULLS] != NULL;
	cat->json = cli->json || cli->values[JSON] != NULL;
	return CLI_OK;
}

/* -H NAME=VALUE; without the equals sign the value is null. */
static int read_headers(struct cat *cat)
{
	for (int i = 0; i < cat->cli->given_count; i++) {
		struct kwire_header *header = &cat->headers[cat->header_count];
		const char *text = cat->cli->given[i].value;
		const char *equals = strchr(text, '=');

		if (cat->cli->given[i].option != HEADER)
			continue;
		if (text[0] == '\0' || equals == text)
			return cli_usage(cat->cli, "-H takes NAME=VALUE, not '%s'", text);
		header->key = equals == NULL ? kwire_string(text)
					     : kwire_string_of(text, (size_t)(equals - text));
		header->value = equals == NULL ? kwire_bytes_of(NULL, 0)
					       : kwire_bytes_of(equals + 1, strlen(equals + 1));
		cat->header_count++;
	}
	return CLI_OK;
}

/* -o, which may be given twice: where to begin, and until when. */
static int read_offsets(struct cat *cat)
{
	cat->stop_ms = -1;
	for (int i = 0; i < cat->cli->given_count; i++) {
		const char *where = cat->cli->given[i].value;
		char *end;

		if (cat->cli->given[i].option != OFFSET)
			continue;
		if (strcmp(where, "stored") == 0)
			return cli_usage(cat->cli,
					 "-o stored: offsets are stored by consumer groups, which "
					 "`kwire cat` does not join; name an offset or a time");
		if (strncmp(where, "e@", 2) != 0) {
			cat->offset = where;
			continue;
		}
		errno = 0;
		cat->stop_ms = strtoll(where + 2, &end, 10);
		if (errno != 0 || end == where + 2 || *end != '\0' || cat->stop_ms < 0)
			return cli_usage(cat->cli, "-o does not know '%s'", where);
	}
	return CLI_OK;
}

static int run(struct cli *cli)
{
	struct cat cat = {.cli = cli};
	char *format = NULL;
	bool produce;
	int code;

	if (cli->values[LIST] != NULL)
		return list(cli);
	code = read_options(&cat);
	if (code == CLI_OK)
		code = read_headers(&cat);
	if (code == CLI_OK)
		code = read_offsets(&cat);
	if (code != CLI_OK)
		return code;
	produce = cli->values[PRODUCE] != NULL ||
		  (cli->values[CONSUME] == NULL && !isatty(STDIN_FILENO));
	code = cli_open_client(cli);
	if (code != CLI_OK)
		return code;
	cat.delimiter = copy(cli->values[DELIMITER], "\n", &cat.delimiter_size);
	if (cli->values[KEY] != NULL)
		cat.key_delimiter = copy(cli->values[KEY], "", &cat.key_delimiter_size);
	if (cli->values[FORMAT] != NULL)
		cat.format = format = copy(cli->values[FORMAT], "", &cat.format_size);
	cat.progress = isatty(STDERR_FILENO) &&
		       (produce ? !isatty(STDIN_FILENO) : !isatty(STDOUT_FILENO));
	cat.started_ms = cat.shown_ms = cat_now_ms();
	code = produce ? cat_produce(&cat) : cat_consume(&cat);
	cat_progress(&cat, 0, 0, true);
	free(cat.delimiter);
	free(cat.key_delimiter);
	free(format);
	return code;
}
