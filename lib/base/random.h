/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random numbers for jitter and for spreading load: quick, small, and good for
 * nothing secret.  The owner guards the state.
 */
#ifndef KW_RANDOM_H
#define KW_RANDOM_H

#include <stdint.h>

struct kw_random {
	uint64_t state;
};

/* Seeded from the clock, the process and the place of `random` itself. */
void kw_random_init(struct kw_random *random);

uint32_t kw_random_next(struct kw_random *random);

/* `value` changed by up to `percent` percent, up or down. */
int64_t kw_random_jitter(struct kw_random *random, int64_t value, int percent);

#endif
