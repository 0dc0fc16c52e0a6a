/* SPDX-License-Identifier: Apache-2.0 */
/* What the targets that are coordinators share: to_coordinator.c, to_coordinators.c. */
#ifndef KW_TO_COORDINATOR_H
#define KW_TO_COORDINATOR_H

#include <string.h>

#include "coordinators.h"
#include "job.h"

enum kw_verdict kw_judge_coordinator(int16_t code);

/* Finds all; KWIRE_EKAFKA in the job's error: one has none just now. */
int kw_find_coordinators(struct kw_job *job, enum kw_coordinator_type type,
			 struct kw_coordinator_query *queries, int32_t count);

/* The key of a request that stays whole: the caller's, or its own; null: none. */
static inline struct kwire_string kw_whole_key(const struct kw_job *job)
{
	struct kwire_string key = {NULL, 0};

	if (job->options.target_key != NULL)
		return kwire_string(job->options.target_key);
	if (job->route != NULL && job->route->request.key != KW_NONE)
		memcpy(&key, (const char *)job->request + job->route->request.key, sizeof(key));
	return key;
}

#endif
