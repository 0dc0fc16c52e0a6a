/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The read baton: whose turn it is to read from a connection.  Embedded in the
 * connection, guarded by its lock.  baton.c says how it goes round.
 */
#ifndef KW_BATON_H
#define KW_BATON_H

#include <stdbool.h>
#include <stdint.h>

struct kwire_call;

enum kw_baton_holder {
	KW_BATON_FREE,   /* nobody reads */
	KW_BATON_CALLER, /* one who waits for an answer does, or was told that it may */
	KW_BATON_THREAD, /* the connection's thread does */
};

/* Who will read the answer of a call that has not ended. */
enum kw_attention {
	KW_ATTENDED,   /* its owner waits, or will at once */
	KW_UNATTENDED, /* nobody waits: the connection's thread, before long */
	KW_WANTED,     /* somebody waits who cannot read himself: the thread, now */
};

struct kw_baton {
	enum kw_baton_holder holder;
	bool shared;              /* callers may read; else the thread holds it for ever */
	struct kwire_call *first; /* calls whose owners are parked, and would read */
	struct kwire_call *last;
	struct kwire_call *kickable; /* its owner reads, and may be called off; NULL: no such */
	uint32_t unattended;         /* calls of that kind */
	uint32_t wanted;
	uint32_t turns; /* of callers, so that the thread sees that there are some */

	bool hung_up; /* the peer closed its side: there is an end to be read */

	/* The thread looks every few milliseconds whether answers were left unread. */
	bool armed;
	bool disarmed;       /* since the thread last cleared it: a burst is over */
	int64_t look_ms;     /* when next */
	uint32_t seen_turns; /* at its last look */
	int empty_looks;
};

#endif
