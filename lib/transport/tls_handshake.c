/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The beginning of a TLS connection: whom to greet and to expect, the
 * handshake, what it means when that fails.  See tls.h and tls_stream.h.
 */
#include "../base/error.h"

#if KW_WITH_TLS
#include <string.h>

#include "tls_stream.h"

static struct kw_tls *new_tls(struct kw_tls_context *context, const char *host,
			      int port) KW_NO_ANALYSIS
{
	struct kw_tls *tls = kw_alloc(context->memory, sizeof(*tls));

	if (tls == NULL)
		return NULL;
	/* The buffer behind it is touched as far as traffic fills it. */
	memset(tls, 0, offsetof(struct kw_tls, in));
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
		kw_tls_free(tls);
		return NULL;
	}
	return tls;
}

/* Whom to greet and whom to expect. */
static int set_names(struct kw_tls *tls, struct kwire_error *error) KW_NO_ANALYSIS
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
	mbedtls_ssl_set_bio(&tls->ssl, tls, kw_tls_bio_send, kw_tls_bio_receive, NULL);
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

static int handshake_closed(const struct kw_tls *tls, bool heard,
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
static int handshake_lower(const struct kw_tls *tls, ssize_t result, bool heard,
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
static int handshake(struct kw_tls *tls, int64_t deadline_ms, struct kwire_error *error)
{
	struct kwire_error cause = kw_no_error();
	bool heard = false;
	int result = KWIRE_OK;

	kw_mutex_lock(&tls->lock);
	for (;;) {
		int flushed, code = mbedtls_ssl_handshake(&tls->ssl);
		ssize_t got;

		flushed = kw_tls_flush_locked(
			tls, code == 0 || code == MBEDTLS_ERR_SSL_WANT_READ ? deadline_ms : 0,
			&cause);
		if (code != 0 && code != MBEDTLS_ERR_SSL_WANT_READ &&
		    code != MBEDTLS_ERR_SSL_WANT_WRITE && !kw_tls_is_ticket_locked(tls, code)) {
			result = kw_tls_describe(tls, code, error);
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
			got = kw_tls_fill(tls, KW_TLS_READ, deadline_ms, &cause);
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
			kw_tls_keep_session_locked(tls);
	}
	kw_mutex_unlock(&tls->lock);
	return result;
}

int kw_tls_open(struct kw_tls_context *context, const char *host, int port,
		const struct kwire_transport_ops *lower_ops, void *lower, int64_t deadline_ms,
		const struct kwire_transport_ops **ops, void **transport,
		struct kwire_error *error) KW_NO_ANALYSIS
{
	struct kw_tls *tls = new_tls(context, host, port);
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
		kw_tls_free(tls);
		return result;
	}
	*ops = kw_tls_ops(tls);
	*transport = tls;
	return KWIRE_OK;
}

const char *kw_tls_version(const void *transport) KW_NO_ANALYSIS
{
	const struct kw_tls *tls = transport;

	return mbedtls_ssl_get_version(&tls->ssl);
}

const char *kw_tls_cipher(const void *transport) KW_NO_ANALYSIS
{
	const struct kw_tls *tls = transport;

	return mbedtls_ssl_get_ciphersuite(&tls->ssl);
}

bool kw_tls_resumed(const void *transport)
{
	const struct kw_tls *tls = transport;

	return tls->resumed;
}
#endif
