/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who leads a partition: what the last Metadata answer said of the topics that
 * were asked about.  Nothing is refreshed by a timer; what a broker contradicts
 * is forgotten and asked for again.  Used by to_leader.c and the helpers of
 * kwire/fetch.h; knows nothing of what they do there.
 */
#ifndef KW_LEADERS_H
#define KW_LEADERS_H

#include <kwire/client.h>

#include "flight.h"
#include "table.h"

struct kw_leaders {
	struct kw_table topics;  /* by name */
	struct kw_table ids;     /* names by topic id, which are never used twice */
	struct kw_flight flight; /* under the lock of `topics` */
};

/* The rest of a cache; finding is in an object of its own. */
static inline void kw_leaders_abandon(struct kw_leaders *leaders)
{
	kw_table_abandon(&leaders->topics);
	kw_table_abandon(&leaders->ids);
}

static inline void kw_leaders_fini(struct kw_leaders *leaders)
{
	kw_table_fini(&leaders->ids);
	kw_table_fini(&leaders->topics);
	kw_flight_fini(&leaders->flight);
}

static inline int kw_leaders_init(struct kw_leaders *leaders, struct kwire_error *error)
{
	int result = kw_flight_init(&leaders->flight, error);

	if (result != 0)
		return result;
	result = kw_table_init(&leaders->topics, error);
	if (result != 0)
		goto fail;
	result = kw_table_init(&leaders->ids, error);
	if (result == 0)
		return 0;
	kw_table_fini(&leaders->topics);
fail:
	kw_flight_fini(&leaders->flight);
	return result;
}

/* A question, and its answer. */
struct kw_leader_query {
	struct kwire_string topic; /* its name, or, where that is empty, ... */
	struct kwire_uuid id;
	int32_t partition;
	int32_t broker_id; /* -1: none, `code` says why */
	int16_t code;
	bool answered; /* while asking */
};

/*
 * Finds the leaders, asking the cluster, once, for the topics that are not
 * known (or known for longer than metadata.max.age.ms).  `create`: the broker
 * may create them.  A failure is one of asking; that there is no such topic,
 * or no leader just now, is an answer.
 */
int kw_leaders_find(struct kwire_client *client, struct kw_leader_query *queries, int32_t count,
		    bool create, int64_t deadline_ms, struct kwire_error *error);

/* Forgets the topic, unless another than `broker_id` leads the partition by now. */
void kw_leader_accuse(struct kwire_client *client, const struct kw_leader_query *query);

/*
 * Takes over what a broker that does not lead says of who does (KIP-951).
 * False: it is no news, or not of a topic that is known.
 */
bool kw_leader_hint(struct kwire_client *client, const struct kw_leader_query *query,
		    int32_t broker_id, int32_t epoch);

struct kw_leader {
	int32_t broker_id;
	int32_t epoch; /* -1: not known */
	struct kwire_uuid topic_id;
	int32_t preferred_replica; /* -1: none just now */
};

/* KWIRE_EINVAL: what can be no topic, or no partition. */
int kw_leader_check(const char *topic, int32_t partition, struct kwire_error *error);

/* One leader; KWIRE_EKAFKA: no such topic or partition, or no leader just now. */
int kw_leader_find(struct kwire_client *client, const char *topic, int32_t partition, bool create,
		   int64_t deadline_ms, struct kw_leader *leader, struct kwire_error *error);

/* Forgets the topic: a broker said that what is known of it is no longer true. */
void kw_leader_forget(struct kwire_client *client, const char *topic);

/* Remembers that the leader wants the partition fetched from `broker_id` (-1: from itself). */
void kw_leader_prefer(struct kwire_client *client, const char *topic, int32_t partition,
		      int32_t broker_id);

/* Fills `error` as KWIRE_EKAFKA with "TOPIC-PARTITION: NAME: text". */
int kw_leader_fail(struct kwire_error *error, const char *topic, int32_t partition, int16_t code);

#endif
