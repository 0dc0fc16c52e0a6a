/* SPDX-License-Identifier: Apache-2.0 */
/* See http.h.  RFC 9112 is the format, RFC 3986 that of URLs. */
#include "http.h"

#include <stdio.h>
#include <string.h>

#include "../base/error.h"
#include "exchange.h"

/* ---------------------------------------------------------------------- URLs */

static int malformed(const char *text, const char *what, struct kwire_error *error)
{
	return kw_fail(error, KWIRE_ECONFIG, "\"%.200s\" is no URL that can be used: %s", text,
		       what);
}

static bool parse_port(const char *text, size_t size, int *port)
{
	*port = 0;
	for (size_t i = 0; i < size; i++) {
		if (text[i] < '0' || text[i] > '9' || *port > 6553)
			return false;
		*port = *port * 10 + (text[i] - '0');
	}
	return size > 0 && *port > 0 && *port <= 65535;
}

int kw_http_url_parse(struct kw_http_url *url, const char *text, struct kwire_error *error)
{
	const char *host = strstr(text, "://"), *end, *colon;
	size_t size;

	for (const char *at = text; *at != '\0'; at++)
		if ((unsigned char)*at <= ' ' || (unsigned char)*at >= 0x7f)
			return malformed(text, "it has characters that must be encoded as %XX",
					 error);
	url->tls = strncmp(text, "https://", 8) == 0;
	if (!url->tls && strncmp(text, "http://", 7) != 0)
		return malformed(text, "https:// or http:// is expected first", error);
	host += 3;
	size = strcspn(host, "/?#");
	if (memchr(host, '@', size) != NULL)
		return malformed("...", "a name or password within it is not read", error);
	url->port = url->tls ? 443 : 80;
	end = host + size;
	if (*host == '[') { /* an IPv6 address */
		colon = memchr(++host, ']', size - 1);
		if (colon == NULL)
			return malformed(text, "a ] is missing", error);
		size = (size_t)(colon++ - host);
	} else {
		colon = memchr(host, ':', size);
		colon = colon != NULL ? colon : end;
		size = (size_t)(colon - host);
	}
	if (size == 0 || size >= sizeof(url->host))
		return malformed(text, "its host is missing or too long", error);
	if (colon != end &&
	    (*colon != ':' || !parse_port(colon + 1, (size_t)(end - colon) - 1, &url->port)))
		return malformed(text, "its port is not a number from 1 to 65535", error);
	memcpy(url->host, host, size);
	url->host[size] = '\0';
	size = strcspn(end, "#");
	if (size + 2 > sizeof(url->target))
		return malformed(text, "it is too long", error);
	snprintf(url->target, sizeof(url->target), "%s%.*s", *end == '/' ? "" : "/", (int)size,
		 end);
	return KWIRE_OK;
}

/* ------------------------------------------------------------------- answers */

/* What is left to read. */
struct view {
	char *at;
	char *end;
};

/* The next line without its end, CRLF or a bare LF; false: it is not complete. */
static bool take_line(struct view *view, struct view *line)
{
	char *feed = memchr(view->at, '\n', (size_t)(view->end - view->at));

	if (feed == NULL)
		return false;
	line->at = view->at;
	line->end = feed > view->at && feed[-1] == '\r' ? feed - 1 : feed;
	view->at = feed + 1;
	return true;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static bool same(const struct view *text, const char *word)
{
	size_t size = strlen(word);

	if ((size_t)(text->end - text->at) != size)
		return false;
	for (size_t i = 0; i < size; i++)
		if (lower(text->at[i]) != word[i])
			return false;
	return true;
}

/* How the body ends, as the header says. */
struct framing {
	bool chunked;
	bool sized;
	size_t size;
};

/* "HTTP/1.1 200 ..." */
static bool parse_status(const struct view *line, int *status)
{
	size_t size = (size_t)(line->end - line->at);

	if (size < 12 || memcmp(line->at, "HTTP/1.", 7) != 0 || line->at[8] != ' ' ||
	    (size > 12 && line->at[12] != ' '))
		return false;
	*status = 0;
	for (int i = 9; i < 12; i++) {
		if (line->at[i] < '0' || line->at[i] > '9')
			return false;
		*status = *status * 10 + (line->at[i] - '0');
	}
	return *status >= 100;
}

static bool parse_length(const struct view *value, struct framing *framing)
{
	size_t size = 0;

	if (value->at == value->end)
		return false;
	for (const char *at = value->at; at < value->end; at++) {
		if (*at < '0' || *at > '9')
			return false;
		/* Beyond the bound it does not matter by how much. */
		if (size <= KW_HTTP_ANSWER_MAX)
			size = size * 10 + (size_t)(*at - '0');
	}
	if (framing->sized && framing->size != size)
		return false;
	framing->sized = true;
	framing->size = size;
	return true;
}

static bool parse_field(const struct view *line, struct framing *framing)
{
	char *colon = memchr(line->at, ':', (size_t)(line->end - line->at));
	struct view name, value;

	/* A space in front would be a folded line, one before the colon smuggling. */
	if (colon == NULL || colon == line->at || line->at[0] == ' ' || line->at[0] == '\t' ||
	    colon[-1] == ' ' || colon[-1] == '\t')
		return false;
	name = (struct view){line->at, colon};
	value = (struct view){colon + 1, line->end};
	while (value.at < value.end && (*value.at == ' ' || *value.at == '\t'))
		value.at++;
	while (value.at < value.end && (value.end[-1] == ' ' || value.end[-1] == '\t'))
		value.end--;
	if (same(&name, "content-length"))
		return parse_length(&value, framing);
	if (same(&name, "transfer-encoding")) {
		framing->chunked = true;
		return same(&value, "chunked");
	}
	return true;
}

/* Status and header lines, up to the empty one. */
static enum kw_http_progress parse_head(struct view *view, int *status, struct framing *framing)
{
	const char *begin = view->at;
	struct view line;

	memset(framing, 0, sizeof(*framing));
	if (!take_line(view, &line))
		return view->end - begin > KW_HTTP_HEAD_MAX ? KW_HTTP_BROKEN : KW_HTTP_MORE;
	if (!parse_status(&line, status))
		return KW_HTTP_BROKEN;
	for (;;) {
		if (view->at - begin > KW_HTTP_HEAD_MAX)
			return KW_HTTP_BROKEN;
		if (!take_line(view, &line))
			return view->end - begin > KW_HTTP_HEAD_MAX ? KW_HTTP_BROKEN : KW_HTTP_MORE;
		if (line.at == line.end)
			return KW_HTTP_DONE;
		if (!parse_field(&line, framing))
			return KW_HTTP_BROKEN;
	}
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The size in front of a chunk; what follows a semicolon means nothing. */
static bool parse_chunk_size(const struct view *line, size_t *size)
{
	const char *at = line->at;

	*size = 0;
	while (at < line->end && hex_digit(*at) >= 0 && *size <= KW_HTTP_ANSWER_MAX)
		*size = *size * 16 + (size_t)hex_digit(*at++);
	return at > line->at && (at == line->end || *at == ';' || *at == ' ' || *at == '\t');
}

/* Walks the chunks; with `to`, moves what is in them there. */
static enum kw_http_progress take_chunks(struct view view, char *to, size_t *total)
{
	struct view line;
	size_t size;

	*total = 0;
	for (;;) {
		if (!take_line(&view, &line))
			return KW_HTTP_MORE;
		if (!parse_chunk_size(&line, &size))
			return KW_HTTP_BROKEN;
		if (size == 0)
			break;
		if ((size_t)(view.end - view.at) < size)
			return KW_HTTP_MORE;
		if (to != NULL)
			memmove(to + *total, view.at, size);
		view.at += size;
		*total += size;
		if (!take_line(&view, &line))
			return KW_HTTP_MORE;
		if (line.at != line.end)
			return KW_HTTP_BROKEN;
	}
	do /* trailing fields */
		if (!take_line(&view, &line))
			return KW_HTTP_MORE;
	while (line.at != line.end);
	return KW_HTTP_DONE;
}

enum kw_http_progress kw_http_parse(char *data, size_t size, bool ended,
				    struct kw_http_answer *answer)
{
	enum kw_http_progress unfinished = ended ? KW_HTTP_BROKEN : KW_HTTP_MORE;
	struct view view = {data, data + size};
	enum kw_http_progress progress;
	struct framing framing;

	do { /* "100 Continue" and its like announce the answer proper */
		progress = parse_head(&view, &answer->status, &framing);
		if (progress != KW_HTTP_DONE)
			return progress == KW_HTTP_MORE ? unfinished : progress;
	} while (answer->status < 200);
	answer->body = view.at;
	answer->body_size = (size_t)(view.end - view.at);
	if (answer->status == 204 || answer->status == 304) {
		answer->body_size = 0;
	} else if (framing.chunked) {
		progress = take_chunks(view, NULL, &answer->body_size);
		if (progress != KW_HTTP_DONE)
			return progress == KW_HTTP_MORE ? unfinished : progress;
		take_chunks(view, answer->body, &answer->body_size);
	} else if (framing.sized) {
		if (answer->body_size < framing.size)
			return unfinished;
		answer->body_size = framing.size;
	} else if (!ended) {
		return KW_HTTP_MORE;
	}
	answer->body[answer->body_size] = '\0';
	return KW_HTTP_DONE;
}

/* ------------------------------------------------------------------ exchange */

void kw_http_answer_fini(struct kw_http_answer *answer)
{
	if (answer->block != NULL)
		kw_wipe(answer->block, answer->block_size);
	kw_free(answer->block);
	answer->block = NULL;
}

/* Twice the room; not by kw_realloc, which would leave the old bytes behind. */
static int grow(struct kw_http_answer *answer, struct kw_memory *memory, struct kwire_error *error)
{
	size_t size = answer->block != NULL ? answer->block_size * 2 : 4096;
	char *larger;

	if (size > KW_HTTP_ANSWER_MAX)
		return kw_fail(error, KWIRE_ETOOLARGE, "its answer is longer than %d bytes",
			       KW_HTTP_ANSWER_MAX);
	larger = kw_alloc(memory, size);
	if (larger == NULL)
		return kw_fail_memory(error);
	if (answer->block != NULL)
		memcpy(larger, answer->block, answer->block_size);
	kw_http_answer_fini(answer);
	answer->block = larger;
	answer->block_size = size;
	return KWIRE_OK;
}

int kw_http_exchange(const struct kwire_transport_ops *ops, void *transport,
		     struct kw_memory *memory, const char *request, size_t request_size,
		     int64_t deadline_ms, struct kw_http_answer *answer, struct kwire_error *error)
{
	struct iovec iov = {(void *)(uintptr_t)request, request_size};
	size_t size = 0;
	int result;

	memset(answer, 0, sizeof(*answer));
	result = kw_write_all(ops, transport, &iov, 1, deadline_ms, error);
	while (result == 0) {
		ssize_t got;

		/* One byte stays free for a NUL. */
		if (size + 1 >= answer->block_size && (result = grow(answer, memory, error)) != 0)
			break;
		iov.iov_base = answer->block + size;
		iov.iov_len = answer->block_size - 1 - size;
		got = ops->read(transport, &iov, 1, deadline_ms, error);
		if (got == KWIRE_ETIMEDOUT)
			return kw_fail(error, KWIRE_ETIMEDOUT, "it did not answer in time");
		if (got < 0)
			return (int)got;
		size += (size_t)got;
		switch (kw_http_parse(answer->block, size, got == 0, answer)) {
		case KW_HTTP_DONE:
			return KWIRE_OK;
		case KW_HTTP_MORE:
			break;
		case KW_HTTP_BROKEN:
			result = got == 0 ? kw_fail(error, KWIRE_EDISCONNECTED,
						    "it closed the connection before its answer "
						    "was complete")
					  : kw_fail(error, KWIRE_EPROTOCOL,
						    "its answer is no HTTP/1.1");
			break;
		}
	}
	return result;
}
