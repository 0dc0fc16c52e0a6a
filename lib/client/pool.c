/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See pool.h: choosing a node, and leasing its link.  The choice is a rank
 * from a few numbers, so that what "any broker" means stands in one function.
 */
#include "pool.h"

#include "../base/clock.h"
#include "../base/error.h"
#include "links.h"
#include "nodes.h"

int kw_pool_init(struct kw_pool *pool, struct kwire_config *config, struct kwire_error *error)
{
	pool->config = config;
	kw_random_init(&pool->random);
	pool->start = kw_random_next(&pool->random);
	if (kw_mutex_init(&pool->mutex, KW_RANK_POOL) != 0)
		return kw_fail(error, KWIRE_ELIMIT, "no mutex to be had");
	if (kw_cond_init(&pool->changed) != 0) {
		kw_mutex_fini(&pool->mutex);
		return kw_fail(error, KWIRE_ELIMIT, "no condition variable to be had");
	}
	return 0;
}

void kw_pool_fini(struct kw_pool *pool)
{
	kw_nodes_fini(&pool->brokers);
	kw_nodes_fini(&pool->seeds);
	kw_cond_fini(&pool->changed);
	kw_mutex_fini(&pool->mutex);
}

static void abandon_link(struct kw_link *link)
{
	kw_connection_abandon(link->connection);
	kw_free(link);
}

void kw_pool_abandon(struct kw_pool *pool) KW_NO_ANALYSIS
{
	struct kw_node *node;
	struct kw_link *link;

	for (int i = 0; (node = kw_nodes_at_locked(pool, i)) != NULL; i++)
		for (int lane = 0; lane < KW_LANES; lane++)
			if (node->links[lane] != NULL)
				abandon_link(node->links[lane]);
	while ((link = pool->leaving) != NULL) {
		pool->leaving = link->next;
		/* The lists free those that are in them, whoever counts them. */
		if (link->node->gone)
			kw_free(kw_node_put_locked(link->node));
		abandon_link(link);
	}
	kw_nodes_fini(&pool->brokers);
	kw_nodes_fini(&pool->seeds);
}

static int fail_closed(struct kwire_error *error)
{
	return kw_fail(error, KWIRE_ECLOSED, "the client is shut down");
}

/* Of lease_locked(): the node was replaced while the caller waited; choose anew. */
enum {
	MOVED = 1,
};

/* Waits out the broker's throttle time, as far as the caller's deadline lets it. */
static int wait_throttled_locked(struct kw_pool *pool, struct kw_node *node, int64_t deadline_ms,
				 struct kwire_error *error) KW_REQUIRES(pool->mutex)
{
	int64_t until = kw_links_throttled_until_locked(node);

	if (until < deadline_ms) {
		kw_cond_wait(&pool->changed, &pool->mutex, until);
		return 0;
	}
	while (!pool->closed && !node->gone &&
	       kw_cond_wait(&pool->changed, &pool->mutex, deadline_ms))
		;
	if (pool->closed || node->gone)
		return 0; /* lease_locked() looks again */
	return kw_fail_in(error, KWIRE_ETIMEDOUT, KWIRE_PHASE_WAIT,
			  "broker %d asked for a pause (quota), %lld ms of which are left",
			  (int)node->info.node_id, (long long)(until - kw_now_ms()));
}

/* As kw_pool_lease(), on a node that the caller counts; or MOVED. */
static int lease_locked(struct kw_pool *pool, struct kw_node *node, enum kw_lane lane,
			int64_t deadline_ms, struct kw_lease *lease, struct kwire_error *error)
	KW_REQUIRES(pool->mutex)
{
	for (;;) {
		int64_t now = kw_now_ms();
		int result = 0;

		if (pool->closed)
			return fail_closed(error);
		if (node->gone)
			return MOVED;
		if (kw_links_throttled_until_locked(node) > now) {
			result = wait_throttled_locked(pool, node, deadline_ms, error);
		} else if ((lease->link = kw_link_usable_locked(pool, node, lane)) != NULL) {
			lease->link->users++;
			break;
		} else if (node->dialling[lane]) {
			if (!kw_cond_wait(&pool->changed, &pool->mutex, deadline_ms))
				result = kw_fail_in(error, KWIRE_ETIMEDOUT, KWIRE_PHASE_CONNECT,
						    "no time left to connect to broker %d",
						    (int)node->info.node_id);
		} else if (kw_backoff_left(&node->backoff, now) > 0) {
			result = kw_error_copy(error, &node->failure);
		} else {
			result = kw_link_dial_locked(pool, node, lane, &lease->link, error);
			if (result == 0)
				break;
		}
		if (result != 0)
			return result;
	}
	lease->connection = lease->link->connection;
	lease->was_ready = kw_connection_state(lease->connection) == KW_CONNECTION_READY;
	lease->node_id = lease->link->node->info.node_id;
	return 0;
}

/* Unlocks, so that what is to be freed is freed after that. */
static void put_and_unlock(struct kw_pool *pool, struct kw_node *node) KW_RELEASE(pool->mutex)
{
	struct kw_node *unused = kw_node_put_locked(node);

	kw_mutex_unlock(&pool->mutex);
	kw_free(unused);
}

int kw_pool_lease(struct kw_pool *pool, int32_t id, enum kw_lane lane, int64_t deadline_ms,
		  struct kw_lease *lease, struct kwire_error *error)
{
	struct kw_node *node;
	int result;

	do {
		kw_mutex_lock(&pool->mutex);
		if (pool->closed) {
			kw_mutex_unlock(&pool->mutex);
			return fail_closed(error);
		}
		node = kw_nodes_find_locked(pool, id);
		if (node == NULL) {
			kw_mutex_unlock(&pool->mutex);
			return kw_fail(error, KWIRE_EBROKER, "the cluster has no broker %d",
				       (int)id);
		}
		node->references++;
		result = lease_locked(pool, node, lane, deadline_ms, lease, error);
		put_and_unlock(pool, node);
	} while (result == MOVED);
	return result;
}

uint64_t kw_pool_step(struct kw_pool *pool)
{
	uint64_t step;

	kw_mutex_lock(&pool->mutex);
	step = pool->steps;
	kw_mutex_unlock(&pool->mutex);
	return step;
}

bool kw_pool_failed_since(struct kw_pool *pool, int32_t id, uint64_t step)
{
	struct kw_node *node;
	bool failed;

	kw_mutex_lock(&pool->mutex);
	node = kw_nodes_find_locked(pool, id);
	failed = node != NULL && node->failed > step;
	kw_mutex_unlock(&pool->mutex);
	return failed;
}

/* Lower is better; the class counts first, then the number. */
struct rank {
	enum {
		LIVE,
		SETTING_UP,
		BROKER,
		FAILED_BROKER,
		SEED,
		THROTTLED,
		NONE,
	} class;
	uint64_t number;
};

static struct rank rank_locked(struct kw_pool *pool, struct kw_node *node, enum kw_lane lane,
			       uint64_t round, int64_t now) KW_REQUIRES(pool->mutex)
{
	struct kw_link *link = kw_link_usable_locked(pool, node, lane);
	int64_t throttled_until = kw_links_throttled_until_locked(node);
	struct rank rank = {NONE, 0};

	if (link != NULL || node->dialling[lane]) {
		rank.class = link != NULL && link->ready ? LIVE : SETTING_UP;
		if (link != NULL)
			rank.number = (uint64_t)kw_connection_in_flight(link->connection);
		if (throttled_until > now) {
			rank.class = THROTTLED;
			rank.number = (uint64_t)throttled_until;
		}
	} else if (node->failed > round || kw_backoff_left(&node->backoff, now) > 0) {
		rank.class = NONE;
	} else if (throttled_until > now) {
		rank.class = THROTTLED;
		rank.number = (uint64_t)throttled_until;
	} else if (node->info.node_id < 0) {
		rank.class = SEED;
		rank.number = node->dialled;
	} else if (node->backoff.failures > 0) {
		rank.class = FAILED_BROKER;
		rank.number = node->failed;
	} else {
		rank.class = BROKER;
		rank.number = node->dialled;
	}
	return rank;
}

static bool better(struct rank a, struct rank b)
{
	return a.class != b.class ? a.class < b.class : a.number < b.number;
}

/*
 * The best node of this round, NULL: none is left.  Equally good ones are
 * taken in turn from a random start, so that many clients spread over many brokers.
 */
static struct kw_node *choose_locked(struct kw_pool *pool, enum kw_lane lane, uint64_t round)
	KW_REQUIRES(pool->mutex)
{
	int count = pool->brokers.count + (pool->seeds_retired ? 0 : pool->seeds.count);
	int start = count > 0 ? (int)(pool->start % (unsigned)count) : 0;
	int64_t now = kw_now_ms();
	struct kw_node *best = NULL;
	struct rank best_rank = {NONE, 0};

	for (int i = 0; i < count; i++) {
		struct kw_node *node = kw_nodes_at_locked(pool, (start + i) % count);
		struct rank rank = rank_locked(pool, node, lane, round, now);

		if (better(rank, best_rank)) {
			best = node;
			best_rank = rank;
		}
	}
	return best;
}

/* What a round that reached nobody says: the newest failure. */
static int fail_unreached_locked(struct kw_pool *pool, struct kwire_error *error)
	KW_REQUIRES(pool->mutex)
{
	const struct kw_node *newest = NULL, *node;

	for (int i = 0; (node = kw_nodes_at_locked(pool, i)) != NULL; i++)
		if (node->failure.result != 0 && (newest == NULL || node->failed > newest->failed))
			newest = node;
	if (newest == NULL)
		return kw_fail(error, KWIRE_EBROKER, "no broker is known");
	return kw_error_copy(error, &newest->failure);
}

int kw_pool_lease_any(struct kw_pool *pool, enum kw_lane lane, uint64_t round, int64_t deadline_ms,
		      struct kw_lease *lease, struct kwire_error *error)
{
	struct kw_node *node;
	int result;

	kw_mutex_lock(&pool->mutex);
	for (;;) {
		if (pool->closed) {
			result = fail_closed(error);
			break;
		}
		node = choose_locked(pool, lane, round);
		if (node == NULL) {
			result = fail_unreached_locked(pool, error);
			break;
		}
		node->references++;
		result = lease_locked(pool, node, lane, deadline_ms, lease, error);
		if (result == 0 || result == KWIRE_ENOMEM || result == KWIRE_ETIMEDOUT) {
			put_and_unlock(pool, node);
			return result;
		}
		put_and_unlock(pool, node);
		kw_mutex_lock(&pool->mutex);
	}
	kw_mutex_unlock(&pool->mutex);
	return result;
}

void kw_pool_return(struct kw_pool *pool, struct kw_lease *lease)
{
	struct kwire_error cause;
	bool dead = kw_connection_cause(lease->connection, &cause);

	kw_mutex_lock(&pool->mutex);
	if (dead)
		kw_link_note_death_locked(lease->link, &cause);
	if (--lease->link->users == 0 && pool->closed)
		kw_cond_broadcast(&pool->changed);
	kw_mutex_unlock(&pool->mutex);
}

bool kw_pool_wait(struct kw_pool *pool, int64_t deadline_ms)
{
	int64_t now = kw_now_ms(), pause = KW_NEVER;
	struct kw_node *node;

	kw_links_reap(pool);
	kw_mutex_lock(&pool->mutex);
	for (int i = 0; (node = kw_nodes_at_locked(pool, i)) != NULL; i++) {
		int64_t left = kw_backoff_left(&node->backoff, now);

		if (left > 0 && left < pause)
			pause = left;
	}
	/* Where no node pauses, its pause ended just now: try again, but do not spin. */
	if (pause == KW_NEVER)
		pause = 1;
	if (!pool->closed && now < deadline_ms)
		kw_cond_wait(&pool->changed, &pool->mutex,
			     pause < deadline_ms - now ? now + pause : deadline_ms);
	kw_mutex_unlock(&pool->mutex);
	return kw_now_ms() < deadline_ms;
}

void kw_pool_forgive(struct kw_pool *pool)
{
	struct kw_node *node;

	kw_mutex_lock(&pool->mutex);
	for (int i = 0; (node = kw_nodes_at_locked(pool, i)) != NULL; i++)
		kw_backoff_reset(&node->backoff);
	kw_cond_broadcast(&pool->changed);
	kw_mutex_unlock(&pool->mutex);
}

void kw_pool_pause(struct kw_pool *pool, int64_t until_ms)
{
	kw_mutex_lock(&pool->mutex);
	while (!pool->closed && kw_cond_wait(&pool->changed, &pool->mutex, until_ms))
		;
	kw_mutex_unlock(&pool->mutex);
}

int32_t kw_pool_only_broker(struct kw_pool *pool)
{
	int32_t id;

	kw_mutex_lock(&pool->mutex);
	id = pool->brokers.count == 1 ? pool->brokers.items[0]->info.node_id : -1;
	kw_mutex_unlock(&pool->mutex);
	return id;
}

void kw_pool_evict(struct kw_pool *pool, int32_t id)
{
	struct kw_link *links[KW_LANES] = {NULL};
	struct kwire_error cause;
	struct kw_node *node;

	kw_fail(&cause, KWIRE_EDISCONNECTED, "the program evicted this connection");
	kw_mutex_lock(&pool->mutex);
	node = kw_nodes_find_locked(pool, id);
	for (int lane = 0; node != NULL && lane < KW_LANES; lane++) {
		links[lane] = node->links[lane];
		if (links[lane] == NULL)
			continue;
		links[lane]->users++;
		kw_link_detach_locked(links[lane]);
	}
	kw_mutex_unlock(&pool->mutex);
	for (int lane = 0; lane < KW_LANES; lane++) {
		if (links[lane] == NULL)
			continue;
		kw_connection_kill(links[lane]->connection, &cause);
		kw_mutex_lock(&pool->mutex);
		links[lane]->users--;
		kw_cond_broadcast(&pool->changed);
		kw_mutex_unlock(&pool->mutex);
	}
	kw_links_reap(pool);
}

/* The `index`th attached link of all, with one user more. */
static struct kw_link *borrow_link(struct kw_pool *pool, int index)
{
	struct kw_link *found = NULL;
	struct kw_node *node;

	kw_mutex_lock(&pool->mutex);
	for (int i = 0; found == NULL && (node = kw_nodes_at_locked(pool, i)) != NULL; i++)
		for (int lane = 0; found == NULL && lane < KW_LANES; lane++)
			if (node->links[lane] != NULL && index-- == 0)
				found = node->links[lane];
	if (found != NULL)
		found->users++;
	kw_mutex_unlock(&pool->mutex);
	return found;
}

void kw_pool_each(struct kw_pool *pool,
		  void (*visit)(void *context, struct kwire_connection *connection), void *context)
{
	struct kw_link *link;

	for (int i = 0; (link = borrow_link(pool, i)) != NULL; i++) {
		struct kw_lease lease = {.link = link, .connection = link->connection};

		visit(context, link->connection);
		kw_pool_return(pool, &lease);
	}
}
