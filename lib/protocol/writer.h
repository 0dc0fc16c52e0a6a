/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cursor that messages are written with.  Generated encoders call it field
 * by field and never look back: the first failure sticks, with the path of its
 * field, and what follows is of no account.
 *
 * A writer counts every byte and stores those that fit.  Running an encoder on
 * a writer without room gives the exact size; there is no second function to
 * keep in step.  Payloads of `borrow_from` bytes and more are not copied but
 * noted, with the place in `data` where they belong, for a gathering send.
 *
 * Must not know of any message, nor of frames and headers (frame.h).
 */
#ifndef KW_WRITER_H
#define KW_WRITER_H

#include <string.h>

#include <kwire/message.h>

#include "endian.h"
#include "fast.h"
#include "fault.h"

/* A payload that stays the caller's: belongs after the first `at` bytes of `data`. */
struct kw_borrow {
	size_t at;
	const uint8_t *data;
	size_t size;
};

/* The longest piece of fixed size that is put at once. */
#define KW_WRITER_SPARE 64

struct kwire_writer {
	uint8_t *data;
	size_t capacity;
	size_t size;   /* bytes put, stored or not, without the borrowed ones */
	bool flexible; /* this message's version has compact lengths and tags */
	bool failed;
	int16_t version;
	int borrow_count; /* noted or not */
	int borrow_capacity;
	struct kw_borrow *borrows;
	size_t borrow_from; /* SIZE_MAX: copy everything */
	size_t borrowed;    /* bytes */
	uint8_t spare[KW_WRITER_SPARE];
	struct kw_fault fault;
};

/* A writer over `capacity` bytes at `data` (NULL, 0: only counts), borrowing nothing. */
void kw_writer_init(struct kwire_writer *writer, void *data, size_t capacity);

/* All bytes, borrowed ones included. */
static inline size_t kw_writer_total(const struct kwire_writer *writer)
{
	return writer->size + writer->borrowed;
}

/*
 * Whether writing failed inside the field `name` (its element `index`, -1:
 * no array); if so, puts that in front of the path.  Its caller leaves.
 */
void kw_put_failed_at(struct kwire_writer *writer, const char *name, int32_t index);
inline bool kw_put_failed(struct kwire_writer *writer, const char *name, int32_t index)
{
	if (KW_LIKELY(!writer->failed))
		return false;
	kw_put_failed_at(writer, name, index);
	return true;
}

/* A field that this version lacks must have its default, unless it may be ignored. */
void kw_put_absent_fail(struct kwire_writer *writer, const char *name);
inline void kw_put_absent(struct kwire_writer *writer, bool is_default, const char *name)
{
	if (!is_default)
		kw_put_absent_fail(writer, name);
}

/* Room for `size` bytes, or false where they are only counted. */
static inline bool kw_put_many(struct kwire_writer *writer, size_t size, uint8_t **at)
{
	size_t start = writer->size;

	writer->size = start + size;
	if (writer->size > writer->capacity)
		return false;
	*at = writer->data + start;
	return true;
}

/*
 * A piece of a fixed size, KW_WRITER_SPARE bytes at most: begin, store `size`
 * bytes at `at`, end.  Bytes that are only counted are stored too, elsewhere.
 * The writer moves last: a store of bytes might be one to the writer itself,
 * as far as a compiler can tell, after which it would have to be read again.
 */
struct kw_piece {
	uint8_t *at;
	size_t end;
};
inline struct kw_piece kw_put_begin(struct kwire_writer *writer, size_t size)
{
	size_t start = writer->size, end = start + size;
	struct kw_piece piece = {writer->spare, end};

	if (KW_LIKELY(end <= writer->capacity))
		piece.at = writer->data + start;
	return piece;
}
inline void kw_put_end(struct kwire_writer *writer, struct kw_piece piece)
{
	writer->size = piece.end;
}

inline void kw_put_int8(struct kwire_writer *writer, int8_t value)
{
	struct kw_piece piece = kw_put_begin(writer, 1);

	*piece.at = (uint8_t)value;
	kw_put_end(writer, piece);
}

static inline void kw_put_bool(struct kwire_writer *writer, bool value)
{
	kw_put_int8(writer, value ? 1 : 0);
}

inline void kw_put_int16(struct kwire_writer *writer, int16_t value)
{
	struct kw_piece piece = kw_put_begin(writer, 2);

	kw_store16(piece.at, (uint16_t)value);
	kw_put_end(writer, piece);
}

static inline void kw_put_uint16(struct kwire_writer *writer, uint16_t value)
{
	kw_put_int16(writer, (int16_t)value);
}

inline void kw_put_int32(struct kwire_writer *writer, int32_t value)
{
	struct kw_piece piece = kw_put_begin(writer, 4);

	kw_store32(piece.at, (uint32_t)value);
	kw_put_end(writer, piece);
}

static inline void kw_put_uint32(struct kwire_writer *writer, uint32_t value)
{
	kw_put_int32(writer, (int32_t)value);
}

inline void kw_put_int64(struct kwire_writer *writer, int64_t value)
{
	struct kw_piece piece = kw_put_begin(writer, 8);

	kw_store64(piece.at, (uint64_t)value);
	kw_put_end(writer, piece);
}

void kw_put_float64(struct kwire_writer *writer, double value);
void kw_put_uuid(struct kwire_writer *writer, struct kwire_uuid value);
void kw_put_long_varint(struct kwire_writer *writer, uint32_t value);
inline void kw_put_varint(struct kwire_writer *writer, uint32_t value)
{
	if (value < 0x80)
		kw_put_int8(writer, (int8_t)value);
	else
		kw_put_long_varint(writer, value);
}
void kw_put_raw(struct kwire_writer *writer, const void *data, size_t size);

/* Strings and bytes (`records` are bytes); null only where `nullable`. */
void kw_put_nullable_string(struct kwire_writer *writer, struct kwire_string value, bool nullable,
			    const char *name);
void kw_put_nullable_bytes(struct kwire_writer *writer, struct kwire_bytes value, bool nullable,
			   const char *name);
static inline void kw_put_string(struct kwire_writer *writer, struct kwire_string value,
				 const char *name)
{
	kw_put_nullable_string(writer, value, false, name);
}
static inline void kw_put_bytes(struct kwire_writer *writer, struct kwire_bytes value,
				const char *name)
{
	kw_put_nullable_bytes(writer, value, false, name);
}
/* A string with an int16 length even in a flexible version: the header's client id. */
void kw_put_plain_string(struct kwire_writer *writer, struct kwire_string value, bool nullable,
			 const char *name);

/* Count of an array, -1 for null; `items` are there if count > 0.  False: no element follows. */
bool kw_put_count(struct kwire_writer *writer, const void *items, int32_t count, bool nullable,
		  const char *name);

void kw_put_int8_array(struct kwire_writer *writer, const struct kwire_int8_array *value,
		       bool nullable, const char *name);
void kw_put_int16_array(struct kwire_writer *writer, const struct kwire_int16_array *value,
			bool nullable, const char *name);
void kw_put_any_int32_array(struct kwire_writer *writer, const struct kwire_int32_array *value,
			    bool nullable, const char *name);
/*
 * In flexible versions nearly every one holds three replicas, or nothing.  The
 * writer moves at the end of every way through, so that it stays in a register.
 */
inline void kw_put_int32_array(struct kwire_writer *writer, const struct kwire_int32_array *value,
			       bool nullable, const char *name)
{
	const int32_t *items = value->items;
	struct kw_piece piece;

	if (KW_FAST && KW_LIKELY(writer->flexible && value->count == 3 && items != NULL)) {
		piece = kw_put_begin(writer, 13);
		*piece.at = 4;
		kw_store32(piece.at + 1, (uint32_t)items[0]);
		kw_store32(piece.at + 5, (uint32_t)items[1]);
		kw_store32(piece.at + 9, (uint32_t)items[2]);
	} else if (KW_FAST && KW_LIKELY(writer->flexible && value->count == 0)) {
		piece = kw_put_begin(writer, 1);
		*piece.at = 1;
	} else {
		kw_put_any_int32_array(writer, value, nullable, name);
		piece.end = writer->size;
	}
	kw_put_end(writer, piece);
}
void kw_put_int64_array(struct kwire_writer *writer, const struct kwire_int64_array *value,
			bool nullable, const char *name);
void kw_put_uuid_array(struct kwire_writer *writer, const struct kwire_uuid_array *value,
		       bool nullable, const char *name);
void kw_put_string_array(struct kwire_writer *writer, const struct kwire_string_array *value,
			 bool nullable, const char *name);
void kw_put_bytes_array(struct kwire_writer *writer, const struct kwire_bytes_array *value,
			bool nullable, const char *name);

/*
 * The marker before a nullable struct: whether it is there.  Returns `value`
 * is not NULL; a null one where that is not allowed is a failure.
 */
bool kw_put_present(struct kwire_writer *writer, const void *value, bool nullable,
		    const char *name);

/*
 * The tag section at the end of a struct without tagged fields of its own:
 * what was read and not known is written back.
 */
void kw_put_unknown_tags(struct kwire_writer *writer, const struct kwire_tagged_fields *unknown);
inline void kw_put_tags(struct kwire_writer *writer, const struct kwire_tagged_fields *unknown)
{
	struct kw_piece piece = {NULL, writer->size};

	if (KW_LIKELY(unknown == NULL && writer->flexible)) {
		piece = kw_put_begin(writer, 1);
		*piece.at = 0;
	} else if (unknown != NULL) {
		kw_put_unknown_tags(writer, unknown);
		piece.end = writer->size;
	}
	kw_put_end(writer, piece);
}

/*
 * The tag section of a struct that has some: begin with the number of tagged
 * fields that are set; then, ascending, for each of those
 *
 *	for (struct kw_put_tag tag = kw_put_tag(3); kw_put_tag_pass(writer, &tag);)
 *		put the field
 *
 * whose body runs twice, to count its size and to write it; then end with the
 * unknown ones, whose tags must be `first_unknown` and up.  Begin returns false
 * where the version has no tags.
 */
bool kw_put_tags_begin(struct kwire_writer *writer, uint32_t known,
		       const struct kwire_tagged_fields *unknown);
void kw_put_tags_end(struct kwire_writer *writer, const struct kwire_tagged_fields *unknown,
		     uint32_t first_unknown);

struct kw_put_tag {
	uint32_t tag;
	int pass;
	size_t start;    /* writer's size before the counting pass */
	size_t capacity; /* writer's, taken away while counting */
	size_t borrow_from;
};
static inline struct kw_put_tag kw_put_tag(uint32_t tag)
{
	struct kw_put_tag self;

	memset(&self, 0, sizeof(self));
	self.tag = tag;
	return self;
}
bool kw_put_tag_pass(struct kwire_writer *writer, struct kw_put_tag *tag);

/* Marker before a nullable struct in a tagged field. */
bool kw_put_tagged_present(struct kwire_writer *writer, const void *value, bool nullable,
			   const char *name);

/* Whether values are the schema's default: null, or equal to a literal, or empty. */
static inline bool kw_is_string(struct kwire_string value, const char *literal, int32_t size)
{
	return value.data != NULL && value.size == size &&
	       (size == 0 || memcmp(value.data, literal, (size_t)size) == 0);
}
static inline bool kw_is_empty_bytes(struct kwire_bytes value)
{
	return value.data != NULL && value.size == 0;
}
static inline bool kw_no_tags(const struct kwire_tagged_fields *unknown)
{
	return unknown == NULL || unknown->count == 0;
}

#endif
