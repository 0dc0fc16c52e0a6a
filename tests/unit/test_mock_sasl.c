/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logins at mock brokers: every mechanism in every framing, refusals in a
 * broker's words, sessions that end and are renewed, and tokens from an
 * endpoint all the way.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <stdlib.h>
#include <unistd.h>

#include <kwire/api/metadata.h>
#include <kwire/api/sasl_handshake.h>
#include <kwire/kwire.h>
#include <kwire/mock.h>

#define EVERY "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER"

static struct kwire_mock *mock;

static void do_it(const char *command)
{
	struct kwire_error error;

	if (kwire_mock_do(mock, command, NULL, 0, &error) != 0)
		fail_msg("%s: %s", command, error.message);
}

static int setup(void **state)
{
	struct kwire_mock_options options = KWIRE_MOCK_OPTIONS_INIT;
	struct kwire_error error;

	(void)state;
	options.brokers = 1;
	if (kwire_mock_open(&options, &mock, &error) != 0)
		return -1;
	do_it("sasl " EVERY);
	do_it("user alice s3cret,=x");
	do_it("user bob builder");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	kwire_mock_close(mock);
	return 0;
}

static void set(struct kwire_config *config, const char *name, const char *value)
{
	struct kwire_error error;

	if (kwire_config_set(config, name, value, &error) != 0)
		fail_msg("%s", error.message);
}

static struct kwire_config *config_of(const char *mechanism, const char *user, const char *password)
{
	struct kwire_config *config = kwire_config_new();

	set(config, "bootstrap.servers", kwire_mock_bootstrap(mock));
	set(config, "security.protocol", "SASL_PLAINTEXT");
	set(config, "sasl.mechanism", mechanism);
	set(config, "sasl.username", user);
	set(config, "sasl.password", password);
	set(config, "sasl.oauthbearer.config", "principal=alice");
	return config;
}

/* Opens a client (takes `config`) and asks it for metadata. */
static struct kwire_client *ask(struct kwire_config *config, int *result, struct kwire_error *error)
{
	struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
	struct kwire_metadata_response *response = NULL;
	struct kwire_client *client = NULL;

	*result = kwire_client_open(config, &client, error);
	kwire_config_free(config);
	if (*result == 0)
		*result = kwire_send_metadata(client, &request, &response, error);
	kwire_response_free(response);
	return client;
}

static void expect_in(struct kwire_config *config)
{
	struct kwire_error error;
	int result;

	kwire_client_close(ask(config, &result, &error));
	if (result != 0)
		fail_msg("%s", error.message);
}

static void expect_refused(struct kwire_config *config, int expected, int16_t code,
			   const char *words)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	int result;

	kwire_client_close(ask(config, &result, &error));
	if (result != expected || strstr(error.message, words) == NULL)
		fail_msg("%s (%s) where \"%s\" belongs", kwire_result_name(result), error.message,
			 words);
	assert_int_equal(error.phase, KWIRE_PHASE_SASL);
	assert_int_equal(error.outcome, KWIRE_NOT_SENT);
	assert_int_equal(error.kafka_code, code);
	/* A refusal is final; an exchange that broke may go better the next time. */
	assert_int_equal(error.retriable, expected == KWIRE_ESASL);
}

static const char *const mechanisms[] = {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"};

static void every_mechanism_logs_in_at_every_broker(void **state)
{
	static const char *const releases[] = {"0.11", "1.1", "2.1", "2.8", "3.9", "newest"};
	int64_t logins = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(releases) / sizeof(releases[0]); i++)
		for (size_t j = 0; j < 4; j++) {
			struct kwire_error error;

			kwire_mock_set_versions(mock, -1, releases[i], &error);
			expect_in(config_of(mechanisms[j], "alice", "s3cret,=x"));
			assert_int_equal(kwire_mock_logins(mock).first, ++logins);
		}
	/* Those of 0.11 came bare: SaslAuthenticate was not asked for. */
	assert_int_equal(kwire_mock_logins(mock).refused, 0);
}

static void a_refusal_has_the_brokers_words(void **state)
{
	(void)state;
	expect_refused(config_of("PLAIN", "alice", "wrong"), KWIRE_EAUTH, 58,
		       "Authentication failed: Invalid username or password");
	expect_refused(config_of("PLAIN", "mallory", "s3cret"), KWIRE_EAUTH, 58,
		       "Authentication failed: Invalid username or password");
	expect_refused(config_of("SCRAM-SHA-256", "alice", "wrong"), KWIRE_EAUTH, 58,
		       "Authentication failed during authentication due to invalid credentials "
		       "with SASL mechanism SCRAM-SHA-256");
	expect_refused(config_of("SCRAM-SHA-512", "mallory", "x"), KWIRE_EAUTH, 58,
		       "invalid credentials with SASL mechanism SCRAM-SHA-512");
	do_it("user alice");
	expect_refused(config_of("SCRAM-SHA-256", "alice", "s3cret,=x"), KWIRE_EAUTH, 58,
		       "SCRAM-SHA-256");
	assert_int_equal(kwire_mock_logins(mock).refused, 5);
	assert_int_equal(kwire_mock_logins(mock).first, 0);
}

static void an_old_broker_refuses_by_hanging_up(void **state)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	int result;

	(void)state;
	do_it("versions 0.11");
	kwire_client_close(ask(config_of("SCRAM-SHA-256", "alice", "wrong"), &result, &error));
	assert_int_equal(result, KWIRE_EAUTH);
	assert_non_null(strstr(error.message, "refuses the credentials"));
}

static void a_token_is_judged_by_its_claims(void **state)
{
	/* {"alg":"none"} with sub=alice, exp=2000; with an exp far away, but no sub; alg=HS256 */
	static const char *const tokens[] = {
		"eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSIsImlhdCI6MTAwMCwiZXhwIjoyMDAwfQ.",
		"eyJhbGciOiJub25lIn0.eyJleHAiOjk5OTk5OTk5OTl9.",
		"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsImV4cCI6OTk5OTk5OTk5OX0.",
		"eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSIsImV4cCI6OTk5OTk5OTk5OX0.c2ln",
		"opaque",
		/* "exp":1.5E3; then good ones, the last as Java writes it: 9.999999999E9 */
		"eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSIsImV4cCI6MS41RTN9.",
		"eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSIsImV4cCI6OTk5OTk5OTk5OX0.",
		"eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSIsImV4cCI6OS45OTk5OTk5OTlFOX0.",
	};
	char path[] = "/tmp/kwire-token-XXXXXX";
	struct kwire_config *config;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
		FILE *file = fopen(path, "w");

		fputs(tokens[i], file);
		fclose(file);
		config = config_of("OAUTHBEARER", "", "");
		set(config, "sasl.oauthbearer.token.file", path);
		if (i >= 6)
			expect_in(config);
		else
			expect_refused(config, KWIRE_EAUTH, 58, "{\"status\":\"invalid_token\"}");
	}
	remove(path);
}

static void the_first_mechanism_that_is_offered_is_used(void **state)
{
	(void)state;
	do_it("sasl SCRAM-SHA-512,PLAIN");
	expect_in(config_of("SCRAM-SHA-256,SCRAM-SHA-512,PLAIN", "alice", "s3cret,=x"));
	expect_refused(config_of("SCRAM-SHA-256", "alice", "s3cret,=x"), KWIRE_EAUTH, 33,
		       "offers: PLAIN, SCRAM-SHA-512");
	assert_int_equal(kwire_mock_logins(mock).first, 1);
}

static void who_is_not_logged_in_is_not_answered(void **state)
{
	struct kwire_config *config = config_of("PLAIN", "", "");
	struct kwire_error error = KWIRE_ERROR_INIT;
	int result;

	(void)state;
	set(config, "security.protocol", "PLAINTEXT");
	kwire_client_close(ask(config, &result, &error));
	assert_true(result == KWIRE_EDISCONNECTED);
	/* And a listener without SASL says what the handshake is worth there. */
	do_it("sasl off");
	expect_refused(config_of("PLAIN", "alice", "x"), KWIRE_ESASL, 34, "ILLEGAL_SASL_STATE");
}

static void scripts_and_faults_meet_logins_too(void **state)
{
	struct kwire_config *config = config_of("PLAIN", "alice", "s3cret,=x");

	(void)state;
	do_it("error 58 api=SaslAuthenticate once");
	expect_refused(config, KWIRE_EAUTH, 58, "SASL_AUTHENTICATION_FAILED");
	do_it("break close api=SaslHandshake once");
	expect_refused(config_of("PLAIN", "alice", "s3cret,=x"), KWIRE_ESASL, 0,
		       "closed the connection before the login");
	expect_in(config_of("PLAIN", "alice", "s3cret,=x"));
}

/* A client's calls on one connection until its session was renewed `times` times. */
static void call_through_renewals(struct kwire_client *client, int64_t times)
{
	struct kwire_error error;

	while (kwire_mock_logins(mock).renewed < times) {
		struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
		struct kwire_metadata_response *response = NULL;

		if (kwire_send_metadata(client, &request, &response, &error) != 0)
			fail_msg("%s", error.message);
		kwire_response_free(response);
	}
}

static void a_session_is_renewed_on_its_connection(void **state)
{
	struct kwire_error error;
	int64_t accepted;
	int result;

	(void)state;
	do_it("session 300");
	for (int i = 0; i < 4; i++) {
		struct kwire_client *client = ask(config_of(mechanisms[i], "alice", "s3cret,=x"),
						  &result, &error);

		assert_int_equal(result, 0);
		call_through_renewals(client, (i + 1) * 2);
		kwire_client_close(client);
	}
	kwire_mock_connections(mock, -1, NULL, &accepted, &error);
	assert_int_equal(accepted, kwire_mock_logins(mock).first);
	assert_int_equal(kwire_mock_logins(mock).refused, 0);
}

static void a_renewal_may_not_change_who_it_is(void **state)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_client *client;
	struct kwire_config *bob = config_of("PLAIN", "bob", "builder");
	int result = 0;

	(void)state;
	do_it("session 200");
	client = ask(config_of("PLAIN", "alice", "s3cret,=x"), &result, &error);
	assert_int_equal(result, 0);
	assert_int_equal(kwire_client_reload_security(client, bob, &error), 0);
	kwire_config_free(bob);
	while (result == 0) {
		struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
		struct kwire_metadata_response *response = NULL;

		result = kwire_send_metadata(client, &request, &response, &error);
		kwire_response_free(response);
	}
	assert_int_equal(result, KWIRE_EAUTH);
	assert_non_null(strstr(error.message, "Cannot change principals during re-authentication "
					      "from User.alice: User.bob"));
	kwire_client_close(client);
}

static void the_control_port_has_it_all(void **state)
{
	static const char *const bad[] = {"sasl",      "sasl GSSAPI", "user", "session",
					  "session x", "session -1",  "tls",  "tls crooked"};
	struct kwire_error error;
	char reply[8192];

	(void)state;
	assert_int_equal(kwire_mock_do(mock, "ca", reply, sizeof(reply), &error), KWIRE_EINVAL);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (kwire_mock_do(mock, bad[i], NULL, 0, &error) >= 0)
			fail_msg("%s", bad[i]);
	do_it("session 5000ms");
	assert_int_equal(kwire_mock_do(mock, "logins", reply, sizeof(reply), &error), 0);
	assert_string_equal(reply, "0 0 0");
#if KW_WITH_TLS
	do_it("tls good");
	assert_int_equal(kwire_mock_do(mock, "ca", reply, sizeof(reply), &error), 0);
	assert_string_equal(reply, kwire_mock_ca(mock));
	{
		struct kwire_config *config = config_of("SCRAM-SHA-512", "bob", "builder");

		set(config, "security.protocol", "SASL_SSL");
		set(config, "ssl.ca.pem", reply);
		expect_in(config);
	}
#endif
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(every_mechanism_logs_in_at_every_broker),
		TEST(a_refusal_has_the_brokers_words),
		TEST(an_old_broker_refuses_by_hanging_up),
		TEST(a_token_is_judged_by_its_claims),
		TEST(the_first_mechanism_that_is_offered_is_used),
		TEST(who_is_not_logged_in_is_not_answered),
		TEST(scripts_and_faults_meet_logins_too),
		TEST(a_session_is_renewed_on_its_connection),
		TEST(a_renewal_may_not_change_who_it_is),
		TEST(the_control_port_has_it_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
