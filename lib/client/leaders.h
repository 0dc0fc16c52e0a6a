/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who leads a partition: what the last Metadata answer said of the topics that
 * the helpers were asked about.  Nothing is refreshed by a timer; what a broker
 * contradicts is forgotten and asked for again.  Used by the helpers of
 * kwire/fetch.h; knows nothing of what they do there.
 */
#ifndef KW_LEADERS_H
#define KW_LEADERS_H

#include <kwire/client.h>

#include "../base/lock.h"
#include "../base/memory.h"

struct kw_topic;

/* Topics that were asked about, in a hash table that doubles. */
struct kw_leaders {
	struct kw_mutex mutex;
	struct kw_topic **slots;
	size_t slot_count; /* a power of two, or 0 */
	size_t count;
};

int kw_leaders_init(struct kw_leaders *leaders, struct kwire_error *error);
void kw_leaders_fini(struct kw_leaders *leaders);

/* The same in a child of fork(2), where the lock may be held for ever: does not touch it. */
void kw_leaders_abandon(struct kw_leaders *leaders);

struct kw_leader {
	int32_t broker_id;
	int32_t epoch; /* -1: not known */
	struct kwire_uuid topic_id;
	int32_t preferred_replica; /* -1: none just now */
};

/*
 * The leader of a partition, asking the cluster if it is not known (or known
 * for longer than metadata.max.age.ms).  `create`: the broker may create the
 * topic.  KWIRE_EKAFKA: no such topic or partition, or no leader just now.
 */
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
