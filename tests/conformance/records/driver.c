/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kwire's side of the comparison of record batches: see Records.java, which
 * starts it and has the format of the pipe.
 *
 *	driver write CODEC COUNT SEED    random batches to standard output
 *	driver read CODEC COUNT          batches from standard input, compared
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kwire/records.h>

#include "../../support/compose.h"

#define MAX_VALUE 100000

static uint64_t seed;

static uint32_t pick(uint32_t below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % below;
}

static _Noreturn void die(const char *what, const char *detail)
{
	fprintf(stderr, "driver: %s: %s\n", what, detail);
	exit(1);
}

static void dump_bytes(struct compose *dump, const void *data, int32_t size)
{
	compose_int(dump, data == NULL ? -1 : size, 4);
	if (data != NULL)
		compose_bytes(dump, data, (size_t)size);
}

static void dump_record(struct compose *dump, int64_t offset, int64_t timestamp, int32_t sequence,
			struct kwire_bytes key, struct kwire_bytes value)
{
	compose_int(dump, 1, 1);
	compose_int(dump, offset, 8);
	compose_int(dump, timestamp, 8);
	compose_int(dump, sequence, 4);
	dump_bytes(dump, key.data, key.size);
	dump_bytes(dump, value.data, value.size);
}

static void dump_header(struct compose *dump, const struct kwire_header *header)
{
	dump_bytes(dump, header->key.data, header->key.size);
	dump_bytes(dump, header->value.data, header->value.size);
}

/* --- read: what kwire makes of Kafka's batches ------------------------------ */

static void dump_batch(struct compose *dump, const struct kwire_batch *batch)
{
	compose_int(dump, batch->last_offset, 8);
	compose_int(dump, batch->magic == 2 ? batch->max_timestamp : 0, 8);
	compose_int(dump, batch->producer_id, 8);
	compose_int(dump, batch->producer_epoch, 2);
	compose_int(dump, batch->base_sequence, 4);
	compose_int(dump, batch->transactional | batch->control << 1 | batch->log_append_time << 2,
		    1);
	compose_int(dump, batch->delete_horizon_ms, 8);
}

static void dump_field(struct kwire_batch_reader *reader, struct kwire_bytes field,
		       struct compose *dump)
{
	struct kwire_error error;
	struct kwire_batch batch;
	struct kwire_record record;
	struct kwire_header header;
	int result;

	kwire_batch_reader_start(reader, field);
	while ((result = kwire_batch_reader_next(reader, &batch, &error)) > 0) {
		dump_batch(dump, &batch);
		while ((result = kwire_batch_reader_record(reader, &record, &error)) > 0) {
			dump_record(dump, record.offset, record.timestamp, record.sequence,
				    record.key, record.value);
			compose_int(dump, record.headers.count, 4);
			while (kwire_headers_next(&record.headers, &header))
				dump_header(dump, &header);
		}
		if (result < 0)
			break;
		compose_int(dump, 0, 1);
	}
	if (result < 0)
		die("reading", error.message);
}

static uint8_t *read_block(size_t *size)
{
	uint8_t word[4], *data;

	if (fread(word, 1, 4, stdin) != 4)
		die("reading", "the input ended");
	*size = (size_t)word[0] << 24 | (size_t)word[1] << 16 | (size_t)word[2] << 8 | word[3];
	data = malloc(*size + 1);
	if (data == NULL || fread(data, 1, *size, stdin) != *size)
		die("reading", "the input ended");
	return data;
}

static void read_batches(const char *codec, long count)
{
	struct kwire_batch_reader *reader = NULL;
	struct compose dump = {0};

	if (kwire_batch_reader_new(NULL, &reader, NULL) != 0)
		die("reading", "no memory");
	for (long i = 0; i < count; i++) {
		size_t size, expected_size;
		uint8_t *field = read_block(&size), *expected = read_block(&expected_size);

		dump.size = 0;
		dump_field(reader, kwire_bytes_of(field, size), &dump);
		if (dump.size != expected_size || memcmp(dump.data, expected, dump.size) != 0) {
			size_t at = 0;

			while (at < dump.size && at < expected_size &&
			       dump.data[at] == expected[at])
				at++;
			fprintf(stderr, "driver: %s batch %ld (magic %d) differs at byte %zu\n",
				codec, i, field[16], at);
			exit(1);
		}
		free(field);
		free(expected);
	}
	compose_fini(&dump);
	kwire_batch_reader_free(reader);
}

/* --- write: random batches for Kafka ----------------------------------------- */

static uint8_t text[MAX_VALUE * 2];

static struct kwire_bytes random_bytes(uint32_t max)
{
	struct kwire_bytes null = {NULL, 0};
	uint32_t size = pick(60) == 0 ? pick(max) : pick(100);

	if (pick(8) == 0)
		return null;
	return kwire_bytes_of(text + pick(MAX_VALUE), size);
}

static int32_t random_level(enum kwire_codec codec)
{
	if (pick(4) != 0)
		return KWIRE_LEVEL_DEFAULT;
	switch (codec) {
	case KWIRE_CODEC_GZIP:
		return 1 + (int32_t)pick(9);
	case KWIRE_CODEC_LZ4:
		return 1 + (int32_t)pick(17);
	case KWIRE_CODEC_ZSTD:
		return (int32_t)pick(12) - 5;
	case KWIRE_CODEC_SNAPPY:
	case KWIRE_CODEC_NONE:
	default:
		return KWIRE_LEVEL_DEFAULT;
	}
}

static int add_random(struct kwire_batch_builder *builder, struct compose *dump,
		      const struct kwire_batch_options *options, int32_t i, int64_t timestamp,
		      uint32_t max)
{
	static const char *const keys[] = {"", "k", "k\xc3\xa9y", "trace-id"};
	struct kwire_bytes key = random_bytes(200), value = random_bytes(max);
	struct kwire_header headers[4];
	int32_t count = pick(3) == 0 ? (int32_t)pick(5) : 0;
	uint32_t sequence = (uint32_t)options->base_sequence + (uint32_t)i;

	dump_record(dump, i, timestamp,
		    options->base_sequence < 0 ? -1 : (int32_t)(sequence & INT32_MAX), key, value);
	compose_int(dump, count, 4);
	for (int32_t j = 0; j < count; j++) {
		headers[j].key = kwire_string_of(keys[j], strlen(keys[j]));
		headers[j].value = random_bytes(50);
		dump_header(dump, &headers[j]);
	}
	return kwire_batch_builder_add(builder, timestamp, key, value, headers, count, NULL);
}

static void write_block(const void *data, size_t size)
{
	struct compose word = {0};

	compose_int(&word, (int64_t)size, 4);
	if (fwrite(word.data, 1, 4, stdout) != 4 || fwrite(data, 1, size, stdout) != size)
		die("writing", "the reader is gone");
	compose_fini(&word);
}

static void write_batch(struct kwire_batch_builder *builder, enum kwire_codec codec,
			struct compose *dump)
{
	struct kwire_batch_options options = KWIRE_BATCH_OPTIONS_INIT;
	int32_t count = 1 + (int32_t)(pick(20) == 0 ? pick(2000) : pick(20));
	int64_t now = 1700000000000 + pick(1000000), latest = -1;
	struct kwire_error error;
	struct kwire_bytes batch;

	options.codec = codec;
	options.level = random_level(codec);
	if (pick(2) == 0) {
		options.producer_id = (int64_t)(seed >> 1);
		options.producer_epoch = (int16_t)pick(1 << 15);
		options.base_sequence = (int32_t)(pick(4) == 0 ? (uint32_t)INT32_MAX - pick(10)
							       : pick(1 << 20));
		options.transactional = pick(2) == 0;
	}
	if (kwire_batch_builder_begin(builder, &options, &error) != 0)
		die("begin", error.message);
	dump->size = 0;
	compose_int(dump, count - 1, 8);
	compose_int(dump, 0, 8);
	compose_int(dump, options.producer_id, 8);
	compose_int(dump, options.producer_epoch, 2);
	compose_int(dump, options.base_sequence, 4);
	compose_int(dump, options.transactional, 1);
	compose_int(dump, -1, 8);
	for (int32_t i = 0; i < count; i++) {
		int64_t timestamp = pick(50) == 0 ? -1 : now + pick(200000) - 100000;

		if (timestamp > latest)
			latest = timestamp;
		if (add_random(builder, dump, &options, i, timestamp,
			       count > 100 ? 500 : MAX_VALUE) != 0)
			die("add", "refused");
	}
	compose_int(dump, 0, 1);
	compose_patch(dump, 8, latest, 8);
	if (kwire_batch_builder_end(builder, &batch, &error) != 0)
		die("end", error.message);
	write_block(batch.data, (size_t)batch.size);
	write_block(dump->data, dump->size);
}

static void write_batches(enum kwire_codec codec, long count)
{
	struct kwire_batch_builder *builder = NULL;
	struct compose dump = {0};

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)(i / 3000 % 2 ? pick(256) : (uint32_t) "abc"[pick(3)]);
	if (kwire_batch_builder_new(NULL, &builder, NULL) != 0)
		die("writing", "no memory");
	for (long i = 0; i < count; i++)
		write_batch(builder, codec, &dump);
	kwire_batch_builder_free(builder);
	compose_fini(&dump);
	if (fflush(stdout) != 0)
		die("writing", "the reader is gone");
}

int main(int argc, char **argv)
{
	enum kwire_codec codec;

	if (argc < 4 || kwire_codec_parse(argv[2], &codec) != 0)
		die("usage", "driver write CODEC COUNT SEED | driver read CODEC COUNT");
	if (strcmp(argv[1], "read") == 0) {
		read_batches(argv[2], strtol(argv[3], NULL, 10));
		return 0;
	}
	seed = strtoull(argc > 4 ? argv[4] : "1", NULL, 10) * 2 + 1;
	write_batches(codec, strtol(argv[3], NULL, 10));
	return 0;
}
