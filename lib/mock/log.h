/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a partition holds: record batches in their wire form, in order, and
 * what brokers remember about their producers: sequences, open and aborted
 * transactions.  Knows no topic and no broker.  Loop's thread only.
 */
#ifndef KW_MOCK_LOG_H
#define KW_MOCK_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/memory.h"

enum {
	KW_MOCK_BATCH_HEADER = 61,
	KW_MOCK_SEQUENCES = 5, /* batches of a producer that may be repeated */
};

struct kw_mock_batch {
	int64_t base_offset;
	int64_t last_offset;
	int64_t max_timestamp;
	int64_t producer_id;
	int32_t leader_epoch;
	int32_t size;
	bool transactional;
	bool control;
	uint8_t *data;
};

/* A producer that a log knows: its last batches, its open transaction. */
struct kw_mock_producer {
	struct kw_mock_producer *next;
	int64_t id;
	int16_t epoch;
	int64_t last_timestamp;
	int64_t open_offset; /* first offset of its open transaction, -1: none */
	int count;
	struct {
		int32_t first;
		int32_t last;
		int64_t base_offset;
		int64_t max_timestamp;
	} batches[KW_MOCK_SEQUENCES]; /* the newest last */
};

struct kw_mock_aborted {
	int64_t producer_id;
	int64_t first_offset;
	int64_t last_offset; /* of the abort marker */
};

struct kw_mock_epoch {
	int32_t epoch;
	int64_t start_offset;
};

struct kw_mock_log {
	struct kw_memory *memory;
	struct kw_mock_batch *batches; /* [first, end) are there */
	size_t first;
	size_t end;
	size_t capacity;
	int64_t start_offset;
	int64_t end_offset;
	int64_t bytes;
	struct kw_mock_producer *producers;
	struct kw_mock_aborted *aborted;
	size_t aborted_count;
	size_t aborted_capacity;
	struct kw_mock_epoch *epochs; /* rising */
	size_t epoch_count;
	size_t epoch_capacity;
};

/* One batch's header, checked. */
struct kw_mock_batch_info {
	int32_t size; /* of the whole batch */
	int16_t attributes;
	int32_t last_offset_delta;
	int64_t base_timestamp;
	int64_t max_timestamp;
	int64_t producer_id;
	int16_t producer_epoch;
	int32_t base_sequence;
	int32_t count;
};

/*
 * Reads the header of what a producer sent, which must be exactly one batch of
 * format 2 with the right checksum.  0 or Kafka's error code.
 */
int16_t kw_mock_batch_read(const uint8_t *data, size_t size, struct kw_mock_batch_info *info);

/*
 * Appends a batch (copied) at the end.  Checks the producer's sequence: a
 * repeated batch is not appended again and keeps its offset.  0 or Kafka's
 * error code.  `*append_time` >= 0: the log's own time replaces the producer's;
 * it becomes the largest time of the batch that is repeated.
 */
int16_t kw_mock_log_append(struct kw_mock_log *log, const uint8_t *data,
			   const struct kw_mock_batch_info *info, int32_t leader_epoch,
			   int64_t now_ms, int64_t *append_time, int64_t *base_offset);

/* Ends a producer's transaction with a marker.  KWIRE_ENOMEM. */
int kw_mock_log_end_transaction(struct kw_mock_log *log, int64_t producer_id,
				int16_t producer_epoch, bool committed, int32_t coordinator_epoch,
				int32_t leader_epoch, int64_t now_ms);

/* The offset below which every transaction has ended. */
int64_t kw_mock_log_stable_offset(const struct kw_mock_log *log);

/* Deletes whole batches below `offset`; what is left begins there. */
void kw_mock_log_delete_before(struct kw_mock_log *log, int64_t offset);
/* Deletes the oldest batch; false: there is none. */
bool kw_mock_log_delete_oldest(struct kw_mock_log *log);

/* Index in `batches` of the first that ends at `offset` or later; `end`: none. */
size_t kw_mock_log_seek(const struct kw_mock_log *log, int64_t offset);

/* Of `epoch` or the next lower: its end, -1 where none; `*found` is the epoch. */
int64_t kw_mock_log_epoch_end(const struct kw_mock_log *log, int32_t epoch, int32_t *found);
/* The epoch in which `offset` was written, -1: not known. */
int32_t kw_mock_log_epoch_at(const struct kw_mock_log *log, int64_t offset);

void kw_mock_log_fini(struct kw_mock_log *log);

#endif
