/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking at the fields of a message through its description.  Shared by
 * equal.c, print.c and read.c; knows no JSON.
 */
#ifndef KW_JSON_VALUE_H
#define KW_JSON_VALUE_H

#include <kwire/describe.h>

/* Any of the arrays of a message: all have this form. */
struct kw_any_array {
	void *items;
	int32_t count;
};

/* The size of one element, or of a field that is no array. */
size_t kw_value_size(const struct kwire_field_description *field);

/* Whether a version has the field, may have it null, has it as a tag. */
bool kw_field_exists(const struct kwire_field_description *field, int16_t version);
bool kw_field_nullable(const struct kwire_field_description *field, int16_t version);
bool kw_field_tagged(const struct kwire_field_description *field, int16_t version);

/* Whether a field of the struct at `object` has its default. */
bool kw_field_is_default(const struct kwire_field_description *field,
			 const struct kwire_struct_description *structure, const void *object);

#endif
