/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything at once, at random: many threads share connections on which a
 * peer answers late, in any order and in any size, while calls time out, are
 * cancelled, freed and shut down.  Whatever happens, each call ends once, with
 * its own answer or a reason.  The seed is printed; KWIRE_STRESS_SEED sets it,
 * KWIRE_STRESS_MS says for how long.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "../support/connected.h"

enum {
	THREADS = 10,
	HELD_MOST = 40, /* answers that the peer keeps back */
	BATCH = 12,
};

static uint32_t next_random(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

static uint32_t below(uint32_t *seed, uint32_t limit)
{
	return next_random(seed) % limit;
}

struct stress {
	struct peer peer;
	struct kwire_config *config;
	uint32_t seed;
	int64_t until_ms;
	atomic_int serving; /* threads of the peer */
	atomic_bool over;

	pthread_mutex_t lock; /* the connection in use, and who uses it */
	struct kwire_connection *connection;
	int users;

	atomic_long answered;
	atomic_long failed;
	atomic_long wrong; /* somebody else's answer, or no sense in a result */
	atomic_long connections;
};

/* -- the peer ------------------------------------------------------------------------ */

struct held {
	int32_t id;
	int32_t number;
};

struct serving {
	struct stress *stress;
	int fd;
	uint32_t seed;
};

static bool give(struct serving *serving, struct held *held, int *count)
{
	int at = (int)below(&serving->seed, (uint32_t)*count);
	struct held answer = held[at];
	uint32_t kind = below(&serving->seed, 40);

	held[at] = held[--*count];
	return peer_answer_probe(serving->fd, answer.id, answer.number * 2 + 1,
				 kind == 0   ? 100000
				 : kind == 1 ? 5000
					     : kind);
}

static void *serve(void *argument)
{
	struct serving *serving = argument;
	struct stress *stress = serving->stress;
	struct held held[HELD_MOST];
	struct peer_request request;
	struct pollfd poll_fd = {.fd = serving->fd, .events = POLLIN};
	bool good = peer_greet(serving->fd) >= 0;
	int count = 0;

	while (good) {
		if (count > 0 && (count == HELD_MOST || poll(&poll_fd, 1, 0) == 0 ||
				  below(&serving->seed, 3) == 0)) {
			good = give(serving, held, &count);
			continue;
		}
		good = peer_read(serving->fd, &request);
		if (!good)
			break;
		held[count].id = request.id;
		held[count++].number = peer_probe_number(&request);
		peer_free(&request);
		/* Now and then the broker goes away. */
		if (below(&serving->seed, 4000) == 0)
			break;
	}
	if (below(&serving->seed, 2) == 0)
		peer_reset(serving->fd);
	else
		close(serving->fd);
	free(serving);
	atomic_fetch_sub(&stress->serving, 1);
	return NULL;
}

static void *accept_all(void *argument)
{
	struct stress *stress = argument;
	struct serving *serving;
	struct pollfd poll_fd = {.fd = stress->peer.fd, .events = POLLIN};
	pthread_t thread;
	uint32_t seed = stress->seed;

	while (!atomic_load(&stress->over)) {
		if (poll(&poll_fd, 1, 20) != 1)
			continue;
		serving = calloc(1, sizeof(*serving));
		serving->stress = stress;
		serving->seed = next_random(&seed);
		serving->fd = accept(stress->peer.fd, NULL, NULL);
		atomic_fetch_add(&stress->serving, 1);
		if (serving->fd < 0 || pthread_create(&thread, NULL, serve, serving) != 0)
			abort();
		pthread_detach(thread);
	}
	return NULL;
}

/* -- the callers ----------------------------------------------------------------------- */

/* The connection, a new one where the last died.  Given back by leave(). */
static struct kwire_connection *enter(struct stress *stress)
{
	struct kwire_connection *connection = NULL;

	pthread_mutex_lock(&stress->lock);
	if (stress->connection != NULL && stress->users == 0 &&
	    kwire_connection_is_closed(stress->connection, NULL)) {
		kwire_connection_close(stress->connection);
		stress->connection = NULL;
	}
	if (stress->connection == NULL &&
	    kwire_connection_open(stress->config, "127.0.0.1", stress->peer.port, -1,
				  &stress->connection, NULL) == 0)
		atomic_fetch_add(&stress->connections, 1);
	if (stress->connection != NULL && !kwire_connection_is_closed(stress->connection, NULL)) {
		connection = stress->connection;
		stress->users++;
	}
	pthread_mutex_unlock(&stress->lock);
	return connection;
}

static void leave(struct stress *stress)
{
	pthread_mutex_lock(&stress->lock);
	stress->users--;
	pthread_mutex_unlock(&stress->lock);
}

static void judge(struct stress *stress, int result, void *response, int32_t number,
		  const struct kwire_error *error)
{
	bool sane = true;

	switch (result) {
	case 0:
		sane = response != NULL &&
		       ((struct probe_response *)response)->number == number * 2 + 1;
		atomic_fetch_add(&stress->answered, 1);
		break;
	case KWIRE_ETIMEDOUT:
	case KWIRE_ECANCELED:
	case KWIRE_EDISCONNECTED:
	case KWIRE_ECLOSED:
		sane = response == NULL && error->result == result && error->message[0] != '\0' &&
		       error->outcome != KWIRE_ANSWERED;
		atomic_fetch_add(&stress->failed, 1);
		break;
	default:
		sane = false;
		break;
	}
	if (!sane) {
		fprintf(stderr, "wrong: %d for %d: %s\n", result, number, error->message);
		atomic_fetch_add(&stress->wrong, 1);
	}
	kwire_response_free(response);
}

static void call_blocking(struct stress *stress, struct kwire_connection *connection,
			  uint32_t *seed)
{
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct probe_request request = {.number = (int32_t)below(seed, 1 << 30)};
	struct kwire_error error = KWIRE_ERROR_INIT;
	static const uint8_t payload[300000];
	void *response = NULL;
	uint32_t kind = below(seed, 10);
	int result;

	if (kind < 3)
		options.timeout_ms = below(seed, 4);
	if (kind == 4)
		request.payload = kwire_bytes_of(payload, below(seed, sizeof(payload)));
	if (kind == 5)
		options.flags = KWIRE_ONE_WAY;
	result = kwire_connection_send(connection, &probe_api, &request, &response, &options,
				       &error);
	if (kind == 5 && result == 0 && response == NULL)
		return;
	judge(stress, result, response, request.number, &error);
}

static void call_started(struct stress *stress, struct kwire_connection *connection, uint32_t *seed)
{
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct probe_request request = {.number = 0};
	struct kwire_call *calls[BATCH] = {NULL};
	int32_t numbers[BATCH];
	struct kwire_error error = KWIRE_ERROR_INIT;
	int index, left = 0, result;
	void *response;

	options.flags = KWIRE_MORE;
	for (int i = 0; i < BATCH; i++) {
		request.number = numbers[i] = (int32_t)below(seed, 1 << 30);
		options.timeout_ms = below(seed, 4) == 0 ? (int64_t)below(seed, 5) : -1;
		result = kwire_connection_start(connection, &probe_api, &request, &options,
						&calls[i], &error);
		if (result != 0) {
			judge(stress, result, NULL, 0, &error);
			calls[i] = NULL;
			continue;
		}
		left++;
		switch (below(seed, 8)) {
		case 0:
			kwire_call_cancel(calls[i]);
			break;
		case 1:
			kwire_call_free(calls[i]);
			calls[i] = NULL;
			left--;
			break;
		case 2:
			kwire_connection_flush(connection, NULL);
			break;
		default:
			break;
		}
	}
	while (left > 0) {
		if (kwire_call_wait_any(calls, BATCH, below(seed, 3) == 0 ? 1 : -1, &index,
					&error) != 0)
			continue;
		response = NULL;
		result = kwire_call_wait(calls[index], -1, &response, &error);
		judge(stress, result, response, numbers[index], &error);
		kwire_call_free(calls[index]);
		calls[index] = NULL;
		left--;
	}
}

struct worker {
	struct stress *stress;
	uint32_t seed;
	pthread_t thread;
};

static void *work(void *argument)
{
	struct worker *worker = argument;
	struct stress *stress = worker->stress;
	struct kwire_connection *connection;

	while (test_now_ms() < stress->until_ms) {
		connection = enter(stress);
		if (connection == NULL)
			continue;
		if (below(&worker->seed, 3) == 0)
			call_started(stress, connection, &worker->seed);
		else
			call_blocking(stress, connection, &worker->seed);
		if (below(&worker->seed, 2000) == 0)
			(void)kwire_connection_shutdown(connection, 0);
		leave(stress);
	}
	return NULL;
}

static bool served(void *context)
{
	struct stress *stress = context;

	return atomic_load(&stress->serving) == 0;
}

static int64_t from_environment(const char *name, int64_t otherwise)
{
	const char *value = getenv(name);

	return value != NULL ? strtol(value, NULL, 10) : otherwise;
}

static void every_call_ends_once_with_its_own_answer(void **state)
{
	struct worker workers[THREADS];
	struct stress stress;
	pthread_t acceptor;

	(void)state;
	memset(&stress, 0, sizeof(stress));
	stress.seed = (uint32_t)from_environment("KWIRE_STRESS_SEED", test_now_ms() & 0x7fffffff) |
		      1;
	fprintf(stderr, "seed %u\n", stress.seed);
	stress.until_ms = test_now_ms() + from_environment("KWIRE_STRESS_MS", 3000);
	pthread_mutex_init(&stress.lock, NULL);
	peer_init(&stress.peer);
	stress.config = test_config("max.in.flight", "60", "request.timeout.ms", "30000", NULL);
	assert_int_equal(pthread_create(&acceptor, NULL, accept_all, &stress), 0);
	for (int i = 0; i < THREADS; i++) {
		workers[i].stress = &stress;
		workers[i].seed = stress.seed + (uint32_t)i * 7919 + 1;
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(workers[i].thread, NULL);
	kwire_connection_close(stress.connection);
	atomic_store(&stress.over, true);
	pthread_join(acceptor, NULL);
	assert_true(wait_until(served, &stress));
	peer_fini(&stress.peer);
	kwire_config_free(stress.config);
	pthread_mutex_destroy(&stress.lock);
	fprintf(stderr, "%ld answered, %ld failed, %ld connections\n",
		atomic_load(&stress.answered), atomic_load(&stress.failed),
		atomic_load(&stress.connections));
	assert_int_equal(atomic_load(&stress.wrong), 0);
	assert_true(atomic_load(&stress.answered) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_call_ends_once_with_its_own_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
