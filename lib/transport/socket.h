/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a host's name to a transport over a plain socket: resolving, connecting
 * to one address after the other, and the socket itself.  Called by a
 * connection's thread (and by what checks a bootstrap list); knows nothing of
 * Kafka.  TLS wraps what comes out of here.
 */
#ifndef KW_SOCKET_H
#define KW_SOCKET_H

#include <stdbool.h>
#include <sys/socket.h>

#include <kwire/config.h>
#include <kwire/transport.h>

#include "../base/memory.h"
#include "../base/waker.h"

enum {
	KW_ADDRESS_TEXT = 56,      /* room for a numeric address, as in struct kwire_error */
	KW_CONNECT_SLICE_MS = 250, /* what one address may take while another is left to try */
};

struct kw_address {
	struct sockaddr_storage storage;
	socklen_t size;
};

/* The addresses of one name, in the order in which to try them. */
struct kw_addresses {
	struct kw_memory *memory; /* borrowed */
	struct kw_address *items;
	int count;
	int capacity;
	int family;     /* enum kw_address_family: others are left out */
	bool no_memory; /* one could not be added */
};

/* Whether `host` is an address, so that resolving it asks nobody. */
bool kw_host_is_numeric(const char *host);

/*
 * All addresses of `host`, of both families in turn, by the config's resolver
 * or getaddrinfo(3).  The latter heeds no deadline: see kw_resolve_blocks().
 * On failure KWIRE_ERESOLVE, KWIRE_ENOMEM or what the resolver says, nothing to
 * fini.
 */
int kw_resolve(const struct kwire_config *config, const char *host, int port, int64_t deadline_ms,
	       struct kw_addresses *addresses, struct kwire_error *error);
void kw_addresses_fini(struct kw_addresses *addresses);

/* Whether kw_resolve() would call getaddrinfo(3), which nothing can interrupt. */
bool kw_resolve_blocks(const struct kwire_config *config, const char *host);

/* "192.0.2.1", "2001:db8::1" or "fe80::1%eth0" as an address; false: it is none. */
bool kw_address_parse(const char *host, int port, struct kw_address *address);

/* An address as text: "192.0.2.1", "2001:db8::1". */
void kw_address_format(const struct kw_address *address, char text[KW_ADDRESS_TEXT]);

/*
 * Connects to the first address that answers, starting the next one when one
 * has not answered for KW_CONNECT_SLICE_MS, all of them within the deadline.
 * `waker`, where not NULL, ends the attempt with KWIRE_ECANCELED when it is
 * readable; the transport borrows it for its own `wake`, so it must outlive
 * the transport.  Writes the address that answered (or failed last) to
 * `address`.
 */
int kw_connect(const struct kwire_config *config, const struct kw_addresses *addresses,
	       int64_t deadline_ms, struct kw_waker *waker, const struct kwire_transport_ops **ops,
	       void **transport, char address[KW_ADDRESS_TEXT], struct kwire_error *error);

/* Resolves and connects; the config's dialer instead, where there is one. */
int kw_dial(const struct kwire_config *config, const char *host, int port, int64_t deadline_ms,
	    const struct kwire_transport_ops **ops, void **transport, char address[KW_ADDRESS_TEXT],
	    struct kwire_error *error);

/*
 * A transport over the connected, non-blocking socket `fd`, which it takes
 * over, also when it fails; `waker` as in kw_connect().
 */
int kw_socket_new(struct kw_memory *memory, int fd, struct kw_waker *waker,
		  const struct kwire_transport_ops **ops, void **transport,
		  struct kwire_error *error);

#endif
