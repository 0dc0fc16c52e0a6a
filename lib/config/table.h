/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one table of properties, table.def.  It drives parsing (value.c), `kwire
 * config`, docs/configuration.md (markdown.c) and the hint for a misspelt name.
 * Sections and descriptions are markdown.c's: most programs link without them.
 */
#ifndef KW_CONFIG_TABLE_H
#define KW_CONFIG_TABLE_H

#include <stddef.h>

#include "config.h"

enum kw_property_kind {
	KW_STRING,
	KW_SECRET,  /* a string that is wiped and never printed */
	KW_LIST,    /* a string: items separated by commas */
	KW_INTEGER, /* int64_t within min..max; `extra` is allowed beyond (-1: "never") */
	KW_BOOLEAN, /* bool: true or false */
	KW_CHOICE,  /* an enum: its value is the index of the word in `words` */
	KW_SWITCH,  /* a bool told by two words: the second is true */
	KW_SET,     /* unsigned: a bit for each word in `words` */
};

/* A program links all rows, so they are kept small. */
struct kw_property_row {
	const char *name; /* and after its NUL the alias, see kw_property_alias() */
	const char *default_value;
	union {
		const char *words; /* of KW_CHOICE, KW_SWITCH and KW_SET: "a|b|c" */
		struct {
			int32_t min;
			int32_t max; /* KW_UNBOUNDED: none */
		};                   /* of KW_INTEGER */
	};
	uint16_t offset; /* of the value in struct kw_settings */
	uint8_t kind;    /* enum kw_property_kind */
	uint8_t check;   /* which further test a value of the right form has to pass; 0: none */
};

enum {
	KW_UNBOUNDED = INT32_MIN,
};

extern const struct kw_property_row kw_properties[];
extern const size_t kw_property_count;

/* Another client's name for it, "": none has one. */
const char *kw_property_alias(const struct kw_property_row *row);

/* The row's further test of `value`; KWIRE_ECONFIG, KWIRE_OK. */
int kw_property_check(const struct kw_property_row *row, const char *value,
		      struct kwire_error *error);

/* The row of `name` or of the alias `name`; NULL: none. */
const struct kw_property_row *kw_property_find(const char *name);

/* Whether Kafka's clients have a property `name` that means nothing at this layer. */
bool kw_property_ignored(const char *name);

/*
 * Why `name` is no property: fills `error`, with a conversion command for key
 * stores of Java's, or the nearest name.  Returns KWIRE_ECONFIG.
 */
int kw_property_unknown(const char *name, struct kwire_error *error);

/* Whether it only says that files which Java's names name are PEM, as they are here. */
bool kw_property_is_pem(const char *name, const char *value);

/* KWIRE_ECONFIG for a key store of Java's, with the command that converts it. */
int kw_property_java_store(const char *name, bool trusted, struct kwire_error *error);

/* What the row allows, as people read it: "1..1000", "plaintext|ssl", "". */
const char *kw_property_type(const struct kw_property_row *row);
void kw_property_range(const struct kw_property_row *row, char *text, size_t size);

#endif
