/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bearer tokens from a token endpoint by the client-credentials grant of RFC
 * 6749 (section 4.4), as identity providers offer it to services.  See
 * kwire_oauth_client_credentials() in kwire/sasl.h; reached through oidc.h.
 * One HTTP request on a connection of its own, made by the thread that logs in.
 */
#include "oidc.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/base64.h"
#include "../base/clock.h"
#include "../base/error.h"
#include "../base/lock.h"
#include "../transport/http.h"
#include "../transport/socket.h"
#include "../transport/tls.h"
#include "credentials.h"
#include "jaas.h"
#include "json_member.h"

/* ------------------------------------------------------------------ settings */

/* Who asks, for what; all of it copies. */
struct client {
	struct kw_http_url url;
	char *id;
	char *secret;
	char *scope; /* NULL: none */
};

static void client_fini(struct client *client)
{
	kw_secret_free(client->id);
	kw_secret_free(client->secret);
	kw_free(client->scope);
}

/* A property, else the JAAS line's option. */
static int setting_of(struct kw_memory *memory, const char *property, const char *jaas,
		      const char *option, char **value, struct kwire_error *error)
{
	if (*property == '\0')
		return *jaas == '\0' ? 0 : kw_jaas_option(memory, jaas, option, value, error);
	*value = kw_strdup(memory, property);
	return *value != NULL ? 0 : kw_fail_memory(error);
}

static int client_init(struct client *client, struct kw_memory *memory,
		       const struct kwire_config *config, struct kwire_error *error)
{
	const struct kw_security_settings *settings = &config->settings.security;
	const char *jaas = settings->jaas_config;
	int result;

	memset(client, 0, sizeof(*client));
	if (*settings->oauth_token_endpoint_url == '\0')
		return kw_fail(error, KWIRE_ECONFIG,
			       "sasl.oauthbearer.token.endpoint.url is not set");
	result = kw_http_url_parse(&client->url, settings->oauth_token_endpoint_url, error);
	if (result != 0) {
		kw_error_add(error, " (sasl.oauthbearer.token.endpoint.url)");
		return result;
	}
	result = setting_of(memory, settings->oauth_client_id, jaas, "clientId", &client->id,
			    error);
	if (result == 0)
		result = setting_of(memory, settings->oauth_client_secret, jaas, "clientSecret",
				    &client->secret, error);
	if (result == 0)
		result = setting_of(memory, settings->oauth_scope, jaas, "scope", &client->scope,
				    error);
	if (result == 0 && (client->id == NULL || client->secret == NULL))
		result = kw_fail(error, KWIRE_ECONFIG,
				 "sasl.oauthbearer.client.credentials.client.%s is not set",
				 client->id == NULL ? "id" : "secret");
	if (result != 0)
		client_fini(client);
	return result;
}

static int check(const struct kwire_config *config, struct kwire_error *error)
{
	struct client client;
	int result = client_init(&client, config->memory, config, error);

	if (result == 0)
		client_fini(&client);
	return result;
}

/* ------------------------------------------------------------------- request */

/* New text as printf(3) makes it, for kw_secret_free(); NULL: no memory. */
static char *text_of(struct kw_memory *memory, const char *format, ...) KW_PRINTF(2, 3);

static char *text_of(struct kw_memory *memory, const char *format, ...)
{
	va_list arguments;
	char *text;
	int size;

	va_start(arguments, format);
	size = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	text = size >= 0 ? kw_alloc(memory, (size_t)size + 1) : NULL;
	if (text == NULL)
		return NULL;
	va_start(arguments, format);
	vsnprintf(text, (size_t)size + 1, format, arguments);
	va_end(arguments);
	return text;
}

/* A copy as HTML forms encode it, for kw_secret_free(); NULL: no memory. */
static char *encoded(struct kw_memory *memory, const char *text)
{
	static const char digits[] = "0123456789ABCDEF";
	char *copy = kw_alloc(memory, 3 * strlen(text) + 1), *to = copy;

	if (copy == NULL)
		return NULL;
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
		    strchr("-._*", c) != NULL) {
			*to++ = (char)c;
		} else if (c == ' ') {
			*to++ = '+';
		} else {
			*to++ = '%';
			*to++ = digits[c >> 4];
			*to++ = digits[c & 15];
		}
	}
	*to = '\0';
	return copy;
}

/* "id:secret" in base64, as the header Authorization has it. */
static char *identity_of(struct kw_memory *memory, const struct client *client, bool encode)
{
	char *id = encode ? encoded(memory, client->id) : kw_strdup(memory, client->id);
	char *secret = encode ? encoded(memory, client->secret) : kw_strdup(memory, client->secret);
	char *both = id != NULL && secret != NULL ? text_of(memory, "%s:%s", id, secret) : NULL;
	char *identity = both != NULL ? kw_alloc(memory, kw_base64_size(strlen(both))) : NULL;

	if (identity != NULL)
		kw_base64_encode(both, strlen(both), false, identity);
	kw_secret_free(id);
	kw_secret_free(secret);
	kw_secret_free(both);
	return identity;
}

static char *request_of(struct kw_memory *memory, const struct client *client, bool encode)
{
	const struct kw_http_url *url = &client->url;
	char *identity = identity_of(memory, client, encode);
	char *scope = encoded(memory, client->scope != NULL ? client->scope : "");
	char *form = NULL, *request = NULL;
	bool brackets = strchr(url->host, ':') != NULL;

	if (scope != NULL)
		form = text_of(memory, "grant_type=client_credentials%s%s",
			       *scope != '\0' ? "&scope=" : "", scope);
	if (identity != NULL && form != NULL)
		request = text_of(memory,
				  "POST %s HTTP/1.1\r\nHost: %s%s%s:%d\r\nUser-Agent: kwire\r\n"
				  "Accept: application/json\r\nConnection: close\r\n"
				  "Authorization: Basic %s\r\n"
				  "Content-Type: application/x-www-form-urlencoded\r\n"
				  "Content-Length: %zu\r\n\r\n%s",
				  url->target, brackets ? "[" : "", url->host, brackets ? "]" : "",
				  url->port, identity, strlen(form), form);
	kw_secret_free(identity);
	kw_free(scope);
	kw_free(form);
	return request;
}

/* -------------------------------------------------------------------- answer */

/* Members of an answer, good (RFC 6749, 5.1) or bad (5.2). */
enum {
	ACCESS_TOKEN,
	TOKEN_TYPE,
	EXPIRES_IN,
	ERROR,
	ERROR_DESCRIPTION,
	MEMBERS
};

/* A string of the answer, fit for a message. */
static const char *printable(struct kw_json_member *member)
{
	if (member->kind != KW_JSON_STRING)
		return "";
	for (char *at = member->text; *at != '\0'; at++)
		if ((unsigned char)*at < 0x20 || (unsigned char)*at >= 0x7f)
			*at = '?';
	return member->text;
}

/* What an answer that brings no token means to the login. */
static int refused(int status, bool json, struct kw_json_member *members, struct kwire_error *error)
{
	const char *code = json ? printable(&members[ERROR]) : "";
	const char *description = json ? printable(&members[ERROR_DESCRIPTION]) : "";

	if (*code != '\0' && status < 500)
		return kw_fail(error, KWIRE_EAUTH,
			       "it refused the client: %.100s%s%.300s (HTTP %d)", code,
			       *description != '\0' ? ": " : "", description, status);
	if (status == 429 || status >= 500)
		return kw_fail(error, KWIRE_ESASL, "it failed with HTTP %d", status);
	if (status >= 300 && status < 400)
		return kw_fail(error, KWIRE_ECONFIG,
			       "it redirects elsewhere (HTTP %d): set "
			       "sasl.oauthbearer.token.endpoint.url to where it leads",
			       status);
	if (status == 401 || status == 403)
		return kw_fail(error, KWIRE_EAUTH, "it refused the client (HTTP %d)", status);
	if (status >= 400)
		return kw_fail(error, KWIRE_ECONFIG,
			       "it answered HTTP %d: is sasl.oauthbearer.token.endpoint.url right?",
			       status);
	return kw_fail(error, KWIRE_ESASL, "it answered HTTP %d without an access_token%s", status,
		       json ? "" : ", and not in JSON");
}

static bool is_bearer(const char *type)
{
	static const char bearer[] = "bearer";
	size_t i;

	for (i = 0; i < sizeof(bearer) - 1; i++)
		if ((type[i] | 0x20) != bearer[i])
			return false;
	return type[i] == '\0';
}

/* `*life_s`: how long the token is good for, 0: not said. */
static int read_answer(struct kw_memory *memory, const struct kw_http_answer *answer, char **token,
		       int64_t *life_s, struct kwire_error *error)
{
	struct kw_json_member members[MEMBERS] = {
		[ACCESS_TOKEN] = {.name = "access_token"},
		[TOKEN_TYPE] = {.name = "token_type"},
		[EXPIRES_IN] = {.name = "expires_in"},
		[ERROR] = {.name = "error"},
		[ERROR_DESCRIPTION] = {.name = "error_description"},
	};
	bool json = kw_json_members(answer->body, answer->body_size, members, MEMBERS);

	if (answer->status != 200 || !json || members[ACCESS_TOKEN].kind != KW_JSON_STRING)
		return refused(answer->status, json, members, error);
	if (members[TOKEN_TYPE].kind == KW_JSON_STRING && !is_bearer(members[TOKEN_TYPE].text))
		return kw_fail(error, KWIRE_ESASL,
			       "it gave a token of type %.40s, where a bearer token is needed",
			       printable(&members[TOKEN_TYPE]));
	/* Some servers write the number as a string. */
	*life_s = members[EXPIRES_IN].kind == KW_JSON_NUMBER ||
				  members[EXPIRES_IN].kind == KW_JSON_STRING
			  ? strtoll(members[EXPIRES_IN].text, NULL, 10)
			  : 0;
	*token = kw_strdup(memory, members[ACCESS_TOKEN].text);
	return *token != NULL ? KWIRE_OK : kw_fail_memory(error);
}

/* ------------------------------------------------------------------ exchange */

/* How the endpoint is verified: by https.ca.*, not by what brokers are verified by. */
static int endpoint_tls(const struct kwire_config *config, struct kw_tls_context **context,
			struct kwire_error *error)
{
	const struct kw_security_settings *settings = &config->settings.security;
	struct kwire_config *own = kwire_config_new_with(
		config->allocator.size > 0 ? &config->allocator : NULL);
	int result;

	if (own == NULL)
		return kw_fail_memory(error);
	kwire_config_set_clock(own, config->hooks.clock, config->hooks.clock_context);
	result = kwire_config_set(own, "ssl.ca.location", settings->https_ca_location, error);
	if (result == 0)
		result = kwire_config_set(own, "ssl.ca.pem", settings->https_ca_pem, error);
	if (result == 0)
		result = kw_tls_context_new(own, context, error);
	if (result == KWIRE_ECONFIG)
		kw_error_add(error, " (here: https.ca.location)");
	kwire_config_free(own);
	return result;
}

/* A stream to the endpoint, which `*ops` closes. */
static int connect_to(const struct kwire_config *config, const struct kw_http_url *url,
		      int64_t deadline_ms, const struct kwire_transport_ops **ops, void **transport,
		      struct kwire_error *error)
{
	const struct kwire_transport_ops *plain_ops = NULL;
	struct kw_tls_context *context = NULL;
	char address[KW_ADDRESS_TEXT];
	void *plain = NULL;
	int result = url->tls ? endpoint_tls(config, &context, error) : KWIRE_OK;

	if (result == 0)
		result = kw_dial(config, url->host, url->port, deadline_ms, &plain_ops, &plain,
				 address, error);
	if (result == 0 && url->tls) {
		result = kw_tls_open(context, url->host, url->port, plain_ops, plain, deadline_ms,
				     ops, transport, error);
		if (result != 0)
			plain_ops->close(plain);
	} else {
		*ops = plain_ops;
		*transport = plain;
	}
	kw_tls_context_put(context);
	return result;
}

static int ask(const struct kw_sasl_setting *setting, const struct client *client,
	       int64_t deadline_ms, char **token, int64_t *life_s, struct kwire_error *error)
{
	struct kw_memory *memory = setting->memory;
	const struct kwire_transport_ops *ops;
	struct kw_http_answer answer = {.block = NULL};
	void *transport;
	char *request = request_of(memory, client,
				   setting->config->settings.security.oauth_header_urlencode);
	int result;

	if (request == NULL)
		return kw_fail_memory(error);
	if (!client->url.tls)
		kw_log(setting->config, KWIRE_LOG_WARNING,
		       "the client's secret goes to the token endpoint in plain text: use https");
	result = connect_to(setting->config, &client->url, deadline_ms, &ops, &transport, error);
	if (result == 0) {
		result = kw_http_exchange(ops, transport, memory, request, strlen(request),
					  deadline_ms, &answer, error);
		ops->close(transport);
	}
	kw_secret_free(request);
	if (result == 0)
		result = read_answer(memory, &answer, token, life_s, error);
	kw_http_answer_fini(&answer);
	return result;
}

/* Words, phase and result of a failure, as those see it who log in to a broker. */
static int explain(const struct kw_http_url *url, const struct kwire_error *cause,
		   struct kwire_error *error)
{
	bool broken = cause->result == KWIRE_EDISCONNECTED || cause->result == KWIRE_EPROTOCOL ||
		      cause->result == KWIRE_ETOOLARGE;
	int result = broken ? KWIRE_ESASL : cause->result;

	if (result == KWIRE_ENOMEM)
		return kw_error_copy(error, cause);
	kw_fail_in(error, result, KWIRE_PHASE_SASL,
		   "no token from the token endpoint %s:%d: %.600s", url->host, url->port,
		   cause->message);
	if (error != NULL) {
		error->os_errno = cause->os_errno;
		error->tls_code = cause->tls_code;
	}
	return result;
}

/* --------------------------------------------------------------------- tokens */

/* A token that logins share until it grows old; wiped with its last reference. */
struct token {
	atomic_uint references;
	int64_t fresh_until_ms;
	char text[];
};

/* Hangs on a frozen config. */
struct kw_token_store {
	struct kw_mutex lock; /* rank leaf */
	struct token *token KW_GUARDED_BY(lock);
};

static void token_put(struct token *token)
{
	if (token == NULL ||
	    atomic_fetch_sub_explicit(&token->references, 1, memory_order_acq_rel) != 1)
		return;
	kw_wipe(token->text, strlen(token->text));
	kw_free(token);
}

static struct token *token_get(struct kw_token_store *store)
{
	struct token *token = NULL;

	if (store == NULL)
		return NULL;
	kw_mutex_lock(&store->lock);
	if (store->token != NULL && store->token->fresh_until_ms > kw_now_ms()) {
		token = store->token;
		atomic_fetch_add_explicit(&token->references, 1, memory_order_relaxed);
	}
	kw_mutex_unlock(&store->lock);
	return token;
}

static void token_replace(struct kw_token_store *store, struct token *token)
{
	struct token *old;

	kw_mutex_lock(&store->lock);
	old = store->token;
	store->token = token;
	kw_mutex_unlock(&store->lock);
	token_put(old);
}

/* Keeps a copy for four fifths of its life; without memory for one, the next login asks again. */
static void token_keep(struct kw_token_store *store, struct kw_memory *memory, const char *text,
		       int64_t asked_ms, int64_t life_s)
{
	struct token *token;

	if (store == NULL || life_s <= 0 || life_s > INT32_MAX)
		return;
	token = kw_alloc(memory, sizeof(*token) + strlen(text) + 1);
	if (token == NULL)
		return;
	atomic_init(&token->references, 1);
	token->fresh_until_ms = asked_ms + life_s * 800;
	memcpy(token->text, text, strlen(text) + 1);
	token_replace(store, token);
}

/* No lock: after fork(2) nobody may ever release it. */
static void store_free(struct kw_token_store *store) KW_NO_ANALYSIS
{
	token_put(store->token);
	kw_mutex_fini(&store->lock);
	kw_free(store);
}

static int attach(struct kwire_config *config, struct kwire_error *error)
{
	struct kw_token_store *store = config->tokens;

	if (store != NULL) {
		token_replace(store, NULL);
		return KWIRE_OK;
	}
	store = kw_zalloc(config->memory, sizeof(*store));
	if (store == NULL || kw_mutex_init(&store->lock, KW_RANK_LEAF) != 0) {
		kw_free(store);
		return kw_fail_memory(error);
	}
	config->tokens = store;
	config->tokens_free = store_free;
	return KWIRE_OK;
}

static int fetch(const struct kw_sasl_setting *setting, const struct kwire_sasl_login *login,
		 char **text, struct kwire_error *error)
{
	struct kw_token_store *store = setting->config->tokens;
	struct token *token = token_get(store);
	struct kwire_error cause = KWIRE_ERROR_INIT;
	int64_t asked_ms = kw_now_ms(), life_s = 0;
	struct client client;
	int result;

	*text = NULL;
	if (token != NULL) {
		*text = kw_strdup(setting->memory, token->text);
		token_put(token);
		return *text != NULL ? KWIRE_OK : kw_fail_memory(error);
	}
	result = client_init(&client, setting->memory, setting->config, error);
	if (result != 0)
		return result;
	result = ask(setting, &client, login->deadline_ms, text, &life_s, &cause);
	if (result != 0)
		result = explain(&client.url, &cause, error);
	else
		token_keep(store, setting->memory, *text, asked_ms, life_s);
	client_fini(&client);
	return result;
}

static const struct kw_token_source client_credentials = {check, fetch, attach};

int kwire_oauth_client_credentials(struct kwire_config *config)
{
	if (config == NULL)
		return KWIRE_ENOMEM;
	config->hooks.token_source = &client_credentials;
	return KWIRE_OK;
}
