/* SPDX-License-Identifier: Apache-2.0 */
/* See park.h.  The two forms first, then what they have in common. */
#include "park.h"

#include <stdatomic.h>

#if KW_WITH_FUTEX

/* How a park sleeps. */
struct sleep {
	atomic_bool woken;
	unsigned bit; /* of the bed's word */
	struct kw_bed *bed;
	struct kw_bed own; /* of a park of nobody's */
};

static bool sleep_init(struct sleep *sleep)
{
	sleep->bed = &sleep->own;
	sleep->bit = 1;
	return true;
}

static void sleep_fini(struct sleep *sleep)
{
	(void)sleep;
}

/* The lot's lock is held. */
static void share_bed(struct kw_park_lot *lot, struct sleep *sleep)
{
	sleep->bed = &lot->beds[lot->made / 32 % KW_BEDS];
	sleep->bit = 1U << lot->made % 32;
	lot->made++;
}

/*
 * Whoever sleeps is counted before he looks whether he was woken, and whoever
 * wakes says so before he looks whether anybody sleeps: one sees the other.
 */
static bool sleep_until(struct sleep *sleep, int64_t deadline_ms)
{
	struct kw_bed *bed = sleep->bed;
	bool in_time = true, woken;
	unsigned seen;

	atomic_fetch_add(&bed->sleepers, 1);
	for (;;) {
		seen = atomic_load(&bed->word);
		woken = atomic_exchange(&sleep->woken, false);
		if (woken || !in_time)
			break;
		in_time = kw_futex_wait(&bed->word, seen, sleep->bit, deadline_ms);
	}
	atomic_fetch_sub(&bed->sleepers, 1);
	return woken;
}

#else

/* How a park sleeps. */
struct sleep {
	struct kw_mutex lock;
	struct kw_cond cond;
	bool woken KW_GUARDED_BY(lock);
};

static bool sleep_init(struct sleep *sleep) KW_NO_ANALYSIS
{
	sleep->woken = false;
	if (kw_mutex_init(&sleep->lock, KW_RANK_LEAF) != 0)
		return false;
	if (kw_cond_init(&sleep->cond) == 0)
		return true;
	kw_mutex_fini(&sleep->lock);
	return false;
}

static void sleep_fini(struct sleep *sleep)
{
	kw_cond_fini(&sleep->cond);
	kw_mutex_fini(&sleep->lock);
}

static void share_bed(struct kw_park_lot *lot, struct sleep *sleep)
{
	(void)lot, (void)sleep;
}

static bool sleep_until(struct sleep *sleep, int64_t deadline_ms)
{
	bool in_time = true, woken;

	kw_mutex_lock(&sleep->lock);
	while (!sleep->woken && in_time)
		in_time = kw_cond_wait(&sleep->cond, &sleep->lock, deadline_ms);
	woken = sleep->woken;
	sleep->woken = false;
	kw_mutex_unlock(&sleep->lock);
	return woken;
}

#endif

struct kw_park {
	struct sleep sleep;
	bool counted;             /* stands by itself: see kw_park_new() */
	atomic_uint references;   /* of one that does */
	struct kw_park *spare;    /* next in the lot's spare list */
	struct kw_park *next_all; /* next of all that the lot has */
};

static struct kw_park *make(struct kw_memory *memory)
{
	struct kw_park *park = kw_zalloc(memory, sizeof(*park));

	if (park == NULL)
		return NULL;
	if (!sleep_init(&park->sleep)) {
		kw_free(park);
		return NULL;
	}
	atomic_init(&park->references, 1);
	return park;
}

static void destroy(struct kw_park *park)
{
	sleep_fini(&park->sleep);
	kw_free(park);
}

int kw_park_lot_init(struct kw_park_lot *lot, struct kw_memory *memory) KW_NO_ANALYSIS
{
	lot->memory = memory;
	return kw_mutex_init(&lot->lock, KW_RANK_LEAF);
}

void kw_park_lot_fini(struct kw_park_lot *lot) KW_NO_ANALYSIS
{
	struct kw_park *next;

	for (struct kw_park *park = lot->all; park != NULL; park = next) {
		next = park->next_all;
		destroy(park);
	}
	lot->all = lot->spare = NULL;
	kw_mutex_fini(&lot->lock);
}

void kw_park_lot_abandon(struct kw_park_lot *lot) KW_NO_ANALYSIS
{
	struct kw_park *next;

	for (struct kw_park *park = lot->all; park != NULL; park = next) {
		next = park->next_all;
		kw_free(park);
	}
	lot->all = lot->spare = NULL;
}

struct kw_park *kw_park_borrow(struct kw_park_lot *lot)
{
	struct kw_park *park;

	kw_mutex_lock(&lot->lock);
	park = lot->spare;
	if (park != NULL)
		lot->spare = park->spare;
	kw_mutex_unlock(&lot->lock);
	if (park != NULL)
		return park;
	park = make(lot->memory);
	if (park == NULL)
		return NULL;
	kw_mutex_lock(&lot->lock);
	share_bed(lot, &park->sleep);
	park->next_all = lot->all;
	lot->all = park;
	kw_mutex_unlock(&lot->lock);
	return park;
}

void kw_park_return(struct kw_park_lot *lot, struct kw_park *park)
{
	kw_mutex_lock(&lot->lock);
	park->spare = lot->spare;
	lot->spare = park;
	kw_mutex_unlock(&lot->lock);
}

struct kw_park *kw_park_new(struct kw_memory *memory)
{
	struct kw_park *park = make(memory);

	if (park != NULL)
		park->counted = true;
	return park;
}

struct kw_park *kw_park_get(struct kw_park *park)
{
	if (park->counted)
		atomic_fetch_add_explicit(&park->references, 1, memory_order_relaxed);
	return park;
}

void kw_park_put(struct kw_park *park)
{
	if (park->counted &&
	    atomic_fetch_sub_explicit(&park->references, 1, memory_order_acq_rel) == 1)
		destroy(park);
}

bool kw_park_wait(struct kw_park *park, int64_t deadline_ms)
{
	return sleep_until(&park->sleep, deadline_ms);
}

#if KW_WITH_FUTEX

void kw_park_wake(struct kw_park *const *parks, int count)
{
	struct kw_bed *bed;
	unsigned bits;

	for (int i = 0; i < count; i++)
		atomic_store(&parks[i]->sleep.woken, true);
	for (int i = 0; i < count;) {
		bed = parks[i]->sleep.bed;
		for (bits = 0; i < count && parks[i]->sleep.bed == bed; i++)
			bits |= parks[i]->sleep.bit;
		atomic_fetch_add(&bed->word, 1);
		if (atomic_load(&bed->sleepers) > 0)
			kw_futex_wake(&bed->word, bits);
	}
}

#else

void kw_park_wake(struct kw_park *const *parks, int count)
{
	for (int i = 0; i < count; i++) {
		struct sleep *sleep = &parks[i]->sleep;

		kw_mutex_lock(&sleep->lock);
		sleep->woken = true;
		kw_mutex_unlock(&sleep->lock);
		/* Signalled outside: the woken thread need not wait for this lock. */
		kw_cond_signal(&sleep->cond);
	}
}

#endif
