/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leaves: what a request names, in its order, and where a response answers
 * each.  Structs only: no I/O, no cluster.  Everything goes by the offsets of
 * the route.
 */
#include <string.h>

#include "../base/error.h"
#include "client.h"
#include "job.h"

static bool has_parts(const struct kw_shape *shape)
{
	return shape->parts.array != KW_NONE && shape->parts.key != KW_NONE;
}

/* Counts the leaves, or fills them in. */
static int64_t walk(const struct kw_job *job, struct kw_leaf *leaves)
{
	const struct kw_shape *shape = &job->route->request;
	int32_t items, parts;
	const char *item, *part;
	int64_t count = 0;

	item = kw_items_at(job->request, &shape->items, &items);
	for (int32_t i = 0; i < items; i++, item += shape->items.size) {
		part = NULL;
		parts = 1;
		if (has_parts(shape))
			part = kw_items_at(item, &shape->parts, &parts);
		for (int32_t k = 0; k < parts; k++, count++) {
			if (leaves != NULL) {
				struct kw_leaf *leaf = &leaves[count];

				memset(leaf, 0, sizeof(*leaf));
				leaf->item = item;
				leaf->part = part;
				leaf->piece = -1;
			}
			if (part != NULL)
				part += shape->parts.size;
		}
	}
	return count;
}

int kw_leaves_new(struct kw_job *job)
{
	const size_t few = sizeof(job->few) / sizeof(*job->few);
	int64_t count = job->options.target_key == NULL && job->route != NULL ? walk(job, NULL) : 0;

	kw_leaves_whole(job);
	if (count == 0)
		return 0; /* nothing to divide */
	job->leaf_count = (int32_t)count;
	if (count > INT32_MAX)
		return kw_fail(&job->error, KWIRE_EINVAL, "too many partitions in one request");
	if ((uint64_t)count > few)
		job->leaves = kw_alloc_array(job->client->config->memory, (size_t)count,
					     sizeof(*job->leaves));
	if (job->leaves == NULL)
		return kw_fail_memory(&job->error);
	walk(job, job->leaves);
	return 0;
}

void kw_leaves_free(struct kw_job *job)
{
	if (job->leaves != job->few)
		kw_free(job->leaves);
}

static struct kwire_string string_at(const char *structure, uint16_t offset)
{
	struct kwire_string string = {NULL, 0};

	if (offset != KW_NONE)
		memcpy(&string, structure + offset, sizeof(string));
	return string;
}

static struct kwire_uuid uuid_at(const char *structure, uint16_t offset)
{
	struct kwire_uuid uuid = KWIRE_UUID_INIT;

	if (offset != KW_NONE)
		memcpy(&uuid, structure + offset, sizeof(uuid));
	return uuid;
}

static int8_t type_at(const char *structure, uint16_t offset)
{
	return offset != KW_NONE ? (int8_t)structure[offset] : 0;
}

static int32_t int32_at(const char *structure, uint16_t offset)
{
	int32_t value = -1;

	if (offset != KW_NONE)
		memcpy(&value, structure + offset, sizeof(value));
	return value;
}

static struct kwire_string key_at(const char *item, const struct kw_level *level)
{
	return string_at(item, level->key != KW_NONE ? level->key : level->name);
}

struct kwire_string kw_leaf_key(const struct kw_job *job, const struct kw_leaf *leaf)
{
	struct kwire_string none = {NULL, 0};

	if (leaf->item != NULL)
		return key_at(leaf->item, &job->route->request.items);
	if (job->options.target_key != NULL)
		return kwire_string(job->options.target_key);
	return job->route != NULL ? string_at(job->request, job->route->request.key) : none;
}

int32_t kw_leaf_partition(const struct kw_job *job, const struct kw_leaf *leaf)
{
	if (leaf->item == NULL)
		return job->options.target_partition;
	return leaf->part != NULL ? int32_at(leaf->part, job->route->request.parts.key) : -1;
}

struct kwire_uuid kw_leaf_topic_id(const struct kw_job *job, const struct kw_leaf *leaf)
{
	struct kwire_uuid none = KWIRE_UUID_INIT;

	return leaf->item != NULL ? uuid_at(leaf->item, job->route->request.items.id) : none;
}

int8_t kw_leaf_type(const struct kw_job *job, const struct kw_leaf *leaf)
{
	return type_at(leaf->item, job->route->request.items.extra);
}

/* Whether an item of a response is about what one of the request names. */
static bool same_item(const struct kwire_route *route, const char *asked, const char *answer)
{
	const struct kw_level *from = &route->request.items, *to = &route->response.items;
	struct kwire_uuid id = uuid_at(asked, from->id), answered = uuid_at(answer, to->id);
	struct kwire_string key = key_at(asked, from), name = key_at(answer, to);

	if (!kwire_uuid_is_zero(id) && !kwire_uuid_is_zero(answered))
		return memcmp(&id, &answered, sizeof(id)) == 0;
	return key.size == name.size &&
	       (key.size <= 0 || memcmp(key.data, name.data, (size_t)key.size) == 0) &&
	       (from->extra == KW_NONE ||
		type_at(asked, from->extra) == type_at(answer, to->extra));
}

/*
 * A place in a response.  Brokers answer mostly in the order in which they were
 * asked, so looking goes on where the last answer was found.
 */
struct cursor {
	int32_t item;
	int32_t part;
};

static const char *find_item(const struct kwire_route *route, const void *response,
			     const struct kw_leaf *leaf, struct cursor *cursor)
{
	int32_t count;
	const char *items = kw_items_at(response, &route->response.items, &count);

	for (int32_t i = 0; i < count; i++) {
		int32_t at = (cursor->item + i) % count;
		const char *item = items + (size_t)at * route->response.items.size;

		if (!same_item(route, leaf->item, item))
			continue;
		if (at != cursor->item)
			cursor->part = 0;
		cursor->item = at;
		return item;
	}
	return NULL;
}

static const char *find_part(const struct kwire_route *route, const struct kw_leaf *leaf,
			     struct cursor *cursor)
{
	const struct kw_level *level = &route->response.parts;
	const int32_t wanted = int32_at(leaf->part, route->request.parts.key);
	int32_t count;
	const char *parts = kw_items_at(leaf->answer, level, &count);

	for (int32_t i = 0; i < count; i++) {
		int32_t at = (cursor->part + i) % count;
		const char *part = parts + (size_t)at * level->size;

		if (int32_at(part, level->key) == wanted) {
			cursor->part = at + 1;
			return part;
		}
	}
	return NULL;
}

void kw_leaves_match(struct kw_job *job, int32_t piece)
{
	const void *response = job->pieces[piece].response;
	struct cursor cursor = {0, 0};

	for (int32_t i = 0; i < job->leaf_count; i++) {
		struct kw_leaf *leaf = &job->leaves[i];

		if (leaf->piece != piece || leaf->item == NULL)
			continue;
		leaf->answer_part = NULL;
		leaf->answer = find_item(job->route, response, leaf, &cursor);
		if (leaf->answer == NULL)
			continue;
		if (leaf->part != NULL)
			leaf->answer_part = find_part(job->route, leaf, &cursor);
		else
			cursor.item++; /* a key that is asked for twice is answered twice */
		if (leaf->part != NULL && leaf->answer_part == NULL)
			leaf->answer = NULL;
	}
}

int16_t kw_leaf_code(const struct kw_job *job, const struct kw_leaf *leaf)
{
	const struct kw_shape *shape = &job->route->response;
	const void *response = job->pieces[leaf->piece].response;
	int16_t code = 0;

	if (leaf->item == NULL)
		return job->target->judge != NULL ? kw_response_code(job, response) : 0;
	if (leaf->answer_part != NULL && shape->parts.code != KW_NONE)
		memcpy(&code, leaf->answer_part + shape->parts.code, sizeof(code));
	if (code == 0 && leaf->answer != NULL && shape->items.code != KW_NONE)
		memcpy(&code, leaf->answer + shape->items.code, sizeof(code));
	if (code == 0 && shape->code != KW_NONE)
		memcpy(&code, (const char *)response + shape->code, sizeof(code));
	return code;
}
