/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See links.h.  A connection tells of its life on its own thread (on_ready,
 * on_dead).  A caller may find it dead before that, and then says
 * so itself, so that the next choice already knows: whoever comes first.
 */
#include "links.h"

#include <string.h>

#include "../base/clock.h"
#include "../base/error.h"
#include "nodes.h"

static void push_leaving(struct kw_link *link)
{
	link->next = link->pool->leaving;
	link->pool->leaving = link;
}

/* The node outlives the link, and so does what the broker asked for. */
static void keep_throttle_locked(struct kw_node *node, int64_t until_ms)
{
	if (node->throttled_until_ms < until_ms)
		node->throttled_until_ms = until_ms;
}

int64_t kw_links_throttled_until_locked(struct kw_node *node)
{
	for (int lane = 0; lane < KW_LANES; lane++)
		if (node->links[lane] != NULL)
			keep_throttle_locked(node, kw_connection_throttled_until_ms(
							   node->links[lane]->connection));
	return node->throttled_until_ms;
}

void kw_link_detach_locked(struct kw_link *link)
{
	struct kw_link **place = &link->node->links[link->lane];

	link->planned = true;
	if (*place == link) {
		keep_throttle_locked(link->node,
				     kw_connection_throttled_until_ms(link->connection));
		*place = NULL;
		push_leaving(link);
	}
}

void kw_link_note_death_locked(struct kw_link *link, const struct kwire_error *cause)
{
	struct kw_pool *pool = link->pool;
	struct kw_node *node = link->node;
	const struct kw_settings *settings = &pool->config->settings;
	int64_t now = kw_now_ms();
	int16_t versions_start = kw_connection_versions_start(link->connection);
	bool planned;

	if (link->dead)
		return;
	link->dead = true;
	planned = link->planned || kw_connection_is_retired(link->connection);
	link->lost = !planned;
	kw_link_detach_locked(link);
	if (versions_start >= 0)
		node->versions_start = versions_start;
	if (planned)
		return;
	node->failure = *cause;
	node->failure.outcome = KWIRE_NOT_SENT; /* of whoever is shown it later */
	if (!link->ready)
		node->failed = ++pool->steps;
	/* One that soon dies again is not healthy because it could be set up. */
	if (!link->ready || now - link->dialled_ms < settings->reconnect_backoff_max_ms)
		kw_backoff_fail(&node->backoff, settings, now, &pool->random);
	else
		kw_backoff_reset(&node->backoff);
}

static void on_ready(void *context, struct kwire_connection *connection)
{
	struct kw_link *link = context;
	struct kw_pool *pool = link->pool;
	struct kwire_broker_info broker;

	(void)connection;
	kw_mutex_lock(&pool->mutex);
	link->ready = true;
	link->node->failure.result = KWIRE_OK;
	link->node->backoff.until_ms = 0;
	broker = link->node->info;
	kw_cond_broadcast(&pool->changed);
	kw_mutex_unlock(&pool->mutex);
	kw_log(pool->config, KWIRE_LOG_DEBUG, "broker %d (%s:%d): connected", (int)broker.node_id,
	       broker.host, (int)broker.port);
}

static void log_death(const struct kw_pool *pool, const struct kwire_broker_info *broker,
		      bool was_ready, bool news, const struct kwire_error *cause)
{
	enum kwire_log_level level = news ? KWIRE_LOG_WARNING : KWIRE_LOG_DEBUG;

	kw_log(pool->config, level, "broker %d (%s:%d): %s: %s", (int)broker->node_id, broker->host,
	       (int)broker->port, was_ready ? "connection lost" : "not reached", cause->message);
}

static void on_dead(void *context, struct kwire_connection *connection,
		    const struct kwire_error *cause)
{
	struct kw_link *link = context;
	struct kw_pool *pool = link->pool;
	struct kwire_broker_info broker;
	bool was_ready, news;

	kw_mutex_lock(&pool->mutex);
	if (link->connection == NULL) /* the caller who dials has yet to store it */
		link->connection = connection;
	broker = link->node->info;
	was_ready = link->ready;
	kw_link_note_death_locked(link, cause);
	news = link->lost;
	/* The same failure again is none. */
	if (!was_ready && link->node->backoff.failures > 1)
		news = false;
	kw_cond_broadcast(&pool->changed);
	kw_mutex_unlock(&pool->mutex);
	log_death(pool, &broker, was_ready, news, cause);
}

struct kw_link *kw_link_usable_locked(struct kw_pool *pool, struct kw_node *node, enum kw_lane lane)
{
	struct kw_link *link = node->links[lane];
	int64_t max_idle_ms = pool->config->settings.connections_max_idle_ms;
	struct kwire_error cause;

	if (link == NULL)
		return NULL;
	if (kw_connection_cause(link->connection, &cause)) {
		kw_link_note_death_locked(link, &cause);
		return NULL;
	}
	/* Something on the way may have forgotten it: a new one is safer than a reset. */
	if (link->ready && max_idle_ms >= 0 && link->users == 0 &&
	    kw_connection_in_flight(link->connection) == 0 &&
	    kw_now_ms() - kw_connection_last_used_ms(link->connection) > max_idle_ms) {
		kw_link_detach_locked(link);
		return NULL;
	}
	return link;
}

static void fill_options(struct kw_connection_options *options, struct kw_link *link)
{
	memset(options, 0, sizeof(*options));
	options->host = link->node->info.host;
	options->port = link->node->info.port;
	options->node_id = link->node->info.node_id;
	options->max_idle_ms = link->pool->config->settings.connections_max_idle_ms;
	options->versions_start = link->node->versions_start;
	options->events.context = link;
	options->events.ready = on_ready;
	options->events.dead = on_dead;
}

/* The dial itself, no lock held. */
static int make(struct kw_pool *pool, struct kw_node *node, enum kw_lane lane,
		int64_t setup_timeout_ms, struct kw_link **made, struct kwire_error *error)
{
	struct kw_connection_options options;
	struct kwire_connection *connection = NULL;
	struct kw_link *link = kw_zalloc(pool->config->memory, sizeof(*link));
	int result;

	if (link == NULL)
		return kw_fail_memory(error);
	link->pool = pool;
	link->node = node;
	link->lane = lane;
	link->dialled_ms = kw_now_ms();
	fill_options(&options, link);
	options.setup_timeout_ms = setup_timeout_ms;
	result = kw_connection_new(pool->config, &options, &connection, error);
	if (result != 0) {
		kw_free(link);
		return result;
	}
	kw_mutex_lock(&pool->mutex);
	link->connection = connection;
	kw_mutex_unlock(&pool->mutex);
	*made = link;
	return 0;
}

int kw_link_dial_locked(struct kw_pool *pool, struct kw_node *node, enum kw_lane lane,
			struct kw_link **made, struct kwire_error *error)
{
	const struct kw_settings *settings = &pool->config->settings;
	int64_t setup_timeout_ms;
	int result;

	setup_timeout_ms = kw_backoff_setup_timeout(&node->backoff, settings, &pool->random);
	node->dialling[lane] = true;
	node->dialled = ++pool->steps;
	node->references++;
	pool->dials++;
	kw_mutex_unlock(&pool->mutex);

	kw_links_reap(pool);
	result = make(pool, node, lane, setup_timeout_ms, made, error);

	kw_mutex_lock(&pool->mutex);
	pool->dials--;
	node->dialling[lane] = false;
	kw_cond_broadcast(&pool->changed);
	if (result != 0) {
		node->references--; /* the caller's own keeps it */
		if (result != KWIRE_ENOMEM) {
			node->failure = *error;
			node->failed = ++pool->steps;
			kw_backoff_fail(&node->backoff, settings, kw_now_ms(), &pool->random);
		}
		return result;
	}
	pool->links++;
	(*made)->users = 1;
	if ((*made)->dead || node->gone || pool->closed)
		push_leaving(*made);
	else
		node->links[lane] = *made;
	return 0;
}

/* Takes a link that nobody uses off the list: it is the caller's alone.  NULL: there is none. */
static struct kw_link *take_leaving_locked(struct kw_pool *pool)
{
	for (struct kw_link **place = &pool->leaving; *place != NULL; place = &(*place)->next) {
		struct kw_link *link = *place;

		if (link->users > 0)
			continue;
		*place = link->next;
		return link;
	}
	return NULL;
}

/* Puts it back at the end, so that each has its turn. */
static void put_leaving_locked(struct kw_link *link)
{
	struct kw_link **place = &link->pool->leaving;

	while (*place != NULL)
		place = &(*place)->next;
	link->next = NULL;
	*place = link;
	kw_cond_broadcast(&link->pool->changed);
}

/* The thread has ended, so no event comes any more. */
static void free_link(struct kw_link *link)
{
	struct kw_pool *pool = link->pool;
	int64_t throttled_until_ms = kw_connection_throttled_until_ms(link->connection);
	struct kw_node *node;

	kw_connection_put(link->connection);
	kw_mutex_lock(&pool->mutex);
	keep_throttle_locked(link->node, throttled_until_ms);
	pool->links--;
	node = kw_node_put_locked(link->node);
	kw_cond_broadcast(&pool->changed);
	kw_mutex_unlock(&pool->mutex);
	kw_free(node);
	kw_free(link);
}

void kw_links_reap(struct kw_pool *pool)
{
	struct kw_link *link;
	int turns = 0;

	kw_mutex_lock(&pool->mutex);
	for (link = pool->leaving; link != NULL; link = link->next)
		turns++;
	while (turns-- > 0 && (link = take_leaving_locked(pool)) != NULL) {
		bool ended;

		kw_mutex_unlock(&pool->mutex);
		kw_connection_retire(link->connection);
		ended = kw_connection_state(link->connection) == KW_CONNECTION_DEAD &&
			kw_connection_join(link->connection, 0) == 0;
		if (ended)
			free_link(link);
		kw_mutex_lock(&pool->mutex);
		if (!ended)
			put_leaving_locked(link);
	}
	kw_mutex_unlock(&pool->mutex);
}

/* One that was not killed yet, used or not. */
static struct kw_link *find_living_locked(struct kw_pool *pool)
{
	for (struct kw_link *link = pool->leaving; link != NULL; link = link->next)
		if (!link->killed)
			return link;
	return NULL;
}

static void detach_all_locked(struct kw_pool *pool) KW_REQUIRES(pool->mutex)
{
	struct kw_node *node;

	for (int i = 0; (node = kw_nodes_at_locked(pool, i)) != NULL; i++)
		for (int lane = 0; lane < KW_LANES; lane++)
			if (node->links[lane] != NULL)
				kw_link_detach_locked(node->links[lane]);
}

/* Kills one link, or joins one; false: there is nothing to do but to wait. */
static bool shutdown_step_locked(struct kw_pool *pool, int64_t deadline_ms, int *result)
	KW_REQUIRES(pool->mutex)
{
	struct kw_link *link = find_living_locked(pool);

	if (link != NULL) {
		link->killed = true;
		link->users++;
		kw_mutex_unlock(&pool->mutex);
		kw_connection_kill(link->connection, NULL);
		kw_mutex_lock(&pool->mutex);
		link->users--;
		return true;
	}
	link = take_leaving_locked(pool);
	if (link == NULL)
		return false;
	kw_mutex_unlock(&pool->mutex);
	*result = kw_connection_join(link->connection, deadline_ms);
	if (*result == 0)
		free_link(link);
	kw_mutex_lock(&pool->mutex);
	if (*result != 0)
		put_leaving_locked(link);
	return true;
}

int kw_pool_shutdown(struct kw_pool *pool, int64_t deadline_ms)
{
	int result = 0;

	kw_mutex_lock(&pool->mutex);
	pool->closed = true;
	detach_all_locked(pool);
	kw_cond_broadcast(&pool->changed);
	while (result == 0 && (pool->links > 0 || pool->dials > 0))
		if (!shutdown_step_locked(pool, deadline_ms, &result) &&
		    !kw_cond_wait(&pool->changed, &pool->mutex, deadline_ms))
			result = KWIRE_ETIMEDOUT;
	kw_mutex_unlock(&pool->mutex);
	return result;
}
