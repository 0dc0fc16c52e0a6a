/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What administrators ask of groups: DescribeGroups, ListGroups, DeleteGroups,
 * ConsumerGroupDescribe.
 */
#include <kwire/api/consumer_group_describe.h>
#include <kwire/api/delete_groups.h>
#include <kwire/api/describe_groups.h>
#include <kwire/api/list_groups.h>

#include "behaviour.h"

enum {
	NOT_FOUND_FROM = 6,
	GROUP_OPERATIONS = 0xd48, /* read, delete, describe, describe and alter configs */
};

static bool describe(struct kwire_mock *mock, const struct kw_mock_group *group,
		     struct kwire_describe_groups_response_group *item)
{
	bool stable = group->state == KW_MOCK_GROUP_STABLE;
	int32_t count = 0;

	item->group_state = kwire_string(kw_mock_group_state_name(group));
	item->protocol_type = kwire_string(group->protocol_type != NULL ? group->protocol_type
									: "");
	if (stable && group->protocol != NULL)
		item->protocol_data = kwire_string(group->protocol);
	for (const struct kw_mock_member *m = group->members; m != NULL; m = m->next)
		count++;
	if (!KW_MOCK_ARRAY(mock, item->members, count))
		return false;
	item->members.count = 0;
	for (const struct kw_mock_member *m = group->members; m != NULL; m = m->next) {
		struct kwire_describe_groups_response_group_member
			*member = &item->members.items[item->members.count];
		const struct kw_mock_protocol *protocol = kw_mock_member_protocol(m,
										  group->protocol);

		if (m->pending)
			continue;
		*member = (struct kwire_describe_groups_response_group_member)
			KWIRE_DESCRIBE_GROUPS_RESPONSE_GROUP_MEMBER_INIT;
		member->member_id = kwire_string(m->id);
		member->group_instance_id = kwire_string(m->instance_id);
		member->client_id = kwire_string(m->client_id);
		member->client_host = KWIRE_STRING("/127.0.0.1");
		if (stable && protocol != NULL)
			member->member_metadata = kwire_bytes_of(protocol->metadata,
								 (size_t)protocol->metadata_size);
		if (stable && m->assignment != NULL)
			member->member_assignment = kwire_bytes_of(m->assignment,
								   (size_t)m->assignment_size);
		item->members.count++;
	}
	return true;
}

void kw_mock_on_describe_groups(struct kw_mock_exchange *exchange, const void *message)
{
	const struct kwire_describe_groups_request *request = message;
	struct kwire_describe_groups_response response = KWIRE_DESCRIBE_GROUPS_RESPONSE_INIT;
	struct kwire_mock *mock = exchange->mock;

	if (!KW_MOCK_ARRAY(mock, response.groups, request->groups.count))
		goto fail;
	for (int32_t i = 0; i < request->groups.count; i++) {
		struct kwire_describe_groups_response_group *item = &response.groups.items[i];
		const struct kw_mock_group *group;

		*item = (struct kwire_describe_groups_response_group)
			KWIRE_DESCRIBE_GROUPS_RESPONSE_GROUP_INIT;
		item->group_id = request->groups.items[i];
		item->error_code = exchange->forced_code != 0
					   ? exchange->forced_code
					   : kw_mock_group_check(exchange, item->group_id);
		if (item->error_code != 0)
			continue;
		group = kw_mock_group_find(mock, item->group_id);
		if (group == NULL) {
			item->group_state = KWIRE_STRING("Dead");
			if (exchange->request.api_version >= NOT_FOUND_FROM) {
				item->error_code = GROUP_ID_NOT_FOUND;
				item->error_message = kw_mock_error_text(GROUP_ID_NOT_FOUND);
			}
		} else if (!describe(mock, group, item)) {
			goto fail;
		}
		if (request->include_authorized_operations)
			item->authorized_operations = GROUP_OPERATIONS;
	}
	kw_mock_finish(exchange, &response);
	return;
fail:
	kw_mock_give_up(exchange);
}

/* An empty filter lets everything through; case does not matter. */
static bool passes(const struct kwire_string_array *filter, const char *value)
{
	for (int32_t i = 0; i < filter->count; i++) {
		const struct kwire_string *wanted = &filter->items[i];
		bool same = wanted->data != NULL && (size_t)wanted->size == strlen(value);

		for (int32_t k = 0; same && k < wanted->size; k++)
			same = (wanted->data[k] | 0x20) == (value[k] | 0x20);
		if (same)
			return true;
	}
	return filter->count <= 0;
}

void kw_mock_on_list_groups(struct kw_mock_exchange *exchange, const void *message)
{
	const struct kwire_list_groups_request *request = message;
	struct kwire_list_groups_response response = KWIRE_LIST_GROUPS_RESPONSE_INIT;
	struct kwire_mock *mock = exchange->mock;

	if (!KW_MOCK_ARRAY(mock, response.groups, mock->groups.count)) {
		kw_mock_give_up(exchange);
		return;
	}
	response.groups.count = 0;
	for (const struct kw_mock_group *g = mock->groups.first; g != NULL; g = g->next) {
		struct kwire_list_groups_response_group
			*item = &response.groups.items[response.groups.count];

		if (kw_mock_group_check(exchange, kwire_string(g->id)) != 0 ||
		    !passes(&request->states_filter, kw_mock_group_state_name(g)) ||
		    !passes(&request->types_filter, "classic"))
			continue;
		*item = (struct kwire_list_groups_response_group)
			KWIRE_LIST_GROUPS_RESPONSE_GROUP_INIT;
		item->group_id = kwire_string(g->id);
		item->protocol_type = kwire_string(g->protocol_type != NULL ? g->protocol_type
									    : "");
		item->group_state = kwire_string(kw_mock_group_state_name(g));
		item->group_type = KWIRE_STRING("classic");
		response.groups.count++;
	}
	kw_mock_finish(exchange, &response);
}

static int16_t delete_one(struct kw_mock_exchange *exchange, struct kwire_string id)
{
	int16_t code = exchange->forced_code != 0 ? exchange->forced_code
						  : kw_mock_group_check(exchange, id);
	struct kw_mock_group *group;

	if (code != 0)
		return code;
	group = kw_mock_group_find(exchange->mock, id);
	if (group == NULL)
		return GROUP_ID_NOT_FOUND;
	if (group->state != KW_MOCK_GROUP_EMPTY)
		return NON_EMPTY_GROUP;
	kw_mock_group_delete(group);
	return 0;
}

void kw_mock_on_delete_groups(struct kw_mock_exchange *exchange, const void *message)
{
	const struct kwire_delete_groups_request *request = message;
	struct kwire_delete_groups_response response = KWIRE_DELETE_GROUPS_RESPONSE_INIT;

	if (!KW_MOCK_ARRAY(exchange->mock, response.results, request->groups_names.count)) {
		kw_mock_give_up(exchange);
		return;
	}
	for (int32_t i = 0; i < request->groups_names.count; i++) {
		struct kwire_delete_groups_response_result *item = &response.results.items[i];

		*item = (struct kwire_delete_groups_response_result)
			KWIRE_DELETE_GROUPS_RESPONSE_RESULT_INIT;
		item->group_id = request->groups_names.items[i];
		item->error_code = delete_one(exchange, item->group_id);
	}
	kw_mock_finish(exchange, &response);
}

/* There are no groups but classic ones; clients ask here first and then there. */
void kw_mock_on_consumer_group_describe(struct kw_mock_exchange *exchange, const void *message)
{
	const struct kwire_consumer_group_describe_request *request = message;
	struct kwire_consumer_group_describe_response response =
		KWIRE_CONSUMER_GROUP_DESCRIBE_RESPONSE_INIT;

	if (!KW_MOCK_ARRAY(exchange->mock, response.groups, request->group_ids.count)) {
		kw_mock_give_up(exchange);
		return;
	}
	for (int32_t i = 0; i < request->group_ids.count; i++) {
		struct kwire_consumer_group_describe_response_group *item = &response.groups
										     .items[i];

		*item = (struct kwire_consumer_group_describe_response_group)
			KWIRE_CONSUMER_GROUP_DESCRIBE_RESPONSE_GROUP_INIT;
		item->group_id = request->group_ids.items[i];
		item->error_code = exchange->forced_code != 0
					   ? exchange->forced_code
					   : kw_mock_group_check(exchange, item->group_id);
		if (item->error_code == 0)
			item->error_code = GROUP_ID_NOT_FOUND;
		item->error_message = kw_mock_error_text(item->error_code);
	}
	kw_mock_finish(exchange, &response);
}
