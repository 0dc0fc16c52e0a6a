/* SPDX-License-Identifier: Apache-2.0 */
/* kwire_json_read(): see kwire/json.h.  Jansson parses, this fills the structs. */
#include <kwire/json.h>

#include <jansson.h>
#include <string.h>

#include "../base/base64.h"
#include "../protocol/arena.h"
#include "../protocol/fault.h"
#include "../protocol/response.h"
#include "text.h"
#include "value.h"

#define STRING_MAX INT16_MAX

struct source {
	struct kw_arena arena;
	int16_t version;
	unsigned flags;
	bool failed;
	struct kw_fault fault;
};

KW_PRINTF(3, 4)
static void fail(struct source *source, const char *name, const char *format, ...)
{
	va_list arguments;

	if (source->failed)
		return;
	source->failed = true;
	va_start(arguments, format);
	kw_fault_set(&source->fault, KWIRE_EINVAL, name, format, arguments);
	va_end(arguments);
}

static void *allocate(struct source *source, size_t size)
{
	void *data = kw_arena_alloc(&source->arena, size, 0, 0);

	if (data == NULL) {
		fail(source, "", "out of memory");
		source->fault.result = KWIRE_ENOMEM;
	}
	return data;
}

static const char *kind_of(const json_t *json)
{
	static const char *const kinds[] = {
		[JSON_OBJECT] = "an object", [JSON_ARRAY] = "a list",
		[JSON_STRING] = "text",      [JSON_INTEGER] = "a whole number",
		[JSON_REAL] = "a number",    [JSON_TRUE] = "true",
		[JSON_FALSE] = "false",      [JSON_NULL] = "null",
	};

	return kinds[json_typeof(json)];
}

static void fail_kind(struct source *source, const struct kwire_field_description *field,
		      const json_t *json, const char *wanted)
{
	fail(source, field->json_name, "is %s, where %s is wanted", kind_of(json), wanted);
}

static void read_struct(struct source *source, const struct kwire_struct_description *structure,
			json_t *json, void *object);

static void read_number(struct source *source, const struct kwire_field_description *field,
			const json_t *json, void *value)
{
	static const struct {
		int64_t low, high;
	} ranges[] = {
		[KWIRE_TYPE_INT8] = {INT8_MIN, INT8_MAX},
		[KWIRE_TYPE_INT16] = {INT16_MIN, INT16_MAX},
		[KWIRE_TYPE_UINT16] = {0, UINT16_MAX},
		[KWIRE_TYPE_INT32] = {INT32_MIN, INT32_MAX},
		[KWIRE_TYPE_UINT32] = {0, UINT32_MAX},
		[KWIRE_TYPE_INT64] = {INT64_MIN, INT64_MAX},
	};
	int64_t number = json_integer_value(json);

	if (!json_is_integer(json)) {
		fail_kind(source, field, json, "a whole number");
		return;
	}
	if (number < ranges[field->type].low || number > ranges[field->type].high) {
		fail(source, field->json_name, "is %lld, out of its range", (long long)number);
		return;
	}
	switch (field->type) {
	case KWIRE_TYPE_INT8:
		*(int8_t *)value = (int8_t)number;
		break;
	case KWIRE_TYPE_INT16:
		*(int16_t *)value = (int16_t)number;
		break;
	case KWIRE_TYPE_UINT16:
		*(uint16_t *)value = (uint16_t)number;
		break;
	case KWIRE_TYPE_INT32:
		*(int32_t *)value = (int32_t)number;
		break;
	case KWIRE_TYPE_UINT32:
		*(uint32_t *)value = (uint32_t)number;
		break;
	default:
		*(int64_t *)value = number;
	}
}

static void read_double(struct source *source, const struct kwire_field_description *field,
			const json_t *json, double *value)
{
	/* By their bits: what 0.0 / 0.0 gives is up to the machine. */
	static const struct {
		const char *name;
		uint64_t bits;
	} words[] = {
		{"NaN", UINT64_C(0x7ff8000000000000)},
		{"Infinity", UINT64_C(0x7ff0000000000000)},
		{"-Infinity", UINT64_C(0xfff0000000000000)},
	};

	if (json_is_number(json)) {
		*value = json_number_value(json);
		return;
	}
	for (size_t i = 0; json_is_string(json) && i < 3; i++)
		if (strcmp(json_string_value(json), words[i].name) == 0) {
			memcpy(value, &words[i].bits, sizeof(*value));
			return;
		}
	fail_kind(source, field, json, "a number");
}

static void read_string(struct source *source, const struct kwire_field_description *field,
			const json_t *json, struct kwire_string *value)
{
	size_t size;
	char *data;

	if (!json_is_string(json)) {
		fail_kind(source, field, json, "text");
		return;
	}
	size = json_string_length(json);
	if (size > STRING_MAX) {
		fail(source, field->json_name, "has %lu bytes, more than the %d of a string",
		     (unsigned long)size, STRING_MAX);
		return;
	}
	data = allocate(source, size + 1);
	if (data == NULL)
		return;
	memcpy(data, json_string_value(json), size + 1);
	*value = kwire_string_of(data, size);
}

static void read_bytes(struct source *source, const struct kwire_field_description *field,
		       const json_t *json, struct kwire_bytes *value)
{
	size_t size, decoded;
	uint8_t *data;

	if (!json_is_string(json)) {
		fail_kind(source, field, json, "base64 text");
		return;
	}
	size = json_string_length(json);
	data = allocate(source, size / 4 * 3 + 1);
	if (data == NULL)
		return;
	if (kw_base64_decode(json_string_value(json), size, data, &decoded))
		*value = kwire_bytes_of(data, decoded);
	else
		fail(source, field->json_name, "is no base64");
}

static void read_value(struct source *source, const struct kwire_field_description *field,
		       json_t *json, void *value)
{
	switch (field->type) {
	case KWIRE_TYPE_BOOL:
		if (json_is_boolean(json))
			*(bool *)value = json_is_true(json);
		else
			fail_kind(source, field, json, "true or false");
		break;
	case KWIRE_TYPE_FLOAT64:
		read_double(source, field, json, value);
		break;
	case KWIRE_TYPE_UUID:
		if (!json_is_string(json) ||
		    kwire_uuid_parse(json_string_value(json), value) != KWIRE_OK)
			fail_kind(source, field, json, "a UUID of 22 base64url characters");
		break;
	case KWIRE_TYPE_STRING:
		read_string(source, field, json, value);
		break;
	case KWIRE_TYPE_BYTES:
	case KWIRE_TYPE_RECORDS:
		read_bytes(source, field, json, value);
		break;
	case KWIRE_TYPE_STRUCT:
		if (json_is_object(json))
			read_struct(source, field->structure, json, value);
		else
			fail_kind(source, field, json, "an object");
		break;
	default:
		read_number(source, field, json, value);
	}
}

static void read_array(struct source *source, const struct kwire_field_description *field,
		       json_t *json, void *value)
{
	size_t size = kw_value_size(field), count = json_array_size(json);
	struct kwire_field_description element = *field;
	struct kw_any_array array = {NULL, 0};

	if (!json_is_array(json)) {
		fail_kind(source, field, json, "a list");
		return;
	}
	if (count > INT32_MAX || count > SIZE_MAX / 2 / size) {
		fail(source, field->json_name, "has too many elements");
		return;
	}
	if (count > 0 && (array.items = allocate(source, count * size)) == NULL)
		return;
	array.count = (int32_t)count;
	element.json_name = "";
	for (size_t i = 0; i < count && !source->failed; i++) {
		read_value(source, &element, json_array_get(json, i),
			   (char *)array.items + i * size);
		if (source->failed)
			kw_fault_prepend(&source->fault, field->json_name, (int32_t)i);
	}
	memcpy(value, &array, sizeof(array));
}

/* What null is for this field. */
static void set_null(const struct kwire_field_description *field, void *value)
{
	struct kw_any_array array = {NULL, -1};
	void *pointer = NULL;

	if (field->flags & KWIRE_FIELD_ARRAY)
		memcpy(value, &array, sizeof(array));
	else if (field->flags & KWIRE_FIELD_POINTER)
		memcpy(value, &pointer, sizeof(pointer));
	else if (field->type == KWIRE_TYPE_STRING)
		*(struct kwire_string *)value = kwire_string_of(NULL, 0);
	else
		*(struct kwire_bytes *)value = kwire_bytes_of(NULL, 0);
}

/* A version in which the field exists, if this one has it not: null has to be allowed there. */
static bool may_be_null(const struct source *source, const struct kwire_field_description *field)
{
	if (kw_field_exists(field, source->version))
		return kw_field_nullable(field, source->version);
	return field->low_null_version <= field->high_null_version;
}

static void read_field(struct source *source, const struct kwire_field_description *field,
		       json_t *json, void *object)
{
	char *value = (char *)object + field->offset;
	void *inner;

	if (json_is_null(json)) {
		if (may_be_null(source, field))
			set_null(field, value);
		else
			fail(source, field->json_name, "is null, which version %d does not allow",
			     source->version);
		return;
	}
	if (field->flags & KWIRE_FIELD_ARRAY) {
		read_array(source, field, json, value);
		return;
	}
	if (field->flags & KWIRE_FIELD_POINTER) {
		inner = allocate(source, field->structure->size);
		if (inner == NULL)
			return;
		memcpy(value, &inner, sizeof(inner));
	} else {
		inner = value;
	}
	read_value(source, field, json, inner);
	if (source->failed && field->type == KWIRE_TYPE_STRUCT && json_is_object(json))
		kw_fault_prepend(&source->fault, field->json_name, -1);
}

static void check_known(struct source *source, const struct kwire_struct_description *structure,
			json_t *json)
{
	const char *key;
	json_t *value;

	if (source->flags & KWIRE_JSON_PASS_UNKNOWN)
		return;
	json_object_foreach(json, key, value)
	{
		int i = 0;

		while (i < structure->field_count &&
		       strcmp(structure->fields[i].json_name, key) != 0)
			i++;
		if (i == structure->field_count)
			fail(source, key, "is no field of it");
	}
}

static void read_struct(struct source *source, const struct kwire_struct_description *structure,
			json_t *json, void *object)
{
	memcpy(object, structure->defaults, structure->size);
	check_known(source, structure, json);
	for (int i = 0; i < structure->field_count && !source->failed; i++) {
		const struct kwire_field_description *field = &structure->fields[i];
		json_t *value = json_object_get(json, field->json_name);

		if (value != NULL)
			read_field(source, field, value, object);
		else if (kw_field_exists(field, source->version) &&
			 !kw_field_tagged(field, source->version) &&
			 (source->flags & KWIRE_JSON_DEFAULTS) == 0)
			fail(source, field->json_name, "is missing");
	}
}

/* Jansson's nesting limit guards the stack; ours is what messages need. */
static int parse(const char *text, size_t size, json_t **json, struct kwire_error *error)
{
	json_error_t where;

	*json = json_loadb(text, size, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &where);
	if (*json != NULL)
		return KWIRE_OK;
	if (json_error_code(&where) == json_error_out_of_memory)
		return kw_fail_memory(error);
	return kw_fail(error, KWIRE_EINVAL, "JSON, line %d, column %d: %s", where.line,
		       where.column, where.text);
}

int kwire_json_read(const struct kwire_description *description, const char *text, size_t size,
		    int16_t version, unsigned flags, void **message, struct kwire_error *error)
{
	struct kw_response *block = NULL;
	struct kw_memory *memory;
	struct source source;
	json_t *json;
	void *object;
	int result;

	if (description == NULL || text == NULL || message == NULL)
		return kw_fail(error, KWIRE_EINVAL, "no JSON, or nowhere to put the message");
	if (version < description->min_version || version > description->max_version)
		return kw_fail(error, KWIRE_EINVAL, "%s has no version %d (%d to %d are known)",
			       description->name, version, description->min_version,
			       description->max_version);
	result = parse(text, size, &json, error);
	if (result != KWIRE_OK)
		return result;
	memory = kw_memory_new(NULL, 0);
	if (memory != NULL)
		block = kw_response_new_sized(memory, description->root->size, 0, 0);
	kw_memory_put(memory);
	if (block == NULL) {
		json_decref(json);
		return kw_fail_memory(error);
	}
	source.version = version;
	source.flags = flags;
	source.failed = false;
	object = kw_response_build(block, &source.arena);
	if (json_is_object(json))
		read_struct(&source, description->root, json, object);
	else
		fail(&source, "", "%s is no message", kind_of(json));
	kw_response_built(block, &source.arena);
	json_decref(json);
	if (source.failed) {
		kw_response_drop(block);
		if (source.fault.result == KWIRE_ENOMEM)
			return kw_fail_memory(error);
		return kw_fail(error, source.fault.result, "%s v%d: %s%s%s", description->name,
			       version, source.fault.path, source.fault.path[0] != '\0' ? " " : "",
			       source.fault.problem);
	}
	*message = object;
	return KWIRE_OK;
}
