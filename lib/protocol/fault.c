/* SPDX-License-Identifier: Apache-2.0 */
/* See fault.h. */
#include "fault.h"

#include <stdio.h>
#include <string.h>

void kw_fault_set(struct kw_fault *fault, int result, const char *name, const char *format,
		  va_list arguments)
{
	fault->result = result;
	fault->offset = 0;
	snprintf(fault->path, sizeof(fault->path), "%s", name);
	vsnprintf(fault->problem, sizeof(fault->problem), format, arguments);
}

void kw_fault_prepend(struct kw_fault *fault, const char *name, int32_t index)
{
	char inner[sizeof(fault->path)];
	const char *dot;

	memcpy(inner, fault->path, sizeof(inner));
	dot = inner[0] != '\0' ? "." : "";
	/* A path longer than the room loses its inner end: the outer part says more. */
	if (index >= 0)
		snprintf(fault->path, sizeof(fault->path), "%s[%d]%s%s", name, (int)index, dot,
			 inner);
	else
		snprintf(fault->path, sizeof(fault->path), "%s%s%s", name, dot, inner);
}
