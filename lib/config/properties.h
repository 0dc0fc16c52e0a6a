/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The format of Java's .properties files, complete: comments, separators,
 * continued lines, escapes.  Bytes in, names and values out; it reads no files
 * and knows no property.  load.c calls it.
 */
#ifndef KW_CONFIG_PROPERTIES_H
#define KW_CONFIG_PROPERTIES_H

#include <stddef.h>

#include <kwire/result.h>

/* Receives one pair, UTF-8; a result other than 0 ends the parse with that result. */
typedef int kw_properties_function(void *context, int line, const char *name, const char *value,
				   struct kwire_error *error);

/*
 * Bytes that are no UTF-8 are ISO-8859-1, as they are to Java; this says how
 * many bytes `text` takes in UTF-8.
 */
size_t kw_properties_utf8_size(const char *text, size_t size);

/* Writes `text` as UTF-8 to `utf8`, which has kw_properties_utf8_size() bytes. */
void kw_properties_to_utf8(const char *text, size_t size, char *utf8);

/*
 * Parses `size` bytes of UTF-8 at `text`, which must have one byte more to
 * write to; the text is overwritten.  `*line` is, on failure, where.
 * KWIRE_ECONFIG: a malformed escape, a NUL.
 */
int kw_properties_parse(char *text, size_t size, kw_properties_function *pair, void *context,
			int *line, struct kwire_error *error);

#endif
