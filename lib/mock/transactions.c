/* SPDX-License-Identifier: Apache-2.0 */
/* Producers' ids and transactions: InitProducerId, AddPartitionsToTxn, AddOffsetsToTxn, EndTxn. */
#include "transactions.h"

#include <kwire/api/add_offsets_to_txn.h>
#include <kwire/api/add_partitions_to_txn.h>
#include <kwire/api/end_txn.h>
#include <kwire/api/init_producer_id.h>

#include "behaviour.h"

enum {
	MAX_TIMEOUT_MS = 900000,
	FENCED_FROM = 2, /* but for InitProducerId: 4 */
	INIT_FENCED_FROM = 4,
	BATCHED_FROM = 4,
	BUMP_FROM = 5, /* EndTxn: KIP-890, the producer's epoch rises with each transaction */
	GROUP = -1,
};

static struct kw_mock_transaction *find_transaction(struct kwire_mock *mock, struct kwire_string id)
{
	struct kw_mock_transaction *t = mock->transactions.first;

	while (t != NULL && !kwire_string_equal(id, t->id))
		t = t->next;
	return t;
}

static void forget_enlisted(struct kw_mock_transaction *t)
{
	struct kw_mock_enlisted *enlisted;

	while ((enlisted = t->enlisted) != NULL) {
		t->enlisted = enlisted->next;
		kw_free(enlisted);
	}
}

static struct kw_mock_enlisted *find_enlisted(struct kw_mock_transaction *t,
					      struct kwire_string name, int32_t partition)
{
	struct kw_mock_enlisted *enlisted = t->enlisted;

	while (enlisted != NULL &&
	       (enlisted->partition != partition || !kwire_string_equal(name, enlisted->name)))
		enlisted = enlisted->next;
	return enlisted;
}

/* Writes the markers, settles the groups' offsets, and is ready for the next. */
static void end(struct kw_mock_transaction *t, bool committed)
{
	struct kwire_mock *mock = t->mock;

	kw_mock_timer_cancel(&mock->loop, &t->timer);
	for (struct kw_mock_enlisted *e = t->enlisted; e != NULL; e = e->next) {
		if (e->partition == GROUP) {
			struct kw_mock_group *group = kw_mock_group_find(mock,
									 kwire_string(e->name));

			if (group != NULL)
				kw_mock_offsets_end_transaction(group, t->producer_id, committed);
		} else {
			struct kw_mock_partition *partition = kw_mock_partition_of(
				kw_mock_topic_find(mock, kwire_string(e->name)), e->partition);
			int64_t before;

			if (partition == NULL)
				continue;
			before = partition->log.bytes;
			kw_mock_log_end_transaction(&partition->log, t->producer_id,
						    t->producer_epoch, committed, 0,
						    partition->leader_epoch, kw_mock_wall_ms(mock));
			mock->topics.bytes += partition->log.bytes - before;
		}
	}
	forget_enlisted(t);
	t->state = committed ? KW_MOCK_TRANSACTION_COMMITTED : KW_MOCK_TRANSACTION_ABORTED;
	t->start_ms = -1;
	kw_mock_fetches_wake(mock);
}

static void raise_epoch(struct kw_mock_transaction *t)
{
	if (t->producer_epoch < INT16_MAX - 1) {
		t->producer_epoch++;
		return;
	}
	t->producer_id = t->mock->transactions.next_producer_id++;
	t->producer_epoch = 0;
}

/* Too long open: aborted, its producer fenced. */
static void timed_out(struct kw_mock_timer *timer)
{
	struct kw_mock_transaction *t = (struct kw_mock_transaction *)timer;
	struct kwire_mock *mock = t->mock;

	kw_mock_enter(mock);
	end(t, false);
	raise_epoch(t);
	kw_mock_leave(mock);
}

static int16_t enlist(struct kw_mock_transaction *t, struct kwire_string name, int32_t partition)
{
	struct kwire_mock *mock = t->mock;
	struct kw_mock_enlisted *enlisted;

	if (t->state != KW_MOCK_TRANSACTION_ONGOING) {
		t->state = KW_MOCK_TRANSACTION_ONGOING;
		t->start_ms = kw_mock_wall_ms(mock);
		kw_mock_timer_arm(&mock->loop, &t->timer,
				  kw_mock_loop_now(&mock->loop) + t->timeout_ms);
	}
	if (find_enlisted(t, name, partition) != NULL)
		return 0;
	enlisted = kw_alloc(mock->memory, sizeof(*enlisted) + (size_t)name.size + 1);
	if (enlisted == NULL)
		return KAFKA_STORAGE_ERROR;
	enlisted->partition = partition;
	memcpy(enlisted->name, name.data, (size_t)name.size);
	enlisted->name[name.size] = '\0';
	enlisted->next = t->enlisted;
	t->enlisted = enlisted;
	return 0;
}

/* Whether the producer is the one of its transactional id, and not fenced. */
static int16_t check_producer(struct kwire_mock *mock, struct kwire_string id, int64_t producer_id,
			      int16_t epoch, struct kw_mock_transaction **found)
{
	struct kw_mock_transaction *t = find_transaction(mock, id);

	*found = t;
	if (t == NULL || t->producer_id != producer_id)
		return INVALID_PRODUCER_ID_MAPPING;
	return epoch == t->producer_epoch ? 0 : PRODUCER_FENCED;
}

int16_t kw_mock_transaction_may_produce(struct kwire_mock *mock, struct kwire_string id,
					int64_t producer_id, int16_t producer_epoch,
					struct kwire_string name, int32_t partition, bool implicit)
{
	struct kw_mock_transaction *t;
	int16_t code = check_producer(mock, id, producer_id, producer_epoch, &t);

	/* Partitions' leaders speak of the epoch; only coordinators of fencing. */
	if (code == PRODUCER_FENCED)
		return INVALID_PRODUCER_EPOCH;
	if (code != 0)
		return code;
	if (implicit)
		return enlist(t, name, partition);
	if (t->state != KW_MOCK_TRANSACTION_ONGOING || find_enlisted(t, name, partition) == NULL)
		return INVALID_TXN_STATE;
	return 0;
}

static int16_t check_coordinator(struct kw_mock_exchange *exchange, struct kwire_string id)
{
	struct kw_mock_broker *coordinator;

	if (id.data == NULL || id.size == 0)
		return INVALID_REQUEST;
	coordinator = kw_mock_coordinator(exchange->mock, KW_MOCK_TRANSACTION, id);
	return coordinator != NULL && coordinator->id == exchange->request.broker_id
		       ? 0
		       : NOT_COORDINATOR;
}

static int16_t init_transactional(struct kw_mock_exchange *exchange,
				  const struct kwire_init_producer_id_request *request,
				  struct kw_mock_transaction **found)
{
	struct kwire_mock *mock = exchange->mock;
	int16_t code = check_coordinator(exchange, request->transactional_id);
	struct kw_mock_transaction *t;

	if (code != 0)
		return code;
	if (request->transaction_timeout_ms <= 0 ||
	    request->transaction_timeout_ms > MAX_TIMEOUT_MS)
		return INVALID_TRANSACTION_TIMEOUT;
	t = find_transaction(mock, request->transactional_id);
	if (t == NULL) {
		if (mock->transactions.count >= KW_MOCK_MAX_TRANSACTIONS ||
		    (t = kw_zalloc(mock->memory, sizeof(*t))) == NULL)
			return KAFKA_STORAGE_ERROR;
		t->id = kw_strndup(mock->memory, request->transactional_id.data,
				   (size_t)request->transactional_id.size);
		if (t->id == NULL) {
			kw_free(t);
			return KAFKA_STORAGE_ERROR;
		}
		t->mock = mock;
		t->timer.fire = timed_out;
		t->producer_id = mock->transactions.next_producer_id++;
		t->producer_epoch = -1;
		t->start_ms = -1;
		t->next = mock->transactions.first;
		mock->transactions.first = t;
		mock->transactions.count++;
	} else if (request->producer_id >= 0 && (request->producer_id != t->producer_id ||
						 request->producer_epoch != t->producer_epoch)) {
		return exchange->request.api_version < INIT_FENCED_FROM ? INVALID_PRODUCER_EPOCH
									: PRODUCER_FENCED;
	}
	/* What the former instance left open ends with it. */
	if (t->state == KW_MOCK_TRANSACTION_ONGOING)
		end(t, false);
	raise_epoch(t);
	t->timeout_ms = request->transaction_timeout_ms;
	t->state = KW_MOCK_TRANSACTION_EMPTY;
	*found = t;
	return 0;
}

void kw_mock_on_init_producer_id(struct kw_mock_exchange *exchange, const void *message)
{
	const struct kwire_init_producer_id_request *request = message;
	struct kwire_init_producer_id_response response = KWIRE_INIT_PRODUCER_ID_RESPONSE_INIT;
	struct kw_mock_transaction *t = NULL;

	if (request->transactional_id.data == NULL) {
		response.producer_id = exchange->mock->transactions.next_producer_id++;
	} else {
		response.error_code = init_transactional(exchange, request, &t);
		response.producer_epoch = -1;
		if (response.error_code == 0) {
			response.producer_id = t->producer_id;
			response.producer_epoch = t->producer_epoch;
		}
	}
	kw_mock_finish(exchange, &response);
}

/* The topics of one transaction: all of them are enlisted, or none. */
static bool add_topics(struct kw_mock_exchange *exchange, struct kw_mock_transaction *t,
		       int16_t code, bool verify_only,
		       const struct kwire_add_partitions_to_txn_request_topic *topics,
		       int32_t count,
		       struct kwire_add_partitions_to_txn_response_topic_result *results)
{
	struct kwire_mock *mock = exchange->mock;
	bool unknown = false;

	for (int32_t i = 0; i < count; i++) {
		struct kw_mock_topic *topic = kw_mock_topic_find(mock, topics[i].name);

		for (int32_t k = 0; k < topics[i].partitions.count; k++)
			unknown = unknown || kw_mock_partition_of(
						     topic, topics[i].partitions.items[k]) == NULL;
	}
	for (int32_t i = 0; i < count; i++) {
		struct kwire_add_partitions_to_txn_response_topic_result *result = &results[i];
		struct kw_mock_topic *topic = kw_mock_topic_find(mock, topics[i].name);

		*result = (struct kwire_add_partitions_to_txn_response_topic_result)
			KWIRE_ADD_PARTITIONS_TO_TXN_RESPONSE_TOPIC_RESULT_INIT;
		result->name = topics[i].name;
		if (!KW_MOCK_ARRAY(mock, result->results_by_partition, topics[i].partitions.count))
			return false;
		for (int32_t k = 0; k < topics[i].partitions.count; k++) {
			int32_t index = topics[i].partitions.items[k];
			int16_t own = code;

			if (own == 0 && kw_mock_partition_of(topic, index) == NULL)
				own = UNKNOWN_TOPIC_OR_PARTITION;
			else if (own == 0 && unknown)
				own = OPERATION_NOT_ATTEMPTED;
			else if (own == 0 && verify_only)
				own = find_enlisted(t, topics[i].name, index) != NULL
					      ? 0
					      : INVALID_TXN_STATE;
			else if (own == 0)
				own = enlist(t, topics[i].name, index);
			result->results_by_partition.items[k] =
				(struct kwire_add_partitions_to_txn_response_partition_result)
					KWIRE_ADD_PARTITIONS_TO_TXN_RESPONSE_PARTITION_RESULT_INIT;
			result->results_by_partition.items[k].partition_index = index;
			result->results_by_partition.items[k].partition_error_code = own;
		}
	}
	return true;
}

static int16_t check(struct kw_mock_exchange *exchange, struct kwire_string id, int64_t producer_id,
		     int16_t epoch, struct kw_mock_transaction **t)
{
	int16_t code = exchange->forced_code;

	if (code == 0)
		code = check_coordinator(exchange, id);
	if (code == 0)
		code = check_producer(exchange->mock, id, producer_id, epoch, t);
	/* Clients that do not know the newer word for it get the older. */
	return code == PRODUCER_FENCED && exchange->request.api_version < FENCED_FROM
		       ? INVALID_PRODUCER_EPOCH
		       : code;
}

void kw_mock_on_add_partitions_to_txn(struct kw_mock_exchange *exchange, const void *message)
{
	const struct kwire_add_partitions_to_txn_request *request = message;
	struct kwire_add_partitions_to_txn_response response =
		KWIRE_ADD_PARTITIONS_TO_TXN_RESPONSE_INIT;
	struct kwire_mock *mock = exchange->mock;
	struct kw_mock_transaction *t = NULL;
	int16_t code;

	if (exchange->request.api_version < BATCHED_FROM) {
		code = check(exchange, request->v3_and_below_transactional_id,
			     request->v3_and_below_producer_id,
			     request->v3_and_below_producer_epoch, &t);
		if (!KW_MOCK_ARRAY(mock, response.results_by_topic_v3_and_below,
				   request->v3_and_below_topics.count) ||
		    !add_topics(exchange, t, code, false, request->v3_and_below_topics.items,
				request->v3_and_below_topics.count,
				response.results_by_topic_v3_and_below.items))
			goto fail;
		kw_mock_finish(exchange, &response);
		return;
	}
	if (!KW_MOCK_ARRAY(mock, response.results_by_transaction, request->transactions.count))
		goto fail;
	for (int32_t i = 0; i < request->transactions.count; i++) {
		const struct kwire_add_partitions_to_txn_request_transaction
			*asked = &request->transactions.items[i];
		struct kwire_add_partitions_to_txn_response_results_by_transaction
			*item = &response.results_by_transaction.items[i];

		*item = (struct kwire_add_partitions_to_txn_response_results_by_transaction)
			KWIRE_ADD_PARTITIONS_TO_TXN_RESPONSE_RESULTS_BY_TRANSACTION_INIT;
		item->transactional_id = asked->transactional_id;
		code = check(exchange, asked->transactional_id, asked->producer_id,
			     asked->producer_epoch, &t);
		if (!KW_MOCK_ARRAY(mock, item->topic_results, asked->topics.count) ||
		    !add_topics(exchange, t, code, asked->verify_only, asked->topics.items,
				asked->topics.count, item->topic_results.items))
			goto fail;
	}
	kw_mock_finish(exchange, &response);
	return;
fail:
	kw_mock_give_up(exchange);
}

void kw_mock_on_add_offsets_to_txn(struct kw_mock_exchange *exchange, const void *message)
{
	const struct kwire_add_offsets_to_txn_request *request = message;
	struct kwire_add_offsets_to_txn_response response = KWIRE_ADD_OFFSETS_TO_TXN_RESPONSE_INIT;
	struct kw_mock_transaction *t;

	response.error_code = check(exchange, request->transactional_id, request->producer_id,
				    request->producer_epoch, &t);
	if (response.error_code == 0)
		response.error_code = enlist(t, request->group_id, GROUP);
	kw_mock_finish(exchange, &response);
}

void kw_mock_on_end_txn(struct kw_mock_exchange *exchange, const void *message)
{
	const struct kwire_end_txn_request *request = message;
	struct kwire_end_txn_response response = KWIRE_END_TXN_RESPONSE_INIT;
	struct kw_mock_transaction *t = NULL;
	enum kw_mock_transaction_state wanted = request->committed ? KW_MOCK_TRANSACTION_COMMITTED
								   : KW_MOCK_TRANSACTION_ABORTED;

	response.error_code = check(exchange, request->transactional_id, request->producer_id,
				    request->producer_epoch, &t);
	if (response.error_code == PRODUCER_FENCED && exchange->request.api_version >= BUMP_FROM &&
	    t != NULL && request->producer_epoch == t->producer_epoch - 1 &&
	    (t->state == KW_MOCK_TRANSACTION_COMMITTED ||
	     t->state == KW_MOCK_TRANSACTION_ABORTED)) {
		/* The end that raised the epoch, once more: its answer may have been lost. */
		response.error_code = t->state == wanted ? 0 : INVALID_TXN_STATE;
		if (response.error_code == 0) {
			response.producer_id = t->producer_id;
			response.producer_epoch = t->producer_epoch;
		}
		kw_mock_finish(exchange, &response);
		return;
	}
	if (response.error_code == 0) {
		if (t->state == KW_MOCK_TRANSACTION_ONGOING)
			end(t, request->committed);
		else if (t->state != wanted)
			response.error_code = INVALID_TXN_STATE;
	}
	if (response.error_code == 0 && exchange->request.api_version >= BUMP_FROM) {
		raise_epoch(t);
		response.producer_id = t->producer_id;
		response.producer_epoch = t->producer_epoch;
	}
	kw_mock_finish(exchange, &response);
}

void kw_mock_transactions_fini(struct kwire_mock *mock)
{
	struct kw_mock_transaction *t;

	while ((t = mock->transactions.first) != NULL) {
		mock->transactions.first = t->next;
		kw_mock_timer_cancel(&mock->loop, &t->timer);
		forget_enlisted(t);
		kw_free(t->id);
		kw_free(t);
	}
}
