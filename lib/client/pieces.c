/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See job.h: requests that are divided.  A round sends every leaf that has no
 * answer to the broker that it is for: pieces of several brokers are started
 * together and then waited for, one piece alone is sent like any call, and a
 * request that concerns one broker goes as the caller made it.
 */
#include <string.h>

#include "../base/clock.h"
#include "../base/error.h"
#include "client.h"
#include "job.h"

static struct kw_piece *add_piece(struct kw_job *job, int32_t broker_id)
{
	struct kw_piece *piece;

	if (job->piece_count == job->piece_capacity) {
		int32_t capacity = job->piece_capacity > 0 ? job->piece_capacity * 2 : 4;
		void *more = kw_realloc(job->client->config->memory, job->pieces,
					(size_t)capacity * sizeof(*job->pieces));

		if (more == NULL)
			return NULL;
		job->pieces = more;
		job->piece_capacity = capacity;
	}
	piece = &job->pieces[job->piece_count++];
	memset(piece, 0, sizeof(*piece));
	piece->broker_id = piece->reached_id = broker_id;
	piece->error = kw_no_error();
	return piece;
}

/* The piece of this round, which began with `first`, for a broker. */
static struct kw_piece *piece_for(struct kw_job *job, int32_t first, int32_t broker_id)
{
	for (int32_t i = first; i < job->piece_count && !job->single; i++)
		if (job->pieces[i].broker_id == broker_id)
			return &job->pieces[i];
	return add_piece(job, broker_id);
}

static int make_pieces(struct kw_job *job, int32_t first)
{
	for (int32_t i = 0; i < job->leaf_count; i++) {
		struct kw_leaf *leaf = &job->leaves[i];
		struct kw_piece *piece;

		if (leaf->done)
			continue;
		piece = piece_for(job, first, leaf->broker_id);
		if (piece == NULL)
			return kw_fail_memory(&job->error);
		leaf->piece = (int32_t)(piece - job->pieces);
		piece->leaves = ++piece->sent;
	}
	for (int32_t i = first; i < job->piece_count; i++) {
		struct kw_piece *piece = &job->pieces[i];
		bool whole = piece->leaves == job->leaf_count && !job->single;

		piece->request = job->request;
		if (!whole && job->leaves[0].item != NULL) {
			int result = kw_cut(job, i, &piece->owned, &job->error);

			if (result != 0)
				return result;
			piece->request = piece->owned;
		}
	}
	return 0;
}

/* Has every connection dialled that is needed, so that no piece waits for another's. */
static void dial(struct kw_job *job, int32_t first)
{
	for (int32_t i = first; i < job->piece_count; i++) {
		struct kw_lease lease;

		if (job->pieces[i].broker_id >= 0 &&
		    kw_pool_lease(&job->client->pool, job->pieces[i].broker_id, kw_job_lane(job),
				  kw_now_ms(), &lease, NULL) == 0)
			kw_pool_return(&job->client->pool, &lease);
	}
}

static void send_pieces(struct kw_job *job, int32_t first)
{
	const bool one = first + 1 == job->piece_count;

	if (!one)
		dial(job, first);
	for (int32_t i = first; i < job->piece_count; i++) {
		struct kw_piece *piece = &job->pieces[i];

		kw_job_send(job, piece->broker_id, piece->request, one ? &piece->response : NULL,
			    one ? NULL : &piece->call, &piece->error);
		piece->reached_id = job->reached_id;
	}
	for (int32_t i = first; i < job->piece_count; i++) {
		struct kw_piece *piece = &job->pieces[i];

		if (piece->call == NULL)
			continue;
		kwire_call_wait(piece->call, -1, &piece->response, &piece->error);
		kwire_call_free(piece->call);
		piece->call = NULL;
	}
}

/* A leaf whose piece failed. */
static bool failed_leaf(struct kw_job *job, struct kw_leaf *leaf)
{
	const struct kw_piece *piece = &job->pieces[leaf->piece];

	if (!kw_job_may_repeat(job, leaf, &piece->error)) {
		leaf->done = true;
		return false;
	}
	leaf->maybe |= piece->error.outcome == KWIRE_MAYBE_APPLIED;
	if (leaf->broker_id >= 0)
		job->target->accuse(job, leaf, 0);
	job->fresh = true;
	return true;
}

/* A leaf whose piece was answered. */
static bool answered_leaf(struct kw_job *job, struct kw_leaf *leaf)
{
	int16_t code = kw_leaf_code(job, leaf);
	enum kw_verdict verdict = KW_ANSWER;
	enum kw_repeat repeat = KW_REPEAT_SAFE;

	leaf->answered = leaf->piece;

	if (code != 0 && job->target->judge != NULL)
		verdict = job->target->judge(code);
	if (verdict == KW_ANSWER) {
		leaf->done = true;
		return false;
	}
	if (verdict != KW_LATER)
		job->target->accuse(job, leaf, code);
	else if (job->pause_ms < 0)
		job->pause_ms = 0;
	if (job->target->repeat != NULL)
		repeat = job->target->repeat(job, leaf, code);
	leaf->done = (verdict == KW_STALE && leaf->again) || repeat == KW_REPEAT_NEVER;
	leaf->again = true;
	leaf->maybe |= repeat == KW_REPEAT_RECOGNISED;
	return !leaf->done;
}

/* What is to be sent again?  False: nothing. */
static bool judge(struct kw_job *job, int32_t first)
{
	bool again = false;

	for (int32_t i = first; i < job->piece_count; i++)
		if (job->pieces[i].response != NULL && job->leaves[0].item != NULL && !job->single)
			kw_leaves_match(job, i);
	for (int32_t i = 0; i < job->leaf_count; i++) {
		struct kw_leaf *leaf = &job->leaves[i];
		struct kw_piece *piece;

		if (leaf->done || leaf->piece < first)
			continue;
		piece = &job->pieces[leaf->piece];
		if (piece->error.result != 0)
			again |= failed_leaf(job, leaf);
		else if (piece->response != NULL)
			again |= answered_leaf(job, leaf);
		else
			leaf->done = true; /* one way */
	}
	return again;
}

/*
 * Whether what was answered is not to wait any longer for what was refused twice:
 * who polls asks again anyway, and has something to go on with meanwhile.
 */
static bool is_enough(const struct kw_job *job, int32_t first)
{
	if (first == 0 || job->route == NULL || job->route->lane != KW_LANE_LONG_POLL)
		return false;
	for (int32_t i = 0; i < job->leaf_count; i++)
		if (job->leaves[i].done && job->leaves[i].answer != NULL)
			return true;
	return false;
}

static int run(struct kw_job *job)
{
	for (;;) {
		int32_t first = job->piece_count;
		int result = job->target->find(job);

		/* Nobody to send it to just now: what was refused before, was answered. */
		if ((result == KWIRE_EKAFKA && job->error.retriable) ||
		    (result != 0 && kw_job_waits(job))) {
			if (is_enough(job, first) || !kw_job_pause(job))
				return job->piece_count > 0 ? 0 : result;
			continue;
		}
		if (result != 0)
			return job->piece_count > 0 ? 0 : result;
		result = make_pieces(job, first);
		if (result != 0)
			return result;
		send_pieces(job, first);
		if (job->target->singles != NULL && job->target->singles->needed(job, first))
			continue;
		if (!judge(job, first) || is_enough(job, first) || !kw_job_pause(job))
			return 0;
	}
}

static void fail_code(struct kwire_error *error, const struct kwire_api *api, int32_t broker_id,
		      int16_t code)
{
	struct kwire_kafka_error kafka = kwire_kafka_error(code);

	kw_fail(error, KWIRE_EKAFKA, "broker %d refused %s: %s (%d)", (int)broker_id, api->name,
		kafka.name, (int)code);
	error->kafka_code = code;
	error->retriable = kafka.retriable;
	error->outcome = KWIRE_ANSWERED;
	error->node_id = broker_id;
}

/* The code of a whole response, 0 where the API has none. */
static int16_t top_code(const struct kw_job *job, const void *response)
{
	const uint16_t at = job->route != NULL ? job->route->response.code : KW_NONE;
	int16_t code = 0;

	if (at != KW_NONE)
		memcpy(&code, (const char *)response + at, sizeof(code));
	return code;
}

/* A refusal of everything in a piece, where others were answered, is a failure of that piece. */
static void judge_refusals(struct kw_job *job)
{
	int32_t answered = 0, refused = 0;

	for (int pass = 0; pass < 2; pass++) {
		for (int32_t i = 0; i < job->piece_count; i++) {
			struct kw_piece *piece = &job->pieces[i];
			int16_t code;

			if (piece->response == NULL || piece->leaves == 0)
				continue;
			code = top_code(job, piece->response);
			answered++;
			refused += code != 0;
			if (pass == 1 && code != 0)
				fail_code(&piece->error, job->api, piece->reached_id, code);
		}
		if (refused == 0 || refused == answered)
			return;
	}
}

/*
 * A refusal whose repeat came to nothing is an answer after all, unless that may
 * have done what was refused before.  Of a Produce the repeat says more.
 */
static void fall_back(const struct kw_job *job, struct kw_leaf *leaf)
{
	const struct kwire_error *error = &job->pieces[leaf->piece].error;

	if (leaf->answer != NULL && error->result != 0 && job->target->repeat == NULL &&
	    (error->outcome == KWIRE_NOT_SENT || (job->route->flags & KW_ROUTE_REPEAT) != 0))
		leaf->piece = leaf->answered;
}

/* Leaves that were sent again count with the piece that they were sent with last. */
static void count_leaves(struct kw_job *job)
{
	for (int32_t i = 0; i < job->piece_count; i++)
		job->pieces[i].leaves = 0;
	for (int32_t i = 0; i < job->leaf_count; i++) {
		struct kw_leaf *leaf = &job->leaves[i];
		struct kw_piece *piece;

		if (leaf->piece < 0)
			continue;
		fall_back(job, leaf);
		piece = &job->pieces[leaf->piece];
		piece->leaves++;
		if (leaf->maybe && piece->error.result != 0 &&
		    piece->error.outcome == KWIRE_NOT_SENT)
			piece->error.outcome = KWIRE_MAYBE_APPLIED;
	}
}

/* A broker that leaves out what it was asked for, and does not say why, broke the protocol. */
static void judge_gaps(struct kw_job *job)
{
	for (int32_t i = 0; i < job->leaf_count; i++) {
		const struct kw_leaf *leaf = &job->leaves[i];
		struct kw_piece *piece;

		if (leaf->piece < 0 || leaf->item == NULL || leaf->answer != NULL || job->single)
			continue;
		piece = &job->pieces[leaf->piece];
		if (piece->response == NULL || piece->error.result != 0 ||
		    top_code(job, piece->response) != 0)
			continue;
		kw_fail_in(&piece->error, KWIRE_EPROTOCOL, KWIRE_PHASE_DECODE,
			   "broker %d left out of its answer to %s what it was asked for",
			   (int)piece->reached_id, job->api->name);
		piece->error.outcome = KWIRE_ANSWERED;
	}
}

/* The result of the whole: what was answered, and the first failure. */
static int conclude(struct kw_job *job)
{
	int32_t pieces = 0, failed = 0, answered = 0, responses = 0, last = -1;
	const struct kw_piece *first = NULL;
	int result = 0;

	count_leaves(job);
	judge_refusals(job);
	if (job->piece_count > 1)
		judge_gaps(job);
	for (int32_t i = 0; i < job->piece_count; i++) {
		const struct kw_piece *piece = &job->pieces[i];

		if (piece->leaves == 0)
			continue;
		pieces++;
		last = i;
		failed += piece->error.result != 0;
		answered += piece->error.result == 0;
		responses += piece->response != NULL;
		if (piece->error.result != 0 && first == NULL)
			first = piece;
	}
	if (first != NULL) {
		job->error = first->error;
		if (job->error.node_id < 0)
			job->error.node_id = first->reached_id;
		if (pieces > 1)
			kw_error_add(&job->error, " (%d of %d brokers failed)", (int)failed,
				     (int)pieces);
		result = answered > 0 ? KWIRE_EPARTIAL : job->error.result;
		if (result == KWIRE_EPARTIAL)
			job->error.result = KWIRE_EPARTIAL;
	}
	if (job->sharded || answered == 0)
		return result;
	if (pieces == 1 && job->pieces[last].leaves == job->leaf_count && !job->single) {
		job->response = job->pieces[last].response;
		job->pieces[last].response = NULL;
		return result;
	}
	if (responses == 0)
		return result; /* one way */
	failed = job->target->merge != NULL ? job->target->merge(job, &job->response, &job->error)
					    : kw_merge(job, -1, &job->response, &job->error);
	return failed != 0 ? failed : result;
}

int kw_route_pieces(struct kw_job *job)
{
	int result = job->target->open != NULL ? job->target->open(job) : kw_leaves_new(job);

	if (result == 0)
		result = run(job);
	if (result == 0)
		result = conclude(job);
	if (!job->sharded)
		kw_job_free_pieces(job);
	return result;
}

void kw_job_free_pieces(struct kw_job *job)
{
	for (int32_t i = 0; i < job->piece_count; i++) {
		kwire_response_free(job->pieces[i].response);
		kw_free(job->pieces[i].owned);
	}
	kw_free(job->pieces);
	kw_leaves_free(job);
}
