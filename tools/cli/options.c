/* SPDX-License-Identifier: Apache-2.0 */
/* See cli.h: the options that all commands have, help, and the client. */
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <kwire/json.h>

#include "cli.h"

/* What getopt_long returns: a letter for the common ones, OWN + index for a command's. */
enum {
	JSON = 256,
	TIMEOUT,
	TRACE,
	NO_TIMES,
	HELP,
	OWN,
	MAX_OPTIONS = 32
};

const struct cli_option cli_common_options[] = {
	{"bootstrap", 'b', "HOST:PORT[,...]", "brokers to begin with (bootstrap.servers)"},
	{"property", 'X', "NAME=VALUE", "sets a property; `kwire config` lists them"},
	{"file", 'F', "PATH", "reads properties from a file; before -X, wherever it stands"},
	{"timeout", 0, "MS", "for each call (request.timeout.ms)"},
	{"json", 0, NULL, "answers in JSON"},
	{"trace", 0, "[=FILE]", "every request and response, to FILE or standard error"},
	{"no-times", 0, NULL, "leaves times out of the trace, so that two can be compared"},
	{"verbose", 'v', NULL, "the library's log on standard error; twice: all of it"},
	{"help", 'h', NULL, "this help"},
	{NULL, 0, NULL, NULL},
};
static const int common_codes[] = {'b', 'X', 'F', TIMEOUT, JSON, TRACE, NO_TIMES, 'v', HELP};

static void print_options(const struct cli_option *options)
{
	for (; options != NULL && options->name != NULL; options++) {
		char left[64];

		snprintf(left, sizeof(left), "%c%c%s--%s%s%s", options->letter ? '-' : ' ',
			 options->letter ? options->letter : ' ', options->letter ? ", " : "  ",
			 options->name,
			 options->value != NULL && options->value[0] != '[' ? " " : "",
			 options->value ? options->value : "");
		printf("  %-34s %s\n", left, options->help);
	}
}

static void print_help(const struct cli_command *command)
{
	printf("usage: kwire %s %s%s[OPTION...]\n\n%s.\n%s\noptions:\n", command->name,
	       command->operands, *command->operands ? " " : "", command->summary,
	       command->details);
	print_options(command->options);
	print_options(cli_common_options);
	printf("\n" CLI_EXIT_CODES);
}

int cli_fail(const struct kwire_error *error)
{
	fflush(stdout);
	if (!cli_interrupted())
		fprintf(stderr, "kwire: %s\n",
			error->message[0] ? error->message : kwire_result_text(error->result));
	return CLI_FAILURE;
}

int cli_usage(const struct cli *cli, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fprintf(stderr, "kwire %s: ", cli->command->name);
	vfprintf(stderr, format, arguments);
	fprintf(stderr, "; see kwire %s --help\n", cli->command->name);
	va_end(arguments);
	return CLI_USAGE;
}

static bool parse_integer(const struct cli *cli, const char *name, const char *text, int64_t least,
			  int64_t most, int64_t *value)
{
	char *end;
	long long number;

	errno = 0;
	number = strtoll(text, &end, 10);
	if (end == text || *end != '\0' || errno != 0 || number < least || number > most) {
		cli_usage(cli, "--%s takes a number from %lld to %lld, not '%s'", name,
			  (long long)least, (long long)most, text);
		return false;
	}
	*value = number;
	return true;
}

bool cli_integer(const struct cli *cli, int index, int64_t least, int64_t most, int64_t *value)
{
	return cli->values[index] == NULL || parse_integer(cli, cli->command->options[index].name,
							   cli->values[index], least, most, value);
}

/* Sets a property from NAME=VALUE. */
static int set_property(struct cli *cli, const char *assignment)
{
	const char *equals = strchr(assignment, '=');
	struct kwire_error error = KWIRE_ERROR_INIT;
	char name[128];

	if (equals == NULL || equals == assignment || (size_t)(equals - assignment) >= sizeof(name))
		return cli_usage(cli, "-X takes NAME=VALUE, not '%s'", assignment);
	memcpy(name, assignment, (size_t)(equals - assignment));
	name[equals - assignment] = '\0';
	if (kwire_config_set(cli->config, name, equals + 1, &error) != KWIRE_OK) {
		fprintf(stderr, "kwire: %s\n", error.message);
		return CLI_USAGE;
	}
	return CLI_OK;
}

static void print_log(void *context, enum kwire_log_level level, const char *line)
{
	const int *most = context;

	if ((int)level <= *most)
		fprintf(stderr, "%s\n", line);
}

/* In getopt_long's terms. */
static int takes_value(const struct cli_option *option)
{
	if (option->value == NULL)
		return no_argument;
	return option->value[0] == '[' ? optional_argument : required_argument;
}

/* Which options getopt_long should know, in its own terms. */
static void gather(const struct cli_command *command, struct option *longs, char *shorts)
{
	int count = 0;

	*shorts++ = ':';
	for (int i = 0; cli_common_options[i].name != NULL; i++) {
		longs[count++] = (struct option){cli_common_options[i].name,
						 takes_value(&cli_common_options[i]), NULL,
						 common_codes[i]};
		if (cli_common_options[i].letter) {
			*shorts++ = cli_common_options[i].letter;
			if (cli_common_options[i].value)
				*shorts++ = ':';
		}
	}
	for (int i = 0; command->options != NULL && command->options[i].name != NULL; i++) {
		const struct cli_option *own = &command->options[i];

		longs[count++] = (struct option){own->name, takes_value(own), NULL, OWN + i};
		if (own->letter) {
			*shorts++ = own->letter;
			if (own->value)
				*shorts++ = ':';
		}
	}
	longs[count] = (struct option){NULL, 0, NULL, 0};
	*shorts = '\0';
}

/* The index of the command's own option of this letter, -1: none. */
static int own_option(const struct cli_command *command, int letter)
{
	for (int i = 0; command->options != NULL && command->options[i].name != NULL; i++)
		if (command->options[i].letter == letter)
			return i;
	return -1;
}

/* One option; files are read in a round of their own, before the properties. */
static int take_option(struct cli *cli, int code, bool files, int *verbose, bool *done)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	int own = code >= OWN ? code - OWN : own_option(cli->command, code);

	if (own >= 0) {
		cli->values[own] = optarg != NULL ? optarg : "";
		if (files)
			return CLI_OK;
		if (cli->given_count == CLI_MOST_GIVEN)
			return cli_usage(cli, "more than %d options", CLI_MOST_GIVEN);
		cli->given[cli->given_count].option = own;
		cli->given[cli->given_count++].value = cli->values[own];
		return CLI_OK;
	}
	switch (code) {
	case 'b':
		if (!files && kwire_config_set(cli->config, "bootstrap.servers", optarg, &error) !=
				      KWIRE_OK) {
			fprintf(stderr, "kwire: %s\n", error.message);
			return CLI_USAGE;
		}
		return CLI_OK;
	case 'X':
		return files ? CLI_OK : set_property(cli, optarg);
	case 'F':
		if (files && kwire_config_load(cli->config, optarg, &error) != KWIRE_OK) {
			fprintf(stderr, "kwire: %s\n", error.message);
			return CLI_USAGE;
		}
		return CLI_OK;
	case TIMEOUT:
		if (!parse_integer(cli, "timeout", optarg, 1, INT32_MAX, &cli->timeout_ms))
			return CLI_USAGE;
		kwire_config_set(cli->config, "request.timeout.ms", optarg, NULL);
		return CLI_OK;
	case JSON:
		cli->json = true;
		return CLI_OK;
	case TRACE:
		cli->trace_path = optarg != NULL ? optarg : "";
		return CLI_OK;
	case NO_TIMES:
		cli->no_times = true;
		return CLI_OK;
	case 'v':
		*verbose += !files;
		return CLI_OK;
	case HELP:
	case 'h':
		*done = true;
		return CLI_OK;
	case ':':
		return cli_usage(cli, "%s needs a value", optarg ? optarg : "an option");
	default:
		return CLI_USAGE;
	}
}

static int take_options(struct cli *cli, int argc, char **argv, bool files, int *verbose,
			bool *done)
{
	struct option longs[MAX_OPTIONS];
	char shorts[2 * MAX_OPTIONS];
	int code, result;

	gather(cli->command, longs, shorts);
	optind = 1;
	opterr = 0;
	while ((code = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		const char *word = argv[optind - 1];

		if (code == '?')
			return cli_usage(cli, "no option '%s'", word);
		if (code == ':')
			return cli_usage(cli, "option '%s' needs a value", word);
		result = take_option(cli, code, files, verbose, done);
		if (result != CLI_OK || *done)
			return result;
	}
	return CLI_OK;
}

static int print_trace(void *context, const char *text, size_t size)
{
	return fwrite(text, 1, size, context) == size ? KWIRE_OK : KWIRE_EOS;
}

/* Has whatever is opened traced, if that was asked for. */
static int start_trace(struct cli *cli)
{
	struct kwire_trace trace = KWIRE_TRACE_INIT;
	struct kwire_error error = KWIRE_ERROR_INIT;

	if (cli->trace_path == NULL)
		return CLI_OK;
	cli->trace = *cli->trace_path == '\0' ? stderr : fopen(cli->trace_path, "w");
	if (cli->trace == NULL)
		return cli_usage(cli, "--trace: %s: %s", cli->trace_path, strerror(errno));
	trace.write = print_trace;
	trace.context = cli->trace;
	trace.fields = kwire_trace_fields;
	trace.flags = cli->no_times ? KWIRE_TRACE_NO_TIMES : 0;
	if (kwire_config_trace(cli->config, &trace, &error) != KWIRE_OK)
		return cli_fail(&error);
	return CLI_OK;
}

int cli_parse(struct cli *cli, const struct cli_command *command, int argc, char **argv, bool *done)
{
	static int verbose;
	int result;

	memset(cli, 0, sizeof(*cli));
	cli->command = command;
	cli->timeout_ms = -1;
	cli->terminal = isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL;
	cli->config = kwire_config_new();
	kwire_oauth_client_credentials(cli->config);
	result = take_options(cli, argc, argv, true, &verbose, done);
	if (result == CLI_OK && !*done)
		result = take_options(cli, argc, argv, false, &verbose, done);
	if (*done) {
		print_help(command);
		return CLI_OK;
	}
	if (result != CLI_OK)
		return result;
	cli->operands = argv + optind;
	cli->operand_count = argc - optind;
	if (command->most_operands >= 0 && cli->operand_count > command->most_operands)
		return cli_usage(cli, "'%s' is one word too many",
				 cli->operands[command->most_operands]);
	if (verbose > 0) {
		verbose = verbose > 1 ? KWIRE_LOG_DEBUG : KWIRE_LOG_INFO;
		kwire_config_set_log(cli->config, print_log, &verbose);
	}
	return start_trace(cli);
}

void cli_fini(struct cli *cli)
{
	if (cli->watching) {
		pthread_cancel(cli->watcher);
		pthread_join(cli->watcher, NULL);
	}
	kwire_client_close(cli->client);
	kwire_config_free(cli->config);
	if (cli->trace != NULL && cli->trace != stderr && fclose(cli->trace) != 0)
		fprintf(stderr, "kwire: %s: %s\n", cli->trace_path, strerror(errno));
}

static atomic_bool interrupted;

bool cli_interrupted(void)
{
	return atomic_load(&interrupted);
}

/* Waits for the first Ctrl-C and shuts the client down; a second one ends the program. */
static void *watch_signals(void *argument)
{
	struct cli *cli = argument;
	sigset_t signals;
	int number;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	while (sigwait(&signals, &number) != 0)
		;
	atomic_store(&interrupted, true);
	pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
	kwire_client_shutdown(cli->client, 0);
	return NULL;
}

int cli_open_client(struct cli *cli)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	char servers[2];
	sigset_t signals;

	if (kwire_config_get(cli->config, "bootstrap.servers", servers, sizeof(servers), NULL) ==
		    KWIRE_OK &&
	    servers[0] == '\0')
		return cli_usage(cli,
				 "which cluster? -b HOST:PORT, or bootstrap.servers by -X or -F");
	if (kwire_client_open(cli->config, &cli->client, &error) != KWIRE_OK)
		return cli_fail(&error);
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	cli->watching = pthread_create(&cli->watcher, NULL, watch_signals, cli) == 0;
	if (!cli->watching)
		pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
	return CLI_OK;
}
