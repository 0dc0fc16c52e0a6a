/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `kwire --complete WORD...`: what may stand in the place of the last word,
 * one a line, for a shell's completion (tools/completion).  Prints nothing
 * where a file may stand, which the shell knows better.
 */
#include <stdio.h>
#include <string.h>

#include "cli.h"

/* The option that `word` is, in either list; NULL: none. */
static const struct cli_option *find_option(const struct cli_option *options, const char *word)
{
	for (; options != NULL && options->name != NULL; options++)
		if ((strncmp(word, "--", 2) == 0 && strcmp(word + 2, options->name) == 0) ||
		    (word[0] == '-' && word[1] != '\0' && word[1] == options->letter &&
		     word[2] == '\0'))
			return options;
	return NULL;
}

static void print_options(const struct cli_option *options)
{
	for (; options != NULL && options->name != NULL; options++)
		printf("--%s\n", options->name);
}

static void print_properties(void)
{
	struct kwire_property property;

	for (size_t i = 0; kwire_config_property(i, &property); i++)
		printf("%s=\n", property.name);
}

/* What a property may be: after NAME=, in however many words the shell made of it. */
static void print_values(const char *name)
{
	struct kwire_property property;

	for (size_t i = 0; kwire_config_property(i, &property); i++) {
		if (strcmp(property.name, name) != 0 || strchr(property.range, '|') == NULL)
			continue;
		for (char *at = property.range; *at != '\0'; at++)
			putchar(*at == '|' ? '\n' : *at);
		putchar('\n');
	}
}

static void print_apis(void)
{
	for (int i = 0; i < kwire_all_apis_count; i++)
		printf("%s\n", kwire_all_apis[i]->name);
}

static void complete_value(const struct cli_option *option)
{
	if (strcmp(option->name, "property") == 0)
		print_properties();
	else if (strcmp(option->name, "api") == 0)
		print_apis();
}

static void complete_in(const struct cli_command *command, char **words, int count)
{
	const char *last = words[count - 1];
	const char *before = count > 1 ? words[count - 2] : "";
	const struct cli_option *option = find_option(command->options, before);

	if (option == NULL)
		option = find_option(cli_common_options, before);
	/* -X NAME = VALUE, the shell's way. */
	if (count > 2 && strcmp(before, "=") == 0) {
		print_values(words[count - 3]);
	} else if (strcmp(last, "=") == 0) {
		print_values(before);
	} else if (option != NULL && option->value != NULL && option->value[0] != '[') {
		complete_value(option);
	} else if (last[0] == '-') {
		print_options(command->options);
		print_options(cli_common_options);
	} else if (strncmp(command->operands, "API", 3) == 0 ||
		   strncmp(command->operands, "[API", 4) == 0) {
		print_apis();
	} else if (strncmp(command->operands, "[PROPERTY", 9) == 0) {
		print_properties();
	}
}

int cli_complete(const struct cli_command *const *commands, int command_count, char **words,
		 int count)
{
	if (count <= 1) {
		for (int i = 0; i < command_count; i++)
			printf("%s\n", commands[i]->name);
		printf("--help\n--version\n");
		return CLI_OK;
	}
	for (int i = 0; i < command_count; i++)
		if (strcmp(commands[i]->name, words[0]) == 0)
			complete_in(commands[i], words + 1, count - 1);
	return CLI_OK;
}
