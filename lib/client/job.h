/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A routed call while it is under way.  What it consists of is a list of
 * leaves: the partitions, groups or resources that the request names, or one
 * leaf that is the request itself.  In each round the target finds a broker for
 * every leaf that has no answer yet, leaves of one broker make a piece, the
 * pieces are sent at once, and each leaf's code is looked at.
 *
 *   route.c     the edge: kwire_send_to(); requests that stay whole
 *   pieces.c    requests that are divided: rounds
 *   leaf.c      finding the leaves in a request, and their answers in responses
 *   cut.c       the part of a request that one broker gets
 *   merge.c     one response of several
 *   to_*.c      the targets
 *
 * A job belongs to the thread of its call and has no lock.
 */
#ifndef KW_JOB_H
#define KW_JOB_H

#include <string.h>

#include <kwire/client.h>

#include "../base/memory.h"
#include "../protocol/route.h"

struct kw_job;

struct kw_leaf {
	const char *item;   /* in the request: a topic, a group; NULL: the request itself */
	const char *part;   /* in the item: a partition; NULL: the item itself */
	const char *answer; /* the same in a response */
	const char *answer_part;
	int32_t broker_id; /* -1: any */
	int32_t piece;     /* that it was sent with, -1: none yet */
	int32_t answered;  /* the piece that `answer` is of */
	bool done;         /* it has its answer, or never will */
	bool again;        /* it was sent once more for a code that rarely passes */
	int8_t lost;       /* how often it was lost on its way: what kills brokers goes to few */
	bool maybe;        /* an earlier sending of it may have been done */
};

/* What is sent to one broker in one round. */
struct kw_piece {
	int32_t broker_id;  /* -1: any */
	int32_t reached_id; /* who it really was */
	int32_t sent;       /* leaves that it went with */
	int32_t leaves;     /* that were not sent again with another */
	const void *request;
	void *owned; /* the request, where it is not the caller's */
	struct kwire_call *call;
	void *response;
	struct kwire_error error; /* result 0: it was answered */
};

/* What a code of a broker's answer means for routing. */
enum kw_verdict {
	KW_ANSWER, /* it is for the caller */
	KW_WRONG,  /* another broker is meant: look up and repeat, as long as it takes */
	KW_STALE,  /* the same, once: it may well be the caller's mistake */
	KW_LATER,  /* the right broker, too early */
};

/* What sending a leaf again comes to after a refusal (code), or without an answer (0). */
enum kw_repeat {
	KW_REPEAT_NEVER,      /* it may be done twice */
	KW_REPEAT_SAFE,       /* nothing was done */
	KW_REPEAT_RECOGNISED, /* if it was done, the broker will know it again */
};

struct kw_merged; /* merge.h */

/* What a target is given whose requests name several, in a form that older brokers do not know. */
struct kw_singles {
	/* Whether a broker of this round does not know it: all is to be sent again, one by one. */
	bool (*needed)(struct kw_job *job, int32_t first);
	/* One leaf as a request of its own. */
	int (*cut)(struct kw_job *job, const struct kw_leaf *leaf, void **request,
		   struct kwire_error *error);
	/* Their responses as one; kw_merge(). */
	int (*merge)(struct kw_job *job, int32_t piece, struct kw_merged *merged);
};

extern const struct kw_singles kw_singles;

struct kwire_target {
	bool divides; /* kw_route_pieces() */
	/* Does the job: kw_route_whole() or kw_route_pieces(). */
	int (*send)(struct kw_job *job);
	/* Makes the leaves; NULL: kw_leaves_new(). */
	int (*open)(struct kw_job *job);
	/* Stores broker_id of every leaf that is not done.  A failure ends the job. */
	int (*find)(struct kw_job *job);
	/* NULL: every code is for the caller. */
	enum kw_verdict (*judge)(int16_t code);
	/* The broker of the leaf was the wrong one (code) or not to be reached (0). */
	void (*accuse)(struct kw_job *job, const struct kw_leaf *leaf, int16_t code);
	/* Whether sending again may do a thing twice; NULL: as the route says. */
	enum kw_repeat (*repeat)(const struct kw_job *job, const struct kw_leaf *leaf,
				 int16_t code);
	/* Puts the pieces' responses together; NULL: kw_merge(). */
	int (*merge)(struct kw_job *job, void **response, struct kwire_error *error);
	const struct kw_singles *singles; /* NULL: its requests have one form */
};

struct kw_job {
	struct kwire_client *client;
	const struct kwire_api *api;
	const struct kwire_route *route;
	const struct kwire_target *target;
	const void *request;
	struct kwire_send_options options; /* complete */
	int64_t started_ms;
	int64_t deadline_ms;
	int32_t reached_id; /* who the last sending was to; -1: a bootstrap server */
	int64_t pause_ms;   /* the last one; -1: none yet */
	bool fresh;         /* a cluster of one broker may be one no longer: look up */
	bool single;        /* one request for each leaf: there is a broker without batches */
	bool sharded;       /* leave the pieces as they are */
	struct kw_leaf *leaves;
	int32_t leaf_count;
	struct kw_leaf few[4];
	struct kw_piece *pieces; /* of all rounds */
	int32_t piece_count;
	int32_t piece_capacity;
	void *response; /* in the end, or NULL */
	struct kwire_error error;
};

/* Sends `request` to a broker (-1: any), as the job's call, or starts it; no routing. */
int kw_job_send(struct kw_job *job, int32_t broker_id, const void *request, void **response,
		struct kwire_call **call, struct kwire_error *error);

/* The edge: 0 with kw_job_end() to follow. */
struct kw_edge;
int kw_job_begin(struct kw_job *job, struct kw_edge *edge, const struct kwire_target *target,
		 struct kwire_client *client, const struct kwire_api *api, const void *request,
		 const struct kwire_send_options *options, struct kwire_error *error);
int kw_job_end(struct kw_job *job, const struct kw_edge *edge, int result,
	       struct kwire_error *error);

/* A request that the client makes for itself, to any broker. */
int kw_ask_any(struct kwire_client *client, const struct kwire_api *api, const void *request,
	       const struct kwire_send_options *options, int64_t deadline_ms, void **response,
	       struct kwire_error *error);

/* Whether a failed sending may be repeated, elsewhere perhaps. */
bool kw_job_may_repeat(const struct kw_job *job, struct kw_leaf *leaf,
		       const struct kwire_error *error);

/* Whether the caller would rather wait than hear that nobody can be reached. */
bool kw_job_waits(const struct kw_job *job);

/* Waits before another round, longer each time; false: no time is left. */
bool kw_job_pause(struct kw_job *job);

/* The one broker of a cluster that has no other, -1: look the leaves up. */
int32_t kw_job_only_broker(struct kw_job *job);

/* The lane that the job's request goes to. */
enum kw_lane kw_job_lane(const struct kw_job *job);

int kw_route_whole(struct kw_job *job);
int kw_route_pieces(struct kw_job *job);
void kw_job_free_pieces(struct kw_job *job);

/* Finds the leaves of the job's request. */
int kw_leaves_new(struct kw_job *job);

/* One leaf: the request itself. */
static inline void kw_leaves_whole(struct kw_job *job)
{
	job->leaves = job->few;
	job->leaf_count = 1;
	memset(job->leaves, 0, sizeof(*job->leaves));
	job->leaves->piece = -1;
}

void kw_leaves_free(struct kw_job *job);

/* The key of a leaf: topic, group, ...; of a request that stays whole, its own. */
struct kwire_string kw_leaf_key(const struct kw_job *job, const struct kw_leaf *leaf);
int32_t kw_leaf_partition(const struct kw_job *job, const struct kw_leaf *leaf);
struct kwire_uuid kw_leaf_topic_id(const struct kw_job *job, const struct kw_leaf *leaf);
int8_t kw_leaf_type(const struct kw_job *job, const struct kw_leaf *leaf);

/* Finds the answers of the piece's leaves in its response. */
void kw_leaves_match(struct kw_job *job, int32_t piece);

/* The code of a leaf's answer; of a whole request, see kw_response_code(). */
int16_t kw_leaf_code(const struct kw_job *job, const struct kw_leaf *leaf);

/*
 * The code in a response for which the whole request may be sent again: one
 * that is not KW_ANSWER, at the top, or of every item (of some item, where
 * repeating does no harm).
 */
int16_t kw_response_code(const struct kw_job *job, const void *response);

/* Reads, or sets, an array that is a member, by its offset. */
const char *kw_items_at(const void *structure, const struct kw_level *level, int32_t *count);

void kw_items_set(char *structure, uint16_t offset, char *items, int32_t count);

/* The part of the request for the leaves of a piece: one block, to be freed. */
int kw_cut(struct kw_job *job, int32_t piece, void **request, struct kwire_error *error);

/* One response from all pieces that have one, which are taken over; `piece` -1: all. */
int kw_merge(struct kw_job *job, int32_t piece, void **response, struct kwire_error *error);

#endif
