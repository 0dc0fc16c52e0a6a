/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Record batches made by hand, field by field, for tests: also such as no
 * builder would make.  Written apart from lib/records, so that the two check
 * each other; only the checksums are shared.
 */
#ifndef TESTS_COMPOSE_H
#define TESTS_COMPOSE_H

#include <stddef.h>
#include <stdint.h>

#include <kwire/records.h>

struct compose {
	uint8_t *data;
	size_t size;
	size_t capacity;
};

void compose_fini(struct compose *c);
void compose_bytes(struct compose *c, const void *data, size_t size);
void compose_int(struct compose *c, int64_t value, int bytes); /* big-endian */
void compose_varint(struct compose *c, int64_t value);         /* zigzag */
void compose_string(struct compose *c, const char *text);      /* varint length; NULL: -1 */
void compose_patch(struct compose *c, size_t at, int64_t value, int bytes);

/* A batch of magic 2; the fields that are no defaults are set by the test. */
struct compose_batch {
	int64_t base_offset;
	int32_t leader_epoch;
	int16_t attributes;
	int32_t last_offset_delta;
	int64_t base_timestamp;
	int64_t max_timestamp;
	int64_t producer_id;
	int16_t producer_epoch;
	int32_t base_sequence;
	int32_t count;
};
#define COMPOSE_BATCH_INIT                            \
	{                                             \
		0, 5, 0, 0, 1000, 1000, -1, -1, -1, 1 \
	}

/* Appends the batch with `records` as they stand, correctly summed. */
void compose_batch(struct compose *c, const struct compose_batch *batch,
		   const struct compose *records);

/* Appends a record of magic 2 without headers. */
void compose_record(struct compose *c, int64_t timestamp_delta, int32_t offset_delta,
		    const char *key, const char *value);

/* Sums anew what begins at `at`, in the way of its magic. */
void compose_sum(struct compose *c, size_t at);

/* Appends a message of magic 0 or 1; `value` NULL is null. */
void compose_message(struct compose *c, int magic, int64_t offset, int attributes,
		     int64_t timestamp, const char *key, const void *value, size_t value_size);

/* What is composed, as a records field. */
struct kwire_bytes composed(const struct compose *c);

#endif
