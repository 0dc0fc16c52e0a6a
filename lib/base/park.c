/* SPDX-License-Identifier: Apache-2.0 */
/* See park.h.  Condition variables, each with a mutex and a flag of its own. */
#include "park.h"

#include <stdatomic.h>

struct kw_park {
	struct kw_mutex lock;
	struct kw_cond cond;
	bool woken KW_GUARDED_BY(lock);
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
	if (kw_mutex_init(&park->lock, KW_RANK_LEAF) != 0) {
		kw_free(park);
		return NULL;
	}
	if (kw_cond_init(&park->cond) != 0) {
		kw_mutex_fini(&park->lock);
		kw_free(park);
		return NULL;
	}
	atomic_init(&park->references, 1);
	return park;
}

static void destroy(struct kw_park *park)
{
	kw_cond_fini(&park->cond);
	kw_mutex_fini(&park->lock);
	kw_free(park);
}

int kw_park_lot_init(struct kw_park_lot *lot, struct kw_memory *memory) KW_NO_ANALYSIS
{
	lot->memory = memory;
	lot->spare = lot->all = NULL;
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
	bool in_time = true;

	kw_mutex_lock(&park->lock);
	while (!park->woken && in_time)
		in_time = kw_cond_wait(&park->cond, &park->lock, deadline_ms);
	in_time = in_time || park->woken;
	park->woken = false;
	kw_mutex_unlock(&park->lock);
	return in_time;
}

void kw_park_wake(struct kw_park *park)
{
	kw_mutex_lock(&park->lock);
	park->woken = true;
	kw_mutex_unlock(&park->lock);
	/* Signalled outside: the woken thread need not wait for this lock. */
	kw_cond_signal(&park->cond);
}
