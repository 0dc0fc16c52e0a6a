/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random messages through their descriptions, the same for the same seed:
 * nulls where allowed, empty and long values, extreme numbers, tagged fields
 * set and unset, unknown tags.
 */
#ifndef TESTS_RANDOM_MESSAGE_H
#define TESTS_RANDOM_MESSAGE_H

#include <kwire/describe.h>

/* A message that `version` can carry, for kwire_response_free(). */
void *random_message(const struct kwire_description *description, int16_t version, uint64_t seed);

#endif
