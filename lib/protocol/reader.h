/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cursor that messages are read with.  Generated decoders call it field by
 * field and never look back: the first failure sticks, with the path of its
 * field and the offset; from then on everything reads as zero.
 *
 * The frame belongs to the reader and is written to: strings move left by one
 * byte, over their own length, to make room for a NUL.  So a frame is read
 * once.  Arrays and optional structs come from the arena.
 *
 * Must not know of any message, nor of frames and headers (response.h).
 */
#ifndef KW_READER_H
#define KW_READER_H

#include <string.h>

#include <kwire/message.h>

#include "arena.h"
#include "endian.h"
#include "fast.h"
#include "fault.h"

struct kwire_reader {
	uint8_t *at;
	uint8_t *end;   /* of the frame, or of the tagged field being read; == at once failed */
	uint8_t *start; /* of the frame; offsets count from here */
	bool flexible;  /* this message's version has compact lengths and tags */
	bool failed;
	int16_t version;
	struct kw_arena *arena;
	struct kw_fault fault;
};

/* A reader over `size` bytes at `data`, which it will write to. */
void kw_reader_init(struct kwire_reader *reader, uint8_t *data, size_t size,
		    struct kw_arena *arena);

/* Nothing may be left over: call it last. */
void kw_reader_finish(struct kwire_reader *reader);

/* Too few bytes are left for a field of `size` bytes. */
void kw_get_short(struct kwire_reader *reader, size_t size, const char *name);

/*
 * Whether reading failed inside the field `name` (its element `index`, -1: no
 * array); if so, puts that in front of the path.  Its caller leaves.
 */
void kw_get_failed_at(struct kwire_reader *reader, const char *name, int32_t index);
inline bool kw_get_failed(struct kwire_reader *reader, const char *name, int32_t index)
{
	if (!reader->failed)
		return false;
	kw_get_failed_at(reader, name, index);
	return true;
}

inline size_t kw_reader_left(const struct kwire_reader *reader)
{
	return (size_t)(reader->end - reader->at);
}

inline int8_t kw_get_int8(struct kwire_reader *reader, const char *name)
{
	if (kw_reader_left(reader) < 1) {
		kw_get_short(reader, 1, name);
		return 0;
	}
	return (int8_t)*reader->at++;
}

static inline bool kw_get_bool(struct kwire_reader *reader, const char *name)
{
	return kw_get_int8(reader, name) != 0;
}

inline int16_t kw_get_int16(struct kwire_reader *reader, const char *name)
{
	if (kw_reader_left(reader) < 2) {
		kw_get_short(reader, 2, name);
		return 0;
	}
	reader->at += 2;
	return (int16_t)kw_load16(reader->at - 2);
}

static inline uint16_t kw_get_uint16(struct kwire_reader *reader, const char *name)
{
	return (uint16_t)kw_get_int16(reader, name);
}

inline int32_t kw_get_int32(struct kwire_reader *reader, const char *name)
{
	if (kw_reader_left(reader) < 4) {
		kw_get_short(reader, 4, name);
		return 0;
	}
	reader->at += 4;
	return (int32_t)kw_load32(reader->at - 4);
}

static inline uint32_t kw_get_uint32(struct kwire_reader *reader, const char *name)
{
	return (uint32_t)kw_get_int32(reader, name);
}

inline int64_t kw_get_int64(struct kwire_reader *reader, const char *name)
{
	if (kw_reader_left(reader) < 8) {
		kw_get_short(reader, 8, name);
		return 0;
	}
	reader->at += 8;
	return (int64_t)kw_load64(reader->at - 8);
}

double kw_get_float64(struct kwire_reader *reader, const char *name);
struct kwire_uuid kw_get_uuid(struct kwire_reader *reader, const char *name);
uint32_t kw_get_varint(struct kwire_reader *reader, const char *name);

/* Strings and bytes (`records` are bytes); null only where `nullable`. */
struct kwire_string kw_get_nullable_string(struct kwire_reader *reader, bool nullable,
					   const char *name);
struct kwire_bytes kw_get_nullable_bytes(struct kwire_reader *reader, bool nullable,
					 const char *name);
static inline struct kwire_string kw_get_string(struct kwire_reader *reader, const char *name)
{
	return kw_get_nullable_string(reader, false, name);
}
static inline struct kwire_bytes kw_get_bytes(struct kwire_reader *reader, const char *name)
{
	return kw_get_nullable_bytes(reader, false, name);
}
/* A string with an int16 length even in a flexible version: the header's client id. */
struct kwire_string kw_get_plain_string(struct kwire_reader *reader, bool nullable,
					const char *name);

/*
 * The count of an array (-1: null) and room for its elements of `size` bytes,
 * each of which takes `smallest` bytes on the wire at least; the count is
 * checked against the bytes left first.  On failure NULL and a count of 0.
 */
void *kw_get_array(struct kwire_reader *reader, int32_t *count, size_t size, size_t smallest,
		   bool nullable, const char *name);

struct kwire_int8_array kw_get_int8_array(struct kwire_reader *reader, bool nullable,
					  const char *name);
struct kwire_int16_array kw_get_int16_array(struct kwire_reader *reader, bool nullable,
					    const char *name);
struct kwire_int32_array kw_get_any_int32_array(struct kwire_reader *reader, bool nullable,
						const char *name);
/* Nearly every one is short, in a flexible version, and fits what is left of both rooms. */
inline struct kwire_int32_array kw_get_int32_array(struct kwire_reader *reader, bool nullable,
						   const char *name)
{
	struct kwire_int32_array value;

	if (KW_FAST && reader->flexible && reader->at != reader->end) {
		struct kw_arena *arena = reader->arena;
		const uint8_t *at = reader->at + 1;
		size_t count = (size_t)*reader->at - 1; /* null: SIZE_MAX */
		size_t room = (count * 4 + 7) & ~(size_t)7;

		if (count < 0x7f && count * 4 <= (size_t)(reader->end - at) &&
		    room <= (size_t)(arena->end - arena->at)) {
			value.items = count > 0 ? (int32_t *)(void *)arena->at : NULL;
			value.count = (int32_t)count;
			arena->at += room;
			arena->used += room;
			reader->at += 1 + count * 4;
			for (size_t i = 0; i < count; i++)
				value.items[i] = (int32_t)kw_load32(at + 4 * i);
			return value;
		}
	}
	return kw_get_any_int32_array(reader, nullable, name);
}
struct kwire_int64_array kw_get_int64_array(struct kwire_reader *reader, bool nullable,
					    const char *name);
struct kwire_uuid_array kw_get_uuid_array(struct kwire_reader *reader, bool nullable,
					  const char *name);
struct kwire_string_array kw_get_string_array(struct kwire_reader *reader, bool nullable,
					      const char *name);
struct kwire_bytes_array kw_get_bytes_array(struct kwire_reader *reader, bool nullable,
					    const char *name);

/*
 * The marker before a nullable struct, and room for it: NULL where it is null
 * (a failure unless `nullable`) or where reading failed.
 */
void *kw_get_present(struct kwire_reader *reader, size_t size, bool nullable, const char *name);
void *kw_get_tagged_present(struct kwire_reader *reader, size_t size, bool nullable,
			    const char *name);

/* The tag section of a struct without tagged fields of its own: everything is kept. */
const struct kwire_tagged_fields *kw_get_tags_slow(struct kwire_reader *reader);
inline const struct kwire_tagged_fields *kw_get_tags(struct kwire_reader *reader)
{
	if (!reader->flexible)
		return NULL;
	if (reader->at != reader->end && *reader->at == 0) {
		reader->at++;
		return NULL;
	}
	return kw_get_tags_slow(reader);
}

/*
 * The tag section of a struct that has some:
 *
 *	for (kw_get_tags_begin(reader, &tags); kw_get_tags_next(reader, &tags);)
 *		switch (tags.tag) {
 *		case 3:
 *			read the field
 *			break;
 *		default:
 *			kw_get_tag_keep(reader, &tags);
 *		}
 *	message->unknown_tags = tags.unknown;
 *
 * While a field is read the reader ends where that field ends.  Tags must
 * ascend, and each field use exactly its size.
 */
struct kw_get_tags {
	uint32_t left; /* fields yet to come */
	uint32_t tag;
	bool first;
	bool open;          /* a field is being read */
	uint8_t *outer_end; /* the reader's end outside the field */
	struct kwire_tagged_fields *unknown;
};
void kw_get_tags_begin(struct kwire_reader *reader, struct kw_get_tags *tags);
bool kw_get_tags_next(struct kwire_reader *reader, struct kw_get_tags *tags);
void kw_get_tag_keep(struct kwire_reader *reader, struct kw_get_tags *tags);
/* A tag that the message knows, in a version that has it not. */
void kw_get_tag_refuse(struct kwire_reader *reader, struct kw_get_tags *tags, const char *name);

#endif
