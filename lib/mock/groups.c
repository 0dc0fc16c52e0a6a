/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a group: members come, join, are given a generation, and go.
 * The requests that drive it are in membership.c.
 */
#include "groups.h"

#include <stdio.h>

#include <kwire/api/join_group.h>
#include <kwire/api/sync_group.h>

#include "behaviour.h"

struct kw_mock_group *kw_mock_group_find(struct kwire_mock *mock, struct kwire_string id)
{
	struct kw_mock_group *group = mock->groups.first;

	while (group != NULL && !kwire_string_equal(id, group->id))
		group = group->next;
	return group;
}

struct kw_mock_member *kw_mock_member_find(struct kw_mock_group *group, struct kwire_string id)
{
	struct kw_mock_member *member = group->members;

	while (member != NULL && !kwire_string_equal(id, member->id))
		member = member->next;
	return member;
}

struct kw_mock_member *kw_mock_member_static(struct kw_mock_group *group,
					     struct kwire_string instance_id)
{
	struct kw_mock_member *member = group->members;

	while (member != NULL && (member->instance_id == NULL ||
				  !kwire_string_equal(instance_id, member->instance_id)))
		member = member->next;
	return member;
}

const char *kw_mock_group_state_name(const struct kw_mock_group *group)
{
	static const char *const names[] = {"Empty", "PreparingRebalance", "CompletingRebalance",
					    "Stable"};

	return names[group->state];
}

int16_t kw_mock_group_check(struct kw_mock_exchange *exchange, struct kwire_string id)
{
	struct kw_mock_broker *coordinator;

	if (id.data == NULL || id.size == 0)
		return INVALID_GROUP_ID;
	coordinator = kw_mock_coordinator(exchange->mock, KW_MOCK_GROUP, id);
	if (coordinator == NULL)
		return COORDINATOR_NOT_AVAILABLE;
	return coordinator->id == exchange->request.broker_id ? 0 : NOT_COORDINATOR;
}

const struct kw_mock_protocol *kw_mock_member_protocol(const struct kw_mock_member *member,
						       const char *name)
{
	const struct kw_mock_protocol *protocol = member->protocols;

	while (protocol != NULL && (name == NULL || strcmp(protocol->name, name) != 0))
		protocol = protocol->next;
	return protocol;
}

/* ------------------------------------------------------------------ members */

struct kwire_string kw_mock_member_id(struct kwire_mock *mock, struct kwire_string client_id)
{
	char text[300];

	snprintf(text, sizeof(text), "%.*s-%016llx",
		 (int)(client_id.size < 250 ? client_id.size : 250),
		 client_id.data != NULL ? client_id.data : "",
		 (unsigned long long)++mock->groups.next_member);
	return kw_mock_scratch_text(mock, text);
}

static void session_ended(struct kw_mock_timer *timer)
{
	struct kw_mock_member *member = (struct kw_mock_member *)timer;
	struct kwire_mock *mock = member->group->mock;

	kw_mock_enter(mock);
	/* Who waits for the group's answer is alive. */
	if (member->join != NULL || member->sync != NULL)
		kw_mock_member_alive(member);
	else
		kw_mock_member_remove(member);
	kw_mock_leave(mock);
}

void kw_mock_member_alive(struct kw_mock_member *member)
{
	struct kw_mock_loop *loop = &member->group->mock->loop;

	/* Without memory for its timer it lives for ever: harmless in a test. */
	kw_mock_timer_arm(loop, &member->timer,
			  kw_mock_loop_now(loop) + member->session_timeout_ms);
}

static char *copy_of(struct kwire_mock *mock, struct kwire_string text)
{
	return kw_strndup(mock->memory, text.data != NULL ? text.data : "",
			  text.data != NULL ? (size_t)text.size : 0);
}

static void free_member(struct kw_mock_member *member)
{
	struct kw_mock_protocol *protocol;

	kw_mock_timer_cancel(&member->group->mock->loop, &member->timer);
	while ((protocol = member->protocols) != NULL) {
		member->protocols = protocol->next;
		kw_free(protocol->name);
		kw_free(protocol->metadata);
		kw_free(protocol);
	}
	kw_free(member->id);
	kw_free(member->instance_id);
	kw_free(member->client_id);
	kw_free(member->assignment);
	kw_free(member);
}

struct kw_mock_member *kw_mock_member_add(struct kw_mock_group *group, struct kwire_string id,
					  struct kwire_string instance_id,
					  struct kwire_string client_id)
{
	struct kwire_mock *mock = group->mock;
	struct kw_mock_member *member = kw_zalloc(mock->memory, sizeof(*member));
	struct kw_mock_member **last = &group->members;
	int count = 0;

	if (member == NULL)
		return NULL;
	member->group = group;
	member->timer.fire = session_ended;
	member->id = copy_of(mock, id);
	member->client_id = copy_of(mock, client_id);
	if (instance_id.data != NULL)
		member->instance_id = copy_of(mock, instance_id);
	for (; *last != NULL; last = &(*last)->next)
		count++;
	if (member->id == NULL || member->client_id == NULL || count >= KW_MOCK_MAX_MEMBERS ||
	    (instance_id.data != NULL && member->instance_id == NULL)) {
		free_member(member);
		return NULL;
	}
	*last = member;
	return member;
}

static void end_parked(struct kw_mock_exchange **parked)
{
	struct kw_mock_exchange *exchange = *parked;

	*parked = NULL;
	kw_mock_unpark(exchange);
}

static void answer_sync(struct kw_mock_member *member, int16_t code)
{
	struct kwire_sync_group_response response = KWIRE_SYNC_GROUP_RESPONSE_INIT;

	response.error_code = code;
	response.assignment = kwire_bytes_of("", 0);
	if (code == 0) {
		response.protocol_type = kwire_string(member->group->protocol_type);
		response.protocol_name = kwire_string(member->group->protocol);
		if (member->assignment != NULL)
			response.assignment = kwire_bytes_of(member->assignment,
							     (size_t)member->assignment_size);
	}
	kw_mock_finish(member->sync, &response);
	end_parked(&member->sync);
	kw_mock_member_alive(member);
}

void kw_mock_answer_syncs(struct kw_mock_group *group, int16_t code)
{
	for (struct kw_mock_member *m = group->members; m != NULL; m = m->next)
		if (m->sync != NULL)
			answer_sync(m, code);
}

static void refuse_join(struct kw_mock_member *member, int16_t code)
{
	struct kwire_join_group_response response = KWIRE_JOIN_GROUP_RESPONSE_INIT;

	response.error_code = code;
	response.member_id = kwire_string(member->id);
	response.protocol_name = KWIRE_STRING("");
	kw_mock_finish(member->join, &response);
	end_parked(&member->join);
}

void kw_mock_member_remove(struct kw_mock_member *member)
{
	struct kw_mock_group *group = member->group;
	struct kw_mock_member **link = &group->members;
	bool pending = member->pending;

	if (member->join != NULL)
		refuse_join(member, UNKNOWN_MEMBER_ID);
	if (member->sync != NULL)
		answer_sync(member, UNKNOWN_MEMBER_ID);
	while (*link != member)
		link = &(*link)->next;
	*link = member->next;
	if (group->leader_id != NULL && strcmp(group->leader_id, member->id) == 0) {
		kw_free(group->leader_id);
		group->leader_id = NULL;
	}
	free_member(member);
	if (group->state == KW_MOCK_GROUP_PREPARING)
		kw_mock_group_joined(group);
	else if (!pending && group->state != KW_MOCK_GROUP_EMPTY)
		kw_mock_group_rebalance(group);
}

/* ---------------------------------------------------------------- rebalance */

static bool everyone_has(const struct kw_mock_group *group, const char *name)
{
	for (const struct kw_mock_member *m = group->members; m != NULL; m = m->next)
		if (!m->pending && kw_mock_member_protocol(m, name) == NULL)
			return false;
	return true;
}

/* Each member votes for the first protocol of its list that all have. */
static const char *choose_protocol(const struct kw_mock_group *group)
{
	const char *best = NULL;
	int best_votes = 0;

	for (const struct kw_mock_member *m = group->members; m != NULL; m = m->next) {
		const struct kw_mock_protocol *wish = m->protocols;
		int votes = 0;

		while (wish != NULL && !everyone_has(group, wish->name))
			wish = wish->next;
		if (m->pending || wish == NULL)
			continue;
		for (const struct kw_mock_member *other = group->members; other != NULL;
		     other = other->next) {
			const struct kw_mock_protocol *theirs = other->protocols;

			while (theirs != NULL && !everyone_has(group, theirs->name))
				theirs = theirs->next;
			votes += theirs != NULL && strcmp(theirs->name, wish->name) == 0;
		}
		if (votes > best_votes) {
			best = wish->name;
			best_votes = votes;
		}
	}
	return best;
}

static bool put_members(struct kwire_mock *mock, const struct kw_mock_group *group,
			struct kwire_join_group_response *response)
{
	int32_t count = 0;

	for (const struct kw_mock_member *m = group->members; m != NULL; m = m->next)
		count++;
	if (!KW_MOCK_ARRAY(mock, response->members, count))
		return false;
	response->members.count = 0;
	for (const struct kw_mock_member *m = group->members; m != NULL; m = m->next) {
		struct kwire_join_group_response_member
			*item = &response->members.items[response->members.count];
		const struct kw_mock_protocol *protocol = kw_mock_member_protocol(m,
										  group->protocol);

		if (m->pending)
			continue;
		*item = (struct kwire_join_group_response_member)
			KWIRE_JOIN_GROUP_RESPONSE_MEMBER_INIT;
		item->member_id = kwire_string(m->id);
		item->group_instance_id = kwire_string(m->instance_id);
		if (protocol != NULL)
			item->metadata = kwire_bytes_of(protocol->metadata,
							(size_t)protocol->metadata_size);
		response->members.count++;
	}
	return true;
}

void kw_mock_answer_join(struct kw_mock_member *member)
{
	struct kwire_join_group_response response = KWIRE_JOIN_GROUP_RESPONSE_INIT;
	struct kw_mock_group *group = member->group;

	response.generation_id = group->generation;
	response.protocol_type = kwire_string(group->protocol_type);
	response.protocol_name = kwire_string(group->protocol != NULL ? group->protocol : "");
	response.leader = kwire_string(group->leader_id != NULL ? group->leader_id : "");
	response.member_id = kwire_string(member->id);
	if (group->leader_id != NULL && strcmp(group->leader_id, member->id) == 0 &&
	    !put_members(group->mock, group, &response))
		kw_mock_give_up(member->join);
	else
		kw_mock_finish(member->join, &response);
	end_parked(&member->join);
	kw_mock_member_alive(member);
}

static void empty(struct kw_mock_group *group)
{
	group->state = KW_MOCK_GROUP_EMPTY;
	group->generation++;
	kw_free(group->protocol);
	group->protocol = NULL;
	kw_free(group->leader_id);
	group->leader_id = NULL;
}

/* A new generation: everyone who joined is told. */
static void complete(struct kw_mock_group *group)
{
	struct kwire_mock *mock = group->mock;
	const struct kw_mock_member *first = NULL;
	const char *protocol;

	kw_mock_timer_cancel(&mock->loop, &group->timer);
	group->filling = false;
	for (const struct kw_mock_member *m = group->members; m != NULL && first == NULL;
	     m = m->next)
		if (!m->pending)
			first = m;
	if (first == NULL) {
		empty(group);
		return;
	}
	protocol = choose_protocol(group);
	kw_free(group->protocol);
	group->protocol = kw_strdup(mock->memory, protocol != NULL ? protocol : "");
	if (group->leader_id == NULL)
		group->leader_id = kw_strdup(mock->memory, first->id);
	group->generation++;
	group->state = KW_MOCK_GROUP_COMPLETING;
	for (struct kw_mock_member *m = group->members; m != NULL; m = m->next) {
		kw_free(m->assignment);
		m->assignment = NULL;
		m->assignment_size = 0;
		if (m->join != NULL)
			kw_mock_answer_join(m);
	}
}

/* The time for joining is over: who did not come is out. */
static void joining_ended(struct kw_mock_timer *timer)
{
	struct kw_mock_group *group = (struct kw_mock_group *)timer;
	struct kwire_mock *mock = group->mock;
	struct kw_mock_member *next;

	kw_mock_enter(mock);
	if (!group->filling) {
		for (struct kw_mock_member *m = group->members; m != NULL; m = next) {
			next = m->next;
			if (m->join != NULL || m->pending || m->instance_id != NULL)
				continue;
			/* Out without a word: the group does not begin again for it. */
			m->pending = true;
			group->filling = true;
			kw_mock_member_remove(m);
		}
	}
	complete(group);
	kw_mock_leave(mock);
}

void kw_mock_group_joined(struct kw_mock_group *group)
{
	if (group->filling || group->state != KW_MOCK_GROUP_PREPARING)
		return;
	for (const struct kw_mock_member *m = group->members; m != NULL; m = m->next)
		if (m->join == NULL && !m->pending)
			return;
	complete(group);
}

void kw_mock_group_rebalance(struct kw_mock_group *group)
{
	struct kw_mock_loop *loop = &group->mock->loop;
	int32_t timeout = 0;

	if (group->state == KW_MOCK_GROUP_PREPARING)
		return;
	group->filling = group->state == KW_MOCK_GROUP_EMPTY &&
			 group->mock->groups.initial_delay_ms > 0;
	group->state = KW_MOCK_GROUP_PREPARING;
	kw_mock_answer_syncs(group, REBALANCE_IN_PROGRESS);
	for (const struct kw_mock_member *m = group->members; m != NULL; m = m->next)
		if (m->rebalance_timeout_ms > timeout)
			timeout = m->rebalance_timeout_ms;
	if (group->filling)
		timeout = group->mock->groups.initial_delay_ms;
	kw_mock_timer_arm(loop, &group->timer, kw_mock_loop_now(loop) + timeout);
	kw_mock_group_joined(group);
}

/* ------------------------------------------------------------------- groups */

struct kw_mock_group *kw_mock_group_get(struct kwire_mock *mock, struct kwire_string id)
{
	struct kw_mock_group *group = kw_mock_group_find(mock, id);
	struct kw_mock_group **last = &mock->groups.first;

	if (group != NULL || mock->groups.count >= KW_MOCK_MAX_GROUPS)
		return group;
	group = kw_zalloc(mock->memory, sizeof(*group));
	if (group == NULL)
		return NULL;
	group->id = copy_of(mock, id);
	if (group->id == NULL) {
		kw_free(group);
		return NULL;
	}
	group->mock = mock;
	group->timer.fire = joining_ended;
	while (*last != NULL)
		last = &(*last)->next;
	*last = group;
	mock->groups.count++;
	return group;
}

void kw_mock_group_delete(struct kw_mock_group *group)
{
	struct kwire_mock *mock = group->mock;
	struct kw_mock_group **link = &mock->groups.first;
	struct kw_mock_member *member;

	while (*link != group)
		link = &(*link)->next;
	*link = group->next;
	mock->groups.count--;
	kw_mock_timer_cancel(&mock->loop, &group->timer);
	while ((member = group->members) != NULL) {
		group->members = member->next;
		free_member(member);
	}
	kw_mock_offsets_free(group);
	kw_free(group->id);
	kw_free(group->protocol_type);
	kw_free(group->protocol);
	kw_free(group->leader_id);
	kw_free(group);
}

void kw_mock_groups_fini(struct kwire_mock *mock)
{
	while (mock->groups.first != NULL)
		kw_mock_group_delete(mock->groups.first);
}
