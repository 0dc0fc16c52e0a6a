/* SPDX-License-Identifier: Apache-2.0 */
/* Kafka's JSON mapping, both ways: forms of values, what is left out, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <kwire/api/alter_client_quotas.h>
#include <kwire/api/api_versions.h>
#include <kwire/api/create_topics.h>
#include <kwire/api/describe_topic_partitions.h>
#include <kwire/api/envelope.h>
#include <kwire/api/fetch.h>
#include <kwire/api/metadata.h>
#include <kwire/json.h>

static struct kwire_error error;

static void *read_as(const struct kwire_description *description, int16_t version, unsigned flags,
		     const char *text)
{
	void *message = NULL;

	if (kwire_json_read(description, text, strlen(text), version, flags, &message, &error) != 0)
		fail_msg("%s", error.message);
	return message;
}

static void assert_prints(const struct kwire_description *description, const void *message,
			  int16_t version, unsigned flags, const char *wanted)
{
	char *text = NULL;
	size_t size = 0;

	if (kwire_json_print(description, message, version, flags, &text, &size, &error) != 0)
		fail_msg("%s", error.message);
	assert_string_equal(text, wanted);
	assert_int_equal(size, strlen(wanted));
	kwire_json_free(text);
}

static void assert_refused(const struct kwire_description *description, int16_t version,
			   const char *text, const char *message)
{
	void *read = NULL;

	assert_int_equal(
		kwire_json_read(description, text, strlen(text), version, 0, &read, &error),
		KWIRE_EINVAL);
	assert_null(read);
	assert_string_equal(error.message, message);
}

static void fields_are_printed_in_the_schemas_order_with_small_first_letters(void **state)
{
	struct kwire_api_versions_response response = KWIRE_API_VERSIONS_RESPONSE_INIT;

	(void)state;
	assert_prints(&kwire_api_versions_response_description, &response, 3, 0,
		      "{\"errorCode\":0,\"apiKeys\":[],\"throttleTimeMs\":0}");
	assert_prints(&kwire_api_versions_response_description, &response, 0, 0,
		      "{\"errorCode\":0,\"apiKeys\":[]}");
	response.finalized_features_epoch = 5;
	assert_prints(&kwire_api_versions_response_description, &response, 3, KWIRE_JSON_PRETTY,
		      "{\n  \"errorCode\": 0,\n  \"apiKeys\": [],\n  \"throttleTimeMs\": 0,\n"
		      "  \"finalizedFeaturesEpoch\": 5\n}");
}

static void a_message_is_read_and_printed_again(void **state)
{
	static const char text[] =
		"{\"topics\":[{\"name\":\"a "
		"\\\"b\\\"\\\\\\n\\u001F\\u0000/\xc3\xa4\",\"numPartitions\":12,"
		"\"replicationFactor\":3,\"assignments\":[{\"partitionIndex\":-1,\"brokerIds\":[1,"
		"2147483647,-2147483648]}],\"configs\":[{\"name\":\"x\",\"value\":null}]}],"
		"\"timeoutMs\":60000,\"validateOnly\":true}";
	struct kwire_create_topics_request *request;

	(void)state;
	request = read_as(&kwire_create_topics_request_description, 7, 0, text);
	assert_int_equal(request->topics.items[0].num_partitions, 12);
	assert_int_equal(request->topics.items[0].assignments.items[0].broker_ids.items[2],
			 INT32_MIN);
	assert_null(request->topics.items[0].configs.items[0].value.data);
	assert_prints(&kwire_create_topics_request_description, request, 7, 0, text);
	kwire_response_free(request);
}

static void records_are_base64_or_left_out(void **state)
{
	static const char text[] =
		"{\"throttleTimeMs\":0,\"responses\":[{\"topic\":\"t\",\"partitions\":[{"
		"\"partitionIndex\":0,\"errorCode\":0,\"highWatermark\":9223372036854775807,"
		"\"lastStableOffset\":-1,\"abortedTransactions\":null,\"records\":\"%s\"}]}]}";
	char given[400], wanted[400];
	struct kwire_fetch_response *response;

	(void)state;
	snprintf(given, sizeof(given), text, "AP8QIA==");
	snprintf(wanted, sizeof(wanted), text, "");
	response = read_as(&kwire_fetch_response_description, 4, 0, given);
	assert_int_equal(response->responses.items[0].partitions.items[0].records.size, 4);
	assert_memory_equal(response->responses.items[0].partitions.items[0].records.data,
			    "\0\xff\x10\x20", 4);
	assert_prints(&kwire_fetch_response_description, response, 4, 0, given);
	assert_prints(&kwire_fetch_response_description, response, 4, KWIRE_JSON_NO_RECORDS,
		      wanted);
	kwire_response_free(response);
}

static void numbers_are_printed_as_java_prints_them(void **state)
{
	static const struct {
		double value;
		const char *text;
	} cases[] = {
		{1, "1.0"},
		{0.1, "0.1"},
		{-0.0, "-0.0"},
		{1e7, "1.0E7"},
		{1234567, "1234567.0"},
		{9999999.5, "9999999.5"},
		{0.001, "0.001"},
		{0.00012, "1.2E-4"},
		{1e-5, "1.0E-5"},
		{1e10, "1.0E10"},
		{120, "120.0"},
		{1.5e300, "1.5E300"},
		{100.25, "100.25"},
		{2.2250738585072014e-308, "2.2250738585072014E-308"},
		{1.7976931348623157e308, "1.7976931348623157E308"},
	};
	struct kwire_alter_client_quotas_request_entry_op op =
		KWIRE_ALTER_CLIENT_QUOTAS_REQUEST_ENTRY_OP_INIT;
	struct kwire_alter_client_quotas_request_entry entry =
		KWIRE_ALTER_CLIENT_QUOTAS_REQUEST_ENTRY_INIT;
	struct kwire_alter_client_quotas_request request = KWIRE_ALTER_CLIENT_QUOTAS_REQUEST_INIT;
	const struct kwire_description
		*description = &kwire_alter_client_quotas_request_description;

	(void)state;
	entry.ops.items = &op;
	entry.ops.count = 1;
	request.entries.items = &entry;
	request.entries.count = 1;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]) + 3; i++) {
		static const char *const words[] = {"\"NaN\"", "\"Infinity\"", "\"-Infinity\""};
		static const uint64_t bits[] = {UINT64_C(0x7ff8) << 48, UINT64_C(0x7ff0) << 48,
						UINT64_C(0xfff0) << 48};
		bool word = i >= sizeof(cases) / sizeof(cases[0]);
		size_t k = i - sizeof(cases) / sizeof(cases[0]);
		struct kwire_alter_client_quotas_request *back;
		char wanted[200];

		if (word)
			memcpy(&op.value, &bits[k], sizeof(op.value));
		else
			op.value = cases[i].value;
		snprintf(wanted, sizeof(wanted),
			 "{\"entries\":[{\"entity\":[],\"ops\":[{\"key\":\"\",\"value\":%s,"
			 "\"remove\":false}]}],\"validateOnly\":false}",
			 word ? words[k] : cases[i].text);
		assert_prints(description, &request, 0, 0, wanted);
		back = read_as(description, 0, 0, wanted);
		assert_true(kwire_message_equal(description, &request, back));
		kwire_response_free(back);
	}
}

static void text_that_is_no_utf8_is_printed_with_replacements(void **state)
{
	struct kwire_create_topics_request_topic topic = KWIRE_CREATE_TOPICS_REQUEST_TOPIC_INIT;
	struct kwire_create_topics_request request = KWIRE_CREATE_TOPICS_REQUEST_INIT;

	(void)state;
	topic.name = KWIRE_STRING("a\xff"
				  "b\xc3\xe2\x82\xac\xed\xa0\x80\xf0\x9f\x98\x80");
	request.topics.items = &topic;
	request.topics.count = 1;
	assert_prints(&kwire_create_topics_request_description, &request, 7, 0,
		      "{\"topics\":[{\"name\":\"a\xef\xbf\xbd"
		      "b\xef\xbf\xbd\xe2\x82\xac\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
		      "\xf0\x9f\x98\x80\",\"numPartitions\":0,\"replicationFactor\":0,"
		      "\"assignments\":[],\"configs\":[]}],\"timeoutMs\":60000,"
		      "\"validateOnly\":false}");
}

static void a_nullable_struct_is_an_object_or_null(void **state)
{
	static const char *const texts[] = {
		"{\"topics\":[],\"responsePartitionLimit\":2000,\"cursor\":null}",
		"{\"topics\":[],\"responsePartitionLimit\":2000,\"cursor\":{\"topicName\":\"t\","
		"\"partitionIndex\":3}}",
	};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct kwire_describe_topic_partitions_request *request = read_as(
			&kwire_describe_topic_partitions_request_description, 0, 0, texts[i]);

		assert_true((request->cursor != NULL) == (i == 1));
		assert_prints(&kwire_describe_topic_partitions_request_description, request, 0, 0,
			      texts[i]);
		kwire_response_free(request);
	}
}

static void what_a_version_lacks_is_left_out_or_refused(void **state)
{
	struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
	char *text = NULL;

	(void)state;
	request.include_topic_authorized_operations = true;
	assert_int_equal(kwire_json_print(&kwire_metadata_request_description, &request, 7, 0,
					  &text, NULL, &error),
			 KWIRE_EINVAL);
	assert_string_equal(error.message,
			    "MetadataRequest v7: includeTopicAuthorizedOperations is "
			    "set, but version 7 has no such field");
	request.include_topic_authorized_operations = false;
	request.topics.count = -1;
	assert_int_equal(kwire_json_print(&kwire_metadata_request_description, &request, 0, 0,
					  &text, NULL, &error),
			 KWIRE_EINVAL);
	assert_string_equal(error.message,
			    "MetadataRequest v0: topics is null, which version 0 does not allow");
	assert_int_equal(kwire_json_print(&kwire_metadata_request_description, &request, 99, 0,
					  &text, NULL, &error),
			 KWIRE_EINVAL);
	assert_null(text);
}

static void what_does_not_fit_is_refused_with_its_path(void **state)
{
	const struct kwire_description *create = &kwire_create_topics_request_description;

	(void)state;
	assert_refused(create, 7, "{",
		       "JSON, line 1, column 1: string or '}' expected near end of "
		       "file");
	assert_refused(create, 7, "[]", "CreateTopicsRequest v7: a list is no message");
	assert_refused(create, 7, "{\"topics\":[],\"timeoutMs\":1}",
		       "CreateTopicsRequest v7: validateOnly is missing");
	assert_refused(create, 7, "{\"topic\":[]}",
		       "CreateTopicsRequest v7: topic is no field of it");
	assert_refused(create, 7, "{\"topics\":null}",
		       "CreateTopicsRequest v7: topics is null, which version 7 does not allow");
	assert_refused(create, 7, "{\"topics\":3}",
		       "CreateTopicsRequest v7: topics is a whole number, where a list is wanted");
	assert_refused(create, 7, "{\"topics\":[3]}",
		       "CreateTopicsRequest v7: topics[0] is a whole "
		       "number, where an object is wanted");
	assert_refused(create, 7, "{\"topics\":[{\"name\":7}]}",
		       "CreateTopicsRequest v7: topics[0].name is a whole number, where text is "
		       "wanted");
	assert_refused(create, 7, "{\"topics\":[{\"name\":\"\",\"numPartitions\":\"7\"}]}",
		       "CreateTopicsRequest v7: topics[0].numPartitions is text, where a whole "
		       "number is wanted");
	assert_refused(create, 7,
		       "{\"topics\":[{\"name\":\"\",\"numPartitions\":7,"
		       "\"replicationFactor\":32768}]}",
		       "CreateTopicsRequest v7: topics[0].replicationFactor is 32768, out of its "
		       "range");
	assert_refused(
		create, 7,
		"{\"topics\":[{\"name\":\"\",\"numPartitions\":7,\"replicationFactor\":1,"
		"\"assignments\":[{\"partitionIndex\":0,\"brokerIds\":[1,true]}]}]}",
		"CreateTopicsRequest v7: topics[0].assignments[0].brokerIds[1] is true, where "
		"a whole number is wanted");
	assert_refused(
		create, 7, "{\"topics\":[],\"timeoutMs\":1,\"validateOnly\":0}",
		"CreateTopicsRequest v7: validateOnly is a whole number, where true or false "
		"is wanted");
	assert_refused(&kwire_envelope_request_description, 0, "{\"requestData\":\"A===\"}",
		       "EnvelopeRequest v0: requestData is no base64");
	assert_refused(
		&kwire_metadata_request_description, 12, "{\"topics\":[{\"topicId\":\"short\"}]}",
		"MetadataRequest v12: topics[0].topicId is text, where a UUID of 22 base64url "
		"characters is wanted");
	assert_refused(create, 99, "{}",
		       "CreateTopicsRequest has no version 99 (2 to 7 are known)");
}

static void missing_and_unknown_fields_are_passed_over_where_asked(void **state)
{
	struct kwire_create_topics_request *request = read_as(
		&kwire_create_topics_request_description, 7,
		KWIRE_JSON_DEFAULTS | KWIRE_JSON_PASS_UNKNOWN, "{\"strange\":1}");

	(void)state;
	assert_int_equal(request->timeout_ms, 60000);
	assert_int_equal(request->topics.count, 0);
	kwire_response_free(request);
}

static void messages_are_equal_only_when_everything_is(void **state)
{
	static const uint8_t data[] = {1, 2};
	struct kwire_tagged_field one = {7, {data, 1}}, two = {7, {data, 2}};
	struct kwire_tagged_fields some = {1, &one}, others = {1, &two};
	struct kwire_metadata_request_topic x = KWIRE_METADATA_REQUEST_TOPIC_INIT, y = x;
	struct kwire_metadata_request a = KWIRE_METADATA_REQUEST_INIT, b = a;
	const struct kwire_description *description = &kwire_metadata_request_description;

	(void)state;
	a.topics.items = &x;
	b.topics.items = &y;
	a.topics.count = b.topics.count = 1;
	assert_true(kwire_message_equal(description, &a, &b));
	y.name = kwire_string(NULL);
	assert_false(kwire_message_equal(description, &a, &b));
	x.name = kwire_string(NULL);
	assert_true(kwire_message_equal(description, &a, &b));
	x.unknown_tags = &some;
	assert_false(kwire_message_equal(description, &a, &b));
	y.unknown_tags = &others;
	assert_false(kwire_message_equal(description, &a, &b));
	two.value.size = 1;
	assert_true(kwire_message_equal(description, &a, &b));
	two.tag = 8;
	assert_false(kwire_message_equal(description, &a, &b));
	y.unknown_tags = x.unknown_tags = NULL;
	b.topics.count = 0;
	assert_false(kwire_message_equal(description, &a, &b));
	b.topics.count = 1;
	b.allow_auto_topic_creation = false;
	assert_false(kwire_message_equal(description, &a, &b));
}

static void every_message_has_a_description(void **state)
{
	(void)state;
	assert_ptr_equal(kwire_describe("MetadataRequest"), &kwire_metadata_request_description);
	assert_null(kwire_describe("Metadata"));
	for (int i = 0; i < kwire_all_descriptions_count; i++) {
		const struct kwire_description *description = kwire_all_descriptions[i];
		int16_t version = description->max_version;
		char *text = NULL;
		void *back = NULL;
		size_t size;

		assert_ptr_equal(kwire_describe(description->name), description);
		/* Its defaults survive the trip. */
		if (kwire_json_print(description, description->root->defaults, version, 0, &text,
				     &size, &error) != 0 ||
		    kwire_json_read(description, text, size, version, 0, &back, &error) != 0)
			fail_msg("%s", error.message);
		assert_true(kwire_message_equal(description, description->root->defaults, back));
		kwire_response_free(back);
		kwire_json_free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_printed_in_the_schemas_order_with_small_first_letters),
		cmocka_unit_test(a_message_is_read_and_printed_again),
		cmocka_unit_test(records_are_base64_or_left_out),
		cmocka_unit_test(numbers_are_printed_as_java_prints_them),
		cmocka_unit_test(text_that_is_no_utf8_is_printed_with_replacements),
		cmocka_unit_test(a_nullable_struct_is_an_object_or_null),
		cmocka_unit_test(what_a_version_lacks_is_left_out_or_refused),
		cmocka_unit_test(what_does_not_fit_is_refused_with_its_path),
		cmocka_unit_test(missing_and_unknown_fields_are_passed_over_where_asked),
		cmocka_unit_test(messages_are_equal_only_when_everything_is),
		cmocka_unit_test(every_message_has_a_description),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
