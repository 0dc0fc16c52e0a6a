/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mock beside the real thing: the requests of mock/conversation.json go to
 * the cluster and to a mock cluster, in every version that both know, and the
 * answers are compared field by field, as JSON.  Times, ports and ids that a
 * cluster makes up are blanked, of texts for people only their being there is
 * compared.  What may differ stands in mock/differences, with the reason;
 * anything else fails, and so does a line there that nothing needs any more.
 *
 * A step of the conversation is an object:
 *   "api", "request"    what is sent; "@2-5 field" is there in these versions only
 *   "to"                a broker's id (1), "group NAME" or "transaction NAME": its coordinator
 *   "keep"              {"variable": "path.0.in.the.answer"}
 *   "only"              {"list": ["field", "prefix"]}: list entries that are compared
 *   "blank"             further fields to blank
 *   "from"              the lowest version in which it is said
 *   "patience"          error codes to wait out: coordinators that are not ready yet
 * or {"settle": TOPIC, "partitions": N}, or {"stable": [TOPIC, PARTITION, OFFSET]},
 * which wait until a cluster has done what it was asked for.  In requests, "$variable" is
 * its value, "%" in a text the round's own word, {"batch": {...}} records, {"after": MS} a
 * time of them, {"long": N} a text.
 */
#include "cluster.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include <kwire/fetch.h>
#include <kwire/json.h>
#include <kwire/mock.h>

#include "base/base64.h"

enum {
	MAX_DIFFERENCES = 400,
	TEXT = 200
};

/* A way in which the mock may differ, or does. */
struct difference {
	char path[TEXT]; /* "Api field.list[].field" */
	bool seen;
};

struct side {
	const char *name;
	struct kwire_client *client;
	json_t *variables;
};

static struct side sides[2];
static struct kwire_mock *mock;
static json_t *conversation;
static struct difference allowed[MAX_DIFFERENCES];
static int allowed_count;
static int unexpected;
static char word[64]; /* the round's: names of topics, groups, ... hold it */
static char where[TEXT];
static int64_t began_ms; /* the time of the first record: times far apart would roll segments */

/* ---------------------------------------------------------------- requests */

static const struct kwire_api *api_named(const char *name)
{
	for (int i = 0; i < kwire_all_apis_count; i++)
		if (strcmp(kwire_all_apis[i]->name, name) == 0)
			return kwire_all_apis[i];
	fail_msg("there is no API %s", name);
	return NULL;
}

static json_t *fill(const struct side *side, json_t *template, int16_t version);

static int64_t number(json_t *object, const char *key, int64_t fallback)
{
	json_t *value = json_object_get(object, key);

	return json_is_integer(value) ? json_integer_value(value) : fallback;
}

/* {"count", "after", "codec", "producer", "epoch", "sequence", "transactional", "spoilt"} */
static json_t *batch(json_t *form)
{
	struct kwire_batch_options options = KWIRE_BATCH_OPTIONS_INIT;
	struct kwire_batch_builder *builder = NULL;
	struct kwire_error error = KWIRE_ERROR_INIT;
	const char *codec = json_string_value(json_object_get(form, "codec"));
	struct kwire_bytes made;
	uint8_t *bytes;
	json_t *text;
	char *base64;

	if (codec != NULL)
		must(kwire_codec_parse(codec, &options.codec), NULL);
	options.producer_id = number(form, "producer", -1);
	options.producer_epoch = (int16_t)number(form, "epoch", -1);
	options.base_sequence = (int32_t)number(form, "sequence", -1);
	options.transactional = json_is_true(json_object_get(form, "transactional"));
	must(kwire_batch_builder_new(NULL, &builder, &error), &error);
	must(kwire_batch_builder_begin(builder, &options, &error), &error);
	for (int64_t i = 0; i < number(form, "count", 1); i++)
		must(kwire_batch_builder_add(builder, began_ms + number(form, "after", 0) + i,
					     kwire_bytes_of("key", 3), kwire_bytes_of("value", 5),
					     NULL, 0, &error),
		     &error);
	must(kwire_batch_builder_end(builder, &made, &error), &error);
	bytes = malloc((size_t)made.size);
	base64 = malloc(kw_base64_size((size_t)made.size));
	assert_non_null(bytes);
	assert_non_null(base64);
	memcpy(bytes, made.data, (size_t)made.size);
	if (json_is_true(json_object_get(form, "spoilt")))
		bytes[made.size - 1] ^= 1;
	kw_base64_encode(bytes, (size_t)made.size, false, base64);
	text = json_string(base64);
	free(base64);
	free(bytes);
	kwire_batch_builder_free(builder);
	return text;
}

static json_t *fill_text(const struct side *side, const char *text)
{
	char filled[4200];
	size_t size = 0;
	json_t *value;

	if (text[0] == '$') {
		value = json_object_get(side->variables, text + 1);
		if (value == NULL)
			fail_msg("%s: nothing was kept as %s", where, text);
		return json_incref(value);
	}
	for (; *text != '\0' && size < sizeof(filled) - sizeof(word); text++)
		if (*text == '%')
			size += (size_t)snprintf(filled + size, sizeof(word), "%s", word);
		else
			filled[size++] = *text;
	filled[size] = '\0';
	return json_string(filled);
}

static json_t *long_text(size_t size)
{
	char *text = malloc(size);
	json_t *made;

	assert_non_null(text);
	memset(text, 'x', size);
	made = json_stringn(text, size);
	free(text);
	return made;
}

/* "@2-5 field": whether it is there, and its name. */
static const char *field_in(const char *key, int16_t version)
{
	int low, high, used = 0;

	if (sscanf(key, "@%d-%d %n", &low, &high, &used) != 2)
		return key;
	return version >= low && version <= high ? key + used : NULL;
}

static json_t *fill(const struct side *side, json_t *template, int16_t version)
{
	const char *key, *name;
	json_t *value, *member, *filled;
	size_t index;

	if (json_is_string(template))
		return fill_text(side, json_string_value(template));
	if (json_is_array(template)) {
		filled = json_array();
		json_array_foreach(template, index, value)
			json_array_append_new(filled, fill(side, value, version));
		return filled;
	}
	if (!json_is_object(template))
		return json_incref(template);
	value = json_object_get(template, "batch");
	if (value != NULL) {
		filled = json_object();
		json_object_foreach(value, key, member)
			json_object_set_new(filled, key, fill(side, member, version));
		value = batch(filled);
		json_decref(filled);
		return value;
	}
	value = json_object_get(template, "after");
	if (value != NULL)
		return json_integer(began_ms + json_integer_value(value));
	value = json_object_get(template, "long");
	if (value != NULL)
		return long_text((size_t)json_integer_value(value));
	filled = json_object();
	json_object_foreach(template, key, value) if ((name = field_in(key, version)) != NULL)
		json_object_set_new(filled, name, fill(side, value, version));
	return filled;
}

/* ----------------------------------------------------------------- answers */

static json_t *bytes_text(struct kwire_bytes bytes)
{
	return bytes.data == NULL
		       ? json_null()
		       : json_stringn_nocheck((const char *)bytes.data, (size_t)bytes.size);
}

/* What is in records, without the ids and times that a cluster makes up. */
static json_t *read_records(const char *base64)
{
	size_t size = strlen(base64);
	uint8_t *bytes = malloc(size + 1);
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_batch_reader *reader = NULL;
	struct kwire_record record;
	struct kwire_batch read;
	json_t *batches = json_array();
	int result;

	assert_non_null(bytes);
	assert_true(kw_base64_decode(base64, size, bytes, &size));
	must(kwire_batch_reader_new(NULL, &reader, &error), &error);
	kwire_batch_reader_start(reader, kwire_bytes_of(bytes, size));
	while ((result = kwire_batch_reader_next(reader, &read, &error)) > 0) {
		json_t *records = json_array();

		while ((result = kwire_batch_reader_record(reader, &record, &error)) > 0) {
			struct kwire_control control = {0, -1, -1};

			if (read.control)
				must(kwire_control_read(&record, &control, &error), &error);
			json_array_append_new(
				records,
				json_pack("{s:I,s:I,s:i,s:o,s:o}", "offset", record.offset, "time",
					  read.control ? 0 : record.timestamp, "control",
					  control.type, "key",
					  read.control ? json_null() : bytes_text(record.key),
					  "value",
					  read.control ? json_null() : bytes_text(record.value)));
		}
		must(result, &error);
		json_array_append_new(
			batches,
			json_pack("{s:I,s:I,s:i,s:i,s:b,s:b,s:i,s:b,s:i,s:o}", "baseOffset",
				  read.base_offset, "lastOffset", read.last_offset, "leaderEpoch",
				  read.leader_epoch, "codec", read.codec, "transactional",
				  read.transactional, "control", read.control, "sequence",
				  read.base_sequence, "hasProducer", read.producer_id >= 0, "magic",
				  read.magic, "records", records));
	}
	must(result, &error);
	kwire_batch_reader_free(reader);
	free(bytes);
	return batches;
}

static bool in_list(const char *const *list, const char *name)
{
	for (; *list != NULL; list++)
		if (strcmp(*list, name) == 0)
			return true;
	return false;
}

/* Ids, ports and times are blanked; records are opened. */
static void blank(json_t *answer, json_t *also)
{
	static const char *const made_up[] = {
		"throttleTimeMs", "port",   "host",       "clusterId", "controllerId", "topicId",
		"memberId",       "leader", "producerId", "sessionId", "clientHost",   NULL};
	static const char *const texts[] = {"errorMessage", NULL};
	const char *key;
	json_t *value, *item;
	void *next;
	size_t index;

	if (json_is_array(answer))
		json_array_foreach(answer, index, value) blank(value, also);
	if (!json_is_object(answer))
		return;
	json_object_foreach_safe(answer, next, key, value)
	{
		bool asked = false;

		json_array_foreach(also, index, item)
			asked = asked || strcmp(json_string_value(item), key) == 0;
		if (asked || in_list(made_up, key)) {
			/* Whether there is one at all is no accident. */
			if (json_is_string(value) && json_string_length(value) > 0)
				json_object_set_new(answer, key, json_string("(some)"));
			else if (!json_is_string(value) && !json_is_null(value))
				json_object_del(answer, key);
		} else if (in_list(texts, key) && json_string_length(value) > 0) {
			json_object_set_new(answer, key, json_string("(text)"));
		} else if (strcmp(key, "records") == 0 && json_is_string(value)) {
			json_object_set_new(answer, key, read_records(json_string_value(value)));
		} else {
			blank(value, also);
		}
	}
}

/* Drops the entries of others: a real cluster is not ours alone. */
static void only(json_t *answer, json_t *which)
{
	const char *list;
	json_t *rule;

	json_object_foreach(which, list, rule)
	{
		const char *field = json_string_value(json_array_get(rule, 0));
		json_t *wanted = fill_text(&sides[0], json_string_value(json_array_get(rule, 1)));
		json_t *entries = json_object_get(answer, list);

		for (size_t i = json_array_size(entries); i-- > 0;) {
			const char *name = json_string_value(
				json_object_get(json_array_get(entries, i), field));

			if (name == NULL || strncmp(name, json_string_value(wanted),
						    json_string_length(wanted)) != 0)
				json_array_remove(entries, i);
		}
		json_decref(wanted);
	}
}

static json_t *at_path(json_t *answer, const char *path)
{
	char part[64];
	int used;

	for (; answer != NULL && sscanf(path, "%63[^.]%n", part, &used) == 1;) {
		answer = isdigit((unsigned char)part[0])
				 ? json_array_get(answer, (size_t)atoi(part))
				 : json_object_get(answer, part);
		path += used;
		path += *path == '.';
	}
	return answer;
}

/* ------------------------------------------------------------- differences */

static void read_differences(void)
{
	FILE *file = fopen("tests/interop/mock/differences", "r");
	char line[1000];
	char *reason;

	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL) {
		if (line[0] == '#' || line[0] == '\n')
			continue;
		reason = strstr(line, ": ");
		if (reason == NULL || reason - line >= TEXT || allowed_count == MAX_DIFFERENCES)
			fail_msg("differences: no reason in: %s", line);
		memcpy(allowed[allowed_count++].path, line, (size_t)(reason - line));
	}
	fclose(file);
}

static void differ(const char *path, json_t *real, json_t *mocked)
{
	char *a, *b;

	for (int i = 0; i < allowed_count; i++)
		if (strcmp(allowed[i].path, path) == 0) {
			allowed[i].seen = true;
			return;
		}
	a = real != NULL ? json_dumps(real, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
	b = mocked != NULL ? json_dumps(mocked, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
	unexpected++;
	print_error("%s\n  %s\n  Kafka: %.600s\n  mock:  %.600s\n", where, path,
		    a != NULL ? a : "(nothing)", b != NULL ? b : "(nothing)");
	free(a);
	free(b);
}

/* What tells the entries of a list apart, where their order means nothing. */
static const char *identity(json_t *entry)
{
	static const char *const names[] = {"name",      "nodeId", "brokerId", "partitionIndex",
					    "partition", "apiKey", "groupId",  "index",
					    "topic",     "key",    "memberId", NULL};

	for (int i = 0; names[i] != NULL; i++)
		if (json_object_get(entry, names[i]) != NULL)
			return names[i];
	return NULL;
}

static json_t *counterpart(json_t *entry, json_t *list, size_t index)
{
	const char *name = identity(entry);
	json_t *other;
	size_t i;

	if (name == NULL)
		return json_array_get(list, index);
	/* The same place first: an id may stand in a list twice, or be blanked. */
	other = json_array_get(list, index);
	if (json_equal(json_object_get(entry, name), json_object_get(other, name)))
		return other;
	json_array_foreach(list, i,
			   other) if (json_equal(json_object_get(entry, name),
						 json_object_get(other, name))) return other;
	return NULL;
}

static void compare(const char *path, json_t *real, json_t *mocked)
{
	char below[TEXT];
	const char *key;
	json_t *value;
	size_t index;

	if (json_is_object(real) && json_is_object(mocked)) {
		json_object_foreach(real, key, value)
		{
			snprintf(below, sizeof(below), "%s%s%s", path,
				 path[strlen(path) - 1] == ' ' ? "" : ".", key);
			compare(below, value, json_object_get(mocked, key));
		}
		json_object_foreach(mocked, key, value) if (json_object_get(real, key) == NULL)
		{
			snprintf(below, sizeof(below), "%s%s%s", path,
				 path[strlen(path) - 1] == ' ' ? "" : ".", key);
			differ(below, NULL, value);
		}
		return;
	}
	if (json_is_array(real) && json_is_array(mocked)) {
		snprintf(below, sizeof(below), "%s[]", path);
		json_array_foreach(real, index, value)
			compare(below, value, counterpart(value, mocked, index));
		json_array_foreach(mocked, index, value) if (counterpart(value, real, index) ==
							     NULL) differ(below, NULL, value);
		return;
	}
	if (!json_equal(real, mocked))
		differ(path, real, mocked);
}

/* -------------------------------------------------------------------- steps */

static int32_t target(const struct side *side, json_t *to)
{
	json_t *key;
	int32_t node;

	if (json_is_integer(to))
		return (int32_t)json_integer_value(to);
	if (!json_is_string(to))
		return 1;
	key = fill_text(side, strchr(json_string_value(to), ' ') + 1);
	node = cluster_coordinator(side->client, json_string_value(key),
				   json_string_value(to)[0] == 't');
	json_decref(key);
	return node;
}

/* Whether the answer's first error is one to be waited out. */
static bool impatient(json_t *answer, json_t *codes)
{
	const char *key;
	json_t *value, *code;
	size_t index;

	if (json_is_array(answer))
		json_array_foreach(answer, index, value) if (impatient(value, codes)) return true;
	json_object_foreach(answer, key, value)
	{
		if (strcmp(key, "errorCode") == 0)
			json_array_foreach(codes, index,
					   code) if (json_equal(code, value)) return true;
		if (impatient(value, codes))
			return true;
	}
	return false;
}

/* Asks one side; NULL: this version has no room for what is asked. */
static json_t *ask(struct side *side, const struct kwire_api *api, int16_t version, json_t *step)
{
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct cluster_patience patience = {0};
	struct kwire_error error = KWIRE_ERROR_INIT;
	json_t *filled = fill(side, json_object_get(step, "request"), version);
	char *text = json_dumps(filled, 0);
	char name[80];
	void *request = NULL, *response = NULL;
	json_t *answer = NULL, *keep;
	const char *key;
	int result;

	snprintf(name, sizeof(name), "%sRequest", api->name);
	must(kwire_json_read(kwire_describe(name), text, strlen(text), version, KWIRE_JSON_DEFAULTS,
			     &request, &error),
	     &error);
	snprintf(name, sizeof(name), "%sResponse", api->name);
	options.min_version = options.max_version = version;
	options.broker_id = target(side, json_object_get(step, "to"));
	do {
		json_decref(answer);
		answer = NULL;
		result = kwire_send(side->client, api, request, &response, &options, &error);
		if (result == KWIRE_EINVAL || result == KWIRE_EUNSUPPORTED)
			break;
		if (result != 0) {
			answer = json_pack("{s:s}", "failed", kwire_result_name(result));
			break;
		}
		free(text);
		must(kwire_json_print(kwire_describe(name), response, version, 0, &text, NULL,
				      &error),
		     &error);
		kwire_response_free(response);
		answer = json_loads(text, 0, NULL);
		assert_non_null(answer);
		kwire_json_free(text);
		text = NULL;
	} while (impatient(answer, json_object_get(step, "patience")) && cluster_again(&patience));
	json_object_foreach(json_object_get(step, "keep"), key,
			    keep) if (at_path(answer, json_string_value(keep)) != NULL)
		json_object_set(side->variables, key, at_path(answer, json_string_value(keep)));
	kwire_response_free(request);
	free(text);
	json_decref(filled);
	return answer;
}

static void ask_both(json_t *step, int round)
{
	const struct kwire_api *api = api_named(json_string_value(json_object_get(step, "api")));
	int16_t version = (int16_t)(api->latest_stable_version - round);
	json_t *answers[2];
	char path[TEXT];

	if (version < api->min_version)
		version = api->min_version;
	if (version < number(step, "from", 0))
		return;
	snprintf(where, sizeof(where), "%s v%d: %s", api->name, version,
		 json_string_value(json_object_get(step, "what")));
	for (int i = 0; i < 2; i++)
		answers[i] = ask(&sides[i], api, version, step);
	if ((answers[0] == NULL) != (answers[1] == NULL))
		fail_msg("%s: sent to one only", where);
	if (answers[0] != NULL) {
		json_object_set_new(step, "sent", json_true());
		for (int i = 0; i < 2; i++) {
			only(answers[i], json_object_get(step, "only"));
			blank(answers[i], json_object_get(step, "blank"));
		}
		snprintf(path, sizeof(path), "%s ", api->name);
		compare(path, answers[0], answers[1]);
	}
	json_decref(answers[0]);
	json_decref(answers[1]);
}

static void settle(const struct side *side, json_t *step)
{
	json_t *topic = fill_text(side, json_string_value(json_object_get(step, "settle")));

	cluster_settle_topic(side->client, json_string_value(topic),
			     (int32_t)number(step, "partitions", 1));
	json_decref(topic);
}

/* Until a partition's last stable offset is there: markers are written behind EndTxn's back. */
static void stabilize(const struct side *side, json_t *what)
{
	json_t *topic = fill_text(side, json_string_value(json_array_get(what, 0)));
	int32_t partition = (int32_t)json_integer_value(json_array_get(what, 1));
	int64_t offset = json_integer_value(json_array_get(what, 2));
	struct cluster_patience patience = {0};
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_listed_offset found;

	do {
		must(kwire_list_offset(side->client, json_string_value(topic), partition,
				       KWIRE_OFFSET_LATEST, KWIRE_READ_COMMITTED, &found, NULL,
				       &error),
		     &error);
		if (found.offset == offset)
			break;
	} while (cluster_again(&patience));
	if (found.offset != offset)
		print_error("%s: %s: %lld is the stable offset, not %lld\n", word, side->name,
			    (long long)found.offset, (long long)offset);
	assert_int_equal(found.offset, offset);
	json_decref(topic);
}

static void converse(int round)
{
	json_t *step;
	size_t index;

	cluster_name(word, "mock");
	json_array_foreach(conversation, index, step)
	{
		if (json_object_get(step, "api") != NULL) {
			ask_both(step, round);
			continue;
		}
		for (int i = 0; i < 2; i++)
			if (json_object_get(step, "settle") != NULL)
				settle(&sides[i], step);
			else
				stabilize(&sides[i], json_object_get(step, "stable"));
	}
}

/* From each API's newest version down to the oldest of all. */
static int rounds(void)
{
	int most = 0;
	json_t *step;
	size_t index;

	json_array_foreach(conversation, index, step)
	{
		const char *name = json_string_value(json_object_get(step, "api"));

		const struct kwire_api *api = name != NULL ? api_named(name) : NULL;

		if (api != NULL && api->latest_stable_version - api->min_version > most)
			most = api->latest_stable_version - api->min_version;
	}
	return most + 1;
}

static void the_mock_answers_as_kafka_does(void **state)
{
	json_t *step;
	size_t index;

	(void)state;
	/* The mock is a broker of the release whose schemas kwire has. */
	if (!cluster_at_least(4, 4))
		skip();
	for (int round = 0; round < rounds(); round++)
		converse(round);
	json_array_foreach(conversation, index, step) if (json_object_get(step, "api") != NULL &&
							  json_object_get(step, "sent") == NULL)
	{
		unexpected++;
		print_error("never sent: %s\n", json_string_value(json_object_get(step, "what")));
	}
	for (int i = 0; i < allowed_count; i++)
		if (!allowed[i].seen) {
			unexpected++;
			print_error("no difference any more: %s\n", allowed[i].path);
		}
	assert_int_equal(unexpected, 0);
}

static int setup(void **state)
{
	struct kwire_mock_options options = KWIRE_MOCK_OPTIONS_INIT;
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_config *config = kwire_config_new();
	json_error_t where_wrong;

	(void)state;
	began_ms = (int64_t)time(NULL) * 1000;
	options.flags = KWIRE_MOCK_NO_AUTO_CREATE;
	must(kwire_mock_open(&options, &mock, &error), &error);
	must(kwire_config_set(config, "bootstrap.servers", kwire_mock_bootstrap(mock), &error),
	     &error);
	must(kwire_client_open(config, &sides[1].client, &error), &error);
	kwire_config_free(config);
	sides[0].client = cluster_client();
	sides[0].name = "Kafka";
	sides[1].name = "mock";
	for (int i = 0; i < 2; i++)
		sides[i].variables = json_object();
	conversation = json_load_file("tests/interop/mock/conversation.json", 0, &where_wrong);
	if (conversation == NULL)
		fail_msg("conversation.json:%d: %s", where_wrong.line, where_wrong.text);
	read_differences();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		kwire_client_close(sides[i].client);
		json_decref(sides[i].variables);
	}
	json_decref(conversation);
	kwire_mock_close(mock);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_mock_answers_as_kafka_does),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
