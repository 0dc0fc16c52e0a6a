/* SPDX-License-Identifier: Apache-2.0 */
/* See streams.h: the server with a log.  Its sockets block; it has few peers, who always read. */
#include "streams.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <kwire/api/api_versions.h>
#include <kwire/api/fetch.h>
#include <kwire/api/list_offsets.h>
#include <kwire/api/metadata.h>
#include <kwire/api/produce.h>

#include "base/memory.h"
#include "protocol/endian.h"
#include "protocol/server.h"

enum {
	PEERS = 512,
	FRAME_MAX = 32 << 20
};

struct cluster {
	const struct bench_log *log;
	struct kw_memory *memory;
	int brokers, topics, port;
	struct kw_frame frame;
	uint8_t *in;
	struct kwire_metadata_response_broker *broker_list;
	struct kwire_metadata_response_topic *topic_list;
	struct kwire_metadata_response_topic_partition *partition_list;
	char (*names)[16];
	int32_t nodes[1024];
};

/*
 * What both kwire and librdkafka can do.  FindCoordinator is never asked for,
 * nor is Produce 0 used: librdkafka compresses with LZ4 only for brokers that
 * have the one, and with gzip and snappy only for those that have the other.
 */
static const int16_t versions[][3] = {{0, 0, 7}, {1, 4, 11}, {2, 1, 5},
				      {3, 0, 8}, {10, 0, 2}, {18, 0, 3}};

static void answer(struct cluster *cluster, int fd, const struct kw_request_header *header,
		   const struct kwire_server_api *server, int16_t version, const void *response)
{
	struct iovec *iov;
	int count;

	if (kw_response_encode(&cluster->frame, cluster->memory, server, version,
			       header->correlation_id, response, INT32_MAX, NULL) != 0)
		_exit(1);
	iov = cluster->frame.iov;
	count = cluster->frame.iov_count;
	while (count > 0) {
		ssize_t n = writev(fd, iov, count);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		while (count > 0 && (size_t)n >= iov->iov_len) {
			n -= (ssize_t)iov->iov_len;
			iov++;
			count--;
		}
		if (count > 0) {
			iov->iov_base = (uint8_t *)iov->iov_base + n;
			iov->iov_len -= (size_t)n;
		}
	}
}

static void answer_versions(struct cluster *cluster, int fd, const struct kw_request_header *header)
{
	enum {
		COUNT = sizeof(versions) / sizeof(versions[0])
	};
	struct kwire_api_versions_response_api_key keys[COUNT];
	struct kwire_api_versions_response response = KWIRE_API_VERSIONS_RESPONSE_INIT;
	bool known = header->api_version <= 3;

	for (int i = 0; i < COUNT; i++) {
		keys[i] = (struct kwire_api_versions_response_api_key)
			KWIRE_API_VERSIONS_RESPONSE_API_KEY_INIT;
		keys[i].api_key = versions[i][0];
		keys[i].min_version = versions[i][1];
		keys[i].max_version = versions[i][2];
	}
	response.error_code = known ? 0 : 35;
	response.api_keys.items = keys;
	response.api_keys.count = COUNT;
	answer(cluster, fd, header, &kwire_api_versions_server, known ? header->api_version : 0,
	       &response);
}

static void make_lists(struct cluster *cluster)
{
	int topics = cluster->topics + 1;

	cluster->broker_list = calloc((size_t)cluster->brokers, sizeof(*cluster->broker_list));
	cluster->topic_list = calloc((size_t)topics, sizeof(*cluster->topic_list));
	cluster->partition_list = calloc((size_t)topics, sizeof(*cluster->partition_list));
	cluster->names = calloc((size_t)topics, sizeof(*cluster->names));
	if (cluster->broker_list == NULL || cluster->topic_list == NULL ||
	    cluster->partition_list == NULL || cluster->names == NULL)
		_exit(1);
	for (int i = 0; i < cluster->brokers; i++) {
		cluster->broker_list[i] = (struct kwire_metadata_response_broker)
			KWIRE_METADATA_RESPONSE_BROKER_INIT;
		cluster->broker_list[i].node_id = i + 1;
		cluster->broker_list[i].host = KWIRE_STRING("127.0.0.1");
		cluster->broker_list[i].port = cluster->port;
	}
	for (int i = 0; i < topics; i++) {
		struct kwire_metadata_response_topic_partition
			*partition = &cluster->partition_list[i];
		int32_t *node = &cluster->nodes[i % cluster->brokers];

		*node = i % cluster->brokers + 1;
		*partition = (struct kwire_metadata_response_topic_partition)
			KWIRE_METADATA_RESPONSE_TOPIC_PARTITION_INIT;
		partition->leader_id = *node;
		partition->replica_nodes = (struct kwire_int32_array){node, 1};
		partition->isr_nodes = (struct kwire_int32_array){node, 1};
		cluster->topic_list[i] = (struct kwire_metadata_response_topic)
			KWIRE_METADATA_RESPONSE_TOPIC_INIT;
		snprintf(cluster->names[i], sizeof(cluster->names[i]),
			 i < cluster->topics ? "topic-%d" : BENCH_TOPIC, i);
		cluster->topic_list[i].name = kwire_string(cluster->names[i]);
		cluster->topic_list[i].partitions.items = partition;
		cluster->topic_list[i].partitions.count = 1;
	}
}

static void answer_metadata(struct cluster *cluster, int fd, const struct kw_request_header *header,
			    const struct kwire_metadata_request *request)
{
	struct kwire_metadata_response response = KWIRE_METADATA_RESPONSE_INIT;
	struct kwire_metadata_response_topic asked[64];
	int32_t count = request->topics.count;

	response.brokers.items = cluster->broker_list;
	response.brokers.count = cluster->brokers;
	response.cluster_id = KWIRE_STRING("bench");
	response.controller_id = 1;
	if (count < 0 || (count == 0 && header->api_version == 0) || count > 64) {
		response.topics.items = cluster->topic_list;
		response.topics.count = cluster->topics + 1;
	} else {
		for (int32_t i = 0; i < count; i++) {
			const char *name = request->topics.items[i].name.data;
			int index = strncmp(name, "topic-", 6) == 0 ? atoi(name + 6)
								    : cluster->topics;

			asked[i] = cluster->topic_list[index <= cluster->topics ? index : 0];
		}
		response.topics.items = asked;
		response.topics.count = count;
	}
	answer(cluster, fd, header, &kwire_metadata_server, header->api_version, &response);
}

/* The batch that holds the record, and what follows it, up to `most` bytes. */
static struct kwire_bytes slice(const struct bench_log *log, int64_t offset, size_t most)
{
	int64_t round = offset / log->records, at = offset % log->records;
	size_t low = 0, high = log->count, end, start;

	while (high - low > 1) {
		size_t middle = (low + high) / 2;

		if (log->batches[middle].base <= at)
			low = middle;
		else
			high = middle;
	}
	start = log->batches[low].at;
	for (end = start; low < log->count; low++) {
		size_t next = low + 1 < log->count ? log->batches[low + 1].at : log->size;

		if (next - start > most && end > start)
			break;
		/* The base offset is no part of the checksum. */
		kw_store64(log->data + end,
			   (uint64_t)(round * log->records + log->batches[low].base));
		end = next;
	}
	return kwire_bytes_of(log->data + start, end - start);
}

static void answer_fetch(struct cluster *cluster, int fd, const struct kw_request_header *header,
			 const struct kwire_fetch_request *request)
{
	struct kwire_fetch_response response = KWIRE_FETCH_RESPONSE_INIT;
	struct kwire_fetch_response_response topic = KWIRE_FETCH_RESPONSE_RESPONSE_INIT;
	struct kwire_fetch_response_response_partition partition =
		KWIRE_FETCH_RESPONSE_RESPONSE_PARTITION_INIT;
	const struct kwire_fetch_request_topic_partition *wanted;

	if (request->topics.count > 0 && cluster->log != NULL) {
		wanted = &request->topics.items[0].partitions.items[0];
		topic.topic = request->topics.items[0].topic;
		topic.partitions.items = &partition;
		topic.partitions.count = 1;
		partition.partition_index = wanted->partition;
		partition.high_watermark = partition.last_stable_offset = INT64_MAX / 2;
		partition.log_start_offset = 0;
		partition.records = slice(cluster->log, wanted->fetch_offset,
					  (size_t)wanted->partition_max_bytes);
		response.responses.items = &topic;
		response.responses.count = 1;
	}
	answer(cluster, fd, header, &kwire_fetch_server, header->api_version, &response);
}

static void answer_produce(struct cluster *cluster, int fd, const struct kw_request_header *header,
			   const struct kwire_produce_request *request)
{
	struct kwire_produce_response response = KWIRE_PRODUCE_RESPONSE_INIT;
	struct kwire_produce_response_response topic = KWIRE_PRODUCE_RESPONSE_RESPONSE_INIT;
	struct kwire_produce_response_response_partition_response partition =
		KWIRE_PRODUCE_RESPONSE_RESPONSE_PARTITION_RESPONSE_INIT;

	if (request->topic_data.count > 0) {
		topic.name = request->topic_data.items[0].name;
		partition.index = request->topic_data.items[0].partition_data.items[0].index;
		partition.base_offset = 0;
		topic.partition_responses.items = &partition;
		topic.partition_responses.count = 1;
		response.responses.items = &topic;
		response.responses.count = 1;
	}
	answer(cluster, fd, header, &kwire_produce_server, header->api_version, &response);
}

static void answer_list_offsets(struct cluster *cluster, int fd,
				const struct kw_request_header *header,
				const struct kwire_list_offsets_request *request)
{
	struct kwire_list_offsets_response response = KWIRE_LIST_OFFSETS_RESPONSE_INIT;
	struct kwire_list_offsets_response_topic topic = KWIRE_LIST_OFFSETS_RESPONSE_TOPIC_INIT;
	struct kwire_list_offsets_response_topic_partition partition =
		KWIRE_LIST_OFFSETS_RESPONSE_TOPIC_PARTITION_INIT;

	if (request->topics.count > 0) {
		topic.name = request->topics.items[0].name;
		partition.partition_index =
			request->topics.items[0].partitions.items[0].partition_index;
		partition.offset = 0;
		topic.partitions.items = &partition;
		topic.partitions.count = 1;
		response.topics.items = &topic;
		response.topics.count = 1;
	}
	answer(cluster, fd, header, &kwire_list_offsets_server, header->api_version, &response);
}

static bool receive_all(int fd, void *data, size_t size)
{
	uint8_t *at = data;

	while (size > 0) {
		ssize_t n = recv(fd, at, size, MSG_WAITALL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		size -= (size_t)n;
	}
	return true;
}

/* One question; false when the peer has gone. */
static bool serve(struct cluster *cluster, int fd)
{
	static const struct kwire_server_api *const servers[] = {
		&kwire_produce_server, &kwire_fetch_server, &kwire_list_offsets_server,
		&kwire_metadata_server};
	struct kw_request_header header;
	uint8_t length[4];
	size_t size;
	void *request;

	if (!receive_all(fd, length, 4))
		return false;
	size = kw_load32(length);
	if (size > FRAME_MAX || !receive_all(fd, cluster->in, size) ||
	    kw_request_peek(cluster->in, size, &header, NULL) != 0)
		return false;
	if (header.api_key == 18) {
		answer_versions(cluster, fd, &header);
		return true;
	}
	if (header.api_key < 0 || header.api_key > 3 ||
	    kw_request_decode(cluster->memory, cluster->in, size, servers[header.api_key], &request,
			      NULL) != 0)
		return false;
	switch (header.api_key) {
	case 0:
		answer_produce(cluster, fd, &header, request);
		break;
	case 1:
		answer_fetch(cluster, fd, &header, request);
		break;
	case 2:
		answer_list_offsets(cluster, fd, &header, request);
		break;
	default:
		answer_metadata(cluster, fd, &header, request);
		break;
	}
	kwire_response_free(request);
	return true;
}

static _Noreturn void run(struct cluster *cluster, int listener)
{
	static struct pollfd polls[PEERS];
	nfds_t count = 1;
	int one = 1;

	cluster->memory = kw_memory_new(NULL, 0);
	cluster->in = malloc(FRAME_MAX);
	if (cluster->memory == NULL || cluster->in == NULL)
		_exit(1);
	make_lists(cluster);
	polls[0] = (struct pollfd){listener, POLLIN, 0};
	for (;;) {
		nfds_t before = count;

		if (poll(polls, count, -1) < 0)
			continue;
		if (polls[0].revents != 0 && count < PEERS) {
			int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

			if (fd >= 0) {
				setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
				polls[count++] = (struct pollfd){fd, POLLIN, 0};
			}
		}
		for (nfds_t i = before - 1; i > 0; i--)
			if (polls[i].revents != 0 && !serve(cluster, polls[i].fd)) {
				close(polls[i].fd);
				polls[i] = polls[--count];
			}
	}
}

struct bench_server bench_cluster_start(const struct bench_log *log, int brokers, int topics)
{
	struct cluster cluster = {.log = log, .brokers = brokers, .topics = topics};
	struct bench_server server = {0, 0};
	int listener = bench_listen(&server.port);

	cluster.port = server.port;
	server.pid = fork();
	if (server.pid < 0)
		bench_die("no server process");
	if (server.pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		run(&cluster, listener);
	}
	close(listener);
	return server;
}
