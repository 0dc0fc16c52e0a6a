/* SPDX-License-Identifier: Apache-2.0 */
/* See output.h. */
#include "output.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *must(void *memory)
{
	if (memory == NULL) {
		fputs("kwire: out of memory\n", stderr);
		exit(1);
	}
	return memory;
}

void out_table_init(struct out_table *table, const char *const *heads)
{
	memset(table, 0, sizeof(*table));
	table->heads = heads;
	while (heads[table->columns] != NULL)
		table->columns++;
}

void out_cell(struct out_table *table, const char *format, ...)
{
	va_list arguments;
	char text[1024];

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (table->count == table->capacity) {
		table->capacity = table->capacity ? 2 * table->capacity : 64;
		table->cells = must(realloc(table->cells, table->capacity * sizeof(char *)));
	}
	table->cells[table->count++] = must(strdup(text));
}

/* Columns of a terminal that UTF-8 text takes: its characters, near enough. */
static int width_of(const char *text)
{
	int width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

static void print_cell(const char *text, int width, bool right, bool last)
{
	int padding = width - width_of(text);

	if (right)
		printf("%*s%s", padding, "", text);
	else
		printf("%s%*s", text, last ? 0 : padding, "");
	fputs(last ? "\n" : "  ", stdout);
}

void out_table_print(struct out_table *table, bool bold)
{
	int *widths = must(calloc((size_t)table->columns, sizeof(int)));
	int columns = table->columns;

	for (int i = 0; i < columns; i++)
		widths[i] = width_of(table->heads[i]) - (table->heads[i][0] == '>');
	for (size_t i = 0; i < table->count; i++) {
		int *widest = &widths[i % (size_t)columns];
		int width = width_of(table->cells[i]);

		if (width > *widest)
			*widest = width;
	}
	fputs(bold ? "\033[1m" : "", stdout);
	for (int i = 0; i < columns; i++) {
		bool right = table->heads[i][0] == '>';

		print_cell(table->heads[i] + right, widths[i], right, i == columns - 1);
	}
	fputs(bold ? "\033[0m" : "", stdout);
	for (size_t i = 0; i < table->count; i++) {
		int column = (int)(i % (size_t)columns);

		print_cell(table->cells[i], widths[column], table->heads[column][0] == '>',
			   column == columns - 1);
		free(table->cells[i]);
	}
	free(table->cells);
	free(widths);
	out_table_init(table, table->heads);
}

void out_json(json_t *value)
{
	must(value);
	json_dumpf(value, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
	putchar('\n');
	json_decref(value);
}

json_t *out_json_string(struct kwire_string string)
{
	json_t *value;
	char *copy;

	if (string.data == NULL)
		return json_null();
	value = json_stringn(string.data, (size_t)string.size);
	if (value != NULL)
		return value;
	copy = must(malloc((size_t)string.size + 1));
	for (int32_t i = 0; i < string.size; i++)
		copy[i] = (unsigned char)string.data[i] < 0x80 ? string.data[i] : '?';
	value = json_stringn(copy, (size_t)string.size);
	free(copy);
	return value;
}

json_t *out_json_text(const char *text)
{
	return text != NULL ? json_string(text) : json_null();
}

const char *out_text(struct kwire_string string)
{
	static char texts[8][512];
	static unsigned next;
	char *text = texts[next++ % 8];

	if (string.data == NULL)
		return "-";
	snprintf(text, sizeof(texts[0]), "%.*s", (int)string.size, string.data);
	return text;
}
