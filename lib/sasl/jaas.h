/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JAAS line of Java's clients (sasl.jaas.config), read where it holds
 * PLAIN, SCRAM or OAuth.  Called by credentials.c, oauth_token.c and the
 * configuration.  Knows nothing of logins.
 */
#ifndef KW_SASL_JAAS_H
#define KW_SASL_JAAS_H

#include <kwire/result.h>

#include "../base/memory.h"

/*
 * Checks a line: "<class> required|requisite|sufficient|optional name="value" ... ;".
 * KWIRE_ECONFIG says what is wrong, without repeating any value.
 */
int kw_jaas_check(const char *line, struct kwire_error *error);

/*
 * The value of option `name` in the line, unescaped, in memory of the
 * caller's; `*value` NULL where there is none.
 */
int kw_jaas_option(struct kw_memory *memory, const char *line, const char *name, char **value,
		   struct kwire_error *error);

/*
 * Calls `each` for every option whose name begins with `prefix`, with the rest
 * of the name; stops at the first result that is not 0, and returns it.
 */
int kw_jaas_each(struct kw_memory *memory, const char *line, const char *prefix,
		 int (*each)(void *context, const char *name, const char *value), void *context,
		 struct kwire_error *error);

#endif
