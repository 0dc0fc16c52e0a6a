/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Renewing a SASL session on a live connection (KIP-368).  When it is due,
 * nothing but the login's frames may leave until it is over; calls queue up
 * meanwhile, and answers to what left before still arrive.  Embedded in the
 * connection; the thread drives it, the write path asks it what may leave.
 * Knows the login's frames, not its mechanism.
 */
#ifndef KW_REAUTH_H
#define KW_REAUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "../sasl/sasl.h"

struct kwire_connection;
struct kw_answer;
struct kw_response;

struct kw_reauth {
	/* Guarded by the connection's lock. */
	bool active;          /* only the login's frames may leave */
	int64_t at_ms;        /* when the next login is due; KW_NEVER */
	int64_t since_ms;     /* when the present frame was handed over */
	const uint8_t *frame; /* the exchange's, until its answer came; NULL: none to send */
	size_t size;
	size_t written;
	bool begun; /* the transport was given some: an answer may come before it is booked */
	int32_t id; /* correlation id of the answer */
	struct kw_response *answer; /* came, and was not looked at yet */
	bool no_memory;             /* an answer could not be kept */

	/* The thread's. */
	struct kw_sasl_exchange *exchange;
	char mechanism[64];
	int64_t last_used_ms; /* by a caller, before the login */
};

#if KW_WITH_SASL
void kw_reauth_init(struct kw_reauth *reauth);
void kw_reauth_fini(struct kw_reauth *reauth);

/* A login came to `outcome`: when the next one is due. */
void kw_reauth_schedule(struct kwire_connection *connection, const struct kw_sasl_outcome *outcome);

/* Until when to read without looking up, given the connection's other reasons. */
int64_t kw_reauth_until_locked(struct kwire_connection *connection, int64_t until_ms);

/* On the thread, between reads: begins what is due, goes on with what was answered. */
int kw_reauth_step(struct kwire_connection *connection, struct kwire_error *error);

/* Whether an answer is the login's, which is then to be delivered raw. */
bool kw_reauth_find_locked(struct kwire_connection *connection, struct kw_answer *answer);
/* Takes over the login's answer, for the thread; false: it is another's. */
bool kw_reauth_take_locked(struct kwire_connection *connection, struct kw_answer *answer);

/*
 * Whether an answer of the login's waits to be looked at: it may say why the
 * broker is about to close, so, where callers read, nobody reads on before the
 * thread has looked.
 */
bool kw_reauth_is_answered_locked(const struct kwire_connection *connection);

/* Whether the next login is due or under way, so that no further call may leave. */
bool kw_reauth_is_due_locked(const struct kwire_connection *connection);

/*
 * For the write path: whether calls have to wait, with what is to leave instead
 * in `iov` (iov_len 0: nothing); and that `size` bytes of it left, with whether
 * that was the last.
 */
bool kw_reauth_holds_locked(struct kwire_connection *connection, struct iovec *iov);
bool kw_reauth_wrote_locked(struct kwire_connection *connection, size_t size);

#else /* a connection without SASL: nothing is ever due */
static inline void kw_reauth_init(struct kw_reauth *reauth)
{
	(void)reauth;
}
static inline void kw_reauth_fini(struct kw_reauth *reauth)
{
	(void)reauth;
}
static inline void kw_reauth_schedule(struct kwire_connection *connection,
				      const struct kw_sasl_outcome *outcome)
{
	(void)connection;
	(void)outcome;
}
static inline int64_t kw_reauth_until_locked(struct kwire_connection *connection, int64_t until_ms)
{
	(void)connection;
	return until_ms;
}
static inline int kw_reauth_step(struct kwire_connection *connection, struct kwire_error *error)
{
	(void)connection;
	(void)error;
	return KWIRE_OK;
}
static inline bool kw_reauth_find_locked(struct kwire_connection *connection,
					 struct kw_answer *answer)
{
	(void)connection;
	(void)answer;
	return false;
}
static inline bool kw_reauth_take_locked(struct kwire_connection *connection,
					 struct kw_answer *answer)
{
	(void)connection;
	(void)answer;
	return false;
}
static inline bool kw_reauth_is_answered_locked(const struct kwire_connection *connection)
{
	(void)connection;
	return false;
}
static inline bool kw_reauth_is_due_locked(const struct kwire_connection *connection)
{
	(void)connection;
	return false;
}
static inline bool kw_reauth_holds_locked(struct kwire_connection *connection, struct iovec *iov)
{
	(void)connection;
	(void)iov;
	return false;
}
static inline bool kw_reauth_wrote_locked(struct kwire_connection *connection, size_t size)
{
	(void)connection;
	(void)size;
	return false;
}
#endif

#endif
