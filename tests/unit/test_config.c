/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration: what is accepted, what is refused with which words, what is copied and wiped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/config.h"
#include "config/markdown.h"
#include "config/table.h"

static int setup(void **state)
{
	*state = kwire_config_new();
	return *state == NULL;
}

static int teardown(void **state)
{
	kwire_config_free(*state);
	return 0;
}

static void assert_value(const struct kwire_config *config, const char *name, const char *expected)
{
	char value[256];

	assert_int_equal(kwire_config_get(config, name, value, sizeof(value), NULL), 0);
	assert_string_equal(value, expected);
}

static void assert_refused(struct kwire_config *config, const char *name, const char *value,
			   const char *words)
{
	struct kwire_error error = KWIRE_ERROR_INIT;

	assert_int_equal(kwire_config_set(config, name, value, &error), KWIRE_ECONFIG);
	if (strstr(error.message, words) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", error.message, words);
}

static void every_default_is_valid_and_reads_back_as_itself(void **state)
{
	struct kwire_property property;

	for (size_t i = 0; kwire_config_property(i, &property); i++) {
		assert_int_equal(
			kwire_config_set(*state, property.name, property.default_value, NULL), 0);
		if (strcmp(property.type, "secret") != 0)
			assert_value(*state, property.name, property.default_value);
		assert_true(property.description[0] != '\0');
	}
}

static void names_stand_once_in_the_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < kw_property_count; i++) {
		assert_ptr_equal(kw_property_find(kw_properties[i].name), &kw_properties[i]);
		assert_false(kw_property_ignored(kw_properties[i].name));
		if (*kw_property_alias(&kw_properties[i]) != '\0')
			assert_ptr_equal(kw_property_find(kw_property_alias(&kw_properties[i])),
					 &kw_properties[i]);
	}
}

static void values_of_each_kind_are_stored(void **state)
{
	struct kwire_config *config = *state;

	assert_int_equal(kwire_config_set(config, "client.id", "probe", NULL), 0);
	assert_int_equal(kwire_config_set(config, "request.timeout.ms", " 1500 ", NULL), 0);
	/* The one number that may be larger than an int. */
	assert_int_equal(kwire_config_set(config, "memory.max.bytes", "5000000000", NULL), 0);
	assert_value(config, "memory.max.bytes", "5000000000");
	assert_int_equal(kwire_config_set(config, "security.protocol", "sasl_ssl", NULL), 0);
	assert_int_equal(kwire_config_set(config, "connect.failure", "wait", NULL), 0);
	assert_int_equal(
		kwire_config_set(config, "enable.ssl.certificate.verification", "False", NULL), 0);
	assert_int_equal(kwire_config_set(config, "ssl.enabled.protocols", "TLSv1.3", NULL), 0);
	assert_int_equal(
		kwire_config_set(config, "ssl.endpoint.identification.algorithm", "", NULL), 0);
	assert_string_equal(config->settings.client_id, "probe");
	assert_int_equal(config->settings.request_timeout_ms, 1500);
	assert_int_equal(config->settings.security.protocol, KW_SASL_SSL);
	assert_true(config->settings.failure_wait);
	assert_false(config->settings.security.verify_chain);
	assert_false(config->settings.security.verify_name);
	assert_int_equal(config->settings.security.protocols, KW_TLS_1_3);
	assert_value(config, "security.protocol", "SASL_SSL");
	assert_value(config, "ssl.endpoint.identification.algorithm", "none");
	assert_value(config, "connect.failure", "wait");
}

static void an_alias_sets_the_same_property(void **state)
{
	assert_int_equal(kwire_config_set(*state, "sasl.mechanisms", "PLAIN", NULL), 0);
	assert_value(*state, "sasl.mechanism", "PLAIN");
}

static void a_value_out_of_range_says_what_is_allowed_and_changes_nothing(void **state)
{
	assert_refused(*state, "request.timeout.ms", "0", "allowed: 1..2147483647");
	assert_refused(*state, "request.timeout.ms", "1s", "allowed: 1..2147483647");
	assert_refused(*state, "request.timeout.ms", "", "allowed");
	assert_refused(*state, "request.timeout.ms", "99999999999999999999", "allowed");
	assert_refused(*state, "security.protocol", "TLS", "PLAINTEXT|SSL|SASL_PLAINTEXT|SASL_SSL");
	assert_refused(*state, "enable.ssl.certificate.verification", "yes", "true|false");
	assert_refused(*state, "ssl.enabled.protocols", "TLSv1.1", "TLSv1.2|TLSv1.3");
	assert_refused(*state, "ssl.enabled.protocols", "TLSv1.2 TLSv1.3", "allowed");
	assert_refused(*state, "bootstrap.servers", "a:1,b:x", "'b:x'");
	assert_value(*state, "request.timeout.ms", "30000");
	assert_value(*state, "security.protocol", "PLAINTEXT");
}

static void a_misspelt_name_is_told_the_right_one(void **state)
{
	assert_refused(*state, "bootstrap.server", "x:1", "did you mean 'bootstrap.servers'?");
	assert_refused(*state, "bootstrap_servers", "x:1", "did you mean 'bootstrap.servers'?");
	assert_refused(*state, "sasl.pasword", "x", "did you mean 'sasl.password'?");
	assert_refused(*state, "Client.ID", "x", "did you mean 'client.id'?");
	assert_refused(*state, "security.protocl", "x", "did you mean 'security.protocol'?");
}

static void a_name_like_no_other_gets_no_hint(void **state)
{
	struct kwire_error error = KWIRE_ERROR_INIT;

	assert_int_equal(kwire_config_set(*state, "colour", "red", &error), KWIRE_ECONFIG);
	assert_string_equal(error.message, "unknown property 'colour'");
}

static void a_java_key_store_is_told_the_conversion(void **state)
{
	assert_refused(*state, "ssl.truststore.location", "/etc/t.jks", "openssl pkcs12");
	assert_refused(*state, "ssl.truststore.location", "/etc/t.jks", "ssl.ca.location=ca.pem");
	assert_refused(*state, "ssl.keystore.location", "/etc/k.jks", "keytool -importkeystore");
	assert_refused(*state, "ssl.keystore.password", "x", "ssl.key.location");
	assert_refused(*state, "ssl.keystore.type", "PKCS12", "keytool -importkeystore");
	assert_refused(*state, "ssl.ca.location", "/etc/t.p12", "openssl pkcs12");
}

static void javas_names_for_pem_files_are_taken(void **state)
{
	struct kwire_error error;
	char value[64];

	assert_int_equal(kwire_config_set(*state, "ssl.truststore.type", "PEM", &error), 0);
	assert_int_equal(kwire_config_set(*state, "ssl.truststore.location", "/ca.pem", &error), 0);
	assert_int_equal(kwire_config_get(*state, "ssl.ca.location", value, 64, &error), 0);
	assert_string_equal(value, "/ca.pem");
	assert_int_equal(kwire_config_set(*state, "ssl.keystore.location", "/me.pem", &error), 0);
	assert_int_equal(kwire_config_get(*state, "ssl.certificate.location", value, 64, &error),
			 0);
	assert_string_equal(value, "/me.pem");
}

static void a_secret_is_never_printed(void **state)
{
	assert_int_equal(kwire_config_set(*state, "sasl.password", "swordfish", NULL), 0);
	assert_value(*state, "sasl.password", "[hidden]");
	assert_value(*state, "ssl.key.password", "");
}

static void a_place_too_small_says_so_and_holds_the_beginning(void **state)
{
	char value[4];

	assert_int_equal(kwire_config_get(*state, "client.id", value, sizeof(value), NULL),
			 KWIRE_ETOOLARGE);
	assert_string_equal(value, "kwi");
	assert_int_equal(kwire_config_get(*state, "client.id", NULL, 0, NULL), KWIRE_ETOOLARGE);
}

static void a_null_config_is_out_of_memory(void **state)
{
	(void)state;
	assert_int_equal(kwire_config_set(NULL, "client.id", "x", NULL), KWIRE_ENOMEM);
	assert_int_equal(kwire_config_load(NULL, "x", NULL), KWIRE_ENOMEM);
	kwire_config_free(NULL);
}

struct lines {
	int count;
	char last[512];
};

static void note_line(void *context, enum kwire_log_level level, const char *line)
{
	struct lines *lines = context;

	(void)level;
	lines->count++;
	snprintf(lines->last, sizeof(lines->last), "%s", line);
}

static void what_is_ignored_is_logged_once_when_frozen(void **state)
{
	struct lines lines = {0, ""};
	struct kwire_config *frozen;

	kwire_config_set_log(*state, note_line, &lines);
	assert_int_equal(kwire_config_set(*state, "group.id", "a", NULL), 0);
	assert_int_equal(kwire_config_set(*state, "acks", "all", NULL), 0);
	assert_int_equal(kwire_config_set(*state, "acks", "1", NULL), 0);
	assert_int_equal(lines.count, 0);
	frozen = kw_config_freeze(*state, NULL);
	assert_int_equal(lines.count, 1);
	assert_string_equal(lines.last, "properties that mean nothing here: group.id, acks");
	kw_config_put(frozen);
}

static void a_frozen_copy_stands_on_its_own(void **state)
{
	struct kwire_config *frozen;

	kwire_config_set(*state, "client.id", "before", NULL);
	kwire_config_set(*state, "memory.max.bytes", "100000", NULL);
	frozen = kw_config_freeze(*state, NULL);
	assert_non_null(frozen);
	kwire_config_set(*state, "client.id", "after", NULL);
	assert_value(frozen, "client.id", "before");
	assert_null(kw_alloc(frozen->memory, 100000));
	kw_config_put(kw_config_get(frozen));
	assert_value(frozen, "client.id", "before");
	kw_config_put(frozen);
}

/* An allocator that fails at the `countdown`th allocation and sees what it gets back. */
struct failing {
	int countdown;
	int live;
	bool secret_seen;
};

static void *fail_allocate(void *context, size_t size)
{
	struct failing *failing = context;
	void *data = failing->countdown-- > 0 ? malloc(size) : NULL;

	failing->live += data != NULL;
	return data;
}

static void *fail_reallocate(void *context, void *data, size_t size)
{
	struct failing *failing = context;

	return failing->countdown-- > 0 ? realloc(data, size) : NULL;
}

static void fail_release(void *context, void *data)
{
	struct failing *failing = context;

	failing->live--;
	free(data);
}

static int use_everything(const struct kwire_allocator *allocator, const char *path)
{
	struct kwire_config *config = kwire_config_new_with(allocator);
	struct kwire_config *frozen = NULL;
	int result;

	if ((result = kwire_config_set(config, "client.id", "a", NULL)) == 0 &&
	    (result = kwire_config_set(config, "acks", "a", NULL)) == 0 &&
	    (result = kwire_config_load(config, path, NULL)) == 0) {
		frozen = kw_config_freeze(config, NULL);
		result = frozen != NULL ? 0 : KWIRE_ENOMEM;
	}
	kw_config_put(frozen);
	kwire_config_free(config);
	return result;
}

/* A file with `text`, its path in `path`. */
static void write_file(char path[32], const char *text)
{
	FILE *file;
	int descriptor;

	strcpy(path, "/tmp/kwire-config-XXXXXX");
	descriptor = mkstemp(path);
	assert_true(descriptor >= 0);
	file = fdopen(descriptor, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void every_allocation_may_fail(void **state)
{
	struct failing failing;
	struct kwire_allocator allocator = {sizeof(allocator), &failing, fail_allocate,
					    fail_reallocate, fail_release};
	char path[32];
	int result = KWIRE_ENOMEM, n;

	(void)state;
	write_file(path, "sasl.username=u\nsasl.password=p\ngroup.id=g\n");
	for (n = 0; result != 0; n++) {
		failing = (struct failing){n, 0, false};
		result = use_everything(&allocator, path);
		assert_true(result == 0 || result == KWIRE_ENOMEM);
		assert_int_equal(failing.live, 0);
	}
	assert_true(n > 10);
	unlink(path);
}

static void a_file_counts_as_a_whole_or_not_at_all(void **state)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	char path[32], expected[64];

	write_file(path, "client.id = probe\n# a comment\n\nrequest.timeout.ms = soon\n");
	assert_int_equal(kwire_config_load(*state, path, &error), KWIRE_ECONFIG);
	snprintf(expected, sizeof(expected), "%s:4: request.timeout.ms: 'soon'", path);
	assert_non_null(strstr(error.message, expected));
	assert_value(*state, "client.id", "kwire");
	unlink(path);

	write_file(path, "client.id = probe\nrequest.timeout.ms = 1000 \nretries=3\n");
	assert_int_equal(kwire_config_load(*state, path, &error), 0);
	assert_value(*state, "client.id", "probe");
	assert_value(*state, "request.timeout.ms", "1000");
	unlink(path);
	assert_int_equal(kwire_config_load(*state, path, &error), KWIRE_ECONFIG);
	assert_non_null(strstr(error.message, "ENOENT"));
}

/* Secrets must be overwritten when freed: this allocator looks. */
static void looking_release(void *context, void *data)
{
	struct failing *failing = context;
	size_t size = *(size_t *)data;

	for (size_t i = 0; i + 9 <= size; i++)
		if (memcmp((char *)data + sizeof(max_align_t) + i, "swordfish", 9) == 0)
			failing->secret_seen = true;
	free(data);
}

static void *looking_allocate(void *context, size_t size)
{
	char *data = calloc(1, size + sizeof(max_align_t));

	(void)context;
	if (data == NULL)
		return NULL;
	*(size_t *)(void *)data = size;
	return data + sizeof(max_align_t);
}

static void looking_release_block(void *context, void *data)
{
	looking_release(context, (char *)data - sizeof(max_align_t));
}

static void *looking_reallocate(void *context, void *data, size_t size)
{
	char *larger = looking_allocate(context, size);
	size_t before = *(size_t *)(void *)((char *)data - sizeof(max_align_t));

	if (larger == NULL)
		return NULL;
	memcpy(larger, data, before < size ? before : size);
	looking_release_block(context, data);
	return larger;
}

static void secrets_are_wiped(void **state)
{
	struct failing failing = {0, 0, false};
	struct kwire_allocator allocator = {sizeof(allocator), &failing, looking_allocate,
					    looking_reallocate, looking_release_block};
	struct kwire_config *config = kwire_config_new_with(&allocator);
	char path[32];

	(void)state;
	write_file(path, "sasl.password = swordfish\n");
	assert_int_equal(kwire_config_load(config, path, NULL), 0);
	assert_string_equal(config->settings.security.password, "swordfish");
	assert_int_equal(kwire_config_set(config, "sasl.password", "x", NULL), 0);
	assert_int_equal(kwire_config_set(config, "sasl.password", "swordfish", NULL), 0);
	kw_config_put(kw_config_freeze(config, NULL));
	kwire_config_free(config);
	unlink(path);
	assert_false(failing.secret_seen);
}

struct page {
	char text[65536];
	size_t size;
};

static void collect(void *context, const char *text, size_t size)
{
	struct page *page = context;

	assert_true(page->size + size < sizeof(page->text));
	memcpy(page->text + page->size, text, size);
	page->size += size;
}

/* UPDATE_DOCS=1 writes the page instead. */
static void the_configuration_page_is_current(void **state)
{
	static struct page page;
	static char committed[sizeof(page.text)];
	bool update = getenv("UPDATE_DOCS") != NULL;
	FILE *file = fopen("docs/configuration.md", update ? "w" : "r");
	size_t size;

	(void)state;
	if (file == NULL) {
		skip(); /* not run from the repository's top */
		return;
	}
	kw_config_markdown(collect, &page);
	if (update) {
		fwrite(page.text, 1, page.size, file);
		fclose(file);
		return;
	}
	size = fread(committed, 1, sizeof(committed) - 1, file);
	fclose(file);
	assert_int_equal(size, page.size);
	assert_string_equal(committed, page.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_default_is_valid_and_reads_back_as_itself,
						setup, teardown),
		cmocka_unit_test(names_stand_once_in_the_table),
		cmocka_unit_test_setup_teardown(values_of_each_kind_are_stored, setup, teardown),
		cmocka_unit_test_setup_teardown(an_alias_sets_the_same_property, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_value_out_of_range_says_what_is_allowed_and_changes_nothing, setup,
			teardown),
		cmocka_unit_test_setup_teardown(a_misspelt_name_is_told_the_right_one, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_name_like_no_other_gets_no_hint, setup, teardown),
		cmocka_unit_test_setup_teardown(a_java_key_store_is_told_the_conversion, setup,
						teardown),
		cmocka_unit_test_setup_teardown(javas_names_for_pem_files_are_taken, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_secret_is_never_printed, setup, teardown),
		cmocka_unit_test_setup_teardown(a_place_too_small_says_so_and_holds_the_beginning,
						setup, teardown),
		cmocka_unit_test(a_null_config_is_out_of_memory),
		cmocka_unit_test_setup_teardown(what_is_ignored_is_logged_once_when_frozen, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_frozen_copy_stands_on_its_own, setup, teardown),
		cmocka_unit_test(every_allocation_may_fail),
		cmocka_unit_test_setup_teardown(a_file_counts_as_a_whole_or_not_at_all, setup,
						teardown),
		cmocka_unit_test(secrets_are_wiped),
		cmocka_unit_test(the_configuration_page_is_current),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
