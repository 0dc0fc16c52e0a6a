/* SPDX-License-Identifier: Apache-2.0 */
/* ApiVersions: what a broker offers, and its answer to a client that is too new. */
#include "api_versions.h"

#include <ctype.h>

#include <kwire/api/api_versions.h>

#include "behaviour.h"

/* Name or version of a client: letters and digits, dots and dashes in between (KIP-511). */
static bool software_valid(struct kwire_string text)
{
	if (text.data == NULL || text.size < 1 || !isalnum((unsigned char)text.data[0]) ||
	    !isalnum((unsigned char)text.data[text.size - 1]))
		return false;
	for (int32_t i = 0; i < text.size; i++)
		if (!isalnum((unsigned char)text.data[i]) && text.data[i] != '-' &&
		    text.data[i] != '.')
			return false;
	return true;
}

void kw_mock_on_api_versions(struct kw_mock_exchange *exchange, const void *message)
{
	const struct kwire_api_versions_request *request = message;
	struct kwire_api_versions_response response = KWIRE_API_VERSIONS_RESPONSE_INIT;
	struct kwire_mock *mock = exchange->mock;
	struct kw_mock_broker *broker = kw_mock_broker_find(mock, exchange->request.broker_id);

	if (broker == NULL || !KW_MOCK_ARRAY(mock, response.api_keys, KW_MOCK_KEYS)) {
		kw_mock_give_up(exchange);
		return;
	}
	response.api_keys.count = 0;
	if (exchange->request.api_version >= 3 &&
	    (!software_valid(request->client_software_name) ||
	     !software_valid(request->client_software_version))) {
		response.error_code = INVALID_REQUEST;
		kw_mock_finish(exchange, &response);
		return;
	}
	for (int key = 0; key < KW_MOCK_KEYS; key++) {
		struct kwire_api_versions_response_api_key
			*item = &response.api_keys.items[response.api_keys.count];

		if (broker->versions[key].min > broker->versions[key].max)
			continue;
		*item = (struct kwire_api_versions_response_api_key)
			KWIRE_API_VERSIONS_RESPONSE_API_KEY_INIT;
		item->api_key = (int16_t)key;
		item->min_version = broker->versions[key].min;
		item->max_version = broker->versions[key].max;
		response.api_keys.count++;
	}
	kw_mock_finish(exchange, &response);
}

void kw_mock_api_versions_fallback(struct kw_mock_exchange *exchange,
				   const struct kw_mock_broker *broker)
{
	struct kwire_api_versions_response response = KWIRE_API_VERSIONS_RESPONSE_INIT;
	struct kwire_api_versions_response_api_key own = KWIRE_API_VERSIONS_RESPONSE_API_KEY_INIT;

	response.error_code = UNSUPPORTED_VERSION;
	own.api_key = KW_MOCK_API_VERSIONS;
	own.min_version = broker->versions[KW_MOCK_API_VERSIONS].min;
	own.max_version = broker->versions[KW_MOCK_API_VERSIONS].max;
	/* Since 2.4 (version 3) brokers say what they have instead; older ones list nothing. */
	if (own.max_version >= 3) {
		response.api_keys.items = &own;
		response.api_keys.count = 1;
	}
	if (kw_mock_answer_in(exchange, 0, &response, NULL) != 0)
		kw_mock_give_up(exchange);
}
