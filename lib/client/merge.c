/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One response of several, in the order of the request.  Its items are copies
 * of the pieces' items, whose blocks it takes over: kwire_response_free()
 * frees all.  Structs only.
 */
#include <string.h>

#include "../base/error.h"
#include "../protocol/arena.h"
#include "../protocol/response.h"
#include "client.h"
#include "job.h"
#include "merge.h"

/* A leaf of the merged response: answered, in the piece that is asked for (-1: in any). */
static bool chosen(const struct kw_leaf *leaf, int32_t piece)
{
	return leaf->answer != NULL && (piece < 0 || leaf->piece == piece);
}

/* The longest throttle time is that of the whole. */
static void raise_throttle(const struct kwire_api *api, char *merged, const void *response)
{
	int32_t most, one;

	if (api->throttle_offset < 0)
		return;
	memcpy(&most, merged + api->throttle_offset, sizeof(most));
	memcpy(&one, (const char *)response + api->throttle_offset, sizeof(one));
	if (one > most)
		memcpy(merged + api->throttle_offset, &one, sizeof(one));
}

/* What the response says besides its items: as the first piece that was not refused says it. */
static const struct kw_piece *template_of(const struct kw_job *job, int32_t piece)
{
	const struct kw_piece *found = NULL;

	for (int32_t i = 0; i < job->piece_count; i++) {
		const struct kw_piece *one = &job->pieces[i];

		if (one->response == NULL || (piece >= 0 && piece != i))
			continue;
		if (found == NULL || (found->error.result != 0 && one->error.result == 0))
			found = one;
	}
	return found;
}

int kw_merge_begin(struct kw_job *job, int32_t piece, struct kw_merged *merged,
		   struct kwire_error *error)
{
	merged->block = kw_response_new_sized(job->client->config->memory, job->api->response_size,
					      0, 0);
	if (merged->block == NULL)
		return kw_fail_memory(error);
	merged->message = kw_response_build(merged->block, &merged->arena);
	memcpy(merged->message, template_of(job, piece)->response, job->api->response_size);
	for (int32_t i = 0; i < job->piece_count; i++)
		if (job->pieces[i].response != NULL && (piece < 0 || piece == i))
			raise_throttle(job->api, merged->message, job->pieces[i].response);
	return 0;
}

void kw_merge_end(struct kw_job *job, int32_t piece, struct kw_merged *merged, void **response)
{
	kw_response_built(merged->block, &merged->arena);
	for (int32_t i = 0; i < job->piece_count; i++) {
		if (piece >= 0 && piece != i)
			continue;
		if (job->pieces[i].response != NULL)
			kw_response_adopt(merged->block, job->pieces[i].response);
		job->pieces[i].response = NULL;
	}
	*response = merged->message;
}

void *kw_merge_alloc(struct kw_merged *merged, size_t count, size_t size)
{
	if (size != 0 && count > SIZE_MAX / 2 / size)
		return NULL;
	return kw_arena_alloc(&merged->arena, count * size, 0, 0);
}

void kw_merge_fail(struct kw_merged *merged)
{
	kw_response_built(merged->block, &merged->arena);
	kw_response_drop(merged->block);
}

static int merge_items(struct kw_job *job, int32_t piece, struct kw_merged *merged)
{
	const struct kw_shape *shape = &job->route->response;
	const char *last = NULL;
	size_t item_count = 0, part_count = 0;
	char *items, *parts, *item = NULL;
	int32_t of_item = 0;

	for (int32_t i = 0; i < job->leaf_count; i++) {
		const struct kw_leaf *leaf = &job->leaves[i];

		if (!chosen(leaf, piece))
			continue;
		item_count += leaf->item != last;
		part_count += leaf->part != NULL;
		last = leaf->item;
	}
	items = kw_merge_alloc(merged, item_count, shape->items.size);
	parts = kw_merge_alloc(merged, part_count, part_count > 0 ? shape->parts.size : 0);
	if (items == NULL || parts == NULL)
		return KWIRE_ENOMEM;
	kw_items_set(merged->message, shape->items.array, items, (int32_t)item_count);
	last = NULL;
	for (int32_t i = 0; i < job->leaf_count; i++) {
		const struct kw_leaf *leaf = &job->leaves[i];

		if (!chosen(leaf, piece))
			continue;
		if (leaf->item != last) {
			item = items;
			items += shape->items.size;
			memcpy(item, leaf->answer, shape->items.size);
			of_item = 0;
			last = leaf->item;
		}
		if (leaf->part == NULL)
			continue;
		memcpy(parts, leaf->answer_part, shape->parts.size);
		parts += shape->parts.size;
		of_item++;
		kw_items_set(item, shape->parts.array, parts - (size_t)of_item * shape->parts.size,
			     of_item);
	}
	return 0;
}

int kw_merge(struct kw_job *job, int32_t piece, void **response, struct kwire_error *error)
{
	struct kw_merged merged;
	int result = kw_merge_begin(job, piece, &merged, error);

	if (result != 0)
		return result;
	result = job->single ? job->target->singles->merge(job, piece, &merged)
			     : merge_items(job, piece, &merged);
	if (result != 0) {
		kw_merge_fail(&merged);
		return kw_fail_memory(error);
	}
	kw_merge_end(job, piece, &merged, response);
	return 0;
}
