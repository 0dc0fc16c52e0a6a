/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The builder of record batches of magic 2.  Records go into one growing buffer
 * behind room for the header, so an uncompressed batch is done where it stands;
 * a compressed one is made from it in a second buffer.  Both are kept.
 *
 * It refuses what a broker would refuse, while the caller still knows why.
 */
#include <string.h>

#include "../base/error.h"
#include "batch.h"
#include "crc.h"
#include "prefetch.h"
#include "varint.h"

struct kwire_batch_builder {
	struct kw_memory *memory;
	struct kw_codecs codecs;
	struct kwire_batch_options options;
	bool begun;
	struct kw_growing plain;  /* header and records */
	struct kw_growing packed; /* header and compressed records */
	size_t size;              /* of what is in plain */
	int32_t count;
	int64_t base_timestamp;
	int64_t max_timestamp;
};

int kwire_batch_builder_new(const struct kwire_allocator *allocator,
			    struct kwire_batch_builder **builder, struct kwire_error *error)
{
	struct kwire_batch_builder *new;
	struct kw_memory *memory;

	if (builder == NULL)
		return kw_fail(error, KWIRE_EINVAL, "no place for the builder");
	memory = kw_memory_new(allocator, 0);
	if (memory == NULL)
		return kw_fail_memory(error);
	new = kw_zalloc(memory, sizeof(*new));
	if (new == NULL) {
		kw_memory_put(memory);
		return kw_fail_memory(error);
	}
	new->memory = memory;
	kw_codecs_init(&new->codecs, memory);
	kw_growing_init(&new->plain, memory);
	kw_growing_init(&new->packed, memory);
	*builder = new;
	return KWIRE_OK;
}

void kwire_batch_builder_free(struct kwire_batch_builder *builder)
{
	struct kw_memory *memory;

	if (builder == NULL)
		return;
	memory = builder->memory;
	kw_growing_fini(&builder->plain);
	kw_growing_fini(&builder->packed);
	kw_codecs_fini(&builder->codecs);
	kw_free(builder);
	kw_memory_put(memory);
}

static int check(const struct kwire_batch_options *options, struct kwire_error *error)
{
	const bool producer = options->producer_id >= 0;

	if (options->size < sizeof(*options))
		return kw_fail(error, KWIRE_EINVAL, "a batch's options need their INIT macro");
	if (options->producer_id < -1)
		return kw_fail(error, KWIRE_EINVAL, "the producer id %lld is negative",
			       (long long)options->producer_id);
	if (producer != (options->producer_epoch >= 0) || options->producer_epoch < -1)
		return kw_fail(error, KWIRE_EINVAL,
			       "a producer id and a producer epoch need each other");
	/* The markers that end a transaction have a producer, but no place in its sequence. */
	if (!options->control &&
	    (producer != (options->base_sequence >= 0) || options->base_sequence < -1))
		return kw_fail(error, KWIRE_EINVAL,
			       "a producer id and a base sequence need each other");
	if (options->transactional && !producer)
		return kw_fail(error, KWIRE_EINVAL, "a transactional batch needs a producer id");
	if (options->max_bytes < 0)
		return kw_fail(error, KWIRE_EINVAL, "max_bytes is negative");
	if (options->control && options->codec != KWIRE_CODEC_NONE)
		return kw_fail(error, KWIRE_EINVAL, "a control batch is not compressed");
	return kw_codec_check(options->codec, options->level, error);
}

int kwire_batch_builder_begin(struct kwire_batch_builder *builder,
			      const struct kwire_batch_options *options, struct kwire_error *error)
{
	static const struct kwire_batch_options defaults = KWIRE_BATCH_OPTIONS_INIT;
	int result;

	if (options == NULL)
		options = &defaults;
	builder->begun = false;
	result = check(options, error);
	if (result != KWIRE_OK)
		return result;
	if (!kw_growing_reserve(&builder->plain, KW_BATCH_HEADER, INT32_MAX, 0))
		return kw_fail_memory(error);
	builder->options = *options;
	if (builder->options.max_bytes == 0)
		builder->options.max_bytes = INT32_MAX;
	builder->size = KW_BATCH_HEADER;
	builder->count = 0;
	builder->base_timestamp = builder->max_timestamp = -1;
	builder->begun = true;
	return KWIRE_OK;
}

static uint64_t bytes_size(const void *data, int32_t size)
{
	return data == NULL ? 1 : kw_varint_size(kw_zigzag32(size)) + (uint64_t)size;
}

static uint8_t *store_bytes(uint8_t *p, const void *data, int32_t size)
{
	if (data == NULL) {
		*p++ = 1; /* -1, zigzagged */
		return p;
	}
	p = kw_varint_store(p, kw_zigzag32(size));
	if (size > 0)
		memcpy(p, data, (size_t)size);
	return p + size;
}

/*
 * Key, value and headers; 0: a header that cannot be.  In 64 bits everywhere,
 * because headers may share their memory.
 */
static uint64_t parts_size(struct kwire_bytes key, struct kwire_bytes value,
			   const struct kwire_header *headers, int32_t header_count)
{
	uint64_t size = bytes_size(key.data, key.size) + bytes_size(value.data, value.size) +
			kw_varint_size(kw_zigzag32(header_count));

	for (int32_t i = 0; i < header_count; i++) {
		if (headers[i].key.data == NULL || headers[i].key.size < 0 ||
		    (headers[i].value.data != NULL && headers[i].value.size < 0))
			return 0;
		size += bytes_size(headers[i].key.data, headers[i].key.size) +
			bytes_size(headers[i].value.data, headers[i].value.size);
	}
	return size;
}

/* The longest that length, attributes, timestamp and offset can be. */
#define PREFIX_MAX (5 + 1 + 10 + 5)

size_t kwire_record_size_max(struct kwire_bytes key, struct kwire_bytes value,
			     const struct kwire_header *headers, int32_t header_count)
{
	const uint64_t size = parts_size(key, value, headers, header_count) + PREFIX_MAX;

	return size > INT32_MAX ? INT32_MAX : (size_t)size;
}

static int add(struct kwire_batch_builder *builder, int64_t timestamp, struct kwire_bytes key,
	       struct kwire_bytes value, const struct kwire_header *headers, int32_t header_count,
	       struct kwire_error *error)
{
	const size_t max = (size_t)builder->options.max_bytes;
	const int64_t base = builder->count == 0 ? timestamp : builder->base_timestamp;
	const uint64_t timestamp_delta = kw_zigzag64(timestamp - base);
	const uint32_t offset_delta = kw_zigzag32(builder->count);
	uint64_t parts = parts_size(key, value, headers, header_count), body;
	size_t size;
	uint8_t *p;

	if (parts == 0)
		return kw_fail(error, KWIRE_EINVAL, "a header's key must not be null");
	body = 1 + kw_varint_size(timestamp_delta) + kw_varint_size(offset_delta) + parts;
	if (body > INT32_MAX)
		return kw_fail(error, KWIRE_ETOOLARGE, "a record of more than 2 GiB");
	size = kw_varint_size(kw_zigzag32((int32_t)body)) + (size_t)body;
	if (size > max || builder->size > max - size)
		return kw_fail(error, KWIRE_ETOOLARGE,
			       "a record of %zu bytes does not fit into a batch that has %zu of "
			       "%zu bytes",
			       size, builder->size, max);
	if (builder->size + size > builder->plain.capacity &&
	    !kw_growing_reserve(&builder->plain, builder->size + size, INT32_MAX, builder->size))
		return kw_fail_memory(error);
	p = kw_varint_store(builder->plain.data + builder->size, kw_zigzag32((int32_t)body));
	*p++ = 0;
	p = kw_varint_store(p, timestamp_delta);
	p = kw_varint_store(p, offset_delta);
	p = store_bytes(p, key.data, key.size);
	/* Often the next values lie behind this one; memory wants to be asked some of them ahead.
	 */
	if (value.data != NULL)
		kw_prefetch((const void *)((uintptr_t)value.data + KW_PREFETCH_MAX),
			    (size_t)value.size);
	p = store_bytes(p, value.data, value.size);
	p = kw_varint_store(p, kw_zigzag32(header_count));
	for (int32_t i = 0; i < header_count; i++) {
		p = store_bytes(p, headers[i].key.data, headers[i].key.size);
		p = store_bytes(p, headers[i].value.data, headers[i].value.size);
	}
	builder->size += size;
	builder->count++;
	builder->base_timestamp = base;
	if (timestamp > builder->max_timestamp)
		builder->max_timestamp = timestamp;
	return KWIRE_OK;
}

int kwire_batch_builder_add(struct kwire_batch_builder *builder, int64_t timestamp,
			    struct kwire_bytes key, struct kwire_bytes value,
			    const struct kwire_header *headers, int32_t header_count,
			    struct kwire_error *error)
{
	if (!builder->begun)
		return kw_fail(error, KWIRE_EINVAL, "no batch was begun");
	if (builder->options.control)
		return kw_fail(error, KWIRE_EINVAL, "a control batch takes no data");
	if (timestamp < -1)
		return kw_fail(error, KWIRE_EINVAL, "the timestamp %lld is negative",
			       (long long)timestamp);
	if (header_count < 0 || (header_count > 0 && headers == NULL) ||
	    (key.data != NULL && key.size < 0) || (value.data != NULL && value.size < 0))
		return kw_fail(error, KWIRE_EINVAL, "a size or count is negative");
	return add(builder, timestamp, key, value, headers, header_count, error);
}

int kwire_batch_builder_control(struct kwire_batch_builder *builder, int64_t timestamp,
				enum kwire_control_type type, int32_t coordinator_epoch,
				struct kwire_error *error)
{
	uint8_t key[4], value[6];

	if (!builder->begun || !builder->options.control)
		return kw_fail(error, KWIRE_EINVAL, "no control batch was begun");
	if (builder->count > 0)
		return kw_fail(error, KWIRE_EINVAL, "a control batch holds one record");
	if (type != KWIRE_CONTROL_ABORT && type != KWIRE_CONTROL_COMMIT)
		return kw_fail(error, KWIRE_EINVAL, "a transaction ends by abort or commit");
	kw_store_be16(key, 0);
	kw_store_be16(key + 2, (uint16_t)type);
	kw_store_be16(value, 0);
	kw_store_be32(value + 2, (uint32_t)coordinator_epoch);
	return add(builder, timestamp, kwire_bytes_of(key, sizeof(key)),
		   kwire_bytes_of(value, sizeof(value)), NULL, 0, error);
}

int32_t kwire_batch_builder_count(const struct kwire_batch_builder *builder)
{
	return builder->count;
}

size_t kwire_batch_builder_size(const struct kwire_batch_builder *builder)
{
	return builder->begun ? builder->size : 0;
}

size_t kwire_batch_builder_bound(const struct kwire_batch_builder *builder)
{
	if (!builder->begun)
		return 0;
	return KW_BATCH_HEADER +
	       kw_compress_bound(builder->options.codec, builder->size - KW_BATCH_HEADER);
}

static void write_header(const struct kwire_batch_builder *builder, uint8_t *p, size_t size)
{
	const struct kwire_batch_options *options = &builder->options;
	unsigned attributes = (unsigned)options->codec;

	if (options->transactional)
		attributes |= KW_ATTRIBUTE_TRANSACTIONAL;
	if (options->control)
		attributes |= KW_ATTRIBUTE_CONTROL;
	kw_store_be64(p + KW_BATCH_OFFSET, 0);
	kw_store_be32(p + KW_BATCH_LENGTH, (uint32_t)(size - KW_BATCH_PREFIX));
	kw_store_be32(p + KW_BATCH_EPOCH, (uint32_t)-1);
	p[KW_BATCH_MAGIC] = 2;
	kw_store_be16(p + KW_BATCH_ATTRIBUTES, (uint16_t)attributes);
	kw_store_be32(p + KW_BATCH_LAST_DELTA, (uint32_t)builder->count - 1);
	kw_store_be64(p + KW_BATCH_BASE_TIMESTAMP, (uint64_t)builder->base_timestamp);
	kw_store_be64(p + KW_BATCH_MAX_TIMESTAMP, (uint64_t)builder->max_timestamp);
	kw_store_be64(p + KW_BATCH_PRODUCER_ID, (uint64_t)options->producer_id);
	kw_store_be16(p + KW_BATCH_PRODUCER_EPOCH, (uint16_t)options->producer_epoch);
	kw_store_be32(p + KW_BATCH_SEQUENCE, (uint32_t)options->base_sequence);
	kw_store_be32(p + KW_BATCH_COUNT, (uint32_t)builder->count);
	kw_store_be32(p + KW_BATCH_CRC,
		      kw_crc32c(0, p + KW_BATCH_ATTRIBUTES, size - KW_BATCH_ATTRIBUTES));
}

int kwire_batch_builder_end(struct kwire_batch_builder *builder, struct kwire_bytes *batch,
			    struct kwire_error *error)
{
	uint8_t *data = builder->plain.data;
	size_t size = builder->size, bound;
	int result;

	if (!builder->begun)
		return kw_fail(error, KWIRE_EINVAL, "no batch was begun");
	if (builder->count == 0)
		return kw_fail(error, KWIRE_EINVAL, "a batch needs a record");
	if (builder->options.codec != KWIRE_CODEC_NONE) {
		bound = kwire_batch_builder_bound(builder);
		if (!kw_growing_reserve(&builder->packed, bound, SIZE_MAX, 0))
			return kw_fail_memory(error);
		data = builder->packed.data;
		result = kw_compress(&builder->codecs, builder->options.codec,
				     builder->options.level, 0,
				     builder->plain.data + KW_BATCH_HEADER,
				     builder->size - KW_BATCH_HEADER, data + KW_BATCH_HEADER,
				     builder->packed.capacity - KW_BATCH_HEADER, &size, error);
		if (result != KWIRE_OK)
			return result;
		size += KW_BATCH_HEADER;
		if (size > INT32_MAX)
			return kw_fail(error, KWIRE_ETOOLARGE, "a batch of %zu bytes", size);
	}
	write_header(builder, data, size);
	builder->begun = false;
	*batch = kwire_bytes_of(data, size);
	return KWIRE_OK;
}
