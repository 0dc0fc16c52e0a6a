/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logs in with SCRAM over TLS, and says which cluster it reached.  The password
 * comes from a file, asked for at each login, so that it can be changed while
 * the program runs and is not kept in its memory.
 *	tls_scram SERVERS CA-FILE USER PASSWORD-FILE
 */
#include <stdio.h>
#include <stdlib.h>

#include <kwire/api/describe_cluster.h>
#include <kwire/kwire.h>

static int configure(struct kwire_config *config, char **argv, struct kwire_error *error)
{
	const char *const properties[][2] = {
		{"bootstrap.servers", argv[1]}, {"security.protocol", "SASL_SSL"},
		{"ssl.ca.location", argv[2]},   {"sasl.mechanism", "SCRAM-SHA-512"},
		{"sasl.username", argv[3]},     {"sasl.password.file", argv[4]},
	};
	int result = 0;

	for (size_t i = 0; result == 0 && i < sizeof(properties) / sizeof(properties[0]); i++)
		result = kwire_config_set(config, properties[i][0], properties[i][1], error);
	return result;
}

/* What to tell a person about a failed login. */
static void explain(const struct kwire_error *error)
{
	fprintf(stderr, "%s\n", error->message);
	if (error->result == KWIRE_EAUTH)
		fprintf(stderr, "The broker refused the user or the password.\n");
	else if (error->result == KWIRE_ETLS)
		fprintf(stderr, "Is the CA file the one that signed the brokers' certificates?\n");
}

int main(int argc, char **argv)
{
	struct kwire_describe_cluster_request request = KWIRE_DESCRIBE_CLUSTER_REQUEST_INIT;
	struct kwire_describe_cluster_response *response = NULL;
	struct kwire_config *config = NULL;
	struct kwire_client *client = NULL;
	struct kwire_error error;
	int result;

	if (argc != 5) {
		fprintf(stderr, "usage: tls_scram SERVERS CA-FILE USER PASSWORD-FILE\n");
		return 2;
	}
	config = kwire_config_new();
	if ((result = configure(config, argv, &error)) == 0 &&
	    (result = kwire_client_open(config, &client, &error)) == 0 &&
	    (result = kwire_send_describe_cluster(client, &request, &response, &error)) == 0)
		printf("cluster %s, %d brokers\n", response->cluster_id.data,
		       (int)response->brokers.count);
	else
		explain(&error);

	kwire_response_free(response);
	kwire_client_close(client);
	kwire_config_free(config);
	return result ? EXIT_FAILURE : EXIT_SUCCESS;
}
