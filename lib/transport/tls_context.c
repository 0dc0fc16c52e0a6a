/* SPDX-License-Identifier: Apache-2.0 */
/* Making a TLS context from settings, and the sessions it keeps; see tls.h and tls_context.h. */
#include "../base/error.h"

#if KW_WITH_TLS
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "tls_context.h"
#include "tls_load.h"

int kw_tls_random(void *context, unsigned char *data, size_t size)
{
	(void)context;
	while (size > 0) {
		size_t take = size < 256 ? size : 256;

		if (getentropy(data, take) != 0)
			return MBEDTLS_ERR_SSL_INTERNAL_ERROR;
		data += take;
		size -= take;
	}
	return 0;
}

int64_t kw_tls_now_s(const struct kw_tls_context *context)
{
	return context->clock != NULL ? context->clock(context->clock_context)
				      : (int64_t)time(NULL);
}

/* ---------------------------------------------------------------- cipher suites */

/*
 * The number of a suite by its IANA name (TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
 * TLS_AES_128_GCM_SHA256) or mbedTLS's own; 0: this build has it not.
 */
static int suite_number(const char *name, size_t size)
{
	char text[96];
	int number;

	if (size >= sizeof(text))
		return 0;
	for (size_t i = 0; i < size; i++)
		text[i] = name[i] == '_' ? '-' : name[i];
	text[size] = '\0';
	number = mbedtls_ssl_get_ciphersuite_id(text);
	if (number == 0 && strncmp(text, "TLS-", 4) == 0 && strstr(text, "-WITH-") == NULL) {
		char with_version[sizeof(text) + 4];

		snprintf(with_version, sizeof(with_version), "TLS1-3-%s", text + 4);
		number = mbedtls_ssl_get_ciphersuite_id(with_version);
	}
	return number;
}

static int set_suites(struct kw_tls_context *context, const char *list, struct kwire_error *error)
{
	size_t count = 0;

	if (*list == '\0')
		return KWIRE_OK;
	context->suites = kw_alloc_array(context->memory, strlen(list) / 2 + 2, sizeof(int));
	if (context->suites == NULL)
		return kw_fail_memory(error);
	while (*list != '\0') {
		size_t size;

		list += strspn(list, ", \t:");
		size = strcspn(list, ", \t:");
		if (size == 0)
			break;
		context->suites[count] = suite_number(list, size);
		if (context->suites[count++] == 0)
			return kw_fail_in(error, KWIRE_ECONFIG, KWIRE_PHASE_TLS,
					  "ssl.cipher.suites: %.*s is not known to this build",
					  (int)size, list);
		list += size;
	}
	context->suites[count] = 0;
	mbedtls_ssl_conf_ciphersuites(&context->config, context->suites);
	return KWIRE_OK;
}

/* ---------------------------------------------------------------------- versions */

static int set_versions(struct kw_tls_context *context, unsigned protocols,
			struct kwire_error *error)
{
	bool low = (protocols & KW_TLS_1_2) != 0, high = (protocols & KW_TLS_1_3) != 0;

	if (!low && !(high && KW_HAS_TLS_1_3))
		return kw_fail_in(error, KWIRE_ENOTBUILT, KWIRE_PHASE_TLS,
				  "ssl.enabled.protocols: this build has TLSv1.2%s only",
				  KW_HAS_TLS_1_3 ? " and TLSv1.3" : "");
#if KW_MBEDTLS_3
	mbedtls_ssl_conf_min_tls_version(&context->config, low ? MBEDTLS_SSL_VERSION_TLS1_2
							       : MBEDTLS_SSL_VERSION_TLS1_3);
	mbedtls_ssl_conf_max_tls_version(&context->config, high && KW_HAS_TLS_1_3
								   ? MBEDTLS_SSL_VERSION_TLS1_3
								   : MBEDTLS_SSL_VERSION_TLS1_2);
#else
	mbedtls_ssl_conf_min_version(&context->config, MBEDTLS_SSL_MAJOR_VERSION_3,
				     MBEDTLS_SSL_MINOR_VERSION_3);
	mbedtls_ssl_conf_max_version(&context->config, MBEDTLS_SSL_MAJOR_VERSION_3,
				     MBEDTLS_SSL_MINOR_VERSION_3);
#endif
	return KWIRE_OK;
}

#if KW_MBEDTLS_3
static pthread_once_t psa_once = PTHREAD_ONCE_INIT;
static psa_status_t psa_status;

static void start_psa(void)
{
	psa_status = psa_crypto_init();
}

static int start_library(struct kwire_error *error)
{
	pthread_once(&psa_once, start_psa);
	return psa_status == PSA_SUCCESS ? KWIRE_OK
					 : kw_fail_in(error, KWIRE_ETLS, KWIRE_PHASE_TLS,
						      "mbedTLS could not start its cryptography");
}
#else
static int start_library(struct kwire_error *error)
{
	(void)error;
	return KWIRE_OK;
}
#endif

/* ------------------------------------------------------------------ the context */

static void free_context(struct kw_tls_context *context)
{
	struct kw_memory *memory = context->memory;

	for (int i = 0; i < KW_TLS_SESSIONS; i++)
		if (context->sessions[i] != NULL) {
			mbedtls_ssl_session_free(&context->sessions[i]->session);
			kw_free(context->sessions[i]);
		}
	mbedtls_ssl_config_free(&context->config);
	mbedtls_x509_crt_free(&context->ca);
	mbedtls_x509_crt_free(&context->certificate);
	mbedtls_pk_free(&context->key);
	mbedtls_x509_crl_free(&context->crl);
	kw_free(context->suites);
	kw_free(context->verification_name);
	kw_free(context->server_name);
	kw_mutex_fini(&context->lock);
	kw_free(context);
	kw_memory_put(memory);
}

static int configure(struct kw_tls_context *context, const struct kw_security_settings *settings,
		     struct kwire_error *error)
{
	bool has_identity, has_crl;
	int result;

	if (mbedtls_ssl_config_defaults(&context->config, MBEDTLS_SSL_IS_CLIENT,
					MBEDTLS_SSL_TRANSPORT_STREAM,
					MBEDTLS_SSL_PRESET_DEFAULT) != 0)
		return kw_fail_memory(error);
	mbedtls_ssl_conf_rng(&context->config, kw_tls_random, NULL);
	result = set_versions(context, settings->protocols, error);
	if (result == 0)
		result = set_suites(context, settings->cipher_suites, error);
	if (result == 0 && settings->verify_chain)
		result = kw_tls_load_ca(&context->ca, context->memory, settings, error);
	if (result == 0)
		result = kw_tls_load_crl(&context->crl, &has_crl, context->memory, settings, error);
	if (result == 0)
		result = kw_tls_load_identity(&context->certificate, &context->key, &has_identity,
					      context->memory, settings, error);
	if (result != 0)
		return result;
	if (settings->verify_chain)
		mbedtls_ssl_conf_ca_chain(&context->config, &context->ca,
					  has_crl ? &context->crl : NULL);
	/*
	 * "Optional" still asks for a certificate and calls us for it; kw_tls_verify
	 * then finds nothing wrong with it.  TLS 1.3 knows no "none" on the client.
	 */
	mbedtls_ssl_conf_authmode(&context->config, settings->verify_chain
							    ? MBEDTLS_SSL_VERIFY_REQUIRED
							    : MBEDTLS_SSL_VERIFY_OPTIONAL);
	if (has_identity &&
	    mbedtls_ssl_conf_own_cert(&context->config, &context->certificate, &context->key) != 0)
		return kw_fail_memory(error);
#if defined(MBEDTLS_SSL_SESSION_TICKETS)
	mbedtls_ssl_conf_session_tickets(&context->config, MBEDTLS_SSL_SESSION_TICKETS_ENABLED);
#if KW_HAS_TLS_1_3 && defined(MBEDTLS_SSL_TLS1_3_SIGNAL_NEW_SESSION_TICKETS_ENABLED)
	mbedtls_ssl_conf_tls13_enable_signal_new_session_tickets(
		&context->config, MBEDTLS_SSL_TLS1_3_SIGNAL_NEW_SESSION_TICKETS_ENABLED);
#endif
#endif
	return KWIRE_OK;
}

int kw_tls_context_new(const struct kwire_config *config, struct kw_tls_context **out,
		       struct kwire_error *error)
{
	const struct kw_security_settings *settings = &config->settings.security;
	struct kw_tls_context *context;
	int result = start_library(error);

	if (result != 0)
		return result;
	context = kw_zalloc(config->memory, sizeof(*context));
	if (context == NULL || kw_mutex_init(&context->lock, KW_RANK_LEAF) != 0) {
		kw_free(context);
		return kw_fail_memory(error);
	}
	context->memory = kw_memory_get(config->memory);
	atomic_init(&context->references, 1);
	mbedtls_ssl_config_init(&context->config);
	mbedtls_x509_crt_init(&context->ca);
	mbedtls_x509_crt_init(&context->certificate);
	mbedtls_pk_init(&context->key);
	mbedtls_x509_crl_init(&context->crl);
	context->verify_chain = settings->verify_chain;
	context->verify_name = settings->verify_name;
	context->clock = config->hooks.clock;
	context->clock_context = config->hooks.clock_context;
	context->verification_name = kw_strdup(context->memory, settings->verification_name);
	context->server_name = kw_strdup(context->memory, settings->server_name);
	if (context->verification_name == NULL || context->server_name == NULL)
		result = kw_fail_memory(error);
	if (result == 0)
		result = configure(context, settings, error);
	if (result != 0) {
		free_context(context);
		return result;
	}
	if (!settings->verify_chain)
		kw_log(config, KWIRE_LOG_WARNING,
		       "enable.ssl.certificate.verification=false: brokers are not verified, so "
		       "anybody on the way can read and change everything");
	else if (!settings->verify_name)
		kw_log(config, KWIRE_LOG_WARNING,
		       "ssl.endpoint.identification.algorithm=none: any server with a certificate "
		       "of the trusted CAs passes for a broker");
	*out = context;
	return KWIRE_OK;
}

struct kw_tls_context *kw_tls_context_get(struct kw_tls_context *context)
{
	atomic_fetch_add_explicit(&context->references, 1, memory_order_relaxed);
	return context;
}

void kw_tls_context_put(struct kw_tls_context *context)
{
	if (context != NULL &&
	    atomic_fetch_sub_explicit(&context->references, 1, memory_order_acq_rel) == 1)
		free_context(context);
}

/* --------------------------------------------------------------------- sessions */

static int find_session(struct kw_tls_context *context, const char *host, int port)
	KW_REQUIRES(context->lock)
{
	for (int i = 0; i < KW_TLS_SESSIONS; i++)
		if (context->sessions[i] != NULL && context->sessions[i]->port == port &&
		    strcmp(context->sessions[i]->host, host) == 0)
			return i;
	return -1;
}

bool kw_tls_session_offer(struct kw_tls_context *context, mbedtls_ssl_context *ssl,
			  const char *host, int port, int64_t now_s)
{
	bool offered = false;
	int index;

	kw_mutex_lock(&context->lock);
	index = find_session(context, host, port);
	/* A resumed session shows no certificate, so one that has expired must not live on by it.
	 */
	if (index >= 0 && (now_s < 0 || now_s < context->sessions[index]->expires_s)) {
		offered = mbedtls_ssl_set_session(ssl, &context->sessions[index]->session) == 0;
		context->sessions[index]->used = ++context->uses;
	}
	kw_mutex_unlock(&context->lock);
	return offered;
}

void kw_tls_session_keep(struct kw_tls_context *context, mbedtls_ssl_context *ssl, const char *host,
			 int port, int64_t expires_s)
{
	struct kw_tls_session *session = kw_zalloc(context->memory, sizeof(*session));
	struct kw_tls_session *old;
	int index;

	if (session == NULL)
		return;
	mbedtls_ssl_session_init(&session->session);
	if (mbedtls_ssl_get_session(ssl, &session->session) != 0 ||
	    strlen(host) >= sizeof(session->host)) {
		mbedtls_ssl_session_free(&session->session);
		kw_free(session);
		return;
	}
	memcpy(session->host, host, strlen(host) + 1);
	session->port = port;
	session->expires_s = expires_s;
	kw_mutex_lock(&context->lock);
	index = find_session(context, host, port);
	/* Else the first free place, else that of the one not used for longest. */
	for (int i = 0; index < 0 && i < KW_TLS_SESSIONS; i++)
		if (context->sessions[i] == NULL)
			index = i;
	if (index < 0) {
		index = 0;
		for (int i = 1; i < KW_TLS_SESSIONS; i++)
			if (context->sessions[i]->used < context->sessions[index]->used)
				index = i;
	}
	old = context->sessions[index];
	session->used = ++context->uses;
	context->sessions[index] = session;
	kw_mutex_unlock(&context->lock);
	if (old != NULL) {
		mbedtls_ssl_session_free(&old->session);
		kw_free(old);
	}
}
#endif
