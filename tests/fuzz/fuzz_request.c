/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Request frames of every API and version, header included, as a server reads
 * them.  What decodes encodes again, to something that decodes equal.
 */
#include <string.h>

#include <kwire/describe.h>

#include "pick.h"
#include "protocol/frame.h"
#include "protocol/server.h"

static const struct kwire_description *describe(const struct kwire_api *api)
{
	for (int i = 0; i < kwire_all_descriptions_count; i++)
		if (kwire_all_descriptions[i]->api_key == api->key &&
		    kwire_all_descriptions[i]->kind == KWIRE_KIND_REQUEST)
			return kwire_all_descriptions[i];
	return NULL;
}

static void check(const struct kwire_server_api *server, const uint8_t *data, size_t size)
{
	struct kw_memory *memory = kw_memory_new(NULL, 0);
	struct kw_frame frame = KW_FRAME_INIT;
	struct kw_request_header header;
	struct kwire_error error;
	void *request = NULL, *again = NULL;
	int result;

	kw_memory_set_max(memory, 4096 + server->api->request_size +
					  size * (1 + 2 * (size_t)server->request_ratio +
						  server->request_guess / 4));
	result = kw_request_decode(memory, data, size, server, &request, &error);
	FUZZ_CHECK(result == KWIRE_OK || result == KWIRE_EDECODE || result == KWIRE_EUNSUPPORTED);
	if (result == KWIRE_OK) {
		kw_memory_set_max(memory, 0);
		FUZZ_CHECK(kw_request_peek(data, size, &header, NULL) == KWIRE_OK);
		FUZZ_CHECK(kw_frame_encode(&frame, memory, server->api, header.api_version,
					   header.client_id, request, INT32_MAX, NULL) == KWIRE_OK);
		FUZZ_CHECK(kw_frame_own(&frame, memory) == KWIRE_OK);
		FUZZ_CHECK(kw_request_decode(memory, frame.data + 4, frame.size - 4, server, &again,
					     NULL) == KWIRE_OK);
		FUZZ_CHECK(kwire_message_equal(describe(server->api), request, again));
		kwire_response_free(again);
		kwire_response_free(request);
	}
	kw_frame_fini(&frame);
	FUZZ_CHECK(kw_memory_used(memory) == 0);
	kw_memory_put(memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kw_request_header header;

	if (kw_request_peek(data, size, &header, NULL) != KWIRE_OK)
		return 0;
	/* Keys run from 0: a little help for the fuzzer. */
	for (int i = 0; i < kwire_all_servers_count; i++)
		if (kwire_all_servers[i]->api->key == header.api_key)
			check(kwire_all_servers[i], data, size);
	return 0;
}
