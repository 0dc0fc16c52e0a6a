/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hooks: kept in a config, copied when something is opened with it, told.
 * See kwire/observe.h and watch.h.  Linked only where hooks are added.
 */
#include "watch.h"

#include <stddef.h>
#include <string.h>

#include "../base/error.h"
#include "../protocol/endian.h"
#include "../protocol/response.h"

/* Calls one hook of all who have it. */
#define TELL(watch, hook, event)                             \
	for (int i = 0; i < (watch)->count; i++)             \
		if ((watch)->watchers[i].hooks.hook != NULL) \
	(watch)->watchers[i].hooks.hook((watch)->watchers[i].hooks.context, (event))

static const struct kw_watch *watch_of(const struct kwire_connection *connection)
{
	return connection->config->watch;
}

/*
 * The address is the thread's until READY and never changes after; before that
 * only the thread itself tells anything.
 */
static struct kwire_peer peer_of(const struct kwire_connection *connection)
{
	struct kwire_peer peer = {connection, connection->host, connection->address,
				  connection->port, connection->node_id};

	return peer;
}

static void ready(struct kwire_connection *connection)
{
	struct kwire_connection_event event = {.size = sizeof(event),
					       .peer = peer_of(connection),
					       .begun_us = connection->begun_us,
					       .ready_us = kw_now_us()};

	connection->ready_us = event.ready_us;
	TELL(watch_of(connection), connected, &event);
}

static void dead(struct kwire_connection *connection, const struct kwire_error *cause)
{
	struct kwire_connection_event event = {.size = sizeof(event),
					       .peer = peer_of(connection),
					       .begun_us = connection->begun_us,
					       .ready_us = connection->ready_us,
					       .ended_us = kw_now_us(),
					       .cause = cause,
					       .planned = cause->result == KWIRE_ECLOSED ||
							  connection->planned};

	TELL(watch_of(connection), disconnected, &event);
}

static void fill(struct kwire_request_event *event, const struct kwire_call *call,
		 const struct kwire_peer *peer)
{
	memset(event, 0, sizeof(*event));
	event->size = sizeof(*event);
	event->peer = *peer;
	event->api_key = call->api_key;
	event->api_version = call->version;
	event->correlation_id = call->id;
	event->request_bytes = call->frame.total_size;
	event->queued_us = call->queued_us;
	event->written_us = call->written_us;
}

static void tell_frame(const struct kw_watch *watch, const struct kwire_call *call,
		       const struct kwire_peer *peer, bool response, int64_t at_us,
		       const struct iovec *pieces, int count, size_t bytes)
{
	struct kwire_frame_event event = {.size = sizeof(event),
					  .peer = *peer,
					  .response = response,
					  .api_key = call->api_key,
					  .api_version = call->version,
					  .correlation_id = call->id,
					  .at_us = at_us,
					  .pieces = pieces,
					  .piece_count = count,
					  .bytes = bytes};

	TELL(watch, frame, &event);
}

static void written(struct kwire_connection *connection, struct kwire_call *first, int count,
		    size_t size, int64_t begun_us)
{
	const struct kw_watch *watch = watch_of(connection);
	struct kwire_peer peer = peer_of(connection);
	struct kwire_request_event event;
	size_t part;

	for (struct kwire_call *call = first; count > 0; count--) {
		part = call->frame.total_size - call->written;
		if (part > size)
			break;
		size -= part;
		if (call->watched) {
			call->written_us = begun_us;
			fill(&event, call, &peer);
			tell_frame(watch, call, &peer, false, begun_us, call->frame.iov,
				   call->frame.iov_count, call->frame.total_size);
			TELL(watch, written, &event);
		}
		/* The last one's successor is guarded by the lock. */
		if (count > 1)
			call = call->next;
	}
}

/* Splits a response into its length word, put down in `word`, and the rest. */
static void pieces_of(const uint8_t *data, size_t size, uint8_t word[4], struct iovec pieces[2])
{
	for (int i = 0; i < 4; i++)
		word[i] = (uint8_t)(size >> (24 - 8 * i));
	pieces[0].iov_base = word;
	pieces[0].iov_len = 4;
	pieces[1].iov_base = (void *)(uintptr_t)data;
	pieces[1].iov_len = size;
}

static void received(struct kwire_call *call, struct kw_response *response)
{
	struct kwire_peer peer = peer_of(call->connection);
	size_t size = kw_response_frame_size(response);
	struct iovec pieces[2];
	uint8_t word[4];

	call->response_bytes = size + sizeof(word);
	pieces_of(kw_response_frame(response), size, word, pieces);
	tell_frame(watch_of(call->connection), call, &peer, true, call->done_us, pieces, 2,
		   call->response_bytes);
}

static void done(struct kwire_call *call, int result)
{
	struct kwire_peer peer = peer_of(call->connection);
	struct kwire_request_event event;

	fill(&event, call, &peer);
	event.response_bytes = call->response_bytes;
	event.first_byte_us = call->first_byte_us;
	event.done_us = call->done_us != 0 ? call->done_us : kw_now_us();
	event.result = result;
	event.outcome = call->outcome;
	TELL(watch_of(call->connection), done, &event);
}

static void throttled(struct kwire_connection *connection, int16_t api_key, int32_t throttle_ms)
{
	struct kwire_throttle_event event = {.size = sizeof(event),
					     .peer = peer_of(connection),
					     .api_key = api_key,
					     .throttle_ms = throttle_ms};

	TELL(watch_of(connection), throttled, &event);
}

static void setup_frame(const struct kw_watch *watch, const struct kw_setup_frame *frame)
{
	struct kwire_frame_event event = {.size = sizeof(event),
					  .peer = {NULL, frame->host, "", frame->port, -1},
					  .response = frame->response,
					  .api_key = frame->api_key,
					  .api_version = frame->api_version,
					  .correlation_id = frame->correlation_id,
					  .at_us = kw_now_us(),
					  .piece_count = 1};
	struct iovec pieces[2];
	uint8_t word[4];

	if (frame->response) {
		pieces_of(frame->data, frame->size, word, pieces);
		event.piece_count = 2;
	} else {
		pieces[0].iov_base = (void *)(uintptr_t)frame->data;
		pieces[0].iov_len = frame->size;
	}
	event.pieces = pieces;
	event.bytes = frame->size + (frame->response ? sizeof(word) : 0);
	TELL(watch, frame, &event);
}

/* -- keeping them -------------------------------------------------------------- */

static void free_watch(struct kw_watch *watch)
{
	for (int i = 0; i < watch->count; i++)
		if (watch->watchers[i].close != NULL)
			watch->watchers[i].close(watch->watchers[i].hooks.context);
	kw_free(watch);
}

static int copy(const struct kw_watch *watch, struct kwire_config *frozen)
{
	struct kw_watch *made = kw_alloc(frozen->memory, sizeof(*made));
	int result = KWIRE_OK;

	if (made == NULL)
		return KWIRE_ENOMEM;
	made->ops = watch->ops;
	for (made->count = 0; made->count < watch->count && result == KWIRE_OK;) {
		struct kw_watcher *watcher = &made->watchers[made->count];

		*watcher = watch->watchers[made->count];
		if (watcher->open != NULL)
			result = watcher->open(watcher, frozen);
		if (result == KWIRE_OK)
			made->count++;
	}
	if (result != KWIRE_OK)
		free_watch(made);
	else
		frozen->watch = made;
	return result;
}

static const struct kw_watch_ops watch_ops = {
	.copy = copy,
	.free = free_watch,
	.setup_frame = setup_frame,
	.ready = ready,
	.dead = dead,
	.written = written,
	.response = received,
	.done = done,
	.throttled = throttled,
};

int kw_watch_add(struct kwire_config *config, const struct kw_watcher *watcher,
		 struct kwire_error *error)
{
	if (config == NULL)
		return kw_fail_memory(error);
	if (config->watch == NULL) {
		config->watch = kw_zalloc(config->memory, sizeof(*config->watch));
		if (config->watch == NULL)
			return kw_fail_memory(error);
		config->watch->ops = &watch_ops;
	}
	if (config->watch->count == KW_WATCHERS_MAX)
		return kw_fail(error, KWIRE_ELIMIT, "a config has room for %d sets of hooks",
			       KW_WATCHERS_MAX);
	config->watch->watchers[config->watch->count++] = *watcher;
	return KWIRE_OK;
}

struct kw_watcher *kw_watch_find(const struct kwire_config *config, void (*close)(void *context))
{
	struct kw_watch *watch = config->watch;

	for (int i = 0; watch != NULL && i < watch->count; i++)
		if (watch->watchers[i].close == close)
			return &watch->watchers[i];
	return NULL;
}

int kwire_config_add_hooks(struct kwire_config *config, const struct kwire_hooks *hooks,
			   struct kwire_error *error)
{
	struct kw_watcher watcher;

	if (hooks == NULL || hooks->size < offsetof(struct kwire_hooks, connected))
		return kw_fail(error, KWIRE_EINVAL,
			       "no hooks, or a size that was not set: use "
			       "KWIRE_HOOKS_INIT");
	memset(&watcher, 0, sizeof(watcher));
	memcpy(&watcher.hooks, hooks,
	       hooks->size < sizeof(watcher.hooks) ? hooks->size : sizeof(watcher.hooks));
	return kw_watch_add(config, &watcher, error);
}
