/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TLS server inside a test: mbedTLS's server side on a thread of its own,
 * over one end of a socket pair, with certificates of lib/mock/authority.h.
 * It echoes what it reads until the other side closes.
 */
#ifndef TEST_TLS_PEER_H
#define TEST_TLS_PEER_H

#include <stdbool.h>

#include "mock/authority.h"

struct tls_peer; /* settings and sessions; serves any number of connections */

struct tls_peer_options {
	const struct kw_identity *identity;
	const char
		*client_ca; /* PEM; a client certificate of it is required.  NULL: not asked for */
	bool old_versions;  /* TLS 1.0 and 1.1 only */
	const char *says;   /* sent once something came, then it closes.  NULL: it echoes */
};

/* NULL: could not be made. */
struct tls_peer *tls_peer_new(const struct tls_peer_options *options);
void tls_peer_free(struct tls_peer *peer);

struct tls_served {
	int handshake;    /* mbedTLS's code, 0: good */
	char sni[256];    /* "": none came */
	char client[256]; /* subject of the client's certificate, "" */
	long echoed;      /* bytes */
};

/* One connection: starts a thread on `fd`, which it closes; stop waits for it. */
struct tls_serving;
struct tls_serving *tls_peer_serve(struct tls_peer *peer, int fd);
struct tls_served tls_peer_join(struct tls_serving *serving);

#endif
