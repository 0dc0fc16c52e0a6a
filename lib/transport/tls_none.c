/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in for TLS in a build without it (TLS=0): asking for it is KWIRE_ENOTBUILT. */
#include "../base/error.h"
#include "tls.h"

#if !KW_WITH_TLS
int kw_tls_context_new(const struct kwire_config *config, struct kw_tls_context **context,
		       struct kwire_error *error)
{
	(void)config;
	(void)context;
	return kw_fail_in(error, KWIRE_ENOTBUILT, KWIRE_PHASE_TLS,
			  "security.protocol asks for TLS, which this kwire was built without");
}

struct kw_tls_context *kw_tls_context_get(struct kw_tls_context *context)
{
	return context;
}

void kw_tls_context_put(struct kw_tls_context *context)
{
	(void)context;
}

int kw_tls_open(struct kw_tls_context *context, const char *host, int port,
		const struct kwire_transport_ops *lower_ops, void *lower, int64_t deadline_ms,
		const struct kwire_transport_ops **ops, void **transport, struct kwire_error *error)
{
	(void)host;
	(void)port;
	(void)lower_ops;
	(void)lower;
	(void)deadline_ms;
	(void)ops;
	(void)transport;
	return kw_tls_context_new(NULL, &context, error);
}

const char *kw_tls_version(const void *transport)
{
	(void)transport;
	return "";
}

const char *kw_tls_cipher(const void *transport)
{
	(void)transport;
	return "";
}

bool kw_tls_resumed(const void *transport)
{
	(void)transport;
	return false;
}
#endif
