/* SPDX-License-Identifier: Apache-2.0 */
/* Every form of the checksums gives the numbers of the standards, at every size and alignment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "records/crc.h"

/* The definition, bit by bit. */
static uint32_t by_definition(uint32_t polynomial, uint32_t crc, const uint8_t *p, size_t size)
{
	crc = ~crc;
	while (size-- > 0) {
		crc ^= *p++;
		for (int i = 0; i < 8; i++)
			crc = crc & 1 ? crc >> 1 ^ polynomial : crc >> 1;
	}
	return ~crc;
}

/* RFC 3720, appendix B.4, and the check value of "123456789". */
static void crc32c_gives_the_published_values(void **state)
{
	uint8_t bytes[32];

	(void)state;
	for (size_t i = 0; kw_crc32c_form(i) != NULL; i++) {
		const struct kw_crc32c_form *form = kw_crc32c_form(i);

		assert_int_equal(form->sum(0, "123456789", 9), 0xe3069283u);
		memset(bytes, 0, sizeof(bytes));
		assert_int_equal(form->sum(0, bytes, 32), 0x8a9136aau);
		memset(bytes, 0xff, sizeof(bytes));
		assert_int_equal(form->sum(0, bytes, 32), 0x62a8ab43u);
		for (int j = 0; j < 32; j++)
			bytes[j] = (uint8_t)j;
		assert_int_equal(form->sum(0, bytes, 32), 0x46dd794eu);
		assert_int_equal(form->sum(0, "", 0), 0);
	}
	assert_int_equal(kw_crc32c(0, "123456789", 9), 0xe3069283u);
}

static void crc32_gives_the_published_value(void **state)
{
	(void)state;
	assert_int_equal(kw_crc32(0, "123456789", 9), 0xcbf43926u);
	assert_int_equal(kw_crc32(kw_crc32(0, "1234", 4), "56789", 5), 0xcbf43926u);
}

static void every_form_agrees_with_the_definition(void **state)
{
	static uint8_t bytes[64 * 1024];
	uint32_t seed = 1;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++) {
		seed = seed * 1664525u + 1013904223u;
		bytes[i] = (uint8_t)(seed >> 24);
	}
	for (size_t i = 0; kw_crc32c_form(i) != NULL; i++) {
		const struct kw_crc32c_form *form = kw_crc32c_form(i);

		for (size_t size = 0; size < sizeof(bytes) - 16; size = size * 5 / 4 + 1) {
			const uint8_t *p = bytes + size % 13;
			uint32_t expected = by_definition(0x82f63b78u, 7, p, size);

			assert_int_equal(form->sum(7, p, size), expected);
			/* In two pieces. */
			assert_int_equal(
				form->sum(form->sum(7, p, size / 3), p + size / 3, size - size / 3),
				expected);
		}
	}
	assert_int_equal(kw_crc32(3, bytes + 1, 999),
			 by_definition(0xedb88320u, 3, bytes + 1, 999));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(crc32c_gives_the_published_values),
		cmocka_unit_test(crc32_gives_the_published_value),
		cmocka_unit_test(every_form_agrees_with_the_definition),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
