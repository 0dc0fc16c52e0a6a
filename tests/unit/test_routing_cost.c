/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What routing costs where there is nothing to choose: on a cluster of one
 * broker a routed call makes the system calls of one to a named broker, no
 * more.  A traced child makes both, and its caller's thread is watched.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <kwire/api/describe_groups.h>
#include <kwire/api/list_offsets.h>
#include <kwire/client.h>
#include <kwire/mock.h>

#if defined(PTRACE_GET_SYSCALL_INFO) || defined(PTRACE_SYSCALL)
#include <linux/ptrace.h>
#endif

enum {
	CALLS = 50,
	MARK = SYS_getppid, /* kwire has no use for it */
};

static int ask(struct kwire_client *client, int32_t broker_id)
{
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_list_offsets_request_topic_partition partitions[3] = {
		KWIRE_LIST_OFFSETS_REQUEST_TOPIC_PARTITION_INIT,
		KWIRE_LIST_OFFSETS_REQUEST_TOPIC_PARTITION_INIT,
		KWIRE_LIST_OFFSETS_REQUEST_TOPIC_PARTITION_INIT};
	struct kwire_list_offsets_request_topic topic = KWIRE_LIST_OFFSETS_REQUEST_TOPIC_INIT;
	struct kwire_list_offsets_request request = KWIRE_LIST_OFFSETS_REQUEST_INIT;
	struct kwire_list_offsets_response *response = NULL;
	struct kwire_string group = KWIRE_STRING_INIT("g");
	struct kwire_describe_groups_request describe = KWIRE_DESCRIBE_GROUPS_REQUEST_INIT;
	struct kwire_describe_groups_response *described = NULL;
	int result;

	for (int i = 0; i < 3; i++) {
		partitions[i].partition_index = i;
		partitions[i].timestamp = -1;
	}
	topic.name = KWIRE_STRING("orders");
	topic.partitions.items = partitions;
	topic.partitions.count = 3;
	request.replica_id = -1;
	request.topics.items = &topic;
	request.topics.count = 1;
	describe.groups.items = &group;
	describe.groups.count = 1;
	options.broker_id = broker_id;
	result = kwire_send_list_offsets_with(client, &request, &response, &options, NULL);
	kwire_response_free(response);
	if (result == 0)
		result = kwire_send_describe_groups_with(client, &describe, &described, &options,
							 NULL);
	kwire_response_free(described);
	return result;
}

static void mark(void)
{
	syscall(MARK);
}

/* The child: warms up, then calls a named broker, then whoever is meant. */
static void run_child(const char *bootstrap)
{
	struct kwire_config *config = kwire_config_new();
	struct kwire_client *client = NULL;

	if (kwire_config_set(config, "bootstrap.servers", bootstrap, NULL) != 0 ||
	    kwire_client_open(config, &client, NULL) != 0 ||
	    kwire_client_refresh(client, -1, NULL) != 0 || ask(client, 1) != 0 ||
	    ask(client, -1) != 0 || ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
		_exit(3);
	raise(SIGSTOP);
	mark();
	for (int i = 0; i < CALLS; i++)
		if (ask(client, 1) != 0)
			_exit(4);
	mark();
	for (int i = 0; i < CALLS; i++)
		if (ask(client, -1) != 0)
			_exit(5);
	mark();
	_exit(0);
}

/* Counts system calls between the marks; those that wait for another thread come or do not. */
static int watch(pid_t child, long counts[2])
{
	int status, marks = 0, deliver = 0;

	waitpid(child, &status, 0);
	if (!WIFSTOPPED(status))
		return WEXITSTATUS(status);
	ptrace(PTRACE_SETOPTIONS, child, NULL, (void *)PTRACE_O_TRACESYSGOOD);
	for (;;) {
		struct ptrace_syscall_info info;

		ptrace(PTRACE_SYSCALL, child, NULL, (void *)(intptr_t)deliver);
		waitpid(child, &status, 0);
		if (WIFEXITED(status))
			return WEXITSTATUS(status);
		if (WIFSIGNALED(status))
			return 255;
		deliver = 0;
		if (WSTOPSIG(status) != (SIGTRAP | 0x80)) {
			if (WSTOPSIG(status) != SIGTRAP)
				deliver = WSTOPSIG(status);
			continue;
		}
		if (ptrace((enum __ptrace_request)PTRACE_GET_SYSCALL_INFO, child,
			   (void *)sizeof(info), &info) <= 0 ||
		    info.op != PTRACE_SYSCALL_INFO_ENTRY)
			continue;
		if (info.entry.nr == MARK)
			marks++;
		else if (info.entry.nr != SYS_futex && marks >= 1 && marks <= 2)
			counts[marks - 1]++;
	}
}

static void one_broker_makes_a_routed_call_as_cheap_as_a_named_one(void **state)
{
	struct kwire_mock_options options = KWIRE_MOCK_OPTIONS_INIT;
	struct kwire_mock *mock = NULL;
	long counts[2] = {0, 0};
	const char *bootstrap;
	pid_t child;
	int status;

	(void)state;
	/* An emulator makes system calls of its own, and cannot be traced from inside. */
	if (getenv("TEST_WRAPPER") != NULL && getenv("TEST_WRAPPER")[0] != '\0')
		skip();
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	skip();
#endif
	options.brokers = 1;
	assert_int_equal(kwire_mock_open(&options, &mock, NULL), 0);
	assert_int_equal(kwire_mock_create_topic(mock, "orders", 3, NULL), 0);
	bootstrap = kwire_mock_bootstrap(mock);
	child = fork();
	if (child == 0)
		run_child(bootstrap);
	status = watch(child, counts);
	kwire_mock_close(mock);
	if (status == 3)
		skip(); /* no tracing here */
	assert_int_equal(status, 0);
	print_message("%ld system calls for %d calls\n", counts[0], 2 * CALLS);
	assert_true(counts[0] >= 2 * CALLS);
	assert_int_equal(counts[0], counts[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_broker_makes_a_routed_call_as_cheap_as_a_named_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
