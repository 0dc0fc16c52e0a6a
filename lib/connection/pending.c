/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See pending.h.
 *
 * Skipping, not growing, is what a collision costs: one abandoned request that
 * is never answered would else make the ring grow with every turn.  The ring
 * grows when it is three quarters full, so a free slot is near.
 */
#include "pending.h"

#include <string.h>

static uint32_t place(const struct kw_pending *pending, int32_t id)
{
	return (uint32_t)id & (pending->capacity - 1);
}

static int32_t after(int32_t id)
{
	return id == KW_PENDING_LAST_ID ? 0 : id + 1;
}

static void clear(struct kw_slot *slots, uint32_t capacity)
{
	memset(slots, 0, capacity * sizeof(*slots));
	for (uint32_t i = 0; i < capacity; i++)
		slots[i].id = -1;
}

void kw_pending_init(struct kw_pending *pending, struct kw_slot *slots, uint32_t capacity,
		     int32_t first_id)
{
	memset(pending, 0, sizeof(*pending));
	clear(slots, capacity);
	pending->slots = slots;
	pending->capacity = capacity;
	pending->next_id = pending->oldest_id = first_id;
}

bool kw_pending_is_crowded(const struct kw_pending *pending)
{
	return pending->used >= pending->capacity - pending->capacity / 4;
}

struct kw_slot *kw_pending_grow(struct kw_pending *pending, struct kw_slot *slots,
				uint32_t capacity)
{
	struct kw_slot *before = pending->slots;
	uint32_t count = pending->capacity;

	clear(slots, capacity);
	pending->slots = slots;
	pending->capacity = capacity;
	/* Ids that differed in the low bits still do: nothing can collide. */
	for (uint32_t i = 0; i < count; i++)
		if (before[i].id >= 0)
			slots[place(pending, before[i].id)] = before[i];
	return before;
}

/* The slot of the next id that is not taken, which is then handed out. */
static struct kw_slot *next_slot(struct kw_pending *pending)
{
	struct kw_slot *slot;
	int32_t id;

	do {
		id = pending->next_id;
		slot = &pending->slots[place(pending, id)];
		pending->next_id = after(id);
		if (pending->next_id == 0)
			pending->wrapped = true;
	} while (slot->kind != KW_SLOT_FREE);
	if (pending->used == 0)
		pending->oldest_id = pending->next_id;
	slot->id = id;
	return slot;
}

int32_t kw_pending_issue(struct kw_pending *pending)
{
	return next_slot(pending)->id;
}

struct kw_slot *kw_pending_add(struct kw_pending *pending, struct kwire_call *call)
{
	struct kw_slot *slot = next_slot(pending);
	int32_t id = slot->id;

	if (pending->used++ == 0)
		pending->oldest_id = id;
	memset(slot, 0, sizeof(*slot));
	slot->kind = KW_SLOT_CALL;
	slot->id = id;
	slot->call = call;
	return slot;
}

struct kw_slot *kw_pending_find(const struct kw_pending *pending, int32_t id)
{
	struct kw_slot *slot = &pending->slots[place(pending, id)];

	return slot->kind != KW_SLOT_FREE && slot->id == id ? slot : NULL;
}

/* How many ids were passed since `id`, itself included. */
static uint32_t age(const struct kw_pending *pending, int32_t id)
{
	return (uint32_t)(pending->next_id > id ? pending->next_id - id
						: KW_PENDING_LAST_ID - id + 1 + pending->next_id);
}

bool kw_pending_was_issued(const struct kw_pending *pending, int32_t id)
{
	const struct kw_slot *slot = &pending->slots[place(pending, id)];

	if (id < 0 || id > KW_PENDING_LAST_ID || (!pending->wrapped && id >= pending->next_id))
		return false;
	/* Younger than the last one of its slot: passed over. */
	return slot->id < 0 || age(pending, id) >= age(pending, slot->id);
}

void kw_pending_remove(struct kw_pending *pending, struct kw_slot *slot)
{
	if (slot->kind == KW_SLOT_TOMBSTONE)
		pending->tombstones--;
	slot->kind = KW_SLOT_FREE;
	slot->call = NULL;
	if (--pending->used == 0)
		pending->oldest_id = pending->next_id;
}

void kw_pending_abandon(struct kw_pending *pending, struct kw_slot *slot)
{
	slot->kind = KW_SLOT_TOMBSTONE;
	slot->call = NULL;
	pending->tombstones++;
}

struct kw_slot *kw_pending_oldest(struct kw_pending *pending)
{
	struct kw_slot *slot;

	if (pending->used == 0)
		return NULL;
	/* Each id is passed over once in the life of a connection. */
	for (;;) {
		slot = kw_pending_find(pending, pending->oldest_id);
		if (slot != NULL)
			return slot;
		pending->oldest_id = after(pending->oldest_id);
	}
}
