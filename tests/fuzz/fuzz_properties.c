/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A properties file, as kwire_config_load() takes it apart, each pair set on a
 * configuration; and the bootstrap list that comes of it.  What was set can be
 * read back.
 */
#include <stdlib.h>
#include <string.h>

#include <kwire/config.h>

#include "config/bootstrap.h"
#include "config/properties.h"
#include "pick.h"

static int set(void *context, int line, const char *name, const char *value,
	       struct kwire_error *error)
{
	char text[512];
	struct kwire_error ignored;

	(void)line;
	(void)error;
	if (kwire_config_set(context, name, value, &ignored) == KWIRE_OK) {
		int result = kwire_config_get(context, name, text, sizeof(text), &ignored);

		FUZZ_CHECK(result == KWIRE_OK || result == KWIRE_ETOOLARGE ||
			   result == KWIRE_ECONFIG);
		FUZZ_CHECK(memchr(text, '\0', sizeof(text)) != NULL);
	} else {
		FUZZ_CHECK(ignored.message[0] != '\0');
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kwire_config *config = kwire_config_new();
	size_t utf8_size = kw_properties_utf8_size((const char *)data, size);
	char *text = malloc(utf8_size + 1);
	struct kwire_error error;
	int line = 0;

	if (config != NULL && text != NULL) {
		kw_properties_to_utf8((const char *)data, size, text);
		if (kw_properties_parse(text, utf8_size, set, config, &line, &error) != KWIRE_OK)
			FUZZ_CHECK(line > 0 && error.message[0] != '\0');
		memcpy(text, data, size);
		text[size] = '\0';
		kw_bootstrap_check(text, &error);
	}
	free(text);
	kwire_config_free(config);
	return 0;
}
