/* SPDX-License-Identifier: Apache-2.0 */
/* The plain socket as a stream: see stream.h. */
#include "stream.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

struct socket_stream {
	int fd;
};

static ssize_t outcome(ssize_t n)
{
	if (n >= 0)
		return n;
	return errno == EAGAIN || errno == EWOULDBLOCK ? KW_MOCK_AGAIN : KW_MOCK_BROKEN;
}

static ssize_t socket_read(void *stream, void *data, size_t size)
{
	struct socket_stream *s = stream;
	ssize_t n;

	do
		n = recv(s->fd, data, size, 0);
	while (n < 0 && errno == EINTR);
	return outcome(n);
}

static ssize_t socket_write(void *stream, const void *data, size_t size)
{
	struct socket_stream *s = stream;
	ssize_t n;

	do
		n = send(s->fd, data, size, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return outcome(n);
}

static short socket_wants(void *stream)
{
	(void)stream;
	return POLLIN;
}

static void socket_finish(void *stream)
{
	struct socket_stream *s = stream;

	shutdown(s->fd, SHUT_WR);
}

static void socket_close(void *stream, bool reset)
{
	struct socket_stream *s = stream;
	struct linger linger = {1, 0};

	if (reset)
		setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(s->fd);
	kw_free(s);
}

static const struct kw_mock_stream_ops socket_ops = {
	socket_read, socket_write, socket_wants, socket_finish, socket_close,
};

void *kw_mock_socket_stream(struct kw_memory *memory, int fd, const struct kw_mock_stream_ops **ops)
{
	struct socket_stream *s = kw_alloc(memory, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->fd = fd;
	*ops = &socket_ops;
	return s;
}
