/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration: a set of properties, by Kafka's names, and the callbacks of a
 * program.  docs/configuration.md lists the properties.  A client or
 * connection copies what it is opened with, so a config may be changed or
 * freed at any time after.  A config belongs to one thread at a time.
 */
#ifndef KWIRE_CONFIG_H
#define KWIRE_CONFIG_H

#include <kwire/result.h>

#ifdef __cplusplus
extern "C" {
#endif

struct kwire_config;
struct kwire_transport_ops; /* kwire/transport.h */
struct sockaddr;

/*
 * A program's own allocator.  Serves everything that kwire itself allocates;
 * called from any thread, also by kwire_response_free() after the client is
 * closed, so `context` must live as long as what was allocated.  `allocate`
 * and `reallocate` return memory aligned for any type, or NULL; `release` is
 * never given NULL.
 */
struct kwire_allocator {
	size_t size; /* sizeof(struct kwire_allocator) */
	void *context;
	void *(*allocate)(void *context, size_t size);
	void *(*reallocate)(void *context, void *data, size_t size);
	void (*release)(void *context, void *data);
};

#define KWIRE_ALLOCATOR_INIT                                           \
	{                                                              \
		sizeof(struct kwire_allocator), NULL, NULL, NULL, NULL \
	}

/*
 * A configuration with every property at its default; `new_with` takes a
 * program's allocator (copied; NULL: malloc).  NULL when out of memory; every
 * function below answers a NULL config with KWIRE_ENOMEM, so that one test at
 * the end of a row of calls suffices.
 */
KWIRE_API struct kwire_config *kwire_config_new(void);
KWIRE_API struct kwire_config *kwire_config_new_with(const struct kwire_allocator *allocator);

/* Frees a config, its secrets overwritten first.  Takes NULL. */
KWIRE_API void kwire_config_free(struct kwire_config *config);

/*
 * Sets the property `name` to `value`, both copied.  KWIRE_ECONFIG: an unknown
 * name (the message names the nearest known one) or a value out of range (the
 * message says what is allowed); KWIRE_ENOTBUILT: asks for what was left out
 * of this build.  A property of Kafka's clients that means nothing at this
 * layer (acks, group.id, ...) is accepted and logged once when a client opens.
 * On failure the config is as it was.
 */
KWIRE_API int kwire_config_set(struct kwire_config *config, const char *name, const char *value,
			       struct kwire_error *error);

/*
 * The value of a property as text, into `value` (`size` bytes, always
 * NUL-terminated when size > 0).  A secret reads "[hidden]".  KWIRE_ECONFIG:
 * unknown name; KWIRE_ETOOLARGE: it does not fit.
 */
KWIRE_API int kwire_config_get(const struct kwire_config *config, const char *name, char *value,
			       size_t size, struct kwire_error *error);

/*
 * Reads a file of properties, in the format of Java's: `name=value` or
 * `name: value` lines, `#` and `!` comments, `\` continuations and escapes.
 * All of it is checked before any of it counts; an error names file and line.
 */
KWIRE_API int kwire_config_load(struct kwire_config *config, const char *path,
				struct kwire_error *error);

/* One property, for programs that list them (`kwire config`). */
struct kwire_property {
	const char *name;
	const char *alias;         /* another client's name for it, "" where none */
	const char *section;       /* where it is used: "Client", "Connection", "TLS", ... */
	const char *type;          /* "integer", "string", "list", "boolean", "choice", "secret" */
	const char *default_value; /* as text */
	const char *description;   /* one line */
	char range[96];            /* what is allowed: "1..", "PLAINTEXT|SSL", "" */
};

/* The `index`th property, from 0; false past the last.  Strings are static.  Any thread. */
KWIRE_API bool kwire_config_property(size_t index, struct kwire_property *property);

/* Log levels; a lower one is more important. */
enum kwire_log_level {
	KWIRE_LOG_ERROR = 0,
	KWIRE_LOG_WARNING = 1,
	KWIRE_LOG_INFO = 2,
	KWIRE_LOG_DEBUG = 3,
};

/*
 * Receives one line at a time, NUL-terminated, without newline or secrets.
 * Called from any thread with no lock of kwire's held; must not block for
 * long, and must not close the client.  Without one kwire says nothing.
 */
typedef void kwire_log_function(void *context, enum kwire_log_level level, const char *line);

/*
 * Has `log` called with every line of log.level or more important; NULL: none.
 * `context` must live as long as any client or connection opened with the
 * config.  KWIRE_ENOMEM: the config is NULL.
 */
KWIRE_API int kwire_config_set_log(struct kwire_config *config, kwire_log_function *log,
				   void *context);

/*
 * Resolves `host` and `port` in place of getaddrinfo(3): calls `add` for each
 * address, in the order in which they should be tried.  Runs on a thread of
 * kwire's and may block until `deadline_ms` (monotonic milliseconds).  Returns
 * 0 or a negative result, KWIRE_ERESOLVE by custom.
 */
typedef int kwire_resolve_function(void *context, const char *host, int port, int64_t deadline_ms,
				   void (*add)(void *list, const struct sockaddr *address,
					       size_t size),
				   void *list);

/*
 * Has `resolve` called instead of getaddrinfo(3), for bootstrap servers and
 * brokers; NULL: no more.  `context` as with kwire_config_set_log().
 * KWIRE_ENOMEM: the config is NULL.
 */
KWIRE_API int kwire_config_set_resolver(struct kwire_config *config,
					kwire_resolve_function *resolve, void *context);

/*
 * Opens the byte stream to a broker in place of connect(2): a proxy, a serial
 * line, a test.  On success stores the transport's operations and context,
 * which then belong to kwire until it calls `close` on them.  Runs on a
 * connection's thread and may block until `deadline_ms`.
 */
typedef int kwire_dial_function(void *context, const char *host, int port, int64_t deadline_ms,
				const struct kwire_transport_ops **ops, void **transport,
				struct kwire_error *error);

/*
 * Has `dial` called instead of connect(2), for every connection; TLS and SASL
 * run over what it opens.  NULL: no more.  `context` as with
 * kwire_config_set_log().  KWIRE_ENOMEM: the config is NULL.
 */
KWIRE_API int kwire_config_set_dialer(struct kwire_config *config, kwire_dial_function *dial,
				      void *context);

#ifdef __cplusplus
}
#endif

#endif
