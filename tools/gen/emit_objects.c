/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The source files: an API's client side, its server side, header and data
 * messages, and the lists over all of them.
 */
#include "out.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void includes(struct out *out, const char *name, bool reads, bool writes)
{
	put(out, "#include <kwire/api/%s.h>\n\n", name);
	if (reads)
		put(out, "#include \"protocol/reader.h\"\n");
	if (writes)
		put(out, "#include \"protocol/writer.h\"\n");
}

static int first_flexible(const struct message *message)
{
	return versions_none(message->flexible) ? VERSION_MAX : message->flexible.low;
}

static const struct field *find_field(const struct message *message, const char *name)
{
	for (int i = 0; i < message->root->count; i++)
		if (strcmp(message->root->fields[i].name, name) == 0)
			return &message->root->fields[i];
	return NULL;
}

static bool has_records(const struct message *message)
{
	for (int i = 0; i < message->struct_count; i++)
		for (int k = 0; k < message->structs[i]->count; k++)
			if (message->structs[i]->fields[k].type == TYPE_RECORDS)
				return true;
	return false;
}

/* First version at which the client waits out a throttle time (KIP-219). */
static int throttle_version(const struct api *api, const struct client_facts *facts)
{
	json_t *from = json_object_get(json_object_get(facts->json, "throttle"), api->name);
	json_t *since = json_object_get(facts->json, "throttleAlwaysFromKey");

	if (find_field(api->response, "ThrottleTimeMs") == NULL)
		return VERSION_MAX;
	if (json_is_integer(from))
		return (int)json_integer_value(from);
	if (json_is_integer(since) && api->key >= json_integer_value(since))
		return api->response->valid.low;
	return VERSION_MAX;
}

static const char *wait_offset(const struct api *api, const struct client_facts *facts)
{
	const char *name = json_string_value(
		json_object_get(json_object_get(facts->json, "wait"), api->name));
	const struct field *field;

	if (name == NULL)
		return "-1";
	field = find_field(api->request, name);
	if (field == NULL || field->type != TYPE_INT32 || field->array)
		fail(facts->file, api->name, "%s is no int32 of the request", name);
	return text("offsetof(struct kwire_%s_request, %s)", api->c_name, field->c_name);
}

void emit_client(const struct api *api, const struct schema *schema, const char *directory)
{
	struct out out = {NULL, 0, 0};
	const struct message *request = api->request, *response = api->response;
	const struct field *throttle = find_field(response, "ThrottleTimeMs");

	banner(&out, text("%s and %s", request->file, response->file), NULL);
	put(&out, "#include <kwire/api/%s.h>\n\n", api->c_name);
	put(&out, "#include \"protocol/reader.h\"\n#include \"protocol/route.h\"\n");
	put(&out, "#include \"protocol/writer.h\"\n");
	emit_encoders(&out, request);
	emit_decoders(&out, response);
	emit_route(&out, api, schema);
	put(&out, "\n");
	line(&out, 0, "const struct kwire_api kwire_%s_api = {", api->c_name);
	line(&out, 1, ".name = \"%s\",", api->name);
	line(&out, 1, ".key = %d,", api->key);
	line(&out, 1, ".min_version = %d,", request->valid.low);
	line(&out, 1, ".max_version = %d,", request->valid.high);
	line(&out, 1, ".latest_stable_version = %d,", request->valid.high - (int)request->unstable);
	line(&out, 1, ".first_flexible_version = %d,", first_flexible(request));
	if (has_records(response))
		line(&out, 1, ".flags = KWIRE_API_RECORDS,");
	line(&out, 1, ".request_size = sizeof(struct %s),", request->root->c_name);
	line(&out, 1, ".response_size = sizeof(struct %s),", response->root->c_name);
	line(&out, 1, ".response_ratio = %d,", memory_ratio(response));
	line(&out, 1, ".response_guess = %d,", memory_guess(response));
	line(&out, 1, ".request_wait_offset = %s,", wait_offset(api, &schema->facts));
	line(&out, 1, ".encode_request = encode_request,");
	line(&out, 1, ".decode_response = decode_response,");
	line(&out, 1, ".throttle_version = %d,", throttle_version(api, &schema->facts));
	line(&out, 1, ".throttle_offset = %s,",
	     throttle == NULL
		     ? "-1"
		     : text("offsetof(struct %s, %s)", response->root->c_name, throttle->c_name));
	line(&out, 1, ".route = &route,");
	line(&out, 0, "};");
	write_file(&out, directory, text("%s.c", api->c_name));
}

void emit_server(const struct api *api, const char *directory)
{
	struct out out = {NULL, 0, 0};

	banner(&out, text("%s and %s", api->request->file, api->response->file), NULL);
	includes(&out, api->c_name, true, true);
	emit_decoders(&out, api->request);
	emit_encoders(&out, api->response);
	put(&out, "\n");
	line(&out, 0, "const struct kwire_server_api kwire_%s_server = {", api->c_name);
	line(&out, 1, ".api = &kwire_%s_api,", api->c_name);
	line(&out, 1, ".request_ratio = %d,", memory_ratio(api->request));
	line(&out, 1, ".request_guess = %d,", memory_guess(api->request));
	line(&out, 1, ".decode_request = decode_request,");
	line(&out, 1, ".encode_response = encode_response,");
	line(&out, 0, "};");
	write_file(&out, directory, text("%s.c", api->c_name));
}

void emit_data(const struct message *message, const char *directory)
{
	struct out out = {NULL, 0, 0};
	const struct struct_spec *root = message->root;

	banner(&out, message->file, NULL);
	includes(&out, message->c_name, true, true);
	emit_encoders(&out, message);
	emit_decoders(&out, message);
	put(&out, "\n");
	line(&out, 0, "const struct kwire_message kwire_%s_message = {", message->c_name);
	line(&out, 1, ".name = \"%s\",", message->name);
	line(&out, 1, ".min_version = %d,", message->valid.low);
	line(&out, 1, ".max_version = %d,", message->valid.high);
	line(&out, 1, ".first_flexible_version = %d,", first_flexible(message));
	line(&out, 1, ".size = sizeof(struct %s),", root->c_name);
	line(&out, 1, ".ratio = %d,", memory_ratio(message));
	line(&out, 1, ".guess = %d,", memory_guess(message));
	line(&out, 1, ".encode = encode_%s,", root->short_name);
	line(&out, 1, ".decode = decode_%s,", root->short_name);
	line(&out, 0, "};");
	write_file(&out, directory, text("%s.c", message->c_name));
}

static void emit_names(const struct schema *schema, const char *directory)
{
	struct out out = {NULL, 0, 0};
	int key = 0;

	banner(&out, "gen/schema",
	       "Names of all APIs by key, removed ones too; refers to none of them.");
	put(&out, "#include <string.h>\n\n#include <kwire/message.h>\n\n");
	put(&out, "/* One after the other, by key; \"\": there is none. */\n");
	put(&out, "static const char names[] =\n");
	for (int i = 0; i < schema->api_count; i++) {
		for (; key < schema->apis[i].key; key++)
			put(&out, "\t\"\\0\"\n");
		line(&out, 1, "\"%s\\0\"", schema->apis[i].name);
		key = schema->apis[i].key + 1;
	}
	put(&out, "\t;\n\n");
	put(&out, "const char *kwire_api_name(int16_t key)\n{\n\tconst char *name = names;\n\n");
	put(&out, "\tif (key < 0 || key >= %d)\n\t\treturn NULL;\n", key);
	put(&out, "\twhile (key-- > 0)\n\t\tname += strlen(name) + 1;\n");
	put(&out, "\treturn *name != '\\0' ? name : NULL;\n}\n");
	write_file(&out, directory, "api_names.c");
}

static void emit_list(const struct schema *schema, const char *directory, const char *file,
		      const char *type, const char *list, const char *suffix, const char *purpose)
{
	struct out out = {NULL, 0, 0}, rows = {NULL, 0, 0};
	bool apis = strcmp(suffix, "message") != 0;
	int count = 0;

	banner(&out, "gen/schema", purpose);
	for (int i = 0; i < (apis ? schema->api_count : schema->message_count); i++) {
		const struct message *message = apis ? schema->apis[i].request
						     : schema->messages[i];

		if (message->removed || apis != (message->api_key >= 0))
			continue;
		put(&out, "#include <kwire/api/%s.h>\n", message->c_name);
		line(&rows, 1, "&kwire_%s_%s,", message->c_name, suffix);
		count++;
	}
	put(&out, "\nconst struct %s *const %s[] = {\n%s};\n", type, list,
	    rows.text != NULL ? rows.text : "\tNULL,\n");
	put(&out, "const int %s_count = %d;\n", list, count);
	free(rows.text);
	write_file(&out, directory, file);
}

void emit_lists(const struct schema *schema, const char *directory)
{
	const char *servers = text("%s/server", directory);

	emit_names(schema, directory);
	emit_list(schema, directory, "apis.c", "kwire_api", "kwire_all_apis", "api",
		  "All APIs by key; whoever refers to this links them all.");
	emit_list(schema, directory, "messages.c", "kwire_message", "kwire_all_messages", "message",
		  "All header and data messages by name; links them all.");
	emit_list(schema, servers, "all_servers.c", "kwire_server_api", "kwire_all_servers",
		  "server", "The server's side of all APIs by key; links them all.");
}
