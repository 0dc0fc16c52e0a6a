/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checksums of record batches: CRC-32C (magic 2) and CRC-32 as zlib has it
 * (magic 0 and 1).  Called by the batch readers and the builder.  Bytes in, a
 * number out; knows nothing of batches.
 */
#ifndef KW_CRC_H
#define KW_CRC_H

#include <stddef.h>
#include <stdint.h>

/*
 * The CRC-32C of what `crc` was the sum of (0: nothing) followed by `size`
 * bytes at `data`.  The fastest form that this processor has.  Any thread.
 */
uint32_t kw_crc32c(uint32_t crc, const void *data, size_t size);

/* The same of CRC-32 (IEEE 802.3), by tables: only old data needs it. */
uint32_t kw_crc32(uint32_t crc, const void *data, size_t size);

/* One form of CRC-32C, for tests and benchmarks. */
struct kw_crc32c_form {
	const char *name;
	uint32_t (*sum)(uint32_t crc, const void *data, size_t size);
};

/* The forms that this processor can run, the best one first; NULL past the last. */
const struct kw_crc32c_form *kw_crc32c_form(size_t index);

/* Between the files of the checksum: NULL, or a form, where the processor has it. */
const struct kw_crc32c_form *kw_crc32c_x86(void);
const struct kw_crc32c_form *kw_crc32c_x86_single(void);
const struct kw_crc32c_form *kw_crc32c_arm(void);

#endif
