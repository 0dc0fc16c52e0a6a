/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows `connect`, `idle_…` and `growth_…`: what opening costs, what an idle
 * connection holds, and how a call's cost grows with what is in flight.
 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "calls.h"

static double kwire_connects(void *context, int count)
{
	struct bench_question question;
	double start = bench_now();

	bench_ask(&question);
	for (int i = 0; i < count; i++) {
		struct kwire_connection *connection = bench_open(context);
		struct kwire_metadata_response *response = NULL;
		struct kwire_error error;

		if (kwire_connection_send_metadata(connection, &question.request, &response,
						   &question.options, &error) != 0)
			bench_die("%s", error.message);
		kwire_response_free(response);
		kwire_connection_close(connection);
	}
	return bench_now() - start;
}

/* The same bytes by hand: an ApiVersions question and one of Metadata. */
static double raw_connects(void *context, int count)
{
	static const uint8_t versions[] = {0,   0,   0,   33,  0,   18,  0,   4,   0,   0,
					   0,   0,   0,   17,  'k', 'w', 'i', 'r', 'e', '-',
					   'b', 'e', 'n', 'c', 'h', 'm', 'a', 'r', 'k', '-',
					   'c', 0,   2,   'k', 2,   '1', 0};
	uint8_t buffer[4096];
	double start = bench_now();

	for (int i = 0; i < count; i++) {
		int fd = bench_raw_open(context);

		if (send(fd, versions, sizeof(versions), MSG_NOSIGNAL) < 0 ||
		    recv(fd, buffer, sizeof(buffer), 0) <= 0 ||
		    send(fd, bench_question(), bench_question_size, MSG_NOSIGNAL) < 0 ||
		    recv(fd, buffer, sizeof(buffer), 0) <= 0)
			bench_die("the server hung up");
		close(fd);
	}
	return bench_now() - start;
}

static long resident_bytes(void)
{
	FILE *file = fopen("/proc/self/smaps_rollup", "r");
	char line[256];
	long kib = 0;

	if (file == NULL)
		return 0;
	while (fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "Private_Dirty: %ld kB", &kib) == 1)
			break;
	fclose(file);
	return kib * 1024;
}

static long threads(void)
{
	FILE *file = fopen("/proc/self/status", "r");
	char line[256];
	long count = 0;

	if (file == NULL)
		return 0;
	while (fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "Threads: %ld", &count) == 1)
			break;
	fclose(file);
	return count;
}

static void row_idle(const struct bench_server *server)
{
	enum {
		CONNECTIONS = 100
	};
	static struct kwire_connection *connections[CONNECTIONS];
	struct bench_row row = {.unit = "KiB", .goal = 32, .at_most = true};
	struct kwire_connection *warm = bench_open(server);
	long bytes = resident_bytes(), before = threads();

	for (int i = 0; i < CONNECTIONS; i++)
		connections[i] = bench_open(server);
	snprintf(row.name, sizeof(row.name), "idle_memory_connection");
	row.value = (double)(resident_bytes() - bytes) / CONNECTIONS / 1024;
	bench_add(&row);
	row = (struct bench_row){.unit = "threads", .goal = 1, .at_most = true};
	snprintf(row.name, sizeof(row.name), "idle_threads_connection");
	row.value = (double)(threads() - before) / CONNECTIONS;
	bench_add(&row);
	for (int i = 0; i < CONNECTIONS; i++)
		kwire_connection_close(connections[i]);
	kwire_connection_close(warm);
}

void bench_connect(void)
{
	struct bench_row row = {.unit = "us", .goal = 3, .at_most = true, .name = "connect"};
	struct bench_server server;

	if (!bench_wants("connect") && !bench_wants("idle"))
		return;
	server = bench_server_start(BENCH_TWO_CORES);
	bench_pin(0);
	if (bench_wants("connect")) {
		bench_compare(&row, (struct bench_way){kwire_connects, &server},
			      (struct bench_way){raw_connects, &server}, 50, false);
		row.value *= 1e6;
		row.limit *= 1e6;
		bench_add(&row);
	}
	if (bench_wants("idle"))
		row_idle(&server);
	bench_pin(-1);
	bench_server_stop(&server);
}

/* Calls started without waiting, `depth` of them, then all taken: seconds a call. */
static double in_flight(struct kwire_connection *connection, int depth)
{
	struct kwire_call **calls = calloc((size_t)depth, sizeof(struct kwire_call *));
	struct bench_question question;
	struct kwire_send_options more;
	struct kwire_error error;
	double start;

	if (calls == NULL)
		bench_die("no memory");
	bench_ask(&question);
	more = question.options;
	more.flags |= KWIRE_MORE;
	more.timeout_ms = 60000;
	start = bench_now();
	for (int i = 0; i < depth; i++)
		if (kwire_connection_start(connection, &kwire_metadata_api, &question.request,
					   &more, &calls[i], &error) != 0)
			bench_die("%s", error.message);
	for (int i = 0; i < depth; i++) {
		void *response = NULL;

		if (kwire_call_wait(calls[i], -1, &response, &error) != 0)
			bench_die("%s", error.message);
		kwire_response_free(response);
		kwire_call_free(calls[i]);
	}
	free(calls);
	return (bench_now() - start) / depth;
}

void bench_growth(void)
{
	static const int depths[] = {1, 64, 1024, 10000, 100000};
	struct bench_server server;
	struct kwire_connection *connection;
	double values[31];
	int rounds = bench_options.rounds < 31 ? bench_options.rounds : 31;

	if (!bench_wants("growth"))
		return;
	server = bench_server_start(BENCH_TWO_CORES);
	bench_pin(0);
	connection = bench_open(&server);
	for (size_t i = 0; i < sizeof(depths) / sizeof(depths[0]); i++) {
		struct bench_row row = {.unit = "us/call", .at_most = true};
		double ratios[31];

		for (int round = 0; round < rounds; round++) {
			double base;

			in_flight(connection, 1024);
			base = in_flight(connection, 1024);
			values[round] = in_flight(connection, depths[i]);
			ratios[round] = values[round] / base;
			row.limit += base / rounds;
		}
		snprintf(row.name, sizeof(row.name), "growth_in_flight_%d", depths[i]);
		row.value = bench_median(values, rounds) * 1e6;
		row.limit *= 1e6;
		row.ratio = bench_median(ratios, rounds);
		row.low = ratios[0];
		row.high = ratios[rounds - 1];
		row.goal = depths[i] == 10000 ? 1.5 : depths[i] == 100000 ? 2.5 : 0;
		bench_add(&row);
	}
	kwire_connection_close(connection);
	bench_pin(-1);
	bench_server_stop(&server);
}
