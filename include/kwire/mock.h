/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Kafka cluster inside your test: real sockets on loopback, topics held in
 * memory, answers that you script and faults that you order.  Link
 * libkwire-mock.a; docs/mock.md is a tutorial.
 *
 *	struct kwire_mock *mock;
 *
 *	kwire_mock_open(NULL, &mock, &error);            three brokers
 *	... bootstrap.servers = kwire_mock_bootstrap(mock) ...
 *	kwire_mock_do(mock, "break silence api=Fetch broker=2 count=1", NULL, 0, &error);
 *	kwire_mock_close(mock);
 *
 * Caveats, before the API:
 * - A cluster is one thread.  What you call is handed to it, so every function
 *   may be called by any thread, and by a handler; kwire_mock_close() comes
 *   last and not from a handler.
 * - A handler runs on that thread: the cluster stands still until it returns,
 *   and it must not wait for the cluster (kwire_mock_wait and its like return
 *   KWIRE_EINVAL there).
 * - Like a real broker, the mock answers the requests of one connection one
 *   after another: a long poll keeps those behind it waiting.
 * - A test program's faults are deterministic: the same requests in the same
 *   order meet the same fate, random ones too, from `seed`.
 * - After fork(2) a child may not use the cluster.
 */
#ifndef KWIRE_MOCK_H
#define KWIRE_MOCK_H

#include <kwire/message.h>

#ifdef __cplusplus
extern "C" {
#endif

struct kwire_mock;

/* How a cluster is opened; NULL, or KWIRE_MOCK_OPTIONS_INIT, is three brokers on 127.0.0.1. */
struct kwire_mock_options {
	size_t size;             /* sizeof(struct kwire_mock_options) */
	int32_t brokers;         /* how many, 1 to 100; their ids are 1, 2, ... */
	int32_t port;            /* of broker 1; the others follow it.  0: free ones */
	unsigned flags;          /* enum kwire_mock_flag */
	const char *versions;    /* version table: see kwire_mock_set_versions(); NULL: newest */
	const char *host;        /* name that metadata advertises; NULL: the address listened on */
	const char *cluster_id;  /* NULL: "kwire-mock" */
	int32_t partitions;      /* of a topic created on first use */
	int32_t log_requests;    /* how many requests the log keeps; older ones are still counted */
	uint64_t seed;           /* of whatever is random; 0: 1 */
	int64_t max_bytes;       /* of records kept; beyond it the oldest are deleted */
	int64_t max_frame_bytes; /* a longer request closes its connection */
};

enum kwire_mock_flag {
	/* Listen on ::1 instead of 127.0.0.1; with both flags, on both, at the same port. */
	KWIRE_MOCK_IPV6 = 1 << 0,
	KWIRE_MOCK_IPV4 = 1 << 1,
	/* Time stands still until kwire_mock_advance() moves it. */
	KWIRE_MOCK_MANUAL_TIME = 1 << 2,
	/* A topic that nobody created is an error, not created on first use. */
	KWIRE_MOCK_NO_AUTO_CREATE = 1 << 3,
	/* No behaviour of its own: what is not scripted gets silence (ApiVersions is answered). */
	KWIRE_MOCK_BARE = 1 << 4,
};

#define KWIRE_MOCK_OPTIONS_INIT                                                           \
	{                                                                                 \
		sizeof(struct kwire_mock_options), 3, 0, 0, NULL, NULL, NULL, 1, 4096, 1, \
			(int64_t)256 << 20, (int64_t)100 << 20                            \
	}

/*
 * Opens a cluster; its brokers listen when this returns.  `options` is copied.
 * KWIRE_EINVAL: an option out of range, a version table not known;
 * KWIRE_ECONNECT: a port that cannot be had; KWIRE_ENOMEM, KWIRE_ELIMIT.
 */
KWIRE_API int kwire_mock_open(const struct kwire_mock_options *options, struct kwire_mock **mock,
			      struct kwire_error *error);

/*
 * Resets every connection, ends the thread and frees everything, requests that
 * were taken and not answered excepted.  Takes NULL.
 */
KWIRE_API void kwire_mock_close(struct kwire_mock *mock);

/*
 * "127.0.0.1:PORT,..." of all brokers, for bootstrap.servers.  Valid until the
 * cluster is closed, though brokers that move or are added show in a later call only.
 */
KWIRE_API const char *kwire_mock_bootstrap(struct kwire_mock *mock);

/*
 * Any command of the control protocol as one line of text: see docs/mock.md,
 * or `help`.  Its answer, if it has one, goes to `reply` (`size` bytes, always
 * NUL-terminated when size > 0; cut if it is longer; NULL: not wanted).
 * KWIRE_EINVAL with a message that says what is wrong with the line.  What the
 * functions below do can all be done with it.
 */
KWIRE_API int kwire_mock_do(struct kwire_mock *mock, const char *command, char *reply, size_t size,
			    struct kwire_error *error);

/* ------------------------------------------------------------------ brokers */

/* The port of a broker (also of a stopped one); -1: no such broker. */
KWIRE_API int kwire_mock_port(struct kwire_mock *mock, int32_t broker_id);

/*
 * Stop: closes the listening socket, so that connecting is refused, and resets
 * its connections; leadership and the coordinators' work pass to others, as in
 * a cluster.  Start: listens again, at the same port.  Move: the same broker
 * at another port (0: a free one).  Add: a new broker with the next id, into
 * `*broker_id`.  Remove: stops it and forgets it.  KWIRE_EBROKER: no such broker.
 */
KWIRE_API int kwire_mock_stop_broker(struct kwire_mock *mock, int32_t broker_id,
				     struct kwire_error *error);
KWIRE_API int kwire_mock_start_broker(struct kwire_mock *mock, int32_t broker_id,
				      struct kwire_error *error);
KWIRE_API int kwire_mock_move_broker(struct kwire_mock *mock, int32_t broker_id, int port,
				     struct kwire_error *error);
KWIRE_API int kwire_mock_add_broker(struct kwire_mock *mock, int32_t *broker_id,
				    struct kwire_error *error);
KWIRE_API int kwire_mock_remove_broker(struct kwire_mock *mock, int32_t broker_id,
				       struct kwire_error *error);

/* Resets the connections of a broker (-1: of all); it goes on listening. */
KWIRE_API int kwire_mock_disconnect(struct kwire_mock *mock, int32_t broker_id,
				    struct kwire_error *error);

/* The broker that metadata calls the controller (-1: unknown just now). */
KWIRE_API int kwire_mock_set_controller(struct kwire_mock *mock, int32_t broker_id,
					struct kwire_error *error);

/*
 * The versions that a broker (-1: every one) offers and accepts: those of a
 * release, "0.11", "1.1", "2.1", "2.8", "3.9", "4.0", "4.1", "4.2", "4.3", "4.4", or "newest".
 * KWIRE_EINVAL: not known.
 */
KWIRE_API int kwire_mock_set_versions(struct kwire_mock *mock, int32_t broker_id,
				      const char *release, struct kwire_error *error);

/* The same for one API; min_version > max_version: not offered at all. */
KWIRE_API int kwire_mock_set_api_versions(struct kwire_mock *mock, int32_t broker_id,
					  int16_t api_key, int16_t min_version, int16_t max_version,
					  struct kwire_error *error);

/*
 * What the brokers speak on connections that they accept from now on: TLS with
 * a certificate of `kind`: "good" (localhost and the loopback addresses, signed
 * by the cluster's own CA), "wrong-name", "expired", "future", "self-signed",
 * "wrong-ca"; or "off", no TLS.  KWIRE_EINVAL: another kind; KWIRE_ENOTBUILT.
 */
KWIRE_API int kwire_mock_set_tls(struct kwire_mock *mock, const char *kind,
				 struct kwire_error *error);

/*
 * The CA's certificate as PEM, for ssl.ca.pem; NULL before kwire_mock_set_tls().
 * Borrowed, valid until the cluster is closed.
 */
KWIRE_API const char *kwire_mock_ca(struct kwire_mock *mock);

/*
 * Connections accepted from now on have to log in first, by one of
 * `mechanisms`: names out of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 and
 * OAUTHBEARER (unsecured tokens, judged by the cluster's time), separated by commas;
 * "off": no SASL.  Versions say how tokens are framed: a broker of 0.11 takes them bare.
 * A refusal has the words of Kafka's brokers, and ends the connection.
 * KWIRE_EINVAL: another mechanism.
 */
KWIRE_API int kwire_mock_set_sasl(struct kwire_mock *mock, const char *mechanisms,
				  struct kwire_error *error);

/* Who may log in by PLAIN or SCRAM; a password of NULL takes the user away.  Both are copied. */
KWIRE_API int kwire_mock_set_user(struct kwire_mock *mock, const char *username,
				  const char *password, struct kwire_error *error);

/*
 * How long sessions that open from now on last (connections.max.reauth.ms), 0:
 * for ever.  On one that is over any request but the next login ends the connection.
 */
KWIRE_API int kwire_mock_set_session(struct kwire_mock *mock, int64_t ms,
				     struct kwire_error *error);

/* Logins at all brokers since the cluster was opened. */
struct kwire_mock_logins {
	int64_t first;   /* that opened a session */
	int64_t renewed; /* that went on with one (KIP-368) */
	int64_t refused;
};
KWIRE_API struct kwire_mock_logins kwire_mock_logins(struct kwire_mock *mock);

/* ------------------------------------------------------------------- topics */

/* KWIRE_EKAFKA with error.kafka_code where the cluster would refuse, TOPIC_ALREADY_EXISTS say. */
KWIRE_API int kwire_mock_create_topic(struct kwire_mock *mock, const char *name, int32_t partitions,
				      struct kwire_error *error);
KWIRE_API int kwire_mock_delete_topic(struct kwire_mock *mock, const char *name,
				      struct kwire_error *error);

/* Makes `broker_id` the leader (-1: none just now); the leader epoch rises. */
KWIRE_API int kwire_mock_set_leader(struct kwire_mock *mock, const char *topic, int32_t partition,
				    int32_t broker_id, struct kwire_error *error);

/*
 * Appends one record, as a producer would; the topic is created if need be.
 * `key` and `value` are NUL-terminated text, NULL: null.
 */
KWIRE_API int kwire_mock_append(struct kwire_mock *mock, const char *topic, int32_t partition,
				const char *key, const char *value, struct kwire_error *error);

/* The offset after the partition's last record, into `*offset`. */
KWIRE_API int kwire_mock_end_offset(struct kwire_mock *mock, const char *topic, int32_t partition,
				    int64_t *offset, struct kwire_error *error);

/* ----------------------------------------------------------------- requests */

/*
 * Which requests are meant.  Of those that fit, the first `skip` are passed
 * over, then `count` are taken.  KWIRE_MOCK_MATCH_INIT is every request.
 */
struct kwire_mock_match {
	size_t size;        /* sizeof(struct kwire_mock_match) */
	int32_t broker_id;  /* -1: any */
	int32_t connection; /* of that broker, counted from 0 as they come; -1: any */
	int16_t api_key;    /* -1: any */
	int16_t chance;     /* per mille, drawn from the cluster's seed; 1000: always */
	int32_t skip;
	int32_t count; /* -1: without end */
};

#define KWIRE_MOCK_MATCH_INIT                                             \
	{                                                                 \
		sizeof(struct kwire_mock_match), -1, -1, -1, 1000, 0, -1, \
	}

/* Requests of one API, at any broker. */
static inline struct kwire_mock_match kwire_mock_on(int16_t api_key)
{
	struct kwire_mock_match match = KWIRE_MOCK_MATCH_INIT;

	match.api_key = api_key;
	return match;
}

/* A request that the cluster received.  Read only. */
struct kwire_mock_request {
	int64_t number;  /* of all that the cluster received, from 0 */
	int64_t time_ms; /* the cluster's time: kwire_mock_now() */
	int32_t broker_id;
	int32_t connection;
	int16_t api_key;
	int16_t api_version;
	int32_t correlation_id;
	struct kwire_string client_id;
	struct kwire_bytes body; /* as it came, without its header */
	const void *message;     /* struct kwire_<api>_request; NULL: it could not be decoded */
};

/* What becomes of a request that a handler has seen. */
enum kwire_mock_verdict {
	KWIRE_MOCK_PASS = 0,  /* not mine: the next handler's, in the end the mock's own */
	KWIRE_MOCK_DONE = 1,  /* answered by kwire_mock_reply…(), or never to be answered */
	KWIRE_MOCK_KEEP = 2,  /* keep it for kwire_mock_take() */
	KWIRE_MOCK_CLOSE = 3, /* close the connection, cleanly */
	KWIRE_MOCK_RESET = 4, /* reset it */
};

/*
 * Sees a matching request before the mock answers it, and may answer instead.
 * Runs on the cluster's thread; `request` is valid until it returns.
 */
typedef enum kwire_mock_verdict kwire_mock_handler(void *context,
						   struct kwire_mock_request *request);

/*
 * Installs a handler; the newest is asked first.  `*rule_id`, which may be
 * NULL, is for kwire_mock_mend().
 */
KWIRE_API int kwire_mock_script(struct kwire_mock *mock, const struct kwire_mock_match *match,
				kwire_mock_handler *handler, void *context, int *rule_id,
				struct kwire_error *error);

/*
 * The same without a handler: every matching request gets `response`, a struct
 * kwire_<api>_response of the API that `match` names, borrowed until the rule
 * is mended or used up, or the cluster closed.
 */
KWIRE_API int kwire_mock_script_response(struct kwire_mock *mock,
					 const struct kwire_mock_match *match, const void *response,
					 int *rule_id, struct kwire_error *error);

/* The same with a Kafka error code: see kwire_mock_reply_error(). */
KWIRE_API int kwire_mock_script_error(struct kwire_mock *mock, const struct kwire_mock_match *match,
				      int16_t kafka_code, int *rule_id, struct kwire_error *error);

/* Matching requests wait for kwire_mock_take(); others on the connection overtake them. */
KWIRE_API int kwire_mock_keep(struct kwire_mock *mock, const struct kwire_mock_match *match,
			      int *rule_id, struct kwire_error *error);

/*
 * Takes the oldest kept request that fits `match` (NULL: any), waiting for it
 * at most `timeout_ms` (-1: for ever) of real time.  Answer it with one of the
 * functions below and free it with kwire_mock_request_free().
 */
KWIRE_API int kwire_mock_take(struct kwire_mock *mock, const struct kwire_mock_match *match,
			      int64_t timeout_ms, struct kwire_mock_request **request,
			      struct kwire_error *error);

/*
 * Answers a request, in a handler or after kwire_mock_take(), with
 * - a struct kwire_<api>_response, encoded in the request's version at once;
 * - `size` bytes in place of the body (the header is the mock's);
 * - `size` bytes in place of everything, length word included;
 * - a Kafka error, where the API's response has room for it: at the top, else
 *   at each of the topics and partitions that were asked for;
 * - what the mock would have answered.
 * 0 also when the connection is gone meanwhile.  KWIRE_EINVAL: a struct that cannot be
 * encoded in that version, an API without room for an error, a log entry.
 * A request may be answered more than once: that, too, is a fault.
 */
KWIRE_API int kwire_mock_reply(struct kwire_mock_request *request, const void *response,
			       struct kwire_error *error);
KWIRE_API int kwire_mock_reply_bytes(struct kwire_mock_request *request, const void *body,
				     size_t size, struct kwire_error *error);
KWIRE_API int kwire_mock_reply_raw(struct kwire_mock_request *request, const void *data,
				   size_t size, struct kwire_error *error);
KWIRE_API int kwire_mock_reply_error(struct kwire_mock_request *request, int16_t kafka_code,
				     struct kwire_error *error);
KWIRE_API int kwire_mock_reply_default(struct kwire_mock_request *request,
				       struct kwire_error *error);

/* Frees a request that was taken or looked up (not one that a handler was lent).  Takes NULL. */
KWIRE_API void kwire_mock_request_free(struct kwire_mock_request *request);

/*
 * How many requests that fit `match` (NULL: all) came so far.  `skip`, `count`
 * and `chance` do not matter.  With a `connection`, of those still in the log.
 */
KWIRE_API int64_t kwire_mock_count(struct kwire_mock *mock, const struct kwire_mock_match *match);

/*
 * Waits until `count` requests that fit `match` came, those before the call
 * included, at most `timeout_ms` (-1: for ever) of real time; KWIRE_ETIMEDOUT
 * says how many came.
 */
KWIRE_API int kwire_mock_wait(struct kwire_mock *mock, const struct kwire_mock_match *match,
			      int64_t count, int64_t timeout_ms, struct kwire_error *error);

/*
 * Looks up, and waits for if need be, the request after the first `skip` that
 * fit `match`.  A copy, decoded; free it with kwire_mock_request_free().
 * KWIRE_ELIMIT: the log no longer has it.
 */
KWIRE_API int kwire_mock_seen(struct kwire_mock *mock, const struct kwire_mock_match *match,
			      int64_t timeout_ms, struct kwire_mock_request **request,
			      struct kwire_error *error);

/* Empties the log and starts counting at 0. */
KWIRE_API void kwire_mock_forget(struct kwire_mock *mock);

/* Connections that a broker (-1: all) has open now, and has ever accepted. */
KWIRE_API int kwire_mock_connections(struct kwire_mock *mock, int32_t broker_id, int *open,
				     int64_t *accepted, struct kwire_error *error);

/* Waits until a broker (-1: all together) has exactly `open` connections open. */
KWIRE_API int kwire_mock_wait_connections(struct kwire_mock *mock, int32_t broker_id, int open,
					  int64_t timeout_ms, struct kwire_error *error);

/* ------------------------------------------------------------------- faults */

/*
 * One line a fault: name, text.  The text is its name in commands.  Where it
 * says "of the answer", byte 0 is the first of the length word.
 */
#define KWIRE_MOCK_FAULTS(X)                                                                      \
	X(DELAY, "delay")             /* the answer is held back `ms`; later ones queue behind */ \
	X(LATE, "late")               /* the same, but later answers overtake it */               \
	X(THROTTLE, "throttle")       /* the answer's throttle_time_ms is `ms` */                 \
	X(SILENCE, "silence")         /* no answer */                                             \
	X(RESET, "reset")             /* the connection is reset in place of an answer */         \
	X(CLOSE, "close")             /* it is closed cleanly instead */                          \
	X(CLOSE_AFTER, "close-after") /* after `bytes` of the answer */                           \
	X(RESET_AFTER, "reset-after") /* the same, by a reset */                                  \
	X(STALL_AFTER, "stall-after") /* `bytes` of the answer, then nothing more, ever */        \
	X(DRIP, "drip")               /* `bytes` (1) of the answer each `ms` */                   \
	X(CORRUPT, "corrupt")         /* byte `bytes` of the answer, xor `value` (255) */         \
	X(WRONG_ID, "wrong-id")       /* its correlation id plus `value` (1) */                   \
	X(UNKNOWN_ID, "unknown-id")   /* an id that this connection never used */                 \
	X(DUPLICATE, "duplicate")     /* the answer twice */                                      \
	X(REORDER, "reorder") /* `value` (2) answers are collected, then sent last first */       \
	X(UNSOLICITED, "unsolicited") /* before the answer, one to a request never made */        \
	X(OVERSIZE, "oversize")       /* the length word says `value` (2^31 - 1) */               \
	X(TRAILING, "trailing")       /* `bytes` (1) of zero after the body, in the frame */      \
	X(TRUNCATE, "truncate")       /* the frame ends, well-formed, after `bytes` of it */      \
	X(BYTES, "bytes")             /* `data` in place of the answer */                         \
	X(ERROR, "error")             /* a proper answer with Kafka error `value` */              \
	X(REFUSE, "refuse")           /* a new connection is reset before it is read */           \
	X(BLACK_HOLE, "black-hole")   /* a connection is no longer read nor written */

enum kwire_mock_fault_kind {
#define KWIRE_MOCK_FAULT_ENUM(name, text) KWIRE_MOCK_##name##_FAULT,
	KWIRE_MOCK_FAULTS(KWIRE_MOCK_FAULT_ENUM)
#undef KWIRE_MOCK_FAULT_ENUM
	KWIRE_MOCK_FAULT_KINDS
};

/* One fault.  A field of -1 takes the default named above, 0 where none is named. */
struct kwire_mock_fault {
	size_t size; /* sizeof(struct kwire_mock_fault) */
	enum kwire_mock_fault_kind kind;
	int64_t ms;
	int64_t bytes;
	int64_t value;
	struct kwire_bytes data; /* copied */
};

#define KWIRE_MOCK_FAULT_INIT                                                          \
	{                                                                              \
		sizeof(struct kwire_mock_fault), KWIRE_MOCK_SILENCE_FAULT, -1, -1, -1, \
		{                                                                      \
			NULL, 0                                                        \
		}                                                                      \
	}

/*
 * Orders a fault for the requests (REFUSE: the connections; BLACK_HOLE: with
 * no API, too; one that is open only where `match` names its number) that fit
 * `match`, NULL: all.  Several may meet one request: the oldest acts first.  A fault changes what
 * is sent, whoever made the answer: the mock, a handler or a test.  `*rule_id` may be NULL.
 */
KWIRE_API int kwire_mock_break(struct kwire_mock *mock, const struct kwire_mock_match *match,
			       const struct kwire_mock_fault *fault, int *rule_id,
			       struct kwire_error *error);

/*
 * Ends a rule: a handler, a scripted answer, a fault; -1: all of them.  What
 * it already holds back (delays, kept requests) is let go at once.
 * KWIRE_EINVAL: no such rule; one that is used up ends by itself and is not an error.
 */
KWIRE_API int kwire_mock_mend(struct kwire_mock *mock, int rule_id, struct kwire_error *error);

/*
 * Chaos: from now on each answer meets some fault with `chance` per mille,
 * drawn from `seed` (0: one from the clock).  Returns the seed, for the report
 * of a test that failed.  `chance` 0 ends it.
 */
KWIRE_API uint64_t kwire_mock_chaos(struct kwire_mock *mock, int chance, uint64_t seed);

/* --------------------------------------------------------------------- time */

/* The cluster's time in milliseconds: from 0 with KWIRE_MOCK_MANUAL_TIME. */
KWIRE_API int64_t kwire_mock_now(struct kwire_mock *mock);

/*
 * Moves the cluster's time forward; what is due until then (delays, long
 * polls, session timeouts), has happened in order when this returns.
 */
KWIRE_API void kwire_mock_advance(struct kwire_mock *mock, int64_t ms);

#ifdef __cplusplus
}
#endif

#endif
