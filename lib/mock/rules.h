/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tests ordered: handlers, scripted answers, requests to keep, faults;
 * and which requests they meet.  Loop's thread only.
 */
#ifndef KW_MOCK_RULES_H
#define KW_MOCK_RULES_H

#include <kwire/mock.h>

struct kw_mock_exchange;

enum kw_mock_rule_kind {
	KW_MOCK_RULE_HANDLER,
	KW_MOCK_RULE_RESPONSE,
	KW_MOCK_RULE_ERROR,
	KW_MOCK_RULE_KEEP,
	KW_MOCK_RULE_FAULT,
};

struct kw_mock_rule {
	struct kw_mock_rule *next; /* older */
	int id;
	bool ended; /* to be freed when nobody looks */
	enum kw_mock_rule_kind kind;
	struct kwire_mock_match match;
	int32_t passed;
	int32_t used;
	kwire_mock_handler *handler;
	void *context;
	const void *response;
	int16_t code;
	struct kwire_mock_fault fault;
	uint8_t *data; /* the fault's */
};

/* A fault that met a request; its data follows it. */
struct kw_mock_hit {
	struct kw_mock_hit *next; /* in the order in which they act */
	int rule_id;
	struct kwire_mock_fault fault;
};

struct kw_mock_rules {
	struct kw_mock_rule *newest;
	int next_id;
	int count;
	int chaos; /* per mille */
	uint64_t random;
};

enum kw_mock_accepted {
	KW_MOCK_ACCEPT,
	KW_MOCK_ACCEPT_REFUSE,
	KW_MOCK_ACCEPT_SWALLOW,
};

/* Adds a rule of which the caller fills the rest; NULL: out of memory. */
struct kw_mock_rule *kw_mock_rule_add(struct kwire_mock *mock, const struct kwire_mock_match *match,
				      enum kw_mock_rule_kind kind);

/* Whether a rule meets this request, and counts it. */
bool kw_mock_rule_meets(struct kwire_mock *mock, struct kw_mock_rule *rule, int32_t broker_id,
			int32_t connection, int16_t api_key);

/* Whether a match names this request, its counts aside. */
bool kw_mock_match_fits(const struct kwire_mock_match *match, int32_t broker_id, int32_t connection,
			int16_t api_key);

/* The fate of a new connection. */
enum kw_mock_accepted kw_mock_rules_accept(struct kwire_mock *mock, int32_t broker_id,
					   int32_t connection);

/* The faults that this request meets; KWIRE_ENOMEM. */
int kw_mock_rules_hit(struct kwire_mock *mock, struct kw_mock_exchange *exchange);
void kw_mock_hits_free(struct kw_mock_hit *hits);

/* Ends one rule, or all (-1); false: no such id was ever given. */
bool kw_mock_rules_mend(struct kwire_mock *mock, int rule_id);
/* Frees what ended. */
void kw_mock_rules_sweep(struct kwire_mock *mock);
void kw_mock_rules_fini(struct kwire_mock *mock);

/* The kind that a fault's name means; -1: none. */
int kw_mock_fault_named(const char *name);
const char *kw_mock_fault_name(enum kwire_mock_fault_kind kind);

#endif
