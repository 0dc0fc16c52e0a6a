/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS and SASL against real brokers: every listener of `cluster start
 * --security` reached by properties alone, what brokers refuse and why, a
 * delegation token, sessions that are renewed under load.
 */
#include "cluster.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kwire/api/create_delegation_token.h>
#include <kwire/api/metadata.h>

/* The configuration in one of the cluster's properties files; free it. */
static struct kwire_config *config_of(const char *file)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_config *config = kwire_config_new();
	const char *directory = getenv("KWIRE_CLIENT_PROPERTIES");
	char path[512];

	if (directory == NULL)
		skip(); /* a cluster without these listeners */
	snprintf(path, sizeof(path), "%s/%s.properties", directory, file);
	must(kwire_config_load(config, path, &error), &error);
	return config;
}

static void set(struct kwire_config *config, const char *name, const char *value)
{
	struct kwire_error error = KWIRE_ERROR_INIT;

	must(kwire_config_set(config, name, value, &error), &error);
}

/* Opens a client and calls every broker; takes `config`. */
static void reach(struct kwire_config *config)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_client *client = NULL;

	must(kwire_client_open(config, &client, &error), &error);
	kwire_config_free(config);
	for (int32_t node = 1; node <= CLUSTER_NODES; node++) {
		struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
		struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
		struct kwire_metadata_response *response = NULL;

		options.broker_id = node;
		must(kwire_send_metadata_with(client, &request, &response, &options, &error),
		     &error);
		assert_int_equal(response->brokers.count, CLUSTER_NODES);
		assert_true(kwire_string_equal(response->brokers.items[0].host, "localhost"));
		kwire_response_free(response);
	}
	kwire_client_close(client);
}

/* Opens a client that must be refused; takes `config`.  `word`: in the error's message. */
static void be_refused(struct kwire_config *config, int result, const char *word)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_client *client = NULL;
	int64_t begin = cluster_now_ms();
	int got;

	must(kwire_client_open(config, &client, &error), &error);
	kwire_config_free(config);
	got = kwire_client_connect(client, 20000, &error);
	kwire_client_close(client);
	if (got != result || strstr(error.message, word) == NULL)
		fail_msg("%s (%s) where %s with '%s' belongs", kwire_result_name(got),
			 error.message, kwire_result_name(result), word);
	assert_int_equal(error.outcome, KWIRE_NOT_SENT);
	assert_true(cluster_now_ms() - begin < 20000);
}

#define REACHES(name, file)             \
	static void name(void **state)  \
	{                               \
		(void)state;            \
		reach(config_of(file)); \
	}

REACHES(tls_is_reached, "ssl")
REACHES(tls_with_a_client_certificate_is_reached, "mtls")
REACHES(plain_is_reached, "sasl-plaintext-plain")
REACHES(scram_256_is_reached, "sasl-plaintext-scram-sha-256")
REACHES(scram_512_is_reached, "sasl-plaintext-scram-sha-512")
REACHES(oauthbearer_is_reached, "sasl-plaintext-oauthbearer")
REACHES(plain_over_tls_is_reached, "sasl-ssl-plain")
REACHES(scram_256_over_tls_is_reached, "sasl-ssl-scram-sha-256")
REACHES(scram_512_over_tls_is_reached, "sasl-ssl-scram-sha-512")
REACHES(oauthbearer_over_tls_is_reached, "sasl-ssl-oauthbearer")

static void gssapi_is_reached(void **state)
{
	(void)state;
	if (getenv("KRB5CCNAME") == NULL || !KW_WITH_GSASL)
		skip(); /* no KDC on this machine */
	reach(config_of("sasl-plaintext-gssapi"));
	reach(config_of("sasl-ssl-gssapi"));
}

static void a_broker_is_verified_by_its_address_too(void **state)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_config *config = config_of("ssl");
	struct kwire_connection *connection = NULL;
	char host[64];
	int port;

	(void)state;
	cluster_node("SSL", 0, host, &port);
	assert_string_equal(host, "127.0.0.1");
	must(kwire_connection_open(config, host, port, -1, &connection, &error), &error);
	kwire_connection_close(connection);
	kwire_config_free(config);
}

static void a_wrong_password_is_refused_with_the_brokers_reason(void **state)
{
	static const char *const files[] = {"sasl-plaintext-plain", "sasl-ssl-scram-sha-256",
					    "sasl-ssl-scram-sha-512"};

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct kwire_config *config = config_of(files[i]);

		set(config, "sasl.password", "wrong");
		be_refused(config, KWIRE_EAUTH, "Authentication failed");
	}
}

static void an_unknown_user_is_refused_with_the_brokers_reason(void **state)
{
	static const char *const files[] = {"sasl-plaintext-plain", "sasl-ssl-scram-sha-256"};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct kwire_config *config = config_of(files[i]);

		set(config, "sasl.username", "mallory");
		be_refused(config, KWIRE_EAUTH, "Authentication failed");
	}
}

static void an_expired_token_is_refused(void **state)
{
	struct kwire_config *config = config_of("sasl-plaintext-oauthbearer");
	/* {"alg":"none"}, {"sub":"alice","iat":1000,"exp":2000} */
	static const char token[] =
		"eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSIsImlhdCI6MTAwMCwiZXhwIjoyMDAwfQ.";
	char path[] = "/tmp/kwire-token-XXXXXX";
	int descriptor = mkstemp(path);
	FILE *file = descriptor >= 0 ? fdopen(descriptor, "w") : NULL;

	(void)state;
	assert_non_null(file);
	fputs(token, file);
	fclose(file);
	set(config, "sasl.oauthbearer.token.file", path);
	be_refused(config, KWIRE_EAUTH, "invalid_token");
	remove(path);
}

static void a_certificate_of_an_unknown_authority_is_refused_here(void **state)
{
	struct kwire_config *config = config_of("ssl");
	const char *directory = getenv("KWIRE_CLUSTER_TLS");
	char path[512];

	(void)state;
	if (directory == NULL)
		skip();
	snprintf(path, sizeof(path), "%s/client.crt", directory); /* no authority of the brokers' */
	set(config, "ssl.ca.location", path);
	be_refused(config, KWIRE_ETLS, "localhost");
}

static void a_client_without_the_certificate_that_is_asked_for_is_refused(void **state)
{
	struct kwire_config *config = config_of("mtls");

	(void)state;
	set(config, "ssl.certificate.location", "");
	set(config, "ssl.key.location", "");
	be_refused(config, KWIRE_ETLS, "certificate");
}

static void plain_bytes_to_a_tls_listener_fail_and_say_what_may_be_wrong(void **state)
{
	struct kwire_config *config = config_of("plaintext");

	(void)state;
	set(config, "bootstrap.servers", cluster_bootstrap("SSL"));
	set(config, "request.timeout.ms", "5000");
	set(config, "socket.connection.setup.timeout.ms", "5000");
	{
		struct kwire_error error = KWIRE_ERROR_INIT;
		struct kwire_client *client = NULL;

		must(kwire_client_open(config, &client, &error), &error);
		kwire_config_free(config);
		assert_true(kwire_client_connect(client, 10000, &error) != 0);
		assert_true(strstr(error.message, "TLS") != NULL ||
			    strstr(error.message, "security.protocol") != NULL);
		kwire_client_close(client);
	}
}

static void tls_to_a_plain_listener_fails_in_time(void **state)
{
	struct kwire_config *config = config_of("ssl");
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_client *client = NULL;
	int64_t begin = cluster_now_ms();

	(void)state;
	set(config, "bootstrap.servers", cluster_bootstrap(NULL));
	must(kwire_client_open(config, &client, &error), &error);
	kwire_config_free(config);
	assert_true(kwire_client_connect(client, 5000, &error) != 0);
	assert_true(cluster_now_ms() - begin < 15000);
	kwire_client_close(client);
}

/* `size` bytes as base64 with padding. */
static void base64(const uint8_t *data, int32_t size, char *text)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (int32_t i = 0; i < size; i += 3) {
		uint32_t three = (uint32_t)data[i] << 16;

		three |= i + 1 < size ? (uint32_t)data[i + 1] << 8 : 0;
		three |= i + 2 < size ? (uint32_t)data[i + 2] : 0;
		*text++ = digits[three >> 18];
		*text++ = digits[three >> 12 & 63];
		*text++ = i + 1 < size ? digits[three >> 6 & 63] : '=';
		*text++ = i + 2 < size ? digits[three & 63] : '=';
	}
	*text = '\0';
}

static void a_delegation_token_is_created_and_logs_in(void **state)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_config *config = config_of("sasl-ssl-scram-sha-256");
	struct kwire_create_delegation_token_request request =
		KWIRE_CREATE_DELEGATION_TOKEN_REQUEST_INIT;
	struct kwire_create_delegation_token_response *response = NULL;
	struct cluster_patience patience = {0};
	struct kwire_client *client = NULL;
	char hmac[256];
	char id[128];
	int result;

	(void)state;
	must(kwire_client_open(config, &client, &error), &error);
	kwire_config_free(config);
	request.max_lifetime_ms = -1;
	request.owner_principal_type = kwire_string(NULL);
	request.owner_principal_name = kwire_string(NULL);
	must(kwire_send_create_delegation_token(client, &request, &response, &error), &error);
	must_answer(response->error_code, NONE);
	assert_true(kwire_string_equal(response->principal_name, "alice"));
	assert_in_range(response->hmac.size, 16, 128);
	base64(response->hmac.data, response->hmac.size, hmac);
	snprintf(id, sizeof(id), "%s", response->token_id.data);
	kwire_response_free(response);
	kwire_client_close(client);

	do { /* until the broker that is asked has heard of the token */
		assert_true(cluster_again(&patience));
		config = config_of("sasl-ssl-scram-sha-256");
		set(config, "sasl.username", id);
		set(config, "sasl.password", hmac);
		set(config, "sasl.scram.tokenauth", "true");
		must(kwire_client_open(config, &client, &error), &error);
		kwire_config_free(config);
		result = kwire_client_connect(client, 10000, &error);
		kwire_client_close(client);
	} while (result == KWIRE_EAUTH);
	must(result, &error);
}

struct load {
	struct kwire_client *client;
	int64_t longest_ms; /* of a call */
	int64_t until_ms;
	int32_t node;
	pthread_t thread;
	long calls;
	int result;
	struct kwire_error error;
};

static void *call_until(void *argument)
{
	struct load *load = argument;

	while (cluster_now_ms() < load->until_ms && load->result == 0) {
		struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
		struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
		struct kwire_metadata_response *response = NULL;
		int64_t begin = cluster_now_ms();

		options.broker_id = load->node;
		load->result = kwire_send_metadata_with(load->client, &request, &response, &options,
							&load->error);
		kwire_response_free(response);
		load->calls++;
		if (cluster_now_ms() - begin > load->longest_ms)
			load->longest_ms = cluster_now_ms() - begin;
	}
	return NULL;
}

/*
 * Calls every broker from 16 threads for 15 s, through sessions of 5 s.  False:
 * a call failed, and some call took so long that the machine, which left a
 * session's last tenth to renew it in, was too slow to tell.
 */
static bool renew_under_load(void)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_config *config = config_of("reauth-scram-sha-256");
	struct kwire_client *client = NULL;
	enum {
		LOADS = 16
	};
	static struct load loads[LOADS];
	int64_t longest_ms = 0;
	bool good = true;

	memset(loads, 0, sizeof(loads));
	must(kwire_client_open(config, &client, &error), &error);
	kwire_config_free(config);
	must(kwire_client_connect(client, 10000, &error), &error);
	for (int i = 0; i < LOADS; i++) {
		loads[i].client = client;
		loads[i].until_ms = cluster_now_ms() + 15000;
		loads[i].node = i % CLUSTER_NODES + 1;
		assert_int_equal(pthread_create(&loads[i].thread, NULL, call_until, &loads[i]), 0);
	}
	for (int i = 0; i < LOADS; i++) {
		pthread_join(loads[i].thread, NULL);
		longest_ms = loads[i].longest_ms > longest_ms ? loads[i].longest_ms : longest_ms;
	}
	kwire_client_close(client);
	for (int i = 0; i < LOADS; i++) {
		if (longest_ms < 200)
			must(loads[i].result, &loads[i].error);
		good = good && loads[i].result == 0;
		assert_true(loads[i].calls > 0);
	}
	if (!good)
		print_message("a call took %ld ms: once more\n", (long)longest_ms);
	return good;
}

static void sessions_are_renewed_under_load_without_a_failed_call(void **state)
{
	(void)state;
	for (int attempt = 0; attempt < 4; attempt++)
		if (renew_under_load())
			return;
	skip(); /* too slow four times */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tls_is_reached),
		cmocka_unit_test(tls_with_a_client_certificate_is_reached),
		cmocka_unit_test(plain_is_reached),
		cmocka_unit_test(scram_256_is_reached),
		cmocka_unit_test(scram_512_is_reached),
		cmocka_unit_test(oauthbearer_is_reached),
		cmocka_unit_test(plain_over_tls_is_reached),
		cmocka_unit_test(scram_256_over_tls_is_reached),
		cmocka_unit_test(scram_512_over_tls_is_reached),
		cmocka_unit_test(oauthbearer_over_tls_is_reached),
		cmocka_unit_test(gssapi_is_reached),
		cmocka_unit_test(a_broker_is_verified_by_its_address_too),
		cmocka_unit_test(a_wrong_password_is_refused_with_the_brokers_reason),
		cmocka_unit_test(an_unknown_user_is_refused_with_the_brokers_reason),
		cmocka_unit_test(an_expired_token_is_refused),
		cmocka_unit_test(a_certificate_of_an_unknown_authority_is_refused_here),
		cmocka_unit_test(a_client_without_the_certificate_that_is_asked_for_is_refused),
		cmocka_unit_test(plain_bytes_to_a_tls_listener_fail_and_say_what_may_be_wrong),
		cmocka_unit_test(tls_to_a_plain_listener_fails_in_time),
		cmocka_unit_test(a_delegation_token_is_created_and_logs_in),
		cmocka_unit_test(sessions_are_renewed_under_load_without_a_failed_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
