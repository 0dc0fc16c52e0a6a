/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading magic 2: every field, every way in which a batch can be cut, empty or
 * corrupt, and what reading costs.
 */
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

static struct kwire_batch_reader *reader;
static struct kwire_error failure;

static int setup(void **state)
{
	(void)state;
	return kwire_batch_reader_new(NULL, &reader, NULL);
}

static int teardown(void **state)
{
	(void)state;
	kwire_batch_reader_free(reader);
	return 0;
}

static const struct compose_batch usual = COMPOSE_BATCH_INIT;

/* A batch of `count` records "k"/"v" at `base_offset`. */
static void compose_usual(struct compose *c, int64_t base_offset, int32_t count)
{
	struct compose records = {0};
	struct compose_batch batch = usual;

	for (int32_t i = 0; i < count; i++)
		compose_record(&records, i, i, "k", "v");
	batch.base_offset = base_offset;
	batch.count = count;
	batch.last_offset_delta = count - 1;
	compose_batch(c, &batch, &records);
	compose_fini(&records);
}

static void every_field_of_a_batch_is_told(void **state)
{
	struct compose c = {0}, records = {0};
	struct compose_batch header = {77, 9, 0x10, 4, 1000, 1200, 12345678901, 3, 50, 2};
	struct kwire_batch batch;
	struct kwire_record record;

	(void)state;
	compose_record(&records, -100, 1, "key", NULL);
	compose_record(&records, 200, 3, NULL, "value");
	compose_batch(&c, &header, &records);
	kwire_batch_reader_start(reader, composed(&c));
	assert_int_equal(kwire_batch_reader_next(reader, &batch, NULL), 1);
	assert_int_equal(batch.base_offset, 77);
	assert_int_equal(batch.last_offset, 81);
	assert_int_equal(batch.max_timestamp, 1200);
	assert_int_equal(batch.delete_horizon_ms, -1);
	assert_int_equal(batch.producer_id, 12345678901);
	assert_int_equal(batch.base_sequence, 50);
	assert_int_equal(batch.leader_epoch, 9);
	assert_int_equal(batch.record_count, 2);
	assert_int_equal(batch.producer_epoch, 3);
	assert_int_equal(batch.magic, 2);
	assert_int_equal(batch.codec, KWIRE_CODEC_NONE);
	assert_false(batch.log_append_time);
	assert_true(batch.transactional);
	assert_false(batch.control);
	assert_ptr_equal(batch.raw.data, c.data);
	assert_int_equal(batch.raw.size, c.size);

	assert_int_equal(kwire_batch_reader_record(reader, &record, NULL), 1);
	assert_int_equal(record.offset, 78);
	assert_int_equal(record.timestamp, 900);
	assert_int_equal(record.sequence, 51);
	assert_int_equal(record.key.size, 3);
	assert_null(record.value.data);
	assert_int_equal(kwire_batch_reader_record(reader, &record, NULL), 1);
	assert_int_equal(record.offset, 80);
	assert_null(record.key.data);
	/* No byte was copied: the value lies in the field itself. */
	assert_true(record.value.data > c.data && record.value.data < c.data + c.size);
	assert_int_equal(kwire_batch_reader_record(reader, &record, NULL), 0);
	assert_int_equal(kwire_batch_reader_record(reader, &record, NULL), 0);
	assert_int_equal(kwire_batch_reader_next(reader, &batch, NULL), 0);
	compose_fini(&c);
	compose_fini(&records);
}

static void log_append_time_and_delete_horizon_are_understood(void **state)
{
	struct compose c = {0}, records = {0};
	struct compose_batch header = usual;
	struct kwire_batch batch;
	struct kwire_record record;

	(void)state;
	compose_record(&records, 5, 0, "k", "v");
	header.attributes = 0x08;
	header.max_timestamp = 7777;
	compose_batch(&c, &header, &records);
	header.attributes = 0x40;
	header.base_timestamp = 4000;
	compose_batch(&c, &header, &records);
	kwire_batch_reader_start(reader, composed(&c));
	assert_int_equal(kwire_batch_reader_next(reader, &batch, NULL), 1);
	assert_true(batch.log_append_time);
	assert_int_equal(kwire_batch_reader_record(reader, &record, NULL), 1);
	assert_int_equal(record.timestamp, 7777);
	assert_int_equal(kwire_batch_reader_next(reader, &batch, NULL), 1);
	assert_false(batch.log_append_time);
	assert_int_equal(batch.delete_horizon_ms, 4000);
	assert_int_equal(kwire_batch_reader_record(reader, &record, NULL), 1);
	assert_int_equal(record.timestamp, 4005);
	compose_fini(&c);
	compose_fini(&records);
}

static void an_empty_batch_moves_the_offset_and_has_no_records(void **state)
{
	struct compose c = {0}, records = {0};
	struct compose_batch header = usual;
	struct kwire_batch batch;
	struct kwire_record record;

	(void)state;
	header.base_offset = 10;
	header.last_offset_delta = 5;
	header.base_timestamp = -1;
	header.count = 0;
	compose_batch(&c, &header, &records);
	/* One that keeps the codec of what was in it. */
	header.attributes = 4;
	compose_batch(&c, &header, &records);
	kwire_batch_reader_start(reader, composed(&c));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(kwire_batch_reader_next(reader, &batch, NULL), 1);
		assert_int_equal(batch.last_offset, 15);
		assert_int_equal(batch.record_count, 0);
		assert_int_equal(kwire_batch_reader_record(reader, &record, NULL), 0);
	}
	assert_int_equal(kwire_batch_reader_next(reader, &batch, NULL), 0);
	compose_fini(&c);
}

static void no_records_are_the_end_at_once(void **state)
{
	const struct kwire_bytes null = {NULL, 0};
	struct kwire_batch batch;
	struct kwire_record record;

	(void)state;
	assert_int_equal(kwire_batch_reader_next(reader, &batch, NULL), 0);
	kwire_batch_reader_start(reader, null);
	assert_int_equal(kwire_batch_reader_record(reader, &record, NULL), 0);
	assert_int_equal(kwire_batch_reader_next(reader, &batch, NULL), 0);
	kwire_batch_reader_start(reader, kwire_bytes_of("", 0));
	assert_int_equal(kwire_batch_reader_next(reader, &batch, NULL), 0);
	assert_int_equal(kwire_batch_reader_cut(reader), 0);
}

static void a_cut_batch_is_the_end_and_its_size_is_told(void **state)
{
	struct compose c = {0};
	struct kwire_batch batch;
	size_t first;

	(void)state;
	compose_usual(&c, 0, 3);
	first = c.size;
	compose_usual(&c, 3, 2);
	for (size_t size = first; size < c.size; size++) {
		/* A copy of exactly that size: nothing behind it may be read. */
		uint8_t *copy = malloc(size);

		assert_non_null(copy);
		memcpy(copy, c.data, size);
		kwire_batch_reader_start(reader, kwire_bytes_of(copy, size));
		assert_int_equal(kwire_batch_reader_next(reader, &batch, NULL), 1);
		assert_int_equal(kwire_batch_reader_cut(reader), 0);
		assert_int_equal(kwire_batch_reader_next(reader, &batch, NULL), 0);
		assert_int_equal(kwire_batch_reader_cut(reader), size == first ? 0
								 : size < first + 12
									 ? 17
									 : c.size - first);
		free(copy);
	}
	compose_fini(&c);
}

static void what_is_left_of_a_batch_is_passed_over(void **state)
{
	struct compose c = {0};
	struct kwire_batch batch;
	struct kwire_record record;

	(void)state;
	compose_usual(&c, 0, 3);
	compose_usual(&c, 3, 2);
	kwire_batch_reader_start(reader, composed(&c));
	assert_int_equal(kwire_batch_reader_next(reader, &batch, NULL), 1);
	assert_int_equal(kwire_batch_reader_record(reader, &record, NULL), 1);
	assert_int_equal(kwire_batch_reader_next(reader, &batch, NULL), 1);
	assert_int_equal(kwire_batch_reader_record(reader, &record, NULL), 1);
	assert_int_equal(record.offset, 3);
	compose_fini(&c);
}

/* Reads `c`, whose middle batch is spoilt: it must fail in `expected` way, the last one be read. */
static void check_spoilt(struct compose *c, const char *expected)
{
	struct kwire_batch batch;
	struct kwire_record record;
	int result, failures = 0, last = -1;

	compose_usual(c, 900, 1);
	kwire_batch_reader_start(reader, composed(c));
	while ((result = kwire_batch_reader_next(reader, &batch, &failure)) != 0) {
		while (result > 0 &&
		       (result = kwire_batch_reader_record(reader, &record, &failure)) > 0)
			last = (int)record.offset;
		if (result == 0)
			continue;
		failures++;
		assert_int_equal(result, KWIRE_EDECODE);
		assert_int_equal(failure.phase, KWIRE_PHASE_DECODE);
		if (strstr(failure.message, expected) == NULL ||
		    strstr(failure.message, "batch at offset 50 (byte 0 of the records): ") == NULL)
			fail_msg("\"%s\" lacks \"%s\"", failure.message, expected);
		/* A spoilt batch has no more records. */
		assert_int_equal(kwire_batch_reader_record(reader, &record, NULL), 0);
	}
	assert_int_equal(failures, 1);
	assert_int_equal(last, 900);
	compose_fini(c);
}

/* Overwrites `bytes` bytes at `at` of a good batch, sums it anew, and expects the failure. */
static void check_field(size_t at, int64_t value, int bytes, const char *expected)
{
	struct compose c = {0};

	compose_usual(&c, 50, 2);
	compose_patch(&c, at, value, bytes);
	compose_sum(&c, 0);
	check_spoilt(&c, expected);
}

static void corrupt_headers_are_named_and_passed_over(void **state)
{
	struct compose c = {0};

	(void)state;
	for (size_t at = 17; at < 61 + 8; at++) {
		compose_usual(&c, 50, 1);
		c.data[at] ^= 0x10;
		check_spoilt(&c, "CRC-32C");
	}
	check_field(21, 5, 2, "codec 5");
	check_field(21, 7, 2, "codec 7");
	check_field(23, -1, 4, "offsets are impossible");
	check_field(57, -1, 4, "claims -1 records");
	check_field(57, 3, 4, "claims 3 records");
	check_field(57, INT32_MAX, 4, "claims 2147483647 records");
	check_field(57, 1, 4, "follow its last record");
	check_field(57, 0, 4, "follow its last record");
	check_field(61 + 3, 9 << 1, 1, "outside the batch");

	compose_usual(&c, 50, 2);
	c.data[16] = 4;
	check_spoilt(&c, "magic 4");
	compose_usual(&c, 50, 2);
	c.data[16] = 0xff;
	check_spoilt(&c, "magic -1");
	compose_usual(&c, 50, 1);
	compose_patch(&c, 8, 48, 4);
	c.size = 60;
	check_spoilt(&c, "length of 48");
}

/* One record made of `size` bytes at `bytes`, which must fail in `expected` way. */
static void check_record(const char *bytes, size_t size, const char *expected)
{
	struct compose c = {0}, records = {0};
	struct compose_batch header = usual;

	header.base_offset = 50;
	compose_bytes(&records, bytes, size);
	compose_batch(&c, &header, &records);
	compose_fini(&records);
	check_spoilt(&c, expected);
}
#define CHECK_RECORD(literal, expected) check_record((literal), sizeof(literal) - 1, (expected))

static void corrupt_records_are_named_and_passed_over(void **state)
{
	(void)state;
	/* length, attributes, timestamp, offset, key, value, headers */
	CHECK_RECORD("\x0e\0\0\0\1\1\0", "length is wrong");
	CHECK_RECORD("\x0a\0\0\0\1\1\0", "length is wrong");
	CHECK_RECORD("\x01\0\0\0\1\1\0", "length is wrong");
	CHECK_RECORD("\xff\xff\xff\xff\xff\xff\xff", "length is wrong");
	CHECK_RECORD("\xff\xff\xff\xff\x1f\0\0", "length is wrong");
	CHECK_RECORD("\x0c\0\xff\xff\xff\xff\xff", "timestamp or offset");
	CHECK_RECORD("\x0c\0\0\1\1\1\0", "outside the batch");
	CHECK_RECORD("\x0c\0\0\0\x08\1\0", "key is longer");
	CHECK_RECORD("\x0c\0\0\0\3\1\0", "key is longer");
	CHECK_RECORD("\x0c\0\0\0\1\x04\0", "value is longer");
	CHECK_RECORD("\x0c\0\0\0\1\3\0", "value is longer");
	CHECK_RECORD("\x0c\0\0\0\1\1\1", "header count is wrong");
	CHECK_RECORD("\x0c\0\0\0\1\1\2", "header count is wrong");
	CHECK_RECORD("\x0c\0\0\0\1\2v", "header count is cut off");
	CHECK_RECORD("\x10\0\0\0\1\1\2\1\1", "a header is wrong");
	CHECK_RECORD("\x10\0\0\0\1\1\2\0\2", "a header is wrong");
	CHECK_RECORD("\x0e\0\0\0\1\1\0\0", "do not fill");
	/* Two records where one was announced are surplus; one of two is missing. */
	CHECK_RECORD("\x0c\0\0\0\1\1\0\x0c\0\0\0\1\1\0", "7 bytes follow");
}

static void an_impossible_length_loses_what_follows(void **state)
{
	struct compose c = {0};
	struct kwire_batch batch;

	(void)state;
	compose_usual(&c, 50, 1);
	compose_patch(&c, 8, -5, 4);
	compose_usual(&c, 51, 1);
	kwire_batch_reader_start(reader, composed(&c));
	assert_int_equal(kwire_batch_reader_next(reader, &batch, &failure), KWIRE_EDECODE);
	assert_non_null(strstr(failure.message, "length is -5"));
	assert_int_equal(kwire_batch_reader_next(reader, &batch, NULL), 0);
	compose_fini(&c);
}

static void a_wrong_checksum_is_let_pass_on_request(void **state)
{
	struct kwire_reader_options options = KWIRE_READER_OPTIONS_INIT;
	struct kwire_batch_reader *lenient = NULL;
	struct compose c = {0};
	struct kwire_batch batch;
	struct kwire_record record;

	(void)state;
	options.check_crcs = false;
	compose_usual(&c, 50, 1);
	c.data[17] ^= 1;
	assert_int_equal(kwire_batch_reader_new(&options, &lenient, NULL), 0);
	kwire_batch_reader_start(lenient, composed(&c));
	assert_int_equal(kwire_batch_reader_next(lenient, &batch, NULL), 1);
	assert_int_equal(kwire_batch_reader_record(lenient, &record, NULL), 1);
	kwire_batch_reader_free(lenient);
	compose_fini(&c);
}

static void options_that_cannot_be_are_refused(void **state)
{
	struct kwire_reader_options options = KWIRE_READER_OPTIONS_INIT;
	struct kwire_batch_reader *none = NULL;

	(void)state;
	options.decompressed_max_bytes = -1;
	assert_int_equal(kwire_batch_reader_new(&options, &none, NULL), KWIRE_EINVAL);
	options.decompressed_max_bytes = 0;
	options.size = 3;
	assert_int_equal(kwire_batch_reader_new(&options, &none, NULL), KWIRE_EINVAL);
	assert_null(none);
	kwire_batch_reader_free(NULL);
}

/* A batch of 1000 records with `codec`; the bytes stay the builder's. */
static struct kwire_bytes built(struct kwire_batch_builder *builder, enum kwire_codec codec)
{
	struct kwire_batch_options options = KWIRE_BATCH_OPTIONS_INIT;
	const struct kwire_bytes null = {NULL, 0};
	struct kwire_bytes batch;
	char value[200];

	memset(value, 'x', sizeof(value));
	options.codec = codec;
	assert_int_equal(kwire_batch_builder_begin(builder, &options, NULL), 0);
	for (int i = 0; i < 1000; i++) {
		value[i % 200]++;
		assert_int_equal(kwire_batch_builder_add(builder, i, null,
							 kwire_bytes_of(value, sizeof(value)), NULL,
							 0, NULL),
				 0);
	}
	assert_int_equal(kwire_batch_builder_end(builder, &batch, NULL), 0);
	return batch;
}

static int read_all(struct kwire_batch_reader *one, struct kwire_bytes field)
{
	struct kwire_batch batch;
	struct kwire_record record;
	int result, records = 0;

	kwire_batch_reader_start(one, field);
	while ((result = kwire_batch_reader_next(one, &batch, NULL)) > 0) {
		while ((result = kwire_batch_reader_record(one, &record, NULL)) > 0)
			records++;
		if (result < 0)
			break;
	}
	return result < 0 ? result : records;
}

static void a_warm_reader_allocates_nothing(void **state)
{
	struct kwire_reader_options options = KWIRE_READER_OPTIONS_INIT;
	struct kwire_batch_builder *builder = NULL;
	struct kwire_batch_reader *one = NULL;
	struct counting counting;

	(void)state;
	assert_int_equal(kwire_batch_builder_new(NULL, &builder, NULL), 0);
	for (int codec = 0; codec <= KWIRE_CODEC_ZSTD; codec++) {
		struct kwire_bytes batch;
		long before;

		if (!kwire_codec_built((enum kwire_codec)codec))
			continue;
		batch = built(builder, (enum kwire_codec)codec);
		counting_init(&counting);
		options.allocator = &counting.allocator;
		assert_int_equal(kwire_batch_reader_new(&options, &one, NULL), 0);
		before = counting.calls;
		assert_int_equal(read_all(one, batch), 1000);
		/* Uncompressed, not even the first one does. */
		if (codec == KWIRE_CODEC_NONE)
			assert_int_equal(counting.calls, before);
		before = counting.calls;
		for (int i = 0; i < 3; i++)
			assert_int_equal(read_all(one, batch), 1000);
		assert_int_equal(counting.calls, before);
		kwire_batch_reader_free(one);
		assert_int_equal(counting.live, 0);
	}
	kwire_batch_builder_free(builder);
}

static void each_failing_allocation_is_reported_and_leaks_nothing(void **state)
{
	struct kwire_reader_options options = KWIRE_READER_OPTIONS_INIT;
	struct kwire_batch_builder *builder = NULL;
	struct counting counting;

	(void)state;
	assert_int_equal(kwire_batch_builder_new(NULL, &builder, NULL), 0);
	for (int codec = 0; codec <= KWIRE_CODEC_ZSTD; codec++) {
		struct kwire_bytes batch;
		int result = KWIRE_ENOMEM;

		if (!kwire_codec_built((enum kwire_codec)codec))
			continue;
		batch = built(builder, (enum kwire_codec)codec);
		for (long nth = 1; result < 0; nth++) {
			struct kwire_batch_reader *one = NULL;

			assert_true(nth < 100);
			counting_init(&counting);
			counting.fail_at = nth;
			options.allocator = &counting.allocator;
			result = kwire_batch_reader_new(&options, &one, NULL);
			if (result == 0)
				result = read_all(one, batch);
			assert_true(result == 1000 || result == KWIRE_ENOMEM);
			if (one != NULL)
				assert_int_equal(read_all(one, batch), 1000);
			kwire_batch_reader_free(one);
			assert_int_equal(counting.live, 0);
		}
	}
	kwire_batch_builder_free(builder);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(every_field_of_a_batch_is_told),
		TEST(log_append_time_and_delete_horizon_are_understood),
		TEST(an_empty_batch_moves_the_offset_and_has_no_records),
		TEST(no_records_are_the_end_at_once),
		TEST(a_cut_batch_is_the_end_and_its_size_is_told),
		TEST(what_is_left_of_a_batch_is_passed_over),
		TEST(corrupt_headers_are_named_and_passed_over),
		TEST(corrupt_records_are_named_and_passed_over),
		TEST(an_impossible_length_loses_what_follows),
		TEST(a_wrong_checksum_is_let_pass_on_request),
		TEST(options_that_cannot_be_are_refused),
		TEST(a_warm_reader_allocates_nothing),
		TEST(each_failing_allocation_is_reported_and_leaks_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
