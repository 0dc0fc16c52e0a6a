/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows `idle_…`: what a connection, and what a whole client, holds and uses
 * while nothing happens.  Each is measured in a process of its own, as the
 * difference between one and many.
 */
#include "bench.h"

#include <dirent.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "calls.h"
#include "streams.h"

#if BENCH_RDKAFKA
#include <librdkafka/rdkafka.h>
#endif

enum {
	IDLE_MS = 2000
};

/* What a process holds, and the CPU time that it used. */
struct held {
	double kib, threads, descriptors, cpu;
};

static long number_in(const char *path, const char *format)
{
	FILE *file = fopen(path, "r");
	char line[256];
	long number = 0;

	if (file == NULL)
		return 0;
	while (fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, format, &number) == 1)
			break;
	fclose(file);
	return number;
}

#if BENCH_RDKAFKA
static int add_locals(struct dl_phdr_info *info, size_t size, void *sum)
{
	(void)size;
	if (strstr(info->dlpi_name, "librdkafka") != NULL)
		for (int i = 0; i < info->dlpi_phnum; i++)
			if (info->dlpi_phdr[i].p_type == PT_TLS)
				*(double *)sum += (double)info->dlpi_phdr[i].p_memsz / 1024;
	return 0;
}
#endif

/* librdkafka's thread-local variables (15 KiB): each thread of this process holds them, kwire's
 * too. */
static double others_locals(void)
{
	double kib = 0;

#if BENCH_RDKAFKA
	dl_iterate_phdr(add_locals, &kib);
#endif
	return kib;
}

static struct held held_now(void)
{
	struct held held = {0, 0, 0, 0};
	DIR *directory = opendir("/proc/self/fd");
	struct rusage usage;

	held.kib = (double)number_in("/proc/self/smaps_rollup", "Private_Dirty: %ld kB");
	held.threads = (double)number_in("/proc/self/status", "Threads: %ld");
	while (directory != NULL && readdir(directory) != NULL)
		held.descriptors++;
	if (directory != NULL)
		closedir(directory);
	getrusage(RUSAGE_SELF, &usage);
	held.cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
		   (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
	return held;
}

static void rest(void)
{
	struct timespec time = {IDLE_MS / 1000, IDLE_MS % 1000 * 1000000};

	nanosleep(&time, NULL);
}

/* `open` makes something that then stays idle; held by one of `count`, after a first one. */
static struct held measure(void (*open)(const void *context), const void *context, int count)
{
	struct held first, all, later, each;
	int pipes[2], status;
	pid_t child;

	if (pipe(pipes) != 0)
		bench_die("no pipe");
	child = fork();
	if (child == 0) {
		open(context);
		first = held_now();
		for (int i = 0; i < count; i++)
			open(context);
		all = held_now();
		rest();
		later = held_now();
		each.kib = (all.kib - first.kib) / count;
		each.threads = (all.threads - first.threads) / count;
		each.descriptors = (all.descriptors - first.descriptors) / count;
		each.cpu = (later.cpu - all.cpu) * 1e6 / (IDLE_MS / 1e3) / (count + 1);
		_exit(write(pipes[1], &each, sizeof(each)) != (ssize_t)sizeof(each));
	}
	close(pipes[1]);
	if (child < 0 || read(pipes[0], &each, sizeof(each)) != (ssize_t)sizeof(each))
		bench_die("the idle process failed");
	close(pipes[0]);
	waitpid(child, &status, 0);
	return each;
}

static void add(const char *what, const char *name, const char *unit, double value, double other,
		double goal)
{
	struct bench_row row = {.unit = unit, .value = value, .goal = goal, .at_most = true};

	snprintf(row.name, sizeof(row.name), "idle_%s_%s", what, name);
	row.limit = other;
	if (other != 0)
		row.ratio = row.low = row.high = value / other;
	bench_add(&row);
}

static void rows(const char *name, const struct held *held, const struct held *other, double kib)
{
	add("memory", name, "KiB", held->kib - held->threads * others_locals(), other->kib,
	    other->kib != 0 ? 1 : kib);
	add("threads", name, "threads", held->threads, other->threads, 1);
	add("descriptors", name, "fds", held->descriptors, other->descriptors, 0);
	add("cpu", name, "us/s", held->cpu, other->cpu, 0);
}

/* A connection that has had one answer. */
struct link {
	const struct bench_server *server;
	const char *const *properties;
};

static void open_connection(const void *context)
{
	const struct link *link = context;
	struct kwire_connection *connection = bench_open_with(link->server, link->properties);
	struct kwire_metadata_response *response = NULL;
	struct bench_question question;
	struct kwire_error error;

	bench_ask(&question);
	if (kwire_connection_send_metadata(connection, &question.request, &response,
					   &question.options, &error) != 0)
		bench_die("%s", error.message);
	kwire_response_free(response);
}

void bench_row_idle(const char *name, const struct bench_server *server,
		    const char *const *properties, double kib)
{
	static const struct held nothing = {0, 0, 0, 0};
	struct link link = {server, properties};
	struct held held = measure(open_connection, &link, 60);

	rows(name, &held, &nothing, kib);
}

/* A client that has asked one broker something. */
static void open_client(const void *context)
{
	const struct bench_server *server = context;
	struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
	struct kwire_metadata_response *response = NULL;
	struct kwire_config *config = kwire_config_new();
	struct kwire_client *client = NULL;
	struct kwire_error error;
	char address[32];

	snprintf(address, sizeof(address), "127.0.0.1:%d", server->port);
	if (kwire_config_set(config, "bootstrap.servers", address, &error) != 0 ||
	    kwire_client_open(config, &client, &error) != 0 ||
	    kwire_send_metadata(client, &request, &response, &error) != 0)
		bench_die("%s", error.message);
	kwire_response_free(response);
	kwire_config_free(config);
}

#if BENCH_RDKAFKA
static void open_other(const void *context)
{
	const struct bench_server *server = context;
	const struct rd_kafka_metadata *metadata;
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char address[32], text[256];
	rd_kafka_t *client;

	snprintf(address, sizeof(address), "127.0.0.1:%d", server->port);
	if (rd_kafka_conf_set(conf, "bootstrap.servers", address, text, sizeof(text)) !=
		    RD_KAFKA_CONF_OK ||
	    (client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text))) == NULL)
		bench_die("librdkafka: %s", text);
	if (rd_kafka_metadata(client, 1, NULL, &metadata, 5000) != 0)
		bench_die("librdkafka gets no metadata");
	rd_kafka_metadata_destroy(metadata);
}
#endif

static void rows_client(void)
{
	struct bench_server server = bench_cluster_start(NULL, 1, 0);
	struct held held = measure(open_client, &server, 20), other = {0, 0, 0, 0};

#if BENCH_RDKAFKA
	other = measure(open_other, &server, 20);
#endif
	rows("client", &held, &other, 0);
	bench_server_stop(&server);
}

void bench_idle(void)
{
	struct bench_server server;

	if (!bench_wants("idle_"))
		return;
	server = bench_server_start(BENCH_UNPINNED);
	bench_row_idle("connection", &server, NULL, 32);
	bench_server_stop(&server);
#if KW_WITH_TLS
	server = bench_server_start_tls(BENCH_UNPINNED);
	bench_row_idle("connection_tls", &server, bench_tls_properties(), 80);
	bench_server_stop(&server);
#endif
	rows_client();
}
