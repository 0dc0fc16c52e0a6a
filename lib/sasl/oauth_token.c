/* SPDX-License-Identifier: Apache-2.0 */
/* See oauth_token.h. */
#include "oauth_token.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../base/error.h"
#include "../base/file.h"
#include "credentials.h"
#include "jaas.h"
#include "oidc.h"

enum {
	TOKEN_FILE_MAX = 262144,
	UNSECURED_LIFE_S = 3600,
};

void kw_oauth_token_fini(struct kw_oauth_token *token)
{
	kw_secret_free(token->token);
	kw_secret_free(token->extensions);
	token->token = NULL;
	token->extensions = NULL;
}

struct answer {
	struct kw_memory *memory;
	struct kw_oauth_token *token;
};

static int give(void *context, const char *token, const char *extensions)
{
	struct answer *answer = context;

	kw_oauth_token_fini(answer->token);
	answer->token->token = kw_strdup(answer->memory, token != NULL ? token : "");
	answer->token->extensions = kw_strdup(answer->memory, extensions != NULL ? extensions : "");
	return answer->token->token != NULL && answer->token->extensions != NULL ? KWIRE_OK
										 : KWIRE_ENOMEM;
}

static int from_callback(struct kw_oauth_token *token, const struct kw_sasl_setting *setting,
			 const struct kwire_sasl_login *login, struct kwire_error *error)
{
	const struct kw_security_hooks *hooks = &setting->config->hooks;
	struct answer answer = {setting->memory, token};
	struct kwire_error own = kw_no_error();
	int result = hooks->token(hooks->token_context, login->host, login->deadline_ms, give,
				  &answer, &own);

	if (result < 0) {
		if (own.result == KWIRE_OK)
			kw_fail_in(&own, result, KWIRE_PHASE_SASL,
				   "the program's token callback failed");
		return kw_error_copy(error, &own);
	}
	if (token->token == NULL)
		return kw_fail_in(error, KWIRE_ECONFIG, KWIRE_PHASE_SASL,
				  "the program's token callback gave none");
	return KWIRE_OK;
}

static int from_file(struct kw_oauth_token *token, struct kw_memory *memory, const char *path,
		     struct kwire_error *error)
{
	uint8_t *data;
	size_t size;
	int result = kw_file_read(memory, path, TOKEN_FILE_MAX, "token file", &data, &size, error);

	if (result != 0)
		return result;
	while (size > 0 && strchr(" \t\r\n", data[size - 1]) != NULL)
		data[--size] = '\0';
	token->token = (char *)data;
	return KWIRE_OK;
}

/* Words of an unsecured token's settings. */
struct unsecured {
	char principal_claim[64];
	char scope_claim[64];
	char principal[256];
	char scope[512];
	int64_t life_s;
	char extensions[1024];
};

static bool keep(char *to, size_t size, const char *value, size_t value_size)
{
	/* What would have to be escaped in JSON has no place in a test's token. */
	for (size_t i = 0; i < value_size; i++)
		if (value[i] == '"' || value[i] == '\\' || (unsigned char)value[i] < 0x20)
			return false;
	return (size_t)snprintf(to, size, "%.*s", (int)value_size, value) < size;
}

static bool parse_word(struct unsecured *u, const char *name, size_t name_size, const char *value,
		       size_t size)
{
#define NAMED(text) (name_size == sizeof(text) - 1 && memcmp(name, text, sizeof(text) - 1) == 0)
	size_t used = strlen(u->extensions);

	if (NAMED("principal"))
		return size > 0 && keep(u->principal, sizeof(u->principal), value, size);
	if (NAMED("scope"))
		return keep(u->scope, sizeof(u->scope), value, size);
	if (NAMED("principalClaimName"))
		return size > 0 &&
		       keep(u->principal_claim, sizeof(u->principal_claim), value, size);
	if (NAMED("scopeClaimName"))
		return size > 0 && keep(u->scope_claim, sizeof(u->scope_claim), value, size);
	if (NAMED("lifeSeconds")) {
		u->life_s = 0;
		for (size_t i = 0; i < size; i++) {
			if (value[i] < '0' || value[i] > '9' || u->life_s > 100000000)
				return false;
			u->life_s = u->life_s * 10 + (value[i] - '0');
		}
		return size > 0;
	}
	if (name_size > 10 && memcmp(name, "extension_", 10) == 0)
		return (size_t)snprintf(u->extensions + used, sizeof(u->extensions) - used,
					"%s%.*s=%.*s", used > 0 ? "," : "", (int)name_size - 10,
					name + 10, (int)size, value) < sizeof(u->extensions) - used;
	return false;
#undef NAMED
}

static int parse_unsecured(struct unsecured *u, const char *settings, struct kwire_error *error)
{
	memset(u, 0, sizeof(*u));
	memcpy(u->principal_claim, "sub", 4);
	memcpy(u->scope_claim, "scope", 6);
	u->life_s = UNSECURED_LIFE_S;
	while (*settings != '\0') {
		size_t size = strcspn(settings, " ");
		const char *equals = memchr(settings, '=', size);

		if (size > 0 && (equals == NULL ||
				 !parse_word(u, settings, (size_t)(equals - settings), equals + 1,
					     size - (size_t)(equals - settings) - 1)))
			return kw_fail(error, KWIRE_ECONFIG,
				       "sasl.oauthbearer.config: cannot use \"%.*s\"; it takes "
				       "principal=, scope=, lifeSeconds=, principalClaimName=, "
				       "scopeClaimName= and extension_<name>=",
				       size > 80 ? 80 : (int)size, settings);
		settings += size;
		settings += *settings == ' ';
	}
	if (u->principal[0] == '\0')
		return kw_fail(error, KWIRE_ECONFIG,
			       "sasl.oauthbearer.config: principal= is missing");
	return KWIRE_OK;
}

int kw_oauth_unsecured(struct kw_memory *memory, const char *settings, int64_t now_s,
		       struct kw_oauth_token *token, struct kwire_error *error)
{
	static const char head[] = "{\"alg\":\"none\"}";
	char claims[1536];
	size_t used, at;
	struct unsecured u;
	const char *scope;
	int result = parse_unsecured(&u, settings, error);

	if (result != 0)
		return result;
	used = (size_t)snprintf(claims, sizeof(claims),
				"{\"%s\":\"%s\",\"iat\":%" PRId64 ",\"exp\":%" PRId64,
				u.principal_claim, u.principal, now_s, now_s + u.life_s);
	scope = u.scope;
	if (*scope != '\0')
		used += (size_t)snprintf(claims + used, sizeof(claims) - used, ",\"%s\":[",
					 u.scope_claim);
	while (*scope != '\0') {
		size_t size = strcspn(scope, ",");

		used += (size_t)snprintf(claims + used, sizeof(claims) - used, "\"%.*s\"%s",
					 (int)size, scope, scope[size] == ',' ? "," : "]");
		scope += size + (scope[size] == ',');
		if (*scope == '\0' && scope[-1] == ',')
			return kw_fail(error, KWIRE_ECONFIG,
				       "sasl.oauthbearer.config: scope= ends with a comma");
		if (used >= sizeof(claims))
			break;
	}
	if (used + 2 > sizeof(claims))
		return kw_fail(error, KWIRE_ECONFIG, "sasl.oauthbearer.config: too long");
	claims[used++] = '}';
	token->token = kw_alloc(memory, kw_base64_size(sizeof(head)) + kw_base64_size(used) + 2);
	token->extensions = kw_strdup(memory, u.extensions);
	if (token->token == NULL || token->extensions == NULL) {
		kw_oauth_token_fini(token);
		return kw_fail_memory(error);
	}
	at = kw_base64_encode(head, sizeof(head) - 1, true, token->token);
	token->token[at++] = '.';
	at += kw_base64_encode(claims, used, true, token->token + at);
	token->token[at++] = '.';
	token->token[at] = '\0';
	return KWIRE_OK;
}

/* What Java's unsecured login is told in a JAAS line, as our own settings. */
static int unsecured_from_jaas(struct kw_oauth_token *token, struct kw_memory *memory,
			       const char *line, struct kwire_error *error)
{
	char *subject = NULL, *life = NULL, settings[512];
	int result = kw_jaas_option(memory, line, "unsecuredLoginStringClaim_sub", &subject, error);

	if (result == 0)
		result = kw_jaas_option(memory, line, "unsecuredLoginLifetimeSeconds", &life,
					error);
	if (result == 0 && subject != NULL) {
		int size = snprintf(settings, sizeof(settings), "principal=%s lifeSeconds=%s",
				    subject, life != NULL ? life : "3600");

		if ((size_t)size >= sizeof(settings))
			result = kw_fail(error, KWIRE_ECONFIG, "sasl.jaas.config: too long");
		else
			result = kw_oauth_unsecured(memory, settings, (int64_t)time(NULL), token,
						    error);
	}
	kw_secret_free(subject);
	kw_secret_free(life);
	return result;
}

/* Adds "name=value" to the extensions that are there already. */
struct extensions {
	struct kw_memory *memory;
	char **list;
};

static int add_extension(void *context, const char *name, const char *value)
{
	struct extensions *extensions = context;
	size_t used = *extensions->list != NULL ? strlen(*extensions->list) : 0;
	size_t size = used + strlen(name) + strlen(value) + 3;
	char *grown = kw_realloc(extensions->memory, *extensions->list, size);

	if (grown == NULL)
		return KWIRE_ENOMEM;
	snprintf(grown + used, size - used, "%s%s=%s", used > 0 ? "," : "", name, value);
	*extensions->list = grown;
	return 0;
}

/* The file in a URL "file:///path", as Java's clients take it too; NULL: it is none. */
static const char *file_of(const char *url)
{
	return strncmp(url, "file:///", 8) == 0 ? url + 7 : NULL;
}

bool kw_oauth_wants_endpoint(const struct kwire_config *config)
{
	const struct kw_security_settings *settings = &config->settings.security;

	/* Java's clients have no word for the method: the URL alone asks for it. */
	return config->hooks.token == NULL && file_of(settings->oauth_token_endpoint_url) == NULL &&
	       (settings->oauth_method == KW_OAUTH_OIDC ||
		(*settings->oauth_token_endpoint_url != '\0' &&
		 *settings->oauth_token_file == '\0' && *settings->oauth_config == '\0'));
}

int kw_oauth_no_endpoint(struct kwire_error *error)
{
	return kw_fail_in(error, KWIRE_ENOTBUILT, KWIRE_PHASE_SASL,
			  "a token endpoint is configured, but this program did not link the code "
			  "for it: it has to call kwire_oauth_client_credentials(config)");
}

int kw_oauth_token_get(struct kw_oauth_token *token, const struct kw_sasl_setting *setting,
		       const struct kwire_sasl_login *login, struct kwire_error *error)
{
	const struct kw_security_settings *settings = &setting->config->settings.security;
	struct extensions extensions = {setting->memory, &token->extensions};
	int result = 0;

	memset(token, 0, sizeof(*token));
	if (setting->config->hooks.token != NULL)
		result = from_callback(token, setting, login, error);
	else if (kw_oauth_wants_endpoint(setting->config))
		result = setting->config->hooks.token_source != NULL
				 ? setting->config->hooks.token_source->fetch(setting, login,
									      &token->token, error)
				 : kw_oauth_no_endpoint(error);
	else if (file_of(settings->oauth_token_endpoint_url) != NULL)
		result = from_file(token, setting->memory,
				   file_of(settings->oauth_token_endpoint_url), error);
	else if (*settings->oauth_token_file != '\0')
		result = from_file(token, setting->memory, settings->oauth_token_file, error);
	else if (*settings->oauth_config != '\0')
		result = kw_oauth_unsecured(setting->memory, settings->oauth_config,
					    (int64_t)time(NULL), token, error);
	else if (*settings->jaas_config != '\0')
		result = unsecured_from_jaas(token, setting->memory, settings->jaas_config, error);
	if (result == 0 && token->token == NULL)
		result = kw_fail_in(error, KWIRE_ECONFIG, KWIRE_PHASE_SASL,
				    "OAUTHBEARER needs a token: a callback, "
				    "sasl.oauthbearer.token.endpoint.url, "
				    "sasl.oauthbearer.token.file or sasl.oauthbearer.config");
	if (result == 0 && (token->extensions == NULL || *token->extensions == '\0')) {
		kw_free(token->extensions);
		token->extensions = *settings->oauth_extensions != '\0'
					    ? kw_strdup(setting->memory, settings->oauth_extensions)
					    : NULL;
		if (*settings->oauth_extensions != '\0' && token->extensions == NULL)
			result = KWIRE_ENOMEM;
		else if (*settings->jaas_config != '\0')
			result = kw_jaas_each(setting->memory, settings->jaas_config, "extension_",
					      add_extension, &extensions, error);
		if (result == KWIRE_ENOMEM)
			kw_fail_memory(error);
		if (result == 0 && token->extensions == NULL) {
			token->extensions = kw_strdup(setting->memory, "");
			if (token->extensions == NULL)
				result = kw_fail_memory(error);
		}
	}
	if (result != 0)
		kw_oauth_token_fini(token);
	return result;
}
