/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests/gdb/check: a program that stops itself for the debugger with a
 * client, a connection, a call in flight and one that was given up.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <kwire/api/create_topics.h>
#include <kwire/api/metadata.h>
#include <kwire/kwire.h>
#include <kwire/mock.h>

static void must(int result, const struct kwire_error *error)
{
	if (result == KWIRE_OK)
		return;
	fprintf(stderr, "%s\n", error->message);
	exit(1);
}

/* Where gdb finds it, however a compiler keeps locals. */
extern struct kwire_client *client;
struct kwire_client *client;

int main(void)
{
	struct kwire_create_topics_request topics = KWIRE_CREATE_TOPICS_REQUEST_INIT;
	struct kwire_metadata_request metadata = KWIRE_METADATA_REQUEST_INIT;
	struct kwire_mock_options options = KWIRE_MOCK_OPTIONS_INIT;
	struct kwire_send_options send = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_call *call = NULL, *given_up = NULL;
	struct kwire_config *config = kwire_config_new();
	struct kwire_mock *mock = NULL;
	struct kwire_error error = KWIRE_ERROR_INIT;

	options.brokers = 1;
	must(kwire_mock_open(&options, &mock, &error), &error);
	must(kwire_config_set(config, "bootstrap.servers", kwire_mock_bootstrap(mock), &error),
	     &error);
	must(kwire_config_set(config, "client.id", "stopped", &error), &error);
	must(kwire_client_open(config, &client, &error), &error);
	must(kwire_client_refresh(client, -1, &error), &error);
	must(kwire_mock_do(mock, "break silence api=Metadata", NULL, 0, &error), &error);
	must(kwire_mock_do(mock, "break silence api=CreateTopics", NULL, 0, &error), &error);
	send.broker_id = 1;
	must(kwire_start(client, &kwire_metadata_api, &metadata, &send, &given_up, &error), &error);
	must(kwire_start(client, &kwire_create_topics_api, &topics, &send, &call, &error), &error);
	kwire_call_free(given_up);
	raise(SIGTRAP);
	kwire_call_free(call);
	kwire_client_close(client);
	kwire_config_free(config);
	kwire_mock_close(mock);
	return 0;
}
