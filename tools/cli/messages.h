/* SPDX-License-Identifier: Apache-2.0 */
/* Finding APIs and messages by name, for the commands that handle any of them. */
#ifndef CLI_MESSAGES_H
#define CLI_MESSAGES_H

#include <stdbool.h>

#include <kwire/describe.h>
#include <kwire/message.h>

/* An API by its name, in any case, or its key; NULL: none. */
const struct kwire_api *messages_api(const char *word);
const struct kwire_api *messages_api_of_key(int16_t key);

/* What an API's request or response is made of. */
const struct kwire_description *messages_describe(const struct kwire_api *api, bool response);

/*
 * A message by its name in Kafka ("MetadataRequest"), in any case: how it is
 * written and read, and what it is made of.  False: none.
 */
bool messages_find(const char *name, struct kwire_message *type,
		   const struct kwire_description **description);

/* One side of an API as a message. */
void messages_of_api(const struct kwire_api *api, bool response, struct kwire_message *type);

/* The known name that is nearest to a misspelt API; NULL: nothing is near. */
const char *messages_nearest_api(const char *word);

#endif
