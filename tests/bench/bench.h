/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The benchmark's frame: what a row is, how rows are measured against their
 * limit, and the lean server that they talk to.  docs/benchmarks.md explains
 * the rows.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where client and server run. */
enum bench_pinning {
	BENCH_UNPINNED,
	BENCH_ONE_CORE,  /* "1c": both on the first core */
	BENCH_TWO_CORES, /* "2c": one core each */
};

struct bench_row {
	char name[64];
	double value;
	const char *unit;
	double limit; /* the same work without kwire; 0: none */
	double ratio; /* value against limit, as the goal reads it; 0: none */
	double goal;  /* for the ratio, or for the value where there is no limit */
	bool at_most; /* the goal is an upper bound */
	double low;   /* spread of the ratio, or of the value */
	double high;
	const char *excuse; /* why it misses its goal, NULL: no excuse */
};

/* Settings from the environment and the command line. */
struct bench_options {
	const char *rows;  /* BENCH_ROWS: comma-separated beginnings of names, NULL: all */
	int rounds;        /* BENCH_ROUNDS, at least 7 unless asked otherwise */
	double round_time; /* seconds a round */
};

extern struct bench_options bench_options;

/* Whether a row of this name, or a row that begins so, is wanted. */
bool bench_wants(const char *name);

/* Adds a finished row (copied). */
void bench_add(const struct bench_row *row);

/* Median, lowest and highest of `count` values; sorts them. */
double bench_median(double *values, int count);

/* Monotonic time in seconds. */
double bench_now(void);

/* Puts the calling thread on a core: 0 or 1; -1: on any. */
void bench_pin(int core);

/* Ends the program with a message: a benchmark that cannot run must not print figures. */
_Noreturn void bench_die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The client id that makes kwire's question as long as the raw one. */
#define BENCH_CLIENT_ID "kwire-benchmark-c"

/*
 * Measures a pair of ways to do the same work in alternating blocks: `run`
 * does `count` units and returns the seconds they took.  Fills value, limit,
 * ratio (median of block ratios) and spread: as time per unit, or, with
 * `as_rate`, as units per second (so that more is better).
 */
struct bench_way {
	double (*run)(void *context, int count);
	void *context;
};
void bench_compare(struct bench_row *row, struct bench_way kwire, struct bench_way limit, int block,
		   bool as_rate);

/*
 * The lean server: one process, epoll, answers each frame with canned bytes of
 * its API, correlation id patched, as many answers a send as there were
 * questions a receive.  Ends with bench_server_stop, or with this process.
 */
struct bench_server {
	int pid;
	int port;
};
struct bench_server bench_server_start(enum bench_pinning pinning);
struct bench_server bench_server_start_tls(enum bench_pinning pinning);
void bench_server_stop(struct bench_server *server);

/* A listening socket on loopback, and its port. */
int bench_listen(int *port);

/* The question of the `call` rows: a Metadata request and its answer, as frames. */
#define BENCH_METADATA_VERSION 12
extern const size_t bench_question_size;
extern const size_t bench_answer_size;
const uint8_t *bench_question(void);

/* The parts of the benchmark; each adds its rows. */
void bench_calls(void);
void bench_tls(void);
void bench_counts(void);
void bench_codec(void);
void bench_records(void);
void bench_streams(void);
void bench_connect(void);
void bench_scram(void);
void bench_idle(void);
void bench_growth(void);
void bench_topology(void);
void bench_mock(void);
void bench_embedded(void);

/*
 * Instructions that `calls` more calls of `work` take, by callgrind, each; 0
 * where valgrind is not installed.  The program runs itself twice, as `bench
 * --counted WORK PORT SIZE CALLS`, against the server at `port`.
 */
double bench_instructions(const char *work, int port, int size, int calls);
int bench_counted(char **arguments);

/* Bytes that this process copies by memcpy() and memmove() while it runs `units` of `run`. */
size_t bench_copied(void (*run)(void *context, int count), void *context, int units);

#endif
