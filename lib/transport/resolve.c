/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a host's name to its addresses: see socket.h.  An address is taken as
 * it stands, a name asks the program's resolver or getaddrinfo(3).  Knows no
 * socket.
 */
#include "socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "../base/error.h"
#include "../config/config.h"

enum {
	MAX_ADDRESSES = 64, /* of one name; a longer list is cut */
	MAX_LITERAL = 128,  /* of an address with its scope */
};

static void add_address(void *list, const struct sockaddr *address, size_t size)
{
	struct kw_addresses *addresses = list;
	struct kw_address *items;
	int capacity;

	if (size > sizeof(addresses->items->storage) || addresses->count >= MAX_ADDRESSES)
		return;
	if ((addresses->family == KW_FAMILY_V4 && address->sa_family != AF_INET) ||
	    (addresses->family == KW_FAMILY_V6 && address->sa_family != AF_INET6))
		return;
	if (addresses->count == addresses->capacity) {
		capacity = addresses->capacity > 0 ? addresses->capacity * 2 : 4;
		items = kw_realloc(addresses->memory, addresses->items,
				   (size_t)capacity * sizeof(*items));
		if (items == NULL) {
			addresses->no_memory = true;
			return;
		}
		addresses->items = items;
		addresses->capacity = capacity;
	}
	items = &addresses->items[addresses->count++];
	memset(items, 0, sizeof(*items));
	memcpy(&items->storage, address, size);
	items->size = (socklen_t)size;
}

bool kw_address_parse(const char *host, int port, struct kw_address *address)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&address->storage;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address->storage;
	char literal[MAX_LITERAL];
	char *scope;
	size_t size = strlen(host);

	memset(address, 0, sizeof(*address));
	if (size >= sizeof(literal))
		return false;
	memcpy(literal, host, size + 1);
	if (inet_pton(AF_INET, literal, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		address->size = sizeof(*v4);
		return true;
	}
	scope = strchr(literal, '%');
	if (scope != NULL)
		*scope++ = '\0';
	if (inet_pton(AF_INET6, literal, &v6->sin6_addr) != 1)
		return false;
	if (scope != NULL)
		v6->sin6_scope_id = if_nametoindex(scope);
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons((uint16_t)port);
	address->size = sizeof(*v6);
	return true;
}

bool kw_host_is_numeric(const char *host)
{
	struct kw_address address;

	return kw_address_parse(host, 0, &address);
}

bool kw_resolve_blocks(const struct kwire_config *config, const char *host)
{
	return config->resolve == NULL && !kw_host_is_numeric(host);
}

/* Takes the families in turn, so that a dead one costs one slice, not many. */
static void interleave(struct kw_addresses *addresses)
{
	struct kw_address moved;
	int next;

	for (int at = 1; at < addresses->count; at++) {
		if (addresses->items[at].storage.ss_family !=
		    addresses->items[at - 1].storage.ss_family)
			continue;
		for (next = at + 1; next < addresses->count; next++)
			if (addresses->items[next].storage.ss_family !=
			    addresses->items[at].storage.ss_family)
				break;
		if (next >= addresses->count)
			return;
		moved = addresses->items[next];
		memmove(&addresses->items[at + 1], &addresses->items[at],
			(size_t)(next - at) * sizeof(moved));
		addresses->items[at] = moved;
	}
}

static int fail_lookup(struct kwire_error *error, const char *host, int code, int os_errno)
{
	const char *reason;

	switch (code) {
	case EAI_NONAME:
#if defined(EAI_NODATA)
	case EAI_NODATA:
#endif
		reason = "no such host name; check its spelling and the DNS";
		break;
	case EAI_AGAIN:
		reason = "the name server does not answer at the moment";
		break;
	case EAI_FAIL:
		reason = "the name server refuses";
		break;
	case EAI_MEMORY:
		return kw_fail_memory(error);
	case EAI_SYSTEM:
		return kw_fail_errno(error, KWIRE_ERESOLVE, KWIRE_PHASE_RESOLVE, os_errno,
				     "cannot resolve '%s'", host);
	default:
		return kw_fail_in(error, KWIRE_ERESOLVE, KWIRE_PHASE_RESOLVE,
				  "cannot resolve '%s': getaddrinfo says %d", host, code);
	}
	return kw_fail_in(error, KWIRE_ERESOLVE, KWIRE_PHASE_RESOLVE, "cannot resolve '%s': %s",
			  host, reason);
}

static int look_up(const char *host, int port, struct kw_addresses *addresses,
		   struct kwire_error *error)
{
	const struct addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICSERV,
	};
	struct addrinfo *found = NULL;
	char service[16];
	int code;

	snprintf(service, sizeof(service), "%d", port);
	code = getaddrinfo(host, service, &hints, &found);
	if (code != 0)
		return fail_lookup(error, host, code, errno);
	for (struct addrinfo *at = found; at != NULL; at = at->ai_next)
		add_address(addresses, at->ai_addr, at->ai_addrlen);
	freeaddrinfo(found);
	return KWIRE_OK;
}

int kw_resolve(const struct kwire_config *config, const char *host, int port, int64_t deadline_ms,
	       struct kw_addresses *addresses, struct kwire_error *error)
{
	struct kw_address numeric;
	int result = KWIRE_OK;

	memset(addresses, 0, sizeof(*addresses));
	addresses->memory = config->memory;
	addresses->family = (int)config->settings.address_family;
	if (port < 1 || port > 65535)
		return kw_fail_in(error, KWIRE_EINVAL, KWIRE_PHASE_RESOLVE,
				  "port %d of '%s' is not between 1 and 65535", port, host);
	if (config->resolve != NULL) {
		result = config->resolve(config->resolve_context, host, port, deadline_ms,
					 add_address, addresses);
		if (result != KWIRE_OK)
			kw_fail_in(error, result, KWIRE_PHASE_RESOLVE,
				   "cannot resolve '%s': the program's resolver says %s", host,
				   kwire_result_text(result));
	} else if (kw_address_parse(host, port, &numeric)) {
		add_address(addresses, (const struct sockaddr *)&numeric.storage, numeric.size);
	} else {
		result = look_up(host, port, addresses, error);
	}
	if (result == KWIRE_OK && addresses->no_memory)
		result = kw_fail_memory(error);
	if (result == KWIRE_OK && addresses->count == 0)
		result = kw_fail_in(
			error, KWIRE_ERESOLVE, KWIRE_PHASE_RESOLVE,
			"cannot resolve '%s': it has no address of a family that may be used",
			host);
	if (result != KWIRE_OK) {
		kw_addresses_fini(addresses);
		return result;
	}
	interleave(addresses);
	return KWIRE_OK;
}

void kw_addresses_fini(struct kw_addresses *addresses)
{
	kw_free(addresses->items);
	addresses->items = NULL;
	addresses->count = addresses->capacity = 0;
}

void kw_address_format(const struct kw_address *address, char text[KW_ADDRESS_TEXT])
{
	const void *bytes = NULL;

	text[0] = '\0';
	if (address->storage.ss_family == AF_INET)
		bytes = &((const struct sockaddr_in *)&address->storage)->sin_addr;
	else if (address->storage.ss_family == AF_INET6)
		bytes = &((const struct sockaddr_in6 *)&address->storage)->sin6_addr;
	if (bytes != NULL)
		inet_ntop(address->storage.ss_family, bytes, text, KW_ADDRESS_TEXT);
}
