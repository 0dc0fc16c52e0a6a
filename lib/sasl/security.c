/* SPDX-License-Identifier: Apache-2.0 */
/* See security.h. */
#include "security.h"

#include <string.h>

#include "../base/error.h"
#include "../base/lock.h"
#include "jaas.h"
#include "mechanism.h"
#include "oidc.h"
#include "refusal.h"

/*
 * One set of settings, never changed, counted: who uses it keeps it, while
 * others already get the next one.
 */
struct material {
	atomic_uint references;
	const struct kwire_config *config; /* settings and callbacks */
	struct kwire_config *holds;        /* the same, where it was brought by a reload */
	struct kw_tls_context *tls;        /* NULL: no TLS */
};

struct kw_security {
	struct kw_mutex lock; /* rank leaf */
	struct material *material KW_GUARDED_BY(lock);
	struct kw_refusal refusal;
	atomic_int choice; /* of the configured mechanisms, the one that worked */
};

static void material_put(struct material *material)
{
	if (material == NULL ||
	    atomic_fetch_sub_explicit(&material->references, 1, memory_order_acq_rel) != 1)
		return;
	kw_tls_context_put(material->tls);
	kw_config_put(material->holds);
	kw_free(material);
}

static struct material *material_get(const struct kwire_config *config)
{
	struct kw_security *security = config->security;
	struct material *material;

	kw_mutex_lock(&security->lock);
	material = security->material;
	atomic_fetch_add_explicit(&material->references, 1, memory_order_relaxed);
	kw_mutex_unlock(&security->lock);
	return material;
}

/* OAUTHBEARER's tokens from an endpoint: whether they could be had at all. */
static int check_endpoint(struct kwire_config *config, struct kwire_error *error)
{
	const struct kw_token_source *source = config->hooks.token_source;
	int result;

	if (!kw_oauth_wants_endpoint(config))
		return KWIRE_OK;
	if (source == NULL)
		return kw_oauth_no_endpoint(error);
	result = source->check(config, error);
	return result != 0 ? result : source->attach(config, error);
}

/* Checks what would otherwise only be found out while a connection is made. */
static int check_sasl(struct kwire_config *config, struct kwire_error *error)
{
	const struct kw_security_settings *settings = &config->settings.security;
	const char *list = settings->mechanisms;
	bool oauth = false;
	char name[64];
	int result;

	if (strspn(list, ", \t") == strlen(list))
		return kw_fail_in(error, KWIRE_ECONFIG, KWIRE_PHASE_SASL,
				  "security.protocol asks for SASL, but sasl.mechanism is not set");
	while (*(list += strspn(list, ", \t")) != '\0') {
		size_t size = strcspn(list, ", \t");

		if (size < sizeof(name)) {
			memcpy(name, list, size);
			name[size] = '\0';
			if (kw_sasl_has(config, name)) {
				oauth = oauth || strcmp(name, "OAUTHBEARER") == 0;
				list += size;
				continue;
			}
		}
		return kw_fail_in(error,
				  size < sizeof(name) && kw_sasl_left_out(name) ? KWIRE_ENOTBUILT
										: KWIRE_ECONFIG,
				  KWIRE_PHASE_SASL,
				  "sasl.mechanism: %.*s is not a mechanism of this build",
				  (int)size, list);
	}
	result = *settings->jaas_config != '\0' ? kw_jaas_check(settings->jaas_config, error) : 0;
	return KW_WITH_OAUTH && result == 0 && oauth ? check_endpoint(config, error) : result;
}

/* Settings made ready for use; `config` is frozen, and held where `hold`. */
static int material_new(struct kw_memory *memory, struct kwire_config *config, bool hold, bool tls,
			bool sasl, struct material **out, struct kwire_error *error)
{
	struct material *material = kw_zalloc(memory, sizeof(*material));
	int result = 0;

	if (material == NULL)
		return kw_fail_memory(error);
	atomic_init(&material->references, 1);
	material->config = config;
	if (sasl)
		result = check_sasl(config, error);
	if (result == 0 && tls)
		result = kw_tls_context_new(config, &material->tls, error);
	if (result != 0) {
		kw_free(material);
		return result;
	}
	if (hold)
		material->holds = kw_config_get(config);
	*out = material;
	return KWIRE_OK;
}

static void security_free(struct kw_security *security) KW_NO_ANALYSIS
{
	material_put(security->material);
	if (KW_WITH_SASL)
		kw_refusal_fini(&security->refusal);
	kw_mutex_fini(&security->lock);
	kw_free(security);
}

int kw_security_attach(struct kwire_config *config, struct kwire_error *error) KW_NO_ANALYSIS
{
	enum kw_security_protocol protocol = config->settings.security.protocol;
	struct kw_security *security;
	int result;

	if (!KW_WITH_TLS && (protocol == KW_SSL || protocol == KW_SASL_SSL))
		return kw_fail_in(error, KWIRE_ENOTBUILT, KWIRE_PHASE_TLS,
				  "security.protocol asks for TLS, which this kwire was built "
				  "without");
	if (!KW_WITH_SASL && (protocol == KW_SASL_PLAINTEXT || protocol == KW_SASL_SSL))
		return kw_fail_in(error, KWIRE_ENOTBUILT, KWIRE_PHASE_SASL,
				  "security.protocol asks for SASL, which this kwire was built "
				  "without");
	if (config->security != NULL || !(kw_wants_tls(config) || kw_wants_sasl(config)))
		return KWIRE_OK;
	security = kw_zalloc(config->memory, sizeof(*security));
	if (security == NULL)
		return kw_fail_memory(error);
	if (kw_mutex_init(&security->lock, KW_RANK_LEAF) != 0) {
		kw_free(security);
		return kw_fail_memory(error);
	}
	result = KW_WITH_SASL ? kw_refusal_init(&security->refusal, error) : KWIRE_OK;
	if (result != 0) {
		kw_mutex_fini(&security->lock);
		kw_free(security);
		return result;
	}
	result = material_new(config->memory, config, false, kw_wants_tls(config),
			      kw_wants_sasl(config), &security->material, error);
	if (result != 0) {
		security_free(security);
		return result;
	}
	config->security = security;
	config->security_free = security_free;
	return KWIRE_OK;
}

int kw_security_reload(struct kwire_config *config, const struct kwire_config *source,
		       struct kwire_error *error)
{
	struct kw_security *security = config->security;
	struct material *material = NULL, *old, *present;
	struct kwire_config *frozen;
	int result;

	if (security == NULL)
		return kw_fail(error, KWIRE_EINVAL,
			       "security.protocol is PLAINTEXT: there is nothing to reload");
	present = material_get(config);
	if (source != NULL) {
		frozen = kw_config_freeze(source, error);
		result = frozen == NULL
				 ? KWIRE_ENOMEM
				 : material_new(config->memory, frozen, true, kw_wants_tls(config),
						kw_wants_sasl(config), &material, error);
		kw_config_put(frozen);
	} else {
		frozen = (struct kwire_config *)(uintptr_t)present->config;
		result = material_new(config->memory, frozen, present->holds != NULL,
				      kw_wants_tls(config), kw_wants_sasl(config), &material,
				      error);
	}
	material_put(present);
	if (result != 0)
		return result;
	kw_mutex_lock(&security->lock);
	old = security->material;
	security->material = material;
	kw_mutex_unlock(&security->lock);
	atomic_store(&security->choice, 0);
	if (KW_WITH_SASL)
		kw_refusal_clear(&security->refusal);
	material_put(old);
	return KWIRE_OK;
}

/* Whether each login presents what the properties say, and nothing else. */
static bool credentials_are_fixed(const struct kwire_config *config)
{
	const struct kw_security_settings *settings = &config->settings.security;
	const char *list = settings->mechanisms;
	char name[64];

	if (config->hooks.credentials != NULL ||
	    (*settings->password == '\0' && *settings->password_file != '\0'))
		return false;
	while (*(list += strspn(list, ", \t")) != '\0') {
		size_t size = strcspn(list, ", \t");

		if (size >= sizeof(name))
			return false;
		memcpy(name, list, size);
		name[size] = '\0';
		if (!kw_sasl_wants_credentials(name))
			return false;
		list += size;
	}
	return true;
}

int kw_security_check(const struct kwire_config *config, struct kwire_error *error)
{
	struct kw_credentials credentials;
	uint8_t mark[KW_REFUSAL_MARK];
	struct material *material;
	int result = KWIRE_OK;

	if (config->security == NULL || !kw_refusal_stands(&config->security->refusal))
		return KWIRE_OK;
	material = material_get(config);
	if (credentials_are_fixed(material->config)) {
		result = kw_credentials_get(&credentials, config->memory, material->config, "", "",
					    0, error);
		if (result == 0) {
			result = kw_refusal_mark(&config->security->refusal, config->memory,
						 &credentials, mark);
			if (result != 0)
				kw_fail_memory(error);
			else
				result = kw_refusal_check(
					&config->security->refusal, mark,
					material->config->settings.security.refused_retry_ms,
					error);
			kw_credentials_fini(&credentials);
		}
	}
	material_put(material);
	return result;
}

int kw_security_open_tls(const struct kwire_config *config, const char *host, int port,
			 const struct kwire_transport_ops *lower_ops, void *lower,
			 int64_t deadline_ms, const struct kwire_transport_ops **ops,
			 void **transport, struct kwire_error *error)
{
	struct material *material = material_get(config);
	int result = kw_tls_open(material->tls, host, port, lower_ops, lower, deadline_ms, ops,
				 transport, error);

	material_put(material);
	return result;
}

int kw_security_authenticate(const struct kwire_config *config, struct kw_sasl_options *options,
			     const struct kwire_transport_ops *ops, void *transport,
			     struct kw_sasl_outcome *outcome, struct kwire_error *error)
{
	struct material *material = material_get(config);
	int result;

	options->config = material->config;
	options->first_choice = atomic_load(&config->security->choice);
	options->refusal = &config->security->refusal;
	result = kw_sasl_authenticate(config->memory, options, ops, transport, outcome, error);
	if (outcome->choice >= 0)
		atomic_store(&config->security->choice, outcome->choice);
	material_put(material);
	return result;
}

int kw_security_renew(const struct kwire_config *config, struct kw_sasl_options *options,
		      struct kw_sasl_exchange **exchange, struct kwire_error *error)
{
	struct material *material = material_get(config);
	int result;

	options->config = material->config;
	options->refusal = &config->security->refusal;
	result = kw_sasl_exchange_new(config->memory, options, exchange, error);
	material_put(material);
	return result;
}
