/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What went wrong in a reader or writer: the field's path, built from the
 * inside out and only on failure, and the problem.  Used by reader.c, writer.c
 * and by those who turn it into a struct kwire_error.  Knows no message.
 */
#ifndef KW_FAULT_H
#define KW_FAULT_H

#include <stdarg.h>
#include <stdint.h>

#include "../base/error.h"

struct kw_fault {
	int result;       /* enum kwire_result */
	size_t offset;    /* where reading failed, from the start of the frame */
	char path[192];   /* "topics[3].name"; "" for the message itself */
	char problem[96]; /* "is null where it must not be" */
};

/* Starts a fault at the field `name` ("": the message itself). */
void kw_fault_set(struct kw_fault *fault, int result, const char *name, const char *format,
		  va_list arguments);

/* Puts `name.`, or `name[index].` where index >= 0, in front of the path. */
void kw_fault_prepend(struct kw_fault *fault, const char *name, int32_t index);

#endif
