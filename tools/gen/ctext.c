/* SPDX-License-Identifier: Apache-2.0 */
/* See out.h: how types, defaults and version guards are written in C. */
#include "out.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *c_type;
	const char *codec;
} types[] = {
	[TYPE_BOOL] = {"bool", "bool"},
	[TYPE_INT8] = {"int8_t", "int8"},
	[TYPE_INT16] = {"int16_t", "int16"},
	[TYPE_UINT16] = {"uint16_t", "uint16"},
	[TYPE_INT32] = {"int32_t", "int32"},
	[TYPE_UINT32] = {"uint32_t", "uint32"},
	[TYPE_INT64] = {"int64_t", "int64"},
	[TYPE_FLOAT64] = {"double", "float64"},
	[TYPE_UUID] = {"struct kwire_uuid", "uuid"},
	[TYPE_STRING] = {"struct kwire_string", "string"},
	[TYPE_BYTES] = {"struct kwire_bytes", "bytes"},
	[TYPE_RECORDS] = {"struct kwire_bytes", "bytes"},
};

const char *codec_name(const struct field *field)
{
	return types[field->type].codec;
}

const char *c_type(const struct field *field)
{
	if (field->type == TYPE_STRUCT)
		return text("struct %s", field->struct_->c_name);
	if (field->array)
		return text("struct kwire_%s_array", codec_name(field));
	return types[field->type].c_type;
}

const char *guard(struct versions versions, struct versions used)
{
	if (versions_contain(versions, used))
		return "";
	if (versions.high >= used.high)
		return text("version >= %d", versions.low);
	if (versions.low <= used.low)
		return text("version <= %d", versions.high);
	if (versions.low == versions.high)
		return text("version == %d", versions.low);
	return text("version >= %d && version <= %d", versions.low, versions.high);
}

const char *guard_value(struct versions versions, struct versions used)
{
	const char *expression;

	if (versions_none(versions_both(versions, used)))
		return "false";
	expression = guard(versions, used);
	return expression[0] == '\0' ? "true" : expression;
}

static const char *integer(const struct field *field)
{
	int64_t value = field->value.integer;

	if (value == INT64_MIN)
		return "INT64_MIN";
	if (value == INT64_MAX)
		return "INT64_MAX";
	if (field->type == TYPE_INT32 && value == INT32_MIN)
		return "INT32_MIN";
	if (field->type == TYPE_UINT32)
		return text("%" PRId64 "u", value);
	if (value > INT32_MAX || value <= INT32_MIN)
		return text("INT64_C(%" PRId64 ")", value);
	return text("%" PRId64, value);
}

static const char *real(double value)
{
	const char *digits = text("%.17g", value);

	for (int precision = 1; precision < 17; precision++) {
		const char *shorter = text("%.*g", precision, value);
		double back;

		if (sscanf(shorter, "%lf", &back) == 1 && back == value) {
			digits = shorter;
			break;
		}
	}
	return strpbrk(digits, ".e") != NULL ? digits : text("%s.0", digits);
}

static const char *literal(const char *value)
{
	char *result = text("%s%s%s", value, value, value); /* room enough */
	char *to = result;

	for (; *value != '\0'; value++) {
		if (*value == '"' || *value == '\\')
			*to++ = '\\';
		*to++ = *value;
	}
	*to = '\0';
	return text("\"%s\"", result);
}

static bool is_zero(const uint8_t uuid[16])
{
	for (int i = 0; i < 16; i++)
		if (uuid[i] != 0)
			return false;
	return true;
}

static const char *uuid_bytes(const uint8_t uuid[16])
{
	const char *list = text("%u", uuid[0]);

	for (int i = 1; i < 16; i++)
		list = text("%s, %u", list, uuid[i]);
	return text("{{%s}}", list);
}

const char *initialiser(const struct field *field)
{
	const struct value *value = &field->value;

	if (field->array)
		return value->null ? "{NULL, -1}" : "{NULL, 0}";
	switch (field->type) {
	case TYPE_BOOL:
		return value->boolean ? "true" : "false";
	case TYPE_FLOAT64:
		return real(value->real);
	case TYPE_UUID:
		return is_zero(value->uuid) ? "KWIRE_UUID_INIT" : uuid_bytes(value->uuid);
	case TYPE_STRING:
		return value->null ? "KWIRE_STRING_NULL_INIT"
				   : text("KWIRE_STRING_INIT(%s)", literal(value->text));
	case TYPE_BYTES:
	case TYPE_RECORDS:
		return value->null ? "KWIRE_BYTES_NULL_INIT" : "KWIRE_BYTES_EMPTY_INIT";
	case TYPE_STRUCT:
		return field->pointer ? "NULL" : field->struct_->macro;
	default:
		return integer(field);
	}
}

const char *default_expression(const struct field *field)
{
	const struct value *value = &field->value;

	if (field->array)
		return text("(%s)%s", c_type(field), initialiser(field));
	switch (field->type) {
	case TYPE_UUID:
		return text("(struct kwire_uuid)%s", initialiser(field));
	case TYPE_STRING:
		return value->null ? "kwire_string_of(NULL, 0)"
				   : text("KWIRE_STRING(%s)", literal(value->text));
	case TYPE_BYTES:
	case TYPE_RECORDS:
		return value->null ? "kwire_bytes_of(NULL, 0)" : "kwire_bytes_of(\"\", 0)";
	case TYPE_STRUCT:
		return field->pointer ? "NULL" : text("(%s)%s", c_type(field), initialiser(field));
	default:
		return initialiser(field);
	}
}

const char *default_test(const struct field *field, const char *expression)
{
	const struct value *value = &field->value;

	if (field->array)
		return text("%s.count == %d", expression, value->null ? -1 : 0);
	switch (field->type) {
	case TYPE_BOOL:
		return text("%s%s", value->boolean ? "" : "!", expression);
	case TYPE_UUID:
		if (is_zero(value->uuid))
			return text("kwire_uuid_is_zero(%s)", expression);
		return text("memcmp(%s.bytes, (const uint8_t[])%s, 16) == 0", expression,
			    text("{%.*s}", (int)strlen(uuid_bytes(value->uuid)) - 4,
				 uuid_bytes(value->uuid) + 2));
	case TYPE_STRING:
		if (value->null)
			return text("%s.data == NULL", expression);
		return text("kw_is_string(%s, %s, %d)", expression, literal(value->text),
			    (int)strlen(value->text));
	case TYPE_BYTES:
	case TYPE_RECORDS:
		if (value->null)
			return text("%s.data == NULL", expression);
		return text("kw_is_empty_bytes(%s)", expression);
	case TYPE_STRUCT:
		if (field->pointer)
			return text("%s == NULL", expression);
		return text("is_default_%s(&%s)", field->struct_->short_name, expression);
	default:
		return text("%s == %s", expression, initialiser(field));
	}
}
