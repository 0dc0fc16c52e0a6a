/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client of a cluster: it bootstraps, keeps one connection to each broker
 * that is used, and sends any request to any broker.
 *
 * Caveats, before the API:
 * - Every call blocks like read(2), up to its deadline; opening does no I/O
 *   but resolving, and starts no thread on numeric addresses.
 * - Any thread may call anything on a client; kwire_client_close() comes last.
 * - After fork(2) the child may only close the client; everything else returns
 *   KWIRE_EFORKED.  Open clients after daemon(3).
 * - kwire never raises a signal, and its threads block all of them.  Calls are
 *   not cancellation points.
 * - Callbacks (log, resolver, dialer) run with no lock held and must not close
 *   the client that calls them.
 */
#ifndef KWIRE_CLIENT_H
#define KWIRE_CLIENT_H

#include <kwire/call.h>
#include <kwire/config.h>
#include <kwire/message.h>

#ifdef __cplusplus
extern "C" {
#endif

struct kwire_client;
struct kwire_broker;
struct kwire_versions; /* kwire/connection.h */

/*
 * Opens a client on `config`, which is copied.  Checks `bootstrap.servers` and
 * resolves its names (KWIRE_ERESOLVE when none resolves; not with
 * bootstrap.resolve=first-use), blocking at most
 * socket.connection.setup.timeout.ms.  Opens no connection.
 */
KWIRE_API int kwire_client_open(const struct kwire_config *config, struct kwire_client **client,
				struct kwire_error *error);

/*
 * Reaches one broker now: resolves, connects, authenticates, negotiates.  For
 * programs that want to fail at their start.  `timeout_ms` -1: the set-up timeout.
 */
KWIRE_API int kwire_client_connect(struct kwire_client *client, int64_t timeout_ms,
				   struct kwire_error *error);

/*
 * Fails everything in flight and every later call with KWIRE_ECLOSED; waits at
 * most `timeout_ms` (-1: for ever) for the client's threads to end, returning
 * KWIRE_ETIMEDOUT if they did not.  Any thread, any number of times.
 */
KWIRE_API int kwire_client_shutdown(struct kwire_client *client, int64_t timeout_ms);

/* Shuts down, joins and frees.  No other call may be under way.  Takes NULL. */
KWIRE_API void kwire_client_close(struct kwire_client *client);

/*
 * Sends `request` to whom it is for, and waits for its response: to the
 * controller, the coordinator of its group, the leaders of its partitions, to
 * all brokers or to any, as docs/routing.md has it for every API; `broker_id`
 * or `target` in `options` names somebody else.  The typed forms,
 * kwire_send_<api>(), are in kwire/api/<api>.h; see kwire_connection_send()
 * for what is borrowed and what is the caller's.
 *
 * What concerns several brokers is divided, sent to all of them at once, and
 * answered by one response in the order of the request.  Where an answer shows
 * that somebody else is meant, that is looked up, and what was refused is sent
 * again, until the deadline.  Where some brokers fail, KWIRE_EPARTIAL: the one
 * failure with which there is a `*response`, too (free it); what is not in it
 * failed, and `error` is that of the first broker that did.
 * kwire_send_sharded() tells more.
 */
KWIRE_API int kwire_send(struct kwire_client *client, const struct kwire_api *api,
			 const void *request, void **response,
			 const struct kwire_send_options *options, struct kwire_error *error);

/*
 * Whom a request may be for.  kwire_send_to() is kwire_send() where that is
 * known beforehand, so that a static program links what it uses and no more;
 * the typed forms use it.
 */
struct kwire_target;
KWIRE_API extern const struct kwire_target kwire_to_any;
KWIRE_API extern const struct kwire_target kwire_to_any_each; /* item by item, if need be */
KWIRE_API extern const struct kwire_target kwire_to_controller;
KWIRE_API extern const struct kwire_target kwire_to_group;
KWIRE_API extern const struct kwire_target kwire_to_groups;
KWIRE_API extern const struct kwire_target kwire_to_transaction;
KWIRE_API extern const struct kwire_target kwire_to_transactions;
KWIRE_API extern const struct kwire_target kwire_to_share;
KWIRE_API extern const struct kwire_target kwire_to_leader;
KWIRE_API extern const struct kwire_target kwire_to_produce;
KWIRE_API extern const struct kwire_target kwire_to_resource;
KWIRE_API extern const struct kwire_target kwire_to_all;
KWIRE_API extern const struct kwire_target kwire_to_broker; /* named, or KWIRE_EINVAL */
KWIRE_API int kwire_send_to(const struct kwire_target *target, struct kwire_client *client,
			    const struct kwire_api *api, const void *request, void **response,
			    const struct kwire_send_options *options, struct kwire_error *error);

/* For `target` in options: the whole request goes there, whatever it is. */
#define KWIRE_TO_ANY         (&kwire_to_any)
#define KWIRE_TO_CONTROLLER  (&kwire_to_controller)
#define KWIRE_TO_GROUP       (&kwire_to_group)       /* coordinator of group `target_key` */
#define KWIRE_TO_TRANSACTION (&kwire_to_transaction) /* of transactional id `target_key` */
#define KWIRE_TO_LEADER      (&kwire_to_leader)      /* of topic `target_key`, `target_partition` */
#define KWIRE_TO_ALL         (&kwire_to_all)         /* every broker; answers are put together */

/* What went to one broker, and what came of it. */
struct kwire_shard {
	int32_t broker_id;        /* who answered or failed; -1: a bootstrap server */
	const void *request;      /* struct kwire_<api>_request: the part that it was sent */
	void *response;           /* struct kwire_<api>_response; NULL: it failed, or was one way */
	struct kwire_error error; /* result 0: none */
};
struct kwire_shards {
	struct kwire_shard *items;
	int32_t count;
};

/*
 * kwire_send() without putting the answers together: one shard for each broker
 * that was asked, parts that had to be sent again as shards of their own.
 * Returns 0 where all answered, KWIRE_EPARTIAL where some did, both with
 * `*shards`, which the caller frees; else a failure of the whole, without.
 * The requests borrow from `request`; a response that is to stay may be taken
 * out, NULL put in its place.
 */
KWIRE_API int kwire_send_sharded(struct kwire_client *client, const struct kwire_api *api,
				 const void *request, struct kwire_shards **shards,
				 const struct kwire_send_options *options,
				 struct kwire_error *error);
KWIRE_API void kwire_shards_free(struct kwire_shards *shards);

/*
 * The same as kwire_send() without waiting for the response: see
 * kwire_connection_start().  It goes to one broker, and its answer is the
 * caller's to judge: KWIRE_EINVAL where the request concerns several.
 */
KWIRE_API int kwire_start(struct kwire_client *client, const struct kwire_api *api,
			  const void *request, const struct kwire_send_options *options,
			  struct kwire_call **call, struct kwire_error *error);

/* Sends what KWIRE_MORE held back, on every connection. */
KWIRE_API int kwire_client_flush(struct kwire_client *client, struct kwire_error *error);

/* A broker as the cluster's metadata names it. */
struct kwire_broker_info {
	int32_t node_id;
	int32_t port;
	char host[256];
	char rack[128]; /* "" where none */
};

/*
 * The brokers of the last metadata, by ascending id: fills up to `capacity`
 * entries and stores how many there are in `*count`.  Asks the cluster first
 * when nothing is known yet.
 */
KWIRE_API int kwire_client_brokers(struct kwire_client *client, struct kwire_broker_info *brokers,
				   int capacity, int *count, struct kwire_error *error);

/* Whether the last metadata has a broker of this id.  Does not block. */
KWIRE_API bool kwire_client_knows_broker(struct kwire_client *client, int32_t broker_id);

/* Asks the cluster for its brokers again; `timeout_ms` -1: request.timeout.ms. */
KWIRE_API int kwire_client_refresh(struct kwire_client *client, int64_t timeout_ms,
				   struct kwire_error *error);

/* Replaces the bootstrap list ("host:port,..."); what is connected stays. */
KWIRE_API int kwire_client_set_bootstrap(struct kwire_client *client, const char *servers,
					 struct kwire_error *error);

/*
 * A handle of the broker `broker_id`, KWIRE_EBROKER if the cluster has none
 * after one metadata refresh.  Opens no connection.  Any thread may use it;
 * put it before the client is closed.
 */
KWIRE_API int kwire_client_broker(struct kwire_client *client, int32_t broker_id,
				  struct kwire_broker **broker, struct kwire_error *error);
KWIRE_API void kwire_broker_put(struct kwire_broker *broker);

/* What the last metadata said of it. */
KWIRE_API void kwire_broker_info(struct kwire_broker *broker, struct kwire_broker_info *info);

/* As kwire_send() and kwire_start(), on this broker. */
KWIRE_API int kwire_broker_send(struct kwire_broker *broker, const struct kwire_api *api,
				const void *request, void **response,
				const struct kwire_send_options *options,
				struct kwire_error *error);
KWIRE_API int kwire_broker_start(struct kwire_broker *broker, const struct kwire_api *api,
				 const void *request, const struct kwire_send_options *options,
				 struct kwire_call **call, struct kwire_error *error);

/* Closes its connection, failing what is in flight; the next call dials again. */
KWIRE_API void kwire_broker_evict(struct kwire_broker *broker);

/*
 * What the broker offers (kwire/connection.h), connecting if need be.  A copy;
 * free it with kwire_versions_free().
 */
KWIRE_API int kwire_broker_versions(struct kwire_broker *broker, int64_t timeout_ms,
				    struct kwire_versions **versions, struct kwire_error *error);
KWIRE_API void kwire_versions_free(struct kwire_versions *versions);

#ifdef __cplusplus
}
#endif

#endif
