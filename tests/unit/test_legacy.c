/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading magic 0 and 1: files that Kafka's own older code wrote
 * (tests/vectors/records/WriteLegacy.java has their contents), and what is
 * wrong with messages made by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <kwire/records.h>

#include "../support/compose.h"

#define VECTORS    "tests/vectors/records/"
#define APPENDED   1600000000000
#define LARGE_SIZE 70000

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

static struct compose load(const char *name)
{
	struct compose file = {0};
	char path[256], piece[4096];
	size_t size;
	FILE *stream;

	snprintf(path, sizeof(path), VECTORS "%s", name);
	stream = fopen(path, "rb");
	if (stream == NULL)
		fail_msg("cannot open %s (tests run from the top of the source)", path);
	while ((size = fread(piece, 1, sizeof(piece), stream)) > 0)
		compose_bytes(&file, piece, size);
	fclose(stream);
	return file;
}

static void check_text(struct kwire_bytes bytes, const char *format, int i, bool null)
{
	char text[32];

	if (null) {
		assert_null(bytes.data);
		return;
	}
	snprintf(text, sizeof(text), format, i);
	assert_int_equal(bytes.size, strlen(text));
	assert_memory_equal(bytes.data, text, strlen(text));
}

/* The `i`th record of a set; timestamps as `magic` and `append` make them. */
static void check_record(const struct kwire_record *record, int i, int magic, bool append)
{
	int64_t timestamp = 1500000000000 + (i == 10 ? 20000 : 1000 * i);

	assert_int_equal(record->offset, i == 10 ? 120 : 100 + i + i / 4);
	assert_int_equal(record->timestamp, magic == 0 ? -1 : append ? APPENDED : timestamp);
	assert_int_equal(record->headers.count, 0);
	assert_int_equal(record->sequence, -1);
	if (i < 10) {
		check_text(record->key, "key-%d", i, i % 3 == 0);
		check_text(record->value, "value-%d", i, i % 4 == 1);
		return;
	}
	assert_null(record->key.data);
	assert_int_equal(record->value.size, LARGE_SIZE);
	for (int64_t at = 0; at < LARGE_SIZE; at++)
		assert_int_equal(record->value.data[at], 'a' + at * at / 7 % 26);
}

static void check_file(const char *name, int magic, enum kwire_codec codec, bool append)
{
	struct compose file = load(name);
	struct kwire_batch batch;
	struct kwire_record record;
	int count = 0, result;

	kwire_batch_reader_start(reader, composed(&file));
	while ((result = kwire_batch_reader_next(reader, &batch, &failure)) > 0) {
		assert_int_equal(batch.magic, magic);
		assert_int_equal(batch.codec, codec);
		assert_int_equal(batch.log_append_time, append);
		assert_int_equal(batch.producer_id, -1);
		assert_int_equal(batch.record_count, codec == KWIRE_CODEC_NONE ? 1 : -1);
		while ((result = kwire_batch_reader_record(reader, &record, &failure)) > 0)
			check_record(&record, count++, magic, append);
		if (result == KWIRE_ENOTBUILT && !kwire_codec_built(codec)) {
			compose_fini(&file);
			return;
		}
		if (result < 0)
			fail_msg("%s: %s", name, failure.message);
		assert_int_equal(batch.last_offset, record.offset);
	}
	if (result < 0)
		fail_msg("%s: %s", name, failure.message);
	assert_int_equal(kwire_batch_reader_cut(reader), 0);
	assert_int_equal(count, codec == KWIRE_CODEC_NONE ? 10 : 11);
	compose_fini(&file);
}

static void what_kafka_wrote_in_magic_0_is_read(void **state)
{
	(void)state;
	check_file("v0_none.bin", 0, KWIRE_CODEC_NONE, false);
	check_file("v0_gzip.bin", 0, KWIRE_CODEC_GZIP, false);
	check_file("v0_snappy.bin", 0, KWIRE_CODEC_SNAPPY, false);
	/* Its frame header has the wrong checksum that KAFKA-3160 is about. */
	check_file("v0_lz4.bin", 0, KWIRE_CODEC_LZ4, false);
}

static void what_kafka_wrote_in_magic_1_is_read(void **state)
{
	(void)state;
	check_file("v1_none.bin", 1, KWIRE_CODEC_NONE, false);
	check_file("v1_gzip.bin", 1, KWIRE_CODEC_GZIP, false);
	check_file("v1_snappy.bin", 1, KWIRE_CODEC_SNAPPY, false);
	check_file("v1_lz4.bin", 1, KWIRE_CODEC_LZ4, false);
}

static void log_append_time_of_a_wrapper_holds_for_all_in_it(void **state)
{
	(void)state;
	check_file("v1_none_append.bin", 1, KWIRE_CODEC_NONE, true);
	check_file("v1_gzip_append.bin", 1, KWIRE_CODEC_GZIP, true);
	check_file("v1_snappy_append.bin", 1, KWIRE_CODEC_SNAPPY, true);
	check_file("v1_lz4_append.bin", 1, KWIRE_CODEC_LZ4, true);
}

static void formats_may_mix_in_one_field(void **state)
{
	static const struct {
		int magic, batches, records;
	} sets[] = {{0, 1, 11}, {1, 1, 11}, {2, 1, 11}, {1, 10, 10}};
	struct compose file = load("mixed.bin");
	struct kwire_batch batch;
	struct kwire_record record;

	(void)state;
	kwire_batch_reader_start(reader, composed(&file));
	for (size_t i = 0; i < 4; i++) {
		int records = 0;

		for (int j = 0; j < sets[i].batches; j++) {
			assert_int_equal(kwire_batch_reader_next(reader, &batch, NULL), 1);
			assert_int_equal(batch.magic, sets[i].magic);
			if (!kwire_codec_built(batch.codec)) {
				records += 11;
				continue;
			}
			while (kwire_batch_reader_record(reader, &record, NULL) > 0)
				check_record(&record, records++, sets[i].magic, false);
		}
		assert_int_equal(records, sets[i].records);
	}
	assert_int_equal(kwire_batch_reader_next(reader, &batch, NULL), 0);
	compose_fini(&file);
}

static void a_cut_message_is_the_end_at_every_length(void **state)
{
	struct compose c = {0};
	struct kwire_batch batch;

	(void)state;
	compose_message(&c, 1, 7, 0, 1, "k", "v", 1);
	for (size_t size = 0; size < c.size; size++) {
		kwire_batch_reader_start(reader, kwire_bytes_of(c.data, size));
		assert_int_equal(kwire_batch_reader_next(reader, &batch, NULL), 0);
		assert_int_equal(kwire_batch_reader_cut(reader), size == 0   ? 0
								 : size < 12 ? 17
									     : (int64_t)c.size);
	}
	compose_fini(&c);
}

/* Reads all of `c`, where one batch fails in `expected` way and another follows it. */
static void check_spoilt(struct compose *c, const char *expected)
{
	struct kwire_batch batch;
	struct kwire_record record;
	int result, failures = 0, records = 0;

	compose_message(c, 0, 900, 0, 0, "next", "one", 3);
	kwire_batch_reader_start(reader, composed(c));
	for (;;) {
		result = kwire_batch_reader_next(reader, &batch, &failure);
		if (result == 0)
			break;
		while (result > 0 &&
		       (result = kwire_batch_reader_record(reader, &record, &failure)) > 0)
			records++;
		if (result < 0) {
			failures++;
			assert_int_equal(result, KWIRE_EDECODE);
			if (strstr(failure.message, expected) == NULL ||
			    strstr(failure.message, "batch at offset ") == NULL)
				fail_msg("\"%s\" lacks \"%s\"", failure.message, expected);
		}
	}
	assert_int_equal(failures, 1);
	assert_int_equal(record.offset, 900);
	compose_fini(c);
}

/* gzip of `inner` as the value of a wrapper; a stored block, so that zlib is not needed. */
static void wrap(struct compose *c, int magic, int64_t offset, const struct compose *inner)
{
	static const uint8_t head[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 1};
	struct compose value = {0};
	uint32_t crc = 0xffffffffu;

	compose_bytes(&value, head, sizeof(head));
	compose_int(&value, (int64_t)((inner->size & 0xff) << 8 | inner->size >> 8), 2);
	compose_int(&value, (int64_t)(~((inner->size & 0xff) << 8 | inner->size >> 8) & 0xffff), 2);
	compose_bytes(&value, inner->data, inner->size);
	for (size_t i = 0; i < inner->size; i++) {
		crc ^= inner->data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
	}
	crc = ~crc;
	for (int i = 0; i < 4; i++)
		compose_int(&value, crc >> 8 * i, 1);
	for (int i = 0; i < 4; i++)
		compose_int(&value, (int64_t)(inner->size >> 8 * i), 1);
	compose_message(c, magic, offset, 1, 500, NULL, value.data, value.size);
	compose_fini(&value);
}

static void corrupt_messages_are_named_and_passed_over(void **state)
{
	struct compose c = {0};

	(void)state;
	compose_message(&c, 1, 5, 0, 1, "k", "v", 1);
	c.data[c.size - 1] ^= 1;
	check_spoilt(&c, "CRC-32 is wrong");

	compose_message(&c, 0, 5, 0, 1, "k", "v", 1);
	compose_patch(&c, 18, 1000, 4);
	compose_sum(&c, 0);
	check_spoilt(&c, "key is longer");

	compose_message(&c, 0, 5, 0, 1, NULL, "v", 1);
	compose_patch(&c, 22, 2, 4);
	compose_sum(&c, 0);
	check_spoilt(&c, "value is longer");

	compose_message(&c, 0, 5, 0, 1, NULL, "v", 1);
	compose_patch(&c, 22, 0, 4);
	compose_sum(&c, 0);
	check_spoilt(&c, "do not fill");

	compose_message(&c, 1, 5, 4, 1, NULL, "v", 1);
	check_spoilt(&c, "codec 4");

	compose_message(&c, 0, 5, 1, 1, NULL, NULL, 0);
	check_spoilt(&c, "no value");

	compose_message(&c, 0, -5, 0, 1, NULL, "v", 1);
	check_spoilt(&c, "impossible");

	/* Magic 1 in a length that only magic 0 could have. */
	compose_message(&c, 0, 5, 0, 1, NULL, NULL, 0);
	c.data[16] = 1;
	compose_sum(&c, 0);
	check_spoilt(&c, "shorter than a message");

	compose_message(&c, 0, 5, 0, 1, NULL, NULL, 0);
	c.data[16] = 3;
	check_spoilt(&c, "magic 3");
}

static void corrupt_sets_are_named_and_passed_over(void **state)
{
	struct compose c = {0}, inner = {0};

	(void)state;
	if (!kwire_codec_built(KWIRE_CODEC_GZIP))
		skip();
	wrap(&c, 0, 5, &inner);
	check_spoilt(&c, "holds no message");

	compose_message(&inner, 0, 5, 0, 1, NULL, "v", 1);
	wrap(&c, 1, 5, &inner);
	check_spoilt(&c, "magic differs");

	inner.data[inner.size - 1] ^= 1;
	wrap(&c, 0, 5, &inner);
	check_spoilt(&c, "CRC-32 is wrong");

	inner.size--;
	wrap(&c, 0, 5, &inner);
	check_spoilt(&c, "begins no message");
	compose_fini(&inner);

	wrap(&inner, 0, 5, &c);
	wrap(&c, 0, 5, &inner);
	check_spoilt(&c, "compressed within");
	compose_fini(&inner);

	compose_message(&inner, 1, 9, 0, 1, NULL, "v", 1);
	wrap(&c, 1, 5, &inner);
	check_spoilt(&c, "offset 9");
	compose_fini(&inner);
}

static void a_wrapper_at_offset_0_leaves_inner_offsets_alone(void **state)
{
	struct compose c = {0}, inner = {0};
	struct kwire_batch batch;
	struct kwire_record record;

	(void)state;
	if (!kwire_codec_built(KWIRE_CODEC_GZIP))
		skip();
	compose_message(&inner, 1, 0, 0, 1, "a", "v", 1);
	compose_message(&inner, 1, 1, 0, 1, "b", "v", 1);
	wrap(&c, 1, 0, &inner);
	kwire_batch_reader_start(reader, composed(&c));
	assert_int_equal(kwire_batch_reader_next(reader, &batch, NULL), 1);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(kwire_batch_reader_record(reader, &record, &failure), 1);
		assert_int_equal(record.offset, i);
	}
	assert_int_equal(kwire_batch_reader_record(reader, &record, NULL), 0);
	compose_fini(&c);
	compose_fini(&inner);
}

static void append_time_is_the_wrappers_whatever_is_in_it(void **state)
{
	struct compose c = {0}, inner = {0};
	struct kwire_batch batch;
	struct kwire_record record;

	(void)state;
	if (!kwire_codec_built(KWIRE_CODEC_GZIP))
		skip();
	compose_message(&inner, 1, 0, 0, 1, "a", "v", 1);
	wrap(&c, 1, 9, &inner);
	c.data[17] |= 8;
	compose_sum(&c, 0);
	kwire_batch_reader_start(reader, composed(&c));
	assert_int_equal(kwire_batch_reader_next(reader, &batch, NULL), 1);
	assert_true(batch.log_append_time);
	assert_int_equal(kwire_batch_reader_record(reader, &record, NULL), 1);
	assert_int_equal(record.offset, 9);
	assert_int_equal(record.timestamp, 500);
	compose_fini(&c);
	compose_fini(&inner);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_kafka_wrote_in_magic_0_is_read),
		TEST(what_kafka_wrote_in_magic_1_is_read),
		TEST(log_append_time_of_a_wrapper_holds_for_all_in_it),
		TEST(formats_may_mix_in_one_field),
		TEST(a_cut_message_is_the_end_at_every_length),
		TEST(corrupt_messages_are_named_and_passed_over),
		TEST(corrupt_sets_are_named_and_passed_over),
		TEST(a_wrapper_at_offset_0_leaves_inner_offsets_alone),
		TEST(append_time_is_the_wrappers_whatever_is_in_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
