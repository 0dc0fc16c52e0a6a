/* SPDX-License-Identifier: Apache-2.0 */
/* See value.h, and kwire_message_equal() in kwire/describe.h. */
#include "value.h"

#include <string.h>

static bool struct_equal(const struct kwire_struct_description *structure, const void *a,
			 const void *b);

size_t kw_value_size(const struct kwire_field_description *field)
{
	switch (field->type) {
	case KWIRE_TYPE_BOOL:
		return sizeof(bool);
	case KWIRE_TYPE_INT8:
		return sizeof(int8_t);
	case KWIRE_TYPE_INT16:
	case KWIRE_TYPE_UINT16:
		return sizeof(int16_t);
	case KWIRE_TYPE_INT32:
	case KWIRE_TYPE_UINT32:
		return sizeof(int32_t);
	case KWIRE_TYPE_INT64:
		return sizeof(int64_t);
	case KWIRE_TYPE_FLOAT64:
		return sizeof(double);
	case KWIRE_TYPE_UUID:
		return sizeof(struct kwire_uuid);
	case KWIRE_TYPE_STRING:
		return sizeof(struct kwire_string);
	case KWIRE_TYPE_BYTES:
	case KWIRE_TYPE_RECORDS:
		return sizeof(struct kwire_bytes);
	case KWIRE_TYPE_STRUCT:
		return field->structure->size;
	}
	return 0;
}

bool kw_field_exists(const struct kwire_field_description *field, int16_t version)
{
	return version >= field->low_version && version <= field->high_version;
}

bool kw_field_nullable(const struct kwire_field_description *field, int16_t version)
{
	return version >= field->low_null_version && version <= field->high_null_version;
}

bool kw_field_tagged(const struct kwire_field_description *field, int16_t version)
{
	return field->tag >= 0 && version >= field->low_tagged_version;
}

static bool block_equal(const void *a, int32_t a_size, const void *b, int32_t b_size)
{
	if (a == NULL || b == NULL)
		return a == NULL && b == NULL;
	return a_size == b_size && (a_size == 0 || memcmp(a, b, (size_t)a_size) == 0);
}

/* Floats are equal by their bits: a NaN equals itself, and 0.0 is not -0.0. */
static bool value_equal(const struct kwire_field_description *field, const void *a, const void *b)
{
	if (field->type == KWIRE_TYPE_STRING) {
		const struct kwire_string *x = a, *y = b;

		return block_equal(x->data, x->size, y->data, y->size);
	}
	if (field->type == KWIRE_TYPE_BYTES || field->type == KWIRE_TYPE_RECORDS) {
		const struct kwire_bytes *x = a, *y = b;

		return block_equal(x->data, x->size, y->data, y->size);
	}
	if (field->type == KWIRE_TYPE_STRUCT)
		return struct_equal(field->structure, a, b);
	return memcmp(a, b, kw_value_size(field)) == 0;
}

static bool array_equal(const struct kwire_field_description *field, const void *a, const void *b)
{
	size_t size = kw_value_size(field);
	struct kw_any_array x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	if (x.count != y.count)
		return false;
	for (int32_t i = 0; i < x.count; i++)
		if (!value_equal(field, (const char *)x.items + (size_t)i * size,
				 (const char *)y.items + (size_t)i * size))
			return false;
	return true;
}

/* Whether a field of two structs of one kind holds the same. */
static bool field_equal(const struct kwire_field_description *field, const void *a, const void *b)
{
	const char *x = (const char *)a + field->offset;
	const char *y = (const char *)b + field->offset;

	if (field->flags & KWIRE_FIELD_ARRAY)
		return array_equal(field, x, y);
	if (field->flags & KWIRE_FIELD_POINTER) {
		const void *inner_x, *inner_y;

		memcpy(&inner_x, x, sizeof(inner_x));
		memcpy(&inner_y, y, sizeof(inner_y));
		if (inner_x == NULL || inner_y == NULL)
			return inner_x == NULL && inner_y == NULL;
		return struct_equal(field->structure, inner_x, inner_y);
	}
	return value_equal(field, x, y);
}

/* The unknown tags of a struct, or NULL. */
static const struct kwire_tagged_fields *unknown_tags_of(
	const struct kwire_struct_description *structure, const void *object)
{
	const struct kwire_tagged_fields *tags;

	if (structure->unknown_tags_offset < 0)
		return NULL;
	memcpy(&tags, (const char *)object + structure->unknown_tags_offset, sizeof(tags));
	return tags != NULL && tags->count > 0 ? tags : NULL;
}

static bool tags_equal(const struct kwire_tagged_fields *a, const struct kwire_tagged_fields *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	if (a->count != b->count)
		return false;
	for (int32_t i = 0; i < a->count; i++)
		if (a->items[i].tag != b->items[i].tag ||
		    !block_equal(a->items[i].value.data, a->items[i].value.size,
				 b->items[i].value.data, b->items[i].value.size))
			return false;
	return true;
}

static bool struct_equal(const struct kwire_struct_description *structure, const void *a,
			 const void *b)
{
	for (int i = 0; i < structure->field_count; i++)
		if (!field_equal(&structure->fields[i], a, b))
			return false;
	return tags_equal(unknown_tags_of(structure, a), unknown_tags_of(structure, b));
}

bool kwire_message_equal(const struct kwire_description *description, const void *a, const void *b)
{
	return struct_equal(description->root, a, b);
}

bool kw_field_is_default(const struct kwire_field_description *field,
			 const struct kwire_struct_description *structure, const void *object)
{
	/* As codecs see it, -0.0 is the default 0.0. */
	if (field->type == KWIRE_TYPE_FLOAT64 && (field->flags & KWIRE_FIELD_ARRAY) == 0) {
		double value, wanted;

		memcpy(&value, (const char *)object + field->offset, sizeof(value));
		memcpy(&wanted, (const char *)structure->defaults + field->offset, sizeof(wanted));
		return value == wanted;
	}
	return field_equal(field, object, structure->defaults);
}
