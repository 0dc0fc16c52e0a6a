/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a broker may be dialled again, and how long setting up may take: both
 * grow with each failure in a row, with jitter.  A state machine without I/O
 * or clock: `now_ms` and random numbers are arguments.  The pool keeps one for
 * each broker, under its lock.
 */
#ifndef KW_BACKOFF_H
#define KW_BACKOFF_H

#include "../base/random.h"
#include "../config/config.h"

enum {
	KW_BACKOFF_JITTER_PERCENT = 20
};

struct kw_backoff {
	int failures;     /* in a row */
	int64_t until_ms; /* no dial before this */
};

/* Dialling may start at once, with the first set-up timeout. */
void kw_backoff_reset(struct kw_backoff *backoff);

/* An attempt failed: the pause that follows is counted from `now_ms`. */
void kw_backoff_fail(struct kw_backoff *backoff, const struct kw_settings *settings, int64_t now_ms,
		     struct kw_random *random);

/* Milliseconds until the next dial; 0: now. */
int64_t kw_backoff_left(const struct kw_backoff *backoff, int64_t now_ms);

/* How long the next attempt may take. */
int64_t kw_backoff_setup_timeout(const struct kw_backoff *backoff,
				 const struct kw_settings *settings, struct kw_random *random);

#endif
