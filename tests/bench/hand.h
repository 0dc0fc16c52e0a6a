/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Codecs written by hand for one message in one version each: the limit that
 * the generated ones are measured against.  They fill the same structs, check
 * the same bounds, and do nothing else.
 */
#ifndef BENCH_HAND_H
#define BENCH_HAND_H

#include <stddef.h>
#include <stdint.h>

#include <kwire/api/api_versions.h>
#include <kwire/api/describe_groups.h>
#include <kwire/api/fetch.h>
#include <kwire/api/metadata.h>
#include <kwire/api/offset_commit.h>
#include <kwire/api/produce.h>

/* One block that arrays are cut from. */
struct hand_room {
	uint8_t *at;
	uint8_t *end;
};

/* Each reads a body of `size` bytes; false where it does not fit. */
bool hand_get_metadata_12(const uint8_t *data, size_t size, struct hand_room *room,
			  struct kwire_metadata_response *message);
bool hand_get_api_versions_4(const uint8_t *data, size_t size, struct hand_room *room,
			     struct kwire_api_versions_response *message);
bool hand_get_fetch_13(const uint8_t *data, size_t size, struct hand_room *room,
		       struct kwire_fetch_response *message);
bool hand_get_describe_groups_5(const uint8_t *data, size_t size, struct hand_room *room,
				struct kwire_describe_groups_response *message);
bool hand_get_produce_9(const uint8_t *data, size_t size, struct hand_room *room,
			struct kwire_produce_request *message);
bool hand_get_offset_commit_8(const uint8_t *data, size_t size, struct hand_room *room,
			      struct kwire_offset_commit_request *message);

/* Each writes a body and returns its size, 0 where `capacity` is too small. */
size_t hand_put_metadata_12(uint8_t *data, size_t capacity,
			    const struct kwire_metadata_response *message);
size_t hand_put_offset_commit_8(uint8_t *data, size_t capacity,
				const struct kwire_offset_commit_request *message);
size_t hand_put_api_versions_4(uint8_t *data, size_t capacity,
			       const struct kwire_api_versions_response *message);
size_t hand_put_fetch_13(uint8_t *data, size_t capacity,
			 const struct kwire_fetch_response *message);
size_t hand_put_describe_groups_5(uint8_t *data, size_t capacity,
				  const struct kwire_describe_groups_response *message);
size_t hand_put_produce_9(uint8_t *data, size_t capacity,
			  const struct kwire_produce_request *message);

#endif
