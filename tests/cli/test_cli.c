/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `kwire` as its users meet it: what it prints, where, and with which exit
 * code.  Runs the built program (B names the build directory) against a mock
 * cluster in this process.
 */
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

#include <kwire/mock.h>

#include "../support/program.h"

enum {
	OUTPUT_SIZE = 256 << 10,
	METADATA = 3,
	API_VERSIONS = 18
};

static struct kwire_mock *mock;
static char program[512];
static char out[OUTPUT_SIZE], err[OUTPUT_SIZE];

/* Runs it to its end; the exit code, with `out` and `err` filled. */
static int run_list(const char *const *arguments)
{
	return program_run(program, arguments, NULL, 0, out, err, OUTPUT_SIZE, NULL);
}
#define RUN(...) run_list((const char *const[]){__VA_ARGS__, NULL})

static const char *servers(void)
{
	return kwire_mock_bootstrap(mock);
}

static json_t *parse(void)
{
	json_error_t error;
	json_t *value = json_loads(out, 0, &error);

	if (value == NULL)
		fail_msg("no JSON: %s in %s", error.text, out);
	return value;
}

static void metadata_shows_brokers_and_topics(void **state)
{
	json_t *answer, *topic;

	(void)state;
	assert_int_equal(RUN("metadata", "-b", servers()), 0);
	assert_non_null(strstr(out, "controller"));
	assert_non_null(strstr(out, "orders"));
	assert_string_equal(err, "");
	assert_int_equal(RUN("metadata", "--json", "-b", servers(), "orders"), 0);
	answer = parse();
	assert_int_equal(json_array_size(json_object_get(answer, "brokers")), 3);
	topic = json_array_get(json_object_get(answer, "topics"), 0);
	assert_string_equal(json_string_value(json_object_get(topic, "name")), "orders");
	assert_int_equal(json_array_size(json_object_get(topic, "partitions")), 3);
	json_decref(answer);
}

static void a_call_finds_its_brokers_and_says_which(void **state)
{
	json_t *answer;

	(void)state;
	assert_int_equal(RUN("call", "ListGroups", "{}", "-b", servers(), "--show-route"), 0);
	assert_non_null(strstr(err, "broker 1: answered"));
	assert_non_null(strstr(err, "broker 2: answered"));
	assert_non_null(strstr(err, "broker 3: answered"));
	assert_int_equal(RUN("call", "DescribeGroups", "{\"groups\":[\"a\",\"b\",\"c\",\"d\"]}",
			     "-b", servers()),
			 0);
	assert_string_equal(err, "");
	answer = parse();
	assert_int_equal(json_array_size(json_object_get(answer, "groups")), 4);
	json_decref(answer);
	assert_int_equal(
		RUN("call", "ListGroups", "{}", "-b", servers(), "--show-route", "--broker", "2"),
		0);
	assert_string_equal(err, "broker 2: answered\n");
}

static void a_topic_that_is_not_there_is_a_failure(void **state)
{
	(void)state;
	assert_int_equal(RUN("metadata", "-b", servers(), "nosuch"), 1);
	assert_non_null(strstr(err, "UNKNOWN_TOPIC_OR_PARTITION"));
}

static void versions_has_a_table_of_each_broker(void **state)
{
	json_t *answer, *broker;

	(void)state;
	assert_int_equal(RUN("versions", "-b", servers()), 0);
	assert_non_null(strstr(out, "DescribeCluster"));
	assert_int_equal(RUN("versions", "--json", "--broker", "2", "-b", servers()), 0);
	answer = parse();
	assert_int_equal(json_array_size(json_object_get(answer, "brokers")), 1);
	broker = json_array_get(json_object_get(answer, "brokers"), 0);
	assert_int_equal(json_integer_value(json_object_get(broker, "id")), 2);
	assert_true(json_array_size(json_object_get(broker, "apis")) > 50);
	json_decref(answer);
}

static void brokers_that_differ_get_tables_of_their_own(void **state)
{
	(void)state;
	assert_int_equal(kwire_mock_set_versions(mock, 3, "3.9", NULL), 0);
	assert_int_equal(RUN("versions", "-b", servers()), 0);
	assert_int_equal(kwire_mock_set_versions(mock, 3, "newest", NULL), 0);
	assert_non_null(strstr(out, "broker 1 at"));
	assert_non_null(strstr(out, "broker 3 at"));
	assert_null(strstr(out, "broker 2 at"));
}

static void ping_counts_its_calls(void **state)
{
	struct kwire_mock_match match = kwire_mock_on(API_VERSIONS);
	json_t *answer;

	(void)state;
	kwire_mock_forget(mock);
	assert_int_equal(RUN("ping", "-n", "20", "--json", "-b", servers()), 0);
	answer = parse();
	assert_int_equal(json_integer_value(json_object_get(answer, "answered")), 20);
	assert_int_equal(json_integer_value(json_object_get(answer, "failed")), 0);
	json_decref(answer);
	/* And the first call, and the connection's own at least. */
	assert_true(kwire_mock_count(mock, &match) >= 22);
	assert_int_equal(RUN("ping", "-n", "20", "-b", servers()), 0);
	assert_non_null(strstr(out, "20 answered, 0 failed"));
	assert_non_null(strstr(out, "#"));
	assert_null(strchr(out, '\033'));
}

static void call_takes_and_prints_kafkas_json(void **state)
{
	json_t *answer;

	(void)state;
	assert_int_equal(RUN("call", "metadata", "{\"topics\":[{\"name\":\"orders\"}]}",
			     "--version", "4", "-b", servers()),
			 0);
	answer = parse();
	assert_int_equal(json_array_size(json_object_get(answer, "topics")), 1);
	assert_null(json_object_get(answer, "clusterAuthorizedOperations"));
	json_decref(answer);
	assert_int_equal(RUN("call", "Metadata", "--version", "1", "--show-bytes", "-b", servers()),
			 0);
	assert_non_null(strstr(out, "Metadata request v1, 4 bytes"));
	assert_non_null(strstr(out, "Metadata response v1"));
}

static void call_says_where_a_request_is_wrong(void **state)
{
	(void)state;
	assert_int_equal(RUN("call", "Metadata", "{\"topcs\":null}", "-b", servers()), 1);
	assert_non_null(strstr(err, "topcs"));
	assert_int_equal(RUN("call", "Metadata", "{\"topics\":[{\"name\":5}]}", "-b", servers()),
			 1);
	assert_non_null(strstr(err, "topics[0].name"));
	assert_int_equal(RUN("call", "Metadata", "--version", "99", "-b", servers()), 1);
	assert_non_null(strstr(err, "99"));
	assert_int_equal(RUN("call", "Metdata", "-b", servers()), 2);
	assert_non_null(strstr(err, "Metadata"));
	assert_string_equal(out, "");
}

static void apis_and_decode_ask_nobody(void **state)
{
	(void)state;
	assert_int_equal(RUN("apis"), 0);
	assert_non_null(strstr(out, "CreateTopics"));
	assert_int_equal(RUN("apis", "ListOffsets"), 0);
	assert_non_null(strstr(out, "currentLeaderEpoch"));
	assert_int_equal(RUN("apis", "nosuch"), 2);
	assert_int_equal(RUN("decode", "request", "0000000f 0003 0001 00000007 0001 78 ffffffff"),
			 0);
	assert_non_null(strstr(out, "Metadata request v1, correlation id 7, client id x"));
	assert_non_null(strstr(out, "\"topics\": null"));
	assert_int_equal(RUN("decode", "response", "--api", "ApiVersions", "--version", "0",
			     "00000001 0000 00000001 0012 0000 0003", "--json"),
			 0);
	json_decref(parse());
	assert_int_equal(RUN("decode", "MetadataRequest", "zz"), 1);
	assert_int_equal(RUN("decode", "MetadataRequest", "00"), 1);
}

static void config_shows_what_was_set(void **state)
{
	json_t *answer, *property;

	(void)state;
	assert_int_equal(RUN("config", "client.id", "--json", "-X", "client.id=probe"), 0);
	answer = parse();
	property = json_array_get(json_object_get(answer, "properties"), 0);
	assert_string_equal(json_string_value(json_object_get(property, "value")), "probe");
	assert_string_equal(json_string_value(json_object_get(property, "default")), "kwire");
	json_decref(answer);
}

static void a_file_of_properties_comes_before_single_ones(void **state)
{
	char path[] = "/tmp/kwire-cli-XXXXXX";
	int fd = mkstemp(path);
	int code;

	(void)state;
	assert_true(fd >= 0);
	assert_true(write(fd, "client.id=file\n", 15) == 15);
	close(fd);
	code = RUN("config", "client.id", "-X", "client.id=single", "-F", path);
	unlink(path);
	assert_int_equal(code, 0);
	assert_non_null(strstr(out, "client.id = single"));
}

static void wrong_usage_is_two_and_says_so(void **state)
{
	(void)state;
	assert_int_equal(RUN("nosuch"), 2);
	assert_int_equal(RUN("metadata"), 2);
	assert_non_null(strstr(err, "-b HOST:PORT"));
	assert_int_equal(RUN("ping", "-b", servers(), "-n", "0"), 2);
	assert_int_equal(RUN("ping", "-b", servers(), "--nope"), 2);
	assert_non_null(strstr(err, "--nope"));
	assert_int_equal(RUN("versions", "-b", servers(), "word"), 2);
	assert_int_equal(RUN("metadata", "-b", "a:b:c"), 2);
	assert_int_equal(RUN("metadata", "-X", "client.idd=x"), 2);
	assert_string_equal(out, "");
}

static void help_is_an_answer(void **state)
{
	static const char *const commands[] = {"versions", "metadata", "ping",   "call",
					       "apis",     "decode",   "config", NULL};

	(void)state;
	assert_int_equal(RUN("--help"), 0);
	for (int i = 0; commands[i] != NULL; i++) {
		assert_non_null(strstr(out, commands[i]));
		assert_int_equal(RUN(commands[i], "--help"), 0);
		assert_non_null(strstr(out, "--json"));
		assert_string_equal(err, "");
		assert_int_equal(RUN("--help"), 0);
	}
}

static void an_unreachable_broker_is_one_line_on_standard_error(void **state)
{
	char address[32];
	int code;

	(void)state;
	snprintf(address, sizeof(address), "127.0.0.1:%d", kwire_mock_port(mock, 3));
	assert_int_equal(kwire_mock_stop_broker(mock, 3, NULL), 0);
	code = RUN("metadata", "-b", address);
	assert_int_equal(kwire_mock_start_broker(mock, 3, NULL), 0);
	assert_int_equal(code, 1);
	assert_string_equal(out, "");
	assert_non_null(strstr(err, address));
	assert_ptr_equal(strchr(err, '\n'), err + strlen(err) - 1);
}

static void ctrl_c_ends_a_call_that_waits(void **state)
{
	struct kwire_mock_match match = kwire_mock_on(METADATA);
	struct kwire_mock_fault fault = KWIRE_MOCK_FAULT_INIT;
	const char *arguments[] = {"call", "Metadata", "-b", servers(), NULL};
	struct program_streams streams = {-1, -1, -1};
	int output[2], rule;
	pid_t child;

	(void)state;
	fault.kind = KWIRE_MOCK_SILENCE_FAULT;
	assert_int_equal(kwire_mock_break(mock, &match, &fault, &rule, NULL), 0);
	kwire_mock_forget(mock);
	assert_int_equal(pipe(output), 0);
	streams.output = streams.errors = output[1];
	child = program_start(program, arguments, streams);
	assert_true(child > 0);
	close(output[1]);
	/* It waits for its answer: that is when the signal comes. */
	assert_int_equal(kwire_mock_wait(mock, &match, 1, -1, NULL), 0);
	assert_int_equal(kill(child, SIGINT), 0);
	assert_int_equal(program_wait(child), 130);
	assert_int_equal(kwire_mock_mend(mock, rule, NULL), 0);
	/* Not a word of it. */
	assert_int_equal(read(output[0], out, 1), 0);
	close(output[0]);
}

static int set_up(void **state)
{
	const char *build = getenv("B");

	(void)state;
	setenv("LC_ALL", "C", 1);
	snprintf(program, sizeof(program), "%s/kwire", build != NULL ? build : "build");
	if (kwire_mock_open(NULL, &mock, NULL) != 0)
		return -1;
	return kwire_mock_create_topic(mock, "orders", 3, NULL);
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
		cmocka_unit_test(metadata_shows_brokers_and_topics),
		cmocka_unit_test(a_call_finds_its_brokers_and_says_which),
		cmocka_unit_test(a_topic_that_is_not_there_is_a_failure),
		cmocka_unit_test(versions_has_a_table_of_each_broker),
		cmocka_unit_test(brokers_that_differ_get_tables_of_their_own),
		cmocka_unit_test(ping_counts_its_calls),
		cmocka_unit_test(call_takes_and_prints_kafkas_json),
		cmocka_unit_test(call_says_where_a_request_is_wrong),
		cmocka_unit_test(apis_and_decode_ask_nobody),
		cmocka_unit_test(config_shows_what_was_set),
		cmocka_unit_test(a_file_of_properties_comes_before_single_ones),
		cmocka_unit_test(wrong_usage_is_two_and_says_so),
		cmocka_unit_test(help_is_an_answer),
		cmocka_unit_test(an_unreachable_broker_is_one_line_on_standard_error),
		cmocka_unit_test(ctrl_c_ends_a_call_that_waits),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
