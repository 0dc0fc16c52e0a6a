/* SPDX-License-Identifier: Apache-2.0 */
/* See value.h. */
#include "value.h"

#include <stdio.h>
#include <string.h>

#include "../base/error.h"

static void *at(struct kw_settings *settings, const struct kw_property_row *row)
{
	return (char *)settings + row->offset;
}

static const void *at_const(const struct kw_settings *settings, const struct kw_property_row *row)
{
	return (const char *)settings + row->offset;
}

static bool textual(const struct kw_property_row *row)
{
	return row->kind == KW_STRING || row->kind == KW_SECRET || row->kind == KW_LIST;
}

/* Strings at their default are the table's own, all others are ours. */
static void drop_string(const char **string, const struct kw_property_row *row)
{
	union {
		const char *given;
		char *owned;
	} text;

	text.given = *string;
	*string = row->default_value;
	if (text.given == row->default_value)
		return;
	if (row->kind == KW_SECRET)
		kw_wipe(text.owned, strlen(text.owned));
	kw_free(text.owned);
}

/* Compares a word of "a|b|c" with `size` bytes of text, letters in either case. */
static bool word_is(const char *word, size_t word_size, const char *text, size_t size)
{
	if (word_size != size)
		return false;
	for (size_t i = 0; i < size; i++) {
		char a = word[i], b = text[i];

		if (a >= 'A' && a <= 'Z')
			a = (char)(a - 'A' + 'a');
		if (b >= 'A' && b <= 'Z')
			b = (char)(b - 'A' + 'a');
		if (a != b)
			return false;
	}
	return true;
}

/* The place of `text` among `words`, -1: not there.  `*count` is how many there are. */
static int find_word(const char *words, const char *text, size_t size, int *count)
{
	int index = 0, found = -1;

	for (;;) {
		size_t word_size = strcspn(words, "|");

		if (found < 0 && word_is(words, word_size, text, size))
			found = index;
		index++;
		if (words[word_size] == '\0')
			break;
		words += word_size + 1;
	}
	*count = index;
	return found;
}

static int word_text(const char *words, int index, const char **word)
{
	while (index-- > 0)
		words += strcspn(words, "|") + 1;
	*word = words;
	return (int)strcspn(words, "|");
}

static int refuse(const struct kw_property_row *row, const char *value, struct kwire_error *error)
{
	char range[160];

	kw_property_range(row, range, sizeof(range));
	return kw_fail(error, KWIRE_ECONFIG, "%s: '%.100s' is not allowed; allowed: %s", row->name,
		       value, range);
}

/* Blanks around a number or word do not count, as in Kafka; around a string they do. */
static bool trim(const char *value, char *word, size_t size)
{
	size_t length;

	value += strspn(value, " \t\r\n");
	length = strlen(value);
	while (length > 0 && strchr(" \t\r\n", value[length - 1]) != NULL)
		length--;
	if (length >= size)
		return false;
	memcpy(word, value, length);
	word[length] = '\0';
	return true;
}

static int set_integer(int64_t *to, const struct kw_property_row *row, const char *value,
		       struct kwire_error *error)
{
	const char *digits = value + (value[0] == '-' || value[0] == '+');
	int64_t number = 0;

	if (*digits == '\0')
		return refuse(row, value, error);
	for (; *digits != '\0'; digits++) {
		int digit = *digits - '0';

		if (digit < 0 || digit > 9 || number > (INT64_MAX - digit) / 10)
			return refuse(row, value, error);
		number = number * 10 + digit;
	}
	if (value[0] == '-')
		number = -number;
	if (number < row->min || (row->max != KW_UNBOUNDED && number > row->max))
		return refuse(row, value, error);
	*to = number;
	return 0;
}

static int set_word(struct kw_settings *settings, const struct kw_property_row *row,
		    const char *value, struct kwire_error *error)
{
	int count;
	int index = find_word(row->kind == KW_BOOLEAN ? "false|true" : row->words, value,
			      strlen(value), &count);

	if (index < 0)
		return refuse(row, value, error);
	if (row->kind == KW_CHOICE)
		memcpy(at(settings, row), &index, sizeof(index));
	else
		*(bool *)at(settings, row) = index == count - 1;
	return 0;
}

static int set_bits(unsigned *to, const struct kw_property_row *row, const char *value,
		    struct kwire_error *error)
{
	const char *item = value;
	unsigned bits = 0;
	int count;

	for (;;) {
		size_t size;
		int index;

		item += strspn(item, " ");
		size = strcspn(item, ", ");
		index = find_word(row->words, item, size, &count);
		if (index < 0)
			return refuse(row, value, error);
		bits |= 1U << index;
		item += size + strspn(item + size, " ");
		if (*item == '\0')
			break;
		if (*item++ != ',')
			return refuse(row, value, error);
	}
	*to = bits;
	return 0;
}

static int set_string(const char **to, struct kw_memory *memory, const struct kw_property_row *row,
		      const char *value, struct kwire_error *error)
{
	const char *copy = row->default_value;

	/* The default itself needs no copy; an inherited default stays the table's. */
	if (strcmp(value, row->default_value) != 0)
		copy = kw_strdup(memory, value);
	if (copy == NULL)
		return kw_fail_memory(error);
	drop_string(to, row);
	*to = copy;
	return 0;
}

int kw_settings_set(struct kw_settings *settings, struct kw_memory *memory,
		    const struct kw_property_row *row, const char *value, struct kwire_error *error)
{
	int result = kw_property_check(row, value, error);
	char word[128];

	if (result != 0)
		return result;
	if (!textual(row)) {
		if (!trim(value, word, sizeof(word)))
			return refuse(row, value, error);
		value = word;
	}
	switch (row->kind) {
	case KW_STRING:
	case KW_SECRET:
	case KW_LIST:
		return set_string(at(settings, row), memory, row, value, error);
	case KW_INTEGER:
		return set_integer(at(settings, row), row, value, error);
	case KW_BOOLEAN:
	case KW_CHOICE:
	case KW_SWITCH:
		return set_word(settings, row, value, error);
	case KW_SET:
		break;
	}
	return set_bits(at(settings, row), row, value, error);
}

void kw_settings_init(struct kw_settings *settings)
{
	memset(settings, 0, sizeof(*settings));
	for (size_t i = 0; i < kw_property_count; i++) {
		const struct kw_property_row *row = &kw_properties[i];

		if (textual(row))
			*(const char **)at(settings, row) = row->default_value;
		else
			kw_settings_set(settings, NULL, row, row->default_value, NULL);
	}
}

void kw_settings_fini(struct kw_settings *settings)
{
	for (size_t i = 0; i < kw_property_count; i++)
		if (textual(&kw_properties[i]))
			drop_string(at(settings, &kw_properties[i]), &kw_properties[i]);
}

int kw_settings_copy(struct kw_settings *to, const struct kw_settings *from,
		     struct kw_memory *memory)
{
	struct kw_settings copy = *from;

	kw_settings_init(to);
	for (size_t i = 0; i < kw_property_count; i++) {
		const struct kw_property_row *row = &kw_properties[i];
		const char *const *text = at_const(from, row);

		if (!textual(row))
			continue;
		if (set_string(at(to, row), memory, row, *text, NULL) != 0) {
			kw_settings_fini(to);
			return KWIRE_ENOMEM;
		}
		*(const char **)at(&copy, row) = *(const char **)at(to, row);
	}
	*to = copy;
	return 0;
}

/* Appends to a text of which perhaps only a part fits. */
static size_t append(char *text, size_t size, size_t length, const char *more, size_t more_size)
{
	for (size_t i = 0; i < more_size; i++, length++)
		if (length + 1 < size)
			text[length] = more[i];
	if (size > 0)
		text[length < size ? length : size - 1] = '\0';
	return length;
}

size_t kw_settings_text(const struct kw_settings *settings, const struct kw_property_row *row,
			char *text, size_t size)
{
	const void *value = at_const(settings, row);
	const char *word = "";
	char number[24];
	size_t length = append(text, size, 0, "", 0);
	int index, count;

	switch (row->kind) {
	case KW_STRING:
	case KW_LIST:
		word = *(const char *const *)value;
		return append(text, size, 0, word, strlen(word));
	case KW_SECRET:
		word = **(const char *const *)value != '\0' ? "[hidden]" : "";
		return append(text, size, 0, word, strlen(word));
	case KW_INTEGER:
		snprintf(number, sizeof(number), "%lld", (long long)*(const int64_t *)value);
		return append(text, size, 0, number, strlen(number));
	case KW_BOOLEAN:
		word = *(const bool *)value ? "true" : "false";
		return append(text, size, 0, word, strlen(word));
	case KW_CHOICE:
		memcpy(&index, value, sizeof(index));
		index = word_text(row->words, index, &word);
		return append(text, size, 0, word, (size_t)index);
	case KW_SWITCH:
		find_word(row->words, "", 0, &count);
		index = word_text(row->words, count - (*(const bool *)value ? 1 : 2), &word);
		return append(text, size, 0, word, (size_t)index);
	case KW_SET:
		break;
	}
	find_word(row->words, "", 0, &count);
	for (int i = 0; i < count; i++)
		if ((*(const unsigned *)value & 1U << i) != 0) {
			length = append(text, size, length, ",", length > 0);
			index = word_text(row->words, i, &word);
			length = append(text, size, length, word, (size_t)index);
		}
	return length;
}
