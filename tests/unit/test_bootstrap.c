/* SPDX-License-Identifier: Apache-2.0 */
/* The bootstrap list: what is read from it, and what is said of a bad entry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "config/bootstrap.h"

static void entries_are_read_in_order(void **state)
{
	static const struct {
		const char *list, *expected;
	} cases[] = {
		{"localhost:9092", "localhost 9092;"},
		{"10.0.0.1:1", "10.0.0.1 1;"},
		{"[::1]:9092", "::1 9092;"},
		{"[2001:db8::7]", "2001:db8::7 9092;"},
		{"[fe80::1%eth0]:65535", "fe80::1%eth0 65535;"},
		{"[::ffff:1.2.3.4]:7", "::ffff:1.2.3.4 7;"},
		{"broker-1.example.com.:9093", "broker-1.example.com. 9093;"},
		{"kafka", "kafka 9092;"},
		{" a:1 ,\tb_c:2,, [::1]:3 ,", "a 1;b_c 2;::1 3;"},
		{"a:00080", "a 80;"},
	};
	struct kw_memory *memory = kw_memory_new(NULL, 0);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct kw_endpoint *endpoints = NULL;
		char text[1024] = "";
		int count = 0;

		assert_int_equal(
			kw_bootstrap_parse(memory, cases[i].list, &endpoints, &count, NULL), 0);
		for (int j = 0; j < count; j++)
			snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s %d;",
				 endpoints[j].host, endpoints[j].port);
		assert_string_equal(text, cases[i].expected);
		kw_free(endpoints);
	}
	kw_memory_put(memory);
}

static void a_bad_entry_is_named_with_what_is_wrong(void **state)
{
	static const struct {
		const char *list, *entry, *why;
	} cases[] = {
		{"a:1,b:x,c:3", "'b:x'", "not a number from 1 to 65535"},
		{"a:0", "'a:0'", "not a number"},
		{"a:65536", "'a:65536'", "not a number"},
		{"a:", "'a:'", "not a number"},
		{"a:-1", "'a:-1'", "not a number"},
		{":9092", "':9092'", "no host"},
		{"::1:9092", "'::1:9092'", "stands in brackets"},
		{"[::1:9092", "'[::1:9092'", "not closed"},
		{"[::1]9092", "'[::1]9092'", "after the bracket"},
		{"[localhost]:9092", "'[localhost]:9092'", "no IPv6 address"},
		{"[]:9092", "'[]:9092'", "no IPv6 address"},
		{"SSL://a:1", "'SSL://a:1'", "security.protocol"},
		{"a b:1", "'a b:1'", "letters"},
		{"a;b:1", "'a;b:1'", "letters"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct kwire_error error = KWIRE_ERROR_INIT;

		assert_int_equal(kw_bootstrap_check(cases[i].list, &error), KWIRE_ECONFIG);
		assert_non_null(strstr(error.message, cases[i].entry));
		if (strstr(error.message, cases[i].why) == NULL)
			fail_msg("\"%s\" does not say \"%s\"", error.message, cases[i].why);
	}
}

static void a_name_too_long_is_refused_and_shown_in_part(void **state)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	char list[400];

	(void)state;
	memset(list, 'a', 256);
	strcpy(list + 256, ":1");
	assert_int_equal(kw_bootstrap_check(list, &error), KWIRE_ECONFIG);
	assert_non_null(strstr(error.message, "longer than 255"));
	assert_true(strlen(error.message) < 200);
	strcpy(list + 255, ":1");
	assert_int_equal(kw_bootstrap_check(list, &error), 0);
}

static void an_empty_list_is_an_error(void **state)
{
	struct kw_memory *memory = kw_memory_new(NULL, 0);
	struct kw_endpoint *endpoints;
	int count;

	(void)state;
	assert_int_equal(kw_bootstrap_parse(memory, " , ", &endpoints, &count, NULL),
			 KWIRE_ECONFIG);
	kw_memory_put(memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_are_read_in_order),
		cmocka_unit_test(a_bad_entry_is_named_with_what_is_wrong),
		cmocka_unit_test(a_name_too_long_is_refused_and_shown_in_part),
		cmocka_unit_test(an_empty_list_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
