/* SPDX-License-Identifier: Apache-2.0 */
/* Requests for any broker, and for one that the caller has to name. */
#include "../base/error.h"
#include "job.h"

static int send_to_any(struct kw_job *job)
{
	return kw_job_send(job, -1, job->request, &job->response, NULL, &job->error);
}

const struct kwire_target kwire_to_any = {.send = send_to_any};

static int refuse(struct kw_job *job)
{
	return kw_fail(&job->error, KWIRE_EINVAL,
		       "%s is for one certain broker: name it in broker_id of the options",
		       job->api->name);
}

const struct kwire_target kwire_to_broker = {.send = refuse};
