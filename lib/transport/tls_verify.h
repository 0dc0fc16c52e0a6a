/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judging the peer's certificate: the name (mbedTLS 2.28 knows no IP
 * addresses, and both versions tie SNI to the name that is checked), the dates
 * by a clock of ours, and words for what is wrong.  Called by tls_context.c
 * and tls.c during a handshake; only with TLS=1.
 */
#ifndef KW_TLS_VERIFY_H
#define KW_TLS_VERIFY_H

#include <kwire/result.h>

#include "tls_library.h"
#include "tls_match.h"

enum {
	KW_TLS_NAME = 128, /* room for a distinguished name in a message */
};

/* One handshake's judgement. */
struct kw_tls_verdict {
	struct kw_tls_host host; /* who the peer should be */
	bool check_chain;        /* false: everything is accepted */
	bool check_name;
	int64_t now_s; /* since 1970; negative: not known, dates are not checked */

	bool asked;                /* a certificate came: no session was resumed */
	uint32_t flags;            /* MBEDTLS_X509_BADCERT_…, of all certificates of the chain */
	bool self_issued;          /* the one that nobody vouches for vouches for itself */
	int64_t expires_s;         /* of the peer's own certificate */
	char peer[KW_TLS_NAME];    /* subject of the peer's own certificate */
	char subject[KW_TLS_NAME]; /* of the first certificate with something wrong */
	char issuer[KW_TLS_NAME];
	char names[160]; /* that the peer's certificate carries */
	char dates[64];  /* "2020-01-01 to 2021-01-01" of that first certificate */
};

/* mbedTLS's callback for each certificate; `context` is the verdict. */
int kw_tls_verify(void *context, mbedtls_x509_crt *certificate, int depth, uint32_t *flags);

/* What is wrong, as KWIRE_ETLS; call it where `flags` is not zero. */
int kw_tls_verdict_fail(const struct kw_tls_verdict *verdict, struct kwire_error *error);

#endif
