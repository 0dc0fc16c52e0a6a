/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kwire-mockd: a mock Kafka cluster as a program, for clients in any language.
 * Reads its arguments and file of options, opens the cluster, prints the
 * bootstrap list as its first line, and serves its control port (control.c)
 * until SIGTERM or SIGINT.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <kwire/mock.h>
#include <kwire/version.h>

#include "control.h"

enum {
	MAX_COMMANDS = 256
};

struct settings {
	struct kwire_mock_options options;
	int control_port; /* -1: none, 0: a free one */
	const char *control_path;
	const char *ca_path;
	char *commands[MAX_COMMANDS]; /* to be run before the brokers are announced */
	int command_count;
};

static int stop_pipe[2];

static void on_signal(int number)
{
	int saved = errno;
	char byte = (char)number;

	if (write(stop_pipe[1], &byte, 1) < 0)
		errno = saved;
	errno = saved;
}

static void usage(FILE *to)
{
	fputs("usage: kwire-mockd [options]\n"
	      "  --brokers N              how many, default 3\n"
	      "  --port N                 of the first broker, the others follow; default: free "
	      "ones\n"
	      "  --topic NAME:PARTITIONS  create a topic; may be repeated\n"
	      "  --version-table RELEASE  0.11, 1.1, 2.1, 2.8, 3.9, 4.0 to 4.4, newest (default)\n"
	      "  --partitions N           of topics created on first use, default 1\n"
	      "  --no-auto-create         topics are not created on first use\n"
	      "  --host NAME              that metadata advertises\n"
	      "  --ipv6                   listen on ::1 too\n"
	      "  --tls KIND               brokers speak TLS: good, or a certificate that is not:\n"
	      "                           wrong-name, expired, future, self-signed, wrong-ca\n"
	      "  --ca-file FILE           where the test CA's certificate is written (with --tls)\n"
	      "  --sasl MECHANISMS        clients log in: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512,\n"
	      "                           OAUTHBEARER, separated by commas\n"
	      "  --user NAME:PASSWORD     who may; may be repeated\n"
	      "  --session MS             how long a login lasts, default for ever\n"
	      "  --seed N                 of whatever is random\n"
	      "  --max-bytes N            of records kept, default 256 MiB\n"
	      "  --control PORT|PATH      listen for commands on 127.0.0.1:PORT (0: a free one,\n"
	      "                           printed as the second line) or a Unix socket\n"
	      "  --do COMMAND             run a command (see `help` on the control port) at the "
	      "start\n"
	      "  --config FILE            options from a file: one a line, without the dashes\n"
	      "  --help, --version\n"
	      "The first line on standard output is the bootstrap list.  SIGTERM and SIGINT stop "
	      "it.\n",
	      to);
}

static int add_command(struct settings *settings, const char *verb, const char *rest)
{
	size_t size = strlen(verb) + strlen(rest) + 2;
	char *text;

	if (settings->command_count == MAX_COMMANDS || (text = malloc(size)) == NULL) {
		fputs("kwire-mockd: too many commands\n", stderr);
		return 1;
	}
	snprintf(text, size, "%s%s%s", verb, *verb != '\0' ? " " : "", rest);
	settings->commands[settings->command_count++] = text;
	return 0;
}

static int number_of(const char *name, const char *value, long long min, long long max,
		     long long *number)
{
	char *end;

	errno = 0;
	*number = strtoll(value, &end, 10);
	if (end != value && *end == '\0' && errno == 0 && *number >= min && *number <= max)
		return 0;
	fprintf(stderr, "kwire-mockd: --%s must be a number from %lld to %lld, not \"%s\"\n", name,
		min, max, value);
	return 1;
}

/* "NAME:REST" as the command "VERB NAME REST"; a name of a topic ends at the last colon. */
static int add_pair(struct settings *settings, const char *verb, const char *value, bool last)
{
	char text[600];
	char *colon;

	if (strlen(value) >= sizeof(text)) {
		fprintf(stderr, "kwire-mockd: the value of --%s is too long\n", verb);
		return 1;
	}
	snprintf(text, sizeof(text), "%s", value);
	colon = last ? strrchr(text, ':') : strchr(text, ':');
	if (colon != NULL)
		*colon = ' ';
	return add_command(settings, verb, text);
}

static int read_file(struct settings *settings, const char *path);

/* One option; `*took` says whether it used `value`.  0: fine, 1: not. */
static int set_option(struct settings *settings, const char *name, const char *value, int *took)
{
	struct kwire_mock_options *options = &settings->options;
	long long number = 0;
	int failed = 0;

	*took = 0;
	if (strcmp(name, "no-auto-create") == 0) {
		options->flags |= KWIRE_MOCK_NO_AUTO_CREATE;
		return 0;
	}
	if (strcmp(name, "ipv6") == 0) {
		options->flags |= KWIRE_MOCK_IPV6 | KWIRE_MOCK_IPV4;
		return 0;
	}
	*took = 1;
	if (value == NULL) {
		fprintf(stderr, "kwire-mockd: --%s is not known, or needs a value\n", name);
		return 1;
	}
	if (strcmp(name, "brokers") == 0) {
		failed = number_of(name, value, 1, 100, &number);
		options->brokers = (int32_t)number;
	} else if (strcmp(name, "port") == 0) {
		failed = number_of(name, value, 0, 65535, &number);
		options->port = (int32_t)number;
	} else if (strcmp(name, "partitions") == 0) {
		failed = number_of(name, value, 1, 100000, &number);
		options->partitions = (int32_t)number;
	} else if (strcmp(name, "seed") == 0) {
		failed = number_of(name, value, 0, INT64_MAX, &number);
		options->seed = (uint64_t)number;
	} else if (strcmp(name, "max-bytes") == 0) {
		failed = number_of(name, value, 0, INT64_MAX, &number);
		options->max_bytes = number;
	} else if (strcmp(name, "topic") == 0) {
		failed = add_pair(settings, name, value, true);
	} else if (strcmp(name, "user") == 0) {
		failed = add_pair(settings, name, value, false);
	} else if (strcmp(name, "tls") == 0 || strcmp(name, "sasl") == 0 ||
		   strcmp(name, "session") == 0) {
		failed = add_command(settings, name, value);
	} else if (strcmp(name, "ca-file") == 0) {
		settings->ca_path = value;
	} else if (strcmp(name, "do") == 0) {
		failed = add_command(settings, "", value);
	} else if (strcmp(name, "version-table") == 0) {
		options->versions = value;
	} else if (strcmp(name, "host") == 0) {
		options->host = value;
	} else if (strcmp(name, "config") == 0) {
		failed = read_file(settings, value);
	} else if (strcmp(name, "control") == 0 && strchr(value, '/') != NULL) {
		settings->control_path = value;
	} else if (strcmp(name, "control") == 0) {
		failed = number_of(name, value, 0, 65535, &number);
		settings->control_port = (int)number;
	} else {
		fprintf(stderr, "kwire-mockd: --%s is not known\n", name);
		failed = 1;
	}
	return failed;
}

/* Lines "name value" or "name=value"; the values live as long as the program. */
static int read_file(struct settings *settings, const char *path)
{
	char text[2000];
	FILE *file = fopen(path, "r");
	int failed = 0;
	int number = 0;

	if (file == NULL) {
		fprintf(stderr, "kwire-mockd: cannot read %s\n", path);
		return 1;
	}
	while (!failed && fgets(text, sizeof(text), file) != NULL) {
		char *copy;
		char *value;
		int took;

		number++;
		text[strcspn(text, "\r\n")] = '\0';
		if (text[0] == '#' || text[0] == '\0')
			continue;
		copy = strdup(text);
		if (copy == NULL)
			failed = 1;
		if (copy == NULL)
			break;
		value = copy + strcspn(copy, " =");
		if (*value != '\0')
			*value++ = '\0';
		failed = set_option(settings, copy, *value != '\0' ? value : NULL, &took);
		if (failed)
			fprintf(stderr, "kwire-mockd: %s, line %d\n", path, number);
	}
	fclose(file);
	return failed;
}

static int read_arguments(struct settings *settings, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char *name = argv[i];
		char *value = NULL;
		int took;
		int failed;

		if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
			usage(stdout);
			exit(0);
		}
		if (strcmp(name, "--version") == 0) {
			printf("kwire-mockd %s\n", KWIRE_VERSION_STRING);
			exit(0);
		}
		if (strncmp(name, "--", 2) != 0) {
			fprintf(stderr, "kwire-mockd: \"%s\" is not an option\n", name);
			return 1;
		}
		value = strchr(name, '=');
		if (value != NULL) {
			*value++ = '\0';
			failed = set_option(settings, name + 2, value, &took);
		} else {
			failed = set_option(settings, name + 2, i + 1 < argc ? argv[i + 1] : NULL,
					    &took);
			i += took;
		}
		if (failed)
			return 1;
	}
	return 0;
}

static int watch_signals(void)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = on_signal;
	sigemptyset(&action.sa_mask);
	if (pipe(stop_pipe) != 0 || sigaction(SIGTERM, &action, NULL) != 0 ||
	    sigaction(SIGINT, &action, NULL) != 0)
		return 1;
	action.sa_handler = SIG_IGN;
	return sigaction(SIGPIPE, &action, NULL) != 0;
}

static int write_ca(const char *path, struct kwire_mock *mock)
{
	const char *pem = kwire_mock_ca(mock);
	FILE *file = pem != NULL ? fopen(path, "w") : NULL;
	int failed = file == NULL || fputs(pem, file) < 0;

	if (file != NULL && fclose(file) != 0)
		failed = 1;
	if (failed)
		fprintf(stderr,
			pem == NULL ? "kwire-mockd: --ca-file %s needs --tls\n"
				    : "kwire-mockd: cannot write %s\n",
			path);
	return failed;
}

static int serve(struct settings *settings, struct kwire_mock *mock)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	int control = -1;
	int port = settings->control_port;

	for (int i = 0; i < settings->command_count; i++)
		if (kwire_mock_do(mock, settings->commands[i], NULL, 0, &error) != 0) {
			fprintf(stderr, "kwire-mockd: \"%s\": %s\n", settings->commands[i],
				error.message);
			return 1;
		}
	if (settings->ca_path != NULL && write_ca(settings->ca_path, mock))
		return 1;
	if (settings->control_path != NULL || port >= 0) {
		control = control_listen(settings->control_path, &port);
		if (control < 0) {
			fputs("kwire-mockd: cannot listen for commands\n", stderr);
			return 1;
		}
	}
	printf("%s\n", kwire_mock_bootstrap(mock));
	if (control >= 0 && settings->control_path == NULL)
		printf("control 127.0.0.1:%d\n", port);
	fflush(stdout);
	control_serve(control, stop_pipe[0], mock);
	if (settings->control_path != NULL)
		unlink(settings->control_path);
	return 0;
}

int main(int argc, char **argv)
{
	struct settings settings = {.options = KWIRE_MOCK_OPTIONS_INIT, .control_port = -1};
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_mock *mock = NULL;
	int failed;

	if (read_arguments(&settings, argc, argv)) {
		fputs("kwire-mockd --help lists the options\n", stderr);
		return 2;
	}
	if (watch_signals()) {
		fputs("kwire-mockd: cannot watch signals\n", stderr);
		return 1;
	}
	if (kwire_mock_open(&settings.options, &mock, &error) != 0) {
		fprintf(stderr, "kwire-mockd: %s\n", error.message);
		return 1;
	}
	failed = serve(&settings, mock);
	kwire_mock_close(mock);
	for (int i = 0; i < settings.command_count; i++)
		free(settings.commands[i]);
	return failed;
}
