/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client on a cluster of real sockets: brokers that stop, move, throttle
 * and fall silent, callers by the dozen, and nothing left behind.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <kwire/api/api_versions.h>
#include <kwire/api/metadata.h>
#include <kwire/client.h>
#include <kwire/connection.h>
#include <kwire/fetch.h>
#include <kwire/mock.h>

#include "base/clock.h"

enum {
	METADATA = 3,
	API_VERSIONS = 18,
	CALLERS = 16,
};

struct bench {
	struct kwire_mock *mock;
	struct kwire_config *config;
	struct kwire_client *client;
	struct kwire_error error;
};

static int count_entries(const char *directory)
{
	DIR *opened = opendir(directory);
	int count = 0;

	if (opened == NULL)
		return -1;
	while (readdir(opened) != NULL)
		count++;
	closedir(opened);
	return count;
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

static void set(struct bench *bench, const char *name, const char *value)
{
	assert_int_equal(kwire_config_set(bench->config, name, value, NULL), 0);
}

static void open_client(struct bench *bench)
{
	assert_int_equal(kwire_client_open(bench->config, &bench->client, &bench->error), 0);
}

/* An ApiVersions call, which every broker answers for itself. */
static int ping(struct bench *bench, int32_t broker_id, int64_t timeout_ms, unsigned flags)
{
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_api_versions_request request = KWIRE_API_VERSIONS_REQUEST_INIT;
	struct kwire_api_versions_response *response = NULL;
	int result;

	options.broker_id = broker_id;
	options.timeout_ms = timeout_ms;
	options.flags = flags;
	request.client_software_name = KWIRE_STRING("test");
	request.client_software_version = KWIRE_STRING("1");
	result = kwire_send_api_versions_with(bench->client, &request, &response, &options,
					      &bench->error);
	kwire_response_free(response);
	return result;
}

static int64_t accepted(struct bench *bench, int32_t broker_id)
{
	int64_t count = -1;
	int open;

	assert_int_equal(kwire_mock_connections(bench->mock, broker_id, &open, &count, NULL), 0);
	return count;
}

static void brokers_are_found_and_called_by_id(void **state)
{
	struct bench *bench = *state;
	struct kwire_broker_info brokers[8];
	struct kwire_mock_match match = kwire_mock_on(API_VERSIONS);
	int count = 0;

	open_client(bench);
	assert_int_equal(kwire_client_brokers(bench->client, brokers, 8, &count, &bench->error), 0);
	assert_int_equal(count, 3);
	for (int i = 0; i < count; i++) {
		int64_t before;

		match.broker_id = brokers[i].node_id;
		assert_int_equal(brokers[i].port, kwire_mock_port(bench->mock, brokers[i].node_id));
		before = kwire_mock_count(bench->mock, &match);
		assert_int_equal(ping(bench, brokers[i].node_id, -1, 0), 0);
		assert_true(kwire_mock_count(bench->mock, &match) > before);
	}
	assert_int_equal(accepted(bench, -1), 3);
}

static void versions_are_known_for_each_broker(void **state)
{
	struct bench *bench = *state;
	struct kwire_version_range range;
	struct kwire_versions *versions;
	struct kwire_broker *broker;

	assert_int_equal(kwire_mock_set_api_versions(bench->mock, 2, METADATA, 0, 9, NULL), 0);
	open_client(bench);
	assert_int_equal(kwire_client_broker(bench->client, 2, &broker, &bench->error), 0);
	assert_int_equal(kwire_broker_versions(broker, -1, &versions, &bench->error), 0);
	assert_true(kwire_versions_range(versions, METADATA, &range));
	assert_int_equal(range.max_version, 9);
	kwire_versions_free(versions);
	kwire_broker_put(broker);
}

static void a_stopped_broker_fails_at_once_and_heals_within_a_pause(void **state)
{
	struct bench *bench = *state;

	open_client(bench);
	assert_int_equal(kwire_client_refresh(bench->client, -1, NULL), 0);
	assert_int_equal(ping(bench, 2, -1, 0), 0);
	assert_int_equal(kwire_mock_stop_broker(bench->mock, 2, NULL), 0);
	assert_int_not_equal(ping(bench, 2, 10000, 0), 0);
	assert_int_equal(bench->error.outcome, KWIRE_NOT_SENT);
	assert_int_equal(ping(bench, -1, 10000, 0), 0); /* others are not disturbed */
	assert_int_equal(kwire_mock_start_broker(bench->mock, 2, NULL), 0);
	assert_int_equal(ping(bench, 2, 10000, KWIRE_WAIT), 0);
}

static void a_moved_broker_is_found_again(void **state)
{
	struct bench *bench = *state;

	open_client(bench);
	assert_int_equal(kwire_client_refresh(bench->client, -1, NULL), 0);
	assert_int_equal(ping(bench, 3, -1, 0), 0);
	assert_int_equal(kwire_mock_move_broker(bench->mock, 3, 0, NULL), 0);
	assert_int_equal(ping(bench, 3, 10000, KWIRE_WAIT), 0);
}

static void all_brokers_reset_and_the_next_call_succeeds_within_a_pause(void **state)
{
	struct bench *bench = *state;

	open_client(bench);
	assert_int_equal(kwire_client_refresh(bench->client, -1, NULL), 0);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(ping(bench, 1 + i % 3, 10000, KWIRE_WAIT), 0);
		assert_int_equal(kwire_mock_disconnect(bench->mock, -1, NULL), 0);
		assert_int_equal(
			kwire_mock_wait_connections(bench->mock, -1, 0, 10000, &bench->error), 0);
	}
}

static void a_silent_broker_costs_the_deadline_and_says_so(void **state)
{
	struct bench *bench = *state;
	struct kwire_mock_match match = kwire_mock_on(METADATA);
	struct kwire_mock_fault fault = KWIRE_MOCK_FAULT_INIT;
	int rule;

	open_client(bench);
	assert_int_equal(kwire_client_refresh(bench->client, -1, NULL), 0);
	assert_int_equal(kwire_mock_break(bench->mock, &match, &fault, &rule, NULL), 0);
	assert_int_equal(kwire_client_refresh(bench->client, 50, &bench->error), KWIRE_ETIMEDOUT);
	assert_int_equal(bench->error.outcome, KWIRE_MAYBE_APPLIED);
	assert_true(bench->error.elapsed_ms >= 50);
	assert_true(kwire_client_knows_broker(bench->client, 1));
	assert_int_equal(kwire_mock_mend(bench->mock, rule, NULL), 0);
	/* The silent call left a tombstone; another broker is less loaded. */
	assert_int_equal(kwire_client_refresh(bench->client, 10000, &bench->error), 0);
}

static void a_throttle_time_mutes_the_broker_that_sent_it(void **state)
{
	struct bench *bench = *state;
	struct kwire_mock_match match = kwire_mock_on(API_VERSIONS);
	struct kwire_mock_fault fault = KWIRE_MOCK_FAULT_INIT;
	int64_t before;

	open_client(bench);
	assert_int_equal(kwire_client_refresh(bench->client, -1, NULL), 0);
	assert_int_equal(ping(bench, 2, -1, 0), 0);
	match.broker_id = 2;
	match.count = 1;
	fault.kind = KWIRE_MOCK_THROTTLE_FAULT;
	fault.ms = 120;
	assert_int_equal(kwire_mock_break(bench->mock, &match, &fault, NULL, NULL), 0);
	assert_int_equal(ping(bench, 2, -1, 0), 0);
	before = kw_now_ms();
	assert_int_equal(ping(bench, 2, 20, 0), KWIRE_ETIMEDOUT);
	assert_int_equal(bench->error.outcome, KWIRE_NOT_SENT);
	assert_int_equal(ping(bench, 2, 10000, 0), 0);
	assert_true(kw_now_ms() - before >= 100);
}

/* An answer that asks broker 2's clients to wait `ms`; has come, and is not taken. */
static struct kwire_call *start_throttled(struct bench *bench, int32_t ms)
{
	struct kwire_api_versions_request request = KWIRE_API_VERSIONS_REQUEST_INIT;
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_mock_fault fault = KWIRE_MOCK_FAULT_INIT;
	struct kwire_mock_match match = kwire_mock_on(API_VERSIONS);
	struct kwire_call *call = NULL;
	int index;

	assert_int_equal(ping(bench, 2, -1, 0), 0);
	match.broker_id = 2;
	match.count = 1;
	fault.kind = KWIRE_MOCK_THROTTLE_FAULT;
	fault.ms = ms;
	assert_int_equal(kwire_mock_break(bench->mock, &match, &fault, NULL, NULL), 0);
	request.client_software_name = KWIRE_STRING("test");
	request.client_software_version = KWIRE_STRING("1");
	options.broker_id = 2;
	assert_int_equal(kwire_start(bench->client, &kwire_api_versions_api, &request, &options,
				     &call, NULL),
			 0);
	assert_int_equal(kwire_call_wait_any(&call, 1, 10000, &index, NULL), 0);
	return call;
}

static void take(struct kwire_call *call)
{
	void *response = NULL;

	assert_int_equal(kwire_call_wait(call, -1, &response, NULL), 0);
	kwire_response_free(response);
	kwire_call_free(call);
}

static void an_answer_with_a_throttle_time_is_taken_after_the_client_was_closed(void **state)
{
	struct bench *bench = *state;
	struct kwire_call *call;

	open_client(bench);
	assert_int_equal(kwire_client_refresh(bench->client, -1, NULL), 0);
	call = start_throttled(bench, 60000);
	kwire_client_close(bench->client);
	bench->client = NULL;
	take(call);
}

static void a_throttle_time_outlives_its_connection(void **state)
{
	struct bench *bench = *state;
	struct kwire_broker *broker;

	open_client(bench);
	assert_int_equal(kwire_client_refresh(bench->client, -1, NULL), 0);
	take(start_throttled(bench, 60000));
	assert_int_equal(kwire_client_broker(bench->client, 2, &broker, NULL), 0);
	kwire_broker_evict(broker);
	kwire_broker_put(broker);
	assert_int_equal(ping(bench, 2, 20, 0), KWIRE_ETIMEDOUT);
	assert_int_equal(bench->error.outcome, KWIRE_NOT_SENT);
}

/* ----------------------------------------------------------------- crowds */

struct caller {
	struct bench *bench;
	pthread_t thread;
	int32_t broker_id;
	int calls;
	int failures;
	int untrue; /* failures with an outcome that cannot be */
	int result;
};

static int one_call(struct caller *caller, int64_t timeout_ms, struct kwire_error *error)
{
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
	struct kwire_metadata_response *response = NULL;
	int result;

	options.broker_id = caller->broker_id;
	options.timeout_ms = timeout_ms;
	result = kwire_send_metadata_with(caller->bench->client, &request, &response, &options,
					  error);
	kwire_response_free(response);
	return result;
}

static void *call_often(void *context)
{
	struct caller *caller = context;
	struct kwire_error error;

	for (int i = 0; i < caller->calls; i++) {
		if (one_call(caller, 5000, &error) == 0)
			continue;
		caller->failures++;
		if (error.result == KWIRE_ECONNECT && error.outcome != KWIRE_NOT_SENT)
			caller->untrue++;
		if (error.message[0] == '\0')
			caller->untrue++;
	}
	return NULL;
}

static void *call_once(void *context)
{
	struct caller *caller = context;
	struct kwire_error error = KWIRE_ERROR_INIT;

	caller->result = one_call(caller, 60000, &error);
	return NULL;
}

static void start_callers(struct bench *bench, struct caller *callers, void *(*body)(void *))
{
	for (int i = 0; i < CALLERS; i++) {
		callers[i] = (struct caller){.bench = bench, .calls = 200, .broker_id = i % 4};
		if (i % 4 == 0)
			callers[i].broker_id = -1;
		assert_int_equal(pthread_create(&callers[i].thread, NULL, body, &callers[i]), 0);
	}
}

static void many_callers_share_one_connection_to_each_broker(void **state)
{
	struct bench *bench = *state;
	struct caller callers[CALLERS];

	open_client(bench);
	assert_int_equal(kwire_client_refresh(bench->client, -1, NULL), 0);
	start_callers(bench, callers, call_often);
	for (int i = 0; i < CALLERS; i++) {
		pthread_join(callers[i].thread, NULL);
		assert_int_equal(callers[i].failures, 0);
	}
	assert_int_equal(accepted(bench, -1), 3);
}

static void callers_survive_brokers_that_come_and_go(void **state)
{
	struct bench *bench = *state;
	struct caller callers[CALLERS];

	open_client(bench);
	assert_int_equal(kwire_client_refresh(bench->client, -1, NULL), 0);
	start_callers(bench, callers, call_often);
	for (int i = 0; i < 30; i++) {
		int32_t id = 1 + i % 3;

		if (i % 2 == 0)
			kwire_mock_disconnect(bench->mock, id, NULL);
		else {
			kwire_mock_stop_broker(bench->mock, id, NULL);
			kwire_mock_start_broker(bench->mock, id, NULL);
		}
	}
	for (int i = 0; i < CALLERS; i++) {
		pthread_join(callers[i].thread, NULL);
		assert_int_equal(callers[i].untrue, 0);
	}
	for (int32_t id = 1; id <= 3; id++)
		assert_int_equal(ping(bench, id, 10000, KWIRE_WAIT), 0);
}

static void shutdown_ends_every_call_that_waits(void **state)
{
	struct bench *bench = *state;
	struct caller callers[CALLERS];
	struct kwire_mock_match match = kwire_mock_on(METADATA);
	struct kwire_mock_fault fault = KWIRE_MOCK_FAULT_INIT;

	open_client(bench);
	assert_int_equal(kwire_client_refresh(bench->client, -1, NULL), 0);
	kwire_mock_forget(bench->mock);
	assert_int_equal(kwire_mock_break(bench->mock, &match, &fault, NULL, NULL), 0);
	start_callers(bench, callers, call_once);
	assert_int_equal(kwire_mock_wait(bench->mock, &match, CALLERS, 30000, &bench->error), 0);
	assert_int_equal(kwire_client_shutdown(bench->client, 30000), 0);
	for (int i = 0; i < CALLERS; i++) {
		pthread_join(callers[i].thread, NULL);
		assert_int_equal(callers[i].result, KWIRE_ECLOSED);
	}
	assert_int_equal(kwire_mock_wait_connections(bench->mock, -1, 0, 30000, &bench->error), 0);
}

static void clients_that_come_and_go_leave_nothing(void **state)
{
	struct bench *bench = *state;
	const char *opens = getenv("KWIRE_OPENS"); /* make soak-opens: 10,000 of them */
	int count = opens != NULL && atoi(opens) > 0 ? atoi(opens) : 200;
	int descriptors, threads;

	assert_int_equal(kwire_mock_wait_connections(bench->mock, -1, 0, 30000, NULL), 0);
	descriptors = count_entries("/proc/self/fd");
	threads = count_entries("/proc/self/task");
	for (int i = 0; i < count; i++) {
		struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
		struct kwire_call *call = NULL;

		open_client(bench);
		if (i % 4 != 0)
			assert_int_equal(kwire_client_refresh(bench->client, -1, &bench->error), 0);
		if (i % 2 != 0)
			assert_int_equal(kwire_start(bench->client, &kwire_metadata_api, &request,
						     NULL, &call, &bench->error),
					 0);
		kwire_call_free(call);
		kwire_client_close(bench->client);
		bench->client = NULL;
	}
	assert_int_equal(kwire_mock_wait_connections(bench->mock, -1, 0, 30000, NULL), 0);
	assert_int_equal(count_entries("/proc/self/fd"), descriptors);
	/* The kernel shows a thread a little longer than pthread_join waits for it. */
	while (count_entries("/proc/self/task") > threads)
		sched_yield();
}

static void *call_for_ever(void *context)
{
	struct caller *caller = context;
	struct kwire_error error;

	while (one_call(caller, 5000, &error) == 0)
		caller->calls++;
	caller->result = error.result;
	return NULL;
}

/* While threads call, so that locks are held and answers half read when the child appears. */
static void a_forked_child_closes_its_descriptors_and_the_parent_goes_on(void **state)
{
	struct bench *bench = *state;
	struct caller callers[CALLERS];
	int bad = 0, status;

	open_client(bench);
	assert_int_equal(kwire_client_refresh(bench->client, -1, NULL), 0);
	for (int32_t id = 1; id <= 3; id++)
		assert_int_equal(ping(bench, id, 10000, 0), 0);
	start_callers(bench, callers, call_for_ever);
	for (int i = 0; i < 20; i++) {
		pid_t child = fork();

		if (child == 0) {
			int before = count_entries("/proc/self/fd");
			bool good = ping(bench, -1, 1000, 0) == KWIRE_EFORKED;

			kwire_client_close(bench->client);
			/* Three connections, each a socket and what wakes its thread. */
			good = good && count_entries("/proc/self/fd") <= before - 6;
			_exit(good ? 0 : 1);
		}
		bad += child < 0 || waitpid(child, &status, 0) != child || status != 0;
		bad += ping(bench, 1 + i % 3, 10000, 0) != 0;
	}
	kwire_client_shutdown(bench->client, -1);
	for (int i = 0; i < CALLERS; i++)
		pthread_join(callers[i].thread, NULL);
	for (int i = 0; i < CALLERS; i++)
		assert_int_equal(callers[i].result, KWIRE_ECLOSED);
	assert_int_equal(bad, 0);
}

/* pthread_cancel takes effect after the call, not in it. */
static void a_cancelled_thread_finishes_its_call(void **state)
{
	struct bench *bench = *state;
	struct caller caller = {.bench = bench, .broker_id = 1, .result = -1000};
	struct kwire_mock_match match = kwire_mock_on(METADATA);
	struct kwire_mock_request *request;
	void *ended = NULL;

	open_client(bench);
	assert_int_equal(kwire_client_refresh(bench->client, -1, NULL), 0);
	match.broker_id = 1;
	match.count = 1;
	assert_int_equal(kwire_mock_keep(bench->mock, &match, NULL, NULL), 0);
	assert_int_equal(pthread_create(&caller.thread, NULL, call_once, &caller), 0);
	assert_int_equal(kwire_mock_take(bench->mock, NULL, 30000, &request, NULL), 0);
	assert_int_equal(pthread_cancel(caller.thread), 0);
	assert_int_equal(kwire_mock_reply_default(request, NULL), 0);
	kwire_mock_request_free(request);
	assert_int_equal(pthread_join(caller.thread, &ended), 0);
	assert_int_equal(caller.result, 0);
	assert_int_equal(ping(bench, 1, 10000, 0), 0);
}

/* What a resolver was asked for, in order: "alias canonical ". */
struct asked {
	pthread_mutex_t lock;
	char names[256];
};

static int resolve_alias(void *context, const char *host, int port, int64_t deadline_ms,
			 void (*add)(void *list, const struct sockaddr *address, size_t size),
			 void *list)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	struct asked *asked = context;

	(void)deadline_ms;
	pthread_mutex_lock(&asked->lock);
	if (strlen(asked->names) + strlen(host) + 2 < sizeof(asked->names)) {
		strcat(asked->names, host);
		strcat(asked->names, " ");
	}
	pthread_mutex_unlock(&asked->lock);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons((uint16_t)port);
	add(list, (const struct sockaddr *)(const void *)&address, sizeof(address));
	return 0;
}

/* What this machine calls its own address: names of a cluster's come from the DNS likewise. */
static void canonical_name(char name[128])
{
	struct sockaddr_in address = {.sin_family = AF_INET};

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (getnameinfo((const struct sockaddr *)(const void *)&address, sizeof(address), name, 128,
			NULL, 0, NI_NAMEREQD) != 0)
		strcpy(name, "127.0.0.1");
}

static void connect_to_alias(struct bench *bench, struct asked *asked)
{
	char servers[64];

	snprintf(servers, sizeof(servers), "alias.invalid:%d", kwire_mock_port(bench->mock, 1));
	set(bench, "bootstrap.servers", servers);
	assert_int_equal(kwire_config_set_resolver(bench->config, resolve_alias, asked), 0);
	open_client(bench);
	assert_int_equal(kwire_client_connect(bench->client, 60000, &bench->error), 0);
}

static void a_bootstrap_alias_is_replaced_by_the_canonical_name_behind_it(void **state)
{
	struct bench *bench = *state;
	struct asked asked = {PTHREAD_MUTEX_INITIALIZER, ""};
	char name[128], expected[256];

	canonical_name(name);
	snprintf(expected, sizeof(expected), "alias.invalid %s ", name);
	set(bench, "client.dns.lookup", "resolve_canonical_bootstrap_servers_only");
	connect_to_alias(bench, &asked);
	assert_string_equal(asked.names, expected);
	/* Brokers keep the names that metadata gives them. */
	assert_int_equal(kwire_client_refresh(bench->client, -1, &bench->error), 0);
	assert_true(kwire_client_knows_broker(bench->client, 3));
}

static void without_that_an_alias_is_dialled_as_it_is(void **state)
{
	struct bench *bench = *state;
	struct asked asked = {PTHREAD_MUTEX_INITIALIZER, ""};

	connect_to_alias(bench, &asked);
	assert_string_equal(asked.names, "alias.invalid alias.invalid ");
}

static int fetch_of(struct bench *bench, const struct kwire_uuid *id, int64_t offset,
		    struct kwire_uuid *fetched_id)
{
	struct kwire_fetch_target target = KWIRE_FETCH_TARGET_INIT;
	struct kwire_fetch_options options = KWIRE_FETCH_OPTIONS_INIT;
	struct kwire_fetched *fetched = NULL;
	int result;

	options.max_wait_ms = 0;
	target.topic = "orders";
	target.offset = offset;
	if (id != NULL)
		target.topic_id = *id;
	result = kwire_fetch_partitions(bench->client, &target, 1, &options, &fetched,
					&bench->error);
	if (result == 0)
		*fetched_id = kwire_fetched_partition(fetched, 0)->topic_id;
	kwire_fetched_free(fetched);
	return result;
}

/* The offsets of a topic mean nothing in another one of the same name. */
static void a_topic_made_again_is_noticed_by_who_knows_its_id(void **state)
{
	struct bench *bench = *state;
	struct kwire_uuid first, second;

	open_client(bench);
	assert_int_equal(kwire_mock_create_topic(bench->mock, "orders", 1, NULL), 0);
	assert_int_equal(fetch_of(bench, NULL, 0, &first), 0);
	assert_false(kwire_uuid_is_zero(first));
	assert_int_equal(fetch_of(bench, &first, 0, &second), 0);
	assert_int_equal(kwire_mock_delete_topic(bench->mock, "orders", NULL), 0);
	assert_int_equal(kwire_mock_create_topic(bench->mock, "orders", 1, NULL), 0);
	assert_int_equal(fetch_of(bench, &first, 0, &second), KWIRE_EKAFKA);
	assert_int_equal(bench->error.kafka_code, 100);
	/* Who names no id gets what goes by that name now, and the new id with it. */
	assert_int_equal(fetch_of(bench, NULL, 0, &second), 0);
	assert_int_not_equal(memcmp(&first, &second, sizeof(first)), 0);
	assert_int_equal(fetch_of(bench, &second, 0, &second), 0);
	/* What the program knows may be newer than what the client does. */
	assert_int_equal(kwire_mock_delete_topic(bench->mock, "orders", NULL), 0);
	assert_int_equal(kwire_mock_create_topic(bench->mock, "orders", 1, NULL), 0);
	assert_int_equal(fetch_of(bench, &second, 0, &first), KWIRE_EKAFKA);
}

/* An exec must not inherit a connection, nor a peer's end raise a signal. */
static void descriptors_close_on_exec_and_no_signal_is_raised(void **state)
{
	struct bench *bench = *state;
	struct sigaction before, fatal = {.sa_handler = SIG_DFL};
	bool open_before[1024];

	for (int fd = 0; fd < 1024; fd++)
		open_before[fd] = fcntl(fd, F_GETFD) >= 0;
	/* It would end this program. */
	assert_int_equal(sigaction(SIGPIPE, &fatal, &before), 0);
	open_client(bench);
	assert_int_equal(kwire_client_refresh(bench->client, -1, &bench->error), 0);
	for (int32_t id = 1; id <= 3; id++)
		assert_int_equal(ping(bench, id, 10000, 0), 0);
	for (int fd = 0; fd < 1024; fd++)
		if (!open_before[fd] && fcntl(fd, F_GETFD) >= 0)
			assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	for (int i = 0; i < 20; i++) {
		kwire_mock_disconnect(bench->mock, -1, NULL);
		for (int32_t id = 1; id <= 3; id++)
			(void)ping(bench, id, 10000, 0);
	}
	sigaction(SIGPIPE, &before, NULL);
}

static void a_wrong_port_and_a_dead_host_are_told_apart(void **state)
{
	struct bench *bench = *state;
	char servers[64];
	int port = kwire_mock_port(bench->mock, 1);
	int result;

	assert_int_equal(kwire_mock_stop_broker(bench->mock, 1, NULL), 0);
	snprintf(servers, sizeof(servers), "127.0.0.1:%d", port);
	set(bench, "bootstrap.servers", servers);
	open_client(bench);
	assert_int_equal(kwire_client_connect(bench->client, -1, &bench->error), KWIRE_ECONNECT);
	assert_int_equal(bench->error.phase, KWIRE_PHASE_CONNECT);
	assert_int_equal(bench->error.port, port);
	assert_string_equal(bench->error.host, "127.0.0.1");
	/* The deadline passes in a pause, or, on a slow machine, in a dial. */
	result = ping(bench, -1, 60, KWIRE_WAIT);
	assert_true(result == KWIRE_ETIMEDOUT || result == KWIRE_ECONNECT);
	assert_int_equal(bench->error.port, port);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(brokers_are_found_and_called_by_id),
		TEST(versions_are_known_for_each_broker),
		TEST(a_stopped_broker_fails_at_once_and_heals_within_a_pause),
		TEST(a_moved_broker_is_found_again),
		TEST(all_brokers_reset_and_the_next_call_succeeds_within_a_pause),
		TEST(a_silent_broker_costs_the_deadline_and_says_so),
		TEST(a_throttle_time_mutes_the_broker_that_sent_it),
		TEST(an_answer_with_a_throttle_time_is_taken_after_the_client_was_closed),
		TEST(a_throttle_time_outlives_its_connection),
		TEST(many_callers_share_one_connection_to_each_broker),
		TEST(callers_survive_brokers_that_come_and_go),
		TEST(shutdown_ends_every_call_that_waits),
		TEST(clients_that_come_and_go_leave_nothing),
		TEST(a_forked_child_closes_its_descriptors_and_the_parent_goes_on),
		TEST(a_cancelled_thread_finishes_its_call),
		TEST(a_bootstrap_alias_is_replaced_by_the_canonical_name_behind_it),
		TEST(without_that_an_alias_is_dialled_as_it_is),
		TEST(a_topic_made_again_is_noticed_by_who_knows_its_id),
		TEST(descriptors_close_on_exec_and_no_signal_is_raised),
		TEST(a_wrong_port_and_a_dead_host_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
