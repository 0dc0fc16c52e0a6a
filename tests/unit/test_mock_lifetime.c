/* SPDX-License-Identifier: Apache-2.0 */
/* A mock cluster leaves nothing behind: no thread, no descriptor, no memory. */
#include <dirent.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include <kwire/api/fetch.h>
#include <kwire/api/metadata.h>
#include <kwire/mock.h>

#include "../support/wire.h"

static int entries(const char *path)
{
	DIR *directory = opendir(path);
	int count = 0;

	if (directory == NULL)
		return -1;
	while (readdir(directory) != NULL)
		count++;
	closedir(directory);
	return count;
}

static void a_thousand_clusters_leave_nothing_behind(void **state)
{
	int threads = 0;
	int descriptors = 0;

	(void)state;
	for (int i = 0; i <= 1000; i++) {
		struct kwire_mock *mock = NULL;

		/* After the first: a sanitizer starts a thread of its own with it. */
		if (i == 1) {
			threads = entries("/proc/self/task");
			descriptors = entries("/proc/self/fd");
		}

		assert_int_equal(kwire_mock_open(NULL, &mock, NULL), 0);
		kwire_mock_close(mock);
	}
	/* The kernel lists a thread that was joined for a moment more: now, or when it was counted.
	 */
	for (int i = 0; i < 1000000 && entries("/proc/self/task") > threads; i++)
		sched_yield();
	assert_true(entries("/proc/self/task") <= threads);
	assert_int_equal(entries("/proc/self/fd"), descriptors);
}

/* Whatever is under way when it closes: kept requests, delays, long polls, data. */
static void a_cluster_closes_in_the_middle_of_everything(void **state)
{
	struct kwire_metadata_request metadata = KWIRE_METADATA_REQUEST_INIT;
	struct kwire_fetch_request fetch = KWIRE_FETCH_REQUEST_INIT;
	struct kwire_fetch_request_topic topic = KWIRE_FETCH_REQUEST_TOPIC_INIT;
	struct kwire_fetch_request_topic_partition partition =
		KWIRE_FETCH_REQUEST_TOPIC_PARTITION_INIT;

	(void)state;
	topic.topic = KWIRE_STRING("t");
	topic.partitions.items = &partition;
	topic.partitions.count = 1;
	partition.partition_max_bytes = 1000;
	fetch.max_wait_ms = 1000000;
	fetch.min_bytes = 100000;
	fetch.max_bytes = 100000;
	fetch.topics.items = &topic;
	fetch.topics.count = 1;
	for (int i = 0; i < 50; i++) {
		struct kwire_mock *mock = NULL;
		uint8_t *frame;
		int fds[4];

		assert_int_equal(kwire_mock_open(NULL, &mock, NULL), 0);
		for (int k = 0; k < 10; k++)
			assert_int_equal(kwire_mock_append(mock, "t", 0, "k", "v", NULL), 0);
		for (int k = 0; k < 4; k++)
			fds[k] = wire_connect(kwire_mock_port(mock, 1));
		assert_int_equal(wire_send(fds[0], &kwire_fetch_api, 8, 1, &fetch), 0);
		assert_int_equal(kwire_mock_wait(mock, NULL, 1, 10000, NULL), 0);
		assert_int_equal(kwire_mock_do(mock, "break delay ms=100000 once", NULL, 0, NULL),
				 0);
		assert_int_equal(wire_send(fds[1], &kwire_metadata_api, 4, 1, &metadata), 0);
		assert_int_equal(kwire_mock_wait(mock, NULL, 2, 10000, NULL), 0);
		assert_int_equal(kwire_mock_do(mock, "break reorder value=9", NULL, 0, NULL), 0);
		assert_int_equal(wire_send(fds[2], &kwire_metadata_api, 4, 1, &metadata), 0);
		assert_int_equal(kwire_mock_wait(mock, NULL, 3, 10000, NULL), 0);
		assert_int_equal(kwire_mock_keep(mock, NULL, NULL, NULL), 0);
		assert_int_equal(wire_send(fds[3], &kwire_metadata_api, 4, 1, &metadata), 0);
		assert_int_equal(kwire_mock_wait(mock, NULL, 4, 10000, NULL), 0);
		kwire_mock_close(mock);
		for (int k = 0; k < 4; k++) {
			assert_true(wire_receive(fds[k], &frame) < 0);
			close(fds[k]);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thousand_clusters_leave_nothing_behind),
		cmocka_unit_test(a_cluster_closes_in_the_middle_of_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
