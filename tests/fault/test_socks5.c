/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Brokers behind a SOCKS5 proxy, which is played here: a thread that relays one
 * client's connection after the other to a mock cluster, whose names it alone
 * knows.  And dialling from a certain address.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <kwire/client.h>
#include <kwire/mock.h>

#include "../support/peer.h"

/* How the proxy behaves. */
struct proxy {
	struct peer peer;
	const char *username, *password; /* wanted; NULL: nobody need log in */
	uint8_t refusal;                 /* of each request, 0: none */
	const char *greeting;            /* sent instead of everything; NULL: a proxy's */
	atomic_size_t stop_after;        /* bytes of its answers; then silence */
	atomic_size_t sent;
	atomic_int served;
	char asked[64]; /* the last host, as it was named */
	uint8_t kind;   /* of its address: 1, 3 or 4 */
	pthread_t thread;
};

static bool take(int fd, void *bytes, size_t size)
{
	uint8_t *at = bytes;
	ssize_t got;

	for (; size > 0; size -= (size_t)got, at += got)
		if ((got = recv(fd, at, size, 0)) <= 0)
			return false;
	return true;
}

static bool give(struct proxy *proxy, int fd, const void *bytes, size_t size)
{
	size_t left = proxy->stop_after - proxy->sent;

	if (size > left) {
		peer_write(fd, bytes, left);
		/* Silence, until the client has had enough. */
		(void)peer_at_end(fd);
		return false;
	}
	proxy->sent += size;
	return peer_write(fd, bytes, size);
}

static bool check_login(struct proxy *proxy, int fd)
{
	uint8_t head[2], answer[2] = {1, 0}, size;
	char name[256] = "", password[256] = "";

	if (!take(fd, head, 2) || head[0] != 1 || !take(fd, name, head[1]) || !take(fd, &size, 1) ||
	    !take(fd, password, size))
		return false;
	if (strcmp(name, proxy->username) != 0 || strcmp(password, proxy->password) != 0)
		answer[1] = 1;
	return give(proxy, fd, answer, 2) && answer[1] == 0;
}

/* Reads where to connect to; the port, or -1. */
static int read_request(struct proxy *proxy, int fd)
{
	uint8_t head[4], address[256], size = 4, port[2];

	if (!take(fd, head, 4) || head[0] != 5 || head[1] != 1)
		return -1;
	proxy->kind = head[3];
	if (head[3] == 4)
		size = 16;
	if (head[3] == 3 && !take(fd, &size, 1))
		return -1;
	if (!take(fd, address, size) || !take(fd, port, 2))
		return -1;
	if (head[3] == 3)
		snprintf(proxy->asked, sizeof(proxy->asked), "%.*s", (int)size,
			 (const char *)address);
	else
		inet_ntop(head[3] == 4 ? AF_INET6 : AF_INET, address, proxy->asked,
			  sizeof(proxy->asked));
	return port[0] << 8 | port[1];
}

/* Whatever is asked for, it is on this machine. */
static int dial(int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons((uint16_t)port);
	if (connect(fd, (struct sockaddr *)(void *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

static void relay(int here, int there)
{
	struct pollfd fds[2] = {{.fd = here, .events = POLLIN}, {.fd = there, .events = POLLIN}};
	char bytes[4096];

	while (poll(fds, 2, PEER_GUARD_MS) > 0)
		for (int i = 0; i < 2; i++) {
			ssize_t got;

			if (fds[i].revents == 0)
				continue;
			got = recv(fds[i].fd, bytes, sizeof(bytes), 0);
			if (got <= 0 || !peer_write(fds[1 - i].fd, bytes, (size_t)got))
				return;
		}
}

static void serve(struct proxy *proxy, int fd)
{
	uint8_t hello[2], methods[255], answer[2] = {5, 0};
	uint8_t reply[10] = {5, 0, 0, 1, 127, 0, 0, 1, 0, 0};
	bool offers_password = false;
	int port, there;

	if (proxy->greeting != NULL) {
		peer_write(fd, proxy->greeting, strlen(proxy->greeting));
		return;
	}
	if (!take(fd, hello, 2) || hello[0] != 5 || !take(fd, methods, hello[1]))
		return;
	for (int i = 0; i < hello[1]; i++)
		offers_password = offers_password || methods[i] == 2;
	if (proxy->username != NULL)
		answer[1] = offers_password ? 2 : 255;
	if (!give(proxy, fd, answer, 2) || answer[1] == 255 ||
	    (answer[1] == 2 && !check_login(proxy, fd)) || (port = read_request(proxy, fd)) < 0)
		return;
	reply[1] = proxy->refusal;
	if (!give(proxy, fd, reply, sizeof(reply)) || proxy->refusal != 0)
		return;
	atomic_fetch_add(&proxy->served, 1);
	there = dial(port);
	if (there >= 0)
		relay(fd, there);
	close(there);
}

struct session {
	struct proxy *proxy;
	int fd;
};

static void *serve_one(void *context)
{
	struct session session = *(struct session *)context;

	free(context);
	serve(session.proxy, session.fd);
	close(session.fd);
	return NULL;
}

/* Each client has a thread; teardown waits for them through the clients' end. */
static void *stand(void *context)
{
	struct proxy *proxy = context;
	pthread_t threads[64];
	int count = 0, fd;

	while (count < 64 && (fd = peer_accept(&proxy->peer)) >= 0) {
		struct session *session = malloc(sizeof(*session));

		session->proxy = proxy;
		session->fd = fd;
		if (pthread_create(&threads[count], NULL, serve_one, session) != 0)
			abort();
		count++;
	}
	while (count > 0)
		pthread_join(threads[--count], NULL);
	return NULL;
}

struct bench {
	struct kwire_mock *mock;
	struct proxy proxy;
	struct kwire_config *config;
	struct kwire_client *client;
	struct kwire_error error;
};

static void set(struct bench *bench, const char *name, const char *value)
{
	assert_int_equal(kwire_config_set(bench->config, name, value, &bench->error), 0);
}

static int setup(void **state)
{
	struct kwire_mock_options options = KWIRE_MOCK_OPTIONS_INIT;
	struct bench *bench = calloc(1, sizeof(*bench));
	char text[64];

	*state = bench;
	options.host = "broker.invalid"; /* no resolver knows it: RFC 6761 */
	if (kwire_mock_open(&options, &bench->mock, NULL) != 0)
		return -1;
	peer_init(&bench->proxy.peer);
	bench->proxy.stop_after = SIZE_MAX;
	bench->config = kwire_config_new();
	snprintf(text, sizeof(text), "bootstrap.invalid:%d", kwire_mock_port(bench->mock, 1));
	set(bench, "bootstrap.servers", text);
	snprintf(text, sizeof(text), "127.0.0.1:%d", bench->proxy.peer.port);
	set(bench, "socks5.proxy", text);
	return pthread_create(&bench->proxy.thread, NULL, stand, &bench->proxy);
}

static int teardown(void **state)
{
	struct bench *bench = *state;

	kwire_client_close(bench->client);
	shutdown(bench->proxy.peer.fd, SHUT_RDWR);
	pthread_join(bench->proxy.thread, NULL);
	peer_fini(&bench->proxy.peer);
	kwire_mock_close(bench->mock);
	kwire_config_free(bench->config);
	free(bench);
	return 0;
}

static void open_client(struct bench *bench)
{
	assert_int_equal(kwire_client_open(bench->config, &bench->client, &bench->error), 0);
}

static void expect_failure_of(struct bench *bench, int result, const char *words)
{
	open_client(bench);
	assert_int_equal(kwire_client_connect(bench->client, 60000, &bench->error), result);
	assert_int_equal(bench->error.phase, KWIRE_PHASE_CONNECT);
	assert_int_equal(bench->error.outcome, KWIRE_NOT_SENT);
	assert_string_equal(bench->error.host, "bootstrap.invalid");
	if (strstr(bench->error.message, words) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", bench->error.message, words);
	assert_non_null(strstr(bench->error.message, "SOCKS5 proxy 127.0.0.1:"));
}

static void brokers_are_reached_by_names_that_the_proxy_resolves(void **state)
{
	struct bench *bench = *state;
	struct kwire_broker_info brokers[3];
	int count = 0;

	open_client(bench);
	assert_int_equal(kwire_client_brokers(bench->client, brokers, 3, &count, &bench->error), 0);
	assert_string_equal(bench->proxy.asked, "bootstrap.invalid");
	assert_int_equal(bench->proxy.kind, 3);
	assert_int_equal(count, 3);
	for (int i = 0; i < count; i++) {
		struct kwire_versions *versions = NULL;
		struct kwire_broker *broker;

		assert_int_equal(kwire_client_broker(bench->client, brokers[i].node_id, &broker,
						     &bench->error),
				 0);
		assert_int_equal(kwire_broker_versions(broker, -1, &versions, &bench->error), 0);
		kwire_versions_free(versions);
		kwire_broker_put(broker);
		assert_string_equal(bench->proxy.asked, "broker.invalid");
	}
	assert_true(atomic_load(&bench->proxy.served) >= 4);
}

static void an_address_is_asked_for_as_one(void **state)
{
	struct bench *bench = *state;
	char text[64];

	snprintf(text, sizeof(text), "[::1]:%d", kwire_mock_port(bench->mock, 1));
	set(bench, "bootstrap.servers", text);
	open_client(bench);
	assert_int_equal(kwire_client_connect(bench->client, 60000, &bench->error), 0);
	assert_int_equal(bench->proxy.kind, 4);
	assert_string_equal(bench->proxy.asked, "::1");
	snprintf(text, sizeof(text), "127.0.0.9:%d", kwire_mock_port(bench->mock, 1));
	assert_int_equal(kwire_client_set_bootstrap(bench->client, text, &bench->error), 0);
	assert_int_equal(kwire_client_connect(bench->client, 60000, &bench->error), 0);
	assert_int_equal(bench->proxy.kind, 1);
	assert_string_equal(bench->proxy.asked, "127.0.0.9");
}

static void a_login_opens_the_way(void **state)
{
	struct bench *bench = *state;

	bench->proxy.username = "alice";
	bench->proxy.password = "secret";
	set(bench, "socks5.username", "alice");
	set(bench, "socks5.password", "secret");
	open_client(bench);
	assert_int_equal(kwire_client_connect(bench->client, 60000, &bench->error), 0);
}

static void a_wrong_login_is_told_and_final(void **state)
{
	struct bench *bench = *state;

	bench->proxy.username = "alice";
	bench->proxy.password = "secret";
	set(bench, "socks5.username", "alice");
	set(bench, "socks5.password", "wrong");
	set(bench, "connect.failure", "wait");
	expect_failure_of(bench, KWIRE_EAUTH, "refuses socks5.username");
	assert_null(strstr(bench->error.message, "wrong"));
}

static void a_login_that_is_missing_is_asked_for(void **state)
{
	struct bench *bench = *state;

	bench->proxy.username = "alice";
	bench->proxy.password = "secret";
	expect_failure_of(bench, KWIRE_EAUTH, "set socks5.username");
}

static void the_proxy_s_reason_is_told(void **state)
{
	struct bench *bench = *state;

	bench->proxy.refusal = 4;
	expect_failure_of(bench, KWIRE_ECONNECT, "cannot reach the host");
	assert_true(bench->error.retriable);
}

static void what_is_no_proxy_is_named(void **state)
{
	struct bench *bench = *state;

	bench->proxy.greeting = "HTTP/1.1 400 Bad Request\r\n\r\n";
	expect_failure_of(bench, KWIRE_EPROTOCOL, "does not speak SOCKS5");
}

static void a_proxy_that_is_not_there_is_named(void **state)
{
	struct bench *bench = *state;
	struct peer nobody;
	char text[64];

	peer_init(&nobody);
	snprintf(text, sizeof(text), "127.0.0.1:%d", nobody.port);
	peer_fini(&nobody);
	set(bench, "socks5.proxy", text);
	expect_failure_of(bench, KWIRE_ECONNECT, "nothing listens on that port");
}

/* Each byte of its answers may be the last. */
static void a_silent_proxy_costs_the_set_up_timeout(void **state)
{
	struct bench *bench = *state;

	set(bench, "socket.connection.setup.timeout.ms", "100");
	set(bench, "reconnect.backoff.ms", "0");
	set(bench, "reconnect.backoff.max.ms", "0");
	for (size_t stop = 0; stop < 12; stop += 3) {
		bench->proxy.stop_after = stop;
		bench->proxy.sent = 0;
		expect_failure_of(bench, KWIRE_ETIMEDOUT, "");
		kwire_client_close(bench->client);
		bench->client = NULL;
	}
}

static void shutting_down_interrupts_a_silent_proxy(void **state)
{
	struct bench *bench = *state;

	bench->proxy.stop_after = 1;
	open_client(bench);
	/* The dial goes on after its caller has left; the guard of the test is 300 s. */
	assert_int_equal(kwire_client_connect(bench->client, 50, &bench->error), KWIRE_ETIMEDOUT);
	assert_int_equal(kwire_client_shutdown(bench->client, 60000), 0);
}

static void a_proxy_that_is_none_is_refused_in_the_configuration(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(kwire_config_set(bench->config, "socks5.proxy", "a:1,b:2", &bench->error),
			 KWIRE_ECONFIG);
	assert_int_equal(kwire_config_set(bench->config, "socks5.proxy", "a:port", &bench->error),
			 KWIRE_ECONFIG);
	assert_int_equal(
		kwire_config_set(bench->config, "socket.local.address", "eth0", &bench->error),
		KWIRE_ECONFIG);
}

/* A peer of our own sees where a connection comes from. */
static void connections_come_from_the_local_address(void **state)
{
	struct bench *bench = *state;
	struct sockaddr_in from;
	socklen_t size = sizeof(from);
	struct peer peer;
	char text[64];
	int fd;

	peer_init(&peer);
	snprintf(text, sizeof(text), "127.0.0.1:%d", peer.port);
	set(bench, "bootstrap.servers", text);
	set(bench, "socks5.proxy", "");
	set(bench, "socket.local.address", "127.0.0.7");
	open_client(bench);
	assert_int_equal(kwire_client_connect(bench->client, 50, &bench->error), KWIRE_ETIMEDOUT);
	fd = accept(peer.fd, (struct sockaddr *)(void *)&from, &size);
	assert_true(fd >= 0);
	assert_string_equal(inet_ntop(AF_INET, &from.sin_addr, text, sizeof(text)), "127.0.0.7");
	close(fd);
	peer_fini(&peer);
}

static void fail_here(struct bench *bench, const char *words)
{
	char text[64];

	snprintf(text, sizeof(text), "127.0.0.1:%d", kwire_mock_port(bench->mock, 1));
	set(bench, "bootstrap.servers", text);
	set(bench, "socks5.proxy", "");
	open_client(bench);
	assert_int_equal(kwire_client_connect(bench->client, -1, &bench->error), KWIRE_ECONNECT);
	assert_non_null(strstr(bench->error.message, words));
	assert_true(bench->error.os_errno != 0);
}

static void a_local_address_that_this_machine_lacks_is_told(void **state)
{
	struct bench *bench = *state;

	set(bench, "socket.local.address", "192.0.2.1");
	fail_here(bench, "socket.local.address");
}

static void a_local_address_of_another_family_is_told(void **state)
{
	struct bench *bench = *state;

	set(bench, "socket.local.address", "::1");
	fail_here(bench, "socket.local.address");
}

static void an_interface_that_this_machine_lacks_is_told(void **state)
{
	struct bench *bench = *state;

	set(bench, "socket.local.interface", "kwire-none0");
	fail_here(bench, "socket.local.interface");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(brokers_are_reached_by_names_that_the_proxy_resolves),
		TEST(an_address_is_asked_for_as_one),
		TEST(a_login_opens_the_way),
		TEST(a_wrong_login_is_told_and_final),
		TEST(a_login_that_is_missing_is_asked_for),
		TEST(the_proxy_s_reason_is_told),
		TEST(what_is_no_proxy_is_named),
		TEST(a_proxy_that_is_not_there_is_named),
		TEST(a_silent_proxy_costs_the_set_up_timeout),
		TEST(shutting_down_interrupts_a_silent_proxy),
		TEST(a_proxy_that_is_none_is_refused_in_the_configuration),
		TEST(connections_come_from_the_local_address),
		TEST(a_local_address_that_this_machine_lacks_is_told),
		TEST(a_local_address_of_another_family_is_told),
		TEST(an_interface_that_this_machine_lacks_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
