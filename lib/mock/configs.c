/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DescribeConfigs and IncrementalAlterConfigs.  Few of the properties mean
 * anything to the mock (max.message.bytes, message.timestamp.type); the rest
 * are kept and shown, as clients that set them expect.
 */
#include "configs.h"

#include <stddef.h>

#include <kwire/api/describe_configs.h>
#include <kwire/api/incremental_alter_configs.h>

#include "behaviour.h"

enum {
	RESOURCE_TOPIC = 2,
	RESOURCE_BROKER = 4,
	SOURCE_TOPIC = 1,
	SOURCE_DEFAULT = 5,
	OPERATION_SET = 0,
	OPERATION_DELETE = 1,
	TYPE_STRING = 2,
	TYPE_INT = 3,
	TYPE_LONG = 5,
	TYPE_DOUBLE = 6,
	TYPE_BOOLEAN = 1,
	TYPE_LIST = 7,
};

struct property {
	const char *name;
	const char *value;
	int8_t type;
	bool read_only; /* of a broker's: only its start can change it */
};

static const struct property topic_properties[] = {
	{"cleanup.policy", "delete", TYPE_LIST, false},
	{"compression.gzip.level", "-1", TYPE_INT, false},
	{"compression.lz4.level", "9", TYPE_INT, false},
	{"compression.type", "producer", TYPE_STRING, false},
	{"compression.zstd.level", "3", TYPE_INT, false},
	{"delete.retention.ms", "86400000", TYPE_LONG, false},
	{"errors.deadletterqueue.group.enable", "false", TYPE_BOOLEAN, false},
	{"file.delete.delay.ms", "60000", TYPE_LONG, false},
	{"flush.messages", "9223372036854775807", TYPE_LONG, false},
	{"flush.ms", "9223372036854775807", TYPE_LONG, false},
	{"follower.replication.throttled.replicas", "", TYPE_LIST, false},
	{"index.interval.bytes", "4096", TYPE_INT, false},
	{"leader.replication.throttled.replicas", "", TYPE_LIST, false},
	{"local.retention.bytes", "-2", TYPE_LONG, false},
	{"local.retention.ms", "-2", TYPE_LONG, false},
	{"max.compaction.lag.ms", "9223372036854775807", TYPE_LONG, false},
	{"max.decompressed.message.bytes", "2147483639", TYPE_INT, false},
	{"max.message.bytes", "1048588", TYPE_INT, false},
	{"message.timestamp.after.max.ms", "3600000", TYPE_LONG, false},
	{"message.timestamp.before.max.ms", "9223372036854775807", TYPE_LONG, false},
	{"message.timestamp.type", "CreateTime", TYPE_STRING, false},
	{"min.cleanable.dirty.ratio", "0.5", TYPE_DOUBLE, false},
	{"min.compaction.lag.ms", "0", TYPE_LONG, false},
	{"min.insync.replicas", "1", TYPE_INT, false},
	{"preallocate", "false", TYPE_BOOLEAN, false},
	{"remote.copy.lag.bytes", "-1", TYPE_LONG, false},
	{"remote.copy.lag.ms", "0", TYPE_LONG, false},
	{"remote.log.copy.disable", "false", TYPE_BOOLEAN, false},
	{"remote.log.delete.on.disable", "false", TYPE_BOOLEAN, false},
	{"remote.storage.enable", "false", TYPE_BOOLEAN, false},
	{"retention.bytes", "-1", TYPE_LONG, false},
	{"retention.ms", "604800000", TYPE_LONG, false},
	{"segment.bytes", "1073741824", TYPE_INT, false},
	{"segment.index.bytes", "10485760", TYPE_INT, false},
	{"segment.jitter.ms", "0", TYPE_LONG, false},
	{"segment.ms", "604800000", TYPE_LONG, false},
	{"unclean.leader.election.enable", "false", TYPE_BOOLEAN, false},
};

static const struct property broker_properties[] = {
	{"auto.create.topics.enable", "true", TYPE_BOOLEAN, true},
	{"default.replication.factor", "1", TYPE_INT, true},
	{"message.max.bytes", "1048588", TYPE_INT, false},
	{"num.partitions", "1", TYPE_INT, true},
	{"socket.request.max.bytes", "104857600", TYPE_INT, true},
};

enum {
	TOPIC_PROPERTIES = sizeof(topic_properties) / sizeof(*topic_properties),
	BROKER_PROPERTIES = sizeof(broker_properties) / sizeof(*broker_properties),
};

static const char *digits(const char *at, const char *end)
{
	while (at < end && *at >= '0' && *at <= '9')
		at++;
	return at;
}

static const char *sign(const char *at, const char *end)
{
	return at < end && (*at == '-' || *at == '+') ? at + 1 : at;
}

/* [sign] digits, and in a fraction [. digits] [e [sign] digits]; in no locale. */
static bool number(struct kwire_string value, bool fraction)
{
	const char *end = value.data + value.size;
	const char *start = sign(value.data, end);
	const char *at = digits(start, end);
	ptrdiff_t count = at - start;

	if (fraction && at < end && *at == '.') {
		start = at + 1;
		at = digits(start, end);
		count += at - start;
	}
	if (count > 0 && fraction && at < end && (*at == 'e' || *at == 'E')) {
		start = sign(at + 1, end);
		at = digits(start, end);
		count = at - start;
	}
	return count > 0 && at == end;
}

static bool fits(int8_t type, struct kwire_string value)
{
	if (type == TYPE_BOOLEAN)
		return kwire_string_equal(value, "true") || kwire_string_equal(value, "false");
	if (type != TYPE_INT && type != TYPE_LONG && type != TYPE_DOUBLE)
		return true;
	return value.size > 0 && number(value, type == TYPE_DOUBLE);
}

static const struct property *topic_property(struct kwire_string name)
{
	for (int i = 0; i < TOPIC_PROPERTIES; i++)
		if (kwire_string_equal(name, topic_properties[i].name))
			return &topic_properties[i];
	return NULL;
}

bool kw_mock_topic_config_valid(struct kwire_string name, struct kwire_string value)
{
	const struct property *property = topic_property(name);

	return property != NULL && fits(property->type, value);
}

bool kw_mock_created_configs(struct kwire_mock *mock, const struct kw_mock_topic *topic,
			     struct kwire_create_topics_response_topic *item)
{
	if (!KW_MOCK_ARRAY(mock, item->configs, TOPIC_PROPERTIES))
		return false;
	for (int i = 0; i < TOPIC_PROPERTIES; i++) {
		struct kwire_create_topics_response_topic_config *config = &item->configs.items[i];
		const char *given = topic != NULL
					    ? kw_mock_topic_config(topic, topic_properties[i].name)
					    : NULL;

		*config = (struct kwire_create_topics_response_topic_config)
			KWIRE_CREATE_TOPICS_RESPONSE_TOPIC_CONFIG_INIT;
		config->name = kwire_string(topic_properties[i].name);
		config->value = kwire_string(given != NULL ? given : topic_properties[i].value);
		config->config_source = given != NULL ? SOURCE_TOPIC : SOURCE_DEFAULT;
	}
	return true;
}

static bool wanted(const struct kwire_describe_configs_request_resource *asked, const char *name)
{
	if (asked->configuration_keys.count < 0)
		return true;
	for (int32_t i = 0; i < asked->configuration_keys.count; i++)
		if (kwire_string_equal(asked->configuration_keys.items[i], name))
			return true;
	return false;
}

static bool put_synonym(struct kwire_mock *mock,
			struct kwire_describe_configs_response_result_config *config)
{
	struct kwire_describe_configs_response_result_config_synonym *synonym;

	if (!KW_MOCK_ARRAY(mock, config->synonyms, 1))
		return false;
	synonym = &config->synonyms.items[0];
	*synonym = (struct kwire_describe_configs_response_result_config_synonym)
		KWIRE_DESCRIBE_CONFIGS_RESPONSE_RESULT_CONFIG_SYNONYM_INIT;
	synonym->name = config->name;
	synonym->value = config->value;
	synonym->source = config->config_source;
	return true;
}

static bool describe(struct kwire_mock *mock, const struct kwire_describe_configs_request *request,
		     const struct kwire_describe_configs_request_resource *asked,
		     const struct kw_mock_topic *topic,
		     struct kwire_describe_configs_response_result *item)
{
	const struct property *properties = topic != NULL ? topic_properties : broker_properties;
	int count = topic != NULL ? TOPIC_PROPERTIES : BROKER_PROPERTIES;

	if (!KW_MOCK_ARRAY(mock, item->configs, count))
		return false;
	item->configs.count = 0;
	for (int i = 0; i < count; i++) {
		struct kwire_describe_configs_response_result_config
			*config = &item->configs.items[item->configs.count];
		const char *given = topic != NULL ? kw_mock_topic_config(topic, properties[i].name)
						  : NULL;

		if (!wanted(asked, properties[i].name))
			continue;
		*config = (struct kwire_describe_configs_response_result_config)
			KWIRE_DESCRIBE_CONFIGS_RESPONSE_RESULT_CONFIG_INIT;
		config->name = kwire_string(properties[i].name);
		config->value = kwire_string(given != NULL ? given : properties[i].value);
		config->config_source = given != NULL ? SOURCE_TOPIC : SOURCE_DEFAULT;
		config->read_only = properties[i].read_only;
		config->documentation = kwire_string_of(NULL, 0);
		config->config_type = properties[i].type;
		if (request->include_synonyms && !put_synonym(mock, config))
			return false;
		item->configs.count++;
	}
	return true;
}

void kw_mock_on_describe_configs(struct kw_mock_exchange *exchange, const void *message)
{
	const struct kwire_describe_configs_request *request = message;
	struct kwire_describe_configs_response response = KWIRE_DESCRIBE_CONFIGS_RESPONSE_INIT;
	struct kwire_mock *mock = exchange->mock;

	if (!KW_MOCK_ARRAY(mock, response.results, request->resources.count))
		goto fail;
	for (int32_t i = 0; i < request->resources.count; i++) {
		const struct kwire_describe_configs_request_resource *asked = &request->resources
										       .items[i];
		struct kwire_describe_configs_response_result *item = &response.results.items[i];
		struct kw_mock_topic *topic = NULL;

		*item = (struct kwire_describe_configs_response_result)
			KWIRE_DESCRIBE_CONFIGS_RESPONSE_RESULT_INIT;
		item->resource_type = asked->resource_type;
		item->resource_name = asked->resource_name;
		item->error_code = exchange->forced_code;
		if (asked->resource_type == RESOURCE_TOPIC) {
			topic = kw_mock_topic_find(mock, asked->resource_name);
			if (item->error_code == 0 && topic == NULL)
				item->error_code = kw_mock_topic_name_valid(asked->resource_name)
							   ? UNKNOWN_TOPIC_OR_PARTITION
							   : INVALID_TOPIC_EXCEPTION;
		} else if (asked->resource_type != RESOURCE_BROKER && item->error_code == 0) {
			item->error_code = INVALID_REQUEST;
		}
		/* Kafka's way: nothing to say of what is well, or not there. */
		item->error_message = item->error_code != 0 &&
						      item->error_code != UNKNOWN_TOPIC_OR_PARTITION
					      ? kw_mock_error_text(item->error_code)
					      : KWIRE_STRING("");
		if (item->error_code == 0 && !describe(mock, request, asked, topic, item))
			goto fail;
	}
	kw_mock_finish(exchange, &response);
	return;
fail:
	kw_mock_give_up(exchange);
}

static int16_t alter(struct kw_mock_exchange *exchange,
		     const struct kwire_incremental_alter_configs_request *request,
		     const struct kwire_incremental_alter_configs_request_resource *asked)
{
	static const struct kwire_string none = {NULL, 0};
	struct kw_mock_topic *topic = kw_mock_topic_find(exchange->mock, asked->resource_name);

	if (exchange->forced_code != 0)
		return exchange->forced_code;
	if (asked->resource_type != RESOURCE_TOPIC)
		return asked->resource_type == RESOURCE_BROKER ? 0 : INVALID_REQUEST;
	if (topic == NULL)
		return UNKNOWN_TOPIC_OR_PARTITION;
	for (int32_t i = 0; i < asked->configs.count; i++)
		if (asked->configs.items[i].config_operation > OPERATION_DELETE ||
		    topic_property(asked->configs.items[i].name) == NULL ||
		    (asked->configs.items[i].config_operation == OPERATION_SET &&
		     !kw_mock_topic_config_valid(asked->configs.items[i].name,
						 asked->configs.items[i].value)))
			return INVALID_CONFIG;
	for (int32_t i = 0; i < asked->configs.count && !request->validate_only; i++)
		if (kw_mock_topic_configure(exchange->mock, topic, asked->configs.items[i].name,
					    asked->configs.items[i].config_operation ==
							    OPERATION_SET
						    ? asked->configs.items[i].value
						    : none) != 0)
			return KAFKA_STORAGE_ERROR;
	return 0;
}

void kw_mock_on_incremental_alter_configs(struct kw_mock_exchange *exchange, const void *message)
{
	const struct kwire_incremental_alter_configs_request *request = message;
	struct kwire_incremental_alter_configs_response response =
		KWIRE_INCREMENTAL_ALTER_CONFIGS_RESPONSE_INIT;

	if (!KW_MOCK_ARRAY(exchange->mock, response.responses, request->resources.count)) {
		kw_mock_give_up(exchange);
		return;
	}
	for (int32_t i = 0; i < request->resources.count; i++) {
		const struct kwire_incremental_alter_configs_request_resource
			*asked = &request->resources.items[i];
		struct kwire_incremental_alter_configs_response_response *item = &response.responses
											  .items[i];

		*item = (struct kwire_incremental_alter_configs_response_response)
			KWIRE_INCREMENTAL_ALTER_CONFIGS_RESPONSE_RESPONSE_INIT;
		item->resource_type = asked->resource_type;
		item->resource_name = asked->resource_name;
		item->error_code = alter(exchange, request, asked);
		item->error_message = kw_mock_error_text(item->error_code);
	}
	kw_mock_finish(exchange, &response);
}
