/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a connection measures: every point is one of these functions, and
 * costs one test where nobody watches.  None calls a hook under the lock: what
 * happens under it only notes a time.
 */
#ifndef KW_CONNECTION_WATCH_H
#define KW_CONNECTION_WATCH_H

#include "../base/clock.h"
#include "../config/watch.h"
#include "internal.h"

static inline bool kw_is_watched(const struct kwire_connection *connection)
{
	return connection->config->watch != NULL;
}

/* The call is handed over, before it waits for its place. */
static inline void kw_watch_queued(struct kwire_call *call)
{
	if (kw_is_watched(call->connection))
		call->queued_us = kw_now_us();
}

/* With the lock: its frame is about to be written, by who holds the token. */
static inline void kw_watch_writing_locked(struct kwire_connection *connection,
					   struct kwire_call *call)
{
	/* Once it has ended its owner may be gone. */
	call->watched = kw_is_watched(connection) && !call->ended;
}

/* The time to tell, before the system call: an answer may overtake its return. */
static inline int64_t kw_watch_writing(struct kwire_connection *connection)
{
	return kw_is_watched(connection) ? kw_now_us() : 0;
}

/*
 * Without the lock, before `size` bytes are booked to the first `count` calls
 * of the queue, all of which are `writing`.
 */
static inline void kw_watch_written(struct kwire_connection *connection, struct kwire_call *first,
				    int count, size_t size, int64_t begun_us)
{
	if (kw_is_watched(connection) && size > 0)
		connection->config->watch->ops->written(connection, first, count, size, begun_us);
}

/* With the lock: the beginning of its response was seen.  `*now_us` 0: look at the clock. */
static inline void kw_watch_first_byte_locked(struct kwire_connection *connection,
					      struct kwire_call *call, int64_t *now_us)
{
	if (!kw_is_watched(connection))
		return;
	if (*now_us == 0)
		*now_us = kw_now_us();
	call->first_byte_us = *now_us;
}

/* With the lock: it has ended. */
static inline void kw_watch_ended_locked(struct kwire_connection *connection,
					 struct kwire_call *call)
{
	if (kw_is_watched(connection))
		call->done_us = kw_now_us();
}

/* On its owner's thread: its response is there, and not yet decoded. */
static inline void kw_watch_response(struct kwire_call *call, struct kw_response *response)
{
	if (kw_is_watched(call->connection))
		call->connection->config->watch->ops->response(call, response);
}

/* On its owner's thread, once: what became of it. */
static inline void kw_watch_done(struct kwire_call *call, int result)
{
	if (call->queued_us == 0)
		return;
	call->connection->config->watch->ops->done(call, result);
	call->queued_us = 0;
}

static inline void kw_watch_throttled(struct kwire_connection *connection, int16_t api_key,
				      int32_t throttle_ms)
{
	if (kw_is_watched(connection))
		connection->config->watch->ops->throttled(connection, api_key, throttle_ms);
}

/* On the connection's thread. */
static inline void kw_watch_ready(struct kwire_connection *connection)
{
	if (kw_is_watched(connection))
		connection->config->watch->ops->ready(connection);
}

static inline void kw_watch_dead(struct kwire_connection *connection,
				 const struct kwire_error *cause)
{
	if (kw_is_watched(connection))
		connection->config->watch->ops->dead(connection, cause);
}

#endif
