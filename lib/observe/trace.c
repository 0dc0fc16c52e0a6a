/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A trace of the wire: hooks that turn frames into text.  What a frame holds is
 * another's business (kwire/json.h), or printed in hex here.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/error.h"
#include "../config/watch.h"

enum {
	HEX_MOST = 4096, /* bytes of a frame that are shown */
	HEX_ROW = 32,
};

struct trace {
	struct kwire_trace options;
	struct kw_memory *memory; /* borrowed: the config's */
	int64_t opened_us;
};

/* All that is told at a time. */
struct text {
	struct kw_memory *memory;
	char *data;
	size_t size;
	size_t capacity;
	bool failed; /* out of memory: sticks */
};

static int add(void *context, const char *data, size_t size)
{
	struct text *text = context;
	size_t capacity = text->capacity > 0 ? text->capacity : 512;
	char *grown;

	if (text->failed)
		return KWIRE_ENOMEM;
	while (capacity - text->size < size)
		capacity *= 2;
	if (capacity != text->capacity) {
		grown = kw_realloc(text->memory, text->data, capacity);
		if (grown == NULL) {
			text->failed = true;
			return KWIRE_ENOMEM;
		}
		text->data = grown;
		text->capacity = capacity;
	}
	memcpy(text->data + text->size, data, size);
	text->size += size;
	return KWIRE_OK;
}

__attribute__((format(printf, 2, 3))) static void put(struct text *text, const char *format, ...)
{
	char line[700];
	va_list arguments;
	int size;

	va_start(arguments, format);
	size = vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	if (size > 0)
		(void)add(text, line,
			  (size_t)size < sizeof(line) ? (size_t)size : sizeof(line) - 1);
}

static void put_start(struct text *text, const struct trace *trace, int64_t at_us,
		      const struct kwire_peer *peer)
{
	int64_t us = at_us > trace->opened_us ? at_us - trace->opened_us : 0;

	text->memory = trace->memory;
	if ((trace->options.flags & KWIRE_TRACE_NO_TIMES) == 0)
		put(text, "+%" PRId64 ".%06d ", us / 1000000, (int)(us % 1000000));
	put(text, strchr(peer->host, ':') != NULL ? "[%s]:%d " : "%s:%d ", peer->host,
	    (int)peer->port);
}

static void write_out(const struct trace *trace, struct text *text)
{
	if (text->failed)
		trace->options.write(trace->options.context, "(no memory to trace with)\n", 26);
	else if (text->size > 0)
		trace->options.write(trace->options.context, text->data, text->size);
	kw_free(text->data);
}

/* Whether the bytes of a message may hold a secret. */
static bool is_secret(int16_t api_key)
{
	switch (api_key) {
	case -1: /* a bare SASL token */
	case 33: /* AlterConfigs */
	case 36: /* SaslAuthenticate */
	case 38: /* delegation tokens: Create, */
	case 39: /* Renew, */
	case 40: /* Expire, */
	case 41: /* Describe */
	case 44: /* IncrementalAlterConfigs */
	case 51: /* AlterUserScramCredentials */
	case 58: /* Envelope: any request */
		return true;
	default:
		return false;
	}
}

static void put_hex(struct text *text, const struct kwire_frame_event *event, const uint8_t *frame,
		    size_t size)
{
	size_t shown = size < HEX_MOST ? size : HEX_MOST;

	if (is_secret(event->api_key)) {
		put(text, "    (hidden: it may hold a secret)\n");
		return;
	}
	for (size_t at = 0; at < shown; at += HEX_ROW) {
		put(text, "    %04zx:", at);
		for (size_t i = at; i < shown && i < at + HEX_ROW; i++)
			put(text, " %02x", frame[i]);
		put(text, "\n");
	}
	if (shown < size)
		put(text, "    (and %zu bytes more)\n", size - shown);
}

/* The bytes after the length word in one piece: the frame's own, or a copy in `*copy`. */
static const uint8_t *contiguous(const struct trace *trace, const struct kwire_frame_event *event,
				 uint8_t **copy)
{
	const struct iovec *pieces = event->pieces;
	uint8_t *end;

	if (event->piece_count == 1)
		return (const uint8_t *)pieces[0].iov_base + 4;
	if (event->piece_count == 2 && pieces[0].iov_len == 4)
		return pieces[1].iov_base;
	*copy = end = kw_alloc(trace->memory, event->bytes);
	for (int i = 0; end != NULL && i < event->piece_count; i++) {
		memcpy(end, pieces[i].iov_base, pieces[i].iov_len);
		end += pieces[i].iov_len;
	}
	return *copy != NULL ? *copy + 4 : NULL;
}

static void put_api(struct text *text, int16_t api_key, int16_t api_version, int32_t id)
{
	const char *name = api_key < 0 ? "(SASL token)" : kwire_api_name(api_key);

	if (name != NULL)
		put(text, "%s", name);
	else
		put(text, "API %d", api_key);
	if (api_key >= 0)
		put(text, " v%d id %" PRId32, api_version, id);
}

static void frame(void *context, const struct kwire_frame_event *event)
{
	const struct trace *trace = context;
	struct text text = {.size = 0};
	uint8_t *copy = NULL;
	const uint8_t *data;

	if (event->bytes < 4)
		return;
	data = contiguous(trace, event, &copy);
	put_start(&text, trace, event->at_us, &event->peer);
	put(&text, "%c ", event->response ? '<' : '>');
	put_api(&text, event->api_key, event->api_version, event->correlation_id);
	put(&text, ", %zu bytes\n", event->bytes);
	if (data == NULL)
		text.failed = true;
	else if (trace->options.fields != NULL && event->api_key >= 0)
		trace->options.fields(event, data, event->bytes - 4, add, &text);
	else
		put_hex(&text, event, data, event->bytes - 4);
	write_out(trace, &text);
	if (copy != NULL)
		kw_wipe(copy, event->bytes);
	kw_free(copy);
}

/* Of calls that end without a response, there is no frame to tell. */
static void done(void *context, const struct kwire_request_event *event)
{
	const struct trace *trace = context;
	struct text text = {.size = 0};

	if (event->result == KWIRE_OK)
		return;
	put_start(&text, trace, event->done_us, &event->peer);
	put(&text, "! ");
	put_api(&text, event->api_key, event->api_version, event->correlation_id);
	put(&text, ": %s, %s\n", kwire_result_text(event->result),
	    kwire_outcome_name(event->outcome));
	write_out(trace, &text);
}

static void connected(void *context, const struct kwire_connection_event *event)
{
	const struct trace *trace = context;
	struct text text = {.size = 0};

	put_start(&text, trace, event->ready_us, &event->peer);
	put(&text, "= connected\n");
	write_out(trace, &text);
}

static void disconnected(void *context, const struct kwire_connection_event *event)
{
	const struct trace *trace = context;
	struct text text = {.size = 0};

	put_start(&text, trace, event->ended_us, &event->peer);
	put(&text, "= %s: %s\n", event->ready_us > 0 ? "disconnected" : "not connected",
	    event->cause->message);
	write_out(trace, &text);
}

static int open_trace(struct kw_watcher *watcher, struct kwire_config *frozen)
{
	const struct trace *settings = watcher->hooks.context;
	struct trace *trace = kw_alloc(frozen->memory, sizeof(*trace));

	if (trace == NULL)
		return KWIRE_ENOMEM;
	trace->options = settings->options;
	trace->memory = frozen->memory;
	trace->opened_us = kw_now_us();
	watcher->hooks.context = trace;
	return KWIRE_OK;
}

int kwire_config_trace(struct kwire_config *config, const struct kwire_trace *options,
		       struct kwire_error *error)
{
	struct kw_watcher watcher = {.hooks = KWIRE_HOOKS_INIT};
	struct trace *trace;
	int result;

	if (config == NULL)
		return kw_fail_memory(error);
	if (options == NULL || options->size < sizeof(*options) || options->write == NULL)
		return kw_fail(error, KWIRE_EINVAL,
			       "a trace needs KWIRE_TRACE_INIT and a function that writes");
	trace = kw_zalloc(config->memory, sizeof(*trace));
	if (trace == NULL)
		return kw_fail_memory(error);
	trace->options = *options;
	watcher.hooks.context = trace;
	watcher.hooks.connected = connected;
	watcher.hooks.disconnected = disconnected;
	watcher.hooks.done = done;
	watcher.hooks.frame = frame;
	watcher.open = open_trace;
	watcher.close = kw_free;
	result = kw_watch_add(config, &watcher, error);
	if (result != KWIRE_OK)
		kw_free(trace);
	return result;
}
