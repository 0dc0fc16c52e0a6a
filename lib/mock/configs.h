/* SPDX-License-Identifier: Apache-2.0 */
/* The properties of topics and brokers that the mock knows.  Called by topic_admin.c. */
#ifndef KW_MOCK_CONFIGS_H
#define KW_MOCK_CONFIGS_H

#include <kwire/api/create_topics.h>

#include "topics.h"

/* Whether there is such a property, and it can have that value. */
bool kw_mock_topic_config_valid(struct kwire_string name, struct kwire_string value);

/* What CreateTopics says of a topic (NULL: it was only validated); false: no memory. */
bool kw_mock_created_configs(struct kwire_mock *mock, const struct kw_mock_topic *topic,
			     struct kwire_create_topics_response_topic *item);

#endif
