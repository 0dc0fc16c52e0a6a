/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Noticing a fork without a system call per call: a number that differs in
 * each child.  Whoever holds threads or locks keeps the number it was made
 * under and compares.
 */
#ifndef KW_FORK_H
#define KW_FORK_H

/* Starts watching, the first time; 0 or an errno value. */
int kw_fork_watch(void);

/* The number of this process: the same for ever in one, another in its children. */
unsigned kw_fork_generation(void);

#endif
