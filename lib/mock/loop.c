/* SPDX-License-Identifier: Apache-2.0 */
/* See loop.h. */
#define _GNU_SOURCE
#include "loop.h"

#include <errno.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "../base/clock.h"
#include "../base/error.h"

/* The loop whose thread this is. */
static _Thread_local const struct kw_mock_loop *current;

static void wake_ready(struct kw_mock_source *source, short events)
{
	uint64_t count;

	(void)events;
	while (read(source->fd, &count, sizeof(count)) < 0 && errno == EINTR)
		;
}

static void wake(struct kw_mock_loop *loop)
{
	uint64_t one = 1;

	while (write(loop->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

int kw_mock_loop_init(struct kw_mock_loop *loop, struct kw_memory *memory, bool manual_time,
		      void (*round)(void *context), void *context, struct kwire_error *error)
{
	loop->memory = memory;
	loop->manual = manual_time;
	loop->started_ms = kw_now_ms();
	loop->round = round;
	loop->context = context;
	loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->wake_fd < 0)
		return kw_fail_errno(error,
				     errno == EMFILE || errno == ENFILE ? KWIRE_ELIMIT : KWIRE_EOS,
				     KWIRE_PHASE_NONE, errno, "no eventfd for the mock cluster");
	if (kw_mutex_init(&loop->lock, KW_RANK_LEAF) != 0)
		goto fail_fd;
	if (kw_cond_init(&loop->done) != 0)
		goto fail_lock;
	loop->wake.fd = loop->wake_fd;
	loop->wake.ready = wake_ready;
	if (kw_mock_loop_add(loop, &loop->wake, POLLIN) != 0)
		goto fail_cond;
	return KWIRE_OK;
fail_cond:
	kw_free(loop->fds);
	kw_free(loop->sources);
	kw_cond_fini(&loop->done);
fail_lock:
	kw_mutex_fini(&loop->lock);
fail_fd:
	close(loop->wake_fd);
	loop->wake_fd = -1;
	return kw_fail_memory(error);
}

void kw_mock_loop_fini(struct kw_mock_loop *loop)
{
	kw_cond_fini(&loop->done);
	kw_mutex_fini(&loop->lock);
	close(loop->wake_fd);
	kw_free(loop->fds);
	kw_free(loop->sources);
	kw_free(loop->heap);
}

bool kw_mock_loop_inside(const struct kw_mock_loop *loop)
{
	return current == loop;
}

/* ------------------------------------------------------------------- tasks */

void kw_mock_loop_call(struct kw_mock_loop *loop, struct kw_mock_task *task)
{
	struct kw_mock_task **last;

	if (!loop->started || kw_mock_loop_inside(loop)) {
		task->run(task);
		return;
	}
	task->done = false;
	task->next = NULL;
	kw_mutex_lock(&loop->lock);
	for (last = &loop->tasks; *last != NULL; last = &(*last)->next)
		;
	*last = task;
	wake(loop);
	while (!task->done)
		kw_cond_wait(&loop->done, &loop->lock, KW_NEVER);
	kw_mutex_unlock(&loop->lock);
}

bool kw_mock_loop_wait(struct kw_mock_loop *loop, struct kw_mock_task *task, int64_t deadline_ms)
{
	struct kw_mock_task **link;
	bool done;

	task->done = false;
	kw_mutex_lock(&loop->lock);
	task->next = loop->waiting;
	loop->waiting = task;
	wake(loop);
	while (!task->done && kw_cond_wait(&loop->done, &loop->lock, deadline_ms))
		;
	done = task->done;
	if (!done) {
		for (link = &loop->waiting; *link != task; link = &(*link)->next)
			;
		*link = task->next;
	}
	kw_mutex_unlock(&loop->lock);
	return done;
}

/* Runs what was handed in, and asks again those who wait.  False: stop. */
static bool run_tasks(struct kw_mock_loop *loop)
{
	struct kw_mock_task *task;
	struct kw_mock_task *next;
	struct kw_mock_task **link;
	bool stop;
	bool some = false;

	kw_mutex_lock(&loop->lock);
	task = loop->tasks;
	loop->tasks = NULL;
	kw_mutex_unlock(&loop->lock);
	for (; task != NULL; task = next) {
		next = task->next;
		task->run(task);
		kw_mutex_lock(&loop->lock);
		task->done = true;
		kw_cond_broadcast(&loop->done);
		kw_mutex_unlock(&loop->lock);
	}
	loop->round(loop->context);
	kw_mutex_lock(&loop->lock);
	for (link = &loop->waiting; (task = *link) != NULL;) {
		if (task->run(task)) {
			*link = task->next;
			task->done = true;
			some = true;
		} else {
			link = &task->next;
		}
	}
	stop = loop->stop;
	if (some)
		kw_cond_broadcast(&loop->done);
	kw_mutex_unlock(&loop->lock);
	return !stop;
}

/* ----------------------------------------------------------------- sources */

int kw_mock_loop_add(struct kw_mock_loop *loop, struct kw_mock_source *source, short events)
{
	struct kw_mock_source **sources;
	struct pollfd *fds;
	int capacity = loop->capacity * 2 + 16;

	source->index = -1;
	if (loop->count == loop->capacity) {
		fds = kw_realloc(loop->memory, loop->fds, (size_t)capacity * sizeof(*fds));
		if (fds == NULL)
			return KWIRE_ENOMEM;
		loop->fds = fds;
		sources = kw_realloc(loop->memory, loop->sources,
				     (size_t)capacity * sizeof(*sources));
		if (sources == NULL)
			return KWIRE_ENOMEM;
		loop->sources = sources;
		loop->capacity = capacity;
	}
	source->index = loop->count++;
	loop->fds[source->index].fd = source->fd;
	loop->fds[source->index].events = events;
	loop->fds[source->index].revents = 0;
	loop->sources[source->index] = source;
	return KWIRE_OK;
}

void kw_mock_loop_watch(struct kw_mock_loop *loop, struct kw_mock_source *source, short events)
{
	if (source->index >= 0)
		loop->fds[source->index].events = events;
}

/* Closes the gaps that removals left; nobody is iterating now. */
static void compact(struct kw_mock_loop *loop)
{
	int to = 0;

	for (int from = 0; from < loop->count; from++) {
		if (loop->sources[from] == NULL)
			continue;
		loop->sources[to] = loop->sources[from];
		loop->fds[to] = loop->fds[from];
		loop->sources[to]->index = to;
		to++;
	}
	loop->count = to;
	loop->holes = false;
}

void kw_mock_loop_remove(struct kw_mock_loop *loop, struct kw_mock_source *source)
{
	if (source->index < 0)
		return;
	loop->sources[source->index] = NULL;
	loop->fds[source->index].fd = -1;
	source->index = -1;
	loop->holes = true;
	if (!loop->iterating)
		compact(loop);
}

static void run_sources(struct kw_mock_loop *loop)
{
	int count = loop->count; /* what is added meanwhile has not been polled */

	loop->iterating = true;
	for (int i = 0; i < count; i++)
		if (loop->fds[i].revents != 0 && loop->sources[i] != NULL)
			loop->sources[i]->ready(loop->sources[i], loop->fds[i].revents);
	loop->iterating = false;
	if (loop->holes)
		compact(loop);
}

/* ------------------------------------------------------------------ timers */

int64_t kw_mock_loop_now(const struct kw_mock_loop *loop)
{
	return loop->manual ? loop->offset_ms : kw_now_ms() + loop->offset_ms;
}

static bool before(const struct kw_mock_timer *a, const struct kw_mock_timer *b)
{
	return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->order < b->order;
}

static void place(struct kw_mock_loop *loop, size_t index, struct kw_mock_timer *timer)
{
	loop->heap[index] = timer;
	timer->index = index;
}

static void sift(struct kw_mock_loop *loop, size_t index, struct kw_mock_timer *timer)
{
	size_t child;

	while (index > 0 && before(timer, loop->heap[(index - 1) / 2])) {
		place(loop, index, loop->heap[(index - 1) / 2]);
		index = (index - 1) / 2;
	}
	while ((child = 2 * index + 1) < loop->heap_count) {
		if (child + 1 < loop->heap_count &&
		    before(loop->heap[child + 1], loop->heap[child]))
			child++;
		if (!before(loop->heap[child], timer))
			break;
		place(loop, index, loop->heap[child]);
		index = child;
	}
	place(loop, index, timer);
}

int kw_mock_timer_arm(struct kw_mock_loop *loop, struct kw_mock_timer *timer, int64_t due_ms)
{
	struct kw_mock_timer **heap;
	size_t capacity = loop->heap_capacity * 2 + 16;

	kw_mock_timer_cancel(loop, timer);
	if (loop->heap_count == loop->heap_capacity) {
		heap = kw_realloc(loop->memory, loop->heap,
				  capacity * sizeof(struct kw_mock_timer *));
		if (heap == NULL)
			return KWIRE_ENOMEM;
		loop->heap = heap;
		loop->heap_capacity = capacity;
	}
	timer->armed = true;
	timer->due_ms = due_ms;
	timer->order = loop->timer_order++;
	sift(loop, loop->heap_count++, timer);
	return KWIRE_OK;
}

void kw_mock_timer_cancel(struct kw_mock_loop *loop, struct kw_mock_timer *timer)
{
	struct kw_mock_timer *last;

	if (!timer->armed)
		return;
	timer->armed = false;
	last = loop->heap[--loop->heap_count];
	if (last != timer)
		sift(loop, timer->index, last);
}

/* Fires, in order, what is due; a timer that is armed anew for now waits for the next round. */
static void run_timers(struct kw_mock_loop *loop, int64_t now_ms)
{
	uint64_t until = loop->timer_order;
	struct kw_mock_timer *timer;

	while (loop->heap_count > 0 && (timer = loop->heap[0])->due_ms <= now_ms &&
	       timer->order < until) {
		kw_mock_timer_cancel(loop, timer);
		timer->fire(timer);
	}
}

void kw_mock_loop_advance(struct kw_mock_loop *loop, int64_t ms)
{
	int64_t now = kw_mock_loop_now(loop);
	int64_t target = now + (ms > 0 ? ms : 0);

	while (loop->heap_count > 0 && loop->heap[0]->due_ms <= target) {
		struct kw_mock_timer *timer = loop->heap[0];

		if (timer->due_ms > now) {
			loop->offset_ms += timer->due_ms - now;
			now = timer->due_ms;
		}
		kw_mock_timer_cancel(loop, timer);
		timer->fire(timer);
		loop->round(loop->context);
	}
	loop->offset_ms += target - now;
	loop->round(loop->context);
}

/* ------------------------------------------------------------------ thread */

static int poll_timeout(const struct kw_mock_loop *loop)
{
	if (loop->heap_count == 0)
		return -1;
	if (loop->manual)
		return loop->heap[0]->due_ms <= loop->offset_ms ? 0 : -1;
	return kw_poll_timeout(loop->heap[0]->due_ms, kw_mock_loop_now(loop));
}

static void *run(void *argument)
{
	struct kw_mock_loop *loop = argument;

	current = loop;
	while (run_tasks(loop)) {
		if (poll(loop->fds, (nfds_t)loop->count, poll_timeout(loop)) > 0)
			run_sources(loop);
		run_timers(loop, kw_mock_loop_now(loop));
	}
	return NULL;
}

int kw_mock_loop_start(struct kw_mock_loop *loop, struct kwire_error *error)
{
	sigset_t all;
	sigset_t before_start;
	int failure;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before_start);
	failure = pthread_create(&loop->thread, NULL, run, loop);
	pthread_sigmask(SIG_SETMASK, &before_start, NULL);
	if (failure != 0)
		return kw_fail_errno(error, KWIRE_ELIMIT, KWIRE_PHASE_NONE, failure,
				     "no thread for the mock cluster");
	loop->started = true;
	pthread_setname_np(loop->thread, "kwire-mock");
	return KWIRE_OK;
}

void kw_mock_loop_stop(struct kw_mock_loop *loop)
{
	if (!loop->started)
		return;
	kw_mutex_lock(&loop->lock);
	loop->stop = true;
	wake(loop);
	kw_mutex_unlock(&loop->lock);
	pthread_join(loop->thread, NULL);
	loop->started = false;
}
