/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What brokers do with batches: the records of control batches, and the stamp
 * that a leader puts on what it appends.  Called by users, by the filter of the
 * fetch helpers and by the mock.
 */
#include "../base/error.h"
#include "batch.h"
#include "crc.h"
#include "varint.h"

int kwire_control_read(const struct kwire_record *record, struct kwire_control *control,
		       struct kwire_error *error)
{
	const struct kwire_bytes *key = &record->key, *value = &record->value;

	if (key->data == NULL || key->size < 4 || (int16_t)kw_load_be16(key->data) < 0)
		return kw_fail_in(error, KWIRE_EDECODE, KWIRE_PHASE_DECODE,
				  "record at offset %lld: no control record",
				  (long long)record->offset);
	/* A later version may only have more in it. */
	control->version = (int16_t)kw_load_be16(key->data);
	control->type = (int16_t)kw_load_be16(key->data + 2);
	control->coordinator_epoch = -1;
	if (control->type == KWIRE_CONTROL_ABORT || control->type == KWIRE_CONTROL_COMMIT)
		if (value->data != NULL && value->size >= 6)
			control->coordinator_epoch = (int32_t)kw_load_be32(value->data + 2);
	return KWIRE_OK;
}
