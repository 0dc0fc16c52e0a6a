/* SPDX-License-Identifier: Apache-2.0 */
/* See arena.h. */
#include "arena.h"

#define ALIGNMENT   8u
#define CHUNK_FLOOR 1024u

/* The head of a chunk keeps what follows aligned. */
struct head {
	_Alignas(ALIGNMENT) struct kw_chunk chunk;
};

static void use(struct kw_arena *arena, void *room, size_t size)
{
	arena->at = room;
	arena->end = arena->at + size;
}

void kw_arena_init(struct kw_arena *arena, struct kw_memory *memory, void *room, size_t size,
		   uint32_t guess)
{
	arena->memory = memory;
	arena->chunks = NULL;
	arena->used = 0;
	arena->guess = guess;
	use(arena, room, size);
}

/*
 * What the rest of the frame will need: as much a byte as what was read so
 * far, but at least the usual.  Early in a frame the observed ratio says
 * little (an array's memory is taken before its elements are read), so it
 * counts for four times the usual at most.
 */
static size_t forecast(const struct kw_arena *arena, size_t size, size_t consumed, size_t left)
{
	uint64_t usual = (uint64_t)left * arena->guess / 16;
	uint64_t seen = consumed > 0 ? (uint64_t)arena->used * left / consumed : 0;
	uint64_t bytes = seen > 4 * usual ? 4 * usual : seen;

	bytes = (bytes > usual ? bytes : usual) + size;
	if (left == 0) /* nothing to go by: double */
		bytes += arena->used;
	if (bytes < CHUNK_FLOOR)
		bytes = CHUNK_FLOOR;
	return bytes > SIZE_MAX / 2 ? size : (size_t)bytes;
}

static bool grow(struct kw_arena *arena, size_t size, size_t consumed, size_t left)
{
	size_t least = size + sizeof(struct head);
	size_t room = forecast(arena, size, consumed, left) + sizeof(struct head);
	struct head *head = kw_alloc(arena->memory, room);

	/* A cap may stand in the way of the guess, but not of what is needed. */
	while (head == NULL && room > least) {
		room = room / 2 > least ? room / 2 : least;
		head = kw_alloc(arena->memory, room);
	}
	if (head == NULL)
		return false;
	head->chunk.next = arena->chunks;
	arena->chunks = &head->chunk;
	use(arena, head + 1, room - sizeof(*head));
	return true;
}

void *kw_arena_alloc_more(struct kw_arena *arena, size_t size, size_t consumed, size_t left)
{
	if (size > SIZE_MAX / 2)
		return NULL;
	size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	if (!grow(arena, size, consumed, left))
		return NULL;
	return kw_arena_alloc(arena, size, consumed, left);
}

void kw_chunks_free(struct kw_chunk *chunks)
{
	while (chunks != NULL) {
		struct kw_chunk *next = chunks->next;

		kw_free(chunks);
		chunks = next;
	}
}
