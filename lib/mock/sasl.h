/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SASL on the mock brokers' side: who may log in, and the session of each
 * connection: handshake, tokens (framed or raw), renewal, expiry.  Called by
 * peer.c and exchange.c; set up through kwire_mock_set_sasl() and its like.
 */
#ifndef KW_MOCK_SASL_H
#define KW_MOCK_SASL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kwire_mock;
struct kw_mock_peer;
struct kw_mock_sasl;
struct kw_mock_session;

void kw_mock_sasl_free(struct kw_mock_sasl *sasl); /* takes NULL */

/*
 * The session that a new connection has to open, in `*session`; NULL: none is
 * asked for.  KWIRE_ENOMEM.
 */
int kw_mock_session_new(struct kwire_mock *mock, struct kw_mock_session **session);
void kw_mock_session_free(struct kw_mock_session *session); /* takes NULL */

/* Whether a request of this API may come now; a broker hangs up on others. */
bool kw_mock_session_admits(const struct kw_mock_peer *peer, int16_t api_key);

/* Takes a frame that is a bare token, as SaslHandshake v0 has them; false: it is a request. */
bool kw_mock_session_takes(struct kw_mock_peer *peer, const uint8_t *frame, size_t size);

#endif
