/* SPDX-License-Identifier: Apache-2.0 */
/* The allocator's contract: cap, counting, blocks that outlive their owner. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"

static void the_cap_refuses_what_would_pass_it(void **state)
{
	struct kw_memory *memory = kw_memory_new(NULL, 1000);
	void *first = kw_alloc(memory, 600);

	(void)state;
	assert_non_null(first);
	assert_null(kw_alloc(memory, 600));
	assert_null(kw_realloc(memory, first, 2000));
	first = kw_realloc(memory, first, 100);
	assert_non_null(first);
	kw_free(kw_alloc(memory, 600));
	kw_free(first);
	assert_int_equal(kw_memory_used(memory), 0);
	kw_memory_put(memory);
}

static void a_block_outlives_its_owner(void **state)
{
	struct kw_memory *memory = kw_memory_new(NULL, 0);
	char *text = kw_strdup(memory, "later");

	(void)state;
	kw_memory_put(memory);
	assert_string_equal(text, "later");
	kw_free(text);
}

static void a_size_that_overflows_is_refused(void **state)
{
	struct kw_memory *memory = kw_memory_new(NULL, 0);

	(void)state;
	assert_null(kw_alloc(memory, SIZE_MAX));
	assert_null(kw_alloc_array(memory, SIZE_MAX / 2, 3));
	kw_memory_put(memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_cap_refuses_what_would_pass_it),
		cmocka_unit_test(a_block_outlives_its_owner),
		cmocka_unit_test(a_size_that_overflows_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
