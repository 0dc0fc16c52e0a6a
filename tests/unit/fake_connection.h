/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections without sockets, for test_client.c: the functions of
 * lib/connection/connection.h over a table of hosts whose behaviour the test
 * sets.  Defining them here keeps the real ones out of the program.
 */
#ifndef FAKE_CONNECTION_H
#define FAKE_CONNECTION_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kwire/api/metadata.h>

#include "base/clock.h"
#include "base/error.h"
#include "connection/connection.h"
#include "protocol/response.h"
#include "transport/socket.h"

enum {
	FAKE_HOSTS = 8,
	FAKE_BROKERS = 4,
};

/* How a host behaves. */
struct fake_host {
	char host[32];
	int refuse;        /* a result: dials fail with it */
	int no_dial;       /* a result: kw_connection_new() fails with it */
	bool hang;         /* set-up never ends */
	int answer;        /* a result: requests fail with it after they were sent */
	bool die_unsent;   /* the next request finds the connection dead, no byte left */
	int32_t throttle;  /* in each answer */
	int dials;         /* counted */
	int live;          /* connections */
	int requests;      /* that arrived, metadata not among them */
	int last_setup_ms; /* timeout of the last dial */
};

/* What the cluster says of itself. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t moved;
	struct fake_host hosts[FAKE_HOSTS];
	int host_count;
	struct {
		int32_t id, port;
		char host[32];
	} brokers[FAKE_BROKERS];
	int broker_count;
	char cluster_id[32];
	int16_t metadata_error;
	int metadata_errors_left; /* -1: for ever */
	int metadata_requests;
	int connections; /* alive */
	bool hold_dials; /* kw_connection_new blocks */
	int held;
	bool hold_metadata;
	bool silent_metadata; /* is never answered */
	bool hold_resolving;  /* kw_resolve blocks */
	char topic[32];       /* in each metadata answer, led by broker 1; "": none */
	int64_t age_ms;       /* connections say that they were unused for so long */
} fake = {.lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER};

struct kwire_connection {
	atomic_int references;
	atomic_int state;
	atomic_int in_flight;
	_Atomic int64_t throttled_until_ms;
	struct fake_host *host;
	int32_t node_id;
	int port;
	struct kw_connection_events events;
	struct kwire_error cause;
	struct kw_memory *memory;
	pthread_mutex_t lock;
};

static struct fake_host *fake_host(const char *name)
{
	for (int i = 0; i < fake.host_count; i++)
		if (strcmp(fake.hosts[i].host, name) == 0)
			return &fake.hosts[i];
	if (fake.host_count == FAKE_HOSTS)
		abort();
	snprintf(fake.hosts[fake.host_count].host, sizeof(fake.hosts[0].host), "%s", name);
	return &fake.hosts[fake.host_count++];
}

static void fake_reset(void)
{
	memset(fake.hosts, 0, sizeof(fake.hosts));
	fake.host_count = fake.broker_count = 0;
	fake.cluster_id[0] = fake.topic[0] = '\0';
	fake.metadata_error = 0;
	fake.metadata_errors_left = fake.metadata_requests = fake.held = 0;
	fake.hold_dials = fake.hold_metadata = fake.silent_metadata = fake.hold_resolving = false;
	fake.age_ms = 0;
}

static void fake_broker(int32_t id, const char *host, int port)
{
	fake.brokers[fake.broker_count].id = id;
	fake.brokers[fake.broker_count].port = port;
	snprintf(fake.brokers[fake.broker_count++].host, sizeof(fake.brokers[0].host), "%s", host);
}

/* Ends the holding of what waits in `flag`. */
static void fake_let_go(bool *flag)
{
	pthread_mutex_lock(&fake.lock);
	*flag = false;
	pthread_cond_broadcast(&fake.moved);
	pthread_mutex_unlock(&fake.lock);
}

static void fake_hold(bool *flag)
{
	pthread_mutex_lock(&fake.lock);
	if (*flag) {
		fake.held++;
		pthread_cond_broadcast(&fake.moved);
		while (*flag)
			pthread_cond_wait(&fake.moved, &fake.lock);
		fake.held--;
	}
	pthread_mutex_unlock(&fake.lock);
}

static void fake_await_held(void)
{
	pthread_mutex_lock(&fake.lock);
	while (fake.held == 0)
		pthread_cond_wait(&fake.moved, &fake.lock);
	pthread_mutex_unlock(&fake.lock);
}

static void fake_die(struct kwire_connection *connection, const struct kwire_error *cause)
{
	bool first;

	pthread_mutex_lock(&connection->lock);
	first = atomic_load(&connection->state) != KW_CONNECTION_DEAD;
	if (first) {
		connection->cause = *cause;
		snprintf(connection->cause.host, sizeof(connection->cause.host), "%s",
			 connection->host->host);
		connection->cause.port = connection->port;
		atomic_store(&connection->state, KW_CONNECTION_DEAD);
	}
	pthread_mutex_unlock(&connection->lock);
	if (!first)
		return;
	pthread_mutex_lock(&fake.lock);
	connection->host->live--;
	pthread_cond_broadcast(&fake.moved);
	pthread_mutex_unlock(&fake.lock);
	if (connection->events.dead != NULL)
		connection->events.dead(connection->events.context, connection, &connection->cause);
}

int kw_connection_new(struct kwire_config *config, const struct kw_connection_options *options,
		      struct kwire_connection **made, struct kwire_error *error)
{
	struct kwire_connection *connection;
	struct kwire_error cause;
	int refuse;

	fake_hold(&fake.hold_dials);
	pthread_mutex_lock(&fake.lock);
	refuse = fake_host(options->host)->no_dial;
	pthread_mutex_unlock(&fake.lock);
	if (refuse != 0)
		return kw_fail(error, refuse, "%s cannot be dialled", options->host);
	connection = kw_zalloc(config->memory, sizeof(*connection));
	if (connection == NULL)
		return kw_fail_memory(error);
	connection->memory = config->memory;
	atomic_init(&connection->references, 1);
	atomic_init(&connection->state, KW_CONNECTION_SETUP);
	atomic_init(&connection->in_flight, 0);
	atomic_init(&connection->throttled_until_ms, 0);
	pthread_mutex_init(&connection->lock, NULL);
	connection->node_id = options->node_id;
	connection->port = options->port;
	connection->events = options->events;
	pthread_mutex_lock(&fake.lock);
	connection->host = fake_host(options->host);
	connection->host->dials++;
	connection->host->live++;
	connection->host->last_setup_ms = (int)options->setup_timeout_ms;
	refuse = connection->host->refuse;
	fake.connections++;
	pthread_mutex_unlock(&fake.lock);
	if (refuse != 0) {
		kw_fail_in(&cause, refuse, KWIRE_PHASE_CONNECT, "%s refused", options->host);
		fake_die(connection, &cause);
	} else if (!connection->host->hang) {
		atomic_store(&connection->state, KW_CONNECTION_READY);
		connection->events.ready(connection->events.context, connection);
	}
	*made = connection;
	return 0;
}

struct kwire_connection *kw_connection_get(struct kwire_connection *connection)
{
	atomic_fetch_add(&connection->references, 1);
	return connection;
}

void kw_connection_put(struct kwire_connection *connection)
{
	if (atomic_fetch_sub(&connection->references, 1) != 1)
		return;
	pthread_mutex_lock(&fake.lock);
	fake.connections--;
	pthread_mutex_unlock(&fake.lock);
	pthread_mutex_destroy(&connection->lock);
	kw_free(connection);
}

void kw_connection_abandon(struct kwire_connection *connection)
{
	kw_connection_put(connection);
}

enum kw_connection_state kw_connection_state(struct kwire_connection *connection)
{
	return (enum kw_connection_state)atomic_load(&connection->state);
}

bool kw_connection_cause(struct kwire_connection *connection, struct kwire_error *cause)
{
	if (kw_connection_state(connection) != KW_CONNECTION_DEAD)
		return false;
	*cause = connection->cause;
	return true;
}

int kw_connection_wait_ready(struct kwire_connection *connection, int64_t deadline_ms,
			     struct kwire_error *error)
{
	struct timespec pause = {0, 1000000};

	for (;;) {
		if (kw_connection_state(connection) == KW_CONNECTION_READY)
			return 0;
		if (kw_connection_state(connection) == KW_CONNECTION_DEAD)
			return kw_error_copy(error, &connection->cause);
		if (kw_now_ms() >= deadline_ms)
			return kw_fail_in(error, KWIRE_ETIMEDOUT, KWIRE_PHASE_CONNECT, "no time");
		nanosleep(&pause, NULL);
	}
}

/* Fills the message from `fake`; the strings are the table's own. */
static void fake_fill(struct kwire_reader *reader, void *message, int16_t version)
{
	struct kwire_metadata_response *response = message;
	static struct kwire_metadata_response_broker brokers[FAKE_BROKERS];
	static struct kwire_metadata_response_topic_partition partition = {.leader_id = 1};
	static struct kwire_metadata_response_topic topic;

	(void)reader;
	(void)version;
	memset(response, 0, sizeof(*response));
	for (int i = 0; i < fake.broker_count; i++) {
		brokers[i].node_id = fake.brokers[i].id;
		brokers[i].port = fake.brokers[i].port;
		brokers[i].host = kwire_string(fake.brokers[i].host);
	}
	response->brokers.items = brokers;
	response->brokers.count = fake.broker_count;
	response->controller_id = 1;
	if (fake.topic[0] != '\0') {
		topic.name = kwire_string(fake.topic);
		topic.partitions.items = &partition;
		topic.partitions.count = 1;
		response->topics.items = &topic;
		response->topics.count = 1;
	}
	if (fake.cluster_id[0] != '\0')
		response->cluster_id = kwire_string(fake.cluster_id);
	if (fake.metadata_error != 0 && fake.metadata_errors_left != 0) {
		response->error_code = fake.metadata_error;
		if (fake.metadata_errors_left > 0)
			fake.metadata_errors_left--;
	}
}

static int fake_metadata(struct kwire_connection *connection, void **response,
			 struct kwire_error *error)
{
	const struct kw_decode_job job = {.name = "Metadata", .kind = "", .decode = fake_fill};
	struct kw_response *block;
	int result;

	fake_hold(&fake.hold_metadata);
	block = kw_response_new_sized(connection->memory, sizeof(struct kwire_metadata_response), 0,
				      0);
	if (block == NULL)
		return kw_fail_memory(error);
	pthread_mutex_lock(&fake.lock);
	fake.metadata_requests++;
	result = kw_response_run(block, &job, response, error);
	pthread_mutex_unlock(&fake.lock);
	return result;
}

/* A response of any other API, whose request is a pointer to where it goes. */
struct fake_answer {
	int32_t throttle_time_ms;
	int32_t node_id;
	int32_t port;
};

static const struct kwire_api fake_api = {
	.name = "Fake",
	.key = 999,
	.request_wait_offset = -1,
	.throttle_version = 0,
	.throttle_offset = 0,
};

int kw_connection_send(struct kwire_connection *connection, const struct kwire_api *api,
		       const void *request, void **response,
		       const struct kwire_send_options *options, int64_t started_ms,
		       int64_t deadline_ms, struct kwire_error *error)
{
	struct fake_host *host = connection->host;
	struct kwire_error cause;
	struct fake_answer *answer;
	bool die;
	int result = kw_connection_wait_ready(connection, deadline_ms, error);

	(void)options;
	(void)started_ms;
	if (result != 0)
		return result;
	if (kw_now_ms() >= deadline_ms)
		return kw_fail_in(error, KWIRE_ETIMEDOUT, KWIRE_PHASE_WAIT, "no time left");
	pthread_mutex_lock(&fake.lock);
	die = host->die_unsent;
	host->die_unsent = false;
	pthread_mutex_unlock(&fake.lock);
	if (die) {
		kw_fail_in(&cause, KWIRE_EDISCONNECTED, KWIRE_PHASE_SEND, "it was half-closed");
		fake_die(connection, &cause);
		return kw_error_copy(error, &connection->cause);
	}
	if (host->answer != 0) {
		kw_fail_in(&cause, host->answer, KWIRE_PHASE_RECEIVE, "%s hung up", host->host);
		cause.outcome = KWIRE_MAYBE_APPLIED;
		fake_die(connection, &cause);
		pthread_mutex_lock(&fake.lock);
		host->requests++;
		pthread_mutex_unlock(&fake.lock);
		return kw_error_copy(error, &cause);
	}
	while (api == &kwire_metadata_api && fake.silent_metadata) {
		struct timespec pause = {0, 1000000};

		if (kw_now_ms() >= deadline_ms) {
			kw_fail_in(error, KWIRE_ETIMEDOUT, KWIRE_PHASE_RECEIVE, "no answer");
			error->outcome = KWIRE_MAYBE_APPLIED;
			return KWIRE_ETIMEDOUT;
		}
		nanosleep(&pause, NULL);
	}
	if (api == &kwire_metadata_api)
		return fake_metadata(connection, response, error);
	pthread_mutex_lock(&fake.lock);
	host->requests++;
	pthread_mutex_unlock(&fake.lock);
	answer = *(struct fake_answer *const *)request;
	answer->throttle_time_ms = host->throttle;
	answer->node_id = connection->node_id;
	answer->port = connection->port;
	if (host->throttle > 0)
		atomic_store(&connection->throttled_until_ms, kw_now_ms() + host->throttle);
	return 0;
}

int kw_connection_start(struct kwire_connection *connection, const struct kwire_api *api,
			const void *request, const struct kwire_send_options *options,
			int64_t started_ms, int64_t deadline_ms, struct kwire_call **call,
			struct kwire_error *error)
{
	(void)api;
	(void)request;
	(void)options;
	(void)started_ms;
	(void)deadline_ms;
	(void)call;
	atomic_fetch_add(&connection->in_flight, 1); /* never answered */
	if (kw_connection_state(connection) == KW_CONNECTION_DEAD)
		return kw_error_copy(error, &connection->cause);
	return 0;
}

void kw_connection_flush(struct kwire_connection *connection)
{
	pthread_mutex_lock(&fake.lock);
	connection->host->requests += 100;
	pthread_mutex_unlock(&fake.lock);
}

int kw_connection_in_flight(struct kwire_connection *connection)
{
	return atomic_load(&connection->in_flight);
}

int64_t kw_connection_last_used_ms(struct kwire_connection *connection)
{
	(void)connection;
	return kw_now_ms() - fake.age_ms;
}

int64_t kw_connection_throttled_until_ms(struct kwire_connection *connection)
{
	return atomic_load(&connection->throttled_until_ms);
}

int16_t kw_connection_versions_start(struct kwire_connection *connection)
{
	(void)connection;
	return -1;
}

void kw_connection_kill(struct kwire_connection *connection, const struct kwire_error *cause)
{
	struct kwire_error closed;

	kw_fail(&closed, KWIRE_ECLOSED, "closed");
	fake_die(connection, cause != NULL ? cause : &closed);
}

bool kw_connection_is_retired(struct kwire_connection *connection)
{
	(void)connection;
	return false;
}

bool kw_connection_retire(struct kwire_connection *connection)
{
	if (atomic_load(&connection->in_flight) > 0)
		return false;
	kw_connection_kill(connection, NULL);
	return true;
}

int kw_connection_join(struct kwire_connection *connection, int64_t deadline_ms)
{
	(void)deadline_ms;
	return kw_connection_state(connection) == KW_CONNECTION_DEAD ? 0 : KWIRE_ETIMEDOUT;
}

const struct kwire_versions *kwire_connection_versions(struct kwire_connection *connection)
{
	(void)connection;
	return NULL;
}

struct kwire_versions *kw_versions_copy(const struct kwire_versions *versions,
					struct kw_memory *memory)
{
	(void)versions;
	return kw_alloc(memory, 1);
}

void kwire_versions_free(struct kwire_versions *versions)
{
	kw_free(versions);
}

/* Resolving, as far as opening a client needs it: names begin with a letter, "nowhere" fails. */
bool kw_host_is_numeric(const char *host)
{
	return host[0] < 'a';
}

int kw_resolve(const struct kwire_config *config, const char *host, int port, int64_t deadline_ms,
	       struct kw_addresses *addresses, struct kwire_error *error)
{
	(void)config;
	(void)port;
	(void)deadline_ms;
	fake_hold(&fake.hold_resolving);
	memset(addresses, 0, sizeof(*addresses));
	if (strcmp(host, "nowhere") == 0)
		return kw_fail_in(error, KWIRE_ERESOLVE, KWIRE_PHASE_RESOLVE, "no such host");
	return 0;
}

void kw_address_format(const struct kw_address *address, char text[KW_ADDRESS_TEXT])
{
	(void)address;
	text[0] = '\0';
}

void kw_addresses_fini(struct kw_addresses *addresses)
{
	(void)addresses;
}

#endif
