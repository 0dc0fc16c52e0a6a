/* SPDX-License-Identifier: Apache-2.0 */
/* How the commands of `kwire` print: aligned tables for people, JSON for programs. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include <kwire/message.h>

/* Rows of text; a column is as wide as its widest cell. */
struct out_table {
	const char *const *heads; /* NULL-terminated; one that begins with '>' is right-aligned */
	int columns;
	char **cells;
	size_t count, capacity;
};

void out_table_init(struct out_table *table, const char *const *heads);

/* Adds the next cell, row by row.  Without memory the program ends. */
void out_cell(struct out_table *table, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Prints the table, its head in bold where `bold`, and empties it. */
void out_table_print(struct out_table *table, bool bold);

/* Prints `value`, and gives it up. */
void out_json(json_t *value);

/* A JSON string, null for the null string; bytes that are not UTF-8 become '?'. */
json_t *out_json_string(struct kwire_string string);
json_t *out_json_text(const char *text);

/* As C text; "-" for the null string.  Static storage for the next few calls. */
const char *out_text(struct kwire_string string);

#endif
