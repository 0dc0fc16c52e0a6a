/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates and keys from files, directories and memory, PEM and DER, with
 * words for what is wrong with them.  Called by tls_context.c; only with TLS=1.
 */
#ifndef KW_TLS_LOAD_H
#define KW_TLS_LOAD_H

#include <mbedtls/x509_crl.h>

#include "../config/config.h"
#include "tls_library.h"

/* The trusted certificates; at least one. */
int kw_tls_load_ca(mbedtls_x509_crt *chain, struct kw_memory *memory,
		   const struct kw_security_settings *settings, struct kwire_error *error);

/* The client's certificate and key, `*present` telling whether there are any. */
int kw_tls_load_identity(mbedtls_x509_crt *chain, mbedtls_pk_context *key, bool *present,
			 struct kw_memory *memory, const struct kw_security_settings *settings,
			 struct kwire_error *error);

/* Revoked certificates, where the settings name a file of them. */
int kw_tls_load_crl(mbedtls_x509_crl *crl, bool *present, struct kw_memory *memory,
		    const struct kw_security_settings *settings, struct kwire_error *error);

#endif
