/* SPDX-License-Identifier: Apache-2.0 */
/* See socks5.h. */
#include "socks5.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "exchange.h"

#if KW_WITH_SOCKS5

enum {
	VERSION = 5,
	LOGIN_VERSION = 1,
	METHOD_NONE = 0,
	METHOD_PASSWORD = 2,
	METHOD_REFUSED = 255,
	CONNECT = 1,
	ADDRESS_V4 = 1,
	ADDRESS_NAME = 3,
	ADDRESS_V6 = 4,
	LONGEST = 255, /* of a name, a user, a password: a byte tells it */
};

/* A conversation with one proxy. */
struct talk {
	const struct kwire_config *config;
	const struct kwire_transport_ops *ops;
	void *transport;
	int64_t deadline_ms;
};

int kw_socks5_proxy(const struct kwire_config *config, struct kw_endpoint *proxy,
		    struct kwire_error *error)
{
	const char *cursor = config->settings.socks5_proxy;
	int result = kw_bootstrap_next(&cursor, proxy, error);

	if (result < 0)
		return result;
	return result == 1 ? KWIRE_OK
			   : kw_fail(error, KWIRE_ECONFIG, "socks5.proxy names no proxy");
}

void kw_socks5_name(const struct kwire_config *config, struct kwire_error *error)
{
	char cause[256];

	if (error == NULL)
		return;
	snprintf(cause, sizeof(cause), "%.255s", error->message);
	snprintf(error->message, sizeof(error->message), "SOCKS5 proxy %.200s: %s",
		 config->settings.socks5_proxy, cause);
}

static int explain(const struct talk *talk, int result, struct kwire_error *error)
{
	kw_socks5_name(talk->config, error);
	if (error != NULL)
		error->phase = KWIRE_PHASE_CONNECT;
	return result;
}

static int refuse(const struct talk *talk, int result, const char *what, struct kwire_error *error)
{
	kw_fail_in(error, result, KWIRE_PHASE_CONNECT, "%s", what);
	return explain(talk, result, error);
}

static int put(const struct talk *talk, const void *bytes, size_t size, struct kwire_error *error)
{
	struct iovec iov = {(void *)(uintptr_t)bytes, size};
	int result = kw_write_all(talk->ops, talk->transport, &iov, 1, talk->deadline_ms, error);

	return result == 0 ? KWIRE_OK : explain(talk, result, error);
}

static int get(const struct talk *talk, void *bytes, size_t size, struct kwire_error *error)
{
	int result = kw_read_all(talk->ops, talk->transport, bytes, size, talk->deadline_ms, NULL,
				 error);

	return result == 0 ? KWIRE_OK : explain(talk, result, error);
}

/* Agrees on how to log in: with a password only where there is one. */
static int greet(const struct talk *talk, bool password, uint8_t *method, struct kwire_error *error)
{
	const uint8_t hello[] = {VERSION, (uint8_t)(password ? 2 : 1), METHOD_NONE,
				 METHOD_PASSWORD};
	uint8_t answer[2];
	int result = put(talk, hello, (size_t)2 + hello[1], error);

	if (result == 0)
		result = get(talk, answer, sizeof(answer), error);
	if (result != 0)
		return result;
	if (answer[0] != VERSION)
		return refuse(talk, KWIRE_EPROTOCOL, "what listens there does not speak SOCKS5",
			      error);
	*method = answer[1];
	if (*method == METHOD_NONE || (password && *method == METHOD_PASSWORD))
		return KWIRE_OK;
	if (*method == METHOD_REFUSED)
		return refuse(talk, KWIRE_EAUTH,
			      password ? "it accepts neither a password nor none"
				       : "it wants a login; set socks5.username and "
					 "socks5.password",
			      error);
	return refuse(talk, KWIRE_EPROTOCOL, "it chose a login that it was not offered", error);
}

static int log_in(const struct talk *talk, struct kwire_error *error)
{
	const char *name = talk->config->settings.socks5_username;
	const char *password = talk->config->settings.socks5_password;
	size_t name_size = strlen(name), password_size = strlen(password);
	uint8_t request[3 + 2 * LONGEST], answer[2];
	int result;

	if (name_size > LONGEST || password_size > LONGEST)
		return refuse(talk, KWIRE_ECONFIG,
			      "socks5.username and socks5.password have 255 bytes at most", error);
	request[0] = LOGIN_VERSION;
	request[1] = (uint8_t)name_size;
	memcpy(request + 2, name, name_size);
	request[2 + name_size] = (uint8_t)password_size;
	memcpy(request + 3 + name_size, password, password_size);
	result = put(talk, request, 3 + name_size + password_size, error);
	kw_wipe(request, sizeof(request));
	if (result == 0)
		result = get(talk, answer, sizeof(answer), error);
	if (result != 0)
		return result;
	if (answer[0] != LOGIN_VERSION)
		return refuse(talk, KWIRE_EPROTOCOL, "its answer to the login is none", error);
	if (answer[1] != 0)
		return refuse(talk, KWIRE_EAUTH, "it refuses socks5.username and socks5.password",
			      error);
	return KWIRE_OK;
}

/* The address of a request, after its three first bytes; the size of it all. */
static size_t put_address(uint8_t *request, const char *host, int port)
{
	size_t size = strlen(host), at = 4;

	if (inet_pton(AF_INET, host, request + at) == 1) {
		request[3] = ADDRESS_V4;
		at += 4;
	} else if (inet_pton(AF_INET6, host, request + at) == 1) {
		request[3] = ADDRESS_V6;
		at += 16;
	} else {
		request[3] = ADDRESS_NAME;
		request[at++] = (uint8_t)size;
		memcpy(request + at, host, size);
		at += size;
	}
	request[at++] = (uint8_t)(port >> 8);
	request[at++] = (uint8_t)port;
	return at;
}

static int refused(const struct talk *talk, uint8_t code, const char *host, int port,
		   struct kwire_error *error)
{
	static const char *const reasons[] = {
		"it failed",
		"its rules forbid it",
		"it cannot reach the network",
		"it cannot reach the host, or does not know its name",
		"the broker refused the connection",
		"the time to live ran out",
		"it cannot connect",
		"it cannot use such an address",
	};
	const char *reason = code >= 1 && code <= 8 ? reasons[code - 1]
						    : "it gives no known reason";

	kw_fail_in(error, KWIRE_ECONNECT, KWIRE_PHASE_CONNECT, "no way to %.255s:%d: %s (%d)", host,
		   port, reason, code);
	return explain(talk, KWIRE_ECONNECT, error);
}

static int connect_to(const struct talk *talk, const char *host, int port,
		      struct kwire_error *error)
{
	uint8_t request[4 + 1 + LONGEST + 2] = {VERSION, CONNECT, 0}, answer[4 + 1 + LONGEST + 2];
	size_t left;
	int result;

	if (strlen(host) > LONGEST)
		return refuse(talk, KWIRE_EINVAL, "the broker's name is longer than 255 bytes",
			      error);
	result = put(talk, request, put_address(request, host, port), error);
	/* What it bound is of no interest, but has to be read off. */
	if (result == 0)
		result = get(talk, answer, 5, error);
	if (result != 0)
		return result;
	if (answer[0] != VERSION)
		return refuse(talk, KWIRE_EPROTOCOL, "its answer is none of SOCKS5", error);
	if (answer[1] != 0)
		return refused(talk, answer[1], host, port, error);
	switch (answer[3]) {
	case ADDRESS_V4:
		left = 4 + 2;
		break;
	case ADDRESS_V6:
		left = 16 + 2;
		break;
	case ADDRESS_NAME:
		left = (size_t)answer[4] + 1 + 2;
		break;
	default:
		return refuse(talk, KWIRE_EPROTOCOL, "it connected from an unknown kind of address",
			      error);
	}
	return get(talk, answer + 5, left - 1, error);
}

int kw_socks5_open(const struct kwire_config *config, const char *host, int port,
		   const struct kwire_transport_ops *ops, void *transport, int64_t deadline_ms,
		   struct kwire_error *error)
{
	const struct talk talk = {config, ops, transport, deadline_ms};
	uint8_t method = METHOD_NONE;
	int result = greet(&talk, *config->settings.socks5_username != '\0', &method, error);

	if (result == 0 && method == METHOD_PASSWORD)
		result = log_in(&talk, error);
	return result == 0 ? connect_to(&talk, host, port, error) : result;
}

#else

int kw_socks5_proxy(const struct kwire_config *config, struct kw_endpoint *proxy,
		    struct kwire_error *error)
{
	(void)config;
	(void)proxy;
	return kw_fail(error, KWIRE_ENOTBUILT, "this kwire was built without SOCKS5");
}

void kw_socks5_name(const struct kwire_config *config, struct kwire_error *error)
{
	(void)config;
	(void)error;
}

int kw_socks5_open(const struct kwire_config *config, const char *host, int port,
		   const struct kwire_transport_ops *ops, void *transport, int64_t deadline_ms,
		   struct kwire_error *error)
{
	(void)host;
	(void)port;
	(void)ops;
	(void)transport;
	(void)deadline_ms;
	return kw_socks5_proxy(config, NULL, error);
}

#endif
