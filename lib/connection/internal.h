/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection, for the files of this directory only.  Who does what:
 *
 *   connection.c  making, references, ending; small questions; opening
 *   thread.c      the connection's thread: set-up, then serving
 *   baton.c       whose turn it is to read
 *   read.c        one step of reading, by whoever has the baton
 *   setup.c       ApiVersions
 *   reauth.c      renewing a SASL session
 *   submit.c      a place in flight, an id, the queue
 *   write.c       the write token
 *   finish.c      how calls end, and how the connection dies
 *   call.c        one call's life; results
 *   handle.c      handles of started calls
 *   spare.c       calls to use again
 *   watch.h       what is measured, for hooks
 *
 * One lock guards it.  No system call, callback or allocation happens under
 * that lock: what has to follow a change is noted in a struct kw_after and
 * done by kw_leave(), which drops the lock first.
 */
#ifndef KW_CONNECTION_INTERNAL_H
#define KW_CONNECTION_INTERNAL_H

#include <stdatomic.h>

#include "../base/cancel.h"
#include "../base/fork.h"
#include "../base/lock.h"
#include "../base/park.h"
#include "../base/waker.h"
#include "../transport/socket.h"
#include "baton.h"
#include "call.h"
#include "connection.h"
#include "pending.h"
#include "reauth.h"
#include "receiver.h"
#include "spare.h"

enum {
	KW_REQUEST_MOST = 104857600, /* bytes: what a broker takes by default */
	KW_HELD_MOST = 65536,        /* bytes that KWIRE_MORE may hold back */
	KW_GATHER_PIECES = 128,      /* of one writev */
	KW_WAKES = 128,              /* to be noted at once */
	KW_WAKES_FEW = KW_WAKES / 4, /* more than this: let them go first */
	KW_FIRST_ID = 16,            /* ids below are of set-up */
	KW_RETRY_WRITE_MS = 5,       /* where a transport cannot say when it is writable */
	/* How long after its end set-up is called stuck: in getaddrinfo(3), and elsewhere. */
	KW_SETUP_GRACE_MS = 10,
	KW_SETUP_GRACE_LONG_MS = 1000,
};

/* One who waits for READY, or for a place in flight.  On its thread's stack. */
struct kw_waiter {
	struct kw_waiter *next;
	struct kw_waiter *previous;
	struct kw_park *park;
	bool granted; /* a place is reserved */
};

struct kw_waiters {
	struct kw_waiter *first;
	struct kw_waiter *last;
};

/* What must happen once the lock is dropped. */
struct kw_after {
	int wake_count;
	bool wake_thread;           /* it has to look at its deadline again */
	bool wake_writable;         /* ask the transport to tell it when bytes can leave */
	bool kick;                  /* the caller who reads, if it can be called off */
	bool shutdown;              /* of the transport; and of connecting */
	struct kwire_call *orphans; /* finished */
	struct kw_park *wakes[KW_WAKES];
};
static inline void kw_after_init(struct kw_after *after)
{
	after->wake_count = 0;
	after->wake_thread = after->wake_writable = after->kick = after->shutdown = false;
	after->orphans = NULL;
}

enum kw_thread_state {
	KW_THREAD_RUNNING,
	KW_THREAD_FOREIGN, /* inside getaddrinfo(3): cannot be waited for */
	KW_THREAD_ENDED,   /* touches nothing any more but its reference */
	KW_THREAD_GONE,    /* joined, or detached */
};

struct kwire_connection {
	/* Set when made, never changed. */
	struct kw_memory *memory;
	struct kwire_config *config;
	char *host;
	int port;
	int32_t node_id;
	unsigned fork_generation; /* of the process that made it */
	int64_t setup_timeout_ms;
	int64_t setup_deadline_ms;
	int64_t max_idle_ms; /* -1: it does not retire by itself */
	int16_t versions_start;
	bool own_transport; /* the program's: it cannot be dialled again */
	int64_t begun_us;   /* the thread's own, where it is watched: see watch.h */
	int64_t ready_us;
	struct kwire_string client_id;
	struct kw_connection_events events;
	struct kw_waker waker; /* ends a connecting; then the socket's */
	struct kw_park_lot lot;

	/* Atomic. */
	atomic_uint references;
	atomic_int state;      /* enum kw_connection_state; written under the lock */
	atomic_int in_flight;  /* pending.used, for those who only look */
	atomic_size_t largest; /* response that any request may have */
	_Atomic int64_t last_used_ms;
	_Atomic int64_t throttled_until_ms; /* only ever raised */
	atomic_int versions_next;           /* kw_connection_versions_start() */
	atomic_bool retired;                /* it was idle; set before DEAD */

	struct kw_spares spares; /* with a lock of its own */

	/* Set by the thread before READY, read after it. */
	struct kwire_versions *versions;

	struct kw_mutex lock;

	/* Life. */
	struct kwire_error cause KW_GUARDED_BY(lock); /* once DEAD: never changes again */
	enum kwire_phase phase KW_GUARDED_BY(lock);   /* of set-up */
	char address[KW_ADDRESS_TEXT] KW_GUARDED_BY(lock);
	bool muted KW_GUARDED_BY(lock); /* no event any more */
	bool planned; /* set before it is DEAD, read after: it was closed from here */
	enum kw_thread_state thread_state KW_GUARDED_BY(lock);
	pthread_t thread;
	struct kw_waiters setup_waiters KW_GUARDED_BY(lock);
	struct kw_cond changed; /* transport_users or thread_state: those who end wait on it */

	/* The transport: closed by the thread, when nobody else uses it any more. */
	const struct kwire_transport_ops *ops KW_GUARDED_BY(lock);
	void *transport KW_GUARDED_BY(lock);
	int transport_users KW_GUARDED_BY(lock);

	/* Requests. */
	struct kw_pending pending KW_GUARDED_BY(lock);
	uint32_t reserved KW_GUARDED_BY(lock); /* places granted and not yet taken */
	uint32_t one_way
		KW_GUARDED_BY(lock); /* requests without an answer that did not leave yet */
	struct kw_waiters place_waiters KW_GUARDED_BY(lock);
	int64_t last_byte_ms KW_GUARDED_BY(lock);
	int64_t alarm_ms KW_GUARDED_BY(lock); /* when the thread will look by itself */

	/* The queue of frames, and the token: whoever writes holds it. */
	struct kwire_call *queue_first KW_GUARDED_BY(lock);
	struct kwire_call *queue_last KW_GUARDED_BY(lock);
	size_t queue_bytes KW_GUARDED_BY(lock); /* not yet written */
	bool token_held KW_GUARDED_BY(lock);
	bool blocked KW_GUARDED_BY(lock); /* the transport is full; the thread will go on */
	bool relayed KW_GUARDED_BY(lock); /* who wrote has done enough; the thread will go on */
	bool stalled KW_GUARDED_BY(lock); /* it was full, and took nothing since; */
	int64_t stalled_ms KW_GUARDED_BY(lock); /* since when */
	/* Writing failed: who reads reads off what came, and ends it. */
	bool broken KW_GUARDED_BY(lock);
	bool cut KW_GUARDED_BY(lock); /* for that, the transport was shut down */
	struct kwire_error write_error KW_GUARDED_BY(lock);

	struct kw_reauth reauth; /* it says what the lock guards */

	struct kw_baton baton; /* guarded by the lock */

	/* Of whoever has the baton. */
	struct kw_receiver receiver;
};

/* -- finish.c: with the lock ------------------------------------------------ */

void kw_lock(struct kwire_connection *connection) KW_ACQUIRE(connection->lock);

/* Drops the lock and does what was noted, which is then empty again. */
void kw_leave(struct kwire_connection *connection, struct kw_after *after)
	KW_RELEASE(connection->lock);

/* The same, and takes the lock again, when there is much to wake. */
void kw_breathe_locked(struct kwire_connection *connection, struct kw_after *after)
	KW_REQUIRES(connection->lock);

void kw_note_wake(struct kw_after *after, struct kw_park *park);

/* Ends a call that has not ended. */
void kw_end_locked(struct kwire_connection *connection, struct kwire_call *call, int result,
		   struct kw_response *response, struct kw_after *after)
	KW_REQUIRES(connection->lock);

/* The same, with the cause of the connection's death. */
void kw_end_by_death_locked(struct kwire_connection *connection, struct kwire_call *call,
			    struct kw_after *after) KW_REQUIRES(connection->lock);

/* Makes an ended call done, unless its frame is being read or needs its caller's memory. */
void kw_publish_locked(struct kwire_connection *connection, struct kwire_call *call,
		       struct kw_after *after) KW_REQUIRES(connection->lock);

/* Ends a call whose owner gives up: takes it out of the queue, or leaves a tombstone. */
void kw_give_up_locked(struct kwire_connection *connection, struct kwire_call *call, int result,
		       struct kw_after *after) KW_REQUIRES(connection->lock);

/* Replaces what the frame of an ended call borrows, so that the call can be done. */
void kw_detach_locked(struct kwire_connection *connection, struct kwire_call *call,
		      struct kw_after *after) KW_REQUIRES(connection->lock);

/* Frees a slot, and lets in who waits for one. */
void kw_free_slot_locked(struct kwire_connection *connection, struct kw_slot *slot,
			 struct kw_after *after) KW_REQUIRES(connection->lock);
/* Lets in the first who waits, if there is a place; who is let in calls it for the next. */
void kw_grant_locked(struct kwire_connection *connection, struct kw_after *after)
	KW_REQUIRES(connection->lock);

/* Makes the connection DEAD, unless it is, and ends all its calls. */
void kw_die_locked(struct kwire_connection *connection, const struct kwire_error *cause,
		   struct kw_after *after) KW_REQUIRES(connection->lock);

/* "host:port: " before the message, and the broker's fields. */
void kw_name_broker(struct kwire_connection *connection, const char *address,
		    struct kwire_error *error);

void kw_waiters_add(struct kw_waiters *waiters, struct kw_waiter *waiter);
/* Takes one that is not in the list, too. */
void kw_waiters_remove(struct kw_waiters *waiters, struct kw_waiter *waiter);

/* Where requests and places left over are counted. */
static inline bool kw_has_place_locked(struct kwire_connection *connection)
	KW_REQUIRES(connection->lock)
{
	return (int64_t)connection->pending.used + connection->reserved + connection->one_way <
	       connection->config->settings.max_in_flight;
}

/* Whether a request of `slot` waits for the token's holder, no byte of it being out. */
static inline bool kw_is_unsent_locked(const struct kw_slot *slot)
{
	return slot->call != NULL && slot->call->queued && slot->call->written == 0;
}

/* -- submit.c --------------------------------------------------------------- */

/* Whether nothing is in flight, waiting or queued. */
static inline bool kw_is_unused_locked(const struct kwire_connection *connection)
	KW_REQUIRES(connection->lock)
{
	return connection->pending.used == 0 && connection->reserved == 0 &&
	       connection->queue_first == NULL;
}

/* The thread's own alarm, for a request queued now. */
int64_t kw_patience_ms(const struct kwire_connection *connection, int32_t wait_ms);

/* -- write.c ---------------------------------------------------------------- */

void kw_queue_locked(struct kwire_connection *connection, struct kwire_call *call)
	KW_REQUIRES(connection->lock);
void kw_unqueue_locked(struct kwire_connection *connection, struct kwire_call *call)
	KW_REQUIRES(connection->lock);

/* Writes the queue, if nobody does and the transport is not full.  Drops the lock meanwhile. */
void kw_flush_locked(struct kwire_connection *connection, struct kw_after *after)
	KW_REQUIRES(connection->lock);

/* -- read.c ----------------------------------------------------------------- */

enum kw_way {
	KW_READ,             /* the thread's: woken by wake */
	KW_RECEIVE,          /* a caller's: ended by nothing but time, bytes or the end */
	KW_RECEIVE_KICKABLE, /* a caller's, who may be called off */
};

/*
 * Reads once and hands over what came, without the lock, for who has the baton.
 * How many bytes came; KWIRE_ETIMEDOUT, KWIRE_ECANCELED: none; another negative
 * result: the connection is to die of `error`.
 */
ssize_t kw_read_some(struct kwire_connection *connection, enum kw_way way, int64_t until_ms,
		     struct kwire_error *error);

static inline bool kw_is_fatal(ssize_t got)
{
	return got < 0 && got != KWIRE_ETIMEDOUT && got != KWIRE_ECANCELED;
}

void kw_note_bytes_locked(struct kwire_connection *connection, int64_t now_ms)
	KW_REQUIRES(connection->lock);

/* When the oldest request will have waited long enough to call the broker dead. */
int64_t kw_silent_ms_locked(struct kwire_connection *connection, int64_t now_ms)
	KW_REQUIRES(connection->lock);

/* -- baton.c ---------------------------------------------------------------- */

/* Who will read the answer of a call; that may need the thread: offer the baton then. */
void kw_baton_attend_locked(struct kwire_connection *connection, struct kwire_call *call,
			    enum kw_attention attention) KW_REQUIRES(connection->lock);

/* A call ended: nobody has to read for it. */
void kw_baton_end_locked(struct kwire_connection *connection, struct kwire_call *call)
	KW_REQUIRES(connection->lock);

/* Gives the baton, if it is free, to who needs it. */
void kw_baton_offer_locked(struct kwire_connection *connection, struct kw_after *after)
	KW_REQUIRES(connection->lock);

/* Reads what is there, without waiting, if nobody reads. */
void kw_baton_glance(struct kwire_connection *connection);

/* Whether the thread reads now; else until when it watches. */
bool kw_baton_turn_locked(struct kwire_connection *connection, int64_t now_ms, int64_t *until_ms,
			  struct kw_after *after) KW_REQUIRES(connection->lock);

/* -- thread.c and setup.c --------------------------------------------------- */

void *kw_connection_run(void *connection);

/*
 * Asks for the broker's versions, beginning with `start` (-1: the newest).
 * `*reset`: the peer hung up without a word.
 */
int kw_setup_versions(struct kwire_connection *connection, const struct kwire_transport_ops *ops,
		      void *transport, int16_t start, int64_t deadline_ms, bool *reset,
		      struct kwire_error *error);

static inline enum kw_connection_state kw_state(struct kwire_connection *connection)
{
	return (enum kw_connection_state)atomic_load_explicit(&connection->state,
							      memory_order_acquire);
}

/* -- the edge: what public functions do first ------------------------------- */

static inline bool kw_connection_forked(const struct kwire_connection *connection)
{
	return connection->fork_generation != kw_fork_generation();
}

/* In a child, where the connection itself may be gone. */
static inline bool kw_call_forked(const struct kwire_call *call)
{
	return call->fork_generation != kw_fork_generation();
}

int kw_fail_forked(struct kwire_error *error);

#endif
