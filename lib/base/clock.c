/* SPDX-License-Identifier: Apache-2.0 */
/* See clock.h. */
#include "clock.h"

#include <limits.h>

int64_t kw_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t kw_now_ms(void)
{
	return kw_now_us() / 1000;
}

int64_t kw_deadline(int64_t now_ms, int64_t timeout_ms)
{
	if (timeout_ms < 0 || timeout_ms > KW_NEVER - now_ms)
		return KW_NEVER;
	return now_ms + timeout_ms;
}

int64_t kw_remaining(int64_t deadline_ms, int64_t now_ms)
{
	if (deadline_ms == KW_NEVER)
		return KW_NEVER;
	return deadline_ms > now_ms ? deadline_ms - now_ms : 0;
}

int kw_poll_timeout(int64_t deadline_ms, int64_t now_ms)
{
	int64_t left = kw_remaining(deadline_ms, now_ms);

	if (left == KW_NEVER)
		return -1;
	return left > INT_MAX ? INT_MAX : (int)left;
}

struct timespec kw_timespec(int64_t deadline_ms)
{
	/* Far enough to be never, near enough for a 32-bit time_t. */
	const int64_t far_s = INT32_MAX - 1;
	struct timespec time;
	int64_t seconds;

	if (deadline_ms < 0)
		deadline_ms = 0;
	seconds = deadline_ms / 1000;
	time.tv_sec = (time_t)(seconds > far_s ? far_s : seconds);
	time.tv_nsec = (long)(deadline_ms % 1000) * 1000000;
	return time;
}
