/* SPDX-License-Identifier: Apache-2.0 */
/* What of the control protocol stands outside control.c. */
#ifndef KW_MOCK_CONTROL_H
#define KW_MOCK_CONTROL_H

#include <kwire/mock.h>

/*
 * The commands about TLS and SASL: `words[0]` is one of tls, ca, sasl, user,
 * session, logins.  What they say goes to `text`, NUL-terminated.
 */
int kw_mock_do_security(struct kwire_mock *mock, char *const *words, int count, char *text,
			size_t size, struct kwire_error *error);

#endif
