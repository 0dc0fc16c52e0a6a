/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What programs do with kwire, each job from a new config to the closed client,
 * for tests in which something fails on the way.  A job returns 0 or the first
 * error that it met, and aborts where what succeeded was wrong.
 */
#ifndef TEST_JOBS_H
#define TEST_JOBS_H

#include <stdbool.h>

#include <kwire/kwire.h>
#include <kwire/mock.h>

/* One mock cluster that talks plainly, one that wants TLS, one that wants a login over it. */
struct jobs {
	struct kwire_mock *plain;
	struct kwire_mock *tls; /* NULL: not built */
	struct kwire_mock *sasl;
};

int jobs_open(struct jobs **jobs);
void jobs_close(struct jobs *jobs);

struct job {
	const char *name;
	int (*run)(struct kwire_client *client, const struct kwire_allocator *allocator,
		   struct kwire_error *error);
	const char *protocol;
	bool observed; /* with statistics and a trace */
};

#define JOBS(X) \
	X(open) \
	X(metadata) X(started) X(offsets) X(produce) X(fetch) X(handshake) X(login) X(observed)

#define JOB_DECLARE(NAME) extern const struct job job_##NAME;
JOBS(JOB_DECLARE)
#undef JOB_DECLARE

/* `allocator` NULL: malloc(3).  KWIRE_ENOTBUILT: a job for another build. */
int job_run(struct jobs *jobs, const struct job *job, const struct kwire_allocator *allocator,
	    struct kwire_error *error);

#endif
