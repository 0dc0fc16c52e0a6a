/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A log-linear histogram of microseconds: eight classes to each power of two,
 * so that a class is at most an eighth as wide as what is in it.  Fixed size,
 * no allocation, no lock; knows no clock.
 */
#ifndef KW_HISTOGRAM_H
#define KW_HISTOGRAM_H

#include <stdint.h>

enum {
	KW_HISTOGRAM_FINE = 8,
	KW_HISTOGRAM_CLASSES = 8 *
			       30, /* up to 2^32 us, more than an hour; the last takes the rest */
};

struct kw_histogram {
	uint64_t count;
	int64_t sum;
	int64_t max;
	uint32_t classes[KW_HISTOGRAM_CLASSES]; /* stay at their most when full */
};

void kw_histogram_add(struct kw_histogram *histogram, int64_t value);

/* Adds all that is in `other`. */
void kw_histogram_merge(struct kw_histogram *histogram, const struct kw_histogram *other);

/*
 * A value that at least `permille` thousandths of all do not exceed, but for
 * half a class: the middle of that class, never above the largest.  0: nothing
 * was added.
 */
int64_t kw_histogram_quantile(const struct kw_histogram *histogram, int permille);

#endif
