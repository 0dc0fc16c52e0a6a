/* SPDX-License-Identifier: Apache-2.0 */
/* See streams.h: what the server's log holds. */
#include "streams.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_BYTES (64 << 10)

void bench_fill(uint8_t *data, size_t size)
{
	static const char *const words[] = {
		"timestamp", "level",     "INFO", "request", "user", "latency", "broker", "commit",
		"offset",    "partition", "GET",  "/orders", "200",  "session", "true"};
	uint32_t seed = 42;
	size_t at = 0;

	while (at < size) {
		char text[40];
		int length;

		seed = seed * 1664525u + 1013904223u;
		length = snprintf(text, sizeof(text), "\"%s\":%u,", words[(seed >> 24) % 15],
				  (seed >> 4) % 100000);
		for (int i = 0; i < length && at < size; i++)
			data[at++] = (uint8_t)text[i];
	}
}

void bench_log_make(struct bench_log *log, const uint8_t *values, size_t total, size_t record_size,
		    enum kwire_codec codec)
{
	static const struct kwire_bytes null = {NULL, 0};
	struct kwire_batch_options options = KWIRE_BATCH_OPTIONS_INIT;
	struct kwire_batch_builder *builder = NULL;
	struct kwire_bytes batch;
	size_t most = total / BATCH_BYTES * 2 + 2, count = total / record_size, i = 0;

	memset(log, 0, sizeof(*log));
	log->data = malloc(total + total / 4);
	log->batches = calloc(most, sizeof(*log->batches));
	if (log->data == NULL || log->batches == NULL ||
	    kwire_batch_builder_new(NULL, &builder, NULL) != 0)
		bench_die("no memory");
	options.codec = codec;
	options.max_bytes = BATCH_BYTES;
	while (i < count) {
		log->batches[log->count].at = log->size;
		log->batches[log->count].base = (int64_t)i;
		if (kwire_batch_builder_begin(builder, &options, NULL) != 0)
			bench_die("no batch");
		while (i < count && kwire_batch_builder_add(
					    builder, 1700000000000 + (int64_t)i, null,
					    kwire_bytes_of(values + i * record_size, record_size),
					    NULL, 0, NULL) == 0)
			i++;
		if (kwire_batch_builder_end(builder, &batch, NULL) != 0 || log->count + 1 == most ||
		    log->size + (size_t)batch.size > total + total / 4)
			bench_die("no batch");
		memcpy(log->data + log->size, batch.data, (size_t)batch.size);
		log->size += (size_t)batch.size;
		log->count++;
	}
	log->records = (int64_t)count;
	kwire_batch_builder_free(builder);
}

void bench_log_free(struct bench_log *log)
{
	free(log->data);
	free(log->batches);
}
