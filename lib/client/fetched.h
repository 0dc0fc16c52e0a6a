/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was fetched: a Fetch response, and for each partition that was asked for
 * where its reading stands.  fetch.c fills it, fetched.c takes records out of
 * it, fetched_array.c all of them at once.
 */
#ifndef KW_FETCHED_H
#define KW_FETCHED_H

#include <kwire/api/fetch.h>
#include <kwire/fetch.h>

#include "../records/batch.h"

#define KW_TOPIC_MAX 249

/* A partition of the result. */
struct kw_fetched_slot {
	struct kwire_fetched_partition facts;
	char topic[KW_TOPIC_MAX + 1]; /* facts.topic */
	struct kwire_uuid topic_id;
	bool left_out;              /* of the request: it has no leader; see facts.kafka_code */
	struct kwire_bytes records; /* in the response */
	const uint8_t *at;          /* the batch being read, else the next one */
	bool in_batch;              /* the reader stands in it */
	int64_t batch_end;          /* the offset behind that batch */

	/* READ_COMMITTED. */
	struct kwire_fetch_response_response_partition_aborted_transaction
		*aborted;      /* a heap in the response's own array, smallest offset first */
	int32_t aborted_count; /* of those that have not begun yet */
	int64_t *aborting;     /* producers whose transaction is to be aborted, ascending */
	int32_t aborting_count;
	int32_t aborting_room;
};

struct kwire_fetched {
	struct kw_memory *memory;
	struct kwire_fetch_response *response;
	struct kwire_batch_reader *reader;
	struct kw_fetched_slot *slots;
	int32_t count;
	int32_t room;
	int32_t current; /* the slot that the reader is on; -1: none */
	bool committed;  /* READ_COMMITTED */

	/* fetched_array.c: blocks that the arrays need, freed with the rest. */
	bool keep; /* decompressed batches are to be kept */
	void **kept;
	int32_t kept_count;
	int32_t kept_room;
};

/*
 * Makes `*fetched` ready for the answer to `count` targets, making it where it
 * is NULL.
 */
int kw_fetched_begin(struct kw_memory *memory, const struct kwire_fetch_target *targets,
		     int32_t count, const struct kwire_fetch_options *options,
		     int64_t decompressed_max_bytes, struct kwire_fetched **fetched,
		     struct kwire_error *error);

/* Takes the response over, and sorts it into the slots. */
void kw_fetched_fill(struct kwire_fetched *fetched, struct kwire_fetch_response *response);

/* Blocks that an array keeps at its end: the reader's buffer, the records, the headers. */
#define KW_ARRAY_BLOCKS 3

/*
 * Keeps a block, which may be NULL, until the next fetch or free.  The room was
 * reserved before, for so many blocks: false, no memory, while nothing is lost.
 */
bool kw_fetched_reserve(struct kwire_fetched *fetched, int32_t count);
void kw_fetched_keep(struct kwire_fetched *fetched, void *block);

#endif
