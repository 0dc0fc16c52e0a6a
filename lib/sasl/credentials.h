/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Name and password of one login, from wherever the configuration says:
 * callback, properties, a JAAS line, a password file.  Called by exchange.c;
 * what it yields lives as long as the login, and is wiped after it.
 */
#ifndef KW_SASL_CREDENTIALS_H
#define KW_SASL_CREDENTIALS_H

#include <kwire/sasl.h>

#include "../config/config.h"

struct kw_credentials {
	char *username; /* never NULL once filled */
	char *password;
	bool token_auth; /* they are a delegation token */
};

int kw_credentials_get(struct kw_credentials *credentials, struct kw_memory *memory,
		       const struct kwire_config *config, const char *mechanism, const char *host,
		       int64_t deadline_ms, struct kwire_error *error);

/* Wipes and frees; also what was never filled. */
void kw_credentials_fini(struct kw_credentials *credentials);

/* Wipes and frees a secret; takes NULL. */
void kw_secret_free(char *secret);

#endif
