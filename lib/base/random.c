/* SPDX-License-Identifier: Apache-2.0 */
/* See random.h.  The generator is splitmix64 (Steele, Lea and Flood, 2014). */
#include "random.h"

#include <unistd.h>

#include "clock.h"

void kw_random_init(struct kw_random *random)
{
	random->state = (uint64_t)kw_now_us() ^ (uint64_t)getpid() << 40 ^
			(uint64_t)(uintptr_t)random << 8;
}

uint32_t kw_random_next(struct kw_random *random)
{
	uint64_t mixed;

	random->state += 0x9E3779B97F4A7C15U;
	mixed = random->state;
	mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9U;
	mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EBU;
	return (uint32_t)(mixed >> 32);
}

int64_t kw_random_jitter(struct kw_random *random, int64_t value, int percent)
{
	int64_t spread = value / 100 * percent + value % 100 * percent / 100;

	if (spread <= 0)
		return value;
	return value - spread + (int64_t)(kw_random_next(random) % (uint64_t)(2 * spread + 1));
}
