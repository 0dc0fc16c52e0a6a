/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cancellation of threads (pthread_cancel(3)) waits while a thread of the
 * program's is inside kwire: it could hold a lock or half a request.  Used at
 * the edge of the API, by public functions that may lock or block.  Nests.
 */
#ifndef KW_CANCEL_H
#define KW_CANCEL_H

#include <pthread.h>

/* What kw_cancel_restore() takes. */
static inline int kw_cancel_disable(void)
{
	int before = PTHREAD_CANCEL_ENABLE;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	return before;
}

static inline void kw_cancel_restore(int before)
{
	pthread_setcancelstate(before, NULL);
}

#endif
