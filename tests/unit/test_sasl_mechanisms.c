/* SPDX-License-Identifier: Apache-2.0 */
/* Each mechanism as a machine of its own: vectors, and every way in which a broker can lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/config.h"
#include "sasl/credentials.h"
#include "sasl/jaas.h"
#include "sasl/mechanism.h"
#include "sasl/oauth_token.h"

static struct kw_memory *memory;

static int setup(void **state)
{
	(void)state;
	memory = kw_memory_new(NULL, 0);
	return memory == NULL ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(kw_memory_used(memory), 0);
	kw_memory_put(memory);
	return 0;
}

static int step(const struct kwire_sasl_mechanism *mechanism, void *machine, const char *challenge,
		char *token, struct kwire_error *error)
{
	const void *data = NULL;
	size_t size = 0;
	int progress = mechanism->step(
		machine, challenge, challenge != NULL ? strlen(challenge) : 0, &data, &size, error);

	token[0] = '\0';
	if (size > 0)
		memcpy(token, data, size);
	token[size] = '\0';
	return progress;
}

static void scram_sha_256_matches_rfc_7677(void **state)
{
	const struct kwire_sasl_mechanism *scram = &kw_sasl_scram_sha_256;
	struct kwire_error error = KWIRE_ERROR_INIT;
	char token[512];
	void *machine;

	(void)state;
	assert_int_equal(kw_scram_start(memory, KW_SHA256, "user", "pencil", false,
					"rOprNGfwEbeRWgbNEkqO", &machine, &error),
			 0);
	assert_int_equal(step(scram, machine, NULL, token, &error), KWIRE_SASL_MORE);
	assert_string_equal(token, "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
	assert_int_equal(step(scram, machine,
			      "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
			      "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
			      token, &error),
			 KWIRE_SASL_MORE);
	assert_string_equal(token, "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
				   "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
	assert_int_equal(step(scram, machine,
			      "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", token, &error),
			 KWIRE_SASL_DONE);
	assert_int_equal(step(scram, machine, "v=", token, &error), KWIRE_ESASL);
	scram->end(machine);
}

static void scram_escapes_names_and_marks_delegation_tokens(void **state)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	char token[512];
	void *machine;

	(void)state;
	assert_int_equal(
		kw_scram_start(memory, KW_SHA512, "a=b,c", "p", true, "xyz", &machine, &error), 0);
	step(&kw_sasl_scram_sha_512, machine, NULL, token, &error);
	assert_string_equal(token, "n,,n=a=3Db=2Cc,r=xyz,tokenauth=true");
	kw_sasl_scram_sha_512.end(machine);
}

/* A SCRAM login with nonce "abc" up to the point where `first` is answered. */
static int answer_to(const char *first, struct kwire_error *error)
{
	char token[512];
	void *machine;
	int progress;

	assert_int_equal(
		kw_scram_start(memory, KW_SHA256, "user", "pencil", false, "abc", &machine, error),
		0);
	assert_int_equal(step(&kw_sasl_scram_sha_256, machine, NULL, token, error),
			 KWIRE_SASL_MORE);
	progress = step(&kw_sasl_scram_sha_256, machine, first, token, error);
	kw_sasl_scram_sha_256.end(machine);
	return progress;
}

static void scram_refuses_each_malformed_first_message(void **state)
{
	static const char *const bad[] = {
		"",
		"r",
		"r=",
		"r=abc",
		"r=abcd",
		"r=abcd,",
		"r=abcd,s=c2FsdA==",
		"r=abcd,s=c2FsdA==,",
		"r=abcd,s=c2FsdA==,i=",
		"r=abcd,s=c2FsdA==,i=4096,",
		"r=abcd,i=4096,s=c2FsdA==",       /* order */
		"s=c2FsdA==,r=abcd,i=4096",       /* order */
		"m=ext,r=abcd,s=c2FsdA==,i=4096", /* mandatory extension */
		"r=abc,s=c2FsdA==,i=4096",        /* nonce not extended */
		"r=abxd,s=c2FsdA==,i=4096",       /* another nonce */
		"r=ab,s=c2FsdA==,i=4096",         /* a shorter one */
		"r=abc\x01,s=c2FsdA==,i=4096",    /* not printable */
		"r=abcd,s=,i=4096",               /* no salt */
		"r=abcd,s=c2FsdA,i=4096",         /* not base64 */
		"r=abcd,s=c2F*dA==,i=4096",
		"r=abcd,s=c2FsdA==,i=4095", /* too few */
		"r=abcd,s=c2FsdA==,i=1",
		"r=abcd,s=c2FsdA==,i=0",
		"r=abcd,s=c2FsdA==,i=1000001", /* too many */
		"r=abcd,s=c2FsdA==,i=99999999999999999999",
		"r=abcd,s=c2FsdA==,i=4294971392", /* 4096 in 32 bits */
		"r=abcd,s=c2FsdA==,i=-4096",
		"r=abcd,s=c2FsdA==,i=04096",
		"r=abcd,s=c2FsdA==,i=4096x",
		"e=unknown-user",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct kwire_error error = KWIRE_ERROR_INIT;

		if (answer_to(bad[i], &error) != KWIRE_ESASL)
			fail_msg("accepted: %s", bad[i]);
		assert_int_equal(error.result, KWIRE_ESASL);
		assert_int_equal(error.phase, KWIRE_PHASE_SASL);
		assert_null(strstr(error.message, "pencil"));
	}
	assert_int_equal(answer_to("r=abcd,s=c2FsdA==,i=4096", NULL), KWIRE_SASL_MORE);
	/* Extensions behind i= are not for us, but allowed. */
	assert_int_equal(answer_to("r=abcd,s=c2FsdA==,i=4096,x=y", NULL), KWIRE_SASL_MORE);
}

static int final_answer(const char *last, struct kwire_error *error)
{
	char token[512];
	void *machine;
	int progress;

	assert_int_equal(kw_scram_start(memory, KW_SHA256, "user", "pencil", false,
					"rOprNGfwEbeRWgbNEkqO", &machine, error),
			 0);
	step(&kw_sasl_scram_sha_256, machine, NULL, token, error);
	step(&kw_sasl_scram_sha_256, machine,
	     "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
	     "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
	     token, error);
	progress = step(&kw_sasl_scram_sha_256, machine, last, token, error);
	kw_sasl_scram_sha_256.end(machine);
	return progress;
}

static void scram_checks_that_the_broker_knows_the_password(void **state)
{
	static const char *const bad[] = {
		"",
		"v",
		"v=",
		"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G",    /* cut */
		"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjk=",      /* short */
		"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=,", /* comma */
		"x=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
		("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=6rriTRBi23WpRR/wtup+mMhUZUn/"
		 "dB5nLTJRsjl95G4=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="),
	};
	struct kwire_error error = KWIRE_ERROR_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (final_answer(bad[i], &error) != KWIRE_ESASL)
			fail_msg("accepted: %s", bad[i]);
	assert_int_equal(final_answer("v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", &error),
			 KWIRE_EAUTH);
	assert_non_null(strstr(error.message, "signature"));
	assert_int_equal(final_answer("e=invalid-proof", &error), KWIRE_EAUTH);
	assert_non_null(strstr(error.message, "invalid-proof"));
	assert_int_equal(final_answer("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", &error),
			 KWIRE_SASL_DONE);
}

static void two_scram_logins_have_different_nonces(void **state)
{
	char one[512], two[512];
	struct kwire_error error;
	void *machine;

	(void)state;
	kw_scram_start(memory, KW_SHA256, "u", "p", false, NULL, &machine, &error);
	step(&kw_sasl_scram_sha_256, machine, NULL, one, &error);
	kw_sasl_scram_sha_256.end(machine);
	kw_scram_start(memory, KW_SHA256, "u", "p", false, NULL, &machine, &error);
	step(&kw_sasl_scram_sha_256, machine, NULL, two, &error);
	kw_sasl_scram_sha_256.end(machine);
	assert_string_not_equal(one, two);
	assert_int_equal(strlen(one), strlen("n,,n=u,r=") + 32);
}

static struct kwire_config *config_of(const char *const *properties)
{
	struct kwire_config *config = kwire_config_new();
	struct kwire_error error;

	for (; *properties != NULL; properties += 2)
		assert_int_equal(kwire_config_set(config, properties[0], properties[1], &error), 0);
	return config;
}

static void plain_is_one_token_with_nul_between(void **state)
{
	struct kwire_config *config = kwire_config_new();
	struct kw_sasl_setting setting = {memory, config, false};
	struct kwire_sasl_login login = {sizeof(login), "host", 9092, 0, "alice", "s3cret"};
	struct kw_sasl_session session;
	struct kwire_error error;
	const void *token;
	size_t size;

	(void)state;
	assert_int_equal(kw_sasl_session_start(&session, "PLAIN", &setting, &login, &error), 0);
	assert_int_equal(kw_sasl_session_step(&session, NULL, 0, &token, &size, &error),
			 KWIRE_SASL_LAST);
	assert_int_equal(size, 13);
	assert_memory_equal(token, "\0alice\0s3cret", 13);
	kw_sasl_session_end(&session);
	login.password = "";
	assert_int_equal(kw_sasl_session_start(&session, "PLAIN", &setting, &login, &error),
			 KWIRE_ECONFIG);
	kw_sasl_session_end(&session);
	kwire_config_free(config);
}

static void oauthbearer_says_what_rfc_7628_asks(void **state)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	char token[512];
	void *machine;

	(void)state;
	assert_int_equal(
		kw_oauthbearer_start(memory, "aB.c-_~+/=", "traceId=1 2,site=x", &machine, &error),
		0);
	assert_int_equal(step(&kw_sasl_oauthbearer, machine, NULL, token, &error), KWIRE_SASL_MORE);
	assert_string_equal(token, "n,,\x01"
				   "auth=Bearer aB.c-_~+/=\x01"
				   "traceId=1 2\x01site=x\x01\x01");
	assert_int_equal(step(&kw_sasl_oauthbearer, machine, NULL, token, &error), KWIRE_SASL_DONE);
	kw_sasl_oauthbearer.end(machine);
}

static void oauthbearer_says_goodbye_to_a_refusal(void **state)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	char token[512];
	void *machine;

	(void)state;
	assert_int_equal(kw_oauthbearer_start(memory, "t", "", &machine, &error), 0);
	step(&kw_sasl_oauthbearer, machine, NULL, token, &error);
	assert_int_equal(step(&kw_sasl_oauthbearer, machine, "{\"status\":\"invalid_token\"}",
			      token, &error),
			 KWIRE_SASL_MORE);
	assert_string_equal(token, "\x01");
	/* A broker that goes on as if it had accepted it is not believed. */
	assert_int_equal(step(&kw_sasl_oauthbearer, machine, NULL, token, &error), KWIRE_EAUTH);
	assert_non_null(strstr(error.message, "invalid_token"));
	kw_sasl_oauthbearer.end(machine);
}

static void oauthbearer_refuses_what_could_break_its_framing(void **state)
{
	static const char *const bad[][2] = {
		{"", ""},    {"a b", ""}, {"a\x01", ""},   {"a\n", ""},
		{"=", ""},   {"a=b", ""}, {"t", "auth=x"}, {"t", "a1=x"},
		{"t", "=x"}, {"t", "a"},  {"t", "a=\x01"}, {"t", "a=b,,c=d"},
	};
	struct kwire_error error;
	void *machine;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (kw_oauthbearer_start(memory, bad[i][0], bad[i][1], &machine, &error) !=
		    KWIRE_ECONFIG)
			fail_msg("accepted: %s %s", bad[i][0], bad[i][1]);
}

static void unsecured_tokens_have_kafkas_form(void **state)
{
	struct kw_oauth_token token = {NULL, NULL};
	struct kwire_error error;

	(void)state;
	assert_int_equal(
		kw_oauth_unsecured(memory, "principal=alice scope=a,b lifeSeconds=60 extension_x=1",
				   1000, &token, &error),
		0);
	/* {"alg":"none"}.{"sub":"alice","iat":1000,"exp":1060,"scope":["a","b"]}. */
	assert_string_equal(token.token, "eyJhbGciOiJub25lIn0."
					 "eyJzdWIiOiJhbGljZSIsImlhdCI6MTAwMCwiZXhwIjoxMDYwLCJzY29w"
					 "ZSI6WyJhIiwiYiJdfQ.");
	assert_string_equal(token.extensions, "x=1");
	kw_oauth_token_fini(&token);
	assert_int_equal(kw_oauth_unsecured(memory, "scope=a", 0, &token, &error), KWIRE_ECONFIG);
	assert_int_equal(kw_oauth_unsecured(memory, "principal=a\"b", 0, &token, &error),
			 KWIRE_ECONFIG);
	assert_int_equal(kw_oauth_unsecured(memory, "principal=a colour=red", 0, &token, &error),
			 KWIRE_ECONFIG);
}

static void a_token_file_is_read_for_each_login(void **state)
{
	char path[] = "/tmp/kwire-token-XXXXXX";
	int fd = mkstemp(path);
	FILE *file = fdopen(fd, "w");
	const char *properties[] = {"sasl.oauthbearer.token.file", path, NULL};
	struct kwire_config *config = config_of(properties);
	struct kw_sasl_setting setting = {memory, config, false};
	struct kwire_sasl_login login = {sizeof(login), "host", 9092, 0, "", ""};
	struct kw_oauth_token token;
	struct kwire_error error;

	(void)state;
	fputs("first\n", file);
	fflush(file);
	assert_int_equal(kw_oauth_token_get(&token, &setting, &login, &error), 0);
	assert_string_equal(token.token, "first");
	kw_oauth_token_fini(&token);
	rewind(file);
	fputs("second", file);
	fclose(file);
	assert_int_equal(kw_oauth_token_get(&token, &setting, &login, &error), 0);
	assert_string_equal(token.token, "second");
	kw_oauth_token_fini(&token);
	remove(path);
	assert_int_equal(kw_oauth_token_get(&token, &setting, &login, &error), KWIRE_ECONFIG);
	assert_non_null(strstr(error.message, "token file"));
	kwire_config_free(config);
}

static void jaas_lines_of_java_clients_are_read(void **state)
{
	const char *properties[] = {
		"sasl.jaas.config",
		"org.apache.kafka.common.security.scram.ScramLoginModule required\n"
		"  username=\"al\\\"ice\" password='p;w'\ttokenauth=true;",
		NULL};
	static const char *const bad[] = {"",
					  "Module",
					  "Module needed a=\"b\";",
					  "Module required a=\"b\"",
					  "Module required a=\"b;",
					  "Module required a;",
					  "Module required =\"b\";",
					  "Module required a=\"b\"; Other required;"};
	struct kwire_config *config = config_of(properties);
	struct kw_credentials credentials;
	struct kwire_error error;

	(void)state;
	assert_int_equal(
		kw_credentials_get(&credentials, memory, config, "SCRAM-SHA-256", "h", 0, &error),
		0);
	assert_string_equal(credentials.username, "al\"ice");
	assert_string_equal(credentials.password, "p;w");
	assert_true(credentials.token_auth);
	kw_credentials_fini(&credentials);
	kwire_config_free(config);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (kw_jaas_check(bad[i], &error) != KWIRE_ECONFIG)
			fail_msg("accepted: %s", bad[i]);
}

static int credentials_callback(void *context, const char *mechanism, const char *host,
				int64_t deadline_ms, kwire_give_credentials_function *give,
				void *answer, struct kwire_error *error)
{
	(void)error;
	assert_string_equal(mechanism, "PLAIN");
	assert_string_equal(host, "broker");
	assert_int_equal(deadline_ms, 77);
	return *(int *)context < 0 ? *(int *)context : give(answer, "cb", "pw");
}

static void a_callback_overrules_properties_and_may_fail(void **state)
{
	const char *properties[] = {"sasl.username", "u", "sasl.password", "p", NULL};
	struct kwire_config *config = config_of(properties);
	struct kw_credentials credentials;
	struct kwire_error error = KWIRE_ERROR_INIT;
	int answer = 0;

	(void)state;
	kwire_config_set_credentials(config, credentials_callback, &answer);
	assert_int_equal(
		kw_credentials_get(&credentials, memory, config, "PLAIN", "broker", 77, &error), 0);
	assert_string_equal(credentials.username, "cb");
	assert_string_equal(credentials.password, "pw");
	kw_credentials_fini(&credentials);
	answer = KWIRE_EBROKER;
	assert_int_equal(
		kw_credentials_get(&credentials, memory, config, "PLAIN", "broker", 77, &error),
		KWIRE_EBROKER);
	assert_int_equal(error.result, KWIRE_EBROKER);
	kwire_config_free(config);
}

/* A mechanism of a program's: answers "ping" with "pong", then is done. */
static int custom_start(void *context, const struct kwire_sasl_login *login, void **state,
			struct kwire_error *error)
{
	(void)error;
	assert_string_equal(login->host, "host");
	*state = context;
	return 0;
}

static int custom_step(void *state, const void *challenge, size_t size, const void **token,
		       size_t *token_size, struct kwire_error *error)
{
	(void)error;
	if (challenge == NULL) {
		*token = state;
		*token_size = strlen(state);
		return KWIRE_SASL_MORE;
	}
	return size == 4 && memcmp(challenge, "pong", 4) == 0 ? KWIRE_SASL_DONE : KWIRE_EAUTH;
}

static void custom_end(void *state)
{
	(void)state;
}

static void a_program_can_add_and_replace_mechanisms(void **state)
{
	static const struct kwire_sasl_mechanism custom = {sizeof(custom), "AWS_MSK_IAM",
							   custom_start, custom_step, custom_end};
	static const struct kwire_sasl_mechanism plain = {sizeof(plain), "PLAIN", custom_start,
							  custom_step, custom_end};
	struct kwire_config *config = kwire_config_new();
	struct kw_sasl_setting setting = {memory, config, false};
	struct kwire_sasl_login login = {sizeof(login), "host", 9092, 0, "", ""};
	struct kwire_sasl_mechanism broken = custom;
	struct kw_sasl_session session;
	struct kwire_error error;
	const void *token;
	size_t size;

	(void)state;
	assert_false(kw_sasl_has(config, "AWS_MSK_IAM"));
	assert_int_equal(kw_sasl_session_start(&session, "AWS_MSK_IAM", &setting, &login, &error),
			 KWIRE_ECONFIG);
	assert_int_equal(kwire_config_add_mechanism(config, &custom, "ping", &error), 0);
	assert_int_equal(kwire_config_add_mechanism(config, &plain, "other", &error), 0);
	assert_true(kw_sasl_has(config, "AWS_MSK_IAM"));
	assert_int_equal(kw_sasl_session_start(&session, "PLAIN", &setting, &login, &error), 0);
	assert_int_equal(kw_sasl_session_step(&session, NULL, 0, &token, &size, &error),
			 KWIRE_SASL_MORE);
	assert_memory_equal(token, "other", 5);
	assert_int_equal(kw_sasl_session_step(&session, "bang", 4, &token, &size, &error),
			 KWIRE_EAUTH);
	assert_int_equal(error.result, KWIRE_EAUTH);
	kw_sasl_session_end(&session);
	broken.name = "lower case";
	assert_int_equal(kwire_config_add_mechanism(config, &broken, NULL, &error), KWIRE_EINVAL);
	kwire_config_free(config);
}

static void a_failed_allocation_is_out_of_memory_and_leaks_nothing(void **state)
{
	struct kwire_error error;
	bool done = false;
	void *machine;
	char token[512];

	(void)state;
	for (size_t cap = 1; !done; cap += 16) {
		struct kw_memory *small = kw_memory_new(NULL, cap);
		int result = kw_scram_start(small, KW_SHA512, "user", "pencil", false, "abc",
					    &machine, &error);

		if (result == 0) {
			step(&kw_sasl_scram_sha_512, machine, NULL, token, &error);
			result = step(&kw_sasl_scram_sha_512, machine, "r=abcd,s=c2FsdA==,i=4096",
				      token, &error);
			kw_sasl_scram_sha_512.end(machine);
		}
		done = result == KWIRE_SASL_MORE;
		assert_true(done || result == KWIRE_ENOMEM);
		assert_int_equal(kw_memory_used(small), 0);
		kw_memory_put(small);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(scram_sha_256_matches_rfc_7677, setup, teardown),
		cmocka_unit_test_setup_teardown(scram_escapes_names_and_marks_delegation_tokens,
						setup, teardown),
		cmocka_unit_test_setup_teardown(scram_refuses_each_malformed_first_message, setup,
						teardown),
		cmocka_unit_test_setup_teardown(scram_checks_that_the_broker_knows_the_password,
						setup, teardown),
		cmocka_unit_test_setup_teardown(two_scram_logins_have_different_nonces, setup,
						teardown),
		cmocka_unit_test_setup_teardown(plain_is_one_token_with_nul_between, setup,
						teardown),
		cmocka_unit_test_setup_teardown(oauthbearer_says_what_rfc_7628_asks, setup,
						teardown),
		cmocka_unit_test_setup_teardown(oauthbearer_says_goodbye_to_a_refusal, setup,
						teardown),
		cmocka_unit_test_setup_teardown(oauthbearer_refuses_what_could_break_its_framing,
						setup, teardown),
		cmocka_unit_test_setup_teardown(unsecured_tokens_have_kafkas_form, setup, teardown),
		cmocka_unit_test_setup_teardown(a_token_file_is_read_for_each_login, setup,
						teardown),
		cmocka_unit_test_setup_teardown(jaas_lines_of_java_clients_are_read, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_callback_overrules_properties_and_may_fail, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_program_can_add_and_replace_mechanisms, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			a_failed_allocation_is_out_of_memory_and_leaks_nothing, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
