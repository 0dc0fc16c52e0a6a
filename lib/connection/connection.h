/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the pool needs of a connection beyond kwire/connection.h: opening one
 * without blocking, hearing when it is ready and when it died, and counting
 * references.  Included by lib/client and by lib/connection; knows nothing of
 * pools, metadata or other brokers.
 *
 * A connection is SETUP from its making, READY once versions are negotiated,
 * DEAD from the first fatal cause on.  It never goes back.  Its thread starts
 * with it and ends after it died.  Calls made in SETUP wait, each within its
 * own deadline, and go out in READY.
 */
#ifndef KW_CONNECTION_H
#define KW_CONNECTION_H

#include <kwire/connection.h>

#include "../config/config.h"
#include "versions.h"

enum kw_connection_state {
	KW_CONNECTION_SETUP,
	KW_CONNECTION_READY,
	KW_CONNECTION_DEAD,
};

/*
 * What a connection tells its owner.  No lock is held in any of them, and none
 * is called any more once kw_connection_join() has returned 0.  They may call
 * anything on the connection but kw_connection_join().
 */
struct kw_connection_events {
	void *context;

	/* On the connection's thread: versions are known, calls go out. */
	void (*ready)(void *context, struct kwire_connection *connection);

	/* On the connection's thread, once, also for one that was never ready or was shut down. */
	void (*dead)(void *context, struct kwire_connection *connection,
		     const struct kwire_error *cause);
};

struct kw_connection_options {
	const char *host; /* copied; a name or address, IPv6 without brackets */
	int port;
	int32_t node_id;          /* for errors; -1 where not known */
	int64_t setup_timeout_ms; /* -1: socket.connection.setup.timeout.ms */
	int64_t max_idle_ms;      /* unused for so long it retires by itself; -1: never */
	int16_t versions_start;   /* first ApiVersions version to try; -1: our newest.  See
				     kw_connection_versions_start() */
	const struct kwire_transport_ops
		*ops; /* a transport of the program's instead of dialling */
	void *transport;
	struct kw_connection_events events; /* copied; any may be NULL */
};

/*
 * Makes a connection and starts its thread; does not wait for anything.
 * `config` is a frozen one, of which the connection takes a reference, with
 * kw_security_attach() done.  The
 * caller holds one reference to the connection, its thread another.  On
 * failure (KWIRE_ENOMEM, KWIRE_ELIMIT: no thread or descriptor to be had)
 * nothing was started, no event will come, and a transport in `options` was
 * closed.
 */
int kw_connection_new(struct kwire_config *config, const struct kw_connection_options *options,
		      struct kwire_connection **connection, struct kwire_error *error);
struct kwire_connection *kw_connection_get(struct kwire_connection *connection);
void kw_connection_put(struct kwire_connection *connection);

/*
 * In a child of fork(2), instead of everything else: closes the connection's
 * descriptors and frees what is its own.  Its threads do not exist there and
 * its locks may be held for ever, so it touches neither.  A handle of a call
 * that is still under way may not be used after it.
 */
void kw_connection_abandon(struct kwire_connection *connection);

/* Reads an atomic; `cause` of kw_connection_cause() is set once this says DEAD. */
enum kw_connection_state kw_connection_state(struct kwire_connection *connection);

/* The first fatal cause; false while it lives. */
bool kw_connection_cause(struct kwire_connection *connection, struct kwire_error *cause);

/* Waits until READY (0), DEAD (its cause) or the deadline (KWIRE_ETIMEDOUT). */
int kw_connection_wait_ready(struct kwire_connection *connection, int64_t deadline_ms,
			     struct kwire_error *error);

/*
 * kwire_connection_send() and kwire_connection_start() with the caller's own
 * deadline: `started_ms` is when the call began (for error.elapsed_ms), and
 * `deadline_ms` is absolute.  timeout_ms and broker_id in `options` are not
 * looked at.  Where the error says KWIRE_NOT_SENT, the call may be made again
 * on another connection.
 */
int kw_connection_send(struct kwire_connection *connection, const struct kwire_api *api,
		       const void *request, void **response,
		       const struct kwire_send_options *options, int64_t started_ms,
		       int64_t deadline_ms, struct kwire_error *error);
int kw_connection_start(struct kwire_connection *connection, const struct kwire_api *api,
			const void *request, const struct kwire_send_options *options,
			int64_t started_ms, int64_t deadline_ms, struct kwire_call **call,
			struct kwire_error *error);

/* A copy of the caller's options, NULL too, in which what its struct lacks is the default. */
int kw_send_options_read(const struct kwire_send_options *given, struct kwire_send_options *options,
			 struct kwire_error *error);

/* Writes out what KWIRE_MORE held back, without blocking. */
void kw_connection_flush(struct kwire_connection *connection);

/* Ids in use: requests not answered, abandoned ones included.  Reads an atomic. */
int kw_connection_in_flight(struct kwire_connection *connection);

/* Monotonic time of the last call's begin or last byte's arrival, for idle closing. */
int64_t kw_connection_last_used_ms(struct kwire_connection *connection);

/*
 * Until when the answers that callers took ask the client to wait (KIP-219), 0: they never did.
 * Reads an atomic.
 */
int64_t kw_connection_throttled_until_ms(struct kwire_connection *connection);

/*
 * 0 where this peer answered ApiVersions only after it had reset newer ones:
 * what to give as versions_start next time.  -1: nothing to remember.
 */
int16_t kw_connection_versions_start(struct kwire_connection *connection);

/*
 * Makes it DEAD with `cause` (NULL: KWIRE_ECLOSED) unless it is: everything in
 * flight and every later call fails with it.  Does not wait.
 */
void kw_connection_kill(struct kwire_connection *connection, const struct kwire_error *cause);

/*
 * Makes it DEAD for idleness if nothing is in flight, waiting or queued, as one
 * step; false: it is in use.
 */
bool kw_connection_retire(struct kwire_connection *connection);

/* Whether idleness is what it died of, by kw_connection_retire() or by itself. */
bool kw_connection_is_retired(struct kwire_connection *connection);

/*
 * Waits until the thread of a killed connection has ended: 0, or
 * KWIRE_ETIMEDOUT.  A thread inside getaddrinfo(3) is not waited for but left
 * behind (0 at once): it touches nothing of the program's any more and frees
 * itself.  One thread at a time.
 */
int kw_connection_join(struct kwire_connection *connection, int64_t deadline_ms);

#endif
