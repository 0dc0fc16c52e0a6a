/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines that repeat are folded and counted, none is lost; levels hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../lib/config/log.h"

struct lines {
	char text[4000];
};

static void keep(void *context, enum kwire_log_level level, const char *line)
{
	struct lines *lines = context;
	size_t used = strlen(lines->text);

	snprintf(lines->text + used, sizeof(lines->text) - used, "%d %s\n", (int)level, line);
}

/* A frozen config that logs to `lines`. */
static struct kwire_config *logging(struct lines *lines)
{
	struct kwire_config *config = kwire_config_new();
	struct kwire_config *frozen;

	lines->text[0] = '\0';
	assert_int_equal(kwire_config_set_log(config, keep, lines), 0);
	frozen = kw_config_freeze(config, NULL);
	assert_non_null(frozen);
	kwire_config_free(config);
	return frozen;
}

static void a_line_that_repeats_is_told_once_and_counted(void **state)
{
	struct lines lines;
	struct kwire_config *config = logging(&lines);

	(void)state;
	for (int i = 0; i < 1000; i++)
		kw_log(config, KWIRE_LOG_WARNING, "broker %d is down", 1);
	assert_string_equal(lines.text, "1 broker 1 is down\n");
	kw_config_put(config);
	assert_string_equal(lines.text,
			    "1 broker 1 is down\n1 broker 1 is down (999 more times)\n");
}

static void lines_that_take_turns_are_folded_too(void **state)
{
	struct lines lines;
	struct kwire_config *config = logging(&lines);

	(void)state;
	for (int i = 0; i < 30; i++)
		kw_log(config, KWIRE_LOG_WARNING, "broker %d is down", i % 3);
	assert_string_equal(lines.text,
			    "1 broker 0 is down\n1 broker 1 is down\n1 broker 2 is down\n");
	kw_config_put(config);
	assert_non_null(strstr(lines.text, "broker 2 is down (9 more times)"));
}

static void the_same_words_of_another_level_are_another_line(void **state)
{
	struct lines lines;
	struct kwire_config *config = logging(&lines);

	(void)state;
	kw_log(config, KWIRE_LOG_WARNING, "x");
	kw_log(config, KWIRE_LOG_INFO, "x");
	kw_log(config, KWIRE_LOG_DEBUG, "not wanted by default");
	assert_string_equal(lines.text, "1 x\n2 x\n");
	kw_config_put(config);
	assert_string_equal(lines.text, "1 x\n2 x\n");
}

static void a_count_is_told_before_its_line_is_forgotten(void **state)
{
	struct lines lines;
	struct kwire_config *config = logging(&lines);

	(void)state;
	kw_log(config, KWIRE_LOG_INFO, "a");
	kw_log(config, KWIRE_LOG_INFO, "a");
	for (int i = 0; i < KW_LOG_KEPT; i++)
		kw_log(config, KWIRE_LOG_INFO, "b%d", i);
	if (strstr(lines.text, "2 a (1 more times)\n") == NULL)
		fail_msg("%s", lines.text);
	kw_config_put(config);
}

static void a_line_that_goes_on_is_told_again_after_a_minute(void **state)
{
	struct kw_log_kept kept[KW_LOG_KEPT];
	struct kw_log_step step;

	(void)state;
	memset(kept, 0, sizeof(kept));
	kw_log_fold(kept, KWIRE_LOG_INFO, "a", 1000, &step);
	assert_true(step.tell);
	assert_string_equal(step.before, "");
	kw_log_fold(kept, KWIRE_LOG_INFO, "a", 1000 + KW_LOG_AGAIN_MS - 1, &step);
	assert_false(step.tell);
	kw_log_fold(kept, KWIRE_LOG_INFO, "a", 1000 + KW_LOG_AGAIN_MS, &step);
	assert_true(step.tell);
	assert_string_equal(step.before, "a (1 more times)");
	kw_log_fold(kept, KWIRE_LOG_INFO, "a", 1001 + KW_LOG_AGAIN_MS, &step);
	assert_false(step.tell);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_that_repeats_is_told_once_and_counted),
		cmocka_unit_test(lines_that_take_turns_are_folded_too),
		cmocka_unit_test(the_same_words_of_another_level_are_another_line),
		cmocka_unit_test(a_count_is_told_before_its_line_is_forgotten),
		cmocka_unit_test(a_line_that_goes_on_is_told_again_after_a_minute),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
