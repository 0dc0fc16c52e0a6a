/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection and its peer, ready to be tried, with the assertions that every
 * test of connections makes.  For test programs, after <cmocka.h>.
 */
#ifndef TEST_CONNECTED_H
#define TEST_CONNECTED_H

#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "peer.h"

struct fixture {
	struct peer peer;
	struct kwire_config *config;
	struct kwire_connection *connection;
	int fd;
};

static inline void open_with(struct fixture *fixture, struct kwire_config *config)
{
	peer_init(&fixture->peer);
	fixture->config = config;
	fixture->connection = test_connect(&fixture->peer, config, &fixture->fd);
	assert_non_null(fixture->connection);
}

static inline void open_plain(struct fixture *fixture)
{
	open_with(fixture, test_config(NULL, NULL));
}

static inline void close_all(struct fixture *fixture)
{
	kwire_connection_close(fixture->connection);
	if (fixture->fd >= 0)
		close(fixture->fd);
	peer_fini(&fixture->peer);
	kwire_config_free(fixture->config);
}

static inline struct caller probe(struct fixture *fixture, int32_t number, int64_t timeout_ms)
{
	struct caller caller = {
		.connection = fixture->connection, .number = number, .timeout_ms = timeout_ms};

	return caller;
}

static inline struct kwire_call *start(struct fixture *fixture, int32_t number, int64_t timeout_ms,
				       unsigned flags)
{
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct probe_request request = {.number = number};
	struct kwire_call *call = NULL;
	struct kwire_error error;

	options.timeout_ms = timeout_ms;
	options.flags = flags;
	assert_int_equal(kwire_connection_start(fixture->connection, &probe_api, &request, &options,
						&call, &error),
			 0);
	return call;
}

static inline void expect_answer(struct kwire_call *call, int32_t number)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	void *response = NULL;

	assert_int_equal(kwire_call_wait(call, -1, &response, &error), 0);
	assert_int_equal(((struct probe_response *)response)->number, number);
	kwire_response_free(response);
	kwire_call_free(call);
}

/* One request of the probe that came: its id; its number goes to `*number`. */
static inline int32_t take_probe(int fd, int32_t *number)
{
	struct peer_request request;
	int32_t id;

	assert_true(peer_read(fd, &request));
	assert_int_equal(request.key, PEER_PROBE_KEY);
	id = request.id;
	if (number != NULL)
		*number = peer_probe_number(&request);
	peer_free(&request);
	return id;
}

/* Nothing has arrived at the peer. */
static inline void expect_nothing(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	assert_int_equal(poll(&poll_fd, 1, 0), 0);
}

/* The connection still works: one more call, answered. */
static inline void expect_alive(struct fixture *fixture)
{
	struct caller caller = probe(fixture, 4242, -1);
	int32_t number, id;

	caller_start(&caller);
	id = take_probe(fixture->fd, &number);
	assert_int_equal(number, 4242);
	assert_true(peer_answer_probe(fixture->fd, id, 4243, 0));
	caller_join(&caller);
	assert_int_equal(caller.result, 0);
	assert_int_equal(caller.answer, 4243);
	assert_false(kwire_connection_is_closed(fixture->connection, NULL));
}

/* How a call fails that waits for the answer of a connection that died. */
static inline void expect_failure(struct kwire_call *call, int result, enum kwire_outcome outcome)
{
	struct kwire_error error = KWIRE_ERROR_INIT;

	assert_int_equal(kwire_call_wait(call, -1, NULL, &error), result);
	assert_int_equal(error.result, result);
	assert_int_equal(error.outcome, outcome);
	assert_int_equal(error.api_key, PEER_PROBE_KEY);
	assert_true(error.message[0] != '\0');
	kwire_call_free(call);
}

#endif
