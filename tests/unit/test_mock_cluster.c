/* SPDX-License-Identifier: Apache-2.0 */
/* The mock cluster: opening, brokers, scripts, the log of requests, time. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <kwire/api/api_versions.h>
#include <kwire/api/create_topics.h>
#include <kwire/api/find_coordinator.h>
#include <kwire/api/heartbeat.h>
#include <kwire/api/metadata.h>
#include <kwire/mock.h>

#include "../support/wire.h"

static const int64_t patience_ms = 10000;

static struct kwire_mock *open_mock(int32_t brokers, unsigned flags)
{
	struct kwire_mock_options options = KWIRE_MOCK_OPTIONS_INIT;
	struct kwire_mock *mock = NULL;
	struct kwire_error error;

	options.brokers = brokers;
	options.flags = flags;
	assert_int_equal(kwire_mock_open(&options, &mock, &error), 0);
	return mock;
}

static void a_cluster_opens_with_three_brokers_and_their_bootstrap(void **state)
{
	struct kwire_mock *mock = NULL;
	char expected[200];

	(void)state;
	assert_int_equal(kwire_mock_open(NULL, &mock, NULL), 0);
	snprintf(expected, sizeof(expected), "127.0.0.1:%d,127.0.0.1:%d,127.0.0.1:%d",
		 kwire_mock_port(mock, 1), kwire_mock_port(mock, 2), kwire_mock_port(mock, 3));
	assert_string_equal(kwire_mock_bootstrap(mock), expected);
	assert_int_equal(kwire_mock_port(mock, 4), -1);
	kwire_mock_close(mock);
}

static void options_out_of_range_are_refused(void **state)
{
	struct kwire_mock_options options = KWIRE_MOCK_OPTIONS_INIT;
	struct kwire_mock *mock = NULL;
	struct kwire_error error;

	(void)state;
	options.brokers = 0;
	assert_int_equal(kwire_mock_open(&options, &mock, &error), KWIRE_EINVAL);
	options.brokers = 1;
	options.versions = "0.7";
	assert_int_equal(kwire_mock_open(&options, &mock, &error), KWIRE_EINVAL);
	assert_non_null(strstr(error.message, "0.7"));
	assert_null(mock);
}

static void a_port_that_is_taken_is_an_error_that_names_it(void **state)
{
	struct kwire_mock_options options = KWIRE_MOCK_OPTIONS_INIT;
	struct kwire_mock *first = open_mock(1, 0);
	struct kwire_mock *second = NULL;
	struct kwire_error error;
	char port[16];

	(void)state;
	options.brokers = 1;
	options.port = kwire_mock_port(first, 1);
	assert_int_equal(kwire_mock_open(&options, &second, &error), KWIRE_ECONNECT);
	snprintf(port, sizeof(port), "%d", options.port);
	assert_non_null(strstr(error.message, port));
	kwire_mock_close(first);
	assert_int_equal(kwire_mock_open(&options, &second, &error), 0);
	assert_int_equal(kwire_mock_port(second, 1), options.port);
	kwire_mock_close(second);
}

static void both_families_listen_at_one_port(void **state)
{
	struct kwire_api_versions_request request = KWIRE_API_VERSIONS_REQUEST_INIT;
	struct kwire_mock_options options = KWIRE_MOCK_OPTIONS_INIT;
	struct kwire_mock *mock;
	struct kwire_error error;

	(void)state;
	options.brokers = 1;
	options.flags = KWIRE_MOCK_IPV6;
	if (kwire_mock_open(&options, &mock, &error) == KWIRE_ECONNECT)
		skip(); /* this machine has no ::1 */
	assert_non_null(strstr(kwire_mock_bootstrap(mock), "[::1]:"));
	kwire_mock_close(mock);
	mock = open_mock(1, KWIRE_MOCK_IPV4 | KWIRE_MOCK_IPV6);
	for (int six = 0; six < 2; six++) {
		int fd = six ? wire_connect6(kwire_mock_port(mock, 1))
			     : wire_connect(kwire_mock_port(mock, 1));
		void *response = wire_call(fd, &kwire_api_versions_api, 0, &request);

		assert_non_null(response);
		kwire_response_free(response);
		close(fd);
	}
	kwire_mock_close(mock);
}

static void versions_are_those_of_the_table_in_every_version(void **state)
{
	struct kwire_api_versions_request request = KWIRE_API_VERSIONS_REQUEST_INIT;
	struct kwire_mock *mock = open_mock(1, 0);
	int fd = wire_connect(kwire_mock_port(mock, 1));

	(void)state;
	request.client_software_name = KWIRE_STRING("test");
	request.client_software_version = KWIRE_STRING("1.0");
	for (int16_t version = 0; version <= kwire_api_versions_api.max_version; version++) {
		struct kwire_api_versions_response *response = wire_call(
			fd, &kwire_api_versions_api, version, &request);

		assert_non_null(response);
		assert_int_equal(response->error_code, 0);
		assert_true(response->api_keys.count > 60);
		assert_int_equal(response->api_keys.items[1].api_key, 1);
		assert_int_equal(response->api_keys.items[1].min_version, 4);
		assert_int_equal(response->api_keys.items[1].max_version, 18);
		kwire_response_free(response);
	}
	request.client_software_name = KWIRE_STRING("not valid!");
	struct kwire_api_versions_response *refused = wire_call(fd, &kwire_api_versions_api, 3,
								&request);
	assert_int_equal(refused->error_code, 42);
	kwire_response_free(refused);
	close(fd);
	kwire_mock_close(mock);
}

/* The client is newer than the broker: error 35, always as version 0. */
static void a_version_too_new_gets_the_fallback(void **state)
{
	struct kwire_api_versions_request request = KWIRE_API_VERSIONS_REQUEST_INIT;
	struct kwire_api_versions_response *response;
	struct kwire_mock *mock = open_mock(1, 0);
	int fd;

	(void)state;
	request.client_software_name = KWIRE_STRING("test");
	request.client_software_version = KWIRE_STRING("1.0");
	assert_int_equal(kwire_mock_set_versions(mock, -1, "2.8", NULL), 0);
	fd = wire_connect(kwire_mock_port(mock, 1));
	assert_int_equal(wire_send(fd, &kwire_api_versions_api, 5, 7, &request), 0);
	response = wire_answer(fd, &kwire_api_versions_api, 0, 7);
	assert_non_null(response);
	assert_int_equal(response->error_code, 35);
	assert_int_equal(response->api_keys.count, 1);
	assert_int_equal(response->api_keys.items[0].max_version, 3);
	kwire_response_free(response);
	/* Before 2.4 not even that. */
	assert_int_equal(kwire_mock_set_versions(mock, 1, "1.1", NULL), 0);
	assert_int_equal(wire_send(fd, &kwire_api_versions_api, 3, 8, &request), 0);
	response = wire_answer(fd, &kwire_api_versions_api, 0, 8);
	assert_int_equal(response->error_code, 35);
	assert_int_equal(response->api_keys.count, 0);
	kwire_response_free(response);
	close(fd);
	kwire_mock_close(mock);
}

static void a_version_that_is_not_offered_closes_the_connection(void **state)
{
	struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
	struct kwire_mock *mock = open_mock(1, 0);
	int fd = wire_connect(kwire_mock_port(mock, 1));
	uint8_t *frame;

	(void)state;
	assert_int_equal(kwire_mock_set_api_versions(mock, -1, 3, 0, 4, NULL), 0);
	assert_int_equal(wire_send(fd, &kwire_metadata_api, 5, 1, &request), 0);
	assert_int_equal(wire_receive(fd, &frame), -1);
	close(fd);
	kwire_mock_close(mock);
}

static void metadata_names_brokers_controller_and_topics(void **state)
{
	struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
	struct kwire_mock *mock = open_mock(3, 0);
	int fd = wire_connect(kwire_mock_port(mock, 2));

	(void)state;
	assert_int_equal(kwire_mock_create_topic(mock, "orders", 4, NULL), 0);
	assert_int_equal(kwire_mock_set_leader(mock, "orders", 2, 1, NULL), 0);
	assert_int_equal(kwire_mock_set_controller(mock, 3, NULL), 0);
	for (int16_t version = 0; version <= 13; version++) {
		struct kwire_metadata_response *response;

		request.topics.count = version == 0 ? 0 : -1;
		response = wire_call(fd, &kwire_metadata_api, version, &request);
		assert_non_null(response);
		assert_int_equal(response->brokers.count, 3);
		for (int i = 0; i < 3; i++) {
			assert_int_equal(response->brokers.items[i].node_id, i + 1);
			assert_int_equal(response->brokers.items[i].port,
					 kwire_mock_port(mock, i + 1));
			assert_true(
				kwire_string_equal(response->brokers.items[i].host, "127.0.0.1"));
		}
		assert_int_equal(response->controller_id, version >= 1 ? 3 : -1);
		assert_int_equal(response->topics.count, 1);
		assert_true(kwire_string_equal(response->topics.items[0].name, "orders"));
		assert_int_equal(response->topics.items[0].partitions.count, 4);
		assert_int_equal(response->topics.items[0].partitions.items[2].leader_id, 1);
		assert_int_equal(response->topics.items[0].partitions.items[3].replica_nodes.count,
				 3);
		kwire_response_free(response);
	}
	close(fd);
	kwire_mock_close(mock);
}

static void a_topic_that_is_asked_for_is_created_unless_told_not_to(void **state)
{
	struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
	struct kwire_metadata_request_topic topic = KWIRE_METADATA_REQUEST_TOPIC_INIT;

	(void)state;
	topic.name = KWIRE_STRING("fresh");
	request.topics.items = &topic;
	request.topics.count = 1;
	for (int i = 0; i < 2; i++) {
		struct kwire_mock *mock = open_mock(1, i == 0 ? 0 : KWIRE_MOCK_NO_AUTO_CREATE);
		int fd = wire_connect(kwire_mock_port(mock, 1));
		struct kwire_metadata_response *response = wire_call(fd, &kwire_metadata_api, 12,
								     &request);

		assert_int_equal(response->topics.items[0].error_code, i == 0 ? 0 : 3);
		assert_int_equal(response->topics.items[0].partitions.count, i == 0 ? 1 : 0);
		kwire_response_free(response);
		close(fd);
		kwire_mock_close(mock);
	}
}

static void a_stopped_broker_refuses_and_its_partitions_move(void **state)
{
	struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
	struct kwire_mock *mock = open_mock(2, 0);
	struct kwire_metadata_response *response;
	int fd = wire_connect(kwire_mock_port(mock, 2));
	int other = wire_connect(kwire_mock_port(mock, 1));
	uint8_t *frame;

	(void)state;
	assert_int_equal(kwire_mock_create_topic(mock, "t", 1, NULL), 0);
	assert_int_equal(kwire_mock_set_leader(mock, "t", 0, 2, NULL), 0);
	assert_int_equal(kwire_mock_stop_broker(mock, 2, NULL), 0);
	assert_int_equal(wire_receive(fd, &frame), -2);
	assert_int_equal(wire_connect(kwire_mock_port(mock, 2)), -1);
	request.topics.count = -1;
	response = wire_call(other, &kwire_metadata_api, 9, &request);
	assert_int_equal(response->brokers.count, 1);
	assert_int_equal(response->topics.items[0].partitions.items[0].leader_id, 1);
	assert_int_equal(response->topics.items[0].partitions.items[0].offline_replicas.count, 1);
	kwire_response_free(response);
	close(fd);
	assert_int_equal(kwire_mock_start_broker(mock, 2, NULL), 0);
	fd = wire_connect(kwire_mock_port(mock, 2));
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(kwire_mock_stop_broker(mock, 9, NULL), KWIRE_EBROKER);
	close(other);
	kwire_mock_close(mock);
}

static void brokers_move_come_and_go(void **state)
{
	struct kwire_mock *mock = open_mock(2, 0);
	int before = kwire_mock_port(mock, 1);
	int32_t added = 0;
	int fd;

	(void)state;
	assert_int_equal(kwire_mock_move_broker(mock, 1, 0, NULL), 0);
	assert_int_not_equal(kwire_mock_port(mock, 1), before);
	assert_int_equal(kwire_mock_add_broker(mock, &added, NULL), 0);
	assert_int_equal(added, 3);
	fd = wire_connect(kwire_mock_port(mock, 3));
	assert_true(fd >= 0);
	assert_int_equal(kwire_mock_remove_broker(mock, 3, NULL), 0);
	assert_int_equal(kwire_mock_port(mock, 3), -1);
	close(fd);
	kwire_mock_close(mock);
}

/* ------------------------------------------------------------------ scripts */

struct seen {
	int calls;
	int16_t version;
	char key[32];
	char client_id[32];
	int32_t body_size;
	enum kwire_mock_verdict verdict;
};

static enum kwire_mock_verdict on_coordinator(void *context, struct kwire_mock_request *request)
{
	struct kwire_find_coordinator_response response = KWIRE_FIND_COORDINATOR_RESPONSE_INIT;
	const struct kwire_find_coordinator_request *asked = request->message;
	struct seen *seen = context;

	seen->calls++;
	seen->version = request->api_version;
	seen->body_size = request->body.size;
	snprintf(seen->key, sizeof(seen->key), "%.*s", (int)asked->key.size, asked->key.data);
	snprintf(seen->client_id, sizeof(seen->client_id), "%.*s", (int)request->client_id.size,
		 request->client_id.data);
	if (seen->verdict != KWIRE_MOCK_DONE)
		return seen->verdict;
	response.node_id = 42;
	response.host = KWIRE_STRING("example");
	response.port = 1;
	return kwire_mock_reply(request, &response, NULL) == 0 ? KWIRE_MOCK_DONE : KWIRE_MOCK_RESET;
}

static void a_handler_sees_the_request_and_answers_with_a_struct(void **state)
{
	struct kwire_find_coordinator_request request = KWIRE_FIND_COORDINATOR_REQUEST_INIT;
	struct kwire_mock_match match = kwire_mock_on(kwire_find_coordinator_api.key);
	struct kwire_find_coordinator_response *response;
	struct kwire_mock *mock = open_mock(1, 0);
	struct seen seen = {.verdict = KWIRE_MOCK_DONE};
	int fd = wire_connect(kwire_mock_port(mock, 1));

	(void)state;
	request.key = KWIRE_STRING("my-group");
	assert_int_equal(kwire_mock_script(mock, &match, on_coordinator, &seen, NULL, NULL), 0);
	response = wire_call(fd, &kwire_find_coordinator_api, 2, &request);
	assert_non_null(response);
	assert_int_equal(response->node_id, 42);
	kwire_response_free(response);
	kwire_mock_close(mock);
	assert_int_equal(seen.calls, 1);
	assert_int_equal(seen.version, 2);
	assert_string_equal(seen.key, "my-group");
	assert_string_equal(seen.client_id, "wire-test");
	assert_int_equal(seen.body_size, 2 + 8 + 1);
	close(fd);
}

static void handlers_close_and_reset(void **state)
{
	static const struct {
		enum kwire_mock_verdict verdict;
		long expected;
	} cases[] = {{KWIRE_MOCK_CLOSE, -1}, {KWIRE_MOCK_RESET, -2}};
	struct kwire_find_coordinator_request request = KWIRE_FIND_COORDINATOR_REQUEST_INIT;
	struct kwire_mock *mock = open_mock(1, 0);

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct seen seen = {.verdict = cases[i].verdict};
		int fd = wire_connect(kwire_mock_port(mock, 1));
		uint8_t *frame;
		int rule;

		assert_int_equal(kwire_mock_script(mock, NULL, on_coordinator, &seen, &rule, NULL),
				 0);
		assert_int_equal(wire_send(fd, &kwire_find_coordinator_api, 0, 1, &request), 0);
		assert_int_equal(wire_receive(fd, &frame), cases[i].expected);
		assert_int_equal(kwire_mock_mend(mock, rule, NULL), 0);
		close(fd);
	}
	kwire_mock_close(mock);
}

static void a_scripted_error_meets_its_broker_and_its_count_only(void **state)
{
	struct kwire_heartbeat_request request = KWIRE_HEARTBEAT_REQUEST_INIT;
	struct kwire_mock_match match = kwire_mock_on(kwire_heartbeat_api.key);
	struct kwire_mock *mock = open_mock(2, 0);
	static const int16_t expected[2][4] = {{0, 0, 0, 0}, {0, 27, 27, 0}};

	(void)state;
	match.broker_id = 2;
	match.skip = 1;
	match.count = 2;
	assert_int_equal(kwire_mock_script_error(mock, NULL, 0, NULL, NULL), 0);
	assert_int_equal(kwire_mock_script_error(mock, &match, 27, NULL, NULL), 0);
	for (int broker = 0; broker < 2; broker++) {
		int fd = wire_connect(kwire_mock_port(mock, broker + 1));

		for (int i = 0; i < 4; i++) {
			struct kwire_heartbeat_response *response = wire_call(
				fd, &kwire_heartbeat_api, 1, &request);

			assert_non_null(response);
			assert_int_equal(response->error_code, expected[broker][i]);
			kwire_response_free(response);
		}
		close(fd);
	}
	kwire_mock_close(mock);
}

static void a_metadata_error_stands_at_every_topic(void **state)
{
	struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
	struct kwire_metadata_request_topic topics[2] = {KWIRE_METADATA_REQUEST_TOPIC_INIT,
							 KWIRE_METADATA_REQUEST_TOPIC_INIT};
	struct kwire_mock *mock = open_mock(1, 0);
	struct kwire_metadata_response *response;
	int fd = wire_connect(kwire_mock_port(mock, 1));

	(void)state;
	topics[0].name = KWIRE_STRING("a");
	topics[1].name = KWIRE_STRING("b");
	request.topics.items = topics;
	request.topics.count = 2;
	assert_int_equal(kwire_mock_script_error(mock, NULL, 5, NULL, NULL), 0);
	response = wire_call(fd, &kwire_metadata_api, 8, &request);
	assert_int_equal(response->topics.items[0].error_code, 5);
	assert_int_equal(response->topics.items[1].error_code, 5);
	assert_int_equal(response->brokers.count, 1);
	kwire_response_free(response);
	close(fd);
	kwire_mock_close(mock);
}

static void kept_requests_are_answered_in_any_order(void **state)
{
	struct kwire_find_coordinator_request request = KWIRE_FIND_COORDINATOR_REQUEST_INIT;
	struct kwire_find_coordinator_response answer = KWIRE_FIND_COORDINATOR_RESPONSE_INIT;
	struct kwire_mock_match match = kwire_mock_on(kwire_find_coordinator_api.key);
	struct kwire_mock_request *kept[3];
	struct kwire_mock *mock = open_mock(1, 0);
	int fd = wire_connect(kwire_mock_port(mock, 1));
	static const int order[3] = {2, 0, 1};

	(void)state;
	assert_int_equal(kwire_mock_keep(mock, &match, NULL, NULL), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(wire_send(fd, &kwire_find_coordinator_api, 1, 100 + i, &request),
				 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(kwire_mock_take(mock, NULL, patience_ms, &kept[i], NULL), 0);
	for (int i = 0; i < 3; i++) {
		struct kwire_find_coordinator_response *response;

		answer.node_id = order[i];
		assert_int_equal(kept[order[i]]->correlation_id, 100 + order[i]);
		assert_int_equal(kwire_mock_reply(kept[order[i]], &answer, NULL), 0);
		response = wire_answer(fd, &kwire_find_coordinator_api, 1, 100 + order[i]);
		assert_non_null(response);
		assert_int_equal(response->node_id, order[i]);
		kwire_response_free(response);
	}
	kwire_mock_request_free(kept[0]);
	kwire_mock_request_free(kept[1]);
	close(fd);
	kwire_mock_close(mock);
	/* One outlives the cluster: answering it is without effect. */
	assert_int_equal(kwire_mock_reply(kept[2], &answer, NULL), 0);
	kwire_mock_request_free(kept[2]);
}

static void mending_lets_kept_requests_go(void **state)
{
	struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
	struct kwire_mock *mock = open_mock(1, 0);
	struct kwire_metadata_response *response;
	int fd = wire_connect(kwire_mock_port(mock, 1));
	int rule;

	(void)state;
	assert_int_equal(kwire_mock_keep(mock, NULL, &rule, NULL), 0);
	assert_int_equal(wire_send(fd, &kwire_metadata_api, 1, 5, &request), 0);
	assert_int_equal(kwire_mock_wait(mock, NULL, 1, patience_ms, NULL), 0);
	assert_int_equal(kwire_mock_mend(mock, rule, NULL), 0);
	response = wire_answer(fd, &kwire_metadata_api, 1, 5);
	assert_non_null(response);
	kwire_response_free(response);
	assert_int_equal(kwire_mock_mend(mock, 999, NULL), KWIRE_EINVAL);
	close(fd);
	kwire_mock_close(mock);
}

/* ---------------------------------------------------------------------- log */

static void the_log_is_counted_waited_for_and_read(void **state)
{
	struct kwire_find_coordinator_request request = KWIRE_FIND_COORDINATOR_REQUEST_INIT;
	struct kwire_mock_match match = kwire_mock_on(kwire_find_coordinator_api.key);
	const struct kwire_find_coordinator_request *logged;
	struct kwire_mock_request *seen;
	struct kwire_mock *mock = open_mock(2, KWIRE_MOCK_BARE);
	int fd = wire_connect(kwire_mock_port(mock, 2));
	struct kwire_error error;

	(void)state;
	match.broker_id = 2;
	assert_int_equal(kwire_mock_wait(mock, &match, 1, 10, &error), KWIRE_ETIMEDOUT);
	assert_non_null(strstr(error.message, "0 requests came"));
	for (int i = 0; i < 3; i++) {
		char key[] = {'k', (char)('0' + i), 0};

		request.key = kwire_string(key);
		assert_int_equal(wire_send(fd, &kwire_find_coordinator_api, 1, i, &request), 0);
	}
	assert_int_equal(kwire_mock_wait(mock, &match, 3, patience_ms, NULL), 0);
	assert_int_equal(kwire_mock_count(mock, &match), 3);
	match.skip = 1;
	assert_int_equal(kwire_mock_seen(mock, &match, patience_ms, &seen, NULL), 0);
	logged = seen->message;
	assert_true(kwire_string_equal(logged->key, "k1"));
	assert_int_equal(seen->broker_id, 2);
	assert_int_equal(seen->connection, 0);
	assert_int_equal(kwire_mock_reply_error(seen, 15, NULL), KWIRE_EINVAL);
	kwire_mock_forget(mock);
	assert_int_equal(kwire_mock_count(mock, NULL), 0);
	kwire_mock_request_free(seen);
	close(fd);
	kwire_mock_close(mock);
}

static void the_log_forgets_the_oldest_and_says_so(void **state)
{
	struct kwire_mock_options options = KWIRE_MOCK_OPTIONS_INIT;
	struct kwire_find_coordinator_request request = KWIRE_FIND_COORDINATOR_REQUEST_INIT;
	struct kwire_mock_match match = kwire_mock_on(kwire_find_coordinator_api.key);
	struct kwire_mock_request *seen;
	struct kwire_mock *mock;
	int fd;

	(void)state;
	options.log_requests = 4;
	options.flags = KWIRE_MOCK_BARE;
	assert_int_equal(kwire_mock_open(&options, &mock, NULL), 0);
	fd = wire_connect(kwire_mock_port(mock, 1));
	for (int i = 0; i < 10; i++)
		assert_int_equal(wire_send(fd, &kwire_find_coordinator_api, 1, i, &request), 0);
	assert_int_equal(kwire_mock_wait(mock, &match, 10, patience_ms, NULL), 0);
	match.skip = 5;
	assert_int_equal(kwire_mock_seen(mock, &match, patience_ms, &seen, NULL), KWIRE_ELIMIT);
	match.skip = 7;
	assert_int_equal(kwire_mock_seen(mock, &match, patience_ms, &seen, NULL), 0);
	assert_int_equal(seen->correlation_id, 7);
	kwire_mock_request_free(seen);
	close(fd);
	kwire_mock_close(mock);
}

static void connections_are_counted_and_waited_for(void **state)
{
	struct kwire_mock *mock = open_mock(1, 0);
	int64_t accepted;
	int first = wire_connect(kwire_mock_port(mock, 1));
	int second = wire_connect(kwire_mock_port(mock, 1));
	int open;

	(void)state;
	assert_int_equal(kwire_mock_wait_connections(mock, 1, 2, patience_ms, NULL), 0);
	close(first);
	assert_int_equal(kwire_mock_wait_connections(mock, -1, 1, patience_ms, NULL), 0);
	assert_int_equal(kwire_mock_connections(mock, 1, &open, &accepted, NULL), 0);
	assert_int_equal(open, 1);
	assert_int_equal(accepted, 2);
	close(second);
	kwire_mock_close(mock);
}

/* ------------------------------------------------------------------ threads */

static enum kwire_mock_verdict waits(void *context, struct kwire_mock_request *request)
{
	int *result = context;
	void **parts = context;
	struct kwire_mock *mock = parts[1];

	(void)request;
	*result = kwire_mock_wait(mock, NULL, 100, 1, NULL);
	return KWIRE_MOCK_PASS;
}

static void a_handler_may_not_wait_for_its_own_cluster(void **state)
{
	struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
	struct kwire_mock *mock = open_mock(1, 0);
	union {
		int result;
		void *parts[2];
	} context;
	int fd = wire_connect(kwire_mock_port(mock, 1));
	void *response;

	(void)state;
	memset(&context, 0, sizeof(context));
	context.parts[1] = mock;
	assert_int_equal(kwire_mock_script(mock, NULL, waits, &context, NULL, NULL), 0);
	response = wire_call(fd, &kwire_metadata_api, 1, &request);
	assert_non_null(response);
	kwire_response_free(response);
	close(fd);
	kwire_mock_close(mock);
	assert_int_equal(context.result, KWIRE_EINVAL);
}

struct caller {
	struct kwire_mock *mock;
	int number;
	int wrong;
};

static void *call_many(void *argument)
{
	struct kwire_find_coordinator_request request = KWIRE_FIND_COORDINATOR_REQUEST_INIT;
	struct kwire_metadata_request metadata = KWIRE_METADATA_REQUEST_INIT;
	struct caller *caller = argument;
	int fd = wire_connect(kwire_mock_port(caller->mock, 1 + caller->number % 2));

	(void)request;
	for (int i = 0; i < 200; i++) {
		struct kwire_metadata_response *response = wire_call(fd, &kwire_metadata_api, 4,
								     &metadata);

		if (response == NULL || response->brokers.count != 2)
			caller->wrong++;
		kwire_response_free(response);
		if (kwire_mock_count(caller->mock, NULL) < i)
			caller->wrong++;
	}
	close(fd);
	return NULL;
}

static void many_threads_use_one_cluster(void **state)
{
	struct kwire_mock *mock = open_mock(2, 0);
	struct caller callers[8];
	pthread_t threads[8];

	(void)state;
	for (int i = 0; i < 8; i++) {
		callers[i] = (struct caller){mock, i, 0};
		assert_int_equal(pthread_create(&threads[i], NULL, call_many, &callers[i]), 0);
	}
	for (int i = 0; i < 8; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(callers[i].wrong, 0);
	}
	assert_int_equal(kwire_mock_count(mock, NULL), 8 * 200);
	kwire_mock_close(mock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cluster_opens_with_three_brokers_and_their_bootstrap),
		cmocka_unit_test(options_out_of_range_are_refused),
		cmocka_unit_test(a_port_that_is_taken_is_an_error_that_names_it),
		cmocka_unit_test(both_families_listen_at_one_port),
		cmocka_unit_test(versions_are_those_of_the_table_in_every_version),
		cmocka_unit_test(a_version_too_new_gets_the_fallback),
		cmocka_unit_test(a_version_that_is_not_offered_closes_the_connection),
		cmocka_unit_test(metadata_names_brokers_controller_and_topics),
		cmocka_unit_test(a_topic_that_is_asked_for_is_created_unless_told_not_to),
		cmocka_unit_test(a_stopped_broker_refuses_and_its_partitions_move),
		cmocka_unit_test(brokers_move_come_and_go),
		cmocka_unit_test(a_handler_sees_the_request_and_answers_with_a_struct),
		cmocka_unit_test(handlers_close_and_reset),
		cmocka_unit_test(a_scripted_error_meets_its_broker_and_its_count_only),
		cmocka_unit_test(a_metadata_error_stands_at_every_topic),
		cmocka_unit_test(kept_requests_are_answered_in_any_order),
		cmocka_unit_test(mending_lets_kept_requests_go),
		cmocka_unit_test(the_log_is_counted_waited_for_and_read),
		cmocka_unit_test(the_log_forgets_the_oldest_and_says_so),
		cmocka_unit_test(connections_are_counted_and_waited_for),
		cmocka_unit_test(a_handler_may_not_wait_for_its_own_cluster),
		cmocka_unit_test(many_threads_use_one_cluster),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
