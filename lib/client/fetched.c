/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See fetched.h.  Records come straight out of the response.  The filter of
 * READ_COMMITTED follows Kafka's own consumer: a transaction counts as begun to
 * abort at the batch that reaches its first offset, and as ended at its abort
 * marker; data batches of its producer in between are passed over.
 */
#include "fetched.h"

#include <string.h>

#include "../base/error.h"
#include "../records/varint.h"

/* Everything of the last response; the buffers stay. */
static void clear(struct kwire_fetched *fetched)
{
	const struct kwire_bytes none = {NULL, 0};

	kwire_batch_reader_start(fetched->reader, none);
	kwire_response_free(fetched->response);
	fetched->response = NULL;
	fetched->current = -1;
	fetched->keep = false;
	while (fetched->kept_count > 0)
		kw_free(fetched->kept[--fetched->kept_count]);
}

void kwire_fetched_free(struct kwire_fetched *fetched)
{
	struct kw_memory *memory;

	if (fetched == NULL)
		return;
	memory = fetched->memory;
	clear(fetched);
	for (int32_t i = 0; i < fetched->room; i++)
		kw_free(fetched->slots[i].aborting);
	kw_free(fetched->slots);
	kw_free(fetched->kept);
	kwire_batch_reader_free(fetched->reader);
	kw_free(fetched);
	kw_memory_put(memory);
}

static int make(struct kw_memory *memory, int64_t decompressed_max_bytes,
		struct kwire_fetched **fetched, struct kwire_error *error)
{
	struct kwire_reader_options options = KWIRE_READER_OPTIONS_INIT;
	struct kwire_fetched *made = kw_zalloc(memory, sizeof(*made));
	int result;

	if (made == NULL)
		return kw_fail_memory(error);
	options.decompressed_max_bytes = decompressed_max_bytes;
	result = kw_batch_reader_new(memory, &options, &made->reader, error);
	if (result != 0) {
		kw_free(made);
		return result;
	}
	made->memory = kw_memory_get(memory);
	*fetched = made;
	return 0;
}

static bool make_room(struct kwire_fetched *fetched, int32_t count)
{
	struct kw_fetched_slot *slots;

	if (count <= fetched->room)
		return true;
	slots = kw_realloc(fetched->memory, fetched->slots, (size_t)count * sizeof(*slots));
	if (slots == NULL)
		return false;
	memset(slots + fetched->room, 0, (size_t)(count - fetched->room) * sizeof(*slots));
	fetched->slots = slots;
	fetched->room = count;
	return true;
}

static void begin_slot(struct kw_fetched_slot *slot, const struct kwire_fetch_target *target)
{
	struct kwire_fetched_partition *facts = &slot->facts;

	memset(facts, 0, sizeof(*facts));
	memcpy(slot->topic, target->topic, strlen(target->topic) + 1);
	slot->topic_id = facts->topic_id = target->topic_id;
	facts->topic = slot->topic;
	facts->partition = target->partition;
	facts->kafka_code = -1;
	facts->offset = facts->next_offset = target->offset;
	facts->high_watermark = facts->last_stable_offset = facts->log_start_offset = -1;
	facts->leader_id = facts->leader_epoch = facts->preferred_replica = -1;
	facts->diverging_epoch = -1;
	facts->diverging_end_offset = -1;
	slot->records.data = slot->at = NULL;
	slot->records.size = 0;
	slot->in_batch = slot->left_out = false;
	slot->aborted_count = slot->aborting_count = 0;
}

int kw_fetched_begin(struct kw_memory *memory, const struct kwire_fetch_target *targets,
		     int32_t count, const struct kwire_fetch_options *options,
		     int64_t decompressed_max_bytes, struct kwire_fetched **fetched,
		     struct kwire_error *error)
{
	int result;

	for (int32_t i = 0; i < count; i++)
		if (targets[i].topic == NULL || strlen(targets[i].topic) > KW_TOPIC_MAX)
			return kw_fail(error, KWIRE_EINVAL,
				       "a topic's name has 1 to 249 characters");
	if (*fetched == NULL) {
		result = make(memory, decompressed_max_bytes, fetched, error);
		if (result != 0)
			return result;
	}
	clear(*fetched);
	(*fetched)->count = 0;
	if (!make_room(*fetched, count))
		return kw_fail_memory(error);
	(*fetched)->reader->check_crcs = options->check_crcs;
	(*fetched)->committed = options->isolation == KWIRE_READ_COMMITTED;
	for (int32_t i = 0; i < count; i++)
		begin_slot(&(*fetched)->slots[i], &targets[i]);
	(*fetched)->count = count;
	return 0;
}

/* Counts what came without reading it: how much, and whether something was cut off. */
static void measure(struct kw_fetched_slot *slot)
{
	const uint8_t *p = slot->records.data;
	size_t left = p == NULL ? 0 : (size_t)slot->records.size, whole = 0;

	slot->facts.bytes = (int64_t)left;
	while (left > 0) {
		int64_t size = KW_BATCH_LEAST;

		if (left >= KW_BATCH_PREFIX) {
			int32_t length = (int32_t)kw_load_be32(p + KW_BATCH_LENGTH);

			if (length < KW_MESSAGE_LEAST)
				return; /* corrupt: for the reader to say */
			size = (int64_t)length + KW_BATCH_PREFIX;
		}
		if (left < KW_BATCH_PREFIX || (uint64_t)size > left) {
			slot->facts.cut_off = true;
			if (whole == 0)
				slot->facts.too_large_bytes = size;
			return;
		}
		whole++;
		p += size;
		left -= (size_t)size;
	}
}

/* Lets the transaction at `i` sink to its place in the heap. */
static void sink(struct kw_fetched_slot *slot, int32_t i)
{
	struct kwire_fetch_response_response_partition_aborted_transaction *heap = slot->aborted;

	for (;;) {
		int32_t least = i, child = 2 * i + 1;

		for (int32_t c = child; c < child + 2 && c < slot->aborted_count; c++)
			if (heap[c].first_offset < heap[least].first_offset)
				least = c;
		if (least == i)
			return;
		struct kwire_fetch_response_response_partition_aborted_transaction other = heap[i];

		heap[i] = heap[least];
		heap[least] = other;
		i = least;
	}
}

static void fill_slot(struct kwire_fetched *fetched, struct kw_fetched_slot *slot,
		      struct kwire_fetch_response_response_partition *from)
{
	struct kwire_fetched_partition *facts = &slot->facts;

	facts->kafka_code = from->error_code;
	facts->high_watermark = from->high_watermark;
	facts->last_stable_offset = from->last_stable_offset;
	facts->log_start_offset = from->log_start_offset;
	facts->leader_id = from->current_leader.leader_id;
	facts->leader_epoch = from->current_leader.leader_epoch;
	facts->preferred_replica = from->preferred_read_replica;
	facts->diverging_epoch = from->diverging_epoch.epoch;
	facts->diverging_end_offset = from->diverging_epoch.end_offset;
	if (from->error_code != 0)
		return;
	slot->records = from->records;
	slot->at = from->records.data;
	measure(slot);
	if (!fetched->committed || from->aborted_transactions.count <= 0)
		return;
	slot->aborted = from->aborted_transactions.items;
	slot->aborted_count = from->aborted_transactions.count;
	for (int32_t i = slot->aborted_count / 2; i-- > 0;)
		sink(slot, i);
}

void kw_fetched_fill(struct kwire_fetched *fetched, struct kwire_fetch_response *response)
{
	fetched->response = response;
	for (int32_t t = 0; t < response->responses.count; t++) {
		struct kwire_fetch_response_response *topic = &response->responses.items[t];

		for (int32_t i = 0; i < fetched->count; i++) {
			struct kw_fetched_slot *slot = &fetched->slots[i];

			/* A name up to version 12, an id from 13 on. */
			if (topic->topic.size > 0 ? !kwire_string_equal(topic->topic, slot->topic)
						  : memcmp(&topic->topic_id, &slot->topic_id,
							   sizeof(slot->topic_id)) != 0)
				continue;
			for (int32_t p = 0; p < topic->partitions.count; p++)
				if (topic->partitions.items[p].partition_index ==
				    slot->facts.partition)
					fill_slot(fetched, slot, &topic->partitions.items[p]);
		}
	}
}

int32_t kwire_fetched_count(const struct kwire_fetched *fetched)
{
	return fetched == NULL ? 0 : fetched->count;
}

const struct kwire_fetched_partition *kwire_fetched_partition(const struct kwire_fetched *fetched,
							      int32_t index)
{
	if (fetched == NULL || index < 0 || index >= fetched->count)
		return NULL;
	return &fetched->slots[index].facts;
}

/* Where `producer_id` is, or would be, among those aborting. */
static int32_t place_of(const struct kw_fetched_slot *slot, int64_t producer_id)
{
	int32_t low = 0, high = slot->aborting_count;

	while (low < high) {
		int32_t middle = low + (high - low) / 2;

		if (slot->aborting[middle] < producer_id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_aborting(const struct kw_fetched_slot *slot, int64_t producer_id)
{
	int32_t place = place_of(slot, producer_id);

	return place < slot->aborting_count && slot->aborting[place] == producer_id;
}

static void stop_aborting(struct kw_fetched_slot *slot, int64_t producer_id)
{
	int32_t place = place_of(slot, producer_id);

	if (place == slot->aborting_count || slot->aborting[place] != producer_id)
		return;
	slot->aborting_count--;
	memmove(slot->aborting + place, slot->aborting + place + 1,
		(size_t)(slot->aborting_count - place) * sizeof(*slot->aborting));
}

static int start_aborting(struct kwire_fetched *fetched, struct kw_fetched_slot *slot,
			  int64_t producer_id, struct kwire_error *error)
{
	int32_t place = place_of(slot, producer_id);

	if (place < slot->aborting_count && slot->aborting[place] == producer_id)
		return 0;
	if (slot->aborting_count == slot->aborting_room) {
		int32_t room = slot->aborting_room == 0 ? 16 : slot->aborting_room * 2;
		int64_t *more = kw_realloc(fetched->memory, slot->aborting,
					   (size_t)room * sizeof(*more));

		if (more == NULL)
			return kw_fail_memory(error);
		slot->aborting = more;
		slot->aborting_room = room;
	}
	memmove(slot->aborting + place + 1, slot->aborting + place,
		(size_t)(slot->aborting_count - place) * sizeof(*slot->aborting));
	slot->aborting[place] = producer_id;
	slot->aborting_count++;
	return 0;
}

/* Begins the aborts of all transactions that start up to the batch's end. */
static int begin_aborts(struct kwire_fetched *fetched, struct kw_fetched_slot *slot,
			const struct kwire_batch *batch, struct kwire_error *error)
{
	while (slot->aborted_count > 0 && slot->aborted[0].first_offset <= batch->last_offset) {
		int result = start_aborting(fetched, slot, slot->aborted[0].producer_id, error);

		if (result != 0)
			return result;
		slot->aborted[0] = slot->aborted[--slot->aborted_count];
		sink(slot, 0);
	}
	return 0;
}

/* Looks at the one record of a control batch: does it end an aborted transaction? */
static int read_marker(struct kwire_fetched *fetched, struct kw_fetched_slot *slot,
		       const struct kwire_batch *batch, struct kwire_error *error)
{
	struct kwire_control control;
	struct kwire_record record;
	int result = kwire_batch_reader_record(fetched->reader, &record, error);

	if (result <= 0)
		return result;
	result = kwire_control_read(&record, &control, error);
	if (result == 0 && control.type == KWIRE_CONTROL_ABORT)
		stop_aborting(slot, batch->producer_id);
	return result;
}

static void move_to(struct kw_fetched_slot *slot, int64_t offset)
{
	if (offset > slot->facts.next_offset)
		slot->facts.next_offset = offset;
}

/* Passes over the batch, or enters it: 0 in both cases. */
static int enter(struct kwire_fetched *fetched, struct kw_fetched_slot *slot,
		 const struct kwire_batch *batch, struct kwire_error *error)
{
	int result;

	if (fetched->committed && batch->producer_id >= 0) {
		result = begin_aborts(fetched, slot, batch, error);
		if (result != 0)
			return result;
		if (batch->control) {
			result = read_marker(fetched, slot, batch, error);
			if (result != 0)
				return result;
		}
	}
	slot->batch_end = batch->last_offset + 1;
	if (batch->control || slot->batch_end <= slot->facts.next_offset ||
	    (fetched->committed && batch->transactional && is_aborting(slot, batch->producer_id)))
		move_to(slot, slot->batch_end);
	else
		slot->in_batch = true;
	return 0;
}

/* Puts the reader where the slot was left. */
static void switch_to(struct kwire_fetched *fetched, int32_t index)
{
	struct kw_fetched_slot *slot = &fetched->slots[index];
	const uint8_t *end = slot->records.data;
	struct kwire_bytes rest = {slot->at, 0};

	if (slot->at != NULL) {
		end += slot->records.size;
		rest.size = (int32_t)(end - slot->at);
	}
	kwire_batch_reader_start(fetched->reader, rest);
	/* So that errors tell the place in the whole field. */
	fetched->reader->start = slot->records.data;
	slot->in_batch = false;
	fetched->current = index;
}

/* Where its records are to be kept, so is the buffer that holds them. */
static int keep_buffer(struct kwire_fetched *fetched, struct kwire_error *error)
{
	struct kw_growing *buffer = &fetched->reader->buffer;

	if (!fetched->keep || buffer->data == NULL)
		return 0;
	if (!kw_fetched_reserve(fetched, 1 + KW_ARRAY_BLOCKS))
		return kw_fail_memory(error);
	kw_fetched_keep(fetched, buffer->data);
	buffer->data = NULL;
	buffer->capacity = 0;
	return 0;
}

/*
 * Where reading goes on after a failure: behind the batch; without memory, it
 * comes again.  The batch may have been the marker that ends an abort, and what
 * its producer commits after that would be left out: the filter cannot go on.
 */
static int leave(struct kwire_fetched *fetched, struct kw_fetched_slot *slot, int result)
{
	slot->in_batch = false;
	if (result == KWIRE_ENOMEM) {
		fetched->current = -1;
	} else if (fetched->committed) {
		slot->at = slot->records.data + slot->records.size;
		fetched->current = -1;
	} else {
		slot->at = fetched->reader->next;
	}
	return result;
}

int kwire_fetched_next(struct kwire_fetched *fetched, int32_t index, struct kwire_record *record,
		       struct kwire_error *error)
{
	struct kw_fetched_slot *slot;
	struct kwire_batch batch;
	int result;

	if (fetched == NULL || index < 0 || index >= fetched->count)
		return kw_fail(error, KWIRE_EINVAL, "nothing was fetched under index %d",
			       (int)index);
	slot = &fetched->slots[index];
	if (fetched->current != index)
		switch_to(fetched, index);
	for (;;) {
		while (slot->in_batch) {
			result = kwire_batch_reader_record(fetched->reader, record, error);
			if (result < 0)
				return leave(fetched, slot, result);
			if (result == 0) {
				slot->in_batch = false;
				move_to(slot, slot->batch_end);
				break;
			}
			if (record->offset < slot->facts.next_offset)
				continue;
			move_to(slot, record->offset + 1);
			return 1;
		}
		result = keep_buffer(fetched, error);
		if (result != 0)
			return result;
		slot->at = fetched->reader->next;
		result = kwire_batch_reader_next(fetched->reader, &batch, error);
		if (result > 0)
			result = enter(fetched, slot, &batch, error);
		else if (result == 0)
			return 0;
		if (result < 0)
			return leave(fetched, slot, result);
	}
}
