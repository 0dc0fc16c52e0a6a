/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One schema file into structs: every key known, every value of the right
 * kind.  Whether they make sense together is for validate.c.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "schema.h"

/* Where we are, for messages. */
struct at {
	const char *file;
	const char *path;
};

static void check_keys(struct at at, json_t *object, const char *const *keys)
{
	const char *key;
	json_t *value;

	if (!json_is_object(object))
		fail(at.file, at.path, "an object was expected");
	json_object_foreach(object, key, value)
	{
		const char *const *known = keys;

		while (*known != NULL && strcmp(*known, key) != 0)
			known++;
		if (*known == NULL)
			fail(at.file, at.path, "unknown key \"%s\"", key);
	}
}

static const char *get_text(struct at at, json_t *object, const char *key, bool required)
{
	json_t *value = json_object_get(object, key);

	if (value == NULL && !required)
		return NULL;
	if (value == NULL)
		fail(at.file, at.path, "\"%s\" is missing", key);
	if (!json_is_string(value))
		fail(at.file, at.path, "\"%s\" is no string", key);
	return json_string_value(value);
}

static bool get_flag(struct at at, json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);

	if (value != NULL && !json_is_boolean(value))
		fail(at.file, at.path, "\"%s\" is neither true nor false", key);
	return json_is_true(value);
}

static int parse_number(struct at at, const char *key, const char *digits, int most)
{
	long value = 0;

	if (*digits == '\0')
		fail(at.file, at.path, "\"%s\" lacks a number", key);
	for (const char *digit = digits; *digit != '\0'; digit++) {
		if (!isdigit((unsigned char)*digit))
			fail(at.file, at.path, "\"%s\" is no number: \"%s\"", key, digits);
		value = value * 10 + (*digit - '0');
		if (value > most)
			fail(at.file, at.path, "\"%s\" is out of range: %s", key, digits);
	}
	return (int)value;
}

static char *trimmed(const char *from, size_t size)
{
	while (size > 0 && isspace((unsigned char)*from))
		from++, size--;
	while (size > 0 && isspace((unsigned char)from[size - 1]))
		size--;
	return text("%.*s", (int)size, from);
}

static struct versions get_versions(struct at at, const char *key, const char *given)
{
	struct versions versions = {0, -1};
	char *range = trimmed(given, strlen(given));
	size_t size = strlen(range);
	char *dash = strchr(range, '-');

	if (strcmp(range, "none") == 0)
		return versions;
	if (size > 0 && range[size - 1] == '+') {
		versions.low = parse_number(at, key, trimmed(range, size - 1), VERSION_MAX);
		versions.high = VERSION_MAX;
	} else if (dash != NULL) {
		versions.low = parse_number(at, key, trimmed(range, (size_t)(dash - range)),
					    VERSION_MAX);
		versions.high = parse_number(at, key, trimmed(dash + 1, strlen(dash + 1)),
					     VERSION_MAX);
	} else {
		versions.low = versions.high = parse_number(at, key, range, VERSION_MAX);
	}
	if (versions_none(versions))
		fail(at.file, at.path, "\"%s\" ends before it begins: \"%s\"", key, given);
	return versions;
}

static bool has_versions(struct at at, json_t *object, const char *key, struct versions *versions)
{
	const char *given = get_text(at, object, key, false);

	if (given != NULL)
		*versions = get_versions(at, key, given);
	return given != NULL;
}

static const struct {
	const char *name;
	enum base_type type;
} type_names[] = {
	{"bool", TYPE_BOOL},     {"int8", TYPE_INT8},       {"int16", TYPE_INT16},
	{"uint16", TYPE_UINT16}, {"int32", TYPE_INT32},     {"uint32", TYPE_UINT32},
	{"int64", TYPE_INT64},   {"float64", TYPE_FLOAT64}, {"uuid", TYPE_UUID},
	{"string", TYPE_STRING}, {"bytes", TYPE_BYTES},     {"records", TYPE_RECORDS},
};

static void parse_type(struct at at, struct field *field, const char *name)
{
	if (strncmp(name, "[]", 2) == 0) {
		field->array = true;
		name += 2;
	}
	for (size_t i = 0; i < sizeof(type_names) / sizeof(type_names[0]); i++)
		if (strcmp(type_names[i].name, name) == 0) {
			field->type = type_names[i].type;
			return;
		}
	if (!isupper((unsigned char)name[0]))
		fail(at.file, at.path, "unknown type \"%s%s\"", field->array ? "[]" : "", name);
	field->type = TYPE_STRUCT;
	field->struct_name = name;
}

static int parse_tag(struct at at, json_t *object)
{
	json_t *tag = json_object_get(object, "tag");

	if (tag == NULL)
		return -1;
	if (json_is_string(tag))
		return parse_number(at, "tag", json_string_value(tag), INT16_MAX);
	if (!json_is_integer(tag) || json_integer_value(tag) < 0 ||
	    json_integer_value(tag) > INT16_MAX)
		fail(at.file, at.path, "\"tag\" is no tag");
	return (int)json_integer_value(tag);
}

static void check_entity_type(struct at at, const struct field *field, const char *entity)
{
	static const struct {
		const char *name;
		enum base_type type;
	} entities[] = {
		{"topicName", TYPE_STRING}, {"groupId", TYPE_STRING},
		{"brokerId", TYPE_INT32},   {"transactionalId", TYPE_STRING},
		{"producerId", TYPE_INT64}, {"unknown", TYPE_STRUCT},
	};

	if (entity == NULL)
		return;
	for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++)
		if (strcmp(entities[i].name, entity) == 0) {
			if (entities[i].type != field->type && entities[i].type != TYPE_STRUCT)
				fail(at.file, at.path, "\"entityType\" %s does not fit its type",
				     entity);
			return;
		}
	fail(at.file, at.path, "unknown \"entityType\" \"%s\"", entity);
}

static void parse_fields(struct at at, json_t *list, struct struct_spec *spec);

static void parse_field(struct at at, json_t *object, struct field *field)
{
	static const char *const keys[] = {
		"name",
		"type",
		"versions",
		"nullableVersions",
		"taggedVersions",
		"tag",
		"ignorable",
		"default",
		"mapKey",
		"zeroCopy",
		"entityType",
		"fields",
		"flexibleVersions",
		NULL,
	};
	const struct versions none = {0, -1};
	struct at outer = at;
	json_t *fields;

	if (!json_is_object(object))
		fail(at.file, at.path, "\"fields\" holds something else than an object");
	field->name = get_text(at, object, "name", true);
	at.path = outer.path[0] != '\0' ? text("%s.%s", outer.path, field->name) : field->name;
	field->path = at.path;
	check_keys(at, object, keys);
	parse_type(at, field, get_text(at, object, "type", true));
	field->nullable = field->tagged = none;
	has_versions(at, object, "taggedVersions", &field->tagged);
	has_versions(at, object, "nullableVersions", &field->nullable);
	if (!has_versions(at, object, "versions", &field->versions)) {
		if (versions_none(field->tagged))
			fail(at.file, at.path, "\"versions\" is missing");
		field->versions = field->tagged;
	}
	field->tag = parse_tag(at, object);
	field->ignorable = get_flag(at, object, "ignorable");
	field->map_key = get_flag(at, object, "mapKey");
	field->json_default = json_object_get(object, "default");
	if (get_flag(at, object, "zeroCopy") && field->type != TYPE_BYTES)
		fail(at.file, at.path, "\"zeroCopy\" is for bytes only");
	check_entity_type(at, field, get_text(at, object, "entityType", false));
	if (json_object_get(object, "flexibleVersions") != NULL) {
		struct versions flexible = none;

		has_versions(at, object, "flexibleVersions", &flexible);
		if (!versions_none(flexible) || field->array ||
		    (field->type != TYPE_STRING && field->type != TYPE_BYTES))
			fail(at.file, at.path,
			     "\"flexibleVersions\" of a field is \"none\", of strings and bytes");
		field->plain = true;
	}
	fields = json_object_get(object, "fields");
	if (fields == NULL)
		return;
	if (field->type != TYPE_STRUCT)
		fail(at.file, at.path, "\"fields\" of something that is no struct");
	field->struct_ = allocate(sizeof(*field->struct_));
	field->struct_->name = field->struct_name;
	field->struct_->versions = field->versions;
	field->struct_->path = at.path;
	parse_fields(at, fields, field->struct_);
}

static void parse_fields(struct at at, json_t *list, struct struct_spec *spec)
{
	json_t *object;
	size_t i;

	if (!json_is_array(list))
		fail(at.file, at.path, "\"fields\" is no list");
	spec->count = (int)json_array_size(list);
	spec->fields = allocate(sizeof(*spec->fields) * (json_array_size(list) + 1));
	json_array_foreach(list, i, object) parse_field(at, object, &spec->fields[i]);
}

static void parse_commons(struct at at, json_t *list, struct message *message)
{
	static const char *const keys[] = {"name", "versions", "fields", NULL};
	json_t *object;
	size_t i;

	if (list == NULL)
		return;
	if (!json_is_array(list))
		fail(at.file, at.path, "\"commonStructs\" is no list");
	message->common_count = (int)json_array_size(list);
	message->commons = allocate(sizeof(*message->commons) * json_array_size(list));
	json_array_foreach(list, i, object)
	{
		struct struct_spec *spec = &message->commons[i];
		struct at inner = at;

		if (!json_is_object(object))
			fail(at.file, at.path, "\"commonStructs\" holds no object");
		spec->name = get_text(at, object, "name", true);
		inner.path = spec->name;
		spec->path = spec->name;
		check_keys(inner, object, keys);
		if (!isupper((unsigned char)spec->name[0]))
			fail(at.file, inner.path, "a struct's name begins with a capital");
		spec->versions = get_versions(inner, "versions",
					      get_text(inner, object, "versions", true));
		spec->common = true;
		if (json_object_get(object, "fields") == NULL)
			fail(at.file, inner.path, "\"fields\" is missing");
		parse_fields(inner, json_object_get(object, "fields"), spec);
	}
}

static enum message_kind parse_kind(struct at at, const char *name)
{
	static const char *const kinds[] = {"request", "response", "header", "data"};

	for (int i = 0; i < 4; i++)
		if (strcmp(kinds[i], name) == 0)
			return (enum message_kind)i;
	fail(at.file, at.path, "unknown \"type\" \"%s\"", name);
}

static void check_listeners(struct at at, json_t *list)
{
	json_t *listener;
	size_t i;

	if (list == NULL)
		return;
	if (!json_is_array(list))
		fail(at.file, at.path, "\"listeners\" is no list");
	json_array_foreach(list, i, listener)
	{
		const char *name = json_string_value(listener);

		if (name == NULL ||
		    (strcmp(name, "broker") != 0 && strcmp(name, "controller") != 0 &&
		     strcmp(name, "zkBroker") != 0))
			fail(at.file, at.path, "unknown listener \"%s\"", name ? name : "");
	}
}

static int parse_api_key(struct at at, json_t *json, enum message_kind kind)
{
	json_t *key = json_object_get(json, "apiKey");
	bool wanted = kind == KIND_REQUEST || kind == KIND_RESPONSE;

	if (key == NULL && wanted)
		fail(at.file, at.path, "\"apiKey\" is missing");
	if (key != NULL && !wanted)
		fail(at.file, at.path, "\"apiKey\" is for requests and responses");
	if (key == NULL)
		return -1;
	if (!json_is_integer(key) || json_integer_value(key) < 0 ||
	    json_integer_value(key) > INT16_MAX)
		fail(at.file, at.path, "\"apiKey\" is no key");
	return (int)json_integer_value(key);
}

struct message *parse_message(const char *path, const char *file)
{
	static const char *const keys[] = {
		"apiKey",    "type",          "name",
		"listeners", "validVersions", "flexibleVersions",
		"fields",    "commonStructs", "latestVersionUnstable",
		NULL,
	};
	struct message *message = allocate(sizeof(*message));
	struct at at = {file, ""};
	json_error_t error;
	json_t *json = json_load_file(path, JSON_REJECT_DUPLICATES, &error);

	if (json == NULL)
		fail(file, "", "line %d: %s", error.line, error.text);
	check_keys(at, json, keys);
	message->json = json;
	message->file = file;
	message->name = get_text(at, json, "name", true);
	message->kind = parse_kind(at, get_text(at, json, "type", true));
	message->api_key = parse_api_key(at, json, message->kind);
	message->valid = get_versions(at, "validVersions",
				      get_text(at, json, "validVersions", true));
	message->removed = versions_none(message->valid);
	message->unstable = get_flag(at, json, "latestVersionUnstable");
	check_listeners(at, json_object_get(json, "listeners"));
	message->root = allocate(sizeof(*message->root));
	message->root->name = message->name;
	message->root->path = "";
	message->root->versions = message->valid;
	message->flexible = (struct versions){0, -1};
	if (message->removed) {
		if (json_object_get(json, "fields") != NULL)
			fail(file, "", "a removed message has no \"fields\"");
		return message;
	}
	if (!has_versions(at, json, "flexibleVersions", &message->flexible))
		fail(file, "", "\"flexibleVersions\" is missing");
	if (json_object_get(json, "fields") == NULL)
		fail(file, "", "\"fields\" is missing");
	parse_fields(at, json_object_get(json, "fields"), message->root);
	parse_commons(at, json_object_get(json, "commonStructs"), message);
	return message;
}

void parse_facts(struct schema *schema, const char *path)
{
	json_error_t error;

	schema->facts.file = "clients.json";
	schema->facts.json = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
	if (schema->facts.json == NULL)
		fail(schema->facts.file, "", "line %d: %s", error.line, error.text);
}
