/* SPDX-License-Identifier: Apache-2.0 */
/* See histogram.h. */
#include "histogram.h"

#include <stdio.h>
#include <stdlib.h>

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a;
	int64_t y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

void histogram_sort(int64_t *values, size_t count)
{
	qsort(values, count, sizeof(*values), compare);
}

int64_t histogram_percentile(const int64_t *values, size_t count, double percent)
{
	double exact = percent / 100 * (double)count - 1e-6;
	size_t rank = (size_t)exact;

	rank += (double)rank < exact;
	return values[rank == 0 ? 0 : (rank > count ? count : rank) - 1];
}

const char *histogram_time(int64_t us, char text[24])
{
	if (us < 1000)
		snprintf(text, 24, "%d us", (int)us);
	else if (us < 1000000)
		snprintf(text, 24, "%.3g ms", (double)us / 1000);
	else
		snprintf(text, 24, "%.3g s", (double)us / 1000000);
	return text;
}

/* Bounds of classes: ten a decade where the values lie close, else three. */
static const int fine[] = {10, 12, 15, 20, 25, 30, 40, 50, 60, 80};
static const int coarse[] = {10, 20, 50};

/* The largest bound that is not above `value`, or the smallest above it. */
static int64_t bound(int64_t value, bool above, bool close)
{
	const int *steps = close ? fine : coarse;
	int count = close ? 10 : 3;
	int64_t below = 0;

	for (int64_t scale = 1;; scale *= 10)
		for (int i = 0; i < count; i++) {
			int64_t step = steps[i] * scale;

			if (step > value)
				return above ? step : below;
			below = step;
		}
}

void histogram_print(const int64_t *values, size_t count, int width, bool utf8)
{
	bool close = values[count - 1] < 40 * (values[0] + 10);
	size_t highest = 0;
	char from[24], to[24];

	/* Two rounds over the classes: the highest bar first, then the bars. */
	for (int round = 0; round < 2; round++) {
		int64_t low = bound(values[0], false, close);

		for (size_t i = 0; i < count;) {
			int64_t high = bound(low, true, close);
			size_t first = i;

			while (i < count && values[i] < high)
				i++;
			if (round == 0) {
				highest = i - first > highest ? i - first : highest;
			} else {
				size_t bar = (i - first) * (size_t)width / highest;

				bar += bar == 0 && i > first;
				printf("%9s - %-9s %8zu ", histogram_time(low, from),
				       histogram_time(high, to), i - first);
				while (bar-- > 0)
					fputs(utf8 ? "\xe2\x96\x88" : "#", stdout);
				putchar('\n');
			}
			low = high;
		}
	}
}
