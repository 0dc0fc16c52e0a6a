/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `make demo`: what kwire does, in one program.  It starts a mock cluster of
 * three brokers (or takes the bootstrap list of a real one as its argument),
 * lists the brokers and the APIs that they offer, and lets a hundred threads
 * ask a hundred different questions at once.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <kwire/api/metadata.h>
#include <kwire/kwire.h>
#include <kwire/mock.h>

enum {
	THREADS = 100,
	MAX_BROKERS = 100
};

static int show_brokers(struct kwire_client *client, int *count, struct kwire_error *error)
{
	static struct kwire_broker_info brokers[MAX_BROKERS];
	int result = kwire_client_brokers(client, brokers, MAX_BROKERS, count, error);

	for (int i = 0; result == 0 && i < *count && i < MAX_BROKERS; i++)
		printf("broker %d at %s:%d\n", (int)brokers[i].node_id, brokers[i].host,
		       (int)brokers[i].port);
	return result;
}

/* The version table of one broker: any does, so the first that comes. */
static int show_apis(struct kwire_client *client, int *count, struct kwire_error *error)
{
	struct kwire_broker_info first;
	struct kwire_broker *broker = NULL;
	struct kwire_versions *versions = NULL;
	struct kwire_version_range range;
	int brokers;
	int result;

	if ((result = kwire_client_brokers(client, &first, 1, &brokers, error)) == 0 &&
	    (result = kwire_client_broker(client, first.node_id, &broker, error)) == 0 &&
	    (result = kwire_broker_versions(broker, -1, &versions, error)) == 0) {
		printf("\n%4s  %-32s %s\n", "key", "API", "versions");
		for (int i = 0; kwire_versions_at(versions, i, &range); i++) {
			const char *name = kwire_api_name(range.api_key);

			printf("%4d  %-32s %d-%d\n", range.api_key, name ? name : "?",
			       range.min_version, range.max_version);
		}
		*count = kwire_versions_count(versions);
	}
	kwire_versions_free(versions);
	kwire_broker_put(broker);
	return result;
}

/* One of the hundred: asks for a topic that nobody else asks for. */
struct question {
	pthread_t thread;
	struct kwire_client *client;
	char topic[32];
	int result;
	bool own_answer;
	struct kwire_error error;
};

static void *ask(void *argument)
{
	struct question *question = argument;
	struct kwire_metadata_request_topic topic = KWIRE_METADATA_REQUEST_TOPIC_INIT;
	struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
	struct kwire_metadata_response *response = NULL;

	topic.name = kwire_string(question->topic);
	request.topics.items = &topic;
	request.topics.count = 1;
	request.allow_auto_topic_creation = false;
	question->result = kwire_send_metadata(question->client, &request, &response,
					       &question->error);
	question->own_answer = question->result == 0 && response->topics.count == 1 &&
			       kwire_string_equal(response->topics.items[0].name, question->topic);
	kwire_response_free(response);
	return NULL;
}

static int ask_at_once(struct kwire_client *client, struct kwire_error *error)
{
	static struct question questions[THREADS];
	int started = 0;
	int right = 0;

	for (; started < THREADS; started++) {
		struct question *question = &questions[started];

		question->client = client;
		snprintf(question->topic, sizeof(question->topic), "question-%d", started);
		if (pthread_create(&question->thread, NULL, ask, question) != 0)
			break;
	}
	for (int i = 0; i < started; i++) {
		pthread_join(questions[i].thread, NULL);
		right += questions[i].own_answer;
		if (questions[i].result != 0)
			*error = questions[i].error;
	}
	printf("\n%d calls at once, %d with the answer to their own question\n", started, right);
	if (right == THREADS)
		return 0;
	if (error->result == 0)
		snprintf(error->message, sizeof(error->message),
			 "a call did not get the answer to its own question");
	return KWIRE_EPROTOCOL;
}

int main(int argc, char **argv)
{
	const char *servers = argc > 1 ? argv[1] : NULL;
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_config *config = kwire_config_new();
	struct kwire_client *client = NULL;
	struct kwire_mock *mock = NULL;
	int brokers = 0;
	int apis = 0;
	int result = 0;

	if (servers == NULL && (result = kwire_mock_open(NULL, &mock, &error)) == 0)
		servers = kwire_mock_bootstrap(mock);
	if (result == 0 &&
	    (result = kwire_config_set(config, "bootstrap.servers", servers, &error)) == 0 &&
	    (result = kwire_client_open(config, &client, &error)) == 0 &&
	    (result = show_brokers(client, &brokers, &error)) == 0 &&
	    (result = show_apis(client, &apis, &error)) == 0 &&
	    (result = ask_at_once(client, &error)) == 0)
		printf("%d brokers, %d APIs\n", brokers, apis);
	else
		fprintf(stderr, "%s\n", error.message);

	kwire_client_close(client);
	kwire_config_free(config);
	kwire_mock_close(mock);
	return result == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
