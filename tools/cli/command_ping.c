/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `kwire ping`: sends the smallest request (ApiVersions) again and again, one
 * after another, and shows how long the answers took.
 */
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <kwire/api/api_versions.h>

#include "cli.h"
#include "histogram.h"
#include "output.h"

enum {
	COUNT,
	INTERVAL,
	BROKER
};

static const struct cli_option options[] = {
	{"count", 'n', "N", "how many calls (100)"},
	{"interval", 'i', "MS", "pause between two calls (0)"},
	{"broker", 0, "ID", "asks this broker; else any"},
	{NULL, 0, NULL, NULL},
};

struct result {
	int64_t *latencies; /* microseconds, of calls that were answered */
	size_t answered;
	int64_t failed;
	int64_t first_us;         /* the first call, connecting included */
	struct kwire_error error; /* the first failure */
};

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Signals go to another thread and do not wake this one: so in short pieces. */
static void pause_ms(int64_t ms)
{
	int64_t end = now_us() + ms * 1000;

	while (!cli_interrupted()) {
		int64_t left = end - now_us();
		struct timespec time = {0, 1000 * (left < 50000 ? left : 50000)};

		if (left <= 0)
			break;
		nanosleep(&time, NULL);
	}
}

/* One call; its microseconds, or -1 with `error` filled. */
static int64_t call(struct cli *cli, int32_t broker, struct kwire_error *error)
{
	struct kwire_api_versions_request request = KWIRE_API_VERSIONS_REQUEST_INIT;
	struct kwire_api_versions_response *response = NULL;
	struct kwire_send_options send = KWIRE_SEND_OPTIONS_INIT;
	int64_t start = now_us();
	int result;

	request.client_software_name = KWIRE_STRING("kwire");
	request.client_software_version = KWIRE_STRING(KWIRE_VERSION_STRING);
	send.broker_id = broker;
	result = kwire_send_api_versions_with(cli->client, &request, &response, &send, error);
	kwire_response_free(response);
	return result == KWIRE_OK ? now_us() - start : -1;
}

static void show_progress(int64_t done, int64_t count)
{
	static int64_t shown;
	int64_t now = now_us();

	if (done < count && now - shown < 100000)
		return;
	shown = now;
	fprintf(stderr, done < count ? "\r%lld of %lld" : "\r\033[K", (long long)done,
		(long long)count);
}

static void ping(struct cli *cli, int64_t count, int64_t interval, int32_t broker,
		 struct result *result)
{
	bool progress = cli->terminal && !cli->json && isatty(STDERR_FILENO);
	struct kwire_error error = KWIRE_ERROR_INIT;

	/* The first call dials; it is not like the others and counts apart. */
	result->first_us = call(cli, broker, &error);
	for (int64_t i = 0; i < count && result->first_us >= 0 && !cli_interrupted(); i++) {
		int64_t us;

		pause_ms(i > 0 ? interval : 0);
		us = call(cli, broker, &error);
		if (us >= 0)
			result->latencies[result->answered++] = us;
		else if (!cli_interrupted() && result->failed++ == 0)
			result->error = error;
		if (progress)
			show_progress(i + 1, count);
	}
	if (progress)
		show_progress(count, count);
	if (result->first_us < 0)
		result->error = error;
}

static const double percentiles[] = {50, 90, 99, 99.9};

static void print_json(const struct result *result)
{
	json_t *times = json_object();
	const int64_t *values = result->latencies;
	size_t count = result->answered;
	char name[16];

	for (int i = 0; i < 4 && count > 0; i++) {
		snprintf(name, sizeof(name), "p%g", percentiles[i]);
		json_object_set_new(
			times, name,
			json_integer(histogram_percentile(values, count, percentiles[i])));
	}
	if (count > 0) {
		json_object_set_new(times, "min", json_integer(values[0]));
		json_object_set_new(times, "max", json_integer(values[count - 1]));
	}
	out_json(json_pack("{sI sI sI so}", "answered", (json_int_t)count, "failed",
			   (json_int_t)result->failed, "firstCallMicros",
			   (json_int_t)result->first_us, "latencyMicros", times));
}

static void print_text(const struct result *result)
{
	const int64_t *values = result->latencies;
	size_t count = result->answered;
	char text[24];

	printf("first call, connecting included: %s\n", histogram_time(result->first_us, text));
	printf("%zu answered, %lld failed\n", count, (long long)result->failed);
	if (count == 0)
		return;
	printf("min %s", histogram_time(values[0], text));
	for (int i = 0; i < 4; i++)
		printf("   p%g %s", percentiles[i],
		       histogram_time(histogram_percentile(values, count, percentiles[i]), text));
	printf("   max %s\n\n", histogram_time(values[count - 1], text));
	setlocale(LC_CTYPE, "");
	histogram_print(values, count, 40, strcmp(nl_langinfo(CODESET), "UTF-8") == 0);
}

static int run(struct cli *cli)
{
	struct result result = {.error = KWIRE_ERROR_INIT};
	int64_t count = 100, interval = 0, broker = -1;
	int code;

	if (!cli_integer(cli, COUNT, 1, 10000000, &count) ||
	    !cli_integer(cli, INTERVAL, 0, 3600000, &interval) ||
	    !cli_integer(cli, BROKER, 0, INT32_MAX, &broker))
		return CLI_USAGE;
	code = cli_open_client(cli);
	if (code != CLI_OK)
		return code;
	result.latencies = calloc((size_t)count, sizeof(*result.latencies));
	if (result.latencies == NULL) {
		fputs("kwire: out of memory\n", stderr);
		return CLI_FAILURE;
	}
	ping(cli, count, interval, (int32_t)broker, &result);
	histogram_sort(result.latencies, result.answered);
	if (cli->json)
		print_json(&result);
	else if (result.first_us >= 0)
		print_text(&result);
	if (result.error.result != KWIRE_OK)
		code = cli_fail(&result.error);
	free(result.latencies);
	return code;
}

const struct cli_command cli_ping = {
	.name = "ping",
	.operands = "",
	.summary = "Measures how long a broker takes to answer",
	.details = "\nCalls one after another; exit 1 when one of them failed.  Ctrl-C ends it\n"
		   "early and shows what was measured.\n",
	.options = options,
	.run = run,
};
