/* SPDX-License-Identifier: Apache-2.0 */
/* See journal.h.  A ring of entries whose buffers are used again. */
#include "journal.h"

#include <string.h>

#include "cluster.h"

enum {
	MAX_FRAME = 1 << 20,  /* of a logged frame; a longer one is logged without its bytes */
	MAX_BYTES = 64 << 20, /* of all */
};

int kw_mock_journal_init(struct kwire_mock *mock, int32_t entries)
{
	struct kw_mock_journal *journal = &mock->journal;

	journal->capacity = (size_t)entries;
	journal->entries = kw_alloc_array(mock->memory, journal->capacity,
					  sizeof(*journal->entries));
	if (journal->entries == NULL)
		return KWIRE_ENOMEM;
	memset(journal->entries, 0, journal->capacity * sizeof(*journal->entries));
	return KWIRE_OK;
}

static void drop_bytes(struct kw_mock_journal *journal, struct kw_mock_entry *entry)
{
	journal->bytes -= entry->capacity;
	kw_free(entry->frame);
	entry->frame = NULL;
	entry->size = entry->capacity = 0;
}

void kw_mock_journal_fini(struct kwire_mock *mock)
{
	struct kw_mock_journal *journal = &mock->journal;

	if (journal->entries == NULL)
		return;
	for (size_t i = 0; i < journal->capacity; i++)
		drop_bytes(journal, &journal->entries[i]);
	kw_free(journal->entries);
}

static struct kw_mock_entry *slot(struct kw_mock_journal *journal, int64_t number)
{
	return &journal->entries[(size_t)number % journal->capacity];
}

static void keep_bytes(struct kwire_mock *mock, struct kw_mock_entry *entry, const uint8_t *frame,
		       size_t size)
{
	struct kw_mock_journal *journal = &mock->journal;
	uint8_t *data;

	entry->size = 0;
	if (size > MAX_FRAME)
		return;
	if (size > entry->capacity) {
		/* Makes room at the cost of the oldest. */
		for (int64_t i = journal->first;
		     journal->bytes + size > MAX_BYTES && i < journal->next; i++)
			drop_bytes(journal, slot(journal, i));
		data = kw_realloc(mock->memory, entry->frame, size);
		if (data == NULL)
			return;
		journal->bytes += size - entry->capacity;
		entry->frame = data;
		entry->capacity = size;
	}
	memcpy(entry->frame, frame, size);
	entry->size = size;
}

void kw_mock_journal_add(struct kwire_mock *mock, struct kwire_mock_request *request,
			 const uint8_t *frame, size_t size)
{
	struct kw_mock_journal *journal = &mock->journal;
	struct kw_mock_broker *broker = kw_mock_broker_find(mock, request->broker_id);
	struct kw_mock_entry *entry;

	request->number = journal->next;
	if (broker != NULL) {
		broker->seen_all++;
		if (request->api_key >= 0 && request->api_key < KW_MOCK_KEYS)
			broker->seen[request->api_key]++;
	}
	if (journal->next - journal->first == (int64_t)journal->capacity)
		journal->first++;
	entry = slot(journal, journal->next);
	entry->request = *request;
	keep_bytes(mock, entry, frame, size);
	journal->next++;
}

static bool fits(const struct kwire_mock_match *match, const struct kw_mock_entry *entry)
{
	return kw_mock_match_fits(match, entry->request.broker_id, entry->request.connection,
				  entry->request.api_key);
}

int64_t kw_mock_journal_count(struct kwire_mock *mock, const struct kwire_mock_match *match)
{
	struct kw_mock_journal *journal = &mock->journal;
	int64_t count = 0;

	if (match != NULL && (match->connection >= 0 || match->api_key >= KW_MOCK_KEYS)) {
		int64_t i = journal->first > journal->since ? journal->first : journal->since;

		for (; i < journal->next; i++)
			count += fits(match, slot(journal, i));
		return count;
	}
	for (int removed = 0; removed < 2; removed++) {
		struct kw_mock_broker *broker = removed ? mock->removed : mock->brokers;

		for (; broker != NULL; broker = broker->next)
			if (match == NULL || match->broker_id < 0 || match->broker_id == broker->id)
				count += match == NULL || match->api_key < 0
						 ? broker->seen_all
						 : broker->seen[match->api_key];
	}
	return count;
}

const struct kw_mock_entry *kw_mock_journal_find(struct kwire_mock *mock,
						 const struct kwire_mock_match *match, bool *lost)
{
	struct kw_mock_journal *journal = &mock->journal;
	int64_t skip = match != NULL ? match->skip : 0;
	int64_t from = journal->first > journal->since ? journal->first : journal->since;
	int64_t kept = 0;

	for (int64_t i = from; i < journal->next; i++)
		kept += match == NULL || fits(match, slot(journal, i));
	/* Those that fell out of the log came first. */
	skip -= kw_mock_journal_count(mock, match) - kept;
	*lost = skip < 0;
	if (*lost)
		return NULL;
	for (int64_t i = from; i < journal->next; i++) {
		if (match != NULL && !fits(match, slot(journal, i)))
			continue;
		if (skip-- > 0)
			continue;
		*lost = slot(journal, i)->size == 0;
		return *lost ? NULL : slot(journal, i);
	}
	return NULL;
}

void kw_mock_journal_forget(struct kwire_mock *mock)
{
	mock->journal.since = mock->journal.next;
	for (struct kw_mock_broker *broker = mock->brokers; broker != NULL; broker = broker->next) {
		memset(broker->seen, 0, sizeof(broker->seen));
		broker->seen_all = 0;
	}
	for (struct kw_mock_broker *broker = mock->removed; broker != NULL; broker = broker->next) {
		memset(broker->seen, 0, sizeof(broker->seen));
		broker->seen_all = 0;
	}
}
