/* SPDX-License-Identifier: Apache-2.0 */
/* See tls_match.h. */
#include "tls_match.h"

#include <arpa/inet.h>
#include <string.h>

bool kw_tls_host_parse(struct kw_tls_host *host, const char *text)
{
	size_t size = strlen(text);

	memset(host, 0, sizeof(*host));
	if (size > 0 && text[size - 1] == '.')
		size--;
	if (size == 0 || size >= sizeof(host->name))
		return false;
	memcpy(host->name, text, size);
	if (inet_pton(AF_INET, host->name, host->address) == 1) {
		host->address_size = 4;
	} else if (strchr(host->name, ':') != NULL) {
		char *zone = strchr(host->name, '%');

		/* A zone ("fe80::1%eth0") says how to get there, not who it is. */
		if (zone != NULL)
			*zone = '\0';
		if (inet_pton(AF_INET6, host->name, host->address) == 1)
			host->address_size = 16;
	}
	return true;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool same(const char *a, const char *b, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (lower(a[i]) != lower(b[i]))
			return false;
	return true;
}

bool kw_tls_name_matches(const struct kw_tls_host *host, const char *pattern, size_t size)
{
	const char *name = host->name;
	size_t name_size = strlen(name);

	if (host->address_size != 0)
		return false;
	if (size > 0 && pattern[size - 1] == '.')
		size--;
	if (size == 0 || memchr(pattern, '\0', size) != NULL)
		return false;
	if (size > 2 && pattern[0] == '*' && pattern[1] == '.') {
		const char *dot = memchr(name, '.', name_size);

		/* "*.example.com", never "*.com": and it stands for a whole label, not for none. */
		if (dot == NULL || dot == name || memchr(pattern + 2, '.', size - 2) == NULL)
			return false;
		name_size -= (size_t)(dot - name);
		name = dot;
		pattern++;
		size--;
	}
	if (memchr(pattern, '*', size) != NULL)
		return false;
	return size == name_size && same(pattern, name, size);
}

bool kw_tls_address_matches(const struct kw_tls_host *host, const uint8_t *address, size_t size)
{
	return size != 0 && size == host->address_size && memcmp(address, host->address, size) == 0;
}
