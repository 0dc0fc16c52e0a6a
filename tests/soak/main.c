/* SPDX-License-Identifier: Apache-2.0 */
/*
 * make soak: see soak.h.  Each broker in turn is killed and started again,
 * paused for 20 s and continued, while 32 threads call.  What is judged:
 * - every failed call says what happened, in time;
 * - a produced record that was answered is in the log, once, and one that was
 *   not sent or was refused is not there;
 * - once metadata lists a broker as leader again, calls to it succeed within
 *   one backoff;
 * - threads, descriptors and memory are at the end what they were.
 */
#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <kwire/api/api_versions.h>
#include <kwire/fetch.h>

#include "soak.h"

enum {
	THREADS = 32,
	DOWN_MS = 5000,
	PAUSED_MS = 20000,
	BACKOFF_MS = 1200, /* reconnect.backoff.max.ms with its jitter */
	MACHINE_MS = 500,  /* that a busy machine may add to that */
	GROWTH_KB = 8192,  /* of the process, between a quarter of the time and its end */
};

static int64_t started_ms;

int64_t soak_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void soak_pause_ms(int64_t ms)
{
	struct timespec pause = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};

	nanosleep(&pause, NULL);
}

void soak_say(const char *format, ...)
{
	va_list arguments;

	printf("%7.1f s  ", (double)(soak_now_ms() - started_ms) / 1000);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	printf("\n");
	fflush(stdout);
}

/* -- what the process has ----------------------------------------------------------- */

static int count_entries(const char *directory)
{
	DIR *opened = opendir(directory);
	int count = 0;

	if (opened == NULL)
		return -1;
	while (readdir(opened) != NULL)
		count++;
	closedir(opened);
	return count - 3; /* ".", ".." and the directory's own */
}

static int descriptors(void)
{
	return count_entries("/proc/self/fd");
}

static int threads(void)
{
	return count_entries("/proc/self/task") + 1;
}

static long resident_kb(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	long size, resident = 0;

	if (file == NULL || fscanf(file, "%ld %ld", &size, &resident) != 2)
		resident = 0;
	if (file != NULL)
		fclose(file);
	return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

/* What the load's client holds, counted by an allocator of its own. */
static atomic_llong live_bytes, live_blocks, most_bytes;

union header {
	size_t size;
	max_align_t align;
};

static void add_bytes(long long bytes)
{
	long long now = atomic_fetch_add(&live_bytes, bytes) + bytes;

	if (now > atomic_load(&most_bytes))
		atomic_store(&most_bytes, now);
}

static void *allocate(void *context, size_t size)
{
	union header *header = malloc(sizeof(*header) + size);

	(void)context;
	if (header == NULL)
		return NULL;
	header->size = size;
	atomic_fetch_add(&live_blocks, 1);
	add_bytes((long long)size);
	return header + 1;
}

static void release(void *context, void *data)
{
	union header *header = (union header *)data - 1;

	(void)context;
	atomic_fetch_sub(&live_blocks, 1);
	add_bytes(-(long long)header->size);
	free(header);
}

static void *reallocate(void *context, void *data, size_t size)
{
	union header *header;
	size_t before;

	if (data == NULL)
		return allocate(context, size);
	header = (union header *)data - 1;
	before = header->size;
	header = realloc(header, sizeof(*header) + size);
	if (header == NULL)
		return NULL;
	header->size = size;
	add_bytes((long long)size - (long long)before);
	return header + 1;
}

static struct kwire_client *open_client(const char *bootstrap)
{
	const struct kwire_allocator allocator = {sizeof(allocator), NULL, allocate, reallocate,
						  release};
	struct kwire_config *config = kwire_config_new_with(&allocator);
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_client *client = NULL;
	int result = kwire_config_set(config, "bootstrap.servers", bootstrap, &error);

	if (result == 0)
		result = kwire_client_open(config, &client, &error);
	kwire_config_free(config);
	if (result != 0)
		soak_say("the client does not open: %s", error.message);
	return client;
}

/* -- the brokers' fate ---------------------------------------------------------------- */

struct healing {
	int count;     /* brokers that came back */
	int slow;      /* later than one backoff after metadata listed them */
	int unsettled; /* the cluster itself did not */
	int64_t worst_ms;
};

/* One call to the broker, and one to a partition that it leads. */
static bool answers(struct kwire_client *client, const char *topic, int32_t node, int32_t partition,
		    struct kwire_error *error)
{
	struct kwire_api_versions_request request = KWIRE_API_VERSIONS_REQUEST_INIT;
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_api_versions_response *response = NULL;
	struct kwire_listed_offset offset;
	int result;

	request.client_software_name = KWIRE_STRING("soak");
	request.client_software_version = KWIRE_STRING("1");
	options.broker_id = node;
	options.timeout_ms = SOAK_CALL_MS;
	result = kwire_send_api_versions_with(client, &request, &response, &options, error);
	kwire_response_free(response);
	options.broker_id = -1;
	if (result == 0)
		result = kwire_list_offset(client, topic, partition, KWIRE_OFFSET_LATEST,
					   KWIRE_READ_UNCOMMITTED, &offset, &options, error);
	return result == 0;
}

/*
 * Calls until they succeed: milliseconds until those began that did.  How long
 * they took is the broker's affair, and the machine's.
 */
static int64_t wait_for_answers(struct kwire_client *client, const char *topic, int32_t node,
				int32_t partition, struct kwire_error *error)
{
	int64_t since_ms = soak_now_ms(), begun_ms = since_ms;

	while (!answers(client, topic, node, partition, error) && begun_ms - since_ms < 30000) {
		soak_pause_ms(10);
		begun_ms = soak_now_ms();
	}
	return begun_ms - since_ms;
}

/*
 * Metadata may be ahead of the broker that it names, and a broker that has just
 * started is slow: a client that has never seen it tells what it takes by itself.
 */
static void check_healing(struct soak *soak, const char *bootstrap, int node,
			  struct healing *healing)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_client *fresh;
	int64_t control_ms, took_ms;
	int32_t partition;

	if (!soak_settle(soak->topic, 90000) ||
	    (partition = soak_led_by(soak->topic, node, 60000)) < 0) {
		soak_say("broker %d: the cluster did not settle", node);
		healing->unsettled++;
		return;
	}
	fresh = open_client(bootstrap);
	control_ms = wait_for_answers(fresh, soak->topic, node, partition, NULL);
	kwire_client_close(fresh);
	took_ms = wait_for_answers(soak->client, soak->topic, node, partition, &error);
	healing->count++;
	if (took_ms > healing->worst_ms)
		healing->worst_ms = took_ms;
	if (took_ms > BACKOFF_MS + MACHINE_MS)
		healing->slow++;
	soak_say("broker %d leads again; calls succeed from %lld ms later on (a new client's: "
		 "%lld ms)%s%s",
		 node, (long long)took_ms, (long long)control_ms,
		 error.message[0] != '\0' ? "; before: " : "", error.message);
}

/* One thing done to one broker; false: the time is up, or it cannot be done. */
static bool strike(struct soak *soak, const char *bootstrap, int round, int64_t until_ms,
		   struct healing *healing)
{
	int node = 1 + round / 2 % SOAK_BROKERS;
	bool kill = round % 2 == 0;
	int64_t away_ms = kill ? DOWN_MS : PAUSED_MS;

	if (soak_now_ms() + away_ms >= until_ms)
		return false;
	soak_say("broker %d is %s", node, kill ? "killed" : "paused for 20 s");
	if (!soak_node(kill ? "kill" : "pause", node))
		return false;
	soak_pause_ms(away_ms);
	soak_say("broker %d is %s", node, kill ? "started again" : "continued");
	if (!soak_node(kill ? "restart" : "resume", node)) {
		healing->unsettled++;
		return false;
	}
	check_healing(soak, bootstrap, node, healing);
	return true;
}

/* -- the report ------------------------------------------------------------------------- */

static int64_t report_calls(const struct soak *soak)
{
	int64_t untrue = 0;

	printf("\n  %-12s %12s %9s %9s %9s %9s %9s %11s\n", "", "calls", "failed", "not sent",
	       "perhaps", "answered", "untrue", "longest");
	for (int kind = 0; kind < SOAK_KINDS; kind++) {
		struct soak_worker sum = {0};

		for (int i = 0; i < soak->thread_count; i++) {
			const struct soak_worker *worker = &soak->workers[i];

			if ((int)worker->kind != kind)
				continue;
			sum.calls += worker->calls;
			sum.failed += worker->failed;
			sum.untrue += worker->untrue;
			for (int outcome = 0; outcome < 3; outcome++)
				sum.by_outcome[outcome] += worker->by_outcome[outcome];
			if (worker->longest_ms > sum.longest_ms)
				sum.longest_ms = worker->longest_ms;
			if (worker->untrue > 0)
				printf("  untrue: %s: %s, %s, after %lld ms: %s\n",
				       soak_kind_names[kind],
				       kwire_result_name(worker->sample.result),
				       kwire_outcome_name(worker->sample.outcome),
				       (long long)worker->sample.elapsed_ms,
				       worker->sample.message);
		}
		untrue += sum.untrue;
		printf("  %-12s %12lld %9lld %9lld %9lld %9lld %9lld %8lld ms\n",
		       soak_kind_names[kind], (long long)sum.calls, (long long)sum.failed,
		       (long long)sum.by_outcome[0], (long long)sum.by_outcome[1],
		       (long long)sum.by_outcome[2], (long long)sum.untrue,
		       (long long)sum.longest_ms);
	}
	return untrue;
}

static bool verdict(const char *what, bool good, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static bool verdict(const char *what, bool good, const char *format, ...)
{
	va_list arguments;

	printf("  %-4s %-44s ", good ? "ok" : "BAD", what);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	printf("\n");
	return good;
}

static bool soak_brokers(const char *bootstrap, int64_t seconds)
{
	struct soak soak = {.thread_count = THREADS};
	struct healing healing = {0};
	int threads_before, threads_after, descriptors_before, descriptors_after, round = 0;
	long quarter_kb = 0, end_kb;
	int64_t until_ms, quarter_ms, records, contradictions, untrue;
	bool good = true, struck;

	snprintf(soak.topic, sizeof(soak.topic), "soak-%ld", (long)getpid());
	if (!soak_nodes_open(bootstrap) || !soak_create_topic(soak.topic))
		return false;
	threads_before = threads();
	descriptors_before = descriptors();
	soak.client = open_client(bootstrap);
	if (soak.client == NULL || !soak_load_start(&soak, seconds))
		return false;
	soak_say("%d threads call: Metadata, ListOffsets, Produce (acks=all), Fetch", THREADS);
	quarter_ms = soak_now_ms() + seconds * 250;
	until_ms = soak_now_ms() + seconds * 1000;
	soak_pause_ms(2000);
	do {
		struck = strike(&soak, bootstrap, round++, until_ms, &healing);
		if (quarter_kb == 0 && (!struck || soak_now_ms() >= quarter_ms))
			quarter_kb = resident_kb();
	} while (struck);
	while (soak_now_ms() < until_ms)
		soak_pause_ms(100);
	end_kb = resident_kb();
	soak_load_stop(&soak);
	soak_say("the load has ended; reading back");
	kwire_client_close(soak.client);
	/* The observer comes and goes with its own connections. */
	soak_nodes_close();
	soak_nodes_open(bootstrap);
	threads_after = threads();
	descriptors_after = descriptors();
	soak_nodes_close();

	untrue = report_calls(&soak);
	contradictions = soak_read_back(&soak, bootstrap, &records);
	printf("\n");
	good &= verdict("failed calls that say what happened, in time", untrue == 0,
			"%lld that do not", (long long)untrue);
	good &= verdict("the log holds what was promised", contradictions == 0,
			"%lld contradictions in %lld records", (long long)contradictions,
			(long long)records);
	good &= verdict("brokers that came back answer in one backoff",
			healing.count > 0 && healing.slow == 0 && healing.unsettled == 0,
			"%d times, worst %lld ms, late %d, cluster unsettled %d", healing.count,
			(long long)healing.worst_ms, healing.slow, healing.unsettled);
	good &= verdict("threads at the end as at the start", threads_after <= threads_before,
			"%d, %d", threads_before, threads_after);
	good &= verdict("descriptors at the end as at the start",
			descriptors_after <= descriptors_before, "%d, %d", descriptors_before,
			descriptors_after);
	good &= verdict("memory flat", end_kb - quarter_kb <= GROWTH_KB,
			"%ld kB after a quarter of the time, %ld kB at its end", quarter_kb,
			end_kb);
	good &= verdict("the client's memory given back",
			atomic_load(&live_blocks) == 0 && atomic_load(&live_bytes) == 0,
			"%lld blocks left, %lld bytes at most", atomic_load(&live_blocks),
			atomic_load(&most_bytes));
	soak_load_free(&soak);
	return good;
}

int main(int argc, char **argv)
{
	const char *bootstrap = getenv("KWIRE_BOOTSTRAP");
	bool reauth = argc == 3 && strcmp(argv[1], "reauth") == 0;
	int64_t seconds = argc == 3 ? atoll(argv[2]) : 0;
	bool good;

	started_ms = soak_now_ms();
	if (seconds <= 0 || (!reauth && strcmp(argv[1], "brokers") != 0) || bootstrap == NULL) {
		fprintf(stderr, "usage: soak brokers|reauth SECONDS\n"
				"on the cluster that KWIRE_BOOTSTRAP and KWIRE_CLUSTER name; see "
				"`make soak`\n");
		return 2;
	}
	good = reauth ? soak_reauth(seconds) : soak_brokers(bootstrap, seconds);
	printf("\nsoak %s: %s\n", argv[1], good ? "passed" : "FAILED");
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
