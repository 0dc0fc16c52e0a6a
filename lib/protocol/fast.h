/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the cursors' usual cases stand inline: everywhere, unless the compiler
 * is asked for small code.
 */
#ifndef KW_FAST_H
#define KW_FAST_H

#ifdef __OPTIMIZE_SIZE__
#define KW_FAST 0
#else
#define KW_FAST 1
#endif

/* The compiler lays out what is likely without jumps. */
#define KW_LIKELY(condition) __builtin_expect(condition, 1)

#endif
