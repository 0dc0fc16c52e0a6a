/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client over connections without sockets: which broker a call goes to,
 * what is tried again, what is waited for, what is forgotten.
 */
#include <limits.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <kwire/client.h>

#include "client/leaders.h"
#include "fake_connection.h"

struct bench {
	struct kwire_config *config;
	struct kwire_client *client;
	struct kwire_error error;
	int shutdown_result;
};

static int setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	fake_reset();
	bench->config = kwire_config_new();
	/* Long enough that a pause never ends by itself in a test. */
	kwire_config_set(bench->config, "reconnect.backoff.ms", "600000", NULL);
	kwire_config_set(bench->config, "reconnect.backoff.max.ms", "600000", NULL);
	kwire_config_set(bench->config, "bootstrap.servers", "10.0.0.1:1", NULL);
	*state = bench;
	return 0;
}

static int teardown(void **state)
{
	struct bench *bench = *state;

	kwire_client_close(bench->client);
	kwire_config_free(bench->config);
	free(bench);
	return fake.connections; /* none may be left */
}

static void set(struct bench *bench, const char *name, const char *value)
{
	assert_int_equal(kwire_config_set(bench->config, name, value, NULL), 0);
}

static void no_pauses(struct bench *bench)
{
	set(bench, "reconnect.backoff.ms", "0");
	set(bench, "reconnect.backoff.max.ms", "0");
}

static void open_client(struct bench *bench)
{
	assert_int_equal(kwire_client_open(bench->config, &bench->client, &bench->error), 0);
}

static int send_with(struct bench *bench, struct fake_answer *answer, int32_t broker_id,
		     int64_t timeout_ms, unsigned flags)
{
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct fake_answer ignored;
	struct fake_answer *request = answer != NULL ? answer : &ignored;
	void *response = NULL;

	options.broker_id = broker_id;
	options.timeout_ms = timeout_ms;
	options.flags = flags;
	return kwire_send(bench->client, &fake_api, &request, &response, &options, &bench->error);
}

static int send_to(struct bench *bench, int32_t broker_id)
{
	struct fake_answer answer;

	return send_with(bench, &answer, broker_id, -1, 0);
}

/* Two brokers at .1 and .2, known to the client. */
static void open_with_brokers(struct bench *bench)
{
	fake_broker(1, "10.0.0.1", 1);
	fake_broker(2, "10.0.0.2", 1);
	open_client(bench);
	assert_int_equal(kwire_client_refresh(bench->client, -1, &bench->error), 0);
}

static void opening_connects_to_nothing(void **state)
{
	struct bench *bench = *state;

	open_client(bench);
	assert_int_equal(fake.connections, 0);
	assert_false(kwire_client_knows_broker(bench->client, 1));
}

static void opening_fails_without_a_server_that_resolves(void **state)
{
	struct bench *bench = *state;

	set(bench, "bootstrap.servers", "");
	assert_int_equal(kwire_client_open(bench->config, &bench->client, &bench->error),
			 KWIRE_ECONFIG);
	set(bench, "bootstrap.servers", "nowhere:1");
	assert_int_equal(kwire_client_open(bench->config, &bench->client, &bench->error),
			 KWIRE_ERESOLVE);
	assert_int_equal(bench->error.phase, KWIRE_PHASE_RESOLVE);
	assert_null(bench->client);
}

static void opening_takes_one_name_that_resolves_or_none_at_first_use(void **state)
{
	struct bench *bench = *state;

	set(bench, "bootstrap.servers", "nowhere:1,somewhere:2");
	open_client(bench);
	kwire_client_close(bench->client);
	set(bench, "bootstrap.servers", "nowhere:1");
	set(bench, "bootstrap.resolve", "first-use");
	open_client(bench);
}

static void calls_share_the_connection_to_a_bootstrap_server(void **state)
{
	struct bench *bench = *state;

	open_client(bench);
	for (int i = 0; i < 3; i++)
		assert_int_equal(send_to(bench, -1), 0);
	assert_int_equal(fake_host("10.0.0.1")->dials, 1);
	assert_int_equal(fake_host("10.0.0.1")->requests, 3);
}

static void one_round_tries_each_server_once_and_returns_the_last_cause(void **state)
{
	struct bench *bench = *state;

	set(bench, "bootstrap.servers", "10.0.0.1:1,10.0.0.2:1,10.0.0.3:1");
	for (int i = 1; i <= 3; i++)
		fake_host(i == 1   ? "10.0.0.1"
			  : i == 2 ? "10.0.0.2"
				   : "10.0.0.3")
			->refuse = KWIRE_ECONNECT;
	no_pauses(bench);
	open_client(bench);
	assert_int_equal(send_to(bench, -1), KWIRE_ECONNECT);
	assert_int_equal(bench->error.outcome, KWIRE_NOT_SENT);
	assert_int_equal(bench->error.phase, KWIRE_PHASE_CONNECT);
	assert_true(bench->error.retriable);
	for (int i = 0; i < 3; i++)
		assert_int_equal(fake.hosts[i].dials, 1);
	fake_host("10.0.0.2")->refuse = 0;
	assert_int_equal(send_to(bench, -1), 0);
}

static void a_server_in_backoff_is_not_dialled(void **state)
{
	struct bench *bench = *state;

	fake_host("10.0.0.1")->refuse = KWIRE_ECONNECT;
	open_client(bench);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(send_to(bench, -1), KWIRE_ECONNECT);
		assert_non_null(strstr(bench->error.message, "10.0.0.1 refused"));
	}
	assert_int_equal(fake_host("10.0.0.1")->dials, 1);
}

static void the_set_up_timeout_grows_after_a_failure(void **state)
{
	struct bench *bench = *state;

	no_pauses(bench);
	fake_host("10.0.0.1")->refuse = KWIRE_ECONNECT;
	open_client(bench);
	send_to(bench, -1);
	assert_int_equal(fake_host("10.0.0.1")->last_setup_ms, 10000);
	send_to(bench, -1);
	assert_in_range(fake_host("10.0.0.1")->last_setup_ms, 16000, 24000);
}

static void an_authentication_failure_stops_the_round(void **state)
{
	struct bench *bench = *state;

	set(bench, "bootstrap.servers", "10.0.0.1:1,10.0.0.2:1");
	fake_host("10.0.0.1")->refuse = KWIRE_EAUTH;
	fake_host("10.0.0.2")->refuse = KWIRE_EAUTH;
	no_pauses(bench);
	open_client(bench);
	assert_int_equal(send_with(bench, NULL, -1, 60000, KWIRE_WAIT), KWIRE_EAUTH);
	assert_int_equal(fake.hosts[0].dials + fake.hosts[1].dials, 1);
	assert_false(bench->error.retriable);
}

static void waiting_ends_at_the_deadline_with_the_cause(void **state)
{
	struct bench *bench = *state;

	fake_host("10.0.0.1")->refuse = KWIRE_ECONNECT;
	open_client(bench);
	assert_int_equal(send_with(bench, NULL, -1, 50, KWIRE_WAIT), KWIRE_ETIMEDOUT);
	assert_non_null(strstr(bench->error.message, "10.0.0.1 refused"));
	assert_string_equal(bench->error.host, "10.0.0.1");
	assert_true(bench->error.elapsed_ms >= 50);
}

static void *heal(void *context)
{
	struct bench *bench = context;

	pthread_mutex_lock(&fake.lock);
	while (fake_host("10.0.0.1")->dials == 0)
		pthread_cond_wait(&fake.moved, &fake.lock);
	fake_host("10.0.0.1")->refuse = 0;
	pthread_mutex_unlock(&fake.lock);
	(void)bench;
	return NULL;
}

static void waiting_succeeds_when_the_broker_comes_back(void **state)
{
	struct bench *bench = *state;
	struct fake_answer answer;
	pthread_t thread;

	set(bench, "connect.failure", "wait");
	set(bench, "reconnect.backoff.ms", "1");
	set(bench, "reconnect.backoff.max.ms", "5");
	fake_host("10.0.0.1")->refuse = KWIRE_ECONNECT;
	open_client(bench);
	assert_int_equal(pthread_create(&thread, NULL, heal, bench), 0);
	assert_int_equal(send_with(bench, &answer, -1, 30000, 0), 0);
	pthread_join(thread, NULL);
}

static void a_call_goes_to_the_broker_that_it_names(void **state)
{
	struct bench *bench = *state;
	struct fake_answer answer;

	open_with_brokers(bench);
	assert_int_equal(send_with(bench, &answer, 2, -1, 0), 0);
	assert_int_equal(answer.node_id, 2);
	assert_int_equal(fake_host("10.0.0.2")->requests, 1);
}

static void a_broker_at_a_bootstrap_address_takes_over_its_connection(void **state)
{
	struct bench *bench = *state;

	open_with_brokers(bench);
	assert_int_equal(send_to(bench, 1), 0);
	assert_int_equal(send_to(bench, -1), 0);
	assert_int_equal(fake_host("10.0.0.1")->dials, 1);
}

static void an_unknown_broker_costs_one_refresh_and_is_an_error(void **state)
{
	struct bench *bench = *state;

	open_with_brokers(bench);
	assert_int_equal(fake.metadata_requests, 1);
	assert_int_equal(send_to(bench, 9), KWIRE_EBROKER);
	assert_int_equal(fake.metadata_requests, 2);
	assert_int_equal(fake_host("10.0.0.2")->requests + fake_host("10.0.0.1")->requests, 0);
	fake_broker(9, "10.0.0.9", 1);
	assert_int_equal(send_to(bench, 9), 0);
	assert_int_equal(fake.metadata_requests, 3);
}

static void brokers_are_listed_by_ascending_id_asking_first(void **state)
{
	struct bench *bench = *state;
	struct kwire_broker_info brokers[2];
	int count = 0;

	fake_broker(7, "10.0.0.7", 1);
	fake_broker(3, "10.0.0.3", 1);
	fake_broker(5, "10.0.0.5", 1);
	open_client(bench);
	assert_int_equal(kwire_client_brokers(bench->client, brokers, 2, &count, NULL), 0);
	assert_int_equal(count, 3);
	assert_int_equal(brokers[0].node_id, 3);
	assert_int_equal(brokers[1].node_id, 5);
	assert_true(kwire_client_knows_broker(bench->client, 7));
}

static void a_broker_that_moved_is_found_within_the_call(void **state)
{
	struct bench *bench = *state;
	struct fake_answer answer;

	open_with_brokers(bench);
	fake_host("10.0.0.2")->refuse = KWIRE_ECONNECT;
	snprintf(fake.brokers[1].host, sizeof(fake.brokers[1].host), "10.0.0.5");
	assert_int_equal(send_with(bench, &answer, 2, -1, 0), 0);
	assert_int_equal(fake_host("10.0.0.5")->requests, 1);
}

static void a_broker_that_is_down_costs_one_refresh_for_each_failure(void **state)
{
	struct bench *bench = *state;

	open_with_brokers(bench);
	fake_host("10.0.0.2")->refuse = KWIRE_ECONNECT;
	for (int i = 0; i < 4; i++)
		assert_int_equal(send_to(bench, 2), KWIRE_ECONNECT);
	assert_int_equal(fake_host("10.0.0.2")->dials, 1);
	assert_true(fake.metadata_requests <= 3);
}

static void a_broker_gone_from_metadata_is_dropped_after_what_is_in_flight(void **state)
{
	struct bench *bench = *state;
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_call *call;

	open_with_brokers(bench);
	options.broker_id = 2;
	assert_int_equal(kwire_start(bench->client, &fake_api, "", &options, &call, NULL), 0);
	assert_int_equal(fake_host("10.0.0.2")->live, 1);
	fake.broker_count = 1;
	assert_int_equal(kwire_client_refresh(bench->client, -1, NULL), 0);
	assert_false(kwire_client_knows_broker(bench->client, 2));
	assert_int_equal(fake_host("10.0.0.2")->live, 1);
	fake.broker_count = 2;
	assert_int_equal(kwire_client_refresh(bench->client, -1, NULL), 0);
	assert_int_equal(send_to(bench, 2), 0);
	fake.broker_count = 1;
	assert_int_equal(kwire_client_refresh(bench->client, -1, NULL), 0);
	assert_int_equal(fake_host("10.0.0.2")->live, 1); /* the idle one is closed */
}

static void an_unsent_request_goes_out_once_more_after_the_pause_for_a_short_life(void **state)
{
	struct bench *bench = *state;
	int64_t before;

	set(bench, "reconnect.backoff.ms", "20");
	open_with_brokers(bench);
	assert_int_equal(send_to(bench, 2), 0);
	fake_host("10.0.0.2")->die_unsent = true;
	before = kw_now_ms();
	assert_int_equal(send_to(bench, 2), 0);
	assert_true(kw_now_ms() - before >= 15);
	assert_int_equal(fake_host("10.0.0.2")->dials, 2);
	fake_host("10.0.0.2")->die_unsent = true;
	fake_host("10.0.0.2")->refuse = KWIRE_ECONNECT;
	assert_int_equal(send_to(bench, 2), KWIRE_ECONNECT);
}

static void an_unsent_request_on_a_healthy_broker_goes_out_once_more(void **state)
{
	struct bench *bench = *state;

	no_pauses(bench);
	open_with_brokers(bench);
	assert_int_equal(send_to(bench, 2), 0);
	fake_host("10.0.0.2")->die_unsent = true;
	assert_int_equal(send_to(bench, 2), 0);
	assert_int_equal(fake_host("10.0.0.2")->dials, 2);
	fake_host("10.0.0.1")->die_unsent = true;
	fake_host("10.0.0.2")->die_unsent = true;
	assert_int_equal(send_to(bench, -1), KWIRE_EDISCONNECTED);
}

static void an_unsent_request_does_not_wait_for_what_this_process_lacks(void **state)
{
	struct bench *bench = *state;

	no_pauses(bench);
	open_with_brokers(bench);
	assert_int_equal(send_to(bench, 2), 0);
	fake_host("10.0.0.2")->die_unsent = true;
	fake_host("10.0.0.2")->no_dial = KWIRE_ELIMIT;
	assert_int_equal(send_with(bench, NULL, 2, 500, 0), KWIRE_ELIMIT);
	fake_host("10.0.0.1")->die_unsent = true;
	fake_host("10.0.0.1")->no_dial = KWIRE_ELIMIT;
	assert_int_equal(send_with(bench, NULL, -1, 500, 0), KWIRE_ELIMIT);
	assert_int_equal(send_with(bench, NULL, 2, 50, KWIRE_WAIT), KWIRE_ETIMEDOUT);
}

static void what_may_have_been_applied_is_never_repeated(void **state)
{
	struct bench *bench = *state;

	no_pauses(bench);
	open_with_brokers(bench);
	fake_host("10.0.0.2")->answer = KWIRE_EDISCONNECTED;
	assert_int_equal(send_with(bench, NULL, 2, 60000, KWIRE_WAIT), KWIRE_EDISCONNECTED);
	assert_int_equal(bench->error.outcome, KWIRE_MAYBE_APPLIED);
	assert_int_equal(fake_host("10.0.0.2")->requests, 1);
	fake_host("10.0.0.1")->answer = KWIRE_EDISCONNECTED;
	assert_int_equal(send_with(bench, NULL, -1, 60000, KWIRE_WAIT), KWIRE_EDISCONNECTED);
	assert_int_equal(fake_host("10.0.0.1")->requests + fake_host("10.0.0.2")->requests, 2);
}

static void any_broker_is_the_least_loaded_live_one(void **state)
{
	struct bench *bench = *state;
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct fake_answer answer;
	struct kwire_call *call;

	open_with_brokers(bench);
	assert_int_equal(send_to(bench, 1), 0);
	assert_int_equal(send_to(bench, 2), 0);
	options.broker_id = 1;
	assert_int_equal(kwire_start(bench->client, &fake_api, "", &options, &call, NULL), 0);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(send_with(bench, &answer, -1, -1, 0), 0);
		assert_int_equal(answer.node_id, 2);
	}
}

static void a_throttled_broker_is_left_alone_while_another_is_not(void **state)
{
	struct bench *bench = *state;
	struct fake_answer answer;

	open_with_brokers(bench);
	fake_host("10.0.0.1")->throttle = 600000;
	assert_int_equal(send_to(bench, 1), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(send_with(bench, &answer, -1, -1, 0), 0);
		assert_int_equal(answer.node_id, 2);
	}
	assert_int_equal(send_with(bench, NULL, 1, 30, 0), KWIRE_ETIMEDOUT);
	assert_int_equal(bench->error.phase, KWIRE_PHASE_WAIT);
	assert_int_equal(bench->error.outcome, KWIRE_NOT_SENT);
	assert_int_equal(fake_host("10.0.0.1")->requests, 1);
}

static void a_throttle_time_is_waited_out(void **state)
{
	struct bench *bench = *state;
	struct fake_answer answer;
	int64_t before;

	open_with_brokers(bench);
	fake_host("10.0.0.1")->throttle = 40;
	assert_int_equal(send_to(bench, 1), 0);
	before = kw_now_ms();
	assert_int_equal(send_with(bench, &answer, 1, 10000, 0), 0);
	assert_true(kw_now_ms() - before >= 39);
}

struct crowd {
	struct bench *bench;
	int32_t broker_id;
	atomic_int started;
	atomic_int failures;
};

static void *send_in_a_crowd(void *context)
{
	struct crowd *crowd = context;
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct fake_answer answer;
	struct fake_answer *request = &answer;
	void *response = NULL;

	options.broker_id = crowd->broker_id;
	atomic_fetch_add(&crowd->started, 1);
	if (kwire_send(crowd->bench->client, &fake_api, &request, &response, &options, NULL) != 0)
		atomic_fetch_add(&crowd->failures, 1);
	return NULL;
}

static void *refresh_in_a_crowd(void *context)
{
	struct crowd *crowd = context;

	atomic_fetch_add(&crowd->started, 1);
	if (kwire_client_refresh(crowd->bench->client, -1, NULL) != 0)
		atomic_fetch_add(&crowd->failures, 1);
	return NULL;
}

/* Eight threads, of which at least one is held. */
static void start_crowd(struct crowd *crowd, pthread_t *threads, void *(*body)(void *), bool *hold)
{
	*hold = true;
	atomic_init(&crowd->started, 0);
	atomic_init(&crowd->failures, 0);
	for (int i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, body, crowd), 0);
	fake_await_held();
	while (atomic_load(&crowd->started) < 8)
		sched_yield();
}

static int end_crowd(struct crowd *crowd, pthread_t *threads, bool *hold)
{
	fake_let_go(hold);
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	return atomic_load(&crowd->failures);
}

static int run_crowd(struct crowd *crowd, void *(*body)(void *), bool *hold)
{
	pthread_t threads[8];

	start_crowd(crowd, threads, body, hold);
	return end_crowd(crowd, threads, hold);
}

static void concurrent_callers_share_one_dial(void **state)
{
	struct bench *bench = *state;
	struct crowd crowd = {.bench = bench, .broker_id = -1};

	open_client(bench);
	assert_int_equal(run_crowd(&crowd, send_in_a_crowd, &fake.hold_dials), 0);
	assert_int_equal(fake_host("10.0.0.1")->dials, 1);
	assert_int_equal(fake_host("10.0.0.1")->requests, 8);
}

static void those_who_wait_for_a_dial_to_a_broker_that_moves_dial_its_new_address(void **state)
{
	struct bench *bench = *state;
	struct crowd crowd = {.bench = bench, .broker_id = 2};
	pthread_t threads[8];

	open_with_brokers(bench);
	start_crowd(&crowd, threads, send_in_a_crowd, &fake.hold_dials);
	snprintf(fake.brokers[1].host, sizeof(fake.brokers[1].host), "10.0.0.5");
	assert_int_equal(kwire_client_refresh(bench->client, -1, NULL), 0);
	assert_int_equal(end_crowd(&crowd, threads, &fake.hold_dials), 0);
	assert_int_equal(fake_host("10.0.0.2")->dials, 1);
	assert_int_equal(fake_host("10.0.0.5")->dials, 1);
}

static void concurrent_refreshes_are_few(void **state)
{
	struct bench *bench = *state;
	struct crowd crowd = {.bench = bench};

	fake_broker(1, "10.0.0.1", 1);
	open_client(bench);
	assert_int_equal(run_crowd(&crowd, refresh_in_a_crowd, &fake.hold_metadata), 0);
	/* Who comes after the first landed flies again: threads may start late. */
	assert_in_range(fake.metadata_requests, 1, 8);
}

static void a_cluster_of_another_id_is_refused_unless_allowed(void **state)
{
	struct bench *bench = *state;

	strcpy(fake.cluster_id, "first");
	open_with_brokers(bench);
	strcpy(fake.cluster_id, "second");
	fake.broker_count = 1;
	assert_int_equal(kwire_client_refresh(bench->client, -1, &bench->error), KWIRE_EBROKER);
	assert_non_null(strstr(bench->error.message, "second"));
	assert_int_equal(bench->error.outcome, KWIRE_ANSWERED);
	/* But a call that needed that answer only to find its broker did not leave. */
	assert_int_equal(send_to(bench, 9), KWIRE_EBROKER);
	assert_int_equal(bench->error.outcome, KWIRE_NOT_SENT);
	assert_true(kwire_client_knows_broker(bench->client, 2));
	kwire_client_close(bench->client);

	set(bench, "cluster.id.change", "allow");
	open_client(bench);
	assert_int_equal(kwire_client_refresh(bench->client, -1, NULL), 0);
	strcpy(fake.cluster_id, "third");
	assert_int_equal(kwire_client_refresh(bench->client, -1, NULL), 0);
}

static void aged_metadata_is_asked_for_by_the_next_call_and_does_not_eat_its_deadline(void **state)
{
	struct bench *bench = *state;

	set(bench, "metadata.max.age.ms", "0");
	set(bench, "reconnect.backoff.max.ms", "0");
	set(bench, "bootstrap.servers", "10.0.0.9:1");
	open_with_brokers(bench);
	assert_int_equal(send_to(bench, 2), 0);
	assert_int_equal(fake.metadata_requests, 2);
	fake.silent_metadata = true;
	assert_int_equal(send_with(bench, NULL, 2, 200, 0), 0);
}

static void an_empty_list_of_brokers_changes_nothing(void **state)
{
	struct bench *bench = *state;

	open_with_brokers(bench);
	fake.broker_count = 0;
	assert_int_equal(kwire_client_refresh(bench->client, -1, &bench->error), KWIRE_EBROKER);
	assert_int_equal(bench->error.outcome, KWIRE_ANSWERED);
	assert_true(kwire_client_knows_broker(bench->client, 2));
}

static void metadata_of_another_topic_than_was_asked_for_is_an_answer(void **state)
{
	struct bench *bench = *state;
	struct kw_leader leader;

	open_with_brokers(bench);
	strcpy(fake.topic, "other");
	assert_int_equal(
		kw_leader_find(bench->client, "topic", 0, false, KW_NEVER, &leader, &bench->error),
		KWIRE_EPROTOCOL);
	assert_int_equal(bench->error.outcome, KWIRE_ANSWERED);
}

static void a_broker_that_cannot_be_dialled_is_left_out(void **state)
{
	struct bench *bench = *state;

	fake_broker(1, "10.0.0.1", 1);
	fake_broker(2, "", -1);
	open_client(bench);
	assert_int_equal(kwire_client_refresh(bench->client, -1, NULL), 0);
	assert_true(kwire_client_knows_broker(bench->client, 1));
	assert_false(kwire_client_knows_broker(bench->client, 2));
}

static void error_129_starts_again_from_the_bootstrap_servers(void **state)
{
	struct bench *bench = *state;

	set(bench, "bootstrap.servers", "10.0.0.9:1");
	open_with_brokers(bench);
	assert_int_equal(send_to(bench, 1), 0);
	fake.metadata_error = 129;
	fake.metadata_errors_left = 1;
	assert_int_equal(kwire_client_refresh(bench->client, -1, &bench->error), 0);
	assert_int_equal(fake_host("10.0.0.1")->live, 0);
	assert_true(kwire_client_knows_broker(bench->client, 1));
}

static void without_recovery_error_129_is_the_callers(void **state)
{
	struct bench *bench = *state;

	set(bench, "metadata.recovery.strategy", "none");
	open_with_brokers(bench);
	fake.metadata_error = 129;
	fake.metadata_errors_left = 1;
	assert_int_equal(kwire_client_refresh(bench->client, -1, &bench->error), KWIRE_EKAFKA);
	assert_int_equal(bench->error.kafka_code, 129);
	assert_int_equal(bench->error.outcome, KWIRE_ANSWERED);
	assert_int_equal(fake.metadata_requests, 2);
}

static void a_client_whose_brokers_all_moved_finds_them_by_the_bootstrap_list(void **state)
{
	struct bench *bench = *state;

	set(bench, "bootstrap.servers", "10.0.0.8:1");
	no_pauses(bench);
	open_with_brokers(bench);
	/* All go, then others answer at the old door. */
	fake_host("10.0.0.1")->answer = KWIRE_EDISCONNECTED;
	fake_host("10.0.0.2")->answer = KWIRE_EDISCONNECTED;
	assert_int_equal(send_to(bench, 1), KWIRE_EDISCONNECTED);
	assert_int_equal(send_to(bench, 2), KWIRE_EDISCONNECTED);
	fake_host("10.0.0.1")->refuse = KWIRE_ECONNECT;
	fake_host("10.0.0.2")->refuse = KWIRE_ECONNECT;
	snprintf(fake.brokers[0].host, sizeof(fake.brokers[0].host), "10.0.0.6");
	snprintf(fake.brokers[1].host, sizeof(fake.brokers[1].host), "10.0.0.7");
	assert_int_equal(send_to(bench, 1), 0);
	assert_int_equal(send_to(bench, 2), 0);
	assert_int_equal(fake_host("10.0.0.6")->requests, 1);
}

static void bootstrap_servers_can_be_replaced(void **state)
{
	struct bench *bench = *state;

	open_client(bench);
	assert_int_equal(send_to(bench, -1), 0);
	assert_int_equal(kwire_client_set_bootstrap(bench->client, "10.0.0.4:1,10.0.0.1:1", NULL),
			 0);
	assert_int_equal(send_to(bench, -1), 0);
	assert_int_equal(fake_host("10.0.0.1")->dials, 1); /* what is connected stays */
	assert_int_equal(kwire_client_set_bootstrap(bench->client, "10.0.0.4:1", NULL), 0);
	assert_int_equal(send_to(bench, -1), 0);
	assert_int_equal(fake_host("10.0.0.4")->dials, 1);
	assert_int_equal(fake_host("10.0.0.1")->live, 0);
	assert_int_equal(kwire_client_set_bootstrap(bench->client, "a:x", NULL), KWIRE_ECONFIG);
}

static void a_bootstrap_server_that_is_named_twice_is_one(void **state)
{
	struct bench *bench = *state;
	const char *servers = "10.0.0.1:1,10.0.0.1:1,10.0.0.1:1";

	set(bench, "bootstrap.servers", servers);
	open_client(bench);
	assert_int_equal(send_to(bench, -1), 0);
	assert_int_equal(kwire_client_set_bootstrap(bench->client, servers, NULL), 0);
	assert_int_equal(send_to(bench, -1), 0);
	assert_int_equal(kwire_client_set_bootstrap(bench->client, "10.0.0.2:1", NULL), 0);
	assert_int_equal(send_to(bench, -1), 0);
	assert_int_equal(fake_host("10.0.0.1")->dials, 1);
	assert_int_equal(fake_host("10.0.0.1")->live, 0);
}

static void an_idle_connection_is_replaced_before_it_is_used(void **state)
{
	struct bench *bench = *state;

	open_client(bench);
	assert_int_equal(send_to(bench, -1), 0);
	fake.age_ms = 180001;
	assert_int_equal(send_to(bench, -1), 0);
	fake.age_ms = 0;
	assert_int_equal(send_to(bench, -1), 0);
	assert_int_equal(fake_host("10.0.0.1")->dials, 2);
	assert_int_equal(fake_host("10.0.0.1")->live, 1);
}

static void an_evicted_broker_is_dialled_again_at_once(void **state)
{
	struct bench *bench = *state;
	struct kwire_broker *broker;
	struct kwire_broker_info info;
	struct fake_answer answer;
	struct fake_answer *request = &answer;
	void *response = NULL;

	open_with_brokers(bench);
	assert_int_equal(kwire_client_broker(bench->client, 2, &broker, NULL), 0);
	kwire_broker_info(broker, &info);
	assert_string_equal(info.host, "10.0.0.2");
	assert_int_equal(kwire_broker_send(broker, &fake_api, &request, &response, NULL, NULL), 0);
	kwire_broker_evict(broker);
	assert_int_equal(fake_host("10.0.0.2")->live, 0);
	assert_int_equal(kwire_broker_send(broker, &fake_api, &request, &response, NULL, NULL), 0);
	assert_int_equal(fake_host("10.0.0.2")->dials, 2);
	kwire_broker_put(broker);
	assert_int_equal(kwire_client_broker(bench->client, 9, &broker, NULL), KWIRE_EBROKER);
	kwire_broker_put(NULL);
}

static void connect_reaches_one_broker_or_says_why_not(void **state)
{
	struct bench *bench = *state;

	fake_host("10.0.0.1")->refuse = KWIRE_ECONNECT;
	no_pauses(bench);
	open_client(bench);
	assert_int_equal(kwire_client_connect(bench->client, -1, &bench->error), KWIRE_ECONNECT);
	fake_host("10.0.0.1")->refuse = 0;
	assert_int_equal(kwire_client_connect(bench->client, -1, &bench->error), 0);
	assert_int_equal(fake_host("10.0.0.1")->live, 1);
	assert_int_equal(kwire_client_flush(bench->client, NULL), 0);
	assert_int_equal(fake_host("10.0.0.1")->requests, 100);
}

static void a_set_up_that_hangs_ends_with_the_call(void **state)
{
	struct bench *bench = *state;

	fake_host("10.0.0.1")->hang = true;
	open_client(bench);
	assert_int_equal(kwire_client_connect(bench->client, 30, &bench->error), KWIRE_ETIMEDOUT);
	assert_int_equal(send_with(bench, NULL, -1, 30, 0), KWIRE_ETIMEDOUT);
	assert_int_equal(fake_host("10.0.0.1")->dials, 1); /* and its dial goes on */
}

static void *shut_down(void *context)
{
	struct bench *bench = context;

	fake_await_held();
	/* A dial under way is waited for, even by those who will not wait. */
	bench->shutdown_result = kwire_client_shutdown(bench->client, 0);
	fake_let_go(&fake.hold_dials);
	return NULL;
}

static void shutdown_fails_calls_now_and_later(void **state)
{
	struct bench *bench = *state;
	pthread_t thread;

	open_client(bench);
	fake.hold_dials = true;
	assert_int_equal(pthread_create(&thread, NULL, shut_down, bench), 0);
	send_with(bench, NULL, -1, 100, 0);
	pthread_join(thread, NULL);
	assert_int_equal(bench->shutdown_result, KWIRE_ETIMEDOUT);
	assert_int_equal(send_to(bench, -1), KWIRE_ECLOSED);
	assert_int_equal(send_to(bench, 1), KWIRE_ECLOSED);
	assert_int_equal(kwire_client_refresh(bench->client, -1, NULL), KWIRE_ECLOSED);
	assert_int_equal(kwire_client_shutdown(bench->client, -1), 0);
	assert_int_equal(kwire_client_shutdown(bench->client, -1), 0);
}

static void a_forked_child_is_told_and_can_close(void **state)
{
	struct bench *bench = *state;
	int status;
	pid_t child;

	open_with_brokers(bench);
	child = fork();
	if (child == 0) {
		bool good = send_to(bench, -1) == KWIRE_EFORKED &&
			    kwire_client_refresh(bench->client, -1, NULL) == KWIRE_EFORKED &&
			    kwire_client_shutdown(bench->client, -1) == KWIRE_EFORKED &&
			    !kwire_client_knows_broker(bench->client, 1);

		kwire_client_close(bench->client);
		_exit(good ? 0 : 1);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(send_to(bench, -1), 0);
}

/* Fails at one allocation; counts what is alive. */
struct failing {
	atomic_int countdown;
	atomic_int live;
};

static void *fail_allocate(void *context, size_t size)
{
	struct failing *failing = context;
	void *data = atomic_fetch_sub(&failing->countdown, 1) > 0 ? malloc(size) : NULL;

	if (data != NULL)
		atomic_fetch_add(&failing->live, 1);
	return data;
}

static void *fail_reallocate(void *context, void *data, size_t size)
{
	struct failing *failing = context;

	return atomic_fetch_sub(&failing->countdown, 1) > 0 ? realloc(data, size) : NULL;
}

static void fail_release(void *context, void *data)
{
	struct failing *failing = context;

	atomic_fetch_sub(&failing->live, 1);
	free(data);
}

/* A counting allocator that never fails. */
static struct kwire_allocator count_blocks(struct failing *failing)
{
	struct kwire_allocator allocator = {sizeof(allocator), failing, fail_allocate,
					    fail_reallocate, fail_release};

	atomic_init(&failing->countdown, INT_MAX);
	atomic_init(&failing->live, 0);
	return allocator;
}

static int config_for(struct bench *bench, const struct kwire_allocator *allocator)
{
	kwire_config_free(bench->config);
	bench->config = kwire_config_new_with(allocator);
	return kwire_config_set(bench->config, "bootstrap.servers", "10.0.0.1:1", NULL);
}

static void a_forked_child_frees_all_that_the_client_knew(void **state)
{
	struct bench *bench = *state;
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct failing failing;
	struct kwire_allocator allocator = count_blocks(&failing);
	struct kw_leader leader;
	struct kwire_call *call;
	int status;
	pid_t child;

	assert_int_equal(config_for(bench, &allocator), 0);
	strcpy(fake.topic, "topic");
	open_with_brokers(bench);
	assert_int_equal(kw_leader_find(bench->client, "topic", 0, false, KW_NEVER, &leader, NULL),
			 0);
	/* A broker that is gone, and whose connection is not yet. */
	options.broker_id = 2;
	assert_int_equal(kwire_start(bench->client, &fake_api, "", &options, &call, NULL), 0);
	fake.broker_count = 1;
	assert_int_equal(kwire_client_refresh(bench->client, -1, NULL), 0);
	assert_int_equal(fake_host("10.0.0.2")->live, 1);
	child = fork();
	if (child == 0) {
		kwire_client_close(bench->client);
		kwire_config_free(bench->config);
		_exit(atomic_load(&failing.live));
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	/* `failing` does not outlive this test. */
	kwire_client_close(bench->client);
	bench->client = NULL;
	kwire_config_free(bench->config);
	bench->config = NULL;
	assert_int_equal(atomic_load(&failing.live), 0);
}

static void count_line(void *context, enum kwire_log_level level, const char *line)
{
	(void)level;
	if (strstr(line, "nowhere") != NULL)
		atomic_fetch_add((atomic_int *)context, 1);
}

static void a_name_that_does_not_resolve_is_logged_by_who_opens_or_not_at_all(void **state)
{
	struct bench *bench = *state;
	struct failing failing;
	struct kwire_allocator allocator = count_blocks(&failing);
	atomic_int lines = 0;

	assert_int_equal(config_for(bench, &allocator), 0);
	assert_int_equal(kwire_config_set_log(bench->config, count_line, &lines), 0);
	set(bench, "bootstrap.servers", "nowhere:1,somewhere:2");
	open_client(bench);
	kwire_client_close(bench->client);
	bench->client = NULL;
	assert_int_equal(atomic_load(&lines), 1);

	set(bench, "socket.connection.setup.timeout.ms", "10");
	fake.hold_resolving = true;
	assert_int_equal(kwire_client_open(bench->config, &bench->client, &bench->error),
			 KWIRE_ERESOLVE);
	kwire_config_free(bench->config);
	bench->config = NULL;
	fake_let_go(&fake.hold_resolving);
	/* The resolver's thread frees the last block. */
	while (atomic_load(&failing.live) > 0)
		sched_yield();
	assert_int_equal(atomic_load(&lines), 1);
}

static int use_client(const struct kwire_allocator *allocator)
{
	struct kwire_config *config = kwire_config_new_with(allocator);
	struct kwire_client *client = NULL;
	struct kwire_broker *broker = NULL;
	struct kwire_versions *versions = NULL;
	struct fake_answer answer;
	struct fake_answer *request = &answer;
	void *response = NULL;
	int result;

	if ((result = kwire_config_set(config, "bootstrap.servers", "10.0.0.1:1", NULL)) == 0 &&
	    (result = kwire_client_open(config, &client, NULL)) == 0 &&
	    (result = kwire_send(client, &fake_api, &request, &response, NULL, NULL)) == 0 &&
	    (result = kwire_client_broker(client, 2, &broker, NULL)) == 0 &&
	    (result = kwire_broker_versions(broker, -1, &versions, NULL)) == 0)
		result = kwire_client_set_bootstrap(client, "10.0.0.2:1", NULL);
	kwire_versions_free(versions);
	kwire_broker_put(broker);
	kwire_client_close(client);
	kwire_config_free(config);
	return result;
}

static void every_allocation_may_fail(void **state)
{
	struct failing failing;
	struct kwire_allocator allocator = {sizeof(allocator), &failing, fail_allocate,
					    fail_reallocate, fail_release};
	int result = KWIRE_ENOMEM, n;

	(void)state;
	fake_broker(1, "10.0.0.1", 1);
	fake_broker(2, "10.0.0.2", 1);
	for (n = 0; result != 0 && n < 1000; n++) {
		atomic_init(&failing.countdown, n);
		atomic_init(&failing.live, 0);
		result = use_client(&allocator);
		assert_true(result == 0 || result == KWIRE_ENOMEM);
		assert_int_equal(atomic_load(&failing.live), 0);
	}
	assert_in_range(n, 15, 999);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(opening_connects_to_nothing),
		TEST(opening_fails_without_a_server_that_resolves),
		TEST(opening_takes_one_name_that_resolves_or_none_at_first_use),
		TEST(calls_share_the_connection_to_a_bootstrap_server),
		TEST(one_round_tries_each_server_once_and_returns_the_last_cause),
		TEST(a_server_in_backoff_is_not_dialled),
		TEST(the_set_up_timeout_grows_after_a_failure),
		TEST(an_authentication_failure_stops_the_round),
		TEST(waiting_ends_at_the_deadline_with_the_cause),
		TEST(waiting_succeeds_when_the_broker_comes_back),
		TEST(a_call_goes_to_the_broker_that_it_names),
		TEST(a_broker_at_a_bootstrap_address_takes_over_its_connection),
		TEST(an_unknown_broker_costs_one_refresh_and_is_an_error),
		TEST(brokers_are_listed_by_ascending_id_asking_first),
		TEST(a_broker_that_moved_is_found_within_the_call),
		TEST(a_broker_that_is_down_costs_one_refresh_for_each_failure),
		TEST(a_broker_gone_from_metadata_is_dropped_after_what_is_in_flight),
		TEST(an_unsent_request_goes_out_once_more_after_the_pause_for_a_short_life),
		TEST(an_unsent_request_on_a_healthy_broker_goes_out_once_more),
		TEST(an_unsent_request_does_not_wait_for_what_this_process_lacks),
		TEST(what_may_have_been_applied_is_never_repeated),
		TEST(any_broker_is_the_least_loaded_live_one),
		TEST(a_throttled_broker_is_left_alone_while_another_is_not),
		TEST(a_throttle_time_is_waited_out),
		TEST(concurrent_callers_share_one_dial),
		TEST(those_who_wait_for_a_dial_to_a_broker_that_moves_dial_its_new_address),
		TEST(concurrent_refreshes_are_few),
		TEST(a_cluster_of_another_id_is_refused_unless_allowed),
		TEST(aged_metadata_is_asked_for_by_the_next_call_and_does_not_eat_its_deadline),
		TEST(an_empty_list_of_brokers_changes_nothing),
		TEST(metadata_of_another_topic_than_was_asked_for_is_an_answer),
		TEST(a_broker_that_cannot_be_dialled_is_left_out),
		TEST(error_129_starts_again_from_the_bootstrap_servers),
		TEST(without_recovery_error_129_is_the_callers),
		TEST(a_client_whose_brokers_all_moved_finds_them_by_the_bootstrap_list),
		TEST(bootstrap_servers_can_be_replaced),
		TEST(a_bootstrap_server_that_is_named_twice_is_one),
		TEST(an_idle_connection_is_replaced_before_it_is_used),
		TEST(an_evicted_broker_is_dialled_again_at_once),
		TEST(connect_reaches_one_broker_or_says_why_not),
		TEST(a_set_up_that_hangs_ends_with_the_call),
		TEST(shutdown_fails_calls_now_and_later),
		TEST(a_forked_child_is_told_and_can_close),
		TEST(a_forked_child_frees_all_that_the_client_knew),
		TEST(a_name_that_does_not_resolve_is_logged_by_who_opens_or_not_at_all),
		TEST(every_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
