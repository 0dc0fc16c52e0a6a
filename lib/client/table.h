/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hash table of things with a name: topics (leaders.c), coordinators.  It
 * doubles; what it needs is allocated and freed with its lock dropped.  Knows
 * nothing of what it holds.
 */
#ifndef KW_TABLE_H
#define KW_TABLE_H

#include <kwire/result.h>

#include "../base/lock.h"
#include "../base/memory.h"

/* The first member of what is in a table: one block, with the key in it. */
struct kw_entry {
	struct kw_entry *next; /* in its slot */
	uint64_t hash;
	const void *key;
	size_t key_size;
};

struct kw_table {
	struct kw_mutex mutex;
	struct kw_entry **slots;
	size_t slot_count; /* a power of two, or 0 */
	size_t count;
};

int kw_table_init(struct kw_table *table, struct kwire_error *error);
void kw_table_fini(struct kw_table *table);

/* The same in a child of fork(2), where the lock may be held for ever: does not touch it. */
void kw_table_abandon(struct kw_table *table);

/* The entry of that key, NULL: none. */
struct kw_entry *kw_table_find_locked(struct kw_table *table, const void *key, size_t size)
	KW_REQUIRES(table->mutex);

/*
 * Adds `entry`, which is the table's then, in the place of one with the same
 * key; frees it where there is no memory for that.
 */
int kw_table_insert(struct kw_table *table, struct kw_memory *memory, struct kw_entry *entry,
		    struct kwire_error *error) KW_EXCLUDES(table->mutex);

/* Takes the entry of that key out; the caller frees it, with the lock dropped. */
struct kw_entry *kw_table_remove_locked(struct kw_table *table, const void *key, size_t size)
	KW_REQUIRES(table->mutex);

#endif
