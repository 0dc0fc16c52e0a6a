/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sweep of test_sweep.c over malloc(3) itself, so that it also reaches what
 * mbedTLS, zlib and the C library allocate for kwire, and the mock cluster.
 * There the claim is smaller: no crash, no hang, nothing left, and whatever
 * succeeded is right.
 *
 * The functions here take malloc's place in this program, on top of glibc's.
 * Under a sanitizer, which does the same, or another C library there is nothing to run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#if defined(__GLIBC__) && !defined(KW_DEBUG)

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "../support/jobs.h"

/* Else the shared libraries would not meet them. */
#pragma GCC visibility push(default)

/* -- malloc ----------------------------------------------------------------------------- */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *data, size_t size);
void __libc_free(void *data);

enum {
	SLOTS = 1 << 16, /* a power of two, far more than blocks live at once */
	DENSE = 200,     /* so many allocations fail one by one; then, unless SWEEP_EVERY is set, */
	STRIDE = 251,    /* one of so many: a handshake has thousands */
};

static atomic_flag busy = ATOMIC_FLAG_INIT; /* guards all that follows */
static bool armed;                          /* allocations count, and their blocks are known */
static long calls, fail_at, live;
static void *slots[SLOTS];

static _Thread_local bool of_cluster; /* of the jobs' clusters, which stay whole */

static size_t home_of(const void *data)
{
	return (size_t)((uintptr_t)data >> 4) * 2654435761u % SLOTS;
}

static void lock(void)
{
	while (atomic_flag_test_and_set_explicit(&busy, memory_order_acquire))
		;
}

static void unlock(void)
{
	atomic_flag_clear_explicit(&busy, memory_order_release);
}

/* The slot of `data`, or the free one where it belongs. */
static size_t slot_of(const void *data)
{
	size_t slot = home_of(data);

	while (slots[slot] != NULL && slots[slot] != data)
		slot = (slot + 1) % SLOTS;
	return slot;
}

static void forget(const void *data)
{
	size_t hole = slot_of(data), slot = hole;

	if (slots[hole] == NULL)
		return;
	live--;
	for (;;) {
		slots[hole] = NULL;
		do {
			slot = (slot + 1) % SLOTS;
			if (slots[slot] == NULL)
				return;
		} while ((slot - home_of(slots[slot])) % SLOTS < (slot - hole) % SLOTS);
		slots[hole] = slots[slot];
		hole = slot;
	}
}

static bool may_pass(void)
{
	bool pass = true;

	if (of_cluster)
		return true;
	lock();
	if (armed)
		pass = ++calls != fail_at;
	unlock();
	if (!pass)
		errno = ENOMEM;
	return pass;
}

static void *known(void *data)
{
	if (data == NULL || of_cluster)
		return data;
	lock();
	if (armed) {
		slots[slot_of(data)] = data;
		live++;
	}
	unlock();
	return data;
}

static void unknown(void *data)
{
	if (data == NULL)
		return;
	lock();
	forget(data);
	unlock();
}

void *malloc(size_t size)
{
	return may_pass() ? known(__libc_malloc(size)) : NULL;
}

void *calloc(size_t count, size_t size)
{
	return may_pass() ? known(__libc_calloc(count, size)) : NULL;
}

void *realloc(void *data, size_t size)
{
	void *moved;

	if (!may_pass())
		return NULL;
	/* Known no more before the address can be another's. */
	unknown(data);
	moved = __libc_realloc(data, size);
	return known(moved != NULL || size == 0 ? moved : data) == NULL ? NULL : moved;
}

void free(void *data)
{
	unknown(data);
	__libc_free(data);
}

#pragma GCC visibility pop

static void arm(long at)
{
	lock();
	for (size_t i = 0; i < SLOTS; i++)
		slots[i] = NULL;
	calls = live = 0;
	fail_at = at;
	armed = true;
	unlock();
}

static long disarm(long *left)
{
	long counted;

	lock();
	armed = false;
	counted = calls;
	*left = live;
	unlock();
	return counted;
}

/* The C library keeps what it allocates for a thread, for the next one. */
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
			  void *(*start)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
			  void *(*start)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
			  void *(*start)(void *), void *argument)
{
	bool before = of_cluster;
	int result;

	of_cluster = true;
	result = __real_pthread_create(thread, attributes, start, argument);
	of_cluster = before;
	return result;
}

/* -- the sweep --------------------------------------------------------------------------- */

static enum kwire_mock_verdict mark_thread(void *context, struct kwire_mock_request *request)
{
	(void)context;
	(void)request;
	of_cluster = true;
	return KWIRE_MOCK_PASS;
}

static int prepare(void **state)
{
	struct jobs *jobs;
	struct kwire_error error;
	int result = jobs_open(&jobs);

	*state = jobs;
	if (result == KWIRE_OK)
		result = kwire_mock_script(jobs->plain, NULL, mark_thread, NULL, NULL, &error);
	if (result == KWIRE_OK && jobs->tls != NULL)
		result = kwire_mock_script(jobs->tls, NULL, mark_thread, NULL, NULL, &error);
	if (result == KWIRE_OK && jobs->sasl != NULL)
		result = kwire_mock_script(jobs->sasl, NULL, mark_thread, NULL, NULL, &error);
	return result;
}

static int finish(void **state)
{
	jobs_close(*state);
	return 0;
}

/* Opens a cluster and closes it: the mock's own job. */
static int open_mock(struct kwire_error *error)
{
	struct kwire_mock *mock = NULL;
	int result = kwire_mock_open(NULL, &mock, error);

	if (result == KWIRE_OK)
		result = kwire_mock_create_topic(mock, "sweep", 3, error);
	if (result == KWIRE_OK)
		result = kwire_mock_append(mock, "sweep", 0, "key", "value", error);
	kwire_mock_close(mock);
	return result;
}

static int run(struct jobs *jobs, const struct job *job, struct kwire_error *error)
{
	return job != NULL ? job_run(jobs, job, NULL, error) : open_mock(error);
}

static void sweep(struct jobs *jobs, const struct job *job)
{
	const char *name = job != NULL ? job->name : "mock cluster";
	struct kwire_error error;
	const char *every = getenv("SWEEP_EVERY");
	long stride = every != NULL ? 1 : STRIDE, dense = every != NULL ? 0 : DENSE;
	long points = 0, runs = 0, failures = 0, left, counted;
	int result;

	/* What the libraries make once and keep, they make now. */
	for (int i = 0; i < 2; i++) {
		result = run(jobs, job, &error);
		if (result == KWIRE_ENOTBUILT)
			skip();
		if (result != KWIRE_OK)
			fail_msg("%s fails by itself: %s", name, error.message);
	}
	do {
		arm(++points);
		runs++;
		result = run(jobs, job, &error);
		counted = disarm(&left);
		failures += result != KWIRE_OK;
		if (left != 0)
			fail_msg("%s, allocation %ld: %ld blocks left (%s)", name, points, left,
				 kwire_result_name(result));
		if (points >= dense)
			points += stride - 1;
	} while (counted >= points);
	printf("note: sweep: %-14s %4ld of malloc's allocations, %ld of them failed, %ld calls "
	       "told "
	       "so, nothing left\n",
	       name, counted, runs - 1, failures);
	assert_true(runs > 1 && failures > 0);
}

#define SWEEP(NAME)                                                 \
	static void NAME##_bears_every_malloc_failing(void **state) \
	{                                                           \
		sweep(*state, &job_##NAME);                         \
	}
JOBS(SWEEP)

static void a_mock_cluster_bears_every_malloc_failing(void **state)
{
	sweep(*state, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(NAME) cmocka_unit_test(NAME##_bears_every_malloc_failing),
		JOBS(TEST) cmocka_unit_test(a_mock_cluster_bears_every_malloc_failing),
	};

	return cmocka_run_group_tests(tests, prepare, finish);
}

#else

int main(void)
{
	puts("note: sweep: malloc(3) cannot be replaced in this build");
	return 77;
}

#endif
