/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of mechanisms: a program's come first, then kwire's own, then what
 * libgsasl has.  See mechanism.h; called by exchange.c and by programs that add
 * mechanisms.
 */
#include <string.h>

#include "../base/error.h"
#include "mechanism.h"

static const struct kwire_sasl_mechanism *const own[] = {
	&kw_sasl_plain,
	&kw_sasl_scram_sha_256,
	&kw_sasl_scram_sha_512,
#if KW_WITH_OAUTH
	&kw_sasl_oauthbearer,
#endif
};

static const struct kwire_sasl_mechanism *find_own(const char *name)
{
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (strcmp(own[i]->name, name) == 0)
			return own[i];
	return NULL;
}

/* The index of a program's mechanism, -1: it added none of this name. */
static int find_added(const struct kwire_config *config, const char *name)
{
	for (int i = 0; i < config->hooks.mechanism_count; i++)
		if (strcmp(config->hooks.mechanisms[i].mechanism->name, name) == 0)
			return i;
	return -1;
}

bool kw_sasl_left_out(const char *name)
{
	return strcmp(name, "GSSAPI") == 0 || (!KW_WITH_OAUTH && strcmp(name, "OAUTHBEARER") == 0);
}

bool kw_sasl_has(const struct kwire_config *config, const char *name)
{
	return find_added(config, name) >= 0 || find_own(name) != NULL || kw_gsasl_has(name);
}

int kw_sasl_session_start(struct kw_sasl_session *session, const char *name,
			  const struct kw_sasl_setting *setting,
			  const struct kwire_sasl_login *login, struct kwire_error *error)
{
	const struct kwire_sasl_mechanism *mechanism = find_own(name);
	struct kw_sasl_setting own_setting = *setting;
	int index = find_added(setting->config, name);
	void *context = &own_setting;
	struct kwire_error cause = kw_no_error();
	int result;

	memset(session, 0, sizeof(*session));
	if (index >= 0) {
		mechanism = setting->config->hooks.mechanisms[index].mechanism;
		context = setting->config->hooks.mechanisms[index].context;
	}
	if (mechanism == NULL && kw_gsasl_has(name))
		return kw_gsasl_start(setting, name, login, session, error);
	if (mechanism == NULL && strcmp(name, "GSSAPI") == 0)
		return kw_fail_in(
			error, KWIRE_ENOTBUILT, KWIRE_PHASE_SASL,
			"sasl.mechanism GSSAPI: this kwire was built without libgsasl, or "
			"its libgsasl without Kerberos");
	if (mechanism == NULL && kw_sasl_left_out(name))
		return kw_fail_in(error, KWIRE_ENOTBUILT, KWIRE_PHASE_SASL,
				  "sasl.mechanism %s: this kwire was built without it", name);
	if (mechanism == NULL)
		return kw_fail_in(error, KWIRE_ECONFIG, KWIRE_PHASE_SASL,
				  "sasl.mechanism: no mechanism %s is known here", name);
	result = mechanism->start(context, login, &session->state, &cause);
	if (result != 0) {
		if (cause.result == KWIRE_OK)
			kw_fail_in(&cause, result, KWIRE_PHASE_SASL, "%s could not start", name);
		cause.phase = KWIRE_PHASE_SASL;
		return kw_error_copy(error, &cause);
	}
	session->mechanism = mechanism;
	return KWIRE_OK;
}

int kw_sasl_session_step(struct kw_sasl_session *session, const void *challenge, size_t size,
			 const void **token, size_t *token_size, struct kwire_error *error)
{
	struct kwire_error cause = kw_no_error();
	int result;

	*token = NULL;
	*token_size = 0;
	result = session->mechanism->step(session->state, challenge, size, token, token_size,
					  &cause);
	if (result > 0)
		return result;
	if (cause.result == KWIRE_OK)
		kw_fail_in(&cause, result < 0 ? result : KWIRE_ESASL, KWIRE_PHASE_SASL, "%s failed",
			   session->mechanism->name);
	cause.phase = KWIRE_PHASE_SASL;
	return kw_error_copy(error, &cause);
}

void kw_sasl_session_end(struct kw_sasl_session *session)
{
	if (session->mechanism != NULL)
		session->mechanism->end(session->state);
	session->mechanism = NULL;
	session->state = NULL;
}

int kwire_config_add_mechanism(struct kwire_config *config,
			       const struct kwire_sasl_mechanism *mechanism, void *context,
			       struct kwire_error *error)
{
	int index;

	if (config == NULL)
		return kw_fail_memory(error);
	if (mechanism == NULL || mechanism->size < sizeof(*mechanism) || mechanism->name == NULL ||
	    mechanism->start == NULL || mechanism->step == NULL || mechanism->end == NULL)
		return kw_fail(error, KWIRE_EINVAL,
			       "a mechanism needs its size, a name and all three functions");
	if (*mechanism->name == '\0' || strlen(mechanism->name) >= 64 ||
	    mechanism->name[strspn(mechanism->name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")] !=
		    '\0')
		return kw_fail(error, KWIRE_EINVAL,
			       "a mechanism's name has capitals, digits, - and _ only");
	index = find_added(config, mechanism->name);
	if (index < 0) {
		if (config->hooks.mechanism_count == KW_MECHANISMS_MAX)
			return kw_fail(error, KWIRE_ELIMIT, "at most %d mechanisms can be added",
				       KW_MECHANISMS_MAX);
		index = config->hooks.mechanism_count++;
	}
	config->hooks.mechanisms[index].mechanism = mechanism;
	config->hooks.mechanisms[index].context = context;
	return KWIRE_OK;
}

int kwire_config_set_credentials(struct kwire_config *config, kwire_credentials_function *function,
				 void *context)
{
	if (config == NULL)
		return KWIRE_ENOMEM;
	config->hooks.credentials = function;
	config->hooks.credentials_context = context;
	return KWIRE_OK;
}

int kwire_config_set_token(struct kwire_config *config, kwire_token_function *function,
			   void *context)
{
	if (config == NULL)
		return KWIRE_ENOMEM;
	config->hooks.token = function;
	config->hooks.token_context = context;
	return KWIRE_OK;
}
