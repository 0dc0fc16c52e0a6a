/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes in, answers out.  One stream of frames is cut at every place, and must
 * give the same answers; what nobody wants is passed over; what is wrong ends
 * it, after what came whole before it was delivered.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "connection/receiver.h"
#include "protocol/endian.h"
#include "protocol/response.h"

enum {
	MOST = 64,
	DROPPED_FROM = 1000, /* ids from here on are nobody's any more */
	UNKNOWN_FROM = 2000, /* and these never were */
	LARGEST = 1 << 20,
};

/* Who knows the requests: notes what it is given. */
struct owner {
	int32_t ids[MOST];
	size_t sizes[MOST];
	int count;
	int asked;
	int without_memory;
	size_t largest;
	bool right; /* every byte was where it belongs */
};

/* The byte at `at` of the frame of `id`, after the id. */
static uint8_t pattern(int32_t id, size_t at)
{
	return (uint8_t)((size_t)id * 31 + at * 7);
}

static void find(void *context, struct kw_answer *answers, int count)
{
	struct owner *owner = context;

	for (int i = 0; i < count; i++) {
		owner->asked++;
		answers[i].api = NULL;
		answers[i].largest = owner->largest;
		answers[i].fate = answers[i].id >= UNKNOWN_FROM   ? KW_FATE_UNKNOWN
				  : answers[i].id >= DROPPED_FROM ? KW_FATE_DROP
								  : KW_FATE_DELIVER;
	}
}

static void deliver(void *context, struct kw_answer *answers, int count)
{
	struct owner *owner = context;
	const uint8_t *frame;

	for (int i = 0; i < count; i++) {
		if (answers[i].response == NULL) {
			owner->without_memory++;
			continue;
		}
		frame = kw_response_frame(answers[i].response);
		owner->right = owner->right && kw_load32(frame) == (uint32_t)answers[i].id;
		for (size_t at = 4; at < answers[i].size; at++)
			owner->right = owner->right && frame[at] == pattern(answers[i].id, at - 4);
		owner->ids[owner->count] = answers[i].id;
		owner->sizes[owner->count++] = answers[i].size;
		kw_response_drop(answers[i].response);
	}
}

struct stream {
	uint8_t *bytes;
	size_t size;
};

static void add_frame(struct stream *stream, int32_t id, size_t body)
{
	uint8_t *at;

	stream->bytes = realloc(stream->bytes, stream->size + 8 + body);
	at = stream->bytes + stream->size;
	kw_store32(at, (uint32_t)(body + 4));
	kw_store32(at + 4, (uint32_t)id);
	for (size_t i = 0; i < body; i++)
		at[8 + i] = pattern(id, i);
	stream->size += 8 + body;
}

static void owner_init(struct owner *owner)
{
	memset(owner, 0, sizeof(*owner));
	owner->right = true;
	owner->largest = LARGEST;
}

/* Feeds the stream in parts of the given size; stops where a step fails. */
static int feed(struct kw_receiver *receiver, struct owner *owner, const struct stream *stream,
		size_t part, struct kwire_error *error)
{
	const struct kw_receiver_owner hooks = {owner, find, deliver};
	struct iovec iov[2];
	size_t at = 0, left, put, piece;
	int count;
	int result = 0;

	while (at < stream->size && result == 0) {
		count = kw_receiver_space(receiver, iov);
		left = stream->size - at < part ? stream->size - at : part;
		put = 0;
		for (int i = 0; i < count && left > 0; i++) {
			piece = left < iov[i].iov_len ? left : iov[i].iov_len;
			memcpy(iov[i].iov_base, stream->bytes + at, piece);
			at += piece;
			put += piece;
			left -= piece;
		}
		assert_true(put > 0);
		result = kw_receiver_step(receiver, put, LARGEST, &hooks, error);
	}
	return result;
}

static int run(const struct stream *stream, size_t part, struct owner *owner,
	       struct kwire_error *error)
{
	struct kw_memory *memory = kw_memory_new(NULL, 0);
	struct kw_receiver receiver;
	int result;

	owner_init(owner);
	assert_int_equal(kw_receiver_init(&receiver, memory), 0);
	result = feed(&receiver, owner, stream, part, error);
	kw_receiver_fini(&receiver);
	assert_int_equal(kw_memory_used(memory), 0);
	kw_memory_put(memory);
	return result;
}

static void any_cut_gives_the_same_answers(void **state)
{
	static const size_t sizes[] = {0,     1,     50,    4000,  4088, 4089,  4100, 9000,
				       16000, 16400, 33000, 40000, 3,    50000, 60,   0};
	enum {
		COUNT = sizeof(sizes) / sizeof(sizes[0])
	};
	struct stream stream = {NULL, 0};
	struct kwire_error error;
	struct owner owner;

	(void)state;
	for (int i = 0; i < COUNT; i++) {
		add_frame(&stream, i, sizes[i]);
		add_frame(&stream, DROPPED_FROM + i, sizes[COUNT - 1 - i]);
	}
	for (size_t part = 1; part < 40000; part += part < 100 ? 1 : part / 9) {
		assert_int_equal(run(&stream, part, &owner, &error), 0);
		assert_int_equal(owner.count, COUNT);
		assert_true(owner.right);
		for (int i = 0; i < COUNT; i++) {
			assert_int_equal(owner.ids[i], i);
			assert_int_equal(owner.sizes[i], sizes[i] + 4);
		}
	}
	free(stream.bytes);
}

/* Behind a large frame, no more than the head of the next is read into the buffer. */
static void frames_behind_large_ones_are_not_read_into_the_buffer(void **state)
{
	struct kw_memory *memory = kw_memory_new(NULL, 0);
	struct stream stream = {NULL, 0};
	struct kw_receiver receiver;
	struct kwire_error error;
	struct owner owner;
	struct iovec iov[2];

	(void)state;
	owner_init(&owner);
	assert_int_equal(kw_receiver_init(&receiver, memory), 0);
	assert_int_equal(kw_receiver_space(&receiver, iov), 1);
	assert_int_equal(iov[0].iov_len, KW_RECEIVER_BUFFER);
	add_frame(&stream, 1, 100000);
	assert_int_equal(feed(&receiver, &owner, &stream, stream.size, &error), 0);
	assert_int_equal(kw_receiver_space(&receiver, iov), 1);
	assert_int_equal(iov[0].iov_len, KW_RECEIVER_PEEK);
	/* One that is small again is read as ever, and the next with it. */
	stream.size = 0;
	add_frame(&stream, 2, 1000);
	assert_int_equal(feed(&receiver, &owner, &stream, stream.size, &error), 0);
	assert_int_equal(kw_receiver_space(&receiver, iov), 1);
	assert_int_equal(iov[0].iov_len, KW_RECEIVER_BUFFER);
	assert_int_equal(owner.count, 2);
	assert_true(owner.right);
	kw_receiver_fini(&receiver);
	kw_memory_put(memory);
	free(stream.bytes);
}

static void many_small_answers_of_one_read_are_all_handed_over(void **state)
{
	struct stream stream = {NULL, 0};
	struct kwire_error error;
	struct owner owner;

	(void)state;
	for (int i = 0; i < MOST; i++)
		add_frame(&stream, i, 8);
	assert_int_equal(run(&stream, 16384, &owner, &error), 0);
	assert_int_equal(owner.count, MOST);
	free(stream.bytes);
}

/* A frame above the cap of all memory is passed over all the same. */
static void what_nobody_wants_costs_no_memory(void **state)
{
	struct kw_memory *memory = kw_memory_new(NULL, 36384);
	struct stream stream = {NULL, 0};
	struct kw_receiver receiver;
	struct kwire_error error;
	struct owner owner;

	(void)state;
	add_frame(&stream, DROPPED_FROM, 500000);
	add_frame(&stream, 1, 10);
	owner_init(&owner);
	assert_int_equal(kw_receiver_init(&receiver, memory), 0);
	assert_int_equal(feed(&receiver, &owner, &stream, 5000, &error), 0);
	assert_int_equal(owner.count, 1);
	assert_int_equal(owner.ids[0], 1);
	kw_receiver_fini(&receiver);
	kw_memory_put(memory);
	free(stream.bytes);
}

static void an_answer_without_memory_is_reported_and_passed_over(void **state)
{
	struct kw_memory *memory = kw_memory_new(NULL, 36384);
	struct stream stream = {NULL, 0};
	struct kw_receiver receiver;
	struct kwire_error error;
	struct owner owner;

	(void)state;
	add_frame(&stream, 1, 500000);
	add_frame(&stream, 2, 3900);
	add_frame(&stream, 3, 10);
	for (size_t part = 10; part < 20000; part *= 3) {
		owner_init(&owner);
		assert_int_equal(kw_receiver_init(&receiver, memory), 0);
		assert_int_equal(feed(&receiver, &owner, &stream, part, &error), 0);
		assert_true(owner.without_memory >= 1);
		assert_int_equal(owner.without_memory + owner.count, 3);
		assert_int_equal(owner.ids[owner.count - 1], 3);
		kw_receiver_fini(&receiver);
	}
	kw_memory_put(memory);
	free(stream.bytes);
}

static void what_came_whole_before_a_fault_is_delivered(void **state)
{
	struct stream stream = {NULL, 0};
	struct kwire_error error;
	struct owner owner;

	(void)state;
	add_frame(&stream, 1, 10);
	add_frame(&stream, 2, 20);
	add_frame(&stream, UNKNOWN_FROM, 30);
	add_frame(&stream, 3, 40);
	for (size_t part = 1; part < 200; part += 7) {
		assert_int_equal(run(&stream, part, &owner, &error), KWIRE_EPROTOCOL);
		assert_int_equal(owner.count, 2);
		assert_non_null(strstr(error.message, "2000"));
	}
	free(stream.bytes);
}

static void a_large_unknown_answer_is_refused_before_it_is_allocated(void **state)
{
	struct kw_memory *memory = kw_memory_new(NULL, 36384);
	struct stream stream = {NULL, 0};
	struct kw_receiver receiver;
	struct kwire_error error;
	struct owner owner;

	(void)state;
	add_frame(&stream, UNKNOWN_FROM, 500000);
	owner_init(&owner);
	assert_int_equal(kw_receiver_init(&receiver, memory), 0);
	assert_int_equal(feed(&receiver, &owner, &stream, 100, &error), KWIRE_EPROTOCOL);
	kw_receiver_fini(&receiver);
	kw_memory_put(memory);
	free(stream.bytes);
}

static void each_request_has_a_limit_of_its_own(void **state)
{
	struct kw_memory *memory = kw_memory_new(NULL, 0);
	struct stream stream = {NULL, 0};
	struct kw_receiver receiver;
	struct kwire_error error;
	struct owner owner;

	(void)state;
	add_frame(&stream, 1, 96);
	add_frame(&stream, 2, 97);
	for (size_t part = 1; part < 300; part += 50) {
		owner_init(&owner);
		owner.largest = 100;
		assert_int_equal(kw_receiver_init(&receiver, memory), 0);
		assert_int_equal(feed(&receiver, &owner, &stream, part, &error), KWIRE_ETOOLARGE);
		assert_int_equal(owner.count, 1);
		kw_receiver_fini(&receiver);
	}
	kw_memory_put(memory);
	free(stream.bytes);
}

static void a_length_word_is_judged_as_soon_as_it_is_there(void **state)
{
	static const struct {
		uint8_t word[4];
		int result;
	} cases[] = {
		{{0, 0, 0, 3}, KWIRE_EPROTOCOL},
		{{0xff, 0xff, 0xff, 0xff}, KWIRE_EPROTOCOL},
		{{0x7f, 0, 0, 0}, KWIRE_ETOOLARGE},
		{{0x16, 3, 1, 2}, KWIRE_EPROTOCOL},
		{{'H', 'T', 'T', 'P'}, KWIRE_EPROTOCOL},
	};
	struct stream stream = {NULL, 4};
	struct kwire_error error;
	struct owner owner;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		stream.bytes = (uint8_t *)cases[i].word;
		assert_int_equal(run(&stream, 1, &owner, &error), cases[i].result);
		assert_int_equal(owner.asked, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_cut_gives_the_same_answers),
		cmocka_unit_test(frames_behind_large_ones_are_not_read_into_the_buffer),
		cmocka_unit_test(many_small_answers_of_one_read_are_all_handed_over),
		cmocka_unit_test(what_nobody_wants_costs_no_memory),
		cmocka_unit_test(an_answer_without_memory_is_reported_and_passed_over),
		cmocka_unit_test(what_came_whole_before_a_fault_is_delivered),
		cmocka_unit_test(a_large_unknown_answer_is_refused_before_it_is_allocated),
		cmocka_unit_test(each_request_has_a_limit_of_its_own),
		cmocka_unit_test(a_length_word_is_judged_as_soon_as_it_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
