/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `kwire cat -P`: cuts standard input into records, gathers them into a batch
 * for each partition, and sends a batch when it is full or the input pauses.
 * With a producer id (InitProducerId) brokers recognise a repeat, so failures
 * are repeated until the records are in.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <kwire/api/init_producer_id.h>

#include "cat.h"

#define BATCH_BYTES (900 * 1000) /* below what brokers allow by default */
#define PIECE       (256 * 1024)

enum {
	DUPLICATE_SEQUENCE = 46,
	PATIENCE_MS = 60000
};

struct partition {
	struct kwire_batch_builder *builder; /* NULL: none yet */
	int64_t sequence;
	int64_t bytes;
};

struct producer {
	struct cat *cat;
	struct partition *partitions;
	int32_t count;
	int64_t producer_id; /* -1: none */
	int16_t epoch;
	uint32_t random;
	char *input;
	size_t input_size;
	size_t input_room;
	bool ended;
};

static int64_t wall_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A producer id, where the cluster gives one. */
static void ask_producer_id(struct producer *producer)
{
	struct kwire_init_producer_id_request request = KWIRE_INIT_PRODUCER_ID_REQUEST_INIT;
	struct kwire_init_producer_id_response *response = NULL;

	producer->producer_id = -1;
	if (producer->cat->acks != -1)
		return;
	request.transactional_id.data = NULL;
	request.transactional_id.size = 0;
	request.transaction_timeout_ms = INT32_MAX;
	for (int tries = 0; tries < 30 && !cli_interrupted(); tries++) {
		int16_t code;

		if (kwire_send_init_producer_id(producer->cat->cli->client, &request, &response,
						NULL) != KWIRE_OK)
			return;
		code = response->error_code;
		if (code == 0) {
			producer->producer_id = response->producer_id;
			producer->epoch = response->producer_epoch;
		}
		kwire_response_free(response);
		if (code == 0 || !kwire_kafka_error(code).retriable)
			return;
		cat_pause(100);
	}
}

static bool begin(struct producer *producer, struct partition *partition, int32_t max_bytes)
{
	struct kwire_batch_options options = KWIRE_BATCH_OPTIONS_INIT;
	struct kwire_error error = KWIRE_ERROR_INIT;

	options.codec = producer->cat->codec;
	options.level = producer->cat->level;
	options.max_bytes = max_bytes;
	if (producer->producer_id >= 0) {
		options.producer_id = producer->producer_id;
		options.producer_epoch = producer->epoch;
		options.base_sequence = (int32_t)(partition->sequence & INT32_MAX);
	}
	if ((partition->builder == NULL &&
	     kwire_batch_builder_new(NULL, &partition->builder, &error) != KWIRE_OK) ||
	    kwire_batch_builder_begin(partition->builder, &options, &error) != KWIRE_OK) {
		cli_fail(&error);
		return false;
	}
	return true;
}

/* Sends a batch, again and again where that can leave no duplicate. */
static bool send_batch(struct producer *producer, int32_t index, struct kwire_bytes batch)
{
	struct kwire_produce_options options = KWIRE_PRODUCE_OPTIONS_INIT;
	const int64_t end = cat_now_ms() + PATIENCE_MS;
	struct kwire_error error = KWIRE_ERROR_INIT;

	options.acks = (int16_t)producer->cat->acks;
	options.create_topic = true;
	while (kwire_produce_batch(producer->cat->cli->client, producer->cat->topic, index, batch,
				   &options, NULL, &error) != KWIRE_OK) {
		if (error.kafka_code == DUPLICATE_SEQUENCE)
			return true;
		if (!error.retriable || cli_interrupted() || cat_now_ms() > end ||
		    (producer->producer_id < 0 && error.outcome != KWIRE_NOT_SENT)) {
			cli_fail(&error);
			return false;
		}
		cat_pause(100);
	}
	return true;
}

static bool flush(struct producer *producer, int32_t index)
{
	struct partition *partition = &producer->partitions[index];
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_bytes batch;
	int32_t count;

	if (partition->builder == NULL ||
	    (count = kwire_batch_builder_count(partition->builder)) == 0)
		return true;
	if (kwire_batch_builder_end(partition->builder, &batch, &error) != KWIRE_OK) {
		cli_fail(&error);
		return false;
	}
	if (!send_batch(producer, index, batch))
		return false;
	partition->sequence += count;
	cat_progress(producer->cat, count, partition->bytes, false);
	partition->bytes = 0;
	return true;
}

static bool flush_all(struct producer *producer)
{
	for (int32_t i = 0; i < producer->count; i++)
		if (!flush(producer, i))
			return false;
	return true;
}

/* By the key's CRC-32, as librdkafka does it; without a key, at random. */
static int32_t choose(struct producer *producer, struct kwire_bytes key)
{
	uint32_t hash = 0xffffffffu;

	if (producer->cat->partition >= 0)
		return (int32_t)producer->cat->partition;
	if (key.data == NULL || key.size == 0) {
		/* One partition a batch, not one a record. */
		struct partition *last = &producer->partitions[producer->random];

		if (last->builder == NULL || kwire_batch_builder_count(last->builder) == 0)
			producer->random = (uint32_t)((uint64_t)wall_ms() * 2654435761u >> 7) %
					   (uint32_t)producer->count;
		return (int32_t)producer->random;
	}
	for (int32_t i = 0; i < key.size; i++) {
		hash ^= key.data[i];
		for (int bit = 0; bit < 8; bit++)
			hash = hash >> 1 ^ (0xedb88320u & (0u - (hash & 1)));
	}
	return (int32_t)(~hash % (uint32_t)producer->count);
}

static bool add(struct producer *producer, struct kwire_bytes key, struct kwire_bytes value)
{
	const int32_t index = choose(producer, key);
	struct partition *partition = &producer->partitions[index];
	struct kwire_error error = KWIRE_ERROR_INIT;
	int32_t max_bytes = BATCH_BYTES;
	int result;

	for (int tries = 0; tries < 3; tries++) {
		if ((partition->builder == NULL ||
		     kwire_batch_builder_size(partition->builder) == 0) &&
		    !begin(producer, partition, max_bytes))
			return false;
		result = kwire_batch_builder_add(partition->builder, wall_ms(), key, value,
						 producer->cat->headers,
						 producer->cat->header_count, &error);
		if (result == KWIRE_OK) {
			partition->bytes += (int64_t)key.size + value.size;
			return true;
		}
		if (result != KWIRE_ETOOLARGE)
			break;
		/* Full: send it.  Empty: the record is larger than a usual batch, and goes alone.
		 */
		if (kwire_batch_builder_count(partition->builder) == 0) {
			max_bytes = 0;
			if (!begin(producer, partition, 0))
				return false;
		} else if (!flush(producer, index)) {
			return false;
		}
	}
	cli_fail(&error);
	return false;
}

/* Finds `delimiter` in `size` bytes; NULL: not there. */
static char *find(char *data, size_t size, const char *delimiter, size_t delimiter_size)
{
	char *end = data + size;

	if (delimiter_size == 0)
		return NULL;
	while ((size_t)(end - data) >= delimiter_size) {
		char *at = memchr(data, delimiter[0], (size_t)(end - data) - delimiter_size + 1);

		if (at == NULL || memcmp(at, delimiter, delimiter_size) == 0)
			return at;
		data = at + 1;
	}
	return NULL;
}

static bool add_line(struct producer *producer, char *line, size_t size)
{
	const struct cat *cat = producer->cat;
	struct kwire_bytes key = {NULL, 0}, value;
	char *at = cat->key_delimiter == NULL
			   ? NULL
			   : find(line, size, cat->key_delimiter, cat->key_delimiter_size);

	if (at != NULL) {
		key = kwire_bytes_of(line, (size_t)(at - line));
		size -= (size_t)(at - line) + cat->key_delimiter_size;
		line = at + cat->key_delimiter_size;
	}
	value = kwire_bytes_of(line, size);
	if (cat->nulls && key.size == 0)
		key.data = NULL;
	if (cat->nulls && value.size == 0)
		value.data = NULL;
	return add(producer, key, value);
}

/* Reads more of the input; false after a message. */
static bool read_more(struct producer *producer)
{
	ssize_t size;

	if (producer->input_room - producer->input_size < PIECE) {
		size_t room = producer->input_room * 2 + PIECE;
		char *input = realloc(producer->input, room);

		if (input == NULL) {
			perror("kwire");
			return false;
		}
		producer->input = input;
		producer->input_room = room;
	}
	size = read(STDIN_FILENO, producer->input + producer->input_size,
		    producer->input_room - producer->input_size);
	if (size < 0 && errno != EINTR && errno != EAGAIN) {
		perror("kwire: reading standard input");
		return false;
	}
	if (size == 0)
		producer->ended = true;
	if (size > 0)
		producer->input_size += (size_t)size;
	return true;
}

/* Whether the input has more at once; Ctrl-C ends the waiting of the other kind. */
static bool input_ready(int timeout_ms)
{
	struct pollfd input = {STDIN_FILENO, POLLIN, 0};

	return poll(&input, 1, timeout_ms) > 0;
}

static bool copy_input(struct producer *producer)
{
	const struct cat *cat = producer->cat;
	int64_t added = 0;

	while (!producer->ended && !cli_interrupted()) {
		char *line = producer->input, *at;
		size_t left;

		if (!input_ready(0)) {
			if (!flush_all(producer))
				return false;
			if (!input_ready(200))
				continue;
		}
		left = producer->input_size;
		if (!read_more(producer))
			return false;
		/* What was searched before need not be searched again, but for a delimiter's part.
		 */
		line = producer->input;
		left = left >= cat->delimiter_size ? left - cat->delimiter_size + 1 : 0;
		while ((at = find(line + left,
				  producer->input_size - left - (size_t)(line - producer->input),
				  cat->delimiter, cat->delimiter_size)) != NULL) {
			if (!add_line(producer, line, (size_t)(at - line)))
				return false;
			line = at + cat->delimiter_size;
			left = 0;
			if (cat->count > 0 && ++added == cat->count)
				return true;
		}
		producer->input_size -= (size_t)(line - producer->input);
		memmove(producer->input, line, producer->input_size);
	}
	/* What follows the last delimiter is a record if there is any of it. */
	return producer->input_size == 0 || cli_interrupted() ||
	       add_line(producer, producer->input, producer->input_size);
}

int cat_produce(struct cat *cat)
{
	struct producer producer = {.cat = cat};
	struct kwire_metadata_response *topic = cat_metadata(cat, true);
	bool ok;

	if (topic == NULL)
		return CLI_FAILURE;
	producer.count = topic->topics.items[0].partitions.count;
	kwire_response_free(topic);
	if (cat->partition >= producer.count) {
		fprintf(stderr, "kwire: %s has %d partitions\n", cat->topic, producer.count);
		return CLI_FAILURE;
	}
	producer.partitions = calloc((size_t)producer.count, sizeof(*producer.partitions));
	if (producer.partitions == NULL) {
		perror("kwire");
		return CLI_FAILURE;
	}
	ask_producer_id(&producer);
	ok = copy_input(&producer) && flush_all(&producer);
	for (int32_t i = 0; i < producer.count; i++)
		kwire_batch_builder_free(producer.partitions[i].builder);
	free(producer.partitions);
	free(producer.input);
	return ok ? CLI_OK : CLI_FAILURE;
}
