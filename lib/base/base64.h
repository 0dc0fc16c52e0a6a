/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Base64 of RFC 4648, for SCRAM's attributes, OAuth's tokens and certificates
 * from memory.
 */
#ifndef KW_BASE64_H
#define KW_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Padded; `url`: its other alphabet, unpadded. */
size_t kw_base64_size(size_t size); /* of the text, NUL included */
size_t kw_base64_encode(const void *data, size_t size, bool url, char *text);

/*
 * Strict: no spaces, padding required, no bits left over.  `data` needs
 * size / 4 * 3 bytes.  False: not base64.
 */
bool kw_base64_decode(const char *text, size_t size, uint8_t *data, size_t *data_size);

#endif
