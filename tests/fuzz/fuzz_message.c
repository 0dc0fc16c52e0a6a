/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Headers and data messages in every version, through the public functions.
 * What decodes encodes again, to something that decodes equal.
 */
#include <stdlib.h>

#include <kwire/describe.h>

#include "pick.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned pick = fuzz_pick(&data, &size, (unsigned)kwire_all_messages_count);
	const struct kwire_message *type = kwire_all_messages[pick];
	int16_t version = (int16_t)(type->min_version +
				    (int)fuzz_pick(
					    &data, &size,
					    (unsigned)(type->max_version - type->min_version + 1)));
	void *message = NULL, *again = NULL;
	struct kwire_error error;
	uint8_t *bytes;
	size_t needed;

	if (kwire_message_decode(type, data, size, version, &message, &error) != KWIRE_OK) {
		FUZZ_CHECK(error.result == KWIRE_EDECODE);
		return 0;
	}
	kwire_message_encode(type, message, version, NULL, 0, &needed, NULL);
	bytes = malloc(needed + 1);
	FUZZ_CHECK(kwire_message_encode(type, message, version, bytes, needed, &needed, &error) ==
		   KWIRE_OK);
	FUZZ_CHECK(kwire_message_decode(type, bytes, needed, version, &again, &error) == KWIRE_OK);
	FUZZ_CHECK(kwire_message_equal(kwire_describe(type->name), message, again));
	kwire_response_free(again);
	kwire_response_free(message);
	free(bytes);
	return 0;
}
