/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS beyond what properties say: certificates from memory, a clock for
 * machines that do not know the date, and new certificates and credentials for
 * a client that runs.  The properties are `ssl.*`, see docs/configuration.md
 * and docs/security.md; SASL's callbacks are in kwire/sasl.h.
 *
 * Memory: mbedTLS allocates by itself, from the process's malloc, unless it
 * was built otherwise; a program's own allocator does not serve it.
 */
#ifndef KWIRE_SECURITY_H
#define KWIRE_SECURITY_H

#include <kwire/config.h>

#ifdef __cplusplus
extern "C" {
#endif

struct kwire_client;
struct kwire_connection;

/*
 * Trusted certificates from memory, PEM (any number) or DER (one), instead of
 * ssl.ca.location.  Copied; checked when a client opens.
 */
KWIRE_API int kwire_config_set_ca(struct kwire_config *config, const void *certificates,
				  size_t size, struct kwire_error *error);

/*
 * The client's own certificate (with its chain) and private key from memory,
 * each PEM or DER; `password` of an encrypted key, NULL where it is not.
 * Copied; the copy of the key is overwritten when it is freed.
 */
KWIRE_API int kwire_config_set_identity(struct kwire_config *config, const void *certificates,
					size_t certificates_size, const void *key, size_t key_size,
					const char *password, struct kwire_error *error);

/*
 * The time, in seconds since 1970, by which certificates are judged, for
 * devices whose own clock starts at 1970; negative: not known yet, so their
 * dates are not looked at.  Called during handshakes, on any thread.  NULL:
 * the system's clock.
 */
typedef int64_t kwire_clock_function(void *context);
KWIRE_API int kwire_config_set_clock(struct kwire_config *config, kwire_clock_function *clock,
				     void *context);

/*
 * New credentials and certificates for a client, or a connection, that runs:
 * takes over the `ssl.*` and `sasl.*` properties and the callbacks of `config`
 * (copied), or, where it is NULL, reads again the files that the present
 * properties name.  They count for connections made from now on, and for the
 * next re-authentication of those that live.  Where they cannot be used
 * (KWIRE_ECONFIG, KWIRE_ETLS, ...) nothing changes.  A broker that refused the
 * old ones is tried again: until then a refused name and password are presented
 * to no broker a second time, as long as they stay the same, unless
 * sasl.refused.retry.ms says otherwise.  Whether TLS and SASL are used at all cannot change.
 */
KWIRE_API int kwire_client_reload_security(struct kwire_client *client,
					   const struct kwire_config *config,
					   struct kwire_error *error);
KWIRE_API int kwire_connection_reload_security(struct kwire_connection *connection,
					       const struct kwire_config *config,
					       struct kwire_error *error);

#ifdef __cplusplus
}
#endif

#endif
