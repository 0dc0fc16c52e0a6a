/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A broker's table of API versions and features: what an ApiVersions response
 * said, made once and never changed, so that any thread may read it.  Filled
 * by setup.c, read by callers; does no I/O.
 */
#ifndef KW_VERSIONS_H
#define KW_VERSIONS_H

#include <kwire/connection.h>

#include "../base/memory.h"

struct kwire_api_versions_response;

/* A table from a decoded response; NULL: out of memory.  Ranges that make no sense are left out. */
struct kwire_versions *kw_versions_new(struct kw_memory *memory,
				       const struct kwire_api_versions_response *response);

/* A copy, for kwire_versions_free(), which takes the original too. */
struct kwire_versions *kw_versions_copy(const struct kwire_versions *versions,
					struct kw_memory *memory);

/*
 * The highest version that both sides have, at least `min_version` and at most
 * `max_version` (-1: no bound of the caller's), an unstable one only if
 * `unstable`.  KWIRE_EUNSUPPORTED names all ranges; KWIRE_EINVAL: the bounds
 * are not the API's.
 */
int kw_versions_negotiate(const struct kwire_versions *versions, const struct kwire_api *api,
			  int16_t min_version, int16_t max_version, bool unstable, int16_t *version,
			  struct kwire_error *error);

#endif
