/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See soak.h: 16 threads call every broker of a listener whose sessions last
 * 5 s.  Nothing may fail, and no connection be made but the first to each
 * broker (and to the bootstrap server, which has another name than it).  Each
 * login and each renewal asks for credentials, which is how they are counted.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kwire/api/metadata.h>
#include <kwire/observe.h>
#include <kwire/sasl.h>

#include "soak.h"

enum {
	CALLERS = 16,
	SESSION_S = 5,
};

struct caller {
	struct kwire_client *client;
	pthread_t thread;
	int32_t node;
	int64_t until_ms;
	int64_t calls, failed, longest_ms;
	struct kwire_error error; /* of the first failure */
};

static atomic_int logins;

/* The user of tools/kafka/security.sh. */
static int give_credentials(void *context, const char *mechanism, const char *host,
			    int64_t deadline_ms, kwire_give_credentials_function *give,
			    void *answer, struct kwire_error *error)
{
	(void)context;
	(void)mechanism;
	(void)host;
	(void)deadline_ms;
	(void)error;
	atomic_fetch_add(&logins, 1);
	return give(answer, "alice", "alice-secret");
}

static void *call(void *context)
{
	struct caller *caller = context;

	while (soak_now_ms() < caller->until_ms) {
		struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
		struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
		struct kwire_metadata_response *response = NULL;
		struct kwire_error error = KWIRE_ERROR_INIT;
		int64_t started_ms = soak_now_ms(), took_ms;
		int result;

		options.broker_id = caller->node;
		result = kwire_send_metadata_with(caller->client, &request, &response, &options,
						  &error);
		kwire_response_free(response);
		took_ms = soak_now_ms() - started_ms;
		if (took_ms > caller->longest_ms)
			caller->longest_ms = took_ms;
		caller->calls++;
		if (result != 0 && caller->failed++ == 0)
			caller->error = error;
		if (result != 0)
			soak_pause_ms(20);
	}
	return NULL;
}

static struct kwire_client *open_client(void)
{
	const char *directory = getenv("KWIRE_CLIENT_PROPERTIES");
	struct kwire_config *config = kwire_config_new();
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_client *client = NULL;
	char path[512];
	int result;

	snprintf(path, sizeof(path), "%s/reauth-scram-sha-256.properties",
		 directory != NULL ? directory : ".");
	if ((result = kwire_config_load(config, path, &error)) == 0 &&
	    (result = kwire_config_set_credentials(config, give_credentials, NULL)) == 0 &&
	    (result = kwire_config_keep_stats(config, &error)) == 0 &&
	    (result = kwire_client_open(config, &client, &error)) == 0)
		result = kwire_client_refresh(client, SOAK_CALL_MS, &error);
	kwire_config_free(config);
	if (result != 0)
		soak_say("no client: %s", error.message);
	return client;
}

bool soak_reauth(int64_t seconds)
{
	struct caller callers[CALLERS];
	struct kwire_client *client = open_client();
	int64_t calls = 0, failed = 0, longest_ms = 0, expected, connected, renewed;
	struct kwire_stats *stats = NULL;
	bool good = true;

	if (client == NULL)
		return false;
	memset(callers, 0, sizeof(callers));
	for (int i = 0; i < CALLERS; i++) {
		callers[i].client = client;
		callers[i].node = 1 + i % SOAK_BROKERS;
		callers[i].until_ms = soak_now_ms() + seconds * 1000;
		if (pthread_create(&callers[i].thread, NULL, call, &callers[i]) != 0)
			return false;
	}
	for (int i = 0; i < CALLERS; i++) {
		pthread_join(callers[i].thread, NULL);
		calls += callers[i].calls;
		failed += callers[i].failed;
		if (callers[i].failed > 0)
			printf("  failed: %s\n", callers[i].error.message);
		if (callers[i].longest_ms > longest_ms)
			longest_ms = callers[i].longest_ms;
	}
	if (kwire_client_stats(client, &stats, NULL) != 0)
		return false;
	connected = (int64_t)stats->total.connects;
	printf("\n");
	for (int32_t i = 0; i < stats->broker_count; i++)
		printf("  broker %d, %s:%d: %llu connections, %llu lost\n",
		       (int)stats->brokers[i]->node_id, stats->brokers[i]->host,
		       (int)stats->brokers[i]->port,
		       (unsigned long long)stats->brokers[i]->counts.connects,
		       (unsigned long long)stats->brokers[i]->counts.disconnects);
	kwire_stats_free(stats);
	kwire_client_close(client);
	renewed = atomic_load(&logins) - connected;
	/* At 85 to 95 % of each session: at least one in each full one. */
	expected = SOAK_BROKERS * (seconds / SESSION_S - 1);
	printf("\n  %lld calls from %d threads, longest %lld ms\n", (long long)calls, CALLERS,
	       (long long)longest_ms);
	if (failed > 0 && longest_ms > SESSION_S * 50)
		printf("  a call took longer than the last twentieth of a session, which is what "
		       "is "
		       "left\n  to renew it in: this machine was too slow for such sessions\n");
	good &= failed == 0;
	printf("  %-4s no call failed: %lld\n", failed == 0 ? "ok" : "BAD", (long long)failed);
	good &= renewed >= expected;
	printf("  %-4s sessions renewed: %lld, at least %lld\n", renewed >= expected ? "ok" : "BAD",
	       (long long)renewed, (long long)expected);
	good &= connected <= SOAK_BROKERS + 1;
	printf("  %-4s connections: %lld, to the bootstrap server and %d brokers\n",
	       connected <= SOAK_BROKERS + 1 ? "ok" : "BAD", (long long)connected, SOAK_BROKERS);
	return good;
}
