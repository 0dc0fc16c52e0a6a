/* SPDX-License-Identifier: Apache-2.0 */
/* See writer.h. */
#include "writer.h"

/* The inline functions, where they are called after all. */
extern inline bool kw_put_failed(struct kwire_writer *writer, const char *name, int32_t index);
extern inline void kw_put_absent(struct kwire_writer *writer, bool is_default, const char *name);
extern inline struct kw_piece kw_put_begin(struct kwire_writer *writer, size_t size);
extern inline void kw_put_end(struct kwire_writer *writer, struct kw_piece piece);
extern inline void kw_put_int8(struct kwire_writer *writer, int8_t value);
extern inline void kw_put_int16(struct kwire_writer *writer, int16_t value);
extern inline void kw_put_int32(struct kwire_writer *writer, int32_t value);
extern inline void kw_put_int64(struct kwire_writer *writer, int64_t value);
extern inline void kw_put_varint(struct kwire_writer *writer, uint32_t value);
extern inline void kw_put_int32_array(struct kwire_writer *writer,
				      const struct kwire_int32_array *value, bool nullable,
				      const char *name);
extern inline void kw_put_tags(struct kwire_writer *writer,
			       const struct kwire_tagged_fields *unknown);

#define STRING_MAX INT16_MAX

void kw_writer_init(struct kwire_writer *writer, void *data, size_t capacity)
{
	writer->data = data;
	writer->capacity = capacity;
	writer->size = 0;
	writer->flexible = false;
	writer->failed = false;
	writer->version = 0;
	writer->borrow_count = 0;
	writer->borrow_capacity = 0;
	writer->borrows = NULL;
	writer->borrow_from = SIZE_MAX;
	writer->borrowed = 0;
}

static void fail(struct kwire_writer *writer, int result, const char *name, const char *format,
		 va_list arguments)
{
	if (writer->failed)
		return;
	writer->failed = true;
	kw_fault_set(&writer->fault, result, name, format, arguments);
}

/*
 * The first failure sticks; `name` is the field ("": the message itself).
 * What cannot be written is the caller's mistake.
 */
KW_PRINTF(3, 4)
static void fail_at(struct kwire_writer *writer, const char *name, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fail(writer, KWIRE_EINVAL, name, format, arguments);
	va_end(arguments);
}

KW_PRINTF(3, 4)
static void fail_size(struct kwire_writer *writer, const char *name, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fail(writer, KWIRE_ETOOLARGE, name, format, arguments);
	va_end(arguments);
}

void kw_put_failed_at(struct kwire_writer *writer, const char *name, int32_t index)
{
	kw_fault_prepend(&writer->fault, name, index);
}

void kw_put_absent_fail(struct kwire_writer *writer, const char *name)
{
	fail_at(writer, name, "is set, but version %d has no such field", writer->version);
}

static void fail_null(struct kwire_writer *writer, const char *name)
{
	fail_at(writer, name, "is null, which version %d does not allow", writer->version);
}

/* Whether `size` more bytes keep the message within what a length can say. */
static bool fits(struct kwire_writer *writer, uint64_t size, const char *name)
{
	uint64_t total = kw_writer_total(writer);

	if (total + size <= INT32_MAX)
		return true;
	fail_size(writer, name, "makes the message larger than 2 GiB");
	return false;
}

void kw_put_float64(struct kwire_writer *writer, double value)
{
	int64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	kw_put_int64(writer, bits);
}

void kw_put_uuid(struct kwire_writer *writer, struct kwire_uuid value)
{
	struct kw_piece piece = kw_put_begin(writer, sizeof(value.bytes));

	memcpy(piece.at, value.bytes, sizeof(value.bytes));
	kw_put_end(writer, piece);
}

void kw_put_long_varint(struct kwire_writer *writer, uint32_t value)
{
	for (; value >= 0x80; value >>= 7)
		kw_put_int8(writer, (int8_t)(value | 0x80));
	kw_put_int8(writer, (int8_t)value);
}

void kw_put_raw(struct kwire_writer *writer, const void *data, size_t size)
{
	uint8_t *at;

	if (size == 0 || !fits(writer, size, ""))
		return;
	if (kw_put_many(writer, size, &at))
		memcpy(at, data, size);
}

/* A length or count: -1 is null. */
static void put_length(struct kwire_writer *writer, int32_t length)
{
	if (writer->flexible)
		kw_put_varint(writer, (uint32_t)length + 1);
	else
		kw_put_int32(writer, length);
}

/* Whether a string may be written; a null one, where allowed, is. */
static inline bool check_string(struct kwire_writer *writer, struct kwire_string value,
				bool nullable, const char *name)
{
	if (value.data == NULL) {
		if (!nullable)
			fail_null(writer, name);
		return nullable;
	}
	if (value.size < 0) {
		fail_at(writer, name, "has a negative size (%d)", (int)value.size);
		return false;
	}
	if (value.size > STRING_MAX) {
		fail_at(writer, name, "has %d bytes, more than the %d of a string", (int)value.size,
			STRING_MAX);
		return false;
	}
	return true;
}

void kw_put_nullable_string(struct kwire_writer *writer, struct kwire_string value, bool nullable,
			    const char *name)
{
	if (!writer->flexible) {
		kw_put_plain_string(writer, value, nullable, name);
		return;
	}
	if (!check_string(writer, value, nullable, name))
		return;
	if (value.data == NULL) {
		kw_put_varint(writer, 0);
		return;
	}
	kw_put_varint(writer, (uint32_t)value.size + 1);
	kw_put_raw(writer, value.data, (size_t)value.size);
}

void kw_put_plain_string(struct kwire_writer *writer, struct kwire_string value, bool nullable,
			 const char *name)
{
	if (!check_string(writer, value, nullable, name))
		return;
	if (value.data == NULL) {
		kw_put_int16(writer, -1);
		return;
	}
	kw_put_int16(writer, (int16_t)value.size);
	kw_put_raw(writer, value.data, (size_t)value.size);
}

static void put_payload(struct kwire_writer *writer, struct kwire_bytes value)
{
	size_t size = (size_t)value.size;

	if (size < writer->borrow_from) {
		kw_put_raw(writer, value.data, size);
		return;
	}
	if (writer->borrow_count < writer->borrow_capacity) {
		struct kw_borrow *borrow = &writer->borrows[writer->borrow_count];

		borrow->at = writer->size;
		borrow->data = value.data;
		borrow->size = size;
	}
	writer->borrow_count++;
	writer->borrowed += size;
}

void kw_put_nullable_bytes(struct kwire_writer *writer, struct kwire_bytes value, bool nullable,
			   const char *name)
{
	if (value.data == NULL) {
		if (!nullable)
			fail_null(writer, name);
		else
			put_length(writer, -1);
		return;
	}
	if (value.size < 0) {
		fail_at(writer, name, "has a negative size (%d)", (int)value.size);
		return;
	}
	put_length(writer, value.size);
	if (fits(writer, (uint64_t)value.size, name))
		put_payload(writer, value);
}

bool kw_put_count(struct kwire_writer *writer, const void *items, int32_t count, bool nullable,
		  const char *name)
{
	if (count == -1 && !nullable) {
		fail_null(writer, name);
		return false;
	}
	if (count < -1) {
		fail_at(writer, name, "has a negative count (%d)", (int)count);
		return false;
	}
	if (count > 0 && items == NULL) {
		fail_at(writer, name, "counts %d elements, but points to none", (int)count);
		return false;
	}
	put_length(writer, count);
	/* Elements without strings cannot pass this between two counts. */
	return count > 0 && fits(writer, 0, name);
}

/*
 * Room for a whole array of fixed-width elements; NULL: nothing to store.
 * Nearly every one is short, its count one byte of a flexible version.
 */
static inline uint8_t *put_array(struct kwire_writer *writer, const void *items, int32_t count,
				 size_t size, bool nullable, const char *name)
{
	uint8_t *at;

	if (writer->flexible && (uint32_t)count < 0x7f && (items != NULL || count == 0)) {
		if (!kw_put_many(writer, 1 + (size_t)count * size, &at))
			return NULL;
		*at = (uint8_t)(count + 1);
		return at + 1;
	}
	if (!kw_put_count(writer, items, count, nullable, name) ||
	    !fits(writer, (uint64_t)count * size, name))
		return NULL;
	return kw_put_many(writer, (size_t)count * size, &at) ? at : NULL;
}

void kw_put_int8_array(struct kwire_writer *writer, const struct kwire_int8_array *value,
		       bool nullable, const char *name)
{
	uint8_t *at = put_array(writer, value->items, value->count, 1, nullable, name);

	if (at != NULL && value->count > 0)
		memcpy(at, value->items, (size_t)value->count);
}

void kw_put_int16_array(struct kwire_writer *writer, const struct kwire_int16_array *value,
			bool nullable, const char *name)
{
	const int16_t *items = value->items;
	const int32_t count = value->count;
	uint8_t *at = put_array(writer, items, count, 2, nullable, name);

	for (int32_t i = 0; at != NULL && i < count; i++, at += 2)
		kw_store16(at, (uint16_t)items[i]);
}

void kw_put_any_int32_array(struct kwire_writer *writer, const struct kwire_int32_array *value,
			    bool nullable, const char *name)
{
	const int32_t *items = value->items;
	const int32_t count = value->count;
	uint8_t *at = put_array(writer, items, count, 4, nullable, name);

	for (int32_t i = 0; at != NULL && i < count; i++, at += 4)
		kw_store32(at, (uint32_t)items[i]);
}

void kw_put_int64_array(struct kwire_writer *writer, const struct kwire_int64_array *value,
			bool nullable, const char *name)
{
	const int64_t *items = value->items;
	const int32_t count = value->count;
	uint8_t *at = put_array(writer, items, count, 8, nullable, name);

	for (int32_t i = 0; at != NULL && i < count; i++, at += 8)
		kw_store64(at, (uint64_t)items[i]);
}

void kw_put_uuid_array(struct kwire_writer *writer, const struct kwire_uuid_array *value,
		       bool nullable, const char *name)
{
	uint8_t *at = put_array(writer, value->items, value->count, 16, nullable, name);

	for (int32_t i = 0; at != NULL && i < value->count; i++)
		memcpy(at + 16 * (size_t)i, value->items[i].bytes, 16);
}

void kw_put_string_array(struct kwire_writer *writer, const struct kwire_string_array *value,
			 bool nullable, const char *name)
{
	if (!kw_put_count(writer, value->items, value->count, nullable, name))
		return;
	for (int32_t i = 0; i < value->count; i++) {
		kw_put_string(writer, value->items[i], "");
		if (kw_put_failed(writer, name, i))
			return;
	}
}

void kw_put_bytes_array(struct kwire_writer *writer, const struct kwire_bytes_array *value,
			bool nullable, const char *name)
{
	if (!kw_put_count(writer, value->items, value->count, nullable, name))
		return;
	for (int32_t i = 0; i < value->count; i++) {
		kw_put_bytes(writer, value->items[i], "");
		if (kw_put_failed(writer, name, i))
			return;
	}
}

bool kw_put_present(struct kwire_writer *writer, const void *value, bool nullable, const char *name)
{
	if (value == NULL && !nullable)
		fail_null(writer, name);
	else if (nullable)
		kw_put_int8(writer, value != NULL ? 1 : -1);
	return value != NULL;
}

bool kw_put_tagged_present(struct kwire_writer *writer, const void *value, bool nullable,
			   const char *name)
{
	if (value == NULL && !nullable)
		fail_null(writer, name);
	else if (nullable)
		kw_put_varint(writer, value != NULL ? 1 : 0);
	return value != NULL;
}

bool kw_put_tags_begin(struct kwire_writer *writer, uint32_t known,
		       const struct kwire_tagged_fields *unknown)
{
	int32_t count = unknown == NULL ? 0 : unknown->count;

	if (count < 0 || (count > 0 && unknown->items == NULL)) {
		fail_at(writer, "unknown_tags", "counts %d fields, but points to none", (int)count);
		return false;
	}
	if (!writer->flexible) {
		if (count > 0)
			fail_at(writer, "unknown_tags",
				"is set, but version %d has no tagged fields", writer->version);
		return false;
	}
	kw_put_varint(writer, known + (uint32_t)count);
	return true;
}

void kw_put_tags_end(struct kwire_writer *writer, const struct kwire_tagged_fields *unknown,
		     uint32_t first_unknown)
{
	uint64_t lowest = first_unknown;

	if (unknown == NULL)
		return;
	for (int32_t i = 0; i < unknown->count; i++) {
		const struct kwire_tagged_field *field = &unknown->items[i];

		if (field->tag < lowest)
			fail_at(writer, "", "has tag %lu, where %lu is the lowest allowed",
				(unsigned long)field->tag, (unsigned long)lowest);
		else if (field->value.size < 0 ||
			 (field->value.size > 0 && field->value.data == NULL))
			fail_at(writer, "", "has no valid value");
		else {
			kw_put_varint(writer, field->tag);
			kw_put_varint(writer, (uint32_t)field->value.size);
			kw_put_raw(writer, field->value.data, (size_t)field->value.size);
			lowest = (uint64_t)field->tag + 1;
		}
		if (kw_put_failed(writer, "unknown_tags", i))
			return;
	}
}

void kw_put_unknown_tags(struct kwire_writer *writer, const struct kwire_tagged_fields *unknown)
{
	if (kw_put_tags_begin(writer, 0, unknown))
		kw_put_tags_end(writer, unknown, 0);
}

bool kw_put_tag_pass(struct kwire_writer *writer, struct kw_put_tag *tag)
{
	size_t size;

	switch (tag->pass++) {
	case 0:
		tag->start = writer->size;
		tag->capacity = writer->capacity;
		tag->borrow_from = writer->borrow_from;
		writer->capacity = 0;
		writer->borrow_from = SIZE_MAX;
		return true;
	case 1:
		size = writer->size - tag->start;
		writer->size = tag->start;
		writer->capacity = tag->capacity;
		writer->borrow_from = tag->borrow_from;
		kw_put_varint(writer, tag->tag);
		kw_put_varint(writer, (uint32_t)size);
		return !writer->failed;
	default:
		return false;
	}
}
