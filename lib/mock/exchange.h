/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request and what becomes of it: logged, shown to handlers, answered by
 * the mock's own behaviour, now or later; its answer passes through the faults
 * that were ordered for it.  Behaviours (metadata.c, fetch.c, ...) see only
 * this.  Loop's thread only.
 */
#ifndef KW_MOCK_EXCHANGE_H
#define KW_MOCK_EXCHANGE_H

#include <kwire/mock.h>

#include "../protocol/frame.h"
#include "rules.h"

struct kw_mock_peer;
struct kw_mock_broker;

enum kw_mock_place {
	KW_MOCK_LIVE,  /* being handled, or parked by a behaviour */
	KW_MOCK_KEPT,  /* waits for kwire_mock_take() */
	KW_MOCK_TAKEN, /* in a test's hands */
	KW_MOCK_COPY,  /* of a log entry: cannot be answered */
};

struct kw_mock_exchange {
	struct kwire_mock_request request;  /* first: what users see */
	struct kwire_mock *mock;            /* NULL: closed meanwhile */
	struct kw_memory *memory;           /* outlives the cluster */
	struct kw_mock_peer *peer;          /* NULL: gone */
	struct kw_mock_exchange *next;      /* of the peer */
	struct kw_mock_exchange *next_kept; /* kept or taken */
	const struct kwire_server_api *server;
	void *message;        /* decoded, owned */
	const uint8_t *frame; /* valid while handled, or owned */
	size_t frame_size;
	bool owns_frame;
	enum kw_mock_place place;
	int kept_by; /* id of the rule */
	bool blocks; /* those behind it wait */
	bool answered;
	int16_t forced_code; /* what a behaviour answers for each thing asked, changing nothing */
	struct kw_mock_hit *hits; /* faults that its answers meet */
	/* A parked exchange: called when its connection goes away before it is answered. */
	void (*cancel)(struct kw_mock_exchange *exchange);
	void *parking; /* its behaviour's */
};

/* More scratch memory, where `room` was not enough. */
struct kw_mock_chunk {
	struct kw_mock_chunk *next;
	size_t size;
	max_align_t data[];
};

/* What exchanges share: scratch memory that lives as long as one request is handled. */
struct kw_mock_frames {
	struct kw_frame frame;
	max_align_t room[4096]; /* first; then chunks, newest first */
	size_t used;            /* of the newest, or of room */
	struct kw_mock_chunk *chunks;
	struct kw_mock_exchange *spare;
	struct kw_mock_exchange *dead; /* freed when nothing is under way */
	struct kw_mock_exchange *kept; /* oldest first */
	struct kw_mock_exchange *taken;
};

/* An API's own behaviour: answers, parks, or does neither (never an answer). */
typedef void kw_mock_behaviour(struct kw_mock_exchange *exchange, const void *request);

/* A request frame came, length word taken off; `frame` is borrowed. */
void kw_mock_exchange_begin(struct kw_mock_peer *peer, const uint8_t *frame, size_t size);

/* Answers with a response struct in the request's version. */
int kw_mock_answer(struct kw_mock_exchange *exchange, const void *response,
		   struct kwire_error *error);
/* The same in a version that is not the request's (ApiVersions' fallback). */
int kw_mock_answer_in(struct kw_mock_exchange *exchange, int16_t version, const void *response,
		      struct kwire_error *error);
int kw_mock_answer_bytes(struct kw_mock_exchange *exchange, const void *body, size_t size,
			 struct kwire_error *error);
int kw_mock_answer_raw(struct kw_mock_exchange *exchange, const void *data, size_t size,
		       struct kwire_error *error);
/* error_answers.c: a Kafka error wherever the response has room for it. */
int kw_mock_answer_error(struct kw_mock_exchange *exchange, int16_t code,
			 struct kwire_error *error);
/* What the mock itself would answer. */
void kw_mock_answer_default(struct kw_mock_exchange *exchange);

/* The answer comes later, from a timer or another request; those behind it wait. */
void kw_mock_park(struct kw_mock_exchange *exchange, void *parking,
		  void (*cancel)(struct kw_mock_exchange *exchange));
/* Ends what was parked, after its answer: frees it; its connection goes on when the round ends. */
void kw_mock_unpark(struct kw_mock_exchange *exchange);

/* The connection is gone. */
void kw_mock_exchanges_orphan(struct kw_mock_peer *peer);

/* Memory for a response, until the request is handled; NULL: none left. */
void *kw_mock_scratch(struct kwire_mock *mock, size_t count, size_t size);
/* A copy of text there; null when there is no memory left. */
struct kwire_string kw_mock_scratch_text(struct kwire_mock *mock, const char *text);

void kw_mock_exchange_free(struct kw_mock_exchange *exchange);

/* A copy of a logged request, decoded, for a user; NULL: out of memory. */
struct kw_mock_exchange *kw_mock_exchange_copy(struct kwire_mock *mock,
					       const struct kwire_mock_request *request,
					       const uint8_t *frame, size_t size);

/* Kept requests: the oldest that fits becomes the caller's; all of a rule's are let go. */
struct kw_mock_exchange *kw_mock_take_kept(struct kwire_mock *mock,
					   const struct kwire_mock_match *match);
void kw_mock_release_kept(struct kwire_mock *mock, int rule_id);

void kw_mock_frames_fini(struct kwire_mock *mock);

/* behaviours.c: by key; NULL: none. */
kw_mock_behaviour *kw_mock_behaviour_of(int16_t api_key);
/* servers.c: how an API is read and written; NULL: not known. */
const struct kwire_server_api *kw_mock_server(int16_t api_key);

#endif
