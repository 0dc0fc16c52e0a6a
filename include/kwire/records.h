/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Record batches: what the `records` fields of Fetch and Produce hold.  A
 * reader walks over them without copying; a builder writes them.  Neither does
 * any I/O, and both may be used without a client.
 *
 * A reader, and a builder, belongs to one thread at a time.
 */
#ifndef KWIRE_RECORDS_H
#define KWIRE_RECORDS_H

#include <kwire/config.h>
#include <kwire/message.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How the records of a batch are compressed. */
enum kwire_codec {
	KWIRE_CODEC_NONE = 0,
	KWIRE_CODEC_GZIP = 1,
	KWIRE_CODEC_SNAPPY = 2,
	KWIRE_CODEC_LZ4 = 3,
	KWIRE_CODEC_ZSTD = 4,
};

/* The codec's own choice of level. */
#define KWIRE_LEVEL_DEFAULT INT32_MIN

/* "none", "gzip", "snappy", "lz4", "zstd"; NULL for no codec.  Static strings.  Any thread. */
KWIRE_API const char *kwire_codec_name(enum kwire_codec codec);

/* The codec of that name; KWIRE_EINVAL where there is none, leaving `codec` alone.  Any thread. */
KWIRE_API int kwire_codec_parse(const char *name, enum kwire_codec *codec);

/* Whether this build of kwire has the codec (make GZIP=0, ...).  Any thread. */
KWIRE_API bool kwire_codec_built(enum kwire_codec codec);

/* A record's header.  Keys are never null; values may be. */
struct kwire_header {
	struct kwire_string key; /* UTF-8, not NUL-terminated */
	struct kwire_bytes value;
};

/* The headers of a record that was read: iterate over a copy of it. */
struct kwire_headers {
	const uint8_t *next;
	int32_t count; /* how many are left */
};

/*
 * The next header, false where none is left:
 *
 *	struct kwire_headers headers = record.headers;
 *
 *	while (kwire_headers_next(&headers, &header))
 *		...
 *
 * `header` points into the batch.  Cannot fail: the headers were checked when
 * the record was read.
 */
KWIRE_API bool kwire_headers_next(struct kwire_headers *headers, struct kwire_header *header);

/* The last header with that key, which is the one that counts; false where there is none. */
KWIRE_API bool kwire_headers_find(struct kwire_headers headers, const char *key,
				  struct kwire_header *header);

/* A record that was read.  It points into the batch: see kwire_batch_reader_record(). */
struct kwire_record {
	int64_t offset;
	int64_t timestamp; /* milliseconds since 1970; of the append where log_append_time; -1: none
			    */
	struct kwire_bytes key;   /* null: data == NULL */
	struct kwire_bytes value; /* null: a tombstone */
	struct kwire_headers headers;
	int32_t sequence; /* of an idempotent producer, -1: none */
};

/*
 * A batch that was read.  In the formats before Kafka 0.11 (magic 0 and 1) a
 * message, or a compressed set of messages, is a batch.
 */
struct kwire_batch {
	int64_t base_offset; /* -1: not known (a compressed set of magic 0 or 1) */
	int64_t last_offset; /* also where compaction took that record: go on at last_offset + 1 */
	int64_t max_timestamp;     /* -1: none */
	int64_t delete_horizon_ms; /* when a compacted topic may drop its tombstones, -1: none */
	int64_t producer_id;       /* -1: none */
	int32_t base_sequence;     /* -1: none */
	int32_t leader_epoch;      /* of the leader that appended it, -1: not known */
	int32_t record_count;      /* -1: not known (a compressed set of magic 0 or 1) */
	int16_t producer_epoch;    /* -1: none */
	int8_t magic;              /* format: 0, 1 or 2 */
	enum kwire_codec codec;
	bool log_append_time; /* timestamps are the broker's */
	bool transactional;
	bool control;           /* holds a marker for brokers and consumers, no data */
	struct kwire_bytes raw; /* all of it, as it came */
};

/* What is unusual about reading; NULL, or KWIRE_READER_OPTIONS_INIT, is the common case. */
struct kwire_reader_options {
	size_t size;                             /* sizeof(struct kwire_reader_options) */
	const struct kwire_allocator *allocator; /* copied; NULL: malloc and friends */
	int64_t decompressed_max_bytes;          /* of one batch; 0: 128 MiB */
	int32_t decompressed_max_ratio; /* times its compressed size, judged above 16 MiB; 0: 2000
					 */
	bool check_crcs;
};

#define KWIRE_READER_OPTIONS_INIT                                     \
	{                                                             \
		sizeof(struct kwire_reader_options), NULL, 0, 0, true \
	}

struct kwire_batch_reader;

/*
 * A reader; free it with kwire_batch_reader_free(), which takes NULL.  It keeps
 * its decompression buffer and contexts, so use one for many responses.
 */
KWIRE_API int kwire_batch_reader_new(const struct kwire_reader_options *options,
				     struct kwire_batch_reader **reader, struct kwire_error *error);
KWIRE_API void kwire_batch_reader_free(struct kwire_batch_reader *reader);

/*
 * Starts on the contents of a `records` field, null or empty ones included.
 * They stay borrowed until the next start or free.
 */
KWIRE_API void kwire_batch_reader_start(struct kwire_batch_reader *reader,
					struct kwire_bytes records);

/*
 * Goes to the next batch, whatever is left of the current one: 1 with `*batch`,
 * 0 at the end.  A batch that is cut off (brokers do that) is the end: see
 * kwire_batch_reader_cut().  KWIRE_EDECODE: the batch is corrupt; the message
 * names its offset, and the next call goes on behind it.
 */
KWIRE_API int kwire_batch_reader_next(struct kwire_batch_reader *reader, struct kwire_batch *batch,
				      struct kwire_error *error);

/*
 * Reads the next record of the current batch: 1 with `*record`, 0 at the end of
 * the batch.  The record points into the borrowed records, or, where the batch
 * is compressed, into the reader's own buffer: until the next batch, start or
 * free.  Failing ends the batch: KWIRE_EDECODE (corrupt), KWIRE_ETOOLARGE
 * (decompresses to more than the options allow), KWIRE_ENOTBUILT (a codec left
 * out of this build), KWIRE_ENOMEM.  Records of a control batch are returned
 * as any other: see kwire_control_read().
 */
KWIRE_API int kwire_batch_reader_record(struct kwire_batch_reader *reader,
					struct kwire_record *record, struct kwire_error *error);

/*
 * After the end: how many bytes the batch that was cut off has in all (17 where
 * not even its length had come), 0 where none was cut off.  When it was the
 * first one, ask again with that many bytes allowed.
 */
KWIRE_API int64_t kwire_batch_reader_cut(const struct kwire_batch_reader *reader);

/* What the record of a control batch says.  Other types may come. */
enum kwire_control_type {
	KWIRE_CONTROL_ABORT = 0,
	KWIRE_CONTROL_COMMIT = 1,
	KWIRE_CONTROL_LEADER_CHANGE = 2,
	KWIRE_CONTROL_SNAPSHOT_HEADER = 3,
	KWIRE_CONTROL_SNAPSHOT_FOOTER = 4,
	KWIRE_CONTROL_KRAFT_VERSION = 5,
	KWIRE_CONTROL_KRAFT_VOTERS = 6,
};

struct kwire_control {
	int16_t version;
	int16_t type;              /* enum kwire_control_type, or one not known here */
	int32_t coordinator_epoch; /* of a commit or abort, else -1 */
};

/* Reads the record of a control batch.  KWIRE_EDECODE when it is none.  Any thread. */
KWIRE_API int kwire_control_read(const struct kwire_record *record, struct kwire_control *control,
				 struct kwire_error *error);

/* A batch to write; every field may stay as KWIRE_BATCH_OPTIONS_INIT has it. */
struct kwire_batch_options {
	size_t size; /* sizeof(struct kwire_batch_options) */
	enum kwire_codec codec;
	int32_t level;          /* gzip 1..9, lz4 1..17, zstd -131072..22, KWIRE_LEVEL_DEFAULT */
	int32_t max_bytes;      /* uncompressed, header included; 0: no limit but the format's */
	int32_t base_sequence;  /* with a producer id: 0.., else -1 */
	int64_t producer_id;    /* -1: none */
	int16_t producer_epoch; /* with a producer id: 0.., else -1 */
	bool transactional;     /* needs a producer id */
	bool control; /* only brokers may write these: for a mock; see kwire_batch_builder_control()
		       */
};

#define KWIRE_BATCH_OPTIONS_INIT                                                                  \
	{                                                                                         \
		sizeof(struct kwire_batch_options), KWIRE_CODEC_NONE, KWIRE_LEVEL_DEFAULT, 0, -1, \
			-1, -1, false, false                                                      \
	}

struct kwire_batch_builder;

/*
 * A builder over `allocator` (copied; NULL: malloc and friends); free it with
 * kwire_batch_builder_free(), which takes NULL.  It keeps its buffers, so use
 * one for many batches.
 */
KWIRE_API int kwire_batch_builder_new(const struct kwire_allocator *allocator,
				      struct kwire_batch_builder **builder,
				      struct kwire_error *error);
KWIRE_API void kwire_batch_builder_free(struct kwire_batch_builder *builder);

/*
 * Begins a batch, dropping one that was begun; `options` (NULL: defaults) are
 * copied.  KWIRE_EINVAL: what a broker would refuse; KWIRE_ENOTBUILT: a codec
 * left out of this build.
 */
KWIRE_API int kwire_batch_builder_begin(struct kwire_batch_builder *builder,
					const struct kwire_batch_options *options,
					struct kwire_error *error);

/*
 * Adds a record; everything is copied.  `timestamp`: milliseconds since 1970,
 * -1: none.  `key` and `value` may be null (data == NULL), `headers` may be NULL
 * with `header_count` 0.  KWIRE_ETOOLARGE: the batch would pass its max_bytes
 * (or 2 GiB); it stays as it was, to be ended.  KWIRE_EINVAL: no batch was
 * begun, or what a broker would refuse.
 */
KWIRE_API int kwire_batch_builder_add(struct kwire_batch_builder *builder, int64_t timestamp,
				      struct kwire_bytes key, struct kwire_bytes value,
				      const struct kwire_header *headers, int32_t header_count,
				      struct kwire_error *error);

/* Adds the record of a control batch: a transaction's end.  `type`: abort or commit. */
KWIRE_API int kwire_batch_builder_control(struct kwire_batch_builder *builder, int64_t timestamp,
					  enum kwire_control_type type, int32_t coordinator_epoch,
					  struct kwire_error *error);

/* Records added since begin; the ended batch's until the next begin. */
KWIRE_API int32_t kwire_batch_builder_count(const struct kwire_batch_builder *builder);

/* The size that the batch has so far: exact without a codec, else before compression. */
KWIRE_API size_t kwire_batch_builder_size(const struct kwire_batch_builder *builder);

/* What kwire_batch_builder_size() would grow by at most with such a record. */
KWIRE_API size_t kwire_record_size_max(struct kwire_bytes key, struct kwire_bytes value,
				       const struct kwire_header *headers, int32_t header_count);

/* The size that the batch can have at most when it is ended: incompressible data grows a little. */
KWIRE_API size_t kwire_batch_builder_bound(const struct kwire_batch_builder *builder);

/*
 * Ends the batch: compresses, counts, checks sums.  `*batch` is what a Produce
 * request takes as `records`; it belongs to the builder and is valid until the
 * next begin or free.  KWIRE_EINVAL: no record in it (brokers refuse that).
 */
KWIRE_API int kwire_batch_builder_end(struct kwire_batch_builder *builder,
				      struct kwire_bytes *batch, struct kwire_error *error);

#ifdef __cplusplus
}
#endif

#endif
