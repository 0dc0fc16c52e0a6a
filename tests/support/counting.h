/* SPDX-License-Identifier: Apache-2.0 */
/* An allocator that counts, and that can be told to fail, for tests: any thread. */
#ifndef TESTS_COUNTING_H
#define TESTS_COUNTING_H

#include <kwire/config.h>

struct counting {
	struct kwire_allocator allocator;
	long calls; /* allocations and reallocations so far */
	long live;  /* blocks */
	size_t bytes;
	size_t peak_bytes;
	long fail_at; /* the call that fails, from 1; 0: none */
};

void counting_init(struct counting *counting);

#endif
