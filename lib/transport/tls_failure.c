/* SPDX-License-Identifier: Apache-2.0 */
/* What went wrong on a TLS connection, in words: see tls_stream.h. */
#include "../base/error.h"

#if KW_WITH_TLS
#include "tls_stream.h"

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
int kw_tls_describe(const struct kw_tls *tls, int code, struct kwire_error *error) KW_NO_ANALYSIS
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
#endif
