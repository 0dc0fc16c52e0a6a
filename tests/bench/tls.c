/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows with TLS: kwire beside bare blocking mbedTLS on the same server,
 * which takes a single cipher suite, so that both sides encrypt alike.
 */
#include "bench.h"

#if KW_WITH_TLS

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>

#include "calls.h"
#include "mock/authority.h"
#include "tls.h"

static struct kw_identity identity;
static mbedtls_entropy_context entropy;
static mbedtls_ctr_drbg_context random_source;
static mbedtls_x509_crt certificate;
static mbedtls_pk_context key;
static mbedtls_ssl_config server_config, client_config;

static void must(int result, const char *what)
{
	if (result != 0)
		bench_die("%s: mbedTLS -0x%04x", what, (unsigned)-result);
}

static void seed(void)
{
	mbedtls_entropy_init(&entropy);
	mbedtls_ctr_drbg_init(&random_source);
	must(mbedtls_ctr_drbg_seed(&random_source, mbedtls_entropy_func, &entropy, NULL, 0),
	     "seed");
}

const char *bench_tls_ca(void)
{
	struct kw_identity_options options = {"bench", "localhost, 127.0.0.1", NULL, true, 0, 0};
	struct kwire_error error;

	if (identity.certificate[0] == '\0' && kw_identity_make(&identity, &options, &error) != 0)
		bench_die("%s", error.message);
	return identity.certificate;
}

static void configure(mbedtls_ssl_config *config, int endpoint)
{
	static const int suites[] = {MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, 0};

	mbedtls_ssl_config_init(config);
	must(mbedtls_ssl_config_defaults(config, endpoint, MBEDTLS_SSL_TRANSPORT_STREAM,
					 MBEDTLS_SSL_PRESET_DEFAULT),
	     "configuration");
	mbedtls_ssl_conf_rng(config, mbedtls_ctr_drbg_random, &random_source);
	mbedtls_ssl_conf_ciphersuites(config, suites);
#if MBEDTLS_VERSION_MAJOR >= 3
	mbedtls_ssl_conf_max_tls_version(config, MBEDTLS_SSL_VERSION_TLS1_2);
#endif
}

static void load(void)
{
	mbedtls_x509_crt_init(&certificate);
	must(mbedtls_x509_crt_parse(&certificate, (const unsigned char *)identity.certificate,
				    strlen(identity.certificate) + 1),
	     "certificate");
}

void bench_tls_server(void)
{
	seed();
	load();
	mbedtls_pk_init(&key);
#if MBEDTLS_VERSION_MAJOR >= 3
	must(mbedtls_pk_parse_key(&key, (const unsigned char *)identity.key,
				  strlen(identity.key) + 1, NULL, 0, mbedtls_ctr_drbg_random,
				  &random_source),
	     "key");
#else
	must(mbedtls_pk_parse_key(&key, (const unsigned char *)identity.key,
				  strlen(identity.key) + 1, NULL, 0),
	     "key");
#endif
	configure(&server_config, MBEDTLS_SSL_IS_SERVER);
	must(mbedtls_ssl_conf_own_cert(&server_config, &certificate, &key), "certificate");
}

void bench_tls_client(void)
{
	seed();
	load();
	configure(&client_config, MBEDTLS_SSL_IS_CLIENT);
	mbedtls_ssl_conf_ca_chain(&client_config, &certificate, NULL);
}

static int send_bytes(void *context, const unsigned char *data, size_t size)
{
	ssize_t n = send(*(int *)context, data, size, MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN ? MBEDTLS_ERR_SSL_WANT_WRITE
				       : MBEDTLS_ERR_SSL_INTERNAL_ERROR;
	return (int)n;
}

static int receive_bytes(void *context, unsigned char *data, size_t size)
{
	ssize_t n = recv(*(int *)context, data, size, 0);

	if (n < 0)
		return errno == EAGAIN ? MBEDTLS_ERR_SSL_WANT_READ : MBEDTLS_ERR_SSL_INTERNAL_ERROR;
	return (int)n;
}

struct bench_tls {
	mbedtls_ssl_context ssl;
	int fd;
};

static struct bench_tls *open_session(int fd, const mbedtls_ssl_config *config)
{
	struct bench_tls *tls = calloc(1, sizeof(*tls));

	if (tls == NULL)
		bench_die("no memory");
	tls->fd = fd;
	mbedtls_ssl_init(&tls->ssl);
	must(mbedtls_ssl_setup(&tls->ssl, config), "session");
	mbedtls_ssl_set_bio(&tls->ssl, &tls->fd, send_bytes, receive_bytes, NULL);
	return tls;
}

struct bench_tls *bench_tls_accept(int fd)
{
	return open_session(fd, &server_config);
}

struct bench_tls *bench_tls_connect(int fd)
{
	struct bench_tls *tls = open_session(fd, &client_config);

	must(mbedtls_ssl_set_hostname(&tls->ssl, "localhost"), "name");
	must(mbedtls_ssl_handshake(&tls->ssl), "handshake");
	return tls;
}

ssize_t bench_tls_recv(struct bench_tls *tls, void *data, size_t size)
{
	int n = mbedtls_ssl_read(&tls->ssl, data, size);

	if (n == MBEDTLS_ERR_SSL_WANT_READ || n == MBEDTLS_ERR_SSL_WANT_WRITE) {
		errno = EAGAIN;
		return -1;
	}
	return n < 0 ? 0 : n;
}

ssize_t bench_tls_send(struct bench_tls *tls, const void *data, size_t size)
{
	int n = mbedtls_ssl_write(&tls->ssl, data, size);

	if (n == MBEDTLS_ERR_SSL_WANT_READ || n == MBEDTLS_ERR_SSL_WANT_WRITE) {
		errno = EAGAIN;
		return -1;
	}
	return n;
}

bool bench_tls_pending(struct bench_tls *tls)
{
	return mbedtls_ssl_get_bytes_avail(&tls->ssl) > 0;
}

void bench_tls_free(struct bench_tls *tls)
{
	if (tls == NULL)
		return;
	mbedtls_ssl_free(&tls->ssl);
	free(tls);
}

#else

#include "tls.h"

/* Built without TLS, nobody asks for it. */
static const char none[] = "this build has no TLS";

const char *bench_tls_ca(void)
{
	bench_die(none);
}

void bench_tls_server(void)
{
	bench_die(none);
}

void bench_tls_client(void)
{
	bench_die(none);
}

struct bench_tls *bench_tls_accept(int fd)
{
	(void)fd;
	bench_die(none);
}

struct bench_tls *bench_tls_connect(int fd)
{
	(void)fd;
	bench_die(none);
}

ssize_t bench_tls_recv(struct bench_tls *tls, void *data, size_t size)
{
	(void)tls;
	(void)data;
	(void)size;
	bench_die(none);
}

ssize_t bench_tls_send(struct bench_tls *tls, const void *data, size_t size)
{
	(void)tls;
	(void)data;
	(void)size;
	bench_die(none);
}

bool bench_tls_pending(struct bench_tls *tls)
{
	(void)tls;
	return false;
}

void bench_tls_free(struct bench_tls *tls)
{
	(void)tls;
}

#endif
