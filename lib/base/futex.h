/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linux's futex(2) with bits: threads sleep on a word, each with bits of its
 * own, and one system call wakes all whose bits it names.  Only park.c sleeps
 * so; where KW_WITH_FUTEX is 0 it has condition variables instead.
 */
#ifndef KW_FUTEX_H
#define KW_FUTEX_H

#if defined(__linux__)
#include <sys/syscall.h>
#endif

/* The system call with the old form of its time, two longs: not on x32, not on the newest. */
#if !defined(SYS_futex) || (defined(__x86_64__) && defined(__ILP32__))
#undef KW_WITH_FUTEX
#define KW_WITH_FUTEX 0
#endif

#if KW_WITH_FUTEX

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Sleeps, if `*word` is still `seen`, until woken by one of `bits`, perhaps for
 * no reason, or until `deadline_ms` (KW_NEVER: for ever): then it returns false.
 */
bool kw_futex_wait(atomic_uint *word, unsigned seen, unsigned bits, int64_t deadline_ms);
/* Wakes all who sleep with one of `bits`. */
void kw_futex_wake(atomic_uint *word, unsigned bits);

#endif
#endif
