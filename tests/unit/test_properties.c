/* SPDX-License-Identifier: Apache-2.0 */
/* The format of Java's properties files, rule by rule. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/properties.h"

struct pairs {
	char text[1024]; /* "line<name>=<value>;" each */
};

static int collect(void *context, int line, const char *name, const char *value,
		   struct kwire_error *error)
{
	struct pairs *pairs = context;
	size_t size = strlen(pairs->text);

	(void)error;
	snprintf(pairs->text + size, sizeof(pairs->text) - size, "%d<%s>=<%s>;", line, name, value);
	return 0;
}

/* The exact size, so that a sanitizer sees a byte too far. */
static int parse(const char *text, size_t size, struct pairs *pairs, int *line)
{
	size_t utf8_size = kw_properties_utf8_size(text, size);
	char *utf8 = malloc(utf8_size + 1);
	int result;

	assert_non_null(utf8);
	pairs->text[0] = '\0';
	kw_properties_to_utf8(text, size, utf8);
	result = kw_properties_parse(utf8, utf8_size, collect, pairs, line, NULL);
	free(utf8);
	return result;
}

static void check_all(const char *const (*cases)[2], size_t count)
{
	struct pairs pairs;
	int line = 0;

	for (size_t i = 0; i < count; i++) {
		assert_int_equal(parse(cases[i][0], strlen(cases[i][0]), &pairs, &line), 0);
		if (strcmp(pairs.text, cases[i][1]) != 0)
			fail_msg("case %zu: got %s, expected %s", i, pairs.text, cases[i][1]);
	}
}

#define CHECK(cases) check_all((cases), sizeof(cases) / sizeof((cases)[0]))

static void separators_are_equals_colon_or_blank(void **state)
{
	static const char *const cases[][2] = {
		{"a=b", "1<a>=<b>;"},
		{"a:b", "1<a>=<b>;"},
		{"a b", "1<a>=<b>;"},
		{"a\tb", "1<a>=<b>;"},
		{"a\fb", "1<a>=<b>;"},
		{"a = b", "1<a>=<b>;"},
		{"a : b", "1<a>=<b>;"},
		{"a==b", "1<a>=<=b>;"},
		{"a = = b", "1<a>=<= b>;"},
		{"a:=b", "1<a>=<=b>;"},
		{"  \t a = b  ", "1<a>=<b  >;"},
		{"a", "1<a>=<>;"},
		{"a=", "1<a>=<>;"},
		{"a   ", "1<a>=<>;"},
		{"url=http://x:1/?a=b", "1<url>=<http://x:1/?a=b>;"},
	};

	(void)state;
	CHECK(cases);
}

static void comments_and_blank_lines_do_not_count(void **state)
{
	static const char *const cases[][2] = {
		{"", ""},
		{"\n\r\n  \n", ""},
		{"# a=b\n! c=d\n   # e=f\ng=h # i", "4<g>=<h # i>;"},
		{"# no continuation \\\na=b", "2<a>=<b>;"},
		{"a=b\rc=d\r\ne=f\n", "1<a>=<b>;2<c>=<d>;3<e>=<f>;"},
	};

	(void)state;
	CHECK(cases);
}

static void an_odd_number_of_backslashes_continues_a_line(void **state)
{
	static const char *const cases[][2] = {
		{"a=b\\\n   c", "1<a>=<bc>;"},
		{"a=b\\\r\n\tc\nd=e", "1<a>=<bc>;3<d>=<e>;"},
		{"a=b\\\\\nc=d", "1<a>=<b\\>;2<c>=<d>;"},
		{"a=b\\\\\\\nc", "1<a>=<b\\c>;"},
		{"a=b\\\n#c", "1<a>=<b#c>;"},
		{"a=b\\\n\nc=d", "1<a>=<b>;3<c>=<d>;"},
		{"a\\\nb=c", "1<ab>=<c>;"},
		{"a=b\\", "1<a>=<b>;"},
		{"list=x,\\\n     y,\\\n     z", "1<list>=<x,y,z>;"},
	};

	(void)state;
	CHECK(cases);
}

static void escapes_are_those_of_java(void **state)
{
	static const char *const cases[][2] = {
		{"a\\ b=c", "1<a b>=<c>;"},
		{"a\\=b\\:c=d", "1<a=b:c>=<d>;"},
		{"a=\\t\\n\\r\\f\\x\\\"", "1<a>=<\t\n\r\fx\">;"},
		{"a=\\ b", "1<a>=< b>;"},
		{"a=\\u0041\\u00e4\\u20ac", "1<a>=<A\xC3\xA4\xE2\x82\xAC>;"},
		{"a=\\ud83d\\ude00", "1<a>=<\xF0\x9F\x98\x80>;"},
		{"a=C:\\\\dir", "1<a>=<C:\\dir>;"},
		{"\\#a=b", "1<#a>=<b>;"},
	};

	(void)state;
	CHECK(cases);
}

static void bytes_are_utf8_where_they_can_be_else_latin_1(void **state)
{
	static const char *const cases[][2] = {
		{"a=\xC3\xA4", "1<a>=<\xC3\xA4>;"},
		{"a=\xE4\xF6", "1<a>=<\xC3\xA4\xC3\xB6>;"},
		{"\xEF\xBB\xBF"
		 "a=b",
		 "1<a>=<b>;"},
		{"a=\xC0\x80", "1<a>=<\xC3\x80\xC2\x80>;"},
	};

	(void)state;
	CHECK(cases);
}

static void malformed_text_is_an_error_with_its_line(void **state)
{
	static const char *const cases[] = {"a=\\u12",   "a=\\u12g4",        "a=\\ud83d",
					    "a=\\ude00", "a=\\u0000",        "=b",
					    ": b",       "a=\\ud83d\\u0041", "a=\\u"};
	struct pairs pairs;
	char text[64];
	int line;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		line = 0;
		snprintf(text, sizeof(text), "x=\\\n  y\n%s\n", cases[i]);
		assert_int_equal(parse(text, strlen(text), &pairs, &line), KWIRE_ECONFIG);
		assert_int_equal(line, 3);
	}
	assert_int_equal(parse("a=b\0c", 5, &pairs, &line), KWIRE_ECONFIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(separators_are_equals_colon_or_blank),
		cmocka_unit_test(comments_and_blank_lines_do_not_count),
		cmocka_unit_test(an_odd_number_of_backslashes_continues_a_line),
		cmocka_unit_test(escapes_are_those_of_java),
		cmocka_unit_test(bytes_are_utf8_where_they_can_be_else_latin_1),
		cmocka_unit_test(malformed_text_is_an_error_with_its_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
