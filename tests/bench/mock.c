/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The row `mock_pipelined`: small requests a second that the mock cluster
 * answers on one pipelining connection.
 */
#include "bench.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <kwire/api/list_offsets.h>
#include <kwire/mock.h>

#include "base/memory.h"
#include "calls.h"
#include "mock.h"
#include "protocol/endian.h"
#include "protocol/frame.h"

enum {
	DEPTH = 512
};

/* A mock cluster of one broker in a process of its own. */
struct bench_server bench_mock_start(bool sasl)
{
	struct bench_server server = {0, 0};
	int pipes[2];

	if (pipe(pipes) != 0)
		bench_die("no pipe");
	server.pid = fork();
	if (server.pid == 0) {
		struct kwire_mock_options options = KWIRE_MOCK_OPTIONS_INIT;
		struct kwire_mock *mock = NULL;
		struct kwire_error error;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		options.brokers = 1;
		if (kwire_mock_open(&options, &mock, &error) != 0 ||
		    kwire_mock_create_topic(mock, BENCH_MOCK_TOPIC, 1, &error) != 0 ||
		    (sasl && (kwire_mock_set_sasl(mock, "SCRAM-SHA-256", &error) != 0 ||
			      kwire_mock_set_user(mock, BENCH_USER, BENCH_PASSWORD, &error) != 0)))
			bench_die("%s", error.message);
		server.port = kwire_mock_port(mock, 1);
		if (write(pipes[1], &server.port, sizeof(server.port)) != sizeof(server.port))
			_exit(1);
		for (;;)
			pause();
	}
	close(pipes[1]);
	if (server.pid < 0 ||
	    read(pipes[0], &server.port, sizeof(server.port)) != (ssize_t)sizeof(server.port))
		bench_die("no mock cluster");
	close(pipes[0]);
	return server;
}

static void send_all(int fd, const uint8_t *data, size_t size)
{
	while (size > 0) {
		ssize_t n = send(fd, data, size, MSG_NOSIGNAL);

		if (n <= 0)
			bench_die("the mock takes nothing");
		data += n;
		size -= (size_t)n;
	}
}

static void receive_all(int fd, uint8_t *data, size_t size)
{
	if (recv(fd, data, size, MSG_WAITALL) != (ssize_t)size)
		bench_die("the mock hung up");
}

/* Requests a second over one block, one batch always on its way. */
static double pipelined(int fd, const uint8_t *questions, size_t question_size, size_t answer_size,
			int batches)
{
	static uint8_t answers[DEPTH * 512];
	double start = bench_now();

	send_all(fd, questions, DEPTH * question_size);
	for (int i = 0; i < batches; i++) {
		if (i + 1 < batches)
			send_all(fd, questions, DEPTH * question_size);
		receive_all(fd, answers, DEPTH * answer_size);
	}
	return DEPTH * batches / (bench_now() - start);
}

/* A ListOffsets request of one partition. */
static void question(struct kw_frame *frame, struct kw_memory *memory)
{
	struct kwire_list_offsets_request request = KWIRE_LIST_OFFSETS_REQUEST_INIT;
	struct kwire_list_offsets_request_topic topic = KWIRE_LIST_OFFSETS_REQUEST_TOPIC_INIT;
	struct kwire_list_offsets_request_topic_partition partition =
		KWIRE_LIST_OFFSETS_REQUEST_TOPIC_PARTITION_INIT;

	partition.timestamp = -1;
	topic.name = KWIRE_STRING(BENCH_MOCK_TOPIC);
	topic.partitions.items = &partition;
	topic.partitions.count = 1;
	request.topics.items = &topic;
	request.topics.count = 1;
	if (kw_frame_encode(frame, memory, &kwire_list_offsets_api, 5, KWIRE_STRING("bench"),
			    &request, 1 << 20, NULL) != 0)
		bench_die("no request");
}

static void row_pipelined(void)
{
	struct bench_row row = {.unit = "requests/s", .goal = 200000, .name = "mock_pipelined"};
	struct bench_server server = bench_mock_start(false);
	struct kw_memory *memory = kw_memory_new(NULL, 0);
	struct kw_frame frame = KW_FRAME_INIT;
	static uint8_t questions[DEPTH * 128];
	int fd = bench_raw_open(&server), rounds = bench_options.rounds;
	double values[64];
	uint8_t length[4], answer[508];
	size_t answer_size;

	question(&frame, memory);
	for (int i = 0; i < DEPTH; i++)
		memcpy(questions + (size_t)i * frame.size, frame.data, frame.size);
	send_all(fd, frame.data, frame.size);
	receive_all(fd, length, 4);
	answer_size = 4 + kw_load32(length);
	if (answer_size > sizeof(answer))
		bench_die("a long answer");
	receive_all(fd, answer, answer_size - 4);
	rounds = rounds < 64 ? rounds : 64;
	for (int i = 0; i < rounds; i++)
		values[i] = pipelined(fd, questions, frame.size, answer_size, 200);
	row.value = bench_median(values, rounds);
	row.low = values[0];
	row.high = values[rounds - 1];
	bench_add(&row);
	close(fd);
	kw_frame_fini(&frame);
	kw_memory_put(memory);
	bench_server_stop(&server);
}

void bench_mock(void)
{
	if (bench_wants("mock_pipelined"))
		row_pipelined();
}
