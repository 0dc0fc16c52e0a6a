/* SPDX-License-Identifier: Apache-2.0 */
/* The pauses between dials and the bounds on them, on a clock that the test moves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client/backoff.h"

static struct kw_settings settings(int64_t base, int64_t max)
{
	struct kw_settings made;

	memset(&made, 0, sizeof(made));
	made.reconnect_backoff_ms = base;
	made.reconnect_backoff_max_ms = max;
	made.connection_setup_timeout_ms = 10000;
	made.connection_setup_timeout_max_ms = 30000;
	return made;
}

static void a_fresh_one_lets_dial_at_once(void **state)
{
	struct kw_backoff backoff;

	(void)state;
	kw_backoff_reset(&backoff);
	assert_int_equal(kw_backoff_left(&backoff, 0), 0);
}

static void pauses_double_up_to_the_maximum_within_their_jitter(void **state)
{
	static const int64_t expected[] = {50, 100, 200, 400, 800, 1000, 1000, 1000};
	struct kw_settings values = settings(50, 1000);
	struct kw_random random;
	int64_t now = 1000000;

	(void)state;
	kw_random_init(&random);
	for (int round = 0; round < 200; round++) {
		struct kw_backoff backoff;

		kw_backoff_reset(&backoff);
		for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
			int64_t left;

			kw_backoff_fail(&backoff, &values, now, &random);
			left = kw_backoff_left(&backoff, now);
			assert_in_range(left, expected[i] * 8 / 10, expected[i] * 12 / 10);
			assert_true(left <= 1000);
			assert_int_equal(kw_backoff_left(&backoff, now + left - 1), 1);
			assert_int_equal(kw_backoff_left(&backoff, now + left), 0);
			now += left;
		}
	}
}

static void pauses_differ_between_clients(void **state)
{
	struct kw_settings values = settings(1000, 100000);
	struct kw_random random;
	struct kw_backoff backoff;
	int64_t least = INT64_MAX, most = 0;

	(void)state;
	kw_random_init(&random);
	for (int i = 0; i < 1000; i++) {
		kw_backoff_reset(&backoff);
		kw_backoff_fail(&backoff, &values, 0, &random);
		least = backoff.until_ms < least ? backoff.until_ms : least;
		most = backoff.until_ms > most ? backoff.until_ms : most;
	}
	assert_true(most - least > 200);
}

static void success_starts_over(void **state)
{
	struct kw_settings values = settings(50, 1000);
	struct kw_random random;
	struct kw_backoff backoff;

	(void)state;
	kw_random_init(&random);
	kw_backoff_reset(&backoff);
	for (int i = 0; i < 10; i++)
		kw_backoff_fail(&backoff, &values, 0, &random);
	kw_backoff_reset(&backoff);
	assert_int_equal(kw_backoff_left(&backoff, 0), 0);
	kw_backoff_fail(&backoff, &values, 0, &random);
	assert_in_range(kw_backoff_left(&backoff, 0), 40, 60);
}

static void the_set_up_timeout_grows_with_each_failure_and_resets(void **state)
{
	struct kw_settings values = settings(50, 1000);
	struct kw_random random;
	struct kw_backoff backoff;

	(void)state;
	kw_random_init(&random);
	kw_backoff_reset(&backoff);
	assert_int_equal(kw_backoff_setup_timeout(&backoff, &values, &random), 10000);
	kw_backoff_fail(&backoff, &values, 0, &random);
	assert_in_range(kw_backoff_setup_timeout(&backoff, &values, &random), 16000, 24000);
	for (int i = 0; i < 100; i++)
		kw_backoff_fail(&backoff, &values, 0, &random);
	assert_in_range(kw_backoff_setup_timeout(&backoff, &values, &random), 24000, 30000);
	kw_backoff_reset(&backoff);
	assert_int_equal(kw_backoff_setup_timeout(&backoff, &values, &random), 10000);
}

static void extremes_neither_overflow_nor_pause(void **state)
{
	struct kw_settings none = settings(0, 0), huge = settings(INT32_MAX, INT32_MAX);
	struct kw_settings crossed = settings(1000, 10);
	struct kw_random random;
	struct kw_backoff backoff;

	(void)state;
	kw_random_init(&random);
	kw_backoff_reset(&backoff);
	for (int i = 0; i < 1000; i++) {
		kw_backoff_fail(&backoff, &none, 5, &random);
		assert_int_equal(kw_backoff_left(&backoff, 5), 0);
		kw_backoff_fail(&backoff, &huge, 5, &random);
		assert_in_range(kw_backoff_left(&backoff, 5), 1, INT32_MAX);
		kw_backoff_fail(&backoff, &crossed, 5, &random);
		assert_in_range(kw_backoff_left(&backoff, 5), 1, 10);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fresh_one_lets_dial_at_once),
		cmocka_unit_test(pauses_double_up_to_the_maximum_within_their_jitter),
		cmocka_unit_test(pauses_differ_between_clients),
		cmocka_unit_test(success_starts_over),
		cmocka_unit_test(the_set_up_timeout_grows_with_each_failure_and_resets),
		cmocka_unit_test(extremes_neither_overflow_nor_pause),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
