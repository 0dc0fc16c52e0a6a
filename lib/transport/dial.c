/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From addresses to a connected socket: see socket.h.  Attempts overlap: an
 * address that does not answer costs a slice, and one that is merely far away
 * may still win.  Called by a connection's thread; no lock is held.
 */
#include "socket.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "../base/clock.h"
#include "../base/error.h"
#include "../config/config.h"

enum {
	MAX_ATTEMPTS = 16, /* under way at once */
};

struct attempt {
	int fd;
	int index; /* of its address */
};

struct race {
	const struct kwire_config *config;
	const struct kw_addresses *addresses;
	struct attempt attempts[MAX_ATTEMPTS];
	int count;       /* of attempts */
	int next;        /* address to try next */
	int64_t next_ms; /* when, at the latest */
	int last_index;  /* address that failed last */
	int last_errno;  /* and how; 0: none failed yet */
	const char *own; /* the setting that could not be followed, where that is how */
	int winner;      /* descriptor, -1: none yet */
	int winner_index;
};

static void set_option(int fd, int level, int name, int64_t value)
{
	int number = value > INT32_MAX ? INT32_MAX : (int)value;

	/* What a system cannot do it does without. */
	(void)setsockopt(fd, level, name, &number, sizeof(number));
}

static void set_options(int fd, const struct kw_settings *settings)
{
	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	if (settings->tcp_keepalive_idle_s > 0) {
		set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
#if defined(TCP_KEEPIDLE)
		set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, settings->tcp_keepalive_idle_s);
		set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, settings->tcp_keepalive_interval_s);
		set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, settings->tcp_keepalive_count);
#endif
	}
#if defined(TCP_USER_TIMEOUT)
	if (settings->tcp_user_timeout_ms > 0)
		set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, settings->tcp_user_timeout_ms);
#endif
	if (settings->send_buffer_bytes > 0)
		set_option(fd, SOL_SOCKET, SO_SNDBUF, settings->send_buffer_bytes);
	if (settings->receive_buffer_bytes > 0)
		set_option(fd, SOL_SOCKET, SO_RCVBUF, settings->receive_buffer_bytes);
}

/* A non-blocking, close-on-exec stream socket, or -1. */
static int open_socket(int family)
{
#if defined(SOCK_CLOEXEC) && defined(SOCK_NONBLOCK)
	return socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
#else
	int fd = socket(family, SOCK_STREAM, 0);

	if (fd >= 0 &&
	    (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0)) {
		close(fd);
		return -1;
	}
	return fd;
#endif
}

/*
 * A loopback port on which nobody listens may be the one that this socket was
 * given itself: TCP then connects it to itself.
 */
static bool is_connected_to_itself(int fd)
{
	struct sockaddr_storage here, there;
	socklen_t here_size = sizeof(here), there_size = sizeof(there);

	memset(&here, 0, sizeof(here));
	memset(&there, 0, sizeof(there));
	return getsockname(fd, (struct sockaddr *)&here, &here_size) == 0 &&
	       getpeername(fd, (struct sockaddr *)&there, &there_size) == 0 &&
	       here_size == there_size && memcmp(&here, &there, here_size) == 0;
}

static void lose(struct race *race, int fd, int index, int os_errno)
{
	race->own = NULL;
	if (fd >= 0)
		close(fd);
	race->last_index = index;
	race->last_errno = os_errno;
}

static void finish(struct race *race, int fd, int index)
{
	if (is_connected_to_itself(fd)) {
		lose(race, fd, index, ECONNREFUSED);
		return;
	}
	race->winner = fd;
	race->winner_index = index;
}

/* Dials from where the program wants; the name of the setting that cannot be followed, or NULL. */
static const char *choose_origin(int fd, int family, const struct kw_settings *settings)
{
	struct kw_address here;

#if defined(SO_BINDTODEVICE)
	if (*settings->local_interface != '\0' &&
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, settings->local_interface,
		       (socklen_t)strlen(settings->local_interface) + 1) != 0)
		return "socket.local.interface";
#else
	if (*settings->local_interface != '\0') {
		errno = ENOSYS;
		return "socket.local.interface";
	}
#endif
	if (*settings->local_address == '\0')
		return NULL;
	if (!kw_address_parse(settings->local_address, 0, &here) ||
	    here.storage.ss_family != (sa_family_t)family) {
		errno = EAFNOSUPPORT;
		return "socket.local.address";
	}
	return bind(fd, (const struct sockaddr *)&here.storage, here.size) == 0
		       ? NULL
		       : "socket.local.address";
}

/* Begins with the next address; true while the one after it may begin at once. */
static bool start_next(struct race *race, int64_t now_ms)
{
	int index = race->next++;
	const struct kw_address *address = &race->addresses->items[index];
	int fd = open_socket(address->storage.ss_family);
	const char *own;

	if (fd < 0) {
		lose(race, -1, index, errno);
		return true;
	}
	set_options(fd, &race->config->settings);
	own = choose_origin(fd, address->storage.ss_family, &race->config->settings);
	if (own != NULL) {
		lose(race, fd, index, errno);
		race->own = own;
		return true;
	}
	if (connect(fd, (const struct sockaddr *)&address->storage, address->size) == 0) {
		finish(race, fd, index);
		return race->winner < 0;
	}
	if (errno != EINPROGRESS && errno != EINTR) {
		lose(race, fd, index, errno);
		return true;
	}
	race->attempts[race->count].fd = fd;
	race->attempts[race->count].index = index;
	race->count++;
	race->next_ms = now_ms + KW_CONNECT_SLICE_MS;
	return false;
}

/* Settles the attempt at `at`, which poll(2) reported. */
static void settle(struct race *race, int at)
{
	struct attempt attempt = race->attempts[at];
	int failure = 0;
	socklen_t size = sizeof(failure);

	race->attempts[at] = race->attempts[--race->count];
	if (getsockopt(attempt.fd, SOL_SOCKET, SO_ERROR, &failure, &size) != 0)
		failure = errno;
	if (failure != 0)
		lose(race, attempt.fd, attempt.index, failure);
	else
		finish(race, attempt.fd, attempt.index);
	race->next_ms = 0;
}

/* Waits for attempts to be decided, at most until the next one is due. */
static int watch(struct race *race, int64_t deadline_ms, struct kw_waker *waker)
{
	struct pollfd fds[MAX_ATTEMPTS + 1];
	int64_t until_ms = deadline_ms;
	nfds_t count = (nfds_t)race->count;

	if (race->next < race->addresses->count && race->count < MAX_ATTEMPTS &&
	    race->next_ms < until_ms)
		until_ms = race->next_ms;
	for (int i = 0; i < race->count; i++) {
		fds[i].fd = race->attempts[i].fd;
		fds[i].events = POLLOUT;
		fds[i].revents = 0;
	}
	if (waker != NULL) {
		fds[count].fd = waker->fd;
		fds[count].events = POLLIN;
		fds[count].revents = 0;
		count++;
	}
	if (poll(fds, count, kw_poll_timeout(until_ms, kw_now_ms())) <= 0)
		return KWIRE_OK;
	if (waker != NULL && fds[count - 1].revents != 0)
		return KWIRE_ECANCELED;
	/* Downwards: settling moves the last attempt into the place of the settled one. */
	for (int i = race->count - 1; i >= 0 && race->winner < 0; i--)
		if (fds[i].revents != 0)
			settle(race, i);
	return KWIRE_OK;
}

static int fail(struct race *race, int result, struct kwire_error *error)
{
	const char *others = race->addresses->count > 1 ? ", the last of several addresses" : "";

	switch (result) {
	case KWIRE_ECANCELED:
		return kw_fail_in(error, KWIRE_ECANCELED, KWIRE_PHASE_CONNECT,
				  "connecting was given up");
	case KWIRE_ETIMEDOUT:
		return kw_fail_in(error, KWIRE_ETIMEDOUT, KWIRE_PHASE_CONNECT,
				  "nobody answered in time while connecting: "
				  "the host is down, or a firewall drops the packets");
	default:
		break;
	}
	if (race->last_errno == EMFILE || race->last_errno == ENFILE)
		return kw_fail_errno(error, KWIRE_ELIMIT, KWIRE_PHASE_CONNECT, race->last_errno,
				     "no descriptor for a socket");
	if (race->own != NULL)
		return kw_fail_errno(error, KWIRE_ECONNECT, KWIRE_PHASE_CONNECT, race->last_errno,
				     "cannot dial as %s wants%s", race->own, others);
	kw_fail_errno(error, KWIRE_ECONNECT, KWIRE_PHASE_CONNECT, race->last_errno,
		      "cannot connect%s", others);
	if (race->last_errno == ECONNREFUSED)
		kw_error_add(error, "; nothing listens on that port");
	return KWIRE_ECONNECT;
}

int kw_connect(const struct kwire_config *config, const struct kw_addresses *addresses,
	       int64_t deadline_ms, struct kw_waker *waker, const struct kwire_transport_ops **ops,
	       void **transport, char address[KW_ADDRESS_TEXT], struct kwire_error *error)
{
	struct race race = {.config = config, .addresses = addresses, .winner = -1};
	int result = KWIRE_OK;
	int64_t now_ms;

	address[0] = '\0';
	while (result == KWIRE_OK && race.winner < 0) {
		now_ms = kw_now_ms();
		while (race.winner < 0 && race.next < addresses->count &&
		       race.count < MAX_ATTEMPTS && (race.count == 0 || now_ms >= race.next_ms))
			if (!start_next(&race, now_ms))
				break;
		if (race.winner >= 0)
			break;
		if (race.count == 0 && race.next >= addresses->count)
			result = KWIRE_ECONNECT;
		else if (now_ms >= deadline_ms)
			result = KWIRE_ETIMEDOUT;
		else
			result = watch(&race, deadline_ms, waker);
	}
	for (int i = 0; i < race.count; i++)
		close(race.attempts[i].fd);
	if (race.winner < 0) {
		if (race.last_errno != 0 || addresses->count == 1)
			kw_address_format(&addresses->items[race.last_index], address);
		return fail(&race, result, error);
	}
	kw_address_format(&addresses->items[race.winner_index], address);
	return kw_socket_new(config->memory, race.winner, waker, ops, transport, error);
}

int kw_dial(const struct kwire_config *config, const char *host, int port, int64_t deadline_ms,
	    const struct kwire_transport_ops **ops, void **transport, char address[KW_ADDRESS_TEXT],
	    struct kwire_error *error)
{
	struct kw_addresses addresses;
	int result;

	address[0] = '\0';
	if (config->dial != NULL)
		return config->dial(config->dial_context, host, port, deadline_ms, ops, transport,
				    error);
	result = kw_resolve(config, host, port, deadline_ms, &addresses, error);
	if (result != KWIRE_OK)
		return result;
	result = kw_connect(config, &addresses, deadline_ms, NULL, ops, transport, address, error);
	kw_addresses_fini(&addresses);
	return result;
}
