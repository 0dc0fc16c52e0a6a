/* SPDX-License-Identifier: Apache-2.0 */
/* See futex.h. */
#include "futex.h"

#if KW_WITH_FUTEX

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <unistd.h>

#include "clock.h"

/* The kernel's numbers, private to the process: musl's compiler comes without its headers. */
enum {
	WAIT_BITSET = 9 | 128,
	WAKE_BITSET = 10 | 128,
};

bool kw_futex_wait(atomic_uint *word, unsigned seen, unsigned bits, int64_t deadline_ms)
{
	const struct timespec at = kw_timespec(deadline_ms);
	const long until[2] = {(long)at.tv_sec, at.tv_nsec};

	return syscall(SYS_futex, word, WAIT_BITSET, seen, deadline_ms == KW_NEVER ? NULL : until,
		       NULL, bits) == 0 ||
	       errno != ETIMEDOUT;
}

void kw_futex_wake(atomic_uint *word, unsigned bits)
{
	syscall(SYS_futex, word, WAKE_BITSET, INT_MAX, NULL, NULL, bits);
}

#else
typedef int kw_no_futex; /* a file needs something in it */
#endif
