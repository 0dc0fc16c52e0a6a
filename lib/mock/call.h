/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handing a public function's work to the loop's thread: it packs its
 * arguments and result into a struct that begins with a struct kw_mock_call.
 */
#ifndef KW_MOCK_CALL_H
#define KW_MOCK_CALL_H

#include "../base/clock.h"
#include "cluster.h"

struct kw_mock_call {
	struct kw_mock_task task; /* first */
	struct kwire_mock *mock;
	void (*work)(struct kw_mock_call *call);
	int result;
	struct kwire_error *error;
};

/* Runs `work` on the loop's thread and waits for its result. */
int kw_mock_run(struct kwire_mock *mock, struct kw_mock_call *call,
		void (*work)(struct kw_mock_call *call), struct kwire_error *error);

/* Waits until `task` says that it is done; KWIRE_EINVAL on the loop's own thread. */
int kw_mock_await(struct kwire_mock *mock, struct kw_mock_task *task, int64_t timeout_ms,
		  struct kwire_error *error);

#endif
