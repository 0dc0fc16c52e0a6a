/* SPDX-License-Identifier: Apache-2.0 */
/* `kwire apis`: the APIs that kwire knows, and what their messages are made of. */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "messages.h"
#include "output.h"

static const char *type_name(enum kwire_type type)
{
	static const char *const names[] = {
		[KWIRE_TYPE_BOOL] = "bool",     [KWIRE_TYPE_INT8] = "int8",
		[KWIRE_TYPE_INT16] = "int16",   [KWIRE_TYPE_UINT16] = "uint16",
		[KWIRE_TYPE_INT32] = "int32",   [KWIRE_TYPE_UINT32] = "uint32",
		[KWIRE_TYPE_INT64] = "int64",   [KWIRE_TYPE_FLOAT64] = "float64",
		[KWIRE_TYPE_UUID] = "uuid",     [KWIRE_TYPE_STRING] = "string",
		[KWIRE_TYPE_BYTES] = "bytes",   [KWIRE_TYPE_RECORDS] = "records",
		[KWIRE_TYPE_STRUCT] = "object",
	};

	return (size_t)type < sizeof(names) / sizeof(names[0]) ? names[type] : "?";
}

/* "0-12", "3+" where there is no end in sight, "-" for none. */
static const char *range_text(int low, int high, int highest, char text[24])
{
	if (low > high || low > highest)
		return "-";
	if (high >= highest)
		snprintf(text, 24, "%d+", low);
	else
		snprintf(text, 24, low == high ? "%d" : "%d-%d", low, high);
	return text;
}

static void add_fields(struct out_table *table, const struct kwire_struct_description *structure,
		       int depth, int highest)
{
	for (int i = 0; i < structure->field_count; i++) {
		const struct kwire_field_description *field = &structure->fields[i];
		char text[24];

		out_cell(table, "%*s%s", 2 * depth, "", field->json_name);
		out_cell(table, "%s%s", field->flags & KWIRE_FIELD_ARRAY ? "[]" : "",
			 type_name(field->type));
		out_cell(table, "%s",
			 range_text(field->low_version, field->high_version, highest, text));
		out_cell(table, "%s",
			 range_text(field->low_null_version, field->high_null_version, highest,
				    text));
		if (field->tag >= 0)
			out_cell(table, "tag %d", field->tag);
		else
			out_cell(table, "%s", "");
		out_cell(table, "%s", field->flags & KWIRE_FIELD_IGNORABLE ? "ignorable" : "");
		if (field->structure != NULL)
			add_fields(table, field->structure, depth + 1, highest);
	}
}

static void print_message(const struct cli *cli, const struct kwire_description *description)
{
	static const char *const heads[] = {"FIELD", "TYPE", "VERSIONS", "NULL IN", "", "", NULL};
	struct out_table table;

	printf("%s, versions %d-%d", description->name, description->min_version,
	       description->max_version);
	if (description->first_flexible_version <= description->max_version)
		printf(", flexible from %d", description->first_flexible_version);
	putchar('\n');
	out_table_init(&table, heads);
	add_fields(&table, description->root, 0, description->max_version);
	if (description->root->field_count > 0)
		out_table_print(&table, cli->terminal);
	else
		puts("(no fields)");
}

static json_t *fields_json(const struct kwire_struct_description *structure)
{
	json_t *list = json_array();

	for (int i = 0; i < structure->field_count; i++) {
		const struct kwire_field_description *field = &structure->fields[i];
		json_t *object = json_pack(
			"{ss ss sb sb si si}", "name", field->json_name, "type",
			type_name(field->type), "array", (field->flags & KWIRE_FIELD_ARRAY) != 0,
			"ignorable", (field->flags & KWIRE_FIELD_IGNORABLE) != 0, "minVersion",
			(int)field->low_version, "maxVersion", (int)field->high_version);

		if (field->low_null_version <= field->high_null_version)
			json_object_set_new(object, "nullableFrom",
					    json_integer(field->low_null_version));
		if (field->tag >= 0)
			json_object_set_new(object, "tag", json_integer(field->tag));
		if (field->structure != NULL)
			json_object_set_new(object, "fields", fields_json(field->structure));
		json_array_append_new(list, object);
	}
	return list;
}

static json_t *message_json(const struct kwire_description *description)
{
	return json_pack("{ss si si so}", "name", description->name, "minVersion",
			 (int)description->min_version, "maxVersion", (int)description->max_version,
			 "fields", fields_json(description->root));
}

static json_t *api_json(const struct kwire_api *api)
{
	return json_pack("{ss si si si}", "name", api->name, "key", (int)api->key, "minVersion",
			 (int)api->min_version, "maxVersion", (int)api->latest_stable_version);
}

static int list_apis(const struct cli *cli)
{
	static const char *const heads[] = {">KEY",      "API",       ">VERSIONS",
					    ">UNSTABLE", ">FLEXIBLE", NULL};
	json_t *list = json_array();
	struct out_table table;
	char text[24];

	out_table_init(&table, heads);
	for (int i = 0; i < kwire_all_apis_count; i++) {
		const struct kwire_api *api = kwire_all_apis[i];

		if (cli->json) {
			json_array_append_new(list, api_json(api));
			continue;
		}
		out_cell(&table, "%d", api->key);
		out_cell(&table, "%s", api->name);
		out_cell(&table, api->latest_stable_version >= api->min_version ? "%d-%d" : "-",
			 api->min_version, api->latest_stable_version);
		out_cell(&table, api->max_version > api->latest_stable_version ? "%d" : "-",
			 api->max_version);
		out_cell(
			&table, "%s",
			range_text(api->first_flexible_version, INT16_MAX, api->max_version, text));
	}
	if (cli->json) {
		out_json(json_pack("{so}", "apis", list));
		return CLI_OK;
	}
	json_decref(list);
	out_table_print(&table, cli->terminal);
	return CLI_OK;
}

static int run(struct cli *cli)
{
	json_t *list = json_array();

	if (cli->operand_count == 0) {
		json_decref(list);
		return list_apis(cli);
	}
	for (int i = 0; i < cli->operand_count; i++) {
		const char *word = cli->operands[i];
		const struct kwire_api *api = messages_api(word);
		const struct kwire_description *descriptions[2] = {NULL, NULL};
		struct kwire_message type;

		if (api != NULL) {
			descriptions[0] = messages_describe(api, false);
			descriptions[1] = messages_describe(api, true);
		} else if (!messages_find(word, &type, &descriptions[0])) {
			const char *nearest = messages_nearest_api(word);

			json_decref(list);
			return cli_usage(cli, "no API or message '%s'%s%s", word,
					 nearest ? "; nearest is " : "", nearest ? nearest : "");
		}
		for (int j = 0; j < 2 && descriptions[j] != NULL; j++) {
			if (cli->json) {
				json_array_append_new(list, message_json(descriptions[j]));
				continue;
			}
			fputs(i + j > 0 ? "\n" : "", stdout);
			print_message(cli, descriptions[j]);
		}
	}
	if (cli->json)
		out_json(json_pack("{so}", "messages", list));
	else
		json_decref(list);
	return CLI_OK;
}

const struct cli_command cli_apis = {
	.name = "apis",
	.operands = "[API...]",
	.summary = "Lists the APIs that kwire knows, or the fields of one",
	.details = "\nAn API by its name in Kafka or its key, or any message by its name\n"
		   "(ConsumerProtocolSubscription).  Asks no broker.\n",
	.most_operands = -1,
	.offline = true,
	.run = run,
};
