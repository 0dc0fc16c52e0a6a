/* SPDX-License-Identifier: Apache-2.0 */
/* See counting.h.  Each block has its size in front of it; one lock guards all counts. */
#include "counting.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct header {
	_Alignas(max_align_t) size_t size;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Whether this allocation is allowed to succeed. */
static bool may_pass(struct counting *counting)
{
	bool pass;

	pthread_mutex_lock(&lock);
	pass = ++counting->calls != counting->fail_at;
	pthread_mutex_unlock(&lock);
	return pass;
}

static void book(struct counting *counting, long blocks, size_t more, size_t less)
{
	pthread_mutex_lock(&lock);
	counting->live += blocks;
	counting->bytes += more - less;
	if (counting->bytes > counting->peak_bytes)
		counting->peak_bytes = counting->bytes;
	pthread_mutex_unlock(&lock);
}

static void *allocate(void *context, size_t size)
{
	struct counting *counting = context;
	struct header *header;

	header = may_pass(counting) ? malloc(sizeof(*header) + size) : NULL;
	if (header == NULL)
		return NULL;
	header->size = size;
	book(counting, 1, size, 0);
	return header + 1;
}

static void release(void *context, void *data)
{
	struct header *header = (struct header *)data - 1;

	book(context, -1, 0, header->size);
	free(header);
}

static void *reallocate(void *context, void *data, size_t size)
{
	struct counting *counting = context;
	struct header *header = (struct header *)data - 1;
	size_t before = header->size;

	header = may_pass(counting) ? realloc(header, sizeof(*header) + size) : NULL;
	if (header == NULL)
		return NULL;
	header->size = size;
	book(counting, 0, size, before);
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
