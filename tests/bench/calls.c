/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows `call`, `pipelined_N` and `shared_N`: requests on one connection
 * beside raw sockets that move the same bytes.
 */
#include "bench.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <kwire/api/metadata.h>
#include <kwire/kwire.h>

#include "calls.h"
#include "tls.h"

enum {
	MAX_DEPTH = 1024,
	MAX_THREADS = 64
};

void bench_ask(struct bench_question *question)
{
	struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
	struct kwire_metadata_request_topic topic = KWIRE_METADATA_REQUEST_TOPIC_INIT;

	question->topic = topic;
	question->topic.name = KWIRE_STRING("orders");
	question->request = request;
	question->request.topics.items = &question->topic;
	question->request.topics.count = 1;
	question->request.allow_auto_topic_creation = false;
	question->options = (struct kwire_send_options)KWIRE_SEND_OPTIONS_INIT;
	question->options.max_version = BENCH_METADATA_VERSION;
}

struct kwire_connection *bench_open_with(const struct bench_server *server,
					 const char *const *properties)
{
	struct kwire_config *config = kwire_config_new();
	struct kwire_connection *connection = NULL;
	struct kwire_error error;

	if (kwire_config_set(config, "client.id", BENCH_CLIENT_ID, &error) != 0 ||
	    kwire_config_set(config, "max.in.flight", "1000000", &error) != 0)
		bench_die("%s", error.message);
	for (; properties != NULL && *properties != NULL; properties += 2)
		if (kwire_config_set(config, properties[0], properties[1], &error) != 0)
			bench_die("%s", error.message);
	if (kwire_connection_open(config, "127.0.0.1", server->port, 5000, &connection, &error) !=
	    0)
		bench_die("%s", error.message);
	kwire_config_free(config);
	return connection;
}

struct kwire_connection *bench_open(const struct bench_server *server)
{
	return bench_open_with(server, NULL);
}

const char *const *bench_tls_properties(void)
{
	static const char *properties[] = {"security.protocol", "SSL", "ssl.ca.pem", NULL, NULL};

	properties[3] = bench_tls_ca();
	return properties;
}

void bench_call_once(struct kwire_connection *connection, const struct bench_question *question)
{
	struct kwire_metadata_response *response = NULL;
	struct kwire_error error;

	if (kwire_connection_send_metadata(connection, &question->request, &response,
					   &question->options, &error) != 0)
		bench_die("%s", error.message);
	if (response->topics.count != 1)
		bench_die("an answer without its topic");
	kwire_response_free(response);
}

/* One thread, one connection. */
struct kwire_side {
	struct kwire_connection *connection;
	struct bench_question question;
	int depth;
};

static double kwire_calls(void *context, int count)
{
	struct kwire_side *side = context;
	double start = bench_now();

	for (int i = 0; i < count; i++)
		bench_call_once(side->connection, &side->question);
	return bench_now() - start;
}

int bench_raw_open(const struct bench_server *server)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_port = htons((uint16_t)server->port);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		bench_die("the server does not accept");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

/* A socket, with mbedTLS on it or without. */
struct raw {
	int fd;
	struct bench_tls *tls;
};

static struct raw raw_open(const struct bench_server *server, bool tls)
{
	struct raw raw = {bench_raw_open(server), NULL};

	if (tls)
		raw.tls = bench_tls_connect(raw.fd);
	return raw;
}

static void raw_close(struct raw *raw)
{
	bench_tls_free(raw->tls);
	close(raw->fd);
}

static ssize_t raw_send(const struct raw *raw, const void *data, size_t size)
{
	return raw->tls != NULL ? bench_tls_send(raw->tls, data, size)
				: send(raw->fd, data, size, MSG_NOSIGNAL);
}

static void receive(const struct raw *raw, uint8_t *buffer, size_t capacity, size_t size)
{
	while (size > 0) {
		size_t room = size < capacity ? size : capacity;
		ssize_t n = raw->tls != NULL ? bench_tls_recv(raw->tls, buffer, room)
					     : recv(raw->fd, buffer, room, 0);

		if (n <= 0 && !(n < 0 && errno == EINTR))
			bench_die("the server hung up");
		if (n > 0)
			size -= (size_t)n;
	}
}

static void raw_once(const struct raw *raw, uint8_t *buffer)
{
	if (raw_send(raw, bench_question(), bench_question_size) != (ssize_t)bench_question_size)
		bench_die("the server takes nothing");
	receive(raw, buffer, 4096, bench_answer_size);
}

struct raw_side {
	struct raw raw;
	int depth;
	uint8_t questions[MAX_DEPTH * 64];
};

static double raw_calls(void *context, int count)
{
	struct raw_side *side = context;
	uint8_t buffer[4096];
	double start = bench_now();

	for (int i = 0; i < count; i++)
		raw_once(&side->raw, buffer);
	return bench_now() - start;
}

/* `count` calls as started calls, `depth` at a time. */
static double kwire_pipelined(void *context, int count)
{
	static struct kwire_call *calls[MAX_DEPTH];
	struct kwire_side *side = context;
	struct kwire_send_options more = side->question.options;
	struct kwire_error error;
	double start = bench_now();

	more.flags |= KWIRE_MORE;
	for (int done = 0; done < count; done += side->depth) {
		for (int i = 0; i < side->depth; i++)
			if (kwire_connection_start(
				    side->connection, &kwire_metadata_api, &side->question.request,
				    i + 1 < side->depth ? &more : &side->question.options,
				    &calls[i], &error) != 0)
				bench_die("%s", error.message);
		for (int i = 0; i < side->depth; i++) {
			struct kwire_metadata_response *response = NULL;

			if (kwire_call_wait_metadata(calls[i], -1, &response, &error) != 0)
				bench_die("%s", error.message);
			kwire_response_free(response);
			kwire_call_free(calls[i]);
		}
	}
	return bench_now() - start;
}

static double raw_pipelined(void *context, int count)
{
	static uint8_t buffer[65536];
	struct raw_side *side = context;
	double start = bench_now();

	for (int done = 0; done < count; done += side->depth) {
		size_t size = (size_t)side->depth * bench_question_size;

		if (raw_send(&side->raw, side->questions, size) != (ssize_t)size)
			bench_die("the server takes nothing");
		receive(&side->raw, buffer, sizeof(buffer),
			(size_t)side->depth * bench_answer_size);
	}
	return bench_now() - start;
}

/* Threads that do their share of a block each time the gate opens. */
struct crew {
	pthread_t threads[MAX_THREADS];
	int count;
	pthread_barrier_t start, end;
	int share; /* 0: go home */
	int pin;
	struct kwire_connection *connection; /* NULL: raw sockets */
	struct bench_question question;
	struct raw raws[MAX_THREADS];
	atomic_int next;
};

static void *crew_member(void *context)
{
	struct crew *crew = context;
	int me = atomic_fetch_add(&crew->next, 1);
	uint8_t buffer[4096];

	bench_pin(crew->pin);
	for (;;) {
		pthread_barrier_wait(&crew->start);
		if (crew->share == 0)
			return NULL;
		for (int i = 0; i < crew->share; i++)
			if (crew->connection != NULL)
				bench_call_once(crew->connection, &crew->question);
			else
				raw_once(&crew->raws[me], buffer);
		pthread_barrier_wait(&crew->end);
	}
}

static void crew_start(struct crew *crew, int count, int pin)
{
	crew->count = count;
	crew->pin = pin;
	atomic_init(&crew->next, 0);
	pthread_barrier_init(&crew->start, NULL, (unsigned)count + 1);
	pthread_barrier_init(&crew->end, NULL, (unsigned)count + 1);
	for (int i = 0; i < count; i++)
		if (pthread_create(&crew->threads[i], NULL, crew_member, crew) != 0)
			bench_die("no thread");
}

static double crew_run(void *context, int count)
{
	struct crew *crew = context;
	double start = bench_now();

	crew->share = count / crew->count;
	pthread_barrier_wait(&crew->start);
	pthread_barrier_wait(&crew->end);
	return bench_now() - start;
}

static void crew_stop(struct crew *crew)
{
	crew->share = 0;
	pthread_barrier_wait(&crew->start);
	for (int i = 0; i < crew->count; i++)
		pthread_join(crew->threads[i], NULL);
	pthread_barrier_destroy(&crew->start);
	pthread_barrier_destroy(&crew->end);
}

const char *bench_suffix(enum bench_pinning pinning)
{
	return pinning == BENCH_ONE_CORE ? "1c" : pinning == BENCH_TWO_CORES ? "2c" : "free";
}

static double percentile(double *values, int count, int percent)
{
	bench_median(values, count); /* sorts */
	return values[(count - 1) * percent / 100] * 1e6;
}

/* What a single call takes, half of them faster, and all but one in a hundred. */
static void rows_latency(const char *name, struct kwire_side *kwire, struct raw_side *raw)
{
	enum {
		CALLS = 4000,
		BLOCK = 200
	};
	static double ours[CALLS], theirs[CALLS];
	static const int percents[] = {50, 99};

	for (int i = 0; i < CALLS; i += BLOCK) {
		for (int j = i; j < i + BLOCK; j++)
			ours[j] = kwire_calls(kwire, 1);
		for (int j = i; j < i + BLOCK; j++)
			theirs[j] = raw_calls(raw, 1);
	}
	for (int i = 0; i < 2; i++) {
		struct bench_row row = {.unit = "us", .at_most = true};

		snprintf(row.name, sizeof(row.name), "%.40s_p%d", name, percents[i]);
		row.value = percentile(ours, CALLS, percents[i]);
		row.limit = percentile(theirs, CALLS, percents[i]);
		row.ratio = row.low = row.high = row.value / row.limit;
		bench_add(&row);
	}
}

void bench_row_call(const struct bench_setting *setting, const struct bench_server *server,
		    enum bench_pinning pinning)
{
	struct bench_row row = {.unit = "us", .goal = setting->goal, .at_most = true};
	static struct raw_side raw;
	struct kwire_side kwire = {0};

	snprintf(row.name, sizeof(row.name), "%s_%s", setting->prefix, bench_suffix(pinning));
	if (!bench_wants(row.name))
		return;
	if (setting->goal == 0 && !setting->tls)
		row.goal = pinning == BENCH_ONE_CORE ? 1.10 : 1.05;
	bench_ask(&kwire.question);
	kwire.connection = bench_open_with(server, setting->properties);
	raw.raw = raw_open(server, setting->tls);
	bench_compare(&row, (struct bench_way){kwire_calls, &kwire},
		      (struct bench_way){raw_calls, &raw}, 200, false);
	row.value *= 1e6;
	row.limit *= 1e6;
	bench_add(&row);
	rows_latency(row.name, &kwire, &raw);
	kwire_connection_close(kwire.connection);
	raw_close(&raw.raw);
}

void bench_row_pipelined(const struct bench_setting *setting, const struct bench_server *server,
			 enum bench_pinning pinning, int depth)
{
	struct bench_row row = {.unit = "calls/s"};
	static struct raw_side raw;
	struct kwire_side kwire = {.depth = depth};

	snprintf(row.name, sizeof(row.name), "%s_%d_%s", setting->prefix, depth,
		 bench_suffix(pinning));
	if (!bench_wants(row.name))
		return;
	if (depth == 64)
		row.goal = pinning == BENCH_ONE_CORE ? 0.35 : 0.8;
	raw.depth = depth;
	for (int i = 0; i < depth; i++)
		memcpy(raw.questions + (size_t)i * bench_question_size, bench_question(),
		       bench_question_size);
	bench_ask(&kwire.question);
	kwire.connection = bench_open_with(server, setting->properties);
	raw.raw = raw_open(server, setting->tls);
	bench_compare(&row, (struct bench_way){kwire_pipelined, &kwire},
		      (struct bench_way){raw_pipelined, &raw}, depth < 128 ? 16 * depth : 2 * depth,
		      true);
	bench_add(&row);
	kwire_connection_close(kwire.connection);
	raw_close(&raw.raw);
}

void bench_row_shared(const struct bench_setting *setting, const struct bench_server *server,
		      enum bench_pinning pinning, int threads)
{
	struct bench_row row = {.unit = "calls/s"};
	static struct crew kwire, raw;
	int pin = pinning == BENCH_UNPINNED ? -1 : 0;

	snprintf(row.name, sizeof(row.name), "%s_%d_%s", setting->prefix, threads,
		 bench_suffix(pinning));
	if (!bench_wants(row.name))
		return;
	if (pinning == BENCH_TWO_CORES)
		row.goal = threads == 64 ? 1.1 : threads == 8 ? 0.85 : 0.9;
	bench_ask(&kwire.question);
	kwire.connection = bench_open_with(server, setting->properties);
	raw.connection = NULL;
	for (int i = 0; i < threads; i++)
		raw.raws[i] = raw_open(server, setting->tls);
	crew_start(&kwire, threads, pin);
	crew_start(&raw, threads, pin);
	bench_compare(&row, (struct bench_way){crew_run, &kwire},
		      (struct bench_way){crew_run, &raw}, threads * 100, true);
	bench_add(&row);
	crew_stop(&kwire);
	crew_stop(&raw);
	kwire_connection_close(kwire.connection);
	for (int i = 0; i < threads; i++)
		raw_close(&raw.raws[i]);
}

void bench_calls(void)
{
	static const enum bench_pinning pinnings[] = {BENCH_ONE_CORE, BENCH_TWO_CORES};
	static const int depths[] = {1, 16, 64, 1024}, threads[] = {2, 8, 64};
	static const struct bench_setting call = {"call", NULL, false, 0},
					  pipelined = {"pipelined", NULL, false, 0},
					  shared = {"shared", NULL, false, 0};

	if (!bench_wants("call") && !bench_wants("pipelined_") && !bench_wants("shared_"))
		return;
	bench_question();
	for (size_t p = 0; p < 2; p++) {
		struct bench_server server = bench_server_start(pinnings[p]);

		bench_pin(0);
		bench_row_call(&call, &server, pinnings[p]);
		for (size_t i = 0; i < sizeof(depths) / sizeof(depths[0]); i++)
			bench_row_pipelined(&pipelined, &server, pinnings[p], depths[i]);
		for (size_t i = 0; i < sizeof(threads) / sizeof(threads[0]); i++)
			bench_row_shared(&shared, &server, pinnings[p], threads[i]);
		bench_server_stop(&server);
	}
	bench_pin(-1);
}
