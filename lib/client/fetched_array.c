/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All records of a partition as one array: kwire_fetched_records().  The
 * buffers of decompressed batches are not used again but kept, so nothing is
 * copied here either.
 */
#include "fetched.h"

#include <string.h>

#include "../base/error.h"

struct array {
	struct kwire_fetched_record *records;
	int32_t count;
	int32_t room;
	struct kwire_header *headers; /* of all records, one after another */
	int32_t header_count;
	int32_t header_room;
};

bool kw_fetched_reserve(struct kwire_fetched *fetched, int32_t count)
{
	int32_t room = fetched->kept_room == 0 ? 8 : fetched->kept_room;
	void **more;

	if (count <= fetched->kept_room - fetched->kept_count)
		return true;
	while (room - fetched->kept_count < count)
		room *= 2;
	more = kw_realloc(fetched->memory, fetched->kept, (size_t)room * sizeof(*more));
	if (more == NULL)
		return false;
	fetched->kept = more;
	fetched->kept_room = room;
	return true;
}

void kw_fetched_keep(struct kwire_fetched *fetched, void *block)
{
	if (block != NULL)
		fetched->kept[fetched->kept_count++] = block;
}

/* `*items` with room for `needed`; false: no memory. */
static bool make_room(struct kw_memory *memory, void **items, int32_t *room, int64_t needed,
		      size_t size)
{
	int64_t more = *room == 0 ? 64 : (int64_t)*room * 2;
	void *larger;

	if (needed <= *room)
		return true;
	if (more < needed)
		more = needed;
	if (more > INT32_MAX || (uint64_t)more > SIZE_MAX / size)
		return false;
	larger = kw_realloc(memory, *items, (size_t)more * size);
	if (larger == NULL)
		return false;
	*items = larger;
	*room = (int32_t)more;
	return true;
}

static bool append(struct kwire_fetched *fetched, struct array *array,
		   const struct kwire_record *record)
{
	struct kwire_headers headers = record->headers;
	struct kwire_fetched_record *to;
	void *records = array->records, *all_headers = array->headers;
	bool ok = make_room(fetched->memory, &records, &array->room, (int64_t)array->count + 1,
			    sizeof(*array->records)) &&
		  make_room(fetched->memory, &all_headers, &array->header_room,
			    (int64_t)array->header_count + headers.count, sizeof(*array->headers));

	array->records = records;
	array->headers = all_headers;
	if (!ok)
		return false;
	to = &array->records[array->count++];
	to->offset = record->offset;
	to->timestamp = record->timestamp;
	to->key = record->key;
	to->value = record->value;
	to->headers = NULL; /* once the array of headers no longer moves */
	to->header_count = headers.count;
	to->leader_epoch = fetched->reader->batch.leader_epoch;
	while (kwire_headers_next(&headers, &array->headers[array->header_count]))
		array->header_count++;
	return true;
}

int kwire_fetched_records(struct kwire_fetched *fetched, int32_t index,
			  const struct kwire_fetched_record **records, int32_t *count,
			  struct kwire_error *error)
{
	struct array array = {NULL, 0, 0, NULL, 0, 0};
	struct kwire_record record;
	int32_t header = 0;
	int result;

	*records = NULL;
	*count = 0;
	if (fetched == NULL)
		return kw_fail(error, KWIRE_EINVAL, "nothing was fetched");
	/* What is read below must not be lost for want of a place to keep it. */
	if (!kw_fetched_reserve(fetched, KW_ARRAY_BLOCKS))
		return kw_fail_memory(error);
	fetched->keep = true;
	while ((result = kwire_fetched_next(fetched, index, &record, error)) > 0)
		if (!append(fetched, &array, &record)) {
			/* The record, and so its batch, is read again. */
			fetched->slots[index].facts.next_offset = record.offset;
			fetched->current = -1;
			result = kw_fail_memory(error);
			break;
		}
	/* What the last batch was decompressed into; an empty buffer is made for the next. */
	kw_fetched_keep(fetched, fetched->reader->buffer.data);
	fetched->reader->buffer.data = NULL;
	fetched->reader->buffer.capacity = 0;
	fetched->keep = false;
	kw_fetched_keep(fetched, array.records);
	kw_fetched_keep(fetched, array.headers);
	for (int32_t i = 0; i < array.count; i++) {
		array.records[i].headers = array.headers + header;
		header += array.records[i].header_count;
	}
	*records = array.records;
	*count = array.count;
	return result;
}
