/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `kwire config`: every property with its value, as -X and -F leave it.  Its
 * --markdown is docs/configuration.md.
 */
#include <stdio.h>
#include <string.h>

#include "config/markdown.h"

#include "cli.h"
#include "output.h"

enum {
	MARKDOWN
};

static const struct cli_option options[] = {
	{"markdown", 0, NULL, "the text of docs/configuration.md"},
	{NULL, 0, NULL, NULL},
};

static bool wanted(const struct cli *cli, const char *name)
{
	for (int i = 0; i < cli->operand_count; i++)
		if (strcmp(cli->operands[i], name) == 0)
			return true;
	return cli->operand_count == 0;
}

static bool is_property(const char *name)
{
	struct kwire_property property;

	for (size_t i = 0; kwire_config_property(i, &property); i++)
		if (strcmp(property.name, name) == 0)
			return true;
	return false;
}

/* The value as text; what does not fit is cut, as a certificate would be. */
static const char *value_of(const struct cli *cli, const char *name, char *text, size_t size)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	int result = kwire_config_get(cli->config, name, text, size, &error);

	if (result == KWIRE_ETOOLARGE && size > 4)
		memset(text + strlen(text) - 3, '.', 3);
	else if (result != KWIRE_OK)
		snprintf(text, size, "?");
	return text;
}

static void print_markdown(void *context, const char *text, size_t size)
{
	(void)context;
	fwrite(text, 1, size, stdout);
}

static int print_json(const struct cli *cli)
{
	json_t *list = json_array();
	struct kwire_property property;
	char value[4096];

	for (size_t i = 0; kwire_config_property(i, &property); i++)
		if (wanted(cli, property.name))
			json_array_append_new(
				list,
				json_pack("{ss ss ss ss ss ss}", "name", property.name, "value",
					  value_of(cli, property.name, value, sizeof(value)),
					  "default", property.default_value, "type", property.type,
					  "range", property.range, "description",
					  property.description));
	out_json(json_pack("{so}", "properties", list));
	return CLI_OK;
}

/* One property, in full. */
static void print_property(const struct cli *cli, const struct kwire_property *property)
{
	char value[4096];

	printf("%s = %s\n", property->name, value_of(cli, property->name, value, sizeof(value)));
	printf("  %s%s%s, default %s\n  %s\n", property->type, *property->range ? ": " : "",
	       property->range, *property->default_value ? property->default_value : "empty",
	       property->description);
}

static int run(struct cli *cli)
{
	static const char *const heads[] = {"PROPERTY", "VALUE", "DEFAULT", "RANGE", NULL};
	struct kwire_property property;
	struct out_table table;
	char value[48];

	if (cli->values[MARKDOWN] != NULL) {
		kw_config_markdown(print_markdown, NULL);
		return CLI_OK;
	}
	for (int i = 0; i < cli->operand_count; i++)
		if (!is_property(cli->operands[i]))
			return cli_usage(cli, "no property '%s'", cli->operands[i]);
	if (cli->json)
		return print_json(cli);
	out_table_init(&table, heads);
	for (size_t i = 0; kwire_config_property(i, &property); i++) {
		if (cli->operand_count > 0) {
			if (wanted(cli, property.name))
				print_property(cli, &property);
			continue;
		}
		value_of(cli, property.name, value, sizeof(value));
		out_cell(&table, "%s", property.name);
		out_cell(&table, "%s", *value ? value : "-");
		out_cell(&table, "%s",
			 strcmp(value, property.default_value) == 0 ? "=" : property.default_value);
		out_cell(&table, "%s", property.range);
	}
	if (cli->operand_count == 0)
		out_table_print(&table, cli->terminal);
	return CLI_OK;
}

const struct cli_command cli_config = {
	.name = "config",
	.operands = "[PROPERTY...]",
	.summary = "Shows the properties, as -X and -F set them",
	.details = "\nAll of them in a table, or those named in full.  Secrets are not shown.  An\n"
		   "error in a property or a file is wrong usage: exit 2.\n",
	.options = options,
	.most_operands = -1,
	.offline = true,
	.run = run,
};
