/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docs/mock.md's program: a small service, and its test against a mock cluster.
 * The service creates the topic that it needs, and must bear what clusters do.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kwire/api/create_topics.h>
#include <kwire/api/metadata.h>
#include <kwire/kwire.h>
#include <kwire/mock.h>

/* ------------------------------------------------------------- the service */

enum outcome {
	CREATED,
	THERE_ALREADY,
	TRY_LATER, /* the cluster cannot now */
	BROKEN,    /* somebody must look at it */
};

static enum outcome ensure_topic(struct kwire_client *client, const char *name,
				 struct kwire_error *error)
{
	struct kwire_create_topics_request_topic topic = KWIRE_CREATE_TOPICS_REQUEST_TOPIC_INIT;
	struct kwire_create_topics_request request = KWIRE_CREATE_TOPICS_REQUEST_INIT;
	struct kwire_create_topics_response *response;
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	int16_t code;

	topic.name = kwire_string(name);
	topic.num_partitions = 12;
	topic.replication_factor = 3;
	request.topics.items = &topic;
	request.topics.count = 1;
	options.timeout_ms = 1000;
	if (kwire_send_create_topics_with(client, &request, &response, &options, error) != 0)
		return error->retriable ? TRY_LATER : BROKEN;
	code = response->topics.items[0].error_code;
	kwire_response_free(response);
	if (code == 0)
		return CREATED;
	if (code == 36) /* TOPIC_ALREADY_EXISTS */
		return THERE_ALREADY;
	return kwire_kafka_error(code).retriable ? TRY_LATER : BROKEN;
}

/* --------------------------------------------------------------- its tests */

static struct kwire_mock *mock;
static struct kwire_client *client;
static struct kwire_error error;
static int failures;

static void check(int good, const char *what)
{
	printf("%s: %s\n", good ? "ok" : "FAILED", what);
	failures += !good;
}

/* A command to the cluster, which must be understood. */
static void cluster(const char *command)
{
	if (kwire_mock_do(mock, command, NULL, 0, &error) != 0) {
		fprintf(stderr, "%s: %s\n", command, error.message);
		exit(EXIT_FAILURE);
	}
}

static void creates_its_topic_once(void)
{
	check(ensure_topic(client, "orders", &error) == CREATED, "the topic is created");
	check(ensure_topic(client, "orders", &error) == THERE_ALREADY, "and once only");
}

static void asks_for_twelve_partitions(void)
{
	struct kwire_mock_match match = kwire_mock_on(kwire_create_topics_api.key);
	struct kwire_mock_request *seen = NULL;
	const struct kwire_create_topics_request *request;

	if (kwire_mock_seen(mock, &match, 1000, &seen, &error) != 0) {
		check(0, error.message);
		return;
	}
	request = seen->message;
	check(request->topics.items[0].num_partitions == 12, "it asks for twelve partitions");
	kwire_mock_request_free(seen);
}

static void bears_an_election(void)
{
	cluster("error 41 api=CreateTopics count=1"); /* NOT_CONTROLLER */
	check(ensure_topic(client, "later", &error) == CREATED, "an election goes unnoticed");
}

static void is_told_no(void)
{
	cluster("error 29 api=CreateTopics once"); /* TOPIC_AUTHORIZATION_FAILED */
	check(ensure_topic(client, "secret", &error) == BROKEN, "a refusal is final");
}

static void bears_silence_and_a_lost_connection(void)
{
	cluster("break silence api=CreateTopics once");
	check(ensure_topic(client, "quiet", &error) == TRY_LATER, "silence ends with the deadline");
	check(error.outcome == KWIRE_MAYBE_APPLIED, "and it may have been done all the same");
	check(ensure_topic(client, "quiet", &error) == THERE_ALREADY, "which it was");
	cluster("break reset-after bytes=3 api=CreateTopics once");
	check(ensure_topic(client, "cut", &error) == TRY_LATER,
	      "a connection cut off in the answer");
	check(ensure_topic(client, "cut", &error) == THERE_ALREADY, "heals by itself");
}

/* What no command can say, a handler can. */
static enum kwire_mock_verdict half_done(void *context, struct kwire_mock_request *request)
{
	struct kwire_create_topics_response response = KWIRE_CREATE_TOPICS_RESPONSE_INIT;
	struct kwire_create_topics_response_topic topic = KWIRE_CREATE_TOPICS_RESPONSE_TOPIC_INIT;
	const struct kwire_create_topics_request *asked = request->message;
	int *calls = context;

	(*calls)++;
	topic.name = asked->topics.items[0].name;
	topic.error_code = 7; /* REQUEST_TIMED_OUT */
	response.topics.items = &topic;
	response.topics.count = 1;
	return kwire_mock_reply(request, &response, NULL) == 0 ? KWIRE_MOCK_DONE : KWIRE_MOCK_CLOSE;
}

static void bears_a_controller_that_takes_too_long(void)
{
	struct kwire_mock_match match = kwire_mock_on(kwire_create_topics_api.key);
	int calls = 0;
	int rule;

	if (kwire_mock_script(mock, &match, half_done, &calls, &rule, &error) != 0) {
		check(0, error.message);
		return;
	}
	check(ensure_topic(client, "slow", &error) == TRY_LATER, "too slow a controller");
	kwire_mock_mend(mock, rule, NULL);
	check(calls == 1, "was asked once");
}

int main(void)
{
	struct kwire_config *config = kwire_config_new();

	if (kwire_mock_open(NULL, &mock, &error) != 0 ||
	    kwire_config_set(config, "bootstrap.servers", kwire_mock_bootstrap(mock), &error) !=
		    0 ||
	    kwire_client_open(config, &client, &error) != 0) {
		fprintf(stderr, "%s\n", error.message);
		return EXIT_FAILURE;
	}
	creates_its_topic_once();
	asks_for_twelve_partitions();
	bears_an_election();
	is_told_no();
	bears_silence_and_a_lost_connection();
	bears_a_controller_that_takes_too_long();
	kwire_client_close(client);
	kwire_config_free(config);
	kwire_mock_close(mock);
	return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
