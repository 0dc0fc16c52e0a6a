/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The numbers of record batches: big-endian words, and zigzag varints of up to
 * 5 and 10 bytes.  Inline, because records are made of little else.
 */
#ifndef KW_VARINT_H
#define KW_VARINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline uint32_t kw_load_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | (uint32_t)p[3];
}

static inline uint64_t kw_load_be64(const uint8_t *p)
{
	return (uint64_t)kw_load_be32(p) << 32 | kw_load_be32(p + 4);
}

static inline uint16_t kw_load_be16(const uint8_t *p)
{
	return (uint16_t)((unsigned)p[0] << 8 | (unsigned)p[1]);
}

static inline void kw_store_be16(uint8_t *p, uint16_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

static inline void kw_store_be32(uint8_t *p, uint32_t value)
{
	kw_store_be16(p, (uint16_t)(value >> 16));
	kw_store_be16(p + 2, (uint16_t)value);
}

static inline void kw_store_be64(uint8_t *p, uint64_t value)
{
	kw_store_be32(p, (uint32_t)(value >> 32));
	kw_store_be32(p + 4, (uint32_t)value);
}

/* A number of up to 64 bits, in up to `max` bytes; NULL when it does not end, or is too large. */
__attribute__((noinline, cold)) const uint8_t *kw_varint_long(const uint8_t *p, const uint8_t *end,
							      int max, uint64_t *value);

/* Reads a varint's bits at `p`, as above; one and two bytes are the rule. */
static inline const uint8_t *kw_varint_raw(const uint8_t *p, const uint8_t *end, int max,
					   uint64_t *value)
{
	if (p < end && p[0] < 0x80) {
		*value = p[0];
		return p + 1;
	}
	if (end - p >= 2 && p[1] < 0x80) {
		*value = (uint64_t)(p[0] & 0x7f) | (uint64_t)p[1] << 7;
		return p + 2;
	}
	return kw_varint_long(p, end, max, value);
}

/* Reads a zigzagged number at `p`; returns what follows it, or NULL. */
static inline const uint8_t *kw_varint(const uint8_t *p, const uint8_t *end, int32_t *value)
{
	uint64_t raw = 0;

	p = kw_varint_raw(p, end, 5, &raw);
	*value = (int32_t)(uint32_t)(raw >> 1 ^ (0u - (raw & 1)));
	return p;
}

static inline const uint8_t *kw_varlong(const uint8_t *p, const uint8_t *end, int64_t *value)
{
	uint64_t raw = 0;

	p = kw_varint_raw(p, end, 10, &raw);
	*value = (int64_t)(raw >> 1 ^ (0u - (raw & 1)));
	return p;
}

static inline uint32_t kw_zigzag32(int32_t value)
{
	return (uint32_t)value << 1 ^ (0u - ((uint32_t)value >> 31));
}

static inline uint64_t kw_zigzag64(int64_t value)
{
	return (uint64_t)value << 1 ^ (0u - ((uint64_t)value >> 63));
}

/* How many bytes a zigzagged value takes: one for each seven bits. */
static inline size_t kw_varint_size(uint64_t zigzagged)
{
	size_t size = 1;

	while (zigzagged >= 0x80) {
		zigzagged >>= 7;
		size++;
	}
	return size;
}

static inline uint8_t *kw_varint_store(uint8_t *p, uint64_t zigzagged)
{
	while (zigzagged >= 0x80) {
		*p++ = (uint8_t)(zigzagged | 0x80);
		zigzagged >>= 7;
	}
	*p++ = (uint8_t)zigzagged;
	return p;
}

#endif
