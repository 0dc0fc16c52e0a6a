/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `kwire cat -C`: finds where to begin in each partition, then fetches from
 * each leader in turn, all of its partitions in one request.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cat.h"

struct place {
	int32_t partition;
	int32_t leader_id;
	int64_t next;
	int64_t stop; /* the first offset that is not wanted; -1: none */
	bool at_end;  /* and said so */
	bool done;
};

struct consumer {
	struct cat *cat;
	struct place *places;
	int32_t count;
	struct kwire_fetch_target *targets; /* of one leader */
	int32_t *target_places;
	struct kwire_fetched *fetched;
	int32_t max_bytes; /* of a partition; grows where a batch did not fit */
	bool stale;        /* a partition could not be read just now: ask who leads what */
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

/* Who leads what, now. */
static bool find_leaders(struct consumer *consumer)
{
	struct kwire_metadata_response *response = cat_metadata(consumer->cat, false);
	const struct kwire_metadata_response_topic *topic;

	if (response == NULL)
		return false;
	topic = &response->topics.items[0];
	if (consumer->places == NULL) {
		size_t room = (size_t)topic->partitions.count + 1;

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
	}
	for (int32_t i = 0; i < topic->partitions.count; i++)
		for (int32_t j = 0; j < consumer->count; j++)
			if (consumer->places[j].partition ==
			    topic->partitions.items[i].partition_index)
				consumer->places[j].leader_id = topic->partitions.items[i]
									.leader_id;
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

		if (kafka.retriable || kafka.refresh_metadata) {
			consumer->stale = true;
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

/* One fetch from one leader; false: give up. */
static bool fetch_from(struct consumer *consumer, int32_t leader_id, int32_t max_wait_ms)
{
	struct kwire_fetch_options options = KWIRE_FETCH_OPTIONS_INIT;
	struct kwire_error error = KWIRE_ERROR_INIT;
	int32_t count = 0;
	int result;

	for (int32_t i = 0; i < consumer->count; i++) {
		const struct kwire_fetch_target init = KWIRE_FETCH_TARGET_INIT;
		struct place *place = &consumer->places[i];

		if (place->done || place->leader_id != leader_id)
			continue;
		consumer->targets[count] = init;
		consumer->targets[count].topic = consumer->cat->topic;
		consumer->targets[count].partition = place->partition;
		consumer->targets[count].offset = place->next;
		consumer->target_places[count++] = i;
	}
	if (count == 0)
		return true;
	options.max_wait_ms = max_wait_ms;
	options.isolation = consumer->cat->isolation;
	options.partition_max_bytes = consumer->max_bytes;
	result = kwire_fetch_partitions(consumer->cat->cli->client, consumer->targets, count,
					&options, &consumer->fetched, &error);
	if (result != KWIRE_OK && result != KWIRE_ETOOLARGE && result != KWIRE_EKAFKA) {
		/* Partial: they have one leader no longer. */
		if (error.retriable) {
			cat_pause(100);
			return find_leaders(consumer);
		}
		cli_fail(&error);
		return false;
	}
	if (result == KWIRE_EKAFKA &&
	    (error.retriable || kwire_kafka_error(error.kafka_code).refresh_metadata)) {
		cat_pause(100);
		return find_leaders(consumer);
	}
	for (int32_t i = 0; i < count && !enough(consumer->cat); i++)
		if (!print_partition(consumer, i, &consumer->places[consumer->target_places[i]]))
			return false;
	return true;
}

/* Fetches from each leader once; false: give up, or done. */
static bool fetch_round(struct consumer *consumer)
{
	int32_t leaders = 0, open = 0;

	for (int32_t i = 0; i < consumer->count; i++) {
		bool first = !consumer->places[i].done;

		open += !consumer->places[i].done;
		for (int32_t j = 0; j < i && first; j++)
			first = consumer->places[j].done ||
				consumer->places[j].leader_id != consumer->places[i].leader_id;
		leaders += first;
	}
	if (open == 0 || leaders == 0)
		return false;
	for (int32_t i = 0; i < consumer->count; i++) {
		bool first = !consumer->places[i].done;

		for (int32_t j = 0; j < i && first; j++)
			first = consumer->places[j].leader_id != consumer->places[i].leader_id;
		if (cli_interrupted() || enough(consumer->cat))
			return false;
		if (first && !fetch_from(consumer, consumer->places[i].leader_id, 500 / leaders))
			return false;
	}
	fflush(stdout);
	if (consumer->stale) {
		consumer->stale = false;
		cat_pause(100);
		if (!find_leaders(consumer))
			return false;
	}
	return !ferror(stdout) && !enough(consumer->cat);
}

int cat_consume(struct cat *cat)
{
	struct consumer consumer = {.cat = cat, .max_bytes = 1 << 20};
	int code = CLI_FAILURE;

	if (!find_leaders(&consumer))
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
