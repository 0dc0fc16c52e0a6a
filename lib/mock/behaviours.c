/* SPDX-License-Identifier: Apache-2.0 */
/* Which API behaves how: one line each, in the order of their keys.  And what behaviours share. */
#include "behaviour.h"

static const struct {
	int16_t key;
	kw_mock_behaviour *behaviour;
} behaviours[] = {
	{0, kw_mock_on_produce},                    /* produce.c */
	{1, kw_mock_on_fetch},                      /* fetch.c */
	{2, kw_mock_on_list_offsets},               /* offsets.c */
	{3, kw_mock_on_metadata},                   /* metadata.c */
	{8, kw_mock_on_offset_commit},              /* group_offsets.c */
	{9, kw_mock_on_offset_fetch},               /* group_offsets.c */
	{10, kw_mock_on_find_coordinator},          /* coordinator.c */
	{11, kw_mock_on_join_group},                /* membership.c */
	{12, kw_mock_on_heartbeat},                 /* membership.c */
	{13, kw_mock_on_leave_group},               /* membership.c */
	{14, kw_mock_on_sync_group},                /* membership.c */
	{15, kw_mock_on_describe_groups},           /* group_admin.c */
	{16, kw_mock_on_list_groups},               /* group_admin.c */
	{17, kw_mock_on_sasl_handshake},            /* sasl.c */
	{18, kw_mock_on_api_versions},              /* api_versions.c */
	{19, kw_mock_on_create_topics},             /* topic_admin.c */
	{20, kw_mock_on_delete_topics},             /* topic_admin.c */
	{21, kw_mock_on_delete_records},            /* offsets.c */
	{22, kw_mock_on_init_producer_id},          /* transactions.c */
	{23, kw_mock_on_offset_for_leader_epoch},   /* offsets.c */
	{24, kw_mock_on_add_partitions_to_txn},     /* transactions.c */
	{25, kw_mock_on_add_offsets_to_txn},        /* transactions.c */
	{26, kw_mock_on_end_txn},                   /* transactions.c */
	{28, kw_mock_on_txn_offset_commit},         /* group_offsets.c */
	{32, kw_mock_on_describe_configs},          /* configs.c */
	{36, kw_mock_on_sasl_authenticate},         /* sasl.c */
	{37, kw_mock_on_create_partitions},         /* topic_admin.c */
	{42, kw_mock_on_delete_groups},             /* group_admin.c */
	{44, kw_mock_on_incremental_alter_configs}, /* configs.c */
	{60, kw_mock_on_describe_cluster},          /* metadata.c */
	{69, kw_mock_on_consumer_group_describe},   /* group_admin.c */
	{75, kw_mock_on_describe_topic_partitions}, /* metadata.c */
};

kw_mock_behaviour *kw_mock_behaviour_of(int16_t api_key)
{
	for (size_t i = 0; i < sizeof(behaviours) / sizeof(*behaviours); i++)
		if (behaviours[i].key == api_key)
			return behaviours[i].behaviour;
	return NULL;
}

void kw_mock_give_up(struct kw_mock_exchange *exchange)
{
	exchange->answered = true;
	if (exchange->peer != NULL)
		kw_mock_peer_finish(exchange->peer, false);
}

void kw_mock_finish(struct kw_mock_exchange *exchange, const void *response)
{
	if (kw_mock_answer(exchange, response, NULL) != 0)
		kw_mock_give_up(exchange);
}

struct kwire_string kw_mock_error_text(int16_t code)
{
	return kwire_string(code == 0 ? NULL : kwire_kafka_error_text(code));
}

bool kw_mock_needs_controller(const struct kw_mock_exchange *exchange)
{
	enum {
		LEADER_AND_ISR = 4
	};
	struct kwire_mock *mock = exchange->mock;
	const struct kw_mock_broker *broker = kw_mock_broker_find(mock,
								  exchange->request.broker_id);

	/* Brokers of the ZooKeeper days, which take orders from the controller, list this. */
	return broker != NULL && broker->id != mock->controller_id &&
	       broker->versions[LEADER_AND_ISR].min <= broker->versions[LEADER_AND_ISR].max;
}
