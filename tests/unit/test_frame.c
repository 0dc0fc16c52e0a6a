/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole frames, out and in: headers of every version, borrowed payloads,
 * allocations of a response, and errors that name message, field and offset.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <kwire/api/api_versions.h>
#include <kwire/api/consumer_protocol_subscription.h>
#include <kwire/api/create_topics.h>
#include <kwire/api/fetch.h>
#include <kwire/api/metadata.h>
#include <kwire/api/produce.h>
#include <kwire/api/request_header.h>
#include <kwire/api/response_header.h>

#include "../support/counting.h"
#include "protocol/frame.h"
#include "protocol/response.h"
#include "protocol/server.h"

struct fixture {
	struct counting counting;
	struct kw_memory *memory;
	struct kw_frame frame;
	struct kwire_error error;
};

static int set_up(void **state)
{
	static const struct kw_frame empty = KW_FRAME_INIT;
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	counting_init(&fixture->counting);
	fixture->memory = kw_memory_new(&fixture->counting.allocator, 0);
	fixture->frame = empty;
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	kw_frame_fini(&fixture->frame);
	kw_memory_put(fixture->memory);
	assert_int_equal(fixture->counting.live, 0);
	free(fixture);
	return 0;
}

static int encode(struct fixture *fixture, const struct kwire_api *api, int16_t version,
		  const void *request)
{
	return kw_frame_encode(&fixture->frame, fixture->memory, api, version, KWIRE_STRING("me"),
			       request, INT32_MAX, &fixture->error);
}

/* Decodes a response given as bytes, in a block of its own. */
static int decode(struct fixture *fixture, const struct kwire_api *api, int16_t version,
		  const void *bytes, size_t size, void **message)
{
	struct kw_response *response = kw_response_new(fixture->memory, api, size);

	memcpy(kw_response_frame(response), bytes, size);
	return kw_response_decode(response, api, version, message, &fixture->error);
}
#define DECODE(fixture, api, version, bytes, message) \
	decode(fixture, api, version, bytes, sizeof(bytes) - 1, message)

static void assert_message(const struct fixture *fixture, const char *text)
{
	assert_string_equal(fixture->error.message, text);
}

static void a_request_has_header_v1_or_v2_as_its_version_wants(void **state)
{
	struct fixture *fixture = *state;
	struct kwire_api_versions_request request = KWIRE_API_VERSIONS_REQUEST_INIT;
	struct kw_frame *frame = &fixture->frame;

	assert_int_equal(encode(fixture, &kwire_api_versions_api, 0, &request), 0);
	kw_frame_set_correlation_id(frame, 0x01020304);
	assert_int_equal(frame->size, 16);
	assert_memory_equal(frame->data, "\0\0\0\x0c\0\x12\0\0\1\2\3\4\0\2me", 16);

	request.client_software_name = KWIRE_STRING("k");
	request.client_software_version = KWIRE_STRING("1");
	assert_int_equal(encode(fixture, &kwire_api_versions_api, 3, &request), 0);
	assert_int_equal(frame->size, frame->total_size);
	assert_memory_equal(frame->data,
			    "\0\0\0\x12\0\x12\0\3\0\0\0\0\0\2me\0\2k\2"
			    "1\0",
			    22);
	assert_int_equal(frame->iov_count, 1);
	assert_ptr_equal(frame->iov[0].iov_base, frame->data);
}

static void a_frame_is_reused_without_allocating(void **state)
{
	struct fixture *fixture = *state;
	struct kwire_api_versions_request request = KWIRE_API_VERSIONS_REQUEST_INIT;
	long calls;

	assert_int_equal(encode(fixture, &kwire_api_versions_api, 0, &request), 0);
	calls = fixture->counting.calls;
	for (int i = 0; i < 10; i++)
		assert_int_equal(encode(fixture, &kwire_api_versions_api, 3, &request), 0);
	assert_int_equal(fixture->counting.calls, calls);
}

static void large_payloads_are_referenced_in_order(void **state)
{
	struct fixture *fixture = *state;
	static uint8_t records[3][5000];
	struct kwire_produce_request_topic_data_partition_data partitions[3] = {
		KWIRE_PRODUCE_REQUEST_TOPIC_DATA_PARTITION_DATA_INIT,
		KWIRE_PRODUCE_REQUEST_TOPIC_DATA_PARTITION_DATA_INIT,
		KWIRE_PRODUCE_REQUEST_TOPIC_DATA_PARTITION_DATA_INIT,
	};
	struct kwire_produce_request_topic_data topic = KWIRE_PRODUCE_REQUEST_TOPIC_DATA_INIT;
	struct kwire_produce_request request = KWIRE_PRODUCE_REQUEST_INIT;
	struct kw_frame *frame = &fixture->frame;
	uint8_t *flat;
	size_t at = 0;

	for (int i = 0; i < 3; i++) {
		memset(records[i], 'a' + i, sizeof(records[i]));
		partitions[i].index = i;
		partitions[i].records = kwire_bytes_of(records[i], i == 1 ? 100 : 5000);
	}
	topic.name = KWIRE_STRING("orders");
	topic.partition_data.items = partitions;
	topic.partition_data.count = 3;
	request.acks = -1;
	request.topic_data.items = &topic;
	request.topic_data.count = 1;
	assert_int_equal(encode(fixture, &kwire_produce_api, 9, &request), 0);
	assert_true(frame->borrows);
	assert_int_equal(frame->iov_count, 5);
	assert_ptr_equal(frame->iov[1].iov_base, records[0]);
	assert_ptr_equal(frame->iov[3].iov_base, records[2]);
	flat = malloc(frame->total_size);
	for (int i = 0; i < frame->iov_count; i++) {
		memcpy(flat + at, frame->iov[i].iov_base, frame->iov[i].iov_len);
		at += frame->iov[i].iov_len;
	}
	assert_int_equal(at, frame->total_size);
	assert_true(frame->size < 600);
	assert_int_equal(kw_frame_own(frame, fixture->memory), 0);
	assert_false(frame->borrows);
	assert_int_equal(frame->size, frame->total_size);
	assert_memory_equal(frame->data, flat, at);
	free(flat);
}

static void a_request_that_is_too_large_fails_alone(void **state)
{
	struct fixture *fixture = *state;
	struct kwire_api_versions_request request = KWIRE_API_VERSIONS_REQUEST_INIT;
	int result = kw_frame_encode(&fixture->frame, fixture->memory, &kwire_api_versions_api, 0,
				     KWIRE_STRING("me"), &request, 11, &fixture->error);

	assert_int_equal(result, KWIRE_ETOOLARGE);
	assert_message(fixture, "ApiVersions request v0: 12 bytes, more than the 11 allowed");
	assert_int_equal(fixture->error.api_key, 18);
	assert_int_equal(fixture->counting.live, 1); /* the memory itself */
	assert_int_equal(encode(fixture, &kwire_api_versions_api, 0, &request), 0);
}

static void a_client_id_that_is_too_long_is_named(void **state)
{
	struct fixture *fixture = *state;
	static char name[40000];
	struct kwire_api_versions_request request = KWIRE_API_VERSIONS_REQUEST_INIT;
	int result;

	memset(name, 'x', sizeof(name));
	result = kw_frame_encode(&fixture->frame, fixture->memory, &kwire_api_versions_api, 0,
				 kwire_string_of(name, sizeof(name)), &request, INT32_MAX,
				 &fixture->error);
	assert_int_equal(result, KWIRE_EINVAL);
	assert_message(fixture, "ApiVersions request v0: client_id has 40000 bytes, more than the "
				"32767 of a string");
}

static void what_a_version_cannot_carry_is_named(void **state)
{
	struct fixture *fixture = *state;
	struct kwire_create_topics_request_topic topics[2] = {
		KWIRE_CREATE_TOPICS_REQUEST_TOPIC_INIT, KWIRE_CREATE_TOPICS_REQUEST_TOPIC_INIT};
	struct kwire_create_topics_request create = KWIRE_CREATE_TOPICS_REQUEST_INIT;
	struct kwire_metadata_request metadata = KWIRE_METADATA_REQUEST_INIT;

	topics[0].name = KWIRE_STRING("orders");
	topics[1].name = kwire_string(NULL);
	create.topics.items = topics;
	create.topics.count = 2;
	assert_int_equal(encode(fixture, &kwire_create_topics_api, 7, &create), KWIRE_EINVAL);
	assert_message(fixture, "CreateTopics request v7: topics[1].name is null, which version 7 "
				"does not allow");

	metadata.include_topic_authorized_operations = true;
	assert_int_equal(encode(fixture, &kwire_metadata_api, 7, &metadata), KWIRE_EINVAL);
	assert_message(fixture, "Metadata request v7: include_topic_authorized_operations is set, "
				"but version 7 has no such field");
	assert_int_equal(encode(fixture, &kwire_metadata_api, 8, &metadata), 0);
	assert_int_equal(encode(fixture, &kwire_metadata_api, 99, &metadata), KWIRE_EINVAL);
	assert_message(fixture, "Metadata has no version 99 (0 to 13 are known)");
}

static void without_memory_a_frame_is_enomem(void **state)
{
	struct fixture *fixture = *state;
	struct kwire_api_versions_request request = KWIRE_API_VERSIONS_REQUEST_INIT;

	fixture->counting.fail_at = fixture->counting.calls + 1;
	assert_int_equal(encode(fixture, &kwire_api_versions_api, 0, &request), KWIRE_ENOMEM);
	assert_int_equal(encode(fixture, &kwire_api_versions_api, 0, &request), 0);
}

static void a_raw_request_has_the_header_and_the_body_as_given(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(kw_frame_encode_raw(&fixture->frame, fixture->memory, 18, 3, true,
					     kwire_string(NULL), "body", 4, 100, &fixture->error),
			 0);
	assert_memory_equal(fixture->frame.data, "\0\0\0\x0f\0\x12\0\3\0\0\0\0\xff\xff\0body", 19);
	assert_int_equal(kw_frame_encode_raw(&fixture->frame, fixture->memory, 18, 3, true,
					     kwire_string(NULL), "body", 4, 14, &fixture->error),
			 KWIRE_ETOOLARGE);
}

static void an_api_versions_response_has_header_v0_in_every_version(void **state)
{
	struct fixture *fixture = *state;
	struct kwire_api_versions_response *response;
	void *message;

	assert_int_equal(DECODE(fixture, &kwire_api_versions_api, 3,
				"\0\0\0\7\0\0\2\0\x12\0\0\0\4\0\0\0\0\0\0", &message),
			 0);
	response = message;
	assert_int_equal(response->api_keys.count, 1);
	assert_int_equal(response->api_keys.items[0].api_key, 18);
	assert_int_equal(response->api_keys.items[0].max_version, 4);
	/* Not in the frame: its default, not zero. */
	assert_true(response->finalized_features_epoch == -1);
	assert_int_equal(fixture->counting.calls, 2); /* the memory, and one for all of it */
	kwire_response_free(message);
}

static void tags_in_a_response_header_are_read_not_assumed(void **state)
{
	struct fixture *fixture = *state;
	struct kwire_metadata_response *response;
	void *message;

	assert_int_equal(DECODE(fixture, &kwire_metadata_api, 9,
				"\0\0\0\7\1\5\2zz\0\0\0\0\1\0\xff\xff\xff\xff\1\0\0\0\0\0",
				&message),
			 0);
	response = message;
	assert_int_equal(response->brokers.count, 0);
	assert_null(response->cluster_id.data);
	assert_int_equal(response->controller_id, -1);
	kwire_response_free(message);
}

static void a_malformed_response_names_message_field_and_offset(void **state)
{
	struct fixture *fixture = *state;
	void *message;

	assert_int_equal(
		DECODE(fixture, &kwire_metadata_api, 1,
		       "\0\0\0\7\0\0\0\2\0\0\0\1\0\1h\0\0\0\1\xff\xff\0\0\0\2\xff\xff\0\0\0\0\0\0",
		       &message),
		KWIRE_EDECODE);
	assert_message(fixture, "Metadata response v1: brokers[1].host is null, which version 1 "
				"does not allow (offset 25)");
	assert_int_equal(fixture->error.phase, KWIRE_PHASE_DECODE);
	assert_int_equal(fixture->error.api_key, 3);
	assert_int_equal(
		DECODE(fixture, &kwire_api_versions_api, 0, "\0\0\0\7\0\0\0\0\0\0!", &message),
		KWIRE_EDECODE);
	assert_message(fixture, "ApiVersions response v0: 1 bytes are left over after its end "
				"(offset 10)");
	assert_int_equal(DECODE(fixture, &kwire_api_versions_api, 0, "\0\0\0", &message),
			 KWIRE_EDECODE);
	assert_message(fixture, "ApiVersions response v0: header.correlation_id needs 4 bytes, "
				"where 3 are left (offset 0)");
	assert_int_equal(DECODE(fixture, &kwire_api_versions_api, 3, "\0\0\0\7\0\0\1\0\0\0\0\1\3\0",
				&message),
			 KWIRE_EDECODE);
	assert_message(fixture, "ApiVersions response v3: zk_migration_ready needs 1 bytes, where "
				"0 are left (offset 14)");
	assert_int_equal(fixture->counting.live, 1);
}

static void a_raw_response_is_what_follows_the_header(void **state)
{
	struct fixture *fixture = *state;
	struct kw_response *response = kw_response_new(fixture->memory, NULL, 9);
	struct kwire_raw_response *raw;

	memcpy(kw_response_frame(response), "\0\0\0\7\0body", 9);
	assert_int_equal(kw_response_frame_size(response), 9);
	assert_int_equal(kw_response_decode_raw(response, true, &raw, &fixture->error), 0);
	assert_int_equal(raw->body.size, 4);
	assert_memory_equal(raw->body.data, "body", 4);
	kwire_response_free(raw);
	kwire_response_free(NULL);
	kw_response_drop(NULL);
}

/* A Metadata response of `topics` × `partitions`, three replicas each, as a broker sends it. */
static void encode_metadata(struct fixture *fixture, int topics, int partitions)
{
	int32_t ids[] = {1, 2, 3};
	struct kwire_metadata_response_topic_partition *all = calloc((size_t)partitions,
								     sizeof(*all));
	struct kwire_metadata_response_topic *list = calloc((size_t)topics, sizeof(*list));
	struct kwire_metadata_response response = KWIRE_METADATA_RESPONSE_INIT;

	for (int i = 0; i < partitions; i++) {
		struct kwire_metadata_response_topic_partition partition =
			KWIRE_METADATA_RESPONSE_TOPIC_PARTITION_INIT;

		partition.partition_index = i;
		partition.replica_nodes.items = partition.isr_nodes.items = ids;
		partition.replica_nodes.count = partition.isr_nodes.count = 3;
		all[i] = partition;
	}
	for (int i = 0; i < topics; i++) {
		struct kwire_metadata_response_topic topic = KWIRE_METADATA_RESPONSE_TOPIC_INIT;

		topic.name = KWIRE_STRING("a-topic-of-usual-length");
		topic.partitions.items = all;
		topic.partitions.count = partitions;
		list[i] = topic;
	}
	response.topics.items = list;
	response.topics.count = topics;
	assert_int_equal(kw_response_encode(&fixture->frame, fixture->memory,
					    &kwire_metadata_server, 12, 7, &response, INT32_MAX,
					    &fixture->error),
			 0);
	free(list);
	free(all);
}

static void a_response_takes_one_allocation_or_two(void **state)
{
	struct fixture *fixture = *state;
	static const int shapes[][2] = {{0, 0}, {1, 1}, {3, 1}, {1, 2000}, {1000, 12}, {500, 1}};

	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		struct kwire_metadata_response *response;
		void *message;
		long calls;

		encode_metadata(fixture, shapes[i][0], shapes[i][1]);
		calls = fixture->counting.calls;
		assert_int_equal(decode(fixture, &kwire_metadata_api, 12, fixture->frame.data + 4,
					fixture->frame.size - 4, &message),
				 0);
		calls = fixture->counting.calls - calls;
		assert_in_range(calls, 1, 2);
		if (i < 3)
			assert_int_equal(calls, 1);
		response = message;
		assert_int_equal(response->topics.count, shapes[i][0]);
		if (shapes[i][0] > 0) {
			const struct kwire_metadata_response_topic
				*last = &response->topics.items[shapes[i][0] - 1];

			assert_string_equal(last->name.data, "a-topic-of-usual-length");
			assert_int_equal(
				last->partitions.items[shapes[i][1] - 1].isr_nodes.items[2], 3);
		}
		kwire_response_free(message);
	}
}

static void a_response_decodes_in_a_memory_that_the_guess_does_not_fit(void **state)
{
	struct fixture *fixture = *state;
	void *message;

	encode_metadata(fixture, 1, 100);
	kw_memory_set_max(fixture->memory,
			  kw_memory_used(fixture->memory) + fixture->frame.size + 16000);
	assert_int_equal(decode(fixture, &kwire_metadata_api, 12, fixture->frame.data + 4,
				fixture->frame.size - 4, &message),
			 0);
	kwire_response_free(message);
	kw_memory_set_max(fixture->memory,
			  kw_memory_used(fixture->memory) + fixture->frame.size + 1000);
	assert_int_equal(decode(fixture, &kwire_metadata_api, 12, fixture->frame.data + 4,
				fixture->frame.size - 4, &message),
			 KWIRE_ENOMEM);
	assert_null(kw_response_new(fixture->memory, &kwire_metadata_api, 100000));
	kw_memory_set_max(fixture->memory, 0);
	assert_null(kw_response_new(fixture->memory, &kwire_metadata_api, (size_t)INT32_MAX + 1));
}

static void a_server_reads_what_a_client_writes_and_the_reverse(void **state)
{
	struct fixture *fixture = *state;
	struct kwire_metadata_request_topic topic = KWIRE_METADATA_REQUEST_TOPIC_INIT;
	struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT, *seen;
	struct kw_request_header header;
	void *message;

	topic.name = KWIRE_STRING("orders");
	request.topics.items = &topic;
	request.topics.count = 1;
	for (int16_t version = 0; version <= 13; version++) {
		assert_int_equal(encode(fixture, &kwire_metadata_api, version, &request), 0);
		kw_frame_set_correlation_id(&fixture->frame, 99);
		assert_int_equal(kw_request_peek(fixture->frame.data + 4, fixture->frame.size - 4,
						 &header, &fixture->error),
				 0);
		assert_int_equal(header.api_key, 3);
		assert_int_equal(header.api_version, version);
		assert_int_equal(header.correlation_id, 99);
		assert_true(kwire_string_equal(header.client_id, "me"));
		assert_int_equal(kw_request_decode(fixture->memory, fixture->frame.data + 4,
						   fixture->frame.size - 4, &kwire_metadata_server,
						   &message, &fixture->error),
				 0);
		seen = message;
		assert_string_equal(seen->topics.items[0].name.data, "orders");
		kwire_response_free(message);
	}
}

static void a_request_that_is_cut_or_not_known_is_refused(void **state)
{
	struct fixture *fixture = *state;
	struct kw_request_header header;
	void *message;

	assert_int_equal(kw_request_peek("\0\3\0\1\0\0\0", 7, &header, &fixture->error),
			 KWIRE_EDECODE);
	assert_int_equal(kw_request_peek("\0\3\0\1\0\0\0\1\0\5x", 11, &header, &fixture->error),
			 KWIRE_EDECODE);
	assert_int_equal(kw_request_peek("\0\7\0\0\0\0\0\1", 8, &header, &fixture->error), 0);
	assert_null(header.client_id.data);
	assert_int_equal(kw_request_decode(fixture->memory, "\0\3\0\x63\0\0\0\1\xff\xff", 10,
					   &kwire_metadata_server, &message, &fixture->error),
			 KWIRE_EUNSUPPORTED);
	assert_int_equal(kw_request_decode(fixture->memory, "\0\3\0\1\0\0\0\1\xff\xff\0\0", 12,
					   &kwire_metadata_server, &message, &fixture->error),
			 KWIRE_EDECODE);
	assert_message(fixture, "Metadata request v1: topics needs 4 bytes, where 2 are left "
				"(offset 10)");
}

static void the_headers_are_those_of_the_schema(void **state)
{
	struct fixture *fixture = *state;
	struct kwire_request_header header = KWIRE_REQUEST_HEADER_INIT;
	struct kwire_response_header answer = KWIRE_RESPONSE_HEADER_INIT;
	struct kwire_metadata_response response = KWIRE_METADATA_RESPONSE_INIT;
	uint8_t bytes[64];
	size_t size;

	header.request_api_key = 3;
	header.correlation_id = 77;
	header.client_id = KWIRE_STRING("me");
	for (int16_t version = 1; version <= 2; version++) {
		header.request_api_version = version == 1 ? 8 : 9;
		assert_int_equal(kwire_message_encode(&kwire_request_header_message, &header,
						      version, bytes, sizeof(bytes), &size,
						      &fixture->error),
				 0);
		assert_int_equal(kw_frame_encode_raw(&fixture->frame, fixture->memory, 3,
						     header.request_api_version, version == 2,
						     KWIRE_STRING("me"), NULL, 0, INT32_MAX,
						     &fixture->error),
				 0);
		kw_frame_set_correlation_id(&fixture->frame, 77);
		assert_int_equal(fixture->frame.size - 4, size);
		assert_memory_equal(fixture->frame.data + 4, bytes, size);
	}
	answer.correlation_id = 77;
	for (int16_t version = 0; version <= 1; version++) {
		assert_int_equal(kwire_message_encode(&kwire_response_header_message, &answer,
						      version, bytes, sizeof(bytes), &size,
						      &fixture->error),
				 0);
		assert_int_equal(kw_response_encode(&fixture->frame, fixture->memory,
						    &kwire_metadata_server, version == 0 ? 8 : 9,
						    77, &response, INT32_MAX, &fixture->error),
				 0);
		assert_memory_equal(fixture->frame.data + 4, bytes, size);
	}
}

static void a_message_is_encoded_into_the_callers_buffer_and_back(void **state)
{
	struct fixture *fixture = *state;
	struct kwire_string topics[] = {KWIRE_STRING_INIT("a"), KWIRE_STRING_INIT("b")};
	struct kwire_consumer_protocol_subscription subscription =
		KWIRE_CONSUMER_PROTOCOL_SUBSCRIPTION_INIT;
	const struct kwire_message *type = &kwire_consumer_protocol_subscription_message;
	uint8_t bytes[64];
	void *message;
	size_t size;

	subscription.topics.items = topics;
	subscription.topics.count = 2;
	assert_int_equal(
		kwire_message_encode(type, &subscription, 0, NULL, 0, &size, &fixture->error),
		KWIRE_ETOOLARGE);
	assert_int_equal(size, 14);
	assert_int_equal(kwire_message_encode(type, &subscription, 0, bytes, 13, &size, NULL),
			 KWIRE_ETOOLARGE);
	assert_int_equal(kwire_message_encode(type, &subscription, 0, bytes, 14, &size, NULL), 0);
	assert_memory_equal(bytes, "\0\0\0\2\0\1a\0\1b\xff\xff\xff\xff", 14);
	assert_int_equal(kwire_message_decode(type, bytes, size, 0, &message, NULL), 0);
	assert_string_equal(
		((struct kwire_consumer_protocol_subscription *)message)->topics.items[1].data,
		"b");
	kwire_response_free(message);
	assert_int_equal(kwire_message_decode(type, bytes, 13, 0, &message, &fixture->error),
			 KWIRE_EDECODE);
	assert_message(fixture, "ConsumerProtocolSubscription v0: user_data needs 4 bytes, where "
				"3 are left (offset 10)");
	assert_int_equal(kwire_message_decode(type, bytes, 13, 9, &message, &fixture->error),
			 KWIRE_EINVAL);
	assert_int_equal(
		kwire_message_encode(type, &subscription, 9, NULL, 0, &size, &fixture->error),
		KWIRE_EINVAL);
	assert_int_equal(kwire_message_encode(type, NULL, 0, NULL, 0, &size, NULL), KWIRE_EINVAL);
	assert_int_equal(kwire_message_decode(type, NULL, 1, 0, &message, NULL), KWIRE_EINVAL);
	topics[1].data = NULL;
	assert_int_equal(
		kwire_message_encode(type, &subscription, 0, NULL, 0, &size, &fixture->error),
		KWIRE_EINVAL);
	assert_message(fixture, "ConsumerProtocolSubscription v0: topics[1] is null, which version "
				"0 does not allow");
}

static void unknown_tags_survive_a_round_trip(void **state)
{
	struct fixture *fixture = *state;
	static const char frame[] = "\0\0\0\7\0\0\0\2\0\x12\0\0\0\4\1\x09\1k\0\0\0\0\2\1\x08"
				    "\0\0\0\0\0\0\0\5\x64\1u";
	struct kwire_api_versions_response *response;
	void *message;

	assert_int_equal(
		decode(fixture, &kwire_api_versions_api, 3, frame, sizeof(frame) - 1, &message),
		KWIRE_EDECODE);
	/* ApiVersions has no tags in its header: the same without the blank one. */
	{
		char bytes[sizeof(frame)];

		memcpy(bytes, frame, 4);
		memcpy(bytes + 4, frame + 5, sizeof(frame) - 5);
		assert_int_equal(decode(fixture, &kwire_api_versions_api, 3, bytes,
					sizeof(frame) - 2, &message),
				 0);
		response = message;
		assert_int_equal(response->api_keys.items[0].unknown_tags->items[0].tag, 9);
		assert_int_equal(response->unknown_tags->items[0].tag, 100);
		assert_true(response->finalized_features_epoch == 5);
		assert_int_equal(kw_response_encode(&fixture->frame, fixture->memory,
						    &kwire_api_versions_server, 3, 7, message,
						    INT32_MAX, &fixture->error),
				 0);
		assert_int_equal(fixture->frame.size - 4, sizeof(frame) - 2);
		assert_memory_equal(fixture->frame.data + 4, bytes, sizeof(frame) - 2);
		kwire_response_free(message);
	}
}

static void strings_and_uuids_have_their_helpers(void **state)
{
	struct kwire_uuid uuid = KWIRE_UUID_INIT, back;
	char text[23];

	(void)state;
	assert_true(kwire_string_equal(kwire_string("abc"), "abc"));
	assert_false(kwire_string_equal(kwire_string("abc"), "abd"));
	assert_false(kwire_string_equal(kwire_string("abc"), NULL));
	assert_false(kwire_string_equal(kwire_string(NULL), ""));
	assert_true(kwire_string_equal(kwire_string(NULL), NULL));
	assert_true(kwire_uuid_is_zero(uuid));
	kwire_uuid_format(uuid, text);
	assert_string_equal(text, "AAAAAAAAAAAAAAAAAAAAAA");
	for (unsigned i = 0; i < 16; i++)
		uuid.bytes[i] = (uint8_t)(0xff - 7 * i);
	kwire_uuid_format(uuid, text);
	assert_string_equal(text, "__jx6uPc1c7HwLmyq6Sdlg");
	assert_int_equal(kwire_uuid_parse(text, &back), 0);
	assert_memory_equal(&uuid, &back, 16);
	assert_false(kwire_uuid_is_zero(uuid));
	assert_int_equal(kwire_uuid_parse("__jx6uPc1c7HwLmyq6Sdl", &back), KWIRE_EINVAL);
	assert_int_equal(kwire_uuid_parse("__jx6uPc1c7HwLmyq6Sdlh", &back), KWIRE_EINVAL);
	assert_int_equal(kwire_uuid_parse("__jx6uPc1c7HwLmyq6Sd+g", &back), KWIRE_EINVAL);
	assert_int_equal(kwire_uuid_parse(NULL, &back), KWIRE_EINVAL);
}

static void every_kafka_error_has_name_text_and_traits(void **state)
{
	int retriable = 0;

	(void)state;
	for (int16_t code = -1; code <= 136; code++) {
		struct kwire_kafka_error error = kwire_kafka_error(code);

		assert_int_equal(error.code, code);
		assert_string_not_equal(error.name, "UNKNOWN");
		assert_true(strlen(kwire_kafka_error_text(code)) > 5);
		assert_false(error.refresh_metadata && error.refresh_coordinator);
		assert_true(error.retriable ||
			    (!error.refresh_metadata && !error.refresh_coordinator));
		retriable += error.retriable;
	}
	assert_int_equal(retriable, 32);
	assert_string_equal(kwire_kafka_error(6).name, "NOT_LEADER_OR_FOLLOWER");
	assert_true(kwire_kafka_error(6).refresh_metadata);
	assert_true(kwire_kafka_error(16).refresh_coordinator);
	assert_true(kwire_kafka_error(7).retriable);
	assert_false(kwire_kafka_error(29).retriable);
	assert_string_equal(kwire_kafka_error(136).name, "CONTROLLER_ID_NOT_REGISTERED");
	assert_int_equal(kwire_kafka_error(137).code, 137);
	assert_string_equal(kwire_kafka_error(137).name, "UNKNOWN");
	assert_string_equal(kwire_kafka_error(-2).name, "UNKNOWN");
	assert_non_null(strstr(kwire_kafka_error_text(137), "does not know"));
	assert_non_null(strstr(kwire_kafka_error_text(-2), "does not know"));
	assert_string_equal(kwire_kafka_error_text(0), "no error");
	assert_int_equal(kwire_kafka_error(-2).code, -2);
	assert_false(kwire_kafka_error(-2).retriable);
}

static void an_api_says_when_to_wait_and_what_it_carries(void **state)
{
	(void)state;
	assert_int_equal(kwire_produce_api.throttle_version, 6);
	assert_int_equal(kwire_fetch_api.throttle_offset,
			 offsetof(struct kwire_fetch_response, throttle_time_ms));
	assert_int_equal(kwire_fetch_api.request_wait_offset,
			 offsetof(struct kwire_fetch_request, max_wait_ms));
	assert_int_equal(kwire_fetch_api.flags, KWIRE_API_RECORDS);
	assert_int_equal(kwire_metadata_api.flags, 0);
	assert_int_equal(kwire_metadata_api.request_wait_offset, -1);
	assert_string_equal(kwire_api_name(3), "Metadata");
	assert_string_equal(kwire_api_name(4), "LeaderAndIsr");
	assert_null(kwire_api_name(999));
	assert_int_equal(kwire_all_apis_count, 91);
	assert_int_equal(kwire_all_servers_count, kwire_all_apis_count);
	for (int i = 0; i < kwire_all_apis_count; i++) {
		assert_string_equal(kwire_all_apis[i]->name,
				    kwire_api_name(kwire_all_apis[i]->key));
		assert_ptr_equal(kwire_all_servers[i]->api, kwire_all_apis[i]);
		assert_true(kwire_all_apis[i]->latest_stable_version ==
			    kwire_all_apis[i]->max_version - (kwire_all_apis[i]->key == 22));
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_request_has_header_v1_or_v2_as_its_version_wants),
		TEST(a_frame_is_reused_without_allocating),
		TEST(large_payloads_are_referenced_in_order),
		TEST(a_request_that_is_too_large_fails_alone),
		TEST(a_client_id_that_is_too_long_is_named),
		TEST(what_a_version_cannot_carry_is_named),
		TEST(without_memory_a_frame_is_enomem),
		TEST(a_raw_request_has_the_header_and_the_body_as_given),
		TEST(an_api_versions_response_has_header_v0_in_every_version),
		TEST(tags_in_a_response_header_are_read_not_assumed),
		TEST(a_malformed_response_names_message_field_and_offset),
		TEST(a_raw_response_is_what_follows_the_header),
		TEST(a_response_takes_one_allocation_or_two),
		TEST(a_response_decodes_in_a_memory_that_the_guess_does_not_fit),
		TEST(a_server_reads_what_a_client_writes_and_the_reverse),
		TEST(a_request_that_is_cut_or_not_known_is_refused),
		TEST(the_headers_are_those_of_the_schema),
		TEST(a_message_is_encoded_into_the_callers_buffer_and_back),
		TEST(unknown_tags_survive_a_round_trip),
		TEST(strings_and_uuids_have_their_helpers),
		TEST(every_kafka_error_has_name_text_and_traits),
		TEST(an_api_says_when_to_wait_and_what_it_carries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
