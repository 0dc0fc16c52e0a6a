/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See memory.h.  Each block is preceded by a header that names its memory and
 * size, so that a block can be freed by any thread, long after the client that
 * asked for it is gone, and so that the cap is exact.
 */
#include "memory.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct kw_memory {
	struct kwire_allocator allocator;
	atomic_size_t max_bytes; /* 0: no cap */
	atomic_size_t used;
	atomic_size_t references; /* users and live blocks */
};

struct block {
	_Alignas(max_align_t) struct kw_memory *memory;
	size_t size;
};

static void *system_allocate(void *context, size_t size)
{
	(void)context;
	return malloc(size);
}

static void *system_reallocate(void *context, void *data, size_t size)
{
	(void)context;
	return realloc(data, size);
}

static void system_release(void *context, void *data)
{
	(void)context;
	free(data);
}

static const struct kwire_allocator system_allocator = {
	sizeof(struct kwire_allocator), NULL, system_allocate, system_reallocate, system_release,
};

struct kw_memory *kw_memory_new(const struct kwire_allocator *allocator, size_t max_bytes)
{
	struct kw_memory *memory;

	if (allocator == NULL)
		allocator = &system_allocator;
	memory = allocator->allocate(allocator->context, sizeof(*memory));
	if (memory == NULL)
		return NULL;
	memory->allocator = *allocator;
	atomic_init(&memory->max_bytes, max_bytes);
	atomic_init(&memory->used, 0);
	atomic_init(&memory->references, 1);
	return memory;
}

struct kw_memory *kw_memory_get(struct kw_memory *memory)
{
	atomic_fetch_add_explicit(&memory->references, 1, memory_order_relaxed);
	return memory;
}

void kw_memory_put(struct kw_memory *memory)
{
	if (memory == NULL ||
	    atomic_fetch_sub_explicit(&memory->references, 1, memory_order_acq_rel) != 1)
		return;
	memory->allocator.release(memory->allocator.context, memory);
}

void kw_memory_set_max(struct kw_memory *memory, size_t max_bytes)
{
	atomic_store_explicit(&memory->max_bytes, max_bytes, memory_order_relaxed);
}

size_t kw_memory_used(const struct kw_memory *memory)
{
	return atomic_load_explicit(&((struct kw_memory *)(uintptr_t)memory)->used,
				    memory_order_relaxed);
}

/* Books `size` more bytes, unless the cap forbids it. */
static bool charge(struct kw_memory *memory, size_t size)
{
	size_t max = atomic_load_explicit(&memory->max_bytes, memory_order_relaxed);
	size_t before = atomic_fetch_add_explicit(&memory->used, size, memory_order_relaxed);

	if (max == 0 || (size <= max && before <= max - size))
		return true;
	atomic_fetch_sub_explicit(&memory->used, size, memory_order_relaxed);
	return false;
}

static void discharge(struct kw_memory *memory, size_t size)
{
	atomic_fetch_sub_explicit(&memory->used, size, memory_order_relaxed);
}

void *kw_alloc(struct kw_memory *memory, size_t size)
{
	struct block *block;

	if (size > SIZE_MAX - sizeof(*block))
		return NULL;
	size += sizeof(*block);
	if (!charge(memory, size))
		return NULL;
	block = memory->allocator.allocate(memory->allocator.context, size);
	if (block == NULL) {
		discharge(memory, size);
		return NULL;
	}
	block->memory = kw_memory_get(memory);
	block->size = size;
	return block + 1;
}

void *kw_zalloc(struct kw_memory *memory, size_t size)
{
	void *data = kw_alloc(memory, size);

	if (data != NULL)
		memset(data, 0, size);
	return data;
}

void *kw_alloc_array(struct kw_memory *memory, size_t count, size_t size)
{
	if (size != 0 && count > SIZE_MAX / size)
		return NULL;
	return kw_alloc(memory, count * size);
}

void *kw_realloc(struct kw_memory *memory, void *data, size_t size)
{
	struct block *block;
	size_t before;

	if (data == NULL)
		return kw_alloc(memory, size);
	if (size > SIZE_MAX - sizeof(*block))
		return NULL;
	size += sizeof(*block);
	block = (struct block *)data - 1;
	memory = block->memory;
	before = block->size;
	if (size > before && !charge(memory, size - before))
		return NULL;
	block = memory->allocator.reallocate(memory->allocator.context, block, size);
	if (block == NULL) {
		if (size > before)
			discharge(memory, size - before);
		return NULL;
	}
	if (size < before)
		discharge(memory, before - size);
	block->size = size;
	return block + 1;
}

void kw_free(void *data)
{
	struct block *block;
	struct kw_memory *memory;

	if (data == NULL)
		return;
	block = (struct block *)data - 1;
	memory = block->memory;
	discharge(memory, block->size);
	memory->allocator.release(memory->allocator.context, block);
	kw_memory_put(memory);
}

struct kw_memory *kw_memory_of(const void *data)
{
	return ((const struct block *)data - 1)->memory;
}

char *kw_strndup(struct kw_memory *memory, const char *text, size_t size)
{
	char *copy = size == SIZE_MAX ? NULL : kw_alloc(memory, size + 1);

	if (copy != NULL) {
		memcpy(copy, text, size);
		copy[size] = '\0';
	}
	return copy;
}

char *kw_strdup(struct kw_memory *memory, const char *text)
{
	return kw_strndup(memory, text, strlen(text));
}

void kw_wipe(void *data, size_t size)
{
	volatile unsigned char *bytes = data;

	while (size-- > 0)
		*bytes++ = 0;
}
