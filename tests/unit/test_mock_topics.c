/* SPDX-License-Identifier: Apache-2.0 */
/* The mock's topics: administration, producing, fetching, offsets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <kwire/api/create_partitions.h>
#include <kwire/api/create_topics.h>
#include <kwire/api/delete_records.h>
#include <kwire/api/delete_topics.h>
#include <kwire/api/describe_cluster.h>
#include <kwire/api/describe_configs.h>
#include <kwire/api/fetch.h>
#include <kwire/api/incremental_alter_configs.h>
#include <kwire/api/list_offsets.h>
#include <kwire/api/metadata.h>
#include <kwire/api/offset_for_leader_epoch.h>
#include <kwire/api/produce.h>
#include <kwire/mock.h>
#include <kwire/records.h>

#include "../support/wire.h"

static const int64_t patience_ms = 10000;

struct scene {
	struct kwire_mock *mock;
	int fd; /* to broker 1, the only one unless a test opens more */
};

static int set_up(void **state)
{
	struct kwire_mock_options options = KWIRE_MOCK_OPTIONS_INIT;
	struct scene *scene = calloc(1, sizeof(*scene));

	options.brokers = 1;
	options.flags = KWIRE_MOCK_MANUAL_TIME;
	if (kwire_mock_open(&options, &scene->mock, NULL) != 0)
		return -1;
	scene->fd = wire_connect(kwire_mock_port(scene->mock, 1));
	*state = scene;
	return scene->fd < 0;
}

static int tear_down(void **state)
{
	struct scene *scene = *state;

	close(scene->fd);
	kwire_mock_close(scene->mock);
	free(scene);
	return 0;
}

/* ------------------------------------------------------------ administration */

static int16_t create(int fd, int16_t version, const char *name, int32_t partitions,
		      int16_t replicas, bool validate_only)
{
	struct kwire_create_topics_request request = KWIRE_CREATE_TOPICS_REQUEST_INIT;
	struct kwire_create_topics_request_topic topic = KWIRE_CREATE_TOPICS_REQUEST_TOPIC_INIT;
	struct kwire_create_topics_response *response;
	int16_t code;

	topic.name = kwire_string(name);
	topic.num_partitions = partitions;
	topic.replication_factor = replicas;
	request.topics.items = &topic;
	request.topics.count = 1;
	request.validate_only = validate_only;
	response = wire_call(fd, &kwire_create_topics_api, version, &request);
	assert_non_null(response);
	assert_int_equal(response->topics.count, 1);
	code = response->topics.items[0].error_code;
	if (code == 0 && version >= 5 && !validate_only)
		assert_int_equal(response->topics.items[0].num_partitions, partitions);
	if (code != 0)
		assert_non_null(response->topics.items[0].error_message.data);
	kwire_response_free(response);
	return code;
}

static void topics_are_created_once_with_names_and_numbers_that_are_allowed(void **state)
{
	struct scene *scene = *state;

	for (int16_t version = 2; version <= 7; version++) {
		char name[] = {'t', (char)('0' + version), 0};

		assert_int_equal(create(scene->fd, version, name, 3, 1, true), 0);
		assert_int_equal(create(scene->fd, version, name, 3, 1, false), 0);
		assert_int_equal(create(scene->fd, version, name, 3, 1, false), 36);
	}
	assert_int_equal(create(scene->fd, 7, "bad name", 1, 1, false), 17);
	assert_int_equal(create(scene->fd, 7, "zero", 0, 1, false), 37);
	assert_int_equal(create(scene->fd, 7, "many", 1, 2, false), 38);
}

static void before_kraft_only_the_controller_creates(void **state)
{
	struct kwire_mock *mock;
	int fds[2];

	(void)state;
	assert_int_equal(kwire_mock_open(NULL, &mock, NULL), 0);
	assert_int_equal(kwire_mock_set_versions(mock, -1, "2.8", NULL), 0);
	assert_int_equal(kwire_mock_set_controller(mock, 2, NULL), 0);
	for (int i = 0; i < 2; i++)
		fds[i] = wire_connect(kwire_mock_port(mock, i + 1));
	assert_int_equal(create(fds[0], 5, "t", 1, 1, false), 41);
	assert_int_equal(create(fds[1], 5, "t", 1, 1, false), 0);
	assert_int_equal(kwire_mock_set_versions(mock, -1, "newest", NULL), 0);
	assert_int_equal(create(fds[0], 5, "u", 1, 1, false), 0);
	close(fds[0]);
	close(fds[1]);
	kwire_mock_close(mock);
}

static void topics_grow_and_are_deleted_by_name_or_id(void **state)
{
	struct kwire_create_partitions_request grow = KWIRE_CREATE_PARTITIONS_REQUEST_INIT;
	struct kwire_create_partitions_request_topic topic =
		KWIRE_CREATE_PARTITIONS_REQUEST_TOPIC_INIT;
	struct kwire_create_partitions_response *grown;
	struct kwire_delete_topics_request request = KWIRE_DELETE_TOPICS_REQUEST_INIT;
	struct kwire_delete_topics_request_topic gone = KWIRE_DELETE_TOPICS_REQUEST_TOPIC_INIT;
	struct kwire_delete_topics_response *deleted;
	struct kwire_metadata_request metadata = KWIRE_METADATA_REQUEST_INIT;
	struct kwire_metadata_response *known;
	static const int16_t expected[2] = {0, 37};
	struct scene *scene = *state;

	assert_int_equal(kwire_mock_create_topic(scene->mock, "t", 2, NULL), 0);
	topic.name = KWIRE_STRING("t");
	topic.count = 5;
	topic.assignments.count = -1;
	grow.topics.items = &topic;
	grow.topics.count = 1;
	for (int i = 0; i < 2; i++) {
		grown = wire_call(scene->fd, &kwire_create_partitions_api, 3, &grow);
		assert_int_equal(grown->results.items[0].error_code, expected[i]);
		kwire_response_free(grown);
	}
	metadata.topics.count = -1;
	known = wire_call(scene->fd, &kwire_metadata_api, 12, &metadata);
	assert_int_equal(known->topics.items[0].partitions.count, 5);
	gone.topic_id = known->topics.items[0].topic_id;
	request.topics.items = &gone;
	request.topics.count = 1;
	deleted = wire_call(scene->fd, &kwire_delete_topics_api, 6, &request);
	assert_int_equal(deleted->responses.items[0].error_code, 0);
	assert_true(kwire_string_equal(deleted->responses.items[0].name, "t"));
	kwire_response_free(deleted);
	deleted = wire_call(scene->fd, &kwire_delete_topics_api, 6, &request);
	assert_int_equal(deleted->responses.items[0].error_code, 100);
	kwire_response_free(deleted);
	kwire_response_free(known);
}

static void configs_are_set_shown_and_reset(void **state)
{
	struct kwire_incremental_alter_configs_request alter =
		KWIRE_INCREMENTAL_ALTER_CONFIGS_REQUEST_INIT;
	struct kwire_incremental_alter_configs_request_resource changed =
		KWIRE_INCREMENTAL_ALTER_CONFIGS_REQUEST_RESOURCE_INIT;
	struct kwire_incremental_alter_configs_request_resource_config config =
		KWIRE_INCREMENTAL_ALTER_CONFIGS_REQUEST_RESOURCE_CONFIG_INIT;
	struct kwire_describe_configs_request describe = KWIRE_DESCRIBE_CONFIGS_REQUEST_INIT;
	struct kwire_describe_configs_request_resource asked =
		KWIRE_DESCRIBE_CONFIGS_REQUEST_RESOURCE_INIT;
	struct kwire_string key = KWIRE_STRING("retention.ms");
	struct scene *scene = *state;

	assert_int_equal(kwire_mock_create_topic(scene->mock, "t", 1, NULL), 0);
	asked.resource_type = changed.resource_type = 2;
	asked.resource_name = changed.resource_name = KWIRE_STRING("t");
	asked.configuration_keys.items = &key;
	asked.configuration_keys.count = 1;
	describe.resources.items = &asked;
	describe.resources.count = 1;
	describe.include_synonyms = true;
	config.name = key;
	changed.configs.items = &config;
	changed.configs.count = 1;
	alter.resources.items = &changed;
	alter.resources.count = 1;
	for (int i = 0; i < 2; i++) {
		struct kwire_incremental_alter_configs_response *altered;
		struct kwire_describe_configs_response *shown;

		config.config_operation = (int8_t)i;
		config.value = i == 0 ? KWIRE_STRING("77") : kwire_string(NULL);
		altered = wire_call(scene->fd, &kwire_incremental_alter_configs_api, 1, &alter);
		assert_int_equal(altered->responses.items[0].error_code, 0);
		kwire_response_free(altered);
		shown = wire_call(scene->fd, &kwire_describe_configs_api, 4, &describe);
		assert_int_equal(shown->results.items[0].error_code, 0);
		assert_int_equal(shown->results.items[0].configs.count, 1);
		assert_true(kwire_string_equal(shown->results.items[0].configs.items[0].value,
					       i == 0 ? "77" : "604800000"));
		assert_int_equal(shown->results.items[0].configs.items[0].config_source,
				 i == 0 ? 1 : 5);
		kwire_response_free(shown);
	}
}

static void configs_that_are_no_numbers_are_refused(void **state)
{
	static const struct {
		const char *name, *value;
		bool good;
	} cases[] = {
		{"retention.ms", "-1", true},
		{"retention.ms", "604800000", true},
		{"retention.ms", "", false},
		{"retention.ms", "-", false},
		{"retention.ms", "1.5", false},
		{"retention.ms", "1e3", false},
		{"retention.ms", "7 days", false},
		{"min.cleanable.dirty.ratio", "0.001", true},
		{"min.cleanable.dirty.ratio", "1", true},
		{"min.cleanable.dirty.ratio", ".5", true},
		{"min.cleanable.dirty.ratio", "1.", true},
		{"min.cleanable.dirty.ratio", "+2.5E-1", true},
		{"min.cleanable.dirty.ratio", "", false},
		{"min.cleanable.dirty.ratio", ".", false},
		{"min.cleanable.dirty.ratio", "0,5", false},
		{"min.cleanable.dirty.ratio", "e5", false},
		{"min.cleanable.dirty.ratio", "1e", false},
		{"min.cleanable.dirty.ratio", "1e+", false},
		{"min.cleanable.dirty.ratio", "0.5.5", false},
		{"min.cleanable.dirty.ratio", "half", false},
		{"preallocate", "true", true},
		{"preallocate", "1", false},
		{"no.such.property", "1", false},
	};
	struct kwire_incremental_alter_configs_request alter =
		KWIRE_INCREMENTAL_ALTER_CONFIGS_REQUEST_INIT;
	struct kwire_incremental_alter_configs_request_resource changed =
		KWIRE_INCREMENTAL_ALTER_CONFIGS_REQUEST_RESOURCE_INIT;
	struct kwire_incremental_alter_configs_request_resource_config config =
		KWIRE_INCREMENTAL_ALTER_CONFIGS_REQUEST_RESOURCE_CONFIG_INIT;
	struct kwire_incremental_alter_configs_response *taken_back;
	struct scene *scene = *state;

	assert_int_equal(kwire_mock_create_topic(scene->mock, "t", 1, NULL), 0);
	changed.resource_type = 2;
	changed.resource_name = KWIRE_STRING("t");
	changed.configs.items = &config;
	changed.configs.count = 1;
	alter.resources.items = &changed;
	alter.resources.count = 1;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct kwire_incremental_alter_configs_response *altered;

		config.name = kwire_string(cases[i].name);
		config.value = kwire_string(cases[i].value);
		altered = wire_call(scene->fd, &kwire_incremental_alter_configs_api, 1, &alter);
		if (altered->responses.items[0].error_code != (cases[i].good ? 0 : 40))
			fail_msg("%s = '%s' is answered %d", cases[i].name, cases[i].value,
				 altered->responses.items[0].error_code);
		kwire_response_free(altered);
	}
	/* Taking one back needs no value, whatever its type. */
	config.name = KWIRE_STRING("preallocate");
	config.value = kwire_string(NULL);
	config.config_operation = 1;
	taken_back = wire_call(scene->fd, &kwire_incremental_alter_configs_api, 1, &alter);
	assert_int_equal(taken_back->responses.items[0].error_code, 0);
	kwire_response_free(taken_back);
}

static void the_cluster_describes_itself(void **state)
{
	struct kwire_describe_cluster_request request = KWIRE_DESCRIBE_CLUSTER_REQUEST_INIT;
	struct scene *scene = *state;
	struct kwire_describe_cluster_response *response = wire_call(
		scene->fd, &kwire_describe_cluster_api, 1, &request);

	assert_non_null(response);
	assert_true(kwire_string_equal(response->cluster_id, "kwire-mock"));
	assert_int_equal(response->brokers.count, 1);
	assert_int_equal(response->controller_id, 1);
	kwire_response_free(response);
}

/* ---------------------------------------------------------------- producing */

struct batch {
	struct kwire_batch_builder *builder;
	struct kwire_bytes bytes;
};

static struct batch batch_of(int count, int64_t timestamp, int64_t producer_id, int16_t epoch,
			     int32_t sequence)
{
	struct kwire_batch_options options = KWIRE_BATCH_OPTIONS_INIT;
	struct batch batch;

	options.producer_id = producer_id;
	options.producer_epoch = epoch;
	options.base_sequence = sequence;
	assert_int_equal(kwire_batch_builder_new(NULL, &batch.builder, NULL), 0);
	assert_int_equal(kwire_batch_builder_begin(batch.builder, &options, NULL), 0);
	for (int i = 0; i < count; i++)
		assert_int_equal(kwire_batch_builder_add(batch.builder, timestamp + i,
							 kwire_bytes_of("k", 1),
							 kwire_bytes_of("value", 5), NULL, 0, NULL),
				 0);
	assert_int_equal(kwire_batch_builder_end(batch.builder, &batch.bytes, NULL), 0);
	return batch;
}

static struct kwire_produce_response *produce(int fd, int16_t version, const char *topic,
					      int32_t partition, struct kwire_bytes records,
					      int16_t acks)
{
	struct kwire_produce_request request = KWIRE_PRODUCE_REQUEST_INIT;
	struct kwire_produce_request_topic_data data = KWIRE_PRODUCE_REQUEST_TOPIC_DATA_INIT;
	struct kwire_produce_request_topic_data_partition_data p =
		KWIRE_PRODUCE_REQUEST_TOPIC_DATA_PARTITION_DATA_INIT;

	data.name = kwire_string(topic);
	data.partition_data.items = &p;
	data.partition_data.count = 1;
	p.index = partition;
	p.records = records;
	request.topic_data.items = &data;
	request.topic_data.count = 1;
	request.acks = acks;
	request.timeout_ms = 1000;
	if (acks == 0) {
		assert_int_equal(wire_send(fd, &kwire_produce_api, version, 1, &request), 0);
		return NULL;
	}
	return wire_call(fd, &kwire_produce_api, version, &request);
}

/* Produces one batch; its error code, and the offset it was given. */
static int16_t put(int fd, struct kwire_bytes records, int64_t *offset)
{
	struct kwire_produce_response *response = produce(fd, 9, "t", 0, records, -1);
	int16_t code;

	assert_non_null(response);
	code = response->responses.items[0].partition_responses.items[0].error_code;
	*offset = response->responses.items[0].partition_responses.items[0].base_offset;
	kwire_response_free(response);
	return code;
}

static void batches_are_checked_and_appended(void **state)
{
	struct scene *scene = *state;
	struct batch batch = batch_of(3, 1000, -1, -1, -1);
	uint8_t broken[200];
	int64_t offset;

	assert_int_equal(put(scene->fd, batch.bytes, &offset), 3);
	assert_int_equal(kwire_mock_create_topic(scene->mock, "t", 1, NULL), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(put(scene->fd, batch.bytes, &offset), 0);
		assert_int_equal(offset, 3 * i);
	}
	memcpy(broken, batch.bytes.data, (size_t)batch.bytes.size);
	broken[batch.bytes.size - 1] ^= 1;
	assert_int_equal(put(scene->fd, kwire_bytes_of(broken, (size_t)batch.bytes.size), &offset),
			 2);
	assert_int_equal(put(scene->fd, kwire_bytes_of(broken, 30), &offset), 2);
	assert_int_equal(kwire_mock_end_offset(scene->mock, "t", 0, &offset, NULL), 0);
	assert_int_equal(offset, 9);
	kwire_batch_builder_free(batch.builder);
}

static void a_producers_sequence_is_kept(void **state)
{
	struct scene *scene = *state;
	struct batch batches[3];
	struct batch newer = batch_of(1, 1, 7, 1, 0);
	struct batch old = batch_of(1, 1, 7, 0, 4);
	int64_t offset;

	for (int i = 0; i < 3; i++)
		batches[i] = batch_of(2, 1, 7, 0, 2 * i);
	assert_int_equal(kwire_mock_create_topic(scene->mock, "t", 1, NULL), 0);
	assert_int_equal(put(scene->fd, batches[0].bytes, &offset), 0);
	assert_int_equal(put(scene->fd, batches[2].bytes, &offset), 45);
	assert_int_equal(put(scene->fd, batches[1].bytes, &offset), 0);
	assert_int_equal(offset, 2);
	/* The same batch again: not appended again, the same offset. */
	assert_int_equal(put(scene->fd, batches[0].bytes, &offset), 0);
	assert_int_equal(offset, 0);
	assert_int_equal(put(scene->fd, newer.bytes, &offset), 0);
	assert_int_equal(offset, 4);
	assert_int_equal(put(scene->fd, old.bytes, &offset), 47);
	for (int i = 0; i < 3; i++)
		kwire_batch_builder_free(batches[i].builder);
	kwire_batch_builder_free(newer.builder);
	kwire_batch_builder_free(old.builder);
}

static void acks_zero_gets_no_answer_and_a_failure_ends_the_connection(void **state)
{
	struct scene *scene = *state;
	struct batch batch = batch_of(1, 1, -1, -1, -1);
	uint8_t *frame;
	int64_t offset;

	assert_int_equal(kwire_mock_create_topic(scene->mock, "t", 1, NULL), 0);
	assert_null(produce(scene->fd, 9, "t", 0, batch.bytes, 0));
	assert_int_equal(put(scene->fd, batch.bytes, &offset), 0);
	assert_int_equal(offset, 1);
	assert_null(produce(scene->fd, 9, "no-such-topic", 0, batch.bytes, 0));
	assert_int_equal(wire_receive(scene->fd, &frame), -1);
	kwire_batch_builder_free(batch.builder);
}

static void the_wrong_broker_says_who_leads(void **state)
{
	struct batch batch = batch_of(1, 1, -1, -1, -1);
	struct kwire_produce_response *response;
	struct kwire_mock *mock;
	int fd;

	(void)state;
	assert_int_equal(kwire_mock_open(NULL, &mock, NULL), 0);
	assert_int_equal(kwire_mock_create_topic(mock, "t", 1, NULL), 0);
	assert_int_equal(kwire_mock_set_leader(mock, "t", 0, 3, NULL), 0);
	fd = wire_connect(kwire_mock_port(mock, 1));
	response = produce(fd, 10, "t", 0, batch.bytes, 1);
	assert_non_null(response);
	assert_int_equal(response->responses.items[0].partition_responses.items[0].error_code, 6);
	assert_int_equal(
		response->responses.items[0].partition_responses.items[0].current_leader.leader_id,
		3);
	assert_int_equal(response->node_endpoints.count, 1);
	assert_int_equal(response->node_endpoints.items[0].port, kwire_mock_port(mock, 3));
	kwire_response_free(response);
	kwire_batch_builder_free(batch.builder);
	close(fd);
	kwire_mock_close(mock);
}

/* ----------------------------------------------------------------- fetching */

struct fetching {
	struct kwire_fetch_request request;
	struct kwire_fetch_request_topic topic;
	struct kwire_fetch_request_topic_partition partition;
};

static void fetching_init(struct fetching *f, int64_t offset, int32_t wait_ms, int32_t min_bytes)
{
	static const struct kwire_fetch_request request = KWIRE_FETCH_REQUEST_INIT;
	static const struct kwire_fetch_request_topic topic = KWIRE_FETCH_REQUEST_TOPIC_INIT;
	static const struct kwire_fetch_request_topic_partition partition =
		KWIRE_FETCH_REQUEST_TOPIC_PARTITION_INIT;

	f->request = request;
	f->topic = topic;
	f->partition = partition;
	f->request.max_wait_ms = wait_ms;
	f->request.min_bytes = min_bytes;
	f->request.max_bytes = 1 << 20;
	f->request.topics.items = &f->topic;
	f->request.topics.count = 1;
	f->topic.topic = KWIRE_STRING("t");
	f->topic.partitions.items = &f->partition;
	f->topic.partitions.count = 1;
	f->partition.fetch_offset = offset;
	f->partition.partition_max_bytes = 1 << 20;
}

/* Offsets of the records in a fetch's only partition. */
static int records_in(const struct kwire_fetch_response *response, int64_t *first)
{
	struct kwire_batch_reader *reader;
	struct kwire_batch batch;
	struct kwire_record record;
	int count = 0;

	assert_int_equal(kwire_batch_reader_new(NULL, &reader, NULL), 0);
	kwire_batch_reader_start(reader, response->responses.items[0].partitions.items[0].records);
	while (kwire_batch_reader_next(reader, &batch, NULL) == 1)
		while (kwire_batch_reader_record(reader, &record, NULL) == 1)
			if (count++ == 0)
				*first = record.offset;
	kwire_batch_reader_free(reader);
	return count;
}

static void what_was_appended_is_fetched_in_every_version(void **state)
{
	struct kwire_metadata_request metadata = KWIRE_METADATA_REQUEST_INIT;
	struct kwire_metadata_response *known;
	struct scene *scene = *state;
	struct fetching f;
	int64_t first;

	for (int i = 0; i < 5; i++)
		assert_int_equal(kwire_mock_append(scene->mock, "t", 0, NULL, "v", NULL), 0);
	metadata.topics.count = -1;
	known = wire_call(scene->fd, &kwire_metadata_api, 12, &metadata);
	for (int16_t version = 4; version <= 18; version++) {
		struct kwire_fetch_response *response;

		fetching_init(&f, 2, 0, 1);
		f.topic.topic_id = known->topics.items[0].topic_id;
		if (version >= 13)
			f.topic.topic = KWIRE_STRING("");
		response = wire_call(scene->fd, &kwire_fetch_api, version, &f.request);
		assert_non_null(response);
		assert_int_equal(response->responses.items[0].partitions.items[0].error_code, 0);
		assert_int_equal(response->responses.items[0].partitions.items[0].high_watermark,
				 5);
		assert_int_equal(records_in(response, &first), 3);
		assert_int_equal(first, 2);
		kwire_response_free(response);
	}
	kwire_response_free(known);
}

static void limits_cut_at_batches_but_never_below_one(void **state)
{
	struct scene *scene = *state;
	struct kwire_fetch_response *response;
	struct fetching f;
	int64_t first;
	int32_t one;

	for (int i = 0; i < 5; i++)
		assert_int_equal(kwire_mock_append(scene->mock, "t", 0, NULL, "v", NULL), 0);
	fetching_init(&f, 0, 0, 1);
	f.partition.partition_max_bytes = 1;
	response = wire_call(scene->fd, &kwire_fetch_api, 11, &f.request);
	assert_int_equal(records_in(response, &first), 1);
	one = response->responses.items[0].partitions.items[0].records.size;
	kwire_response_free(response);
	f.partition.partition_max_bytes = 3 * one + 1;
	response = wire_call(scene->fd, &kwire_fetch_api, 11, &f.request);
	assert_int_equal(records_in(response, &first), 3);
	kwire_response_free(response);
	f.partition.fetch_offset = 6;
	response = wire_call(scene->fd, &kwire_fetch_api, 11, &f.request);
	assert_int_equal(response->responses.items[0].partitions.items[0].error_code, 1);
	kwire_response_free(response);
}

static void a_long_poll_ends_with_data_or_with_its_time(void **state)
{
	struct scene *scene = *state;
	struct kwire_mock_match fetches = kwire_mock_on(kwire_fetch_api.key);
	struct kwire_fetch_response *response;
	struct fetching f;
	int64_t first;

	assert_int_equal(kwire_mock_create_topic(scene->mock, "t", 1, NULL), 0);
	fetching_init(&f, 0, 500, 100);
	assert_int_equal(wire_send(scene->fd, &kwire_fetch_api, 11, 1, &f.request), 0);
	assert_int_equal(kwire_mock_wait(scene->mock, &fetches, 1, patience_ms, NULL), 0);
	/* Too little: it goes on waiting. */
	assert_int_equal(kwire_mock_append(scene->mock, "t", 0, NULL, "v", NULL), 0);
	kwire_mock_advance(scene->mock, 499);
	assert_int_equal(kwire_mock_append(scene->mock, "t", 0, NULL, "v", NULL), 0);
	response = wire_answer(scene->fd, &kwire_fetch_api, 11, 1);
	assert_non_null(response);
	assert_int_equal(records_in(response, &first), 2);
	kwire_response_free(response);
	fetching_init(&f, 2, 500, 1);
	assert_int_equal(wire_send(scene->fd, &kwire_fetch_api, 11, 2, &f.request), 0);
	assert_int_equal(kwire_mock_wait(scene->mock, &fetches, 2, patience_ms, NULL), 0);
	kwire_mock_advance(scene->mock, 500);
	response = wire_answer(scene->fd, &kwire_fetch_api, 11, 2);
	assert_non_null(response);
	assert_int_equal(records_in(response, &first), 0);
	kwire_response_free(response);
}

static void epochs_fence_and_tell_where_they_ended(void **state)
{
	struct kwire_offset_for_leader_epoch_request request =
		KWIRE_OFFSET_FOR_LEADER_EPOCH_REQUEST_INIT;
	struct kwire_offset_for_leader_epoch_request_topic topic =
		KWIRE_OFFSET_FOR_LEADER_EPOCH_REQUEST_TOPIC_INIT;
	struct kwire_offset_for_leader_epoch_request_topic_partition partition =
		KWIRE_OFFSET_FOR_LEADER_EPOCH_REQUEST_TOPIC_PARTITION_INIT;
	struct kwire_offset_for_leader_epoch_response *response;
	struct scene *scene = *state;
	struct fetching f;
	static const int16_t codes[3] = {74, 0, 75};

	for (int i = 0; i < 3; i++)
		assert_int_equal(kwire_mock_append(scene->mock, "t", 0, NULL, "v", NULL), 0);
	assert_int_equal(kwire_mock_set_leader(scene->mock, "t", 0, 1, NULL), 0);
	assert_int_equal(kwire_mock_append(scene->mock, "t", 0, NULL, "v", NULL), 0);
	topic.topic = KWIRE_STRING("t");
	topic.partitions.items = &partition;
	topic.partitions.count = 1;
	request.topics.items = &topic;
	request.topics.count = 1;
	partition.leader_epoch = 0;
	response = wire_call(scene->fd, &kwire_offset_for_leader_epoch_api, 4, &request);
	assert_int_equal(response->topics.items[0].partitions.items[0].end_offset, 3);
	assert_int_equal(response->topics.items[0].partitions.items[0].leader_epoch, 0);
	kwire_response_free(response);
	partition.leader_epoch = 1;
	response = wire_call(scene->fd, &kwire_offset_for_leader_epoch_api, 4, &request);
	assert_int_equal(response->topics.items[0].partitions.items[0].end_offset, 4);
	kwire_response_free(response);
	for (int32_t epoch = 0; epoch < 3; epoch++) {
		struct kwire_fetch_response *fetched;

		fetching_init(&f, 0, 0, 1);
		f.partition.current_leader_epoch = epoch;
		fetched = wire_call(scene->fd, &kwire_fetch_api, 11, &f.request);
		assert_int_equal(fetched->responses.items[0].partitions.items[0].error_code,
				 codes[epoch]);
		kwire_response_free(fetched);
	}
	/* A fetch that went on from a record which the log does not have. */
	fetching_init(&f, 4, 0, 1);
	f.partition.last_fetched_epoch = 0;
	{
		struct kwire_fetch_response *fetched = wire_call(scene->fd, &kwire_fetch_api, 12,
								 &f.request);

		assert_int_equal(
			fetched->responses.items[0].partitions.items[0].diverging_epoch.end_offset,
			3);
		kwire_response_free(fetched);
	}
}

/* ------------------------------------------------------------------ offsets */

static struct kwire_list_offsets_response *list_offset(int fd, int16_t version, int64_t timestamp)
{
	struct kwire_list_offsets_request request = KWIRE_LIST_OFFSETS_REQUEST_INIT;
	struct kwire_list_offsets_request_topic topic = KWIRE_LIST_OFFSETS_REQUEST_TOPIC_INIT;
	struct kwire_list_offsets_request_topic_partition partition =
		KWIRE_LIST_OFFSETS_REQUEST_TOPIC_PARTITION_INIT;

	request.replica_id = -1;
	request.topics.items = &topic;
	request.topics.count = 1;
	topic.name = KWIRE_STRING("t");
	topic.partitions.items = &partition;
	topic.partitions.count = 1;
	partition.timestamp = timestamp;
	return wire_call(fd, &kwire_list_offsets_api, version, &request);
}

static void offsets_are_found_by_place_and_time(void **state)
{
	static const struct {
		int64_t timestamp;
		int64_t offset;
		int64_t found;
	} cases[] = {
		{-1, 6, -1},     {-2, 2, -1},     {-3, 5, 2002},
		{2001, 4, 2001}, {1500, 3, 2000}, {9999, -1, -1},
	};
	struct kwire_delete_records_request request = KWIRE_DELETE_RECORDS_REQUEST_INIT;
	struct kwire_delete_records_request_topic topic = KWIRE_DELETE_RECORDS_REQUEST_TOPIC_INIT;
	struct kwire_delete_records_request_topic_partition partition =
		KWIRE_DELETE_RECORDS_REQUEST_TOPIC_PARTITION_INIT;
	struct kwire_delete_records_response *deleted;
	struct scene *scene = *state;
	struct batch first = batch_of(3, 1000, -1, -1, -1);
	struct batch second = batch_of(3, 2000, -1, -1, -1);
	int64_t offset;

	assert_int_equal(kwire_mock_create_topic(scene->mock, "t", 1, NULL), 0);
	assert_int_equal(put(scene->fd, first.bytes, &offset), 0);
	assert_int_equal(put(scene->fd, second.bytes, &offset), 0);
	partition.offset = 2;
	topic.name = KWIRE_STRING("t");
	topic.partitions.items = &partition;
	topic.partitions.count = 1;
	request.topics.items = &topic;
	request.topics.count = 1;
	deleted = wire_call(scene->fd, &kwire_delete_records_api, 2, &request);
	assert_int_equal(deleted->topics.items[0].partitions.items[0].error_code, 0);
	assert_int_equal(deleted->topics.items[0].partitions.items[0].low_watermark, 2);
	kwire_response_free(deleted);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct kwire_list_offsets_response *response = list_offset(scene->fd, 7,
									   cases[i].timestamp);

		assert_non_null(response);
		assert_int_equal(response->topics.items[0].partitions.items[0].offset,
				 cases[i].offset);
		assert_int_equal(response->topics.items[0].partitions.items[0].timestamp,
				 cases[i].found);
		kwire_response_free(response);
	}
	kwire_batch_builder_free(first.builder);
	kwire_batch_builder_free(second.builder);
}

static void memory_is_bounded_by_deleting_the_oldest(void **state)
{
	struct kwire_mock_options options = KWIRE_MOCK_OPTIONS_INIT;
	struct kwire_list_offsets_response *response;
	struct kwire_mock *mock;
	int64_t start;
	int fd;

	(void)state;
	options.brokers = 1;
	options.max_bytes = 2000;
	assert_int_equal(kwire_mock_open(&options, &mock, NULL), 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(kwire_mock_append(mock, "t", 0, "key", "value", NULL), 0);
	fd = wire_connect(kwire_mock_port(mock, 1));
	response = list_offset(fd, 7, -2);
	start = response->topics.items[0].partitions.items[0].offset;
	assert_in_range(start, 50, 99);
	kwire_response_free(response);
	close(fd);
	kwire_mock_close(mock);
}

int main(void)
{
#define SCENE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		SCENE(topics_are_created_once_with_names_and_numbers_that_are_allowed),
		cmocka_unit_test(before_kraft_only_the_controller_creates),
		SCENE(topics_grow_and_are_deleted_by_name_or_id),
		SCENE(configs_are_set_shown_and_reset),
		SCENE(configs_that_are_no_numbers_are_refused),
		SCENE(the_cluster_describes_itself),
		SCENE(batches_are_checked_and_appended),
		SCENE(a_producers_sequence_is_kept),
		SCENE(acks_zero_gets_no_answer_and_a_failure_ends_the_connection),
		cmocka_unit_test(the_wrong_broker_says_who_leads),
		SCENE(what_was_appended_is_fetched_in_every_version),
		SCENE(limits_cut_at_batches_but_never_below_one),
		SCENE(a_long_poll_ends_with_data_or_with_its_time),
		SCENE(epochs_fence_and_tell_where_they_ended),
		SCENE(offsets_are_found_by_place_and_time),
		cmocka_unit_test(memory_is_bounded_by_deleting_the_oldest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
