/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who coordinates a group, a transaction or the state of a share group: what
 * FindCoordinator said, until a broker contradicts it or cannot be reached.
 * Used by to_coordinator.c; knows nothing of the requests that go there.
 */
#ifndef KW_COORDINATORS_H
#define KW_COORDINATORS_H

#include <kwire/message.h>

#include "flight.h"
#include "table.h"

struct kwire_client;

/* Kafka's types of keys. */
enum kw_coordinator_type {
	KW_COORDINATOR_GROUP = 0,
	KW_COORDINATOR_TRANSACTION = 1,
	KW_COORDINATOR_SHARE = 2,
	KW_COORDINATOR_TYPES,
};

struct kw_coordinators {
	struct kw_table tables[KW_COORDINATOR_TYPES]; /* by key */
	struct kw_flight flight;                      /* under the first table's lock */
};

/* The rest of a cache; finding is in an object of its own. */
static inline void kw_coordinators_abandon(struct kw_coordinators *coordinators)
{
	for (int i = 0; i < KW_COORDINATOR_TYPES; i++)
		kw_table_abandon(&coordinators->tables[i]);
}

static inline void kw_coordinators_fini(struct kw_coordinators *coordinators)
{
	for (int i = 0; i < KW_COORDINATOR_TYPES; i++)
		kw_table_fini(&coordinators->tables[i]);
	kw_flight_fini(&coordinators->flight);
}

static inline int kw_coordinators_init(struct kw_coordinators *coordinators,
				       struct kwire_error *error)
{
	int result = kw_flight_init(&coordinators->flight, error);
	int made = 0;

	if (result != 0)
		return result;
	while (made < KW_COORDINATOR_TYPES && result == 0) {
		result = kw_table_init(&coordinators->tables[made], error);
		made += result == 0;
	}
	if (result == 0)
		return 0;
	while (made-- > 0)
		kw_table_fini(&coordinators->tables[made]);
	kw_flight_fini(&coordinators->flight);
	return result;
}

/* A question, and its answer. */
struct kw_coordinator_query {
	struct kwire_string key;
	int32_t broker_id; /* -1: not found, `code` says why */
	int16_t code;
};

/*
 * Finds all of them, asking the cluster, once, for those that are not known.
 * A failure is one of asking; that the cluster names none is an answer.
 */
int kw_coordinators_find(struct kwire_client *client, enum kw_coordinator_type type,
			 struct kw_coordinator_query *queries, int32_t count, int64_t deadline_ms,
			 struct kwire_error *error);

/* Forgets that `broker_id` is the coordinator, unless another is known by now. */
void kw_coordinator_forget(struct kwire_client *client, enum kw_coordinator_type type,
			   struct kwire_string key, int32_t broker_id);

#endif
