/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A broker of the mock: its listening sockets, its connections, the versions
 * that it offers.  Loop's thread only.
 */
#ifndef KW_MOCK_BROKER_H
#define KW_MOCK_BROKER_H

#include "loop.h"
#include "versions.h"

struct kwire_mock;
struct kw_mock_peer;
struct kw_mock_broker;

struct kw_mock_listener {
	struct kw_mock_source source; /* first; fd -1: none */
	struct kw_mock_broker *broker;
};

struct kw_mock_broker {
	struct kwire_mock *mock;
	struct kw_mock_broker *next; /* by ascending id */
	int32_t id;
	int port;
	bool up;
	struct kw_mock_listener listeners[2];
	struct kw_mock_peer *peers;
	int open;
	int64_t accepted;
	struct kw_mock_version versions[KW_MOCK_KEYS];
	int64_t seen[KW_MOCK_KEYS]; /* requests by API; the last: keys beyond */
	int64_t seen_all;
};

/* Adds a broker with the next id, listening at `port` (0: a free one). */
int kw_mock_broker_add(struct kwire_mock *mock, int port, struct kw_mock_broker **broker,
		       struct kwire_error *error);
int kw_mock_broker_listen(struct kw_mock_broker *broker, int port, struct kwire_error *error);
void kw_mock_broker_stop(struct kw_mock_broker *broker);
void kw_mock_broker_remove(struct kw_mock_broker *broker);
void kw_mock_broker_disconnect(struct kw_mock_broker *broker);

/* NULL: none of this id. */
struct kw_mock_broker *kw_mock_broker_find(struct kwire_mock *mock, int32_t id);
/* The same; if it is up. */
struct kw_mock_broker *kw_mock_broker_alive(struct kwire_mock *mock, int32_t id);
/* One that is up, chosen by `number`; NULL when all are down. */
struct kw_mock_broker *kw_mock_broker_pick(struct kwire_mock *mock, uint64_t number);

/* The name under which metadata advertises brokers. */
const char *kw_mock_host(const struct kwire_mock *mock);

#endif
