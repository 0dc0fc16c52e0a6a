/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 and SHA-512 of FIPS 180-4, for builds without mbedTLS (TLS=0), so
 * that SCRAM works there too.  Called by crypto.c only.
 */
#ifndef KW_SASL_SHA2_H
#define KW_SASL_SHA2_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kw_sha2 {
	bool wide;         /* SHA-512 */
	uint64_t words[8]; /* of 32 bits in SHA-256 */
	uint64_t size;     /* bytes so far */
	uint8_t block[128];
};

void kw_sha2_start(struct kw_sha2 *sha2, bool wide);
void kw_sha2_add(struct kw_sha2 *sha2, const void *data, size_t size);
void kw_sha2_finish(struct kw_sha2 *sha2, uint8_t *digest);

#endif
