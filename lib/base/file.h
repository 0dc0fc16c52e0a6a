/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a small file whole: certificates, keys, passwords, tokens.  Knows
 * nothing of what stands in it.
 */
#ifndef KW_FILE_H
#define KW_FILE_H

#include <stdint.h>

#include <kwire/result.h>

#include "memory.h"

/*
 * The bytes of the file at `path`, at most `max_size`, and a NUL behind them,
 * in one block; wipe it where it holds a secret.  No copy is left elsewhere.
 * `what` names the file in errors (KWIRE_ECONFIG).
 */
int kw_file_read(struct kw_memory *memory, const char *path, size_t max_size, const char *what,
		 uint8_t **data, size_t *size, struct kwire_error *error);

#endif
