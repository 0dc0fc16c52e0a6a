/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks that a parsed schema makes sense: versions nest, tags are in order,
 * defaults fit, structs are there.  Drops structs that none of the message's versions
 * has.
 */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "schema.h"

static void check_field_name(const struct message *message, const struct field *field)
{
	bool good = isalpha((unsigned char)field->name[0]) != 0;

	for (const char *at = field->name; *at != '\0'; at++)
		good = good && isalnum((unsigned char)*at);
	if (!good)
		fail(message->file, field->path, "a field's name is letters and digits");
}

static bool may_be_null(const struct field *field)
{
	return field->array || field->type == TYPE_STRING || field->type == TYPE_BYTES ||
	       field->type == TYPE_RECORDS || field->type == TYPE_STRUCT;
}

/* --- defaults --------------------------------------------------------- */

static void fail_default(const struct message *message, const struct field *field)
{
	char *given = json_dumps(field->json_default, JSON_ENCODE_ANY);

	fail(message->file, field->path, "the default %s does not fit its type",
	     given != NULL ? given : "");
}

static int64_t parse_integer(const struct message *message, const struct field *field)
{
	static const struct {
		int64_t low, high;
	} ranges[] = {
		[TYPE_INT8] = {INT8_MIN, INT8_MAX}, [TYPE_INT16] = {INT16_MIN, INT16_MAX},
		[TYPE_UINT16] = {0, UINT16_MAX},    [TYPE_INT32] = {INT32_MIN, INT32_MAX},
		[TYPE_UINT32] = {0, UINT32_MAX},    [TYPE_INT64] = {INT64_MIN, INT64_MAX},
	};
	json_t *json = field->json_default;
	long long value = 0;

	if (json_is_integer(json)) {
		value = json_integer_value(json);
	} else if (json_is_string(json)) {
		const char *digits = json_string_value(json);
		const char *number = digits + (*digits == '-');
		bool hex = number[0] == '0' && (number[1] == 'x' || number[1] == 'X');
		char *end;

		if (!isdigit((unsigned char)*number))
			fail_default(message, field);
		errno = 0;
		value = strtoll(digits, &end, hex ? 16 : 10);
		if (*end != '\0' || errno != 0)
			fail_default(message, field);
	} else {
		fail_default(message, field);
	}
	if (value < ranges[field->type].low || value > ranges[field->type].high)
		fail_default(message, field);
	return value;
}

static bool parse_bool(const struct message *message, const struct field *field)
{
	const char *word = json_string_value(field->json_default);

	if (json_is_boolean(field->json_default))
		return json_is_true(field->json_default);
	if (word == NULL || (strcmp(word, "true") != 0 && strcmp(word, "false") != 0))
		fail_default(message, field);
	return strcmp(word, "true") == 0;
}

static double parse_real(const struct message *message, const struct field *field)
{
	const char *digits = json_string_value(field->json_default);
	double value;
	char *end;

	if (json_is_number(field->json_default))
		return json_number_value(field->json_default);
	if (digits == NULL || *digits == '\0')
		fail_default(message, field);
	value = strtod(digits, &end);
	if (*end != '\0' || value != value || value - value != 0)
		fail_default(message, field);
	return value;
}

/* 22 characters of base64url. */
static void parse_uuid(const struct message *message, const struct field *field, uint8_t uuid[16])
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const char *given = json_string_value(field->json_default);
	unsigned bits = 0, count = 0, size = 0;

	if (given == NULL || strlen(given) != 22)
		fail_default(message, field);
	for (; *given != '\0'; given++) {
		const char *digit = strchr(alphabet, *given);

		if (digit == NULL)
			fail_default(message, field);
		bits = bits << 6 | (unsigned)(digit - alphabet);
		count += 6;
		if (count >= 8 && size < 16) {
			count -= 8;
			uuid[size++] = (uint8_t)(bits >> count);
		}
	}
	if ((bits & ((1u << count) - 1)) != 0)
		fail_default(message, field);
}

static void parse_default(const struct message *message, struct field *field)
{
	json_t *json = field->json_default;
	bool empty = json == NULL || (json_is_string(json) && json_string_value(json)[0] == '\0');
	bool null = json_is_null(json) ||
		    (json_is_string(json) && strcmp(json_string_value(json), "null") == 0);

	field->value.text = "";
	if (null) {
		if (!may_be_null(field))
			fail_default(message, field);
		if (!versions_contain(field->nullable, field->versions))
			fail(message->file, field->path,
			     "the default is null, which not all of its versions allow");
		field->value.null = true;
		return;
	}
	if (field->array || field->type == TYPE_BYTES || field->type == TYPE_RECORDS ||
	    field->type == TYPE_STRUCT) {
		if (!empty)
			fail_default(message, field);
		if (field->type == TYPE_RECORDS)
			field->value.null = true;
		return;
	}
	if (json == NULL)
		return;
	switch (field->type) {
	case TYPE_STRING:
		if (!json_is_string(json))
			fail_default(message, field);
		field->value.text = json_string_value(json);
		break;
	case TYPE_BOOL:
		if (!empty)
			field->value.boolean = parse_bool(message, field);
		break;
	case TYPE_FLOAT64:
		if (!empty)
			field->value.real = parse_real(message, field);
		break;
	case TYPE_UUID:
		if (!empty)
			parse_uuid(message, field, field->value.uuid);
		break;
	default:
		if (!empty)
			field->value.integer = parse_integer(message, field);
	}
}

/* --- fields ----------------------------------------------------------- */

static void check_tagged(const struct message *message, const struct struct_spec *spec,
			 const struct field *field)
{
	if ((field->tag >= 0) != !versions_none(field->tagged))
		fail(message->file, field->path, "\"tag\" and \"taggedVersions\" go together");
	if (field->tag < 0)
		return;
	if (field->tagged.high != VERSION_MAX)
		fail(message->file, field->path, "\"taggedVersions\" is not open-ended");
	if (!versions_contain(message->flexible, field->tagged))
		fail(message->file, field->path,
		     "\"taggedVersions\" reaches beyond the flexible versions");
	if (!versions_contain(field->versions, field->tagged) ||
	    field->versions.high != VERSION_MAX)
		fail(message->file, field->path, "\"taggedVersions\" reaches beyond \"versions\"");
	if (field->map_key)
		fail(message->file, field->path, "a tagged field is no key of a map");
	for (const struct field *other = spec->fields; other != field; other++)
		if (other->tag == field->tag)
			fail(message->file, field->path, "tag %d is taken by %s", field->tag,
			     other->name);
}

static void check_field(const struct message *message, struct struct_spec *spec,
			struct field *field)
{
	check_field_name(message, field);
	for (const struct field *other = spec->fields; other != field; other++)
		if (strcmp(snake_case(other->name), snake_case(field->name)) == 0)
			fail(message->file, field->path, "the name is taken already");
	if (strcmp(snake_case(field->name), "unknown_tags") == 0)
		fail(message->file, field->path, "the name is taken by kwire's own member");
	if (!versions_none(field->nullable) && !may_be_null(field))
		fail(message->file, field->path, "its type can not be null");
	if (field->array && field->type == TYPE_RECORDS)
		fail(message->file, field->path, "there are no arrays of records");
	if (field->map_key && spec == message->root)
		fail(message->file, field->path, "the message itself is no element of a map");
	check_tagged(message, spec, field);
	field->nullable = versions_both(field->nullable, field->versions);
	field->pointer = field->type == TYPE_STRUCT && !field->array &&
			 !versions_none(field->nullable);
	parse_default(message, field);
	if (field->pointer && !field->value.null)
		fail(message->file, field->path, "the default of a nullable struct has to be null");
}

static void check_struct(const struct message *message, struct struct_spec *spec)
{
	for (int i = 0; i < spec->count; i++) {
		check_field(message, spec, &spec->fields[i]);
		if (spec->fields[i].tag >= 0)
			spec->tag_count++;
	}
	for (int i = 0; i < spec->count; i++)
		if (spec->fields[i].tag >= spec->tag_count)
			fail(message->file, spec->fields[i].path,
			     "tag %d leaves a gap: tags count up from 0", spec->fields[i].tag);
	for (int i = 0; i < spec->count; i++)
		if (spec->fields[i].struct_ != NULL)
			check_struct(message, spec->fields[i].struct_);
}

/* --- structs ---------------------------------------------------------- */

static struct struct_spec *find_common(const struct message *message, const char *name)
{
	for (int i = 0; i < message->common_count; i++)
		if (strcmp(message->commons[i].name, name) == 0)
			return &message->commons[i];
	return NULL;
}

static void find_structs(const struct message *message, struct struct_spec *spec)
{
	for (int i = 0; i < spec->count; i++) {
		struct field *field = &spec->fields[i];
		struct struct_spec *common;

		if (field->type != TYPE_STRUCT)
			continue;
		common = find_common(message, field->struct_name);
		if (common == NULL && field->struct_ == NULL)
			fail(message->file, field->path, "there is no struct %s",
			     field->struct_name);
		if (common != NULL && field->struct_ != NULL)
			fail(message->file, field->path, "%s is a common struct already",
			     field->struct_name);
		if (common != NULL)
			field->struct_ = common;
		else
			find_structs(message, field->struct_);
	}
}

/*
 * Notes in which versions each struct occurs, going in from the message; a
 * common struct that occurs in several places is gone through again for each.
 */
static void resolve(const struct message *message, struct struct_spec *spec,
		    struct versions context)
{
	if (spec->visiting)
		fail(message->file, spec->path, "%s contains itself", spec->name);
	if (!versions_contain(spec->versions, context))
		fail(message->file, spec->path, "%s does not exist in all versions that use it",
		     spec->name);
	if (!spec->visited) {
		spec->used = context;
	} else {
		if (context.low < spec->used.low)
			spec->used.low = context.low;
		if (context.high > spec->used.high)
			spec->used.high = context.high;
	}
	spec->visited = spec->visiting = true;
	for (int i = 0; i < spec->count; i++) {
		struct field *field = &spec->fields[i];
		struct versions inner = versions_both(field->versions, context);

		if (field->type == TYPE_STRUCT && !versions_none(inner))
			resolve(message, field->struct_, inner);
	}
	spec->visiting = false;
}

/* Drops structs that never occur, and lists the structs that do, innermost first. */
static void collect(struct message *message, struct struct_spec *spec)
{
	int kept = 0;

	if (spec->visiting)
		return;
	spec->visiting = true;
	spec->flexible = !versions_none(versions_both(spec->used, message->flexible));
	for (int i = 0; i < spec->count; i++) {
		struct field *field = &spec->fields[i];

		/* Another field stays, so that setting it is refused, as Kafka does. */
		if (field->type == TYPE_STRUCT) {
			if (versions_none(versions_both(field->versions, spec->used)))
				continue;
			collect(message, field->struct_);
		}
		spec->fields[kept++] = *field;
	}
	spec->count = kept;
	message->structs[message->struct_count++] = spec;
}

static int count_structs(const struct struct_spec *spec)
{
	int count = 1;

	for (int i = 0; i < spec->count; i++)
		if (spec->fields[i].struct_ != NULL && !spec->fields[i].struct_->common)
			count += count_structs(spec->fields[i].struct_);
	return count;
}

static void list_structs(struct message *message)
{
	int count = count_structs(message->root);

	for (int i = 0; i < message->common_count; i++)
		count += count_structs(&message->commons[i]);
	message->structs = allocate((size_t)count * sizeof(*message->structs));
	collect(message, message->root);
	for (int i = 0; i < message->common_count; i++)
		if (!message->commons[i].visited)
			fail(message->file, message->commons[i].name,
			     "the common struct is never used");
}

/* Structs that are compared with their default somewhere. */
static void mark_default(struct struct_spec *spec)
{
	if (spec->needs_default)
		return;
	spec->needs_default = true;
	for (int i = 0; i < spec->count; i++)
		if (spec->fields[i].type == TYPE_STRUCT && !spec->fields[i].array &&
		    !spec->fields[i].pointer)
			mark_default(spec->fields[i].struct_);
}

static void mark_defaults(struct message *message)
{
	for (int i = 0; i < message->struct_count; i++) {
		struct struct_spec *spec = message->structs[i];

		for (int k = 0; k < spec->count; k++) {
			struct field *field = &spec->fields[k];
			bool guarded = !versions_contain(field->versions, spec->used);

			if (field->type == TYPE_STRUCT && !field->array && !field->pointer &&
			    (field->tag >= 0 || (guarded && !field->ignorable)))
				mark_default(field->struct_);
		}
	}
}

static void check_message(const struct message *message)
{
	static const char *const suffixes[] = {"Request", "Response", "Header", ""};
	const char *suffix = suffixes[message->kind];
	size_t size = strlen(message->name);

	if (!isupper((unsigned char)message->name[0]) || size <= strlen(suffix) ||
	    strcmp(message->name + size - strlen(suffix), suffix) != 0)
		fail(message->file, "", "the name of this message ends in \"%s\"", suffix);
	if (strcmp(text("%s.json", message->name), message->file) != 0)
		fail(message->file, "", "the file is not named after its message, %s",
		     message->name);
	if (message->unstable && message->kind != KIND_REQUEST)
		fail(message->file, "", "\"latestVersionUnstable\" is for requests");
	if (message->removed)
		return;
	if (message->valid.high == VERSION_MAX)
		fail(message->file, "", "\"validVersions\" has no end");
	if (!versions_none(message->flexible) && message->flexible.high != VERSION_MAX)
		fail(message->file, "", "\"flexibleVersions\" is not open-ended");
}

void validate_message(struct message *message)
{
	check_message(message);
	if (message->removed)
		return;
	for (int i = 0; i < message->common_count; i++)
		for (int k = 0; k < i; k++)
			if (strcmp(message->commons[i].name, message->commons[k].name) == 0)
				fail(message->file, message->commons[i].name,
				     "the struct is there twice");
	check_struct(message, message->root);
	for (int i = 0; i < message->common_count; i++)
		check_struct(message, &message->commons[i]);
	find_structs(message, message->root);
	for (int i = 0; i < message->common_count; i++)
		find_structs(message, &message->commons[i]);
	resolve(message, message->root, message->valid);
	list_structs(message);
	mark_defaults(message);
}

/* --- pairs ------------------------------------------------------------ */

static bool same(struct versions a, struct versions b)
{
	return (versions_none(a) && versions_none(b)) || (a.low == b.low && a.high == b.high);
}

void validate_apis(struct schema *schema)
{
	for (int i = 0; i < schema->api_count; i++) {
		const struct message *request = schema->apis[i].request;
		const struct message *response = schema->apis[i].response;

		if (response == NULL)
			fail(request->file, "", "there is no response for it");
		if (request == NULL)
			fail(response->file, "", "there is no request for it");
		if (strcmp(request->api_name, response->api_name) != 0)
			fail(response->file, "", "its \"apiKey\" is that of %s", request->name);
		if (!same(request->valid, response->valid))
			fail(response->file, "", "\"validVersions\" is not that of %s",
			     request->name);
		if (!same(request->flexible, response->flexible))
			fail(response->file, "", "\"flexibleVersions\" is not that of %s",
			     request->name);
	}
}
