/* SPDX-License-Identifier: Apache-2.0 */
/* See peer.h. */
#include "peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "moved_clock.h"
#include "protocol/endian.h"
#include "protocol/reader.h"
#include "protocol/writer.h"

/* -- the peer -------------------------------------------------------------------- */

void peer_init(struct peer *peer)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof(address);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	peer->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(peer->fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(peer->fd, 64) != 0 ||
	    getsockname(peer->fd, (struct sockaddr *)&address, &size) != 0)
		abort();
	peer->port = ntohs(address.sin_port);
}

void peer_fini(struct peer *peer)
{
	close(peer->fd);
}

static bool readable(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	return poll(&poll_fd, 1, PEER_GUARD_MS) == 1;
}

int peer_accept(struct peer *peer)
{
	return readable(peer->fd) ? accept(peer->fd, NULL, NULL) : -1;
}

static bool read_all(int fd, uint8_t *bytes, size_t size)
{
	ssize_t got;

	for (; size > 0; size -= (size_t)got, bytes += got) {
		got = readable(fd) ? recv(fd, bytes, size, 0) : -1;
		if (got <= 0)
			return false;
	}
	return true;
}

bool peer_read(int fd, struct peer_request *request)
{
	uint8_t word[4];
	size_t at = 10;

	memset(request, 0, sizeof(*request));
	if (!read_all(fd, word, sizeof(word)))
		return false;
	request->size = kw_load32(word);
	request->bytes = malloc(request->size + 1);
	if (request->size < at || !read_all(fd, request->bytes, request->size)) {
		peer_free(request);
		return false;
	}
	request->key = (int16_t)kw_load16(request->bytes);
	request->version = (int16_t)kw_load16(request->bytes + 2);
	request->id = (int32_t)kw_load32(request->bytes + 4);
	if ((int16_t)kw_load16(request->bytes + 8) > 0)
		at += kw_load16(request->bytes + 8);
	request->body = request->bytes + at;
	request->body_size = request->size - at;
	return true;
}

void peer_free(struct peer_request *request)
{
	free(request->bytes);
	request->bytes = NULL;
}

int32_t peer_take(int fd)
{
	struct peer_request request;
	int32_t id;

	if (!peer_read(fd, &request))
		return -1;
	id = request.id;
	peer_free(&request);
	return id;
}

bool peer_at_end(int fd)
{
	uint8_t byte;

	return readable(fd) && recv(fd, &byte, 1, 0) <= 0;
}

bool peer_write(int fd, const void *bytes, size_t size)
{
	const uint8_t *at = bytes;
	ssize_t put;

	for (; size > 0; size -= (size_t)put, at += put) {
		put = send(fd, at, size, MSG_NOSIGNAL);
		if (put < 0)
			return false;
	}
	return true;
}

bool peer_answer(int fd, int32_t id, const void *body, size_t size)
{
	uint8_t *frame = malloc(size + 8);
	bool written;

	kw_store32(frame, (uint32_t)(size + 4));
	kw_store32(frame + 4, (uint32_t)id);
	if (size > 0)
		memcpy(frame + 8, body, size);
	written = peer_write(fd, frame, size + 8);
	free(frame);
	return written;
}

size_t peer_versions(int16_t version, int16_t error_code, uint8_t *body, size_t capacity)
{
	static const int16_t ranges[][3] = {{18, 0, 4},
					    {3, 0, 13},
					    {0, 0, 13},
					    {1, 4, 17},
					    {17, 0, 1},
					    {36, 0, 2},
					    {PEER_PROBE_KEY, 0, 1}};
	enum {
		COUNT = sizeof(ranges) / sizeof(ranges[0])
	};
	struct kwire_writer writer;
	bool flexible = version >= 3;

	memset(&writer, 0, sizeof(writer));
	writer.data = body;
	writer.capacity = capacity;
	writer.borrow_from = SIZE_MAX;
	kw_put_int16(&writer, error_code);
	if (flexible)
		kw_put_varint(&writer, COUNT + 1);
	else
		kw_put_int32(&writer, COUNT);
	for (int i = 0; i < COUNT; i++) {
		for (int j = 0; j < 3; j++)
			kw_put_int16(&writer, ranges[i][j]);
		if (flexible)
			kw_put_varint(&writer, 0);
	}
	if (version >= 1)
		kw_put_int32(&writer, 0);
	if (flexible)
		kw_put_varint(&writer, 0);
	return writer.size;
}

int peer_greet(int fd)
{
	struct peer_request request;
	uint8_t body[256];
	int16_t version;

	if (!peer_read(fd, &request))
		return -1;
	version = request.version;
	/* Offers up to 4: as a real broker does, refuses what is newer in version 0. */
	if (version > 4) {
		peer_answer(fd, request.id, body, peer_versions(0, 35, body, sizeof(body)));
		peer_free(&request);
		return peer_greet(fd);
	}
	peer_answer(fd, request.id, body, peer_versions(version, 0, body, sizeof(body)));
	peer_free(&request);
	return version;
}

void peer_reset(int fd)
{
	const struct linger now = {.l_onoff = 1, .l_linger = 0};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
}

/* -- the probe ------------------------------------------------------------------- */

static void encode_probe(struct kwire_writer *writer, const void *message, int16_t version)
{
	const struct probe_request *request = message;

	(void)version;
	kw_put_int32(writer, request->number);
	kw_put_int32(writer, request->wait_ms);
	kw_put_nullable_bytes(writer, request->payload, true, "payload");
}

static void decode_probe(struct kwire_reader *reader, void *message, int16_t version)
{
	struct probe_response *response = message;

	(void)version;
	response->number = kw_get_int32(reader, "number");
	response->payload = kw_get_nullable_bytes(reader, true, "payload");
}

const struct kwire_api probe_api = {
	.name = "Probe",
	.key = PEER_PROBE_KEY,
	.min_version = 0,
	.max_version = 1,
	.latest_stable_version = 1,
	.first_flexible_version = INT16_MAX,
	.request_size = sizeof(struct probe_request),
	.response_size = sizeof(struct probe_response),
	.response_ratio = 1,
	.request_wait_offset = offsetof(struct probe_request, wait_ms),
	.encode_request = encode_probe,
	.decode_response = decode_probe,
	.throttle_version = INT16_MAX,
	.throttle_offset = -1,
};

int32_t peer_probe_number(const struct peer_request *request)
{
	return (int32_t)kw_load32(request->body);
}

bool peer_answer_probe(int fd, int32_t id, int32_t number, size_t size)
{
	uint8_t *body = malloc(size + 8);
	bool written;

	kw_store32(body, (uint32_t)number);
	kw_store32(body + 4, (uint32_t)size);
	memset(body + 8, 'x', size);
	written = peer_answer(fd, id, body, size + 8);
	free(body);
	return written;
}

/* -- the client's side ----------------------------------------------------------- */

int64_t test_now_ms(void)
{
	return kw_now_ms();
}

struct kwire_config *test_config(const char *name, ...)
{
	struct kwire_config *config = kwire_config_new();
	struct kwire_error error;
	va_list arguments;

	va_start(arguments, name);
	for (; name != NULL; name = va_arg(arguments, const char *))
		if (kwire_config_set(config, name, va_arg(arguments, const char *), &error) != 0)
			abort();
	va_end(arguments);
	return config;
}

struct opening {
	struct kwire_config *config;
	struct kwire_connection *connection;
	int port;
	struct kwire_error error;
};

static void *open_it(void *argument)
{
	struct opening *opening = argument;

	if (kwire_connection_open(opening->config, "127.0.0.1", opening->port, PEER_GUARD_MS,
				  &opening->connection, &opening->error) != 0)
		opening->connection = NULL;
	return NULL;
}

struct kwire_connection *test_connect(struct peer *peer, struct kwire_config *config, int *fd)
{
	struct opening opening = {.config = config, .port = peer->port};
	pthread_t thread;

	if (pthread_create(&thread, NULL, open_it, &opening) != 0)
		abort();
	*fd = peer_accept(peer);
	if (*fd >= 0)
		peer_greet(*fd);
	pthread_join(thread, NULL);
	if (opening.connection == NULL)
		fprintf(stderr, "test_connect: %s\n", opening.error.message);
	return opening.connection;
}

static void *call_it(void *argument)
{
	struct caller *caller = argument;
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct probe_request request = {.number = caller->number};
	uint8_t *payload = NULL;
	void *response = NULL;
	int64_t started_ms = kw_now_ms();

	if (caller->payload_size > 0) {
		payload = malloc(caller->payload_size);
		memset(payload, caller->number & 0x7f, caller->payload_size);
		request.payload = kwire_bytes_of(payload, caller->payload_size);
	}
	options.timeout_ms = caller->timeout_ms;
	options.flags = caller->flags;
	caller->result = kwire_connection_send(caller->connection, &probe_api, &request, &response,
					       &options, &caller->error);
	caller->elapsed_ms = kw_now_ms() - started_ms;
	if (payload != NULL)
		/* Whoever still reads it must not see the old bytes. */
		memset(payload, 0xee, caller->payload_size);
	free(payload);
	if (response != NULL)
		caller->answer = ((struct probe_response *)response)->number;
	kwire_response_free(response);
	return NULL;
}

void caller_start(struct caller *caller)
{
	pthread_t *thread = malloc(sizeof(*thread));

	caller->result = 1;
	caller->answer = -1;
	memset(&caller->error, 0, sizeof(caller->error));
	caller->thread = thread;
	if (pthread_create(thread, NULL, call_it, caller) != 0)
		abort();
}

void caller_join(struct caller *caller)
{
	pthread_t *thread = caller->thread;

	pthread_join(*thread, NULL);
	free(thread);
	caller->thread = NULL;
}

bool wait_until(bool (*test)(void *context), void *context)
{
	const struct timespec pause = {0, 500000};
	int64_t until_ms = test_real_ms() + PEER_GUARD_MS;

	while (!test(context)) {
		if (test_real_ms() >= until_ms)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

struct in_flight {
	struct kwire_connection *connection;
	int count;
};

static bool has_in_flight(void *context)
{
	struct in_flight *wanted = context;

	return kwire_connection_in_flight(wanted->connection) == wanted->count;
}

bool wait_in_flight(struct kwire_connection *connection, int count)
{
	struct in_flight wanted = {connection, count};

	return wait_until(has_in_flight, &wanted);
}
