/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The broker's side of a SASL login: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, and
 * OAUTHBEARER as Kafka's unsecured validator takes it.  Tokens in, tokens out;
 * called by sasl.c, which knows what they are framed in.
 */
#ifndef KW_MOCK_LOGIN_H
#define KW_MOCK_LOGIN_H

#include <stdbool.h>

#include <kwire/message.h>

#include "../base/memory.h"

/* Who may log in. */
struct kw_mock_user {
	struct kw_mock_user *next;
	char *name;
	char *password;
};

enum kw_mock_progress {
	KW_MOCK_LOGIN_MORE,    /* `answer` to the client, which has to come back */
	KW_MOCK_LOGIN_DONE,    /* `answer`, and it is in */
	KW_MOCK_LOGIN_REFUSED, /* `reason` says why, as a broker would */
};

enum {
	KW_MOCK_NAME_MAX = 256,    /* of a user, with its NUL */
	KW_MOCK_TOKEN_MAX = 65536, /* bytes of a client's token */
};

struct kw_mock_login {
	struct kw_memory *memory;
	int mechanism;               /* kw_mock_mechanism_of(); -1: none chosen */
	int round;                   /* tokens taken */
	bool again;                  /* a session is being renewed */
	char user[KW_MOCK_NAME_MAX]; /* whom the tokens name */
	int64_t until_ms;            /* when a bearer token ends, since 1970; 0: never */
	char *first;                 /* SCRAM: what was said so far */
	size_t ours;                 /* where in it our part begins */
	char reason[256];            /* of a refusal */
	char answer[1024];
	size_t answer_size;
};

/* The number of a mechanism that is spoken here; -1: not.  And back; NULL beyond the last. */
int kw_mock_mechanism_of(const char *name, size_t size);
const char *kw_mock_mechanism(int number);

/* Begins afresh, by another mechanism perhaps. */
void kw_mock_login_begin(struct kw_mock_login *login, int mechanism);
void kw_mock_login_fini(struct kw_mock_login *login);

/* One token of the client's; `now_ms` since 1970. */
enum kw_mock_progress kw_mock_login_step(struct kw_mock_login *login,
					 const struct kw_mock_user *users, int64_t now_ms,
					 const void *token, size_t size);

#endif
