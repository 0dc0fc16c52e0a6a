/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests for the coordinators of all the groups, transactions or shares that
 * they name; see to_coordinator.c.
 */
#include <stdio.h>
#include <string.h>

#include "../base/error.h"
#include "client.h"
#include "to_coordinator.h"

/* "GROUP:TOPIC-ID:PARTITION": what the state of a share group goes by. */
enum {
	SHARE_KEY_EXTRA = 1 + 22 + 1 + 10 + 1,
};

static char *write_share_key(const struct kw_job *job, const struct kw_leaf *leaf, char *to)
{
	struct kwire_string group = {NULL, 0};
	char id[23];

	if (job->route->request.key != KW_NONE)
		memcpy(&group, (const char *)job->request + job->route->request.key, sizeof(group));
	kwire_uuid_format(kw_leaf_topic_id(job, leaf), id);
	if (group.size > 0)
		memcpy(to, group.data, (size_t)group.size);
	to += group.size > 0 ? group.size : 0;
	return to + snprintf(to, SHARE_KEY_EXTRA, ":%s:%d", id, (int)kw_leaf_partition(job, leaf));
}

static size_t share_key_size(const struct kw_job *job)
{
	struct kwire_string group = {NULL, 0};

	if (job->route->request.key != KW_NONE)
		memcpy(&group, (const char *)job->request + job->route->request.key, sizeof(group));
	return (size_t)(group.size > 0 ? group.size : 0) + SHARE_KEY_EXTRA;
}

static int find(struct kw_job *job, enum kw_coordinator_type type)
{
	const int32_t only = kw_job_only_broker(job);
	const bool share = type == KW_COORDINATOR_SHARE && job->leaves[0].item != NULL;
	const size_t key_size = share ? share_key_size(job) : 0;
	struct kw_coordinator_query *queries;
	int32_t count = 0;
	char *keys;
	int result;

	for (int32_t i = 0; i < job->leaf_count; i++)
		if (!job->leaves[i].done)
			job->leaves[i].broker_id = only;
	if (only >= 0)
		return 0;
	queries = kw_alloc_array(job->client->config->memory, (size_t)job->leaf_count,
				 sizeof(*queries) + key_size);
	if (queries == NULL)
		return kw_fail_memory(&job->error);
	keys = (char *)(queries + job->leaf_count);
	for (int32_t i = 0; i < job->leaf_count; i++) {
		const struct kw_leaf *leaf = &job->leaves[i];
		struct kw_coordinator_query *query = &queries[count];
		char *end;

		if (leaf->done)
			continue;
		memset(query, 0, sizeof(*query));
		query->broker_id = -1;
		query->key = kw_leaf_key(job, leaf);
		if (share) {
			end = write_share_key(job, leaf, keys);
			query->key = kwire_string_of(keys, (size_t)(end - keys));
			keys = end;
		}
		count += query->key.data != NULL;
	}
	result = count > 0 ? kw_find_coordinators(job, type, queries, count) : 0;
	count = 0;
	for (int32_t i = 0; i < job->leaf_count; i++) {
		struct kw_leaf *leaf = &job->leaves[i];

		if (leaf->done || (leaf->item == NULL && kw_leaf_key(job, leaf).data == NULL) ||
		    (leaf->item != NULL && type != KW_COORDINATOR_SHARE &&
		     kw_leaf_key(job, leaf).data == NULL))
			continue;
		leaf->broker_id = queries[count++].broker_id;
	}
	kw_free(queries);
	return result;
}

static void accuse(struct kw_job *job, const struct kw_leaf *leaf, enum kw_coordinator_type type)
{
	struct kwire_string key = kw_leaf_key(job, leaf);
	char *made = NULL;

	job->fresh = true;
	if (type == KW_COORDINATOR_SHARE && leaf->item != NULL) {
		made = kw_alloc(job->client->config->memory, share_key_size(job));
		if (made == NULL)
			return; /* it stays known, and is accused again */
		key = kwire_string_of(made, (size_t)(write_share_key(job, leaf, made) - made));
	}
	if (key.data != NULL)
		kw_coordinator_forget(job->client, type, key, leaf->broker_id);
	kw_free(made);
}

#define TARGET(name, type)                                                                      \
	static int find_##name(struct kw_job *job)                                              \
	{                                                                                       \
		return find(job, KW_COORDINATOR_##type);                                        \
	}                                                                                       \
	static void accuse_##name(struct kw_job *job, const struct kw_leaf *leaf, int16_t code) \
	{                                                                                       \
		(void)code;                                                                     \
		accuse(job, leaf, KW_COORDINATOR_##type);                                       \
	}                                                                                       \
	const struct kwire_target kwire_to_##name = {                                           \
		.divides = true,                                                                \
		.send = kw_route_pieces,                                                        \
		.find = find_##name,                                                            \
		.judge = kw_judge_coordinator,                                                  \
		.accuse = accuse_##name,                                                        \
		.singles = &kw_singles,                                                         \
	}

TARGET(groups, GROUP);
TARGET(transactions, TRANSACTION);
TARGET(share, SHARE);
