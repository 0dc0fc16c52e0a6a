/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader of record batches: goes from batch to batch, checks each one's
 * checksum and header, decompresses it when its first record is asked for, and
 * takes its records one by one.  Magic 2 is here; legacy.c has what is older.
 *
 * Everything that is read may be hostile.  Pointers are compared, never added to
 * before the comparison; counts are held against the bytes there are.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../base/error.h"
#include "batch.h"
#include "crc.h"
#include "prefetch.h"
#include "varint.h"

#define DEFAULT_MAX_BYTES ((int64_t)128 << 20)
#define DEFAULT_MAX_RATIO 2000

const uint8_t *kw_varint_long(const uint8_t *p, const uint8_t *end, int max, uint64_t *value)
{
	const unsigned last_bits = max == 5 ? 0x0f : 0x01; /* what the last byte may hold */
	uint64_t sum = 0;

	for (int i = 0; i < max && p < end; i++) {
		uint8_t byte = *p++;

		if (i == max - 1 && byte > last_bits)
			return NULL;
		sum |= (uint64_t)(byte & 0x7f) << 7 * i;
		if (byte < 0x80) {
			*value = sum;
			return p;
		}
	}
	return NULL;
}

int kw_batch_reader_new(struct kw_memory *memory, const struct kwire_reader_options *options,
			struct kwire_batch_reader **reader, struct kwire_error *error)
{
	struct kwire_batch_reader *new;
	int64_t max_bytes = options->decompressed_max_bytes;
	int32_t max_ratio = options->decompressed_max_ratio;

	if (max_bytes < 0 || max_ratio < 0)
		return kw_fail(error, KWIRE_EINVAL, "a reader's limits must not be negative");
	if (max_bytes == 0)
		max_bytes = DEFAULT_MAX_BYTES;
	if (max_bytes > INT32_MAX)
		max_bytes = INT32_MAX;
	new = kw_zalloc(memory, sizeof(*new));
	if (new == NULL)
		return kw_fail_memory(error);
	new->memory = kw_memory_get(memory);
	kw_codecs_init(&new->codecs, memory);
	kw_growing_init(&new->buffer, memory);
	new->limits.max_bytes = (size_t)max_bytes;
	new->limits.max_ratio = (size_t)(max_ratio == 0 ? DEFAULT_MAX_RATIO : max_ratio);
	new->check_crcs = options->check_crcs;
	*reader = new;
	return KWIRE_OK;
}

int kwire_batch_reader_new(const struct kwire_reader_options *options,
			   struct kwire_batch_reader **reader, struct kwire_error *error)
{
	static const struct kwire_reader_options defaults = KWIRE_READER_OPTIONS_INIT;
	struct kw_memory *memory;
	int result;

	if (reader == NULL || (options != NULL && options->size < sizeof(*options)))
		return kw_fail(error, KWIRE_EINVAL, "a reader's options need their INIT macro");
	if (options == NULL)
		options = &defaults;
	memory = kw_memory_new(options->allocator, 0);
	if (memory == NULL)
		return kw_fail_memory(error);
	result = kw_batch_reader_new(memory, options, reader, error);
	kw_memory_put(memory);
	return result;
}

void kwire_batch_reader_free(struct kwire_batch_reader *reader)
{
	struct kw_memory *memory;

	if (reader == NULL)
		return;
	memory = reader->memory;
	kw_growing_fini(&reader->buffer);
	kw_codecs_fini(&reader->codecs);
	kw_free(reader);
	kw_memory_put(memory);
}

void kwire_batch_reader_start(struct kwire_batch_reader *reader, struct kwire_bytes records)
{
	reader->start = reader->next = reader->end = records.data;
	if (records.data != NULL && records.size > 0)
		reader->end = records.data + records.size;
	reader->cut = 0;
	reader->state = KW_BATCH_NONE;
}

int64_t kwire_batch_reader_cut(const struct kwire_batch_reader *reader)
{
	return reader->cut;
}

int kw_batch_spoil(struct kwire_batch_reader *reader, struct kwire_error *error, int result,
		   const char *format, ...)
{
	char what[256];
	va_list arguments;

	reader->state = KW_BATCH_NONE;
	if (error == NULL)
		return result;
	va_start(arguments, format);
	vsnprintf(what, sizeof(what), format, arguments);
	va_end(arguments);
	return kw_fail_in(error, result, KWIRE_PHASE_DECODE,
			  "batch at offset %lld (byte %zu of the records): %s",
			  (long long)(int64_t)kw_load_be64(reader->batch.raw.data),
			  (size_t)(reader->batch.raw.data - reader->start), what);
}

#define CORRUPT(reader, error, ...) kw_batch_spoil((reader), (error), KWIRE_EDECODE, __VA_ARGS__)

/* Checks the batch in reader->batch.raw, and describes it. */
static int open_v2(struct kwire_batch_reader *reader, struct kwire_error *error)
{
	struct kwire_batch *batch = &reader->batch;
	const uint8_t *p = batch->raw.data;
	const size_t size = (size_t)batch->raw.size;
	uint16_t attributes;
	int64_t base_timestamp;

	if (size < KW_BATCH_HEADER)
		return CORRUPT(reader, error, "its length of %zu is less than its header",
			       size - KW_BATCH_PREFIX);
	if (reader->check_crcs) {
		uint32_t stored = kw_load_be32(p + KW_BATCH_CRC);
		uint32_t sum = kw_crc32c(0, p + KW_BATCH_ATTRIBUTES, size - KW_BATCH_ATTRIBUTES);

		if (stored != sum)
			return CORRUPT(reader, error,
				       "its CRC-32C is %08lx, but its bytes make %08lx",
				       (unsigned long)stored, (unsigned long)sum);
	}
	attributes = kw_load_be16(p + KW_BATCH_ATTRIBUTES);
	base_timestamp = (int64_t)kw_load_be64(p + KW_BATCH_BASE_TIMESTAMP);
	reader->base_timestamp = base_timestamp;
	reader->last_offset_delta = (int32_t)kw_load_be32(p + KW_BATCH_LAST_DELTA);
	batch->base_offset = (int64_t)kw_load_be64(p + KW_BATCH_OFFSET);
	batch->max_timestamp = (int64_t)kw_load_be64(p + KW_BATCH_MAX_TIMESTAMP);
	batch->delete_horizon_ms = (attributes & KW_ATTRIBUTE_DELETE_HORIZON) != 0 ? base_timestamp
										   : -1;
	batch->producer_id = (int64_t)kw_load_be64(p + KW_BATCH_PRODUCER_ID);
	batch->base_sequence = (int32_t)kw_load_be32(p + KW_BATCH_SEQUENCE);
	batch->leader_epoch = (int32_t)kw_load_be32(p + KW_BATCH_EPOCH);
	batch->record_count = (int32_t)kw_load_be32(p + KW_BATCH_COUNT);
	batch->producer_epoch = (int16_t)kw_load_be16(p + KW_BATCH_PRODUCER_EPOCH);
	batch->magic = 2;
	batch->codec = (enum kwire_codec)(attributes & KW_ATTRIBUTE_CODEC);
	batch->log_append_time = (attributes & KW_ATTRIBUTE_LOG_APPEND_TIME) != 0;
	batch->transactional = (attributes & KW_ATTRIBUTE_TRANSACTIONAL) != 0;
	batch->control = (attributes & KW_ATTRIBUTE_CONTROL) != 0;

	if (kwire_codec_name(batch->codec) == NULL)
		return CORRUPT(reader, error, "it names codec %d, which there is not",
			       (int)batch->codec);
	if (batch->base_offset < 0 || reader->last_offset_delta < 0 ||
	    batch->base_offset > INT64_MAX - reader->last_offset_delta)
		return CORRUPT(reader, error, "its offsets are impossible (last delta %ld)",
			       (long)reader->last_offset_delta);
	batch->last_offset = batch->base_offset + reader->last_offset_delta;
	if (batch->record_count < 0)
		return CORRUPT(reader, error, "it claims %ld records", (long)batch->record_count);
	reader->packed = p + KW_BATCH_HEADER;
	reader->packed_size = size - KW_BATCH_HEADER;
	if (batch->codec == KWIRE_CODEC_NONE) {
		reader->records = reader->packed;
		reader->records_end = reader->packed + reader->packed_size;
		if ((size_t)batch->record_count > reader->packed_size / KW_RECORD_LEAST)
			return CORRUPT(reader, error, "it claims %ld records in %zu bytes",
				       (long)batch->record_count, reader->packed_size);
		reader->state = KW_BATCH_OPEN;
		/* From any place in this batch, at most to the end of the field. */
		reader->ahead = reader->end - reader->next < batch->raw.size
					? reader->end - reader->next
					: batch->raw.size;
	} else if (batch->record_count == 0 && reader->packed_size == 0) {
		reader->records = reader->records_end = reader->packed;
		reader->state = KW_BATCH_OPEN;
	} else {
		if (batch->record_count == 0 || reader->packed_size == 0)
			return CORRUPT(reader, error, "it claims %ld records in %zu bytes",
				       (long)batch->record_count, reader->packed_size);
		reader->state = KW_BATCH_PACKED;
	}
	reader->left = batch->record_count;
	return 1;
}

int kwire_batch_reader_next(struct kwire_batch_reader *reader, struct kwire_batch *batch,
			    struct kwire_error *error)
{
	const uint8_t *p = reader->next;
	const size_t left = (size_t)(reader->end - p);
	int32_t length;
	int8_t magic;
	int result;

	reader->state = KW_BATCH_NONE;
	if (left < KW_BATCH_PREFIX) {
		if (left > 0 && reader->cut == 0)
			reader->cut = KW_BATCH_LEAST;
		return 0;
	}
	length = (int32_t)kw_load_be32(p + KW_BATCH_LENGTH);
	reader->batch.raw.data = p;
	if (length < KW_MESSAGE_LEAST) {
		/* Where the next one begins is anybody's guess. */
		reader->next = reader->end;
		return CORRUPT(reader, error, "its length is %ld; what follows it is lost",
			       (long)length);
	}
	if ((size_t)length > left - KW_BATCH_PREFIX) {
		reader->cut = (int64_t)length + KW_BATCH_PREFIX;
		return 0;
	}
	reader->batch.raw.size = length + KW_BATCH_PREFIX;
	reader->next = p + reader->batch.raw.size;
	magic = (int8_t)p[KW_BATCH_MAGIC];
	if (magic == 2)
		result = open_v2(reader, error);
	else if (magic == 0 || magic == 1)
		result = kw_legacy_open(reader, p, (size_t)reader->batch.raw.size, error);
	else
		result = CORRUPT(reader, error, "its format (magic %d) is unknown", magic);
	if (result > 0)
		*batch = reader->batch;
	return result;
}

int kw_batch_unpack(struct kwire_batch_reader *reader, unsigned flags, struct kwire_error *error)
{
	struct kwire_error cause = kw_no_error();
	size_t size = 0;
	int result = kw_decompress(&reader->codecs, reader->batch.codec, flags, reader->packed,
				   reader->packed_size, &reader->limits, &reader->buffer, &size,
				   &cause);

	if (result != KWIRE_OK)
		return kw_batch_spoil(reader, error, result, "%s", cause.message);
	reader->records = reader->buffer.data;
	/* An empty section may have no buffer at all. */
	reader->records_end = size > 0 ? reader->buffer.data + size : reader->buffer.data;
	reader->state = KW_BATCH_OPEN;
	reader->ahead = 0;
	return KWIRE_OK;
}

/* A length and as many bytes, -1 for null; returns what follows, or NULL. */
static inline const uint8_t *read_bytes(const uint8_t *p, const uint8_t *end,
					struct kwire_bytes *bytes)
{
	int32_t size;

	p = kw_varint(p, end, &size);
	if (p == NULL || size > end - p)
		return NULL;
	if (size >= 0) {
		bytes->data = p;
		bytes->size = size;
		return p + size;
	}
	bytes->data = NULL;
	bytes->size = 0;
	return size == -1 ? p : NULL;
}

static const uint8_t *skip_headers(const uint8_t *p, const uint8_t *end, int32_t count)
{
	struct kwire_bytes bytes;

	while (count-- > 0) {
		p = read_bytes(p, end, &bytes);
		if (p == NULL || bytes.data == NULL || (p = read_bytes(p, end, &bytes)) == NULL)
			return NULL;
	}
	return p;
}

__attribute__((noinline, cold)) static int corrupt_record(struct kwire_batch_reader *reader,
							  struct kwire_error *error,
							  const char *what)
{
	return CORRUPT(reader, error, "record %ld of %ld: %s",
		       (long)(reader->batch.record_count - reader->left),
		       (long)reader->batch.record_count, what);
}

static int record_v2(struct kwire_batch_reader *reader, struct kwire_record *record,
		     struct kwire_error *error)
{
	const struct kwire_batch *batch = &reader->batch;
	const uint8_t *p = reader->records, *end = reader->records_end;
	int32_t length, offset_delta, headers;
	int64_t timestamp_delta;

	p = kw_varint(p, end, &length);
	if (p == NULL || length > end - p || length < KW_RECORD_LEAST - 1)
		return corrupt_record(reader, error, "its length is wrong");
	end = p + length;
	/* p[0], its attributes, mean nothing so far. */
	if ((p = kw_varlong(p + 1, end, &timestamp_delta)) == NULL ||
	    (p = kw_varint(p, end, &offset_delta)) == NULL)
		return corrupt_record(reader, error, "its timestamp or offset is cut off");
	if ((uint32_t)offset_delta > (uint32_t)reader->last_offset_delta)
		return corrupt_record(reader, error, "its offset lies outside the batch");
	if ((p = read_bytes(p, end, &record->key)) == NULL)
		return corrupt_record(reader, error, "its key is longer than the record");
	if ((p = read_bytes(p, end, &record->value)) == NULL)
		return corrupt_record(reader, error, "its value is longer than the record");
	if ((p = kw_varint(p, end, &headers)) == NULL)
		return corrupt_record(reader, error, "its header count is cut off");
	record->headers.next = p;
	record->headers.count = headers;
	if (headers != 0) {
		if (headers < 0 || headers > (end - p) / 2)
			return corrupt_record(reader, error, "its header count is wrong");
		if ((p = skip_headers(p, end, headers)) == NULL)
			return corrupt_record(reader, error, "a header is wrong");
	}
	if (p != end)
		return corrupt_record(reader, error, "its parts do not fill its length");
	record->offset = batch->base_offset + offset_delta;
	record->timestamp = batch->log_append_time ? batch->max_timestamp
						   : (int64_t)((uint64_t)reader->base_timestamp +
							       (uint64_t)timestamp_delta);
	record->sequence = batch->base_sequence < 0 ? -1
						    : (int32_t)(((uint32_t)batch->base_sequence +
								 (uint32_t)offset_delta) &
								INT32_MAX);
	/* The next batch will be summed: each record brings in as much of it as it is long. */
	kw_prefetch(end + reader->ahead, (size_t)length);
	reader->records = end;
	reader->left--;
	return 1;
}

/* What happens once a batch: before its first record. */
static int unpack(struct kwire_batch_reader *reader, struct kwire_error *error)
{
	size_t size;
	int result;

	if (reader->batch.magic < 2)
		return kw_legacy_unpack(reader, error);
	result = kw_batch_unpack(reader, 0, error);
	if (result != KWIRE_OK)
		return result;
	size = (size_t)(reader->records_end - reader->records);
	if ((size_t)reader->left > size / KW_RECORD_LEAST)
		return CORRUPT(reader, error, "it claims %ld records in %zu bytes",
			       (long)reader->left, size);
	return KWIRE_OK;
}

int kwire_batch_reader_record(struct kwire_batch_reader *reader, struct kwire_record *record,
			      struct kwire_error *error)
{
	int result;

	if (reader->state != KW_BATCH_OPEN) {
		if (reader->state == KW_BATCH_NONE)
			return 0;
		result = unpack(reader, error);
		if (result != KWIRE_OK)
			return result;
	}
	if (reader->batch.magic < 2)
		return kw_legacy_record(reader, record, error);
	if (reader->left > 0)
		return record_v2(reader, record, error);
	if (reader->records != reader->records_end)
		return CORRUPT(reader, error, "%zu bytes follow its last record",
			       (size_t)(reader->records_end - reader->records));
	return 0;
}

/* A varint that was checked before. */
static const uint8_t *varint_again(const uint8_t *p, int32_t *value)
{
	uint32_t raw = 0;
	int shift = 0;

	for (; *p >= 0x80; shift += 7)
		raw |= (uint32_t)(*p++ & 0x7f) << shift;
	raw |= (uint32_t)*p++ << shift;
	*value = (int32_t)(raw >> 1 ^ (0u - (raw & 1)));
	return p;
}

bool kwire_headers_next(struct kwire_headers *headers, struct kwire_header *header)
{
	const uint8_t *p = headers->next;
	int32_t size;

	if (headers->count <= 0)
		return false;
	p = varint_again(p, &size);
	header->key.data = (const char *)p;
	header->key.size = size;
	p = varint_again(p + size, &size);
	header->value.data = size < 0 ? NULL : p;
	header->value.size = size < 0 ? 0 : size;
	headers->next = p + header->value.size;
	headers->count--;
	return true;
}

bool kwire_headers_find(struct kwire_headers headers, const char *key, struct kwire_header *header)
{
	const size_t size = strlen(key);
	struct kwire_header candidate;
	bool found = false;

	while (kwire_headers_next(&headers, &candidate))
		if ((size_t)candidate.key.size == size &&
		    memcmp(candidate.key.data, key, size) == 0) {
			*header = candidate;
			found = true;
		}
	return found;
}
