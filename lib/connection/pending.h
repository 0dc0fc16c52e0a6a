/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The requests of one connection that wait for an answer: a ring whose size is
 * a power of two, indexed by the low bits of the correlation id.  Ids are
 * handed out in order; one whose slot is still taken (by a call that waits
 * longer than a whole turn) is skipped.  O(1), no hashing, no allocation per
 * call.  Embedded in the connection, guarded by its lock; never allocates, so
 * that it can be grown under that lock.
 */
#ifndef KW_PENDING_H
#define KW_PENDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <kwire/message.h>

struct kwire_call;

enum {
	KW_PENDING_FIRST = 16,              /* slots of a new ring */
	KW_PENDING_LAST_ID = INT32_MAX - 8, /* higher ids are of logins */
	KW_PENDING_MOST_TOMBSTONES = 16384, /* abandoned and unanswered: the peer is beyond hope */
};

enum kw_slot_kind {
	KW_SLOT_FREE,
	KW_SLOT_CALL,
	KW_SLOT_TOMBSTONE, /* abandoned: its answer is dropped */
};

struct kw_slot {
	enum kw_slot_kind kind;
	int32_t id;       /* of a free slot: the last that was handed out here, -1: none */
	int32_t wait_ms;  /* the request's own wait field, 0 where it has none */
	int16_t api_key;  /* for the error of those behind it */
	int64_t since_ms; /* when its request began to leave; until then, when it was queued */
	struct kwire_call *call; /* of KW_SLOT_CALL */
};

struct kw_pending {
	struct kw_slot *slots;
	uint32_t capacity; /* a power of two */
	uint32_t used;     /* tombstones included */
	uint32_t tombstones;
	int32_t next_id;
	int32_t oldest_id; /* no id in use is older; equals next_id when none is in use */
	bool wrapped;      /* every id was handed out once */
};

/* `slots` stay the caller's, who frees kw_pending.slots at last. */
void kw_pending_init(struct kw_pending *pending, struct kw_slot *slots, uint32_t capacity,
		     int32_t first_id);

/* Whether it should have twice the slots before the next add. */
bool kw_pending_is_crowded(const struct kw_pending *pending);

/* Moves to `slots`; returns the old ones, to be freed. */
struct kw_slot *kw_pending_grow(struct kw_pending *pending, struct kw_slot *slots,
				uint32_t capacity);

/* Hands out the next id and its slot.  There must be a free one: grow when crowded. */
struct kw_slot *kw_pending_add(struct kw_pending *pending, struct kwire_call *call);

/* The slot of an id in use, or NULL. */
struct kw_slot *kw_pending_find(const struct kw_pending *pending, int32_t id);

/*
 * Whether `id` was ever handed out here.  One that was skipped was not, as is
 * known until its slot is used again.
 */
bool kw_pending_was_issued(const struct kw_pending *pending, int32_t id);

/* Takes an id, and leaves its slot free: of a one-way request. */
int32_t kw_pending_issue(struct kw_pending *pending);

/* Frees a slot; or keeps its id as a tombstone. */
void kw_pending_remove(struct kw_pending *pending, struct kw_slot *slot);
void kw_pending_abandon(struct kw_pending *pending, struct kw_slot *slot);

/* The slot that has waited longest, or NULL. */
struct kw_slot *kw_pending_oldest(struct kw_pending *pending);

#endif
