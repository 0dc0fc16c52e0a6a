/* SPDX-License-Identifier: Apache-2.0 */
/* PLAIN (RFC 4616): one token with name and password.  Called through the table in table.c. */
#include <string.h>

#include "../base/error.h"
#include "mechanism.h"

struct plain {
	size_t size;
	char token[]; /* NUL name NUL password */
};

static int plain_start(void *context, const struct kwire_sasl_login *login, void **state,
		       struct kwire_error *error)
{
	const struct kw_sasl_setting *setting = context;
	size_t name_size = strlen(login->username);
	size_t password_size = strlen(login->password);
	struct plain *plain;

	if (name_size == 0 || password_size == 0)
		return kw_fail_in(error, KWIRE_ECONFIG, KWIRE_PHASE_SASL,
				  "PLAIN needs sasl.username and sasl.password");
	plain = kw_alloc(setting->memory, sizeof(*plain) + name_size + password_size + 2);
	if (plain == NULL)
		return kw_fail_memory(error);
	plain->size = name_size + password_size + 2;
	plain->token[0] = '\0';
	memcpy(plain->token + 1, login->username, name_size + 1);
	memcpy(plain->token + 2 + name_size, login->password, password_size);
	*state = plain;
	return KWIRE_OK;
}

static int plain_step(void *state, const void *challenge, size_t challenge_size, const void **token,
		      size_t *token_size, struct kwire_error *error)
{
	struct plain *plain = state;

	(void)challenge;
	(void)challenge_size;
	(void)error;
	*token = plain->token;
	*token_size = plain->size;
	return KWIRE_SASL_LAST;
}

static void plain_end(void *state)
{
	struct plain *plain = state;

	kw_wipe(plain->token, plain->size);
	kw_free(plain);
}

const struct kwire_sasl_mechanism kw_sasl_plain = {sizeof(struct kwire_sasl_mechanism), "PLAIN",
						   plain_start, plain_step, plain_end};
