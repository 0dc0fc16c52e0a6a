/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compression: bytes in, bytes out, for the codecs that Kafka knows.  Called by
 * the batch readers and the builder; knows nothing of batches.
 *
 * What comes in may be hostile: output stops at a limit, no size that the input
 * declares is allocated before it is plausible, and no codec needs memory for a
 * window beyond the output itself (zlib: 32 KiB).
 */
#ifndef KW_CODEC_H
#define KW_CODEC_H

#include <kwire/records.h>

#include "../base/memory.h"

/* A buffer that only grows, kept from batch to batch. */
struct kw_growing {
	struct kw_memory *memory;
	uint8_t *data;
	size_t capacity;
};

void kw_growing_init(struct kw_growing *buffer, struct kw_memory *memory);
void kw_growing_fini(struct kw_growing *buffer);

/*
 * Makes room for `needed` bytes, at least doubling but never passing `max`
 * (which is not below `needed`), with the first `keep` bytes preserved.  False:
 * out of memory, the buffer as it was.
 */
bool kw_growing_reserve(struct kw_growing *buffer, size_t needed, size_t max, size_t keep);

/* Contexts of the codecs, each made when first used and kept. */
struct kw_codecs {
	struct kw_memory *memory;
	void *gunzip;
	void *gzip;
	void *unzstd;
	void *zstd;
	void *lz4;
	int32_t gzip_level;
	size_t lz4_size;
};

void kw_codecs_init(struct kw_codecs *codecs, struct kw_memory *memory);
void kw_codecs_fini(struct kw_codecs *codecs);

struct kw_decompress_limits {
	size_t max_bytes; /* of output, up to INT32_MAX */
	size_t max_ratio; /* of output to input, judged above KW_RATIO_FLOOR */
};

#define KW_RATIO_FLOOR ((size_t)16 << 20)

enum kw_codec_flag {
	/* LZ4 of magic 0: the header's checksum is wrong by custom (KAFKA-3160). */
	KW_CODEC_LZ4_BROKEN = 1 << 0,
};

/*
 * Decompresses `size` bytes at `source` into `output`, from its start;
 * `*output_size` says how much came.  KWIRE_EDECODE, KWIRE_ETOOLARGE,
 * KWIRE_ENOTBUILT, KWIRE_ENOMEM.  Not for KWIRE_CODEC_NONE.
 */
int kw_decompress(struct kw_codecs *codecs, enum kwire_codec codec, unsigned flags,
		  const uint8_t *source, size_t size, const struct kw_decompress_limits *limits,
		  struct kw_growing *output, size_t *output_size, struct kwire_error *error);

/* KWIRE_EINVAL for a level that the codec does not have, KWIRE_ENOTBUILT. */
int kw_codec_check(enum kwire_codec codec, int32_t level, struct kwire_error *error);

/* The most that `size` bytes can become. */
size_t kw_compress_bound(enum kwire_codec codec, size_t size);

/*
 * Compresses into `capacity` bytes at `target`, at least the bound; the level
 * was checked.
 */
int kw_compress(struct kw_codecs *codecs, enum kwire_codec codec, int32_t level, unsigned flags,
		const uint8_t *source, size_t size, uint8_t *target, size_t capacity,
		size_t *target_size, struct kwire_error *error);

/* One decompression under way, between the files of the codecs. */
struct kw_decompression {
	struct kw_codecs *codecs;
	const uint8_t *source;
	size_t size;
	size_t limit; /* of output */
	struct kw_growing *output;
	unsigned flags;
	struct kwire_error *error;
};

/* Fails with "<codec>: it decompresses to more than ... bytes". */
int kw_decompression_too_large(const struct kw_decompression *job, const char *codec);

int kw_gzip_decompress(const struct kw_decompression *job, size_t *output_size);
int kw_gzip_compress(struct kw_codecs *codecs, int32_t level, const uint8_t *source, size_t size,
		     uint8_t *target, size_t capacity, size_t *target_size,
		     struct kwire_error *error);
size_t kw_gzip_bound(size_t size);
void kw_gzip_fini(struct kw_codecs *codecs);

int kw_snappy_decompress(const struct kw_decompression *job, size_t *output_size);
int kw_snappy_compress(const uint8_t *source, size_t size, uint8_t *target, size_t capacity,
		       size_t *target_size, struct kwire_error *error);
size_t kw_snappy_bound(size_t size);

int kw_lz4_decompress(const struct kw_decompression *job, size_t *output_size);
int kw_lz4_compress(struct kw_codecs *codecs, int32_t level, unsigned flags, const uint8_t *source,
		    size_t size, uint8_t *target, size_t capacity, size_t *target_size,
		    struct kwire_error *error);
size_t kw_lz4_bound(size_t size);
void kw_lz4_fini(struct kw_codecs *codecs);

int kw_zstd_decompress(const struct kw_decompression *job, size_t *output_size);
int kw_zstd_compress(struct kw_codecs *codecs, int32_t level, const uint8_t *source, size_t size,
		     uint8_t *target, size_t capacity, size_t *target_size,
		     struct kwire_error *error);
size_t kw_zstd_bound(size_t size);
void kw_zstd_fini(struct kw_codecs *codecs);

#endif
