/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dumping the last requests, perhaps in a signal handler while another thread,
 * or the interrupted one, holds the lock: no lock is taken, nothing is
 * allocated, printf(3) is not called.  An entry that changes while it is read
 * is left out.
 */
#include "stats.h"

#include <string.h>

struct line {
	char text[400];
	size_t size;
};

static void put(struct line *line, const char *text)
{
	while (*text != '\0' && line->size < sizeof(line->text) - 1)
		line->text[line->size++] = *text++;
}

static void put_number(struct line *line, int64_t number)
{
	uint64_t left = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
	char digits[21];
	size_t at = sizeof(digits) - 1;

	digits[at] = '\0';
	do
		digits[--at] = (char)('0' + left % 10);
	while ((left /= 10) > 0);
	if (number < 0)
		put(line, "-");
	put(line, digits + at);
}

static void put_after(struct line *line, const char *what, int64_t us, int64_t since_us)
{
	if (us == 0)
		return;
	put(line, what);
	put_number(line, us - since_us);
	put(line, " us");
}

/*
 * A copy of an entry; false: it is empty, or was changed meanwhile: none of the
 * loads can come after the last.
 */
static bool copy_entry(const struct kw_recent *entry, struct kw_recent *copy, uint64_t number)
{
	if (atomic_load(&entry->number) != number)
		return false;
	atomic_init(&copy->broker, atomic_load_explicit(&entry->broker, memory_order_acquire));
	atomic_init(&copy->queued_us,
		    atomic_load_explicit(&entry->queued_us, memory_order_acquire));
	atomic_init(&copy->written_us,
		    atomic_load_explicit(&entry->written_us, memory_order_acquire));
	atomic_init(&copy->first_byte_us,
		    atomic_load_explicit(&entry->first_byte_us, memory_order_acquire));
	atomic_init(&copy->done_us, atomic_load_explicit(&entry->done_us, memory_order_acquire));
	atomic_init(&copy->request_bytes,
		    atomic_load_explicit(&entry->request_bytes, memory_order_acquire));
	atomic_init(&copy->response_bytes,
		    atomic_load_explicit(&entry->response_bytes, memory_order_acquire));
	atomic_init(&copy->id, atomic_load_explicit(&entry->id, memory_order_acquire));
	atomic_init(&copy->result, atomic_load_explicit(&entry->result, memory_order_acquire));
	atomic_init(&copy->api, atomic_load_explicit(&entry->api, memory_order_acquire));
	return atomic_load(&entry->number) == number;
}

static void format(struct line *line, uint64_t number, struct kw_recent *entry)
{
	const struct kw_watched_broker *broker = entry->broker;
	int16_t key = (int16_t)(entry->api & 0xffff);
	const char *name = kwire_api_name(key);
	int64_t queued_us = entry->queued_us;

	line->size = 0;
	put(line, "#");
	put_number(line, (int64_t)number);
	put(line, " ");
	if (name != NULL)
		put(line, name);
	else
		put_number(line, key);
	put(line, " v");
	put_number(line, entry->api >> 16);
	put(line, " id ");
	put_number(line, entry->id);
	put(line, " broker ");
	put_number(line, broker->node_id);
	put(line, " ");
	put(line, broker->host);
	put(line, ":");
	put_number(line, broker->port);
	put(line, " out ");
	put_number(line, entry->request_bytes);
	put(line, " in ");
	put_number(line, entry->response_bytes);
	put(line, " queued at ");
	put_number(line, queued_us);
	put(line, " us");
	put_after(line, ", written +", entry->written_us, queued_us);
	put_after(line, ", first byte +", entry->first_byte_us, queued_us);
	put_after(line, ", done +", entry->done_us, queued_us);
	put(line, ": ");
	put(line, entry->done_us == 0 ? "in flight" : kwire_result_text(entry->result));
	line->text[line->size++] = '\n';
}

void kw_recent_write(const struct kw_stats *stats, kwire_write_function *write, void *context)
{
	struct kw_recent copy;
	struct line line;
	uint64_t last, first;

	if (stats == NULL || stats->recent_count == 0 || write == NULL)
		return;
	last = atomic_load(&stats->last_number);
	first = last > stats->recent_count ? last - stats->recent_count + 1 : 1;
	for (uint64_t number = first; number <= last; number++) {
		if (!copy_entry(&stats->recent[number % stats->recent_count], &copy, number))
			continue;
		format(&line, number, &copy);
		if (write(context, line.text, line.size) != 0)
			return;
	}
}
