/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON read as a message of any kind and version.  What is read and can be
 * printed reads back equal.
 */
#include <string.h>

#include <kwire/json.h>

#include "pick.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned pick = fuzz_pick(&data, &size, (unsigned)kwire_all_descriptions_count);
	const struct kwire_description *description = kwire_all_descriptions[pick];
	int16_t version = (int16_t)(description->min_version +
				    (int)fuzz_pick(&data, &size,
						   (unsigned)(description->max_version -
							      description->min_version + 1)));
	unsigned flags = fuzz_pick(&data, &size, 2) != 0 ? KWIRE_JSON_DEFAULTS : 0;
	void *message = NULL, *again = NULL;
	struct kwire_error error;
	char *text = NULL;
	size_t text_size;

	if (kwire_json_read(description, (const char *)data, size, version, flags, &message,
			    &error) != KWIRE_OK) {
		FUZZ_CHECK(error.message[0] != '\0');
		return 0;
	}
	if (kwire_json_print(description, message, version, 0, &text, &text_size, &error) ==
	    KWIRE_OK) {
		FUZZ_CHECK(kwire_json_read(description, text, text_size, version, 0, &again,
					   &error) == KWIRE_OK);
		kwire_response_free(again);
		kwire_json_free(text);
	}
	kwire_response_free(message);
	return 0;
}
