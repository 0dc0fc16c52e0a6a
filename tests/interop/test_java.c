/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kwire's records beside those of Kafka's own clients, and of librdkafka: what
 * one writes the other reads, by checksum over every record; transactions,
 * LogAppendTime, compaction, deleted records.  tests/interop/java/Records.java
 * is Kafka's side.
 */
#include "cluster.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <kwire/api/create_topics.h>
#include <kwire/api/delete_records.h>
#include <kwire/fetch.h>

#include "records/crc.h"
#include "records/varint.h"

#define RECORDS 20000 /* of each codec, in each direction; together some 64 MiB */

static struct kwire_client *client;

static int setup(void **state)
{
	(void)state;
	client = cluster_client();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	kwire_client_close(client);
	return 0;
}

/* How many records, and the checksum over all of them. */
struct digest {
	long count;
	uint32_t sum;
	long bytes; /* of values */
};

static void sum_bytes(struct digest *digest, const void *data, int32_t size)
{
	uint8_t word[4];

	kw_store_be32(word, data == NULL ? UINT32_MAX : (uint32_t)size);
	digest->sum = kw_crc32c(digest->sum, word, 4);
	if (data != NULL)
		digest->sum = kw_crc32c(digest->sum, data, (size_t)size);
}

static void sum_record(struct digest *digest, int64_t offset, int64_t timestamp,
		       struct kwire_bytes key, struct kwire_bytes value)
{
	uint8_t words[16];

	kw_store_be64(words, (uint64_t)offset);
	kw_store_be64(words + 8, (uint64_t)timestamp);
	digest->sum = kw_crc32c(digest->sum, words, 16);
	sum_bytes(digest, key.data, key.size);
	sum_bytes(digest, value.data, value.size);
	digest->count++;
	digest->bytes += value.size;
}

static void check_same(struct digest a, struct digest b)
{
	assert_int_equal(a.count, b.count);
	assert_int_equal(a.sum, b.sum);
	assert_int_equal(a.bytes, b.bytes);
}

/* As many records as were wanted, of the sizes that were wanted. */
static void check_volume(struct digest digest)
{
	assert_int_equal(digest.count, RECORDS);
	assert_in_range(digest.bytes, 50 << 20, 80 << 20);
}

/* Runs Records.java; what it printed. */
static struct digest java(const char *arguments)
{
	struct digest digest = {0, 0, 0};
	char command[1024];
	FILE *output;

	snprintf(command, sizeof(command),
		 "tools/kafka/cluster java tests/interop/java/Records.java %s", arguments);
	output = popen(command, "r");
	assert_non_null(output);
	if (fscanf(output, "%ld %" SCNx32 " %ld", &digest.count, &digest.sum, &digest.bytes) != 3)
		fail_msg("no answer from: %s", command);
	assert_int_equal(pclose(output), 0);
	return digest;
}

static struct digest java_consume(const char *topic, const char *isolation)
{
	char arguments[512];

	snprintf(arguments, sizeof(arguments), "consume %s %s %s", cluster_bootstrap(NULL), topic,
		 isolation);
	return java(arguments);
}

/* All of partition 0, by kwire. */
static struct digest consume(const char *topic, enum kwire_isolation isolation)
{
	struct kwire_fetch_options options = KWIRE_FETCH_OPTIONS_INIT;
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_fetched *fetched = NULL;
	struct kwire_listed_offset end;
	struct kwire_record record;
	struct kwire_header header;
	struct digest digest = {0, 0, 0};
	int64_t offset;
	int result;

	must(kwire_list_offset(client, topic, 0, KWIRE_OFFSET_EARLIEST, isolation, &end, NULL,
			       &error),
	     &error);
	offset = end.offset;
	must(kwire_list_offset(client, topic, 0, KWIRE_OFFSET_LATEST, isolation, &end, NULL,
			       &error),
	     &error);
	options.isolation = isolation;
	while (offset < end.offset) {
		must(kwire_fetch_partition(client, topic, 0, offset, &options, &fetched, &error),
		     &error);
		while ((result = kwire_fetched_next(fetched, 0, &record, &error)) > 0) {
			sum_record(&digest, record.offset, record.timestamp, record.key,
				   record.value);
			while (kwire_headers_next(&record.headers, &header)) {
				sum_bytes(&digest, header.key.data, header.key.size);
				sum_bytes(&digest, header.value.data, header.value.size);
			}
		}
		must(result, &error);
		offset = kwire_fetched_partition(fetched, 0)->next_offset;
	}
	kwire_fetched_free(fetched);
	return digest;
}

static uint64_t seed = 3;

static uint32_t pick(uint32_t below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % below;
}

enum {
	MOST_VALUE = 900 << 10
};

/* 0 to 900 KiB, so many of each order that 20,000 are 64 MiB. */
static uint32_t value_size(void)
{
	return (uint32_t)exp(13.73 * pow(pick(1 << 30) / (double)(1 << 30), 20)) - 1;
}

/* Letters of several bytes, and in between bytes that are no text (but no line's end). */
static const uint8_t *stuff(void)
{
	static uint8_t text[MOST_VALUE + 2000];

	for (size_t i = 0; i < sizeof(text) && text[0] == 0; i++)
		text[sizeof(text) - 1 - i] =
			(uint8_t)(i / 5000 % 2 ? 128 + pick(128)
					       : (uint32_t) "kwire\xc3\xa9"[pick(7)]);
	return text;
}

struct drawn {
	struct kwire_bytes key;
	struct kwire_bytes value;
	struct kwire_header header;
};

static struct drawn draw(const uint8_t *text)
{
	struct drawn record = {{NULL, 0}, {NULL, 0}, {KWIRE_STRING_INIT("h\xc3\xa9"), {NULL, 0}}};

	if (pick(5) != 0)
		record.key = kwire_bytes_of(text + pick(1000), pick(30));
	if (pick(20) != 0)
		record.value = kwire_bytes_of(text + pick(1000), value_size());
	if (pick(2) == 0)
		record.header.value = kwire_bytes_of(text, pick(9));
	return record;
}

/* Random records in batches of random size, by kwire; their digest. */
static struct digest produce(const char *topic, enum kwire_codec codec, int records)
{
	const uint8_t *text = stuff();
	struct kwire_batch_options options = KWIRE_BATCH_OPTIONS_INIT;
	struct kwire_batch_builder *builder = NULL;
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct digest digest = {0, 0, 0};
	struct kwire_produced produced;
	struct kwire_bytes batch;
	struct drawn record = {0};
	int drawn = -1;

	options.codec = codec;
	options.max_bytes = 1000000;
	must(kwire_batch_builder_new(NULL, &builder, &error), &error);
	for (int sent = 0, end; sent < records;) {
		must(kwire_batch_builder_begin(builder, &options, &error), &error);
		for (end = sent + 1 + (int)pick(200); sent < end && sent < records; sent++) {
			if (drawn < sent)
				record = draw(text);
			drawn = sent;
			/* What does not fit any more begins the next batch. */
			if (kwire_batch_builder_add(builder, 1700000000000 + sent, record.key,
						    record.value, &record.header, sent % 2,
						    &error) != 0)
				break;
			sum_record(&digest, sent, 1700000000000 + sent, record.key, record.value);
			if (sent % 2) {
				sum_bytes(&digest, record.header.key.data, record.header.key.size);
				sum_bytes(&digest, record.header.value.data,
					  record.header.value.size);
			}
		}
		must(kwire_batch_builder_end(builder, &batch, &error), &error);
		must(kwire_produce_batch(client, topic, 0, batch, NULL, &produced, &error), &error);
	}
	kwire_batch_builder_free(builder);
	return digest;
}

/* A topic with properties: names and values in turn, NULL at the end. */
static void create_with(const char *topic, const char *const *properties)
{
	struct kwire_create_topics_request_topic_config configs[8];
	struct kwire_create_topics_request_topic entry = KWIRE_CREATE_TOPICS_REQUEST_TOPIC_INIT;
	struct kwire_create_topics_request request = KWIRE_CREATE_TOPICS_REQUEST_INIT;
	struct kwire_create_topics_response *response = NULL;
	struct kwire_error error = KWIRE_ERROR_INIT;

	entry.configs.items = configs;
	for (; properties[0] != NULL; properties += 2) {
		struct kwire_create_topics_request_topic_config config =
			KWIRE_CREATE_TOPICS_REQUEST_TOPIC_CONFIG_INIT;

		config.name = kwire_string(properties[0]);
		config.value = kwire_string(properties[1]);
		configs[entry.configs.count++] = config;
	}
	entry.name = kwire_string(topic);
	entry.num_partitions = 1;
	entry.replication_factor = 2;
	request.topics.items = &entry;
	request.topics.count = 1;
	request.timeout_ms = 10000;
	must(kwire_send_create_topics(client, &request, &response, &error), &error);
	must_answer(response->topics.items[0].error_code, NONE);
	kwire_response_free(response);
	cluster_settle_topic(client, topic, 1);
}

/* The records are from 2023: Kafka would delete them by and by. */
static void create(const char *topic)
{
	create_with(topic, (const char *const[]){"retention.ms", "-1", NULL});
}

static void what_java_produces_kwire_reads(void **state)
{
	char topic[64], arguments[512];

	(void)state;
	for (int codec = 0; codec <= KWIRE_CODEC_ZSTD; codec++) {
		if (!kwire_codec_built((enum kwire_codec)codec))
			continue;
		struct digest written;

		cluster_name(topic, "java");
		create(topic);
		snprintf(arguments, sizeof(arguments), "produce %s %s %s %d %d",
			 cluster_bootstrap(NULL), topic, kwire_codec_name((enum kwire_codec)codec),
			 RECORDS, codec + 1);
		written = java(arguments);
		check_volume(written);
		check_same(consume(topic, KWIRE_READ_UNCOMMITTED), written);
		cluster_delete_topic(client, topic);
	}
}

static void what_kwire_produces_java_and_kwire_read(void **state)
{
	char topic[64];

	(void)state;
	for (int codec = 0; codec <= KWIRE_CODEC_ZSTD; codec++) {
		if (!kwire_codec_built((enum kwire_codec)codec))
			continue;
		struct digest written;

		cluster_name(topic, "kwire");
		create(topic);
		written = produce(topic, (enum kwire_codec)codec, RECORDS);
		check_volume(written);
		check_same(java_consume(topic, "read_uncommitted"), written);
		check_same(consume(topic, KWIRE_READ_UNCOMMITTED), written);
		cluster_delete_topic(client, topic);
	}
}

/* The sum of `command`'s output. */
static struct digest shell(const char *command)
{
	struct digest digest = {0, 0, 0};
	char piece[65536];
	size_t size;
	FILE *output = popen(command, "r");

	assert_non_null(output);
	while ((size = fread(piece, 1, sizeof(piece), output)) > 0) {
		digest.sum = kw_crc32c(digest.sum, piece, size);
		digest.count += (long)size;
	}
	if (pclose(output) != 0)
		fail_msg("failed: %s", command);
	return digest;
}

/* Everything of every record, lengths first, so that kcat's output is one thing only. */
static const char format[] = "%o %T %K %S %k %s %h\\n";

/* What kwire wrote kcat reads as kwire's own cat does. */
static void what_kwire_produces_kcat_reads(const char *codec)
{
	char topic[64], command[1024];
	enum kwire_codec which;

	must(kwire_codec_parse(codec, &which), NULL);
	cluster_name(topic, "kcat");
	create(topic);
	check_volume(produce(topic, which, RECORDS));
	snprintf(command, sizeof(command),
		 "kcat -C -q -X check.crcs=true -b %s -t %s -p 0 -o beginning -e -f '%s' "
		 "2>/dev/null",
		 cluster_bootstrap(NULL), topic, format);
	struct digest read = shell(command);

	snprintf(command, sizeof(command),
		 "%s/kwire cat -C -q -b %s -t %s -p 0 -o beginning -e -f '%s'",
		 getenv("B") != NULL ? getenv("B") : "build", cluster_bootstrap(NULL), topic,
		 format);
	check_same(shell(command), read);
	cluster_delete_topic(client, topic);
}

/* Lines for kcat to produce, each fifth without a key; keys and values as sum_record() has them. */
static struct digest write_lines(const char *path)
{
	struct digest digest = {0, 0, 0};
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	for (int i = 0; i < RECORDS; i++) {
		struct kwire_bytes null = {NULL, 0};
		uint32_t size = pick(20) == 0 ? 0 : value_size();
		/* -Z makes null of what is empty. */
		struct kwire_bytes value = size == 0 ? null
						     : kwire_bytes_of(stuff() + pick(1000), size);
		struct kwire_bytes key = i % 5 == 0 ? null
						    : kwire_bytes_of(stuff() + pick(1000),
								     1 + pick(30));

		fwrite(key.size > 0 ? key.data : (const uint8_t *)"", 1, (size_t)key.size, file);
		fputc(':', file);
		fwrite(value.size > 0 ? value.data : (const uint8_t *)"", 1, (size_t)value.size,
		       file);
		fputc('\n', file);
		sum_record(&digest, i, 0, key, value);
	}
	assert_int_equal(fclose(file), 0);
	return digest;
}

/* All of partition 0, but for times; each record has these two headers. */
static struct digest consume_lines(const char *topic)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_fetched *fetched = NULL;
	struct kwire_record record;
	struct kwire_header header;
	struct digest digest = {0, 0, 0};
	int64_t offset = 0;
	int result;

	do {
		must(kwire_fetch_partition(client, topic, 0, offset, NULL, &fetched, &error),
		     &error);
		while ((result = kwire_fetched_next(fetched, 0, &record, &error)) > 0) {
			sum_record(&digest, record.offset, 0, record.key, record.value);
			assert_int_equal(record.headers.count, 2);
			assert_true(kwire_headers_find(record.headers, "none", &header));
			assert_null(header.value.data);
			assert_true(kwire_headers_find(record.headers, "h\xc3\xa9", &header));
			assert_int_equal(header.value.size, 4);
			assert_memory_equal(header.value.data, "\xe2\x82\xac!", 4);
		}
		must(result, &error);
		offset = kwire_fetched_partition(fetched, 0)->next_offset;
	} while (offset < kwire_fetched_partition(fetched, 0)->high_watermark);
	kwire_fetched_free(fetched);
	return digest;
}

static void what_kcat_produces_kwire_reads(const char *codec)
{
	char path[] = "/tmp/kwire-lines-XXXXXX";
	char topic[64], command[1024];
	struct digest written;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	written = write_lines(path);
	cluster_name(topic, "kcat");
	create(topic);
	/* One request in flight: lines stay in order whatever is split or repeated. */
	snprintf(
		command, sizeof(command),
		"kcat -P -b %s -t %s -p 0 -K : -Z -z %s -l %s -H 'h\xc3\xa9=\xe2\x82\xac!' -H none "
		"-X max.in.flight=1 -X linger.ms=50 2>&1",
		cluster_bootstrap(NULL), topic, codec, path);
	shell(command);
	check_volume(written);
	check_same(consume_lines(topic), written);
	unlink(path);
	cluster_delete_topic(client, topic);
}

static void kcat_and_kwire_read_each_other(void **state)
{
	(void)state;
	if (system("command -v kcat >/dev/null") != 0)
		skip();
	for (int codec = 0; codec <= KWIRE_CODEC_ZSTD; codec++) {
		if (!kwire_codec_built((enum kwire_codec)codec))
			continue;
		what_kcat_produces_kwire_reads(kwire_codec_name((enum kwire_codec)codec));
		what_kwire_produces_kcat_reads(kwire_codec_name((enum kwire_codec)codec));
	}
}

static void transactions_are_filtered_as_java_does(void **state)
{
	char topic[64], arguments[512];
	struct digest committed, all;

	(void)state;
	for (int round = 0; round < 2; round++) {
		cluster_name(topic, "transactions");
		create(topic);
		snprintf(arguments, sizeof(arguments), "transactions %s %s %d",
			 cluster_bootstrap(NULL), topic, round + 1);
		java(arguments);
		committed = consume(topic, KWIRE_READ_COMMITTED);
		all = consume(topic, KWIRE_READ_UNCOMMITTED);
		assert_true(committed.count > 0 && committed.count < all.count);
		check_same(committed, java_consume(topic, "read_committed"));
		check_same(all, java_consume(topic, "read_uncommitted"));
		cluster_delete_topic(client, topic);
	}
}

static void log_append_time_is_the_records_time(void **state)
{
	char topic[64];

	(void)state;
	cluster_name(topic, "appendtime");
	create_with(topic, (const char *const[]){"message.timestamp.type", "LogAppendTime", NULL});
	produce(topic, KWIRE_CODEC_NONE, 300);
	if (kwire_codec_built(KWIRE_CODEC_LZ4))
		produce(topic, KWIRE_CODEC_LZ4, 300);
	check_same(consume(topic, KWIRE_READ_UNCOMMITTED), java_consume(topic, "read_uncommitted"));
	cluster_delete_topic(client, topic);
}

/* Few keys over and over, some of them deleted; in many small segments. */
static long produce_versions(const char *topic)
{
	struct kwire_batch_options options = KWIRE_BATCH_OPTIONS_INIT;
	struct kwire_batch_builder *builder = NULL;
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_bytes batch, null = {NULL, 0};
	char key[16], value[64];
	long count = 0;

	must(kwire_batch_builder_new(NULL, &builder, &error), &error);
	for (int i = 0; i < 300; i++) {
		do
			options.codec = (enum kwire_codec)pick(KWIRE_CODEC_ZSTD + 1);
		while (!kwire_codec_built(options.codec));
		must(kwire_batch_builder_begin(builder, &options, &error), &error);
		for (int more = 1 + (int)pick(12); more > 0; more--, count++) {
			snprintf(key, sizeof(key), "key %u", pick(60));
			snprintf(value, sizeof(value), "version %ld", count);
			must(kwire_batch_builder_add(
				     builder, 1700000000000 + i * 50,
				     kwire_bytes_of(key, strlen(key)),
				     pick(10) == 0 ? null : kwire_bytes_of(value, strlen(value)),
				     NULL, 0, &error),
			     &error);
		}
		must(kwire_batch_builder_end(builder, &batch, &error), &error);
		must(kwire_produce_batch(client, topic, 0, batch, NULL, NULL, &error), &error);
	}
	kwire_batch_builder_free(builder);
	return count;
}

/* Batches with gaps, batches that are empty: what compaction leaves. */
static void a_compacted_topic_is_read_as_java_reads_it(void **state)
{
	struct cluster_patience patience = {0};
	struct digest before, seen, after;
	char topic[64];
	long count;

	(void)state;
	cluster_name(topic, "compacted");
	create_with(topic, (const char *const[]){"cleanup.policy", "compact", "segment.ms", "500",
						 "min.cleanable.dirty.ratio", "0.001",
						 "delete.retention.ms", "1000", NULL});
	count = produce_versions(topic);
	do
		before = consume(topic, KWIRE_READ_UNCOMMITTED);
	while (before.count > count / 4 && cluster_again(&patience));
	assert_true(before.count > 0 && before.count <= count / 4);
	/* The cleaner may come again between two readings. */
	do {
		before = consume(topic, KWIRE_READ_UNCOMMITTED);
		seen = java_consume(topic, "read_uncommitted");
		after = consume(topic, KWIRE_READ_UNCOMMITTED);
	} while ((before.sum != after.sum || before.count != after.count) &&
		 cluster_again(&patience));
	check_same(before, after);
	check_same(after, seen);
	cluster_delete_topic(client, topic);
}

static void below_deleted_records_the_offset_is_out_of_range(void **state)
{
	struct kwire_delete_records_request_topic_partition partition =
		KWIRE_DELETE_RECORDS_REQUEST_TOPIC_PARTITION_INIT;
	struct kwire_delete_records_request_topic entry = KWIRE_DELETE_RECORDS_REQUEST_TOPIC_INIT;
	struct kwire_delete_records_request request = KWIRE_DELETE_RECORDS_REQUEST_INIT;
	struct kwire_delete_records_response *response = NULL;
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_fetched *fetched = NULL;
	struct kwire_listed_offset earliest;
	struct kwire_record record;
	char topic[64];

	(void)state;
	cluster_name(topic, "deleted");
	create(topic);
	produce(topic, KWIRE_CODEC_ZSTD, 500);
	partition.offset = 123;
	entry.name = kwire_string(topic);
	entry.partitions.items = &partition;
	entry.partitions.count = 1;
	request.topics.items = &entry;
	request.topics.count = 1;
	request.timeout_ms = 10000;
	options.broker_id = cluster_leader(client, topic, 0, NULL);
	must(kwire_send_delete_records_with(client, &request, &response, &options, &error), &error);
	must_answer(response->topics.items[0].partitions.items[0].error_code, NONE);
	kwire_response_free(response);
	assert_int_equal(kwire_fetch_partition(client, topic, 0, 5, NULL, &fetched, &error),
			 KWIRE_EKAFKA);
	assert_int_equal(error.kafka_code, 1);
	must(kwire_list_offset(client, topic, 0, KWIRE_OFFSET_EARLIEST, KWIRE_READ_UNCOMMITTED,
			       &earliest, NULL, &error),
	     &error);
	assert_int_equal(earliest.offset, 123);
	/* In the middle of a batch: what is older in it is left out. */
	must(kwire_fetch_partition(client, topic, 0, 123, NULL, &fetched, &error), &error);
	assert_int_equal(kwire_fetched_partition(fetched, 0)->log_start_offset, 123);
	assert_int_equal(kwire_fetched_next(fetched, 0, &record, &error), 1);
	assert_int_equal(record.offset, 123);
	kwire_fetched_free(fetched);
	cluster_delete_topic(client, topic);
}

static void offsets_are_found_by_time_and_epoch(void **state)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_listed_offset offset;
	struct kwire_epoch_end_offset end;
	char topic[64];

	(void)state;
	cluster_name(topic, "offsets");
	create(topic);
	produce(topic, KWIRE_CODEC_GZIP, 1000);
	must(kwire_list_offset(client, topic, 0, 1700000000500, KWIRE_READ_UNCOMMITTED, &offset,
			       NULL, &error),
	     &error);
	assert_int_equal(offset.offset, 500);
	assert_int_equal(offset.timestamp, 1700000000500);
	must(kwire_list_offset(client, topic, 0, 1800000000000, KWIRE_READ_UNCOMMITTED, &offset,
			       NULL, &error),
	     &error);
	assert_int_equal(offset.offset, -1);
	must(kwire_offset_for_leader_epoch(client, topic, 0, -1, 0, &end, NULL, &error), &error);
	assert_int_equal(end.leader_epoch, 0);
	assert_int_equal(end.end_offset, 1000);
	cluster_delete_topic(client, topic);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_java_produces_kwire_reads),
		cmocka_unit_test(what_kwire_produces_java_and_kwire_read),
		cmocka_unit_test(kcat_and_kwire_read_each_other),
		cmocka_unit_test(transactions_are_filtered_as_java_does),
		cmocka_unit_test(log_append_time_is_the_records_time),
		cmocka_unit_test(a_compacted_topic_is_read_as_java_reads_it),
		cmocka_unit_test(below_deleted_records_the_offset_is_out_of_range),
		cmocka_unit_test(offsets_are_found_by_time_and_epoch),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
