/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results and errors: what every fallible function of kwire returns, and the
 * structure in which it tells the whole story.  Knows nothing of connections.
 */
#ifndef KWIRE_RESULT_H
#define KWIRE_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__) && !defined(KWIRE_API)
#define KWIRE_API __attribute__((visibility("default")))
#elif !defined(KWIRE_API)
#define KWIRE_API
#endif

/*
 * One line a result: name, value, text.  Values never change.
 */
#define KWIRE_RESULTS(X)                                   \
	X(OK, 0, "success")                                \
	X(EINVAL, -1, "invalid argument")                  \
	X(ECONFIG, -2, "invalid configuration")            \
	X(ENOMEM, -3, "out of memory")                     \
	X(ERESOLVE, -4, "name resolution failed")          \
	X(ECONNECT, -5, "connecting failed")               \
	X(ETLS, -6, "TLS failed")                          \
	X(ESASL, -7, "SASL exchange failed")               \
	X(EAUTH, -8, "authentication refused")             \
	X(EUNSUPPORTED, -9, "not supported by the broker") \
	X(ETIMEDOUT, -10, "timed out")                     \
	X(ECANCELED, -11, "canceled")                      \
	X(EDISCONNECTED, -12, "disconnected")              \
	X(EPROTOCOL, -13, "peer broke the protocol")       \
	X(EDECODE, -14, "message could not be decoded")    \
	X(ETOOLARGE, -15, "too large")                     \
	X(ELIMIT, -16, "limit reached")                    \
	X(EBROKER, -17, "no such broker")                  \
	X(EKAFKA, -18, "Kafka error")                      \
	X(ECLOSED, -19, "closed")                          \
	X(EFORKED, -20, "used in a forked child")          \
	X(ENOTBUILT, -21, "left out of this build")        \
	X(EOS, -22, "system error")                        \
	X(EPARTIAL, -23, "failed in part")

enum kwire_result {
#define KWIRE_RESULT_ENUM(name, value, text) KWIRE_##name = (value),
	KWIRE_RESULTS(KWIRE_RESULT_ENUM)
#undef KWIRE_RESULT_ENUM
};

/* What a call was doing when it failed. */
#define KWIRE_PHASES(X)         \
	X(NONE, "none")         \
	X(RESOLVE, "resolve")   \
	X(CONNECT, "connect")   \
	X(TLS, "tls")           \
	X(SASL, "sasl")         \
	X(VERSIONS, "versions") \
	X(WAIT, "wait")         \
	X(SEND, "send")         \
	X(RECEIVE, "receive")   \
	X(DECODE, "decode")

enum kwire_phase {
#define KWIRE_PHASE_ENUM(name, text) KWIRE_PHASE_##name,
	KWIRE_PHASES(KWIRE_PHASE_ENUM)
#undef KWIRE_PHASE_ENUM
};

/* What became of the request of a failed call. */
enum kwire_outcome {
	KWIRE_NOT_SENT = 0,      /* no byte of it left: safe to repeat */
	KWIRE_MAYBE_APPLIED = 1, /* it left, in part or whole, and no answer came */
	KWIRE_ANSWERED = 2,      /* the broker answered it */
};

/*
 * The whole story of one failure.  Owned by the caller, holds no pointers and
 * stays valid for ever; every function that takes one also takes NULL.  It is
 * written on failure only; KWIRE_ERROR_INIT, or zero bytes, is "no error".
 */
struct kwire_error {
	int result;                 /* enum kwire_result */
	enum kwire_phase phase;     /* where it failed */
	enum kwire_outcome outcome; /* of the request, where there was one */
	bool retriable;             /* the same call may succeed later, unchanged */
	int16_t kafka_code;         /* error code sent by a broker, 0 = none */
	int16_t api_key;            /* of the request, -1 = none */
	int32_t node_id;            /* of the broker, -1 = not known */
	int os_errno;               /* errno of the failing system call, 0 = none */
	int tls_code;               /* mbedTLS error, 0 = none */
	int32_t port;               /* of the broker, 0 = none */
	int64_t elapsed_ms;         /* since the call began */
	char host[256];             /* broker's name as configured or advertised */
	char address[56];           /* address it resolved to, numeric */
	char message[512];          /* one line of plain English */
};

#define KWIRE_ERROR_INIT                                                                          \
	{                                                                                         \
		KWIRE_OK, KWIRE_PHASE_NONE, KWIRE_NOT_SENT, false, 0, -1, -1, 0, 0, 0, 0, "", "", \
			""                                                                        \
	}

/*
 * Name ("KWIRE_ETIMEDOUT") and text ("timed out") of a result; of an unknown
 * one, "KWIRE_E?" and "unknown result".  Static strings.  Any thread.
 */
KWIRE_API const char *kwire_result_name(int result);
KWIRE_API const char *kwire_result_text(int result);

/* Name of a phase or outcome, as it appears in messages.  Static strings.  Any thread. */
KWIRE_API const char *kwire_phase_name(enum kwire_phase phase);
KWIRE_API const char *kwire_outcome_name(enum kwire_outcome outcome);

/* One of Kafka's error codes, and what its clients make of it. */
struct kwire_kafka_error {
	int16_t code;
	bool retriable;           /* the same request may succeed later */
	bool refresh_metadata;    /* after the leader or topic was looked up again */
	bool refresh_coordinator; /* after the coordinator was looked up again */
	const char *name;         /* NOT_LEADER_OR_FOLLOWER; UNKNOWN for a code not known here */
};

/*
 * Name and traits of Kafka's error `code`.  An unknown code keeps its number
 * and is not retriable.  Returns by value; its strings are static.  Any thread.
 */
KWIRE_API struct kwire_kafka_error kwire_kafka_error(int16_t code);

/*
 * What Kafka's error `code` means, in one sentence for people.  Static strings.
 * Any thread.  Linked only where it is called: 138 sentences are 8 KB.
 */
KWIRE_API const char *kwire_kafka_error_text(int16_t code);

#ifdef __cplusplus
}
#endif

#endif
