/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `kwire doctor`: what it says where everything works, and of each of the usual
 * mistakes.  Runs the built program against a mock cluster, a peer that is no
 * broker, and nobody.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>
#include <pthread.h>

#include <kwire/mock.h>

#include "../support/peer.h"
#include "../support/program.h"

enum {
	OUTPUT_SIZE = 64 << 10,
};

static char program[512];
static char out[OUTPUT_SIZE], err[OUTPUT_SIZE];

static int run_list(const char *const *arguments)
{
	return program_run(program, arguments, NULL, 0, out, err, OUTPUT_SIZE, NULL);
}
#define RUN(...) run_list((const char *const[]){"doctor", __VA_ARGS__, NULL})

static struct kwire_mock *open_mock(const char *advertised)
{
	struct kwire_mock_options options = KWIRE_MOCK_OPTIONS_INIT;
	struct kwire_mock *mock = NULL;

	options.brokers = 2;
	options.host = advertised;
	assert_int_equal(kwire_mock_open(&options, &mock, NULL), 0);
	return mock;
}

static char address_text[64];
static const char *address(int port)
{
	snprintf(address_text, sizeof(address_text), "127.0.0.1:%d", port);
	return address_text;
}

/* A line of a failed step, followed by a cause that says `words`. */
static void expect_failure(const char *step, const char *words)
{
	char head[32];
	const char *at, *end;

	snprintf(head, sizeof(head), "  FAIL  %s ", step);
	at = strstr(out, head);
	if (at == NULL)
		fail_msg("'%s' did not fail in:\n%s%s", step, out, err);
	at = strstr(at, "\n        likely: ");
	end = at != NULL ? strchr(at + 1, '\n') : NULL;
	if (end == NULL || memmem(at, (size_t)(end - at), words, strlen(words)) == NULL)
		fail_msg("the cause does not say '%s':\n%s", words, out);
}

static void everything_that_works_is_zero_and_every_listener_is_named(void **state)
{
	struct kwire_mock *mock = open_mock(NULL);
	int first = kwire_mock_port(mock, 1), second = kwire_mock_port(mock, 2);
	char head[64];

	(void)state;
	assert_int_equal(RUN("-b", address(first)), 0);
	kwire_mock_close(mock);
	assert_string_equal(err, "");
	assert_non_null(strstr(out, "  ok    resolve "));
	assert_non_null(strstr(out, "2 brokers, controller 1"));
	snprintf(head, sizeof(head), "broker 2 127.0.0.1:%d\n", second);
	assert_non_null(strstr(out, head));
	assert_null(strstr(out, "FAIL"));
	assert_null(strchr(out, '\033'));
	assert_non_null(strstr(out, "Everything works.\n"));
}

static void json_has_every_step(void **state)
{
	static const char *const names[] = {"resolve", "connect", "versions", "metadata"};
	struct kwire_mock *mock = open_mock(NULL);
	json_t *answer, *targets, *steps, *step;
	int code = RUN("--json", "-b", address(kwire_mock_port(mock, 1)));

	(void)state;
	kwire_mock_close(mock);
	assert_int_equal(code, 0);
	answer = json_loads(out, 0, NULL);
	assert_non_null(answer);
	assert_true(json_is_true(json_object_get(answer, "ok")));
	targets = json_object_get(answer, "targets");
	assert_int_equal(json_array_size(targets), 3);
	assert_true(json_is_null(json_object_get(json_array_get(targets, 0), "broker")));
	assert_int_equal(json_integer_value(json_object_get(json_array_get(targets, 2), "broker")),
			 2);
	steps = json_object_get(json_array_get(targets, 0), "steps");
	assert_int_equal(json_array_size(steps), 4);
	for (size_t i = 0; i < 4; i++) {
		step = json_array_get(steps, i);
		assert_string_equal(json_string_value(json_object_get(step, "step")), names[i]);
		assert_string_equal(json_string_value(json_object_get(step, "status")), "ok");
		assert_true(json_real_value(json_object_get(step, "ms")) >= 0);
	}
	json_decref(answer);
}

static void a_name_that_does_not_resolve(void **state)
{
	(void)state;
	assert_int_equal(RUN("-b", "no.such.host.invalid:9092"), 1);
	expect_failure("resolve", "name servers");
}

static void a_port_where_nobody_listens(void **state)
{
	struct peer peer;

	(void)state;
	peer_init(&peer);
	address(peer.port);
	peer_fini(&peer);
	assert_int_equal(RUN("-b", address_text), 1);
	expect_failure("connect", "nothing listens on port");
	assert_non_null(strstr(out, "No bootstrap server"));
}

static void a_dead_server_beside_a_living_one_is_a_failure_that_hides_nothing(void **state)
{
	struct kwire_mock *mock = open_mock(NULL);
	struct peer peer;
	char servers[96];

	(void)state;
	peer_init(&peer);
	snprintf(servers, sizeof(servers), "127.0.0.1:%d,127.0.0.1:%d", peer.port,
		 kwire_mock_port(mock, 1));
	peer_fini(&peer);
	assert_int_equal(RUN("-b", servers), 1);
	kwire_mock_close(mock);
	expect_failure("connect", "nothing listens on port");
	assert_non_null(strstr(out, "\nbroker 2 "));
	assert_non_null(strstr(out, "1 of "));
}

/* A peer that answers every connection with `words`, or with silence, until it is closed. */
struct stranger {
	struct peer peer;
	const char *words;
	pthread_t thread;
};

static void *answer(void *argument)
{
	struct stranger *stranger = argument;
	int fds[16], count = 0;

	/* The listening socket's end is the stranger's. */
	while (count < 16 && (fds[count] = accept(stranger->peer.fd, NULL, NULL)) >= 0) {
		if (stranger->words != NULL)
			(void)peer_write(fds[count], stranger->words, strlen(stranger->words));
		count++;
	}
	for (int i = 0; i < count; i++)
		close(fds[i]);
	return NULL;
}

static void stranger_open(struct stranger *stranger, const char *words)
{
	peer_init(&stranger->peer);
	stranger->words = words;
	assert_int_equal(pthread_create(&stranger->thread, NULL, answer, stranger), 0);
	address(stranger->peer.port);
}

static void stranger_close(struct stranger *stranger)
{
	shutdown(stranger->peer.fd, SHUT_RDWR);
	pthread_join(stranger->thread, NULL);
	peer_fini(&stranger->peer);
}

static void a_web_server(void **state)
{
	struct stranger stranger;
	int code;

	(void)state;
	stranger_open(&stranger, "HTTP/1.1 400 Bad Request\r\n\r\n");
	code = RUN("-b", address_text);
	stranger_close(&stranger);
	assert_int_equal(code, 1);
	expect_failure("versions", "web server");
}

static void somebody_who_says_nothing(void **state)
{
	struct stranger stranger;
	int code;

	(void)state;
	stranger_open(&stranger, NULL);
	code = RUN("--timeout", "100", "-b", address_text);
	stranger_close(&stranger);
	assert_int_equal(code, 1);
	expect_failure("versions", "says nothing");
}

static void an_advertised_listener_that_is_not_to_be_reached(void **state)
{
	struct kwire_mock *mock = open_mock("inside.cluster.invalid");
	int code = RUN("-b", address(kwire_mock_port(mock, 1)));

	(void)state;
	kwire_mock_close(mock);
	assert_int_equal(code, 1);
	expect_failure("resolve", "advertised.listeners");
	assert_non_null(strstr(out, "broker 1 inside.cluster.invalid:"));
}

#if KW_WITH_TLS
/* The doctor's verdict on a cluster with a certificate of this kind. */
static void tls_case(const char *kind, bool trusted, const char *step, const char *words)
{
	struct kwire_mock *mock = open_mock(NULL);
	char ca[8192];
	int code;

	assert_int_equal(kwire_mock_set_tls(mock, kind, NULL), 0);
	snprintf(ca, sizeof(ca), "ssl.ca.pem=%s", trusted ? kwire_mock_ca(mock) : "");
	code = RUN("-b", address(kwire_mock_port(mock, 1)), "-X", "security.protocol=SSL", "-X",
		   ca);
	kwire_mock_close(mock);
	if (step == NULL) {
		assert_int_equal(code, 0);
		assert_non_null(strstr(out, "  ok    tls "));
		return;
	}
	assert_int_equal(code, 1);
	expect_failure(step, words);
}

static void tls_that_works_is_a_step_of_its_own(void **state)
{
	(void)state;
	tls_case("good", true, NULL, NULL);
}

static void certificates_are_judged_one_mistake_at_a_time(void **state)
{
	(void)state;
	tls_case("good", false, "tls", "ssl.ca.location");
	tls_case("wrong-ca", true, "tls", "ssl.ca.location");
	tls_case("self-signed", true, "tls", "ssl.ca.location");
	tls_case("wrong-name", true, "tls", "another name");
	tls_case("expired", true, "tls", "new certificate");
	tls_case("future", true, "tls", "clock");
}

static void plaintext_to_a_tls_port(void **state)
{
	struct kwire_mock *mock = open_mock(NULL);
	int code;

	(void)state;
	assert_int_equal(kwire_mock_set_tls(mock, "good", NULL), 0);
	code = RUN("-b", address(kwire_mock_port(mock, 1)));
	kwire_mock_close(mock);
	assert_int_equal(code, 1);
	expect_failure("versions", "TLS listener: set security.protocol to SSL");
}

#if KW_WITH_SASL
static void credentials_do_not_go_to_a_plaintext_port(void **state)
{
	struct kwire_mock_match login = kwire_mock_on(17);
	struct kwire_mock *mock = open_mock(NULL);
	int code;

	(void)state;
	assert_int_equal(kwire_mock_set_user(mock, "alice", "right", NULL), 0);
	assert_int_equal(kwire_mock_set_sasl(mock, "PLAIN", NULL), 0);
	code = RUN("-b", address(kwire_mock_port(mock, 1)), "-X", "security.protocol=SASL_SSL",
		   "-X", "sasl.mechanism=PLAIN", "-X", "sasl.username=alice", "-X",
		   "sasl.password=right");
	assert_int_equal(code, 1);
	expect_failure("tls", "plaintext listener: set security.protocol to SASL_PLAINTEXT");
	assert_int_equal(kwire_mock_count(mock, &login), 0);
	kwire_mock_close(mock);
}
#endif

static void tls_to_a_plaintext_port(void **state)
{
	struct kwire_mock *mock = open_mock(NULL);
	int code = RUN("-b", address(kwire_mock_port(mock, 1)), "-X", "security.protocol=SSL");

	(void)state;
	kwire_mock_close(mock);
	assert_int_equal(code, 1);
	expect_failure("tls", "plaintext listener: set security.protocol to PLAINTEXT");
}
#endif

#if KW_WITH_SASL
static int run_sasl(struct kwire_mock *mock, const char *mechanism, const char *password)
{
	char mechanism_is[64], password_is[64];

	snprintf(mechanism_is, sizeof(mechanism_is), "sasl.mechanism=%s", mechanism);
	snprintf(password_is, sizeof(password_is), "sasl.password=%s", password);
	return RUN("-b", address(kwire_mock_port(mock, 1)), "-X",
		   "security.protocol=SASL_PLAINTEXT", "-X", mechanism_is, "-X",
		   "sasl.username=alice", "-X", password_is);
}

static void logins_are_judged_one_mistake_at_a_time(void **state)
{
	struct kwire_mock *mock = open_mock(NULL);

	(void)state;
	assert_int_equal(run_sasl(mock, "PLAIN", "right"), 1);
	expect_failure("sasl", "wants no login");
	assert_int_equal(kwire_mock_set_user(mock, "alice", "right", NULL), 0);
	assert_int_equal(kwire_mock_set_sasl(mock, "PLAIN", NULL), 0);
	assert_int_equal(run_sasl(mock, "PLAIN", "right"), 0);
	assert_non_null(strstr(out, "  ok    sasl "));
	assert_int_equal(run_sasl(mock, "PLAIN", "wrong"), 1);
	expect_failure("sasl", "wrong user name or password");
	assert_null(strstr(out, "wrong:"));
	assert_int_equal(run_sasl(mock, "SCRAM-SHA-256", "right"), 1);
	expect_failure("sasl", "sasl.enabled.mechanisms");
	assert_int_equal(RUN("-b", address(kwire_mock_port(mock, 1))), 1);
	expect_failure("metadata", "SASL_PLAINTEXT");
	kwire_mock_close(mock);
}
#endif

static void without_a_cluster_it_is_wrong_usage(void **state)
{
	(void)state;
	assert_int_equal(RUN("--json"), 2);
	assert_non_null(strstr(err, "which cluster?"));
	assert_string_equal(out, "");
}

static int set_up(void **state)
{
	const char *build = getenv("B");

	(void)state;
	setenv("LC_ALL", "C", 1);
	snprintf(program, sizeof(program), "%s/kwire", build != NULL ? build : "build");
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_that_works_is_zero_and_every_listener_is_named),
		cmocka_unit_test(json_has_every_step),
		cmocka_unit_test(a_name_that_does_not_resolve),
		cmocka_unit_test(a_port_where_nobody_listens),
		cmocka_unit_test(a_dead_server_beside_a_living_one_is_a_failure_that_hides_nothing),
		cmocka_unit_test(a_web_server),
		cmocka_unit_test(somebody_who_says_nothing),
		cmocka_unit_test(an_advertised_listener_that_is_not_to_be_reached),
#if KW_WITH_TLS
		cmocka_unit_test(tls_that_works_is_a_step_of_its_own),
		cmocka_unit_test(certificates_are_judged_one_mistake_at_a_time),
		cmocka_unit_test(plaintext_to_a_tls_port),
		cmocka_unit_test(tls_to_a_plaintext_port),
#if KW_WITH_SASL
		cmocka_unit_test(credentials_do_not_go_to_a_plaintext_port),
#endif
#endif
#if KW_WITH_SASL
		cmocka_unit_test(logins_are_judged_one_mistake_at_a_time),
#endif
		cmocka_unit_test(without_a_cluster_it_is_wrong_usage),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
