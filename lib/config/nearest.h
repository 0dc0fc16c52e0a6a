/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "Did you mean": the word nearest to a misspelt one, by the number of letters
 * inserted, left out, replaced or swapped.  Knows nothing of properties.
 */
#ifndef KW_CONFIG_NEAREST_H
#define KW_CONFIG_NEAREST_H

struct kw_nearest {
	const char *sought;
	const char *word; /* the best so far, NULL: none is near */
	int distance;
};

void kw_nearest_init(struct kw_nearest *nearest, const char *sought);

/* Offers `word`, which stays borrowed.  The first of equally near words wins. */
void kw_nearest_try(struct kw_nearest *nearest, const char *word);

#endif
