/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the record batches share: where the fields of a batch lie,
 * and the reader's state.  Also what a broker does to a batch that it appends,
 * for the mock.
 */
#ifndef KW_BATCH_H
#define KW_BATCH_H

#include <kwire/records.h>

#include "../base/memory.h"
#include "codec.h"

enum {
	/* In every format. */
	KW_BATCH_OFFSET = 0,
	KW_BATCH_LENGTH = 8,
	KW_BATCH_PREFIX = 12, /* offset and length, which the length does not count */
	KW_BATCH_MAGIC = 16,
	KW_BATCH_LEAST = 17, /* bytes without which a batch cannot be told */
	/* Magic 2. */
	KW_BATCH_EPOCH = 12,
	KW_BATCH_CRC = 17,
	KW_BATCH_ATTRIBUTES = 21, /* the checksum begins here */
	KW_BATCH_LAST_DELTA = 23,
	KW_BATCH_BASE_TIMESTAMP = 27,
	KW_BATCH_MAX_TIMESTAMP = 35,
	KW_BATCH_PRODUCER_ID = 43,
	KW_BATCH_PRODUCER_EPOCH = 51,
	KW_BATCH_SEQUENCE = 53,
	KW_BATCH_COUNT = 57,
	KW_BATCH_HEADER = 61,
	/* Magic 0 and 1. */
	KW_MESSAGE_CRC = 12,
	KW_MESSAGE_ATTRIBUTES = 17,
	KW_MESSAGE_TIMESTAMP = 18, /* magic 1 only */
	KW_MESSAGE_LEAST = 14,     /* of a length: a message of magic 0 with two nulls */
	KW_MESSAGE_LEAST_1 = 22,

	KW_ATTRIBUTE_CODEC = 0x07,
	KW_ATTRIBUTE_LOG_APPEND_TIME = 0x08,
	KW_ATTRIBUTE_TRANSACTIONAL = 0x10,
	KW_ATTRIBUTE_CONTROL = 0x20,
	KW_ATTRIBUTE_DELETE_HORIZON = 0x40,

	KW_RECORD_LEAST = 7, /* bytes of the smallest record of magic 2 */
};

enum kw_batch_state {
	KW_BATCH_NONE,   /* no current batch, or it is spoilt */
	KW_BATCH_PACKED, /* not yet decompressed */
	KW_BATCH_OPEN,
};

struct kwire_batch_reader {
	struct kw_memory *memory;
	struct kw_codecs codecs;
	struct kw_growing buffer; /* the decompressed records of the current batch */
	struct kw_decompress_limits limits;
	bool check_crcs;

	/* The records field. */
	const uint8_t *start;
	const uint8_t *next; /* batch */
	const uint8_t *end;
	int64_t cut;

	/* The current batch. */
	enum kw_batch_state state;
	struct kwire_batch batch;
	const uint8_t *packed;  /* what is to be decompressed, up to packed_size */
	size_t packed_size;     /* bytes */
	const uint8_t *records; /* the next record, in the field or in the buffer */
	const uint8_t *records_end;
	int32_t left;              /* records to come; -1: until records_end */
	ptrdiff_t ahead;           /* from a record to the place in the next batch to prefetch */
	int64_t base_timestamp;    /* magic 2 */
	int32_t last_offset_delta; /* magic 2 */
	int64_t offset_shift;      /* magic 0 and 1: added to an inner message's offset */
};

/* A reader over the library's own memory, of which it takes a reference. */
int kw_batch_reader_new(struct kw_memory *memory, const struct kwire_reader_options *options,
			struct kwire_batch_reader **reader, struct kwire_error *error);

/*
 * Fails with "batch at offset N (byte M of the records): ..." and ends
 * the current batch; returns `result`.
 */
int kw_batch_spoil(struct kwire_batch_reader *reader, struct kwire_error *error, int result,
		   const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Decompresses the packed part of the current batch; the records are then the buffer's. */
int kw_batch_unpack(struct kwire_batch_reader *reader, unsigned flags, struct kwire_error *error);

/*
 * Messages of magic 0 and 1.  Opening checks the message at `at`, of `size` bytes
 * in all, and describes it in reader->batch; unpacking prepares the messages in
 * a compressed one; reading takes the next.
 */
int kw_legacy_open(struct kwire_batch_reader *reader, const uint8_t *at, size_t size,
		   struct kwire_error *error);
int kw_legacy_unpack(struct kwire_batch_reader *reader, struct kwire_error *error);
int kw_legacy_record(struct kwire_batch_reader *reader, struct kwire_record *record,
		     struct kwire_error *error);

#endif
