/* SPDX-License-Identifier: Apache-2.0 */
/* See soak.h: every record of the log against what its producer was told. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kwire/fetch.h>

#include "soak.h"

/* Notes one record; false: nobody produced it. */
static bool note(struct soak *soak, int32_t partition, const struct kwire_record *record,
		 int64_t *misplaced)
{
	char text[64];
	long long sequence;
	int number;
	size_t size = (size_t)record->value.size;
	struct soak_record *promised;

	if (record->value.data == NULL || size >= sizeof(text))
		return false;
	memcpy(text, record->value.data, size);
	text[size] = '\0';
	if (sscanf(text, "%d %lld", &number, &sequence) != 2 || number < 0 ||
	    number >= soak->thread_count || sequence < 0 ||
	    sequence >= soak->workers[number].record_count)
		return false;
	promised = &soak->workers[number].records[sequence];
	if (promised->found < UINT8_MAX)
		promised->found++;
	if (promised->partition != partition ||
	    (promised->fate == SOAK_ANSWERED && promised->offset != record->offset))
		(*misplaced)++;
	return true;
}

static int64_t read_partition(struct soak *soak, struct kwire_client *client, int32_t partition,
			      int64_t *strange, int64_t *misplaced)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_listed_offset end;
	int64_t offset = 0, records = 0;

	if (kwire_list_offset(client, soak->topic, partition, KWIRE_OFFSET_LATEST,
			      KWIRE_READ_UNCOMMITTED, &end, NULL, &error) != 0) {
		soak_say("partition %d: %s", (int)partition, error.message);
		return -1;
	}
	while (offset < end.offset) {
		struct kwire_fetched *fetched = NULL;
		struct kwire_record record;
		int got;

		if (kwire_fetch_partition(client, soak->topic, partition, offset, NULL, &fetched,
					  &error) != 0) {
			soak_say("partition %d at %lld: %s", (int)partition, (long long)offset,
				 error.message);
			return -1;
		}
		while ((got = kwire_fetched_next(fetched, 0, &record, &error)) == 1) {
			records++;
			*strange += !note(soak, partition, &record, misplaced);
		}
		offset = kwire_fetched_partition(fetched, 0)->next_offset;
		kwire_fetched_free(fetched);
		if (got < 0) {
			soak_say("partition %d: %s", (int)partition, error.message);
			return -1;
		}
	}
	return records;
}

/* Counts what contradicts a promise; prints the first of each sort. */
static int64_t judge(const struct soak *soak)
{
	static const char *const names[] = {"answered", "not sent or refused", "refused late",
					    "perhaps applied"};
	int64_t told[4] = {0}, absent[4] = {0}, once[4] = {0}, more[4] = {0};

	for (int i = 0; i < soak->thread_count; i++)
		for (int64_t at = 0; at < soak->workers[i].record_count; at++) {
			const struct soak_record *record = &soak->workers[i].records[at];

			told[record->fate]++;
			if (record->found == 0)
				absent[record->fate]++;
			else if (record->found == 1)
				once[record->fate]++;
			else
				more[record->fate]++;
		}
	printf("\n  produced, as it was told   records     in the log once   not there   twice\n");
	for (int i = 0; i < 4; i++)
		printf("  %-24s %10lld %19lld %11lld %7lld\n", names[i], (long long)told[i],
		       (long long)once[i], (long long)absent[i], (long long)more[i]);
	return absent[SOAK_ANSWERED] + more[SOAK_ANSWERED] + once[SOAK_NOT_THERE] +
	       more[SOAK_NOT_THERE] + more[SOAK_REFUSED];
}

int64_t soak_read_back(struct soak *soak, const char *bootstrap, int64_t *records)
{
	struct kwire_config *config = kwire_config_new();
	struct kwire_client *client = NULL;
	struct kwire_error error = KWIRE_ERROR_INIT;
	int64_t strange = 0, misplaced = 0, got = 0;

	*records = 0;
	for (int i = 0; i < soak->thread_count; i++)
		for (int64_t at = 0; at < soak->workers[i].record_count; at++)
			soak->workers[i].records[at].found = 0;
	if (kwire_config_set(config, "bootstrap.servers", bootstrap, &error) != 0 ||
	    kwire_client_open(config, &client, &error) != 0) {
		kwire_config_free(config);
		soak_say("cannot read back: %s", error.message);
		return -1;
	}
	kwire_config_free(config);
	for (int32_t i = 0; got >= 0 && i < SOAK_PARTITIONS; i++) {
		got = read_partition(soak, client, i, &strange, &misplaced);
		*records += got;
	}
	kwire_client_close(client);
	if (got < 0)
		return -1;
	if (strange + misplaced > 0)
		soak_say("%lld records that nobody produced, %lld in another place than was told",
			 (long long)strange, (long long)misplaced);
	return strange + misplaced + judge(soak);
}
