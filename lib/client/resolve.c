/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See resolve.h.  getaddrinfo(3) can block for minutes and cannot be stopped,
 * so it runs on a detached thread that shares a counted job with its asker.
 */
#include "resolve.h"

#include <limits.h>
#include <signal.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/error.h"
#include "../base/lock.h"
#include "../transport/socket.h"

struct job {
	struct kwire_config *config;
	int64_t deadline_ms;
	struct kw_mutex mutex;
	struct kw_cond finished;
	int references; /* the asker and the thread */
	bool abandoned; /* the asker has gone */
	bool done;
	struct kwire_error error; /* the last name's; result 0: one resolved */
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

static void *run(void *context)
{
	struct job *job = context;
	struct kw_addresses addresses;
	struct kwire_error error = KWIRE_ERROR_INIT;

	for (int i = 0; i < job->count && !abandoned(job); i++) {
		const struct kw_endpoint *endpoint = &job->endpoints[i];

		if (kw_resolve(job->config, endpoint->host, endpoint->port, job->deadline_ms,
			       &addresses, &error) == 0) {
			kw_addresses_fini(&addresses);
			kw_error_clear(&error);
			break;
		}
		kw_log(job->config, KWIRE_LOG_WARNING, "bootstrap server %s: %s", endpoint->host,
		       error.message);
	}
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
	if (kw_mutex_init(&job->mutex, KW_RANK_LEAF) != 0) {
		kw_free(job);
		return NULL;
	}
	if (kw_cond_init(&job->finished) != 0) {
		kw_mutex_fini(&job->mutex);
		kw_free(job);
		return NULL;
	}
	job->config = kw_config_get(config);
	job->deadline_ms = deadline_ms;
	job->references = 2;
	job->count = count;
	memcpy(job->endpoints, endpoints, size);
	return job;
}

int kw_bootstrap_resolve(struct kwire_config *config, const struct kw_endpoint *endpoints,
			 int count, int64_t deadline_ms, struct kwire_error *error)
{
	struct job *job;
	int result = 0, failure;

	for (int i = 0; i < count; i++)
		if (kw_host_is_numeric(endpoints[i].host))
			return 0;
	job = new_job(config, endpoints, count, deadline_ms);
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
	if (!job->done)
		result = kw_fail_in(error, KWIRE_ERESOLVE, KWIRE_PHASE_RESOLVE,
				    "no name in bootstrap.servers was resolved in time");
	else if (job->error.result != 0)
		result = kw_error_copy(error, &job->error);
	kw_mutex_unlock(&job->mutex);
	put_job(job);
	return result;
}
