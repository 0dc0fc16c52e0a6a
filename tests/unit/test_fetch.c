/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The helpers of kwire/fetch.h: which records come, limits, what is left out of
 * them, and what a fetch costs.  test_fetch_leaders.c has who is asked.
 */
#include "../support/fetch_bench.h"

static void records_from_the_offset_on_are_returned(void **state)
{
	struct bench *bench = *state;
	const struct kwire_fetched_partition *facts;

	put_batch(bench, 10, 5, -1);
	put_batch(bench, 20, 2, -1);
	hold(bench, 0);
	assert_int_equal(fetch(bench, 13, NULL), 0);
	facts = kwire_fetched_partition(bench->fetched, 0);
	assert_int_equal(facts->next_offset, 13);
	CHECK_OFFSETS(bench, 0, 13, 14, 20, 21);
	assert_int_equal(facts->next_offset, 22);
	assert_int_equal(facts->high_watermark, 500);
	assert_int_equal(facts->last_stable_offset, 400);
	assert_int_equal(facts->log_start_offset, 3);
	assert_int_equal(facts->bytes, bench->log.size);
	assert_false(facts->cut_off);
	assert_string_equal(facts->topic, "t");
	assert_int_equal(kwire_fetched_count(bench->fetched), 1);
	assert_null(kwire_fetched_partition(bench->fetched, 1));
	/* The end stays the end. */
	CHECK_OFFSETS(bench, 0, -1);
}

static void no_data_is_success_and_moves_nothing(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(fetch(bench, 7, NULL), 0);
	CHECK_OFFSETS(bench, 0, -1);
	assert_int_equal(kwire_fetched_partition(bench->fetched, 0)->next_offset, 7);
}

static void compacted_and_control_batches_move_the_next_offset(void **state)
{
	struct compose none = {0};
	struct compose_batch empty = COMPOSE_BATCH_INIT;
	struct bench *bench = *state;

	put_batch(bench, 0, 1, -1);
	put_marker(bench, 1, 5, true);
	empty.base_offset = 2;
	empty.last_offset_delta = 40;
	empty.count = 0;
	compose_batch(&bench->log, &empty, &none);
	hold(bench, 0);
	assert_int_equal(fetch(bench, 0, NULL), 0);
	CHECK_OFFSETS(bench, 0, 0);
	assert_int_equal(kwire_fetched_partition(bench->fetched, 0)->next_offset, 43);
}

static void a_batch_beyond_the_limits_is_told_from_no_data(void **state)
{
	struct kwire_fetch_options options = KWIRE_FETCH_OPTIONS_INIT;
	struct bench *bench = *state;
	const struct kwire_fetched_partition *facts;
	size_t whole;

	put_batch(bench, 0, 30, -1);
	whole = bench->log.size;
	bench->log.size = 100;
	hold(bench, 0);
	options.partition_max_bytes = 100;
	assert_int_equal(fetch(bench, 0, &options), KWIRE_ETOOLARGE);
	assert_int_equal(bench->error.outcome, KWIRE_ANSWERED);
	assert_int_equal(bench->script.partition_max_bytes, 100);
	facts = kwire_fetched_partition(bench->fetched, 0);
	assert_int_equal(facts->too_large_bytes, whole);
	assert_true(facts->cut_off);
	/* Behind a whole batch, a cut one is no error. */
	bench->log.size = whole;
	put_batch(bench, 30, 30, -1);
	bench->log.size -= 5;
	hold(bench, 0);
	assert_int_equal(fetch(bench, 28, NULL), 0);
	facts = kwire_fetched_partition(bench->fetched, 0);
	assert_true(facts->cut_off);
	assert_int_equal(facts->too_large_bytes, 0);
	CHECK_OFFSETS(bench, 0, 28, 29);
	assert_int_equal(facts->next_offset, 30);
}

/* Three producers, interleaved: 1 commits, then aborts; 2 aborts; 3 writes without transactions. */
static void put_transactions(struct bench *bench)
{
	static struct kwire_fetch_response_response_partition_aborted_transaction list[] = {
		{2, 3, NULL}, {1, 9, NULL}};

	put_batch(bench, 0, 2, 1);
	put_batch(bench, 2, 2, 2);
	put_batch(bench, 4, 1, -1);
	put_batch(bench, 5, 1, 1);
	put_marker(bench, 6, 1, true);
	put_batch(bench, 7, 1, 2);
	put_marker(bench, 8, 2, false);
	put_batch(bench, 9, 2, 1);
	put_batch(bench, 11, 2, 2);
	put_marker(bench, 13, 1, false);
	put_marker(bench, 14, 2, true);
	put_batch(bench, 15, 1, 1);
	put_marker(bench, 16, 1, true);
	hold(bench, 0);
	bench->script.partitions[0].aborted_transactions.items = list;
	bench->script.partitions[0].aborted_transactions.count = 2;
}

static void read_committed_leaves_out_aborted_transactions(void **state)
{
	struct kwire_fetch_options options = KWIRE_FETCH_OPTIONS_INIT;
	struct bench *bench = *state;

	put_transactions(bench);
	options.isolation = KWIRE_READ_COMMITTED;
	assert_int_equal(fetch(bench, 0, &options), 0);
	assert_int_equal(bench->script.isolation, 1);
	CHECK_OFFSETS(bench, 0, 0, 1, 4, 5, 11, 12, 15);
	assert_int_equal(kwire_fetched_partition(bench->fetched, 0)->next_offset, 17);
}

static void read_uncommitted_has_all_but_the_markers(void **state)
{
	struct bench *bench = *state;

	put_transactions(bench);
	assert_int_equal(fetch(bench, 0, NULL), 0);
	assert_int_equal(bench->script.isolation, 0);
	CHECK_OFFSETS(bench, 0, 0, 1, 2, 3, 4, 5, 7, 9, 10, 11, 12, 15);
}

static void only_an_abort_marker_ends_an_abort(void **state)
{
	struct kwire_fetch_response_response_partition_aborted_transaction list[] = {{7, 0, NULL}};
	struct kwire_fetch_options options = KWIRE_FETCH_OPTIONS_INIT;
	struct bench *bench = *state;

	put_batch(bench, 0, 1, 7);
	put_marker(bench, 1, 7, true);
	put_batch(bench, 2, 1, 7);
	put_marker(bench, 3, 7, false);
	put_batch(bench, 4, 1, 7);
	hold(bench, 0);
	bench->script.partitions[0].aborted_transactions.items = list;
	bench->script.partitions[0].aborted_transactions.count = 1;
	options.isolation = KWIRE_READ_COMMITTED;
	assert_int_equal(fetch(bench, 0, &options), 0);
	CHECK_OFFSETS(bench, 0, 4);
}

static void the_list_of_aborted_transactions_may_be_in_any_order(void **state)
{
	struct kwire_fetch_options options = KWIRE_FETCH_OPTIONS_INIT;
	struct bench *bench = *state;
	struct kwire_fetch_response_response_partition_aborted_transaction list[40];
	int64_t expected[100];
	int count = 0;

	/* Forty producers, one batch and one marker each; every other one aborts. */
	for (int i = 0; i < 80; i += 2) {
		put_batch(bench, i, 1, i);
		put_marker(bench, i + 1, i, i % 4 == 0);
		if (i % 4 == 0)
			expected[count++] = i;
	}
	expected[count] = -1;
	hold(bench, 0);
	for (int i = 0; i < 20; i++) {
		int producer = (i * 7 % 20) * 4 + 2;

		list[i].producer_id = list[i].first_offset = producer;
		list[i].unknown_tags = NULL;
	}
	bench->script.partitions[0].aborted_transactions.items = list;
	bench->script.partitions[0].aborted_transactions.count = 20;
	options.isolation = KWIRE_READ_COMMITTED;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(fetch(bench, 0, &options), 0);
		check_offsets(bench, 0, expected);
	}
}

static void the_filter_survives_going_to_another_partition_and_back(void **state)
{
	struct kwire_fetch_options options = KWIRE_FETCH_OPTIONS_INIT;
	struct kwire_fetch_target targets[2] = {KWIRE_FETCH_TARGET_INIT, KWIRE_FETCH_TARGET_INIT};
	static const int64_t expected[] = {0, 1, 4, 5, 11, 12, 15};
	struct bench *bench = *state;
	struct kwire_record record;

	put_transactions(bench);
	bench->script.partitions[1] = bench->script.partitions[0];
	targets[0].topic = targets[1].topic = "t";
	targets[1].partition = 1;
	options.isolation = KWIRE_READ_COMMITTED;
	assert_int_equal(kwire_fetch_partitions(bench->client, targets, 2, &options,
						&bench->fetched, &bench->error),
			 0);
	assert_int_equal(bench->script.requests, 1);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		for (int32_t index = 0; index < 2; index++) {
			assert_int_equal(
				kwire_fetched_next(bench->fetched, index, &record, &bench->error),
				1);
			assert_int_equal(record.offset, expected[i]);
		}
	CHECK_OFFSETS(bench, 0, -1);
	CHECK_OFFSETS(bench, 1, -1);
}

static void one_partitions_error_is_its_own(void **state)
{
	struct kwire_fetch_target targets[3] = {KWIRE_FETCH_TARGET_INIT, KWIRE_FETCH_TARGET_INIT,
						KWIRE_FETCH_TARGET_INIT};
	struct bench *bench = *state;
	struct kwire_record record;

	put_batch(bench, 0, 2, -1);
	hold(bench, 1);
	hold(bench, 2);
	bench->log.data[30] ^= 1; /* the checksum is wrong from here on, for 1 and 2 */
	for (int i = 0; i < 3; i++) {
		targets[i].topic = "t";
		targets[i].partition = i;
	}
	bench->script.codes[0] = OUT_OF_RANGE;
	assert_int_equal(kwire_fetch_partitions(bench->client, targets, 3, NULL, &bench->fetched,
						&bench->error),
			 0);
	assert_int_equal(kwire_fetched_partition(bench->fetched, 0)->kafka_code, OUT_OF_RANGE);
	assert_int_equal(kwire_fetched_partition(bench->fetched, 1)->kafka_code, 0);
	assert_int_equal(kwire_fetched_next(bench->fetched, 1, &record, &bench->error),
			 KWIRE_EDECODE);
	assert_non_null(strstr(bench->error.message, "batch at offset 0"));
	assert_int_equal(kwire_fetched_partition(bench->fetched, 1)->next_offset, 0);
	assert_int_equal(kwire_fetched_next(bench->fetched, 1, &record, NULL), 0);
	assert_int_equal(kwire_fetched_next(bench->fetched, 3, &record, NULL), KWIRE_EINVAL);
}

static void behind_a_corrupt_batch_reading_goes_on(void **state)
{
	struct bench *bench = *state;
	struct kwire_record record;
	size_t second;

	put_batch(bench, 0, 1, -1);
	second = bench->log.size;
	put_batch(bench, 1, 1, -1);
	put_batch(bench, 2, 1, -1);
	bench->log.data[second + 65] ^= 1;
	hold(bench, 0);
	assert_int_equal(fetch(bench, 0, NULL), 0);
	assert_int_equal(kwire_fetched_next(bench->fetched, 0, &record, NULL), 1);
	assert_int_equal(kwire_fetched_next(bench->fetched, 0, &record, &bench->error),
			 KWIRE_EDECODE);
	assert_int_equal(kwire_fetched_partition(bench->fetched, 0)->next_offset, 1);
	CHECK_OFFSETS(bench, 0, 2);
	assert_int_equal(kwire_fetched_partition(bench->fetched, 0)->next_offset, 3);
}

static void behind_a_corrupt_batch_nothing_counts_as_committed(void **state)
{
	struct kwire_fetch_response_response_partition_aborted_transaction list[] = {{7, 0, NULL}};
	struct kwire_fetch_options options = KWIRE_FETCH_OPTIONS_INIT;
	struct bench *bench = *state;
	const struct kwire_fetched_record *records;
	struct kwire_record record;
	size_t marker;
	int32_t count;

	/* The batch that cannot be read is the marker behind which producer 7 commits. */
	put_batch(bench, 0, 1, 7);
	marker = bench->log.size;
	put_marker(bench, 1, 7, false);
	put_batch(bench, 2, 1, 7);
	put_marker(bench, 3, 7, true);
	bench->log.data[marker + 65] ^= 1;
	hold(bench, 0);
	bench->script.partitions[0].aborted_transactions.items = list;
	bench->script.partitions[0].aborted_transactions.count = 1;
	options.isolation = KWIRE_READ_COMMITTED;
	assert_int_equal(fetch(bench, 0, &options), 0);
	assert_int_equal(kwire_fetched_next(bench->fetched, 0, &record, &bench->error),
			 KWIRE_EDECODE);
	assert_int_equal(kwire_fetched_next(bench->fetched, 0, &record, &bench->error), 0);
	assert_int_equal(kwire_fetched_records(bench->fetched, 0, &records, &count, NULL), 0);
	assert_int_equal(count, 0);
	/* So that nothing is passed over by who goes on there. */
	assert_int_equal(kwire_fetched_partition(bench->fetched, 0)->next_offset, 1);
	bench->log.data[marker + 65] ^= 1;
	assert_int_equal(fetch(bench, 1, &options), 0);
	CHECK_OFFSETS(bench, 0, 2);
}

static void records_come_as_an_array_too(void **state)
{
	struct bench *bench = *state;
	const struct kwire_fetched_record *records;
	struct kwire_batch_builder *builder = NULL;
	struct kwire_batch_options options = KWIRE_BATCH_OPTIONS_INIT;
	struct kwire_header header = {KWIRE_STRING_INIT("h"), {(const uint8_t *)"x", 1}};
	struct kwire_bytes batch;
	int32_t count;

	assert_int_equal(kwire_batch_builder_new(NULL, &builder, NULL), 0);
	for (int i = 0; i < 5; i++) {
		char value[20];

		options.codec = kwire_codec_built((enum kwire_codec)i) ? (enum kwire_codec)i
								       : KWIRE_CODEC_NONE;
		assert_int_equal(kwire_batch_builder_begin(builder, &options, NULL), 0);
		for (int j = 0; j < 100; j++) {
			int size = snprintf(value, sizeof(value), "%d/%d", i, j);

			assert_int_equal(
				kwire_batch_builder_add(builder, j, kwire_bytes_of("k", 1),
							kwire_bytes_of(value, (size_t)size),
							&header, j % 2, NULL),
				0);
		}
		assert_int_equal(kwire_batch_builder_end(builder, &batch, NULL), 0);
		compose_bytes(&bench->log, batch.data, (size_t)batch.size);
		compose_patch(&bench->log, bench->log.size - (size_t)batch.size, i * 100, 8);
	}
	kwire_batch_builder_free(builder);
	hold(bench, 0);
	assert_int_equal(fetch(bench, 50, NULL), 0);
	assert_int_equal(kwire_fetched_records(bench->fetched, 0, &records, &count, &bench->error),
			 0);
	assert_int_equal(count, 450);
	for (int32_t n = 0; n < count; n++) {
		char value[20];
		int size = snprintf(value, sizeof(value), "%d/%d", (n + 50) / 100, (n + 50) % 100);

		assert_int_equal(records[n].offset, n + 50);
		assert_int_equal(records[n].value.size, size);
		assert_memory_equal(records[n].value.data, value, (size_t)size);
		assert_int_equal(records[n].header_count, n % 2);
		if (n % 2)
			assert_memory_equal(records[n].headers[0].value.data, "x", 1);
	}
	assert_int_equal(kwire_fetched_partition(bench->fetched, 0)->next_offset, 500);
	assert_int_equal(kwire_fetched_records(bench->fetched, 0, &records, &count, NULL), 0);
	assert_int_equal(count, 0);
}

/* From here on the client allocates where it is counted, and may be made to fail. */
static void count_allocations(struct bench *bench)
{
	kwire_client_close(bench->client);
	kwire_config_free(bench->config);
	bench->config = kwire_config_new_with(&bench->counting.allocator);
	kwire_config_set(bench->config, "bootstrap.servers", kwire_mock_bootstrap(bench->mock),
			 NULL);
	assert_int_equal(kwire_client_open(bench->config, &bench->client, &bench->error), 0);
}

/* `batches` batches of 20 records, each with its offset as value and every other with a header. */
static void hold_numbered(struct bench *bench, enum kwire_codec codec, int batches)
{
	struct kwire_header header = {KWIRE_STRING_INIT("h"), {(const uint8_t *)"x", 1}};
	struct kwire_batch_options options = KWIRE_BATCH_OPTIONS_INIT;
	struct kwire_batch_builder *builder = NULL;
	struct kwire_bytes batch;

	options.codec = codec;
	compose_fini(&bench->log);
	assert_int_equal(kwire_batch_builder_new(NULL, &builder, NULL), 0);
	for (int i = 0; i < batches; i++) {
		assert_int_equal(kwire_batch_builder_begin(builder, &options, NULL), 0);
		for (int j = 0; j < 20; j++) {
			char value[20];
			int size = snprintf(value, sizeof(value), "%d", i * 20 + j);

			assert_int_equal(
				kwire_batch_builder_add(builder, j, kwire_bytes_of("k", 1),
							kwire_bytes_of(value, (size_t)size),
							&header, j % 2, NULL),
				0);
		}
		assert_int_equal(kwire_batch_builder_end(builder, &batch, NULL), 0);
		compose_bytes(&bench->log, batch.data, (size_t)batch.size);
		compose_patch(&bench->log, bench->log.size - (size_t)batch.size, i * 20, 8);
	}
	kwire_batch_builder_free(builder);
	hold(bench, 0);
}

static void check_numbered(const struct kwire_fetched_record *record, int64_t number)
{
	char value[20];
	int size = snprintf(value, sizeof(value), "%d", (int)number);

	assert_int_equal(record->offset, number);
	assert_int_equal(record->value.size, size);
	assert_memory_equal(record->value.data, value, (size_t)size);
	assert_int_equal(record->header_count, number % 2);
	if (record->header_count > 0)
		assert_memory_equal(record->headers[0].value.data, "x", 1);
}

static void an_array_without_memory_loses_no_record(void **state)
{
	enum {
		BATCHES = 12,
		CALLS = 8
	};
	struct bench *bench = *state;
	bool failed = true;
	long nth;

	if (!kwire_codec_built(KWIRE_CODEC_GZIP))
		skip();
	count_allocations(bench);
	hold_numbered(bench, KWIRE_CODEC_GZIP, BATCHES);
	for (nth = 1; failed; nth++) {
		const struct kwire_fetched_record *records[CALLS];
		int32_t counts[CALLS], calls = 0;
		int64_t number = 0;

		failed = false;
		kwire_fetched_free(bench->fetched);
		bench->fetched = NULL;
		assert_int_equal(fetch(bench, 0, NULL), 0);
		bench->counting.fail_at = bench->counting.calls + nth;
		do {
			int result = kwire_fetched_records(bench->fetched, 0, &records[calls],
							   &counts[calls], &bench->error);

			assert_true(result == 0 || (result == KWIRE_ENOMEM && !failed));
			failed |= result != 0;
			number += counts[calls];
			assert_int_equal(kwire_fetched_partition(bench->fetched, 0)->next_offset,
					 number);
			calls++;
		} while (number < BATCHES * 20 && calls < CALLS);
		bench->counting.fail_at = 0;
		assert_int_equal(number, BATCHES * 20);
		/* All stay valid, those of the call that failed included. */
		number = 0;
		for (int32_t i = 0; i < calls; i++)
			for (int32_t j = 0; j < counts[i]; j++)
				check_numbered(&records[i][j], number++);
	}
	assert_true(nth > BATCHES);
	kwire_fetched_free(bench->fetched);
	bench->fetched = NULL;
}

static void a_batch_without_memory_comes_again(void **state)
{
	struct bench *bench = *state;
	struct kwire_record record;

	if (!kwire_codec_built(KWIRE_CODEC_GZIP))
		skip();
	count_allocations(bench);
	hold_numbered(bench, KWIRE_CODEC_GZIP, 1);
	assert_int_equal(fetch(bench, 7, NULL), 0);
	bench->counting.fail_at = bench->counting.calls + 1;
	assert_int_equal(kwire_fetched_next(bench->fetched, 0, &record, &bench->error),
			 KWIRE_ENOMEM);
	assert_int_equal(kwire_fetched_partition(bench->fetched, 0)->next_offset, 7);
	CHECK_OFFSETS(bench, 0, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19);
	kwire_fetched_free(bench->fetched);
	bench->fetched = NULL;
}

/* Allocations of a warm fetch that returns `batches` batches. */
static long cost(struct bench *bench, enum kwire_codec codec, int batches)
{
	struct kwire_batch_builder *builder = NULL;
	struct kwire_batch_options options = KWIRE_BATCH_OPTIONS_INIT;
	struct kwire_record record;
	struct kwire_bytes batch;
	long before = 0;

	options.codec = codec;
	compose_fini(&bench->log);
	assert_int_equal(kwire_batch_builder_new(NULL, &builder, NULL), 0);
	assert_int_equal(kwire_batch_builder_begin(builder, &options, NULL), 0);
	for (int i = 0; i < 50; i++)
		assert_int_equal(kwire_batch_builder_add(builder, 0, kwire_bytes_of("key", 3),
							 kwire_bytes_of("some value", 10), NULL, 0,
							 NULL),
				 0);
	assert_int_equal(kwire_batch_builder_end(builder, &batch, NULL), 0);
	for (int i = 0; i < batches; i++) {
		compose_bytes(&bench->log, batch.data, (size_t)batch.size);
		compose_patch(&bench->log, bench->log.size - (size_t)batch.size, i * 50, 8);
	}
	kwire_batch_builder_free(builder);
	hold(bench, 0);
	for (int round = 0; round < 3; round++) {
		int records = 0;

		before = bench->counting.calls;
		assert_int_equal(fetch(bench, 0, NULL), 0);
		while (kwire_fetched_next(bench->fetched, 0, &record, &bench->error) > 0)
			records++;
		assert_int_equal(records, batches * 50);
	}
	return bench->counting.calls - before;
}

static void a_warm_fetch_allocates_nothing_for_its_batches(void **state)
{
	struct bench *bench = *state;

	count_allocations(bench);
	for (int codec = 0; codec <= KWIRE_CODEC_ZSTD; codec++)
		if (kwire_codec_built((enum kwire_codec)codec))
			assert_int_equal(cost(bench, (enum kwire_codec)codec, 3),
					 cost(bench, (enum kwire_codec)codec, 60));
	kwire_fetched_free(bench->fetched);
	bench->fetched = NULL;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(records_from_the_offset_on_are_returned),
		TEST(no_data_is_success_and_moves_nothing),
		TEST(compacted_and_control_batches_move_the_next_offset),
		TEST(a_batch_beyond_the_limits_is_told_from_no_data),
		TEST(read_committed_leaves_out_aborted_transactions),
		TEST(read_uncommitted_has_all_but_the_markers),
		TEST(only_an_abort_marker_ends_an_abort),
		TEST(the_list_of_aborted_transactions_may_be_in_any_order),
		TEST(the_filter_survives_going_to_another_partition_and_back),
		TEST(one_partitions_error_is_its_own),
		TEST(behind_a_corrupt_batch_reading_goes_on),
		TEST(behind_a_corrupt_batch_nothing_counts_as_committed),
		TEST(records_come_as_an_array_too),
		TEST(an_array_without_memory_loses_no_record),
		TEST(a_batch_without_memory_comes_again),
		TEST(a_warm_fetch_allocates_nothing_for_its_batches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
