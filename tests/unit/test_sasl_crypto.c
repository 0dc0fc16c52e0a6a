/* SPDX-License-Identifier: Apache-2.0 */
/* The primitives below SASL against published vectors, with mbedTLS and without. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sasl/crypto.h"
#include "sasl/sha2.h"

static void assert_hex(const uint8_t *data, size_t size, const char *expected)
{
	char text[2 * KW_HASH_MAX + 1];

	for (size_t i = 0; i < size; i++)
		snprintf(text + 2 * i, 3, "%02x", data[i]);
	assert_string_equal(text, expected);
}

static void sha2_matches_fips_180_4(void **state)
{
	static const char two_blocks[] = "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
					 "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu";
	uint8_t digest[KW_HASH_MAX];

	(void)state;
	assert_int_equal(kw_digest(KW_SHA256, "abc", 3, digest), 0);
	assert_hex(digest, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_int_equal(kw_digest(KW_SHA512, "abc", 3, digest), 0);
	assert_hex(digest, 64,
		   "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
		   "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
	assert_int_equal(kw_digest(KW_SHA512, two_blocks, 112, digest), 0);
	assert_hex(digest, 64,
		   "8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018"
		   "501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909");
}

/* The form without mbedTLS must agree with the other at every length around a block. */
static void both_sha2_agree_at_every_length(void **state)
{
	uint8_t data[300], one[KW_HASH_MAX], other[KW_HASH_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7 + 3);
	for (size_t size = 0; size <= sizeof(data); size++)
		for (int wide = 0; wide < 2; wide++) {
			enum kw_hash hash = wide ? KW_SHA512 : KW_SHA256;
			struct kw_sha2 sha2;

			kw_sha2_start(&sha2, wide);
			kw_sha2_add(&sha2, data, size / 3);
			kw_sha2_add(&sha2, data + size / 3, size - size / 3);
			kw_sha2_finish(&sha2, one);
			assert_int_equal(kw_digest(hash, data, size, other), 0);
			assert_memory_equal(one, other, kw_hash_size(hash));
		}
}

static void hmac_matches_rfc_4231(void **state)
{
	static const char long_text[] = "Test Using Larger Than Block-Size Key - Hash Key First";
	uint8_t digest[KW_HASH_MAX], key[131];

	(void)state;
	assert_int_equal(kw_hmac(KW_SHA256, "Jefe", 4, "what do ya want for nothing?", 28, digest),
			 0);
	assert_hex(digest, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, sizeof(key));
	assert_int_equal(kw_hmac(KW_SHA512, key, sizeof(key), long_text, 54, digest), 0);
	assert_hex(digest, 64,
		   "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
		   "6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598");
}

static void hi_matches_pbkdf2_vectors(void **state)
{
	uint8_t digest[KW_HASH_MAX];

	(void)state;
	/* RFC 7914 section 11: PBKDF2-HMAC-SHA-256, first block. */
	assert_int_equal(kw_hi(KW_SHA256, "passwd", 6, "salt", 4, 1, digest), 0);
	assert_hex(digest, 32, "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc");
	assert_int_equal(kw_hi(KW_SHA256, "password", 8, "salt", 4, 4096, digest), 0);
	assert_hex(digest, 32, "c5e478d59288c841aa530db6845c4c8d962893a001ce4e11a4963873aa98134a");
	assert_int_equal(kw_hi(KW_SHA512, "password", 8, "salt", 4, 4096, digest), 0);
	assert_hex(digest, 64,
		   "d197b1b33db0143e018b12f3d1d1479e6cdebdcc97c5c0f87f6902e072f457b5"
		   "143f30602641b3d55cd335988cb36b84376060ecd532e039b742a239434af2d5");
}

static void base64_round_trips_and_refuses_the_rest(void **state)
{
	static const char *const bad[] = {"Zg",    "Zg=",  "Zg===",  "Z===", "Zh==",    "Zm9=",
					  "Zm9v=", "Z g=", "Zm9v\n", "====", "Zg==Zg=="};
	uint8_t data[16], back[16];
	char text[32];
	size_t size;

	(void)state;
	for (size_t n = 0; n <= sizeof(data); n++) {
		for (size_t i = 0; i < n; i++)
			data[i] = (uint8_t)(255 - 17 * i);
		assert_int_equal(kw_base64_encode(data, n, false, text), kw_base64_size(n) - 1);
		assert_true(kw_base64_decode(text, strlen(text), back, &size));
		assert_int_equal(size, n);
		assert_memory_equal(data, back, n);
	}
	kw_base64_encode("\xff\xfe\xfd\xfc", 4, true, text);
	assert_string_equal(text, "__79_A");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(kw_base64_decode(bad[i], strlen(bad[i]), back, &size));
}

static void random_bytes_differ_each_time(void **state)
{
	uint8_t one[32] = {0}, two[32] = {0};

	(void)state;
	assert_int_equal(kw_random(one, sizeof(one)), 0);
	assert_int_equal(kw_random(two, sizeof(two)), 0);
	assert_memory_not_equal(one, two, sizeof(one));
	assert_false(kw_equal(one, two, sizeof(one)));
	assert_true(kw_equal(one, one, sizeof(one)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sha2_matches_fips_180_4),
		cmocka_unit_test(both_sha2_agree_at_every_length),
		cmocka_unit_test(hmac_matches_rfc_4231),
		cmocka_unit_test(hi_matches_pbkdf2_vectors),
		cmocka_unit_test(base64_round_trips_and_refuses_the_rest),
		cmocka_unit_test(random_bytes_differ_each_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
