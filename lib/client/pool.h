/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pool: who the brokers are, and the connections to them.  dispatch.c asks
 * it for connections, metadata.c tells it of brokers, client.c opens and ends
 * it.  It sends no request and decodes nothing.
 *
 * A node is a place to connect to: a broker by its id, or a bootstrap server.
 * It has up to one link for each lane; a link is one connection, from the dial
 * until its thread is joined.  All of it is guarded by the one lock of the
 * pool, which is never held over I/O, an allocation or a callback.
 *
 * A link is in one of three places: being made by a caller (node->dialling),
 * attached to its node (node->links), or leaving (pool->leaving), where it
 * stays until nobody uses it and its thread has ended.
 *
 * nodes.c keeps the nodes, links.c the links, pool.c chooses among them.
 */
#ifndef KW_POOL_H
#define KW_POOL_H

#include <kwire/client.h>

#include "../base/lock.h"
#include "../config/bootstrap.h"
#include "../connection/connection.h"
#include "../protocol/route.h"
#include "backoff.h"

struct kw_pool;

struct kw_link {
	struct kw_pool *pool;
	struct kw_node *node; /* counted */
	enum kw_lane lane;
	struct kwire_connection *connection;
	int64_t dialled_ms;
	int users;            /* leases */
	bool ready;           /* it was, at some time */
	bool planned;         /* taken from its node by us: its end is no failure */
	bool dead;            /* and the node knows why */
	bool lost;            /* dead, and nobody meant it to be */
	bool killed;          /* by a shutdown */
	struct kw_link *next; /* in pool->leaving */
};

struct kw_node {
	struct kwire_broker_info info; /* node_id -1: a bootstrap server */
	int references;
	struct kw_link *links[KW_LANES]; /* alive as far as is known; NULL: none */
	bool dialling[KW_LANES];         /* a caller is making that link */
	struct kw_backoff backoff;
	struct kwire_error failure; /* why it could not be reached last; result 0: it could */
	uint64_t failed;            /* pool->steps when that was, 0: never */
	uint64_t dialled;           /* pool->steps at the last dial, 0: never */
	int64_t throttled_until_ms; /* KIP-219, of links that were:
				       kw_links_throttled_until_locked() */
	int16_t versions_start;     /* kw_connection_versions_start() of the last connection */
	bool gone;                  /* no longer among the pool's nodes */
};

struct kw_nodes {
	struct kw_node **items;
	int count;
};

struct kw_pool {
	struct kwire_config *config; /* borrowed from the client */
	struct kw_mutex mutex;
	struct kw_cond changed;  /* a link came or went, a pause may be over, the pool was closed */
	struct kw_nodes brokers; /* of the last metadata, by ascending id */
	struct kw_nodes seeds;   /* bootstrap servers */
	bool seeds_retired;      /* metadata.recovery.strategy=none, and brokers are known */
	struct kw_link *leaving; /* dead, or finishing what is in flight; to be joined */
	int links;               /* all there are, those leaving too */
	int dials;               /* links being made with the lock dropped */
	uint64_t steps;          /* kw_pool_step() */
	uint32_t start;          /* where choosing among equals begins, random */
	bool closed;
	struct kw_random random;
};

int kw_pool_init(struct kw_pool *pool, struct kwire_config *config, struct kwire_error *error);

/* Frees all; only after kw_pool_shutdown() returned 0. */
void kw_pool_fini(struct kw_pool *pool);

/*
 * The same in a child of fork(2), where threads are gone and locks may be held
 * for ever: touches neither.
 */
void kw_pool_abandon(struct kw_pool *pool);

/*
 * Kills every link, makes every later call fail with KWIRE_ECLOSED, and waits
 * until all threads have ended.  Any number of times, from any thread.
 */
int kw_pool_shutdown(struct kw_pool *pool, int64_t deadline_ms);

/* Replaces the bootstrap servers; links to those that stay, stay. */
int kw_pool_set_seeds(struct kw_pool *pool, const struct kw_endpoint *endpoints, int count,
		      struct kwire_error *error);

/*
 * Replaces the brokers: one that moved gets a new link, one that is gone is
 * forgotten; their old links finish what is in flight.  `brokers` in any order.
 */
int kw_pool_set_brokers(struct kw_pool *pool, const struct kwire_broker_info *brokers, int count,
			struct kwire_error *error);

/* Forgets all brokers, to start again from the bootstrap servers. */
void kw_pool_forget_brokers(struct kw_pool *pool);

/* As kwire_client_brokers(), of what is known. */
int kw_pool_list(struct kw_pool *pool, struct kwire_broker_info *brokers, int capacity);

/* What is known of one broker; false: nothing. */
bool kw_pool_info(struct kw_pool *pool, int32_t id, struct kwire_broker_info *info);

/* A connection for one attempt. */
struct kw_lease {
	struct kw_link *link;
	struct kwire_connection *connection; /* the link's */
	bool was_ready;                      /* when it was taken */
	int32_t node_id;                     /* then, too: a bootstrap server may become a broker */
};

/*
 * A connection to broker `id`, dialled if there is none; callers share one
 * dial.  It may still be in SETUP.  Waits while the broker is throttled and
 * while another caller starts the dial.  KWIRE_EBROKER: not known;
 * while in backoff, what went wrong last.
 */
int kw_pool_lease(struct kw_pool *pool, int32_t id, enum kw_lane lane, int64_t deadline_ms,
		  struct kw_lease *lease, struct kwire_error *error);

/*
 * A number that grows with each dial and failure: it tells what came before
 * from what came after, where milliseconds are too coarse.
 */
uint64_t kw_pool_step(struct kw_pool *pool);

/* Whether broker `id` could not be reached after `step`. */
bool kw_pool_failed_since(struct kw_pool *pool, int32_t id, uint64_t step);

/*
 * A connection to any broker: the least loaded live one, else one being set
 * up, else to a broker, else to a bootstrap server, those that failed last.
 * Nodes that failed since step `round`, or pause, are passed over; when none
 * is left, the last failure.
 */
int kw_pool_lease_any(struct kw_pool *pool, enum kw_lane lane, uint64_t round, int64_t deadline_ms,
		      struct kw_lease *lease, struct kwire_error *error);

/* Ends a lease; if its connection died meanwhile, the pool knows so from here on. */
void kw_pool_return(struct kw_pool *pool, struct kw_lease *lease);

/* Waits for a change, for the end of the shortest pause, or for the deadline (false). */
bool kw_pool_wait(struct kw_pool *pool, int64_t deadline_ms);

/* Ends all pauses: what was wrong with the configuration may be right now. */
void kw_pool_forgive(struct kw_pool *pool);

/* Waits until `until_ms`, or until the pool is closed. */
void kw_pool_pause(struct kw_pool *pool, int64_t until_ms);

/* The cluster's only broker, as far as is known; -1: there are others, or none is known. */
int32_t kw_pool_only_broker(struct kw_pool *pool);

/* Kills the links to a broker: kwire_broker_evict(). */
void kw_pool_evict(struct kw_pool *pool, int32_t id);

/* Calls `visit` with each live connection, no lock held. */
void kw_pool_each(struct kw_pool *pool,
		  void (*visit)(void *context, struct kwire_connection *connection), void *context);

#endif
