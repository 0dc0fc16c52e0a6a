/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transport over a plain socket: see kwire/transport.h for what each
 * operation promises.  The reader polls the socket and a waker; the writer
 * never polls when told not to block.  Knows nothing of what the bytes mean.
 *
 * A read polls first unless the last one filled all the room it had, so that
 * a wake of the reader costs one poll and one receive.  A receive that nobody
 * may kick is one recvmsg(2) that blocks: SO_RCVTIMEO bounds it, and is set
 * anew only when it no longer lies between an eighth of what is left and all of
 * it; the last milliseconds are polled for, which is exact.
 */
#define _GNU_SOURCE /* POLLRDHUP */
#include "socket.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

#include "../base/clock.h"
#include "../base/error.h"

enum {
	MAX_PIECES = 1024, /* IOV_MAX on all systems of interest */
	POLLED_MS = 8,     /* with less than this left, a receive polls */
	LONGEST_MS = 3600000,
	UNKICKED_MS = 20, /* without a descriptor for kicks, how often a receive looks */
};

struct socket_transport {
	int fd;
	struct kw_waker *waker; /* own, or borrowed */
	struct kw_waker own;
	atomic_bool woken;         /* `wake` was called and not yet answered */
	atomic_bool want_writable; /* `wake_writable` was called and not yet answered */

	/* Whoever reads has them. */
	bool more;             /* there may be bytes without polling */
	bool blocking;         /* the descriptor is */
	int patience_ms;       /* SO_RCVTIMEO */
	struct kw_waker kicks; /* made when it is first needed; */
	atomic_bool kicks_made;
	atomic_bool kicked; /* `kick` was called and not yet answered */

	bool hung_up; /* `watch` has said so */
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

/*
 * Waits for `events` of the socket (0), the deadline, a wake, or room to write
 * where that is wanted.
 */
static int wait_for(struct socket_transport *socket, short events, int64_t deadline_ms)
{
	struct pollfd fds[2] = {
		{.fd = socket->hung_up ? -1 : socket->fd},
		{.fd = socket->waker->fd, .events = POLLIN},
	};
	int ready;

	for (;;) {
		fds[0].events = (short)(atomic_load(&socket->want_writable) ? events | POLLOUT
									    : events);
		ready = poll(fds, 2, kw_poll_timeout(deadline_ms, kw_now_ms()));
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

/*
 * One recv, or, into several pieces, which costs the kernel more, recvmsg.
 * KWIRE_ETIMEDOUT: nothing there, or the socket's own time is over.
 */
static ssize_t take(struct socket_transport *socket, const struct iovec *iov, int count, int flags,
		    struct kwire_error *error)
{
	struct msghdr message = {.msg_iov = (struct iovec *)iov};
	ssize_t got;

	message.msg_iovlen = (unsigned short)(count < MAX_PIECES ? count : MAX_PIECES);
	do
		got = count == 1 ? recv(socket->fd, iov->iov_base, iov->iov_len, flags)
				 : recvmsg(socket->fd, &message, flags);
	while (got < 0 && errno == EINTR && (flags & MSG_DONTWAIT) != 0);
	socket->more = got > 0 && (size_t)got == total_size(iov, count);
	if (got >= 0)
		return got;
	if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
		return KWIRE_ETIMEDOUT;
	return broken(errno, KWIRE_PHASE_RECEIVE, error);
}

static ssize_t socket_read(void *transport, const struct iovec *iov, int count, int64_t deadline_ms,
			   struct kwire_error *error)
{
	struct socket_transport *socket = transport;
	ssize_t got;
	int result;

	/* The end may be what is to be read. */
	socket->hung_up = false;
	do {
		if (!socket->more || atomic_load(&socket->woken) ||
		    atomic_load(&socket->want_writable)) {
			result = wait_for(socket, POLLIN, deadline_ms);
			if (result != KWIRE_OK)
				return result;
		}
		got = take(socket, iov, count, MSG_DONTWAIT, error);
	} while (got == KWIRE_ETIMEDOUT);
	return got;
}

#if defined(POLLRDHUP)

/* Has the next recvmsg block, and give up between now and the deadline; false: it would not. */
static bool set_patience(struct socket_transport *socket, int left_ms)
{
	struct timeval time;
	int flags;

	if (left_ms < 0 || left_ms > LONGEST_MS)
		left_ms = LONGEST_MS;
	if (left_ms < POLLED_MS)
		return false;
	if (!socket->blocking) {
		flags = fcntl(socket->fd, F_GETFL);
		if (flags < 0 || fcntl(socket->fd, F_SETFL, flags & ~O_NONBLOCK) != 0)
			return false;
		socket->blocking = true;
	}
	if (socket->patience_ms <= left_ms && socket->patience_ms >= left_ms / 8)
		return true;
	time.tv_sec = (time_t)(left_ms / 2 / 1000);
	time.tv_usec = (suseconds_t)(left_ms / 2 % 1000 * 1000);
	if (setsockopt(socket->fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time)) != 0)
		return false;
	socket->patience_ms = left_ms / 2;
	return true;
}

static ssize_t receive_blocking(struct socket_transport *socket, const struct iovec *iov, int count,
				int64_t deadline_ms, struct kwire_error *error)
{
	struct pollfd poll_fd = {.fd = socket->fd, .events = POLLIN};
	int left_ms;
	ssize_t got;

	do {
		left_ms = kw_poll_timeout(deadline_ms, kw_now_ms());
		if (set_patience(socket, left_ms))
			got = take(socket, iov, count, 0, error);
		else if (socket->more || poll(&poll_fd, 1, left_ms) > 0)
			got = take(socket, iov, count, MSG_DONTWAIT, error);
		else
			got = KWIRE_ETIMEDOUT;
	} while (got == KWIRE_ETIMEDOUT && kw_now_ms() < deadline_ms);
	return got;
}

/* Waits until there is something to read (0), for a kick, or the deadline. */
static int wait_kickable(struct socket_transport *socket, int64_t deadline_ms)
{
	struct pollfd fds[2] = {{.fd = socket->fd, .events = POLLIN}, {.fd = -1, .events = POLLIN}};
	int64_t now_ms;
	int ready, timeout_ms;

	if (!atomic_load(&socket->kicks_made) && kw_waker_init(&socket->kicks) == 0)
		atomic_store(&socket->kicks_made, true);
	for (;;) {
		if (atomic_exchange(&socket->kicked, false))
			return KWIRE_ECANCELED;
		now_ms = kw_now_ms();
		timeout_ms = kw_poll_timeout(deadline_ms, now_ms);
		/* No descriptor to be had for kicks: they are looked for. */
		if (atomic_load(&socket->kicks_made))
			fds[1].fd = socket->kicks.fd;
		else if (timeout_ms < 0 || timeout_ms > UNKICKED_MS)
			timeout_ms = UNKICKED_MS;
		ready = poll(fds, 2, timeout_ms);
		if (ready > 0 && fds[1].revents != 0)
			kw_waker_clear(&socket->kicks);
		else if (ready > 0)
			return KWIRE_OK;
		else if (deadline_ms <= kw_now_ms())
			return KWIRE_ETIMEDOUT;
	}
}

static ssize_t socket_receive(void *transport, const struct iovec *iov, int count,
			      int64_t deadline_ms, bool kickable, struct kwire_error *error)
{
	struct socket_transport *socket = transport;
	ssize_t got = KWIRE_ETIMEDOUT;
	int result;

	if (!kickable)
		return receive_blocking(socket, iov, count, deadline_ms, error);
	if (socket->more)
		got = take(socket, iov, count, MSG_DONTWAIT, error);
	while (got == KWIRE_ETIMEDOUT) {
		result = wait_kickable(socket, deadline_ms);
		if (result != KWIRE_OK)
			return result;
		got = take(socket, iov, count, MSG_DONTWAIT, error);
	}
	return got;
}

static void socket_kick(void *transport)
{
	struct socket_transport *socket = transport;

	if (!atomic_exchange(&socket->kicked, true) && atomic_load(&socket->kicks_made))
		kw_waker_wake(&socket->kicks);
}

static int socket_watch(void *transport, int64_t deadline_ms)
{
	struct socket_transport *socket = transport;
	int result = wait_for(socket, POLLRDHUP, deadline_ms);

	if (result != KWIRE_OK)
		return result;
	/* It stays so, and would end every poll from now on. */
	socket->hung_up = true;
	return KWIRE_EDISCONNECTED;
}

#endif

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
		put = count == 1 ? send(socket->fd, iov->iov_base, iov->iov_len,
					MSG_NOSIGNAL | MSG_DONTWAIT)
				 : sendmsg(socket->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
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
	if (atomic_load(&socket->kicks_made))
		kw_waker_fini(&socket->kicks);
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
#if defined(POLLRDHUP)
	.receive = socket_receive,
	.kick = socket_kick,
	.watch = socket_watch,
#endif
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
	atomic_init(&socket->kicks_made, false);
	atomic_init(&socket->kicked, false);
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
