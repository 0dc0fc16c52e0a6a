/* SPDX-License-Identifier: Apache-2.0 */
/* See futex.h. */
#include "futex.h"

#if KW_WITH_FUTEX

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <linux/futex.h>
#include <unistd.h>

#include "clock.h"

bool kw_futex_wait(atomic_uint *word, unsigned seen, unsigned bits, int64_t deadline_ms)
{
	/* The clock began when the system did, so its seconds fit. */
	const long until[2] = {(long)(deadline_ms / 1000), (long)(deadline_ms % 1000) * 1000000};

	return syscall(SYS_futex, word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, seen,
		       deadline_ms == KW_NEVER ? NULL : until, NULL, bits) == 0 ||
	       errno != ETIMEDOUT;
}

void kw_futex_wake(atomic_uint *word, unsigned bits)
{
	syscall(SYS_futex, word, FUTEX_WAKE_BITSET | FUTEX_PRIVATE_FLAG, INT_MAX, NULL, NULL, bits);
}

#else
typedef int kw_no_futex; /* a file needs something in it */
#endif
