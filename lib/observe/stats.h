/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client counts, where its config asks for it: a set of hooks like any
 * program's, fed with events.  stats.c counts, snapshot.c copies it out,
 * recent.c dumps the last requests, prometheus.c writes a snapshot.
 */
#ifndef KW_STATS_H
#define KW_STATS_H

#include <stdatomic.h>

#include "../base/lock.h"
#include "../config/watch.h"
#include "histogram.h"

/* A broker that was spoken to, or tried; never forgotten while the client lives. */
struct kw_watched_broker {
	struct kw_watched_broker *next;
	char *host;
	int32_t port;
	int32_t node_id;
	int32_t connections;
	bool failed; /* its last connection was no success, or did not end as we wished */
	int64_t last_us;
	struct kwire_counts counts; /* latency apart */
	struct kw_histogram latency;
};

/*
 * One request that is remembered.  Written under the lock, read by a crash
 * handler under none: so each member is an atomic, and `number` is 0 while
 * the rest changes.
 */
struct kw_recent {
	_Atomic uint64_t number; /* from 1, of the request */
	_Atomic(const struct kw_watched_broker *) broker;
	_Atomic uintptr_t connection;
	_Atomic int64_t queued_us;
	_Atomic int64_t written_us;    /* 0: not */
	_Atomic int64_t first_byte_us; /* 0: none */
	_Atomic int64_t done_us;       /* 0: in flight */
	_Atomic uint32_t request_bytes;
	_Atomic uint32_t response_bytes;
	atomic_int id;
	atomic_int result;
	atomic_int api; /* key in the low, version in the high 16 bits */
};

struct kw_stats {
	struct kw_memory *memory;
	const char *client_id; /* the config's */
	int64_t opened_us;
	struct kw_mutex mutex;
	struct kw_watched_broker *brokers; /* in the order of their coming */
	bool incomplete;                   /* memory for a broker was not to be had */
	struct kw_recent *recent;          /* a ring, NULL: none */
	uint32_t recent_count;
	_Atomic uint64_t last_number;
};

/* Of a frozen config; NULL: it keeps none. */
struct kw_stats *kw_stats_of(const struct kwire_config *config);

/* A snapshot, as kwire_client_stats(). */
int kw_stats_take(const struct kwire_config *config, struct kwire_stats **stats,
		  struct kwire_error *error);

/* As kwire_client_recent(). */
void kw_recent_write(const struct kw_stats *stats, kwire_write_function *write, void *context);

#endif
