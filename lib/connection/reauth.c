/* SPDX-License-Identifier: Apache-2.0 */
/* See reauth.h. */
#include "internal.h"

#if KW_WITH_SASL
#include <stdio.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/error.h"
#include "../base/random.h"
#include "../protocol/response.h"
#include "../sasl/security.h"

enum {
	/* Of a session's life, as Kafka's own clients have it. */
	EARLIEST_PERCENT = 85,
	LATEST_PERCENT = 95,
	MARGIN_MS = 600, /* of short sessions, as far as EARLIEST_PERCENT allows */
	HANDSHAKE_KEY = 17,
	AUTHENTICATE_KEY = 36,
};

void kw_reauth_init(struct kw_reauth *reauth)
{
	memset(reauth, 0, sizeof(*reauth));
	reauth->at_ms = KW_NEVER;
}

/* Nobody writes any more. */
void kw_reauth_fini(struct kw_reauth *reauth)
{
	kw_sasl_exchange_free(reauth->exchange);
	kw_response_drop(reauth->answer);
	reauth->exchange = NULL;
	reauth->answer = NULL;
}

static int64_t percent_of(int64_t value, int64_t percent)
{
	return value / 100 * percent + value % 100 * percent / 100;
}

void kw_reauth_schedule(struct kwire_connection *connection, const struct kw_sasl_outcome *outcome)
{
	struct kw_reauth *reauth = &connection->reauth;
	int64_t life_ms = outcome->session_lifetime_ms;
	int64_t after_ms = percent_of(life_ms, EARLIEST_PERCENT);
	int64_t latest_ms = percent_of(life_ms, LATEST_PERCENT);
	struct kw_random random;

	/* Requests that left before the login have to be answered before the session ends. */
	if (latest_ms > life_ms - MARGIN_MS)
		latest_ms = life_ms - MARGIN_MS;
	snprintf(reauth->mechanism, sizeof(reauth->mechanism), "%s", outcome->mechanism);
	/* At random, so that clients do not meet. */
	kw_random_init(&random);
	if (latest_ms > after_ms)
		after_ms += (int64_t)(kw_random_next(&random) % (uint64_t)(latest_ms - after_ms));
	kw_mutex_lock(&connection->lock);
	reauth->at_ms = life_ms > 0 ? kw_deadline(kw_now_ms(), after_ms) : KW_NEVER;
	kw_mutex_unlock(&connection->lock);
}

/* Whether there is an answer that the thread may look at. */
static bool is_ready(const struct kw_reauth *reauth)
{
	/* Whoever writes the frame may still read it: he wakes this thread when he has booked it.
	 */
	return reauth->answer != NULL && reauth->written >= reauth->size;
}

/* When the login is due, or the broker was silent for too long in it. */
static int64_t due_locked(struct kwire_connection *connection)
{
	const struct kw_reauth *reauth = &connection->reauth;
	struct kw_slot *oldest;
	int64_t since_ms, own_ms = reauth->at_ms;

	if (reauth->active) {
		/* Requests that left before it are answered first, and have their own alarm. */
		since_ms = reauth->since_ms > connection->last_byte_ms ? reauth->since_ms
								       : connection->last_byte_ms;
		oldest = kw_pending_oldest(&connection->pending);
		own_ms = oldest == NULL || kw_is_unsent_locked(oldest)
				 ? kw_deadline(since_ms, kw_patience_ms(connection, 0))
				 : KW_NEVER;
	}
	return own_ms;
}

int64_t kw_reauth_until_locked(struct kwire_connection *connection, int64_t until_ms)
{
	int64_t own_ms = is_ready(&connection->reauth) ? 0 : due_locked(connection);

	return own_ms < until_ms ? own_ms : until_ms;
}

/* Hands the exchange's present frame to the write path, or ends the login. */
static void go_on(struct kwire_connection *connection)
{
	struct kw_reauth *reauth = &connection->reauth;
	struct kw_sasl_outcome outcome;
	struct kw_after after;
	const uint8_t *frame = NULL;
	size_t size = 0;
	int32_t id;
	bool done = kw_sasl_exchange_done(reauth->exchange);

	if (done) {
		outcome.session_lifetime_ms = kw_sasl_exchange_lifetime(reauth->exchange);
		snprintf(outcome.mechanism, sizeof(outcome.mechanism), "%s",
			 kw_sasl_exchange_mechanism(reauth->exchange));
	} else {
		kw_sasl_exchange_frame(reauth->exchange, &frame, &size, &id);
		kw_sasl_exchange_watch(reauth->exchange, false, frame, size);
	}
	kw_after_init(&after);
	kw_lock(connection);
	reauth->frame = NULL;
	reauth->written = 0;
	reauth->begun = false;
	if (done)
		reauth->active = false;
	else
		kw_sasl_exchange_frame(reauth->exchange, &reauth->frame, &reauth->size,
				       &reauth->id);
	reauth->since_ms = kw_now_ms();
	kw_flush_locked(connection, &after);
	/* That is this one, which looks at everything before it reads. */
	after.wake_thread = false;
	kw_leave(connection, &after);
	if (!done)
		return;
	kw_sasl_exchange_free(reauth->exchange);
	reauth->exchange = NULL;
	kw_reauth_schedule(connection, &outcome);
	/* A session's renewal is no use of the connection: it must not keep an idle one alive. */
	if (kw_connection_in_flight(connection) == 0)
		atomic_store_explicit(&connection->last_used_ms, reauth->last_used_ms,
				      memory_order_relaxed);
	kw_log(connection->config, KWIRE_LOG_DEBUG, "%s:%d: re-authenticated by %s",
	       connection->host, connection->port, outcome.mechanism);
}

static int16_t highest(const struct kwire_connection *connection, int16_t api_key)
{
	struct kwire_version_range range;

	return kwire_versions_range(connection->versions, api_key, &range) ? range.max_version : -1;
}

/* Asks for the credentials of now, which may block, and sends the first frame. */
static int begin(struct kwire_connection *connection, struct kwire_error *error)
{
	struct kw_reauth *reauth = &connection->reauth;
	struct kw_sasl_options options = {
		.host = connection->host,
		.port = connection->port,
		.deadline_ms = kw_deadline(kw_now_ms(), connection->setup_timeout_ms),
		.versions_known = true,
		.handshake_max = highest(connection, HANDSHAKE_KEY),
		.authenticate_max = highest(connection, AUTHENTICATE_KEY),
		.mechanism = reauth->mechanism,
	};
	int result;

	reauth->last_used_ms = atomic_load_explicit(&connection->last_used_ms,
						    memory_order_relaxed);
	result = kw_security_renew(connection->config, &options, &reauth->exchange, error);
	if (result != KWIRE_OK)
		return result;
	kw_mutex_lock(&connection->lock);
	reauth->active = true;
	reauth->at_ms = KW_NEVER;
	kw_mutex_unlock(&connection->lock);
	go_on(connection);
	return KWIRE_OK;
}

static int look_at(struct kwire_connection *connection, struct kw_response *answer,
		   struct kwire_error *error)
{
	struct kw_reauth *reauth = &connection->reauth;
	int result;

	kw_sasl_exchange_watch(reauth->exchange, true, kw_response_frame(answer),
			       kw_response_frame_size(answer));
	result = kw_sasl_exchange_receive(reauth->exchange, kw_response_frame(answer),
					  kw_response_frame_size(answer), error);
	kw_wipe(kw_response_frame(answer), kw_response_frame_size(answer));
	kw_response_drop(answer);
	if (result == KWIRE_OK)
		go_on(connection);
	return result;
}

int kw_reauth_step(struct kwire_connection *connection, struct kwire_error *error)
{
	struct kw_reauth *reauth = &connection->reauth;
	int64_t now_ms = kw_now_ms();
	struct kw_response *answer = NULL;
	bool due, silent, no_memory;

	kw_mutex_lock(&connection->lock);
	no_memory = reauth->no_memory;
	if (is_ready(reauth)) {
		answer = reauth->answer;
		reauth->answer = NULL;
	}
	due = !reauth->active && reauth->at_ms <= now_ms;
	silent = reauth->active && due_locked(connection) <= now_ms;
	kw_mutex_unlock(&connection->lock);
	if (answer != NULL)
		return look_at(connection, answer, error);
	if (no_memory)
		return kw_fail_memory(error);
	if (silent)
		return kw_fail_in(error, KWIRE_EDISCONNECTED, KWIRE_PHASE_SASL,
				  "the broker is silent: it did not answer the re-authentication");
	return due ? begin(connection, error) : KWIRE_OK;
}

bool kw_reauth_find_locked(struct kwire_connection *connection, struct kw_answer *answer)
{
	const struct kw_reauth *reauth = &connection->reauth;

	/* An answer before the request has left is none. */
	if (!reauth->active || reauth->frame == NULL || !reauth->begun || answer->id != reauth->id)
		return false;
	answer->fate = KW_FATE_DELIVER;
	answer->api = NULL;
	answer->largest = KW_SASL_FRAME_MAX;
	return true;
}

bool kw_reauth_take_locked(struct kwire_connection *connection, struct kw_answer *answer)
{
	struct kw_reauth *reauth = &connection->reauth;

	if (answer->id < KW_SASL_FIRST_ID)
		return false;
	kw_response_drop(reauth->answer);
	reauth->answer = answer->response;
	reauth->no_memory = answer->response == NULL;
	answer->response = NULL;
	return true;
}

bool kw_reauth_is_answered_locked(const struct kwire_connection *connection)
{
	return connection->reauth.answer != NULL;
}

bool kw_reauth_is_due_locked(const struct kwire_connection *connection)
{
	const struct kw_reauth *reauth = &connection->reauth;

	/* However late the thread is: what left after the session's end would end the connection.
	 */
	return reauth->active || (reauth->at_ms != KW_NEVER && reauth->at_ms <= kw_now_ms());
}

bool kw_reauth_holds_locked(struct kwire_connection *connection, struct iovec *iov)
{
	struct kw_reauth *reauth = &connection->reauth;

	/* A frame that was begun has to be finished first. */
	if (!kw_reauth_is_due_locked(connection) ||
	    (connection->queue_first != NULL && connection->queue_first->written > 0))
		return false;
	iov->iov_base = NULL;
	iov->iov_len = 0;
	if (reauth->frame != NULL) {
		iov->iov_base = (void *)(uintptr_t)(reauth->frame + reauth->written);
		iov->iov_len = reauth->size - reauth->written;
		reauth->begun = true;
	}
	return true;
}

bool kw_reauth_wrote_locked(struct kwire_connection *connection, size_t size)
{
	struct kw_reauth *reauth = &connection->reauth;

	reauth->written += size;
	return reauth->written >= reauth->size;
}
#endif
