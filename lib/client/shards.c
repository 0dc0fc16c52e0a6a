/* SPDX-License-Identifier: Apache-2.0 */
/* kwire_send_sharded(): the pieces of a routed call, each with its own end. */
#include <string.h>

#include "../base/error.h"
#include "client.h"
#include "edge.h"
#include "job.h"
#include "targets.h"

/* Behind the public struct, in one block with the shards. */
struct owner {
	struct kwire_shards shards;
	void **owned; /* the parts of the request */
};

/*
 * A piece whose leaves were all answered, or failed, in it, is a shard as it
 * is; of one that was refused in part, and that part sent again, the rest is.
 */
static int trim(struct kw_job *job, int32_t index, struct kwire_error *error)
{
	struct kw_piece *piece = &job->pieces[index];
	void *request = NULL, *response = NULL;
	int result;

	if (piece->leaves == piece->sent || job->leaves[0].item == NULL || job->single)
		return 0;
	result = kw_cut(job, index, &request, error);
	if (result != 0)
		return result;
	kw_free(piece->owned);
	piece->request = piece->owned = request;
	if (piece->response == NULL)
		return 0;
	result = kw_merge(job, index, &response, error);
	if (result == 0)
		piece->response = response;
	return result;
}

/* Gives a shard to each piece that still has leaves. */
static int fill(struct kw_job *job, struct owner *owner, struct kwire_error *error)
{
	for (int32_t i = 0; i < job->piece_count; i++) {
		struct kw_piece *piece = &job->pieces[i];
		struct kwire_shard *shard = &owner->shards.items[owner->shards.count];
		int result;

		if (piece->leaves == 0)
			continue;
		result = trim(job, i, error);
		if (result != 0)
			return result;
		shard->broker_id = piece->reached_id;
		shard->request = piece->request;
		shard->response = piece->response;
		shard->error = piece->error;
		if (shard->error.result != 0 && shard->error.node_id < 0)
			shard->error.node_id = piece->reached_id;
		owner->owned[owner->shards.count++] = piece->owned;
		piece->response = piece->owned = NULL;
	}
	return 0;
}

static struct owner *new_owner(struct kw_job *job, int32_t count)
{
	struct kw_memory *memory = job->client->config->memory;
	struct owner *owner = kw_zalloc(memory, sizeof(*owner));

	if (owner == NULL)
		return NULL;
	owner->shards.items = kw_alloc_array(memory, (size_t)count, sizeof(*owner->shards.items));
	owner->owned = kw_alloc_array(memory, (size_t)count, sizeof(*owner->owned));
	if (owner->shards.items != NULL && owner->owned != NULL)
		return owner;
	kwire_shards_free(&owner->shards);
	return NULL;
}

void kwire_shards_free(struct kwire_shards *shards)
{
	struct owner *owner = (struct owner *)(void *)shards;

	if (shards == NULL)
		return;
	for (int32_t i = 0; i < shards->count; i++) {
		kwire_response_free(shards->items[i].response);
		kw_free(owner->owned[i]);
	}
	kw_free(shards->items);
	kw_free(owner->owned);
	kw_free(owner);
}

/* A request that stays whole is one piece, however it ended. */
static int send_whole(struct kw_job *job)
{
	struct kw_piece *piece = kw_zalloc(job->client->config->memory, sizeof(*piece));
	int result;

	if (piece == NULL)
		return kw_fail_memory(&job->error);
	result = job->options.broker_id >= 0
			 ? kw_job_send(job, job->options.broker_id, job->request, &job->response,
				       NULL, &job->error)
			 : job->target->send(job);
	job->pieces = piece;
	job->piece_count = 1;
	kw_leaves_whole(job);
	piece->leaves = piece->sent = 1;
	piece->request = job->request;
	piece->reached_id = job->reached_id;
	piece->response = job->response;
	if (result != 0)
		piece->error = job->error;
	return result;
}

static int send_sharded(struct kw_job *job, struct kwire_shards **shards)
{
	struct owner *owner;
	int failure = 0, result;

	job->sharded = true;
	if (job->options.broker_id >= 0 || !job->target->divides)
		result = send_whole(job);
	else
		result = job->target->send(job);
	if (job->piece_count == 0)
		return result;
	owner = new_owner(job, job->piece_count);
	failure = owner == NULL ? kw_fail_memory(&job->error) : fill(job, owner, &job->error);
	if (failure == 0)
		*shards = &owner->shards;
	else if (owner != NULL)
		kwire_shards_free(&owner->shards);
	return failure != 0 ? failure : result;
}

int kwire_send_sharded(struct kwire_client *client, const struct kwire_api *api,
		       const void *request, struct kwire_shards **shards,
		       const struct kwire_send_options *options, struct kwire_error *error)
{
	struct kw_edge edge;
	struct kw_job job;
	int result;

	if (shards == NULL)
		return kw_fail(error, KWIRE_EINVAL, "no place for the shards given");
	result = kw_job_begin(&job, &edge, kw_target_of(api), client, api, request, options, error);
	if (result != 0)
		return result;
	result = send_sharded(&job, shards);
	kw_job_free_pieces(&job);
	return kw_job_end(&job, &edge, result, error);
}
