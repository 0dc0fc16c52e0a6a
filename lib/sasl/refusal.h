/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Name and password that a broker refused: they are not presented again, at no
 * broker of the cluster, or an account would be locked by a program that keeps
 * calling.  It ends when others are given (a callback's, a file's, a reload's),
 * or after sasl.refused.retry.ms.  Shared by a client's connections (security.c);
 * exchange.c notes and asks.  Keeps a keyed digest, never a password.
 */
#ifndef KW_SASL_REFUSAL_H
#define KW_SASL_REFUSAL_H

#include "../base/lock.h"
#include "credentials.h"

enum {
	KW_REFUSAL_MARK = 32, /* bytes that stand for a name and a password */
};

struct kw_refusal {
	uint8_t key[KW_REFUSAL_MARK]; /* of this client; never changes */
	struct kw_mutex lock;         /* rank leaf */
	bool standing KW_GUARDED_BY(lock);
	uint8_t mark[KW_REFUSAL_MARK] KW_GUARDED_BY(lock); /* of what was refused */
	int64_t since_ms KW_GUARDED_BY(lock);
	struct kwire_error cause KW_GUARDED_BY(lock); /* in the broker's words */
};

int kw_refusal_init(struct kw_refusal *refusal, struct kwire_error *error);
void kw_refusal_fini(struct kw_refusal *refusal);

/* Whether anything stands refused: cheap, to ask before credentials are looked up. */
bool kw_refusal_stands(struct kw_refusal *refusal);

/* What stands for these credentials; 0 or KWIRE_ENOMEM. */
int kw_refusal_mark(const struct kw_refusal *refusal, struct kw_memory *memory,
		    const struct kw_credentials *credentials, uint8_t mark[KW_REFUSAL_MARK]);

/* 0, or KWIRE_EAUTH where these stand refused, `retry_ms` (-1: never) not being over. */
int kw_refusal_check(struct kw_refusal *refusal, const uint8_t mark[KW_REFUSAL_MARK],
		     int64_t retry_ms, struct kwire_error *error);

/* A broker refused these, with `cause`. */
void kw_refusal_note(struct kw_refusal *refusal, const uint8_t mark[KW_REFUSAL_MARK],
		     const struct kwire_error *cause);

/* A login succeeded, or the configuration changed. */
void kw_refusal_clear(struct kw_refusal *refusal);

#endif
