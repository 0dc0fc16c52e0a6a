/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Codecs: the framings that Kafka's clients use, input that is cut, corrupt or
 * lies about its size, and bombs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#if KW_WITH_LZ4
#include <lz4frame.h>
#endif

#include "records/codec.h"

#include "../support/compose.h"
#include "../support/counting.h"

#define MIB ((size_t)1 << 20)

/* What a decompression works with, over an allocator that counts. */
struct bench {
	struct counting counting;
	struct kw_memory *memory;
	struct kw_codecs codecs;
	struct kw_growing output;
	struct kw_decompress_limits limits;
	struct kwire_error error;
	size_t size; /* of the output */
};

static int setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	if (bench == NULL)
		return -1;
	counting_init(&bench->counting);
	bench->memory = kw_memory_new(&bench->counting.allocator, 0);
	kw_codecs_init(&bench->codecs, bench->memory);
	kw_growing_init(&bench->output, bench->memory);
	bench->limits.max_bytes = 8 * MIB;
	bench->limits.max_ratio = 2000;
	*state = bench;
	return 0;
}

static int teardown(void **state)
{
	struct bench *bench = *state;
	long live;

	kw_codecs_fini(&bench->codecs);
	kw_growing_fini(&bench->output);
	kw_memory_put(bench->memory);
	live = bench->counting.live;
	free(bench);
	return live == 0 ? 0 : -1;
}

static int unpack(struct bench *bench, enum kwire_codec codec, const void *data, size_t size)
{
	return kw_decompress(&bench->codecs, codec, 0, data, size, &bench->limits, &bench->output,
			     &bench->size, &bench->error);
}

/* `size` bytes, compressed; the caller frees it. */
static struct compose pack(struct bench *bench, enum kwire_codec codec, const uint8_t *data,
			   size_t size)
{
	size_t bound = kw_compress_bound(codec, size);
	struct compose packed = {malloc(bound), 0, bound};

	assert_non_null(packed.data);
	assert_int_equal(kw_compress(&bench->codecs, codec, KWIRE_LEVEL_DEFAULT, 0, data, size,
				     packed.data, bound, &packed.size, &bench->error),
			 0);
	assert_true(packed.size <= bound);
	return packed;
}

/* Half text, half noise. */
static uint8_t *sample(size_t size)
{
	uint8_t *data = malloc(size + 1);
	uint32_t seed = 7;

	assert_non_null(data);
	for (size_t i = 0; i < size; i++) {
		seed = seed * 1664525u + 1013904223u;
		data[i] = i / 1000 % 2 ? (uint8_t)(seed >> 24) : (uint8_t)("kafka "[i % 6]);
	}
	return data;
}

static void check_output(const struct bench *bench, const uint8_t *data, size_t size)
{
	assert_int_equal(bench->size, size);
	assert_memory_equal(bench->output.data, data, size);
}

#define FOR_CODECS(codec)                                                          \
	for (enum kwire_codec codec = KWIRE_CODEC_GZIP; codec <= KWIRE_CODEC_ZSTD; \
	     codec = (enum kwire_codec)(codec + 1))                                \
		if (kwire_codec_built(codec))

static void every_size_comes_back(void **state)
{
	static const size_t sizes[] = {0,     1,     2,     100,   32767,     32768,
				       32769, 65535, 65536, 65537, 1000 * 999};
	struct bench *bench = *state;
	uint8_t *data = sample(MIB);

	FOR_CODECS(codec)
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct compose packed = pack(bench, codec, data, sizes[i]);

		assert_int_equal(unpack(bench, codec, packed.data, packed.size), 0);
		check_output(bench, data, sizes[i]);
		compose_fini(&packed);
	}
	free(data);
}

static void the_cap_itself_may_be_reached_but_not_passed(void **state)
{
	struct bench *bench = *state;
	uint8_t *data = sample(100000);

	FOR_CODECS(codec)
	{
		struct compose packed = pack(bench, codec, data, 100000);

		for (size_t below = 0; below < 2; below++) {
			kw_growing_fini(&bench->output);
			bench->limits.max_bytes = 100000 - below;
			assert_int_equal(unpack(bench, codec, packed.data, packed.size),
					 below ? KWIRE_ETOOLARGE : 0);
			assert_true(bench->output.capacity <= 100000);
		}
		/* A buffer that is larger from before does not raise the cap. */
		bench->limits.max_bytes = MIB;
		assert_int_equal(unpack(bench, codec, packed.data, packed.size), 0);
		bench->limits.max_bytes = 50000;
		assert_int_equal(unpack(bench, codec, packed.data, packed.size), KWIRE_ETOOLARGE);
		compose_fini(&packed);
	}
	free(data);
}

static void a_bomb_stops_at_the_cap(void **state)
{
	struct bench *bench = *state;
	uint8_t *zeros = calloc(1, 64 * MIB);

	assert_non_null(zeros);
	FOR_CODECS(codec)
	{
		struct compose packed = pack(bench, codec, zeros, 64 * MIB);
		size_t before;

		kw_growing_fini(&bench->output);
		before = bench->counting.bytes;
		bench->counting.peak_bytes = before;
		bench->limits.max_bytes = MIB;
		assert_int_equal(unpack(bench, codec, packed.data, packed.size), KWIRE_ETOOLARGE);
		assert_non_null(strstr(bench->error.message, kwire_codec_name(codec)));
		assert_non_null(strstr(bench->error.message, "1048576"));
		/* 64 KiB for zlib's own window and tables. */
		assert_true(bench->counting.peak_bytes - before <= MIB + 64 * 1024);
		compose_fini(&packed);
	}
	free(zeros);
}

static void a_bomb_below_the_cap_stops_at_the_ratio(void **state)
{
	struct bench *bench = *state;
	uint8_t *zeros = calloc(1, 64 * MIB);
	struct compose packed;

	assert_non_null(zeros);
	bench->limits.max_bytes = 128 * MIB;
	if (kwire_codec_built(KWIRE_CODEC_ZSTD)) {
		packed = pack(bench, KWIRE_CODEC_ZSTD, zeros, 64 * MIB);
		assert_true(packed.size * 2000 < 16 * MIB);
		assert_int_equal(unpack(bench, KWIRE_CODEC_ZSTD, packed.data, packed.size),
				 KWIRE_ETOOLARGE);
		assert_true(bench->output.capacity <= 16 * MIB);
		compose_fini(&packed);
		/* Small things may be as regular as they like. */
		packed = pack(bench, KWIRE_CODEC_ZSTD, zeros, 15 * MIB);
		assert_int_equal(unpack(bench, KWIRE_CODEC_ZSTD, packed.data, packed.size), 0);
		compose_fini(&packed);
	}
	if (kwire_codec_built(KWIRE_CODEC_GZIP)) {
		/* gzip's best is 1032, and 64 MiB of zeros no attack. */
		packed = pack(bench, KWIRE_CODEC_GZIP, zeros, 64 * MIB);
		assert_int_equal(unpack(bench, KWIRE_CODEC_GZIP, packed.data, packed.size), 0);
		compose_fini(&packed);
	}
	free(zeros);
}

static void what_is_cut_is_an_error(void **state)
{
	struct bench *bench = *state;
	uint8_t *data = sample(3000);

	FOR_CODECS(codec)
	{
		struct compose packed = pack(bench, codec, data, 3000);

		for (size_t size = 0; size < packed.size; size++) {
			uint8_t *copy = malloc(size + 1);
			int result;

			assert_non_null(copy);
			memcpy(copy, packed.data, size);
			result = unpack(bench, codec, copy, size);
			free(copy);
			/* snappy's framing has no end; zstd takes nothing for no frames. */
			if ((codec == KWIRE_CODEC_SNAPPY && size == 16) ||
			    (codec == KWIRE_CODEC_ZSTD && size == 0))
				continue;
			assert_int_equal(result, KWIRE_EDECODE);
		}
		compose_fini(&packed);
	}
	free(data);
}

static void what_is_corrupt_is_survived(void **state)
{
	struct bench *bench = *state;
	uint8_t *data = sample(3000);

	FOR_CODECS(codec)
	{
		struct compose packed = pack(bench, codec, data, 3000);

		for (size_t at = 0; at < packed.size; at++)
			for (int bit = 0; bit < 8; bit++) {
				int result;

				packed.data[at] ^= (uint8_t)(1 << bit);
				result = unpack(bench, codec, packed.data, packed.size);
				assert_true(result == 0 || result == KWIRE_EDECODE ||
					    result == KWIRE_ETOOLARGE);
				packed.data[at] ^= (uint8_t)(1 << bit);
			}
		assert_int_equal(unpack(bench, codec, packed.data, packed.size), 0);
		check_output(bench, data, 3000);
		compose_fini(&packed);
	}
	free(data);
}

static void gzip_of_several_members_is_read_as_one(void **state)
{
	struct bench *bench = *state;
	uint8_t *data = sample(5000);
	struct compose all = {0};

	if (!kwire_codec_built(KWIRE_CODEC_GZIP))
		skip();
	for (size_t at = 0; at < 5000; at += 1000) {
		struct compose one = pack(bench, KWIRE_CODEC_GZIP, data + at, 1000);

		compose_bytes(&all, one.data, one.size);
		compose_fini(&one);
	}
	assert_int_equal(unpack(bench, KWIRE_CODEC_GZIP, all.data, all.size), 0);
	check_output(bench, data, 5000);
	compose_bytes(&all, "junk", 4);
	assert_int_equal(unpack(bench, KWIRE_CODEC_GZIP, all.data, all.size), KWIRE_EDECODE);
	compose_fini(&all);
	free(data);
}

static void snappy_is_read_bare_and_joined(void **state)
{
	struct bench *bench = *state;
	uint8_t *data = sample(100000);
	struct compose joined, second;

	if (!kwire_codec_built(KWIRE_CODEC_SNAPPY))
		skip();
	/* One literal of five bytes. */
	assert_int_equal(unpack(bench, KWIRE_CODEC_SNAPPY, "\x05\x10hello", 7), 0);
	check_output(bench, (const uint8_t *)"hello", 5);
	joined = pack(bench, KWIRE_CODEC_SNAPPY, data, 40000);
	second = pack(bench, KWIRE_CODEC_SNAPPY, data + 40000, 60000);
	assert_memory_equal(joined.data, "\x82SNAPPY\0\0\0\0\1\0\0\0\1", 16);
	compose_bytes(&joined, second.data, second.size);
	assert_int_equal(unpack(bench, KWIRE_CODEC_SNAPPY, joined.data, joined.size), 0);
	check_output(bench, data, 100000);
	joined.data[15] = 2;
	assert_int_equal(unpack(bench, KWIRE_CODEC_SNAPPY, joined.data, joined.size),
			 KWIRE_EDECODE);
	compose_fini(&joined);
	compose_fini(&second);
	free(data);
}

static void a_size_that_cannot_be_is_refused_before_it_is_allocated(void **state)
{
	/* 7 MiB and something, declared by seven bytes. */
	static const uint8_t lie[] = {0xff, 0xff, 0xff, 0x03, 0x10, 'h', 'i'};
	struct bench *bench = *state;
	struct compose framed = {0};
	size_t before;

	if (!kwire_codec_built(KWIRE_CODEC_SNAPPY))
		skip();
	bench->counting.peak_bytes = before = bench->counting.bytes;
	assert_int_equal(unpack(bench, KWIRE_CODEC_SNAPPY, lie, sizeof(lie)), KWIRE_EDECODE);
	compose_bytes(&framed, "\x82SNAPPY\0\0\0\0\1\0\0\0\1\0\0\0\7", 20);
	compose_bytes(&framed, lie, sizeof(lie));
	assert_int_equal(unpack(bench, KWIRE_CODEC_SNAPPY, framed.data, framed.size),
			 KWIRE_EDECODE);
	compose_patch(&framed, 16, -1, 4);
	assert_int_equal(unpack(bench, KWIRE_CODEC_SNAPPY, framed.data, framed.size),
			 KWIRE_EDECODE);
	assert_true(bench->counting.peak_bytes <= before + 4096);
	compose_fini(&framed);
}

#if KW_WITH_LZ4
static struct compose lz4_frame(const LZ4F_preferences_t *preferences, const uint8_t *data,
				size_t size)
{
	size_t bound = LZ4F_compressFrameBound(size, preferences);
	struct compose frame = {malloc(bound), 0, bound};

	assert_non_null(frame.data);
	frame.size = LZ4F_compressFrame(frame.data, bound, data, size, preferences);
	assert_false(LZ4F_isError(frame.size));
	return frame;
}
#endif

static void lz4_frames_of_every_kind_are_read(void **state)
{
#if KW_WITH_LZ4
	struct bench *bench = *state;
	uint8_t *data = sample(5 * MIB);

	for (int kind = 0; kind < 4 * 16; kind++) {
		LZ4F_preferences_t preferences = LZ4F_INIT_PREFERENCES;
		size_t size = kind % 3 ? 300000 : 5 * MIB;
		struct compose frame;

		preferences.frameInfo.blockSizeID = (LZ4F_blockSizeID_t)(4 + kind / 16);
		preferences.frameInfo.blockMode = kind & 1 ? LZ4F_blockLinked
							   : LZ4F_blockIndependent;
		preferences.frameInfo.contentChecksumFlag = kind & 2 ? LZ4F_contentChecksumEnabled
								     : LZ4F_noContentChecksum;
		preferences.frameInfo.blockChecksumFlag = kind & 4 ? LZ4F_blockChecksumEnabled
								   : LZ4F_noBlockChecksum;
		preferences.frameInfo.contentSize = kind & 8 ? size : 0;
		frame = lz4_frame(&preferences, data, size);
		assert_int_equal(unpack(bench, KWIRE_CODEC_LZ4, frame.data, frame.size), 0);
		check_output(bench, data, size);
		if (kind & 4) {
			frame.data[frame.size / 2] ^= 1;
			assert_int_equal(unpack(bench, KWIRE_CODEC_LZ4, frame.data, frame.size),
					 KWIRE_EDECODE);
			assert_non_null(strstr(bench->error.message, "checksum"));
		}
		compose_fini(&frame);
	}
	free(data);
#else
	(void)state;
	skip();
#endif
}

static void lz4_is_written_as_javas_reader_wants_it(void **state)
{
	struct bench *bench = *state;
	uint8_t *data = sample(200000);
	struct compose frame;

	if (!kwire_codec_built(KWIRE_CODEC_LZ4))
		skip();
	frame = pack(bench, KWIRE_CODEC_LZ4, data, 200000);
	assert_memory_equal(frame.data, "\x04\x22\x4d\x18\x60\x40\x82", 7);
	assert_memory_equal(frame.data + frame.size - 4, "\0\0\0\0", 4);
	/* The header's checksum counts, except in magic 0, where it is made otherwise. */
	frame.data[6] = 0x1a;
	assert_int_equal(unpack(bench, KWIRE_CODEC_LZ4, frame.data, frame.size), KWIRE_EDECODE);
	assert_int_equal(kw_decompress(&bench->codecs, KWIRE_CODEC_LZ4, KW_CODEC_LZ4_BROKEN,
				       frame.data, frame.size, &bench->limits, &bench->output,
				       &bench->size, NULL),
			 0);
	check_output(bench, data, 200000);
	/* Reserved bits, another version, a dictionary, block sizes that there are not. */
	for (int i = 0; i < 4; i++) {
		static const uint8_t bad[4][2] = {
			{0x62, 0x40}, {0xa0, 0x40}, {0x61, 0x40}, {0x60, 0x30}};

		frame.data[4] = bad[i][0];
		frame.data[5] = bad[i][1];
		assert_int_equal(kw_decompress(&bench->codecs, KWIRE_CODEC_LZ4, KW_CODEC_LZ4_BROKEN,
					       frame.data, frame.size, &bench->limits,
					       &bench->output, &bench->size, NULL),
				 KWIRE_EDECODE);
	}
	compose_fini(&frame);
	free(data);
}

static void a_codec_left_out_says_so(void **state)
{
	struct bench *bench = *state;

	assert_true(kwire_codec_built(KWIRE_CODEC_NONE));
	assert_false(kwire_codec_built((enum kwire_codec)5));
	for (enum kwire_codec codec = KWIRE_CODEC_GZIP; codec <= KWIRE_CODEC_ZSTD;
	     codec = (enum kwire_codec)(codec + 1))
		if (!kwire_codec_built(codec))
			assert_int_equal(unpack(bench, codec, "", 0), KWIRE_ENOTBUILT);
}

static void names_and_codecs_match(void **state)
{
	enum kwire_codec codec;

	(void)state;
	for (int i = 0; i <= KWIRE_CODEC_ZSTD; i++) {
		assert_int_equal(kwire_codec_parse(kwire_codec_name((enum kwire_codec)i), &codec),
				 0);
		assert_int_equal(codec, i);
	}
	assert_null(kwire_codec_name((enum kwire_codec)5));
	assert_int_equal(kwire_codec_parse("brotli", &codec), KWIRE_EINVAL);
	assert_int_equal(kwire_codec_parse(NULL, &codec), KWIRE_EINVAL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(every_size_comes_back),
		TEST(the_cap_itself_may_be_reached_but_not_passed),
		TEST(a_bomb_stops_at_the_cap),
		TEST(a_bomb_below_the_cap_stops_at_the_ratio),
		TEST(what_is_cut_is_an_error),
		TEST(what_is_corrupt_is_survived),
		TEST(gzip_of_several_members_is_read_as_one),
		TEST(snappy_is_read_bare_and_joined),
		TEST(a_size_that_cannot_be_is_refused_before_it_is_allocated),
		TEST(lz4_frames_of_every_kind_are_read),
		TEST(lz4_is_written_as_javas_reader_wants_it),
		TEST(a_codec_left_out_says_so),
		TEST(names_and_codecs_match),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
