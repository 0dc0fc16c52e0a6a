/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Creates a topic, and is content if it is there already.
 *	create_topic SERVERS TOPIC [PARTITIONS [REPLICAS]]
 */
#include <stdio.h>
#include <stdlib.h>

#include <kwire/api/create_topics.h>
#include <kwire/kwire.h>

enum {
	TOPIC_ALREADY_EXISTS = 36
};

/* The answer is one code a topic: an error in it is data, not a failure of the call. */
static int report(const struct kwire_create_topics_response_topic *topic)
{
	struct kwire_kafka_error kafka = kwire_kafka_error(topic->error_code);

	if (topic->error_code == 0) {
		printf("%s: created\n", topic->name.data);
	} else if (topic->error_code == TOPIC_ALREADY_EXISTS) {
		printf("%s: is there already\n", topic->name.data);
	} else {
		fprintf(stderr, "%s: %s: %s\n", topic->name.data, kafka.name,
			topic->error_message.data != NULL
				? topic->error_message.data
				: kwire_kafka_error_text(topic->error_code));
		return -1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct kwire_create_topics_request_topic topic = KWIRE_CREATE_TOPICS_REQUEST_TOPIC_INIT;
	struct kwire_create_topics_request request = KWIRE_CREATE_TOPICS_REQUEST_INIT;
	struct kwire_create_topics_response *response = NULL;
	struct kwire_config *config = NULL;
	struct kwire_client *client = NULL;
	struct kwire_error error;
	int result;

	if (argc < 3) {
		fprintf(stderr, "usage: create_topic SERVERS TOPIC [PARTITIONS [REPLICAS]]\n");
		return 2;
	}
	topic.name = kwire_string(argv[2]);
	topic.num_partitions = argc > 3 ? atoi(argv[3]) : -1; /* -1: the cluster's default */
	topic.replication_factor = argc > 4 ? (int16_t)atoi(argv[4]) : -1;
	request.topics.items = &topic;
	request.topics.count = 1;

	config = kwire_config_new();
	if ((result = kwire_config_set(config, "bootstrap.servers", argv[1], &error)) == 0 &&
	    (result = kwire_client_open(config, &client, &error)) == 0 &&
	    (result = kwire_send_create_topics(client, &request, &response, &error)) == 0)
		result = report(&response->topics.items[0]);
	else
		fprintf(stderr, "%s\n", error.message);

	kwire_response_free(response);
	kwire_client_close(client);
	kwire_config_free(config);
	return result ? EXIT_FAILURE : EXIT_SUCCESS;
}
