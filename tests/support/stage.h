/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A transport that a test directs, dialled in the place of a socket and passing
 * everything on to one: it pauses whoever has written, refuses to write, and
 * counts.  It has no wake_writable, as a program's own may have none.
 */
#ifndef TEST_STAGE_H
#define TEST_STAGE_H

#include <stdbool.h>

#include <pthread.h>

#include <kwire/kwire.h>

struct stage {
	struct kwire_config *config;
	const struct kwire_transport_ops *ops; /* of the socket */
	void *transport;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	bool pause;  /* whoever has written stays in writev */
	bool paused; /* somebody does */
	bool refuse; /* nothing can be written */
	int refused; /* times */
	int woken;   /* times */
};

/* Whoever dials with `config` gets a socket behind `stage`. */
void stage_init(struct stage *stage, struct kwire_config *config);
void stage_fini(struct stage *stage);

void stage_refuse(struct stage *stage, bool refuse);
/* Waits until writing was refused as many times as that. */
void stage_wait_refused(struct stage *stage, int times);
int stage_woken(struct stage *stage);

void stage_pause(struct stage *stage);
/* Waits until somebody is paused. */
void stage_wait_paused(struct stage *stage);
/* Lets him go; with `again`, to his next writev. */
void stage_resume(struct stage *stage, bool again);

#endif
