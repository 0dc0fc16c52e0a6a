/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transport over a plain socket: see kwire/transport.h for what each
 * operation promises.  The reader polls the socket and a waker; the writer
 * never polls when told not to block.  Knows nothing of what the bytes mean.
 *
 * A read polls first unless the last one filled all the room it had, so that
 * a wake of the reader costs one poll and one receive.
 */
#include "socket.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

#include "../base/clock.h"
#include "../base/error.h"

enum {
	MAX_PIECES = 1024, /* IOV_MAX on all systems of interest */
};

struct socket_transport {
	int fd;
	struct kw_waker *waker; /* own, or borrowed */
	struct kw_waker own;
	bool more;                 /* the reader's: there may be bytes without polling */
	atomic_bool woken;         /* `wake` was called and not yet answered */
	atomic_bool want_writable; /* `wake_writable` was called and not yet answered */
};

static ssize_t broken(int os_errno, enum kwire_phase phase, struct kwire_error *error)
{
	return kw_fail_errno(error, KWIRE_EDISCONNECTED, phase, os_errno, "the connection broke");
}

static size_t total_size(const struct iovec *iov, int count)
{
	size_t size = 0;

	for (int i = 0; i < count; i++)
		size += iov[i].iov_len;
	return size;
}

/* Waits until readable (0), the deadline, a wake, or writable where that is wanted. */
static int wait_readable(struct socket_transport *socket, int64_t deadline_ms)
{
	struct pollfd fds[2] = {
		{.fd = socket->fd, .events = POLLIN},
		{.fd = socket->waker->fd, .events = POLLIN},
	};
	int64_t now_ms;
	int ready;

	for (;;) {
		if (atomic_load(&socket->want_writable))
			fds[0].events = POLLIN | POLLOUT;
		now_ms = kw_now_ms();
		ready = poll(fds, 2, kw_poll_timeout(deadline_ms, now_ms));
		if (ready == 0 && deadline_ms <= kw_now_ms())
			return KWIRE_ETIMEDOUT;
		if (ready <= 0)
			continue;
		if (fds[1].revents != 0) {
			kw_waker_clear(socket->waker);
			if (atomic_exchange(&socket->woken, false))
				return KWIRE_ECANCELED;
		}
		if ((fds[0].revents & POLLOUT) != 0 &&
		    atomic_exchange(&socket->want_writable, false))
			return KWIRE_ECANCELED;
		if ((fds[0].revents & ~POLLOUT) != 0)
			return KWIRE_OK;
	}
}

static ssize_t socket_read(void *transport, const struct iovec *iov, int count, int64_t deadline_ms,
			   struct kwire_error *error)
{
	struct socket_transport *socket = transport;
	struct msghdr message = {.msg_iov = (struct iovec *)iov};
	ssize_t got;
	int result;

	message.msg_iovlen = (unsigned short)(count < MAX_PIECES ? count : MAX_PIECES);
	for (;;) {
		if (!socket->more || atomic_load(&socket->woken) ||
		    atomic_load(&socket->want_writable)) {
			result = wait_readable(socket, deadline_ms);
			if (result != KWIRE_OK)
				return result;
		}
		got = recvmsg(socket->fd, &message, MSG_DONTWAIT);
		if (got >= 0) {
			socket->more = got > 0 && (size_t)got == total_size(iov, count);
			return got;
		}
		if (errno == EAGAIN || errno == EWOULDBLOCK)
			socket->more = false;
		else if (errno != EINTR)
			return broken(errno, KWIRE_PHASE_RECEIVE, error);
	}
}

static ssize_t socket_writev(void *transport, const struct iovec *iov, int count,
			     int64_t deadline_ms, struct kwire_error *error)
{
	struct socket_transport *socket = transport;
	struct msghdr message = {.msg_iov = (struct iovec *)iov};
	struct pollfd poll_fd = {.fd = socket->fd, .events = POLLOUT};
	ssize_t put;
	int64_t now_ms;

	message.msg_iovlen = (unsigned short)(count < MAX_PIECES ? count : MAX_PIECES);
	for (;;) {
		put = sendmsg(socket->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (put >= 0)
			return put;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN && errno != EWOULDBLOCK)
			return broken(errno, KWIRE_PHASE_SEND, error);
		now_ms = kw_now_ms();
		if (deadline_ms <= now_ms)
			return KWIRE_ETIMEDOUT;
		(void)poll(&poll_fd, 1, kw_poll_timeout(deadline_ms, now_ms));
	}
}

static void socket_wake(void *transport)
{
	struct socket_transport *socket = transport;

	if (!atomic_exchange(&socket->woken, true))
		kw_waker_wake(socket->waker);
}

static void socket_wake_writable(void *transport)
{
	struct socket_transport *socket = transport;

	/* The waker makes a blocked reader poll again, now for writing too. */
	if (!atomic_exchange(&socket->want_writable, true))
		kw_waker_wake(socket->waker);
}

static void socket_shutdown(void *transport)
{
	struct socket_transport *socket = transport;

	(void)shutdown(socket->fd, SHUT_RDWR);
}

static void socket_close(void *transport)
{
	struct socket_transport *socket = transport;

	close(socket->fd);
	if (socket->waker == &socket->own)
		kw_waker_fini(&socket->own);
	kw_free(socket);
}

static const struct kwire_transport_ops socket_ops = {
	.size = sizeof(socket_ops),
	.read = socket_read,
	.writev = socket_writev,
	.wake = socket_wake,
	.shutdown = socket_shutdown,
	.close = socket_close,
	.wake_writable = socket_wake_writable,
};

int kw_socket_new(struct kw_memory *memory, int fd, struct kw_waker *waker,
		  const struct kwire_transport_ops **ops, void **transport,
		  struct kwire_error *error)
{
	struct socket_transport *socket = kw_zalloc(memory, sizeof(*socket));
	int failure;

	if (socket == NULL) {
		close(fd);
		return kw_fail_memory(error);
	}
	socket->fd = fd;
	socket->waker = waker;
	atomic_init(&socket->woken, false);
	atomic_init(&socket->want_writable, false);
	if (waker == NULL) {
		socket->waker = &socket->own;
		failure = kw_waker_init(&socket->own);
		if (failure != 0) {
			close(fd);
			kw_free(socket);
			return kw_fail_errno(error, KWIRE_ELIMIT, KWIRE_PHASE_CONNECT, failure,
					     "no descriptor to wake a reader with");
		}
	}
	*ops = &socket_ops;
	*transport = socket;
	return KWIRE_OK;
}
