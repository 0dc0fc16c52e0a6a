/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A mock cluster: what its modules share.  Each module keeps its own part in a
 * struct of its own, embedded here.  All of it belongs to the loop's thread.
 */
#ifndef KW_MOCK_CLUSTER_H
#define KW_MOCK_CLUSTER_H

#include <kwire/mock.h>

#include "../protocol/frame.h"
#include "broker.h"
#include "exchange.h"
#include "groups.h"
#include "journal.h"
#include "loop.h"
#include "peer.h"
#include "rules.h"
#include "topics.h"
#include "transactions.h"
#include "versions.h"

/* A bootstrap string that was handed out: kept, as it stays valid. */
struct kw_mock_text {
	struct kw_mock_text *next;
	char text[];
};

struct kw_mock_tls;
struct kw_mock_sasl;

struct kwire_mock {
	struct kw_memory *memory;
	struct kw_mock_loop loop;

	/* Options. */
	unsigned flags;
	char *host; /* NULL: the address */
	char *cluster_id;
	int32_t default_partitions;
	int64_t max_frame_bytes;
	struct kw_mock_version versions[KW_MOCK_KEYS]; /* of a new broker */

	struct kw_mock_broker *brokers; /* by ascending id */
	struct kw_mock_broker *removed;
	int broker_count;
	int32_t next_broker_id;
	int32_t controller_id; /* -1: unknown */
	struct kw_mock_text *bootstraps;

	struct kw_mock_tls *tls;   /* NULL: never asked for */
	struct kw_mock_sasl *sasl; /* the same */

	struct kw_mock_peer *dirty;
	struct kw_mock_peer *graveyard;
	int depth; /* of requests and timers under way: nothing is freed under their feet */

	struct kw_mock_frames frames;
	struct kw_mock_rules rules;
	struct kw_mock_journal journal;
	struct kw_mock_topics topics;
	struct kw_mock_groups groups;
	struct kw_mock_transactions transactions;
};

/* Around every request, timer and task that may answer: scratch memory, deferred frees. */
void kw_mock_enter(struct kwire_mock *mock);
void kw_mock_leave(struct kwire_mock *mock);

/* A cluster's own time as a client sees it: milliseconds since 1970. */
int64_t kw_mock_wall_ms(const struct kwire_mock *mock);

/* A broker went up, down, or away: leaders are chosen anew. */
void kw_mock_brokers_changed(struct kwire_mock *mock);

/* What FindCoordinator looks for. */
enum kw_mock_key_type {
	KW_MOCK_GROUP = 0,
	KW_MOCK_TRANSACTION = 1,
};

/*
 * The broker that coordinates a group or a transactional id; NULL: all are down.
 * A group and a transaction of one name have different ones, where there are several brokers.
 */
struct kw_mock_broker *kw_mock_coordinator(struct kwire_mock *mock, int key_type,
					   struct kwire_string key);

/* "host:port,..." of the brokers that are up; NULL: out of memory. */
const char *kw_mock_bootstrap_text(struct kwire_mock *mock);

#endif
