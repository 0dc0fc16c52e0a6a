/* SPDX-License-Identifier: Apache-2.0 */
/* See nearest.h.  Optimal string alignment over three rows of a fixed size. */
#include "nearest.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

enum {
	MAX_LENGTH = 64 /* longer words are near to nothing */
};

static int least(int a, int b)
{
	return a < b ? a : b;
}

static bool same(char a, char b)
{
	/* Separators are often mixed up: `bootstrap_servers`, `bootstrap-servers`. */
	if ((a == '_' || a == '-') && b == '.')
		return true;
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static int distance(const char *a, size_t a_size, const char *b, size_t b_size)
{
	int rows[3][MAX_LENGTH + 1];
	int *before = rows[0], *last = rows[1], *now = rows[2], *reuse;

	for (size_t j = 0; j <= b_size; j++)
		last[j] = (int)j;
	for (size_t i = 1; i <= a_size; i++) {
		now[0] = (int)i;
		for (size_t j = 1; j <= b_size; j++) {
			now[j] = last[j - 1] + (same(a[i - 1], b[j - 1]) ? 0 : 1);
			now[j] = least(now[j], least(last[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
				now[j] = least(now[j], before[j - 2] + 1);
		}
		reuse = before;
		before = last;
		last = now;
		now = reuse;
	}
	return last[b_size];
}

void kw_nearest_init(struct kw_nearest *nearest, const char *sought)
{
	nearest->sought = sought;
	nearest->word = NULL;
	/* A third of the letters may be wrong; beyond that a hint misleads. */
	nearest->distance = (int)(strlen(sought) / 3) + 1;
}

void kw_nearest_try(struct kw_nearest *nearest, const char *word)
{
	size_t sought_size = strlen(nearest->sought), size = strlen(word);
	int found;

	if (sought_size > MAX_LENGTH || size > MAX_LENGTH)
		return;
	found = distance(nearest->sought, sought_size, word, size);
	if (found < nearest->distance) {
		nearest->distance = found;
		nearest->word = word;
	}
}
