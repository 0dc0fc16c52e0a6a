/* SPDX-License-Identifier: Apache-2.0 */
/* See reader.h. */
#include "reader.h"

/* The inline functions, where they are called after all. */
extern inline bool kw_get_failed(struct kwire_reader *reader, const char *name, int32_t index);
extern inline size_t kw_reader_left(const struct kwire_reader *reader);
extern inline int8_t kw_get_int8(struct kwire_reader *reader, const char *name);
extern inline int16_t kw_get_int16(struct kwire_reader *reader, const char *name);
extern inline int32_t kw_get_int32(struct kwire_reader *reader, const char *name);
extern inline int64_t kw_get_int64(struct kwire_reader *reader, const char *name);
extern inline struct kwire_int32_array kw_get_int32_array(struct kwire_reader *reader,
							  bool nullable, const char *name);
extern inline const struct kwire_tagged_fields *kw_get_tags(struct kwire_reader *reader);

#define STRING_MAX INT16_MAX

void kw_reader_init(struct kwire_reader *reader, uint8_t *data, size_t size, struct kw_arena *arena)
{
	reader->at = data;
	reader->end = data + size;
	reader->start = data;
	reader->flexible = false;
	reader->failed = false;
	reader->version = 0;
	reader->arena = arena;
}

static void fail(struct kwire_reader *reader, int result, const char *name, const char *format,
		 va_list arguments)
{
	if (reader->failed)
		return;
	reader->failed = true;
	kw_fault_set(&reader->fault, result, name, format, arguments);
	reader->fault.offset = (size_t)(reader->at - reader->start);
	reader->at = reader->end;
}

/* The first failure sticks; `name` is the field ("": the message itself). */
KW_PRINTF(3, 4)
static void fail_at(struct kwire_reader *reader, const char *name, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fail(reader, KWIRE_EDECODE, name, format, arguments);
	va_end(arguments);
}

void kw_reader_finish(struct kwire_reader *reader)
{
	size_t left = kw_reader_left(reader);

	if (left > 0)
		fail_at(reader, "", "%lu bytes are left over after its end", (unsigned long)left);
}

KW_PRINTF(3, 4)
static void fail_memory(struct kwire_reader *reader, const char *name, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fail(reader, KWIRE_ENOMEM, name, format, arguments);
	va_end(arguments);
}

static inline void *allocate(struct kwire_reader *reader, size_t size, const char *name)
{
	void *data = kw_arena_alloc(reader->arena, size, (size_t)(reader->at - reader->start),
				    kw_reader_left(reader));

	if (data == NULL)
		fail_memory(reader, name, "no memory for %lu bytes", (unsigned long)size);
	return data;
}

void kw_get_short(struct kwire_reader *reader, size_t size, const char *name)
{
	fail_at(reader, name, "needs %lu bytes, where %lu are left", (unsigned long)size,
		(unsigned long)kw_reader_left(reader));
}

void kw_get_failed_at(struct kwire_reader *reader, const char *name, int32_t index)
{
	kw_fault_prepend(&reader->fault, name, index);
}

double kw_get_float64(struct kwire_reader *reader, const char *name)
{
	int64_t bits = kw_get_int64(reader, name);
	double value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

struct kwire_uuid kw_get_uuid(struct kwire_reader *reader, const char *name)
{
	struct kwire_uuid value = KWIRE_UUID_INIT;

	if (kw_reader_left(reader) < sizeof(value.bytes)) {
		kw_get_short(reader, sizeof(value.bytes), name);
		return value;
	}
	memcpy(value.bytes, reader->at, sizeof(value.bytes));
	reader->at += sizeof(value.bytes);
	return value;
}

uint32_t kw_get_varint(struct kwire_reader *reader, const char *name)
{
	const uint8_t *at = reader->at;
	uint32_t value = 0;

	for (unsigned shift = 0; shift < 35; shift += 7) {
		uint8_t byte;

		if (at == reader->end) {
			fail_at(reader, name, "ends within a varint");
			return 0;
		}
		byte = *at++;
		value |= (uint32_t)(byte & 0x7f) << shift;
		if (byte < 0x80) {
			if (shift == 28 && byte > 0x0f) {
				fail_at(reader, name, "has a varint beyond 32 bits");
				return 0;
			}
			reader->at += at - reader->at;
			return value;
		}
	}
	fail_at(reader, name, "has a varint longer than 5 bytes");
	return 0;
}

static void fail_null(struct kwire_reader *reader, const char *name)
{
	fail_at(reader, name, "is null, which version %d does not allow", reader->version);
}

/*
 * A length or count, -1 where it is null and that is allowed or where it
 * failed; `plain` is what stands for it outside flexible versions.  Failures
 * point at the length itself.
 */
enum plain {
	INT16,
	INT32
};

static int32_t get_any_length(struct kwire_reader *reader, enum plain plain, size_t smallest,
			      int64_t most, bool nullable, const char *name)
{
	uint8_t *before = reader->at;
	int64_t length;
	size_t left;

	if (reader->flexible)
		length = (int64_t)kw_get_varint(reader, name) - 1;
	else if (plain == INT16)
		length = kw_get_int16(reader, name);
	else
		length = kw_get_int32(reader, name);
	if (reader->failed)
		return -1;
	left = kw_reader_left(reader);
	if (length == -1 && nullable)
		return -1;
	if (length >= 0 && length <= most && (uint64_t)length * smallest <= left)
		return (int32_t)length;
	reader->at = before;
	if (length == -1)
		fail_null(reader, name);
	else if (length < 0)
		fail_at(reader, name, "has the length %ld", (long)length);
	else if ((uint64_t)length * smallest > left)
		fail_at(reader, name, "has the length %lu, beyond the %lu bytes left",
			(unsigned long)length, (unsigned long)left);
	else
		fail_at(reader, name, "has %lu bytes, more than the %d of a string",
			(unsigned long)length, STRING_MAX);
	return -1;
}

/* The same; nearly every length is one byte of a flexible version, and fits. */
static inline int32_t get_length(struct kwire_reader *reader, enum plain plain, size_t smallest,
				 int64_t most, bool nullable, const char *name)
{
	size_t left = kw_reader_left(reader);

	if (reader->flexible && left > 0) {
		uint8_t byte = *reader->at;

		if (byte > 0 && byte < 0x80 && (byte - 1u) * smallest <= left - 1) {
			reader->at++;
			return byte - 1;
		}
	}
	return get_any_length(reader, plain, smallest, most, nullable, name);
}

static inline struct kwire_string take_string(struct kwire_reader *reader, int32_t length)
{
	struct kwire_string value = KWIRE_STRING_NULL_INIT;
	char *to;

	if (length < 0)
		return value;
	/* The length was at least one byte: the text moves over its last byte. */
	to = (char *)reader->at - 1;
	memmove(to, reader->at, (size_t)length);
	to[length] = '\0';
	reader->at += length;
	value.data = to;
	value.size = length;
	return value;
}

struct kwire_string kw_get_nullable_string(struct kwire_reader *reader, bool nullable,
					   const char *name)
{
	return take_string(reader, get_length(reader, INT16, 1, STRING_MAX, nullable, name));
}

struct kwire_string kw_get_plain_string(struct kwire_reader *reader, bool nullable,
					const char *name)
{
	bool flexible = reader->flexible;
	struct kwire_string value;

	reader->flexible = false;
	value = kw_get_nullable_string(reader, nullable, name);
	reader->flexible = flexible;
	return value;
}

struct kwire_bytes kw_get_nullable_bytes(struct kwire_reader *reader, bool nullable,
					 const char *name)
{
	int32_t length = get_length(reader, INT32, 1, INT32_MAX, nullable, name);
	struct kwire_bytes value = {NULL, 0};

	if (length < 0)
		return value;
	value.data = reader->at;
	value.size = length;
	reader->at += length;
	return value;
}

static inline void *get_array(struct kwire_reader *reader, int32_t *count, size_t size,
			      size_t smallest, bool nullable, const char *name)
{
	void *items;

	*count = get_length(reader, INT32, smallest, INT32_MAX, nullable, name);
	if (*count <= 0) {
		if (reader->failed)
			*count = 0;
		return NULL;
	}
	items = (size_t)*count <= SIZE_MAX / 2 / size
			? allocate(reader, (size_t)*count * size, name)
			: allocate(reader, SIZE_MAX, name);
	if (items == NULL)
		*count = 0;
	return items;
}

void *kw_get_array(struct kwire_reader *reader, int32_t *count, size_t size, size_t smallest,
		   bool nullable, const char *name)
{
	return get_array(reader, count, size, smallest, nullable, name);
}

struct kwire_int8_array kw_get_int8_array(struct kwire_reader *reader, bool nullable,
					  const char *name)
{
	struct kwire_int8_array value;

	value.items = kw_get_array(reader, &value.count, 1, 1, nullable, name);
	if (value.count > 0) {
		memcpy(value.items, reader->at, (size_t)value.count);
		reader->at += value.count;
	}
	return value;
}

struct kwire_int16_array kw_get_int16_array(struct kwire_reader *reader, bool nullable,
					    const char *name)
{
	struct kwire_int16_array value;

	value.items = kw_get_array(reader, &value.count, sizeof(*value.items), 2, nullable, name);
	for (int32_t i = 0; i < value.count; i++, reader->at += 2)
		value.items[i] = (int16_t)kw_load16(reader->at);
	return value;
}

struct kwire_int32_array kw_get_any_int32_array(struct kwire_reader *reader, bool nullable,
						const char *name)
{
	struct kwire_int32_array value;

	value.items = get_array(reader, &value.count, sizeof(*value.items), 4, nullable, name);
	if (value.count > 0) {
		const uint8_t *at = reader->at;

		for (int32_t i = 0; i < value.count; i++, at += 4)
			value.items[i] = (int32_t)kw_load32(at);
		reader->at += (size_t)value.count * 4;
	}
	return value;
}

struct kwire_int64_array kw_get_int64_array(struct kwire_reader *reader, bool nullable,
					    const char *name)
{
	struct kwire_int64_array value;

	value.items = kw_get_array(reader, &value.count, sizeof(*value.items), 8, nullable, name);
	for (int32_t i = 0; i < value.count; i++, reader->at += 8)
		value.items[i] = (int64_t)kw_load64(reader->at);
	return value;
}

struct kwire_uuid_array kw_get_uuid_array(struct kwire_reader *reader, bool nullable,
					  const char *name)
{
	struct kwire_uuid_array value;

	value.items = kw_get_array(reader, &value.count, sizeof(*value.items), 16, nullable, name);
	for (int32_t i = 0; i < value.count; i++, reader->at += 16)
		memcpy(value.items[i].bytes, reader->at, 16);
	return value;
}

struct kwire_string_array kw_get_string_array(struct kwire_reader *reader, bool nullable,
					      const char *name)
{
	struct kwire_string_array value;

	value.items = kw_get_array(reader, &value.count, sizeof(*value.items),
				   reader->flexible ? 1 : 2, nullable, name);
	for (int32_t i = 0; i < value.count; i++) {
		value.items[i] = kw_get_string(reader, "");
		if (kw_get_failed(reader, name, i))
			break;
	}
	return value;
}

struct kwire_bytes_array kw_get_bytes_array(struct kwire_reader *reader, bool nullable,
					    const char *name)
{
	struct kwire_bytes_array value;

	value.items = kw_get_array(reader, &value.count, sizeof(*value.items),
				   reader->flexible ? 1 : 4, nullable, name);
	for (int32_t i = 0; i < value.count; i++) {
		value.items[i] = kw_get_bytes(reader, "");
		if (kw_get_failed(reader, name, i))
			break;
	}
	return value;
}

static void *get_struct(struct kwire_reader *reader, bool present, size_t size, bool nullable,
			const char *name)
{
	if (reader->failed)
		return NULL;
	if (present)
		return allocate(reader, size, name);
	if (!nullable)
		fail_null(reader, name);
	return NULL;
}

void *kw_get_present(struct kwire_reader *reader, size_t size, bool nullable, const char *name)
{
	bool present = !nullable || kw_get_int8(reader, name) >= 0;

	return get_struct(reader, present, size, nullable, name);
}

void *kw_get_tagged_present(struct kwire_reader *reader, size_t size, bool nullable,
			    const char *name)
{
	bool present = !nullable || kw_get_varint(reader, name) != 0;

	return get_struct(reader, present, size, nullable, name);
}

void kw_get_tags_begin(struct kwire_reader *reader, struct kw_get_tags *tags)
{
	size_t left;

	tags->left = reader->flexible ? kw_get_varint(reader, "tagged fields") : 0;
	tags->tag = 0;
	tags->first = true;
	tags->open = false;
	tags->outer_end = reader->end;
	tags->unknown = NULL;
	left = kw_reader_left(reader);
	if (tags->left > left / 2)
		fail_at(reader, "tagged fields", "are %lu, beyond the %lu bytes left",
			(unsigned long)tags->left, (unsigned long)left);
}

/* Ends the field that was being read, which must have used all its bytes. */
static void close_tag(struct kwire_reader *reader, struct kw_get_tags *tags)
{
	if (!tags->open)
		return;
	tags->open = false;
	if (!reader->failed && reader->at != reader->end)
		fail_at(reader, "tagged fields", "tag %lu leaves %lu of its bytes over",
			(unsigned long)tags->tag, (unsigned long)kw_reader_left(reader));
	reader->end = tags->outer_end;
	if (reader->failed)
		reader->at = reader->end;
}

bool kw_get_tags_next(struct kwire_reader *reader, struct kw_get_tags *tags)
{
	uint8_t *before;
	uint32_t tag, size;

	close_tag(reader, tags);
	if (reader->failed || tags->left == 0)
		return false;
	before = reader->at;
	tag = kw_get_varint(reader, "tagged fields");
	size = kw_get_varint(reader, "tagged fields");
	if (reader->failed)
		return false;
	if (!tags->first && tag <= tags->tag) {
		reader->at = before;
		fail_at(reader, "tagged fields", "tag %lu follows tag %lu", (unsigned long)tag,
			(unsigned long)tags->tag);
		return false;
	}
	if (size > kw_reader_left(reader)) {
		reader->at = before;
		fail_at(reader, "tagged fields",
			"tag %lu has %lu bytes, beyond the end of the message", (unsigned long)tag,
			(unsigned long)size);
		return false;
	}
	tags->left--;
	tags->tag = tag;
	tags->first = false;
	tags->open = true;
	reader->end = reader->at + size;
	return true;
}

void kw_get_tag_keep(struct kwire_reader *reader, struct kw_get_tags *tags)
{
	struct kwire_tagged_fields *unknown = tags->unknown;
	struct kwire_tagged_field *field;

	if (unknown == NULL) {
		unknown = allocate(reader,
				   sizeof(*unknown) + ((size_t)tags->left + 1) * sizeof(*field),
				   "tagged fields");
		if (unknown == NULL)
			return;
		unknown->count = 0;
		unknown->items = (struct kwire_tagged_field *)(void *)(unknown + 1);
		tags->unknown = unknown;
	}
	field = &unknown->items[unknown->count++];
	field->tag = tags->tag;
	field->value.data = reader->at;
	field->value.size = (int32_t)kw_reader_left(reader);
	reader->at = reader->end;
}

void kw_get_tag_refuse(struct kwire_reader *reader, struct kw_get_tags *tags, const char *name)
{
	fail_at(reader, name, "is tag %lu, which version %d has not", (unsigned long)tags->tag,
		reader->version);
}

const struct kwire_tagged_fields *kw_get_tags_slow(struct kwire_reader *reader)
{
	struct kw_get_tags tags;

	for (kw_get_tags_begin(reader, &tags); kw_get_tags_next(reader, &tags);)
		kw_get_tag_keep(reader, &tags);
	return tags.unknown;
}
