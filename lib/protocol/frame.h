/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests on their way out: length word, header and body in one buffer, big
 * payloads referenced.  Called by the connection; knows no descriptor, no
 * lock and no pending call.
 */
#ifndef KW_FRAME_H
#define KW_FRAME_H

#include <sys/uio.h>

#include <kwire/message.h>

#include "../base/memory.h"
#include "writer.h"

/* Payloads (records, bytes) of this size and more are referenced, not copied. */
#define KW_FRAME_BORROW_FROM 2048

/*
 * One frame, in the storage of its owner, who zeroes it (KW_FRAME_INIT) before
 * the first encode; it must not be moved while `iov` is in use.  Its buffers
 * are kept for the next encode until kw_frame_fini.
 */
struct kw_frame {
	uint8_t *data;      /* length word, header and body, without borrowed payloads */
	size_t size;        /* of data */
	size_t total_size;  /* of the frame on the wire, length word and payloads included */
	struct iovec *iov;  /* the whole frame, in order */
	int iov_count;      /* 1: data holds all of it */
	bool borrows;       /* some of iov is the request's own memory */
	size_t capacity;    /* of data */
	int piece_capacity; /* of pieces */
	void *pieces;       /* kw_alloc: iovecs and notes of payloads */
	struct iovec one;
};
#define KW_FRAME_INIT                                   \
	{                                               \
		NULL, 0, 0, NULL, 0, false, 0, 0, NULL, \
		{                                       \
			NULL, 0                         \
		}                                       \
	}

/*
 * Encodes `request` of `api` in `version` with correlation id 0.  A frame of
 * more than `max_size` bytes after the length word is KWIRE_ETOOLARGE;
 * KWIRE_EINVAL names the field that this version cannot carry.  On failure the
 * frame holds nothing and may be used again.  Borrowed: what iov refers to.
 */
int kw_frame_encode(struct kw_frame *frame, struct kw_memory *memory, const struct kwire_api *api,
		    int16_t version, struct kwire_string client_id, const void *request,
		    size_t max_size, struct kwire_error *error);

/* The same for a body that is encoded already, of any API. */
int kw_frame_encode_raw(struct kw_frame *frame, struct kw_memory *memory, int16_t api_key,
			int16_t version, bool flexible, struct kwire_string client_id,
			const void *body, size_t body_size, size_t max_size,
			struct kwire_error *error);

/* Patches the id into `data`: at offset 8 of a request. */
void kw_frame_set_correlation_id(struct kw_frame *frame, int32_t id);

/* Copies the payloads into the frame's own buffer, so that it borrows nothing.  KWIRE_ENOMEM:
 * unchanged. */
int kw_frame_own(struct kw_frame *frame, struct kw_memory *memory);

/* Frees the buffers.  Takes a frame of zeroes. */
void kw_frame_fini(struct kw_frame *frame);

/*
 * For frame.c and server.c: runs `put` over the frame's buffers, growing them
 * as need be.
 */
struct kw_frame_job {
	void (*put)(struct kwire_writer *writer, const struct kw_frame_job *job);
	const struct kwire_api *api; /* NULL: a raw body */
	kwire_encode_function *encode;
	const void *message;
	const char *kind; /* "request" or "response" */
	int16_t api_key;
	int16_t version;
	bool flexible; /* the header ends with tags */
	int32_t correlation_id;
	struct kwire_string client_id;
	struct kwire_bytes body; /* where there is no api */
};
int kw_frame_run(struct kw_frame *frame, struct kw_memory *memory, const struct kw_frame_job *job,
		 size_t max_size, struct kwire_error *error);

#endif
