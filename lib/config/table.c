/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The properties as programs need them: names, ranges, defaults, where values
 * go.  The rows stand in table.def; see table.h.
 */
#include "table.h"

#include <arpa/inet.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "../base/error.h"
#include "bootstrap.h"
#include "nearest.h"

#define AT(member)     offsetof(struct kw_settings, member)
#define SEC(member)    offsetof(struct kw_settings, security.member)
#define STR            .kind = KW_STRING, .default_value = ""
#define HIDDEN         .kind = KW_SECRET, .default_value = ""
#define LIST           .kind = KW_LIST, .default_value = ""
#define INT(low, high) .kind = KW_INTEGER, .min = (low), .max = (high)

enum {
	MAX_MS = INT_MAX,
	MAX_BYTES = INT_MAX,
	UNBOUNDED = KW_UNBOUNDED,
};

static int check_client_id(const char *value, struct kwire_error *error)
{
	size_t size = strlen(value);

	if (size > INT16_MAX)
		return kw_fail(error, KWIRE_ECONFIG,
			       "client.id is %zu bytes long; Kafka allows at most 32767", size);
	return 0;
}

static int check_local_address(const char *value, struct kwire_error *error)
{
	unsigned char address[16];

	if (*value != '\0' && inet_pton(AF_INET, value, address) != 1 &&
	    inet_pton(AF_INET6, value, address) != 1)
		return kw_fail(error, KWIRE_ECONFIG,
			       "socket.local.address: '%.100s' is no IPv4 or IPv6 address", value);
	return 0;
}

static int check_proxy(const char *value, struct kwire_error *error)
{
	const char *cursor = value;
	struct kw_endpoint proxy;
	int result = kw_bootstrap_next(&cursor, &proxy, error);

	if (result == 1 && kw_bootstrap_next(&cursor, &proxy, NULL) != 0)
		result = kw_fail(error, KWIRE_ECONFIG,
				 "socks5.proxy names one proxy, as host:port");
	return result < 0 ? result : 0;
}

/* Java's names for PEM files are taken for ours; what is plainly a store of Java's is not. */
static bool is_java_store(const char *path)
{
	static const char *const endings[] = {".jks", ".p12", ".pfx", ".jceks"};
	size_t size = strlen(path);

	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
		if (size >= strlen(endings[i]) &&
		    strcmp(path + size - strlen(endings[i]), endings[i]) == 0)
			return true;
	return false;
}

bool kw_property_is_pem(const char *name, const char *value)
{
	return (strcmp(name, "ssl.truststore.type") == 0 ||
		strcmp(name, "ssl.keystore.type") == 0) &&
	       strcmp(value, "PEM") == 0;
}

enum check {
	CHECK_NONE,
	CHECK_BOOTSTRAP,
	CHECK_CLIENT_ID,
	CHECK_LOCAL_ADDRESS,
	CHECK_PROXY,
	CHECK_TRUSTED,
	CHECK_IDENTITY,
};

int kw_property_check(const struct kw_property_row *row, const char *value,
		      struct kwire_error *error)
{
	switch ((enum check)row->check) {
	case CHECK_NONE:
		break;
	case CHECK_BOOTSTRAP:
		return kw_bootstrap_check(value, error);
	case CHECK_CLIENT_ID:
		return check_client_id(value, error);
	case CHECK_LOCAL_ADDRESS:
		return check_local_address(value, error);
	case CHECK_PROXY:
		return check_proxy(value, error);
	case CHECK_TRUSTED:
	case CHECK_IDENTITY:
		if (is_java_store(value))
			return kw_property_java_store(value, row->check == CHECK_TRUSTED, error);
	}
	return KWIRE_OK;
}

const struct kw_property_row kw_properties[] = {
#define ROW(name, alias, section, description, ...) {name "\0" alias, __VA_ARGS__},
#include "table.def"
#undef ROW
};

const size_t kw_property_count = sizeof(kw_properties) / sizeof(kw_properties[0]);

const char *kw_property_alias(const struct kw_property_row *row)
{
	return row->name + strlen(row->name) + 1;
}

const struct kw_property_row *kw_property_find(const char *name)
{
	for (size_t i = 0; i < kw_property_count; i++) {
		const struct kw_property_row *row = &kw_properties[i];

		/* An empty name would be each absent alias. */
		if (*name != '\0' &&
		    (strcmp(row->name, name) == 0 || strcmp(kw_property_alias(row), name) == 0))
			return row;
	}
	return NULL;
}

/* What Java keeps in a store is asked for here in another form, which openssl can make. */
int kw_property_java_store(const char *name, bool trusted, struct kwire_error *error)
{
	return kw_fail(error, KWIRE_ECONFIG,
		       "%.200s: Java key stores are not read here; convert it with `keytool "
		       "-importkeystore -srckeystore %sstore.jks -destkeystore %s.p12 "
		       "-deststoretype PKCS12 && openssl pkcs12 -in %s.p12 -no%s.pem` "
		       "and set ssl.%s.pem",
		       name, trusted ? "trust" : "key", trusted ? "t" : "k", trusted ? "t" : "k",
		       trusted ? "keys -out ca" : "des -out client",
		       trusted ? "ca.location=ca"
			       : "certificate.location and ssl.key.location to client");
}

int kw_property_unknown(const char *name, struct kwire_error *error)
{
	struct kw_nearest nearest;

	if (strncmp(name, "ssl.truststore.", 15) == 0 || strncmp(name, "ssl.keystore.", 13) == 0)
		return kw_property_java_store(name, name[4] == 't', error);
	kw_nearest_init(&nearest, name);
	for (size_t i = 0; i < kw_property_count; i++)
		kw_nearest_try(&nearest, kw_properties[i].name);
	kw_fail(error, KWIRE_ECONFIG, "unknown property '%.100s'", name);
	if (nearest.word != NULL)
		kw_error_add(error, "; did you mean '%s'?", nearest.word);
	return KWIRE_ECONFIG;
}

const char *kw_property_type(const struct kw_property_row *row)
{
	switch (row->kind) {
	case KW_SECRET:
		return "secret";
	case KW_LIST:
	case KW_SET:
		return "list";
	case KW_INTEGER:
		return "integer";
	case KW_BOOLEAN:
		return "boolean";
	case KW_CHOICE:
	case KW_SWITCH:
		return "choice";
	case KW_STRING:
		break;
	}
	return "string";
}

void kw_property_range(const struct kw_property_row *row, char *text, size_t size)
{
	const char *words = NULL;

	text[0] = '\0';
	if (row->kind == KW_BOOLEAN)
		words = "true|false";
	else if (row->kind == KW_CHOICE || row->kind == KW_SWITCH || row->kind == KW_SET)
		words = row->words;
	if (words != NULL)
		snprintf(text, size, "%s", words + (words[0] == '|'));
	else if (row->kind == KW_INTEGER && row->max == KW_UNBOUNDED)
		snprintf(text, size, "%d..", (int)row->min);
	else if (row->kind == KW_INTEGER)
		snprintf(text, size, "%d..%d", (int)row->min, (int)row->max);
}
