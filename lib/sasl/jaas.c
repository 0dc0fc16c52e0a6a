/* SPDX-License-Identifier: Apache-2.0 */
/* See jaas.h. */
#include "jaas.h"

#include <string.h>

#include "../base/error.h"

/* One `name=value` of the line; value still escaped, without its quotes. */
struct option {
	const char *name;
	size_t name_size;
	const char *value;
	size_t value_size;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static const char *skip_spaces(const char *at)
{
	while (is_space(*at))
		at++;
	return at;
}

static const char *skip_word(const char *at)
{
	while (*at != '\0' && !is_space(*at) && *at != '=' && *at != ';' && *at != '"')
		at++;
	return at;
}

static int malformed(struct kwire_error *error, const char *what)
{
	return kw_fail_in(error, KWIRE_ECONFIG, KWIRE_PHASE_NONE, "sasl.jaas.config: %s", what);
}

/* Skips "<class> required"; NULL with `error` filled when that is not there. */
static const char *skip_head(const char *line, struct kwire_error *error)
{
	static const char *const flags[] = {"required", "requisite", "sufficient", "optional"};
	const char *at = skip_spaces(line);
	const char *end = skip_word(at);

	if (end == at) {
		malformed(error, "a login module's class name is expected first");
		return NULL;
	}
	at = skip_spaces(end);
	end = skip_word(at);
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if ((size_t)(end - at) == strlen(flags[i]) &&
		    memcmp(at, flags[i], (size_t)(end - at)) == 0)
			return end;
	malformed(error, "\"required\" is expected after the class name");
	return NULL;
}

/* The next option from `*at` on.  1: one; 0: the line is over; else a result. */
static int next_option(const char **at, struct option *option, struct kwire_error *error)
{
	const char *from = skip_spaces(*at);
	char quote;

	if (*from == ';') {
		from = skip_spaces(from + 1);
		return *from == '\0' ? 0 : malformed(error, "only one login module is read");
	}
	if (*from == '\0')
		return malformed(error, "a semicolon is missing at the end");
	option->name = from;
	from = skip_word(from);
	option->name_size = (size_t)(from - option->name);
	from = skip_spaces(from);
	if (option->name_size == 0 || *from != '=')
		return malformed(error, "an option is expected as name=\"value\"");
	from = skip_spaces(from + 1);
	quote = *from == '"' || *from == '\'' ? *from : '\0';
	if (quote == '\0') {
		option->value = from;
		from = skip_word(from);
		option->value_size = (size_t)(from - option->value);
	} else {
		option->value = ++from;
		while (*from != '\0' && *from != quote)
			from += from[0] == '\\' && from[1] != '\0' ? 2 : 1;
		if (*from == '\0')
			return malformed(error, "a quote is not closed");
		option->value_size = (size_t)(from - option->value);
		from++;
	}
	*at = from;
	return 1;
}

static char *unescape(struct kw_memory *memory, const char *value, size_t size)
{
	char *text = kw_alloc(memory, size + 1);
	size_t out = 0;

	if (text == NULL)
		return NULL;
	for (size_t i = 0; i < size; i++) {
		if (value[i] == '\\' && i + 1 < size)
			i++;
		text[out++] = value[i];
	}
	text[out] = '\0';
	return text;
}

int kw_jaas_each(struct kw_memory *memory, const char *line, const char *prefix,
		 int (*each)(void *context, const char *name, const char *value), void *context,
		 struct kwire_error *error)
{
	size_t prefix_size = strlen(prefix);
	const char *at = skip_head(line, error);
	struct option option = {NULL, 0, NULL, 0};
	int result = at == NULL ? KWIRE_ECONFIG : 1;

	while (result == 1 && (result = next_option(&at, &option, error)) == 1) {
		char *name, *value;

		if (each == NULL || option.name_size < prefix_size ||
		    memcmp(option.name, prefix, prefix_size) != 0)
			continue;
		name = kw_strndup(memory, option.name + prefix_size,
				  option.name_size - prefix_size);
		value = unescape(memory, option.value, option.value_size);
		if (name == NULL || value == NULL) {
			result = kw_fail_memory(error);
		} else {
			result = each(context, name, value);
			result = result == 0 ? 1 : result;
		}
		if (value != NULL)
			kw_wipe(value, option.value_size);
		kw_free(name);
		kw_free(value);
	}
	return result;
}

int kw_jaas_check(const char *line, struct kwire_error *error)
{
	return kw_jaas_each(NULL, line, "", NULL, NULL, error);
}

struct wanted {
	struct kw_memory *memory;
	char *value;
};

static int keep_exact(void *context, const char *rest, const char *value)
{
	struct wanted *wanted = context;

	if (*rest != '\0' || wanted->value != NULL)
		return 0;
	wanted->value = kw_strdup(wanted->memory, value);
	return wanted->value == NULL ? KWIRE_ENOMEM : 0;
}

int kw_jaas_option(struct kw_memory *memory, const char *line, const char *name, char **value,
		   struct kwire_error *error)
{
	struct wanted wanted = {memory, NULL};
	int result = kw_jaas_each(memory, line, name, keep_exact, &wanted, error);

	if (result != 0) {
		if (wanted.value != NULL)
			kw_wipe(wanted.value, strlen(wanted.value));
		kw_free(wanted.value);
		return result == KWIRE_ENOMEM ? kw_fail_memory(error) : result;
	}
	*value = wanted.value;
	return KWIRE_OK;
}
