/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names in C.  Fields are Kafka's names in snake_case; a word that C or C++
 * keeps for itself gets an underscore at its end.  A struct that belongs to
 * one field is its message and the path of field names to it, in the singular;
 * a common struct is its message and its own name, without the message's name
 * in front of it.  Where two structs of a message would be called the same,
 * the later one has its own name in the schema appended; where that is taken
 * too, it is an error.
 */
#include <ctype.h>
#include <string.h>

#include "schema.h"

char *snake_case(const char *name)
{
	char *result = allocate(2 * strlen(name) + 1);
	char *to = result;

	for (const char *at = name; *at != '\0'; at++) {
		if (isupper((unsigned char)*at) && at != name && !isupper((unsigned char)at[-1]))
			*to++ = '_';
		*to++ = (char)tolower((unsigned char)*at);
	}
	return result;
}

char *upper_case(const char *name)
{
	char *result = text("%s", name);

	for (char *at = result; *at != '\0'; at++)
		*at = (char)toupper((unsigned char)*at);
	return result;
}

static bool ends(const char *word, const char *suffix)
{
	size_t size = strlen(word), tail = strlen(suffix);

	return size >= tail && strcmp(word + size - tail, suffix) == 0;
}

static char *singular(const char *word)
{
	int size = (int)strlen(word);

	if (ends(word, "ies"))
		return text("%.*sy", size - 3, word);
	if (ends(word, "ches") || ends(word, "shes") || ends(word, "xes") || ends(word, "sses"))
		return text("%.*s", size - 2, word);
	if (ends(word, "s") && !ends(word, "ss") && !ends(word, "us"))
		return text("%.*s", size - 1, word);
	return text("%s", word);
}

static const char *identifier(const char *word)
{
	static const char *const reserved[] = {
		"and",      "asm",       "auto",   "bool",     "break",    "case",
		"catch",    "char",      "class",  "const",    "continue", "default",
		"delete",   "do",        "double", "else",     "enum",     "errno",
		"explicit", "export",    "extern", "false",    "float",    "for",
		"friend",   "goto",      "if",     "inline",   "int",      "long",
		"mutable",  "namespace", "new",    "not",      "operator", "or",
		"private",  "protected", "public", "register", "requires", "restrict",
		"return",   "short",     "signed", "sizeof",   "static",   "struct",
		"switch",   "template",  "this",   "throw",    "true",     "try",
		"typedef",  "typename",  "union",  "unsigned", "using",    "virtual",
		"void",     "volatile",  "while",  "xor",      NULL,
	};

	for (const char *const *at = reserved; *at != NULL; at++)
		if (strcmp(*at, word) == 0)
			return text("%s_", word);
	return word;
}

static bool taken(const struct message *message, const char *name)
{
	for (int i = 0; i < message->struct_count; i++)
		if (message->structs[i]->c_name != NULL &&
		    strcmp(message->structs[i]->c_name, name) == 0)
			return true;
	return false;
}

static void set_name(const struct message *message, struct struct_spec *spec, const char *name)
{
	if (taken(message, name))
		name = text("%s_%s", name, snake_case(spec->name));
	if (taken(message, name))
		fail(message->file, spec->path, "the name %s is taken already", name);
	spec->c_name = name;
}

static void name_fields(const struct message *message, struct struct_spec *spec)
{
	for (int i = 0; i < spec->count; i++) {
		struct field *field = &spec->fields[i];
		const char *snake = snake_case(field->name);

		field->c_name = identifier(snake);
		field->json_name = text("%c%s", tolower((unsigned char)field->name[0]),
					field->name + 1);
		if (field->type != TYPE_STRUCT || field->struct_->c_name != NULL)
			continue;
		set_name(message, field->struct_,
			 text("%s_%s", spec->c_name, field->array ? singular(snake) : snake));
		name_fields(message, field->struct_);
	}
}

/* "AddPartitionsToTxnTopic" of AddPartitionsToTxnRequest: "Topic". */
static const char *without_message(const struct message *message, const char *name)
{
	const char *prefixes[] = {message->name, message->api_name};

	for (int i = 0; i < 2; i++) {
		size_t size = strlen(prefixes[i]);

		if (strncmp(name, prefixes[i], size) == 0 && isupper((unsigned char)name[size]))
			return name + size;
	}
	return name;
}

void name_message(struct message *message)
{
	size_t prefix;

	message->api_name = message->name;
	if (message->kind == KIND_REQUEST)
		message->api_name = text("%.*s", (int)(strlen(message->name) - strlen("Request")),
					 message->name);
	if (message->kind == KIND_RESPONSE)
		message->api_name = text("%.*s", (int)(strlen(message->name) - strlen("Response")),
					 message->name);
	message->c_name = snake_case(message->api_name);
	if (message->removed)
		return;
	message->root->c_name = text("kwire_%s", snake_case(message->name));
	for (int i = 0; i < message->struct_count; i++) {
		struct struct_spec *spec = message->structs[i];

		if (spec->common)
			set_name(message, spec,
				 text("%s_%s", message->root->c_name,
				      snake_case(without_message(message, spec->name))));
	}
	/* Paths begin at the message; what hangs below a common struct begins at that. */
	name_fields(message, message->root);
	for (int i = 0; i < message->struct_count; i++)
		if (message->structs[i]->common)
			name_fields(message, message->structs[i]);
	prefix = strlen("kwire_") + strlen(message->c_name) + 1;
	if (message->kind == KIND_HEADER || message->kind == KIND_DATA)
		prefix = strlen("kwire_");
	for (int i = 0; i < message->struct_count; i++) {
		struct struct_spec *spec = message->structs[i];

		spec->short_name = spec->c_name + prefix;
		spec->macro = text("%s_INIT", upper_case(spec->c_name));
	}
}

/* No two structs of all messages may have one name. */
void check_names(const struct schema *schema)
{
	for (int i = 0; i < schema->message_count; i++)
		for (int k = 0; k < schema->messages[i]->struct_count; k++)
			for (int j = 0; j < i; j++)
				if (taken(schema->messages[j],
					  schema->messages[i]->structs[k]->c_name))
					fail(schema->messages[i]->file,
					     schema->messages[i]->structs[k]->path,
					     "the name %s is taken by %s",
					     schema->messages[i]->structs[k]->c_name,
					     schema->messages[j]->name);
}
