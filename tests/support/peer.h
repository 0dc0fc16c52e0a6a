/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A broker that a test plays by hand, byte by byte, over real sockets: the
 * test's own thread accepts, reads requests and writes whatever it likes, while
 * the calls under test run in threads of their own.  Every wait of the peer has
 * a guard, so that a broken test fails instead of hanging.
 */
#ifndef TEST_PEER_H
#define TEST_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <kwire/kwire.h>

enum {
	PEER_GUARD_MS = 60000, /* longer than any step takes on the slowest machine */
	PEER_PROBE_KEY = 77,   /* an API of the tests' own: see probe_api */
};

/* A listening socket on a free loopback port. */
struct peer {
	int fd;
	int port;
};
void peer_init(struct peer *peer);
void peer_fini(struct peer *peer);

/* The next connection's descriptor, -1 when none came. */
int peer_accept(struct peer *peer);

/* One request as it came. */
struct peer_request {
	int16_t key;
	int16_t version;
	int32_t id;
	uint8_t *bytes; /* after the length word: free(3) */
	size_t size;
	const uint8_t *body; /* after header version 1 */
	size_t body_size;
};

/* False at the end of the stream. */
bool peer_read(int fd, struct peer_request *request);
void peer_free(struct peer_request *request);

/* Reads one request and frees it: its id, or -1. */
int32_t peer_take(int fd);

/* Whether the stream is at its end (true), waiting for it. */
bool peer_at_end(int fd);

/* False when the other side has gone. */
bool peer_write(int fd, const void *bytes, size_t size);

/* A frame with the response header of version 0. */
bool peer_answer(int fd, int32_t id, const void *body, size_t size);

/* The body of an ApiVersions response that offers probe_api and the usual ones. */
size_t peer_versions(int16_t version, int16_t error_code, uint8_t *body, size_t capacity);

/* Reads the ApiVersions request and answers it; its version, or -1. */
int peer_greet(int fd);

/* Closes with a reset instead of a clean end. */
void peer_reset(int fd);

/* An API whose request carries a number, a wait and a payload, and whose response a number. */
struct probe_request {
	int32_t number;
	int32_t wait_ms;
	struct kwire_bytes payload;
};
struct probe_response {
	int32_t number;
	struct kwire_bytes payload; /* what came after the number */
};
extern const struct kwire_api probe_api;

/* The probe's number in a request that came, and its answer: the number, `size` bytes of 'x'. */
int32_t peer_probe_number(const struct peer_request *request);
bool peer_answer_probe(int fd, int32_t id, int32_t number, size_t size);

/* A config whose properties are the given name, value pairs up to NULL. */
struct kwire_config *test_config(const char *name, ...);

/* A connection to a peer that greets it: `*fd` is the peer's side. */
struct kwire_connection *test_connect(struct peer *peer, struct kwire_config *config, int *fd);

/* A probe call in a thread of its own, its outcome recorded. */
struct caller {
	struct kwire_connection *connection;
	int32_t number;
	int64_t timeout_ms; /* -1: the connection's */
	unsigned flags;
	size_t payload_size;
	int result;
	struct kwire_error error;
	int32_t answer; /* the response's number */
	int64_t elapsed_ms;
	void *thread;
};
void caller_start(struct caller *caller);
void caller_join(struct caller *caller);

/* Waits until `test(context)` holds; false when the guard ran out. */
bool wait_until(bool (*test)(void *context), void *context);
/* The same, for as many requests in flight. */
bool wait_in_flight(struct kwire_connection *connection, int count);

int64_t test_now_ms(void);

#endif
