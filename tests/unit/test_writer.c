/* SPDX-License-Identifier: Apache-2.0 */
/* The writer: bytes of each primitive, sizes without room, what it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/writer.h"

static uint8_t room[4096];

static struct kwire_writer fresh(bool flexible)
{
	struct kwire_writer writer;

	memset(room, 0xee, sizeof(room));
	kw_writer_init(&writer, room, sizeof(room));
	writer.flexible = flexible;
	writer.version = 7;
	return writer;
}

static void assert_wrote(const struct kwire_writer *writer, const void *bytes, size_t size)
{
	assert_false(writer->failed);
	assert_int_equal(writer->size, size);
	assert_memory_equal(room, bytes, size);
	assert_int_equal(room[size], 0xee);
}

static void assert_refused(const struct kwire_writer *writer, const char *path, const char *problem)
{
	assert_true(writer->failed);
	assert_string_equal(writer->fault.path, path);
	assert_non_null(strstr(writer->fault.problem, problem));
}

static void numbers_are_big_endian(void **state)
{
	struct kwire_writer writer = fresh(false);

	(void)state;
	kw_put_bool(&writer, true);
	kw_put_int8(&writer, -2);
	kw_put_int16(&writer, -3);
	kw_put_uint16(&writer, 0xfedc);
	kw_put_int32(&writer, 0x01020304);
	kw_put_uint32(&writer, 0xfffffffe);
	kw_put_int64(&writer, INT64_C(0x0102030405060708));
	kw_put_float64(&writer, -1.5);
	assert_wrote(&writer,
		     "\x01\xfe\xff\xfd\xfe\xdc\x01\x02\x03\x04\xff\xff\xff\xfe"
		     "\x01\x02\x03\x04\x05\x06\x07\x08\xbf\xf8\0\0\0\0\0\0",
		     30);
}

static void a_varint_takes_one_to_five_bytes(void **state)
{
	struct kwire_writer writer = fresh(true);

	(void)state;
	kw_put_varint(&writer, 0);
	kw_put_varint(&writer, 127);
	kw_put_varint(&writer, 128);
	kw_put_varint(&writer, 16384);
	kw_put_varint(&writer, UINT32_MAX);
	assert_wrote(&writer, "\0\x7f\x80\x01\x80\x80\x01\xff\xff\xff\xff\x0f", 12);
}

static void strings_have_a_plain_or_a_compact_length(void **state)
{
	struct kwire_writer writer = fresh(false);

	(void)state;
	kw_put_string(&writer, KWIRE_STRING("abc"), "name");
	kw_put_nullable_string(&writer, kwire_string_of(NULL, 0), true, "name");
	kw_put_string(&writer, KWIRE_STRING(""), "name");
	assert_wrote(&writer, "\0\3abc\xff\xff\0\0", 9);
	writer = fresh(true);
	kw_put_string(&writer, KWIRE_STRING("abc"), "name");
	kw_put_nullable_string(&writer, kwire_string_of(NULL, 0), true, "name");
	kw_put_string(&writer, KWIRE_STRING(""), "name");
	kw_put_plain_string(&writer, KWIRE_STRING("x"), true, "client_id");
	assert_wrote(&writer, "\4abc\0\1\0\1x", 9);
}

static void bytes_and_arrays_have_a_length_of_four_or_a_compact_one(void **state)
{
	int32_t items[] = {1, -1};
	struct kwire_int32_array array = {items, 2}, null = {NULL, -1}, empty = {NULL, 0};
	struct kwire_writer writer = fresh(false);

	(void)state;
	kw_put_bytes(&writer, kwire_bytes_of("xy", 2), "data");
	kw_put_nullable_bytes(&writer, kwire_bytes_of(NULL, 0), true, "data");
	kw_put_int32_array(&writer, &array, false, "ids");
	kw_put_int32_array(&writer, &null, true, "ids");
	kw_put_int32_array(&writer, &empty, false, "ids");
	assert_wrote(&writer,
		     "\0\0\0\2xy\xff\xff\xff\xff\0\0\0\2\0\0\0\1\xff\xff\xff\xff"
		     "\xff\xff\xff\xff\0\0\0\0",
		     30);
	writer = fresh(true);
	kw_put_bytes(&writer, kwire_bytes_of("xy", 2), "data");
	kw_put_nullable_bytes(&writer, kwire_bytes_of(NULL, 0), true, "data");
	kw_put_int32_array(&writer, &array, false, "ids");
	kw_put_int32_array(&writer, &null, true, "ids");
	kw_put_int32_array(&writer, &empty, false, "ids");
	assert_wrote(&writer, "\3xy\0\3\0\0\0\1\xff\xff\xff\xff\0\1", 15);
}

static void every_primitive_array_is_written(void **state)
{
	int8_t bytes[] = {-1};
	int16_t shorts[] = {-2};
	int64_t longs[] = {-3};
	struct kwire_uuid uuid = KWIRE_UUID_INIT;
	struct kwire_string string = KWIRE_STRING("s");
	struct kwire_bytes blob = kwire_bytes_of("b", 1);
	struct kwire_int8_array a8 = {bytes, 1};
	struct kwire_int16_array a16 = {shorts, 1};
	struct kwire_int64_array a64 = {longs, 1};
	struct kwire_uuid_array uuids = {&uuid, 1};
	struct kwire_string_array strings = {&string, 1};
	struct kwire_bytes_array blobs = {&blob, 1};
	struct kwire_writer writer = fresh(true);

	(void)state;
	uuid.bytes[15] = 9;
	kw_put_int8_array(&writer, &a8, false, "");
	kw_put_int16_array(&writer, &a16, false, "");
	kw_put_int64_array(&writer, &a64, false, "");
	kw_put_uuid_array(&writer, &uuids, false, "");
	kw_put_string_array(&writer, &strings, false, "");
	kw_put_bytes_array(&writer, &blobs, false, "");
	assert_wrote(&writer,
		     "\2\xff\2\xff\xfe\2\xff\xff\xff\xff\xff\xff\xff\xfd"
		     "\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x09\2\2s\2\2b",
		     37);
}

static void a_writer_without_room_counts_exactly_what_one_with_room_writes(void **state)
{
	struct kwire_writer writer = fresh(true), counter;

	(void)state;
	kw_writer_init(&counter, NULL, 0);
	counter.flexible = true;
	for (struct kwire_writer *each = &writer;; each = &counter) {
		kw_put_string(each, KWIRE_STRING("some text"), "");
		kw_put_int64(each, 1);
		for (struct kw_put_tag tag = kw_put_tag(200); kw_put_tag_pass(each, &tag);)
			kw_put_string(each, KWIRE_STRING("tagged"), "");
		if (each == &counter)
			break;
	}
	assert_int_equal(counter.size, writer.size);
	assert_false(counter.failed);
}

static void a_writer_stores_only_what_fits(void **state)
{
	struct kwire_writer writer = fresh(false);

	(void)state;
	writer.capacity = 5;
	kw_put_int32(&writer, 1);
	kw_put_int32(&writer, 2);
	assert_int_equal(writer.size, 8);
	assert_int_equal(room[4], 0xee);
}

static void a_large_payload_is_noted_instead_of_copied(void **state)
{
	static const char payload[3000];
	struct kw_borrow borrow;
	struct kwire_writer writer = fresh(false);

	(void)state;
	writer.borrow_from = 2048;
	writer.borrows = &borrow;
	writer.borrow_capacity = 1;
	kw_put_int16(&writer, 1);
	kw_put_bytes(&writer, kwire_bytes_of(payload, sizeof(payload)), "records");
	kw_put_int16(&writer, 2);
	assert_wrote(&writer, "\0\1\0\0\x0b\xb8\0\2", 8);
	assert_int_equal(writer.borrow_count, 1);
	assert_int_equal(borrow.at, 6);
	assert_ptr_equal(borrow.data, payload);
	assert_int_equal(kw_writer_total(&writer), 3008);
}

static void a_tag_holds_its_number_its_size_and_its_field(void **state)
{
	struct kwire_tagged_field item = {5, {(const uint8_t *)"zz", 2}};
	struct kwire_tagged_fields unknown = {1, &item};
	struct kwire_writer writer = fresh(true);

	(void)state;
	assert_true(kw_put_tags_begin(&writer, 1, &unknown));
	for (struct kw_put_tag tag = kw_put_tag(1); kw_put_tag_pass(&writer, &tag);)
		kw_put_string(&writer, KWIRE_STRING("abc"), "");
	kw_put_tags_end(&writer, &unknown, 2);
	assert_wrote(&writer, "\2\1\4\4abc\5\2zz", 11);
}

static void a_nullable_struct_has_a_marker(void **state)
{
	struct kwire_writer writer = fresh(true);

	(void)state;
	assert_true(kw_put_present(&writer, &writer, true, "cursor"));
	assert_false(kw_put_present(&writer, NULL, true, "cursor"));
	assert_true(kw_put_present(&writer, &writer, false, "cursor"));
	assert_true(kw_put_tagged_present(&writer, &writer, true, "cursor"));
	assert_false(kw_put_tagged_present(&writer, NULL, true, "cursor"));
	assert_wrote(&writer, "\1\xff\1\0", 4);
	assert_false(kw_put_present(&writer, NULL, false, "cursor"));
	assert_refused(&writer, "cursor", "is null");
	writer = fresh(true);
	assert_false(kw_put_tagged_present(&writer, NULL, false, "cursor"));
	assert_refused(&writer, "cursor", "is null");
}

static void what_cannot_be_written_is_refused_with_its_name(void **state)
{
	static const char text[40000];
	struct kwire_int32_array null = {NULL, -1}, negative = {NULL, -2}, nowhere = {NULL, 3};
	struct kwire_string strings[] = {KWIRE_STRING_INIT("a"), KWIRE_STRING_NULL_INIT};
	struct kwire_string_array list = {strings, 2};
	struct kwire_string bad = {"x", -1};
	struct kwire_bytes bad_bytes = {(const uint8_t *)"x", -1};
	struct kwire_writer writer;

	(void)state;
	writer = fresh(true);
	kw_put_string(&writer, kwire_string_of(NULL, 0), "name");
	assert_refused(&writer, "name", "is null, which version 7 does not allow");
	writer = fresh(false);
	kw_put_string(&writer, kwire_string_of(text, sizeof(text)), "name");
	assert_refused(&writer, "name", "40000 bytes");
	writer = fresh(true);
	kw_put_string(&writer, bad, "name");
	assert_refused(&writer, "name", "negative");
	writer = fresh(true);
	kw_put_bytes(&writer, kwire_bytes_of(NULL, 0), "data");
	assert_refused(&writer, "data", "is null");
	writer = fresh(true);
	kw_put_bytes(&writer, bad_bytes, "data");
	assert_refused(&writer, "data", "negative");
	writer = fresh(true);
	kw_put_int32_array(&writer, &null, false, "ids");
	assert_refused(&writer, "ids", "is null");
	writer = fresh(true);
	kw_put_int32_array(&writer, &negative, true, "ids");
	assert_refused(&writer, "ids", "negative");
	writer = fresh(true);
	kw_put_int32_array(&writer, &nowhere, true, "ids");
	assert_refused(&writer, "ids", "points to none");
	writer = fresh(true);
	kw_put_string_array(&writer, &list, false, "names");
	assert_refused(&writer, "names[1]", "is null");
	writer = fresh(true);
	kw_put_absent(&writer, true, "rack");
	assert_false(writer.failed);
	kw_put_absent(&writer, false, "rack");
	assert_refused(&writer, "rack", "version 7 has no such field");
}

static void tags_that_are_out_of_order_or_known_are_refused(void **state)
{
	struct kwire_tagged_field items[] = {{5, {(const uint8_t *)"z", 1}},
					     {5, {(const uint8_t *)"z", 1}}};
	struct kwire_tagged_fields unknown = {2, items};
	struct kwire_writer writer = fresh(true);

	(void)state;
	kw_put_tags(&writer, &unknown);
	assert_refused(&writer, "unknown_tags[1]", "tag 5");
	writer = fresh(true);
	items[1].tag = 6;
	kw_put_tags_end(&writer, &unknown, 6);
	assert_refused(&writer, "unknown_tags[0]", "6 is the lowest");
	writer = fresh(true);
	items[1].value.size = -1;
	kw_put_tags(&writer, &unknown);
	assert_refused(&writer, "unknown_tags[1]", "no valid value");
	writer = fresh(false);
	kw_put_tags(&writer, &unknown);
	assert_refused(&writer, "unknown_tags", "version 7 has no tagged fields");
	writer = fresh(true);
	unknown.items = NULL;
	kw_put_tags(&writer, &unknown);
	assert_refused(&writer, "unknown_tags", "points to none");
}

static void only_the_first_failure_counts_and_gets_its_path(void **state)
{
	struct kwire_writer writer = fresh(true);

	(void)state;
	kw_put_string(&writer, kwire_string_of(NULL, 0), "name");
	kw_put_bytes(&writer, kwire_bytes_of(NULL, 0), "data");
	assert_true(kw_put_failed(&writer, "configs", 2));
	assert_true(kw_put_failed(&writer, "topic", -1));
	assert_refused(&writer, "topic.configs[2].name", "is null");
	for (int i = 0; i < 50; i++)
		kw_put_failed(&writer, "a_long_name", i);
	assert_int_equal(strlen(writer.fault.path), sizeof(writer.fault.path) - 1);
	assert_memory_equal(writer.fault.path, "a_long_name[49].a_long_name[48].", 32);
}

static void more_than_two_gigabytes_are_refused(void **state)
{
	struct kwire_bytes huge = {room, INT32_MAX};
	struct kwire_writer writer;

	(void)state;
	kw_writer_init(&writer, NULL, 0);
	writer.borrow_from = 1024;
	kw_put_bytes(&writer, huge, "records");
	assert_true(writer.failed);
	assert_int_equal(writer.fault.result, KWIRE_ETOOLARGE);
	assert_refused(&writer, "records", "2 GiB");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_big_endian),
		cmocka_unit_test(a_varint_takes_one_to_five_bytes),
		cmocka_unit_test(strings_have_a_plain_or_a_compact_length),
		cmocka_unit_test(bytes_and_arrays_have_a_length_of_four_or_a_compact_one),
		cmocka_unit_test(every_primitive_array_is_written),
		cmocka_unit_test(a_writer_without_room_counts_exactly_what_one_with_room_writes),
		cmocka_unit_test(a_writer_stores_only_what_fits),
		cmocka_unit_test(a_large_payload_is_noted_instead_of_copied),
		cmocka_unit_test(a_tag_holds_its_number_its_size_and_its_field),
		cmocka_unit_test(a_nullable_struct_has_a_marker),
		cmocka_unit_test(what_cannot_be_written_is_refused_with_its_name),
		cmocka_unit_test(tags_that_are_out_of_order_or_known_are_refused),
		cmocka_unit_test(only_the_first_failure_counts_and_gets_its_path),
		cmocka_unit_test(more_than_two_gigabytes_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
