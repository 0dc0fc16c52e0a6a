/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sweep: a program's main jobs against a mock cluster, with each allocation
 * of kwire failing in turn, until a run is not touched any more.  A job that
 * failed says KWIRE_ENOMEM, whatever succeeded is right, and nothing is left.
 * test_sweep_system.c does the same to the system's calls.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "../support/counting.h"
#include "../support/jobs.h"

static int prepare(void **state)
{
	return jobs_open((struct jobs **)state);
}

static int finish(void **state)
{
	jobs_close(*state);
	return 0;
}

/* Fails every allocation of the job, one a run; prints how many there were. */
static void sweep(struct jobs *jobs, const struct job *job)
{
	struct kwire_error error;
	struct counting counting;
	long points = 0, failures = 0;
	int result;

	counting_init(&counting);
	result = job_run(jobs, job, &counting.allocator, &error);
	if (result == KWIRE_ENOTBUILT)
		skip();
	if (result != KWIRE_OK)
		fail_msg("%s fails by itself: %s", job->name, error.message);
	do {
		counting_init(&counting);
		counting.fail_at = ++points;
		result = job_run(jobs, job, &counting.allocator, &error);
		failures += result != KWIRE_OK;
		if (result != KWIRE_OK && result != KWIRE_ENOMEM)
			fail_msg("%s, allocation %ld: %s", job->name, points, error.message);
		if (counting.live != 0)
			fail_msg("%s, allocation %ld: %ld blocks left (%s)", job->name, points,
				 counting.live, kwire_result_name(result));
	} while (counting.calls >= points);
	printf("note: sweep: %-14s %4ld allocations failed, %ld calls told so, nothing left\n",
	       job->name, points - 1, failures);
	assert_true(points > 1 && failures > 0);
}

#define SWEEP(NAME)                                                     \
	static void NAME##_bears_every_allocation_failing(void **state) \
	{                                                               \
		sweep(*state, &job_##NAME);                             \
	}
JOBS(SWEEP)

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(NAME) cmocka_unit_test(NAME##_bears_every_allocation_failing),
		JOBS(TEST)};

	return cmocka_run_group_tests(tests, prepare, finish);
}
