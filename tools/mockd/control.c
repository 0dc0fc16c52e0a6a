/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See control.h.  A few connections at a time, one after another in one
 * thread: a `wait` of one holds up the others, as its answer says.
 */
#include "control.h"

#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	MAX_SESSIONS = 16,
	MAX_LINE = 2000,
	MAX_REPLY = 8192,
};

struct session {
	int fd; /* -1: free */
	size_t used;
	char line[MAX_LINE];
};

int control_listen(const char *path, int *port)
{
	struct sockaddr_un local;
	struct sockaddr_in loopback;
	struct sockaddr *address = (struct sockaddr *)&loopback;
	socklen_t size = sizeof(loopback);
	int one = 1;
	int fd = socket(path != NULL ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	memset(&loopback, 0, sizeof(loopback));
	loopback.sin_family = AF_INET;
	loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (path != NULL) {
		memset(&local, 0, sizeof(local));
		local.sun_family = AF_UNIX;
		if (strlen(path) >= sizeof(local.sun_path)) {
			close(fd);
			return -1;
		}
		memcpy(local.sun_path, path, strlen(path) + 1);
		unlink(path);
		address = (struct sockaddr *)&local;
		size = sizeof(local);
	} else {
		loopback.sin_port = htons((uint16_t)*port);
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	}
	if (bind(fd, address, size) != 0 || listen(fd, MAX_SESSIONS) != 0 ||
	    (path == NULL && getsockname(fd, address, &size) != 0)) {
		close(fd);
		return -1;
	}
	if (path == NULL)
		*port = ntohs(loopback.sin_port);
	return fd;
}

static void put(struct session *session, const char *text)
{
	size_t left = strlen(text);

	while (left > 0) {
		ssize_t n = send(session->fd, text, left, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		text += n;
		left -= (size_t)n;
	}
}

static void run(struct session *session, struct kwire_mock *mock, const char *line)
{
	char reply[MAX_REPLY];
	struct kwire_error error = KWIRE_ERROR_INIT;

	if (kwire_mock_do(mock, line, reply, sizeof(reply), &error) != 0) {
		put(session, "error ");
		put(session, error.message);
	} else {
		put(session, "ok");
		if (strchr(reply, '\n') != NULL)
			put(session, "\n");
		else if (reply[0] != '\0')
			put(session, " ");
		put(session, reply);
		if (strchr(reply, '\n') != NULL)
			put(session, "\n.");
	}
	put(session, "\n");
}

static void end(struct session *session)
{
	close(session->fd);
	session->fd = -1;
	session->used = 0;
}

static void receive(struct session *session, struct kwire_mock *mock)
{
	ssize_t n = recv(session->fd, session->line + session->used,
			 sizeof(session->line) - 1 - session->used, 0);
	char *newline;

	if (n <= 0) {
		end(session);
		return;
	}
	session->used += (size_t)n;
	session->line[session->used] = '\0';
	while (session->fd >= 0 && (newline = strchr(session->line, '\n')) != NULL) {
		size_t size = (size_t)(newline + 1 - session->line);

		*newline = '\0';
		run(session, mock, session->line);
		memmove(session->line, session->line + size, session->used - size + 1);
		session->used -= size;
	}
	if (session->used == sizeof(session->line) - 1) {
		put(session, "error the line is too long\n");
		end(session);
	}
}

static void greet(struct session *sessions, int listener)
{
	int fd = accept(listener, NULL, NULL);

	if (fd < 0)
		return;
	for (int i = 0; i < MAX_SESSIONS; i++)
		if (sessions[i].fd < 0) {
			sessions[i].fd = fd;
			return;
		}
	close(fd);
}

void control_serve(int listener, int stop, struct kwire_mock *mock)
{
	struct session sessions[MAX_SESSIONS];
	struct pollfd fds[MAX_SESSIONS + 2];

	for (int i = 0; i < MAX_SESSIONS; i++) {
		sessions[i].fd = -1;
		sessions[i].used = 0;
	}
	for (;;) {
		fds[0] = (struct pollfd){stop, POLLIN, 0};
		fds[1] = (struct pollfd){listener, POLLIN, 0};
		for (int i = 0; i < MAX_SESSIONS; i++)
			fds[2 + i] = (struct pollfd){sessions[i].fd, POLLIN, 0};
		if (poll(fds, MAX_SESSIONS + 2, -1) < 0)
			continue;
		if (fds[0].revents != 0)
			break;
		for (int i = 0; i < MAX_SESSIONS; i++)
			if (fds[2 + i].revents != 0 && sessions[i].fd >= 0)
				receive(&sessions[i], mock);
		if (fds[1].revents & POLLIN)
			greet(sessions, listener);
	}
	for (int i = 0; i < MAX_SESSIONS; i++)
		if (sessions[i].fd >= 0)
			end(&sessions[i]);
	if (listener >= 0)
		close(listener);
}
