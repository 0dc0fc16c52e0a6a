/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection whose surroundings fail: each allocation in turn, a name server
 * that never answers, a transport of the program's that can do little.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "../support/connected.h"

/* -- a peer that answers everything --------------------------------------------------- */

struct willing {
	struct peer peer;
	atomic_bool over;
	pthread_t thread;
};

static void *answer_everything(void *argument)
{
	struct willing *willing = argument;
	struct pollfd poll_fd = {.fd = willing->peer.fd, .events = POLLIN};
	struct peer_request request;
	int fd;

	while (!atomic_load(&willing->over)) {
		if (poll(&poll_fd, 1, 20) != 1)
			continue;
		fd = accept(willing->peer.fd, NULL, NULL);
		if (peer_greet(fd) >= 0)
			while (peer_read(fd, &request)) {
				int32_t number = peer_probe_number(&request);

				peer_answer_probe(fd, request.id, number + 1,
						  number == 2 ? 60000 : 0);
				peer_free(&request);
			}
		close(fd);
	}
	return NULL;
}

static void willing_begin(struct willing *willing)
{
	peer_init(&willing->peer);
	atomic_init(&willing->over, false);
	assert_int_equal(pthread_create(&willing->thread, NULL, answer_everything, willing), 0);
}

static void willing_end(struct willing *willing)
{
	atomic_store(&willing->over, true);
	pthread_join(willing->thread, NULL);
	peer_fini(&willing->peer);
}

/* -- allocations ------------------------------------------------------------------------ */

/* Counts from any thread; the `fail_at`th allocation fails. */
static atomic_long allocations, live, fail_at;

static void *allocate(void *context, size_t size)
{
	(void)context;
	if (atomic_fetch_add(&allocations, 1) + 1 == atomic_load(&fail_at))
		return NULL;
	atomic_fetch_add(&live, 1);
	return malloc(size);
}

static void *reallocate(void *context, void *data, size_t size)
{
	(void)context;
	if (atomic_fetch_add(&allocations, 1) + 1 == atomic_load(&fail_at))
		return NULL;
	return realloc(data, size);
}

static void release(void *context, void *data)
{
	(void)context;
	atomic_fetch_sub(&live, 1);
	free(data);
}

/* Opens, calls in every way, closes: 0, or the one result that an allocation may cause. */
static int use_everything(const struct kwire_config *config, int port)
{
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct probe_request request = {.number = 1};
	static const uint8_t payload[5000];
	struct kwire_connection *connection = NULL;
	struct kwire_call *calls[20] = {NULL};
	struct kwire_error error;
	void *response = NULL;
	int worst = 0, index, result;

	result = kwire_connection_open(config, "127.0.0.1", port, PEER_GUARD_MS, &connection,
				       &error);
	if (result != 0)
		return result;
	request.payload = kwire_bytes_of(payload, sizeof(payload));
	for (request.number = 1; request.number <= 2; request.number++) {
		response = NULL;
		result = kwire_connection_send(connection, &probe_api, &request, &response, NULL,
					       &error);
		if (result != 0)
			worst = result;
		else
			assert_int_equal(((struct probe_response *)response)->number,
					 request.number + 1);
		kwire_response_free(response);
	}
	options.flags = KWIRE_MORE;
	for (int i = 0; i < 20; i++) {
		result = kwire_connection_start(connection, &probe_api, &request, &options,
						&calls[i], &error);
		if (result != 0) {
			worst = result;
			calls[i] = NULL;
		}
	}
	result = kwire_call_wait_any(calls, 20, -1, &index, &error);
	if (result != 0)
		worst = result;
	for (int i = 0; i < 20; i++) {
		if (calls[i] == NULL)
			continue;
		response = NULL;
		result = kwire_call_wait(calls[i], -1, &response, &error);
		if (result != 0)
			worst = result;
		kwire_response_free(response);
		kwire_call_free(calls[i]);
	}
	kwire_connection_close(connection);
	return worst;
}

static void each_allocation_that_fails_is_reported_and_nothing_leaks(void **state)
{
	struct kwire_allocator allocator = {sizeof(allocator), NULL, allocate, reallocate, release};
	struct kwire_config *config = kwire_config_new_with(&allocator);
	struct willing willing;
	long before, nth;
	int result = -1;

	(void)state;
	willing_begin(&willing);
	before = atomic_load(&live);
	for (nth = 1; result != 0 && nth < 1000; nth++) {
		atomic_store(&allocations, 0);
		atomic_store(&fail_at, nth);
		result = use_everything(config, willing.peer.port);
		assert_true(result == 0 || result == KWIRE_ENOMEM);
		assert_int_equal(atomic_load(&live), before);
		if (result == 0 && atomic_load(&allocations) >= nth)
			result = -1; /* one that could be done without */
	}
	atomic_store(&fail_at, 0);
	assert_int_equal(result, 0);
	assert_true(nth > 20);
	willing_end(&willing);
	kwire_config_free(config);
}

/* -- a name server that never answers ---------------------------------------------------- */

static sem_t name_server;
static atomic_int asked, left;

/* In the place of the C library's. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
		struct addrinfo **found)
{
	(void)node;
	(void)service;
	(void)hints;
	(void)found;
	atomic_fetch_add(&asked, 1);
	while (sem_wait(&name_server) != 0)
		continue;
	atomic_fetch_add(&left, 1);
	return EAI_AGAIN;
}

static bool all_left(void *context)
{
	(void)context;
	return atomic_load(&left) == atomic_load(&asked);
}

static void a_hanging_name_server_holds_up_nobody(void **state)
{
	struct kwire_allocator allocator = {sizeof(allocator), NULL, allocate, reallocate, release};
	struct kwire_config *config = kwire_config_new_with(&allocator);
	struct kwire_connection *connection = NULL;
	struct kwire_error error;
	int64_t asked_ms;

	(void)state;
	assert_int_equal(sem_init(&name_server, 0, 0), 0);
	for (int i = 0; i < 3; i++) {
		asked_ms = test_now_ms();
		assert_int_equal(
			kwire_connection_open(config, "broker.test", 9092, 50, &connection, &error),
			KWIRE_ETIMEDOUT);
		assert_int_equal(error.phase, KWIRE_PHASE_RESOLVE);
		assert_true(test_now_ms() - asked_ms >= 50);
	}
	kwire_config_free(config);
	/* Those left behind free themselves, when at last they are answered. */
	assert_true(atomic_load(&live) > 0);
	for (int i = 0; i < atomic_load(&asked); i++)
		sem_post(&name_server);
	assert_true(wait_until(all_left, NULL));
	while (atomic_load(&live) > 0)
		usleep(1000);
}

/* -- a transport of the program's ----------------------------------------------------------- */

/* The least that a transport can be: no wake_writable, little at a time. */
struct pipe_transport {
	int fd;
	int wake[2];
	atomic_int *closed;
	atomic_bool deaf;  /* what came is not seen */
	atomic_bool stuck; /* the next write fails, and then what came is seen */
};

static ssize_t pipe_read(void *transport, const struct iovec *iov, int count, int64_t deadline_ms,
			 struct kwire_error *error)
{
	struct pipe_transport *pipe = transport;
	struct pollfd fds[2] = {{.fd = pipe->fd, .events = POLLIN},
				{.fd = pipe->wake[0], .events = POLLIN}};
	int64_t left_ms = deadline_ms - test_now_ms();
	char byte;
	ssize_t got;
	int ready;

	(void)count;
	if (atomic_load(&pipe->deaf))
		fds[0].fd = -1;
	ready = poll(fds, 2, left_ms < 0 ? 0 : left_ms > 100000 ? 100000 : (int)left_ms);
	if (ready == 0)
		return KWIRE_ETIMEDOUT;
	if (fds[1].revents != 0)
		return read(pipe->wake[0], &byte, 1) == 1 ? KWIRE_ECANCELED : KWIRE_EOS;
	if (atomic_load(&pipe->deaf))
		return pipe_read(transport, iov, count, deadline_ms, error);
	got = read(pipe->fd, iov[0].iov_base, iov[0].iov_len < 1000 ? iov[0].iov_len : 1000);
	if (got < 0) {
		error->result = KWIRE_EDISCONNECTED;
		return KWIRE_EDISCONNECTED;
	}
	return got;
}

static ssize_t pipe_writev(void *transport, const struct iovec *iov, int count, int64_t deadline_ms,
			   struct kwire_error *error)
{
	struct pipe_transport *pipe = transport;
	ssize_t put;

	(void)count;
	if (atomic_load(&pipe->stuck)) {
		atomic_store(&pipe->deaf, false);
		memset(error, 0, sizeof(*error));
		error->result = KWIRE_EDISCONNECTED;
		error->message[0] = '!';
		return KWIRE_EDISCONNECTED;
	}
	for (;;) {
		put = send(pipe->fd, iov[0].iov_base, iov[0].iov_len < 3000 ? iov[0].iov_len : 3000,
			   MSG_NOSIGNAL | MSG_DONTWAIT);
		if (put >= 0)
			return put;
		if (errno != EAGAIN) {
			error->result = KWIRE_EDISCONNECTED;
			return KWIRE_EDISCONNECTED;
		}
		if (test_now_ms() >= deadline_ms)
			return KWIRE_ETIMEDOUT;
		usleep(200);
	}
}

static void pipe_wake(void *transport)
{
	struct pipe_transport *pipe = transport;

	assert_int_equal(write(pipe->wake[1], "w", 1), 1);
}

static void pipe_shutdown(void *transport)
{
	struct pipe_transport *pipe = transport;

	(void)shutdown(pipe->fd, SHUT_RDWR);
}

static void pipe_close(void *transport)
{
	struct pipe_transport *pipe = transport;

	atomic_fetch_add(pipe->closed, 1);
	close(pipe->fd);
	close(pipe->wake[0]);
	close(pipe->wake[1]);
	free(pipe);
}

static const struct kwire_transport_ops pipe_ops = {
	.size = offsetof(struct kwire_transport_ops, wake_writable),
	.read = pipe_read,
	.writev = pipe_writev,
	.wake = pipe_wake,
	.shutdown = pipe_shutdown,
	.close = pipe_close,
};

static struct pipe_transport *make_pipe(int *other, atomic_int *closed)
{
	struct pipe_transport *made = calloc(1, sizeof(*made));
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(pipe(made->wake), 0);
	made->fd = pair[0];
	made->closed = closed;
	*other = pair[1];
	return made;
}

static void *greet(void *argument)
{
	(void)peer_greet(*(int *)argument);
	return NULL;
}

static void a_transport_of_the_program_s_own_will_do(void **state)
{
	struct kwire_config *config = test_config(NULL, NULL);
	struct fixture fixture = {.config = config};
	struct peer_request request;
	atomic_int closed = 0;
	struct caller caller;
	pthread_t thread;

	(void)state;
	{
		struct pipe_transport *transport = make_pipe(&fixture.fd, &closed);

		assert_int_equal(pthread_create(&thread, NULL, greet, &fixture.fd), 0);
		assert_int_equal(kwire_connection_open_transport(config, &pipe_ops, transport,
								 "pipe", 1, -1, &fixture.connection,
								 NULL),
				 0);
		pthread_join(thread, NULL);
	}
	expect_alive(&fixture);
	/* More than the pair of sockets holds: it is tried again until it is out. */
	caller = probe(&fixture, 5, -1);
	caller.payload_size = 2000000;
	caller_start(&caller);
	assert_true(peer_read(fixture.fd, &request));
	assert_int_equal(request.body_size, 12 + 2000000);
	assert_true(peer_answer_probe(fixture.fd, request.id, 6, 0));
	peer_free(&request);
	caller_join(&caller);
	assert_int_equal(caller.result, 0);
	assert_int_equal(caller.answer, 6);
	kwire_connection_close(fixture.connection);
	assert_int_equal(atomic_load(&closed), 1);
	close(fixture.fd);
	kwire_config_free(config);
}

/* Writing fails while an answer lies there unread: the answer still counts. */
static void what_came_before_a_failed_write_is_read(void **state)
{
	struct fixture fixture = {.config = test_config(NULL, NULL)};
	struct pipe_transport *transport;
	struct kwire_call *call;
	atomic_int closed = 0;
	struct caller caller;
	pthread_t thread;

	(void)state;
	transport = make_pipe(&fixture.fd, &closed);
	assert_int_equal(pthread_create(&thread, NULL, greet, &fixture.fd), 0);
	assert_int_equal(kwire_connection_open_transport(fixture.config, &pipe_ops, transport,
							 "pipe", 1, -1, &fixture.connection, NULL),
			 0);
	pthread_join(thread, NULL);
	call = start(&fixture, 1, INT32_MAX, 0);
	atomic_store(&transport->deaf, true);
	assert_true(peer_answer_probe(fixture.fd, take_probe(fixture.fd, NULL), 11, 0));
	atomic_store(&transport->stuck, true);
	caller = probe(&fixture, 2, INT32_MAX);
	caller_start(&caller);
	caller_join(&caller);
	assert_int_equal(caller.result, KWIRE_EDISCONNECTED);
	assert_int_equal(caller.error.outcome, KWIRE_NOT_SENT);
	expect_answer(call, 11);
	kwire_connection_close(fixture.connection);
	assert_int_equal(atomic_load(&closed), 1);
	close(fixture.fd);
	kwire_config_free(fixture.config);
}

static void a_transport_is_closed_when_opening_fails_too(void **state)
{
	struct kwire_config *config = test_config(NULL, NULL);
	struct kwire_connection *connection = NULL;
	struct kwire_error error;
	atomic_int closed = 0;
	int other;

	(void)state;
	assert_int_equal(kwire_connection_open_transport(config, &pipe_ops,
							 make_pipe(&other, &closed), "pipe", 1, 30,
							 &connection, &error),
			 KWIRE_ETIMEDOUT);
	assert_int_equal(atomic_load(&closed), 1);
	close(other);
	assert_int_equal(kwire_connection_open_transport(config, &pipe_ops,
							 make_pipe(&other, &closed), NULL, 1, 30,
							 &connection, &error),
			 KWIRE_EINVAL);
	assert_int_equal(atomic_load(&closed), 2);
	close(other);
	kwire_config_free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_allocation_that_fails_is_reported_and_nothing_leaks),
		cmocka_unit_test(a_hanging_name_server_holds_up_nobody),
		cmocka_unit_test(a_transport_of_the_program_s_own_will_do),
		cmocka_unit_test(what_came_before_a_failed_write_is_read),
		cmocka_unit_test(a_transport_is_closed_when_opening_fails_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
