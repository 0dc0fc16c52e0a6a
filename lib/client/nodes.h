/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes of the pool: their life, and replacing them as a whole.  Used by the
 * files of the pool only; `_locked` wants the pool's lock held.
 */
#ifndef KW_NODES_H
#define KW_NODES_H

#include "pool.h"

/* The broker of this id, not counted; NULL: not known. */
struct kw_node *kw_nodes_find_locked(const struct kw_pool *pool, int32_t id)
	KW_REQUIRES(pool->mutex);

/* Gives back one reference; what is to be freed, after unlocking, or NULL. */
struct kw_node *kw_node_put_locked(struct kw_node *node);

/* The `index`th node of all, brokers first; NULL past the last. */
struct kw_node *kw_nodes_at_locked(const struct kw_pool *pool, int index) KW_REQUIRES(pool->mutex);

/* All nodes at once; frees them.  For kw_pool_fini(). */
void kw_nodes_fini(struct kw_nodes *nodes);

#endif
