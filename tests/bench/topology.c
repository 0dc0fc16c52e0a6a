/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows `growth_brokers_…` and `growth_topics_…`: a client's call with more
 * brokers, and with more topics whose leaders it knows; and what those cost in
 * memory.  Instructions are counted by callgrind over the whole process: what
 * a noisy machine cannot touch.
 */
#include "bench.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kwire/api/list_offsets.h>
#include <kwire/fetch.h>

#include "calls.h"
#include "streams.h"

struct kwire_client *bench_client_open(int port, const struct kwire_allocator *allocator)
{
	struct kwire_config *config = kwire_config_new_with(allocator);
	struct kwire_client *client = NULL;
	struct kwire_error error;
	char address[32];

	snprintf(address, sizeof(address), "127.0.0.1:%d", port);
	if (kwire_config_set(config, "bootstrap.servers", address, &error) != 0 ||
	    kwire_client_open(config, &client, &error) != 0)
		bench_die("%s", error.message);
	kwire_config_free(config);
	return client;
}

/* A call of the client to the `index`th broker. */
static void ask_broker(struct kwire_client *client, int index)
{
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_list_offsets_request request = KWIRE_LIST_OFFSETS_REQUEST_INIT;
	struct kwire_list_offsets_response *response = NULL;
	struct kwire_error error;

	options.broker_id = index + 1;
	if (kwire_send_list_offsets_with(client, &request, &response, &options, &error) != 0)
		bench_die("%s", error.message);
	kwire_response_free(response);
}

/* A call that goes to whoever leads the `index`th topic. */
static void ask_topic(struct kwire_client *client, int index)
{
	struct kwire_listed_offset offset;
	struct kwire_error error;
	char topic[16];

	snprintf(topic, sizeof(topic), "topic-%d", index);
	if (kwire_list_offset(client, topic, 0, KWIRE_OFFSET_LATEST, KWIRE_READ_UNCOMMITTED,
			      &offset, NULL, &error) != 0)
		bench_die("%s", error.message);
}

int bench_counted(char **arguments)
{
	void (*ask)(struct kwire_client * client,
		    int index) = strcmp(arguments[0], "brokers") == 0 ? ask_broker : ask_topic;
	int port = atoi(arguments[1]), size = atoi(arguments[2]), calls = atoi(arguments[3]);

	if (strcmp(arguments[0], "call") == 0) {
		struct bench_server server = {0, port};
		struct kwire_connection *connection = bench_open(&server);
		struct bench_question question;

		bench_ask(&question);
		for (int i = 0; i < calls + 100; i++)
			bench_call_once(connection, &question);
		kwire_connection_close(connection);
	} else {
		struct kwire_client *client = bench_client_open(port, NULL);

		for (int i = 0; i < size + calls; i++)
			ask(client, i % size);
		kwire_client_close(client);
	}
	return 0;
}

/* All instructions of one run; 0 where valgrind cannot. */
static double collected(const char *work, int port, int size, int calls)
{
	char program[512], command[1024], line[256];
	ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);
	double count = 0;
	FILE *pipe;

	if (length <= 0)
		return 0;
	program[length] = '\0';
	snprintf(command, sizeof(command),
		 "valgrind --tool=callgrind --callgrind-out-file=/dev/null '%s' --counted %s %d %d "
		 "%d 2>&1",
		 program, work, port, size, calls);
	pipe = popen(command, "r");
	if (pipe == NULL)
		return 0;
	while (fgets(line, sizeof(line), pipe) != NULL) {
		const char *found = strstr(line, "Collected :");

		if (found != NULL)
			count = atof(found + strlen("Collected :"));
	}
	return pclose(pipe) == 0 ? count : 0;
}

double bench_instructions(const char *work, int port, int size, int calls)
{
	double without = collected(work, port, size, 0);
	double with = without > 0 ? collected(work, port, size, calls) : 0;

	return with > without ? (with - without) / calls : 0;
}

static void rows_instructions(const char *work, const int *sizes, int count, bool brokers)
{
	double first = 0;

	for (int i = 0; i < count; i++) {
		struct bench_server server = bench_cluster_start(NULL, brokers ? sizes[i] : 2,
								 brokers ? 0 : sizes[i]);
		struct bench_row row = {.unit = "instr/call", .goal = 1.2, .at_most = true};

		snprintf(row.name, sizeof(row.name), "growth_%s_%d", work, sizes[i]);
		row.value = bench_instructions(work, server.port, sizes[i], 2000);
		bench_server_stop(&server);
		if (row.value == 0) {
			printf("growth_%s: left out, valgrind is not installed "
			       "(tools/install-deps.sh bench)\n",
			       work);
			return;
		}
		if (i == 0)
			first = row.value;
		row.limit = first;
		row.ratio = row.low = row.high = row.value / first;
		bench_add(&row);
	}
}

static size_t live;

static void *allocate(void *context, size_t size)
{
	void *data = malloc(size);

	(void)context;
	if (data != NULL)
		__atomic_fetch_add(&live, malloc_usable_size(data), __ATOMIC_RELAXED);
	return data;
}

static void release(void *context, void *data)
{
	(void)context;
	__atomic_fetch_sub(&live, malloc_usable_size(data), __ATOMIC_RELAXED);
	free(data);
}

static void *reallocate(void *context, void *data, size_t size)
{
	size_t before = data != NULL ? malloc_usable_size(data) : 0;
	void *moved = realloc(data, size);

	(void)context;
	if (moved != NULL) {
		__atomic_fetch_sub(&live, before, __ATOMIC_RELAXED);
		__atomic_fetch_add(&live, malloc_usable_size(moved), __ATOMIC_RELAXED);
	}
	return moved;
}

/* Bytes that the client holds for each broker or topic. */
static void rows_memory(const char *work, const int *sizes, int count, bool brokers)
{
	static const struct kwire_allocator allocator = {sizeof(allocator), NULL, allocate,
							 reallocate, release};
	double first = 0;

	for (int i = 0; i < count; i++) {
		struct bench_server server = bench_cluster_start(NULL, brokers ? sizes[i] : 2,
								 brokers ? 0 : sizes[i]);
		struct kwire_client *client = bench_client_open(server.port, &allocator);
		struct bench_row row = {.unit = "bytes/each", .goal = 1.2, .at_most = true};
		size_t one;

		(brokers ? ask_broker : ask_topic)(client, 0);
		one = live;
		for (int j = 1; j < sizes[i]; j++)
			(brokers ? ask_broker : ask_topic)(client, j);
		snprintf(row.name, sizeof(row.name), "growth_%s_%d_memory", work, sizes[i]);
		row.value = (double)(live - one) / (sizes[i] - 1);
		if (i == 0)
			first = row.value;
		row.limit = first;
		row.ratio = row.low = row.high = row.value / first;
		bench_add(&row);
		kwire_client_close(client);
		bench_server_stop(&server);
	}
}

void bench_topology(void)
{
	static const int brokers[] = {1, 10, 100}, topics[] = {1, 100, 10000};

	if (bench_wants("growth_brokers_")) {
		rows_instructions("brokers", brokers, 3, true);
		rows_memory("brokers", brokers + 1, 2, true);
	}
	if (bench_wants("growth_topics_")) {
		rows_instructions("topics", topics, 3, false);
		rows_memory("topics", topics + 1, 2, false);
	}
}
