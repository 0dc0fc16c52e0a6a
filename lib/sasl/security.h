/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the connections of one client share for TLS and SASL, and what can be
 * replaced while they run: the TLS context, and where credentials come from.
 * Hangs on the frozen config; made when a client or a connection opens, so
 * that certificates that cannot be used are an error there.  Called by
 * lib/client and lib/connection.
 */
#ifndef KW_SECURITY_H
#define KW_SECURITY_H

#include "../config/config.h"
#include "../transport/tls.h"
#include "sasl.h"

/* Makes config->security where security.protocol asks for anything.  `config` is frozen. */
int kw_security_attach(struct kwire_config *config, struct kwire_error *error);

/*
 * Replaces what `config` was opened with by what `source` says now (see
 * kwire_client_reload_security); NULL: its present settings, files read anew.
 * Nothing changes on failure.  Any thread.
 */
int kw_security_reload(struct kwire_config *config, const struct kwire_config *source,
		       struct kwire_error *error);

/*
 * KWIRE_EAUTH where a login is bound to present what a broker refused before, so
 * that nobody need be dialled: credentials that stand in the properties do not
 * change by themselves.
 */
int kw_security_check(const struct kwire_config *config, struct kwire_error *error);

/* kw_tls_open() in the present context. */
int kw_security_open_tls(const struct kwire_config *config, const char *host, int port,
			 const struct kwire_transport_ops *lower_ops, void *lower,
			 int64_t deadline_ms, const struct kwire_transport_ops **ops,
			 void **transport, struct kwire_error *error);

/*
 * A login with the present credentials: kw_sasl_authenticate() and
 * kw_sasl_exchange_new(), with `options` complete but for `config` and
 * `first_choice`.  A mechanism found missing at one broker is remembered for
 * the next login: where the outcome has a `choice`, connect again.
 */
int kw_security_authenticate(const struct kwire_config *config, struct kw_sasl_options *options,
			     const struct kwire_transport_ops *ops, void *transport,
			     struct kw_sasl_outcome *outcome, struct kwire_error *error);
int kw_security_renew(const struct kwire_config *config, struct kw_sasl_options *options,
		      struct kw_sasl_exchange **exchange, struct kwire_error *error);

/*
 * Whether security.protocol asks for TLS, or for SASL.  What a build leaves out
 * was refused by kw_security_attach(): the compiler drops what hangs on it.
 */
static inline bool kw_wants_tls(const struct kwire_config *config)
{
	enum kw_security_protocol protocol = config->settings.security.protocol;

	return KW_WITH_TLS && (protocol == KW_SSL || protocol == KW_SASL_SSL);
}

static inline bool kw_wants_sasl(const struct kwire_config *config)
{
	enum kw_security_protocol protocol = config->settings.security.protocol;

	return KW_WITH_SASL && (protocol == KW_SASL_PLAINTEXT || protocol == KW_SASL_SSL);
}

#endif
