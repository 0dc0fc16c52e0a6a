/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LZ4, called by codec.c only.  The frame is read and written here, by hand,
 * and liblz4 sees single blocks: so blocks go straight into the output buffer,
 * nothing is allocated beside it, and the corners of Kafka's history are ours to
 * choose.  Written is what Java's reader accepts: independent blocks of 64 KiB,
 * no checksums.  Read are also dependent blocks, larger ones, block checksums
 * (verified) and content checksums (passed over, as Java does: the batch has a
 * better one).
 */
#include "codec.h"

#include <string.h>

#include "../base/error.h"

#define BLOCK      ((size_t)64 * 1024)
#define MAGIC      0x184d2204u
#define STORED     0x80000000u /* a block that is not compressed */
#define HEADER_MIN 7

#if KW_WITH_LZ4

#include <lz4.h>
#include <lz4hc.h>

#define FLG_VERSION     0xc0
#define FLG_INDEPENDENT 0x20
#define FLG_BLOCK_SUM   0x10
#define FLG_SIZE        0x08
#define FLG_CONTENT_SUM 0x04
#define FLG_RESERVED    0x02
#define FLG_DICTIONARY  0x01

static uint32_t load_le(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void store_le(uint8_t *p, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(value >> 8 * i);
}

#define PRIME_1 2654435761u
#define PRIME_2 2246822519u
#define PRIME_3 3266489917u
#define PRIME_4 668265263u
#define PRIME_5 374761393u

static uint32_t rotate(uint32_t value, int bits)
{
	return value << bits | value >> (32 - bits);
}

/* XXH32 with seed 0, the checksum of LZ4 frames. */
static uint32_t xxh32(const uint8_t *p, size_t size)
{
	const uint8_t *end = p + size;
	uint32_t hash = PRIME_5;

	if (size >= 16) {
		uint32_t lane[4] = {PRIME_1 + PRIME_2, PRIME_2, 0, 0u - PRIME_1};

		for (; end - p >= 16; p += 16)
			for (int i = 0; i < 4; i++)
				lane[i] = rotate(lane[i] + load_le(p + (ptrdiff_t)4 * i) * PRIME_2,
						 13) *
					  PRIME_1;
		hash = rotate(lane[0], 1) + rotate(lane[1], 7) + rotate(lane[2], 12) +
		       rotate(lane[3], 18);
	}
	hash += (uint32_t)size;
	for (; end - p >= 4; p += 4)
		hash = rotate(hash + load_le(p) * PRIME_3, 17) * PRIME_4;
	while (p < end)
		hash = rotate(hash + *p++ * PRIME_5, 11) * PRIME_1;
	hash = (hash ^ hash >> 15) * PRIME_2;
	hash = (hash ^ hash >> 13) * PRIME_3;
	return hash ^ hash >> 16;
}

/* A frame being read. */
struct frame {
	const struct kw_decompression *job;
	const uint8_t *p;
	const uint8_t *end;
	size_t block_max;
	size_t start; /* of this frame's output */
	size_t used;  /* of the output, all frames */
	uint8_t flags;
};

static int corrupt(const struct frame *frame, const char *what)
{
	return kw_fail(frame->job->error, KWIRE_EDECODE, "lz4: %s at byte %zu of %zu", what,
		       (size_t)(frame->p - frame->job->source), frame->job->size);
}

static int read_header(struct frame *frame)
{
	const uint8_t *p = frame->p;
	size_t size = 6;

	if (frame->end - p < HEADER_MIN)
		return corrupt(frame, "a frame header that is cut off");
	if (load_le(p) != MAGIC)
		return corrupt(frame, "no frame");
	frame->flags = p[4];
	if ((frame->flags & FLG_VERSION) != 0x40 || (frame->flags & FLG_RESERVED) != 0 ||
	    (p[5] & 0x8f) != 0)
		return corrupt(frame, "a frame of an unknown version");
	if ((frame->flags & FLG_DICTIONARY) != 0)
		return corrupt(frame, "a frame that needs a dictionary");
	if (p[5] >> 4 < 4)
		return corrupt(frame, "an unknown block size");
	frame->block_max = (size_t)1 << (8 + 2 * (p[5] >> 4));
	if ((frame->flags & FLG_SIZE) != 0)
		size += 8;
	if (frame->end - p <= (ptrdiff_t)size)
		return corrupt(frame, "a frame header that is cut off");
	if ((frame->job->flags & KW_CODEC_LZ4_BROKEN) == 0 &&
	    p[size] != (uint8_t)(xxh32(p + 4, size - 4) >> 8))
		return corrupt(frame, "a frame header with a wrong checksum");
	frame->p = p + size + 1;
	frame->start = frame->used;
	return KWIRE_OK;
}

/* Makes room for the next block; what follows may use `*room` bytes. */
static int reserve_block(struct frame *frame, size_t *room)
{
	const struct kw_decompression *job = frame->job;
	size_t left = job->limit - frame->used;

	*room = frame->block_max < left ? frame->block_max : left;
	if (!kw_growing_reserve(job->output, frame->used + *room, job->limit, frame->used))
		return kw_fail_memory(job->error);
	return KWIRE_OK;
}

static int read_block(struct frame *frame, const uint8_t *block, size_t size, bool stored)
{
	uint8_t *target;
	size_t room, history;
	int result = reserve_block(frame, &room);

	if (result != KWIRE_OK)
		return result;
	target = frame->job->output->data + frame->used;
	if (stored) {
		if (size > room)
			return kw_decompression_too_large(frame->job, "lz4");
		memcpy(target, block, size);
		frame->used += size;
		return KWIRE_OK;
	}
	history = (frame->flags & FLG_INDEPENDENT) != 0 ? 0 : frame->used - frame->start;
	if (history > BLOCK)
		history = BLOCK;
	if (history == 0)
		result = LZ4_decompress_safe((const char *)block, (char *)target, (int)size,
					     (int)room);
	else
		result = LZ4_decompress_safe_usingDict(
			(const char *)block, (char *)target, (int)size, (int)room,
			(const char *)target - history, (int)history);
	if (result < 0)
		/* liblz4 does not say why; short of the whole block, the limit is the likelier. */
		return room < frame->block_max ? kw_decompression_too_large(frame->job, "lz4")
					       : corrupt(frame, "a corrupt block");
	frame->used += (size_t)result;
	return KWIRE_OK;
}

static int read_blocks(struct frame *frame)
{
	const size_t sum_size = (frame->flags & FLG_BLOCK_SUM) != 0 ? 4 : 0;

	for (;;) {
		const uint8_t *block = frame->p + 4;
		uint32_t word;
		size_t size;
		int result;

		if (frame->end - frame->p < 4)
			return corrupt(frame, "a frame that is cut off");
		word = load_le(frame->p);
		if (word == 0)
			break;
		size = word & ~STORED;
		if (size > frame->block_max)
			return corrupt(frame, "a block that is too large");
		if ((size_t)(frame->end - block) < size + sum_size)
			return corrupt(frame, "a block that is cut off");
		if (sum_size != 0 && load_le(block + size) != xxh32(block, size))
			return corrupt(frame, "a block with a wrong checksum");
		if ((result = read_block(frame, block, size, (word & STORED) != 0)) != KWIRE_OK)
			return result;
		frame->p = block + size + sum_size;
	}
	frame->p += 4;
	if ((frame->flags & FLG_CONTENT_SUM) != 0) {
		if (frame->end - frame->p < 4)
			return corrupt(frame, "a frame that is cut off");
		frame->p += 4;
	}
	return KWIRE_OK;
}

int kw_lz4_decompress(const struct kw_decompression *job, size_t *output_size)
{
	struct frame frame = {job, job->source, job->source + job->size, 0, 0, 0, 0};
	int result;

	do
		if ((result = read_header(&frame)) != KWIRE_OK ||
		    (result = read_blocks(&frame)) != KWIRE_OK)
			return result;
	while (frame.p < frame.end);
	*output_size = frame.used;
	return KWIRE_OK;
}

/* Room for either compressor's state, kept for the next batch. */
static void *state(struct kw_codecs *codecs, size_t size)
{
	if (codecs->lz4_size < size) {
		kw_free(codecs->lz4);
		codecs->lz4_size = 0;
		codecs->lz4 = kw_alloc(codecs->memory, size);
		if (codecs->lz4 != NULL)
			codecs->lz4_size = size;
	}
	return codecs->lz4;
}

int kw_lz4_compress(struct kw_codecs *codecs, int32_t level, unsigned flags, const uint8_t *source,
		    size_t size, uint8_t *target, size_t capacity, size_t *target_size,
		    struct kwire_error *error)
{
	const bool fast = level == KWIRE_LEVEL_DEFAULT || level < 3;
	void *work = state(codecs, (size_t)(fast ? LZ4_sizeofState() : LZ4_sizeofStateHC()));
	uint8_t *p = target;

	(void)capacity;
	if (work == NULL)
		return kw_fail_memory(error);
	store_le(p, MAGIC);
	p[4] = 0x40 | FLG_INDEPENDENT;
	p[5] = 0x40;
	p[6] = (uint8_t)((flags & KW_CODEC_LZ4_BROKEN) != 0 ? xxh32(p, 6) >> 8
							    : xxh32(p + 4, 2) >> 8);
	p += HEADER_MIN;
	while (size > 0) {
		size_t piece = size < BLOCK ? size : BLOCK;
		int length;

		/* One byte less than the piece: a block that does not shrink is stored. */
		if (fast)
			length = LZ4_compress_fast_extState(work, (const char *)source,
							    (char *)p + 4, (int)piece,
							    (int)piece - 1, 1);
		else
			length = LZ4_compress_HC_extStateHC(work, (const char *)source,
							    (char *)p + 4, (int)piece,
							    (int)piece - 1, level);
		if (length > 0) {
			store_le(p, (uint32_t)length);
		} else {
			store_le(p, (uint32_t)piece | STORED);
			memcpy(p + 4, source, piece);
			length = (int)piece;
		}
		p += 4 + length;
		source += piece;
		size -= piece;
	}
	store_le(p, 0);
	*target_size = (size_t)(p + 4 - target);
	return KWIRE_OK;
}

void kw_lz4_fini(struct kw_codecs *codecs)
{
	kw_free(codecs->lz4);
	codecs->lz4 = NULL;
	codecs->lz4_size = 0;
}

#else

int kw_lz4_decompress(const struct kw_decompression *job, size_t *output_size)
{
	(void)output_size;
	return kw_fail(job->error, KWIRE_ENOTBUILT, "lz4 was left out of this build");
}

int kw_lz4_compress(struct kw_codecs *codecs, int32_t level, unsigned flags, const uint8_t *source,
		    size_t size, uint8_t *target, size_t capacity, size_t *target_size,
		    struct kwire_error *error)
{
	(void)codecs, (void)level, (void)flags, (void)source, (void)size, (void)target;
	(void)capacity, (void)target_size;
	return kw_fail(error, KWIRE_ENOTBUILT, "lz4 was left out of this build");
}

void kw_lz4_fini(struct kw_codecs *codecs)
{
	(void)codecs;
}

#endif

size_t kw_lz4_bound(size_t size)
{
	return HEADER_MIN + size + (size / BLOCK + 1) * 4 + 4;
}
