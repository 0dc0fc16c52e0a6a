/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far a consumer group is behind: a line for each partition that it has
 * committed offsets of.
 *	lag SERVERS GROUP
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <kwire/api/offset_fetch.h>
#include <kwire/kwire.h>

static int print_topic(struct kwire_client *client,
		       const struct kwire_offset_fetch_response_group_topic *topic,
		       struct kwire_error *error)
{
	struct kwire_listed_offset end;

	for (int i = 0; i < topic->partitions.count; i++) {
		int32_t partition = topic->partitions.items[i].partition_index;
		int64_t committed = topic->partitions.items[i].committed_offset;
		int result = kwire_list_offset(client, topic->name.data, partition,
					       KWIRE_OFFSET_LATEST, KWIRE_READ_COMMITTED, &end,
					       NULL, error);

		if (result != 0)
			return result;
		printf("%s-%d: committed %" PRId64 ", end %" PRId64 ", lag %" PRId64 "\n",
		       topic->name.data, (int)partition, committed, end.offset,
		       end.offset - committed);
	}
	return 0;
}

static int print_group(struct kwire_client *client,
		       const struct kwire_offset_fetch_response_group *group,
		       struct kwire_error *error)
{
	int result = 0;

	if (group->error_code != 0) {
		fprintf(stderr, "%s: %s\n", group->group_id.data,
			kwire_kafka_error(group->error_code).name);
		exit(EXIT_FAILURE);
	}
	for (int i = 0; result == 0 && i < group->topics.count; i++)
		result = print_topic(client, &group->topics.items[i], error);
	return result;
}

int main(int argc, char **argv)
{
	struct kwire_offset_fetch_request_group group = KWIRE_OFFSET_FETCH_REQUEST_GROUP_INIT;
	struct kwire_offset_fetch_request request = KWIRE_OFFSET_FETCH_REQUEST_INIT;
	struct kwire_offset_fetch_response *response = NULL;
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_config *config = NULL;
	struct kwire_client *client = NULL;
	struct kwire_error error;
	int result;

	if (argc != 3) {
		fprintf(stderr, "usage: lag SERVERS GROUP\n");
		return 2;
	}
	group.group_id = kwire_string(argv[2]);
	group.topics.count = -1; /* null: all that the group committed */
	request.groups.items = &group;
	request.groups.count = 1;
	options.min_version = 8; /* several groups in one request, Kafka 3.0 */
	options.max_version = 9; /* topics by name, not by id */

	config = kwire_config_new();
	if ((result = kwire_config_set(config, "bootstrap.servers", argv[1], &error)) == 0 &&
	    (result = kwire_client_open(config, &client, &error)) == 0 &&
	    (result = kwire_send_offset_fetch_with(client, &request, &response, &options,
						   &error)) == 0)
		result = print_group(client, &response->groups.items[0], &error);
	if (result != 0)
		fprintf(stderr, "%s\n", error.message);

	kwire_response_free(response);
	kwire_client_close(client);
	kwire_config_free(config);
	return result ? EXIT_FAILURE : EXIT_SUCCESS;
}
