/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The `counts_…` rows: what a noisy machine cannot touch.  System calls are
 * counted by tracing a child process (all its threads) between two marks.
 */
#include "bench.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kwire/fetch.h>

#include "calls.h"
#include "streams.h"

enum {
	CALLS = 2000,
	MARK = SYS_getppid
};

struct work {
	void (*run)(void *context, int count);
	void *context;
};

static long traced(pid_t child)
{
	long count = 0;
	int marks = 0, status;

	if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status))
		bench_die("the traced process did not stop");
	if (ptrace(PTRACE_SETOPTIONS, child, 0,
		   PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL) != 0)
		return -1;
	ptrace(PTRACE_SYSCALL, child, 0, 0);
	for (;;) {
		struct __ptrace_syscall_info info;
		pid_t thread = waitpid(-1, &status, __WALL);
		int deliver = 0;

		if (thread < 0)
			return -1;
		if (WIFEXITED(status) || WIFSIGNALED(status)) {
			if (thread == child)
				return marks == 2 ? count : -1;
			continue;
		}
		if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
			memset(&info, 0, sizeof(info));
			ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof(info), &info);
			if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
				if (info.entry.nr == MARK)
					marks++;
				else if (marks == 1)
					count++;
			}
		} else if (WSTOPSIG(status) != SIGTRAP && WSTOPSIG(status) != SIGSTOP) {
			deliver = WSTOPSIG(status);
		}
		ptrace(PTRACE_SYSCALL, thread, 0, (void *)(uintptr_t)deliver);
	}
}

/* System calls of `count` units of work after a warm-up; negative where tracing is not allowed. */
static double system_calls(const struct work *work, int count)
{
	pid_t child = fork();
	long calls;

	if (child == 0) {
		if (ptrace(PTRACE_TRACEME, 0, 0, 0) != 0)
			_exit(1);
		raise(SIGSTOP);
		work->run(work->context, 0);
		work->run(work->context, 200);
		syscall(MARK);
		work->run(work->context, count);
		syscall(MARK);
		_exit(0);
	}
	calls = traced(child);
	return calls < 0 ? -1 : (double)calls / count;
}

static const struct bench_server *the_server, *the_cluster;
#if KW_WITH_TLS
static const struct bench_server *the_tls_server;
#endif

/* A count of 0 opens: in the traced process, so that its threads are traced too. */
static void run_calls(void *context, int count)
{
	struct kwire_connection **connection = context;
	struct bench_question question;
	struct kwire_error error;

	if (count == 0)
		*connection = bench_open(the_server);
	bench_ask(&question);
	for (int i = 0; i < count; i++) {
		struct kwire_metadata_response *response = NULL;

		if (kwire_connection_send_metadata(*connection, &question.request, &response,
						   &question.options, &error) != 0)
			bench_die("%s", error.message);
		kwire_response_free(response);
	}
}

#if KW_WITH_TLS
static void run_calls_tls(void *context, int count)
{
	struct kwire_connection **connection = context;

	if (count == 0)
		*connection = bench_open_with(the_tls_server, bench_tls_properties());
	else
		run_calls(connection, count);
}
#endif

static void run_pipelined(void *context, int count)
{
	struct kwire_connection **connection = context;
	struct bench_question question;
	struct kwire_send_options more;
	struct kwire_call *calls[64];
	struct kwire_error error;

	if (count == 0)
		*connection = bench_open(the_server);
	bench_ask(&question);
	more = question.options;
	more.flags |= KWIRE_MORE;
	for (int done = 0; done + 64 <= count; done += 64) {
		for (int i = 0; i < 64; i++)
			if (kwire_connection_start(
				    *connection, &kwire_metadata_api, &question.request,
				    i < 63 ? &more : &question.options, &calls[i], &error) != 0)
				bench_die("%s", error.message);
		for (int i = 0; i < 64; i++) {
			void *response = NULL;

			if (kwire_call_wait(calls[i], -1, &response, &error) != 0)
				bench_die("%s", error.message);
			kwire_response_free(response);
			kwire_call_free(calls[i]);
		}
	}
}

/* A client's call that finds its broker by the topic. */
static void run_routed(void *context, int count)
{
	static struct kwire_client *client;
	struct kwire_listed_offset offset;
	struct kwire_error error;

	(void)context;
	if (count == 0)
		client = bench_client_open(the_cluster->port, NULL);
	for (int i = 0; i < count; i++)
		if (kwire_list_offset(client, BENCH_TOPIC, 0, KWIRE_OFFSET_LATEST,
				      KWIRE_READ_UNCOMMITTED, &offset, NULL, &error) != 0)
			bench_die("%s", error.message);
}

struct share {
	struct kwire_connection *connection;
	int count;
};

static void *shared_member(void *context)
{
	struct share *share = context;

	run_calls(&share->connection, share->count);
	return NULL;
}

static void run_shared(void *context, int count)
{
	struct kwire_connection **connection = context;
	struct share share;
	pthread_t threads[64];

	if (count == 0) {
		*connection = bench_open(the_server);
		return;
	}
	share = (struct share){*connection, count / 64};
	for (int i = 0; i < 64; i++)
		if (pthread_create(&threads[i], NULL, shared_member, &share) != 0)
			bench_die("no thread");
	for (int i = 0; i < 64; i++)
		pthread_join(threads[i], NULL);
}

static long allocations;

static void *counting_allocate(void *context, size_t size)
{
	(void)context;
	__atomic_fetch_add(&allocations, 1, __ATOMIC_RELAXED);
	return malloc(size);
}

static void *counting_reallocate(void *context, void *data, size_t size)
{
	(void)context;
	__atomic_fetch_add(&allocations, 1, __ATOMIC_RELAXED);
	return realloc(data, size);
}

static void counting_release(void *context, void *data)
{
	(void)context;
	free(data);
}

static void count_in_process(void)
{
	struct kwire_allocator allocator = {sizeof(allocator), NULL, counting_allocate,
					    counting_reallocate, counting_release};
	struct kwire_config *config;
	struct kwire_connection *connection = NULL;
	struct kwire_error error;
	struct rusage before, after;
	struct bench_row row = {.unit = "/call", .at_most = true};
	long counted;
	uint8_t buffer[1024];
	double raw_switches;
	int fd;

	config = kwire_config_new_with(&allocator);
	if (kwire_config_set(config, "client.id", BENCH_CLIENT_ID, &error) != 0 ||
	    kwire_connection_open(config, "127.0.0.1", the_server->port, 5000, &connection,
				  &error) != 0)
		bench_die("%s", error.message);
	run_calls(&connection, 200);
	counted = allocations;
	getrusage(RUSAGE_SELF, &before);
	run_calls(&connection, CALLS);
	getrusage(RUSAGE_SELF, &after);
	snprintf(row.name, sizeof(row.name), "counts_allocations");
	row.value = (double)(allocations - counted) / CALLS;
	row.goal = 1;
	bench_add(&row);
	kwire_connection_close(connection);
	kwire_config_free(config);

	row.value = (double)(after.ru_nvcsw - before.ru_nvcsw) / CALLS;
	fd = bench_raw_open(the_server);
	getrusage(RUSAGE_SELF, &before);
	for (int i = 0; i < CALLS; i++)
		if (write(fd, bench_question(), bench_question_size) < 0 ||
		    read(fd, buffer, sizeof(buffer)) <= 0)
			bench_die("the server hung up");
	getrusage(RUSAGE_SELF, &after);
	close(fd);
	raw_switches = (double)(after.ru_nvcsw - before.ru_nvcsw) / CALLS;
	snprintf(row.name, sizeof(row.name), "counts_switches_beyond_raw");
	row.value -= raw_switches;
	row.goal = 0.05;
	bench_add(&row);
	row.value = bench_instructions("call", the_server->port, 0, 2000);
	if (row.value != 0) {
		snprintf(row.name, sizeof(row.name), "counts_instructions");
		row.goal = 0;
		bench_add(&row);
	}
}

/* Fetches of 1 MiB, uncompressed, every record looked at. */
struct fetches {
	struct kwire_connection *connection;
	struct kwire_fetched *fetched;
	int64_t offset;
	int64_t bytes;
};

static void run_fetches(void *context, int count)
{
	struct kwire_fetch_target target = KWIRE_FETCH_TARGET_INIT;
	struct fetches *fetches = context;
	struct kwire_record record;
	struct kwire_error error;

	target.topic = BENCH_TOPIC;
	for (int i = 0; i < count; i++) {
		target.offset = fetches->offset;
		if (kwire_connection_fetch(fetches->connection, &target, 1, NULL, &fetches->fetched,
					   &error) != 0)
			bench_die("%s", error.message);
		while (kwire_fetched_next(fetches->fetched, 0, &record, &error) > 0)
			fetches->bytes += record.value.size;
		fetches->offset = kwire_fetched_partition(fetches->fetched, 0)->next_offset;
	}
}

static void count_copies(void)
{
	enum {
		TOTAL = 8 << 20,
		RECORD = 1024,
		FETCHES = 32
	};
	struct bench_row row = {.unit = "bytes/call", .at_most = true};
	struct fetches fetches = {0};
	struct kwire_connection *connection = bench_open(the_server);
	struct bench_server server;
	uint8_t *values = malloc(TOTAL);
	struct bench_log log;

	if (values == NULL)
		bench_die("no memory");
	run_calls(&connection, 200);
	snprintf(row.name, sizeof(row.name), "counts_copied_call");
	row.value = (double)bench_copied(run_calls, &connection, CALLS) / CALLS;
	bench_add(&row);
	kwire_connection_close(connection);

	bench_fill(values, TOTAL);
	bench_log_make(&log, values, TOTAL, RECORD, KWIRE_CODEC_NONE);
	server = bench_cluster_start(&log, 1, 0);
	fetches.connection = bench_open(&server);
	run_fetches(&fetches, 2);
	fetches.bytes = 0;
	snprintf(row.name, sizeof(row.name), "counts_copied_fetched_byte");
	row.unit = "bytes";
	row.value = (double)bench_copied(run_fetches, &fetches, FETCHES) / (double)fetches.bytes;
	row.goal = 0.001;
	bench_add(&row);
	kwire_fetched_free(fetches.fetched);
	kwire_connection_close(fetches.connection);
	bench_server_stop(&server);
	bench_log_free(&log);
	free(values);
}

void bench_counts(void)
{
	static const struct {
		const char *name;
		void (*run)(void *context, int count);
		int calls;
		double goal;
	} traces[] = {
		{"counts_syscalls_call", run_calls, CALLS, 2.0},
#if KW_WITH_TLS
		{"counts_syscalls_call_tls", run_calls_tls, CALLS, 2.0},
#endif
		{"counts_syscalls_routed", run_routed, CALLS, 0},
		{"counts_syscalls_pipelined_64", run_pipelined, 64 * 40, 0.06},
		{"counts_syscalls_shared_64", run_shared, 64 * 60, 4.0},
	};
	struct bench_server server, cluster;
#if KW_WITH_TLS
	struct bench_server tls_server;
#endif
	double unrouted = 0;

	if (!bench_wants("counts"))
		return;
	server = bench_server_start(BENCH_TWO_CORES);
	cluster = bench_cluster_start(NULL, 1, 0);
	the_server = &server;
#if KW_WITH_TLS
	tls_server = bench_server_start_tls(BENCH_TWO_CORES);
	the_tls_server = &tls_server;
#endif
	the_cluster = &cluster;
	bench_pin(0);
	for (size_t i = 0; i < sizeof(traces) / sizeof(traces[0]); i++) {
		struct kwire_connection *connection = NULL;
		struct work work = {traces[i].run, &connection};
		struct bench_row row = {.unit = "/call", .goal = traces[i].goal, .at_most = true};

		snprintf(row.name, sizeof(row.name), "%s", traces[i].name);
		row.value = system_calls(&work, traces[i].calls);
		if (traces[i].run == run_calls)
			unrouted = row.value;
		if (traces[i].run == run_routed) {
			/* As many as one that is not routed, but for what falls between marks. */
			row.limit = unrouted;
			row.ratio = row.low = row.high = row.value / unrouted;
			row.goal = 1.01;
		}
		if (row.value < 0)
			row.excuse = "tracing is not allowed here";
		bench_add(&row);
	}
	count_in_process();
	count_copies();
	bench_pin(-1);
	bench_server_stop(&server);
	bench_server_stop(&cluster);
#if KW_WITH_TLS
	bench_server_stop(&tls_server);
#endif
}
