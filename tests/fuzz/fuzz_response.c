/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Response frames of every API and version, header included.  What decodes
 * encodes again, to something that decodes equal; memory stays bounded.
 */
#include <stdlib.h>
#include <string.h>

#include <kwire/describe.h>

#include "pick.h"
#include "protocol/response.h"
#include "protocol/server.h"

static const struct kwire_description *describe(const struct kwire_api *api)
{
	for (int i = 0; i < kwire_all_descriptions_count; i++)
		if (kwire_all_descriptions[i]->api_key == api->key &&
		    kwire_all_descriptions[i]->kind == KWIRE_KIND_RESPONSE)
			return kwire_all_descriptions[i];
	return NULL;
}

static void *decode(struct kw_memory *memory, const struct kwire_api *api, int16_t version,
		    const uint8_t *data, size_t size)
{
	struct kw_response *response = kw_response_new(memory, api, size);
	struct kwire_error error;
	void *message = NULL;

	FUZZ_CHECK(response != NULL);
	if (size > 0)
		memcpy(kw_response_frame(response), data, size);
	if (kw_response_decode(response, api, version, &message, &error) != KWIRE_OK) {
		FUZZ_CHECK(error.result == KWIRE_EDECODE && error.message[0] != '\0');
		return NULL;
	}
	return message;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned pick = fuzz_pick(&data, &size, (unsigned)kwire_all_servers_count);
	const struct kwire_server_api *server = kwire_all_servers[pick];
	const struct kwire_api *api = server->api;
	int16_t version = (int16_t)(api->min_version +
				    (int)fuzz_pick(
					    &data, &size,
					    (unsigned)(api->max_version - api->min_version + 1)));
	struct kw_memory *memory = kw_memory_new(NULL, 0);
	struct kw_frame frame = KW_FRAME_INIT;
	void *message, *again;

	/* Twice the worst case and the guess: chunks grow ahead of what is needed. */
	kw_memory_set_max(memory, 4096 + api->response_size +
					  size * (1 + 2 * (size_t)api->response_ratio +
						  api->response_guess / 4));
	message = decode(memory, api, version, data, size);
	if (message != NULL) {
		kw_memory_set_max(memory, 0);
		FUZZ_CHECK(kw_response_encode(&frame, memory, server, version, 7, message,
					      INT32_MAX, NULL) == KWIRE_OK);
		FUZZ_CHECK(kw_frame_own(&frame, memory) == KWIRE_OK);
		again = decode(memory, api, version, frame.data + 4, frame.size - 4);
		FUZZ_CHECK(again != NULL && kwire_message_equal(describe(api), message, again));
		kwire_response_free(again);
		kwire_response_free(message);
	}
	kw_frame_fini(&frame);
	FUZZ_CHECK(kw_memory_used(memory) == 0);
	kw_memory_put(memory);
	return 0;
}
