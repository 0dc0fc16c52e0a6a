/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log of requests: the last ones whole, all of them counted.  Loop's
 * thread only.
 */
#ifndef KW_MOCK_JOURNAL_H
#define KW_MOCK_JOURNAL_H

#include <kwire/mock.h>

struct kw_mock_entry {
	struct kwire_mock_request request; /* no client_id, body, message */
	uint8_t *frame; /* after the length word; kept for the next user of the slot */
	size_t size;
	size_t capacity;
};

struct kw_mock_journal {
	struct kw_mock_entry *entries;
	size_t capacity;
	int64_t first; /* number of the oldest that is kept */
	int64_t next;  /* number of the next */
	int64_t since; /* number of the first after kwire_mock_forget() */
	size_t bytes;
};

int kw_mock_journal_init(struct kwire_mock *mock, int32_t entries);
void kw_mock_journal_fini(struct kwire_mock *mock);

/* Notes a request; numbers it. */
void kw_mock_journal_add(struct kwire_mock *mock, struct kwire_mock_request *request,
			 const uint8_t *frame, size_t size);

int64_t kw_mock_journal_count(struct kwire_mock *mock, const struct kwire_mock_match *match);

/* The request after the first `skip` that fit; NULL: not yet, or (`*lost`) no longer. */
const struct kw_mock_entry *kw_mock_journal_find(struct kwire_mock *mock,
						 const struct kwire_mock_match *match, bool *lost);

void kw_mock_journal_forget(struct kwire_mock *mock);

#endif
