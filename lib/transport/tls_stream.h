/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One TLS connection, for the three files that make it: tls.c moves bytes,
 * tls_handshake.c begins it, tls_failure.c says in words what went wrong.  Only
 * with TLS=1.
 */
#ifndef KW_TLS_STREAM_H
#define KW_TLS_STREAM_H

#include "tls_context.h"

enum {
	KW_TLS_IN_SIZE = 16384 + 512, /* a whole record of TLS 1.2, so one read fetches it */
};

/* Bytes on their way out. */
struct kw_tls_outgoing {
	uint8_t *data;
	size_t capacity;
	size_t size;
	size_t sent;
};

struct kw_tls {
	struct kw_tls_context *context;
	const struct kwire_transport_ops *lower_ops;
	void *lower;
	struct kwire_transport_ops ops; /* what `lower` lets it do */
	char *host;
	int port;
	bool resumed;

	struct kw_mutex lock; /* rank KW_RANK_TLS */
	struct kw_cond free_to_send;
	mbedtls_ssl_context ssl KW_GUARDED_BY(lock);
	struct kw_tls_verdict verdict KW_GUARDED_BY(lock);
	struct kw_tls_outgoing out KW_GUARDED_BY(lock); /* encrypted, not begun to be sent */
	bool sending KW_GUARDED_BY(lock);               /* somebody owns `going` */
	bool held KW_GUARDED_BY(lock);    /* the last byte was not reported as written */
	bool cut KW_GUARDED_BY(lock);     /* records are lost: nothing may follow what was sent */
	bool starved KW_GUARDED_BY(lock); /* mbedTLS asked for bytes that were not there */
	size_t in_start KW_GUARDED_BY(lock);
	size_t in_end KW_GUARDED_BY(lock);
	struct kwire_error failure KW_GUARDED_BY(lock); /* sticky */
	struct kwire_error unsent KW_GUARDED_BY(lock);  /* why nothing can be sent; sticky, too */

	struct kw_tls_outgoing going; /* of the holder of `sending` */

	/* The reader fills it behind in_end, outside the lock; mbedTLS takes from in_start on. */
	uint8_t in[KW_TLS_IN_SIZE];
};

/* Frees all but the lower transport. */
void kw_tls_free(struct kw_tls *tls);

/* mbedTLS's BIO: takes from `in`, appends to `out`.  `context` is the struct kw_tls. */
int kw_tls_bio_send(void *context, const unsigned char *data, size_t size);
int kw_tls_bio_receive(void *context, unsigned char *data, size_t size);

/* The words for a failed step; `code` is mbedTLS's.  Returns the result. */
int kw_tls_describe(const struct kw_tls *tls, int code, struct kwire_error *error);

/*
 * Sends everything that is encrypted.  Holds `sending`; drops the lock around
 * each write.  0, or what the lower transport said.
 */
int kw_tls_flush_locked(struct kw_tls *tls, int64_t deadline_ms, struct kwire_error *error)
	KW_REQUIRES(tls->lock);

/* Ways to read, which the lower transport knows apart. */
enum kw_tls_reading {
	KW_TLS_READ,
	KW_TLS_RECEIVE,
	KW_TLS_RECEIVE_KICKABLE,
};

/* Brings more bytes from below.  Positive, or what the lower transport said. */
ssize_t kw_tls_fill(struct kw_tls *tls, enum kw_tls_reading how, int64_t deadline_ms,
		    struct kwire_error *error);

/* Keeps what resumes this session on the next connection. */
void kw_tls_keep_session_locked(struct kw_tls *tls) KW_REQUIRES(tls->lock);

/* Whether `code` is nothing but TLS 1.3 handing over a ticket. */
bool kw_tls_is_ticket_locked(struct kw_tls *tls, int code) KW_REQUIRES(tls->lock);

/* The transport's functions, as far as the lower one has them. */
const struct kwire_transport_ops *kw_tls_ops(struct kw_tls *tls);

#endif
