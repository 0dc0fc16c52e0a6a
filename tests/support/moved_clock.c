/* SPDX-License-Identifier: Apache-2.0 */
/* See moved_clock.h; TEST_LDFLAGS in the Makefile names what is wrapped. */
#include "moved_clock.h"

#include <stdatomic.h>
#include <stdbool.h>

#include "base/clock.h"
#include "base/futex.h"
#include "base/lock.h"

int64_t __real_kw_now_us(void);
bool __real_kw_cond_wait(struct kw_cond *cond, struct kw_mutex *mutex, int64_t deadline_ms);
int __real_kw_poll_timeout(int64_t deadline_ms, int64_t now_ms);
int64_t __wrap_kw_now_us(void);
int64_t __wrap_kw_now_ms(void);
bool __wrap_kw_cond_wait(struct kw_cond *cond, struct kw_mutex *mutex, int64_t deadline_ms);
int __wrap_kw_poll_timeout(int64_t deadline_ms, int64_t now_ms);

static atomic_bool held;
static _Atomic int64_t held_us; /* what the clock says while it is held */
static _Atomic int64_t waits;
static _Atomic int64_t ahead_us; /* of the real one, when it runs */

void test_clock_hold(void)
{
	atomic_store(&held_us, __wrap_kw_now_us());
	atomic_store(&held, true);
}

void test_clock_move(int64_t ms)
{
	atomic_fetch_add(&held_us, ms * 1000);
}

void test_clock_release(void)
{
	int64_t real_us = __real_kw_now_us();

	if (atomic_load(&held))
		atomic_store(&ahead_us, atomic_load(&held_us) - real_us);
	atomic_store(&held, false);
}

int64_t test_clock_waits(void)
{
	return atomic_load(&waits);
}

int64_t test_real_ms(void)
{
	return __real_kw_now_us() / 1000;
}

int64_t __wrap_kw_now_us(void)
{
	if (atomic_load(&held))
		return atomic_load(&held_us);
	return __real_kw_now_us() + atomic_load(&ahead_us);
}

int64_t __wrap_kw_now_ms(void)
{
	return __wrap_kw_now_us() / 1000;
}

bool __wrap_kw_cond_wait(struct kw_cond *cond, struct kw_mutex *mutex, int64_t deadline_ms)
{
	int64_t real_ms = test_real_ms(), now_ms = __wrap_kw_now_ms();

	atomic_fetch_add(&waits, 1);
	if (deadline_ms == KW_NEVER)
		return __real_kw_cond_wait(cond, mutex, KW_NEVER);
	if (!atomic_load(&held))
		return __real_kw_cond_wait(cond, mutex, real_ms + (deadline_ms - now_ms));
	if (now_ms >= deadline_ms)
		return false;
	/* To be woken for nothing is what every waiter has to expect. */
	(void)__real_kw_cond_wait(cond, mutex, real_ms + 1);
	return __wrap_kw_now_ms() < deadline_ms;
}

#if KW_WITH_FUTEX
bool __real_kw_futex_wait(atomic_uint *word, unsigned seen, unsigned bits, int64_t deadline_ms);
bool __wrap_kw_futex_wait(atomic_uint *word, unsigned seen, unsigned bits, int64_t deadline_ms);

bool __wrap_kw_futex_wait(atomic_uint *word, unsigned seen, unsigned bits, int64_t deadline_ms)
{
	int64_t real_ms = test_real_ms(), now_ms = __wrap_kw_now_ms();

	atomic_fetch_add(&waits, 1);
	if (deadline_ms == KW_NEVER)
		return __real_kw_futex_wait(word, seen, bits, KW_NEVER);
	if (!atomic_load(&held))
		return __real_kw_futex_wait(word, seen, bits, real_ms + (deadline_ms - now_ms));
	if (now_ms >= deadline_ms)
		return false;
	(void)__real_kw_futex_wait(word, seen, bits, real_ms + 1);
	return __wrap_kw_now_ms() < deadline_ms;
}
#endif

int __wrap_kw_poll_timeout(int64_t deadline_ms, int64_t now_ms)
{
	int timeout = __real_kw_poll_timeout(deadline_ms, now_ms);

	atomic_fetch_add(&waits, 1);
	return atomic_load(&held) && timeout > 1 ? 1 : timeout;
}
