/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS over any transport.  A context holds what a client's connections share:
 * certificates, key, settings, sessions to resume; it never changes, so new
 * certificates mean a new context.  Called by a connection's set-up and by
 * lib/sasl/security.c; knows nothing of Kafka.
 */
#ifndef KW_TLS_H
#define KW_TLS_H

#include <kwire/transport.h>

#include "../config/config.h"

struct kw_tls_context;

/*
 * A context with one reference from the ssl.* settings of `config`, which it
 * does not refer to afterwards.  Reads files.  KWIRE_ECONFIG: a certificate,
 * key or cipher that cannot be used, no trusted certificate at all;
 * KWIRE_ENOTBUILT: built with TLS=0, or without the TLS version asked for.
 */
int kw_tls_context_new(const struct kwire_config *config, struct kw_tls_context **context,
		       struct kwire_error *error);
struct kw_tls_context *kw_tls_context_get(struct kw_tls_context *context);
void kw_tls_context_put(struct kw_tls_context *context); /* takes NULL */

/*
 * Does the handshake with `host` over `lower` within the deadline and yields a
 * transport that owns `lower`.  On failure (KWIRE_ETLS, with the reason in
 * plain words; KWIRE_ETIMEDOUT; what `lower` said) `lower` stays the caller's.
 * Until this returns, shutdown or wake of `lower` end it.
 */
int kw_tls_open(struct kw_tls_context *context, const char *host, int port,
		const struct kwire_transport_ops *lower_ops, void *lower, int64_t deadline_ms,
		const struct kwire_transport_ops **ops, void **transport,
		struct kwire_error *error);

/* Facts of a transport that kw_tls_open() made, for logs and tests: "TLSv1.2 <cipher>". */
const char *kw_tls_version(const void *transport);
const char *kw_tls_cipher(const void *transport);
bool kw_tls_resumed(const void *transport);

#endif
