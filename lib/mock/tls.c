/* SPDX-License-Identifier: Apache-2.0 */
/* See tls.h.  All of it runs on the cluster's thread. */
#include "tls.h"

#include <string.h>

#include <kwire/mock.h>

#include "../base/error.h"
#include "authority.h"
#include "call.h"

#if KW_WITH_TLS
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../transport/tls_library.h"

/* One kind of certificate, ready to serve; connections keep it beyond the next choice. */
struct face {
	struct face *next;
	struct kw_memory *memory;
	mbedtls_ssl_config config;
	mbedtls_x509_crt certificate;
	mbedtls_pk_context key;
};

struct kw_mock_tls {
	struct kw_memory *memory;
	struct kw_identity authority;
	struct face *faces; /* the newest first */
	bool on;
};

/* ----------------------------------------------------------------- the stream */

struct tls_stream {
	int fd;
	short wants;
	size_t retry; /* bytes of a write that has to be repeated as it was */
	mbedtls_ssl_context ssl;
};

static int bio_send(void *context, const unsigned char *data, size_t size)
{
	const struct tls_stream *stream = context;
	ssize_t n;

	do
		n = send(stream->fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return (int)n;
	return errno == EAGAIN || errno == EWOULDBLOCK ? MBEDTLS_ERR_SSL_WANT_WRITE
						       : MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}

static int bio_receive(void *context, unsigned char *data, size_t size)
{
	const struct tls_stream *stream = context;
	ssize_t n;

	do
		n = recv(stream->fd, data, size, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return (int)n;
	return errno == EAGAIN || errno == EWOULDBLOCK ? MBEDTLS_ERR_SSL_WANT_READ
						       : MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}

static ssize_t outcome(struct tls_stream *stream, int code)
{
	stream->wants = POLLIN;
	if (code > 0)
		return code;
	if (code == MBEDTLS_ERR_SSL_WANT_READ)
		return KW_MOCK_AGAIN;
	if (code == MBEDTLS_ERR_SSL_WANT_WRITE) {
		stream->wants = POLLIN | POLLOUT;
		return KW_MOCK_AGAIN;
	}
	return code == 0 || code == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY ||
			       code == MBEDTLS_ERR_SSL_CONN_EOF
		       ? 0
		       : KW_MOCK_BROKEN;
}

static ssize_t tls_read(void *stream, void *data, size_t size)
{
	struct tls_stream *tls = stream;

	return outcome(tls, mbedtls_ssl_read(&tls->ssl, data, size));
}

static ssize_t tls_write(void *stream, const void *data, size_t size)
{
	struct tls_stream *tls = stream;
	int code;

	if (tls->retry > 0 && tls->retry < size)
		size = tls->retry;
	code = mbedtls_ssl_write(&tls->ssl, data, size);
	tls->retry = code == MBEDTLS_ERR_SSL_WANT_WRITE || code == MBEDTLS_ERR_SSL_WANT_READ ? size
											     : 0;
	return code == 0 ? KW_MOCK_AGAIN : outcome(tls, code);
}

static short tls_wants(void *stream)
{
	return ((struct tls_stream *)stream)->wants;
}

static void tls_finish(void *stream)
{
	struct tls_stream *tls = stream;

	mbedtls_ssl_close_notify(&tls->ssl);
	shutdown(tls->fd, SHUT_WR);
}

static void tls_close(void *stream, bool reset)
{
	struct tls_stream *tls = stream;
	struct linger linger = {1, 0};

	if (reset)
		setsockopt(tls->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(tls->fd);
	mbedtls_ssl_free(&tls->ssl);
	kw_free(tls);
}

static const struct kw_mock_stream_ops tls_ops = {
	tls_read, tls_write, tls_wants, tls_finish, tls_close,
};

void *kw_mock_tls_stream(struct kw_mock_tls *tls, int fd, const struct kw_mock_stream_ops **ops)
{
	struct tls_stream *stream = kw_zalloc(tls->memory, sizeof(*stream));

	if (stream == NULL)
		return NULL;
	stream->fd = fd;
	stream->wants = POLLIN;
	mbedtls_ssl_init(&stream->ssl);
	if (mbedtls_ssl_setup(&stream->ssl, &tls->faces->config) != 0) {
		mbedtls_ssl_free(&stream->ssl);
		kw_free(stream);
		return NULL;
	}
	mbedtls_ssl_set_bio(&stream->ssl, stream, bio_send, bio_receive, NULL);
	*ops = &tls_ops;
	return stream;
}

/* ------------------------------------------------------------- certificates */

bool kw_mock_tls_is_on(const struct kw_mock_tls *tls)
{
	return tls != NULL && tls->on;
}

static void free_face(struct face *face)
{
	mbedtls_ssl_config_free(&face->config);
	mbedtls_x509_crt_free(&face->certificate);
	mbedtls_pk_free(&face->key);
	kw_free(face);
}

void kw_mock_tls_free(struct kw_mock_tls *tls)
{
	struct face *face;

	if (tls == NULL)
		return;
	while ((face = tls->faces) != NULL) {
		tls->faces = face->next;
		free_face(face);
	}
	kw_wipe(&tls->authority, sizeof(tls->authority));
	kw_free(tls);
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

static int add_face(struct kw_mock_tls *tls, const struct kw_identity *identity,
		    struct kwire_error *error)
{
	struct face *face = kw_zalloc(tls->memory, sizeof(*face));
	int code;

	if (face == NULL)
		return kw_fail_memory(error);
	mbedtls_ssl_config_init(&face->config);
	mbedtls_x509_crt_init(&face->certificate);
	mbedtls_pk_init(&face->key);
	code = mbedtls_ssl_config_defaults(&face->config, MBEDTLS_SSL_IS_SERVER,
					   MBEDTLS_SSL_TRANSPORT_STREAM,
					   MBEDTLS_SSL_PRESET_DEFAULT);
	mbedtls_ssl_conf_rng(&face->config, kw_tls_random, NULL);
	if (code == 0)
		code = mbedtls_x509_crt_parse(&face->certificate,
					      (const unsigned char *)identity->certificate,
					      strlen(identity->certificate) + 1);
	if (code == 0)
		code = parse_key(&face->key, identity->key);
	if (code == 0)
		code = mbedtls_ssl_conf_own_cert(&face->config, &face->certificate, &face->key);
	if (code != 0) {
		free_face(face);
		return kw_fail(error, KWIRE_ETLS, "the mock's certificate cannot be used");
	}
	face->next = tls->faces;
	tls->faces = face;
	return KWIRE_OK;
}

static int make_tls(struct kwire_mock *mock, struct kwire_error *error)
{
	struct kw_identity_options options = {.name = "kwire mock CA", .authority = true};
	int result;

	if (mock->tls != NULL)
		return KWIRE_OK;
	mock->tls = kw_zalloc(mock->memory, sizeof(*mock->tls));
	if (mock->tls == NULL)
		return kw_fail_memory(error);
	mock->tls->memory = mock->memory;
	result = kw_identity_make(&mock->tls->authority, &options, error);
	if (result != 0) {
		kw_free(mock->tls);
		mock->tls = NULL;
	}
	return result;
}

/* The certificate that `kind` names, in `identity`. */
static int make_kind(const struct kw_mock_tls *tls, const char *kind, struct kw_identity *identity,
		     struct kwire_error *error)
{
	const int64_t day_s = 86400;
	struct kw_identity_options options = {.name = "kwire mock",
					      .hosts = "localhost, 127.0.0.1, ::1",
					      .issuer = &tls->authority};
	struct kw_identity_options foreign = {.name = "another CA", .authority = true};
	struct kw_identity other;
	int64_t now = (int64_t)time(NULL);
	int result = 0;

	if (strcmp(kind, "wrong-name") == 0) {
		options.hosts = "elsewhere.test";
	} else if (strcmp(kind, "expired") == 0) {
		options.from_s = now - 100 * day_s;
		options.until_s = now - 10 * day_s;
	} else if (strcmp(kind, "future") == 0) {
		options.from_s = now + 10 * day_s;
		options.until_s = now + 100 * day_s;
	} else if (strcmp(kind, "self-signed") == 0) {
		options.issuer = NULL;
	} else if (strcmp(kind, "wrong-ca") == 0) {
		result = kw_identity_make(&other, &foreign, error);
		options.issuer = &other;
	} else if (strcmp(kind, "good") != 0) {
		return kw_fail(error, KWIRE_EINVAL,
			       "\"%.40s\" is no kind of certificate: off, good, wrong-name, "
			       "expired, future, self-signed or wrong-ca",
			       kind);
	}
	return result != 0 ? result : kw_identity_make(identity, &options, error);
}

static int set_tls(struct kwire_mock *mock, const char *kind, struct kwire_error *error)
{
	struct kw_identity identity;
	int result = make_tls(mock, error);

	if (result == 0 && strcmp(kind, "off") == 0) {
		mock->tls->on = false;
		return KWIRE_OK;
	}
	if (result == 0)
		result = make_kind(mock->tls, kind, &identity, error);
	if (result == 0)
		result = add_face(mock->tls, &identity, error);
	if (result == 0)
		mock->tls->on = true;
	return result;
}

static const char *authority_pem(const struct kwire_mock *mock)
{
	return mock->tls != NULL ? mock->tls->authority.certificate : NULL;
}

#else /* without TLS */

bool kw_mock_tls_is_on(const struct kw_mock_tls *tls)
{
	(void)tls;
	return false;
}

void kw_mock_tls_free(struct kw_mock_tls *tls)
{
	(void)tls;
}

void *kw_mock_tls_stream(struct kw_mock_tls *tls, int fd, const struct kw_mock_stream_ops **ops)
{
	(void)tls;
	(void)fd;
	(void)ops;
	return NULL;
}

static int set_tls(struct kwire_mock *mock, const char *kind, struct kwire_error *error)
{
	(void)mock;
	(void)kind;
	return kw_fail(error, KWIRE_ENOTBUILT, "this mock was built without TLS");
}

static const char *authority_pem(const struct kwire_mock *mock)
{
	(void)mock;
	return NULL;
}
#endif

/* ----------------------------------------------------------------- the public side */

struct set_call {
	struct kw_mock_call call;
	const char *kind;
};

static void set_work(struct kw_mock_call *call)
{
	struct set_call *set = (struct set_call *)call;

	call->result = set_tls(call->mock, set->kind, call->error);
}

int kwire_mock_set_tls(struct kwire_mock *mock, const char *kind, struct kwire_error *error)
{
	struct set_call set = {.kind = kind};

	if (kind == NULL)
		return kw_fail(error, KWIRE_EINVAL, "no kind of certificate given");
	return kw_mock_run(mock, &set.call, set_work, error);
}

const char *kwire_mock_ca(struct kwire_mock *mock)
{
	return authority_pem(mock);
}
