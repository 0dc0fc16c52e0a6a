/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See properties.h.  Everything happens in place, since no step makes text
 * longer: natural lines are joined into one logical line, that is cut into
 * name and value, and those lose their escapes.
 */
#include "properties.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "../base/error.h"

/* Length of the UTF-8 sequence at `text`, 0: none is there. */
static size_t sequence(const unsigned char *text, size_t size)
{
	unsigned char first = text[0], second = size > 1 ? text[1] : 0;
	size_t length = first < 0x80   ? 1
			: first < 0xC2 ? 0
			: first < 0xE0 ? 2
			: first < 0xF0 ? 3
			: first < 0xF5 ? 4
				       : 0;

	if (length == 0 || length > size)
		return 0;
	for (size_t i = 1; i < length; i++)
		if ((text[i] & 0xC0) != 0x80)
			return 0;
	/* Overlong forms, surrogates, and beyond U+10FFFF. */
	if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
	    (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F))
		return 0;
	return length;
}

static bool is_utf8(const char *text, size_t size)
{
	size_t length;

	for (size_t i = 0; i < size; i += length) {
		length = sequence((const unsigned char *)text + i, size - i);
		if (length == 0)
			return false;
	}
	return true;
}

size_t kw_properties_utf8_size(const char *text, size_t size)
{
	size_t result = size;

	if (is_utf8(text, size))
		return size;
	for (size_t i = 0; i < size; i++)
		result += (unsigned char)text[i] >= 0x80;
	return result;
}

void kw_properties_to_utf8(const char *text, size_t size, char *utf8)
{
	if (is_utf8(text, size)) {
		memcpy(utf8, text, size);
		return;
	}
	for (size_t i = 0; i < size; i++) {
		unsigned char byte = (unsigned char)text[i];

		if (byte >= 0x80) {
			*utf8++ = (char)(0xC0 | byte >> 6);
			byte = (unsigned char)(0x80 | (byte & 0x3F));
		}
		*utf8++ = (char)byte;
	}
}

struct source {
	char *at;
	char *end;
	int line; /* of `at`, from 1 */
};

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\f';
}

static bool newline(char c)
{
	return c == '\n' || c == '\r';
}

static void skip_blanks(struct source *source)
{
	while (source->at < source->end && blank(*source->at))
		source->at++;
}

/* Steps over one line terminator: \n, \r or \r\n. */
static void skip_newline(struct source *source)
{
	if (source->at == source->end)
		return;
	if (*source->at++ == '\r' && source->at < source->end && *source->at == '\n')
		source->at++;
	source->line++;
}

static void skip_line(struct source *source)
{
	while (source->at < source->end && !newline(*source->at))
		source->at++;
	skip_newline(source);
}

/*
 * Joins the logical line that starts at `source->at`, blanks already skipped,
 * in place; returns its end.  An odd number of backslashes before a terminator
 * continues it with the next line, whose leading blanks do not count.
 */
static char *join_line(struct source *source)
{
	char *end = source->at;

	while (source->at < source->end) {
		char c = *source->at;

		if (newline(c))
			break;
		source->at++;
		*end++ = c;
		if (c != '\\')
			continue;
		if (source->at == source->end) /* a backslash that ends the file is none */
			return end - 1;
		if (newline(*source->at)) {
			end--;
			skip_newline(source);
			skip_blanks(source);
		} else {
			*end++ = *source->at++;
		}
	}
	skip_newline(source);
	return end;
}

/* Where the name ends: at the first separator without a backslash. */
static char *name_end(char *text, const char *end)
{
	while (text < end && *text != '=' && *text != ':' && !blank(*text))
		text += *text == '\\' && text + 1 < end ? 2 : 1;
	return text;
}

static char *value_start(char *text, const char *end)
{
	while (text < end && blank(*text))
		text++;
	if (text < end && (*text == '=' || *text == ':'))
		text++;
	while (text < end && blank(*text))
		text++;
	return text;
}

/* Four hexadecimal digits at `text`; -1: they are not there. */
static int32_t read_unit(const char *text, const char *end)
{
	int32_t unit = 0;

	if (end - text < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		char c = text[i];

		if (c >= '0' && c <= '9')
			unit = unit * 16 + (c - '0');
		else if (c >= 'a' && c <= 'f')
			unit = unit * 16 + (c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			unit = unit * 16 + (c - 'A' + 10);
		else
			return -1;
	}
	return unit;
}

static char *put_utf8(char *to, int32_t code)
{
	if (code < 0x80) {
		*to++ = (char)code;
	} else if (code < 0x800) {
		*to++ = (char)(0xC0 | code >> 6);
		*to++ = (char)(0x80 | (code & 0x3F));
	} else if (code < 0x10000) {
		*to++ = (char)(0xE0 | code >> 12);
		*to++ = (char)(0x80 | (code >> 6 & 0x3F));
		*to++ = (char)(0x80 | (code & 0x3F));
	} else {
		*to++ = (char)(0xF0 | code >> 18);
		*to++ = (char)(0x80 | (code >> 12 & 0x3F));
		*to++ = (char)(0x80 | (code >> 6 & 0x3F));
		*to++ = (char)(0x80 | (code & 0x3F));
	}
	return to;
}

/* Reads what follows "\u" at `*from`: one unit, or a pair of surrogates.  -1: malformed. */
static int32_t read_code(const char **from, const char *end)
{
	int32_t high = read_unit(*from, end), low;

	if (high <= 0 || (high >= 0xDC00 && high <= 0xDFFF))
		return -1;
	*from += 4;
	if (high < 0xD800 || high > 0xDBFF)
		return high;
	if (end - *from < 6 || (*from)[0] != '\\' || (*from)[1] != 'u')
		return -1;
	low = read_unit(*from + 2, end);
	if (low < 0xDC00 || low > 0xDFFF)
		return -1;
	*from += 6;
	return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
}

/* Takes the escapes out of text..end in place and terminates it; false: one is malformed. */
static bool unescape(char *text, const char *end)
{
	const char *from = text;
	char *to = text;

	while (from < end) {
		char c = *from++;
		int32_t code;

		if (c != '\\' || from == end) {
			*to++ = c;
			continue;
		}
		c = *from++;
		switch (c) {
		case 't':
			*to++ = '\t';
			break;
		case 'n':
			*to++ = '\n';
			break;
		case 'r':
			*to++ = '\r';
			break;
		case 'f':
			*to++ = '\f';
			break;
		case 'u':
			code = read_code(&from, end);
			if (code < 0)
				return false;
			to = put_utf8(to, code);
			break;
		default:
			*to++ = c;
		}
	}
	*to = '\0';
	return true;
}

static int parse_line(char *start, char *end, int line, kw_properties_function *pair, void *context,
		      struct kwire_error *error)
{
	char *stop = name_end(start, end), *value = value_start(stop, end);

	if (memchr(start, '\0', (size_t)(end - start)) != NULL)
		return kw_fail(error, KWIRE_ECONFIG, "a NUL byte: this is no properties file");
	/* The value first: ending the name overwrites the separator, or the value if empty. */
	if (!unescape(value, end) || !unescape(start, stop))
		return kw_fail(error, KWIRE_ECONFIG, "malformed \\uXXXX escape");
	if (*start == '\0')
		return kw_fail(error, KWIRE_ECONFIG, "no name before the separator");
	return pair(context, line, start, value, error);
}

int kw_properties_parse(char *text, size_t size, kw_properties_function *pair, void *context,
			int *line, struct kwire_error *error)
{
	struct source source = {text, text + size, 1};
	int result = 0;

	if (size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) /* a mark that Windows puts there */
		source.at += 3;
	while (result == 0 && source.at < source.end) {
		skip_blanks(&source);
		if (source.at == source.end)
			break;
		if (newline(*source.at)) {
			skip_newline(&source);
		} else if (*source.at == '#' || *source.at == '!') {
			skip_line(&source);
		} else {
			char *start = source.at, *end;

			*line = source.line;
			end = join_line(&source);
			result = parse_line(start, end, *line, pair, context, error);
		}
	}
	return result;
}
