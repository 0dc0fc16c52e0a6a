/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The login as a whole over a transport in memory: a broker that is a function
 * from frame to frame, good or lying.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <kwire/sasl.h>

#include "base/clock.h"
#include "base/error.h"
#include "sasl/crypto.h"
#include "sasl/sasl.h"

enum lie {
	HONEST,
	WRONG_ID,
	HUGE_ANSWER,
	TLS_ANSWER,
	CUT_ANSWER,
	CLOSE_AFTER_HANDSHAKE,
	TRAILING_BYTES,
	ILLEGAL_STATE,
	NEGATIVE_LIFETIME,
	BAD_SIGNATURE,
	SILENCE,
};

/* A broker, its wire included. */
struct broker {
	int16_t handshake_max, authenticate_max; /* that ApiVersions tells */
	const char *offered;                     /* mechanisms, separated by spaces */
	const char *refusal;                     /* what SaslAuthenticate says no with, or NULL */
	enum lie lie;
	int64_t lifetime_ms;

	char seen[256]; /* the requests: "18v0 17v1 36v2" */
	char mechanism[64];
	char tokens[8][512]; /* that the client sent */
	int token_count;
	bool raw;
	bool answered_json;

	uint8_t in[8192], out[8192];
	size_t in_size, out_size, out_taken;
	bool closed;
	size_t chunk; /* bytes that one read or write moves at most */

	char first_bare[512], server_first[256];
	char nonce[128];
};

struct writer {
	uint8_t data[4096];
	size_t size;
};

static void put(struct writer *writer, uint64_t value, size_t size)
{
	for (size_t i = 0; i < size; i++)
		writer->data[writer->size++] = (uint8_t)(value >> (8 * (size - 1 - i)));
}

static void put_data(struct writer *writer, const void *data, size_t size)
{
	memcpy(writer->data + writer->size, data, size);
	writer->size += size;
}

static uint64_t peek(const uint8_t *data, size_t size)
{
	uint64_t value = 0;

	for (size_t i = 0; i < size; i++)
		value = value << 8 | data[i];
	return value;
}

static const char *offered_at(const struct broker *broker, int index, size_t *size)
{
	const char *at = broker->offered;

	for (;;) {
		at += strspn(at, " ");
		*size = strcspn(at, " ");
		if (*size == 0)
			return NULL;
		if (index-- == 0)
			return at;
		at += *size;
	}
}

static bool offers(const struct broker *broker, const char *name)
{
	const char *at;
	size_t size;

	for (int i = 0; (at = offered_at(broker, i, &size)) != NULL; i++)
		if (size == strlen(name) && memcmp(at, name, size) == 0)
			return true;
	return false;
}

/* SCRAM's server with the password "pencil", salt "salt" and 4096 rounds. */
static void scram_answer(struct broker *broker, const char *token, char *answer, size_t size)
{
	enum kw_hash hash = strstr(broker->mechanism, "512") != NULL ? KW_SHA512 : KW_SHA256;
	uint8_t salted[KW_HASH_MAX], key[KW_HASH_MAX], stored[KW_HASH_MAX], signature[KW_HASH_MAX];
	uint8_t proof[KW_HASH_MAX + 3];
	char text[2048], *p;
	size_t decoded;

	if (broker->token_count == 1) {
		snprintf(broker->first_bare, sizeof(broker->first_bare), "%s", token + 3);
		snprintf(broker->nonce, sizeof(broker->nonce), "%s", strstr(token, "r=") + 2);
		broker->nonce[strcspn(broker->nonce, ",")] = '\0';
		snprintf(broker->server_first, sizeof(broker->server_first),
			 "r=%sSERVER,s=c2FsdA==,i=4096", broker->nonce);
		snprintf(answer, size, "%s", broker->server_first);
		return;
	}
	snprintf(text, sizeof(text), "%s,%s,%s", broker->first_bare, broker->server_first, token);
	p = strstr(text, ",p=");
	*p = '\0';
	kw_hi(hash, "pencil", 6, "salt", 4, 4096, salted);
	kw_hmac(hash, salted, kw_hash_size(hash), "Client Key", 10, key);
	kw_digest(hash, key, kw_hash_size(hash), stored);
	kw_hmac(hash, stored, kw_hash_size(hash), text, strlen(text), signature);
	if (!kw_base64_decode(p + 3, strlen(p + 3), proof, &decoded)) {
		snprintf(answer, size, "e=invalid-encoding");
		return;
	}
	for (size_t i = 0; i < decoded; i++)
		proof[i] ^= signature[i];
	if (decoded != kw_hash_size(hash) || memcmp(proof, key, decoded) != 0) {
		broker->refusal = "Authentication failed during authentication due to invalid "
				  "credentials with SASL mechanism SCRAM";
		return;
	}
	kw_hmac(hash, salted, kw_hash_size(hash), "Server Key", 10, key);
	kw_hmac(hash, key, kw_hash_size(hash), text, strlen(text), signature);
	if (broker->lie == BAD_SIGNATURE)
		signature[0] ^= 1;
	memcpy(answer, "v=", 2);
	kw_base64_encode(signature, kw_hash_size(hash), false, answer + 2);
}

/* What the broker's side of the mechanism says to `token`; sets refusal to refuse. */
static void mechanism_answer(struct broker *broker, const uint8_t *token, size_t size, char *answer,
			     size_t answer_size)
{
	char text[512];

	memcpy(text, token, size);
	text[size] = '\0';
	memcpy(broker->tokens[broker->token_count++], text, size + 1);
	answer[0] = '\0';
	if (strncmp(broker->mechanism, "SCRAM", 5) == 0)
		scram_answer(broker, text, answer, answer_size);
	else if (strcmp(broker->mechanism, "PLAIN") == 0 &&
		 (size != 12 || memcmp(token, "\0user\0pencil", 12) != 0))
		broker->refusal = "Authentication failed: Invalid username or password";
	else if (strcmp(broker->mechanism, "OAUTHBEARER") == 0 && strcmp(text, "\x01") == 0)
		broker->refusal = "{\"status\":\"invalid_token\"}";
	else if (strcmp(broker->mechanism, "OAUTHBEARER") == 0 &&
		 strstr(text, "Bearer good") == NULL)
		snprintf(answer, answer_size, "{\"status\":\"invalid_token\"}");
}

static void send_frame(struct broker *broker, const struct writer *writer)
{
	struct writer head = {{0}, 0};
	size_t size = writer->size;

	if (broker->lie == HUGE_ANSWER)
		put(&head, 1u << 30, 4);
	else if (broker->lie == TLS_ANSWER)
		put(&head, 0x15030100, 4);
	else
		put(&head, size + (broker->lie == TRAILING_BYTES), 4);
	memcpy(broker->out + broker->out_size, head.data, 4);
	memcpy(broker->out + broker->out_size + 4, writer->data, size + 1);
	broker->out_size += 4 + size + (broker->lie == TRAILING_BYTES);
	if (broker->lie == CUT_ANSWER) {
		broker->out_size -= 1;
		broker->closed = true;
	}
}

static void serve_frame(struct broker *broker, const uint8_t *frame, size_t size)
{
	struct writer w = {{0}, 0};
	int16_t key = (int16_t)peek(frame, 2), version = (int16_t)peek(frame + 2, 2);
	uint32_t id = (uint32_t)peek(frame + 4, 4);
	size_t client = (size_t)peek(frame + 8, 2);
	const uint8_t *body = frame + 10 + client;
	size_t used = strlen(broker->seen), count, token_size;
	char answer[512];
	const char *at;

	if (broker->lie == SILENCE || broker->closed)
		return;
	if (broker->raw) {
		mechanism_answer(broker, frame, size, answer, sizeof(answer));
		if (broker->refusal != NULL) {
			broker->closed = true;
			return;
		}
		put_data(&w, answer, strlen(answer));
		send_frame(broker, &w);
		return;
	}
	snprintf(broker->seen + used, sizeof(broker->seen) - used, "%s%dv%d", used > 0 ? " " : "",
		 key, version);
	assert_true(id >= INT32_MAX - 7u && id <= INT32_MAX);
	put(&w, id + (broker->lie == WRONG_ID), 4);
	if (key == 18) {
		put(&w, 0, 2);
		put(&w, 2, 4);
		put(&w, 17, 2);
		put(&w, 0, 2);
		put(&w, (uint16_t)broker->handshake_max, 2);
		put(&w, 36, 2);
		put(&w, 0, 2);
		put(&w, (uint16_t)broker->authenticate_max, 2);
	} else if (key == 17) {
		snprintf(broker->mechanism, sizeof(broker->mechanism), "%.*s", (int)peek(body, 2),
			 (const char *)body + 2);
		put(&w, offers(broker, broker->mechanism) ? 0 : 33, 2);
		for (count = 0; offered_at(broker, (int)count, &token_size) != NULL;)
			count++;
		put(&w, count, 4);
		for (size_t i = 0; i < count; i++) {
			at = offered_at(broker, (int)i, &token_size);
			put(&w, token_size, 2);
			put_data(&w, at, token_size);
		}
		broker->raw = version == 0;
		if (broker->lie == CLOSE_AFTER_HANDSHAKE)
			broker->closed = true;
	} else {
		bool flexible = version >= 2;

		if (flexible) {
			body += 1; /* tags */
			token_size = body[0] & 0x7f;
			if (body[0] & 0x80)
				token_size |= (size_t)body[1] << 7;
			body += body[0] & 0x80 ? 2 : 1;
			token_size -= 1;
			assert_int_equal(body + token_size + 1 - frame, size);
			put(&w, 0, 1);
		} else {
			token_size = (size_t)peek(body, 4);
			body += 4;
			assert_int_equal(body + token_size - frame, size);
		}
		mechanism_answer(broker, body, token_size, answer, sizeof(answer));
		put(&w, broker->lie == ILLEGAL_STATE ? 34 : broker->refusal != NULL ? 58 : 0, 2);
		if (broker->refusal != NULL) {
			put(&w, strlen(broker->refusal) + flexible, flexible ? 1 : 2);
			put_data(&w, broker->refusal, strlen(broker->refusal));
		} else {
			put(&w, flexible ? 0 : 0xffff, flexible ? 1 : 2);
		}
		if (flexible && strlen(answer) + 1 >= 128) {
			put(&w, ((strlen(answer) + 1) & 0x7f) | 0x80, 1);
			put(&w, (strlen(answer) + 1) >> 7, 1);
		} else {
			put(&w, strlen(answer) + flexible, flexible ? 1 : 4);
		}
		put_data(&w, answer, strlen(answer));
		if (version >= 1)
			put(&w,
			    broker->lie == NEGATIVE_LIFETIME ? UINT64_MAX
							     : (uint64_t)broker->lifetime_ms,
			    8);
		if (flexible)
			put(&w, 0, 1);
	}
	send_frame(broker, &w);
}

static ssize_t broker_writev(void *transport, const struct iovec *iov, int count,
			     int64_t deadline_ms, struct kwire_error *error)
{
	struct broker *broker = transport;
	size_t size = iov->iov_len < broker->chunk ? iov->iov_len : broker->chunk;

	(void)deadline_ms;
	assert_int_equal(count, 1);
	assert_non_null(error);
	memcpy(broker->in + broker->in_size, iov->iov_base, size);
	broker->in_size += size;
	while (broker->in_size >= 4 && broker->in_size >= 4 + peek(broker->in, 4)) {
		size_t frame = (size_t)peek(broker->in, 4);

		serve_frame(broker, broker->in + 4, frame);
		broker->in_size -= 4 + frame;
		memmove(broker->in, broker->in + 4 + frame, broker->in_size);
	}
	return (ssize_t)size;
}

static ssize_t broker_read(void *transport, const struct iovec *iov, int count, int64_t deadline_ms,
			   struct kwire_error *error)
{
	struct broker *broker = transport;
	size_t left = broker->out_size - broker->out_taken;
	size_t size = iov->iov_len < broker->chunk ? iov->iov_len : broker->chunk;

	(void)deadline_ms;
	(void)count;
	if (left == 0)
		return broker->closed ? 0 : kw_fail(error, KWIRE_ETIMEDOUT, "timed out");
	size = size < left ? size : left;
	memcpy(iov->iov_base, broker->out + broker->out_taken, size);
	broker->out_taken += size;
	return (ssize_t)size;
}

static void broker_nothing(void *transport)
{
	(void)transport;
}

static const struct kwire_transport_ops broker_ops = {
	.size = sizeof(broker_ops),
	.read = broker_read,
	.writev = broker_writev,
	.wake = broker_nothing,
	.shutdown = broker_nothing,
	.close = broker_nothing,
};

static struct broker honest(void)
{
	struct broker broker;

	memset(&broker, 0, sizeof(broker));
	broker.handshake_max = 1;
	broker.authenticate_max = 2;
	broker.offered = "PLAIN SCRAM-SHA-256 SCRAM-SHA-512 OAUTHBEARER";
	broker.chunk = 8192;
	return broker;
}

static int login(struct broker *broker, const char *mechanism, const char *password,
		 int64_t *lifetime_ms, struct kwire_error *error)
{
	struct kwire_config *config = kwire_config_new();
	int result;

	memset(error, 0, sizeof(*error));
	kwire_config_set(config, "sasl.mechanism", mechanism, NULL);
	kwire_config_set(config, "sasl.username", "user", NULL);
	kwire_config_set(config, "sasl.password", password, NULL);
	kwire_config_set(config, "sasl.jaas.config",
			 "OAuthBearerLoginModule required unsecuredLoginStringClaim_sub=\"u\";",
			 NULL);
	result = kwire_sasl_authenticate(config, &broker_ops, broker, "broker", 1000, lifetime_ms,
					 error);
	kwire_config_free(config);
	assert_int_equal(result, error->result);
	if (result != 0) {
		assert_int_equal(error->phase, KWIRE_PHASE_SASL);
		assert_null(strstr(error->message, "pencil"));
	}
	return result;
}

static void every_mechanism_logs_in_at_every_version(void **state)
{
	static const char *const mechanisms[] = {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"};
	struct kwire_error error;
	int64_t lifetime;
	char seen[64];

	(void)state;
	for (size_t i = 0; i < 3; i++)
		for (int16_t version = -1; version <= 3; version++) {
			struct broker broker = honest();

			broker.authenticate_max = version;
			broker.lifetime_ms = 5000;
			broker.chunk = i == 0 ? 1 : 8192;
			lifetime = 77;
			assert_int_equal(login(&broker, mechanisms[i], "pencil", &lifetime, &error),
					 0);
			assert_int_equal(lifetime, version >= 1 ? 5000 : 0);
			assert_int_equal(broker.token_count, i == 0 ? 1 : 2);
			/* Everything that the broker sent was read off. */
			assert_int_equal(broker.out_taken, broker.out_size);
			snprintf(seen, sizeof(seen), version < 0 ? "18v0 17v0" : "18v0 17v1 36v%d",
				 version > 2 ? 2 : version);
			assert_memory_equal(broker.seen, seen, strlen(seen));
		}
}

static void a_wrong_password_is_final_and_in_the_brokers_words(void **state)
{
	static const char *const mechanisms[] = {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"};
	struct kwire_error error;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct broker broker = honest(), old = honest();

		assert_int_equal(login(&broker, mechanisms[i], "wrong", NULL, &error), KWIRE_EAUTH);
		assert_int_equal(error.kafka_code, 58);
		assert_false(error.retriable);
		assert_non_null(strstr(error.message, broker.refusal));
		old.handshake_max = 0;
		assert_int_equal(login(&old, mechanisms[i], "wrong", NULL, &error), KWIRE_EAUTH);
		assert_non_null(strstr(error.message, "closed the connection"));
	}
}

static void a_refused_token_gets_its_goodbye_and_the_reason_is_told(void **state)
{
	struct broker broker = honest(), old = honest();
	struct kwire_error error;

	(void)state;
	assert_int_equal(login(&broker, "OAUTHBEARER", "", NULL, &error), KWIRE_EAUTH);
	assert_int_equal(broker.token_count, 2);
	assert_string_equal(broker.tokens[1], "\x01");
	assert_non_null(strstr(error.message, "invalid_token"));
	old.authenticate_max = -1;
	assert_int_equal(login(&old, "OAUTHBEARER", "", NULL, &error), KWIRE_EAUTH);
}

static void the_first_mechanism_that_the_broker_offers_is_found(void **state)
{
	struct broker broker = honest();
	struct kwire_config *config = kwire_config_new();
	struct kw_memory *memory = kw_memory_new(NULL, 0);
	struct kw_sasl_options options = {.config = config, .host = "h", .deadline_ms = INT64_MAX};
	struct kw_sasl_outcome outcome;
	struct kwire_error error = KWIRE_ERROR_INIT;

	(void)state;
	broker.offered = "GSSAPI SCRAM-SHA-512 PLAIN";
	kwire_config_set(config, "sasl.mechanism", "SCRAM-SHA-256 , SCRAM-SHA-512,PLAIN", NULL);
	kwire_config_set(config, "sasl.username", "user", NULL);
	kwire_config_set(config, "sasl.password", "pencil", NULL);
	assert_int_equal(
		kw_sasl_authenticate(memory, &options, &broker_ops, &broker, &outcome, &error),
		KWIRE_EUNSUPPORTED);
	assert_int_equal(outcome.choice, 1);
	assert_true(error.retriable);
	broker = honest();
	options.first_choice = outcome.choice;
	assert_int_equal(
		kw_sasl_authenticate(memory, &options, &broker_ops, &broker, &outcome, &error), 0);
	assert_string_equal(outcome.mechanism, "SCRAM-SHA-512");
	kwire_config_free(config);
	assert_int_equal(kw_memory_used(memory), 0);
	kw_memory_put(memory);
}

static void a_mechanism_that_nobody_offers_is_final_and_lists_what_is(void **state)
{
	struct broker broker = honest();
	struct kwire_error error;

	(void)state;
	broker.offered = "GSSAPI SCRAM-SHA-512";
	assert_int_equal(login(&broker, "PLAIN", "pencil", NULL, &error), KWIRE_EAUTH);
	assert_int_equal(error.kafka_code, 33);
	assert_non_null(strstr(error.message, "GSSAPI, SCRAM-SHA-512"));
}

static void a_broken_exchange_is_told_from_a_refusal(void **state)
{
	static const struct {
		enum lie lie;
		int result;
		const char *says;
	} cases[] = {
		{WRONG_ID, KWIRE_ESASL, "another request"},
		{HUGE_ANSWER, KWIRE_ETOOLARGE, "1073741824"},
		{TLS_ANSWER, KWIRE_EPROTOCOL, "TLS listener"},
		{CUT_ANSWER, KWIRE_ESASL, "closed the connection"},
		{CLOSE_AFTER_HANDSHAKE, KWIRE_ESASL, "closed the connection"},
		{TRAILING_BYTES, KWIRE_ESASL, "malformed"},
		{ILLEGAL_STATE, KWIRE_ESASL, "ILLEGAL_SASL_STATE"},
		{NEGATIVE_LIFETIME, KWIRE_ESASL, "negative"},
		{BAD_SIGNATURE, KWIRE_EAUTH, "signature"},
		{SILENCE, KWIRE_ETIMEDOUT, "in time"},
	};
	struct kwire_error error;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct broker broker = honest();

		broker.lie = cases[i].lie;
		assert_int_equal(login(&broker, "SCRAM-SHA-256", "pencil", NULL, &error),
				 cases[i].result);
		if (strstr(error.message, cases[i].says) == NULL)
			fail_msg("\"%s\" does not say \"%s\"", error.message, cases[i].says);
	}
}

static void a_broker_without_sasl_is_unsupported(void **state)
{
	struct broker broker = honest();
	struct kwire_error error;

	(void)state;
	broker.handshake_max = -1;
	assert_int_equal(login(&broker, "PLAIN", "pencil", NULL, &error), KWIRE_EUNSUPPORTED);
}

static void no_mechanism_and_unknown_ones_are_configuration_errors(void **state)
{
	struct broker broker = honest();
	struct kwire_error error;

	(void)state;
	assert_int_equal(login(&broker, "", "pencil", NULL, &error), KWIRE_ECONFIG);
	assert_int_equal(login(&broker, "KERBEROS_V9", "pencil", NULL, &error), KWIRE_ECONFIG);
	assert_string_equal(broker.seen, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_mechanism_logs_in_at_every_version),
		cmocka_unit_test(a_wrong_password_is_final_and_in_the_brokers_words),
		cmocka_unit_test(a_refused_token_gets_its_goodbye_and_the_reason_is_told),
		cmocka_unit_test(the_first_mechanism_that_the_broker_offers_is_found),
		cmocka_unit_test(a_mechanism_that_nobody_offers_is_final_and_lists_what_is),
		cmocka_unit_test(a_broken_exchange_is_told_from_a_refusal),
		cmocka_unit_test(a_broker_without_sasl_is_unsupported),
		cmocka_unit_test(no_mechanism_and_unknown_ones_are_configuration_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
