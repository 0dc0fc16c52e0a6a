/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Kafka's error codes mean, in a sentence each.  For programs that show
 * them to people: the library itself tells names only.
 */
#include <kwire/result.h>

static const char *const texts[] = {
#define FIRST_CODE                    (-1)
#define ERROR(code, name, cure, text) [(code)-FIRST_CODE] = (text),
#include "kafka_errors.def"
#undef ERROR
};

const char *kwire_kafka_error_text(int16_t code)
{
	if (code < FIRST_CODE || code >= (int)(sizeof(texts) / sizeof(texts[0])) + FIRST_CODE)
		return "an error code that this version of kwire does not know";
	return texts[code - FIRST_CODE];
}
