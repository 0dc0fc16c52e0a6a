/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `kwire cat -C`: finds where to begin in each partition, then fetches from all
 * of them at once, time and again.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cat.h"

struct place {
	int32_t partition;
	int64_t next;
	int64_t stop; /* the first offset that is not wanted; -1: none */
	bool at_end;  /* and said so */
	bool done;
};

struct consumer {
	struct cat *cat;
	struct place *places;
	int32_t count;
	struct kwire_fetch_target *targets; /* of those that are not done */
	int32_t *target_places;
	struct kwire_fetched *fetched;
	int32_t max_bytes; /* of a partition; grows where a batch did not fit */
	bool pause;        /* a partition could not be read just now */
};

static bool list_offset(struct consumer *consumer, int32_t partition, int64_t timestamp,
			int64_t *offset)
{
	const struct cat *cat = consumer->cat;
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_listed_offset listed;

	if (kwire_list_offset(cat->cli->client, cat->topic, partition, timestamp, cat->isolation,
			      &listed, NULL, &error) != KWIRE_OK) {
		cli_fail(&error);
		return false;
	}
	*offset = listed.offset;
	return true;
}

static bool read_number(const char *text, int64_t *number)
{
	char *end;

	errno = 0;
	*number = strtoll(text, &end, 10);
	return errno == 0 && end != text && *end == '\0';
}

/* The first offset of that time or later; the end, where there is none yet. */
static bool find_time(struct consumer *consumer, int32_t partition, int64_t ms, int64_t *offset)
{
	return list_offset(consumer, partition, ms, offset) &&
	       (*offset >= 0 || list_offset(consumer, partition, KWIRE_OFFSET_LATEST, offset));
}

/* -o: where the partition begins; false after a message. */
static bool find_begin(struct consumer *consumer, struct place *place)
{
	const char *where = consumer->cat->offset != NULL ? consumer->cat->offset : "beginning";
	int64_t number, least;

	if (strcmp(where, "beginning") == 0)
		return list_offset(consumer, place->partition, KWIRE_OFFSET_EARLIEST, &place->next);
	if (strcmp(where, "end") == 0)
		return list_offset(consumer, place->partition, KWIRE_OFFSET_LATEST, &place->next);
	if (strncmp(where, "s@", 2) == 0 && read_number(where + 2, &number) && number >= 0)
		return find_time(consumer, place->partition, number, &place->next);
	if (!read_number(where, &number)) {
		cli_usage(consumer->cat->cli, "-o does not know '%s'", where);
		return false;
	}
	place->next = number;
	if (number >= 0)
		return true;
	if (!list_offset(consumer, place->partition, KWIRE_OFFSET_LATEST, &place->next) ||
	    !list_offset(consumer, place->partition, KWIRE_OFFSET_EARLIEST, &least))
		return false;
	place->next += number;
	if (place->next < least)
		place->next = least;
	return true;
}

static bool find_place(struct consumer *consumer, struct place *place)
{
	return find_begin(consumer, place) &&
	       (consumer->cat->stop_ms < 0 ||
		find_time(consumer, place->partition, consumer->cat->stop_ms, &place->stop));
}

/* All partitions, or the one that is wanted. */
static bool find_partitions(struct consumer *consumer)
{
	struct kwire_metadata_response *response = cat_metadata(consumer->cat, false);
	const struct kwire_metadata_response_topic *topic;
	size_t room;

	if (response == NULL)
		return false;
	topic = &response->topics.items[0];
	room = (size_t)topic->partitions.count + 1;
	consumer->places = calloc(room, sizeof(*consumer->places));
	consumer->targets = calloc(room, sizeof(*consumer->targets));
	consumer->target_places = calloc(room, sizeof(*consumer->target_places));
	if (consumer->places == NULL || consumer->targets == NULL ||
	    consumer->target_places == NULL) {
		perror("kwire");
		exit(CLI_FAILURE);
	}
	for (int32_t i = 0; i < topic->partitions.count; i++) {
		int32_t index = topic->partitions.items[i].partition_index;

		if (consumer->cat->partition >= 0 && consumer->cat->partition != index)
			continue;
		consumer->places[consumer->count].stop = -1;
		consumer->places[consumer->count++].partition = index;
	}
	kwire_response_free(response);
	return true;
}

static bool enough(const struct cat *cat)
{
	return cat->count > 0 && cat->records >= cat->count;
}

/* Prints what came of one partition; false: give up. */
static bool print_partition(struct consumer *consumer, int32_t index, struct place *place)
{
	const struct kwire_fetched_partition *facts = kwire_fetched_partition(consumer->fetched,
									      index);
	struct cat *cat = consumer->cat;
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_record record;
	int64_t end;
	int result;

	if (facts->kafka_code != 0) {
		struct kwire_kafka_error kafka = kwire_kafka_error(facts->kafka_code);

		/* -1: its leader was not to be reached. */
		if (facts->kafka_code < 0 || kafka.retriable || kafka.refresh_metadata) {
			consumer->pause = true;
			return true;
		}
		fprintf(stderr, "kwire: %s-%d at offset %" PRId64 ": %s (%d): %s\n", cat->topic,
			place->partition, place->next, kafka.name, facts->kafka_code,
			kwire_kafka_error_text(facts->kafka_code));
		return false;
	}
	if (facts->too_large_bytes > consumer->max_bytes)
		consumer->max_bytes = (int32_t)facts->too_large_bytes;
	while (!place->done && !enough(cat) &&
	       (result = kwire_fetched_next(consumer->fetched, index, &record, &error)) != 0) {
		if (result < 0) {
			/*
			 * One batch is lost; the next call goes on behind it.  Not so
			 * where it would come again, now or with the next fetch.
			 */
			cli_fail(&error);
			if (result == KWIRE_ENOMEM || cat->isolation == KWIRE_READ_COMMITTED)
				return false;
			continue;
		}
		if (place->stop >= 0 && record.offset >= place->stop) {
			place->done = true;
			break;
		}
		cat_print(cat, place->partition, &record);
		cat_progress(cat, 1, (int64_t)record.key.size + record.value.size, false);
	}
	place->next = facts->next_offset;
	end = cat->isolation == KWIRE_READ_COMMITTED ? facts->last_stable_offset
						     : facts->high_watermark;
	if (place->stop >= 0 && place->next >= place->stop)
		place->done = true;
	if (place->next < end) {
		place->at_end = false;
	} else if (!place->at_end && !enough(cat)) {
		place->at_end = true;
		if (!cat->quiet && !place->done)
			fprintf(stderr, "%% Reached end of topic %s [%d] at offset %" PRId64 "%s\n",
				cat->topic, place->partition, place->next,
				cat->exit_at_end ? ": exiting" : "");
	}
	if (place->at_end && cat->exit_at_end)
		place->done = true;
	return true;
}

/* Whether another fetch may do better. */
static bool may_pass(int result, const struct kwire_error *error)
{
	return error->retriable ||
	       (result == KWIRE_EKAFKA && kwire_kafka_error(error->kafka_code).refresh_metadata);
}

/* Fetches once from all that is not done; false: give up, or done. */
static bool fetch_round(struct consumer *consumer)
{
	struct kwire_fetch_options options = KWIRE_FETCH_OPTIONS_INIT;
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct cat *cat = consumer->cat;
	int32_t count = 0;
	int result;

	for (int32_t i = 0; i < consumer->count; i++) {
		const struct kwire_fetch_target init = KWIRE_FETCH_TARGET_INIT;

		if (consumer->places[i].done)
			continue;
		consumer->targets[count] = init;
		consumer->targets[count].topic = cat->topic;
		consumer->targets[count].partition = consumer->places[i].partition;
		consumer->targets[count].offset = consumer->places[i].next;
		consumer->target_places[count++] = i;
	}
	if (count == 0 || cli_interrupted())
		return false;
	options.isolation = cat->isolation;
	options.partition_max_bytes = consumer->max_bytes;
	result = kwire_fetch_partitions(cat->cli->client, consumer->targets, count, &options,
					&consumer->fetched, &error);
	if (result != KWIRE_OK && result != KWIRE_EPARTIAL && may_pass(result, &error)) {
		cat_pause(100);
		return true;
	}
	if (result != KWIRE_OK && result != KWIRE_EPARTIAL && result != KWIRE_ETOOLARGE &&
	    result != KWIRE_EKAFKA) {
		cli_fail(&error);
		return false;
	}
	consumer->pause = false;
	for (int32_t i = 0; i < count && !enough(cat); i++)
		if (!print_partition(consumer, i, &consumer->places[consumer->target_places[i]]))
			return false;
	fflush(stdout);
	if (consumer->pause)
		cat_pause(100);
	return !ferror(stdout) && !enough(cat);
}

int cat_consume(struct cat *cat)
{
	struct consumer consumer = {.cat = cat, .max_bytes = 1 << 20};
	int code = CLI_FAILURE;

	if (!find_partitions(&consumer))
		goto out;
	if (consumer.count == 0) {
		fprintf(stderr, "kwire: %s has no partition %" PRId64 "\n", cat->topic,
			cat->partition);
		goto out;
	}
	for (int32_t i = 0; i < consumer.count; i++)
		if (!find_place(&consumer, &consumer.places[i]))
			goto out;
	while (fetch_round(&consumer))
		continue;
	code = enough(cat) ? CLI_OK : CLI_FAILURE;
	if (code != CLI_OK) {
		code = CLI_OK;
		for (int32_t i = 0; i < consumer.count; i++)
			if (!consumer.places[i].done)
				code = CLI_FAILURE;
	}
out:
	kwire_fetched_free(consumer.fetched);
	free(consumer.places);
	free(consumer.targets);
	free(consumer.target_places);
	return code;
}
