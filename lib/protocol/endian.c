/* SPDX-License-Identifier: Apache-2.0 */
/* See endian.h: its functions, where they are called after all. */
#include "endian.h"

extern inline uint16_t kw_load16(const uint8_t *at);
extern inline uint32_t kw_load32(const uint8_t *at);
extern inline uint64_t kw_load64(const uint8_t *at);
extern inline void kw_store16(uint8_t *at, uint16_t value);
extern inline void kw_store32(uint8_t *at, uint32_t value);
extern inline void kw_store64(uint8_t *at, uint64_t value);
