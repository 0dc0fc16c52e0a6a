/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The soak: one client under load on a real cluster whose brokers are killed
 * and paused.  main.c says what is measured and judges; load.c calls; nodes.c
 * does things to brokers and asks about them with a client of its own;
 * readback.c compares what was promised with what the log holds.
 */
#ifndef SOAK_H
#define SOAK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <kwire/client.h>

enum {
	SOAK_BROKERS = 3,
	SOAK_PARTITIONS = 12,
	SOAK_CALL_MS = 10000, /* a call's timeout */
	SOAK_LATE_MS = 2000,  /* past it, on a busy machine */
};

/* What became of one produced record, as its caller was told. */
enum soak_fate {
	SOAK_ANSWERED,  /* in the log, once */
	SOAK_NOT_THERE, /* not sent, or refused: not in the log */
	SOAK_REFUSED,   /* with a code that says nothing about the leader's own log: at most once */
	SOAK_PERHAPS,   /* MAYBE_APPLIED: anything */
};

struct soak_record {
	int64_t offset; /* of SOAK_ANSWERED */
	int32_t partition;
	uint8_t fate;
	uint8_t found; /* times, by readback.c */
};

enum soak_kind {
	SOAK_METADATA,
	SOAK_OFFSETS,
	SOAK_PRODUCE,
	SOAK_FETCH,
	SOAK_KINDS,
};

extern const char *const soak_kind_names[SOAK_KINDS];

struct soak_worker {
	struct soak *soak;
	pthread_t thread;
	int number;
	enum soak_kind kind;
	int64_t calls, failed;
	int64_t by_outcome[3]; /* failed ones */
	int64_t untrue;        /* errors that contradict themselves, or came late */
	int64_t longest_ms;
	struct kwire_error sample;   /* of what was untrue, else of the last failure */
	struct soak_record *records; /* of a producer */
	int64_t record_count, record_capacity;
};

struct soak {
	struct kwire_client *client;
	char topic[64];
	int thread_count;
	struct soak_worker *workers;
	atomic_bool stop;
};

int64_t soak_now_ms(void);
void soak_pause_ms(int64_t ms);

/* One line to the person who watches, with the time since the start. */
void soak_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* load.c: starts `thread_count` workers, a quarter of each kind; stops and joins them. */
bool soak_load_start(struct soak *soak, int64_t seconds);
void soak_load_stop(struct soak *soak);
void soak_load_free(struct soak *soak);

/* nodes.c: with a client of their own, so that the load's is on its own. */
bool soak_nodes_open(const char *bootstrap);
void soak_nodes_close(void);
bool soak_create_topic(const char *topic);
/* tools/kafka/cluster COMMAND NODE */
bool soak_node(const char *command, int node);
/* Waits until all replicas are in sync, then gives every partition to its preferred leader. */
bool soak_settle(const char *topic, int64_t timeout_ms);
/* A partition that metadata says `node` leads; -1 when there was none in time. */
int32_t soak_led_by(const char *topic, int32_t node, int64_t timeout_ms);

/* readback.c: reads the whole topic and fills `found`; what contradicts the promises, -1: failed.
 */
int64_t soak_read_back(struct soak *soak, const char *bootstrap, int64_t *records);

/* reauth.c: calls through sessions that end; true: nothing was noticed. */
bool soak_reauth(int64_t seconds);

#endif
