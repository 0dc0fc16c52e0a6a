/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time.  Inside the library there is one clock, monotonic, in milliseconds,
 * and one form of timeout: the absolute deadline, taken once at the API's edge.
 */
#ifndef KW_CLOCK_H
#define KW_CLOCK_H

#include <stdint.h>
#include <time.h>

#define KW_NEVER INT64_MAX

/* Milliseconds, and microseconds, on the monotonic clock. */
int64_t kw_now_ms(void);
int64_t kw_now_us(void);

/* now + timeout_ms without overflow; a negative timeout is KW_NEVER. */
int64_t kw_deadline(int64_t now_ms, int64_t timeout_ms);

/* What is left until `deadline_ms`, never negative; KW_NEVER stays KW_NEVER. */
int64_t kw_remaining(int64_t deadline_ms, int64_t now_ms);

/* For poll(2): -1 for never, else rounded into int range. */
int kw_poll_timeout(int64_t deadline_ms, int64_t now_ms);

/* The deadline as an absolute CLOCK_MONOTONIC time. */
struct timespec kw_timespec(int64_t deadline_ms);

#endif
