/* SPDX-License-Identifier: Apache-2.0 */
/* See tls_peer.h. */
#include "tls_peer.h"

#if KW_WITH_TLS
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mbedtls/ssl_ticket.h>

#include "transport/tls_library.h"

struct tls_peer {
	mbedtls_ssl_config config;
	mbedtls_x509_crt certificate, client_ca;
	mbedtls_pk_context key;
	mbedtls_ssl_ticket_context tickets;
	const char *says;
};

struct tls_serving {
	struct tls_peer *peer;
	int fd;
	pthread_t thread;
	struct tls_served served;
};

static int send_fd(void *context, const unsigned char *data, size_t size)
{
	ssize_t sent = send(((struct tls_serving *)context)->fd, data, size, MSG_NOSIGNAL);

	return sent < 0 ? MBEDTLS_ERR_SSL_INTERNAL_ERROR : (int)sent;
}

static int receive_fd(void *context, unsigned char *data, size_t size)
{
	ssize_t got;

	do
		got = recv(((struct tls_serving *)context)->fd, data, size, 0);
	while (got < 0 && errno == EINTR);
	return got < 0 ? MBEDTLS_ERR_SSL_INTERNAL_ERROR : (int)got;
}

/* Called for each full handshake's name; one that is resumed sends no certificate. */
static int on_sni(void *context, mbedtls_ssl_context *ssl, const unsigned char *name, size_t size)
{
	struct tls_peer *peer = context;
	struct tls_serving *serving = NULL;

	(void)peer;
	serving = ssl->MBEDTLS_PRIVATE(p_bio);
	if (size < sizeof(serving->served.sni))
		memcpy(serving->served.sni, name, size);
	return 0;
}

static void *serve(void *context)
{
	struct tls_serving *serving = context;
	struct tls_served *served = &serving->served;
	const char *says = serving->peer->says;
	unsigned char buffer[16384];
	mbedtls_ssl_context ssl;
	int code;

	mbedtls_ssl_init(&ssl);
	code = mbedtls_ssl_setup(&ssl, &serving->peer->config);
	mbedtls_ssl_set_bio(&ssl, serving, send_fd, receive_fd, NULL);
	if (code == 0)
		code = mbedtls_ssl_handshake(&ssl);
	served->handshake = code;
	if (code == 0 && mbedtls_ssl_get_peer_cert(&ssl) != NULL)
		mbedtls_x509_dn_gets(served->client, sizeof(served->client),
				     &mbedtls_ssl_get_peer_cert(&ssl)->subject);
	while (code == 0) {
		int got = mbedtls_ssl_read(&ssl, buffer, sizeof(buffer));

		const unsigned char *answer = buffer;

		if (got <= 0)
			break;
		if (says != NULL) {
			answer = (const unsigned char *)says;
			got = (int)strlen(says);
		}
		for (int at = 0; at < got;) {
			int sent = mbedtls_ssl_write(&ssl, answer + at, (size_t)(got - at));

			if (sent <= 0) {
				code = sent;
				break;
			}
			at += sent;
			served->echoed += sent;
		}
		if (says != NULL) {
			mbedtls_ssl_close_notify(&ssl);
			break;
		}
	}
	mbedtls_ssl_free(&ssl);
	close(serving->fd);
	return NULL;
}

struct tls_peer *tls_peer_new(const struct tls_peer_options *options)
{
	struct tls_peer *peer = calloc(1, sizeof(*peer));
	const struct kw_identity *identity = options->identity;
	int code;

	peer->says = options->says;
	mbedtls_ssl_config_init(&peer->config);
	mbedtls_x509_crt_init(&peer->certificate);
	mbedtls_x509_crt_init(&peer->client_ca);
	mbedtls_pk_init(&peer->key);
	mbedtls_ssl_ticket_init(&peer->tickets);
#if KW_MBEDTLS_3
	psa_crypto_init();
#endif
	code = mbedtls_ssl_config_defaults(&peer->config, MBEDTLS_SSL_IS_SERVER,
					   MBEDTLS_SSL_TRANSPORT_STREAM,
					   MBEDTLS_SSL_PRESET_DEFAULT);
	mbedtls_ssl_conf_rng(&peer->config, kw_tls_random, NULL);
	if (code == 0)
		code = mbedtls_x509_crt_parse(&peer->certificate,
					      (const unsigned char *)identity->certificate,
					      strlen(identity->certificate) + 1);
	if (code == 0)
#if KW_MBEDTLS_3
		code = mbedtls_pk_parse_key(&peer->key, (const unsigned char *)identity->key,
					    strlen(identity->key) + 1, NULL, 0, kw_tls_random,
					    NULL);
#else
		code = mbedtls_pk_parse_key(&peer->key, (const unsigned char *)identity->key,
					    strlen(identity->key) + 1, NULL, 0);
#endif
	if (code == 0)
		code = mbedtls_ssl_conf_own_cert(&peer->config, &peer->certificate, &peer->key);
	if (code == 0)
		code = mbedtls_ssl_ticket_setup(&peer->tickets, kw_tls_random, NULL,
						MBEDTLS_CIPHER_AES_256_GCM, 86400);
	mbedtls_ssl_conf_session_tickets_cb(&peer->config, mbedtls_ssl_ticket_write,
					    mbedtls_ssl_ticket_parse, &peer->tickets);
	mbedtls_ssl_conf_sni(&peer->config, on_sni, peer);
	if (code == 0 && options->client_ca != NULL) {
		code = mbedtls_x509_crt_parse(&peer->client_ca,
					      (const unsigned char *)options->client_ca,
					      strlen(options->client_ca) + 1);
		mbedtls_ssl_conf_ca_chain(&peer->config, &peer->client_ca, NULL);
		mbedtls_ssl_conf_authmode(&peer->config, MBEDTLS_SSL_VERIFY_REQUIRED);
	}
#if !KW_MBEDTLS_3
	if (options->old_versions) {
		mbedtls_ssl_conf_min_version(&peer->config, MBEDTLS_SSL_MAJOR_VERSION_3,
					     MBEDTLS_SSL_MINOR_VERSION_1);
		mbedtls_ssl_conf_max_version(&peer->config, MBEDTLS_SSL_MAJOR_VERSION_3,
					     MBEDTLS_SSL_MINOR_VERSION_2);
	}
#endif
	if (code != 0) {
		tls_peer_free(peer);
		return NULL;
	}
	return peer;
}

void tls_peer_free(struct tls_peer *peer)
{
	mbedtls_ssl_config_free(&peer->config);
	mbedtls_x509_crt_free(&peer->certificate);
	mbedtls_x509_crt_free(&peer->client_ca);
	mbedtls_pk_free(&peer->key);
	mbedtls_ssl_ticket_free(&peer->tickets);
	free(peer);
}

struct tls_serving *tls_peer_serve(struct tls_peer *peer, int fd)
{
	struct tls_serving *serving = calloc(1, sizeof(*serving));

	serving->peer = peer;
	serving->fd = fd;
	if (pthread_create(&serving->thread, NULL, serve, serving) != 0)
		abort();
	return serving;
}

struct tls_served tls_peer_join(struct tls_serving *serving)
{
	struct tls_served served;

	pthread_join(serving->thread, NULL);
	served = serving->served;
	free(serving);
	return served;
}
#endif
