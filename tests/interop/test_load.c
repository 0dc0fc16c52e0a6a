/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many calls at once on a real broker: every answer goes to its own question,
 * from 64 threads on one connection, from one thread with 10,000 in flight,
 * between calls that time out and calls that are canceled.  The question is
 * the metadata of a topic that does not exist, of a name asked only once: the
 * answer repeats the name.
 */
#include "cluster.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kwire/api/metadata.h>

#define THREADS   64
#define CALLS     1000
#define IN_FLIGHT 10000

struct question {
	struct kwire_metadata_request request;
	struct kwire_metadata_request_topic topic;
	char name[48];
};

static void ask_about(struct question *question, int asker, int number)
{
	const struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
	const struct kwire_metadata_request_topic topic = KWIRE_METADATA_REQUEST_TOPIC_INIT;

	snprintf(question->name, sizeof(question->name), "no-such-topic-%d-%d", asker, number);
	question->request = request;
	question->topic = topic;
	question->topic.name = kwire_string(question->name);
	question->request.topics.items = &question->topic;
	question->request.topics.count = 1;
	question->request.allow_auto_topic_creation = false;
}

/* Whether the response answers that question and no other. */
static bool answers(const struct kwire_metadata_response *response, const char *name)
{
	return response->topics.count == 1 && response->brokers.count == CLUSTER_NODES &&
	       kwire_string_equal(response->topics.items[0].name, name) &&
	       response->topics.items[0].error_code == UNKNOWN_TOPIC_OR_PARTITION;
}

struct asker {
	struct kwire_connection *connection;
	struct kwire_client *client;
	pthread_t thread;
	int number;
	int good;
	int wrong;
	int failed;
	struct kwire_error error; /* of the first that failed */
};

static void *ask_many(void *argument)
{
	struct asker *asker = argument;
	struct question question;

	for (int i = 0; i < CALLS; i++) {
		struct kwire_error error = KWIRE_ERROR_INIT;
		struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
		struct kwire_metadata_response *response = NULL;
		int result;

		ask_about(&question, asker->number, i);
		options.timeout_ms = 60000;
		if (asker->connection != NULL) {
			result = kwire_connection_send_metadata(
				asker->connection, &question.request, &response, &options, &error);
		} else {
			options.broker_id = i % CLUSTER_NODES + 1;
			result = kwire_send_metadata_with(asker->client, &question.request,
							  &response, &options, &error);
		}
		if (result != 0) {
			if (asker->failed++ == 0)
				asker->error = error;
		} else if (answers(response, question.name)) {
			asker->good++;
		} else {
			asker->wrong++;
		}
		kwire_response_free(response);
	}
	return NULL;
}

static void ask_from_many_threads(struct kwire_connection *connection, struct kwire_client *client)
{
	static struct asker askers[THREADS];

	memset(askers, 0, sizeof(askers));
	for (int i = 0; i < THREADS; i++) {
		askers[i].connection = connection;
		askers[i].client = client;
		askers[i].number = i;
		assert_int_equal(pthread_create(&askers[i].thread, NULL, ask_many, &askers[i]), 0);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(askers[i].thread, NULL);
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(askers[i].wrong, 0);
		if (askers[i].failed > 0)
			print_error("%s\n", askers[i].error.message);
		assert_int_equal(askers[i].failed, 0);
		assert_int_equal(askers[i].good, CALLS);
	}
}

static void answers_reach_their_own_of_64_threads_on_one_connection(void **state)
{
	struct kwire_connection *connection = cluster_connection(0);

	(void)state;
	ask_from_many_threads(connection, NULL);
	assert_int_equal(kwire_connection_in_flight(connection), 0);
	kwire_connection_close(connection);
}

static void answers_reach_their_own_of_64_threads_on_three_brokers(void **state)
{
	struct kwire_client *client = cluster_client();

	(void)state;
	ask_from_many_threads(NULL, client);
	kwire_client_close(client);
}

static struct kwire_connection *open_for_many(void)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_config *config = cluster_config();
	struct kwire_connection *connection = NULL;
	char host[64];
	int port;

	cluster_node(NULL, 0, host, &port);
	must(kwire_config_set(config, "max.in.flight", "20000", &error), &error);
	must(kwire_config_set(config, "request.timeout.ms", "120000", &error), &error);
	must(kwire_connection_open(config, host, port, -1, &connection, &error), &error);
	kwire_config_free(config);
	return connection;
}

static void ten_thousand_calls_in_flight_from_one_thread(void **state)
{
	struct kwire_connection *connection = open_for_many();
	struct kwire_call **calls = calloc(IN_FLIGHT, sizeof(*calls));
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct question question;

	(void)state;
	assert_non_null(calls);
	options.flags = KWIRE_MORE;
	for (int i = 0; i < IN_FLIGHT; i++) {
		ask_about(&question, 1, i); /* reused at once: a request is encoded when started */
		if (i == IN_FLIGHT - 1)
			options.flags = 0;
		must(kwire_connection_start(connection, &kwire_metadata_api, &question.request,
					    &options, &calls[i], &error),
		     &error);
	}
	for (int i = IN_FLIGHT - 1; i >= 0; i--) { /* waited for in the other order */
		struct kwire_metadata_response *response = NULL;

		must(kwire_call_wait_metadata(calls[i], -1, &response, &error), &error);
		ask_about(&question, 1, i);
		assert_true(answers(response, question.name));
		kwire_response_free(response);
		kwire_call_free(calls[i]);
	}
	assert_int_equal(kwire_connection_in_flight(connection), 0);
	free(calls);
	kwire_connection_close(connection);
}

static void a_call_that_is_canceled_or_times_out_harms_no_other(void **state)
{
	struct kwire_connection *connection = open_for_many();
	enum {
		MIXED = 3000
	};
	struct kwire_call **calls = calloc(MIXED, sizeof(*calls));
	struct question question;
	int timed_out = 0;
	int canceled = 0;
	int good = 0;

	(void)state;
	assert_non_null(calls);
	for (int i = 0; i < MIXED; i++) {
		struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
		struct kwire_error error = KWIRE_ERROR_INIT;

		ask_about(&question, 2, i);
		if (i % 3 == 1)
			options.timeout_ms = 1;
		must(kwire_connection_start(connection, &kwire_metadata_api, &question.request,
					    &options, &calls[i], &error),
		     &error);
		if (i % 3 == 2)
			kwire_call_cancel(calls[i]);
	}
	for (int i = 0; i < MIXED; i++) {
		struct kwire_error error = KWIRE_ERROR_INIT;
		struct kwire_metadata_response *response = NULL;
		int result = kwire_call_wait_metadata(calls[i], -1, &response, &error);

		ask_about(&question, 2, i);
		if (result == 0) {
			assert_true(answers(response, question.name));
			good++;
		} else if (result == KWIRE_ETIMEDOUT) {
			assert_int_equal(i % 3, 1);
			timed_out++;
		} else {
			assert_int_equal(result, KWIRE_ECANCELED);
			assert_int_equal(i % 3, 2);
			canceled++;
		}
		kwire_response_free(response);
		kwire_call_free(calls[i]);
	}
	assert_true(good >= MIXED / 3);
	assert_int_equal(good + timed_out + canceled, MIXED);
	assert_false(kwire_connection_is_closed(connection, NULL));
	free(calls);
	kwire_connection_close(connection);
}

static void whichever_call_is_done_first_is_found(void **state)
{
	struct kwire_connection *connection = open_for_many();
	struct kwire_call *calls[50];
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct question question;
	bool seen[50] = {false};

	(void)state;
	for (int i = 0; i < 50; i++) {
		ask_about(&question, 3, i);
		must(kwire_connection_start(connection, &kwire_metadata_api, &question.request,
					    NULL, &calls[i], &error),
		     &error);
	}
	for (int left = 50; left > 0; left--) {
		struct kwire_metadata_response *response = NULL;
		int index = -1;

		must(kwire_call_wait_any(calls, 50, -1, &index, &error), &error);
		assert_in_range(index, 0, 49);
		assert_false(seen[index]);
		seen[index] = true;
		must(kwire_call_wait_metadata(calls[index], 0, &response, &error), &error);
		ask_about(&question, 3, index);
		assert_true(answers(response, question.name));
		kwire_response_free(response);
		kwire_call_free(calls[index]);
		calls[index] = NULL;
	}
	kwire_connection_close(connection);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_reach_their_own_of_64_threads_on_one_connection),
		cmocka_unit_test(answers_reach_their_own_of_64_threads_on_three_brokers),
		cmocka_unit_test(ten_thousand_calls_in_flight_from_one_thread),
		cmocka_unit_test(a_call_that_is_canceled_or_times_out_harms_no_other),
		cmocka_unit_test(whichever_call_is_done_first_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
