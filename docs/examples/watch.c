/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches a cluster: at intervals its brokers, the leaders of each topic's
 * partitions, and what this client has counted; connections as they come and
 * go.  `watch SERVERS [SECONDS]` goes on until Ctrl-C; without arguments it
 * looks at a mock cluster three times, one broker of which goes away.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <kwire/api/metadata.h>
#include <kwire/kwire.h>
#include <kwire/mock.h>

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
	(void)number;
	stopped = 1;
}

/* A hook: runs on the connection's thread, with no lock held. */
static void on_connected(void *context, const struct kwire_connection_event *event)
{
	(void)context;
	printf("+ %s:%d connected after %.1f ms\n", event->peer.host, (int)event->peer.port,
	       (double)(event->ready_us - event->begun_us) / 1000);
}

static void on_disconnected(void *context, const struct kwire_connection_event *event)
{
	(void)context;
	if (!event->planned)
		printf("- %s\n", event->cause->message);
}

static void print_leaders(const struct kwire_metadata_response *metadata)
{
	for (int i = 0; i < metadata->topics.count; i++) {
		printf("  topic %-20s leaders", metadata->topics.items[i].name.data);
		for (int j = 0; j < metadata->topics.items[i].partitions.count; j++)
			printf(" %d", (int)metadata->topics.items[i].partitions.items[j].leader_id);
		printf("\n");
	}
}

static void print_stats(struct kwire_client *client)
{
	struct kwire_stats *stats = NULL;
	struct kwire_error error;

	if (kwire_client_stats(client, &stats, &error) != KWIRE_OK) {
		fprintf(stderr, "%s\n", error.message);
		return;
	}
	for (int i = 0; i < stats->broker_count; i++) {
		const struct kwire_broker_stats *broker = stats->brokers[i];

		printf("  broker %2d %s:%d %-4s %llu calls, %llu bytes out, %llu in, p99 %.2f ms\n",
		       (int)broker->node_id, broker->host, (int)broker->port,
		       kwire_broker_state_name(broker->state),
		       (unsigned long long)broker->counts.calls,
		       (unsigned long long)broker->counts.request_bytes,
		       (unsigned long long)broker->counts.response_bytes,
		       (double)broker->counts.latency.p99_us / 1000);
	}
	kwire_stats_free(stats);
}

/* One look: asks every broker that the cluster names. */
static void look(struct kwire_client *client)
{
	struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_metadata_response *response = NULL;
	struct kwire_broker_info brokers[64];
	struct kwire_error error;
	int count = 0;

	request.topics.count = -1; /* null: all topics */
	if (kwire_client_brokers(client, brokers, 64, &count, &error) != KWIRE_OK)
		fprintf(stderr, "%s\n", error.message);
	for (int i = 0; i < count && i < 64; i++) {
		options.broker_id = brokers[i].node_id;
		if (kwire_send_metadata_with(client, &request, &response, &options, &error) !=
		    KWIRE_OK) {
			printf("! broker %d: %s\n", (int)brokers[i].node_id, error.message);
			continue;
		}
		if (i == 0)
			print_leaders(response);
		kwire_response_free(response);
		response = NULL;
	}
	print_stats(client);
}

/* A cluster to look at where none was named; NULL after a message. */
static struct kwire_mock *play_cluster(void)
{
	struct kwire_mock *mock = NULL;
	struct kwire_error error;

	if (kwire_mock_open(NULL, &mock, &error) != KWIRE_OK ||
	    kwire_mock_create_topic(mock, "orders", 6, &error) != KWIRE_OK) {
		fprintf(stderr, "%s\n", error.message);
		kwire_mock_close(mock);
		return NULL;
	}
	return mock;
}

static void watch(struct kwire_client *client, struct kwire_mock *mock, int seconds)
{
	struct timespec pause = {seconds, 0};

	for (int round = 1; !stopped && (mock == NULL || round <= 3); round++) {
		printf("round %d\n", round);
		look(client);
		fflush(stdout);
		if (mock != NULL && round == 1)
			kwire_mock_stop_broker(mock, 3, NULL);
		else if (mock == NULL)
			nanosleep(&pause, NULL);
	}
	/* What a crash handler would do: the last requests, one a line. */
	fflush(stdout);
	kwire_client_dump_recent(client, 1);
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = on_signal};
	struct kwire_hooks hooks = KWIRE_HOOKS_INIT;
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_config *config = kwire_config_new();
	struct kwire_client *client = NULL;
	struct kwire_mock *mock = argc > 1 ? NULL : play_cluster();
	const char *servers = argc > 1 ? argv[1] : mock != NULL ? kwire_mock_bootstrap(mock) : "";
	int result;

	sigaction(SIGINT, &action, NULL);
	hooks.connected = on_connected;
	hooks.disconnected = on_disconnected;
	if ((result = kwire_config_set(config, "bootstrap.servers", servers, &error)) == 0 &&
	    (result = kwire_config_set(config, "recent.requests", "8", &error)) == 0 &&
	    (result = kwire_config_add_hooks(config, &hooks, &error)) == 0 &&
	    (result = kwire_config_keep_stats(config, &error)) == 0 &&
	    (result = kwire_client_open(config, &client, &error)) == 0)
		watch(client, mock, argc > 2 ? atoi(argv[2]) : 10);
	else
		fprintf(stderr, "%s\n", error.message);

	kwire_client_close(client);
	kwire_config_free(config);
	kwire_mock_close(mock);
	return result ? EXIT_FAILURE : EXIT_SUCCESS;
}
