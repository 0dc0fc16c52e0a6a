/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The least program: one connection, two APIs, plaintext.  tests/link/objects
 * looks at what the linker took for it; run with HOST PORT it works, too.
 */
#include <stdio.h>
#include <stdlib.h>

#include <kwire/api/api_versions.h>
#include <kwire/api/metadata.h>
#include <kwire/kwire.h>

int main(int argc, char **argv)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_config *config = kwire_config_new();
	struct kwire_connection *connection = NULL;
	struct kwire_api_versions_request versions_request = KWIRE_API_VERSIONS_REQUEST_INIT;
	struct kwire_api_versions_response *versions = NULL;
	struct kwire_metadata_request metadata_request = KWIRE_METADATA_REQUEST_INIT;
	struct kwire_metadata_response *metadata = NULL;
	int result;

	if (argc < 3)
		return 2;
	versions_request.client_software_name = KWIRE_STRING("kwire");
	versions_request.client_software_version = KWIRE_STRING(KWIRE_VERSION_STRING);
	if ((result = kwire_connection_open(config, argv[1], atoi(argv[2]), -1, &connection,
					    &error)) == 0 &&
	    (result = kwire_connection_send_api_versions(connection, &versions_request, &versions,
							 NULL, &error)) == 0 &&
	    (result = kwire_connection_send_metadata(connection, &metadata_request, &metadata, NULL,
						     &error)) == 0)
		printf("%d brokers, %d APIs\n", (int)metadata->brokers.count,
		       (int)versions->api_keys.count);
	else
		fprintf(stderr, "%s\n", error.message);
	kwire_response_free(versions);
	kwire_response_free(metadata);
	kwire_connection_close(connection);
	kwire_config_free(config);
	return result == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
