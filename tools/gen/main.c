/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kwire-gen SCHEMA-DIRECTORY CLIENTS-JSON ROUTES-JSON OUT-DIRECTORY
 *
 * Reads Kafka's message schemas and writes kwire's messages in C:
 * OUT/include/kwire/api, OUT/src, OUT/routes.md.  The same input gives the same bytes.  The
 * first thing wrong in a schema ends it: file, field path and what it is on
 * standard error, exit 1.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "out.h"

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static char **list_schemas(const char *directory, int *count)
{
	DIR *listing = opendir(directory);
	struct dirent *entry;
	char **names = NULL;

	*count = 0;
	if (listing == NULL)
		fail(directory, "", "no such directory");
	while ((entry = readdir(listing)) != NULL) {
		size_t size = strlen(entry->d_name);
		char **more;

		if (size < 5 || strcmp(entry->d_name + size - 5, ".json") != 0)
			continue;
		more = allocate(sizeof(*more) * (size_t)(*count + 1));
		if (*count > 0)
			memcpy(more, names, sizeof(*more) * (size_t)*count);
		names = more;
		names[(*count)++] = text("%s", entry->d_name);
	}
	closedir(listing);
	if (*count == 0)
		fail(directory, "", "holds no schemas");
	qsort(names, (size_t)*count, sizeof(*names), by_name);
	return names;
}

static struct api *api_of(struct schema *schema, const struct message *message)
{
	struct api *api;

	for (int i = 0; i < schema->api_count; i++)
		if (schema->apis[i].key == message->api_key)
			return &schema->apis[i];
	api = &schema->apis[schema->api_count++];
	api->key = message->api_key;
	api->name = message->api_name;
	api->c_name = message->c_name;
	return api;
}

static void add_to_api(struct schema *schema, struct message *message)
{
	struct message **place;
	struct api *api;

	if (message->kind != KIND_REQUEST && message->kind != KIND_RESPONSE)
		return;
	api = api_of(schema, message);
	place = message->kind == KIND_REQUEST ? &api->request : &api->response;
	if (*place != NULL)
		fail(message->file, "", "its \"apiKey\" %d is that of %s", message->api_key,
		     (*place)->name);
	*place = message;
}

static int by_key(const void *a, const void *b)
{
	return ((const struct api *)a)->key - ((const struct api *)b)->key;
}

static void load(struct schema *schema, const char *directory)
{
	char **names = list_schemas(directory, &schema->message_count);

	schema->messages = allocate(sizeof(*schema->messages) * (size_t)schema->message_count);
	schema->apis = allocate(sizeof(*schema->apis) * (size_t)schema->message_count);
	for (int i = 0; i < schema->message_count; i++) {
		struct message *message = parse_message(text("%s/%s", directory, names[i]),
							names[i]);

		validate_message(message);
		name_message(message);
		schema->messages[i] = message;
		add_to_api(schema, message);
	}
	qsort(schema->apis, (size_t)schema->api_count, sizeof(*schema->apis), by_key);
	validate_apis(schema);
	check_names(schema);
}

static void emit(const struct schema *schema, const char *directory)
{
	const char *headers = text("%s/include/kwire/api", directory);
	const char *sources = text("%s/src", directory);
	const char *parts[] = {"client", "server", "data", "describe"};

	for (int i = 0; i < schema->api_count; i++) {
		const struct api *api = &schema->apis[i];

		if (api->request->removed)
			continue;
		emit_api_header(api, schema, headers);
		emit_client(api, schema, text("%s/client", sources));
		emit_server(api, text("%s/server", sources));
		emit_description(api->request, api->c_name, text("%s/describe", sources));
		emit_description(api->response, api->c_name, text("%s/describe", sources));
	}
	for (int i = 0; i < schema->message_count; i++) {
		const struct message *message = schema->messages[i];

		if (message->kind != KIND_HEADER && message->kind != KIND_DATA)
			continue;
		emit_message_header(message, headers);
		emit_data(message, text("%s/data", sources));
		emit_description(message, message->c_name, text("%s/describe", sources));
	}
	emit_lists(schema, sources);
	emit_route_table(schema, directory);
	emit_description_list(schema, text("%s/describe", sources));
	remove_stale(headers, ".h");
	remove_stale(sources, ".c");
	for (int i = 0; i < 4; i++)
		remove_stale(text("%s/%s", sources, parts[i]), ".c");
}

int main(int argc, char **argv)
{
	struct schema schema;

	memset(&schema, 0, sizeof(schema));
	if (argc != 5) {
		fprintf(stderr, "usage: kwire-gen SCHEMA-DIRECTORY CLIENTS-JSON ROUTES-JSON "
				"OUT-DIRECTORY\n");
		return 2;
	}
	parse_facts(&schema, argv[2]);
	parse_routes(&schema, argv[3]);
	load(&schema, argv[1]);
	validate_routes(&schema);
	emit(&schema, argv[4]);
	return 0;
}
