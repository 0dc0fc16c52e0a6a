/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checking while a client opens that its bootstrap list leads somewhere.
 * Connections resolve for themselves each time; nothing is kept from here.
 */
#ifndef KW_RESOLVE_H
#define KW_RESOLVE_H

#include "../config/bootstrap.h"
#include "../config/config.h"

/*
 * 0 if one of the hosts is an address or resolves, else KWIRE_ERESOLVE.  Names
 * are resolved on a thread of their own, which is left behind when
 * `deadline_ms` passes; addresses need none.  With client.dns.lookup=
 * resolve_canonical_bootstrap_servers_only the list, for kw_free(), is replaced
 * by the canonical names of all addresses behind it.
 */
int kw_bootstrap_resolve(struct kwire_config *config, struct kw_endpoint **endpoints, int *count,
			 int64_t deadline_ms, struct kwire_error *error);

#endif
