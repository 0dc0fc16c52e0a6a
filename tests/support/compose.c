/* SPDX-License-Identifier: Apache-2.0 */
/* See compose.h. */
#include "compose.h"

#include <stdlib.h>
#include <string.h>

#include "records/crc.h"

void compose_fini(struct compose *c)
{
	free(c->data);
	memset(c, 0, sizeof(*c));
}

void compose_bytes(struct compose *c, const void *data, size_t size)
{
	if (c->size + size > c->capacity) {
		c->capacity = (c->size + size) * 2;
		c->data = realloc(c->data, c->capacity);
		if (c->data == NULL)
			abort();
	}
	if (size > 0)
		memcpy(c->data + c->size, data, size);
	c->size += size;
}

void compose_patch(struct compose *c, size_t at, int64_t value, int bytes)
{
	while (bytes-- > 0) {
		c->data[at + (size_t)bytes] = (uint8_t)value;
		value >>= 8;
	}
}

void compose_int(struct compose *c, int64_t value, int bytes)
{
	static const uint8_t zeros[8];

	compose_bytes(c, zeros, (size_t)bytes);
	compose_patch(c, c->size - (size_t)bytes, value, bytes);
}

void compose_varint(struct compose *c, int64_t value)
{
	uint64_t raw = value < 0 ? ~((uint64_t)value << 1) : (uint64_t)value << 1;

	do {
		uint8_t byte = (uint8_t)(raw & 0x7f);

		raw >>= 7;
		if (raw != 0)
			byte |= 0x80;
		compose_bytes(c, &byte, 1);
	} while (raw != 0);
}

void compose_string(struct compose *c, const char *text)
{
	if (text == NULL) {
		compose_varint(c, -1);
		return;
	}
	compose_varint(c, (int64_t)strlen(text));
	compose_bytes(c, text, strlen(text));
}

void compose_record(struct compose *c, int64_t timestamp_delta, int32_t offset_delta,
		    const char *key, const char *value)
{
	struct compose body = {0};

	compose_int(&body, 0, 1);
	compose_varint(&body, timestamp_delta);
	compose_varint(&body, offset_delta);
	compose_string(&body, key);
	compose_string(&body, value);
	compose_varint(&body, 0);
	compose_varint(c, (int64_t)body.size);
	compose_bytes(c, body.data, body.size);
	compose_fini(&body);
}

void compose_batch(struct compose *c, const struct compose_batch *batch,
		   const struct compose *records)
{
	const size_t at = c->size;

	compose_int(c, batch->base_offset, 8);
	compose_int(c, 49 + (int64_t)records->size, 4);
	compose_int(c, batch->leader_epoch, 4);
	compose_int(c, 2, 1);
	compose_int(c, 0, 4);
	compose_int(c, batch->attributes, 2);
	compose_int(c, batch->last_offset_delta, 4);
	compose_int(c, batch->base_timestamp, 8);
	compose_int(c, batch->max_timestamp, 8);
	compose_int(c, batch->producer_id, 8);
	compose_int(c, batch->producer_epoch, 2);
	compose_int(c, batch->base_sequence, 4);
	compose_int(c, batch->count, 4);
	compose_bytes(c, records->data, records->size);
	compose_sum(c, at);
}

void compose_message(struct compose *c, int magic, int64_t offset, int attributes,
		     int64_t timestamp, const char *key, const void *value, size_t value_size)
{
	const size_t at = c->size;

	compose_int(c, offset, 8);
	compose_int(c, 0, 4);
	compose_int(c, 0, 4);
	compose_int(c, magic, 1);
	compose_int(c, attributes, 1);
	if (magic == 1)
		compose_int(c, timestamp, 8);
	compose_int(c, key == NULL ? -1 : (int64_t)strlen(key), 4);
	if (key != NULL)
		compose_bytes(c, key, strlen(key));
	compose_int(c, value == NULL ? -1 : (int64_t)value_size, 4);
	if (value != NULL)
		compose_bytes(c, value, value_size);
	compose_patch(c, at + 8, (int64_t)(c->size - at - 12), 4);
	compose_sum(c, at);
}

void compose_sum(struct compose *c, size_t at)
{
	const uint8_t *p = c->data + at;
	size_t size = 12 + ((size_t)p[8] << 24 | (size_t)p[9] << 16 | (size_t)p[10] << 8 | p[11]);

	if (p[16] == 2)
		compose_patch(c, at + 17, kw_crc32c(0, p + 21, size - 21), 4);
	else
		compose_patch(c, at + 12, kw_crc32(0, p + 16, size - 16), 4);
}

struct kwire_bytes composed(const struct compose *c)
{
	return kwire_bytes_of(c->data, c->size);
}
