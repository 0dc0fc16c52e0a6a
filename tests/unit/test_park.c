/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting and waking, whichever form lib/base/park has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <pthread.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/park.h"

enum {
	MANY = 200, /* more than have a bit of their own, see park.h */
};

struct sleeper {
	struct kw_park *park;
	pthread_t thread;
	bool woken;
};

static struct kw_memory *memory;
static struct kw_park_lot lot;

static int setup(void **state)
{
	(void)state;
	memory = kw_memory_new(NULL, 0);
	return memory == NULL ? -1 : kw_park_lot_init(&lot, memory);
}

static int teardown(void **state)
{
	(void)state;
	kw_park_lot_fini(&lot);
	kw_memory_put(memory);
	return 0;
}

static void a_wake_before_the_wait_is_not_lost_and_counts_once(void **state)
{
	struct kw_park *park = kw_park_borrow(&lot);

	(void)state;
	kw_park_wake(&park, 1);
	kw_park_wake(&park, 1);
	assert_true(kw_park_wait(park, KW_NEVER));
	assert_false(kw_park_wait(park, kw_now_ms()));
	kw_park_return(&lot, park);
}

/* A time before the clock began would be refused by the system, and asked for again for ever. */
static void a_deadline_that_has_passed_ends_the_wait_at_once(void **state)
{
	static const int64_t past[] = {INT64_MIN / 2, -1001, -1, 0, 1};
	struct kw_park *park = kw_park_borrow(&lot);

	(void)state;
	for (size_t i = 0; i < sizeof(past) / sizeof(*past); i++) {
		assert_false(kw_park_wait(park, past[i]));
		kw_park_wake(&park, 1);
		assert_true(kw_park_wait(park, past[i]));
	}
	kw_park_return(&lot, park);
}

static void *sleep_long(void *argument)
{
	struct sleeper *sleeper = argument;

	/* Beyond what a 32-bit system can name. */
	sleeper->woken = kw_park_wait(sleeper->park, KW_NEVER - 1);
	return NULL;
}

static void one_wake_ends_the_sleep_of_all_it_names(void **state)
{
	static struct sleeper sleepers[MANY];
	struct kw_park *parks[MANY], *other = kw_park_borrow(&lot);

	(void)state;
	for (int i = 0; i < MANY; i++) {
		sleepers[i].park = parks[i] = kw_park_borrow(&lot);
		assert_non_null(parks[i]);
		assert_int_equal(
			pthread_create(&sleepers[i].thread, NULL, sleep_long, &sleepers[i]), 0);
	}
	kw_park_wake(parks, MANY);
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(pthread_join(sleepers[i].thread, NULL), 0);
		assert_true(sleepers[i].woken);
		assert_false(kw_park_wait(parks[i], 0));
		kw_park_return(&lot, parks[i]);
	}
	assert_false(kw_park_wait(other, 0));
	kw_park_return(&lot, other);
}

static void one_of_nobodys_lives_as_long_as_somebody_has_it(void **state)
{
	struct kw_park *park = kw_park_new(memory);

	(void)state;
	assert_non_null(park);
	assert_ptr_equal(kw_park_get(park), park);
	kw_park_put(park);
	kw_park_wake(&park, 1);
	assert_true(kw_park_wait(park, KW_NEVER));
	kw_park_put(park);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wake_before_the_wait_is_not_lost_and_counts_once),
		cmocka_unit_test(a_deadline_that_has_passed_ends_the_wait_at_once),
		cmocka_unit_test(one_wake_ends_the_sleep_of_all_it_names),
		cmocka_unit_test(one_of_nobodys_lives_as_long_as_somebody_has_it),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
