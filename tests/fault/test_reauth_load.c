/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions renewed under load: 16 threads call, one polls long, and no call
 * fails, no connection is made anew, and both sides count the same renewals.
 * The mock's time stands still, so that no session of its ends because the
 * machine is slow: only kwire's own doing can fail here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>

#include <kwire/api/metadata.h>
#include <kwire/kwire.h>
#include <kwire/mock.h>
#include <kwire/observe.h>

enum {
	THREADS = 16,
	RENEWALS = 12,
	SASL_HANDSHAKE = 17,
};

static struct kwire_mock *mock;
static atomic_bool stop;
static atomic_int handshakes; /* that kwire began */

static void count_handshakes(void *context, const struct kwire_frame_event *event)
{
	(void)context;
	if (event->api_key == SASL_HANDSHAKE && !event->response)
		atomic_fetch_add(&handshakes, 1);
}

struct load {
	struct kwire_client *client;
	pthread_t thread;
	int64_t offset; /* of a poller */
	long calls;
	atomic_int result;
	struct kwire_error error;
};

static void *call_on(void *context)
{
	struct load *load = context;

	while (!atomic_load(&stop) && load->result == 0) {
		struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
		struct kwire_metadata_response *response = NULL;

		load->result = kwire_send_metadata(load->client, &request, &response, &load->error);
		kwire_response_free(response);
		load->calls++;
	}
	return NULL;
}

/* Polls for what is appended now and then; the answer comes no sooner. */
static void *poll_on(void *context)
{
	struct load *load = context;

	while (!atomic_load(&stop) && load->result == 0) {
		struct kwire_fetch_options options = KWIRE_FETCH_OPTIONS_INIT;
		struct kwire_fetched *fetched = NULL;
		struct kwire_record record;

		options.max_wait_ms = 600000;
		load->result = kwire_fetch_partition(load->client, "news", 0, load->offset,
						     &options, &fetched, &load->error);
		while (load->result == 0 && kwire_fetched_next(fetched, 0, &record, NULL) == 1)
			load->offset = record.offset + 1;
		kwire_fetched_free(fetched);
		load->calls++;
	}
	return NULL;
}

/* How often a connection's session was renewed. */
static int64_t renewals_of(int connection)
{
	struct kwire_mock_match match = kwire_mock_on(SASL_HANDSHAKE);

	match.connection = connection;
	return kwire_mock_count(mock, &match) - 1;
}

static void no_call_fails_while_sessions_are_renewed(const char *mechanism)
{
	struct kwire_mock_options options = KWIRE_MOCK_OPTIONS_INIT;
	struct kwire_config *config = kwire_config_new();
	struct kwire_hooks hooks = KWIRE_HOOKS_INIT;
	const struct kwire_mock_match begun = kwire_mock_on(SASL_HANDSHAKE);
	static struct load loads[THREADS + 1];
	struct kwire_mock_logins logins;
	struct kwire_client *client;
	struct kwire_error error;
	int64_t seen = 0, accepted;

	memset(loads, 0, sizeof(loads));
	atomic_store(&stop, false);
	atomic_store(&handshakes, 0);
	options.brokers = 1;
	options.flags = KWIRE_MOCK_MANUAL_TIME;
	options.log_requests = 1000000;
	assert_int_equal(kwire_mock_open(&options, &mock, &error), 0);
	kwire_mock_set_sasl(mock, mechanism, &error);
	kwire_mock_set_user(mock, "alice", "secret", &error);
	kwire_mock_set_session(mock, 400, &error);
	assert_int_equal(kwire_mock_create_topic(mock, "news", 1, &error), 0);
	kwire_config_set(config, "bootstrap.servers", kwire_mock_bootstrap(mock), &error);
	kwire_config_set(config, "security.protocol", "SASL_PLAINTEXT", &error);
	kwire_config_set(config, "sasl.mechanism", mechanism, &error);
	kwire_config_set(config, "sasl.username", "alice", &error);
	kwire_config_set(config, "sasl.password", "secret", &error);
	kwire_config_set(config, "request.timeout.ms", "120000", &error);
	hooks.frame = count_handshakes;
	assert_int_equal(kwire_config_add_hooks(config, &hooks, &error), 0);
	assert_int_equal(kwire_client_open(config, &client, &error), 0);
	kwire_config_free(config);
	for (int i = 0; i <= THREADS; i++) {
		loads[i].client = client;
		assert_int_equal(pthread_create(&loads[i].thread, NULL,
						i < THREADS ? call_on : poll_on, &loads[i]),
				 0);
	}
	/* Each renewal of the one connection that begins lets the long poll on the other go on to
	 * its own. */
	while (kwire_mock_logins(mock).renewed < RENEWALS || renewals_of(0) < 2 ||
	       renewals_of(1) < 2) {
		bool broken = false;

		for (int i = 0; i < THREADS; i++)
			broken = broken || loads[i].result != 0;
		if (broken)
			break;
		if (kwire_mock_wait(mock, &begun, seen + 1, 1000, NULL) == 0) {
			seen = kwire_mock_count(mock, &begun);
			kwire_mock_append(mock, "news", 0, NULL, "now", &error);
		}
	}
	atomic_store(&stop, true);
	kwire_mock_append(mock, "news", 0, NULL, "the end", &error);
	for (int i = 0; i <= THREADS; i++)
		pthread_join(loads[i].thread, NULL);
	for (int i = 0; i <= THREADS; i++) {
		if (loads[i].result != 0)
			fail_msg("call %ld: %s", loads[i].calls, loads[i].error.message);
		assert_true(loads[i].calls > 0);
	}
	kwire_client_close(client);
	logins = kwire_mock_logins(mock);
	kwire_mock_connections(mock, -1, NULL, &accepted, &error);
	assert_int_equal(logins.refused, 0);
	assert_int_equal(accepted, 2); /* calls, and long polls */
	assert_int_equal(logins.first, 2);
	/* One on each connection may have been under way when the client closed. */
	assert_in_range(atomic_load(&handshakes) - logins.first - logins.renewed, 0, 2);
	print_message("%s: %lld logins, %lld renewals, %d handshakes by kwire's count\n", mechanism,
		      (long long)logins.first, (long long)logins.renewed, atomic_load(&handshakes));
	kwire_mock_close(mock);
}

static void by_plain(void **state)
{
	(void)state;
	no_call_fails_while_sessions_are_renewed("PLAIN");
}

static void by_scram(void **state)
{
	(void)state;
	no_call_fails_while_sessions_are_renewed("SCRAM-SHA-512");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_plain),
		cmocka_unit_test(by_scram),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
