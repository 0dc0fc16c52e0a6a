/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making, counting and ending connections, and the small questions about
 * them: connection.h, and the part of kwire/connection.h that is not calls.
 */
#include "internal.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include <kwire/client.h>

#include "../base/clock.h"
#include "../base/error.h"
#include "../sasl/security.h"

/* -- making and freeing -------------------------------------------------------- */

static void destroy(struct kwire_connection *connection) KW_NO_ANALYSIS
{
	if (connection->thread_state != KW_THREAD_GONE)
		pthread_detach(connection->thread);
	kw_spares_fini(&connection->spares);
	kwire_versions_free(connection->versions);
	kw_free(connection->pending.slots);
	kw_cond_fini(&connection->changed);
	kw_mutex_fini(&connection->lock);
	kw_park_lot_fini(&connection->lot);
	kw_waker_fini(&connection->waker);
	kw_free(connection->host);
	kw_config_put(connection->config);
	kw_free(connection);
}

void kw_connection_abandon(struct kwire_connection *connection) KW_NO_ANALYSIS
{
	if (connection->ops != NULL)
		connection->ops->close(connection->transport);
	kw_receiver_fini(&connection->receiver);
	kw_spares_abandon(&connection->spares);
	kwire_versions_free(connection->versions);
	kw_free(connection->pending.slots);
	kw_park_lot_abandon(&connection->lot);
	kw_waker_fini(&connection->waker);
	kw_free(connection->host);
	kw_config_put(connection->config);
	kw_free(connection);
}

struct kwire_connection *kw_connection_get(struct kwire_connection *connection)
{
	atomic_fetch_add_explicit(&connection->references, 1, memory_order_relaxed);
	return connection;
}

void kw_connection_put(struct kwire_connection *connection)
{
	if (connection != NULL &&
	    atomic_fetch_sub_explicit(&connection->references, 1, memory_order_acq_rel) == 1)
		destroy(connection);
}

static size_t stack_size(const struct kw_settings *settings)
{
	size_t size = (size_t)settings->thread_stack_bytes;

#if defined(KW_DEBUG)
	/* Sanitizers multiply what a frame takes. */
	size *= 8;
#endif
	return size;
}

/* Starts the thread with every signal blocked: the program's handlers never run on it. */
static int start_thread(struct kwire_connection *connection)
{
	pthread_attr_t attributes;
	sigset_t all, before;
	int failure = pthread_attr_init(&attributes);

	if (failure != 0)
		return failure;
	/* A size that the system does not like leaves its default. */
	(void)pthread_attr_setstacksize(&attributes, stack_size(&connection->config->settings));
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	failure = pthread_create(&connection->thread, &attributes, kw_connection_run, connection);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	return failure;
}

static void set_options(struct kwire_connection *connection,
			const struct kw_connection_options *options) KW_NO_ANALYSIS
{
	const struct kw_settings *settings = &connection->config->settings;
	int64_t now_ms = kw_now_ms();

	connection->fork_generation = kw_fork_generation();
	connection->port = options->port;
	connection->node_id = options->node_id;
	connection->versions_start = options->versions_start;
	connection->events = options->events;
	connection->own_transport = options->ops != NULL;
	connection->ops = options->ops;
	connection->transport = options->transport;
	connection->client_id = kwire_string(settings->client_id);
	connection->setup_timeout_ms = options->setup_timeout_ms >= 0
					       ? options->setup_timeout_ms
					       : settings->connection_setup_timeout_ms;
	connection->setup_deadline_ms = kw_deadline(now_ms, connection->setup_timeout_ms);
	connection->max_idle_ms = options->max_idle_ms;
	connection->alarm_ms = KW_NEVER;
	kw_reauth_init(&connection->reauth);
	connection->phase = KWIRE_PHASE_RESOLVE;
	atomic_init(&connection->references, 2);
	atomic_init(&connection->state, KW_CONNECTION_SETUP);
	atomic_init(&connection->largest, (size_t)settings->receive_message_max_bytes);
	atomic_init(&connection->last_used_ms, now_ms);
	atomic_init(&connection->throttled_until_ms, 0);
	atomic_init(&connection->versions_next, -1);
	atomic_init(&connection->retired, false);
}

int kw_connection_new(struct kwire_config *config, const struct kw_connection_options *options,
		      struct kwire_connection **out, struct kwire_error *error) KW_NO_ANALYSIS
{
	struct kwire_connection *connection = kw_zalloc(config->memory, sizeof(*connection));
	struct kw_slot *slots;
	int made = 0;
	int failure = 0;

	if (connection == NULL)
		goto no_memory;
	connection->memory = config->memory;
	connection->config = kw_config_get(config);
	set_options(connection, options);
	connection->host = kw_strdup(config->memory, options->host);
	slots = kw_alloc_array(config->memory, KW_PENDING_FIRST, sizeof(*slots));
	if (slots != NULL)
		kw_pending_init(&connection->pending, slots, KW_PENDING_FIRST, KW_FIRST_ID);
	if (connection->host == NULL || slots == NULL)
		goto no_memory;
	if ((failure = kw_fork_watch()) != 0)
		goto no_system;
	if ((failure = kw_waker_init(&connection->waker)) != 0)
		goto no_system;
	made++;
	if ((failure = kw_park_lot_init(&connection->lot, config->memory)) != 0)
		goto no_system;
	made++;
	if ((failure = kw_mutex_init(&connection->lock, KW_RANK_CONNECTION)) != 0)
		goto no_system;
	made++;
	if ((failure = kw_cond_init(&connection->changed)) != 0)
		goto no_system;
	made++;
	if ((failure = kw_spares_init(&connection->spares)) != 0)
		goto no_system;
	made++;
	if ((failure = start_thread(connection)) != 0)
		goto no_system;
	*out = connection;
	return KWIRE_OK;

no_memory:
	kw_fail_memory(error);
	goto fail;
no_system:
	kw_fail_errno(error, KWIRE_ELIMIT, KWIRE_PHASE_CONNECT, failure, "%s for a connection",
		      made < 5 ? "nothing to wait with" : "no thread");
fail:
	if (options->ops != NULL)
		options->ops->close(options->transport);
	if (connection != NULL) {
		if (made > 4)
			kw_spares_fini(&connection->spares);
		if (made > 3)
			kw_cond_fini(&connection->changed);
		if (made > 2)
			kw_mutex_fini(&connection->lock);
		if (made > 1)
			kw_park_lot_fini(&connection->lot);
		if (made > 0)
			kw_waker_fini(&connection->waker);
		kw_free(connection->pending.slots);
		kw_free(connection->host);
		kw_config_put(connection->config);
		kw_free(connection);
	}
	return failure != 0 ? KWIRE_ELIMIT : KWIRE_ENOMEM;
}

/* -- ending ----------------------------------------------------------------------- */

void kw_connection_kill(struct kwire_connection *connection, const struct kwire_error *cause)
{
	struct kwire_error closed;
	struct kw_after after;

	if (cause == NULL) {
		kw_fail(&closed, KWIRE_ECLOSED, "the connection was closed by this program");
		cause = &closed;
	}
	kw_after_init(&after);
	kw_lock(connection);
	if (kw_state(connection) != KW_CONNECTION_DEAD)
		connection->planned = true;
	kw_die_locked(connection, cause, &after);
	kw_leave(connection, &after);
}

bool kw_connection_retire(struct kwire_connection *connection)
{
	struct kwire_error idle;
	struct kw_after after;
	bool unused;

	kw_fail(&idle, KWIRE_EDISCONNECTED, "the connection was closed after being idle");
	kw_after_init(&after);
	kw_lock(connection);
	unused = kw_state(connection) == KW_CONNECTION_READY && kw_is_unused_locked(connection);
	if (unused) {
		connection->planned = true;
		atomic_store(&connection->retired, true);
		kw_die_locked(connection, &idle, &after);
	}
	kw_leave(connection, &after);
	return unused;
}

bool kw_connection_is_retired(struct kwire_connection *connection)
{
	return atomic_load(&connection->retired);
}

int kw_connection_join(struct kwire_connection *connection, int64_t deadline_ms)
{
	bool join = false, detach = false;
	bool in_time = true;
	bool gone;

	kw_mutex_lock(&connection->lock);
	while (connection->thread_state == KW_THREAD_RUNNING && in_time)
		in_time = kw_cond_wait(&connection->changed, &connection->lock, deadline_ms);
	join = connection->thread_state == KW_THREAD_ENDED;
	detach = connection->thread_state == KW_THREAD_FOREIGN;
	if (join || detach) {
		connection->thread_state = KW_THREAD_GONE;
		connection->muted = true;
	}
	gone = connection->thread_state == KW_THREAD_GONE;
	kw_mutex_unlock(&connection->lock);
	if (join)
		pthread_join(connection->thread, NULL);
	else if (detach)
		pthread_detach(connection->thread);
	return gone ? KWIRE_OK : KWIRE_ETIMEDOUT;
}

int kw_fail_forked(struct kwire_error *error)
{
	return kw_fail(error, KWIRE_EFORKED,
		       "the connection was opened before fork; open one in the child");
}

int kwire_connection_shutdown(struct kwire_connection *connection, int64_t timeout_ms)
{
	int64_t deadline_ms = kw_deadline(kw_now_ms(), timeout_ms);
	int cancel_state, result;

	if (kw_connection_forked(connection))
		return KWIRE_EFORKED;
	cancel_state = kw_cancel_disable();
	kw_connection_kill(connection, NULL);
	result = kw_connection_join(connection, deadline_ms);
	kw_cancel_restore(cancel_state);
	return result;
}

void kwire_connection_close(struct kwire_connection *connection)
{
	int cancel_state;

	if (connection == NULL)
		return;
	cancel_state = kw_cancel_disable();
	if (kw_connection_forked(connection)) {
		kw_connection_abandon(connection);
	} else {
		(void)kwire_connection_shutdown(connection, -1);
		kw_connection_put(connection);
	}
	kw_cancel_restore(cancel_state);
}

/* -- opening ----------------------------------------------------------------------- */

static int open_it(const struct kwire_config *config, struct kw_connection_options *options,
		   int64_t timeout_ms, struct kwire_connection **out, struct kwire_error *error)
{
	int64_t started_ms = kw_now_ms();
	struct kwire_connection *connection = NULL;
	struct kwire_config *frozen;
	int result;

	if (config == NULL || options->host == NULL || out == NULL) {
		result = config == NULL
				 ? kw_fail_memory(error)
				 : kw_fail(error, KWIRE_EINVAL, "host or connection is NULL");
		if (options->ops != NULL)
			options->ops->close(options->transport);
		return result;
	}
	frozen = kw_config_freeze(config, error);
	if (frozen == NULL) {
		if (options->ops != NULL)
			options->ops->close(options->transport);
		return KWIRE_ENOMEM;
	}
	options->node_id = -1;
	options->setup_timeout_ms = timeout_ms;
	options->max_idle_ms = -1; /* the program's own: it says when it is done */
	options->versions_start = -1;
	result = kw_security_attach(frozen, error);
	if (result == KWIRE_OK)
		result = kw_connection_new(frozen, options, &connection, error);
	else if (options->ops != NULL)
		options->ops->close(options->transport);
	kw_config_put(frozen);
	if (result != KWIRE_OK)
		return result;
	result = kw_connection_wait_ready(connection, KW_NEVER, error);
	if (result != KWIRE_OK) {
		if (error != NULL)
			error->elapsed_ms = kw_now_ms() - started_ms;
		kwire_connection_close(connection);
		return result;
	}
	*out = connection;
	return KWIRE_OK;
}

static int open_connection(const struct kwire_config *config, struct kw_connection_options *options,
			   int64_t timeout_ms, struct kwire_connection **out,
			   struct kwire_error *error)
{
	int cancel_state = kw_cancel_disable();
	int result = open_it(config, options, timeout_ms, out, error);

	kw_cancel_restore(cancel_state);
	return result;
}

int kwire_connection_open(const struct kwire_config *config, const char *host, int port,
			  int64_t timeout_ms, struct kwire_connection **connection,
			  struct kwire_error *error)
{
	struct kw_connection_options options = {.host = host, .port = port};

	return open_connection(config, &options, timeout_ms, connection, error);
}

int kwire_connection_open_transport(const struct kwire_config *config,
				    const struct kwire_transport_ops *ops, void *transport,
				    const char *host, int port, int64_t timeout_ms,
				    struct kwire_connection **connection, struct kwire_error *error)
{
	struct kw_connection_options options = {
		.host = host, .port = port, .ops = ops, .transport = transport};

	if (ops == NULL)
		return kw_fail(error, KWIRE_EINVAL, "ops is NULL");
	return open_connection(config, &options, timeout_ms, connection, error);
}

/* -- small questions ---------------------------------------------------------------- */

enum kw_connection_state kw_connection_state(struct kwire_connection *connection)
{
	return kw_state(connection);
}

bool kw_connection_cause(struct kwire_connection *connection, struct kwire_error *cause)
{
	if (kw_state(connection) != KW_CONNECTION_DEAD)
		return false;
	kw_mutex_lock(&connection->lock);
	kw_error_copy(cause, &connection->cause);
	kw_mutex_unlock(&connection->lock);
	return true;
}

bool kwire_connection_is_closed(struct kwire_connection *connection, struct kwire_error *error)
{
	int cancel_state;
	bool closed;

	if (kw_connection_forked(connection)) {
		kw_fail_forked(error);
		return true;
	}
	cancel_state = kw_cancel_disable();
	closed = kw_connection_cause(connection, error);
	kw_cancel_restore(cancel_state);
	return closed;
}

int kw_connection_in_flight(struct kwire_connection *connection)
{
	return atomic_load_explicit(&connection->in_flight, memory_order_relaxed);
}

int kwire_connection_in_flight(struct kwire_connection *connection)
{
	return kw_connection_in_flight(connection);
}

int64_t kw_connection_last_used_ms(struct kwire_connection *connection)
{
	return atomic_load_explicit(&connection->last_used_ms, memory_order_relaxed);
}

int64_t kw_connection_throttled_until_ms(struct kwire_connection *connection)
{
	return atomic_load_explicit(&connection->throttled_until_ms, memory_order_relaxed);
}

int16_t kw_connection_versions_start(struct kwire_connection *connection)
{
	return (int16_t)atomic_load(&connection->versions_next);
}

const struct kwire_versions *kwire_connection_versions(struct kwire_connection *connection)
{
	return connection->versions;
}
