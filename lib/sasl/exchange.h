/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One login as Kafka frames it: what to send, what the answer meant, and when
 * it is over.  Frames in, frames out, no I/O: authenticate.c carries it over a
 * transport when a connection is made, lib/connection through its own dispatch
 * when a session is renewed.
 */
#ifndef KW_SASL_EXCHANGE_H
#define KW_SASL_EXCHANGE_H

#include <kwire/sasl.h>

#include "../config/config.h"

/*
 * Correlation ids from here up to INT32_MAX belong to logins; a connection
 * hands out lower ones, so the two never meet.
 */
#define KW_SASL_FIRST_ID (INT32_MAX - 7)

enum {
	KW_SASL_FRAME_MAX = 1 << 20, /* bytes of an answer; a longer one is refused */
};

struct kw_refusal; /* refusal.h */
struct kw_sasl_exchange;

struct kw_sasl_options {
	const struct kwire_config *config; /* settings, callbacks, mechanisms; gets a reference */
	const char *host;                  /* the broker's name; copied */
	int port;
	int64_t deadline_ms; /* for callbacks */
	/* The broker's highest version of each API, -1: not offered. */
	bool versions_known; /* false: it is asked first */
	int16_t handshake_max;
	int16_t authenticate_max;
	const char *mechanism;      /* the one to renew a session by; NULL: as configured */
	int first_choice;           /* of the configured mechanisms, which to try first */
	struct kw_refusal *refusal; /* what was refused before; outlives the login.  NULL: none */
};

/* Whether a mechanism presents name and password. */
bool kw_sasl_wants_credentials(const char *mechanism);

/* Prepares a login; asks the program for its credentials, which may block. */
int kw_sasl_exchange_new(struct kw_memory *memory, const struct kw_sasl_options *options,
			 struct kw_sasl_exchange **exchange, struct kwire_error *error);

/* Wipes and frees; takes NULL. */
void kw_sasl_exchange_free(struct kw_sasl_exchange *exchange);

/* Whether the login is over; it succeeded unless `receive` said otherwise. */
bool kw_sasl_exchange_done(const struct kw_sasl_exchange *exchange);

/*
 * The frame to send now, its size word included; borrowed until the next call.
 * Its correlation id, if it has one, is in `*correlation_id` (raw tokens: -1).
 */
void kw_sasl_exchange_frame(const struct kw_sasl_exchange *exchange, const uint8_t **frame,
			    size_t *size, int32_t *correlation_id);

/* Tells hooks of that frame, or of the answer to it, before it is taken. */
void kw_sasl_exchange_watch(const struct kw_sasl_exchange *exchange, bool response,
			    const uint8_t *data, size_t size);

/* Takes the answer to it: the `size` bytes that followed its size word. */
int kw_sasl_exchange_receive(struct kw_sasl_exchange *exchange, const uint8_t *data, size_t size,
			     struct kwire_error *error);

/* What it means that the broker closed instead of answering; returns the result. */
int kw_sasl_exchange_closed(const struct kw_sasl_exchange *exchange, struct kwire_error *error);

/* Milliseconds until the broker wants the next login, 0: never. */
int64_t kw_sasl_exchange_lifetime(const struct kw_sasl_exchange *exchange);

/* The mechanism in use; static or the exchange's. */
const char *kw_sasl_exchange_mechanism(const struct kw_sasl_exchange *exchange);

/*
 * After KWIRE_EUNSUPPORTED for a mechanism that this broker does not offer while
 * it offers another of the configured ones: the number of that one, for
 * first_choice on a new connection (a broker closes the old one).  -1: none.
 */
int kw_sasl_exchange_choice(const struct kw_sasl_exchange *exchange);

#endif
