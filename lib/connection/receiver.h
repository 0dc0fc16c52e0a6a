/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes in, answers out: cuts what a broker sends into response frames and
 * hands each to its owner.  Small frames, many to a read, are copied from one
 * buffer into blocks of their own; a large one is read straight into its
 * block, all but its head where the one before was large, too; one that nobody
 * waits for is passed over without allocating.
 *
 * Knows no descriptor, clock, lock or call: the connection's thread feeds it,
 * and so do unit tests and the fuzzer.  What is being received lives here and
 * on no stack, so that another thread can go on where one left off.
 */
#ifndef KW_RECEIVER_H
#define KW_RECEIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include <kwire/message.h>

#include "../base/memory.h"

struct kw_response;

enum {
	KW_RECEIVER_BUFFER = 32768, /* touched as far as traffic fills it */
	KW_RECEIVER_SMALL = 4096,   /* a frame up to this size is gathered in the buffer */
	KW_RECEIVER_BATCH = 32,     /* answers handed over at once, at most */
	/*
	 * Where large frames follow each other, what is read ahead of one: its
	 * head, and nothing yet of what would have to be copied out of the buffer.
	 */
	KW_RECEIVER_PEEK = 48,
};

enum kw_fate {
	KW_FATE_DELIVER,
	KW_FATE_DROP,    /* nobody waits any more */
	KW_FATE_UNKNOWN, /* no request had this id: the peer is broken */
};

/* One response on its way to its owner. */
struct kw_answer {
	int32_t id;
	size_t size; /* after the length word */

	/* Filled by `find`: */
	enum kw_fate fate;
	const struct kwire_api *api; /* NULL: decoded raw */
	size_t largest;              /* size that this request may be answered with */

	/* For `deliver`, which takes it over: NULL when there was no memory for it. */
	struct kw_response *response;

	const uint8_t *data; /* the receiver's: where it lies in the buffer */
};

/* Who knows the requests. */
struct kw_receiver_owner {
	void *context;
	void (*find)(void *context, struct kw_answer *answers, int count);
	/* Only those that `find` said to deliver; each may have been given up meanwhile. */
	void (*deliver)(void *context, struct kw_answer *answers, int count);
};

struct kw_receiver {
	struct kw_memory *memory; /* borrowed */
	uint8_t *buffer;
	size_t start; /* of what is not yet cut */
	size_t end;
	size_t skip;            /* bytes to come that nobody wants */
	bool bulk;              /* the last frame was larger than the buffer */
	struct kw_answer large; /* being received; response NULL: none */
	size_t large_have;      /* bytes of it that came */
	struct kw_answer batch[KW_RECEIVER_BATCH];
	int batch_count;
};

/* KWIRE_ENOMEM, or 0. */
int kw_receiver_init(struct kw_receiver *receiver, struct kw_memory *memory);
void kw_receiver_fini(struct kw_receiver *receiver);

/* Where the next bytes go: fills `iov` and returns how many pieces, at least one byte in all. */
int kw_receiver_space(struct kw_receiver *receiver, struct iovec iov[2]);

/*
 * Takes `size` bytes that were put there.  `largest` is what any response may
 * measure.  On failure the connection is to be closed: KWIRE_EPROTOCOL,
 * KWIRE_ETOOLARGE.
 */
int kw_receiver_step(struct kw_receiver *receiver, size_t size, size_t largest,
		     const struct kw_receiver_owner *owner, struct kwire_error *error);

#endif
