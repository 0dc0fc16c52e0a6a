/* SPDX-License-Identifier: Apache-2.0 */
/* The decoders of a message: one static function a struct, fields in the schema's order. */
#include "out.h"

#include <stdlib.h>
#include <string.h>

/* The expression that reads a field that is no struct. */
static const char *get_value(const struct field *field, const char *nullable)
{
	const char *codec = codec_name(field);
	const char *name = field->c_name;

	if (field->array)
		return text("kw_get_%s_array(reader, %s, \"%s\")", codec, nullable, name);
	if (field->plain)
		return text("kw_get_plain_%s(reader, %s, \"%s\")", codec, nullable, name);
	if (field->type < TYPE_STRING || strcmp(nullable, "false") == 0)
		return text("kw_get_%s(reader, \"%s\")", codec, name);
	return text("kw_get_nullable_%s(reader, %s, \"%s\")", codec, nullable, name);
}

static void get_failed(struct out *out, int depth, const char *name, const char *index)
{
	line(out, depth, "if (kw_get_failed(reader, \"%s\", %s))", name, index);
	line(out, depth + 1, "return;");
}

/* Elements of an array of structs: count and items are set already. */
static void get_elements(struct out *out, int depth, const struct field *field)
{
	line(out, depth, "for (int32_t i = 0; i < message->%s.count; i++) {", field->c_name);
	line(out, depth + 1, "get_%s(reader, &message->%s.items[i], version);",
	     field->struct_->short_name, field->c_name);
	get_failed(out, depth + 1, field->c_name, "i");
	line(out, depth, "}");
}

static void get_array(struct out *out, int depth, const struct message *message,
		      const struct field *field, const char *nullable)
{
	const char *name = field->c_name;

	line(out, depth,
	     "message->%s.items = kw_get_array(reader, &message->%s.count, "
	     "sizeof(*message->%s.items), %d, %s, \"%s\");",
	     name, name, name, smallest_wire_size(message, field->struct_), nullable, name);
}

static void set_default(struct out *out, int depth, const struct field *field)
{
	const char *name = field->c_name;

	if (field->type == TYPE_STRUCT && field->array) {
		line(out, depth, "message->%s.items = NULL;", name);
		line(out, depth, "message->%s.count = %d;", name, field->value.null ? -1 : 0);
	} else {
		line(out, depth, "message->%s = %s;", name, default_expression(field));
	}
}

/* A nullable struct that may be there; the pointer is null already. */
static void get_optional(struct out *out, int depth, const struct field *field, const char *present,
			 const char *nullable, bool tagged)
{
	const char *name = field->c_name;

	if (present[0] != '\0')
		line(out, depth, "if (%s)", present);
	line(out, depth + (present[0] != '\0' ? 1 : 0),
	     "message->%s = kw_get_%spresent(reader, sizeof(*message->%s), %s, \"%s\");", name,
	     tagged ? "tagged_" : "", name, nullable, name);
	line(out, depth, "if (message->%s != NULL)", name);
	line(out, depth + 1, "get_%s(reader, message->%s, version);", field->struct_->short_name,
	     name);
	get_failed(out, depth, name, "-1");
}

static void get_inline(struct out *out, int depth, const struct field *field)
{
	line(out, depth, "get_%s(reader, &message->%s, version);", field->struct_->short_name,
	     field->c_name);
	get_failed(out, depth, field->c_name, "-1");
}

static void decode_struct_field(struct out *out, const struct message *message,
				const struct field *field, const char *present,
				const char *nullable)
{
	if (field->array) {
		if (present[0] != '\0') {
			set_default(out, 1, field);
			line(out, 1, "if (%s)", present);
		}
		get_array(out, present[0] != '\0' ? 2 : 1, message, field, nullable);
		get_elements(out, 1, field);
	} else if (field->pointer) {
		if (present[0] != '\0')
			set_default(out, 1, field);
		get_optional(out, 1, field, present, nullable, false);
	} else if (present[0] != '\0') {
		set_default(out, 1, field);
		line(out, 1, "if (%s)", present);
		line(out, 2, "get_%s(reader, &message->%s, version);", field->struct_->short_name,
		     field->c_name);
		get_failed(out, 1, field->c_name, "-1");
	} else {
		get_inline(out, 1, field);
	}
}

static void decode_field(struct out *out, const struct message *message,
			 const struct struct_spec *spec, const struct field *field)
{
	struct versions here = versions_both(untagged(field), spec->used);
	const char *present, *nullable;

	if (versions_none(here)) {
		set_default(out, 1, field);
		return;
	}
	present = guard(untagged(field), spec->used);
	nullable = guard_value(field->nullable, here);
	if (field->type == TYPE_STRUCT)
		decode_struct_field(out, message, field, present, nullable);
	else if (present[0] == '\0')
		line(out, 1, "message->%s = %s;", field->c_name, get_value(field, nullable));
	else
		line(out, 1, "message->%s = %s ? %s : %s;", field->c_name, present,
		     get_value(field, nullable), default_expression(field));
}

static void decode_tagged(struct out *out, const struct message *message,
			  const struct struct_spec *spec, const struct field *field)
{
	struct versions here = versions_both(field->tagged, spec->used);
	struct versions flexible = versions_both(message->flexible, spec->used);
	struct versions lacking = {flexible.low, here.low - 1};
	const char *nullable = guard_value(field->nullable, here);

	line(out, 2, "case %d:", field->tag);
	if (!versions_none(lacking)) {
		line(out, 3, "if (%s) {", guard(lacking, spec->used));
		line(out, 4, "kw_get_tag_refuse(reader, &tags, \"%s\");", field->c_name);
		line(out, 4, "return;");
		line(out, 3, "}");
	}
	if (field->type == TYPE_STRUCT && field->array) {
		get_array(out, 3, message, field, nullable);
		get_elements(out, 3, field);
	} else if (field->pointer) {
		get_optional(out, 3, field, "", nullable, true);
	} else if (field->type == TYPE_STRUCT) {
		get_inline(out, 3, field);
	} else {
		line(out, 3, "message->%s = %s;", field->c_name, get_value(field, nullable));
	}
	line(out, 3, "break;");
}

static void decode_tags(struct out *out, const struct message *message,
			const struct struct_spec *spec)
{
	if (!spec->flexible)
		return;
	if (spec->tag_count == 0) {
		line(out, 1, "message->unknown_tags = kw_get_tags(reader);");
		return;
	}
	line(out, 1, "for (kw_get_tags_begin(reader, &tags); kw_get_tags_next(reader, &tags);)");
	line(out, 2, "switch (tags.tag) {");
	for (int tag = 0; tag < spec->tag_count; tag++)
		for (int i = 0; i < spec->count; i++)
			if (spec->fields[i].tag == tag)
				decode_tagged(out, message, spec, &spec->fields[i]);
	line(out, 2, "default:");
	line(out, 3, "kw_get_tag_keep(reader, &tags);");
	line(out, 2, "}");
	line(out, 1, "message->unknown_tags = tags.unknown;");
}

static void decode_struct(struct out *out, const struct message *message,
			  const struct struct_spec *spec)
{
	struct out body = {NULL, 0, 0};

	for (int i = 0; i < spec->count; i++)
		decode_field(&body, message, spec, &spec->fields[i]);
	decode_tags(&body, message, spec);
	put(out, "\n");
	line(out, 0,
	     "static void get_%s(struct kwire_reader *reader, struct %s *message, int16_t version)",
	     spec->short_name, spec->c_name);
	line(out, 0, "{");
	if (spec->flexible && spec->tag_count > 0)
		put(out, "\tstruct kw_get_tags tags;\n\n");
	if (body.text == NULL) {
		line(out, 1, "(void)reader;");
		line(out, 1, "(void)message;");
	}
	if (!uses_version(body.text))
		line(out, 1, "(void)version;");
	if (body.text != NULL)
		put(out, "%s", body.text);
	line(out, 0, "}");
	free(body.text);
}

void emit_decoders(struct out *out, const struct message *message)
{
	const struct struct_spec *root = message->root;

	for (int i = 0; i < message->struct_count; i++)
		decode_struct(out, message, message->structs[i]);
	put(out, "\n");
	line(out, 0,
	     "static void decode_%s(struct kwire_reader *reader, void *message, int16_t version)",
	     root->short_name);
	line(out, 0, "{");
	line(out, 1, "reader->flexible = %s;", guard_value(message->flexible, root->used));
	line(out, 1, "reader->version = version;");
	line(out, 1, "get_%s(reader, message, version);", root->short_name);
	line(out, 0, "}");
}
