/* SPDX-License-Identifier: Apache-2.0 */
/* The least program with a client: open, one call, close.  See tests/link/objects. */
#include <stdio.h>
#include <stdlib.h>

#include <kwire/api/metadata.h>
#include <kwire/kwire.h>

int main(int argc, char **argv)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_config *config = kwire_config_new();
	struct kwire_client *client = NULL;
	struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
	struct kwire_metadata_response *response = NULL;
	int result;

	if ((result = kwire_config_set(config, "bootstrap.servers",
				       argc > 1 ? argv[1] : "127.0.0.1:9092", &error)) == 0 &&
	    (result = kwire_client_open(config, &client, &error)) == 0 &&
	    (result = kwire_send_metadata(client, &request, &response, &error)) == 0)
		printf("%d brokers\n", (int)response->brokers.count);
	else
		fprintf(stderr, "%s\n", error.message);
	kwire_response_free(response);
	kwire_client_close(client);
	kwire_config_free(config);
	return result == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
