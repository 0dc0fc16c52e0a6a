/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As much HTTP/1.1 as one request and its answer need: a URL taken apart, a
 * request written, an answer read within bounds.  Called by lib/sasl/oidc.c,
 * and linked only with it.  Redirects, cookies, proxies and connections that
 * stay open are not here.
 */
#ifndef KW_HTTP_H
#define KW_HTTP_H

#include <stdbool.h>

#include <kwire/transport.h>

#include "../base/memory.h"

enum {
	KW_HTTP_HEAD_MAX = 16384,    /* bytes of an answer's status and header lines */
	KW_HTTP_ANSWER_MAX = 262144, /* bytes of an answer as a whole */
};

struct kw_http_url {
	bool tls; /* https */
	char host[256];
	int port;
	char target[1024]; /* path and query; "/" where the URL has none */
};

/* Takes "http[s]://host[:port][/path][?query]" apart; KWIRE_ECONFIG says what is wrong with it. */
int kw_http_url_parse(struct kw_http_url *url, const char *text, struct kwire_error *error);

struct kw_http_answer {
	int status;
	char *body; /* NUL-terminated, within the bytes that came */
	size_t body_size;
	char *block; /* all that came; see kw_http_answer_fini() */
	size_t block_size;
};

enum kw_http_progress {
	KW_HTTP_MORE,   /* not complete yet */
	KW_HTTP_DONE,   /* `answer` is filled; the body was put together where it lay */
	KW_HTTP_BROKEN, /* no HTTP/1.x answer */
};

/*
 * Looks at the `size` bytes that came so far, which have room for a NUL behind
 * them; `ended`: no more will come.  Changes nothing before it is done.
 */
enum kw_http_progress kw_http_parse(char *data, size_t size, bool ended,
				    struct kw_http_answer *answer);

/*
 * Sends the `request_size` bytes of a whole request and reads its answer, both
 * within the deadline.  `answer` is for kw_http_answer_fini(), also on failure.
 * KWIRE_EPROTOCOL: no HTTP; KWIRE_ETOOLARGE; KWIRE_EDISCONNECTED: it ended too
 * early; or what the transport said.
 */
int kw_http_exchange(const struct kwire_transport_ops *ops, void *transport,
		     struct kw_memory *memory, const char *request, size_t request_size,
		     int64_t deadline_ms, struct kw_http_answer *answer, struct kwire_error *error);

/* Wipes and frees. */
void kw_http_answer_fini(struct kw_http_answer *answer);

#endif
