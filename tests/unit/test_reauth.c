/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SASL on a connection whose broker is played by hand: the login that makes
 * it, and its renewal while calls are under way.  A session of 1 ms is due for
 * renewal at once, so nothing here waits for time to pass.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <sys/socket.h>

#include "../support/connected.h"
#include "../support/stage.h"
#include "connection/internal.h"

enum {
	HANDSHAKE = 17,
	AUTHENTICATE = 36,
	LOGIN_IDS = INT32_MAX - 7,
};

struct opening {
	struct kwire_config *config;
	int port;
	struct kwire_connection *connection;
	struct kwire_error error;
};

static void *open_it(void *context)
{
	struct opening *opening = context;

	kwire_connection_open(opening->config, "127.0.0.1", opening->port, PEER_GUARD_MS,
			      &opening->connection, &opening->error);
	return NULL;
}

/* Takes the next request, which must be `key`; its bytes are copied to `text` as printable. */
static int32_t take(int fd, int16_t key, char text[512])
{
	struct peer_request request;
	int32_t id;

	assert_true(peer_read(fd, &request));
	assert_int_equal(request.key, key);
	if (key == HANDSHAKE || key == AUTHENTICATE)
		assert_true(request.id >= LOGIN_IDS);
	for (size_t i = 0; text != NULL && i < request.size && i < 511; i++)
		text[i] = (char)(request.bytes[i] >= 0x20 ? request.bytes[i] : '.');
	if (text != NULL)
		text[request.size < 511 ? request.size : 511] = '\0';
	id = request.id;
	peer_free(&request);
	return id;
}

static void answer_handshake(int fd, int32_t id)
{
	static const uint8_t body[] = {0, 0, 0, 0, 0, 1, 0, 5, 'P', 'L', 'A', 'I', 'N'};

	assert_true(peer_answer(fd, id, body, sizeof(body)));
}

/* SaslAuthenticate v2: accepted for `lifetime_ms`, or refused with `refusal`. */
static void answer_login(int fd, int32_t id, uint8_t lifetime_ms, const char *refusal)
{
	uint8_t body[128] = {0};
	size_t size = 3; /* the header's tags, the error code */

	body[2] = refusal != NULL ? 58 : 0;
	body[size++] = refusal != NULL ? (uint8_t)(strlen(refusal) + 1) : 0;
	if (refusal != NULL) {
		memcpy(body + size, refusal, strlen(refusal));
		size += strlen(refusal);
	}
	body[size++] = 1; /* no token */
	body[size + 7] = lifetime_ms;
	size += 9;
	assert_true(peer_answer(fd, id, body, size));
}

static void log_in(int fd, uint8_t lifetime_ms)
{
	answer_handshake(fd, take(fd, HANDSHAKE, NULL));
	answer_login(fd, take(fd, AUTHENTICATE, NULL), lifetime_ms, NULL);
}

static void open_session_with(struct fixture *fixture, struct kwire_config *config,
			      uint8_t lifetime_ms)
{
	struct opening opening = {.config = config};
	pthread_t thread;

	peer_init(&fixture->peer);
	opening.port = fixture->peer.port;
	fixture->config = config;
	assert_int_equal(pthread_create(&thread, NULL, open_it, &opening), 0);
	fixture->fd = peer_accept(&fixture->peer);
	assert_true(fixture->fd >= 0);
	assert_true(peer_greet(fixture->fd) >= 0);
	log_in(fixture->fd, lifetime_ms);
	pthread_join(thread, NULL);
	if (opening.connection == NULL)
		fail_msg("%s", opening.error.message);
	fixture->connection = opening.connection;
}

static struct kwire_config *session_config(void)
{
	return test_config("security.protocol", "SASL_PLAINTEXT", "sasl.mechanism", "PLAIN",
			   "sasl.username", "alice", "sasl.password", "first", NULL);
}

static void open_session(struct fixture *fixture, uint8_t lifetime_ms)
{
	open_session_with(fixture, session_config(), lifetime_ms);
}

static void a_login_makes_the_connection(void **state)
{
	struct fixture fixture;
	struct caller caller;

	(void)state;
	open_session(&fixture, 0);
	caller = probe(&fixture, 1, -1);
	caller_start(&caller);
	peer_answer_probe(fixture.fd, take(fixture.fd, PEER_PROBE_KEY, NULL), 7, 0);
	caller_join(&caller);
	assert_int_equal(caller.answer, 7);
	close_all(&fixture);
}

static void a_refused_login_fails_the_opening_for_good(void **state)
{
	struct opening opening = {.config = session_config()};
	struct peer peer;
	pthread_t thread;
	int fd;

	(void)state;
	peer_init(&peer);
	opening.port = peer.port;
	assert_int_equal(pthread_create(&thread, NULL, open_it, &opening), 0);
	fd = peer_accept(&peer);
	peer_greet(fd);
	answer_handshake(fd, take(fd, HANDSHAKE, NULL));
	answer_login(fd, take(fd, AUTHENTICATE, NULL), 0, "go away");
	pthread_join(thread, NULL);
	assert_null(opening.connection);
	assert_int_equal(opening.error.result, KWIRE_EAUTH);
	assert_int_equal(opening.error.kafka_code, 58);
	assert_false(opening.error.retriable);
	assert_non_null(strstr(opening.error.message, "go away"));
	assert_null(strstr(opening.error.message, "first"));
	close(fd);
	peer_fini(&peer);
	kwire_config_free(opening.config);
}

static bool renewal_began(void *context)
{
	struct kwire_connection *connection = context;
	bool active;

	kw_mutex_lock(&connection->lock);
	active = connection->reauth.active && connection->reauth.frame != NULL;
	kw_mutex_unlock(&connection->lock);
	return active;
}

static void calls_wait_while_a_session_is_renewed(void **state)
{
	struct caller callers[3];
	struct fixture fixture;
	int32_t id;

	(void)state;
	open_session(&fixture, 1);
	id = take(fixture.fd, HANDSHAKE, NULL);
	for (int i = 0; i < 3; i++) {
		callers[i] = probe(&fixture, i, -1);
		caller_start(&callers[i]);
	}
	assert_true(wait_in_flight(fixture.connection, 3));
	/* They are queued, yet what comes is the login's every time. */
	answer_handshake(fixture.fd, id);
	answer_login(fixture.fd, take(fixture.fd, AUTHENTICATE, NULL), 0, NULL);
	for (int i = 0; i < 3; i++)
		peer_answer_probe(fixture.fd, take(fixture.fd, PEER_PROBE_KEY, NULL), 7, 0);
	for (int i = 0; i < 3; i++) {
		caller_join(&callers[i]);
		assert_int_equal(callers[i].result, 0);
	}
	close_all(&fixture);
}

static void answers_to_earlier_requests_arrive_during_a_renewal(void **state)
{
	struct caller early, late;
	struct fixture fixture;
	int32_t early_id, id;

	(void)state;
	open_session(&fixture, 1);
	id = take(fixture.fd, HANDSHAKE, NULL);
	early = probe(&fixture, 1, -1);
	caller_start(&early);
	assert_true(wait_in_flight(fixture.connection, 1));
	answer_handshake(fixture.fd, id);
	/* The next renewal is due after 170 ms and more. */
	answer_login(fixture.fd, take(fixture.fd, AUTHENTICATE, NULL), 200, NULL);
	early_id = take(fixture.fd, PEER_PROBE_KEY, NULL);
	id = take(fixture.fd, HANDSHAKE, NULL);
	late = probe(&fixture, 2, -1);
	caller_start(&late);
	assert_true(wait_in_flight(fixture.connection, 2));
	peer_answer_probe(fixture.fd, early_id, 11, 0);
	caller_join(&early);
	assert_int_equal(early.answer, 11);
	answer_handshake(fixture.fd, id);
	answer_login(fixture.fd, take(fixture.fd, AUTHENTICATE, NULL), 0, NULL);
	peer_answer_probe(fixture.fd, take(fixture.fd, PEER_PROBE_KEY, NULL), 12, 0);
	caller_join(&late);
	assert_int_equal(late.answer, 12);
	close_all(&fixture);
}

/* Another thread holds the write token when a renewal begins, and so sends its frame. */
static void an_answer_may_come_before_the_frame_is_booked(void **state)
{
	struct kwire_config *config = session_config();
	struct fixture fixture;
	struct caller caller;
	struct stage stage;
	int32_t call_id, id;

	(void)state;
	stage_init(&stage, config);
	/* Due after 170 ms and more. */
	open_session_with(&fixture, config, 200);
	stage_pause(&stage);
	caller = probe(&fixture, 1, -1);
	caller_start(&caller);
	stage_wait_paused(&stage);
	call_id = take(fixture.fd, PEER_PROBE_KEY, NULL);
	assert_true(wait_until(renewal_began, fixture.connection));
	stage_resume(&stage, true);
	id = take(fixture.fd, HANDSHAKE, NULL);
	stage_wait_paused(&stage);
	answer_handshake(fixture.fd, id);
	/* Once this is delivered, the thread has read the login's answer, too. */
	peer_answer_probe(fixture.fd, call_id, 11, 0);
	assert_true(wait_in_flight(fixture.connection, 0));
	stage_resume(&stage, false);
	answer_login(fixture.fd, take(fixture.fd, AUTHENTICATE, NULL), 0, NULL);
	caller_join(&caller);
	assert_int_equal(caller.result, 0);
	assert_int_equal(caller.answer, 11);
	assert_false(kwire_connection_is_closed(fixture.connection, NULL));
	close_all(&fixture);
	stage_fini(&stage);
}

static void a_refused_renewal_ends_the_connection(void **state)
{
	struct fixture fixture;
	struct kwire_error error;
	struct caller caller;
	int32_t id;

	(void)state;
	open_session(&fixture, 1);
	id = take(fixture.fd, HANDSHAKE, NULL);
	caller = probe(&fixture, 1, -1);
	caller_start(&caller);
	assert_true(wait_in_flight(fixture.connection, 1));
	answer_handshake(fixture.fd, id);
	answer_login(fixture.fd, take(fixture.fd, AUTHENTICATE, NULL), 0, "no longer");
	caller_join(&caller);
	assert_int_equal(caller.result, KWIRE_EAUTH);
	assert_int_equal(caller.error.outcome, KWIRE_NOT_SENT);
	assert_true(kwire_connection_is_closed(fixture.connection, &error));
	assert_non_null(strstr(error.message, "no longer"));
	close_all(&fixture);
}

/* The thread, once it has looked at a renewal under way: held where it is about to read. */
static struct {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	bool shut;
	bool held;
} gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, false};

int __real_kw_reauth_step(struct kwire_connection *connection, struct kwire_error *error);
int __wrap_kw_reauth_step(struct kwire_connection *connection, struct kwire_error *error);

int __wrap_kw_reauth_step(struct kwire_connection *connection, struct kwire_error *error)
{
	int result = __real_kw_reauth_step(connection, error);

	pthread_mutex_lock(&gate.mutex);
	while (gate.shut && renewal_began(connection)) {
		gate.held = true;
		pthread_cond_broadcast(&gate.changed);
		pthread_cond_wait(&gate.changed, &gate.mutex);
	}
	gate.held = false;
	pthread_mutex_unlock(&gate.mutex);
	return result;
}

static void gate_set(bool shut)
{
	pthread_mutex_lock(&gate.mutex);
	gate.shut = shut;
	pthread_cond_broadcast(&gate.changed);
	pthread_mutex_unlock(&gate.mutex);
}

static void gate_wait_held(void)
{
	pthread_mutex_lock(&gate.mutex);
	while (!gate.held)
		pthread_cond_wait(&gate.changed, &gate.mutex);
	pthread_mutex_unlock(&gate.mutex);
}

static bool renewal_is_answered(void *context)
{
	struct kwire_connection *connection = context;
	bool answered;

	kw_mutex_lock(&connection->lock);
	answered = connection->reauth.answer != NULL;
	kw_mutex_unlock(&connection->lock);
	return answered;
}

/* Passed on, or kept to the end. */
static bool the_caller_reads_no_more(void *context)
{
	struct kwire_connection *connection = context;
	bool over;

	kw_mutex_lock(&connection->lock);
	over = connection->baton.holder != KW_BATON_CALLER ||
	       kw_state(connection) == KW_CONNECTION_DEAD;
	kw_mutex_unlock(&connection->lock);
	return over;
}

static bool the_thread_may_read(struct kwire_connection *connection)
{
	struct kw_after after;
	int64_t until_ms;
	bool reads;

	kw_after_init(&after);
	kw_lock(connection);
	reads = kw_baton_turn_locked(connection, 0, &until_ms, &after);
	kw_leave(connection, &after);
	return reads;
}

/*
 * A caller reads the refusal, behind which the stream ends.  Neither he nor the
 * thread, which had looked before, reads on before that was looked at: else the
 * connection ended, and nobody knew why.
 */
static void nobody_reads_on_before_a_refusal_was_looked_at(void **state)
{
	static const uint8_t refusal[] = {0, 33, 0, 0, 0, 1, 0, 5, 'O', 'T', 'H', 'E', 'R'};
	struct fixture fixture;
	struct kwire_error error;
	struct caller caller;

	(void)state;
	/* Due after 212 ms and more: the caller is there before. */
	open_session(&fixture, 250);
	gate_set(true);
	caller = probe(&fixture, 1, -1);
	caller_start(&caller);
	take(fixture.fd, PEER_PROBE_KEY, NULL);
	assert_true(peer_answer(fixture.fd, take(fixture.fd, HANDSHAKE, NULL), refusal,
				sizeof(refusal)));
	gate_wait_held();
	assert_true(wait_until(renewal_is_answered, fixture.connection));
	shutdown(fixture.fd, SHUT_WR);
	assert_true(wait_until(the_caller_reads_no_more, fixture.connection));
	assert_false(the_thread_may_read(fixture.connection));
	gate_set(false);
	caller_join(&caller);
	assert_int_equal(caller.result, KWIRE_EAUTH);
	assert_true(kwire_connection_is_closed(fixture.connection, &error));
	assert_int_equal(error.result, KWIRE_EAUTH);
	assert_non_null(strstr(error.message, "OTHER"));
	close_all(&fixture);
}

static void a_broker_silent_in_a_renewal_is_given_up(void **state)
{
	struct fixture fixture;
	struct kwire_error error;

	(void)state;
	open_session_with(&fixture,
			  test_config("security.protocol", "SASL_PLAINTEXT", "sasl.mechanism",
				      "PLAIN", "sasl.username", "alice", "sasl.password", "first",
				      "request.timeout.ms", "50", NULL),
			  1);
	take(fixture.fd, HANDSHAKE, NULL);
	assert_true(peer_at_end(fixture.fd));
	assert_true(kwire_connection_is_closed(fixture.connection, &error));
	assert_non_null(strstr(error.message, "re-authentication"));
	close_all(&fixture);
}

static void an_answer_to_a_login_that_nobody_began_is_a_broken_protocol(void **state)
{
	struct kwire_call *call;
	struct fixture fixture;
	struct kwire_error error;

	(void)state;
	open_session(&fixture, 0);
	answer_handshake(fixture.fd, LOGIN_IDS);
	/* Nobody reads while nobody asks. */
	call = start(&fixture, 1, -1, 0);
	expect_failure(call, KWIRE_EPROTOCOL, KWIRE_MAYBE_APPLIED);
	assert_true(kwire_connection_is_closed(fixture.connection, &error));
	assert_int_equal(error.result, KWIRE_EPROTOCOL);
	close_all(&fixture);
}

static void new_credentials_count_from_the_next_renewal_on(void **state)
{
	struct kwire_config *config;
	struct fixture fixture;
	struct kwire_error error;
	char token[512];

	(void)state;
	open_session(&fixture, 1);
	answer_handshake(fixture.fd, take(fixture.fd, HANDSHAKE, NULL));
	/* This renewal's token was made when it began. */
	config = test_config("sasl.mechanism", "PLAIN", "sasl.username", "alice", "sasl.password",
			     "second", NULL);
	assert_int_equal(kwire_connection_reload_security(fixture.connection, config, &error), 0);
	kwire_config_free(config);
	answer_login(fixture.fd, take(fixture.fd, AUTHENTICATE, token), 1, NULL);
	assert_non_null(strstr(token, "alice.first"));
	answer_handshake(fixture.fd, take(fixture.fd, HANDSHAKE, NULL));
	answer_login(fixture.fd, take(fixture.fd, AUTHENTICATE, token), 0, NULL);
	assert_non_null(strstr(token, "alice.second"));

	/* What cannot be used changes nothing. */
	config = test_config("sasl.mechanism", "KERBEROS_V9", NULL);
	assert_int_equal(kwire_connection_reload_security(fixture.connection, config, &error),
			 KWIRE_ECONFIG);
	kwire_config_free(config);
	close_all(&fixture);
}

/* A program that takes its time over the second login's password. */
struct slow_program {
	int logins;
	int asked[2]; /* pipes: it was asked, it may answer */
	int answer[2];
};

static int give_slowly(void *context, const char *mechanism, const char *host, int64_t deadline_ms,
		       kwire_give_credentials_function *give, void *answer,
		       struct kwire_error *error)
{
	struct slow_program *program = context;
	char byte = 1;

	(void)mechanism;
	(void)host;
	(void)deadline_ms;
	(void)error;
	if (program->logins++ > 0 &&
	    (write(program->asked[1], &byte, 1) != 1 || read(program->answer[0], &byte, 1) != 1))
		return KWIRE_ESASL;
	return give(answer, "alice", "first");
}

/* The thread may be late, by its own doing or another's: the session must not end meanwhile. */
static void no_call_leaves_once_a_renewal_is_due(void **state)
{
	struct slow_program program = {.logins = 0};
	struct kwire_config *config = test_config("security.protocol", "SASL_PLAINTEXT",
						  "sasl.mechanism", "PLAIN", NULL);
	struct fixture fixture;
	struct caller caller;
	char byte = 1;

	(void)state;
	assert_int_equal(pipe(program.asked), 0);
	assert_int_equal(pipe(program.answer), 0);
	kwire_config_set_credentials(config, give_slowly, &program);
	open_session_with(&fixture, config, 1);
	assert_int_equal(read(program.asked[0], &byte, 1), 1);
	caller = probe(&fixture, 1, -1);
	caller_start(&caller);
	assert_true(wait_in_flight(fixture.connection, 1));
	assert_int_equal(write(program.answer[1], &byte, 1), 1);
	/* The login comes first. */
	answer_handshake(fixture.fd, take(fixture.fd, HANDSHAKE, NULL));
	answer_login(fixture.fd, take(fixture.fd, AUTHENTICATE, NULL), 0, NULL);
	peer_answer_probe(fixture.fd, take(fixture.fd, PEER_PROBE_KEY, NULL), 7, 0);
	caller_join(&caller);
	assert_int_equal(caller.answer, 7);
	close_all(&fixture);
	for (int i = 0; i < 2; i++) {
		close(program.asked[i]);
		close(program.answer[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_login_makes_the_connection),
		cmocka_unit_test(a_refused_login_fails_the_opening_for_good),
		cmocka_unit_test(calls_wait_while_a_session_is_renewed),
		cmocka_unit_test(answers_to_earlier_requests_arrive_during_a_renewal),
		cmocka_unit_test(an_answer_may_come_before_the_frame_is_booked),
		cmocka_unit_test(a_refused_renewal_ends_the_connection),
		cmocka_unit_test(nobody_reads_on_before_a_refusal_was_looked_at),
		cmocka_unit_test(a_broker_silent_in_a_renewal_is_given_up),
		cmocka_unit_test(an_answer_to_a_login_that_nobody_began_is_a_broken_protocol),
		cmocka_unit_test(new_credentials_count_from_the_next_renewal_on),
		cmocka_unit_test(no_call_leaves_once_a_renewal_is_due),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
