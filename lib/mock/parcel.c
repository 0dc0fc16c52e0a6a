/* SPDX-License-Identifier: Apache-2.0 */
/* See parcel.h.  One function a fault would be many: they stand in one switch. */
#include "parcel.h"

#include <string.h>

#include "../protocol/endian.h"
#include "cluster.h"

enum {
	LENGTH_AT = 0,
	ID_AT = 4,
	HEADER = 8, /* length word and correlation id */
	NEVER_USED = 0x40000000,
};

/* Bytes that faults work on: one block, grown as need be. */
struct blob {
	uint8_t *data;
	size_t size;
};

static void deliver(struct kw_mock_peer *peer, struct blob *blob, struct kw_mock_hit *hits);

static int64_t or_default(int64_t value, int64_t otherwise)
{
	return value < 0 ? otherwise : value;
}

static size_t cut(const struct blob *blob, int64_t bytes)
{
	return bytes < (int64_t)blob->size ? (size_t)bytes : blob->size;
}

static void unlink_parcel(struct kw_mock_parcel *parcel)
{
	struct kw_mock_parcel **link = &parcel->peer->parcels;

	while (*link != parcel)
		link = &(*link)->next;
	*link = parcel->next;
}

/* Sends what was held back on its way, through the faults that are left. */
static void release(struct kw_mock_parcel *parcel)
{
	struct kw_mock_peer *peer = parcel->peer;
	struct blob blob = {parcel->data, parcel->size};
	struct kw_mock_hit *rest = parcel->rest;
	bool blocks = parcel->blocks;

	kw_mock_timer_cancel(&peer->mock->loop, &parcel->timer);
	unlink_parcel(parcel);
	kw_free(parcel);
	if (blocks)
		peer->blocked--;
	deliver(peer, &blob, rest);
	kw_mock_hits_free(rest);
	kw_free(blob.data);
	if (blocks)
		kw_mock_peer_resume(peer);
}

static void due(struct kw_mock_timer *timer)
{
	struct kw_mock_parcel *parcel = (struct kw_mock_parcel *)timer;
	struct kwire_mock *mock = parcel->peer->mock;

	kw_mock_enter(mock);
	release(parcel);
	kw_mock_leave(mock);
}

/* Takes blob and hits over; false: out of memory, they are the caller's still. */
static struct kw_mock_parcel *hold(struct kw_mock_peer *peer, struct blob *blob,
				   struct kw_mock_hit *hit)
{
	struct kw_mock_parcel *parcel = kw_zalloc(peer->mock->memory, sizeof(*parcel));
	struct kw_mock_parcel **last;

	if (parcel == NULL)
		return NULL;
	parcel->timer.fire = due;
	parcel->peer = peer;
	parcel->rule_id = hit->rule_id;
	parcel->rest = hit->next;
	parcel->data = blob->data;
	parcel->size = blob->size;
	hit->next = NULL;
	blob->data = NULL;
	for (last = &peer->parcels; *last != NULL; last = &(*last)->next)
		;
	*last = parcel;
	return parcel;
}

static void delay(struct kw_mock_peer *peer, struct blob *blob, struct kw_mock_hit *hit,
		  bool blocks)
{
	struct kw_mock_parcel *parcel = hold(peer, blob, hit);

	if (parcel == NULL || kw_mock_timer_arm(&peer->mock->loop, &parcel->timer,
						kw_mock_loop_now(&peer->mock->loop) +
							or_default(hit->fault.ms, 0)) != 0) {
		kw_mock_peer_close(peer, true);
		return;
	}
	parcel->blocks = blocks;
	peer->blocked += blocks;
}

/* Collects answers; the last of them sends all, itself first. */
static void reorder(struct kw_mock_peer *peer, struct blob *blob, struct kw_mock_hit *hit)
{
	int64_t wanted = or_default(hit->fault.value, 2);
	struct kw_mock_parcel *newest = hold(peer, blob, hit);
	int64_t collected = 0;

	if (newest == NULL) {
		kw_mock_peer_close(peer, true);
		return;
	}
	newest->reordered = true;
	for (struct kw_mock_parcel *p = peer->parcels; p != NULL; p = p->next)
		collected += p->reordered;
	if (collected < wanted)
		return;
	while (newest != NULL && !peer->closed) {
		newest->reordered = false;
		release(newest);
		newest = NULL;
		for (struct kw_mock_parcel *p = peer->parcels; p != NULL; p = p->next)
			if (p->reordered)
				newest = p;
	}
}

static bool grow(struct kw_mock_peer *peer, struct blob *blob, size_t size)
{
	uint8_t *data = kw_realloc(peer->mock->memory, blob->data, size);

	if (data == NULL) {
		kw_mock_peer_close(peer, true);
		return false;
	}
	blob->data = data;
	if (size > blob->size)
		memset(data + blob->size, 0, size - blob->size);
	blob->size = size;
	return true;
}

static void add_to_id(struct blob *blob, uint32_t number)
{
	if (blob->size >= HEADER)
		kw_store32(blob->data + ID_AT, kw_load32(blob->data + ID_AT) + number);
}

static void set_length(struct blob *blob, uint32_t length)
{
	if (blob->size >= 4)
		kw_store32(blob->data + LENGTH_AT, length);
}

static void unsolicited(struct kw_mock_peer *peer, const struct blob *blob)
{
	uint8_t frame[HEADER + 4] = {0};
	struct blob other = {frame, sizeof(frame)};

	if (blob->size < HEADER)
		return;
	memcpy(frame, blob->data, HEADER);
	set_length(&other, sizeof(frame) - 4);
	add_to_id(&other, NEVER_USED);
	kw_mock_peer_put(peer, frame, sizeof(frame));
}

/* Passes the answer through its faults, one after another, to the connection. */
static void deliver(struct kw_mock_peer *peer, struct blob *blob, struct kw_mock_hit *hits)
{
	int copies = 1;

	for (struct kw_mock_hit *hit = hits; hit != NULL && !peer->closed; hit = hit->next) {
		const struct kwire_mock_fault *fault = &hit->fault;

		switch (fault->kind) {
		case KWIRE_MOCK_DELAY_FAULT:
			delay(peer, blob, hit, true);
			return;
		case KWIRE_MOCK_LATE_FAULT:
			delay(peer, blob, hit, false);
			return;
		case KWIRE_MOCK_REORDER_FAULT:
			reorder(peer, blob, hit);
			return;
		case KWIRE_MOCK_SILENCE_FAULT:
			return;
		case KWIRE_MOCK_RESET_FAULT:
			kw_mock_peer_finish(peer, true);
			return;
		case KWIRE_MOCK_CLOSE_FAULT:
			kw_mock_peer_finish(peer, false);
			return;
		case KWIRE_MOCK_CLOSE_AFTER_FAULT:
		case KWIRE_MOCK_RESET_AFTER_FAULT:
			kw_mock_peer_put(peer, blob->data, cut(blob, or_default(fault->bytes, 0)));
			kw_mock_peer_finish(peer, fault->kind == KWIRE_MOCK_RESET_AFTER_FAULT);
			return;
		case KWIRE_MOCK_STALL_AFTER_FAULT:
			kw_mock_peer_put(peer, blob->data, cut(blob, or_default(fault->bytes, 0)));
			peer->stalled = true;
			return;
		case KWIRE_MOCK_DRIP_FAULT:
			kw_mock_peer_put(peer, blob->data, blob->size);
			kw_mock_peer_slow(peer, blob->size, fault->bytes < 1 ? 1 : fault->bytes,
					  or_default(fault->ms, 0));
			return;
		case KWIRE_MOCK_CORRUPT_FAULT:
			if (blob->size > 0)
				blob->data[(uint64_t)or_default(fault->bytes, 0) % blob->size] ^=
					(uint8_t)or_default(fault->value, 255);
			break;
		case KWIRE_MOCK_WRONG_ID_FAULT:
			add_to_id(blob, (uint32_t)or_default(fault->value, 1));
			break;
		case KWIRE_MOCK_UNKNOWN_ID_FAULT:
			add_to_id(blob, NEVER_USED);
			break;
		case KWIRE_MOCK_DUPLICATE_FAULT:
			copies++;
			break;
		case KWIRE_MOCK_UNSOLICITED_FAULT:
			unsolicited(peer, blob);
			break;
		case KWIRE_MOCK_OVERSIZE_FAULT:
			set_length(blob, (uint32_t)or_default(fault->value, INT32_MAX));
			break;
		case KWIRE_MOCK_TRAILING_FAULT:
			if (!grow(peer, blob, blob->size + (size_t)or_default(fault->bytes, 1)))
				return;
			set_length(blob, (uint32_t)(blob->size - 4));
			break;
		case KWIRE_MOCK_TRUNCATE_FAULT:
			blob->size = cut(blob, fault->bytes < 4 ? 4 : fault->bytes);
			set_length(blob, (uint32_t)(blob->size - 4));
			break;
		case KWIRE_MOCK_BYTES_FAULT:
			if (!grow(peer, blob, (size_t)fault->data.size))
				return;
			if (fault->data.size > 0)
				memcpy(blob->data, fault->data.data, (size_t)fault->data.size);
			break;
		case KWIRE_MOCK_THROTTLE_FAULT: /* in the struct, before it was encoded */
		case KWIRE_MOCK_ERROR_FAULT:    /* made the answer */
		case KWIRE_MOCK_REFUSE_FAULT:   /* of connections */
		case KWIRE_MOCK_BLACK_HOLE_FAULT:
		case KWIRE_MOCK_FAULT_KINDS:
			break;
		}
	}
	while (copies-- > 0)
		kw_mock_peer_put(peer, blob->data, blob->size);
}

void kw_mock_send(struct kw_mock_exchange *exchange, const struct iovec *iov, int count)
{
	struct kw_mock_peer *peer = exchange->peer;
	struct kw_mock_hit *hits = exchange->hits;
	struct blob blob = {NULL, 0};
	size_t at = 0;

	exchange->answered = true;
	if (peer == NULL || peer->closed)
		return;
	if (hits == NULL) {
		for (int i = 0; i < count; i++)
			kw_mock_peer_put(peer, iov[i].iov_base, iov[i].iov_len);
		return;
	}
	for (int i = 0; i < count; i++)
		at += iov[i].iov_len;
	if (!grow(peer, &blob, at))
		return;
	at = 0;
	for (int i = 0; i < count; i++) {
		memcpy(blob.data + at, iov[i].iov_base, iov[i].iov_len);
		at += iov[i].iov_len;
	}
	/* A second answer to the same request is not the one that was meant. */
	exchange->hits = NULL;
	deliver(peer, &blob, hits);
	kw_mock_hits_free(hits);
	kw_free(blob.data);
}

void kw_mock_parcels_release(struct kwire_mock *mock, int rule_id)
{
	for (struct kw_mock_broker *broker = mock->brokers; broker != NULL; broker = broker->next) {
		bool again = true;

		/* Anew after each: what is released may close its connection. */
		while (again) {
			again = false;
			for (struct kw_mock_peer *peer = broker->peers; peer != NULL && !again;
			     peer = peer->next)
				for (struct kw_mock_parcel *p = peer->parcels; p != NULL && !again;
				     p = p->next)
					if (rule_id < 0 || p->rule_id == rule_id) {
						release(p);
						again = true;
					}
		}
	}
}

void kw_mock_parcels_drop(struct kw_mock_peer *peer)
{
	struct kw_mock_parcel *parcel;

	while ((parcel = peer->parcels) != NULL) {
		peer->parcels = parcel->next;
		kw_mock_timer_cancel(&peer->mock->loop, &parcel->timer);
		kw_mock_hits_free(parcel->rest);
		kw_free(parcel->data);
		kw_free(parcel);
	}
}
