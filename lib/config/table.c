/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The properties of kwire, one row each; see table.h.  Names are Kafka's where
 * Kafka has one, librdkafka's where PEM files are meant, kwire's own otherwise.
 */
#include "table.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "../base/error.h"
#include "bootstrap.h"
#include "nearest.h"

#define AT(member)     offsetof(struct kw_settings, member)
#define SEC(member)    offsetof(struct kw_settings, security.member)
#define STR            .kind = KW_STRING, .default_value = ""
#define HIDDEN         .kind = KW_SECRET, .default_value = ""
#define LIST           .kind = KW_LIST, .default_value = ""
#define INT(low, high) .kind = KW_INTEGER, .min = (low), .max = (high)

enum {
	MAX_MS = INT_MAX,
	MAX_BYTES = INT_MAX,
};

static int check_client_id(const char *value, struct kwire_error *error)
{
	size_t size = strlen(value);

	if (size > INT16_MAX)
		return kw_fail(error, KWIRE_ECONFIG,
			       "client.id is %zu bytes long; Kafka allows at most 32767", size);
	return 0;
}

/* In the order in which docs/configuration.md prints them; a section's rows stand together. */
const struct kw_property_row kw_properties[] = {
	{"bootstrap.servers", "metadata.broker.list", "Client", LIST,
	 .offset = AT(bootstrap_servers), .check = kw_bootstrap_check,
	 .description = "Where the cluster is first asked: host:port, [IPv6]:port or a name, "
			"separated by commas. Without a port, 9092."},
	{"bootstrap.resolve", NULL, "Client", .kind = KW_SWITCH, .words = "open|first-use",
	 .default_value = "open", .offset = AT(bootstrap_first_use),
	 .description = "When names in bootstrap.servers are first resolved: while the client "
			"opens, so that a wrong name fails there, or by the first call."},
	{"client.dns.lookup", NULL, "Client", .kind = KW_SWITCH,
	 .words = "use_all_dns_ips|resolve_canonical_bootstrap_servers_only",
	 .default_value = "use_all_dns_ips", .offset = AT(bootstrap_canonical),
	 .description = "Whether each address behind a bootstrap name is replaced by its own "
			"canonical name (Kerberos behind an alias needs it)."},
	{"client.id", NULL, "Client", .kind = KW_STRING, .default_value = "kwire",
	 .offset = AT(client_id), .check = check_client_id,
	 .description = "Name sent with each request; brokers log it and apply quotas to it."},
	{"connect.failure", NULL, "Client", .kind = KW_SWITCH, .words = "fail|wait",
	 .default_value = "fail", .offset = AT(failure_wait),
	 .description = "When no broker can be reached: fail the call at once, or keep trying "
			"until its deadline (as KWIRE_WAIT does for one call)."},
	{"reconnect.backoff.ms", NULL, "Client", INT(0, MAX_MS), .default_value = "50",
	 .offset = AT(reconnect_backoff_ms),
	 .description = "Pause before a broker is dialled again after a failure; doubles each "
			"time, with 20 % jitter."},
	{"reconnect.backoff.max.ms", NULL, "Client", INT(0, MAX_MS), .default_value = "1000",
	 .offset = AT(reconnect_backoff_max_ms), .description = "Longest such pause."},
	{"connections.max.idle.ms", NULL, "Client", INT(-1, MAX_MS), .default_value = "180000",
	 .offset = AT(connections_max_idle_ms),
	 .description = "A connection unused for so long is closed quietly; -1: never. The "
			"default is below the idle limits of the clouds' load balancers."},
	{"metadata.max.age.ms", "topic.metadata.refresh.interval.ms", "Client", INT(0, MAX_MS),
	 .default_value = "300000", .offset = AT(metadata_max_age_ms),
	 .description = "The list of brokers is asked for again by the first call after so long."},
	{"metadata.recovery.strategy", NULL, "Client", .kind = KW_SWITCH,
	 .words = "none|rebootstrap", .default_value = "rebootstrap", .offset = AT(rebootstrap),
	 .description = "Whether a client that cannot reach any known broker starts again from "
			"bootstrap.servers (KIP-899)."},
	{"metadata.recovery.rebootstrap.trigger.ms", NULL, "Client", INT(0, MAX_MS),
	 .default_value = "300000", .offset = AT(rebootstrap_trigger_ms),
	 .description = "It starts again, too, when metadata could not be had for so long "
			"(KIP-1102)."},
	{"cluster.id.change", NULL, "Client", .kind = KW_SWITCH, .words = "error|allow",
	 .default_value = "error", .offset = AT(cluster_id_may_change),
	 .description = "What to do when metadata comes from another cluster than before."},

	{"request.timeout.ms", "socket.timeout.ms", "Connection", INT(1, MAX_MS),
	 .default_value = "30000", .offset = AT(request_timeout_ms),
	 .description = "Deadline of a call that names none, and the silence after which a "
			"connection with unanswered requests is dead."},
	{"socket.connection.setup.timeout.ms", NULL, "Connection", INT(1, MAX_MS),
	 .default_value = "10000", .offset = AT(connection_setup_timeout_ms),
	 .description = "Bound on resolving, connecting, TLS, SASL and negotiating together; "
			"doubles with each failure."},
	{"socket.connection.setup.timeout.max.ms", NULL, "Connection", INT(1, MAX_MS),
	 .default_value = "30000", .offset = AT(connection_setup_timeout_max_ms),
	 .description = "Where it stops doubling."},
	{"receive.message.max.bytes", NULL, "Connection", INT(1024, MAX_BYTES),
	 .default_value = "104857600", .offset = AT(receive_message_max_bytes),
	 .description = "Largest response accepted; refused before memory is taken. A Fetch may "
			"exceed it by what it asked for."},
	{"send.message.max.bytes", NULL, "Connection", INT(1024, MAX_BYTES),
	 .default_value = "104857600", .offset = AT(send_message_max_bytes),
	 .description = "Largest request sent (brokers refuse more than their "
			"socket.request.max.bytes by closing the connection)."},
	{"fetch.decompressed.max.bytes", NULL, "Connection", INT(1024, MAX_BYTES),
	 .default_value = "134217728", .offset = AT(fetch_decompressed_max_bytes),
	 .description = "Most that one compressed record batch may unpack to."},
	{"max.in.flight", NULL, "Connection", INT(1, 1000000), .default_value = "1000",
	 .offset = AT(max_in_flight),
	 .description = "Unanswered requests on one connection; further calls wait."},
	{"connection.reading", NULL, "Connection", .kind = KW_SWITCH, .words = "thread|baton",
	 .default_value = "thread", .offset = AT(reading_baton),
	 .description = "Who reads responses: the connection's thread, or a caller that waits."},

	{"broker.address.family", NULL, "TCP", .kind = KW_CHOICE, .words = "any|v4|v6",
	 .default_value = "any", .offset = AT(address_family),
	 .description = "Which addresses of a name are dialled."},
	{"tcp.keepalive.idle", NULL, "TCP", INT(0, 32767), .default_value = "60",
	 .offset = AT(tcp_keepalive_idle_s),
	 .description = "Seconds of silence before the first keepalive probe; 0: none."},
	{"tcp.keepalive.interval", NULL, "TCP", INT(1, 32767), .default_value = "10",
	 .offset = AT(tcp_keepalive_interval_s), .description = "Seconds between probes."},
	{"tcp.keepalive.count", NULL, "TCP", INT(1, 127), .default_value = "3",
	 .offset = AT(tcp_keepalive_count),
	 .description = "Unanswered probes after which the connection is dead."},
	{"tcp.user.timeout.ms", NULL, "TCP", INT(0, MAX_MS), .default_value = "30000",
	 .offset = AT(tcp_user_timeout_ms),
	 .description = "How long sent bytes may stay unacknowledged (TCP_USER_TIMEOUT); 0: the "
			"system's."},
	{"send.buffer.bytes", "socket.send.buffer.bytes", "TCP", INT(-1, MAX_BYTES),
	 .default_value = "-1", .offset = AT(send_buffer_bytes),
	 .description = "SO_SNDBUF; -1: the system's."},
	{"receive.buffer.bytes", "socket.receive.buffer.bytes", "TCP", INT(-1, MAX_BYTES),
	 .default_value = "-1", .offset = AT(receive_buffer_bytes),
	 .description = "SO_RCVBUF; -1: the system's."},

	{"memory.max.bytes", NULL, "Process", INT(0, INT64_MAX), .default_value = "0",
	 .offset = AT(memory_max_bytes),
	 .description = "Most memory a client holds at once, responses included; 0: no cap."},
	{"thread.stack.bytes", NULL, "Process", INT(16384, 1 << 30), .default_value = "131072",
	 .offset = AT(thread_stack_bytes), .description = "Stack of each connection's thread."},
	{"log.level", NULL, "Process", .kind = KW_CHOICE, .words = "error|warning|info|debug",
	 .default_value = "info", .offset = AT(log_level),
	 .description = "Least important lines that the log function is given."},

	{"security.protocol", NULL, "TLS", .kind = KW_CHOICE,
	 .words = "PLAINTEXT|SSL|SASL_PLAINTEXT|SASL_SSL", .default_value = "PLAINTEXT",
	 .offset = SEC(protocol), .description = "How brokers are spoken to."},
	{"ssl.ca.location", NULL, "TLS", STR, .offset = SEC(ca_location),
	 .description = "Trusted certificates, a PEM or DER file or a directory of them; none: "
			"the system's."},
	{"ssl.ca.pem", "ssl.truststore.certificates", "TLS", STR, .offset = SEC(ca_pem),
	 .description = "Trusted certificates themselves, as PEM text."},
	{"ssl.certificate.location", NULL, "TLS", STR, .offset = SEC(certificate_location),
	 .description = "The client's certificate and its chain, a PEM or DER file."},
	{"ssl.certificate.pem", "ssl.keystore.certificate.chain", "TLS", STR,
	 .offset = SEC(certificate_pem),
	 .description = "The client's certificate and its chain themselves, as PEM text."},
	{"ssl.key.location", NULL, "TLS", STR, .offset = SEC(key_location),
	 .description = "The client's private key, a PEM or DER file."},
	{"ssl.key.pem", "ssl.keystore.key", "TLS", HIDDEN, .offset = SEC(key_pem),
	 .description = "The client's private key itself, as PEM text."},
	{"ssl.key.password", NULL, "TLS", HIDDEN, .offset = SEC(key_password),
	 .description = "Password of an encrypted private key."},
	{"ssl.crl.location", NULL, "TLS", STR, .offset = SEC(crl_location),
	 .description = "Revoked certificates, a PEM or DER file."},
	{"ssl.endpoint.identification.algorithm", NULL, "TLS", .kind = KW_SWITCH,
	 .words = "|none|https", .default_value = "https", .offset = SEC(verify_name),
	 .description = "Whether a broker's certificate must carry its name or address; an empty "
			"value is none."},
	{"enable.ssl.certificate.verification", NULL, "TLS", .kind = KW_BOOLEAN,
	 .default_value = "true", .offset = SEC(verify_chain),
	 .description = "Whether a broker's certificate must be signed by a trusted one. false "
			"makes TLS useless against an attacker, and is logged."},
	{"ssl.verification.name", NULL, "TLS", STR, .offset = SEC(verification_name),
	 .description = "Name that certificates must carry instead of the broker's own."},
	{"ssl.server.name", NULL, "TLS", STR, .offset = SEC(server_name),
	 .description = "Name sent to the broker (SNI) instead of its own."},
	{"ssl.enabled.protocols", NULL, "TLS", .kind = KW_SET, .words = "TLSv1.2|TLSv1.3",
	 .default_value = "TLSv1.2,TLSv1.3", .offset = SEC(protocols),
	 .description = "TLS versions that may be used, as far as the build has them."},
	{"ssl.cipher.suites", NULL, "TLS", LIST, .offset = SEC(cipher_suites),
	 .description = "Cipher suites by their IANA names, in order of preference; none: the TLS "
			"library's."},

	{"sasl.mechanism", "sasl.mechanisms", "SASL", LIST, .offset = SEC(mechanisms),
	 .description = "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER, GSSAPI or one of the "
			"program's; of several, the first that the broker offers is used."},
	{"sasl.username", NULL, "SASL", STR, .offset = SEC(username),
	 .description = "Name to log in with (PLAIN, SCRAM)."},
	{"sasl.password", NULL, "SASL", HIDDEN, .offset = SEC(password),
	 .description = "Its password."},
	{"sasl.password.file", NULL, "SASL", STR, .offset = SEC(password_file),
	 .description = "File that holds the password, read at each log-in; the last newline does "
			"not count."},
	{"sasl.jaas.config", NULL, "SASL", HIDDEN, .offset = SEC(jaas_config),
	 .description = "Credentials as Java clients write them, read where they are for PLAIN, "
			"SCRAM or OAUTHBEARER."},
	{"sasl.scram.tokenauth", NULL, "SASL", .kind = KW_BOOLEAN, .default_value = "false",
	 .offset = SEC(token_auth),
	 .description = "Whether name and password are a delegation token's id and its HMAC in "
			"base64 (SCRAM)."},
	{"sasl.kerberos.service.name", NULL, "SASL", .kind = KW_STRING, .default_value = "kafka",
	 .offset = SEC(kerberos_service_name),
	 .description = "First part of the brokers' Kerberos principal (GSSAPI)."},
	{"sasl.oauthbearer.method", NULL, "SASL", .kind = KW_CHOICE, .words = "default|oidc",
	 .default_value = "default", .offset = SEC(oauth_method),
	 .description = "Where tokens come from: the program, a file or "
			"sasl.oauthbearer.config; or a token endpoint (OpenID Connect)."},
	{"sasl.oauthbearer.config", NULL, "SASL", STR, .offset = SEC(oauth_config),
	 .description = "Makes unsecured tokens, for tests: principal=name scope=..."},
	{"sasl.oauthbearer.token.file", NULL, "SASL", STR, .offset = SEC(oauth_token_file),
	 .description = "File that holds a token, read at each log-in."},
	{"sasl.oauthbearer.token.endpoint.url", NULL, "SASL", STR,
	 .offset = SEC(oauth_token_endpoint_url),
	 .description = "Where tokens are asked for (client credentials)."},
	{"sasl.oauthbearer.client.id", "sasl.oauthbearer.client.credentials.client.id", "SASL", STR,
	 .offset = SEC(oauth_client_id), .description = "Who asks there."},
	{"sasl.oauthbearer.client.secret", "sasl.oauthbearer.client.credentials.client.secret",
	 "SASL", HIDDEN, .offset = SEC(oauth_client_secret), .description = "With which secret."},
	{"sasl.oauthbearer.scope", NULL, "SASL", STR, .offset = SEC(oauth_scope),
	 .description = "Scope of the token asked for."},
	{"sasl.oauthbearer.extensions", NULL, "SASL", LIST, .offset = SEC(oauth_extensions),
	 .description = "Extensions sent with a token (KIP-342): name=value, separated by commas."},
};

const size_t kw_property_count = sizeof(kw_properties) / sizeof(kw_properties[0]);

const struct kw_property_row *kw_property_find(const char *name)
{
	for (size_t i = 0; i < kw_property_count; i++) {
		const struct kw_property_row *row = &kw_properties[i];

		if (strcmp(row->name, name) == 0 ||
		    (row->alias != NULL && strcmp(row->alias, name) == 0))
			return row;
	}
	return NULL;
}

/* What Java keeps in a store is asked for here in another form, which openssl can make. */
static int java_store(const char *name, struct kwire_error *error)
{
	if (strncmp(name, "ssl.truststore.", 15) == 0)
		return kw_fail(
			error, KWIRE_ECONFIG,
			"%s: Java key stores are not read here; convert it with `keytool "
			"-importkeystore -srckeystore truststore.jks -destkeystore t.p12 "
			"-deststoretype PKCS12 && openssl pkcs12 -in t.p12 -nokeys -out ca.pem` "
			"and set ssl.ca.location=ca.pem",
			name);
	return kw_fail(error, KWIRE_ECONFIG,
		       "%s: Java key stores are not read here; convert it with `keytool "
		       "-importkeystore -srckeystore keystore.jks -destkeystore k.p12 "
		       "-deststoretype PKCS12 && openssl pkcs12 -in k.p12 -nodes -out client.pem` "
		       "and set ssl.certificate.location and ssl.key.location to client.pem",
		       name);
}

int kw_property_unknown(const char *name, struct kwire_error *error)
{
	struct kw_nearest nearest;

	if (strncmp(name, "ssl.truststore.", 15) == 0 || strncmp(name, "ssl.keystore.", 13) == 0)
		return java_store(name, error);
	kw_nearest_init(&nearest, name);
	for (size_t i = 0; i < kw_property_count; i++)
		kw_nearest_try(&nearest, kw_properties[i].name);
	kw_fail(error, KWIRE_ECONFIG, "unknown property '%.100s'", name);
	if (nearest.word != NULL)
		kw_error_add(error, "; did you mean '%s'?", nearest.word);
	return KWIRE_ECONFIG;
}

const char *kw_property_type(const struct kw_property_row *row)
{
	switch (row->kind) {
	case KW_SECRET:
		return "secret";
	case KW_LIST:
	case KW_SET:
		return "list";
	case KW_INTEGER:
		return "integer";
	case KW_BOOLEAN:
		return "boolean";
	case KW_CHOICE:
	case KW_SWITCH:
		return "choice";
	case KW_STRING:
		break;
	}
	return "string";
}

void kw_property_range(const struct kw_property_row *row, char *text, size_t size)
{
	const char *words = row->words;

	text[0] = '\0';
	if (row->kind == KW_BOOLEAN)
		words = "true|false";
	if (words != NULL)
		snprintf(text, size, "%s", words + (words[0] == '|'));
	else if (row->kind == KW_INTEGER && row->max == INT64_MAX)
		snprintf(text, size, "%lld..", (long long)row->min);
	else if (row->kind == KW_INTEGER)
		snprintf(text, size, "%lld..%lld", (long long)row->min, (long long)row->max);
}
