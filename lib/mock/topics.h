/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Topics and their partitions: names, leaders, epochs.  What a partition holds
 * is log.h.  Loop's thread only.
 */
#ifndef KW_MOCK_TOPICS_H
#define KW_MOCK_TOPICS_H

#include <kwire/message.h>

#include "log.h"

struct kwire_mock;
struct kw_mock_broker;
struct kw_mock_fetch;
struct kw_mock_topic;

enum {
	KW_MOCK_MAX_REPLICAS = 8,
	KW_MOCK_MAX_TOPICS = 10000,
	KW_MOCK_MAX_PARTITIONS = 100000, /* of all topics */
};

struct kw_mock_partition {
	struct kw_mock_topic *topic;
	int32_t index;
	int32_t leader_id; /* -1: none */
	int32_t leader_epoch;
	bool leader_pinned; /* set by a test: not chosen anew while its broker is up */
	int32_t replicas[KW_MOCK_MAX_REPLICAS];
	int32_t replica_count;
	struct kw_mock_log log;
};

/* A property of a topic that was given; others have defaults (configs.c). */
struct kw_mock_config {
	struct kw_mock_config *next;
	char *name;
	char *value;
};

struct kw_mock_topic {
	struct kw_mock_topic *next; /* in order of creation */
	struct kwire_uuid id;
	struct kw_mock_partition **partitions;
	int32_t partition_count;
	int32_t replication_factor;
	struct kw_mock_config *configs;
	char *name;
	int32_t name_size;
};

struct kw_mock_topics {
	struct kw_mock_topic *first;
	struct kw_mock_topic **buckets; /* by name */
	int32_t count;
	int32_t partition_count;
	uint64_t next_id;
	int64_t bytes; /* of all records */
	int64_t max_bytes;
	struct kw_mock_fetch *fetches; /* parked long polls, oldest first */
};

/* NULL: none. */
struct kw_mock_topic *kw_mock_topic_find(struct kwire_mock *mock, struct kwire_string name);
struct kw_mock_topic *kw_mock_topic_by_id(struct kwire_mock *mock, struct kwire_uuid id);
/* By name, or by id where the name is empty. */
struct kw_mock_topic *kw_mock_topic_of(struct kwire_mock *mock, struct kwire_string name,
				       struct kwire_uuid id);
struct kw_mock_partition *kw_mock_partition_of(struct kw_mock_topic *topic, int32_t index);

/*
 * Creates; 0 or Kafka's error code.  `partitions` and `replication_factor` -1: the defaults.
 */
int16_t kw_mock_topic_create(struct kwire_mock *mock, struct kwire_string name, int32_t partitions,
			     int32_t replication_factor, struct kw_mock_topic **topic);
int16_t kw_mock_topic_check(struct kwire_mock *mock, struct kwire_string name, int32_t partitions,
			    int32_t replication_factor);
int16_t kw_mock_topic_grow(struct kwire_mock *mock, struct kw_mock_topic *topic,
			   int32_t partitions);
void kw_mock_topic_delete(struct kwire_mock *mock, struct kw_mock_topic *topic);

int kw_mock_topic_configure(struct kwire_mock *mock, struct kw_mock_topic *topic,
			    struct kwire_string name, struct kwire_string value);
const char *kw_mock_topic_config(const struct kw_mock_topic *topic, const char *name);

/* Makes a broker the leader; the epoch rises. */
void kw_mock_partition_lead(struct kwire_mock *mock, struct kw_mock_partition *partition,
			    int32_t broker_id);
/* Brokers came or went. */
void kw_mock_topics_elect(struct kwire_mock *mock);

/*
 * The partition that a request at `broker_id` means: Kafka's error code where
 * it is unknown, led by another broker, or in another leader epoch (-1: any).
 */
int16_t kw_mock_partition_at(struct kwire_mock *mock, int32_t broker_id,
			     struct kw_mock_topic *topic, int32_t index, int32_t epoch,
			     struct kw_mock_partition **partition);

/*
 * Appends what a producer sent, with the topic's rules; deletes the oldest
 * records where the cluster holds too many.  0 or Kafka's error code.  `*append_time`
 * is what the answer says of it: -1 unless the log has its own, or the batch is a repeat.
 */
int16_t kw_mock_partition_append(struct kwire_mock *mock, struct kw_mock_partition *partition,
				 const uint8_t *data, const struct kw_mock_batch_info *info,
				 int64_t *base_offset, int64_t *append_time);

/* Kafka's rule for names. */
bool kw_mock_topic_name_valid(struct kwire_string name);

int kw_mock_topics_init(struct kwire_mock *mock);
void kw_mock_topics_fini(struct kwire_mock *mock);

/* fetch.c: something was appended, or a transaction ended, or a leader changed. */
void kw_mock_fetches_wake(struct kwire_mock *mock);

#endif
