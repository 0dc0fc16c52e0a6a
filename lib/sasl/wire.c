/* SPDX-License-Identifier: Apache-2.0 */
/* See wire.h. */
#include "wire.h"

#include <string.h>

static uint8_t *put(uint8_t *to, uint64_t value, size_t size)
{
	for (size_t i = 0; i < size; i++)
		to[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
	return to + size;
}

static uint8_t *put_varint(uint8_t *to, size_t value)
{
	for (; value >= 0x80; value >>= 7)
		*to++ = (uint8_t)(value | 0x80);
	*to++ = (uint8_t)value;
	return to;
}

static uint8_t *put_bytes(uint8_t *to, const void *data, size_t size)
{
	if (size > 0)
		memcpy(to, data, size);
	return to + size;
}

static bool is_flexible(const struct kw_sasl_request *request)
{
	return request->api_key == KW_SASL_AUTHENTICATE && request->version >= 2;
}

size_t kw_sasl_request_bound(const struct kw_sasl_request *request)
{
	return 32 + strlen(request->client_id) +
	       (request->mechanism != NULL ? strlen(request->mechanism) : 0) + request->token_size;
}

size_t kw_sasl_request_write(const struct kw_sasl_request *request, uint8_t *to)
{
	uint8_t *at = to + 4;
	size_t name = strlen(request->client_id);

	at = put(at, (uint16_t)request->api_key, 2);
	at = put(at, (uint16_t)request->version, 2);
	at = put(at, (uint32_t)request->correlation_id, 4);
	at = put(at, name, 2);
	at = put_bytes(at, request->client_id, name);
	if (is_flexible(request))
		*at++ = 0; /* no tagged fields in the header */
	if (request->api_key == KW_SASL_HANDSHAKE) {
		at = put(at, strlen(request->mechanism), 2);
		at = put_bytes(at, request->mechanism, strlen(request->mechanism));
	} else if (request->api_key == KW_SASL_AUTHENTICATE) {
		at = is_flexible(request) ? put_varint(at, request->token_size + 1)
					  : put(at, request->token_size, 4);
		at = put_bytes(at, request->token, request->token_size);
		if (is_flexible(request))
			*at++ = 0;
	}
	put(to, (size_t)(at - to) - 4, 4);
	return (size_t)(at - to);
}

/* ------------------------------------------------------------------ reading */

static bool get(struct kw_sasl_bytes *bytes, size_t size, int64_t *value)
{
	uint64_t bits = 0;

	if (bytes->size < size)
		return false;
	for (size_t i = 0; i < size; i++)
		bits = bits << 8 | bytes->data[i];
	bytes->data += size;
	bytes->size -= size;
	/* Sign-extends. */
	if (size < 8 && (bits >> (8 * size - 1)) != 0)
		bits |= UINT64_MAX << (8 * size);
	*value = (int64_t)bits;
	return true;
}

static bool get_int16(struct kw_sasl_bytes *bytes, int16_t *value)
{
	int64_t wide;

	if (!get(bytes, 2, &wide))
		return false;
	*value = (int16_t)wide;
	return true;
}

static bool get_varint(struct kw_sasl_bytes *bytes, uint32_t *value)
{
	*value = 0;
	for (unsigned shift = 0; shift < 35; shift += 7) {
		int64_t byte;

		if (!get(bytes, 1, &byte) || (shift == 28 && (byte & 0xf0) != 0))
			return false;
		*value |= (uint32_t)(byte & 0x7f) << shift;
		if ((byte & 0x80) == 0)
			return true;
	}
	return false;
}

/* Takes `size` bytes; -1 is null. */
static bool get_part(struct kw_sasl_bytes *bytes, int64_t size, struct kw_sasl_bytes *part)
{
	part->data = NULL;
	part->size = 0;
	if (size == -1)
		return true;
	if (size < 0 || (uint64_t)size > bytes->size)
		return false;
	part->data = bytes->data;
	part->size = (size_t)size;
	bytes->data += size;
	bytes->size -= (size_t)size;
	return true;
}

static bool get_sized(struct kw_sasl_bytes *bytes, bool flexible, size_t width,
		      struct kw_sasl_bytes *part)
{
	int64_t size;
	uint32_t compact;

	if (!flexible)
		return get(bytes, width, &size) && get_part(bytes, size, part);
	return get_varint(bytes, &compact) && get_part(bytes, (int64_t)compact - 1, part);
}

static bool skip_tags(struct kw_sasl_bytes *bytes)
{
	uint32_t count, tag, size;
	struct kw_sasl_bytes part;

	if (!get_varint(bytes, &count))
		return false;
	for (; count > 0; count--)
		if (!get_varint(bytes, &tag) || !get_varint(bytes, &size) ||
		    !get_part(bytes, size, &part))
			return false;
	return true;
}

bool kw_sasl_read_id(struct kw_sasl_bytes *bytes, int32_t *correlation_id)
{
	int64_t wide;

	if (!get(bytes, 4, &wide))
		return false;
	*correlation_id = (int32_t)wide;
	return true;
}

bool kw_sasl_read_versions(struct kw_sasl_bytes bytes, struct kw_sasl_ranges *ranges)
{
	int64_t count;

	ranges->handshake_max = -1;
	ranges->authenticate_max = -1;
	if (!get_int16(&bytes, &ranges->error) || !get(&bytes, 4, &count) || count < 0)
		return false;
	for (; count > 0; count--) {
		int16_t key, min, max;

		if (!get_int16(&bytes, &key) || !get_int16(&bytes, &min) ||
		    !get_int16(&bytes, &max))
			return false;
		if (key == KW_SASL_HANDSHAKE && min <= max)
			ranges->handshake_max = max;
		if (key == KW_SASL_AUTHENTICATE && min <= max)
			ranges->authenticate_max = max;
	}
	return bytes.size == 0;
}

bool kw_sasl_next_mechanism(struct kw_sasl_bytes *mechanisms, struct kw_sasl_bytes *name)
{
	return get_sized(mechanisms, false, 2, name) && name->data != NULL;
}

bool kw_sasl_read_handshake(struct kw_sasl_bytes bytes, struct kw_sasl_handshake *handshake)
{
	struct kw_sasl_bytes name;
	int64_t count;

	if (!get_int16(&bytes, &handshake->error) || !get(&bytes, 4, &count) || count < 0 ||
	    count > INT32_MAX)
		return false;
	handshake->count = (int32_t)count;
	handshake->mechanisms = bytes;
	for (; count > 0; count--)
		if (!kw_sasl_next_mechanism(&bytes, &name))
			return false;
	return bytes.size == 0;
}

bool kw_sasl_read_answer(struct kw_sasl_bytes bytes, int16_t version, struct kw_sasl_answer *answer)
{
	bool flexible = version >= 2;

	answer->session_lifetime_ms = 0;
	if (flexible && !skip_tags(&bytes)) /* the header's */
		return false;
	if (!get_int16(&bytes, &answer->error) ||
	    !get_sized(&bytes, flexible, 2, &answer->message) ||
	    !get_sized(&bytes, flexible, 4, &answer->token))
		return false;
	if (version >= 1 && !get(&bytes, 8, &answer->session_lifetime_ms))
		return false;
	if (flexible && !skip_tags(&bytes))
		return false;
	return bytes.size == 0;
}
