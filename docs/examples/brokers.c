/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The README's program: which brokers does the cluster have?
 * Takes the bootstrap list as its argument; localhost:9092 without one.
 */
#include <stdio.h>
#include <stdlib.h>

#include <kwire/api/metadata.h>
#include <kwire/kwire.h>

int main(int argc, char **argv)
{
	const char *servers = argc > 1 ? argv[1] : "localhost:9092";
	struct kwire_error error;
	struct kwire_client *client = NULL;
	struct kwire_config *config = kwire_config_new();
	struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
	struct kwire_metadata_response *response = NULL;
	int result;

	if ((result = kwire_config_set(config, "bootstrap.servers", servers, &error)) == 0 &&
	    (result = kwire_client_open(config, &client, &error)) == 0 &&
	    (result = kwire_send_metadata(client, &request, &response, &error)) == 0)
		for (int i = 0; i < response->brokers.count; i++)
			printf("%d %s:%d\n", (int)response->brokers.items[i].node_id,
			       response->brokers.items[i].host.data,
			       (int)response->brokers.items[i].port);
	else
		fprintf(stderr, "%s\n", error.message);

	kwire_response_free(response);
	kwire_client_close(client);
	kwire_config_free(config);
	return result ? EXIT_FAILURE : EXIT_SUCCESS;
}
