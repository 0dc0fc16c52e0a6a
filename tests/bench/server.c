/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lean server of the benchmark: see bench.h.  It knows just enough of
 * Kafka to be negotiated with; everything else is canned bytes, so that what
 * is measured is the client.
 */
#include "bench.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tls.h"

enum {
	ANSWER_MAX = 1024,
	IN_MAX = 1 << 18,
	OUT_MAX = 1 << 20,
	FDS = 1024
};

struct bytes {
	uint8_t data[ANSWER_MAX];
	size_t size;
};

static void put(struct bytes *b, uint64_t value, int width)
{
	while (width-- > 0)
		b->data[b->size++] = (uint8_t)(value >> (8 * width));
}

static void put_text(struct bytes *b, const char *text)
{
	size_t size = strlen(text);

	put(b, size + 1, 1);
	memcpy(b->data + b->size, text, size);
	b->size += size;
}

static void end_frame(struct bytes *b)
{
	size_t size = b->size - 4;

	for (int i = 0; i < 4; i++)
		b->data[i] = (uint8_t)(size >> (8 * (3 - i)));
}

/* ApiVersions v0 body behind header v0: every API that the benchmark calls. */
static void make_versions(struct bytes *b)
{
	static const int16_t table[][3] = {
		{0, 0, 13}, {1, 4, 18}, {2, 1, 10}, {3, 0, 12}, {8, 2, 9},  {9, 1, 9},  {10, 0, 6},
		{12, 0, 4}, {15, 0, 5}, {18, 0, 4}, {19, 2, 7}, {22, 0, 5}, {23, 2, 4}, {60, 0, 1},
	};
	size_t count = sizeof(table) / sizeof(table[0]);

	b->size = 8;
	put(b, 0, 2);
	put(b, count + 1, 1);
	for (size_t i = 0; i < count; i++) {
		for (int j = 0; j < 3; j++)
			put(b, (uint64_t)(uint16_t)table[i][j], 2);
		put(b, 0, 1);
	}
	put(b, 0, 4); /* throttle time */
	put(b, 0, 1); /* no tags */
	end_frame(b);
}

static struct bytes question = {{0}, 0};
static struct bytes answer = {{0}, 0};
const size_t bench_question_size = 60;
const size_t bench_answer_size = 400;

/* A Metadata request for one topic, padded by its client id to 60 bytes. */
static void make_question(struct bytes *b)
{
	const char *client = BENCH_CLIENT_ID;

	b->size = 4;
	put(b, 3, 2);
	put(b, BENCH_METADATA_VERSION, 2);
	put(b, 0, 4);
	put(b, strlen(client), 2);
	memcpy(b->data + b->size, client, strlen(client));
	b->size += strlen(client);
	put(b, 0, 1); /* header tags */
	put(b, 2, 1); /* one topic */
	b->size += 16;
	put_text(b, "orders");
	put(b, 0, 1);
	put(b, 0, 3); /* allow creation, authorized operations, tags */
	end_frame(b);
}

/* A Metadata response of three brokers and one topic, 400 bytes in all. */
static void make_answer(struct bytes *b)
{
	int partitions = 6;

	b->size = 8;
	put(b, 0, 1); /* header tags */
	put(b, 0, 4);
	put(b, 4, 1);
	for (int i = 0; i < 3; i++) {
		put(b, (uint64_t)i + 1, 4);
		put_text(b, i == 0 ? "broker-1.bench.example.org" : "127.0.0.1");
		put(b, 9092, 4);
		put(b, 0, 1);
		put(b, 0, 1);
	}
	put_text(b, "benchmark-cluster-id-0");
	put(b, 1, 4);
	put(b, 2, 1);
	put(b, 0, 2);
	put_text(b, "orders");
	put(b, 0x0102030405060708, 8);
	put(b, 0x1112131415161718, 8);
	put(b, 0, 1);
	put(b, (uint64_t)partitions + 1, 1);
	for (int i = 0; i < partitions; i++) {
		put(b, 0, 2);
		put(b, (uint64_t)i, 4);
		put(b, 1, 4);
		put(b, 7, 4);
		for (int list = 0; list < 2; list++) {
			put(b, 3, 1);
			put(b, 1, 4);
			put(b, 2, 4);
		}
		put(b, 1, 1);
		put(b, 0, 1);
	}
	put(b, 0, 4);
	put(b, 0, 1);
	/* An unknown tagged field fills it up. */
	put(b, 1, 1);
	put(b, 99, 1);
	put(b, bench_answer_size - b->size - 1, 1);
	while (b->size < bench_answer_size)
		put(b, 0xAA, 1);
	end_frame(b);
}

const uint8_t *bench_question(void)
{
	if (question.size == 0)
		make_question(&question);
	if (question.size != bench_question_size)
		bench_die("the question has %zu bytes", question.size);
	return question.data;
}

struct peer {
	struct bench_tls *tls; /* NULL: plain */
	uint8_t *in;
	size_t in_size;
	uint8_t *out;
	size_t out_start, out_size;
};

static struct peer peers[FDS];

/* Answers every whole question that there is room to answer; whether there was one. */
static bool answer_all(struct peer *peer, const struct bytes *versions)
{
	size_t at = 0;

	while (peer->in_size - at >= 4) {
		const uint8_t *p = peer->in + at;
		size_t size = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
		const struct bytes *reply = (p[4] << 8 | p[5]) == 18 ? versions : &answer;

		if (peer->in_size - at < 4 + size || peer->out_size + reply->size > OUT_MAX)
			break;
		memcpy(peer->out + peer->out_size, reply->data, reply->size);
		memcpy(peer->out + peer->out_size + 4, p + 8, 4);
		peer->out_size += reply->size;
		at += 4 + size;
	}
	memmove(peer->in, peer->in + at, peer->in_size - at);
	peer->in_size -= at;
	return at > 0;
}

static ssize_t receive(int fd, struct peer *peer)
{
	uint8_t *to = peer->in + peer->in_size;
	size_t room = IN_MAX - peer->in_size;

	return peer->tls != NULL ? bench_tls_recv(peer->tls, to, room) : recv(fd, to, room, 0);
}

static ssize_t leave(int fd, struct peer *peer)
{
	const uint8_t *from = peer->out + peer->out_start;
	size_t size = peer->out_size - peer->out_start;

	return peer->tls != NULL ? bench_tls_send(peer->tls, from, size)
				 : send(fd, from, size, MSG_NOSIGNAL);
}

/*
 * Receives once (not while answers wait to leave), answers, sends.  False when
 * the peer is gone.
 */
static bool serve(int epoll, int fd, struct peer *peer, const struct bytes *versions)
{
	bool progress, was_blocked = peer->out_size > 0;

	if (!was_blocked) {
		ssize_t n;

		/* A record more may wait inside TLS, where epoll does not see it. */
		do {
			n = receive(fd, peer);
			if (n <= 0)
				return n < 0 && errno == EAGAIN;
			peer->in_size += (size_t)n;
		} while (peer->tls != NULL && bench_tls_pending(peer->tls));
	}
	do {
		progress = answer_all(peer, versions);
		while (peer->out_start < peer->out_size) {
			ssize_t n = leave(fd, peer);

			if (n < 0 && errno == EAGAIN)
				break;
			if (n <= 0)
				return false;
			peer->out_start += (size_t)n;
		}
		if (peer->out_start == peer->out_size)
			peer->out_start = peer->out_size = 0;
	} while (progress && peer->out_size == 0);
	if ((peer->out_size > 0) != was_blocked) {
		struct epoll_event event = {peer->out_size > 0 ? EPOLLOUT : EPOLLIN, {.fd = fd}};

		epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event);
	}
	return true;
}

static _Noreturn void run(int listener, bool tls)
{
	struct bytes versions = {{0}, 0};
	struct epoll_event event = {EPOLLIN, {.fd = listener}}, events[64];
	int epoll = epoll_create1(EPOLL_CLOEXEC), one = 1;

	make_versions(&versions);
	make_answer(&answer);
	epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
	for (;;) {
		int ready = epoll_wait(epoll, events, 64, -1);

		for (int i = 0; i < ready; i++) {
			int fd = events[i].data.fd;

			if (fd == listener) {
				fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
				if (fd < 0 || fd >= FDS) {
					close(fd);
					continue;
				}
				setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
				peers[fd] = (struct peer){tls ? bench_tls_accept(fd) : NULL,
							  malloc(IN_MAX),
							  0,
							  malloc(OUT_MAX),
							  0,
							  0};
				event = (struct epoll_event){EPOLLIN, {.fd = fd}};
				epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
			} else if (!serve(epoll, fd, &peers[fd], &versions)) {
				close(fd);
				bench_tls_free(peers[fd].tls);
				free(peers[fd].in);
				free(peers[fd].out);
			}
		}
	}
}

int bench_listen(int *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(listener, 512) != 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &size) != 0)
		bench_die("no listening socket");
	*port = ntohs(address.sin_port);
	return listener;
}

static struct bench_server start(enum bench_pinning pinning, bool tls)
{
	struct bench_server server = {0, 0};
	int listener = bench_listen(&server.port);

	server.pid = fork();
	if (server.pid < 0)
		bench_die("no server process");
	if (server.pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		bench_pin(pinning == BENCH_ONE_CORE ? 0 : pinning == BENCH_TWO_CORES ? 1 : -1);
		if (tls)
			bench_tls_server();
		run(listener, tls);
	}
	close(listener);
	return server;
}

struct bench_server bench_server_start(enum bench_pinning pinning)
{
	return start(pinning, false);
}

struct bench_server bench_server_start_tls(enum bench_pinning pinning)
{
	bench_tls_ca();
	return start(pinning, true);
}

void bench_server_stop(struct bench_server *server)
{
	kill(server->pid, SIGKILL);
	waitpid(server->pid, NULL, 0);
	server->pid = 0;
}
