/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The three small messages of a login as bytes: ApiVersions v0, SaslHandshake
 * v0 and v1, SaslAuthenticate v0 to v2.  Called by exchange.c.  Not the
 * generated codec, because each copy of a token has to be found and wiped.
 */
#ifndef KW_SASL_WIRE_H
#define KW_SASL_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	KW_SASL_HANDSHAKE = 17,
	KW_SASL_AUTHENTICATE = 36,
	KW_API_VERSIONS = 18,
};

/* A request to be written: size word, header, and what `text` and `token` mean to its API. */
struct kw_sasl_request {
	int16_t api_key;
	int16_t version;
	int32_t correlation_id;
	const char *client_id;
	const char *mechanism; /* of a handshake */
	const void *token;     /* of an authentication */
	size_t token_size;
};

/* The bytes that a request takes at most, and the bytes written. */
size_t kw_sasl_request_bound(const struct kw_sasl_request *request);
size_t kw_sasl_request_write(const struct kw_sasl_request *request, uint8_t *to);

/* Part of a received frame. */
struct kw_sasl_bytes {
	const uint8_t *data; /* NULL: null */
	size_t size;
};

/*
 * A response, `bytes` being the frame behind its size word.  Each reader
 * returns false where it is malformed.
 */
struct kw_sasl_ranges {
	int16_t error;
	int16_t handshake_max;    /* -1: not offered */
	int16_t authenticate_max; /* -1: not offered */
};
bool kw_sasl_read_id(struct kw_sasl_bytes *bytes, int32_t *correlation_id);
bool kw_sasl_read_versions(struct kw_sasl_bytes bytes, struct kw_sasl_ranges *ranges);

struct kw_sasl_handshake {
	int16_t error;
	int32_t count;
	struct kw_sasl_bytes mechanisms; /* for kw_sasl_next_mechanism(), `count` times */
};
bool kw_sasl_read_handshake(struct kw_sasl_bytes bytes, struct kw_sasl_handshake *handshake);
bool kw_sasl_next_mechanism(struct kw_sasl_bytes *mechanisms, struct kw_sasl_bytes *name);

struct kw_sasl_answer {
	int16_t error;
	struct kw_sasl_bytes message;
	struct kw_sasl_bytes token;
	int64_t session_lifetime_ms;
};
bool kw_sasl_read_answer(struct kw_sasl_bytes bytes, int16_t version,
			 struct kw_sasl_answer *answer);

#endif
