/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptions of messages: the schema as constant data (kwire/describe.h). */
#include "out.h"

#include <string.h>

static const char *const type_names[] = {
	[TYPE_BOOL] = "BOOL",     [TYPE_INT8] = "INT8",       [TYPE_INT16] = "INT16",
	[TYPE_UINT16] = "UINT16", [TYPE_INT32] = "INT32",     [TYPE_UINT32] = "UINT32",
	[TYPE_INT64] = "INT64",   [TYPE_FLOAT64] = "FLOAT64", [TYPE_UUID] = "UUID",
	[TYPE_STRING] = "STRING", [TYPE_BYTES] = "BYTES",     [TYPE_RECORDS] = "RECORDS",
	[TYPE_STRUCT] = "STRUCT",
};

static const char *flags(const struct field *field)
{
	const char *result = "";

	if (field->array)
		result = "KWIRE_FIELD_ARRAY";
	if (field->pointer)
		result = "KWIRE_FIELD_POINTER";
	if (field->ignorable)
		result = *result ? text("%s | KWIRE_FIELD_IGNORABLE", result)
				 : "KWIRE_FIELD_IGNORABLE";
	return *result ? result : "0";
}

static void put_field(struct out *out, const struct struct_spec *spec, const struct field *field)
{
	struct versions null = versions_both(field->nullable, field->versions);

	if (versions_none(null))
		null = (struct versions){0, -1};
	line(out, 1,
	     "{\"%s\", \"%s\", KWIRE_TYPE_%s, %s, %d, %d, %d, %d, %d, %d, offsetof(struct %s, %s), "
	     "%s},",
	     field->c_name, field->json_name, type_names[field->type], flags(field),
	     field->versions.low, field->versions.high, null.low, null.high,
	     field->tag >= 0 ? field->tagged.low : VERSION_MAX, field->tag, spec->c_name,
	     field->c_name,
	     field->type == TYPE_STRUCT ? text("&%s_struct", field->struct_->short_name) : "NULL");
}

static void put_struct(struct out *out, const struct struct_spec *spec)
{
	put(out, "\n");
	line(out, 0, "static const struct %s %s_default = %s;", spec->c_name, spec->short_name,
	     spec->macro);
	if (spec->count > 0) {
		line(out, 0, "static const struct kwire_field_description %s_fields[] = {",
		     spec->short_name);
		for (int i = 0; i < spec->count; i++)
			put_field(out, spec, &spec->fields[i]);
		line(out, 0, "};");
	}
	line(out, 0, "static const struct kwire_struct_description %s_struct = {",
	     spec->short_name);
	line(out, 1, ".name = \"%s\",", spec->c_name);
	if (spec->count > 0)
		line(out, 1, ".fields = %s_fields,", spec->short_name);
	line(out, 1, ".field_count = %d,", spec->count);
	line(out, 1, ".size = sizeof(struct %s),", spec->c_name);
	if (spec->flexible)
		line(out, 1, ".unknown_tags_offset = offsetof(struct %s, unknown_tags),",
		     spec->c_name);
	else
		line(out, 1, ".unknown_tags_offset = -1,");
	line(out, 1, ".defaults = &%s_default,", spec->short_name);
	line(out, 0, "};");
}

void emit_description(const struct message *message, const char *header, const char *directory)
{
	static const char *const kinds[] = {"REQUEST", "RESPONSE", "HEADER", "DATA"};
	struct out out = {NULL, 0, 0};
	const char *name = snake_case(message->name);

	banner(&out, message->file, NULL);
	put(&out, "#include <kwire/api/%s.h>\n#include <kwire/describe.h>\n", header);
	for (int i = 0; i < message->struct_count; i++)
		put_struct(&out, message->structs[i]);
	put(&out, "\n");
	line(&out, 0, "const struct kwire_description kwire_%s_description = {", name);
	line(&out, 1, ".name = \"%s\",", message->name);
	line(&out, 1, ".kind = KWIRE_KIND_%s,", kinds[message->kind]);
	line(&out, 1, ".api_key = %d,", message->api_key);
	line(&out, 1, ".min_version = %d,", message->valid.low);
	line(&out, 1, ".max_version = %d,", message->valid.high);
	line(&out, 1, ".first_flexible_version = %d,",
	     versions_none(message->flexible) ? VERSION_MAX : message->flexible.low);
	line(&out, 1, ".root = &%s_struct,", message->root->short_name);
	line(&out, 0, "};");
	write_file(&out, directory, text("%s.c", name));
}

void emit_description_list(const struct schema *schema, const char *directory)
{
	struct out out = {NULL, 0, 0};
	int count = 0;

	banner(&out, "gen/schema",
	       "All descriptions by name; whoever refers to this links them all.");
	put(&out, "#include <string.h>\n\n#include <kwire/describe.h>\n\n");
	for (int i = 0; i < schema->message_count; i++)
		if (!schema->messages[i]->removed)
			line(&out, 0, "extern const struct kwire_description kwire_%s_description;",
			     snake_case(schema->messages[i]->name));
	put(&out, "\nconst struct kwire_description *const kwire_all_descriptions[] = {\n");
	for (int i = 0; i < schema->message_count; i++)
		if (!schema->messages[i]->removed) {
			line(&out, 1, "&kwire_%s_description,",
			     snake_case(schema->messages[i]->name));
			count++;
		}
	put(&out, "};\nconst int kwire_all_descriptions_count = %d;\n", count);
	put(&out, "\nconst struct kwire_description *kwire_describe(const char *name)\n{\n"
		  "\tfor (int i = 0; i < kwire_all_descriptions_count; i++)\n"
		  "\t\tif (strcmp(kwire_all_descriptions[i]->name, name) == 0)\n"
		  "\t\t\treturn kwire_all_descriptions[i];\n"
		  "\treturn NULL;\n}\n");
	write_file(&out, directory, "all_descriptions.c");
}
