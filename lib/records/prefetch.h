/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bringing memory into the caches ahead of its use.  While records are taken
 * apart or put together the memory idles, and while bytes are summed or copied
 * it is the limit; asking early evens that out.  A wrong guess costs nothing.
 */
#ifndef KW_PREFETCH_H
#define KW_PREFETCH_H

#include <stddef.h>
#include <stdint.h>

/* Beyond this the processor has noticed by itself where we are going. */
#define KW_PREFETCH_MAX 4096

/* Asks for `size` bytes at `from`, which need not be readable, or be there at all. */
static inline void kw_prefetch(const void *from, size_t size)
{
#if defined(__GNUC__)
	uintptr_t at = (uintptr_t)from;

	if (size <= KW_PREFETCH_MAX)
		for (uintptr_t end = at + size; at < end; at += 64)
			__builtin_prefetch((const void *)at);
#else
	(void)from, (void)size;
#endif
}

#endif
