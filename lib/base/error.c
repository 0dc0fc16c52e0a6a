/* SPDX-License-Identifier: Apache-2.0 */
/* See error.h and kwire/result.h. */
#include "error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct result_entry {
	int value;
	const char *name;
	const char *text;
};

static const struct result_entry results[] = {
#define RESULT_ENTRY(name, value, text) {(value), "KWIRE_" #name, (text)},
	KWIRE_RESULTS(RESULT_ENTRY)
#undef RESULT_ENTRY
};

static const char *const phase_names[] = {
#define PHASE_NAME(name, text) (text),
	KWIRE_PHASES(PHASE_NAME)
#undef PHASE_NAME
};

static const char *const outcome_names[] = {"not sent", "maybe applied", "answered"};

static const struct result_entry *find(int result)
{
	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++)
		if (results[i].value == result)
			return &results[i];
	return NULL;
}

const char *kwire_result_name(int result)
{
	const struct result_entry *entry = find(result);

	return entry != NULL ? entry->name : "KWIRE_E?";
}

const char *kwire_result_text(int result)
{
	const struct result_entry *entry = find(result);

	return entry != NULL ? entry->text : "unknown result";
}

const char *kwire_phase_name(enum kwire_phase phase)
{
	size_t i = (size_t)phase;

	return i < sizeof(phase_names) / sizeof(phase_names[0]) ? phase_names[i] : "unknown";
}

const char *kwire_outcome_name(enum kwire_outcome outcome)
{
	size_t i = (size_t)outcome;

	return i < sizeof(outcome_names) / sizeof(outcome_names[0]) ? outcome_names[i] : "unknown";
}

bool kw_result_retriable(int result)
{
	switch (result) {
	case KWIRE_ENOMEM:
	case KWIRE_ERESOLVE:
	case KWIRE_ECONNECT:
	case KWIRE_ESASL:
	case KWIRE_ETIMEDOUT:
	case KWIRE_EDISCONNECTED:
	case KWIRE_ELIMIT:
		return true;
	default:
		return false;
	}
}

void kw_error_clear(struct kwire_error *error)
{
	if (error == NULL)
		return;
	memset(error, 0, sizeof(*error));
	error->node_id = -1;
	error->api_key = -1;
}

struct kwire_error kw_no_error(void)
{
	struct kwire_error error;

	kw_error_clear(&error);
	return error;
}

KW_PRINTF(4, 0)
static int fill(struct kwire_error *error, int result, enum kwire_phase phase, const char *format,
		va_list arguments)
{
	if (error == NULL)
		return result;
	kw_error_clear(error);
	error->result = result;
	error->phase = phase;
	error->retriable = kw_result_retriable(result);
	vsnprintf(error->message, sizeof(error->message), format, arguments);
	return result;
}

int kw_fail(struct kwire_error *error, int result, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fill(error, result, KWIRE_PHASE_NONE, format, arguments);
	va_end(arguments);
	return result;
}

int kw_fail_in(struct kwire_error *error, int result, enum kwire_phase phase, const char *format,
	       ...)
{
	va_list arguments;

	va_start(arguments, format);
	fill(error, result, phase, format, arguments);
	va_end(arguments);
	return result;
}

int kw_fail_errno(struct kwire_error *error, int result, enum kwire_phase phase, int os_errno,
		  const char *format, ...)
{
	va_list arguments;

	if (error == NULL)
		return result;
	va_start(arguments, format);
	fill(error, result, phase, format, arguments);
	va_end(arguments);
	error->os_errno = os_errno;
	kw_error_add(error, ": %s", kw_errno_text(os_errno));
	return result;
}

int kw_fail_memory(struct kwire_error *error)
{
	return kw_fail(error, KWIRE_ENOMEM, "out of memory");
}

void kw_error_add(struct kwire_error *error, const char *format, ...)
{
	va_list arguments;
	size_t size;

	if (error == NULL)
		return;
	size = strlen(error->message);
	va_start(arguments, format);
	vsnprintf(error->message + size, sizeof(error->message) - size, format, arguments);
	va_end(arguments);
}

int kw_error_copy(struct kwire_error *to, const struct kwire_error *from)
{
	if (to != NULL && to != from)
		*to = *from;
	return from->result;
}

#define ERRNOS(X)                                        \
	X(EACCES, "permission denied")                   \
	X(EADDRINUSE, "address in use")                  \
	X(EADDRNOTAVAIL, "address not available")        \
	X(EAFNOSUPPORT, "address family not supported")  \
	X(EAGAIN, "resource temporarily unavailable")    \
	X(EBADF, "bad descriptor")                       \
	X(ECONNABORTED, "connection aborted")            \
	X(ECONNREFUSED, "connection refused")            \
	X(ECONNRESET, "connection reset by peer")        \
	X(EEXIST, "already exists")                      \
	X(EHOSTDOWN, "host is down")                     \
	X(EHOSTUNREACH, "no route to host")              \
	X(EINTR, "interrupted")                          \
	X(EINVAL, "invalid argument")                    \
	X(EIO, "input/output error")                     \
	X(EISDIR, "is a directory")                      \
	X(EMFILE, "too many open files in this process") \
	X(ENETDOWN, "network is down")                   \
	X(ENETUNREACH, "network is unreachable")         \
	X(ENFILE, "too many open files in the system")   \
	X(ENOBUFS, "no buffer space")                    \
	X(ENOENT, "no such file or directory")           \
	X(ENOMEM, "out of memory")                       \
	X(ENOPROTOOPT, "option not available")           \
	X(ENOSPC, "no space left")                       \
	X(ENOTCONN, "not connected")                     \
	X(ENOTDIR, "not a directory")                    \
	X(EPERM, "operation not permitted")              \
	X(EPIPE, "peer closed the connection")           \
	X(ETIMEDOUT, "timed out")

const char *kw_errno_text(int os_errno)
{
	switch (os_errno) {
#define ERRNO_TEXT(name, text) \
	case name:             \
		return #name " (" text ")";
		ERRNOS(ERRNO_TEXT)
#undef ERRNO_TEXT
	default:
		return "another system error";
	}
}
