/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where bearer tokens come from: the program's callback, a file that is read
 * anew for each login, or an unsecured token made here for brokers that are
 * being tried out.  Called by oauthbearer.c.
 */
#ifndef KW_SASL_OAUTH_TOKEN_H
#define KW_SASL_OAUTH_TOKEN_H

#include "mechanism.h"

struct kw_oauth_token {
	char *token;
	char *extensions; /* "key=value,..." or "" */
};

int kw_oauth_token_get(struct kw_oauth_token *token, const struct kw_sasl_setting *setting,
		       const struct kwire_sasl_login *login, struct kwire_error *error);

/* Wipes and frees what `get` filled in. */
void kw_oauth_token_fini(struct kw_oauth_token *token);

/*
 * An unsecured token (RFC 7519, "alg": "none") from librdkafka's
 * sasl.oauthbearer.config: "principal=alice scope=a,b lifeSeconds=60
 * extension_name=value", `now_s` being its time of issue.
 */
int kw_oauth_unsecured(struct kw_memory *memory, const char *settings, int64_t now_s,
		       struct kw_oauth_token *token, struct kwire_error *error);

#endif
