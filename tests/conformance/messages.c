/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every message by name; see messages.h.  A request's and a response's two
 * directions stand in two objects (client and server): here they meet.
 */
#include "messages.h"

#include <stdio.h>
#include <string.h>

#include <kwire/api/aborted_txn.h>
#include <kwire/api/consumer_protocol_assignment.h>
#include <kwire/api/consumer_protocol_subscription.h>
#include <kwire/api/control_record_type_schema.h>
#include <kwire/api/default_principal_data.h>
#include <kwire/api/end_txn_marker.h>
#include <kwire/api/kraft_version_record.h>
#include <kwire/api/leader_change_message.h>
#include <kwire/api/request_header.h>
#include <kwire/api/response_header.h>
#include <kwire/api/snapshot_footer_record.h>
#include <kwire/api/snapshot_header_record.h>
#include <kwire/api/voters_record.h>

static const struct kwire_message *const others[] = {
	&kwire_aborted_txn_message,
	&kwire_consumer_protocol_assignment_message,
	&kwire_consumer_protocol_subscription_message,
	&kwire_control_record_type_schema_message,
	&kwire_default_principal_data_message,
	&kwire_end_txn_marker_message,
	&kwire_kraft_version_record_message,
	&kwire_leader_change_message_message,
	&kwire_request_header_message,
	&kwire_response_header_message,
	&kwire_snapshot_footer_record_message,
	&kwire_snapshot_header_record_message,
	&kwire_voters_record_message,
};

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
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		all[count++] = *others[i];
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
