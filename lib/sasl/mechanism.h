/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mechanisms: kwire's own, libgsasl's and a program's behind one function.
 * Called by exchange.c; the constructors also by tests.  A mechanism sees no
 * descriptors and sends nothing: tokens in, tokens out (see kwire/sasl.h).
 */
#ifndef KW_SASL_MECHANISM_H
#define KW_SASL_MECHANISM_H

#include <kwire/sasl.h>

#include "../base/memory.h"
#include "../config/config.h"
#include "crypto.h"

/*
 * What kwire's own mechanisms are given as their `context`: the login's
 * configuration.  Borrowed for the length of `start`.
 */
struct kw_sasl_setting {
	struct kw_memory *memory;
	const struct kwire_config *config;
	bool token_auth; /* the credentials are a delegation token */
};

/* One login under way. */
struct kw_sasl_session {
	const struct kwire_sasl_mechanism *mechanism; /* NULL: none */
	void *state;
};

/* Whether this build, with the program's additions, has a mechanism `name`. */
bool kw_sasl_has(const struct kwire_config *config, const char *name);

/* Whether a mechanism that is not there could have been built in. */
bool kw_sasl_left_out(const char *name);

/* Starts mechanism `name`; KWIRE_ECONFIG: no such one, KWIRE_ENOTBUILT: left out of this build. */
int kw_sasl_session_start(struct kw_sasl_session *session, const char *name,
			  const struct kw_sasl_setting *setting,
			  const struct kwire_sasl_login *login, struct kwire_error *error);
int kw_sasl_session_step(struct kw_sasl_session *session, const void *challenge, size_t size,
			 const void **token, size_t *token_size, struct kwire_error *error);
void kw_sasl_session_end(struct kw_sasl_session *session);

extern const struct kwire_sasl_mechanism kw_sasl_plain;
extern const struct kwire_sasl_mechanism kw_sasl_scram_sha_256;
extern const struct kwire_sasl_mechanism kw_sasl_scram_sha_512;
extern const struct kwire_sasl_mechanism kw_sasl_oauthbearer;

/* A SCRAM login with a nonce of the caller's (NULL: a random one), for vectors. */
int kw_scram_start(struct kw_memory *memory, enum kw_hash hash, const char *username,
		   const char *password, bool token_auth, const char *nonce, void **state,
		   struct kwire_error *error);

/* An OAUTHBEARER login with a token at hand.  `extensions`: "key=value,..." or "". */
int kw_oauthbearer_start(struct kw_memory *memory, const char *token, const char *extensions,
			 void **state, struct kwire_error *error);

/* libgsasl's: whether it has a mechanism, and the start of a login by it. */
bool kw_gsasl_has(const char *name);
int kw_gsasl_start(const struct kw_sasl_setting *setting, const char *name,
		   const struct kwire_sasl_login *login, struct kw_sasl_session *session,
		   struct kwire_error *error);

#endif
