/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kafka's message schemas as the generator sees them: read strictly by
 * parse.c, checked by validate.c, named by names.c, measured by layout.c.
 * Everything lives until the process ends.
 */
#ifndef GEN_SCHEMA_H
#define GEN_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#define VERSION_MAX INT16_MAX

/* An inclusive range; none where low > high. */
struct versions {
	int low;
	int high;
};

enum base_type {
	TYPE_BOOL,
	TYPE_INT8,
	TYPE_INT16,
	TYPE_UINT16,
	TYPE_INT32,
	TYPE_UINT32,
	TYPE_INT64,
	TYPE_FLOAT64,
	TYPE_UUID,
	TYPE_STRING,
	TYPE_BYTES,
	TYPE_RECORDS,
	TYPE_STRUCT,
};

enum message_kind {
	KIND_REQUEST,
	KIND_RESPONSE,
	KIND_HEADER,
	KIND_DATA,
};

/* A default, parsed as its field's type wants it. */
struct value {
	bool null;
	bool boolean;
	int64_t integer;
	double real;
	uint8_t uuid[16];
	const char *text; /* of a string */
};

struct struct_spec;

struct field {
	const char *name;   /* "NumPartitions" */
	const char *c_name; /* "num_partitions" */
	const char *json_name;
	enum base_type type;
	bool array;
	const char *struct_name;     /* of TYPE_STRUCT, as the schema has it */
	struct struct_spec *struct_; /* the same, found */
	struct versions versions;    /* in which it exists, within its struct's */
	struct versions nullable;    /* in which it may be null, within `versions` */
	struct versions tagged;      /* in which it is a tagged field, within `versions` */
	int tag;                     /* -1: none */
	bool ignorable;
	bool map_key;
	bool plain; /* flexibleVersions "none": a plain length in every version */
	struct value value;
	json_t *json_default;
	const char *path; /* "Topics.NumPartitions", for messages */
	bool pointer;     /* a nullable struct */
};

struct struct_spec {
	const char *name;       /* as the schema has it; of the message itself, its name */
	const char *c_name;     /* "kwire_create_topics_request_topic" */
	const char *short_name; /* c_name without the message's: for static functions */
	const char *macro;      /* C_NAME */
	struct versions versions;
	struct versions used; /* in which it can occur, within the message's */
	bool common;
	bool flexible; /* it can occur in a flexible version: it has tags */
	bool visited, visiting;
	bool needs_default; /* some field of this type is compared with its default */
	struct field *fields;
	int count;
	int tag_count;
	const char *path;
};

struct message {
	json_t *json; /* names and texts point into it */
	const char *file;
	const char *name;     /* "CreateTopicsRequest" */
	const char *api_name; /* "CreateTopics"; of header and data, the name */
	const char
		*c_name; /* "create_topics"; of header and data, "consumer_protocol_assignment" */
	enum message_kind kind;
	int api_key;
	bool removed; /* validVersions "none" */
	struct versions valid;
	struct versions flexible;
	bool unstable; /* the highest version is not stable */
	struct struct_spec *root;
	struct struct_spec **structs; /* innermost first, the message itself last */
	int struct_count;
	struct struct_spec *commons;
	int common_count;
};

/* What Kafka's clients know of an API that its schemas do not say (gen/clients.json). */
struct client_facts {
	json_t *json;
	const char *file;
};

struct api {
	int key;
	const char *name;
	const char *c_name;
	struct message *request;
	struct message *response;
};

struct schema {
	struct message **messages; /* by name */
	int message_count;
	struct api *apis; /* by key */
	int api_count;
	struct client_facts facts;
	json_t *routes; /* gen/routes.json */
};

/* parse.c */
struct message *parse_message(const char *path, const char *file);
void parse_facts(struct schema *schema, const char *path);

/* routes.c: both end the run where a route does not fit the schemas. */
void parse_routes(struct schema *schema, const char *path);
void validate_routes(const struct schema *schema);
struct versions parse_versions(const char *file, const char *where, const char *text);

/* validate.c: checks a message, finds its structs, resolves versions and defaults. */
void validate_message(struct message *message);
void validate_apis(struct schema *schema);

/* names.c */
void name_message(struct message *message);
void check_names(const struct schema *schema);
char *snake_case(const char *name);
char *upper_case(const char *name);

/* versions */
static inline bool versions_none(struct versions versions)
{
	return versions.low > versions.high;
}
static inline struct versions versions_both(struct versions a, struct versions b)
{
	struct versions both = {a.low > b.low ? a.low : b.low, a.high < b.high ? a.high : b.high};

	return both;
}
static inline bool versions_contain(struct versions outer, struct versions inner)
{
	return versions_none(inner) || (outer.low <= inner.low && outer.high >= inner.high);
}

/* In which versions a field stands in its place, not among the tags. */
static inline struct versions untagged(const struct field *field)
{
	struct versions versions = field->versions;

	if (field->tag >= 0)
		versions.high = field->tagged.low - 1;
	return versions;
}

/* layout.c: sizes on the wire and in memory (of a 64-bit target). */
int smallest_wire_size(const struct message *message, const struct struct_spec *spec);
int memory_ratio(const struct message *message);
int memory_guess(const struct message *message);

/* util.c */
_Noreturn void fail(const char *file, const char *where, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void *allocate(size_t size);
char *text(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
