/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS and SASL against real brokers: every way in that tools/kafka/cluster
 * --security opens, by the properties files it writes; every refusal in the
 * broker's own words; sessions that are renewed under load; a delegation token.
 */
#include "cluster.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <kwire/api/create_delegation_token.h>
#include <kwire/api/find_coordinator.h>
#include <kwire/api/metadata.h>
#include <kwire/sasl.h>
#include <kwire/security.h>

/* A configuration from DIR/client/<name>.properties; NULL: the cluster has no such way in. */
static struct kwire_config *way_in(const char *name)
{
	const char *directory = getenv("KWIRE_CLIENT_PROPERTIES");
	struct kwire_config *config = kwire_config_new();
	struct kwire_error error = KWIRE_ERROR_INIT;
	char path[4096];
	FILE *file;

	if (directory == NULL)
		fail_msg("KWIRE_CLIENT_PROPERTIES is not set: run tests/interop/run");
	snprintf(path, sizeof(path), "%s/%s.properties", directory, name);
	file = fopen(path, "r");
	if (file == NULL) {
		kwire_config_free(config);
		return NULL;
	}
	fclose(file);
	must(kwire_config_load(config, path, &error), &error);
	return config;
}

static void set(struct kwire_config *config, const char *name, const char *value)
{
	struct kwire_error error = KWIRE_ERROR_INIT;

	must(kwire_config_set(config, name, value, &error), &error);
}

/* The brokers' Kerberos principal is kafka/localhost, so that is the name to go by. */
static void by_name(struct kwire_config *config)
{
	char addresses[512], names[512];
	struct kwire_error error = KWIRE_ERROR_INIT;
	size_t at = 0;

	must(kwire_config_get(config, "bootstrap.servers", addresses, sizeof(addresses), &error),
	     &error);
	for (const char *item = strtok(addresses, ","); item != NULL; item = strtok(NULL, ","))
		at += (size_t)snprintf(names + at, sizeof(names) - at, "%slocalhost%s",
				       at > 0 ? "," : "", strrchr(item, ':'));
	set(config, "bootstrap.servers", names);
}

/* Metadata by a client of `config`: 0 with three brokers in it, or the error. */
static int try_metadata(struct kwire_config *config, struct kwire_error *error)
{
	struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
	struct kwire_metadata_response *response = NULL;
	struct kwire_client *client = NULL;
	int result = kwire_client_open(config, &client, error);

	if (result == 0)
		result = kwire_send_metadata(client, &request, &response, error);
	if (result == 0)
		assert_int_equal(response->brokers.count, CLUSTER_NODES);
	kwire_response_free(response);
	kwire_client_close(client);
	return result;
}

static const char *const ways[] = {
	"ssl",
	"mtls",
	"sasl-plaintext-plain",
	"sasl-plaintext-scram-sha-256",
	"sasl-plaintext-scram-sha-512",
	"sasl-plaintext-oauthbearer",
	"sasl-ssl-plain",
	"sasl-ssl-scram-sha-256",
	"sasl-ssl-scram-sha-512",
	"sasl-ssl-oauthbearer",
};

static void each_way_in_is_open(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct kwire_config *config = way_in(ways[i]);
		struct kwire_error error = KWIRE_ERROR_INIT;

		if (config == NULL)
			fail_msg("the cluster has no way in by %s", ways[i]);
		if (try_metadata(config, &error) != 0)
			fail_msg("%s: %s", ways[i], error.message);
		kwire_config_free(config);
	}
}

static void kerberos_opens_its_way_in(void **state)
{
	static const char *const gssapi[] = {"sasl-plaintext-gssapi", "sasl-ssl-gssapi"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct kwire_config *config = way_in(gssapi[i]);
		struct kwire_error error = KWIRE_ERROR_INIT;

		if (config == NULL)
			skip(); /* no KDC installed */
		by_name(config);
		if (try_metadata(config, &error) != 0)
			fail_msg("%s: %s", gssapi[i], error.message);
		kwire_config_free(config);
	}
}

/* `config` (freed here) is refused with KWIRE_EAUTH, a code and some words. */
static void expect_refused(struct kwire_config *config, int16_t code, const char *words)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	int result = try_metadata(config, &error);

	kwire_config_free(config);
	if (result != KWIRE_EAUTH)
		fail_msg("%s instead of KWIRE_EAUTH: %s", kwire_result_name(result), error.message);
	assert_int_equal(error.kafka_code, code);
	assert_int_equal(error.phase, KWIRE_PHASE_SASL);
	assert_false(error.retriable);
	if (strstr(error.message, words) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", error.message, words);
}

static void refusals_are_final_and_in_the_brokers_words(void **state)
{
	static const char *const with_passwords[] = {
		"sasl-plaintext-plain", "sasl-plaintext-scram-sha-256", "sasl-ssl-scram-sha-512"};
	struct kwire_config *config;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		config = way_in(with_passwords[i]);
		set(config, "sasl.password", "wrong");
		expect_refused(config, 58, "Authentication failed");
		config = way_in(with_passwords[i]);
		set(config, "sasl.username", "nobody");
		expect_refused(config, 58, "Authentication failed");
	}
}

static int no_token(void *context, const struct kwire_sasl_login *login, void **state,
		    struct kwire_error *error)
{
	(void)context;
	(void)login;
	(void)error;
	*state = NULL;
	return 0;
}

static int say_nothing(void *state, const void *challenge, size_t challenge_size,
		       const void **token, size_t *token_size, struct kwire_error *error)
{
	(void)state;
	(void)challenge;
	(void)challenge_size;
	(void)error;
	*token = "";
	*token_size = 0;
	return KWIRE_SASL_LAST;
}

static void forget(void *state)
{
	(void)state;
}

static const struct kwire_sasl_mechanism unheard_of = {sizeof(unheard_of), "UNHEARD-OF", no_token,
						       say_nothing, forget};

static void a_mechanism_that_is_not_offered_is_passed_over_or_final(void **state)
{
	struct kwire_config *config = way_in("sasl-plaintext-plain");
	struct kwire_error error = KWIRE_ERROR_INIT;

	(void)state;
	must(kwire_config_add_mechanism(config, &unheard_of, NULL, &error), &error);
	set(config, "sasl.mechanism", "UNHEARD-OF,SCRAM-SHA-512,PLAIN");
	must(try_metadata(config, &error), &error);
	set(config, "sasl.mechanism", "UNHEARD-OF");
	expect_refused(config, 33, "SCRAM-SHA-512");
}

static void an_expired_token_is_refused_with_its_reason(void **state)
{
	struct kwire_config *config = way_in("sasl-plaintext-oauthbearer");

	(void)state;
	set(config, "sasl.oauthbearer.token.file", "");
	set(config, "sasl.oauthbearer.config", "principal=alice lifeSeconds=0");
	expect_refused(config, 58, "invalid_token");
}

static void a_wrong_realm_or_service_gets_no_ticket(void **state)
{
	struct kwire_config *config = way_in("sasl-plaintext-gssapi");
	struct kwire_error error = KWIRE_ERROR_INIT;

	(void)state;
	if (config == NULL)
		skip();
	by_name(config);
	set(config, "sasl.kerberos.service.name", "elsewhere");
	assert_int_equal(try_metadata(config, &error), KWIRE_EAUTH);
	assert_non_null(strstr(error.message, "GSSAPI"));
	kwire_config_free(config);
}

static void certificates_are_checked_on_both_sides(void **state)
{
	struct kwire_config *config = way_in("ssl");
	struct kwire_error error = KWIRE_ERROR_INIT;

	(void)state;
	set(config, "ssl.verification.name", "elsewhere.test");
	assert_int_equal(try_metadata(config, &error), KWIRE_ETLS);
	assert_non_null(strstr(error.message, "not for elsewhere.test"));
	kwire_config_free(config);

	config = way_in("ssl");
	set(config, "ssl.ca.location", "");
	assert_int_equal(try_metadata(config, &error), KWIRE_ETLS);
	if (strstr(error.message, "not trusted") == NULL)
		fail_msg("%s", error.message);
	kwire_config_free(config);

	config = way_in("mtls");
	set(config, "ssl.certificate.location", "");
	set(config, "ssl.key.location", "");
	assert_int_equal(try_metadata(config, &error), KWIRE_ETLS);
	kwire_config_free(config);

	/* TLS to a plaintext listener, and the reverse. */
	config = way_in("ssl");
	set(config, "bootstrap.servers", cluster_bootstrap(NULL));
	assert_int_equal(try_metadata(config, &error), KWIRE_ETLS);
	assert_non_null(strstr(error.message, "plaintext listener"));
	kwire_config_free(config);
	config = way_in("ssl");
	set(config, "security.protocol", "PLAINTEXT");
	assert_true(try_metadata(config, &error) < 0);
	assert_non_null(strstr(error.message, "TLS"));
	kwire_config_free(config);
}

static void a_delegation_token_logs_in(void **state)
{
	struct kwire_create_delegation_token_request request =
		KWIRE_CREATE_DELEGATION_TOKEN_REQUEST_INIT;
	struct kwire_create_delegation_token_response *response = NULL;
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	struct kwire_config *config = way_in("sasl-ssl-scram-sha-256");
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_client *client = NULL;
	char password[512], id[256];
	struct cluster_patience patience = {0};
	size_t at = 0;
	int result;

	(void)state;
	must(kwire_client_open(config, &client, &error), &error);
	must(kwire_send_create_delegation_token(client, &request, &response, &error), &error);
	if (response->error_code == 61) { /* DELEGATION_TOKEN_AUTH_DISABLED */
		kwire_response_free(response);
		kwire_client_close(client);
		kwire_config_free(config);
		skip();
	}
	must_answer(response->error_code, NONE);
	for (int32_t i = 0; i < response->hmac.size; i += 3) {
		int32_t left = response->hmac.size - i;
		uint32_t bits = (uint32_t)response->hmac.data[i] << 16;

		bits |= left > 1 ? (uint32_t)response->hmac.data[i + 1] << 8 : 0;
		bits |= left > 2 ? response->hmac.data[i + 2] : 0;
		for (int j = 0; j < 4; j++)
			password[at++] = (char)(j > left ? '=' : digits[bits >> (18 - 6 * j) & 63]);
	}
	password[at] = '\0';
	snprintf(id, sizeof(id), "%s", response->token_id.data);
	kwire_response_free(response);
	kwire_client_close(client);

	set(config, "sasl.username", id);
	set(config, "sasl.password", password);
	set(config, "sasl.scram.tokenauth", "true");
	/* Until the brokers have all heard of it. */
	do
		result = try_metadata(config, &error);
	while (result == KWIRE_EAUTH && cluster_again(&patience));
	must(result, &error);
	set(config, "sasl.scram.tokenauth", "false");
	expect_refused(config, 58, "Authentication failed");
}

/* ------------------------------------------------------------------- sessions */

enum {
	CALLERS = 16,
};

struct load {
	struct kwire_connection *connection;
	atomic_bool stop;
	atomic_long calls;
	atomic_long failures;
	char first_failure[512];
	atomic_long renewals;
};

static void *call_on(void *context)
{
	struct load *load = context;

	while (!atomic_load(&load->stop)) {
		struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
		struct kwire_metadata_response *response = NULL;
		struct kwire_error error = KWIRE_ERROR_INIT;

		request.topics.count = 0;
		if (kwire_connection_send_metadata(load->connection, &request, &response, NULL,
						   &error) != 0) {
			if (atomic_fetch_add(&load->failures, 1) == 0)
				memcpy(load->first_failure, error.message, sizeof(error.message));
			break;
		}
		atomic_fetch_add(&load->calls, 1);
		kwire_response_free(response);
	}
	return NULL;
}

static void count_renewals(void *context, enum kwire_log_level level, const char *line)
{
	struct load *load = context;

	(void)level;
	if (strstr(line, "re-authenticated") != NULL)
		atomic_fetch_add(&load->renewals, 1);
}

/* Sessions of 5 s on one connection, 16 threads calling without a pause. */
static void sessions_are_renewed_under_load(void **state)
{
	static const char *const mechanisms[] = {"reauth-scram-sha-512", "reauth-oauthbearer",
						 "reauth-gssapi"};
	const char *seconds_text = getenv("KWIRE_REAUTH_SECONDS");
	int64_t seconds = seconds_text != NULL ? strtol(seconds_text, NULL, 10) : 15;
	static struct load loads[3];
	pthread_t threads[3][CALLERS];
	int64_t until_ms;
	char host[64];
	int port, ways_open = 0;

	(void)state;
	memset(loads, 0, sizeof(loads));
	for (int i = 0; i < 3; i++) {
		struct kwire_config *config = way_in(mechanisms[i]);
		struct kwire_error error = KWIRE_ERROR_INIT;

		if (config == NULL)
			continue;
		set(config, "log.level", "debug");
		kwire_config_set_log(config, count_renewals, &loads[i]);
		cluster_node("REAUTH", i, host, &port);
		must(kwire_connection_open(config, "localhost", port, -1, &loads[i].connection,
					   &error),
		     &error);
		kwire_config_free(config);
		for (int j = 0; j < CALLERS; j++)
			assert_int_equal(pthread_create(&threads[i][j], NULL, call_on, &loads[i]),
					 0);
		ways_open++;
	}
	until_ms = cluster_now_ms() + seconds * 1000;
	/* Time is the subject here: sessions end by the broker's clock. */
	while (cluster_now_ms() < until_ms) {
		struct timespec pause = {0, 100000000};
		bool failed = false;

		clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
		for (int i = 0; i < 3; i++)
			failed |= atomic_load(&loads[i].failures) > 0;
		if (failed)
			break;
	}
	for (int i = 0; i < 3; i++)
		atomic_store(&loads[i].stop, true);
	for (int i = 0; i < 3; i++) {
		if (loads[i].connection == NULL)
			continue;
		for (int j = 0; j < CALLERS; j++)
			pthread_join(threads[i][j], NULL);
		kwire_connection_close(loads[i].connection);
		print_message("%s: %ld calls, %ld renewals, %ld failed\n", mechanisms[i],
			      atomic_load(&loads[i].calls), atomic_load(&loads[i].renewals),
			      atomic_load(&loads[i].failures));
	}
	for (int i = 0; i < 3; i++) {
		if (loads[i].connection == NULL)
			continue;
		if (atomic_load(&loads[i].failures) != 0)
			fail_msg("%s: %s", mechanisms[i], loads[i].first_failure);
		/* At 85 to 95 % of 5 s. */
		assert_in_range(atomic_load(&loads[i].renewals), seconds / 5, seconds * 10 / 42);
	}
	assert_true(ways_open >= 2);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_way_in_is_open),
		cmocka_unit_test(kerberos_opens_its_way_in),
		cmocka_unit_test(refusals_are_final_and_in_the_brokers_words),
		cmocka_unit_test(a_mechanism_that_is_not_offered_is_passed_over_or_final),
		cmocka_unit_test(an_expired_token_is_refused_with_its_reason),
		cmocka_unit_test(a_wrong_realm_or_service_gets_no_ticket),
		cmocka_unit_test(certificates_are_checked_on_both_sides),
		cmocka_unit_test(a_delegation_token_logs_in),
		cmocka_unit_test(sessions_are_renewed_under_load),
	};

	/* One test alone: its name, with * and ?. */
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
