/* SPDX-License-Identifier: Apache-2.0 */
/* What all commands of `kwire` have: the trace, help, completion, Ctrl-C. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <kwire/mock.h>

#include "../support/program.h"

enum {
	OUTPUT_SIZE = 256 << 10,
	API_VERSIONS = 18,
};

static struct kwire_mock *mock;
static char program[512], build_directory[480];
static char out[OUTPUT_SIZE], err[OUTPUT_SIZE];

static int run_list(const char *path, const char *const *arguments)
{
	return program_run(path, arguments, NULL, 0, out, err, OUTPUT_SIZE, NULL);
}
#define RUN(...) run_list(program, (const char *const[]){__VA_ARGS__, NULL})

static char servers[64];

static void a_trace_goes_to_standard_error_and_the_answer_does_not(void **state)
{
	(void)state;
	assert_int_equal(RUN("metadata", "--json", "--trace", "-b", servers), 0);
	assert_int_equal(out[0], '{');
	assert_null(strstr(out, "ApiVersions"));
	assert_int_equal(err[0], '+');
	assert_non_null(strstr(err, " > ApiVersions v"));
	assert_non_null(strstr(err, " < Metadata v"));
	assert_non_null(strstr(err, "    clusterId: \"kwire-mock\"\n"));
}

/* The file's text, for free(). */
static char *read_file(const char *path)
{
	char *text = calloc(1, OUTPUT_SIZE);
	FILE *file = fopen(path, "r");

	assert_non_null(text);
	assert_non_null(file);
	assert_true(fread(text, 1, OUTPUT_SIZE - 1, file) > 0);
	fclose(file);
	return text;
}

static void traces_of_the_same_without_times_are_equal(void **state)
{
	char path[] = "/tmp/kwire-trace-XXXXXX", option[64];
	char *first, *second;

	(void)state;
	close(mkstemp(path));
	snprintf(option, sizeof(option), "--trace=%s", path);
	assert_int_equal(RUN("metadata", option, "--no-times", "-b", servers), 0);
	first = read_file(path);
	assert_int_equal(RUN("metadata", option, "--no-times", "-b", servers), 0);
	second = read_file(path);
	unlink(path);
	assert_string_equal(err, "");
	assert_string_equal(first, second);
	assert_non_null(strstr(first, " > Metadata v"));
	free(first);
	free(second);
}

static void a_trace_that_cannot_be_written_is_wrong_usage(void **state)
{
	(void)state;
	assert_int_equal(RUN("metadata", "--trace=/nowhere/at/all", "-b", servers), 2);
	assert_non_null(strstr(err, "/nowhere/at/all"));
}

/* Each line of the words that may come first, options apart. */
static int commands_of(char names[][32], int most)
{
	int count = 0;
	char *rest = out, *line;

	assert_int_equal(RUN("--complete", ""), 0);
	while ((line = strsep(&rest, "\n")) != NULL && count < most)
		if (*line != '\0' && *line != '-')
			snprintf(names[count++], sizeof(names[0]), "%s", line);
	return count;
}

static void every_command_says_how_it_ends_and_completes_its_options(void **state)
{
	char names[32][32];
	int count = commands_of(names, 32);

	(void)state;
	assert_true(count >= 9);
	for (int i = 0; i < count; i++) {
		assert_int_equal(RUN(names[i], "--help"), 0);
		assert_string_equal(err, "");
		assert_non_null(strstr(out, "Exit codes: 0 "));
		assert_non_null(strstr(out, "--json"));
		assert_null(strchr(out, '\033'));
		assert_int_equal(RUN("--complete", names[i], "--"), 0);
		assert_non_null(strstr(out, "--trace\n"));
		assert_int_equal(RUN(names[i], "--no-such-option"), 2);
		assert_string_equal(out, "");
	}
	assert_int_equal(RUN("--help"), 0);
	for (int i = 0; i < count; i++)
		assert_non_null(strstr(out, names[i]));
}

static void apis_properties_and_their_values_are_completed(void **state)
{
	(void)state;
	assert_int_equal(RUN("--complete", "call", "Li"), 0);
	assert_non_null(strstr(out, "ListOffsets\n"));
	assert_int_equal(RUN("--complete", "ping", "-X", "sec"), 0);
	assert_non_null(strstr(out, "security.protocol=\n"));
	assert_int_equal(RUN("--complete", "ping", "-X", "security.protocol", "=", "S"), 0);
	assert_string_equal(out, "PLAINTEXT\nSSL\nSASL_PLAINTEXT\nSASL_SSL\n");
	assert_int_equal(RUN("--complete", "ping", "-F", ""), 0);
	assert_string_equal(out, "");
}

/* What bash would offer for these words. */
static const char *complete_in_bash(const char *words, int at)
{
	char script[2048];
	const char *const arguments[] = {"--norc", "-c", script, NULL};

	snprintf(script, sizeof(script),
		 "PATH=%s:$PATH; . tools/completion/kwire.bash; COMP_WORDS=(%s); COMP_CWORD=%d; "
		 "_kwire 2>/dev/null; "
		 "printf '%%s\\n' \"${COMPREPLY[@]}\"",
		 build_directory, words, at);
	if (run_list("/bin/bash", arguments) != 0)
		fail_msg("%s", err);
	return out;
}

static void bash_completes(void **state)
{
	(void)state;
	if (access("/bin/bash", X_OK) != 0)
		skip();
	assert_string_equal(complete_in_bash("kwire do", 1), "doctor\n");
	assert_string_equal(complete_in_bash("kwire ping --int", 2), "--interval\n");
	assert_string_equal(complete_in_bash("kwire call ListOff", 2), "ListOffsets\n");
	assert_string_equal(complete_in_bash("kwire ping -X reconnect.backoff.max", 3),
			    "reconnect.backoff.max.ms=\n");
}

static void ctrl_c_in_the_doctor_leaves_whole_lines(void **state)
{
	struct kwire_mock_match match = kwire_mock_on(API_VERSIONS);
	struct kwire_mock_fault fault = KWIRE_MOCK_FAULT_INIT;
	const char *arguments[] = {"doctor", "--timeout", "600000", "-b", servers, NULL};
	struct program_streams streams = {-1, -1, -1};
	ssize_t size;
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
	assert_int_equal(kwire_mock_wait(mock, &match, 1, -1, NULL), 0);
	assert_int_equal(program_interrupt(child), 130);
	assert_int_equal(kwire_mock_mend(mock, rule, NULL), 0);
	size = read(output[0], out, OUTPUT_SIZE);
	assert_true(size == 0 || (size > 0 && out[size - 1] == '\n'));
	close(output[0]);
}

static int set_up(void **state)
{
	struct kwire_mock_options options = KWIRE_MOCK_OPTIONS_INIT;
	const char *build = getenv("B");

	(void)state;
	setenv("LC_ALL", "C", 1);
	snprintf(build_directory, sizeof(build_directory), "%s", build != NULL ? build : "build");
	snprintf(program, sizeof(program), "%s/kwire", build_directory);
	options.brokers = 1;
	if (kwire_mock_open(&options, &mock, NULL) != 0)
		return -1;
	snprintf(servers, sizeof(servers), "%s", kwire_mock_bootstrap(mock));
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
		cmocka_unit_test(a_trace_goes_to_standard_error_and_the_answer_does_not),
		cmocka_unit_test(traces_of_the_same_without_times_are_equal),
		cmocka_unit_test(a_trace_that_cannot_be_written_is_wrong_usage),
		cmocka_unit_test(every_command_says_how_it_ends_and_completes_its_options),
		cmocka_unit_test(apis_properties_and_their_values_are_completed),
		cmocka_unit_test(bash_completes),
		cmocka_unit_test(ctrl_c_in_the_doctor_leaves_whole_lines),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
