/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection to one broker: any number of threads send requests on it, and
 * each gets the response of exactly its own.  For programs that want no pool
 * and no metadata; kwire/client.h builds on it.
 *
 * Any thread may call anything on a connection, except that closing it must
 * come last.  A connection that died stays dead: open another.
 *
 * A child of fork(2) can but close it: everything else returns KWIRE_EFORKED
 * there, and the parent's connection goes on.  A thread that is cancelled
 * (pthread_cancel(3)) inside a call ends after it.
 */
#ifndef KWIRE_CONNECTION_H
#define KWIRE_CONNECTION_H

#include <kwire/call.h>
#include <kwire/config.h>
#include <kwire/message.h>
#include <kwire/transport.h>

#ifdef __cplusplus
extern "C" {
#endif

struct kwire_connection;
struct kwire_versions;

/*
 * Opens a connection to `host` (a name or address; IPv6 without brackets) and
 * negotiates versions; TLS and SASL come in between as `config` says.  Blocks
 * until it is ready, at most `timeout_ms` (-1: the set-up timeout).  Copies
 * `config` and `host`.  Starts one thread, which ends with the connection.
 */
KWIRE_API int kwire_connection_open(const struct kwire_config *config, const char *host, int port,
				    int64_t timeout_ms, struct kwire_connection **connection,
				    struct kwire_error *error);

/*
 * The same over a transport of the program's.  The transport belongs to kwire
 * from here on, also when this fails.  `host` and `port` stand in errors and
 * are what TLS verifies.
 */
KWIRE_API int kwire_connection_open_transport(const struct kwire_config *config,
					      const struct kwire_transport_ops *ops,
					      void *transport, const char *host, int port,
					      int64_t timeout_ms,
					      struct kwire_connection **connection,
					      struct kwire_error *error);

/*
 * Sends `request` (struct kwire_<api>_request, borrowed until this returns) in
 * the highest version both sides have, and waits for its response: `*response`
 * is a struct kwire_<api>_response for kwire_response_free(), or NULL for a
 * one-way call.  Untouched on failure.  A Kafka error code inside a response
 * is data, not a failure.  broker_id in `options` must be -1.
 */
KWIRE_API int kwire_connection_send(struct kwire_connection *connection,
				    const struct kwire_api *api, const void *request,
				    void **response, const struct kwire_send_options *options,
				    struct kwire_error *error);

/*
 * The same without waiting: `*call` is a handle to wait on and to free.  The
 * request is encoded at once; `records` and large `bytes` that it refers to
 * stay borrowed until the call is done.
 */
KWIRE_API int kwire_connection_start(struct kwire_connection *connection,
				     const struct kwire_api *api, const void *request,
				     const struct kwire_send_options *options,
				     struct kwire_call **call, struct kwire_error *error);

/* Sends what KWIRE_MORE held back.  Blocks at most until the calls' deadlines. */
KWIRE_API int kwire_connection_flush(struct kwire_connection *connection,
				     struct kwire_error *error);

/* A response as it came; free it with kwire_response_free(). */
struct kwire_raw_response {
	struct kwire_bytes body; /* after the response header */
};

enum kwire_raw_flag {
	KWIRE_RAW_FLEXIBLE = 1 << 0, /* request header v2, response header v1 */
};

/*
 * Sends an encoded request body of `size` bytes as `api_key` in `version`,
 * whatever kwire knows of them, and waits for the answer; the header is
 * kwire's.  `flags`: enum kwire_raw_flag.  `body` is borrowed until it returns.
 */
KWIRE_API int kwire_connection_send_raw(struct kwire_connection *connection, int16_t api_key,
					int16_t version, unsigned flags, const void *body,
					size_t size, struct kwire_raw_response **response,
					const struct kwire_send_options *options,
					struct kwire_error *error);

/* Requests that were sent and not answered, abandoned ones included. */
KWIRE_API int kwire_connection_in_flight(struct kwire_connection *connection);

/* Whether it is dead or shut down; `error`, where not NULL, receives the cause. */
KWIRE_API bool kwire_connection_is_closed(struct kwire_connection *connection,
					  struct kwire_error *error);

/* What the broker offered; borrowed, valid until the connection is closed. */
KWIRE_API const struct kwire_versions *kwire_connection_versions(
	struct kwire_connection *connection);

/*
 * Fails everything in flight and every later call with KWIRE_ECLOSED, and ends
 * the connection's thread, waiting at most `timeout_ms` for it (-1: for ever).
 * Any thread, any number of times.
 */
KWIRE_API int kwire_connection_shutdown(struct kwire_connection *connection, int64_t timeout_ms);

/* Shuts down, joins and frees.  No other call may be under way.  Takes NULL. */
KWIRE_API void kwire_connection_close(struct kwire_connection *connection);

/* One API in a broker's table. */
struct kwire_version_range {
	int16_t api_key;
	int16_t min_version;
	int16_t max_version;
};

/* The broker's table: its ranges in the order in which it sent them. */
KWIRE_API int kwire_versions_count(const struct kwire_versions *versions);
KWIRE_API bool kwire_versions_at(const struct kwire_versions *versions, int index,
				 struct kwire_version_range *range);
KWIRE_API bool kwire_versions_range(const struct kwire_versions *versions, int16_t api_key,
				    struct kwire_version_range *range);

/*
 * The version that a call of `api` would use: the highest stable one that both
 * sides have.  KWIRE_EUNSUPPORTED with both ranges in the message.
 */
KWIRE_API int kwire_versions_negotiate(const struct kwire_versions *versions,
				       const struct kwire_api *api, int16_t *version,
				       struct kwire_error *error);

/* A feature of the cluster (KIP-584), as supported by the broker or finalized. */
struct kwire_feature {
	struct kwire_string name; /* borrowed from the table */
	int16_t min_level;
	int16_t max_level;
};

/* The `index`th supported, or finalized, feature; false past the last. */
KWIRE_API bool kwire_versions_supported_feature(const struct kwire_versions *versions, int index,
						struct kwire_feature *feature);
KWIRE_API bool kwire_versions_finalized_feature(const struct kwire_versions *versions, int index,
						struct kwire_feature *feature);

/* The epoch of the finalized features, -1 where the broker has none. */
KWIRE_API int64_t kwire_versions_finalized_epoch(const struct kwire_versions *versions);

#ifdef __cplusplus
}
#endif

#endif
