/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows read_* and write_*: 64 MiB of records in batches of 64 KiB, by codec and
 * size of record.  Reading goes through every batch, record, key and value; its
 * limit is CRC-32C plus the bare decompressor over the same batches.  Writing
 * adds every record; its limit is the bare compressor over the same records plus
 * CRC-32C over what came out.  For records of 100 bytes the limit's checksum
 * runs in a single stream.  Each round measures both ways; medians of rounds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lz4frame.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

#include <kwire/records.h>

#include "streams.h"
#include "records/crc.h"

#define TOTAL       ((size_t)64 << 20)
#define BATCH_BYTES (64 << 10)
#define FIELD       16 /* batches: 1 MiB, as a consumer asks of a partition */
#define LOG_SIZE    (TOTAL + TOTAL / 4)
#define MAX_BATCHES (TOTAL / BATCH_BYTES * 2)
#define SNAPPY_HEAD 16
#define CHUNK       ((size_t)32 << 10)

struct work {
	enum kwire_codec codec;
	size_t record_size;
	uint8_t *values; /* TOTAL bytes, cut into records */
	size_t count;
	uint8_t *log;
	size_t log_size;
	struct kwire_bytes *batches; /* in the log */
	uint8_t **plain;             /* the record section of each, uncompressed */
	size_t *plain_sizes;
	size_t batch_count;
	struct kwire_batch_reader *reader;
	struct kwire_batch_builder *builder;
	uint32_t (*sum)(uint32_t crc, const void *data, size_t size);
	z_stream inflater;
	z_stream deflater;
	LZ4F_dctx *unlz4;
	LZ4F_cctx *lz4;
	ZSTD_DCtx *unzstd;
	ZSTD_CCtx *zstd;
	uint8_t *scratch; /* output of the bare codecs */
	size_t scratch_size;
};

static volatile uint64_t sink;

static void must(int result, const char *what)
{
	if (result < 0)
		bench_die("%s: %s", what, kwire_result_text(result));
}

static struct kwire_bytes value_at(const struct work *work, size_t i)
{
	return kwire_bytes_of(work->values + i * work->record_size, work->record_size);
}

/* Writes all records; each batch goes to `done`. */
static void write_all(struct work *work, void (*done)(struct work *work, struct kwire_bytes batch))
{
	static const struct kwire_bytes null = {NULL, 0};
	struct kwire_batch_options options = KWIRE_BATCH_OPTIONS_INIT;
	struct kwire_bytes batch;
	size_t i = 0;

	options.codec = work->codec;
	options.max_bytes = BATCH_BYTES;
	while (i < work->count) {
		must(kwire_batch_builder_begin(work->builder, &options, NULL), "begin");
		while (i < work->count &&
		       kwire_batch_builder_add(work->builder, 1700000000000 + (int64_t)i, null,
					       value_at(work, i), NULL, 0, NULL) == 0)
			i++;
		must(kwire_batch_builder_end(work->builder, &batch, NULL), "end");
		done(work, batch);
	}
}

/* Batches lie one behind the other, as a Fetch response has them. */
static void keep(struct work *work, struct kwire_bytes batch)
{
	uint8_t *copy = work->log + work->log_size;

	if (work->log_size + (size_t)batch.size > LOG_SIZE || work->batch_count == MAX_BATCHES)
		bench_die("too many batches");
	memcpy(copy, batch.data, (size_t)batch.size);
	work->log_size += (size_t)batch.size;
	work->batches[work->batch_count++] = kwire_bytes_of(copy, (size_t)batch.size);
}

static void drop(struct work *work, struct kwire_bytes batch)
{
	(void)work;
	sink += (uint64_t)batch.size;
}

/* A records field of `end - begin` batches. */
static void read_field(struct work *work, size_t begin, size_t end)
{
	const struct kwire_bytes *last = &work->batches[end - 1];
	const uint8_t *p = work->batches[begin].data;
	struct kwire_batch batch;
	struct kwire_record record;
	size_t batches = 0;
	uint64_t sum = 0;

	kwire_batch_reader_start(work->reader,
				 kwire_bytes_of(p, (size_t)(last->data + last->size - p)));
	for (; kwire_batch_reader_next(work->reader, &batch, NULL) > 0; batches++)
		while (kwire_batch_reader_record(work->reader, &record, NULL) > 0)
			sum += (uint64_t)record.value.size + (uint64_t)record.offset;
	if (batches != end - begin)
		bench_die("a batch was lost");
	sink += sum;
}

static double read_kwire(void *context, int count)
{
	struct work *work = context;
	double start = bench_now();

	while (count-- > 0)
		for (size_t i = 0; i < work->batch_count; i += FIELD)
			read_field(work, i,
				   i + FIELD < work->batch_count ? i + FIELD : work->batch_count);
	return bench_now() - start;
}

static void bare_snappy(struct work *work, const uint8_t *p, size_t size)
{
	const uint8_t *end = p + size;
	uint8_t *target = work->scratch;

	for (p += SNAPPY_HEAD; p < end;) {
		size_t length = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
		size_t room = work->scratch_size - (size_t)(target - work->scratch);

		if (snappy_uncompress((const char *)p + 4, length, (char *)target, &room) !=
		    SNAPPY_OK)
			bench_die("snappy");
		target += room;
		p += 4 + length;
	}
}

static void bare_decompress(struct work *work, const uint8_t *p, size_t size)
{
	size_t room = work->scratch_size, taken = size;

	switch (work->codec) {
	case KWIRE_CODEC_GZIP:
		inflateReset(&work->inflater);
		work->inflater.next_in = (Bytef *)(uintptr_t)p;
		work->inflater.avail_in = (uInt)size;
		work->inflater.next_out = work->scratch;
		work->inflater.avail_out = (uInt)room;
		if (inflate(&work->inflater, Z_FINISH) != Z_STREAM_END)
			bench_die("gzip");
		break;
	case KWIRE_CODEC_SNAPPY:
		bare_snappy(work, p, size);
		break;
	case KWIRE_CODEC_LZ4:
		if (LZ4F_decompress(work->unlz4, work->scratch, &room, p, &taken, NULL) != 0)
			bench_die("lz4");
		break;
	case KWIRE_CODEC_ZSTD:
		if (ZSTD_isError(ZSTD_decompressDCtx(work->unzstd, work->scratch, room, p, size)))
			bench_die("zstd");
		break;
	case KWIRE_CODEC_NONE:
	default:
		break;
	}
}

static double read_limit(void *context, int count)
{
	struct work *work = context;
	double start = bench_now();

	while (count-- > 0)
		for (size_t i = 0; i < work->batch_count; i++) {
			const uint8_t *p = work->batches[i].data;
			size_t size = (size_t)work->batches[i].size;

			sink += work->sum(0, p + 21, size - 21);
			bare_decompress(work, p + 61, size - 61);
		}
	return bench_now() - start;
}

static double write_kwire(void *context, int count)
{
	double start = bench_now();

	while (count-- > 0)
		write_all(context, drop);
	return bench_now() - start;
}

static size_t bare_compress(struct work *work, const uint8_t *p, size_t size)
{
	LZ4F_preferences_t preferences = LZ4F_INIT_PREFERENCES;
	size_t room = work->scratch_size, used = 0;

	switch (work->codec) {
	case KWIRE_CODEC_GZIP:
		deflateReset(&work->deflater);
		work->deflater.next_in = (Bytef *)(uintptr_t)p;
		work->deflater.avail_in = (uInt)size;
		work->deflater.next_out = work->scratch;
		work->deflater.avail_out = (uInt)room;
		if (deflate(&work->deflater, Z_FINISH) != Z_STREAM_END)
			bench_die("gzip");
		return room - work->deflater.avail_out;
	case KWIRE_CODEC_SNAPPY:
		while (size > 0) {
			size_t piece = size < CHUNK ? size : CHUNK, length = room - used;

			snappy_compress((const char *)p, piece, (char *)work->scratch + used,
					&length);
			used += length;
			p += piece;
			size -= piece;
		}
		return used;
	case KWIRE_CODEC_LZ4:
		preferences.frameInfo.blockMode = LZ4F_blockIndependent;
		used = LZ4F_compressBegin(work->lz4, work->scratch, room, &preferences);
		used += LZ4F_compressUpdate(work->lz4, work->scratch + used, room - used, p, size,
					    NULL);
		used += LZ4F_compressEnd(work->lz4, work->scratch + used, room - used, NULL);
		return used;
	case KWIRE_CODEC_ZSTD:
		return ZSTD_compressCCtx(work->zstd, work->scratch, room, p, size, 3);
	case KWIRE_CODEC_NONE:
	default:
		/* The compressor that changes nothing: records come from somewhere else. */
		memcpy(work->scratch, p, size);
		return size;
	}
}

static double write_limit(void *context, int count)
{
	struct work *work = context;
	double start = bench_now();

	while (count-- > 0)
		for (size_t i = 0; i < work->batch_count; i++) {
			size_t size = bare_compress(work, work->plain[i], work->plain_sizes[i]);

			sink += work->sum(0, work->scratch, size);
		}
	return bench_now() - start;
}

/* The uncompressed record section of each batch: what the bare compressors are given. */
static void keep_plain(struct work *work)
{
	for (size_t i = 0; i < work->batch_count; i++) {
		const uint8_t *p = work->batches[i].data + 61;
		size_t size = (size_t)work->batches[i].size - 61;

		work->plain[i] = malloc(size);
		if (work->plain[i] == NULL)
			bench_die("no memory");
		memcpy(work->plain[i], p, size);
		work->plain_sizes[i] = size;
	}
}

static void drop_batches(struct work *work)
{
	work->batch_count = work->log_size = 0;
}

static void measure(struct work *work, const char *direction,
		    double (*kwire)(void *context, int count),
		    double (*limit)(void *context, int count))
{
	struct bench_row row = {0};
	double ours[32], theirs[32], ratios[32];
	int rounds = bench_options.rounds < 32 ? bench_options.rounds : 32;

	snprintf(row.name, sizeof(row.name), "%s_%s_%zu", direction, kwire_codec_name(work->codec),
		 work->record_size);
	if (!bench_wants(row.name))
		return;
	kwire(work, 1);
	limit(work, 1);
	for (int i = 0; i < rounds; i++) {
		ours[i] = (double)TOTAL / 1e6 / kwire(work, 1);
		theirs[i] = (double)TOTAL / 1e6 / limit(work, 1);
		ratios[i] = ours[i] / theirs[i];
	}
	row.unit = "MB/s";
	row.value = bench_median(ours, rounds);
	row.limit = bench_median(theirs, rounds);
	row.ratio = bench_median(ratios, rounds);
	row.low = ratios[0];
	row.high = ratios[rounds - 1];
	row.goal = work->record_size >= 1024 ? 0.80 : 0.50;
	bench_add(&row);
}

static uint32_t (*single_stream(void))(uint32_t crc, const void *data, size_t size)
{
	for (size_t i = 0; kw_crc32c_form(i) != NULL; i++)
		if (strstr(kw_crc32c_form(i)->name, "three") == NULL)
			return kw_crc32c_form(i)->sum;
	return kw_crc32c;
}

static void measure_size(struct work *work, size_t record_size)
{
	work->record_size = record_size;
	work->count = TOTAL / record_size;
	work->sum = record_size >= 1024 ? kw_crc32c : single_stream();
	work->codec = KWIRE_CODEC_NONE;
	write_all(work, keep);
	keep_plain(work);
	for (int codec = 0; codec <= KWIRE_CODEC_ZSTD; codec++) {
		if (!kwire_codec_built((enum kwire_codec)codec))
			continue;
		drop_batches(work);
		work->codec = (enum kwire_codec)codec;
		write_all(work, keep);
		measure(work, "read", read_kwire, read_limit);
		measure(work, "write", write_kwire, write_limit);
	}
	for (size_t i = 0; i < work->batch_count; i++)
		free(work->plain[i]);
	drop_batches(work);
}

void bench_records(void)
{
	struct work work = {0};

	if (!bench_wants("read_") && !bench_wants("write_"))
		return;
	work.values = malloc(TOTAL);
	work.log = malloc(LOG_SIZE);
	work.batches = calloc(MAX_BATCHES, sizeof(*work.batches));
	work.plain = calloc(MAX_BATCHES, sizeof(*work.plain));
	work.plain_sizes = calloc(MAX_BATCHES, sizeof(*work.plain_sizes));
	work.scratch_size = 4 * BATCH_BYTES;
	work.scratch = malloc(work.scratch_size);
	if (work.values == NULL || work.log == NULL || work.batches == NULL || work.plain == NULL ||
	    work.plain_sizes == NULL || work.scratch == NULL)
		bench_die("no memory");
	bench_fill(work.values, TOTAL);
	must(kwire_batch_reader_new(NULL, &work.reader, NULL), "reader");
	must(kwire_batch_builder_new(NULL, &work.builder, NULL), "builder");
	if (inflateInit2(&work.inflater, 31) != Z_OK ||
	    deflateInit2(&work.deflater, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 31, 8, 0) != Z_OK)
		bench_die("zlib");
	LZ4F_createDecompressionContext(&work.unlz4, LZ4F_VERSION);
	LZ4F_createCompressionContext(&work.lz4, LZ4F_VERSION);
	work.unzstd = ZSTD_createDCtx();
	work.zstd = ZSTD_createCCtx();
	measure_size(&work, 1024);
	measure_size(&work, 100);
	kwire_batch_reader_free(work.reader);
	kwire_batch_builder_free(work.builder);
	inflateEnd(&work.inflater);
	deflateEnd(&work.deflater);
	LZ4F_freeDecompressionContext(work.unlz4);
	LZ4F_freeCompressionContext(work.lz4);
	ZSTD_freeDCtx(work.unzstd);
	ZSTD_freeCCtx(work.zstd);
	free(work.values);
	free(work.log);
	free(work.batches);
	free(work.plain);
	free(work.plain_sizes);
	free(work.scratch);
}
