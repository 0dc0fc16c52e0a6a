/* SPDX-License-Identifier: Apache-2.0 */
/* See spare.h. */
#include "spare.h"

#include "call.h"

enum {
	QUIET = 16,     /* kept of a burst */
	MOST = 1024,    /* kept at once */
	FRAME = 16384,  /* the largest frame's buffer that is kept */
	BYTES = 524288, /* of all of them */
};

static size_t size_of(const struct kwire_call *call)
{
	return sizeof(*call) + call->frame.capacity;
}

int kw_spares_init(struct kw_spares *spares) KW_NO_ANALYSIS
{
	spares->first = NULL;
	spares->count = 0;
	spares->bytes = 0;
	return kw_mutex_init(&spares->lock, KW_RANK_LEAF);
}

static void destroy_all(struct kwire_call *first)
{
	struct kwire_call *next;

	for (; first != NULL; first = next) {
		next = first->next;
		kw_call_destroy(first);
	}
}

void kw_spares_fini(struct kw_spares *spares) KW_NO_ANALYSIS
{
	destroy_all(spares->first);
	kw_mutex_fini(&spares->lock);
}

void kw_spares_abandon(struct kw_spares *spares) KW_NO_ANALYSIS
{
	struct kwire_call *next;

	for (struct kwire_call *call = spares->first; call != NULL; call = next) {
		next = call->next;
		kw_frame_fini(&call->frame);
		kw_free(call);
	}
}

struct kwire_call *kw_spares_take(struct kw_spares *spares)
{
	struct kwire_call *call;

	if (!kw_mutex_trylock(&spares->lock))
		return NULL;
	call = spares->first;
	if (call != NULL) {
		spares->first = call->next;
		spares->count--;
		spares->bytes -= size_of(call);
	}
	kw_mutex_unlock(&spares->lock);
	return call;
}

bool kw_spares_give(struct kw_spares *spares, struct kwire_call *call)
{
	size_t size = size_of(call);
	bool kept;

	if (call->frame.capacity > FRAME || !kw_mutex_trylock(&spares->lock))
		return false;
	kept = spares->count < MOST && spares->bytes + size <= BYTES;
	if (kept) {
		call->next = spares->first;
		spares->first = call;
		spares->count++;
		spares->bytes += size;
	}
	kw_mutex_unlock(&spares->lock);
	return kept;
}

void kw_spares_trim(struct kw_spares *spares)
{
	struct kwire_call **from = &spares->first;
	struct kwire_call *surplus;

	kw_mutex_lock(&spares->lock);
	spares->bytes = 0;
	for (spares->count = 0; *from != NULL && spares->count < QUIET; spares->count++) {
		spares->bytes += size_of(*from);
		from = &(*from)->next;
	}
	surplus = *from;
	*from = NULL;
	kw_mutex_unlock(&spares->lock);
	destroy_all(surplus);
}
