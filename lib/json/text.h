/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text that grows, and the forms in which JSON holds what it has no type for:
 * base64, escaped text, numbers as Java prints them.  Knows no message.
 */
#ifndef KW_JSON_TEXT_H
#define KW_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/memory.h"

struct kw_text {
	struct kw_memory *memory;
	char *data; /* kw_alloc; not terminated */
	size_t size;
	size_t capacity;
	bool failed; /* out of memory: sticks */
};

void kw_text_add(struct kw_text *text, const char *data, size_t size);
void kw_text_put(struct kw_text *text, const char *string);
void kw_text_int(struct kw_text *text, int64_t value);

/* As Java's Double.toString, shortest form; NaN and infinities in quotes. */
void kw_text_double(struct kw_text *text, double value);

/* In quotes, escaped as Jackson does; what is no UTF-8 becomes U+FFFD. */
void kw_text_string(struct kw_text *text, const char *data, size_t size);

/* In quotes, standard alphabet, padded. */
void kw_text_base64(struct kw_text *text, const uint8_t *data, size_t size);

#endif
