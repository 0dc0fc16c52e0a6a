/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A source of bearer tokens that a program links by asking for it, as
 * kwire_oauth_client_credentials() does: the rest of the library reaches it
 * through the config only, so a program that does not ask pays nothing.
 * Called by security.c and oauth_token.c.
 */
#ifndef KW_SASL_OIDC_H
#define KW_SASL_OIDC_H

#include "mechanism.h"

struct kw_token_source {
	/* Whether the settings suffice; KWIRE_ECONFIG says what they lack. */
	int (*check)(const struct kwire_config *config, struct kwire_error *error);

	/* A token, for kw_secret_free(). */
	int (*fetch)(const struct kw_sasl_setting *setting, const struct kwire_sasl_login *login,
		     char **token, struct kwire_error *error);

	/*
	 * Gives a frozen config what `fetch` keeps tokens in until they grow old;
	 * where it has that already, forgets them.
	 */
	int (*attach)(struct kwire_config *config, struct kwire_error *error);
};

/* Whether the settings ask for a token endpoint. */
bool kw_oauth_wants_endpoint(const struct kwire_config *config);

/* What to say where they do, and the program did not link one. */
int kw_oauth_no_endpoint(struct kwire_error *error);

#endif
