/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer target: compressed sets of messages of magic 0 and 1.  The input is
 * the wrapper's value; the wrapper around it is made here, so that the fuzzer
 * spends its time on what is inside.
 */
#include <stdlib.h>
#include <string.h>

#include <kwire/records.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint8_t sink;

static void store(uint8_t *p, uint64_t value, int bytes)
{
	while (bytes-- > 0) {
		p[bytes] = (uint8_t)value;
		value >>= 8;
	}
}

/* A wrapper of magic 0 or 1 around `data`; its size in all. */
static size_t wrap(uint8_t *p, uint8_t choice, const uint8_t *data, size_t size)
{
	const int magic = choice & 1;
	const size_t head = magic == 0 ? 26 : 34;

	memset(p, 0, head);
	store(p, choice >> 4, 8);
	store(p + 8, head - 12 + size, 4);
	p[16] = (uint8_t)magic;
	p[17] = (uint8_t)(choice >> 1 & 0x0f);
	store(p + head - 8, UINT32_MAX, 4);
	store(p + head - 4, size, 4);
	memcpy(p + head, data, size);
	return head + size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kwire_reader_options options = KWIRE_READER_OPTIONS_INIT;
	struct kwire_batch_reader *reader = NULL;
	struct kwire_batch batch;
	struct kwire_record record;
	uint8_t *field;
	int result;

	if (size == 0 || (field = malloc(size + 34)) == NULL)
		return 0;
	options.check_crcs = false;
	options.decompressed_max_bytes = 1 << 20;
	if (kwire_batch_reader_new(&options, &reader, NULL) == 0) {
		kwire_batch_reader_start(
			reader, kwire_bytes_of(field, wrap(field, data[0], data + 1, size - 1)));
		while ((result = kwire_batch_reader_next(reader, &batch, NULL)) != 0)
			while (result > 0 &&
			       (result = kwire_batch_reader_record(reader, &record, NULL)) > 0) {
				if (record.offset < 0)
					abort();
				if (record.value.size > 0)
					sink = record.value.data[record.value.size - 1];
				if (record.key.size > 0)
					sink = record.key.data[record.key.size - 1];
			}
	}
	kwire_batch_reader_free(reader);
	free(field);
	return 0;
}
