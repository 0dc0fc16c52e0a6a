/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sweep of test_sweep.c over the system's calls: a client calls, each system
 * call that it makes on the way fails in turn, once.  An interrupted one changes
 * nothing; another may fail the call it hit, with a true outcome; the next call
 * on the same client succeeds; no descriptor and no thread is left.
 *
 * The linker puts the functions here in front of the system's (--wrap).  They
 * fail in kwire's threads and in the callers', not in the mock cluster's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include <kwire/api/metadata.h>
#include <kwire/kwire.h>
#include <kwire/mock.h>

/* -- in front of the system ------------------------------------------------------------ */

#define CALLS(X)                                                                                \
	X(socket, int, (int domain, int type, int protocol), (domain, type, protocol))          \
	X(connect, int, (int fd, const struct sockaddr *address, socklen_t size),               \
	  (fd, address, size))                                                                  \
	X(send, ssize_t, (int fd, const void *data, size_t size, int flags),                    \
	  (fd, data, size, flags))                                                              \
	X(sendmsg, ssize_t, (int fd, const struct msghdr *message, int flags),                  \
	  (fd, message, flags))                                                                 \
	X(recv, ssize_t, (int fd, void *data, size_t size, int flags), (fd, data, size, flags)) \
	X(recvmsg, ssize_t, (int fd, struct msghdr *message, int flags), (fd, message, flags))  \
	X(poll, int, (struct pollfd * fds, nfds_t count, int timeout), (fds, count, timeout))   \
	X(ppoll, int,                                                                           \
	  (struct pollfd * fds, nfds_t count, const struct timespec *timeout,                   \
	   const sigset_t *signals),                                                            \
	  (fds, count, timeout, signals))                                                       \
	X(setsockopt, int, (int fd, int level, int name, const void *value, socklen_t size),    \
	  (fd, level, name, value, size))                                                       \
	X(eventfd, int, (unsigned value, int flags), (value, flags))

enum call {
#define CALL_ENUM(NAME, TYPE, PARAMETERS, ARGUMENTS) CALL_##NAME,
	CALLS(CALL_ENUM) CALL_pthread_create,
	CALL_KINDS
};

static const char *const call_names[] = {
#define CALL_NAME(NAME, TYPE, PARAMETERS, ARGUMENTS) #NAME,
	CALLS(CALL_NAME) "pthread_create",
};

static atomic_int failing_call; /* enum call */
static atomic_int failing_errno;
static atomic_long failing_at; /* the how manieth, from 1; 0: none */
static atomic_long counted;
static atomic_bool cluster_opens; /* threads that start now are the mock cluster's */
static _Thread_local bool of_cluster;

static bool fails(enum call call)
{
	if (of_cluster || (int)call != atomic_load(&failing_call))
		return false;
	if (atomic_fetch_add(&counted, 1) + 1 != atomic_load(&failing_at))
		return false;
	errno = atomic_load(&failing_errno);
	return true;
}

#define CALL_WRAP(NAME, TYPE, PARAMETERS, ARGUMENTS)                      \
	TYPE __real_##NAME PARAMETERS;                                    \
	TYPE __wrap_##NAME PARAMETERS;                                    \
	TYPE __wrap_##NAME PARAMETERS                                     \
	{                                                                 \
		return fails(CALL_##NAME) ? -1 : __real_##NAME ARGUMENTS; \
	}
CALLS(CALL_WRAP)

struct start {
	void *(*run)(void *);
	void *argument;
};

static void *run_cluster(void *argument)
{
	struct start start = *(struct start *)argument;

	free(argument);
	of_cluster = true;
	return start.run(start.argument);
}

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
			  void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
			  void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
			  void *argument)
{
	struct start *start;

	if (fails(CALL_pthread_create))
		return atomic_load(&failing_errno);
	if (!atomic_load(&cluster_opens))
		return __real_pthread_create(thread, attributes, run, argument);
	start = malloc(sizeof(*start));
	if (start == NULL)
		return EAGAIN;
	start->run = run;
	start->argument = argument;
	return __real_pthread_create(thread, attributes, run_cluster, start);
}

/* -- what is swept ---------------------------------------------------------------------- */

static int entries(const char *path)
{
	DIR *directory = opendir(path);
	int count = 0;

	assert_non_null(directory);
	while (readdir(directory) != NULL)
		count++;
	closedir(directory);
	return count;
}

static int ask(struct kwire_client *client, unsigned flags, struct kwire_error *error)
{
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
	struct kwire_metadata_response *response = NULL;
	int result;

	options.flags = flags;
	request.topics.count = -1;
	result = kwire_send_metadata_with(client, &request, &response, &options, error);
	if (result == KWIRE_OK)
		assert_int_equal(response->brokers.count, 2);
	kwire_response_free(response);
	return result;
}

/* Whether the call that is to fail has failed. */
static bool has_failed(long at)
{
	return at != 0 && atomic_load(&counted) >= at;
}

/*
 * A client whose `at`th call of that kind fails: how the opening or question
 * went that it hit.  Questions that it did not hit have to succeed.
 */
static int one_run(struct kwire_mock *mock, bool tls, enum call call, int code, long at,
		   struct kwire_error *error)
{
	struct kwire_config *config = kwire_config_new();
	struct kwire_client *client = NULL;
	struct kwire_error one;
	int result;

	assert_int_equal(
		kwire_config_set(config, "bootstrap.servers", kwire_mock_bootstrap(mock), error),
		0);
	if (tls) {
		assert_int_equal(kwire_config_set(config, "security.protocol", "SSL", error), 0);
		assert_int_equal(kwire_config_set(config, "ssl.ca.pem", kwire_mock_ca(mock), error),
				 0);
	}
	atomic_store(&failing_call, (int)call);
	atomic_store(&failing_errno, code);
	atomic_store(&counted, 0);
	atomic_store(&failing_at, at);
	result = kwire_client_open(config, &client, error);
	for (int i = 0; client != NULL && i < 3; i++) {
		bool over = has_failed(at);
		int asked = ask(client, i == 0 ? 0 : KWIRE_WAIT, &one);

		if (asked == KWIRE_OK)
			continue;
		if (over || !has_failed(at))
			fail_msg("question %d, %s %ld: %s", i, call_names[call], at, one.message);
		result = asked;
		*error = one;
	}
	atomic_store(&failing_at, 0);
	kwire_client_close(client);
	kwire_config_free(config);
	return result;
}

static bool may_be(enum call call, int result, const struct kwire_error *error)
{
	if (result == KWIRE_EDISCONNECTED || result == KWIRE_ETLS)
		return error->outcome != KWIRE_ANSWERED;
	if (result == KWIRE_ELIMIT)
		return call == CALL_socket || call == CALL_eventfd || call == CALL_pthread_create;
	return result == KWIRE_ECONNECT || result == KWIRE_EOS;
}

static void sweep(struct kwire_mock *mock, bool tls, enum call call, int code)
{
	struct kwire_error error;
	long points = 0, failures = 0;
	int descriptors, threads;

	assert_int_equal(one_run(mock, tls, call, code, 0, &error), 0);
	assert_int_equal(kwire_mock_wait_connections(mock, -1, 0, 60000, &error), 0);
	descriptors = entries("/proc/self/fd");
	threads = entries("/proc/self/task");
	do {
		int result = one_run(mock, tls, call, code, ++points, &error);

		failures += result != KWIRE_OK;
		if (result != KWIRE_OK && (code == EINTR || !may_be(call, result, &error)))
			fail_msg("%s %ld: %s (%s)", call_names[call], points, error.message,
				 kwire_result_name(result));
		assert_int_equal(kwire_mock_wait_connections(mock, -1, 0, 60000, &error), 0);
		assert_int_equal(entries("/proc/self/fd"), descriptors);
		assert_int_equal(entries("/proc/self/task"), threads);
	} while (atomic_load(&counted) >= points);
	printf("note: sweep: %-5s %-14s errno %3d: %3ld failed, %ld calls told so, nothing left\n",
	       tls ? "TLS" : "plain", call_names[call], code, points - 1, failures);
}

static void sweep_all(struct kwire_mock *mock, bool tls)
{
	static const struct {
		enum call call;
		int code;
	} faults[] = {
		{CALL_socket, EMFILE},
		{CALL_eventfd, EMFILE},
		{CALL_connect, ECONNREFUSED},
		{CALL_connect, ENETUNREACH},
		{CALL_send, EPIPE},
		{CALL_sendmsg, EPIPE},
		{CALL_send, EINTR},
		{CALL_sendmsg, EINTR},
		{CALL_recv, ECONNRESET},
		{CALL_recvmsg, ECONNRESET},
		{CALL_recv, EINTR},
		{CALL_recvmsg, EINTR},
		{CALL_poll, EINTR},
		{CALL_ppoll, EINTR},
		{CALL_poll, ENOMEM},
		{CALL_setsockopt, EINVAL},
		{CALL_pthread_create, EAGAIN},
	};

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		sweep(mock, tls, faults[i].call, faults[i].code);
}

static void with_cluster(bool tls)
{
	struct kwire_mock_options options = KWIRE_MOCK_OPTIONS_INIT;
	struct kwire_mock *mock = NULL;
	struct kwire_error error;
	int result;

	options.brokers = 2;
	atomic_store(&cluster_opens, true);
	assert_int_equal(kwire_mock_open(&options, &mock, &error), 0);
	atomic_store(&cluster_opens, false);
	result = tls ? kwire_mock_set_tls(mock, "good", &error) : 0;
	if (result == KWIRE_OK)
		sweep_all(mock, tls);
	kwire_mock_close(mock);
	if (result == KWIRE_ENOTBUILT)
		skip();
	assert_int_equal(result, 0);
}

static void plain_calls_bear_every_system_call_failing(void **state)
{
	(void)state;
	with_cluster(false);
}

static void calls_over_tls_bear_every_system_call_failing(void **state)
{
	(void)state;
	with_cluster(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_calls_bear_every_system_call_failing),
		cmocka_unit_test(calls_over_tls_bear_every_system_call_failing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
