/* SPDX-License-Identifier: Apache-2.0 */
/* Which API behaves how: one line each, in the order of their keys.  And what behaviours share. */
#include "behaviour.h"

static const struct {
	int16_t key;
	kw_mock_behaviour *behaviour;
} behaviours[] = {
	{3, kw_mock_on_metadata},                   /* metadata.c */
	{18, kw_mock_on_api_versions},              /* api_versions.c */
	{60, kw_mock_on_describe_cluster},          /* metadata.c */
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
	return code == 0 ? kwire_string_of(NULL, 0) : KWIRE_STRING("refused");
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
