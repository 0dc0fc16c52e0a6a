/* SPDX-License-Identifier: Apache-2.0 */
/* Every API that the mock cluster offers, sent without naming a broker. */
#include <kwire/mock.h>

#include "../support/api_calls.h"

static void every_api_finds_a_broker_that_it_is_for(void **state)
{
	struct kwire_config *config = kwire_config_new();
	struct kwire_client *client = NULL;
	struct kwire_mock *mock = NULL;

	(void)state;
	assert_int_equal(kwire_mock_open(NULL, &mock, NULL), 0);
	assert_int_equal(kwire_mock_create_topic(mock, "orders", 3, NULL), 0);
	kwire_config_set(config, "bootstrap.servers", kwire_mock_bootstrap(mock), NULL);
	/* Over what it has no behaviour for, the mock closes a connection: dial again at once. */
	kwire_config_set(config, "reconnect.backoff.ms", "0", NULL);
	kwire_config_set(config, "reconnect.backoff.max.ms", "0", NULL);
	assert_int_equal(kwire_client_open(config, &client, NULL), 0);
	assert_true(call_every_api(client, "orders", true) >= 29);
	kwire_client_close(client);
	kwire_config_free(config);
	kwire_mock_close(mock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_api_finds_a_broker_that_it_is_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
