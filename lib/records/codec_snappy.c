/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snappy, called by codec.c only.  Kafka has two framings: the one of
 * snappy-java (magic, two version words, then chunks with a length each),
 * which Java's clients write, and one bare block, which others write.  Both are
 * read; the first is written.
 */
#include "codec.h"

#include <string.h>

#include "../base/error.h"

#define HEADER_SIZE 16
#define CHUNK       ((size_t)32 * 1024) /* uncompressed bytes, as Java has it */
#define CHUNK_BOUND (32 + CHUNK + CHUNK / 6)

#if KW_WITH_SNAPPY

#include <snappy-c.h>

static const uint8_t header[HEADER_SIZE] = {0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0,
					    0,    0,   0,   1,   0,   0,   0,   1};

static uint32_t load_be(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | (uint32_t)p[3];
}

static bool framed(const uint8_t *source, size_t size)
{
	return size >= HEADER_SIZE && memcmp(source, header, 8) == 0;
}

static int corrupt(const struct kw_decompression *job, const uint8_t *at, const char *what)
{
	return kw_fail(job->error, KWIRE_EDECODE, "snappy: %s at byte %zu of %zu", what,
		       (size_t)(at - job->source), job->size);
}

/*
 * The size that a block declares.  Three bytes of Snappy make 64 at most, so a
 * size beyond that is a lie, told before anything was allocated for it.
 */
static int declared_size(const struct kw_decompression *job, const uint8_t *block, size_t size,
			 size_t *declared)
{
	if (snappy_uncompressed_length((const char *)block, size, declared) != SNAPPY_OK)
		return corrupt(job, block, "no size");
	if (*declared / 64 > size / 3 + 1)
		return corrupt(job, block, "a size that cannot be");
	return KWIRE_OK;
}

/*
 * Finds the chunk at `*p`: 1 with its block, 0 at the end.  A header may stand
 * between chunks, where streams were joined.
 */
static int next_chunk(const struct kw_decompression *job, const uint8_t **p, const uint8_t **block,
		      size_t *size)
{
	const uint8_t *end = job->source + job->size;

	if (framed(*p, (size_t)(end - *p))) {
		if (load_be(*p + 8) < 1 || load_be(*p + 12) > 1)
			return corrupt(job, *p, "an unknown version of the framing");
		*p += HEADER_SIZE;
	}
	if (*p == end)
		return 0;
	if (end - *p < 4 || load_be(*p) > (size_t)(end - *p) - 4)
		return corrupt(job, *p, "a chunk that is cut off");
	*size = load_be(*p);
	*block = *p + 4;
	*p = *block + *size;
	return 1;
}

static int framed_size(const struct kw_decompression *job, size_t *total)
{
	const uint8_t *p = job->source, *block;
	size_t size, declared;
	int result;

	*total = 0;
	while ((result = next_chunk(job, &p, &block, &size)) > 0) {
		if ((result = declared_size(job, block, size, &declared)) != KWIRE_OK)
			return result;
		if (declared > job->limit - *total)
			return kw_decompression_too_large(job, "snappy");
		*total += declared;
	}
	return result;
}

static int uncompress(const struct kw_decompression *job, const uint8_t *block, size_t size,
		      size_t *used)
{
	size_t room = job->output->capacity - *used;

	if (snappy_uncompress((const char *)block, size, (char *)job->output->data + *used,
			      &room) != SNAPPY_OK)
		return corrupt(job, block, "a corrupt block");
	*used += room;
	return KWIRE_OK;
}

int kw_snappy_decompress(const struct kw_decompression *job, size_t *output_size)
{
	const bool chunks = framed(job->source, job->size);
	const uint8_t *p = job->source, *block;
	size_t total = 0, used = 0, size;
	int result;

	result = chunks ? framed_size(job, &total)
			: declared_size(job, job->source, job->size, &total);
	if (result != KWIRE_OK)
		return result;
	if (total > job->limit)
		return kw_decompression_too_large(job, "snappy");
	if (!kw_growing_reserve(job->output, total, job->limit, 0))
		return kw_fail_memory(job->error);
	if (!chunks) {
		result = uncompress(job, job->source, job->size, &used);
	} else {
		while ((result = next_chunk(job, &p, &block, &size)) > 0)
			if ((result = uncompress(job, block, size, &used)) != KWIRE_OK)
				break;
	}
	*output_size = used;
	return result;
}

int kw_snappy_compress(const uint8_t *source, size_t size, uint8_t *target, size_t capacity,
		       size_t *target_size, struct kwire_error *error)
{
	uint8_t *p = target + HEADER_SIZE, *end = target + capacity;

	memcpy(target, header, HEADER_SIZE);
	while (size > 0) {
		size_t piece = size < CHUNK ? size : CHUNK;
		size_t length = (size_t)(end - p) - 4;

		if (snappy_compress((const char *)source, piece, (char *)p + 4, &length) !=
		    SNAPPY_OK)
			return kw_fail(error, KWIRE_ETOOLARGE, "snappy: compressing failed");
		p[0] = (uint8_t)(length >> 24);
		p[1] = (uint8_t)(length >> 16);
		p[2] = (uint8_t)(length >> 8);
		p[3] = (uint8_t)length;
		p += 4 + length;
		source += piece;
		size -= piece;
	}
	*target_size = (size_t)(p - target);
	return KWIRE_OK;
}

#else

int kw_snappy_decompress(const struct kw_decompression *job, size_t *output_size)
{
	(void)output_size;
	return kw_fail(job->error, KWIRE_ENOTBUILT, "snappy was left out of this build");
}

int kw_snappy_compress(const uint8_t *source, size_t size, uint8_t *target, size_t capacity,
		       size_t *target_size, struct kwire_error *error)
{
	(void)source, (void)size, (void)target, (void)capacity, (void)target_size;
	return kw_fail(error, KWIRE_ENOTBUILT, "snappy was left out of this build");
}

#endif

size_t kw_snappy_bound(size_t size)
{
	return HEADER_SIZE + (size / CHUNK + 1) * (4 + CHUNK_BOUND);
}
