/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows `embedded_…`: calls, opening and idling once more with the small
 * property set of docs/embedding.md.
 */
#include "bench.h"

#include <stdio.h>
#include <string.h>

#include "calls.h"

const char *const bench_small_properties[] = {
	"memory.max.bytes",
	"1048576",
	"receive.message.max.bytes",
	"262144",
	"max.in.flight",
	"4",
	"fetch.decompressed.max.bytes",
	"262144",
	"log.level",
	"warning",
	"thread.stack.bytes",
	"65536",
	NULL,
};

static double opens(void *context, int count)
{
	double start = bench_now();

	for (int i = 0; i < count; i++)
		bench_first_answer(context, bench_small_properties);
	return bench_now() - start;
}

static double opens_as_usual(void *context, int count)
{
	double start = bench_now();

	for (int i = 0; i < count; i++)
		bench_first_answer(context, NULL);
	return bench_now() - start;
}

static void row_connect(struct bench_server *server)
{
	struct bench_row row = {.unit = "us", .at_most = true, .name = "embedded_connect"};

	if (!bench_wants(row.name))
		return;
	bench_compare(&row, (struct bench_way){opens, server},
		      (struct bench_way){opens_as_usual, server}, 50, false);
	row.value *= 1e6;
	row.limit *= 1e6;
	bench_add(&row);
}

void bench_embedded(void)
{
	static const enum bench_pinning pinnings[] = {BENCH_ONE_CORE, BENCH_TWO_CORES};
	static const struct bench_setting call = {"embedded_call", bench_small_properties, false,
						  0},
					  pipelined = {"embedded_pipelined", bench_small_properties,
						       false, 0},
					  shared = {"embedded_shared", bench_small_properties,
						    false, 0};

	if (!bench_wants("embedded_"))
		return;
	for (size_t p = 0; p < 2; p++) {
		struct bench_server server = bench_server_start(pinnings[p]);

		bench_pin(0);
		bench_row_call(&call, &server, pinnings[p]);
		bench_row_pipelined(&pipelined, &server, pinnings[p], 4);
		bench_row_shared(&shared, &server, pinnings[p], 8);
		if (pinnings[p] == BENCH_TWO_CORES && bench_wants("embedded_idle"))
			bench_row_idle("connection_embedded", &server, bench_small_properties, 32);
		if (pinnings[p] == BENCH_TWO_CORES)
			row_connect(&server);
		bench_server_stop(&server);
	}
	bench_pin(-1);
}
