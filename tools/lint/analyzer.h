/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Included before every file that clang's analyzer reads: it cannot look into
 * another file, and so does not know that the helpers return what they are given, or zeroes.
 */
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"

#define kw_fail(error, result, ...)                        ((void)(error), (result))
#define kw_fail_in(error, result, phase, ...)              ((void)(error), (result))
#define kw_fail_errno(error, result, phase, os_errno, ...) ((void)(error), (result))
#define kw_fail_memory(error)                              ((void)(error), KWIRE_ENOMEM)
#define kw_zalloc(memory, size)                            ((void)(memory), calloc(1, (size)))
