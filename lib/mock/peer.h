/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection that a broker of the mock accepted: bytes in, frames cut;
 * frames handed in, bytes out, quickly, slowly or never.  Knows framing, not
 * what is in a frame.  Loop's thread only.
 */
#ifndef KW_MOCK_PEER_H
#define KW_MOCK_PEER_H

#include "buffer.h"
#include "loop.h"
#include "stream.h"

struct kwire_mock;
struct kw_mock_broker;
struct kw_mock_exchange;
struct kw_mock_parcel;
struct kw_mock_session;

struct kw_mock_peer {
	struct kw_mock_source source; /* first */
	struct kwire_mock *mock;
	struct kw_mock_broker *broker;
	struct kw_mock_peer *next; /* of the broker */
	struct kw_mock_peer *next_dirty;
	int32_t number; /* of the broker's connections, from 0 */
	const struct kw_mock_stream_ops *ops;
	void *stream;
	struct kw_mock_session *session; /* of SASL; NULL: none is asked for */

	struct kw_mock_buffer in;
	struct kw_mock_buffer out;
	uint64_t put;  /* bytes ever put to out */
	uint64_t sent; /* bytes of those that the socket took */

	struct kw_mock_exchange *exchanges; /* begun and not ended */
	struct kw_mock_parcel *parcels;     /* answers held back */
	int blocked;                        /* answers that what follows must wait for */

	bool dirty;      /* in the list of those to be flushed */
	bool resume;     /* frames are to be cut when the round ends */
	bool parsing;    /* frames are being cut: do not cut again from within */
	bool want_out;   /* the socket was full */
	bool ended;      /* the other side will send no more */
	bool finishing;  /* ours: nothing is read any more, closed when all is sent */
	bool reset;      /* and then by a reset */
	bool stalled;    /* nothing is sent any more */
	bool black_hole; /* nothing is read nor sent any more */
	bool closed;     /* in the graveyard, until the round ends */

	/* Bytes [slow_from, slow_to) of the output go out `slow_bytes` each `slow_ms`. */
	uint64_t slow_from;
	uint64_t slow_to;
	uint64_t slow_bytes;
	uint64_t slow_credit;
	int64_t slow_ms;
	struct kw_mock_timer slow_timer;
};

/* Takes over an accepted, non-blocking socket; on failure closes it. */
int kw_mock_peer_open(struct kw_mock_broker *broker, int fd);

/* Appends to what is to be sent; what cannot be kept breaks the connection. */
void kw_mock_peer_put(struct kw_mock_peer *peer, const void *data, size_t size);

/* The last `size` bytes put, and only they, go out slowly. */
void kw_mock_peer_slow(struct kw_mock_peer *peer, size_t size, int64_t bytes, int64_t ms);

/* Closes once all is sent. */
void kw_mock_peer_finish(struct kw_mock_peer *peer, bool reset);

/* Closes at once; the peer's memory stays until the round ends. */
void kw_mock_peer_close(struct kw_mock_peer *peer, bool reset);

/* Goes on cutting frames when the round ends, if nothing blocks any more. */
void kw_mock_peer_resume(struct kw_mock_peer *peer);

/* No longer read nor written. */
void kw_mock_peer_swallow(struct kw_mock_peer *peer);

/* At the end of a round: writes what was put, frees what was closed. */
void kw_mock_peers_flush(struct kwire_mock *mock);

#endif
