/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A byte stream that kwire can speak over: what the library's own socket and
 * TLS implement, and what a program may supply (see kwire_config_set_dialer
 * and kwire_connection_open_transport).
 */
#ifndef KWIRE_TRANSPORT_H
#define KWIRE_TRANSPORT_H

#include <stdbool.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <kwire/result.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * `deadline_ms` is absolute, on CLOCK_MONOTONIC: INT64_MAX is never, a time in
 * the past (0, say) means "do not block".  One thread reads and one thread
 * writes at a time, perhaps at the same time; `wake` may come from any thread.
 * No signal may be raised, EINTR is retried.
 */
struct kwire_transport_ops {
	size_t size; /* sizeof(struct kwire_transport_ops) */

	/*
	 * Reads at least one byte into the `count` pieces of `iov`.  Returns how
	 * many; 0: the peer closed its side; KWIRE_ETIMEDOUT: the deadline passed
	 * with none; KWIRE_ECANCELED: woken; KWIRE_EDISCONNECTED and others: broken,
	 * with `error` (never NULL) filled.
	 */
	ssize_t (*read)(void *transport, const struct iovec *iov, int count, int64_t deadline_ms,
			struct kwire_error *error);

	/*
	 * Writes at least one byte of `iov`, as many as go without blocking twice.
	 * Returns how many, or as `read` does; a negative result means that no byte
	 * of `iov` left or will leave.
	 */
	ssize_t (*writev)(void *transport, const struct iovec *iov, int count, int64_t deadline_ms,
			  struct kwire_error *error);

	/*
	 * Makes the read that is blocked now, else the next one, return
	 * KWIRE_ECANCELED once.
	 */
	void (*wake)(void *transport);

	/*
	 * Ends both directions at once: reads and writes that are blocked return an
	 * error.  Any thread; the transport stays valid until `close`.
	 */
	void (*shutdown)(void *transport);

	/* Closes and frees; no other call is under way or follows. */
	void (*close)(void *transport);

	/*
	 * May be NULL, or lie beyond `size`.  Once the transport can be written to,
	 * makes a read that is blocked then, or else the next one, return
	 * KWIRE_ECANCELED once.  Called after a writev with a deadline in the past
	 * came back with KWIRE_ETIMEDOUT.  Without it kwire tries the rest of a
	 * large request again every few milliseconds.  Any thread.
	 */
	void (*wake_writable)(void *transport);

	/*
	 * What follows lets a thread that waits for an answer read it itself, while
	 * the connection's thread does no more than watch (connection.reading=baton).
	 * All three or none of them (NULL, or beyond `size`): without, the
	 * connection's thread reads, and a call costs a hand-over between threads.
	 */

	/*
	 * As `read`, from one thread after the other, never beside a `read`.  `wake`
	 * and `wake_writable` leave it alone, since `watch` answers them.  With
	 * `kickable`, `kick` ends it with KWIRE_ECANCELED.
	 */
	ssize_t (*receive)(void *transport, const struct iovec *iov, int count, int64_t deadline_ms,
			   bool kickable, struct kwire_error *error);

	/* Ends the kickable receive that is blocked now, else the next one, once.  Any thread. */
	void (*kick)(void *transport);

	/*
	 * Waits without reading, perhaps while another thread receives, until the
	 * deadline (KWIRE_ETIMEDOUT), until `wake` or `wake_writable` would end a read
	 * (KWIRE_ECANCELED), or until the peer closed its side (KWIRE_EDISCONNECTED,
	 * once: after that, only for the others).  Bytes that came do not end it.
	 */
	int (*watch)(void *transport, int64_t deadline_ms);
};

#ifdef __cplusplus
}
#endif

#endif
