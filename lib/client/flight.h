/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One look-up at a time: whoever else misses the same cache waits for it to
 * land and looks again.  Used by leaders.c and coordinators.c under their
 * table's lock.
 */
#ifndef KW_FLIGHT_H
#define KW_FLIGHT_H

#include "../base/error.h"
#include "../base/lock.h"

struct kw_flight {
	struct kw_cond landed;
	bool flying;
};

static inline int kw_flight_init(struct kw_flight *flight, struct kwire_error *error)
{
	flight->flying = false;
	if (kw_cond_init(&flight->landed) != 0)
		return kw_fail(error, KWIRE_ELIMIT, "no condition variable to be had");
	return 0;
}

static inline void kw_flight_fini(struct kw_flight *flight)
{
	kw_cond_fini(&flight->landed);
}

enum kw_boarding {
	KW_FLIES,   /* the caller is the one who asks; kw_flight_land() is to follow */
	KW_LANDED,  /* somebody else's landed: look again */
	KW_TOO_LATE /* the deadline has passed */
};

static inline enum kw_boarding kw_flight_board(struct kw_flight *flight, struct kw_mutex *mutex,
					       int64_t deadline_ms)
{
	bool waited = false, in_time = true;

	kw_mutex_lock(mutex);
	while (flight->flying && in_time) {
		waited = true;
		in_time = kw_cond_wait(&flight->landed, mutex, deadline_ms);
	}
	if (!waited)
		flight->flying = true;
	kw_mutex_unlock(mutex);
	return !waited ? KW_FLIES : in_time ? KW_LANDED : KW_TOO_LATE;
}

static inline void kw_flight_land(struct kw_flight *flight, struct kw_mutex *mutex)
{
	kw_mutex_lock(mutex);
	flight->flying = false;
	kw_cond_broadcast(&flight->landed);
	kw_mutex_unlock(mutex);
}

#endif
