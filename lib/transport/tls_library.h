/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What differs between mbedTLS 2.28 and 3.6, so that the rest of TLS is one
 * source.  Included by the tls*.c files only, and only with TLS=1.
 */
#ifndef KW_TLS_LIBRARY_H
#define KW_TLS_LIBRARY_H

#include <mbedtls/asn1.h>
#include <mbedtls/error.h>
#include <mbedtls/oid.h>
#include <mbedtls/pem.h>
#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <mbedtls/version.h>
#include <mbedtls/x509_crt.h>

#define KW_MBEDTLS_3 (MBEDTLS_VERSION_NUMBER >= 0x03000000)

#if KW_MBEDTLS_3
#include <psa/crypto.h>
#else
#define MBEDTLS_PRIVATE(member) member
#endif

#if KW_MBEDTLS_3 && defined(MBEDTLS_SSL_PROTO_TLS1_3)
#define KW_HAS_TLS_1_3 1
#else
#define KW_HAS_TLS_1_3 0
#endif

#if KW_MBEDTLS_3
#define KW_ERR_BAD_VERSION MBEDTLS_ERR_SSL_BAD_PROTOCOL_VERSION
#else
#define KW_ERR_BAD_VERSION MBEDTLS_ERR_SSL_BAD_HS_PROTOCOL_VERSION
#endif

/* Whether the server asked for a client certificate, where that can be seen. */
#if KW_MBEDTLS_3
#define KW_ASKED_FOR_CERTIFICATE(ssl) ((void)&(ssl), false)
#else
#define KW_ASKED_FOR_CERTIFICATE(ssl) ((ssl).client_auth != 0)
#endif

/* The system's generator, as mbedTLS wants it: no state, so no lock, and good after fork. */
int kw_tls_random(void *context, unsigned char *data, size_t size);

#endif
