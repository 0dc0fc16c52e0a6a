/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The values that Kafka messages are made of, and what kwire knows of an API.
 * The messages themselves are generated: one header an API under kwire/api/.
 *
 * A request borrows all that it points to until its call returns.  A response
 * owns all that it points to and is freed by one kwire_response_free().
 * Every struct has an INIT macro with the schema's defaults; bytes of zero are
 * not a valid default (a zeroed string is null, not empty).
 */
#ifndef KWIRE_MESSAGE_H
#define KWIRE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <kwire/result.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A string: UTF-8, `size` bytes; decoded ones are NUL-terminated too.  Null: data == NULL. */
struct kwire_string {
	const char *data;
	int32_t size;
};

/* Bytes, or a `records` field (record batches; see kwire/records.h).  Null: data == NULL. */
struct kwire_bytes {
	const uint8_t *data;
	int32_t size;
};

/* A UUID, most significant byte first.  All zero: none. */
struct kwire_uuid {
	uint8_t bytes[16];
};

/* Arrays of primitive values.  Null: count == -1. */
struct kwire_int8_array {
	int8_t *items;
	int32_t count;
};
struct kwire_int16_array {
	int16_t *items;
	int32_t count;
};
struct kwire_int32_array {
	int32_t *items;
	int32_t count;
};
struct kwire_int64_array {
	int64_t *items;
	int32_t count;
};
struct kwire_string_array {
	struct kwire_string *items;
	int32_t count;
};
struct kwire_bytes_array {
	struct kwire_bytes *items;
	int32_t count;
};
struct kwire_uuid_array {
	struct kwire_uuid *items;
	int32_t count;
};

/* Tagged fields that this version of kwire does not know: kept, and written back. */
struct kwire_tagged_field {
	uint32_t tag;
	struct kwire_bytes value;
};
struct kwire_tagged_fields {
	int32_t count;
	struct kwire_tagged_field *items; /* ascending by tag */
};

/* Initialisers, valid for C and C++.  KWIRE_STRING takes a literal. */
#define KWIRE_STRING_INIT(literal)                        \
	{                                                 \
		(literal), (int32_t)(sizeof(literal) - 1) \
	}
#define KWIRE_STRING_NULL_INIT \
	{                      \
		NULL, 0        \
	}
#define KWIRE_BYTES_EMPTY_INIT         \
	{                              \
		(const uint8_t *)"", 0 \
	}
#define KWIRE_BYTES_NULL_INIT \
	{                     \
		NULL, 0       \
	}
#define KWIRE_UUID_INIT                                                \
	{                                                              \
		{                                                      \
			0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 \
		}                                                      \
	}

/* A string over `size` bytes at `data`; data == NULL is the null string.  Copies nothing. */
static inline struct kwire_string kwire_string_of(const char *data, size_t size)
{
	struct kwire_string string;

	string.data = data;
	string.size = size > INT32_MAX ? INT32_MAX : (int32_t)size;
	return string;
}

/* A string over the NUL-terminated `text`, which stays borrowed; NULL is the null string. */
KWIRE_API struct kwire_string kwire_string(const char *text);

#define KWIRE_STRING(literal) kwire_string_of("" literal, sizeof(literal) - 1)

/* Whether a string equals the NUL-terminated `text`; null equals NULL only. */
KWIRE_API bool kwire_string_equal(struct kwire_string string, const char *text);

/* Bytes over `size` bytes at `data`; data == NULL is null bytes.  Copies nothing. */
static inline struct kwire_bytes kwire_bytes_of(const void *data, size_t size)
{
	struct kwire_bytes bytes;

	bytes.data = (const uint8_t *)data;
	bytes.size = size > INT32_MAX ? INT32_MAX : (int32_t)size;
	return bytes;
}

/*
 * A UUID as Kafka writes it: base64url without padding, 22 characters.
 * kwire_uuid_format writes 22 characters and a NUL; kwire_uuid_parse returns
 * KWIRE_EINVAL, leaving `uuid` alone, when `text` is not one.  Any thread.
 */
KWIRE_API void kwire_uuid_format(struct kwire_uuid uuid, char text[23]);
KWIRE_API int kwire_uuid_parse(const char *text, struct kwire_uuid *uuid);
KWIRE_API bool kwire_uuid_is_zero(struct kwire_uuid uuid);

struct kwire_description; /* kwire/describe.h */
struct kwire_writer;      /* lib/protocol/writer.h */
struct kwire_reader;      /* lib/protocol/reader.h */
struct kwire_route;       /* lib/protocol/route.h */

/*
 * One direction of one API, a header or a data message: how its struct is
 * written or read.  Errors stick to the writer or reader.
 */
typedef void kwire_encode_function(struct kwire_writer *writer, const void *message,
				   int16_t version);
typedef void kwire_decode_function(struct kwire_reader *reader, void *message, int16_t version);

/*
 * An API of Kafka: its client's side.  One constant object an API, named
 * kwire_<api>_api; only what a program names is linked into it.  An API that
 * Kafka removed has max_version -1, and no functions.
 */
struct kwire_api {
	const char *name; /* "CreateTopics" */
	int16_t key;
	int16_t min_version;
	int16_t max_version;            /* including an unstable one */
	int16_t latest_stable_version;  /* what negotiation goes up to */
	int16_t first_flexible_version; /* INT16_MAX: none */
	uint16_t flags;                 /* KWIRE_API_… */
	uint32_t request_size;          /* sizeof(struct kwire_<api>_request) */
	uint32_t response_size;
	uint32_t response_ratio;     /* decoded bytes a wire byte can cost at most, rounded up */
	uint32_t response_guess;     /* decoded bytes that 16 wire bytes cost usually */
	int32_t request_wait_offset; /* of the request's own wait field (int32 ms), -1: none */
	kwire_encode_function *encode_request;
	kwire_decode_function *decode_response;
	int16_t throttle_version; /* first version at which the client waits out a throttle time */
	int16_t reserved;
	int32_t throttle_offset;         /* of throttle_time_ms in the response struct, -1: none */
	const struct kwire_route *route; /* which broker it is for; NULL: any */
};

enum kwire_api_flag {
	KWIRE_API_RECORDS = 1 << 0, /* the response carries record batches */
};

/*
 * The server's side of an API, named kwire_<api>_server, in an object of its
 * own: what a mock broker or a proxy needs.
 */
struct kwire_server_api {
	const struct kwire_api *api;
	uint32_t request_ratio;
	uint32_t request_guess;
	kwire_decode_function *decode_request;
	kwire_encode_function *encode_response;
};

/*
 * All APIs by ascending key, without those that Kafka removed; a program that
 * refers to a list links everything in it.  The servers are in libkwire-mock.
 */
KWIRE_API extern const struct kwire_api *const kwire_all_apis[];
KWIRE_API extern const int kwire_all_apis_count;
KWIRE_API extern const struct kwire_server_api *const kwire_all_servers[];
KWIRE_API extern const int kwire_all_servers_count;

/*
 * A message that is no request or response (ConsumerProtocolSubscription,
 * say), named kwire_<message>_message.
 */
struct kwire_message {
	const char *name;
	int16_t min_version;
	int16_t max_version;
	int16_t first_flexible_version;
	int16_t reserved;
	uint32_t size; /* sizeof(struct kwire_<message>) */
	uint32_t ratio;
	uint32_t guess;
	kwire_encode_function *encode;
	kwire_decode_function *decode;
};

/* All of them by name, headers too; links them all. */
KWIRE_API extern const struct kwire_message *const kwire_all_messages[];
KWIRE_API extern const int kwire_all_messages_count;

/*
 * Writes `message` in `version` to `buffer` (at most `capacity` bytes) and its
 * size to `*size`; with capacity 0, or too small, only the size, returning
 * KWIRE_ETOOLARGE.  KWIRE_EINVAL names the field that cannot be written.
 * Allocates nothing.  Any thread.
 */
KWIRE_API int kwire_message_encode(const struct kwire_message *type, const void *message,
				   int16_t version, void *buffer, size_t capacity, size_t *size,
				   struct kwire_error *error);

/*
 * Reads `size` bytes at `data` as a message in `version`; all bytes must be
 * used up.  Copies the bytes; `*message` belongs to the caller, who frees it
 * with kwire_response_free().  KWIRE_EDECODE names field and offset.
 * Any thread.
 */
KWIRE_API int kwire_message_decode(const struct kwire_message *type, const void *data, size_t size,
				   int16_t version, void **message, struct kwire_error *error);

/*
 * Frees a response (or a decoded message) and all that it points to.  Takes
 * NULL.  Any thread, once; a response may outlive its client.
 */
KWIRE_API void kwire_response_free(void *response);

/*
 * The name of an API by its key, also of one that Kafka removed; NULL where
 * not known.  Static string.  Any thread.
 */
KWIRE_API const char *kwire_api_name(int16_t key);

#ifdef __cplusplus
}
#endif

#endif
