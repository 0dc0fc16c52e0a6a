/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that ended, kept with their frame's buffer and their park for the next
 * ones, so that steady traffic allocates nothing but responses.  As many as
 * were under way at once, within bounds; a burst's are freed when it is over.
 * Embedded in the connection; nobody ever waits for its lock: who does not get
 * it at once allocates, or frees.
 */
#ifndef KW_SPARE_H
#define KW_SPARE_H

#include "../base/lock.h"

struct kwire_call;

struct kw_spares {
	struct kw_mutex lock;
	struct kwire_call *first KW_GUARDED_BY(lock); /* linked by `next` */
	int count KW_GUARDED_BY(lock);
	size_t bytes KW_GUARDED_BY(lock);
};

/* 0, or an errno value. */
int kw_spares_init(struct kw_spares *spares);
/* Frees them; nobody else is here. */
void kw_spares_fini(struct kw_spares *spares);
/* The same in a child of fork(2): the lock and the parks are not touched. */
void kw_spares_abandon(struct kw_spares *spares);

/* One, or NULL. */
struct kwire_call *kw_spares_take(struct kw_spares *spares);
/* Keeps one that has been reset; false: there are enough. */
bool kw_spares_give(struct kw_spares *spares, struct kwire_call *call);
/* Frees what is more than a quiet connection needs. */
void kw_spares_trim(struct kw_spares *spares);

#endif
