/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Kafka error as an answer.  APIs with an error at the top of their response
 * are listed here; those that have one for each topic, partition, key or group
 * run their own behaviour with the code forced upon it.
 */
#include <kwire/api/add_offsets_to_txn.h>
#include <kwire/api/add_raft_voter.h>
#include <kwire/api/alter_partition_reassignments.h>
#include <kwire/api/alter_share_group_offsets.h>
#include <kwire/api/api_versions.h>
#include <kwire/api/consumer_group_heartbeat.h>
#include <kwire/api/create_delegation_token.h>
#include <kwire/api/delete_share_group_offsets.h>
#include <kwire/api/describe_acls.h>
#include <kwire/api/describe_client_quotas.h>
#include <kwire/api/describe_cluster.h>
#include <kwire/api/describe_delegation_token.h>
#include <kwire/api/describe_quorum.h>
#include <kwire/api/describe_user_scram_credentials.h>
#include <kwire/api/end_txn.h>
#include <kwire/api/expire_delegation_token.h>
#include <kwire/api/get_telemetry_subscriptions.h>
#include <kwire/api/heartbeat.h>
#include <kwire/api/init_producer_id.h>
#include <kwire/api/join_group.h>
#include <kwire/api/leave_group.h>
#include <kwire/api/list_config_resources.h>
#include <kwire/api/list_groups.h>
#include <kwire/api/list_partition_reassignments.h>
#include <kwire/api/list_transactions.h>
#include <kwire/api/offset_delete.h>
#include <kwire/api/push_telemetry.h>
#include <kwire/api/remove_raft_voter.h>
#include <kwire/api/renew_delegation_token.h>
#include <kwire/api/sasl_authenticate.h>
#include <kwire/api/sasl_handshake.h>
#include <kwire/api/share_acknowledge.h>
#include <kwire/api/share_fetch.h>
#include <kwire/api/share_group_heartbeat.h>
#include <kwire/api/streams_group_heartbeat.h>
#include <kwire/api/sync_group.h>
#include <kwire/api/unregister_broker.h>
#include <kwire/api/update_features.h>

#include "../base/error.h"
#include "behaviour.h"

/* A row: what a response with nothing but an error looks like. */
#define ERRORS_AT_THE_TOP(X)                                                \
	X(join_group, JOIN_GROUP)                                           \
	X(heartbeat, HEARTBEAT)                                             \
	X(leave_group, LEAVE_GROUP)                                         \
	X(sync_group, SYNC_GROUP)                                           \
	X(list_groups, LIST_GROUPS)                                         \
	X(sasl_handshake, SASL_HANDSHAKE)                                   \
	X(api_versions, API_VERSIONS)                                       \
	X(init_producer_id, INIT_PRODUCER_ID)                               \
	X(add_offsets_to_txn, ADD_OFFSETS_TO_TXN)                           \
	X(end_txn, END_TXN)                                                 \
	X(describe_acls, DESCRIBE_ACLS)                                     \
	X(sasl_authenticate, SASL_AUTHENTICATE)                             \
	X(create_delegation_token, CREATE_DELEGATION_TOKEN)                 \
	X(renew_delegation_token, RENEW_DELEGATION_TOKEN)                   \
	X(expire_delegation_token, EXPIRE_DELEGATION_TOKEN)                 \
	X(describe_delegation_token, DESCRIBE_DELEGATION_TOKEN)             \
	X(alter_partition_reassignments, ALTER_PARTITION_REASSIGNMENTS)     \
	X(list_partition_reassignments, LIST_PARTITION_REASSIGNMENTS)       \
	X(offset_delete, OFFSET_DELETE)                                     \
	X(describe_client_quotas, DESCRIBE_CLIENT_QUOTAS)                   \
	X(describe_user_scram_credentials, DESCRIBE_USER_SCRAM_CREDENTIALS) \
	X(describe_quorum, DESCRIBE_QUORUM)                                 \
	X(update_features, UPDATE_FEATURES)                                 \
	X(describe_cluster, DESCRIBE_CLUSTER)                               \
	X(unregister_broker, UNREGISTER_BROKER)                             \
	X(list_transactions, LIST_TRANSACTIONS)                             \
	X(consumer_group_heartbeat, CONSUMER_GROUP_HEARTBEAT)               \
	X(get_telemetry_subscriptions, GET_TELEMETRY_SUBSCRIPTIONS)         \
	X(push_telemetry, PUSH_TELEMETRY)                                   \
	X(list_config_resources, LIST_CONFIG_RESOURCES)                     \
	X(share_group_heartbeat, SHARE_GROUP_HEARTBEAT)                     \
	X(share_fetch, SHARE_FETCH)                                         \
	X(share_acknowledge, SHARE_ACKNOWLEDGE)                             \
	X(add_raft_voter, ADD_RAFT_VOTER)                                   \
	X(remove_raft_voter, REMOVE_RAFT_VOTER)                             \
	X(streams_group_heartbeat, STREAMS_GROUP_HEARTBEAT)                 \
	X(alter_share_group_offsets, ALTER_SHARE_GROUP_OFFSETS)             \
	X(delete_share_group_offsets, DELETE_SHARE_GROUP_OFFSETS)

#define TOP_FUNCTION(api, API)                                                        \
	static int answer_##api(struct kw_mock_exchange *exchange, int16_t code,      \
				struct kwire_error *error)                            \
	{                                                                             \
		struct kwire_##api##_response response = KWIRE_##API##_RESPONSE_INIT; \
                                                                                      \
		response.error_code = code;                                           \
		return kw_mock_answer(exchange, &response, error);                    \
	}
ERRORS_AT_THE_TOP(TOP_FUNCTION)

static const struct {
	const struct kwire_server_api *server;
	int (*answer)(struct kw_mock_exchange *exchange, int16_t code, struct kwire_error *error);
} tops[] = {
#define TOP_ROW(api, API) {&kwire_##api##_server, answer_##api},
	ERRORS_AT_THE_TOP(TOP_ROW)};

int kw_mock_answer_error(struct kw_mock_exchange *exchange, int16_t code, struct kwire_error *error)
{
	int16_t key = exchange->request.api_key;
	kw_mock_behaviour *behaviour = kw_mock_behaviour_of(key);

	for (size_t i = 0; i < sizeof(tops) / sizeof(*tops); i++)
		if (tops[i].server->api->key == key)
			return tops[i].answer(exchange, code, error);
	if (behaviour == NULL || exchange->request.message == NULL)
		return kw_fail(error, KWIRE_EINVAL, "the mock has no place for an error in API %d",
			       key);
	exchange->forced_code = code;
	behaviour(exchange, exchange->request.message);
	exchange->forced_code = 0;
	return KWIRE_OK;
}
