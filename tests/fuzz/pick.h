/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a fuzz target takes its choices from the front of its input: which API,
 * which version.  The rest of the input is what is decoded.
 */
#ifndef FUZZ_PICK_H
#define FUZZ_PICK_H

#include <stddef.h>
#include <stdint.h>

/* The next byte of the input, modulo `count`; 0 at its end. */
static inline unsigned fuzz_pick(const uint8_t **data, size_t *size, unsigned count)
{
	if (*size == 0)
		return 0;
	(*size)--;
	return *(*data)++ % count;
}

/* A failed invariant: libFuzzer keeps the input. */
#define FUZZ_CHECK(condition)             \
	do {                              \
		if (!(condition))         \
			__builtin_trap(); \
	} while (0)

#endif
