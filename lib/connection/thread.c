/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection's thread: it resolves, connects, secures, negotiates; then,
 * until the connection is dead, it reads when it is its turn (baton.c) and
 * watches for the peer's end when it is not, goes on with writing when the
 * transport had been full, and renews logins.  Callers only wait for set-up, so
 * none of their deadlines cuts a dial short.
 */
#include "internal.h"

#include <signal.h>
#include <string.h>

#if defined(__linux__)
#include <sys/prctl.h>
#endif

#include <kwire/client.h>

#include "../base/clock.h"
#include "../base/error.h"
#include "../sasl/security.h"
#include "../transport/exchange.h"
#include "../transport/socks5.h"
#include "watch.h"

enum {
	ATTEMPTS = 3, /* at a peer that resets: the newest version twice, then version 0 */
	IDLE_LOOK_MS = 1000,
	SASL_HANDSHAKE_KEY = 17,
	SASL_AUTHENTICATE_KEY = 36,
};

/* -- set-up ------------------------------------------------------------------ */

static bool is_dead(struct kwire_connection *connection)
{
	return kw_state(connection) == KW_CONNECTION_DEAD;
}

static void set_phase(struct kwire_connection *connection, enum kwire_phase phase)
{
	kw_mutex_lock(&connection->lock);
	connection->phase = phase;
	kw_mutex_unlock(&connection->lock);
}

/* Others may use the transport from here on, and end it; false: too late, it is closed. */
static bool publish_transport(struct kwire_connection *connection,
			      const struct kwire_transport_ops *ops, void *transport)
{
	bool alive;

	kw_mutex_lock(&connection->lock);
	alive = !is_dead(connection);
	if (alive) {
		connection->ops = ops;
		connection->transport = transport;
	}
	kw_mutex_unlock(&connection->lock);
	if (!alive)
		ops->close(transport);
	return alive;
}

/* Puts another transport, or none, in its place once the last who uses it has left. */
static void replace_transport(struct kwire_connection *connection,
			      const struct kwire_transport_ops *ops, void *transport)
{
	bool dead;

	kw_mutex_lock(&connection->lock);
	while (connection->transport_users > 0)
		kw_cond_wait(&connection->changed, &connection->lock, KW_NEVER);
	connection->ops = ops;
	connection->transport = transport;
	dead = is_dead(connection);
	kw_mutex_unlock(&connection->lock);
	/* Whoever killed it meanwhile shut down the one that is wrapped in this one, or nothing. */
	if (dead && ops != NULL)
		ops->shutdown(transport);
}

static void get_transport(struct kwire_connection *connection,
			  const struct kwire_transport_ops **ops, void **transport)
{
	kw_mutex_lock(&connection->lock);
	*ops = connection->ops;
	*transport = connection->transport;
	kw_mutex_unlock(&connection->lock);
}

static void close_transport(struct kwire_connection *connection)
{
	const struct kwire_transport_ops *ops;
	void *transport;

	get_transport(connection, &ops, &transport);
	if (ops == NULL)
		return;
	replace_transport(connection, NULL, NULL);
	ops->close(transport);
}

/* Resolving may hang where no deadline reaches it: meanwhile nobody waits for this thread. */
static int resolve(struct kwire_connection *connection, const char *host, int port,
		   int64_t deadline_ms, struct kw_addresses *addresses, struct kwire_error *error)
{
	bool foreign = kw_resolve_blocks(connection->config, host);
	int result;

	set_phase(connection, KWIRE_PHASE_RESOLVE);
	if (foreign) {
		kw_mutex_lock(&connection->lock);
		connection->thread_state = KW_THREAD_FOREIGN;
		kw_cond_broadcast(&connection->changed);
		kw_mutex_unlock(&connection->lock);
	}
	result = kw_resolve(connection->config, host, port, deadline_ms, addresses, error);
	if (foreign) {
		kw_mutex_lock(&connection->lock);
		if (connection->thread_state == KW_THREAD_FOREIGN)
			connection->thread_state = KW_THREAD_RUNNING;
		kw_mutex_unlock(&connection->lock);
	}
	return result;
}

static int dial(struct kwire_connection *connection, int64_t deadline_ms,
		const struct kwire_transport_ops **ops, void **transport, struct kwire_error *error)
{
	const struct kwire_config *config = connection->config;
	char address[KW_ADDRESS_TEXT] = "";
	const char *host = connection->host;
	int port = connection->port;
	struct kw_addresses addresses;
	struct kw_endpoint proxy;
	int result;

	if (config->dial != NULL) {
		set_phase(connection, KWIRE_PHASE_CONNECT);
		kw_error_clear(error);
		result = config->dial(config->dial_context, connection->host, connection->port,
				      deadline_ms, ops, transport, error);
		if (result != KWIRE_OK && error->result != result)
			kw_fail_in(error, result, KWIRE_PHASE_CONNECT,
				   "the program's dialer failed: %s", kwire_result_text(result));
		return result;
	}
	if (kw_wants_socks5(config)) {
		result = kw_socks5_proxy(config, &proxy, error);
		if (result != KWIRE_OK)
			return result;
		host = proxy.host;
		port = proxy.port;
	}
	result = resolve(connection, host, port, deadline_ms, &addresses, error);
	if (result == KWIRE_OK) {
		set_phase(connection, KWIRE_PHASE_CONNECT);
		result = kw_connect(config, &addresses, deadline_ms, &connection->waker, ops,
				    transport, address, error);
		kw_addresses_fini(&addresses);
	}
	if (result != KWIRE_OK && kw_wants_socks5(config))
		kw_socks5_name(config, error);
	kw_mutex_lock(&connection->lock);
	memcpy(connection->address, address, sizeof(address));
	kw_mutex_unlock(&connection->lock);
	return result;
}

/* Wraps the transport in TLS. */
static int secure(struct kwire_connection *connection, int64_t deadline_ms,
		  struct kwire_error *error)
{
	const struct kwire_transport_ops *lower_ops, *ops = NULL;
	void *lower, *transport = NULL;
	int result;

	set_phase(connection, KWIRE_PHASE_TLS);
	get_transport(connection, &lower_ops, &lower);
	result = kw_security_open_tls(connection->config, connection->host, connection->port,
				      lower_ops, lower, deadline_ms, &ops, &transport, error);
	if (result == KWIRE_OK)
		replace_transport(connection, ops, transport);
	return result;
}

/* A transport on which Kafka can be spoken: connected, and secured where that is asked for. */
static int reach(struct kwire_connection *connection, int64_t deadline_ms,
		 struct kwire_error *error)
{
	const struct kwire_transport_ops *ops = NULL;
	void *transport = NULL;
	int result = KWIRE_OK;

	if (!connection->own_transport) {
		result = dial(connection, deadline_ms, &ops, &transport, error);
		if (result == KWIRE_OK && !publish_transport(connection, ops, transport))
			result = kw_fail(error, KWIRE_ECLOSED, "closed");
		/* A program's dialer has its own way. */
		if (result == KWIRE_OK && kw_wants_socks5(connection->config) &&
		    connection->config->dial == NULL)
			result = kw_socks5_open(connection->config, connection->host,
						connection->port, ops, transport, deadline_ms,
						error);
	}
	if (result == KWIRE_OK && kw_wants_tls(connection->config))
		result = secure(connection, deadline_ms, error);
	return result;
}

static int negotiate(struct kwire_connection *connection, int16_t start, int64_t deadline_ms,
		     bool *reset, struct kwire_error *error)
{
	const struct kwire_transport_ops *ops;
	void *transport;
	int result;

	*reset = false;
	set_phase(connection, KWIRE_PHASE_VERSIONS);
	get_transport(connection, &ops, &transport);
	result = kw_setup_versions(connection, ops, transport, start, deadline_ms, reset, error);
	if (*reset || result == KWIRE_ETIMEDOUT)
		kw_error_add(error, "%s; it may be %sno Kafka broker",
			     *reset ? " when it was asked for its versions" : " ApiVersions",
			     !kw_wants_tls(connection->config)
				     ? "a TLS listener (see security.protocol), or "
				     : "");
	return result;
}

static int16_t offered(const struct kwire_versions *versions, int16_t api_key)
{
	struct kwire_version_range range;

	return kwire_versions_range(versions, api_key, &range) ? range.max_version : -1;
}

/*
 * Logs in, where that is asked for.  `*another`: it was refused, but the broker
 * offers another of our mechanisms, to be tried on a new connection.
 */
static int log_in(struct kwire_connection *connection, int64_t deadline_ms, bool *another,
		  struct kwire_error *error)
{
	const struct kwire_transport_ops *ops;
	struct kw_sasl_outcome outcome;
	struct kw_sasl_options options = {
		.host = connection->host,
		.port = connection->port,
		.deadline_ms = deadline_ms,
		.versions_known = true,
		.handshake_max = offered(connection->versions, SASL_HANDSHAKE_KEY),
		.authenticate_max = offered(connection->versions, SASL_AUTHENTICATE_KEY),
	};
	void *transport;
	int result;

	*another = false;
	if (!kw_wants_sasl(connection->config))
		return KWIRE_OK;
	set_phase(connection, KWIRE_PHASE_SASL);
	get_transport(connection, &ops, &transport);
	result = kw_security_authenticate(connection->config, &options, ops, transport, &outcome,
					  error);
	if (result == KWIRE_OK)
		kw_reauth_schedule(connection, &outcome);
	*another = result == KWIRE_EUNSUPPORTED && outcome.choice >= 0;
	return result;
}

/*
 * One way through set-up; again on a new connection where that may help: some
 * peers reset where they should say "unsupported", and a broker closes after it
 * refused a mechanism, though it offers another that we have.
 */
static int set_up(struct kwire_connection *connection, struct kwire_error *error)
{
	int64_t deadline_ms = connection->setup_deadline_ms;
	int16_t start = connection->versions_start;
	bool reset, another, again;
	int resets = 0, refusals = 0;
	int result;

	do {
		reset = false;
		another = false;
		result = kw_wants_sasl(connection->config)
				 ? kw_security_check(connection->config, error)
				 : KWIRE_OK;
		if (result == KWIRE_OK)
			result = reach(connection, deadline_ms, error);
		if (result == KWIRE_OK)
			result = negotiate(connection, start, deadline_ms, &reset, error);
		if (result == KWIRE_OK)
			result = log_in(connection, deadline_ms, &another, error);
		again = false;
		if (reset && ++resets < ATTEMPTS && start != 0) {
			again = true;
			start = resets == ATTEMPTS - 1 ? 0 : start;
		} else if (another && ++refusals < ATTEMPTS) {
			again = true;
		}
		again = again && !connection->own_transport && !is_dead(connection);
		if (again) {
			close_transport(connection);
			kwire_versions_free(connection->versions);
			connection->versions = NULL;
		}
	} while (again);
	if (result == KWIRE_OK && resets == ATTEMPTS - 1)
		atomic_store(&connection->versions_next, 0);
	return result;
}

/* -- serving ------------------------------------------------------------------ */

/* Until when nothing was written is too long: the broker takes no bytes, and says none. */
static int64_t stalled_ms_locked(const struct kwire_connection *connection)
	KW_REQUIRES(connection->lock)
{
	int64_t since_ms = connection->stalled_ms > connection->last_byte_ms
				   ? connection->stalled_ms
				   : connection->last_byte_ms;

	if (!connection->stalled)
		return KW_NEVER;
	return kw_deadline(since_ms, kw_patience_ms(connection, 0));
}

/*
 * When to look whether idleness ends the connection, which nobody else need
 * notice.  Whoever used it last need not tell this thread that he is done, so
 * it looks again, rarely, at one that is in use.
 */
static int64_t idle_until_locked(struct kwire_connection *connection, int64_t now_ms)
	KW_REQUIRES(connection->lock)
{
	int64_t last_ms = atomic_load_explicit(&connection->last_used_ms, memory_order_relaxed);
	int64_t until_ms = kw_deadline(last_ms, connection->max_idle_ms);

	if (until_ms <= now_ms && !kw_is_unused_locked(connection))
		until_ms = now_ms + (connection->max_idle_ms > IDLE_LOOK_MS
					     ? connection->max_idle_ms
					     : IDLE_LOOK_MS);
	return until_ms;
}

static int judge_stall(struct kwire_connection *connection, struct kwire_error *error)
{
	int64_t now_ms = kw_now_ms();
	int result = KWIRE_OK;

	kw_mutex_lock(&connection->lock);
	if (stalled_ms_locked(connection) <= now_ms)
		result = kw_fail_in(error, KWIRE_EDISCONNECTED, KWIRE_PHASE_SEND,
				    "the broker has taken no bytes for %ld ms, and sent none",
				    (long)(now_ms - connection->stalled_ms));
	kw_mutex_unlock(&connection->lock);
	return result;
}

/* What the thread does next. */
struct turn {
	bool reads;
	bool cut;
	bool trim;
	int64_t until_ms;
};

static int64_t earlier(int64_t a_ms, int64_t b_ms)
{
	return a_ms < b_ms ? a_ms : b_ms;
}

static struct turn begin_turn(struct kwire_connection *connection, bool heard)
{
	struct turn turn = {false, false, false, KW_NEVER};
	int64_t now_ms = kw_now_ms();
	struct kw_after after;

	kw_after_init(&after);
	kw_lock(connection);
	if (heard)
		kw_note_bytes_locked(connection, now_ms);
	turn.reads = kw_baton_turn_locked(connection, now_ms, &turn.until_ms, &after);
	if (turn.reads) {
		/* It stays set while it is ahead, so that the next request need not wake this
		 * thread. */
		if (connection->pending.used > 0 || connection->alarm_ms <= now_ms)
			connection->alarm_ms = kw_silent_ms_locked(connection, now_ms);
		turn.until_ms = connection->alarm_ms;
	}
	turn.until_ms = earlier(turn.until_ms, stalled_ms_locked(connection));
	turn.until_ms = earlier(turn.until_ms, idle_until_locked(connection, now_ms));
	turn.until_ms = kw_reauth_until_locked(connection, turn.until_ms);
	if (connection->broken && turn.reads) {
		turn.until_ms = 0;
	} else if (connection->broken && !connection->cut) {
		/* Who reads finds the end behind what the broker may have answered. */
		turn.cut = connection->cut = true;
	} else if (connection->blocked && !kw_transport_tells_writable(connection->ops)) {
		turn.until_ms = earlier(turn.until_ms, now_ms + KW_RETRY_WRITE_MS);
	}
	turn.trim = connection->baton.disarmed;
	connection->baton.disarmed = false;
	/* The wakes are of callers: this thread is awake. */
	after.wake_thread = false;
	kw_leave(connection, &after);
	return turn;
}

/*
 * Goes on with what did not fit, or took another thread too long: the transport
 * says, or may be hoped, to have room.  What KWIRE_MORE holds back is none of
 * this thread's business.
 */
static void resume_writing(struct kwire_connection *connection)
{
	struct kw_after after;

	kw_after_init(&after);
	kw_lock(connection);
	if (connection->blocked || connection->relayed) {
		connection->blocked = connection->relayed = false;
		kw_flush_locked(connection, &after);
		/* That is this one, which looks at everything before it reads. */
		after.wake_thread = connection->relayed;
	}
	kw_leave(connection, &after);
}

/* Nobody has used it for so long that something on the way may have forgotten it. */
static void retire_idle(struct kwire_connection *connection)
{
	int64_t now_ms = kw_now_ms();
	bool idle;

	kw_mutex_lock(&connection->lock);
	idle = idle_until_locked(connection, now_ms) <= now_ms;
	kw_mutex_unlock(&connection->lock);
	if (idle)
		kw_connection_retire(connection);
}

/* Reads, when it is this thread's turn, or watches, until the connection is dead: returns why. */
static int serve(struct kwire_connection *connection, struct kwire_error *error)
{
	const struct kwire_transport_ops *ops;
	struct turn turn;
	void *transport;
	ssize_t got = 0;
	int result = KWIRE_OK;

	/* This thread alone changes them. */
	get_transport(connection, &ops, &transport);
	while (result == KWIRE_OK && !is_dead(connection)) {
		result = kw_reauth_step(connection, error);
		if (result != KWIRE_OK)
			break;
		turn = begin_turn(connection, got > 0);
		if (turn.cut)
			ops->shutdown(transport);
		if (turn.trim)
			kw_spares_trim(&connection->spares);
		if (turn.reads)
			got = kw_read_some(connection, KW_READ, turn.until_ms, error);
		else
			got = ops->watch(transport, turn.until_ms);
		if (!turn.reads && got == KWIRE_EDISCONNECTED) {
			kw_mutex_lock(&connection->lock);
			connection->baton.hung_up = true;
			kw_mutex_unlock(&connection->lock);
			continue;
		}
		if (kw_is_fatal(got))
			result = (int)got;
		else if (got < 0)
			resume_writing(connection);
		if (got == KWIRE_ETIMEDOUT)
			retire_idle(connection);
		if (result == KWIRE_OK)
			result = judge_stall(connection, error);
	}
	return result;
}

/* -- the thread --------------------------------------------------------------- */

static void become_ready(struct kwire_connection *connection)
{
	struct kw_after after;
	struct kw_waiter *waiter;
	bool ready;

	kw_after_init(&after);
	kw_lock(connection);
	ready = !is_dead(connection);
	if (ready) {
		connection->phase = KWIRE_PHASE_NONE;
		connection->last_byte_ms = kw_now_ms();
		connection->baton.shared = connection->config->settings.reading_baton &&
					   kw_transport_lets_callers_read(connection->ops);
		if (!connection->baton.shared)
			connection->baton.holder = KW_BATON_THREAD;
		atomic_store_explicit(&connection->state, KW_CONNECTION_READY,
				      memory_order_release);
		while ((waiter = connection->setup_waiters.first) != NULL) {
			kw_waiters_remove(&connection->setup_waiters, waiter);
			kw_note_wake(&after, waiter->park);
			kw_breathe_locked(connection, &after);
		}
	}
	kw_leave(connection, &after);
	if (!ready)
		return;
	kw_log(connection->config, KWIRE_LOG_DEBUG, "%s:%d: connected", connection->host,
	       connection->port);
	if (connection->events.ready != NULL)
		connection->events.ready(connection->events.context, connection);
}

static void die(struct kwire_connection *connection, const struct kwire_error *cause)
{
	struct kw_after after;

	kw_after_init(&after);
	kw_lock(connection);
	kw_die_locked(connection, cause, &after);
	kw_leave(connection, &after);
}

/* The last words of the thread; nothing of the program's is touched after it was left behind. */
static void end(struct kwire_connection *connection)
{
	struct kwire_error cause;
	bool muted;

	close_transport(connection);
	kw_reauth_fini(&connection->reauth);
	kw_receiver_fini(&connection->receiver);
	kw_mutex_lock(&connection->lock);
	muted = connection->muted;
	cause = connection->cause;
	kw_mutex_unlock(&connection->lock);
	if (!muted) {
		kw_log(connection->config,
		       cause.result == KWIRE_ECLOSED || kw_connection_is_retired(connection)
			       ? KWIRE_LOG_DEBUG
			       : KWIRE_LOG_INFO,
		       "%s", cause.message);
		kw_watch_dead(connection, &cause);
		if (connection->events.dead != NULL)
			connection->events.dead(connection->events.context, connection, &cause);
	}
	kw_mutex_lock(&connection->lock);
	if (connection->thread_state != KW_THREAD_GONE)
		connection->thread_state = KW_THREAD_ENDED;
	kw_cond_broadcast(&connection->changed);
	kw_mutex_unlock(&connection->lock);
}

void *kw_connection_run(void *argument)
{
	struct kwire_connection *connection = argument;
	struct kwire_error error = kw_no_error();
	int result;

#if defined(__linux__)
	(void)prctl(PR_SET_NAME, "kwire-conn", 0, 0, 0);
#endif
	if (kw_is_watched(connection))
		connection->begun_us = kw_now_us();
	result = set_up(connection, &error);
	if (result == KWIRE_OK)
		result = kw_receiver_init(&connection->receiver, connection->memory);
	if (result == KWIRE_ENOMEM)
		kw_fail_memory(&error);
	if (result == KWIRE_OK) {
		kw_watch_ready(connection);
		become_ready(connection);
		result = serve(connection, &error);
	}
	if (result != KWIRE_OK)
		die(connection, &error);
	end(connection);
	kw_connection_put(connection);
	return NULL;
}
