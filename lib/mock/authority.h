/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A certificate authority for tests: makes keys and certificates in memory,
 * good ones and every kind of bad one.  Called by the mock's brokers and by
 * kwire's own tests.  Only with TLS=1.
 */
#ifndef KW_MOCK_AUTHORITY_H
#define KW_MOCK_AUTHORITY_H

#include <stdbool.h>
#include <stdint.h>

#include <kwire/result.h>

enum {
	KW_PEM_MAX = 4096,
};

/* A key and the certificate of its owner, as PEM. */
struct kw_identity {
	char name[128]; /* of the certificate's subject: "CN=..." */
	char certificate[KW_PEM_MAX];
	char key[KW_PEM_MAX];
};

/* What a certificate is to say. */
struct kw_identity_options {
	const char *name;  /* common name */
	const char *hosts; /* alternative names: "localhost, 127.0.0.1, ::1", or NULL */
	const struct kw_identity *issuer; /* NULL: signs itself */
	bool authority;                   /* may sign others */
	int64_t from_s, until_s; /* seconds since 1970; both 0: yesterday until next year */
};

int kw_identity_make(struct kw_identity *identity, const struct kw_identity_options *options,
		     struct kwire_error *error);

#endif
