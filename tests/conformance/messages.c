/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every message by name; see messages.h.  A request's and a response's two
 * directions stand in two objects (client and server): here they meet.
 */
#include "messages.h"

#include <stdio.h>
#include <string.h>

static struct kwire_message all[MESSAGES_MAX];
static char names[MESSAGES_MAX][64];
static int count;

static struct kwire_message *add(const struct kwire_api *api, const char *kind)
{
	struct kwire_message *message = &all[count];

	snprintf(names[count], sizeof(names[count]), "%s%s", api->name, kind);
	message->name = names[count];
	message->min_version = api->min_version;
	message->max_version = api->max_version;
	message->first_flexible_version = api->first_flexible_version;
	count++;
	return message;
}

static void fill(void)
{
	for (int i = 0; i < kwire_all_servers_count; i++) {
		const struct kwire_server_api *server = kwire_all_servers[i];
		const struct kwire_api *api = server->api;
		struct kwire_message *request = add(api, "Request");
		struct kwire_message *response = add(api, "Response");

		request->size = api->request_size;
		request->ratio = server->request_ratio;
		request->guess = server->request_guess;
		request->encode = api->encode_request;
		request->decode = server->decode_request;
		response->size = api->response_size;
		response->ratio = api->response_ratio;
		response->guess = api->response_guess;
		response->encode = server->encode_response;
		response->decode = api->decode_response;
	}
	for (int i = 0; i < kwire_all_messages_count; i++)
		all[count++] = *kwire_all_messages[i];
}

int messages_all(struct kwire_message messages[MESSAGES_MAX])
{
	if (count == 0)
		fill();
	memcpy(messages, all, (size_t)count * sizeof(all[0]));
	return count;
}

const struct kwire_message *messages_find(const char *name, size_t size)
{
	if (count == 0)
		fill();
	for (int i = 0; i < count; i++)
		if (strlen(all[i].name) == size && memcmp(all[i].name, name, size) == 0)
			return &all[i];
	return NULL;
}
