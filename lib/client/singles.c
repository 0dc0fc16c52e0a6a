/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that name several of what they are about, where a broker knows the
 * older form alone, which names one: each item becomes a request of its own, and
 * the responses become items again.  Fields of one struct are copied to those of
 * the same name in another, by the generated rules.  Structs only.
 */
#include <string.h>

#include "../base/error.h"
#include "client.h"
#include "job.h"
#include "merge.h"

static struct kwire_string_array array_at(const void *from, uint16_t offset)
{
	struct kwire_string_array array;

	memcpy(&array, (const char *)from + offset, sizeof(array));
	return array;
}

/* Items of an array that is copied item by item, each with room for a pointer behind it. */
static size_t array_size(const struct kw_copy *copy, int32_t count)
{
	return count > 0 ? ((size_t)count * copy->item_to + 7) & ~(size_t)7 : 0;
}

static size_t copy_size(const struct kw_copy *copies, const void *from)
{
	size_t size = 0;

	for (const struct kw_copy *copy = copies; copy->size != 0; copy++) {
		struct kwire_string_array array;

		if (copy->items == NULL)
			continue;
		array = array_at(from, copy->from);
		size += array_size(copy, array.count);
		for (int32_t i = 0; i < array.count; i++)
			size += copy_size(copy->items,
					  (const char *)array.items + (size_t)i * copy->item_from);
	}
	return size;
}

static char *copy_fields(const struct kw_copy *copies, const void *from, void *to, char *room)
{
	for (const struct kw_copy *copy = copies; copy->size != 0; copy++) {
		struct kwire_string_array array;
		const char *items;

		if (copy->items == NULL) {
			memcpy((char *)to + copy->to, (const char *)from + copy->from, copy->size);
			continue;
		}
		array = array_at(from, copy->from);
		items = (const char *)array.items;
		array.items = (struct kwire_string *)(void *)room;
		memcpy((char *)to + copy->to, &array, sizeof(array));
		if (array.count <= 0)
			continue;
		memset(room, 0, array_size(copy, array.count));
		room += array_size(copy, array.count);
		for (int32_t i = 0; i < array.count; i++)
			room = copy_fields(copy->items, items + (size_t)i * copy->item_from,
					   (char *)array.items + (size_t)i * copy->item_to, room);
	}
	return room;
}

/* A broker does not know batches: all that it got is sent again, one by one. */
static bool needed(struct kw_job *job, int32_t first)
{
	bool any = false;

	if (job->single || job->route == NULL || job->route->single == NULL ||
	    job->leaves[0].item == NULL)
		return false;
	for (int32_t i = first; i < job->piece_count; i++)
		any |= job->pieces[i].error.result == KWIRE_EUNSUPPORTED;
	if (!any || job->options.min_version >= job->route->single->before)
		return false;
	for (int32_t i = 0; i < job->leaf_count; i++)
		job->leaves[i].done = false;
	for (int32_t i = 0; i < job->piece_count; i++) {
		kwire_response_free(job->pieces[i].response);
		kw_free(job->pieces[i].owned);
	}
	job->piece_count = 0;
	job->single = true;
	return true;
}

/* One leaf as a request of its own, for a broker that does not know batches. */
static int cut(struct kw_job *job, const struct kw_leaf *leaf, void **request,
	       struct kwire_error *error)
{
	const struct kwire_route *route = job->route;
	const size_t whole = (job->api->request_size + 7) & ~(size_t)7;
	size_t size = whole + copy_size(route->single->request, leaf->item);
	char *made = kw_alloc(job->client->config->memory, size);

	if (made == NULL)
		return kw_fail_memory(error);
	memcpy(made, job->request, job->api->request_size);
	kw_items_set(made, route->request.items.array, NULL, 0);
	copy_fields(route->single->request, leaf->item, made, made + whole);
	*request = made;
	return 0;
}

/* Every leaf as an item of its own, filled from the response that was about it alone. */
static int merge(struct kw_job *job, int32_t piece, struct kw_merged *merged)
{
	const struct kwire_route *route = job->route;
	const struct kw_level *level = &route->response.items;
	char *items = kw_merge_alloc(merged, (size_t)job->leaf_count, level->size);
	int32_t count = 0;

	if (items == NULL)
		return KWIRE_ENOMEM;
	/* What the response says of one alone is not said of all. */
	for (const struct kw_copy *copy = route->single->response; copy->size != 0; copy++)
		memset(merged->message + copy->from, 0, copy->size);
	for (int32_t i = 0; i < job->leaf_count; i++) {
		const struct kw_leaf *leaf = &job->leaves[i];
		const void *response = leaf->piece >= 0 ? job->pieces[leaf->piece].response : NULL;
		struct kwire_string key = kw_leaf_key(job, leaf);
		char *item = items + (size_t)count * level->size, *room, *name;

		if (response == NULL || (piece >= 0 && leaf->piece != piece))
			continue;
		memset(item, 0, level->size);
		room = kw_merge_alloc(merged, 1, copy_size(route->single->response, response));
		name = kw_merge_alloc(merged, 1, (size_t)(key.size > 0 ? key.size : 0) + 1);
		if (room == NULL || name == NULL)
			return KWIRE_ENOMEM;
		copy_fields(route->single->response, response, item, room);
		if (key.size > 0)
			memcpy(name, key.data, (size_t)key.size);
		name[key.size > 0 ? key.size : 0] = '\0';
		key.data = name;
		memcpy(item + level->key, &key, sizeof(key));
		count++;
	}
	kw_items_set(merged->message, level->array, items, count);
	return 0;
}

const struct kw_singles kw_singles = {
	.needed = needed,
	.cut = cut,
	.merge = merge,
};
