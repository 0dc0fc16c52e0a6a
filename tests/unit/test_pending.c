/* SPDX-License-Identifier: Apache-2.0 */
/* The ring of pending requests: ids, collisions, tombstones, growth, wrapping. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "connection/pending.h"

static struct kwire_call *const somebody = (struct kwire_call *)0x10;

static void ring_init(struct kw_pending *pending, uint32_t capacity, int32_t first)
{
	kw_pending_init(pending, calloc(capacity, sizeof(struct kw_slot)), capacity, first);
}

static void grow(struct kw_pending *pending)
{
	free(kw_pending_grow(pending, calloc(pending->capacity * 2, sizeof(struct kw_slot)),
			     pending->capacity * 2));
}

static void ids_are_handed_out_in_order(void **state)
{
	struct kw_pending pending;

	(void)state;
	ring_init(&pending, 16, 5);
	for (int32_t id = 5; id < 15; id++)
		assert_int_equal(kw_pending_add(&pending, somebody)->id, id);
	assert_int_equal(pending.used, 10);
	assert_int_equal(kw_pending_find(&pending, 7)->id, 7);
	assert_null(kw_pending_find(&pending, 4));
	assert_null(kw_pending_find(&pending, 7 + 16));
	free(pending.slots);
}

static void an_id_whose_slot_is_taken_is_skipped(void **state)
{
	struct kw_pending pending;
	struct kw_slot *slot;

	(void)state;
	ring_init(&pending, 16, 0);
	kw_pending_abandon(&pending, kw_pending_add(&pending, somebody));
	for (int32_t turn = 0; turn < 100; turn++) {
		slot = kw_pending_add(&pending, somebody);
		assert_int_not_equal(slot->id % 16, 0);
		kw_pending_remove(&pending, slot);
	}
	/* One that is never answered does not make it grow. */
	assert_int_equal(pending.capacity, 16);
	assert_false(kw_pending_is_crowded(&pending));
	assert_int_equal(pending.used, 1);
	assert_int_equal(pending.tombstones, 1);
	assert_int_equal(kw_pending_oldest(&pending)->id, 0);
	kw_pending_remove(&pending, kw_pending_find(&pending, 0));
	assert_int_equal(pending.tombstones, 0);
	assert_null(kw_pending_oldest(&pending));
	free(pending.slots);
}

static void growing_keeps_everything(void **state)
{
	struct kw_pending pending;

	(void)state;
	ring_init(&pending, 16, 0);
	for (int i = 0; i < 10000; i++) {
		while (kw_pending_is_crowded(&pending))
			grow(&pending);
		(void)kw_pending_add(&pending, somebody);
		if (i % 3 == 0)
			kw_pending_abandon(&pending,
					   kw_pending_find(&pending, pending.next_id - 1));
	}
	assert_int_equal(pending.used, 10000);
	assert_true(pending.capacity <= 32768);
	for (int32_t id = 0; id < pending.next_id; id++) {
		struct kw_slot *slot = kw_pending_find(&pending, id);

		assert_non_null(slot);
		assert_int_equal(kw_pending_oldest(&pending)->id, id);
		kw_pending_remove(&pending, slot);
	}
	assert_int_equal(pending.used, 0);
	assert_int_equal(pending.tombstones, 0);
	free(pending.slots);
}

static void what_was_issued_is_known(void **state)
{
	struct kw_pending pending;

	(void)state;
	ring_init(&pending, 16, 3);
	assert_int_equal(kw_pending_issue(&pending), 3);
	assert_int_equal(kw_pending_add(&pending, somebody)->id, 4);
	assert_true(kw_pending_was_issued(&pending, 3));
	assert_true(kw_pending_was_issued(&pending, 4));
	assert_false(kw_pending_was_issued(&pending, 5));
	assert_false(kw_pending_was_issued(&pending, -1));
	assert_false(kw_pending_was_issued(&pending, INT32_MAX));
	free(pending.slots);
}

static void an_id_that_was_skipped_was_not_issued(void **state)
{
	struct kw_pending pending;
	struct kw_slot *stuck;

	(void)state;
	ring_init(&pending, 16, 0);
	stuck = kw_pending_add(&pending, somebody);
	for (int32_t id = 1; id < 16; id++)
		kw_pending_remove(&pending, kw_pending_add(&pending, somebody));
	/* The next would be 16, whose slot is taken: also for one that needs none. */
	assert_int_equal(kw_pending_issue(&pending), 17);
	assert_int_equal(kw_pending_add(&pending, somebody)->id, 18);
	assert_true(kw_pending_was_issued(&pending, 0));
	assert_true(kw_pending_was_issued(&pending, 15));
	assert_false(kw_pending_was_issued(&pending, 16));
	assert_true(kw_pending_was_issued(&pending, 17));
	assert_true(kw_pending_was_issued(&pending, 18));
	kw_pending_remove(&pending, stuck);
	assert_false(kw_pending_was_issued(&pending, 16));
	grow(&pending);
	assert_true(kw_pending_was_issued(&pending, 0));
	assert_true(kw_pending_was_issued(&pending, 17));
	free(pending.slots);
}

static void ids_wrap_below_those_of_logins(void **state)
{
	struct kw_pending pending;

	(void)state;
	ring_init(&pending, 16, KW_PENDING_LAST_ID - 1);
	assert_int_equal(kw_pending_add(&pending, somebody)->id, KW_PENDING_LAST_ID - 1);
	assert_int_equal(kw_pending_add(&pending, somebody)->id, KW_PENDING_LAST_ID);
	assert_int_equal(kw_pending_add(&pending, somebody)->id, 0);
	assert_int_equal(kw_pending_oldest(&pending)->id, KW_PENDING_LAST_ID - 1);
	kw_pending_remove(&pending, kw_pending_find(&pending, KW_PENDING_LAST_ID - 1));
	kw_pending_remove(&pending, kw_pending_find(&pending, KW_PENDING_LAST_ID));
	assert_int_equal(kw_pending_oldest(&pending)->id, 0);
	assert_true(kw_pending_was_issued(&pending, KW_PENDING_LAST_ID));
	assert_true(kw_pending_was_issued(&pending, 12345));
	free(pending.slots);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_are_handed_out_in_order),
		cmocka_unit_test(an_id_whose_slot_is_taken_is_skipped),
		cmocka_unit_test(growing_keeps_everything),
		cmocka_unit_test(what_was_issued_is_known),
		cmocka_unit_test(an_id_that_was_skipped_was_not_issued),
		cmocka_unit_test(ids_wrap_below_those_of_logins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
