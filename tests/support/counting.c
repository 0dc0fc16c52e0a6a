/* SPDX-License-Identifier: Apache-2.0 */
/* See counting.h.  Each block has its size in front of it. */
#include "counting.h"

#include <stdlib.h>
#include <string.h>

struct header {
	_Alignas(max_align_t) size_t size;
};

static void booked(struct counting *counting, size_t size)
{
	counting->bytes += size;
	if (counting->bytes > counting->peak_bytes)
		counting->peak_bytes = counting->bytes;
}

static void *allocate(void *context, size_t size)
{
	struct counting *counting = context;
	struct header *header;

	if (++counting->calls == counting->fail_at)
		return NULL;
	header = malloc(sizeof(*header) + size);
	if (header == NULL)
		return NULL;
	header->size = size;
	counting->live++;
	booked(counting, size);
	return header + 1;
}

static void release(void *context, void *data)
{
	struct counting *counting = context;
	struct header *header = (struct header *)data - 1;

	counting->live--;
	counting->bytes -= header->size;
	free(header);
}

static void *reallocate(void *context, void *data, size_t size)
{
	struct counting *counting = context;
	struct header *header = (struct header *)data - 1;
	size_t before = header->size;

	if (++counting->calls == counting->fail_at)
		return NULL;
	header = realloc(header, sizeof(*header) + size);
	if (header == NULL)
		return NULL;
	header->size = size;
	counting->bytes -= before;
	booked(counting, size);
	return header + 1;
}

void counting_init(struct counting *counting)
{
	memset(counting, 0, sizeof(*counting));
	counting->allocator.size = sizeof(counting->allocator);
	counting->allocator.context = counting;
	counting->allocator.allocate = allocate;
	counting->allocator.reallocate = reallocate;
	counting->allocator.release = release;
}
