/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client costs that cannot do anything, or need not: idle, with a broker
 * down and callers that wait for it, before a peer that is silent in set-up, in
 * TLS, or with an answer.  Counted are the waits that anybody begins, which no
 * slow machine makes more of: a loop that spins begins a hundred thousand in a
 * second.  With KWIRE_COST_SECONDS (make soak-cost) each case lasts so long, and
 * its CPU time must stay below 1 % of a core; mock cluster and callers included.
 */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <kwire/api/api_versions.h>
#include <kwire/client.h>
#include <kwire/mock.h>

#include "../support/moved_clock.h"
#include "../support/peer.h"

enum {
	API_VERSIONS = 18,
	CALLERS = 4,
	WAITS_PER_SECOND = 1000, /* far from spinning, far above what it takes */
	LONG_S = 10,             /* from here on CPU time is judged */
};

struct bench {
	struct kwire_mock *mock;
	struct kwire_config *config;
	struct kwire_client *client;
	struct kwire_error error;
	struct bench_caller {
		struct bench *bench;
		pthread_t thread;
		int32_t broker_id;
		int result;
	} callers[CALLERS];
};

static int64_t seconds(void)
{
	const char *text = getenv("KWIRE_COST_SECONDS");

	return text != NULL && atoi(text) > 0 ? atoi(text) : 1;
}

static int64_t cpu_us(void)
{
	struct timespec used;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return (int64_t)used.tv_sec * 1000000 + used.tv_nsec / 1000;
}

/* Lets time pass, and judges what was done in it. */
static void measure(const char *what)
{
	int64_t duration_ms = seconds() * 1000, waits, used_us;

	/* What is only just beginning is not what is measured. */
	poll(NULL, 0, 100);
	waits = test_clock_waits();
	used_us = cpu_us();
	poll(NULL, 0, (int)duration_ms);
	waits = test_clock_waits() - waits;
	used_us = cpu_us() - used_us;
	printf("%s%-34s %6lld waits, %6.2f ms of CPU time in %lld s: %.3f %%\n",
	       seconds() >= LONG_S ? "note: " : "", what, (long long)waits, (double)used_us / 1000,
	       (long long)seconds(), (double)used_us / (double)duration_ms / 10);
	assert_true(waits < WAITS_PER_SECOND * seconds());
	if (seconds() >= LONG_S)
		assert_true(used_us < duration_ms * 10);
}

static int setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	*state = bench;
	if (bench == NULL || kwire_mock_open(NULL, &bench->mock, NULL) != 0)
		return -1;
	bench->config = kwire_config_new();
	return kwire_config_set(bench->config, "bootstrap.servers",
				kwire_mock_bootstrap(bench->mock), NULL);
}

static int teardown(void **state)
{
	struct bench *bench = *state;

	kwire_client_close(bench->client);
	kwire_mock_close(bench->mock);
	kwire_config_free(bench->config);
	free(bench);
	return 0;
}

static int ping(struct bench *bench, int32_t broker_id, int64_t timeout_ms)
{
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_api_versions_request request = KWIRE_API_VERSIONS_REQUEST_INIT;
	struct kwire_api_versions_response *response = NULL;
	int result;

	options.broker_id = broker_id;
	options.timeout_ms = timeout_ms;
	options.flags = KWIRE_WAIT;
	request.client_software_name = KWIRE_STRING("test");
	request.client_software_version = KWIRE_STRING("1");
	result = kwire_send_api_versions_with(bench->client, &request, &response, &options, NULL);
	kwire_response_free(response);
	return result;
}

static void *call(void *context)
{
	struct bench_caller *caller = context;

	caller->result = ping(caller->bench, caller->broker_id, INT32_MAX);
	return NULL;
}

static void open_client(struct bench *bench, bool connected)
{
	assert_int_equal(kwire_client_open(bench->config, &bench->client, &bench->error), 0);
	if (!connected)
		return;
	assert_int_equal(kwire_client_refresh(bench->client, -1, &bench->error), 0);
	for (int32_t id = 1; id <= 3; id++)
		assert_int_equal(ping(bench, id, 60000), 0);
}

static void start_callers(struct bench *bench, int32_t broker_id)
{
	for (int i = 0; i < CALLERS; i++) {
		bench->callers[i].bench = bench;
		bench->callers[i].broker_id = broker_id;
		assert_int_equal(
			pthread_create(&bench->callers[i].thread, NULL, call, &bench->callers[i]),
			0);
	}
}

/* They waited all the time: nothing but the client's end sends them home. */
static void end_callers(struct bench *bench)
{
	assert_int_equal(kwire_client_shutdown(bench->client, 60000), 0);
	for (int i = 0; i < CALLERS; i++) {
		pthread_join(bench->callers[i].thread, NULL);
		assert_int_equal(bench->callers[i].result, KWIRE_ECLOSED);
	}
}

static void an_idle_client_costs_nothing(void **state)
{
	struct bench *bench = *state;

	open_client(bench, true);
	measure("idle");
}

static void a_broker_that_is_down_costs_little(void **state)
{
	struct bench *bench = *state;

	struct kwire_mock_match match = KWIRE_MOCK_MATCH_INIT;
	struct kwire_mock_fault fault = KWIRE_MOCK_FAULT_INIT;

	open_client(bench, true);
	/* One that the metadata still names: nobody lets go of it. */
	match.broker_id = 2;
	fault.kind = KWIRE_MOCK_REFUSE_FAULT;
	assert_int_equal(kwire_mock_break(bench->mock, &match, &fault, NULL, NULL), 0);
	assert_int_equal(kwire_mock_disconnect(bench->mock, 2, NULL), 0);
	start_callers(bench, 2);
	measure("a broker is down, callers wait");
	end_callers(bench);
}

static void a_cluster_that_is_down_costs_little(void **state)
{
	struct bench *bench = *state;

	open_client(bench, true);
	for (int32_t id = 1; id <= 3; id++)
		assert_int_equal(kwire_mock_stop_broker(bench->mock, id, NULL), 0);
	start_callers(bench, -1);
	measure("all brokers are down, callers wait");
	end_callers(bench);
}

static void a_silent_broker_costs_nothing(void **state)
{
	struct bench *bench = *state;
	struct kwire_mock_match match = kwire_mock_on(API_VERSIONS);
	struct kwire_mock_fault fault = KWIRE_MOCK_FAULT_INIT;

	/* Or the connection were dead before the long form is over. */
	assert_int_equal(kwire_config_set(bench->config, "request.timeout.ms", "3600000", NULL), 0);
	open_client(bench, true);
	match.broker_id = 2;
	fault.kind = KWIRE_MOCK_SILENCE_FAULT;
	assert_int_equal(kwire_mock_break(bench->mock, &match, &fault, NULL, NULL), 0);
	start_callers(bench, 2);
	measure("a broker does not answer");
	end_callers(bench);
}

static void measure_silent_set_up(struct bench *bench, const char *protocol, const char *what)
{
	struct peer peer;
	char servers[32];
	int fd;

	/* It is connected to, by the kernel, and never says a word. */
	peer_init(&peer);
	snprintf(servers, sizeof(servers), "127.0.0.1:%d", peer.port);
	assert_int_equal(kwire_config_set(bench->config, "bootstrap.servers", servers, NULL), 0);
	assert_int_equal(kwire_config_set(bench->config, "security.protocol", protocol, NULL), 0);
	open_client(bench, false);
	start_callers(bench, -1);
	fd = peer_accept(&peer);
	assert_true(fd >= 0);
	measure(what);
	end_callers(bench);
	close(fd);
	peer_fini(&peer);
}

static void a_peer_that_is_silent_from_the_start_costs_nothing(void **state)
{
	measure_silent_set_up(*state, "PLAINTEXT", "a peer is silent");
}

static void a_peer_that_is_silent_in_tls_costs_nothing(void **state)
{
	struct bench *bench = *state;

	if (!KW_WITH_TLS)
		skip();
	/* No certificate is ever seen. */
	assert_int_equal(kwire_config_set(bench->config, "enable.ssl.certificate.verification",
					  "false", NULL),
			 0);
	measure_silent_set_up(bench, "SSL", "a peer is silent, TLS");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_idle_client_costs_nothing),
		TEST(a_broker_that_is_down_costs_little),
		TEST(a_cluster_that_is_down_costs_little),
		TEST(a_silent_broker_costs_nothing),
		TEST(a_peer_that_is_silent_from_the_start_costs_nothing),
		TEST(a_peer_that_is_silent_in_tls_costs_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
