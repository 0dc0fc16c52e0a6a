/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See exchange.h.
 *
 *	VERSIONS   ApiVersions v0, where nobody has asked yet
 *	HANDSHAKE  SaslHandshake v1, or v0 where the broker has no SaslAuthenticate
 *	TOKENS     SaslAuthenticate with each token, or the bare tokens after v0
 *	OVER
 */
#include "exchange.h"

#include <stdio.h>
#include <string.h>

#include "../base/error.h"
#include "../config/watch.h"
#include "credentials.h"
#include "mechanism.h"
#include "refusal.h"
#include "wire.h"

enum {
	NAME_MAX_SIZE = 64, /* of a mechanism, with its NUL */
	ERROR_UNSUPPORTED_MECHANISM = 33,
	ERROR_ILLEGAL_STATE = 34,
	ERROR_UNSUPPORTED_VERSION = 35,
	ERROR_AUTHENTICATION_FAILED = 58,
};

enum stage {
	VERSIONS,
	HANDSHAKE,
	TOKENS,
	OVER,
};

struct kw_sasl_exchange {
	struct kw_memory *memory;
	struct kwire_config *config; /* counted */
	char *host;
	int port;
	int64_t deadline_ms;
	enum stage stage;
	bool raw;      /* tokens without SaslAuthenticate */
	bool last;     /* the mechanism waits for nothing but the broker's consent */
	bool renewing; /* the mechanism is given, not chosen */
	int choice;    /* of the configured mechanisms; -1 */
	char name[NAME_MAX_SIZE];
	int16_t authenticate_version;
	int32_t correlation_id;
	int64_t lifetime_ms;
	struct kw_sasl_session session;
	struct kw_refusal *refusal; /* NULL: nothing to be noted there */
	uint8_t mark[KW_REFUSAL_MARK];
	uint8_t *frame;
	size_t frame_size;
	size_t frame_capacity;
};

static int broken(struct kwire_error *error, const char *what)
{
	return kw_fail_in(error, KWIRE_ESASL, KWIRE_PHASE_SASL, "SASL: the broker %s", what);
}

/* The `index`th name in "A, B,C"; false: there are fewer. */
static bool nth_mechanism(const char *list, int index, char name[NAME_MAX_SIZE])
{
	for (;;) {
		size_t size;

		list += strspn(list, ", \t");
		if (*list == '\0')
			return false;
		size = strcspn(list, ", \t");
		if (index-- == 0) {
			snprintf(name, NAME_MAX_SIZE, "%.*s",
				 (int)(size < NAME_MAX_SIZE ? size : 0), list);
			return true;
		}
		list += size;
	}
}

/* ------------------------------------------------------------------ sending */

static int frame_room(struct kw_sasl_exchange *exchange, size_t size, struct kwire_error *error)
{
	uint8_t *frame;

	if (exchange->frame != NULL)
		kw_wipe(exchange->frame, exchange->frame_capacity);
	if (size <= exchange->frame_capacity)
		return KWIRE_OK;
	frame = kw_alloc(exchange->memory, size);
	if (frame == NULL)
		return kw_fail_memory(error);
	kw_free(exchange->frame);
	exchange->frame = frame;
	exchange->frame_capacity = size;
	return KWIRE_OK;
}

static int put_request(struct kw_sasl_exchange *exchange, int16_t api_key, int16_t version,
		       const void *token, size_t token_size, struct kwire_error *error)
{
	const char *client_id = exchange->config->settings.client_id;
	struct kw_sasl_request request = {api_key,   version,        exchange->correlation_id,
					  client_id, exchange->name, token,
					  token_size};
	int result;

	/* Java's clients use the same eight ids, round and round. */
	exchange->correlation_id = exchange->correlation_id == INT32_MAX ||
						   exchange->correlation_id < KW_SASL_FIRST_ID
					   ? KW_SASL_FIRST_ID
					   : exchange->correlation_id + 1;
	request.correlation_id = exchange->correlation_id;
	result = frame_room(exchange, kw_sasl_request_bound(&request), error);
	if (result == 0)
		exchange->frame_size = kw_sasl_request_write(&request, exchange->frame);
	return result;
}

static int put_handshake(struct kw_sasl_exchange *exchange, struct kwire_error *error)
{
	exchange->stage = HANDSHAKE;
	return put_request(exchange, KW_SASL_HANDSHAKE, exchange->raw ? 0 : 1, NULL, 0, error);
}

static int put_token(struct kw_sasl_exchange *exchange, const void *token, size_t size,
		     struct kwire_error *error)
{
	int result;

	if (size > KW_SASL_FRAME_MAX)
		return kw_fail_in(error, KWIRE_ESASL, KWIRE_PHASE_SASL,
				  "%s made a token of %zu bytes", exchange->name, size);
	if (!exchange->raw)
		return put_request(exchange, KW_SASL_AUTHENTICATE, exchange->authenticate_version,
				   token, size, error);
	result = frame_room(exchange, size + 4, error);
	if (result != 0)
		return result;
	for (size_t i = 0; i < 4; i++)
		exchange->frame[i] = (uint8_t)(size >> (24 - 8 * i));
	if (size > 0)
		memcpy(exchange->frame + 4, token, size);
	exchange->frame_size = size + 4;
	return KWIRE_OK;
}

/* One round of the mechanism. */
static int step(struct kw_sasl_exchange *exchange, const void *challenge, size_t size,
		struct kwire_error *error)
{
	const void *token;
	size_t token_size;
	int progress = kw_sasl_session_step(&exchange->session, challenge, size, &token,
					    &token_size, error);

	if (progress < 0)
		return progress;
	if (progress == KWIRE_SASL_DONE) {
		exchange->stage = OVER;
		kw_sasl_session_end(&exchange->session);
		return KWIRE_OK;
	}
	exchange->last = progress == KWIRE_SASL_LAST;
	return put_token(exchange, token, token_size, error);
}

/* ----------------------------------------------------------------- starting */

bool kw_sasl_wants_credentials(const char *mechanism)
{
	return strcmp(mechanism, "OAUTHBEARER") != 0 && strcmp(mechanism, "GSSAPI") != 0;
}

/* KWIRE_EAUTH where a broker refused these credentials before. */
static int ask_refusal(struct kw_sasl_exchange *exchange, const struct kw_credentials *credentials,
		       struct kwire_error *error)
{
	/* A mechanism of the program's may need none: nothing then tells one login from another. */
	if (exchange->refusal != NULL && *credentials->username == '\0')
		exchange->refusal = NULL;
	if (exchange->refusal == NULL)
		return KWIRE_OK;
	if (kw_refusal_mark(exchange->refusal, exchange->memory, credentials, exchange->mark) != 0)
		return kw_fail_memory(error);
	return kw_refusal_check(exchange->refusal, exchange->mark,
				exchange->config->settings.security.refused_retry_ms, error);
}

static int start_mechanism(struct kw_sasl_exchange *exchange, struct kwire_error *error)
{
	struct kw_credentials credentials = {NULL, NULL, false};
	struct kw_sasl_setting setting = {exchange->memory, exchange->config, false};
	struct kwire_sasl_login login = {
		sizeof(login), exchange->host, exchange->port, exchange->deadline_ms, "", ""};
	int result = 0;

	kw_sasl_session_end(&exchange->session);
	if (kw_sasl_wants_credentials(exchange->name)) {
		result = kw_credentials_get(&credentials, exchange->memory, exchange->config,
					    exchange->name, exchange->host, exchange->deadline_ms,
					    error);
		if (result == 0)
			result = ask_refusal(exchange, &credentials, error);
		if (result != 0) {
			kw_credentials_fini(&credentials);
			return result;
		}
		login.username = credentials.username;
		login.password = credentials.password;
		setting.token_auth = credentials.token_auth;
	}
	result = kw_sasl_session_start(&exchange->session, exchange->name, &setting, &login, error);
	kw_credentials_fini(&credentials);
	return result;
}

static int choose(struct kw_sasl_exchange *exchange, const struct kw_sasl_options *options,
		  struct kwire_error *error)
{
	const char *configured = options->config->settings.security.mechanisms;

	if (options->mechanism != NULL) {
		exchange->renewing = true;
		snprintf(exchange->name, sizeof(exchange->name), "%s", options->mechanism);
		return KWIRE_OK;
	}
	if (!nth_mechanism(configured, options->first_choice, exchange->name) &&
	    !nth_mechanism(configured, 0, exchange->name))
		return kw_fail_in(error, KWIRE_ECONFIG, KWIRE_PHASE_SASL,
				  "security.protocol asks for SASL, but sasl.mechanism is not set");
	return KWIRE_OK;
}

static int take_ranges(struct kw_sasl_exchange *exchange, int16_t handshake_max,
		       int16_t authenticate_max, struct kwire_error *error)
{
	if (handshake_max < 0)
		return kw_fail_in(error, KWIRE_EUNSUPPORTED, KWIRE_PHASE_SASL,
				  "the broker offers no SASL; is this a SASL listener?");
	exchange->raw = handshake_max == 0 || authenticate_max < 0;
	exchange->authenticate_version = authenticate_max > 2 ? 2 : authenticate_max;
	return KWIRE_OK;
}

int kw_sasl_exchange_new(struct kw_memory *memory, const struct kw_sasl_options *options,
			 struct kw_sasl_exchange **out, struct kwire_error *error)
{
	struct kw_sasl_exchange *exchange = kw_zalloc(memory, sizeof(*exchange));
	int result;

	if (exchange == NULL)
		return kw_fail_memory(error);
	exchange->memory = memory;
	exchange->config = kw_config_get((struct kwire_config *)(uintptr_t)options->config);
	exchange->port = options->port;
	exchange->deadline_ms = options->deadline_ms;
	exchange->choice = -1;
	exchange->refusal = options->refusal;
	exchange->host = kw_strdup(memory, options->host);
	if (exchange->host == NULL) {
		result = kw_fail_memory(error);
		goto fail;
	}
	result = choose(exchange, options, error);
	/* The mechanism starts before a byte is sent: what is missing here costs no round trip. */
	if (result == 0)
		result = start_mechanism(exchange, error);
	if (result != 0)
		goto fail;
	if (!options->versions_known) {
		exchange->stage = VERSIONS;
		result = put_request(exchange, KW_API_VERSIONS, 0, NULL, 0, error);
	} else {
		result = take_ranges(exchange, options->handshake_max, options->authenticate_max,
				     error);
		if (result == 0)
			result = put_handshake(exchange, error);
	}
	if (result != 0)
		goto fail;
	*out = exchange;
	return KWIRE_OK;
fail:
	kw_sasl_exchange_free(exchange);
	return result;
}

void kw_sasl_exchange_free(struct kw_sasl_exchange *exchange)
{
	if (exchange == NULL)
		return;
	kw_sasl_session_end(&exchange->session);
	if (exchange->frame != NULL)
		kw_wipe(exchange->frame, exchange->frame_capacity);
	kw_free(exchange->frame);
	kw_free(exchange->host);
	kw_config_put(exchange->config);
	kw_free(exchange);
}

/* ---------------------------------------------------------------- receiving */

/* Copies what a broker wrote to `text`, printable. */
static void printable(char *text, size_t size, struct kw_sasl_bytes from)
{
	size_t i;

	for (i = 0; i < from.size && i + 1 < size; i++)
		text[i] = (char)(from.data[i] >= 0x20 && from.data[i] < 0x7f ? from.data[i] : '?');
	text[i] = '\0';
}

static bool same(struct kw_sasl_bytes bytes, const char *text)
{
	return bytes.size == strlen(text) && memcmp(bytes.data, text, bytes.size) == 0;
}

static bool is_offered(const struct kw_sasl_handshake *handshake, const char *name)
{
	struct kw_sasl_bytes left = handshake->mechanisms, offered;

	for (int32_t i = 0; i < handshake->count; i++)
		if (kw_sasl_next_mechanism(&left, &offered) && same(offered, name))
			return true;
	return false;
}

/* The broker does not offer our mechanism: which other one of ours it does, if any. */
static int mechanism_refused(struct kw_sasl_exchange *exchange,
			     const struct kw_sasl_handshake *handshake, struct kwire_error *error)
{
	const char *configured = exchange->config->settings.security.mechanisms;
	struct kw_sasl_bytes left = handshake->mechanisms, offered;
	char list[256] = "", name[NAME_MAX_SIZE];

	for (int32_t i = 0; i < handshake->count; i++) {
		size_t used = strlen(list);

		if (!kw_sasl_next_mechanism(&left, &offered) || used + 3 > sizeof(list))
			break;
		if (i > 0)
			memcpy(list + used, ", ", 3);
		used = strlen(list);
		printable(list + used, sizeof(list) - used, offered);
	}
	for (int i = 0; !exchange->renewing && nth_mechanism(configured, i, name); i++) {
		if (!is_offered(handshake, name) || !kw_sasl_has(exchange->config, name))
			continue;
		exchange->choice = i;
		kw_fail_in(error, KWIRE_EUNSUPPORTED, KWIRE_PHASE_SASL,
			   "the broker does not offer %s, but %s: connect again to use that",
			   exchange->name, name);
		if (error != NULL)
			error->retriable = true;
		return KWIRE_EUNSUPPORTED;
	}
	kw_fail_in(error, KWIRE_EAUTH, KWIRE_PHASE_SASL,
		   "the broker does not offer the mechanism %s (UNSUPPORTED_SASL_MECHANISM); it "
		   "offers: %s",
		   exchange->name, handshake->count > 0 ? list : "none");
	if (error != NULL)
		error->kafka_code = ERROR_UNSUPPORTED_MECHANISM;
	return KWIRE_EAUTH;
}

/* A Kafka error code as `result`, with the broker's own words where it sent some. */
static int kafka_error(struct kwire_error *error, int result, int16_t code, const char *what,
		       struct kw_sasl_bytes message)
{
	char text[300];

	printable(text, sizeof(text), message);
	kw_fail_in(error, result, KWIRE_PHASE_SASL, "%s%s%s", what, *text != '\0' ? ": " : "",
		   text);
	switch (code) {
	case ERROR_ILLEGAL_STATE:
		kw_error_add(error, " (ILLEGAL_SASL_STATE)");
		break;
	case ERROR_UNSUPPORTED_VERSION:
		kw_error_add(error, " (UNSUPPORTED_VERSION)");
		break;
	case ERROR_AUTHENTICATION_FAILED:
		kw_error_add(error, " (SASL_AUTHENTICATION_FAILED)");
		break;
	default:
		kw_error_add(error, " (Kafka error %d)", code);
	}
	if (error != NULL)
		error->kafka_code = code;
	return result;
}

static int receive_versions(struct kw_sasl_exchange *exchange, struct kw_sasl_bytes bytes,
			    struct kwire_error *error)
{
	static const struct kw_sasl_bytes nothing = {NULL, 0};
	struct kw_sasl_ranges ranges;
	int result;

	if (!kw_sasl_read_versions(bytes, &ranges))
		return broken(error, "sent a malformed ApiVersions response");
	if (ranges.error != 0)
		return kafka_error(error, KWIRE_ESASL, ranges.error,
				   "the broker refused ApiVersions", nothing);
	result = take_ranges(exchange, ranges.handshake_max, ranges.authenticate_max, error);
	return result != 0 ? result : put_handshake(exchange, error);
}

static int receive_handshake(struct kw_sasl_exchange *exchange, struct kw_sasl_bytes bytes,
			     struct kwire_error *error)
{
	static const struct kw_sasl_bytes nothing = {NULL, 0};
	struct kw_sasl_handshake handshake;

	if (!kw_sasl_read_handshake(bytes, &handshake))
		return broken(error, "sent a malformed SaslHandshake response");
	if (handshake.error == ERROR_UNSUPPORTED_MECHANISM)
		return mechanism_refused(exchange, &handshake, error);
	if (handshake.error != 0)
		return kafka_error(error,
				   handshake.error == ERROR_AUTHENTICATION_FAILED ? KWIRE_EAUTH
										  : KWIRE_ESASL,
				   handshake.error, "the broker refused SaslHandshake", nothing);
	exchange->stage = TOKENS;
	return step(exchange, NULL, 0, error);
}

/* A token of the broker's, or its consent to our last one. */
static int take_token(struct kw_sasl_exchange *exchange, struct kw_sasl_bytes token,
		      struct kwire_error *error)
{
	if (!exchange->last)
		return step(exchange, token.data, token.size, error);
	exchange->stage = OVER;
	kw_sasl_session_end(&exchange->session);
	return KWIRE_OK;
}

static int receive_answer(struct kw_sasl_exchange *exchange, struct kw_sasl_bytes bytes,
			  struct kwire_error *error)
{
	struct kw_sasl_answer answer;

	if (!kw_sasl_read_answer(bytes, exchange->authenticate_version, &answer))
		return broken(error, "sent a malformed SaslAuthenticate response");
	if (answer.error == ERROR_ILLEGAL_STATE || answer.error == ERROR_UNSUPPORTED_VERSION)
		return kafka_error(error, KWIRE_ESASL, answer.error,
				   "the broker broke off the login", answer.message);
	if (answer.error != 0)
		return kafka_error(error, KWIRE_EAUTH, answer.error, "the broker refused the login",
				   answer.message);
	if (answer.session_lifetime_ms < 0)
		return broken(error, "sent a negative session lifetime");
	exchange->lifetime_ms = answer.session_lifetime_ms;
	return take_token(exchange, answer.token, error);
}

static int receive(struct kw_sasl_exchange *exchange, const uint8_t *data, size_t size,
		   struct kwire_error *error)
{
	struct kw_sasl_bytes bytes = {data, size};
	int32_t id;

	if (exchange->frame != NULL)
		kw_wipe(exchange->frame, exchange->frame_capacity);
	if (exchange->stage == TOKENS && exchange->raw)
		return take_token(exchange, bytes, error);
	if (!kw_sasl_read_id(&bytes, &id) || id != exchange->correlation_id)
		return broken(error, "answered another request than ours");
	switch (exchange->stage) {
	case VERSIONS:
		return receive_versions(exchange, bytes, error);
	case HANDSHAKE:
		return receive_handshake(exchange, bytes, error);
	case TOKENS:
		return receive_answer(exchange, bytes, error);
	case OVER:
		break;
	}
	return broken(error, "went on after the end of the login");
}

int kw_sasl_exchange_receive(struct kw_sasl_exchange *exchange, const uint8_t *data, size_t size,
			     struct kwire_error *error)
{
	struct kwire_error cause = kw_no_error();
	bool presented = exchange->stage == TOKENS && exchange->refusal != NULL &&
			 kw_sasl_wants_credentials(exchange->name);
	int result = receive(exchange, data, size, &cause);

	if (presented && result == KWIRE_EAUTH)
		kw_refusal_note(exchange->refusal, exchange->mark, &cause);
	else if (presented && exchange->stage == OVER)
		kw_refusal_clear(exchange->refusal);
	return result != 0 ? kw_error_copy(error, &cause) : KWIRE_OK;
}

int kw_sasl_exchange_closed(const struct kw_sasl_exchange *exchange, struct kwire_error *error)
{
	switch (exchange->stage) {
	case TOKENS:
		if (exchange->raw)
			/* The only way in which so old a broker says no. */
			return kw_fail_in(
				error, KWIRE_EAUTH, KWIRE_PHASE_SASL,
				"the broker closed the connection during the %s login: it "
				"refuses the credentials",
				exchange->name);
		return broken(error, "closed the connection during the login");
	case VERSIONS:
		return kw_fail_in(error, KWIRE_ESASL, KWIRE_PHASE_SASL,
				  "the broker closed the connection before the login; is this a "
				  "TLS listener?");
	default:
		return broken(error, "closed the connection before the login; is this a SASL "
				     "listener?");
	}
}

bool kw_sasl_exchange_done(const struct kw_sasl_exchange *exchange)
{
	return exchange->stage == OVER;
}

void kw_sasl_exchange_frame(const struct kw_sasl_exchange *exchange, const uint8_t **frame,
			    size_t *size, int32_t *correlation_id)
{
	*frame = exchange->frame;
	*size = exchange->frame_size;
	*correlation_id = exchange->raw && exchange->stage == TOKENS ? -1
								     : exchange->correlation_id;
}

void kw_sasl_exchange_watch(const struct kw_sasl_exchange *exchange, bool response,
			    const uint8_t *data, size_t size)
{
	struct kw_setup_frame frame = {.host = exchange->host,
				       .port = exchange->port,
				       .response = response,
				       .api_key = KW_API_VERSIONS,
				       .correlation_id = exchange->correlation_id,
				       .data = data,
				       .size = size};

	if (exchange->stage == HANDSHAKE) {
		frame.api_key = KW_SASL_HANDSHAKE;
		frame.api_version = exchange->raw ? 0 : 1;
	} else if (exchange->stage == TOKENS) {
		frame.api_key = exchange->raw ? -1 : KW_SASL_AUTHENTICATE;
		frame.api_version = exchange->authenticate_version;
	}
	kw_watch_setup_frame(exchange->config, &frame);
}

int64_t kw_sasl_exchange_lifetime(const struct kw_sasl_exchange *exchange)
{
	return exchange->lifetime_ms;
}

const char *kw_sasl_exchange_mechanism(const struct kw_sasl_exchange *exchange)
{
	return exchange->name;
}

int kw_sasl_exchange_choice(const struct kw_sasl_exchange *exchange)
{
	return exchange->choice;
}
