/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS and SASL against real brokers: every listener of `cluster start
 * --security` reached by properties alone, what brokers refuse and why, a
 * delegation token, sessions that are renewed under load.
 */
#include "cluster.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kwire/api/create_delegation_token.h>
#include <kwire/api/metadata.h>
#include <kwire/observe.h>

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

static void a_mechanism_that_brokers_lack_is_refused_with_those_they_have(void **state)
{
	struct kwire_config *config = config_of("sasl-plaintext-plain");

	(void)state;
	set(config, "sasl.mechanism", "EXTERNAL");
	if (!KW_WITH_GSASL) {
		kwire_config_free(config);
		skip(); /* nothing that kwire has itself is lacking there */
	}
	be_refused(config, KWIRE_EAUTH, "it offers: ");
}

static void a_ticket_of_another_realm_is_refused(void **state)
{
	struct kwire_config *config;
	char before[512], path[] = "/tmp/kwire-krb5-XXXXXX", *ours = getenv("KRB5_CONFIG");
	FILE *file;

	(void)state;
	if (getenv("KRB5CCNAME") == NULL || ours == NULL || !KW_WITH_GSASL)
		skip(); /* no KDC on this machine */
	/* The brokers' host belongs to a realm that nobody here can give tickets for. */
	file = fdopen(mkstemp(path), "w");
	assert_non_null(file);
	fputs("[libdefaults]\n default_realm = ELSEWHERE.TEST\n dns_lookup_kdc = false\n"
	      " dns_lookup_realm = false\n dns_canonicalize_hostname = false\n rdns = false\n"
	      "[domain_realm]\n localhost = ELSEWHERE.TEST\n",
	      file);
	fclose(file);
	snprintf(before, sizeof(before), "%s", ours);
	setenv("KRB5_CONFIG", path, 1);
	config = config_of("sasl-plaintext-gssapi");
	be_refused(config, KWIRE_EAUTH, "GSSAPI");
	setenv("KRB5_CONFIG", before, 1);
	remove(path);
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

/* ------------------------------------------------- sessions renewed under load */

enum {
	LOADS = 16,
	PING_LIMIT_MS = 300, /* half of what is left of a session when the last call before a
				renewal leaves */
};

/* What hooks and threads count of one run. */
struct run {
	atomic_int connected;
	atomic_int handshakes;
	atomic_bool stop;
	int64_t slowest_ping_ms; /* of a broker, over another listener */
};

static void count_connected(void *context, const struct kwire_connection_event *event)
{
	(void)event;
	atomic_fetch_add(&((struct run *)context)->connected, 1);
}

static void count_handshakes(void *context, const struct kwire_frame_event *event)
{
	if (event->api_key == 17 && !event->response)
		atomic_fetch_add(&((struct run *)context)->handshakes, 1);
}

struct load {
	struct kwire_client *client;
	struct run *run;
	int32_t node;
	pthread_t thread;
	long calls;
	int result;
	struct kwire_error error;
};

static int call_node(struct kwire_client *client, int32_t node, struct kwire_error *error)
{
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
	struct kwire_metadata_response *response = NULL;
	int result;

	options.broker_id = node;
	result = kwire_send_metadata_with(client, &request, &response, &options, error);
	kwire_response_free(response);
	return result;
}

static void *call_on(void *context)
{
	struct load *load = context;

	while (!atomic_load(&load->run->stop) && load->result == 0) {
		load->result = call_node(load->client, load->node, &load->error);
		load->calls++;
	}
	return NULL;
}

/* How long brokers take for one who has no session to renew: what the machine is capable of. */
static void *ping_on(void *context)
{
	struct run *run = context;
	struct kwire_client *client = cluster_client();
	struct kwire_error error;

	for (int32_t node = 0; !atomic_load(&run->stop); node = (node + 1) % CLUSTER_NODES) {
		int64_t begin = cluster_now_ms(), took;

		call_node(client, node + 1, &error);
		took = cluster_now_ms() - begin;
		run->slowest_ping_ms = took > run->slowest_ping_ms ? took : run->slowest_ping_ms;
	}
	kwire_client_close(client);
	return NULL;
}

/* Renewals that the brokers' own logs tell of. */
static long renewals_of_brokers(void)
{
	const char *directory = getenv("KWIRE_CLUSTER_DIR");
	char path[512], line[1024];
	long count = 0;

	for (int node = 1; directory != NULL && node <= CLUSTER_NODES; node++) {
		FILE *file;

		snprintf(path, sizeof(path), "%s/logs/node%d.log", directory, node);
		file = fopen(path, "r");
		while (file != NULL && fgets(line, sizeof(line), file) != NULL)
			count += strstr(line, "state to COMPLETE during re-authentication") != NULL;
		if (file != NULL)
			fclose(file);
	}
	return directory != NULL ? count : -1;
}

/*
 * Calls every broker from 16 threads for `seconds`, through sessions of 5 s: no
 * call fails, no connection is made anew, and both sides count the same
 * renewals.  False: a call failed while brokers left others waiting so long
 * that the session's last bit, which a renewal has, was over.
 */
static bool renew_under_load(int seconds)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_config *config = config_of("reauth-scram-sha-256");
	struct kwire_hooks hooks = KWIRE_HOOKS_INIT;
	struct kwire_client *client = NULL;
	static struct load loads[LOADS];
	struct run run = {.slowest_ping_ms = 0};
	long before = renewals_of_brokers(), after, calls = 0;
	int64_t until_ms;
	pthread_t ping;
	bool good = true;
	int connected, own;

	memset(loads, 0, sizeof(loads));
	hooks.context = &run;
	hooks.connected = count_connected;
	hooks.frame = count_handshakes;
	must(kwire_config_add_hooks(config, &hooks, &error), &error);
	must(kwire_client_open(config, &client, &error), &error);
	kwire_config_free(config);
	for (int32_t node = 1; node <= CLUSTER_NODES; node++)
		must(call_node(client, node, &error), &error);
	connected = atomic_load(&run.connected);
	until_ms = cluster_now_ms() + seconds * 1000;
	for (int i = 0; i < LOADS; i++) {
		loads[i].client = client;
		loads[i].run = &run;
		loads[i].node = i % CLUSTER_NODES + 1;
		assert_int_equal(pthread_create(&loads[i].thread, NULL, call_on, &loads[i]), 0);
	}
	assert_int_equal(pthread_create(&ping, NULL, ping_on, &run), 0);
	while (cluster_now_ms() < until_ms)
		poll(NULL, 0, 100);
	atomic_store(&run.stop, true);
	pthread_join(ping, NULL);
	for (int i = 0; i < LOADS; i++) {
		pthread_join(loads[i].thread, NULL);
		calls += loads[i].calls;
		good = good && loads[i].result == 0;
	}
	kwire_client_close(client);
	if (!good && run.slowest_ping_ms >= PING_LIMIT_MS) {
		print_message("a broker took %ld ms for a bystander: once more\n",
			      (long)run.slowest_ping_ms);
		return false;
	}
	for (int i = 0; i < LOADS; i++)
		must(loads[i].result, &loads[i].error);
	assert_int_equal(atomic_load(&run.connected), connected);
	own = atomic_load(&run.handshakes) - connected;
	after = renewals_of_brokers();
	assert_in_range(own, connected * (seconds / 5 - 1), connected * (seconds / 4 + 1));
	/* One on each connection may have been under way at the end. */
	if (before >= 0)
		assert_in_range(own - (after - before), 0, connected);
	print_message(
		"%ld calls in %d s on %d connections, %d renewals, %ld by the brokers' count, "
		"the slowest ping %ld ms\n",
		calls, seconds, connected, own, after - before, (long)run.slowest_ping_ms);
	return true;
}

static void sessions_are_renewed_under_load_without_a_failed_call(void **state)
{
	const char *wanted = getenv("KWIRE_REAUTH_SECONDS");
	int seconds = wanted != NULL ? atoi(wanted) : 15;

	(void)state;
	for (int attempt = 0; attempt < 8; attempt++)
		if (renew_under_load(seconds))
			return;
	skip(); /* tests/fault/test_reauth_load proves it on any machine */
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
		cmocka_unit_test(a_mechanism_that_brokers_lack_is_refused_with_those_they_have),
		cmocka_unit_test(a_ticket_of_another_realm_is_refused),
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
