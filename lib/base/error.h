/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filling a struct kwire_error.  Every helper takes a NULL error, so callers
 * need not ask, and returns the result, so that `return kw_fail(...)` reads well.
 */
#ifndef KW_ERROR_H
#define KW_ERROR_H

#include <stdarg.h>

#include <kwire/result.h>

#if defined(__GNUC__)
#define KW_PRINTF(template, first) __attribute__((format(printf, template, first)))
#else
#define KW_PRINTF(template, first)
#endif

/* Makes `error` "no error". */
void kw_error_clear(struct kwire_error *error);

/* KWIRE_ERROR_INIT for locals: a constant of its size in each object would cost a daemon. */
struct kwire_error kw_no_error(void);

/*
 * Starts `error` afresh with `result` and a message; returns `result`.  Only
 * %s, %d and friends: nothing that depends on the locale.  `retriable` is set
 * where a failure of this kind may pass by itself.
 */
int kw_fail(struct kwire_error *error, int result, const char *format, ...) KW_PRINTF(3, 4);

/* The same with a phase. */
int kw_fail_in(struct kwire_error *error, int result, enum kwire_phase phase, const char *format,
	       ...) KW_PRINTF(4, 5);

/* The same for a failed system call: ": <name of errno>" is appended, os_errno set. */
int kw_fail_errno(struct kwire_error *error, int result, enum kwire_phase phase, int os_errno,
		  const char *format, ...) KW_PRINTF(5, 6);

/* KWIRE_ENOMEM, with a constant message. */
int kw_fail_memory(struct kwire_error *error);

/* Appends to the message of a filled error: a hint, or where it happened. */
void kw_error_add(struct kwire_error *error, const char *format, ...) KW_PRINTF(2, 3);

/* Copies `from` to `to`, where `to` is not NULL; returns from->result. */
int kw_error_copy(struct kwire_error *to, const struct kwire_error *from);

#endif
