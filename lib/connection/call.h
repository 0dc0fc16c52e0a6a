/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request and what becomes of it, inside the connection.
 *
 * A call is made by its owner (the thread that sends, or a handle), is encoded,
 * queued, written, answered.  It ENDS once, under the connection's lock, with a
 * result; it is DONE, a store with release order and the last touch by anyone
 * but its owner, when besides nobody reads its frame any more.  Between the
 * two lies at most one system call of the thread that writes.
 *
 * An owner who leaves a frame behind that is partly written gives the call up
 * to the connection, which finishes the frame: an orphan.
 */
#ifndef KW_CALL_H
#define KW_CALL_H

#include <stdatomic.h>

#include <kwire/call.h>

#include "../base/park.h"
#include "../protocol/frame.h"
#include "baton.h"

struct kw_response;
struct kwire_connection;

struct kwire_call {
	/* The owner's, set before the call is submitted. */
	struct kwire_connection *connection; /* a handle holds a reference to it */
	const struct kwire_api *api;         /* NULL: raw */
	int16_t api_key;
	int16_t version;
	bool flexible; /* of a raw call */
	bool one_way;
	bool more;                /* may be held back */
	bool handle;              /* started: the program has it */
	bool taken;               /* the result was given out */
	unsigned fork_generation; /* of the process that made it */
	int32_t wait_ms;          /* the request's own wait field */
	size_t largest;           /* response allowed */
	int64_t started_ms;
	int64_t deadline_ms;
	struct kw_frame frame;
	struct kw_park *own_park; /* borrowed for as long as the call is kept */
	int64_t queued_us;        /* where it is watched, until its end is told: see watch.h */
	size_t response_bytes;

	/* Who writes it, while `writing` and `watched`; then the owner's. */
	int64_t written_us;

	/* Under the connection's lock. */
	struct kwire_call *previous; /* in the queue */
	struct kwire_call *next;     /* in the queue, or in a list of finished orphans */
	struct kw_park *park;        /* who waits, NULL: nobody */
	size_t written;              /* bytes of the frame that left */
	int32_t id;
	struct kwire_call *parked_previous; /* in the line for the baton */
	struct kwire_call *parked_next;
	bool parked;
	enum kw_attention attention;
	bool queued;
	bool writing; /* the token's holder reads the frame, outside the lock */
	bool copying; /* its owner replaces borrowed memory, outside the lock */
	bool ended;
	bool by_death; /* ended with the connection's cause */
	bool orphan;
	bool unfinished; /* done, but its frame is not: still queued */
	int result;
	enum kwire_outcome outcome;
	struct kw_response *response;
	int16_t ahead_key; /* of a call that timed out: the older one it waited behind, -1: none */
	int64_t ahead_ms;  /* for how long that one had waited */
	int64_t ended_ms;
	int64_t first_byte_us; /* where it is watched: see watch.h */
	int64_t done_us;
	bool watched; /* whoever writes it may tell of it */

	atomic_bool granted; /* its owner was given the baton */
	atomic_bool done;
};

/* A call to use, from the connection's spares or new; NULL: out of memory. */
struct kwire_call *kw_call_new(struct kwire_connection *connection);

/* Its owner's last touch: back to the spares, or left to the connection as an orphan. */
void kw_call_release(struct kwire_call *call);

/* Frees one that nobody refers to, whatever it holds. */
void kw_call_destroy(struct kwire_call *call);

/* Lends the call a park to wait on, for as long as it is kept; KWIRE_ENOMEM. */
int kw_call_lend_park(struct kwire_call *call);

/*
 * Waits for a place in flight, within the call's deadline, queues the call and
 * writes what may be written.  On failure nothing was queued.
 */
int kw_call_submit(struct kwire_call *call, struct kwire_error *error);

/*
 * Waits until the call is done or `until_ms` (false), reading for it and for
 * others when nobody else does (baton.c); its own deadline ends the call.  The
 * call has a park lent.
 */
bool kw_call_await(struct kwire_call *call, int64_t until_ms);

/* Ends the call for its owner or a canceller, unless it ended.  Does not block. */
void kw_call_give_up(struct kwire_call *call, int result);

static inline bool kw_call_is_done(struct kwire_call *call)
{
	return atomic_load_explicit(&call->done, memory_order_acquire);
}

/* The result of a done call: decodes the response, or fills the error. */
int kw_call_take(struct kwire_call *call, void **response, struct kwire_error *error);

#endif
