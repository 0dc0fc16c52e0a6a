/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS against servers that kwire did not make: OpenSSL's s_server with every
 * kind of certificate and version, and peers that break the handshake off or
 * speak no TLS at all.  Each is accepted or refused as it should be, each
 * refusal in words of its own.
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
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <kwire/kwire.h>

#include "../support/peer.h"
#include "base/clock.h"
#include "mock/authority.h"
#include "transport/socket.h"
#include "transport/tls.h"

#if KW_WITH_TLS
#include "transport/tls_library.h"

enum {
	DAY_S = 86400,
};

static struct kw_identity authority, other_authority;
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

static int make_authorities(void **state)
{
	struct kw_identity_options options = {.name = "Test CA", .authority = true};

	(void)state;
	make(&authority, &options);
	options.name = "Other CA";
	make(&other_authority, &options);
	return mkdtemp(directory) != NULL ? 0 : -1;
}

static int remove_files(void **state)
{
	static const char *const names[] = {"cert.pem", "key.pem", "ca.pem"};
	char path[64];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
		remove(path);
	}
	return rmdir(directory);
}

/* ------------------------------------------------------------------ s_server */

struct server {
	pid_t pid;
	int port;
	int input;  /* its standard input: at its end it would leave */
	int output; /* what it prints */
};

/* Runs in the child: words of `options` are separated by spaces. */
static void run_openssl(const char *options, int input, int output)
{
	char text[256], *words[32], *word, *rest = text;
	int count = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(input, STDIN_FILENO);
	dup2(output, STDOUT_FILENO);
	dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
	snprintf(text, sizeof(text), "%s", options);
	words[count++] = "openssl";
	words[count++] = "s_server";
	words[count++] = "-accept";
	words[count++] = "127.0.0.1:0";
	while ((word = strtok_r(rest, " ", &rest)) != NULL && count < 31)
		words[count++] = word;
	words[count] = NULL;
	chdir(directory);
	execvp("openssl", words);
	_exit(127);
}

/* The port in "ACCEPT 127.0.0.1:PORT"; -1: it ended first. */
static int read_port(int output)
{
	char text[1024];
	size_t size = 0;

	for (;;) {
		struct pollfd poll_fd = {.fd = output, .events = POLLIN};
		const char *accepts;
		ssize_t got;

		text[size] = '\0';
		accepts = strstr(text, "ACCEPT 127.0.0.1:");
		if (accepts != NULL && strchr(accepts, '\n') != NULL)
			return atoi(accepts + 17);
		if (size + 1 == sizeof(text) || poll(&poll_fd, 1, PEER_GUARD_MS) <= 0)
			return -1;
		got = read(output, text + size, sizeof(text) - 1 - size);
		if (got <= 0)
			return -1;
		size += (size_t)got;
	}
}

static void server_stop(struct server *server)
{
	kill(server->pid, SIGKILL);
	waitpid(server->pid, NULL, 0);
	close(server->input);
	close(server->output);
}

/* An s_server that shows `identity`; without OpenSSL the test is skipped. */
static void server_start(struct server *server, const struct kw_identity *identity,
			 const char *options)
{
	char path[64], text[256];
	int input[2], output[2];

	write_file("cert.pem", identity->certificate, path);
	write_file("key.pem", identity->key, path);
	snprintf(text, sizeof(text), "-cert cert.pem -key key.pem %s", options);
	assert_int_equal(pipe(input), 0);
	assert_int_equal(pipe(output), 0);
	server->pid = fork();
	assert_true(server->pid >= 0);
	if (server->pid == 0)
		run_openssl(text, input[0], output[1]);
	close(input[0]);
	close(output[1]);
	server->input = input[1];
	server->output = output[0];
	server->port = read_port(server->output);
	if (server->port < 0) {
		server_stop(server);
		print_message("no `openssl s_server %s` on this machine\n", options);
		skip();
	}
}

/* --------------------------------------------------------------- handshakes */

static struct kwire_config *trusting(const struct kw_identity *ca)
{
	return test_config("ssl.ca.pem", ca->certificate, NULL);
}

struct link {
	const struct kwire_transport_ops *ops;
	void *transport; /* NULL: refused */
	struct kwire_error error;
};

static struct link shake_hands(struct kw_tls_context *context, const struct kwire_config *config,
			       const struct server *server, const char *host)
{
	int64_t deadline_ms = kw_now_ms() + PEER_GUARD_MS;
	const struct kwire_transport_ops *plain_ops;
	struct link link = {.transport = NULL};
	char address[KW_ADDRESS_TEXT];
	void *plain;

	if (kw_dial(config, "127.0.0.1", server->port, deadline_ms, &plain_ops, &plain, address,
		    &link.error) != 0)
		fail_msg("%s", link.error.message);
	if (kw_tls_open(context, host, server->port, plain_ops, plain, deadline_ms, &link.ops,
			&link.transport, &link.error) != 0) {
		plain_ops->close(plain);
		link.transport = NULL;
	}
	return link;
}

/* One handshake by the name `host`; `words` NULL: accepted.  Frees `config`. */
static void expect(const struct server *server, struct kwire_config *config, const char *host,
		   const char *words)
{
	struct kw_tls_context *context;
	struct kwire_error error;
	struct link link;

	if (kw_tls_context_new(config, &context, &error) != 0)
		fail_msg("%s", error.message);
	link = shake_hands(context, config, server, host);
	if (words == NULL && link.transport == NULL)
		fail_msg("%s: %s", host, link.error.message);
	if (words != NULL && link.transport != NULL)
		fail_msg("%s was accepted where \"%s\" belongs", host, words);
	if (words != NULL && strstr(link.error.message, words) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", link.error.message, words);
	if (words != NULL) {
		assert_int_equal(link.error.result, KWIRE_ETLS);
		assert_int_equal(link.error.phase, KWIRE_PHASE_TLS);
	} else {
		link.ops->close(link.transport);
	}
	kw_tls_context_put(context);
	kwire_config_free(config);
}

static void certificates_are_judged(void **state)
{
	int64_t now = (int64_t)time(NULL);
	const struct {
		struct kw_identity_options options;
		const char *host;
		const char *words; /* NULL: accepted */
	} cases[] = {
		{{.name = "b", .hosts = "localhost, 127.0.0.1", .issuer = &authority},
		 "localhost",
		 NULL},
		{{.name = "b", .hosts = "localhost, 127.0.0.1", .issuer = &authority},
		 "127.0.0.1",
		 NULL},
		{{.name = "b", .hosts = "localhost", .issuer = &authority}, "LocalHost.", NULL},
		{{.name = "b", .hosts = "127.0.0.2", .issuer = &authority},
		 "127.0.0.1",
		 "is for 127.0.0.2, not for 127.0.0.1"},
		{{.name = "127.0.0.1", .hosts = "localhost", .issuer = &authority},
		 "127.0.0.1",
		 "is for localhost, not for 127.0.0.1"},
		{{.name = "b", .hosts = "elsewhere.test", .issuer = &authority},
		 "localhost",
		 "is for elsewhere.test, not for localhost"},
		{{.name = "b", .hosts = "localhost", .issuer = &other_authority},
		 "localhost",
		 "signed by a CA that is not trusted (CN=Other CA)"},
		{{.name = "b", .hosts = "localhost"}, "localhost", "is self-signed"},
		{{.name = "b",
		  .hosts = "localhost",
		  .issuer = &authority,
		  .from_s = now - 100 * DAY_S,
		  .until_s = now - 10 * DAY_S},
		 "localhost",
		 "has expired"},
		{{.name = "b",
		  .hosts = "localhost",
		  .issuer = &authority,
		  .from_s = now + 10 * DAY_S,
		  .until_s = now + 100 * DAY_S},
		 "localhost",
		 "is not yet valid"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct kw_identity identity;
		struct server server;

		make(&identity, &cases[i].options);
		server_start(&server, &identity, "");
		expect(&server, trusting(&authority), cases[i].host, cases[i].words);
		server_stop(&server);
	}
}

static const struct kw_identity_options good = {
	.name = "b7", .hosts = "b7.kafka.test, localhost", .issuer = &authority};

static void a_verification_name_stands_for_the_host(void **state)
{
	struct kw_identity identity;
	struct kwire_config *config = trusting(&authority);
	struct kwire_error error;
	struct server server;

	(void)state;
	make(&identity, &good);
	server_start(&server, &identity, "");
	kwire_config_set(config, "ssl.verification.name", "b7.kafka.test", &error);
	expect(&server, config, "127.0.0.1", NULL);
	config = trusting(&authority);
	kwire_config_set(config, "ssl.verification.name", "b8.kafka.test", &error);
	expect(&server, config, "localhost", "not for b8.kafka.test");
	server_stop(&server);
}

static void versions_and_ciphers_have_to_meet(void **state)
{
	static const struct {
		const char *options;
		const char *words;
	} cases[] = {
		{"-tls1 -cipher ALL:@SECLEVEL=0", "no common TLS version"},
		{"-tls1_1 -cipher ALL:@SECLEVEL=0", "no common TLS version"},
		{"-tls1_2", NULL},
		/* The certificate's key is of another kind than this cipher needs. */
		{"-tls1_2 -cipher AES128-SHA256", "no common cipher"},
		{"-tls1_3", KW_HAS_TLS_1_3 ? NULL : "no common TLS version"},
	};
	struct kw_identity identity;

	(void)state;
	make(&identity, &good);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct server server;

		server_start(&server, &identity, cases[i].options);
		expect(&server, trusting(&authority), "localhost", cases[i].words);
		server_stop(&server);
	}
}

static void a_client_certificate_that_is_asked_for_has_to_be_there(void **state)
{
	struct kw_identity_options options = {.name = "client", .issuer = &authority};
	struct kw_identity identity, client;
	struct kwire_config *config = trusting(&authority);
	struct kwire_error error;
	struct server server;
	char path[64];

	(void)state;
	make(&identity, &good);
	make(&client, &options);
	write_file("ca.pem", authority.certificate, path);
	server_start(&server, &identity, "-tls1_2 -Verify 1 -verify_return_error -CAfile ca.pem");
	expect(&server, trusting(&authority), "localhost", "certificate");
	kwire_config_set_identity(config, client.certificate, strlen(client.certificate),
				  client.key, strlen(client.key), NULL, &error);
	expect(&server, config, "localhost", NULL);
	server_stop(&server);
}

static void a_reconnect_resumes_the_session(void **state)
{
	struct kwire_config *config = trusting(&authority);
	struct kw_tls_context *context;
	struct kw_identity identity;
	struct kwire_error error;
	struct server server;

	(void)state;
	make(&identity, &good);
	server_start(&server, &identity, "-tls1_2");
	assert_int_equal(kw_tls_context_new(config, &context, &error), 0);
	for (int i = 0; i < 3; i++) {
		struct link link = shake_hands(context, config, &server, "localhost");

		assert_non_null(link.transport);
		assert_int_equal(kw_tls_resumed(link.transport), i > 0);
		link.ops->close(link.transport);
	}
	kw_tls_context_put(context);
	kwire_config_free(config);
	server_stop(&server);
}

/* --------------------------------------------------- peers that speak otherwise */

struct opening {
	struct kwire_config *config;
	int port;
	struct kwire_error error;
	pthread_t thread;
};

static void *open_it(void *context)
{
	struct opening *opening = context;
	struct kwire_connection *connection = NULL;

	kwire_connection_open(opening->config, "localhost", opening->port, PEER_GUARD_MS,
			      &connection, &opening->error);
	kwire_connection_close(connection);
	return NULL;
}

static void says(const struct kwire_error *error, int result, const char *words)
{
	if (error->result != result || strstr(error->message, words) == NULL)
		fail_msg("%s: \"%s\" where \"%s\" belongs", kwire_result_name(error->result),
			 error->message, words);
	assert_int_equal(error->outcome, KWIRE_NOT_SENT);
}

static void what_breaks_a_handshake_is_named(void **state)
{
	static const struct {
		const char *bytes; /* after the client's hello */
		size_t size;
		const char *words;
	} cases[] = {
		{"", 0, "instead of answering the TLS handshake: this looks like a plaintext"},
		{"\0\0\0\x0a\0\0\0\0\0\x23\0\0\0\0", 14,
		 "in plain text: this looks like a "
		 "plaintext listener"},
		{"HTTP/1.1 400 Bad Request\r\n\r\n", 28, "this looks like an HTTP server"},
		/* The head of a record whose body never comes. */
		{"\x16\x03\x03\x00\x5a\x02\x00\x00\x56\x03\x03", 11,
		 "in the middle of the TLS handshake"},
		{"\x15\x03\x03\x00\x02\x02\x46", 7, "no common TLS version: see"},
		{"\x15\x03\x03\x00\x02\x02\x28", 7, "handshake failure"},
		{"\x15\x03\x03\x00\x02\x02\x70", 7, "ssl.server.name"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct opening opening = {.config = test_config("security.protocol", "SSL",
								"ssl.ca.pem", authority.certificate,
								"broker.address.family", "v4",
								NULL)};
		struct peer peer;
		char hello[2048];
		int fd;

		peer_init(&peer);
		opening.port = peer.port;
		assert_int_equal(pthread_create(&opening.thread, NULL, open_it, &opening), 0);
		fd = peer_accept(&peer);
		assert_true(read(fd, hello, sizeof(hello)) > 5);
		assert_int_equal(hello[0], 0x16);
		peer_write(fd, cases[i].bytes, cases[i].size);
		close(fd);
		pthread_join(opening.thread, NULL);
		says(&opening.error, KWIRE_ETLS, cases[i].words);
		peer_fini(&peer);
		kwire_config_free(opening.config);
	}
}

static void a_plaintext_client_is_told_of_a_tls_listener(void **state)
{
	struct opening opening = {.config = test_config("broker.address.family", "v4", NULL)};
	struct kw_identity identity;
	struct server server;
	struct peer peer;
	char request[2048];
	int fd;

	(void)state;
	/* Java's brokers send an alert, OpenSSL hangs up without a word. */
	peer_init(&peer);
	opening.port = peer.port;
	assert_int_equal(pthread_create(&opening.thread, NULL, open_it, &opening), 0);
	fd = peer_accept(&peer);
	assert_true(read(fd, request, sizeof(request)) > 8);
	peer_write(fd, "\x15\x03\x03\x00\x02\x02\x50", 7);
	pthread_join(opening.thread, NULL);
	says(&opening.error, KWIRE_EPROTOCOL, "this looks like a TLS listener");
	close(fd);
	peer_fini(&peer);

	make(&identity, &good);
	server_start(&server, &identity, "");
	opening.port = server.port;
	open_it(&opening);
	says(&opening.error, KWIRE_EDISCONNECTED, "it may be a TLS listener");
	server_stop(&server);
	kwire_config_free(opening.config);
}
#endif

int main(void)
{
#if KW_WITH_TLS
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(certificates_are_judged),
		cmocka_unit_test(a_verification_name_stands_for_the_host),
		cmocka_unit_test(versions_and_ciphers_have_to_meet),
		cmocka_unit_test(a_client_certificate_that_is_asked_for_has_to_be_there),
		cmocka_unit_test(a_reconnect_resumes_the_session),
		cmocka_unit_test(what_breaks_a_handshake_is_named),
		cmocka_unit_test(a_plaintext_client_is_told_of_a_tls_listener),
	};

	return cmocka_run_group_tests(tests, make_authorities, remove_files);
#else
	return 77;
#endif
}
