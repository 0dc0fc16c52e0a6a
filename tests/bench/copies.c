/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows `counts_copied_…`: bytes that are copied in this process.  The
 * linker has every memcpy() and memmove() of kwire and the benchmark pass by
 * here (--wrap); the servers are processes of their own.
 */
#include "bench.h"

#include <stdatomic.h>
#include <string.h>

static atomic_bool counting;
static atomic_size_t copied;

void *__real_memcpy(void *to, const void *from, size_t size);
void *__real_memmove(void *to, const void *from, size_t size);
void *__wrap_memcpy(void *to, const void *from, size_t size);
void *__wrap_memmove(void *to, const void *from, size_t size);

static inline void count(size_t size)
{
	if (__builtin_expect(atomic_load_explicit(&counting, memory_order_relaxed), 0))
		atomic_fetch_add(&copied, size);
}

void *__wrap_memcpy(void *to, const void *from, size_t size)
{
	count(size);
	return __real_memcpy(to, from, size);
}

void *__wrap_memmove(void *to, const void *from, size_t size)
{
	count(size);
	return __real_memmove(to, from, size);
}

size_t bench_copied(void (*run)(void *context, int count), void *context, int units)
{
	size_t before = copied;

	counting = true;
	run(context, units);
	counting = false;
	return copied - before;
}
