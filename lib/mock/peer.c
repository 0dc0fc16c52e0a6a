/* SPDX-License-Identifier: Apache-2.0 */
/* See peer.h. */
#include "peer.h"

#include <unistd.h>

#include "../protocol/endian.h"
#include "cluster.h"
#include "exchange.h"
#include "parcel.h"
#include "sasl.h"
#include "tls.h"

enum {
	READ_ROOM = 64 << 10,
	/* What may lie unread behind a blocked answer, and unsent, before reading stops. */
	MAX_BEHIND = 1 << 20,
	MAX_UNSENT = 16 << 20,
};

static void watch(struct kw_mock_peer *peer)
{
	short events = 0;

	if (!peer->black_hole && !peer->ended &&
	    !(peer->blocked > 0 && kw_mock_buffer_size(&peer->in) > MAX_BEHIND) &&
	    kw_mock_buffer_size(&peer->out) < MAX_UNSENT)
		events = peer->ops->wants(peer->stream);
	if (peer->want_out)
		events |= POLLOUT;
	kw_mock_loop_watch(&peer->mock->loop, &peer->source, events);
}

static void dirty(struct kw_mock_peer *peer)
{
	if (peer->dirty)
		return;
	peer->dirty = true;
	peer->next_dirty = peer->mock->dirty;
	peer->mock->dirty = peer;
}

/* Hands over every complete frame, until one has to wait for its answer. */
static void cut_frames(struct kw_mock_peer *peer)
{
	const uint8_t *at;
	int32_t size;

	if (peer->parsing)
		return;
	peer->parsing = true;
	while (peer->blocked == 0 && !peer->closed && !peer->finishing && !peer->black_hole &&
	       kw_mock_buffer_size(&peer->in) >= 4) {
		at = peer->in.data + peer->in.start;
		size = (int32_t)kw_load32(at);
		if (size < 0 || size > peer->mock->max_frame_bytes) {
			kw_mock_peer_close(peer, false);
			break;
		}
		if (kw_mock_buffer_size(&peer->in) - 4 < (size_t)size) {
			if (!kw_mock_buffer_reserve(peer->mock->memory, &peer->in,
						    (size_t)size + 4 -
							    kw_mock_buffer_size(&peer->in)))
				kw_mock_peer_close(peer, true);
			break;
		}
		/* Taken first: nothing is read, so nothing moves, until this returns. */
		peer->in.start += 4 + (size_t)size;
		kw_mock_exchange_begin(peer, at + 4, (size_t)size);
	}
	peer->parsing = false;
	if (!peer->closed && peer->ended && !peer->finishing && peer->blocked == 0)
		kw_mock_peer_finish(peer, false);
	if (!peer->closed)
		watch(peer);
}

static void read_some(struct kw_mock_peer *peer)
{
	ssize_t n;

	if (!kw_mock_buffer_reserve(peer->mock->memory, &peer->in, READ_ROOM)) {
		kw_mock_peer_close(peer, true);
		return;
	}
	n = peer->ops->read(peer->stream, peer->in.data + peer->in.end,
			    peer->in.capacity - peer->in.end);
	if (n == KW_MOCK_BROKEN) {
		kw_mock_peer_close(peer, true);
		return;
	}
	if (n == 0) {
		peer->ended = true;
		if (peer->finishing && kw_mock_buffer_size(&peer->out) == 0) {
			kw_mock_peer_close(peer, false);
			return;
		}
	}
	if (n > 0 && peer->finishing)
		n = 0;
	if (n > 0)
		peer->in.end += (size_t)n;
	if (n != KW_MOCK_AGAIN)
		cut_frames(peer);
}

static void ready(struct kw_mock_source *source, short events)
{
	struct kw_mock_peer *peer = (struct kw_mock_peer *)source;

	if (peer->black_hole) {
		if (events & (POLLERR | POLLHUP))
			kw_mock_peer_close(peer, true);
		return;
	}
	if (events & POLLOUT) {
		peer->want_out = false;
		dirty(peer);
		watch(peer);
	}
	if (events & (POLLIN | POLLERR | POLLHUP)) {
		if (!(events & POLLIN) && peer->ended)
			kw_mock_peer_close(peer, true);
		else
			read_some(peer);
	}
}

static void slow_more(struct kw_mock_timer *timer)
{
	struct kw_mock_peer *peer = (struct kw_mock_peer *)((char *)timer -
							    offsetof(struct kw_mock_peer,
								     slow_timer));

	peer->slow_credit += peer->slow_bytes;
	dirty(peer);
}

int kw_mock_peer_open(struct kw_mock_broker *broker, int fd)
{
	struct kwire_mock *mock = broker->mock;
	struct kw_mock_peer *peer = kw_zalloc(mock->memory, sizeof(*peer));

	if (peer == NULL) {
		close(fd);
		return KWIRE_ENOMEM;
	}
	peer->mock = mock;
	peer->broker = broker;
	peer->source.fd = fd;
	peer->source.ready = ready;
	peer->slow_timer.fire = slow_more;
	peer->stream = kw_mock_tls_is_on(mock->tls)
			       ? kw_mock_tls_stream(mock->tls, fd, &peer->ops)
			       : kw_mock_socket_stream(mock->memory, fd, &peer->ops);
	if (peer->stream == NULL) {
		close(fd);
		kw_free(peer);
		return KWIRE_ENOMEM;
	}
	if (kw_mock_session_new(mock, &peer->session) != 0 ||
	    kw_mock_loop_add(&mock->loop, &peer->source, POLLIN) != 0) {
		kw_mock_session_free(peer->session);
		peer->ops->close(peer->stream, true);
		kw_free(peer);
		return KWIRE_ENOMEM;
	}
	peer->number = (int32_t)broker->accepted++;
	peer->next = broker->peers;
	broker->peers = peer;
	broker->open++;
	switch (kw_mock_rules_accept(mock, broker->id, peer->number)) {
	case KW_MOCK_ACCEPT_REFUSE:
		kw_mock_peer_close(peer, true);
		break;
	case KW_MOCK_ACCEPT_SWALLOW:
		kw_mock_peer_swallow(peer);
		break;
	case KW_MOCK_ACCEPT:
		break;
	}
	return KWIRE_OK;
}

void kw_mock_peer_put(struct kw_mock_peer *peer, const void *data, size_t size)
{
	if (peer->closed || peer->finishing || peer->black_hole || peer->stalled)
		return;
	if (!kw_mock_buffer_put(peer->mock->memory, &peer->out, data, size)) {
		kw_mock_peer_close(peer, true);
		return;
	}
	peer->put += size;
	dirty(peer);
}

void kw_mock_peer_slow(struct kw_mock_peer *peer, size_t size, int64_t bytes, int64_t ms)
{
	if (peer->closed || peer->put < size)
		return;
	if (peer->slow_to <= peer->sent) {
		peer->slow_from = peer->put - size;
		peer->slow_credit = (uint64_t)bytes;
	}
	peer->slow_to = peer->put;
	peer->slow_bytes = (uint64_t)bytes;
	peer->slow_ms = ms;
}

void kw_mock_peer_finish(struct kw_mock_peer *peer, bool reset)
{
	if (peer->closed || peer->finishing)
		return;
	peer->finishing = true;
	peer->reset = reset;
	kw_mock_buffer_fini(&peer->in);
	dirty(peer);
}

void kw_mock_peer_swallow(struct kw_mock_peer *peer)
{
	peer->black_hole = true;
	kw_mock_buffer_fini(&peer->in);
	peer->want_out = false;
	watch(peer);
}

void kw_mock_peer_close(struct kw_mock_peer *peer, bool reset)
{
	struct kwire_mock *mock = peer->mock;
	struct kw_mock_peer **link;

	if (peer->closed)
		return;
	peer->closed = true;
	for (link = &peer->broker->peers; *link != peer; link = &(*link)->next)
		;
	*link = peer->next;
	peer->broker->open--;
	kw_mock_loop_remove(&mock->loop, &peer->source);
	kw_mock_timer_cancel(&mock->loop, &peer->slow_timer);
	kw_mock_parcels_drop(peer);
	kw_mock_exchanges_orphan(peer);
	peer->ops->close(peer->stream, reset || peer->reset);
	peer->stream = NULL;
	peer->next = mock->graveyard;
	mock->graveyard = peer;
}

void kw_mock_peer_resume(struct kw_mock_peer *peer)
{
	if (peer->closed)
		return;
	peer->resume = true;
	dirty(peer);
}

/* How many bytes of the output may go now. */
static size_t allowed(struct kw_mock_peer *peer)
{
	size_t size = kw_mock_buffer_size(&peer->out);
	uint64_t limit;

	if (peer->slow_to <= peer->sent)
		return size;
	if (peer->sent < peer->slow_from)
		limit = peer->slow_from - peer->sent + peer->slow_credit;
	else
		limit = peer->slow_credit;
	if (limit > peer->slow_to - peer->sent)
		limit = peer->slow_to - peer->sent;
	return limit < size ? (size_t)limit : size;
}

static void flush(struct kw_mock_peer *peer)
{
	size_t size;
	ssize_t n;

	while (!peer->closed && !peer->black_hole && !peer->want_out &&
	       (size = allowed(peer)) > 0) {
		n = peer->ops->write(peer->stream, peer->out.data + peer->out.start, size);
		if (n == KW_MOCK_BROKEN) {
			kw_mock_peer_close(peer, true);
			return;
		}
		if (n == KW_MOCK_AGAIN) {
			peer->want_out = true;
			break;
		}
		kw_mock_buffer_take(&peer->out, (size_t)n);
		if (peer->slow_to > peer->sent && peer->sent + (uint64_t)n > peer->slow_from) {
			uint64_t slowly = peer->sent >= peer->slow_from
						  ? (uint64_t)n
						  : peer->sent + (uint64_t)n - peer->slow_from;

			peer->slow_credit -= slowly < peer->slow_credit ? slowly
									: peer->slow_credit;
		}
		peer->sent += (uint64_t)n;
		if (peer->slow_to > peer->sent && peer->sent >= peer->slow_from &&
		    peer->slow_credit == 0)
			break;
	}
	if (peer->closed || peer->black_hole)
		return;
	if (peer->slow_to > peer->sent && peer->slow_credit == 0 && !peer->slow_timer.armed &&
	    kw_mock_timer_arm(&peer->mock->loop, &peer->slow_timer,
			      kw_mock_loop_now(&peer->mock->loop) + peer->slow_ms) != 0) {
		kw_mock_peer_close(peer, true);
		return;
	}
	if (peer->finishing && kw_mock_buffer_size(&peer->out) == 0) {
		/*
		 * A socket with unread bytes would be reset by closing it: so end
		 * our direction only, and throw away what comes until theirs ends.
		 */
		if (peer->reset || peer->ended) {
			kw_mock_peer_close(peer, peer->reset);
			return;
		}
		peer->ops->finish(peer->stream);
	}
	watch(peer);
}

/* Those that resume are cut only when no request is under way, so that requests do not nest. */
void kw_mock_peers_flush(struct kwire_mock *mock)
{
	struct kw_mock_peer *again = NULL;
	struct kw_mock_peer *peer;

	while ((peer = mock->dirty) != NULL) {
		mock->dirty = peer->next_dirty;
		peer->dirty = false;
		if (peer->resume && mock->depth == 0) {
			peer->resume = false;
			if (!peer->closed)
				cut_frames(peer);
		}
		if (peer->dirty) /* again, by what was cut: its turn comes */
			continue;
		if (!peer->closed)
			flush(peer);
		if (peer->resume && !peer->dirty) {
			peer->dirty = true;
			peer->next_dirty = again;
			again = peer;
		}
	}
	mock->dirty = again;
	while (mock->depth == 0 && (peer = mock->graveyard) != NULL) {
		mock->graveyard = peer->next;
		kw_mock_buffer_fini(&peer->in);
		kw_mock_buffer_fini(&peer->out);
		kw_mock_session_free(peer->session);
		kw_free(peer);
	}
}
