/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration inside the library: one struct of typed values, filled
 * from the one table of properties in config.c.  A client or connection holds
 * a frozen, counted copy; nobody writes to it after that.
 */
#ifndef KW_CONFIG_H
#define KW_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include <kwire/config.h>

#include "../base/memory.h"

enum kw_security_protocol {
	KW_PLAINTEXT,
	KW_SSL,
	KW_SASL_PLAINTEXT,
	KW_SASL_SSL,
};

/* Property values; strings are owned and never NULL (a property not set is ""). */
struct kw_settings {
	char *client_id;
	char *bootstrap_servers;
	bool bootstrap_first_use; /* bootstrap.resolve=first-use */
	bool failure_wait;        /* connect.failure=wait */
	int64_t request_timeout_ms;
	int64_t connection_setup_timeout_ms;
	int64_t connection_setup_timeout_max_ms;
	int64_t reconnect_backoff_ms;
	int64_t reconnect_backoff_max_ms;
	int64_t connections_max_idle_ms; /* -1: never */
	int64_t metadata_max_age_ms;
	int64_t receive_message_max_bytes;
	int64_t fetch_decompressed_max_bytes;
	int64_t memory_max_bytes; /* 0: no cap */
	int64_t max_in_flight;
	int64_t thread_stack_bytes;
	int64_t tcp_keepalive_idle_s; /* 0: keepalive off */
	int64_t tcp_keepalive_interval_s;
	int64_t tcp_keepalive_count;
	int64_t tcp_user_timeout_ms; /* 0: the system's */
	int64_t send_buffer_bytes;   /* -1: the system's */
	int64_t receive_buffer_bytes;
	enum kw_security_protocol security_protocol;
};

struct kw_log {
	kwire_log_function *write; /* NULL: silent */
	void *context;
	enum kwire_log_level level;
};

struct kwire_config {
	struct kw_memory *memory;
	unsigned references; /* of a frozen copy, counted atomically */
	struct kw_settings settings;
	struct kw_log log;
	kwire_resolve_function *resolve;
	void *resolve_context;
	kwire_dial_function *dial;
	void *dial_context;
};

/* A frozen copy with one reference; NULL when out of memory. */
struct kwire_config *kw_config_freeze(const struct kwire_config *config, struct kwire_error *error);
struct kwire_config *kw_config_get(struct kwire_config *config);
void kw_config_put(struct kwire_config *config);

/* Writes a line to the program's log, if it has one and wants the level. */
void kw_log(const struct kwire_config *config, enum kwire_log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
