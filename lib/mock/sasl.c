/* SPDX-License-Identifier: Apache-2.0 */
/* See sasl.h.  All of it runs on the cluster's thread. */
#include "sasl.h"

#include <stdio.h>
#include <string.h>

#include <kwire/api/sasl_authenticate.h>
#include <kwire/api/sasl_handshake.h>

#include "../base/error.h"
#include "behaviour.h"
#include "call.h"
#include "login.h"

enum {
	SASL_HANDSHAKE = 17,
	API_VERSIONS = 18,
	SASL_AUTHENTICATE = 36,
};

struct kw_mock_sasl {
	bool on;
	unsigned offered; /* bits of mechanisms' numbers */
	struct kw_mock_user *users;
	int64_t session_ms; /* 0: sessions do not end */
	struct kwire_mock_logins logins;
};

enum stage {
	OUT,    /* nobody is logged in */
	TOKENS, /* a mechanism was chosen */
	IN,
};

struct kw_mock_session {
	struct kw_mock_sasl *sasl;
	struct kw_mock_login login;
	enum stage stage;
	bool raw;      /* tokens come bare */
	int mechanism; /* of the last login */
	char user[KW_MOCK_NAME_MAX];
	int64_t ends_ms; /* of the cluster's time; 0: never */
};

/* ------------------------------------------------------------------ sessions */

int kw_mock_session_new(struct kwire_mock *mock, struct kw_mock_session **session)
{
	*session = NULL;
	if (mock->sasl == NULL || !mock->sasl->on)
		return KWIRE_OK;
	*session = kw_zalloc(mock->memory, sizeof(**session));
	if (*session == NULL)
		return KWIRE_ENOMEM;
	(*session)->sasl = mock->sasl;
	(*session)->login.memory = mock->memory;
	return KWIRE_OK;
}

void kw_mock_session_free(struct kw_mock_session *session)
{
	if (session == NULL)
		return;
	kw_mock_login_fini(&session->login);
	kw_free(session);
}

bool kw_mock_session_admits(const struct kw_mock_peer *peer, int16_t api_key)
{
	const struct kw_mock_session *session = peer->session;

	if (session == NULL)
		return true;
	switch (session->stage) {
	case OUT:
		return api_key == API_VERSIONS || api_key == SASL_HANDSHAKE;
	case TOKENS:
		return api_key == SASL_AUTHENTICATE;
	case IN:
		break;
	}
	return session->ends_ms == 0 || api_key == SASL_HANDSHAKE ||
	       kw_mock_loop_now(&peer->mock->loop) < session->ends_ms;
}

/* What else can be wrong with a login that is one again; NULL: nothing. */
static const char *change_refused(struct kw_mock_session *session)
{
	struct kw_mock_login *login = &session->login;

	if (!login->again)
		return NULL;
	if (login->mechanism != session->mechanism)
		snprintf(login->reason, sizeof(login->reason),
			 "SASL mechanism '%s' requested by client is not supported for "
			 "re-authentication of mechanism '%s'",
			 kw_mock_mechanism(login->mechanism),
			 kw_mock_mechanism(session->mechanism));
	else if (strcmp(login->user, session->user) != 0)
		snprintf(login->reason, sizeof(login->reason),
			 "Cannot change principals during re-authentication from User.%.80s: "
			 "User.%.80s",
			 session->user, login->user);
	else
		return NULL;
	return login->reason;
}

/* Opens the session, and says for how long. */
static int64_t enter(struct kw_mock_session *session, struct kwire_mock *mock)
{
	struct kw_mock_login *login = &session->login;
	int64_t life_ms = session->sasl->session_ms;

	if (login->until_ms != 0) {
		int64_t left_ms = login->until_ms - kw_mock_wall_ms(mock);

		if (life_ms == 0 || left_ms < life_ms)
			life_ms = left_ms > 0 ? left_ms : 1;
	}
	session->stage = IN;
	session->mechanism = login->mechanism;
	memcpy(session->user, login->user, sizeof(session->user));
	session->ends_ms = life_ms > 0 ? kw_mock_loop_now(&mock->loop) + life_ms : 0;
	if (login->again)
		session->sasl->logins.renewed++;
	else
		session->sasl->logins.first++;
	return life_ms;
}

/* One token; `*life_ms` once the session is open. */
static enum kw_mock_progress take_token(struct kw_mock_session *session, struct kwire_mock *mock,
					const void *token, size_t size, int64_t *life_ms)
{
	enum kw_mock_progress progress = kw_mock_login_step(&session->login, session->sasl->users,
							    kw_mock_wall_ms(mock), token, size);

	*life_ms = 0;
	if (progress == KW_MOCK_LOGIN_DONE && change_refused(session) != NULL)
		progress = KW_MOCK_LOGIN_REFUSED;
	if (progress == KW_MOCK_LOGIN_DONE)
		*life_ms = enter(session, mock);
	if (progress == KW_MOCK_LOGIN_REFUSED)
		session->sasl->logins.refused++;
	return progress;
}

bool kw_mock_session_takes(struct kw_mock_peer *peer, const uint8_t *frame, size_t size)
{
	struct kw_mock_session *session = peer->session;
	uint8_t word[4];
	int64_t life_ms;

	if (session == NULL || session->stage != TOKENS || !session->raw)
		return false;
	if (take_token(session, peer->mock, frame, size, &life_ms) == KW_MOCK_LOGIN_REFUSED) {
		/* So old a broker says no by hanging up. */
		kw_mock_peer_finish(peer, false);
		return true;
	}
	for (int i = 0; i < 4; i++)
		word[i] = (uint8_t)(session->login.answer_size >> (24 - 8 * i));
	kw_mock_peer_put(peer, word, sizeof(word));
	kw_mock_peer_put(peer, session->login.answer, session->login.answer_size);
	return true;
}

/* ---------------------------------------------------------------- behaviours */

void kw_mock_on_sasl_handshake(struct kw_mock_exchange *exchange, const void *message)
{
	const struct kwire_sasl_handshake_request *request = message;
	struct kwire_sasl_handshake_response response = KWIRE_SASL_HANDSHAKE_RESPONSE_INIT;
	struct kw_mock_peer *peer = exchange->peer;
	struct kw_mock_session *session = peer != NULL ? peer->session : NULL;
	int wanted = request->mechanism.data == NULL
			     ? -1
			     : kw_mock_mechanism_of(request->mechanism.data,
						    (size_t)request->mechanism.size);
	int count = 0;

	if (session == NULL || (session->stage == IN && session->ends_ms == 0)) {
		response.error_code =
			ILLEGAL_SASL_STATE; /* no SASL listener, or no session's end */
		kw_mock_finish(exchange, &response);
		return;
	}
	while (kw_mock_mechanism(count) != NULL)
		count++;
	if (!KW_MOCK_ARRAY(exchange->mock, response.mechanisms, count)) {
		kw_mock_give_up(exchange);
		return;
	}
	response.mechanisms.count = 0;
	for (int i = 0; i < count; i++)
		if (session->sasl->offered & 1u << i)
			response.mechanisms.items[response.mechanisms.count++] = kwire_string(
				kw_mock_mechanism(i));
	if (wanted < 0 || !(session->sasl->offered & 1u << wanted)) {
		response.error_code = UNSUPPORTED_SASL_MECHANISM;
		session->sasl->logins.refused++;
		kw_mock_finish(exchange, &response);
		kw_mock_peer_finish(peer, false);
		return;
	}
	session->login.again = session->stage == IN;
	session->raw = exchange->request.api_version == 0;
	session->stage = TOKENS;
	kw_mock_login_begin(&session->login, wanted);
	kw_mock_finish(exchange, &response);
}

void kw_mock_on_sasl_authenticate(struct kw_mock_exchange *exchange, const void *message)
{
	const struct kwire_sasl_authenticate_request *request = message;
	struct kwire_sasl_authenticate_response response = KWIRE_SASL_AUTHENTICATE_RESPONSE_INIT;
	struct kw_mock_peer *peer = exchange->peer;
	struct kw_mock_session *session = peer != NULL ? peer->session : NULL;
	enum kw_mock_progress progress;

	response.error_message = kwire_string(NULL);
	if (session == NULL || session->stage != TOKENS) {
		response.error_code = ILLEGAL_SASL_STATE;
		response.error_message = kwire_string(
			"SaslAuthenticate request received after successful authentication");
		kw_mock_finish(exchange, &response);
		return;
	}
	progress = take_token(session, exchange->mock, request->auth_bytes.data,
			      request->auth_bytes.data != NULL ? (size_t)request->auth_bytes.size
							       : 0,
			      &response.session_lifetime_ms);
	if (progress == KW_MOCK_LOGIN_REFUSED) {
		response.error_code = SASL_AUTHENTICATION_FAILED;
		response.error_message = kwire_string(session->login.reason);
	} else {
		response.auth_bytes.data = (const uint8_t *)session->login.answer;
		response.auth_bytes.size = (int32_t)session->login.answer_size;
	}
	kw_mock_finish(exchange, &response);
	if (progress == KW_MOCK_LOGIN_REFUSED)
		kw_mock_peer_finish(peer, false);
}

/* ------------------------------------------------------------------- settings */

static void user_free(struct kw_mock_user *user)
{
	if (user->password != NULL)
		kw_wipe(user->password, strlen(user->password));
	kw_free(user->password);
	kw_free(user->name);
	kw_free(user);
}

void kw_mock_sasl_free(struct kw_mock_sasl *sasl)
{
	struct kw_mock_user *user;

	if (sasl == NULL)
		return;
	while ((user = sasl->users) != NULL) {
		sasl->users = user->next;
		user_free(user);
	}
	kw_free(sasl);
}

struct sasl_call {
	struct kw_mock_call call; /* first */
	const char *name;
	const char *password;
	int64_t ms;
	struct kwire_mock_logins logins;
};

/* Makes room for the settings where there is none yet. */
static struct kw_mock_sasl *settings_of(struct kw_mock_call *call)
{
	struct kwire_mock *mock = call->mock;

	if (mock->sasl == NULL)
		mock->sasl = kw_zalloc(mock->memory, sizeof(*mock->sasl));
	if (mock->sasl == NULL)
		call->result = kw_fail_memory(call->error);
	return mock->sasl;
}

static void set_sasl(struct kw_mock_call *call)
{
	const char *list = ((struct sasl_call *)call)->name;
	struct kw_mock_sasl *sasl = settings_of(call);
	unsigned offered = 0;

	if (sasl == NULL)
		return;
	if (strcmp(list, "off") == 0) {
		sasl->on = false;
		return;
	}
	while (*(list += strspn(list, ", ")) != '\0') {
		size_t size = strcspn(list, ", ");
		int number = kw_mock_mechanism_of(list, size);

		if (number < 0) {
			call->result = kw_fail(call->error, KWIRE_EINVAL,
					       "\"%.*s\" is no mechanism of the mock: PLAIN, "
					       "SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER, or off",
					       size > 40 ? 40 : (int)size, list);
			return;
		}
		offered |= 1u << number;
		list += size;
	}
	sasl->on = offered != 0;
	sasl->offered = offered;
}

int kwire_mock_set_sasl(struct kwire_mock *mock, const char *mechanisms, struct kwire_error *error)
{
	struct sasl_call c = {.name = mechanisms};

	if (mechanisms == NULL)
		return kw_fail(error, KWIRE_EINVAL, "no mechanism given");
	return kw_mock_run(mock, &c.call, set_sasl, error);
}

static void set_user(struct kw_mock_call *call)
{
	const struct sasl_call *c = (struct sasl_call *)call;
	struct kw_mock_sasl *sasl = settings_of(call);
	struct kw_mock_user **link, *user;

	if (sasl == NULL)
		return;
	for (link = &sasl->users; *link != NULL; link = &(*link)->next)
		if (strcmp((*link)->name, c->name) == 0) {
			user = *link;
			*link = user->next;
			user_free(user);
			break;
		}
	if (c->password == NULL)
		return;
	user = kw_zalloc(call->mock->memory, sizeof(*user));
	if (user != NULL) {
		user->name = kw_strdup(call->mock->memory, c->name);
		user->password = kw_strdup(call->mock->memory, c->password);
	}
	if (user == NULL || user->name == NULL || user->password == NULL) {
		if (user != NULL)
			user_free(user);
		call->result = kw_fail_memory(call->error);
		return;
	}
	user->next = sasl->users;
	sasl->users = user;
}

int kwire_mock_set_user(struct kwire_mock *mock, const char *username, const char *password,
			struct kwire_error *error)
{
	struct sasl_call c = {.name = username, .password = password};

	if (username == NULL || *username == '\0' || strlen(username) >= KW_MOCK_NAME_MAX)
		return kw_fail(error, KWIRE_EINVAL, "a user's name has 1 to %d bytes",
			       KW_MOCK_NAME_MAX - 1);
	return kw_mock_run(mock, &c.call, set_user, error);
}

static void set_session(struct kw_mock_call *call)
{
	struct kw_mock_sasl *sasl = settings_of(call);

	if (sasl != NULL)
		sasl->session_ms = ((struct sasl_call *)call)->ms;
}

int kwire_mock_set_session(struct kwire_mock *mock, int64_t ms, struct kwire_error *error)
{
	struct sasl_call c = {.ms = ms};

	if (ms < 0)
		return kw_fail(error, KWIRE_EINVAL, "a session lasts 0 (for ever) or more ms");
	return kw_mock_run(mock, &c.call, set_session, error);
}

static void get_logins(struct kw_mock_call *call)
{
	struct sasl_call *c = (struct sasl_call *)call;

	if (call->mock->sasl != NULL)
		c->logins = call->mock->sasl->logins;
}

struct kwire_mock_logins kwire_mock_logins(struct kwire_mock *mock)
{
	struct sasl_call c = {.ms = 0};

	kw_mock_run(mock, &c.call, get_logins, NULL);
	return c.logins;
}
