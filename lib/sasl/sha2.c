/* SPDX-License-Identifier: Apache-2.0 */
/* See sha2.h. */
#include "sha2.h"

#include <string.h>

/*
 * SHA-512's constants: the first 64 bits of the fractions of the cube roots of
 * the first 80 primes.  SHA-256 uses the upper halves of the first 64.
 */
static const uint64_t round_constants[80] = {
	0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc,
	0x3956c25bf348b538, 0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118,
	0xd807aa98a3030242, 0x12835b0145706fbe, 0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2,
	0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235, 0xc19bf174cf692694,
	0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
	0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5,
	0x983e5152ee66dfab, 0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4,
	0xc6e00bf33da88fc2, 0xd5a79147930aa725, 0x06ca6351e003826f, 0x142929670a0e6e70,
	0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed, 0x53380d139d95b3df,
	0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
	0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30,
	0xd192e819d6ef5218, 0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8,
	0x19a4c116b8d2d0c8, 0x1e376c085141ab53, 0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8,
	0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373, 0x682e6ff3d6b2b8a3,
	0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
	0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b,
	0xca273eceea26619c, 0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178,
	0x06f067aa72176fba, 0x0a637dc5a2c898a6, 0x113f9804bef90dae, 0x1b710b35131c471b,
	0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc, 0x431d67c49c100d4c,
	0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817,
};

/* Likewise of the square roots of the first eight primes. */
static const uint64_t first_words[8] = {
	0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
	0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
};

static uint32_t right32(uint32_t word, unsigned count)
{
	return word >> count | word << (32 - count);
}

static uint64_t right64(uint64_t word, unsigned count)
{
	return word >> count | word << (64 - count);
}

static uint64_t load(const uint8_t *from, size_t size)
{
	uint64_t word = 0;

	for (size_t i = 0; i < size; i++)
		word = word << 8 | from[i];
	return word;
}

static void compress32(uint64_t words[8], const uint8_t *block)
{
	uint32_t w[64], v[8];

	for (size_t i = 0; i < 16; i++)
		w[i] = (uint32_t)load(block + 4 * i, 4);
	for (size_t i = 16; i < 64; i++) {
		uint32_t s0 = right32(w[i - 15], 7) ^ right32(w[i - 15], 18) ^ w[i - 15] >> 3;
		uint32_t s1 = right32(w[i - 2], 17) ^ right32(w[i - 2], 19) ^ w[i - 2] >> 10;

		w[i] = w[i - 16] + s0 + w[i - 7] + s1;
	}
	for (size_t i = 0; i < 8; i++)
		v[i] = (uint32_t)words[i];
	for (size_t i = 0; i < 64; i++) {
		uint32_t s1 = right32(v[4], 6) ^ right32(v[4], 11) ^ right32(v[4], 25);
		uint32_t choice = (v[4] & v[5]) ^ (~v[4] & v[6]);
		uint32_t t1 = v[7] + s1 + choice + (uint32_t)(round_constants[i] >> 32) + w[i];
		uint32_t s0 = right32(v[0], 2) ^ right32(v[0], 13) ^ right32(v[0], 22);
		uint32_t majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);

		memmove(v + 1, v, 7 * sizeof(v[0]));
		v[4] += t1;
		v[0] = t1 + s0 + majority;
	}
	for (size_t i = 0; i < 8; i++)
		words[i] = (uint32_t)(words[i] + v[i]);
}

static void compress64(uint64_t words[8], const uint8_t *block)
{
	uint64_t w[80], v[8];

	for (size_t i = 0; i < 16; i++)
		w[i] = load(block + 8 * i, 8);
	for (size_t i = 16; i < 80; i++) {
		uint64_t s0 = right64(w[i - 15], 1) ^ right64(w[i - 15], 8) ^ w[i - 15] >> 7;
		uint64_t s1 = right64(w[i - 2], 19) ^ right64(w[i - 2], 61) ^ w[i - 2] >> 6;

		w[i] = w[i - 16] + s0 + w[i - 7] + s1;
	}
	memcpy(v, words, sizeof(v));
	for (size_t i = 0; i < 80; i++) {
		uint64_t s1 = right64(v[4], 14) ^ right64(v[4], 18) ^ right64(v[4], 41);
		uint64_t choice = (v[4] & v[5]) ^ (~v[4] & v[6]);
		uint64_t t1 = v[7] + s1 + choice + round_constants[i] + w[i];
		uint64_t s0 = right64(v[0], 28) ^ right64(v[0], 34) ^ right64(v[0], 39);
		uint64_t majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);

		memmove(v + 1, v, 7 * sizeof(v[0]));
		v[4] += t1;
		v[0] = t1 + s0 + majority;
	}
	for (size_t i = 0; i < 8; i++)
		words[i] += v[i];
}

static void compress(struct kw_sha2 *sha2)
{
	if (sha2->wide)
		compress64(sha2->words, sha2->block);
	else
		compress32(sha2->words, sha2->block);
}

void kw_sha2_start(struct kw_sha2 *sha2, bool wide)
{
	memset(sha2, 0, sizeof(*sha2));
	sha2->wide = wide;
	for (size_t i = 0; i < 8; i++)
		sha2->words[i] = wide ? first_words[i] : first_words[i] >> 32;
}

void kw_sha2_add(struct kw_sha2 *sha2, const void *data, size_t size)
{
	const uint8_t *from = data;
	size_t block = sha2->wide ? 128 : 64;

	while (size > 0) {
		size_t used = (size_t)(sha2->size % block);
		size_t take = size < block - used ? size : block - used;

		memcpy(sha2->block + used, from, take);
		sha2->size += take;
		from += take;
		size -= take;
		if (used + take == block)
			compress(sha2);
	}
}

void kw_sha2_finish(struct kw_sha2 *sha2, uint8_t *digest)
{
	size_t block = sha2->wide ? 128 : 64;
	size_t word = sha2->wide ? 8 : 4;
	uint64_t bits = sha2->size * 8;
	size_t used = (size_t)(sha2->size % block);

	sha2->block[used++] = 0x80;
	if (used > block - 2 * word) {
		memset(sha2->block + used, 0, block - used);
		compress(sha2);
		used = 0;
	}
	memset(sha2->block + used, 0, block - used);
	for (size_t i = 0; i < 8; i++)
		sha2->block[block - 1 - i] = (uint8_t)(bits >> (8 * i));
	compress(sha2);
	for (size_t i = 0; i < 8 * word; i++)
		digest[i] = (uint8_t)(sha2->words[i / word] >> (8 * (word - 1 - i % word)));
}
