/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who watches what is opened with a config.  A config has none, or a struct
 * kw_watch, made by kwire_config_add_hooks() and its like; through its
 * operations all measuring points speak, so that a program without hooks links
 * none of it.  Implemented in lib/connection/watch.c; where connections measure
 * stands in lib/connection/watch.h.
 */
#ifndef KW_CONFIG_WATCH_H
#define KW_CONFIG_WATCH_H

#include <kwire/observe.h>

#include "config.h"

struct kwire_call;
struct kw_response;

/* One frame of a connection's set-up, when nobody calls yet. */
struct kw_setup_frame {
	const char *host;
	int port;
	bool response;
	int16_t api_key; /* -1: a bare token */
	int16_t api_version;
	int32_t correlation_id;
	const uint8_t *data; /* of a request with, of a response without its length word */
	size_t size;
};

struct kw_watch_ops {
	/* Gives `frozen` a copy of its own. */
	int (*copy)(const struct kw_watch *watch, struct kwire_config *frozen);
	void (*free)(struct kw_watch *watch);
	void (*setup_frame)(const struct kw_watch *watch, const struct kw_setup_frame *frame);
	/* See the functions of the same names in lib/connection/watch.h. */
	void (*ready)(struct kwire_connection *connection);
	void (*dead)(struct kwire_connection *connection, const struct kwire_error *cause);
	void (*written)(struct kwire_connection *connection, struct kwire_call *first, int count,
			size_t size, int64_t begun_us);
	void (*response)(struct kwire_call *call, struct kw_response *response);
	void (*done)(struct kwire_call *call, int result);
	void (*throttled)(struct kwire_connection *connection, int16_t api_key,
			  int32_t throttle_ms);
};

struct kw_watcher {
	struct kwire_hooks hooks;
	/*
	 * Of kwire's own: makes hooks.context of what is opened, from the one that
	 * stands in the program's config.  Both are closed with their config.
	 */
	int (*open)(struct kw_watcher *watcher, struct kwire_config *frozen);
	void (*close)(void *context);
};

enum {
	KW_WATCHERS_MAX = 8,
};

struct kw_watch {
	const struct kw_watch_ops *ops;
	int count;
	struct kw_watcher watchers[KW_WATCHERS_MAX];
};

static inline void kw_watch_setup_frame(const struct kwire_config *config,
					const struct kw_setup_frame *frame)
{
	if (config->watch != NULL)
		config->watch->ops->setup_frame(config->watch, frame);
}

/* Adds one to a config that is not frozen; as kwire_config_add_hooks(). */
int kw_watch_add(struct kwire_config *config, const struct kw_watcher *watcher,
		 struct kwire_error *error);

/* The first with this `close`, NULL: none. */
struct kw_watcher *kw_watch_find(const struct kwire_config *config, void (*close)(void *context));

#endif
