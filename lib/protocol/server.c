/* SPDX-License-Identifier: Apache-2.0 */
/* See server.h. */
#include "server.h"

#include "reader.h"
#include "response.h"

int kw_request_peek(const void *frame, size_t size, struct kw_request_header *header,
		    struct kwire_error *error)
{
	const uint8_t *at = frame;
	int16_t length;

	if (size < 8)
		return kw_fail_in(error, KWIRE_EDECODE, KWIRE_PHASE_DECODE,
				  "request header: %lu bytes, where 8 are the least",
				  (unsigned long)size);
	header->api_key = (int16_t)kw_load16(at);
	header->api_version = (int16_t)kw_load16(at + 2);
	header->correlation_id = (int32_t)kw_load32(at + 4);
	header->client_id = kwire_string_of(NULL, 0);
	if (size < 10)
		return KWIRE_OK; /* header v0 */
	length = (int16_t)kw_load16(at + 8);
	if (length < -1 || (length > 0 && (size_t)length > size - 10))
		return kw_fail_in(error, KWIRE_EDECODE, KWIRE_PHASE_DECODE,
				  "request header: client_id has the length %d (offset 8)", length);
	if (length >= 0)
		header->client_id = kwire_string_of((const char *)at + 10, (size_t)length);
	return KWIRE_OK;
}

int kw_request_decode(struct kw_memory *memory, const void *frame, size_t size,
		      const struct kwire_server_api *server, void **request,
		      struct kwire_error *error)
{
	const struct kwire_api *api = server->api;
	struct kw_decode_job job = {
		.name = api->name,
		.kind = " request",
		.api_key = api->key,
		.header = KW_HEADER_REQUEST,
		.decode = server->decode_request,
	};
	struct kw_request_header header;
	struct kw_response *block;
	int result = kw_request_peek(frame, size, &header, error);

	if (result != KWIRE_OK)
		return result;
	if (header.api_key != api->key || header.api_version < api->min_version ||
	    header.api_version > api->max_version)
		return kw_fail(error, KWIRE_EUNSUPPORTED, "%s has no version %d (%d to %d)",
			       api->name, header.api_version, api->min_version, api->max_version);
	job.version = header.api_version;
	job.flexible_header = header.api_version >= api->first_flexible_version;
	block = kw_response_new_sized(memory, api->request_size, size, server->request_guess);
	if (block == NULL)
		return kw_fail_memory(error);
	memcpy(kw_response_frame(block), frame, size);
	return kw_response_run(block, &job, request, error);
}

static void put_response(struct kwire_writer *writer, const struct kw_frame_job *job)
{
	kw_put_int32(writer, job->correlation_id);
	writer->flexible = job->flexible;
	if (job->flexible)
		kw_put_tags(writer, NULL);
	if (job->encode != NULL)
		job->encode(writer, job->message, job->version);
	else
		kw_put_raw(writer, job->body.data, (size_t)job->body.size);
}

int kw_response_encode(struct kw_frame *frame, struct kw_memory *memory,
		       const struct kwire_server_api *server, int16_t version,
		       int32_t correlation_id, const void *response, size_t max_size,
		       struct kwire_error *error)
{
	const struct kwire_api *api = server->api;
	struct kw_frame_job job = {
		.put = put_response,
		.api = api,
		.encode = server->encode_response,
		.message = response,
		.kind = "response",
		.api_key = api->key,
		.version = version,
		.flexible = kw_response_header_flexible(api, version),
		.correlation_id = correlation_id,
	};

	return kw_frame_run(frame, memory, &job, max_size, error);
}

int kw_response_encode_raw(struct kw_frame *frame, struct kw_memory *memory, bool flexible,
			   int32_t correlation_id, const void *body, size_t body_size,
			   size_t max_size, struct kwire_error *error)
{
	struct kw_frame_job job = {
		.put = put_response,
		.kind = "response",
		.api_key = -1,
		.flexible = flexible,
		.correlation_id = correlation_id,
		.body = kwire_bytes_of(body, body_size),
	};

	if (body_size > INT32_MAX)
		return kw_fail(error, KWIRE_ETOOLARGE, "response body of %lu bytes",
			       (unsigned long)body_size);
	return kw_frame_run(frame, memory, &job, max_size, error);
}
