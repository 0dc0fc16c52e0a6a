/* SPDX-License-Identifier: Apache-2.0 */
/* See tls_load.h. */
#include "../base/error.h"

#if KW_WITH_TLS
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/base64.h"
#include "../base/file.h"
#include "../config/table.h"
#include "tls_load.h"

enum {
	FILE_MAX = 16 << 20, /* a system's roots are some 200 KiB */
};

/* Where systems keep their trusted certificates, the first that is there counts. */
static const char *const system_roots[] = {
	"/etc/ssl/certs/ca-certificates.crt", /* Debian, Alpine, Arch */
	"/etc/pki/tls/certs/ca-bundle.crt",   /* Fedora, RHEL */
	"/etc/ssl/ca-bundle.pem",             /* SUSE */
	"/etc/ssl/cert.pem",                  /* OpenWrt, BSDs */
	"/etc/ssl/certs",
};

static bool is_pem(const uint8_t *data)
{
	return strstr((const char *)data, "-----BEGIN") != NULL;
}

static void release(uint8_t *data, size_t size)
{
	if (data != NULL)
		kw_wipe(data, size);
	kw_free(data);
}

/*
 * The bytes of a setting's value: PEM text as it is, or else base64 of DER (as
 * kwire_config_set_ca and its like store it).  Always with a NUL behind.
 */
static int from_text(struct kw_memory *memory, const char *text, const char *what, uint8_t **data,
		     size_t *size, struct kwire_error *error)
{
	size_t length = strlen(text);
	uint8_t *copy = kw_alloc(memory, length + 1);

	if (copy == NULL)
		return kw_fail_memory(error);
	memcpy(copy, text, length + 1);
	*size = length;
	if (!is_pem(copy) && !kw_base64_decode(text, length, copy, size)) {
		release(copy, length);
		return kw_fail_in(error, KWIRE_ECONFIG, KWIRE_PHASE_TLS,
				  "%s is neither PEM nor base64 of DER", what);
	}
	copy[*size] = '\0';
	*data = copy;
	return KWIRE_OK;
}

/* Java's own format, or PKCS #12: version 3 in front, where a certificate has another sequence. */
static bool is_java_store(const uint8_t *data, size_t size)
{
	size_t at = 2;

	if (size >= 4 &&
	    (memcmp(data, "\xfe\xed\xfe\xed", 4) == 0 || memcmp(data, "\xce\xce\xce\xce", 4) == 0))
		return true;
	if (size < 8 || data[0] != 0x30)
		return false;
	if (data[1] & 0x80)
		at += data[1] & 0x7f;
	return at + 3 <= size && memcmp(data + at, "\x02\x01\x03", 3) == 0;
}

/* Adds the certificates in `data`; `*count` grows by how many were understood. */
static int add_certificates(mbedtls_x509_crt *chain, const uint8_t *data, size_t size, int *count)
{
	/* mbedTLS wants the NUL counted for PEM, and returns how many it could not read. */
	int code = mbedtls_x509_crt_parse(chain, data, is_pem(data) ? size + 1 : size);

	if (code < 0)
		return code;
	*count = 0;
	for (const mbedtls_x509_crt *at = chain; at != NULL && at->version != 0; at = at->next)
		++*count;
	return 0;
}

static int unreadable(struct kwire_error *error, const char *what, const char *path, int code)
{
	kw_fail_in(error, KWIRE_ECONFIG, KWIRE_PHASE_TLS, "the %s %s holds nothing usable", what,
		   path);
	if (code == MBEDTLS_ERR_X509_ALLOC_FAILED)
		return kw_fail_memory(error);
	if (error != NULL)
		error->tls_code = code;
	return KWIRE_ECONFIG;
}

static int add_file(mbedtls_x509_crt *chain, struct kw_memory *memory, const char *path,
		    const char *what, int *count, struct kwire_error *error)
{
	uint8_t *data;
	size_t size;
	int code, result = kw_file_read(memory, path, FILE_MAX, what, &data, &size, error);

	if (result != 0)
		return result;
	code = add_certificates(chain, data, size, count);
	if (code != 0)
		result = is_java_store(data, size) ? kw_property_java_store(path, true, error)
						   : unreadable(error, what, path, code);
	release(data, size);
	return result;
}

/* Every file of a directory; what is no certificate is passed over. */
static int add_directory(mbedtls_x509_crt *chain, struct kw_memory *memory, const char *path,
			 int *count, struct kwire_error *error)
{
	DIR *directory = opendir(path);
	const struct dirent *entry;
	struct kwire_error ignored;
	char name[4096];

	if (directory == NULL)
		return kw_fail_in(error, KWIRE_ECONFIG, KWIRE_PHASE_TLS,
				  "cannot read the directory %s", path);
	while ((entry = readdir(directory)) != NULL) {
		struct stat status;

		if (entry->d_name[0] == '.' ||
		    (size_t)snprintf(name, sizeof(name), "%s/%s", path, entry->d_name) >=
			    sizeof(name) ||
		    stat(name, &status) != 0 || !S_ISREG(status.st_mode))
			continue;
		if (add_file(chain, memory, name, "certificate", count, &ignored) == KWIRE_ENOMEM) {
			closedir(directory);
			return kw_fail_memory(error);
		}
	}
	closedir(directory);
	return KWIRE_OK;
}

static int add_path(mbedtls_x509_crt *chain, struct kw_memory *memory, const char *path, int *count,
		    struct kwire_error *error)
{
	struct stat status;

	if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
		return add_directory(chain, memory, path, count, error);
	return add_file(chain, memory, path, "CA file", count, error);
}

int kw_tls_load_ca(mbedtls_x509_crt *chain, struct kw_memory *memory,
		   const struct kw_security_settings *settings, struct kwire_error *error)
{
	int count = 0, result = 0;

	if (*settings->ca_pem != '\0') {
		uint8_t *data;
		size_t size;

		result = from_text(memory, settings->ca_pem, "ssl.ca.pem", &data, &size, error);
		if (result == 0) {
			int code = add_certificates(chain, data, size, &count);

			release(data, size);
			if (code != 0)
				result = unreadable(error, "value of", "ssl.ca.pem", code);
		}
	}
	if (result == 0 && *settings->ca_location != '\0')
		result = add_path(chain, memory, settings->ca_location, &count, error);
	if (result == 0 && *settings->ca_pem == '\0' && *settings->ca_location == '\0')
		for (size_t i = 0; i < sizeof(system_roots) / sizeof(system_roots[0]); i++) {
			result = add_path(chain, memory, system_roots[i], &count, error);
			if (result == KWIRE_ENOMEM || count > 0)
				break;
			result = 0;
		}
	if (result == 0 && count == 0)
		result = kw_fail_in(error, KWIRE_ECONFIG, KWIRE_PHASE_TLS,
				    "no trusted certificate was found%s%s: set ssl.ca.location",
				    *settings->ca_location != '\0' ? " in " : " on this system",
				    settings->ca_location);
	return result;
}

/* The bytes of one half of an identity, from a value or a file. */
static int half(struct kw_memory *memory, const char *text, const char *path, const char *name,
		const char *what, uint8_t **data, size_t *size, struct kwire_error *error)
{
	if (*text != '\0')
		return from_text(memory, text, name, data, size, error);
	return kw_file_read(memory, path, FILE_MAX, what, data, size, error);
}

static int key_refused(struct kwire_error *error, int code)
{
	const char *why = "cannot be read; if it is encrypted, `openssl pkcs8 -topk8 -v2 des3 -in "
			  "key.pem -out new.pem` makes it readable for any mbedTLS";

	if (code == MBEDTLS_ERR_PK_ALLOC_FAILED)
		return kw_fail_memory(error);
	if (code == MBEDTLS_ERR_PK_PASSWORD_REQUIRED || code == MBEDTLS_ERR_PEM_PASSWORD_REQUIRED)
		why = "is encrypted: set ssl.key.password";
	else if (code == MBEDTLS_ERR_PK_PASSWORD_MISMATCH ||
		 code == MBEDTLS_ERR_PEM_PASSWORD_MISMATCH)
		why = "does not open with ssl.key.password";
	kw_fail_in(error, KWIRE_ECONFIG, KWIRE_PHASE_TLS, "the client's private key %s", why);
	if (error != NULL)
		error->tls_code = code;
	return KWIRE_ECONFIG;
}

static int parse_key(mbedtls_pk_context *key, const uint8_t *data, size_t size,
		     const char *password)
{
	const unsigned char *secret = *password != '\0' ? (const unsigned char *)password : NULL;
	size_t secret_size = strlen(password);

	size += is_pem(data) ? 1 : 0;
#if KW_MBEDTLS_3
	return mbedtls_pk_parse_key(key, data, size, secret, secret_size, kw_tls_random, NULL);
#else
	return mbedtls_pk_parse_key(key, data, size, secret, secret_size);
#endif
}

static int check_pair(const mbedtls_x509_crt *chain, const mbedtls_pk_context *key)
{
#if KW_MBEDTLS_3
	return mbedtls_pk_check_pair(&chain->pk, key, kw_tls_random, NULL);
#else
	return mbedtls_pk_check_pair(&chain->pk, key);
#endif
}

int kw_tls_load_identity(mbedtls_x509_crt *chain, mbedtls_pk_context *key, bool *present,
			 struct kw_memory *memory, const struct kw_security_settings *settings,
			 struct kwire_error *error)
{
	/* One file may hold both. */
	const char *key_path = *settings->key_location != '\0' ? settings->key_location
							       : settings->certificate_location;
	bool has_certificate = *settings->certificate_pem != '\0' ||
			       *settings->certificate_location != '\0';
	bool has_key = *settings->key_pem != '\0' || *settings->key_location != '\0';
	uint8_t *data = NULL;
	size_t size = 0;
	int code, count = 0, result;

	*present = has_certificate;
	if (!has_certificate && has_key)
		return kw_fail_in(error, KWIRE_ECONFIG, KWIRE_PHASE_TLS,
				  "a private key without a certificate: set "
				  "ssl.certificate.location");
	if (!has_certificate)
		return KWIRE_OK;
	result = half(memory, settings->certificate_pem, settings->certificate_location,
		      "ssl.certificate.pem", "certificate", &data, &size, error);
	if (result != 0)
		return result;
	code = add_certificates(chain, data, size, &count);
	if (code != 0 || count == 0)
		result = is_java_store(data, size)
				 ? kw_property_java_store(settings->certificate_location, false,
							  error)
				 : unreadable(error, "client's certificate",
					      settings->certificate_location, code);
	release(data, size);
	if (result != 0)
		return result;
	if (!has_key && *settings->certificate_location == '\0')
		return kw_fail_in(error, KWIRE_ECONFIG, KWIRE_PHASE_TLS,
				  "a certificate without its private key: set ssl.key.location");
	result = half(memory, settings->key_pem, key_path, "ssl.key.pem", "private key", &data,
		      &size, error);
	if (result != 0)
		return result;
	code = parse_key(key, data, size, settings->key_password);
	release(data, size);
	if (code != 0)
		return key_refused(error, code);
	if (check_pair(chain, key) != 0)
		return kw_fail_in(error, KWIRE_ECONFIG, KWIRE_PHASE_TLS,
				  "the private key does not belong to the certificate");
	return KWIRE_OK;
}

int kw_tls_load_crl(mbedtls_x509_crl *crl, bool *present, struct kw_memory *memory,
		    const struct kw_security_settings *settings, struct kwire_error *error)
{
	uint8_t *data;
	size_t size;
	int code, result;

	*present = *settings->crl_location != '\0';
	if (!*present)
		return KWIRE_OK;
	result = kw_file_read(memory, settings->crl_location, FILE_MAX, "revocation list", &data,
			      &size, error);
	if (result != 0)
		return result;
	code = mbedtls_x509_crl_parse(crl, data, is_pem(data) ? size + 1 : size);
	release(data, size);
	return code != 0 ? unreadable(error, "revocation list", settings->crl_location, code)
			 : KWIRE_OK;
}
#endif
