/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows `consume_…` and `produce_…`: records through a socket, end to end,
 * beside librdkafka's consumer and producer on the same server.  Both check
 * or compute every checksum.  Nobody is pinned.  Each round lets the two work
 * one after the other, each beginning at offset 0 with empty queues; the rows
 * with `_cpu` are what this process used meanwhile, all threads.
 */
#include "streams.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <kwire/api/produce.h>
#include <kwire/fetch.h>
#include <kwire/kwire.h>

#define TOTAL       ((size_t)64 << 20)
#define BATCH_BYTES 1000000 /* librdkafka's default */
#define FETCH_BYTES (1 << 20)

#if BENCH_RDKAFKA
#include <librdkafka/rdkafka.h>

enum {
	SLOTS = 4,
	MAX_ROUNDS = 32
};

/* One combination of codec and record size. */
struct stream {
	enum kwire_codec codec;
	size_t record_size;
	int64_t records; /* a round */
	const uint8_t *values;
	struct bench_server server;
	struct kwire_connection *connection;
	rd_kafka_t *consumer;
	rd_kafka_t *producer;
	rd_kafka_topic_t *from, *to;
	int64_t delivered;
};

struct spent {
	double seconds, cpu;
};

static double cpu_now(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static struct spent spent_since(double start, double cpu)
{
	return (struct spent){bench_now() - start, cpu_now() - cpu};
}

static struct spent consume_kwire(struct stream *stream)
{
	struct kwire_fetch_options options = KWIRE_FETCH_OPTIONS_INIT;
	struct kwire_fetch_target target = KWIRE_FETCH_TARGET_INIT;
	struct kwire_fetched *fetched = NULL;
	struct kwire_record record;
	struct kwire_error error;
	double start = bench_now(), cpu = cpu_now();
	int64_t seen = 0, bytes = 0;
	struct spent spent;

	options.partition_max_bytes = FETCH_BYTES;
	target.topic = BENCH_TOPIC;
	while (seen < stream->records) {
		int next;

		if (kwire_connection_fetch(stream->connection, &target, 1, &options, &fetched,
					   &error) != 0)
			bench_die("%s", error.message);
		while ((next = kwire_fetched_next(fetched, 0, &record, &error)) > 0) {
			bytes += record.value.size;
			seen++;
		}
		if (next < 0)
			bench_die("%s", error.message);
		target.offset = kwire_fetched_partition(fetched, 0)->next_offset;
	}
	spent = spent_since(start, cpu);
	if (bytes != seen * (int64_t)stream->record_size)
		bench_die("kwire: values of another size");
	kwire_fetched_free(fetched);
	return spent;
}

static struct spent consume_other(struct stream *stream)
{
	static rd_kafka_message_t *messages[10000];
	double start = bench_now(), cpu = cpu_now();
	int64_t seen = 0, bytes = 0;
	struct spent spent;

	if (rd_kafka_consume_start(stream->from, 0, 0) != 0)
		bench_die("librdkafka does not start");
	while (seen < stream->records) {
		ssize_t count = rd_kafka_consume_batch(stream->from, 0, 1000, messages, 10000);

		if (count < 0)
			bench_die("librdkafka does not consume");
		for (ssize_t i = 0; i < count; i++) {
			if (messages[i]->err != 0)
				bench_die("librdkafka: %s", rd_kafka_message_errstr(messages[i]));
			bytes += (int64_t)messages[i]->len;
			rd_kafka_message_destroy(messages[i]);
		}
		seen += count;
	}
	spent = spent_since(start, cpu);
	if (bytes != seen * (int64_t)stream->record_size)
		bench_die("librdkafka: values of another size");
	rd_kafka_consume_stop(stream->from, 0);
	return spent;
}

/* A batch on its way: its builder's memory is lent to the call. */
struct slot {
	struct kwire_batch_builder *builder;
	struct kwire_call *call;
};

static void land(struct slot *slot)
{
	struct kwire_produce_response *response = NULL;
	struct kwire_error error;

	if (slot->call == NULL)
		return;
	if (kwire_call_wait_produce(slot->call, -1, &response, &error) != 0)
		bench_die("%s", error.message);
	if (response->responses.items[0].partition_responses.items[0].error_code != 0)
		bench_die("the batch was refused");
	kwire_response_free(response);
	kwire_call_free(slot->call);
	slot->call = NULL;
}

static void launch(struct stream *stream, struct slot *slot, struct kwire_bytes batch)
{
	struct kwire_produce_request request = KWIRE_PRODUCE_REQUEST_INIT;
	struct kwire_produce_request_topic_data topic = KWIRE_PRODUCE_REQUEST_TOPIC_DATA_INIT;
	struct kwire_produce_request_topic_data_partition_data partition =
		KWIRE_PRODUCE_REQUEST_TOPIC_DATA_PARTITION_DATA_INIT;
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_error error;

	partition.records = batch;
	topic.name = KWIRE_STRING(BENCH_TOPIC);
	topic.partition_data.items = &partition;
	topic.partition_data.count = 1;
	request.acks = 1;
	request.timeout_ms = 30000;
	request.topic_data.items = &topic;
	request.topic_data.count = 1;
	if (kwire_connection_start(stream->connection, &kwire_produce_api, &request, &options,
				   &slot->call, &error) != 0)
		bench_die("%s", error.message);
}

static struct kwire_bytes value_at(const struct stream *stream, int64_t index)
{
	size_t at = (size_t)(index % (int64_t)(TOTAL / stream->record_size));

	return kwire_bytes_of(stream->values + at * stream->record_size, stream->record_size);
}

static struct spent produce_kwire(struct stream *stream)
{
	static const struct kwire_bytes null = {NULL, 0};
	struct kwire_batch_options options = KWIRE_BATCH_OPTIONS_INIT;
	struct slot slots[SLOTS] = {{NULL, NULL}};
	double start = bench_now(), cpu = cpu_now();
	struct spent spent;
	int64_t sent = 0;

	options.codec = stream->codec;
	options.max_bytes = BATCH_BYTES;
	for (int i = 0; i < SLOTS; i++)
		if (kwire_batch_builder_new(NULL, &slots[i].builder, NULL) != 0)
			bench_die("no memory");
	for (int i = 0; sent < stream->records; i = (i + 1) % SLOTS) {
		struct slot *slot = &slots[i];
		struct kwire_bytes batch;

		land(slot);
		if (kwire_batch_builder_begin(slot->builder, &options, NULL) != 0)
			bench_die("no batch");
		while (sent < stream->records &&
		       kwire_batch_builder_add(slot->builder, 1700000000000 + sent, null,
					       value_at(stream, sent), NULL, 0, NULL) == 0)
			sent++;
		if (kwire_batch_builder_end(slot->builder, &batch, NULL) != 0)
			bench_die("no batch");
		launch(stream, slot, batch);
	}
	for (int i = 0; i < SLOTS; i++)
		land(&slots[i]);
	spent = spent_since(start, cpu);
	for (int i = 0; i < SLOTS; i++)
		kwire_batch_builder_free(slots[i].builder);
	return spent;
}

static void delivered(rd_kafka_t *producer, const rd_kafka_message_t *message, void *context)
{
	struct stream *stream = context;

	(void)producer;
	if (message->err != 0)
		bench_die("librdkafka: %s", rd_kafka_err2str(message->err));
	stream->delivered++;
}

static struct spent produce_other(struct stream *stream)
{
	double start = bench_now(), cpu = cpu_now();

	stream->delivered = 0;
	for (int64_t sent = 0; sent < stream->records; sent++) {
		struct kwire_bytes value = value_at(stream, sent);

		/* No flag: the values stay where they are, uncopied. */
		while (rd_kafka_produce(stream->to, 0, 0, (void *)(uintptr_t)value.data,
					(size_t)value.size, NULL, 0, NULL) != 0)
			rd_kafka_poll(stream->producer, 10);
		if (sent % 1000 == 0)
			rd_kafka_poll(stream->producer, 0);
	}
	while (stream->delivered < stream->records)
		rd_kafka_poll(stream->producer, 100);
	return spent_since(start, cpu);
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
	char text[256];

	if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) != RD_KAFKA_CONF_OK)
		bench_die("librdkafka: %s", text);
}

static rd_kafka_t *other_open(const struct stream *stream, rd_kafka_type_t type)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char servers[32], text[256];
	rd_kafka_t *client;

	snprintf(servers, sizeof(servers), "127.0.0.1:%d", stream->server.port);
	set(conf, "bootstrap.servers", servers);
	if (type == RD_KAFKA_CONSUMER) {
		set(conf, "check.crcs", "true");
		/* What it fetches ahead counts as its work, so not 64 MiB of it. */
		set(conf, "queued.max.messages.kbytes", "8192");
	} else {
		set(conf, "queue.buffering.max.messages", "1000000");
		set(conf, "compression.codec", kwire_codec_name(stream->codec));
		set(conf, "acks", "1");
		rd_kafka_conf_set_dr_msg_cb(conf, delivered);
		rd_kafka_conf_set_opaque(conf, (void *)(uintptr_t)stream);
	}
	client = rd_kafka_new(type, conf, text, sizeof(text));
	if (client == NULL)
		bench_die("librdkafka: %s", text);
	return client;
}

static void measure(struct stream *stream, const char *direction,
		    struct spent (*kwire)(struct stream *), struct spent (*other)(struct stream *),
		    double goal)
{
	struct bench_row rate = {.unit = "MB/s", .goal = goal};
	struct bench_row cpu = {.unit = "s/GB", .at_most = true};
	double megabytes = (double)stream->records * (double)stream->record_size / 1e6;
	double values[4][MAX_ROUNDS], ratios[2][MAX_ROUNDS];
	int rounds = bench_options.rounds < MAX_ROUNDS ? bench_options.rounds : MAX_ROUNDS;

	snprintf(rate.name, sizeof(rate.name), "%s_%s_%zu", direction,
		 kwire_codec_name(stream->codec), stream->record_size);
	snprintf(cpu.name, sizeof(cpu.name), "%.50s_cpu", rate.name);
	if (stream->codec == KWIRE_CODEC_NONE && kwire == consume_kwire)
		cpu.goal = 1 / 3.0;
	kwire(stream);
	other(stream);
	for (int i = 0; i < rounds; i++) {
		struct spent first = (i % 2 == 0 ? kwire : other)(stream);
		struct spent second = (i % 2 == 0 ? other : kwire)(stream);
		struct spent ours = i % 2 == 0 ? first : second,
			     theirs = i % 2 == 0 ? second : first;

		values[0][i] = megabytes / ours.seconds;
		values[1][i] = megabytes / theirs.seconds;
		ratios[0][i] = values[0][i] / values[1][i];
		values[2][i] = ours.cpu / megabytes * 1e3;
		values[3][i] = theirs.cpu / megabytes * 1e3;
		ratios[1][i] = values[2][i] / values[3][i];
	}
	for (int i = 0; i < 2; i++) {
		struct bench_row *row = i == 0 ? &rate : &cpu;

		row->value = bench_median(values[2 * i], rounds);
		row->limit = bench_median(values[2 * i + 1], rounds);
		row->ratio = bench_median(ratios[i], rounds);
		row->low = ratios[i][0];
		row->high = ratios[i][rounds - 1];
		bench_add(row);
	}
}

static bool wants(const char *direction, enum kwire_codec codec, size_t record_size)
{
	char name[64];

	snprintf(name, sizeof(name), "%s_%s_%zu", direction, kwire_codec_name(codec), record_size);
	return bench_wants(name);
}

static void stream_open(struct stream *stream, const struct bench_log *log)
{
	struct kwire_config *config = kwire_config_new();
	struct kwire_error error;

	stream->server = bench_cluster_start(log, 1, 0);
	if (kwire_connection_open(config, "127.0.0.1", stream->server.port, 5000,
				  &stream->connection, &error) != 0)
		bench_die("%s", error.message);
	kwire_config_free(config);
	stream->consumer = other_open(stream, RD_KAFKA_CONSUMER);
	stream->producer = other_open(stream, RD_KAFKA_PRODUCER);
	stream->from = rd_kafka_topic_new(stream->consumer, BENCH_TOPIC, NULL);
	stream->to = rd_kafka_topic_new(stream->producer, BENCH_TOPIC, NULL);
}

static void stream_close(struct stream *stream)
{
	kwire_connection_close(stream->connection);
	rd_kafka_topic_destroy(stream->from);
	rd_kafka_topic_destroy(stream->to);
	rd_kafka_destroy(stream->consumer);
	rd_kafka_destroy(stream->producer);
	bench_server_stop(&stream->server);
}

static void run(const uint8_t *values, enum kwire_codec codec, size_t record_size)
{
	/* MiB a round, so that every round takes some tenths of a second. */
	static const int64_t consumed[] = {256, 64, 192, 192, 128},
			     produced[] = {128, 8, 64, 64, 32};
	struct stream stream = {.codec = codec, .record_size = record_size, .values = values};
	double goal = codec == KWIRE_CODEC_NONE || codec == KWIRE_CODEC_LZ4 ? 1.5 : 1.0;
	struct bench_log log;

	if (!kwire_codec_built(codec) ||
	    (!wants("consume", codec, record_size) && !wants("produce", codec, record_size)))
		return;
	bench_log_make(&log, values, TOTAL, record_size, codec);
	stream_open(&stream, &log);
	stream.records = (consumed[codec] << 20) / (int64_t)record_size;
	if (record_size < 1024)
		stream.records /= 2;
	if (wants("consume", codec, record_size))
		measure(&stream, "consume", consume_kwire, consume_other, goal);
	stream.records = (produced[codec] << 20) / (int64_t)record_size;
	if (record_size < 1024)
		stream.records /= 2;
	/* Both spend their time in the same compressor. */
	if (codec != KWIRE_CODEC_NONE)
		goal = 1.0;
	if (wants("produce", codec, record_size))
		measure(&stream, "produce", produce_kwire, produce_other, goal);
	stream_close(&stream);
	bench_log_free(&log);
}

void bench_streams(void)
{
	static const size_t sizes[] = {1024, 100};
	uint8_t *values;

	if (!bench_wants("consume_") && !bench_wants("produce_"))
		return;
	values = malloc(TOTAL);
	if (values == NULL)
		bench_die("no memory");
	bench_fill(values, TOTAL);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (int codec = 0; codec <= KWIRE_CODEC_ZSTD; codec++)
			run(values, (enum kwire_codec)codec, sizes[i]);
	free(values);
}

#else
void bench_streams(void)
{
	if (bench_wants("consume_") || bench_wants("produce_"))
		puts("consume_, produce_: left out, librdkafka is not installed "
		     "(tools/install-deps.sh bench)");
}
#endif
