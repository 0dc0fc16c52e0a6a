/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A descriptor that one thread polls and any thread makes readable: how a
 * thread blocked in poll(2) is woken.  An eventfd on Linux, a pipe elsewhere.
 */
#ifndef KW_WAKER_H
#define KW_WAKER_H

struct kw_waker {
	int fd;       /* poll this for POLLIN */
	int write_fd; /* the same as fd, or a pipe's other end */
};

/* 0, or an errno value. */
int kw_waker_init(struct kw_waker *waker);
void kw_waker_fini(struct kw_waker *waker);

/* Makes `fd` readable until the next clear.  Any thread. */
void kw_waker_wake(struct kw_waker *waker);
void kw_waker_clear(struct kw_waker *waker);

#endif
