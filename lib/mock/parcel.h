/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An answer on its way to a connection, as bytes, and what faults make of it.
 * Loop's thread only.
 */
#ifndef KW_MOCK_PARCEL_H
#define KW_MOCK_PARCEL_H

#include <sys/uio.h>

#include "loop.h"

struct kw_mock_exchange;
struct kw_mock_peer;
struct kwire_mock;

/* An answer that is held back: by delay, late or reorder. */
struct kw_mock_parcel {
	struct kw_mock_timer timer; /* first */
	struct kw_mock_peer *peer;
	struct kw_mock_parcel *next; /* of the peer, oldest first */
	int rule_id;                 /* the fault that holds it */
	bool blocks;
	bool reordered;
	struct kw_mock_hit *rest; /* the faults that it has yet to meet */
	size_t size;
	uint8_t *data;
};

/* Sends the answer to an exchange through its faults. */
void kw_mock_send(struct kw_mock_exchange *exchange, const struct iovec *iov, int count);

/* Sends now what a rule (-1: any) holds back. */
void kw_mock_parcels_release(struct kwire_mock *mock, int rule_id);

/* Forgets what is held back for a connection that closes. */
void kw_mock_parcels_drop(struct kw_mock_peer *peer);

#endif
