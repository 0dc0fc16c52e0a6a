/* SPDX-License-Identifier: Apache-2.0 */
/* See call.h. */
#include "call.h"

#include "../base/error.h"

static bool run_call(struct kw_mock_task *task)
{
	struct kw_mock_call *call = (struct kw_mock_call *)task;

	kw_mock_enter(call->mock);
	call->work(call);
	kw_mock_leave(call->mock);
	return true;
}

int kw_mock_run(struct kwire_mock *mock, struct kw_mock_call *call,
		void (*work)(struct kw_mock_call *call), struct kwire_error *error)
{
	call->task.run = run_call;
	call->mock = mock;
	call->work = work;
	call->result = KWIRE_OK;
	call->error = error;
	kw_mock_loop_call(&mock->loop, &call->task);
	return call->result;
}

int kw_mock_await(struct kwire_mock *mock, struct kw_mock_task *task, int64_t timeout_ms,
		  struct kwire_error *error)
{
	if (kw_mock_loop_inside(&mock->loop))
		return kw_fail(error, KWIRE_EINVAL,
			       "a handler must not wait for the cluster: it is its thread");
	if (!kw_mock_loop_wait(&mock->loop, task, kw_deadline(kw_now_ms(), timeout_ms)))
		return kw_fail(error, KWIRE_ETIMEDOUT, "timed out after %lld ms",
			       (long long)timeout_ms);
	return KWIRE_OK;
}
