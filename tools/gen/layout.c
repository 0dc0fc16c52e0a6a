/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sizes: the least that a struct takes on the wire, which bounds the counts of
 * arrays before anything is allocated, and what decoding costs in memory, at
 * worst and usually.  Memory is that of a 64-bit target; others need less.
 */
#include "schema.h"

static int wire_size(enum base_type type)
{
	switch (type) {
	case TYPE_BOOL:
	case TYPE_INT8:
		return 1;
	case TYPE_INT16:
	case TYPE_UINT16:
		return 2;
	case TYPE_INT32:
	case TYPE_UINT32:
		return 4;
	case TYPE_INT64:
	case TYPE_FLOAT64:
		return 8;
	case TYPE_UUID:
		return 16;
	default:
		return 0;
	}
}

static bool within(int version, struct versions versions)
{
	return version >= versions.low && version <= versions.high;
}

static int smallest_struct(const struct message *message, const struct struct_spec *spec,
			   int version);

static int smallest_field(const struct message *message, const struct field *field, int version)
{
	bool flexible = within(version, message->flexible) && !field->plain;

	if (!within(version, field->versions) || within(version, field->tagged))
		return 0;
	if (field->array || field->type == TYPE_BYTES || field->type == TYPE_RECORDS)
		return flexible ? 1 : 4;
	if (field->type == TYPE_STRING)
		return flexible ? 1 : 2;
	if (field->type != TYPE_STRUCT)
		return wire_size(field->type);
	if (within(version, field->nullable))
		return 1;
	return smallest_struct(message, field->struct_, version);
}

static int smallest_struct(const struct message *message, const struct struct_spec *spec,
			   int version)
{
	int size = within(version, message->flexible) ? 1 : 0;

	for (int i = 0; i < spec->count; i++)
		size += smallest_field(message, &spec->fields[i], version);
	return size;
}

int smallest_wire_size(const struct message *message, const struct struct_spec *spec)
{
	int smallest = -1;

	for (int version = spec->used.low; version <= spec->used.high; version++) {
		int size = smallest_struct(message, spec, version);

		if (smallest < 0 || size < smallest)
			smallest = size;
	}
	return smallest > 0 ? smallest : 1;
}

/* --- memory ----------------------------------------------------------- */

struct layout {
	int size;
	int alignment;
};

static struct layout struct_layout(const struct struct_spec *spec);

static struct layout field_layout(const struct field *field)
{
	struct layout words = {16, 8}; /* pointer and int32: string, bytes, array */
	struct layout layout = {8, 8};

	if (field->array || field->type == TYPE_STRING || field->type == TYPE_BYTES ||
	    field->type == TYPE_RECORDS)
		return words;
	if (field->pointer)
		return layout;
	if (field->type == TYPE_STRUCT)
		return struct_layout(field->struct_);
	layout.size = layout.alignment = wire_size(field->type);
	if (field->type == TYPE_UUID)
		layout.alignment = 1;
	return layout;
}

static int rounded(int size, int alignment)
{
	return (size + alignment - 1) / alignment * alignment;
}

static struct layout struct_layout(const struct struct_spec *spec)
{
	struct layout layout = {0, 1};

	for (int i = 0; i < spec->count; i++) {
		struct layout field = field_layout(&spec->fields[i]);

		layout.size = rounded(layout.size, field.alignment) + field.size;
		if (field.alignment > layout.alignment)
			layout.alignment = field.alignment;
	}
	if (spec->flexible) {
		layout.size = rounded(layout.size, 8) + 8;
		layout.alignment = 8;
	}
	layout.size = rounded(layout.size, layout.alignment);
	return layout;
}

static int upwards(int bytes, int per)
{
	return (bytes + per - 1) / per;
}

static int element_size(const struct field *field)
{
	struct field element = *field;

	element.array = false;
	element.pointer = false;
	return field_layout(&element).size;
}

/* Bytes that one byte on the wire can cost at most: all elements at their smallest. */
int memory_ratio(const struct message *message)
{
	int ratio = 1;

	for (int i = 0; i < message->struct_count; i++) {
		const struct struct_spec *spec = message->structs[i];

		/* Unknown tags: a list of 16 bytes, 24 for each; each takes 2 bytes at least. */
		if (spec->flexible && ratio < (16 + 24) / 2)
			ratio = (16 + 24) / 2;
		for (int k = 0; k < spec->count; k++) {
			const struct field *field = &spec->fields[k];
			int least = 1, cost;

			if (!field->array && !field->pointer)
				continue;
			if (field->type == TYPE_STRUCT)
				least = smallest_wire_size(message, field->struct_);
			else if (wire_size(field->type) > 0)
				least = wire_size(field->type);
			cost = upwards(rounded(element_size(field), 8), least);
			if (cost > ratio)
				ratio = cost;
		}
	}
	return ratio;
}

/* A message of the usual shape: what it takes on the wire, and besides its struct in memory. */
struct usual {
	double wire;
	double memory;
};

static struct usual usual_struct(const struct message *message, const struct struct_spec *spec,
				 int depth);

static struct usual usual_field(const struct message *message, const struct field *field, int depth)
{
	int count = field->type == TYPE_STRUCT ? (depth == 0 ? 16 : 4) : 3;
	struct usual usual = {0, 0}, element = {0, 0};

	if (!within(message->valid.high, field->versions) || field->tag >= 0)
		return usual;
	if (field->type == TYPE_STRUCT)
		element = usual_struct(message, field->struct_, depth + 1);
	else if (field->type == TYPE_STRING)
		element.wire = versions_none(field->nullable) ? 13 : 7;
	else if (field->type == TYPE_BYTES)
		element.wire = 34;
	else if (field->type == TYPE_RECORDS)
		element.wire = 1024;
	else
		element.wire = wire_size(field->type);
	if (!field->array) {
		if (field->pointer)
			element.memory += element_size(field);
		return element;
	}
	usual.wire = 1 + count * element.wire;
	usual.memory = rounded(count * element_size(field), 8) + count * element.memory;
	return usual;
}

static struct usual usual_struct(const struct message *message, const struct struct_spec *spec,
				 int depth)
{
	struct usual usual = {spec->flexible ? 1 : 0, 0};

	for (int i = 0; i < spec->count; i++) {
		struct usual field = usual_field(message, &spec->fields[i], depth);

		usual.wire += field.wire;
		usual.memory += field.memory;
	}
	return usual;
}

/* Bytes that 16 bytes on the wire cost usually, and a quarter more. */
int memory_guess(const struct message *message)
{
	struct usual usual = usual_struct(message, message->root, 0);

	return usual.wire > 0 ? (int)(16 * 1.25 * usual.memory / usual.wire + 0.999) : 0;
}
