/* SPDX-License-Identifier: Apache-2.0 */
/* Latencies: percentiles, and a histogram as text.  Knows nothing of Kafka. */
#ifndef CLI_HISTOGRAM_H
#define CLI_HISTOGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sorts `count` values, ascending: what the two below need. */
void histogram_sort(int64_t *values, size_t count);

/* The smallest value that at least `percent` of all do not exceed; count > 0. */
int64_t histogram_percentile(const int64_t *values, size_t count, double percent);

/* Prints a bar for each class of microseconds, at most `width` characters each. */
void histogram_print(const int64_t *values, size_t count, int width, bool utf8);

/* "850 us", "1.25 ms", "3.1 s"; into `text`, which it returns. */
const char *histogram_time(int64_t us, char text[24]);

#endif
