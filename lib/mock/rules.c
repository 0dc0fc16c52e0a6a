/* SPDX-License-Identifier: Apache-2.0 */
/* See rules.h. */
#include "rules.h"

#include <string.h>

#include "cluster.h"

/* splitmix64: small, and the same everywhere. */
static uint64_t next_random(struct kwire_mock *mock)
{
	uint64_t z = mock->rules.random += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static const char *const fault_names[] = {
#define FAULT_NAME(name, text) text,
	KWIRE_MOCK_FAULTS(FAULT_NAME)
#undef FAULT_NAME
};

int kw_mock_fault_named(const char *name)
{
	for (int i = 0; i < KWIRE_MOCK_FAULT_KINDS; i++)
		if (strcmp(fault_names[i], name) == 0)
			return i;
	return -1;
}

const char *kw_mock_fault_name(enum kwire_mock_fault_kind kind)
{
	return fault_names[kind];
}

struct kw_mock_rule *kw_mock_rule_add(struct kwire_mock *mock, const struct kwire_mock_match *match,
				      enum kw_mock_rule_kind kind)
{
	static const struct kwire_mock_match every = KWIRE_MOCK_MATCH_INIT;
	struct kw_mock_rule *rule = kw_zalloc(mock->memory, sizeof(*rule));

	if (rule == NULL)
		return NULL;
	rule->id = ++mock->rules.next_id;
	rule->kind = kind;
	rule->match = match != NULL ? *match : every;
	rule->next = mock->rules.newest;
	mock->rules.newest = rule;
	mock->rules.count++;
	return rule;
}

bool kw_mock_match_fits(const struct kwire_mock_match *match, int32_t broker_id, int32_t connection,
			int16_t api_key)
{
	return (match->broker_id < 0 || match->broker_id == broker_id) &&
	       (match->connection < 0 || match->connection == connection) &&
	       (match->api_key < 0 || match->api_key == api_key);
}

bool kw_mock_rule_meets(struct kwire_mock *mock, struct kw_mock_rule *rule, int32_t broker_id,
			int32_t connection, int16_t api_key)
{
	const struct kwire_mock_match *match = &rule->match;

	if (rule->ended || !kw_mock_match_fits(match, broker_id, connection, api_key))
		return false;
	if (match->chance < 1000 && next_random(mock) % 1000 >= (uint64_t)match->chance)
		return false;
	if (rule->passed < match->skip) {
		rule->passed++;
		return false;
	}
	if (match->count >= 0 && ++rule->used >= match->count)
		rule->ended = true;
	return match->count != 0;
}

/* Refusals and black holes for whole connections: no API is named. */
enum kw_mock_accepted kw_mock_rules_accept(struct kwire_mock *mock, int32_t broker_id,
					   int32_t connection)
{
	enum kw_mock_accepted fate = KW_MOCK_ACCEPT;

	for (struct kw_mock_rule *rule = mock->rules.newest; rule != NULL; rule = rule->next) {
		if (rule->kind != KW_MOCK_RULE_FAULT || rule->match.api_key >= 0)
			continue;
		if (rule->fault.kind == KWIRE_MOCK_REFUSE_FAULT &&
		    kw_mock_rule_meets(mock, rule, broker_id, connection, -1))
			fate = KW_MOCK_ACCEPT_REFUSE;
		else if (rule->fault.kind == KWIRE_MOCK_BLACK_HOLE_FAULT &&
			 kw_mock_rule_meets(mock, rule, broker_id, connection, -1))
			fate = KW_MOCK_ACCEPT_SWALLOW;
	}
	return fate;
}

static struct kw_mock_hit *new_hit(struct kwire_mock *mock, const struct kwire_mock_fault *fault,
				   int rule_id)
{
	size_t size = fault->data.data != NULL ? (size_t)fault->data.size : 0;
	struct kw_mock_hit *hit = kw_alloc(mock->memory, sizeof(*hit) + size);

	if (hit == NULL)
		return NULL;
	hit->next = NULL;
	hit->rule_id = rule_id;
	hit->fault = *fault;
	if (size > 0) {
		memcpy(hit + 1, fault->data.data, size);
		hit->fault.data.data = (uint8_t *)(hit + 1);
	}
	return hit;
}

/* Some fault, with some measure. */
static struct kwire_mock_fault chaos(struct kwire_mock *mock)
{
	static const enum kwire_mock_fault_kind kinds[] = {
		KWIRE_MOCK_DELAY_FAULT,       KWIRE_MOCK_LATE_FAULT,
		KWIRE_MOCK_SILENCE_FAULT,     KWIRE_MOCK_RESET_FAULT,
		KWIRE_MOCK_CLOSE_FAULT,       KWIRE_MOCK_CLOSE_AFTER_FAULT,
		KWIRE_MOCK_RESET_AFTER_FAULT, KWIRE_MOCK_STALL_AFTER_FAULT,
		KWIRE_MOCK_DRIP_FAULT,        KWIRE_MOCK_CORRUPT_FAULT,
		KWIRE_MOCK_WRONG_ID_FAULT,    KWIRE_MOCK_UNKNOWN_ID_FAULT,
		KWIRE_MOCK_DUPLICATE_FAULT,   KWIRE_MOCK_REORDER_FAULT,
		KWIRE_MOCK_UNSOLICITED_FAULT, KWIRE_MOCK_OVERSIZE_FAULT,
		KWIRE_MOCK_TRAILING_FAULT,    KWIRE_MOCK_TRUNCATE_FAULT,
	};
	struct kwire_mock_fault fault = KWIRE_MOCK_FAULT_INIT;

	fault.kind = kinds[next_random(mock) % (sizeof(kinds) / sizeof(*kinds))];
	fault.ms = 1 + (int64_t)(next_random(mock) % 50);
	fault.bytes = (int64_t)(next_random(mock) % 64);
	if (fault.kind == KWIRE_MOCK_DRIP_FAULT || fault.kind == KWIRE_MOCK_TRAILING_FAULT)
		fault.bytes++;
	return fault;
}

int kw_mock_rules_hit(struct kwire_mock *mock, struct kw_mock_exchange *exchange)
{
	const struct kwire_mock_request *request = &exchange->request;
	struct kw_mock_hit *hit;

	if (mock->rules.chaos > 0 && next_random(mock) % 1000 < (uint64_t)mock->rules.chaos) {
		struct kwire_mock_fault fault = chaos(mock);

		exchange->hits = new_hit(mock, &fault, 0);
		if (exchange->hits == NULL)
			return KWIRE_ENOMEM;
	}
	/* From the newest to the oldest, each put in front of those before. */
	for (struct kw_mock_rule *rule = mock->rules.newest; rule != NULL; rule = rule->next) {
		if (rule->kind != KW_MOCK_RULE_FAULT ||
		    rule->fault.kind == KWIRE_MOCK_REFUSE_FAULT ||
		    (rule->fault.kind == KWIRE_MOCK_BLACK_HOLE_FAULT && rule->match.api_key < 0) ||
		    !kw_mock_rule_meets(mock, rule, request->broker_id, request->connection,
					request->api_key))
			continue;
		hit = new_hit(mock, &rule->fault, rule->id);
		if (hit == NULL)
			return KWIRE_ENOMEM;
		hit->next = exchange->hits;
		exchange->hits = hit;
	}
	return KWIRE_OK;
}

void kw_mock_hits_free(struct kw_mock_hit *hits)
{
	struct kw_mock_hit *next;

	for (; hits != NULL; hits = next) {
		next = hits->next;
		kw_free(hits);
	}
}

bool kw_mock_rules_mend(struct kwire_mock *mock, int rule_id)
{
	for (struct kw_mock_rule *rule = mock->rules.newest; rule != NULL; rule = rule->next)
		if (rule_id < 0 || rule->id == rule_id)
			rule->ended = true;
	if (rule_id < 0)
		mock->rules.chaos = 0;
	return rule_id < 0 || (rule_id > 0 && rule_id <= mock->rules.next_id);
}

void kw_mock_rules_sweep(struct kwire_mock *mock)
{
	struct kw_mock_rule **link = &mock->rules.newest;
	struct kw_mock_rule *rule;

	while ((rule = *link) != NULL) {
		if (!rule->ended) {
			link = &rule->next;
			continue;
		}
		*link = rule->next;
		mock->rules.count--;
		kw_free(rule->data);
		kw_free(rule);
	}
}

void kw_mock_rules_fini(struct kwire_mock *mock)
{
	kw_mock_rules_mend(mock, -1);
	kw_mock_rules_sweep(mock);
}
