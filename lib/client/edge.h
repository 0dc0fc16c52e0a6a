/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The edge of the API: what each public function of a client does first and
 * last.  The deadline is taken here, once; cancellation of the thread waits
 * until the call is over; a child of fork(2) gets no further.
 */
#ifndef KW_EDGE_H
#define KW_EDGE_H

#include "../base/cancel.h"
#include "../base/clock.h"
#include "../base/error.h"
#include "../base/fork.h"
#include "client.h"

struct kw_edge {
	int64_t started_ms;
	int cancel_state;
};

static inline bool kw_client_forked(const struct kwire_client *client)
{
	return client->fork_generation != kw_fork_generation();
}

/* 0, with kw_edge_leave() to follow; else a failure, with nothing to follow. */
static inline int kw_edge_enter(struct kw_edge *edge, const struct kwire_client *client,
				struct kwire_error *error)
{
	edge->started_ms = kw_now_ms();
	edge->cancel_state = PTHREAD_CANCEL_ENABLE;
	if (client == NULL)
		return kw_fail(error, KWIRE_EINVAL, "no client given");
	if (kw_client_forked(client))
		return kw_fail(error, KWIRE_EFORKED,
			       "the client was opened before fork; open one in the child");
	edge->cancel_state = kw_cancel_disable();
	return 0;
}

/* Completes the error of a failed call; returns `result`. */
static inline int kw_edge_leave(const struct kw_edge *edge, int result, struct kwire_error *error)
{
	if (result != 0 && error != NULL)
		error->elapsed_ms = kw_now_ms() - edge->started_ms;
	kw_cancel_restore(edge->cancel_state);
	return result;
}

#endif
