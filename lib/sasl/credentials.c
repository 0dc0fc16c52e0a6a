/* SPDX-License-Identifier: Apache-2.0 */
/* See credentials.h. */
#include "credentials.h"

#include <string.h>

#include "../base/error.h"
#include "../base/file.h"
#include "jaas.h"

enum {
	PASSWORD_FILE_MAX = 65536,
};

void kw_secret_free(char *secret)
{
	if (secret != NULL)
		kw_wipe(secret, strlen(secret));
	kw_free(secret);
}

void kw_credentials_fini(struct kw_credentials *credentials)
{
	kw_secret_free(credentials->username);
	kw_secret_free(credentials->password);
	credentials->username = NULL;
	credentials->password = NULL;
}

/* What a callback's answer is copied into. */
struct answer {
	struct kw_memory *memory;
	struct kw_credentials *credentials;
};

static int give(void *context, const char *username, const char *password)
{
	struct answer *answer = context;
	struct kw_credentials *credentials = answer->credentials;

	kw_credentials_fini(credentials);
	credentials->username = kw_strdup(answer->memory, username != NULL ? username : "");
	credentials->password = kw_strdup(answer->memory, password != NULL ? password : "");
	return credentials->username != NULL && credentials->password != NULL ? KWIRE_OK
									      : KWIRE_ENOMEM;
}

static int from_callback(struct kw_credentials *credentials, struct kw_memory *memory,
			 const struct kwire_config *config, const char *mechanism, const char *host,
			 int64_t deadline_ms, struct kwire_error *error)
{
	struct answer answer = {memory, credentials};
	struct kwire_error own = kw_no_error();
	int result = config->hooks.credentials(config->hooks.credentials_context, mechanism, host,
					       deadline_ms, give, &answer, &own);

	if (result < 0) {
		if (own.result == KWIRE_OK)
			kw_fail_in(&own, result, KWIRE_PHASE_SASL,
				   "the program's credentials callback failed");
		own.phase = KWIRE_PHASE_SASL;
		return kw_error_copy(error, &own);
	}
	if (credentials->username == NULL)
		return kw_fail_in(error, KWIRE_ECONFIG, KWIRE_PHASE_SASL,
				  "the program's credentials callback gave none");
	return KWIRE_OK;
}

static int read_password(struct kw_credentials *credentials, struct kw_memory *memory,
			 const char *path, struct kwire_error *error)
{
	uint8_t *data;
	size_t size;
	int result = kw_file_read(memory, path, PASSWORD_FILE_MAX, "password file", &data, &size,
				  error);

	if (result != 0)
		return result;
	/* An editor's newline is not part of the password. */
	while (size > 0 && (data[size - 1] == '\n' || data[size - 1] == '\r'))
		data[--size] = '\0';
	if (memchr(data, '\0', size) != NULL) {
		kw_wipe(data, size);
		kw_free(data);
		return kw_fail(error, KWIRE_ECONFIG, "the password file %s is no text", path);
	}
	credentials->password = (char *)data;
	return KWIRE_OK;
}

/* Takes from the JAAS line what properties did not say. */
static int from_jaas(struct kw_credentials *credentials, struct kw_memory *memory, const char *line,
		     struct kwire_error *error)
{
	char *token_auth = NULL;
	int result = 0;

	if (*line == '\0')
		return 0;
	if (credentials->username == NULL)
		result = kw_jaas_option(memory, line, "username", &credentials->username, error);
	if (result == 0 && credentials->password == NULL)
		result = kw_jaas_option(memory, line, "password", &credentials->password, error);
	if (result == 0)
		result = kw_jaas_option(memory, line, "tokenauth", &token_auth, error);
	if (result == 0 && token_auth != NULL && strcmp(token_auth, "true") == 0)
		credentials->token_auth = true;
	kw_free(token_auth);
	return result;
}

int kw_credentials_get(struct kw_credentials *credentials, struct kw_memory *memory,
		       const struct kwire_config *config, const char *mechanism, const char *host,
		       int64_t deadline_ms, struct kwire_error *error)
{
	const struct kw_security_settings *settings = &config->settings.security;
	int result = 0;

	memset(credentials, 0, sizeof(*credentials));
	credentials->token_auth = settings->token_auth;
	if (config->hooks.credentials != NULL) {
		result = from_callback(credentials, memory, config, mechanism, host, deadline_ms,
				       error);
		goto out;
	}
	if (*settings->username != '\0')
		credentials->username = kw_strdup(memory, settings->username);
	if (*settings->password != '\0')
		credentials->password = kw_strdup(memory, settings->password);
	else if (*settings->password_file != '\0')
		result = read_password(credentials, memory, settings->password_file, error);
	if (result == 0)
		result = from_jaas(credentials, memory, settings->jaas_config, error);
	if (result == 0 && credentials->username == NULL)
		credentials->username = kw_strdup(memory, settings->username);
	if (result == 0 && credentials->password == NULL)
		credentials->password = kw_strdup(memory, settings->password);
	if (result == 0 && (credentials->username == NULL || credentials->password == NULL))
		result = kw_fail_memory(error);
out:
	if (result != 0)
		kw_credentials_fini(credentials);
	return result;
}
