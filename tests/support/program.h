/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a program as a user would, for the tests of kwire's tools. */
#ifndef KW_TEST_PROGRAM_H
#define KW_TEST_PROGRAM_H

#include <stddef.h>
#include <sys/types.h>

/* The three standard streams of a program, -1: none of its own. */
struct program_streams {
	int input;
	int output;
	int errors;
};

/* Starts `path` with `arguments` (NULL-terminated, without its name); its process, -1: failed. */
pid_t program_start(const char *path, const char *const *arguments, struct program_streams streams);

/* Waits for its end: its exit code; -1: a signal ended it. */
int program_wait(pid_t process);

/* Interrupts it, as Ctrl-C does, and waits for its end: as program_wait(). */
int program_interrupt(pid_t process);

/*
 * Runs it to its end: its exit code.  `input` (NULL: none) is what it reads; what it writes
 * goes to `out` and `err`, of `size` bytes each, NUL-terminated; the output's size to `*out_size`.
 */
int program_run(const char *path, const char *const *arguments, const char *input,
		size_t input_size, char *out, char *err, size_t size, size_t *out_size);

#endif
