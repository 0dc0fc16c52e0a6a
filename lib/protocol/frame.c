/* SPDX-License-Identifier: Apache-2.0 */
/* See frame.h. */
#include "frame.h"

#define LENGTH_SIZE           4
#define CORRELATION_ID_OFFSET 8
#define CAPACITY_STEP         512

/* Room for `count` notes of payloads and the iovecs around them. */
static size_t pieces_size(int count)
{
	return (size_t)count * sizeof(struct kw_borrow) +
	       (2 * (size_t)count + 1) * sizeof(struct iovec);
}

static bool reserve(struct kw_frame *frame, struct kw_memory *memory, size_t size, int pieces)
{
	if (size > frame->capacity) {
		size_t capacity = (size + CAPACITY_STEP - 1) / CAPACITY_STEP * CAPACITY_STEP;

		/* Nothing worth copying is in it. */
		kw_free(frame->data);
		frame->data = kw_alloc(memory, capacity);
		frame->capacity = frame->data != NULL ? capacity : 0;
	}
	if (pieces > frame->piece_capacity) {
		kw_free(frame->pieces);
		frame->pieces = kw_alloc(memory, pieces_size(pieces));
		frame->piece_capacity = frame->pieces != NULL ? pieces : 0;
	}
	return size <= frame->capacity && pieces <= frame->piece_capacity;
}

static void run(struct kw_frame *frame, const struct kw_frame_job *job, struct kwire_writer *writer)
{
	kw_writer_init(writer, frame->data, frame->capacity);
	writer->version = job->version;
	writer->borrow_from = KW_FRAME_BORROW_FROM;
	writer->borrows = frame->pieces;
	writer->borrow_capacity = frame->piece_capacity;
	kw_put_int32(writer, 0);
	job->put(writer, job);
}

/* Lays out the iovecs: bytes of the buffer, a payload, bytes of the buffer, ... */
static void gather(struct kw_frame *frame, const struct kwire_writer *writer)
{
	const struct kw_borrow *borrow = writer->borrows;
	size_t at = 0;

	frame->borrows = writer->borrow_count > 0;
	frame->iov_count = 0;
	if (!frame->borrows) {
		frame->iov = &frame->one;
	} else {
		frame->iov = (struct iovec *)(void *)((struct kw_borrow *)frame->pieces +
						      frame->piece_capacity);
	}
	for (int i = 0; i < writer->borrow_count; i++, borrow++) {
		if (borrow->at > at) {
			frame->iov[frame->iov_count].iov_base = frame->data + at;
			frame->iov[frame->iov_count++].iov_len = borrow->at - at;
			at = borrow->at;
		}
		frame->iov[frame->iov_count].iov_base = (void *)(uintptr_t)borrow->data;
		frame->iov[frame->iov_count++].iov_len = borrow->size;
	}
	if (frame->size > at) {
		frame->iov[frame->iov_count].iov_base = frame->data + at;
		frame->iov[frame->iov_count++].iov_len = frame->size - at;
	}
}

static int fail_frame(const struct kw_frame_job *job, const struct kw_fault *fault,
		      struct kwire_error *error)
{
	const char *name = job->api != NULL ? job->api->name : "raw";

	kw_fail_in(error, fault->result, KWIRE_PHASE_NONE, "%s %s v%d: %s%s%s", name, job->kind,
		   job->version, fault->path, fault->path[0] != '\0' ? " " : "", fault->problem);
	if (error != NULL)
		error->api_key = job->api_key;
	return fault->result;
}

static int fail_large(const struct kw_frame_job *job, size_t size, size_t max_size,
		      struct kwire_error *error)
{
	kw_fail(error, KWIRE_ETOOLARGE, "%s %s v%d: %lu bytes, more than the %lu allowed",
		job->api != NULL ? job->api->name : "raw", job->kind, job->version,
		(unsigned long)size, (unsigned long)max_size);
	if (error != NULL)
		error->api_key = job->api_key;
	return KWIRE_ETOOLARGE;
}

int kw_frame_run(struct kw_frame *frame, struct kw_memory *memory, const struct kw_frame_job *job,
		 size_t max_size, struct kwire_error *error)
{
	struct kwire_writer writer;
	size_t size;

	frame->size = 0;
	frame->total_size = 0;
	frame->iov_count = 0;
	frame->borrows = false;
	run(frame, job, &writer);
	size = kw_writer_total(&writer) - LENGTH_SIZE;
	if (writer.failed)
		return fail_frame(job, &writer.fault, error);
	if (size > max_size || size > INT32_MAX)
		return fail_large(job, size, max_size < INT32_MAX ? max_size : INT32_MAX, error);
	if (writer.size > frame->capacity || writer.borrow_count > frame->piece_capacity) {
		if (!reserve(frame, memory, writer.size, writer.borrow_count))
			return kw_fail_memory(error);
		run(frame, job, &writer);
		if (writer.failed || writer.size > frame->capacity ||
		    writer.borrow_count > frame->piece_capacity)
			return kw_fail(
				error, KWIRE_EINVAL, "%s %s v%d: changed while it was encoded",
				job->api != NULL ? job->api->name : "raw", job->kind, job->version);
		size = kw_writer_total(&writer) - LENGTH_SIZE;
	}
	frame->size = writer.size;
	frame->total_size = size + LENGTH_SIZE;
	kw_store32(frame->data, (uint32_t)size);
	gather(frame, &writer);
	return KWIRE_OK;
}

static void put_request(struct kwire_writer *writer, const struct kw_frame_job *job)
{
	kw_put_int16(writer, job->api_key);
	kw_put_int16(writer, job->version);
	kw_put_int32(writer, job->correlation_id);
	kw_put_plain_string(writer, job->client_id, true, "client_id");
	writer->flexible = job->flexible;
	if (job->flexible)
		kw_put_tags(writer, NULL);
	if (job->encode != NULL)
		job->encode(writer, job->message, job->version);
	else
		kw_put_raw(writer, job->body.data, (size_t)job->body.size);
}

int kw_frame_encode(struct kw_frame *frame, struct kw_memory *memory, const struct kwire_api *api,
		    int16_t version, struct kwire_string client_id, const void *request,
		    size_t max_size, struct kwire_error *error)
{
	struct kw_frame_job job = {
		.put = put_request,
		.api = api,
		.encode = api->encode_request,
		.message = request,
		.kind = "request",
		.api_key = api->key,
		.version = version,
		.flexible = version >= api->first_flexible_version,
		.client_id = client_id,
	};

	if (api->encode_request == NULL || version < api->min_version || version > api->max_version)
		return kw_fail(error, KWIRE_EINVAL, "%s has no version %d (%d to %d are known)",
			       api->name, version, api->min_version, api->max_version);
	return kw_frame_run(frame, memory, &job, max_size, error);
}

int kw_frame_encode_raw(struct kw_frame *frame, struct kw_memory *memory, int16_t api_key,
			int16_t version, bool flexible, struct kwire_string client_id,
			const void *body, size_t body_size, size_t max_size,
			struct kwire_error *error)
{
	struct kw_frame_job job = {
		.put = put_request,
		.kind = "request",
		.api_key = api_key,
		.version = version,
		.flexible = flexible,
		.client_id = client_id,
		.body = kwire_bytes_of(body, body_size),
	};

	if (body_size > INT32_MAX)
		return fail_large(&job, body_size, max_size < INT32_MAX ? max_size : INT32_MAX,
				  error);
	return kw_frame_run(frame, memory, &job, max_size, error);
}

void kw_frame_set_correlation_id(struct kw_frame *frame, int32_t id)
{
	kw_store32(frame->data + CORRELATION_ID_OFFSET, (uint32_t)id);
}

int kw_frame_own(struct kw_frame *frame, struct kw_memory *memory)
{
	uint8_t *data;
	size_t at = 0;

	if (!frame->borrows)
		return KWIRE_OK;
	data = kw_alloc(memory, frame->total_size);
	if (data == NULL)
		return KWIRE_ENOMEM;
	for (int i = 0; i < frame->iov_count; i++) {
		memcpy(data + at, frame->iov[i].iov_base, frame->iov[i].iov_len);
		at += frame->iov[i].iov_len;
	}
	kw_free(frame->data);
	frame->data = data;
	frame->capacity = frame->size = frame->total_size;
	frame->borrows = false;
	frame->one.iov_base = data;
	frame->one.iov_len = frame->size;
	frame->iov = &frame->one;
	frame->iov_count = 1;
	return KWIRE_OK;
}

void kw_frame_fini(struct kw_frame *frame)
{
	static const struct kw_frame empty = KW_FRAME_INIT;

	kw_free(frame->data);
	kw_free(frame->pieces);
	*frame = empty;
}
