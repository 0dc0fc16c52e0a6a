/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC-32C by the instructions of SSE 4.2.  The instruction takes three cycles
 * but starts anew each cycle, so three stretches of the data are summed side by
 * side; then the first two sums are moved over the stretches behind them: a
 * carry-less multiplication by x^(bits - 33), whose 64-bit product the CRC
 * instruction itself reduces (and multiplies by the missing x^33).
 */
#include "crc.h"

#if defined(__x86_64__) && defined(__GNUC__)

#include <immintrin.h>
#include <string.h>

struct stretch {
	size_t size;     /* bytes a stretch, of which there are three */
	uint32_t by_two; /* x^(8 * 2 * size - 33) mod P, reflected */
	uint32_t by_one; /* x^(8 * size - 33) mod P, reflected */
};

static const struct stretch stretches[] = {
	{4096, 0x54a86326, 0x82f89c77},
	{512, 0x170076fa, 0xdd7e3b0c},
};

static uint64_t load(const uint8_t *p)
{
	uint64_t value;

	memcpy(&value, p, sizeof(value));
	return value;
}

__attribute__((target("sse4.2"))) static uint32_t single(uint32_t start, const uint8_t *p,
							 size_t size)
{
	uint64_t crc = start;

	for (; size >= 8; size -= 8, p += 8)
		crc = _mm_crc32_u64(crc, load(p));
	while (size-- > 0)
		crc = _mm_crc32_u8((uint32_t)crc, *p++);
	return (uint32_t)crc;
}

__attribute__((target("sse4.2,pclmul"))) static uint64_t multiply(uint64_t crc, uint32_t by)
{
	__m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)crc),
					       _mm_cvtsi64_si128((long long)by), 0);

	return (uint64_t)_mm_cvtsi128_si64(product);
}

__attribute__((target("sse4.2,pclmul"))) static uint32_t sum_three(uint32_t crc, const void *data,
								   size_t size)
{
	const uint8_t *p = data;

	crc = ~crc;
	for (size_t i = 0; i < sizeof(stretches) / sizeof(stretches[0]); i++) {
		const struct stretch *stretch = &stretches[i];
		const size_t n = stretch->size;

		for (; size >= 3 * n; size -= 3 * n, p += 2 * n) {
			uint64_t a = crc, b = 0, c = 0;

			for (const uint8_t *end = p + n; p < end; p += 16) {
				a = _mm_crc32_u64(a, load(p));
				b = _mm_crc32_u64(b, load(p + n));
				c = _mm_crc32_u64(c, load(p + 2 * n));
				a = _mm_crc32_u64(a, load(p + 8));
				b = _mm_crc32_u64(b, load(p + n + 8));
				c = _mm_crc32_u64(c, load(p + 2 * n + 8));
			}
			a = multiply(a, stretch->by_two) ^ multiply(b, stretch->by_one);
			crc = (uint32_t)(_mm_crc32_u64(0, a) ^ c);
		}
	}
	return ~single(crc, p, size);
}

static uint32_t sum_single(uint32_t crc, const void *data, size_t size)
{
	return ~single(~crc, data, size);
}

static const struct kw_crc32c_form three_form = {"sse4.2, three streams", sum_three};
static const struct kw_crc32c_form single_form = {"sse4.2, one stream", sum_single};

const struct kw_crc32c_form *kw_crc32c_x86(void)
{
	return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul") ? &three_form
										    : NULL;
}

const struct kw_crc32c_form *kw_crc32c_x86_single(void)
{
	return __builtin_cpu_supports("sse4.2") ? &single_form : NULL;
}

#else

const struct kw_crc32c_form *kw_crc32c_x86(void)
{
	return NULL;
}

const struct kw_crc32c_form *kw_crc32c_x86_single(void)
{
	return NULL;
}

#endif
