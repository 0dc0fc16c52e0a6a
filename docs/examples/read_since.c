/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints the records of a partition from a time on, up to its present end.
 *	read_since SERVERS TOPIC PARTITION MINUTES
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <kwire/kwire.h>

/* Prints from `offset` to `end`; one `fetched`, and so one set of buffers, serves all fetches. */
static int print_records(struct kwire_client *client, const char *topic, int32_t partition,
			 int64_t offset, int64_t end, struct kwire_error *error)
{
	struct kwire_fetched *fetched = NULL;
	struct kwire_record record;
	int result = 0;

	while (offset < end) {
		result = kwire_fetch_partition(client, topic, partition, offset, NULL, &fetched,
					       error);
		if (result != 0)
			break;
		while ((result = kwire_fetched_next(fetched, 0, &record, error)) == 1)
			printf("%" PRId64 " %.*s\n", record.offset, (int)record.value.size,
			       (const char *)record.value.data);
		if (result != 0)
			break;
		/* Past the last record: compaction and transactions leave gaps behind it. */
		offset = kwire_fetched_partition(fetched, 0)->next_offset;
	}
	kwire_fetched_free(fetched);
	return result;
}

int main(int argc, char **argv)
{
	struct kwire_config *config = NULL;
	struct kwire_client *client = NULL;
	struct kwire_listed_offset first, end;
	struct kwire_error error;
	int32_t partition;
	int64_t since_ms;
	int result;

	if (argc != 5) {
		fprintf(stderr, "usage: read_since SERVERS TOPIC PARTITION MINUTES\n");
		return 2;
	}
	partition = atoi(argv[3]);
	since_ms = ((int64_t)time(NULL) - (int64_t)atoi(argv[4]) * 60) * 1000;

	config = kwire_config_new();
	if ((result = kwire_config_set(config, "bootstrap.servers", argv[1], &error)) == 0 &&
	    (result = kwire_client_open(config, &client, &error)) == 0 &&
	    (result = kwire_list_offset(client, argv[2], partition, KWIRE_OFFSET_LATEST,
					KWIRE_READ_UNCOMMITTED, &end, NULL, &error)) == 0 &&
	    (result = kwire_list_offset(client, argv[2], partition, since_ms,
					KWIRE_READ_UNCOMMITTED, &first, NULL, &error)) == 0 &&
	    first.offset >= 0) /* -1: nothing is that young */
		result = print_records(client, argv[2], partition, first.offset, end.offset,
				       &error);
	if (result != 0)
		fprintf(stderr, "%s\n", error.message);

	kwire_client_close(client);
	kwire_config_free(config);
	return result ? EXIT_FAILURE : EXIT_SUCCESS;
}
