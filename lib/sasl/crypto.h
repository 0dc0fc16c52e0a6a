/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The primitives that the SASL mechanisms need, and no others: SHA-2, HMAC, the
 * Hi() of RFC 5802, random bytes, a comparison in constant time.  The
 * only place that knows which library computes them.
 */
#ifndef KW_SASL_CRYPTO_H
#define KW_SASL_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/base64.h"

enum kw_hash {
	KW_SHA256,
	KW_SHA512,
};

enum {
	KW_HASH_MAX = 64, /* bytes of the longest digest */
};

size_t kw_hash_size(enum kw_hash hash);

/* Each returns 0 or KWIRE_ENOMEM; `digest` receives kw_hash_size() bytes. */
int kw_digest(enum kw_hash hash, const void *data, size_t size, uint8_t *digest);
int kw_hmac(enum kw_hash hash, const void *key, size_t key_size, const void *data, size_t size,
	    uint8_t *digest);

/* PBKDF2 with one block of output (RFC 5802's Hi). */
int kw_hi(enum kw_hash hash, const void *password, size_t password_size, const void *salt,
	  size_t salt_size, uint32_t iterations, uint8_t *digest);

/* Fills `data` from the system's generator; KWIRE_EOS when it has none. */
int kw_random(void *data, size_t size);

/* Whether `size` bytes are the same, in a time that does not depend on them. */
bool kw_equal(const void *a, const void *b, size_t size);

#endif
