/* SPDX-License-Identifier: Apache-2.0 */
/* See authority.h. */
#include "authority.h"

#include "../base/error.h"

#if KW_WITH_TLS
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <mbedtls/asn1write.h>
#include <mbedtls/bignum.h>
#include <mbedtls/ecp.h>

#include "../transport/tls_library.h"

enum {
	NAMES_MAX = 1024, /* bytes of alternative names */
	DAY_S = 86400,
};

/* Writes a time as certificates have it, "YYYYMMDDhhmmss". */
static void write_time(int64_t seconds, char text[16])
{
	time_t time = (time_t)seconds;
	struct tm tm;

	gmtime_r(&time, &tm);
	strftime(text, 16, "%Y%m%d%H%M%S", &tm);
}

/* One GeneralName, in front of what stands at `*at` already (ASN.1 is written backwards). */
static int put_host(unsigned char **at, unsigned char *start, const char *host, size_t size)
{
	unsigned char address[16], tag = MBEDTLS_ASN1_CONTEXT_SPECIFIC | 2;
	const unsigned char *data = (const unsigned char *)host;
	char text[128];

	if (size >= sizeof(text))
		return -1;
	memcpy(text, host, size);
	text[size] = '\0';
	if (inet_pton(AF_INET, text, address) == 1) {
		tag = MBEDTLS_ASN1_CONTEXT_SPECIFIC | 7;
		data = address;
		size = 4;
	} else if (inet_pton(AF_INET6, text, address) == 1) {
		tag = MBEDTLS_ASN1_CONTEXT_SPECIFIC | 7;
		data = address;
		size = 16;
	}
	return mbedtls_asn1_write_raw_buffer(at, start, data, size) < 0 ||
			       mbedtls_asn1_write_len(at, start, size) < 0 ||
			       mbedtls_asn1_write_tag(at, start, tag) < 0
		       ? -1
		       : 0;
}

static int put_hosts(mbedtls_x509write_cert *writer, const char *hosts)
{
	unsigned char buffer[NAMES_MAX], *at = buffer + sizeof(buffer);
	size_t size;

	for (; *hosts != '\0'; hosts += size) {
		hosts += strspn(hosts, ", ");
		size = strcspn(hosts, ", ");
		if (size > 0 && put_host(&at, buffer, hosts, size) != 0)
			return -1;
	}
	size = (size_t)(buffer + sizeof(buffer) - at);
	if (mbedtls_asn1_write_len(&at, buffer, size) < 0 ||
	    mbedtls_asn1_write_tag(&at, buffer, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE) <
		    0)
		return -1;
	size = (size_t)(buffer + sizeof(buffer) - at);
	return mbedtls_x509write_crt_set_extension(writer, MBEDTLS_OID_SUBJECT_ALT_NAME,
						   MBEDTLS_OID_SIZE(MBEDTLS_OID_SUBJECT_ALT_NAME),
						   0, at, size);
}

static int parse_key(mbedtls_pk_context *key, const char *pem)
{
	const unsigned char *data = (const unsigned char *)pem;

#if KW_MBEDTLS_3
	return mbedtls_pk_parse_key(key, data, strlen(pem) + 1, NULL, 0, kw_tls_random, NULL);
#else
	return mbedtls_pk_parse_key(key, data, strlen(pem) + 1, NULL, 0);
#endif
}

static int make_key(mbedtls_pk_context *key)
{
	int code = mbedtls_pk_setup(key, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY));

	return code != 0 ? code
			 : mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(*key),
					       kw_tls_random, NULL);
}

static int set_serial(mbedtls_x509write_cert *writer)
{
	unsigned char serial[8];

	if (kw_tls_random(NULL, serial, sizeof(serial)) != 0)
		return -1;
	serial[0] = (unsigned char)((serial[0] & 0x7f) | 1);
#if KW_MBEDTLS_3
	return mbedtls_x509write_crt_set_serial_raw(writer, serial, sizeof(serial));
#else
	mbedtls_mpi number;
	int code;

	mbedtls_mpi_init(&number);
	code = mbedtls_mpi_read_binary(&number, serial, sizeof(serial));
	if (code == 0)
		code = mbedtls_x509write_crt_set_serial(writer, &number);
	mbedtls_mpi_free(&number);
	return code;
#endif
}

/* Fills in all that the certificate says; the keys are there. */
static int fill(mbedtls_x509write_cert *writer, const struct kw_identity *identity,
		const struct kw_identity_options *options)
{
	int64_t now = (int64_t)time(NULL);
	bool dated = options->from_s != 0 || options->until_s != 0;
	const char *issuer = options->issuer != NULL ? options->issuer->name : identity->name;
	char from[16], until[16];
	int code;

	write_time(dated ? options->from_s : now - DAY_S, from);
	write_time(dated ? options->until_s : now + (time_t)366 * DAY_S, until);
	mbedtls_x509write_crt_set_version(writer, MBEDTLS_X509_CRT_VERSION_3);
	mbedtls_x509write_crt_set_md_alg(writer, MBEDTLS_MD_SHA256);
	code = set_serial(writer);
	if (code == 0)
		code = mbedtls_x509write_crt_set_subject_name(writer, identity->name);
	if (code == 0)
		code = mbedtls_x509write_crt_set_issuer_name(writer, issuer);
	if (code == 0)
		code = mbedtls_x509write_crt_set_validity(writer, from, until);
	if (code == 0)
		code = mbedtls_x509write_crt_set_basic_constraints(writer, options->authority, -1);
	if (code == 0 && options->hosts != NULL)
		code = put_hosts(writer, options->hosts);
	return code;
}

int kw_identity_make(struct kw_identity *identity, const struct kw_identity_options *options,
		     struct kwire_error *error)
{
	mbedtls_x509write_cert writer;
	mbedtls_pk_context key, issuer_key;
	int code;

#if KW_MBEDTLS_3
	psa_crypto_init();
#endif
	memset(identity, 0, sizeof(*identity));
	snprintf(identity->name, sizeof(identity->name), "CN=%s", options->name);
	mbedtls_x509write_crt_init(&writer);
	mbedtls_pk_init(&key);
	mbedtls_pk_init(&issuer_key);
	code = make_key(&key);
	if (code == 0 && options->issuer != NULL)
		code = parse_key(&issuer_key, options->issuer->key);
	mbedtls_x509write_crt_set_subject_key(&writer, &key);
	mbedtls_x509write_crt_set_issuer_key(&writer, options->issuer != NULL ? &issuer_key : &key);
	if (code == 0)
		code = fill(&writer, identity, options);
	if (code == 0)
		code = mbedtls_x509write_crt_pem(&writer, (unsigned char *)identity->certificate,
						 sizeof(identity->certificate), kw_tls_random,
						 NULL);
	if (code == 0)
		code = mbedtls_pk_write_key_pem(&key, (unsigned char *)identity->key,
						sizeof(identity->key));
	mbedtls_x509write_crt_free(&writer);
	mbedtls_pk_free(&key);
	mbedtls_pk_free(&issuer_key);
	if (code != 0)
		return kw_fail_in(error, KWIRE_ETLS, KWIRE_PHASE_TLS,
				  "a certificate could not be made (mbedTLS -0x%04x)",
				  (unsigned)-code);
	return KWIRE_OK;
}

#else /* without TLS */

int kw_identity_make(struct kw_identity *identity, const struct kw_identity_options *options,
		     struct kwire_error *error)
{
	(void)identity;
	(void)options;
	return kw_fail_in(error, KWIRE_ENOTBUILT, KWIRE_PHASE_TLS, "built without TLS");
}
#endif
