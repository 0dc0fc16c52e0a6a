/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests about resources with a configuration: a broker's own, and its
 * loggers, only that broker knows; the rest any does.
 */
#include <string.h>

#include "../base/error.h"
#include "client.h"
#include "job.h"

enum {
	RESOURCE_BROKER = 4,
	RESOURCE_BROKER_LOGGER = 8,
};

/* The broker that a resource is, -1: any may answer (also what is no broker's id). */
static int32_t broker_of(const struct kw_job *job, const struct kw_leaf *leaf)
{
	struct kwire_string name = kw_leaf_key(job, leaf);
	int64_t id = 0;

	if (leaf->item == NULL || name.size <= 0 || name.size > 10 ||
	    (kw_leaf_type(job, leaf) != RESOURCE_BROKER &&
	     kw_leaf_type(job, leaf) != RESOURCE_BROKER_LOGGER))
		return -1;
	for (int32_t i = 0; i < name.size; i++) {
		if (name.data[i] < '0' || name.data[i] > '9')
			return -1;
		id = id * 10 + (name.data[i] - '0');
	}
	return id <= INT32_MAX ? (int32_t)id : -1;
}

static int find(struct kw_job *job)
{
	for (int32_t i = 0; i < job->leaf_count; i++)
		if (!job->leaves[i].done)
			job->leaves[i].broker_id = broker_of(job, &job->leaves[i]);
	return 0;
}

/* Nothing is known that could be wrong: a broker is who it is. */
static void accuse(struct kw_job *job, const struct kw_leaf *leaf, int16_t code)
{
	(void)job;
	(void)leaf;
	(void)code;
}

const struct kwire_target kwire_to_resource = {
	.divides = true,
	.send = kw_route_pieces,
	.find = find,
	.accuse = accuse,
};

/* Any broker, too: for requests that have to be divided for old ones. */
static int find_any(struct kw_job *job)
{
	for (int32_t i = 0; i < job->leaf_count; i++)
		job->leaves[i].broker_id = -1;
	return 0;
}

const struct kwire_target kwire_to_any_each = {
	.divides = true,
	.send = kw_route_pieces,
	.find = find_any,
	.accuse = accuse,
	.singles = &kw_singles,
};
