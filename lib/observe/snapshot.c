/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshots of statistics: one block that owns all it points to.  The lock is
 * held for copying and for finding quantiles, never for allocating or sorting.
 */
#include "stats.h"

#include <stdlib.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/error.h"

struct snapshot {
	struct kwire_stats stats; /* first: it is what the program frees */
	int capacity;
	struct kwire_broker_stats *brokers;
	const struct kwire_broker_stats **order;
	char *text; /* hosts, and the client's id */
	size_t text_size;
};

/* What a snapshot needs now: brokers, and bytes for their hosts. */
static int measure_locked(const struct kw_stats *stats, size_t *text_size)
{
	int count = 0;

	for (const struct kw_watched_broker *at = stats->brokers; at != NULL; at = at->next) {
		count++;
		*text_size += strlen(at->host) + 1;
	}
	return count;
}

static struct snapshot *make(struct kw_memory *memory, int count, size_t text_size)
{
	size_t brokers = sizeof(struct kwire_broker_stats) * (size_t)count;
	size_t order = sizeof(struct kwire_broker_stats *) * (size_t)count;
	struct snapshot *snapshot = kw_zalloc(memory,
					      sizeof(*snapshot) + brokers + order + text_size);

	if (snapshot == NULL)
		return NULL;
	snapshot->capacity = count;
	snapshot->brokers = (void *)(snapshot + 1);
	snapshot->order = (void *)((char *)snapshot->brokers + brokers);
	snapshot->text = (char *)snapshot->order + order;
	snapshot->text_size = text_size;
	return snapshot;
}

static const char *put_text(struct snapshot *snapshot, const char *text)
{
	size_t size = strlen(text) + 1;
	char *place = snapshot->text;

	memcpy(place, text, size);
	snapshot->text += size;
	snapshot->text_size -= size;
	return place;
}

static void fill_latency(struct kwire_latency *latency, const struct kw_histogram *histogram)
{
	latency->count = histogram->count;
	latency->sum_us = histogram->sum;
	latency->max_us = histogram->max;
	latency->p50_us = kw_histogram_quantile(histogram, 500);
	latency->p90_us = kw_histogram_quantile(histogram, 900);
	latency->p99_us = kw_histogram_quantile(histogram, 990);
	latency->p999_us = kw_histogram_quantile(histogram, 999);
}

static void add(struct kwire_counts *total, const struct kwire_counts *counts)
{
	total->calls += counts->calls;
	total->requests += counts->requests;
	total->in_flight += counts->in_flight;
	total->request_bytes += counts->request_bytes;
	total->response_bytes += counts->response_bytes;
	for (int i = 0; i < KWIRE_STATS_RESULTS; i++)
		total->results[i] += counts->results[i];
	total->maybe_applied += counts->maybe_applied;
	total->connects += counts->connects;
	total->reconnects += counts->reconnects;
	total->connect_failures += counts->connect_failures;
	total->disconnects += counts->disconnects;
	total->throttles += counts->throttles;
	total->throttled_ms += counts->throttled_ms;
}

static enum kwire_broker_state state_of(const struct kw_watched_broker *broker)
{
	if (broker->connections > 0)
		return KWIRE_BROKER_UP;
	return broker->failed ? KWIRE_BROKER_DOWN : KWIRE_BROKER_IDLE;
}

/* Copies one; false: it came too late, and there is no room for it. */
static bool take_locked(struct snapshot *snapshot, const struct kw_watched_broker *broker)
{
	int index = snapshot->stats.broker_count;
	struct kwire_broker_stats *into = &snapshot->brokers[index];

	if (index == snapshot->capacity || strlen(broker->host) + 1 > snapshot->text_size)
		return false;
	into->size = sizeof(*into);
	into->node_id = broker->node_id;
	into->port = broker->port;
	into->host = put_text(snapshot, broker->host);
	into->state = state_of(broker);
	into->connections = broker->connections;
	into->last_us = broker->last_us;
	into->counts = broker->counts;
	fill_latency(&into->counts.latency, &broker->latency);
	add(&snapshot->stats.total, &broker->counts);
	snapshot->order[index] = into;
	snapshot->stats.broker_count++;
	return true;
}

static int compare(const void *a, const void *b)
{
	const struct kwire_broker_stats *one = *(const struct kwire_broker_stats *const *)a;
	const struct kwire_broker_stats *other = *(const struct kwire_broker_stats *const *)b;
	int by_host;

	if (one->node_id != other->node_id)
		return one->node_id < other->node_id ? -1 : 1;
	by_host = strcmp(one->host, other->host);
	return by_host != 0 ? by_host : (one->port > other->port) - (one->port < other->port);
}

int kw_stats_take(const struct kwire_config *config, struct kwire_stats **out,
		  struct kwire_error *error)
{
	struct kw_stats *stats = kw_stats_of(config);
	struct kw_histogram all;
	struct snapshot *snapshot;
	size_t text_size;
	int count;

	if (stats == NULL)
		return kw_fail(error, KWIRE_EINVAL,
			       "no statistics are kept: call kwire_config_keep_stats() before "
			       "opening");
	text_size = strlen(stats->client_id) + 1;
	kw_mutex_lock(&stats->mutex);
	count = measure_locked(stats, &text_size);
	kw_mutex_unlock(&stats->mutex);
	snapshot = make(stats->memory, count, text_size);
	if (snapshot == NULL)
		return kw_fail_memory(error);
	memset(&all, 0, sizeof(all));
	snapshot->stats.size = sizeof(snapshot->stats);
	snapshot->stats.opened_us = stats->opened_us;
	snapshot->stats.client_id = put_text(snapshot, stats->client_id);
	kw_mutex_lock(&stats->mutex);
	snapshot->stats.at_us = kw_now_us();
	for (const struct kw_watched_broker *at = stats->brokers;
	     at != NULL && take_locked(snapshot, at); at = at->next)
		kw_histogram_merge(&all, &at->latency);
	kw_mutex_unlock(&stats->mutex);
	fill_latency(&snapshot->stats.total.latency, &all);
	if (count > 0)
		qsort(snapshot->order, (size_t)snapshot->stats.broker_count,
		      sizeof(snapshot->order[0]), compare);
	snapshot->stats.brokers = snapshot->order;
	*out = &snapshot->stats;
	return KWIRE_OK;
}

void kwire_stats_free(struct kwire_stats *stats)
{
	kw_free(stats);
}

const char *kwire_broker_state_name(enum kwire_broker_state state)
{
	switch (state) {
	case KWIRE_BROKER_UP:
		return "up";
	case KWIRE_BROKER_DOWN:
		return "down";
	case KWIRE_BROKER_IDLE:
		break;
	}
	return "idle";
}
