/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client inside the library: a frozen config, the pool, what is known of
 * the cluster.  The files of lib/client, from the API inwards:
 *
 *   client.c    opening, ending, and the calls that concern the whole client
 *   broker.c    handles of one broker
 *   dispatch.c  which connection a call goes to, when it is tried again, when it gives up
 *   metadata.c  asking the cluster for its brokers
 *   pool.h      nodes and links: pool.c chooses, nodes.c replaces, links.c dials and ends
 *   leaders.c, coordinators.c   who leads a partition, who coordinates a group
 *   job.h       routing: which broker a request is for, dividing it, repeating it
 *   fetch.c, list_offset.c, produce.c   the helpers of kwire/fetch.h; fetched*.c their results
 *   backoff.c   how long to leave a failing broker alone
 *   resolve.c   checking the bootstrap list while a client opens
 *   edge.h      what each public function does first and last
 */
#ifndef KW_CLIENT_H
#define KW_CLIENT_H

#include "coordinators.h"
#include "leaders.h"
#include "metadata.h"
#include "pool.h"

struct kwire_client {
	struct kwire_config *config; /* frozen */
	unsigned fork_generation;    /* of the process that opened it */
	struct kw_pool pool;
	struct kw_metadata metadata;
	struct kw_leaders leaders; /* of partitions */
	struct kw_coordinators coordinators;
};

#endif
