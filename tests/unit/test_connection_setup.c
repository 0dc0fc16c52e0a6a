/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Set-up: ApiVersions with all its fallbacks, dialling over several addresses,
 * and what callers see of a connection that is not ready yet.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "../support/connected.h"
#include "connection/connection.h"

/* A connection in the making: the test plays the peer meanwhile. */
struct setup {
	struct peer peer;
	struct kwire_config *config;
	struct kwire_config *frozen;
	struct kwire_connection *connection;
	struct kwire_error error;
	atomic_int ready;
	atomic_int dead;
};

static void note_ready(void *context, struct kwire_connection *connection)
{
	struct setup *setup = context;

	(void)connection;
	atomic_fetch_add(&setup->ready, 1);
}

static void note_dead(void *context, struct kwire_connection *connection,
		      const struct kwire_error *cause)
{
	struct setup *setup = context;

	(void)connection;
	(void)cause;
	atomic_fetch_add(&setup->dead, 1);
}

static void begin(struct setup *setup, struct kwire_config *config, const char *host,
		  int16_t versions_start, int64_t timeout_ms)
{
	struct kw_connection_options options = {.host = host,
						.node_id = 7,
						.setup_timeout_ms = timeout_ms,
						.max_idle_ms = -1,
						.versions_start = versions_start};

	memset(setup, 0, sizeof(*setup));
	peer_init(&setup->peer);
	setup->config = config;
	setup->frozen = kw_config_freeze(config, NULL);
	assert_non_null(setup->frozen);
	options.port = setup->peer.port;
	options.events.context = setup;
	options.events.ready = note_ready;
	options.events.dead = note_dead;
	assert_int_equal(
		kw_connection_new(setup->frozen, &options, &setup->connection, &setup->error), 0);
}

static void begin_plain(struct setup *setup)
{
	begin(setup, test_config(NULL, NULL), "127.0.0.1", -1, PEER_GUARD_MS);
}

static int finish(struct setup *setup)
{
	return kw_connection_wait_ready(setup->connection, INT64_MAX, &setup->error);
}

static void end(struct setup *setup)
{
	kw_connection_kill(setup->connection, NULL);
	assert_int_equal(kw_connection_join(setup->connection, INT64_MAX), 0);
	assert_int_equal(atomic_load(&setup->dead), 1);
	kw_connection_put(setup->connection);
	kw_config_put(setup->frozen);
	kwire_config_free(setup->config);
	peer_fini(&setup->peer);
}

/* Answers one ApiVersions request with the given body; the version it was in. */
static int answer_versions(int fd, int16_t body_version, int16_t code)
{
	struct peer_request request;
	uint8_t body[256];
	int16_t version;

	assert_true(peer_read(fd, &request));
	assert_int_equal(request.key, 18);
	version = request.version;
	if (body_version < 0)
		body_version = version;
	peer_answer(fd, request.id, body, peer_versions(body_version, code, body, sizeof(body)));
	peer_free(&request);
	return version;
}

static void the_newest_version_is_asked_for_first(void **state)
{
	struct setup setup;
	int fd;

	(void)state;
	begin_plain(&setup);
	fd = peer_accept(&setup.peer);
	assert_int_equal(answer_versions(fd, -1, 0), 5);
	assert_int_equal(finish(&setup), 0);
	assert_int_equal(atomic_load(&setup.ready) >= 0, 1);
	assert_int_equal(kw_connection_versions_start(setup.connection), -1);
	close(fd);
	end(&setup);
}

static void the_client_names_itself_as_kip_511_wants_it(void **state)
{
	struct peer_request request;
	struct setup setup;
	int fd;

	(void)state;
	begin_plain(&setup);
	fd = peer_accept(&setup.peer);
	assert_true(peer_read(fd, &request));
	/* Body: no tags of the header, then a compact string: length + 1, bytes. */
	assert_int_equal(request.body[0], 0);
	assert_int_equal(request.body[1], 6);
	assert_memory_equal(request.body + 2, "kwire", 5);
	assert_int_equal(request.body[7], sizeof(KWIRE_VERSION_STRING));
	assert_memory_equal(request.body + 8, KWIRE_VERSION_STRING,
			    sizeof(KWIRE_VERSION_STRING) - 1);
	peer_free(&request);
	close(fd);
	end(&setup);
}

static void error_35_leads_to_what_the_broker_offers(void **state)
{
	struct setup setup;
	int fd;

	(void)state;
	begin_plain(&setup);
	fd = peer_accept(&setup.peer);
	assert_int_equal(answer_versions(fd, 0, 35), 5);
	assert_int_equal(answer_versions(fd, -1, 0), 4);
	assert_int_equal(finish(&setup), 0);
	close(fd);
	end(&setup);
}

static void error_35_without_an_offer_leads_to_version_0(void **state)
{
	static const uint8_t empty[] = {0, 35, 0, 0, 0, 0};
	struct setup setup;
	int32_t id;
	int fd;

	(void)state;
	begin_plain(&setup);
	fd = peer_accept(&setup.peer);
	id = peer_take(fd);
	assert_true(peer_answer(fd, id, empty, sizeof(empty)));
	assert_int_equal(answer_versions(fd, -1, 0), 0);
	assert_int_equal(finish(&setup), 0);
	close(fd);
	end(&setup);
}

static void an_offer_that_is_not_lower_leads_to_version_0(void **state)
{
	static const uint8_t same[] = {0, 35, 0, 0, 0, 1, 0, 18, 0, 0, 0, 5};
	struct setup setup;
	int32_t id;
	int fd;

	(void)state;
	begin_plain(&setup);
	fd = peer_accept(&setup.peer);
	id = peer_take(fd);
	assert_true(peer_answer(fd, id, same, sizeof(same)));
	assert_int_equal(answer_versions(fd, -1, 0), 0);
	assert_int_equal(finish(&setup), 0);
	close(fd);
	end(&setup);
}

static void error_35_at_version_0_is_the_end(void **state)
{
	struct setup setup;
	int fd;

	(void)state;
	begin_plain(&setup);
	fd = peer_accept(&setup.peer);
	assert_int_equal(answer_versions(fd, 0, 35), 5);
	assert_int_equal(answer_versions(fd, 0, 35), 4);
	assert_int_equal(answer_versions(fd, 0, 35), 0);
	assert_int_equal(finish(&setup), KWIRE_EKAFKA);
	assert_int_equal(setup.error.kafka_code, 35);
	assert_int_equal(setup.error.phase, KWIRE_PHASE_VERSIONS);
	close(fd);
	end(&setup);
}

static void another_error_code_is_reported(void **state)
{
	struct setup setup;
	int fd;

	(void)state;
	begin_plain(&setup);
	fd = peer_accept(&setup.peer);
	(void)answer_versions(fd, -1, 42);
	assert_int_equal(finish(&setup), KWIRE_EKAFKA);
	assert_int_equal(setup.error.kafka_code, 42);
	assert_int_equal(setup.error.phase, KWIRE_PHASE_VERSIONS);
	assert_int_equal(setup.error.node_id, 7);
	close(fd);
	end(&setup);
}

static void a_body_that_does_not_parse_is_read_as_version_0(void **state)
{
	struct kwire_version_range range;
	struct setup setup;
	int fd;

	(void)state;
	begin_plain(&setup);
	fd = peer_accept(&setup.peer);
	assert_int_equal(answer_versions(fd, 0, 0), 5);
	assert_int_equal(finish(&setup), 0);
	assert_true(kwire_versions_range(kwire_connection_versions(setup.connection),
					 PEER_PROBE_KEY, &range));
	assert_int_equal(range.max_version, 1);
	close(fd);
	end(&setup);
}

static void a_peer_that_resets_twice_is_tried_at_version_0(void **state)
{
	struct setup setup;
	int fd;

	(void)state;
	begin_plain(&setup);
	for (int i = 0; i < 2; i++) {
		fd = peer_accept(&setup.peer);
		assert_true(peer_take(fd) >= 0);
		peer_reset(fd);
	}
	fd = peer_accept(&setup.peer);
	assert_int_equal(answer_versions(fd, -1, 0), 0);
	assert_int_equal(finish(&setup), 0);
	assert_int_equal(kw_connection_versions_start(setup.connection), 0);
	close(fd);
	end(&setup);
}

static void what_was_remembered_is_tried_first(void **state)
{
	struct setup setup;
	int fd;

	(void)state;
	begin(&setup, test_config(NULL, NULL), "127.0.0.1", 0, PEER_GUARD_MS);
	fd = peer_accept(&setup.peer);
	assert_int_equal(answer_versions(fd, -1, 0), 0);
	assert_int_equal(finish(&setup), 0);
	close(fd);
	end(&setup);
}

static void a_caller_s_deadline_does_not_break_another_s_dial(void **state)
{
	struct setup setup;
	struct caller hasty, patient;
	int32_t id;
	int fd;

	(void)state;
	begin_plain(&setup);
	fd = peer_accept(&setup.peer);
	hasty = (struct caller){.connection = setup.connection, .number = 1, .timeout_ms = 10};
	patient = (struct caller){
		.connection = setup.connection, .number = 2, .timeout_ms = PEER_GUARD_MS};
	caller_start(&hasty);
	caller_start(&patient);
	caller_join(&hasty);
	assert_int_equal(hasty.result, KWIRE_ETIMEDOUT);
	assert_int_equal(hasty.error.outcome, KWIRE_NOT_SENT);
	(void)answer_versions(fd, -1, 0);
	id = take_probe(fd, NULL);
	assert_true(peer_answer_probe(fd, id, 2, 0));
	caller_join(&patient);
	assert_int_equal(patient.result, 0);
	close(fd);
	end(&setup);
}

static void a_kill_during_set_up_releases_everyone(void **state)
{
	struct caller callers[10];
	struct setup setup;
	int fd;

	(void)state;
	begin_plain(&setup);
	fd = peer_accept(&setup.peer);
	for (int i = 0; i < 10; i++) {
		callers[i] = (struct caller){
			.connection = setup.connection, .number = i, .timeout_ms = -1};
		caller_start(&callers[i]);
	}
	kw_connection_kill(setup.connection, NULL);
	for (int i = 0; i < 10; i++) {
		caller_join(&callers[i]);
		assert_int_equal(callers[i].result, KWIRE_ECLOSED);
		assert_int_equal(callers[i].error.outcome, KWIRE_NOT_SENT);
	}
	assert_int_equal(kw_connection_join(setup.connection, INT64_MAX), 0);
	close(fd);
	end(&setup);
}

/* Addresses of the tests' own resolver. */
static struct sockaddr_in addresses[4];
static int address_count;

static int resolve_ours(void *context, const char *host, int port, int64_t deadline_ms,
			void (*add)(void *list, const struct sockaddr *address, size_t size),
			void *list)
{
	(void)context;
	(void)port;
	(void)deadline_ms;
	if (strcmp(host, "ours.test") != 0)
		return KWIRE_ERESOLVE;
	for (int i = 0; i < address_count; i++)
		add(list, (const struct sockaddr *)&addresses[i], sizeof(addresses[i]));
	return 0;
}

static void add_address(int port)
{
	struct sockaddr_in *address = &addresses[address_count++];

	memset(address, 0, sizeof(*address));
	address->sin_family = AF_INET;
	address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address->sin_port = htons((uint16_t)port);
}

/* A listener that answers no SYN: its queue is full. */
static void make_black_hole(struct peer *hole, int *fillers, int count)
{
	struct sockaddr_in address = {.sin_family = AF_INET};

	peer_init(hole);
	assert_int_equal(listen(hole->fd, 0), 0);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons((uint16_t)hole->port);
	for (int i = 0; i < count; i++) {
		fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(fillers[i], (struct sockaddr *)&address, sizeof(address));
	}
}

static void a_dead_address_costs_a_slice_and_no_more(void **state)
{
	struct kwire_config *config = test_config(NULL, NULL);
	struct peer hole, refused;
	struct setup setup;
	int fillers[8];
	int fd;

	(void)state;
	make_black_hole(&hole, fillers, 8);
	peer_init(&refused);
	close(refused.fd);
	kwire_config_set_resolver(config, resolve_ours, NULL);
	address_count = 0;
	add_address(refused.port);
	add_address(hole.port);
	add_address(0); /* the peer's, below */
	/* The peer's port is known only once it listens. */
	memset(&setup, 0, sizeof(setup));
	{
		struct kw_connection_options options = {.host = "ours.test",
							.port = 9092,
							.node_id = 7,
							.setup_timeout_ms = PEER_GUARD_MS,
							.max_idle_ms = -1,
							.versions_start = -1};

		peer_init(&setup.peer);
		addresses[2].sin_port = htons((uint16_t)setup.peer.port);
		setup.config = config;
		setup.frozen = kw_config_freeze(config, NULL);
		options.events.context = &setup;
		options.events.dead = note_dead;
		assert_int_equal(
			kw_connection_new(setup.frozen, &options, &setup.connection, &setup.error),
			0);
	}
	fd = peer_accept(&setup.peer);
	(void)answer_versions(fd, -1, 0);
	assert_int_equal(finish(&setup), 0);
	close(fd);
	end(&setup);
	for (int i = 0; i < 8; i++)
		close(fillers[i]);
	peer_fini(&hole);
}

static void a_black_hole_is_left_at_the_deadline(void **state)
{
	struct kwire_config *config = test_config(NULL, NULL);
	struct kwire_connection *connection = NULL;
	struct kwire_error error;
	struct peer hole;
	int fillers[8];
	int64_t asked_ms;

	(void)state;
	make_black_hole(&hole, fillers, 8);
	asked_ms = test_now_ms();
	assert_int_equal(
		kwire_connection_open(config, "127.0.0.1", hole.port, 80, &connection, &error),
		KWIRE_ETIMEDOUT);
	assert_int_equal(error.phase, KWIRE_PHASE_CONNECT);
	assert_true(test_now_ms() - asked_ms >= 80);
	for (int i = 0; i < 8; i++)
		close(fillers[i]);
	peer_fini(&hole);
	kwire_config_free(config);
}

/* What a dialer sees of the thread that it runs on. */
static sigset_t seen_signals;
static char seen_name[16];

static int look_around(void *context, const char *host, int port, int64_t deadline_ms,
		       const struct kwire_transport_ops **ops, void **transport,
		       struct kwire_error *error)
{
	(void)context;
	(void)host;
	(void)port;
	(void)deadline_ms;
	(void)ops;
	(void)transport;
	(void)error;
	pthread_sigmask(SIG_BLOCK, NULL, &seen_signals);
	prctl(PR_GET_NAME, seen_name, 0, 0, 0);
	return KWIRE_ECONNECT;
}

static void the_thread_is_named_and_blocks_all_signals(void **state)
{
	struct kwire_config *config = test_config(NULL, NULL);
	struct kwire_connection *connection = NULL;
	struct kwire_error error;

	(void)state;
	kwire_config_set_dialer(config, look_around, NULL);
	assert_int_equal(kwire_connection_open(config, "nowhere", 1, -1, &connection, &error),
			 KWIRE_ECONNECT);
	assert_non_null(strstr(error.message, "dialer"));
	for (int signal = 1; signal < 32; signal++)
		if (signal != SIGKILL && signal != SIGSTOP)
			assert_int_equal(sigismember(&seen_signals, signal), 1);
	assert_memory_equal(seen_name, "kwire", 5);
	kwire_config_free(config);
}

static void a_retired_connection_tells_its_owner(void **state)
{
	struct setup setup;
	struct caller caller;
	int fd;

	(void)state;
	begin_plain(&setup);
	fd = peer_accept(&setup.peer);
	(void)answer_versions(fd, -1, 0);
	assert_int_equal(finish(&setup), 0);
	caller = (struct caller){.connection = setup.connection, .number = 1, .timeout_ms = -1};
	caller_start(&caller);
	assert_true(wait_in_flight(setup.connection, 1));
	assert_false(kw_connection_retire(setup.connection));
	assert_true(peer_answer_probe(fd, take_probe(fd, NULL), 1, 0));
	caller_join(&caller);
	assert_int_equal(caller.result, 0);
	assert_true(kw_connection_retire(setup.connection));
	assert_int_equal(kw_connection_state(setup.connection), KW_CONNECTION_DEAD);
	assert_true(peer_at_end(fd));
	assert_int_equal(kw_connection_join(setup.connection, INT64_MAX), 0);
	assert_int_equal(atomic_load(&setup.ready), 1);
	close(fd);
	end(&setup);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_newest_version_is_asked_for_first),
		cmocka_unit_test(the_client_names_itself_as_kip_511_wants_it),
		cmocka_unit_test(error_35_leads_to_what_the_broker_offers),
		cmocka_unit_test(error_35_without_an_offer_leads_to_version_0),
		cmocka_unit_test(an_offer_that_is_not_lower_leads_to_version_0),
		cmocka_unit_test(error_35_at_version_0_is_the_end),
		cmocka_unit_test(another_error_code_is_reported),
		cmocka_unit_test(a_body_that_does_not_parse_is_read_as_version_0),
		cmocka_unit_test(a_peer_that_resets_twice_is_tried_at_version_0),
		cmocka_unit_test(what_was_remembered_is_tried_first),
		cmocka_unit_test(a_caller_s_deadline_does_not_break_another_s_dial),
		cmocka_unit_test(a_kill_during_set_up_releases_everyone),
		cmocka_unit_test(a_dead_address_costs_a_slice_and_no_more),
		cmocka_unit_test(a_black_hole_is_left_at_the_deadline),
		cmocka_unit_test(the_thread_is_named_and_blocks_all_signals),
		cmocka_unit_test(a_retired_connection_tells_its_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
