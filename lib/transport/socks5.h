/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SOCKS5 (RFC 1928, RFC 1929): asks the proxy at the other end of a transport
 * for a stream to a broker.  Names go to the proxy as they are, which resolves
 * them: a client behind one may know no name of the cluster's.  Called by a
 * connection's thread in set-up; knows nothing of Kafka.
 */
#ifndef KW_SOCKS5_H
#define KW_SOCKS5_H

#include <kwire/transport.h>

#include "../base/error.h"
#include "../config/bootstrap.h"
#include "../config/config.h"

#ifndef KW_WITH_SOCKS5
#define KW_WITH_SOCKS5 1
#endif

/* Whether brokers are reached through a proxy. */
static inline bool kw_wants_socks5(const struct kwire_config *config)
{
	return KW_WITH_SOCKS5 && *config->settings.socks5_proxy != '\0';
}

/* Where the proxy is; KWIRE_ECONFIG. */
int kw_socks5_proxy(const struct kwire_config *config, struct kw_endpoint *proxy,
		    struct kwire_error *error);

/* "SOCKS5 proxy host:port: " before the message: it is the proxy that failed, not the broker. */
void kw_socks5_name(const struct kwire_config *config, struct kwire_error *error);

/*
 * From a stream to the proxy to one to `host`: KWIRE_ECONNECT with the proxy's
 * reason, KWIRE_EAUTH where it refuses the name and password, KWIRE_EPROTOCOL
 * where it is no SOCKS5 proxy.
 */
int kw_socks5_open(const struct kwire_config *config, const char *host, int port,
		   const struct kwire_transport_ops *ops, void *transport, int64_t deadline_ms,
		   struct kwire_error *error);

#endif
