/* SPDX-License-Identifier: Apache-2.0 */
/* See error.h and kwire/result.h. */
#include "error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *errno_text(int os_errno);

/* Name and text of each result, from 0 downwards.  Pointers to them would cost a daemon more. */
static const char results[] =
#define RESULT_ENTRY(name, value, text) "KWIRE_" #name "\0" text "\0"
	KWIRE_RESULTS(RESULT_ENTRY)
#undef RESULT_ENTRY
	;

enum {
#define RESULT_PLACE(name, value, text) PLACE_##name,
	KWIRE_RESULTS(RESULT_PLACE)
#undef RESULT_PLACE
	RESULT_COUNT
};
#define RESULT_ASSERT(name, value, text) \
	_Static_assert(PLACE_##name == -(value), "results stand in order and without a gap");
KWIRE_RESULTS(RESULT_ASSERT)
#undef RESULT_ASSERT

/* String `place` of strings that stand one after the other. */
static const char *nth(const char *strings, int place)
{
	while (place-- > 0)
		strings += strlen(strings) + 1;
	return strings;
}

static bool known(int result)
{
	return result <= 0 && result > -RESULT_COUNT;
}

const char *kwire_result_name(int result)
{
	return known(result) ? nth(results, -result * 2) : "KWIRE_E?";
}

const char *kwire_result_text(int result)
{
	return known(result) ? nth(results, -result * 2 + 1) : "unknown result";
}

const char *kwire_phase_name(enum kwire_phase phase)
{
	static const char names[] =
#define PHASE_NAME(name, text) text "\0"
		KWIRE_PHASES(PHASE_NAME)
#undef PHASE_NAME
		;

	return (unsigned)phase <= KWIRE_PHASE_DECODE ? nth(names, (int)phase) : "unknown";
}

const char *kwire_outcome_name(enum kwire_outcome outcome)
{
	return (unsigned)outcome <= KWIRE_ANSWERED
		       ? nth("not sent\0maybe applied\0answered", (int)outcome)
		       : "unknown";
}

/* Whether a failure of this kind may pass by itself. */
static bool may_pass(int result)
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
	error->retriable = may_pass(result);
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
	kw_error_add(error, ": %s", errno_text(os_errno));
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

/* "ECONNREFUSED (connection refused)": our own table, no locale, no allocation. */
static const char *errno_text(int os_errno)
{
	static const int16_t numbers[] = {
#define ERRNO_NUMBER(name, text) name,
		ERRNOS(ERRNO_NUMBER)
#undef ERRNO_NUMBER
	};
	static const char texts[] =
#define ERRNO_TEXT(name, text) #name " (" text ")\0"
		ERRNOS(ERRNO_TEXT)
#undef ERRNO_TEXT
			"another system error";
	int place = 0;

	while (place < (int)(sizeof(numbers) / sizeof(numbers[0])) && numbers[place] != os_errno)
		place++;
	return nth(texts, place);
}
