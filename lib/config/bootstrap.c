/* SPDX-License-Identifier: Apache-2.0 */
/* See bootstrap.h.  Nothing here depends on the locale. */
#include "bootstrap.h"

#include <stdbool.h>
#include <string.h>

#include "../base/error.h"

/* A piece of the list, not NUL-terminated. */
struct span {
	const char *data;
	size_t size;
};

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool hexadecimal(char c)
{
	return digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static struct span trim(struct span text)
{
	while (text.size > 0 && blank(text.data[0]))
		text.data++, text.size--;
	while (text.size > 0 && blank(text.data[text.size - 1]))
		text.size--;
	return text;
}

static int refuse(struct span entry, const char *why, struct kwire_error *error)
{
	int shown = entry.size > 100 ? 100 : (int)entry.size;

	return kw_fail(error, KWIRE_ECONFIG, "bootstrap server '%.*s': %s", shown, entry.data, why);
}

static const char *find(struct span text, char c)
{
	return text.size == 0 ? NULL : memchr(text.data, c, text.size);
}

/* What stands in brackets: hexadecimal groups, perhaps an IPv4 tail and a zone. */
static bool valid_v6(struct span host)
{
	size_t colons = 0, i;

	for (i = 0; i < host.size && host.data[i] != '%'; i++) {
		colons += host.data[i] == ':';
		if (!hexadecimal(host.data[i]) && host.data[i] != ':' && host.data[i] != '.')
			return false;
	}
	for (i++; i < host.size; i++)
		if (!letter(host.data[i]) && !digit(host.data[i]) && !strchr("-_.", host.data[i]))
			return false;
	return colons >= 2;
}

static bool valid_name(struct span host)
{
	for (size_t i = 0; i < host.size; i++)
		if (!letter(host.data[i]) && !digit(host.data[i]) &&
		    (host.data[i] == '\0' || !strchr("-_.", host.data[i])))
			return false;
	return host.size > 0;
}

static int read_port(struct span text)
{
	int port = 0;

	if (text.size == 0 || text.size > 5)
		return -1;
	for (size_t i = 0; i < text.size; i++) {
		if (!digit(text.data[i]))
			return -1;
		port = port * 10 + (text.data[i] - '0');
	}
	return port >= 1 && port <= 65535 ? port : -1;
}

static int read_entry(struct span entry, struct kw_endpoint *endpoint, struct kwire_error *error)
{
	struct span host = entry, port = {NULL, 0};
	const char *end, *colon;

	for (size_t i = 0; i + 2 < entry.size; i++)
		if (memcmp(entry.data + i, "://", 3) == 0)
			return refuse(entry,
				      "leave out the protocol; security.protocol says how brokers "
				      "are spoken to",
				      error);
	if (entry.data[0] == '[') {
		end = find(entry, ']');
		if (end == NULL)
			return refuse(entry, "the bracket is not closed", error);
		host.data = entry.data + 1;
		host.size = (size_t)(end - host.data);
		if (!valid_v6(host))
			return refuse(entry, "no IPv6 address stands between the brackets", error);
		port.data = end + 1;
		port.size = entry.size - (size_t)(port.data - entry.data);
		if (port.size > 0 && port.data[0] != ':')
			return refuse(entry, "after the bracket comes a colon and a port", error);
		colon = port.size > 0 ? port.data : NULL;
	} else {
		colon = find(entry, ':');
		if (colon != NULL)
			host.size = (size_t)(colon - host.data);
		if (colon != NULL && memchr(colon + 1, ':', entry.size - host.size - 1) != NULL)
			return refuse(entry,
				      "more than one colon; an IPv6 address stands in brackets, as "
				      "[::1]:9092",
				      error);
		if (host.size == 0)
			return refuse(entry, "no host before the colon", error);
		if (!valid_name(host))
			return refuse(entry,
				      "a host name has letters, digits, '-', '_' and '.' only",
				      error);
	}
	if (host.size >= sizeof(endpoint->host))
		return refuse(entry, "the host name is longer than 255 bytes", error);
	endpoint->port = KW_DEFAULT_PORT;
	if (colon != NULL) {
		port.data = colon + 1;
		port.size = entry.size - (size_t)(port.data - entry.data);
		endpoint->port = read_port(port);
		if (endpoint->port < 0)
			return refuse(entry, "the port is not a number from 1 to 65535", error);
	}
	memcpy(endpoint->host, host.data, host.size);
	endpoint->host[host.size] = '\0';
	return 1;
}

int kw_bootstrap_next(const char **cursor, struct kw_endpoint *endpoint, struct kwire_error *error)
{
	struct span entry;
	const char *comma;

	while (**cursor != '\0') {
		comma = strchr(*cursor, ',');
		entry.data = *cursor;
		entry.size = comma != NULL ? (size_t)(comma - *cursor) : strlen(*cursor);
		*cursor += entry.size + (comma != NULL);
		entry = trim(entry);
		if (entry.size > 0)
			return read_entry(entry, endpoint, error);
	}
	return 0;
}

int kw_bootstrap_check(const char *list, struct kwire_error *error)
{
	struct kw_endpoint endpoint;
	int result;

	do
		result = kw_bootstrap_next(&list, &endpoint, error);
	while (result > 0);
	return result;
}

int kw_bootstrap_parse(struct kw_memory *memory, const char *list, struct kw_endpoint **endpoints,
		       int *count, struct kwire_error *error)
{
	struct kw_endpoint endpoint, *all;
	const char *cursor = list;
	size_t found = 0;
	int result;

	while ((result = kw_bootstrap_next(&cursor, &endpoint, error)) > 0)
		found++;
	if (result < 0)
		return result;
	if (found == 0)
		return kw_fail(error, KWIRE_ECONFIG,
			       "bootstrap.servers is empty; set it to host:port,...");
	all = kw_alloc_array(memory, found, sizeof(*all));
	if (all == NULL)
		return kw_fail_memory(error);
	cursor = list;
	for (size_t i = 0; i < found; i++)
		kw_bootstrap_next(&cursor, &all[i], NULL);
	*endpoints = all;
	*count = (int)found;
	return 0;
}
