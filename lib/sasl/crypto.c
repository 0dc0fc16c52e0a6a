/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See crypto.h.  SHA-2 comes from mbedTLS, whose message-digest interface is
 * the same in 2.28 and 3.6; without it (TLS=0) from sha2.c.  HMAC and Hi() are
 * built on it here, so both builds run the same code above the hash.
 */
#include "crypto.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <kwire/result.h>

#include "../base/memory.h"
#include "sha2.h"

#if KW_WITH_TLS
#include <mbedtls/sha256.h>
#include <mbedtls/sha512.h>
#include <mbedtls/version.h>
#endif

enum {
	BLOCK_MAX = 128,
};

static size_t block_size(enum kw_hash hash)
{
	return hash == KW_SHA256 ? 64 : 128;
}

size_t kw_hash_size(enum kw_hash hash)
{
	return hash == KW_SHA256 ? 32 : 64;
}

#if KW_WITH_TLS
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
#define SHA(call) mbedtls_##call
#else
#define SHA(call) mbedtls_##call##_ret
#endif

struct hash_state {
	enum kw_hash hash;
	union {
		mbedtls_sha256_context sha256;
		mbedtls_sha512_context sha512;
	} u;
};

static void hash_start(struct hash_state *state, enum kw_hash hash)
{
	state->hash = hash;
	if (hash == KW_SHA256) {
		mbedtls_sha256_init(&state->u.sha256);
		SHA(sha256_starts)(&state->u.sha256, 0);
	} else {
		mbedtls_sha512_init(&state->u.sha512);
		SHA(sha512_starts)(&state->u.sha512, 0);
	}
}

static int hash_add(struct hash_state *state, const void *data, size_t size)
{
	int failure = state->hash == KW_SHA256 ? SHA(sha256_update)(&state->u.sha256, data, size)
					       : SHA(sha512_update)(&state->u.sha512, data, size);

	return failure == 0 ? 0 : KWIRE_ENOMEM;
}

static int hash_finish(struct hash_state *state, uint8_t *digest)
{
	int failure = state->hash == KW_SHA256 ? SHA(sha256_finish)(&state->u.sha256, digest)
					       : SHA(sha512_finish)(&state->u.sha512, digest);

	return failure == 0 ? 0 : KWIRE_ENOMEM;
}

static void hash_copy(struct hash_state *to, const struct hash_state *from)
{
	to->hash = from->hash;
	if (from->hash == KW_SHA256) {
		mbedtls_sha256_init(&to->u.sha256);
		mbedtls_sha256_clone(&to->u.sha256, &from->u.sha256);
	} else {
		mbedtls_sha512_init(&to->u.sha512);
		mbedtls_sha512_clone(&to->u.sha512, &from->u.sha512);
	}
}

static void hash_end(struct hash_state *state)
{
	if (state->hash == KW_SHA256)
		mbedtls_sha256_free(&state->u.sha256);
	else
		mbedtls_sha512_free(&state->u.sha512);
}

#else /* without mbedTLS */

struct hash_state {
	struct kw_sha2 sha2;
};

static void hash_start(struct hash_state *state, enum kw_hash hash)
{
	kw_sha2_start(&state->sha2, hash == KW_SHA512);
}

static int hash_add(struct hash_state *state, const void *data, size_t size)
{
	kw_sha2_add(&state->sha2, data, size);
	return 0;
}

static int hash_finish(struct hash_state *state, uint8_t *digest)
{
	kw_sha2_finish(&state->sha2, digest);
	return 0;
}

static void hash_copy(struct hash_state *to, const struct hash_state *from)
{
	*to = *from;
}

static void hash_end(struct hash_state *state)
{
	kw_wipe(state, sizeof(*state));
}
#endif

int kw_digest(enum kw_hash hash, const void *data, size_t size, uint8_t *digest)
{
	struct hash_state state;
	int result;

	hash_start(&state, hash);
	result = hash_add(&state, data, size);
	if (result == 0)
		result = hash_finish(&state, digest);
	hash_end(&state);
	return result;
}

/* A key made ready: the hash after the inner and the outer pad, to be copied for each message. */
struct hmac_key {
	struct hash_state inner;
	struct hash_state outer;
};

static int hmac_key(struct hmac_key *hmac, enum kw_hash hash, const void *key, size_t size)
{
	uint8_t pad[BLOCK_MAX] = {0};
	size_t block = block_size(hash);
	int result = 0;

	if (size > block)
		result = kw_digest(hash, key, size, pad);
	else if (size > 0)
		memcpy(pad, key, size);
	for (size_t i = 0; i < block; i++)
		pad[i] ^= 0x36;
	hash_start(&hmac->inner, hash);
	if (result == 0)
		result = hash_add(&hmac->inner, pad, block);
	for (size_t i = 0; i < block; i++)
		pad[i] ^= 0x36 ^ 0x5c;
	hash_start(&hmac->outer, hash);
	if (result == 0)
		result = hash_add(&hmac->outer, pad, block);
	kw_wipe(pad, sizeof(pad));
	return result;
}

static void hmac_end(struct hmac_key *hmac)
{
	hash_end(&hmac->inner);
	hash_end(&hmac->outer);
}

static int hmac_of(const struct hmac_key *hmac, enum kw_hash hash, const void *data, size_t size,
		   const void *more, size_t more_size, uint8_t *digest)
{
	struct hash_state state;
	int result;

	hash_copy(&state, &hmac->inner);
	result = hash_add(&state, data, size);
	if (result == 0 && more_size > 0)
		result = hash_add(&state, more, more_size);
	if (result == 0)
		result = hash_finish(&state, digest);
	hash_end(&state);
	if (result != 0)
		return result;
	hash_copy(&state, &hmac->outer);
	result = hash_add(&state, digest, kw_hash_size(hash));
	if (result == 0)
		result = hash_finish(&state, digest);
	hash_end(&state);
	return result;
}

int kw_hmac(enum kw_hash hash, const void *key, size_t key_size, const void *data, size_t size,
	    uint8_t *digest)
{
	struct hmac_key hmac;
	int result = hmac_key(&hmac, hash, key, key_size);

	if (result == 0)
		result = hmac_of(&hmac, hash, data, size, NULL, 0, digest);
	hmac_end(&hmac);
	return result;
}

int kw_hi(enum kw_hash hash, const void *password, size_t password_size, const void *salt,
	  size_t salt_size, uint32_t iterations, uint8_t *digest)
{
	static const uint8_t first_block[4] = {0, 0, 0, 1};
	uint8_t u[KW_HASH_MAX];
	size_t size = kw_hash_size(hash);
	struct hmac_key hmac;
	int result = hmac_key(&hmac, hash, password, password_size);

	if (result == 0)
		result = hmac_of(&hmac, hash, salt, salt_size, first_block, sizeof(first_block), u);
	if (result == 0)
		memcpy(digest, u, size);
	for (uint32_t i = 1; result == 0 && i < iterations; i++) {
		result = hmac_of(&hmac, hash, u, size, NULL, 0, u);
		for (size_t j = 0; j < size; j++)
			digest[j] ^= u[j];
	}
	hmac_end(&hmac);
	kw_wipe(u, sizeof(u));
	return result;
}

int kw_random(void *data, size_t size)
{
	uint8_t *at = data;
	int fd;

	while (size > 0) {
		ssize_t got = getrandom(at, size, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		at += got;
		size -= (size_t)got;
	}
	if (size == 0)
		return 0;
	/* A kernel before 3.17, or a sandbox without the call. */
	fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return KWIRE_EOS;
	while (size > 0) {
		ssize_t got = read(fd, at, size);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		at += got;
		size -= (size_t)got;
	}
	close(fd);
	return size == 0 ? 0 : KWIRE_EOS;
}

bool kw_equal(const void *a, const void *b, size_t size)
{
	const volatile uint8_t *left = a, *right = b;
	uint8_t difference = 0;

	for (size_t i = 0; i < size; i++)
		difference |= (uint8_t)(left[i] ^ right[i]);
	return difference == 0;
}
