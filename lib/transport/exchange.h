/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole frames over a transport, blocking, one at a time: what set-up and SASL
 * speak before a connection has its own reader.  Also the one place that
 * judges a length word.  Knows no API and no pending call.
 */
#ifndef KW_EXCHANGE_H
#define KW_EXCHANGE_H

#include <stddef.h>

#include <kwire/transport.h>

#include "../base/memory.h"

/* Whether a transport has what is optional: a program's own may be built for an older kwire. */
static inline bool kw_transport_tells_writable(const struct kwire_transport_ops *ops)
{
	return ops->size >= offsetof(struct kwire_transport_ops, receive) &&
	       ops->wake_writable != NULL;
}

/* Whether any thread may read from it, while the connection's watches. */
static inline bool kw_transport_lets_callers_read(const struct kwire_transport_ops *ops)
{
	return ops->size >= offsetof(struct kwire_transport_ops, watch) + sizeof(ops->watch) &&
	       ops->receive != NULL && ops->kick != NULL && ops->watch != NULL;
}

/* Writes all of `iov`, or fails; KWIRE_ETIMEDOUT at the deadline.  A wake is an interruption. */
int kw_write_all(const struct kwire_transport_ops *ops, void *transport, const struct iovec *iov,
		 int count, int64_t deadline_ms, struct kwire_error *error);

/* Reads exactly `size` bytes; `*got`, where not NULL, says how many came before it failed. */
int kw_read_all(const struct kwire_transport_ops *ops, void *transport, void *data, size_t size,
		int64_t deadline_ms, size_t *got, struct kwire_error *error);

/*
 * The size of the frame that begins with the length word `word`; from
 * `smallest` to `largest` bytes.  KWIRE_EPROTOCOL for what cannot be one, in
 * words where it is recognised (TLS, HTTP, SSH); KWIRE_ETOOLARGE.
 */
int kw_frame_size(const uint8_t word[4], size_t smallest, size_t largest, size_t *size,
		  struct kwire_error *error);

/*
 * Reads one frame: `*data` are its `*size` bytes after the length word, for
 * kw_free().  `*started`, where not NULL, says whether any byte came.
 */
int kw_read_frame(const struct kwire_transport_ops *ops, void *transport, struct kw_memory *memory,
		  size_t smallest, size_t largest, int64_t deadline_ms, uint8_t **data,
		  size_t *size, bool *started, struct kwire_error *error);

#endif
