/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A clock that the test moves.  Test programs are linked so that kwire's own
 * clock and everything that waits by it (lib/base/clock.h, lib/base/lock.h)
 * come through here: the client's side and the mock cluster's alike.  Until
 * test_clock_hold() it is the real one.  While it is held, who waits for a
 * deadline looks at the clock again every millisecond of real time.
 */
#ifndef TEST_MOVED_CLOCK_H
#define TEST_MOVED_CLOCK_H

#include <stdint.h>

/* Time stands still. */
void test_clock_hold(void);

/* Moves it on. */
void test_clock_move(int64_t ms);

/* It runs again, from where it stands. */
void test_clock_release(void);

/* How often anybody began to wait, or would have if nothing had been there yet. */
int64_t test_clock_waits(void);

/* Milliseconds of the real monotonic clock, for guards. */
int64_t test_real_ms(void);

#endif
