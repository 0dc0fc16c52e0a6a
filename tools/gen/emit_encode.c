/* SPDX-License-Identifier: Apache-2.0 */
/* The encoders of a message: one static function a struct, fields in the schema's order. */
#include "out.h"

#include <stdlib.h>
#include <string.h>

#define RUN_MAX 64 /* KW_WRITER_SPARE */

static void put_array(struct out *out, int depth, const struct field *field, const char *nullable)
{
	const char *name = field->c_name;

	line(out, depth,
	     "if (kw_put_count(writer, message->%s.items, message->%s.count, %s, \"%s\"))", name,
	     name, nullable, name);
	line(out, depth + 1, "for (int32_t i = 0; i < message->%s.count; i++) {", name);
	line(out, depth + 2, "put_%s(writer, &message->%s.items[i], version);",
	     field->struct_->short_name, name);
	line(out, depth + 2, "if (kw_put_failed(writer, \"%s\", i))", name);
	line(out, depth + 3, "return;");
	line(out, depth + 1, "}");
}

static void put_struct(struct out *out, int depth, const struct field *field, const char *nullable,
		       bool tagged)
{
	const char *name = field->c_name;
	int inner = depth + (field->pointer ? 1 : 0);

	if (field->pointer)
		line(out, depth, "if (kw_put_%spresent(writer, message->%s, %s, \"%s\")) {",
		     tagged ? "tagged_" : "", name, nullable, name);
	line(out, inner, "put_%s(writer, %smessage->%s, version);", field->struct_->short_name,
	     field->pointer ? "" : "&", name);
	line(out, inner, "if (kw_put_failed(writer, \"%s\", -1))", name);
	line(out, inner + 1, "return;");
	if (field->pointer)
		line(out, depth, "}");
}

/* Writes a field that is there; `used`: the versions in which this code runs. */
static void put_field(struct out *out, int depth, const struct field *field, struct versions used,
		      bool tagged)
{
	const char *nullable = guard_value(field->nullable, used);
	const char *codec = field->type == TYPE_STRUCT ? "" : codec_name(field);
	const char *name = field->c_name;

	if (field->type == TYPE_STRUCT && field->array)
		put_array(out, depth, field, nullable);
	else if (field->type == TYPE_STRUCT)
		put_struct(out, depth, field, nullable, tagged);
	else if (field->array)
		line(out, depth, "kw_put_%s_array(writer, &message->%s, %s, \"%s\");", codec, name,
		     nullable, name);
	else if (field->plain)
		line(out, depth, "kw_put_plain_%s(writer, message->%s, %s, \"%s\");", codec, name,
		     nullable, name);
	else if (field->type < TYPE_STRING)
		line(out, depth, "kw_put_%s(writer, message->%s);", codec, name);
	else if (strcmp(nullable, "false") == 0)
		line(out, depth, "kw_put_%s(writer, message->%s, \"%s\");", codec, name, name);
	else
		line(out, depth, "kw_put_nullable_%s(writer, message->%s, %s, \"%s\");", codec,
		     name, nullable, name);
}

/* Whether a field takes more than one statement to write. */
static bool is_block(const struct field *field)
{
	return field->type == TYPE_STRUCT && !field->array && !field->pointer;
}

static void encode_field(struct out *out, const struct struct_spec *spec, const struct field *field)
{
	struct versions here = versions_both(untagged(field), spec->used);
	const char *present = guard(untagged(field), spec->used);
	const char *known = guard(field->versions, spec->used);
	const char *test = default_test(field, text("message->%s", field->c_name));
	bool checked = known[0] != '\0' && !field->ignorable;
	bool braces = field->type == TYPE_STRUCT;

	if (!versions_none(here) && present[0] == '\0') {
		put_field(out, 1, field, here, false);
		return;
	}
	if (!versions_none(here)) {
		line(out, 1, "if (%s)%s", present, braces ? " {" : "");
		put_field(out, 2, field, here, false);
		if (checked && field->tag < 0) {
			line(out, 1, braces ? "} else {" : "else");
			line(out, 2, "kw_put_absent(writer, %s, \"%s\");", test, field->c_name);
			if (braces)
				line(out, 1, "}");
			return;
		}
		if (braces)
			line(out, 1, "}");
	}
	if (!checked)
		return;
	if (versions_none(versions_both(field->versions, spec->used))) {
		line(out, 1, "kw_put_absent(writer, %s, \"%s\");", test, field->c_name);
	} else {
		/* What a flexible version carries as a tag, others cannot carry. */
		struct versions lacking = {spec->used.low, field->versions.low - 1};

		line(out, 1, "if (%s)", guard(lacking, spec->used));
		line(out, 2, "kw_put_absent(writer, %s, \"%s\");", test, field->c_name);
	}
}

/* Bytes on the wire of a field of fixed size, where it is there; 0: it may need more code. */
static int fixed_size(const struct struct_spec *spec, const struct field *field)
{
	static const int sizes[] = {
		[TYPE_BOOL] = 1,  [TYPE_INT8] = 1,   [TYPE_INT16] = 2, [TYPE_UINT16] = 2,
		[TYPE_INT32] = 4, [TYPE_UINT32] = 4, [TYPE_INT64] = 8, [TYPE_UUID] = 16,
	};
	bool checked = guard(field->versions, spec->used)[0] != '\0' && !field->ignorable;

	if (field->type > TYPE_UUID || field->type == TYPE_FLOAT64 || field->array || checked ||
	    versions_none(versions_both(untagged(field), spec->used)))
		return 0;
	return sizes[field->type];
}

/* Stores a field of fixed size at `offset` of the piece. */
static void store_field(struct out *out, int depth, const struct field *field, int size, int offset)
{
	const char *at = offset > 0 ? text("piece.at + %d", offset) : "piece.at";

	if (field->type == TYPE_UUID)
		line(out, depth, "memcpy(%s, message->%s.bytes, 16);", at, field->c_name);
	else if (size == 1)
		line(out, depth, "piece.at[%d] = (uint8_t)message->%s;", offset, field->c_name);
	else
		line(out, depth, "kw_store%d(%s, (uint%d_t)message->%s);", size * 8, at, size * 8,
		     field->c_name);
}

/*
 * Fields of fixed size from the `first` on, the last perhaps not in every
 * version, as one piece; returns how many, 0 where there are not two.
 */
static int encode_run(struct out *out, const struct struct_spec *spec, int first)
{
	const char *last = "", *sum;
	int end = first, total = 0, offset = 0, size = 0;

	while (end < spec->count && last[0] == '\0' &&
	       (size = fixed_size(spec, &spec->fields[end])) > 0 && total + size <= RUN_MAX) {
		last = guard(untagged(&spec->fields[end++]), spec->used);
		total += size;
	}
	if (end < first + 2)
		return 0;
	sum = text("%d", total);
	if (last[0] != '\0') {
		size = fixed_size(spec, &spec->fields[end - 1]);
		sum = text("%s ? %d : %d", last, total, total - size);
	}
	line(out, 1, "piece = kw_put_begin(writer, %s);", sum);
	for (int i = first; i < end; i++) {
		bool guarded = i == end - 1 && last[0] != '\0';

		size = fixed_size(spec, &spec->fields[i]);
		if (guarded)
			line(out, 1, "if (%s)", last);
		store_field(out, guarded ? 2 : 1, &spec->fields[i], size, offset);
		offset += size;
	}
	line(out, 1, "kw_put_end(writer, piece);");
	return end - first;
}

static const struct field *tagged_field(const struct struct_spec *spec, int tag)
{
	for (int i = 0; i < spec->count; i++)
		if (spec->fields[i].tag == tag)
			return &spec->fields[i];
	return NULL;
}

static void encode_tags(struct out *out, const struct struct_spec *spec)
{
	const char *sum = "0";

	if (!spec->flexible)
		return;
	if (spec->tag_count == 0) {
		line(out, 1, "kw_put_tags(writer, message->unknown_tags);");
		return;
	}
	for (int tag = 0; tag < spec->tag_count; tag++) {
		const struct field *field = tagged_field(spec, tag);

		if (field == NULL)
			continue;
		sum = strcmp(sum, "0") == 0 ? text("(uint32_t)has_%s", field->c_name)
					    : text("%s + has_%s", sum, field->c_name);
	}
	line(out, 1, "if (!kw_put_tags_begin(writer, %s, message->unknown_tags))", sum);
	line(out, 2, "return;");
	for (int tag = 0; tag < spec->tag_count; tag++) {
		const struct field *field = tagged_field(spec, tag);
		bool braces;

		if (field == NULL)
			continue;
		braces = is_block(field);
		line(out, 1, "if (has_%s)", field->c_name);
		line(out, 2,
		     "for (struct kw_put_tag tag = kw_put_tag(%d); kw_put_tag_pass(writer, "
		     "&tag);)%s",
		     tag, braces ? " {" : "");
		put_field(out, 3, field, versions_both(field->tagged, spec->used), true);
		if (braces)
			line(out, 2, "}");
	}
	line(out, 1, "kw_put_tags_end(writer, message->unknown_tags, %d);", spec->tag_count);
}

/* Which tagged fields are set: what has its default is left out. */
static void declare_tags(struct out *out, const struct struct_spec *spec)
{
	bool any = false;

	for (int i = 0; i < spec->count; i++) {
		const struct field *field = &spec->fields[i];
		const char *test = default_test(field, text("message->%s", field->c_name));
		const char *when = guard(field->tagged, spec->used);

		if (field->tag < 0)
			continue;
		any = true;
		if (when[0] != '\0')
			line(out, 1, "bool has_%s = %s && !(%s);", field->c_name, when, test);
		else
			line(out, 1, "bool has_%s = !(%s);", field->c_name, test);
	}
	if (any)
		put(out, "\n");
}

static void encode_struct(struct out *out, const struct struct_spec *spec)
{
	struct out body = {NULL, 0, 0};
	bool runs = false;

	declare_tags(&body, spec);
	for (int i = 0, run; i<spec->count; i += run> 0 ? run : 1) {
		run = encode_run(&body, spec, i);
		runs |= run > 0;
		if (run == 0)
			encode_field(&body, spec, &spec->fields[i]);
	}
	encode_tags(&body, spec);
	put(out, "\n");
	line(out, 0,
	     "static void put_%s(struct kwire_writer *writer, const struct %s *message, int16_t "
	     "version)",
	     spec->short_name, spec->c_name);
	line(out, 0, "{");
	if (runs)
		line(out, 1, "struct kw_piece piece;\n");
	if (body.text == NULL) {
		line(out, 1, "(void)writer;");
		line(out, 1, "(void)message;");
	}
	if (!uses_version(body.text))
		line(out, 1, "(void)version;");
	if (body.text != NULL)
		put(out, "%s", body.text);
	line(out, 0, "}");
	free(body.text);
}

static void default_function(struct out *out, const struct struct_spec *spec)
{
	put(out, "\n");
	line(out, 0, "static bool is_default_%s(const struct %s *message)", spec->short_name,
	     spec->c_name);
	line(out, 0, "{");
	for (int i = 0; i < spec->count; i++) {
		const struct field *field = &spec->fields[i];

		line(out, 1, "if (!(%s))", default_test(field, text("message->%s", field->c_name)));
		line(out, 2, "return false;");
	}
	if (spec->flexible)
		line(out, 1, "return kw_no_tags(message->unknown_tags);");
	else
		line(out, 1, "return true;");
	line(out, 0, "}");
}

void emit_encoders(struct out *out, const struct message *message)
{
	const struct struct_spec *root = message->root;

	for (int i = 0; i < message->struct_count; i++) {
		if (message->structs[i]->needs_default)
			default_function(out, message->structs[i]);
		encode_struct(out, message->structs[i]);
	}
	put(out, "\n");
	line(out, 0,
	     "static void encode_%s(struct kwire_writer *writer, const void *message, int16_t "
	     "version)",
	     root->short_name);
	line(out, 0, "{");
	line(out, 1, "writer->flexible = %s;", guard_value(message->flexible, root->used));
	line(out, 1, "writer->version = version;");
	line(out, 1, "put_%s(writer, message, version);", root->short_name);
	line(out, 0, "}");
}
