/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A daemon that tells a cluster each ten seconds that it is alive: detaches,
 * opens its client after that (threads do not survive a fork), bears a cluster
 * that is away, and ends on SIGTERM.
 *	daemon SERVERS TOPIC [SECONDS [--foreground]]
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include <kwire/kwire.h>

static int beat(struct kwire_client *client, struct kwire_batch_builder *builder, const char *topic,
		struct kwire_error *error)
{
	static const char text[] = "alive";
	const struct kwire_bytes no_key = KWIRE_BYTES_NULL_INIT;
	struct kwire_produce_options options = KWIRE_PRODUCE_OPTIONS_INIT;
	struct kwire_bytes batch;
	int result;

	options.timeout_ms = 5000;
	options.create_topic = true;
	if ((result = kwire_batch_builder_begin(builder, NULL, error)) == 0 &&
	    (result = kwire_batch_builder_add(builder, (int64_t)time(NULL) * 1000, no_key,
					      kwire_bytes_of(text, strlen(text)), NULL, 0,
					      error)) == 0 &&
	    (result = kwire_batch_builder_end(builder, &batch, error)) == 0)
		result = kwire_produce_batch(client, topic, 0, batch, &options, NULL, error);
	return result;
}

int main(int argc, char **argv)
{
	struct timespec interval = {argc > 3 ? atoi(argv[3]) : 10, 0};
	struct kwire_batch_builder *builder = NULL;
	struct kwire_config *config = NULL;
	struct kwire_client *client = NULL;
	struct kwire_error error;
	sigset_t stop;
	int result;

	if (argc < 3) {
		fprintf(stderr, "usage: daemon SERVERS TOPIC [SECONDS [--foreground]]\n");
		return 2;
	}
	/* Blocked before there are threads, so that only sigtimedwait() below takes them. */
	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGINT);
	sigprocmask(SIG_BLOCK, &stop, NULL);
	if (argc < 5 && daemon(0, 0) != 0)
		return EXIT_FAILURE;
	openlog("kwire-daemon", argc < 5 ? LOG_PID : LOG_PID | LOG_PERROR, LOG_DAEMON);

	config = kwire_config_new();
	if ((result = kwire_config_set(config, "bootstrap.servers", argv[1], &error)) != 0 ||
	    (result = kwire_client_open(config, &client, &error)) != 0 ||
	    (result = kwire_batch_builder_new(NULL, &builder, &error)) != 0)
		syslog(LOG_ERR, "%s", error.message);
	while (result == 0) {
		/* The library heals by itself; the next beat comes in any case. */
		if (beat(client, builder, argv[2], &error) != 0)
			syslog(LOG_WARNING, "%s", error.message);
		if (sigtimedwait(&stop, NULL, &interval) > 0)
			break;
	}
	kwire_batch_builder_free(builder);
	kwire_client_close(client);
	kwire_config_free(config);
	return result ? EXIT_FAILURE : EXIT_SUCCESS;
}
