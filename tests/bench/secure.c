/* SPDX-License-Identifier: Apache-2.0 */
/* The rows `call_tls`, `shared_tls_64` and `connect_tls`. */
#include "bench.h"

#if KW_WITH_TLS

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "calls.h"
#include "tls.h"

static double kwire_connects(void *context, int count)
{
	double start = bench_now();

	for (int i = 0; i < count; i++)
		bench_first_answer(context, bench_tls_properties());
	return bench_now() - start;
}

static double raw_connects(void *context, int count)
{
	uint8_t buffer[4096];
	double start = bench_now();

	for (int i = 0; i < count; i++) {
		int fd = bench_raw_open(context);
		struct bench_tls *tls = bench_tls_connect(fd);

		if (bench_tls_send(tls, bench_versions, bench_versions_size) < 0 ||
		    bench_tls_recv(tls, buffer, sizeof(buffer)) <= 0 ||
		    bench_tls_send(tls, bench_question(), bench_question_size) < 0 ||
		    bench_tls_recv(tls, buffer, sizeof(buffer)) <= 0)
			bench_die("the server hung up");
		bench_tls_free(tls);
		close(fd);
	}
	return bench_now() - start;
}

static void row_connect(struct bench_server *server)
{
	struct bench_row row = {.unit = "us", .goal = 3, .at_most = true, .name = "connect_tls"};

	if (!bench_wants(row.name))
		return;
	bench_compare(&row, (struct bench_way){kwire_connects, server},
		      (struct bench_way){raw_connects, server}, 5, false);
	row.value *= 1e6;
	row.limit *= 1e6;
	bench_add(&row);
}

void bench_tls(void)
{
	static const enum bench_pinning pinnings[] = {BENCH_ONE_CORE, BENCH_TWO_CORES};
	struct bench_setting call = {"call_tls", NULL, true, 1.05};
	struct bench_setting shared = {"shared_tls", NULL, true, 0};

	if (!bench_wants("call_tls") && !bench_wants("shared_tls") && !bench_wants("connect_tls"))
		return;
	call.properties = shared.properties = bench_tls_properties();
	bench_tls_client();
	for (size_t p = 0; p < 2; p++) {
		struct bench_server server = bench_server_start_tls(pinnings[p]);

		bench_pin(0);
		bench_row_call(&call, &server, pinnings[p]);
		bench_row_shared(&shared, &server, pinnings[p], 64);
		if (pinnings[p] == BENCH_TWO_CORES)
			row_connect(&server);
		bench_server_stop(&server);
	}
	bench_pin(-1);
}

#else
void bench_tls(void)
{
}
#endif
