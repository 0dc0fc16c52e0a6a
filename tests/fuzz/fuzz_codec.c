/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer target: each codec.  The first byte chooses codec and direction:
 * bytes that nobody compressed are decompressed under a cap, or the input is
 * compressed and must come back.
 */
#include <stdlib.h>
#include <string.h>

#include "records/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CAP ((size_t)1 << 20)

static void round_trip(struct kw_codecs *codecs, enum kwire_codec codec, struct kw_growing *output,
		       const struct kw_decompress_limits *limits, const uint8_t *data, size_t size)
{
	size_t bound = kw_compress_bound(codec, size), packed, back;
	uint8_t *target = malloc(bound);

	if (target == NULL)
		return;
	if (kw_compress(codecs, codec, KWIRE_LEVEL_DEFAULT, 0, data, size, target, bound, &packed,
			NULL) != 0 ||
	    packed > bound ||
	    kw_decompress(codecs, codec, 0, target, packed, limits, output, &back, NULL) != 0 ||
	    back != size || (size > 0 && memcmp(output->data, data, size) != 0))
		abort();
	free(target);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct kw_decompress_limits limits = {CAP, 2000};
	struct kw_memory *memory;
	struct kw_growing output;
	struct kw_codecs codecs;
	enum kwire_codec codec;
	size_t back = 0;

	if (size == 0)
		return 0;
	codec = (enum kwire_codec)(1 + data[0] % 4);
	memory = kw_memory_new(NULL, 0);
	if (memory == NULL || !kwire_codec_built(codec)) {
		kw_memory_put(memory);
		return 0;
	}
	kw_codecs_init(&codecs, memory);
	kw_growing_init(&output, memory);
	if ((data[0] & 0x40) != 0)
		round_trip(&codecs, codec, &output, &limits, data + 1, size - 1);
	else if (kw_decompress(&codecs, codec, data[0] >> 7, data + 1, size - 1, &limits, &output,
			       &back, NULL) == 0 &&
		 back > CAP)
		abort();
	if (output.capacity > CAP)
		abort();
	kw_growing_fini(&output);
	kw_codecs_fini(&codecs);
	kw_memory_put(memory);
	return 0;
}
