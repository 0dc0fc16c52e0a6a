/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the APIs' behaviours share: they read a decoded request, change the
 * cluster's state, and answer.  Each is named in behaviours.c.
 */
#ifndef KW_MOCK_BEHAVIOUR_H
#define KW_MOCK_BEHAVIOUR_H

#include <string.h>

#include "cluster.h"
#include "kafka_codes.h"

/* Room for `number` elements in a response's array of structs or values; false: no memory. */
#define KW_MOCK_ARRAY(mock, array, number)                                                      \
	((array).count = (number),                                                              \
	 (array).items = kw_mock_scratch((mock), (size_t)(number) + 1, sizeof(*(array).items)), \
	 (array).items != NULL)

/* Answers; what cannot be answered ends the connection, as in a broker. */
void kw_mock_finish(struct kw_mock_exchange *exchange, const void *response);
/* There is no memory for an answer: the connection ends. */
void kw_mock_give_up(struct kw_mock_exchange *exchange);

/* The name that belongs to an error code, for the error_message of a response. */
struct kwire_string kw_mock_error_text(int16_t code);

/* Whether this broker is from before KRaft: only the controller changes topics. */
bool kw_mock_needs_controller(const struct kw_mock_exchange *exchange);

/* One per API, in the file named beside it in behaviours.c. */
kw_mock_behaviour kw_mock_on_api_versions;
kw_mock_behaviour kw_mock_on_sasl_handshake;
kw_mock_behaviour kw_mock_on_sasl_authenticate;
kw_mock_behaviour kw_mock_on_metadata;
kw_mock_behaviour kw_mock_on_describe_cluster;
kw_mock_behaviour kw_mock_on_describe_topic_partitions;
kw_mock_behaviour kw_mock_on_create_topics;
kw_mock_behaviour kw_mock_on_delete_topics;
kw_mock_behaviour kw_mock_on_create_partitions;
kw_mock_behaviour kw_mock_on_produce;
kw_mock_behaviour kw_mock_on_fetch;
kw_mock_behaviour kw_mock_on_list_offsets;
kw_mock_behaviour kw_mock_on_offset_for_leader_epoch;
kw_mock_behaviour kw_mock_on_delete_records;
kw_mock_behaviour kw_mock_on_find_coordinator;
kw_mock_behaviour kw_mock_on_join_group;
kw_mock_behaviour kw_mock_on_sync_group;
kw_mock_behaviour kw_mock_on_heartbeat;
kw_mock_behaviour kw_mock_on_leave_group;
kw_mock_behaviour kw_mock_on_describe_groups;
kw_mock_behaviour kw_mock_on_consumer_group_describe;
kw_mock_behaviour kw_mock_on_list_groups;
kw_mock_behaviour kw_mock_on_delete_groups;
kw_mock_behaviour kw_mock_on_offset_commit;
kw_mock_behaviour kw_mock_on_offset_fetch;
kw_mock_behaviour kw_mock_on_init_producer_id;
kw_mock_behaviour kw_mock_on_add_partitions_to_txn;
kw_mock_behaviour kw_mock_on_add_offsets_to_txn;
kw_mock_behaviour kw_mock_on_end_txn;
kw_mock_behaviour kw_mock_on_txn_offset_commit;
kw_mock_behaviour kw_mock_on_describe_configs;
kw_mock_behaviour kw_mock_on_incremental_alter_configs;

#endif
