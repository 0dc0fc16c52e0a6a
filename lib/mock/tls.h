/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS on the mock brokers' side: a cluster's own test CA, the certificate its
 * brokers show, and an accepted connection as a stream.  Called by peer.c and
 * by programs through kwire_mock_set_tls().
 */
#ifndef KW_MOCK_TLS_H
#define KW_MOCK_TLS_H

#include <kwire/result.h>

#include "stream.h"

struct kw_mock_tls;

void kw_mock_tls_free(struct kw_mock_tls *tls); /* takes NULL */

/* What connections accepted from now on speak; false: plain. */
bool kw_mock_tls_is_on(const struct kw_mock_tls *tls);

/* The connection `fd` as a stream.  NULL: out of memory, `fd` is the caller's still. */
void *kw_mock_tls_stream(struct kw_mock_tls *tls, int fd, const struct kw_mock_stream_ops **ops);

#endif
