/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a thread waits until another tells it to look again.  A park is lent
 * to one waiting thread at a time by a lot, which keeps it until the lot itself
 * goes: so it may be woken after every lock was dropped, even when the thread
 * has gone on and somebody else waits on it by then.  A wake is therefore a
 * hint: whoever waits tests its own state in a loop.
 *
 * Two forms: condition variables, each with a mutex and a flag; and, on Linux,
 * futexes, on which up to 32 parks of a lot sleep together, told apart by a
 * bit each, so that one system call wakes all whose answers came together.
 */
#ifndef KW_PARK_H
#define KW_PARK_H

#include <stdbool.h>
#include <stdint.h>

#include "futex.h"
#include "lock.h"
#include "memory.h"

struct kw_park;

#if KW_WITH_FUTEX
/* Where parks sleep; the word changes with every wake. */
struct kw_bed {
	atomic_uint word;
	atomic_uint sleepers;
};
enum {
	KW_BEDS = 4, /* beyond 128 parks, bits are shared: some are woken for nothing */
};
#endif

/* The parks of one owner.  As many as threads ever waited at once. */
struct kw_park_lot {
	struct kw_mutex lock;
	struct kw_memory *memory; /* borrowed */
	struct kw_park *spare KW_GUARDED_BY(lock);
	struct kw_park *all KW_GUARDED_BY(lock);
#if KW_WITH_FUTEX
	unsigned made KW_GUARDED_BY(lock);
	struct kw_bed beds[KW_BEDS];
#endif
};

/* Takes a lot of zeroes.  0, or an errno value. */
int kw_park_lot_init(struct kw_park_lot *lot, struct kw_memory *memory);
/* Frees the parks: nobody waits on or wakes one any more. */
void kw_park_lot_fini(struct kw_park_lot *lot);

/* The same in a child of fork(2): destroying a condition would wait for who waits on it. */
void kw_park_lot_abandon(struct kw_park_lot *lot);

/* Lends a park, NULL when out of memory; give it back when no longer waiting. */
struct kw_park *kw_park_borrow(struct kw_park_lot *lot);
void kw_park_return(struct kw_park_lot *lot, struct kw_park *park);

/* A park of nobody's, for one who waits on several owners at once; counted references. */
struct kw_park *kw_park_new(struct kw_memory *memory);
struct kw_park *kw_park_get(struct kw_park *park);
void kw_park_put(struct kw_park *park);

/*
 * Waits until woken, perhaps for no reason, or until the deadline (false).
 * A wake that came before is not lost.  Holds no other lock.
 */
bool kw_park_wait(struct kw_park *park, int64_t deadline_ms);
void kw_park_wake(struct kw_park *const *parks, int count);

#endif
