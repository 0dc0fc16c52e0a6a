/* SPDX-License-Identifier: Apache-2.0 */
/* The version of kwire; the build reads it from here. */
#ifndef KWIRE_VERSION_H
#define KWIRE_VERSION_H

#include <kwire/result.h>

#define KWIRE_VERSION_STRING "0.1.0"
#define KWIRE_VERSION_MAJOR  0
#define KWIRE_VERSION_MINOR  1
#define KWIRE_VERSION_PATCH  0

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the library that is running, as KWIRE_VERSION_STRING.  Any thread. */
KWIRE_API const char *kwire_version(void);

#ifdef __cplusplus
}
#endif

#endif
