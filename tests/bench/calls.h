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

/* A connection to the server, or the end of the program. */
struct kwire_connection *bench_open(const struct bench_server *server);
int bench_raw_open(const struct bench_server *server);

double bench_kwire_calls(void *context, int count);

#endif
