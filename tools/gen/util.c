/* SPDX-License-Identifier: Apache-2.0 */
/* Failing with file and field path, and memory that lasts as long as the process. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema.h"

void fail(const char *file, const char *where, const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "%s: %s%s", file, where, where[0] != '\0' ? ": " : "");
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(1);
}

/* Kept reachable, so that leak checkers stay quiet. */
struct kept {
	struct kept *next;
};
static struct kept *kept;

void *allocate(size_t size)
{
	struct kept *block = calloc(1, sizeof(*block) + size);

	if (block == NULL)
		fail("kwire-gen", "", "out of memory");
	block->next = kept;
	kept = block;
	return block + 1;
}

char *text(const char *format, ...)
{
	va_list arguments;
	char *result;
	int size;

	va_start(arguments, format);
	size = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	result = allocate((size_t)size + 1);
	va_start(arguments, format);
	vsnprintf(result, (size_t)size + 1, format, arguments);
	va_end(arguments);
	return result;
}
