/* SPDX-License-Identifier: Apache-2.0 */
/* See exchange.h. */
#include "exchange.h"

#include <string.h>

#include "../base/error.h"
#include "../protocol/endian.h"

enum {
	MAX_PIECES = 16, /* of one write */
};

/* Puts words to the codes for which a transport fills no error. */
static int explain(ssize_t result, enum kwire_phase phase, struct kwire_error *error)
{
	switch (result) {
	case 0:
		return kw_fail_in(error, KWIRE_EDISCONNECTED, phase,
				  "the peer closed the connection");
	case KWIRE_ETIMEDOUT:
		return kw_fail_in(error, KWIRE_ETIMEDOUT, phase,
				  phase == KWIRE_PHASE_SEND ? "the peer takes no bytes"
							    : "the peer does not answer");
	case KWIRE_ECANCELED:
		return kw_fail_in(error, KWIRE_ECANCELED, phase, "interrupted");
	default:
		return (int)result;
	}
}

int kw_write_all(const struct kwire_transport_ops *ops, void *transport, const struct iovec *iov,
		 int count, int64_t deadline_ms, struct kwire_error *error)
{
	struct iovec left[MAX_PIECES];
	struct kwire_error scratch;
	ssize_t put;
	int at = 0;

	if (error == NULL)
		error = &scratch;
	if (count > MAX_PIECES)
		return kw_fail(error, KWIRE_EINVAL, "too many pieces to write");
	memcpy(left, iov, (size_t)count * sizeof(*iov));
	while (at < count) {
		if (left[at].iov_len == 0) {
			at++;
			continue;
		}
		put = ops->writev(transport, left + at, count - at, deadline_ms, error);
		if (put <= 0)
			return explain(put, KWIRE_PHASE_SEND, error);
		for (; put > 0 && (size_t)put >= left[at].iov_len; at++)
			put -= (ssize_t)left[at].iov_len;
		if (put > 0) {
			left[at].iov_base = (uint8_t *)left[at].iov_base + put;
			left[at].iov_len -= (size_t)put;
		}
	}
	return KWIRE_OK;
}

int kw_read_all(const struct kwire_transport_ops *ops, void *transport, void *data, size_t size,
		int64_t deadline_ms, size_t *got, struct kwire_error *error)
{
	struct kwire_error scratch;
	struct iovec iov;
	ssize_t came;
	size_t have = 0;

	if (error == NULL)
		error = &scratch;
	while (have < size) {
		iov.iov_base = (uint8_t *)data + have;
		iov.iov_len = size - have;
		came = ops->read(transport, &iov, 1, deadline_ms, error);
		if (got != NULL)
			*got = have;
		if (came <= 0)
			return explain(came, KWIRE_PHASE_RECEIVE, error);
		have += (size_t)came;
	}
	if (got != NULL)
		*got = have;
	return KWIRE_OK;
}

int kw_frame_size(const uint8_t word[4], size_t smallest, size_t largest, size_t *size,
		  struct kwire_error *error)
{
	const char *what = NULL;
	uint32_t value = kw_load32(word);

	if ((word[0] == 0x15 || word[0] == 0x16) && word[1] == 0x03)
		what = "a TLS record; this looks like a TLS listener: "
		       "set security.protocol to SSL or SASL_SSL, or use the plaintext port";
	else if (memcmp(word, "HTTP", 4) == 0 || memcmp(word, "<htm", 4) == 0 ||
		 memcmp(word, "<!DO", 4) == 0)
		what = "HTTP; this is a web server: check the port";
	else if (memcmp(word, "SSH-", 4) == 0)
		what = "SSH; check the port";
	if (what != NULL)
		return kw_fail_in(error, KWIRE_EPROTOCOL, KWIRE_PHASE_RECEIVE,
				  "the peer does not speak Kafka but %s", what);
	if (value > INT32_MAX || value < smallest)
		return kw_fail_in(error, KWIRE_EPROTOCOL, KWIRE_PHASE_RECEIVE,
				  "the peer announced a response of %ld bytes: "
				  "it does not speak Kafka",
				  (long)(int32_t)value);
	if (value > largest)
		return kw_fail_in(error, KWIRE_ETOOLARGE, KWIRE_PHASE_RECEIVE,
				  "the peer announced a response of %lu bytes, at most %lu are "
				  "allowed: raise receive.message.max.bytes if that is meant, "
				  "else check the port",
				  (unsigned long)value, (unsigned long)largest);
	*size = value;
	return KWIRE_OK;
}

int kw_read_frame(const struct kwire_transport_ops *ops, void *transport, struct kw_memory *memory,
		  size_t smallest, size_t largest, int64_t deadline_ms, uint8_t **data,
		  size_t *size, bool *started, struct kwire_error *error)
{
	uint8_t word[4];
	uint8_t *frame;
	size_t got = 0;
	int result = kw_read_all(ops, transport, word, sizeof(word), deadline_ms, &got, error);

	if (started != NULL)
		*started = got > 0;
	if (result != KWIRE_OK)
		return result;
	result = kw_frame_size(word, smallest, largest, size, error);
	if (result != KWIRE_OK)
		return result;
	frame = kw_alloc(memory, *size);
	if (frame == NULL)
		return kw_fail_memory(error);
	result = kw_read_all(ops, transport, frame, *size, deadline_ms, NULL, error);
	if (result != KWIRE_OK) {
		kw_free(frame);
		return result;
	}
	*data = frame;
	return KWIRE_OK;
}
