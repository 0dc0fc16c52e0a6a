/* SPDX-License-Identifier: Apache-2.0 */
/* The public header of an API, or of a header or data message: structs, defaults, typed calls. */
#include "out.h"

#include <string.h>

/* What the schema says of a field, beside its C type. */
static const char *remark(const struct field *field, const struct struct_spec *spec)
{
	const char *result = "";
	struct versions in = versions_both(field->versions, spec->used);
	struct versions null = versions_both(field->nullable, in);

	if (versions_none(in))
		return "in no version any more";
	if (!versions_contain(field->versions, spec->used))
		result = field->versions.high >= spec->used.high ? text("%d+", in.low)
								 : text("%d-%d", in.low, in.high);
	if (!versions_none(null))
		result = text("%s%s%s", result, *result ? ", " : "",
			      versions_contain(null, in) ? "may be null"
							 : text("may be null from %d", null.low));
	if (field->tag >= 0)
		result = text("%s%stag %d", result, *result ? ", " : "", field->tag);
	if (field->ignorable && !versions_contain(field->versions, spec->used))
		result = text("%s%signorable", result, *result ? ", " : "");
	if (field->type == TYPE_RECORDS)
		result = text("%s%srecord batches", result, *result ? ", " : "");
	return result;
}

static void member(struct out *out, const struct field *field, const struct struct_spec *spec)
{
	const char *comment = remark(field, spec);
	const char *tail = *comment ? text(" /* %s */", comment) : "";

	if (field->type == TYPE_STRUCT && field->array) {
		line(out, 1, "struct {");
		line(out, 2, "struct %s *items;", field->struct_->c_name);
		line(out, 2, "int32_t count;");
		line(out, 1, "} %s;%s", field->c_name, tail);
	} else {
		line(out, 1, "%s %s%s;%s", c_type(field), field->pointer ? "*" : "", field->c_name,
		     tail);
	}
}

static void put_struct(struct out *out, const struct message *message,
		       const struct struct_spec *spec)
{
	bool empty = spec->count == 0 && !spec->flexible;

	put(out, "\n");
	if (spec == message->root)
		line(out, 0, "/* %s, versions %d to %d. */", message->name, message->valid.low,
		     message->valid.high);
	line(out, 0, "struct %s {", spec->c_name);
	for (int i = 0; i < spec->count; i++)
		member(out, &spec->fields[i], spec);
	if (spec->flexible)
		line(out, 1, "const struct kwire_tagged_fields *unknown_tags;");
	if (empty)
		line(out, 1, "char reserved; /* it has no fields */");
	line(out, 0, "};");
	put(out, "#define %s \\\n", spec->macro);
	line(out, 1, "{ \\");
	for (int i = 0; i < spec->count; i++)
		line(out, 2, "%s, \\", initialiser(&spec->fields[i]));
	if (spec->flexible)
		line(out, 2, "NULL, \\");
	if (empty)
		line(out, 2, "0, \\");
	line(out, 1, "}");
}

static void put_structs(struct out *out, const struct message *message)
{
	for (int i = 0; i < message->struct_count; i++)
		put_struct(out, message, message->structs[i]);
}

static void begin(struct out *out, const char *from, const char *purpose, const char *name,
		  const char *const *includes)
{
	const char *guard_name = text("KWIRE_API_%s_H", upper_case(name));

	banner(out, from, purpose);
	put(out, "#ifndef %s\n#define %s\n\n", guard_name, guard_name);
	for (; *includes != NULL; includes++)
		put(out, "#include <kwire/%s>\n", *includes);
	put(out, "\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n");
}

static void end(struct out *out, const char *directory, const char *name)
{
	put(out, "\n#ifdef __cplusplus\n}\n#endif\n\n#endif\n");
	write_file(out, directory, text("%s.h", name));
}

/* The response of a call, typed: no pointer is reinterpreted, only converted. */
static void put_call(struct out *out, const char *name, const char *function,
		     const char *parameters, const char *call)
{
	put(out, "\n");
	line(out, 0,
	     "static inline int %s_%s(%s, struct kwire_%s_response **response, %sstruct "
	     "kwire_error *error)",
	     function, name, parameters, name,
	     strstr(call, "options") != NULL ? "const struct kwire_send_options *options, " : "");
	line(out, 0, "{");
	line(out, 1, "void *message = NULL;");
	line(out, 1, "int result = %s;", call);
	put(out, "\n");
	line(out, 1, "if (result == KWIRE_OK%s)",
	     strcmp(function, "kwire_send") == 0 ? " || result == KWIRE_EPARTIAL" : "");
	line(out, 2, "*response = (struct kwire_%s_response *)message;", name);
	line(out, 1, "return result;");
	line(out, 0, "}");
}

static void put_calls(struct out *out, const char *name, const char *target)
{
	const char *request = text("const struct kwire_%s_request *request", name);
	const char *client = text("struct kwire_client *client, %s", request);

	put(out, "\n/* As kwire_send(), kwire_connection_send() and kwire_call_wait(), with the "
		 "response typed. */");
	put_call(out, name, "kwire_send", client,
		 text("kwire_send_to(&kwire_to_%s, client, &kwire_%s_api, request, &message, NULL, "
		      "error)",
		      target, name));
	/* The form with options has its name at the end. */
	put(out, "\n");
	line(out, 0,
	     "static inline int kwire_send_%s_with(%s, struct kwire_%s_response **response, const "
	     "struct kwire_send_options *options, struct kwire_error *error)",
	     name, client, name);
	line(out, 0, "{");
	line(out, 1, "void *message = NULL;");
	line(out, 1,
	     "int result = kwire_send_to(&kwire_to_%s, client, &kwire_%s_api, request, &message, "
	     "options, error);",
	     target, name);
	put(out, "\n");
	line(out, 1, "if (result == KWIRE_OK || result == KWIRE_EPARTIAL)");
	line(out, 2, "*response = (struct kwire_%s_response *)message;", name);
	line(out, 1, "return result;");
	line(out, 0, "}");
	put_call(out, name, "kwire_connection_send",
		 text("struct kwire_connection *connection, %s", request),
		 text("kwire_connection_send(connection, &kwire_%s_api, request, &message, "
		      "options, error)",
		      name));
	put_call(out, name, "kwire_call_wait", "struct kwire_call *call, int64_t timeout_ms",
		 "kwire_call_wait(call, timeout_ms, &message, error)");
}

void emit_api_header(const struct api *api, const struct schema *schema, const char *directory)
{
	static const char *const includes[] = {"call.h", "client.h", "connection.h", "message.h",
					       NULL};
	struct out out = {NULL, 0, 0};
	const struct message *request = api->request;

	begin(&out, text("%s and %s", request->file, api->response->file),
	      text("The API %s, key %d.", api->name, api->key), api->c_name, includes);
	put_structs(&out, request);
	put_structs(&out, api->response);
	put(&out, "\n");
	line(&out, 0, "/* The client's side, and (in libkwire-mock) the server's. */");
	line(&out, 0, "KWIRE_API extern const struct kwire_api kwire_%s_api;", api->c_name);
	line(&out, 0, "KWIRE_API extern const struct kwire_server_api kwire_%s_server;",
	     api->c_name);
	put(&out, "\n/* Both as data, for kwire/describe.h (in libkwire-json). */\n");
	line(&out, 0,
	     "KWIRE_API extern const struct kwire_description kwire_%s_request_description;",
	     api->c_name);
	line(&out, 0,
	     "KWIRE_API extern const struct kwire_description kwire_%s_response_description;",
	     api->c_name);
	put_calls(&out, api->c_name, route_target(api, schema));
	end(&out, directory, api->c_name);
}

void emit_message_header(const struct message *message, const char *directory)
{
	static const char *const includes[] = {"message.h", NULL};
	struct out out = {NULL, 0, 0};

	begin(&out, message->file,
	      text("%s, for kwire_message_encode() and kwire_message_decode().", message->name),
	      message->c_name, includes);
	put_structs(&out, message);
	put(&out, "\n");
	line(&out, 0, "KWIRE_API extern const struct kwire_message kwire_%s_message;",
	     message->c_name);
	line(&out, 0, "KWIRE_API extern const struct kwire_description kwire_%s_description;",
	     message->c_name);
	end(&out, directory, message->c_name);
}
