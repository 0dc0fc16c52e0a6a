/* SPDX-License-Identifier: Apache-2.0 */
/* A queue of bytes: put at the end, taken at the start.  Zeroed is empty. */
#ifndef KW_MOCK_BUFFER_H
#define KW_MOCK_BUFFER_H

#include <string.h>

#include "../base/memory.h"

struct kw_mock_buffer {
	uint8_t *data;
	size_t start;
	size_t end;
	size_t capacity;
};

static inline size_t kw_mock_buffer_size(const struct kw_mock_buffer *buffer)
{
	return buffer->end - buffer->start;
}

/* Room for `size` more bytes after `end`; false: out of memory, nothing changed. */
static inline bool kw_mock_buffer_reserve(struct kw_memory *memory, struct kw_mock_buffer *buffer,
					  size_t size)
{
	size_t used = kw_mock_buffer_size(buffer);
	size_t capacity = buffer->capacity < 1024 ? 1024 : buffer->capacity;
	uint8_t *data;

	if (buffer->capacity - buffer->end >= size)
		return true;
	if (buffer->start > 0) {
		memmove(buffer->data, buffer->data + buffer->start, used);
		buffer->start = 0;
		buffer->end = used;
		if (buffer->capacity - used >= size)
			return true;
	}
	if (size > SIZE_MAX / 4 - used)
		return false;
	while (capacity - used < size)
		capacity *= 2;
	data = kw_realloc(memory, buffer->data, capacity);
	if (data == NULL)
		return false;
	buffer->data = data;
	buffer->capacity = capacity;
	return true;
}

static inline bool kw_mock_buffer_put(struct kw_memory *memory, struct kw_mock_buffer *buffer,
				      const void *data, size_t size)
{
	if (!kw_mock_buffer_reserve(memory, buffer, size))
		return false;
	if (size > 0)
		memcpy(buffer->data + buffer->end, data, size);
	buffer->end += size;
	return true;
}

static inline void kw_mock_buffer_take(struct kw_mock_buffer *buffer, size_t size)
{
	buffer->start += size;
	if (buffer->start == buffer->end)
		buffer->start = buffer->end = 0;
}

static inline void kw_mock_buffer_fini(struct kw_mock_buffer *buffer)
{
	kw_free(buffer->data);
	buffer->data = NULL;
	buffer->start = buffer->end = buffer->capacity = 0;
}

#endif
