/* SPDX-License-Identifier: Apache-2.0 */
/* See log.h. */
#include "log.h"

#include <string.h>

#include <kwire/records.h>

#include "../protocol/endian.h"
#include "../records/batch.h"
#include "../records/crc.h"
#include "kafka_codes.h"

int16_t kw_mock_batch_read(const uint8_t *data, size_t size, struct kw_mock_batch_info *info)
{
	int32_t length;

	if (size < KW_BATCH_HEADER)
		return CORRUPT_MESSAGE;
	length = (int32_t)kw_load32(data + KW_BATCH_LENGTH);
	if (data[KW_BATCH_MAGIC] != 2 || length < KW_BATCH_HEADER - KW_BATCH_PREFIX)
		return CORRUPT_MESSAGE;
	/* Exactly one batch: what follows it would be another, which brokers refuse. */
	if ((size_t)length + KW_BATCH_PREFIX != size)
		return (size_t)length + KW_BATCH_PREFIX < size ? INVALID_RECORD : CORRUPT_MESSAGE;
	if (kw_crc32c(0, data + KW_BATCH_ATTRIBUTES, size - KW_BATCH_ATTRIBUTES) !=
	    kw_load32(data + KW_BATCH_CRC))
		return CORRUPT_MESSAGE;
	info->size = (int32_t)size;
	info->attributes = (int16_t)kw_load16(data + KW_BATCH_ATTRIBUTES);
	info->last_offset_delta = (int32_t)kw_load32(data + KW_BATCH_LAST_DELTA);
	info->base_timestamp = (int64_t)kw_load64(data + KW_BATCH_BASE_TIMESTAMP);
	info->max_timestamp = (int64_t)kw_load64(data + KW_BATCH_MAX_TIMESTAMP);
	info->producer_id = (int64_t)kw_load64(data + KW_BATCH_PRODUCER_ID);
	info->producer_epoch = (int16_t)kw_load16(data + KW_BATCH_PRODUCER_EPOCH);
	info->base_sequence = (int32_t)kw_load32(data + KW_BATCH_SEQUENCE);
	info->count = (int32_t)kw_load32(data + KW_BATCH_COUNT);
	if (info->count <= 0 || info->last_offset_delta != info->count - 1)
		return INVALID_RECORD;
	if (info->producer_id >= 0 && (info->base_sequence < 0 || info->producer_epoch < 0))
		return INVALID_RECORD;
	return 0;
}

static struct kw_mock_producer *producer_of(struct kw_mock_log *log, int64_t id)
{
	struct kw_mock_producer *producer = log->producers;

	while (producer != NULL && producer->id != id)
		producer = producer->next;
	return producer;
}

static struct kw_mock_producer *get_producer(struct kw_mock_log *log, int64_t id)
{
	struct kw_mock_producer *producer = producer_of(log, id);

	if (producer != NULL)
		return producer;
	producer = kw_zalloc(log->memory, sizeof(*producer));
	if (producer == NULL)
		return NULL;
	producer->id = id;
	producer->epoch = -1;
	producer->open_offset = -1;
	producer->next = log->producers;
	log->producers = producer;
	return producer;
}

static int32_t sequence_after(int32_t sequence, int32_t count)
{
	return (int32_t)(((int64_t)sequence + count) & INT32_MAX);
}

/* 0: append it; with `*repeated` it is there already. */
static int16_t check_sequence(const struct kw_mock_producer *producer,
			      const struct kw_mock_batch_info *info, bool *repeated,
			      int64_t *base_offset, int64_t *append_time)
{
	int32_t last = sequence_after(info->base_sequence, info->last_offset_delta);

	*repeated = false;
	if (info->producer_epoch < producer->epoch)
		return INVALID_PRODUCER_EPOCH;
	if (producer->epoch < 0 || producer->count == 0)
		return 0;
	if (info->producer_epoch > producer->epoch)
		return info->base_sequence == 0 ? 0 : OUT_OF_ORDER_SEQUENCE_NUMBER;
	for (int i = 0; i < producer->count; i++)
		if (producer->batches[i].first == info->base_sequence &&
		    producer->batches[i].last == last) {
			*repeated = true;
			*base_offset = producer->batches[i].base_offset;
			*append_time = producer->batches[i].max_timestamp;
			return 0;
		}
	if (info->base_sequence != sequence_after(producer->batches[producer->count - 1].last, 1))
		return OUT_OF_ORDER_SEQUENCE_NUMBER;
	return 0;
}

static void note_sequence(struct kw_mock_producer *producer, const struct kw_mock_batch_info *info,
			  int64_t base_offset, int64_t now_ms, int64_t max_timestamp)
{
	if (info->producer_epoch != producer->epoch)
		producer->count = 0;
	producer->epoch = info->producer_epoch;
	producer->last_timestamp = now_ms;
	if (producer->count == KW_MOCK_SEQUENCES) {
		memmove(producer->batches, producer->batches + 1,
			sizeof(producer->batches) - sizeof(producer->batches[0]));
		producer->count--;
	}
	producer->batches[producer->count].first = info->base_sequence;
	producer->batches[producer->count].last = sequence_after(info->base_sequence,
								 info->last_offset_delta);
	producer->batches[producer->count].base_offset = base_offset;
	producer->batches[producer->count].max_timestamp = max_timestamp;
	producer->count++;
}

/* Room for one more batch at the end. */
static struct kw_mock_batch *new_batch(struct kw_mock_log *log)
{
	struct kw_mock_batch *batches;
	size_t capacity;

	if (log->end == log->capacity && log->first > log->capacity / 2) {
		memmove(log->batches, log->batches + log->first,
			(log->end - log->first) * sizeof(*log->batches));
		log->end -= log->first;
		log->first = 0;
	}
	if (log->end == log->capacity) {
		capacity = log->capacity * 2 + 8;
		batches = kw_realloc(log->memory, log->batches, capacity * sizeof(*batches));
		if (batches == NULL)
			return NULL;
		log->batches = batches;
		log->capacity = capacity;
	}
	return &log->batches[log->end];
}

/* A new leader's first batch begins its epoch. */
static bool note_epoch(struct kw_mock_log *log, int32_t epoch)
{
	struct kw_mock_epoch *epochs;
	size_t capacity;

	if (log->epoch_count > 0 && log->epochs[log->epoch_count - 1].epoch >= epoch)
		return true;
	if (log->epoch_count == log->epoch_capacity) {
		capacity = log->epoch_capacity * 2 + 4;
		epochs = kw_realloc(log->memory, log->epochs, capacity * sizeof(*epochs));
		if (epochs == NULL)
			return false;
		log->epochs = epochs;
		log->epoch_capacity = capacity;
	}
	log->epochs[log->epoch_count].epoch = epoch;
	log->epochs[log->epoch_count].start_offset = log->end_offset;
	log->epoch_count++;
	return true;
}

int16_t kw_mock_log_append(struct kw_mock_log *log, const uint8_t *data,
			   const struct kw_mock_batch_info *info, int32_t leader_epoch,
			   int64_t now_ms, int64_t *append_time, int64_t *base_offset)
{
	struct kw_mock_producer *producer = NULL;
	struct kw_mock_batch *batch;
	bool control = (info->attributes & KW_ATTRIBUTE_CONTROL) != 0;
	bool repeated = false;
	int16_t code;
	uint8_t *copy;

	if (info->producer_id >= 0) {
		producer = get_producer(log, info->producer_id);
		if (producer == NULL)
			return KAFKA_STORAGE_ERROR;
		code = control ? 0
			       : check_sequence(producer, info, &repeated, base_offset,
						append_time);
		if (code != 0 || repeated)
			return code;
	}
	batch = new_batch(log);
	copy = kw_alloc(log->memory, (size_t)info->size);
	if (batch == NULL || copy == NULL || !note_epoch(log, leader_epoch)) {
		kw_free(copy);
		return KAFKA_STORAGE_ERROR;
	}
	memcpy(copy, data, (size_t)info->size);
	*base_offset = log->end_offset;
	kw_store64(copy + KW_BATCH_OFFSET, (uint64_t)log->end_offset);
	kw_store32(copy + KW_BATCH_EPOCH, (uint32_t)leader_epoch);
	if (*append_time >= 0) {
		kw_store16(copy + KW_BATCH_ATTRIBUTES,
			   (uint16_t)(info->attributes | KW_ATTRIBUTE_LOG_APPEND_TIME));
		kw_store64(copy + KW_BATCH_MAX_TIMESTAMP, (uint64_t)*append_time);
		kw_store32(copy + KW_BATCH_CRC,
			   kw_crc32c(0, copy + KW_BATCH_ATTRIBUTES,
				     (size_t)info->size - KW_BATCH_ATTRIBUTES));
	}
	batch->base_offset = log->end_offset;
	batch->last_offset = log->end_offset + info->last_offset_delta;
	batch->max_timestamp = *append_time >= 0 ? *append_time : info->max_timestamp;
	batch->producer_id = info->producer_id;
	batch->leader_epoch = leader_epoch;
	batch->size = info->size;
	batch->transactional = (info->attributes & KW_ATTRIBUTE_TRANSACTIONAL) != 0;
	batch->control = control;
	batch->data = copy;
	log->end++;
	log->end_offset = batch->last_offset + 1;
	log->bytes += info->size;
	if (producer != NULL && !control) {
		note_sequence(producer, info, *base_offset, now_ms, batch->max_timestamp);
		if (batch->transactional && producer->open_offset < 0)
			producer->open_offset = *base_offset;
	}
	return 0;
}

static bool note_aborted(struct kw_mock_log *log, int64_t producer_id, int64_t first, int64_t last)
{
	struct kw_mock_aborted *aborted;
	size_t capacity;

	if (log->aborted_count == log->aborted_capacity) {
		capacity = log->aborted_capacity * 2 + 4;
		aborted = kw_realloc(log->memory, log->aborted, capacity * sizeof(*aborted));
		if (aborted == NULL)
			return false;
		log->aborted = aborted;
		log->aborted_capacity = capacity;
	}
	log->aborted[log->aborted_count].producer_id = producer_id;
	log->aborted[log->aborted_count].first_offset = first;
	log->aborted[log->aborted_count].last_offset = last;
	log->aborted_count++;
	return true;
}

int kw_mock_log_end_transaction(struct kw_mock_log *log, int64_t producer_id,
				int16_t producer_epoch, bool committed, int32_t coordinator_epoch,
				int32_t leader_epoch, int64_t now_ms)
{
	struct kwire_batch_options options = KWIRE_BATCH_OPTIONS_INIT;
	struct kwire_batch_builder *builder = NULL;
	struct kw_mock_producer *producer = get_producer(log, producer_id);
	struct kw_mock_batch_info info;
	struct kwire_bytes marker;
	int64_t append_time = -1;
	int64_t offset;
	int result = KWIRE_ENOMEM;

	if (producer == NULL)
		return result;
	options.producer_id = producer_id;
	options.producer_epoch = producer_epoch;
	options.transactional = true;
	options.control = true;
	if (kwire_batch_builder_new(NULL, &builder, NULL) == 0 &&
	    kwire_batch_builder_begin(builder, &options, NULL) == 0 &&
	    kwire_batch_builder_control(builder, now_ms,
					committed ? KWIRE_CONTROL_COMMIT : KWIRE_CONTROL_ABORT,
					coordinator_epoch, NULL) == 0 &&
	    kwire_batch_builder_end(builder, &marker, NULL) == 0) {
		memset(&info, 0, sizeof(info));
		info.size = marker.size;
		info.attributes = KW_ATTRIBUTE_TRANSACTIONAL | KW_ATTRIBUTE_CONTROL;
		info.count = 1;
		info.base_timestamp = info.max_timestamp = now_ms;
		info.producer_id = producer_id;
		info.producer_epoch = producer_epoch;
		if (kw_mock_log_append(log, marker.data, &info, leader_epoch, now_ms, &append_time,
				       &offset) == 0 &&
		    (committed || producer->open_offset < 0 ||
		     note_aborted(log, producer_id, producer->open_offset, offset))) {
			producer->open_offset = -1;
			if (producer_epoch > producer->epoch) {
				producer->epoch = producer_epoch;
				producer->count = 0;
			}
			result = KWIRE_OK;
		}
	}
	kwire_batch_builder_free(builder);
	return result;
}

int64_t kw_mock_log_stable_offset(const struct kw_mock_log *log)
{
	int64_t stable = log->end_offset;

	for (const struct kw_mock_producer *p = log->producers; p != NULL; p = p->next)
		if (p->open_offset >= 0 && p->open_offset < stable)
			stable = p->open_offset;
	return stable;
}

static void drop_first(struct kw_mock_log *log)
{
	struct kw_mock_batch *batch = &log->batches[log->first++];

	log->bytes -= batch->size;
	kw_free(batch->data);
	batch->data = NULL;
	if (log->first == log->end)
		log->first = log->end = 0;
}

/* What nobody can read any more need not be known. */
static void forget_aborted(struct kw_mock_log *log)
{
	size_t kept = 0;

	for (size_t i = 0; i < log->aborted_count; i++)
		if (log->aborted[i].last_offset >= log->start_offset)
			log->aborted[kept++] = log->aborted[i];
	log->aborted_count = kept;
}

void kw_mock_log_delete_before(struct kw_mock_log *log, int64_t offset)
{
	if (offset <= log->start_offset)
		return;
	log->start_offset = offset;
	while (log->first < log->end && log->batches[log->first].last_offset < offset)
		drop_first(log);
	forget_aborted(log);
}

bool kw_mock_log_delete_oldest(struct kw_mock_log *log)
{
	int64_t next;

	if (log->first == log->end)
		return false;
	next = log->batches[log->first].last_offset + 1;
	drop_first(log);
	if (next > log->start_offset)
		log->start_offset = next;
	forget_aborted(log);
	return true;
}

size_t kw_mock_log_seek(const struct kw_mock_log *log, int64_t offset)
{
	size_t low = log->first;
	size_t high = log->end;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (log->batches[middle].last_offset < offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int64_t kw_mock_log_epoch_end(const struct kw_mock_log *log, int32_t epoch, int32_t *found)
{
	*found = -1;
	for (size_t i = log->epoch_count; i-- > 0;)
		if (log->epochs[i].epoch <= epoch) {
			*found = log->epochs[i].epoch;
			return i + 1 < log->epoch_count ? log->epochs[i + 1].start_offset
							: log->end_offset;
		}
	return -1;
}

int32_t kw_mock_log_epoch_at(const struct kw_mock_log *log, int64_t offset)
{
	for (size_t i = log->epoch_count; i-- > 0;)
		if (log->epochs[i].start_offset <= offset)
			return log->epochs[i].epoch;
	return -1;
}

void kw_mock_log_fini(struct kw_mock_log *log)
{
	struct kw_mock_producer *producer;

	for (size_t i = log->first; i < log->end; i++)
		kw_free(log->batches[i].data);
	kw_free(log->batches);
	while ((producer = log->producers) != NULL) {
		log->producers = producer->next;
		kw_free(producer);
	}
	kw_free(log->aborted);
	kw_free(log->epochs);
}
