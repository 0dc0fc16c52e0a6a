/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer target: a records field as it comes.  The first byte chooses
 * whether checksums are checked, because no fuzzer guesses those.
 */
#include <stdlib.h>

#include <kwire/records.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint8_t sink;

static void touch(struct kwire_bytes bytes)
{
	if (bytes.data != NULL && bytes.size > 0)
		sink = (uint8_t)(bytes.data[0] ^ bytes.data[bytes.size - 1]);
}

static void touch_record(const struct kwire_record *record)
{
	struct kwire_headers headers = record->headers;
	struct kwire_header header;
	struct kwire_control control;

	touch(record->key);
	touch(record->value);
	while (kwire_headers_next(&headers, &header)) {
		touch(kwire_bytes_of(header.key.data, (size_t)header.key.size));
		touch(header.value);
	}
	kwire_control_read(record, &control, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kwire_reader_options options = KWIRE_READER_OPTIONS_INIT;
	struct kwire_batch_reader *reader = NULL;
	struct kwire_batch batch;
	struct kwire_record record;
	struct kwire_error error;
	int64_t next = -1;
	int result;

	if (size == 0)
		return 0;
	options.check_crcs = (data[0] & 1) != 0;
	options.decompressed_max_bytes = 1 << 20;
	if (kwire_batch_reader_new(&options, &reader, NULL) != 0)
		return 0;
	kwire_batch_reader_start(reader, kwire_bytes_of(data + 1, size - 1));
	while ((result = kwire_batch_reader_next(reader, &batch, &error)) != 0) {
		while (result > 0 &&
		       (result = kwire_batch_reader_record(reader, &record, &error)) > 0) {
			touch_record(&record);
			next = record.offset;
		}
		/* Whatever happens, the message says where. */
		if (result < 0 && error.message[0] == '\0')
			abort();
	}
	sink = (uint8_t)next;
	kwire_batch_reader_free(reader);
	return 0;
}
