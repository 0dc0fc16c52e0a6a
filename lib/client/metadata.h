/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of the cluster as a whole, and how it is learnt: one Metadata
 * request at a time, however many callers want it.  There is no timer: calls
 * that need fresher facts ask for them.  The brokers themselves live in the pool.
 */
#ifndef KW_METADATA_H
#define KW_METADATA_H

#include <kwire/client.h>

#include "../base/lock.h"

struct kw_metadata {
	struct kw_mutex mutex;
	struct kw_cond landed;      /* a refresh ended */
	bool refreshing;            /* one is under way */
	unsigned flights;           /* how many ended */
	struct kwire_error failure; /* of the last; result 0: it succeeded */
	int64_t updated_ms;         /* when the last success was asked for; -1: never */
	uint64_t updated_step;      /* the pool's, at that time */
	int64_t tried_ms;           /* when the last one ended; -1: never */
	int64_t failing_since_ms;   /* first failure after the last success; -1: none */
	int32_t controller_id;      /* -1: not known */
	char cluster_id[128];       /* "": not known */
};

int kw_metadata_init(struct kw_metadata *metadata, struct kwire_error *error);
void kw_metadata_fini(struct kw_metadata *metadata);

/*
 * Asks the cluster for its brokers, or waits for whoever is asking.  Any
 * broker will do; KIP-899, KIP-1102: starts again from the bootstrap servers
 * where that is allowed and nothing else helps.
 */
int kw_metadata_refresh(struct kwire_client *client, int64_t deadline_ms,
			struct kwire_error *error);

/*
 * The same from an answer that another question brought, at a time and a
 * kw_pool_step() when it was asked: taken where nothing is known yet.
 */
struct kwire_metadata_response;
void kw_metadata_offer(struct kwire_client *client, const struct kwire_metadata_response *response,
		       int64_t asked_ms, uint64_t asked_step);

/* Monotonic time at which the facts were asked for; -1: nothing is known. */
int64_t kw_metadata_updated_ms(struct kw_metadata *metadata);

/* The same as a kw_pool_step(). */
uint64_t kw_metadata_updated_step(struct kw_metadata *metadata);

/* The controller by the last metadata, -1: not known. */
int32_t kw_metadata_controller(struct kw_metadata *metadata);

/* Forgets that `broker_id` is the controller, unless another is known by now. */
void kw_metadata_accuse_controller(struct kw_metadata *metadata, int32_t broker_id);

/* Whether metadata.max.age.ms has passed, and nobody has tried since just now. */
bool kw_metadata_aged(struct kwire_client *client);

#endif
