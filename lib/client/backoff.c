/* SPDX-License-Identifier: Apache-2.0 */
/* See backoff.h. */
#include "backoff.h"

/* base * 2^doublings with jitter, at most max; a maximum below the base wins. */
static int64_t grown(int64_t base, int64_t max, int doublings, struct kw_random *random)
{
	int64_t value = base;

	while (doublings-- > 0 && value < max)
		value *= 2; /* both are within int: no overflow */
	if (value > max)
		value = max;
	value = kw_random_jitter(random, value, KW_BACKOFF_JITTER_PERCENT);
	return value > max ? max : value;
}

void kw_backoff_reset(struct kw_backoff *backoff)
{
	backoff->failures = 0;
	backoff->until_ms = 0;
}

void kw_backoff_fail(struct kw_backoff *backoff, const struct kw_settings *settings, int64_t now_ms,
		     struct kw_random *random)
{
	int64_t pause = grown(settings->reconnect_backoff_ms, settings->reconnect_backoff_max_ms,
			      backoff->failures, random);

	backoff->until_ms = now_ms + pause;
	if (backoff->failures < 62)
		backoff->failures++;
}

int64_t kw_backoff_left(const struct kw_backoff *backoff, int64_t now_ms)
{
	return backoff->until_ms > now_ms ? backoff->until_ms - now_ms : 0;
}

int64_t kw_backoff_setup_timeout(const struct kw_backoff *backoff,
				 const struct kw_settings *settings, struct kw_random *random)
{
	/* The first attempt has exactly what was asked for. */
	if (backoff->failures == 0)
		return settings->connection_setup_timeout_ms;
	return grown(settings->connection_setup_timeout_ms,
		     settings->connection_setup_timeout_max_ms, backoff->failures, random);
}
