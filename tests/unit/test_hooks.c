/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What hooks are told, in which order, and that they may ask the connection
 * questions, since none of its locks is held.  The test plays the broker.
 */
#include <setjmp.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>

#include <kwire/api/metadata.h>
#include <kwire/client.h>
#include <kwire/mock.h>
#include <kwire/observe.h>

#include "../support/connected.h"

enum {
	MOST = 64,
};

/* One thing that was told. */
struct told {
	char what; /* Connected, Disconnected, Written, Ended, '>' request frame, '<' response frame
		    */
	struct kwire_request_event request;
	struct kwire_connection_event connection;
	int cause;
	char host[32];
	int16_t api_key;
	int32_t id;
	size_t bytes;
	uint8_t head[4];
};

struct record {
	pthread_mutex_t mutex;
	struct told told[MOST];
	int count;
	_Atomic(struct kwire_connection *) ask; /* questions to it are allowed */
};

static struct told *next(struct record *record, char what)
{
	struct told *told;
	struct kwire_connection *ask = atomic_load(&record->ask);

	if (ask != NULL) {
		(void)kwire_connection_in_flight(ask);
		(void)kwire_connection_is_closed(ask, NULL);
	}
	pthread_mutex_lock(&record->mutex);
	told = &record->told[record->count < MOST - 1 ? record->count++ : MOST - 1];
	pthread_mutex_unlock(&record->mutex);
	memset(told, 0, sizeof(*told));
	told->what = what;
	return told;
}

static void connected(void *context, const struct kwire_connection_event *event)
{
	struct told *told = next(context, 'C');

	told->connection = *event;
	snprintf(told->host, sizeof(told->host), "%s", event->peer.host);
}

static void disconnected(void *context, const struct kwire_connection_event *event)
{
	struct told *told = next(context, 'D');

	told->connection = *event;
	told->cause = event->cause->result;
}

static void written(void *context, const struct kwire_request_event *event)
{
	next(context, 'W')->request = *event;
}

static void done(void *context, const struct kwire_request_event *event)
{
	next(context, 'E')->request = *event;
}

static void frame(void *context, const struct kwire_frame_event *event)
{
	struct told *told = next(context, event->response ? '<' : '>');
	size_t size = 0;

	told->api_key = event->api_key;
	told->id = event->correlation_id;
	told->bytes = event->bytes;
	for (int i = 0; i < event->piece_count; i++)
		size += event->pieces[i].iov_len;
	if (size != event->bytes)
		told->bytes = 0;
	memcpy(told->head, event->pieces[0].iov_base, sizeof(told->head));
}

static void throttled(void *context, const struct kwire_throttle_event *event)
{
	struct told *told = next(context, 'T');

	told->api_key = event->api_key;
	told->id = event->throttle_ms;
}

static void record_init(struct record *record)
{
	memset(record, 0, sizeof(*record));
	pthread_mutex_init(&record->mutex, NULL);
}

static struct kwire_config *watched(struct record *record, struct kwire_config *config)
{
	struct kwire_hooks hooks = KWIRE_HOOKS_INIT;

	record_init(record);
	hooks.context = record;
	hooks.connected = connected;
	hooks.disconnected = disconnected;
	hooks.written = written;
	hooks.done = done;
	hooks.throttled = throttled;
	hooks.frame = frame;
	assert_int_equal(kwire_config_add_hooks(config, &hooks, NULL), 0);
	return config;
}

static void expect_order(const struct record *record, const char *order)
{
	char text[MOST + 1] = "";

	for (int i = 0; i < record->count; i++)
		text[i] = record->told[i].what;
	assert_string_equal(text, order);
}

/* The `index`th that was told of this kind. */
static const struct told *find(const struct record *record, char what, int index)
{
	for (int i = 0; i < record->count; i++)
		if (record->told[i].what == what && index-- == 0)
			return &record->told[i];
	fail_msg("nothing was told of '%c'", what);
	return NULL;
}

static void a_call_is_told_from_its_frame_to_its_end(void **state)
{
	const struct told *told;
	struct record record;
	struct fixture fixture;
	struct caller caller;
	int32_t id;

	(void)state;
	open_with(&fixture, watched(&record, test_config(NULL, NULL)));
	atomic_store(&record.ask, fixture.connection);
	caller = probe(&fixture, 1, -1);
	caller_start(&caller);
	id = peer_take(fixture.fd);
	assert_true(peer_answer_probe(fixture.fd, id, 1001, 10));
	caller_join(&caller);
	assert_int_equal(caller.result, 0);
	atomic_store(&record.ask, NULL);
	close_all(&fixture);

	/* ApiVersions, in the version that the peer has at the second try; ready; the call; the
	 * end. */
	expect_order(&record, "><><C>W<ED");
	told = find(&record, '>', 0);
	assert_int_equal(told->api_key, 18);
	told = find(&record, 'C', 0);
	assert_string_equal(told->host, "127.0.0.1");
	assert_true(told->connection.begun_us > 0);
	assert_true(told->connection.ready_us >= told->connection.begun_us);
	told = find(&record, '>', 2);
	assert_int_equal(told->api_key, PEER_PROBE_KEY);
	assert_int_equal(told->id, id);
	assert_int_equal((told->head[0] << 24) + (told->head[1] << 16) + (told->head[2] << 8) +
				 told->head[3],
			 told->bytes - 4);
	told = find(&record, '<', 2);
	assert_int_equal(told->bytes, 4 + 4 + 4 + 4 + 10);
	assert_int_equal(told->head[3], 4 + 4 + 4 + 10);
	told = find(&record, 'E', 0);
	assert_int_equal(told->request.result, 0);
	assert_int_equal(told->request.outcome, KWIRE_ANSWERED);
	assert_int_equal(told->request.correlation_id, id);
	assert_int_equal(told->request.request_bytes, find(&record, '>', 2)->bytes);
	assert_int_equal(told->request.response_bytes, 4 + 4 + 4 + 4 + 10);
	assert_true(told->request.queued_us > 0);
	assert_true(told->request.written_us >= told->request.queued_us);
	assert_true(told->request.first_byte_us > 0);
	assert_true(told->request.done_us >= told->request.first_byte_us);
	assert_int_equal(find(&record, 'D', 0)->cause, KWIRE_ECLOSED);
}

static void a_call_that_gets_no_answer_is_told_with_its_reason(void **state)
{
	const struct told *told;
	struct record record;
	struct fixture fixture;
	struct caller caller;

	(void)state;
	open_with(&fixture, watched(&record, test_config(NULL, NULL)));
	caller = probe(&fixture, 1, -1);
	caller_start(&caller);
	assert_true(peer_take(fixture.fd) > 0);
	peer_reset(fixture.fd);
	fixture.fd = -1;
	caller_join(&caller);
	assert_int_equal(caller.result, KWIRE_EDISCONNECTED);
	close_all(&fixture);
	told = find(&record, 'E', 0);
	assert_int_equal(told->request.result, KWIRE_EDISCONNECTED);
	assert_int_equal(told->request.outcome, KWIRE_MAYBE_APPLIED);
	assert_int_equal(told->request.first_byte_us, 0);
	assert_int_equal(told->request.response_bytes, 0);
	assert_true(told->request.done_us >= told->request.written_us);
	assert_int_equal(find(&record, 'D', 0)->cause, KWIRE_EDISCONNECTED);
	assert_true(find(&record, 'D', 0)->connection.ready_us > 0);
}

static void calls_that_nobody_waits_for_are_told_when_they_are_given_up(void **state)
{
	struct record record;
	struct fixture fixture;
	struct kwire_call *call;

	(void)state;
	open_with(&fixture, watched(&record, test_config(NULL, NULL)));
	call = start(&fixture, 1, -1, 0);
	assert_true(peer_take(fixture.fd) > 0);
	kwire_call_free(call);
	call = start(&fixture, 2, -1, 0);
	assert_true(peer_take(fixture.fd) > 0);
	kwire_call_cancel(call);
	kwire_call_free(call);
	expect_order(&record, "><><C>WE>WE");
	assert_int_equal(find(&record, 'E', 0)->request.result, KWIRE_ECANCELED);
	assert_int_equal(find(&record, 'E', 1)->request.result, KWIRE_ECANCELED);
	close_all(&fixture);
}

static void a_call_that_never_left_is_told_once_and_not_as_written(void **state)
{
	struct record record;
	struct fixture fixture;
	struct kwire_call *first;
	struct caller caller;
	const struct told *told;

	(void)state;
	open_with(&fixture, watched(&record, test_config("max.in.flight", "1", NULL)));
	first = start(&fixture, 1, -1, 0);
	caller = probe(&fixture, 2, 1);
	caller_start(&caller);
	caller_join(&caller);
	assert_int_equal(caller.result, KWIRE_ETIMEDOUT);
	expect_order(&record, "><><C>WE");
	told = find(&record, 'E', 0);
	assert_int_equal(told->request.result, KWIRE_ETIMEDOUT);
	assert_int_equal(told->request.outcome, KWIRE_NOT_SENT);
	assert_int_equal(told->request.written_us, 0);
	kwire_call_free(first);
	close_all(&fixture);
}

static void a_set_up_that_fails_is_told_as_an_end(void **state)
{
	struct kwire_connection *connection = NULL;
	struct kwire_config *config;
	struct kwire_error error;
	struct record record;
	struct peer peer;
	int port;

	(void)state;
	peer_init(&peer);
	port = peer.port;
	peer_fini(&peer);
	config = watched(&record, test_config(NULL, NULL));
	assert_int_equal(kwire_connection_open(config, "127.0.0.1", port, -1, &connection, &error),
			 KWIRE_ECONNECT);
	kwire_config_free(config);
	expect_order(&record, "D");
	assert_int_equal(record.told[0].cause, KWIRE_ECONNECT);
	assert_int_equal(record.told[0].connection.ready_us, 0);
	assert_int_equal(record.told[0].connection.peer.port, port);
}

static void many_callers_are_each_told_in_order(void **state)
{
	enum {
		COUNT = 8
	};
	struct caller callers[COUNT];
	struct record record;
	struct fixture fixture;
	int at[COUNT], step[COUNT] = {0};
	int32_t number;

	(void)state;
	open_with(&fixture, watched(&record, test_config(NULL, NULL)));
	for (int i = 0; i < COUNT; i++) {
		callers[i] = probe(&fixture, i, -1);
		caller_start(&callers[i]);
	}
	for (int i = 0; i < COUNT; i++)
		at[i] = take_probe(fixture.fd, &number);
	for (int i = COUNT - 1; i >= 0; i--)
		assert_true(peer_answer_probe(fixture.fd, at[i], i, (size_t)i * 1000));
	for (int i = 0; i < COUNT; i++)
		caller_join(&callers[i]);
	close_all(&fixture);
	for (int i = 5; i < record.count; i++) {
		const struct told *told = &record.told[i];
		int32_t id = told->what == '<' || told->what == '>' ? told->id
								    : told->request.correlation_id;
		int who = 0;

		if (told->what == 'D')
			break;
		while (who < COUNT && at[who] != id)
			who++;
		assert_true(who < COUNT);
		assert_int_equal(told->what, ">W<E"[step[who]++]);
	}
	for (int i = 0; i < COUNT; i++)
		assert_int_equal(step[i], 4);
}

static void two_sets_of_hooks_are_both_told_and_nine_are_too_many(void **state)
{
	struct kwire_hooks empty = KWIRE_HOOKS_INIT;
	struct record first, second;
	struct fixture fixture;
	struct kwire_config *config = test_config(NULL, NULL);
	struct kwire_error error;

	(void)state;
	watched(&first, config);
	watched(&second, config);
	for (int i = 2; i < 8; i++)
		assert_int_equal(kwire_config_add_hooks(config, &empty, &error), 0);
	assert_int_equal(kwire_config_add_hooks(config, &empty, &error), KWIRE_ELIMIT);
	empty.size = 0;
	assert_int_equal(kwire_config_add_hooks(config, &empty, &error), KWIRE_EINVAL);
	assert_int_equal(kwire_config_add_hooks(NULL, &empty, &error), KWIRE_EINVAL);
	open_with(&fixture, config);
	expect_alive(&fixture);
	close_all(&fixture);
	expect_order(&first, "><><C>W<ED");
	expect_order(&second, "><><C>W<ED");
}

/* Between the answer that asks for it and the end of its call. */
static void a_brokers_wish_to_be_left_alone_is_told(void **state)
{
	enum {
		METADATA = 3,
		WISH_MS = 30
	};
	struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
	struct kwire_metadata_response *response = NULL;
	struct kwire_config *config = kwire_config_new();
	struct kwire_client *client = NULL;
	struct kwire_mock *mock = NULL;
	struct kwire_error error;
	const struct told *told;
	struct record record;

	(void)state;
	assert_int_equal(kwire_mock_open(NULL, &mock, &error), 0);
	assert_int_equal(
		kwire_mock_do(mock, "break throttle ms=30 api=Metadata count=1", NULL, 0, &error),
		0);
	assert_int_equal(
		kwire_config_set(config, "bootstrap.servers", kwire_mock_bootstrap(mock), &error),
		0);
	assert_int_equal(kwire_client_open(watched(&record, config), &client, &error), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(kwire_send_metadata(client, &request, &response, &error), 0);
		kwire_response_free(response);
	}
	kwire_client_close(client);
	kwire_config_free(config);
	kwire_mock_close(mock);
	told = find(&record, 'T', 0);
	assert_int_equal(told->api_key, METADATA);
	assert_int_equal(told->id, WISH_MS);
	for (const struct told *later = told + 1; later < record.told + record.count; later++)
		assert_int_not_equal(later->what, 'T');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_is_told_from_its_frame_to_its_end),
		cmocka_unit_test(a_call_that_gets_no_answer_is_told_with_its_reason),
		cmocka_unit_test(calls_that_nobody_waits_for_are_told_when_they_are_given_up),
		cmocka_unit_test(a_call_that_never_left_is_told_once_and_not_as_written),
		cmocka_unit_test(a_set_up_that_fails_is_told_as_an_end),
		cmocka_unit_test(many_callers_are_each_told_in_order),
		cmocka_unit_test(a_brokers_wish_to_be_left_alone_is_told),
		cmocka_unit_test(two_sets_of_hooks_are_both_told_and_nine_are_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
