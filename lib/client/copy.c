/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copying fields of one struct to those of the same name in another, by the
 * generated rules: an item of a batch and the request, or response, that is
 * about it alone.  Structs only.
 */
#include <string.h>

#include "job.h"

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

size_t kw_copy_size(const struct kw_copy *copies, const void *from)
{
	size_t size = 0;

	for (const struct kw_copy *copy = copies; copy->size != 0; copy++) {
		struct kwire_string_array array;

		if (copy->items == NULL)
			continue;
		array = array_at(from, copy->from);
		size += array_size(copy, array.count);
		for (int32_t i = 0; i < array.count; i++)
			size += kw_copy_size(copy->items, (const char *)array.items +
								  (size_t)i * copy->item_from);
	}
	return size;
}

char *kw_copy(const struct kw_copy *copies, const void *from, void *to, char *room)
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
			room = kw_copy(copy->items, items + (size_t)i * copy->item_from,
				       (char *)array.items + (size_t)i * copy->item_to, room);
	}
	return room;
}
