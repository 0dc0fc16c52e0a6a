/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small service: takes syslog messages from a Unix datagram socket, as
 * /dev/log is one, and produces them to a topic, many in a batch.
 *	syslog_relay SERVERS TOPIC SOCKET
 *
 * At least once: a batch is repeated until the cluster has taken it, also where
 * it may have been applied.  Meanwhile the socket's buffer fills, and senders
 * wait, as they do with every syslog.  A batch that the cluster refuses for good
 * is given up, and counted.  SIGTERM and SIGINT end it, after what it holds was
 * sent, or could not be within SEND_MS.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <kwire/kwire.h>

enum {
	LINGER_MS = 200,      /* a message waits so long for others */
	BATCH_BYTES = 200000, /* then its batch is full */
	SEND_MS = 5000,       /* for one try */
	MESSAGE_BYTES = 8192,
};

struct relay {
	struct kwire_client *client;
	struct kwire_batch_builder *builder;
	const char *topic;
	int fd;
	sigset_t unblocked;  /* the mask while waiting */
	int64_t full_at_ms;  /* when the batch has lingered long enough; 0: none is begun */
	long sent, given_up; /* messages */
};

static volatile sig_atomic_t stopping;

static void stop(int signal)
{
	(void)signal;
	stopping = 1;
}

static int64_t clock_ms(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits until `until_ms` (0: for ever), a message or a signal: whether there is a message. */
static bool wait_for_message(struct relay *relay, int64_t until_ms)
{
	int64_t left_ms = until_ms - clock_ms(CLOCK_MONOTONIC);
	struct timespec left = {0, 0};
	fd_set readable;

	if (left_ms > 0) {
		left.tv_sec = left_ms / 1000;
		left.tv_nsec = left_ms % 1000 * 1000000;
	}
	FD_ZERO(&readable);
	FD_SET(relay->fd, &readable);
	return pselect(relay->fd + 1, &readable, NULL, NULL, until_ms != 0 ? &left : NULL,
		       &relay->unblocked) == 1;
}

/* Sends what is in the batch, as often as it takes. */
static int flush(struct relay *relay, struct kwire_error *error)
{
	int32_t count = kwire_batch_builder_count(relay->builder);
	struct kwire_produce_options options = KWIRE_PRODUCE_OPTIONS_INIT;
	struct kwire_bytes batch;
	int result;

	if (relay->full_at_ms == 0)
		return 0;
	relay->full_at_ms = 0;
	options.timeout_ms = SEND_MS;
	options.create_topic = true;
	options.flags = KWIRE_WAIT; /* for a broker, up to the deadline */
	result = kwire_batch_builder_end(relay->builder, &batch, error);
	if (result != 0)
		return result;
	while ((result = kwire_produce_batch(relay->client, relay->topic, 0, batch, &options, NULL,
					     error)) != 0) {
		fprintf(stderr, "syslog_relay: %s (%s)\n", error->message,
			kwire_outcome_name(error->outcome));
		if (!error->retriable || stopping)
			break;
	}
	if (result == 0)
		relay->sent += count;
	else
		relay->given_up += count;
	return 0;
}

/* One message into the batch, which is begun for the first and sent when full. */
static int take_message(struct relay *relay, struct kwire_error *error)
{
	const struct kwire_bytes no_key = KWIRE_BYTES_NULL_INIT;
	struct kwire_batch_options options = KWIRE_BATCH_OPTIONS_INIT;
	char message[MESSAGE_BYTES];
	ssize_t size = recv(relay->fd, message, sizeof(message), MSG_DONTWAIT);
	int result = 0;

	if (size <= 0)
		return 0;
	options.codec = kwire_codec_built(KWIRE_CODEC_LZ4) ? KWIRE_CODEC_LZ4 : KWIRE_CODEC_NONE;
	if (relay->full_at_ms == 0) {
		result = kwire_batch_builder_begin(relay->builder, &options, error);
		relay->full_at_ms = clock_ms(CLOCK_MONOTONIC) + LINGER_MS;
	}
	if (result == 0)
		result = kwire_batch_builder_add(relay->builder, clock_ms(CLOCK_REALTIME), no_key,
						 kwire_bytes_of(message, (size_t)size), NULL, 0,
						 error);
	if (result == 0 && kwire_batch_builder_size(relay->builder) >= BATCH_BYTES)
		result = flush(relay, error);
	return result;
}

static int run(struct relay *relay, struct kwire_error *error)
{
	int result = 0;

	while (result == 0 && !stopping) {
		if (wait_for_message(relay, relay->full_at_ms))
			result = take_message(relay, error);
		else if (relay->full_at_ms != 0 && clock_ms(CLOCK_MONOTONIC) >= relay->full_at_ms)
			result = flush(relay, error);
	}
	return result == 0 ? flush(relay, error) : result;
}

static int listen_on(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		goto fail;
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	unlink(path);
	if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
fail:
	perror(path);
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Signals come only while it waits for messages, never into a call of the library. */
static void catch_signals(struct relay *relay)
{
	struct sigaction action = {.sa_handler = stop};
	sigset_t stops;

	sigemptyset(&stops);
	sigaddset(&stops, SIGTERM);
	sigaddset(&stops, SIGINT);
	sigprocmask(SIG_BLOCK, &stops, &relay->unblocked);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
}

int main(int argc, char **argv)
{
	struct relay relay = {.fd = -1};
	struct kwire_config *config = NULL;
	struct kwire_error error;
	int result;

	if (argc != 4) {
		fprintf(stderr, "usage: syslog_relay SERVERS TOPIC SOCKET\n");
		return 2;
	}
	catch_signals(&relay);
	relay.topic = argv[2];
	relay.fd = listen_on(argv[3]);
	if (relay.fd < 0)
		return EXIT_FAILURE;
	config = kwire_config_new();
	if ((result = kwire_config_set(config, "bootstrap.servers", argv[1], &error)) == 0 &&
	    (result = kwire_client_open(config, &relay.client, &error)) == 0 &&
	    (result = kwire_batch_builder_new(NULL, &relay.builder, &error)) == 0) {
		puts("listening");
		fflush(stdout);
		result = run(&relay, &error);
		printf("%ld messages sent, %ld given up\n", relay.sent, relay.given_up);
	}
	if (result != 0)
		fprintf(stderr, "syslog_relay: %s\n", error.message);
	kwire_batch_builder_free(relay.builder);
	kwire_client_close(relay.client);
	kwire_config_free(config);
	close(relay.fd);
	unlink(argv[3]);
	return result ? EXIT_FAILURE : EXIT_SUCCESS;
}
