/* SPDX-License-Identifier: Apache-2.0 */
/* A client against mock brokers that speak TLS, with good certificates and every bad one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>

#include <kwire/api/metadata.h>
#include <kwire/kwire.h>
#include <kwire/mock.h>

static struct kwire_mock *mock;

static int setup(void **state)
{
	struct kwire_error error;
	int result = kwire_mock_open(NULL, &mock, &error);

	(void)state;
	if (result == 0)
		result = kwire_mock_set_tls(mock, "good", &error);
	return result == KWIRE_ENOTBUILT ? 0 : result;
}

static int teardown(void **state)
{
	(void)state;
	kwire_mock_close(mock);
	return 0;
}

/* A client of the mock over TLS, or without. */
static struct kwire_client *client_of(const char *protocol)
{
	struct kwire_config *config = kwire_config_new();
	struct kwire_client *client = NULL;
	struct kwire_error error;

	kwire_config_set(config, "bootstrap.servers", kwire_mock_bootstrap(mock), &error);
	kwire_config_set(config, "security.protocol", protocol, &error);
	kwire_config_set(config, "ssl.ca.pem", kwire_mock_ca(mock), &error);
	if (kwire_client_open(config, &client, &error) != 0)
		fail_msg("%s", error.message);
	kwire_config_free(config);
	return client;
}

static int ask(struct kwire_client *client, struct kwire_error *error)
{
	struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
	struct kwire_metadata_response *response = NULL;
	int result = kwire_send_metadata(client, &request, &response, error);

	if (result == 0 && response->brokers.count != 3)
		result = 1;
	kwire_response_free(response);
	return result;
}

static void a_client_reaches_brokers_over_tls(void **state)
{
	struct kwire_client *client;
	struct kwire_error error;

	(void)state;
	if (kwire_mock_ca(mock) == NULL)
		skip();
	client = client_of("SSL");
	if (ask(client, &error) != 0)
		fail_msg("%s", error.message);
	kwire_client_close(client);
}

static void bad_certificates_are_refused_each_in_its_words(void **state)
{
	static const char *const kinds[][2] = {
		{"wrong-name", "elsewhere.test"},
		{"expired", "has expired"},
		{"future", "not yet valid"},
		{"self-signed", "self-signed"},
		{"wrong-ca", "not trusted (CN=another CA)"},
	};
	struct kwire_error error;

	(void)state;
	if (kwire_mock_ca(mock) == NULL)
		skip();
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct kwire_client *client;

		assert_int_equal(kwire_mock_set_tls(mock, kinds[i][0], &error), 0);
		client = client_of("SSL");
		assert_int_equal(ask(client, &error), KWIRE_ETLS);
		assert_int_equal(error.outcome, KWIRE_NOT_SENT);
		if (strstr(error.message, kinds[i][1]) == NULL)
			fail_msg("\"%s\" does not say \"%s\"", error.message, kinds[i][1]);
		kwire_client_close(client);
	}
	assert_int_equal(kwire_mock_set_tls(mock, "crooked", &error), KWIRE_EINVAL);
}

static void tls_and_plaintext_are_told_apart_on_both_sides(void **state)
{
	struct kwire_client *client;
	struct kwire_error error;

	(void)state;
	if (kwire_mock_ca(mock) == NULL)
		skip();
	client = client_of("PLAINTEXT");
	assert_true(ask(client, &error) < 0);
	assert_non_null(strstr(error.message, "TLS"));
	kwire_client_close(client);
	assert_int_equal(kwire_mock_set_tls(mock, "off", &error), 0);
	client = client_of("SSL");
	assert_int_equal(ask(client, &error), KWIRE_ETLS);
	assert_non_null(strstr(error.message, "plaintext listener"));
	kwire_client_close(client);
}

enum {
	THREADS = 16,
	CALLS = 100,
};

static void *call_often(void *context)
{
	struct kwire_error error;
	intptr_t failures = 0;

	for (int i = 0; i < CALLS; i++)
		failures += ask(context, &error) != 0;
	return (void *)failures;
}

static void many_threads_share_a_tls_connection(void **state)
{
	struct kwire_client *client;
	pthread_t threads[THREADS];
	intptr_t failures = 0;
	void *result;

	(void)state;
	if (kwire_mock_ca(mock) == NULL)
		skip();
	client = client_of("SSL");
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, call_often, client), 0);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &result);
		failures += (intptr_t)result;
	}
	assert_int_equal(failures, 0);
	kwire_client_close(client);
}

/* Settings for a reload: what is trusted, and a certificate without its key where it is bad. */
static struct kwire_config *security_of(const char *ca, bool bad)
{
	struct kwire_config *config = kwire_config_new();
	struct kwire_error error;

	kwire_config_set(config, "ssl.ca.pem", ca, &error);
	if (bad)
		kwire_config_set(config, "ssl.certificate.pem", ca, &error);
	return config;
}

/* Loads `config`, which it frees, into the client. */
static int reload(struct kwire_client *client, struct kwire_config *config)
{
	struct kwire_error error;
	int result = kwire_client_reload_security(client, config, &error);

	kwire_config_free(config);
	return result;
}

/* Resets every connection, and waits until none is left. */
static void cut(void)
{
	struct kwire_error error;

	assert_int_equal(kwire_mock_disconnect(mock, -1, &error), 0);
	assert_int_equal(kwire_mock_wait_connections(mock, -1, 0, 60000, &error), 0);
}

/* A call on a connection that is made anew; what the cut one still had to say is passed over. */
static int ask_anew(struct kwire_client *client, struct kwire_error *error)
{
	int result;

	cut();
	do
		result = ask(client, error);
	while (result == KWIRE_EDISCONNECTED);
	return result;
}

static void a_reload_counts_from_the_next_connection_on_and_a_bad_one_for_nothing(void **state)
{
	struct kwire_mock *other;
	struct kwire_client *client;
	struct kwire_error error;
	const char *foreign;

	(void)state;
	if (kwire_mock_ca(mock) == NULL)
		skip();
	assert_int_equal(kwire_mock_open(NULL, &other, &error), 0);
	assert_int_equal(kwire_mock_set_tls(other, "good", &error), 0);
	foreign = kwire_mock_ca(other);
	client = client_of("SSL");
	assert_int_equal(ask(client, &error), 0);
	/* Neither of these changes anything, for old connections or new ones. */
	assert_int_equal(reload(client, security_of("no certificate", false)), KWIRE_ECONFIG);
	assert_int_equal(reload(client, security_of(foreign, true)), KWIRE_ECONFIG);
	assert_int_equal(ask(client, &error), 0);
	assert_int_equal(ask_anew(client, &error), 0);
	/* This one does, for new ones. */
	assert_int_equal(reload(client, security_of(foreign, false)), 0);
	assert_int_equal(ask(client, &error), 0);
	assert_int_equal(ask_anew(client, &error), KWIRE_ETLS);
	assert_non_null(strstr(error.message, "not trusted"));
	/* And back: brokers that were refused are tried again. */
	assert_int_equal(reload(client, security_of(kwire_mock_ca(mock), false)), 0);
	assert_int_equal(ask(client, &error), 0);
	kwire_client_close(client);
	kwire_mock_close(other);
}

static atomic_bool reloaded_enough;

static void *call_while_reloading(void *context)
{
	struct kwire_error error;
	intptr_t wrong = 0;

	while (!atomic_load(&reloaded_enough)) {
		/* Connections are cut, also in the midst of a handshake; none is judged wrongly. */
		wrong += ask(context, &error) != 0 && !error.retriable;
	}
	return (void *)wrong;
}

static void reloads_and_handshakes_do_not_meet(void **state)
{
	struct kwire_client *client;
	struct kwire_error error;
	pthread_t threads[4];
	intptr_t wrong = 0;

	(void)state;
	if (kwire_mock_ca(mock) == NULL)
		skip();
	client = client_of("SSL");
	atomic_store(&reloaded_enough, false);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, call_while_reloading, client),
				 0);
	for (int i = 0; i < 40; i++) {
		kwire_mock_disconnect(mock, -1, &error);
		assert_int_equal(reload(client, security_of(kwire_mock_ca(mock), i % 2 == 1)),
				 i % 2 == 1 ? KWIRE_ECONFIG : 0);
	}
	atomic_store(&reloaded_enough, true);
	for (int i = 0; i < 4; i++) {
		void *result;

		pthread_join(threads[i], &result);
		wrong += (intptr_t)result;
	}
	assert_int_equal(wrong, 0);
	kwire_client_close(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_client_reaches_brokers_over_tls, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_certificates_are_refused_each_in_its_words,
						setup, teardown),
		cmocka_unit_test_setup_teardown(tls_and_plaintext_are_told_apart_on_both_sides,
						setup, teardown),
		cmocka_unit_test_setup_teardown(many_threads_share_a_tls_connection, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			a_reload_counts_from_the_next_connection_on_and_a_bad_one_for_nothing,
			setup, teardown),
		cmocka_unit_test_setup_teardown(reloads_and_handshakes_do_not_meet, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
