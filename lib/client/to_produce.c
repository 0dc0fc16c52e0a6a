/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Produce: leaders, like to_leader.c, and a batch is sent again only where it
 * cannot get into the log twice.
 */
#include <string.h>

#include "../base/error.h"
#include "../records/batch.h"
#include "../records/varint.h"
#include "client.h"
#include "to_leader.h"

enum {
	NOT_LEADER_OR_FOLLOWER = 6,
};

/* Brokers recognise a batch that they have by producer id and sequence. */
static bool sequenced(struct kwire_bytes batch)
{
	return batch.data != NULL && batch.size > KW_BATCH_HEADER &&
	       batch.data[KW_BATCH_MAGIC] == 2 &&
	       (int64_t)kw_load_be64(batch.data + KW_BATCH_PRODUCER_ID) >= 0 &&
	       (int32_t)kw_load_be32(batch.data + KW_BATCH_SEQUENCE) >= 0;
}

/*
 * A refusal proves that nothing was written, but for one: a leader that steps
 * down while it waits for its replicas says NOT_LEADER_OR_FOLLOWER of a batch
 * that its successor may well have.  `code` 0: no answer came.
 */
static enum kw_repeat repeat(const struct kw_job *job, const struct kw_leaf *leaf, int16_t code)
{
	const struct kwire_route *route = job->route;
	struct kwire_bytes batch = {NULL, 0};
	int16_t acks = -1;

	if (route != NULL && route->acks != KW_NONE)
		memcpy(&acks, (const char *)job->request + route->acks, sizeof(acks));
	if (route != NULL && route->records != KW_NONE && leaf->part != NULL)
		memcpy(&batch, leaf->part + route->records, sizeof(batch));
	if (code != 0 && (code != NOT_LEADER_OR_FOLLOWER || acks == 1))
		return KW_REPEAT_SAFE;
	return sequenced(batch) ? KW_REPEAT_RECOGNISED : KW_REPEAT_NEVER;
}

const struct kwire_target kwire_to_produce = {
	.divides = true,
	.send = kw_route_pieces,
	.find = kw_find_leaders,
	.judge = kw_judge_leader,
	.accuse = kw_accuse_leader,
	.repeat = repeat,
};
