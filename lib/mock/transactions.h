/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transactional ids: their producers, and the partitions and groups of the
 * transaction that is open.  Loop's thread only.
 */
#ifndef KW_MOCK_TRANSACTIONS_H
#define KW_MOCK_TRANSACTIONS_H

#include <kwire/message.h>

#include "loop.h"

struct kwire_mock;
struct kw_mock_exchange;

enum kw_mock_transaction_state {
	KW_MOCK_TRANSACTION_EMPTY,
	KW_MOCK_TRANSACTION_ONGOING,
	KW_MOCK_TRANSACTION_COMMITTED,
	KW_MOCK_TRANSACTION_ABORTED,
};

/* A partition, or (partition -1) a group, that a transaction wrote to. */
struct kw_mock_enlisted {
	struct kw_mock_enlisted *next;
	int32_t partition;
	char name[];
};

struct kw_mock_transaction {
	struct kw_mock_timer timer; /* first: of the open transaction */
	struct kw_mock_transaction *next;
	struct kwire_mock *mock;
	char *id;
	int64_t producer_id;
	int16_t producer_epoch;
	int32_t timeout_ms;
	int64_t start_ms; /* wall clock, -1: not open */
	enum kw_mock_transaction_state state;
	struct kw_mock_enlisted *enlisted;
};

struct kw_mock_transactions {
	struct kw_mock_transaction *first;
	int32_t count;
	int64_t next_producer_id;
};

enum {
	KW_MOCK_MAX_TRANSACTIONS = 10000
};

/* Whether a transactional batch may be written: 0 or Kafka's error code. */
int16_t kw_mock_transaction_may_produce(struct kwire_mock *mock, struct kwire_string id,
					int64_t producer_id, int16_t producer_epoch,
					struct kwire_string topic, int32_t partition, bool enlist);

void kw_mock_transactions_fini(struct kwire_mock *mock);

#endif
