/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kwire_mock_do(): the public functions as lines of text, for the daemon's
 * control port and for tests that like one line.  Calls nothing but what
 * kwire/mock.h offers, and holds no state.
 */
#include <kwire/mock.h>

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/error.h"
#include "control.h"
#include "rules.h"
#include "versions.h"

enum {
	MAX_WORDS = 24,
	MAX_LINE = 2000,
	MAX_DATA = 900,
};

/* A line taken apart, and where its answer goes. */
struct line {
	struct kwire_mock *mock;
	char text[MAX_LINE];
	char *words[MAX_WORDS];
	int count;
	char *reply;
	size_t size;
	size_t used;
	struct kwire_error *error;
};

static int wrong(struct line *line, const char *format, const char *word)
{
	return kw_fail(line->error, KWIRE_EINVAL, format, word);
}

static void say(struct line *line, const char *text)
{
	size_t size = strlen(text);

	if (line->size == 0)
		return;
	if (size > line->size - 1 - line->used)
		size = line->size - 1 - line->used;
	memcpy(line->reply + line->used, text, size);
	line->used += size;
	line->reply[line->used] = '\0';
}

static void say_number(struct line *line, int64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)number);
	say(line, text);
}

static int split(struct line *line, const char *command)
{
	char *at = line->text;
	size_t size = strlen(command);

	if (size >= sizeof(line->text))
		return kw_fail(line->error, KWIRE_EINVAL, "the command is longer than %d bytes",
			       MAX_LINE - 1);
	memcpy(line->text, command, size + 1);
	for (;;) {
		while (isspace((unsigned char)*at))
			*at++ = '\0';
		if (*at == '\0')
			return KWIRE_OK;
		if (line->count == MAX_WORDS)
			return kw_fail(line->error, KWIRE_EINVAL, "the command has too many words");
		line->words[line->count++] = at;
		while (*at != '\0' && !isspace((unsigned char)*at))
			at++;
	}
}

static bool number_of(const char *word, int64_t *number)
{
	char *end;
	long long value;

	errno = 0;
	value = strtoll(word, &end, 10);
	if (end == word || errno != 0)
		return false;
	/* Times may carry their unit. */
	if (strcmp(end, "ms") == 0)
		end += 2;
	else if (strcmp(end, "s") == 0 && value < INT64_MAX / 1000 && value > INT64_MIN / 1000) {
		value *= 1000;
		end++;
	}
	*number = value;
	return *end == '\0';
}

static bool same_word(const char *a, const char *b)
{
	while (*a != '\0' && tolower((unsigned char)*a) == tolower((unsigned char)*b)) {
		a++;
		b++;
	}
	return *a == *b;
}

/* An API by name or key; "any". */
static bool api_of(const char *word, int16_t *key)
{
	int64_t number;

	if (same_word(word, "any")) {
		*key = -1;
		return true;
	}
	for (int k = 0; k < KW_MOCK_KEYS; k++) {
		const char *name = kwire_api_name((int16_t)k);

		if (name != NULL && same_word(word, name)) {
			*key = (int16_t)k;
			return true;
		}
	}
	if (!number_of(word, &number) || number < 0 || number > INT16_MAX)
		return false;
	*key = (int16_t)number;
	return true;
}

/* A whole number within bounds, or the line is wrong. */
static int word_number(struct line *line, int index, int64_t min, int64_t max, int64_t *number)
{
	if (index >= line->count)
		return wrong(line, "\"%s\" needs a number more", line->words[0]);
	if (!number_of(line->words[index], number) || *number < min || *number > max)
		return wrong(line, "\"%s\" is not a number that can be meant here",
			     line->words[index]);
	return KWIRE_OK;
}

static int hex_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Bytes as they are, but for \n, \r, \s (space) and \xHH. */
static int unescape(struct line *line, const char *from, uint8_t *to, int32_t *size)
{
	*size = 0;
	while (*from != '\0') {
		char c = *from++;

		if (c == '\\') {
			c = *from != '\0' ? *from++ : '\\';
			if (c == 'x') {
				if (hex_of(from[0]) < 0 || hex_of(from[1]) < 0)
					return wrong(line, "\"%s\" is not a byte: \\xHH", from);
				c = (char)(hex_of(from[0]) * 16 + hex_of(from[1]));
				from += 2;
			} else if (c == 'n') {
				c = '\n';
			} else if (c == 'r') {
				c = '\r';
			} else if (c == 's') {
				c = ' ';
			}
		}
		if (*size == MAX_DATA)
			return wrong(line, "%s is too long", "data");
		to[(*size)++] = (uint8_t)c;
	}
	return KWIRE_OK;
}

/* The words name=value from `first` on: which requests, and how much. */
static int read_options(struct line *line, int first, struct kwire_mock_match *match,
			struct kwire_mock_fault *fault, uint8_t *data)
{
	for (int i = first; i < line->count; i++) {
		char *name = line->words[i];
		char *value = strchr(name, '=');
		int64_t number = 0;

		if (strcmp(name, "once") == 0) {
			match->count = 1;
			continue;
		}
		if (value == NULL)
			return wrong(line, "\"%s\" is not of the form name=value", name);
		*value++ = '\0';
		if (strcmp(name, "api") == 0) {
			if (!api_of(value, &match->api_key))
				return wrong(line, "\"%s\" is no API", value);
			continue;
		}
		if (strcmp(name, "data") == 0 && fault != NULL) {
			int result = unescape(line, value, data, &fault->data.size);

			if (result != 0)
				return result;
			fault->data.data = data;
			continue;
		}
		if (!number_of(value, &number))
			return wrong(line, "\"%s\" is not a number", value);
		if (strcmp(name, "broker") == 0)
			match->broker_id = (int32_t)number;
		else if (strcmp(name, "connection") == 0)
			match->connection = (int32_t)number;
		else if (strcmp(name, "chance") == 0)
			match->chance = (int16_t)number;
		else if (strcmp(name, "skip") == 0)
			match->skip = (int32_t)number;
		else if (strcmp(name, "count") == 0)
			match->count = (int32_t)number;
		else if (strcmp(name, "ms") == 0 && fault != NULL)
			fault->ms = number;
		else if (strcmp(name, "bytes") == 0 && fault != NULL)
			fault->bytes = number;
		else if (strcmp(name, "value") == 0 && fault != NULL)
			fault->value = number;
		else
			return wrong(line, "\"%s\" means nothing here", name);
	}
	return KWIRE_OK;
}

/* ----------------------------------------------------------------- commands */

static int do_break(struct line *line)
{
	struct kwire_mock_match match = KWIRE_MOCK_MATCH_INIT;
	struct kwire_mock_fault fault = KWIRE_MOCK_FAULT_INIT;
	uint8_t data[MAX_DATA];
	int kind = line->count > 1 ? kw_mock_fault_named(line->words[1]) : -1;
	int result;
	int id;

	if (kind < 0)
		return wrong(line, "\"%s\" is no fault; see help",
			     line->count > 1 ? line->words[1] : "");
	fault.kind = (enum kwire_mock_fault_kind)kind;
	result = read_options(line, 2, &match, &fault, data);
	if (result == 0)
		result = kwire_mock_break(line->mock, &match, &fault, &id, line->error);
	if (result == 0)
		say_number(line, id);
	return result;
}

static int do_error(struct line *line)
{
	struct kwire_mock_match match = KWIRE_MOCK_MATCH_INIT;
	int64_t code;
	int result = word_number(line, 1, INT16_MIN, INT16_MAX, &code);
	int id;

	if (result == 0)
		result = read_options(line, 2, &match, NULL, NULL);
	if (result == 0)
		result = kwire_mock_script_error(line->mock, &match, (int16_t)code, &id,
						 line->error);
	if (result == 0)
		say_number(line, id);
	return result;
}

static int do_mend(struct line *line)
{
	int64_t id = -1;

	if (line->count > 1 && !same_word(line->words[1], "all")) {
		int result = word_number(line, 1, 1, INT32_MAX, &id);

		if (result != 0)
			return result;
	}
	return kwire_mock_mend(line->mock, (int)id, line->error);
}

static int do_chaos(struct line *line)
{
	int64_t chance;
	int64_t seed = 0;
	int result = word_number(line, 1, 0, 1000, &chance);

	if (result == 0 && line->count > 2)
		result = word_number(line, 2, 0, INT64_MAX, &seed);
	if (result == 0)
		say_number(line,
			   (int64_t)kwire_mock_chaos(line->mock, (int)chance, (uint64_t)seed));
	return result;
}

/* Commands about one broker, -1: all (where that is allowed). */
static int do_broker(struct line *line)
{
	const char *verb = line->words[0];
	int64_t id = -1;
	int64_t port = 0;
	int result = KWIRE_OK;

	if (line->count > 1 && !same_word(line->words[1], "all"))
		result = word_number(line, 1, -1, INT32_MAX, &id);
	else if (strcmp(verb, "disconnect") != 0)
		return wrong(line, "\"%s\" needs a broker", verb);
	if (result == 0 && line->count > 2)
		result = word_number(line, 2, 0, 65535, &port);
	if (result != 0)
		return result;
	if (strcmp(verb, "stop") == 0)
		return kwire_mock_stop_broker(line->mock, (int32_t)id, line->error);
	if (strcmp(verb, "start") == 0)
		return kwire_mock_start_broker(line->mock, (int32_t)id, line->error);
	if (strcmp(verb, "move") == 0)
		return kwire_mock_move_broker(line->mock, (int32_t)id, (int)port, line->error);
	if (strcmp(verb, "remove") == 0)
		return kwire_mock_remove_broker(line->mock, (int32_t)id, line->error);
	if (strcmp(verb, "controller") == 0)
		return kwire_mock_set_controller(line->mock, (int32_t)id, line->error);
	return kwire_mock_disconnect(line->mock, (int32_t)id, line->error);
}

static int do_add(struct line *line)
{
	int32_t id;
	int result = kwire_mock_add_broker(line->mock, &id, line->error);

	if (result == 0)
		say_number(line, id);
	return result;
}

static int do_versions(struct line *line)
{
	struct kwire_mock_match match = KWIRE_MOCK_MATCH_INIT;
	int64_t min;
	int64_t max;
	int result;

	if (line->count < 2)
		return wrong(line, "\"%s\" needs a release", line->words[0]);
	/* versions RELEASE [broker=N], versions api=NAME MIN MAX [broker=N] */
	if (strncmp(line->words[1], "api=", 4) != 0) {
		result = read_options(line, 2, &match, NULL, NULL);
		if (result != 0)
			return result;
		return kwire_mock_set_versions(line->mock, match.broker_id, line->words[1],
					       line->error);
	}
	if (!api_of(line->words[1] + 4, &match.api_key) || match.api_key < 0)
		return wrong(line, "\"%s\" is no API", line->words[1] + 4);
	if ((result = word_number(line, 2, 0, INT16_MAX, &min)) != 0 ||
	    (result = word_number(line, 3, -1, INT16_MAX, &max)) != 0 ||
	    (result = read_options(line, 4, &match, NULL, NULL)) != 0)
		return result;
	return kwire_mock_set_api_versions(line->mock, match.broker_id, match.api_key, (int16_t)min,
					   (int16_t)max, line->error);
}

static int do_topic(struct line *line)
{
	int64_t partitions = 1;
	int result = KWIRE_OK;

	if (line->count < 2)
		return wrong(line, "\"%s\" needs a name", line->words[0]);
	if (strcmp(line->words[0], "delete") == 0)
		return kwire_mock_delete_topic(line->mock, line->words[1], line->error);
	if (line->count > 2)
		result = word_number(line, 2, 1, INT32_MAX, &partitions);
	if (result != 0)
		return result;
	return kwire_mock_create_topic(line->mock, line->words[1], (int32_t)partitions,
				       line->error);
}

static int do_partition(struct line *line)
{
	const char *verb = line->words[0];
	int64_t partition;
	int64_t broker;
	int64_t offset;
	int result;

	if (line->count < 3)
		return wrong(line, "\"%s\" needs a topic and a partition", verb);
	result = word_number(line, 2, 0, INT32_MAX, &partition);
	if (result != 0)
		return result;
	if (strcmp(verb, "leader") == 0) {
		result = word_number(line, 3, -1, INT32_MAX, &broker);
		return result != 0 ? result
				   : kwire_mock_set_leader(line->mock, line->words[1],
							   (int32_t)partition, (int32_t)broker,
							   line->error);
	}
	if (strcmp(verb, "append") == 0)
		return kwire_mock_append(line->mock, line->words[1], (int32_t)partition,
					 line->count > 4 ? line->words[3] : NULL,
					 line->count > 3 ? line->words[line->count - 1] : NULL,
					 line->error);
	result = kwire_mock_end_offset(line->mock, line->words[1], (int32_t)partition, &offset,
				       line->error);
	if (result == 0)
		say_number(line, offset);
	return result;
}

static int do_count(struct line *line)
{
	struct kwire_mock_match match = KWIRE_MOCK_MATCH_INIT;
	int64_t count;
	int64_t timeout = 10000;
	int result;
	int first = 1;

	/* count [match]; wait COUNT [TIMEOUT] [match] */
	if (strcmp(line->words[0], "wait") == 0) {
		result = word_number(line, 1, 0, INT64_MAX, &count);
		if (result != 0)
			return result;
		first = 2;
		if (line->count > 2 && number_of(line->words[2], &timeout))
			first = 3;
	}
	result = read_options(line, first, &match, NULL, NULL);
	if (result == 0 && first > 1)
		return kwire_mock_wait(line->mock, &match, count, timeout, line->error);
	if (result == 0)
		say_number(line, kwire_mock_count(line->mock, &match));
	return result;
}

static int do_connections(struct line *line)
{
	int64_t id = -1;
	int64_t accepted;
	int result = line->count > 1 ? word_number(line, 1, -1, INT32_MAX, &id) : KWIRE_OK;
	int open;

	if (result == 0)
		result = kwire_mock_connections(line->mock, (int32_t)id, &open, &accepted,
						line->error);
	if (result != 0)
		return result;
	say_number(line, open);
	say(line, " ");
	say_number(line, accepted);
	return KWIRE_OK;
}

static int do_time(struct line *line)
{
	int64_t ms;
	int result;

	if (strcmp(line->words[0], "now") == 0) {
		say_number(line, kwire_mock_now(line->mock));
		return KWIRE_OK;
	}
	result = word_number(line, 1, 0, INT64_MAX / 4, &ms);
	if (result == 0)
		kwire_mock_advance(line->mock, ms);
	return result;
}

static int do_bootstrap(struct line *line)
{
	const char *text = kwire_mock_bootstrap(line->mock);

	if (text == NULL)
		return kw_fail_memory(line->error);
	say(line, text);
	return KWIRE_OK;
}

static int do_forget(struct line *line)
{
	kwire_mock_forget(line->mock);
	return KWIRE_OK;
}

static int do_security(struct line *line)
{
	char text[4096];
	int result = kw_mock_do_security(line->mock, line->words, line->count, text, sizeof(text),
					 line->error);

	if (result == 0)
		say(line, text);
	return result;
}

static int do_help(struct line *line);

static const struct {
	const char *name;
	int (*run)(struct line *line);
	const char *help;
} commands[] = {
	{"break", do_break,
	 "break FAULT [api=NAME] [broker=N] [connection=N] [skip=N] [count=N|once] "
	 "[chance=PERMILLE] "
	 "[ms=N] [bytes=N] [value=N] [data=TEXT]"},
	{"error", do_error, "error CODE [api=NAME] [broker=N] ... : answers with a Kafka error"},
	{"mend", do_mend, "mend [RULE|all]"},
	{"chaos", do_chaos, "chaos PERMILLE [SEED]"},
	{"stop", do_broker, "stop BROKER"},
	{"start", do_broker, "start BROKER"},
	{"move", do_broker, "move BROKER [PORT]"},
	{"add", do_add, "add"},
	{"remove", do_broker, "remove BROKER"},
	{"disconnect", do_broker, "disconnect [BROKER|all]"},
	{"controller", do_broker, "controller BROKER|-1"},
	{"versions", do_versions,
	 "versions RELEASE [broker=N] | versions api=NAME MIN MAX [broker=N]"},
	{"topic", do_topic, "topic NAME [PARTITIONS]"},
	{"delete", do_topic, "delete NAME"},
	{"leader", do_partition, "leader TOPIC PARTITION BROKER|-1"},
	{"append", do_partition, "append TOPIC PARTITION [KEY] VALUE"},
	{"end", do_partition, "end TOPIC PARTITION"},
	{"count", do_count, "count [api=NAME] [broker=N] [connection=N]"},
	{"wait", do_count, "wait COUNT [TIMEOUT_MS] [api=NAME] [broker=N] ..."},
	{"forget", do_forget, "forget"},
	{"connections", do_connections, "connections [BROKER]: open and accepted"},
	{"tls", do_security,
	 "tls good|wrong-name|expired|future|self-signed|wrong-ca|off: of new connections"},
	{"ca", do_security, "ca: the CA's certificate"},
	{"sasl", do_security, "sasl MECHANISM[,MECHANISM...]|off: of new connections"},
	{"user", do_security, "user NAME [PASSWORD]: without one it is taken away"},
	{"session", do_security, "session MS: how long a login lasts, 0 for ever"},
	{"logins", do_security, "logins: first, renewed, refused"},
	{"now", do_time, "now"},
	{"advance", do_time, "advance MS"},
	{"bootstrap", do_bootstrap, "bootstrap"},
	{"help", do_help, "help"},
};

enum {
	COMMANDS = sizeof(commands) / sizeof(*commands)
};

static int do_help(struct line *line)
{
	for (int i = 0; i < COMMANDS; i++) {
		say(line, commands[i].help);
		say(line, "\n");
	}
	say(line, "faults:");
	for (int i = 0; i < KWIRE_MOCK_FAULT_KINDS; i++) {
		say(line, " ");
		say(line, kw_mock_fault_name((enum kwire_mock_fault_kind)i));
	}
	return KWIRE_OK;
}

int kwire_mock_do(struct kwire_mock *mock, const char *command, char *reply, size_t size,
		  struct kwire_error *error)
{
	struct line line = {
		.mock = mock, .reply = reply, .size = reply != NULL ? size : 0, .error = error};
	int result;

	if (line.size > 0)
		reply[0] = '\0';
	if (command == NULL)
		return kw_fail(error, KWIRE_EINVAL, "a command must be given");
	result = split(&line, command);
	if (result != 0 || line.count == 0)
		return result;
	for (int i = 0; i < COMMANDS; i++)
		if (same_word(line.words[0], commands[i].name)) {
			/* The commands compare their own name exactly. */
			memcpy(line.words[0], commands[i].name, strlen(commands[i].name));
			return commands[i].run(&line);
		}
	return wrong(&line, "\"%s\" is no command; see help", line.words[0]);
}
