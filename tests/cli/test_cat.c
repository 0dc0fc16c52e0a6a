/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `kwire cat` both ways, flag by flag, against a mock cluster in this process.
 * That it does as kcat does is for tests/interop/mock/kcat.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include <kwire/api/add_partitions_to_txn.h>
#include <kwire/api/init_producer_id.h>
#include <kwire/fetch.h>
#include <kwire/mock.h>

#include "../support/program.h"

enum {
	OUTPUT_SIZE = 4 << 20,
	FETCH = 1
};

static struct kwire_mock *mock;
static char program[512];
static char out[OUTPUT_SIZE], err[OUTPUT_SIZE];
static size_t out_size;
static char topic[32];

static int run_list(const char *input, size_t input_size, const char *const *rest)
{
	const char *arguments[40] = {"cat", "-b", kwire_mock_bootstrap(mock), "-t", topic};

	for (int i = 0; rest[i] != NULL; i++)
		arguments[i + 5] = rest[i];
	return program_run(program, arguments, input, input_size, out, err, OUTPUT_SIZE, &out_size);
}
#define PUT(input, ...) \
	run_list((input), strlen(input), (const char *const[]){"-P", __VA_ARGS__, NULL})
#define GET(...) run_list(NULL, 0, (const char *const[]){"-C", "-e", __VA_ARGS__, NULL})

/* What GET with these flags has to print. */
#define assert_gets(expected, ...)                           \
	do {                                                 \
		assert_int_equal(GET("-q", __VA_ARGS__), 0); \
		assert_string_equal(err, "");                \
		assert_string_equal(out, expected);          \
	} while (0)

static int64_t end_offset(int32_t partition)
{
	int64_t offset = -1;

	assert_int_equal(kwire_mock_end_offset(mock, topic, partition, &offset, NULL), 0);
	return offset;
}

static void lines_go_in_and_come_out(void **state)
{
	(void)state;
	assert_int_equal(PUT("one\ntwo\n\nfour", "-p", "1"), 0);
	assert_string_equal(out, "");
	assert_string_equal(err, "");
	assert_int_equal(end_offset(1), 4);
	assert_gets("one\ntwo\n\nfour\n", "-p", "1");
	/* All partitions, where none is named. */
	assert_int_equal(PUT("zero\n", "-p", "0"), 0);
	assert_gets("zero\none\ntwo\n\nfour\n", "-o", "beginning");
}

static void every_codec_comes_back(void **state)
{
	static const char *const codecs[] = {"none", "gzip", "snappy", "lz4", "zstd"};
	static char input[1 << 20];
	size_t size = 0;

	(void)state;
	for (int i = 0; i < 20000; i++)
		size += (size_t)snprintf(input + size, sizeof(input) - size, "line %d of many\n",
					 i);
	for (int i = 0; i < 5; i++) {
		enum kwire_codec codec;

		assert_int_equal(kwire_codec_parse(codecs[i], &codec), 0);
		if (!kwire_codec_built(codec))
			continue;
		snprintf(topic, sizeof(topic), "codec-%s", codecs[i]);
		assert_int_equal(kwire_mock_create_topic(mock, topic, 1, NULL), 0);
		assert_int_equal(
			run_list(input, size, (const char *const[]){"-P", "-z", codecs[i], NULL}),
			0);
		assert_int_equal(GET("-q"), 0);
		assert_int_equal(out_size, size);
		assert_memory_equal(out, input, size);
	}
}

static void keys_and_delimiters_cut_records(void **state)
{
	(void)state;
	assert_int_equal(PUT("a=1;b=2;c;=4;e=;", "-p", "0", "-K", "=", "-D", ";"), 0);
	assert_gets("a=1|b=2|=c|=4|e=|", "-K", "=", "-D", "|");
	assert_gets("1\n2\nc\n4\n\n", "-p", "0");
	assert_gets("a\t1\x01"
		    "b\t2\x01",
		    "-p", "0", "-c", "2", "-K", "\\t", "-D", "\\x01");
	/* A key's hash chooses the partition: the same key, the same partition. */
	assert_int_equal(PUT("k:1\nk:2\nk:3\n", "-K", ":"), 0);
	assert_true((end_offset(0) == 8) + (end_offset(1) == 3) + (end_offset(2) == 3) == 1);
}

static void empty_is_null_if_asked(void **state)
{
	(void)state;
	assert_int_equal(PUT("k:\n:v\n", "-p", "0", "-K", ":"), 0);
	assert_int_equal(PUT("k:\n:v\n", "-p", "0", "-K", ":", "-Z"), 0);
	assert_gets("k:\n:v\nk:NULL\nNULL:v\n", "-K", ":", "-Z");
	assert_gets("k:\n:v\nk:\n:v\n", "-K", ":");
	assert_gets("1/0 0/1 1/-1 -1/1 ", "-f", "%K/%S ");
}

static void formats_have_everything_of_a_record(void **state)
{
	static const char size_in_bytes[] = {0, 0, 0, 2, '5', '5', '\0', '\n'};
	char expected[200];

	(void)state;
	assert_int_equal(PUT("k:55\n", "-p", "2", "-K", ":", "-H", "a=1", "-H", "b", "-H", "c="),
			 0);
	snprintf(expected, sizeof(expected), "%s [2] @0 k(1)=55(2) a=1,b=NULL,c= %%\n", topic);
	assert_gets(expected, "-f", "%t [%p] @%o %k(%K)=%s(%S) %h %%\\n");
	assert_int_equal(GET("-q", "-f", "%R%s\\0\\n"), 0);
	assert_int_equal(out_size, sizeof(size_in_bytes));
	assert_memory_equal(out, size_in_bytes, sizeof(size_in_bytes));
	/* The time of sending. */
	assert_int_equal(GET("-q", "-f", "%T"), 0);
	assert_true(strtoll(out, NULL, 10) > 1600000000000);
}

static void json_is_one_object_a_record(void **state)
{
	char *next;
	json_t *record;

	(void)state;
	assert_int_equal(
		PUT("k\xc3\xa9:v\n\xff:\n", "-p", "0", "-K", ":", "-Z", "-H", "h=1", "-H", "n"), 0);
	assert_int_equal(GET("-q", "-J"), 0);
	next = strchr(out, '\n');
	assert_non_null(next);
	*next++ = '\0';
	record = json_loads(out, 0, NULL);
	assert_non_null(record);
	assert_string_equal(json_string_value(json_object_get(record, "topic")), topic);
	assert_int_equal(json_integer_value(json_object_get(record, "partition")), 0);
	assert_int_equal(json_integer_value(json_object_get(record, "offset")), 0);
	assert_true(json_integer_value(json_object_get(record, "ts")) > 1600000000000);
	assert_string_equal(json_string_value(json_object_get(record, "key")), "k\xc3\xa9");
	assert_string_equal(json_string_value(json_object_get(record, "payload")), "v");
	assert_int_equal(json_array_size(json_object_get(record, "headers")), 4);
	assert_string_equal(
		json_string_value(json_array_get(json_object_get(record, "headers"), 1)), "1");
	assert_true(json_is_null(json_array_get(json_object_get(record, "headers"), 3)));
	json_decref(record);
	/* What is no text is not bent into one. */
	record = json_loads(next, JSON_DISABLE_EOF_CHECK, NULL);
	assert_non_null(record);
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(record, "key"), "base64")),
		"/w==");
	assert_true(json_is_null(json_object_get(record, "payload")));
	json_decref(record);
}

static void offsets_are_places_and_times(void **state)
{
	struct kwire_batch_builder *builder = NULL;
	struct kwire_client *client = NULL;
	struct kwire_config *config = kwire_config_new();
	struct kwire_bytes batch;

	(void)state;
	assert_int_equal(
		kwire_config_set(config, "bootstrap.servers", kwire_mock_bootstrap(mock), NULL), 0);
	assert_int_equal(kwire_client_open(config, &client, NULL), 0);
	kwire_config_free(config);
	assert_int_equal(kwire_batch_builder_new(NULL, &builder, NULL), 0);
	assert_int_equal(kwire_batch_builder_begin(builder, NULL, NULL), 0);
	for (int i = 0; i < 10; i++) {
		char digit = (char)('0' + i);

		assert_int_equal(kwire_batch_builder_add(builder, 1000 * (i + 1),
							 kwire_bytes_of(NULL, 0),
							 kwire_bytes_of(&digit, 1), NULL, 0, NULL),
				 0);
	}
	assert_int_equal(kwire_batch_builder_end(builder, &batch, NULL), 0);
	assert_int_equal(kwire_produce_batch(client, topic, 0, batch, NULL, NULL, NULL), 0);
	kwire_batch_builder_free(builder);
	kwire_client_close(client);

#define FROM(...) "-p", "0", "-D", "", __VA_ARGS__
	assert_gets("0123456789", FROM("-o", "beginning"));
	assert_gets("", FROM("-o", "end"));
	assert_gets("789", FROM("-o", "7"));
	assert_gets("789", FROM("-o", "-3"));
	assert_gets("0123456789", FROM("-o", "-30"));
	assert_gets("456789", FROM("-o", "s@4500"));
	assert_gets("", FROM("-o", "s@999000"));
	assert_gets("0123", FROM("-o", "e@4500"));
	assert_gets("0123456789", FROM("-o", "e@999000"));
	assert_gets("23", FROM("-o", "s@3000", "-o", "e@5000"));
	assert_gets("78", FROM("-o", "7", "-o", "e@10000"));
	assert_gets("3456", FROM("-o", "3", "-c", "4"));
	/* Beyond the end is Kafka's error, not patience. */
	assert_int_equal(GET(FROM("-q", "-o", "70")), 1);
	assert_non_null(strstr(err, "OFFSET_OUT_OF_RANGE"));
}

static void wrong_flags_are_told_before_anything_is_sent(void **state)
{
	(void)state;
	kwire_mock_forget(mock);
	assert_int_equal(GET("-o", "stored"), 2);
	assert_non_null(strstr(err, "consumer groups"));
	assert_int_equal(GET("-o", "e@soon"), 2);
	assert_non_null(strstr(err, "e@soon"));
	assert_int_equal(PUT("x", "-H", "=1"), 2);
	assert_non_null(strstr(err, "NAME=VALUE"));
	assert_int_equal(PUT("x", "-z", "rar"), 2);
	assert_non_null(strstr(err, "rar"));
	assert_int_equal(GET("-c", "0"), 2);
	assert_int_equal(GET("--isolation", "high"), 2);
	assert_int_equal(GET("-X", "no.such=1"), 2);
	assert_int_equal(kwire_mock_count(mock, NULL), 0);
	assert_int_equal(GET("-o", "somewhere"), 1);
	assert_non_null(strstr(err, "somewhere"));
	assert_int_equal(GET("-p", "77"), 1);
	assert_non_null(strstr(err, "no partition 77"));
	assert_int_equal(PUT("x", "-p", "77"), 1);
	assert_string_equal(out, "");
}

static void counts_end_both_ways(void **state)
{
	(void)state;
	assert_int_equal(PUT("1\n2\n3\n4\n", "-p", "0", "-c", "3"), 0);
	assert_int_equal(end_offset(0), 3);
	/* Without -e: it would follow. */
	assert_int_equal(run_list(NULL, 0, (const char *const[]){"-C", "-q", "-c", "2", NULL}), 0);
	assert_string_equal(out, "1\n2\n");
}

static void the_end_is_told_unless_quiet(void **state)
{
	(void)state;
	assert_int_equal(PUT("1\n", "-p", "0"), 0);
	assert_int_equal(GET("-p", "0"), 0);
	assert_string_equal(out, "1\n");
	assert_non_null(strstr(err, "Reached end of topic"));
	assert_non_null(strstr(err, "[0] at offset 1: exiting"));
	assert_gets("1\n", "-p", "0");
}

static void the_metadata_is_listed(void **state)
{
	(void)state;
	assert_int_equal(run_list(NULL, 0, (const char *const[]){"-L", NULL}), 0);
	assert_non_null(strstr(out, topic));
	assert_int_equal(run_list(NULL, 0, (const char *const[]){"-L", "--json", NULL}), 0);
	assert_int_equal(out[0], '{');
}

static void an_open_transaction_is_not_committed(void **state)
{
	struct kwire_init_producer_id_request request = KWIRE_INIT_PRODUCER_ID_REQUEST_INIT;
	struct kwire_init_producer_id_response *response = NULL;
	struct kwire_add_partitions_to_txn_request enlist =
		KWIRE_ADD_PARTITIONS_TO_TXN_REQUEST_INIT;
	struct kwire_add_partitions_to_txn_request_topic enlist_topic =
		KWIRE_ADD_PARTITIONS_TO_TXN_REQUEST_TOPIC_INIT;
	struct kwire_add_partitions_to_txn_response *enlisted = NULL;
	struct kwire_int32_array partitions;
	int32_t partition = 0;
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_produce_options produce = KWIRE_PRODUCE_OPTIONS_INIT;
	struct kwire_send_options send = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_batch_options options = KWIRE_BATCH_OPTIONS_INIT;
	struct kwire_batch_builder *builder = NULL;
	struct kwire_client *client = NULL;
	struct kwire_config *config = kwire_config_new();
	struct kwire_bytes batch;

	(void)state;
	assert_int_equal(PUT("first\n", "-p", "0"), 0);
	assert_int_equal(
		kwire_config_set(config, "bootstrap.servers", kwire_mock_bootstrap(mock), NULL), 0);
	assert_int_equal(kwire_client_open(config, &client, NULL), 0);
	kwire_config_free(config);
	request.transactional_id = KWIRE_STRING("tx");
	request.transaction_timeout_ms = 60000;
	/* Whoever is no coordinator says so. */
	for (send.broker_id = 1; send.broker_id <= 3; send.broker_id++) {
		kwire_response_free(response);
		assert_int_equal(
			kwire_send_init_producer_id_with(client, &request, &response, &send, NULL),
			0);
		if (response->error_code == 0)
			break;
	}
	assert_int_equal(response->error_code, 0);
	options.producer_id = response->producer_id;
	options.producer_epoch = response->producer_epoch;
	options.base_sequence = 0;
	options.transactional = true;
	kwire_response_free(response);
	partitions.items = &partition;
	partitions.count = 1;
	enlist_topic.name = kwire_string(topic);
	enlist_topic.partitions = partitions;
	enlist.v3_and_below_transactional_id = request.transactional_id;
	enlist.v3_and_below_producer_id = options.producer_id;
	enlist.v3_and_below_producer_epoch = options.producer_epoch;
	enlist.v3_and_below_topics.items = &enlist_topic;
	enlist.v3_and_below_topics.count = 1;
	send.max_version = 3;
	assert_int_equal(
		kwire_send_add_partitions_to_txn_with(client, &enlist, &enlisted, &send, &error),
		0);
	kwire_response_free(enlisted);
	assert_int_equal(kwire_batch_builder_new(NULL, &builder, NULL), 0);
	assert_int_equal(kwire_batch_builder_begin(builder, &options, NULL), 0);
	assert_int_equal(kwire_batch_builder_add(builder, 1, kwire_bytes_of(NULL, 0),
						 kwire_bytes_of("open", 4), NULL, 0, NULL),
			 0);
	assert_int_equal(kwire_batch_builder_end(builder, &batch, NULL), 0);
	produce.transactional_id = "tx";
	if (kwire_produce_batch(client, topic, 0, batch, &produce, NULL, &error) != 0)
		fail_msg("%s", error.message);
	kwire_batch_builder_free(builder);
	kwire_client_close(client);
	assert_gets("first\nopen\n", "-p", "0");
	assert_gets("first\nopen\n", "-p", "0", "--isolation", "read_uncommitted");
	assert_gets("first\n", "-p", "0", "--isolation", "read_committed");
}

/* Reads until `text` came. */
static void read_until(int fd, const char *text)
{
	char seen[65536];
	size_t size = 0;

	for (;;) {
		ssize_t got = read(fd, seen + size, sizeof(seen) - 1 - size);

		if (got <= 0)
			fail_msg("it ended before it said: %s", text);
		size += (size_t)got;
		seen[size] = '\0';
		if (strstr(seen, text) != NULL)
			return;
		assert_true(size < sizeof(seen) - 1);
	}
}

static void it_follows_until_ctrl_c(void **state)
{
	const char *arguments[] = {
		"cat", "-b", kwire_mock_bootstrap(mock), "-t", topic, "-C", "-q", "-o", "end", "-p",
		"1",   NULL};
	struct kwire_mock_match match = kwire_mock_on(FETCH);
	struct program_streams streams = {-1, -1, -1};
	int pipes[2];
	pid_t process;

	(void)state;
	assert_int_equal(kwire_mock_append(mock, topic, 1, NULL, "before", NULL), 0);
	kwire_mock_forget(mock);
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	streams.output = pipes[1];
	process = program_start(program, arguments, streams);
	assert_true(process > 0);
	close(pipes[1]);
	assert_int_equal(kwire_mock_wait(mock, &match, 1, -1, NULL), 0);
	assert_int_equal(kwire_mock_append(mock, topic, 1, NULL, "behind", NULL), 0);
	read_until(pipes[0], "behind\n");
	/* The leader moves: it goes on there. */
	assert_int_equal(kwire_mock_set_leader(mock, topic, 1, 3, NULL), 0);
	assert_int_equal(kwire_mock_append(mock, topic, 1, NULL, "elsewhere", NULL), 0);
	read_until(pipes[0], "elsewhere\n");
	assert_int_equal(kill(process, SIGINT), 0);
	assert_int_equal(program_wait(process), 130);
	close(pipes[0]);
}

/* A terminal on standard error, where records come from a file, shows how far it is. */
static void progress_is_shown_on_a_terminal(void **state)
{
	const char *arguments[] = {"cat", "-b", kwire_mock_bootstrap(mock), "-t", topic, "-P", "-p",
				   "0",   NULL};
	struct program_streams streams = {-1, -1, -1};
	int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	FILE *input = tmpfile();
	int errors;
	pid_t process;

	(void)state;
	if (terminal < 0 || grantpt(terminal) != 0 || unlockpt(terminal) != 0)
		skip();
	errors = open(ptsname(terminal), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(errors >= 0);
	assert_non_null(input);
	fputs("one\ntwo\nthree\n", input);
	rewind(input);
	streams.input = fileno(input);
	streams.errors = errors;
	process = program_start(program, arguments, streams);
	assert_true(process > 0);
	read_until(terminal, "% 3 records");
	assert_int_equal(program_wait(process), 0);
	fclose(input);
	close(errors);
	close(terminal);
}

static void help_names_every_flag(void **state)
{
	static const char flags[] = "PCLtpoceqKDZHJzfbX";

	(void)state;
	assert_int_equal(program_run(program, (const char *const[]){"cat", "--help", NULL}, NULL, 0,
				     out, err, OUTPUT_SIZE, &out_size),
			 0);
	for (int i = 0; flags[i] != '\0'; i++) {
		char flag[] = {'-', flags[i], '\0'};

		if (strstr(out, flag) == NULL)
			fail_msg("%s is not in the help", flag);
	}
}

/* A topic for each test. */
static int fresh_topic(void **state)
{
	static int count;

	(void)state;
	snprintf(topic, sizeof(topic), "cat-%d", count++);
	return kwire_mock_create_topic(mock, topic, 3, NULL);
}

static int set_up(void **state)
{
	const char *build = getenv("B");

	(void)state;
	setenv("LC_ALL", "C", 1);
	snprintf(program, sizeof(program), "%s/kwire", build != NULL ? build : "build");
	return kwire_mock_open(NULL, &mock, NULL);
}

static int tear_down(void **state)
{
	(void)state;
	kwire_mock_close(mock);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(lines_go_in_and_come_out, fresh_topic),
		cmocka_unit_test_setup(every_codec_comes_back, fresh_topic),
		cmocka_unit_test_setup(keys_and_delimiters_cut_records, fresh_topic),
		cmocka_unit_test_setup(empty_is_null_if_asked, fresh_topic),
		cmocka_unit_test_setup(formats_have_everything_of_a_record, fresh_topic),
		cmocka_unit_test_setup(json_is_one_object_a_record, fresh_topic),
		cmocka_unit_test_setup(offsets_are_places_and_times, fresh_topic),
		cmocka_unit_test_setup(wrong_flags_are_told_before_anything_is_sent, fresh_topic),
		cmocka_unit_test_setup(counts_end_both_ways, fresh_topic),
		cmocka_unit_test_setup(the_end_is_told_unless_quiet, fresh_topic),
		cmocka_unit_test_setup(the_metadata_is_listed, fresh_topic),
		cmocka_unit_test_setup(an_open_transaction_is_not_committed, fresh_topic),
		cmocka_unit_test_setup(it_follows_until_ctrl_c, fresh_topic),
		cmocka_unit_test_setup(progress_is_shown_on_a_terminal, fresh_topic),
		cmocka_unit_test_setup(help_names_every_flag, fresh_topic),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
