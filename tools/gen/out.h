/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text on its way into a generated file, and the emitters.
 */
#ifndef GEN_OUT_H
#define GEN_OUT_H

#include "schema.h"

struct out {
	char *text;
	size_t size;
	size_t capacity;
};

/* Appends; lines are the caller's. */
void put(struct out *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* One line, indented by `depth` tabs, broken after commas where it is too long. */
void line(struct out *out, int depth, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Whether a function's body (NULL: none) uses its parameter `version`. */
bool uses_version(const char *body);

/* Writes `directory`/`name` unless it holds this text already; frees the text. */
void write_file(struct out *out, const char *directory, const char *name);

/* Removes the files of `directory` that were not written in this run. */
void remove_stale(const char *directory, const char *suffix);

/* Who generates, and from what: the first lines of every file. */
void banner(struct out *out, const char *from, const char *purpose);

/* Whether `versions`, within those in which the struct occurs, need a guard; "" if not. */
const char *guard(struct versions versions, struct versions used);
/* The guard as an expression: "true", "false" or a comparison. */
const char *guard_value(struct versions versions, struct versions used);

/* The default of a field as an initialiser, as an expression, and as a test of `expression`. */
const char *initialiser(const struct field *field);
const char *default_expression(const struct field *field);
const char *default_test(const struct field *field, const char *expression);

/* Name of a field's type in C, and of its put and get functions ("int32"). */
const char *c_type(const struct field *field);
const char *codec_name(const struct field *field);

/* The emitters, one file each. */
void emit_api_header(const struct api *api, const struct schema *schema, const char *directory);
void emit_message_header(const struct message *message, const char *directory);
void emit_encoders(struct out *out, const struct message *message);
void emit_decoders(struct out *out, const struct message *message);
void emit_client(const struct api *api, const struct schema *schema, const char *directory);
void emit_server(const struct api *api, const char *directory);
void emit_data(const struct message *message, const char *directory);
void emit_lists(const struct schema *schema, const char *directory);
void emit_description(const struct message *message, const char *header, const char *directory);
void emit_description_list(const struct schema *schema, const char *directory);

/* routes.c: the route as a constant `route`; its target as in kwire_to_<target>; all as a table. */
void emit_route(struct out *out, const struct api *api, const struct schema *schema);
const char *route_target(const struct api *api, const struct schema *schema);
void emit_route_table(const struct schema *schema, const char *directory);

#endif
