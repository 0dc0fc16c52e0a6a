/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SASL: where names, passwords and tokens come from when properties do not say
 * it, mechanisms of a program's own, and the login over any byte stream.
 *
 * What kwire has itself: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 and OAUTHBEARER;
 * GSSAPI, and whatever else libgsasl knows, through that library.  The
 * property `sasl.mechanism` names one, or several in order of preference.
 *
 * Callbacks run on a connection's thread with no lock of kwire's held, once
 * for each login: when a connection is made, and again when its session nears
 * its end.  They may block until their deadline.
 */
#ifndef KWIRE_SASL_H
#define KWIRE_SASL_H

#include <kwire/config.h>
#include <kwire/transport.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Receives the answer of a credentials callback: copies both strings (NULL:
 * none) and overwrites its copies after the login.  Returns 0 or KWIRE_ENOMEM.
 */
typedef int kwire_give_credentials_function(void *answer, const char *username,
					    const char *password);

/*
 * Name and password for a login by `mechanism` at the broker `host`: calls
 * `give(answer, ...)` once and returns what it returned, or a negative result
 * with `error` filled.  The strings need to live until `give` returns only.
 * `deadline_ms` is absolute, on CLOCK_MONOTONIC.
 */
typedef int kwire_credentials_function(void *context, const char *mechanism, const char *host,
				       int64_t deadline_ms, kwire_give_credentials_function *give,
				       void *answer, struct kwire_error *error);

/* Asks `function` for credentials instead of sasl.username and sasl.password.  NULL: no more. */
KWIRE_API int kwire_config_set_credentials(struct kwire_config *config,
					   kwire_credentials_function *function, void *context);

/*
 * Receives the answer of a token callback: a bearer token, and extensions of
 * RFC 7628 as "key=value" pairs separated by commas (NULL: none).  Copies
 * both.  Returns 0 or KWIRE_ENOMEM.
 */
typedef int kwire_give_token_function(void *answer, const char *token, const char *extensions);

/* A bearer token for OAUTHBEARER; otherwise as kwire_credentials_function. */
typedef int kwire_token_function(void *context, const char *host, int64_t deadline_ms,
				 kwire_give_token_function *give, void *answer,
				 struct kwire_error *error);

/* Asks `function` for tokens instead of the sasl.oauthbearer properties.  NULL: no more. */
KWIRE_API int kwire_config_set_token(struct kwire_config *config, kwire_token_function *function,
				     void *context);

/*
 * Lets the sasl.oauthbearer properties name a token endpoint: OAUTHBEARER's
 * tokens then come from an OpenID Connect provider by OAuth's grant of client
 * credentials (RFC 6749, section 4.4).  The properties are those of Kafka:
 * sasl.oauthbearer.token.endpoint.url, .client.credentials.client.id and
 * .client.secret (or clientId, clientSecret and scope in sasl.jaas.config),
 * .scope; https.ca.location for the endpoint's certificate.  They are checked
 * when a client opens.  A call of its own because it links an HTTP client,
 * which most programs do not need; properties that name an endpoint are
 * KWIRE_ENOTBUILT without it.  A function given to kwire_config_set_token()
 * comes first.
 *
 * A login that finds no token, or one past four fifths of its life, makes one
 * request on a connection of its own, by the config's resolver and dialer,
 * within the login's deadline.  KWIRE_EAUTH: the provider refused the client,
 * with its words; KWIRE_ESASL: it failed, or answered nonsense; KWIRE_ETLS,
 * KWIRE_ECONNECT, ...: it could not be reached.  The client's connections share
 * the token, which stays in memory until it is old.
 *
 * Returns 0, or KWIRE_ENOMEM for a NULL config.
 */
KWIRE_API int kwire_oauth_client_credentials(struct kwire_config *config);

/* What a mechanism is told of one login; borrowed for the length of `start`. */
struct kwire_sasl_login {
	size_t size;          /* sizeof(struct kwire_sasl_login) */
	const char *host;     /* the broker's name as configured or advertised */
	int32_t port;         /* 0: not known */
	int64_t deadline_ms;  /* absolute, on CLOCK_MONOTONIC */
	const char *username; /* "" where none was configured */
	const char *password; /* "" where none was configured */
};

/* What `step` left to do. */
enum kwire_sasl_progress {
	KWIRE_SASL_MORE = 1, /* send the token, come back with the broker's answer */
	KWIRE_SASL_LAST = 2, /* send the token; the login is over once the broker accepts it */
	KWIRE_SASL_DONE = 3, /* nothing to send: the login is over */
};

/*
 * A SASL mechanism: tokens in, tokens out, no I/O with the broker.  The client
 * speaks first: the first `step` has no challenge (NULL, 0).
 */
struct kwire_sasl_mechanism {
	size_t size;      /* sizeof(struct kwire_sasl_mechanism) */
	const char *name; /* as it is registered: "AWS_MSK_IAM" */

	/* Begins a login; `*state` goes to `step` and `end`.  0, or a negative result. */
	int (*start)(void *context, const struct kwire_sasl_login *login, void **state,
		     struct kwire_error *error);

	/*
	 * One round: takes the broker's `challenge`, yields `*token`, which stays
	 * valid until the next call on `state`.  Returns enum kwire_sasl_progress,
	 * or a negative result with `error` filled: KWIRE_EAUTH where the broker is
	 * not who it should be, KWIRE_ESASL where it broke the mechanism's rules.
	 */
	int (*step)(void *state, const void *challenge, size_t challenge_size, const void **token,
		    size_t *token_size, struct kwire_error *error);

	/* Frees `state`, secrets overwritten first. */
	void (*end)(void *state);
};

/*
 * Adds `mechanism` (borrowed: it must outlive every client opened with
 * `config`) or replaces kwire's own of that name; at most 8.  `context` goes to `start`.
 */
KWIRE_API int kwire_config_add_mechanism(struct kwire_config *config,
					 const struct kwire_sasl_mechanism *mechanism,
					 void *context, struct kwire_error *error);

/*
 * Logs in over `transport`, which stays the caller's, as a Kafka client does
 * that has just connected (and finished TLS): asks for the broker's versions,
 * then SaslHandshake and SaslAuthenticate, or raw tokens where the broker is
 * that old.  Mechanism and credentials come from `config`, which is copied.
 * Blocks at most `timeout_ms` (-1: the set-up timeout).  Afterwards the stream
 * is ready for requests.  `*session_lifetime_ms` (NULL: not wanted) receives
 * when the broker wants the next login, 0: never.
 *
 * KWIRE_EAUTH: refused, with the broker's words; KWIRE_ESASL: the exchange
 * broke; KWIRE_ECONFIG: `config` has no mechanism, name or password.  After a
 * failure the stream is good for nothing but closing.
 */
KWIRE_API int kwire_sasl_authenticate(const struct kwire_config *config,
				      const struct kwire_transport_ops *ops, void *transport,
				      const char *host, int64_t timeout_ms,
				      int64_t *session_lifetime_ms, struct kwire_error *error);

#ifdef __cplusplus
}
#endif

#endif
