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
	const char *dot = fault->path[0] != '\0' ? "." : "";
	char outer[sizeof(fault->path) / 2];
	size_t size, inner = strlen(fault->path);

	if (index >= 0)
		snprintf(outer, sizeof(outer), "%s[%d]%s", name, (int)index, dot);
	else
		snprintf(outer, sizeof(outer), "%s%s", name, dot);
	/* A path longer than the room loses its inner end: the outer part says more. */
	size = strlen(outer);
	if (inner > sizeof(fault->path) - 1 - size)
		inner = sizeof(fault->path) - 1 - size;
	memmove(fault->path + size, fault->path, inner);
	memcpy(fault->path, outer, size);
	fault->path[size + inner] = '\0';
}
