/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one thread of a mock cluster: descriptors, timers, and work handed in by
 * other threads.  All state of the cluster belongs to this thread; nobody else
 * reads or writes it, so nothing of it is locked.  What other threads want,
 * they hand in as a task.  Knows nothing of Kafka.
 */
#ifndef KW_MOCK_LOOP_H
#define KW_MOCK_LOOP_H

#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "../base/lock.h"
#include "../base/memory.h"

/* A descriptor that is watched; embedded in what owns it. */
struct kw_mock_source {
	int fd;
	int index; /* in the loop's tables, -1: not watched */
	void (*ready)(struct kw_mock_source *source, short events);
};

/* A moment of the cluster's time; embedded in what owns it.  Zeroed is not armed. */
struct kw_mock_timer {
	bool armed;
	size_t index; /* in the heap */
	int64_t due_ms;
	uint64_t order; /* of arming: ties fire in this order */
	void (*fire)(struct kw_mock_timer *timer);
};

/*
 * Work for the loop's thread, on its caller's stack.  `run` returns whether it
 * is done; a task that waits for something is run again after each round of
 * events, under the loop's lock, and must then touch nothing but its own data
 * and the cluster's.
 */
struct kw_mock_task {
	bool (*run)(struct kw_mock_task *task);
	bool done;
	struct kw_mock_task *next;
};

struct kw_mock_loop {
	struct kw_memory *memory;
	pthread_t thread;
	bool started;
	int wake_fd;

	/* The loop's thread only. */
	struct kw_mock_source wake;
	struct pollfd *fds;
	struct kw_mock_source **sources;
	int count;
	int capacity;
	bool holes; /* sources removed during a round */
	bool iterating;
	struct kw_mock_timer **heap;
	size_t heap_count;
	size_t heap_capacity;
	uint64_t timer_order;
	bool manual;
	int64_t offset_ms;  /* cluster time = base + offset, or just offset where manual */
	int64_t started_ms; /* real time at the start */
	void (*round)(void *context); /* after each round of events: writes what is pending */
	void *context;

	struct kw_mutex lock;
	struct kw_cond done;
	struct kw_mock_task *tasks KW_GUARDED_BY(lock);   /* to be run, oldest first */
	struct kw_mock_task *waiting KW_GUARDED_BY(lock); /* to be run again */
	bool stop KW_GUARDED_BY(lock);
};

/* Everything but the thread; `round` is called by it. */
int kw_mock_loop_init(struct kw_mock_loop *loop, struct kw_memory *memory, bool manual_time,
		      void (*round)(void *context), void *context, struct kwire_error *error);
int kw_mock_loop_start(struct kw_mock_loop *loop, struct kwire_error *error);
/* Ends and joins the thread; what it watched stays open and is the caller's again. */
void kw_mock_loop_stop(struct kw_mock_loop *loop);
void kw_mock_loop_fini(struct kw_mock_loop *loop);

/* Whether the caller is the loop's thread. */
bool kw_mock_loop_inside(const struct kw_mock_loop *loop);

/* Runs a task that is done at once, and waits for it. */
void kw_mock_loop_call(struct kw_mock_loop *loop, struct kw_mock_task *task);

/* Waits until a task says that it is done; false when `deadline_ms` (real time) passes first. */
bool kw_mock_loop_wait(struct kw_mock_loop *loop, struct kw_mock_task *task, int64_t deadline_ms);

int kw_mock_loop_add(struct kw_mock_loop *loop, struct kw_mock_source *source, short events);
void kw_mock_loop_watch(struct kw_mock_loop *loop, struct kw_mock_source *source, short events);
void kw_mock_loop_remove(struct kw_mock_loop *loop, struct kw_mock_source *source);

int64_t kw_mock_loop_now(const struct kw_mock_loop *loop);
/* Arms, or arms anew.  KWIRE_ENOMEM. */
int kw_mock_timer_arm(struct kw_mock_loop *loop, struct kw_mock_timer *timer, int64_t due_ms);
void kw_mock_timer_cancel(struct kw_mock_loop *loop, struct kw_mock_timer *timer);
/* Moves time, firing in order what becomes due. */
void kw_mock_loop_advance(struct kw_mock_loop *loop, int64_t ms);

#endif
