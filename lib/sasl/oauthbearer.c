/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OAUTHBEARER (RFC 7628) as Kafka speaks it: one token from us; silence, or a
 * JSON text that says why not.  Called through the table in table.c; where the
 * bearer token comes from is oauth_token.c's matter.
 */
#include <string.h>

#include "../base/error.h"
#include "mechanism.h"
#include "oauth_token.h"

enum stage {
	FIRST,
	ANSWER,
	REFUSED,
};

struct oauthbearer {
	enum stage stage;
	char reason[256]; /* what the broker said, printable */
	size_t size;
	char message[];
};

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* RFC 6750: 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"=" */
static bool is_token(const char *token)
{
	size_t size = strlen(token);

	while (size > 0 && token[size - 1] == '=')
		size--;
	for (size_t i = 0; i < size; i++)
		if (!is_letter(token[i]) && !(token[i] >= '0' && token[i] <= '9') &&
		    strchr("-._~+/", token[i]) == NULL)
			return false;
	return size > 0;
}

/* Writes ",key=value" pairs as RFC 7628 has them; `*size` is how much.  False: malformed. */
static bool put_extensions(const char *extensions, char *to, size_t *size)
{
	*size = 0;
	while (*extensions != '\0') {
		size_t key = 0, value, all = strcspn(extensions, ",");

		while (is_letter(extensions[key]))
			key++;
		if (key == 0 || extensions[key] != '=' ||
		    (key == 4 && memcmp(extensions, "auth", 4) == 0))
			return false;
		for (value = key + 1; value < all; value++) {
			unsigned char c = (unsigned char)extensions[value];

			if ((c < 0x20 && c != '\t' && c != '\r' && c != '\n') || c > 0x7e)
				return false;
		}
		memcpy(to + *size, extensions, all);
		*size += all;
		to[(*size)++] = '\x01';
		extensions += all;
		if (*extensions == ',')
			extensions++;
	}
	return true;
}

int kw_oauthbearer_start(struct kw_memory *memory, const char *token, const char *extensions,
			 void **state, struct kwire_error *error)
{
	static const char front[] = "n,,\x01"
				    "auth=Bearer ";
	size_t token_size = strlen(token), extensions_size, front_size = sizeof(front) - 1;
	struct oauthbearer *bearer;
	char *at;

	if (!is_token(token))
		return kw_fail_in(error, KWIRE_ECONFIG, KWIRE_PHASE_SASL,
				  "OAUTHBEARER: the token is empty or has characters that a bearer "
				  "token cannot have");
	bearer = kw_alloc(memory,
			  sizeof(*bearer) + front_size + token_size + strlen(extensions) + 4);
	if (bearer == NULL)
		return kw_fail_memory(error);
	bearer->stage = FIRST;
	bearer->reason[0] = '\0';
	at = bearer->message;
	memcpy(at, front, front_size);
	at += front_size;
	memcpy(at, token, token_size);
	at += token_size;
	*at++ = '\x01';
	if (!put_extensions(extensions, at, &extensions_size)) {
		kw_wipe(bearer->message, front_size + token_size);
		kw_free(bearer);
		return kw_fail_in(error, KWIRE_ECONFIG, KWIRE_PHASE_SASL,
				  "OAUTHBEARER: extensions must be key=value pairs, separated by "
				  "commas; keys are letters, and not \"auth\"");
	}
	at += extensions_size;
	*at++ = '\x01';
	bearer->size = (size_t)(at - bearer->message);
	*state = bearer;
	return KWIRE_OK;
}

static int oauthbearer_start(void *context, const struct kwire_sasl_login *login, void **state,
			     struct kwire_error *error)
{
	const struct kw_sasl_setting *setting = context;
	struct kw_oauth_token token;
	int result = kw_oauth_token_get(&token, setting, login, error);

	if (result != 0)
		return result;
	result = kw_oauthbearer_start(setting->memory, token.token, token.extensions, state, error);
	kw_oauth_token_fini(&token);
	return result;
}

static int oauthbearer_step(void *state, const void *challenge, size_t challenge_size,
			    const void **token, size_t *token_size, struct kwire_error *error)
{
	static const char goodbye[1] = {'\x01'};
	struct oauthbearer *bearer = state;
	const char *text = challenge;
	size_t i;

	switch (bearer->stage) {
	case FIRST:
		bearer->stage = ANSWER;
		*token = bearer->message;
		*token_size = bearer->size;
		return KWIRE_SASL_MORE;
	case ANSWER:
		if (challenge_size == 0)
			return KWIRE_SASL_DONE;
		/* A refusal: the broker tells its final word after our goodbye only. */
		for (i = 0; i < challenge_size && i < sizeof(bearer->reason) - 1; i++)
			bearer->reason[i] = (char)(text[i] >= 0x20 && text[i] < 0x7f ? text[i]
										     : ' ');
		bearer->reason[i] = '\0';
		bearer->stage = REFUSED;
		*token = goodbye;
		*token_size = sizeof(goodbye);
		return KWIRE_SASL_MORE;
	case REFUSED:
		break;
	}
	return kw_fail_in(error, KWIRE_EAUTH, KWIRE_PHASE_SASL, "the broker refused the token: %s",
			  bearer->reason);
}

static void oauthbearer_end(void *state)
{
	struct oauthbearer *bearer = state;

	kw_wipe(bearer->message, bearer->size);
	kw_free(bearer);
}

const struct kwire_sasl_mechanism kw_sasl_oauthbearer = {sizeof(struct kwire_sasl_mechanism),
							 "OAUTHBEARER", oauthbearer_start,
							 oauthbearer_step, oauthbearer_end};
