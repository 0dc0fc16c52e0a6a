/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows `encode_…` and `decode_…`: generated codecs beside hand-written
 * ones of the same message and version, and beside memcpy of the same bytes.
 * Both sides of a decode row copy the frame into a block of their own first,
 * as receiving does, and free what they made.
 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "hand.h"
#include "protocol/frame.h"
#include "protocol/response.h"
#include "protocol/server.h"

enum {
	TOPICS = 1000,
	PARTITIONS = 12,
	REPLICAS = 3
};

typedef bool hand_get(const uint8_t *data, size_t size, struct hand_room *room, void *message);
typedef size_t hand_put(uint8_t *data, size_t capacity, const void *message);

struct side {
	struct kw_memory *memory;
	const struct kwire_api *api;
	const struct kwire_server_api *server;
	bool request; /* else a response */
	int16_t version;
	const void *message;
	struct kw_frame frame; /* kwire's bytes of it, with header */
	size_t body;           /* offset of the body in the frame */
	hand_get *get;
	hand_put *put;
	uint8_t *scratch;
	size_t scratch_size;
};

static double decode_kwire(void *context, int count)
{
	struct side *side = context;
	struct kwire_error error;
	double start = bench_now();

	for (int i = 0; i < count; i++) {
		struct kw_response *response;
		void *message;

		if (side->request) {
			if (kw_request_decode(side->memory, side->frame.data + 4,
					      side->frame.size - 4, side->server, &message,
					      &error) != 0)
				bench_die("%s", error.message);
			kwire_response_free(message);
			continue;
		}
		response = kw_response_new(side->memory, side->api, side->frame.size - 4);
		memcpy(kw_response_frame(response), side->frame.data + 4, side->frame.size - 4);
		if (kw_response_decode(response, side->api, side->version, &message, &error) != 0)
			bench_die("%s", error.message);
		kwire_response_free(message);
	}
	return bench_now() - start;
}

static double decode_hand(void *context, int count)
{
	struct side *side = context;
	size_t size = side->frame.size - side->body;
	double start = bench_now();

	for (int i = 0; i < count; i++) {
		uint8_t *block = malloc(size * 4 + 4096);
		struct hand_room room = {block + ((size + 1024 + 15) & ~(size_t)15),
					 block + size * 4 + 4096};

		memcpy(block + 512, side->frame.data + side->body, size);
		if (!side->get(block + 512, size, &room, block))
			bench_die("%s: the hand-written decoder fails", side->api->name);
		free(block);
	}
	return bench_now() - start;
}

static double copy(void *context, int count)
{
	struct side *side = context;
	double start = bench_now();

	for (int i = 0; i < count; i++) {
		memcpy(side->scratch, side->frame.data, side->frame.size);
		__asm__ volatile("" : : "r"(side->scratch) : "memory");
	}
	return bench_now() - start;
}

static void encode(struct side *side)
{
	struct kwire_error error;
	int result;

	if (!side->request)
		result = kw_response_encode(&side->frame, side->memory, side->server, side->version,
					    1, side->message, INT32_MAX, &error);
	else
		result = kw_frame_encode(&side->frame, side->memory, side->api, side->version,
					 KWIRE_STRING("bench"), side->message, INT32_MAX, &error);
	if (result != 0)
		bench_die("%s", error.message);
}

static double encode_kwire(void *context, int count)
{
	double start = bench_now();

	for (int i = 0; i < count; i++)
		encode(context);
	return bench_now() - start;
}

static double encode_hand(void *context, int count)
{
	struct side *side = context;
	double start = bench_now();

	for (int i = 0; i < count; i++)
		if (side->put(side->scratch, side->scratch_size, side->message) == 0)
			bench_die("%s: the hand-written encoder fails", side->api->name);
	return bench_now() - start;
}

/* A row against the hand-written codec, and, with `share` of memcpy as goal, one against that. */
static void rows(const char *name, struct side *side, bool decoding, double share)
{
	struct bench_row row = {.unit = "MB/s", .goal = 0.6};
	struct bench_way kwire = {decoding ? decode_kwire : encode_kwire, side};
	struct bench_way hand = {decoding ? decode_hand : encode_hand, side};
	double bytes = (double)side->frame.total_size;
	int block = (int)(2e6 / (bytes + 100)) + 4;

	side->scratch_size = side->frame.size + 64;
	side->scratch = malloc(side->scratch_size);
	if (side->scratch == NULL)
		bench_die("no memory");
	snprintf(row.name, sizeof(row.name), "%s_%s", decoding ? "decode" : "encode", name);
	if (bench_wants(row.name)) {
		bench_compare(&row, kwire, hand, block, true);
		row.value *= bytes / 1e6;
		row.limit *= bytes / 1e6;
		bench_add(&row);
		if (share != 0) {
			strcat(row.name, "_memcpy");
			row.goal = share;
			bench_compare(&row, kwire, (struct bench_way){copy, side}, block, true);
			row.value *= bytes / 1e6;
			row.limit *= bytes / 1e6;
			bench_add(&row);
		}
	}
	free(side->scratch);
	kw_frame_fini(&side->frame);
}

/* The frame is made anew for each way, because rows() lets go of it. */
static void both_ways(const char *name, struct side *side, double decode_share, double encode_share)
{
	encode(side);
	rows(name, side, true, decode_share);
	encode(side);
	rows(name, side, false, encode_share);
}

static void codec_metadata(struct kw_memory *memory)
{
	static struct kwire_metadata_response_topic_partition partitions[TOPICS][PARTITIONS];
	static struct kwire_metadata_response_topic topics[TOPICS];
	static struct kwire_metadata_response_broker brokers[3];
	static char names[TOPICS][32];
	static int32_t nodes[REPLICAS] = {1, 2, 3};
	static struct kwire_metadata_response response = KWIRE_METADATA_RESPONSE_INIT;
	struct side side = {.memory = memory, .api = &kwire_metadata_api, .version = 12};

	for (int i = 0; i < TOPICS; i++) {
		topics[i] = (struct kwire_metadata_response_topic)
			KWIRE_METADATA_RESPONSE_TOPIC_INIT;
		snprintf(names[i], sizeof(names[i]), "benchmark.topic.%04d", i);
		topics[i].name = kwire_string(names[i]);
		topics[i].topic_id.bytes[0] = 1;
		topics[i].partitions.items = partitions[i];
		topics[i].partitions.count = PARTITIONS;
		for (int j = 0; j < PARTITIONS; j++) {
			partitions[i][j] = (struct kwire_metadata_response_topic_partition)
				KWIRE_METADATA_RESPONSE_TOPIC_PARTITION_INIT;
			partitions[i][j].partition_index = j;
			partitions[i][j].leader_id = nodes[j % REPLICAS];
			partitions[i][j].replica_nodes = (struct kwire_int32_array){nodes,
										    REPLICAS};
			partitions[i][j].isr_nodes = (struct kwire_int32_array){nodes, REPLICAS};
		}
	}
	for (int i = 0; i < 3; i++) {
		brokers[i] = (struct kwire_metadata_response_broker)
			KWIRE_METADATA_RESPONSE_BROKER_INIT;
		brokers[i].host = KWIRE_STRING("broker.example.org");
	}
	response.brokers.items = brokers;
	response.brokers.count = 3;
	response.topics.items = topics;
	response.topics.count = TOPICS;
	side.server = &kwire_metadata_server;
	side.message = &response;
	side.get = (hand_get *)(void (*)(void))hand_get_metadata_12;
	side.put = (hand_put *)(void (*)(void))hand_put_metadata_12;
	side.body = 9;
	both_ways("metadata", &side, 1 / 15.0, 1 / 7.0);
}

static void codec_api_versions(struct kw_memory *memory)
{
	static struct kwire_api_versions_response_api_key keys[60];
	static struct kwire_api_versions_response response = KWIRE_API_VERSIONS_RESPONSE_INIT;
	struct side side = {.memory = memory, .api = &kwire_api_versions_api, .version = 4};

	for (int16_t i = 0; i < 60; i++) {
		keys[i] = (struct kwire_api_versions_response_api_key)
			KWIRE_API_VERSIONS_RESPONSE_API_KEY_INIT;
		keys[i].api_key = i;
		keys[i].max_version = 9;
	}
	response.api_keys.items = keys;
	response.api_keys.count = 60;
	side.server = &kwire_api_versions_server;
	side.message = &response;
	side.get = (hand_get *)(void (*)(void))hand_get_api_versions_4;
	side.put = (hand_put *)(void (*)(void))hand_put_api_versions_4;
	side.body = 8;
	both_ways("api_versions", &side, 0, 0);
}

static void codec_fetch(struct kw_memory *memory)
{
	static struct kwire_fetch_response_response_partition partitions[100];
	static struct kwire_fetch_response_response topic = KWIRE_FETCH_RESPONSE_RESPONSE_INIT;
	static struct kwire_fetch_response response = KWIRE_FETCH_RESPONSE_INIT;
	static const uint8_t records[1024];
	struct side side = {.memory = memory, .api = &kwire_fetch_api, .version = 13};

	for (int i = 0; i < 100; i++) {
		partitions[i] = (struct kwire_fetch_response_response_partition)
			KWIRE_FETCH_RESPONSE_RESPONSE_PARTITION_INIT;
		partitions[i].partition_index = i;
		partitions[i].records = kwire_bytes_of(records, sizeof(records));
	}
	topic.topic_id.bytes[0] = 1;
	topic.partitions.items = partitions;
	topic.partitions.count = 100;
	response.responses.items = &topic;
	response.responses.count = 1;
	side.server = &kwire_fetch_server;
	side.message = &response;
	side.get = (hand_get *)(void (*)(void))hand_get_fetch_13;
	side.put = (hand_put *)(void (*)(void))hand_put_fetch_13;
	side.body = 9;
	both_ways("fetch", &side, 0, 0);
}

static void codec_describe_groups(struct kw_memory *memory)
{
	static struct kwire_describe_groups_response_group_member members[100];
	static struct kwire_describe_groups_response_group group =
		KWIRE_DESCRIBE_GROUPS_RESPONSE_GROUP_INIT;
	static struct kwire_describe_groups_response response = KWIRE_DESCRIBE_GROUPS_RESPONSE_INIT;
	static const uint8_t assignment[200];
	struct side side = {.memory = memory, .api = &kwire_describe_groups_api, .version = 5};

	for (int i = 0; i < 100; i++) {
		members[i] = (struct kwire_describe_groups_response_group_member)
			KWIRE_DESCRIBE_GROUPS_RESPONSE_GROUP_MEMBER_INIT;
		members[i].member_id = KWIRE_STRING(
			"consumer-1-3b241101-e2bb-4255-8caf-4136c566a962");
		members[i].client_id = KWIRE_STRING("consumer-1");
		members[i].client_host = KWIRE_STRING("/192.0.2.17");
		members[i].member_metadata = kwire_bytes_of(assignment, 60);
		members[i].member_assignment = kwire_bytes_of(assignment, sizeof(assignment));
	}
	group.group_id = KWIRE_STRING("billing");
	group.group_state = KWIRE_STRING("Stable");
	group.members.items = members;
	group.members.count = 100;
	response.groups.items = &group;
	response.groups.count = 1;
	side.server = &kwire_describe_groups_server;
	side.message = &response;
	side.get = (hand_get *)(void (*)(void))hand_get_describe_groups_5;
	side.put = (hand_put *)(void (*)(void))hand_put_describe_groups_5;
	side.body = 9;
	both_ways("describe_groups", &side, 0, 0);
}

static void codec_offset_commit(struct kw_memory *memory)
{
	static struct kwire_offset_commit_request_topic_partition partitions[1000];
	static struct kwire_offset_commit_request_topic topic =
		KWIRE_OFFSET_COMMIT_REQUEST_TOPIC_INIT;
	static struct kwire_offset_commit_request request = KWIRE_OFFSET_COMMIT_REQUEST_INIT;
	struct side side = {.memory = memory, .api = &kwire_offset_commit_api, .version = 8};

	for (int i = 0; i < 1000; i++) {
		partitions[i] = (struct kwire_offset_commit_request_topic_partition)
			KWIRE_OFFSET_COMMIT_REQUEST_TOPIC_PARTITION_INIT;
		partitions[i].partition_index = i;
		partitions[i].committed_offset = 1000000 + i;
	}
	topic.name = KWIRE_STRING("orders");
	topic.partitions.items = partitions;
	topic.partitions.count = 1000;
	request.group_id = KWIRE_STRING("billing");
	request.topics.items = &topic;
	request.topics.count = 1;
	side.message = &request;
	side.server = &kwire_offset_commit_server;
	side.request = true;
	side.get = (hand_get *)(void (*)(void))hand_get_offset_commit_8;
	side.put = (hand_put *)(void (*)(void))hand_put_offset_commit_8;
	side.body = 4 + 8 + 2 + 5 + 1;
	both_ways("offset_commit", &side, 0, 0);
}

static void codec_produce(struct kw_memory *memory)
{
	static struct kwire_produce_request_topic_data_partition_data partitions[100];
	static struct kwire_produce_request_topic_data topic =
		KWIRE_PRODUCE_REQUEST_TOPIC_DATA_INIT;
	static struct kwire_produce_request request = KWIRE_PRODUCE_REQUEST_INIT;
	static const uint8_t records[1024];
	struct side side = {.memory = memory, .api = &kwire_produce_api, .version = 9};

	for (int i = 0; i < 100; i++) {
		partitions[i] = (struct kwire_produce_request_topic_data_partition_data)
			KWIRE_PRODUCE_REQUEST_TOPIC_DATA_PARTITION_DATA_INIT;
		partitions[i].index = i;
		partitions[i].records = kwire_bytes_of(records, sizeof(records));
	}
	topic.name = KWIRE_STRING("orders");
	topic.partition_data.items = partitions;
	topic.partition_data.count = 100;
	request.acks = -1;
	request.topic_data.items = &topic;
	request.topic_data.count = 1;
	side.message = &request;
	side.server = &kwire_produce_server;
	side.request = true;
	side.get = (hand_get *)(void (*)(void))hand_get_produce_9;
	side.put = (hand_put *)(void (*)(void))hand_put_produce_9;
	side.body = 4 + 8 + 2 + 5 + 1;
	both_ways("produce", &side, 0, 0);
}

void bench_codec(void)
{
	struct kw_memory *memory;

	if (!bench_wants("encode_") && !bench_wants("decode_"))
		return;
	memory = kw_memory_new(NULL, 0);
	if (memory == NULL)
		bench_die("no memory");
	bench_pin(0);
	codec_api_versions(memory);
	codec_metadata(memory);
	codec_fetch(memory);
	codec_describe_groups(memory);
	codec_offset_commit(memory);
	codec_produce(memory);
	bench_pin(-1);
	kw_memory_put(memory);
}
