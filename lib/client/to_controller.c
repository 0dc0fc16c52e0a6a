/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests for the controller.  Brokers of a KRaft cluster pass them on, and
 * its metadata names any of them; those of a ZooKeeper cluster answer
 * NOT_CONTROLLER.
 */
#include "client.h"
#include "job.h"

enum {
	NOT_CONTROLLER = 41,
};

static int find(struct kw_job *job)
{
	struct kw_metadata *metadata = &job->client->metadata;
	struct kw_leaf *leaf = &job->leaves[0];
	int result = 0;

	leaf->broker_id = kw_job_only_broker(job);
	if (leaf->broker_id >= 0)
		return 0;
	leaf->broker_id = kw_metadata_controller(metadata);
	if (leaf->broker_id < 0) {
		result = kw_metadata_refresh(job->client, job->deadline_ms, &job->error);
		leaf->broker_id = kw_metadata_controller(metadata);
	}
	/* Where there is none just now, any broker says so. */
	if (result != 0)
		job->error.outcome = KWIRE_NOT_SENT;
	return result;
}

static void accuse(struct kw_job *job, const struct kw_leaf *leaf, int16_t code)
{
	(void)code;
	job->fresh = true;
	kw_metadata_accuse_controller(&job->client->metadata, leaf->broker_id);
}

static enum kw_verdict judge(int16_t code)
{
	return code == NOT_CONTROLLER ? KW_WRONG : KW_ANSWER;
}

const struct kwire_target kwire_to_controller = {
	.send = kw_route_whole,
	.find = find,
	.judge = judge,
	.accuse = accuse,
};
