/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration inside the library: one struct of typed values, filled
 * from the one table of properties in table.def.  A client or connection holds
 * a frozen, counted copy; nobody writes to it after that.  Who needs a new
 * property adds a member here and a row there.
 */
#ifndef KW_CONFIG_H
#define KW_CONFIG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <kwire/config.h>
#include <kwire/sasl.h>
#include <kwire/security.h>

#include "../base/memory.h"

enum kw_security_protocol {
	KW_PLAINTEXT,
	KW_SSL,
	KW_SASL_PLAINTEXT,
	KW_SASL_SSL,
};

/* Bits of ssl.enabled.protocols. */
enum kw_tls_version {
	KW_TLS_1_2 = 1 << 0,
	KW_TLS_1_3 = 1 << 1,
};

/* sasl.oauthbearer.method */
enum kw_oauth_method {
	KW_OAUTH_DEFAULT, /* a callback of the program's, a token file, or sasl.oauthbearer.config
			   */
	KW_OAUTH_OIDC,    /* client credentials from a token endpoint */
};

/*
 * What security.protocol, ssl.* and sasl.* say; strings as in kw_settings.
 * Members marked (secret) are wiped when freed and never printed.
 */
struct kw_security_settings {
	enum kw_security_protocol protocol;

	/* TLS */
	const char *ca_location; /* PEM or DER file, or directory; "": see ca_pem */
	const char *ca_pem;      /* certificates themselves; "" with no location: system's */
	const char *certificate_location; /* client certificate chain */
	const char *certificate_pem;
	const char *key_location;      /* its private key */
	const char *key_pem;           /* (secret) */
	const char *key_password;      /* (secret) of an encrypted key */
	const char *crl_location;      /* revoked certificates */
	const char *cipher_suites;     /* IANA names, separated by commas; "": mbedTLS's default */
	const char *verification_name; /* checked instead of the host's name; "": the host's */
	const char *server_name;       /* sent as SNI; "": the host's name */
	bool verify_chain;             /* enable.ssl.certificate.verification */
	bool verify_name;              /* ssl.endpoint.identification.algorithm=https */
	unsigned protocols;            /* enum kw_tls_version, or-ed */

	/* SASL */
	const char *mechanisms; /* in order of preference, separated by commas */
	const char *username;
	const char *password;      /* (secret) */
	const char *password_file; /* read at each authentication; "": none */
	const char *jaas_config;   /* (secret) a JAAS line, as Java clients have it */
	bool token_auth;           /* username and password are a delegation token's */
	const char *kerberos_service_name;
	const char *oauth_config;     /* unsecured tokens: "principal=... scope=..." */
	const char *oauth_token_file; /* read at each authentication */
	const char *oauth_token_endpoint_url;
	const char *oauth_client_id;
	const char *oauth_client_secret; /* (secret) */
	const char *oauth_scope;
	const char *oauth_extensions; /* key=value,... */
	enum kw_oauth_method oauth_method;
	bool oauth_header_urlencode;   /* of id and secret, as RFC 6749 has it */
	const char *https_ca_location; /* of the token endpoint: as ca_location and ca_pem */
	const char *https_ca_pem;
	int64_t refused_retry_ms; /* sasl.refused.retry.ms; -1: not before they change */
};

/* broker.address.family */
enum kw_address_family {
	KW_FAMILY_ANY,
	KW_FAMILY_V4,
	KW_FAMILY_V6,
};

/*
 * Property values.  Strings are never NULL (a property not set is ""); they
 * belong to the config, or are the table's defaults.
 */
struct kw_settings {
	/* client */
	const char *client_id;
	const char *bootstrap_servers;
	bool bootstrap_first_use;       /* bootstrap.resolve=first-use */
	bool bootstrap_canonical;       /* client.dns.lookup=resolve_canonical_... */
	bool failure_wait;              /* connect.failure=wait */
	bool rebootstrap;               /* metadata.recovery.strategy=rebootstrap */
	bool cluster_id_may_change;     /* cluster.id.change=allow */
	int64_t rebootstrap_trigger_ms; /* metadata.recovery.rebootstrap.trigger.ms */
	int64_t metadata_max_age_ms;
	int64_t reconnect_backoff_ms;
	int64_t reconnect_backoff_max_ms;
	int64_t connections_max_idle_ms;    /* -1: never */
	int64_t connections_max_per_broker; /* 1 to KW_LANES */

	/* connection */
	int64_t request_timeout_ms;
	int64_t connection_setup_timeout_ms;
	int64_t connection_setup_timeout_max_ms;
	int64_t receive_message_max_bytes;
	int64_t send_message_max_bytes;
	int64_t fetch_decompressed_max_bytes;
	int64_t max_in_flight;
	int64_t recent_requests; /* that are remembered where statistics are kept */
	bool reading_baton;      /* connection.reading=baton */

	/* process */
	int64_t memory_max_bytes; /* 0: no cap */
	int64_t thread_stack_bytes;
	enum kwire_log_level log_level;

	/* tcp */
	enum kw_address_family address_family;
	int64_t tcp_keepalive_idle_s; /* 0: keepalive off */
	int64_t tcp_keepalive_interval_s;
	int64_t tcp_keepalive_count;
	int64_t tcp_user_timeout_ms; /* 0: the system's */
	int64_t send_buffer_bytes;   /* -1: the system's */
	int64_t receive_buffer_bytes;
	const char *local_address;   /* numeric, to dial from; "": any */
	const char *local_interface; /* to dial through; "": any */
	const char *socks5_proxy;    /* host:port; "": none */
	const char *socks5_username;
	const char *socks5_password; /* (secret) */

	struct kw_security_settings security;
};

struct kw_log_ops; /* log.h */
struct kw_log_fold;

struct kw_log {
	kwire_log_function *write; /* NULL: silent */
	void *context;
	const struct kw_log_ops *ops; /* with `write` */
	struct kw_log_fold *fold;     /* of a frozen copy */
};

enum {
	KW_MECHANISMS_MAX = 8, /* that a program may add */
};

struct kw_token_source; /* lib/sasl/oidc.h */
struct kw_token_store;

/* A program's part in TLS and SASL: kwire/security.h, kwire/sasl.h. */
struct kw_security_hooks {
	kwire_credentials_function *credentials;
	void *credentials_context;
	kwire_token_function *token;
	void *token_context;
	kwire_clock_function *clock;
	void *clock_context;
	const struct kw_token_source *token_source; /* NULL: none was linked */
	int mechanism_count;
	struct {
		const struct kwire_sasl_mechanism *mechanism;
		void *context;
	} mechanisms[KW_MECHANISMS_MAX];
};

struct kw_security; /* lib/sasl/security.h */
struct kw_watch;    /* watch.h */

struct kwire_config {
	struct kw_memory *memory;
	struct kwire_allocator allocator; /* the program's; size 0: none, malloc */
	atomic_uint references;           /* of a frozen copy */
	struct kw_settings settings;
	char *ignored; /* names set that mean nothing here, "acks, group.id"; NULL: none */
	struct kw_log log;
	kwire_resolve_function *resolve;
	void *resolve_context;
	kwire_dial_function *dial;
	void *dial_context;
	struct kw_security_hooks hooks;
	struct kw_security *security; /* of a frozen copy: what its connections share, or NULL */
	void (*security_free)(struct kw_security *security);
	struct kw_watch *watch;        /* hooks; NULL: none */
	struct kw_token_store *tokens; /* of a frozen copy: the token source's, or NULL */
	void (*tokens_free)(struct kw_token_store *tokens);
};

/*
 * A frozen copy with one reference, over a memory of its own that enforces
 * memory.max.bytes; NULL when out of memory.  Warns of what was ignored.
 */
struct kwire_config *kw_config_freeze(const struct kwire_config *config, struct kwire_error *error);
struct kwire_config *kw_config_get(struct kwire_config *config);
void kw_config_put(struct kwire_config *config);

/* Writes a line to the program's log, if it has one and wants the level. */
void kw_log(const struct kwire_config *config, enum kwire_log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
