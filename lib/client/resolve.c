/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See resolve.h.  getaddrinfo(3) can block for minutes and cannot be stopped,
 * so it runs on a detached thread that shares a counted job with its asker.
 */
#include "resolve.h"

#include <limits.h>
#include <netdb.h>
#include <signal.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/error.h"
#include "../base/lock.h"
#include "../transport/socket.h"
#include "../transport/socks5.h"

struct job {
	struct kwire_config *config;
	int64_t deadline_ms;
	struct kw_mutex mutex;
	struct kw_cond finished;
	int references; /* the asker and the thread */
	bool abandoned; /* the asker has gone */
	bool done;
	struct kwire_error error;      /* the last name's; result 0: one resolved */
	struct kw_endpoint *canonical; /* what they are really called, where that is asked for */
	int canonical_count;
	struct kwire_error *failures; /* of each name, for the asker's log; result 0: none */
	int count;
	struct kw_endpoint endpoints[];
};

static void put_job(struct job *job)
{
	bool last;

	kw_mutex_lock(&job->mutex);
	last = --job->references == 0;
	kw_mutex_unlock(&job->mutex);
	if (!last)
		return;
	kw_cond_fini(&job->finished);
	kw_mutex_fini(&job->mutex);
	kw_config_put(job->config);
	kw_free(job->canonical);
	kw_free(job->failures);
	kw_free(job);
}

static bool abandoned(struct job *job)
{
	bool is;

	kw_mutex_lock(&job->mutex);
	is = job->abandoned;
	kw_mutex_unlock(&job->mutex);
	return is;
}

/* Adds the canonical name of an address, or the address itself where it has none. */
static int add_canonical(struct job *job, const struct kw_address *address, int port)
{
	struct kw_endpoint endpoint, *larger;
	size_t count = (size_t)job->canonical_count;

	memset(&endpoint, 0, sizeof(endpoint));
	endpoint.port = port;
	if (getnameinfo((const struct sockaddr *)&address->storage, address->size, endpoint.host,
			sizeof(endpoint.host), NULL, 0, NI_NAMEREQD) != 0)
		kw_address_format(address, endpoint.host);
	for (size_t i = 0; i < count; i++)
		if (job->canonical[i].port == port &&
		    strcmp(job->canonical[i].host, endpoint.host) == 0)
			return 0;
	larger = kw_realloc(job->config->memory, job->canonical, (count + 1) * sizeof(endpoint));
	if (larger == NULL)
		return KWIRE_ENOMEM;
	larger[count] = endpoint;
	job->canonical = larger;
	job->canonical_count++;
	return 0;
}

/* The asker logs it: after it has left, what the program logs to may be gone. */
static void note_failure(struct job *job, int index, const struct kwire_error *error)
{
	kw_mutex_lock(&job->mutex);
	if (!job->abandoned)
		job->failures[index] = *error;
	kw_mutex_unlock(&job->mutex);
}

static void log_failures(const struct job *job)
{
	for (int i = 0; i < job->count; i++)
		if (job->failures[i].result != 0)
			kw_log(job->config, KWIRE_LOG_WARNING, "bootstrap server %s: %s",
			       job->endpoints[i].host, job->failures[i].message);
}

/* One name; `found` counts those that resolved. */
static void resolve_one(struct job *job, int index, int *found, struct kwire_error *error)
{
	const struct kw_endpoint *endpoint = &job->endpoints[index];
	bool canonical = job->config->settings.bootstrap_canonical;
	struct kw_addresses addresses;

	if (kw_resolve(job->config, endpoint->host, endpoint->port, job->deadline_ms, &addresses,
		       error) != 0) {
		note_failure(job, index, error);
		return;
	}
	(*found)++;
	for (int i = 0; canonical && i < addresses.count && !abandoned(job); i++)
		if (add_canonical(job, &addresses.items[i], endpoint->port) != 0)
			kw_fail_memory(error);
	kw_addresses_fini(&addresses);
}

static void *run(void *context)
{
	struct job *job = context;
	bool all = job->config->settings.bootstrap_canonical;
	struct kwire_error error = kw_no_error();
	int found = 0;

	for (int i = 0; i < job->count && (all || found == 0) && !abandoned(job); i++)
		resolve_one(job, i, &found, &error);
	if (found > 0 && error.result != KWIRE_ENOMEM)
		kw_error_clear(&error);
	kw_mutex_lock(&job->mutex);
	job->error = error;
	job->done = true;
	kw_cond_signal(&job->finished);
	kw_mutex_unlock(&job->mutex);
	put_job(job);
	return NULL;
}

/* A detached thread with all signals blocked; 0 or an errno value. */
static int start_thread(struct job *job)
{
	int64_t stack = job->config->settings.thread_stack_bytes;
	pthread_attr_t attributes;
	pthread_t thread;
	sigset_t all, before;
	int failure = pthread_attr_init(&attributes);

	if (failure != 0)
		return failure;
	if (stack < PTHREAD_STACK_MIN)
		stack = PTHREAD_STACK_MIN;
	pthread_attr_setstacksize(&attributes, (size_t)stack);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	failure = pthread_create(&thread, &attributes, run, job);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	return failure;
}

static struct job *new_job(struct kwire_config *config, const struct kw_endpoint *endpoints,
			   int count, int64_t deadline_ms)
{
	size_t size = (size_t)count * sizeof(*endpoints);
	struct job *job = kw_zalloc(config->memory, sizeof(*job) + size);

	if (job == NULL)
		return NULL;
	job->failures = kw_alloc_array(config->memory, (size_t)count, sizeof(*job->failures));
	if (job->failures == NULL)
		goto fail;
	memset(job->failures, 0, (size_t)count * sizeof(*job->failures));
	if (kw_mutex_init(&job->mutex, KW_RANK_LEAF) != 0)
		goto fail;
	if (kw_cond_init(&job->finished) != 0) {
		kw_mutex_fini(&job->mutex);
		goto fail;
	}
	job->config = kw_config_get(config);
	job->deadline_ms = deadline_ms;
	job->references = 2;
	job->count = count;
	memcpy(job->endpoints, endpoints, size);
	return job;

fail:
	kw_free(job->failures);
	kw_free(job);
	return NULL;
}

/* Whether nothing has to be asked: an address among them will do. */
static bool need_no_asking(const struct kwire_config *config, const struct kw_endpoint *endpoints,
			   int count)
{
	/* The proxy resolves; and a program's dialer is told names. */
	if (!config->settings.bootstrap_canonical &&
	    (kw_wants_socks5(config) || config->dial != NULL))
		return true;
	for (int i = 0; i < count; i++)
		if (kw_host_is_numeric(endpoints[i].host))
			return !config->settings.bootstrap_canonical;
	return false;
}

/* The job's result, once it is done or given up. */
static int take_result_locked(struct job *job, struct kw_endpoint **endpoints, int *count,
			      struct kwire_error *error)
{
	struct kw_endpoint *before = *endpoints;

	if (!job->done)
		return kw_fail_in(error, KWIRE_ERESOLVE, KWIRE_PHASE_RESOLVE,
				  "no name in bootstrap.servers was resolved in time");
	if (job->error.result != 0)
		return kw_error_copy(error, &job->error);
	if (job->canonical_count > 0) {
		*endpoints = job->canonical;
		*count = job->canonical_count;
		job->canonical = before; /* freed with the job */
	}
	return 0;
}

int kw_bootstrap_resolve(struct kwire_config *config, struct kw_endpoint **endpoints, int *count,
			 int64_t deadline_ms, struct kwire_error *error)
{
	struct job *job;
	int result, failure;

	if (need_no_asking(config, *endpoints, *count))
		return 0;
	job = new_job(config, *endpoints, *count, deadline_ms);
	if (job == NULL)
		return kw_fail_memory(error);
	failure = start_thread(job);
	if (failure != 0) {
		put_job(job);
		put_job(job);
		return kw_fail_errno(error, KWIRE_ELIMIT, KWIRE_PHASE_RESOLVE, failure,
				     "no thread to resolve bootstrap.servers");
	}
	kw_mutex_lock(&job->mutex);
	while (!job->done && kw_cond_wait(&job->finished, &job->mutex, deadline_ms))
		;
	job->abandoned = true;
	result = take_result_locked(job, endpoints, count, error);
	kw_mutex_unlock(&job->mutex);
	log_failures(job); /* nobody writes them any more */
	put_job(job);
	return result;
}
