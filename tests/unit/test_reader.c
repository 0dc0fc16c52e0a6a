/* SPDX-License-Identifier: Apache-2.0 */
/* The reader: what each primitive reads, and every malformed form it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/reader.h"

/* A reader over a copy of `bytes` in a block of exactly their size. */
struct fixture {
	struct kw_memory *memory;
	struct kw_arena arena;
	struct kwire_reader reader;
	uint8_t *frame;
	uint64_t room[16];
};

static struct kwire_reader *start(struct fixture *fixture, bool flexible, const char *bytes,
				  size_t size)
{
	fixture->memory = kw_memory_new(NULL, 0);
	fixture->frame = malloc(size > 0 ? size : 1);
	memcpy(fixture->frame, bytes, size);
	kw_arena_init(&fixture->arena, fixture->memory, fixture->room, sizeof(fixture->room), 16);
	kw_reader_init(&fixture->reader, fixture->frame, size, &fixture->arena);
	fixture->reader.flexible = flexible;
	fixture->reader.version = 7;
	return &fixture->reader;
}
#define START(flexible, bytes) start(&fixture, flexible, bytes, sizeof(bytes) - 1)

static void stop(struct fixture *fixture)
{
	kw_chunks_free(fixture->arena.chunks);
	assert_int_equal(kw_memory_used(fixture->memory), 0);
	kw_memory_put(fixture->memory);
	free(fixture->frame);
}

static void assert_refused(struct fixture *fixture, const char *path, size_t offset,
			   const char *problem)
{
	assert_true(fixture->reader.failed);
	assert_int_equal(fixture->reader.fault.result, KWIRE_EDECODE);
	assert_string_equal(fixture->reader.fault.path, path);
	assert_int_equal(fixture->reader.fault.offset, offset);
	if (strstr(fixture->reader.fault.problem, problem) == NULL)
		fail_msg("\"%s\" lacks \"%s\"", fixture->reader.fault.problem, problem);
	stop(fixture);
}

static void assert_read(struct fixture *fixture)
{
	assert_false(fixture->reader.failed);
	kw_reader_finish(&fixture->reader);
	assert_false(fixture->reader.failed);
	stop(fixture);
}

static void numbers_are_read_big_endian(void **state)
{
	struct fixture fixture;
	struct kwire_reader *reader = START(
		false, "\x02\xfe\xff\xfd\xfe\xdc\x01\x02\x03\x04\xff\xff\xff\xfe"
		       "\x01\x02\x03\x04\x05\x06\x07\x08\xbf\xf8\0\0\0\0\0\0");

	(void)state;
	assert_true(kw_get_bool(reader, ""));
	assert_int_equal(kw_get_int8(reader, ""), -2);
	assert_int_equal(kw_get_int16(reader, ""), -3);
	assert_int_equal(kw_get_uint16(reader, ""), 0xfedc);
	assert_int_equal(kw_get_int32(reader, ""), 0x01020304);
	assert_int_equal(kw_get_uint32(reader, ""), 0xfffffffe);
	assert_true(kw_get_int64(reader, "") == INT64_C(0x0102030405060708));
	assert_true(kw_get_float64(reader, "") == -1.5);
	assert_read(&fixture);
}

static void a_field_that_is_cut_short_is_refused_where_it_begins(void **state)
{
	struct fixture fixture;

	(void)state;
	kw_get_int8(START(false, ""), "a");
	assert_refused(&fixture, "a", 0, "needs 1 bytes, where 0 are left");
	kw_get_int16(START(false, "1"), "a");
	assert_refused(&fixture, "a", 0, "needs 2 bytes, where 1 are left");
	START(false, "1234567");
	kw_get_int32(&fixture.reader, "a");
	kw_get_int32(&fixture.reader, "b");
	assert_refused(&fixture, "b", 4, "needs 4 bytes, where 3 are left");
	kw_get_int64(START(false, "1234567"), "a");
	assert_refused(&fixture, "a", 0, "needs 8 bytes, where 7 are left");
	kw_get_float64(START(false, "1234567"), "a");
	assert_refused(&fixture, "a", 0, "needs 8 bytes");
	kw_get_uuid(START(false, "123456789012345"), "a");
	assert_refused(&fixture, "a", 0, "needs 16 bytes, where 15 are left");
}

static void a_varint_of_up_to_five_bytes_is_read(void **state)
{
	struct fixture fixture;
	struct kwire_reader *reader = START(true, "\0\x7f\x80\x01\x80\x80\x01\xff\xff\xff\xff\x0f");

	(void)state;
	assert_int_equal(kw_get_varint(reader, ""), 0);
	assert_int_equal(kw_get_varint(reader, ""), 127);
	assert_int_equal(kw_get_varint(reader, ""), 128);
	assert_int_equal(kw_get_varint(reader, ""), 16384);
	assert_true(kw_get_varint(reader, "") == UINT32_MAX);
	assert_read(&fixture);
}

static void a_varint_that_is_too_long_too_big_or_unfinished_is_refused(void **state)
{
	struct fixture fixture;

	(void)state;
	kw_get_varint(START(true, "\x80\x80\x80\x80\x80\x01"), "n");
	assert_refused(&fixture, "n", 0, "longer than 5 bytes");
	kw_get_varint(START(true, "\xff\xff\xff\xff\x1f"), "n");
	assert_refused(&fixture, "n", 0, "beyond 32 bits");
	kw_get_varint(START(true, "\x80\x80"), "n");
	assert_refused(&fixture, "n", 0, "ends within a varint");
}

static void a_string_is_counted_and_ends_with_nul(void **state)
{
	static const char *const frames[] = {"\0\3abc\xff\xff\0\0\0\1z", "\4abc\0\1\2z"};
	static const size_t sizes[] = {12, 8};
	struct fixture fixture;

	(void)state;
	for (int flexible = 0; flexible < 2; flexible++) {
		struct kwire_reader *reader = start(&fixture, flexible, frames[flexible],
						    sizes[flexible]);
		struct kwire_string text = kw_get_string(reader, "");
		struct kwire_string null = kw_get_nullable_string(reader, true, "");
		struct kwire_string empty = kw_get_nullable_string(reader, true, "");
		struct kwire_string last = kw_get_string(reader, "");

		assert_int_equal(text.size, 3);
		assert_string_equal(text.data, "abc");
		assert_null(null.data);
		assert_int_equal(empty.size, 0);
		assert_string_equal(empty.data, "");
		assert_string_equal(last.data, "z");
		assert_read(&fixture);
	}
}

static void a_bad_string_is_refused(void **state)
{
	struct fixture fixture;
	char *large = calloc(1, 40003);

	(void)state;
	kw_get_string(START(false, "\xff\xff"), "s");
	assert_refused(&fixture, "s", 0, "is null, which version 7 does not allow");
	kw_get_string(START(true, "\0"), "s");
	assert_refused(&fixture, "s", 0, "is null");
	kw_get_nullable_string(START(false, "\xff\xfe"), true, "s");
	assert_refused(&fixture, "s", 0, "has the length -2");
	kw_get_string(START(false, "\0\5abcd"), "s");
	assert_refused(&fixture, "s", 0, "length 5, beyond the 4 bytes left");
	kw_get_string(START(true, "\6abcd"), "s");
	assert_refused(&fixture, "s", 0, "length 5, beyond the 4 bytes left");
	memcpy(large, "\xc1\xb8\x02", 3); /* 40,000 */
	kw_get_string(start(&fixture, true, large, 40003), "s");
	assert_refused(&fixture, "s", 0, "40000 bytes, more than the 32767 of a string");
	free(large);
}

static void bad_bytes_are_refused(void **state)
{
	struct fixture fixture;

	(void)state;
	kw_get_bytes(START(false, "\xff\xff\xff\xff"), "b");
	assert_refused(&fixture, "b", 0, "is null");
	kw_get_nullable_bytes(START(false, "\xff\xff\xff\xfe"), true, "b");
	assert_refused(&fixture, "b", 0, "has the length -2");
	kw_get_bytes(START(false, "\x7f\xff\xff\xff!"), "b");
	assert_refused(&fixture, "b", 0, "length 2147483647, beyond the 1 bytes left");
	kw_get_bytes(START(true, "\xff\xff\xff\xff\x0f!"), "b");
	assert_refused(&fixture, "b", 0, "length 4294967294, beyond the 1 bytes left");
}

static void bytes_point_into_the_frame(void **state)
{
	struct fixture fixture;
	struct kwire_reader *reader = START(false, "\0\0\0\2xy\xff\xff\xff\xff\0\0\0\0");
	struct kwire_bytes bytes = kw_get_bytes(reader, "");
	struct kwire_bytes null = kw_get_nullable_bytes(reader, true, "");
	struct kwire_bytes empty = kw_get_nullable_bytes(reader, true, "");

	(void)state;
	assert_ptr_equal(bytes.data, fixture.frame + 4);
	assert_int_equal(bytes.size, 2);
	assert_null(null.data);
	assert_non_null(empty.data);
	assert_int_equal(empty.size, 0);
	assert_read(&fixture);
}

static void a_count_is_checked_before_anything_is_allocated(void **state)
{
	struct fixture fixture;
	struct kwire_int64_array longs;
	int32_t count;

	(void)state;
	longs = kw_get_int64_array(START(false, "\x7f\xff\xff\xff"), false, "ids");
	assert_int_equal(longs.count, 0);
	assert_int_equal(fixture.arena.used, 0);
	assert_refused(&fixture, "ids", 0, "beyond the 0 bytes left");
	assert_null(kw_get_array(START(true, "\x04"
					     "123456789"),
				 &count, 100, 4, false, "topics"));
	assert_int_equal(count, 0);
	assert_int_equal(fixture.arena.used, 0);
	assert_refused(&fixture, "topics", 0, "length 3, beyond the 9 bytes left");
	assert_null(kw_get_array(START(true, "\0"), &count, 100, 4, true, "topics"));
	assert_int_equal(count, -1);
	assert_read(&fixture);
	assert_null(kw_get_array(START(true, "\0"), &count, 100, 4, false, "topics"));
	assert_refused(&fixture, "topics", 0, "is null");
	assert_null(kw_get_array(START(false, "\x80\0\0\0"), &count, 100, 4, true, "topics"));
	assert_refused(&fixture, "topics", 0, "has the length -2147483648");
}

static void primitive_arrays_are_read(void **state)
{
	struct fixture fixture;
	struct kwire_reader *reader = START(
		true, "\2\xff\2\xff\xfe\2\xff\xff\xff\xfd\2\xff\xff\xff\xff\xff\xff\xff\xfc"
		      "\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x09\3\2s\1\2\2b\0");

	(void)state;
	assert_int_equal(kw_get_int8_array(reader, false, "").items[0], -1);
	assert_int_equal(kw_get_int16_array(reader, false, "").items[0], -2);
	assert_int_equal(kw_get_int32_array(reader, false, "").items[0], -3);
	assert_true(kw_get_int64_array(reader, false, "").items[0] == -4);
	assert_int_equal(kw_get_uuid_array(reader, false, "").items[0].bytes[15], 9);
	assert_string_equal(kw_get_string_array(reader, false, "").items[1].data, "");
	assert_int_equal(kw_get_bytes_array(reader, false, "").items[0].data[0], 'b');
	assert_int_equal(kw_get_int32_array(reader, true, "").count, -1);
	assert_read(&fixture);
}

static void a_bad_element_is_named_with_its_index(void **state)
{
	struct fixture fixture;

	(void)state;
	kw_get_string_array(START(true, "\3\2s\0"), false, "names");
	assert_refused(&fixture, "names[1]", 3, "is null");
	kw_get_bytes_array(START(true, "\3\2s\0"), false, "blobs");
	kw_get_failed(&fixture.reader, "topics", 4);
	assert_refused(&fixture, "topics[4].blobs[1]", 3, "is null");
}

static void unknown_tags_are_kept(void **state)
{
	struct fixture fixture;
	struct kwire_reader *reader = START(true, "\0\2\1\2ab\xac\2\0");
	const struct kwire_tagged_fields *none = kw_get_tags(reader);
	const struct kwire_tagged_fields *kept = kw_get_tags(reader);

	(void)state;
	assert_null(none);
	assert_int_equal(kept->count, 2);
	assert_int_equal(kept->items[0].tag, 1);
	assert_memory_equal(kept->items[0].value.data, "ab", 2);
	assert_int_equal(kept->items[1].tag, 300);
	assert_int_equal(kept->items[1].value.size, 0);
	assert_read(&fixture);
	assert_null(kw_get_tags(START(false, "")));
	assert_read(&fixture);
}

static void bad_tag_sections_are_refused(void **state)
{
	struct fixture fixture;

	(void)state;
	kw_get_tags(START(true, ""));
	assert_refused(&fixture, "tagged fields", 0, "ends within a varint");
	kw_get_tags(START(true, "\3\1\0\2\0"));
	assert_refused(&fixture, "tagged fields", 1, "are 3, beyond the 4 bytes left");
	kw_get_tags(START(true, "\2\1\0\1\0"));
	assert_refused(&fixture, "tagged fields", 3, "tag 1 follows tag 1");
	kw_get_tags(START(true, "\2\2\0\1\0"));
	assert_refused(&fixture, "tagged fields", 3, "tag 1 follows tag 2");
	kw_get_tags(START(true, "\1\2\2x"));
	assert_refused(&fixture, "tagged fields", 1, "tag 2 has 2 bytes, beyond the end");
}

/* Reads tag 0 as an int32 and keeps the others. */
static int32_t read_tagged(struct kwire_reader *reader)
{
	struct kw_get_tags tags;
	int32_t value = -1;

	for (kw_get_tags_begin(reader, &tags); kw_get_tags_next(reader, &tags);)
		if (tags.tag == 0)
			value = kw_get_int32(reader, "epoch");
		else if (tags.tag == 9)
			kw_get_tag_refuse(reader, &tags, "later");
		else
			kw_get_tag_keep(reader, &tags);
	return value;
}

static void a_tagged_field_uses_exactly_its_size(void **state)
{
	struct fixture fixture;

	(void)state;
	assert_int_equal(read_tagged(START(true, "\2\0\4\0\0\0\7\1\1x")), 7);
	assert_read(&fixture);
	read_tagged(START(true, "\1\0\5\0\0\0\7!"));
	assert_refused(&fixture, "tagged fields", 7, "tag 0 leaves 1 of its bytes over");
	/* What follows in the frame is not the field's. */
	read_tagged(START(true, "\1\0\3\0\0\0\7"));
	assert_refused(&fixture, "epoch", 3, "needs 4 bytes, where 3 are left");
	read_tagged(START(true, "\1\x09\1x"));
	assert_refused(&fixture, "later", 3, "is tag 9, which version 7 has not");
}

static void a_nullable_struct_is_read_after_its_marker(void **state)
{
	struct fixture fixture;
	struct kwire_reader *reader = START(true, "\1\xff\1\0");

	(void)state;
	assert_non_null(kw_get_present(reader, 8, true, ""));
	assert_null(kw_get_present(reader, 8, true, ""));
	assert_non_null(kw_get_tagged_present(reader, 8, true, ""));
	assert_null(kw_get_tagged_present(reader, 8, true, ""));
	assert_non_null(kw_get_present(reader, 8, false, ""));
	assert_read(&fixture);
	assert_null(kw_get_present(START(true, ""), 8, true, "cursor"));
	assert_refused(&fixture, "cursor", 0, "needs 1 bytes");
}

static void bytes_left_over_are_refused(void **state)
{
	struct fixture fixture;

	(void)state;
	kw_get_int8(START(true, "123"), "");
	kw_reader_finish(&fixture.reader);
	assert_refused(&fixture, "", 1, "2 bytes are left over");
}

static void after_a_failure_everything_reads_as_zero_and_nothing_else_is_reported(void **state)
{
	struct fixture fixture;
	struct kwire_reader *reader = START(false, "\xff\xff\0\0\0\7");

	(void)state;
	kw_get_string(reader, "first");
	assert_int_equal(kw_get_int32(reader, "second"), 0);
	assert_null(kw_get_nullable_string(reader, true, "third").data);
	assert_int_equal(kw_get_int32_array(reader, false, "fourth").count, 0);
	kw_reader_finish(reader);
	assert_refused(&fixture, "first", 0, "is null");
}

static void without_memory_decoding_ends_with_enomem(void **state)
{
	struct fixture fixture;
	int32_t count;

	(void)state;
	START(true, "\x0b"
		    "0123456789");
	kw_memory_set_max(fixture.memory, 1);
	assert_null(kw_get_array(&fixture.reader, &count, 200, 1, false, "topics"));
	assert_int_equal(count, 0);
	assert_true(fixture.reader.failed);
	assert_int_equal(fixture.reader.fault.result, KWIRE_ENOMEM);
	stop(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_read_big_endian),
		cmocka_unit_test(a_field_that_is_cut_short_is_refused_where_it_begins),
		cmocka_unit_test(a_varint_of_up_to_five_bytes_is_read),
		cmocka_unit_test(a_varint_that_is_too_long_too_big_or_unfinished_is_refused),
		cmocka_unit_test(a_string_is_counted_and_ends_with_nul),
		cmocka_unit_test(a_bad_string_is_refused),
		cmocka_unit_test(bad_bytes_are_refused),
		cmocka_unit_test(bytes_point_into_the_frame),
		cmocka_unit_test(a_count_is_checked_before_anything_is_allocated),
		cmocka_unit_test(primitive_arrays_are_read),
		cmocka_unit_test(a_bad_element_is_named_with_its_index),
		cmocka_unit_test(unknown_tags_are_kept),
		cmocka_unit_test(bad_tag_sections_are_refused),
		cmocka_unit_test(a_tagged_field_uses_exactly_its_size),
		cmocka_unit_test(a_nullable_struct_is_read_after_its_marker),
		cmocka_unit_test(bytes_left_over_are_refused),
		cmocka_unit_test(
			after_a_failure_everything_reads_as_zero_and_nothing_else_is_reported),
		cmocka_unit_test(without_memory_decoding_ends_with_enomem),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
