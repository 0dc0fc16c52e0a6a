/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kwire-import: one of Kafka's message schemas on standard input, its facts on
 * standard output: names, types, versions, nullability, tags, defaults and
 * flags, without prose and comments, in one fixed layout.  Run by
 * tools/import/import for each file; a key that it does not know is an error,
 * so that a new Kafka cannot lose a fact unnoticed.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is written, in this order. */
static const char *const message_keys[] = {
	"apiKey",           "type",   "name",          "listeners", "validVersions",
	"flexibleVersions", "fields", "commonStructs", NULL,
};
static const char *const message_keys_before_versions[] = {"latestVersionUnstable", NULL};
static const char *const struct_keys[] = {"name", "versions", "fields", NULL};
static const char *const field_keys[] = {
	"name",           "type",     "versions",   "nullableVersions",
	"taggedVersions", "tag",      "ignorable",  "default",
	"mapKey",         "zeroCopy", "entityType", "flexibleVersions",
	"fields",         NULL,
};
/* What is left behind. */
static const char *const dropped_keys[] = {"about", "deprecatedVersions", NULL};

static const char *file_name;

static _Noreturn void fail(const char *what, const char *detail)
{
	fprintf(stderr, "%s: %s%s\n", file_name, what, detail);
	exit(1);
}

static bool listed(const char *const *keys, const char *key)
{
	for (; *keys != NULL; keys++)
		if (strcmp(*keys, key) == 0)
			return true;
	return false;
}

static char *read_all(FILE *file)
{
	size_t size = 0, capacity = 1 << 16;
	char *text = malloc(capacity);

	while (text != NULL && !feof(file) && !ferror(file)) {
		size += fread(text + size, 1, capacity - size - 1, file);
		if (size + 1 == capacity)
			text = realloc(text, capacity *= 2);
	}
	if (text == NULL || ferror(file))
		fail("cannot be read", "");
	text[size] = '\0';
	return text;
}

/* Kafka's files have comments to the end of the line, which JSON has not. */
static void blank_comments(char *text)
{
	bool string = false;

	for (; *text != '\0'; text++) {
		if (string && *text == '\\' && text[1] != '\0')
			text++;
		else if (*text == '"')
			string = !string;
		else if (!string && text[0] == '/' && text[1] == '/')
			for (; *text != '\0' && *text != '\n'; text++)
				*text = ' ';
		if (*text == '\0')
			break;
	}
}

static void check_keys(json_t *object, const char *const *keys, const char *const *more)
{
	const char *key;
	json_t *value;

	if (!json_is_object(object))
		fail("an object was expected", "");
	json_object_foreach(object, key, value)
	{
		if (!listed(keys, key) && !(more != NULL && listed(more, key)) &&
		    !listed(dropped_keys, key))
			fail("unknown key ", key);
	}
}

static void write_scalar(json_t *value)
{
	char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);

	if (text == NULL)
		fail("a value cannot be written", "");
	for (const char *at = text; *at != '\0'; at++) {
		putchar(*at);
		if (*at == ',' && json_is_array(value))
			putchar(' ');
	}
	free(text);
}

static void write_list(json_t *list, const char *const *keys, int depth);

/* The members of an object that are there, in the fixed order; true if any. */
static bool write_members(json_t *object, const char *const *keys, bool any, int depth,
			  const char *separator)
{
	for (; *keys != NULL; keys++) {
		json_t *value = json_object_get(object, *keys);

		if (value == NULL)
			continue;
		printf("%s\"%s\": ", any ? separator : "", *keys);
		any = true;
		if (strcmp(*keys, "fields") == 0)
			write_list(value, field_keys, depth + 1);
		else if (strcmp(*keys, "commonStructs") == 0)
			write_list(value, struct_keys, depth + 1);
		else
			write_scalar(value);
	}
	return any;
}

/* One line for each element, but for the elements' own lists. */
static void write_list(json_t *list, const char *const *keys, int depth)
{
	json_t *element;
	size_t i;

	if (!json_is_array(list))
		fail("a list was expected", "");
	putchar('[');
	json_array_foreach(list, i, element)
	{
		check_keys(element, keys, NULL);
		printf("%s\n%*s{", i > 0 ? "," : "", 2 * depth, "");
		write_members(element, keys, false, depth, ", ");
		putchar('}');
	}
	if (json_array_size(list) > 0)
		printf("\n%*s", 2 * (depth - 1), "");
	putchar(']');
}

int main(int argc, char **argv)
{
	json_error_t error;
	char *text;
	json_t *message;
	bool any;

	file_name = argc > 1 ? argv[1] : "standard input";
	text = read_all(stdin);
	blank_comments(text);
	message = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	if (message == NULL) {
		fprintf(stderr, "%s:%d: %s\n", file_name, error.line, error.text);
		free(text);
		return 1;
	}
	check_keys(message, message_keys, message_keys_before_versions);
	printf("{\n  ");
	any = write_members(message, message_keys_before_versions, false, 1, ",\n  ");
	write_members(message, message_keys, any, 1, ",\n  ");
	printf("\n}\n");
	json_decref(message);
	free(text);
	return fflush(stdout) == 0 ? 0 : 1;
}
