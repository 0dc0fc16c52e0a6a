/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bootstrap list: "host:port,[v6]:port,...", from bootstrap.servers or
 * kwire_client_set_bootstrap().  Text in, endpoints out; resolves nothing.
 */
#ifndef KW_BOOTSTRAP_H
#define KW_BOOTSTRAP_H

#include "../base/memory.h"

enum {
	KW_DEFAULT_PORT = 9092
};

struct kw_endpoint {
	char host[256]; /* a name or address; IPv6 without brackets */
	int port;
};

/*
 * Reads the entry at `*cursor` and moves past it and its comma.  Returns 1 with
 * `endpoint` filled, 0 at the end, or KWIRE_ECONFIG with the entry named.
 * Blanks around entries, and empty entries, do not count.
 */
int kw_bootstrap_next(const char **cursor, struct kw_endpoint *endpoint, struct kwire_error *error);

/* 0 if every entry of `list` is well formed. */
int kw_bootstrap_check(const char *list, struct kwire_error *error);

/* All entries, for kw_free(); KWIRE_ECONFIG also when there is none. */
int kw_bootstrap_parse(struct kw_memory *memory, const char *list, struct kw_endpoint **endpoints,
		       int *count, struct kwire_error *error);

#endif
