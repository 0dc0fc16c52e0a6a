/* SPDX-License-Identifier: Apache-2.0 */
/* The control port of kwire-mockd: lines in, lines out. */
#ifndef MOCKD_CONTROL_H
#define MOCKD_CONTROL_H

#include <kwire/mock.h>

/* A listening socket at `path`, or at 127.0.0.1:`*port` (0: a free one, stored); -1: failed. */
int control_listen(const char *path, int *port);

/*
 * Serves commands until `stop` can be read.  Each line gets "ok", "ok ANSWER",
 * or "error REASON"; an answer of several lines ends with a line of a dot.
 */
void control_serve(int listener, int stop, struct kwire_mock *mock);

#endif
