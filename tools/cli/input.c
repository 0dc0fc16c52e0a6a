/* SPDX-License-Identifier: Apache-2.0 */
/* See input.h. */
#include "input.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	FIRST_CAPACITY = 4096
};

static char *read_all(FILE *file, const char *name, size_t *size)
{
	size_t capacity = FIRST_CAPACITY;
	char *text = malloc(capacity);

	*size = 0;
	while (text != NULL) {
		char *more;

		*size += fread(text + *size, 1, capacity - *size - 1, file);
		if (*size < capacity - 1)
			break;
		more = realloc(text, capacity *= 2);
		if (more == NULL)
			free(text);
		text = more;
	}
	if (text == NULL || ferror(file)) {
		fprintf(stderr, "kwire: cannot read %s\n", name);
		free(text);
		return NULL;
	}
	text[*size] = '\0';
	return text;
}

char *input_read(const char *word, size_t *size)
{
	FILE *file;
	char *text;

	if (strcmp(word, "-") == 0)
		return read_all(stdin, "standard input", size);
	if (*word != '@') {
		*size = strlen(word);
		text = malloc(*size + 1);
		if (text == NULL)
			fputs("kwire: out of memory\n", stderr);
		else
			memcpy(text, word, *size + 1);
		return text;
	}
	file = fopen(word + 1, "rb");
	if (file == NULL) {
		fprintf(stderr, "kwire: cannot open %s: %s\n", word + 1, strerror(errno));
		return NULL;
	}
	text = read_all(file, word + 1, size);
	fclose(file);
	return text;
}

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool input_hex(char *text, size_t *size)
{
	size_t bytes = 0;
	int half = -1;

	for (size_t i = 0; i < *size; i++) {
		int digit = digit_of(text[i]);

		if (strchr(" \t\r\n:,", text[i]) != NULL && text[i] != '\0' && half < 0)
			continue;
		if (half < 0 && text[i] == '0' && i + 1 < *size && text[i + 1] == 'x') {
			i++;
			continue;
		}
		if (digit < 0) {
			fprintf(stderr, "kwire: '%c' at %zu is no hex digit%s\n", text[i], i,
				half >= 0 ? "; a byte has two" : "");
			return false;
		}
		if (half < 0) {
			half = digit;
			continue;
		}
		text[bytes++] = (char)(half << 4 | digit);
		half = -1;
	}
	if (half >= 0) {
		fputs("kwire: the last byte has one hex digit only\n", stderr);
		return false;
	}
	*size = bytes;
	return true;
}

void input_dump(const char *title, const void *data, size_t size)
{
	const uint8_t *bytes = data;

	printf("%s, %zu bytes\n", title, size);
	for (size_t at = 0; at < size; at += 16) {
		printf("%06zx ", at);
		for (size_t i = at; i < at + 16; i++)
			printf(i < size ? " %02x" : "   ", i < size ? bytes[i] : 0u);
		fputs("  ", stdout);
		for (size_t i = at; i < size && i < at + 16; i++)
			putchar(bytes[i] >= 0x20 && bytes[i] < 0x7f ? bytes[i] : '.');
		putchar('\n');
	}
}
