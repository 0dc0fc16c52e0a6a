/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kwire_start(): a request finds its broker, and its answer is the caller's to
 * judge.  Links all the targets, as kwire_send() does.
 */
#include <string.h>

#include "../base/error.h"
#include "client.h"
#include "edge.h"
#include "job.h"
#include "targets.h"

/* The one broker that the request is for. */
static int find(struct kw_job *job, int32_t *broker_id)
{
	const struct kwire_target *target = job->target;
	int result = 0;

	*broker_id = -1;
	if (target->find == NULL)
		return target == &kwire_to_any ? 0 : target->send(job);
	if (target->open != NULL)
		result = target->open(job);
	else if (target->divides)
		result = kw_leaves_new(job);
	else
		kw_leaves_whole(job);
	if (result == 0)
		result = target->find(job);
	if (result == 0)
		*broker_id = job->leaves[0].broker_id;
	for (int32_t i = 1; result == 0 && i < job->leaf_count; i++)
		if (job->leaves[i].broker_id != *broker_id)
			result = kw_fail(
				&job->error, KWIRE_EINVAL,
				"%s here concerns several brokers, and a started call goes "
				"to one: divide it, name one, or use kwire_send()",
				job->api->name);
	return result;
}

int kwire_start(struct kwire_client *client, const struct kwire_api *api, const void *request,
		const struct kwire_send_options *options, struct kwire_call **call,
		struct kwire_error *error)
{
	struct kw_edge edge;
	struct kw_job job;
	int32_t broker_id;
	int result;

	if (call == NULL)
		return kw_fail(error, KWIRE_EINVAL, "no place for the call given");
	result = kw_job_begin(&job, &edge, kw_target_of(api), client, api, request, options, error);
	if (result != 0)
		return result;
	broker_id = job.options.broker_id;
	job.leaves = job.few;
	if (broker_id < 0)
		result = find(&job, &broker_id);
	if (result == 0)
		result = kw_job_send(&job, broker_id, request, NULL, call, &job.error);
	kw_leaves_free(&job);
	return kw_job_end(&job, &edge, result, error);
}
