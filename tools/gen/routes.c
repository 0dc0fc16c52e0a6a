/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes: gen/routes.json, checked against the schemas, as one constant an API
 * (lib/protocol/route.h), and as the table of docs/routing.md.
 */
#include <stdlib.h>
#include <string.h>

#include "out.h"

#define FILE_NAME "routes.json"
#define MOST_DEEP 3

/* What may be said of an API's requests and responses. */
enum slot {
	SLOT_KEY,
	SLOT_TOPIC,
	SLOT_ID,
	SLOT_TYPE,
	SLOT_PARTITION,
	SLOT_LEADER,
	SLOT_RECORDS,
	SLOT_CODE,
};

/* A path, found: "Topics[].Partitions[].Index". */
struct place {
	const struct field *fields[MOST_DEEP];
	const struct struct_spec *in[MOST_DEEP]; /* the struct that each of them is in */
	int depth;
	int arrays;
};

struct level {
	const struct field *array;
	const struct struct_spec *in;
	const char *key, *name, *id, *extra, *code;
};

struct shape {
	const char *key, *code, *acks, *records;
	struct level levels[2];
	struct versions by_id; /* versions of the id and not of the name */
	struct versions by_name;
};

static const struct {
	const char *name;
	const char *constant; /* in route.h, KW_TO_... */
	const char *symbol;   /* in kwire/client.h, kwire_to_... */
	const char *text;
	bool keys; /* it needs a key in the request */
} targets[] = {
	{"any", "ANY", "any", "any broker", false},
	{"controller", "CONTROLLER", "controller", "the controller", false},
	{"group", "GROUP", "group", "the group's coordinator", true},
	{"transaction", "TRANSACTION", "transaction", "the transaction's coordinator", true},
	{"share", "SHARE", "share", "the coordinator of share-group state", true},
	{"leader", "LEADER", "leader", "the partition's leader", true},
	{"resource", "RESOURCE", "resource", "the broker that is the resource, else any", true},
	{"all", "ALL", "all", "every broker", false},
	{"broker", "BROKER", "broker", "the broker that the caller names", false},
	{"connection", "ANY", "any", "any broker (it concerns the connection itself)", false},
};
enum {
	TARGET_COUNT = sizeof(targets) / sizeof(*targets)
};

static _Noreturn void fail_route(const char *api, const char *where, const char *what)
{
	fail(FILE_NAME, where[0] != '\0' ? text("%s: %s", api, where) : api, "%s", what);
}

static void check_keys(const char *api, const char *where, json_t *object, const char *const *keys)
{
	const char *key;
	json_t *value;

	if (!json_is_object(object))
		fail_route(api, where, "an object was expected");
	json_object_foreach(object, key, value)
	{
		const char *const *known = keys;

		while (*known != NULL && strcmp(*known, key) != 0)
			known++;
		if (*known == NULL)
			fail_route(api, where, text("unknown key \"%s\"", key));
	}
}

static const char *get_text(const char *api, json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);

	if (value != NULL && !json_is_string(value))
		fail_route(api, key, "no string");
	return json_string_value(value);
}

static bool get_flag(const char *api, json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);

	if (value != NULL && !json_is_boolean(value))
		fail_route(api, key, "neither true nor false");
	return json_is_true(value);
}

static int get_version(const char *api, json_t *object, const char *key, int missing)
{
	json_t *value = json_object_get(object, key);

	if (value == NULL)
		return missing;
	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
	    json_integer_value(value) >= VERSION_MAX)
		fail_route(api, key, "no version");
	return (int)json_integer_value(value);
}

static const struct field *field_of(const struct struct_spec *spec, const char *name, size_t size)
{
	for (int i = 0; i < spec->count; i++)
		if (strlen(spec->fields[i].name) == size &&
		    strncmp(spec->fields[i].name, name, size) == 0)
			return &spec->fields[i];
	return NULL;
}

static struct place find_place(const char *api, const struct message *message, const char *path)
{
	const struct struct_spec *spec = message->root;
	const char *at = path;
	struct place place = {{NULL}, {NULL}, 0, 0};

	for (;;) {
		size_t size = strcspn(at, ".["), whole = strcspn(at, ".");
		const struct field *field = spec != NULL ? field_of(spec, at, size) : NULL;
		bool array = whole == size + 2 && strncmp(at + size, "[]", 2) == 0;

		if (field == NULL)
			fail_route(api, path, text("%s has no such field", message->name));
		if (place.depth == MOST_DEEP)
			fail_route(api, path, "too deep");
		if (array != field->array || (whole != size && !array))
			fail_route(api, path,
				   text("%s is %s array", field->name, field->array ? "an" : "no"));
		place.fields[place.depth] = field;
		place.in[place.depth++] = spec;
		place.arrays += array;
		spec = field->type == TYPE_STRUCT ? field->struct_ : NULL;
		at += whole;
		if (*at++ == '\0')
			break;
		if (!array)
			fail_route(api, path, "only arrays have something in them here");
	}
	if (place.arrays > 2)
		fail_route(api, path, "too many arrays");
	return place;
}

static const char *offset(const struct struct_spec *spec, const struct field *field)
{
	return text("offsetof(struct %s, %s)", spec->c_name, field->c_name);
}

static bool same_type(const struct field *field, enum slot slot)
{
	static const enum base_type types[] = {
		[SLOT_KEY] = TYPE_STRING,      [SLOT_TOPIC] = TYPE_STRING,
		[SLOT_ID] = TYPE_UUID,         [SLOT_TYPE] = TYPE_INT8,
		[SLOT_PARTITION] = TYPE_INT32, [SLOT_LEADER] = TYPE_STRUCT,
		[SLOT_RECORDS] = TYPE_RECORDS, [SLOT_CODE] = TYPE_INT16,
	};

	return field->type == types[slot];
}

static void enter(const char *api, const char *path, struct level *level, const struct place *place,
		  int depth)
{
	if (level->array != NULL && level->array != place->fields[depth])
		fail_route(api, path, text("it is not in %s", level->array->name));
	level->array = place->fields[depth];
	level->in = place->in[depth];
}

static void put_slot(const char *api, const struct message *message, struct shape *shape,
		     enum slot slot, const char *path)
{
	struct place place = find_place(api, message, path);
	const struct field *last = place.fields[place.depth - 1];
	const char *at = last->array ? "0" : offset(place.in[place.depth - 1], last);
	struct level *level;

	if (!same_type(last, slot) || last->pointer)
		fail_route(api, path, "a field of another type");
	if (slot == SLOT_LEADER &&
	    (last->struct_->count < 2 || strcmp(last->struct_->fields[0].name, "LeaderId") != 0 ||
	     strcmp(last->struct_->fields[1].name, "LeaderEpoch") != 0))
		fail_route(api, path, "no leader's id and epoch");
	if (slot == SLOT_ID)
		shape->by_id = last->versions;
	if (slot == SLOT_TOPIC)
		shape->by_name = last->versions;
	for (int i = 0, k = 0; i < place.depth; i++)
		if (place.fields[i]->array)
			enter(api, path, &shape->levels[k++], &place, i);
	if (place.arrays == 0) {
		if (slot != SLOT_KEY && slot != SLOT_CODE)
			fail_route(api, path, "it is in no array");
		*(slot == SLOT_KEY ? &shape->key : &shape->code) = at;
		return;
	}
	level = &shape->levels[place.arrays - 1];
	switch (slot) {
	case SLOT_KEY:
	case SLOT_PARTITION:
		level->key = at;
		break;
	case SLOT_TOPIC:
		level->name = at;
		break;
	case SLOT_ID:
		level->id = at;
		break;
	case SLOT_TYPE:
	case SLOT_LEADER:
		level->extra = at;
		break;
	case SLOT_RECORDS:
		shape->records = at;
		break;
	case SLOT_CODE:
		level->code = at;
	}
}

static void read_shape(const char *api, const struct message *message, json_t *object,
		       bool response, struct shape *shape)
{
	static const char *const request_keys[] = {"key",       "topic", "id",      "type",
						   "partition", "acks",  "records", NULL};
	static const char *const response_keys[] = {"key",       "topic",  "id",    "type",
						    "partition", "leader", "codes", NULL};
	static const struct {
		const char *key;
		enum slot slot;
	} slots[] = {
		{"key", SLOT_KEY},        {"topic", SLOT_TOPIC},         {"id", SLOT_ID},
		{"type", SLOT_TYPE},      {"partition", SLOT_PARTITION}, {"leader", SLOT_LEADER},
		{"records", SLOT_RECORDS}};
	json_t *codes, *code;
	size_t index;

	memset(shape, 0, sizeof(*shape));
	shape->by_id = shape->by_name = (struct versions){0, -1};
	if (object == NULL)
		return;
	check_keys(api, response ? "response" : "request", object,
		   response ? response_keys : request_keys);
	for (size_t i = 0; i < sizeof(slots) / sizeof(*slots); i++) {
		const char *path = get_text(api, object, slots[i].key);

		if (path != NULL)
			put_slot(api, message, shape, slots[i].slot, path);
	}
	if (get_text(api, object, "acks") != NULL) {
		struct place place = find_place(api, message, get_text(api, object, "acks"));

		if (place.depth != 1 || place.fields[0]->type != TYPE_INT16)
			fail_route(api, "acks", "no int16 of the request");
		shape->acks = offset(place.in[0], place.fields[0]);
	}
	codes = json_object_get(object, "codes");
	if (codes != NULL && !json_is_array(codes))
		fail_route(api, "codes", "a list was expected");
	json_array_foreach(codes, index, code)
	{
		if (!json_is_string(code))
			fail_route(api, "codes", "no string");
		put_slot(api, message, shape, SLOT_CODE, json_string_value(code));
	}
}

static const char *or_none(const char *at)
{
	return at != NULL ? at : "KW_NONE";
}

static const char *item_size(const struct field *array)
{
	static const char *const types[] = {
		[TYPE_STRING] = "struct kwire_string",
		[TYPE_INT32] = "int32_t",
		[TYPE_UUID] = "struct kwire_uuid",
		[TYPE_STRUCT] = NULL,
	};

	if (array->type == TYPE_STRUCT)
		return text("sizeof(struct %s)", array->struct_->c_name);
	return text("sizeof(%s)", types[array->type]);
}

static void put_level(struct out *out, int depth, const struct level *level)
{
	if (level->array == NULL) {
		line(out, depth, "{KW_NONE, 0, KW_NONE, KW_NONE, KW_NONE, KW_NONE, KW_NONE},");
		return;
	}
	line(out, depth, "{%s, %s, %s, %s, %s, %s, %s},", offset(level->in, level->array),
	     item_size(level->array), or_none(level->key), or_none(level->name), or_none(level->id),
	     or_none(level->extra), or_none(level->code));
}

static void put_shape(struct out *out, const char *name, const struct shape *shape)
{
	line(out, 1, ".%s = {", name);
	line(out, 2, "%s, %s,", or_none(shape->key), or_none(shape->code));
	put_level(out, 2, &shape->levels[0]);
	put_level(out, 2, &shape->levels[1]);
	line(out, 1, "},");
}

/* --- one item, one request -------------------------------------------- */

/* How fields of one struct are copied to those of the same name in another. */
static int put_copies(struct out *out, const char *api, const char *name,
		      const struct struct_spec *from, const struct struct_spec *to,
		      const char *key_from, const char *key_to);

/* Whether two structs have the same members, so that arrays of them are interchangeable. */
static bool same_layout(const struct struct_spec *a, const struct struct_spec *b)
{
	if (a->count != b->count || a->flexible != b->flexible)
		return false;
	for (int i = 0; i < a->count; i++) {
		const struct field *x = &a->fields[i], *y = &b->fields[i];

		if (strcmp(x->name, y->name) != 0 || x->type != y->type || x->array != y->array ||
		    x->pointer != y->pointer ||
		    (x->type == TYPE_STRUCT && !same_layout(x->struct_, y->struct_)))
			return false;
	}
	return true;
}

static void put_copy(struct out *rows, const char *nested, const struct struct_spec *from,
		     const struct field *a, const struct struct_spec *to, const struct field *b)
{
	const char *size = text("sizeof(((struct %s *)0)->%s)", to->c_name, b->c_name);

	if (nested == NULL)
		line(rows, 1, "{%s, %s, %s, 0, 0, NULL},", offset(from, a), offset(to, b), size);
	else
		line(rows, 1, "{%s, %s, %s, sizeof(struct %s), sizeof(struct %s), %s},",
		     offset(from, a), offset(to, b), size, a->struct_->c_name, b->struct_->c_name,
		     nested);
}

static int put_copies(struct out *out, const char *api, const char *name,
		      const struct struct_spec *from, const struct struct_spec *to,
		      const char *key_from, const char *key_to)
{
	struct out rows = {NULL, 0, 0};
	int count = 0;

	for (int i = 0; i < from->count; i++) {
		const struct field *a = &from->fields[i], *b;
		const char *nested = NULL;

		b = strcmp(a->name, key_from) == 0 ? field_of(to, key_to, strlen(key_to))
						   : field_of(to, a->name, strlen(a->name));
		if (b == NULL || b->type != a->type || b->array != a->array)
			continue;
		if (a->type == TYPE_STRUCT && !same_layout(a->struct_, b->struct_)) {
			if (!a->array)
				fail_route(api, "single", text("%s differs", a->name));
			nested = text("%s_%s", name, a->c_name);
			put_copies(out, api, nested, a->struct_, b->struct_, "", "");
		}
		put_copy(&rows, nested, from, a, to, b);
		count++;
	}
	put(out, "\n");
	line(out, 0, "static const struct kw_copy %s[] = {", name);
	put(out, "%s", rows.text != NULL ? rows.text : "");
	line(out, 1, "{0, 0, 0, 0, 0, NULL},");
	line(out, 0, "};");
	free(rows.text);
	return count;
}

static void put_single(struct out *out, const struct api *api, json_t *single,
		       const struct shape *request, const struct shape *response)
{
	static const char *const keys[] = {"key", "before", NULL};
	const char *name = api->name, *key;
	const struct field *items = request->levels[0].array, *root;

	check_keys(name, "single", single, keys);
	key = get_text(name, single, "key");
	root = key != NULL ? field_of(api->request->root, key, strlen(key)) : NULL;
	if (root == NULL || root->type != TYPE_STRING || root->array)
		fail_route(name, "single", "\"key\" is no string of the request");
	if (items == NULL || request->levels[0].key == NULL || response->levels[0].array == NULL ||
	    response->levels[0].key == NULL)
		fail_route(name, "single", "there are no items with keys");
	if (items->type == TYPE_STRUCT) {
		put_copies(out, name, "single_request", items->struct_, api->request->root, key,
			   key);
	} else {
		put(out, "\n");
		line(out, 0, "static const struct kw_copy single_request[] = {");
		line(out, 1, "{0, %s, sizeof(struct kwire_string), 0, 0, NULL},",
		     offset(api->request->root, root));
		line(out, 1, "{0, 0, 0, 0, 0, NULL},");
		line(out, 0, "};");
	}
	put_copies(out, name, "single_response", api->response->root,
		   response->levels[0].array->struct_, "", "");
	put(out, "\n");
	line(out, 0, "static const struct kw_single single = {");
	line(out, 1, "%d, 0, single_request, single_response,",
	     get_version(name, single, "before", 0));
	line(out, 0, "};");
}

/* --- the route -------------------------------------------------------- */

static int find_target(const char *api, const char *name)
{
	for (int i = 0; name != NULL && i < TARGET_COUNT; i++)
		if (strcmp(targets[i].name, name) == 0)
			return i;
	fail_route(api, "to", name != NULL ? text("no target \"%s\"", name) : "missing");
}

static json_t *route_of(const struct api *api, const struct schema *schema)
{
	static const char *const keys[] = {"to",       "lane",    "repeat",   "most", "single",
					   "optional", "request", "response", NULL};
	json_t *route = json_object_get(schema->routes, api->name);

	if (route == NULL)
		fail_route(api->name, "", "has no route");
	check_keys(api->name, "", route, keys);
	return route;
}

/* Whether the request names several of what it is routed by. */
static bool plural(const struct api *api, json_t *route, const char *key)
{
	const char *path = get_text(api->name, json_object_get(route, "request"), key);

	return path != NULL && strstr(path, "[]") != NULL;
}

/* "groups": as in kwire_to_groups, KW_TO_GROUPS. */
const char *route_target(const struct api *api, const struct schema *schema)
{
	json_t *route = route_of(api, schema);
	int target = find_target(api->name, get_text(api->name, route, "to"));
	const char *symbol = targets[target].symbol;

	if (json_object_get(json_object_get(route, "request"), "records") != NULL)
		return "produce";
	if ((strcmp(symbol, "group") == 0 || strcmp(symbol, "transaction") == 0) &&
	    plural(api, route, "key"))
		return text("%ss", symbol);
	/* FindCoordinator: any broker, but asked for several. */
	if (strcmp(symbol, "any") == 0 && json_object_get(route, "single") != NULL)
		return "any_each";
	return symbol;
}

static const char *lane_of(const struct api *api, json_t *route, const struct schema *schema)
{
	static const char *const names[] = {"normal", "slow", "long-poll"};
	static const char *const lanes[] = {"NORMAL", "SLOW", "LONG_POLL"};
	const char *given = get_text(api->name, route, "lane");

	if (given == NULL)
		given = json_object_get(json_object_get(schema->facts.json, "wait"), api->name) !=
					NULL
				? "slow"
				: "normal";
	for (int i = 0; i < 3; i++)
		if (strcmp(given, names[i]) == 0)
			return lanes[i];
	fail_route(api->name, "lane", "neither normal, slow nor long-poll");
}

static const char *flags_of(const struct api *api, json_t *route)
{
	bool repeat = get_flag(api->name, route, "repeat");
	bool optional = get_flag(api->name, route, "optional");

	return repeat && optional ? "KW_ROUTE_REPEAT | KW_ROUTE_OPTIONAL"
	       : repeat           ? "KW_ROUTE_REPEAT"
	       : optional         ? "KW_ROUTE_OPTIONAL"
				  : "0";
}

void emit_route(struct out *out, const struct api *api, const struct schema *schema)
{
	json_t *route = route_of(api, schema);
	int target = find_target(api->name, get_text(api->name, route, "to"));
	json_t *single = json_object_get(route, "single");
	struct shape request, response;
	int by_id = VERSION_MAX;

	read_shape(api->name, api->request, json_object_get(route, "request"), false, &request);
	read_shape(api->name, api->response, json_object_get(route, "response"), true, &response);
	if (targets[target].keys && request.key == NULL && request.levels[0].array == NULL)
		fail_route(api->name, "request", "it needs a key");
	if (!versions_none(request.by_id))
		by_id = versions_none(request.by_name) ? 0 : request.by_name.high + 1;
	if (single != NULL)
		put_single(out, api, single, &request, &response);
	if (single != NULL)
		put_slot(api->name, api->request, &request, SLOT_KEY,
			 get_text(api->name, single, "key"));
	put(out, "\n");
	line(out, 0, "static const struct kwire_route route = {");
	line(out, 1, ".target = KW_TO_%s,", upper_case(route_target(api, schema)));
	line(out, 1, ".lane = KW_LANE_%s,", lane_of(api, route, schema));
	line(out, 1, ".flags = %s,", flags_of(api, route));
	line(out, 1, ".most = %d,", get_version(api->name, route, "most", -1));
	line(out, 1, ".by_id = %d,", by_id);
	line(out, 1, ".acks = %s,", or_none(request.acks));
	line(out, 1, ".records = %s,", or_none(request.records));
	put_shape(out, "request", &request);
	put_shape(out, "response", &response);
	if (single != NULL)
		line(out, 1, ".single = &single,");
	line(out, 0, "};");
}

void parse_routes(struct schema *schema, const char *path)
{
	json_error_t error;

	schema->routes = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
	if (schema->routes == NULL)
		fail(FILE_NAME, "", "line %d: %s", error.line, error.text);
}

/* No route without an API. */
void validate_routes(const struct schema *schema)
{
	const char *name;
	json_t *route;

	json_object_foreach(schema->routes, name, route)
	{
		const struct api *found = NULL;

		for (int i = 0; i < schema->api_count; i++)
			if (strcmp(schema->apis[i].name, name) == 0)
				found = &schema->apis[i];
		if (found == NULL || found->request->removed)
			fail_route(name, "", "no such API");
	}
	/* Wrong ones end the run before anything is written. */
	for (int i = 0; i < schema->api_count; i++)
		if (!schema->apis[i].request->removed) {
			struct out out = {NULL, 0, 0};

			emit_route(&out, &schema->apis[i], schema);
			free(out.text);
		}
}

/* The table of docs/routing.md. */
void emit_route_table(const struct schema *schema, const char *directory)
{
	struct out out = {NULL, 0, 0};

	put(&out, "| key | API | goes to | split | repeated | lane |\n");
	put(&out, "| --- | --- | --- | --- | --- | --- |\n");
	for (int i = 0; i < schema->api_count; i++) {
		const struct api *api = &schema->apis[i];
		const char *target, *lane;
		json_t *route;
		bool split;

		if (api->request->removed)
			continue;
		route = route_of(api, schema);
		target = route_target(api, schema);
		lane = lane_of(api, route, schema);
		split = plural(api, route, "key") ||
			(strcmp(get_text(api->name, route, "to"), "leader") == 0);
		put(&out, "| %d | %s | %s%s | %s | %s | %s |\n", api->key, api->name,
		    targets[find_target(api->name, get_text(api->name, route, "to"))].text,
		    get_flag(api->name, route, "optional") ? ", any without a key" : "",
		    split                          ? "yes"
		    : strcmp(target, "share") == 0 ? "yes"
						   : "",
		    strcmp(target, "produce") == 0         ? "as its batches allow"
		    : get_flag(api->name, route, "repeat") ? "yes"
							   : "",
		    strcmp(lane, "LONG_POLL") == 0 ? "long poll"
		    : strcmp(lane, "SLOW") == 0    ? "slow"
						   : "");
	}
	write_file(&out, directory, "routes.md");
}
