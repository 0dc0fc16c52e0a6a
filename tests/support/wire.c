/* SPDX-License-Identifier: Apache-2.0 */
/* See wire.h. */
#include "wire.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/memory.h"
#include "protocol/endian.h"
#include "protocol/frame.h"
#include "protocol/response.h"

static int finish_connect(int fd, const void *address, socklen_t size)
{
	struct timeval timeout = {10, 0};
	int one = 1;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(fd, address, size) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

int wire_connect(int port)
{
	struct sockaddr_in address;

	memset(&address, 0, sizeof(address));
	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons((uint16_t)port);
	return finish_connect(socket(AF_INET, SOCK_STREAM, 0), &address, sizeof(address));
}

int wire_connect6(int port)
{
	struct sockaddr_in6 address;

	memset(&address, 0, sizeof(address));
	address.sin6_family = AF_INET6;
	address.sin6_addr = in6addr_loopback;
	address.sin6_port = htons((uint16_t)port);
	return finish_connect(socket(AF_INET6, SOCK_STREAM, 0), &address, sizeof(address));
}

int wire_send_bytes(int fd, const void *data, size_t size)
{
	const uint8_t *at = data;

	while (size > 0) {
		ssize_t n = send(fd, at, size, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		at += n;
		size -= (size_t)n;
	}
	return 0;
}

int wire_send(int fd, const struct kwire_api *api, int16_t version, int32_t id, const void *request)
{
	struct kw_memory *memory = kw_memory_new(NULL, 0);
	struct kw_frame frame = KW_FRAME_INIT;
	int result = -1;

	if (kw_frame_encode(&frame, memory, api, version, KWIRE_STRING("wire-test"), request,
			    INT32_MAX, NULL) == 0) {
		kw_frame_set_correlation_id(&frame, id);
		result = 0;
		for (int i = 0; i < frame.iov_count && result == 0; i++)
			result = wire_send_bytes(fd, frame.iov[i].iov_base, frame.iov[i].iov_len);
	}
	kw_frame_fini(&frame);
	kw_memory_put(memory);
	return result;
}

long wire_read(int fd, void *data, size_t size)
{
	ssize_t n;

	do
		n = recv(fd, data, size, 0);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		return (long)n;
	if (n == 0)
		return -1;
	return errno == EAGAIN || errno == EWOULDBLOCK ? -3 : -2;
}

static long read_all(int fd, uint8_t *data, size_t size)
{
	size_t at = 0;

	while (at < size) {
		long n = wire_read(fd, data + at, size - at);

		if (n < 0)
			return n;
		at += (size_t)n;
	}
	return (long)size;
}

long wire_receive(int fd, uint8_t **frame)
{
	uint8_t length[4];
	long n = read_all(fd, length, sizeof(length));
	size_t size;

	*frame = NULL;
	if (n < 0)
		return n;
	size = kw_load32(length);
	if (size > 256u << 20)
		return -2;
	*frame = malloc(size + 1);
	if (*frame == NULL)
		return -2;
	n = read_all(fd, *frame, size);
	if (n < 0) {
		free(*frame);
		*frame = NULL;
	}
	return n;
}

int32_t wire_id(const uint8_t *frame)
{
	return (int32_t)kw_load32(frame);
}

void *wire_answer(int fd, const struct kwire_api *api, int16_t version, int32_t id)
{
	struct kw_memory *memory;
	struct kw_response *response;
	void *message = NULL;
	uint8_t *frame;
	long size = wire_receive(fd, &frame);

	if (size < 4 || wire_id(frame) != id) {
		free(frame);
		return NULL;
	}
	memory = kw_memory_new(NULL, 0);
	response = kw_response_new(memory, api, (size_t)size);
	memcpy(kw_response_frame(response), frame, (size_t)size);
	free(frame);
	if (kw_response_decode(response, api, version, &message, NULL) != 0)
		message = NULL;
	kw_memory_put(memory);
	return message;
}

void *wire_call(int fd, const struct kwire_api *api, int16_t version, const void *request)
{
	static atomic_int last_id = 1000;
	int32_t id = atomic_fetch_add(&last_id, 1);

	if (wire_send(fd, api, version, id, request) != 0)
		return NULL;
	return wire_answer(fd, api, version, id);
}
