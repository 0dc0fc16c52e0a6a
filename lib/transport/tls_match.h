/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a name in a certificate stands for a host (RFC 6125, RFC 9525).
 * Called by tls_verify.c; knows nothing of certificates.
 */
#ifndef KW_TLS_MATCH_H
#define KW_TLS_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A host as it is compared: without trailing dot, or as an address. */
struct kw_tls_host {
	char name[256];
	uint8_t address[16];
	size_t address_size; /* 4 or 16; 0: it is a name */
};

/* False: empty or too long to be a host. */
bool kw_tls_host_parse(struct kw_tls_host *host, const char *text);

/* A DNS name of a certificate; "*." in front stands for exactly one label. */
bool kw_tls_name_matches(const struct kw_tls_host *host, const char *pattern, size_t size);

/* An IP address of a certificate. */
bool kw_tls_address_matches(const struct kw_tls_host *host, const uint8_t *address, size_t size);

#endif
