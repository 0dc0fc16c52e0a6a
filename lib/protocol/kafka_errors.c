/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kafka's error codes by name, and what its clients make of each: whether the
 * same request may succeed later, and what has to be looked up before it is
 * tried again.  Called by the client and by users' programs.
 */
#include <string.h>

#include <kwire/result.h>

/* What a client does about a code. */
enum cure {
	FINAL,       /* nothing: the request would fail again */
	RETRY,       /* try again later */
	METADATA,    /* look up leader or topic, then try again */
	COORDINATOR, /* look up the coordinator, then try again */
};

#define FIRST_CODE (-1)

static const unsigned char cures[] = {
#define ERROR(code, name, cure, text) [(code)-FIRST_CODE] = (cure),
#include "kafka_errors.def"
#undef ERROR
};

/* One after the other: a pointer to each would cost a daemon another kilobyte. */
static const char names[] =
#define ERROR(code, name, cure, text) #name "\0"
#include "kafka_errors.def"
#undef ERROR
	;

struct kwire_kafka_error kwire_kafka_error(int16_t code)
{
	struct kwire_kafka_error error = {.code = code, .name = "UNKNOWN"};
	unsigned char cure;

	if (code < FIRST_CODE || code >= (int)sizeof(cures) + FIRST_CODE)
		return error;
	cure = cures[code - FIRST_CODE];
	error.retriable = cure != FINAL;
	error.refresh_metadata = cure == METADATA;
	error.refresh_coordinator = cure == COORDINATOR;
	error.name = names;
	for (int i = FIRST_CODE; i < code; i++)
		error.name += strlen(error.name) + 1;
	return error;
}
