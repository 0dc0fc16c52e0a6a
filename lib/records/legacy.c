/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The formats before Kafka 0.11, magic 0 and 1, which any broker may still send
 * from old segments.  A message is a batch of one record; a compressed one
 * wraps a set of messages, whose offsets are absolute in magic 0 and, in magic
 * 1, counted from 0, the wrapper having the offset of the last.  Called by
 * batch_reader.c only.
 */
#include "../base/error.h"
#include "batch.h"
#include "crc.h"
#include "varint.h"

#define CORRUPT(reader, error, ...) kw_batch_spoil((reader), (error), KWIRE_EDECODE, __VA_ARGS__)

/* One message taken apart; pointers go into it. */
struct message {
	int64_t offset;
	int64_t timestamp; /* -1 in magic 0 */
	struct kwire_bytes key;
	struct kwire_bytes value;
	uint8_t attributes;
};

static const uint8_t *read_bytes(const uint8_t *p, const uint8_t *end, struct kwire_bytes *bytes)
{
	int32_t size;

	if (end - p < 4)
		return NULL;
	size = (int32_t)kw_load_be32(p);
	p += 4;
	if (size < -1 || size > end - p)
		return NULL;
	bytes->data = size < 0 ? NULL : p;
	bytes->size = size < 0 ? 0 : size;
	return p + bytes->size;
}

/*
 * Takes apart the message at `p`, `size` bytes in all, which are enough for its
 * magic.  Returns NULL, or what is wrong with it.
 */
static const char *read_message(const uint8_t *p, size_t size, int magic, bool check_crc,
				struct message *message)
{
	const uint8_t *end = p + size;

	if (p[KW_BATCH_MAGIC] != magic)
		return "its magic differs from that of its set";
	if (size < KW_BATCH_PREFIX + (size_t)(magic == 0 ? KW_MESSAGE_LEAST : KW_MESSAGE_LEAST_1))
		return "it is shorter than a message can be";
	if (check_crc && kw_load_be32(p + KW_MESSAGE_CRC) !=
				 kw_crc32(0, p + KW_BATCH_MAGIC, size - KW_BATCH_MAGIC))
		return "its CRC-32 is wrong";
	message->offset = (int64_t)kw_load_be64(p);
	message->attributes = p[KW_MESSAGE_ATTRIBUTES];
	message->timestamp = magic == 0 ? -1 : (int64_t)kw_load_be64(p + KW_MESSAGE_TIMESTAMP);
	p += magic == 0 ? KW_MESSAGE_TIMESTAMP : KW_MESSAGE_TIMESTAMP + 8;
	if ((p = read_bytes(p, end, &message->key)) == NULL)
		return "its key is longer than the message";
	if ((p = read_bytes(p, end, &message->value)) == NULL)
		return "its value is longer than the message";
	if (p != end)
		return "its parts do not fill its size";
	return NULL;
}

int kw_legacy_open(struct kwire_batch_reader *reader, const uint8_t *at, size_t size,
		   struct kwire_error *error)
{
	struct kwire_batch *batch = &reader->batch;
	const int magic = at[KW_BATCH_MAGIC];
	struct message message;
	const char *wrong = read_message(at, size, magic, reader->check_crcs, &message);

	if (wrong != NULL)
		return CORRUPT(reader, error, "%s", wrong);
	batch->magic = (int8_t)magic;
	batch->codec = (enum kwire_codec)(message.attributes & KW_ATTRIBUTE_CODEC);
	batch->base_offset = batch->last_offset = message.offset;
	batch->max_timestamp = message.timestamp;
	batch->log_append_time = magic == 1 &&
				 (message.attributes & KW_ATTRIBUTE_LOG_APPEND_TIME) != 0;
	batch->record_count = 1;
	batch->delete_horizon_ms = batch->producer_id = -1;
	batch->base_sequence = batch->leader_epoch = -1;
	batch->producer_epoch = -1;
	batch->transactional = batch->control = false;
	reader->offset_shift = 0;
	if (message.offset < 0)
		return CORRUPT(reader, error, "its offset is impossible");
	if (batch->codec == KWIRE_CODEC_NONE) {
		reader->records = at;
		reader->records_end = at + size;
		reader->left = 1;
		reader->state = KW_BATCH_OPEN;
		return 1;
	}
	if (batch->codec > KWIRE_CODEC_LZ4)
		return CORRUPT(reader, error, "it names codec %d, which its format does not have",
			       (int)batch->codec);
	if (message.value.data == NULL)
		return CORRUPT(reader, error, "it is compressed, but has no value");
	batch->base_offset = -1;
	batch->record_count = -1;
	reader->packed = message.value.data;
	reader->packed_size = (size_t)message.value.size;
	reader->left = -1;
	reader->state = KW_BATCH_PACKED;
	return 1;
}

/* The message at `p` of a set that ends at `end`: its size in all, or 0 when it does not fit. */
static size_t message_size(const uint8_t *p, const uint8_t *end)
{
	int32_t size;

	if (end - p < KW_BATCH_LEAST + 1)
		return 0;
	size = (int32_t)kw_load_be32(p + KW_BATCH_LENGTH);
	if (size < KW_MESSAGE_LEAST || size > end - p - KW_BATCH_PREFIX)
		return 0;
	return (size_t)size + KW_BATCH_PREFIX;
}

int kw_legacy_unpack(struct kwire_batch_reader *reader, struct kwire_error *error)
{
	const struct kwire_batch *batch = &reader->batch;
	int64_t last = -1;
	size_t size;
	int result = kw_batch_unpack(reader, batch->magic == 0 ? KW_CODEC_LZ4_BROKEN : 0, error);

	if (result != KWIRE_OK)
		return result;
	for (const uint8_t *p = reader->records; p < reader->records_end; p += size) {
		size = message_size(p, reader->records_end);
		if (size == 0)
			return CORRUPT(reader, error, "byte %zu of its %zu begins no message",
				       (size_t)(p - reader->records),
				       (size_t)(reader->records_end - reader->records));
		last = (int64_t)kw_load_be64(p);
	}
	if (reader->records == reader->records_end)
		return CORRUPT(reader, error, "it is compressed, but holds no message");
	/* Old producers left a wrapper's offset at 0: then nothing is known but the inner ones. */
	if (batch->magic == 1 && batch->last_offset != 0) {
		if (last < 0 || last > batch->last_offset)
			return CORRUPT(reader, error, "its last message has the offset %lld",
				       (long long)last);
		reader->offset_shift = batch->last_offset - last;
	}
	return KWIRE_OK;
}

int kw_legacy_record(struct kwire_batch_reader *reader, struct kwire_record *record,
		     struct kwire_error *error)
{
	const struct kwire_batch *batch = &reader->batch;
	const bool wrapped = reader->left < 0;
	struct message message;
	const char *wrong;
	size_t size;

	if (reader->left == 0 || reader->records == reader->records_end)
		return 0;
	size = wrapped ? message_size(reader->records, reader->records_end)
		       : (size_t)(reader->records_end - reader->records);
	wrong = read_message(reader->records, size, batch->magic, wrapped && reader->check_crcs,
			     &message);
	if (wrong == NULL && wrapped && (message.attributes & KW_ATTRIBUTE_CODEC) != 0)
		wrong = "it is compressed within a compressed set";
	if (wrong == NULL &&
	    (message.offset < 0 || (batch->last_offset != 0 &&
				    message.offset > batch->last_offset - reader->offset_shift)))
		wrong = "its offset lies outside its set";
	if (wrong != NULL)
		return CORRUPT(reader, error, "a message in it: %s", wrong);
	record->offset = message.offset + reader->offset_shift;
	record->timestamp = wrapped && batch->log_append_time ? batch->max_timestamp
							      : message.timestamp;
	record->key = message.key;
	record->value = message.value;
	record->headers.next = NULL;
	record->headers.count = 0;
	record->sequence = -1;
	reader->records += size;
	if (!wrapped)
		reader->left = 0;
	return 1;
}
