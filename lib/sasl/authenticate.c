/* SPDX-License-Identifier: Apache-2.0 */
/* See sasl.h, and kwire_sasl_authenticate() in kwire/sasl.h. */
#include <stdio.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/error.h"
#include "sasl.h"

/* What it means that the transport gave up; the phase is ours, whatever it says. */
static int transport_failed(const struct kw_sasl_exchange *exchange, ssize_t got,
			    const struct kwire_error *cause, struct kwire_error *error)
{
	if (got == 0 || got == KWIRE_EDISCONNECTED)
		return kw_sasl_exchange_closed(exchange, error);
	if (got == KWIRE_ETIMEDOUT)
		return kw_fail_in(error, KWIRE_ETIMEDOUT, KWIRE_PHASE_SASL,
				  "the broker did not answer in time during the %s login",
				  kw_sasl_exchange_mechanism(exchange));
	kw_error_copy(error, cause);
	if (error != NULL) {
		error->result = (int)got;
		error->phase = KWIRE_PHASE_SASL;
	}
	return (int)got;
}

static int write_all(const struct kw_sasl_exchange *exchange, const struct kwire_transport_ops *ops,
		     void *transport, int64_t deadline_ms, struct kwire_error *error)
{
	const uint8_t *frame;
	size_t size;
	int32_t id;

	kw_sasl_exchange_frame(exchange, &frame, &size, &id);
	while (size > 0) {
		struct kwire_error cause = KWIRE_ERROR_INIT;
		struct iovec iov = {(void *)(uintptr_t)frame, size};
		ssize_t sent = ops->writev(transport, &iov, 1, deadline_ms, &cause);

		if (sent <= 0)
			return transport_failed(exchange, sent, &cause, error);
		frame += sent;
		size -= (size_t)sent;
	}
	return KWIRE_OK;
}

static int read_all(const struct kw_sasl_exchange *exchange, const struct kwire_transport_ops *ops,
		    void *transport, uint8_t *data, size_t size, int64_t deadline_ms,
		    struct kwire_error *error)
{
	while (size > 0) {
		struct kwire_error cause = KWIRE_ERROR_INIT;
		struct iovec iov = {data, size};
		ssize_t got = ops->read(transport, &iov, 1, deadline_ms, &cause);

		if (got <= 0)
			return transport_failed(exchange, got, &cause, error);
		data += got;
		size -= (size_t)got;
	}
	return KWIRE_OK;
}

/* Names a peer that is not a Kafka broker by the first bytes it sent. */
static int strange_size(const uint8_t head[4], struct kwire_error *error)
{
	const char *what = NULL;

	if ((head[0] == 0x15 || head[0] == 0x16) && head[1] == 3)
		what = "this looks like a TLS listener";
	else if (memcmp(head, "HTTP", 4) == 0)
		what = "this looks like an HTTP server";
	if (what != NULL)
		return kw_fail_in(error, KWIRE_EPROTOCOL, KWIRE_PHASE_SASL,
				  "the peer does not speak Kafka: %s", what);
	return kw_fail_in(error, KWIRE_ESASL, KWIRE_PHASE_SASL,
			  "SASL: the broker announced an answer of %lu bytes; kwire accepts %d",
			  (unsigned long)head[0] << 24 | (unsigned long)head[1] << 16 |
				  (unsigned long)head[2] << 8 | head[3],
			  KW_SASL_FRAME_MAX);
}

/* One round: our frame out, its answer in. */
static int round_trip(struct kw_sasl_exchange *exchange, struct kw_memory *memory,
		      const struct kwire_transport_ops *ops, void *transport, int64_t deadline_ms,
		      struct kwire_error *error)
{
	uint8_t head[4], *data = NULL;
	size_t size = 0;
	int result = write_all(exchange, ops, transport, deadline_ms, error);

	if (result == 0)
		result = read_all(exchange, ops, transport, head, sizeof(head), deadline_ms, error);
	if (result != 0)
		return result;
	for (size_t i = 0; i < sizeof(head); i++)
		size = size << 8 | head[i];
	if (size > KW_SASL_FRAME_MAX)
		return strange_size(head, error);
	data = kw_alloc(memory, size);
	if (data == NULL)
		return kw_fail_memory(error);
	result = read_all(exchange, ops, transport, data, size, deadline_ms, error);
	if (result == 0)
		result = kw_sasl_exchange_receive(exchange, data, size, error);
	kw_wipe(data, size);
	kw_free(data);
	return result;
}

int kw_sasl_authenticate(struct kw_memory *memory, const struct kw_sasl_options *options,
			 const struct kwire_transport_ops *ops, void *transport,
			 struct kw_sasl_outcome *outcome, struct kwire_error *error)
{
	struct kw_sasl_exchange *exchange;
	int result = kw_sasl_exchange_new(memory, options, &exchange, error);

	outcome->session_lifetime_ms = 0;
	outcome->choice = -1;
	outcome->mechanism[0] = '\0';
	if (result != 0)
		return result;
	while (result == 0 && !kw_sasl_exchange_done(exchange))
		result = round_trip(exchange, memory, ops, transport, options->deadline_ms, error);
	if (result == 0)
		outcome->session_lifetime_ms = kw_sasl_exchange_lifetime(exchange);
	outcome->choice = kw_sasl_exchange_choice(exchange);
	snprintf(outcome->mechanism, sizeof(outcome->mechanism), "%s",
		 kw_sasl_exchange_mechanism(exchange));
	kw_sasl_exchange_free(exchange);
	return result;
}

int kwire_sasl_authenticate(const struct kwire_config *config,
			    const struct kwire_transport_ops *ops, void *transport,
			    const char *host, int64_t timeout_ms, int64_t *session_lifetime_ms,
			    struct kwire_error *error)
{
	struct kw_sasl_options options = {.host = host};
	struct kw_sasl_outcome outcome;
	struct kwire_config *frozen;
	int result;

	if (ops == NULL || ops->size < offsetof(struct kwire_transport_ops, wake_writable) ||
	    host == NULL || *host == '\0')
		return kw_fail(error, KWIRE_EINVAL,
			       "a login needs a transport and the broker's name");
	frozen = kw_config_freeze(config, error);
	if (frozen == NULL)
		return KWIRE_ENOMEM;
	if (timeout_ms < 0)
		timeout_ms = frozen->settings.connection_setup_timeout_ms;
	options.config = frozen;
	options.deadline_ms = kw_deadline(kw_now_ms(), timeout_ms);
	result = kw_sasl_authenticate(frozen->memory, &options, ops, transport, &outcome, error);
	if (result == 0 && session_lifetime_ms != NULL)
		*session_lifetime_ms = outcome.session_lifetime_ms;
	kw_config_put(frozen);
	return result;
}
