/* SPDX-License-Identifier: Apache-2.0 */
/* See response.h. */
#include "response.h"

#include <stdalign.h>

#include "reader.h"

#define API_VERSIONS_KEY 18
#define ROOM_FLOOR       128

/* In front of the decoded struct, which is what the user holds. */
struct kw_response {
	alignas(max_align_t) struct kw_chunk *chunks;
	uint8_t *room; /* between the struct and the frame */
	uint8_t *frame;
	size_t frame_size;
	uint32_t guess;
};

static size_t align(size_t size)
{
	return (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
}

struct kw_response *kw_response_new_sized(struct kw_memory *memory, size_t message_size,
					  size_t frame_size, uint32_t guess)
{
	uint64_t room = align((size_t)((uint64_t)frame_size * guess / 16) + ROOM_FLOOR);
	size_t fixed = sizeof(struct kw_response) + align(message_size);
	struct kw_response *response = NULL;

	if (frame_size > INT32_MAX)
		return NULL;
	if (room + fixed + frame_size + 1 <= SIZE_MAX / 2)
		response = kw_alloc(memory, (size_t)room + fixed + frame_size + 1);
	if (response == NULL) {
		/* The guess may be what does not fit. */
		room = 0;
		response = kw_alloc(memory, fixed + frame_size + 1);
	}
	if (response == NULL)
		return NULL;
	response->chunks = NULL;
	response->room = (uint8_t *)response + fixed;
	response->frame = response->room + room;
	response->frame_size = frame_size;
	response->guess = guess;
	return response;
}

struct kw_response *kw_response_new(struct kw_memory *memory, const struct kwire_api *api,
				    size_t frame_size)
{
	if (api == NULL)
		return kw_response_new_sized(memory, sizeof(struct kwire_raw_response), frame_size,
					     0);
	return kw_response_new_sized(memory, api->response_size, frame_size, api->response_guess);
}

uint8_t *kw_response_frame(struct kw_response *response)
{
	return response->frame;
}

size_t kw_response_frame_size(const struct kw_response *response)
{
	return response->frame_size;
}

bool kw_response_header_flexible(const struct kwire_api *api, int16_t version)
{
	/* KIP-511: whoever asks for versions must be able to read any answer. */
	return version >= api->first_flexible_version && api->key != API_VERSIONS_KEY;
}

static void get_header(struct kwire_reader *reader, const struct kw_decode_job *job)
{
	if (job->header == KW_HEADER_NONE)
		return;
	if (job->header == KW_HEADER_REQUEST) {
		kw_get_int16(reader, "request_api_key");
		kw_get_int16(reader, "request_api_version");
	}
	kw_get_int32(reader, "correlation_id");
	if (job->header == KW_HEADER_REQUEST)
		kw_get_plain_string(reader, true, "client_id");
	reader->flexible = job->flexible_header;
	kw_get_tags(reader);
	kw_get_failed(reader, "header", -1);
	reader->flexible = false;
}

static int fail_decode(const struct kw_decode_job *job, const struct kw_fault *fault,
		       struct kwire_error *error)
{
	if (fault->result == KWIRE_ENOMEM)
		return kw_fail_memory(error);
	kw_fail_in(error, fault->result, KWIRE_PHASE_DECODE, "%s%s v%d: %s%s%s (offset %lu)",
		   job->name, job->kind, job->version, fault->path,
		   fault->path[0] != '\0' ? " " : "", fault->problem, (unsigned long)fault->offset);
	if (error != NULL)
		error->api_key = job->api_key;
	return fault->result;
}

void *kw_response_build(struct kw_response *response, struct kw_arena *arena)
{
	kw_arena_init(arena, kw_memory_of(response), response->room,
		      (size_t)(response->frame - response->room), response->guess);
	return response + 1;
}

void kw_response_built(struct kw_response *response, const struct kw_arena *arena)
{
	response->chunks = arena->chunks;
}

void kw_response_adopt(struct kw_response *response, void *message)
{
	/* A block begins with the list of its chunks, as a chunk does with the rest of its own. */
	struct kw_response *adopted = (struct kw_response *)message - 1;
	struct kw_chunk *chunk = (struct kw_chunk *)(void *)adopted;
	struct kw_chunk *last = chunk;

	while (last->next != NULL)
		last = last->next;
	last->next = response->chunks;
	response->chunks = chunk;
}

int kw_response_run(struct kw_response *response, const struct kw_decode_job *job, void **message,
		    struct kwire_error *error)
{
	struct kwire_reader reader;
	struct kw_arena arena;
	int result = KWIRE_OK;

	kw_response_build(response, &arena);
	kw_reader_init(&reader, response->frame, response->frame_size, &arena);
	reader.version = job->version;
	get_header(&reader, job);
	if (!reader.failed)
		job->decode(&reader, response + 1, job->version);
	if (!reader.failed)
		kw_reader_finish(&reader);
	kw_response_built(response, &arena);
	if (reader.failed) {
		result = fail_decode(job, &reader.fault, error);
		kw_response_drop(response);
		return result;
	}
	*message = response + 1;
	return KWIRE_OK;
}

int kw_response_decode(struct kw_response *response, const struct kwire_api *api, int16_t version,
		       void **message, struct kwire_error *error)
{
	struct kw_decode_job job = {
		.name = api->name,
		.kind = " response",
		.api_key = api->key,
		.version = version,
		.header = KW_HEADER_RESPONSE,
		.flexible_header = kw_response_header_flexible(api, version),
		.decode = api->decode_response,
	};

	return kw_response_run(response, &job, message, error);
}

static void get_raw(struct kwire_reader *reader, void *message, int16_t version)
{
	struct kwire_raw_response *raw = message;

	(void)version;
	raw->body.data = reader->at;
	raw->body.size = (int32_t)kw_reader_left(reader);
	reader->at = reader->end;
}

int kw_response_decode_raw(struct kw_response *response, bool flexible,
			   struct kwire_raw_response **raw, struct kwire_error *error)
{
	struct kw_decode_job job = {
		.name = "raw",
		.kind = " response",
		.api_key = -1,
		.version = flexible ? 1 : 0,
		.header = KW_HEADER_RESPONSE,
		.flexible_header = flexible,
		.decode = get_raw,
	};
	void *message = NULL;
	int result;

	result = kw_response_run(response, &job, &message, error);
	if (result == KWIRE_OK)
		*raw = message;
	return result;
}

void kw_response_drop(struct kw_response *response)
{
	if (response == NULL)
		return;
	kw_chunks_free(response->chunks);
	kw_free(response);
}

void kwire_response_free(void *message)
{
	if (message != NULL)
		kw_response_drop((struct kw_response *)message - 1);
}
