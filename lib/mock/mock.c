/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and closing a cluster, and what belongs to no part of it alone. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../base/clock.h"
#include "../base/error.h"
#include "cluster.h"
#include "parcel.h"
#include "sasl.h"
#include "tls.h"

enum {
	MAX_BROKERS = 100,
	MAX_LOG = 10000000,
	INITIAL_REBALANCE_DELAY_MS = 100,
};

int64_t kw_mock_wall_ms(const struct kwire_mock *mock)
{
	struct timespec now;

	/* Time that tests move begins at a round date, so that runs are alike. */
	if (mock->loop.manual)
		return INT64_C(1700000000000) + mock->loop.offset_ms;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + mock->loop.offset_ms;
}

static void end_of_round(void *context)
{
	kw_mock_peers_flush(context);
}

void kw_mock_brokers_changed(struct kwire_mock *mock)
{
	if (kw_mock_broker_alive(mock, mock->controller_id) == NULL) {
		struct kw_mock_broker *broker = kw_mock_broker_pick(mock, 0);

		mock->controller_id = broker != NULL ? broker->id : -1;
	}
	kw_mock_topics_elect(mock);
}

struct kw_mock_broker *kw_mock_coordinator(struct kwire_mock *mock, int key_type,
					   struct kwire_string key)
{
	uint64_t hash = 14695981039346656037u;
	struct kw_mock_broker *broker;
	int index;

	for (int32_t i = 0; i < key.size; i++)
		hash = (hash ^ (uint8_t)key.data[i]) * 1099511628211u;
	if (mock->broker_count == 0)
		return NULL;
	/* The key's own broker, and while that is down the next. */
	index = (int)((hash + (unsigned)key_type) % (uint64_t)mock->broker_count);
	for (int i = 0; i < mock->broker_count; i++) {
		broker = mock->brokers;
		for (int skip = (index + i) % mock->broker_count; skip > 0; skip--)
			broker = broker->next;
		if (broker->up)
			return broker;
	}
	return NULL;
}

const char *kw_mock_bootstrap_text(struct kwire_mock *mock)
{
	const char *host = kw_mock_host(mock);
	bool brackets = strchr(host, ':') != NULL;
	size_t size = (size_t)mock->broker_count * (strlen(host) + 16) + 1;
	struct kw_mock_text *text = kw_alloc(mock->memory, sizeof(*text) + size);
	size_t at = 0;

	if (text == NULL)
		return NULL;
	text->text[0] = '\0';
	for (struct kw_mock_broker *broker = mock->brokers; broker != NULL; broker = broker->next)
		if (broker->up)
			at += (size_t)snprintf(text->text + at, size - at,
					       brackets ? "%s[%s]:%d" : "%s%s:%d",
					       at > 0 ? "," : "", host, broker->port);
	if (mock->bootstraps != NULL && strcmp(mock->bootstraps->text, text->text) == 0) {
		kw_free(text);
		return mock->bootstraps->text;
	}
	text->next = mock->bootstraps;
	mock->bootstraps = text;
	return text->text;
}

static int check_options(const struct kwire_mock_options *options, struct kwire_error *error)
{
	if (options->size != sizeof(*options))
		return kw_fail(error, KWIRE_EINVAL, "mock options of an unknown size");
	if (options->brokers < 1 || options->brokers > MAX_BROKERS)
		return kw_fail(error, KWIRE_EINVAL, "brokers must be 1 to %d, not %d", MAX_BROKERS,
			       (int)options->brokers);
	if (options->port < 0 || options->port > 65535 ||
	    (options->port > 0 && options->port + options->brokers - 1 > 65535))
		return kw_fail(error, KWIRE_EINVAL, "port must be 0 to 65535, for every broker");
	if (options->partitions < 1 || options->partitions > KW_MOCK_MAX_PARTITIONS)
		return kw_fail(error, KWIRE_EINVAL, "partitions must be 1 to %d",
			       KW_MOCK_MAX_PARTITIONS);
	if (options->log_requests < 1 || options->log_requests > MAX_LOG)
		return kw_fail(error, KWIRE_EINVAL, "log_requests must be 1 to %d", MAX_LOG);
	if (options->max_bytes < 0 || options->max_frame_bytes < 0)
		return kw_fail(error, KWIRE_EINVAL,
			       "max_bytes and max_frame_bytes must be 0 or more");
	return KWIRE_OK;
}

/* Frees what was made; the thread has ended or never was. */
static void dispose(struct kwire_mock *mock)
{
	struct kw_memory *memory = mock->memory;
	struct kw_mock_broker *broker;
	struct kw_mock_text *text;

	kw_mock_enter(mock);
	kw_mock_rules_mend(mock, -1);
	for (broker = mock->brokers; broker != NULL; broker = broker->next) {
		broker->up = true; /* so that it is stopped */
		kw_mock_broker_disconnect(broker);
	}
	kw_mock_leave(mock);
	kw_mock_groups_fini(mock);
	kw_mock_transactions_fini(mock);
	while (mock->brokers != NULL)
		kw_mock_broker_remove(mock->brokers);
	kw_mock_peers_flush(mock);
	while ((broker = mock->removed) != NULL) {
		mock->removed = broker->next;
		kw_free(broker);
	}
	kw_mock_frames_fini(mock);
	kw_mock_rules_fini(mock);
	kw_mock_tls_free(mock->tls);
	kw_mock_sasl_free(mock->sasl);
	kw_mock_topics_fini(mock);
	kw_mock_journal_fini(mock);
	while ((text = mock->bootstraps) != NULL) {
		mock->bootstraps = text->next;
		kw_free(text);
	}
	kw_mock_loop_fini(&mock->loop);
	kw_free(mock->host);
	kw_free(mock->cluster_id);
	kw_free(mock);
	kw_memory_put(memory);
}

static int set_up(struct kwire_mock *mock, const struct kwire_mock_options *options,
		  struct kwire_error *error)
{
	int result;

	mock->flags = options->flags;
	mock->default_partitions = options->partitions;
	mock->max_frame_bytes = options->max_frame_bytes;
	mock->next_broker_id = 1;
	mock->controller_id = -1;
	mock->rules.random = options->seed != 0 ? options->seed : 1;
	mock->topics.max_bytes = options->max_bytes;
	/* Where tests move time, a group need not wait for its first members. */
	mock->groups.initial_delay_ms = mock->loop.manual ? 0 : INITIAL_REBALANCE_DELAY_MS;
	mock->transactions.next_producer_id = 1000;
	if (!kw_mock_versions_of(options->versions != NULL ? options->versions : "newest",
				 mock->versions))
		return kw_fail(error, KWIRE_EINVAL, "no version table is named \"%s\"",
			       options->versions);
	if (options->host != NULL && (mock->host = kw_strdup(mock->memory, options->host)) == NULL)
		return kw_fail_memory(error);
	mock->cluster_id = kw_strdup(mock->memory, options->cluster_id != NULL ? options->cluster_id
									       : "kwire-mock");
	if (mock->cluster_id == NULL || kw_mock_journal_init(mock, options->log_requests) != 0 ||
	    kw_mock_topics_init(mock) != 0)
		return kw_fail_memory(error);
	for (int i = 0; i < options->brokers; i++) {
		result = kw_mock_broker_add(mock, options->port > 0 ? options->port + i : 0, NULL,
					    error);
		if (result != 0)
			return result;
	}
	return kw_mock_loop_start(&mock->loop, error);
}

int kwire_mock_open(const struct kwire_mock_options *options, struct kwire_mock **opened,
		    struct kwire_error *error)
{
	static const struct kwire_mock_options defaults = KWIRE_MOCK_OPTIONS_INIT;
	struct kw_memory *memory;
	struct kwire_mock *mock;
	int result;

	if (options == NULL)
		options = &defaults;
	result = check_options(options, error);
	if (result != 0)
		return result;
	memory = kw_memory_new(NULL, 0);
	mock = memory != NULL ? kw_zalloc(memory, sizeof(*mock)) : NULL;
	if (mock == NULL) {
		kw_memory_put(memory);
		return kw_fail_memory(error);
	}
	mock->memory = memory;
	result = kw_mock_loop_init(&mock->loop, memory,
				   (options->flags & KWIRE_MOCK_MANUAL_TIME) != 0, end_of_round,
				   mock, error);
	if (result != 0) {
		kw_free(mock);
		kw_memory_put(memory);
		return result;
	}
	result = set_up(mock, options, error);
	if (result != 0) {
		dispose(mock);
		return result;
	}
	*opened = mock;
	return KWIRE_OK;
}

void kwire_mock_close(struct kwire_mock *mock)
{
	if (mock == NULL)
		return;
	kw_mock_loop_stop(&mock->loop);
	dispose(mock);
}
