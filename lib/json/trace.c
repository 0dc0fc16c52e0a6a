/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kwire_trace_fields(): the fields of a frame, read off the wire by the
 * message's description alone, so that requests can be printed by a program
 * that only knows how to write them.  Nothing is allocated or kept.
 */
#include <kwire/json.h>

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "../protocol/endian.h"
#include "value.h"

enum {
	API_VERSIONS = 18, /* its response header is never flexible */
	BYTES_MOST = 64,   /* of bytes, that are shown */
};

struct walk {
	const uint8_t *at;
	const uint8_t *end;
	bool failed;
	bool flexible;
	int16_t version;
	int depth;
	bool item;       /* the next line begins an element of an array */
	bool hide_value; /* of a configuration whose name stands for a secret */
	kwire_write_function *write;
	void *context;
};

static void put(struct walk *walk, const char *text, size_t size)
{
	if (size > 0)
		(void)walk->write(walk->context, text, size);
}

__attribute__((format(printf, 2, 3))) static void print(struct walk *walk, const char *format, ...)
{
	char text[200];
	va_list arguments;
	int size;

	va_start(arguments, format);
	size = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (size > 0)
		put(walk, text, (size_t)size < sizeof(text) ? (size_t)size : sizeof(text) - 1);
}

/* -- reading ------------------------------------------------------------------- */

static size_t left(const struct walk *walk)
{
	return walk->failed ? 0 : (size_t)(walk->end - walk->at);
}

/* `size` bytes, or NULL: the frame breaks off. */
static const uint8_t *take(struct walk *walk, size_t size)
{
	const uint8_t *data = walk->at;

	if (left(walk) < size) {
		walk->failed = true;
		return NULL;
	}
	walk->at += size;
	return data;
}

static int64_t take_integer(struct walk *walk, size_t size)
{
	const uint8_t *data = take(walk, size);

	if (data == NULL)
		return 0;
	switch (size) {
	case 1:
		return (int8_t)data[0];
	case 2:
		return (int16_t)kw_load16(data);
	case 4:
		return (int32_t)kw_load32(data);
	default:
		return (int64_t)kw_load64(data);
	}
}

static uint32_t take_varint(struct walk *walk)
{
	uint32_t value = 0;

	for (unsigned shift = 0; shift < 35; shift += 7) {
		const uint8_t *byte = take(walk, 1);

		if (byte == NULL)
			return 0;
		value |= (uint32_t)(*byte & 0x7f) << shift;
		if ((*byte & 0x80) == 0)
			return value;
	}
	walk->failed = true;
	return 0;
}

/* The length of a string, bytes or an array; -1: null. */
static int64_t take_length(struct walk *walk, size_t plain_size)
{
	int64_t length = walk->flexible ? (int64_t)take_varint(walk) - 1
					: take_integer(walk, plain_size);

	if (length < -1 || (length > 0 && (uint64_t)length > left(walk))) {
		walk->failed = true;
		return -1;
	}
	return length;
}

/* -- printing ------------------------------------------------------------------ */

static void begin_line(struct walk *walk, const char *name)
{
	for (int i = 0; i < walk->depth; i++)
		put(walk, "  ", 2);
	put(walk, walk->item ? "  - " : "    ", 4);
	walk->item = false;
	print(walk, "%s:", name);
}

static void put_string(struct walk *walk, const uint8_t *text, size_t size)
{
	put(walk, "\"", 1);
	for (size_t i = 0; i < size; i++) {
		if (text[i] == '"' || text[i] == '\\')
			print(walk, "\\%c", text[i]);
		else if (text[i] < 0x20 || text[i] == 0x7f)
			print(walk, "\\u%04x", text[i]);
		else
			put(walk, (const char *)text + i, 1);
	}
	put(walk, "\"", 1);
}

static void put_bytes(struct walk *walk, const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size && i < BYTES_MOST; i++)
		print(walk, "%02x", data[i]);
	if (size > BYTES_MOST)
		print(walk, "... (%zu bytes)", size);
	if (size == 0)
		print(walk, "(empty)");
}

/* Whether a field may hold a secret, by its name: the messages that have one name it so. */
static bool is_secret(const struct walk *walk, const struct kwire_field_description *field)
{
	static const char *const names[] = {"auth_bytes", "salt",         "salted_password",
					    "hmac",       "request_data", "response_data"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(field->name, names[i]) == 0)
			return true;
	return walk->hide_value && strcmp(field->name, "value") == 0;
}

/* Whether a broker's or topic's configuration of this name is nobody's business. */
static bool names_secret(const uint8_t *name, size_t size)
{
	static const char *const words[] = {"password",   "secret",  "jaas",     "token",
					    "credential", "private", "keystore", "ssl.key"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		for (size_t at = 0; at + strlen(words[i]) <= size; at++)
			if (strncasecmp((const char *)name + at, words[i], strlen(words[i])) == 0)
				return true;
	return false;
}

static void walk_struct(struct walk *walk, const struct kwire_struct_description *structure);

static void walk_text(struct walk *walk, const struct kwire_field_description *field)
{
	bool string = field->type == KWIRE_TYPE_STRING;
	int64_t length = take_length(walk, string ? 2 : 4);
	const uint8_t *data = length > 0 ? take(walk, (size_t)length) : walk->at;

	if (walk->failed)
		return;
	put(walk, " ", 1);
	if (length < 0)
		print(walk, "null");
	else if (is_secret(walk, field))
		print(walk, "(hidden)");
	else if (string)
		put_string(walk, data, (size_t)length);
	else if (field->type == KWIRE_TYPE_RECORDS)
		print(walk, "(%" PRId64 " bytes of records)", length);
	else
		put_bytes(walk, data, (size_t)length);
	if (string && strcmp(field->name, "name") == 0 && length >= 0)
		walk->hide_value = names_secret(data, (size_t)length);
}

static void walk_float(struct walk *walk)
{
	int64_t bits = take_integer(walk, 8);
	double value;

	memcpy(&value, &bits, sizeof(value));
	print(walk, " %.17g", value);
}

static void walk_uuid(struct walk *walk)
{
	const uint8_t *data = take(walk, 16);
	struct kwire_uuid uuid;
	char text[23];

	if (data == NULL)
		return;
	memcpy(uuid.bytes, data, sizeof(uuid.bytes));
	kwire_uuid_format(uuid, text);
	print(walk, " %s", text);
}

/* A value that is no array and no struct, to the end of its line. */
static void walk_value(struct walk *walk, const struct kwire_field_description *field)
{
	switch (field->type) {
	case KWIRE_TYPE_BOOL:
		print(walk, " %s", take_integer(walk, 1) != 0 ? "true" : "false");
		break;
	case KWIRE_TYPE_INT8:
		print(walk, " %" PRId64, take_integer(walk, 1));
		break;
	case KWIRE_TYPE_INT16:
		print(walk, " %" PRId64, take_integer(walk, 2));
		break;
	case KWIRE_TYPE_UINT16:
		print(walk, " %" PRId64, take_integer(walk, 2) & 0xffff);
		break;
	case KWIRE_TYPE_INT32:
		print(walk, " %" PRId64, take_integer(walk, 4));
		break;
	case KWIRE_TYPE_UINT32:
		print(walk, " %" PRId64, take_integer(walk, 4) & 0xffffffff);
		break;
	case KWIRE_TYPE_INT64:
		print(walk, " %" PRId64, take_integer(walk, 8));
		break;
	case KWIRE_TYPE_FLOAT64:
		walk_float(walk);
		break;
	case KWIRE_TYPE_UUID:
		walk_uuid(walk);
		break;
	case KWIRE_TYPE_STRING:
	case KWIRE_TYPE_BYTES:
	case KWIRE_TYPE_RECORDS:
		walk_text(walk, field);
		break;
	case KWIRE_TYPE_STRUCT:
		break;
	}
}

static void walk_array(struct walk *walk, const struct kwire_field_description *field)
{
	bool lines = field->type == KWIRE_TYPE_STRUCT;
	int64_t count = take_length(walk, 4);

	if (walk->failed)
		return;
	if (count <= 0) {
		print(walk, count < 0 ? " null\n" : " []\n");
		return;
	}
	print(walk, lines ? "\n" : " [");
	for (int64_t i = 0; i < count && !walk->failed; i++) {
		if (lines) {
			walk->item = true;
			walk->depth++;
			walk_struct(walk, field->structure);
			walk->depth--;
			/* One without a field of its own in this version. */
			if (walk->item)
				print(walk, "%*s- {}\n", 2 * walk->depth + 4, "");
			walk->item = false;
		} else {
			print(walk, i > 0 ? "," : "");
			walk_value(walk, field);
		}
	}
	if (!lines)
		print(walk, " ]\n");
}

/* One field with its name, lines and all. */
static void walk_field(struct walk *walk, const struct kwire_field_description *field, bool tagged)
{
	begin_line(walk, field->json_name);
	if (field->flags & KWIRE_FIELD_ARRAY) {
		walk_array(walk, field);
	} else if (field->type == KWIRE_TYPE_STRUCT) {
		if (kw_field_nullable(field, walk->version) &&
		    (tagged ? take_varint(walk) == 0 : take_integer(walk, 1) < 0)) {
			print(walk, " null\n");
			return;
		}
		print(walk, "\n");
		walk->depth++;
		walk_struct(walk, field->structure);
		walk->depth--;
	} else {
		walk_value(walk, field);
		put(walk, "\n", 1);
	}
}

static const struct kwire_field_description *find_tag(
	const struct walk *walk, const struct kwire_struct_description *structure, uint32_t tag)
{
	for (int i = 0; structure != NULL && i < structure->field_count; i++)
		if (kw_field_exists(&structure->fields[i], walk->version) &&
		    kw_field_tagged(&structure->fields[i], walk->version) &&
		    structure->fields[i].tag == (int)tag)
			return &structure->fields[i];
	return NULL;
}

static void walk_tags(struct walk *walk, const struct kwire_struct_description *structure)
{
	uint32_t count = walk->flexible ? take_varint(walk) : 0;

	for (uint32_t i = 0; i < count && !walk->failed; i++) {
		uint32_t tag = take_varint(walk);
		uint32_t size = take_varint(walk);
		const struct kwire_field_description *field = find_tag(walk, structure, tag);
		const uint8_t *end = walk->end;
		const uint8_t *data = take(walk, size);

		if (data == NULL)
			return;
		if (field == NULL) {
			begin_line(walk, "(tag)");
			print(walk, " %" PRIu32 " ", tag);
			put_bytes(walk, data, size);
			put(walk, "\n", 1);
			continue;
		}
		walk->at = data;
		walk->end = data + size;
		walk_field(walk, field, true);
		walk->at = data + size;
		walk->end = end;
	}
}

static void walk_struct(struct walk *walk, const struct kwire_struct_description *structure)
{
	walk->hide_value = false;
	for (int i = 0; i < structure->field_count && !walk->failed; i++) {
		const struct kwire_field_description *field = &structure->fields[i];

		if (kw_field_exists(field, walk->version) && !kw_field_tagged(field, walk->version))
			walk_field(walk, field, false);
	}
	walk_tags(walk, structure);
}

static const struct kwire_description *describe(const struct kwire_frame_event *event)
{
	enum kwire_kind kind = event->response ? KWIRE_KIND_RESPONSE : KWIRE_KIND_REQUEST;

	for (int i = 0; i < kwire_all_descriptions_count; i++)
		if (kwire_all_descriptions[i]->api_key == event->api_key &&
		    kwire_all_descriptions[i]->kind == kind)
			return kwire_all_descriptions[i];
	return NULL;
}

/* What stands before the message: of a request the client's id is worth a line. */
static void walk_header(struct walk *walk, const struct kwire_frame_event *event)
{
	bool flexible = walk->flexible;
	int64_t size;

	(void)take(walk, event->response ? 4 : 8);
	if (!event->response) {
		walk->flexible = false;
		size = take_length(walk, 2);
		begin_line(walk, "(clientId)");
		put(walk, " ", 1);
		if (size < 0)
			print(walk, "null");
		else
			put_string(walk, take(walk, (size_t)size), (size_t)size);
		put(walk, "\n", 1);
	}
	walk->flexible = flexible && !(event->response && event->api_key == API_VERSIONS);
	walk_tags(walk, NULL);
	walk->flexible = flexible;
}

void kwire_trace_fields(const struct kwire_frame_event *event, const uint8_t *frame, size_t size,
			kwire_write_function *write, void *context)
{
	const struct kwire_description *description = describe(event);
	struct walk walk = {.at = frame,
			    .end = frame + size,
			    .version = event->api_version,
			    .write = write,
			    .context = context};
	int16_t version = event->api_version;

	if (description == NULL || version < description->min_version ||
	    version > description->max_version) {
		print(&walk, "    (%zu bytes of a message that is not known here)\n", size);
		return;
	}
	/* Whoever does not know this version of ApiVersions answers in version 0. */
	if (event->response && event->api_key == API_VERSIONS && size >= 6 &&
	    kw_load16(frame + 4) == 35)
		walk.version = version = 0;
	walk.flexible = version >= description->first_flexible_version;
	walk_header(&walk, event);
	if (!walk.failed)
		walk_struct(&walk, description->root);
	if (walk.failed)
		print(&walk, "\n    (here the message breaks off)\n");
	else if (walk.at != walk.end)
		print(&walk, "    (%zu bytes more)\n", (size_t)(walk.end - walk.at));
}
