/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links of the pool: dialled, lost, joined.  Used by the files of the pool
 * only; `_locked` wants the pool's lock held.
 */
#ifndef KW_LINKS_H
#define KW_LINKS_H

#include "pool.h"

/* The node's link if it can be used; one that died or idled too long is detached. */
struct kw_link *kw_link_usable_locked(struct kw_pool *pool, struct kw_node *node, enum kw_lane lane)
	KW_REQUIRES(pool->mutex);

/*
 * Makes a link, the lock dropped meanwhile; `node` is counted by the caller and
 * has no link there.  On success the link has one user, the caller.
 */
int kw_link_dial_locked(struct kw_pool *pool, struct kw_node *node, enum kw_lane lane,
			struct kw_link **link, struct kwire_error *error) KW_REQUIRES(pool->mutex);

/* Takes the link from its node, to end once nobody uses it. */
void kw_link_detach_locked(struct kw_link *link);

/* Until when the broker asked its client to wait (KIP-219), on any of the node's links. */
int64_t kw_links_throttled_until_locked(struct kw_node *node);

/* Tells the node why the link died, the first time. */
void kw_link_note_death_locked(struct kw_link *link, const struct kwire_error *cause);

/* Joins what has ended, and retires what has nothing left to do.  Never waits. */
void kw_links_reap(struct kw_pool *pool) KW_EXCLUDES(pool->mutex);

#endif
