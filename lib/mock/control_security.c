/* SPDX-License-Identifier: Apache-2.0 */
/* See control.h: TLS and SASL as commands of the control protocol. */
#include "control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/error.h"

static int set_session(struct kwire_mock *mock, const char *word, struct kwire_error *error)
{
	char *end;
	long long ms = strtoll(word, &end, 10);

	if (end == word || (*end != '\0' && strcmp(end, "ms") != 0))
		return kw_fail(error, KWIRE_EINVAL, "\"%.40s\" is not a number of milliseconds",
			       word);
	return kwire_mock_set_session(mock, ms, error);
}

int kw_mock_do_security(struct kwire_mock *mock, char *const *words, int count, char *text,
			size_t size, struct kwire_error *error)
{
	const char *verb = words[0];

	text[0] = '\0';
	if (strcmp(verb, "ca") == 0) {
		const char *pem = kwire_mock_ca(mock);

		if (pem == NULL)
			return kw_fail(error, KWIRE_EINVAL,
				       "there is no CA before the first \"tls\"");
		snprintf(text, size, "%s", pem);
		return KWIRE_OK;
	}
	if (strcmp(verb, "logins") == 0) {
		struct kwire_mock_logins logins = kwire_mock_logins(mock);

		snprintf(text, size, "%lld %lld %lld", (long long)logins.first,
			 (long long)logins.renewed, (long long)logins.refused);
		return KWIRE_OK;
	}
	if (count < 2)
		return kw_fail(error, KWIRE_EINVAL, "\"%s\" needs a word more", verb);
	if (strcmp(verb, "tls") == 0)
		return kwire_mock_set_tls(mock, words[1], error);
	if (strcmp(verb, "sasl") == 0)
		return kwire_mock_set_sasl(mock, words[1], error);
	if (strcmp(verb, "user") == 0)
		return kwire_mock_set_user(mock, words[1], count > 2 ? words[2] : NULL, error);
	return set_session(mock, words[1], error);
}
