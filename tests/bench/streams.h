/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server with a log for the rows that move records, and for those whose
 * client needs a whole cluster: it answers ApiVersions, Metadata, Fetch and
 * Produce with the generated codec, whatever client asks.
 */
#ifndef BENCH_STREAMS_H
#define BENCH_STREAMS_H

#include <kwire/records.h>

#include "bench.h"

#define BENCH_TOPIC "bench"

/* Batches one behind the other; fetched over and over, with offsets that go on rising. */
struct bench_log {
	uint8_t *data;
	size_t size;
	struct bench_batch {
		size_t at;    /* in data */
		int64_t base; /* its first record, counted from the log's start */
	} * batches;
	size_t count;
	int64_t records;
};

/* A log of `total` bytes of values of `record_size` bytes in batches of 64 KiB. */
void bench_log_make(struct bench_log *log, const uint8_t *values, size_t total, size_t record_size,
		    enum kwire_codec codec);
void bench_log_free(struct bench_log *log);

/*
 * A process that pretends to be `brokers` brokers at one address with the
 * topics "topic-0" and up, besides BENCH_TOPIC, which holds the log (NULL: none).
 */
struct bench_server bench_cluster_start(const struct bench_log *log, int brokers, int topics);

/* Text that compresses as logs do. */
void bench_fill(uint8_t *data, size_t size);

#endif
