/* SPDX-License-Identifier: Apache-2.0 */
/* See stats.h: counting. */
#include "stats.h"

#include <string.h>

#include "../base/clock.h"
#include "../base/error.h"

static void free_stats(void *context)
{
	struct kw_stats *stats = context;
	struct kw_watched_broker *broker;

	if (stats == NULL)
		return;
	while ((broker = stats->brokers) != NULL) {
		stats->brokers = broker->next;
		kw_free(broker->host);
		kw_free(broker);
	}
	kw_mutex_fini(&stats->mutex);
	kw_free(stats->recent);
	kw_free(stats);
}

static int open_stats(struct kw_watcher *watcher, struct kwire_config *frozen)
{
	uint32_t count = (uint32_t)frozen->settings.recent_requests;
	struct kw_stats *stats = kw_zalloc(frozen->memory, sizeof(*stats));

	if (stats == NULL)
		return KWIRE_ENOMEM;
	stats->memory = frozen->memory;
	stats->client_id = frozen->settings.client_id;
	stats->opened_us = kw_now_us();
	stats->recent_count = count;
	if (count > 0) {
		stats->recent = kw_zalloc(frozen->memory, count * sizeof(*stats->recent));
		if (stats->recent == NULL) {
			kw_free(stats);
			return KWIRE_ENOMEM;
		}
	}
	if (kw_mutex_init(&stats->mutex, KW_RANK_LEAF) != 0) {
		kw_free(stats->recent);
		kw_free(stats);
		return KWIRE_ENOMEM;
	}
	watcher->hooks.context = stats;
	return KWIRE_OK;
}

struct kw_stats *kw_stats_of(const struct kwire_config *config)
{
	const struct kw_watcher *watcher = kw_watch_find(config, free_stats);

	return watcher != NULL ? watcher->hooks.context : NULL;
}

static struct kw_watched_broker *find_locked(struct kw_stats *stats, const struct kwire_peer *peer)
	KW_REQUIRES(stats->mutex)
{
	struct kw_watched_broker *broker = stats->brokers;

	/* One that moved is counted anew. */
	while (broker != NULL && (broker->node_id != peer->node_id || broker->port != peer->port ||
				  strcmp(broker->host, peer->host) != 0))
		broker = broker->next;
	return broker;
}

static struct kw_watched_broker *make(struct kw_stats *stats, const struct kwire_peer *peer)
{
	struct kw_watched_broker *broker = kw_zalloc(stats->memory, sizeof(*broker));

	if (broker == NULL)
		return NULL;
	broker->host = kw_strdup(stats->memory, peer->host);
	if (broker->host == NULL) {
		kw_free(broker);
		return NULL;
	}
	broker->port = peer->port;
	broker->node_id = peer->node_id;
	return broker;
}

/* Takes the lock, and finds the broker; NULL, and no lock: there was no memory for it. */
static struct kw_watched_broker *enter(struct kw_stats *stats,
				       const struct kwire_peer *peer) KW_NO_ANALYSIS
{
	struct kw_watched_broker *broker, *made, **end;

	kw_mutex_lock(&stats->mutex);
	broker = find_locked(stats, peer);
	if (broker != NULL)
		return broker;
	kw_mutex_unlock(&stats->mutex);
	made = make(stats, peer);
	kw_mutex_lock(&stats->mutex);
	broker = find_locked(stats, peer);
	if (broker == NULL && made != NULL) {
		for (end = &stats->brokers; *end != NULL; end = &(*end)->next)
			;
		*end = broker = made;
		made = NULL;
	}
	stats->incomplete |= broker == NULL;
	if (broker == NULL || made != NULL) {
		kw_mutex_unlock(&stats->mutex);
		if (made != NULL) {
			kw_free(made->host);
			kw_free(made);
		}
		if (broker != NULL)
			kw_mutex_lock(&stats->mutex);
	}
	return broker;
}

static void leave(struct kw_stats *stats) KW_NO_ANALYSIS
{
	kw_mutex_unlock(&stats->mutex);
}

static void connected(void *context, const struct kwire_connection_event *event)
{
	struct kw_stats *stats = context;
	struct kw_watched_broker *broker = enter(stats, &event->peer);

	if (broker == NULL)
		return;
	broker->counts.connects++;
	if (broker->counts.connects > 1)
		broker->counts.reconnects++;
	broker->connections++;
	broker->failed = false;
	broker->last_us = event->ready_us;
	leave(stats);
}

static void disconnected(void *context, const struct kwire_connection_event *event)
{
	struct kw_stats *stats = context;
	struct kw_watched_broker *broker = enter(stats, &event->peer);

	if (broker == NULL)
		return;
	if (event->ready_us > 0) {
		broker->connections--;
		if (!event->planned)
			broker->counts.disconnects++;
	} else if (!event->planned) {
		broker->counts.connect_failures++;
	}
	broker->failed = !event->planned;
	broker->last_us = event->ended_us;
	leave(stats);
}

static void remember(struct kw_stats *stats, const struct kw_watched_broker *broker,
		     struct kw_recent *entry, uint64_t number,
		     const struct kwire_request_event *event)
{
	/* Whoever reads without the lock sees that it changes. */
	atomic_store(&entry->number, 0);
	atomic_store_explicit(&entry->broker, broker, memory_order_relaxed);
	atomic_store_explicit(&entry->connection, (uintptr_t)event->peer.connection,
			      memory_order_relaxed);
	atomic_store_explicit(&entry->queued_us, event->queued_us, memory_order_relaxed);
	atomic_store_explicit(&entry->written_us, event->written_us, memory_order_relaxed);
	atomic_store_explicit(&entry->first_byte_us, event->first_byte_us, memory_order_relaxed);
	atomic_store_explicit(&entry->done_us, event->done_us, memory_order_relaxed);
	atomic_store_explicit(&entry->request_bytes, (uint32_t)event->request_bytes,
			      memory_order_relaxed);
	atomic_store_explicit(&entry->response_bytes, (uint32_t)event->response_bytes,
			      memory_order_relaxed);
	atomic_store_explicit(&entry->id, event->correlation_id, memory_order_relaxed);
	atomic_store_explicit(&entry->result, event->result, memory_order_relaxed);
	atomic_store_explicit(&entry->api, (event->api_version << 16) | (uint16_t)event->api_key,
			      memory_order_relaxed);
	atomic_store(&entry->number, number);
	if (number > atomic_load_explicit(&stats->last_number, memory_order_relaxed))
		atomic_store(&stats->last_number, number);
}

/* The entry of a request that was written, if it is still remembered. */
static struct kw_recent *find_recent_locked(struct kw_stats *stats,
					    const struct kwire_request_event *event)
	KW_REQUIRES(stats->mutex)
{
	uint64_t last = stats->last_number;
	struct kw_recent *entry;

	for (uint64_t i = 0; i < stats->recent_count && i < last; i++) {
		entry = &stats->recent[(last - i) % stats->recent_count];
		if (entry->done_us == 0 && entry->id == event->correlation_id &&
		    entry->connection == (uintptr_t)event->peer.connection)
			return entry;
	}
	return NULL;
}

static void written(void *context, const struct kwire_request_event *event)
{
	struct kw_stats *stats = context;
	struct kw_watched_broker *broker = enter(stats, &event->peer);
	uint64_t number;

	if (broker == NULL)
		return;
	broker->counts.requests++;
	broker->counts.in_flight++;
	broker->counts.request_bytes += event->request_bytes;
	broker->last_us = event->written_us;
	if (stats->recent_count > 0) {
		number = stats->last_number + 1;
		remember(stats, broker, &stats->recent[number % stats->recent_count], number,
			 event);
	}
	leave(stats);
}

static void done(void *context, const struct kwire_request_event *event) KW_NO_ANALYSIS
{
	struct kw_stats *stats = context;
	struct kw_watched_broker *broker = enter(stats, &event->peer);
	struct kw_recent *entry = NULL;
	uint64_t number;

	if (broker == NULL)
		return;
	broker->counts.calls++;
	if (event->written_us > 0 && broker->counts.in_flight > 0)
		broker->counts.in_flight--;
	broker->counts.response_bytes += event->response_bytes;
	if (event->result <= 0 && event->result > -KWIRE_STATS_RESULTS)
		broker->counts.results[-event->result]++;
	if (event->result != KWIRE_OK && event->outcome == KWIRE_MAYBE_APPLIED)
		broker->counts.maybe_applied++;
	if (event->response_bytes > 0)
		kw_histogram_add(&broker->latency, event->done_us - event->queued_us);
	broker->last_us = event->done_us;
	if (stats->recent_count > 0) {
		if (event->written_us > 0)
			entry = find_recent_locked(stats, event);
		number = entry != NULL ? entry->number : stats->last_number + 1;
		/* One that was written and is not found was pushed out: it stays forgotten. */
		if (entry == NULL && event->written_us == 0)
			entry = &stats->recent[number % stats->recent_count];
		if (entry != NULL)
			remember(stats, broker, entry, number, event);
	}
	leave(stats);
}

static void throttled(void *context, const struct kwire_throttle_event *event)
{
	struct kw_stats *stats = context;
	struct kw_watched_broker *broker = enter(stats, &event->peer);

	if (broker == NULL)
		return;
	broker->counts.throttles++;
	broker->counts.throttled_ms += event->throttle_ms;
	leave(stats);
}

int kwire_config_keep_stats(struct kwire_config *config, struct kwire_error *error)
{
	struct kw_watcher watcher = {.hooks = KWIRE_HOOKS_INIT};

	if (config != NULL && kw_watch_find(config, free_stats) != NULL)
		return kw_fail(error, KWIRE_EINVAL, "this config keeps statistics already");
	watcher.hooks.connected = connected;
	watcher.hooks.disconnected = disconnected;
	watcher.hooks.written = written;
	watcher.hooks.done = done;
	watcher.hooks.throttled = throttled;
	watcher.open = open_stats;
	watcher.close = free_stats;
	return kw_watch_add(config, &watcher, error);
}
