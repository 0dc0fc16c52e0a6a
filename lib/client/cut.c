/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of a request that one broker gets: a copy of the request's struct
 * whose items, and parts of items, are those of the broker's leaves.  What
 * they point to stays the caller's.  Structs only.
 */
#include <string.h>

#include "../base/error.h"
#include "client.h"
#include "job.h"

static size_t rounded(size_t size)
{
	return (size + 7) & ~(size_t)7;
}

void kw_items_set(char *structure, uint16_t offset, char *items, int32_t count)
{
	struct kwire_string_array array;

	array.items = (struct kwire_string *)(void *)items;
	array.count = count;
	memcpy(structure + offset, &array, sizeof(array));
}

int kw_cut(struct kw_job *job, int32_t piece, void **request, struct kwire_error *error)
{
	const struct kw_shape *shape = &job->route->request;
	const char *last = NULL;
	size_t items = 0, parts = 0, size;
	char *made, *item, *part;
	int32_t item_count = 0, part_count = 0;

	for (int32_t i = 0; i < job->leaf_count; i++) {
		const struct kw_leaf *leaf = &job->leaves[i];

		if (leaf->piece != piece)
			continue;
		if (job->single)
			return job->target->singles->cut(job, leaf, request, error);
		items += leaf->item != last;
		parts += leaf->part != NULL;
		last = leaf->item;
	}
	size = rounded(job->api->request_size) + rounded(items * shape->items.size);
	made = kw_alloc(job->client->config->memory, size + parts * shape->parts.size);
	if (made == NULL)
		return kw_fail_memory(error);
	memcpy(made, job->request, job->api->request_size);
	item = made + rounded(job->api->request_size);
	part = made + size;
	kw_items_set(made, shape->items.array, item, (int32_t)items);
	last = NULL;
	for (int32_t i = 0; i < job->leaf_count; i++) {
		const struct kw_leaf *leaf = &job->leaves[i];

		if (leaf->piece != piece)
			continue;
		if (leaf->item != last) {
			item = made + rounded(job->api->request_size) +
			       (size_t)item_count++ * shape->items.size;
			memcpy(item, leaf->item, shape->items.size);
			part_count = 0;
			last = leaf->item;
		}
		if (leaf->part == NULL)
			continue;
		memcpy(part, leaf->part, shape->parts.size);
		part += shape->parts.size;
		part_count++;
		kw_items_set(item, shape->parts.array,
			     part - (size_t)part_count * shape->parts.size, part_count);
	}
	*request = made;
	return 0;
}
