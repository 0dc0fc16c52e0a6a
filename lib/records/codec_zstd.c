/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Zstandard, called by codec.c only.  Frames are decoded in one go into the
 * output buffer, which is then the window too, so a frame that asks for a large
 * window gets no memory for it.  When the buffer proves too small it is doubled
 * and the work begun again: that happens to the first batches only, because the
 * buffer is kept.
 */
#include "codec.h"

#include "../base/error.h"

#if KW_WITH_ZSTD

#include <zstd.h>
#include <zstd_errors.h>

/* What is believed of a declared size: this many times the input. */
#define PLAUSIBLE 64

static size_t first_guess(const struct kw_decompression *job)
{
	unsigned long long declared = ZSTD_getFrameContentSize(job->source, job->size);
	size_t guess = job->size < job->limit / 4 ? job->size * 4 : job->limit;

	if (declared != ZSTD_CONTENTSIZE_UNKNOWN && declared != ZSTD_CONTENTSIZE_ERROR &&
	    (job->size > job->limit / PLAUSIBLE || declared <= job->size * PLAUSIBLE))
		guess = declared < job->limit ? (size_t)declared : job->limit;
	return guess;
}

int kw_zstd_decompress(const struct kw_decompression *job, size_t *output_size)
{
	struct kw_growing *output = job->output;
	size_t guess = first_guess(job), room, result;

	if (job->codecs->unzstd == NULL && (job->codecs->unzstd = ZSTD_createDCtx()) == NULL)
		return kw_fail_memory(job->error);
	for (;; guess = output->capacity + 1) {
		if (!kw_growing_reserve(output, guess, job->limit, 0))
			return kw_fail_memory(job->error);
		room = output->capacity < job->limit ? output->capacity : job->limit;
		result = ZSTD_decompressDCtx(job->codecs->unzstd, output->data, room, job->source,
					     job->size);
		if (!ZSTD_isError(result)) {
			*output_size = result;
			return KWIRE_OK;
		}
		if (ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation)
			return kw_fail_memory(job->error);
		if (ZSTD_getErrorCode(result) != ZSTD_error_dstSize_tooSmall)
			return kw_fail(job->error, KWIRE_EDECODE, "zstd: %s",
				       ZSTD_getErrorName(result));
		if (room == job->limit)
			return kw_decompression_too_large(job, "zstd");
	}
}

int kw_zstd_compress(struct kw_codecs *codecs, int32_t level, const uint8_t *source, size_t size,
		     uint8_t *target, size_t capacity, size_t *target_size,
		     struct kwire_error *error)
{
	size_t result;

	if (codecs->zstd == NULL && (codecs->zstd = ZSTD_createCCtx()) == NULL)
		return kw_fail_memory(error);
	result = ZSTD_compressCCtx(codecs->zstd, target, capacity, source, size,
				   level == KWIRE_LEVEL_DEFAULT ? ZSTD_CLEVEL_DEFAULT : level);
	if (ZSTD_isError(result))
		return ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation
			       ? kw_fail_memory(error)
			       : kw_fail(error, KWIRE_ETOOLARGE, "zstd: %s",
					 ZSTD_getErrorName(result));
	*target_size = result;
	return KWIRE_OK;
}

size_t kw_zstd_bound(size_t size)
{
	return ZSTD_compressBound(size);
}

void kw_zstd_fini(struct kw_codecs *codecs)
{
	ZSTD_freeDCtx(codecs->unzstd);
	ZSTD_freeCCtx(codecs->zstd);
	codecs->unzstd = codecs->zstd = NULL;
}

#else

int kw_zstd_decompress(const struct kw_decompression *job, size_t *output_size)
{
	(void)output_size;
	return kw_fail(job->error, KWIRE_ENOTBUILT, "zstd was left out of this build");
}

int kw_zstd_compress(struct kw_codecs *codecs, int32_t level, const uint8_t *source, size_t size,
		     uint8_t *target, size_t capacity, size_t *target_size,
		     struct kwire_error *error)
{
	(void)codecs, (void)level, (void)source, (void)size, (void)target, (void)capacity;
	(void)target_size;
	return kw_fail(error, KWIRE_ENOTBUILT, "zstd was left out of this build");
}

size_t kw_zstd_bound(size_t size)
{
	return size;
}

void kw_zstd_fini(struct kw_codecs *codecs)
{
	(void)codecs;
}

#endif
