/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of properties, for people: kwire_config_property(), and
 * docs/configuration.md as text (`kwire config --markdown` prints it, a test
 * compares it with the page).
 */
#include "markdown.h"

#include <stdio.h>
#include <string.h>

#include "table.h"

/* What the rows say to people. */
static const struct {
	const char *section;
	const char *description;
} texts[] = {
#define ROW(name, alias, section, description, ...) {section, description},
#include "table.def"
#undef ROW
};

bool kwire_config_property(size_t index, struct kwire_property *property)
{
	const struct kw_property_row *row;

	if (index >= kw_property_count)
		return false;
	row = &kw_properties[index];
	property->name = row->name;
	property->alias = kw_property_alias(row);
	property->section = texts[index].section;
	property->type = kw_property_type(row);
	kw_property_range(row, property->range, sizeof(property->range));
	property->default_value = row->default_value;
	property->description = texts[index].description;
	return true;
}

static const char head[] =
	"# Configuration\n"
	"\n"
	"Properties are set by `kwire_config_set()`, or read from a file in the format of Java's\n"
	"`.properties` by `kwire_config_load()`; `kwire config` prints them with their values. "
	"Names "
	"are\n"
	"Kafka's where Kafka has one, and librdkafka's where PEM files are meant. Properties of\n"
	"Kafka's producers, consumers and admin clients (`acks`, `group.id`, ...) are accepted "
	"with "
	"one\n"
	"logged warning; an unknown name or a value out of range is an error that says what is "
	"allowed.\n"
	"Numbers are decimal, words may be in either case. Secrets are never printed.\n"
	"\n"
	"This page is made from the table in `lib/config/table.def` by `kwire config "
	"--markdown`.\n";

struct page {
	kw_markdown_function *write;
	void *context;
};

static void put(const struct page *page, const char *text)
{
	page->write(page->context, text, strlen(text));
}

/* Text of a table's cell: a bar would end it. */
static void put_cell(const struct page *page, const char *text)
{
	for (; *text != '\0'; text++)
		if (*text == '|')
			put(page, ", ");
		else
			page->write(page->context, text, 1);
}

static void put_row(const struct page *page, const struct kwire_property *property)
{
	put(page, "| `");
	put(page, property->name);
	put(page, "` | ");
	put(page, property->type);
	if (property->range[0] != '\0') {
		put(page, ": ");
		put_cell(page, property->range);
	}
	put(page, " | ");
	put(page, property->default_value);
	put(page, " | ");
	put_cell(page, property->description);
	if (property->alias[0] != '\0') {
		put(page, " Also: `");
		put(page, property->alias);
		put(page, "`.");
	}
	put(page, " |\n");
}

void kw_config_markdown(kw_markdown_function *write, void *context)
{
	struct page page = {write, context};
	struct kwire_property property;
	const char *section = "";

	put(&page, head);
	for (size_t i = 0; kwire_config_property(i, &property); i++) {
		if (strcmp(section, property.section) != 0) {
			section = property.section;
			put(&page, "\n## ");
			put(&page, section);
			put(&page, "\n\n| property | values | default | meaning |\n"
				   "| --- | --- | --- | --- |\n");
		}
		put_row(&page, &property);
	}
}
