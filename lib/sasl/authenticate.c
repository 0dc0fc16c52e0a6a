/* SPDX-License-Identifier: Apache-2.0 */
/* See sasl.h, and kwire_sasl_authenticate() in kwire/sasl.h. */
#include <stdio.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/error.h"
#include "../transport/exchange.h"
#include "sasl.h"

/* What a transport's failure means to a login; the phase is ours, whatever it says. */
static int transport_failed(const struct kw_sasl_exchange *exchange, int result,
			    struct kwire_error *error)
{
	if (result == KWIRE_EDISCONNECTED)
		return kw_sasl_exchange_closed(exchange, error);
	if (result == KWIRE_ETIMEDOUT)
		return kw_fail_in(error, KWIRE_ETIMEDOUT, KWIRE_PHASE_SASL,
				  "the broker did not answer in time during the %s login",
				  kw_sasl_exchange_mechanism(exchange));
	if (error != NULL)
		error->phase = KWIRE_PHASE_SASL;
	return result;
}

/* One round: our frame out, its answer in. */
static int round_trip(struct kw_sasl_exchange *exchange, struct kw_memory *memory,
		      const struct kwire_transport_ops *ops, void *transport, int64_t deadline_ms,
		      struct kwire_error *error)
{
	const uint8_t *frame;
	struct iovec iov;
	uint8_t *data = NULL;
	size_t size = 0;
	int32_t id;
	int result;

	kw_sasl_exchange_frame(exchange, &frame, &size, &id);
	iov.iov_base = (void *)(uintptr_t)frame;
	iov.iov_len = size;
	result = kw_write_all(ops, transport, &iov, 1, deadline_ms, error);
	if (result == 0)
		kw_sasl_exchange_watch(exchange, false, frame, size);
	if (result == 0)
		result = kw_read_frame(ops, transport, memory, 0, KW_SASL_FRAME_MAX, deadline_ms,
				       &data, &size, NULL, error);
	if (result != 0)
		return transport_failed(exchange, result, error);
	kw_sasl_exchange_watch(exchange, true, data, size);
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
	struct kwire_error cause = kw_no_error();
	int result = kw_sasl_exchange_new(memory, options, &exchange, &cause);

	outcome->session_lifetime_ms = 0;
	outcome->choice = -1;
	outcome->mechanism[0] = '\0';
	if (result != 0)
		return kw_error_copy(error, &cause);
	while (result == 0 && !kw_sasl_exchange_done(exchange))
		result = round_trip(exchange, memory, ops, transport, options->deadline_ms, &cause);
	if (result != 0)
		kw_error_copy(error, &cause);
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

	if (!KW_WITH_SASL)
		return kw_fail_in(error, KWIRE_ENOTBUILT, KWIRE_PHASE_SASL,
				  "this kwire was built without SASL");
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
