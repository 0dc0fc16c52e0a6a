/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests for leaders of partitions.  A partition whose leader the cluster
 * does not name goes to any broker, which answers in the API's own words that
 * there is no such partition, or that it does not lead it.
 */
#include <string.h>

#include "../base/error.h"
#include "client.h"
#include "to_leader.h"

enum {
	UNKNOWN_TOPIC_OR_PARTITION = 3,
	LEADER_NOT_AVAILABLE = 5,
	NOT_LEADER_OR_FOLLOWER = 6,
	REPLICA_NOT_AVAILABLE = 9,
	KAFKA_STORAGE_ERROR = 56,
	LISTENER_NOT_FOUND = 72,
	FENCED_LEADER_EPOCH = 74,
	UNKNOWN_LEADER_EPOCH = 75,
	UNKNOWN_TOPIC_ID = 100,
	INCONSISTENT_TOPIC_ID = 103,
};

enum kw_verdict kw_judge_leader(int16_t code)
{
	switch (code) {
	case LEADER_NOT_AVAILABLE:
	case NOT_LEADER_OR_FOLLOWER:
		return KW_WRONG;
	case UNKNOWN_TOPIC_OR_PARTITION:
	case REPLICA_NOT_AVAILABLE:
	case KAFKA_STORAGE_ERROR:
	case LISTENER_NOT_FOUND:
	case FENCED_LEADER_EPOCH:
	case UNKNOWN_LEADER_EPOCH:
	case UNKNOWN_TOPIC_ID:
	case INCONSISTENT_TOPIC_ID:
		return KW_STALE;
	default:
		return KW_ANSWER;
	}
}

static void ask_about(const struct kw_job *job, const struct kw_leaf *leaf,
		      struct kw_leader_query *query)
{
	memset(query, 0, sizeof(*query));
	query->topic = kw_leaf_key(job, leaf);
	query->id = kw_leaf_topic_id(job, leaf);
	query->partition = kw_leaf_partition(job, leaf);
	query->broker_id = leaf->broker_id;
}

/* Neither name nor id: nothing to look up. */
static bool nameless(const struct kw_leader_query *query)
{
	return query->topic.size <= 0 && kwire_uuid_is_zero(query->id);
}

int kw_find_leaders(struct kw_job *job)
{
	struct kw_leader_query few[4], *queries = few;
	const int32_t only = kw_job_only_broker(job);
	int32_t count = 0;
	int result = 0;

	for (int32_t i = 0; i < job->leaf_count; i++)
		if (!job->leaves[i].done)
			job->leaves[i].broker_id = only;
	if (only >= 0)
		return 0;
	if (job->leaf_count > 4)
		queries = kw_alloc_array(job->client->config->memory, (size_t)job->leaf_count,
					 sizeof(*queries));
	if (queries == NULL)
		return kw_fail_memory(&job->error);
	for (int32_t i = 0; i < job->leaf_count; i++) {
		if (job->leaves[i].done)
			continue;
		ask_about(job, &job->leaves[i], &queries[count]);
		count += !nameless(&queries[count]);
	}
	if (count > 0)
		result = kw_leaders_find(job->client, queries, count, false, job->deadline_ms,
					 &job->error);
	count = 0;
	for (int32_t i = 0; result == 0 && i < job->leaf_count; i++) {
		struct kw_leader_query query;

		if (job->leaves[i].done)
			continue;
		ask_about(job, &job->leaves[i], &query);
		if (nameless(&query))
			continue;
		job->leaves[i].broker_id = queries[count].broker_id;
		/* What the cluster has just denied need not be asked for a second time. */
		if (queries[count].broker_id < 0 &&
		    kw_judge_leader(queries[count].code) == KW_STALE)
			job->leaves[i].again = true;
		count++;
	}
	if (queries != few)
		kw_free(queries);
	return result;
}

void kw_accuse_leader(struct kw_job *job, const struct kw_leaf *leaf, int16_t code)
{
	const uint16_t hint = job->route != NULL ? job->route->response.parts.extra : KW_NONE;
	struct kw_leader_query query;
	int32_t leader[2]; /* id and epoch */

	job->fresh = true;
	ask_about(job, leaf, &query);
	if (nameless(&query))
		return;
	if (code != 0 && hint != KW_NONE && leaf->answer_part != NULL) {
		memcpy(leader, leaf->answer_part + hint, sizeof(leader));
		if (kw_leader_hint(job->client, &query, leader[0], leader[1]))
			return;
	}
	kw_leader_accuse(job->client, &query);
}

const struct kwire_target kwire_to_leader = {
	.divides = true,
	.send = kw_route_pieces,
	.find = kw_find_leaders,
	.judge = kw_judge_leader,
	.accuse = kw_accuse_leader,
};
