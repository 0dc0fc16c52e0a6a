/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a call to a connection: which broker, what happens when it cannot be
 * reached, when to try again and when to give up.  The API's functions and
 * metadata.c describe what they want as an operation.
 */
#ifndef KW_DISPATCH_H
#define KW_DISPATCH_H

#include "client.h"

struct kw_operation {
	/* Does it on one connection, which may still be in SETUP. */
	int (*attempt)(const struct kw_operation *operation, struct kwire_connection *connection,
		       struct kwire_error *error);
	const struct kwire_api *api; /* the rest: as far as `attempt` needs it */
	const void *request;
	const struct kwire_send_options *options;
	void **response;
	struct kwire_call **call;
	struct kwire_versions **versions;
	struct kw_memory *memory;
	enum kw_lane lane;
	bool wait;          /* for a broker, until the deadline, instead of failing */
	bool any;           /* broker: set by kw_dispatch() */
	int32_t reached_id; /* who the last attempt was made on; -1: a bootstrap server */
	int64_t started_ms;
	int64_t deadline_ms;
};

/*
 * Performs the operation on broker `broker_id`, -1: any.  `error` is not NULL.
 * Only what certainly was not sent is tried a second time.
 */
int kw_dispatch(struct kwire_client *client, struct kw_operation *operation, int32_t broker_id,
		struct kwire_error *error);

/*
 * An operation that sends or starts a call; deadline, lane and waiting as the
 * options say, which are NULL or complete: kw_send_options_read().
 */
void kw_operation_send(struct kw_operation *operation, const struct kwire_client *client,
		       const struct kwire_api *api, const void *request,
		       const struct kwire_send_options *options, int64_t started_ms);

/* The lane that the caller or the route names, as far as one broker may have connections. */
enum kw_lane kw_lane_of(const struct kwire_client *client, const struct kwire_api *api,
			const void *request, enum kwire_lane chosen);

/* Attempts. */
int kw_attempt_send(const struct kw_operation *operation, struct kwire_connection *connection,
		    struct kwire_error *error);
int kw_attempt_start(const struct kw_operation *operation, struct kwire_connection *connection,
		     struct kwire_error *error);
int kw_attempt_connect(const struct kw_operation *operation, struct kwire_connection *connection,
		       struct kwire_error *error);
int kw_attempt_versions(const struct kw_operation *operation, struct kwire_connection *connection,
			struct kwire_error *error);

#endif
