/* SPDX-License-Identifier: Apache-2.0 */
/* What to_leader.c lends to to_produce.c. */
#ifndef KW_TO_LEADER_H
#define KW_TO_LEADER_H

#include "job.h"

enum kw_verdict kw_judge_leader(int16_t code);
int kw_find_leaders(struct kw_job *job);
void kw_accuse_leader(struct kw_job *job, const struct kw_leaf *leaf, int16_t code);

#endif
