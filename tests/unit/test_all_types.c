/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the generator makes of a schema that has everything (tests/gen/good),
 * compiled and run: forms that Kafka's own messages do not have yet.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <kwire/json.h>

#include "../gen/expected/include/kwire/api/all_types.h"
#include "../gen/expected/include/kwire/api/ping.h"
#include "../support/random_message.h"

static struct kwire_error error;

static size_t encode(const struct kwire_all_types *message, int16_t version, uint8_t *bytes,
		     size_t capacity)
{
	size_t size;

	if (kwire_message_encode(&kwire_all_types_message, message, version, bytes, capacity, &size,
				 &error) != 0)
		fail_msg("%s", error.message);
	return size;
}

static void assert_refused(const struct kwire_all_types *message, int16_t version,
			   const char *wanted)
{
	uint8_t bytes[1000];
	size_t size;

	assert_int_equal(kwire_message_encode(&kwire_all_types_message, message, version, bytes,
					      sizeof(bytes), &size, &error),
			 KWIRE_EINVAL);
	assert_string_equal(error.message, wanted);
}

static void defaults_are_those_of_the_schema(void **state)
{
	struct kwire_all_types message = KWIRE_ALL_TYPES_INIT;

	(void)state;
	assert_true(message.flag);
	assert_int_equal(message.tiny, -0x7f);
	assert_int_equal(message.short_, 0x7fff);
	assert_int_equal(message.port, 65535);
	assert_int_equal(message.int_, INT32_MIN);
	assert_true(message.unsigned_ == 0xffffffff);
	assert_true(message.long_ == INT64_MAX && message.lowest == INT64_MIN);
	assert_true(message.real == 12.5);
	assert_int_equal(message.id.bytes[15], 1);
	assert_string_equal(message.text.data, "say \"hi\"");
	assert_int_equal(message.nullable_text.size, 0);
	assert_non_null(message.blob.data);
	assert_null(message.nullable_blob.data);
	assert_null(message.batches.data);
	assert_int_equal(message.int_list.count, -1);
	assert_int_equal(message.inner.value, 7);
	assert_null(message.optional);
	assert_int_equal(message.moved, -1);
}

static void a_field_that_became_a_tag_moves_to_the_end(void **state)
{
	struct kwire_all_types message = KWIRE_ALL_TYPES_INIT;
	uint8_t bytes[1000];
	size_t size, less;

	(void)state;
	message.moved = 0x01020304;
	size = encode(&message, 2, bytes, sizeof(bytes));
	assert_memory_equal(bytes + size - 5, "\1\2\3\4\0", 5);
	size = encode(&message, 3, bytes, sizeof(bytes));
	assert_memory_equal(bytes + size - 7, "\1\7\4\1\2\3\4", 7);
	message.moved = -1;
	less = encode(&message, 3, bytes, sizeof(bytes));
	assert_int_equal(less, size - 6);
	message.moved = 5;
	assert_refused(&message, 0, "AllTypes v0: moved is set, but version 0 has no such field");
}

static void tagged_fields_of_every_type_have_their_size(void **state)
{
	struct kwire_all_types_point point = KWIRE_ALL_TYPES_POINT_INIT;
	struct kwire_all_types message = KWIRE_ALL_TYPES_INIT;
	static const char tags[] = "\7\0\3\3xy\1\2\2z\3\x08\x3f\xf0\0\0\0\0\0\0"
				   "\4\x09\0\0\0\1\xff\xff\xff\xff\0"
				   "\5\x0a\1\0\0\0\2\xff\xff\xff\xff\0"
				   "\6\x0a\2\0\0\0\2\xff\xff\xff\xff\0\x08\4\0\0\0\x09";
	uint8_t bytes[1000];
	size_t size;

	(void)state;
	point.x = 2;
	message.tagged_text = KWIRE_STRING("xy");
	message.tagged_blob = kwire_bytes_of("z", 1);
	message.tagged_real = 1.0;
	message.tagged_inner.x = 1;
	message.tagged_optional = &point;
	message.tagged_list.items = &point;
	message.tagged_list.count = 1;
	message.tagged_later = 9;
	size = encode(&message, 3, bytes, sizeof(bytes));
	assert_memory_equal(bytes + size - (sizeof(tags) - 1), tags, sizeof(tags) - 1);
	message.tagged_later = 0;
	assert_refused(&message, 1,
		       "AllTypes v1: tagged_text is set, but version 1 has no such "
		       "field");
	/* Ignorable: dropped without a word where the version has it not. */
	message = (struct kwire_all_types)KWIRE_ALL_TYPES_INIT;
	message.tagged_later = 9;
	encode(&message, 1, bytes, sizeof(bytes));
}

static void a_null_tag_that_is_not_the_default_is_written_as_null(void **state)
{
	struct kwire_all_types message = KWIRE_ALL_TYPES_INIT;
	uint8_t bytes[1000];
	size_t size;

	(void)state;
	message.tagged_text = kwire_string(NULL);
	assert_refused(&message, 2,
		       "AllTypes v2: tagged_text is null, which version 2 does not allow");
	message = (struct kwire_all_types)KWIRE_ALL_TYPES_INIT;
	message.tagged_blob = kwire_bytes_of("", 0);
	size = encode(&message, 2, bytes, sizeof(bytes));
	assert_memory_equal(bytes + size - 4, "\1\1\1\1", 4);
}

static void paths_go_through_tags_and_lists(void **state)
{
	struct kwire_tagged_field tag = {3, {(const uint8_t *)"x", 1}};
	struct kwire_tagged_fields tags = {1, &tag};
	struct kwire_all_types_point points[2] = {KWIRE_ALL_TYPES_POINT_INIT,
						  KWIRE_ALL_TYPES_POINT_INIT};
	struct kwire_all_types_box box = KWIRE_ALL_TYPES_BOX_INIT;
	struct kwire_all_types message = KWIRE_ALL_TYPES_INIT;

	(void)state;
	points[1].unknown_tags = &tags;
	box.batches.items = points;
	box.batches.count = 2;
	message.boxes.items = &box;
	message.boxes.count = 1;
	assert_refused(&message, 1,
		       "AllTypes v1: boxes[0].batches[1].unknown_tags is set, but "
		       "version 1 has no tagged fields");
	assert_refused(&message, 0,
		       "AllTypes v0: boxes[0].batches is set, but version 0 has no such field");
	tag.value.data = NULL;
	message = (struct kwire_all_types)KWIRE_ALL_TYPES_INIT;
	message.tagged_list.items = points;
	message.tagged_list.count = 2;
	assert_refused(&message, 2,
		       "AllTypes v2: tagged_list[1].unknown_tags[0] has no valid value");
	message = (struct kwire_all_types)KWIRE_ALL_TYPES_INIT;
	message.tagged_optional = &points[1];
	assert_refused(&message, 2,
		       "AllTypes v2: tagged_optional.unknown_tags[0] has no valid value");
	message = (struct kwire_all_types)KWIRE_ALL_TYPES_INIT;
	message.unknown_tags = &tags;
	assert_refused(&message, 3,
		       "AllTypes v3: unknown_tags[0] has tag 3, where 9 is the lowest "
		       "allowed");
}

static void a_tag_of_a_later_version_is_refused(void **state)
{
	struct kwire_all_types message = KWIRE_ALL_TYPES_INIT;
	uint8_t bytes[1000];
	size_t size;
	void *back;

	(void)state;
	size = encode(&message, 2, bytes, sizeof(bytes));
	assert_int_equal(bytes[size - 1], 0);
	memcpy(bytes + size - 1, "\1\x08\4\0\0\0\1", 7);
	assert_int_equal(
		kwire_message_decode(&kwire_all_types_message, bytes, size + 6, 2, &back, &error),
		KWIRE_EDECODE);
	assert_non_null(strstr(error.message,
			       "AllTypes v2: tagged_later is tag 8, which version 2 has not"));
}

static void random_messages_survive_the_trip(void **state)
{
	const struct kwire_description *description = &kwire_all_types_description;

	(void)state;
	for (int16_t version = 0; version <= 3; version++)
		for (uint64_t seed = 1; seed <= 200; seed++) {
			void *message = random_message(description, version, seed), *back = NULL;
			struct kwire_all_types *all = message;
			uint8_t *bytes = malloc(200000);
			size_t size;
			char *text = NULL;

			if (all->tagged_real == 0)
				all->tagged_real = 0.5;
			size = encode(message, version, bytes, 200000);
			if (kwire_message_decode(&kwire_all_types_message, bytes, size, version,
						 &back, &error) != 0)
				fail_msg("%s", error.message);
			assert_true(kwire_message_equal(description, message, back));
			kwire_response_free(back);
			if (kwire_json_print(description, message, version, 0, &text, &size,
					     &error) != 0 ||
			    kwire_json_read(description, text, size, version, 0, &back, &error) !=
				    0)
				fail_msg("%s", error.message);
			kwire_json_free(text);
			kwire_response_free(back);
			kwire_response_free(message);
			free(bytes);
		}
}

static void an_unstable_version_is_known_but_not_the_latest_stable(void **state)
{
	(void)state;
	assert_int_equal(kwire_ping_api.max_version, 3);
	assert_int_equal(kwire_ping_api.latest_stable_version, 2);
	assert_int_equal(kwire_ping_api.first_flexible_version, INT16_MAX);
	assert_int_equal(kwire_ping_api.flags, KWIRE_API_RECORDS);
	assert_int_equal(kwire_ping_api.throttle_version, INT16_MAX);
	assert_ptr_equal(kwire_ping_server.api, &kwire_ping_api);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_those_of_the_schema),
		cmocka_unit_test(a_field_that_became_a_tag_moves_to_the_end),
		cmocka_unit_test(tagged_fields_of_every_type_have_their_size),
		cmocka_unit_test(a_null_tag_that_is_not_the_default_is_written_as_null),
		cmocka_unit_test(paths_go_through_tags_and_lists),
		cmocka_unit_test(a_tag_of_a_later_version_is_refused),
		cmocka_unit_test(random_messages_survive_the_trip),
		cmocka_unit_test(an_unstable_version_is_known_but_not_the_latest_stable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
