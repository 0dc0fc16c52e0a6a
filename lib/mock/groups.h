/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Consumer groups as the classic protocol has them: members, generations,
 * rebalances, and the offsets that they commit.  Loop's thread only.
 */
#ifndef KW_MOCK_GROUPS_H
#define KW_MOCK_GROUPS_H

#include <kwire/message.h>

#include "loop.h"

struct kwire_mock;
struct kw_mock_exchange;
struct kw_mock_group;

enum kw_mock_group_state {
	KW_MOCK_GROUP_EMPTY,
	KW_MOCK_GROUP_PREPARING,  /* members join */
	KW_MOCK_GROUP_COMPLETING, /* the leader's assignment is awaited */
	KW_MOCK_GROUP_STABLE,
};

struct kw_mock_protocol {
	struct kw_mock_protocol *next;
	char *name;
	uint8_t *metadata;
	int32_t metadata_size;
};

struct kw_mock_member {
	struct kw_mock_timer timer;  /* first: session */
	struct kw_mock_member *next; /* in order of joining */
	struct kw_mock_group *group;
	char *id;
	char *instance_id; /* NULL: none */
	char *client_id;
	int32_t session_timeout_ms;
	int32_t rebalance_timeout_ms;
	struct kw_mock_protocol *protocols;
	uint8_t *assignment;
	int32_t assignment_size;
	bool pending;                  /* was given an id and has not come back with it */
	struct kw_mock_exchange *join; /* parked */
	struct kw_mock_exchange *sync; /* parked */
};

struct kw_mock_offset {
	struct kw_mock_offset *next;
	char *topic;
	int32_t partition;
	int64_t offset; /* -1: none committed yet (pending only) */
	int32_t leader_epoch;
	char *metadata;           /* NULL: null */
	int64_t pending_producer; /* of an open transaction that will set it, -1: none */
	int64_t pending_offset;
	int32_t pending_epoch;
	char *pending_metadata;
};

struct kw_mock_group {
	struct kw_mock_timer timer; /* first: of the rebalance */
	struct kw_mock_group *next;
	struct kwire_mock *mock;
	char *id;
	enum kw_mock_group_state state;
	int32_t generation;
	char *protocol_type; /* NULL: none yet */
	char *protocol;
	char *leader_id;
	struct kw_mock_member *members;
	struct kw_mock_offset *offsets;
	int32_t offset_count;
	bool filling; /* the first members of an empty group are awaited: `timer` ends it */
};

struct kw_mock_groups {
	struct kw_mock_group *first;
	int32_t count;
	uint64_t next_member;
	/* Time to wait for more members when the first joins an empty group. */
	int32_t initial_delay_ms;
};

enum {
	KW_MOCK_MAX_GROUPS = 10000,
	KW_MOCK_MAX_MEMBERS = 10000,
	KW_MOCK_MAX_OFFSETS = 100000, /* of a group */
};

struct kw_mock_group *kw_mock_group_find(struct kwire_mock *mock, struct kwire_string id);
/* Finds or creates; NULL: out of memory, or too many. */
struct kw_mock_group *kw_mock_group_get(struct kwire_mock *mock, struct kwire_string id);
void kw_mock_group_delete(struct kw_mock_group *group);

/* Joining: what the group makes of a member that is there, or new. */
struct kw_mock_member *kw_mock_member_add(struct kw_mock_group *group, struct kwire_string id,
					  struct kwire_string instance_id,
					  struct kwire_string client_id);
void kw_mock_member_remove(struct kw_mock_member *member);
struct kw_mock_member *kw_mock_member_static(struct kw_mock_group *group,
					     struct kwire_string instance_id);
/* A new id, "client-number" */
struct kwire_string kw_mock_member_id(struct kwire_mock *mock, struct kwire_string client_id);
/* The member was heard of. */
void kw_mock_member_alive(struct kw_mock_member *member);
/* Members must join again. */
void kw_mock_group_rebalance(struct kw_mock_group *group);
/* A member came or went while members join: perhaps all are there now. */
void kw_mock_group_joined(struct kw_mock_group *group);
/* Answers a join that is parked or not (`member->join`), with the group as it is. */
void kw_mock_answer_join(struct kw_mock_member *member);
/* Answers every parked sync; `code` 0: with the members' assignments. */
void kw_mock_answer_syncs(struct kw_mock_group *group, int16_t code);
const struct kw_mock_protocol *kw_mock_member_protocol(const struct kw_mock_member *member,
						       const char *name);
struct kw_mock_member *kw_mock_member_find(struct kw_mock_group *group, struct kwire_string id);
const char *kw_mock_group_state_name(const struct kw_mock_group *group);

/* Kafka's error code for a group id at this broker: empty, or coordinated elsewhere. */
int16_t kw_mock_group_check(struct kw_mock_exchange *exchange, struct kwire_string id);

/* A transaction of this producer ends: its offsets count, or are forgotten. */
void kw_mock_offsets_end_transaction(struct kw_mock_group *group, int64_t producer_id,
				     bool committed);
void kw_mock_offsets_free(struct kw_mock_group *group);

void kw_mock_groups_fini(struct kwire_mock *mock);

#endif
