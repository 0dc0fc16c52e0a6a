/* SPDX-License-Identifier: Apache-2.0 */
/* See text.h. */
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/base64.h"

static bool reserve(struct kw_text *text, size_t size)
{
	if (!text->failed && size > text->capacity - text->size) {
		size_t capacity = (text->size + size) * 2 + 256;
		char *more = kw_realloc(text->memory, text->data, capacity);

		if (more == NULL) {
			text->failed = true;
		} else {
			text->data = more;
			text->capacity = capacity;
		}
	}
	return !text->failed;
}

void kw_text_add(struct kw_text *text, const char *data, size_t size)
{
	if (size == 0 || !reserve(text, size))
		return;
	memcpy(text->data + text->size, data, size);
	text->size += size;
}

void kw_text_put(struct kw_text *text, const char *string)
{
	kw_text_add(text, string, strlen(string));
}

void kw_text_int(struct kw_text *text, int64_t value)
{
	char digits[24];
	int size = snprintf(digits, sizeof(digits), "%lld", (long long)value);

	kw_text_add(text, digits, (size_t)size);
}

/* Digits and decimal exponent of the shortest number that reads back as `value`, which is > 0. */
static int shortest(double value, char digits[20], int *exponent)
{
	char form[40];
	char *mark;
	int count = 0;

	for (int precision = 0; precision < 17; precision++) {
		snprintf(form, sizeof(form), "%.*e", precision, value);
		if (strtod(form, NULL) == value)
			break;
	}
	mark = strchr(form, 'e');
	*exponent = (int)strtol(mark + 1, NULL, 10);
	/* Whatever stands for the decimal point is left out: it is the locale's. */
	for (const char *at = form; at < mark; at++)
		if (*at >= '0' && *at <= '9')
			digits[count++] = *at;
	while (count > 1 && digits[count - 1] == '0')
		count--;
	return count;
}

void kw_text_double(struct kw_text *text, double value)
{
	char digits[20];
	int exponent, count;

	if (value != value || value - value != 0) {
		kw_text_put(text, value != value ? "\"NaN\""
				  : value > 0    ? "\"Infinity\""
						 : "\"-Infinity\"");
		return;
	}
	if (value < 0 || (value == 0 && 1 / value < 0)) {
		kw_text_put(text, "-");
		value = -value;
	}
	if (value == 0) {
		kw_text_put(text, "0.0");
		return;
	}
	count = shortest(value, digits, &exponent);
	if (exponent >= -3 && exponent < 7) {
		/* Plain: at least one digit on each side of the point. */
		if (exponent < 0) {
			kw_text_put(text, "0.");
			kw_text_add(text, "00", (size_t)(-exponent - 1));
			kw_text_add(text, digits, (size_t)count);
			return;
		}
		for (int i = 0; i <= exponent || i < count; i++) {
			if (i == exponent + 1)
				kw_text_put(text, ".");
			kw_text_add(text, i < count ? &digits[i] : "0", 1);
		}
		if (count <= exponent + 1)
			kw_text_put(text, ".0");
		return;
	}
	kw_text_add(text, digits, 1);
	kw_text_put(text, ".");
	kw_text_add(text, count > 1 ? digits + 1 : "0", count > 1 ? (size_t)count - 1 : 1);
	kw_text_put(text, "E");
	kw_text_int(text, exponent);
}

/* Bytes of the UTF-8 character at `at`; 0: there is none. */
static size_t utf8_size(const unsigned char *at, size_t left)
{
	static const struct {
		unsigned char low, high; /* of the first byte */
		unsigned char next_low, next_high;
		unsigned char size;
	} forms[] = {
		{0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2},
		{0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
		{0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
		{0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4},
		{0xf4, 0xf4, 0x80, 0x8f, 4},
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (at[0] < forms[i].low || at[0] > forms[i].high || forms[i].size > left)
			continue;
		if (forms[i].size > 1 && (at[1] < forms[i].next_low || at[1] > forms[i].next_high))
			return 0;
		for (size_t k = 2; k < forms[i].size; k++)
			if (at[k] < 0x80 || at[k] > 0xbf)
				return 0;
		return forms[i].size;
	}
	return 0;
}

static void put_escaped(struct kw_text *text, unsigned char byte)
{
	static const char plain[] = "\"\\\b\f\n\r\t";
	static const char letters[] = "\"\\bfnrt";
	const char *found = byte == 0 ? NULL : strchr(plain, byte);
	char form[8];

	if (found != NULL)
		snprintf(form, sizeof(form), "\\%c", letters[found - plain]);
	else
		snprintf(form, sizeof(form), "\\u%04X", byte);
	kw_text_put(text, form);
}

void kw_text_string(struct kw_text *text, const char *data, size_t size)
{
	const unsigned char *at = (const unsigned char *)data;
	size_t clean = 0; /* bytes before `at` that stand for themselves */

	kw_text_put(text, "\"");
	while (size > 0) {
		size_t step = utf8_size(at, size);

		if (step > 1 || (step == 1 && *at >= 0x20 && *at != '"' && *at != '\\')) {
			clean += step;
		} else {
			kw_text_add(text, (const char *)at - clean, clean);
			clean = 0;
			if (step == 1)
				put_escaped(text, *at);
			else
				kw_text_put(text, "\xef\xbf\xbd");
			step = 1;
		}
		at += step;
		size -= step;
	}
	kw_text_add(text, (const char *)at - clean, clean);
	kw_text_put(text, "\"");
}

void kw_text_base64(struct kw_text *text, const uint8_t *data, size_t size)
{
	kw_text_put(text, "\"");
	if (reserve(text, kw_base64_size(size)))
		text->size += kw_base64_encode(data, size, false, text->data + text->size);
	kw_text_put(text, "\"");
}
