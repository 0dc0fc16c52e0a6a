/* SPDX-License-Identifier: Apache-2.0 */
/* See codec.h: names, levels, limits, and the way to each codec's own file. */
#include "codec.h"

#include <string.h>

#include "../base/error.h"

struct codec {
	const char *name;
	bool built;
	int32_t min_level;
	int32_t max_level;
};

static const struct codec table[] = {
	{"none", true, 0, -1},
	{"gzip", KW_WITH_GZIP, 1, 9},
	{"snappy", KW_WITH_SNAPPY, 0, -1},
	{"lz4", KW_WITH_LZ4, 1, 17},
	{"zstd", KW_WITH_ZSTD, -131072, 22},
};

#define CODECS (sizeof(table) / sizeof(table[0]))

const char *kwire_codec_name(enum kwire_codec codec)
{
	return (size_t)codec < CODECS ? table[codec].name : NULL;
}

int kwire_codec_parse(const char *name, enum kwire_codec *codec)
{
	for (size_t i = 0; name != NULL && i < CODECS; i++)
		if (strcmp(name, table[i].name) == 0) {
			*codec = (enum kwire_codec)i;
			return KWIRE_OK;
		}
	return KWIRE_EINVAL;
}

bool kwire_codec_built(enum kwire_codec codec)
{
	return (size_t)codec < CODECS && table[codec].built;
}

void kw_growing_init(struct kw_growing *buffer, struct kw_memory *memory)
{
	buffer->memory = memory;
	buffer->data = NULL;
	buffer->capacity = 0;
}

void kw_growing_fini(struct kw_growing *buffer)
{
	kw_free(buffer->data);
	buffer->data = NULL;
	buffer->capacity = 0;
}

bool kw_growing_reserve(struct kw_growing *buffer, size_t needed, size_t max, size_t keep)
{
	size_t capacity = buffer->capacity < 2048 ? 4096 : buffer->capacity * 2;
	uint8_t *data;

	if (needed <= buffer->capacity && buffer->data != NULL)
		return true;
	if (capacity > max)
		capacity = max;
	if (capacity < needed)
		capacity = needed;
	if (keep == 0) {
		/* Nothing to copy, and never two buffers at once. */
		kw_growing_fini(buffer);
		data = kw_alloc(buffer->memory, capacity);
	} else {
		data = kw_realloc(buffer->memory, buffer->data, capacity);
	}
	if (data == NULL)
		return false;
	buffer->data = data;
	buffer->capacity = capacity;
	return true;
}

void kw_codecs_init(struct kw_codecs *codecs, struct kw_memory *memory)
{
	memset(codecs, 0, sizeof(*codecs));
	codecs->memory = memory;
}

void kw_codecs_fini(struct kw_codecs *codecs)
{
	kw_gzip_fini(codecs);
	kw_lz4_fini(codecs);
	kw_zstd_fini(codecs);
}

static int not_built(enum kwire_codec codec, struct kwire_error *error)
{
	return kw_fail(error, KWIRE_ENOTBUILT, "%s compression was left out of this build",
		       table[codec].name);
}

int kw_decompression_too_large(const struct kw_decompression *job, const char *codec)
{
	return kw_fail(job->error, KWIRE_ETOOLARGE,
		       "%s: %zu bytes decompress to more than the %zu allowed", codec, job->size,
		       job->limit);
}

int kw_decompress(struct kw_codecs *codecs, enum kwire_codec codec, unsigned flags,
		  const uint8_t *source, size_t size, const struct kw_decompress_limits *limits,
		  struct kw_growing *output, size_t *output_size, struct kwire_error *error)
{
	struct kw_decompression job = {codecs, source, size, limits->max_bytes,
				       output, flags,  error};
	size_t by_ratio = size > INT32_MAX / limits->max_ratio ? INT32_MAX
							       : size * limits->max_ratio;

	if (by_ratio < KW_RATIO_FLOOR)
		by_ratio = KW_RATIO_FLOOR;
	if (job.limit > by_ratio)
		job.limit = by_ratio;
	if (!kwire_codec_built(codec))
		return not_built(codec, error);
	switch (codec) {
	case KWIRE_CODEC_GZIP:
		return kw_gzip_decompress(&job, output_size);
	case KWIRE_CODEC_SNAPPY:
		return kw_snappy_decompress(&job, output_size);
	case KWIRE_CODEC_LZ4:
		return kw_lz4_decompress(&job, output_size);
	case KWIRE_CODEC_ZSTD:
		return kw_zstd_decompress(&job, output_size);
	case KWIRE_CODEC_NONE:
	default:
		return kw_fail(error, KWIRE_EINVAL, "nothing to decompress");
	}
}

int kw_codec_check(enum kwire_codec codec, int32_t level, struct kwire_error *error)
{
	const struct codec *entry;

	if ((size_t)codec >= CODECS)
		return kw_fail(error, KWIRE_EINVAL, "there is no codec %d", (int)codec);
	entry = &table[codec];
	if (!entry->built)
		return not_built(codec, error);
	if (level == KWIRE_LEVEL_DEFAULT ||
	    (level >= entry->min_level && level <= entry->max_level))
		return KWIRE_OK;
	if (entry->min_level > entry->max_level)
		return kw_fail(error, KWIRE_EINVAL, "%s compression has no levels", entry->name);
	return kw_fail(error, KWIRE_EINVAL, "%s compression has levels %d to %d, not %d",
		       entry->name, (int)entry->min_level, (int)entry->max_level, (int)level);
}

size_t kw_compress_bound(enum kwire_codec codec, size_t size)
{
	switch (codec) {
	case KWIRE_CODEC_GZIP:
		return kw_gzip_bound(size);
	case KWIRE_CODEC_SNAPPY:
		return kw_snappy_bound(size);
	case KWIRE_CODEC_LZ4:
		return kw_lz4_bound(size);
	case KWIRE_CODEC_ZSTD:
		return kw_zstd_bound(size);
	case KWIRE_CODEC_NONE:
	default:
		return size;
	}
}

int kw_compress(struct kw_codecs *codecs, enum kwire_codec codec, int32_t level, unsigned flags,
		const uint8_t *source, size_t size, uint8_t *target, size_t capacity,
		size_t *target_size, struct kwire_error *error)
{
	switch (codec) {
	case KWIRE_CODEC_GZIP:
		return kw_gzip_compress(codecs, level, source, size, target, capacity, target_size,
					error);
	case KWIRE_CODEC_SNAPPY:
		return kw_snappy_compress(source, size, target, capacity, target_size, error);
	case KWIRE_CODEC_LZ4:
		return kw_lz4_compress(codecs, level, flags, source, size, target, capacity,
				       target_size, error);
	case KWIRE_CODEC_ZSTD:
		return kw_zstd_compress(codecs, level, source, size, target, capacity, target_size,
					error);
	case KWIRE_CODEC_NONE:
	default:
		return kw_fail(error, KWIRE_EINVAL, "nothing to compress");
	}
}
