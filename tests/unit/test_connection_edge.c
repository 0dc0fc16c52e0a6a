/* SPDX-License-Identifier: Apache-2.0 */
/* What a program does to threads and processes: fork(2) and pthread_cancel(3). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <pthread.h>
#include <sys/wait.h>

#include "../support/connected.h"

/* In the child: 0, or the number of the step that went wrong. */
static int use_in_child(struct kwire_connection *connection, struct kwire_call *call)
{
	struct probe_request request = {.number = 1};
	struct kwire_call *other = NULL;
	struct kwire_error error = KWIRE_ERROR_INIT;
	int index;

	if (kwire_connection_send(connection, &probe_api, &request, NULL, NULL, &error) !=
		    KWIRE_EFORKED ||
	    error.result != KWIRE_EFORKED)
		return 1;
	if (kwire_connection_start(connection, &probe_api, &request, NULL, &other, &error) !=
	    KWIRE_EFORKED)
		return 2;
	if (kwire_connection_flush(connection, &error) != KWIRE_EFORKED ||
	    kwire_connection_shutdown(connection, -1) != KWIRE_EFORKED ||
	    !kwire_connection_is_closed(connection, &error) || error.result != KWIRE_EFORKED)
		return 3;
	if (kwire_call_wait(call, -1, NULL, &error) != KWIRE_EFORKED ||
	    kwire_call_wait_any(&call, 1, -1, &index, &error) != KWIRE_EFORKED)
		return 4;
	kwire_call_cancel(call);
	kwire_connection_close(connection);
	kwire_call_free(call);
	return 0;
}

static void a_child_is_told_and_closes_while_the_parent_goes_on(void **state)
{
	struct fixture fixture;
	struct kwire_call *call;
	int32_t id;
	int status = -1;
	pid_t child;

	(void)state;
	open_plain(&fixture);
	call = start(&fixture, 1, -1, 0);
	id = take_probe(fixture.fd, NULL);
	child = fork();
	if (child == 0) {
		alarm(20);
		_exit(use_in_child(fixture.connection, call));
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	expect_nothing(fixture.fd);
	assert_true(peer_answer_probe(fixture.fd, id, 11, 0));
	expect_answer(call, 11);
	expect_alive(&fixture);
	close_all(&fixture);
}

struct cancelled {
	struct kwire_connection *connection;
	int result;
};

static void *send_and_end(void *context)
{
	struct cancelled *cancelled = context;
	struct probe_request request = {.number = 5};

	cancelled->result = kwire_connection_send(cancelled->connection, &probe_api, &request, NULL,
						  NULL, NULL);
	/* Ending by cancellation unwinds the stack behind the sanitizers' backs: it was pending. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	return NULL;
}

static void a_thread_is_not_cancelled_in_the_middle_of_its_call(void **state)
{
	struct cancelled cancelled = {.result = KWIRE_EINVAL};
	struct fixture fixture;
	pthread_t thread;
	void *value = NULL;
	int32_t id;

	(void)state;
	open_plain(&fixture);
	cancelled.connection = fixture.connection;
	assert_int_equal(pthread_create(&thread, NULL, send_and_end, &cancelled), 0);
	id = take_probe(fixture.fd, NULL);
	assert_int_equal(pthread_cancel(thread), 0);
	assert_true(peer_answer_probe(fixture.fd, id, 55, 0));
	assert_int_equal(pthread_join(thread, &value), 0);
	assert_null(value);
	assert_int_equal(cancelled.result, 0);
	expect_alive(&fixture);
	close_all(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_child_is_told_and_closes_while_the_parent_goes_on),
		cmocka_unit_test(a_thread_is_not_cancelled_in_the_middle_of_its_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
