/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fetch: what there is, or a long poll until there is enough.  Every request
 * stands for itself: the mock keeps no fetch sessions, as brokers may.
 */
#include <kwire/api/fetch.h>

#include "behaviour.h"

enum {
	IDS_FROM = 13,
	ZSTD_FROM = 10,
	LEADERS_FROM = 16,
	READ_COMMITTED = 1,
};

/* A long poll. */
struct kw_mock_fetch {
	struct kw_mock_timer timer; /* first */
	struct kw_mock_fetch *next;
	struct kw_mock_exchange *exchange;
};

/* What one partition has for a fetch. */
struct found {
	int16_t code;
	struct kw_mock_partition *partition;
	size_t first; /* batches [first, end) */
	size_t end;
	int64_t bytes;
	int64_t limit; /* offset up to which may be read */
	int32_t diverging_epoch;
	int64_t diverging_end;
};

static struct found look(struct kw_mock_exchange *exchange,
			 const struct kwire_fetch_request *request,
			 const struct kwire_fetch_request_topic *topic,
			 const struct kwire_fetch_request_topic_partition *asked, int64_t room,
			 bool any)
{
	struct found found = {0};
	struct kw_mock_topic *t = kw_mock_topic_of(exchange->mock, topic->topic, topic->topic_id);
	struct kw_mock_log *log;
	int32_t epoch;

	found.diverging_epoch = -1;
	found.code = exchange->forced_code;
	if (found.code == 0 && t == NULL)
		found.code = exchange->request.api_version >= IDS_FROM ? UNKNOWN_TOPIC_ID
								       : UNKNOWN_TOPIC_OR_PARTITION;
	if (found.code == 0)
		found.code = kw_mock_partition_at(exchange->mock, exchange->request.broker_id, t,
						  asked->partition, asked->current_leader_epoch,
						  &found.partition);
	if (found.code != 0)
		return found;
	log = &found.partition->log;
	if (asked->last_fetched_epoch > found.partition->leader_epoch) {
		found.code = OFFSET_OUT_OF_RANGE;
		return found;
	}
	if (asked->last_fetched_epoch >= 0) {
		found.diverging_end = kw_mock_log_epoch_end(log, asked->last_fetched_epoch, &epoch);
		if (epoch >= 0 && (epoch < asked->last_fetched_epoch ||
				   found.diverging_end < asked->fetch_offset)) {
			found.diverging_epoch = epoch;
			return found;
		}
	}
	if (asked->fetch_offset < log->start_offset || asked->fetch_offset > log->end_offset) {
		found.code = OFFSET_OUT_OF_RANGE;
		return found;
	}
	found.limit = request->isolation_level == READ_COMMITTED ? kw_mock_log_stable_offset(log)
								 : log->end_offset;
	if (room > asked->partition_max_bytes)
		room = asked->partition_max_bytes;
	found.first = found.end = kw_mock_log_seek(log, asked->fetch_offset);
	while (found.end < log->end && log->batches[found.end].base_offset < found.limit) {
		int32_t size = log->batches[found.end].size;

		/* The first batch of an answer is whole, whatever its size. */
		if (found.bytes + size > room && (any || found.bytes > 0))
			break;
		found.bytes += size;
		found.end++;
	}
	return found;
}

/* Bytes that an answer would have now, and whether it has something else to say. */
static int64_t available(struct kw_mock_exchange *exchange,
			 const struct kwire_fetch_request *request, bool *at_once)
{
	int64_t bytes = 0;

	*at_once = exchange->forced_code != 0;
	for (int32_t i = 0; i < request->topics.count; i++)
		for (int32_t k = 0; k < request->topics.items[i].partitions.count; k++) {
			struct found found = look(exchange, request, &request->topics.items[i],
						  &request->topics.items[i].partitions.items[k],
						  request->max_bytes - bytes, bytes > 0);

			bytes += found.bytes;
			*at_once = *at_once || found.code != 0 || found.diverging_epoch >= 0;
		}
	return bytes;
}

static bool put_records(struct kwire_mock *mock, const struct found *found,
			struct kwire_bytes *records)
{
	const struct kw_mock_log *log = &found->partition->log;
	uint8_t *data;
	size_t at = 0;

	*records = kwire_bytes_of("", 0);
	if (found->end - found->first == 1) {
		*records = kwire_bytes_of(log->batches[found->first].data, (size_t)found->bytes);
		return true;
	}
	data = kw_mock_scratch(mock, (size_t)found->bytes + 1, 1);
	if (data == NULL)
		return false;
	for (size_t i = found->first; i < found->end; i++) {
		memcpy(data + at, log->batches[i].data, (size_t)log->batches[i].size);
		at += (size_t)log->batches[i].size;
	}
	*records = kwire_bytes_of(data, at);
	return true;
}

static bool put_aborted(struct kwire_mock *mock, const struct found *found, int64_t from,
			struct kwire_fetch_response_response_partition *item)
{
	const struct kw_mock_log *log = &found->partition->log;
	int64_t until = found->end > found->first ? log->batches[found->end - 1].last_offset : from;

	if (!KW_MOCK_ARRAY(mock, item->aborted_transactions, (int32_t)log->aborted_count))
		return false;
	item->aborted_transactions.count = 0;
	for (size_t i = 0; i < log->aborted_count; i++) {
		struct kwire_fetch_response_response_partition_aborted_transaction *aborted =
			&item->aborted_transactions.items[item->aborted_transactions.count];

		if (log->aborted[i].last_offset < from || log->aborted[i].first_offset > until)
			continue;
		*aborted = (struct kwire_fetch_response_response_partition_aborted_transaction)
			KWIRE_FETCH_RESPONSE_RESPONSE_PARTITION_ABORTED_TRANSACTION_INIT;
		aborted->producer_id = log->aborted[i].producer_id;
		aborted->first_offset = log->aborted[i].first_offset;
		item->aborted_transactions.count++;
	}
	return true;
}

static bool put_partition(struct kw_mock_exchange *exchange,
			  const struct kwire_fetch_request *request,
			  const struct kwire_fetch_request_topic_partition *asked,
			  const struct found *found,
			  struct kwire_fetch_response_response_partition *item)
{
	*item = (struct kwire_fetch_response_response_partition)
		KWIRE_FETCH_RESPONSE_RESPONSE_PARTITION_INIT;
	item->partition_index = asked->partition;
	item->error_code = found->code;
	item->high_watermark = -1;
	item->records = kwire_bytes_of("", 0);
	/* Null, as there are none; Kafka has an empty list of a partition that it does not know. */
	item->aborted_transactions.count = found->code == UNKNOWN_TOPIC_OR_PARTITION ||
							   found->code == UNKNOWN_TOPIC_ID
						   ? 0
						   : -1;
	if (found->code == NOT_LEADER_OR_FOLLOWER || found->code == FENCED_LEADER_EPOCH) {
		/* A code that a test forced may be of a partition that is not there. */
		if (exchange->request.api_version >= LEADERS_FROM && found->partition != NULL) {
			item->current_leader.leader_id = found->partition->leader_id;
			item->current_leader.leader_epoch = found->partition->leader_epoch;
		}
		return true;
	}
	if (found->code != 0)
		return true;
	item->high_watermark = found->partition->log.end_offset;
	item->last_stable_offset = kw_mock_log_stable_offset(&found->partition->log);
	item->log_start_offset = found->partition->log.start_offset;
	if (found->diverging_epoch >= 0) {
		item->diverging_epoch.epoch = found->diverging_epoch;
		item->diverging_epoch.end_offset = found->diverging_end;
		return true;
	}
	if (found->bytes > 0 && !put_records(exchange->mock, found, &item->records))
		return false;
	return request->isolation_level != READ_COMMITTED ||
	       put_aborted(exchange->mock, found, asked->fetch_offset, item);
}

/* Whether some partition's answer names this broker as its leader. */
static bool named(const struct kwire_fetch_response *response, int32_t broker_id)
{
	for (int32_t i = 0; i < response->responses.count; i++)
		for (int32_t k = 0; k < response->responses.items[i].partitions.count; k++)
			if (response->responses.items[i]
				    .partitions.items[k]
				    .current_leader.leader_id == broker_id)
				return true;
	return false;
}

/* Where those leaders are to be found. */
static bool put_endpoints(struct kwire_mock *mock, struct kwire_fetch_response *response)
{
	if (!KW_MOCK_ARRAY(mock, response->node_endpoints, mock->broker_count))
		return false;
	response->node_endpoints.count = 0;
	for (struct kw_mock_broker *b = mock->brokers; b != NULL; b = b->next) {
		struct kwire_fetch_response_node_endpoint
			*item = &response->node_endpoints.items[response->node_endpoints.count];

		if (!b->up || !named(response, b->id))
			continue;
		*item = (struct kwire_fetch_response_node_endpoint)
			KWIRE_FETCH_RESPONSE_NODE_ENDPOINT_INIT;
		item->node_id = b->id;
		item->host = kwire_string(kw_mock_host(mock));
		item->port = b->port;
		response->node_endpoints.count++;
	}
	return true;
}

static void answer(struct kw_mock_exchange *exchange, const struct kwire_fetch_request *request)
{
	struct kwire_fetch_response response = KWIRE_FETCH_RESPONSE_INIT;
	struct kwire_mock *mock = exchange->mock;
	int64_t bytes = 0;
	bool moved = false;

	if (!KW_MOCK_ARRAY(mock, response.responses, request->topics.count))
		goto fail;
	for (int32_t i = 0; i < request->topics.count; i++) {
		const struct kwire_fetch_request_topic *asked = &request->topics.items[i];
		struct kwire_fetch_response_response *item = &response.responses.items[i];

		*item = (struct kwire_fetch_response_response)KWIRE_FETCH_RESPONSE_RESPONSE_INIT;
		item->topic = asked->topic;
		item->topic_id = asked->topic_id;
		if (!KW_MOCK_ARRAY(mock, item->partitions, asked->partitions.count))
			goto fail;
		for (int32_t k = 0; k < asked->partitions.count; k++) {
			struct found found = look(exchange, request, asked,
						  &asked->partitions.items[k],
						  request->max_bytes - bytes, bytes > 0);

			bytes += found.bytes;
			if (!put_partition(exchange, request, &asked->partitions.items[k], &found,
					   &item->partitions.items[k]))
				goto fail;
			moved = moved || item->partitions.items[k].current_leader.leader_id >= 0;
		}
	}
	if (moved && !put_endpoints(mock, &response))
		goto fail;
	kw_mock_finish(exchange, &response);
	return;
fail:
	kw_mock_give_up(exchange);
}

static void unlink_fetch(struct kw_mock_fetch *fetch)
{
	struct kwire_mock *mock = fetch->exchange->mock;
	struct kw_mock_fetch **link = &mock->topics.fetches;

	while (*link != fetch)
		link = &(*link)->next;
	*link = fetch->next;
	kw_mock_timer_cancel(&mock->loop, &fetch->timer);
	kw_free(fetch);
}

static void cancel(struct kw_mock_exchange *exchange)
{
	unlink_fetch(exchange->parking);
}

static void end_poll(struct kw_mock_fetch *fetch)
{
	struct kw_mock_exchange *exchange = fetch->exchange;
	struct kwire_mock *mock = exchange->mock;

	kw_mock_enter(mock);
	unlink_fetch(fetch);
	answer(exchange, exchange->request.message);
	kw_mock_unpark(exchange);
	kw_mock_leave(mock);
}

static void waited_enough(struct kw_mock_timer *timer)
{
	end_poll((struct kw_mock_fetch *)timer);
}

void kw_mock_fetches_wake(struct kwire_mock *mock)
{
	struct kw_mock_fetch *next;
	bool at_once;

	/* Ending one never touches another. */
	for (struct kw_mock_fetch *fetch = mock->topics.fetches; fetch != NULL; fetch = next) {
		const struct kwire_fetch_request *request = fetch->exchange->request.message;

		next = fetch->next;
		if (available(fetch->exchange, request, &at_once) >= request->min_bytes || at_once)
			end_poll(fetch);
	}
}

static void start_poll(struct kw_mock_exchange *exchange, int32_t wait_ms)
{
	struct kwire_mock *mock = exchange->mock;
	struct kw_mock_fetch *fetch = kw_zalloc(mock->memory, sizeof(*fetch));
	struct kw_mock_fetch **last = &mock->topics.fetches;

	if (fetch == NULL || kw_mock_timer_arm(&mock->loop, &fetch->timer,
					       kw_mock_loop_now(&mock->loop) + wait_ms) != 0) {
		kw_free(fetch);
		kw_mock_give_up(exchange);
		return;
	}
	fetch->timer.fire = waited_enough;
	fetch->exchange = exchange;
	while (*last != NULL)
		last = &(*last)->next;
	*last = fetch;
	kw_mock_park(exchange, fetch, cancel);
}

void kw_mock_on_fetch(struct kw_mock_exchange *exchange, const void *message)
{
	const struct kwire_fetch_request *request = message;
	bool at_once;

	if (exchange->forced_code == 0 && request->session_id != 0) {
		struct kwire_fetch_response response = KWIRE_FETCH_RESPONSE_INIT;

		response.error_code = FETCH_SESSION_ID_NOT_FOUND;
		kw_mock_finish(exchange, &response);
		return;
	}
	if (available(exchange, request, &at_once) >= request->min_bytes || at_once ||
	    request->max_wait_ms <= 0)
		answer(exchange, request);
	else
		start_poll(exchange, request->max_wait_ms);
}
