/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Peers that are no broker, or a broken one, and callers who ask too much: each
 * gives an error of its own, in time, that says what to do; and a call that is
 * under way on another connection does not notice.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <pthread.h>

#include "../support/connected.h"

/* The bystander: a connection with a call in flight, which is answered at the end. */
struct bystander {
	struct fixture fixture;
	struct kwire_call *call;
	int32_t id;
};

static int setup(void **state)
{
	struct bystander *other = calloc(1, sizeof(*other));

	open_plain(&other->fixture);
	other->call = start(&other->fixture, 1, PEER_GUARD_MS, 0);
	other->id = take_probe(other->fixture.fd, NULL);
	*state = other;
	return 0;
}

static int teardown(void **state)
{
	struct bystander *other = *state;

	assert_false(kwire_call_done(other->call));
	assert_true(peer_answer_probe(other->fixture.fd, other->id, 5, 0));
	expect_answer(other->call, 5);
	expect_alive(&other->fixture);
	close_all(&other->fixture);
	free(other);
	return 0;
}

/* Opening a connection in a thread, while the test plays the peer. */
struct opening {
	struct kwire_config *config;
	const char *host;
	int port;
	int64_t timeout_ms;
	struct kwire_connection *connection;
	struct kwire_error error;
	int result;
	int64_t elapsed_ms;
	pthread_t thread;
};

static void *open_it(void *argument)
{
	struct opening *opening = argument;
	int64_t started_ms = test_now_ms();

	opening->result = kwire_connection_open(opening->config, opening->host, opening->port,
						opening->timeout_ms, &opening->connection,
						&opening->error);
	opening->elapsed_ms = test_now_ms() - started_ms;
	return NULL;
}

static void open_begin(struct opening *opening, int port, int64_t timeout_ms)
{
	memset(opening, 0, sizeof(*opening));
	opening->config = test_config(NULL, NULL);
	opening->host = "127.0.0.1";
	opening->port = port;
	opening->timeout_ms = timeout_ms;
	assert_int_equal(pthread_create(&opening->thread, NULL, open_it, opening), 0);
}

static void open_fails(struct opening *opening, int result, enum kwire_phase phase,
		       const char *words)
{
	pthread_join(opening->thread, NULL);
	kwire_config_free(opening->config);
	assert_int_equal(opening->result, result);
	assert_int_equal(opening->error.result, result);
	assert_int_equal(opening->error.phase, phase);
	assert_int_equal(opening->error.outcome, KWIRE_NOT_SENT);
	if (strstr(opening->error.message, words) == NULL)
		fail_msg("'%s' does not say '%s'", opening->error.message, words);
	/* It names whom it is about. */
	assert_non_null(strstr(opening->error.message, opening->error.host));
	assert_int_equal(opening->error.port, opening->port);
}

static void a_silent_peer_is_left_at_the_deadline(void **state)
{
	struct opening opening;
	struct peer peer;
	int fd;

	(void)state;
	peer_init(&peer);
	open_begin(&opening, peer.port, 1000);
	fd = peer_accept(&peer);
	open_fails(&opening, KWIRE_ETIMEDOUT, KWIRE_PHASE_VERSIONS, "does not answer");
	assert_true(opening.elapsed_ms >= 1000);
	close(fd);
	peer_fini(&peer);
}

static void a_peer_that_accepts_and_closes_is_named(void **state)
{
	struct opening opening;
	struct peer peer;

	(void)state;
	peer_init(&peer);
	open_begin(&opening, peer.port, PEER_GUARD_MS);
	for (int i = 0; i < 3; i++)
		close(peer_accept(&peer));
	open_fails(&opening, KWIRE_EDISCONNECTED, KWIRE_PHASE_VERSIONS, "it may be a TLS listener");
	peer_fini(&peer);
}

static void play_and_fail(const void *bytes, size_t size, int result, const char *words)
{
	struct opening opening;
	struct peer peer;
	int fd;

	peer_init(&peer);
	open_begin(&opening, peer.port, PEER_GUARD_MS);
	fd = peer_accept(&peer);
	assert_true(peer_write(fd, bytes, size));
	open_fails(&opening, result, KWIRE_PHASE_VERSIONS, words);
	close(fd);
	peer_fini(&peer);
}

static void a_web_server_is_named(void **state)
{
	static const char text[] = "HTTP/1.1 400 Bad Request\r\n\r\n";

	(void)state;
	play_and_fail(text, sizeof(text) - 1, KWIRE_EPROTOCOL, "HTTP");
}

static void a_tls_listener_is_named(void **state)
{
	static const uint8_t alert[] = {0x15, 3, 3, 0, 2, 2, 10};
	static const uint8_t handshake[] = {0x16, 3, 1, 0, 100, 1};

	(void)state;
	play_and_fail(alert, sizeof(alert), KWIRE_EPROTOCOL, "security.protocol");
	play_and_fail(handshake, sizeof(handshake), KWIRE_EPROTOCOL, "security.protocol");
}

static void an_ssh_server_is_named(void **state)
{
	(void)state;
	play_and_fail("SSH-2.0-x\r\n", 11, KWIRE_EPROTOCOL, "SSH");
}

static void a_wrong_id_in_set_up_is_named(void **state)
{
	static const uint8_t bytes[] = {0, 0, 0, 10, 0, 0, 0, 99, 0, 0, 0, 0, 0, 0};

	(void)state;
	play_and_fail(bytes, sizeof(bytes), KWIRE_EPROTOCOL, "never sent");
}

static void a_refused_port_is_named(void **state)
{
	struct opening opening;
	struct peer peer;

	(void)state;
	peer_init(&peer);
	peer_fini(&peer);
	open_begin(&opening, peer.port, PEER_GUARD_MS);
	open_fails(&opening, KWIRE_ECONNECT, KWIRE_PHASE_CONNECT, "ECONNREFUSED");
	assert_string_equal(opening.error.address, "127.0.0.1");
}

static int resolve_nothing(void *context, const char *host, int port, int64_t deadline_ms,
			   void (*add)(void *list, const struct sockaddr *address, size_t size),
			   void *list)
{
	(void)context;
	(void)host;
	(void)port;
	(void)deadline_ms;
	(void)add;
	(void)list;
	return KWIRE_ERESOLVE;
}

static void an_unknown_host_is_named(void **state)
{
	struct kwire_connection *connection = NULL;
	struct kwire_config *config = test_config(NULL, NULL);
	struct kwire_error error;

	(void)state;
	/* Reserved for ever by RFC 6761; a name server that is away says so as fast. */
	assert_int_equal(kwire_connection_open(config, "no-such-host.invalid", 9092, PEER_GUARD_MS,
					       &connection, &error),
			 KWIRE_ERESOLVE);
	assert_int_equal(error.phase, KWIRE_PHASE_RESOLVE);
	assert_non_null(strstr(error.message, "no-such-host.invalid"));
	kwire_config_set_resolver(config, resolve_nothing, NULL);
	assert_int_equal(kwire_connection_open(config, "nowhere.test", 9092, PEER_GUARD_MS,
					       &connection, &error),
			 KWIRE_ERESOLVE);
	assert_non_null(strstr(error.message, "resolver"));
	kwire_config_free(config);
}

/* A connection on which one call waits; the peer then writes `bytes`. */
static void break_and_fail(const void *bytes, size_t size, int result, const char *words)
{
	struct fixture fixture;
	struct kwire_error error;
	struct kwire_call *call;

	open_plain(&fixture);
	call = start(&fixture, 1, PEER_GUARD_MS, 0);
	(void)take_probe(fixture.fd, NULL);
	assert_true(peer_write(fixture.fd, bytes, size));
	assert_int_equal(kwire_call_wait(call, -1, NULL, &error), result);
	assert_int_equal(error.outcome, KWIRE_MAYBE_APPLIED);
	assert_int_equal(error.phase, KWIRE_PHASE_RECEIVE);
	if (strstr(error.message, words) == NULL)
		fail_msg("'%s' does not say '%s'", error.message, words);
	kwire_call_free(call);
	assert_true(kwire_connection_is_closed(fixture.connection, &error));
	assert_int_equal(error.result, result);
	close_all(&fixture);
}

static void an_id_never_issued_ends_the_connection(void **state)
{
	static const uint8_t bytes[] = {0, 0, 0, 8, 0, 1, 2, 3, 0, 0, 0, 0};
	static const uint8_t negative[] = {0, 0, 0, 8, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0};

	(void)state;
	break_and_fail(bytes, sizeof(bytes), KWIRE_EPROTOCOL, "never sent");
	break_and_fail(negative, sizeof(negative), KWIRE_EPROTOCOL, "never sent");
}

static void an_impossible_length_word_ends_the_connection(void **state)
{
	static const uint8_t huge[] = {0x7f, 0xff, 0xff, 0xff};
	static const uint8_t negative[] = {0x80, 0, 0, 0};
	static const uint8_t none[] = {0, 0, 0, 0};
	static const uint8_t tls[] = {0x15, 3, 3, 0};

	(void)state;
	break_and_fail(huge, sizeof(huge), KWIRE_ETOOLARGE, "receive.message.max.bytes");
	break_and_fail(negative, sizeof(negative), KWIRE_EPROTOCOL, "-2147483648 bytes");
	break_and_fail(none, sizeof(none), KWIRE_EPROTOCOL, "0 bytes");
	break_and_fail(tls, sizeof(tls), KWIRE_EPROTOCOL, "TLS");
	break_and_fail("HTTP/1.1", 8, KWIRE_EPROTOCOL, "HTTP");
}

static void an_oversized_request_fails_alone(void **state)
{
	struct probe_request request = {.number = 1};
	struct fixture fixture;
	struct kwire_error error;
	struct kwire_call *call;
	/* Borrowed, never read: nothing of it is touched before it is refused. */
	uint8_t *payload = malloc(110 * 1024 * 1024);
	int32_t id;

	(void)state;
	open_plain(&fixture);
	call = start(&fixture, 1, PEER_GUARD_MS, 0);
	id = take_probe(fixture.fd, NULL);
	request.payload = kwire_bytes_of(payload, 110 * 1024 * 1024);
	assert_int_equal(
		kwire_connection_send(fixture.connection, &probe_api, &request, NULL, NULL, &error),
		KWIRE_ETOOLARGE);
	assert_int_equal(error.outcome, KWIRE_NOT_SENT);
	assert_int_equal(error.api_key, PEER_PROBE_KEY);
	expect_nothing(fixture.fd);
	assert_true(peer_answer_probe(fixture.fd, id, 5, 0));
	expect_answer(call, 5);
	expect_alive(&fixture);
	close_all(&fixture);
	free(payload);
}

static void a_client_id_of_40000_bytes_is_refused(void **state)
{
	struct kwire_connection *connection = NULL;
	struct kwire_config *config = kwire_config_new();
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct peer peer;
	char *name = malloc(40001);
	int result;

	(void)state;
	peer_init(&peer);
	memset(name, 'c', 40000);
	name[40000] = '\0';
	result = kwire_config_set(config, "client.id", name, &error);
	if (result == 0)
		result = kwire_connection_open(config, "127.0.0.1", peer.port, PEER_GUARD_MS,
					       &connection, &error);
	assert_true(result == KWIRE_ECONFIG || result == KWIRE_EINVAL);
	assert_true(strstr(error.message, "client.id") != NULL ||
		    strstr(error.message, "client_id") != NULL);
	free(name);
	kwire_config_free(config);
	peer_fini(&peer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_silent_peer_is_left_at_the_deadline, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_peer_that_accepts_and_closes_is_named, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_web_server_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(a_tls_listener_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(an_ssh_server_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(a_wrong_id_in_set_up_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(a_refused_port_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(an_unknown_host_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(an_id_never_issued_ends_the_connection, setup,
						teardown),
		cmocka_unit_test_setup_teardown(an_impossible_length_word_ends_the_connection,
						setup, teardown),
		cmocka_unit_test_setup_teardown(an_oversized_request_fails_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(a_client_id_of_40000_bytes_is_refused, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
