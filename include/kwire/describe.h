/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages as data: fields, types, versions, tags, defaults, for programs that
 * handle any message (printing, comparing, JSON).  Part of libkwire-json.a,
 * which links the static libkwire.a; a program that names one description
 * links only that one.
 */
#ifndef KWIRE_DESCRIBE_H
#define KWIRE_DESCRIBE_H

#include <kwire/message.h>

#ifdef __cplusplus
extern "C" {
#endif

enum kwire_type {
	KWIRE_TYPE_BOOL,
	KWIRE_TYPE_INT8,
	KWIRE_TYPE_INT16,
	KWIRE_TYPE_UINT16,
	KWIRE_TYPE_INT32,
	KWIRE_TYPE_UINT32,
	KWIRE_TYPE_INT64,
	KWIRE_TYPE_FLOAT64,
	KWIRE_TYPE_UUID,
	KWIRE_TYPE_STRING,
	KWIRE_TYPE_BYTES,
	KWIRE_TYPE_RECORDS,
	KWIRE_TYPE_STRUCT,
};

enum kwire_field_flag {
	KWIRE_FIELD_ARRAY = 1 << 0,
	KWIRE_FIELD_POINTER = 1 << 1,   /* a struct that may be null */
	KWIRE_FIELD_IGNORABLE = 1 << 2, /* dropped where a version lacks it */
};

struct kwire_struct_description;

/* Versions are inclusive ranges; none where low > high. */
struct kwire_field_description {
	const char *name;      /* in C: "num_partitions" */
	const char *json_name; /* in JSON: "numPartitions" */
	enum kwire_type type;
	unsigned flags; /* enum kwire_field_flag */
	int16_t low_version;
	int16_t high_version;
	int16_t low_null_version; /* in which it may be null */
	int16_t high_null_version;
	int16_t low_tagged_version; /* from which it is a tagged field */
	int16_t tag;                /* -1: none */
	size_t offset;              /* in its struct */
	const struct kwire_struct_description *structure;
};

struct kwire_struct_description {
	const char *name; /* "struct kwire_create_topics_request_topic" without "struct " */
	const struct kwire_field_description *fields; /* in the schema's order */
	int field_count;
	size_t size;
	ptrdiff_t unknown_tags_offset; /* -1: it has none */
	const void *defaults;          /* such a struct, all defaults */
};

enum kwire_kind {
	KWIRE_KIND_REQUEST,
	KWIRE_KIND_RESPONSE,
	KWIRE_KIND_HEADER,
	KWIRE_KIND_DATA,
};

struct kwire_description {
	const char *name; /* "CreateTopicsRequest" */
	enum kwire_kind kind;
	int16_t api_key; /* -1: no API's */
	int16_t min_version;
	int16_t max_version;
	int16_t first_flexible_version; /* INT16_MAX: none */
	const struct kwire_struct_description *root;
};

/* All descriptions by name.  Whoever refers to this links all of them. */
KWIRE_API extern const struct kwire_description *const kwire_all_descriptions[];
KWIRE_API extern const int kwire_all_descriptions_count;

/*
 * The description of a message by its name in Kafka ("CreateTopicsRequest");
 * NULL: not known.  Links all of them.  Any thread.
 */
KWIRE_API const struct kwire_description *kwire_describe(const char *name);

/* Whether two messages hold the same, unknown tagged fields included.  Any thread. */
KWIRE_API bool kwire_message_equal(const struct kwire_description *description, const void *a,
				   const void *b);

#ifdef __cplusplus
}
#endif

#endif
