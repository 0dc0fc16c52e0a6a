/* SPDX-License-Identifier: Apache-2.0 */
/* The requests of a group's members: JoinGroup, SyncGroup, Heartbeat, LeaveGroup. */
#include <kwire/api/heartbeat.h>
#include <kwire/api/join_group.h>
#include <kwire/api/leave_group.h>
#include <kwire/api/sync_group.h>

#include "behaviour.h"

enum {
	ID_REQUIRED_FROM = 4,       /* KIP-394 */
	PROTOCOL_REQUIRED_FROM = 5, /* of SyncGroup: KIP-559 */
	NULL_PROTOCOL_FROM = 7,
	MAX_SESSION_MS = 1800000,
};

static void refuse_join(struct kw_mock_exchange *exchange, int16_t code,
			struct kwire_string member_id)
{
	struct kwire_join_group_response response = KWIRE_JOIN_GROUP_RESPONSE_INIT;

	response.error_code = code;
	response.member_id = member_id;
	response.protocol_name = exchange->request.api_version < NULL_PROTOCOL_FROM
					 ? KWIRE_STRING("")
					 : kwire_string(NULL);
	kw_mock_finish(exchange, &response);
}

/* The member's connection went away while its join was parked: it may come back with its id. */
static void join_gone(struct kw_mock_exchange *exchange)
{
	struct kw_mock_member *member = exchange->parking;

	member->join = NULL;
	kw_mock_member_alive(member);
}

static void sync_gone(struct kw_mock_exchange *exchange)
{
	struct kw_mock_member *member = exchange->parking;

	member->sync = NULL;
	kw_mock_member_alive(member);
}

static bool same_protocols(const struct kw_mock_member *member,
			   const struct kwire_join_group_request *request)
{
	const struct kw_mock_protocol *have = member->protocols;

	for (int32_t i = 0; i < request->protocols.count; i++, have = have->next) {
		const struct kwire_join_group_request_protocol *p = &request->protocols.items[i];

		if (have == NULL || !kwire_string_equal(p->name, have->name) ||
		    have->metadata_size != p->metadata.size ||
		    memcmp(have->metadata, p->metadata.data, (size_t)p->metadata.size) != 0)
			return false;
	}
	return have == NULL;
}

static bool set_protocols(struct kwire_mock *mock, struct kw_mock_member *member,
			  const struct kwire_join_group_request *request)
{
	struct kw_mock_protocol *protocol;
	struct kw_mock_protocol **last = &member->protocols;

	while ((protocol = member->protocols) != NULL) {
		member->protocols = protocol->next;
		kw_free(protocol->name);
		kw_free(protocol->metadata);
		kw_free(protocol);
	}
	for (int32_t i = 0; i < request->protocols.count; i++) {
		const struct kwire_join_group_request_protocol *p = &request->protocols.items[i];

		protocol = kw_zalloc(mock->memory, sizeof(*protocol));
		if (protocol == NULL)
			return false;
		*last = protocol;
		last = &protocol->next;
		protocol->name = kw_strndup(mock->memory, p->name.data, (size_t)p->name.size);
		protocol->metadata = kw_alloc(mock->memory, (size_t)p->metadata.size);
		if (protocol->name == NULL || protocol->metadata == NULL)
			return false;
		memcpy(protocol->metadata, p->metadata.data, (size_t)p->metadata.size);
		protocol->metadata_size = p->metadata.size;
	}
	return true;
}

/* Whether some protocol of the request is one that every other member has. */
static bool protocols_fit(const struct kw_mock_group *group, const struct kw_mock_member *self,
			  const struct kwire_join_group_request *request)
{
	bool others = false;

	for (const struct kw_mock_member *m = group->members; m != NULL; m = m->next)
		others = others || (m != self && !m->pending);
	if (!others)
		return request->protocols.count > 0;
	if (group->protocol_type != NULL &&
	    !kwire_string_equal(request->protocol_type, group->protocol_type))
		return false;
	for (int32_t i = 0; i < request->protocols.count; i++) {
		bool all = true;

		for (const struct kw_mock_member *m = group->members; m != NULL && all;
		     m = m->next) {
			const struct kw_mock_protocol *p = m->protocols;

			while (p != NULL &&
			       !kwire_string_equal(request->protocols.items[i].name, p->name))
				p = p->next;
			all = m == self || m->pending || p != NULL;
		}
		if (all)
			return true;
	}
	return false;
}

/* The member that the request means; else an answer was given. */
static struct kw_mock_member *joining_member(struct kw_mock_exchange *exchange,
					     const struct kwire_join_group_request *request,
					     struct kw_mock_group *group)
{
	struct kwire_mock *mock = exchange->mock;
	struct kwire_string instance = request->group_instance_id;
	struct kwire_string id = request->member_id;
	struct kw_mock_member *member = NULL;
	struct kw_mock_member *former = instance.data != NULL
						? kw_mock_member_static(group, instance)
						: NULL;

	if (id.size > 0) {
		member = kw_mock_member_find(group, id);
		if (former != NULL && former != member)
			refuse_join(exchange, FENCED_INSTANCE_ID, id);
		else if (member == NULL)
			refuse_join(exchange, UNKNOWN_MEMBER_ID, id);
		return former != NULL && former != member ? NULL : member;
	}
	id = kw_mock_member_id(mock, exchange->request.client_id);
	if (former != NULL) {
		/* A static member that came back takes its place under a new id. */
		if (former->join != NULL) {
			struct kw_mock_exchange *old = former->join;

			former->join = NULL;
			refuse_join(old, FENCED_INSTANCE_ID, kwire_string(former->id));
			kw_mock_unpark(old);
		}
		if (group->leader_id != NULL && strcmp(group->leader_id, former->id) == 0) {
			kw_free(group->leader_id);
			group->leader_id = kw_strndup(mock->memory, id.data, (size_t)id.size);
		}
		kw_free(former->id);
		former->id = kw_strndup(mock->memory, id.data, (size_t)id.size);
		if (former->id == NULL)
			kw_mock_give_up(exchange);
		return former->id != NULL ? former : NULL;
	}
	member = kw_mock_member_add(group, id, instance, exchange->request.client_id);
	if (member == NULL) {
		refuse_join(exchange, GROUP_MAX_SIZE_REACHED, KWIRE_STRING(""));
		return NULL;
	}
	member->pending = true;
	member->session_timeout_ms = request->session_timeout_ms;
	if (exchange->request.api_version >= ID_REQUIRED_FROM && instance.data == NULL) {
		kw_mock_member_alive(member);
		refuse_join(exchange, MEMBER_ID_REQUIRED, id);
		return NULL;
	}
	return member;
}

static void join(struct kw_mock_exchange *exchange, const struct kwire_join_group_request *request,
		 struct kw_mock_group *group, struct kw_mock_member *member)
{
	struct kwire_mock *mock = exchange->mock;
	bool fresh = member->pending;
	bool same = !fresh && same_protocols(member, request);
	bool leader = group->leader_id != NULL && strcmp(group->leader_id, member->id) == 0;

	if (member->join != NULL) {
		/* The same member asks again: only its last question is answered. */
		struct kw_mock_exchange *old = member->join;

		member->join = NULL;
		refuse_join(old, REBALANCE_IN_PROGRESS, kwire_string(member->id));
		kw_mock_unpark(old);
	}
	if (!same && !set_protocols(mock, member, request)) {
		kw_mock_give_up(exchange);
		return;
	}
	if (group->protocol_type == NULL || group->state == KW_MOCK_GROUP_EMPTY) {
		kw_free(group->protocol_type);
		group->protocol_type = kw_strndup(mock->memory, request->protocol_type.data,
						  (size_t)request->protocol_type.size);
	}
	member->pending = false;
	member->session_timeout_ms = request->session_timeout_ms;
	member->rebalance_timeout_ms = request->rebalance_timeout_ms > 0
					       ? request->rebalance_timeout_ms
					       : request->session_timeout_ms;
	member->join = exchange;
	kw_mock_park(exchange, member, join_gone);
	kw_mock_member_alive(member);
	if (same && ((group->state == KW_MOCK_GROUP_STABLE && !leader) ||
		     group->state == KW_MOCK_GROUP_COMPLETING))
		kw_mock_answer_join(member);
	else if (group->state == KW_MOCK_GROUP_PREPARING)
		kw_mock_group_joined(group);
	else
		kw_mock_group_rebalance(group);
}

void kw_mock_on_join_group(struct kw_mock_exchange *exchange, const void *message)
{
	const struct kwire_join_group_request *request = message;
	struct kw_mock_group *group;
	struct kw_mock_member *member;
	int16_t code = kw_mock_group_check(exchange, request->group_id);

	if (code == 0 &&
	    (request->session_timeout_ms <= 0 || request->session_timeout_ms > MAX_SESSION_MS))
		code = INVALID_SESSION_TIMEOUT;
	if (code != 0) {
		refuse_join(exchange, code, request->member_id);
		return;
	}
	group = kw_mock_group_find(exchange->mock, request->group_id);
	if (group == NULL && request->member_id.size > 0) {
		refuse_join(exchange, UNKNOWN_MEMBER_ID, request->member_id);
		return;
	}
	if (group == NULL)
		group = kw_mock_group_get(exchange->mock, request->group_id);
	if (group == NULL) {
		kw_mock_give_up(exchange);
		return;
	}
	if (!protocols_fit(group,
			   request->member_id.size > 0
				   ? kw_mock_member_find(group, request->member_id)
				   : NULL,
			   request)) {
		refuse_join(exchange, INCONSISTENT_GROUP_PROTOCOL, request->member_id);
		return;
	}
	member = joining_member(exchange, request, group);
	if (member != NULL)
		join(exchange, request, group, member);
}

/* The member that speaks, or Kafka's error code. */
static int16_t find_speaker(struct kw_mock_exchange *exchange, struct kwire_string group_id,
			    struct kwire_string member_id, struct kwire_string instance_id,
			    int32_t generation, struct kw_mock_member **member)
{
	struct kw_mock_group *group;
	int16_t code = kw_mock_group_check(exchange, group_id);

	if (code != 0)
		return code;
	group = kw_mock_group_find(exchange->mock, group_id);
	if (group == NULL)
		return UNKNOWN_MEMBER_ID;
	if (instance_id.data != NULL) {
		*member = kw_mock_member_static(group, instance_id);
		if (*member != NULL && !kwire_string_equal(member_id, (*member)->id))
			return FENCED_INSTANCE_ID;
	} else {
		*member = kw_mock_member_find(group, member_id);
	}
	if (*member == NULL || (*member)->pending)
		return UNKNOWN_MEMBER_ID;
	return generation == group->generation ? 0 : ILLEGAL_GENERATION;
}

static void take_assignments(struct kw_mock_group *group,
			     const struct kwire_sync_group_request *request)
{
	for (int32_t i = 0; i < request->assignments.count; i++) {
		const struct kwire_sync_group_request_assignment *a = &request->assignments
									       .items[i];
		struct kw_mock_member *member = kw_mock_member_find(group, a->member_id);

		if (member == NULL)
			continue;
		kw_free(member->assignment);
		member->assignment_size = a->assignment.size;
		member->assignment = kw_alloc(group->mock->memory, (size_t)a->assignment.size);
		if (member->assignment != NULL)
			memcpy(member->assignment, a->assignment.data, (size_t)a->assignment.size);
	}
	group->state = KW_MOCK_GROUP_STABLE;
}

static void refuse_sync(struct kw_mock_exchange *exchange, int16_t code)
{
	struct kwire_sync_group_response response = KWIRE_SYNC_GROUP_RESPONSE_INIT;

	response.error_code = code;
	response.assignment = kwire_bytes_of("", 0);
	kw_mock_finish(exchange, &response);
}

void kw_mock_on_sync_group(struct kw_mock_exchange *exchange, const void *message)
{
	const struct kwire_sync_group_request *request = message;
	struct kw_mock_member *member = NULL;
	struct kw_mock_group *group;
	int16_t code = 0;

	if (exchange->request.api_version >= PROTOCOL_REQUIRED_FROM &&
	    (request->protocol_type.data == NULL || request->protocol_name.data == NULL))
		code = INCONSISTENT_GROUP_PROTOCOL;
	if (code == 0)
		code = find_speaker(exchange, request->group_id, request->member_id,
				    request->group_instance_id, request->generation_id, &member);
	if (code == 0) {
		group = member->group;
		if ((request->protocol_type.data != NULL && group->protocol_type != NULL &&
		     !kwire_string_equal(request->protocol_type, group->protocol_type)) ||
		    (request->protocol_name.data != NULL && group->protocol != NULL &&
		     !kwire_string_equal(request->protocol_name, group->protocol)))
			code = INCONSISTENT_GROUP_PROTOCOL;
		else if (group->state == KW_MOCK_GROUP_PREPARING)
			code = REBALANCE_IN_PROGRESS;
		else if (group->state == KW_MOCK_GROUP_EMPTY)
			code = UNKNOWN_MEMBER_ID;
	}
	if (code != 0) {
		refuse_sync(exchange, code);
		return;
	}
	if (member->sync != NULL) {
		struct kw_mock_exchange *old = member->sync;

		member->sync = NULL;
		refuse_sync(old, REBALANCE_IN_PROGRESS);
		kw_mock_unpark(old);
	}
	kw_mock_member_alive(member);
	member->sync = exchange;
	kw_mock_park(exchange, member, sync_gone);
	if (group->state == KW_MOCK_GROUP_COMPLETING && group->leader_id != NULL &&
	    strcmp(group->leader_id, member->id) == 0)
		take_assignments(group, request);
	if (group->state == KW_MOCK_GROUP_STABLE)
		kw_mock_answer_syncs(group, 0);
}

void kw_mock_on_heartbeat(struct kw_mock_exchange *exchange, const void *message)
{
	const struct kwire_heartbeat_request *request = message;
	struct kwire_heartbeat_response response = KWIRE_HEARTBEAT_RESPONSE_INIT;
	struct kw_mock_member *member = NULL;

	response.error_code = find_speaker(exchange, request->group_id, request->member_id,
					   request->group_instance_id, request->generation_id,
					   &member);
	if (response.error_code == 0) {
		kw_mock_member_alive(member);
		if (member->group->state == KW_MOCK_GROUP_PREPARING)
			response.error_code = REBALANCE_IN_PROGRESS;
	}
	kw_mock_finish(exchange, &response);
}

static int16_t leave(struct kw_mock_group *group, struct kwire_string member_id,
		     struct kwire_string instance_id)
{
	struct kw_mock_member *member;

	if (group == NULL)
		return UNKNOWN_MEMBER_ID;
	member = instance_id.data != NULL ? kw_mock_member_static(group, instance_id)
					  : kw_mock_member_find(group, member_id);
	if (member == NULL)
		return UNKNOWN_MEMBER_ID;
	if (instance_id.data != NULL && member_id.size > 0 &&
	    !kwire_string_equal(member_id, member->id))
		return FENCED_INSTANCE_ID;
	kw_mock_member_remove(member);
	return 0;
}

void kw_mock_on_leave_group(struct kw_mock_exchange *exchange, const void *message)
{
	const struct kwire_leave_group_request *request = message;
	struct kwire_leave_group_response response = KWIRE_LEAVE_GROUP_RESPONSE_INIT;
	struct kw_mock_group *group;
	static const struct kwire_string none = {NULL, 0};

	response.error_code = kw_mock_group_check(exchange, request->group_id);
	group = response.error_code == 0 ? kw_mock_group_find(exchange->mock, request->group_id)
					 : NULL;
	if (exchange->request.api_version < 3) {
		if (response.error_code == 0)
			response.error_code = leave(group, request->member_id, none);
		kw_mock_finish(exchange, &response);
		return;
	}
	if (!KW_MOCK_ARRAY(exchange->mock, response.members, request->members.count)) {
		kw_mock_give_up(exchange);
		return;
	}
	if (response.error_code != 0)
		response.members.count = 0;
	for (int32_t i = 0; i < response.members.count; i++) {
		const struct kwire_leave_group_request_member *m = &request->members.items[i];
		struct kwire_leave_group_response_member *item = &response.members.items[i];

		*item = (struct kwire_leave_group_response_member)
			KWIRE_LEAVE_GROUP_RESPONSE_MEMBER_INIT;
		item->member_id = m->member_id;
		item->group_instance_id = m->group_instance_id;
		item->error_code = leave(group, m->member_id, m->group_instance_id);
	}
	kw_mock_finish(exchange, &response);
}
