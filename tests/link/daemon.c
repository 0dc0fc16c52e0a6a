/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a small daemon uses: Metadata, ListOffsets, Produce and Fetch through a
 * client.  `make size` says what it pays for them; tests/link/static runs it:
 *   daemon [BOOTSTRAP [PROPERTY VALUE]...]
 */
#include <stdio.h>
#include <stdlib.h>

#include <kwire/api/fetch.h>
#include <kwire/api/list_offsets.h>
#include <kwire/api/metadata.h>
#include <kwire/api/produce.h>
#include <kwire/kwire.h>

int main(int argc, char **argv)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_config *config = kwire_config_new();
	struct kwire_client *client = NULL;
	struct kwire_metadata_request metadata = KWIRE_METADATA_REQUEST_INIT;
	struct kwire_list_offsets_request offsets = KWIRE_LIST_OFFSETS_REQUEST_INIT;
	struct kwire_produce_request produce = KWIRE_PRODUCE_REQUEST_INIT;
	struct kwire_fetch_request fetch = KWIRE_FETCH_REQUEST_INIT;
	struct kwire_metadata_response *brokers = NULL;
	struct kwire_list_offsets_response *ends = NULL;
	struct kwire_produce_response *produced = NULL;
	struct kwire_fetch_response *fetched = NULL;
	int result;

	produce.acks = -1;
	for (int i = 2; i + 1 < argc; i += 2)
		if (kwire_config_set(config, argv[i], argv[i + 1], &error) != 0) {
			fprintf(stderr, "%s\n", error.message);
			kwire_config_free(config);
			return EXIT_FAILURE;
		}
	if ((result = kwire_config_set(config, "bootstrap.servers",
				       argc > 1 ? argv[1] : "127.0.0.1:9092", &error)) == 0 &&
	    (result = kwire_client_open(config, &client, &error)) == 0 &&
	    (result = kwire_send_metadata(client, &metadata, &brokers, &error)) == 0 &&
	    (result = kwire_send_list_offsets(client, &offsets, &ends, &error)) == 0 &&
	    (result = kwire_send_produce(client, &produce, &produced, &error)) == 0 &&
	    (result = kwire_send_fetch(client, &fetch, &fetched, &error)) == 0)
		printf("%d brokers\n", (int)brokers->brokers.count);
	else
		fprintf(stderr, "%s\n", error.message);
	kwire_response_free(brokers);
	kwire_response_free(ends);
	kwire_response_free(produced);
	kwire_response_free(fetched);
	kwire_client_close(client);
	kwire_config_free(config);
	return result == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
