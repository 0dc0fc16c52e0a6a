/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens from a token endpoint: the JSON and the HTTP that it takes, at every
 * length they may arrive in, and the whole of it against a small server of
 * this test's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include <kwire/kwire.h>

#include "../support/peer.h"
#include "../support/tls_peer.h"
#include "base/clock.h"
#include "sasl/json_member.h"
#include "sasl/oauth_token.h"
#include "sasl/security.h"
#include "transport/http.h"

/* --------------------------------------------------------------------- JSON */

/* The member "x" of `json`: its kind; its text goes to `text`.  -1: no JSON. */
static int member(const char *json, char text[128])
{
	struct kw_json_member wanted = {.name = "x"};
	size_t size = strlen(json);
	char *copy = malloc(size + 1); /* exactly, so that a sanitizer sees what is read beyond */
	int kind = -1;

	memcpy(copy, json, size + 1);
	text[0] = '\0';
	if (kw_json_members(copy, size, &wanted, 1)) {
		kind = (int)wanted.kind;
		if (kind == KW_JSON_STRING || kind == KW_JSON_NUMBER)
			snprintf(text, 128, "%s", wanted.text);
	}
	free(copy);
	return kind;
}

static void members_are_found_at_the_top_level(void **state)
{
	static const struct {
		const char *json;
		int kind;
		const char *text;
	} cases[] = {
		{"{\"x\":\"abc\"}", KW_JSON_STRING, "abc"},
		{" { \"a\" : { \"x\" : 1 } , \"x\" : 3600 } ", KW_JSON_NUMBER, "3600"},
		{"{\"x\":-1.5e+3,\"y\":2}", KW_JSON_NUMBER, "-1.5e+3"},
		{"{\"a\":[1,{\"x\":2},[]],\"b\":null,\"c\":true,\"d\":false}", KW_JSON_ABSENT, ""},
		{"{\"x\":null}", KW_JSON_OTHER, ""},
		{"{\"x\":[\"x\"]}", KW_JSON_OTHER, ""},
		{"{}", KW_JSON_ABSENT, ""},
		{"{\"x\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}", KW_JSON_STRING, "\"\\/\b\f\n\r\t"},
		{"{\"x\":\"\\u0041\\u00e9\\u20ac\\ud83d\\ude00\"}", KW_JSON_STRING,
		 "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
		{"{\"\\u0078\":1}", KW_JSON_NUMBER, "1"},
		{"{\"x\":1,\"x\":2}", KW_JSON_NUMBER, "2"},
	};
	char text[128];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (member(cases[i].json, text) != cases[i].kind)
			fail_msg("%s", cases[i].json);
		assert_string_equal(text, cases[i].text);
	}
}

static void what_is_no_json_object_is_refused(void **state)
{
	static const char *const cases[] = {
		"",
		"x",
		"[]",
		"{",
		"{\"x\"",
		"{\"x\":",
		"{\"x\":}",
		"{\"x\":1",
		"{\"x\":1,}",
		"{\"x\":1}}",
		"{\"x\":1} x",
		"{x:1}",
		"{\"x\":01}",
		"{\"x\":.5}",
		"{\"x\":1.}",
		"{\"x\":1e}",
		"{\"x\":-}",
		"{\"x\":tru}",
		"{\"x\":\"a}",
		"{\"x\":\"\\q\"}",
		"{\"x\":\"\\u12g4\"}",
		"{\"x\":\"\\ud83d\"}",
		"{\"x\":\"\\ud83d\\u0041\"}",
		"{\"x\":\"\\ude00\"}",
		"{\"x\":\"a\nb\"}",
		"{\"x\":\"a\\u0000b\"}",
		"{\"a\":[1,2}",
		"{\"a\":{\"b\":1]}",
		"{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}",
	};
	char text[128];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (member(cases[i], text) != -1)
			fail_msg("%s", cases[i]);
}

/* --------------------------------------------------------------------- URLs */

static void urls_are_taken_apart(void **state)
{
	static const struct {
		const char *text, *host, *target;
		int port;
		bool tls;
	} good[] = {
		{"https://idp.test/oauth2/token", "idp.test", "/oauth2/token", 443, true},
		{"http://idp.test", "idp.test", "/", 80, false},
		{"https://idp.test:8443?a=b#c", "idp.test", "/?a=b", 8443, true},
		{"http://[::1]:8080/t", "::1", "/t", 8080, false},
		{"https://[2001:db8::1]/", "2001:db8::1", "/", 443, true},
	};
	static const char *const bad[] = {
		"",
		"idp.test/token",
		"ftp://idp.test/",
		"https://",
		"https:///token",
		"https://idp.test:0/",
		"https://idp.test:65536/",
		"https://idp.test:/",
		"https://idp.test:8x/",
		"https://[::1/",
		"https://[::1]x/",
		"https://user:secret@idp.test/",
		"https://idp.test/a b",
		"https://idp.test/\r\nX: y",
	};
	struct kwire_error error;
	struct kw_http_url url;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (kw_http_url_parse(&url, good[i].text, &error) != 0)
			fail_msg("%s", error.message);
		assert_string_equal(url.host, good[i].host);
		assert_string_equal(url.target, good[i].target);
		assert_int_equal(url.port, good[i].port);
		assert_int_equal(url.tls, good[i].tls);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (kw_http_url_parse(&url, bad[i], &error) != KWIRE_ECONFIG)
			fail_msg("%s", bad[i]);
		assert_null(strstr(error.message, "secret"));
	}
}

/* --------------------------------------------------------------------- HTTP */

static const struct {
	const char *text;
	int status;
	const char *body; /* NULL: broken */
	bool to_the_end;  /* it ends with the connection */
} answers[] = {
	{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", false},
	{"HTTP/1.1 200 OK\ncontent-length:5 \n\nhello", 200, "hello", false},
	{"HTTP/1.0 200\r\nServer: x\r\n\r\nhello", 200, "hello", true},
	{"HTTP/1.1 401 No\r\nTransfer-Encoding: Chunked\r\n\r\n"
	 "3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n",
	 401, "hello", false},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n"
	 "00A\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n",
	 200, "0123456789", false},
	{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, "x",
	 false},
	{"HTTP/1.1 204 No Content\r\n\r\n", 204, "", false},
	{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, "", false},
	{"HTTP/2 200\r\n\r\n", 0, NULL, false},
	{"\x15\x03\x03 no HTTP at all\r\n\r\n", 0, NULL, false},
	{"HTTP/1.1 20x OK\r\n\r\n", 0, NULL, false},
	{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 0, NULL, false},
	{"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello", 0, NULL, false},
	{"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nhello", 0, NULL, false},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 0, NULL, false},
	{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n folded\r\n\r\nhello", 0, NULL, false},
	{"HTTP/1.1 200 OK\r\nno colon\r\n\r\nhello", 0, NULL, false},
	{"HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello", 0, NULL, false},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n\r\n", 0, NULL, false},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n", 0, NULL,
	 false},
};

static void answers_are_read_whatever_their_pieces(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		size_t size = strlen(answers[i].text);
		enum kw_http_progress progress = KW_HTTP_MORE;
		struct kw_http_answer answer;

		for (size_t came = 0; came <= size && progress == KW_HTTP_MORE; came++) {
			char *copy = malloc(came + 1);

			memcpy(copy, answers[i].text, came);
			progress = kw_http_parse(copy, came, false, &answer);
			if (progress == KW_HTTP_MORE && came == size && answers[i].to_the_end)
				progress = kw_http_parse(copy, came, true, &answer);
			/* Cut off here, it is broken, unless the end belongs to it. */
			else if (progress == KW_HTTP_MORE && !answers[i].to_the_end)
				assert_int_equal(kw_http_parse(copy, came, true, &answer),
						 KW_HTTP_BROKEN);
			if (progress == KW_HTTP_DONE) {
				assert_non_null(answers[i].body);
				assert_int_equal(came, size);
				assert_int_equal(answer.status, answers[i].status);
				assert_string_equal(answer.body, answers[i].body);
				assert_int_equal(answer.body_size, strlen(answers[i].body));
			}
			free(copy);
		}
		if (progress != (answers[i].body != NULL ? KW_HTTP_DONE : KW_HTTP_BROKEN))
			fail_msg("%s", answers[i].text);
	}
}

/* ------------------------------------------------------------------ an endpoint */

#define TOKEN  "eyJhbGciOiJub25lIn0.e30."
#define JSON   "Content-Type: application/json\r\n"
#define GOOD   "{\"access_token\":\"" TOKEN "\",\"token_type\":\"Bearer\",\"expires_in\":3600}"
#define SECRET "s3cret/+ %"

/* A server that gives each connection the same answer. */
struct endpoint {
	struct peer peer;
	const char *answer; /* NULL: none */
	struct tls_peer *tls;
	pthread_t thread;
	char request[4096]; /* the last one */
	atomic_int served;
};

static void take_request(struct endpoint *endpoint, int fd)
{
	size_t size = 0;
	ssize_t got;

	do {
		got = recv(fd, endpoint->request + size, sizeof(endpoint->request) - 1 - size, 0);
		size += got > 0 ? (size_t)got : 0;
		endpoint->request[size] = '\0';
	} while (got > 0 && strstr(endpoint->request, "grant_type=") == NULL);
}

static void *serve(void *context)
{
	struct endpoint *endpoint = context;
	int fd;

	while ((fd = accept(endpoint->peer.fd, NULL, NULL)) >= 0) {
		endpoint->served++;
#if KW_WITH_TLS
		if (endpoint->tls != NULL) {
			tls_peer_join(tls_peer_serve(endpoint->tls, fd));
			continue;
		}
#endif
		take_request(endpoint, fd);
		if (endpoint->answer != NULL)
			send(fd, endpoint->answer, strlen(endpoint->answer), MSG_NOSIGNAL);
		close(fd);
	}
	return NULL;
}

static void endpoint_start(struct endpoint *endpoint, const char *answer)
{
	memset(endpoint, 0, sizeof(*endpoint));
	peer_init(&endpoint->peer);
	endpoint->answer = answer;
	assert_int_equal(pthread_create(&endpoint->thread, NULL, serve, endpoint), 0);
}

static void endpoint_stop(struct endpoint *endpoint)
{
	shutdown(endpoint->peer.fd, SHUT_RDWR);
	pthread_join(endpoint->thread, NULL);
	peer_fini(&endpoint->peer);
}

/* A config that asks the endpoint; more properties may follow up to NULL. */
static struct kwire_config *asking(const struct endpoint *endpoint, const char *scheme)
{
	struct kwire_config *config = test_config(
		"security.protocol", "SASL_PLAINTEXT", "sasl.mechanism", "OAUTHBEARER",
		"sasl.oauthbearer.client.credentials.client.id", "cli:ent",
		"sasl.oauthbearer.client.credentials.client.secret", SECRET,
		"sasl.oauthbearer.scope", "kafka read+write", NULL);
	struct kwire_error error;
	char url[64];

	snprintf(url, sizeof(url), "%s://127.0.0.1:%d/oauth2/token", scheme, endpoint->peer.port);
	kwire_config_set(config, "sasl.oauthbearer.token.endpoint.url", url, &error);
	kwire_oauth_client_credentials(config);
	return config;
}

/* One login's token, into `text`. */
static int token_of(const struct kwire_config *config, char text[128], struct kwire_error *error)
{
	struct kw_sasl_setting setting = {.memory = config->memory, .config = config};
	struct kwire_sasl_login login = {.size = sizeof(login),
					 .host = "broker",
					 .deadline_ms = kw_now_ms() + PEER_GUARD_MS};
	struct kw_oauth_token token;
	int result = kw_oauth_token_get(&token, &setting, &login, error);

	text[0] = '\0';
	if (result == 0) {
		snprintf(text, 128, "%s", token.token);
		kw_oauth_token_fini(&token);
	} else {
		assert_null(strstr(error->message, "s3cret"));
	}
	return result;
}

static void a_client_asks_as_rfc_6749_has_it(void **state)
{
	struct endpoint endpoint;
	struct kwire_config *config;
	struct kwire_error error;
	char token[128];

	(void)state;
	endpoint_start(&endpoint, "HTTP/1.1 200 OK\r\n" JSON "\r\n" GOOD);
	config = asking(&endpoint, "http");
	if (token_of(config, token, &error) != 0)
		fail_msg("%s", error.message);
	assert_string_equal(token, TOKEN);
	assert_memory_equal(endpoint.request, "POST /oauth2/token HTTP/1.1\r\n", 29);
	/* base64 of "cli:ent:s3cret/+ %", as Kafka's clients send it */
	assert_non_null(
		strstr(endpoint.request, "\r\nAuthorization: Basic Y2xpOmVudDpzM2NyZXQvKyAl\r\n"));
	assert_non_null(strstr(endpoint.request,
			       "\r\nContent-Length: 54\r\n\r\n"
			       "grant_type=client_credentials&scope=kafka+read%2Bwrite"));
	kwire_config_set(config, "sasl.oauthbearer.header.urlencode", "true", &error);
	assert_int_equal(token_of(config, token, &error), 0);
	/* base64 of "cli%3Aent:s3cret%2F%2B+%25" */
	assert_non_null(strstr(endpoint.request, "Basic Y2xpJTNBZW50OnMzY3JldCUyRiUyQislMjU=\r\n"));
	kwire_config_free(config);
	endpoint_stop(&endpoint);
}

static void a_jaas_line_names_the_client_too(void **state)
{
	struct endpoint endpoint;
	struct kwire_config *config;
	struct kwire_error error;
	char token[128];

	(void)state;
	endpoint_start(&endpoint, "HTTP/1.1 200 OK\r\n" JSON "\r\n" GOOD);
	config = asking(&endpoint, "http");
	kwire_config_set(config, "sasl.oauthbearer.client.id", "", &error);
	kwire_config_set(config, "sasl.oauthbearer.client.secret", "", &error);
	kwire_config_set(config, "sasl.oauthbearer.scope", "", &error);
	kwire_config_set(config, "sasl.jaas.config",
			 "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule "
			 "required clientId=\"a\" clientSecret=\"b\" scope=\"c\" ;",
			 &error);
	if (token_of(config, token, &error) != 0)
		fail_msg("%s", error.message);
	assert_non_null(strstr(endpoint.request, "Basic YTpi\r\n"));
	assert_non_null(strstr(endpoint.request, "\r\n\r\ngrant_type=client_credentials&scope=c"));
	kwire_config_free(config);
	endpoint_stop(&endpoint);
}

static void a_refusal_is_told_in_the_providers_words(void **state)
{
	static const struct {
		const char *answer;
		int result;
		bool retriable;
		const char *words;
	} cases[] = {
		{"HTTP/1.1 401 Unauthorized\r\n" JSON "\r\n{\"error\":\"invalid_client\","
		 "\"error_description\":\"Client authentication\\u0007 failed\"}",
		 KWIRE_EAUTH, false,
		 "refused the client: invalid_client: Client authentication? failed (HTTP 401)"},
		{"HTTP/1.1 400 Bad Request\r\n" JSON "\r\n{\"error\":\"invalid_scope\"}",
		 KWIRE_EAUTH, false, "refused the client: invalid_scope (HTTP 400)"},
		{"HTTP/1.1 200 OK\r\n" JSON "\r\n{\"error\":\"unauthorized_client\"}", KWIRE_EAUTH,
		 false, "unauthorized_client"},
		{"HTTP/1.1 403 Forbidden\r\n\r\n<html>", KWIRE_EAUTH, false, "HTTP 403"},
		{"HTTP/1.1 503 Unavailable\r\n\r\n", KWIRE_ESASL, true, "failed with HTTP 503"},
		{"HTTP/1.1 500 No\r\n" JSON "\r\n{\"error\":\"server_error\"}", KWIRE_ESASL, true,
		 "failed with HTTP 500"},
		{"HTTP/1.1 429 Slow down\r\n\r\n", KWIRE_ESASL, true, "HTTP 429"},
		{"HTTP/1.1 302 Found\r\nLocation: /login\r\n\r\n", KWIRE_ECONFIG, false,
		 "redirects"},
		{"HTTP/1.1 404 Not Found\r\n\r\n", KWIRE_ECONFIG, false,
		 "token.endpoint.url right?"},
		{"HTTP/1.1 200 OK\r\n\r\n<html>log in</html>", KWIRE_ESASL, true, "not in JSON"},
		{"HTTP/1.1 200 OK\r\n\r\n{}", KWIRE_ESASL, true, "without an access_token"},
		{"HTTP/1.1 200 OK\r\n\r\n{\"access_token\":\"x\",\"token_type\":\"mac\"}",
		 KWIRE_ESASL, true, "type mac"},
		{"SSH-2.0-OpenSSH_9.2\r\n", KWIRE_ESASL, true, "no HTTP"},
		{"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", KWIRE_ESASL, true,
		 "before its answer was complete"},
		{"", KWIRE_ESASL, true, "before its answer was complete"},
	};
	struct kwire_error error;
	char token[128], endpoint_text[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct endpoint endpoint;
		struct kwire_config *config;

		endpoint_start(&endpoint, cases[i].answer);
		config = asking(&endpoint, "http");
		if (token_of(config, token, &error) != cases[i].result ||
		    error.retriable != cases[i].retriable || error.phase != KWIRE_PHASE_SASL ||
		    strstr(error.message, cases[i].words) == NULL)
			fail_msg("%s: \"%s\" for %s", kwire_result_name(error.result),
				 error.message, cases[i].answer);
		snprintf(endpoint_text, sizeof(endpoint_text),
			 "token endpoint 127.0.0.1:%d: ", endpoint.peer.port);
		assert_non_null(strstr(error.message, endpoint_text));
		kwire_config_free(config);
		endpoint_stop(&endpoint);
	}
}

static void a_long_answer_is_refused_and_a_silent_server_left(void **state)
{
	struct kw_sasl_setting setting;
	struct kwire_sasl_login login = {.size = sizeof(login), .host = "broker"};
	size_t size = 300000;
	char *flood = malloc(size + 1);
	struct kw_oauth_token nothing;
	struct endpoint endpoint;
	struct kwire_config *config;
	struct kwire_error error;
	struct peer silent;
	char token[128], url[64];

	(void)state;
	memset(flood, 'x', size);
	memcpy(flood, "HTTP/1.1 200 OK\r\n\r\n", 19);
	flood[size] = '\0';
	endpoint_start(&endpoint, flood);
	config = asking(&endpoint, "http");
	assert_int_equal(token_of(config, token, &error), KWIRE_ESASL);
	assert_non_null(strstr(error.message, "longer than 262144 bytes"));
	endpoint_stop(&endpoint);
	free(flood);

	/* One that accepts and says nothing costs the deadline, no more. */
	peer_init(&silent);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/", silent.port);
	kwire_config_set(config, "sasl.oauthbearer.token.endpoint.url", url, &error);
	setting = (struct kw_sasl_setting){.memory = config->memory, .config = config};
	login.deadline_ms = kw_now_ms() + 20;
	assert_int_equal(kw_oauth_token_get(&nothing, &setting, &login, &error), KWIRE_ETIMEDOUT);
	assert_non_null(strstr(error.message, "did not answer in time"));
	peer_fini(&silent);
	kwire_config_free(config);
}

static void a_provider_that_cannot_be_reached_is_named(void **state)
{
	struct endpoint endpoint;
	struct kwire_config *config;
	struct kwire_error error;
	char token[128];

	(void)state;
	endpoint_start(&endpoint, "");
	config = asking(&endpoint, "http");
	endpoint_stop(&endpoint);
	assert_int_equal(token_of(config, token, &error), KWIRE_ECONNECT);
	assert_true(error.retriable);
	assert_non_null(strstr(error.message, "token endpoint 127.0.0.1:"));
	assert_true(error.os_errno != 0);
	kwire_config_free(config);
}

static void https_is_verified_by_its_own_authority(void **state)
{
#if KW_WITH_TLS
	struct kw_identity authority, server;
	struct kw_identity_options options = {.name = "IdP CA", .authority = true};
	struct tls_peer_options serving = {.identity = &server,
					   .says = "HTTP/1.1 200 OK\r\n" JSON "\r\n" GOOD};
	struct endpoint endpoint;
	struct kwire_config *config;
	struct kwire_error error;
	char token[128];

	assert_int_equal(kw_identity_make(&authority, &options, &error), 0);
	options = (struct kw_identity_options){
		.name = "idp", .hosts = "127.0.0.1", .issuer = &authority};
	assert_int_equal(kw_identity_make(&server, &options, &error), 0);
	memset(&endpoint, 0, sizeof(endpoint));
	peer_init(&endpoint.peer);
	endpoint.tls = tls_peer_new(&serving);
	assert_int_equal(pthread_create(&endpoint.thread, NULL, serve, &endpoint), 0);
	config = asking(&endpoint, "https");
	/* Who vouches for brokers does not vouch for the provider. */
	kwire_config_set(config, "ssl.ca.pem", authority.certificate, &error);
	assert_int_equal(token_of(config, token, &error), KWIRE_ETLS);
	assert_non_null(strstr(error.message, "not trusted"));
	kwire_config_set(config, "https.ca.pem", authority.certificate, &error);
	if (token_of(config, token, &error) != 0)
		fail_msg("%s", error.message);
	assert_string_equal(token, TOKEN);
	kwire_config_set(config, "https.ca.pem", "", &error);
	kwire_config_set(config, "https.ca.location", "/nonexistent.pem", &error);
	assert_int_equal(token_of(config, token, &error), KWIRE_ECONFIG);
	assert_non_null(strstr(error.message, "https.ca.location"));
	kwire_config_free(config);
	endpoint_stop(&endpoint);
	tls_peer_free(endpoint.tls);
#endif
	(void)state;
}

static void a_file_may_stand_in_place_of_the_endpoint(void **state)
{
	char path[] = "/tmp/kwire-token-XXXXXX", url[64], token[128];
	struct kwire_config *config;
	struct kwire_error error;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0 && write(fd, TOKEN "\n", sizeof(TOKEN)) == sizeof(TOKEN));
	close(fd);
	snprintf(url, sizeof(url), "file://%s", path);
	config = test_config("sasl.mechanism", "OAUTHBEARER", "sasl.oauthbearer.token.endpoint.url",
			     url, NULL);
	assert_int_equal(token_of(config, token, &error), 0);
	assert_string_equal(token, TOKEN);
	remove(path);
	assert_int_equal(token_of(config, token, &error), KWIRE_ECONFIG);
	kwire_config_free(config);
}

static int give_token(void *context, const char *host, int64_t deadline_ms,
		      kwire_give_token_function *give, void *answer, struct kwire_error *error)
{
	(void)context;
	(void)host;
	(void)deadline_ms;
	(void)error;
	return give(answer, "mine", NULL);
}

static void settings_that_cannot_do_are_errors_at_open(void **state)
{
	static const char *const lacking[][2] = {
		{"sasl.oauthbearer.token.endpoint.url", "token.endpoint.url is not set"},
		{"sasl.oauthbearer.client.id", "client.id is not set"},
		{"sasl.oauthbearer.client.secret", "client.secret is not set"},
	};
	struct endpoint endpoint = {.peer = {.port = 1}};
	struct kwire_config *config = asking(&endpoint, "http");
	struct kwire_client *client = NULL;
	struct kwire_error error;
	char token[128];

	(void)state;
	kwire_config_set(config, "bootstrap.servers", "127.0.0.1:1", &error);
	kwire_config_set(config, "sasl.oauthbearer.method", "oidc", &error);
	for (size_t i = 0; i < sizeof(lacking) / sizeof(lacking[0]); i++) {
		char before[128];

		assert_int_equal(
			kwire_config_get(config, lacking[i][0], before, sizeof(before), &error), 0);
		if (i == 2)
			memcpy(before, SECRET, sizeof(SECRET));
		kwire_config_set(config, lacking[i][0], "", &error);
		assert_int_equal(kwire_client_open(config, &client, &error), KWIRE_ECONFIG);
		if (strstr(error.message, lacking[i][1]) == NULL)
			fail_msg("%s", error.message);
		kwire_config_set(config, lacking[i][0], before, &error);
	}
	kwire_config_set(config, "sasl.oauthbearer.token.endpoint.url", "idp.test", &error);
	assert_int_equal(kwire_client_open(config, &client, &error), KWIRE_ECONFIG);
	assert_non_null(strstr(error.message, "https:// or http://"));
	/* A program's own tokens come first. */
	kwire_config_set_token(config, give_token, NULL);
	assert_int_equal(token_of(config, token, &error), 0);
	assert_string_equal(token, "mine");
	kwire_config_free(config);

	/* Without the call that links it. */
	config = test_config("security.protocol", "SASL_PLAINTEXT", "sasl.mechanism",
			     "PLAIN,OAUTHBEARER", "sasl.oauthbearer.token.endpoint.url",
			     "https://idp.test/", "bootstrap.servers", "127.0.0.1:1", NULL);
	assert_int_equal(kwire_client_open(config, &client, &error), KWIRE_ENOTBUILT);
	assert_non_null(strstr(error.message, "kwire_oauth_client_credentials"));
	kwire_config_free(config);
	assert_int_equal(kwire_oauth_client_credentials(NULL), KWIRE_ENOMEM);
}

static void logins_share_a_token_until_it_is_old(void **state)
{
	struct endpoint endpoint;
	struct kwire_config *config, *frozen;
	struct kwire_error error;
	char token[128];

	(void)state;
	endpoint_start(&endpoint, "HTTP/1.1 200 OK\r\n" JSON "\r\n" GOOD);
	config = asking(&endpoint, "http");
	frozen = kw_config_freeze(config, &error);
	assert_int_equal(kw_security_attach(frozen, &error), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(token_of(frozen, token, &error), 0);
		assert_string_equal(token, TOKEN);
	}
	assert_int_equal(endpoint.served, 1);
	/* A reload forgets it. */
	assert_int_equal(kw_security_reload(frozen, NULL, &error), 0);
	assert_int_equal(token_of(frozen, token, &error), 0);
	assert_int_equal(endpoint.served, 2);
	kw_config_put(frozen);
	/* One whose life is not told, or over, is for one login. */
	endpoint.answer = "HTTP/1.1 200 OK\r\n\r\n{\"access_token\":\"x\",\"expires_in\":\"0\"}";
	frozen = kw_config_freeze(config, &error);
	assert_int_equal(kw_security_attach(frozen, &error), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(token_of(frozen, token, &error), 0);
	assert_int_equal(endpoint.served, 4);
	kw_config_put(frozen);
	kwire_config_free(config);
	endpoint_stop(&endpoint);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_found_at_the_top_level),
		cmocka_unit_test(what_is_no_json_object_is_refused),
		cmocka_unit_test(urls_are_taken_apart),
		cmocka_unit_test(answers_are_read_whatever_their_pieces),
		cmocka_unit_test(a_client_asks_as_rfc_6749_has_it),
		cmocka_unit_test(a_jaas_line_names_the_client_too),
		cmocka_unit_test(a_refusal_is_told_in_the_providers_words),
		cmocka_unit_test(a_long_answer_is_refused_and_a_silent_server_left),
		cmocka_unit_test(a_provider_that_cannot_be_reached_is_named),
		cmocka_unit_test(https_is_verified_by_its_own_authority),
		cmocka_unit_test(a_file_may_stand_in_place_of_the_endpoint),
		cmocka_unit_test(settings_that_cannot_do_are_errors_at_open),
		cmocka_unit_test(logins_share_a_token_until_it_is_old),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
