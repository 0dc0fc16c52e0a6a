/* SPDX-License-Identifier: Apache-2.0 */
/* kwire_json_print(): see kwire/json.h. */
#include <kwire/json.h>

#include <string.h>

#include "../base/memory.h"
#include "../protocol/fault.h"
#include "text.h"
#include "value.h"

struct printer {
	struct kw_text text;
	int16_t version;
	unsigned flags;
	int depth;
	bool failed;
	struct kw_fault fault;
};

KW_PRINTF(3, 4)
static void fail(struct printer *printer, const char *name, const char *format, ...)
{
	va_list arguments;

	if (printer->failed)
		return;
	printer->failed = true;
	va_start(arguments, format);
	kw_fault_set(&printer->fault, KWIRE_EINVAL, name, format, arguments);
	va_end(arguments);
}

static void new_line(struct printer *printer)
{
	if ((printer->flags & KWIRE_JSON_PRETTY) == 0)
		return;
	kw_text_put(&printer->text, "\n");
	for (int i = 0; i < printer->depth; i++)
		kw_text_put(&printer->text, "  ");
}

static void print_struct(struct printer *printer, const struct kwire_struct_description *structure,
			 const void *object);

static void print_number(struct kw_text *text, enum kwire_type type, const void *value)
{
	switch (type) {
	case KWIRE_TYPE_INT8:
		kw_text_int(text, *(const int8_t *)value);
		break;
	case KWIRE_TYPE_INT16:
		kw_text_int(text, *(const int16_t *)value);
		break;
	case KWIRE_TYPE_UINT16:
		kw_text_int(text, *(const uint16_t *)value);
		break;
	case KWIRE_TYPE_INT32:
		kw_text_int(text, *(const int32_t *)value);
		break;
	case KWIRE_TYPE_UINT32:
		kw_text_int(text, *(const uint32_t *)value);
		break;
	default:
		kw_text_int(text, *(const int64_t *)value);
	}
}

static void print_uuid(struct kw_text *text, const struct kwire_uuid *uuid)
{
	char digits[23];

	kwire_uuid_format(*uuid, digits);
	kw_text_put(text, "\"");
	kw_text_put(text, digits);
	kw_text_put(text, "\"");
}

static void print_bytes(struct printer *printer, const struct kwire_field_description *field,
			const struct kwire_bytes *bytes)
{
	bool left_out = field->type == KWIRE_TYPE_RECORDS &&
			(printer->flags & KWIRE_JSON_NO_RECORDS) != 0;

	kw_text_base64(&printer->text, bytes->data,
		       left_out || bytes->size < 0 ? 0 : (size_t)bytes->size);
}

/* Null, where that is allowed. */
static void print_null(struct printer *printer, const struct kwire_field_description *field,
		       bool nullable)
{
	if (!nullable)
		fail(printer, field->json_name, "is null, which version %d does not allow",
		     printer->version);
	kw_text_put(&printer->text, "null");
}

static void print_value(struct printer *printer, const struct kwire_field_description *field,
			const void *value, bool nullable)
{
	struct kw_text *text = &printer->text;

	switch (field->type) {
	case KWIRE_TYPE_BOOL:
		kw_text_put(text, *(const bool *)value ? "true" : "false");
		break;
	case KWIRE_TYPE_FLOAT64:
		kw_text_double(text, *(const double *)value);
		break;
	case KWIRE_TYPE_UUID:
		print_uuid(text, value);
		break;
	case KWIRE_TYPE_STRING: {
		const struct kwire_string *string = value;

		if (string->data == NULL)
			print_null(printer, field, nullable);
		else
			kw_text_string(text, string->data,
				       string->size < 0 ? 0 : (size_t)string->size);
		break;
	}
	case KWIRE_TYPE_BYTES:
	case KWIRE_TYPE_RECORDS:
		if (((const struct kwire_bytes *)value)->data == NULL)
			print_null(printer, field, nullable);
		else
			print_bytes(printer, field, value);
		break;
	case KWIRE_TYPE_STRUCT:
		print_struct(printer, field->structure, value);
		break;
	default:
		print_number(text, field->type, value);
	}
}

static void print_array(struct printer *printer, const struct kwire_field_description *field,
			const void *value)
{
	size_t size = kw_value_size(field);
	struct kwire_field_description element = *field;
	struct kw_any_array array;

	memcpy(&array, value, sizeof(array));
	if (array.count < 0) {
		print_null(printer, field, kw_field_nullable(field, printer->version));
		return;
	}
	element.json_name = "";
	kw_text_put(&printer->text, "[");
	printer->depth++;
	for (int32_t i = 0; i < array.count && !printer->failed; i++) {
		if (i > 0)
			kw_text_put(&printer->text, ",");
		new_line(printer);
		print_value(printer, &element, (const char *)array.items + (size_t)i * size, false);
		if (printer->failed)
			kw_fault_prepend(&printer->fault, field->json_name, i);
	}
	printer->depth--;
	if (array.count > 0)
		new_line(printer);
	kw_text_put(&printer->text, "]");
}

static void print_field(struct printer *printer, const struct kwire_field_description *field,
			const void *object)
{
	const char *value = (const char *)object + field->offset;
	const void *inner = value;

	if (field->flags & KWIRE_FIELD_ARRAY) {
		print_array(printer, field, value);
		return;
	}
	if (field->flags & KWIRE_FIELD_POINTER) {
		memcpy(&inner, value, sizeof(inner));
		if (inner == NULL) {
			print_null(printer, field, kw_field_nullable(field, printer->version));
			return;
		}
	}
	print_value(printer, field, inner, kw_field_nullable(field, printer->version));
	if (printer->failed && field->type == KWIRE_TYPE_STRUCT)
		kw_fault_prepend(&printer->fault, field->json_name, -1);
}

/* Whether a field is printed: there in this version, and no tag with its default. */
static bool is_printed(struct printer *printer, const struct kwire_struct_description *structure,
		       const struct kwire_field_description *field, const void *object)
{
	if (kw_field_exists(field, printer->version))
		return !kw_field_tagged(field, printer->version) ||
		       !kw_field_is_default(field, structure, object);
	if ((field->flags & KWIRE_FIELD_IGNORABLE) == 0 &&
	    !kw_field_is_default(field, structure, object))
		fail(printer, field->json_name, "is set, but version %d has no such field",
		     printer->version);
	return false;
}

static void print_struct(struct printer *printer, const struct kwire_struct_description *structure,
			 const void *object)
{
	bool any = false;

	kw_text_put(&printer->text, "{");
	printer->depth++;
	for (int i = 0; i < structure->field_count && !printer->failed; i++) {
		const struct kwire_field_description *field = &structure->fields[i];

		if (!is_printed(printer, structure, field, object))
			continue;
		if (any)
			kw_text_put(&printer->text, ",");
		any = true;
		new_line(printer);
		kw_text_put(&printer->text, "\"");
		kw_text_put(&printer->text, field->json_name);
		kw_text_put(&printer->text,
			    (printer->flags & KWIRE_JSON_PRETTY) != 0 ? "\": " : "\":");
		print_field(printer, field, object);
	}
	printer->depth--;
	if (any)
		new_line(printer);
	kw_text_put(&printer->text, "}");
}

int kwire_json_print(const struct kwire_description *description, const void *message,
		     int16_t version, unsigned flags, char **text, size_t *size,
		     struct kwire_error *error)
{
	struct printer printer;

	if (description == NULL || message == NULL || text == NULL)
		return kw_fail(error, KWIRE_EINVAL, "no message, or nowhere to put its text");
	if (version < description->min_version || version > description->max_version)
		return kw_fail(error, KWIRE_EINVAL, "%s has no version %d (%d to %d are known)",
			       description->name, version, description->min_version,
			       description->max_version);
	memset(&printer, 0, sizeof(printer));
	printer.version = version;
	printer.flags = flags;
	printer.text.memory = kw_memory_new(NULL, 0);
	if (printer.text.memory == NULL)
		return kw_fail_memory(error);
	print_struct(&printer, description->root, message);
	kw_text_add(&printer.text, "", 1);
	kw_memory_put(printer.text.memory);
	if (printer.failed || printer.text.failed) {
		kw_free(printer.text.data);
		if (!printer.failed)
			return kw_fail_memory(error);
		return kw_fail(error, KWIRE_EINVAL, "%s v%d: %s %s", description->name, version,
			       printer.fault.path, printer.fault.problem);
	}
	*text = printer.text.data;
	if (size != NULL)
		*size = printer.text.size - 1;
	return KWIRE_OK;
}

void kwire_json_free(char *text)
{
	kw_free(text);
}
