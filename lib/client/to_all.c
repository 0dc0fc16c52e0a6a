/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests for every broker, each of which knows a part: their lists are
 * strung together, an entry that two of them have (a group that moved
 * meanwhile) once.
 */
#include <string.h>

#include "../base/error.h"
#include "../protocol/response.h"
#include "client.h"
#include "job.h"
#include "merge.h"

enum {
	COORDINATOR_LOAD_IN_PROGRESS = 14,
	COORDINATOR_NOT_AVAILABLE = 15,
};

/* Keys seen so far: an open hash table of places in the list, counted from 1. */
struct seen {
	uint32_t *slots;
	size_t mask;
	const struct kw_level *level;
	const char *items;
};

static struct kwire_string key_of(const struct kw_level *level, const char *item)
{
	struct kwire_string key;

	memcpy(&key, item + level->key, sizeof(key));
	if (key.size < 0 || key.data == NULL)
		key.size = 0;
	return key;
}

/* Whether the key of `item` is new, which takes the place `index`. */
static bool is_new(struct seen *seen, const char *item, uint32_t index)
{
	struct kwire_string key = key_of(seen->level, item), other;
	uint32_t hash = 2166136261u;
	size_t at;

	for (int32_t i = 0; i < key.size; i++)
		hash = (hash ^ (uint8_t)key.data[i]) * 16777619u;
	for (at = hash & seen->mask; seen->slots[at] != 0; at = (at + 1) & seen->mask) {
		other = key_of(seen->level,
			       seen->items + (size_t)(seen->slots[at] - 1) * seen->level->size);
		if (other.size == key.size &&
		    (key.size == 0 || memcmp(other.data, key.data, (size_t)key.size) == 0))
			return false;
	}
	seen->slots[at] = index + 1;
	return true;
}

static int string_together(struct kw_job *job, struct kw_merged *merged, size_t total)
{
	const struct kw_level *level = &job->route->response.items;
	struct seen seen = {NULL, 15, level, NULL};
	struct kwire_string_array array = {NULL, 0};
	char *items = kw_merge_alloc(merged, total, level->size);
	uint32_t count = 0;

	if (items == NULL)
		return KWIRE_ENOMEM;
	if (level->key != KW_NONE) {
		while (seen.mask < total * 2)
			seen.mask = seen.mask * 2 + 1;
		seen.slots = kw_alloc_array(job->client->config->memory, seen.mask + 1,
					    sizeof(*seen.slots));
		if (seen.slots == NULL)
			return KWIRE_ENOMEM;
		memset(seen.slots, 0, (seen.mask + 1) * sizeof(*seen.slots));
		seen.items = items;
	}
	for (int32_t i = 0; i < job->piece_count; i++) {
		int32_t more = 0;
		const char *item = NULL;

		if (job->pieces[i].response != NULL)
			item = kw_items_at(job->pieces[i].response, level, &more);
		for (int32_t k = 0; k < more; k++, item += level->size)
			if (seen.slots == NULL || is_new(&seen, item, count))
				memcpy(items + (size_t)count++ * level->size, item, level->size);
	}
	kw_free(seen.slots);
	array.items = (struct kwire_string *)(void *)items;
	array.count = (int32_t)count;
	memcpy(merged->message + level->array, &array, sizeof(array));
	return 0;
}

static int merge(struct kw_job *job, void **response, struct kwire_error *error)
{
	struct kw_merged merged;
	size_t total = 0;
	int result;

	for (int32_t i = 0; i < job->piece_count; i++) {
		int32_t more = 0;

		if (job->pieces[i].response != NULL)
			kw_items_at(job->pieces[i].response, &job->route->response.items, &more);
		total += (size_t)more;
	}
	if (total > INT32_MAX)
		return kw_fail(error, KWIRE_ETOOLARGE, "more entries than a response can have");
	result = kw_merge_begin(job, -1, &merged, error);
	if (result != 0)
		return result;
	if (string_together(job, &merged, total) != 0) {
		kw_merge_fail(&merged);
		return kw_fail_memory(error);
	}
	kw_merge_end(job, -1, &merged, response);
	return 0;
}

/* One leaf a broker, each the whole request. */
static int make_leaves(struct kw_job *job)
{
	struct kwire_broker_info *brokers;
	int count, result = 0;

	if (!job->sharded && (job->route == NULL || job->route->response.items.array == KW_NONE))
		return kw_fail(&job->error, KWIRE_EINVAL,
			       "answers of several brokers to %s cannot be put together: see "
			       "kwire_send_sharded()",
			       job->api->name);

	if (kw_metadata_updated_ms(&job->client->metadata) < 0 || kw_metadata_aged(job->client))
		result = kw_metadata_refresh(job->client, job->deadline_ms, &job->error);
	if (result != 0 && kw_pool_list(&job->client->pool, NULL, 0) == 0) {
		job->error.outcome = KWIRE_NOT_SENT;
		return result;
	}
	count = kw_pool_list(&job->client->pool, NULL, 0);
	brokers = kw_alloc_array(job->client->config->memory, (size_t)count, sizeof(*brokers));
	if (brokers == NULL)
		return kw_fail_memory(&job->error);
	if (kw_pool_list(&job->client->pool, brokers, count) < count)
		count = kw_pool_list(&job->client->pool, brokers, count);
	job->leaves = job->few;
	if ((size_t)count > sizeof(job->few) / sizeof(*job->few))
		job->leaves = kw_alloc_array(job->client->config->memory, (size_t)count,
					     sizeof(*job->leaves));
	if (job->leaves == NULL)
		result = kw_fail_memory(&job->error);
	else
		result = 0;
	for (int i = 0; result == 0 && i < count; i++) {
		memset(&job->leaves[i], 0, sizeof(job->leaves[i]));
		job->leaves[i].broker_id = brokers[i].node_id;
		job->leaves[i].piece = -1;
	}
	job->leaf_count = count;
	kw_free(brokers);
	return result;
}

static int keep(struct kw_job *job)
{
	(void)job;
	return 0;
}

/* The broker may be gone: then there is nothing of its to be listed. */
static void accuse(struct kw_job *job, const struct kw_leaf *leaf, int16_t code)
{
	(void)job;
	(void)leaf;
	(void)code;
}

static enum kw_verdict judge(int16_t code)
{
	return code == COORDINATOR_LOAD_IN_PROGRESS || code == COORDINATOR_NOT_AVAILABLE
		       ? KW_LATER
		       : KW_ANSWER;
}

const struct kwire_target kwire_to_all = {
	.divides = true,
	.send = kw_route_pieces,
	.open = make_leaves,
	.find = keep,
	.judge = judge,
	.accuse = accuse,
	.merge = merge,
};
