/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Big-endian loads and stores at any alignment.  Compilers turn each into one
 * load or store and a byte swap.
 */
#ifndef KW_ENDIAN_H
#define KW_ENDIAN_H

#include <stdint.h>

inline uint16_t kw_load16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

inline uint32_t kw_load32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

inline uint64_t kw_load64(const uint8_t *at)
{
	return (uint64_t)kw_load32(at) << 32 | kw_load32(at + 4);
}

inline void kw_store16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

inline void kw_store32(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 24);
	at[1] = (uint8_t)(value >> 16);
	at[2] = (uint8_t)(value >> 8);
	at[3] = (uint8_t)value;
}

inline void kw_store64(uint8_t *at, uint64_t value)
{
	kw_store32(at, (uint32_t)(value >> 32));
	kw_store32(at + 4, (uint32_t)value);
}

#endif
