/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gzip by zlib, called by codec.c only.  One inflate and one deflate stream are
 * kept; both allocate from the memory of their codecs.  Several members in a
 * row are read as one, as gzip(1) does.
 */
#include "codec.h"

#include "../base/error.h"

#if KW_WITH_GZIP

#include <limits.h>
#include <zlib.h>

#define GZIP_ONLY (15 + 16) /* window bits, and "gzip, nothing else" */
#define MAX_STEP  ((size_t)1 << 30)

static void *zlib_alloc(void *memory, unsigned count, unsigned size)
{
	return kw_alloc_array(memory, count, size);
}

static void zlib_free(void *memory, void *data)
{
	(void)memory;
	kw_free(data);
}

static z_stream *stream_new(struct kw_memory *memory)
{
	z_stream *stream = kw_zalloc(memory, sizeof(*stream));

	if (stream != NULL) {
		stream->zalloc = zlib_alloc;
		stream->zfree = zlib_free;
		stream->opaque = memory;
	}
	return stream;
}

static z_stream *inflater(struct kw_codecs *codecs)
{
	z_stream *stream = codecs->gunzip;

	if (stream != NULL)
		return inflateReset(stream) == Z_OK ? stream : NULL;
	stream = stream_new(codecs->memory);
	if (stream == NULL)
		return NULL;
	if (inflateInit2(stream, GZIP_ONLY) != Z_OK) {
		kw_free(stream);
		return NULL;
	}
	codecs->gunzip = stream;
	return stream;
}

/* Takes in what is left of the input, at most a step of it, and fills the room there is. */
static int step(const struct kw_decompression *job, z_stream *stream, size_t consumed, size_t used)
{
	size_t room = job->output->capacity < job->limit ? job->output->capacity : job->limit;
	size_t left = job->size - consumed;

	room -= used;
	stream->next_in = (z_const Bytef *)(uintptr_t)(job->source + consumed);
	stream->avail_in = (uInt)(left < MAX_STEP ? left : MAX_STEP);
	stream->next_out = job->output->data + used;
	stream->avail_out = (uInt)(room < MAX_STEP ? room : MAX_STEP);
	return inflate(stream, Z_NO_FLUSH);
}

int kw_gzip_decompress(const struct kw_decompression *job, size_t *output_size)
{
	z_stream *stream = inflater(job->codecs);
	size_t consumed = 0, used = 0, guess = job->size < job->limit / 4 ? job->size * 4 : 4096;
	int result = Z_OK;

	if (stream == NULL)
		return kw_fail_memory(job->error);
	if (guess > job->limit)
		guess = job->limit;
	if (!kw_growing_reserve(job->output, guess, job->limit, 0))
		return kw_fail_memory(job->error);
	while (result != Z_STREAM_END || consumed < job->size) {
		bool full;

		if (result == Z_STREAM_END && inflateReset(stream) != Z_OK)
			break;
		result = step(job, stream, consumed, used);
		full = stream->avail_out == 0;
		consumed = (size_t)(stream->next_in - job->source);
		used = (size_t)(stream->next_out - job->output->data);
		if (result == Z_STREAM_END || (result == Z_OK && !full && consumed < job->size))
			continue;
		if (result == Z_MEM_ERROR)
			return kw_fail_memory(job->error);
		if ((result == Z_OK || result == Z_BUF_ERROR) && full) {
			/*
			 * No room left, which may also mean that all is out: zlib reports the
			 * end with the last byte, or when it is called with no room at all.
			 */
			if (used < job->limit) {
				if (!kw_growing_reserve(job->output, used + 1, job->limit, used))
					return kw_fail_memory(job->error);
				continue;
			}
			if (result == Z_OK)
				continue;
			return kw_decompression_too_large(job, "gzip");
		}
		return kw_fail(job->error, KWIRE_EDECODE, "gzip: %s at byte %zu of %zu",
			       consumed == job->size ? "cut off" : "corrupt", consumed, job->size);
	}
	*output_size = used;
	return KWIRE_OK;
}

static z_stream *deflater(struct kw_codecs *codecs, int32_t level)
{
	z_stream *stream = codecs->gzip;

	if (level == KWIRE_LEVEL_DEFAULT)
		level = Z_DEFAULT_COMPRESSION;
	if (stream != NULL && codecs->gzip_level == level)
		return deflateReset(stream) == Z_OK ? stream : NULL;
	if (stream != NULL) {
		deflateEnd(stream);
		kw_free(stream);
		codecs->gzip = NULL;
	}
	stream = stream_new(codecs->memory);
	if (stream == NULL)
		return NULL;
	if (deflateInit2(stream, level, Z_DEFLATED, GZIP_ONLY, MAX_MEM_LEVEL - 1,
			 Z_DEFAULT_STRATEGY) != Z_OK) {
		kw_free(stream);
		return NULL;
	}
	codecs->gzip = stream;
	codecs->gzip_level = level;
	return stream;
}

int kw_gzip_compress(struct kw_codecs *codecs, int32_t level, const uint8_t *source, size_t size,
		     uint8_t *target, size_t capacity, size_t *target_size,
		     struct kwire_error *error)
{
	z_stream *stream = deflater(codecs, level);

	if (stream == NULL)
		return kw_fail_memory(error);
	if (size > UINT_MAX || capacity > UINT_MAX)
		return kw_fail(error, KWIRE_ETOOLARGE, "gzip: %zu bytes are too many", size);
	stream->next_in = (z_const Bytef *)(uintptr_t)source;
	stream->avail_in = (uInt)size;
	stream->next_out = target;
	stream->avail_out = (uInt)capacity;
	if (deflate(stream, Z_FINISH) != Z_STREAM_END)
		return kw_fail(error, KWIRE_ETOOLARGE, "gzip: the output passed its bound");
	*target_size = (size_t)(stream->next_out - target);
	return KWIRE_OK;
}

/* zlib's bound for any parameters, and the gzip wrapper. */
size_t kw_gzip_bound(size_t size)
{
	return size + ((size + 7) >> 3) + ((size + 63) >> 6) + 5 + 18;
}

void kw_gzip_fini(struct kw_codecs *codecs)
{
	if (codecs->gunzip != NULL)
		inflateEnd(codecs->gunzip);
	if (codecs->gzip != NULL)
		deflateEnd(codecs->gzip);
	kw_free(codecs->gunzip);
	kw_free(codecs->gzip);
	codecs->gunzip = codecs->gzip = NULL;
}

#else

int kw_gzip_decompress(const struct kw_decompression *job, size_t *output_size)
{
	(void)output_size;
	return kw_fail(job->error, KWIRE_ENOTBUILT, "gzip was left out of this build");
}

int kw_gzip_compress(struct kw_codecs *codecs, int32_t level, const uint8_t *source, size_t size,
		     uint8_t *target, size_t capacity, size_t *target_size,
		     struct kwire_error *error)
{
	(void)codecs, (void)level, (void)source, (void)size, (void)target, (void)capacity;
	(void)target_size;
	return kw_fail(error, KWIRE_ENOTBUILT, "gzip was left out of this build");
}

size_t kw_gzip_bound(size_t size)
{
	return size;
}

void kw_gzip_fini(struct kw_codecs *codecs)
{
	(void)codecs;
}

#endif
