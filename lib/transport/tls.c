/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS as a transport over another one; see tls.h.
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
#include "tls_context.h"

enum {
	IN_SIZE = 16384 + 512,   /* a whole record of TLS 1.2, so one read fetches it */
	KEEP_SIZE = 16384 + 512, /* what an idle connection keeps of its send buffers */
	STEP_SIZE = 65536,       /* bytes encrypted before they are sent */
	GATHER_SIZE = 4096,      /* small pieces are put into one record up to here */
};

struct outgoing {
	uint8_t *data;
	size_t capacity;
	size_t size;
	size_t sent;
};

struct tls {
	struct kw_tls_context *context;
	const struct kwire_transport_ops *lower_ops;
	void *lower;
	char *host;
	int port;
	bool resumed;

	struct kw_mutex lock; /* rank KW_RANK_TLS */
	struct kw_cond free_to_send;
	mbedtls_ssl_context ssl KW_GUARDED_BY(lock);
	struct kw_tls_verdict verdict KW_GUARDED_BY(lock);
	struct outgoing out KW_GUARDED_BY(lock); /* encrypted, not begun to be sent */
	bool sending KW_GUARDED_BY(lock);        /* somebody owns `going` */
	bool held KW_GUARDED_BY(lock);           /* the last byte was not reported as written */
	bool cut KW_GUARDED_BY(lock);     /* records are lost: nothing may follow what was sent */
	bool starved KW_GUARDED_BY(lock); /* mbedTLS asked for bytes that were not there */
	size_t in_start KW_GUARDED_BY(lock);
	size_t in_end KW_GUARDED_BY(lock);
	struct kwire_error failure KW_GUARDED_BY(lock); /* sticky */
	struct kwire_error unsent KW_GUARDED_BY(lock);  /* why nothing can be sent; sticky, too */

	struct outgoing going; /* of the holder of `sending` */

	/* The reader fills it behind in_end, outside the lock; mbedTLS takes from in_start on. */
	uint8_t in[IN_SIZE];
};

/* ---------------------------------------------------------------- mbedTLS's BIO */

static int bio_send(void *context, const unsigned char *data, size_t size) KW_NO_ANALYSIS
{
	struct tls *tls = context;
	struct outgoing *out = &tls->out;

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

static int bio_receive(void *context, unsigned char *data, size_t size) KW_NO_ANALYSIS
{
	struct tls *tls = context;
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

/* ----------------------------------------------------------------------- failures */

static const char *alert_text(int alert)
{
	switch (alert) {
	case 40:
		return "handshake failure: no common cipher, or a client certificate is required";
	case 42:
		return "bad certificate: it does not accept our certificate, or requires one";
	case 43:
		return "unsupported certificate";
	case 44:
		return "our certificate is revoked";
	case 45:
		return "our certificate has expired";
	case 46:
		return "our certificate is not accepted";
	case 47:
		return "illegal parameter";
	case 48:
		return "our certificate's CA is not known there";
	case 49:
		return "access denied";
	case 50:
	case 51:
		return "it could not decode or decrypt what we sent";
	case 70:
		return "no common TLS version: see ssl.enabled.protocols";
	case 71:
		return "it asks for stronger ciphers";
	case 80:
		return "internal error";
	case 112:
		return "it does not know the server name that we sent: see ssl.server.name";
	case 116:
		return "it requires a client certificate: set ssl.certificate.location";
	default:
		return "unknown reason";
	}
}

/* Words for a failed step; `code` is mbedTLS's. */
static int describe(const struct tls *tls, int code, struct kwire_error *error) KW_NO_ANALYSIS
{
	if (code == MBEDTLS_ERR_SSL_ALLOC_FAILED || code == MBEDTLS_ERR_X509_ALLOC_FAILED)
		return kw_fail_memory(error);
	if (tls->verdict.flags != 0)
		kw_tls_verdict_fail(&tls->verdict, error);
	else if (code == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE) {
		const unsigned char *message = tls->ssl.MBEDTLS_PRIVATE(in_msg);

		kw_fail_in(error, KWIRE_ETLS, KWIRE_PHASE_TLS,
			   "the broker refused TLS: %s (alert %d)", alert_text(message[1]),
			   message[1]);
	} else if (code == KW_ERR_BAD_VERSION)
		kw_fail_in(error, KWIRE_ETLS, KWIRE_PHASE_TLS,
			   "no common TLS version: the broker speaks one that "
			   "ssl.enabled.protocols or this build does not allow");
	else if (code == MBEDTLS_ERR_SSL_INVALID_MAC)
		kw_fail_in(error, KWIRE_ETLS, KWIRE_PHASE_TLS,
			   "received data was changed on its way (bad MAC)");
	else
		kw_fail_in(error, KWIRE_ETLS, KWIRE_PHASE_TLS,
			   "the peer broke the TLS protocol (mbedTLS -0x%04x)", (unsigned)-code);
	if (error != NULL)
		error->tls_code = code;
	return KWIRE_ETLS;
}

/* Keeps the first failure for everyone who comes later. */
static int fail_locked(struct tls *tls, int code, struct kwire_error *error) KW_REQUIRES(tls->lock)
{
	if (tls->failure.result == KWIRE_OK)
		describe(tls, code, &tls->failure);
	return kw_error_copy(error, &tls->failure);
}

/* ------------------------------------------------------------------------ sending */

/*
 * Sends everything that is encrypted.  Holds `sending`; drops the lock around
 * each write.  0, or what the lower transport said.
 */
static int flush_locked(struct tls *tls, int64_t deadline_ms, struct kwire_error *error)
	KW_REQUIRES(tls->lock)
{
	struct outgoing *going = &tls->going;

	for (;;) {
		struct iovec iov;
		ssize_t sent;

		if (going->sent == going->size) {
			struct outgoing swapped = *going;

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

static void drop_large(struct outgoing *buffer)
{
	if (buffer->capacity > KEEP_SIZE && buffer->sent == buffer->size) {
		kw_free(buffer->data);
		memset(buffer, 0, sizeof(*buffer));
	}
}

static void stop_sending_locked(struct tls *tls) KW_REQUIRES(tls->lock)
{
	tls->sending = false;
	kw_cond_signal(&tls->free_to_send);
}

static bool is_for_later(int result)
{
	return result == KWIRE_ETIMEDOUT || result == KWIRE_ECANCELED;
}

/* Sends what the reading side made, if that needs no waiting; else the next writer does. */
static void flush_quietly_locked(struct tls *tls) KW_REQUIRES(tls->lock)
{
	struct kwire_error error;
	int result;

	if (tls->sending || tls->cut || (tls->out.size == 0 && tls->going.sent == tls->going.size))
		return;
	tls->sending = true;
	result = flush_locked(tls, 0, &error);
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

static void keep_session_locked(struct tls *tls) KW_REQUIRES(tls->lock)
{
	/* A resumed session was verified when it was first made; its date goes with it. */
	if (tls->verdict.asked)
		kw_tls_session_keep(tls->context, &tls->ssl, tls->host, tls->port,
				    tls->verdict.expires_s);
}

/* Whether `code` is nothing but TLS 1.3 handing over a ticket. */
static bool is_ticket_locked(struct tls *tls, int code) KW_REQUIRES(tls->lock)
{
#if KW_HAS_TLS_1_3
	if (code == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET) {
		keep_session_locked(tls);
		return true;
	}
#endif
	(void)tls;
	(void)code;
	return false;
}

/* Encrypts up to STEP_SIZE bytes from `cursor` on; how many goes to `*done`. */
static int encrypt_locked(struct tls *tls, struct cursor *cursor, size_t *done,
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
		while (is_ticket_locked(tls, code));
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
	struct tls *tls = transport;
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
	result = flush_locked(tls, deadline_ms, error);
	if (result == 0 && tls->held) {
		tls->held = false;
		done = 1;
		advance(&cursor, 1);
	}
	if (result == 0)
		result = encrypt_locked(tls, &cursor, &done, error);
	if (result == 0 && done > 0) {
		result = flush_locked(tls, deadline_ms, error);
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
	if (broken)
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
static enum step decrypt_locked(struct tls *tls, const struct iovec *iov, int count, size_t *done)
	KW_REQUIRES(tls->lock)
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
		} else if (is_ticket_locked(tls, code)) {
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
				describe(tls, code, &tls->failure);
			return *done > 0 ? STEP_DATA : STEP_BROKEN;
		}
	}
	return *done > 0 ? STEP_DATA : STEP_MORE;
}

/* Brings more bytes from below.  Positive, or what the lower transport said. */
static ssize_t fill(struct tls *tls, int64_t deadline_ms, struct kwire_error *error)
{
	struct iovec iov;
	ssize_t got;

	/* mbedTLS was starved, so `in` is empty and nobody but us touches it. */
	iov.iov_base = tls->in;
	iov.iov_len = sizeof(tls->in);
	got = tls->lower_ops->read(tls->lower, &iov, 1, deadline_ms, error);
	if (got > 0) {
		kw_mutex_lock(&tls->lock);
		tls->in_start = 0;
		tls->in_end = (size_t)got;
		kw_mutex_unlock(&tls->lock);
	}
	return got;
}

static ssize_t tls_read(void *transport, const struct iovec *iov, int count, int64_t deadline_ms,
			struct kwire_error *error)
{
	struct tls *tls = transport;

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
		got = fill(tls, unsent ? 0 : deadline_ms, error);
		if (got == KWIRE_ETIMEDOUT && unsent) {
			kw_mutex_lock(&tls->lock);
			got = kw_error_copy(error, &tls->unsent);
			kw_mutex_unlock(&tls->lock);
		}
		if (got <= 0)
			return got;
	}
}

/* ---------------------------------------------------------------- the other calls */

static void tls_wake(void *transport)
{
	struct tls *tls = transport;

	tls->lower_ops->wake(tls->lower);
}

static void tls_wake_writable(void *transport)
{
	struct tls *tls = transport;

	tls->lower_ops->wake_writable(tls->lower);
}

static void tls_shutdown(void *transport)
{
	struct tls *tls = transport;

	kw_mutex_lock(&tls->lock);
	if (tls->failure.result == KWIRE_OK && !tls->sending) {
		mbedtls_ssl_close_notify(&tls->ssl);
		flush_quietly_locked(tls);
	}
	kw_mutex_unlock(&tls->lock);
	tls->lower_ops->shutdown(tls->lower);
}

/* Frees all but the lower transport.  No lock: after fork(2) nobody may ever release it. */
static void free_tls(struct tls *tls) KW_NO_ANALYSIS
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
	struct tls *tls = transport;

	tls->lower_ops->close(tls->lower);
	free_tls(tls);
}

static const struct kwire_transport_ops ops_with_wake_writable = {
	sizeof(struct kwire_transport_ops),
	tls_read,
	tls_writev,
	tls_wake,
	tls_shutdown,
	tls_close,
	tls_wake_writable,
};

static const struct kwire_transport_ops ops_without = {
	sizeof(struct kwire_transport_ops),
	tls_read,
	tls_writev,
	tls_wake,
	tls_shutdown,
	tls_close,
	NULL,
};

/* ---------------------------------------------------------------------- handshake */

static struct tls *new_tls(struct kw_tls_context *context, const char *host,
			   int port) KW_NO_ANALYSIS
{
	struct tls *tls = kw_zalloc(context->memory, sizeof(*tls));

	if (tls == NULL)
		return NULL;
	if (kw_mutex_init(&tls->lock, KW_RANK_TLS) != 0) {
		kw_free(tls);
		return NULL;
	}
	if (kw_cond_init(&tls->free_to_send) != 0) {
		kw_mutex_fini(&tls->lock);
		kw_free(tls);
		return NULL;
	}
	mbedtls_ssl_init(&tls->ssl);
	tls->context = kw_tls_context_get(context);
	tls->port = port;
	tls->host = kw_strdup(context->memory, host);
	if (tls->host == NULL || mbedtls_ssl_setup(&tls->ssl, &context->config) != 0) {
		free_tls(tls);
		return NULL;
	}
	return tls;
}

/* Whom to greet and whom to expect. */
static int set_names(struct tls *tls, struct kwire_error *error) KW_NO_ANALYSIS
{
	const struct kw_tls_context *context = tls->context;
	struct kw_tls_verdict *verdict = &tls->verdict;
	struct kw_tls_host greeted;
	const char *expected = *context->verification_name != '\0' ? context->verification_name
								   : tls->host;

	verdict->check_chain = context->verify_chain;
	verdict->check_name = context->verify_name;
	if (!kw_tls_host_parse(&verdict->host, expected) ||
	    !kw_tls_host_parse(&greeted,
			       *context->server_name != '\0' ? context->server_name : tls->host))
		return kw_fail_in(error, KWIRE_ETLS, KWIRE_PHASE_TLS,
				  "\"%s\" is no name that a certificate could carry", tls->host);
	/*
	 * SNI carries names only, without trailing dot (RFC 6066).  mbedTLS would
	 * check this name too; kw_tls_verify judges instead.
	 */
	if (mbedtls_ssl_set_hostname(&tls->ssl, greeted.address_size == 0 ? greeted.name : NULL) !=
	    0)
		return kw_fail_memory(error);
	mbedtls_ssl_set_verify(&tls->ssl, kw_tls_verify, verdict);
	mbedtls_ssl_set_bio(&tls->ssl, tls, bio_send, bio_receive, NULL);
	return KWIRE_OK;
}

/* Whether the first bytes of a peer are TLS at all. */
static int sniff(const uint8_t *data, size_t size, struct kwire_error *error)
{
	if (data[0] >= 0x14 && data[0] <= 0x17)
		return KWIRE_OK;
	if (size >= 4 && memcmp(data, "HTTP", 4) == 0)
		return kw_fail_in(
			error, KWIRE_ETLS, KWIRE_PHASE_TLS,
			"the peer answered in plain text: this looks like an HTTP server");
	return kw_fail_in(error, KWIRE_ETLS, KWIRE_PHASE_TLS,
			  "the peer answered in plain text: this looks like a plaintext listener");
}

static int handshake_closed(const struct tls *tls, bool heard,
			    struct kwire_error *error) KW_NO_ANALYSIS
{
	if (heard)
		kw_fail_in(error, KWIRE_ETLS, KWIRE_PHASE_TLS,
			   "the broker closed the connection in the middle of the TLS handshake%s",
			   !KW_ASKED_FOR_CERTIFICATE(tls->ssl)
				   ? ""
				   : "; it had asked for a client certificate (see "
				     "ssl.certificate.location)");
	else
		kw_fail_in(error, KWIRE_ETLS, KWIRE_PHASE_TLS,
			   "the broker closed the connection instead of answering the TLS "
			   "handshake: this looks like a plaintext listener");
	if (error != NULL)
		error->retriable = true;
	return KWIRE_ETLS;
}

/* What the lower transport's failure means during a handshake. */
static int handshake_lower(const struct tls *tls, ssize_t result, bool heard,
			   struct kwire_error *error)
{
	if (result == 0 || result == KWIRE_EDISCONNECTED)
		return handshake_closed(tls, heard, error);
	if (result == KWIRE_ETIMEDOUT)
		return kw_fail_in(error, KWIRE_ETIMEDOUT, KWIRE_PHASE_TLS,
				  "the broker did not finish the TLS handshake in time%s",
				  heard ? "" : " (it did not say a word: is this a TLS listener?)");
	if (error != NULL)
		error->phase = KWIRE_PHASE_TLS;
	return (int)result;
}

/* Nobody else knows this transport yet, so the lock is taken for form's sake only. */
static int handshake(struct tls *tls, int64_t deadline_ms, struct kwire_error *error)
{
	struct kwire_error cause = kw_no_error();
	bool heard = false;
	int result = KWIRE_OK;

	kw_mutex_lock(&tls->lock);
	for (;;) {
		int flushed, code = mbedtls_ssl_handshake(&tls->ssl);
		ssize_t got;

		flushed = flush_locked(
			tls, code == 0 || code == MBEDTLS_ERR_SSL_WANT_READ ? deadline_ms : 0,
			&cause);
		if (code != 0 && code != MBEDTLS_ERR_SSL_WANT_READ &&
		    code != MBEDTLS_ERR_SSL_WANT_WRITE && !is_ticket_locked(tls, code)) {
			result = describe(tls, code, error);
			break;
		}
		if (flushed != 0) {
			kw_error_copy(error, &cause);
			result = handshake_lower(tls, flushed, heard, error);
			break;
		}
		if (code == 0)
			break;
		if (code != MBEDTLS_ERR_SSL_WANT_READ || !tls->starved)
			continue;
		kw_mutex_unlock(&tls->lock);
		do /* a wake is an interruption here */
			got = fill(tls, deadline_ms, &cause);
		while (got == KWIRE_ECANCELED);
		kw_mutex_lock(&tls->lock);
		tls->starved = false;
		if (got > 0 && !heard)
			result = sniff(tls->in, (size_t)got, error);
		if (got <= 0) {
			kw_error_copy(error, &cause);
			result = handshake_lower(tls, got, heard, error);
		}
		if (result != 0)
			break;
		heard = true;
	}
	if (result == 0) {
		tls->resumed = !tls->verdict.asked;
		/* TLS 1.3 hands over what resumes it only later, as a ticket. */
		if (strcmp(mbedtls_ssl_get_version(&tls->ssl), "TLSv1.2") == 0)
			keep_session_locked(tls);
	}
	kw_mutex_unlock(&tls->lock);
	return result;
}

int kw_tls_open(struct kw_tls_context *context, const char *host, int port,
		const struct kwire_transport_ops *lower_ops, void *lower, int64_t deadline_ms,
		const struct kwire_transport_ops **ops, void **transport,
		struct kwire_error *error) KW_NO_ANALYSIS
{
	struct tls *tls = new_tls(context, host, port);
	int result;

	if (tls == NULL)
		return kw_fail_memory(error);
	tls->lower_ops = lower_ops;
	tls->lower = lower;
	tls->verdict.now_s = kw_tls_now_s(context);
	result = set_names(tls, error);
	if (result == 0) {
		kw_tls_session_offer(context, &tls->ssl, host, port, tls->verdict.now_s);
		result = handshake(tls, deadline_ms, error);
	}
	if (result != 0) {
		free_tls(tls);
		return result;
	}
	*ops = lower_ops->size >= sizeof(*lower_ops) && lower_ops->wake_writable != NULL
		       ? &ops_with_wake_writable
		       : &ops_without;
	*transport = tls;
	return KWIRE_OK;
}

const char *kw_tls_version(const void *transport) KW_NO_ANALYSIS
{
	const struct tls *tls = transport;

	return mbedtls_ssl_get_version(&tls->ssl);
}

const char *kw_tls_cipher(const void *transport) KW_NO_ANALYSIS
{
	const struct tls *tls = transport;

	return mbedtls_ssl_get_ciphersuite(&tls->ssl);
}

bool kw_tls_resumed(const void *transport)
{
	const struct tls *tls = transport;

	return tls->resumed;
}
#endif
