/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the interop tests share: how to reach the real cluster that
 * tests/interop/run started, and how to stop and start its nodes.
 */
#ifndef KW_TEST_CLUSTER_H
#define KW_TEST_CLUSTER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <kwire/client.h>
#include <kwire/connection.h>

#define CLUSTER_NODES 3

/* Fails the test with the error's own words unless `result` is 0. */
#define must(result, error) cluster_must((result), #result, (error), __FILE__, __LINE__)
void cluster_must(int result, const char *expression, const struct kwire_error *error,
		  const char *file, int line);

/* Fails the test, by name of the code, unless a broker answered with `expected`. */
#define must_answer(code, expected) \
	cluster_must_answer((code), (expected), #code, __FILE__, __LINE__)
void cluster_must_answer(int16_t code, int16_t expected, const char *expression, const char *file,
			 int line);

/* Codes that the tests name. */
enum {
	NONE = 0,
	UNKNOWN_TOPIC_OR_PARTITION = 3,
	COORDINATOR_LOAD_IN_PROGRESS = 14,
	COORDINATOR_NOT_AVAILABLE = 15,
	NOT_COORDINATOR = 16,
	UNKNOWN_MEMBER_ID = 25,
	TOPIC_ALREADY_EXISTS = 36,
	INVALID_REPLICATION_FACTOR = 38,
	INVALID_REQUEST = 42,
	CONCURRENT_TRANSACTIONS = 51,
	MEMBER_ID_REQUIRED = 79,
};

/* The value of KWIRE_BOOTSTRAP, or KWIRE_BOOTSTRAP_<listener>; fails the test where it is missing.
 */
const char *cluster_bootstrap(const char *listener);

/* Host and port of the `index`th (0 to 2) node, that is node index + 1, of a listener. */
void cluster_node(const char *listener, int index, char host[64], int *port);

/* Whether the cluster's release is at least major.minor. */
bool cluster_at_least(int major, int minor);

/* A configuration with the bootstrap list set; free it. */
struct kwire_config *cluster_config(void);

/* A client of the cluster; close it. */
struct kwire_client *cluster_client(void);

/* A connection to node index + 1; close it. */
struct kwire_connection *cluster_connection(int index);

/* tools/kafka/cluster kill|restart|pause|resume N; fails the test if it fails. */
void cluster_node_command(const char *command, int node);

/* A teardown: whatever a test did to the nodes, all of them run again. */
int cluster_heal(void **state);

/* Milliseconds of the monotonic clock. */
int64_t cluster_now_ms(void);

/* A name that no other test and no other run uses. */
void cluster_name(char name[64], const char *prefix);

/* Creates a topic and waits until its partitions have leaders that every broker knows. */
void cluster_create_topic(struct kwire_client *client, const char *name, int32_t partitions,
			  int16_t replication);
/* Only the waiting, for a topic that was created otherwise. */
void cluster_settle_topic(struct kwire_client *client, const char *name, int32_t partitions);
void cluster_delete_topic(struct kwire_client *client, const char *name);

/* The node that leads a partition. */
int32_t cluster_leader(struct kwire_client *client, const char *topic, int32_t partition,
		       struct kwire_uuid *topic_id);

/* The node that coordinates a group (key type 0) or a transaction (1), once it is ready to. */
int32_t cluster_coordinator(struct kwire_client *client, const char *key, int8_t key_type);

/* For the retries that a coordinator asks for: false, after a pause, until 30 s are over. */
struct cluster_patience {
	int64_t until_ms;
};
bool cluster_again(struct cluster_patience *patience);

#endif
