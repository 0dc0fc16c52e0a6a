/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A login over a transport: what a connection's set-up calls once it knows the
 * broker's versions.  The session's renewal later on does not go through here
 * but through exchange.h and the connection's dispatch.
 */
#ifndef KW_SASL_H
#define KW_SASL_H

#include "exchange.h"

/* What a login came to. */
struct kw_sasl_outcome {
	int64_t session_lifetime_ms; /* 0: for ever */
	int choice;                  /* see kw_sasl_exchange_choice(); -1: none */
	char mechanism[64];
};

/* Carries out the login that `options` describes, within options->deadline_ms. */
int kw_sasl_authenticate(struct kw_memory *memory, const struct kw_sasl_options *options,
			 const struct kwire_transport_ops *ops, void *transport,
			 struct kw_sasl_outcome *outcome, struct kwire_error *error);

#endif
