/* SPDX-License-Identifier: Apache-2.0 */
/* See soak.h: the threads that call, and what each failure must say. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kwire/api/metadata.h>
#include <kwire/fetch.h>

#include "soak.h"

enum {
	RECORDS_PER_SECOND = 400, /* that one producer may make, at most */
	REQUEST_TIMED_OUT = 7,
	NOT_LEADER_OR_FOLLOWER = 6,
	NOT_ENOUGH_REPLICAS_AFTER_APPEND = 20,
};

const char *const soak_kind_names[SOAK_KINDS] = {"Metadata", "ListOffsets", "Produce", "Fetch"};

/* Whether a failure's parts agree with each other, and with the clock. */
static bool is_true(int result, const struct kwire_error *error, int64_t took_ms)
{
	if (error->result != result || result >= 0 || error->message[0] == '\0')
		return false;
	if (took_ms > SOAK_CALL_MS + SOAK_LATE_MS)
		return false;
	/* An answer of Kafka's was an answer; what was answered is not lost. */
	if (result == KWIRE_EKAFKA)
		return error->outcome == KWIRE_ANSWERED && error->kafka_code != 0;
	if (error->outcome == KWIRE_NOT_SENT)
		return error->phase != KWIRE_PHASE_DECODE;
	return true;
}

static void count(struct soak_worker *worker, int result, const struct kwire_error *error,
		  int64_t took_ms)
{
	worker->calls++;
	if (took_ms > worker->longest_ms)
		worker->longest_ms = took_ms;
	if (result == 0)
		return;
	worker->failed++;
	worker->by_outcome[error->outcome]++;
	if (!is_true(result, error, took_ms)) {
		if (worker->untrue++ == 0)
			worker->sample = *error;
	} else if (worker->untrue == 0) {
		worker->sample = *error;
	}
	/* A dead broker must not become a loop of failures. */
	soak_pause_ms(20);
}

static int ask_metadata(struct soak_worker *worker, struct kwire_error *error)
{
	struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_metadata_response *response = NULL;
	int result;

	options.timeout_ms = SOAK_CALL_MS;
	/* Every other one of a certain broker, dead or not. */
	options.broker_id = worker->calls % 2 == 0 ? -1 : 1 + (int32_t)(worker->calls / 2 % 3);
	result = kwire_send_metadata_with(worker->soak->client, &request, &response, &options,
					  error);
	kwire_response_free(response);
	return result;
}

static int ask_offset(struct soak_worker *worker, int32_t partition, struct kwire_error *error)
{
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_listed_offset offset;

	options.timeout_ms = SOAK_CALL_MS;
	return kwire_list_offset(worker->soak->client, worker->soak->topic, partition,
				 KWIRE_OFFSET_LATEST, KWIRE_READ_UNCOMMITTED, &offset, &options,
				 error);
}

static int fetch(struct soak_worker *worker, int32_t partition, int64_t *offset,
		 struct kwire_error *error)
{
	struct kwire_fetch_options options = KWIRE_FETCH_OPTIONS_INIT;
	struct kwire_fetched *fetched = NULL;
	struct kwire_record record;
	int result;

	options.timeout_ms = SOAK_CALL_MS;
	options.max_wait_ms = 100;
	options.partition_max_bytes = 65536;
	result = kwire_fetch_partition(worker->soak->client, worker->soak->topic, partition,
				       *offset, &options, &fetched, error);
	if (result == 0) {
		while (kwire_fetched_next(fetched, 0, &record, NULL) == 1)
			;
		*offset = kwire_fetched_partition(fetched, 0)->next_offset;
	}
	kwire_fetched_free(fetched);
	return result;
}

static enum soak_fate fate_of(int result, const struct kwire_error *error)
{
	if (result == 0)
		return SOAK_ANSWERED;
	if (error->outcome == KWIRE_NOT_SENT)
		return SOAK_NOT_THERE;
	if (error->outcome == KWIRE_MAYBE_APPLIED)
		return SOAK_PERHAPS;
	if (error->kafka_code == REQUEST_TIMED_OUT || error->kafka_code == NOT_LEADER_OR_FOLLOWER ||
	    error->kafka_code == NOT_ENOUGH_REPLICAS_AFTER_APPEND)
		return SOAK_REFUSED;
	return result == KWIRE_EKAFKA ? SOAK_NOT_THERE : SOAK_PERHAPS;
}

static int produce(struct soak_worker *worker, struct kwire_batch_builder *builder,
		   int32_t partition, struct kwire_error *error)
{
	struct kwire_produce_options options = KWIRE_PRODUCE_OPTIONS_INIT;
	struct soak_record *record = &worker->records[worker->record_count];
	struct kwire_produced produced;
	struct kwire_bytes batch, null = {NULL, 0};
	char text[64];
	int size = snprintf(text, sizeof(text), "%d %lld", worker->number,
			    (long long)worker->record_count);
	int result;

	options.timeout_ms = SOAK_CALL_MS;
	options.ack_timeout_ms = SOAK_CALL_MS / 2;
	if (kwire_batch_builder_begin(builder, NULL, error) != 0 ||
	    kwire_batch_builder_add(builder, -1, null, kwire_bytes_of(text, (size_t)size), NULL, 0,
				    error) != 0 ||
	    kwire_batch_builder_end(builder, &batch, error) != 0)
		abort(); /* the test's own fault */
	result = kwire_produce_batch(worker->soak->client, worker->soak->topic, partition, batch,
				     &options, &produced, error);
	record->partition = partition;
	record->fate = (uint8_t)fate_of(result, error);
	record->offset = result == 0 ? produced.base_offset : -1;
	worker->record_count++;
	soak_pause_ms(1000 / RECORDS_PER_SECOND);
	return result;
}

static void *work(void *context)
{
	struct soak_worker *worker = context;
	struct kwire_batch_builder *builder = NULL;
	int64_t offsets[SOAK_PARTITIONS] = {0};
	unsigned turn = (unsigned)worker->number;

	if (kwire_batch_builder_new(NULL, &builder, NULL) != 0)
		abort();
	while (!atomic_load(&worker->soak->stop)) {
		struct kwire_error error = KWIRE_ERROR_INIT;
		int32_t partition = (int32_t)(turn++ % SOAK_PARTITIONS);
		int64_t started_ms = soak_now_ms();
		int result = 0;

		switch (worker->kind) {
		case SOAK_METADATA:
			result = ask_metadata(worker, &error);
			break;
		case SOAK_OFFSETS:
			result = ask_offset(worker, partition, &error);
			break;
		case SOAK_PRODUCE:
			if (worker->record_count == worker->record_capacity) {
				soak_pause_ms(100);
				continue;
			}
			result = produce(worker, builder, partition, &error);
			break;
		default:
			result = fetch(worker, partition, &offsets[partition], &error);
		}
		count(worker, result, &error, soak_now_ms() - started_ms);
	}
	kwire_batch_builder_free(builder);
	return NULL;
}

bool soak_load_start(struct soak *soak, int64_t seconds)
{
	soak->workers = calloc((size_t)soak->thread_count, sizeof(*soak->workers));
	for (int i = 0; soak->workers != NULL && i < soak->thread_count; i++) {
		struct soak_worker *worker = &soak->workers[i];

		worker->soak = soak;
		worker->number = i;
		worker->kind = (enum soak_kind)(i % SOAK_KINDS);
		if (worker->kind == SOAK_PRODUCE) {
			worker->record_capacity = (seconds + 60) * RECORDS_PER_SECOND;
			worker->records = calloc((size_t)worker->record_capacity,
						 sizeof(*worker->records));
			if (worker->records == NULL)
				return false;
			/* All of it now, so that memory measured later is kwire's. */
			memset(worker->records, 0xff,
			       (size_t)worker->record_capacity * sizeof(*worker->records));
		}
		if (pthread_create(&worker->thread, NULL, work, worker) != 0)
			return false;
	}
	return soak->workers != NULL;
}

void soak_load_stop(struct soak *soak)
{
	atomic_store(&soak->stop, true);
	for (int i = 0; i < soak->thread_count; i++)
		pthread_join(soak->workers[i].thread, NULL);
}

void soak_load_free(struct soak *soak)
{
	for (int i = 0; i < soak->thread_count; i++)
		free(soak->workers[i].records);
	free(soak->workers);
}
