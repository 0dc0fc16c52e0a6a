/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the commands of `kwire` share: one struct for what the command line
 * said, a table of commands, and helpers to open a client and to end well.
 * Commands use the public headers of kwire only.
 */
#ifndef CLI_H
#define CLI_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <kwire/kwire.h>

/* Exit codes. */
enum cli_exit {
	CLI_OK = 0,
	CLI_FAILURE = 1,
	CLI_USAGE = 2,
	CLI_INTERRUPTED = 130,
};

/* An option of a command besides those that all have; `name` NULL ends a list. */
struct cli_option {
	const char *name;  /* "count" for --count */
	char letter;       /* 'n' for -n, 0: none */
	const char *value; /* "N": takes a value, so named in the help; "[=N]": may; NULL: none */
	const char *help;
};

struct cli;

struct cli_command {
	const char *name;
	const char *operands; /* "[TOPIC...]", "" */
	const char *summary;  /* one line, for `kwire --help` */
	const char *details;  /* paragraphs, for `kwire NAME --help`; "" */
	const struct cli_option *options;
	int most_operands; /* -1: any number */
	bool offline;      /* needs no broker */
	int (*run)(struct cli *cli);
};

extern const struct cli_command cli_versions, cli_metadata, cli_ping, cli_config, cli_apis,
	cli_call, cli_decode, cli_cat, cli_doctor;

enum {
	CLI_MOST_GIVEN = 64
};

/* The options that all commands have. */
extern const struct cli_option cli_common_options[];

/* What all commands end with, for their help. */
#define CLI_EXIT_CODES                                                                           \
	"Exit codes: 0 an answer, 1 a failure (its message on standard error), 2 wrong usage,\n" \
	"130 Ctrl-C.\n"

/* Prints what may stand in the place of the last of `words`. */
int cli_complete(const struct cli_command *const *commands, int command_count, char **words,
		 int count);

/* What the command line said. */
struct cli {
	const struct cli_command *command;
	struct kwire_config *config; /* with -b, -X and -F applied */
	struct kwire_client *client; /* cli_open_client() */
	int64_t timeout_ms;          /* --timeout, else -1 */
	bool json;                   /* --json */
	const char *trace_path;      /* --trace; "": standard error, NULL: no trace */
	FILE *trace;
	bool no_times;     /* --no-times */
	bool terminal;     /* standard output is one: colours and progress */
	pthread_t watcher; /* of Ctrl-C, if `watching` */
	bool watching;
	const char *values[24]; /* of the command's options, by their index; "" for a flag */
	/* All of the command's options in order, for those that may be given more than once. */
	struct {
		int option;
		const char *value;
	} given[CLI_MOST_GIVEN];
	int given_count;
	char **operands; /* NULL-terminated */
	int operand_count;
};

/*
 * Reads the options of `command` from `argv` (whose first word is skipped),
 * and files named there.  0, or an exit code after a message, or after
 * the help that was asked for: then `*done` is set and the code is CLI_OK.
 */
int cli_parse(struct cli *cli, const struct cli_command *command, int argc, char **argv,
	      bool *done);
void cli_fini(struct cli *cli);

/* The value of option `index` as an integer in a range; false after a message. */
bool cli_integer(const struct cli *cli, int index, int64_t least, int64_t most, int64_t *value);

/*
 * Opens the client, and sees to it that Ctrl-C shuts it down: every call then
 * fails, and the command comes to its end.  0 or an exit code after a message.
 */
int cli_open_client(struct cli *cli);

/* Whether Ctrl-C was pressed. */
bool cli_interrupted(void);

/* Messages on standard error; they return the exit code. */
int cli_fail(const struct kwire_error *error);
int cli_usage(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
