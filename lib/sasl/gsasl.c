/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What libgsasl knows and kwire does not: GSSAPI above all.  Called through
 * the table in table.c.  With GSASL=0 there is nothing in it.
 *
 * Kerberos credentials are what libgsasl takes them to be: the credential
 * cache, or else the default client keytab (KRB5_CLIENT_KTNAME); kwire runs no
 * kinit.  A step may ask a KDC, which heeds no deadline of ours.
 */
#include <string.h>

#include "../base/error.h"
#include "mechanism.h"

#if KW_WITH_GSASL
#include <gsasl.h>

struct gsasl_login {
	Gsasl *library;
	Gsasl_session *session;
	char *token; /* libgsasl's memory */
	size_t token_size;
	bool kerberos;
};

static int failed(struct kwire_error *error, bool kerberos, int code)
{
	if (code == GSASL_MALLOC_ERROR)
		return kw_fail_memory(error);
	/* Whether our own ticket is missing or the broker's proof is wrong: neither heals by
	 * itself. */
	kw_fail_in(error, KWIRE_EAUTH, KWIRE_PHASE_SASL, "%s: %s (%s)",
		   kerberos ? "GSSAPI" : "libgsasl", gsasl_strerror(code),
		   gsasl_strerror_name(code) != NULL ? gsasl_strerror_name(code) : "unknown");
	if (code == GSASL_GSSAPI_INIT_SEC_CONTEXT_ERROR)
		kw_error_add(error, "; is there a ticket (klist), or a client keytab, and does the "
				    "KDC know the broker's principal?");
	return KWIRE_EAUTH;
}

static void drop_token(struct gsasl_login *login)
{
	if (login->token != NULL)
		kw_wipe(login->token, login->token_size);
	gsasl_free(login->token);
	login->token = NULL;
	login->token_size = 0;
}

static int login_step(void *state, const void *challenge, size_t challenge_size, const void **token,
		      size_t *token_size, struct kwire_error *error)
{
	struct gsasl_login *login = state;
	int code;

	drop_token(login);
	code = gsasl_step(login->session, challenge, challenge_size, &login->token,
			  &login->token_size);
	if (code != GSASL_OK && code != GSASL_NEEDS_MORE)
		return failed(error, login->kerberos, code);
	*token = login->token;
	*token_size = login->token_size;
	if (code == GSASL_NEEDS_MORE)
		return KWIRE_SASL_MORE;
	/* The broker waits for our last token, be it empty. */
	return KWIRE_SASL_LAST;
}

static void login_end(void *state)
{
	struct gsasl_login *login = state;

	drop_token(login);
	if (login->session != NULL)
		gsasl_finish(login->session);
	if (login->library != NULL)
		gsasl_done(login->library);
	kw_free(login);
}

static const struct kwire_sasl_mechanism mechanism = {sizeof(struct kwire_sasl_mechanism),
						      "libgsasl's", NULL, login_step, login_end};

bool kw_gsasl_has(const char *name)
{
	Gsasl *library;
	bool has;

	if (gsasl_init(&library) != GSASL_OK)
		return false;
	has = gsasl_client_support_p(library, name) != 0;
	gsasl_done(library);
	return has;
}

int kw_gsasl_start(const struct kw_sasl_setting *setting, const char *name,
		   const struct kwire_sasl_login *login, struct kw_sasl_session *session,
		   struct kwire_error *error)
{
	struct gsasl_login *state = kw_zalloc(setting->memory, sizeof(*state));
	int code;

	if (state == NULL)
		return kw_fail_memory(error);
	state->kerberos = strcmp(name, "GSSAPI") == 0;
	code = gsasl_init(&state->library);
	if (code == GSASL_OK)
		code = gsasl_client_start(state->library, name, &state->session);
	if (code == GSASL_OK)
		code = gsasl_property_set(state->session, GSASL_SERVICE,
					  setting->config->settings.security.kerberos_service_name);
	if (code == GSASL_OK)
		code = gsasl_property_set(state->session, GSASL_HOSTNAME, login->host);
	if (code == GSASL_OK && *login->username != '\0')
		code = gsasl_property_set(state->session, GSASL_AUTHID, login->username);
	if (code == GSASL_OK && *login->password != '\0')
		code = gsasl_property_set(state->session, GSASL_PASSWORD, login->password);
	if (code != GSASL_OK) {
		failed(error, state->kerberos, code);
		login_end(state);
		return code == GSASL_MALLOC_ERROR ? KWIRE_ENOMEM : KWIRE_EAUTH;
	}
	session->mechanism = &mechanism;
	session->state = state;
	return KWIRE_OK;
}

#else /* without libgsasl */

bool kw_gsasl_has(const char *name)
{
	(void)name;
	return false;
}

int kw_gsasl_start(const struct kw_sasl_setting *setting, const char *name,
		   const struct kwire_sasl_login *login, struct kw_sasl_session *session,
		   struct kwire_error *error)
{
	(void)setting;
	(void)login;
	(void)session;
	return kw_fail_in(error, KWIRE_ENOTBUILT, KWIRE_PHASE_SASL, "%s: built without libgsasl",
			  name);
}
#endif
