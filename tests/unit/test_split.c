/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dividing requests and putting answers together, on structs: no connection,
 * no cluster.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <kwire/api/describe_groups.h>
#include <kwire/api/fetch.h>
#include <kwire/api/list_offsets.h>
#include <kwire/api/offset_fetch.h>

#include "client/client.h"
#include "client/job.h"
#include "protocol/arena.h"
#include "protocol/response.h"

struct bench {
	struct kwire_config *config;
	struct kwire_client client; /* as far as a job looks at it */
	struct kw_job job;
	struct kw_piece pieces[4];
	struct kwire_error error;
};

static int setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	bench->config = kwire_config_new();
	bench->client.config = bench->config;
	*state = bench;
	return 0;
}

static int teardown(void **state)
{
	struct bench *bench = *state;

	for (int i = 0; i < 4; i++) {
		kwire_response_free(bench->pieces[i].response);
		kw_free(bench->pieces[i].owned);
	}
	if (bench->job.leaves != NULL)
		kw_leaves_free(&bench->job);
	kwire_config_free(bench->config);
	free(bench);
	return 0;
}

static void begin(struct bench *bench, const struct kwire_api *api, const void *request)
{
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;

	bench->job.client = &bench->client;
	bench->job.api = api;
	bench->job.route = api->route;
	bench->job.request = request;
	bench->job.options = options;
	bench->job.pieces = bench->pieces;
	assert_int_equal(kw_leaves_new(&bench->job), 0);
}

/* Every leaf into the piece of its number modulo `pieces`, and cut. */
static void deal(struct bench *bench, int pieces)
{
	bench->job.piece_count = pieces;
	for (int i = 0; i < bench->job.leaf_count; i++)
		bench->job.leaves[i].piece = i % pieces;
	for (int i = 0; i < pieces; i++)
		assert_int_equal(kw_cut(&bench->job, i, &bench->pieces[i].owned, &bench->error), 0);
}

/* A response struct in a block, as decoding makes one, with `size` bytes of room. */
static void *answer(struct bench *bench, int piece, size_t size, size_t room, void **at)
{
	struct kw_response *block = kw_response_new_sized(bench->config->memory, size, 0, 0);
	struct kw_arena arena;
	void *message = kw_response_build(block, &arena);

	memset(message, 0, size);
	*at = kw_arena_alloc(&arena, room, 0, 0);
	memset(*at, 0, room);
	kw_response_built(block, &arena);
	bench->pieces[piece].response = message;
	return message;
}

struct offsets {
	struct kwire_list_offsets_request request;
	struct kwire_list_offsets_request_topic topics[2];
	struct kwire_list_offsets_request_topic_partition partitions[2][3];
};

static void ask(struct offsets *offsets)
{
	static const struct kwire_list_offsets_request request = KWIRE_LIST_OFFSETS_REQUEST_INIT;
	static const struct kwire_list_offsets_request_topic topic =
		KWIRE_LIST_OFFSETS_REQUEST_TOPIC_INIT;
	static const struct kwire_list_offsets_request_topic_partition partition =
		KWIRE_LIST_OFFSETS_REQUEST_TOPIC_PARTITION_INIT;

	offsets->request = request;
	offsets->request.isolation_level = 1;
	offsets->request.topics.items = offsets->topics;
	offsets->request.topics.count = 2;
	for (int i = 0; i < 2; i++) {
		offsets->topics[i] = topic;
		offsets->topics[i].name = i == 0 ? KWIRE_STRING("a") : KWIRE_STRING("b");
		offsets->topics[i].partitions.items = offsets->partitions[i];
		offsets->topics[i].partitions.count = 3;
		for (int k = 0; k < 3; k++) {
			offsets->partitions[i][k] = partition;
			offsets->partitions[i][k].partition_index = 2 - k;
			offsets->partitions[i][k].timestamp = 10 * i + k;
		}
	}
}

static void a_part_has_the_leaves_of_its_piece_and_all_the_rest(void **state)
{
	struct bench *bench = *state;
	const struct kwire_list_offsets_request *part;
	struct offsets offsets;

	ask(&offsets);
	begin(bench, &kwire_list_offsets_api, &offsets.request);
	assert_int_equal(bench->job.leaf_count, 6);
	deal(bench, 2); /* a: 2, 0 and 1; b: 1 and 2, 0 */
	part = bench->pieces[0].owned;
	assert_int_equal(part->isolation_level, 1);
	assert_int_equal(part->topics.count, 2);
	assert_int_equal(part->topics.items[0].partitions.count, 2);
	assert_int_equal(part->topics.items[0].partitions.items[0].partition_index, 2);
	assert_int_equal(part->topics.items[0].partitions.items[1].partition_index, 0);
	assert_int_equal(part->topics.items[1].partitions.count, 1);
	assert_int_equal(part->topics.items[1].partitions.items[0].timestamp, 11);
	part = bench->pieces[1].owned;
	assert_int_equal(part->topics.items[0].partitions.count, 1);
	assert_int_equal(part->topics.items[0].partitions.items[0].partition_index, 1);
	assert_int_equal(part->topics.items[1].partitions.count, 2);
	/* The caller's is as it was. */
	assert_int_equal(offsets.topics[0].partitions.count, 3);
	assert_ptr_equal(offsets.topics[0].partitions.items, offsets.partitions[0]);
}

/* Answers a part backwards: topics, and partitions in them. */
static void answer_backwards(struct bench *bench, int piece, int32_t throttle_ms)
{
	const struct kwire_list_offsets_request *part = bench->pieces[piece].owned;
	struct kwire_list_offsets_response_topic_partition *partitions;
	struct kwire_list_offsets_response_topic *topics;
	struct kwire_list_offsets_response *response;
	void *room;

	response = answer(bench, piece, sizeof(*response),
			  2 * sizeof(*topics) + 6 * sizeof(*partitions), &room);
	topics = room;
	partitions = (void *)(topics + 2);
	response->throttle_time_ms = throttle_ms;
	response->topics.items = topics;
	response->topics.count = part->topics.count;
	for (int i = 0; i < part->topics.count; i++) {
		const struct kwire_list_offsets_request_topic
			*asked = &part->topics.items[part->topics.count - 1 - i];

		topics[i].name = asked->name;
		topics[i].partitions.items = partitions;
		topics[i].partitions.count = asked->partitions.count;
		for (int k = asked->partitions.count - 1; k >= 0; k--, partitions++) {
			partitions->partition_index = asked->partitions.items[k].partition_index;
			partitions->offset = asked->partitions.items[k].timestamp + 100;
		}
	}
}

static void answers_are_put_together_in_the_order_of_the_request(void **state)
{
	struct bench *bench = *state;
	struct kwire_list_offsets_response *merged;
	struct offsets offsets;
	void *response = NULL;

	ask(&offsets);
	begin(bench, &kwire_list_offsets_api, &offsets.request);
	deal(bench, 3);
	for (int i = 0; i < 3; i++) {
		answer_backwards(bench, i, i == 1 ? 70 : 5);
		kw_leaves_match(&bench->job, i);
	}
	assert_int_equal(kw_merge(&bench->job, -1, &response, &bench->error), 0);
	merged = response;
	assert_int_equal(merged->throttle_time_ms, 70);
	assert_int_equal(merged->topics.count, 2);
	for (int i = 0; i < 2; i++) {
		assert_true(kwire_string_equal(merged->topics.items[i].name, i == 0 ? "a" : "b"));
		assert_int_equal(merged->topics.items[i].partitions.count, 3);
		for (int k = 0; k < 3; k++) {
			assert_int_equal(
				merged->topics.items[i].partitions.items[k].partition_index, 2 - k);
			assert_int_equal(merged->topics.items[i].partitions.items[k].offset,
					 100 + 10 * i + k);
		}
	}
	for (int i = 0; i < 3; i++)
		assert_null(bench->pieces[i].response); /* part of the merged one now */
	kwire_response_free(response);
}

static void what_has_no_answer_is_left_out(void **state)
{
	struct bench *bench = *state;
	struct kwire_list_offsets_response *merged;
	struct offsets offsets;
	void *response = NULL;

	ask(&offsets);
	begin(bench, &kwire_list_offsets_api, &offsets.request);
	deal(bench, 3);
	answer_backwards(bench, 0, 0);
	answer_backwards(bench, 2, 0);
	/* A broker that forgets a partition, and answers for one that it was not asked about. */
	((struct kwire_list_offsets_response *)bench->pieces[2].response)
		->topics.items[0]
		.partitions.items[0]
		.partition_index = 77;
	kw_leaves_match(&bench->job, 0);
	kw_leaves_match(&bench->job, 2);
	assert_int_equal(kw_merge(&bench->job, -1, &response, &bench->error), 0);
	merged = response;
	assert_int_equal(merged->topics.count, 2);
	assert_int_equal(merged->topics.items[0].partitions.count, 2);
	assert_int_equal(merged->topics.items[0].partitions.items[1].partition_index, 0);
	assert_int_equal(merged->topics.items[1].partitions.count, 1);
	assert_int_equal(merged->topics.items[1].partitions.items[0].partition_index, 2);
	kwire_response_free(response);
}

static void topics_are_told_apart_by_id_where_there_is_one(void **state)
{
	struct bench *bench = *state;
	struct kwire_fetch_request_topic topics[2] = {KWIRE_FETCH_REQUEST_TOPIC_INIT,
						      KWIRE_FETCH_REQUEST_TOPIC_INIT};
	struct kwire_fetch_request_topic_partition partition =
		KWIRE_FETCH_REQUEST_TOPIC_PARTITION_INIT;
	struct kwire_fetch_request request = KWIRE_FETCH_REQUEST_INIT;
	struct kwire_fetch_response_response_partition *parts;
	struct kwire_fetch_response_response *answers;
	struct kwire_fetch_response *response;
	void *room;

	for (int i = 0; i < 2; i++) {
		topics[i].topic_id.bytes[15] = (uint8_t)(i + 1);
		topics[i].partitions.items = &partition;
		topics[i].partitions.count = 1;
	}
	request.topics.items = topics;
	request.topics.count = 2;
	begin(bench, &kwire_fetch_api, &request);
	deal(bench, 1);
	response = answer(bench, 0, sizeof(*response), 2 * (sizeof(*answers) + sizeof(*parts)),
			  &room);
	answers = room;
	parts = (void *)(answers + 2);
	response->responses.items = answers;
	response->responses.count = 2;
	for (int i = 0; i < 2; i++) {
		answers[i].topic_id.bytes[15] = (uint8_t)(2 - i);
		answers[i].partitions.items = &parts[i];
		answers[i].partitions.count = 1;
		parts[i].error_code = (int16_t)(2 - i);
	}
	kw_leaves_match(&bench->job, 0);
	assert_int_equal(kw_leaf_code(&bench->job, &bench->job.leaves[0]), 1);
	assert_int_equal(kw_leaf_code(&bench->job, &bench->job.leaves[1]), 2);
	/* A refusal of the whole is one of each, where the item says nothing of its own. */
	parts[1].error_code = 0;
	response->error_code = 74;
	assert_int_equal(kw_leaf_code(&bench->job, &bench->job.leaves[0]), 74);
}

static void a_key_that_is_asked_for_twice_is_answered_twice(void **state)
{
	struct bench *bench = *state;
	struct kwire_string keys[] = {KWIRE_STRING_INIT("g"), KWIRE_STRING_INIT("h"),
				      KWIRE_STRING_INIT("g")};
	struct kwire_describe_groups_request request = KWIRE_DESCRIBE_GROUPS_REQUEST_INIT;
	struct kwire_describe_groups_response *response;
	struct kwire_describe_groups_response_group *groups;
	void *room, *merged = NULL;

	request.groups.items = keys;
	request.groups.count = 3;
	begin(bench, &kwire_describe_groups_api, &request);
	deal(bench, 1);
	response = answer(bench, 0, sizeof(*response), 3 * sizeof(*groups), &room);
	groups = room;
	response->groups.items = groups;
	response->groups.count = 3;
	for (int i = 0; i < 3; i++) {
		groups[i].group_id = keys[i];
		groups[i].authorized_operations = i;
	}
	kw_leaves_match(&bench->job, 0);
	assert_int_equal(kw_merge(&bench->job, -1, &merged, &bench->error), 0);
	response = merged;
	assert_int_equal(response->groups.count, 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(response->groups.items[i].authorized_operations, i);
	kwire_response_free(merged);
}

static void a_batch_is_taken_apart_and_put_together_for_old_brokers(void **state)
{
	struct bench *bench = *state;
	int32_t index[] = {4, 5};
	struct kwire_offset_fetch_request_group_topic topic =
		KWIRE_OFFSET_FETCH_REQUEST_GROUP_TOPIC_INIT;
	struct kwire_offset_fetch_request_group groups[2] = {KWIRE_OFFSET_FETCH_REQUEST_GROUP_INIT,
							     KWIRE_OFFSET_FETCH_REQUEST_GROUP_INIT};
	struct kwire_offset_fetch_request request = KWIRE_OFFSET_FETCH_REQUEST_INIT;
	const struct kwire_offset_fetch_request *part;
	struct kwire_offset_fetch_response *response;
	void *room, *merged = NULL;

	topic.name = KWIRE_STRING("t");
	topic.partition_indexes.items = index;
	topic.partition_indexes.count = 2;
	groups[0].group_id = KWIRE_STRING("g");
	groups[0].topics.items = &topic;
	groups[0].topics.count = 1;
	groups[1].group_id = KWIRE_STRING("h");
	groups[1].topics.count = -1;
	request.groups.items = groups;
	request.groups.count = 2;
	request.require_stable = true;
	begin(bench, &kwire_offset_fetch_api, &request);
	bench->job.target = &kwire_to_groups;
	bench->job.single = true;
	deal(bench, 2);
	part = bench->pieces[0].owned;
	assert_true(part->require_stable);
	assert_int_equal(part->groups.count, 0);
	assert_true(kwire_string_equal(part->group_id, "g"));
	assert_int_equal(part->topics.count, 1);
	assert_true(kwire_string_equal(part->topics.items[0].name, "t"));
	assert_int_equal(part->topics.items[0].partition_indexes.items[1], 5);
	part = bench->pieces[1].owned;
	assert_true(kwire_string_equal(part->group_id, "h"));
	assert_int_equal(part->topics.count, -1);

	for (int i = 0; i < 2; i++) {
		struct kwire_offset_fetch_response_topic *answered;

		response = answer(bench, i, sizeof(*response), sizeof(*answered), &room);
		answered = room;
		response->error_code = (int16_t)(i == 1 ? 30 : 0);
		response->topics.items = answered;
		response->topics.count = 1 - i;
		answered->name = KWIRE_STRING("t");
	}
	assert_int_equal(kw_merge(&bench->job, -1, &merged, &bench->error), 0);
	response = merged;
	assert_int_equal(response->error_code, 0);
	assert_int_equal(response->groups.count, 2);
	assert_true(kwire_string_equal(response->groups.items[0].group_id, "g"));
	assert_true(kwire_string_equal(response->groups.items[0].topics.items[0].name, "t"));
	assert_int_equal(response->groups.items[0].error_code, 0);
	assert_true(kwire_string_equal(response->groups.items[1].group_id, "h"));
	assert_int_equal(response->groups.items[1].error_code, 30);
	kwire_response_free(merged);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(a_part_has_the_leaves_of_its_piece_and_all_the_rest),
		TEST(answers_are_put_together_in_the_order_of_the_request),
		TEST(what_has_no_answer_is_left_out),
		TEST(topics_are_told_apart_by_id_where_there_is_one),
		TEST(a_key_that_is_asked_for_twice_is_answered_twice),
		TEST(a_batch_is_taken_apart_and_put_together_for_old_brokers),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
