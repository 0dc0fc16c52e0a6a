/* SPDX-License-Identifier: Apache-2.0 */
/* FindCoordinator: which broker keeps a group or a transactional id. */
#include <kwire/api/find_coordinator.h>

#include "behaviour.h"

enum {
	BATCHED_FROM = 4,
};

void kw_mock_on_find_coordinator(struct kw_mock_exchange *exchange, const void *message)
{
	const struct kwire_find_coordinator_request *request = message;
	struct kwire_find_coordinator_response response = KWIRE_FIND_COORDINATOR_RESPONSE_INIT;
	struct kwire_mock *mock = exchange->mock;
	bool batched = exchange->request.api_version >= BATCHED_FROM;
	int32_t count = batched ? request->coordinator_keys.count : 1;

	if (!KW_MOCK_ARRAY(mock, response.coordinators, count)) {
		kw_mock_give_up(exchange);
		return;
	}
	for (int32_t i = 0; i < count; i++) {
		struct kwire_find_coordinator_response_coordinator *item = &response.coordinators
										    .items[i];
		struct kwire_string key = batched ? request->coordinator_keys.items[i]
						  : request->key;
		struct kw_mock_broker *broker = kw_mock_coordinator(mock, request->key_type, key);

		*item = (struct kwire_find_coordinator_response_coordinator)
			KWIRE_FIND_COORDINATOR_RESPONSE_COORDINATOR_INIT;
		item->key = key;
		item->node_id = item->port = -1;
		item->error_code = exchange->forced_code;
		if (item->error_code == 0 && request->key_type > KW_MOCK_TRANSACTION)
			item->error_code = INVALID_REQUEST;
		if (item->error_code == 0 && broker == NULL)
			item->error_code = COORDINATOR_NOT_AVAILABLE;
		if (item->error_code == 0) {
			item->node_id = broker->id;
			item->host = kwire_string(kw_mock_host(mock));
			item->port = broker->port;
		}
		/* Kafka's own words where all is well, of which there are two. */
		item->error_message = item->error_code != 0 ? kw_mock_error_text(item->error_code)
				      : batched             ? KWIRE_STRING("")
							    : KWIRE_STRING("NONE");
	}
	if (!batched) {
		const struct kwire_find_coordinator_response_coordinator
			*only = &response.coordinators.items[0];

		response.error_code = only->error_code;
		response.error_message = only->error_message;
		response.node_id = only->node_id;
		response.host = only->host;
		response.port = only->port;
		response.coordinators.count = 0;
	}
	kw_mock_finish(exchange, &response);
}
