/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory: the user's allocator, the cap of `memory.max.bytes`, and the count
 * of references that lets a response outlive its client.  Everything that
 * kwire allocates comes from here.  Knows nothing of Kafka.
 */
#ifndef KW_MEMORY_H
#define KW_MEMORY_H

#include <stddef.h>

#include <kwire/config.h>

struct kw_memory;

/*
 * A memory over `allocator` (NULL: malloc and friends) that never holds more
 * than `max_bytes` at once (0: no cap).  One reference, the caller's; NULL
 * when the allocator has nothing to give.  Each live allocation holds the
 * memory as a reference does: it ends with the last of both.
 */
struct kw_memory *kw_memory_new(const struct kwire_allocator *allocator, size_t max_bytes);
struct kw_memory *kw_memory_get(struct kw_memory *memory);
void kw_memory_put(struct kw_memory *memory);

/* Changes the cap; what is already over it stays. */
void kw_memory_set_max(struct kw_memory *memory, size_t max_bytes);

/*
 * As malloc, calloc, realloc and free, aligned for any type.  NULL when there
 * is none left or the cap is reached.  A size of 0 gives a valid pointer.
 * kw_free takes NULL and needs no memory: each block knows its own.  Any thread.
 */
void *kw_alloc(struct kw_memory *memory, size_t size);
void *kw_zalloc(struct kw_memory *memory, size_t size);
void *kw_alloc_array(struct kw_memory *memory, size_t count, size_t size);
void *kw_realloc(struct kw_memory *memory, void *data, size_t size);
void kw_free(void *data);

/* A NUL-terminated copy of `size` bytes at `text`. */
char *kw_strndup(struct kw_memory *memory, const char *text, size_t size);
char *kw_strdup(struct kw_memory *memory, const char *text);

/* Overwrites secrets; the compiler may not leave it out. */
void kw_wipe(void *data, size_t size);

/* The memory a block came from (for what is allocated beside it). */
struct kw_memory *kw_memory_of(const void *data);

/* Bytes held now. */
size_t kw_memory_used(const struct kw_memory *memory);

#endif
