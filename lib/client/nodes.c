/* SPDX-License-Identifier: Apache-2.0 */
/* See nodes.h, and the functions of pool.h that replace or list nodes. */
#include "nodes.h"

#include <string.h>

#include "../base/error.h"
#include "links.h"

static struct kw_node *node_new(struct kw_memory *memory, const struct kwire_broker_info *info)
{
	struct kw_node *node = kw_zalloc(memory, sizeof(*node));

	if (node == NULL)
		return NULL;
	node->info = *info;
	node->references = 1;
	node->versions_start = -1;
	return node;
}

struct kw_node *kw_node_put_locked(struct kw_node *node)
{
	return --node->references == 0 ? node : NULL;
}

struct kw_node *kw_nodes_find_locked(const struct kw_pool *pool, int32_t id)
{
	int low = 0, high = pool->brokers.count;

	while (low < high) {
		int middle = low + (high - low) / 2;
		struct kw_node *node = pool->brokers.items[middle];

		if (node->info.node_id == id)
			return node;
		if (node->info.node_id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

struct kw_node *kw_nodes_at_locked(const struct kw_pool *pool, int index)
{
	if (index < pool->brokers.count)
		return pool->brokers.items[index];
	index -= pool->brokers.count;
	return index < pool->seeds.count ? pool->seeds.items[index] : NULL;
}

void kw_nodes_fini(struct kw_nodes *nodes)
{
	for (int i = 0; i < nodes->count; i++)
		kw_free(nodes->items[i]);
	kw_free(nodes->items);
	nodes->items = NULL;
	nodes->count = 0;
}

static bool same_place(const struct kw_node *a, const struct kw_node *b)
{
	return a->info.node_id == b->info.node_id && a->info.port == b->info.port &&
	       strcmp(a->info.host, b->info.host) == 0;
}

static bool same_address(const struct kw_node *a, const struct kw_node *b)
{
	return a->info.port == b->info.port && strcmp(a->info.host, b->info.host) == 0;
}

/*
 * What became of the nodes before: those that are still there take the places
 * of their new twins, the others lose their links.  Leaves in `old` what is to
 * be freed after unlocking.
 */
static void replace_locked(struct kw_nodes *current, struct kw_nodes *fresh, struct kw_nodes *old)
{
	for (int i = 0; i < current->count; i++) {
		struct kw_node *node = current->items[i];
		bool kept = false;

		for (int j = 0; j < fresh->count && !kept; j++) {
			struct kw_node *twin = fresh->items[j];

			if (twin == node || !same_place(twin, node))
				continue;
			memcpy(node->info.rack, twin->info.rack, sizeof(node->info.rack));
			fresh->items[j] = node;
			current->items[i] = twin;
			kept = true;
		}
		if (kept)
			continue;
		node->gone = true;
		for (int lane = 0; lane < KW_LANES; lane++)
			if (node->links[lane] != NULL)
				kw_link_detach_locked(node->links[lane]);
		current->items[i] = kw_node_put_locked(node);
	}
	*old = *current;
	*current = *fresh;
}

/* A broker that is what a bootstrap server was connected to takes that link over. */
static void adopt_seed_links_locked(struct kw_pool *pool)
{
	for (int i = 0; i < pool->brokers.count; i++)
		for (int j = 0; j < pool->seeds.count; j++) {
			struct kw_node *broker = pool->brokers.items[i];
			struct kw_node *seed = pool->seeds.items[j];
			struct kw_link *link = seed->links[KW_LANE_NORMAL];

			if (link == NULL || !same_address(broker, seed) ||
			    broker->links[KW_LANE_NORMAL] != NULL ||
			    broker->dialling[KW_LANE_NORMAL])
				continue;
			seed->links[KW_LANE_NORMAL] = NULL;
			seed->references--; /* the pool's own keeps it */
			broker->links[KW_LANE_NORMAL] = link;
			broker->references++;
			link->node = broker;
		}
}

/* Ascending by id; of one id that is named twice, the last counts. */
static void sort(struct kw_nodes *nodes)
{
	int count = 0;

	for (int i = 0; i < nodes->count; i++) {
		struct kw_node *node = nodes->items[i];
		int at = count;

		while (at > 0 && nodes->items[at - 1]->info.node_id > node->info.node_id)
			at--;
		if (at > 0 && nodes->items[at - 1]->info.node_id == node->info.node_id) {
			kw_free(nodes->items[at - 1]);
			nodes->items[at - 1] = node;
			continue;
		}
		memmove(&nodes->items[at + 1], &nodes->items[at],
			(size_t)(count - at) * sizeof(struct kw_node *));
		nodes->items[at] = node;
		count++;
	}
	nodes->count = count;
}

static int nodes_init(struct kw_nodes *nodes, struct kw_memory *memory,
		      const struct kwire_broker_info *infos, int count)
{
	nodes->count = 0;
	nodes->items = kw_alloc_array(memory, (size_t)count, sizeof(struct kw_node *));
	if (nodes->items == NULL)
		return KWIRE_ENOMEM;
	for (; nodes->count < count; nodes->count++) {
		nodes->items[nodes->count] = node_new(memory, &infos[nodes->count]);
		if (nodes->items[nodes->count] == NULL) {
			kw_nodes_fini(nodes);
			return KWIRE_ENOMEM;
		}
	}
	return 0;
}

static int replace(struct kw_pool *pool, struct kw_nodes *current,
		   const struct kwire_broker_info *infos, int count, struct kwire_error *error)
{
	struct kw_nodes fresh, old;

	if (nodes_init(&fresh, pool->config->memory, infos, count) != 0)
		return kw_fail_memory(error);
	if (current == &pool->brokers)
		sort(&fresh);
	kw_mutex_lock(&pool->mutex);
	replace_locked(current, &fresh, &old);
	adopt_seed_links_locked(pool);
	pool->seeds_retired = pool->brokers.count > 0 && !pool->config->settings.rebootstrap;
	kw_cond_broadcast(&pool->changed);
	kw_mutex_unlock(&pool->mutex);
	kw_nodes_fini(&old);
	kw_links_reap(pool);
	return 0;
}

int kw_pool_set_brokers(struct kw_pool *pool, const struct kwire_broker_info *brokers, int count,
			struct kwire_error *error)
{
	return replace(pool, &pool->brokers, brokers, count, error);
}

static bool named_before(const struct kw_endpoint *endpoints, int index)
{
	for (int i = 0; i < index; i++)
		if (endpoints[i].port == endpoints[index].port &&
		    strcmp(endpoints[i].host, endpoints[index].host) == 0)
			return true;
	return false;
}

int kw_pool_set_seeds(struct kw_pool *pool, const struct kw_endpoint *endpoints, int count,
		      struct kwire_error *error)
{
	struct kwire_broker_info *infos = kw_alloc_array(pool->config->memory, (size_t)count,
							 sizeof(*infos));
	int distinct = 0, result;

	if (infos == NULL)
		return kw_fail_memory(error);
	/* A place is one node: replace_locked() finds the twin of each by its place. */
	for (int i = 0; i < count; i++) {
		struct kwire_broker_info *info = &infos[distinct];

		if (named_before(endpoints, i))
			continue;
		memset(info, 0, sizeof(*info));
		info->node_id = -1;
		info->port = endpoints[i].port;
		memcpy(info->host, endpoints[i].host, sizeof(info->host));
		distinct++;
	}
	result = replace(pool, &pool->seeds, infos, distinct, error);
	kw_free(infos);
	return result;
}

void kw_pool_forget_brokers(struct kw_pool *pool)
{
	struct kw_nodes none = {NULL, 0}, old;

	kw_mutex_lock(&pool->mutex);
	replace_locked(&pool->brokers, &none, &old);
	pool->seeds_retired = false;
	/* Starting again means now: no pause of an earlier attempt holds it up. */
	for (int i = 0; i < pool->seeds.count; i++)
		kw_backoff_reset(&pool->seeds.items[i]->backoff);
	kw_cond_broadcast(&pool->changed);
	kw_mutex_unlock(&pool->mutex);
	kw_nodes_fini(&old);
	kw_links_reap(pool);
}

int kw_pool_list(struct kw_pool *pool, struct kwire_broker_info *brokers, int capacity)
{
	int count;

	kw_mutex_lock(&pool->mutex);
	count = pool->brokers.count;
	for (int i = 0; i < count && i < capacity; i++)
		brokers[i] = pool->brokers.items[i]->info;
	kw_mutex_unlock(&pool->mutex);
	return count;
}

bool kw_pool_info(struct kw_pool *pool, int32_t id, struct kwire_broker_info *info)
{
	struct kw_node *node;

	kw_mutex_lock(&pool->mutex);
	node = kw_nodes_find_locked(pool, id);
	if (node != NULL && info != NULL)
		*info = node->info;
	kw_mutex_unlock(&pool->mutex);
	return node != NULL;
}
