/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows `connect` and `growth_in_flight_…`: what opening costs, and how a
 * call's cost grows with what is in flight.
 */
#include "bench.h"

#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "calls.h"

void bench_first_answer(const struct bench_server *server, const char *const *properties)
{
	struct kwire_connection *connection = bench_open_with(server, properties);
	struct kwire_metadata_response *response = NULL;
	struct bench_question question;
	struct kwire_error error;

	bench_ask(&question);
	if (kwire_connection_send_metadata(connection, &question.request, &response,
					   &question.options, &error) != 0)
		bench_die("%s", error.message);
	kwire_response_free(response);
	kwire_connection_close(connection);
}

static double kwire_connects(void *context, int count)
{
	double start = bench_now();

	for (int i = 0; i < count; i++)
		bench_first_answer(context, NULL);
	return bench_now() - start;
}

/* An ApiVersions question, as kwire asks it. */
const uint8_t bench_versions[] = {0,   0,   0,   33,  0,   18,  0,   4,   0,   0,   0,   0,   0,
				  17,  'k', 'w', 'i', 'r', 'e', '-', 'b', 'e', 'n', 'c', 'h', 'm',
				  'a', 'r', 'k', '-', 'c', 0,   2,   'k', 2,   '1', 0};
const size_t bench_versions_size = sizeof(bench_versions);

/* The same bytes by hand: an ApiVersions question and one of Metadata. */
static double raw_connects(void *context, int count)
{
	uint8_t buffer[4096];
	double start = bench_now();

	for (int i = 0; i < count; i++) {
		int fd = bench_raw_open(context);

		if (send(fd, bench_versions, bench_versions_size, MSG_NOSIGNAL) < 0 ||
		    recv(fd, buffer, sizeof(buffer), 0) <= 0 ||
		    send(fd, bench_question(), bench_question_size, MSG_NOSIGNAL) < 0 ||
		    recv(fd, buffer, sizeof(buffer), 0) <= 0)
			bench_die("the server hung up");
		close(fd);
	}
	return bench_now() - start;
}

void bench_connect(void)
{
	struct bench_row row = {.unit = "us", .goal = 3, .at_most = true, .name = "connect"};
	struct bench_server server;

	if (!bench_wants("connect"))
		return;
	server = bench_server_start(BENCH_TWO_CORES);
	bench_pin(0);
	bench_compare(&row, (struct bench_way){kwire_connects, &server},
		      (struct bench_way){raw_connects, &server}, 50, false);
	row.value *= 1e6;
	row.limit *= 1e6;
	bench_add(&row);
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
	/* What malloc gives back to the system between two runs, it must ask for again. */
	mallopt(M_TRIM_THRESHOLD, INT_MAX);
	connection = bench_open(&server);
	for (size_t i = 0; i < sizeof(depths) / sizeof(depths[0]); i++) {
		struct bench_row row = {.unit = "us/call", .at_most = true};
		double ratios[31];

		for (int round = 0; round < rounds; round++) {
			double base;

			in_flight(connection, depths[i]);
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
	mallopt(M_TRIM_THRESHOLD, 128 * 1024);
	bench_pin(-1);
	bench_server_stop(&server);
}
