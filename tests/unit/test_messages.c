/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random messages of every API, header and data message in every version:
 * written, read, compared, printed as JSON, read from it, written again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <kwire/json.h>

#include "../conformance/messages.h"
#include "../support/random_message.h"

#define ROUNDS 6

static struct kwire_error error;

struct bytes {
	uint8_t *data;
	size_t size;
};

static struct bytes encode(const struct kwire_message *type, const void *message, int16_t version)
{
	struct bytes bytes;

	if (kwire_message_encode(type, message, version, NULL, 0, &bytes.size, &error) ==
	    KWIRE_EINVAL)
		fail_msg("%s", error.message);
	bytes.data = malloc(bytes.size + 1);
	if (kwire_message_encode(type, message, version, bytes.data, bytes.size, &bytes.size,
				 &error) != 0)
		fail_msg("%s", error.message);
	return bytes;
}

static void check(const struct kwire_message *type, const struct kwire_description *description,
		  int16_t version, uint64_t seed)
{
	void *message = random_message(description, version, seed), *back = NULL, *read = NULL;
	struct bytes bytes = encode(type, message, version), again;
	char *text = NULL;
	size_t size;

	if (kwire_message_decode(type, bytes.data, bytes.size, version, &back, &error) != 0)
		fail_msg("seed %llu: %s", (unsigned long long)seed, error.message);
	/* A float's -0.0 as a tag is its default, 0.0: no production message has one. */
	if (!kwire_message_equal(description, message, back))
		fail_msg("%s v%d, seed %llu: read back different", type->name, version,
			 (unsigned long long)seed);
	again = encode(type, back, version);
	assert_int_equal(again.size, bytes.size);
	assert_memory_equal(again.data, bytes.data, bytes.size);
	free(again.data);
	if (kwire_json_print(description, back, version, 0, &text, &size, &error) != 0 ||
	    kwire_json_read(description, text, size, version, 0, &read, &error) != 0)
		fail_msg("seed %llu: %s", (unsigned long long)seed, error.message);
	kwire_json_free(text);
	/* JSON has no unknown tags: what is printed again has to be the same. */
	again = encode(type, read, version);
	kwire_response_free(back);
	if (kwire_message_decode(type, again.data, again.size, version, &back, &error) != 0)
		fail_msg("%s", error.message);
	assert_true(kwire_message_equal(description, read, back));
	free(again.data);
	kwire_response_free(read);
	kwire_response_free(back);
	kwire_response_free(message);
	free(bytes.data);
}

static void random_messages_of_every_version_survive_every_trip(void **state)
{
	struct kwire_message all[MESSAGES_MAX];
	int count = messages_all(all), pairs = 0;

	(void)state;
	for (int i = 0; i < count; i++) {
		const struct kwire_description *description = kwire_describe(all[i].name);

		assert_non_null(description);
		assert_int_equal(description->root->size, all[i].size);
		for (int16_t version = all[i].min_version; version <= all[i].max_version;
		     version++, pairs++)
			for (uint64_t seed = 0; seed < ROUNDS; seed++)
				check(&all[i], description, version,
				      seed * 1000 + (uint64_t)version);
	}
	assert_true(pairs > 600);
}

/* A message cut anywhere is refused, or is whole: never read beyond its end. */
static void a_message_cut_anywhere_is_refused(void **state)
{
	struct kwire_message all[MESSAGES_MAX];
	int count = messages_all(all);

	(void)state;
	for (int i = 0; i < count; i++) {
		const struct kwire_description *description = kwire_describe(all[i].name);
		int16_t version = all[i].max_version;
		void *message = random_message(description, version, (uint64_t)i), *back = NULL;
		struct bytes bytes = encode(&all[i], message, version);
		size_t step = bytes.size / 50 + 1;

		for (size_t size = 0; size < bytes.size; size += step) {
			uint8_t *cut = malloc(size > 0 ? size : 1);

			memcpy(cut, bytes.data, size);
			assert_int_equal(
				kwire_message_decode(&all[i], cut, size, version, &back, &error),
				KWIRE_EDECODE);
			assert_non_null(strstr(error.message, "offset"));
			free(cut);
		}
		kwire_response_free(message);
		free(bytes.data);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_messages_of_every_version_survive_every_trip),
		cmocka_unit_test(a_message_cut_anywhere_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
