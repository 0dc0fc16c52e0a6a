/* SPDX-License-Identifier: Apache-2.0 */
/* See messages.h. */
#include "messages.h"

#include "config/nearest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

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

/* Messages that belong to no API. */
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

const struct kwire_api *messages_api_of_key(int16_t key)
{
	for (int i = 0; i < kwire_all_apis_count; i++)
		if (kwire_all_apis[i]->key == key)
			return kwire_all_apis[i];
	return NULL;
}

const struct kwire_api *messages_api(const char *word)
{
	char *end;
	long key = strtol(word, &end, 10);

	if (end != word && *end == '\0' && key >= 0 && key <= INT16_MAX)
		return messages_api_of_key((int16_t)key);
	for (int i = 0; i < kwire_all_apis_count; i++)
		if (strcasecmp(kwire_all_apis[i]->name, word) == 0)
			return kwire_all_apis[i];
	return NULL;
}

const char *messages_nearest_api(const char *word)
{
	struct kw_nearest nearest;

	kw_nearest_init(&nearest, word);
	for (int i = 0; i < kwire_all_apis_count; i++)
		kw_nearest_try(&nearest, kwire_all_apis[i]->name);
	return nearest.word;
}

const struct kwire_description *messages_describe(const struct kwire_api *api, bool response)
{
	char name[96];

	snprintf(name, sizeof(name), "%s%s", api->name, response ? "Response" : "Request");
	return kwire_describe(name);
}

static const struct kwire_server_api *find_server(const struct kwire_api *api)
{
	for (int i = 0; i < kwire_all_servers_count; i++)
		if (kwire_all_servers[i]->api == api)
			return kwire_all_servers[i];
	return NULL;
}

void messages_of_api(const struct kwire_api *api, bool response, struct kwire_message *type)
{
	const struct kwire_server_api *server = find_server(api);

	memset(type, 0, sizeof(*type));
	type->name = api->name;
	type->min_version = api->min_version;
	type->max_version = api->max_version;
	type->first_flexible_version = api->first_flexible_version;
	type->size = response ? api->response_size : api->request_size;
	type->encode = response ? NULL : api->encode_request;
	type->decode = response ? api->decode_response : NULL;
	type->ratio = response ? api->response_ratio : 0;
	type->guess = response ? api->response_guess : 0;
	if (server == NULL)
		return;
	if (response) {
		type->encode = server->encode_response;
	} else {
		type->decode = server->decode_request;
		type->ratio = server->request_ratio;
		type->guess = server->request_guess;
	}
}

bool messages_find(const char *name, struct kwire_message *type,
		   const struct kwire_description **description)
{
	for (int i = 0; i < kwire_all_descriptions_count; i++) {
		const struct kwire_api *api;

		*description = kwire_all_descriptions[i];
		if (strcasecmp((*description)->name, name) != 0)
			continue;
		for (size_t j = 0; j < sizeof(others) / sizeof(others[0]); j++)
			if (strcmp(others[j]->name, (*description)->name) == 0) {
				*type = *others[j];
				return true;
			}
		api = messages_api_of_key((*description)->api_key);
		if (api == NULL)
			return false;
		messages_of_api(api, (*description)->kind == KWIRE_KIND_RESPONSE, type);
		type->name = (*description)->name;
		return true;
	}
	return false;
}
