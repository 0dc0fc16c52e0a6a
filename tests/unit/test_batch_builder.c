/* SPDX-License-Identifier: Apache-2.0 */
/* What the builder writes, what it refuses, and that the reader gets it back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <kwire/records.h>

#include "../support/compose.h"
#include "../support/counting.h"

#define TEXT(literal) kwire_bytes_of((literal), sizeof(literal) - 1)

static const struct kwire_bytes null_bytes = {NULL, 0};

static struct kwire_batch_builder *builder;

static int setup(void **state)
{
	(void)state;
	return kwire_batch_builder_new(NULL, &builder, NULL);
}

static int teardown(void **state)
{
	(void)state;
	kwire_batch_builder_free(builder);
	return 0;
}

static void a_plain_batch_has_exactly_the_bytes_of_the_format(void **state)
{
	struct kwire_batch_options options = KWIRE_BATCH_OPTIONS_INIT;
	struct compose records = {0}, expected = {0};
	struct compose_batch header = {0, -1, 0x10, 1, 1000, 1007, 42, 3, 17, 2};
	struct kwire_bytes batch;

	(void)state;
	options.producer_id = 42;
	options.producer_epoch = 3;
	options.base_sequence = 17;
	options.transactional = true;
	compose_record(&records, 0, 0, "key", "value");
	compose_record(&records, 7, 1, NULL, "");
	compose_batch(&expected, &header, &records);

	assert_int_equal(kwire_batch_builder_begin(builder, &options, NULL), 0);
	assert_int_equal(
		kwire_batch_builder_add(builder, 1000, TEXT("key"), TEXT("value"), NULL, 0, NULL),
		0);
	assert_int_equal(
		kwire_batch_builder_add(builder, 1007, null_bytes, TEXT(""), NULL, 0, NULL), 0);
	assert_int_equal(kwire_batch_builder_size(builder), expected.size);
	assert_int_equal(kwire_batch_builder_bound(builder), expected.size);
	assert_int_equal(kwire_batch_builder_count(builder), 2);
	assert_int_equal(kwire_batch_builder_end(builder, &batch, NULL), 0);
	assert_int_equal(batch.size, expected.size);
	assert_memory_equal(batch.data, expected.data, expected.size);
	compose_fini(&records);
	compose_fini(&expected);
}

/* Writes 500 records of all shapes and reads them back. */
static void round_trip(enum kwire_codec codec, int32_t level)
{
	struct kwire_batch_options options = KWIRE_BATCH_OPTIONS_INIT;
	struct kwire_header headers[3];
	struct kwire_batch_reader *reader = NULL;
	struct kwire_batch read;
	struct kwire_record record;
	struct kwire_bytes batch;
	char text[3000];
	size_t bound;

	if (!kwire_codec_built(codec))
		return;
	options.codec = codec;
	options.level = level;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i * i % 23);
	headers[0].key = KWIRE_STRING("h");
	headers[0].value = TEXT("1");
	headers[1].key = KWIRE_STRING("");
	headers[1].value = null_bytes;
	headers[2].key = KWIRE_STRING("h");
	headers[2].value = TEXT("2");
	assert_int_equal(kwire_batch_builder_begin(builder, &options, NULL), 0);
	for (int i = 0; i < 500; i++)
		assert_int_equal(
			kwire_batch_builder_add(
				builder, 1700000000000 - i * i,
				i % 3 ? kwire_bytes_of(text + i, (size_t)i % 7) : null_bytes,
				i % 5 ? kwire_bytes_of(text, (size_t)i * 6) : null_bytes, headers,
				i % 4, NULL),
			0);
	bound = kwire_batch_builder_bound(builder);
	assert_int_equal(kwire_batch_builder_end(builder, &batch, NULL), 0);
	assert_true((size_t)batch.size <= bound);

	assert_int_equal(kwire_batch_reader_new(NULL, &reader, NULL), 0);
	kwire_batch_reader_start(reader, batch);
	assert_int_equal(kwire_batch_reader_next(reader, &read, NULL), 1);
	assert_int_equal(read.codec, codec);
	assert_int_equal(read.record_count, 500);
	assert_int_equal(read.last_offset, 499);
	assert_int_equal(read.max_timestamp, 1700000000000);
	assert_int_equal(read.raw.size, batch.size);
	for (int i = 0; i < 500; i++) {
		struct kwire_headers left;
		struct kwire_header header;
		int count = 0;

		assert_int_equal(kwire_batch_reader_record(reader, &record, NULL), 1);
		assert_int_equal(record.offset, i);
		assert_int_equal(record.timestamp, 1700000000000 - i * i);
		assert_int_equal(record.key.data == NULL, i % 3 == 0);
		assert_int_equal(record.value.data == NULL, i % 5 == 0);
		if (i % 3)
			assert_memory_equal(record.key.data, text + i, (size_t)i % 7);
		if (i % 5) {
			assert_int_equal(record.value.size, i * 6);
			assert_memory_equal(record.value.data, text, (size_t)i * 6);
		}
		assert_int_equal(record.headers.count, i % 4);
		left = record.headers;
		for (; kwire_headers_next(&left, &header); count++) {
			assert_int_equal(header.key.size, headers[count].key.size);
			assert_int_equal(header.value.data == NULL, count == 1);
		}
		assert_int_equal(count, i % 4);
		if (i % 4 == 3) {
			assert_true(kwire_headers_find(record.headers, "h", &header));
			assert_memory_equal(header.value.data, "2", 1);
		}
		assert_false(kwire_headers_find(record.headers, "x", &header));
	}
	assert_int_equal(kwire_batch_reader_record(reader, &record, NULL), 0);
	assert_int_equal(kwire_batch_reader_next(reader, &read, NULL), 0);
	kwire_batch_reader_free(reader);
}

static void every_codec_gives_back_what_it_was_given(void **state)
{
	(void)state;
	for (int codec = 0; codec <= KWIRE_CODEC_ZSTD; codec++)
		round_trip((enum kwire_codec)codec, KWIRE_LEVEL_DEFAULT);
}

static void every_level_gives_back_what_it_was_given(void **state)
{
	(void)state;
	for (int32_t level = 1; level <= 9; level++)
		round_trip(KWIRE_CODEC_GZIP, level);
	for (int32_t level = 1; level <= 17; level++)
		round_trip(KWIRE_CODEC_LZ4, level);
	for (int32_t level = -5; level <= 22; level += 3)
		round_trip(KWIRE_CODEC_ZSTD, level);
	round_trip(KWIRE_CODEC_ZSTD, -131072);
}

static void what_a_broker_would_refuse_is_refused(void **state)
{
	const struct kwire_batch_options good = KWIRE_BATCH_OPTIONS_INIT;
	struct kwire_batch_options options;
	struct kwire_header header = {KWIRE_STRING_NULL_INIT, {NULL, 0}};
	struct kwire_bytes batch;
	struct kwire_error error;

	(void)state;
#define REFUSED(field, value)                                                          \
	do {                                                                           \
		options = good;                                                        \
		options.field = (value);                                               \
		assert_int_equal(kwire_batch_builder_begin(builder, &options, &error), \
				 KWIRE_EINVAL);                                        \
		assert_string_not_equal(error.message, "");                            \
	} while (0)
	REFUSED(producer_id, 5);
	REFUSED(producer_id, -2);
	REFUSED(producer_epoch, 0);
	REFUSED(base_sequence, 0);
	REFUSED(transactional, true);
	REFUSED(max_bytes, -1);
	REFUSED(level, 3);
	REFUSED(codec, (enum kwire_codec)5);
	/* A batch that failed to begin takes nothing. */
	assert_int_equal(kwire_batch_builder_add(builder, 0, TEXT("k"), TEXT("v"), NULL, 0, NULL),
			 KWIRE_EINVAL);

	assert_int_equal(kwire_batch_builder_begin(builder, NULL, NULL), 0);
	assert_int_equal(kwire_batch_builder_end(builder, &batch, NULL), KWIRE_EINVAL);
	assert_int_equal(kwire_batch_builder_add(builder, -2, TEXT("k"), TEXT("v"), NULL, 0, NULL),
			 KWIRE_EINVAL);
	assert_int_equal(
		kwire_batch_builder_add(builder, 0, TEXT("k"), TEXT("v"), &header, 1, NULL),
		KWIRE_EINVAL);
	assert_int_equal(kwire_batch_builder_control(builder, 0, KWIRE_CONTROL_COMMIT, 1, NULL),
			 KWIRE_EINVAL);
	assert_int_equal(kwire_batch_builder_count(builder), 0);
	assert_int_equal(kwire_batch_builder_add(builder, -1, TEXT("k"), TEXT("v"), NULL, 0, NULL),
			 0);
	assert_int_equal(kwire_batch_builder_end(builder, &batch, NULL), 0);
}

static void levels_outside_a_codecs_range_are_refused(void **state)
{
	struct kwire_batch_options options = KWIRE_BATCH_OPTIONS_INIT;
	static const struct {
		enum kwire_codec codec;
		int32_t level;
	} bad[] = {{KWIRE_CODEC_GZIP, 0},      {KWIRE_CODEC_GZIP, 10}, {KWIRE_CODEC_SNAPPY, 1},
		   {KWIRE_CODEC_LZ4, 0},       {KWIRE_CODEC_LZ4, 18},  {KWIRE_CODEC_ZSTD, 23},
		   {KWIRE_CODEC_ZSTD, -131073}};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		options.codec = bad[i].codec;
		options.level = bad[i].level;
		assert_int_equal(kwire_batch_builder_begin(builder, &options, NULL),
				 kwire_codec_built(options.codec) ? KWIRE_EINVAL : KWIRE_ENOTBUILT);
	}
}

static void a_full_batch_refuses_a_record_and_stays_as_it_was(void **state)
{
	struct kwire_batch_options options = KWIRE_BATCH_OPTIONS_INIT;
	struct kwire_bytes batch;
	size_t size;

	(void)state;
	options.max_bytes = 100;
	assert_int_equal(kwire_batch_builder_begin(builder, &options, NULL), 0);
	while (kwire_batch_builder_add(builder, 5, null_bytes, TEXT("0123456789"), NULL, 0, NULL) ==
	       0)
		continue;
	size = kwire_batch_builder_size(builder);
	assert_int_equal(size, 61 + 2 * 17);
	assert_int_equal(
		kwire_batch_builder_add(builder, 5, null_bytes, TEXT("0123456789"), NULL, 0, NULL),
		KWIRE_ETOOLARGE);
	assert_true(kwire_record_size_max(null_bytes, TEXT("0123456789"), NULL, 0) >= 17);
	assert_int_equal(kwire_batch_builder_end(builder, &batch, NULL), 0);
	assert_int_equal(batch.size, size);
}

static void a_control_batch_is_read_back_with_its_type(void **state)
{
	struct kwire_batch_options options = KWIRE_BATCH_OPTIONS_INIT;
	struct kwire_batch_reader *reader = NULL;
	struct kwire_control control;
	struct kwire_record record;
	struct kwire_batch read;
	struct kwire_bytes batch;

	(void)state;
	options.control = true;
	options.transactional = true;
	options.producer_id = 9;
	options.producer_epoch = 1;
	assert_int_equal(kwire_batch_builder_begin(builder, &options, NULL), 0);
	assert_int_equal(kwire_batch_builder_add(builder, 0, TEXT("k"), TEXT("v"), NULL, 0, NULL),
			 KWIRE_EINVAL);
	assert_int_equal(kwire_batch_builder_control(builder, 77, KWIRE_CONTROL_ABORT, 12, NULL),
			 0);
	assert_int_equal(kwire_batch_builder_control(builder, 77, KWIRE_CONTROL_ABORT, 12, NULL),
			 KWIRE_EINVAL);
	assert_int_equal(kwire_batch_builder_end(builder, &batch, NULL), 0);
	assert_int_equal(kwire_batch_reader_new(NULL, &reader, NULL), 0);
	kwire_batch_reader_start(reader, batch);
	assert_int_equal(kwire_batch_reader_next(reader, &read, NULL), 1);
	assert_true(read.control);
	assert_true(read.transactional);
	assert_int_equal(kwire_batch_reader_record(reader, &record, NULL), 1);
	assert_int_equal(kwire_control_read(&record, &control, NULL), 0);
	assert_int_equal(control.type, KWIRE_CONTROL_ABORT);
	assert_int_equal(control.coordinator_epoch, 12);
	record.key.size = 3;
	assert_int_equal(kwire_control_read(&record, &control, NULL), KWIRE_EDECODE);
	kwire_batch_reader_free(reader);
}

static void sequences_wrap_to_zero(void **state)
{
	struct kwire_batch_options options = KWIRE_BATCH_OPTIONS_INIT;
	struct kwire_batch_reader *reader = NULL;
	struct kwire_record record;
	struct kwire_batch read;
	struct kwire_bytes batch;

	(void)state;
	options.producer_id = 9;
	options.producer_epoch = 1;
	options.base_sequence = INT32_MAX;
	assert_int_equal(kwire_batch_builder_begin(builder, &options, NULL), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(
			kwire_batch_builder_add(builder, 0, TEXT("k"), TEXT("v"), NULL, 0, NULL),
			0);
	assert_int_equal(kwire_batch_builder_end(builder, &batch, NULL), 0);
	assert_int_equal(kwire_batch_reader_new(NULL, &reader, NULL), 0);
	kwire_batch_reader_start(reader, batch);
	assert_int_equal(kwire_batch_reader_next(reader, &read, NULL), 1);
	assert_int_equal(kwire_batch_reader_record(reader, &record, NULL), 1);
	assert_int_equal(record.sequence, INT32_MAX);
	assert_int_equal(kwire_batch_reader_record(reader, &record, NULL), 1);
	assert_int_equal(record.sequence, 0);
	kwire_batch_reader_free(reader);
}

/* Builds one batch; 0, or what failed. */
static int build_one(struct kwire_batch_builder *one, enum kwire_codec codec)
{
	struct kwire_batch_options options = KWIRE_BATCH_OPTIONS_INIT;
	struct kwire_bytes batch;
	char value[1000];
	int result;

	memset(value, 'v', sizeof(value));
	options.codec = codec;
	result = kwire_batch_builder_begin(one, &options, NULL);
	for (int i = 0; result == 0 && i < 100; i++)
		result = kwire_batch_builder_add(
			one, i, null_bytes, kwire_bytes_of(value, sizeof(value)), NULL, 0, NULL);
	return result == 0 ? kwire_batch_builder_end(one, &batch, NULL) : result;
}

static void a_warm_builder_allocates_nothing(void **state)
{
	struct counting counting;
	struct kwire_batch_builder *one = NULL;

	(void)state;
	for (int codec = 0; codec <= KWIRE_CODEC_ZSTD; codec++) {
		long before;

		if (!kwire_codec_built((enum kwire_codec)codec))
			continue;
		counting_init(&counting);
		assert_int_equal(kwire_batch_builder_new(&counting.allocator, &one, NULL), 0);
		assert_int_equal(build_one(one, (enum kwire_codec)codec), 0);
		before = counting.calls;
		for (int i = 0; i < 3; i++)
			assert_int_equal(build_one(one, (enum kwire_codec)codec), 0);
		assert_int_equal(counting.calls, before);
		kwire_batch_builder_free(one);
		assert_int_equal(counting.live, 0);
	}
}

static void each_failing_allocation_is_reported_and_leaks_nothing(void **state)
{
	struct counting counting;
	struct kwire_batch_builder *one;

	(void)state;
	for (int codec = 0; codec <= KWIRE_CODEC_ZSTD; codec++) {
		int result = KWIRE_ENOMEM;

		if (!kwire_codec_built((enum kwire_codec)codec))
			continue;
		for (long nth = 1; result != 0; nth++) {
			assert_true(nth < 100);
			counting_init(&counting);
			counting.fail_at = nth;
			one = NULL;
			result = kwire_batch_builder_new(&counting.allocator, &one, NULL);
			if (result == 0)
				result = build_one(one, (enum kwire_codec)codec);
			assert_true(result == 0 || result == KWIRE_ENOMEM);
			/* What failed for lack of memory works when there is some again. */
			if (one != NULL)
				assert_int_equal(build_one(one, (enum kwire_codec)codec), 0);
			kwire_batch_builder_free(one);
			assert_int_equal(counting.live, 0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_plain_batch_has_exactly_the_bytes_of_the_format,
						setup, teardown),
		cmocka_unit_test_setup_teardown(every_codec_gives_back_what_it_was_given, setup,
						teardown),
		cmocka_unit_test_setup_teardown(every_level_gives_back_what_it_was_given, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_a_broker_would_refuse_is_refused, setup,
						teardown),
		cmocka_unit_test_setup_teardown(levels_outside_a_codecs_range_are_refused, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_full_batch_refuses_a_record_and_stays_as_it_was,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_control_batch_is_read_back_with_its_type, setup,
						teardown),
		cmocka_unit_test_setup_teardown(sequences_wrap_to_zero, setup, teardown),
		cmocka_unit_test(a_warm_builder_allocates_nothing),
		cmocka_unit_test(each_failing_allocation_is_reported_and_leaks_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
