/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kwire's records beside those of Kafka's own clients, and of librdkafka: what
 * one writes the other reads, by checksum over every record; transactions,
 * LogAppendTime, compaction, deleted records.  tests/interop/java/Records.java
 * is Kafka's side.
 */
#include "cluster.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kwire/api/create_topics.h>
#include <kwire/api/delete_records.h>
#include <kwire/fetch.h>

#include "records/crc.h"
#include "records/varint.h"

#define RECORDS 4000 /* a codec and direction: 20,000 in all, 64 MiB */

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
}

static void check_same(struct digest a, struct digest b)
{
	assert_int_equal(a.count, b.count);
	assert_int_equal(a.sum, b.sum);
}

/* Runs Records.java; what it printed. */
static struct digest java(const char *arguments)
{
	struct digest digest = {0, 0};
	char command[1024];
	FILE *output;

	snprintf(command, sizeof(command),
		 "tools/kafka/cluster java tests/interop/java/Records.java %s", arguments);
	output = popen(command, "r");
	assert_non_null(output);
	if (fscanf(output, "%ld %" SCNx32, &digest.count, &digest.sum) != 2)
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
	struct digest digest = {0, 0};
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

/* Random records in batches of random size, by kwire; their digest. */
static struct digest produce(const char *topic, enum kwire_codec codec, int records)
{
	static uint8_t text[1 << 20];
	struct kwire_batch_options options = KWIRE_BATCH_OPTIONS_INIT;
	struct kwire_batch_builder *builder = NULL;
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct digest digest = {0, 0};
	struct kwire_produced produced;
	struct kwire_bytes batch;

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)(i / 5000 % 2 ? pick(256) : (uint32_t) "kwire\xc3\xa9"[pick(7)]);
	options.codec = codec;
	options.max_bytes = 1000000;
	must(kwire_batch_builder_new(NULL, &builder, &error), &error);
	for (int sent = 0; sent < records;) {
		int wanted = 1 + (int)pick(200);

		must(kwire_batch_builder_begin(builder, &options, &error), &error);
		for (; wanted > 0 && sent < records; wanted--, sent++) {
			struct kwire_bytes null = {NULL, 0}, key, value;
			struct kwire_header header = {KWIRE_STRING_INIT("h\xc3\xa9"), {NULL, 0}};
			uint32_t size = pick(1000) == 0 ? pick(900 << 10)
					: pick(4) == 0  ? pick(8000)
							: pick(200);

			key = pick(5) == 0 ? null : kwire_bytes_of(text + pick(1000), pick(30));
			value = pick(20) == 0 ? null : kwire_bytes_of(text + pick(1000), size);
			if (pick(2) == 0)
				header.value = kwire_bytes_of(text, pick(9));
			if (kwire_batch_builder_add(builder, 1700000000000 + sent, key, value,
						    &header, sent % 2, &error) != 0)
				break;
			sum_record(&digest, sent, 1700000000000 + sent, key, value);
			if (sent % 2) {
				sum_bytes(&digest, header.key.data, header.key.size);
				sum_bytes(&digest, header.value.data, header.value.size);
			}
		}
		must(kwire_batch_builder_end(builder, &batch, &error), &error);
		must(kwire_produce_batch(client, topic, 0, batch, NULL, &produced, &error), &error);
	}
	kwire_batch_builder_free(builder);
	return digest;
}

/* A topic with one property set. */
static void create_with(const char *topic, const char *name, const char *value)
{
	struct kwire_create_topics_request_topic_config config =
		KWIRE_CREATE_TOPICS_REQUEST_TOPIC_CONFIG_INIT;
	struct kwire_create_topics_request_topic entry = KWIRE_CREATE_TOPICS_REQUEST_TOPIC_INIT;
	struct kwire_create_topics_request request = KWIRE_CREATE_TOPICS_REQUEST_INIT;
	struct kwire_create_topics_response *response = NULL;
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct cluster_patience patience = {0};
	struct kwire_listed_offset end;

	config.name = kwire_string(name);
	config.value = kwire_string(value);
	entry.name = kwire_string(topic);
	entry.num_partitions = 1;
	entry.replication_factor = 2;
	entry.configs.items = &config;
	entry.configs.count = 1;
	request.topics.items = &entry;
	request.topics.count = 1;
	request.timeout_ms = 10000;
	must(kwire_send_create_topics(client, &request, &response, &error), &error);
	must_answer(response->topics.items[0].error_code, NONE);
	kwire_response_free(response);
	/* Until every broker knows of it. */
	while (kwire_list_offset(client, topic, 0, KWIRE_OFFSET_LATEST, KWIRE_READ_UNCOMMITTED,
				 &end, NULL, &error) != 0 &&
	       cluster_again(&patience))
		;
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
		cluster_create_topic(client, topic, 1, 2);
		snprintf(arguments, sizeof(arguments), "produce %s %s %s %d %d",
			 cluster_bootstrap(NULL), topic, kwire_codec_name((enum kwire_codec)codec),
			 RECORDS, codec + 1);
		written = java(arguments);
		assert_int_equal(written.count, RECORDS);
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
		cluster_create_topic(client, topic, 1, 2);
		written = produce(topic, (enum kwire_codec)codec, RECORDS);
		check_same(java_consume(topic, "read_uncommitted"), written);
		check_same(consume(topic, KWIRE_READ_UNCOMMITTED), written);
		cluster_delete_topic(client, topic);
	}
}

/* The sum of `command`'s output. */
static struct digest shell(const char *command)
{
	struct digest digest = {0, 0};
	char piece[4096];
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

/* Keys and values of partition 0, as kcat prints them. */
static struct digest lines(const char *topic)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_fetched *fetched = NULL;
	struct kwire_record record;
	struct digest digest = {0, 0};
	int64_t offset = 0;
	int result;

	do {
		must(kwire_fetch_partition(client, topic, 0, offset, NULL, &fetched, &error),
		     &error);
		while ((result = kwire_fetched_next(fetched, 0, &record, &error)) > 0) {
			digest.sum = kw_crc32c(digest.sum, record.key.data,
					       (size_t)record.key.size);
			digest.sum = kw_crc32c(digest.sum, ":", 1);
			digest.sum = kw_crc32c(digest.sum, record.value.data,
					       (size_t)record.value.size);
			digest.sum = kw_crc32c(digest.sum, "\n", 1);
			digest.count += record.key.size + record.value.size + 2;
		}
		must(result, &error);
		offset = kwire_fetched_partition(fetched, 0)->next_offset;
	} while (offset < kwire_fetched_partition(fetched, 0)->high_watermark);
	kwire_fetched_free(fetched);
	return digest;
}

static void kcat_and_kwire_read_each_other(void **state)
{
	static const char lines_of[] = "seq 1 20000 | sed 's/.*/key&:value & h\303\251llo &&&&/'";
	char topic[64], command[1024];

	(void)state;
	if (system("command -v kcat >/dev/null") != 0)
		skip();
	for (int codec = 0; codec <= KWIRE_CODEC_ZSTD; codec++) {
		if (!kwire_codec_built((enum kwire_codec)codec))
			continue;
		struct digest written = shell(lines_of);

		cluster_name(topic, "kcat");
		cluster_create_topic(client, topic, 1, 2);
		snprintf(command, sizeof(command), "%s | kcat -P -b %s -t %s -p 0 -K : -z %s 2>&1",
			 lines_of, cluster_bootstrap(NULL), topic,
			 kwire_codec_name((enum kwire_codec)codec));
		shell(command);
		check_same(lines(topic), written);
		cluster_delete_topic(client, topic);

		cluster_name(topic, "kcat");
		cluster_create_topic(client, topic, 1, 2);
		produce(topic, (enum kwire_codec)codec, 1000);
		snprintf(command, sizeof(command),
			 "kcat -C -b %s -t %s -p 0 -o beginning -e -q -K : 2>/dev/null",
			 cluster_bootstrap(NULL), topic);
		check_same(shell(command), lines(topic));
		cluster_delete_topic(client, topic);
	}
}

static void transactions_are_filtered_as_java_does(void **state)
{
	char topic[64], arguments[512];
	struct digest committed, all;

	(void)state;
	for (int round = 0; round < 2; round++) {
		cluster_name(topic, "transactions");
		cluster_create_topic(client, topic, 1, 2);
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
	create_with(topic, "message.timestamp.type", "LogAppendTime");
	produce(topic, KWIRE_CODEC_NONE, 300);
	if (kwire_codec_built(KWIRE_CODEC_LZ4))
		produce(topic, KWIRE_CODEC_LZ4, 300);
	check_same(consume(topic, KWIRE_READ_UNCOMMITTED), java_consume(topic, "read_uncommitted"));
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
	cluster_create_topic(client, topic, 1, 1);
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
	cluster_create_topic(client, topic, 1, 2);
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
		cmocka_unit_test(below_deleted_records_the_offset_is_out_of_range),
		cmocka_unit_test(offsets_are_found_by_time_and_epoch),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
