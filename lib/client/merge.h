/* SPDX-License-Identifier: Apache-2.0 */
/* Building one response of several: for merge.c, and to_all.c, which strings lists together. */
#ifndef KW_MERGE_H
#define KW_MERGE_H

#include "../protocol/arena.h"
#include "job.h"

struct kw_response;

struct kw_merged {
	struct kw_response *block;
	struct kw_arena arena;
	char *message; /* the struct; at first that of the first piece */
};

int kw_merge_begin(struct kw_job *job, int32_t piece, struct kw_merged *merged,
		   struct kwire_error *error);
void *kw_merge_alloc(struct kw_merged *merged, size_t count, size_t size);
void kw_merge_fail(struct kw_merged *merged);

/* Takes the pieces' responses over. */
void kw_merge_end(struct kw_job *job, int32_t piece, struct kw_merged *merged, void **response);

#endif
