/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a decoded message's arrays and optional structs live: the spare room
 * of the block that holds its frame, then, where the guess was too small,
 * chunks.  Used by reader.c; owned and freed by response.c.
 */
#ifndef KW_ARENA_H
#define KW_ARENA_H

#include <stddef.h>
#include <stdint.h>

#include "../base/memory.h"

struct kw_chunk {
	struct kw_chunk *next;
};

struct kw_arena {
	uint8_t *at;
	uint8_t *end;
	struct kw_memory *memory;
	struct kw_chunk *chunks; /* newest first */
	size_t used;             /* bytes handed out */
	uint32_t guess;          /* expected bytes of memory for 16 bytes of frame */
};

/* An arena that begins with `size` bytes at `room`, which stay their owner's. */
void kw_arena_init(struct kw_arena *arena, struct kw_memory *memory, void *room, size_t size,
		   uint32_t guess);

/*
 * `size` bytes, aligned for any member of a message, or NULL.  `consumed` and
 * `left`, bytes of the frame before and after the cursor, are what the size of
 * a new chunk is guessed from.
 */
void *kw_arena_alloc_more(struct kw_arena *arena, size_t size, size_t consumed, size_t left);
static inline void *kw_arena_alloc(struct kw_arena *arena, size_t size, size_t consumed,
				   size_t left)
{
	size_t room = (size_t)(arena->end - arena->at);
	uint8_t *data = arena->at;

	if (size > room || ((size + 7) & ~(size_t)7) > room)
		return kw_arena_alloc_more(arena, size, consumed, left);
	size = (size + 7) & ~(size_t)7;
	arena->at += size;
	arena->used += size;
	return data;
}

/* Frees the chunks. */
void kw_chunks_free(struct kw_chunk *chunks);

#endif
