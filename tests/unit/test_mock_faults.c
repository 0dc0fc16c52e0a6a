/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every fault of the mock, seen from a bare socket.  Time is the cluster's own
 * and moved by the test, so nothing here waits for a clock.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <kwire/api/find_coordinator.h>
#include <kwire/api/heartbeat.h>
#include <kwire/api/metadata.h>
#include <kwire/mock.h>

#include "../support/wire.h"

static const int64_t patience_ms = 10000;

struct scene {
	struct kwire_mock *mock;
	int fd;
};

static int set_up(void **state)
{
	struct kwire_mock_options options = KWIRE_MOCK_OPTIONS_INIT;
	struct scene *scene = calloc(1, sizeof(*scene));

	options.brokers = 2;
	options.flags = KWIRE_MOCK_MANUAL_TIME;
	if (kwire_mock_open(&options, &scene->mock, NULL) != 0)
		return -1;
	scene->fd = wire_connect(kwire_mock_port(scene->mock, 1));
	*state = scene;
	return scene->fd < 0;
}

static int tear_down(void **state)
{
	struct scene *scene = *state;

	close(scene->fd);
	kwire_mock_close(scene->mock);
	free(scene);
	return 0;
}

/* Orders one fault for the next request. */
static void order(struct scene *scene, const char *fault)
{
	struct kwire_error error;
	char line[300];

	strcpy(line, "break ");
	strcat(line, fault);
	strcat(line, " once");
	if (kwire_mock_do(scene->mock, line, NULL, 0, &error) != 0)
		fail_msg("%s: %s", line, error.message);
}

static void ask(struct scene *scene, int32_t id)
{
	struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;

	assert_int_equal(wire_send(scene->fd, &kwire_metadata_api, 4, id, &request), 0);
}

static bool answered(struct scene *scene, int32_t id)
{
	struct kwire_metadata_response *response = wire_answer(scene->fd, &kwire_metadata_api, 4,
							       id);
	bool good = response != NULL && response->brokers.count == 2;

	kwire_response_free(response);
	return good;
}

/* Nothing lies unread on the socket, after the cluster did all that it had to do. */
static bool silent(struct scene *scene)
{
	char byte;

	kwire_mock_advance(scene->mock, 0);
	return recv(scene->fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0;
}

static void seen(struct scene *scene, int64_t count)
{
	assert_int_equal(kwire_mock_wait(scene->mock, NULL, count, patience_ms, NULL), 0);
}

/* The bytes of an answer without any fault, for comparison. */
static long plain_answer(struct scene *scene, uint8_t **frame)
{
	ask(scene, 7);
	return wire_receive(scene->fd, frame);
}

static void delay_holds_back_and_later_answers_queue_behind(void **state)
{
	struct scene *scene = *state;

	order(scene, "delay ms=500");
	ask(scene, 1);
	ask(scene, 2);
	seen(scene, 1);
	assert_true(silent(scene));
	kwire_mock_advance(scene->mock, 499);
	assert_true(silent(scene));
	/* Like a slow broker: what is behind has not even been looked at. */
	assert_int_equal(kwire_mock_count(scene->mock, NULL), 1);
	kwire_mock_advance(scene->mock, 1);
	assert_true(answered(scene, 1));
	assert_true(answered(scene, 2));
}

static void late_answers_are_overtaken(void **state)
{
	struct scene *scene = *state;

	order(scene, "late ms=500");
	ask(scene, 1);
	ask(scene, 2);
	assert_true(answered(scene, 2));
	kwire_mock_advance(scene->mock, 499);
	assert_true(silent(scene));
	kwire_mock_advance(scene->mock, 1);
	assert_true(answered(scene, 1));
}

static void mending_lets_a_delayed_answer_go(void **state)
{
	struct scene *scene = *state;

	order(scene, "delay ms=500");
	ask(scene, 1);
	seen(scene, 1);
	assert_int_equal(kwire_mock_mend(scene->mock, -1, NULL), 0);
	assert_true(answered(scene, 1));
}

static void throttle_is_written_into_the_answer(void **state)
{
	struct scene *scene = *state;
	struct kwire_metadata_response *response;

	order(scene, "throttle ms=1234");
	ask(scene, 1);
	response = wire_answer(scene->fd, &kwire_metadata_api, 4, 1);
	assert_non_null(response);
	assert_int_equal(response->throttle_time_ms, 1234);
	kwire_response_free(response);
}

static void silence_leaves_one_request_without_an_answer(void **state)
{
	struct scene *scene = *state;

	order(scene, "silence");
	ask(scene, 1);
	ask(scene, 2);
	assert_true(answered(scene, 2));
	assert_true(silent(scene));
}

static void reset_and_close_come_in_place_of_an_answer(void **state)
{
	struct scene *scene = *state;
	uint8_t *frame;

	order(scene, "reset");
	ask(scene, 1);
	assert_int_equal(wire_receive(scene->fd, &frame), -2);
	close(scene->fd);
	scene->fd = wire_connect(kwire_mock_port(scene->mock, 1));
	order(scene, "close");
	ask(scene, 1);
	assert_int_equal(wire_receive(scene->fd, &frame), -1);
}

static void close_after_and_reset_after_cut_the_answer(void **state)
{
	struct scene *scene = *state;
	uint8_t bytes[64];

	order(scene, "close-after bytes=6");
	ask(scene, 1);
	assert_int_equal(recv(scene->fd, bytes, sizeof(bytes), MSG_WAITALL), 6);
	assert_int_equal(wire_read(scene->fd, bytes, sizeof(bytes)), -1);
	close(scene->fd);
	scene->fd = wire_connect(kwire_mock_port(scene->mock, 1));
	order(scene, "reset-after bytes=0");
	ask(scene, 1);
	assert_int_equal(wire_read(scene->fd, bytes, sizeof(bytes)), -2);
}

static void stall_after_sends_no_more_ever(void **state)
{
	struct scene *scene = *state;
	uint8_t bytes[9];

	order(scene, "stall-after bytes=9");
	ask(scene, 1);
	ask(scene, 2);
	assert_int_equal(recv(scene->fd, bytes, 9, MSG_WAITALL), 9);
	seen(scene, 2);
	kwire_mock_advance(scene->mock, 1000000);
	assert_true(silent(scene));
}

static void drip_sends_a_few_bytes_at_a_time(void **state)
{
	struct scene *scene = *state;
	uint8_t *expected;
	uint8_t bytes[4096];
	long size = plain_answer(scene, &expected) + 4;
	long at = 0;

	order(scene, "drip bytes=7 ms=10");
	ask(scene, 7);
	ask(scene, 8);
	seen(scene, 3);
	while (at < size) {
		long n;

		kwire_mock_advance(scene->mock, 0);
		n = recv(scene->fd, bytes + at, (size_t)(size - at), MSG_DONTWAIT);
		if (at + 7 < size)
			assert_int_equal(n, 7);
		assert_true(n > 0);
		at += n;
		if (at < size) {
			kwire_mock_advance(scene->mock, 9);
			assert_true(silent(scene));
			kwire_mock_advance(scene->mock, 1);
		}
	}
	assert_memory_equal(bytes + 4, expected, (size_t)size - 4);
	free(expected);
	/* What comes behind it is not slow. */
	assert_true(answered(scene, 8));
}

static void corrupt_changes_one_byte(void **state)
{
	struct scene *scene = *state;
	uint8_t *expected;
	uint8_t *frame;
	long size = plain_answer(scene, &expected);

	order(scene, "corrupt bytes=20 value=1");
	ask(scene, 7);
	assert_int_equal(wire_receive(scene->fd, &frame), size);
	assert_int_equal(frame[16], expected[16] ^ 1);
	frame[16] ^= 1;
	assert_memory_equal(frame, expected, (size_t)size);
	free(frame);
	free(expected);
}

static void wrong_and_unknown_ids(void **state)
{
	struct scene *scene = *state;
	uint8_t *frame;

	order(scene, "wrong-id value=5");
	ask(scene, 100);
	assert_true(wire_receive(scene->fd, &frame) > 4);
	assert_int_equal(wire_id(frame), 105);
	free(frame);
	order(scene, "unknown-id");
	ask(scene, 101);
	assert_true(wire_receive(scene->fd, &frame) > 4);
	assert_int_equal(wire_id(frame), 101 + 0x40000000);
	free(frame);
}

static void duplicate_answers_twice(void **state)
{
	struct scene *scene = *state;

	order(scene, "duplicate");
	ask(scene, 1);
	assert_true(answered(scene, 1));
	assert_true(answered(scene, 1));
	assert_true(silent(scene));
}

static void reorder_sends_the_last_first(void **state)
{
	struct scene *scene = *state;

	assert_int_equal(kwire_mock_do(scene->mock, "break reorder value=3 count=3", NULL, 0, NULL),
			 0);
	for (int32_t id = 1; id <= 3; id++)
		ask(scene, id);
	assert_true(answered(scene, 3));
	assert_true(answered(scene, 2));
	assert_true(answered(scene, 1));
}

static void unsolicited_comes_before_the_answer(void **state)
{
	struct scene *scene = *state;
	uint8_t *frame;

	order(scene, "unsolicited");
	ask(scene, 1);
	assert_true(wire_receive(scene->fd, &frame) >= 4);
	assert_int_equal(wire_id(frame), 1 + 0x40000000);
	free(frame);
	assert_true(answered(scene, 1));
}

static void oversize_lies_in_the_length_word(void **state)
{
	static const uint8_t most[4] = {0x7f, 0xff, 0xff, 0xff};
	struct scene *scene = *state;
	uint8_t length[4];

	order(scene, "oversize");
	ask(scene, 1);
	assert_int_equal(recv(scene->fd, length, 4, MSG_WAITALL), 4);
	assert_memory_equal(length, most, 4);
}

static void trailing_and_truncate_keep_the_frame_well_formed(void **state)
{
	struct scene *scene = *state;
	uint8_t *frame;
	long size = plain_answer(scene, &frame);

	free(frame);
	order(scene, "trailing bytes=3");
	ask(scene, 1);
	assert_int_equal(wire_receive(scene->fd, &frame), size + 3);
	assert_int_equal(frame[size + 2], 0);
	free(frame);
	order(scene, "truncate bytes=10");
	ask(scene, 1);
	assert_int_equal(wire_receive(scene->fd, &frame), 6);
	free(frame);
	ask(scene, 2);
	assert_true(answered(scene, 2));
}

static void bytes_stand_in_place_of_the_answer(void **state)
{
	static const char expected[] = "HTTP/1.1 400 Bad Request\r\n";
	struct scene *scene = *state;
	char bytes[64] = {0};

	order(scene, "bytes data=HTTP/1.1\\s400\\sBad\\sRequest\\r\\n");
	ask(scene, 1);
	assert_int_equal(recv(scene->fd, bytes, strlen(expected), MSG_WAITALL),
			 (long)strlen(expected));
	assert_string_equal(bytes, expected);
}

static void error_is_a_proper_answer(void **state)
{
	struct kwire_heartbeat_request request = KWIRE_HEARTBEAT_REQUEST_INIT;
	struct scene *scene = *state;
	struct kwire_heartbeat_response *response;

	order(scene, "error value=25 api=Heartbeat");
	response = wire_call(scene->fd, &kwire_heartbeat_api, 3, &request);
	assert_non_null(response);
	assert_int_equal(response->error_code, 25);
	kwire_response_free(response);
}

static void refuse_resets_a_new_connection(void **state)
{
	struct scene *scene = *state;
	uint8_t byte;
	int fd;

	order(scene, "refuse");
	fd = wire_connect(kwire_mock_port(scene->mock, 1));
	/* The reset may be there before connect(2) returns. */
	if (fd >= 0) {
		assert_int_equal(wire_read(fd, &byte, 1), -2);
		close(fd);
	}
	ask(scene, 1);
	assert_true(answered(scene, 1));
}

static void a_black_hole_swallows_a_whole_connection(void **state)
{
	struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
	struct scene *scene = *state;
	struct scene hole = {scene->mock, -1};

	order(scene, "black-hole");
	hole.fd = wire_connect(kwire_mock_port(scene->mock, 1));
	assert_int_equal(kwire_mock_wait_connections(scene->mock, 1, 2, patience_ms, NULL), 0);
	assert_int_equal(wire_send(hole.fd, &kwire_metadata_api, 1, 1, &request), 0);
	/* An older connection is not meant. */
	ask(scene, 1);
	assert_true(answered(scene, 1));
	assert_true(silent(&hole));
	assert_int_equal(kwire_mock_count(scene->mock, NULL), 1);
	close(hole.fd);
}

static void a_black_hole_may_open_at_a_request(void **state)
{
	struct scene *scene = *state;

	order(scene, "black-hole api=Metadata");
	ask(scene, 1);
	seen(scene, 1);
	ask(scene, 2);
	assert_true(silent(scene));
	assert_int_equal(kwire_mock_count(scene->mock, NULL), 1);
}

static void several_faults_meet_one_answer_oldest_first(void **state)
{
	struct scene *scene = *state;
	uint8_t *frame;

	order(scene, "wrong-id");
	order(scene, "duplicate");
	order(scene, "delay ms=100");
	ask(scene, 1);
	seen(scene, 1);
	assert_true(silent(scene));
	kwire_mock_advance(scene->mock, 100);
	assert_true(wire_receive(scene->fd, &frame) > 4);
	assert_int_equal(wire_id(frame), 2);
	free(frame);
}

static void faults_choose_broker_connection_and_occurrence(void **state)
{
	struct scene *scene = *state;
	struct scene other = {scene->mock, wire_connect(kwire_mock_port(scene->mock, 2))};
	struct scene second = {scene->mock, wire_connect(kwire_mock_port(scene->mock, 1))};

	assert_int_equal(kwire_mock_do(scene->mock,
				       "break silence broker=1 connection=1 skip=1 count=1", NULL,
				       0, NULL),
			 0);
	for (int32_t id = 1; id <= 3; id++) {
		ask(scene, id);
		assert_true(answered(scene, id));
		ask(&other, id);
		assert_true(answered(&other, id));
		ask(&second, id);
		if (id != 2)
			assert_true(answered(&second, id));
	}
	close(other.fd);
	close(second.fd);
}

/* Which of 200 requests went unanswered, as a string. */
static void fates(char *text, uint64_t seed)
{
	struct kwire_mock_options options = KWIRE_MOCK_OPTIONS_INIT;
	struct scene scene;

	options.brokers = 2;
	options.seed = seed;
	options.flags = KWIRE_MOCK_MANUAL_TIME;
	assert_int_equal(kwire_mock_open(&options, &scene.mock, NULL), 0);
	scene.fd = wire_connect(kwire_mock_port(scene.mock, 1));
	assert_int_equal(kwire_mock_do(scene.mock, "break wrong-id chance=300", NULL, 0, NULL), 0);
	for (int i = 0; i < 200; i++) {
		uint8_t *frame;

		ask(&scene, i);
		assert_true(wire_receive(scene.fd, &frame) > 4);
		text[i] = wire_id(frame) == i ? '.' : 'x';
		free(frame);
	}
	text[200] = '\0';
	close(scene.fd);
	kwire_mock_close(scene.mock);
}

static void chance_is_the_same_from_the_same_seed(void **state)
{
	char first[201];
	char again[201];
	char other[201];
	int hit = 0;

	(void)state;
	fates(first, 42);
	fates(again, 42);
	fates(other, 43);
	assert_string_equal(first, again);
	assert_string_not_equal(first, other);
	for (int i = 0; i < 200; i++)
		hit += first[i] == 'x';
	assert_in_range(hit, 30, 90);
}

static void chaos_returns_its_seed_and_ends(void **state)
{
	struct scene *scene = *state;
	int odd = 0;

	assert_true(kwire_mock_chaos(scene->mock, 1000, 0) != 0);
	assert_int_equal(kwire_mock_chaos(scene->mock, 1000, 77), 77);
	for (int i = 0; i < 30; i++) {
		struct scene one = {scene->mock, wire_connect(kwire_mock_port(scene->mock, 2))};
		struct kwire_mock_match match = KWIRE_MOCK_MATCH_INIT;

		match.broker_id = 2;
		ask(&one, i);
		assert_int_equal(kwire_mock_wait(scene->mock, &match, i + 1, patience_ms, NULL), 0);
		kwire_mock_advance(scene->mock, 0);
		odd += silent(&one);
		close(one.fd);
	}
	assert_true(odd > 0);
	kwire_mock_chaos(scene->mock, 0, 0);
	ask(scene, 1);
	assert_true(answered(scene, 1));
}

static void a_fault_that_does_not_exist_is_refused(void **state)
{
	struct kwire_mock_fault fault = KWIRE_MOCK_FAULT_INIT;
	struct scene *scene = *state;
	struct kwire_error error;

	fault.kind = KWIRE_MOCK_FAULT_KINDS;
	assert_int_equal(kwire_mock_break(scene->mock, NULL, &fault, NULL, &error), KWIRE_EINVAL);
	assert_int_equal(kwire_mock_do(scene->mock, "break nothing", NULL, 0, &error),
			 KWIRE_EINVAL);
	assert_non_null(strstr(error.message, "nothing"));
	assert_int_equal(kwire_mock_do(scene->mock, "break delay ms=x", NULL, 0, &error),
			 KWIRE_EINVAL);
	assert_int_equal(kwire_mock_do(scene->mock, "break delay api=NoSuchApi", NULL, 0, &error),
			 KWIRE_EINVAL);
}

int main(void)
{
#define SCENE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		SCENE(delay_holds_back_and_later_answers_queue_behind),
		SCENE(late_answers_are_overtaken),
		SCENE(mending_lets_a_delayed_answer_go),
		SCENE(throttle_is_written_into_the_answer),
		SCENE(silence_leaves_one_request_without_an_answer),
		SCENE(reset_and_close_come_in_place_of_an_answer),
		SCENE(close_after_and_reset_after_cut_the_answer),
		SCENE(stall_after_sends_no_more_ever),
		SCENE(drip_sends_a_few_bytes_at_a_time),
		SCENE(corrupt_changes_one_byte),
		SCENE(wrong_and_unknown_ids),
		SCENE(duplicate_answers_twice),
		SCENE(reorder_sends_the_last_first),
		SCENE(unsolicited_comes_before_the_answer),
		SCENE(oversize_lies_in_the_length_word),
		SCENE(trailing_and_truncate_keep_the_frame_well_formed),
		SCENE(bytes_stand_in_place_of_the_answer),
		SCENE(error_is_a_proper_answer),
		SCENE(refuse_resets_a_new_connection),
		SCENE(a_black_hole_swallows_a_whole_connection),
		SCENE(a_black_hole_may_open_at_a_request),
		SCENE(several_faults_meet_one_answer_oldest_first),
		SCENE(faults_choose_broker_connection_and_occurrence),
		cmocka_unit_test(chance_is_the_same_from_the_same_seed),
		SCENE(chaos_returns_its_seed_and_ends),
		SCENE(a_fault_that_does_not_exist_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
