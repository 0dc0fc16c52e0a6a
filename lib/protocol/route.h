/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The route of an API: where its requests go, where in a request the broker's
 * key stands, and where in a response the error codes are.  One constant a
 * client's API, generated from gen/routes.json: offsets only, no functions, so
 * that a program with a bare connection pays some ninety bytes for each API.
 * Read by lib/client; docs/routing.md explains it.
 */
#ifndef KW_ROUTE_H
#define KW_ROUTE_H

#include <kwire/message.h>

/* No such field, or array. */
#define KW_NONE UINT16_MAX

/* An array of a message, and what is in each of its items; offsets. */
struct kw_level {
	uint16_t array; /* of { items, count } in the struct around; KW_NONE: the rest is void */
	uint16_t size;  /* of an item */
	uint16_t key;   /* string: topic, group, ...; on the second level int32: the partition */
	uint16_t name;  /* string: a topic that may be named by its id instead */
	uint16_t id;    /* uuid: a topic's id */
	uint16_t extra; /* items: int8, type of a resource; parts: leader hint { id, epoch } */
	uint16_t code;  /* int16: error code */
};

/* A request or response, as far as routing reads it. */
struct kw_shape {
	uint16_t key;          /* of a request: string in the struct itself */
	uint16_t code;         /* of a response: int16 in the struct itself */
	struct kw_level items; /* topics, groups, resources, ... */
	struct kw_level parts; /* in each of them: partitions; topics of a group */
};

enum kw_route_target {
	KW_TO_ANY,
	KW_TO_ANY_EACH, /* where a broker does not know batches, one request an item */
	KW_TO_CONTROLLER,
	KW_TO_GROUP,        /* coordinator of the one group that the request names */
	KW_TO_GROUPS,       /* of each of several */
	KW_TO_TRANSACTION,  /* the same for transactional ids */
	KW_TO_TRANSACTIONS, /* ... */
	KW_TO_SHARE,        /* coordinators of share-group state */
	KW_TO_LEADER,
	KW_TO_PRODUCE, /* leaders, for batches that must not be written twice */
	KW_TO_RESOURCE,
	KW_TO_ALL,
	KW_TO_BROKER, /* the caller has to say which */
	KW_ROUTE_TARGETS,
};

/* Answers on a connection come in order, so what may wait has one of its own. */
enum kw_lane {
	KW_LANE_NORMAL,
	KW_LANE_SLOW,      /* answered when the work is done */
	KW_LANE_LONG_POLL, /* answered when there is news */
	KW_LANES,
};

enum kw_route_flag {
	KW_ROUTE_REPEAT = 1 << 0,   /* sending it twice does no harm */
	KW_ROUTE_OPTIONAL = 1 << 1, /* without a key it goes to any broker */
};

/* How one item makes a request of its own, for brokers that do not know batches. */
struct kw_single {
	int16_t before; /* first version with batches */
	int16_t reserved;
	const struct kw_copy *request;  /* item to request, up to one of size 0 */
	const struct kw_copy *response; /* response to item */
};

/* A field that is copied; an array whose items differ is copied item by item. */
struct kw_copy {
	uint16_t from;
	uint16_t to;
	uint16_t size;      /* of the field; 0: the end */
	uint16_t item_from; /* sizes of items where they differ, else 0 */
	uint16_t item_to;
	const struct kw_copy *items;
};

struct kwire_route {
	uint8_t target; /* enum kw_route_target */
	uint8_t lane;   /* enum kw_lane; with a wait field: where that is set */
	uint8_t flags;  /* enum kw_route_flag */
	uint8_t reserved;
	int16_t most;     /* a client's highest version, -1: as the API has it */
	int16_t by_id;    /* first version in which topics are named by id alone; INT16_MAX: none */
	uint16_t acks;    /* Produce: of acks in the request */
	uint16_t records; /* and of the records in a partition */
	struct kw_shape request;
	struct kw_shape response;
	const struct kw_single *single; /* NULL: no batches, or always */
};

#endif
