/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates and keys as files, in every form that openssl writes: PEM, DER,
 * encrypted one way or the other, Java's key stores; and what the system trusts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <unistd.h>

#include <kwire/kwire.h>

#include "../support/peer.h"
#include "mock/authority.h"
#include "transport/tls.h"

#if KW_WITH_TLS
#include "transport/tls_library.h"

static struct kw_identity authority;
static char directory[] = "/tmp/kwire-tls-XXXXXX";

static void make(struct kw_identity *identity, const struct kw_identity_options *options)
{
	struct kwire_error error;

	if (kw_identity_make(identity, options, &error) != 0)
		fail_msg("%s", error.message);
}

static void write_file(const char *name, const char *text, char path[64])
{
	FILE *file;

	snprintf(path, 64, "%s/%s", directory, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static int make_directory(void **state)
{
	struct kw_identity_options options = {.name = "Test CA", .authority = true};

	(void)state;
	make(&authority, &options);
	return mkdtemp(directory) != NULL ? 0 : -1;
}

static int remove_directory(void **state)
{
	DIR *files = opendir(directory);
	const struct dirent *file;
	char path[512];

	(void)state;
	while (files != NULL && (file = readdir(files)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", directory, file->d_name);
		if (file->d_name[0] != '.')
			remove(path);
	}
	if (files != NULL)
		closedir(files);
	return rmdir(directory);
}

static struct kwire_config *trusting(const struct kw_identity *ca)
{
	return test_config("ssl.ca.pem", ca->certificate, NULL);
}

/* Runs openssl in the directory, its words separated by spaces; skips where it is missing. */
static void openssl(const char *words)
{
	char command[512];

	snprintf(command, sizeof(command), "cd %s && openssl %s >/dev/null 2>&1", directory, words);
	if (system("command -v openssl >/dev/null") != 0) {
		print_message("no openssl on this machine\n");
		skip();
	}
	if (system(command) != 0)
		fail_msg("openssl %s", words);
}

/* What comes of a certificate and key in these files; `words` NULL: they are taken. */
static void expect_identity(const char *certificate, const char *key, const char *password,
			    const char *words)
{
	struct kwire_config *config = trusting(&authority);
	struct kw_tls_context *context = NULL;
	struct kwire_error error = KWIRE_ERROR_INIT;
	char path[64];
	int result;

	snprintf(path, sizeof(path), "%s/%s", directory, certificate);
	kwire_config_set(config, "ssl.certificate.location", path, &error);
	snprintf(path, sizeof(path), "%s/%s", directory, key);
	kwire_config_set(config, "ssl.key.location", path, &error);
	kwire_config_set(config, "ssl.key.password", password, &error);
	result = kw_tls_context_new(config, &context, &error);
	if (words == NULL && result != 0)
		fail_msg("%s, \"%s\": %s", key, password, error.message);
	if (words != NULL && (result != KWIRE_ECONFIG || strstr(error.message, words) == NULL))
		fail_msg("%s: \"%s\" does not say \"%s\"", key, error.message, words);
	assert_null(strstr(error.message, "secret"));
	kw_tls_context_put(context);
	kwire_config_free(config);
}

static void keys_come_in_der_and_encrypted(void **state)
{
	struct kw_identity_options options = {.name = "client", .issuer = &authority};
	struct kw_identity client;
	char path[64];

	(void)state;
	make(&client, &options);
	write_file("cert.pem", client.certificate, path);
	write_file("key.pem", client.key, path);
	openssl("x509 -in cert.pem -outform DER -out cert.der");
	openssl("pkey -in key.pem -outform DER -out key.der");
	openssl("ec -in key.pem -aes128 -passout pass:secret -out old.pem");
	openssl("pkcs8 -topk8 -in key.pem -v2 des3 -passout pass:secret -out des3.pem");
	openssl("pkcs8 -topk8 -in key.pem -v2 des3 -passout pass:secret -outform DER -out "
		"des3.der");
	openssl("pkcs8 -topk8 -in key.pem -v2 aes-256-cbc -passout pass:secret -out aes.pem");
	expect_identity("cert.pem", "key.pem", "", NULL);
	expect_identity("cert.der", "key.der", "", NULL);
	expect_identity("cert.der", "old.pem", "secret", NULL);
	expect_identity("cert.pem", "des3.pem", "secret", NULL);
	expect_identity("cert.pem", "des3.der", "secret", NULL);
	/* 2.28 reads no AES in PKCS#8, and says what to do; 3.6 does. */
	expect_identity("cert.pem", "aes.pem", "secret",
			KW_MBEDTLS_3 ? NULL : "openssl pkcs8 -topk8 -v2 des3");
	expect_identity("cert.pem", "old.pem", "", "is encrypted: set ssl.key.password");
	expect_identity("cert.pem", "des3.pem", "", "ssl.key.password");
	expect_identity("cert.pem", "old.pem", "wrong", "does not open with ssl.key.password");
	expect_identity("cert.pem", "des3.pem", "wrong", "does not open with ssl.key.password");
	expect_identity("cert.pem", "cert.pem", "", "key");
}

static void a_java_key_store_is_told_how_to_convert(void **state)
{
	struct kw_identity_options options = {.name = "client", .issuer = &authority};
	struct kwire_config *config = trusting(&authority);
	struct kw_tls_context *context;
	struct kw_identity client;
	struct kwire_error error;
	char path[64], both[2 * KW_PEM_MAX];

	(void)state;
	make(&client, &options);
	write_file("cert.pem", client.certificate, path);
	write_file("key.pem", client.key, path);
	openssl("pkcs12 -export -in cert.pem -inkey key.pem -passout pass:secret -out store.one");
	write_file("store.two", "\xfe\xed\xfe\xed\x01", path);
	kwire_config_free(config);
	for (int i = 0; i < 4; i++) {
		config = kwire_config_new();
		snprintf(path, sizeof(path), "%s/store.%s", directory, i % 2 ? "one" : "two");
		if (i >= 2)
			kwire_config_set(config, "ssl.ca.pem", authority.certificate, &error);
		/* As Java's clients name them. */
		assert_int_equal(kwire_config_set(config,
						  i < 2 ? "ssl.truststore.location"
							: "ssl.keystore.location",
						  path, &error),
				 0);
		assert_int_equal(kw_tls_context_new(config, &context, &error), KWIRE_ECONFIG);
		if (strstr(error.message, "keytool") == NULL ||
		    strstr(error.message, "openssl pkcs12") == NULL)
			fail_msg("%s", error.message);
		kwire_config_free(config);
	}
	/* PEM files by Java's names. */
	write_file("ca.pem", authority.certificate, path);
	config = test_config("ssl.truststore.type", "PEM", "ssl.truststore.location", path,
			     "ssl.keystore.type", "PEM", NULL);
	snprintf(both, sizeof(both), "%s%s", client.certificate, client.key);
	write_file("cert.pem", both, path);
	assert_int_equal(kwire_config_set(config, "ssl.keystore.location", path, &error), 0);
	if (kw_tls_context_new(config, &context, &error) != 0)
		fail_msg("%s", error.message);
	kw_tls_context_put(context);
	kwire_config_free(config);
}

static void what_the_system_trusts_is_trusted_where_nothing_is_named(void **state)
{
	struct kwire_config *config = kwire_config_new();
	struct kw_tls_context *context = NULL;
	struct kwire_error error = KWIRE_ERROR_INIT;
	int result = kw_tls_context_new(config, &context, &error);

	(void)state;
	kw_tls_context_put(context);
	kwire_config_free(config);
	if (access("/etc/ssl/certs/ca-certificates.crt", R_OK) == 0) {
		assert_int_equal(result, 0);
		return;
	}
	/* A machine with none: an error at once, never a connection without verification. */
	if (result != 0) {
		assert_int_equal(result, KWIRE_ECONFIG);
		assert_non_null(strstr(error.message, "set ssl.ca.location"));
	}
}
#endif

int main(void)
{
#if KW_WITH_TLS
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_come_in_der_and_encrypted),
		cmocka_unit_test(a_java_key_store_is_told_how_to_convert),
		cmocka_unit_test(what_the_system_trusts_is_trusted_where_nothing_is_named),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
#else
	return 77;
#endif
}
