/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's side of the protocol: requests in, responses out.  Called by
 * the mock cluster and by tests; no client links it.
 */
#ifndef KW_SERVER_H
#define KW_SERVER_H

#include <kwire/message.h>

#include "../base/memory.h"
#include "frame.h"

/* The part of a request header that all versions of it share. */
struct kw_request_header {
	int16_t api_key;
	int16_t api_version;
	int32_t correlation_id;
	struct kwire_string client_id; /* points into the frame, no NUL */
};

/*
 * Reads the header of a request frame (the `size` bytes after the length word)
 * of any API and version, leaving the frame alone.  KWIRE_EDECODE: too short.
 */
int kw_request_peek(const void *frame, size_t size, struct kw_request_header *header,
		    struct kwire_error *error);

/*
 * Reads a whole request frame in the version that its header states, which
 * must be one of `server`'s.  The frame is copied; `*request` is freed with
 * kwire_response_free().
 */
int kw_request_decode(struct kw_memory *memory, const void *frame, size_t size,
		      const struct kwire_server_api *server, void **request,
		      struct kwire_error *error);

/*
 * Encodes a response with its header into `frame` (see kw_frame_encode), for
 * the request `correlation_id` that came in `version`.
 */
int kw_response_encode(struct kw_frame *frame, struct kw_memory *memory,
		       const struct kwire_server_api *server, int16_t version,
		       int32_t correlation_id, const void *response, size_t max_size,
		       struct kwire_error *error);

/* The same for a body that is encoded already; header v1 where `flexible`. */
int kw_response_encode_raw(struct kw_frame *frame, struct kw_memory *memory, bool flexible,
			   int32_t correlation_id, const void *body, size_t body_size,
			   size_t max_size, struct kwire_error *error);

#endif
