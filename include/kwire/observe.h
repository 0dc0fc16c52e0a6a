/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watching a client or a connection: hooks, statistics, the last requests, and
 * a trace of what goes over the wire.  Everything here is asked of a config
 * before it is opened, costs a test of one pointer per call where it is not
 * asked for, and is linked only where it is called.
 *
 * Hooks run with no lock of kwire's held, on the thread to which the thing
 * happened: a caller's or a connection's.  They should not block for long, and
 * must not close the client or connection.  Events and what they point to are
 * borrowed until the hook returns.  Times are microseconds on the monotonic
 * clock, 0: it did not happen.  docs/observing.md shows all of it at work.
 */
#ifndef KWIRE_OBSERVE_H
#define KWIRE_OBSERVE_H

#include <sys/types.h>
#include <sys/uio.h>

#include <kwire/client.h>
#include <kwire/connection.h>

#ifdef __cplusplus
extern "C" {
#endif

/* -- hooks ------------------------------------------------------------------- */

/* Whom it happened with. */
struct kwire_peer {
	const void *connection; /* tells connections apart; 0: none yet */
	const char *host;       /* as configured or advertised */
	const char *address;    /* numeric, "" while not known */
	int32_t port;
	int32_t node_id; /* -1: a bootstrap server, or a connection without a client */
};

/* A connection became ready, or ended. */
struct kwire_connection_event {
	size_t size; /* sizeof(struct kwire_connection_event) */
	struct kwire_peer peer;
	int64_t begun_us;                /* set-up began */
	int64_t ready_us;                /* versions were negotiated; 0: it never got so far */
	int64_t ended_us;                /* of `disconnected` */
	const struct kwire_error *cause; /* of `disconnected`; KWIRE_ECLOSED: the program's wish */
};

/* A request on its way, or at its end. */
struct kwire_request_event {
	size_t size; /* sizeof(struct kwire_request_event) */
	struct kwire_peer peer;
	int16_t api_key;
	int16_t api_version;
	int32_t correlation_id;
	size_t request_bytes;  /* on the wire, length word included */
	size_t response_bytes; /* 0: none came */
	int64_t queued_us;     /* handed to the connection */
	int64_t written_us;    /* its last byte was given to the transport */
	int64_t first_byte_us; /* of its response */
	int64_t done_us;       /* the response was there, or the call had failed */
	int result;            /* of `done`: enum kwire_result */
	enum kwire_outcome outcome;
};

/* A response asked for a pause (KIP-219) that this client keeps. */
struct kwire_throttle_event {
	size_t size; /* sizeof(struct kwire_throttle_event) */
	struct kwire_peer peer;
	int16_t api_key;
	int32_t throttle_ms;
};

/* A whole frame, as it goes over the wire; with TLS, before or after it. */
struct kwire_frame_event {
	size_t size; /* sizeof(struct kwire_frame_event) */
	struct kwire_peer peer;
	bool response;
	int16_t api_key; /* -1: a bare SASL token of old brokers, without a header */
	int16_t api_version;
	int32_t correlation_id;
	int64_t at_us;
	const struct iovec *pieces; /* in order, length word included; may hold secrets */
	int piece_count;
	size_t bytes; /* of all pieces */
};

struct kwire_hooks {
	size_t size; /* sizeof(struct kwire_hooks) */
	void *context;
	/* A connection is ready; before any request on it. */
	void (*connected)(void *context, const struct kwire_connection_event *event);
	/* A connection ended, or could not be set up. */
	void (*disconnected)(void *context, const struct kwire_connection_event *event);
	/* A request was written. */
	void (*written)(void *context, const struct kwire_request_event *event);
	/*
	 * A call came to its end, well or not: on its caller's thread, when that
	 * takes the result or gives it up.  After `written`, if it was written.
	 */
	void (*done)(void *context, const struct kwire_request_event *event);
	void (*throttled)(void *context, const struct kwire_throttle_event *event);
	/* A request's frame was written, or a response's is about to be decoded; set-up's too. */
	void (*frame)(void *context, const struct kwire_frame_event *event);
};

#define KWIRE_HOOKS_INIT                                                             \
	{                                                                            \
		sizeof(struct kwire_hooks), NULL, NULL, NULL, NULL, NULL, NULL, NULL \
	}

/*
 * Adds hooks (copied; those that are NULL are not called) to what is opened
 * with `config` from now on.  KWIRE_EINVAL: no size; KWIRE_ELIMIT: there are
 * eight already; KWIRE_ENOMEM.  A config belongs to one thread at a time.
 */
KWIRE_API int kwire_config_add_hooks(struct kwire_config *config, const struct kwire_hooks *hooks,
				     struct kwire_error *error);

#ifdef __cplusplus
}
#endif

#endif
