/* SPDX-License-Identifier: Apache-2.0 */
/* What the rows on calls share: the question as a typed request, and a connection to ask it on. */
#ifndef BENCH_CALLS_H
#define BENCH_CALLS_H

#include <kwire/api/metadata.h>
#include <kwire/kwire.h>

#include "bench.h"

struct bench_question {
	struct kwire_metadata_request request;
	struct kwire_metadata_request_topic topic;
	struct kwire_send_options options;
};

/* Fills `question` in place; it refers to itself and must not move. */
void bench_ask(struct bench_question *question);

/*
 * A connection to the server, or the end of the program.  `properties`, pairs
 * of name and value up to a NULL, may be NULL.
 */
struct kwire_connection *bench_open_with(const struct bench_server *server,
					 const char *const *properties);
struct kwire_connection *bench_open(const struct bench_server *server);

/* Properties: TLS to bench_server_start_tls(); what docs/embedding.md sets. */
const char *const *bench_tls_properties(void);
extern const char *const bench_small_properties[];
void bench_call_once(struct kwire_connection *connection, const struct bench_question *question);
int bench_raw_open(const struct bench_server *server);

/*
 * The rows `PREFIXcall_…` and so on: `properties` are kwire's, `tls` makes the
 * limit bare mbedTLS.
 */
struct bench_setting {
	const char *prefix;
	const char *const *properties;
	bool tls;
	double goal; /* of a call's latency, one core and two */
};
void bench_row_call(const struct bench_setting *setting, const struct bench_server *server,
		    enum bench_pinning pinning);
void bench_row_pipelined(const struct bench_setting *setting, const struct bench_server *server,
			 enum bench_pinning pinning, int depth);
void bench_row_shared(const struct bench_setting *setting, const struct bench_server *server,
		      enum bench_pinning pinning, int threads);
/* The rows `idle_…_NAME` of connections; `kib`: the goal of their memory. */
void bench_row_idle(const char *name, const struct bench_server *server,
		    const char *const *properties, double kib);

/* A client of the cluster at `port` on loopback; `allocator` may be NULL. */
struct kwire_client *bench_client_open(int port, const struct kwire_allocator *allocator);

/* Open to first answer. */
void bench_first_answer(const struct bench_server *server, const char *const *properties);
extern const uint8_t bench_versions[];
extern const size_t bench_versions_size;
const char *bench_suffix(enum bench_pinning pinning);

#endif
