/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fault matrix: at each phase of a call, each fault that makes sense
 * there.  Every cell is a client of its own on a cluster of three, of which
 * one broker is the victim, and asks five things:
 * - the call to the victim ends with the right result, phase and outcome (or
 *   succeeds, where the client is meant to heal): at its deadline to the
 *   millisecond where only time can end it, else before any time has passed;
 * - a call to another broker is not disturbed;
 * - the connection lives on, with all others' calls on it, unless the peer broke it;
 * - once the fault is lifted, the next call succeeds within one backoff, a stuck
 *   connection being given up first where it has to be;
 * - nothing is left behind (the sanitizers' part).
 * Time stands still but for what the test moves it on.  Prints the table, and a
 * closing line that the test runner shows.
 */
#include <arpa/inet.h>
#include <stdatomic.h>
#include <pthread.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <kwire/api/api_versions.h>
#include <kwire/api/create_topics.h>
#include <kwire/client.h>
#include <kwire/connection.h>
#include <kwire/mock.h>

#include "../support/moved_clock.h"
#include "../support/peer.h"
#include "base/clock.h"
#include "client/nodes.h"
#include "connection/internal.h"

#include "client/client.h"

enum {
	VICTIM = 1,
	BYSTANDER = 2,
	GUIDE = 3, /* the bootstrap server: metadata comes from it */
	API_VERSIONS = 18,
	CREATE_TOPICS = 19,
	TIMEOUT_MS = 250,
	BACKOFF_MS = 60, /* the longest, with its jitter */
};

/* Where the fault strikes. */
enum place {
	RESOLVE,   /* the victim's name */
	CONNECT,   /* its address */
	SET_UP,    /* its answer to the first ApiVersions */
	IDLE_LINK, /* a ready connection, before the call */
	SEND,      /* while a large request is written */
	ANSWER,    /* the answer to the call */
};

/* What the resolver does with the victim's name. */
enum naming {
	PLAIN,
	NO_ANSWER, /* blocks to its deadline */
	NO_NAME,
	NO_ADDRESS,
	BAD_FAMILY, /* an address that no socket can have */
	DEAD_END,   /* a port whose queue of connections is full */
	NOBODY,     /* a port where nobody listens */
};

struct cell {
	enum place place;
	const char *fault;
	enum naming naming;
	int kind; /* enum kwire_mock_fault_kind, -1: none */
	int64_t ms, bytes, value;
	const char *data;

	/* What the call must say; `other` is as good. */
	int result, other;
	enum kwire_phase phase, other_phase;
	enum kwire_outcome outcome;
	bool lives; /* its connection, with what others have under way on it */
};

#define FAULT_OF(name, a, b, c) \
	.kind = KWIRE_MOCK_##name##_FAULT, .ms = (a), .bytes = (b), .value = (c)
#define FAULT(name) FAULT_OF(name, -1, -1, -1)
#define NAMING(how) .kind = -1, .naming = how
#define EITHER(code, where, code2, where2)                                            \
	.result = KWIRE_##code, .phase = KWIRE_PHASE_##where, .other = KWIRE_##code2, \
	.other_phase = KWIRE_PHASE_##where2
#define FAILS(code, where) EITHER(code, where, code, where)
#define SUCCEEDS           .result = 0, .other = 0
#define UNSENT             .outcome = KWIRE_NOT_SENT
#define PERHAPS            .outcome = KWIRE_MAYBE_APPLIED
#define ANSWERED_BADLY     .outcome = KWIRE_ANSWERED
#define LIVES              .lives = true
#define HTTP               "HTTP/1.1 400 Bad Request\r\n\r\n"

static const struct cell cells[] = {
	{RESOLVE, "silence", NAMING(NO_ANSWER), EITHER(ETIMEDOUT, RESOLVE, ERESOLVE, RESOLVE),
	 UNSENT},
	{RESOLVE, "refusal", NAMING(NO_NAME), FAILS(ERESOLVE, RESOLVE), UNSENT},
	{RESOLVE, "no address", NAMING(NO_ADDRESS), FAILS(ERESOLVE, RESOLVE), UNSENT},
	{RESOLVE, "garbage", NAMING(BAD_FAMILY), EITHER(ECONNECT, CONNECT, ERESOLVE, RESOLVE),
	 UNSENT},

	{CONNECT, "refusal", NAMING(NOBODY), FAILS(ECONNECT, CONNECT), UNSENT},
	{CONNECT, "black hole", NAMING(DEAD_END), FAILS(ETIMEDOUT, CONNECT), UNSENT},
	{CONNECT, "reset", FAULT(REFUSE), EITHER(EDISCONNECTED, VERSIONS, ECONNECT, CONNECT),
	 UNSENT},

	{SET_UP, "silence", FAULT(SILENCE), FAILS(ETIMEDOUT, VERSIONS), UNSENT},
	{SET_UP, "reset", FAULT(RESET), FAILS(EDISCONNECTED, VERSIONS), UNSENT},
	{SET_UP, "clean close", FAULT(CLOSE), FAILS(EDISCONNECTED, VERSIONS), UNSENT},
	{SET_UP, "garbage", FAULT(BYTES), .data = HTTP, FAILS(EPROTOCOL, VERSIONS), UNSENT},
	{SET_UP, "slow drip", FAULT_OF(DRIP, 5, 1, -1), FAILS(ETIMEDOUT, VERSIONS), UNSENT},
	{SET_UP, "black hole", FAULT(BLACK_HOLE), FAILS(ETIMEDOUT, VERSIONS), UNSENT},
	{SET_UP, "wrong id", FAULT(WRONG_ID), FAILS(EPROTOCOL, VERSIONS), UNSENT},
	{SET_UP, "unknown id", FAULT(UNKNOWN_ID), FAILS(EPROTOCOL, VERSIONS), UNSENT},
	{SET_UP, "2 GiB", FAULT(OVERSIZE), EITHER(EPROTOCOL, VERSIONS, ETOOLARGE, VERSIONS),
	 UNSENT},
	{SET_UP, "cut short", FAULT_OF(TRUNCATE, -1, 20, -1),
	 EITHER(EDECODE, VERSIONS, EPROTOCOL, VERSIONS), UNSENT},
	{SET_UP, "stall in frame", FAULT_OF(STALL_AFTER, -1, 10, -1), FAILS(ETIMEDOUT, VERSIONS),
	 UNSENT},
	{SET_UP, "close in frame", FAULT_OF(CLOSE_AFTER, -1, 10, -1),
	 FAILS(EDISCONNECTED, VERSIONS), UNSENT},
	{SET_UP, "reset in frame", FAULT_OF(RESET_AFTER, -1, 10, -1),
	 FAILS(EDISCONNECTED, VERSIONS), UNSENT},

	{IDLE_LINK, "reset", NAMING(PLAIN), SUCCEEDS},
	{SEND, "black hole", FAULT(BLACK_HOLE), EITHER(ETIMEDOUT, SEND, ETIMEDOUT, RECEIVE),
	 PERHAPS},

	{ANSWER, "silence", FAULT(SILENCE), FAILS(ETIMEDOUT, RECEIVE), PERHAPS, LIVES},
	{ANSWER, "reset", FAULT(RESET), FAILS(EDISCONNECTED, RECEIVE), PERHAPS},
	{ANSWER, "clean close", FAULT(CLOSE), FAILS(EDISCONNECTED, RECEIVE), PERHAPS},
	{ANSWER, "garbage", FAULT(BYTES), .data = HTTP, FAILS(EPROTOCOL, RECEIVE), PERHAPS},
	{ANSWER, "slow drip", FAULT_OF(DRIP, 5, 1, -1), FAILS(ETIMEDOUT, RECEIVE), PERHAPS, LIVES},
	{ANSWER, "black hole", FAULT(BLACK_HOLE), FAILS(ETIMEDOUT, RECEIVE), PERHAPS},
	{ANSWER, "wrong id", FAULT_OF(WRONG_ID, -1, -1, 1000), FAILS(EPROTOCOL, RECEIVE), PERHAPS},
	{ANSWER, "unknown id", FAULT(UNKNOWN_ID), FAILS(EPROTOCOL, RECEIVE), PERHAPS},
	{ANSWER, "one unasked", FAULT(UNSOLICITED), FAILS(EPROTOCOL, RECEIVE), PERHAPS},
	{ANSWER, "too late", FAULT_OF(DELAY, 700, -1, -1), FAILS(ETIMEDOUT, RECEIVE), PERHAPS,
	 LIVES},
	{ANSWER, "2 GiB", FAULT(OVERSIZE), EITHER(EPROTOCOL, RECEIVE, ETOOLARGE, RECEIVE), PERHAPS},
	{ANSWER, "cut short", FAULT_OF(TRUNCATE, -1, 12, -1), FAILS(EDECODE, DECODE),
	 ANSWERED_BADLY, LIVES},
	{ANSWER, "bytes left over", FAULT(TRAILING), FAILS(EDECODE, DECODE), ANSWERED_BADLY, LIVES},
	{ANSWER, "twice", FAULT(DUPLICATE), SUCCEEDS, LIVES},
	{ANSWER, "stall in frame", FAULT_OF(STALL_AFTER, -1, 10, -1), FAILS(ETIMEDOUT, RECEIVE),
	 PERHAPS},
	{ANSWER, "close in frame", FAULT_OF(CLOSE_AFTER, -1, 10, -1), FAILS(EDISCONNECTED, RECEIVE),
	 PERHAPS},
	{ANSWER, "reset in frame", FAULT_OF(RESET_AFTER, -1, 10, -1), FAILS(EDISCONNECTED, RECEIVE),
	 PERHAPS},
	{ANSWER, "close in length", FAULT_OF(CLOSE_AFTER, -1, 2, -1), FAILS(EDISCONNECTED, RECEIVE),
	 PERHAPS},
};

static const char *const place_names[] = {"resolve", "connect", "versions",
					  "idle",    "send",    "answer"};

struct bench {
	struct kwire_mock *mock;
	struct kwire_client *client;
	enum naming naming; /* of the victim; read by the resolver on other threads */
	int victim_port;
	int dead_end_port;
	int nobody_port;
};

/* All brokers are called "broker.test"; the victim's address is what the cell wants. */
static int resolve(void *context, const char *host, int port, int64_t deadline_ms,
		   void (*add)(void *list, const struct sockaddr *address, size_t size), void *list)
{
	struct bench *bench = context;
	enum naming naming = __atomic_load_n(&bench->naming, __ATOMIC_SEQ_CST);
	struct sockaddr_in address;
	struct timespec pause = {0, 5000000};

	(void)host;
	memset(&address, 0, sizeof(address));
	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (port == bench->victim_port && naming == NO_ANSWER) {
		while (kw_now_ms() < deadline_ms)
			nanosleep(&pause, NULL);
		return KWIRE_ERESOLVE;
	}
	if (port == bench->victim_port && naming == NO_NAME)
		return KWIRE_ERESOLVE;
	if (port == bench->victim_port && naming == NO_ADDRESS)
		return 0;
	if (port == bench->victim_port && naming == BAD_FAMILY)
		address.sin_family = 250;
	if (port == bench->victim_port && naming == DEAD_END)
		port = bench->dead_end_port;
	if (port == bench->victim_port && naming == NOBODY)
		port = bench->nobody_port;
	address.sin_port = htons((uint16_t)port);
	add(list, (const struct sockaddr *)(const void *)&address, sizeof(address));
	return 0;
}

/* A listening socket; with `fill`, one whose queue is full, so that connecting takes for ever. */
struct listener {
	int sockets[8];
	int count;
	int port;
};

static void listen_on(struct listener *listener, bool fill)
{
	struct sockaddr_in address;
	socklen_t size = sizeof(address);
	int listening = socket(AF_INET, SOCK_STREAM, 0);

	memset(&address, 0, sizeof(address));
	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(listening >= 0);
	assert_int_equal(bind(listening, (struct sockaddr *)(void *)&address, size), 0);
	assert_int_equal(listen(listening, 0), 0);
	assert_int_equal(getsockname(listening, (struct sockaddr *)(void *)&address, &size), 0);
	listener->port = ntohs(address.sin_port);
	listener->sockets[0] = listening;
	listener->count = 1;
	while (fill && listener->count < 4) {
		int client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

		(void)!connect(client, (struct sockaddr *)(void *)&address, size);
		listener->sockets[listener->count++] = client;
	}
}

static void close_listener(struct listener *listener)
{
	while (listener->count > 0)
		close(listener->sockets[--listener->count]);
}

static int ping(struct bench *bench, int32_t broker_id, int64_t timeout_ms, unsigned flags,
		struct kwire_error *error)
{
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_api_versions_request request = KWIRE_API_VERSIONS_REQUEST_INIT;
	struct kwire_api_versions_response *response = NULL;
	int result;

	options.broker_id = broker_id;
	options.timeout_ms = timeout_ms;
	options.flags = flags;
	request.client_software_name = KWIRE_STRING("test");
	request.client_software_version = KWIRE_STRING("1");
	result = kwire_send_api_versions_with(bench->client, &request, &response, &options, error);
	kwire_response_free(response);
	return result;
}

/* A request larger than the sockets' buffers on both sides. */
static int send_large(struct bench *bench, struct kwire_error *error)
{
	enum {
		SIZE = 30000,
		COUNT = 1000,
	};
	static char name[SIZE];
	struct kwire_create_topics_request request = KWIRE_CREATE_TOPICS_REQUEST_INIT;
	struct kwire_create_topics_request_topic *topics = calloc(COUNT, sizeof(*topics));
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_create_topics_response *response = NULL;
	int result;

	assert_non_null(topics);
	memset(name, 'a', sizeof(name));
	for (int i = 0; i < COUNT; i++) {
		topics[i] = (struct kwire_create_topics_request_topic)
			KWIRE_CREATE_TOPICS_REQUEST_TOPIC_INIT;
		topics[i].name = kwire_string_of(name, sizeof(name));
	}
	request.topics.items = topics;
	request.topics.count = COUNT;
	request.timeout_ms = 0; /* its wait is added to the broker's silence that is borne */
	options.broker_id = VICTIM;
	options.timeout_ms = TIMEOUT_MS;
	result = kwire_send_create_topics_with(bench->client, &request, &response, &options, error);
	kwire_response_free(response);
	free(topics);
	return result;
}

static void set(struct kwire_config *config, const char *name, const char *value)
{
	assert_int_equal(kwire_config_set(config, name, value, NULL), 0);
}

static void open_bench(struct bench *bench)
{
	struct kwire_mock_options options = KWIRE_MOCK_OPTIONS_INIT;
	struct kwire_config *config = kwire_config_new();
	struct kwire_error error;
	char servers[64];

	options.host = "broker.test";
	assert_int_equal(kwire_mock_open(&options, &bench->mock, NULL), 0);
	bench->victim_port = kwire_mock_port(bench->mock, VICTIM);
	snprintf(servers, sizeof(servers), "127.0.0.1:%d", kwire_mock_port(bench->mock, GUIDE));
	set(config, "bootstrap.servers", servers);
	/* How long a stuck connection may stand in the way of healing. */
	set(config, "socket.connection.setup.timeout.ms", "600");
	set(config, "socket.connection.setup.timeout.max.ms", "600");
	set(config, "request.timeout.ms", "600");
	set(config, "reconnect.backoff.ms", "10");
	set(config, "reconnect.backoff.max.ms", "50");
	kwire_config_set_resolver(config, resolve, bench);
	assert_int_equal(kwire_client_open(config, &bench->client, NULL), 0);
	kwire_config_free(config);
	assert_int_equal(kwire_client_refresh(bench->client, -1, &error), 0);
	assert_int_equal(ping(bench, BYSTANDER, INT32_MAX, 0, &error), 0);
}

static void break_it(struct bench *bench, const struct cell *cell)
{
	struct kwire_mock_match match = KWIRE_MOCK_MATCH_INIT;
	struct kwire_mock_fault fault = KWIRE_MOCK_FAULT_INIT;

	__atomic_store_n(&bench->naming, cell->naming, __ATOMIC_SEQ_CST);
	if (cell->kind < 0)
		return;
	match.broker_id = VICTIM;
	match.api_key = cell->place == CONNECT || cell->place == SEND ? -1 : API_VERSIONS;
	/* The link that the call will find, not a new one. */
	match.connection = cell->place == SEND ? 0 : -1;
	fault.kind = (enum kwire_mock_fault_kind)cell->kind;
	fault.ms = cell->ms;
	fault.bytes = cell->bytes;
	fault.value = cell->value;
	if (cell->data != NULL)
		fault.data = kwire_bytes_of(cell->data, strlen(cell->data));
	assert_int_equal(kwire_mock_break(bench->mock, &match, &fault, NULL, NULL), 0);
}

/* Only time ends such a call. */
static bool is_timed(const struct cell *cell)
{
	return cell->result == KWIRE_ETIMEDOUT;
}

/* The call to the victim, in a thread of its own. */
struct call {
	struct bench *bench;
	const struct cell *cell;
	pthread_t thread;
	atomic_bool done;
	int result;
	int64_t took_ms;
	struct kwire_error error;
};

static void *call_victim(void *context)
{
	struct call *call = context;
	int64_t started_ms = kw_now_ms();

	if (call->cell->place == SEND)
		call->result = send_large(call->bench, &call->error);
	else
		call->result = ping(call->bench, VICTIM,
				    is_timed(call->cell) ? TIMEOUT_MS : INT32_MAX,
				    call->cell->place == IDLE_LINK ? KWIRE_WAIT : 0, &call->error);
	call->took_ms = kw_now_ms() - started_ms;
	atomic_store(&call->done, true);
	return NULL;
}

/* The victim's connection stands where the fault keeps it. */
static bool is_stuck(void *context)
{
	struct call *call = context;
	struct kw_pool *pool = &call->bench->client->pool;
	struct kwire_mock_match match = kwire_mock_on(API_VERSIONS);
	struct kwire_connection *connection;
	struct kw_node *node;
	bool stuck = false;

	match.broker_id = VICTIM;
	if (call->cell->place == ANSWER)
		return kwire_mock_count(call->bench->mock, &match) > 0;
	kw_mutex_lock(&pool->mutex);
	node = kw_nodes_find_locked(pool, VICTIM);
	if (node != NULL && node->links[KW_LANE_NORMAL] != NULL) {
		connection = node->links[KW_LANE_NORMAL]->connection;
		kw_mutex_lock(&connection->lock);
		stuck = call->cell->place == SEND ? connection->blocked
						  : connection->phase == call->cell->phase;
		kw_mutex_unlock(&connection->lock);
	}
	kw_mutex_unlock(&pool->mutex);
	return stuck;
}

/* Runs the call: time moves only where it has to, and by no more than that. */
static void run_call(struct call *call)
{
	assert_int_equal(pthread_create(&call->thread, NULL, call_victim, call), 0);
	if (is_timed(call->cell)) {
		assert_true(wait_until(is_stuck, call));
		test_clock_move(TIMEOUT_MS - 1);
		usleep(2000); /* who ends it too early has the time to */
		if (!atomic_load(&call->done))
			test_clock_move(1);
	}
	/* So young a link that is found dead is followed by a pause. */
	while (call->cell->place == IDLE_LINK && !atomic_load(&call->done)) {
		test_clock_move(1);
		usleep(500);
	}
	pthread_join(call->thread, NULL);
}

static bool as_expected(const struct call *call)
{
	const struct cell *cell = call->cell;
	const struct kwire_error *error = &call->error;

	if (cell->place != IDLE_LINK && call->took_ms != (is_timed(cell) ? TIMEOUT_MS : 0))
		return false;
	if (call->result == 0 || cell->result == 0)
		return call->result == cell->result;
	return ((call->result == cell->result && error->phase == cell->phase) ||
		(call->result == cell->other && error->phase == cell->other_phase)) &&
	       error->outcome == cell->outcome && error->message[0] != '\0' &&
	       error->result == call->result && error->elapsed_ms == call->took_ms;
}

static int64_t accepted(struct bench *bench)
{
	int64_t count = -1;
	int open;

	assert_int_equal(kwire_mock_connections(bench->mock, VICTIM, &open, &count, NULL), 0);
	return count;
}

static void *ping_victim(void *context)
{
	struct call *call = context;

	call->result = ping(call->bench, VICTIM, INT32_MAX, 0, &call->error);
	atomic_store(&call->done, true);
	return NULL;
}

/* A call while time passes: a stuck connection's patience ends in it. */
static int ping_in_time(struct bench *bench, struct kwire_error *error)
{
	struct call call = {.bench = bench};

	assert_int_equal(pthread_create(&call.thread, NULL, ping_victim, &call), 0);
	while (!atomic_load(&call.done)) {
		test_clock_move(1);
		usleep(500);
	}
	pthread_join(call.thread, NULL);
	*error = call.error;
	return call.result;
}

/*
 * The next call succeeds, at the latest once one backoff has passed, and in no
 * time of its own.  Where a connection is stuck, it is given up first, by the
 * calls that find it so.
 */
static bool heals(struct bench *bench, const struct cell *cell)
{
	struct kwire_error error;

	/* A drip delivers in the end, and what comes behind it too. */
	if (is_timed(cell) && (!cell->lives || cell->kind == KWIRE_MOCK_DRIP_FAULT))
		for (int i = 0; i < 2; i++)
			if (ping_in_time(bench, &error) == 0)
				return true;
	if (ping(bench, VICTIM, INT32_MAX, 0, &error) == 0)
		return true;
	test_clock_move(BACKOFF_MS);
	if (ping(bench, VICTIM, INT32_MAX, 0, &error) == 0)
		return true;
	printf("    does not heal: %s\n", error.message);
	return false;
}

static void print_row(const struct call *call, bool good)
{
	const struct cell *cell = call->cell;

	printf("  %-9s %-16s %-20s %-9s %-14s %5lld ms  %s\n", place_names[cell->place],
	       cell->fault, kwire_result_name(call->result),
	       call->result != 0 ? kwire_phase_name(call->error.phase) : "-",
	       call->result != 0 ? kwire_outcome_name(call->error.outcome) : "-",
	       (long long)call->took_ms, good ? "ok" : "BAD");
	if (!good)
		printf("    expected %s in %s, %s; got: %s\n", kwire_result_name(cell->result),
		       kwire_phase_name(cell->phase), kwire_outcome_name(cell->outcome),
		       call->error.message);
}

static bool run_cell(const struct cell *cell)
{
	struct bench bench = {.naming = PLAIN};
	struct call call = {.bench = &bench, .cell = cell};
	struct listener dead_end, nobody;
	struct kwire_error error = KWIRE_ERROR_INIT;
	bool good, undisturbed, healed, kept = true;
	int64_t connections = 0;

	listen_on(&dead_end, true);
	listen_on(&nobody, false);
	bench.dead_end_port = dead_end.port;
	bench.nobody_port = nobody.port;
	close_listener(&nobody);
	open_bench(&bench);
	if (cell->place >= IDLE_LINK) {
		assert_int_equal(ping(&bench, VICTIM, INT32_MAX, 0, &error), 0);
		connections = accepted(&bench);
	}
	kwire_mock_forget(bench.mock);
	break_it(&bench, cell);
	if (cell->place == IDLE_LINK) {
		kwire_mock_disconnect(bench.mock, VICTIM, NULL);
		kwire_mock_wait_connections(bench.mock, VICTIM, 0, -1, NULL);
	}
	run_call(&call);
	good = as_expected(&call);
	print_row(&call, good);

	undisturbed = ping(&bench, BYSTANDER, INT32_MAX, 0, &error) == 0;
	if (!undisturbed)
		printf("    another broker was disturbed: %s\n", error.message);
	kwire_mock_mend(bench.mock, -1, NULL);
	__atomic_store_n(&bench.naming, PLAIN, __ATOMIC_SEQ_CST);
	healed = heals(&bench, cell);
	if (cell->place == ANSWER) {
		kept = (accepted(&bench) == connections) == cell->lives;
		if (!kept)
			printf("    its connection was %s\n", cell->lives ? "lost" : "kept");
	}
	kwire_client_close(bench.client);
	kwire_mock_close(bench.mock);
	close_listener(&dead_end);
	return good && undisturbed && healed && kept;
}

static void every_fault_at_every_phase_is_told_in_time_and_healed(void **state)
{
	int count = (int)(sizeof(cells) / sizeof(cells[0])), bad = 0;

	(void)state;
	for (int i = 0; i < count; i++) {
		test_clock_hold();
		bad += !run_cell(&cells[i]);
		test_clock_release();
	}
	printf("note: fault matrix: %d cells, %d bad\n", count, bad);
	fflush(stdout);
	assert_int_equal(bad, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_fault_at_every_phase_is_told_in_time_and_healed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
