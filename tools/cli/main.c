/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `kwire`, the command-line probe: finds the command and runs it.  Each command
 * is a file of its own, command_<name>.c; options.c reads what they share.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"

static const struct cli_command *const commands[] = {
	&cli_doctor, &cli_versions, &cli_metadata, &cli_ping,   &cli_cat,
	&cli_call,   &cli_apis,     &cli_decode,   &cli_config,
};

enum {
	COMMAND_COUNT = sizeof(commands) / sizeof(commands[0])
};

static void print_help(FILE *out)
{
	fprintf(out, "usage: kwire COMMAND [OPTION...]\n\n"
		     "Asks a Kafka cluster, from the command line.\n\ncommands:\n");
	for (int i = 0; i < COMMAND_COUNT; i++)
		fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
	fprintf(out, "\n`kwire COMMAND --help` tells more.\n\n" CLI_EXIT_CODES);
}

static const struct cli_command *find_command(const char *name)
{
	for (int i = 0; i < COMMAND_COUNT; i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

/* Flushes what was printed; a full disk or a closed pipe is a failure, too. */
static int finish(int code)
{
	if (fflush(stdout) != 0 || ferror(stdout)) {
		if (errno != EPIPE)
			perror("kwire: writing the output");
		return code == CLI_OK ? CLI_FAILURE : code;
	}
	return code;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	const struct cli_command *command;
	struct cli cli;
	bool done = false;
	int code;

	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
		print_help(stdout);
		return finish(CLI_OK);
	}
	if (strcmp(name, "--version") == 0) {
		printf("kwire %s\n", KWIRE_VERSION_STRING);
		return finish(CLI_OK);
	}
	if (strcmp(name, "--complete") == 0)
		return finish(cli_complete(commands, COMMAND_COUNT, argv + 2, argc - 2));
	command = find_command(name);
	if (command == NULL) {
		if (*name == '\0')
			print_help(stderr);
		else
			fprintf(stderr, "kwire: no command '%s'; see kwire --help\n", name);
		return CLI_USAGE;
	}
	code = cli_parse(&cli, command, argc - 1, argv + 1, &done);
	if (code == CLI_OK && !done)
		code = command->run(&cli);
	cli_fini(&cli);
	return finish(cli_interrupted() ? CLI_INTERRUPTED : code);
}
