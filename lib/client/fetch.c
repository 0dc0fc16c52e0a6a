/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fetching: kwire_fetch_partition() and its like.  One Fetch request, routed to
 * the leaders of its partitions, which looks up again who leads; or to the one
 * replica that a leader prefers for all of them (KIP-392).  Here is repeated
 * only what a topic needs that was created anew, another id, and what leaders
 * say of replicas.  fetched.c has the result.
 */
#include <string.h>

#include "../base/clock.h"
#include "../base/error.h"
#include "../connection/internal.h"
#include "client.h"
#include "fetched.h"

enum {
	UNKNOWN_TOPIC_ID = 100,
	INCONSISTENT_TOPIC_ID = 103,
};

#define LAST_VERSION_BY_NAME 12 /* from 13 on topics go by their ids */

/* A request and the arrays that it is made of, in one block. */
struct job {
	const struct kwire_fetch_target *targets;
	int32_t count;
	const struct kwire_fetch_options *options;
	struct kwire_fetch_request request;
	struct kwire_fetch_request_topic *topics;
	struct kwire_fetch_request_topic_partition *partitions;
	int32_t asked;     /* how many partitions: all targets that are not left out */
	int32_t broker_id; /* to ask, -1: the leaders */
	bool alike; /* one broker has them all, and names the same replica for them, or none */
};

/* Whether a target before `index` names the same partition. */
static bool is_repeated(const struct kwire_fetch_target *targets, int32_t index)
{
	for (int32_t i = 0; i < index; i++)
		if (targets[i].partition == targets[index].partition &&
		    strcmp(targets[i].topic, targets[index].topic) == 0)
			return true;
	return false;
}

static int check(const struct kwire_fetch_target *targets, int32_t count,
		 const struct kwire_fetch_options *options, struct kwire_fetched **fetched,
		 struct kwire_error *error)
{
	if (fetched == NULL || targets == NULL || count <= 0)
		return kw_fail(error, KWIRE_EINVAL, "nothing to fetch, or no place for it");
	if (options->size < sizeof(*options))
		return kw_fail(error, KWIRE_EINVAL, "the fetch's options need their INIT macro");
	if (options->max_wait_ms < 0 || options->min_bytes < 0 || options->max_bytes <= 0 ||
	    options->partition_max_bytes <= 0)
		return kw_fail(error, KWIRE_EINVAL, "a limit of the fetch is negative, or 0");
	if ((options->flags & KWIRE_ONE_WAY) != 0)
		return kw_fail(error, KWIRE_EINVAL, "a fetch needs its answer: not one way");
	for (int32_t i = 0; i < count; i++) {
		if (targets[i].offset < 0 || targets[i].partition < 0 || targets[i].max_bytes < 0)
			return kw_fail(error, KWIRE_EINVAL,
				       "an offset, partition or limit is negative");
		if (targets[i].topic == NULL)
			return kw_fail(error, KWIRE_EINVAL, "a target has no topic");
		if (is_repeated(targets, i))
			return kw_fail(error, KWIRE_EINVAL, "%.249s-%d is asked for twice",
				       targets[i].topic, (int)targets[i].partition);
	}
	return 0;
}

/* Puts the targets into the request: each a topic entry of its own but for neighbours. */
static int build(struct job *job, struct kw_memory *memory, struct kwire_fetched *fetched,
		 struct kwire_error *error)
{
	const struct kwire_fetch_request request = KWIRE_FETCH_REQUEST_INIT;
	const struct kwire_fetch_request_topic blank_topic = KWIRE_FETCH_REQUEST_TOPIC_INIT;
	const struct kwire_fetch_request_topic_partition blank =
		KWIRE_FETCH_REQUEST_TOPIC_PARTITION_INIT;
	const size_t count = (size_t)job->count;
	struct kwire_fetch_request_topic *topic = NULL;

	job->topics = kw_alloc(memory, count * (sizeof(*job->topics) + sizeof(*job->partitions)));
	if (job->topics == NULL)
		return kw_fail_memory(error);
	job->partitions = (void *)(job->topics + count);
	job->request = request;
	job->request.max_wait_ms = job->options->max_wait_ms;
	job->request.min_bytes = job->options->min_bytes;
	job->request.max_bytes = job->options->max_bytes;
	job->request.isolation_level = (int8_t)job->options->isolation;
	if (job->options->rack != NULL && job->alike)
		job->request.rack_id = kwire_string(job->options->rack);
	job->request.topics.items = job->topics;
	job->request.topics.count = 0;
	job->asked = 0;
	for (size_t i = 0; i < count; i++) {
		const struct kwire_fetch_target *target = &job->targets[i];
		struct kwire_fetch_request_topic_partition *partition;

		if (fetched->slots[i].left_out)
			continue;
		partition = &job->partitions[job->asked++];
		*partition = blank;
		partition->partition = target->partition;
		partition->current_leader_epoch = target->current_leader_epoch;
		partition->last_fetched_epoch = target->last_fetched_epoch;
		partition->fetch_offset = target->offset;
		partition->partition_max_bytes = target->max_bytes > 0
							 ? target->max_bytes
							 : job->options->partition_max_bytes;
		if (topic == NULL || !kwire_string_equal(topic->topic, target->topic)) {
			topic = &job->topics[job->request.topics.count++];
			*topic = blank_topic;
			topic->topic = kwire_string(target->topic);
			topic->topic_id = fetched->slots[i].topic_id;
			topic->partitions.items = partition;
		}
		topic->partitions.count++;
	}
	return 0;
}

/* Topic ids are used where all are known. */
static void bound_version(const struct job *job, struct kwire_send_options *options)
{
	for (int32_t i = 0; i < job->request.topics.count; i++)
		if (kwire_uuid_is_zero(job->topics[i].topic_id))
			options->max_version = LAST_VERSION_BY_NAME;
	/* Without them, what must not be lost is no default and the version has to have it. */
	for (int32_t i = 0; i < job->asked; i++)
		if (job->partitions[i].last_fetched_epoch >= 0)
			options->min_version = 12;
}

/* What the answer as a whole comes to, once it is sorted in. */
static int judge(const struct kwire_fetched *fetched, int16_t top_code, struct kwire_error *error)
{
	const struct kwire_fetched_partition *first = &fetched->slots[0].facts;
	int result;

	if (top_code != 0)
		return kw_leader_fail(error, first->topic, first->partition, top_code);
	for (int32_t i = 0; i < fetched->count; i++) {
		const struct kwire_fetched_partition *facts = &fetched->slots[i].facts;

		if (facts->kafka_code == 0 && facts->too_large_bytes == 0)
			return 0;
	}
	if (first->kafka_code > 0)
		return kw_leader_fail(error, first->topic, first->partition, first->kafka_code);
	if (first->kafka_code < 0)
		result = kw_fail_in(error, KWIRE_EPROTOCOL, KWIRE_PHASE_DECODE,
				    "%s-%d was asked for, but is not in the answer", first->topic,
				    (int)first->partition);
	else
		result = kw_fail(error, KWIRE_ETOOLARGE,
				 "%s-%d: the batch at offset %lld has %lld bytes, more than the "
				 "limits of the fetch allow",
				 first->topic, (int)first->partition, (long long)first->next_offset,
				 (long long)first->too_large_bytes);
	if (error != NULL)
		error->outcome = KWIRE_ANSWERED;
	return result;
}

static int64_t timeout_of(const struct kwire_fetch_options *options,
			  const struct kw_settings *settings)
{
	return options->timeout_ms >= 0 ? options->timeout_ms
					: settings->request_timeout_ms + options->max_wait_ms;
}

int kwire_connection_fetch(struct kwire_connection *connection,
			   const struct kwire_fetch_target *targets, int32_t count,
			   const struct kwire_fetch_options *options,
			   struct kwire_fetched **fetched, struct kwire_error *error)
{
	static const struct kwire_fetch_options defaults = KWIRE_FETCH_OPTIONS_INIT;
	struct kwire_send_options send = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_fetch_response *response = NULL;
	struct job job = {.targets = targets, .count = count};
	const struct kw_settings *settings;
	int result;

	if (connection == NULL)
		return kw_fail(error, KWIRE_EINVAL, "no connection given");
	job.options = options != NULL ? options : &defaults;
	settings = &connection->config->settings;
	result = check(targets, count, job.options, fetched, error);
	if (result == 0)
		result = kw_fetched_begin(connection->memory, targets, count, job.options,
					  settings->fetch_decompressed_max_bytes, fetched, error);
	if (result == 0)
		result = build(&job, connection->memory, *fetched, error);
	if (result != 0)
		return result;
	send.timeout_ms = timeout_of(job.options, settings);
	send.flags = job.options->flags;
	bound_version(&job, &send);
	result = kwire_connection_send_fetch(connection, &job.request, &response, &send, error);
	kw_free(job.topics);
	if (result != 0)
		return result;
	kw_fetched_fill(*fetched, response);
	return judge(*fetched, response->error_code, error);
}

/* Whether a look-up's failure concerns one target alone; it is then left out of the request. */
static bool leave_out(struct kw_fetched_slot *slot, const struct kwire_error *error)
{
	slot->left_out = error->result == KWIRE_EKAFKA && error->kafka_code > 0;
	if (slot->left_out)
		slot->facts.kafka_code = error->kafka_code;
	return slot->left_out;
}

/* As kw_leader_find(); the topic has to be the one that the target means, if it says so. */
static int find_target(struct kwire_client *client, const struct kwire_fetch_target *target,
		       int64_t deadline_ms, struct kw_leader *leader, struct kwire_error *error)
{
	const struct kwire_uuid *meant = &target->topic_id;

	for (int tries = 1;; tries++) {
		int result = kw_leader_find(client, target->topic, target->partition, false,
					    deadline_ms, leader, error);

		if (result != 0 || kwire_uuid_is_zero(*meant) ||
		    kwire_uuid_is_zero(leader->topic_id) ||
		    memcmp(meant, &leader->topic_id, sizeof(*meant)) == 0)
			return result;
		/* What is known of it may be older than what the program knows. */
		if (tries == 2)
			return kw_leader_fail(error, target->topic, target->partition,
					      UNKNOWN_TOPIC_ID);
		kw_leader_forget(client, target->topic);
	}
}

/*
 * Finds the leaders of all targets, the ids of their topics, and whom to ask.
 * Fails where no target has a leader; those that have none are left out.
 */
static int find_targets(struct kwire_client *client, struct job *job, struct kwire_fetched *fetched,
			int64_t deadline_ms, struct kwire_error *error)
{
	const struct kwire_fetch_target *targets = job->targets;
	struct kw_leader leader, first = {-1, -1, KWIRE_UUID_INIT, -1};
	bool led = false; /* there is a first target that has a leader */

	job->alike = true;
	for (int32_t i = 0; i < job->count; i++) {
		struct kwire_error cause = kw_no_error();

		if (find_target(client, &targets[i], deadline_ms, &leader, &cause) != 0) {
			if (!leave_out(&fetched->slots[i], &cause))
				return kw_error_copy(error, &cause);
			continue;
		}
		fetched->slots[i].topic_id = fetched->slots[i].facts.topic_id = leader.topic_id;
		if (!led)
			first = leader;
		led = true;
		if (leader.broker_id != first.broker_id ||
		    leader.preferred_replica != first.preferred_replica)
			job->alike = false;
	}
	/* A target behind it may have brought the topic back as it was: the next fetch asks. */
	for (int32_t i = 0; i < job->count; i++)
		if (fetched->slots[i].left_out)
			kw_leader_forget(client, targets[i].topic);
	if (!led)
		return kw_leader_fail(error, targets[0].topic, targets[0].partition,
				      fetched->slots[0].facts.kafka_code);
	job->broker_id = job->options->broker_id;
	if (job->broker_id < 0 && job->options->rack != NULL && job->alike)
		job->broker_id = first.preferred_replica;
	return 0;
}

/* Whether what is known of a partition was stale, and routing could not help. */
static bool is_stale(const struct job *job, int16_t code)
{
	return code == UNKNOWN_TOPIC_ID || code == INCONSISTENT_TOPIC_ID ||
	       (code > 0 && job->broker_id >= 0 && kwire_kafka_error(code).refresh_metadata);
}

/*
 * Whether to ask again at once: something known of a partition was stale (it is
 * forgotten), or the leader names a replica to ask (that is remembered).  Never
 * where records have come: they would be dropped for the partition that has none.
 */
static bool again(struct kwire_client *client, const struct job *job,
		  const struct kwire_fetched *fetched, int16_t top_code)
{
	bool any = false, data = false;

	for (int32_t i = 0; i < fetched->count; i++) {
		const struct kwire_fetched_partition *facts = &fetched->slots[i].facts;
		int16_t code = facts->kafka_code > 0 ? facts->kafka_code : top_code;

		if (fetched->slots[i].left_out)
			continue;
		if (facts->bytes > 0 && facts->too_large_bytes == 0)
			data = true;
		if (is_stale(job, code)) {
			kw_leader_forget(client, facts->topic);
			any = true;
		} else if (code == 0 && facts->preferred_replica >= 0 && facts->bytes == 0) {
			kw_leader_prefer(client, facts->topic, facts->partition,
					 facts->preferred_replica);
			any = true;
		}
	}
	return any && !data;
}

/* A replica that was preferred cannot help any more: back to the leader. */
static bool leave_replica(struct kwire_client *client, const struct job *job)
{
	bool any = false;

	for (int32_t i = 0; i < job->count; i++) {
		struct kw_leader leader;

		if (job->options->rack == NULL ||
		    kw_leader_find(client, job->targets[i].topic, job->targets[i].partition, false,
				   0, &leader, NULL) != 0 ||
		    leader.preferred_replica < 0)
			continue;
		kw_leader_prefer(client, job->targets[i].topic, job->targets[i].partition, -1);
		any = true;
	}
	return any;
}

/* One round: look up, send, sort in.  `*repeat`: another one may do better. */
static int fetch_once(struct kwire_client *client, struct job *job, int64_t deadline_ms,
		      struct kwire_fetched *fetched, bool *repeat, struct kwire_error *error)
{
	struct kwire_send_options send = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_fetch_response *response = NULL;
	int result;

	*repeat = false;
	result = find_targets(client, job, fetched, deadline_ms, error);
	if (result == 0)
		result = build(job, client->config->memory, fetched, error);
	if (result != 0)
		return result;
	send.broker_id = job->broker_id;
	send.timeout_ms = kw_remaining(deadline_ms, kw_now_ms());
	send.flags = job->options->flags;
	bound_version(job, &send);
	result = kwire_send_fetch_with(client, &job->request, &response, &send, error);
	kw_free(job->topics);
	if (result == 0 || result == KWIRE_EPARTIAL)
		kw_fetched_fill(fetched, response);
	if (result != 0) {
		/* A leader that cannot be reached may lead no longer. */
		for (int32_t i = 0; i < job->count; i++)
			kw_leader_forget(client, job->targets[i].topic);
		return result;
	}
	result = judge(fetched, response->error_code, error);
	*repeat = again(client, job, fetched, response->error_code);
	if (result == KWIRE_EKAFKA && !*repeat)
		*repeat = leave_replica(client, job);
	return result;
}

int kwire_fetch_partitions(struct kwire_client *client, const struct kwire_fetch_target *targets,
			   int32_t count, const struct kwire_fetch_options *options,
			   struct kwire_fetched **fetched, struct kwire_error *error)
{
	static const struct kwire_fetch_options defaults = KWIRE_FETCH_OPTIONS_INIT;
	struct job job = {.targets = targets, .count = count};
	const struct kw_settings *settings;
	int64_t deadline_ms;
	bool repeat = true;
	int result;

	if (client == NULL)
		return kw_fail(error, KWIRE_EINVAL, "no client given");
	job.options = options != NULL ? options : &defaults;
	settings = &client->config->settings;
	deadline_ms = kw_deadline(kw_now_ms(), timeout_of(job.options, settings));
	result = check(targets, count, job.options, fetched, error);
	for (int tries = 0; result == 0 && repeat && tries < 2; tries++) {
		result = kw_fetched_begin(client->config->memory, targets, count, job.options,
					  settings->fetch_decompressed_max_bytes, fetched, error);
		if (result != 0)
			return result;
		result = fetch_once(client, &job, deadline_ms, *fetched, &repeat, error);
		if (repeat && tries == 0)
			result = 0;
	}
	return result;
}

int kwire_fetch_partition(struct kwire_client *client, const char *topic, int32_t partition,
			  int64_t offset, const struct kwire_fetch_options *options,
			  struct kwire_fetched **fetched, struct kwire_error *error)
{
	struct kwire_fetch_target target = KWIRE_FETCH_TARGET_INIT;

	target.topic = topic;
	target.partition = partition;
	target.offset = offset;
	return kwire_fetch_partitions(client, &target, 1, options, fetched, error);
}
