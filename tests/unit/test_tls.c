/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TLS transport against mbedTLS's server side: who is accepted, who is
 * refused and in which words, and that bytes arrive whatever the lower
 * transport does.  Certificates are made here, each time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <kwire/security.h>

#include "../support/tls_peer.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/error.h"
#include "transport/socket.h"
#include "transport/tls.h"
#include "transport/tls_match.h"

static struct kw_identity authority, other_authority, broker;

static void make(struct kw_identity *identity, const char *name, const char *hosts,
		 const struct kw_identity *issuer, int64_t from_s, int64_t until_s)
{
	struct kw_identity_options options = {.name = name,
					      .hosts = hosts,
					      .issuer = issuer,
					      .authority = issuer == NULL,
					      .from_s = from_s,
					      .until_s = until_s};
	struct kwire_error error;

	if (kw_identity_make(identity, &options, &error) != 0)
		fail_msg("%s", error.message);
}

#if KW_WITH_TLS
static int make_identities(void **state)
{
	(void)state;
	make(&authority, "Test CA", NULL, NULL, 0, 0);
	make(&other_authority, "Other CA", NULL, NULL, 0, 0);
	make(&broker, "broker", "localhost, *.kafka.test, 127.0.0.1, ::1", &authority, 0, 0);
	return 0;
}

#endif

static void set(struct kwire_config *config, const char *name, const char *value)
{
	struct kwire_error error;

	if (kwire_config_set(config, name, value, &error) != 0)
		fail_msg("%s", error.message);
}

/* A configuration that trusts `ca` (NULL: the test's authority). */
static struct kwire_config *trusting(const struct kw_identity *ca)
{
	struct kwire_config *config = kwire_config_new();

	set(config, "ssl.ca.pem", ca != NULL ? ca->certificate : authority.certificate);
	return config;
}

/* One end as a plain transport, the other for a peer. */
static int plain_pair(struct kw_memory *memory, const struct kwire_transport_ops **ops,
		      void **transport)
{
	struct kwire_error error;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	assert_int_equal(kw_socket_new(memory, fds[0], NULL, ops, transport, &error), 0);
	return fds[1];
}

struct link {
	struct kw_memory *memory;
	struct kwire_config *config;
	struct kw_tls_context *context;
	const struct kwire_transport_ops *ops;
	void *transport; /* NULL: the handshake failed */
	struct tls_peer *peer;
	struct tls_serving *serving;
	struct kwire_error error;
};

/* Connects with `config` (which it frees) to a server as `options` say, by the name `host`. */
static struct link connect_to(const struct tls_peer_options *options, struct kwire_config *config,
			      const char *host)
{
	const struct kwire_transport_ops *plain_ops;
	struct link link;
	void *plain;
	int result;

	memset(&link, 0, sizeof(link));
	link.config = config;
	link.memory = config->memory;
	if (kw_tls_context_new(config, &link.context, &link.error) != 0)
		fail_msg("%s", link.error.message);
	link.peer = tls_peer_new(options);
	assert_non_null(link.peer);
	link.serving = tls_peer_serve(link.peer, plain_pair(link.memory, &plain_ops, &plain));
	result = kw_tls_open(link.context, host, 9093, plain_ops, plain, kw_now_ms() + 60000,
			     &link.ops, &link.transport, &link.error);
	assert_int_equal(result, link.error.result);
	if (result != 0)
		plain_ops->close(plain);
	return link;
}

static struct tls_served disconnect(struct link *link)
{
	struct tls_served served;

	if (link->transport != NULL)
		link->ops->close(link->transport);
	served = tls_peer_join(link->serving);
	tls_peer_free(link->peer);
	kw_tls_context_put(link->context);
	kwire_config_free(link->config);
	return served;
}

static void write_all(struct link *link, const void *data, size_t size)
{
	const char *at = data;

	while (size > 0) {
		struct iovec iov = {(void *)(uintptr_t)at, size};
		ssize_t sent = link->ops->writev(link->transport, &iov, 1, kw_now_ms() + 60000,
						 &link->error);

		if (sent <= 0)
			fail_msg("%s", link->error.message);
		at += sent;
		size -= (size_t)sent;
	}
}

static void read_all(struct link *link, void *data, size_t size)
{
	char *at = data;

	while (size > 0) {
		struct iovec iov = {at, size};
		ssize_t got = link->ops->read(link->transport, &iov, 1, kw_now_ms() + 60000,
					      &link->error);

		if (got <= 0)
			fail_msg("read: %d %s", (int)got, link->error.message);
		at += got;
		size -= (size_t)got;
	}
}

static void expect_accepted(const struct tls_peer_options *options, struct kwire_config *config,
			    const char *host)
{
	struct link link = connect_to(options, config, host);
	char echo[6] = "";

	if (link.transport == NULL)
		fail_msg("%s: %s", host, link.error.message);
	write_all(&link, "hello", 6);
	read_all(&link, echo, 6);
	assert_string_equal(echo, "hello");
	disconnect(&link);
}

static void expect_refused(const struct tls_peer_options *options, struct kwire_config *config,
			   const char *host, const char *words)
{
	struct link link = connect_to(options, config, host);

	assert_null(link.transport);
	assert_int_equal(link.error.result, KWIRE_ETLS);
	assert_int_equal(link.error.phase, KWIRE_PHASE_TLS);
	assert_false(link.error.retriable);
	if (strstr(link.error.message, words) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", link.error.message, words);
	disconnect(&link);
}

/* ------------------------------------------------------------------------- names */

static void names_match_as_rfc_9525_says(void **state)
{
	static const struct {
		const char *host, *pattern;
		bool matches;
	} cases[] = {
		{"a.example.com", "a.example.com", true},
		{"A.Example.COM.", "a.example.com", true},
		{"a.example.com", "a.example.com.", true},
		{"a.example.com", "*.example.com", true},
		{"b.a.example.com", "*.example.com", false},
		{"example.com", "*.example.com", false},
		{"a.com", "*.com", false},
		{"a.example.com", "*.*.com", false},
		{"a.example.com", "a*.example.com", false},
		{"a.example.com", "*", false},
		{"a.example.com", "", false},
		{".example.com", "*.example.com", false},
		{"10.0.0.1", "10.0.0.1", false}, /* an address is no name */
		{"10.0.0.1", "*.0.0.1", false},
		{"a.example.com", "b.example.com", false},
		{"a.example.co", "a.example.com", false},
		{"aa.example.com", "a.example.com", false},
	};
	struct kw_tls_host host;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(kw_tls_host_parse(&host, cases[i].host));
		if (kw_tls_name_matches(&host, cases[i].pattern, strlen(cases[i].pattern)) !=
		    cases[i].matches)
			fail_msg("%s and %s", cases[i].host, cases[i].pattern);
	}
	assert_true(kw_tls_host_parse(&host, "a.test"));
	assert_false(kw_tls_name_matches(&host, "a.test\0.evil", 12));
	assert_true(kw_tls_host_parse(&host, "::ffff:1%eth0"));
	assert_int_equal(host.address_size, 16);
	assert_true(kw_tls_host_parse(&host, "10.1.2.3"));
	assert_true(kw_tls_address_matches(&host, (const uint8_t *)"\x0a\x01\x02\x03", 4));
	assert_false(kw_tls_address_matches(&host, (const uint8_t *)"\x0a\x01\x02\x04", 4));
	assert_false(kw_tls_address_matches(&host, (const uint8_t *)"\x0a\x01\x02\x03", 3));
	assert_false(kw_tls_host_parse(&host, ""));
	assert_false(kw_tls_host_parse(&host, "."));
}

static void a_broker_is_known_by_any_of_its_names(void **state)
{
	struct tls_peer_options options = {.identity = &broker};
	static const char *const hosts[] = {"localhost", "LOCALHOST.", "b1.kafka.test", "127.0.0.1",
					    "::1"};

	(void)state;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
		expect_accepted(&options, trusting(NULL), hosts[i]);
}

static void a_wrong_name_is_refused_and_the_right_ones_are_told(void **state)
{
	struct tls_peer_options options = {.identity = &broker};
	static const char *const hosts[] = {"elsewhere.test", "kafka.test", "127.0.0.2", "::2"};

	(void)state;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		expect_refused(&options, trusting(NULL), hosts[i],
			       "::1, 127.0.0.1, *.kafka.test, localhost, not for");
	}
}

static void a_common_name_counts_only_without_alternative_names(void **state)
{
	struct kw_identity old, modern;
	struct tls_peer_options options = {.identity = &old};

	(void)state;
	make(&old, "old.test", NULL, &authority, 0, 0);
	make(&modern, "old.test", "new.test", &authority, 0, 0);
	expect_accepted(&options, trusting(NULL), "old.test");
	options.identity = &modern;
	expect_refused(&options, trusting(NULL), "old.test", "new.test, not for old.test");
}

static void a_verification_name_replaces_the_hosts(void **state)
{
	struct tls_peer_options options = {.identity = &broker};
	struct kwire_config *config = trusting(NULL);

	(void)state;
	set(config, "ssl.verification.name", "b7.kafka.test");
	expect_accepted(&options, config, "10.9.8.7");
	config = trusting(NULL);
	set(config, "ssl.verification.name", "other.test");
	expect_refused(&options, config, "localhost", "not for other.test");
}

static void sni_carries_names_only(void **state)
{
	struct tls_peer_options options = {.identity = &broker};
	struct kwire_config *config = trusting(NULL);
	struct link link = connect_to(&options, config, "localhost.");

	(void)state;
	assert_non_null(link.transport);
	assert_string_equal(disconnect(&link).sni, "localhost");
	link = connect_to(&options, trusting(NULL), "127.0.0.1");
	assert_non_null(link.transport);
	assert_string_equal(disconnect(&link).sni, "");
	config = trusting(NULL);
	set(config, "ssl.server.name", "greeted.test");
	link = connect_to(&options, config, "127.0.0.1");
	assert_non_null(link.transport);
	assert_string_equal(disconnect(&link).sni, "greeted.test");
}

/* ----------------------------------------------------------------- trust and time */

static void a_foreign_ca_and_a_self_signed_certificate_are_told_apart(void **state)
{
	struct tls_peer_options options = {.identity = &broker};
	struct kw_identity self, chained;

	(void)state;
	expect_refused(&options, trusting(&other_authority), "localhost",
		       "not trusted (CN=Test CA)");
	/* The CA comes along: that it vouches for itself is not what is wrong. */
	chained = broker;
	strcat(chained.certificate, authority.certificate);
	options.identity = &chained;
	expect_refused(&options, trusting(&other_authority), "localhost",
		       "not trusted (CN=Test CA)");
	make(&self, "localhost", "localhost", NULL, 0, 0);
	options.identity = &self;
	expect_refused(&options, trusting(NULL), "localhost", "self-signed");
	/* Trusted by itself it is as good as any. */
	expect_accepted(&options, trusting(&self), "localhost");
}

static int64_t clock_of(void *context)
{
	return *(int64_t *)context;
}

static void dates_are_judged_by_the_programs_clock(void **state)
{
	int64_t now = (int64_t)time(NULL), clock;
	struct tls_peer_options options;
	struct kw_identity old, future;
	struct kwire_config *config;

	(void)state;
	memset(&options, 0, sizeof(options));
	make(&old, "broker", "localhost", &authority, 1577836800, 1609459200);
	make(&future, "broker", "localhost", &authority, now + 864000, now + 8640000);
	options.identity = &old;
	expect_refused(&options, trusting(NULL), "localhost",
		       "expired (valid 2020-01-01 to 2021-01-01)");
	options.identity = &future;
	expect_refused(&options, trusting(NULL), "localhost", "not yet valid");

	/* The CA is of today, so the time that suits both is none; only "not known" accepts. */
	options.identity = &old;
	clock = -1;
	config = trusting(NULL);
	kwire_config_set_clock(config, clock_of, &clock);
	expect_accepted(&options, config, "localhost");
	options.identity = &broker;
	clock = 0;
	config = trusting(NULL);
	kwire_config_set_clock(config, clock_of, &clock);
	expect_refused(&options, config, "localhost", "this machine's clock is wrong");
	clock = now;
	config = trusting(NULL);
	kwire_config_set_clock(config, clock_of, &clock);
	expect_accepted(&options, config, "localhost");
}

static char logged[4096];

static void log_line(void *context, enum kwire_log_level level, const char *line)
{
	(void)context;
	(void)level;
	strncat(logged, line, sizeof(logged) - strlen(logged) - 2);
	strcat(logged, "\n");
}

static void verification_is_switched_off_by_name_only_and_logged(void **state)
{
	struct tls_peer_options options = {.identity = &broker};
	struct kwire_config *config = kwire_config_new();

	(void)state;
	logged[0] = '\0';
	kwire_config_set_log(config, log_line, NULL);
	set(config, "enable.ssl.certificate.verification", "false");
	expect_accepted(&options, config, "elsewhere.test");
	assert_non_null(strstr(logged, "not verified"));
	assert_ptr_equal(strstr(logged, "not verified"), strstr(logged, "not verified"));

	config = trusting(NULL);
	set(config, "ssl.endpoint.identification.algorithm", "");
	expect_accepted(&options, config, "elsewhere.test");
	config = trusting(&other_authority);
	set(config, "ssl.endpoint.identification.algorithm", "none");
	expect_refused(&options, config, "localhost", "not trusted");
}

static void no_usable_ca_is_an_error_at_once(void **state)
{
	char directory[] = "/tmp/kwire-ca-XXXXXX", path[64];
	struct kwire_config *config = kwire_config_new();
	struct tls_peer_options options = {.identity = &broker};
	struct kw_tls_context *context;
	struct kwire_error error;
	uint8_t der[KW_PEM_MAX];
	FILE *file;

	(void)state;
	set(config, "ssl.ca.location", "/nonexistent/ca.pem");
	assert_int_equal(kw_tls_context_new(config, &context, &error), KWIRE_ECONFIG);
	assert_non_null(strstr(error.message, "/nonexistent/ca.pem"));
	assert_non_null(mkdtemp(directory));
	set(config, "ssl.ca.location", directory);
	assert_int_equal(kw_tls_context_new(config, &context, &error), KWIRE_ECONFIG);
	assert_non_null(strstr(error.message, "no trusted certificate"));

	snprintf(path, sizeof(path), "%s/ca.pem", directory);
	file = fopen(path, "w");
	fputs("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n", file);
	fclose(file);
	set(config, "ssl.ca.location", path);
	assert_int_equal(kw_tls_context_new(config, &context, &error), KWIRE_ECONFIG);
	assert_non_null(strstr(error.message, "nothing usable"));
	kwire_config_free(config);

	/* As a directory, with something else beside it; as a file; as DER from memory. */
	file = fopen(path, "w");
	fputs(authority.certificate, file);
	fclose(file);
	config = kwire_config_new();
	set(config, "ssl.ca.location", directory);
	expect_accepted(&options, config, "localhost");
	config = kwire_config_new();
	set(config, "ssl.ca.location", path);
	expect_accepted(&options, config, "localhost");
	remove(path);
	rmdir(directory);

	config = kwire_config_new();
	{
		char text[KW_PEM_MAX], *at = text;
		size_t size;

		for (const char *line = strchr(authority.certificate, '\n') + 1; *line != '-';
		     line++)
			if (*line != '\n')
				*at++ = *line;
		assert_true(kw_base64_decode(text, (size_t)(at - text), der, &size));
		assert_int_equal(kwire_config_set_ca(config, der, size, &error), 0);
	}
	expect_accepted(&options, config, "localhost");
}

/* -------------------------------------------------------------- client certificates */

static void a_client_certificate_is_shown_where_it_is_asked_for(void **state)
{
	struct tls_peer_options options = {.identity = &broker, .client_ca = authority.certificate};
	struct kwire_config *config = trusting(NULL);
	struct kw_identity client, stranger;
	struct kwire_error error;
	struct link link;
	char byte = 1;

	(void)state;
	make(&client, "client", NULL, &authority, 0, 0);
	make(&stranger, "stranger", NULL, &other_authority, 0, 0);
	assert_int_equal(kwire_config_set_identity(config, client.certificate,
						   strlen(client.certificate), client.key,
						   strlen(client.key), NULL, &error),
			 0);
	link = connect_to(&options, config, "localhost");
	assert_non_null(link.transport);
	/* In TLS 1.3 the server goes on with its handshake after ours is over. */
	write_all(&link, &byte, 1);
	read_all(&link, &byte, 1);
	assert_string_equal(disconnect(&link).client, "CN=client");

	/* Without one, and with a foreign one, the broker's alert is put in words. */
	link = connect_to(&options, trusting(NULL), "localhost");
	if (link.transport != NULL) { /* TLS 1.3: told with the first read */
		struct iovec iov = {&byte, 1};

		assert_true(link.ops->read(link.transport, &iov, 1, kw_now_ms() + 60000,
					   &link.error) <= 0);
	}
	if (link.transport == NULL && strstr(link.error.message, "certificate") == NULL)
		fail_msg("%s", link.error.message);
	disconnect(&link);
	config = trusting(NULL);
	kwire_config_set_identity(config, stranger.certificate, strlen(stranger.certificate),
				  stranger.key, strlen(stranger.key), NULL, &error);
	link = connect_to(&options, config, "localhost");
	if (link.transport == NULL)
		assert_non_null(strstr(link.error.message, "the broker refused TLS"));
	disconnect(&link);
}

static void an_identity_that_does_not_fit_is_an_error_at_open(void **state)
{
	struct kwire_config *config = trusting(NULL);
	struct kw_tls_context *context;
	struct kw_identity client;
	struct kwire_error error;

	(void)state;
	make(&client, "client", NULL, &authority, 0, 0);
	kwire_config_set_identity(config, client.certificate, strlen(client.certificate),
				  broker.key, strlen(broker.key), NULL, &error);
	assert_int_equal(kw_tls_context_new(config, &context, &error), KWIRE_ECONFIG);
	assert_non_null(strstr(error.message, "does not belong"));
	set(config, "ssl.key.pem", "");
	assert_int_equal(kw_tls_context_new(config, &context, &error), KWIRE_ECONFIG);
	assert_non_null(strstr(error.message, "ssl.key.location"));
	set(config, "ssl.key.pem",
	    "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"
	    "DEK-Info: AES-256-CBC,00112233445566778899AABBCCDDEEFF\n\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n-----END EC PRIVATE KEY-----\n");
	assert_int_equal(kw_tls_context_new(config, &context, &error), KWIRE_ECONFIG);
	assert_non_null(strstr(error.message, "ssl.key.password"));
	set(config, "ssl.certificate.pem", "");
	assert_int_equal(kw_tls_context_new(config, &context, &error), KWIRE_ECONFIG);
	assert_non_null(strstr(error.message, "without a certificate"));
	kwire_config_free(config);
}

/* ----------------------------------------------------------------------- settings */

static void cipher_suites_and_versions_are_obeyed(void **state)
{
	struct tls_peer_options options = {.identity = &broker};
	struct kwire_config *config = trusting(NULL);
	struct kw_tls_context *context;
	struct kwire_error error;
	struct link link;

	(void)state;
	set(config, "ssl.enabled.protocols", "TLSv1.2");
	set(config, "ssl.cipher.suites", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384");
	link = connect_to(&options, config, "localhost");
	assert_non_null(link.transport);
	assert_string_equal(kw_tls_version(link.transport), "TLSv1.2");
	assert_string_equal(kw_tls_cipher(link.transport),
			    "TLS-ECDHE-ECDSA-WITH-AES-256-GCM-SHA384");
	disconnect(&link);
	config = trusting(NULL);
	set(config, "ssl.cipher.suites", "TLS_ROT13");
	assert_int_equal(kw_tls_context_new(config, &context, &error), KWIRE_ECONFIG);
	assert_non_null(strstr(error.message, "TLS_ROT13"));
	kwire_config_free(config);
}

static void an_old_peer_has_no_version_in_common(void **state)
{
	struct tls_peer_options options = {.identity = &broker, .old_versions = true};
	struct link link = connect_to(&options, trusting(NULL), "localhost");

	(void)state;
	if (link.transport != NULL && strcmp(kw_tls_version(link.transport), "TLSv1.2") >= 0) {
		disconnect(&link); /* this mbedTLS has no older version to offer */
		skip();
	}
	assert_int_equal(link.error.result, KWIRE_ETLS);
	assert_non_null(strstr(link.error.message, "no common TLS version"));
	disconnect(&link);
}

/* ------------------------------------------------------------- peers that are none */

struct scripted {
	int fd;
	const char *says;
	size_t size;
};

/* Waits for our hello, says its line, closes. */
static void *say_and_close(void *context)
{
	struct scripted *scripted = context;
	char hello[1024];

	if (recv(scripted->fd, hello, sizeof(hello), 0) > 0)
		send(scripted->fd, scripted->says, scripted->size, MSG_NOSIGNAL);
	shutdown(scripted->fd, SHUT_WR);
	return NULL;
}

static void peers_that_speak_no_tls_are_named(void **state)
{
	static const struct {
		const char *says;
		size_t size;
		const char *words;
	} cases[] = {
		{"", 0, "plaintext listener"},
		{"\0\0\0\x0e\0\0\0\0", 8, "plaintext listener"},
		{"HTTP/1.1 400 Bad Request\r\n", 26, "HTTP server"},
		{"\x16\x03\x03\x02\x00\x02", 6, "in the middle of the TLS handshake"},
		{"\x15\x03\x03\0\x02\x02\x46", 7, "no common TLS version"},
		{"\x15\x03\x03\0\x02\x02\x28", 7, "handshake failure"},
		{"\x16\x03\x03\0\x04\x09\0\0\0", 9, "broke the TLS protocol"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct kwire_config *config = trusting(NULL);
		const struct kwire_transport_ops *plain_ops, *ops;
		struct scripted scripted = {.says = cases[i].says, .size = cases[i].size};
		struct kw_tls_context *context;
		struct kwire_error error = KWIRE_ERROR_INIT;
		void *plain, *transport;
		pthread_t thread;

		assert_int_equal(kw_tls_context_new(config, &context, &error), 0);
		scripted.fd = plain_pair(config->memory, &plain_ops, &plain);
		assert_int_equal(pthread_create(&thread, NULL, say_and_close, &scripted), 0);
		assert_int_equal(kw_tls_open(context, "localhost", 1, plain_ops, plain,
					     kw_now_ms() + 60000, &ops, &transport, &error),
				 KWIRE_ETLS);
		if (strstr(error.message, cases[i].words) == NULL)
			fail_msg("\"%s\" does not say \"%s\"", error.message, cases[i].words);
		pthread_join(thread, NULL);
		plain_ops->close(plain);
		close(scripted.fd);
		kw_tls_context_put(context);
		kwire_config_free(config);
	}
}

static void a_silent_peer_costs_no_more_than_the_deadline(void **state)
{
	struct kwire_config *config = trusting(NULL);
	const struct kwire_transport_ops *plain_ops, *ops;
	struct kw_tls_context *context;
	struct kwire_error error = KWIRE_ERROR_INIT;
	void *plain, *transport;
	int fd;

	(void)state;
	assert_int_equal(kw_tls_context_new(config, &context, &error), 0);
	fd = plain_pair(config->memory, &plain_ops, &plain);
	assert_int_equal(kw_tls_open(context, "localhost", 1, plain_ops, plain, kw_now_ms() + 20,
				     &ops, &transport, &error),
			 KWIRE_ETIMEDOUT);
	assert_int_equal(error.phase, KWIRE_PHASE_TLS);
	plain_ops->close(plain);
	close(fd);
	kw_tls_context_put(context);
	kwire_config_free(config);
}

/* ----------------------------------------------------------------------- sessions */

static void a_second_connection_resumes_the_session(void **state)
{
	struct tls_peer_options options = {.identity = &broker};
	struct link link = connect_to(&options, trusting(NULL), "localhost"), again;
	const struct kwire_transport_ops *plain_ops, *ops;
	struct tls_serving *second;
	void *plain, *transport;
	char echo[2];

	(void)state;
	assert_non_null(link.transport);
	assert_false(kw_tls_resumed(link.transport));
	/* TLS 1.3's ticket comes with the first data. */
	write_all(&link, "x", 1);
	read_all(&link, echo, 1);
	for (int port = 9093; port <= 9094; port++) {
		second = tls_peer_serve(link.peer, plain_pair(link.memory, &plain_ops, &plain));
		assert_int_equal(kw_tls_open(link.context, "localhost", port, plain_ops, plain,
					     kw_now_ms() + 60000, &ops, &transport, &link.error),
				 0);
		/* Another port is another broker. */
		assert_int_equal(kw_tls_resumed(transport), port == 9093);
		again = link;
		again.ops = ops;
		again.transport = transport;
		write_all(&again, "y", 1);
		read_all(&again, echo, 1);
		ops->close(transport);
		assert_int_equal(tls_peer_join(second).handshake, 0);
	}
	disconnect(&link);
}

/* -------------------------------------------------------------- bytes in both ways */

/* A lower transport that moves few bytes at a time and refuses now and then. */
struct awkward {
	const struct kwire_transport_ops *ops;
	void *transport;
	unsigned calls;
	bool refuse; /* every writev with a deadline in the past */
};

static ssize_t awkward_read(void *transport, const struct iovec *iov, int count,
			    int64_t deadline_ms, struct kwire_error *error)
{
	struct awkward *a = transport;
	struct iovec small = {iov->iov_base, iov->iov_len < 7 ? iov->iov_len : 7};

	(void)count;
	return a->ops->read(a->transport, &small, 1, deadline_ms, error);
}

static ssize_t awkward_writev(void *transport, const struct iovec *iov, int count,
			      int64_t deadline_ms, struct kwire_error *error)
{
	struct awkward *a = transport;
	struct iovec small = {iov->iov_base, iov->iov_len < 11 ? iov->iov_len : 11};

	(void)count;
	if (a->refuse && a->calls++ % 3 != 2)
		return kw_fail(error, KWIRE_ETIMEDOUT, "full");
	return a->ops->writev(a->transport, &small, 1, deadline_ms, error);
}

static void awkward_wake(void *transport)
{
	(void)transport;
}

static void awkward_close(void *transport)
{
	struct awkward *a = transport;

	a->ops->close(a->transport);
}

static const struct kwire_transport_ops awkward_ops = {
	.size = sizeof(awkward_ops),
	.read = awkward_read,
	.writev = awkward_writev,
	.wake = awkward_wake,
	.shutdown = awkward_wake,
	.close = awkward_close,
};

/* What was not said to be written is written again, what was is not, byte for byte. */
static void a_write_cut_short_goes_on_where_it_was(void **state)
{
	static char sent[20000], back[20000];
	struct tls_peer_options options = {.identity = &broker};
	struct kwire_config *config = trusting(NULL);
	struct awkward awkward = {.calls = 0};
	struct link link = {.config = config, .memory = config->memory};
	size_t at = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (char)(i * 31 + i / 256);
	link.peer = tls_peer_new(&options);
	assert_int_equal(kw_tls_context_new(config, &link.context, &link.error), 0);
	link.serving = tls_peer_serve(link.peer,
				      plain_pair(config->memory, &awkward.ops, &awkward.transport));
	assert_int_equal(kw_tls_open(link.context, "localhost", 1, &awkward_ops, &awkward,
				     kw_now_ms() + 60000, &link.ops, &link.transport, &link.error),
			 0);
	awkward.refuse = true;
	while (at < sizeof(sent)) {
		/* Pieces of odd sizes, the first empty. */
		size_t left = sizeof(sent) - at, first = left < 13 ? left : 13;
		size_t second = left - first < 5000 ? left - first : 5000;
		struct iovec iov[4] = {{sent, 0},
				       {sent + at, first},
				       {sent + at + first, second},
				       {sent + at + first + second, left - first - second}};
		ssize_t n = link.ops->writev(link.transport, iov, 4, 0, &link.error);

		if (n == KWIRE_ETIMEDOUT)
			continue;
		assert_true(n > 0);
		at += (size_t)n;
	}
	read_all(&link, back, sizeof(back));
	assert_memory_equal(sent, back, sizeof(sent));
	assert_int_equal(disconnect(&link).echoed, sizeof(sent));
}

enum {
	FLOOD = 8 << 20,
};

static void *flood(void *context)
{
	struct link *link = context;
	static uint8_t block[65536];
	uint32_t next = 0;

	for (size_t at = 0; at < FLOOD; at += sizeof(block)) {
		size_t done = 0;

		for (size_t i = 0; i < sizeof(block); i += 4, next++)
			memcpy(block + i, &next, 4);
		while (done < sizeof(block)) {
			struct iovec iov = {block + done, sizeof(block) - done};
			struct kwire_error error;
			ssize_t n = link->ops->writev(link->transport, &iov, 1, kw_now_ms() + 60000,
						      &error);

			if (n <= 0)
				return NULL;
			done += (size_t)n;
		}
	}
	return link;
}

static void both_directions_are_busy_at_once(void **state)
{
	struct tls_peer_options options = {.identity = &broker};
	struct link link = connect_to(&options, trusting(NULL), "localhost");
	static uint8_t block[30000];
	uint8_t word[4];
	size_t got = 0, in_word = 0;
	uint32_t expected = 0, number;
	bool right = true;
	pthread_t writer;
	void *finished;

	(void)state;
	assert_non_null(link.transport);
	assert_int_equal(pthread_create(&writer, NULL, flood, &link), 0);
	while (got < FLOOD) {
		struct iovec iov[2] = {{block, 100}, {block + 100, sizeof(block) - 100}};
		ssize_t n = link.ops->read(link.transport, iov, 2, kw_now_ms() + 60000,
					   &link.error);

		if (n <= 0)
			fail_msg("%d %s", (int)n, link.error.message);
		for (ssize_t i = 0; i < n; i++) {
			word[in_word++] = block[i];
			if (in_word < 4)
				continue;
			in_word = 0;
			memcpy(&number, word, 4);
			right = right && number == expected++;
		}
		got += (size_t)n;
	}
	pthread_join(writer, &finished);
	assert_true(right);
	assert_ptr_equal(finished, &link);
	disconnect(&link);
}

static void *wait_for_bytes(void *context)
{
	struct link *link = context;
	char byte;
	struct iovec iov = {&byte, 1};
	struct kwire_error error;

	return (void *)(intptr_t)link->ops->read(link->transport, &iov, 1, KW_NEVER, &error);
}

static void wake_and_shutdown_reach_a_blocked_reader(void **state)
{
	struct tls_peer_options options = {.identity = &broker};
	struct link link = connect_to(&options, trusting(NULL), "localhost");
	pthread_t reader;
	void *result;

	(void)state;
	assert_non_null(link.transport);
	pthread_create(&reader, NULL, wait_for_bytes, &link);
	link.ops->wake(link.transport);
	pthread_join(reader, &result);
	assert_int_equal((int)(intptr_t)result, KWIRE_ECANCELED);
	pthread_create(&reader, NULL, wait_for_bytes, &link);
	link.ops->shutdown(link.transport);
	pthread_join(reader, &result);
	assert_true((int)(intptr_t)result <= 0);
	disconnect(&link);
}

/* A lower transport that changes one bit on the way in, once told to. */
static ssize_t corrupting_read(void *transport, const struct iovec *iov, int count,
			       int64_t deadline_ms, struct kwire_error *error)
{
	struct awkward *a = transport;
	ssize_t n = a->ops->read(a->transport, iov, count, deadline_ms, error);

	if (a->refuse && n > 0)
		((uint8_t *)iov->iov_base)[n - 1] ^= 1;
	return n;
}

static ssize_t plain_writev(void *transport, const struct iovec *iov, int count,
			    int64_t deadline_ms, struct kwire_error *error)
{
	struct awkward *a = transport;

	return a->ops->writev(a->transport, iov, count, deadline_ms, error);
}

static void a_changed_byte_ends_the_connection_for_good(void **state)
{
	static const struct kwire_transport_ops ops = {
		.size = sizeof(ops),
		.read = corrupting_read,
		.writev = plain_writev,
		.wake = awkward_wake,
		.shutdown = awkward_wake,
		.close = awkward_close,
	};
	struct tls_peer_options options = {.identity = &broker};
	struct kwire_config *config = trusting(NULL);
	struct awkward awkward = {.calls = 0};
	struct link link = {.config = config, .memory = config->memory};
	char byte;
	struct iovec iov = {&byte, 1};

	(void)state;
	link.peer = tls_peer_new(&options);
	assert_int_equal(kw_tls_context_new(config, &link.context, &link.error), 0);
	link.serving = tls_peer_serve(link.peer,
				      plain_pair(config->memory, &awkward.ops, &awkward.transport));
	assert_int_equal(kw_tls_open(link.context, "localhost", 1, &ops, &awkward,
				     kw_now_ms() + 60000, &link.ops, &link.transport, &link.error),
			 0);
	awkward.refuse = true;
	write_all(&link, "x", 1);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(
			link.ops->read(link.transport, &iov, 1, kw_now_ms() + 60000, &link.error),
			KWIRE_ETLS);
		assert_non_null(strstr(link.error.message, "changed on its way"));
	}
	assert_int_equal(
		link.ops->writev(link.transport, &iov, 1, kw_now_ms() + 60000, &link.error),
		KWIRE_ETLS);
	disconnect(&link);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_match_as_rfc_9525_says),
		cmocka_unit_test(a_broker_is_known_by_any_of_its_names),
		cmocka_unit_test(a_wrong_name_is_refused_and_the_right_ones_are_told),
		cmocka_unit_test(a_common_name_counts_only_without_alternative_names),
		cmocka_unit_test(a_verification_name_replaces_the_hosts),
		cmocka_unit_test(sni_carries_names_only),
		cmocka_unit_test(a_foreign_ca_and_a_self_signed_certificate_are_told_apart),
		cmocka_unit_test(dates_are_judged_by_the_programs_clock),
		cmocka_unit_test(verification_is_switched_off_by_name_only_and_logged),
		cmocka_unit_test(no_usable_ca_is_an_error_at_once),
		cmocka_unit_test(a_client_certificate_is_shown_where_it_is_asked_for),
		cmocka_unit_test(an_identity_that_does_not_fit_is_an_error_at_open),
		cmocka_unit_test(cipher_suites_and_versions_are_obeyed),
		cmocka_unit_test(an_old_peer_has_no_version_in_common),
		cmocka_unit_test(peers_that_speak_no_tls_are_named),
		cmocka_unit_test(a_silent_peer_costs_no_more_than_the_deadline),
		cmocka_unit_test(a_second_connection_resumes_the_session),
		cmocka_unit_test(a_write_cut_short_goes_on_where_it_was),
		cmocka_unit_test(both_directions_are_busy_at_once),
		cmocka_unit_test(wake_and_shutdown_reach_a_blocked_reader),
		cmocka_unit_test(a_changed_byte_ends_the_connection_for_good),
	};

#if KW_WITH_TLS
	return cmocka_run_group_tests(tests, make_identities, NULL);
#else
	(void)tests;
	return 0;
#endif
}
