/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A response being received and decoded: one block holds the head, the decoded
 * struct, the frame and some room for its arrays.  Strings and bytes of the
 * decoded struct point into the frame.  Called by the connection; reads no
 * socket and takes no lock.
 */
#ifndef KW_RESPONSE_H
#define KW_RESPONSE_H

#include <kwire/connection.h>
#include <kwire/message.h>

#include "../base/memory.h"

struct kw_response;

/*
 * A block for a response of `frame_size` bytes (what the length word said);
 * `api` NULL: for kw_response_decode_raw.  NULL: out of memory.  The frame may
 * be filled by one thread and decoded by another.
 */
struct kw_response *kw_response_new(struct kw_memory *memory, const struct kwire_api *api,
				    size_t frame_size);

/* Where the bytes after the length word go. */
uint8_t *kw_response_frame(struct kw_response *response);
size_t kw_response_frame_size(const struct kw_response *response);

/*
 * Reads header and body of a response of `api` in `version`.  The response
 * becomes `*message`, for kwire_response_free(); on failure it is freed:
 * KWIRE_EDECODE with message, field path and offset, or KWIRE_ENOMEM.
 * Reading writes to the frame: whoever wants to try another version decodes
 * a copy.
 */
int kw_response_decode(struct kw_response *response, const struct kwire_api *api, int16_t version,
		       void **message, struct kwire_error *error);

/* Reads the header alone, v1 where `flexible`. */
int kw_response_decode_raw(struct kw_response *response, bool flexible,
			   struct kwire_raw_response **raw, struct kwire_error *error);

/* Frees a response that was not decoded.  Takes NULL. */
void kw_response_drop(struct kw_response *response);

/* Whether the response header of `api` in `version` ends with tags. */
bool kw_response_header_flexible(const struct kwire_api *api, int16_t version);

struct kw_arena;
struct kwire_reader;

/*
 * For server.c and message.c, which read other things into the same block: a
 * header, then a struct.
 */
enum kw_header {
	KW_HEADER_NONE,
	KW_HEADER_RESPONSE,
	KW_HEADER_REQUEST,
};
struct kw_decode_job {
	const char *name; /* "Metadata" */
	const char *kind; /* " response", " request", or "" */
	int16_t api_key;  /* -1: none */
	int16_t version;
	enum kw_header header;
	bool flexible_header; /* it ends with tags */
	kwire_decode_function *decode;
};
struct kw_response *kw_response_new_sized(struct kw_memory *memory, size_t message_size,
					  size_t frame_size, uint32_t guess);
/*
 * For messages that are built, not read (lib/json): the struct in a block
 * without frame, and its arena, which is handed back when it is filled, also
 * before the block is dropped.
 */
void *kw_response_build(struct kw_response *response, struct kw_arena *arena);
void kw_response_built(struct kw_response *response, const struct kw_arena *arena);

/* What a decoded message points to is freed with `response` from now on, and the message, too. */
void kw_response_adopt(struct kw_response *response, void *message);

int kw_response_run(struct kw_response *response, const struct kw_decode_job *job, void **message,
		    struct kwire_error *error);

#endif
