/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS as a transport over another one: the bytes of a connection that
 * tls_handshake.c began; see tls.h and tls_stream.h.
 *
 * mbedTLS works on memory here: received bytes lie in `in`, bytes to send are
 * appended to `out`.  One lock guards the cryptography of one step and these
 * buffers' bookkeeping; the lower transport is read and written outside it, so
 * a reader that waits never holds up a writer, nor the reverse.
 *
 * What is encrypted must go out, in order, once, whoever made it: the reader
 * makes some too (alerts, TLS 1.3's answers).  So only the holder of `sending`
 * writes to the lower transport: it swaps `out` for `going` and sends that
 * while others append to `out`.  The reader takes `sending` only where it need
 * not wait.
 *
 * A writer whose deadline passes with encrypted bytes left reports all but the
 * last byte of its data as written (`held`).  The caller of a stream has to
 * come back with the rest, and that call sends what is left, then counts the
 * byte.  Reported as a whole, the tail would lie here with nobody to send it.
 */
#include "../base/error.h"

#if KW_WITH_TLS
#include <string.h>

#include "../base/clock.h"
#include "exchange.h"
#include "tls_stream.h"

enum {
	KEEP_SIZE = 16384 + 512, /* what an idle connection keeps of its send buffers */
	STEP_SIZE = 65536,       /* bytes encrypted before they are sent */
	GATHER_SIZE = 4096,      /* small pieces are put into one record up to here */
};

/* ---------------------------------------------------------------- mbedTLS's BIO */

int kw_tls_bio_send(void *context, const unsigned char *data, size_t size) KW_NO_ANALYSIS
{
	struct kw_tls *tls = context;
	struct kw_tls_outgoing *out = &tls->out;

	if (out->capacity - out->size < size) {
		size_t capacity = out->capacity > 0 ? out->capacity : 1024;
		uint8_t *grown;

		while (capacity - out->size < size)
			capacity *= 2;
		grown = kw_realloc(tls->context->memory, out->data, capacity);
		if (grown == NULL)
			return MBEDTLS_ERR_SSL_ALLOC_FAILED;
		out->data = grown;
		out->capacity = capacity;
	}
	memcpy(out->data + out->size, data, size);
	out->size += size;
	return (int)size;
}

int kw_tls_bio_receive(void *context, unsigned char *data, size_t size) KW_NO_ANALYSIS
{
	struct kw_tls *tls = context;
	size_t left = tls->in_end - tls->in_start;

	if (left == 0) {
		tls->starved = true;
		return MBEDTLS_ERR_SSL_WANT_READ;
	}
	size = size < left ? size : left;
	memcpy(data, tls->in + tls->in_start, size);
	tls->in_start += size;
	if (tls->in_start == tls->in_end)
		tls->in_start = tls->in_end = 0;
	return (int)size;
}

/* Keeps the first failure for everyone who comes later. */
static int fail_locked(struct kw_tls *tls, int code, struct kwire_error *error)
	KW_REQUIRES(tls->lock)
{
	if (tls->failure.result == KWIRE_OK)
		kw_tls_describe(tls, code, &tls->failure);
	return kw_error_copy(error, &tls->failure);
}

/* ------------------------------------------------------------------------ sending */

/*
 * Sends everything that is encrypted.  Holds `sending`; drops the lock around
 * each write.  0, or what the lower transport said.
 */
int kw_tls_flush_locked(struct kw_tls *tls, int64_t deadline_ms, struct kwire_error *error)
	KW_REQUIRES(tls->lock)
{
	struct kw_tls_outgoing *going = &tls->going;

	for (;;) {
		struct iovec iov;
		ssize_t sent;

		if (going->sent == going->size) {
			struct kw_tls_outgoing swapped = *going;

			if (tls->out.size == 0)
				break;
			*going = tls->out;
			tls->out = swapped;
			tls->out.size = 0;
			tls->out.sent = 0;
			going->sent = 0;
		}
		iov.iov_base = going->data + going->sent;
		iov.iov_len = going->size - going->sent;
		kw_mutex_unlock(&tls->lock);
		sent = tls->lower_ops->writev(tls->lower, &iov, 1, deadline_ms, error);
		kw_mutex_lock(&tls->lock);
		if (sent == 0)
			return kw_fail(error, KWIRE_EDISCONNECTED, "the connection is closed");
		if (sent < 0)
			return (int)sent;
		going->sent += (size_t)sent;
	}
	return KWIRE_OK;
}

static void drop_large(struct kw_tls_outgoing *buffer)
{
	if (buffer->capacity > KEEP_SIZE && buffer->sent == buffer->size) {
		kw_free(buffer->data);
		memset(buffer, 0, sizeof(*buffer));
	}
}

static void stop_sending_locked(struct kw_tls *tls) KW_REQUIRES(tls->lock)
{
	tls->sending = false;
	kw_cond_signal(&tls->free_to_send);
}

static bool is_for_later(int result)
{
	return result == KWIRE_ETIMEDOUT || result == KWIRE_ECANCELED;
}

/* Sends what the reading side made, if that needs no waiting; else the next writer does. */
static void flush_quietly_locked(struct kw_tls *tls) KW_REQUIRES(tls->lock)
{
	struct kwire_error error;
	int result;

	if (tls->sending || tls->cut || (tls->out.size == 0 && tls->going.sent == tls->going.size))
		return;
	tls->sending = true;
	result = kw_tls_flush_locked(tls, 0, &error);
	if (result != KWIRE_OK && !is_for_later(result))
		kw_error_copy(&tls->unsent, &error);
	stop_sending_locked(tls);
}

/* ------------------------------------------------------------------------ writing */

/* A place within an array of pieces. */
struct cursor {
	const struct iovec *iov;
	int count;
	size_t offset; /* within *iov */
};

static void advance(struct cursor *cursor, size_t size)
{
	cursor->offset += size;
	while (cursor->count > 0 && cursor->offset >= cursor->iov->iov_len) {
		cursor->offset -= cursor->iov->iov_len;
		cursor->iov++;
		cursor->count--;
	}
}

/* The next bytes for one record: a piece as it lies, or small ones gathered into `room`. */
static const uint8_t *next_bytes(const struct cursor *from, uint8_t room[GATHER_SIZE], size_t *size)
{
	struct cursor cursor = *from;
	const uint8_t *piece = (const uint8_t *)cursor.iov->iov_base + cursor.offset;

	*size = cursor.iov->iov_len - cursor.offset;
	if (*size >= GATHER_SIZE || cursor.count == 1)
		return piece;
	*size = 0;
	while (cursor.count > 0 && *size < GATHER_SIZE) {
		size_t left = cursor.iov->iov_len - cursor.offset;
		size_t take = left < GATHER_SIZE - *size ? left : GATHER_SIZE - *size;

		memcpy(room + *size, (const uint8_t *)cursor.iov->iov_base + cursor.offset, take);
		*size += take;
		advance(&cursor, take);
	}
	return room;
}

void kw_tls_keep_session_locked(struct kw_tls *tls) KW_REQUIRES(tls->lock)
{
	/* A resumed session was verified when it was first made; its date goes with it. */
	if (tls->verdict.asked)
		kw_tls_session_keep(tls->context, &tls->ssl, tls->host, tls->port,
				    tls->verdict.expires_s);
}

/* Whether `code` is nothing but TLS 1.3 handing over a ticket. */
bool kw_tls_is_ticket_locked(struct kw_tls *tls, int code) KW_REQUIRES(tls->lock)
{
#if KW_HAS_TLS_1_3
	if (code == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET) {
		kw_tls_keep_session_locked(tls);
		return true;
	}
#endif
	(void)tls;
	(void)code;
	return false;
}

/* Encrypts up to STEP_SIZE bytes from `cursor` on; how many goes to `*done`. */
static int encrypt_locked(struct kw_tls *tls, struct cursor *cursor, size_t *done,
			  struct kwire_error *error) KW_REQUIRES(tls->lock)
{
	uint8_t room[GATHER_SIZE];
	size_t gathered = 0, begun = *done, size_before = tls->out.size;
	int result = KWIRE_OK;

	advance(cursor, 0);
	while (result == 0 && cursor->count > 0 && *done - begun < STEP_SIZE) {
		size_t size;
		const uint8_t *data = next_bytes(cursor, room, &size);
		int code;

		if (data == room && size > gathered)
			gathered = size;
		/* Our BIO takes everything, so a partial write only means the record was full. */
		do
			code = mbedtls_ssl_write(&tls->ssl, data, size);
		while (kw_tls_is_ticket_locked(tls, code));
		if (code < 0) {
			/*
			 * What was encrypted here counts as not written, so it must not leave.
			 * Its record numbers are used up: the peer could read nothing after it.
			 */
			tls->out.size = size_before;
			tls->cut = true;
			result = fail_locked(tls, code, error);
			break;
		}
		*done += (size_t)code;
		advance(cursor, (size_t)code);
	}
	kw_wipe(room, gathered);
	return result;
}

static ssize_t tls_writev(void *transport, const struct iovec *iov, int count, int64_t deadline_ms,
			  struct kwire_error *error)
{
	struct kw_tls *tls = transport;
	struct cursor cursor = {iov, count, 0};
	size_t done = 0;
	bool broken = false;
	int result = KWIRE_OK;

	kw_mutex_lock(&tls->lock);
	while (tls->sending && kw_cond_wait(&tls->free_to_send, &tls->lock, deadline_ms))
		;
	if (tls->sending) {
		kw_mutex_unlock(&tls->lock);
		return kw_fail(error, KWIRE_ETIMEDOUT, "timed out");
	}
	if (tls->failure.result != KWIRE_OK || tls->unsent.result != KWIRE_OK) {
		result = kw_error_copy(error, tls->failure.result != KWIRE_OK ? &tls->failure
									      : &tls->unsent);
		kw_mutex_unlock(&tls->lock);
		return result;
	}
	tls->sending = true;
	result = kw_tls_flush_locked(tls, deadline_ms, error);
	if (result == 0 && tls->held) {
		tls->held = false;
		done = 1;
		advance(&cursor, 1);
	}
	if (result == 0)
		result = encrypt_locked(tls, &cursor, &done, error);
	if (result == 0 && done > 0) {
		result = kw_tls_flush_locked(tls, deadline_ms, error);
		if (is_for_later(result)) {
			tls->held = true;
			if (--done > 0)
				result = KWIRE_OK;
		} else if (result != 0) {
			/* Some of it may be out: it counts as written, and the reader ends it. */
			kw_error_copy(&tls->unsent, error);
			broken = true;
			result = KWIRE_OK;
		}
	}
	if (result == 0) {
		drop_large(&tls->out);
		drop_large(&tls->going);
	}
	stop_sending_locked(tls);
	kw_mutex_unlock(&tls->lock);
	if (broken && kw_transport_lets_callers_read(tls->lower_ops))
		/* Nothing else reaches whoever reads; what has come is still there to be read. */
		tls->lower_ops->shutdown(tls->lower);
	else if (broken)
		tls->lower_ops->wake(tls->lower);
	return result != 0 ? result : (ssize_t)done;
}

/* ------------------------------------------------------------------------ reading */

enum step {
	STEP_DATA,  /* some bytes came out */
	STEP_MORE,  /* the lower transport has to bring more */
	STEP_END,   /* the peer closed its side */
	STEP_BROKEN /* `failure` says why */
};

/* Decrypts what is there into `iov`; `*done` is how much. */
static enum step decrypt_locked(struct kw_tls *tls, const struct iovec *iov, int count,
				size_t *done) KW_REQUIRES(tls->lock)
{
	struct cursor cursor = {iov, count, 0};

	*done = 0;
	if (tls->failure.result != KWIRE_OK)
		return STEP_BROKEN;
	advance(&cursor, 0);
	while (cursor.count > 0) {
		int code;

		tls->starved = false;
		code = mbedtls_ssl_read(&tls->ssl, (uint8_t *)cursor.iov->iov_base + cursor.offset,
					cursor.iov->iov_len - cursor.offset);
		if (code > 0) {
			*done += (size_t)code;
			advance(&cursor, (size_t)code);
		} else if (kw_tls_is_ticket_locked(tls, code)) {
			continue;
		} else if (code == MBEDTLS_ERR_SSL_WANT_READ) {
			/* It stops between messages, too, with bytes still in `in`. */
			if (tls->starved)
				break;
		} else if (code == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY || code == 0 ||
			   code == MBEDTLS_ERR_SSL_CONN_EOF) {
			return *done > 0 ? STEP_DATA : STEP_END;
		} else {
			if (*done == 0)
				fail_locked(tls, code, NULL);
			else
				kw_tls_describe(tls, code, &tls->failure);
			return *done > 0 ? STEP_DATA : STEP_BROKEN;
		}
	}
	return *done > 0 ? STEP_DATA : STEP_MORE;
}

/* Brings more bytes from below.  Positive, or what the lower transport said. */
ssize_t kw_tls_fill(struct kw_tls *tls, enum kw_tls_reading how, int64_t deadline_ms,
		    struct kwire_error *error)
{
	struct iovec iov;
	ssize_t got;

	/* mbedTLS was starved, so `in` is empty and nobody but us touches it. */
	iov.iov_base = tls->in;
	iov.iov_len = sizeof(tls->in);
	if (how == KW_TLS_READ)
		got = tls->lower_ops->read(tls->lower, &iov, 1, deadline_ms, error);
	else
		got = tls->lower_ops->receive(tls->lower, &iov, 1, deadline_ms,
					      how == KW_TLS_RECEIVE_KICKABLE, error);
	if (got > 0) {
		kw_mutex_lock(&tls->lock);
		tls->in_start = 0;
		tls->in_end = (size_t)got;
		kw_mutex_unlock(&tls->lock);
	}
	return got;
}

static ssize_t read_by(struct kw_tls *tls, enum kw_tls_reading how, const struct iovec *iov,
		       int count, int64_t deadline_ms, struct kwire_error *error)
{
	for (;;) {
		bool unsent;
		enum step step;
		size_t done;
		ssize_t got;

		kw_mutex_lock(&tls->lock);
		step = decrypt_locked(tls, iov, count, &done);
		flush_quietly_locked(tls);
		if (step == STEP_BROKEN)
			kw_error_copy(error, &tls->failure);
		got = step == STEP_BROKEN ? tls->failure.result : 0;
		unsent = tls->unsent.result != KWIRE_OK;
		kw_mutex_unlock(&tls->lock);
		if (step != STEP_MORE)
			return step == STEP_DATA ? (ssize_t)done : got;
		/*
		 * Kafka's brokers close without close_notify; frames have lengths, so that is
		 * safe.  Where nothing can be sent any more, what has come is still read.
		 */
		got = kw_tls_fill(tls, how, unsent ? 0 : deadline_ms, error);
		if (got == 0 || (got == KWIRE_ETIMEDOUT && unsent)) {
			kw_mutex_lock(&tls->lock);
			if (tls->unsent.result != KWIRE_OK)
				got = kw_error_copy(error, &tls->unsent);
			kw_mutex_unlock(&tls->lock);
		}
		if (got <= 0)
			return got;
	}
}

static ssize_t tls_read(void *transport, const struct iovec *iov, int count, int64_t deadline_ms,
			struct kwire_error *error)
{
	return read_by(transport, KW_TLS_READ, iov, count, deadline_ms, error);
}

static ssize_t tls_receive(void *transport, const struct iovec *iov, int count, int64_t deadline_ms,
			   bool kickable, struct kwire_error *error)
{
	return read_by(transport, kickable ? KW_TLS_RECEIVE_KICKABLE : KW_TLS_RECEIVE, iov, count,
		       deadline_ms, error);
}

/* ---------------------------------------------------------------- the other calls */

static void tls_wake(void *transport)
{
	struct kw_tls *tls = transport;

	tls->lower_ops->wake(tls->lower);
}

static void tls_wake_writable(void *transport)
{
	struct kw_tls *tls = transport;

	tls->lower_ops->wake_writable(tls->lower);
}

static void tls_kick(void *transport)
{
	struct kw_tls *tls = transport;

	tls->lower_ops->kick(tls->lower);
}

static int tls_watch(void *transport, int64_t deadline_ms)
{
	struct kw_tls *tls = transport;

	return tls->lower_ops->watch(tls->lower, deadline_ms);
}

static void tls_shutdown(void *transport)
{
	struct kw_tls *tls = transport;

	kw_mutex_lock(&tls->lock);
	if (tls->failure.result == KWIRE_OK && !tls->sending) {
		mbedtls_ssl_close_notify(&tls->ssl);
		flush_quietly_locked(tls);
	}
	kw_mutex_unlock(&tls->lock);
	tls->lower_ops->shutdown(tls->lower);
}

/* Frees all but the lower transport.  No lock: after fork(2) nobody may ever release it. */
void kw_tls_free(struct kw_tls *tls) KW_NO_ANALYSIS
{
	mbedtls_ssl_free(&tls->ssl);
	kw_free(tls->out.data);
	kw_free(tls->going.data);
	kw_free(tls->host);
	kw_tls_context_put(tls->context);
	kw_cond_fini(&tls->free_to_send);
	kw_mutex_fini(&tls->lock);
	kw_wipe(tls->in, sizeof(tls->in));
	kw_free(tls);
}

static void tls_close(void *transport)
{
	struct kw_tls *tls = transport;

	tls->lower_ops->close(tls->lower);
	kw_tls_free(tls);
}

const struct kwire_transport_ops *kw_tls_ops(struct kw_tls *tls)
{
	tls->ops.size = sizeof(tls->ops);
	tls->ops.read = tls_read;
	tls->ops.writev = tls_writev;
	tls->ops.wake = tls_wake;
	tls->ops.shutdown = tls_shutdown;
	tls->ops.close = tls_close;
	if (kw_transport_tells_writable(tls->lower_ops))
		tls->ops.wake_writable = tls_wake_writable;
	if (kw_transport_lets_callers_read(tls->lower_ops)) {
		tls->ops.receive = tls_receive;
		tls->ops.kick = tls_kick;
		tls->ops.watch = tls_watch;
	}
	return &tls->ops;
}
#endif
