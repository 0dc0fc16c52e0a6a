/* SPDX-License-Identifier: Apache-2.0 */
/* See json_member.h. */
#include "json_member.h"

#include <stdint.h>
#include <string.h>

enum {
	DEPTH_MAX = 32,
};

struct text {
	char *at;
	char *end;
};

static void skip_spaces(struct text *text)
{
	while (text->at < text->end &&
	       (*text->at == ' ' || *text->at == '\t' || *text->at == '\n' || *text->at == '\r'))
		text->at++;
}

/* Takes `c`, spaces in front of it allowed. */
static bool take(struct text *text, char c)
{
	skip_spaces(text);
	if (text->at == text->end || *text->at != c)
		return false;
	text->at++;
	return true;
}

/* ------------------------------------------------------------------- strings */

/* Four hexadecimal digits; -1: they are not. */
static int32_t take_hex(struct text *text)
{
	int32_t value = 0;

	if (text->end - text->at < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		char c = *text->at++;

		value <<= 4;
		if (c >= '0' && c <= '9')
			value |= c - '0';
		else if (c >= 'a' && c <= 'f')
			value |= c - 'a' + 10;
		else if (c >= 'A' && c <= 'F')
			value |= c - 'A' + 10;
		else
			return -1;
	}
	return value;
}

static char *put_utf8(char *to, uint32_t point)
{
	if (point < 0x80) {
		*to++ = (char)point;
		return to;
	}
	if (point >= 0x10000) {
		*to++ = (char)(0xf0 | point >> 18);
		*to++ = (char)(0x80 | (point >> 12 & 0x3f));
		*to++ = (char)(0x80 | (point >> 6 & 0x3f));
	} else if (point >= 0x800) {
		*to++ = (char)(0xe0 | point >> 12);
		*to++ = (char)(0x80 | (point >> 6 & 0x3f));
	} else {
		*to++ = (char)(0xc0 | point >> 6);
	}
	*to++ = (char)(0x80 | (point & 0x3f));
	return to;
}

/* What follows a backslash, never longer than it was written; NULL: nothing valid. */
static char *take_escape(struct text *text, char *to)
{
	static const char letters[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
	const char *letter;
	int32_t point, low;

	if (text->at == text->end || *text->at == '\0')
		return NULL;
	if (*text->at != 'u') {
		letter = strchr(letters, *text->at++);
		if (letter == NULL)
			return NULL;
		*to++ = values[letter - letters];
		return to;
	}
	text->at++;
	point = take_hex(text);
	if (point < 0 || (point >= 0xdc00 && point < 0xe000))
		return NULL;
	if (point >= 0xd800 && point < 0xdc00) { /* half of a pair */
		if (text->end - text->at < 2 || text->at[0] != '\\' || text->at[1] != 'u')
			return NULL;
		text->at += 2;
		low = take_hex(text);
		if (low < 0xdc00 || low >= 0xe000)
			return NULL;
		point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
	}
	return put_utf8(to, (uint32_t)point);
}

/* A string, unescaped where it lies; its closing quote has become free for a NUL. */
static bool take_string(struct text *text, char **begin, size_t *size)
{
	char *to;

	if (!take(text, '"'))
		return false;
	*begin = to = text->at;
	while (text->at < text->end && *text->at != '"') {
		char c = *text->at++;

		if ((unsigned char)c < 0x20)
			return false;
		if (c == '\\')
			to = take_escape(text, to);
		else
			*to++ = c;
		if (to == NULL)
			return false;
	}
	*size = (size_t)(to - *begin);
	return take(text, '"');
}

/* -------------------------------------------------------------------- values */

static bool is_digit(const struct text *text)
{
	return text->at < text->end && *text->at >= '0' && *text->at <= '9';
}

static bool take_digits(struct text *text)
{
	if (!is_digit(text))
		return false;
	while (is_digit(text))
		text->at++;
	return true;
}

static bool take_number(struct text *text)
{
	if (text->at < text->end && *text->at == '-')
		text->at++;
	if (text->at < text->end && *text->at == '0')
		text->at++;
	else if (!take_digits(text))
		return false;
	if (text->at < text->end && *text->at == '.') {
		text->at++;
		if (!take_digits(text))
			return false;
	}
	if (text->at < text->end && (*text->at == 'e' || *text->at == 'E')) {
		text->at++;
		if (text->at < text->end && (*text->at == '+' || *text->at == '-'))
			text->at++;
		return take_digits(text);
	}
	return true;
}

static bool take_word(struct text *text, const char *word)
{
	size_t size = strlen(word);

	if ((size_t)(text->end - text->at) < size || memcmp(text->at, word, size) != 0)
		return false;
	text->at += size;
	return true;
}

static bool take_value(struct text *text, int depth, struct kw_json_member *value);

/* The members of an object or the elements of an array, of which nothing is wanted. */
static bool skip_nested(struct text *text, int depth)
{
	char close = *text->at++ == '{' ? '}' : ']';
	struct kw_json_member ignored;

	if (depth == DEPTH_MAX)
		return false;
	if (take(text, close))
		return true;
	do
		if ((close == '}' &&
		     (!take_string(text, &ignored.text, &ignored.size) || !take(text, ':'))) ||
		    !take_value(text, depth + 1, &ignored))
			return false;
	while (take(text, ','));
	return take(text, close);
}

static bool take_value(struct text *text, int depth, struct kw_json_member *value)
{
	skip_spaces(text);
	value->kind = KW_JSON_OTHER;
	value->text = text->at;
	value->size = 0;
	if (text->at == text->end)
		return false;
	switch (*text->at) {
	case '"':
		value->kind = KW_JSON_STRING;
		return take_string(text, &value->text, &value->size);
	case '{':
	case '[':
		return skip_nested(text, depth);
	case 't':
		return take_word(text, "true");
	case 'f':
		return take_word(text, "false");
	case 'n':
		return take_word(text, "null");
	default:
		value->kind = KW_JSON_NUMBER;
		if (!take_number(text))
			return false;
		value->size = (size_t)(text->at - value->text);
		return true;
	}
}

static bool take_member(struct text *text, struct kw_json_member *members, size_t count)
{
	struct kw_json_member value;
	char *name;
	size_t size;

	if (!take_string(text, &name, &size) || !take(text, ':') || !take_value(text, 1, &value))
		return false;
	for (size_t i = 0; i < count; i++)
		if (strlen(members[i].name) == size && memcmp(members[i].name, name, size) == 0) {
			value.name = members[i].name;
			members[i] = value;
		}
	return true;
}

bool kw_json_members(char *data, size_t size, struct kw_json_member *members, size_t count)
{
	struct text text = {data, data + size};

	for (size_t i = 0; i < count; i++)
		members[i].kind = KW_JSON_ABSENT;
	if (!take(&text, '{'))
		return false;
	if (!take(&text, '}')) {
		do
			if (!take_member(&text, members, count))
				return false;
		while (take(&text, ','));
		if (!take(&text, '}'))
			return false;
	}
	skip_spaces(&text);
	if (text.at != text.end)
		return false;
	/* Only now that all is read: the byte behind a number is the next one's comma. */
	for (size_t i = 0; i < count; i++) {
		if (members[i].kind != KW_JSON_STRING && members[i].kind != KW_JSON_NUMBER)
			continue;
		members[i].text[members[i].size] = '\0';
		if (strlen(members[i].text) != members[i].size)
			return false;
	}
	return true;
}
