/* SPDX-License-Identifier: Apache-2.0 */
/* The public functions for topics. */
#include <string.h>

#include <kwire/records.h>

#include "../base/error.h"
#include "call.h"
#include "kafka_codes.h"

struct topic_call {
	struct kw_mock_call call; /* first */
	struct kwire_string name;
	int32_t partition; /* or how many */
	int32_t broker_id;
	struct kwire_bytes batch;
	int64_t offset;
};

static void refused(struct kw_mock_call *call, int16_t code, const char *what)
{
	call->result = kw_fail(call->error, KWIRE_EKAFKA, "%s: %s (%d)", what,
			       kwire_kafka_error(code).name, code);
	if (call->error != NULL)
		call->error->kafka_code = code;
}

static void create(struct kw_mock_call *call)
{
	struct topic_call *c = (struct topic_call *)call;
	int16_t code = kw_mock_topic_create(call->mock, c->name, c->partition, -1, NULL);

	if (code != 0)
		refused(call, code, "the topic cannot be created");
}

int kwire_mock_create_topic(struct kwire_mock *mock, const char *name, int32_t partitions,
			    struct kwire_error *error)
{
	struct topic_call c = {.name = kwire_string(name), .partition = partitions};

	return kw_mock_run(mock, &c.call, create, error);
}

static void delete_topic(struct kw_mock_call *call)
{
	struct topic_call *c = (struct topic_call *)call;
	struct kw_mock_topic *topic = kw_mock_topic_find(call->mock, c->name);

	if (topic == NULL)
		refused(call, UNKNOWN_TOPIC_OR_PARTITION, "the topic cannot be deleted");
	else
		kw_mock_topic_delete(call->mock, topic);
}

int kwire_mock_delete_topic(struct kwire_mock *mock, const char *name, struct kwire_error *error)
{
	struct topic_call c = {.name = kwire_string(name)};

	return kw_mock_run(mock, &c.call, delete_topic, error);
}

static struct kw_mock_partition *partition_of(struct topic_call *c)
{
	struct kw_mock_partition *partition = kw_mock_partition_of(
		kw_mock_topic_find(c->call.mock, c->name), c->partition);

	if (partition == NULL)
		refused(&c->call, UNKNOWN_TOPIC_OR_PARTITION, "there is no such partition");
	return partition;
}

static void lead(struct kw_mock_call *call)
{
	struct topic_call *c = (struct topic_call *)call;
	struct kw_mock_partition *partition = partition_of(c);

	if (partition == NULL)
		return;
	if (c->broker_id >= 0 && kw_mock_broker_alive(call->mock, c->broker_id) == NULL)
		call->result = kw_fail(call->error, KWIRE_EBROKER, "no mock broker %d is up",
				       (int)c->broker_id);
	else
		kw_mock_partition_lead(call->mock, partition, c->broker_id < 0 ? -1 : c->broker_id);
}

int kwire_mock_set_leader(struct kwire_mock *mock, const char *topic, int32_t partition,
			  int32_t broker_id, struct kwire_error *error)
{
	struct topic_call c = {
		.name = kwire_string(topic), .partition = partition, .broker_id = broker_id};

	return kw_mock_run(mock, &c.call, lead, error);
}

static void append(struct kw_mock_call *call)
{
	struct topic_call *c = (struct topic_call *)call;
	struct kw_mock_batch_info info;
	int64_t append_time;
	struct kw_mock_partition *partition;
	struct kw_mock_topic *topic = kw_mock_topic_find(call->mock, c->name);
	int16_t code = 0;

	if (topic == NULL)
		code = kw_mock_topic_create(
			call->mock, c->name,
			c->partition >= call->mock->default_partitions ? c->partition + 1 : -1, -1,
			&topic);
	if (code != 0) {
		refused(call, code, "the topic cannot be created");
		return;
	}
	partition = partition_of(c);
	if (partition == NULL)
		return;
	code = kw_mock_batch_read(c->batch.data, (size_t)c->batch.size, &info);
	if (code == 0)
		code = kw_mock_partition_append(call->mock, partition, c->batch.data, &info,
						&c->offset, &append_time);
	if (code != 0)
		refused(call, code, "the record cannot be appended");
	kw_mock_fetches_wake(call->mock);
}

static void wall(struct kw_mock_call *call)
{
	((struct topic_call *)call)->offset = kw_mock_wall_ms(call->mock);
}

int kwire_mock_append(struct kwire_mock *mock, const char *topic, int32_t partition,
		      const char *key, const char *value, struct kwire_error *error)
{
	struct topic_call c = {.name = kwire_string(topic), .partition = partition};
	struct kwire_batch_builder *builder = NULL;
	int result = kwire_batch_builder_new(NULL, &builder, error);

	kw_mock_run(mock, &c.call, wall, NULL);
	if (result == 0 && (result = kwire_batch_builder_begin(builder, NULL, error)) == 0 &&
	    (result = kwire_batch_builder_add(
		     builder, c.offset, kwire_bytes_of(key, key != NULL ? strlen(key) : 0),
		     kwire_bytes_of(value, value != NULL ? strlen(value) : 0), NULL, 0, error)) ==
		    0 &&
	    (result = kwire_batch_builder_end(builder, &c.batch, error)) == 0)
		result = kw_mock_run(mock, &c.call, append, error);
	kwire_batch_builder_free(builder);
	return result;
}

static void end_offset(struct kw_mock_call *call)
{
	struct topic_call *c = (struct topic_call *)call;
	struct kw_mock_partition *partition = partition_of(c);

	if (partition != NULL)
		c->offset = partition->log.end_offset;
}

int kwire_mock_end_offset(struct kwire_mock *mock, const char *topic, int32_t partition,
			  int64_t *offset, struct kwire_error *error)
{
	struct topic_call c = {.name = kwire_string(topic), .partition = partition};
	int result = kw_mock_run(mock, &c.call, end_offset, error);

	if (result == 0)
		*offset = c.offset;
	return result;
}
