/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mutexes and condition variables: pthreads behind annotations that clang
 * checks, with a rank for each lock that debug builds (KW_DEBUG) assert.
 * docs/locking.md is the table of all locks.
 */
#ifndef KW_LOCK_H
#define KW_LOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#if defined(__clang__)
#define KW_TSA(attribute) __attribute__((attribute))
#else
#define KW_TSA(attribute)
#endif
#define KW_CAPABILITY KW_TSA(capability("mutex"))
/* For the reader: in C, clang cannot name a sibling member here. */
#define KW_GUARDED_BY(lock)
#define KW_REQUIRES(...)    KW_TSA(requires_capability(__VA_ARGS__))
#define KW_EXCLUDES(...)    KW_TSA(locks_excluded(__VA_ARGS__))
#define KW_ACQUIRE(...)     KW_TSA(acquire_capability(__VA_ARGS__))
#define KW_RELEASE(...)     KW_TSA(release_capability(__VA_ARGS__))
#define KW_TRY_ACQUIRE(...) KW_TSA(try_acquire_capability(__VA_ARGS__))
#define KW_NO_ANALYSIS      KW_TSA(no_thread_safety_analysis)

/* A thread takes locks in rising rank only. */
enum kw_rank {
	KW_RANK_CLIENT = 10,
	KW_RANK_POOL = 20,
	KW_RANK_CONNECTION = 30,
	KW_RANK_TLS = 40,
	KW_RANK_LEAF = 90, /* takes no other lock while held */
};

struct KW_CAPABILITY kw_mutex {
	pthread_mutex_t mutex;
	enum kw_rank rank;
};

/* 0, or an errno value. */
int kw_mutex_init(struct kw_mutex *mutex, enum kw_rank rank);
void kw_mutex_fini(struct kw_mutex *mutex);
void kw_mutex_lock(struct kw_mutex *mutex) KW_ACQUIRE(mutex);
bool kw_mutex_trylock(struct kw_mutex *mutex) KW_TRY_ACQUIRE(true, mutex);
void kw_mutex_unlock(struct kw_mutex *mutex) KW_RELEASE(mutex);

/* A condition variable on the monotonic clock. */
struct kw_cond {
	pthread_cond_t cond;
};

int kw_cond_init(struct kw_cond *cond);
void kw_cond_fini(struct kw_cond *cond);

/*
 * Waits until signalled or `deadline_ms`; may wake for no reason, so call it
 * in a loop that tests state.  False once the deadline has passed.
 */
bool kw_cond_wait(struct kw_cond *cond, struct kw_mutex *mutex, int64_t deadline_ms)
	KW_REQUIRES(mutex);
void kw_cond_signal(struct kw_cond *cond);
void kw_cond_broadcast(struct kw_cond *cond);

#endif
