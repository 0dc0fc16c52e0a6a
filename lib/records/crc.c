/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See crc.h: the choice of the form at run time, and the form by tables, eight
 * bytes a step.  The tables are computed on first use, so a program that never
 * needs them pays for no more than their address range.
 */
#include "crc.h"

#include <pthread.h>
#include <stdatomic.h>

#define CASTAGNOLI 0x82f63b78u /* both reflected */
#define IEEE       0xedb88320u

struct tables {
	uint32_t at[8][256];
};

static struct tables castagnoli;
static struct tables ieee;
static pthread_once_t castagnoli_once = PTHREAD_ONCE_INIT;
static pthread_once_t ieee_once = PTHREAD_ONCE_INIT;

static void fill(struct tables *tables, uint32_t polynomial)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t crc = i;

		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (polynomial & (0u - (crc & 1)));
		tables->at[0][i] = crc;
	}
	for (int row = 1; row < 8; row++)
		for (int i = 0; i < 256; i++) {
			uint32_t before = tables->at[row - 1][i];

			tables->at[row][i] = (before >> 8) ^ tables->at[0][before & 0xff];
		}
}

static void fill_castagnoli(void)
{
	fill(&castagnoli, CASTAGNOLI);
}

static void fill_ieee(void)
{
	fill(&ieee, IEEE);
}

static uint32_t load_le(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint32_t sum(const struct tables *tables, uint32_t crc, const uint8_t *p, size_t size)
{
	crc = ~crc;
	for (; size >= 8; size -= 8, p += 8) {
		uint32_t low = load_le(p) ^ crc;
		uint32_t high = load_le(p + 4);

		crc = tables->at[7][low & 0xff] ^ tables->at[6][(low >> 8) & 0xff] ^
		      tables->at[5][(low >> 16) & 0xff] ^ tables->at[4][low >> 24] ^
		      tables->at[3][high & 0xff] ^ tables->at[2][(high >> 8) & 0xff] ^
		      tables->at[1][(high >> 16) & 0xff] ^ tables->at[0][high >> 24];
	}
	while (size-- > 0)
		crc = (crc >> 8) ^ tables->at[0][(crc ^ *p++) & 0xff];
	return ~crc;
}

uint32_t kw_crc32(uint32_t crc, const void *data, size_t size)
{
	pthread_once(&ieee_once, fill_ieee);
	return sum(&ieee, crc, data, size);
}

static uint32_t crc32c_tables(uint32_t crc, const void *data, size_t size)
{
	pthread_once(&castagnoli_once, fill_castagnoli);
	return sum(&castagnoli, crc, data, size);
}

static const struct kw_crc32c_form tables_form = {"tables", crc32c_tables};

const struct kw_crc32c_form *kw_crc32c_form(size_t index)
{
	const struct kw_crc32c_form *forms[] = {kw_crc32c_x86(), kw_crc32c_x86_single(),
						kw_crc32c_arm(), &tables_form};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (forms[i] != NULL && index-- == 0)
			return forms[i];
	return NULL;
}

static const struct kw_crc32c_form *_Atomic chosen;

uint32_t kw_crc32c(uint32_t crc, const void *data, size_t size)
{
	const struct kw_crc32c_form *form = atomic_load_explicit(&chosen, memory_order_relaxed);

	/* Two threads may both choose: they choose the same. */
	if (form == NULL) {
		form = kw_crc32c_form(0);
		atomic_store_explicit(&chosen, form, memory_order_relaxed);
	}
	return form->sum(crc, data, size);
}
