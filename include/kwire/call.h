/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Choices of one call, and handles of started calls.  In a child of fork(2) a
 * handle can only be freed: the rest returns KWIRE_EFORKED.
 */
#ifndef KWIRE_CALL_H
#define KWIRE_CALL_H

#include <kwire/message.h>

#ifdef __cplusplus
extern "C" {
#endif

struct kwire_call;

enum kwire_send_flag {
	/*
	 * No answer is expected (Produce with acks=0): the call ends when the
	 * request is written, its response NULL.
	 */
	KWIRE_ONE_WAY = 1 << 0,
	/*
	 * More calls follow at once: the request may be held back until the next
	 * one without this flag, a wait, a flush, or 64 KiB (as MSG_MORE does).
	 * Started calls only.
	 */
	KWIRE_MORE = 1 << 1,
	/* Keep trying to reach a broker until the deadline, instead of failing at once. */
	KWIRE_WAIT = 1 << 2,
	/* Versions that Kafka calls unstable may be negotiated. */
	KWIRE_UNSTABLE = 1 << 3,
};

/*
 * The broker answers the requests of one connection one after another.  So what
 * may wait long has a connection of its own, opened when first needed.
 */
enum kwire_lane {
	KWIRE_LANE_AUTO,      /* as the request asks for */
	KWIRE_LANE_NORMAL,    /* what is answered at once */
	KWIRE_LANE_SLOW,      /* what is answered when the work is done, CreateTopics say */
	KWIRE_LANE_LONG_POLL, /* what is answered when there is news: Fetch, JoinGroup */
};

struct kwire_target; /* kwire/client.h */

/*
 * What is unusual about a call; NULL, or KWIRE_SEND_OPTIONS_INIT, is the
 * common case.
 */
struct kwire_send_options {
	size_t size;         /* sizeof(struct kwire_send_options) */
	int64_t timeout_ms;  /* -1: request.timeout.ms; 0: only what needs no waiting */
	int32_t broker_id;   /* the broker; -1: whom the request is for (docs/routing.md) */
	int16_t min_version; /* -1: the API's; lowest version to negotiate */
	int16_t max_version; /* -1: the API's latest stable; highest version to negotiate */
	unsigned flags;      /* enum kwire_send_flag */

	/* The rest is for clients; on one broker or connection it has to be left alone. */
	enum kwire_lane lane;              /* which of the broker's connections */
	const struct kwire_target *target; /* NULL: whom the request is for; KWIRE_TO_... */
	const char *target_key;   /* of KWIRE_TO_GROUP, _TRANSACTION, _LEADER (its topic) */
	int32_t target_partition; /* of KWIRE_TO_LEADER */
};

#define KWIRE_SEND_OPTIONS_INIT                                                                    \
	{                                                                                          \
		sizeof(struct kwire_send_options), -1, -1, -1, -1, 0, KWIRE_LANE_AUTO, NULL, NULL, \
			-1                                                                         \
	}

/*
 * Waits until `call` is done, at most `timeout_ms` (-1: until its own
 * deadline), and takes its result: 0 with `*response` (NULL for a one-way
 * call), now the caller's, or the call's error.  KWIRE_ETIMEDOUT with
 * kwire_call_done() still false: not done yet, wait again; the call goes on.
 * The result can be taken once; after that KWIRE_EINVAL.  A handle belongs to
 * one thread at a time.
 */
KWIRE_API int kwire_call_wait(struct kwire_call *call, int64_t timeout_ms, void **response,
			      struct kwire_error *error);

/*
 * Waits until one of `count` calls is done (or already was, its result not yet
 * taken), at most `timeout_ms` (-1: their own deadlines); NULL entries are
 * passed over.  `*index` says which.  KWIRE_ETIMEDOUT: none; KWIRE_EINVAL: no
 * call among them.
 */
KWIRE_API int kwire_call_wait_any(struct kwire_call *const *calls, int count, int64_t timeout_ms,
				  int *index, struct kwire_error *error);

/* Whether the call is done, so that waiting would not block.  Does not block. */
KWIRE_API bool kwire_call_done(struct kwire_call *call);

/*
 * Ends the call with KWIRE_ECANCELED unless it is done; its late response is
 * dropped.  Any thread, while the handle is not being freed.  Harms no other call.
 */
KWIRE_API void kwire_call_cancel(struct kwire_call *call);

/* Abandons the call if it is not done, and frees the handle.  Takes NULL. */
KWIRE_API void kwire_call_free(struct kwire_call *call);

#ifdef __cplusplus
}
#endif

#endif
