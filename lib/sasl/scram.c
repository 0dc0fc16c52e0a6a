/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SCRAM-SHA-256 and SCRAM-SHA-512 (RFC 5802, RFC 7677) as Kafka speaks them: no
 * channel binding, no SASLprep, names and passwords as the UTF-8 they are, and
 * Kafka's extension for delegation tokens.  Called through the table in table.c.
 *
 * The broker has to prove that it knows the password too: a login is over only
 * when its signature was checked.
 */
#include <stdio.h>
#include <string.h>

#include "../base/error.h"
#include "mechanism.h"

enum {
	NONCE_BYTES = 24,
	MIN_ITERATIONS = 4096,
	MAX_ITERATIONS = 1000000,
	MAX_CHALLENGE = 16384,
};

enum stage {
	CLIENT_FIRST,
	CLIENT_FINAL,
	SERVER_FINAL,
	OVER,
};

struct scram {
	struct kw_memory *memory;
	enum kw_hash hash;
	enum stage stage;
	char *password;
	char *first;       /* client-first-message, "n,," in front */
	const char *nonce; /* ours, within `first` */
	size_t nonce_size;
	char *final;                    /* client-final-message */
	size_t final_size;              /* allocated */
	uint8_t signature[KW_HASH_MAX]; /* that the broker has to send */
};

static int refuse(struct kwire_error *error, const char *what)
{
	return kw_fail_in(error, KWIRE_ESASL, KWIRE_PHASE_SASL, "SCRAM: the broker %s", what);
}

/* RFC 5802: ',' and '=' in a name are written "=2C" and "=3D". */
static char *put_name(char *to, const char *name)
{
	for (; *name != '\0'; name++) {
		if (*name == ',' || *name == '=') {
			memcpy(to, *name == ',' ? "=2C" : "=3D", 3);
			to += 3;
		} else {
			*to++ = *name;
		}
	}
	return to;
}

static void scram_end(void *state)
{
	struct scram *scram = state;

	if (scram->password != NULL)
		kw_wipe(scram->password, strlen(scram->password));
	kw_free(scram->password);
	kw_free(scram->first);
	if (scram->final != NULL)
		kw_wipe(scram->final, scram->final_size);
	kw_free(scram->final);
	kw_wipe(scram, sizeof(*scram));
	kw_free(scram);
}

int kw_scram_start(struct kw_memory *memory, enum kw_hash hash, const char *username,
		   const char *password, bool token_auth, const char *nonce, void **state,
		   struct kwire_error *error)
{
	static const char extension[] = ",tokenauth=true";
	uint8_t random[NONCE_BYTES];
	char text[NONCE_BYTES * 2];
	struct scram *scram;
	char *at;

	if (*username == '\0' || *password == '\0')
		return kw_fail_in(error, KWIRE_ECONFIG, KWIRE_PHASE_SASL,
				  "SCRAM needs sasl.username and sasl.password");
	if (nonce == NULL) {
		if (kw_random(random, sizeof(random)) != 0)
			return kw_fail_in(error, KWIRE_EOS, KWIRE_PHASE_SASL,
					  "the system has no random bytes to give");
		kw_base64_encode(random, sizeof(random), false, text);
		nonce = text;
	}
	scram = kw_zalloc(memory, sizeof(*scram));
	if (scram == NULL)
		return kw_fail_memory(error);
	scram->memory = memory;
	scram->hash = hash;
	scram->password = kw_strdup(memory, password);
	scram->first = kw_alloc(memory, 3 * strlen(username) + strlen(nonce) + 32);
	if (scram->password == NULL || scram->first == NULL) {
		scram_end(scram);
		return kw_fail_memory(error);
	}
	memcpy(scram->first, "n,,n=", 5);
	at = put_name(scram->first + 5, username);
	memcpy(at, ",r=", 3);
	scram->nonce = at + 3;
	scram->nonce_size = strlen(nonce);
	memcpy(at + 3, nonce, scram->nonce_size);
	at += 3 + scram->nonce_size;
	memcpy(at, token_auth ? extension : "", token_auth ? sizeof(extension) : 1);
	*state = scram;
	return KWIRE_OK;
}

/*
 * Takes "<letter>=value" off the front of a message, up to a comma or its end.
 * False: something else stands there.
 */
static bool take(const char **message, size_t *size, char letter, const char **value,
		 size_t *value_size)
{
	const char *comma;

	if (*size < 2 || (*message)[0] != letter || (*message)[1] != '=')
		return false;
	*value = *message + 2;
	comma = memchr(*value, ',', *size - 2);
	*value_size = comma != NULL ? (size_t)(comma - *value) : *size - 2;
	*size -= 2 + *value_size;
	*message = *value + *value_size;
	if (comma != NULL) {
		++*message;
		--*size;
		/* A comma with nothing behind it is no message. */
		return *size > 0;
	}
	return true;
}

static bool parse_iterations(const char *text, size_t size, uint32_t *iterations)
{
	uint32_t value = 0;

	if (size == 0 || size > 9 || text[0] == '0')
		return false;
	for (size_t i = 0; i < size; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		value = value * 10 + (uint32_t)(text[i] - '0');
	}
	*iterations = value;
	return true;
}

/* What server-first-message holds: r=, s=, i=, in this order. */
struct server_first {
	const char *nonce;
	size_t nonce_size;
	const char *salt; /* base64 */
	size_t salt_size;
	uint32_t iterations;
};

static int parse_server_first(const struct scram *scram, const char *message, size_t size,
			      struct server_first *first, struct kwire_error *error)
{
	const char *count = NULL;
	size_t count_size = 0;

	/* m= asks for an extension that must be understood: none is. */
	if (!take(&message, &size, 'r', &first->nonce, &first->nonce_size) ||
	    !take(&message, &size, 's', &first->salt, &first->salt_size) ||
	    !take(&message, &size, 'i', &count, &count_size))
		return refuse(error, "sent a malformed first message (r=, s=, i= expected)");
	if (first->nonce_size <= scram->nonce_size ||
	    memcmp(first->nonce, scram->nonce, scram->nonce_size) != 0)
		return refuse(error, "did not extend the nonce it was sent");
	for (size_t i = 0; i < first->nonce_size; i++)
		if (first->nonce[i] < 0x21 || first->nonce[i] > 0x7e)
			return refuse(error, "sent a nonce that is not printable");
	if (!parse_iterations(count, count_size, &first->iterations))
		return refuse(error, "sent an iteration count that is no number");
	if (first->iterations < MIN_ITERATIONS || first->iterations > MAX_ITERATIONS)
		return kw_fail_in(
			error, KWIRE_ESASL, KWIRE_PHASE_SASL,
			"SCRAM: the broker asks for %u iterations; kwire accepts %d to %d",
			first->iterations, MIN_ITERATIONS, MAX_ITERATIONS);
	return KWIRE_OK;
}

/*
 * From the salted password: our proof, and the signature that we expect.  All
 * that is derived from the password is wiped before this returns.
 */
static int compute(struct scram *scram, const uint8_t *salt, size_t salt_size, uint32_t iterations,
		   const char *message, size_t message_size, uint8_t *proof)
{
	uint8_t salted[KW_HASH_MAX], key[KW_HASH_MAX], stored[KW_HASH_MAX];
	size_t size = kw_hash_size(scram->hash);
	int result = kw_hi(scram->hash, scram->password, strlen(scram->password), salt, salt_size,
			   iterations, salted);

	if (result == 0)
		result = kw_hmac(scram->hash, salted, size, "Client Key", 10, key);
	if (result == 0)
		result = kw_digest(scram->hash, key, size, stored);
	if (result == 0)
		result = kw_hmac(scram->hash, stored, size, message, message_size, proof);
	for (size_t i = 0; result == 0 && i < size; i++)
		proof[i] ^= key[i];
	if (result == 0)
		result = kw_hmac(scram->hash, salted, size, "Server Key", 10, key);
	if (result == 0)
		result = kw_hmac(scram->hash, key, size, message, message_size, scram->signature);
	kw_wipe(salted, sizeof(salted));
	kw_wipe(key, sizeof(key));
	kw_wipe(stored, sizeof(stored));
	return result;
}

static int answer_server_first(struct scram *scram, const char *message, size_t size,
			       struct kwire_error *error)
{
	const char *bare = scram->first + 3; /* behind "n,," */
	size_t bare_size = strlen(bare);
	uint8_t proof[KW_HASH_MAX];
	struct server_first first;
	size_t salt_size, text_size, without_proof;
	uint8_t *salt;
	char *text; /* AuthMessage: client-first-bare , server-first , client-final-without-proof */
	int result = parse_server_first(scram, message, size, &first, error);

	if (result != 0)
		return result;
	salt = kw_alloc(scram->memory, first.salt_size + 1);
	text = kw_alloc(scram->memory, bare_size + size + first.nonce_size + 16);
	scram->final_size = first.nonce_size + kw_base64_size(KW_HASH_MAX) + 16;
	scram->final = kw_alloc(scram->memory, scram->final_size);
	if (salt == NULL || text == NULL || scram->final == NULL) {
		result = kw_fail_memory(error);
		goto out;
	}
	if (!kw_base64_decode(first.salt, first.salt_size, salt, &salt_size) || salt_size == 0) {
		result = refuse(error, "sent a salt that is not base64");
		goto out;
	}
	memcpy(scram->final, "c=biws,r=", 9);
	memcpy(scram->final + 9, first.nonce, first.nonce_size);
	without_proof = 9 + first.nonce_size;

	memcpy(text, bare, bare_size);
	text[bare_size] = ',';
	memcpy(text + bare_size + 1, message, size);
	text[bare_size + 1 + size] = ',';
	memcpy(text + bare_size + size + 2, scram->final, without_proof);
	text_size = bare_size + size + 2 + without_proof;
	if (compute(scram, salt, salt_size, first.iterations, text, text_size, proof) != 0) {
		result = kw_fail_memory(error);
		goto out;
	}
	memcpy(scram->final + without_proof, ",p=", 3);
	kw_base64_encode(proof, kw_hash_size(scram->hash), false, scram->final + without_proof + 3);
out:
	kw_wipe(scram->password, strlen(scram->password));
	kw_free(salt);
	kw_free(text);
	return result;
}

static int check_server_final(const struct scram *scram, const char *message, size_t size,
			      struct kwire_error *error)
{
	uint8_t signature[KW_HASH_MAX + 3];
	const char *value = NULL;
	size_t value_size = 0, decoded;
	char shown[64];

	if (take(&message, &size, 'e', &value, &value_size)) {
		size_t i;

		for (i = 0; i < value_size && i < sizeof(shown) - 1; i++)
			shown[i] = (char)(value[i] >= 0x20 && value[i] < 0x7f ? value[i] : '?');
		shown[i] = '\0';
		return kw_fail_in(error, KWIRE_EAUTH, KWIRE_PHASE_SASL,
				  "the broker refused the login: %s", shown);
	}
	if (!take(&message, &size, 'v', &value, &value_size))
		return refuse(error, "sent a malformed last message (v= or e= expected)");
	if (value_size / 4 * 3 > sizeof(signature) ||
	    !kw_base64_decode(value, value_size, signature, &decoded) ||
	    decoded != kw_hash_size(scram->hash))
		return refuse(error, "sent a signature that is none");
	if (!kw_equal(signature, scram->signature, decoded))
		return kw_fail_in(error, KWIRE_EAUTH, KWIRE_PHASE_SASL,
				  "SCRAM: the broker's signature is wrong: it does not know the "
				  "password, so it is not the broker");
	return KWIRE_OK;
}

static int scram_step(void *state, const void *challenge, size_t challenge_size, const void **token,
		      size_t *token_size, struct kwire_error *error)
{
	struct scram *scram = state;
	int result;

	if (challenge_size > MAX_CHALLENGE)
		return refuse(error, "sent too long a message");
	switch (scram->stage) {
	case CLIENT_FIRST:
		scram->stage = CLIENT_FINAL;
		*token = scram->first;
		*token_size = strlen(scram->first);
		return KWIRE_SASL_MORE;
	case CLIENT_FINAL:
		scram->stage = OVER;
		result = answer_server_first(scram, challenge, challenge_size, error);
		if (result != 0)
			return result;
		scram->stage = SERVER_FINAL;
		*token = scram->final;
		*token_size = strlen(scram->final);
		return KWIRE_SASL_MORE;
	case SERVER_FINAL:
		scram->stage = OVER;
		result = check_server_final(scram, challenge, challenge_size, error);
		return result != 0 ? result : KWIRE_SASL_DONE;
	case OVER:
		break;
	}
	return refuse(error, "went on after the end of the exchange");
}

static int start_256(void *context, const struct kwire_sasl_login *login, void **state,
		     struct kwire_error *error)
{
	const struct kw_sasl_setting *setting = context;

	return kw_scram_start(setting->memory, KW_SHA256, login->username, login->password,
			      setting->token_auth, NULL, state, error);
}

static int start_512(void *context, const struct kwire_sasl_login *login, void **state,
		     struct kwire_error *error)
{
	const struct kw_sasl_setting *setting = context;

	return kw_scram_start(setting->memory, KW_SHA512, login->username, login->password,
			      setting->token_auth, NULL, state, error);
}

const struct kwire_sasl_mechanism kw_sasl_scram_sha_256 = {
	sizeof(struct kwire_sasl_mechanism), "SCRAM-SHA-256", start_256, scram_step, scram_end};
const struct kwire_sasl_mechanism kw_sasl_scram_sha_512 = {
	sizeof(struct kwire_sasl_mechanism), "SCRAM-SHA-512", start_512, scram_step, scram_end};
