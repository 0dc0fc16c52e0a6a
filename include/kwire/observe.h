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
	const struct kwire_error *cause; /* of `disconnected` */
	bool planned; /* it was closed from here, for idleness or on the program's wish */
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

/* -- statistics ---------------------------------------------------------------- */

/*
 * Keeps statistics of each client or connection that is opened with `config`
 * from now on, and remembers its last requests: `recent.requests` of them.
 * Takes some 1.3 KB a broker and 64 bytes a request.  KWIRE_EINVAL: asked for already;
 * KWIRE_ENOMEM.
 */
KWIRE_API int kwire_config_keep_stats(struct kwire_config *config, struct kwire_error *error);

enum kwire_broker_state {
	KWIRE_BROKER_IDLE = 0, /* no connection, and the last one was no failure */
	KWIRE_BROKER_UP = 1,   /* at least one connection is ready */
	KWIRE_BROKER_DOWN = 2, /* no connection: it could not be reached, or broke off */
};

/* How long calls took, from being queued to being done; those that were answered. */
struct kwire_latency {
	uint64_t count;
	int64_t sum_us;
	int64_t p50_us; /* quantiles: at most 7 % off */
	int64_t p90_us;
	int64_t p99_us;
	int64_t p999_us;
	int64_t max_us; /* exact */
};

enum {
	KWIRE_STATS_RESULTS = 32,
};

/* Of one broker, or of all.  Counts begin with the opening. */
struct kwire_counts {
	uint64_t calls;         /* that came to an end, well or not */
	uint64_t requests;      /* that were written */
	uint64_t in_flight;     /* written, their end not yet seen by their callers */
	uint64_t request_bytes; /* of what was written */
	uint64_t response_bytes;
	uint64_t results[KWIRE_STATS_RESULTS]; /* calls by result, negated: [0] went well */
	uint64_t maybe_applied;                /* failed, and may have been applied */
	uint64_t connects;                     /* connections that became ready */
	uint64_t reconnects;                   /* those that were not the broker's first */
	uint64_t connect_failures;
	uint64_t disconnects; /* of ready connections, that the program did not ask for */
	uint64_t throttles;
	int64_t throttled_ms; /* asked for in all */
	struct kwire_latency latency;
};

struct kwire_broker_stats {
	size_t size;     /* sizeof(struct kwire_broker_stats) */
	int32_t node_id; /* -1: a bootstrap server, or no client */
	int32_t port;
	const char *host;
	enum kwire_broker_state state;
	int32_t connections; /* ready ones */
	int64_t last_us;     /* the last time that anything happened */
	struct kwire_counts counts;
};

/* A snapshot.  Owns all that it points to. */
struct kwire_stats {
	size_t size; /* sizeof(struct kwire_stats) */
	int64_t at_us;
	int64_t opened_us;
	const char *client_id;
	int32_t broker_count;
	const struct kwire_broker_stats *const *brokers; /* ascending: node_id, host, port */
	struct kwire_counts total;
};

/*
 * What was counted up to now: `*stats` is for kwire_stats_free().  Does not
 * block.  KWIRE_EINVAL: kwire_config_keep_stats() was not called before the
 * opening; KWIRE_ENOMEM.  Any thread; the snapshot outlives the client.
 */
KWIRE_API int kwire_client_stats(struct kwire_client *client, struct kwire_stats **stats,
				 struct kwire_error *error);
KWIRE_API int kwire_connection_stats(struct kwire_connection *connection,
				     struct kwire_stats **stats, struct kwire_error *error);
KWIRE_API void kwire_stats_free(struct kwire_stats *stats);

/* Name of a state: "idle", "up", "down".  Static string.  Any thread. */
KWIRE_API const char *kwire_broker_state_name(enum kwire_broker_state state);

/* Takes `size` bytes of text, which may end anywhere; a result other than 0 stops the writer. */
typedef int kwire_write_function(void *context, const char *text, size_t size);

/*
 * Writes a snapshot in the text format of Prometheus (version 0.0.4), families
 * named kwire_…, labelled by client and broker.  Returns what `write` returned.
 */
KWIRE_API int kwire_stats_prometheus(const struct kwire_stats *stats, kwire_write_function *write,
				     void *context);

/*
 * The same into `buffer` (`capacity` bytes), NUL-terminated; `*size` is the
 * text's size without it.  KWIRE_ETOOLARGE: it does not fit, `*size` says what
 * it takes.
 */
KWIRE_API int kwire_stats_prometheus_text(const struct kwire_stats *stats, char *buffer,
					  size_t capacity, size_t *size);

/* -- the last requests --------------------------------------------------------- */

/*
 * Writes a line for each request that is remembered, oldest first, and what is
 * in flight among them; nothing where kwire_config_keep_stats() was not called.
 * `write` is given whole lines.  These are async-signal-safe if `write` is: a
 * crash handler may call them, whatever the threads were doing.
 */
KWIRE_API void kwire_client_recent(struct kwire_client *client, kwire_write_function *write,
				   void *context);
KWIRE_API void kwire_connection_recent(struct kwire_connection *connection,
				       kwire_write_function *write, void *context);

/* The same to a descriptor, with write(2). */
KWIRE_API void kwire_client_dump_recent(struct kwire_client *client, int fd);

/* -- a trace of the wire ------------------------------------------------------- */

enum kwire_trace_flag {
	KWIRE_TRACE_NO_TIMES = 1 << 0, /* so that two traces can be compared */
};

/*
 * Writes what a frame holds, each line indented by four spaces, to `write`:
 * kwire_trace_fields() of kwire/json.h is one.  `frame` is contiguous, its
 * length word left out.
 */
typedef void kwire_trace_function(const struct kwire_frame_event *event, const uint8_t *frame,
				  size_t size, kwire_write_function *write, void *context);

struct kwire_trace {
	size_t size; /* sizeof(struct kwire_trace) */
	/* Is given all that is told of one frame or event at a time, whole lines; any thread. */
	kwire_write_function *write;
	void *context;
	kwire_trace_function *fields; /* NULL: hex */
	unsigned flags;               /* enum kwire_trace_flag */
};

#define KWIRE_TRACE_INIT                                         \
	{                                                        \
		sizeof(struct kwire_trace), NULL, NULL, NULL, 0U \
	}

/*
 * Traces what is opened with `config` from now on: each request and response
 * with its API, version and correlation id, logins too, and the beginning and
 * end of connections.  Passwords, tokens, HMACs and the like are masked; in hex,
 * messages that may hold some are left out.  KWIRE_EINVAL: no size or no
 * `write`; else as kwire_config_add_hooks().
 */
KWIRE_API int kwire_config_trace(struct kwire_config *config, const struct kwire_trace *trace,
				 struct kwire_error *error);

#ifdef __cplusplus
}
#endif

#endif
