/* SPDX-License-Identifier: Apache-2.0 */
/* See table.h. */
#include "table.h"

#include <string.h>

#include "../base/error.h"

#define FIRST_SLOTS 16

int kw_table_init(struct kw_table *table, struct kwire_error *error)
{
	memset(table, 0, sizeof(*table));
	if (kw_mutex_init(&table->mutex, KW_RANK_LEAF) != 0)
		return kw_fail(error, KWIRE_ELIMIT, "no mutex to be had");
	return 0;
}

void kw_table_abandon(struct kw_table *table) KW_NO_ANALYSIS
{
	for (size_t i = 0; i < table->slot_count; i++)
		while (table->slots[i] != NULL) {
			struct kw_entry *entry = table->slots[i];

			table->slots[i] = entry->next;
			kw_free(entry);
		}
	kw_free(table->slots);
}

void kw_table_fini(struct kw_table *table)
{
	kw_table_abandon(table);
	kw_mutex_fini(&table->mutex);
}

/* FNV-1a. */
static uint64_t hash_of(const void *key, size_t size)
{
	const uint8_t *bytes = key;
	uint64_t hash = 14695981039346656037u;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ bytes[i]) * 1099511628211u;
	return hash;
}

static struct kw_entry **place_locked(struct kw_table *table, uint64_t hash, const void *key,
				      size_t size)
{
	struct kw_entry **place = &table->slots[hash & (table->slot_count - 1)];

	while (*place != NULL && ((*place)->hash != hash || (*place)->key_size != size ||
				  memcmp((*place)->key, key, size) != 0))
		place = &(*place)->next;
	return place;
}

struct kw_entry *kw_table_find_locked(struct kw_table *table, const void *key, size_t size)
{
	if (table->slot_count == 0)
		return NULL;
	return *place_locked(table, hash_of(key, size), key, size);
}

struct kw_entry *kw_table_remove_locked(struct kw_table *table, const void *key, size_t size)
{
	struct kw_entry **place, *entry;

	if (table->slot_count == 0)
		return NULL;
	place = place_locked(table, hash_of(key, size), key, size);
	entry = *place;
	if (entry != NULL) {
		*place = entry->next;
		table->count--;
	}
	return entry;
}

/* Doubles the slots; the old ones are freed by the caller, after unlocking. */
static struct kw_entry **rehash_locked(struct kw_table *table, struct kw_entry **slots,
				       size_t slot_count)
{
	struct kw_entry **before = table->slots;

	for (size_t i = 0; i < table->slot_count; i++)
		while (before[i] != NULL) {
			struct kw_entry *entry = before[i];

			before[i] = entry->next;
			entry->next = slots[entry->hash & (slot_count - 1)];
			slots[entry->hash & (slot_count - 1)] = entry;
		}
	table->slots = slots;
	table->slot_count = slot_count;
	return before;
}

/* Puts `entry` in the place of one with its key, which goes to the caller. */
static struct kw_entry *put_locked(struct kw_table *table, struct kw_entry *entry)
{
	struct kw_entry **place = place_locked(table, entry->hash, entry->key, entry->key_size);
	struct kw_entry *before = *place;

	entry->next = before != NULL ? before->next : NULL;
	*place = entry;
	if (before == NULL)
		table->count++;
	return before;
}

int kw_table_insert(struct kw_table *table, struct kw_memory *memory, struct kw_entry *entry,
		    struct kwire_error *error)
{
	struct kw_entry **slots = NULL, *before = NULL;
	size_t slot_count = 0;
	bool done;

	entry->hash = hash_of(entry->key, entry->key_size);
	/* Room is allocated with the lock dropped; somebody else may have been faster. */
	for (;;) {
		kw_mutex_lock(&table->mutex);
		if (slot_count > table->slot_count)
			slots = rehash_locked(table, slots, slot_count);
		done = table->count < table->slot_count;
		if (done)
			before = put_locked(table, entry);
		slot_count = table->slot_count == 0 ? FIRST_SLOTS : table->slot_count * 2;
		kw_mutex_unlock(&table->mutex);
		kw_free(slots);
		if (done)
			break;
		slots = kw_alloc_array(memory, slot_count, sizeof(*slots));
		if (slots == NULL) {
			kw_free(entry);
			return kw_fail_memory(error);
		}
		memset(slots, 0, slot_count * sizeof(*slots));
	}
	kw_free(before);
	return 0;
}
