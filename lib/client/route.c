/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See job.h: the edge of a routed call, what is common to all targets, and
 * requests that stay whole.
 */
#include <string.h>

#include "../base/clock.h"
#include "../base/error.h"
#include "client.h"
#include "dispatch.h"
#include "edge.h"
#include "job.h"

enum {
	MOST_LOST = 2,
};

const char *kw_items_at(const void *structure, const struct kw_level *level, int32_t *count)
{
	/* All arrays of messages look like this one. */
	struct kwire_string_array array;

	*count = 0;
	if (level->array == KW_NONE)
		return NULL;
	memcpy(&array, (const char *)structure + level->array, sizeof(array));
	*count = array.count > 0 ? array.count : 0;
	return (const char *)array.items;
}

/* Topics without an id go by name, and the version has to have names; and the reverse. */
static void bound_topic(const struct kwire_route *route, const struct kw_level *level,
			const char *topic, struct kwire_send_options *options)
{
	struct kwire_string name = {NULL, 0};
	struct kwire_uuid id;

	memcpy(&id, topic + level->id, sizeof(id));
	if (level->name != KW_NONE)
		memcpy(&name, topic + level->name, sizeof(name));
	if (kwire_uuid_is_zero(id)) {
		if (options->max_version < 0 || options->max_version >= route->by_id)
			options->max_version = (int16_t)(route->by_id - 1);
	} else if (name.size <= 0 && options->min_version < route->by_id) {
		options->min_version = route->by_id;
	}
}

/* What a request itself says of the versions that it can be sent in. */
static void bound_version(const struct kwire_api *api, const void *request,
			  struct kwire_send_options *options)
{
	const struct kwire_route *route = api->route;
	int32_t items, parts;
	const char *item, *part;

	if (route == NULL)
		return;
	if (options->max_version < 0 && route->most >= 0)
		options->max_version = route->most;
	/* The form of old versions, for one item alone. */
	if (route->single != NULL) {
		struct kwire_string key;

		memcpy(&key, (const char *)request + route->request.key, sizeof(key));
		if (key.size > 0 &&
		    (options->max_version < 0 || options->max_version >= route->single->before))
			options->max_version = (int16_t)(route->single->before - 1);
	}
	if (route->by_id == INT16_MAX || route->by_id <= api->min_version)
		return;
	item = kw_items_at(request, &route->request.items, &items);
	for (int32_t i = 0; i < items; i++, item += route->request.items.size) {
		if (route->request.items.id != KW_NONE)
			bound_topic(route, &route->request.items, item, options);
		if (route->request.parts.id == KW_NONE)
			continue;
		part = kw_items_at(item, &route->request.parts, &parts);
		for (int32_t k = 0; k < parts; k++, part += route->request.parts.size)
			bound_topic(route, &route->request.parts, part, options);
		/* All topics of a group: whoever names none wants their names. */
		if (parts == 0 && options->min_version < route->by_id &&
		    (options->max_version < 0 || options->max_version >= route->by_id))
			options->max_version = (int16_t)(route->by_id - 1);
	}
}

/* Produce with acks 0 is never answered, so no answer may be waited for. */
static void bound_answer(const struct kwire_api *api, const void *request,
			 struct kwire_send_options *options)
{
	int16_t acks;

	if (api->route == NULL || api->route->acks == KW_NONE)
		return;
	memcpy(&acks, (const char *)request + api->route->acks, sizeof(acks));
	if (acks == 0)
		options->flags |= KWIRE_ONE_WAY;
}

int kw_job_send(struct kw_job *job, int32_t broker_id, const void *request, void **response,
		struct kwire_call **call, struct kwire_error *error)
{
	struct kwire_send_options options = job->options;
	struct kw_operation operation;
	int result;

	bound_version(job->api, request, &options);
	bound_answer(job->api, request, &options);
	if (job->single && job->route->single != NULL)
		options.max_version = (int16_t)(job->route->single->before - 1);
	else if (job->route != NULL && job->route->single != NULL && job->leaf_count > 0 &&
		 job->leaves[0].item != NULL && options.min_version < job->route->single->before)
		options.min_version = job->route->single->before;
	kw_operation_send(&operation, job->client, job->api, request, &options, job->started_ms);
	/* Who was looked up may be replaced: waiting is the job's, which looks up again. */
	if (broker_id >= 0 && job->options.broker_id < 0)
		operation.wait = false;
	operation.attempt = call != NULL ? kw_attempt_start : kw_attempt_send;
	operation.response = response;
	operation.call = call;
	operation.deadline_ms = job->deadline_ms;
	operation.reached_id = broker_id;
	result = kw_dispatch(job->client, &operation, broker_id, error);
	job->reached_id = operation.reached_id;
	/* What went wrong on the way no longer matters. */
	if (result == 0)
		kw_error_clear(error);
	return result;
}

enum kw_lane kw_job_lane(const struct kw_job *job)
{
	return kw_lane_of(job->client, job->api, job->request, job->options.lane);
}

int kw_ask_any(struct kwire_client *client, const struct kwire_api *api, const void *request,
	       const struct kwire_send_options *options, int64_t deadline_ms, void **response,
	       struct kwire_error *error)
{
	struct kwire_error cause = kw_no_error();
	struct kw_operation operation;
	int result;

	kw_operation_send(&operation, client, api, request, options, kw_now_ms());
	operation.attempt = kw_attempt_send;
	operation.response = response;
	operation.deadline_ms = deadline_ms;
	/* It only asks: what was lost on its way may be asked again. */
	for (int tries = 0; tries < 3; tries++) {
		result = kw_dispatch(client, &operation, -1, &cause);
		if (result != KWIRE_EDISCONNECTED || kw_now_ms() >= deadline_ms)
			break;
	}
	if (result != 0) {
		/* Whatever became of the question: the caller's request never left. */
		cause.outcome = KWIRE_NOT_SENT;
		kw_error_copy(error, &cause);
	}
	return result;
}

bool kw_job_may_repeat(const struct kw_job *job, struct kw_leaf *leaf,
		       const struct kwire_error *error)
{
	switch (error->result) {
	case KWIRE_ERESOLVE:
	case KWIRE_ECONNECT:
	case KWIRE_EDISCONNECTED:
	case KWIRE_EBROKER:
		break;
	default:
		return false;
	}
	if (error->outcome == KWIRE_NOT_SENT)
		return true;
	if (++leaf->lost > MOST_LOST)
		return false;
	if (job->target->repeat != NULL)
		return job->target->repeat(job, leaf, 0) != KW_REPEAT_NEVER;
	return job->route != NULL && (job->route->flags & KW_ROUTE_REPEAT) != 0;
}

bool kw_job_waits(const struct kw_job *job)
{
	return (job->client->config->settings.failure_wait ||
		(job->options.flags & KWIRE_WAIT) != 0) &&
	       job->error.retriable;
}

bool kw_job_pause(struct kw_job *job)
{
	const struct kw_settings *settings = &job->client->config->settings;
	int64_t now = kw_now_ms();

	/* What was just looked up is tried at once. */
	if (job->pause_ms < 0) {
		job->pause_ms = 0;
		return now < job->deadline_ms;
	}
	job->pause_ms = job->pause_ms == 0 ? 50 : job->pause_ms * 2;
	if (job->pause_ms > settings->reconnect_backoff_max_ms)
		job->pause_ms = settings->reconnect_backoff_max_ms;
	if (job->pause_ms < 1)
		job->pause_ms = 1;
	if (job->deadline_ms - now <= job->pause_ms)
		return false;
	kw_pool_pause(&job->client->pool, now + job->pause_ms);
	return true;
}

int32_t kw_job_only_broker(struct kw_job *job)
{
	return job->fresh ? -1 : kw_pool_only_broker(&job->client->pool);
}

/* Looks at the code of an item; false: it was done, or not done for a reason of its own. */
static bool refused(const struct kw_job *job, const char *item, uint16_t offset, int16_t *found)
{
	int16_t code;

	memcpy(&code, item + offset, sizeof(code));
	if (job->target->judge(code) == KW_ANSWER)
		return false;
	*found = code;
	return true;
}

int16_t kw_response_code(const struct kw_job *job, const void *response)
{
	const struct kw_shape *shape = &job->route->response;
	const bool some = (job->route->flags & KW_ROUTE_REPEAT) != 0;
	int16_t found = 0;
	int32_t items, parts;
	const char *item, *part;

	if (shape->code != KW_NONE && refused(job, response, shape->code, &found))
		return found;
	item = kw_items_at(response, &shape->items, &items);
	for (int32_t i = 0; i < items; i++, item += shape->items.size) {
		if (shape->items.code != KW_NONE &&
		    !refused(job, item, shape->items.code, &found) && !some)
			return 0;
		part = kw_items_at(item, &shape->parts, &parts);
		for (int32_t k = 0; k < parts && shape->parts.code != KW_NONE;
		     k++, part += shape->parts.size)
			if (!refused(job, part, shape->parts.code, &found) && !some)
				return 0;
	}
	return found;
}

/* Of a whole request: what is looked up again, and whether that is worth a repeat. */
static bool again(struct kw_job *job, struct kw_leaf *leaf, int16_t code)
{
	enum kw_verdict verdict = code != 0 ? job->target->judge(code) : KW_ANSWER;

	if (verdict == KW_ANSWER)
		return false;
	if (verdict != KW_LATER)
		job->target->accuse(job, leaf, code);
	else if (job->pause_ms < 0)
		job->pause_ms = 0;
	if (verdict == KW_STALE && leaf->again)
		return false;
	leaf->again = true;
	return true;
}

int kw_route_whole(struct kw_job *job)
{
	struct kw_leaf *leaf = job->few;
	void *response = NULL;
	int result;

	kw_leaves_whole(job);
	for (;;) {
		bool repeat;

		leaf->broker_id = -1;
		result = job->target->find(job);
		if (result != 0 && job->error.result != KWIRE_EKAFKA && !kw_job_waits(job))
			break;
		if (result == 0)
			result = kw_job_send(job, leaf->broker_id, job->request, &response, NULL,
					     &job->error);
		if (result == 0) {
			kwire_response_free(job->response);
			job->response = response;
			response = NULL;
			if (job->response == NULL || job->route == NULL ||
			    !again(job, leaf, kw_response_code(job, job->response)))
				return 0;
		} else {
			/* A look-up that found nobody, or one who is not there. */
			repeat = job->error.result == KWIRE_EKAFKA
					 ? job->error.retriable
					 : kw_job_waits(job) ||
						   (leaf->broker_id >= 0 &&
						    kw_job_may_repeat(job, leaf, &job->error));
			leaf->maybe |= job->error.outcome == KWIRE_MAYBE_APPLIED;
			if (!repeat)
				break;
			job->target->accuse(job, leaf, 0);
			job->fresh = true;
		}
		if (!kw_job_pause(job))
			break;
	}
	if (leaf->maybe && job->error.outcome == KWIRE_NOT_SENT)
		job->error.outcome = KWIRE_MAYBE_APPLIED;
	/* A refusal that was still being repeated is an answer after all. */
	return job->response != NULL ? 0 : job->error.result;
}

int kw_job_begin(struct kw_job *job, struct kw_edge *edge, const struct kwire_target *target,
		 struct kwire_client *client, const struct kwire_api *api, const void *request,
		 const struct kwire_send_options *options, struct kwire_error *error)
{
	int64_t timeout_ms;
	int result = kw_edge_enter(edge, client, error);

	if (result != 0)
		return result;
	memset(job, 0, offsetof(struct kw_job, error));
	job->error = kw_no_error();
	job->client = client;
	job->api = api;
	job->request = request;
	job->target = target;
	job->pause_ms = -1;
	job->started_ms = edge->started_ms;
	if (api == NULL || request == NULL)
		result = kw_fail(error, KWIRE_EINVAL, "no API or request given");
	else
		result = kw_send_options_read(options, &job->options, error);
	if (result != 0)
		return kw_edge_leave(edge, result, error);
	job->route = api->route;
	if (job->options.target != NULL)
		job->target = job->options.target;
	timeout_ms = job->options.timeout_ms >= 0 ? job->options.timeout_ms
						  : client->config->settings.request_timeout_ms;
	job->deadline_ms = kw_deadline(edge->started_ms, timeout_ms);
	return 0;
}

int kw_job_end(struct kw_job *job, const struct kw_edge *edge, int result,
	       struct kwire_error *error)
{
	if (result != 0) {
		job->error.api_key = job->api->key;
		kw_error_copy(error, &job->error);
	}
	return kw_edge_leave(edge, result, error);
}

int kwire_send_to(const struct kwire_target *target, struct kwire_client *client,
		  const struct kwire_api *api, const void *request, void **response,
		  const struct kwire_send_options *options, struct kwire_error *error)
{
	struct kw_edge edge;
	struct kw_job job;
	int result;

	if (target == NULL || response == NULL)
		return kw_fail(error, KWIRE_EINVAL, "no target, or no place for the answer");
	result = kw_job_begin(&job, &edge, target, client, api, request, options, error);
	if (result != 0)
		return result;
	if (job.options.broker_id >= 0)
		result = kw_job_send(&job, job.options.broker_id, request, &job.response, NULL,
				     &job.error);
	else
		result = job.target->send(&job);
	if (result == 0 || result == KWIRE_EPARTIAL)
		*response = job.response;
	return kw_job_end(&job, &edge, result, error);
}
