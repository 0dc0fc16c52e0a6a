/* SPDX-License-Identifier: Apache-2.0 */
/* See histogram.h. */
#include "histogram.h"

enum {
	FINE_BITS = 3, /* of KW_HISTOGRAM_FINE */
};

/*
 * Values below 8 have classes of their own; above, the class is the position of
 * the highest bit and the three bits after it.
 */
static int class_of(int64_t value)
{
	uint64_t left = value < 0 ? 0 : (uint64_t)value;
	int shift = 0;
	int class;

	while (left >> shift >= 2 * KW_HISTOGRAM_FINE)
		shift++;
	class = (shift << FINE_BITS) + (int)(left >> shift);
	return class < KW_HISTOGRAM_CLASSES ? class : KW_HISTOGRAM_CLASSES - 1;
}

/* The smallest value of a class. */
static int64_t floor_of(int class)
{
	int shift = (class >> FINE_BITS) - 1;

	if (shift <= 0)
		return class;
	return (int64_t)(KW_HISTOGRAM_FINE + (class & (KW_HISTOGRAM_FINE - 1))) << shift;
}

void kw_histogram_add(struct kw_histogram *histogram, int64_t value)
{
	uint32_t *class = &histogram->classes[class_of(value)];

	if (value < 0)
		value = 0;
	if (*class < UINT32_MAX)
		++*class;
	histogram->count++;
	histogram->sum += value;
	if (value > histogram->max)
		histogram->max = value;
}

void kw_histogram_merge(struct kw_histogram *histogram, const struct kw_histogram *other)
{
	for (int i = 0; i < KW_HISTOGRAM_CLASSES; i++) {
		uint64_t sum = (uint64_t)histogram->classes[i] + other->classes[i];

		histogram->classes[i] = sum > UINT32_MAX ? UINT32_MAX : (uint32_t)sum;
	}
	histogram->count += other->count;
	histogram->sum += other->sum;
	if (other->max > histogram->max)
		histogram->max = other->max;
}

int64_t kw_histogram_quantile(const struct kw_histogram *histogram, int permille)
{
	uint64_t all = 0, seen = 0, rank;
	int64_t low, high, middle;

	for (int i = 0; i < KW_HISTOGRAM_CLASSES; i++)
		all += histogram->classes[i];
	if (all == 0)
		return 0;
	rank = (all * (uint64_t)permille + 999) / 1000;
	if (rank == 0)
		rank = 1;
	for (int i = 0; i < KW_HISTOGRAM_CLASSES; i++) {
		seen += histogram->classes[i];
		if (seen < rank)
			continue;
		low = floor_of(i);
		high = floor_of(i + 1) - 1;
		middle = low + (high - low) / 2;
		return i == KW_HISTOGRAM_CLASSES - 1 || middle > histogram->max ? histogram->max
										: middle;
	}
	return histogram->max;
}
