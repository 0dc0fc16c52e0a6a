/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every message of kwire by Kafka's name ("FetchRequest"), requests and
 * responses in both directions.  For the conformance driver and the vectors'
 * test; whoever links this links all messages.
 */
#ifndef KW_TEST_MESSAGES_H
#define KW_TEST_MESSAGES_H

#include <kwire/message.h>

#define MESSAGES_MAX 256

/* Fills `messages` with all of them and returns how many there are. */
int messages_all(struct kwire_message messages[MESSAGES_MAX]);

/* The message of that name (`size` bytes), NULL: none. */
const struct kwire_message *messages_find(const char *name, size_t size);

#endif
