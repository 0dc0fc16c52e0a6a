/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An accepted connection as a byte stream that never blocks: the plain socket,
 * and what else a listener may put in its place (TLS).  Called by peer.c only.
 */
#ifndef KW_MOCK_STREAM_H
#define KW_MOCK_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "../base/memory.h"

enum {
	KW_MOCK_AGAIN = -1,  /* nothing now: wait for the socket */
	KW_MOCK_BROKEN = -2, /* the connection is gone */
};

struct kw_mock_stream_ops {
	/* Bytes read, 0 at the end, or one of the above. */
	ssize_t (*read)(void *stream, void *data, size_t size);
	/* Bytes written, at least 1, or one of the above. */
	ssize_t (*write)(void *stream, const void *data, size_t size);
	/* The poll events without which `read` (or a handshake) cannot go on. */
	short (*wants)(void *stream);
	/* Ends this direction: the peer reads an end of stream. */
	void (*finish)(void *stream);
	/* Closes and frees; with `reset` the peer gets a reset. */
	void (*close)(void *stream, bool reset);
};

/* The plain socket.  NULL: out of memory, `fd` is the caller's still. */
void *kw_mock_socket_stream(struct kw_memory *memory, int fd,
			    const struct kw_mock_stream_ops **ops);

#endif
