/* SPDX-License-Identifier: Apache-2.0 */
/* See lock.h. */
#include "lock.h"

#include <errno.h>
#include <time.h>

#include "clock.h"

#ifdef KW_DEBUG
#include <assert.h>

/* The locks that this thread holds, innermost last. */
enum {
	MAX_HELD = 8
};
static _Thread_local const struct kw_mutex *held[MAX_HELD];
static _Thread_local int held_count;

static void note_lock(const struct kw_mutex *mutex, bool ranked)
{
	assert(held_count < MAX_HELD);
	if (ranked && held_count > 0)
		assert(held[held_count - 1]->rank < mutex->rank);
	held[held_count++] = mutex;
}

static void note_unlock(const struct kw_mutex *mutex)
{
	int i = held_count - 1;

	while (i >= 0 && held[i] != mutex)
		i--;
	assert(i >= 0);
	for (; i < held_count - 1; i++)
		held[i] = held[i + 1];
	held_count--;
}
#else
static void note_lock(const struct kw_mutex *mutex, bool ranked)
{
	(void)mutex;
	(void)ranked;
}

static void note_unlock(const struct kw_mutex *mutex)
{
	(void)mutex;
}
#endif

int kw_mutex_init(struct kw_mutex *mutex, enum kw_rank rank)
{
	mutex->rank = rank;
	return pthread_mutex_init(&mutex->mutex, NULL);
}

void kw_mutex_fini(struct kw_mutex *mutex)
{
	pthread_mutex_destroy(&mutex->mutex);
}

void kw_mutex_lock(struct kw_mutex *mutex) KW_NO_ANALYSIS
{
	pthread_mutex_lock(&mutex->mutex);
	note_lock(mutex, true);
}

bool kw_mutex_trylock(struct kw_mutex *mutex) KW_NO_ANALYSIS
{
	if (pthread_mutex_trylock(&mutex->mutex) != 0)
		return false;
	note_lock(mutex, false);
	return true;
}

void kw_mutex_unlock(struct kw_mutex *mutex) KW_NO_ANALYSIS
{
	note_unlock(mutex);
	pthread_mutex_unlock(&mutex->mutex);
}

int kw_cond_init(struct kw_cond *cond)
{
	pthread_condattr_t attributes;
	int failure = pthread_condattr_init(&attributes);

	if (failure != 0)
		return failure;
	failure = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	if (failure == 0)
		failure = pthread_cond_init(&cond->cond, &attributes);
	pthread_condattr_destroy(&attributes);
	return failure;
}

void kw_cond_fini(struct kw_cond *cond)
{
	pthread_cond_destroy(&cond->cond);
}

bool kw_cond_wait(struct kw_cond *cond, struct kw_mutex *mutex, int64_t deadline_ms) KW_NO_ANALYSIS
{
	struct timespec until;
	int failure;

	note_unlock(mutex);
	if (deadline_ms == KW_NEVER) {
		failure = pthread_cond_wait(&cond->cond, &mutex->mutex);
	} else {
		until = kw_timespec(deadline_ms);
		failure = pthread_cond_timedwait(&cond->cond, &mutex->mutex, &until);
	}
	note_lock(mutex, false);
	return failure != ETIMEDOUT;
}

void kw_cond_signal(struct kw_cond *cond)
{
	pthread_cond_signal(&cond->cond);
}

void kw_cond_broadcast(struct kw_cond *cond)
{
	pthread_cond_broadcast(&cond->cond);
}
