/* SPDX-License-Identifier: Apache-2.0 */
/* The public functions for scripts, faults, requests and their log. */
#include <string.h>
#include <time.h>

#include "../base/error.h"
#include "broker.h"
#include "call.h"
#include "parcel.h"
#include "peer.h"
#include "rules.h"

struct rule_call {
	struct kw_mock_call call; /* first */
	const struct kwire_mock_match *match;
	enum kw_mock_rule_kind kind;
	kwire_mock_handler *handler;
	void *context;
	const void *response;
	int16_t code;
	const struct kwire_mock_fault *fault;
	int id;
	uint64_t seed;
};

/* A black hole for one connection, named by its number, takes it in though it is open. */
static void swallow_open(struct kwire_mock *mock, struct kw_mock_rule *rule)
{
	for (struct kw_mock_broker *broker = mock->brokers; broker != NULL; broker = broker->next)
		for (struct kw_mock_peer *peer = broker->peers; peer != NULL; peer = peer->next)
			if (!peer->closed &&
			    kw_mock_rule_meets(mock, rule, broker->id, peer->number, -1))
				kw_mock_peer_swallow(peer);
}

static void add_rule(struct kw_mock_call *call)
{
	struct rule_call *c = (struct rule_call *)call;
	struct kwire_mock *mock = call->mock;
	struct kw_mock_rule *rule;
	uint8_t *data = NULL;

	if (c->fault != NULL && c->fault->data.data != NULL) {
		data = kw_alloc(mock->memory, (size_t)c->fault->data.size);
		if (data == NULL) {
			call->result = kw_fail_memory(call->error);
			return;
		}
		memcpy(data, c->fault->data.data, (size_t)c->fault->data.size);
	}
	rule = kw_mock_rule_add(mock, c->match, c->kind);
	if (rule == NULL) {
		kw_free(data);
		call->result = kw_fail_memory(call->error);
		return;
	}
	rule->handler = c->handler;
	rule->context = c->context;
	rule->response = c->response;
	rule->code = c->code;
	if (c->fault != NULL) {
		rule->fault = *c->fault;
		rule->data = data;
		rule->fault.data.data = data;
		if (c->fault->kind == KWIRE_MOCK_BLACK_HOLE_FAULT && rule->match.api_key < 0 &&
		    rule->match.connection >= 0)
			swallow_open(mock, rule);
	}
	c->id = rule->id;
}

static int add(struct kwire_mock *mock, struct rule_call *c, int *rule_id,
	       struct kwire_error *error)
{
	int result;

	if (c->match != NULL && c->match->size != sizeof(*c->match))
		return kw_fail(error, KWIRE_EINVAL, "a match of an unknown size");
	result = kw_mock_run(mock, &c->call, add_rule, error);
	if (result == 0 && rule_id != NULL)
		*rule_id = c->id;
	return result;
}

int kwire_mock_script(struct kwire_mock *mock, const struct kwire_mock_match *match,
		      kwire_mock_handler *handler, void *context, int *rule_id,
		      struct kwire_error *error)
{
	struct rule_call c = {.match = match,
			      .kind = KW_MOCK_RULE_HANDLER,
			      .handler = handler,
			      .context = context};

	if (handler == NULL)
		return kw_fail(error, KWIRE_EINVAL, "a handler must be given");
	return add(mock, &c, rule_id, error);
}

int kwire_mock_script_response(struct kwire_mock *mock, const struct kwire_mock_match *match,
			       const void *response, int *rule_id, struct kwire_error *error)
{
	struct rule_call c = {.match = match, .kind = KW_MOCK_RULE_RESPONSE, .response = response};

	if (match == NULL || match->api_key < 0 || response == NULL)
		return kw_fail(error, KWIRE_EINVAL,
			       "a response belongs to one API, which the match must name");
	return add(mock, &c, rule_id, error);
}

int kwire_mock_script_error(struct kwire_mock *mock, const struct kwire_mock_match *match,
			    int16_t kafka_code, int *rule_id, struct kwire_error *error)
{
	struct rule_call c = {.match = match, .kind = KW_MOCK_RULE_ERROR, .code = kafka_code};

	return add(mock, &c, rule_id, error);
}

int kwire_mock_keep(struct kwire_mock *mock, const struct kwire_mock_match *match, int *rule_id,
		    struct kwire_error *error)
{
	struct rule_call c = {.match = match, .kind = KW_MOCK_RULE_KEEP};

	return add(mock, &c, rule_id, error);
}

int kwire_mock_break(struct kwire_mock *mock, const struct kwire_mock_match *match,
		     const struct kwire_mock_fault *fault, int *rule_id, struct kwire_error *error)
{
	struct rule_call c = {.match = match, .kind = KW_MOCK_RULE_FAULT, .fault = fault};

	if (fault == NULL || fault->size != sizeof(*fault))
		return kw_fail(error, KWIRE_EINVAL, "a fault of an unknown size");
	if ((unsigned)fault->kind >= KWIRE_MOCK_FAULT_KINDS)
		return kw_fail(error, KWIRE_EINVAL, "there is no fault %d", (int)fault->kind);
	if (fault->data.size < 0 || (fault->data.data == NULL && fault->data.size > 0))
		return kw_fail(error, KWIRE_EINVAL, "a fault's data of a negative size");
	return add(mock, &c, rule_id, error);
}

static void mend(struct kw_mock_call *call)
{
	struct rule_call *c = (struct rule_call *)call;

	if (!kw_mock_rules_mend(call->mock, c->id)) {
		call->result = kw_fail(call->error, KWIRE_EINVAL, "there is no rule %d", c->id);
		return;
	}
	kw_mock_parcels_release(call->mock, c->id);
	kw_mock_release_kept(call->mock, c->id);
}

int kwire_mock_mend(struct kwire_mock *mock, int rule_id, struct kwire_error *error)
{
	struct rule_call c = {.id = rule_id};

	return kw_mock_run(mock, &c.call, mend, error);
}

static void set_chaos(struct kw_mock_call *call)
{
	struct rule_call *c = (struct rule_call *)call;

	call->mock->rules.chaos = c->id;
	if (c->id > 0)
		call->mock->rules.random = c->seed;
}

uint64_t kwire_mock_chaos(struct kwire_mock *mock, int chance, uint64_t seed)
{
	struct rule_call c = {.id = chance, .seed = seed};
	struct timespec now;

	if (c.seed == 0) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		c.seed = ((uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec) | 1u;
	}
	kw_mock_run(mock, &c.call, set_chaos, NULL);
	return c.seed;
}

/* ------------------------------------------------------------------ answers */

struct reply_call {
	struct kw_mock_call call; /* first */
	struct kw_mock_exchange *exchange;
	int (*answer)(struct kw_mock_exchange *exchange, const void *data, size_t size,
		      struct kwire_error *error);
	const void *data;
	size_t size;
};

static void run_reply(struct kw_mock_call *call)
{
	struct reply_call *c = (struct reply_call *)call;

	call->result = c->answer(c->exchange, c->data, c->size, call->error);
}

static int reply(struct kwire_mock_request *request,
		 int (*answer)(struct kw_mock_exchange *exchange, const void *data, size_t size,
			       struct kwire_error *error),
		 const void *data, size_t size, struct kwire_error *error)
{
	struct reply_call c = {.exchange = (struct kw_mock_exchange *)request,
			       .answer = answer,
			       .data = data,
			       .size = size};

	if (c.exchange->place == KW_MOCK_COPY)
		return kw_fail(error, KWIRE_EINVAL, "a request from the log cannot be answered");
	if (c.exchange->mock == NULL)
		return KWIRE_OK;
	return kw_mock_run(c.exchange->mock, &c.call, run_reply, error);
}

static int answer_struct(struct kw_mock_exchange *exchange, const void *data, size_t size,
			 struct kwire_error *error)
{
	(void)size;
	return kw_mock_answer(exchange, data, error);
}

int kwire_mock_reply(struct kwire_mock_request *request, const void *response,
		     struct kwire_error *error)
{
	return reply(request, answer_struct, response, 0, error);
}

int kwire_mock_reply_bytes(struct kwire_mock_request *request, const void *body, size_t size,
			   struct kwire_error *error)
{
	return reply(request, kw_mock_answer_bytes, body, size, error);
}

int kwire_mock_reply_raw(struct kwire_mock_request *request, const void *data, size_t size,
			 struct kwire_error *error)
{
	return reply(request, kw_mock_answer_raw, data, size, error);
}

static int answer_code(struct kw_mock_exchange *exchange, const void *data, size_t size,
		       struct kwire_error *error)
{
	const int16_t *code = data;

	(void)size;
	return kw_mock_answer_error(exchange, *code, error);
}

int kwire_mock_reply_error(struct kwire_mock_request *request, int16_t kafka_code,
			   struct kwire_error *error)
{
	return reply(request, answer_code, &kafka_code, 0, error);
}

static int answer_default(struct kw_mock_exchange *exchange, const void *data, size_t size,
			  struct kwire_error *error)
{
	(void)data;
	(void)size;
	(void)error;
	if (exchange->peer != NULL)
		kw_mock_answer_default(exchange);
	return KWIRE_OK;
}

int kwire_mock_reply_default(struct kwire_mock_request *request, struct kwire_error *error)
{
	return reply(request, answer_default, NULL, 0, error);
}

static void free_taken(struct kw_mock_call *call)
{
	struct reply_call *c = (struct reply_call *)call;
	struct kw_mock_exchange **link = &call->mock->frames.taken;

	for (; *link != c->exchange; link = &(*link)->next_kept)
		;
	*link = c->exchange->next_kept;
	c->exchange->place = KW_MOCK_LIVE;
	/* Parked by the mock's own behaviour: that will free it. */
	if (!c->exchange->blocks)
		kw_mock_exchange_free(c->exchange);
}

void kwire_mock_request_free(struct kwire_mock_request *request)
{
	struct reply_call c = {.exchange = (struct kw_mock_exchange *)request};

	if (request == NULL)
		return;
	if (c.exchange->place == KW_MOCK_TAKEN && c.exchange->mock != NULL)
		kw_mock_run(c.exchange->mock, &c.call, free_taken, NULL);
	else if (c.exchange->place == KW_MOCK_COPY || c.exchange->mock == NULL)
		kw_mock_exchange_free(c.exchange);
}

/* ------------------------------------------------------------------ waiting */

struct request_wait {
	struct kw_mock_task task; /* first */
	struct kwire_mock *mock;
	const struct kwire_mock_match *match;
	int64_t count;
	int64_t seen;
	struct kw_mock_exchange *exchange;
	int result;
};

static bool take(struct kw_mock_task *task)
{
	struct request_wait *wait = (struct request_wait *)task;

	wait->exchange = kw_mock_take_kept(wait->mock, wait->match);
	return wait->exchange != NULL;
}

int kwire_mock_take(struct kwire_mock *mock, const struct kwire_mock_match *match,
		    int64_t timeout_ms, struct kwire_mock_request **request,
		    struct kwire_error *error)
{
	struct request_wait wait = {.task = {take, false, NULL}, .mock = mock, .match = match};
	int result = kw_mock_await(mock, &wait.task, timeout_ms, error);

	if (result == 0)
		*request = &wait.exchange->request;
	return result;
}

static bool counted(struct kw_mock_task *task)
{
	struct request_wait *wait = (struct request_wait *)task;

	wait->seen = kw_mock_journal_count(wait->mock, wait->match);
	return wait->seen >= wait->count;
}

int kwire_mock_wait(struct kwire_mock *mock, const struct kwire_mock_match *match, int64_t count,
		    int64_t timeout_ms, struct kwire_error *error)
{
	struct request_wait wait = {
		.task = {counted, false, NULL}, .mock = mock, .match = match, .count = count};
	int result = kw_mock_await(mock, &wait.task, timeout_ms, error);

	if (result == KWIRE_ETIMEDOUT)
		return kw_fail(error, result, "%lld requests came, not %lld, in %lld ms",
			       (long long)wait.seen, (long long)count, (long long)timeout_ms);
	return result;
}

static bool look_up(struct kw_mock_task *task)
{
	struct request_wait *wait = (struct request_wait *)task;
	const struct kw_mock_entry *entry;
	bool lost;

	entry = kw_mock_journal_find(wait->mock, wait->match, &lost);
	if (entry == NULL && !lost)
		return false;
	if (lost) {
		wait->result = KWIRE_ELIMIT;
		return true;
	}
	wait->exchange = kw_mock_exchange_copy(wait->mock, &entry->request, entry->frame,
					       entry->size);
	wait->result = wait->exchange != NULL ? KWIRE_OK : KWIRE_ENOMEM;
	return true;
}

int kwire_mock_seen(struct kwire_mock *mock, const struct kwire_mock_match *match,
		    int64_t timeout_ms, struct kwire_mock_request **request,
		    struct kwire_error *error)
{
	struct request_wait wait = {.task = {look_up, false, NULL}, .mock = mock, .match = match};
	int result = kw_mock_await(mock, &wait.task, timeout_ms, error);

	if (result == KWIRE_ETIMEDOUT)
		return kw_fail(error, result, "no such request came in %lld ms",
			       (long long)timeout_ms);
	if (result != 0)
		return result;
	if (wait.result == KWIRE_ELIMIT)
		return kw_fail(error, KWIRE_ELIMIT,
			       "the log no longer has that request; raise log_requests");
	if (wait.result != 0)
		return kw_fail_memory(error);
	*request = &wait.exchange->request;
	return KWIRE_OK;
}

struct count_call {
	struct kw_mock_call call; /* first */
	const struct kwire_mock_match *match;
	int64_t count;
};

static void count_requests(struct kw_mock_call *call)
{
	struct count_call *c = (struct count_call *)call;

	c->count = kw_mock_journal_count(call->mock, c->match);
}

int64_t kwire_mock_count(struct kwire_mock *mock, const struct kwire_mock_match *match)
{
	struct count_call c = {.match = match};

	kw_mock_run(mock, &c.call, count_requests, NULL);
	return c.count;
}

static void forget(struct kw_mock_call *call)
{
	kw_mock_journal_forget(call->mock);
}

void kwire_mock_forget(struct kwire_mock *mock)
{
	struct kw_mock_call call;

	kw_mock_run(mock, &call, forget, NULL);
}
