/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Picks members out of one JSON object (RFC 8259) as a token endpoint sends
 * it.  Called by oidc.c, and linked only with it.  lib/json is Kafka's mapping
 * and needs a library; this needs nothing, and allocates nothing.
 */
#ifndef KW_SASL_JSON_MEMBER_H
#define KW_SASL_JSON_MEMBER_H

#include <stdbool.h>
#include <stddef.h>

enum kw_json_kind {
	KW_JSON_ABSENT,
	KW_JSON_STRING, /* `text` has it unescaped */
	KW_JSON_NUMBER, /* `text` has it as it was written */
	KW_JSON_OTHER,  /* object, array, true, false or null */
};

struct kw_json_member {
	const char *name; /* which one is wanted, at the top level */
	enum kw_json_kind kind;
	char *text; /* NUL-terminated, within the document; of a string or a number */
	size_t size;
};

/*
 * Reads the document of `size` bytes (and room for a NUL behind them), which
 * it changes: strings are unescaped where they lie.  Of a name that comes
 * twice the last one counts.  False: no JSON object, a string with a NUL in
 * it among those wanted, or nested more than 32 deep.
 */
bool kw_json_members(char *data, size_t size, struct kw_json_member *members, size_t count);

#endif
