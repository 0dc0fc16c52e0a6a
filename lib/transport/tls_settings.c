/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS settings that are no plain text: certificates and keys from memory, the
 * clock.  Public functions of kwire/security.h, called by programs.
 */
#include <string.h>

#include "../base/base64.h"
#include "../base/error.h"
#include "../config/config.h"

/*
 * Sets `name` to PEM as it is, or to base64 of anything else, which is then
 * DER; tls_load.c tells them apart.
 */
static int set_bytes(struct kwire_config *config, const char *name, const void *data, size_t size,
		     struct kwire_error *error)
{
	size_t text_size = size + 1 > kw_base64_size(size) ? size + 1 : kw_base64_size(size);
	char *text;
	int result;

	if (data == NULL || size == 0 || size > (16 << 20))
		return kw_fail(error, KWIRE_EINVAL, "%s: nothing given, or too much", name);
	text = kw_alloc(config->memory, text_size);
	if (text == NULL)
		return kw_fail_memory(error);
	memcpy(text, data, size);
	text[size] = '\0';
	if (strstr(text, "-----BEGIN") == NULL)
		kw_base64_encode(data, size, false, text);
	result = kwire_config_set(config, name, text, error);
	kw_wipe(text, text_size);
	kw_free(text);
	return result;
}

int kwire_config_set_ca(struct kwire_config *config, const void *certificates, size_t size,
			struct kwire_error *error)
{
	if (config == NULL)
		return kw_fail_memory(error);
	return set_bytes(config, "ssl.ca.pem", certificates, size, error);
}

int kwire_config_set_identity(struct kwire_config *config, const void *certificates,
			      size_t certificates_size, const void *key, size_t key_size,
			      const char *password, struct kwire_error *error)
{
	int result;

	if (config == NULL)
		return kw_fail_memory(error);
	result = set_bytes(config, "ssl.certificate.pem", certificates, certificates_size, error);
	if (result == 0)
		result = set_bytes(config, "ssl.key.pem", key, key_size, error);
	if (result == 0)
		result = kwire_config_set(config, "ssl.key.password",
					  password != NULL ? password : "", error);
	return result;
}

int kwire_config_set_clock(struct kwire_config *config, kwire_clock_function *clock, void *context)
{
	if (config == NULL)
		return KWIRE_ENOMEM;
	config->hooks.clock = clock;
	config->hooks.clock_context = context;
	return KWIRE_OK;
}
