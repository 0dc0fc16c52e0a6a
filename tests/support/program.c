/* SPDX-License-Identifier: Apache-2.0 */
/* See program.h. */
#include "program.h"

#include <errno.h>
#include <signal.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	MOST_ARGUMENTS = 40
};

pid_t program_start(const char *path, const char *const *arguments, struct program_streams streams)
{
	const char *argv[MOST_ARGUMENTS + 2] = {path};
	int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
	pid_t process;

	for (int i = 0; arguments[i] != NULL && i < MOST_ARGUMENTS; i++)
		argv[i + 1] = arguments[i];
	process = fork();
	if (process == 0) {
		dup2(streams.input >= 0 ? streams.input : nothing, STDIN_FILENO);
		dup2(streams.output >= 0 ? streams.output : nothing, STDOUT_FILENO);
		dup2(streams.errors >= 0 ? streams.errors : nothing, STDERR_FILENO);
		execv(path, (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	close(nothing);
	return process;
}

int program_wait(pid_t process)
{
	int status = 0;

	while (waitpid(process, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int program_interrupt(pid_t process)
{
#if defined(__SANITIZE_THREAD__)
	/* A signal that comes just before a system call which the sanitizer does not know is
	 * held back until that returns; another one ends the call. */
	const struct timespec pause = {0, 100000000};
	siginfo_t ended = {.si_pid = 0};

	while (ended.si_pid == 0) {
		if (kill(process, SIGINT) != 0)
			return -1;
		nanosleep(&pause, NULL);
		if (waitid(P_PID, (id_t)process, &ended, WEXITED | WNOHANG | WNOWAIT) != 0)
			return -1;
	}
#else
	if (kill(process, SIGINT) != 0)
		return -1;
#endif
	return program_wait(process);
}

static size_t read_back(FILE *file, char *text, size_t size)
{
	size_t got;

	rewind(file);
	got = fread(text, 1, size - 1, file);
	text[got] = '\0';
	fclose(file);
	return got;
}

int program_run(const char *path, const char *const *arguments, const char *input,
		size_t input_size, char *out, char *err, size_t size, size_t *out_size)
{
	FILE *files[3] = {tmpfile(), tmpfile(), tmpfile()};
	struct program_streams streams;
	size_t got;
	int code;

	if (files[0] == NULL || files[1] == NULL || files[2] == NULL)
		return -1;
	if (input != NULL)
		fwrite(input, 1, input_size, files[0]);
	rewind(files[0]);
	streams.input = fileno(files[0]);
	streams.output = fileno(files[1]);
	streams.errors = fileno(files[2]);
	code = program_wait(program_start(path, arguments, streams));
	fclose(files[0]);
	got = read_back(files[1], out, size);
	read_back(files[2], err, size);
	if (out_size != NULL)
		*out_size = got;
	return code;
}
