/* SPDX-License-Identifier: Apache-2.0 */
/* See broker.h. */
#define _GNU_SOURCE
#include "broker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../base/error.h"
#include "cluster.h"
#include "peer.h"

enum {
	BACKLOG = 512,
	FREE_PORT_TRIES = 50, /* for one that both families have */
};

static void accept_some(struct kw_mock_source *source, short events)
{
	struct kw_mock_listener *listener = (struct kw_mock_listener *)source;
	int one = 1;
	int fd;

	(void)events;
	while (listener->source.fd >= 0 &&
	       (fd = accept4(listener->source.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		kw_mock_peer_open(listener->broker, fd);
	}
}

static int open_socket(bool ipv6, int port, int *bound_port)
{
	struct sockaddr_in6 address6;
	struct sockaddr_in address4;
	struct sockaddr *address = ipv6 ? (struct sockaddr *)&address6
					: (struct sockaddr *)&address4;
	socklen_t size = ipv6 ? sizeof(address6) : sizeof(address4);
	int one = 1;
	int saved;
	int fd = socket(ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	memset(&address6, 0, sizeof(address6));
	memset(&address4, 0, sizeof(address4));
	address6.sin6_family = AF_INET6;
	address6.sin6_addr = in6addr_loopback;
	address6.sin6_port = htons((uint16_t)port);
	address4.sin_family = AF_INET;
	address4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address4.sin_port = htons((uint16_t)port);
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
	    (ipv6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) != 0) ||
	    bind(fd, address, size) != 0 || listen(fd, BACKLOG) != 0 ||
	    getsockname(fd, address, &size) != 0) {
		saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	*bound_port = ntohs(ipv6 ? address6.sin6_port : address4.sin_port);
	return fd;
}

static void close_listeners(struct kw_mock_broker *broker)
{
	for (int i = 0; i < 2; i++) {
		struct kw_mock_listener *listener = &broker->listeners[i];

		if (listener->source.fd < 0)
			continue;
		kw_mock_loop_remove(&broker->mock->loop, &listener->source);
		close(listener->source.fd);
		listener->source.fd = -1;
	}
}

/* One try: every family at the same port. */
static int open_listeners(struct kw_mock_broker *broker, int port, bool *again,
			  struct kwire_error *error)
{
	const bool wanted[2] = {
		!(broker->mock->flags & KWIRE_MOCK_IPV6) || (broker->mock->flags & KWIRE_MOCK_IPV4),
		(broker->mock->flags & KWIRE_MOCK_IPV6) != 0,
	};
	int bound = port;
	int fd;

	*again = false;
	for (int i = 0; i < 2; i++) {
		if (!wanted[i])
			continue;
		fd = open_socket(i == 1, bound, &bound);
		if (fd < 0) {
			*again = port == 0 && i == 1 && errno == EADDRINUSE;
			close_listeners(broker);
			return kw_fail_errno(error,
					     errno == EMFILE || errno == ENFILE ? KWIRE_ELIMIT
										: KWIRE_ECONNECT,
					     KWIRE_PHASE_NONE, errno,
					     "mock broker %d cannot listen on %s port %d",
					     (int)broker->id, i == 1 ? "::1" : "127.0.0.1", bound);
		}
		broker->listeners[i].source.fd = fd;
		if (kw_mock_loop_add(&broker->mock->loop, &broker->listeners[i].source, POLLIN) !=
		    0) {
			close_listeners(broker);
			return kw_fail_memory(error);
		}
	}
	broker->port = bound;
	return KWIRE_OK;
}

int kw_mock_broker_listen(struct kw_mock_broker *broker, int port, struct kwire_error *error)
{
	bool again = true;
	int result = KWIRE_OK;

	if (broker->up)
		return KWIRE_OK;
	for (int i = 0; again && i < FREE_PORT_TRIES; i++)
		result = open_listeners(broker, port, &again, error);
	if (result == 0) {
		broker->up = true;
		kw_mock_brokers_changed(broker->mock);
	}
	return result;
}

void kw_mock_broker_disconnect(struct kw_mock_broker *broker)
{
	while (broker->peers != NULL)
		kw_mock_peer_close(broker->peers, true);
}

void kw_mock_broker_stop(struct kw_mock_broker *broker)
{
	if (!broker->up)
		return;
	broker->up = false;
	close_listeners(broker);
	kw_mock_broker_disconnect(broker);
	kw_mock_brokers_changed(broker->mock);
}

int kw_mock_broker_add(struct kwire_mock *mock, int port, struct kw_mock_broker **added,
		       struct kwire_error *error)
{
	struct kw_mock_broker *broker = kw_zalloc(mock->memory, sizeof(*broker));
	struct kw_mock_broker **link;
	int result;

	if (broker == NULL)
		return kw_fail_memory(error);
	broker->mock = mock;
	broker->id = mock->next_broker_id;
	memcpy(broker->versions, mock->versions, sizeof(broker->versions));
	for (int i = 0; i < 2; i++) {
		broker->listeners[i].source.fd = -1;
		broker->listeners[i].source.ready = accept_some;
		broker->listeners[i].broker = broker;
	}
	for (link = &mock->brokers; *link != NULL; link = &(*link)->next)
		;
	*link = broker;
	result = kw_mock_broker_listen(broker, port, error);
	if (result != 0) {
		*link = NULL;
		kw_free(broker);
		return result;
	}
	mock->next_broker_id++;
	mock->broker_count++;
	if (added != NULL)
		*added = broker;
	return KWIRE_OK;
}

void kw_mock_broker_remove(struct kw_mock_broker *broker)
{
	struct kwire_mock *mock = broker->mock;
	struct kw_mock_broker **link;

	kw_mock_broker_stop(broker);
	for (link = &mock->brokers; *link != broker; link = &(*link)->next)
		;
	*link = broker->next;
	mock->broker_count--;
	/* Its connections, dead already, still refer to it. */
	broker->next = mock->removed;
	mock->removed = broker;
}

struct kw_mock_broker *kw_mock_broker_find(struct kwire_mock *mock, int32_t id)
{
	struct kw_mock_broker *broker = mock->brokers;

	while (broker != NULL && broker->id != id)
		broker = broker->next;
	return broker;
}

struct kw_mock_broker *kw_mock_broker_alive(struct kwire_mock *mock, int32_t id)
{
	struct kw_mock_broker *broker = kw_mock_broker_find(mock, id);

	return broker != NULL && broker->up ? broker : NULL;
}

struct kw_mock_broker *kw_mock_broker_pick(struct kwire_mock *mock, uint64_t number)
{
	uint64_t alive = 0;

	for (struct kw_mock_broker *broker = mock->brokers; broker != NULL; broker = broker->next)
		alive += broker->up;
	if (alive == 0)
		return NULL;
	number %= alive;
	for (struct kw_mock_broker *broker = mock->brokers; broker != NULL; broker = broker->next)
		if (broker->up && number-- == 0)
			return broker;
	return NULL;
}

const char *kw_mock_host(const struct kwire_mock *mock)
{
	if (mock->host != NULL)
		return mock->host;
	if (!(mock->flags & KWIRE_MOCK_IPV6))
		return "127.0.0.1";
	return mock->flags & KWIRE_MOCK_IPV4 ? "localhost" : "::1";
}
