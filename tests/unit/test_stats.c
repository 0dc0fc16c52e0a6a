/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statistics, their text for Prometheus and the last requests: against a broker
 * that the test plays, and fed with events directly where time is the subject.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <ctype.h>
#include <signal.h>
#include <stdio.h>

#include <kwire/mock.h>
#include <kwire/observe.h>

#include "../../lib/observe/histogram.h"
#include "../../lib/config/watch.h"
#include "../support/connected.h"

static struct kwire_config *counting(const char *name, const char *value)
{
	struct kwire_config *config = test_config(name, value, NULL);

	assert_int_equal(kwire_config_keep_stats(config, NULL), 0);
	return config;
}

static struct kwire_stats *stats_of(struct fixture *fixture)
{
	struct kwire_stats *stats = NULL;

	assert_int_equal(kwire_connection_stats(fixture->connection, &stats, NULL), 0);
	assert_non_null(stats);
	assert_int_equal(stats->size, sizeof(*stats));
	return stats;
}

static void a_histogram_finds_its_quantiles_within_a_sixteenth(void **state)
{
	static const int permilles[] = {1, 500, 900, 990, 999, 1000};
	struct kw_histogram histogram, twice;

	(void)state;
	memset(&histogram, 0, sizeof(histogram));
	memset(&twice, 0, sizeof(twice));
	assert_int_equal(kw_histogram_quantile(&histogram, 500), 0);
	for (int64_t value = 1; value <= 100000; value++)
		kw_histogram_add(&histogram, value);
	for (size_t i = 0; i < sizeof(permilles) / sizeof(permilles[0]); i++) {
		int64_t exact = 100 * (int64_t)permilles[i];
		int64_t found = kw_histogram_quantile(&histogram, permilles[i]);

		assert_true(found >= exact - exact / 15 && found <= exact + exact / 15);
	}
	assert_int_equal(histogram.max, 100000);
	assert_int_equal(histogram.count, 100000);
	kw_histogram_merge(&twice, &histogram);
	kw_histogram_merge(&twice, &histogram);
	assert_int_equal(twice.count, 200000);
	assert_int_equal(kw_histogram_quantile(&twice, 500),
			 kw_histogram_quantile(&histogram, 500));
	/* The ends: nothing is outside. */
	memset(&histogram, 0, sizeof(histogram));
	kw_histogram_add(&histogram, -5);
	assert_int_equal(kw_histogram_quantile(&histogram, 500), 0);
	kw_histogram_add(&histogram, INT64_MAX / 2);
	assert_int_equal(kw_histogram_quantile(&histogram, 1000), INT64_MAX / 2);
}

static void every_small_value_has_a_class_of_its_own(void **state)
{
	(void)state;
	for (int64_t value = 0; value < 16; value++) {
		struct kw_histogram histogram;

		memset(&histogram, 0, sizeof(histogram));
		kw_histogram_add(&histogram, value);
		kw_histogram_add(&histogram, 1000);
		assert_int_equal(kw_histogram_quantile(&histogram, 500), value);
	}
}

static void calls_bytes_and_results_are_counted(void **state)
{
	struct fixture fixture;
	struct kwire_stats *stats;
	struct caller caller;
	int32_t id;

	(void)state;
	open_with(&fixture, counting(NULL, NULL));
	expect_alive(&fixture);
	caller = probe(&fixture, 1, 1);
	caller_start(&caller);
	id = peer_take(fixture.fd);
	caller_join(&caller);
	assert_int_equal(caller.result, KWIRE_ETIMEDOUT);
	stats = stats_of(&fixture);
	assert_int_equal(stats->broker_count, 1);
	assert_int_equal(stats->brokers[0]->size, sizeof(*stats->brokers[0]));
	assert_string_equal(stats->brokers[0]->host, "127.0.0.1");
	assert_int_equal(stats->brokers[0]->port, fixture.peer.port);
	assert_int_equal(stats->brokers[0]->node_id, -1);
	assert_int_equal(stats->brokers[0]->state, KWIRE_BROKER_UP);
	assert_int_equal(stats->brokers[0]->connections, 1);
	assert_int_equal(stats->total.calls, 2);
	assert_int_equal(stats->total.requests, 2);
	assert_int_equal(stats->total.in_flight, 0);
	assert_int_equal(stats->total.results[0], 1);
	assert_int_equal(stats->total.results[-KWIRE_ETIMEDOUT], 1);
	assert_int_equal(stats->total.maybe_applied, 1);
	assert_int_equal(stats->total.connects, 1);
	assert_int_equal(stats->total.reconnects, 0);
	assert_int_equal(stats->total.latency.count, 1);
	assert_true(stats->total.response_bytes > 0);
	assert_true(stats->total.request_bytes > stats->total.response_bytes);
	assert_string_equal(stats->client_id, "kwire");
	assert_true(peer_answer_probe(fixture.fd, id, 1, 0));
	close_all(&fixture);
	/* It outlives what it tells of. */
	assert_string_equal(stats->brokers[0]->host, "127.0.0.1");
	kwire_stats_free(stats);
}

static void what_waits_is_in_flight(void **state)
{
	struct fixture fixture;
	struct kwire_stats *stats;
	struct kwire_call *call;

	(void)state;
	open_with(&fixture, counting(NULL, NULL));
	call = start(&fixture, 1, -1, 0);
	assert_true(peer_take(fixture.fd) > 0);
	stats = stats_of(&fixture);
	assert_int_equal(stats->total.in_flight, 1);
	assert_int_equal(stats->total.calls, 0);
	kwire_stats_free(stats);
	kwire_call_free(call);
	stats = stats_of(&fixture);
	assert_int_equal(stats->total.in_flight, 0);
	assert_int_equal(stats->total.results[-KWIRE_ECANCELED], 1);
	kwire_stats_free(stats);
	close_all(&fixture);
}

static void statistics_that_were_not_asked_for_are_an_error(void **state)
{
	struct fixture fixture;
	struct kwire_stats *stats = NULL;
	struct kwire_error error;

	(void)state;
	open_plain(&fixture);
	assert_int_equal(kwire_connection_stats(fixture.connection, &stats, &error), KWIRE_EINVAL);
	assert_non_null(strstr(error.message, "kwire_config_keep_stats"));
	assert_null(stats);
	close_all(&fixture);
}

static void asking_twice_is_an_error(void **state)
{
	struct kwire_config *config = counting(NULL, NULL);

	(void)state;
	assert_int_equal(kwire_config_keep_stats(config, NULL), KWIRE_EINVAL);
	kwire_config_free(config);
}

struct text {
	char data[20000];
	size_t size;
};

static int collect(void *context, const char *data, size_t size)
{
	struct text *text = context;

	if (text->size + size >= sizeof(text->data))
		return KWIRE_ETOOLARGE;
	memcpy(text->data + text->size, data, size);
	text->size += size;
	text->data[text->size] = '\0';
	return 0;
}

/* -- a client ------------------------------------------------------------------ */

static void a_client_counts_each_broker_and_its_reconnects(void **state)
{
	struct kwire_mock_options mock_options = KWIRE_MOCK_OPTIONS_INIT;
	struct kwire_mock *mock = NULL;
	struct kwire_client *client = NULL;
	struct kwire_config *config;
	struct kwire_stats *stats = NULL;
	struct kwire_error error;
	struct kwire_broker *broker;
	struct text text = {.size = 0};
	int32_t id = -1;
	int seen = 0;

	(void)state;
	mock_options.brokers = 2;
	assert_int_equal(kwire_mock_open(&mock_options, &mock, &error), 0);
	config = counting("bootstrap.servers", kwire_mock_bootstrap(mock));
	assert_int_equal(kwire_client_open(config, &client, &error), 0);
	assert_int_equal(kwire_client_refresh(client, -1, &error), 0);
	kwire_client_recent(NULL, collect, &text);
	assert_int_equal(text.size, 0);
	kwire_client_recent(client, collect, &text);
	assert_non_null(strstr(text.data, " Metadata v"));
	for (int i = 0; i < 3; i++) {
		struct kwire_broker_info info[2];
		struct kwire_versions *versions = NULL;
		int count;

		assert_int_equal(kwire_client_brokers(client, info, 2, &count, &error), 0);
		assert_int_equal(count, 2);
		id = info[0].node_id;
		assert_int_equal(kwire_client_broker(client, id, &broker, &error), 0);
		assert_int_equal(kwire_broker_versions(broker, -1, &versions, &error), 0);
		kwire_versions_free(versions);
		kwire_broker_evict(broker);
		kwire_broker_put(broker);
	}
	assert_int_equal(kwire_client_shutdown(client, -1), 0);
	assert_int_equal(kwire_client_stats(client, &stats, &error), 0);
	assert_int_equal(stats->brokers[0]->node_id, -1);
	for (int i = 0; i < stats->broker_count; i++) {
		seen += stats->brokers[i]->node_id == id;
		if (stats->brokers[i]->node_id != id)
			continue;
		/* The first may have been to a bootstrap server that turned out to be it. */
		assert_in_range(stats->brokers[i]->counts.connects, 2, 3);
		assert_int_equal(stats->brokers[i]->counts.reconnects,
				 stats->brokers[i]->counts.connects - 1);
	}
	assert_int_equal(seen, 1);
	/* The program ended them all. */
	assert_int_equal(stats->total.disconnects, 0);
	for (int i = 0; i < stats->broker_count; i++) {
		assert_int_equal(stats->brokers[i]->connections, 0);
		assert_int_equal(stats->brokers[i]->state, KWIRE_BROKER_IDLE);
	}
	kwire_stats_free(stats);
	kwire_client_close(client);
	kwire_config_free(config);
	kwire_mock_close(mock);
}

static void a_broker_that_cannot_be_reached_is_down(void **state)
{
	struct kwire_config *config;
	struct kwire_client *client = NULL;
	struct kwire_stats *stats = NULL;
	struct kwire_error error;
	char servers[64];
	struct peer peer;

	(void)state;
	peer_init(&peer);
	snprintf(servers, sizeof(servers), "127.0.0.1:%d", peer.port);
	peer_fini(&peer);
	config = counting("bootstrap.servers", servers);
	assert_int_equal(kwire_client_open(config, &client, &error), 0);
	assert_int_equal(kwire_client_connect(client, -1, &error), KWIRE_ECONNECT);
	assert_int_equal(kwire_client_shutdown(client, -1), 0);
	assert_int_equal(kwire_client_stats(client, &stats, &error), 0);
	assert_int_equal(stats->broker_count, 1);
	assert_int_equal(stats->brokers[0]->state, KWIRE_BROKER_DOWN);
	assert_true(stats->total.connect_failures >= 1);
	assert_int_equal(stats->total.connects, 0);
	kwire_stats_free(stats);
	kwire_client_close(client);
	kwire_config_free(config);
}

/* -- Prometheus ---------------------------------------------------------------- */

/* Reads one sample as the format's grammar has it; false: it is none. */
static bool read_sample(const char *line, const char *family)
{
	size_t size = strlen(family);
	char *end;

	if (strncmp(line, family, size) != 0)
		return false;
	line += size;
	if (strncmp(line, "_sum", 4) == 0)
		line += 4;
	else if (strncmp(line, "_count", 6) == 0)
		line += 6;
	if (*line++ != '{')
		return false;
	for (;;) {
		if (!islower((unsigned char)*line))
			return false;
		while (islower((unsigned char)*line) || *line == '_')
			line++;
		if (*line++ != '=' || *line++ != '"')
			return false;
		while (*line != '"') {
			if (*line == '\\' && strchr("\\\"n", line[1]) == NULL)
				return false;
			if (*line == '\\')
				line++;
			if (*line == '\0')
				return false;
			line++;
		}
		line++;
		if (*line == '}')
			break;
		if (*line++ != ',')
			return false;
	}
	if (line[1] != ' ' || (!isdigit((unsigned char)line[2]) && line[2] != '-'))
		return false;
	(void)strtod(line + 2, &end);
	return *end == '\0';
}

/* Every line is a HELP, the TYPE after it, or a sample of that family; each family comes once. */
static int parse_prometheus(char *text)
{
	char seen[2000] = "";
	char family[64] = "", word[64], type[16];
	int samples = 0;
	bool typed = false;
	char *line, *rest = text;

	assert_int_equal(text[strlen(text) - 1], '\n');
	while ((line = strsep(&rest, "\n")) != NULL && *line != '\0') {
		if (sscanf(line, "# HELP %63s", word) == 1) {
			snprintf(family, sizeof(family), "%s", word);
			snprintf(type, sizeof(type), "|");
			assert_null(strstr(seen, word));
			strcat(strcat(seen, " "), word);
			typed = false;
		} else if (sscanf(line, "# TYPE %63s %15s", word, type) == 2) {
			assert_string_equal(word, family);
			assert_true(strcmp(type, "counter") == 0 || strcmp(type, "gauge") == 0 ||
				    strcmp(type, "summary") == 0);
			typed = true;
		} else {
			assert_true(typed);
			if (!read_sample(line, family))
				fail_msg("no sample: %s", line);
			samples++;
		}
	}
	return samples;
}

static void the_text_for_prometheus_parses_and_has_every_broker(void **state)
{
	struct fixture fixture;
	struct kwire_stats *stats;
	char *text;
	size_t size, again;

	(void)state;
	open_with(&fixture, counting("client.id", "a \"quoted\\\" id\nof two lines"));
	expect_alive(&fixture);
	stats = stats_of(&fixture);
	assert_int_equal(kwire_stats_prometheus_text(stats, NULL, 0, &size), KWIRE_ETOOLARGE);
	text = malloc(size + 1);
	assert_int_equal(kwire_stats_prometheus_text(stats, text, size, &again), KWIRE_ETOOLARGE);
	assert_int_equal(again, size);
	assert_int_equal(kwire_stats_prometheus_text(stats, text, size + 1, &again), 0);
	assert_int_equal(strlen(text), size);
	assert_non_null(strstr(text, "client_id=\"a \\\"quoted\\\\\\\" id\\nof two lines\""));
	assert_non_null(strstr(text, "result=\"KWIRE_OK\"} 1\n"));
	assert_non_null(strstr(text, "state=\"up\"} 1\n"));
	assert_non_null(strstr(text, "quantile=\"0.99\"} 0."));
	assert_true(parse_prometheus(text) > 20);
	free(text);
	kwire_stats_free(stats);
	close_all(&fixture);
}

static int refuse(void *context, const char *text, size_t size)
{
	(void)text;
	(void)size;
	return --*(int *)context > 0 ? 0 : KWIRE_EOS;
}

static void a_writer_that_fails_is_asked_no_more(void **state)
{
	struct fixture fixture;
	struct kwire_stats *stats;
	int left = 5;

	(void)state;
	open_with(&fixture, counting(NULL, NULL));
	stats = stats_of(&fixture);
	assert_int_equal(kwire_stats_prometheus(stats, refuse, &left), KWIRE_EOS);
	assert_int_equal(left, 0);
	kwire_stats_free(stats);
	close_all(&fixture);
}

/* -- the last requests ----------------------------------------------------------- */

static void the_last_requests_are_remembered_and_older_ones_forgotten(void **state)
{
	struct text text = {.size = 0};
	struct fixture fixture;
	struct kwire_call *call;
	char line[64];
	int32_t id;

	(void)state;
	open_with(&fixture, counting("recent.requests", "4"));
	for (int i = 0; i < 10; i++)
		expect_alive(&fixture);
	call = start(&fixture, 1, -1, 0);
	id = peer_take(fixture.fd);
	kwire_connection_recent(fixture.connection, collect, &text);
	assert_null(strstr(text.data, "#7 "));
	assert_ptr_equal(strstr(text.data, "#8 "), text.data);
	assert_non_null(strstr(text.data, "#10 "));
	assert_non_null(strstr(text.data, ": success\n"));
	snprintf(line, sizeof(line), "#11 %s v1 id %d broker -1 127.0.0.1:%d out ",
		 kwire_api_name(PEER_PROBE_KEY), id, fixture.peer.port);
	if (strstr(text.data, line) == NULL)
		fail_msg("%s%s", line, text.data);
	assert_non_null(strstr(strstr(text.data, line), ": in flight\n"));
	kwire_call_free(call);
	text.size = 0;
	kwire_connection_recent(fixture.connection, collect, &text);
	assert_non_null(strstr(strstr(text.data, line), ": canceled\n"));
	close_all(&fixture);
}

static void none_are_remembered_where_none_are_wanted(void **state)
{
	struct text text = {.size = 0};
	struct fixture fixture;

	(void)state;
	open_with(&fixture, counting("recent.requests", "0"));
	expect_alive(&fixture);
	kwire_connection_recent(fixture.connection, collect, &text);
	assert_int_equal(text.size, 0);
	close_all(&fixture);
}

static struct kwire_connection *crashing;
static int crash_pipe[2];
static sigjmp_buf crash_back;

static int to_pipe(void *context, const char *data, size_t size)
{
	(void)context;
	return write(crash_pipe[1], data, size) == (ssize_t)size ? 0 : KWIRE_EOS;
}

/* Like a real one it does not return; it could not, under an emulator that then mixes up
 * the threads' local storage. */
static void on_crash(int number)
{
	(void)number;
	kwire_connection_recent(crashing, to_pipe, NULL);
	siglongjmp(crash_back, 1);
}

/* A hook that crashes: the statistics' own hook may hold its lock in the same thread. */
static void crash(void *context, const struct kwire_request_event *event)
{
	(void)context;
	(void)event;
	if (sigsetjmp(crash_back, 1) == 0)
		raise(SIGUSR1);
}

static void a_signal_handler_may_dump_them(void **state)
{
	struct kwire_hooks hooks = KWIRE_HOOKS_INIT;
	struct sigaction action = {.sa_handler = on_crash}, before;
	struct fixture fixture;
	struct kwire_config *config = counting(NULL, NULL);
	struct kwire_call *call;
	char text[2000] = "";

	(void)state;
	assert_int_equal(pipe(crash_pipe), 0);
	hooks.written = crash;
	assert_int_equal(kwire_config_add_hooks(config, &hooks, NULL), 0);
	open_with(&fixture, config);
	crashing = fixture.connection;
	sigaction(SIGUSR1, &action, &before);
	call = start(&fixture, 1, -1, 0);
	sigaction(SIGUSR1, &before, NULL);
	assert_true(read(crash_pipe[0], text, sizeof(text) - 1) > 0);
	assert_non_null(strstr(text, ": in flight\n"));
	close(crash_pipe[0]);
	close(crash_pipe[1]);
	kwire_call_free(call);
	close_all(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_histogram_finds_its_quantiles_within_a_sixteenth),
		cmocka_unit_test(every_small_value_has_a_class_of_its_own),
		cmocka_unit_test(calls_bytes_and_results_are_counted),
		cmocka_unit_test(what_waits_is_in_flight),
		cmocka_unit_test(statistics_that_were_not_asked_for_are_an_error),
		cmocka_unit_test(asking_twice_is_an_error),
		cmocka_unit_test(a_client_counts_each_broker_and_its_reconnects),
		cmocka_unit_test(a_broker_that_cannot_be_reached_is_down),
		cmocka_unit_test(the_text_for_prometheus_parses_and_has_every_broker),
		cmocka_unit_test(a_writer_that_fails_is_asked_no_more),
		cmocka_unit_test(the_last_requests_are_remembered_and_older_ones_forgotten),
		cmocka_unit_test(none_are_remembered_where_none_are_wanted),
		cmocka_unit_test(a_signal_handler_may_dump_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
