/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See exchange.h.  The order in which a request is dealt with: log, faults
 * that will meet its answer, black hole, handlers and other scripts from the
 * newest to the oldest, a fault's error code, the mock's own behaviour.
 */
#include "exchange.h"

#include <string.h>

#include "../base/error.h"
#include "../protocol/endian.h"
#include "../protocol/response.h"
#include "../protocol/server.h"
#include "api_versions.h"
#include "cluster.h"
#include "parcel.h"
#include "sasl.h"

enum {
	MAX_ANSWER = INT32_MAX,
	CLIENT_ID_AT = 8,
	BODY_AT = 10, /* and the client id, and tags */
};

/* ------------------------------------------------------------------ memory */

void kw_mock_enter(struct kwire_mock *mock)
{
	mock->depth++;
}

void kw_mock_leave(struct kwire_mock *mock)
{
	struct kw_mock_exchange *exchange;
	struct kw_mock_chunk *chunk;

	if (--mock->depth > 0)
		return;
	mock->frames.used = 0;
	while ((chunk = mock->frames.chunks) != NULL) {
		mock->frames.chunks = chunk->next;
		kw_free(chunk);
	}
	while ((exchange = mock->frames.dead) != NULL) {
		mock->frames.dead = exchange->next;
		if (mock->frames.spare == NULL)
			mock->frames.spare = exchange;
		else
			kw_free(exchange);
	}
	if (mock->rules.newest != NULL)
		kw_mock_rules_sweep(mock);
}

void *kw_mock_scratch(struct kwire_mock *mock, size_t count, size_t size)
{
	struct kw_mock_frames *frames = &mock->frames;
	struct kw_mock_chunk *chunk = frames->chunks;
	size_t capacity = chunk != NULL ? chunk->size : sizeof(frames->room);
	uint8_t *data;

	if (size != 0 && count > (SIZE_MAX / 4) / size)
		return NULL;
	size = (count * size + sizeof(max_align_t) - 1) & ~(sizeof(max_align_t) - 1);
	if (capacity - frames->used < size) {
		capacity = capacity * 2 > size ? capacity * 2 : size;
		chunk = kw_alloc(mock->memory, sizeof(*chunk) + capacity);
		if (chunk == NULL)
			return NULL;
		chunk->size = capacity;
		chunk->next = frames->chunks;
		frames->chunks = chunk;
		frames->used = 0;
	}
	data = (uint8_t *)(chunk != NULL ? chunk->data : frames->room) + frames->used;
	frames->used += size;
	memset(data, 0, size);
	return data;
}

struct kwire_string kw_mock_scratch_text(struct kwire_mock *mock, const char *text)
{
	size_t size = strlen(text);
	char *copy = kw_mock_scratch(mock, size + 1, 1);

	if (copy != NULL)
		memcpy(copy, text, size + 1);
	return kwire_string_of(copy, size);
}

static struct kw_mock_exchange *new_exchange(struct kwire_mock *mock)
{
	struct kw_mock_exchange *exchange = mock->frames.spare;

	mock->frames.spare = NULL;
	if (exchange == NULL)
		exchange = kw_alloc(mock->memory, sizeof(*exchange));
	if (exchange == NULL)
		return NULL;
	memset(exchange, 0, sizeof(*exchange));
	exchange->mock = mock;
	exchange->memory = mock->memory;
	return exchange;
}

void kw_mock_exchange_free(struct kw_mock_exchange *exchange)
{
	struct kwire_mock *mock = exchange->mock;
	struct kw_mock_exchange **link;

	if (exchange->peer != NULL) {
		for (link = &exchange->peer->exchanges; *link != exchange; link = &(*link)->next)
			;
		*link = exchange->next;
		exchange->peer = NULL;
	}
	kw_mock_hits_free(exchange->hits);
	kwire_response_free(exchange->message);
	if (exchange->owns_frame)
		kw_free((void *)(uintptr_t)exchange->frame);
	if (mock == NULL || exchange->place == KW_MOCK_COPY) {
		kw_free(exchange);
		return;
	}
	/* Somebody up the stack may still hold it. */
	exchange->hits = NULL;
	exchange->message = NULL;
	exchange->owns_frame = false;
	exchange->next = mock->frames.dead;
	mock->frames.dead = exchange;
}

void kw_mock_frames_fini(struct kwire_mock *mock)
{
	struct kw_mock_exchange *exchange;

	kw_mock_release_kept(mock, -1);
	while ((exchange = mock->frames.taken) != NULL) {
		mock->frames.taken = exchange->next_kept;
		exchange->mock = NULL;
		exchange->peer = NULL;
	}
	kw_mock_enter(mock);
	kw_mock_leave(mock);
	kw_free(mock->frames.spare);
	kw_frame_fini(&mock->frames.frame);
}

/* ------------------------------------------------------------------ headers */

/* Where the body begins; 0: the frame ends before it. */
static size_t body_offset(const uint8_t *frame, size_t size, bool flexible)
{
	size_t at = BODY_AT;
	int16_t id_size;

	if (size < BODY_AT)
		return 0;
	id_size = (int16_t)kw_load16(frame + CLIENT_ID_AT);
	if (id_size > 0)
		at += (uint16_t)id_size;
	if (at > size)
		return 0;
	if (!flexible)
		return at;
	/* Tags are rare here: none is one byte of zero. */
	for (uint32_t fields = 0, step = 0, left = 1; left > 0; step++) {
		uint32_t value = 0;
		int shift = 0;

		do {
			if (at >= size || shift > 28)
				return 0;
			value |= (uint32_t)(frame[at] & 0x7f) << shift;
			shift += 7;
		} while (frame[at++] & 0x80);
		if (step == 0) {
			fields = value;
			left = 1 + 2 * fields;
			if (fields > size)
				return 0;
		} else if (step % 2 == 0) {
			if (value > size - at)
				return 0;
			at += value;
		}
		left--;
	}
	return at;
}

static void read_request(struct kw_mock_exchange *exchange, const uint8_t *frame, size_t size)
{
	struct kwire_mock_request *request = &exchange->request;
	const struct kwire_server_api *server = kw_mock_server(request->api_key);
	bool flexible = server != NULL &&
			request->api_version >= server->api->first_flexible_version;
	size_t at = body_offset(frame, size, flexible);

	exchange->server = server;
	request->body.data = frame + (at == 0 ? size : at);
	request->body.size = (int32_t)(at == 0 ? 0 : size - at);
	if (server == NULL || at == 0 || request->api_version < server->api->min_version ||
	    request->api_version > server->api->max_version)
		return;
	if (kw_request_decode(exchange->memory, frame, size, server, &exchange->message, NULL) != 0)
		exchange->message = NULL;
	request->message = exchange->message;
}

/* Takes over the frame (a copy of it), so that the request may be looked at later. */
static int own(struct kw_mock_exchange *exchange)
{
	struct kwire_mock_request *request = &exchange->request;
	uint8_t *copy;

	if (exchange->owns_frame)
		return KWIRE_OK;
	copy = kw_alloc(exchange->memory, exchange->frame_size);
	if (copy == NULL)
		return KWIRE_ENOMEM;
	memcpy(copy, exchange->frame, exchange->frame_size);
	if (request->client_id.data != NULL)
		request->client_id.data = (const char *)copy +
					  (request->client_id.data - (const char *)exchange->frame);
	request->body.data = copy + (request->body.data - exchange->frame);
	exchange->frame = copy;
	exchange->owns_frame = true;
	return KWIRE_OK;
}

struct kw_mock_exchange *kw_mock_exchange_copy(struct kwire_mock *mock,
					       const struct kwire_mock_request *request,
					       const uint8_t *frame, size_t size)
{
	struct kw_mock_exchange *copy = kw_zalloc(mock->memory, sizeof(*copy));
	struct kw_request_header header;

	if (copy == NULL)
		return NULL;
	copy->memory = mock->memory;
	copy->place = KW_MOCK_COPY;
	copy->request = *request;
	copy->frame = frame;
	copy->frame_size = size;
	if (kw_request_peek(frame, size, &header, NULL) == 0)
		copy->request.client_id = header.client_id;
	read_request(copy, frame, size);
	if (own(copy) != 0) {
		kw_mock_exchange_free(copy);
		return NULL;
	}
	return copy;
}

/* ----------------------------------------------------------------- answers */

/* Faults that work on the struct: the throttle time. */
static const void *throttled(struct kw_mock_exchange *exchange, const void *response)
{
	const struct kwire_api *api = exchange->server->api;
	uint8_t *copy;

	for (struct kw_mock_hit *hit = exchange->hits; hit != NULL; hit = hit->next) {
		int32_t ms = (int32_t)(hit->fault.ms < 0 ? 0 : hit->fault.ms);

		if (hit->fault.kind != KWIRE_MOCK_THROTTLE_FAULT || api->throttle_offset < 0)
			continue;
		copy = kw_mock_scratch(exchange->mock, 1, api->response_size);
		if (copy == NULL)
			return response;
		memcpy(copy, response, api->response_size);
		memcpy(copy + api->throttle_offset, &ms, sizeof(ms));
		return copy;
	}
	return response;
}

int kw_mock_answer_in(struct kw_mock_exchange *exchange, int16_t version, const void *response,
		      struct kwire_error *error)
{
	struct kwire_mock *mock = exchange->mock;
	int result;

	if (exchange->server == NULL)
		return kw_fail(error, KWIRE_EINVAL, "API %d is not known",
			       exchange->request.api_key);
	kw_mock_enter(mock);
	if (exchange->hits != NULL)
		response = throttled(exchange, response);
	result = kw_response_encode(&mock->frames.frame, mock->memory, exchange->server, version,
				    exchange->request.correlation_id, response, MAX_ANSWER, error);
	if (result == 0)
		kw_mock_send(exchange, mock->frames.frame.iov, mock->frames.frame.iov_count);
	kw_mock_leave(mock);
	return result;
}

int kw_mock_answer(struct kw_mock_exchange *exchange, const void *response,
		   struct kwire_error *error)
{
	struct kwire_error local;
	int result;

	if (error == NULL)
		error = &local;
	result = kw_mock_answer_in(exchange, exchange->request.api_version, response, error);
	return result;
}

int kw_mock_answer_bytes(struct kw_mock_exchange *exchange, const void *body, size_t size,
			 struct kwire_error *error)
{
	struct kwire_mock *mock = exchange->mock;
	bool flexible = exchange->server != NULL &&
			kw_response_header_flexible(exchange->server->api,
						    exchange->request.api_version);
	int result;

	result = kw_response_encode_raw(&mock->frames.frame, mock->memory, flexible,
					exchange->request.correlation_id, body, size, MAX_ANSWER,
					error);
	if (result == 0)
		kw_mock_send(exchange, mock->frames.frame.iov, mock->frames.frame.iov_count);
	return result;
}

int kw_mock_answer_raw(struct kw_mock_exchange *exchange, const void *data, size_t size,
		       struct kwire_error *error)
{
	struct iovec iov = {(void *)(uintptr_t)data, size};

	(void)error;
	kw_mock_send(exchange, &iov, 1);
	return KWIRE_OK;
}

/* What a real broker does with what it cannot make sense of. */
static void hang_up(struct kw_mock_exchange *exchange)
{
	if (exchange->peer != NULL)
		kw_mock_peer_finish(exchange->peer, false);
}

void kw_mock_answer_default(struct kw_mock_exchange *exchange)
{
	struct kwire_mock *mock = exchange->mock;
	const struct kwire_mock_request *request = &exchange->request;
	struct kw_mock_broker *broker = kw_mock_broker_find(mock, request->broker_id);
	kw_mock_behaviour *behaviour = kw_mock_behaviour_of(request->api_key);
	bool offered = broker != NULL && request->api_key >= 0 && request->api_key < KW_MOCK_KEYS &&
		       request->api_version >= broker->versions[request->api_key].min &&
		       request->api_version <= broker->versions[request->api_key].max;

	for (struct kw_mock_hit *hit = exchange->hits; hit != NULL; hit = hit->next)
		if (hit->fault.kind == KWIRE_MOCK_ERROR_FAULT && request->message != NULL &&
		    kw_mock_answer_error(exchange, (int16_t)hit->fault.value, NULL) == 0)
			return;
	if (request->api_key == KW_MOCK_API_VERSIONS && broker != NULL &&
	    (!offered || request->message == NULL))
		kw_mock_api_versions_fallback(exchange, broker);
	else if ((mock->flags & KWIRE_MOCK_BARE) && request->api_key != KW_MOCK_API_VERSIONS)
		return;
	else if (!offered || request->message == NULL)
		hang_up(exchange);
	else if (behaviour != NULL)
		behaviour(exchange, request->message);
	else if (kw_mock_answer_error(exchange, 35, NULL) != 0)
		hang_up(exchange);
}

/* ------------------------------------------------------------------ scripts */

static void keep(struct kw_mock_exchange *exchange, int rule_id)
{
	struct kw_mock_exchange **last;

	if (own(exchange) != 0) {
		hang_up(exchange);
		return;
	}
	exchange->place = KW_MOCK_KEPT;
	exchange->kept_by = rule_id;
	for (last = &exchange->mock->frames.kept; *last != NULL; last = &(*last)->next_kept)
		;
	*last = exchange;
}

/* Whether the rule dealt with the request. */
static bool run_rule(struct kw_mock_exchange *exchange, struct kw_mock_rule *rule)
{
	switch (rule->kind) {
	case KW_MOCK_RULE_HANDLER:
		switch (rule->handler(rule->context, &exchange->request)) {
		case KWIRE_MOCK_PASS:
			return false;
		case KWIRE_MOCK_KEEP:
			keep(exchange, rule->id);
			return true;
		case KWIRE_MOCK_CLOSE:
			if (exchange->peer != NULL)
				kw_mock_peer_finish(exchange->peer, false);
			return true;
		case KWIRE_MOCK_RESET:
			if (exchange->peer != NULL)
				kw_mock_peer_finish(exchange->peer, true);
			return true;
		case KWIRE_MOCK_DONE:
			return true;
		}
		return true;
	case KW_MOCK_RULE_RESPONSE:
		return kw_mock_answer(exchange, rule->response, NULL) == 0;
	case KW_MOCK_RULE_ERROR:
		return kw_mock_answer_error(exchange, rule->code, NULL) == 0;
	case KW_MOCK_RULE_KEEP:
		keep(exchange, rule->id);
		return true;
	case KW_MOCK_RULE_FAULT:
		break;
	}
	return false;
}

static bool run_rules(struct kw_mock_exchange *exchange)
{
	const struct kwire_mock_request *request = &exchange->request;
	struct kw_mock_rule *rule;

	/* A handler may add rules (in front) and end rules (which stay until later). */
	for (rule = exchange->mock->rules.newest; rule != NULL; rule = rule->next)
		if (rule->kind != KW_MOCK_RULE_FAULT &&
		    kw_mock_rule_meets(exchange->mock, rule, request->broker_id,
				       request->connection, request->api_key) &&
		    run_rule(exchange, rule))
			return true;
	return false;
}

static bool swallowed(const struct kw_mock_exchange *exchange)
{
	for (const struct kw_mock_hit *hit = exchange->hits; hit != NULL; hit = hit->next)
		if (hit->fault.kind == KWIRE_MOCK_BLACK_HOLE_FAULT)
			return true;
	return false;
}

void kw_mock_exchange_begin(struct kw_mock_peer *peer, const uint8_t *frame, size_t size)
{
	struct kwire_mock *mock = peer->mock;
	struct kw_mock_exchange *exchange;
	struct kw_request_header header;

	if (kw_mock_session_takes(peer, frame, size))
		return;
	if (kw_request_peek(frame, size, &header, NULL) != 0) {
		kw_mock_peer_finish(peer, false);
		return;
	}
	exchange = new_exchange(mock);
	if (exchange == NULL) {
		kw_mock_peer_close(peer, true);
		return;
	}
	exchange->frame = frame;
	exchange->frame_size = size;
	exchange->request.time_ms = kw_mock_loop_now(&mock->loop);
	exchange->request.broker_id = peer->broker->id;
	exchange->request.connection = peer->number;
	exchange->request.api_key = header.api_key;
	exchange->request.api_version = header.api_version;
	exchange->request.correlation_id = header.correlation_id;
	kw_mock_journal_add(mock, &exchange->request, frame, size);
	exchange->request.client_id = header.client_id;
	exchange->peer = peer;
	exchange->next = peer->exchanges;
	peer->exchanges = exchange;
	kw_mock_enter(mock);
	read_request(exchange, frame, size);
	if ((mock->rules.newest != NULL || mock->rules.chaos > 0) &&
	    kw_mock_rules_hit(mock, exchange) != 0)
		kw_mock_peer_close(peer, true);
	else if (swallowed(exchange))
		kw_mock_peer_swallow(peer);
	else if (!kw_mock_session_admits(peer, header.api_key))
		hang_up(exchange);
	else if (!run_rules(exchange))
		kw_mock_answer_default(exchange);
	/* What is kept or parked lives on; what was freed meanwhile is dead, not gone. */
	if (exchange->place == KW_MOCK_LIVE && !exchange->blocks)
		kw_mock_exchange_free(exchange);
	kw_mock_leave(mock);
}

/* ------------------------------------------------------------------ parking */

void kw_mock_park(struct kw_mock_exchange *exchange, void *parking,
		  void (*cancel)(struct kw_mock_exchange *exchange))
{
	exchange->parking = parking;
	exchange->cancel = cancel;
	exchange->blocks = true;
	if (exchange->peer != NULL)
		exchange->peer->blocked++;
}

void kw_mock_unpark(struct kw_mock_exchange *exchange)
{
	struct kw_mock_peer *peer = exchange->peer;

	kw_mock_enter(exchange->mock);
	exchange->cancel = NULL;
	if (peer != NULL) {
		peer->blocked--;
		kw_mock_peer_resume(peer);
	}
	kw_mock_exchange_free(exchange);
	kw_mock_leave(peer != NULL ? peer->mock : exchange->mock);
}

void kw_mock_exchanges_orphan(struct kw_mock_peer *peer)
{
	struct kwire_mock *mock = peer->mock;
	struct kw_mock_exchange *exchange;

	kw_mock_enter(mock);
	while ((exchange = peer->exchanges) != NULL) {
		peer->exchanges = exchange->next;
		exchange->peer = NULL;
		if (exchange->place == KW_MOCK_LIVE && exchange->blocks) {
			if (exchange->cancel != NULL)
				exchange->cancel(exchange);
			kw_mock_exchange_free(exchange);
		}
	}
	kw_mock_leave(mock);
}

/* --------------------------------------------------------------------- kept */

struct kw_mock_exchange *kw_mock_take_kept(struct kwire_mock *mock,
					   const struct kwire_mock_match *match)
{
	struct kw_mock_exchange **link = &mock->frames.kept;
	struct kw_mock_exchange *exchange;

	for (; (exchange = *link) != NULL; link = &exchange->next_kept)
		if (match == NULL ||
		    kw_mock_match_fits(match, exchange->request.broker_id,
				       exchange->request.connection, exchange->request.api_key)) {
			*link = exchange->next_kept;
			exchange->place = KW_MOCK_TAKEN;
			exchange->next_kept = mock->frames.taken;
			mock->frames.taken = exchange;
			return exchange;
		}
	return NULL;
}

void kw_mock_release_kept(struct kwire_mock *mock, int rule_id)
{
	struct kw_mock_exchange **link = &mock->frames.kept;
	struct kw_mock_exchange *exchange;

	kw_mock_enter(mock);
	while ((exchange = *link) != NULL) {
		if (rule_id >= 0 && exchange->kept_by != rule_id) {
			link = &exchange->next_kept;
			continue;
		}
		*link = exchange->next_kept;
		exchange->place = KW_MOCK_LIVE;
		if (exchange->peer != NULL)
			kw_mock_answer_default(exchange);
		if (!exchange->blocks)
			kw_mock_exchange_free(exchange);
	}
	kw_mock_leave(mock);
}
