/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests for the coordinator of a group or transaction that they name; see
 * coordinators.h.  What FindCoordinator refuses for another reason than that
 * there is none just now (a group that may not be read) any broker refuses,
 * too, in the API's own words: so it goes to any.
 */
#include <string.h>

#include "../base/error.h"
#include "client.h"
#include "coordinators.h"
#include "to_coordinator.h"

enum {
	COORDINATOR_LOAD_IN_PROGRESS = 14,
	COORDINATOR_NOT_AVAILABLE = 15,
	NOT_COORDINATOR = 16,
};

enum kw_verdict kw_judge_coordinator(int16_t code)
{
	switch (code) {
	case COORDINATOR_LOAD_IN_PROGRESS:
		return KW_LATER;
	case COORDINATOR_NOT_AVAILABLE:
	case NOT_COORDINATOR:
		return KW_WRONG;
	default:
		return KW_ANSWER;
	}
}

int kw_find_coordinators(struct kw_job *job, enum kw_coordinator_type type,
			 struct kw_coordinator_query *queries, int32_t count)
{
	static const char *const kinds[] = {"group", "transactional id", "share-group state"};
	struct kwire_kafka_error kafka;
	int result;

	result = kw_coordinators_find(job->client, type, queries, count, job->deadline_ms,
				      &job->error);
	if (result != 0)
		return result;
	for (int32_t i = 0; i < count; i++) {
		if (queries[i].broker_id >= 0 || kw_judge_coordinator(queries[i].code) == KW_ANSWER)
			continue;
		kafka = kwire_kafka_error(queries[i].code);
		kw_fail(&job->error, KWIRE_EKAFKA, "no coordinator of %s %.*s: %s (%d)",
			kinds[type], queries[i].key.size > 200 ? 200 : (int)queries[i].key.size,
			queries[i].key.data, kafka.name, (int)kafka.code);
		job->error.kafka_code = kafka.code;
		job->error.retriable = true;
		result = KWIRE_EKAFKA;
	}
	return result;
}

static int find(struct kw_job *job, enum kw_coordinator_type type)
{
	struct kw_leaf *leaf = &job->leaves[0];
	struct kw_coordinator_query query = {.key = kw_whole_key(job), .broker_id = -1};
	int result;

	leaf->broker_id = kw_job_only_broker(job);
	if (leaf->broker_id >= 0)
		return 0;
	if (query.key.data == NULL) {
		if (job->route != NULL && (job->route->flags & KW_ROUTE_OPTIONAL) != 0)
			return 0;
		return kw_fail(&job->error, KWIRE_EINVAL,
			       "%s names nothing that has a coordinator: give target_key",
			       job->api->name);
	}
	result = kw_find_coordinators(job, type, &query, 1);
	leaf->broker_id = query.broker_id;
	return result;
}

static int find_group(struct kw_job *job)
{
	return find(job, KW_COORDINATOR_GROUP);
}

static int find_transaction(struct kw_job *job)
{
	return find(job, KW_COORDINATOR_TRANSACTION);
}

static void accuse_group(struct kw_job *job, const struct kw_leaf *leaf, int16_t code)
{
	(void)code;
	job->fresh = true;
	kw_coordinator_forget(job->client, KW_COORDINATOR_GROUP, kw_whole_key(job),
			      leaf->broker_id);
}

static void accuse_transaction(struct kw_job *job, const struct kw_leaf *leaf, int16_t code)
{
	(void)code;
	job->fresh = true;
	kw_coordinator_forget(job->client, KW_COORDINATOR_TRANSACTION, kw_whole_key(job),
			      leaf->broker_id);
}

const struct kwire_target kwire_to_group = {
	.send = kw_route_whole,
	.find = find_group,
	.judge = kw_judge_coordinator,
	.accuse = accuse_group,
};
const struct kwire_target kwire_to_transaction = {
	.send = kw_route_whole,
	.find = find_transaction,
	.judge = kw_judge_coordinator,
	.accuse = accuse_transaction,
};
