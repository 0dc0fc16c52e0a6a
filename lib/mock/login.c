/* SPDX-License-Identifier: Apache-2.0 */
/* See login.h.  What is said to a client that is refused is what Kafka's brokers say. */
#include "login.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../sasl/crypto.h"
#include "../sasl/json_member.h"

enum {
	ITERATIONS = 4096,
	SALT_SIZE = 16,
	NONCE_SIZE = 18,
};

static const char *const names[] = {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"};

enum {
	PLAIN,
	SCRAM_SHA_256,
	SCRAM_SHA_512,
	OAUTHBEARER,
	MECHANISMS
};

int kw_mock_mechanism_of(const char *name, size_t size)
{
	for (int i = 0; i < MECHANISMS; i++)
		if (strlen(names[i]) == size && memcmp(names[i], name, size) == 0)
			return i;
	return -1;
}

const char *kw_mock_mechanism(int number)
{
	return number >= 0 && number < MECHANISMS ? names[number] : NULL;
}

static void forget(struct kw_mock_login *login)
{
	if (login->first != NULL)
		kw_wipe(login->first, strlen(login->first));
	kw_free(login->first);
	login->first = NULL;
}

void kw_mock_login_begin(struct kw_mock_login *login, int mechanism)
{
	forget(login);
	login->mechanism = mechanism;
	login->round = 0;
	login->user[0] = '\0';
	login->until_ms = 0;
}

void kw_mock_login_fini(struct kw_mock_login *login)
{
	forget(login);
	kw_wipe(login, sizeof(*login));
}

static enum kw_mock_progress refuse(struct kw_mock_login *login, const char *reason)
{
	snprintf(login->reason, sizeof(login->reason), "%s", reason);
	return KW_MOCK_LOGIN_REFUSED;
}

static const struct kw_mock_user *find_user(const struct kw_mock_user *users, const char *name)
{
	while (users != NULL && strcmp(users->name, name) != 0)
		users = users->next;
	return users;
}

/* --------------------------------------------------------------------- PLAIN */

/* "authorize as \0 name \0 password" */
static enum kw_mock_progress plain(struct kw_mock_login *login, const struct kw_mock_user *users,
				   const char *token, size_t size)
{
	const char *end = token + size, *name, *password;
	const struct kw_mock_user *user;

	name = memchr(token, '\0', size);
	password = name != NULL ? memchr(name + 1, '\0', (size_t)(end - name) - 1) : NULL;
	if (password == NULL || memchr(password + 1, '\0', (size_t)(end - password) - 1) != NULL ||
	    (size_t)(password - name) > sizeof(login->user))
		return refuse(login, "Authentication failed: Invalid SASL/PLAIN response: expected "
				     "3 tokens");
	memcpy(login->user, name + 1, (size_t)(password - name));
	password++;
	if (login->user[0] == '\0')
		return refuse(login, "Authentication failed: username not specified");
	if (password == end)
		return refuse(login, "Authentication failed: password not specified");
	user = find_user(users, login->user);
	if (user == NULL || strlen(user->password) != (size_t)(end - password) ||
	    memcmp(user->password, password, (size_t)(end - password)) != 0)
		return refuse(login, "Authentication failed: Invalid username or password");
	if (name != token && ((size_t)(name - token) != strlen(login->user) ||
			      memcmp(token, login->user, (size_t)(name - token)) != 0))
		return refuse(login, "Authentication failed: Client requested an authorization id "
				     "that is different from username");
	return KW_MOCK_LOGIN_DONE;
}

/* --------------------------------------------------------------------- SCRAM */

static enum kw_mock_progress wrong(struct kw_mock_login *login)
{
	snprintf(login->reason, sizeof(login->reason),
		 "Authentication failed during %s due to invalid credentials with SASL mechanism "
		 "%s",
		 login->again ? "re-authentication" : "authentication", names[login->mechanism]);
	return KW_MOCK_LOGIN_REFUSED;
}

/* The attribute `name` of "n=...,r=...", up to the next comma; NULL, empty: it is not there. */
static const char *attribute(const char *message, char name, size_t *size)
{
	*size = 0;
	while (message[0] != '\0' && (message[0] != name || message[1] != '=')) {
		message += strcspn(message, ",");
		message += *message == ',';
	}
	if (message[0] == '\0')
		return NULL;
	message += 2;
	*size = strcspn(message, ",");
	return message;
}

/* A name as RFC 5802 writes it: "=2C" is a comma, "=3D" an equals sign. */
static bool take_name(struct kw_mock_login *login, const char *name, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < size; i++) {
		char c = name[i];

		if (c == '=') {
			if (size - i < 3 || name[i + 1] < '2' || name[i + 1] > '3' ||
			    (name[i + 2] != 'C' && name[i + 2] != 'D'))
				return false;
			c = name[i + 1] == '2' ? ',' : '=';
			i += 2;
		}
		if (used + 1 == sizeof(login->user))
			return false;
		login->user[used++] = c;
	}
	login->user[used] = '\0';
	return used > 0;
}

/* "n,,n=name,r=nonce": answers "r=nonce and ours,s=salt,i=iterations". */
static enum kw_mock_progress scram_first(struct kw_mock_login *login,
					 const struct kw_mock_user *users, const char *message)
{
	uint8_t salt[SALT_SIZE], nonce[NONCE_SIZE];
	char salt_text[SALT_SIZE * 2], nonce_text[NONCE_SIZE * 2];
	size_t name_size, nonce_size, size;
	const char *name, *theirs;

	if (strncmp(message, "n,", 2) != 0 || (message = strchr(message + 2, ',')) == NULL)
		return wrong(login);
	message++;
	name = attribute(message, 'n', &name_size);
	theirs = attribute(message, 'r', &nonce_size);
	if (name == NULL || theirs == NULL || !take_name(login, name, name_size) ||
	    nonce_size > 256 || find_user(users, login->user) == NULL ||
	    kw_random(salt, sizeof(salt)) != 0 || kw_random(nonce, sizeof(nonce)) != 0)
		return wrong(login);
	kw_base64_encode(salt, sizeof(salt), false, salt_text);
	kw_base64_encode(nonce, sizeof(nonce), true, nonce_text);
	login->answer_size = (size_t)snprintf(login->answer, sizeof(login->answer),
					      "r=%.*s%s,s=%s,i=%d", (int)nonce_size, theirs,
					      nonce_text, salt_text, ITERATIONS);
	/* Both sides sign what was said: "client-first-bare,server-first". */
	size = strlen(message) + login->answer_size + 2;
	login->first = kw_alloc(login->memory, size);
	if (login->first == NULL)
		return wrong(login);
	snprintf(login->first, size, "%s,%s", message, login->answer);
	login->ours = strlen(message) + 1;
	return KW_MOCK_LOGIN_MORE;
}

/* Whether `proof` is the client's of the password, and the signature that proves ours. */
static bool verify(const struct kw_mock_login *login, const char *password, const uint8_t *salt,
		   const char *said, const uint8_t *proof, uint8_t *signature)
{
	enum kw_hash hash = login->mechanism == SCRAM_SHA_512 ? KW_SHA512 : KW_SHA256;
	size_t size = kw_hash_size(hash);
	uint8_t salted[KW_HASH_MAX], key[KW_HASH_MAX], stored[KW_HASH_MAX], signed_[KW_HASH_MAX];

	if (kw_hi(hash, password, strlen(password), salt, SALT_SIZE, ITERATIONS, salted) != 0 ||
	    kw_hmac(hash, salted, size, "Client Key", 10, key) != 0 ||
	    kw_digest(hash, key, size, stored) != 0 ||
	    kw_hmac(hash, stored, size, said, strlen(said), signed_) != 0 ||
	    kw_hmac(hash, salted, size, "Server Key", 10, key) != 0 ||
	    kw_hmac(hash, key, size, said, strlen(said), signature) != 0)
		return false;
	for (size_t i = 0; i < size; i++)
		key[i] = proof[i] ^ signed_[i];
	return kw_digest(hash, key, size, salted) == 0 && kw_equal(salted, stored, size);
}

/* "c=biws,r=nonce,p=proof": answers "v=signature". */
static enum kw_mock_progress scram_final(struct kw_mock_login *login,
					 const struct kw_mock_user *users, const char *message)
{
	enum kw_hash hash = login->mechanism == SCRAM_SHA_512 ? KW_SHA512 : KW_SHA256;
	const struct kw_mock_user *user = find_user(users, login->user);
	const char *nonce, *salt, *proof, *theirs;
	uint8_t salt_bytes[SALT_SIZE * 2], proof_bytes[KW_HASH_MAX * 2], signature[KW_HASH_MAX];
	size_t nonce_size, salt_size, proof_size, theirs_size, size;
	enum kw_mock_progress progress = KW_MOCK_LOGIN_REFUSED;
	char *said;

	nonce = attribute(login->first + login->ours, 'r', &nonce_size);
	salt = attribute(login->first + login->ours, 's', &salt_size);
	theirs = attribute(message, 'r', &theirs_size);
	proof = attribute(message, 'p', &proof_size);
	if (user == NULL || strncmp(message, "c=biws,", 7) != 0 || theirs == NULL ||
	    nonce == NULL || salt == NULL || theirs_size != nonce_size ||
	    memcmp(theirs, nonce, nonce_size) != 0 || proof == NULL ||
	    proof_size > sizeof(proof_bytes) ||
	    !kw_base64_decode(proof, proof_size, proof_bytes, &proof_size) ||
	    proof_size != kw_hash_size(hash) ||
	    !kw_base64_decode(salt, salt_size, salt_bytes, &salt_size))
		return wrong(login);
	size = strlen(login->first) + (size_t)(proof - message);
	said = kw_alloc(login->memory, size);
	if (said == NULL)
		return wrong(login);
	snprintf(said, size, "%s,%.*s", login->first, (int)(proof - message) - 3, message);
	if (verify(login, user->password, salt_bytes, said, proof_bytes, signature)) {
		memcpy(login->answer, "v=", 2);
		login->answer_size = 2 + kw_base64_encode(signature, kw_hash_size(hash), false,
							  login->answer + 2);
		progress = KW_MOCK_LOGIN_DONE;
	}
	kw_free(said);
	return progress == KW_MOCK_LOGIN_DONE ? progress : wrong(login);
}

static enum kw_mock_progress scram(struct kw_mock_login *login, const struct kw_mock_user *users,
				   const char *message)
{
	return login->round == 1 ? scram_first(login, users, message)
				 : scram_final(login, users, message);
}

/* --------------------------------------------------------------- OAUTHBEARER */

/* A part of a JSON web token as text, in memory of the caller's; NULL: it is none. */
static char *decode_part(struct kw_memory *memory, const char *part, size_t size, size_t *out)
{
	char *padded = kw_alloc(memory, size + 4);
	uint8_t *data = kw_alloc(memory, size + 4);
	bool good = padded != NULL && data != NULL;

	if (good) {
		memcpy(padded, part, size);
		for (size_t i = 0; i < size; i++)
			padded[i] = padded[i] == '-' ? '+' : padded[i] == '_' ? '/' : padded[i];
		while (size % 4 != 0)
			padded[size++] = '=';
		good = kw_base64_decode(padded, size, data, out);
	}
	kw_free(padded);
	if (!good) {
		kw_free(data);
		return NULL;
	}
	data[*out] = '\0';
	return (char *)data;
}

/* A JSON number of seconds as milliseconds, in no locale; what does not fit is the far future. */
static int64_t milliseconds(const char *number)
{
	double seconds = 0, place = 1;
	int exponent;

	for (; *number >= '0' && *number <= '9'; number++)
		seconds = seconds * 10 + (*number - '0');
	if (*number == '.')
		for (number++; *number >= '0' && *number <= '9'; number++)
			seconds += (*number - '0') * (place /= 10);
	/* Java writes a time as 1.7E9. */
	exponent = *number == 'e' || *number == 'E' ? (int)strtol(number + 1, NULL, 10) : 0;
	for (; exponent > 0 && seconds > 0 && seconds < 9e15; exponent--)
		seconds *= 10;
	if (exponent < 0)
		return 0;
	return seconds < 9e15 ? (int64_t)(seconds * 1000) : INT64_MAX;
}

/* Name and end of an unsecured token: "header.claims." whose header says "alg": "none". */
static bool read_claims(struct kw_mock_login *login, const char *token, size_t size)
{
	struct kw_json_member algorithm = {.name = "alg"};
	struct kw_json_member claims[] = {{.name = "sub"}, {.name = "exp"}};
	const char *dot = memchr(token, '.', size);
	const char *last = dot != NULL ? memchr(dot + 1, '.', size - (size_t)(dot - token) - 1)
				       : NULL;
	size_t head_size, body_size;
	char *head, *body;
	bool good;

	if (last == NULL || last + 1 != token + size)
		return false;
	head = decode_part(login->memory, token, (size_t)(dot - token), &head_size);
	body = decode_part(login->memory, dot + 1, (size_t)(last - dot) - 1, &body_size);
	good = head != NULL && body != NULL && kw_json_members(head, head_size, &algorithm, 1) &&
	       algorithm.kind == KW_JSON_STRING && strcmp(algorithm.text, "none") == 0 &&
	       kw_json_members(body, body_size, claims, 2) && claims[0].kind == KW_JSON_STRING &&
	       claims[0].size > 0 && claims[0].size < sizeof(login->user) &&
	       claims[1].kind == KW_JSON_NUMBER;
	if (good) {
		memcpy(login->user, claims[0].text, claims[0].size + 1);
		login->until_ms = milliseconds(claims[1].text);
		good = login->until_ms > 0;
	}
	kw_free(head);
	kw_free(body);
	return good;
}

/* "n,,\1auth=Bearer token\1name=value\1\1" */
static enum kw_mock_progress bearer(struct kw_mock_login *login, int64_t now_ms,
				    const char *message)
{
	static const char refusal[] = "{\"status\":\"invalid_token\"}";
	const char *token = strstr(message, "\1auth=Bearer ");

	/* The client has heard that it is refused, and said goodbye. */
	if (login->round > 1)
		return refuse(login, refusal);
	if (strncmp(message, "n,", 2) == 0 && token != NULL) {
		token += 13;
		if (read_claims(login, token, strcspn(token, "\1")) && login->until_ms > now_ms)
			return KW_MOCK_LOGIN_DONE;
	}
	memcpy(login->answer, refusal, sizeof(refusal));
	login->answer_size = sizeof(refusal) - 1;
	return KW_MOCK_LOGIN_MORE;
}

/* ----------------------------------------------------------------- all of them */

enum kw_mock_progress kw_mock_login_step(struct kw_mock_login *login,
					 const struct kw_mock_user *users, int64_t now_ms,
					 const void *token, size_t size)
{
	enum kw_mock_progress progress;
	char *text;

	login->answer_size = 0;
	login->round++;
	if (size == 0)
		token = "";
	text = size <= KW_MOCK_TOKEN_MAX ? kw_strndup(login->memory, token, size) : NULL;
	if (text == NULL)
		return wrong(login);
	switch (login->mechanism) {
	case PLAIN:
		progress = plain(login, users, token, size);
		break;
	case OAUTHBEARER:
		progress = bearer(login, now_ms, text);
		break;
	default:
		progress = scram(login, users, text);
		break;
	}
	kw_wipe(text, size);
	kw_free(text);
	return progress;
}
