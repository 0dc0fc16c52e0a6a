/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What TLS connections share, for tls.c; see tls.h.  Only with TLS=1.
 */
#ifndef KW_TLS_CONTEXT_H
#define KW_TLS_CONTEXT_H

#include <stdatomic.h>

#include <mbedtls/x509_crl.h>

#include "../base/lock.h"
#include "tls.h"
#include "tls_library.h"
#include "tls_verify.h"

enum {
	KW_TLS_SESSIONS = 32, /* brokers whose last session is kept for resumption */
};

struct kw_tls_session {
	char host[256];
	int port;
	int64_t expires_s; /* when the certificate that was verified then does */
	uint64_t used;     /* larger: later */
	mbedtls_ssl_session session;
};

struct kw_tls_context {
	struct kw_memory *memory;
	atomic_uint references;

	/* Never changes once made. */
	mbedtls_ssl_config config;
	mbedtls_x509_crt ca;
	mbedtls_x509_crt certificate;
	mbedtls_pk_context key;
	mbedtls_x509_crl crl;
	int *suites; /* that mbedTLS's configuration points to, or NULL */
	char *verification_name;
	char *server_name;
	bool verify_chain;
	bool verify_name;
	kwire_clock_function *clock;
	void *clock_context;

	struct kw_mutex lock; /* rank leaf */
	struct kw_tls_session *sessions[KW_TLS_SESSIONS] KW_GUARDED_BY(lock);
	uint64_t uses KW_GUARDED_BY(lock);
};

/* Seconds since 1970 by the program's clock or the system's; negative: not known. */
int64_t kw_tls_now_s(const struct kw_tls_context *context);

/* Offers `ssl` the session that was last kept for this broker, if it is still good. */
bool kw_tls_session_offer(struct kw_tls_context *context, mbedtls_ssl_context *ssl,
			  const char *host, int port, int64_t now_s);

/* Keeps the session of `ssl` for the next connection to this broker; losing it is no failure. */
void kw_tls_session_keep(struct kw_tls_context *context, mbedtls_ssl_context *ssl, const char *host,
			 int port, int64_t expires_s);

#endif
