/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ApiVersions: the first thing said on a connection, by its thread.  Begins
 * with the newest version; a broker that does not know it answers in version 0
 * with error 35 and, since Kafka 2.4, says up to which it goes.  Knows nothing
 * of pending calls: nobody else speaks yet.
 */
#include "internal.h"

#include <string.h>

#include <kwire/api/api_versions.h>
#include <kwire/version.h>

#include "../base/error.h"
#include "../protocol/endian.h"
#include "../protocol/response.h"
#include "../transport/exchange.h"
#include "watch.h"

enum {
	UNSUPPORTED_VERSION = 35,
	SMALLEST_RESPONSE = 6,      /* id and error code */
	LARGEST_RESPONSE = 1048576, /* hundreds of times what any broker sends */
	ERROR_CODE_AT = 4,          /* the response header is always version 0 */
};

/* The bytes of one response, of which any version can be tried. */
struct reply {
	struct kw_memory *memory;
	uint8_t *data;
	size_t size;
};

static int ask(struct kwire_connection *connection, const struct kwire_transport_ops *ops,
	       void *transport, int16_t version, int32_t id, int64_t deadline_ms,
	       struct reply *reply, bool *reset, struct kwire_error *error)
{
	struct kwire_api_versions_request request = KWIRE_API_VERSIONS_REQUEST_INIT;
	struct kw_frame frame = KW_FRAME_INIT;
	bool started = false;
	struct kw_setup_frame seen = {
		.host = connection->host,
		.port = connection->port,
		.api_key = kwire_api_versions_api.key,
		.api_version = version,
		.correlation_id = id,
	};
	int result;

	request.client_software_name = KWIRE_STRING("kwire");
	request.client_software_version = kwire_string(KWIRE_VERSION_STRING);
	result = kw_frame_encode(&frame, connection->memory, &kwire_api_versions_api, version,
				 connection->client_id, &request, KW_REQUEST_MOST, error);
	if (result == KWIRE_OK) {
		kw_frame_set_correlation_id(&frame, id);
		result = kw_write_all(ops, transport, frame.iov, frame.iov_count, deadline_ms,
				      error);
		seen.data = frame.data;
		seen.size = frame.size;
		if (result == KWIRE_OK)
			kw_watch_setup_frame(connection->config, &seen);
		if (result == KWIRE_OK)
			result = kw_read_frame(ops, transport, connection->memory,
					       SMALLEST_RESPONSE, LARGEST_RESPONSE, deadline_ms,
					       &reply->data, &reply->size, &started, error);
		*reset = result == KWIRE_EDISCONNECTED && !started;
	}
	kw_frame_fini(&frame);
	if (result != KWIRE_OK)
		return result;
	if ((int32_t)kw_load32(reply->data) != id) {
		result = kw_fail(error, KWIRE_EPROTOCOL,
				 "the peer answered request %ld, which was never sent",
				 (long)(int32_t)kw_load32(reply->data));
		kw_free(reply->data);
	} else {
		seen.response = true;
		seen.data = reply->data;
		seen.size = reply->size;
		kw_watch_setup_frame(connection->config, &seen);
	}
	return result;
}

static int decode(const struct reply *reply, int16_t version,
		  struct kwire_api_versions_response **response, struct kwire_error *error)
{
	struct kw_response *block = kw_response_new(reply->memory, &kwire_api_versions_api,
						    reply->size);
	void *message = NULL;
	int result;

	if (block == NULL)
		return kw_fail_memory(error);
	memcpy(kw_response_frame(block), reply->data, reply->size);
	result = kw_response_decode(block, &kwire_api_versions_api, version, &message, error);
	*response = message;
	return result;
}

/* The version to try after 35: what the broker offers if that is lower, else 0. */
static int16_t lower_version(const struct reply *reply, int16_t version)
{
	struct kwire_api_versions_response *response = NULL;
	int16_t offered = 0;

	if (decode(reply, 0, &response, NULL) != KWIRE_OK)
		return 0;
	for (int32_t i = 0; i < response->api_keys.count; i++)
		if (response->api_keys.items[i].api_key == kwire_api_versions_api.key)
			offered = response->api_keys.items[i].max_version;
	kwire_response_free(response);
	return offered > 0 && offered < version ? offered : 0;
}

/* The table in `reply`, which came for `version`. */
static int read_table(struct kwire_connection *connection, const struct reply *reply,
		      int16_t version, struct kwire_error *error)
{
	struct kwire_api_versions_response *response = NULL;
	struct kwire_kafka_error kafka;
	int16_t code = (int16_t)kw_load16(reply->data + ERROR_CODE_AT);
	int result = KWIRE_OK;

	if (code != 0) {
		kafka = kwire_kafka_error(code);
		kw_fail(error, KWIRE_EKAFKA, "the broker refused ApiVersions: %s (%d)", kafka.name,
			code);
		error->kafka_code = code;
		error->retriable = kafka.retriable;
		return KWIRE_EKAFKA;
	}
	result = decode(reply, version, &response, error);
	if (result == KWIRE_EDECODE && version > 0 && decode(reply, 0, &response, NULL) == KWIRE_OK)
		result = KWIRE_OK;
	if (result != KWIRE_OK)
		return result;
	connection->versions = kw_versions_new(connection->memory, response);
	kwire_response_free(response);
	return connection->versions != NULL ? KWIRE_OK : kw_fail_memory(error);
}

int kw_setup_versions(struct kwire_connection *connection, const struct kwire_transport_ops *ops,
		      void *transport, int16_t start, int64_t deadline_ms, bool *reset,
		      struct kwire_error *error)
{
	struct reply reply = {.memory = connection->memory};
	int16_t version = kwire_api_versions_api.latest_stable_version;
	int32_t id = 0;
	int result;

	if (start >= 0 && start < version)
		version = start;
	for (;;) {
		result = ask(connection, ops, transport, version, id++, deadline_ms, &reply, reset,
			     error);
		if (result != KWIRE_OK)
			break;
		if (version == 0 ||
		    (int16_t)kw_load16(reply.data + ERROR_CODE_AT) != UNSUPPORTED_VERSION) {
			result = read_table(connection, &reply, version, error);
			kw_free(reply.data);
			break;
		}
		version = lower_version(&reply, version);
		kw_free(reply.data);
	}
	if (result != KWIRE_OK) {
		error->phase = KWIRE_PHASE_VERSIONS;
		error->api_key = kwire_api_versions_api.key;
	}
	return result;
}
