/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC-32C by the optional instructions of ARMv8-A, three stretches side by side
 * as in crc_x86.c.  The two sums are moved by a multiplication bit by bit,
 * which needs no further extension; the stretches are long enough to hide it.
 */
#include "crc.h"

#if defined(__aarch64__) && defined(__linux__) && defined(__GNUC__) && !defined(__AARCH64EB__)

#include <string.h>
#include <sys/auxv.h>

#define HAS_CRC32 (1ul << 7) /* HWCAP_CRC32 */
#define STRETCH   4096

/* x^(8 * STRETCH) mod P, reflected. */
#define BY_STRETCH 0x35d73a62u

static uint64_t load(const uint8_t *p)
{
	uint64_t value;

	memcpy(&value, p, sizeof(value));
	return value;
}

/* The instructions by name: the compiler may be told of a processor without them. */
static inline uint32_t step8(uint32_t crc, uint64_t value)
{
	__asm__(".arch_extension crc\n\tcrc32cx %w0, %w0, %x1" : "+r"(crc) : "r"(value));
	return crc;
}

static inline uint32_t step1(uint32_t crc, uint8_t value)
{
	__asm__(".arch_extension crc\n\tcrc32cb %w0, %w0, %w1" : "+r"(crc) : "r"(value));
	return crc;
}

static uint32_t multiply(uint32_t a, uint32_t b)
{
	uint32_t product = 0;

	for (int bit = 31; bit >= 0; bit--) {
		product ^= b & (0u - ((a >> bit) & 1));
		b = (b >> 1) ^ (0x82f63b78u & (0u - (b & 1)));
	}
	return product;
}

static uint32_t sum_three(uint32_t crc, const void *data, size_t size)
{
	const uint8_t *p = data;

	crc = ~crc;
	for (; size >= 3 * STRETCH; size -= 3 * STRETCH, p += 2 * STRETCH) {
		uint32_t a = crc, b = 0, c = 0;

		for (const uint8_t *end = p + STRETCH; p < end; p += 8) {
			a = step8(a, load(p));
			b = step8(b, load(p + STRETCH));
			c = step8(c, load(p + 2 * STRETCH));
		}
		crc = multiply(multiply(a, BY_STRETCH) ^ b, BY_STRETCH) ^ c;
	}
	for (; size >= 8; size -= 8, p += 8)
		crc = step8(crc, load(p));
	while (size-- > 0)
		crc = step1(crc, *p++);
	return ~crc;
}

static const struct kw_crc32c_form arm_form = {"armv8 crc, three streams", sum_three};

const struct kw_crc32c_form *kw_crc32c_arm(void)
{
	return (getauxval(AT_HWCAP) & HAS_CRC32) != 0 ? &arm_form : NULL;
}

#else

const struct kw_crc32c_form *kw_crc32c_arm(void)
{
	return NULL;
}

#endif
